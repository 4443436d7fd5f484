//! Seeds: the one generator everything random starts from.

use crate::{Scalar, Tensor, element_count, storage};

/// The splitmix64 generator (Steele, Lea and Flood 2014).
///
/// The state is the seed, so a stream is named by one `u64` on every machine.
/// ```
/// # use tensegrity_tensor::SplitMix64;
/// let mut rng = SplitMix64::new(0);
/// assert_eq!(rng.centred(), 0.3833108082136426);
/// ```
#[derive(Clone, Debug)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// A stream named by `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A stream for item `number` of `seed`, independent of every other number:
    /// what trials and restarts use, so results do not depend on their order.
    #[must_use]
    pub fn derived(seed: u64, number: u64) -> Self {
        let mut outer = Self::new(seed);
        let base = outer.next_u64();
        let mut inner = Self::new(base ^ number.wrapping_mul(0xD1B5_4A32_D192_ED03));
        inner.next_u64();
        inner
    }

    /// 64 uniform bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in [−½, ½): the filling of the golden tensors.
    pub fn centred(&mut self) -> f64 {
        self.uniform() - 0.5
    }

    /// Uniform in 0..`bound` without modulo bias (Lemire's multiply-shift).
    ///
    /// `bound` of zero gives zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        let threshold = bound.wrapping_neg().checked_rem(bound).unwrap_or(0);
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// Standard normal (Box–Muller, one value a call so that the stream is easy to reproduce).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// A row-major tensor of [`SplitMix64::centred`] values; the imaginary
    /// part of complex types follows the real part in the stream.
    ///
    /// # Panics
    /// If `shape` overflows [`element_count`].
    pub fn centred_tensor<T: Scalar>(&mut self, shape: &[usize]) -> Tensor<T> {
        self.fill(shape, Self::centred)
    }

    /// A row-major tensor of standard normal values; complex types get
    /// independent real and imaginary parts.
    ///
    /// # Panics
    /// If `shape` overflows [`element_count`].
    pub fn normal_tensor<T: Scalar>(&mut self, shape: &[usize]) -> Tensor<T> {
        self.fill(shape, Self::normal)
    }

    fn fill<T: Scalar>(&mut self, shape: &[usize], draw: fn(&mut Self) -> f64) -> Tensor<T> {
        let count = element_count(shape).expect("a seeded tensor has a representable shape");
        let mut data = storage::with_room(count);
        data.extend((0..count).map(|_| {
            let re = draw(self);
            let im = if T::IS_COMPLEX { draw(self) } else { 0.0 };
            T::from_f64(re, im)
        }));
        Tensor::from_vec(data, shape).expect("count was computed from the shape")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_stream_of_seed_zero() {
        let mut rng = SplitMix64::new(0);
        let values = [rng.centred(), rng.centred(), rng.centred()];
        assert_eq!(
            values,
            [
                0.3833108082136426,
                -0.06847200295149003,
                -0.47356622840740226
            ]
        );
    }

    #[test]
    fn below_stays_below() {
        let mut rng = SplitMix64::new(7);
        for bound in [1, 2, 3, 10, 1 << 40] {
            for _ in 0..100 {
                assert!(rng.below(bound) < bound);
            }
        }
        assert_eq!(rng.below(0), 0);
    }

    #[test]
    fn normal_has_unit_variance() {
        let x: Tensor<f64> = SplitMix64::new(1).normal_tensor(&[100_000]);
        let second: f64 = x.as_slice().iter().map(|v| v.abs2()).sum::<f64>() / 1e5;
        assert!((second - 1.0).abs() < 0.02, "{second}");
    }
}
