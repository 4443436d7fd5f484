//! The experiments on real data.

use tensegrity_optim::minimize::{Method, Minimum, Options as Run, minimize};

use super::PAPER;
use super::problem::{Problem, SMOOTHNESS};
use crate::{Claim, Error, Options, Result};

fn run(problem: &Problem, options: &Run) -> Result<Minimum> {
    minimize(&problem.loss, &problem.start(), options)
        .map_err(Error::computing(format!("a run on {}", problem.name)))
}

/// First iteration whose gap is at most `target`.
fn first(problem: &Problem, found: &Minimum, target: f64) -> Option<usize> {
    let reached = |record: &tensegrity_optim::minimize::Record| {
        record.value.is_some_and(|f| f - problem.minimum <= target)
    };
    found
        .history
        .iter()
        .find(|r| reached(r))
        .map(|r| r.iteration)
}

fn iterations(first: Option<usize>) -> String {
    first.map_or("not reached".into(), |t| format!("{t} iterations"))
}

/// Constants by theory, by certificate, and the hybrid end.
pub(super) fn constants(problem: &Problem) -> Result<Vec<Claim>> {
    let full = |m: f64| {
        Run::new(Method::AcceleratedNewton)
            .regularization(m)
            .hessian_batch(problem.samples())
            .gradient_batch(problem.samples())
    };
    let theory = full(2.0 * SMOOTHNESS).adaptive(false).max_iterations(60);
    let theory = run(problem, &theory)?;
    let slow = theory.value.unwrap_or(f64::NAN) - problem.minimum;
    let adaptive = full(0.01 * SMOOTHNESS).hybrid(false).max_iterations(60);
    let adaptive = run(problem, &adaptive)?;
    let (coarse, fine) = (
        first(problem, &adaptive, 1e-4),
        first(problem, &adaptive, 1e-6),
    );
    let hybrid = run(problem, &full(0.01 * SMOOTHNESS).tolerance(1e-12))?;
    let end = first(problem, &hybrid, 1e-9);
    let source = "Kamzolov et al. (2024), arXiv:2410.04083, adaptation of the estimating sequence";
    Ok(vec![
        Claim::new(
            format!("{}: the certificate can set the constants", problem.name),
            source,
            format!(
                "gap 1e-4 in {}, 1e-6 in {}; by theory's constants {slow:.1e} after 60",
                iterations(coarse),
                iterations(fine)
            ),
            coarse.is_some_and(|t| t <= 12) && fine.is_some_and(|t| t <= 35),
        )
        .note("held if 1e-4 takes at most 12 iterations and 1e-6 at most 35"),
        Claim::new(
            format!(
                "{}: with cubic Newton at the end it is superlinear",
                problem.name
            ),
            source,
            format!("gap 1e-9 in {}", iterations(end)),
            end.is_some_and(|t| t <= 15),
        )
        .note("held up to 15 iterations"),
    ])
}

/// The best gap of a grid of runs, each the mean of some seeds.
fn best(problem: &Problem, grid: &[Run], seeds: u64, seed: u64) -> Result<(f64, f64)> {
    let mut best = (f64::INFINITY, 0.0);
    for options in grid {
        let (mut gap, mut epochs) = (0.0, 0.0);
        for number in 0..seeds {
            let found = run(problem, &options.clone().seed(seed + number))?;
            gap += problem.gap(&found.x)? / seeds as f64;
            epochs += found.evaluations.epochs / seeds as f64;
        }
        if gap < best.0 {
            best = (gap, epochs);
        }
    }
    Ok(best)
}

/// Sampled gradients and Hessians: batch sizes, and methods beside each other.
pub(super) fn samples(problem: &Problem, options: &Options) -> Result<Vec<Claim>> {
    let iterations = if options.quick { 60 } else { 150 };
    let seeds = if options.quick { 2 } else { 4 };
    let count = problem.samples();
    let gradients = (count / 6).max(100);
    let sampled = |method: Method, hessians: usize| {
        Run::new(method)
            .gradient_batch(gradients)
            .hessian_batch(hessians)
            .max_iterations(iterations)
            .adaptive(false)
            .hybrid(false)
    };
    let asn = |hessians: usize| -> Vec<Run> {
        let grid = [1.0, 0.1, 0.01];
        grid.iter()
            .map(|nu| {
                sampled(Method::AcceleratedNewton, hessians)
                    .regularization(2.0 * SMOOTHNESS)
                    .nu(*nu)
                    .hessian_error(0.01)
            })
            .collect()
    };
    let seed = options.seed;
    let mut by_batch = Vec::new();
    for hessians in [150, 450, count] {
        by_batch.push(best(problem, &asn(hessians.min(count)), seeds, seed)?);
    }
    let rates = |method: Method, rates: [f64; 3]| -> Vec<Run> {
        let grid = rates.iter();
        grid.map(|rate| sampled(method, 150).learning_rate(*rate))
            .collect()
    };
    let cubic: Vec<Run> = [1.0, 0.1, 0.01]
        .iter()
        .map(|m| {
            sampled(Method::CubicNewton, 150)
                .regularization(m * SMOOTHNESS)
                .hessian_error(0.01)
        })
        .collect();
    let sgd = best(problem, &rates(Method::Sgd, [1.0, 4.0, 16.0]), seeds, seed)?;
    let extra = best(
        problem,
        &rates(Method::ExtraNewton, [0.1, 1.0, 10.0]),
        seeds,
        seed,
    )?;
    let cubic = best(problem, &cubic, seeds, seed)?;
    let ours = by_batch[0];
    let what = format!(
        "gradients of {gradients} samples, {iterations} iterations, best of three settings each, \
         mean of {seeds} seeds"
    );
    Ok(vec![
        Claim::new(
            format!(
                "{}: small Hessian batches cost almost nothing",
                problem.name
            ),
            format!("{PAPER}, experiments"),
            format!(
                "gap {:.4} with Hessians of 150 samples, {:.4} with 450, {:.4} with all {count}",
                by_batch[0].0, by_batch[1].0, by_batch[2].0
            ),
            ours.0 <= 1.5 * by_batch[2].0 + 1e-3,
        )
        .note(format!(
            "{what}; held up to 1.5 times the gap with full Hessians"
        )),
        Claim::new(
            format!("{}: it beats SGD and Extra-Newton", problem.name),
            format!("{PAPER}, experiments"),
            format!(
                "gap {:.4} ({:.0} epochs); SGD {:.4} ({:.0}), Extra-Newton {:.4} ({:.0}), cubic \
                 Newton {:.4} ({:.0})",
                ours.0, ours.1, sgd.0, sgd.1, extra.0, extra.1, cubic.0, cubic.1
            ),
            ours.0 < sgd.0 && ours.0 < extra.0,
        )
        .note(format!("{what}, Hessians of 150; at equal iterations")),
    ])
}
