//! J. Bernstein and L. Newhouse, *Old Optimizer, New Norm: An Anthology* (2024):
//! Adam, Shampoo and Prodigy without their averages are steepest descent, and
//! what follows from choosing the norm.

use tensegrity_linalg::{NewtonSchulz, PolarMethod};
use tensegrity_optim::{
    Adam, Method, Modular, Muon, NormDescent, NormSpec, Optimizer, ParameterSpec, Prodigy,
    Registry, Settings, Shampoo, build,
};
use tensegrity_tensor::{SplitMix64, Tensor, View};

use crate::digits::{Digits, Network, Start, Task};
use crate::kronecker::{Problem, RATES};
use crate::{Claim, Error, Options, Progress, Reproduction, Result};

const PAPER: &str = "arXiv:2409.20325";

fn failed<E: Into<Box<dyn std::error::Error + Send + Sync>>>(error: E) -> Error {
    Error::computing("norms")(error)
}

/// The three equivalences, the shared step, the transfer of rates, Muon.
pub(crate) fn reproduce(options: &Options, progress: Progress<'_>) -> Result<Reproduction> {
    progress("equivalences", 0.0);
    let mut claims = vec![
        adam(options)?,
        shampoo(options)?,
        prodigy()?,
        shared_step(options)?,
    ];
    progress("Kronecker least squares", 0.05);
    claims.push(least_squares(options)?);
    let digits = Digits::read(&options.data)?;
    claims.push(transfer(options, &digits, progress)?);
    progress("Muon", 0.9);
    claims.push(muon(options, &digits)?);
    progress("done", 1.0);
    Ok(Reproduction {
        id: "norms",
        system: "Old Optimizer, New Norm: An Anthology",
        source: "J. Bernstein and L. Newhouse, OPT 2024, arXiv:2409.20325",
        claims,
        not_reproduced: vec![
            "the paper is theory and has no tables; transfer of rates and Muon are tested on \
             networks a processor can train, not on language models"
                .into(),
        ],
    })
}

/// Values after steps along gradients, from zero.
fn after(method: Method, gradients: &[Tensor<f64>]) -> Result<Tensor<f64>> {
    let shape = gradients[0].shape();
    let mut registry = Registry::new();
    registry
        .add(ParameterSpec::new("w", shape))
        .map_err(failed)?;
    let mut optimizer = build::<f64>(&method, &registry, &Settings::default()).map_err(failed)?;
    let mut w = [Tensor::zeros(shape).map_err(failed)?];
    for gradient in gradients {
        optimizer
            .step_tensors(&mut w, std::slice::from_ref(gradient))
            .map_err(failed)?;
    }
    let [w] = w;
    Ok(w)
}

/// Largest difference of two arrays.
fn gap(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    let pairs = a.as_slice().iter().zip(b.as_slice());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn random(options: &Options, number: u64, count: usize, shape: &[usize]) -> Vec<Tensor<f64>> {
    let mut numbers = SplitMix64::derived(options.seed, number);
    (0..count).map(|_| numbers.normal_tensor(shape)).collect()
}

fn adam(options: &Options) -> Result<Claim> {
    let gradients = random(options, 1, 50, &[7, 5]);
    let adam = after(Adam::new(0.1).betas(0.0, 0.0).eps(0.0).into(), &gradients)?;
    let signs = after(NormDescent::sign_sgd(0.1).into(), &gradients)?;
    let found = gap(&adam, &signs);
    Ok(Claim::new(
        "Adam without its averages is steepest descent under the largest magnitude: sign descent",
        format!("{PAPER}, story I"),
        format!("largest difference after 50 steps of 0.1: {found:.1e}"),
        found < 1e-14,
    ))
}

fn shampoo(options: &Options) -> Result<Claim> {
    let gradients = random(options, 2, 20, &[6, 6]);
    let fresh = Shampoo::new(0.1).betas(0.0, 0.0).eps(1e-14).every(1);
    let shampoo = after(fresh.into(), &gradients)?;
    let spectral = after(NormDescent::spectral_descent(0.1).into(), &gradients)?;
    let found = gap(&shampoo, &spectral);
    Ok(Claim::new(
        "Shampoo without its sums is steepest descent under the spectral norm: the polar factor",
        format!("{PAPER}, story II"),
        format!("largest difference after 20 steps of 0.1: {found:.1e}"),
        found < 1e-8,
    )
    .note("fourth roots of squares of random matrices: half the digits of double precision"))
}

/// `f = ½·Σ aᵢ·(wᵢ − 1)²` from zero.
fn prodigy() -> Result<Claim> {
    let curvature = [1.0, 4.0, 9.0];
    let mut registry = Registry::new();
    registry
        .add(ParameterSpec::new("w", &[3]))
        .map_err(failed)?;
    let method = Prodigy::without_averages().into();
    let mut optimizer: Box<dyn Optimizer<f64>> =
        build(&method, &registry, &Settings::default()).map_err(failed)?;
    let mut w = [Tensor::zeros(&[3]).map_err(failed)?];
    let mut by_hand = vec![0.0; 3];
    let (mut rate, mut rates, mut worst) = (1e-6_f64, Vec::new(), 0.0_f64);
    for _ in 0..40 {
        let slopes = |w: &[f64]| -> Vec<f64> {
            let pairs = w.iter().zip(curvature);
            pairs.map(|(w, a)| a * (w - 1.0)).collect()
        };
        let g = Tensor::from_vec(slopes(w[0].as_slice()), &[3]).map_err(failed)?;
        let stats = optimizer.step_tensors(&mut w, &[g]).map_err(failed)?;
        rates.push(stats.rate);
        let g = slopes(&by_hand);
        let progress: f64 = g.iter().zip(&by_hand).map(|(g, w)| -g * w).sum();
        rate = rate.max(progress / g.iter().map(|g| g.abs()).sum::<f64>());
        for (w, g) in by_hand.iter_mut().zip(&g) {
            *w -= rate * g.signum();
        }
        for (w, by_hand) in w[0].as_slice().iter().zip(&by_hand) {
            worst = worst.max((w - by_hand).abs());
        }
    }
    let doubled = rates
        .windows(2)
        .filter(|pair| (pair[1] / pair[0] - 2.0).abs() < 1e-9)
        .count();
    let last = rates[rates.len() - 1];
    let settled = rates.iter().filter(|&&rate| rate == last).count();
    Ok(Claim::new(
        "Prodigy without its averages is sign descent whose rate grows exponentially from a tiny \
         one until the iterates move away fast enough, and then stays",
        format!("{PAPER}, story III"),
        format!(
            "difference to the formula {worst:.1e}; the rate doubles {doubled} times from 1e-6 to \
             {last:.3} and stays there for {settled} of 40 steps"
        ),
        worst < 1e-14 && doubled >= 15 && settled >= 10,
    ))
}

/// The minimiser of `Σ⟨g, d⟩ + λ/2·(max s‖d‖)²` against random trials around it.
fn shared_step(options: &Options) -> Result<Claim> {
    let mut numbers = SplitMix64::derived(options.seed, 3);
    let layers = [
        (NormSpec::RmsRms, 1.0, vec![4, 3]),
        (NormSpec::L1Rms, 0.5, vec![3, 6]),
        (NormSpec::Rms, 2.0, vec![5]),
    ];
    let norm = Modular::new(layers.iter().map(|(n, s, _)| (n.clone(), *s)).collect());
    let norm = norm.map_err(failed)?;
    let (sharpness, trials) = (2.0, if options.quick { 300 } else { 3000 });
    let g: Vec<Tensor<f64>> = layers
        .iter()
        .map(|(_, _, shape)| numbers.normal_tensor(shape))
        .collect();
    let views: Vec<View<'_, f64>> = g.iter().map(Tensor::view).collect();
    let (best, rate, least) = norm.steepest(&views, sharpness).map_err(failed)?;
    let value = |d: &[Tensor<f64>]| -> Result<f64> {
        let views: Vec<View<'_, f64>> = d.iter().map(Tensor::view).collect();
        let inner: f64 = (g.iter().zip(d))
            .map(|(g, d)| {
                let pairs = g.as_slice().iter().zip(d.as_slice());
                pairs.map(|(g, d)| g * d).sum::<f64>()
            })
            .sum();
        let size = norm.norm(&views).map_err(failed)?;
        Ok(inner + 0.5 * sharpness * size * size)
    };
    let reached = value(&best)?;
    let mut lower = 0;
    for _ in 0..trials {
        let scale = 10f64.powf(-4.0 * numbers.uniform());
        let trial: Vec<Tensor<f64>> = best
            .iter()
            .map(|d| {
                let mut d = d.clone();
                let scale = scale * rate;
                d.as_mut_slice()
                    .iter_mut()
                    .for_each(|x| *x += scale * numbers.normal());
                d
            })
            .collect();
        lower += usize::from(value(&trial)? < reached * (1.0 + 1e-12 * reached.signum()));
    }
    let exact = (reached - least).abs() / least.abs();
    Ok(Claim::new(
        "under the modular norm max sₗ‖Wₗ‖ all layers share the step size (1/λ)·Σ ‖Gₗ‖*/sₗ, and the \
         minimum is −‖G‖*²/2λ",
        format!("{PAPER}, the proposition on modular norms"),
        format!(
            "relative difference to the minimum {exact:.1e}; {lower} of {trials} trials are lower"
        ),
        exact < 1e-12 && lower == 0,
    ))
}

fn least_squares(options: &Options) -> Result<Claim> {
    let problem = Problem::new(options.seed)?;
    let adam = problem.best((1e-3, 1.0), true, |rate| Adam::new(rate).into())?;
    let muon = problem.best((1e-3, 1.0), true, |rate| {
        Muon::new(rate).polar(PolarMethod::Svd).into()
    })?;
    Ok(Claim::new(
        "orthogonal updates serve matrices better than signs: Muon beats Adam where the curvature \
         is a Kronecker product",
        "K. Jordan et al., Muon (2024), on the paper's story II",
        format!(
            "left of the loss after 400 steps: Adam {adam:.1e}, Muon with exact factors {muon:.1e}"
        ),
        muon < adam,
    )
    .note(format!(
        "rates fall to zero along a line; best of {RATES} for each method"
    )))
}

/// How far the best rate moves over the widths, for Adam and under RMS→RMS.
fn transfer(options: &Options, digits: &Digits, progress: Progress<'_>) -> Result<Claim> {
    let widths: &[usize] = match options.quick {
        true => &[32, 64, 128],
        false => &[64, 128, 256, 512, 1024],
    };
    let (steps, count) = if options.quick { (20, 7) } else { (60, 11) };
    let polar = PolarMethod::NewtonSchulz(NewtonSchulz::muon(5));
    let norm = |rate: f64| -> Method { NormDescent::new(rate).polar(polar.clone()).into() };
    let mut moved = Vec::new();
    type Kind<'a> = (&'a str, f64, Start, &'a dyn Fn(f64) -> Method);
    let kinds: [Kind<'_>; 2] = [
        ("Adam", 0.25, Start::Normal, &|rate| Adam::new(rate).into()),
        ("RMS→RMS", 4.0, Start::Orthogonal, &norm),
    ];
    for (kind, (name, highest, start, make)) in kinds.into_iter().enumerate() {
        let mut best = Vec::new();
        for (number, &width) in widths.iter().enumerate() {
            let done = (kind * widths.len() + number) as f64 / (2 * widths.len()) as f64;
            progress(&format!("{name}, width {width}"), 0.1 + 0.8 * done);
            let sizes = [64, width, width, 10];
            let network = Network::new(digits, Task::Classify, &sizes, start, options.seed)?;
            let mut least = (f64::INFINITY, 0.0);
            for i in 0..count {
                let rate = highest * 0.5f64.powi(i);
                let loss = network.loss_after(&make(rate), steps)?;
                if loss < least.0 {
                    least = (loss, rate);
                }
            }
            best.push(least.1);
        }
        let ratio = best.iter().copied().fold(0.0, f64::max)
            / best.iter().copied().fold(f64::INFINITY, f64::min);
        moved.push((name, best, ratio));
    }
    let told: Vec<String> = moved
        .iter()
        .map(|(name, best, ratio)| {
            let best: Vec<String> = best.iter().map(|rate| format!("{rate:.3}")).collect();
            format!("{name} {} (×{ratio:.0})", best.join(", "))
        })
        .collect();
    let (adam, ours) = (moved[0].2, moved[1].2);
    Ok(Claim::new(
        "with the norm of the layer's role the best rate does not move with the width, while \
         Adam's does",
        format!("{PAPER}, section on the choice of norms; modular norm, arXiv:2405.14813"),
        format!("best rates at widths {widths:?}: {}", told.join("; ")),
        match options.quick {
            true => None,
            false => Some(ours <= 2.0 && adam >= 8.0),
        },
    )
    .note(format!(
        "classifier 64-w-w-10 on handwritten digits, {steps} steps of 256, rates in factors of two \
         falling to zero; holds if the best rate under RMS→RMS stays within one factor of two and \
         Adam's moves by eight or more over a factor of 16 in width{}",
        if options.quick {
            "; the quick widths cannot decide it"
        } else {
            ""
        }
    )))
}

/// Steps to a loss of 0.05 at the best rate.
fn muon(options: &Options, digits: &Digits) -> Result<Claim> {
    let width = if options.quick { 64 } else { 256 };
    let (steps, rates) = if options.quick { (200, 4) } else { (400, 8) };
    let sizes = [64, width, width, width, 10];
    let network = Network::new(digits, Task::Classify, &sizes, Start::Normal, options.seed)?;
    let fastest = |highest: f64, make: &dyn Fn(f64) -> Method| -> Result<Option<usize>> {
        let mut least = None;
        for i in 0..rates {
            let method = make(highest * 0.5f64.powi(i));
            let reached = network.steps_to(0.05, &method, least.unwrap_or(steps))?;
            least = least.into_iter().chain(reached).min();
        }
        Ok(least)
    };
    let adam = fastest(0.032, &|rate| Adam::new(rate).into())?;
    let muon = fastest(0.32, &|rate| {
        Muon::new(rate)
            .rest(Adam::new(0.05 * rate).betas(0.9, 0.95))
            .into()
    })?;
    let told = |steps: Option<usize>| steps.map_or("not reached".to_owned(), |s| s.to_string());
    Ok(Claim::new(
        "Muon needs fewer steps than Adam to train the hidden matrices of a network",
        "K. Jordan et al., Muon (2024)",
        format!(
            "steps to a loss of 0.05: Adam {}, Muon {}",
            told(adam),
            told(muon)
        ),
        match (adam, muon) {
            (Some(adam), Some(muon)) => Some(muon < adam),
            (None, Some(_)) => Some(true),
            (Some(_), None) => Some(false),
            (None, None) => None,
        },
    )
    .note(format!(
        "classifier {sizes:?} with tanh on handwritten digits, batches of 256, looked at every \
         tenth step, best of {rates} rates in factors of two"
    )))
}
