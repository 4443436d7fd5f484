//! The matrix exponential.

use tensegrity_tensor::Array;

use crate::formula::Formula;
use crate::matrix::{identity, with_field};
use crate::stack::{lead, matrix};
use crate::{Error, Result, Variable};

/// Coefficients of the numerator of the [13/13] Padé approximant of eˣ, and the
/// norm up to which it is exact to double precision (Higham, SIAM J. Matrix
/// Anal. Appl. 26 (2005) 1179).
const PADE: [f64; 14] = [
    64_764_752_532_480_000.0,
    32_382_376_266_240_000.0,
    7_771_770_303_897_600.0,
    1_187_353_796_428_800.0,
    129_060_195_264_000.0,
    10_559_470_521_600.0,
    670_442_572_800.0,
    33_522_128_640.0,
    1_323_241_920.0,
    40_840_800.0,
    960_960.0,
    16_380.0,
    182.0,
    1.0,
];
const PADE_NORM: f64 = 5.371_920_351_148_152;

impl Variable {
    /// The exponential of square matrices, by scaling and squaring of a Padé
    /// approximant (Higham, SIAM J. Matrix Anal. Appl. 26 (2005) 1179).
    ///
    /// Cost: six products, one solve, and log₂ of the norm squarings.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Linalg`] for numbers that are not finite.
    pub fn expm(&self) -> Result<Variable> {
        self.check_square("expm")?;
        let n = self.shape()[self.ndim() - 1];
        let norm = with_field!("expm", self.value(), a => {
            // The Frobenius norm bounds the spectral norm.
            let norms = (0..lead(a.shape()).iter().product()).map(|k| matrix(a, k).norm());
            Ok(norms.fold(0.0_f64, |largest, norm| if norm > largest || norm.is_nan() { norm } else { largest }))
        })?;
        let squarings = match norm.is_finite() && norm > PADE_NORM {
            true => (norm / PADE_NORM).log2().ceil() as u32,
            false => 0,
        };
        let a = self.scale(0.5_f64.powi(squarings as i32))?;
        let one = identity(n, self.dtype())?;
        let a2 = a.matmul(&a)?;
        let a4 = a2.matmul(&a2)?;
        let a6 = a4.matmul(&a2)?;
        let powers = [&one, &a2, &a4, &a6];
        // Σ b[start + 2k]·Aᵖ⁺²ᵏ over the last powers, in one pass.
        let combined = |start: usize, terms: usize| -> Result<Variable> {
            let inputs = &powers[4 - terms..];
            let formula = (0..terms).fold(None, |sum: Option<Formula>, k| {
                let term = Formula::input(k) * PADE[start + 2 * k];
                Some(sum.map_or(term.clone(), |sum| sum + term))
            });
            formula
                .unwrap_or_else(|| Formula::constant(0.0))
                .apply(inputs)
        };
        // Terms from A⁸ on are A⁶ times A², A⁴, A⁶.
        let odd = a6.matmul(&combined(9, 3)?)?.add(&combined(1, 4)?)?;
        let even = a6.matmul(&combined(8, 3)?)?.add(&combined(0, 4)?)?;
        let odd = a.matmul(&odd)?;
        let mut power = even.sub(&odd)?.solve(&even.add(&odd)?)?;
        for _ in 0..squarings {
            power = power.matmul(&power)?;
        }
        Ok(power)
    }
}
