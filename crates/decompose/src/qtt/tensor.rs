//! The quantised train.

use tensegrity_tensor::{Tensor, View};

use crate::input::prepare;
use crate::{Decomposed, Entry, Quantization, Result, Tol, TtOptions, TtTensor, tt_svd};

/// A train over the digits of an array's indices.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedTt<T> {
    tt: TtTensor<T>,
    layout: Quantization,
}

impl<T: Entry> QuantizedTt<T> {
    /// A train with the layout of its modes.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if the train's shape is not [`Quantization::dims`].
    pub fn new(tt: TtTensor<T>, layout: Quantization) -> Result<Self> {
        if tt.shape() != layout.dims() {
            return Err(crate::Error::Shape {
                what: "a quantised train",
                found: tt.shape(),
                expected: layout.dims(),
            });
        }
        Ok(Self { tt, layout })
    }

    /// [`tt_svd`] of the digits of `x`.
    ///
    /// A relative tolerance and the report's error are relative to `x` itself,
    /// not to the padded array. Memory: a copy of `x` unless digits are
    /// sequential and nothing is padded.
    ///
    /// # Errors
    /// As [`tt_svd`]; [`crate::Error::Shape`] if `x` does not fit the layout.
    pub fn svd(
        x: &View<'_, T>,
        layout: &Quantization,
        tol: &Tol,
        options: &TtOptions,
    ) -> Result<Decomposed<Self>> {
        layout.check(x.shape())?;
        let in_place = layout.order() == crate::Digits::Sequential && x.is_contiguous();
        if in_place && !layout.is_padded() {
            let digits = crate::unfold::reshaped(x, &layout.dims())?;
            return Ok(tt_svd(&digits, tol, options)?.with(|tt| Self {
                tt,
                layout: layout.clone(),
            }));
        }
        if !layout.is_padded() {
            let digits = layout.apply(x)?;
            return Ok(tt_svd(&digits.view(), tol, options)?.with(|tt| Self {
                tt,
                layout: layout.clone(),
            }));
        }
        // Padding adds to the norm: the share of the array itself counts.
        let norm = prepare(x)?.original_norm();
        let tol = match *tol {
            Tol::Rel(eps) => {
                Tol::Rel(eps).per_cut(norm, 1)?;
                Tol::Abs(eps * norm)
            }
            ref other => other.clone(),
        };
        let digits = layout.apply(x)?;
        let found = tt_svd(&digits.view(), &tol, options)?;
        drop(digits);
        let mut found = found.with(|tt| Self {
            tt,
            layout: layout.clone(),
        });
        found.report.norm = norm;
        found.report.error = found.tensor.error(x)?;
        Ok(found)
    }

    /// The train.
    #[must_use]
    pub fn tt(&self) -> &TtTensor<T> {
        &self.tt
    }

    /// The layout of its modes.
    #[must_use]
    pub fn layout(&self) -> &Quantization {
        &self.layout
    }

    /// Train and layout.
    #[must_use]
    pub fn into_parts(self) -> (TtTensor<T>, Quantization) {
        (self.tt, self.layout)
    }

    /// Shape of the array represented.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.layout.shape()
    }

    /// Numbers stored.
    #[must_use]
    pub fn params(&self) -> usize {
        self.tt.params()
    }

    /// The dense array.
    ///
    /// # Errors
    /// As [`TtTensor::to_tensor`].
    pub fn to_tensor(&self) -> Result<Tensor<T>> {
        self.layout.restore(&self.tt.to_tensor()?.view())
    }

    /// Relative error ‖X − X̂‖/‖X‖ on the array without its padding.
    ///
    /// # Errors
    /// [`crate::Error::Shape`], and those of reading `x`.
    pub fn error(&self, x: &View<'_, T>) -> Result<f64> {
        self.layout.check(x.shape())?;
        if !self.layout.is_padded() {
            return self.tt.error(&self.layout.apply(x)?.view());
        }
        let input = prepare(x)?;
        let norm = input.original_norm();
        drop(input);
        let mut difference = self.to_tensor()?;
        let dense = x.to_tensor();
        let pairs = difference.as_mut_slice().iter_mut().zip(dense.as_slice());
        pairs.for_each(|(a, &b)| *a = a.sub(b));
        let distance = difference.norm();
        Ok(if norm == 0.0 {
            if distance == 0.0 { 0.0 } else { f64::INFINITY }
        } else {
            distance / norm
        })
    }
}

impl<F> Decomposed<F> {
    fn with<G>(self, wrap: impl FnOnce(F) -> G) -> Decomposed<G> {
        Decomposed {
            tensor: wrap(self.tensor),
            report: self.report,
        }
    }
}
