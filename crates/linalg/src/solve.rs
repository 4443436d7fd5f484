//! Linear systems and determinants by LU factorisation with row exchanges, and
//! systems with a triangular matrix.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::lu::partial_pivoting::{factor, solve as substitute};
use faer::linalg::triangular_solve as triangular;
use faer::{Conj, Mat, Par};
use tensegrity_tensor::{Element, Real, Scalar, Tensor, View};

use crate::finite::magnitude;
use crate::gemm::mismatch;
use crate::kernel::Kernel;
use crate::operand::{Operand, Target};
use crate::{Error, Field, Result};

/// Which triangle of a matrix is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Triangle {
    /// Entries on and below the diagonal.
    Lower,
    /// Entries on and above the diagonal.
    Upper,
}

/// The solution `X` of `A·X = B` for a square `A`; `b` has shape `[n]` or `[n, k]`.
///
/// Cost: 2n³/3 multiply-adds for the factorisation, n²·k for the solution.
///
/// # Errors
/// [`Error::Singular`] names the first zero pivot. A matrix that is singular
/// but for rounding is not detected: look at its [`crate::singular_values`].
/// [`Error::WrongAxes`], [`Error::NotSquare`], [`Error::ShapeMismatch`],
/// [`Error::NonFinite`].
pub fn solve<T: Field>(a: &View<'_, T>, b: &View<'_, T>) -> Result<Tensor<T>> {
    let columns = as_columns("solve", a, b)?;
    let right = Operand::new("solve", "b", &columns)?;
    let x = T::solve(Operand::new("solve", "a", a)?, right)?;
    Ok(x.reshaped(b.shape())?)
}

/// The solution `X` of `A·X = B` reading only one triangle of a square `A`;
/// `b` has shape `[n]` or `[n, k]`.
///
/// Cost: n²·k/2 multiply-adds.
///
/// # Errors
/// As [`solve`].
pub fn solve_triangular<T: Field>(
    a: &View<'_, T>,
    triangle: Triangle,
    b: &View<'_, T>,
) -> Result<Tensor<T>> {
    let columns = as_columns("solve_triangular", a, b)?;
    let right = Operand::new("solve_triangular", "b", &columns)?;
    let x = T::solve_triangular(Operand::new("solve_triangular", "a", a)?, triangle, right)?;
    Ok(x.reshaped(b.shape())?)
}

/// The determinant; one for the empty matrix.
///
/// Cost: as [`solve`]. Overflows for large matrices: see [`log_det`].
///
/// # Errors
/// [`Error::WrongAxes`], [`Error::NotSquare`], [`Error::NonFinite`].
pub fn det<T: Field>(a: &View<'_, T>) -> Result<T> {
    let (phase, log) = log_det(a)?;
    Ok(Element::mul(phase, T::from_f64(log.exp(), 0.0)))
}

/// The determinant as `phase·exp(log)` with |phase| = 1; a singular matrix has
/// phase zero and log −∞ (NumPy's `slogdet`).
///
/// # Errors
/// As [`det`].
pub fn log_det<T: Field>(a: &View<'_, T>) -> Result<(T, f64)> {
    T::log_det(Operand::new("log_det", "a", a)?)
}

fn as_columns<'a, T: Field>(
    what: &'static str,
    a: &View<'_, T>,
    b: &View<'a, T>,
) -> Result<View<'a, T>> {
    let columns = match b.ndim() {
        1 => b.inserted(1)?,
        _ => b.clone(),
    };
    if a.ndim() == 2 && columns.shape()[0] != a.shape()[0] {
        return Err(mismatch(what, "a", a.shape(), "b", b.shape()));
    }
    Ok(columns)
}

fn square<T: Kernel>(what: &'static str, a: Operand<'_, T>) -> Result<usize> {
    if a.rows == a.columns {
        Ok(a.rows)
    } else {
        Err(Error::NotSquare {
            what,
            argument: "a",
            shape: a.shape(),
        })
    }
}

/// `P·Aᵀ = L·U` in one matrix. The transpose of a row-major matrix is
/// column-major where it is, so nothing has to be turned.
struct Lu<T> {
    factors: Mat<T>,
    rows: Vec<usize>,
    inverse: Vec<usize>,
    exchanges: usize,
}

fn decompose<T: Kernel>(what: &'static str, a: Operand<'_, T>) -> Result<Lu<T>> {
    let n = square(what, a)?;
    magnitude(what, "a", a)?;
    let mut factors = a.transposed().to_columns();
    let (mut rows, mut inverse) = (vec![0usize; n], vec![0usize; n]);
    let mut exchanges = 0;
    if n > 0 {
        let scratch = factor::lu_in_place_scratch::<usize, T>(n, n, Par::Seq, Default::default());
        let (info, _) = factor::lu_in_place(
            factors.as_mut(),
            &mut rows,
            &mut inverse,
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
            Default::default(),
        );
        exchanges = info.transposition_count;
    }
    Ok(Lu {
        factors,
        rows,
        inverse,
        exchanges,
    })
}

pub(crate) fn general<T: Kernel>(a: Operand<'_, T>, b: Operand<'_, T>) -> Result<Tensor<T>> {
    magnitude("solve", "b", b)?;
    let lu = decompose("solve", a)?;
    let n = a.rows;
    if let Some(pivot) = (0..n).find(|&i| lu.factors[(i, i)] == T::ZERO) {
        return Err(Error::Singular {
            what: "solve",
            pivot,
        });
    }
    let mut x = b.to_columns();
    if n > 0 {
        let order = faer::perm::PermRef::new_checked(&lu.rows, &lu.inverse, n);
        let scratch =
            substitute::solve_transpose_in_place_scratch::<usize, T>(n, b.columns, Par::Seq);
        substitute::solve_transpose_in_place_with_conj(
            lu.factors.as_ref(),
            lu.factors.as_ref(),
            order,
            Conj::No,
            x.as_mut(),
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
        );
    }
    Ok(Operand::of(x.as_ref()).to_tensor())
}

pub(crate) fn one_triangle<T: Kernel>(
    a: Operand<'_, T>,
    triangle: Triangle,
    b: Operand<'_, T>,
) -> Result<Tensor<T>> {
    const WHAT: &str = "solve_triangular";
    let n = square(WHAT, a)?;
    magnitude(WHAT, "b", b)?;
    // The other triangle may hold anything.
    let mut work = a.to_columns();
    for j in 0..n {
        match triangle {
            Triangle::Lower => work.col_as_slice_mut(j)[..j].fill(T::ZERO),
            Triangle::Upper => work.col_as_slice_mut(j)[j + 1..].fill(T::ZERO),
        }
    }
    magnitude(WHAT, "a", Operand::of(work.as_ref()))?;
    if let Some(pivot) = (0..n).find(|&i| work[(i, i)] == T::ZERO) {
        return Err(Error::Singular { what: WHAT, pivot });
    }
    let mut x = b.to_columns();
    let mut target = Target::of(x.as_mut());
    match triangle {
        Triangle::Lower => triangular::solve_lower_triangular_in_place_with_conj(
            work.as_ref(),
            Conj::No,
            target.faer(),
            Par::Seq,
        ),
        Triangle::Upper => triangular::solve_upper_triangular_in_place_with_conj(
            work.as_ref(),
            Conj::No,
            target.faer(),
            Par::Seq,
        ),
    }
    Ok(Operand::of(x.as_ref()).to_tensor())
}

pub(crate) fn log_determinant<T: Kernel>(a: Operand<'_, T>) -> Result<(T, f64)> {
    let lu = decompose("log_det", a)?;
    let odd = lu.exchanges % 2 == 1;
    let mut phase = (if odd { -1.0f64 } else { 1.0 }, 0.0f64);
    let mut log = 0.0;
    for i in 0..a.rows {
        let pivot = lu.factors[(i, i)];
        let (re, im) = (pivot.re().to_f64(), pivot.im().to_f64());
        let size = re.hypot(im);
        if size == 0.0 {
            return Ok((T::ZERO, f64::NEG_INFINITY));
        }
        log += size.ln();
        let (re, im) = (re / size, im / size);
        phase = (phase.0 * re - phase.1 * im, phase.0 * im + phase.1 * re);
    }
    Ok((<T as Scalar>::from_f64(phase.0, phase.1), log))
}
