//! The discrete Fourier transform along an axis.

use rustfft::{FftDirection, FftNum, FftPlanner, num_complex::Complex};
use smallvec::smallvec;
use tensegrity_tensor::{Array, DType, Tensor};

use crate::map::checked_axes;
use crate::operation::{Call, Derivatives, Operation, Values};
use crate::shape::linear_rules;
use crate::{Error, Result, Variable};

/// Σ x·exp(∓2πi·jk/n), not normalised. Its adjoint is the other direction.
#[derive(Clone)]
struct Fourier {
    axis: usize,
    inverse: bool,
}

impl Fourier {
    fn run<T: FftNum>(&self, shape: &[usize], data: &mut [Complex<T>]) {
        let n = shape[self.axis];
        let inner: usize = shape[self.axis + 1..].iter().product();
        if data.is_empty() || n < 2 {
            return;
        }
        let direction = match self.inverse {
            true => FftDirection::Inverse,
            false => FftDirection::Forward,
        };
        let plan = FftPlanner::new().plan_fft(n, direction);
        if inner == 1 {
            plan.process(data);
            return;
        }
        let mut line = vec![Complex::new(T::zero(), T::zero()); n];
        for block in data.chunks_exact_mut(n * inner) {
            for offset in 0..inner {
                for (k, value) in line.iter_mut().enumerate() {
                    *value = block[k * inner + offset];
                }
                plan.process(&mut line);
                for (k, &value) in line.iter().enumerate() {
                    block[k * inner + offset] = value;
                }
            }
        }
    }
}

impl Operation for Fourier {
    fn name(&self) -> &'static str {
        match self.inverse {
            true => "ifft",
            false => "fft",
        }
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        fn transformed<T: FftNum>(fourier: &Fourier, x: &Tensor<Complex<T>>) -> Tensor<Complex<T>>
        where
            Complex<T>: tensegrity_tensor::Element,
        {
            let mut x = x.clone();
            let shape: tensegrity_tensor::Axes = x.shape().into();
            fourier.run(&shape, x.as_mut_slice());
            x
        }
        Ok(smallvec![match inputs[0] {
            Array::C64(x) => transformed(self, x).into(),
            Array::C128(x) => transformed(self, x).into(),
            other => {
                return Err(Error::DType {
                    operation: self.name(),
                    argument: "the operand".to_owned(),
                    found: other.dtype(),
                    wanted: "it needs complex numbers",
                });
            }
        }])
    }

    linear_rules!(|self, _call, g| {
        let adjoint = Fourier {
            axis: self.axis,
            inverse: !self.inverse,
        };
        Variable::apply(adjoint, std::slice::from_ref(g))
    });
}

impl Variable {
    /// The discrete Fourier transform Σⱼ xⱼ·exp(−2πi·jk/n) along an axis; complex,
    /// also of real numbers. Any length costs O(n·log n) a line.
    ///
    /// # Errors
    /// [`Error::Axes`](crate::Error::Axes); [`Error::DType`] for integers.
    pub fn fft(&self, axis: usize) -> Result<Variable> {
        self.transformed(axis, false)
    }

    /// The inverse of [`Variable::fft`]: (1/n)·Σₖ xₖ·exp(2πi·jk/n).
    ///
    /// # Errors
    /// As [`Variable::fft`].
    pub fn ifft(&self, axis: usize) -> Result<Variable> {
        let sum = self.transformed(axis, true)?;
        sum.scale(1.0 / self.shape()[axis].max(1) as f64)
    }

    fn transformed(&self, axis: usize, inverse: bool) -> Result<Variable> {
        let fourier = Fourier { axis, inverse };
        checked_axes(fourier.name(), &[axis], self.ndim())?;
        let x = match self.dtype() {
            DType::F32 => self.cast(DType::C64)?,
            DType::F64 => self.cast(DType::C128)?,
            _ => self.clone(),
        };
        Variable::apply(fourier, &[x])
    }
}
