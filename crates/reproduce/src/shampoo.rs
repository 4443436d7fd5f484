//! V. Gupta, T. Koren and Y. Singer, *Shampoo: Preconditioned Stochastic Tensor
//! Optimization* (2018): the inequality its analysis rests on, its regret bound,
//! and its speed where the curvature is a Kronecker product and on a network.

use tensegrity_linalg::{RootMethod, eigh, matmul, singular_values};
use tensegrity_optim::{
    AdaGrad, Adam, Graft, Method, ParameterSpec, Registry, Settings, Sgd, Shampoo, Soap, Stored,
    build,
};
use tensegrity_tensor::{SplitMix64, Tensor};

use crate::digits::{Digits, LOOK, Network, Start, Task};
use crate::kronecker::{Problem, RATES};
use crate::{Claim, Error, Options, Progress, Reproduction, Result};

const PAPER: &str = "arXiv:1802.09568";

fn failed<E: Into<Box<dyn std::error::Error + Send + Sync>>>(error: E) -> Error {
    Error::computing("Shampoo")(error)
}

/// Inequality, bound, least squares, autoencoder.
pub(crate) fn reproduce(options: &Options, progress: Progress<'_>) -> Result<Reproduction> {
    progress("inequalities", 0.0);
    let mut claims = vec![inequality(options)?, regret(options)?];
    progress("Kronecker least squares", 0.05);
    claims.push(least_squares(options)?);
    progress("autoencoder", 0.2);
    claims.push(autoencoder(options, progress)?);
    progress("done", 1.0);
    Ok(Reproduction {
        id: "shampoo",
        system: "Shampoo: Preconditioned Stochastic Tensor Optimization",
        source: "V. Gupta, T. Koren and Y. Singer, ICML 2018, arXiv:1802.09568",
        claims,
        not_reproduced: vec![
            "the curves and test errors on CIFAR-10, CIFAR-100 and LM1B: those data sets and the \
             accelerators they were trained on are not here; the claim that training is faster is \
             tested on problems that are"
                .into(),
            "the steps per second of its networks, for the same reason; `cargo xtask bench optim` \
             measures the cost of a step beside other implementations on this machine"
                .into(),
        ],
    })
}

/// `ε·I + A·Aᵀ` for a list of matrices, or of their transposes.
fn gram(matrices: &[Tensor<f64>], right: bool, eps: f64) -> Result<Tensor<f64>> {
    let n = matrices[0].shape()[usize::from(right)];
    let mut sum = Tensor::<f64>::zeros(&[n, n]).map_err(failed)?;
    for g in matrices {
        let turned = g.permuted(&[1, 0]).map_err(failed)?;
        let square = match right {
            true => matmul(&turned.view(), &g.view()),
            false => matmul(&g.view(), &turned.view()),
        };
        let square = square.map_err(failed)?;
        for (sum, x) in sum.as_mut_slice().iter_mut().zip(square.as_slice()) {
            *sum += x;
        }
    }
    for i in 0..n {
        sum.as_mut_slice()[i * n + i] += eps;
    }
    Ok(sum)
}

/// `A^power` of a positive definite matrix.
fn power(a: &Tensor<f64>, power: f64) -> Result<Tensor<f64>> {
    let found = eigh(&a.view()).map_err(failed)?;
    let n = found.values.len();
    let mut scaled = found.vectors.clone();
    for (place, x) in scaled.as_mut_slice().iter_mut().enumerate() {
        *x *= found.values[place % n].max(0.0).powf(power);
    }
    let turned = found.vectors.permuted(&[1, 0]).map_err(failed)?;
    matmul(&scaled.view(), &turned.view()).map_err(failed)
}

fn trace(a: &Tensor<f64>) -> f64 {
    let n = a.shape()[0];
    (0..n).map(|i| a.as_slice()[i * n + i]).sum()
}

/// Lemma: `ε·I + (1/r)·Σ g·gᵀ ⪯ (ε·I + Σ G·Gᵀ)^½ ⊗ (ε·I + Σ Gᵀ·G)^½` for `G` of rank r.
fn inequality(options: &Options) -> Result<Claim> {
    let mut numbers = SplitMix64::derived(options.seed, 1);
    let (cases, mut least) = (if options.quick { 40 } else { 400 }, f64::INFINITY);
    for _ in 0..cases {
        let (m, n) = (1 + numbers.below(5) as usize, 1 + numbers.below(5) as usize);
        let rank = 1 + numbers.below(m.min(n) as u64) as usize;
        let eps = 10f64.powf(-4.0 * numbers.uniform());
        let mut matrices = Vec::new();
        for _ in 0..1 + numbers.below(6) {
            let (u, v) = (
                numbers.normal_tensor::<f64>(&[m, rank]),
                numbers.normal_tensor::<f64>(&[rank, n]),
            );
            matrices.push(matmul(&u.view(), &v.view()).map_err(failed)?);
        }
        let left = power(&gram(&matrices, false, eps)?, 0.5)?;
        let right = power(&gram(&matrices, true, eps)?, 0.5)?;
        let size = m * n;
        let difference = Tensor::from_fn(&[size, size], |at| {
            let (i, j) = (at[0], at[1]);
            let kron = left.as_slice()[(i / n) * m + j / n] * right.as_slice()[(i % n) * n + j % n];
            let outer: f64 = matrices
                .iter()
                .map(|g| g.as_slice()[i] * g.as_slice()[j])
                .sum();
            kron - outer / rank as f64 - if i == j { eps } else { 0.0 }
        });
        let values = eigh(&difference.map_err(failed)?.view())
            .map_err(failed)?
            .values;
        let scale = trace(&left) * trace(&right);
        least = least.min(values.iter().copied().fold(f64::INFINITY, f64::min) / scale);
    }
    Ok(Claim::new(
        "the Kronecker product of the two square roots bounds the full AdaGrad matrix of gradients of \
         rank r, divided by r",
        format!("{PAPER}, the lemma of its matrix case"),
        format!(
            "smallest eigenvalue of the difference over {cases} random sequences, relative to \
                 its trace: {least:.1e}"
        ),
        least > -1e-12,
    ))
}

/// Online least squares: regret against the bound that holds for any rate η,
/// `(D²/2η + η·r)·tr(L^¼)·tr(R^¼)`, which is `√(2r)·D·tr·tr` at the paper's η.
fn regret(options: &Options) -> Result<Claim> {
    let (m, n) = (6, 5);
    let rounds = if options.quick { 100 } else { 1000 };
    let mut numbers = SplitMix64::derived(options.seed, 2);
    let target: Tensor<f64> = numbers.normal_tensor(&[m, n]);
    let mut registry = Registry::new();
    registry
        .add(ParameterSpec::new("w", &[m, n]))
        .map_err(failed)?;
    // The loss of a round is ½|⟨x, W·y⟩ − z|²: gradients of rank one.
    let (rate, eps) = (0.5, 1e-3);
    let method = Shampoo::new(rate).eps(eps).every(1).into();
    let mut optimizer = build::<f64>(&method, &registry, &Settings::default()).map_err(failed)?;
    let mut w = [Tensor::zeros(&[m, n]).map_err(failed)?];
    let mut played = Vec::new();
    let (mut points, mut total) = (Vec::new(), 0.0);
    for _ in 0..rounds {
        let x: Tensor<f64> = numbers.normal_tensor(&[m]);
        let y: Tensor<f64> = numbers.normal_tensor(&[n]);
        let features = Tensor::from_fn(&[m, n], |at| x.as_slice()[at[0]] * y.as_slice()[at[1]]);
        let features = features.map_err(failed)?;
        let along = |w: &Tensor<f64>| -> f64 {
            w.as_slice()
                .iter()
                .zip(features.as_slice())
                .map(|(w, f)| w * f)
                .sum()
        };
        let wanted = along(&target) + 0.5 * numbers.normal();
        let error = along(&w[0]) - wanted;
        total += 0.5 * error * error;
        points.push(w[0].clone());
        let gradient = features.map(|f| error * f);
        optimizer
            .step_tensors(&mut w, &[gradient])
            .map_err(failed)?;
        played.push((features, wanted));
    }
    // The best fixed point in hindsight solves the normal equations.
    let size = m * n;
    let (mut normal, mut right) = (vec![0.0; size * size], vec![0.0; size]);
    for (features, wanted) in &played {
        let f = features.as_slice();
        for i in 0..size {
            right[i] += f[i] * wanted;
            for j in 0..size {
                normal[i * size + j] += f[i] * f[j];
            }
        }
    }
    let normal = Tensor::from_vec(normal, &[size, size]).map_err(failed)?;
    let right = Tensor::from_vec(right, &[size, 1]).map_err(failed)?;
    let best = tensegrity_linalg::solve(&normal.view(), &right.view()).map_err(failed)?;
    let best = best.as_slice();
    let least: f64 = played
        .iter()
        .map(|(f, wanted)| {
            let found: f64 = f.as_slice().iter().zip(best).map(|(f, w)| f * w).sum();
            0.5 * (found - wanted).powi(2)
        })
        .sum();
    let far = points
        .iter()
        .map(|w| {
            let gaps = w.as_slice().iter().zip(best).map(|(w, b)| (w - b).powi(2));
            gaps.sum::<f64>().sqrt()
        })
        .fold(0.0, f64::max);
    let state = optimizer.state();
    let mut traces = 1.0;
    for mode in 0..2 {
        let key = format!("w/0/statistics/{mode}");
        let Some(Stored::F64(sums)) = state.entries.get(&key) else {
            return Err(failed("Shampoo's state has no statistics"));
        };
        let n = sums.len().isqrt();
        let mut h = Tensor::from_vec(sums.clone(), &[n, n]).map_err(failed)?;
        for i in 0..n {
            h.as_mut_slice()[i * n + i] += eps;
        }
        traces *= trace(&power(&h, 0.25)?);
    }
    let bound = (far * far / (2.0 * rate) + rate) * traces;
    let regret = total - least;
    Ok(Claim::new(
        "the regret on convex losses with gradients of rank r is at most √(2r)·D·tr(L^¼)·tr(R^¼)",
        format!("{PAPER}, the theorem of its matrix case"),
        format!("regret {regret:.1} of a bound of {bound:.1} after {rounds} rounds"),
        regret <= bound,
    )
    .note(
        "online least squares, gradients of rank one; for the rate used the proof's bound is \
         (D²/2η + η·r)·tr(L^¼)·tr(R^¼), with D measured",
    ))
}

fn least_squares(options: &Options) -> Result<Claim> {
    let problem = Problem::new(options.seed)?;
    let descent = problem.best((1e-2, 10.0), false, |rate| Sgd::new(rate).into())?;
    let momentum = problem.best((1e-2, 10.0), false, |rate| {
        Sgd::new(rate).momentum(0.9).into()
    })?;
    let adagrad = problem.best((1e-2, 10.0), false, |rate| AdaGrad::new(rate).into())?;
    let adam = problem.best((1e-3, 1.0), false, |rate| Adam::new(rate).into())?;
    let shampoo = problem.best((1e-2, 100.0), false, |rate| {
        Shampoo::new(rate).every(1).into()
    })?;
    let rest = descent.min(momentum).min(adagrad).min(adam);
    Ok(Claim::new(
        "Shampoo converges considerably faster than commonly used optimisers",
        format!("{PAPER}, abstract"),
        format!(
            "left of the loss after 400 steps: descent {descent:.1e}, momentum {momentum:.1e}, \
             AdaGrad {adagrad:.1e}, Adam {adam:.1e}, Shampoo {shampoo:.1e}"
        ),
        1000.0 * shampoo <= adam && shampoo < rest,
    )
    .note(format!(
        "least squares ½‖A(W − W*)B‖² with condition 10^1.5 on each side, best of {RATES} rates for \
         each method; holds if Shampoo is a thousand times below Adam and below all others"
    )))
}

/// Twice the error of the best linear code of 16 numbers.
fn target(digits: &Digits) -> Result<f64> {
    let mut centred = digits.images.cast::<f64>().map_err(failed)?;
    let rows = digits.labels.len();
    for column in 0..64 {
        let values = centred.as_mut_slice();
        let mean = (0..rows).map(|r| values[64 * r + column]).sum::<f64>() / rows as f64;
        (0..rows).for_each(|r| values[64 * r + column] -= mean);
    }
    let values = singular_values(&centred.view()).map_err(failed)?;
    let rest: f64 = values.iter().skip(16).map(|s| s * s).sum();
    Ok(2.0 * rest / (64 * rows) as f64)
}

fn autoencoder(options: &Options, progress: Progress<'_>) -> Result<Claim> {
    let digits = Digits::read(&options.data)?;
    let target = target(&digits)?;
    let widths: &[usize] = match options.quick {
        true => &[64, 64, 16, 64, 64],
        false => &[64, 256, 64, 16, 64, 256, 64],
    };
    let (steps, rates) = if options.quick { (300, 3) } else { (1500, 5) };
    let network = Network::new(
        &digits,
        Task::Reconstruct,
        widths,
        Start::Normal,
        options.seed,
    )?;
    let warm = RootMethod::Orthogonal {
        sweeps: 1,
        tolerance: 0.1,
    };
    type Make = Box<dyn Fn(f64) -> Method>;
    let methods: [(&str, (f64, f64), Make); 6] = [
        (
            "momentum",
            (1e-1, 1e1),
            Box::new(|r| Sgd::new(r).momentum(0.9).into()),
        ),
        (
            "AdaGrad",
            (1e-3, 1e-1),
            Box::new(|r| AdaGrad::new(r).into()),
        ),
        ("Adam", (3e-4, 3e-2), Box::new(|r| Adam::new(r).into())),
        (
            "Shampoo",
            (1e-2, 1e0),
            Box::new(move |r| Shampoo::new(r).momentum(0.9).roots(warm).into()),
        ),
        (
            "Shampoo grafted to Adam",
            (3e-4, 3e-2),
            Box::new(move |r| {
                let method = Shampoo::new(r).betas(0.9, 0.99).graft(Graft::adam());
                method.roots(warm).into()
            }),
        ),
        (
            "SOAP",
            (3e-4, 3e-2),
            Box::new(|r| Soap::new(r).weight_decay(0.0).into()),
        ),
    ];
    let mut found = Vec::new();
    for (number, (name, (low, high), make)) in methods.iter().enumerate() {
        progress(name, 0.2 + 0.8 * number as f64 / methods.len() as f64);
        // Once a rate has reached the target in so many steps, others need
        // not run longer.
        let mut least: Option<usize> = None;
        for i in 0..rates {
            let rate = low * (high / low).powf(i as f64 / (rates - 1) as f64);
            let most = least.unwrap_or(steps);
            if let Some(reached) = network.steps_to(target, &make(rate), most)? {
                least = Some(least.map_or(reached, |least| least.min(reached)));
            }
        }
        found.push((*name, least));
    }
    let told: Vec<String> = found
        .iter()
        .map(|(name, least)| match least {
            Some(least) => format!("{name} {least}"),
            None => format!("{name} more than {steps}"),
        })
        .collect();
    let best = |of: &dyn Fn(&str) -> bool| {
        let kept = found.iter().filter(|(name, _)| of(name));
        kept.filter_map(|(_, least)| *least).min()
    };
    let (ours, others) = (
        best(&|name| name.starts_with("Shampoo")),
        best(&|name| !name.starts_with("Shampoo") && name != "SOAP"),
    );
    Ok(Claim::new(
        "Shampoo needs fewer steps than SGD with momentum, AdaGrad and Adam to train a network",
        format!("{PAPER}, experiments"),
        format!("steps to the target: {}", told.join(", ")),
        match (ours, others) {
            // Closer than two looks apart: nobody knows.
            (Some(ours), Some(others)) if ours.abs_diff(others) < LOOK => None,
            (Some(ours), Some(others)) => Some(ours < others),
            (Some(_), None) => Some(true),
            (None, Some(_)) => Some(false),
            (None, None) => None,
        },
    )
    .note(format!(
        "autoencoder {widths:?} with tanh on 1797 handwritten digits, batches of 256, best of \
         {rates} rates for each method; the target is a mean squared error of {target:.4}, twice \
         that of the best linear code of 16 numbers, looked at every {LOOK} steps, so that a tie \
         decides nothing; in place of the paper's networks"
    )))
}
