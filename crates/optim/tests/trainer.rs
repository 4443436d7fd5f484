//! Runs of a small real problem: straight, interrupted, resumed, broken.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use tensegrity_optim::*;
use tensegrity_tensor::{SplitMix64, Tensor};

/// Logistic regression on two noisy classes; inputs are dropped at random by
/// the batch's seed, so a wrong seed shows in every bit.
struct Logistic {
    inputs: Vec<[f64; 3]>,
    labels: Vec<f64>,
    /// Loss and gradients to give instead, by batch number.
    broken: fn(u64) -> Option<(f64, f64)>,
}

const EXAMPLES: usize = 22;

impl Logistic {
    fn new() -> Self {
        let mut random = SplitMix64::new(5);
        let labels: Vec<f64> = (0..EXAMPLES).map(|i| (i % 2) as f64).collect();
        let inputs = labels
            .iter()
            .map(|label| [0, 1, 2].map(|k| random.normal() + label * f64::from(k)))
            .collect();
        Self {
            inputs,
            labels,
            broken: |_| None,
        }
    }

    fn logit(parameters: &[Tensor<f64>], x: &[f64; 3]) -> f64 {
        let (w, b) = (parameters[0].as_slice(), parameters[1].as_slice());
        (0..3).map(|k| w[k] * x[k]).sum::<f64>() + b[0]
    }
}

impl Objective<f64> for Logistic {
    fn examples(&self) -> usize {
        EXAMPLES
    }

    fn loss_and_gradients(
        &mut self,
        parameters: &[Tensor<f64>],
        batch: &Batch<'_>,
    ) -> std::result::Result<(f64, Vec<Tensor<f64>>), Failure> {
        let mut random = SplitMix64::new(batch.seed);
        let count = batch.examples.len() as f64;
        let (mut loss, mut w, mut b) = (0.0, [0.0; 3], 0.0);
        for &i in batch.examples {
            let x = self.inputs[i].map(|x| if random.uniform() < 0.2 { 0.0 } else { x });
            let p = 1.0 / (1.0 + (-Self::logit(parameters, &x)).exp());
            let y = self.labels[i];
            loss -= (y * p.ln() + (1.0 - y) * (1.0 - p).ln()) / count;
            let slope = (p - y) / count;
            (0..3).for_each(|k| w[k] += slope * x[k]);
            b += slope;
        }
        if let Some((bad_loss, factor)) = (self.broken)(batch.step) {
            loss = bad_loss;
            w = w.map(|w| w * factor);
        }
        Ok((
            loss,
            vec![
                Tensor::from_vec(w.to_vec(), &[1, 3])?,
                Tensor::full(&[1], b)?,
            ],
        ))
    }

    fn evaluate(
        &mut self,
        parameters: &[Tensor<f64>],
    ) -> std::result::Result<Vec<(String, f64)>, Failure> {
        let right = (self.inputs.iter().zip(&self.labels))
            .filter(|(x, y)| (Self::logit(parameters, x) > 0.0) == (**y > 0.5));
        let norm = parameters[0].norm();
        Ok(vec![
            ("accuracy".into(), right.count() as f64 / EXAMPLES as f64),
            ("norm".into(), norm),
        ])
    }
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.add(ParameterSpec::new("w", &[1, 3])).unwrap();
    registry.add(ParameterSpec::new("b", &[1])).unwrap();
    registry
}

fn options() -> TrainerOptions {
    TrainerOptions {
        epochs: Some(3),
        batch: 4,
        seed: 11,
        clip: Clip::Norm(0.5),
        monitor: Some(Monitor::maximize("accuracy")),
        ..TrainerOptions::default()
    }
}

fn trainer_of(method: &Method, options: TrainerOptions) -> Trainer<f64> {
    let start = vec![
        Tensor::from_vec(vec![0.3, -0.2, 0.1], &[1, 3]).unwrap(),
        Tensor::full(&[1], 0.0).unwrap(),
    ];
    let settings = Settings {
        schedule: Schedule::cosine(15, 0.1).warm_up(4),
        ..Settings::default()
    };
    Trainer::new("logistic 3", &registry(), start, method, &settings, options).unwrap()
}

fn trainer(options: TrainerOptions) -> Trainer<f64> {
    trainer_of(&Adam::new(0.1).into(), options)
}

fn bits(tensors: &[Tensor<f64>]) -> Vec<u64> {
    let all = tensors.iter().flat_map(Tensor::as_slice);
    all.map(|x| x.to_bits()).collect()
}

#[track_caller]
fn assert_same(a: &Trainer<f64>, b: &Trainer<f64>) {
    assert_eq!(bits(a.parameters()), bits(b.parameters()));
    assert_eq!(a.history(), b.history());
    assert_eq!(a.counts(), b.counts());
    assert_eq!(a.epoch(), b.epoch());
    let best = |t: &Trainer<f64>| {
        let best = t.best()?;
        Some((best.value.to_bits(), best.step, bits(&best.parameters)))
    };
    assert_eq!(best(a), best(b));
}

/// The straight run, and one saved and resumed after every batch in turn.
fn resumes_everywhere(method: &Method, options: &TrainerOptions) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let mut straight = trainer_of(method, options.clone());
    let summary = straight
        .run(&mut Logistic::new(), &mut Watch::default())
        .unwrap();
    assert_eq!(summary.stop, Stop::Length);
    let steps = straight.counts().steps;
    for cut in 1..=steps {
        let mut first = trainer_of(method, options.clone());
        for _ in 0..cut {
            first.advance(&mut Logistic::new()).unwrap();
        }
        first.save(&path).unwrap();
        drop(first);
        let mut second = trainer_of(method, options.clone());
        second.resume(&path).unwrap();
        assert_eq!(second.counts().steps, cut);
        let again = second
            .run(&mut Logistic::new(), &mut Watch::default())
            .unwrap();
        assert_eq!(again, summary, "cut after {cut}");
        assert_same(&straight, &second);
    }
}

#[test]
fn a_run_resumed_after_any_batch_is_the_same_run() {
    resumes_everywhere(&Adam::new(0.1).into(), &options());
    // Evaluations that do not fall on epochs, batches that are left out.
    let odd = TrainerOptions {
        evaluate_every: Some(5),
        drop_last: true,
        clip: Clip::Value(0.1),
        monitor: Some(Monitor::minimize("train_loss")),
        ..options()
    };
    resumes_everywhere(&Adam::new(0.1).into(), &odd);
}

#[test]
fn so_it_is_with_every_method() {
    let short = TrainerOptions {
        epochs: Some(2),
        ..options()
    };
    for name in Method::NAMES {
        resumes_everywhere(&Method::by_name(name, 0.05).unwrap(), &short);
    }
}

#[test]
fn training_learns_and_keeps_the_best_weights() {
    let mut run = trainer(TrainerOptions {
        epochs: Some(30),
        ..options()
    });
    let mut objective = Logistic::new();
    let summary = run.run(&mut objective, &mut Watch::default()).unwrap();
    assert_eq!(summary.counts.steps, 30 * 6);
    let evaluations = &run.history().evaluations;
    let loss = |at: usize| evaluations[at].metric("train_loss").unwrap();
    assert!(loss(29) < 0.8 * loss(0), "{} {}", loss(0), loss(29));
    assert_eq!(run.history().losses.points().count(), 30 * 6);
    let (value, step) = summary.best.unwrap();
    assert!(value >= 0.75, "{value}");
    let most = run.history().evaluations.iter();
    let most = most
        .map(|e| e.metric("accuracy").unwrap())
        .fold(0.0, f64::max);
    assert_eq!(value, most);
    assert_eq!(run.best().unwrap().step, step);
    let metrics = objective.evaluate(&run.into_parameters()).unwrap();
    assert_eq!(metrics[0].1, value);
}

#[test]
fn patience_ends_a_run_that_gets_no_better() {
    let mut run = trainer(TrainerOptions {
        epochs: None,
        monitor: Some(Monitor::minimize("accuracy")),
        patience: Some(3),
        ..options()
    });
    let summary = run
        .run(&mut Logistic::new(), &mut Watch::default())
        .unwrap();
    assert_eq!(summary.stop, Stop::Patience);
    let evaluations = &run.history().evaluations;
    let best = summary.best.unwrap();
    let at = evaluations.iter().position(|e| e.step == best.1).unwrap();
    assert_eq!(evaluations.len(), at + 1 + 3);
    // A run that is over does nothing.
    let again = run
        .run(&mut Logistic::new(), &mut Watch::default())
        .unwrap();
    assert_eq!(again, summary);
}

/// A run that is interrupted after so many batches.
fn interrupted(path: &Path, after: u64) -> Summary {
    let flag = AtomicBool::new(false);
    let mut run = trainer(TrainerOptions {
        checkpoint: Some(Checkpointing {
            path: path.to_owned(),
            seconds: 1e9,
        }),
        ..options()
    });
    let mut watch = |progress: &Progress<'_>| {
        if progress.step == after {
            flag.store(true, Ordering::Relaxed);
        }
    };
    let mut watch = Watch {
        interrupted: Some(&flag),
        progress: Some(&mut watch),
        ..Watch::default()
    };
    run.run(&mut Logistic::new(), &mut watch).unwrap()
}

#[test]
fn an_interrupted_run_is_saved_and_goes_on_as_if_nothing_had_been() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let summary = interrupted(&path, 7);
    assert_eq!((summary.stop, summary.counts.steps), (Stop::Interrupted, 7));
    let mut straight = trainer(options());
    straight
        .run(&mut Logistic::new(), &mut Watch::default())
        .unwrap();
    let mut resumed = trainer(options());
    resumed.resume(&path).unwrap();
    let flag = AtomicBool::new(false);
    let mut watch = Watch {
        interrupted: Some(&flag),
        ..Watch::default()
    };
    let summary = resumed.run(&mut Logistic::new(), &mut watch).unwrap();
    assert_eq!(summary.stop, Stop::Length);
    assert_same(&straight, &resumed);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn checkpoints_follow_the_clock_and_times_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let timed = TrainerOptions {
        checkpoint: Some(Checkpointing {
            path: path.clone(),
            seconds: 3.0,
        }),
        ..options()
    };
    let mut run = trainer(timed.clone());
    let mut time = 0.0;
    let mut clock = || {
        time += 1.0;
        time
    };
    let mut seen: Vec<(u64, bool, f64, Option<f64>)> = Vec::new();
    let mut tell = |p: &Progress<'_>| {
        seen.push((p.step, path.exists(), p.seconds, p.remaining));
        let _ = std::fs::remove_file(&path);
    };
    let mut watch = Watch {
        clock: Some(&mut clock),
        progress: Some(&mut tell),
        ..Watch::default()
    };
    let summary = run.run(&mut Logistic::new(), &mut watch).unwrap();
    let saved: Vec<u64> = seen.iter().filter(|s| s.1).map(|s| s.0).collect();
    // Every third batch is a file that the next batch sees.
    assert_eq!(saved, [4, 7, 10, 13, 16]);
    assert!(path.exists(), "the end is saved too");
    assert_eq!(summary.seconds, 18.0);
    assert_eq!((seen[5].2, seen[5].3), (6.0, Some(12.0)));
    let mut resumed = trainer(timed);
    resumed.resume(&path).unwrap();
    assert_eq!(resumed.seconds(), 18.0);
}

#[test]
fn losses_that_are_not_finite_change_no_weight() {
    let mut objective = Logistic::new();
    objective.broken = |step| (step == 2).then_some((f64::NAN, 1.0));
    let mut strict = trainer(options());
    for _ in 0..2 {
        strict.advance(&mut objective).unwrap();
    }
    let before = bits(strict.parameters());
    let error = strict.advance(&mut objective).unwrap_err();
    assert!(matches!(
        error,
        Error::NonFiniteLoss {
            step: 2,
            epoch: 0,
            ..
        }
    ));
    assert!(
        error.to_string().contains("batch 2 in epoch 0 is NaN"),
        "{error}"
    );
    assert_eq!(bits(strict.parameters()), before);
    assert_eq!(strict.counts().steps, 2);
    // The batch is drawn again.
    objective.broken = |_| None;
    strict.advance(&mut objective).unwrap();
    let mut clean = trainer(options());
    for _ in 0..3 {
        clean.advance(&mut objective).unwrap();
    }
    assert_same(&strict, &clean);

    objective.broken = |step| match step {
        2 => Some((f64::INFINITY, 1.0)),
        4 => Some((1.0, f64::NAN)),
        _ => None,
    };
    let mut lenient = Trainer::new(
        "logistic 3",
        &registry(),
        trainer(options()).parameters().to_vec(),
        &Adam::new(0.1).into(),
        &Settings {
            non_finite: NonFinite::Skip,
            ..Settings::default()
        },
        TrainerOptions {
            non_finite_loss: NonFinite::Skip,
            ..options()
        },
    )
    .unwrap();
    let summary = lenient.run(&mut objective, &mut Watch::default()).unwrap();
    let counts = Counts {
        steps: 18,
        skipped_losses: 1,
        skipped_gradients: 1,
    };
    assert_eq!(summary.counts, counts);
    assert!(
        lenient.parameters()[0]
            .as_slice()
            .iter()
            .all(|x| x.is_finite())
    );
}

/// The message of a resume that must be refused, and that it changed nothing.
fn refusal(mut run: Trainer<f64>, path: &Path) -> String {
    let before = bits(run.parameters());
    let message = run.resume(path).unwrap_err().to_string();
    assert_eq!(bits(run.parameters()), before);
    assert_eq!(run.counts(), Counts::default());
    message
}

#[test]
fn checkpoints_of_something_else_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    interrupted(&path, 7);

    let other = |model: &str, registry: &Registry, options: TrainerOptions| {
        let start: Vec<Tensor<f64>> = registry
            .parameters()
            .iter()
            .map(|spec| Tensor::full(&spec.shape, 0.0).unwrap())
            .collect();
        let method = Adam::new(0.1).into();
        Trainer::new(
            model,
            registry,
            start,
            &method,
            &Settings::default(),
            options,
        )
        .unwrap()
    };
    let message = refusal(other("logistic 4", &registry(), options()), &path);
    assert!(
        message.contains("model logistic 3, this run has logistic 4"),
        "{message}"
    );
    let mut frozen = registry();
    frozen.freeze(|spec| spec.name == "b");
    let message = refusal(other("logistic 3", &frozen, options()), &path);
    assert!(
        message.contains("\"b\"") && message.contains("frozen: true"),
        "{message}"
    );
    let mut more = registry();
    more.add(ParameterSpec::new("c", &[1])).unwrap();
    let message = refusal(other("logistic 3", &more, options()), &path);
    assert!(
        message.contains("parameter count of 2, this run has 3"),
        "{message}"
    );
    for (options, what) in [
        (
            TrainerOptions {
                seed: 12,
                ..options()
            },
            "seed 11, this run has 12",
        ),
        (
            TrainerOptions {
                batch: 5,
                ..options()
            },
            "batch size 4, this run has 5",
        ),
        (
            TrainerOptions {
                shuffle: false,
                ..options()
            },
            "shuffle true",
        ),
    ] {
        let message = refusal(other("logistic 3", &registry(), options), &path);
        assert!(message.contains(what), "{message}");
    }
    let message = refusal(trainer_of(&Sgd::new(0.1).into(), options()), &path);
    assert!(message.contains("it is of adam, this is sgd"), "{message}");
    let single = Trainer::<f32>::new(
        "logistic 3",
        &registry(),
        vec![
            Tensor::full(&[1, 3], 0.0).unwrap(),
            Tensor::full(&[1], 0.0).unwrap(),
        ],
        &Adam::new(0.1).into(),
        &Settings::default(),
        options(),
    );
    let message = single.unwrap().resume(&path).unwrap_err().to_string();
    assert!(message.contains("element type"), "{message}");
}

#[test]
fn damaged_and_foreign_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    interrupted(&path, 7);
    let whole = std::fs::read(&path).unwrap();

    // Same length, another version.
    let version = b"\"version\":\"1\"";
    let at = whole.windows(version.len()).position(|w| w == version);
    let mut other = whole.clone();
    other[at.unwrap() + version.len() - 2] = b'2';
    std::fs::write(&path, &other).unwrap();
    let message = refusal(trainer(options()), &path);
    assert!(
        message.contains("has version 2, this program reads 1"),
        "{message}"
    );

    // Cut anywhere, or with any byte changed: an error or a run, never a panic.
    for length in (0..whole.len()).step_by(97) {
        std::fs::write(&path, &whole[..length]).unwrap();
        refusal(trainer(options()), &path);
    }
    for place in (0..whole.len()).step_by(31) {
        let mut changed = whole.clone();
        changed[place] ^= 0x15;
        std::fs::write(&path, &changed).unwrap();
        let mut run = trainer(options());
        if run.resume(&path).is_ok() {
            let _ = run.advance(&mut Logistic::new());
        }
    }
    let array = tensegrity_tensor::Array::from(Tensor::<f64>::full(&[2], 1.0).unwrap());
    tensegrity_tensor::file::write(&path, &array).unwrap();
    let message = refusal(trainer(options()), &path);
    assert!(message.contains("is no checkpoint"), "{message}");
    let message = refusal(trainer(options()), &folder.path().join("none.safetensors"));
    assert!(message.contains("none.safetensors"), "{message}");
}

#[test]
fn a_save_that_fails_leaves_the_last_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no/such/run.safetensors");
    let mut run = trainer(TrainerOptions {
        checkpoint: Some(Checkpointing { path, seconds: 1.0 }),
        ..options()
    });
    // Found out before any work is done.
    assert!(
        run.run(&mut Logistic::new(), &mut Watch::default())
            .is_err()
    );
    assert_eq!(run.counts().steps, 0);
    assert!(
        run.save(folder.path().join("x"))
            .unwrap_err()
            .to_string()
            .contains("first batch")
    );
}

#[test]
fn options_out_of_range_are_named() {
    let start = || {
        vec![
            Tensor::full(&[1, 3], 0.0).unwrap(),
            Tensor::full(&[1], 0.0).unwrap(),
        ]
    };
    let message = |options: TrainerOptions| {
        let method = Adam::new(0.1).into();
        Trainer::<f64>::new(
            "m",
            &registry(),
            start(),
            &method,
            &Settings::default(),
            options,
        )
        .unwrap_err()
        .to_string()
    };
    let base = options;
    assert!(message(TrainerOptions { batch: 0, ..base() }).contains("batch is 0"));
    assert!(
        message(TrainerOptions {
            clip: Clip::Norm(-1.0),
            ..base()
        })
        .contains("clip")
    );
    let lone = TrainerOptions {
        monitor: None,
        patience: Some(2),
        ..base()
    };
    assert!(message(lone).contains("monitor"));
    let mut endless = trainer(TrainerOptions {
        epochs: None,
        ..base()
    });
    let error = endless.run(&mut Logistic::new(), &mut Watch::default());
    assert!(error.unwrap_err().to_string().contains("no end"));
    let mut wrong = trainer(TrainerOptions {
        monitor: Some(Monitor::minimize("perplexity")),
        ..base()
    });
    let error = wrong.run(&mut Logistic::new(), &mut Watch::default());
    let message = error.unwrap_err().to_string();
    assert!(
        message.contains("known are train_loss, accuracy, norm"),
        "{message}"
    );
    let mut empty = FromFn::new(0, |_: &[Tensor<f64>], _: &Batch<'_>| unreachable!());
    assert!(trainer(base()).advance(&mut empty).is_err());
    let mut failing = FromFn::new(
        4,
        |_: &[Tensor<f64>], _: &Batch<'_>| Err("no memory".into()),
    );
    let error = trainer(base()).advance(&mut failing).unwrap_err();
    assert_eq!(error.to_string(), "the model failed at batch 0: no memory");
}
