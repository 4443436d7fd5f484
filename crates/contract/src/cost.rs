//! What a contraction order costs, and which cost a search lowers.
//!
//! A step contracts tensors a and b to c. Its *flops* are the multiply-adds,
//! the product of the dimensions of all wires on a or b (a complex one counts
//! once); its *write* is the number of elements of c. Axes of length one,
//! repeated legs and wires summed on an operand alone cost nothing here.
//! The totals and the default factor 64 are those of cotengra (Gray and
//! Kourtis, Quantum 5 (2021) 410), but `size` counts results of steps only.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use crate::Error;

/// What a planner makes small.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Objective {
    /// Multiply-adds of all steps.
    #[default]
    Flops,
    /// Multiply-adds of the most expensive step.
    Max,
    /// Elements of the largest result of a step.
    Size,
    /// Elements written by all steps.
    Write,
    /// Most elements of results alive at once, operands not counted.
    Peak,
    /// Σ flops + factor · write.
    Combo {
        /// Weight of an element written, in multiply-adds.
        factor: f64,
    },
    /// Σ max(flops, factor · write).
    Limit {
        /// Weight of an element written, in multiply-adds.
        factor: f64,
    },
    /// Predicted seconds: see [`step_seconds`].
    Time,
}

/// Default weight of an element written, in multiply-adds.
pub const WRITE_FACTOR: f64 = 64.0;

impl FromStr for Objective {
    type Err = Error;

    /// `flops`, `max`, `size`, `write`, `peak`, `time`, `combo`, `limit`; the
    /// last two may carry a factor: `combo-256`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let unknown = || Error::UnknownObjective {
            found: text.to_owned(),
        };
        let (name, factor) = match text.split_once('-') {
            None => (text, None),
            Some((name, factor)) => {
                let factor: f64 = factor.parse().map_err(|_| unknown())?;
                if !(factor.is_finite() && factor >= 0.0) {
                    return Err(unknown());
                }
                (name, Some(factor))
            }
        };
        let weight = factor.unwrap_or(WRITE_FACTOR);
        match (name, factor) {
            ("combo", _) => Ok(Self::Combo { factor: weight }),
            ("limit", _) => Ok(Self::Limit { factor: weight }),
            ("flops", None) => Ok(Self::Flops),
            ("max", None) => Ok(Self::Max),
            ("size", None) => Ok(Self::Size),
            ("write", None) => Ok(Self::Write),
            ("peak", None) => Ok(Self::Peak),
            ("time", None) => Ok(Self::Time),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flops => f.write_str("flops"),
            Self::Max => f.write_str("max"),
            Self::Size => f.write_str("size"),
            Self::Write => f.write_str("write"),
            Self::Peak => f.write_str("peak"),
            Self::Time => f.write_str("time"),
            Self::Combo { factor } => write!(f, "combo-{factor}"),
            Self::Limit { factor } => write!(f, "limit-{factor}"),
        }
    }
}

/// Multiply-adds per second of a long, deep matrix product in f64 on one core.
const RATE: f64 = 2.0e10;
/// Summed length at which a product runs at half that rate.
const HALF_DEPTH: f64 = 6.0;
/// Elements per second between memory and core.
const BANDWIDTH: f64 = 2.0e9;
/// Seconds a step takes whatever its size.
const OVERHEAD: f64 = 1.0e-7;

/// Predicted seconds of a step with operands of `a` and `b` elements: the larger
/// of arithmetic and memory traffic, plus a fixed overhead.
///
/// Arithmetic slows down for short sums. The constants describe one core of a
/// present-day server in f64, not the machine at hand; they order steps, they
/// do not promise a time.
#[must_use]
pub fn step_seconds(flops: f64, a: f64, b: f64, write: f64) -> f64 {
    let depth = flops / write.max(1.0);
    let rate = RATE * depth / (depth + HALF_DEPTH);
    (flops / rate.max(1.0)).max((a + b + write) / BANDWIDTH) + OVERHEAD
}

impl Objective {
    /// Cost of one step, in f64. For [`Objective::Peak`] that of holding its
    /// result: how much is alive beside it depends on the order of the steps.
    pub(crate) fn step(self, flops: f64, a: f64, b: f64, write: f64) -> f64 {
        match self {
            Self::Flops | Self::Max => flops,
            Self::Size | Self::Write | Self::Peak => write,
            Self::Combo { factor } => flops + factor * write,
            Self::Limit { factor } => flops.max(factor * write),
            Self::Time => step_seconds(flops, a, b, write),
        }
    }

    /// Whether the total is the largest step instead of the sum.
    pub(crate) fn is_maximum(self) -> bool {
        matches!(self, Self::Max | Self::Size)
    }

    /// The cost this objective looks at.
    #[must_use]
    pub fn of(self, cost: &Cost) -> f64 {
        match self {
            Self::Flops => cost.flops.log2(),
            Self::Max => cost.max.log2(),
            Self::Size => cost.size.log2(),
            Self::Write => cost.write.log2(),
            Self::Peak => cost.peak.log2(),
            Self::Combo { .. } | Self::Limit { .. } => cost.weighted,
            Self::Time => cost.seconds.log2(),
        }
    }
}

/// A number of elements or operations: its binary logarithm, and the exact
/// number where 128 bits hold it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Count {
    log2: f64,
    exact: Option<u128>,
}

impl Count {
    /// Nothing.
    pub const ZERO: Self = Self {
        log2: f64::NEG_INFINITY,
        exact: Some(0),
    };

    /// The product of dimensions.
    pub(crate) fn product(dims: impl Iterator<Item = u64>) -> Self {
        let mut log2 = 0.0;
        let mut exact = Some(1u128);
        let mut zero = false;
        for dim in dims {
            zero |= dim == 0;
            log2 += (dim as f64).log2();
            exact = exact.and_then(|e| e.checked_mul(u128::from(dim)));
        }
        match exact {
            _ if zero => Self::ZERO,
            Some(exact) => Self::from(exact),
            None => Self { log2, exact: None },
        }
    }

    /// Binary logarithm; −∞ for zero.
    #[must_use]
    pub const fn log2(self) -> f64 {
        self.log2
    }

    /// Decimal logarithm; −∞ for zero.
    #[must_use]
    pub fn log10(self) -> f64 {
        self.log2 * std::f64::consts::LOG10_2
    }

    /// The number itself, if it is below 2^128.
    #[must_use]
    pub const fn exact(self) -> Option<u128> {
        self.exact
    }

    /// The number, or 2^128 − 1 if it is larger.
    #[must_use]
    pub fn saturating(self) -> u128 {
        self.exact.unwrap_or(u128::MAX)
    }

    /// The number rounded to f64; infinite from 2^1024 on.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.exact
            .map_or_else(|| self.log2.exp2(), |exact| exact as f64)
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        let exact = self
            .exact
            .zip(other.exact)
            .and_then(|(a, b)| a.checked_add(b));
        if let Some(exact) = exact {
            return Self::from(exact);
        }
        let (low, high) = (self.log2.min(other.log2), self.log2.max(other.log2));
        Self {
            log2: high + (low - high).exp2().ln_1p() * std::f64::consts::LOG2_E,
            exact: None,
        }
    }

    pub(crate) fn times(self, factor: u32) -> Self {
        match self.exact.and_then(|e| e.checked_mul(factor.into())) {
            Some(exact) => Self::from(exact),
            None => Self {
                log2: self.log2 + f64::from(factor).log2(),
                exact: None,
            },
        }
    }

    pub(crate) fn larger(self, other: Self) -> Self {
        let first = match (self.exact, other.exact) {
            (Some(a), Some(b)) => a >= b,
            _ => self.log2 >= other.log2,
        };
        if first { self } else { other }
    }
}

impl From<u128> for Count {
    fn from(exact: u128) -> Self {
        Self {
            log2: (exact as f64).log2(),
            exact: Some(exact),
        }
    }
}

/// Exact up to 10^7, else as a power of ten.
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.exact {
            Some(exact) if exact < 10_000_000 => f.pad(&exact.to_string()),
            _ => {
                let power = self.log10().floor();
                let lead = 10f64.powf(self.log10() - power);
                f.pad(&format!("{lead:.3}e{power}"))
            }
        }
    }
}

/// A whole number where f64 holds it, else `{"log2": x}`.
impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Log {
            log2: f64,
        }
        match self.exact {
            Some(exact) if exact < 1 << 53 => serializer.serialize_u64(exact as u64),
            _ => Log { log2: self.log2 }.serialize(serializer),
        }
    }
}

/// Reads what [`Count`] writes.
impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Stored {
            Exact(u64),
            Log { log2: f64 },
        }
        Ok(match Stored::deserialize(deserializer)? {
            Stored::Exact(exact) => Self::from(u128::from(exact)),
            Stored::Log { log2 } => Self { log2, exact: None },
        })
    }
}

/// The cost of a contraction order.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Cost {
    /// Multiply-adds of all steps.
    pub flops: Count,
    /// Multiply-adds of the most expensive step.
    pub max: Count,
    /// Elements of the largest result of a step.
    pub size: Count,
    /// Elements written by all steps.
    pub write: Count,
    /// Most elements of intermediates and result alive at once, steps done in
    /// the order given. Operands belong to the caller and are not counted, nor
    /// are copies a kernel makes while it works.
    pub peak: Count,
    /// log2 of Σ flops + 64 · write, or of the sum with the plan's own factor.
    pub weighted: f64,
    /// Predicted seconds, see [`step_seconds`].
    pub seconds: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_read_back() {
        for text in [
            "flops",
            "max",
            "size",
            "write",
            "peak",
            "time",
            "combo-64",
            "limit-2.5",
        ] {
            assert_eq!(text.parse::<Objective>().unwrap().to_string(), text);
        }
        assert_eq!(
            "combo".parse::<Objective>().unwrap(),
            Objective::Combo { factor: 64.0 }
        );
        for text in ["", "Flops", "flops-2", "combo-", "combo-nan", "limit--1"] {
            assert!(text.parse::<Objective>().is_err(), "{text}");
        }
    }

    #[test]
    fn counts_are_exact_and_then_logarithmic() {
        let small = Count::product([3, 5].into_iter());
        assert_eq!(small.plus(small).exact(), Some(30));
        assert_eq!(
            Count::product([0, u64::MAX, u64::MAX, u64::MAX].into_iter()),
            Count::ZERO
        );
        let large = Count::product([1u64 << 60; 4].into_iter());
        assert_eq!((large.exact(), large.log2()), (None, 240.0));
        assert_eq!(large.plus(large).log2(), 241.0);
        assert_eq!(large.plus(small).log2(), 240.0);
        assert_eq!(large.larger(small), large);
        assert_eq!(large.saturating(), u128::MAX);
        assert_eq!(
            (small.to_string(), large.to_string()),
            ("15".into(), "1.767e72".into())
        );
    }

    #[test]
    fn counts_survive_json() {
        for count in [
            Count::from(0),
            Count::from(12_345),
            Count::product([1u64 << 60; 4].into_iter()),
        ] {
            let text = serde_json::to_string(&count).unwrap();
            assert_eq!(
                serde_json::from_str::<Count>(&text).unwrap(),
                count,
                "{text}"
            );
        }
    }

    #[test]
    fn predicted_time_is_bound_by_memory_or_arithmetic() {
        let n = 1024.0f64;
        let product = step_seconds(n.powi(3), n * n, n * n, n * n);
        let outer = step_seconds(n * n, n, n, n * n);
        assert!((0.04..0.07).contains(&product), "{product}");
        assert!((4e-4..6e-4).contains(&outer), "{outer}");
    }
}
