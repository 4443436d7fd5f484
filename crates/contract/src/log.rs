//! Contractions whose values no floating-point number can hold.
//!
//! Partition functions and model counts leave the range of `f64` long before
//! they leave memory. Here every intermediate is divided by a power of two
//! when its largest element leaves [2^-60, 2^60] ([2^-20, 2^20] in single
//! precision); the exponents add up beside it. Division by a power of two is
//! exact, so the digits are those of the plain computation.

use tensegrity_tensor::{Array, DType, Real, Scalar, Tensor, View};

use crate::einsum::{Typed, Views, compiled};
use crate::promote::{ArrayView, compute_dtype, result_dtype};
use crate::{PlanOptions, Result};

/// A tensor `mantissa · 10^log10_scale`.
#[derive(Clone, Debug)]
pub struct Scaled {
    /// Digits: largest magnitude in [2^-60, 2^60], or zero, or not finite.
    pub mantissa: Array,
    /// Decimal exponent of the common factor.
    pub log10_scale: f64,
}

/// Evaluates an expression with the exponent kept apart.
///
/// Integer operands are computed in `f64`.
///
/// ```
/// use tensegrity_contract::contract_log;
/// use tensegrity_tensor::Tensor;
/// let huge = Tensor::<f64>::full(&[2, 2], 1e200)?;
/// let x = contract_log("ij,jk,ki->", &[&huge, &huge, &huge])?;
/// let log10 = x.mantissa.typed::<f64>()?.as_slice()[0].log10() + x.log10_scale;
/// assert!((log10 - (600.0 + 8f64.log10())).abs() < 1e-9);
/// # Ok::<(), tensegrity_contract::Error>(())
/// ```
///
/// # Errors
/// As [`einsum`](crate::einsum()).
pub fn contract_log<'a>(
    expression: &str,
    operands: &[impl Into<ArrayView<'a>> + Clone],
) -> Result<Scaled> {
    let views: Views<'a> = operands.iter().cloned().map(Into::into).collect();
    contract_log_with(expression, &views, &PlanOptions::default())
}

/// As [`contract_log`], with options for planning.
///
/// # Errors
/// As [`einsum_with`](crate::einsum_with).
pub fn contract_log_with(
    expression: &str,
    operands: &[ArrayView<'_>],
    options: &PlanOptions,
) -> Result<Scaled> {
    match compute_dtype(result_dtype(operands.iter().map(ArrayView::dtype))) {
        DType::F32 => typed::<f32>(expression, operands, options),
        DType::C64 => typed::<tensegrity_tensor::c64>(expression, operands, options),
        DType::C128 => typed::<tensegrity_tensor::c128>(expression, operands, options),
        _ => typed::<f64>(expression, operands, options),
    }
}

fn typed<T: Scalar>(
    expression: &str,
    operands: &[ArrayView<'_>],
    options: &PlanOptions,
) -> Result<Scaled> {
    let operands = Typed::<T>::new(operands);
    let mut exponent = 0;
    // An operand that is out of range itself could overflow the first step.
    let mut stripped: Vec<Option<Tensor<T>>> = Vec::new();
    let mut views: Vec<View<'_, T>> = operands.views.to_vec();
    for view in &operands.views {
        let mut copy = view.to_tensor();
        let shift = strip(copy.as_mut_slice());
        exponent += shift;
        stripped.push((shift != 0).then_some(copy));
    }
    for (view, copy) in views.iter_mut().zip(&stripped) {
        if let Some(copy) = copy {
            *view = copy.view();
        }
    }
    let compiled = compiled(expression, &views, None, options)?;
    let mut result = compiled.program.allocate(|output| {
        // SAFETY: compiled for these views; the output is new memory. An
        // intermediate is dense and not in use while it is looked at.
        unsafe {
            compiled.program.run_steps(
                |number| views[number].as_ptr(),
                output,
                |elements, count| {
                    exponent += strip(std::slice::from_raw_parts_mut(elements, count));
                },
                |_| {},
            )
        }
    })?;
    exponent += strip(result.as_mut_slice());
    Ok(Scaled {
        mantissa: compiled.merge(result)?.into(),
        log10_scale: exponent as f64 * std::f64::consts::LOG10_2,
    })
}

/// Divides by 2^e if the largest part is out of range; returns e.
///
/// Zeros stay zero, and a tensor with an infinity or NaN stays as it is.
fn strip<T: Scalar>(elements: &mut [T]) -> i64 {
    let limit = if size_of::<T::Real>() == 4 { 20 } else { 60 };
    let mut largest = 0.0f64;
    for x in elements.iter() {
        for part in [x.re(), x.im()] {
            let part = part.to_f64().abs();
            if !part.is_finite() {
                return 0;
            }
            largest = largest.max(part);
        }
    }
    if largest == 0.0 {
        return 0;
    }
    let exponent = largest.log2().floor() as i64;
    if exponent.abs() <= limit {
        return 0;
    }
    // 2^-exponent itself may be out of range; its two halves are not.
    let half = exponent / 2;
    for power in [half, exponent - half] {
        let factor = T::from_f64(2f64.powi(-power as i32), 0.0).re();
        let factor = T::from_real(factor);
        for x in elements.iter_mut() {
            *x = x.mul(factor);
        }
    }
    exponent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stripping_is_exact() {
        for scale in [1e-300, 3e-310, 1e300, 1e30] {
            let mut x = [0.75 * scale, -0.3 * scale, 0.0];
            let before = x;
            let e = strip(&mut x);
            assert!(e != 0);
            let half = e / 2;
            for (after, before) in x.iter().zip(before) {
                let back = after * 2f64.powi(half as i32) * 2f64.powi((e - half) as i32);
                assert_eq!(back, before);
            }
            assert!((0.5..2.0).contains(&x[0]), "{x:?}");
        }
        let mut inside = [1.0, 1e18];
        assert_eq!(strip(&mut inside), 0);
        let mut broken = [f64::NAN, 1e300];
        assert_eq!(strip(&mut broken), 0);
        assert_eq!(strip(&mut [0.0f64; 3]), 0);
        assert_eq!(strip::<f64>(&mut []), 0);
    }
}
