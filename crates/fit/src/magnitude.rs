//! Numbers far from one: powers of two that bring them near it.
//!
//! Squares of numbers beyond 2^±512 leave the range of `f64`, and steps are
//! stored in single precision. Multiplying by a power of two is exact unless
//! the result is subnormal.

use tensegrity_tensor::{Array, Scalar, Tensor};

/// `e` such that the largest absolute value of a part of an element is in
/// [2^e, 2^(e+1)); 0 for an array of zeros.
pub(crate) fn exponent_of(array: &Array) -> i32 {
    fn of<T: Scalar>(tensor: &Tensor<T>) -> f64 {
        let parts = |x: &T| wide(x.re()).abs().max(wide(x.im()).abs());
        tensor.as_slice().iter().map(parts).fold(0.0, f64::max)
    }
    let largest = match array {
        Array::F32(t) => of(t),
        Array::F64(t) => of(t),
        Array::C64(t) => of(t),
        Array::C128(t) => of(t),
        // Their squares fit.
        _ => return 0,
    };
    if largest == 0.0 {
        return 0;
    }
    let bits = largest.to_bits();
    match (bits >> 52) as i32 {
        0 => -1011 - (bits.leading_zeros() as i32),
        exponent => exponent - 1023,
    }
}

/// Every element times `2^exponent`.
pub(crate) fn times_power_of_two(array: &Array, exponent: i32) -> Array {
    fn times<T: Scalar>(tensor: &Tensor<T>, exponent: i32) -> Tensor<T> {
        // A single factor may be out of range where the product is not.
        let half = exponent / 2;
        let factors = [half, exponent - half].map(|e| T::from_f64(power_of_two(e), 0.0));
        tensor.map(|x| x.mul(factors[0]).mul(factors[1]))
    }
    match array {
        Array::F32(t) => times(t, exponent).into(),
        Array::F64(t) => times(t, exponent).into(),
        Array::C64(t) => times(t, exponent).into(),
        Array::C128(t) => times(t, exponent).into(),
        other => other.clone(),
    }
}

/// `2^exponent`, 0 or infinity where that is out of range.
pub(crate) fn power_of_two(exponent: i32) -> f64 {
    match exponent {
        1024.. => f64::INFINITY,
        -1022..1024 => f64::from_bits(((exponent + 1023) as u64) << 52),
        -1074..-1022 => f64::from_bits(1 << (exponent + 1074)),
        _ => 0.0,
    }
}

fn wide<R: tensegrity_tensor::Real>(value: R) -> f64 {
    value.to_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponent_is_that_of_the_largest_part() {
        for (value, exponent) in [
            (1.0, 0),
            (1.99, 0),
            (2.0, 1),
            (-0.3, -2),
            (1.5e300, 997),
            (f64::MAX, 1023),
            (f64::MIN_POSITIVE, -1022),
            (f64::MIN_POSITIVE / 4.0, -1024),
            (5e-324, -1074),
        ] {
            let array: Array = Tensor::from_vec(vec![0.0, value], &[2]).unwrap().into();
            assert_eq!(exponent_of(&array), exponent, "{value}");
            let near = times_power_of_two(&array, -exponent);
            let near = near.typed::<f64>().unwrap().as_slice()[1].abs();
            assert!((1.0..2.0).contains(&near), "{value} {near}");
        }
        assert_eq!(exponent_of(&Tensor::<f32>::zeros(&[3]).unwrap().into()), 0);
    }
}
