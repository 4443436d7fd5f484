//! The tensor train of a dense tensor by successive singular value decompositions.

use tensegrity_linalg::{LeftVectors, SvdMethod, TruncatedSvd, Truncation, matmul, truncated_svd};
use tensegrity_tensor::{Tensor, View};

use crate::input::prepare;
use crate::leading::{gram_suffices, of_matrix};
use crate::residual::{conjugated, subtraction_loses_digits};
use crate::tt::params::bond_limits;
use crate::unfold::reshaped;
use crate::{Decomposed, Entry, Note, Report, Result, Tol, TtOptions, TtTensor};

/// TT-SVD, left to right.
///
/// A tolerance ε gives each of the d − 1 bonds a share ε/√(d−1).
/// [`Tol::Ranks`] takes the d − 1 inner ranks, or d + 1 with the outer ones of 1.
/// Bonds that keep their full rank at the left end get identity cores and cost
/// no copy, so memory beyond `x` is what is left after the first true truncation.
/// `x` is copied if it is not row-major.
///
/// The report's spectra are the singular values at each bond as they were met
/// (empty where a given rank made computing them needless).
///
/// Cost: for each bond the smaller side of its unfolding times the number of
/// elements left.
///
/// ```
/// use tensegrity_decompose::{Tol, TtOptions, tt_svd};
/// use tensegrity_tensor::Tensor;
/// let x = Tensor::from_fn(&[8; 5], |i| (0.3 * i.iter().sum::<usize>() as f64).sin())?;
/// let found = tt_svd(&x.view(), &Tol::Rel(1e-8), &TtOptions::default())?;
/// assert_eq!(found.tensor.ranks(), [1, 2, 2, 2, 2, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`crate::Error::NoModes`], [`crate::Error::EmptyMode`],
/// [`crate::Error::NotFinite`], [`crate::Error::Tolerance`],
/// [`crate::Error::ZeroRank`], [`crate::Error::RankCount`],
/// [`crate::Error::Boundary`] for outer ranks other than one.
pub fn tt_svd<T: Entry>(
    x: &View<'_, T>,
    tol: &Tol,
    options: &TtOptions,
) -> Result<Decomposed<TtTensor<T>>> {
    T::tt_svd(x, tol, options)
}

pub(crate) fn run<T: Entry>(
    x: &View<'_, T>,
    tol: &Tol,
    options: &TtOptions,
) -> Result<Decomposed<TtTensor<T>>> {
    let mut input = prepare(x)?;
    let norm = input.norm;
    let mut report = Report::direct(input.original_norm());
    report.notes = input.notes();
    let tol = input.scaled_tolerance(tol);
    let bonds = x.ndim() - 1;
    let (limits, ranks_given) = bond_limits(&tol, options.max_rank, x.shape(), &mut report.notes)?;
    let delta = tol.per_cut(norm, bonds)?;
    if norm == 0.0 {
        return zero(x.shape(), report);
    }
    let dense = input.in_mode_order()?;
    let cutter = Cutter {
        delta,
        norm,
        svd: options.svd,
        skip_full: ranks_given,
    };
    let mut cores = Vec::with_capacity(x.ndim());
    let mut work: Option<Tensor<T>> = None;
    let (mut rank, mut discarded) = (1, 0.0);
    for (mode, &limit) in limits.iter().enumerate() {
        let n = x.shape()[mode];
        let view = work.as_ref().map_or_else(|| dense.clone(), Tensor::view);
        let columns = view.len() / (rank * n);
        let matrix = reshaped(&view, &[rank * n, columns])?;
        let cut = cutter.cut(&matrix, limit)?;
        discarded += cut.discarded * cut.discarded;
        report.spectra.push(cut.s);
        let next = cut.core.shape()[1];
        cores.push(cut.core.reshaped(&[rank, n, next])?);
        if let Some(rest) = cut.rest {
            work = Some(rest);
        }
        rank = next;
    }
    let n = x.shape()[bonds];
    let mut last = match work {
        Some(work) => work.reshaped(&[rank, n, 1])?,
        None => dense.reshape_copy(&[rank, n, 1])?,
    };
    report.error = discarded.sqrt() / norm;
    let mut tt = TtTensor { cores };
    if bonds > 0 && subtraction_loses_digits::<T>(report.error) {
        tt.cores.push(last);
        report.error = tt.squared_residual(&dense)?.sqrt() / norm;
        last = tt.cores.pop().expect("it was pushed");
    }
    input.unscale(&mut last);
    tt.cores.push(last);
    Ok(Decomposed { tensor: tt, report })
}

/// The zero train and its report.
pub(crate) fn zero<T: Entry>(
    shape: &[usize],
    mut report: Report,
) -> Result<Decomposed<TtTensor<T>>> {
    if !report.notes.contains(&Note::AllZero) {
        report.notes.push(Note::AllZero);
    }
    report.spectra = vec![vec![0.0]; shape.len() - 1];
    Ok(Decomposed {
        tensor: TtTensor::zero(shape)?,
        report,
    })
}

/// One truncation: `matrix ≈ core·rest` with orthonormal columns in `core`.
pub(crate) struct Cut<T> {
    pub(crate) core: Tensor<T>,
    /// `None`: the core is the identity and the rest the matrix itself.
    pub(crate) rest: Option<Tensor<T>>,
    pub(crate) s: Vec<f64>,
    pub(crate) discarded: f64,
}

/// How matrices are cut.
pub(crate) struct Cutter {
    pub(crate) delta: f64,
    pub(crate) norm: f64,
    pub(crate) svd: SvdMethod,
    /// Needs no singular values of a matrix that keeps all its rows.
    pub(crate) skip_full: bool,
}

impl Cutter {
    pub(crate) fn cut<T: Entry>(&self, matrix: &View<'_, T>, limit: usize) -> Result<Cut<T>> {
        let (rows, columns) = (matrix.shape()[0], matrix.shape()[1]);
        if self.skip_full && limit == rows && rows <= columns {
            return Ok(Cut {
                core: Tensor::eye(rows)?,
                rest: None,
                s: Vec::new(),
                discarded: 0.0,
            });
        }
        // A limit of the full side is no limit: tolerance alone decides.
        let truncation = Truncation {
            max_rank: (limit < rows.min(columns)).then_some(limit),
            tolerance: self.delta,
        };
        if rows <= columns {
            self.wide(matrix, &truncation)
        } else {
            self.tall(matrix, &truncation)
        }
    }

    fn wide<T: Entry>(&self, matrix: &View<'_, T>, truncation: &Truncation) -> Result<Cut<T>> {
        let LeftVectors {
            u, s, discarded, ..
        } = of_matrix(matrix, truncation, self.svd, self.norm)?;
        let rows = matrix.shape()[0];
        if u.shape()[1] == rows {
            return Ok(Cut {
                core: Tensor::eye(rows)?,
                rest: None,
                s,
                discarded,
            });
        }
        let adjoint = conjugated(&u);
        let rest = matmul(&adjoint.view().permuted(&[1, 0])?, matrix)?;
        Ok(Cut {
            core: u,
            rest: Some(rest),
            s,
            discarded,
        })
    }

    fn tall<T: Entry>(&self, matrix: &View<'_, T>, truncation: &Truncation) -> Result<Cut<T>> {
        let found = self.truncated(matrix, truncation)?;
        let mut rest = found.vh;
        let columns = rest.shape()[1];
        for (row, &value) in rest.as_mut_slice().chunks_exact_mut(columns).zip(&found.s) {
            let factor = T::from_f64(value, 0.0);
            row.iter_mut().for_each(|x| *x = x.mul(factor));
        }
        Ok(Cut {
            core: found.u,
            rest: Some(rest),
            s: found.s,
            discarded: found.discarded,
        })
    }

    /// [`truncated_svd`] with the deterministic choice of [`of_matrix`].
    fn truncated<T: Entry>(
        &self,
        matrix: &View<'_, T>,
        truncation: &Truncation,
    ) -> Result<TruncatedSvd<T>> {
        if self.svd != SvdMethod::Auto || truncation.max_rank.is_none() {
            return Ok(truncated_svd(matrix, truncation, self.svd)?);
        }
        if truncation.tolerance > 0.0 && truncation.tolerance < 1e-7 * self.norm {
            return Ok(truncated_svd(matrix, truncation, SvdMethod::Qr)?);
        }
        let found = truncated_svd(matrix, truncation, SvdMethod::Gram)?;
        // Only the kept values are known here; the discarded norm stands for the rest.
        let last = found.s.last().copied().unwrap_or(0.0);
        if gram_suffices(&[last, found.discarded], 1, self.norm) {
            return Ok(found);
        }
        Ok(truncated_svd(matrix, truncation, SvdMethod::Qr)?)
    }
}
