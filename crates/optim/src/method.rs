//! The methods by name, and the way from a method to an optimiser.

use crate::rule::Rule;
use crate::{
    AdaGrad, Adam, Error, Float, Lamb, Lbfgs, Muon, NormDescent, Optimizer, ParameterSpec, Prodigy,
    Registry, Result, Settings, Sgd, Shampoo, Soap,
};

macro_rules! methods {
    ($($(#[$doc:meta])* $kind:ident,)*) => {
        /// A method of training with its options.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Method {
            $($(#[$doc])* $kind($kind),)*
        }

        $(impl From<$kind> for Method {
            fn from(method: $kind) -> Self {
                Self::$kind(method)
            }
        })*

        impl Method {
            /// The rate before schedule and groups.
            pub(crate) fn rate(&self) -> f64 {
                match self {
                    $(Self::$kind(method) => method.rate,)*
                }
            }

            /// Checks the options and makes the state.
            pub(crate) fn rule<T: Float>(
                &self,
                specs: &[&ParameterSpec],
            ) -> Result<Box<dyn Rule<T>>> {
                match self {
                    $(Self::$kind(method) => method.rule(specs),)*
                }
            }
        }
    };
}

methods! {
    /// Gradient descent.
    Sgd,
    /// Diagonal AdaGrad.
    AdaGrad,
    /// Adam and AdamW.
    Adam,
    /// LAMB.
    Lamb,
    /// Limited-memory BFGS.
    Lbfgs,
    /// Shampoo.
    Shampoo,
    /// Adam in Shampoo's eigenbasis.
    Soap,
    /// Steepest descent under norms.
    NormDescent,
    /// Muon.
    Muon,
    /// Prodigy.
    Prodigy,
}

impl Method {
    /// The names [`Method::by_name`] knows.
    pub const NAMES: [&'static str; 13] = [
        "sgd",
        "adagrad",
        "adam",
        "adamw",
        "lamb",
        "lbfgs",
        "shampoo",
        "soap",
        "sign_sgd",
        "signum",
        "spectral_descent",
        "muon",
        "prodigy",
    ];

    /// A method with its defaults and this rate (for Prodigy, which finds its
    /// own, the factor γ).
    ///
    /// # Errors
    /// [`Error::Unknown`] with the names known.
    pub fn by_name(name: &str, rate: f64) -> Result<Self> {
        Ok(match name {
            "sgd" => Sgd::new(rate).into(),
            "adagrad" => AdaGrad::new(rate).into(),
            "adam" => Adam::new(rate).into(),
            "adamw" => Adam::decoupled(rate, 0.01).into(),
            "lamb" => Lamb::new(rate).into(),
            "lbfgs" => Lbfgs::new(rate).into(),
            "shampoo" => Shampoo::new(rate).into(),
            "soap" => Soap::new(rate).into(),
            "sign_sgd" => NormDescent::sign_sgd(rate).into(),
            "signum" => NormDescent::signum(rate).into(),
            "spectral_descent" => NormDescent::spectral_descent(rate).into(),
            "muon" => Muon::new(rate).into(),
            "prodigy" => Prodigy::new().rate(rate).into(),
            _ => {
                return Err(Error::Unknown {
                    what: "method",
                    name: name.to_owned(),
                    known: Self::NAMES.join(", "),
                });
            }
        })
    }

    /// The name of the kind of method, as saved states carry it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sgd(_) => "sgd",
            Self::AdaGrad(_) => "adagrad",
            Self::Adam(_) => "adam",
            Self::Lamb(_) => "lamb",
            Self::Lbfgs(_) => "lbfgs",
            Self::Shampoo(_) => "shampoo",
            Self::Soap(_) => "soap",
            Self::NormDescent(_) => "norm-descent",
            Self::Muon(_) => "muon",
            Self::Prodigy(prodigy) => prodigy.name(),
        }
    }
}

/// An optimiser of `registry`'s trained parameters by `method`.
///
/// # Errors
/// [`Error::Option`] for an option out of range, [`Error::NormShape`] for a norm
/// its parameter's shape has not.
pub fn build<T: Float>(
    method: &Method,
    registry: &Registry,
    settings: &Settings,
) -> Result<Box<dyn Optimizer<T>>> {
    T::build(method, registry, settings)
}
