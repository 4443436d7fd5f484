//! Matrix products of strided views.

use tensegrity_tensor::{Tensor, View, ViewMut};

use crate::field::Batch;
use crate::operand::{Operand, Target, tensor_with};
use crate::{Error, Field, Result};

/// `c ← alpha·a·b + beta·c` for `a` m×k, `b` k×n, `c` m×n.
///
/// Any strides: transposed, reversed, sliced and broadcast operands are read in
/// place. As in the BLAS, `beta` of zero does not read `c` (NaN there
/// disappears) and `alpha` of zero does not read `a` and `b`. Nothing is
/// conjugated.
///
/// Cost: m·n·k multiply-adds. The result does not depend on the number of threads.
///
/// ```
/// use tensegrity_tensor::Tensor;
/// let a = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], &[2, 2])?;
/// let mut c = Tensor::<f64>::zeros(&[2, 2])?;
/// let transposed = a.view().permuted(&[1, 0])?;
/// tensegrity_linalg::gemm(1.0, &a.view(), &transposed, 0.0, &mut c.view_mut())?;
/// assert_eq!(c.as_slice(), [5.0, 11.0, 11.0, 25.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::WrongAxes`], [`Error::ShapeMismatch`].
pub fn gemm<T: Field>(
    alpha: T,
    a: &View<'_, T>,
    b: &View<'_, T>,
    beta: T,
    c: &mut ViewMut<'_, T>,
) -> Result<()> {
    let a_operand = Operand::new("gemm", "a", a)?;
    let b_operand = Operand::new("gemm", "b", b)?;
    let target = Target::new("gemm", "c", c)?;
    check("gemm", a, b, Some([target.rows, target.columns]))?;
    T::product(alpha, a_operand, b_operand, beta, target);
    Ok(())
}

/// [`gemm`] over a leading batch axis: `a` `[batch, m, k]`, `b` `[batch, k, n]`,
/// `c` `[batch, m, n]`.
///
/// A batch stride of zero repeats an operand; when `b` is repeated and `a` and
/// `c` allow it the batch becomes rows of one product.
///
/// # Errors
/// [`Error::WrongAxes`], [`Error::ShapeMismatch`].
pub fn gemm_batched<T: Field>(
    alpha: T,
    a: &View<'_, T>,
    b: &View<'_, T>,
    beta: T,
    c: &mut ViewMut<'_, T>,
) -> Result<()> {
    const WHAT: &str = "gemm_batched";
    for (argument, shape) in [("a", a.shape()), ("b", b.shape()), ("c", c.shape())] {
        if shape.len() != 3 {
            return Err(Error::WrongAxes {
                what: WHAT,
                argument,
                shape: shape.to_vec(),
                wanted: 3,
            });
        }
    }
    if a.shape()[0] != b.shape()[0] || a.shape()[2] != b.shape()[1] {
        return Err(mismatch(WHAT, "a", a.shape(), "b", b.shape()));
    }
    let expected = [a.shape()[0], a.shape()[1], b.shape()[2]];
    if c.shape() != expected {
        return Err(mismatch(WHAT, "c", c.shape(), "a·b", &expected));
    }
    let c_strides = [c.strides()[0], c.strides()[1], c.strides()[2]];
    let steps = [a.strides()[0], b.strides()[0], c_strides[0]];
    // SAFETY: the batch is a matrix at every index below its length, which
    // `Batch` never leaves; the views keep the memory borrowed.
    let batch = unsafe {
        Batch {
            count: expected[0],
            a: Operand::from_raw(
                a.as_ptr(),
                [expected[1], a.shape()[2]],
                [a.strides()[1], a.strides()[2]],
            ),
            b: Operand::from_raw(
                b.as_ptr(),
                [a.shape()[2], expected[2]],
                [b.strides()[1], b.strides()[2]],
            ),
            c: Target::from_raw(
                c.as_mut_ptr(),
                [expected[1], expected[2]],
                [c_strides[1], c_strides[2]],
            ),
            steps,
        }
    };
    T::product_batched(alpha, batch, beta);
    Ok(())
}

/// The product `a·b` as a new row-major tensor.
///
/// A vector on the left is a row, on the right a column, and the axis
/// disappears from the result, as in NumPy's `matmul`.
///
/// # Errors
/// [`Error::WrongAxes`] for other than one or two axes, [`Error::ShapeMismatch`].
pub fn matmul<T: Field>(a: &View<'_, T>, b: &View<'_, T>) -> Result<Tensor<T>> {
    let left = if a.ndim() == 1 {
        a.inserted(0)?
    } else {
        a.clone()
    };
    let right = if b.ndim() == 1 {
        b.inserted(1)?
    } else {
        b.clone()
    };
    let a_operand = Operand::new("matmul", "a", &left)?;
    let b_operand = Operand::new("matmul", "b", &right)?;
    check("matmul", &left, &right, None)?;
    let shape = [a_operand.rows, b_operand.columns];
    // SAFETY: with `beta` of zero the product writes every element.
    let result = unsafe {
        tensor_with(&shape, |pointer| {
            let target = Target::from_raw(pointer, shape, [shape[1] as isize, 1]);
            T::product(T::ONE, a_operand, b_operand, T::ZERO, target);
        })?
    };
    let kept: Vec<usize> = [(a.ndim(), shape[0]), (b.ndim(), shape[1])]
        .into_iter()
        .filter(|&(ndim, _)| ndim == 2)
        .map(|(_, length)| length)
        .collect();
    Ok(result.reshaped(&kept)?)
}

fn check<T: Field>(
    what: &'static str,
    a: &View<'_, T>,
    b: &View<'_, T>,
    c: Option<[usize; 2]>,
) -> Result<()> {
    if a.shape()[1] != b.shape()[0] {
        return Err(mismatch(what, "a", a.shape(), "b", b.shape()));
    }
    let expected = [a.shape()[0], b.shape()[1]];
    match c {
        Some(shape) if shape != expected => Err(mismatch(what, "c", &shape, "a·b", &expected)),
        _ => Ok(()),
    }
}

pub(crate) fn mismatch(
    what: &'static str,
    left_name: &'static str,
    left: &[usize],
    right_name: &'static str,
    right: &[usize],
) -> Error {
    Error::ShapeMismatch {
        what,
        left_name,
        left: left.to_vec(),
        right_name,
        right: right.to_vec(),
    }
}
