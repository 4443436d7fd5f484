//! A run as a safetensors file.
//!
//! Tensors `parameter/…`, `best/…` and `optimizer/…` hold the numbers; the
//! metadata says what they belong to: format version, model, registry, data
//! order, and where the run stands. Numbers in the metadata that are no counts
//! are written as their bits, so NaN and infinities come back too.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tensegrity_tensor::file::safetensors::{Raw, RawTensor, read_raw, write_raw};
use tensegrity_tensor::{Array, DType, Tensor};

use super::{Best, Counts, Evaluation, History, LossCurve, Trainer};
use crate::{Error, Float, Registry, Result, State, Stored};

/// Marks the file.
const FORMAT: &str = "tensegrity-checkpoint";
/// The version written and read.
const VERSION: &str = "1";

/// What a checkpoint belongs to; all of it must agree.
#[derive(Debug, Serialize, Deserialize)]
struct Identity {
    model: String,
    elements: String,
    registry: Registry,
    examples: usize,
    batch: usize,
    shuffle: bool,
    drop_last: bool,
    seed: u64,
}

/// Where a run stands. `bits` are those of an `f64`.
#[derive(Debug, Serialize, Deserialize)]
struct Standing {
    counts: Counts,
    epoch: u64,
    position: usize,
    waited: u64,
    seconds_bits: u64,
    recent_bits: u64,
    recent_count: u64,
    /// Bits of the best value, and its step.
    best: Option<(u64, u64)>,
    curve: SavedCurve,
    evaluations: Vec<SavedEvaluation>,
    optimizer: SavedState,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedCurve {
    stride: u64,
    sum_bits: u64,
    finite: u64,
    seen: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedEvaluation {
    step: u64,
    epoch: u64,
    /// Name and bits.
    metrics: Vec<(String, u64)>,
}

/// An optimiser's state without its numbers.
#[derive(Debug, Serialize, Deserialize)]
struct SavedState {
    format: u32,
    method: String,
    parameters: Vec<(String, Vec<usize>)>,
    counts: Vec<(String, u64)>,
    arrays: Vec<String>,
}

/// A tensor ready to be written.
struct Entry {
    name: String,
    dtype: DType,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Entry {
    fn new(name: String, stored: &Stored, shape: &[usize]) -> Option<Self> {
        let (dtype, bytes) = match stored {
            Stored::F32(values) => (
                DType::F32,
                values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            ),
            Stored::F64(values) => (
                DType::F64,
                values.iter().flat_map(|x| x.to_le_bytes()).collect(),
            ),
            Stored::Count(_) => return None,
        };
        Some(Self {
            name,
            dtype,
            shape: shape.to_vec(),
            bytes,
        })
    }

    fn values(name: String, stored: &Stored) -> Option<Self> {
        let length = match stored {
            Stored::F32(values) => values.len(),
            Stored::F64(values) => values.len(),
            Stored::Count(_) => return None,
        };
        Self::new(name, stored, &[length])
    }
}

impl<T: Float> Trainer<T> {
    /// Saves the run; a previous file is replaced as a whole or not at all.
    ///
    /// # Errors
    /// [`Error::Option`] before the first batch of a run whose data is not
    /// known yet; [`Error::Tensor`] if the file cannot be written.
    pub fn save(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let identity = self.identity()?;
        let state = self.optimizer.state();
        let (standing, entries) = self.standing(&state);
        let text = |value: serde_json::Result<String>| {
            value.map_err(|error| refused(path, error.to_string()))
        };
        let identity = text(serde_json::to_string(&identity))?;
        let standing = text(serde_json::to_string(&standing))?;
        let tensors: Vec<RawTensor<'_>> = entries
            .iter()
            .map(|entry| RawTensor {
                name: &entry.name,
                dtype: entry.dtype,
                shape: &entry.shape,
                bytes: &entry.bytes,
            })
            .collect();
        let metadata = [
            ("format", FORMAT),
            ("version", VERSION),
            ("identity", identity.as_str()),
            ("standing", standing.as_str()),
        ];
        Ok(write_raw(path, &tensors, &metadata)?)
    }

    /// Puts a saved run in place of this one, which must be of the same model,
    /// registry, method, data and order. How long to train, what to watch, rates
    /// and schedules are not part of a checkpoint: they are this trainer's.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] for a file that is no checkpoint, is damaged, or is
    /// of another version or run (it says what differs); [`Error::State`] for
    /// one of another method; [`Error::Tensor`] if the file cannot be read. This
    /// run is then unchanged.
    pub fn resume(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let raw = read_raw(path)?;
        let problem = |problem: &str| refused(path, problem.to_owned());
        if raw.metadata_value("format") != Some(FORMAT) {
            return Err(problem(
                "is no checkpoint; give a file written by a training run",
            ));
        }
        let version = raw.metadata_value("version").unwrap_or("none");
        if version != VERSION {
            return Err(refused(
                path,
                format!(
                    "has version {version}, this program reads {VERSION}; resume with the \
                     program that wrote it"
                ),
            ));
        }
        let damaged =
            |what: String| refused(path, format!("is damaged: {what}; resume from another one"));
        let parsed = |key: &str| {
            raw.metadata_value(key)
                .ok_or_else(|| damaged(format!("no {key}")))
        };
        let theirs: Identity = serde_json::from_str(parsed("identity")?)
            .map_err(|error| damaged(error.to_string()))?;
        let standing: Standing = serde_json::from_str(parsed("standing")?)
            .map_err(|error| damaged(error.to_string()))?;
        if let Some(differs) = self.difference(&theirs) {
            return Err(refused(path, differs));
        }

        let specs = self.registry.parameters();
        let weights = |prefix: &str| -> Result<Vec<Tensor<T>>> {
            specs
                .iter()
                .map(|spec| {
                    let name = format!("{prefix}/{}", spec.name);
                    let values = stored::<T>(&raw, &name).map_err(&damaged)?;
                    Tensor::from_vec(values, &spec.shape)
                        .map_err(|error| damaged(error.to_string()))
                })
                .collect()
        };
        let parameters = weights("parameter")?;
        let best = match standing.best {
            Some((bits, step)) => Some(Best {
                value: f64::from_bits(bits),
                step,
                parameters: weights("best")?,
            }),
            None => None,
        };
        let means = stored::<f64>(&raw, "curve").map_err(&damaged)?;
        let mut sampler = self.new_sampler(theirs.examples);
        if standing.position >= sampler.examples {
            return Err(damaged(format!("position {}", standing.position)));
        }
        if standing.curve.stride == 0 || standing.curve.seen >= standing.curve.stride {
            return Err(damaged("the curve's stride".into()));
        }
        (sampler.epoch, sampler.position) = (standing.epoch, standing.position);
        let state = state(&raw, &standing.optimizer).map_err(&damaged)?;

        // Checks everything before it changes anything; nothing fails after it.
        self.optimizer.restore(&state)?;
        self.parameters = parameters;
        self.best = best;
        self.sampler = Some(sampler);
        self.counts = standing.counts;
        self.waited = standing.waited;
        self.seconds = f64::from_bits(standing.seconds_bits);
        self.recent = (f64::from_bits(standing.recent_bits), standing.recent_count);
        self.history = History {
            losses: LossCurve {
                stride: standing.curve.stride,
                means,
                sum: f64::from_bits(standing.curve.sum_bits),
                finite: standing.curve.finite,
                seen: standing.curve.seen,
            },
            evaluations: standing.evaluations.into_iter().map(evaluation).collect(),
        };
        Ok(())
    }

    fn identity(&self) -> Result<Identity> {
        let Some(sampler) = &self.sampler else {
            return Err(Error::Option {
                method: "trainer",
                option: "checkpoint",
                value: "asked for before the first batch".into(),
                wanted: "save after it: the data is not known yet",
            });
        };
        Ok(Identity {
            model: self.model.clone(),
            elements: T::DTYPE.name().to_owned(),
            registry: self.registry.clone(),
            examples: sampler.examples,
            batch: sampler.batch,
            shuffle: sampler.shuffle,
            drop_last: sampler.drop_last,
            seed: sampler.seed,
        })
    }

    /// The first thing in which a checkpoint is of another run.
    fn difference(&self, theirs: &Identity) -> Option<String> {
        let differ = |what: &str, theirs: &dyn std::fmt::Display, ours: &dyn std::fmt::Display| {
            Some(format!(
                "is of {what} {theirs}, this run has {ours}; resume it with what it was saved from"
            ))
        };
        let options = &self.options;
        if theirs.model != self.model {
            return differ("model", &theirs.model, &self.model);
        }
        if theirs.elements != T::DTYPE.name() {
            return differ("element type", &theirs.elements, &T::DTYPE.name());
        }
        let (left, right) = (theirs.registry.parameters(), self.registry.parameters());
        if left.len() != right.len() {
            return differ("a parameter count of", &left.len(), &right.len());
        }
        for (left, right) in left.iter().zip(right) {
            if left != right {
                return differ("parameter", &format!("{left:?}"), &format!("{right:?}"));
            }
        }
        let batch = options.batch.min(theirs.examples);
        if theirs.batch != batch {
            return differ("batch size", &theirs.batch, &batch);
        }
        if theirs.seed != options.seed {
            return differ("seed", &theirs.seed, &options.seed);
        }
        if theirs.shuffle != options.shuffle {
            return differ("shuffle", &theirs.shuffle, &options.shuffle);
        }
        if theirs.drop_last != options.drop_last {
            return differ("drop_last", &theirs.drop_last, &options.drop_last);
        }
        match &self.sampler {
            Some(sampler) if sampler.examples != theirs.examples => {
                differ("a data size of", &theirs.examples, &sampler.examples)
            }
            _ if theirs.examples == 0 => differ("a data size of", &0, &"more"),
            _ => None,
        }
    }

    fn standing(&self, state: &State) -> (Standing, Vec<Entry>) {
        let mut entries = Vec::new();
        let sets = [
            ("parameter", Some(&self.parameters)),
            ("best", self.best.as_ref().map(|best| &best.parameters)),
        ];
        for (prefix, tensors) in sets {
            for (spec, tensor) in self
                .registry
                .parameters()
                .iter()
                .zip(tensors.into_iter().flatten())
            {
                let name = format!("{prefix}/{}", spec.name);
                entries.extend(Entry::new(name, &T::store(tensor.as_slice()), &spec.shape));
            }
        }
        let mut saved = SavedState {
            format: state.format,
            method: state.method.clone(),
            parameters: state.parameters.clone(),
            counts: Vec::new(),
            arrays: Vec::new(),
        };
        for (key, stored) in &state.entries {
            match stored {
                Stored::Count(count) => saved.counts.push((key.clone(), *count)),
                values => {
                    saved.arrays.push(key.clone());
                    entries.extend(Entry::values(format!("optimizer/{key}"), values));
                }
            }
        }
        let losses = &self.history.losses;
        let curve = Stored::F64(losses.means.clone());
        entries.extend(Entry::values("curve".into(), &curve));
        let (epoch, position) = self
            .sampler
            .as_ref()
            .map_or((0, 0), |sampler| (sampler.epoch, sampler.position));
        let standing = Standing {
            counts: self.counts,
            epoch,
            position,
            waited: self.waited,
            seconds_bits: self.seconds.to_bits(),
            recent_bits: self.recent.0.to_bits(),
            recent_count: self.recent.1,
            best: self
                .best
                .as_ref()
                .map(|best| (best.value.to_bits(), best.step)),
            curve: SavedCurve {
                stride: losses.stride,
                sum_bits: losses.sum.to_bits(),
                finite: losses.finite,
                seen: losses.seen,
            },
            evaluations: self
                .history
                .evaluations
                .iter()
                .map(saved_evaluation)
                .collect(),
            optimizer: saved,
        };
        (standing, entries)
    }
}

fn refused(path: &Path, problem: String) -> Error {
    Error::Checkpoint {
        path: path.to_owned(),
        problem,
    }
}

fn saved_evaluation(evaluation: &Evaluation) -> SavedEvaluation {
    let metrics = evaluation.metrics.iter();
    SavedEvaluation {
        step: evaluation.step,
        epoch: evaluation.epoch,
        metrics: metrics
            .map(|(name, value)| (name.clone(), value.to_bits()))
            .collect(),
    }
}

fn evaluation(saved: SavedEvaluation) -> Evaluation {
    let metrics = saved.metrics.into_iter();
    Evaluation {
        step: saved.step,
        epoch: saved.epoch,
        metrics: metrics
            .map(|(name, bits)| (name, f64::from_bits(bits)))
            .collect(),
    }
}

/// Numbers of one element type, or what is wrong with them.
fn stored<T: Float>(raw: &Raw, name: &str) -> std::result::Result<Vec<T>, String> {
    let values = numbers(raw, name)?;
    let found = T::stored(&values).map(<[T]>::to_vec);
    found.ok_or_else(|| format!("tensor {name:?} has another element type"))
}

fn numbers(raw: &Raw, name: &str) -> std::result::Result<Stored, String> {
    match raw.array(name, true).map_err(|error| error.to_string())? {
        Array::F32(tensor) => Ok(Stored::F32(tensor.into_vec())),
        Array::F64(tensor) => Ok(Stored::F64(tensor.into_vec())),
        other => Err(format!("tensor {name:?} is {}", other.dtype())),
    }
}

fn state(raw: &Raw, saved: &SavedState) -> std::result::Result<State, String> {
    let counts = saved.counts.iter();
    let mut entries: std::collections::BTreeMap<String, Stored> = counts
        .map(|(key, count)| (key.clone(), Stored::Count(*count)))
        .collect();
    for key in &saved.arrays {
        entries.insert(key.clone(), numbers(raw, &format!("optimizer/{key}"))?);
    }
    Ok(State {
        format: saved.format,
        method: saved.method.clone(),
        parameters: saved.parameters.clone(),
        entries,
    })
}
