//! Higher-order orthogonal iteration.

use tensegrity_linalg::{SvdMethod, Truncation};
use tensegrity_tensor::{Tensor, View};

use crate::input::prepare;
use crate::leading::leading;
use crate::residual::{conjugated, relative_from_squares, resolved};
use crate::tucker::params::feasible_ranks;
use crate::tucker::st_hosvd::{Limits, finish, truncate, zero};
use crate::tucker::warm::leading_near;
use crate::unfold::mode_product;
use crate::{Decomposed, Entry, Error, HooiOptions, Report, Result, StopReason, Tol, TuckerTensor};

/// HOOI: improves an ST-HOSVD at fixed ranks until the core's norm no longer
/// grows.
///
/// In a sweep every factor becomes the leading left vectors of X projected by
/// the other factors. Projections are shared along a binary tree of modes, so a
/// sweep costs two products with X, not one for each mode.
///
/// The report's history is the relative error after each sweep.
///
/// # Errors
/// As [`crate::st_hosvd`]; [`Error::Option`] for a negative tolerance.
pub fn hooi<T: Entry>(
    x: &View<'_, T>,
    ranks: &[usize],
    options: &HooiOptions,
) -> Result<Decomposed<TuckerTensor<T>>> {
    T::hooi(x, ranks, options)
}

pub(crate) fn run<T: Entry>(
    x: &View<'_, T>,
    ranks: &[usize],
    options: &HooiOptions,
) -> Result<Decomposed<TuckerTensor<T>>> {
    if options.tol.is_nan() || options.tol < 0.0 {
        return Err(Error::Option {
            name: "tol",
            problem: format!("{} is not a change of at least zero", options.tol),
        });
    }
    let input = prepare(x)?;
    let mut report = Report::direct(input.original_norm());
    report.notes = input.notes();
    let tol = Tol::Ranks(ranks.to_vec());
    let ranks = feasible_ranks(&tol, x.shape(), &mut report.notes)?.expect("ranks were given");
    if input.norm == 0.0 {
        return zero(x.shape(), report);
    }
    let limits = Limits {
        ranks: Some(&ranks),
        delta: 0.0,
        svd: options.svd,
        rotate_full: false,
    };
    let order: Vec<usize> = (0..x.ndim()).collect();
    let start = truncate(&input, &order, &limits)?;
    let dense = input.in_memory_order();
    let memory_ranks: Vec<usize> = input.order.iter().map(|&mode| ranks[mode]).collect();
    let mut sweep = Sweep {
        adjoints: start.factors.iter().map(conjugated).collect(),
        factors: start.factors,
        ranks: &memory_ranks,
        svd: options.svd,
        norm: input.norm,
        core: start.core,
        spectra: vec![Vec::new(); x.ndim()],
    };
    let total = input.norm * input.norm;
    let mut captured = T::measure(sweep.core.as_slice()).squared / total;
    report.stop = StopReason::MaxIterations;
    for _ in 0..options.n_iter {
        sweep.descend(&dense, 0, dense.ndim())?;
        report.n_iter += 1;
        let before = captured;
        captured = T::measure(sweep.core.as_slice()).squared / total;
        report.history.push(relative_from_squares(1.0, captured));
        if (captured - before).abs() < resolved::<T>(options.tol) {
            report.stop = StopReason::Converged;
            break;
        }
    }
    report.mode_order = input.order.to_vec();
    report.spectra = crate::input::inverse(&input.order)
        .iter()
        .map(|&axis| std::mem::take(&mut sweep.spectra[axis]))
        .collect();
    let discarded = total * (1.0 - captured);
    finish(&input, sweep.core, sweep.factors, discarded, report)
}

/// State of a sweep, axes in memory order.
struct Sweep<'a, T> {
    factors: Vec<Tensor<T>>,
    /// The factors conjugated (not transposed).
    adjoints: Vec<Tensor<T>>,
    ranks: &'a [usize],
    svd: SvdMethod,
    norm: f64,
    core: Tensor<T>,
    spectra: Vec<Vec<f64>>,
}

impl<T: Entry> Sweep<'_, T> {
    /// Updates the factors `low..high` of `y`, which is already projected along
    /// all other axes.
    fn descend(&mut self, y: &View<'_, T>, low: usize, high: usize) -> Result<()> {
        if high - low == 1 {
            return self.update(y, low);
        }
        let middle = self.split(y.shape(), low, high);
        let right = self.projected(y, middle, high)?;
        self.descend(&right.view(), low, middle)?;
        drop(right);
        let left = self.projected(y, low, middle)?;
        self.descend(&left.view(), middle, high)
    }

    /// Where to cut a range of axes so that both halves are about as large.
    fn split(&self, shape: &[usize], low: usize, high: usize) -> usize {
        let length = |range: std::ops::Range<usize>| -> f64 {
            shape[range].iter().map(|&n| n as f64).product()
        };
        let imbalance = |middle: usize| length(low..middle).max(length(middle..high));
        (low + 1..high)
            .min_by(|&a, &b| imbalance(a).total_cmp(&imbalance(b)))
            .expect("a range of two or more axes has an inner point")
    }

    /// `y` projected along the axes `low..high`, the one that shrinks most first.
    fn projected(&self, y: &View<'_, T>, low: usize, high: usize) -> Result<Tensor<T>> {
        let mut axes: Vec<usize> = (low..high).collect();
        let saving = |axis: usize| y.shape()[axis] as f64 / self.ranks[axis] as f64;
        axes.sort_by(|&a, &b| saving(b).total_cmp(&saving(a)));
        let mut work: Option<Tensor<T>> = None;
        for axis in axes {
            let view = work.as_ref().map_or_else(|| y.clone(), Tensor::view);
            let adjoint = self.adjoints[axis].view().permuted(&[1, 0])?;
            work = Some(mode_product(&view, &adjoint, axis)?);
        }
        Ok(work.expect("the range has an axis"))
    }

    fn update(&mut self, y: &View<'_, T>, axis: usize) -> Result<()> {
        if self.ranks[axis] < y.shape()[axis] {
            let truncation = Truncation::rank(self.ranks[axis]);
            let near = match self.svd {
                SvdMethod::Auto => leading_near(y, axis, &self.factors[axis])?,
                _ => None,
            };
            let found = match near {
                Some(found) => found,
                None => leading(y, axis, &truncation, self.svd, self.norm)?,
            };
            self.spectra[axis] = found.s;
            self.adjoints[axis] = conjugated(&found.u);
            self.factors[axis] = found.u;
        }
        if axis + 1 == self.ranks.len() {
            let adjoint = self.adjoints[axis].view().permuted(&[1, 0])?;
            self.core = mode_product(y, &adjoint, axis)?;
        }
        Ok(())
    }
}
