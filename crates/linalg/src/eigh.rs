//! Eigenvalues and eigenvectors of Hermitian matrices.
//!
//! Method: Householder tridiagonalisation and divide and conquer on the
//! tridiagonal (faer). Reflections are applied to the vectors wanted only,
//! which spares a fifth of the work when a Gram matrix is asked for a few.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{
    ComputeEigenvectors, SelfAdjointEvdParams, self_adjoint_evd_scratch, tridiag,
    tridiagonal_self_adjoint_evd,
};
use faer::linalg::householder::{
    apply_block_householder_sequence_on_the_left_in_place_scratch as apply_scratch,
    apply_block_householder_sequence_on_the_left_in_place_with_conj as apply,
};
use faer::linalg::qr::no_pivoting::factor::recommended_block_size;
use faer::{Auto, Conj, Mat, Par, Spec};
use tensegrity_tensor::{Real, Scalar, Tensor, View};

use crate::finite::{magnitude, safe_scale};
use crate::kernel::Kernel;
use crate::operand::Operand;
use crate::{Error, Field, Result, signs};

/// `A = V·diag(values)·Vᴴ`.
#[derive(Clone, Debug)]
pub struct Eigh<T> {
    /// Eigenvalues, ascending.
    pub values: Vec<f64>,
    /// Orthonormal eigenvectors as columns, n×n; in each, the entry of largest
    /// magnitude is real and positive (the first among equals).
    pub vectors: Tensor<T>,
}

/// Eigenvalues (ascending) and eigenvectors of a Hermitian n×n matrix, of which
/// only the lower triangle is read.
///
/// Cost: O(n³), about ten products.
///
/// # Errors
/// [`Error::WrongAxes`], [`Error::NotSquare`], [`Error::NonFinite`],
/// [`Error::NoConvergence`].
pub fn eigh<T: Field>(a: &View<'_, T>) -> Result<Eigh<T>> {
    T::eigh(Operand::new("eigh", "a", a)?)
}

pub(crate) fn dense<T: Kernel>(a: Operand<'_, T>) -> Result<Eigh<T>> {
    let (values, vectors) = columns("eigh", a)?;
    Ok(Eigh {
        values,
        vectors: Operand::of(vectors.as_ref()).to_tensor(),
    })
}

/// The factors in column-major form, ascending.
pub(crate) fn columns<T: Kernel>(
    what: &'static str,
    a: Operand<'_, T>,
) -> Result<(Vec<f64>, Mat<T>)> {
    leading(what, a, &|values| values.len())
}

/// All eigenvalues, ascending, and the vectors of the largest ones, ascending;
/// `count` says how many, given the ascending values.
pub(crate) fn leading<T: Kernel>(
    what: &'static str,
    a: Operand<'_, T>,
    count: &dyn Fn(&[f64]) -> usize,
) -> Result<(Vec<f64>, Mat<T>)> {
    if a.rows != a.columns {
        return Err(Error::NotSquare {
            what,
            argument: "a",
            shape: a.shape(),
        });
    }
    let mut largest = 0.0f64;
    for i in 0..a.rows {
        let row = a.row_range(i..i + 1).column_range(0..i + 1);
        largest = largest.max(magnitude(what, "a", row).map_err(|error| at_row(error, i))?);
    }
    let scale = safe_scale::<T>(largest);
    let failed = || Error::NoConvergence {
        what,
        shape: a.shape(),
    };
    let Tridiagonal {
        reflections,
        coefficients,
        values,
        vectors,
    } = Tridiagonal::reduce(a, scale).ok_or_else(failed)?;
    let values: Vec<f64> = values.into_iter().map(|x| x / scale).collect();
    let n = a.rows;
    let first = n - count(&values).min(n);
    let mut kept = if first == 0 {
        vectors
    } else {
        vectors.get(.., first..).to_owned()
    };
    if n > 1 && first < n {
        let scratch = apply_scratch::<T>(n - 1, coefficients.nrows(), n - first);
        apply(
            reflections.get(1.., ..n - 1),
            coefficients.as_ref(),
            Conj::No,
            kept.get_mut(1.., ..),
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
        );
    }
    signs::fix_columns(&mut kept, None);
    Ok((values, kept))
}

/// The position of a bad entry of row `row` in the whole matrix.
fn at_row(mut error: Error, row: usize) -> Error {
    if let Error::NonFinite { position, .. } = &mut error {
        position[0] += row;
    }
    error
}

/// A scaled copy with a real diagonal, which faer takes for granted.
fn prepared<T: Kernel>(a: Operand<'_, T>, scale: f64) -> Mat<T> {
    let mut work = a.to_columns();
    let factor = <T as Scalar>::from_f64(scale, 0.0);
    for j in 0..a.columns {
        work[(j, j)] = <T as Scalar>::from_real(work[(j, j)].re());
        if scale != 1.0 {
            for x in &mut work.col_as_slice_mut(j)[j..] {
                *x *= factor;
            }
        }
    }
    work
}

/// `scale·A = Q·T·Qᴴ` with `T = W·diag(values)·Wᴴ` tridiagonal.
struct Tridiagonal<T> {
    /// The reflections of `Q` below the subdiagonal.
    reflections: Mat<T>,
    coefficients: Mat<T>,
    /// Ascending.
    values: Vec<f64>,
    /// `W`.
    vectors: Mat<T>,
}

impl<T: Kernel> Tridiagonal<T> {
    /// Reads the lower triangle; `None` if the tridiagonal problem does not converge.
    fn reduce(a: Operand<'_, T>, scale: f64) -> Option<Self> {
        let n = a.rows;
        let mut reflections = prepared(a, scale);
        let block = recommended_block_size::<T>(n, n);
        let mut coefficients = Mat::<T>::zeros(block, n.saturating_sub(1));
        let (mut diagonal, mut below) = (Diag::<T>::zeros(n), Diag::<T>::zeros(n));
        if n > 0 {
            let scratch = tridiag::tridiag_in_place_scratch::<T>(n, Par::Seq, Default::default());
            tridiag::tridiag_in_place(
                reflections.as_mut(),
                coefficients.as_mut(),
                Par::Seq,
                MemStack::new(&mut MemBuffer::new(scratch)),
                Default::default(),
            );
        }
        for i in 0..n {
            diagonal[i] = reflections[(i, i)];
            if i + 1 < n {
                below[i] = reflections[(i + 1, i)];
            }
        }
        let fast = <SelfAdjointEvdParams as Auto<T>>::auto();
        // Divide and conquer off: the QR algorithm on the whole tridiagonal.
        let mut slow = fast;
        slow.recursion_threshold = usize::MAX;
        let (values, vectors) = [fast, slow]
            .into_iter()
            .find_map(|params| converge(&diagonal, &below, params))?;
        Some(Self {
            reflections,
            coefficients,
            values,
            vectors,
        })
    }
}

/// faer's decomposition of a tridiagonal matrix; `None` if it does not converge.
fn converge<T: Kernel>(
    diagonal: &Diag<T>,
    below: &Diag<T>,
    params: SelfAdjointEvdParams,
) -> Option<(Vec<f64>, Mat<T>)> {
    let n = diagonal.dim();
    let mut vectors = Mat::<T>::zeros(n, n);
    let mut s = Diag::<T>::zeros(n);
    if n > 0 {
        let params: Spec<SelfAdjointEvdParams, T> = params.into();
        // More than the tridiagonal part needs; there is no request for that alone.
        let scratch = self_adjoint_evd_scratch::<T>(n, ComputeEigenvectors::Yes, Par::Seq, params);
        tridiagonal_self_adjoint_evd(
            diagonal.as_ref(),
            below.as_ref(),
            s.as_mut(),
            Some(vectors.as_mut()),
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
            params,
        )
        .ok()?;
    }
    let values: Vec<f64> = (0..n).map(|i| s[i].re().to_f64()).collect();
    values
        .iter()
        .all(|x| x.is_finite())
        .then_some((values, vectors))
}
