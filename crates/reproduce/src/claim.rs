//! Claims and what came of them.

use std::path::PathBuf;

use serde::Serialize;

/// How to run a reproduction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Smaller and shorter where the system allows it; claims say what changed.
    pub quick: bool,
    /// Seed of everything random.
    pub seed: u64,
    /// Folder of the real data: the repository's `data`.
    pub data: PathBuf,
}

/// What came of the claims of one system.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reproduction {
    /// Short name of the system.
    pub id: &'static str,
    /// Its title.
    pub system: &'static str,
    /// Where it was published.
    pub source: &'static str,
    /// The claims, in the order of the source.
    pub claims: Vec<Claim>,
    /// What could not be reproduced, each with the reason.
    pub not_reproduced: Vec<String>,
}

/// One claim beside our figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Claim {
    /// What is claimed.
    pub statement: String,
    /// Who claims it and where.
    pub source: String,
    /// The published figure, if the claim has one.
    pub published: Option<String>,
    /// Our figure.
    pub ours: String,
    /// Whether it holds; `None` if the run cannot decide it.
    pub holds: Option<bool>,
    /// What a reader of the figures must know.
    pub note: Option<String>,
}

impl Claim {
    /// A claim with our figure and whether it holds.
    #[must_use]
    pub fn new(
        statement: impl Into<String>,
        source: impl Into<String>,
        ours: impl Into<String>,
        holds: impl Into<Option<bool>>,
    ) -> Self {
        Self {
            statement: statement.into(),
            source: source.into(),
            published: None,
            ours: ours.into(),
            holds: holds.into(),
            note: None,
        }
    }

    /// With the published figure.
    #[must_use]
    pub fn published(mut self, figure: impl Into<String>) -> Self {
        self.published = Some(figure.into());
        self
    }

    /// With a note.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

impl Reproduction {
    /// Claims that hold, that failed, and that this run cannot decide.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |holds| self.claims.iter().filter(|c| c.holds == holds).count();
        (count(Some(true)), count(Some(false)), count(None))
    }
}
