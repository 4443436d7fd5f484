//! Reductions: sums, means, extrema, products, log-sum-exp.

use std::sync::LazyLock;

use smallvec::smallvec;
use tensegrity_tensor::{Array, Axes, Element, Expr, Reduction, Tensor};

use crate::formula::Formula;
use crate::map::checked_axes;
use crate::operation::{Call, Derivatives, Operation, Values};
use crate::shape::concat;
use crate::{Error, Result, Variable};

/// A reduction with a kernel of its own; reduced axes stay with length one.
#[derive(Clone)]
struct Fold {
    reduction: Reduction,
    axes: Axes,
}

impl Fold {
    fn run<T: Element>(&self, x: &Tensor<T>) -> Result<Tensor<T>> {
        let folded: Tensor<T> = Expr::input(0).reduce(self.reduction, &self.axes, &[x.into()])?;
        let mut shape: Axes = x.shape().into();
        self.axes.iter().for_each(|&axis| shape[axis] = 1);
        Ok(folded.reshaped(&shape)?)
    }

    /// The derivative of the result with respect to every element.
    fn weights(&self, call: &Call<'_>) -> Result<Variable> {
        let (x, y) = (&call.inputs[0], &call.outputs[0]);
        if self.reduction == Reduction::LogSumExp {
            return x.sub(y)?.exp();
        }
        // Elements that are the extremum share it.
        let is = x.equal(y)?;
        is.div(&is.sum_kept(&self.axes)?)
    }
}

impl Operation for Fold {
    fn name(&self) -> &'static str {
        match self.reduction {
            Reduction::Max => "max",
            Reduction::Min => "min",
            _ => "logsumexp",
        }
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        Ok(smallvec![match inputs[0] {
            Array::F32(x) => self.run(x)?.into(),
            Array::F64(x) => self.run(x)?.into(),
            other => {
                return Err(Error::DType {
                    operation: self.name(),
                    argument: "the operand".to_owned(),
                    found: other.dtype(),
                    wanted: "only real numbers are ordered; take `re` or `abs` first",
                });
            }
        }])
    }

    fn vjp(
        &self,
        call: &Call<'_>,
        cotangents: &[Option<Variable>],
        _: &[bool],
    ) -> Result<Derivatives> {
        Ok(smallvec![match &cotangents[0] {
            Some(g) => Some(self.weights(call)?.mul(g)?),
            None => None,
        }])
    }

    fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
        static PRODUCT: LazyLock<Formula> = LazyLock::new(|| Formula::input(0) * Formula::input(1));
        Ok(smallvec![match &tangents[0] {
            Some(t) => {
                let weights = self.weights(call)?;
                Some(PRODUCT.evaluated("sum", &[&weights, t], Some(&self.axes))?)
            }
            None => None,
        }])
    }
}

impl Variable {
    /// The sum over `axes`, which disappear.
    ///
    /// # Errors
    /// [`Error::Axes`].
    pub fn sum(&self, axes: &[usize]) -> Result<Variable> {
        let kept = self.sum_kept(axes)?;
        self.without(&kept, axes)
    }

    /// The sum of all elements.
    ///
    /// # Errors
    /// None but those of storage.
    pub fn sum_all(&self) -> Result<Variable> {
        self.sum(&self.all_axes())
    }

    /// The sum over `axes`, which stay with length one.
    ///
    /// # Errors
    /// [`Error::Axes`].
    pub fn sum_kept(&self, axes: &[usize]) -> Result<Variable> {
        static FORMULA: LazyLock<Formula> = LazyLock::new(|| Formula::input(0));
        FORMULA.evaluated("sum", &[self], Some(axes))
    }

    /// The mean over `axes`, which disappear; NaN of nothing.
    ///
    /// # Errors
    /// [`Error::Axes`].
    pub fn mean(&self, axes: &[usize]) -> Result<Variable> {
        self.without(&self.mean_kept(axes)?, axes)
    }

    /// The mean over `axes`, which stay with length one.
    ///
    /// # Errors
    /// [`Error::Axes`].
    pub fn mean_kept(&self, axes: &[usize]) -> Result<Variable> {
        let sum = self.sum_kept(axes)?;
        let count: usize = axes.iter().map(|&axis| self.shape()[axis]).product();
        sum.scale(1.0 / count as f64)
    }

    /// The largest element over `axes`, which disappear; NaN if any is. Equal
    /// ones share the derivative.
    ///
    /// # Errors
    /// [`Error::Axes`]; [`Error::DType`] for complex elements; [`Error::Tensor`]
    /// for the extremum of nothing.
    pub fn max(&self, axes: &[usize]) -> Result<Variable> {
        self.without(&self.folded(Reduction::Max, axes)?, axes)
    }

    /// The smallest element over `axes`, which disappear; NaN if any is. Equal
    /// ones share the derivative.
    ///
    /// # Errors
    /// As [`Variable::max`].
    pub fn min(&self, axes: &[usize]) -> Result<Variable> {
        self.without(&self.folded(Reduction::Min, axes)?, axes)
    }

    /// log Σ eˣ over `axes`, which disappear; without overflow.
    ///
    /// # Errors
    /// [`Error::Axes`]; [`Error::DType`] for complex elements.
    pub fn logsumexp(&self, axes: &[usize]) -> Result<Variable> {
        self.without(&self.folded(Reduction::LogSumExp, axes)?, axes)
    }

    /// The product over one axis, which disappears; right, with all its
    /// derivatives, where factors are zero. log₂ n steps.
    ///
    /// # Errors
    /// [`Error::Axes`].
    pub fn prod(&self, axis: usize) -> Result<Variable> {
        checked_axes("prod", &[axis], self.ndim())?;
        let mut factors = self.clone();
        if self.shape()[axis] == 0 {
            let mut shape: Axes = self.shape().into();
            shape.remove(axis);
            return Variable::ones(&shape, self.dtype());
        }
        loop {
            let n = factors.shape()[axis];
            if n == 1 {
                return self.without(&factors, &[axis]);
            }
            let half = n / 2;
            let left = factors.slice(axis, 0..half)?;
            let right = factors.slice(axis, half..2 * half)?;
            let product = left.mul(&right)?;
            factors = match n % 2 {
                0 => product,
                _ => concat(&[&product, &factors.slice(axis, n - 1..n)?], axis)?,
            };
        }
    }

    pub(crate) fn folded(&self, reduction: Reduction, axes: &[usize]) -> Result<Variable> {
        let mut fold = Fold {
            reduction,
            axes: Axes::new(),
        };
        fold.axes = checked_axes(fold.name(), axes, self.ndim())?;
        Variable::apply(fold, std::slice::from_ref(self))
    }

    /// `kept` without the reduced axes of `self`.
    fn without(&self, kept: &Variable, axes: &[usize]) -> Result<Variable> {
        let shape: Axes = (0..self.ndim())
            .filter(|axis| !axes.contains(axis))
            .map(|axis| self.shape()[axis])
            .collect();
        kept.reshape(&shape)
    }

    pub(crate) fn all_axes(&self) -> Axes {
        (0..self.ndim()).collect()
    }
}
