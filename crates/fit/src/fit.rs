//! The main job: the smallest stored representation that meets a target.

use std::time::Instant;

use tensegrity_tensor::{Array, DType};

use crate::search::Search;
use crate::{
    CandidateResult, Frontier, Problem, Progress, Registry, Representation, Result, Spectrum,
    Target, Timing,
};

/// How to search.
#[derive(Clone, Debug, Default)]
pub struct FitOptions<'a> {
    /// Only this structure; every registered one if `None`.
    pub structure: Option<&'a str>,
    /// Names the stream of everything random.
    pub seed: u64,
    /// Whether to measure points besides the target for the frontier, for a picture.
    pub frontier: bool,
    /// Where to tell how far it is, and how it is stopped.
    pub progress: Progress<'a>,
}

/// The result of [`fit`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fit {
    /// What was found.
    pub representation: Representation,
    /// Relative Frobenius error of [`Representation::expand`] against the array.
    pub error: f64,
    /// Bytes of the `.tsg` file.
    pub stored_bytes: u64,
    /// Bytes of the array in the source's element type.
    pub dense_bytes: u64,
    /// What distinguishes the winner within its structure.
    pub detail: String,
    /// Every candidate that was built and measured, best first.
    pub candidates: Vec<CandidateResult>,
    /// Measured sizes and errors per structure.
    pub frontiers: Vec<Frontier>,
    /// Singular values of the winner's cuts.
    pub spectra: Vec<Spectrum>,
    /// Where the time went.
    pub timings: Vec<Timing>,
    /// Candidates that failed, and why; empty if none did.
    pub notes: Vec<String>,
    /// Seconds in all.
    pub seconds: f64,
}

impl Fit {
    /// Dense bytes over stored bytes.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.dense_bytes as f64 / self.stored_bytes as f64
    }

    /// Name of the winning structure.
    #[must_use]
    pub fn structure(&self) -> &str {
        self.representation.structure()
    }
}

/// Finds the smallest representation of `array` that meets `target` among the
/// candidates of `registry`. `dtype` is the element type the array has where it
/// comes from, which is what dense bytes count.
///
/// ```
/// use tensegrity_fit::{FitOptions, Registry, Target, fit};
/// use tensegrity_tensor::{Array, DType, Tensor};
/// let ramp = Tensor::from_vec((0..1000).map(f64::from).collect(), &[10, 100])?;
/// let array = Array::from(ramp);
/// let found = fit(&Registry::default(), &array, DType::F64, Target::Error(1e-3), &FitOptions::default())?;
/// assert!(found.error <= 1e-3);
/// assert_eq!(found.representation.error_against(&array)?, found.error);
/// assert!(found.stored_bytes < 8000 / 8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Deterministic for a seed, whatever the number of threads. Memory: the
/// array, at most one working copy of it, and buffers.
///
/// # Errors
/// [`Empty`](crate::Error::Empty), [`NonFinite`](crate::Error::NonFinite),
/// [`Target`](crate::Error::Target), [`Unreachable`](crate::Error::Unreachable),
/// [`UnknownStructure`](crate::Error::UnknownStructure), [`Cancelled`](crate::Error::Cancelled).
pub fn fit(
    registry: &Registry,
    array: &Array,
    dtype: DType,
    target: Target,
    options: &FitOptions<'_>,
) -> Result<Fit> {
    let clock = Instant::now();
    let candidates = registry.select(options.structure)?;
    let problem = Problem::new(array, dtype, target, options.seed)?;
    let problem = problem.alone(options.structure.is_some());
    let search = Search {
        problem: &problem,
        progress: options.progress,
        frontier: options.frontier,
        target: target.to_string(),
        notes: Default::default(),
    };
    let found = search.run(&candidates)?;
    options.progress.tell("done", 1.0)?;
    let representation = found.representation;
    Ok(Fit {
        error: found.outlook.error,
        stored_bytes: found.outlook.bytes,
        dense_bytes: representation.dense_bytes(),
        detail: representation.detail(),
        representation,
        candidates: found.candidates,
        frontiers: found.frontiers,
        spectra: found.spectra,
        timings: found.timings,
        notes: search.notes.take(),
        seconds: clock.elapsed().as_secs_f64(),
    })
}
