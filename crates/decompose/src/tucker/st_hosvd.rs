//! Sequentially truncated higher-order singular value decomposition.

use tensegrity_linalg::{SvdMethod, Truncation};
use tensegrity_tensor::{Axes, Tensor, View};

use crate::input::{Input, prepare};
use crate::leading::leading;
use crate::residual::{conjugated, subtraction_loses_digits};
use crate::tucker::params::feasible_ranks;
use crate::unfold::{check_modes, mode_product};
use crate::{Decomposed, Entry, Error, Note, Report, Result, Tol, TuckerOptions, TuckerTensor};

/// ST-HOSVD: truncates one mode after the other, projecting the tensor each time.
///
/// [`Tol::Ranks`] takes one rank for each mode. A tolerance ε gives each of the
/// d modes a share ε/√d. Works in the memory order of `x`, which is not copied.
///
/// Cost: n_k·|Y| multiply-adds for the Gram matrix of each mode of the shrinking
/// tensor Y and r_k·|Y| for each projection. Memory: the tensor after the first
/// truncation.
///
/// ```
/// use tensegrity_decompose::{Tol, TuckerOptions, st_hosvd};
/// use tensegrity_tensor::Tensor;
/// let x = Tensor::from_fn(&[8, 9, 10], |i| 1.0 / (1 + i[0] + i[1] + i[2]) as f64)?;
/// let found = st_hosvd(&x.view(), &Tol::Rel(1e-3), &TuckerOptions::default())?;
/// assert!(found.report.error <= 1e-3);
/// assert!(found.tensor.params() < x.len() / 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::NoModes`], [`Error::EmptyMode`], [`Error::NotFinite`],
/// [`Error::Tolerance`], [`Error::ZeroRank`], [`Error::RankCount`],
/// [`Error::Mode`] for an order that is not a permutation.
pub fn st_hosvd<T: Entry>(
    x: &View<'_, T>,
    tol: &Tol,
    options: &TuckerOptions,
) -> Result<Decomposed<TuckerTensor<T>>> {
    T::st_hosvd(x, tol, options)
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
    let order = mode_order(x.shape(), ranks.as_deref(), options)?;
    if input.norm == 0.0 {
        return zero(x.shape(), report);
    }
    let limits = Limits {
        ranks: ranks.as_deref(),
        delta,
        svd: options.svd,
        rotate_full: false,
    };
    let sequence = truncate(&input, &order, &limits)?;
    report.mode_order = order.to_vec();
    report.spectra = sequence.spectra;
    finish(
        &input,
        sequence.core,
        sequence.factors,
        sequence.discarded,
        report,
    )
}

/// The zero network and its report.
pub(crate) fn zero<T: Entry>(
    shape: &[usize],
    mut report: Report,
) -> Result<Decomposed<TuckerTensor<T>>> {
    if !report.notes.contains(&Note::AllZero) {
        report.notes.push(Note::AllZero);
    }
    report.spectra = vec![vec![0.0]; shape.len()];
    report.mode_order = (0..shape.len()).collect();
    Ok(Decomposed {
        tensor: TuckerTensor::zero(shape)?,
        report,
    })
}

/// What a sequence of truncations must keep to.
pub(crate) struct Limits<'a> {
    /// Rank of each (original) mode.
    pub(crate) ranks: Option<&'a [usize]>,
    /// Frobenius norm each truncation may discard.
    pub(crate) delta: f64,
    pub(crate) svd: SvdMethod,
    /// Rotates modes that keep their full length to their singular vectors too,
    /// so that the core is all-orthogonal. Otherwise their factor is the identity.
    pub(crate) rotate_full: bool,
}

/// The outcome in the memory order of the input, spectra in mode order.
pub(crate) struct Sequence<T> {
    pub(crate) core: Tensor<T>,
    pub(crate) factors: Vec<Tensor<T>>,
    pub(crate) spectra: Vec<Vec<f64>>,
    /// Σ of the squared discarded norms.
    pub(crate) discarded: f64,
}

/// Truncates the modes in `order` (original numbers).
pub(crate) fn truncate<T: Entry>(
    input: &Input<'_, T>,
    order: &[usize],
    limits: &Limits<'_>,
) -> Result<Sequence<T>> {
    let dense = input.in_memory_order();
    let modes = dense.ndim();
    let mut factors: Vec<Option<Tensor<T>>> = vec![None; modes];
    let mut spectra = vec![Vec::new(); modes];
    let mut work: Option<Tensor<T>> = None;
    let mut discarded = 0.0;
    for &mode in order {
        let axis = input
            .order
            .iter()
            .position(|&m| m == mode)
            .expect("a permutation");
        let view = work.as_ref().map_or_else(|| dense.clone(), Tensor::view);
        let length = view.shape()[axis];
        let rank = limits.ranks.map(|ranks| ranks[mode]);
        if rank == Some(length) && !limits.rotate_full {
            factors[axis] = Some(Tensor::eye(length)?);
            continue;
        }
        let others = view.len() / length;
        let truncation = Truncation {
            max_rank: rank.or((others < length).then_some(others)),
            tolerance: limits.delta,
        };
        let found = leading(&view, axis, &truncation, limits.svd, input.norm)?;
        spectra[mode] = found.s;
        discarded += found.discarded * found.discarded;
        if found.u.shape()[1] == length && !limits.rotate_full {
            factors[axis] = Some(Tensor::eye(length)?);
            continue;
        }
        let adjoint = conjugated(&found.u);
        let projected = mode_product(&view, &adjoint.view().permuted(&[1, 0])?, axis)?;
        factors[axis] = Some(found.u);
        work = Some(projected);
    }
    Ok(Sequence {
        core: work.unwrap_or_else(|| dense.to_tensor()),
        factors: factors
            .into_iter()
            .map(|f| f.expect("every mode was visited"))
            .collect(),
        spectra,
        discarded,
    })
}

/// Brings a result to mode order and settles its error; `discarded` is the
/// squared error as the method knows it.
pub(crate) fn finish<T: Entry>(
    input: &Input<'_, T>,
    core: Tensor<T>,
    factors: Vec<Tensor<T>>,
    discarded: f64,
    mut report: Report,
) -> Result<Decomposed<TuckerTensor<T>>> {
    let found = TuckerTensor::new(core, factors)?;
    report.error = discarded.max(0.0).sqrt() / input.norm;
    if subtraction_loses_digits::<T>(report.error) {
        let squared = found.squared_residual(&input.in_memory_order())?;
        report.error = squared.sqrt() / input.norm;
    }
    let found = found.in_order(&crate::input::inverse(&input.order))?;
    let (mut core, factors) = found.into_parts();
    input.unscale(&mut core);
    Ok(Decomposed {
        tensor: TuckerTensor::new(core, factors)?,
        report,
    })
}

/// The order in which modes are processed.
fn mode_order(shape: &[usize], ranks: Option<&[usize]>, options: &TuckerOptions) -> Result<Axes> {
    if let Some(order) = &options.order {
        check_modes("order", order, shape.len())?;
        if order.len() != shape.len() {
            return Err(Error::Option {
                name: "order",
                problem: format!(
                    "{} modes listed, the tensor has {}",
                    order.len(),
                    shape.len()
                ),
            });
        }
        return Ok(order.as_slice().into());
    }
    let mut order: Axes = (0..shape.len()).collect();
    match ranks {
        Some(ranks) => {
            let saving = |mode: usize| shape[mode] as f64 / ranks[mode] as f64;
            order.sort_by(|&a, &b| saving(b).total_cmp(&saving(a)));
        }
        None => order.sort_by_key(|&mode| shape[mode]),
    }
    Ok(order)
}
