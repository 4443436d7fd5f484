//! The array to fit, checked, with what every candidate wants to know of it.

use std::sync::atomic::{AtomicBool, Ordering};

use tensegrity_tensor::{Array, DType, Scalar, Tensor, c64, c128};

use crate::magnitude::{exponent_of, times_power_of_two};
use crate::representation::squared_norm;
use crate::{Error, Goal, Result, Target};

/// Elements up to which single precision input is worked on in double precision.
const PRECISE: usize = 1 << 22;

/// The array to fit and the goal.
#[derive(Debug)]
pub struct Problem<'a> {
    source: &'a Array,
    dtype: DType,
    working: Array,
    exponent: i32,
    squared_norm: f64,
    goal: Goal,
    seed: u64,
    alone: bool,
}

impl<'a> Problem<'a> {
    /// Checks `array`, whose elements were of type `dtype` where it came from.
    ///
    /// Cost: two passes; small single precision arrays are widened, integers converted.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::NonFinite`], [`Error::Target`].
    pub fn new(array: &'a Array, dtype: DType, target: Target, seed: u64) -> Result<Self> {
        if array.is_empty() {
            return Err(Error::Empty {
                shape: array.shape().to_vec(),
            });
        }
        check_finite(array)?;
        let goal = target.goal(array.len() as u64 * dtype.size() as u64)?;
        let small = array.len() <= PRECISE;
        let exponent = match exponent_of(array) {
            usual if USUAL.contains(&usual) => 0,
            extreme => extreme,
        };
        let working = match array {
            Array::I64(t) => t.map(|x| x as f64).into(),
            Array::F32(t) if small => t.map(f64::from).into(),
            Array::C64(t) if small => t.map(|z| c128::new(z.re.into(), z.im.into())).into(),
            other => other.clone(),
        };
        let working = match exponent {
            0 => working,
            _ => times_power_of_two(&working, -exponent),
        };
        Ok(Self {
            source: array,
            dtype,
            squared_norm: squared_norm(&working),
            working,
            exponent,
            goal,
            seed,
            alone: false,
        })
    }

    /// The array as given: what errors are measured against.
    #[must_use]
    pub fn source(&self) -> &'a Array {
        self.source
    }

    /// The array in a floating point type: what candidates work on. Integers
    /// and small single precision arrays are in `f64`, complex ones likewise;
    /// large arrays share the source's memory. Numbers so large or small that
    /// their squares would leave the range are divided by 2 to the power of
    /// [`Problem::exponent`].
    #[must_use]
    pub fn working(&self) -> &Array {
        &self.working
    }

    /// The source is [`Problem::working`] times 2 to this power; usually 0.
    #[must_use]
    pub fn exponent(&self) -> i32 {
        self.exponent
    }

    /// Axis lengths.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.source.shape()
    }

    /// Number of elements, at least one.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.source.len()
    }

    /// Element type where the array came from.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// `‖X‖²` of the working array.
    #[must_use]
    pub fn squared_norm(&self) -> f64 {
        self.squared_norm
    }

    /// Root mean square of the working array's elements.
    #[must_use]
    pub fn rms(&self) -> f64 {
        (self.squared_norm / self.len() as f64).sqrt()
    }

    /// What is asked for.
    #[must_use]
    pub fn goal(&self) -> Goal {
        self.goal
    }

    /// The same problem for a single structure, which may then work harder.
    #[must_use]
    pub fn alone(self, alone: bool) -> Self {
        Self { alone, ..self }
    }

    /// Whether one structure has the problem for itself.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.alone
    }

    /// The seed of everything random.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Whether the array is so long that a candidate should keep to its own
    /// axes and make no working copy of it: with one of its own, the array
    /// already takes a good part of the memory the engine allows itself.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.len() > 3 << 25
    }

    /// Whether trying many variants would take minutes.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.len() > 1 << 22
    }
}

/// Runs an expression with `$x` bound to the working tensor of a [`Problem`],
/// which is of one of the four fields.
#[macro_export]
macro_rules! with_working {
    ($problem:expr, $x:ident => $body:expr) => {
        match $problem.working() {
            tensegrity_tensor::Array::F32($x) => $body,
            tensegrity_tensor::Array::F64($x) => $body,
            tensegrity_tensor::Array::C64($x) => $body,
            tensegrity_tensor::Array::C128($x) => $body,
            _ => unreachable!("a problem works on a field"),
        }
    };
}

/// Exponents of the largest element at which arrays are worked on as they are.
const USUAL: std::ops::Range<i32> = -40..40;

fn check_finite(array: &Array) -> Result<()> {
    fn first<T: Scalar>(tensor: &Tensor<T>, show: impl Fn(T) -> String) -> Option<(usize, String)> {
        let at = tensor.first_non_finite()?;
        Some((at, show(tensor.as_slice()[at])))
    }
    let found = match array {
        Array::F32(t) => first(t, |x| x.to_string()),
        Array::F64(t) => first(t, |x| x.to_string()),
        Array::C64(t) => first(t, |z: c64| z.to_string()),
        Array::C128(t) => first(t, |z: c128| z.to_string()),
        _ => None,
    };
    let Some((mut at, value)) = found else {
        return Ok(());
    };
    let mut index = vec![0; array.shape().len()];
    for (i, &length) in index.iter_mut().zip(array.shape()).rev() {
        *i = at % length;
        at /= length;
    }
    Err(Error::NonFinite { index, value })
}

/// Hears what is being done and the part of it done, 0 to 1.
pub type Teller<'a> = &'a (dyn Fn(&str, f64) + Sync);

/// Where a long call tells how far it is and learns that it should stop.
#[derive(Clone, Copy, Default)]
pub struct Progress<'a> {
    /// Called with what is being done and the part done so far, 0 to 1.
    pub report: Option<Teller<'a>>,
    /// Set by someone else to make the call return [`Error::Cancelled`].
    pub cancel: Option<&'a AtomicBool>,
}

impl std::fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress")
            .field("report", &self.report.is_some())
            .field("cancel", &self.cancel)
            .finish()
    }
}

impl Progress<'_> {
    /// Tells what is being done.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn tell(&self, what: &str, part: f64) -> Result<()> {
        self.check()?;
        if let Some(report) = self.report {
            report(what, part.clamp(0.0, 1.0));
        }
        Ok(())
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn check(&self) -> Result<()> {
        match self.cancel {
            Some(flag) if flag.load(Ordering::Relaxed) => Err(Error::Cancelled),
            _ => Ok(()),
        }
    }
}
