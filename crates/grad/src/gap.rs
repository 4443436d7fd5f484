//! Differences of eigenvalues and singular values, which derivatives divide by.

use std::sync::LazyLock;

use tensegrity_tensor::{Array, DType, Reduction};

use crate::formula::Formula;
use crate::matrix::identity;
use crate::{Error, Result, Variable};

/// How derivatives treat values of a spectrum that nearly coincide.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gaps {
    /// ε of the safe inverse x/(x² + ε²), relative to the largest eigenvalue or
    /// squared singular value.
    pub epsilon: f64,
    /// Whether two values that agree to half the digits of the type, or a singular
    /// value that vanishes to them, are an error where a derivative divides by
    /// them, instead.
    pub strict: bool,
}

impl Default for Gaps {
    /// The safe inverse with ε = 1e-12.
    fn default() -> Self {
        Self {
            epsilon: 1e-12,
            strict: false,
        }
    }
}

impl Gaps {
    /// ε for values whose largest is `largest`, so that ε² does not vanish.
    fn epsilon(&self, values: &Variable) -> Result<Variable> {
        static EPSILON: LazyLock<Formula> =
            LazyLock::new(|| (Formula::input(0) * Formula::input(1)).max(Formula::input(2)));
        let least = match values.dtype() {
            DType::F32 => 1e-18,
            _ => 1e-150,
        };
        let values = values.stop_gradient().abs()?;
        let last = values.ndim() - 1;
        let largest = match values.shape()[last] {
            0 => values.sum_kept(&[last])?,
            _ => values.folded(Reduction::Max, &[last])?,
        };
        let dtype = values.dtype();
        let factor = Variable::scalar(self.epsilon, dtype);
        EPSILON.apply(&[&largest, &factor, &Variable::scalar(least, dtype)])
    }

    /// The safe inverses of all differences wⱼ − wᵢ; zero on the diagonal.
    pub(crate) fn inverses(&self, values: &Variable) -> Result<Variable> {
        static INVERSE: LazyLock<Formula> = LazyLock::new(|| {
            let (one, epsilon) = (Formula::input(2), Formula::input(3));
            // One on the diagonal, where a difference of equal values would bring
            // derivatives of the size 1/ε² that cancel only in exact arithmetic.
            let x = Formula::input(1) - Formula::input(0) + one.clone();
            let inverse = x.clone() / (x.clone() * x + epsilon.clone() * epsilon);
            inverse * (Formula::constant(1.0) - one)
        });
        let n = values.shape()[values.ndim() - 1];
        let (column, row) = (as_column(values)?, as_row(values)?);
        let epsilon = as_column(&self.epsilon(values)?)?;
        INVERSE.apply(&[&column, &row, &identity(n, values.dtype())?, &epsilon])
    }

    /// Refuses values that nearly coincide, if that is asked for.
    pub(crate) fn check(&self, operation: &'static str, values: &Variable) -> Result<()> {
        if !self.strict {
            return Ok(());
        }
        let n = values.shape()[values.ndim() - 1];
        let (list, limit) = in_double(values);
        for values in list.chunks(n.max(1)) {
            let largest = values.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
            let gaps = values.windows(2).map(|pair| (pair[1] - pair[0]).abs());
            if let Some((first, gap)) = (gaps.enumerate()).find(|(_, gap)| *gap <= limit * largest)
            {
                return Err(Error::Degenerate {
                    operation,
                    first,
                    second: first + 1,
                    gap: gap / largest,
                });
            }
        }
        Ok(())
    }

    /// 1/s, safe; refuses values that vanish, if that is asked for.
    pub(crate) fn reciprocals(
        &self,
        operation: &'static str,
        values: &Variable,
    ) -> Result<Variable> {
        static INVERSE: LazyLock<Formula> = LazyLock::new(|| {
            let (x, epsilon) = (Formula::input(0), Formula::input(1));
            x.clone() / (x.clone() * x + epsilon.clone() * epsilon)
        });
        if self.strict {
            let n = values.shape()[values.ndim() - 1];
            let (list, limit) = in_double(values);
            for values in list.chunks(n.max(1)) {
                let vanishes = |value: &f64| *value <= limit * values[0];
                if let Some(number) = values.iter().position(vanishes) {
                    return Err(Error::RankDeficient {
                        operation,
                        number,
                        ratio: values[number] / values[0],
                    });
                }
            }
        }
        INVERSE.apply(&[values, &self.epsilon(values)?])
    }
}

/// Values as `f64`, and half the digits of their type.
fn in_double(values: &Variable) -> (Vec<f64>, f64) {
    match values.value() {
        Array::F32(x) => (
            x.as_slice().iter().map(|&x| f64::from(x)).collect(),
            f64::from(f32::EPSILON).sqrt(),
        ),
        Array::F64(x) => (x.as_slice().to_vec(), f64::EPSILON.sqrt()),
        _ => (Vec::new(), 0.0),
    }
}

pub(crate) fn as_column(x: &Variable) -> Result<Variable> {
    x.reshape(&[x.shape(), &[1]].concat())
}

pub(crate) fn as_row(x: &Variable) -> Result<Variable> {
    let (last, lead) = x.shape().split_last().unwrap_or((&1, &[]));
    x.reshape(&[lead, &[1, *last]].concat())
}
