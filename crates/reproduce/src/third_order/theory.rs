//! Bounds and rates of the theorems.

use tensegrity_optim::minimize::{Chain, Method, Minimum, Options as Run, Oracle, minimize};

use super::PAPER;
use super::problem::{Inexact, Noisy, Problem, SMOOTHNESS};
use crate::{Claim, Error, Options, Result};

/// Links of the chain.
const LINKS: usize = 40;
/// Bound on the Lipschitz constant of the chain's Hessian.
const CHAIN_SMOOTHNESS: f64 = 16.0;

fn run(oracle: &dyn Oracle, options: &Run) -> Result<Minimum> {
    let start = vec![0.0; oracle.dimension()];
    minimize(oracle, &start, options).map_err(Error::computing("a run on the chain"))
}

fn fixed(method: Method, m: f64, iterations: usize) -> Run {
    Run::new(method)
        .regularization(m)
        .adaptive(false)
        .tolerance(0.0)
        .max_iterations(iterations)
}

/// Gap over the theorem's bound, and whether the certificate held.
fn against_bound(found: &Minimum, minimum: f64, radius: f64) -> (f64, bool) {
    let gap = found.value.unwrap_or(f64::NAN) - minimum;
    found.certificate.map_or((f64::NAN, false), |proof| {
        (gap / proof.bound(radius), proof.held)
    })
}

/// Claims on the worst-case chain.
pub(super) fn chain(seed: u64) -> Result<Vec<Claim>> {
    let chain = Chain::new(LINKS).map_err(Error::computing("the chain"))?;
    let radius = chain.solution().iter().map(|x| x * x).sum::<f64>().sqrt();
    let asn = |iterations| {
        fixed(
            Method::AcceleratedNewton,
            2.0 * CHAIN_SMOOTHNESS,
            iterations,
        )
    };
    let mut exact = Vec::new();
    for t in [10, 50, 200] {
        exact.push(against_bound(
            &run(&chain, &asn(t))?,
            chain.minimum(),
            radius,
        ));
    }
    let delta = 0.5;
    let wrong = Inexact::new(&chain, delta, seed);
    let mut inexact = Vec::new();
    for t in [10, 50, 200] {
        let found = run(&wrong, &asn(t).hessian_error(delta))?;
        inexact.push(against_bound(&found, chain.minimum(), radius));
    }
    let ratios = |parts: &[(f64, bool)]| {
        let ratios: Vec<String> = parts.iter().map(|(r, _)| format!("{r:.3}")).collect();
        format!(
            "gap over bound {} after 10, 50, 200 steps",
            ratios.join(", ")
        )
    };
    let fine = |parts: &[(f64, bool)]| parts.iter().all(|(r, held)| *r <= 1.0 && *held);
    let half = LINKS / 2;
    let mut least = f64::INFINITY;
    for method in [
        Method::AcceleratedNewton,
        Method::CubicNewton,
        Method::RegularizedNewton,
        Method::ExtraNewton,
    ] {
        let options = Run::new(method).hybrid(false).max_iterations(half);
        let found = run(&chain, &options)?;
        least = least.min(found.value.unwrap_or(f64::NAN) - chain.minimum());
    }
    let walked = 2.0 * (LINKS - half - 1) as f64 / 3.0;
    let newton = run(&chain, &fixed(Method::CubicNewton, 2.0, 200))?;
    let adaptive = Run::new(Method::AcceleratedNewton)
        .regularization(2.0)
        .hybrid(false)
        .max_iterations(200);
    let gap = |found: &Minimum| found.value.unwrap_or(f64::NAN) - chain.minimum();
    let (slow, fast) = (gap(&newton), gap(&run(&chain, &adaptive)?));
    Ok(vec![
        Claim::new(
            "exact derivatives: the gap is O(L·R³/T³)",
            format!("{PAPER}, theorem on the accelerated second-order method"),
            ratios(&exact),
            fine(&exact),
        )
        .note(
            "worst-case chain of 40 links, M = 2L; the bound's constant is that of the method run",
        ),
        Claim::new(
            "Hessians wrong by δ add no more than O(δ·R²/T²)",
            format!("{PAPER}, theorem on the accelerated second-order method"),
            ratios(&inexact),
            fine(&inexact),
        )
        .note("every eigenvalue moved by ±0.5; the certificate held after every step"),
        Claim::new(
            "no second-order method is fast on the chain before it has walked it",
            format!("{PAPER}, lower bound; Arjevani, Shamir and Shiff (2019)"),
            format!("least gap {least:.2} of four methods after {half} steps"),
            least >= walked,
        )
        .published(format!("at least {walked:.2}"))
        .note("what is left of the minimum where links beyond the number of steps are untouched"),
        Claim::new(
            "acceleration wins over cubic Newton on the chain",
            format!("{PAPER}, comparison of rates T⁻³ and T⁻²"),
            format!("gap {fast:.1e} against {slow:.3} after 200 steps"),
            fast * 100.0 <= slow,
        )
        .note("adaptive constants; counted as held from a factor of 100"),
    ])
}

/// Stochastic gradients: `O(σ·R/√T)`.
pub(super) fn noise(problem: &Problem, options: &Options) -> Result<Claim> {
    // σR below what the start leaves to gain, so that the noise is what is seen
    // once the deterministic part, T⁻³, is gone.
    const SIGMA: f64 = 0.01;
    let times = [50, 200, 800];
    let seeds = if options.quick { 4 } else { 16 };
    let mut gaps = Vec::new();
    for t in times {
        let mut sum = 0.0;
        for number in 0..seeds {
            let noisy = Noisy::new(&problem.loss, SIGMA, options.seed + number);
            let run = fixed(Method::AcceleratedNewton, 2.0 * SMOOTHNESS, t)
                .noise_scale(SIGMA / problem.radius);
            let found = minimize(&noisy, &problem.start(), &run)
                .map_err(Error::computing("a run with noisy gradients"))?;
            sum += problem.gap(&found.x)?;
        }
        gaps.push(sum / seeds as f64);
    }
    let slope = (gaps[2] / gaps[1]).ln() / (times[2] as f64 / times[1] as f64).ln();
    // The bound's leading term, (λ/2)·A·R² of the schedule.
    let bound = |t: usize| SIGMA * problem.radius * 3.0 / (t as f64).sqrt();
    let within = gaps.iter().zip(times).all(|(gap, t)| *gap <= bound(t));
    Ok(Claim::new(
        "gradients with noise σ: the gap is O(σ·R/√T)",
        format!("{PAPER}, theorem on the accelerated second-order method"),
        format!(
            "mean gaps {:.3}, {:.3}, {:.3} after 50, 200, 800 steps: exponent {slope:.2} of the last two",
            gaps[0], gaps[1], gaps[2]
        ),
        within && slope <= -0.4,
    )
    .published("exponent −1/2")
    .note(format!(
        "{}, σ = {SIGMA}, mean of {seeds} seeds; held if the exponent is at most −0.4 and every \
         gap at most 3σR/√T, the schedule's λ·A·R²/2",
        problem.name
    )))
}

/// The tensor method with exact derivatives: `O(L₃·R⁴/T⁴)`.
pub(super) fn third_order(problem: &Problem) -> Result<Claim> {
    let times = [10, 30, 60];
    let mut parts = Vec::new();
    for t in times {
        let options = fixed(Method::Tensor, 0.125, t).hessian_batch(problem.samples());
        let found = minimize(&problem.loss, &problem.start(), &options)
            .map_err(Error::computing("a run of the tensor method"))?;
        parts.push(against_bound(&found, problem.minimum, problem.radius));
    }
    let ratios: Vec<String> = parts.iter().map(|(r, _)| format!("{r:.3}")).collect();
    Ok(Claim::new(
        "third order, exact derivatives: the gap is O(L₃·R⁴/T⁴)",
        format!("{PAPER}, theorem on the tensor method"),
        format!(
            "gap over bound {} after 10, 30, 60 steps",
            ratios.join(", ")
        ),
        parts.iter().all(|(r, held)| *r <= 1.0 && *held),
    )
    .note(format!(
        "{}, M = L₃ = 1/8; the certificate held after every step",
        problem.name
    )))
}
