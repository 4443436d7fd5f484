//! Bases of the leading left singular space of a matrix with no more rows than
//! columns.

use faer::Mat;
use tensegrity_tensor::{Element, Real, SplitMix64};

use crate::finite::norm_squared;
use crate::kernel::{Kernel, RealOf};
use crate::operand::{Operand, Target};
use crate::product::product;
use crate::{Result, SvdMethod, Truncation, eigh, gram, qr, svd};

/// Columns a sketch has beyond the rank wanted (Halko et al., §4.2).
const OVERSAMPLING: usize = 10;
/// The random stream of sketches.
const SEED: u64 = 0x7E45_E617;
/// Smallest tolerance, relative to the norm, that the Gram matrix of few rows
/// can serve: some times the square root of the rounding unit.
const GRAM_FLOOR: f64 = 1e-7;
/// The same for a Gram matrix summed in single precision.
const SINGLE_FLOOR: f64 = 1e-3;
/// Rows up to which the floors hold as they are. Every row adds an eigenvalue
/// of rounding noise to the tail, so beyond they grow with the square root.
const FEW_ROWS: f64 = 16.0;

/// A basis and what is known of the spectrum.
pub(crate) struct Basis<T> {
    /// Left vectors as columns, at least `rank` of them.
    pub(crate) left: Mat<T>,
    /// Right vectors as columns if the method gave them.
    pub(crate) right: Option<Mat<T>>,
    /// Singular values known, descending.
    pub(crate) s: Vec<f64>,
    pub(crate) rank: usize,
    pub(crate) discarded: f64,
    pub(crate) method: SvdMethod,
}

impl<T: Kernel> Basis<T> {
    /// The basis of a zero matrix: one axis.
    pub(crate) fn zero(rows: usize, columns: usize, method: SvdMethod) -> Self {
        let rank = rows.min(1);
        Self {
            left: Mat::identity(rows, rank),
            right: Some(Mat::identity(columns, rank)),
            s: vec![0.0; rows],
            rank,
            discarded: 0.0,
            method: match method {
                SvdMethod::Auto => SvdMethod::Gram,
                method => method,
            },
        }
    }

    fn cut(
        left: Mat<T>,
        right: Option<Mat<T>>,
        s: Vec<f64>,
        beyond: f64,
        truncation: &Truncation,
        method: SvdMethod,
    ) -> Self {
        let (rank, discarded) = truncation.kept(&s, beyond);
        Self {
            left,
            right,
            s,
            rank,
            discarded,
            method,
        }
    }
}

/// The basis `truncation` asks for; `None` if the squared norm is outside the
/// range the methods are safe in (zero, NaN and infinity included).
pub(crate) fn find<T: Kernel>(
    what: &'static str,
    a: Operand<'_, T>,
    truncation: &Truncation,
    method: SvdMethod,
) -> Result<Option<Basis<T>>> {
    debug_assert!(a.rows <= a.columns);
    if a.rows == 0 {
        return Ok(Some(Basis::zero(0, a.columns, method)));
    }
    match method {
        SvdMethod::Auto => match choose(a.rows, a.columns, truncation) {
            SvdMethod::Gram => by_gram(what, a, truncation, true),
            chosen => find(what, a, truncation, chosen),
        },
        SvdMethod::Gram => by_gram(what, a, truncation, false),
        SvdMethod::Qr => by_triangle(what, a, truncation),
        SvdMethod::Randomized => {
            let rank = truncation.max_rank.unwrap_or(a.rows);
            by_sketch(what, a, truncation, rank)
        }
        SvdMethod::Full => by_everything(what, a, truncation).map(Some),
    }
}

/// The cheapest method that can serve; `Gram` is provisional, since the norm
/// that the tolerance must be compared with comes out of the Gram matrix.
fn choose(rows: usize, columns: usize, truncation: &Truncation) -> SvdMethod {
    let rank = truncation.max_rank.unwrap_or(rows).min(rows);
    if truncation.tolerance == 0.0 && rank == rows {
        return exact(rows, columns);
    }
    let (m, n, r) = (rows as f64, columns as f64, rank as f64);
    let sketch = r + OVERSAMPLING as f64;
    // Floating-point operations in units of those of a matrix product: the
    // eigenvectors' n³ run some five times slower, a tall QR three times.
    let gram = m * m * n + 11.0 * m * m * m + 2.0 * m * n * r;
    let random = 8.0 * m * n * sketch + 48.0 * n * sketch * sketch;
    if truncation.max_rank.is_some() && 4.0 * sketch <= m && random < gram {
        SvdMethod::Randomized
    } else {
        SvdMethod::Gram
    }
}

/// The method accurate to rounding.
fn exact(rows: usize, columns: usize) -> SvdMethod {
    if columns >= 2 * rows {
        SvdMethod::Qr
    } else {
        SvdMethod::Full
    }
}

/// Whether squares of entries of a matrix with this squared norm are safe.
fn in_range(norm_squared: f64) -> bool {
    (1e-200..1e250).contains(&norm_squared)
}

fn by_gram<T: Kernel>(
    what: &'static str,
    a: Operand<'_, T>,
    truncation: &Truncation,
    may_switch: bool,
) -> Result<Option<Basis<T>>> {
    let crowd = (a.rows as f64 / FEW_ROWS).sqrt().max(1.0);
    let single = T::DTYPE != T::Wide::DTYPE;
    if single {
        let squared = norm_squared(a);
        let narrow = (1e-20..1e25).contains(&squared)
            && truncation.tolerance >= SINGLE_FLOOR * crowd * squared.sqrt();
        if narrow {
            let mut g = vec![T::ZERO; a.rows * a.rows];
            gram::gram_into(a, &mut g, |x| x);
            return by_eigenvectors::<T, T>(what, &g, a.rows, truncation, |x| x);
        }
    }
    let g = gram::gram_wide(a);
    let squared = trace(&g, a.rows);
    if !in_range(squared) {
        return Ok(None);
    }
    let tolerance = truncation.tolerance;
    if may_switch && tolerance > 0.0 && tolerance < GRAM_FLOOR * crowd * squared.sqrt() {
        return find(what, a, truncation, exact(a.rows, a.columns));
    }
    by_eigenvectors::<T, T::Wide>(what, &g, a.rows, truncation, T::narrow)
}

/// The trace of a Gram matrix: the squared norm of what it is of.
fn trace<W: Kernel>(g: &[W], m: usize) -> f64 {
    (0..m).map(|i| g[i * (m + 1)].re().to_f64()).sum()
}

/// The basis out of a Gram matrix in `W`.
fn by_eigenvectors<T: Kernel, W: Kernel>(
    what: &'static str,
    g: &[W],
    m: usize,
    truncation: &Truncation,
    convert: fn(W) -> T,
) -> Result<Option<Basis<T>>> {
    let descending =
        |values: &[f64]| -> Vec<f64> { values.iter().rev().map(|w| w.max(0.0).sqrt()).collect() };
    let rank = |values: &[f64]| truncation.kept(&descending(values), 0.0).0;
    let (values, vectors) = eigh::leading(what, Operand::of_slice(g, m, m), &rank)?;
    let (s, rank) = (descending(&values), vectors.ncols());
    let mut left = Mat::<T>::zeros(m, rank);
    for j in 0..rank {
        let from = vectors.col_as_slice(rank - 1 - j);
        for (x, &y) in left.col_as_slice_mut(j).iter_mut().zip(from) {
            *x = convert(y);
        }
    }
    Ok(Some(Basis::cut(
        left,
        None,
        s,
        0.0,
        truncation,
        SvdMethod::Gram,
    )))
}

fn by_everything<T: Kernel>(
    what: &'static str,
    a: Operand<'_, T>,
    truncation: &Truncation,
) -> Result<Basis<T>> {
    let factors = svd::factors(what, a, true, true)?;
    Ok(Basis::cut(
        factors.u.expect("left vectors were asked for"),
        factors.v,
        factors.s,
        0.0,
        truncation,
        SvdMethod::Full,
    ))
}

/// The left factor out of the triangle of a QR factorisation of the adjoint,
/// taken over blocks of columns so that no copy of the matrix is made
/// (the sequential tall-skinny QR of Demmel et al., arXiv:0808.2664).
fn by_triangle<T: Kernel>(
    what: &'static str,
    a: Operand<'_, T>,
    truncation: &Truncation,
) -> Result<Option<Basis<T>>> {
    if !in_range(norm_squared(a)) || single_extreme::<T>(norm_squared(a)) {
        return Ok(None);
    }
    let m = a.rows;
    let block = (8 * m).max(4096);
    let mut triangle: Option<Mat<T>> = None;
    for start in (0..a.columns).step_by(block) {
        let end = (start + block).min(a.columns);
        let part = a.column_range(start..end).adjoint();
        let stacked = match &triangle {
            None => part.to_columns(),
            Some(above) => {
                let mut stacked = Mat::<T>::zeros(above.nrows() + part.rows, m);
                let (upper, lower) = stacked.as_mut().split_at_row_mut(above.nrows());
                Operand::of(above.as_ref()).write_to(&mut Target::of(upper));
                part.write_to(&mut Target::of(lower));
                stacked
            }
        };
        triangle = Some(qr::triangle_in_place(stacked));
    }
    let triangle = triangle.expect("there is a column");
    let factors = svd::factors(what, Operand::of(triangle.as_ref()).adjoint(), true, false)?;
    Ok(Some(Basis::cut(
        factors.u.expect("left vectors were asked for"),
        None,
        factors.s,
        0.0,
        truncation,
        SvdMethod::Qr,
    )))
}

/// Whether a single-precision matrix of this squared norm overflows or loses
/// digits in its own squares.
fn single_extreme<T: Kernel>(squared: f64) -> bool {
    <RealOf<T> as Real>::EPSILON.to_f64() > 1e-10 && !(1e-20..1e25).contains(&squared)
}

/// Randomised range finder for the row space with one power iteration.
///
/// The test matrix stands on the shorter side, so it is small; the products
/// and their order are those of the algorithm on the adjoint.
fn by_sketch<T: Kernel>(
    what: &'static str,
    a: Operand<'_, T>,
    truncation: &Truncation,
    rank: usize,
) -> Result<Option<Basis<T>>> {
    let squared = norm_squared(a);
    if !in_range(squared) || single_extreme::<T>(squared) {
        return Ok(None);
    }
    let (m, n) = (a.rows, a.columns);
    let sketch = (rank + OVERSAMPLING).min(m);
    let test = SplitMix64::new(SEED).normal_tensor::<T>(&[m, sketch]);
    let test = Operand::of_slice(test.as_slice(), m, sketch);
    let multiply = |left: Operand<'_, T>, right: Operand<'_, T>| {
        let mut result = Mat::<T>::zeros(left.rows, right.columns);
        product(T::ONE, left, right, T::ZERO, Target::of(result.as_mut()));
        result
    };
    let orthonormal = |y: &Mat<T>| qr::columns(what, Operand::of(y.as_ref())).map(|(q, _)| q);
    let mut q: Mat<T> = orthonormal(&multiply(a.adjoint(), test))?;
    let z: Mat<T> = orthonormal(&multiply(a, Operand::of(q.as_ref())))?;
    q = orthonormal(&multiply(a.adjoint(), Operand::of(z.as_ref())))?;
    let b = multiply(a, Operand::of(q.as_ref()));
    let factors = svd::factors(what, Operand::of(b.as_ref()), true, true)?;
    let rotation = factors.v.expect("right vectors were asked for");
    let right = multiply(Operand::of(q.as_ref()), Operand::of(rotation.as_ref()));
    debug_assert_eq!(right.nrows(), n);
    let captured: f64 = factors.s.iter().rev().map(|x| x * x).sum();
    let beyond = outside(a, &right, squared, captured);
    Ok(Some(Basis::cut(
        factors.u.expect("left vectors were asked for"),
        Some(right),
        factors.s,
        beyond,
        truncation,
        SvdMethod::Randomized,
    )))
}

/// Squared norm of the matrix outside the row space spanned by `right`.
///
/// The difference of squares loses its digits when little is outside; then the
/// residual is computed, in blocks of rows.
fn outside<T: Kernel>(a: Operand<'_, T>, right: &Mat<T>, squared: f64, captured: f64) -> f64 {
    let difference = (squared - captured).max(0.0);
    let unit = <RealOf<T> as Real>::EPSILON.to_f64();
    if difference > 1e3 * unit * squared {
        return difference;
    }
    const ROWS: usize = 64;
    let right = Operand::of(right.as_ref());
    let mut total = 0.0;
    for start in (0..a.rows).step_by(ROWS) {
        let block = a.row_range(start..(start + ROWS).min(a.rows));
        let mut residual = block.to_columns();
        let mut inside = Mat::<T>::zeros(block.rows, right.columns);
        product(T::ONE, block, right, T::ZERO, Target::of(inside.as_mut()));
        let minus = -T::ONE;
        let inside = Operand::of(inside.as_ref());
        product(
            minus,
            inside,
            right.adjoint(),
            T::ONE,
            Target::of(residual.as_mut()),
        );
        total += norm_squared(Operand::of(residual.as_ref()));
    }
    total
}
