//! Gram matrices with half the work of a product.

use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Par};
use tensegrity_tensor::{Scalar, Tensor, View, parallel_for, parallel_map};

use crate::kernel::Kernel;
use crate::operand::{Operand, Target};
use crate::product::{MOST_PARTS, parts};
use crate::{Field, Result};

/// Side up to which the whole lower triangle is one piece.
const ONE_PIECE: usize = 384;
/// Columns gathered at a time when the matrix cannot be read in place.
const PANEL: usize = 512;

/// `A·Aᴴ` of an m×n matrix, m×m.
///
/// Cost: m²·n multiply-adds (half a product); memory for a few copies of the
/// result, none of `A` unless neither stride is one, and then of 512 columns.
///
/// # Errors
/// [`crate::Error::WrongAxes`]. NaN and infinities propagate.
pub fn gram_rows<T: Field>(a: &View<'_, T>) -> Result<Tensor<T>> {
    T::gram(Operand::new("gram_rows", "a", a)?)
}

/// `Aᴴ·A` of an m×n matrix, n×n.
///
/// # Errors
/// As [`gram_rows`].
pub fn gram_columns<T: Field>(a: &View<'_, T>) -> Result<Tensor<T>> {
    T::gram(Operand::new("gram_columns", "a", a)?.adjoint())
}

/// `A·Aᴴ` as a row-major tensor.
pub(crate) fn gram<T: Kernel>(a: Operand<'_, T>) -> Result<Tensor<T>> {
    let m = a.rows;
    let count = tensegrity_tensor::element_count(&[m, m])?;
    let mut result = vec![T::ZERO; count];
    gram_into(a, &mut result, |x| x);
    Ok(Tensor::from_vec(result, &[m, m])?)
}

/// `A·Aᴴ` accumulated in double precision, row-major, m×m.
pub(crate) fn gram_wide<T: Kernel>(a: Operand<'_, T>) -> Vec<T::Wide> {
    gram_as(a, T::widen)
}

fn gram_as<T: Kernel, W: Kernel>(a: Operand<'_, T>, convert: fn(T) -> W) -> Vec<W> {
    let mut result = vec![W::ZERO; a.rows * a.rows];
    gram_into(a, &mut result, convert);
    result
}

/// `A·Aᴴ` with every entry converted before it is multiplied.
pub(crate) fn gram_into<T: Kernel, W: Kernel>(
    a: Operand<'_, T>,
    result: &mut [W],
    convert: fn(T) -> W,
) {
    let (m, n) = (a.rows, a.columns);
    if m == 0 {
        return;
    }
    // Parts of the sum cost a copy of the result each.
    let most = if m <= ONE_PIECE { MOST_PARTS } else { 4 };
    let parts = parts(n, most);
    if parts.len() == 1 {
        add_lower(a, Target::of_slice(result, m, m), convert);
    } else {
        let sums = parallel_map(parts.len(), |part| {
            let mut sum = vec![W::ZERO; m * m];
            let panel = a.column_range(parts[part].clone());
            add_lower(panel, Target::of_slice(&mut sum, m, m), convert);
            sum
        });
        for sum in &sums {
            for (total, &term) in result.iter_mut().zip(sum) {
                *total += term;
            }
        }
    }
    mirror(result, m);
}

/// Adds the lower triangle of `A·Aᴴ` to `c`.
fn add_lower<T: Kernel, W: Kernel>(a: Operand<'_, T>, c: Target<'_, W>, convert: fn(T) -> W) {
    if let Some(same) = in_place::<T, W>(a) {
        return tiles(same, &c);
    }
    let mut narrow = Vec::new();
    let mut wide = vec![W::ZERO; a.rows * PANEL.min(a.columns)];
    for start in (0..a.columns).step_by(PANEL) {
        let panel = a.column_range(start..(start + PANEL).min(a.columns));
        tiles(gather(panel, &mut narrow, &mut wide, convert), &c);
    }
}

/// A dense converted copy of a panel in `wide`, in the order it is stored in.
fn gather<'b, T: Kernel, W: Kernel>(
    panel: Operand<'_, T>,
    narrow: &mut Vec<T>,
    wide: &'b mut [W],
    convert: fn(T) -> W,
) -> Operand<'b, W> {
    if panel.row_stride == 1 && panel.column_stride != 1 {
        return gather(panel.transposed(), narrow, wide, convert).transposed();
    }
    let (m, n) = (panel.rows, panel.columns);
    let wide = &mut wide[..m * n];
    if panel.column_stride == 1 && T::DTYPE != W::DTYPE {
        for i in 0..m {
            let row = panel.dense_row(i);
            for (to, &from) in wide[i * n..(i + 1) * n].iter_mut().zip(row) {
                *to = convert(from);
            }
        }
    } else {
        narrow.resize(m * n, T::ZERO);
        let mut plain = panel;
        plain.conjugated = false;
        plain.write_to(&mut Target::of_slice(narrow, m, n));
        for (to, &from) in wide.iter_mut().zip(narrow.iter()) {
            *to = convert(from);
        }
    }
    let copy = Operand::of_slice(wide, m, n);
    if panel.conjugated {
        copy.conjugate()
    } else {
        copy
    }
}

/// The matrix itself if kernels can read it where it is, in its own type.
fn in_place<'a, T: Kernel, W: Kernel>(a: Operand<'a, T>) -> Option<Operand<'a, W>> {
    if T::DTYPE != W::DTYPE || !a.has_unit_stride() {
        return None;
    }
    // SAFETY: equal dtypes name equal types, so the pointer keeps its type.
    let same = unsafe {
        Operand::from_raw(
            a.pointer.cast::<W>(),
            [a.rows, a.columns],
            [a.row_stride, a.column_stride],
        )
    };
    Some(if a.conjugated { same.conjugate() } else { same })
}

/// Adds the lower triangle of `A·Aᴴ` to `c`, tile by tile.
fn tiles<W: Kernel>(a: Operand<'_, W>, c: &Target<'_, W>) {
    let side = if a.rows <= ONE_PIECE {
        a.rows
    } else {
        let count = a.rows.div_ceil(ONE_PIECE);
        a.rows.div_ceil(count).next_multiple_of(48)
    };
    let count = a.rows.div_ceil(side);
    let pairs: Vec<(usize, usize)> = (0..count)
        .flat_map(|i| (0..=i).map(move |j| (i, j)))
        .collect();
    parallel_for(pairs.len(), |pair| {
        let (i, j) = pairs[pair];
        let rows = i * side..((i + 1) * side).min(a.rows);
        let columns = j * side..((j + 1) * side).min(a.rows);
        // SAFETY: tiles of different pairs do not overlap.
        let mut block = unsafe { c.block(rows.clone(), columns.clone()) };
        let (left, right) = (a.row_range(rows), a.row_range(columns).adjoint());
        let structure = if i == j {
            BlockStructure::TriangularLower
        } else {
            BlockStructure::Rectangular
        };
        triangular::matmul_with_conj(
            block.faer(),
            structure,
            Accum::Add,
            left.faer(),
            BlockStructure::Rectangular,
            left.faer_conj(),
            right.faer(),
            BlockStructure::Rectangular,
            right.faer_conj(),
            W::ONE,
            Par::Seq,
        );
    });
}

/// Fills the upper triangle from the lower one and makes the diagonal real.
fn mirror<W: Kernel>(c: &mut [W], m: usize) {
    // Squares of this side keep the lines of both triangles in the cache.
    const SIDE: usize = 16;
    for top in (0..m).step_by(SIDE) {
        for left in (0..=top).step_by(SIDE) {
            for i in top..(top + SIDE).min(m) {
                for j in left..(left + SIDE).min(i) {
                    c[j * m + i] = Scalar::conj(c[i * m + j]);
                }
            }
        }
    }
    for i in 0..m {
        c[i * m + i] = W::from_real(c[i * m + i].re());
    }
}
