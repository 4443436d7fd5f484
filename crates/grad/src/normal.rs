//! Normalisations: softmax, layer and root-mean-square norm.
//!
//! Each is one step whose rule is written in its results, so that going back
//! evaluates no exponential or root again. Rules are written in recorded
//! operations, so derivatives of any order follow.

use std::sync::LazyLock;

use smallvec::smallvec;
use tensegrity_tensor::{Array, Axes, DType, Reduction};

use crate::formula::Formula;
use crate::map::checked_axes;
use crate::operation::{Call, Derivatives, Operation, Values};
use crate::{Error, Result, Variable};

/// Formulas of two to four inputs.
macro_rules! formula {
    ($name:ident = $($x:ident $number:literal),+ => $formula:expr) => {
        static $name: LazyLock<Formula> = LazyLock::new(|| {
            $(let $x = Formula::input($number);)+
            $formula
        });
    };
}

formula!(PRODUCT = a 0, b 1 => a * b);
formula!(SHIFTED_EXP = x 0, most 1 => (x - most).exp());
formula!(QUOTIENT = x 0, total 1 => x / total);
formula!(SOFTMAX_RULE = y 0, g 1, mean 2 => y * (g - mean));
formula!(EXP_PRODUCT = y 0, g 1 => y.exp() * g);
formula!(LOG_SOFTMAX_RULE = y 0, g 1, total 2 => g - y.exp() * total);
formula!(DEVIATION = x 0, mean 1 => { let d = x - mean; d.clone() * d });
formula!(SQUARE = x 0 => x.clone() * x);
formula!(RATE = squares 0, share 1, epsilon 2 => (squares * share + epsilon).power(-0.5));
formula!(CENTRED = x 0, mean 1, rate 2 => (x - mean) * rate);
formula!(AFFINE = x 0, scale 1, shift 2 => x * scale + shift);

/// eˣ / Σ eˣ over axes.
#[derive(Clone)]
struct Softmax {
    axes: Axes,
}

impl Softmax {
    /// y∘(v − Σ y·v): the derivative, which is symmetric.
    fn derivative(&self, y: &Variable, v: &Variable) -> Result<Variable> {
        let mean = PRODUCT.evaluated("softmax", &[y, v], Some(&self.axes))?;
        SOFTMAX_RULE.evaluated("softmax", &[y, v, &mean], None)
    }
}

impl Operation for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        let x = Variable::constant(inputs[0].clone());
        let most = x.folded(Reduction::Max, &self.axes)?;
        let powers = SHIFTED_EXP.evaluated("softmax", &[&x, &most], None)?;
        let total = powers.sum_kept(&self.axes)?;
        let value = QUOTIENT.evaluated("softmax", &[&powers, &total], None)?;
        Ok(smallvec![value.into_value()])
    }

    fn vjp(
        &self,
        call: &Call<'_>,
        cotangents: &[Option<Variable>],
        _: &[bool],
    ) -> Result<Derivatives> {
        self.jvp(call, cotangents)
    }

    fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
        Ok(smallvec![match &tangents[0] {
            Some(t) => Some(self.derivative(&call.outputs[0], t)?),
            None => None,
        }])
    }
}

/// x − log Σ eˣ over axes.
#[derive(Clone)]
struct LogSoftmax {
    axes: Axes,
}

impl Operation for LogSoftmax {
    fn name(&self) -> &'static str {
        "log_softmax"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        let x = Variable::constant(inputs[0].clone());
        let total = x.folded(Reduction::LogSumExp, &self.axes)?;
        Ok(smallvec![x.sub(&total)?.into_value()])
    }

    fn vjp(
        &self,
        call: &Call<'_>,
        cotangents: &[Option<Variable>],
        _: &[bool],
    ) -> Result<Derivatives> {
        Ok(smallvec![match &cotangents[0] {
            Some(g) => {
                let total = g.sum_kept(&self.axes)?;
                let inputs = [&call.outputs[0], g, &total];
                Some(LOG_SOFTMAX_RULE.evaluated("log_softmax", &inputs, None)?)
            }
            None => None,
        }])
    }

    fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
        Ok(smallvec![match &tangents[0] {
            Some(t) => {
                let inputs = [&call.outputs[0], t];
                let mean = EXP_PRODUCT.evaluated("log_softmax", &inputs, Some(&self.axes))?;
                Some(t.sub(&mean)?)
            }
            None => None,
        }])
    }
}

/// x̂ = (x − mean)·r with r = (variance + ε)^(−½) over axes, or without the mean;
/// the results are x̂ and r.
#[derive(Clone)]
struct Standardise {
    axes: Axes,
    centred: bool,
    epsilon: f64,
}

impl Standardise {
    /// One over the number of elements along the axes.
    fn share(&self, x: &Variable) -> Variable {
        let count: usize = self.axes.iter().map(|&axis| x.shape()[axis]).product();
        Variable::scalar(1.0 / count as f64, x.dtype())
    }

    /// r·(v − mean v − x̂·mean(x̂·v)): the derivative of x̂, which is symmetric,
    /// and the sum of x̂·v.
    fn derivative(&self, call: &Call<'_>, v: &Variable) -> Result<(Variable, Variable)> {
        formula!(RULE = v 0, x 1, rate 2, along 3, share 4 => rate * (v - x * along * share));
        formula!(CENTRED_RULE = v 0, x 1, rate 2, along 3, share 4, sum 5 =>
            rate * (v - (sum + x * along) * share));
        let (x, rate) = (&call.outputs[0], &call.outputs[1]);
        let share = self.share(x);
        let along = PRODUCT.evaluated("norm", &[x, v], Some(&self.axes))?;
        let moved = match self.centred {
            false => RULE.evaluated("norm", &[v, x, rate, &along, &share], None)?,
            true => {
                let sum = v.sum_kept(&self.axes)?;
                CENTRED_RULE.evaluated("norm", &[v, x, rate, &along, &share, &sum], None)?
            }
        };
        Ok((moved, along))
    }

    /// −v·r²·x̂/n: what a cotangent of r gives, or a tangent of r from Σ x̂·ẋ = v
    /// without the x̂.
    fn rate_rule(&self, call: &Call<'_>, v: &Variable, with_x: bool) -> Result<Variable> {
        formula!(WITH = v 0, rate 1, share 2, x 3 => -(v * rate.clone() * rate * share * x));
        formula!(WITHOUT = v 0, rate 1, share 2 => -(v * rate.clone() * rate * share));
        let (x, rate) = (&call.outputs[0], &call.outputs[1]);
        let share = self.share(x);
        match with_x {
            true => WITH.evaluated("norm", &[v, rate, &share, x], None),
            false => WITHOUT.evaluated("norm", &[v, rate, &share], None),
        }
    }
}

impl Operation for Standardise {
    fn name(&self) -> &'static str {
        match self.centred {
            true => "layer_norm",
            false => "rms_norm",
        }
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        let x = Variable::constant(inputs[0].clone());
        let (share, axes) = (self.share(&x), Some(self.axes.as_slice()));
        let epsilon = Variable::scalar(self.epsilon, x.dtype());
        let rate = |squares: &Variable| RATE.evaluated("norm", &[squares, &share, &epsilon], None);
        let (value, rate) = match self.centred {
            true => {
                let mean = x.sum_kept(&self.axes)?.mul(&share)?;
                let rate = rate(&DEVIATION.evaluated("norm", &[&x, &mean], axes)?)?;
                (CENTRED.evaluated("norm", &[&x, &mean, &rate], None)?, rate)
            }
            false => {
                let rate = rate(&SQUARE.evaluated("norm", &[&x], axes)?)?;
                (x.mul(&rate)?, rate)
            }
        };
        Ok(smallvec![value.into_value(), rate.into_value()])
    }

    fn vjp(
        &self,
        call: &Call<'_>,
        cotangents: &[Option<Variable>],
        _: &[bool],
    ) -> Result<Derivatives> {
        let value = match &cotangents[0] {
            Some(g) => Some(self.derivative(call, g)?.0),
            None => None,
        };
        let rate = match &cotangents[1] {
            Some(g) => Some(self.rate_rule(call, g, true)?),
            None => None,
        };
        Ok(smallvec![match (value, rate) {
            (Some(value), Some(rate)) => Some(value.add(&rate)?),
            (value, rate) => value.or(rate),
        }])
    }

    fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
        let Some(t) = &tangents[0] else {
            return Ok(smallvec![None, None]);
        };
        let (value, along) = self.derivative(call, t)?;
        let rate = self.rate_rule(call, &along, false)?;
        Ok(smallvec![Some(value), Some(rate)])
    }
}

impl Variable {
    /// eˣ / Σ eˣ over `axes`; without overflow.
    ///
    /// # Errors
    /// As [`Variable::logsumexp`].
    pub fn softmax(&self, axes: &[usize]) -> Result<Variable> {
        let axes = checked_axes("softmax", axes, self.ndim())?;
        Variable::apply(Softmax { axes }, std::slice::from_ref(self))
    }

    /// x − log Σ eˣ over `axes`; without overflow.
    ///
    /// # Errors
    /// As [`Variable::logsumexp`].
    pub fn log_softmax(&self, axes: &[usize]) -> Result<Variable> {
        let axes = checked_axes("log_softmax", axes, self.ndim())?;
        Variable::apply(LogSoftmax { axes }, std::slice::from_ref(self))
    }

    /// Normalised to mean zero and variance one over `axes`, then scaled and
    /// shifted: (x − mean)/√(variance + epsilon)·scale + shift (Ba, Kiros and
    /// Hinton, arXiv:1607.06450). `scale` and `shift` broadcast.
    ///
    /// # Errors
    /// [`Error::Axes`]; [`Error::Shape`]; [`Error::DType`] for complex elements.
    pub fn layer_norm(
        &self,
        axes: &[usize],
        scale: &Variable,
        shift: &Variable,
        epsilon: f64,
    ) -> Result<Variable> {
        let x = self.standardised("layer_norm", axes, true, epsilon)?;
        self.fits(
            "layer_norm",
            AFFINE.evaluated("layer_norm", &[&x, scale, shift], None)?,
        )
    }

    /// Scaled to root mean square one over `axes`: x/√(mean x² + epsilon)·scale
    /// (Zhang and Sennrich, arXiv:1910.07467). `scale` broadcasts.
    ///
    /// # Errors
    /// As [`Variable::layer_norm`].
    pub fn rms_norm(&self, axes: &[usize], scale: &Variable, epsilon: f64) -> Result<Variable> {
        let x = self.standardised("rms_norm", axes, false, epsilon)?;
        self.fits("rms_norm", x.mul(scale)?)
    }

    fn standardised(
        &self,
        operation: &'static str,
        axes: &[usize],
        centred: bool,
        epsilon: f64,
    ) -> Result<Variable> {
        if !matches!(self.dtype(), DType::F32 | DType::F64) {
            return Err(Error::DType {
                operation,
                argument: "the operand".to_owned(),
                found: self.dtype(),
                wanted: "it needs real numbers",
            });
        }
        let axes = checked_axes(operation, axes, self.ndim())?;
        let standardise = Standardise {
            axes,
            centred,
            epsilon,
        };
        Variable::apply(standardise, std::slice::from_ref(self))
    }

    /// `value`, if it has the shape of `self`.
    fn fits(&self, operation: &'static str, value: Variable) -> Result<Variable> {
        match value.shape() == self.shape() {
            true => Ok(value),
            false => Err(Error::Shape {
                operation,
                argument: "`scale` or `shift`".to_owned(),
                found: value.shape().to_vec(),
                wanted: format!("it must broadcast to the operand's {:?}", self.shape()),
            }),
        }
    }
}
