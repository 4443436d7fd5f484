//! Training steps of two models, one thread: a perceptron of three layers and a
//! small transformer, by reverse mode of `tensegrity-grad` and Adam.
//!
//! Weights and data come from SplitMix64, so another program makes the same ones
//! without a file: tensor `t` of a model is filled with seed `1000·c + t` (c = 1
//! for the perceptron, 2 for the transformer), each value `(z >> 11)·2⁻⁵³ − 0.5`
//! times its scale; labels are `z mod classes` with seed `1000·c + 999`.
//!
//! Reads requests from standard input, `MODEL DTYPE STEPS` a line, continues the
//! training of that model by so many steps, and answers one JSON line
//! `{"seconds": …, "losses": […]}`; another process can so take turns with it.
//! Without requests (`cargo bench -p tensegrity-optim --bench training`) it times
//! every model and prints `{"name", "seconds_median"}`.
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};
use std::time::Instant;

use tensegrity_grad::{Formula, Result, Variable, einsum, unrecorded, value_and_grad};
use tensegrity_optim::{Adam, Float, Optimizer, ParameterSpec, Registry, Settings, build};
use tensegrity_tensor::{Array, Element, Real, SplitMix64, Tensor, set_threads};

/// Sizes of the perceptron.
const BATCH: usize = 128;
const WIDTHS: [usize; 4] = [256, 512, 512, 10];

/// Sizes of the transformer: sequences, their length, width, heads, layers,
/// symbols.
const SEQUENCES: usize = 8;
const LENGTH: usize = 64;
const WIDTH: usize = 128;
const HEADS: usize = 4;
const LAYERS: usize = 3;
const SYMBOLS: usize = 96;
/// Tensors of a layer of the transformer.
const PER_LAYER: usize = 16;

const RATE: f64 = 1e-3;
const EPSILON: f64 = 1e-5;

/// Shapes of the parameters, with the scale of their initial values and what is
/// added to them.
fn perceptron_parameters() -> Vec<(Vec<usize>, f64, f64)> {
    let layer = |pair: &[usize]| {
        let scale = (12.0 / pair[0] as f64).sqrt();
        [
            (vec![pair[0], pair[1]], scale, 0.0),
            (vec![pair[1]], 0.1, 0.0),
        ]
    };
    WIDTHS.windows(2).flat_map(layer).collect()
}

fn transformer_parameters() -> Vec<(Vec<usize>, f64, f64)> {
    let matrix =
        |rows: usize, columns: usize| (vec![rows, columns], (12.0 / rows as f64).sqrt(), 0.0);
    let mut list = vec![
        (vec![SYMBOLS, WIDTH], 1.0, 0.0),
        (vec![LENGTH, WIDTH], 1.0, 0.0),
    ];
    for _ in 0..LAYERS {
        list.extend([(vec![WIDTH], 0.1, 1.0), (vec![WIDTH], 0.1, 0.0)]);
        for _ in 0..4 {
            list.extend([matrix(WIDTH, WIDTH), (vec![WIDTH], 0.1, 0.0)]);
        }
        list.extend([(vec![WIDTH], 0.1, 1.0), (vec![WIDTH], 0.1, 0.0)]);
        list.extend([matrix(WIDTH, 4 * WIDTH), (vec![4 * WIDTH], 0.1, 0.0)]);
        list.extend([matrix(4 * WIDTH, WIDTH), (vec![WIDTH], 0.1, 0.0)]);
    }
    list.extend([(vec![WIDTH], 0.1, 1.0), (vec![WIDTH], 0.1, 0.0)]);
    list.push(matrix(WIDTH, SYMBOLS));
    list
}

/// Mean of −log softmax at the labels.
fn cross_entropy(logits: &Variable, labels: &[usize]) -> Result<Variable> {
    let classes = logits.shape()[1];
    let flat: Vec<usize> = (labels.iter().enumerate())
        .map(|(row, &label)| row * classes + label)
        .collect();
    let log = logits.log_softmax(&[1])?.reshape(&[logits.len()])?;
    log.gather(0, flat)?.mean(&[0])?.neg()
}

fn perceptron<T: Element>(
    parameters: &[Variable],
    data: &Tensor<T>,
    labels: &[usize],
) -> Result<Variable> {
    let mut x = Variable::constant(data.clone());
    for (number, layer) in parameters.chunks(2).enumerate() {
        let y = x.matmul(&layer[0])?.add(&layer[1])?;
        x = match 2 * number + 2 == parameters.len() {
            true => y,
            false => y.gelu()?,
        };
    }
    cross_entropy(&x, labels)
}

fn transformer(parameters: &[Variable], symbols: &[usize], labels: &[usize]) -> Result<Variable> {
    let rows = SEQUENCES * LENGTH;
    let dtype = parameters[0].dtype();
    let split = [SEQUENCES, LENGTH, HEADS, WIDTH / HEADS];
    let mask = Variable::constant(Tensor::<f64>::from_fn(&[LENGTH, LENGTH], |at| {
        if at[1] > at[0] {
            f64::NEG_INFINITY
        } else {
            0.0
        }
    })?)
    .cast(dtype)?;
    let share = ((WIDTH / HEADS) as f64).sqrt().recip();
    let scaled = Formula::input(0) * share + Formula::input(1);
    let positions = parameters[1].reshape(&[1, LENGTH, WIDTH])?;
    let mut x = (parameters[0].gather(0, symbols)?)
        .reshape(&[SEQUENCES, LENGTH, WIDTH])?
        .add(&positions)?
        .reshape(&[rows, WIDTH])?;
    for layer in parameters[2..].chunks(PER_LAYER).take(LAYERS) {
        let y = x.layer_norm(&[1], &layer[0], &layer[1], EPSILON)?;
        let part = |number: usize| {
            y.matmul(&layer[number])?
                .add(&layer[number + 1])?
                .reshape(&split)
        };
        let (q, k, v) = (part(2)?, part(4)?, part(6)?);
        let scores = einsum("bihd,bjhd->bhij", &[&q, &k])?;
        let weights = scaled.apply(&[&scores, &mask])?.softmax(&[3])?;
        let mixed = einsum("bhij,bjhd->bihd", &[&weights, &v])?.reshape(&[rows, WIDTH])?;
        x = mixed.matmul(&layer[8])?.add(&layer[9])?.add(&x)?;
        let y = x.layer_norm(&[1], &layer[10], &layer[11], EPSILON)?;
        let hidden = y.matmul(&layer[12])?.add(&layer[13])?.gelu()?;
        x = hidden.matmul(&layer[14])?.add(&layer[15])?.add(&x)?;
    }
    let last = &parameters[parameters.len() - 3..];
    let logits = x
        .layer_norm(&[1], &last[0], &last[1], EPSILON)?
        .matmul(&last[2])?;
    cross_entropy(&logits, labels)
}

/// A model in training.
struct Training<T: Float> {
    parameters: Vec<Tensor<T>>,
    optimizer: Box<dyn Optimizer<T>>,
    data: Tensor<T>,
    symbols: Vec<usize>,
    labels: Vec<usize>,
    is_transformer: bool,
}

fn filled<T: Real>(seed: u64, shape: &[usize], scale: f64, shift: f64) -> Tensor<T> {
    let mut seed = SplitMix64::new(seed);
    Tensor::from_fn(shape, |_| T::from_f64(seed.centred() * scale + shift, 0.0))
        .expect("a model fits into memory")
}

fn drawn(seed: u64, count: usize, below: usize) -> Vec<usize> {
    let mut seed = SplitMix64::new(seed);
    (0..count)
        .map(|_| (seed.next_u64() % below as u64) as usize)
        .collect()
}

impl<T: Float + Real + Element> Training<T> {
    fn new(is_transformer: bool) -> Self {
        let (case, specification) = match is_transformer {
            false => (1000, perceptron_parameters()),
            true => (2000, transformer_parameters()),
        };
        let mut registry = Registry::new();
        let mut parameters = Vec::new();
        for (number, (shape, scale, shift)) in specification.iter().enumerate() {
            registry
                .add(ParameterSpec::new(number.to_string(), shape))
                .expect("names are distinct");
            parameters.push(filled(case + number as u64, shape, *scale, *shift));
        }
        let optimizer = build::<T>(&Adam::new(RATE).into(), &registry, &Settings::default())
            .expect("the settings are valid");
        let (rows, classes) = match is_transformer {
            false => (BATCH, WIDTHS[3]),
            true => (SEQUENCES * LENGTH, SYMBOLS),
        };
        Self {
            parameters,
            optimizer,
            data: filled(case + 998, &[BATCH, WIDTHS[0]], 2.0, 0.0),
            symbols: drawn(case + 997, rows, SYMBOLS),
            labels: drawn(case + 999, rows, classes),
            is_transformer,
        }
    }

    fn loss(&self, parameters: &[Variable]) -> Result<Variable> {
        match self.is_transformer {
            false => perceptron(parameters, &self.data, &self.labels),
            true => transformer(parameters, &self.symbols, &self.labels),
        }
    }

    /// The loss before the step.
    fn step(&mut self) -> Result<f64> {
        let (loss, gradients) = {
            let x: Vec<Variable> = (self.parameters.iter())
                .map(|tensor| Variable::new(T::into_array(tensor.clone())))
                .collect();
            unrecorded(|| value_and_grad(|x: &[Variable]| self.loss(x))(&x))?
        };
        let loss = loss.item()?;
        let gradients: Vec<Tensor<T>> = (gradients.into_iter())
            .map(|gradient| {
                let array: Array = gradient.into_value();
                T::from_array(&array)
                    .expect("a gradient has the type of its parameter")
                    .clone()
            })
            .collect();
        self.optimizer
            .step_tensors(&mut self.parameters, &gradients)
            .expect("gradients are finite");
        Ok(loss)
    }

    fn steps(&mut self, count: usize) -> Result<(f64, Vec<f64>)> {
        let start = Instant::now();
        let losses = (0..count).map(|_| self.step()).collect::<Result<_>>()?;
        Ok((start.elapsed().as_secs_f64(), losses))
    }
}

/// Models of both precisions, made when they are first asked for.
#[derive(Default)]
struct Trainings {
    double: BTreeMap<String, Training<f64>>,
    single: BTreeMap<String, Training<f32>>,
}

impl Trainings {
    fn steps(&mut self, model: &str, dtype: &str, count: usize) -> Result<(f64, Vec<f64>)> {
        let is_transformer = model == "transformer";
        match dtype {
            "f32" => (self.single.entry(model.to_owned()))
                .or_insert_with(|| Training::new(is_transformer))
                .steps(count),
            _ => (self.double.entry(model.to_owned()))
                .or_insert_with(|| Training::new(is_transformer))
                .steps(count),
        }
    }
}

fn main() -> Result<()> {
    set_threads(1);
    let mut trainings = Trainings::default();
    if std::env::args().any(|argument| argument == "--serve") && !std::io::stdin().is_terminal() {
        for line in std::io::stdin()
            .lock()
            .lines()
            .map_while(std::result::Result::ok)
        {
            let words: Vec<&str> = line.split_whitespace().collect();
            let &[model, dtype, count] = words.as_slice() else {
                continue;
            };
            let (seconds, losses) = trainings.steps(model, dtype, count.parse().unwrap_or(1))?;
            println!("{{\"seconds\": {seconds:e}, \"losses\": {losses:?}}}");
            let _ = std::io::stdout().flush();
        }
        return Ok(());
    }
    for model in ["perceptron", "transformer"] {
        for dtype in ["f64", "f32"] {
            trainings.steps(model, dtype, 3)?;
            let mut seconds = (0..15)
                .map(|_| Ok(trainings.steps(model, dtype, 1)?.0))
                .collect::<Result<Vec<f64>>>()?;
            seconds.sort_unstable_by(f64::total_cmp);
            let (_, losses) = trainings.steps(model, dtype, 1)?;
            println!(
                "{{\"name\": \"train_{model}_{dtype}\", \"seconds_median\": {:e}, \"loss\": {}}}",
                seconds[7], losses[0]
            );
        }
    }
    Ok(())
}
