//! The five families of groups.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// A family of groups acting on vectors of length `n`.
///
/// The letters are those of text interfaces: `"S"`, `"A"`, `"O"`, `"SO"`, `"Sp"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// S: all permutations of the coordinates.
    Symmetric,
    /// A: the even permutations.
    Alternating,
    /// O: all orthogonal matrices.
    Orthogonal,
    /// SO: the rotations.
    SpecialOrthogonal,
    /// Sp: matrices that keep the form Ω, block diagonal with blocks [[0, 1], [−1, 0]]; `n` is even.
    Symplectic,
}

impl Group {
    /// All families.
    pub const ALL: [Group; 5] = [
        Group::Symmetric,
        Group::Alternating,
        Group::Orthogonal,
        Group::SpecialOrthogonal,
        Group::Symplectic,
    ];

    /// The letters of the family.
    #[must_use]
    pub const fn letters(self) -> &'static str {
        match self {
            Group::Symmetric => "S",
            Group::Alternating => "A",
            Group::Orthogonal => "O",
            Group::SpecialOrthogonal => "SO",
            Group::Symplectic => "Sp",
        }
    }

    /// Whether its matrices permute coordinates, so that functions applied to
    /// every coordinate alike commute with it.
    #[must_use]
    pub const fn permutes(self) -> bool {
        matches!(self, Group::Symmetric | Group::Alternating)
    }

    /// Checks that the family has a member of size `n`.
    ///
    /// # Errors
    /// [`Error::GroupSize`] for `n` of zero, and for odd `n` of the symplectic family.
    pub fn check(self, n: usize) -> Result<()> {
        let problem = if n == 0 {
            "n must be at least 1"
        } else if self == Group::Symplectic && n % 2 == 1 {
            "n must be even: a symplectic form needs pairs of coordinates"
        } else {
            return Ok(());
        };
        Err(Error::GroupSize {
            group: self.letters(),
            n,
            problem,
        })
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.letters())
    }
}

/// The inverse of `Display`.
impl FromStr for Group {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Group::ALL
            .into_iter()
            .find(|group| group.letters() == text)
            .ok_or_else(|| Error::UnknownGroup {
                name: text.to_owned(),
            })
    }
}
