//! What takes part in a fit: candidates propose families of representations.

use std::sync::Arc;

use crate::{Error, Fineness, Problem, Progress, Representation, Result};

/// Singular values of one cut of the array, for pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// Which cut, for example `axis 0`.
    pub name: String,
    /// Largest first.
    pub values: Vec<f64>,
}

/// About what a family would give at some fineness.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// Relative error.
    pub error: f64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// One structure on one layout, at every fineness.
///
/// The search moves the fineness until the goal is met and the real error of
/// the representation, measured on its decoded numbers, uses the goal up.
pub trait Family {
    /// Name of the structure, as the `--structure` option knows it.
    fn structure(&self) -> &str;

    /// What distinguishes this family from others of the structure.
    fn detail(&self) -> String;

    /// The representation at `fineness`.
    ///
    /// # Errors
    /// [`Error::Candidate`] if there is none (a fixed rank cannot get finer, say).
    fn build(&mut self, fineness: Fineness) -> Result<Representation>;

    /// About the error and size at `fineness`, cheaper than building where
    /// possible; the default builds and measures.
    ///
    /// # Errors
    /// As [`Family::build`].
    fn outlook(&mut self, problem: &Problem<'_>, fineness: Fineness) -> Result<Outlook> {
        measured(self, problem, fineness)
    }

    /// Whether the representation is of the source itself rather than of
    /// [`Problem::working`], which may be scaled.
    fn is_of_source(&self) -> bool {
        false
    }

    /// Whether the representation is the same at every fineness.
    fn is_fixed(&self) -> bool {
        false
    }

    /// Spectra seen on the way.
    fn spectra(&self) -> Vec<Spectrum> {
        vec![]
    }
}

/// The representation of the source at `fineness`.
pub(crate) fn built<F: Family + ?Sized>(
    family: &mut F,
    problem: &Problem<'_>,
    fineness: Fineness,
) -> Result<Representation> {
    let representation = family.build(fineness)?;
    if family.is_of_source() {
        return Ok(representation);
    }
    representation.scaled(problem.exponent())
}

/// The outlook that is no guess.
pub(crate) fn measured<F: Family + ?Sized>(
    family: &mut F,
    problem: &Problem<'_>,
    fineness: Fineness,
) -> Result<Outlook> {
    let representation = built(family, problem, fineness)?;
    Ok(Outlook {
        error: representation.error_against(problem.source())?,
        bytes: representation.stored_bytes(),
    })
}

/// A kind of structure that takes part in fits.
pub trait Candidate: Send + Sync {
    /// Name, as the `--structure` option knows it.
    fn name(&self) -> &str;

    /// The families worth trying on this problem; none if the structure does
    /// not apply. Families should hold at most one working copy of a large
    /// array among them.
    ///
    /// # Errors
    /// [`Error::Cancelled`], or what the decomposition reports.
    fn propose<'p>(
        &self,
        problem: &'p Problem<'p>,
        progress: &Progress<'_>,
    ) -> Result<Vec<Box<dyn Family + 'p>>>;
}

/// The candidates of a fit, by name.
#[derive(Clone)]
pub struct Registry {
    candidates: Vec<Arc<dyn Candidate>>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Default for Registry {
    /// What needs no decomposition: `constant` and `dense`. With them every
    /// legal error is reachable.
    fn default() -> Self {
        let mut registry = Self { candidates: vec![] };
        registry.add(Arc::new(crate::constant::Constant));
        registry.add(Arc::new(crate::dense::Dense));
        registry
    }
}

impl Registry {
    /// Adds a candidate; one of the same name is replaced.
    pub fn add(&mut self, candidate: Arc<dyn Candidate>) {
        self.candidates
            .retain(|known| known.name() != candidate.name());
        self.candidates.push(candidate);
    }

    /// Names in order of registration.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.candidates
            .iter()
            .map(|candidate| candidate.name())
            .collect()
    }

    /// The candidates: all, or the one named.
    ///
    /// # Errors
    /// [`Error::UnknownStructure`].
    pub fn select(&self, structure: Option<&str>) -> Result<Vec<Arc<dyn Candidate>>> {
        let Some(name) = structure else {
            return Ok(self.candidates.clone());
        };
        let chosen: Vec<_> = self
            .candidates
            .iter()
            .filter(|candidate| candidate.name() == name)
            .cloned()
            .collect();
        if chosen.is_empty() {
            return Err(Error::UnknownStructure {
                name: name.to_owned(),
                known: self.names().join(", "),
            });
        }
        Ok(chosen)
    }
}
