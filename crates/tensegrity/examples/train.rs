//! Trains a small network to draw a photograph: position in, brightness out.
//!
//!     cargo run --release -p tensegrity --example train
//!
//! Every second pixel along both axes is an example, one pixel between them is
//! held out. Open `train.html` while it runs. Ctrl-C saves `train.safetensors`;
//! the next call goes on from there, bit for bit as if nothing had been.
//! `--batches N` interrupts after N batches, `--epochs N` sets the length.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tensegrity::meter::{Meter, MeterConfig, SpanReport};
use tensegrity::report::{Trace, TrainingReport};
use tensegrity::{Array, SplitMix64, Tensor, file};
use tensegrity_grad::{Variable, einsum, gradients, unrecorded};
use tensegrity_optim::{
    Adam, Batch, Checkpointing, Clip, Failure, History, Monitor, Objective, ParameterSpec,
    Progress, Registry, Schedule, Settings, Stop, Trainer, TrainerOptions, Watch,
};

const FEATURES: usize = 64;
const HIDDEN: usize = 64;
const SEED: u64 = 1;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Waves over the picture at random frequencies (Tancik et al. 2020), and the
/// brightness, of some of its pixels.
struct Pixels {
    features: Tensor<f32>,
    brightness: Tensor<f32>,
}

impl Pixels {
    /// Every second pixel along both axes, from `first` on.
    fn of(picture: &Tensor<f32>, first: usize) -> Result<Self, Box<dyn Error>> {
        let (height, width) = (picture.shape()[0], picture.shape()[1]);
        let mut random = SplitMix64::new(SEED);
        let waves: Vec<[f64; 2]> = (0..FEATURES / 2)
            .map(|_| [random.normal(), random.normal()].map(|x| 20.0 * x))
            .collect();
        let (mut features, mut brightness) = (Vec::new(), Vec::new());
        for y in (first..height).step_by(2) {
            for x in (first..width).step_by(2) {
                let at = [y as f64 / height as f64, x as f64 / width as f64];
                for wave in &waves {
                    let phase = wave[0] * at[0] + wave[1] * at[1];
                    features.extend([phase.sin() as f32, phase.cos() as f32]);
                }
                brightness.push(picture.as_slice()[y * width + x] / 255.0);
            }
        }
        let count = brightness.len();
        Ok(Self {
            features: Tensor::from_vec(features, &[count, FEATURES])?,
            brightness: Tensor::from_vec(brightness, &[count, 1])?,
        })
    }

    fn some(&self, rows: &[usize]) -> Result<(Variable, Variable), Failure> {
        let of = |all: &Tensor<f32>| -> Result<Variable, Failure> {
            let width = all.shape()[1];
            let values = rows
                .iter()
                .flat_map(|row| &all.as_slice()[row * width..(row + 1) * width])
                .copied()
                .collect();
            Ok(Variable::constant(Tensor::from_vec(
                values,
                &[rows.len(), width],
            )?))
        };
        Ok((of(&self.features)?, of(&self.brightness)?))
    }
}

/// Two hidden layers.
struct Network {
    training: Pixels,
    held_out: Pixels,
}

impl Network {
    fn registry() -> Result<Registry, tensegrity_optim::Error> {
        let mut registry = Registry::new();
        for (name, shape) in [
            ("w1", vec![HIDDEN, FEATURES]),
            ("b1", vec![HIDDEN]),
            ("w2", vec![HIDDEN, HIDDEN]),
            ("b2", vec![HIDDEN]),
            ("w3", vec![1, HIDDEN]),
            ("b3", vec![1]),
        ] {
            registry.add(ParameterSpec::new(name, &shape))?;
        }
        Ok(registry)
    }

    /// Zero biases, matrices with variance 1/inputs.
    fn start(registry: &Registry) -> Vec<Tensor<f32>> {
        let mut random = SplitMix64::new(SEED + 1);
        let specs = registry.parameters().iter();
        specs
            .map(|spec| {
                let scale = match spec.shape.as_slice() {
                    [_, inputs] => 1.0 / (*inputs as f32).sqrt(),
                    _ => 0.0,
                };
                random.normal_tensor::<f32>(&spec.shape).map(|x| scale * x)
            })
            .collect()
    }

    /// Mean squared error.
    fn loss(p: &[Variable], x: &Variable, y: &Variable) -> tensegrity_grad::Result<Variable> {
        let hidden =
            |x: &Variable, w: &Variable, b: &Variable| einsum("nk,hk->nh", &[x, w])?.add(b)?.tanh();
        let first = hidden(x, &p[0], &p[1])?;
        let second = hidden(&first, &p[2], &p[3])?;
        let error = einsum("nk,hk->nh", &[&second, &p[4]])?.add(&p[5])?.sub(y)?;
        error.mul(&error)?.mean(&[0, 1])
    }
}

impl Objective<f32> for Network {
    fn examples(&self) -> usize {
        self.training.brightness.len()
    }

    fn loss_and_gradients(
        &mut self,
        parameters: &[Tensor<f32>],
        batch: &Batch<'_>,
    ) -> Result<(f64, Vec<Tensor<f32>>), Failure> {
        let (x, y) = self.training.some(batch.examples)?;
        let p: Vec<Variable> = parameters.iter().cloned().map(Variable::new).collect();
        let loss = Self::loss(&p, &x, &y)?;
        let wanted: Vec<&Variable> = p.iter().collect();
        let gradients = unrecorded(|| gradients(&loss, &wanted))?;
        let gradients = gradients.into_iter().map(|g| match g.into_value() {
            Array::F32(tensor) => Ok(tensor),
            other => Err(format!("a gradient is {}", other.dtype())),
        });
        Ok((loss.item()?, gradients.collect::<Result<_, _>>()?))
    }

    fn evaluate(&mut self, parameters: &[Tensor<f32>]) -> Result<Vec<(String, f64)>, Failure> {
        let p: Vec<Variable> = parameters.iter().cloned().map(Variable::constant).collect();
        let all: Vec<usize> = (0..self.held_out.brightness.len()).collect();
        let (x, y) = self.held_out.some(&all)?;
        let error = unrecorded(|| Self::loss(&p, &x, &y))?.item()?;
        Ok(vec![
            ("held-out loss".into(), error),
            ("held-out PSNR, dB".into(), -10.0 * error.log10()),
        ])
    }
}

/// Writes the page; a browser that has it open loads it again by itself.
fn show(
    path: &Path,
    history: &History,
    status: String,
    running: bool,
    energy: &SpanReport,
) -> Result<(), Box<dyn Error>> {
    let metric = |name: &str| Trace {
        name: name.into(),
        points: (history.evaluations.iter())
            .filter_map(|e| Some((e.step as f64, e.metric(name)?)))
            .collect(),
    };
    let losses = history.losses.points();
    let report = TrainingReport {
        title: "camera.png as a network".into(),
        status,
        refresh: running.then_some(2),
        facts: vec![
            ("method".into(), "adam, cosine schedule".into()),
            (
                "energy of this part".into(),
                format!("{:.0} J, {}", energy.joules, energy.provenance),
            ),
        ],
        losses: vec![
            Trace {
                name: "batches".into(),
                points: losses.map(|(step, loss)| (step as f64, loss)).collect(),
            },
            metric("held-out loss"),
        ],
        metrics: vec![metric("held-out PSNR, dB")],
        version: env!("CARGO_PKG_VERSION").into(),
        ..TrainingReport::default()
    };
    let html = report.html()?;
    file::write_atomic(path, |out| out.write_all(html.as_bytes()))?;
    Ok(())
}

fn number(name: &str) -> Option<u64> {
    let mut words = std::env::args().skip_while(|word| word != name);
    words.nth(1)?.parse().ok()
}

#[allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn Error>> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed))?;
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/camera.png");
    let Array::F32(picture) = file::read_one(data, None)?.array else {
        return Err("the picture is not one of numbers".into());
    };
    let mut network = Network {
        training: Pixels::of(&picture, 0)?,
        held_out: Pixels::of(&picture, 1)?,
    };
    let registry = Network::registry()?;
    let (checkpoint, page) = (
        PathBuf::from("train.safetensors"),
        PathBuf::from("train.html"),
    );
    let epochs = number("--epochs").unwrap_or(30);
    let batch = 1024;
    let batches = epochs * network.examples().div_ceil(batch) as u64;
    let settings = Settings {
        schedule: Schedule::cosine(batches, 0.02).warm_up(50),
        ..Settings::default()
    };
    let options = TrainerOptions {
        epochs: Some(epochs),
        batch,
        seed: SEED,
        clip: Clip::Norm(1.0),
        monitor: Some(Monitor::minimize("held-out loss")),
        patience: Some(10),
        checkpoint: Some(Checkpointing {
            path: checkpoint.clone(),
            seconds: 10.0,
        }),
        ..TrainerOptions::default()
    };
    let start = Network::start(&registry);
    let method = Adam::new(5e-3).into();
    let model = format!("waves {FEATURES}, hidden {HIDDEN}, {epochs} epochs");
    let mut trainer = Trainer::new(model, &registry, start, &method, &settings, options)?;
    if checkpoint.exists() {
        trainer.resume(&checkpoint)?;
        println!("resumed after batch {}", trainer.counts().steps);
    }
    let until = number("--batches").map(|n| trainer.counts().steps + n);

    let meter = Meter::auto(MeterConfig::default())?;
    let whole = meter.span("training");
    let begun = Instant::now();
    let mut clock = || begun.elapsed().as_secs_f64();
    let mut shown = 0.0;
    let mut trouble = None;
    let mut tell = |progress: &Progress<'_>| {
        if until == Some(progress.step) {
            INTERRUPTED.store(true, Ordering::Relaxed);
        }
        if let Some(evaluation) = progress.evaluation {
            let left = progress.remaining.unwrap_or_default();
            let (name, value) = &evaluation.metrics[2];
            println!(
                "epoch {}: {name} {value:.2}, {left:.0} s left",
                progress.epoch
            );
        }
        if progress.seconds - shown >= 1.0 {
            shown = progress.seconds;
            let status = format!("epoch {} of {epochs}", progress.epoch + 1);
            let energy = whole.report();
            trouble = show(&page, progress.history, status, true, &energy).err();
        }
    };
    let mut watch = Watch {
        clock: Some(&mut clock),
        interrupted: Some(&INTERRUPTED),
        progress: Some(&mut tell),
    };
    let summary = trainer.run(&mut network, &mut watch)?;
    if let Some(trouble) = trouble {
        return Err(trouble);
    }
    let energy = whole.stop();
    let status = match summary.stop {
        Stop::Interrupted => format!("interrupted after batch {}", summary.counts.steps),
        Stop::Patience => "ended early: the held-out loss gets no better".into(),
        Stop::Length => "finished".into(),
    };
    show(&page, trainer.history(), status.clone(), false, &energy)?;
    println!("{status}; {:.1} s in all parts; {energy}", summary.seconds);
    if let Some((value, step)) = summary.best {
        println!("best held-out loss {value:.5} after batch {step}");
    }
    Ok(())
}
