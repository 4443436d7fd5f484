//! What a decomposition tells about itself.

use std::fmt;

/// A decomposition and how it came about.
#[derive(Clone, Debug)]
pub struct Decomposed<F> {
    /// The network found.
    pub tensor: F,
    /// How well it fits and how it was found.
    pub report: Report,
}

/// Why an algorithm stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// A direct method came to its end.
    Direct,
    /// The change of the fit fell below the tolerance.
    Converged,
    /// The limit on sweeps was reached first.
    MaxIterations,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StopReason::Direct => "direct",
            StopReason::Converged => "converged",
            StopReason::MaxIterations => "iteration limit",
        })
    }
}

/// Something the caller should know though it is no error.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Note {
    /// A rank above what the shape allows was lowered.
    RankClipped {
        /// Mode (Tucker) or bond (tensor train), from zero.
        place: usize,
        /// Rank asked for.
        asked: usize,
        /// Rank used.
        used: usize,
    },
    /// The input holds zeros only; the result is the zero network of rank 1.
    AllZero,
    /// Elements were so large or small that their squares leave the range of
    /// the type; the input was copied and scaled by this power of two.
    Scaled {
        /// Binary exponent of the factor.
        exponent: i32,
    },
    /// The normal equations of a mode were singular; the pseudo-inverse was used.
    Singular {
        /// The mode.
        mode: usize,
        /// The sweep, from zero.
        sweep: usize,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::RankClipped { place, asked, used } => write!(
                f,
                "rank {asked} at place {place} is more than the shape allows; used {used}"
            ),
            Note::AllZero => f.write_str("the input is zero everywhere"),
            Note::Scaled { exponent } => {
                write!(f, "the input was scaled by 2^{exponent} to avoid overflow")
            }
            Note::Singular { mode, sweep } => write!(
                f,
                "the equations of mode {mode} were singular in sweep {sweep}; used the pseudo-inverse"
            ),
        }
    }
}

/// How well a network fits and how it was found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// Relative Frobenius error ‖X − X̂‖/‖X‖; zero for a zero input.
    ///
    /// From the orthogonality of the format where that subtraction keeps its
    /// digits, recomputed against the input otherwise.
    pub error: f64,
    /// ‖X‖.
    pub norm: f64,
    /// Why the algorithm stopped.
    pub stop: StopReason,
    /// Sweeps made; zero for direct methods.
    pub n_iter: usize,
    /// Relative error after each sweep.
    pub history: Vec<f64>,
    /// Singular values met at each mode (Tucker) or bond (tensor train),
    /// descending; of the tensor as it was when that cut was made.
    pub spectra: Vec<Vec<f64>>,
    /// Order in which modes were processed, where that is a choice.
    pub mode_order: Vec<usize>,
    /// What the caller should know.
    pub notes: Vec<Note>,
}

impl Report {
    pub(crate) fn direct(norm: f64) -> Self {
        Self {
            error: 0.0,
            norm,
            stop: StopReason::Direct,
            n_iter: 0,
            history: Vec::new(),
            spectra: Vec::new(),
            mode_order: Vec::new(),
            notes: Vec::new(),
        }
    }
}
