//! Minimisers of functions with first, second and third derivatives, exact,
//! inexact or sampled.
//!
//! An [`Oracle`] gives the derivatives, a [`Method`] with [`Options`] says how
//! they are used, [`minimize()`] returns a [`Minimum`] with history, stop reason
//! and, for accelerated runs with exact values and gradients, a [`Certificate`]:
//! a computed upper bound on the gap of a convex function.
//!
//! ```
//! use tensegrity_optim::minimize::{Chain, Method, Options, minimize};
//! let chain = Chain::new(5)?;
//! let options = Options::new(Method::AcceleratedNewton).regularization(4.0);
//! let found = minimize(&chain, &[0.0; 5], &options)?;
//! assert!(found.converged());
//! assert!(found.value.is_some_and(|f| f - chain.minimum() < 1e-10));
//! # Ok::<(), tensegrity_optim::Error>(())
//! ```
//!
//! Guarantees: an oracle's NaN or infinity is an error with its iteration, never
//! an iterate; the same options and seed give the same run, whatever the number
//! of threads; the certificate is computed from values and gradients seen, not
//! from constants assumed.
//! Not guaranteed: that the certificate means anything for a function that is
//! not convex, and global minima of such functions.

mod accelerated;
mod chain;
mod cubic;
mod descent;
mod estimate;
mod extra_newton;
mod factored;
mod first_order;
mod krylov;
mod local;
mod logistic;
mod newton;
mod options;
mod oracle;
mod outcome;
mod probe;
mod quartic;
mod run;
mod spectrum;
mod vector;

use std::ops::ControlFlow;

pub use chain::Chain;
pub use cubic::{CubicStep, Hessian, Solver, cubic_step};
pub use estimate::Certificate;
pub use logistic::Logistic;
pub use options::{Method, Options};
pub use oracle::{Answer, Evaluations, Offers, Oracle};
pub use outcome::{Minimum, Move, Record, StopReason};
pub use quartic::{TensorStep, tensor_step};
pub use run::Observer;

use crate::Result;

/// Minimises `oracle` from `x0`.
///
/// Cost an iteration: the calls of the oracle in [`Record::evaluations`]; with
/// dense Hessians about 10·d³ for the eigenvalues of each, or what
/// [`Solver`] says. Memory: d² with dense Hessians.
///
/// # Errors
/// [`Error::Option`](crate::Error::Option) for options and lengths that do not fit,
/// [`Error::MissingDerivative`](crate::Error::MissingDerivative),
/// [`Error::Oracle`](crate::Error::Oracle),
/// [`Error::NonFiniteOracle`](crate::Error::NonFiniteOracle),
/// [`Error::Asymmetric`](crate::Error::Asymmetric),
/// [`Error::Indefinite`](crate::Error::Indefinite) from the third-order methods.
pub fn minimize(oracle: &dyn Oracle, x0: &[f64], options: &Options) -> Result<Minimum> {
    minimize_observed(oracle, x0, options, &mut |_, _| ControlFlow::Continue(()))
}

/// [`minimize()`] with an observer of every iteration, which may end the run.
///
/// # Errors
/// As [`minimize()`].
pub fn minimize_observed<'a>(
    oracle: &'a dyn Oracle,
    x0: &[f64],
    options: &'a Options,
    observer: &'a mut Observer<'a>,
) -> Result<Minimum> {
    let plan = options.resolve(oracle, x0)?;
    let probe = probe::Probe::new(
        oracle,
        plan.gradient_batch,
        plan.hessian_batch,
        options.seed,
    );
    let mut run = run::Run::new(probe, options, plan, observer);
    let start = run.point(x0.to_vec())?;
    if let Some(stop) = run.start(&start) {
        return Ok(run.finish(x0, stop, None));
    }
    let method = options.method;
    let constant = match options.regularization {
        Some(constant) => constant,
        None if method.order() >= 2 && method != Method::ExtraNewton => {
            local::measured_constant(&mut run.probe, options, &plan, x0)?
        }
        None => 1.0,
    };
    let mut certificate = None;
    let stop = match method {
        Method::AcceleratedNewton | Method::Tensor => {
            let (stop, proof) = accelerated::accelerate(&mut run, constant, start)?;
            certificate = proof;
            stop
        }
        Method::CubicNewton | Method::BasicTensor => {
            let plain = newton::Plain::new(method.order(), constant);
            newton::descend(&mut run, plain, start, 1)?
        }
        Method::DampedNewton | Method::RegularizedNewton => {
            newton::damped(&mut run, constant, start)?
        }
        Method::ExtraNewton => extra_newton::extra_newton(&mut run, start)?,
        Method::SimilarTriangles => first_order::similar_triangles(&mut run, start)?,
        Method::Sgd | Method::Momentum => first_order::sgd(&mut run, start)?,
    };
    Ok(run.finish(x0, stop, certificate))
}
