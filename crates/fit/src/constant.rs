//! The simplest structure: one number, repeated.
//!
//! The diagram is a scalar with open wires, which mean "the same along here";
//! nothing of the array's size is stored. With the mean it is the best
//! constant; with zero it is the smallest file there is.

use tensegrity_diagram::Network;
use tensegrity_tensor::{Array, DType, Scalar, Tensor, c128};

use crate::magnitude::power_of_two;
use crate::{
    Candidate, Family, Fineness, Layout, Plain, Problem, Progress, Representation, Result, Storage,
    with_working,
};

#[derive(Debug)]
pub(crate) struct Constant;

struct Repeated {
    value: c128,
    shape: Vec<usize>,
    dtype: DType,
}

impl Candidate for Constant {
    fn name(&self) -> &str {
        "constant"
    }

    fn propose<'p>(
        &self,
        problem: &'p Problem<'p>,
        _: &Progress<'_>,
    ) -> Result<Vec<Box<dyn Family + 'p>>> {
        let scale = power_of_two(problem.exponent());
        let mean = with_working!(problem, x => mean(x)) * scale;
        let family = |value| -> Box<dyn Family + 'p> {
            Box::new(Repeated {
                value,
                shape: problem.shape().to_vec(),
                dtype: problem.dtype(),
            })
        };
        let zero = c128::new(0.0, 0.0);
        let mut families = vec![family(zero)];
        if mean != zero {
            families.push(family(mean));
        }
        Ok(families)
    }
}

fn mean<T: Scalar>(tensor: &Tensor<T>) -> c128 {
    let values = tensor.as_slice();
    // An array that is constant has exactly that mean, whatever rounding does.
    let first = values[0];
    let (mut re, mut im) = (0.0, 0.0);
    for &value in values {
        re += wide(value.sub(first).re());
        im += wide(value.sub(first).im());
    }
    let count = values.len() as f64;
    c128::new(wide(first.re()) + re / count, wide(first.im()) + im / count)
}

fn wide<R: tensegrity_tensor::Real>(value: R) -> f64 {
    value.to_f64()
}

impl Family for Repeated {
    fn structure(&self) -> &str {
        "constant"
    }

    fn detail(&self) -> String {
        if self.dtype.is_complex() {
            format!("{:.4}", self.value)
        } else {
            format!("{:.4}", self.value.re)
        }
    }

    fn build(&mut self, _: Fineness) -> Result<Representation> {
        let wires: Vec<u32> = (0..self.shape.len() as u32).collect();
        let zero = self.value == c128::new(0.0, 0.0);
        let network = Network {
            inputs: vec![vec![]],
            output: wires,
            dims: self.shape.iter().map(|&n| n as u64).collect(),
        };
        let (array, stored): (Array, DType) = match self.dtype {
            DType::C64 => (Tensor::scalar(self.value).into(), DType::C64),
            DType::C128 => (Tensor::scalar(self.value).into(), DType::C128),
            // A byte is enough for zero.
            _ if zero => (Tensor::scalar(0.0).into(), DType::U8),
            dtype => {
                let narrow = crate::expanded_dtype(dtype) == DType::F32;
                let stored = if narrow { DType::F32 } else { DType::F64 };
                (Tensor::scalar(self.value.re).into(), stored)
            }
        };
        Representation::new(
            "constant",
            Layout::plain(&self.shape),
            self.dtype,
            network,
            vec![Storage::Plain(Plain::new(array, stored)?)],
            None,
        )
    }

    fn is_of_source(&self) -> bool {
        true
    }

    fn is_fixed(&self) -> bool {
        true
    }
}
