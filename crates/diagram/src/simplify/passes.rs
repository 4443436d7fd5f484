//! Which simplifications are made.

use serde::{Deserialize, Serialize};

/// One simplification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Pass {
    /// Drop wires of dimension one.
    UnitWires,
    /// Read the diagonal of a leg repeated on one operand.
    Diagonals,
    /// Sum a wire that is on one operand only and not in the output.
    LoneWires,
    /// Multiply operands without legs together and into the smallest other one.
    Scalars,
    /// Multiply operands over the same set of wires.
    Hadamard,
    /// Contract pairs whose result is no larger than the larger of the two;
    /// in particular an operand whose legs are among another's.
    Absorb,
    /// Find the connected components.
    Components,
    /// Fuse the copy tensors of the output: repeated output wires count once,
    /// output wires on no operand (identities, constant axes) are left out.
    Spiders,
    /// Set aside wires that are on every operand and in the output.
    BatchWires,
}

impl Pass {
    /// Every pass, in the order they run.
    pub const ALL: [Pass; 9] = [
        Pass::UnitWires,
        Pass::Diagonals,
        Pass::LoneWires,
        Pass::Hadamard,
        Pass::Absorb,
        Pass::Scalars,
        Pass::Spiders,
        Pass::BatchWires,
        Pass::Components,
    ];
}

/// A set of passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Passes(u16);

impl Passes {
    /// No pass: the network is only copied.
    pub const NONE: Self = Self(0);
    /// Every pass.
    pub const ALL: Self = Self((1 << Pass::ALL.len()) - 1);
    /// The passes after which the fewest multiplications are still the same:
    /// all but those that merge operands.
    pub const LOSSLESS: Self = Self::ALL
        .without(Pass::Hadamard)
        .without(Pass::Absorb)
        .without(Pass::Scalars);

    /// The set with `pass`.
    #[must_use]
    pub const fn with(self, pass: Pass) -> Self {
        Self(self.0 | 1 << pass as u16)
    }

    /// The set without `pass`.
    #[must_use]
    pub const fn without(self, pass: Pass) -> Self {
        Self(self.0 & !(1 << pass as u16))
    }

    /// Whether `pass` is in the set.
    #[must_use]
    pub const fn has(self, pass: Pass) -> bool {
        self.0 >> pass as u16 & 1 == 1
    }

    /// The passes of the set, in the order they run.
    pub fn iter(self) -> impl Iterator<Item = Pass> {
        Pass::ALL.into_iter().filter(move |&pass| self.has(pass))
    }
}

impl Default for Passes {
    fn default() -> Self {
        Self::ALL
    }
}
