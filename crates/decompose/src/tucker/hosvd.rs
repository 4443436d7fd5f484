//! Higher-order singular value decomposition.

use tensegrity_linalg::Truncation;
use tensegrity_tensor::{Axes, Tensor, View};

use crate::input::{inverse, prepare};
use crate::leading::leading;
use crate::residual::conjugated;
use crate::tucker::params::feasible_ranks;
use crate::tucker::st_hosvd::{finish, zero};
use crate::unfold::mode_product;
use crate::{Decomposed, Entry, Report, Result, Tol, TuckerOptions, TuckerTensor};

/// HOSVD: the leading left vectors of every unfolding of `x` itself.
///
/// The report's spectra are the singular values of all unfoldings. The error is
/// at most √d times the best at these ranks. [`crate::st_hosvd`] costs less and
/// has the same bound.
///
/// Cost: n_k·|X| multiply-adds for each mode. Memory as [`crate::st_hosvd`].
///
/// # Errors
/// As [`crate::st_hosvd`].
pub fn hosvd<T: Entry>(
    x: &View<'_, T>,
    tol: &Tol,
    options: &TuckerOptions,
) -> Result<Decomposed<TuckerTensor<T>>> {
    T::hosvd(x, tol, options)
}

pub(crate) fn run<T: Entry>(
    x: &View<'_, T>,
    tol: &Tol,
    options: &TuckerOptions,
) -> Result<Decomposed<TuckerTensor<T>>> {
    let input = prepare(x)?;
    let mut report = Report::direct(input.original_norm());
    report.notes = input.notes();
    let tol = input.scaled_tolerance(tol);
    let ranks = feasible_ranks(&tol, x.shape(), &mut report.notes)?;
    let delta = tol.per_cut(input.norm, x.ndim())?;
    if input.norm == 0.0 {
        return zero(x.shape(), report);
    }
    let dense = input.in_memory_order();
    let axes = inverse(&input.order);
    let mut factors: Vec<Option<Tensor<T>>> = vec![None; x.ndim()];
    for (mode, &axis) in axes.iter().enumerate() {
        let others = dense.len() / dense.shape()[axis];
        let rank = ranks.as_ref().map(|ranks| ranks[mode]);
        let truncation = Truncation {
            max_rank: rank.or((others < dense.shape()[axis]).then_some(others)),
            tolerance: delta,
        };
        let found = leading(&dense, axis, &truncation, options.svd, input.norm)?;
        report.spectra.push(found.s);
        factors[axis] = Some(found.u);
    }
    let factors: Vec<_> = factors
        .into_iter()
        .map(|f| f.expect("every mode was visited"))
        .collect();
    let (core, order) = project(&dense, &factors)?;
    report.mode_order = order.iter().map(|&axis| input.order[axis]).collect();
    let discarded = input.norm * input.norm - T::measure(core.as_slice()).squared;
    finish(&input, core, factors, discarded, report)
}

/// x ×₀ U₀ᴴ ×₁ U₁ᴴ …, the mode that shrinks most first; and that order.
fn project<T: Entry>(x: &View<'_, T>, factors: &[Tensor<T>]) -> Result<(Tensor<T>, Axes)> {
    let mut order: Axes = (0..factors.len()).collect();
    let saving = |axis: usize| factors[axis].shape()[0] as f64 / factors[axis].shape()[1] as f64;
    order.sort_by(|&a, &b| saving(b).total_cmp(&saving(a)));
    let mut work: Option<Tensor<T>> = None;
    for &axis in &order {
        let view = work.as_ref().map_or_else(|| x.clone(), Tensor::view);
        let adjoint = conjugated(&factors[axis]);
        work = Some(mode_product(
            &view,
            &adjoint.view().permuted(&[1, 0])?,
            axis,
        )?);
    }
    Ok((work.expect("there is a mode"), order))
}
