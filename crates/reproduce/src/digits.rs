//! Handwritten digits, and networks of tanh layers trained on them.

use std::path::Path;

use tensegrity_grad::{Variable, einsum, gradients, unrecorded};
use tensegrity_linalg::qr;
use tensegrity_optim::{
    Method, NonFinite, ParameterSpec, Registry, Role, Schedule, Settings, build,
};
use tensegrity_tensor::{Array, SplitMix64, Tensor, file};

use crate::{Error, Result};

const BATCH: usize = 256;

/// Steps between two looks at the loss of all data.
pub(crate) const LOOK: usize = 10;

/// The images, n×64 with values in [0, 1], and the digit of each.
pub(crate) struct Digits {
    pub(crate) images: Tensor<f32>,
    pub(crate) labels: Vec<usize>,
}

fn failed<E: Into<Box<dyn std::error::Error + Send + Sync>>>(error: E) -> Error {
    Error::computing("training on digits")(error)
}

impl Digits {
    /// Reads `digits.csv`: 64 pixels from 0 to 16 and the digit in each row.
    pub(crate) fn read(data: &Path) -> Result<Self> {
        let path = data.join("digits.csv");
        let wrong = |problem: String| Error::Data {
            path: path.clone(),
            problem,
        };
        let loaded = file::read_one(&path, None).map_err(|error| wrong(error.to_string()))?;
        let table = match loaded.array {
            Array::F64(table) => table,
            Array::I64(table) => table.map(|x| x as f64),
            other => return Err(wrong(format!("holds {}, not real numbers", other.dtype()))),
        };
        let &[rows, 65] = table.shape() else {
            return Err(wrong(format!(
                "has shape {:?}; 65 columns are needed: 64 pixels and the digit",
                table.shape()
            )));
        };
        let (mut pixels, mut labels) = (Vec::with_capacity(64 * rows), Vec::with_capacity(rows));
        for row in table.as_slice().chunks_exact(65) {
            if row.iter().any(|x| !(0.0..=16.0).contains(x)) || row[64] > 9.0 {
                return Err(wrong("holds a pixel above 16 or a class above 9".into()));
            }
            pixels.extend(row[..64].iter().map(|x| (x / 16.0) as f32));
            labels.push(row[64] as usize);
        }
        Ok(Self {
            images: Tensor::from_vec(pixels, &[rows, 64]).map_err(failed)?,
            labels,
        })
    }
}

/// What a network learns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// To give back the image: mean squared error of a pixel.
    Reconstruct,
    /// To name the digit: cross entropy in nats.
    Classify,
}

/// How weights begin.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// Normal numbers of variance 1/d_in.
    Normal,
    /// Semi-orthogonal matrices of RMS→RMS norm one.
    Orthogonal,
}

/// A network of fully connected layers, tanh between them.
pub(crate) struct Network<'a> {
    digits: &'a Digits,
    task: Task,
    registry: Registry,
    start: Vec<Tensor<f32>>,
    seed: u64,
}

impl<'a> Network<'a> {
    /// Layers between these widths, with biases where the task is to
    /// reconstruct.
    pub(crate) fn new(
        digits: &'a Digits,
        task: Task,
        widths: &[usize],
        start: Start,
        seed: u64,
    ) -> Result<Self> {
        let mut numbers = SplitMix64::new(seed);
        let mut registry = Registry::new();
        let mut values = Vec::new();
        for (layer, pair) in widths.windows(2).enumerate() {
            let shape = [pair[1], pair[0]];
            let mut spec = ParameterSpec::new(format!("weight {layer}"), &shape);
            if task == Task::Classify && layer + 2 == widths.len() {
                spec = spec.role(Role::Head);
            }
            registry.add(spec).map_err(failed)?;
            values.push(begin(start, shape, &mut numbers)?);
            if task == Task::Reconstruct {
                let name = format!("bias {layer}");
                registry
                    .add(ParameterSpec::new(name, &shape[..1]))
                    .map_err(failed)?;
                values.push(Tensor::zeros(&shape[..1]).map_err(failed)?);
            }
        }
        Ok(Self {
            digits,
            task,
            registry,
            start: values,
            seed,
        })
    }

    /// The loss on some of the digits.
    fn loss(&self, weights: &[Variable], chosen: &[usize]) -> Result<Variable> {
        let pixels = self.digits.images.as_slice();
        let rows = chosen.iter().flat_map(|&i| &pixels[64 * i..64 * (i + 1)]);
        let images = Tensor::from_vec(rows.copied().collect(), &[chosen.len(), 64]);
        let images = Variable::constant(images.map_err(failed)?);
        let per_layer = match self.task {
            Task::Reconstruct => 2,
            Task::Classify => 1,
        };
        let layers = weights.len() / per_layer;
        let mut h = images.clone();
        for (number, layer) in weights.chunks(per_layer).enumerate() {
            h = einsum("bi,oi->bo", &[&h, &layer[0]]).map_err(failed)?;
            if let Some(bias) = layer.get(1) {
                h = h.add(bias).map_err(failed)?;
            }
            if number + 1 < layers {
                h = h.tanh().map_err(failed)?;
            }
        }
        let count = match self.task {
            Task::Reconstruct => 64 * chosen.len(),
            Task::Classify => chosen.len(),
        };
        let sum = match self.task {
            Task::Reconstruct => h.sub(&images).and_then(|gap| gap.square()?.sum_all()),
            Task::Classify => {
                let mut wanted = vec![0f32; 10 * chosen.len()];
                for (row, &i) in chosen.iter().enumerate() {
                    wanted[10 * row + self.digits.labels[i]] = -1.0;
                }
                let wanted = Tensor::from_vec(wanted, &[chosen.len(), 10]).map_err(failed)?;
                h.log_softmax(&[1])
                    .and_then(|log| log.mul(&Variable::constant(wanted))?.sum_all())
            }
        };
        sum.and_then(|sum| sum.scale(1.0 / count as f64))
            .map_err(failed)
    }

    /// Trains, and hears of the loss over all digits every `every` steps, until
    /// `hear` says no, or `steps` are over. A loss that is not finite ends it.
    pub(crate) fn train(
        &self,
        method: &Method,
        schedule: Schedule,
        steps: usize,
        every: usize,
        mut hear: impl FnMut(usize, f64) -> bool,
    ) -> Result<()> {
        let settings = Settings {
            non_finite: NonFinite::Skip,
            schedule,
            ..Settings::default()
        };
        let mut optimizer = build::<f32>(method, &self.registry, &settings).map_err(failed)?;
        let mut w = self.start.clone();
        let all: Vec<usize> = (0..self.digits.labels.len()).collect();
        // The same batches for every method.
        let mut numbers = SplitMix64::derived(self.seed, 1);
        for step in 1..=steps {
            let batch: Vec<usize> = (0..BATCH)
                .map(|_| numbers.below(all.len() as u64) as usize)
                .collect();
            let variables: Vec<Variable> = w.iter().map(|w| Variable::new(w.clone())).collect();
            let loss = self.loss(&variables, &batch)?;
            let inputs: Vec<&Variable> = variables.iter().collect();
            let found = unrecorded(|| gradients(&loss, &inputs)).map_err(failed)?;
            let mut slopes = Vec::with_capacity(found.len());
            for slope in found {
                slopes.push(slope.value().typed::<f32>().map_err(failed)?.clone());
            }
            let stats = optimizer.step_tensors(&mut w, &slopes).map_err(failed)?;
            if stats.skipped {
                return Ok(());
            }
            if step % every == 0 || step == steps {
                let constants: Vec<Variable> =
                    w.iter().map(|w| Variable::constant(w.clone())).collect();
                let loss = self.loss(&constants, &all)?.item().map_err(failed)?;
                if !loss.is_finite() || !hear(step, loss) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The first step at which the loss is at most `target`, looked at every
    /// [`LOOK`] steps.
    pub(crate) fn steps_to(
        &self,
        target: f64,
        method: &Method,
        steps: usize,
    ) -> Result<Option<usize>> {
        let mut reached = None;
        self.train(method, Schedule::constant(), steps, LOOK, |step, loss| {
            if loss <= target {
                reached = Some(step);
            }
            reached.is_none()
        })?;
        Ok(reached)
    }

    /// The loss after `steps` with a rate that falls to zero; infinite for a run
    /// that diverges.
    pub(crate) fn loss_after(&self, method: &Method, steps: usize) -> Result<f64> {
        let mut last = f64::INFINITY;
        let schedule = Schedule::linear(steps as u64, 0.0);
        self.train(method, schedule, steps, steps, |_, loss| {
            last = loss;
            true
        })?;
        Ok(last)
    }
}

fn begin(
    start: Start,
    [rows, columns]: [usize; 2],
    numbers: &mut SplitMix64,
) -> Result<Tensor<f32>> {
    let normal: Tensor<f64> = numbers.normal_tensor(&[rows, columns]);
    let (scale, values) = match start {
        Start::Normal => ((1.0 / columns as f64).sqrt(), normal),
        Start::Orthogonal => {
            let tall = match rows >= columns {
                true => normal.view(),
                false => normal.view().permuted(&[1, 0]).map_err(failed)?,
            };
            let q = qr(&tall).map_err(failed)?.q;
            let q = match rows >= columns {
                true => q,
                false => q.permuted(&[1, 0]).map_err(failed)?,
            };
            ((rows as f64 / columns as f64).sqrt(), q)
        }
    };
    Ok(values.map(|x| (x * scale) as f32))
}
