//! How axes are written in digits.

use tensegrity_tensor::{Axes, Element, MAX_AXES, Tensor, View};

use crate::input::inverse;
use crate::unfold::reshaped;
use crate::{Error, Result};

/// The order of the digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Digits {
    /// All digits of the first axis, then of the second, …: a plain reshape.
    #[default]
    Sequential,
    /// The leading digits of all axes, then the next, …; axes with fewer digits
    /// run out earlier.
    Interleaved,
    /// As interleaved, the digits of one scale merged into one mode.
    Fused,
}

/// What to do with lengths that are not products of digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Padding {
    /// Continue with the last element.
    #[default]
    Edge,
    /// Continue with zeros.
    Zero,
    /// Continue with the mirror image, the last element repeated first.
    Mirror,
    /// Never pad: write the length as a product of its prime factors, small
    /// ones multiplied together up to the base.
    Factor,
}

/// How an array of some shape is written as a tensor of digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantization {
    shape: Vec<usize>,
    base: usize,
    digits: Vec<Vec<usize>>,
    order: Digits,
    padding: Padding,
}

/// The digits of every axis of `shape` in `base`, in sequential order, padded
/// at the edge.
///
/// An axis of n elements gets the fewest digits L with base^L ≥ n; the leading
/// digit is only as long as it has to be, so that 451 in base 4 becomes
/// 2·4·4·4·4 = 512.
///
/// ```
/// use tensegrity_decompose::{Digits, quantize};
/// let layout = quantize(&[8, 9], 2)?;
/// assert_eq!(layout.dims(), [2, 2, 2, 2, 2, 2, 2]);
/// assert_eq!(layout.with_digits(Digits::Fused).dims(), [4, 4, 4, 2]);
/// # Ok::<(), tensegrity_decompose::Error>(())
/// ```
///
/// # Errors
/// [`Error::NoModes`], [`Error::EmptyMode`], [`Error::Option`] for a base below
/// two; more digits than a tensor may have axes.
pub fn quantize(shape: &[usize], base: usize) -> Result<Quantization> {
    Quantization::new(shape, base, Digits::default(), Padding::default())
}

impl Quantization {
    /// As [`quantize`], with a choice of order and padding.
    ///
    /// # Errors
    /// As [`quantize`].
    pub fn new(shape: &[usize], base: usize, order: Digits, padding: Padding) -> Result<Self> {
        if shape.is_empty() {
            return Err(Error::NoModes);
        }
        if let Some(mode) = shape.iter().position(|&n| n == 0) {
            return Err(Error::EmptyMode {
                mode,
                shape: shape.to_vec(),
            });
        }
        if base < 2 {
            return Err(Error::Option {
                name: "base",
                problem: format!("{base} is below two, the smallest base of digits"),
            });
        }
        let digits: Vec<Vec<usize>> = shape
            .iter()
            .map(|&n| match padding {
                Padding::Factor => grouped_factors(n, base),
                _ => digits_of(n, base),
            })
            .collect();
        let axes: usize = digits.iter().map(Vec::len).sum();
        if axes > MAX_AXES {
            return Err(tensegrity_tensor::Error::TooManyAxes {
                axes,
                limit: MAX_AXES,
            }
            .into());
        }
        let padded: Vec<usize> = digits.iter().map(|d| d.iter().product()).collect();
        tensegrity_tensor::element_count(&padded)?;
        Ok(Self {
            shape: shape.to_vec(),
            base,
            digits,
            order,
            padding,
        })
    }

    /// The same digits in another order.
    #[must_use]
    pub fn with_digits(mut self, order: Digits) -> Self {
        self.order = order;
        self
    }

    /// The same with another padding.
    ///
    /// # Errors
    /// As [`quantize`].
    pub fn with_padding(self, padding: Padding) -> Result<Self> {
        Self::new(&self.shape, self.base, self.order, padding)
    }

    /// Shape of the array.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The base asked for.
    #[must_use]
    pub fn base(&self) -> usize {
        self.base
    }

    /// The digits of each axis, most significant first.
    #[must_use]
    pub fn digits(&self) -> &[Vec<usize>] {
        &self.digits
    }

    /// The order of the digits.
    #[must_use]
    pub fn order(&self) -> Digits {
        self.order
    }

    /// The padding.
    #[must_use]
    pub fn padding(&self) -> Padding {
        self.padding
    }

    /// Shape of the padded array.
    #[must_use]
    pub fn padded_shape(&self) -> Vec<usize> {
        self.digits
            .iter()
            .map(|digits| digits.iter().product())
            .collect()
    }

    /// Whether any axis is padded.
    #[must_use]
    pub fn is_padded(&self) -> bool {
        self.padded_shape() != self.shape
    }

    /// The lengths of the digit axes in sequential order.
    #[must_use]
    pub fn digit_shape(&self) -> Vec<usize> {
        self.digits.concat()
    }

    /// Which sequential digit axis each axis of the reordered tensor is, before
    /// fusing.
    #[must_use]
    pub fn digit_order(&self) -> Vec<usize> {
        self.scales().concat()
    }

    /// Shape of the tensor of digits: the modes of the train.
    #[must_use]
    pub fn dims(&self) -> Vec<usize> {
        let lengths = self.digit_shape();
        self.scales()
            .iter()
            .map(|scale| scale.iter().map(|&axis| lengths[axis]).product())
            .collect()
    }

    /// The sequential digit axes in their new order, one group for each mode of
    /// the train.
    pub(crate) fn scales(&self) -> Vec<Vec<usize>> {
        let count: usize = self.digits.iter().map(Vec::len).sum();
        if self.order == Digits::Sequential {
            return (0..count).map(|axis| vec![axis]).collect();
        }
        let deepest = self.digits.iter().map(Vec::len).max().unwrap_or(0);
        let fused: Vec<Vec<usize>> = (0..deepest)
            .map(|scale| {
                let mut first = 0;
                let mut axes = Vec::new();
                for digits in &self.digits {
                    if scale < digits.len() {
                        axes.push(first + scale);
                    }
                    first += digits.len();
                }
                axes
            })
            .collect();
        match self.order {
            Digits::Fused => fused,
            _ => fused.concat().into_iter().map(|axis| vec![axis]).collect(),
        }
    }

    /// The tensor of digits of an array, shape [`Quantization::dims`].
    ///
    /// Cost: one copy, two if it is padded.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn apply<T: Element>(&self, x: &View<'_, T>) -> Result<Tensor<T>> {
        self.check(x.shape())?;
        let padded;
        let whole = if self.is_padded() {
            padded = self.pad(x)?;
            padded.view()
        } else {
            x.clone()
        };
        // Splitting axes never needs a copy.
        let digits = reshaped(&whole, &self.digit_shape())?;
        let ordered = digits.permuted(&self.digit_order())?;
        Ok(ordered.to_tensor().reshaped(&self.dims())?)
    }

    /// The array of a tensor of digits, padding cut off.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn restore<T: Element>(&self, digits: &View<'_, T>) -> Result<Tensor<T>> {
        if digits.shape() != self.dims() {
            return Err(Error::Shape {
                what: "restore",
                found: digits.shape().to_vec(),
                expected: self.dims(),
            });
        }
        let order = self.digit_order();
        let lengths = self.digit_shape();
        let unfused: Axes = order.iter().map(|&axis| lengths[axis]).collect();
        let dense = digits.to_tensor().reshaped(&unfused)?;
        let sequential = dense.view().permuted(&inverse(&order))?;
        if !self.is_padded() {
            return Ok(sequential.to_tensor().reshaped(&self.shape)?);
        }
        let whole = sequential.to_tensor().reshaped(&self.padded_shape())?;
        let mut part = whole.view();
        for (axis, &n) in self.shape.iter().enumerate() {
            part = part.sliced(axis, 0..n)?;
        }
        Ok(part.to_tensor())
    }

    pub(crate) fn check(&self, shape: &[usize]) -> Result<()> {
        if shape == self.shape {
            Ok(())
        } else {
            Err(Error::Shape {
                what: "quantization",
                found: shape.to_vec(),
                expected: self.shape.clone(),
            })
        }
    }

    /// The padded array, one axis after the other.
    fn pad<T: Element>(&self, x: &View<'_, T>) -> Result<Tensor<T>> {
        let target = self.padded_shape();
        let mut current = x.to_tensor();
        for (axis, (&n, &longer)) in self.shape.iter().zip(&target).enumerate() {
            if n == longer {
                continue;
            }
            let mut shape: Axes = current.shape().into();
            shape[axis] = longer;
            let mut wider = Tensor::zeros(&shape)?;
            let mut place = |from: usize, to: usize, count: usize| -> Result<()> {
                let mut target = wider.view_mut().sliced(axis, to..to + count)?;
                let source = current.view().sliced(axis, from..from + count)?;
                Ok(tensegrity_tensor::copy_into(&mut target, &source)?)
            };
            place(0, 0, n)?;
            for index in n..longer {
                match self.padding {
                    Padding::Edge => place(n - 1, index, 1)?,
                    Padding::Mirror => {
                        let turn = (index / n) % 2 == 1;
                        let within = index % n;
                        place(if turn { n - 1 - within } else { within }, index, 1)?;
                    }
                    Padding::Zero | Padding::Factor => break,
                }
            }
            current = wider;
        }
        Ok(current)
    }
}

/// The fewest digits in `base` that count to n, the leading one no longer than
/// it has to be.
fn digits_of(n: usize, base: usize) -> Vec<usize> {
    let mut low = Vec::new();
    let mut rest = n;
    while rest > base {
        low.push(base);
        rest = rest.div_ceil(base);
    }
    low.push(rest);
    low.reverse();
    low
}

/// n as a product of prime factors, small ones multiplied together up to `base`.
fn grouped_factors(n: usize, base: usize) -> Vec<usize> {
    let mut primes = Vec::new();
    let (mut rest, mut divisor) = (n, 2);
    while divisor * divisor <= rest {
        while rest.is_multiple_of(divisor) {
            primes.push(divisor);
            rest /= divisor;
        }
        divisor += 1;
    }
    if rest > 1 {
        primes.push(rest);
    }
    let mut groups: Vec<usize> = Vec::new();
    for &prime in primes.iter().rev() {
        match groups.iter_mut().find(|group| **group * prime <= base) {
            Some(group) => *group *= prime,
            None => groups.push(prime),
        }
    }
    if groups.is_empty() {
        groups.push(1);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_as_few_and_short_as_possible() {
        assert_eq!(digits_of(512, 2), [2; 9]);
        assert_eq!(digits_of(451, 4), [2, 4, 4, 4, 4]);
        assert_eq!(digits_of(3, 4), [3]);
        assert_eq!(digits_of(1, 2), [1]);
        assert_eq!(digits_of(17, 16), [2, 16]);
        assert_eq!(grouped_factors(512, 4), [4, 4, 4, 4, 2]);
        assert_eq!(grouped_factors(451, 4), [41, 11]);
        assert_eq!(grouped_factors(12, 6), [6, 2]);
        assert_eq!(grouped_factors(1, 4), [1]);
    }

    #[test]
    fn restoring_undoes_applying() {
        let x = Tensor::from_fn(&[5, 12, 3], |i| (i[0] * 36 + i[1] * 3 + i[2]) as f64).unwrap();
        for padding in [
            Padding::Edge,
            Padding::Zero,
            Padding::Mirror,
            Padding::Factor,
        ] {
            for order in [Digits::Sequential, Digits::Interleaved, Digits::Fused] {
                for base in [2, 3, 4, 7] {
                    let layout = Quantization::new(&[5, 12, 3], base, order, padding).unwrap();
                    let digits = layout.apply(&x.view()).unwrap();
                    assert_eq!(digits.shape(), layout.dims());
                    assert_eq!(layout.restore(&digits.view()).unwrap(), x, "{layout:?}");
                }
            }
        }
    }

    #[test]
    fn paddings_continue_as_named() {
        let x = Tensor::from_vec(vec![1.0, 2.0, 3.0], &[3]).unwrap();
        let padded = |padding| {
            let layout = Quantization::new(&[3], 2, Digits::Sequential, padding).unwrap();
            layout.apply(&x.view()).unwrap().into_vec()
        };
        assert_eq!(padded(Padding::Edge), [1.0, 2.0, 3.0, 3.0]);
        assert_eq!(padded(Padding::Zero), [1.0, 2.0, 3.0, 0.0]);
        assert_eq!(padded(Padding::Mirror), [1.0, 2.0, 3.0, 3.0]);
        assert_eq!(padded(Padding::Factor), [1.0, 2.0, 3.0]);
    }
}
