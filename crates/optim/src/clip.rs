//! Bounds on gradients before a step.

use serde::{Deserialize, Serialize};
use tensegrity_tensor::Tensor;

use crate::error::require;
use crate::float::norm;
use crate::{Float, Registry, Result};

/// How large gradients may be.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Clip {
    /// As large as they are.
    #[default]
    Off,
    /// Every element within `-v..=v`.
    Value(f64),
    /// The Euclidean norm over all trained gradients together at most this;
    /// larger ones are scaled down by one factor (Pascanu, Mikolov and Bengio
    /// 2013).
    Norm(f64),
}

impl Clip {
    /// Clips the gradients of trained parameters in place; gives their norm
    /// before. Gradients with NaN or infinities stay as they are: what becomes
    /// of them is the optimiser's policy. O(elements).
    ///
    /// # Errors
    /// [`crate::Error::Count`] for another number of gradients than parameters,
    /// [`crate::Error::Option`] for a bound that is not above zero.
    pub fn apply<T: Float>(self, registry: &Registry, gradients: &mut [Tensor<T>]) -> Result<f64> {
        self.check()?;
        registry.check_count("gradients", gradients.len())?;
        let trained: Vec<usize> = registry.trained().collect();
        let total = trained
            .iter()
            .map(|&i| norm(gradients[i].as_slice()))
            .fold(0.0, f64::hypot);
        if !total.is_finite() {
            return Ok(total);
        }
        match self {
            Self::Off => {}
            Self::Value(bound) => {
                let bound = T::of(bound);
                for &i in &trained {
                    for x in gradients[i].as_mut_slice() {
                        if *x > bound {
                            *x = bound;
                        } else if *x < -bound {
                            *x = -bound;
                        }
                    }
                }
            }
            Self::Norm(bound) if total > bound => {
                let factor = T::of(bound / total);
                for &i in &trained {
                    gradients[i]
                        .as_mut_slice()
                        .iter_mut()
                        .for_each(|x| *x *= factor);
                }
            }
            Self::Norm(_) => {}
        }
        Ok(total)
    }

    pub(crate) fn check(self) -> Result<()> {
        match self {
            Self::Off => Ok(()),
            Self::Value(bound) | Self::Norm(bound) => require(
                bound > 0.0 && bound.is_finite(),
                "clip",
                "bound",
                bound,
                "give a finite number above zero",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ParameterSpec;

    fn registry() -> Registry {
        let mut registry = Registry::new();
        registry.add(ParameterSpec::new("a", &[2])).unwrap();
        registry
            .add(ParameterSpec::new("still", &[1]).frozen(true))
            .unwrap();
        registry.add(ParameterSpec::new("b", &[1])).unwrap();
        registry
    }

    fn gradients(third: f64) -> Vec<Tensor<f64>> {
        [vec![3.0, -4.0], vec![1e9], vec![third]]
            .map(|values| {
                let length = values.len();
                Tensor::from_vec(values, &[length]).unwrap()
            })
            .to_vec()
    }

    fn flat(gradients: &[Tensor<f64>]) -> Vec<f64> {
        gradients
            .iter()
            .flat_map(|g| g.as_slice().to_vec())
            .collect()
    }

    #[test]
    fn one_factor_for_all_trained_gradients() {
        let mut g = gradients(12.0);
        assert_eq!(Clip::Norm(6.5).apply(&registry(), &mut g).unwrap(), 13.0);
        assert_eq!(flat(&g), [1.5, -2.0, 1e9, 6.0]);
        let mut g = gradients(12.0);
        assert_eq!(Clip::Norm(13.0).apply(&registry(), &mut g).unwrap(), 13.0);
        assert_eq!(flat(&g), flat(&gradients(12.0)));
    }

    #[test]
    fn elements_stay_within_their_bound() {
        let mut g = gradients(0.5);
        Clip::Value(3.5).apply(&registry(), &mut g).unwrap();
        assert_eq!(flat(&g), [3.0, -3.5, 1e9, 0.5]);
    }

    #[test]
    fn what_is_not_finite_is_left_for_the_policy() {
        let mut g = gradients(f64::NAN);
        assert!(Clip::Norm(1.0).apply(&registry(), &mut g).unwrap().is_nan());
        assert_eq!(flat(&g)[..3], [3.0, -4.0, 1e9]);
        for bad in [0.0, -1.0, f64::NAN] {
            assert!(Clip::Value(bad).apply(&registry(), &mut g).is_err());
        }
        assert!(Clip::Off.apply(&registry(), &mut g[..1]).is_err());
    }
}
