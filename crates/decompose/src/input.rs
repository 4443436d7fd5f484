//! The input of a decomposition: checked, measured, brought into safe range.

use smallvec::SmallVec;
use tensegrity_tensor::{Axes, Real, Scalar, Tensor, View};

use crate::{Entry, Error, Note, Result};

/// What one pass over the elements tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// Σ|x|² in `f64`; not finite if an element is not, or on overflow.
    pub(crate) squared: f64,
}

/// Sum of squares in `f64`, pairwise over blocks.
pub(crate) fn measure<T: Entry>(elements: &[T]) -> Measured {
    Measured {
        squared: sum(elements),
    }
}

fn sum<T: Entry>(elements: &[T]) -> f64 {
    const BLOCK: usize = 4096;
    if elements.len() > BLOCK {
        let middle = (elements.len() / 2).next_multiple_of(64);
        let (left, right) = elements.split_at(middle);
        return sum(left) + sum(right);
    }
    let mut lanes = [0.0f64; 16];
    let chunks = elements.chunks_exact(16);
    let rest: f64 = chunks.remainder().iter().map(|x| x.abs2()).sum();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += x.abs2();
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// A tensor that algorithms may read without further checks.
pub(crate) struct Input<'a, T> {
    view: View<'a, T>,
    owned: Option<Tensor<T>>,
    /// Original mode of each axis of [`Input::in_memory_order`].
    pub(crate) order: Axes,
    /// ‖X‖ of the (scaled) elements.
    pub(crate) norm: f64,
    /// The elements are 2^exponent times the caller's.
    pub(crate) exponent: i32,
}

/// Checks shape and elements and measures the norm.
///
/// The elements are copied only if they are not dense in any order of the axes,
/// or so large or small that their squares leave the range of the type.
pub(crate) fn prepare<'a, T: Entry>(x: &View<'a, T>) -> Result<Input<'a, T>> {
    if x.ndim() == 0 {
        return Err(Error::NoModes);
    }
    if let Some(mode) = x.shape().iter().position(|&n| n == 0) {
        return Err(Error::EmptyMode {
            mode,
            shape: x.shape().to_vec(),
        });
    }
    let mut input = dense(x)?;
    let squared = T::measure(input.elements()).squared;
    input.norm = squared.sqrt();
    let (low, high) = safe_range::<T>();
    if !(low..high).contains(&input.norm) {
        scale(x, &mut input)?;
    }
    Ok(input)
}

/// Norms whose square, and the products of elements with them, stay normal.
fn safe_range<T: Scalar>() -> (f64, f64) {
    if is_single::<T>() {
        (1e-12, 1e12)
    } else {
        (1e-100, 1e120)
    }
}

/// Whether the type has single precision.
pub(crate) fn is_single<T: Scalar>() -> bool {
    <T::Real as Real>::EPSILON.to_f64() > 1e-10
}

/// The view with its axes in memory order, copied if that is not dense.
fn dense<'a, T: Entry>(x: &View<'a, T>) -> Result<Input<'a, T>> {
    let mut order: Axes = (0..x.ndim()).collect();
    // A stable sort: axes of length one may sit anywhere.
    order.sort_by_key(|&axis| std::cmp::Reverse(stride_key(x, axis)));
    let sorted = x.permuted(&order)?;
    let identity: Axes = (0..x.ndim()).collect();
    let (view, owned, order) = if x.is_contiguous() {
        (x.clone(), None, identity)
    } else if sorted.is_contiguous() {
        (sorted, None, order)
    } else {
        (x.clone(), Some(x.to_tensor()), identity)
    };
    Ok(Input {
        view,
        owned,
        order,
        norm: 0.0,
        exponent: 0,
    })
}

fn stride_key<T: Entry>(x: &View<'_, T>, axis: usize) -> isize {
    if x.shape()[axis] == 1 {
        isize::MAX
    } else {
        x.strides()[axis]
    }
}

/// Brings the elements to a norm near one by a power of two.
fn scale<T: Entry>(x: &View<'_, T>, input: &mut Input<'_, T>) -> Result<()> {
    let mut largest = 0.0f64;
    for (flat, value) in input.elements().iter().enumerate() {
        if !value.is_finite() {
            return Err(not_finite(x, &input.order, flat, *value));
        }
        let (re, im) = (value.re().to_f64().abs(), value.im().to_f64().abs());
        largest = largest.max(re).max(im);
    }
    if largest == 0.0 {
        input.norm = 0.0;
        return Ok(());
    }
    // Elements are multiplied in two steps, because 2^exponent alone may be
    // beyond the range of the type when the largest element is subnormal.
    input.exponent = -(largest.log2().floor() as i32);
    let half = 2f64.powi(input.exponent / 2);
    let rest = 2f64.powi(input.exponent - input.exponent / 2);
    let factors = [T::from_f64(half, 0.0), T::from_f64(rest, 0.0)];
    let scaled: Vec<T> = input
        .elements()
        .iter()
        .map(|value| value.mul(factors[0]).mul(factors[1]))
        .collect();
    input.norm = T::measure(&scaled).squared.sqrt();
    let shape: Axes = input.in_memory_order().shape().into();
    input.owned = Some(Tensor::from_vec(scaled, &shape)?);
    Ok(())
}

fn not_finite<T: Entry>(x: &View<'_, T>, order: &[usize], flat: usize, value: T) -> Error {
    let mut index = vec![0; x.ndim()];
    let mut rest = flat;
    for &axis in order.iter().rev() {
        index[axis] = rest % x.shape()[axis];
        rest /= x.shape()[axis];
    }
    let value = if T::IS_COMPLEX {
        format!("{:?}{:+?}i", value.re(), value.im())
    } else {
        format!("{:?}", value.re())
    };
    Error::NotFinite { index, value }
}

impl<T: Entry> Input<'_, T> {
    /// The elements, dense, with axes in memory order; axis `k` is the
    /// original mode `order[k]`.
    pub(crate) fn in_memory_order(&self) -> View<'_, T> {
        match &self.owned {
            Some(tensor) => tensor.view(),
            None => self.view.clone(),
        }
    }

    /// The elements, dense, with modes in their original order; copied if they
    /// are in another order in memory.
    pub(crate) fn in_mode_order(&mut self) -> Result<View<'_, T>> {
        if self.order.windows(2).any(|pair| pair[0] > pair[1]) {
            let back = inverse(&self.order);
            let permuted = self.in_memory_order().permuted(&back)?.to_tensor();
            self.owned = Some(permuted);
            self.order.sort_unstable();
        }
        Ok(self.in_memory_order())
    }

    fn elements(&self) -> &[T] {
        match &self.owned {
            Some(tensor) => tensor.as_slice(),
            None => self.view.as_slice().expect("the input was made dense"),
        }
    }

    /// ‖X‖ of the caller's elements.
    pub(crate) fn original_norm(&self) -> f64 {
        times_power_of_two(self.norm, -self.exponent)
    }

    /// Undoes the scaling on a tensor that is linear in the input.
    pub(crate) fn unscale(&self, tensor: &mut Tensor<T>) {
        if self.exponent != 0 {
            let half = T::from_f64(2f64.powi(-(self.exponent / 2)), 0.0);
            let rest = T::from_f64(2f64.powi(-(self.exponent - self.exponent / 2)), 0.0);
            for x in tensor.as_mut_slice() {
                *x = x.mul(half).mul(rest);
            }
        }
    }

    /// What the caller should know about the input.
    pub(crate) fn notes(&self) -> Vec<Note> {
        let mut notes = Vec::new();
        if self.norm == 0.0 {
            notes.push(Note::AllZero);
        }
        if self.exponent != 0 {
            notes.push(Note::Scaled {
                exponent: self.exponent,
            });
        }
        notes
    }

    /// An absolute tolerance of the caller, in units of the scaled elements.
    pub(crate) fn scaled_tolerance(&self, tol: &crate::Tol) -> crate::Tol {
        match *tol {
            crate::Tol::Abs(eps) if self.exponent != 0 => {
                crate::Tol::Abs(times_power_of_two(eps, self.exponent))
            }
            ref other => other.clone(),
        }
    }
}

/// In two steps, since the power alone may leave the range of `f64`.
fn times_power_of_two(value: f64, exponent: i32) -> f64 {
    value * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2)
}

/// `inverse[order[k]] = k`.
pub(crate) fn inverse(order: &[usize]) -> SmallVec<[usize; 8]> {
    let mut inverse: Axes = SmallVec::from_elem(0, order.len());
    for (k, &axis) in order.iter().enumerate() {
        inverse[axis] = k;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permuted_input_is_not_copied_and_sliced_input_is() {
        let x =
            Tensor::<f64>::from_fn(&[3, 4, 5], |i| (i[0] * 20 + i[1] * 5 + i[2]) as f64).unwrap();
        let view = x.view().permuted(&[2, 0, 1]).unwrap();
        let input = prepare(&view).unwrap();
        assert!(input.owned.is_none());
        assert_eq!(input.order.as_slice(), [1, 2, 0]);
        assert_eq!(input.in_memory_order().shape(), [3, 4, 5]);
        let sliced = x.view().sliced(1, 1..3).unwrap();
        let input = prepare(&sliced).unwrap();
        assert!(input.owned.is_some());
        assert!((input.norm - sliced.to_tensor().norm()).abs() < 1e-12);
    }

    #[test]
    fn the_first_bad_element_is_named_by_its_index() {
        let mut x = Tensor::<f32>::full(&[2, 3], 1.0).unwrap();
        x.as_mut_slice()[4] = f32::NAN;
        let error = prepare(&x.view().permuted(&[1, 0]).unwrap()).err().unwrap();
        let Error::NotFinite { index, value } = error else {
            panic!("{error}");
        };
        assert_eq!((index, value.as_str()), (vec![1, 1], "NaN"));
    }

    #[test]
    fn extreme_magnitudes_are_scaled() {
        for size in [1e-300, 1e300, 5e-324] {
            let x = Tensor::full(&[3, 3], size).unwrap();
            let input = prepare(&x.view()).unwrap();
            assert!((0.9..10.0).contains(&input.norm), "{size}: {}", input.norm);
            let mut back = input.in_memory_order().to_tensor();
            input.unscale(&mut back);
            assert_eq!(back.as_slice(), x.as_slice());
        }
        let x = Tensor::full(&[2], 1e-40f32).unwrap();
        let input = prepare(&x.view()).unwrap();
        assert!(input.norm > 0.5);
    }
}
