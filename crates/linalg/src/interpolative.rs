//! Decompositions whose factors are rows and columns of the matrix itself
//! (Cheng, Gimbutas, Martinsson and Rokhlin, SIAM J. Sci. Comput. 26 (2005) 1389).
//!
//! Method: QR with column exchanges; the columns taken first span the others.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::qr::col_pivoting::factor as pivoting;
use faer::linalg::triangular_solve::solve_upper_triangular_in_place;
use faer::{Mat, Par};
use tensegrity_tensor::{Scalar, Tensor, View};

use crate::finite::{magnitude, safe_scale};
use crate::kernel::Kernel;
use crate::operand::{Operand, Target};
use crate::product::product;
use crate::{Field, Result, Truncation, least_squares};

/// `A ≈ A[:, columns]·coefficients`.
#[derive(Clone, Debug)]
pub struct Interpolative<T> {
    /// The r columns taken, in the order they were.
    pub columns: Vec<usize>,
    /// r×n; the columns taken are unit vectors, and no other entry is large.
    pub coefficients: Tensor<T>,
    /// Frobenius norm of what is left out.
    pub discarded: f64,
}

/// `A ≈ A[:, columns]·middle·A[rows, :]`.
#[derive(Clone, Debug)]
pub struct Cur<T> {
    /// The r columns taken.
    pub columns: Vec<usize>,
    /// The r rows taken.
    pub rows: Vec<usize>,
    /// r×r, the best for these rows and columns.
    pub middle: Tensor<T>,
}

/// The interpolative decomposition that `truncation` asks for.
///
/// The error is at most √(1 + r·(n − r)) times the best of that rank, in
/// practice close to it.
///
/// Cost: 4·m·n·min(m, n) multiply-adds at most; memory for a copy.
///
/// # Errors
/// [`crate::Error::WrongAxes`], [`crate::Error::NonFinite`],
/// [`crate::Error::BadOption`].
pub fn interpolative<T: Field>(
    a: &View<'_, T>,
    truncation: &Truncation,
) -> Result<Interpolative<T>> {
    T::interpolative(Operand::new("interpolative", "a", a)?, truncation)
}

/// Rows, columns and the small matrix between them.
///
/// The rank is that of [`interpolative`]; the middle is C⁺·A·R⁺, which is the
/// best in the Frobenius norm.
///
/// Cost: two interpolative decompositions and two pseudo-inverses of rank r.
///
/// # Errors
/// As [`interpolative`].
pub fn cur<T: Field>(a: &View<'_, T>, truncation: &Truncation) -> Result<Cur<T>> {
    T::cur(Operand::new("cur", "a", a)?, truncation)
}

pub(crate) fn by_columns<T: Kernel>(
    a: Operand<'_, T>,
    truncation: &Truncation,
) -> Result<Interpolative<T>> {
    truncation.check("interpolative")?;
    let size = magnitude("interpolative", "a", a)?;
    let (m, n) = (a.rows, a.columns);
    let k = m.min(n);
    if size == 0.0 {
        // Nothing is to be spanned; one column stands for all.
        let rank = k.min(1);
        let mut coefficients = vec![T::ZERO; rank * n];
        coefficients.iter_mut().take(1).for_each(|x| *x = T::ONE);
        return Ok(Interpolative {
            columns: (0..rank).collect(),
            coefficients: Tensor::from_vec(coefficients, &[rank, n])?,
            discarded: 0.0,
        });
    }
    let scale = safe_scale::<T>(size);
    let factor = <T as Scalar>::from_f64(scale, 0.0);
    let copy = a.to_tensor().map(|x| x * factor);
    let mut work = Operand::of_slice(copy.as_slice(), m, n).to_columns();
    let (mut order, mut inverse) = (vec![0usize; n], vec![0usize; n]);
    let block = faer::linalg::qr::no_pivoting::factor::recommended_block_size::<T>(m, n);
    let mut reflections = Mat::<T>::zeros(block, k);
    let scratch =
        pivoting::qr_in_place_scratch::<usize, T>(m, n, block, Par::Seq, Default::default());
    pivoting::qr_in_place(
        work.as_mut(),
        reflections.as_mut(),
        &mut order,
        &mut inverse,
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    );
    // What is left after r columns is the triangle's rows from r on.
    let row = |i: usize| -> f64 { (i..n).map(|j| work[(i, j)].abs2()).sum() };
    let rows: Vec<f64> = (0..k).map(|i| row(i).sqrt() / scale).collect();
    let (rank, discarded) = truncation.kept(&rows, 0.0);
    // A zero pivot ends the rank whatever was asked for.
    let rank = (1..rank)
        .find(|&i| work[(i, i)].abs2() == 0.0)
        .unwrap_or(rank);
    let mut rest = Mat::from_fn(rank, n - rank, |i, j| work[(i, rank + j)]);
    let triangle = work.as_ref().submatrix(0, 0, rank, rank);
    solve_upper_triangular_in_place(triangle, rest.as_mut(), Par::Seq);
    let mut coefficients = vec![T::ZERO; rank * n];
    for (place, &column) in order.iter().enumerate() {
        for i in 0..rank {
            coefficients[i * n + column] = match place.checked_sub(rank) {
                None if place == i => T::ONE,
                None => T::ZERO,
                Some(j) => rest[(i, j)],
            };
        }
    }
    order.truncate(rank);
    Ok(Interpolative {
        columns: order,
        coefficients: Tensor::from_vec(coefficients, &[rank, n])?,
        discarded,
    })
}

pub(crate) fn both_sides<T: Kernel>(a: Operand<'_, T>, truncation: &Truncation) -> Result<Cur<T>> {
    let columns = by_columns(a, truncation)?.columns;
    let r = columns.len();
    let c = Mat::from_fn(a.rows, r, |i, j| a.stored(i, columns[j]));
    let c = Operand::of(c.as_ref());
    let rows = by_columns(c.transposed(), &Truncation::rank(r.max(1)))?.columns;
    let right = Mat::from_fn(rows.len(), a.columns, |i, j| a.stored(rows[i], j));
    let right = Operand::of(right.as_ref());
    let inverse_c = least_squares::pseudo_inverse(c, None)?;
    let inverse_r = least_squares::pseudo_inverse(right, None)?;
    let between = Operand::of_slice(inverse_c.as_slice(), r, a.rows);
    let mut half = vec![T::ZERO; r * a.columns];
    product(
        T::ONE,
        between,
        a,
        T::ZERO,
        Target::of_slice(&mut half, r, a.columns),
    );
    let mut middle = vec![T::ZERO; r * rows.len()];
    product(
        T::ONE,
        Operand::of_slice(&half, r, a.columns),
        Operand::of_slice(inverse_r.as_slice(), a.columns, rows.len()),
        T::ZERO,
        Target::of_slice(&mut middle, r, rows.len()),
    );
    Ok(Cur {
        middle: Tensor::from_vec(middle, &[r, rows.len()])?,
        columns,
        rows,
    })
}
