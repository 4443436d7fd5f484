//! Memory-bound products: dot, matrix times vector, rank-one update.
//!
//! Each reads its matrix once, in the order of the smaller stride, with the
//! widest instructions the processor has (chosen at run time by `pulp`).
//! Sums run in an order that depends on lengths and strides only.

use std::mem::size_of;

use pulp::{Arch, Simd, WithSimd};
use tensegrity_tensor::Scalar;

use crate::kernel::Kernel;
use crate::operand::{Operand, Target};

/// Rows or columns of the matrix handled together, so that the vector is read
/// from registers that many times less often.
const TOGETHER: usize = 4;

/// The number of elements in a register.
#[inline(always)]
fn width<T: Kernel, S: Simd>() -> usize {
    size_of::<T::Lanes<S>>() / size_of::<T>()
}

/// # Safety
/// `pointer` is valid for reads of one register.
#[inline(always)]
unsafe fn load<T: Kernel, S: Simd>(pointer: *const T) -> T::Lanes<S> {
    // SAFETY: by the contract; registers have no invalid bit patterns.
    unsafe { pointer.cast::<T::Lanes<S>>().read_unaligned() }
}

/// # Safety
/// `pointer` is valid for writes of one register.
#[inline(always)]
unsafe fn store<T: Kernel, S: Simd>(pointer: *mut T, lanes: T::Lanes<S>) {
    // SAFETY: by the contract.
    unsafe { pointer.cast::<T::Lanes<S>>().write_unaligned(lanes) }
}

#[inline(always)]
fn conj_if<T: Kernel>(conjugated: bool, x: T) -> T {
    if T::IS_COMPLEX && conjugated {
        Scalar::conj(x)
    } else {
        x
    }
}

/// `R` dot products of dense rows with one dense vector.
struct Dots<const R: usize, const CONJ: bool, T> {
    rows: [*const T; R],
    vector: *const T,
    length: usize,
}

impl<const R: usize, const CONJ: bool, T: Kernel> WithSimd for Dots<R, CONJ, T> {
    type Output = [T; R];

    /// Σ rows[r]·vector, or Σ conj(rows[r])·vector.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [T; R] {
        let Self {
            rows,
            vector,
            length,
        } = self;
        let width = width::<T, S>();
        let zero = T::splat(simd, T::ZERO);
        // Four chains a row hide the latency of the multiply-add when there is
        // one row; four rows of one chain do as well, two are safe.
        let mut sums = [[zero; 4]; R];
        let chains = if R == 1 { 4 } else { 2 };
        let step = chains * width;
        let mut i = 0;
        // SAFETY: every load stays below `length`, and all pointers address
        // that many elements by the constructor's contract.
        unsafe {
            while i + step <= length {
                for chain in 0..chains {
                    let at = i + chain * width;
                    let x = load::<T, S>(vector.add(at));
                    for r in 0..R {
                        let a = load::<T, S>(rows[r].add(at));
                        sums[r][chain] = T::mul_add::<S, CONJ>(simd, a, x, sums[r][chain]);
                    }
                }
                i += step;
            }
            while i + width <= length {
                let x = load::<T, S>(vector.add(i));
                for r in 0..R {
                    let a = load::<T, S>(rows[r].add(i));
                    sums[r][0] = T::mul_add::<S, CONJ>(simd, a, x, sums[r][0]);
                }
                i += width;
            }
            let mut result = [T::ZERO; R];
            for r in 0..R {
                let left = T::lanes_add(simd, sums[r][0], sums[r][1]);
                let right = T::lanes_add(simd, sums[r][2], sums[r][3]);
                result[r] = T::reduce(simd, T::lanes_add(simd, left, right));
            }
            while i < length {
                let x = *vector.add(i);
                for r in 0..R {
                    let a = conj_if(CONJ, *rows[r].add(i));
                    result[r] += a * x;
                }
                i += 1;
            }
            result
        }
    }
}

/// `target ← target + Σ_r factors[r]·columns[r]` on dense vectors.
struct Updates<const R: usize, const CONJ: bool, T> {
    columns: [*const T; R],
    factors: [T; R],
    target: *mut T,
    length: usize,
}

impl<const R: usize, const CONJ: bool, T: Kernel> WithSimd for Updates<R, CONJ, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            columns,
            factors,
            target,
            length,
        } = self;
        let width = width::<T, S>();
        let wide = factors.map(|x| T::splat(simd, x));
        let mut i = 0;
        // SAFETY: every access stays below `length`; all pointers address that
        // many elements, and the target overlaps none of the others.
        unsafe {
            while i + 2 * width <= length {
                let mut first = load::<T, S>(target.add(i));
                let mut second = load::<T, S>(target.add(i + width));
                for r in 0..R {
                    let a = load::<T, S>(columns[r].add(i));
                    let b = load::<T, S>(columns[r].add(i + width));
                    first = T::mul_add::<S, CONJ>(simd, a, wide[r], first);
                    second = T::mul_add::<S, CONJ>(simd, b, wide[r], second);
                }
                store::<T, S>(target.add(i), first);
                store::<T, S>(target.add(i + width), second);
                i += 2 * width;
            }
            while i < length {
                let mut sum = *target.add(i);
                for r in 0..R {
                    let a = conj_if(CONJ, *columns[r].add(i));
                    sum += a * factors[r];
                }
                *target.add(i) = sum;
                i += 1;
            }
        }
    }
}

/// `target ← factor·source + beta·target` on dense vectors; `beta` of zero
/// does not read the target.
struct Combine<T> {
    source: *const T,
    factor: T,
    beta: T,
    target: *mut T,
    length: usize,
    conjugated: bool,
}

impl<T: Kernel> WithSimd for Combine<T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let zero = T::splat(simd, T::ZERO);
        let width = width::<T, S>();
        let (factor, beta) = (T::splat(simd, self.factor), T::splat(simd, self.beta));
        let mut i = 0;
        // SAFETY: as in `Updates`.
        unsafe {
            while i + width <= self.length {
                let x = load::<T, S>(self.source.add(i));
                let base = if self.beta == T::ZERO {
                    zero
                } else {
                    T::mul_add::<S, false>(simd, load::<T, S>(self.target.add(i)), beta, zero)
                };
                let sum = if self.conjugated {
                    T::mul_add::<S, true>(simd, x, factor, base)
                } else {
                    T::mul_add::<S, false>(simd, x, factor, base)
                };
                store::<T, S>(self.target.add(i), sum);
                i += width;
            }
            while i < self.length {
                let x = conj_if(self.conjugated, *self.source.add(i));
                let product = x * self.factor;
                let y = self.target.add(i);
                *y = blend(product, self.beta, y);
                i += 1;
            }
        }
    }
}

/// `product + beta·*y` without reading `y` when `beta` is zero.
///
/// # Safety
/// `y` is valid for reads.
#[inline(always)]
pub(crate) unsafe fn blend<T: Kernel>(product: T, beta: T, y: *const T) -> T {
    if beta == T::ZERO {
        product
    } else {
        // SAFETY: by the contract.
        let old = unsafe { *y };
        product + beta * old
    }
}

/// `n` dense elements of a strided vector: in place, or gathered into `buffer`.
///
/// # Safety
/// The strided vector is valid for reads while the result is used.
unsafe fn dense<T: Kernel>(
    pointer: *const T,
    stride: isize,
    n: usize,
    conjugated: bool,
    buffer: &mut Vec<T>,
) -> *const T {
    if (stride == 1 || n == 1) && !(T::IS_COMPLEX && conjugated) {
        return pointer;
    }
    buffer.clear();
    // SAFETY: by the contract.
    buffer.extend(
        (0..n).map(|i| conj_if(conjugated, unsafe { *pointer.offset(i as isize * stride) })),
    );
    buffer.as_ptr()
}

/// `c ← alpha·a·b + beta·c` where `b` and `c` have one column.
pub(crate) fn matrix_vector<T: Kernel>(
    alpha: T,
    a: Operand<'_, T>,
    b: Operand<'_, T>,
    beta: T,
    c: Target<'_, T>,
) {
    debug_assert!(b.columns == 1 && c.columns == 1 && a.columns == b.rows && a.rows == c.rows);
    if a.column_stride.abs() == 1
        || a.row_stride.abs() != 1 && a.column_stride.abs() <= a.row_stride.abs()
    {
        by_rows(alpha, a, b, beta, c);
    } else {
        by_columns(alpha, a, b, beta, c);
    }
}

/// Dot products of the rows of `a` with `b`.
fn by_rows<T: Kernel>(alpha: T, a: Operand<'_, T>, b: Operand<'_, T>, beta: T, c: Target<'_, T>) {
    let (mut rows_buffer, mut vector_buffer) = (Vec::new(), Vec::new());
    let k = a.columns;
    // conj(a)·b is computed by the kernel; conj on `b` is applied on gathering.
    // SAFETY: `b` has k elements at this stride.
    let vector = unsafe { dense(b.pointer, b.row_stride, k, b.conjugated, &mut vector_buffer) };
    let in_place = a.column_stride == 1 || k == 1;
    let write = |row: usize, sum: T| {
        // SAFETY: the row is inside `c`.
        unsafe {
            let y = c.pointer.offset(row as isize * c.row_stride);
            *y = blend(alpha * sum, beta, y);
        }
    };
    let row_at = |row: usize| {
        // SAFETY: the row is inside `a`.
        unsafe { a.pointer.offset(row as isize * a.row_stride) }
    };
    let mut row = 0;
    while in_place && row + TOGETHER <= a.rows {
        let rows: [*const T; TOGETHER] = std::array::from_fn(|r| row_at(row + r));
        for (r, sum) in dots(rows, vector, k, a.conjugated).into_iter().enumerate() {
            write(row + r, sum);
        }
        row += TOGETHER;
    }
    while row < a.rows {
        // SAFETY: a row of `a` has k elements at this stride.
        let dense_row = unsafe { dense(row_at(row), a.column_stride, k, false, &mut rows_buffer) };
        let [sum] = dots([dense_row], vector, k, a.conjugated);
        write(row, sum);
        row += 1;
    }
}

fn dots<const R: usize, T: Kernel>(
    rows: [*const T; R],
    vector: *const T,
    length: usize,
    conjugated: bool,
) -> [T; R] {
    let arch = Arch::new();
    if T::IS_COMPLEX && conjugated {
        arch.dispatch(Dots::<R, true, T> {
            rows,
            vector,
            length,
        })
    } else {
        arch.dispatch(Dots::<R, false, T> {
            rows,
            vector,
            length,
        })
    }
}

/// A sum of multiples of the columns of `a`.
fn by_columns<T: Kernel>(
    alpha: T,
    a: Operand<'_, T>,
    b: Operand<'_, T>,
    beta: T,
    mut c: Target<'_, T>,
) {
    let (m, k) = (a.rows, a.columns);
    let mut gathered = Vec::new();
    let mut sums;
    let in_place = c.row_stride == 1 || m == 1;
    let target = if in_place {
        scale(beta, &mut c);
        c.pointer
    } else {
        sums = vec![T::ZERO; m];
        sums.as_mut_ptr()
    };
    let factor = |column: usize| alpha * conj_if(b.conjugated, b.stored(column, 0));
    let column_at = |column: usize| {
        // SAFETY: the column is inside `a`.
        unsafe { a.pointer.offset(column as isize * a.column_stride) }
    };
    let mut column = 0;
    while a.row_stride == 1 && column + TOGETHER <= k {
        update::<TOGETHER, T>(
            std::array::from_fn(|r| column_at(column + r)),
            std::array::from_fn(|r| factor(column + r)),
            target,
            m,
            a.conjugated,
        );
        column += TOGETHER;
    }
    while column < k {
        // SAFETY: a column of `a` has m elements at this stride.
        let source = unsafe { dense(column_at(column), a.row_stride, m, false, &mut gathered) };
        update([source], [factor(column)], target, m, a.conjugated);
        column += 1;
    }
    if !in_place {
        for row in 0..m {
            // SAFETY: the row is inside `c` and inside `sums`.
            unsafe {
                let y = c.pointer.offset(row as isize * c.row_stride);
                *y = blend(*target.add(row), beta, y);
            }
        }
    }
}

fn update<const R: usize, T: Kernel>(
    columns: [*const T; R],
    factors: [T; R],
    target: *mut T,
    length: usize,
    conjugated: bool,
) {
    let arch = Arch::new();
    if T::IS_COMPLEX && conjugated {
        arch.dispatch(Updates::<R, true, T> {
            columns,
            factors,
            target,
            length,
        });
    } else {
        arch.dispatch(Updates::<R, false, T> {
            columns,
            factors,
            target,
            length,
        });
    }
}

/// `c ← alpha·a·b + beta·c` where `a` has one column and `b` one row.
pub(crate) fn outer<T: Kernel>(
    alpha: T,
    a: Operand<'_, T>,
    b: Operand<'_, T>,
    beta: T,
    c: Target<'_, T>,
) {
    debug_assert!(a.columns == 1 && b.rows == 1);
    if c.column_stride.abs() > c.row_stride.abs() && c.rows > 1 {
        return outer(alpha, b.transposed(), a.transposed(), beta, c.transposed());
    }
    let mut gathered = Vec::new();
    // SAFETY: `b` has `columns` elements at this stride.
    let source = unsafe {
        let n = b.columns;
        dense(b.pointer, b.column_stride, n, false, &mut gathered)
    };
    let arch = Arch::new();
    for row in 0..c.rows {
        let factor = alpha * conj_if(a.conjugated, a.stored(row, 0));
        // SAFETY: the row is inside `c`, which is valid for writes.
        unsafe {
            let target = c.pointer.offset(row as isize * c.row_stride);
            if c.column_stride == 1 || c.columns == 1 {
                arch.dispatch(Combine {
                    source,
                    factor,
                    beta,
                    target,
                    length: c.columns,
                    conjugated: b.conjugated,
                });
            } else {
                for column in 0..c.columns {
                    let x = conj_if(b.conjugated, *source.add(column));
                    let y = target.offset(column as isize * c.column_stride);
                    *y = blend(x * factor, beta, y);
                }
            }
        }
    }
}

/// `c ← beta·c`; zero overwrites whatever is there.
pub(crate) fn scale<T: Kernel>(beta: T, c: &mut Target<'_, T>) {
    if beta == T::ONE {
    } else if beta == T::ZERO {
        c.for_each(|x| *x = T::ZERO);
    } else {
        c.for_each(|x| *x *= beta);
    }
}
