//! Elementwise arithmetic, transcendental functions and activations.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use tensegrity_tensor::DType;

use crate::formula::Formula;
use crate::map::Map;
use crate::variable::is_complex;
use crate::{Error, Result, Variable};

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident ($x:ident) $formula:expr;)*) => {
        impl Variable {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// [`Error::Tensor`] for an element type that does not have it.
                pub fn $name(&self) -> Result<Variable> {
                    static FORMULA: LazyLock<Formula> = LazyLock::new(|| {
                        let $x = Formula::input(0);
                        $formula
                    });
                    FORMULA.evaluated(stringify!($name), &[self], None)
                }
            )*
        }
    };
}

functions! {
    /// −x.
    neg(x) -x;
    /// |x|; real for complex x. The derivative at zero is taken as zero.
    abs(x) x.abs();
    /// |x|²; real for complex x.
    abs2(x) x.abs2();
    /// x².
    square(x) x.clone() * x;
    /// 1/x.
    recip(x) Formula::constant(1.0) / x;
    /// √x.
    sqrt(x) x.sqrt();
    /// eˣ.
    exp(x) x.exp();
    /// Natural logarithm.
    log(x) x.log();
    /// Sine.
    sin(x) x.sin();
    /// Cosine.
    cos(x) x.cos();
    /// Tangent, sin x/cos x.
    tan(x) x.clone().sin() / x.cos();
    /// Hyperbolic sine, (eˣ − e⁻ˣ)/2; loses digits for small x.
    sinh(x) (x.clone().exp() - (-x).exp()) * 0.5;
    /// Hyperbolic cosine.
    cosh(x) (x.clone().exp() + (-x).exp()) * 0.5;
    /// Hyperbolic tangent.
    tanh(x) x.tanh();
    /// 1/(1 + e⁻ˣ).
    sigmoid(x) x.sigmoid();
    /// max(x, 0). The derivative at zero is taken as zero.
    relu(x) x.relu();
    /// The Gaussian error linear unit in its tanh form,
    /// x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))) (Hendrycks and Gimpel,
    /// arXiv:1606.08415).
    gelu(x) {
        let cube = x.clone() * x.clone() * x.clone();
        let inner = (x.clone() + cube * 0.044715) * (2.0 / std::f64::consts::PI).sqrt();
        x * 0.5 * (inner.tanh() + 1.0)
    };
    /// x·sigmoid(x), also called swish.
    silu(x) x.clone() * x.sigmoid();
    /// log(1 + eˣ), without overflow, and accurate where it is small.
    softplus(x) x.softplus();
    /// Complex conjugate; the value itself for real types.
    conj(x) x.conj();
    /// Real part.
    re(x) x.re();
    /// Imaginary part; zero for real types.
    im(x) x.im();
}

macro_rules! pairs {
    ($($(#[$doc:meta])* $name:ident ($x:ident, $y:ident) $formula:expr;)*) => {
        impl Variable {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// [`Error::Shape`] if the shapes do not broadcast;
                /// [`Error::Tensor`] for element types that do not have it.
                pub fn $name(&self, other: &Variable) -> Result<Variable> {
                    static FORMULA: LazyLock<Formula> = LazyLock::new(|| {
                        let ($x, $y) = (Formula::input(0), Formula::input(1));
                        $formula
                    });
                    FORMULA.evaluated(stringify!($name), &[self, other], None)
                }
            )*
        }
    };
}

pairs! {
    /// x + y.
    add(x, y) x + y;
    /// x − y.
    sub(x, y) x - y;
    /// x·y, element by element.
    mul(x, y) x * y;
    /// x/y, element by element.
    div(x, y) x / y;
    /// The smaller; of equal ones both get half the derivative.
    minimum(x, y) x.min(y);
    /// The larger; of equal ones both get half the derivative.
    maximum(x, y) x.max(y);
    /// One where x < y, else zero; its derivative is zero.
    less(x, y) x.less(y);
    /// One where x ≤ y, else zero; its derivative is zero.
    less_equal(x, y) x.less_equal(y);
    /// One where x = y, else zero; its derivative is zero.
    equal(x, y) x.equal(y);
    /// xʸ as exp(y·log x), for positive x.
    power(x, y) (y * x.log()).exp();
}

impl Variable {
    /// xᵖ for a number p. Integer and half-integer powers up to 64 are exact
    /// products and roots; others are exp(p·log x), for positive x.
    ///
    /// # Errors
    /// [`Error::Tensor`] for an element type that does not have it.
    pub fn powf(&self, p: f64) -> Result<Variable> {
        static KNOWN: LazyLock<Mutex<HashMap<u64, Formula>>> = LazyLock::new(Mutex::default);
        let formula = {
            let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() > 1000 {
                known.clear();
            }
            let made = known.entry(p.to_bits());
            made.or_insert_with(|| Formula::input(0).power(p)).clone()
        };
        formula.evaluated("powf", &[self], None)
    }

    /// The elements times a number.
    ///
    /// # Errors
    /// None but those of storage.
    pub fn scale(&self, factor: f64) -> Result<Variable> {
        self.mul(&Variable::scalar(factor, self.dtype()))
    }

    /// The elements plus a number.
    ///
    /// # Errors
    /// None but those of storage.
    pub fn shift(&self, addend: f64) -> Result<Variable> {
        self.add(&Variable::scalar(addend, self.dtype()))
    }

    /// `yes` where `self` is not zero, else `no`; no derivative reaches `self`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the shapes do not broadcast.
    pub fn select(&self, yes: &Variable, no: &Variable) -> Result<Variable> {
        static FORMULA: LazyLock<Formula> =
            LazyLock::new(|| Formula::input(0).select(Formula::input(1), Formula::input(2)));
        FORMULA.evaluated("select", &[self, yes, no], None)
    }

    /// The elements as another type: real to complex, or another precision.
    /// Take [`Variable::re`] or [`Variable::abs`] of complex elements first.
    ///
    /// # Errors
    /// [`Error::DType`] for complex elements as real ones, and for integers.
    pub fn cast(&self, dtype: DType) -> Result<Variable> {
        if dtype == self.dtype() {
            return Ok(self.clone());
        }
        let known = matches!(dtype, DType::F32 | DType::F64 | DType::C64 | DType::C128);
        if !known || (self.is_complex() && !is_complex(dtype)) {
            return Err(Error::DType {
                operation: "cast",
                argument: format!("the operand, to become {dtype},"),
                found: self.dtype(),
                wanted: "real types become f32, f64, c64 or c128; of complex ones take `re` first",
            });
        }
        static FORMULA: LazyLock<Formula> = LazyLock::new(|| Formula::input(0));
        let (space, inputs) = (self.shape().into(), smallvec::smallvec![self.clone()]);
        Map::apply(FORMULA.clone(), inputs, space, Default::default(), dtype)
    }
}
