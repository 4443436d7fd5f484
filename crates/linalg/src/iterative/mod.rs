//! Methods that know a matrix only by what it does to vectors.
//!
//! A [`Map`] writes the image of its first argument into its second; both are
//! vectors of one length, a tensor of any shape among them, flattened. Nothing
//! is asked of it but that it is linear and gives the same image each time.
//!
//! Guarantees: results depend on the map, the input and the options only; every
//! result says how far it got ([`Iterate::converged`]) and the residual it states
//! is computed, not estimated, unless its documentation says otherwise. A map
//! that returns NaN or an infinity is an error with the step, never an endless
//! loop. Not guaranteed: convergence.

mod arnoldi;
mod bidiagonal;
mod conjugate_gradients;
mod exponential;
mod gmres;
mod lanczos;
mod lobpcg;
mod minres;
mod vectors;

pub use bidiagonal::{SvdMaps, svds};
pub use conjugate_gradients::cg;
pub use exponential::{ExpTimes, expm, expm_times};
pub use gmres::gmres;
pub use lanczos::{Eigenpairs, Wanted, eigsh};
pub use lobpcg::lobpcg;
pub use minres::minres;

pub(crate) use bidiagonal::leading;
pub(crate) use conjugate_gradients::conjugate_gradients;
pub(crate) use exponential::{dense_exponential, exponential_times};
pub(crate) use gmres::restarted;
pub(crate) use lanczos::thick_restart;
pub(crate) use lobpcg::block;
pub(crate) use minres::minimum_residual;

use crate::{Error, Result};

/// A linear map: writes the image of the first vector into the second.
pub type Map<'a, T> = dyn FnMut(&[T], &mut [T]) + 'a;

/// When an iteration ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// Residual, relative to the right-hand side or the eigenvalue, that is
    /// small enough.
    pub tolerance: f64,
    /// Most applications of the map.
    pub max_steps: usize,
}

impl Default for Stop {
    /// 1e-10 within a thousand steps.
    fn default() -> Self {
        Self {
            tolerance: 1e-10,
            max_steps: 1000,
        }
    }
}

/// What solving a linear system gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Iterate<T> {
    /// The solution as far as it is known.
    pub x: Vec<T>,
    /// Applications of the map.
    pub steps: usize,
    /// ‖b − A·x‖ / ‖b‖, computed from the solution at the end.
    pub residual: f64,
    /// Whether the residual met the tolerance.
    pub converged: bool,
}

impl Stop {
    pub(crate) fn check(&self, what: &'static str) -> Result<()> {
        if self.tolerance.is_nan() || self.tolerance < 0.0 {
            return Err(Error::BadOption {
                what,
                option: "tolerance",
                value: self.tolerance.to_string(),
                wanted: "give a relative residual of at least zero",
            });
        }
        Ok(())
    }
}
