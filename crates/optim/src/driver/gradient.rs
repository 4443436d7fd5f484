//! A gradient as methods see it.

use tensegrity_tensor::{Tensor, View};

use crate::float::{dot, norm};
use crate::{Clip, Error, Float, ParameterSpec, Result};

/// A gradient in row-major order.
pub(super) enum Gradient<'a, T> {
    There(&'a [T]),
    Copied(Tensor<T>),
}

impl<'a, T: Float> Gradient<'a, T> {
    pub(super) fn new(view: &View<'a, T>) -> Self {
        match view.as_slice() {
            Some(slice) => Self::There(slice),
            None => Self::Copied(view.to_tensor()),
        }
    }

    pub(super) fn slice(&self) -> &[T] {
        match self {
            Self::There(slice) => slice,
            Self::Copied(tensor) => tensor.as_slice(),
        }
    }

    /// The values, to be changed.
    fn own(&mut self) -> &mut [T] {
        if let Self::There(slice) = self {
            let shape = [slice.len()];
            *self = Self::Copied(View::from_slice(slice, &shape).to_tensor());
        }
        match self {
            Self::Copied(tensor) => tensor.as_mut_slice(),
            Self::There(_) => unreachable!("it was copied just now"),
        }
    }
}

/// Euclidean norm of all.
pub(super) fn norm_of<T: Float>(gradients: &[Gradient<'_, T>]) -> f64 {
    gradients
        .iter()
        .map(|g| norm(g.slice()))
        .fold(0.0, f64::hypot)
}

/// Bounds gradients whose norm is `size`.
pub(super) fn clip<T: Float>(gradients: &mut [Gradient<'_, T>], clip: Clip, size: f64) {
    match clip {
        Clip::Norm(most) if size > most => {
            // Two factors: their quotient may leave the range of T.
            let (up, down) = (T::of(most), T::of(1.0 / size));
            for gradient in gradients {
                gradient.own().iter_mut().for_each(|g| *g = *g * down * up);
            }
        }
        Clip::Value(most) => {
            let most = T::of(most);
            let outside = |&g: &T| g > most || g < -most;
            for gradient in gradients {
                if gradient.slice().iter().any(outside) {
                    for g in gradient.own() {
                        *g = if *g > most {
                            most
                        } else if *g < -most {
                            -most
                        } else {
                            *g
                        };
                    }
                }
            }
        }
        _ => {}
    }
}

/// An error if an element is not finite, with the first such place.
pub(super) fn check_finite<T: Float>(
    gradient: &Gradient<'_, T>,
    spec: &ParameterSpec,
) -> Result<()> {
    let values = gradient.slice();
    // Anything not finite shows in the sum of squares, as does overflow.
    if dot(values, values).is_finite() {
        return Ok(());
    }
    let Some(place) = values.iter().position(|x| !x.to_f64().is_finite()) else {
        return Ok(());
    };
    let mut position = vec![0; spec.shape.len()];
    let mut rest = place;
    for (index, &length) in position.iter_mut().zip(&spec.shape).rev() {
        *index = rest % length;
        rest /= length;
    }
    Err(Error::NonFiniteGradient {
        parameter: spec.name.clone(),
        value: values[place].to_f64().to_string(),
        position,
    })
}
