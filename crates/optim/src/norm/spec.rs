//! The norms, their values, and their names.

use serde::{Deserialize, Serialize};
use tensegrity_linalg::PolarMethod;
use tensegrity_tensor::{Tensor, View};

use super::dual;
use crate::{Error, Float, Result};

/// A norm of a tensor. Matrices are d_out×d_in with inputs as columns; vectors
/// count as one column, more than two axes as `[d_out, rest]` unless the norm
/// says otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum NormSpec {
    /// Largest magnitude: ℓ1→ℓ∞. Its descent is sign descent.
    MaxAbs,
    /// Largest singular value: ℓ2→ℓ2.
    Spectral,
    /// `√(d_in/d_out)` times the spectral norm, for linear layers.
    RmsRms,
    /// Largest root mean square of a column, for tables of embeddings.
    L1Rms,
    /// ℓ1→ℓp: largest p-norm of a column, p in [1, ∞).
    L1Lp(f64),
    /// ℓp→ℓ∞: largest dual p-norm of a row, p in [1, ∞).
    LpLinf(f64),
    /// Root of the sum of squares.
    Frobenius,
    /// Root mean square, for biases and gains.
    Rms,
    /// `k²` times the largest [`NormSpec::RmsRms`] of a spatial tap of
    /// `[d_out, d_in, k, k]`.
    Conv2d,
    /// The norm of the transposed matrix.
    Transposed(Box<NormSpec>),
    /// A multiple, above zero, of a norm.
    Scaled(f64, Box<NormSpec>),
}

/// The minimiser of `⟨g, d⟩ + (λ/2)·‖d‖²`.
#[derive(Clone, Debug)]
pub struct Steepest<T> {
    /// The minimiser `d`.
    pub direction: Tensor<T>,
    /// `‖g‖*/λ`, the norm of the direction.
    pub rate: f64,
    /// The minimum, `−‖g‖*²/(2λ)`.
    pub value: f64,
}

impl NormSpec {
    /// This norm times a factor above zero.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self::Scaled(factor, Box::new(self))
    }

    /// This norm of the transposed matrix.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self::Transposed(Box::new(self))
    }

    /// The norm called `name`: `max-abs`, `spectral`, `rms->rms`, `l1->rms`,
    /// `frobenius`, `rms`, `conv2d`, `l1->lP` and `lP->linf` for a number P.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the names known.
    pub fn by_name(name: &str) -> Result<Self> {
        let power = |text: &str| {
            text.parse::<f64>()
                .ok()
                .filter(|p| *p >= 1.0 && p.is_finite())
        };
        let columns = name.strip_prefix("l1->l").and_then(power);
        let rows = name
            .strip_prefix('l')
            .and_then(|rest| rest.strip_suffix("->linf"));
        Ok(match name {
            "max-abs" | "l1->linf" => Self::MaxAbs,
            "spectral" | "l2->l2" => Self::Spectral,
            "rms->rms" => Self::RmsRms,
            "l1->rms" => Self::L1Rms,
            "frobenius" => Self::Frobenius,
            "rms" => Self::Rms,
            "conv2d" => Self::Conv2d,
            _ => match (columns, rows.and_then(power)) {
                (Some(p), _) => Self::L1Lp(p),
                (None, Some(p)) => Self::LpLinf(p),
                (None, None) => {
                    return Err(Error::Unknown {
                        what: "norm",
                        name: name.to_owned(),
                        known: "max-abs, spectral, rms->rms, l1->rms, l1->l2 (any power), \
                                l2->linf (any power), frobenius, rms, conv2d"
                            .to_owned(),
                    });
                }
            },
        })
    }

    /// The name, in the form [`NormSpec::by_name`] reads where it can.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::MaxAbs => "max-abs".into(),
            Self::Spectral => "spectral".into(),
            Self::RmsRms => "rms->rms".into(),
            Self::L1Rms => "l1->rms".into(),
            Self::L1Lp(p) => format!("l1->l{p}"),
            Self::LpLinf(p) => format!("l{p}->linf"),
            Self::Frobenius => "frobenius".into(),
            Self::Rms => "rms".into(),
            Self::Conv2d => "conv2d".into(),
            Self::Transposed(norm) => format!("transposed({})", norm.name()),
            Self::Scaled(factor, norm) => format!("{factor}*{}", norm.name()),
        }
    }

    /// `‖x‖`.
    ///
    /// # Errors
    /// [`Error::NormShape`], [`Error::Linalg`] for entries that are not finite.
    pub fn norm<T: Float>(&self, x: &View<'_, T>) -> Result<f64> {
        self.check(x.shape())?;
        dual::norm(self, &dual::checked(x)?)
    }

    /// `‖g‖* = max ⟨g, t⟩` over `‖t‖ ≤ 1`.
    ///
    /// # Errors
    /// As [`NormSpec::norm`].
    pub fn dual_norm<T: Float>(&self, g: &View<'_, T>) -> Result<f64> {
        self.check(g.shape())?;
        dual::dual_norm(self, &dual::checked(g)?)
    }

    /// The `t` with `‖t‖ ≤ 1` that attains the dual norm; zero for zero, and
    /// zero in rows, columns and singular directions in which `g` is zero.
    ///
    /// # Errors
    /// As [`NormSpec::norm`].
    pub fn dualize<T: Float>(&self, g: &View<'_, T>) -> Result<Tensor<T>> {
        self.dualize_with(g, &PolarMethod::Svd)
    }

    /// [`NormSpec::dualize`] with a method for polar factors.
    ///
    /// # Errors
    /// As [`NormSpec::norm`].
    pub fn dualize_with<T: Float>(
        &self,
        g: &View<'_, T>,
        method: &PolarMethod,
    ) -> Result<Tensor<T>> {
        self.check(g.shape())?;
        dual::dualize(self, &dual::checked(g)?, method)
    }

    /// The steepest descent step at this sharpness.
    ///
    /// # Errors
    /// As [`NormSpec::norm`]; [`Error::Option`] for a sharpness not above zero.
    pub fn steepest<T: Float>(&self, g: &View<'_, T>, sharpness: f64) -> Result<Steepest<T>> {
        check_sharpness(sharpness)?;
        let dual = self.dual_norm(g)?;
        let rate = dual / sharpness;
        let mut direction = self.dualize(g)?;
        let factor = T::of(-rate);
        direction
            .as_mut_slice()
            .iter_mut()
            .for_each(|d| *d *= factor);
        Ok(Steepest {
            direction,
            rate,
            value: -dual * dual / (2.0 * sharpness),
        })
    }

    /// Whether the norm is defined for a shape.
    pub(crate) fn check(&self, shape: &[usize]) -> Result<()> {
        let wrong = |wanted| {
            Err(Error::NormShape {
                norm: self.name(),
                shape: shape.to_vec(),
                wanted,
            })
        };
        match self {
            Self::Conv2d if shape.len() != 4 => wrong("it takes four axes [d_out, d_in, k, k]"),
            Self::L1Lp(p) | Self::LpLinf(p) if !(*p >= 1.0 && p.is_finite()) => {
                wrong("its power must be a finite number of at least one")
            }
            Self::Scaled(factor, _) if !(*factor > 0.0 && factor.is_finite()) => {
                wrong("its factor must be a finite number above zero")
            }
            Self::Scaled(_, norm) => norm.check(shape),
            Self::Transposed(norm) => {
                if shape.len() > 2 {
                    return wrong("only matrices are transposed");
                }
                let (rows, columns) = dual::sides(shape);
                norm.check(&[columns, rows])
            }
            _ => Ok(()),
        }
    }
}

pub(super) fn check_sharpness(sharpness: f64) -> Result<()> {
    let fine = sharpness > 0.0 && sharpness.is_finite();
    let wanted = "give a finite number above zero";
    crate::error::require(fine, "steepest", "sharpness", sharpness, wanted)
}
