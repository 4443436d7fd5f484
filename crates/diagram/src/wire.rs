//! Wires: the indices of a diagram, and what their ends are typed with.

use std::fmt;
use std::sync::Arc;

/// Number of a wire within its diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WireId(pub u32);

impl WireId {
    /// The number as an array index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// An index: every leg and boundary position attached to it has the same value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire {
    /// Number of values the index takes; zero is legal.
    pub dim: u64,
    /// What people call it; carries no meaning for the value.
    pub name: Option<Arc<str>>,
}

/// How a boundary end transforms.
///
/// Composition checks tags when both ends carry one; [`Variance::Plain`] fits
/// everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Variance {
    /// No statement.
    #[default]
    Plain,
    /// A vector index (contravariant).
    Upper,
    /// A covector index (covariant).
    Lower,
    /// An irreducible representation by label. A label that begins with `+` or
    /// `-` names one of a dual pair (`+3` and `-3` of SU(3), charges of U(1));
    /// any other label is its own dual (`1o` of O(3)).
    Irrep(Arc<str>),
}

impl Variance {
    /// The tag of the bent wire: upper and lower change places, `+x` and `-x`
    /// too, everything else is self-dual.
    #[must_use]
    pub fn dual(&self) -> Self {
        match self {
            Variance::Upper => Variance::Lower,
            Variance::Lower => Variance::Upper,
            Variance::Irrep(label) => {
                Variance::Irrep(if let Some(rest) = label.strip_prefix('+') {
                    format!("-{rest}").into()
                } else if let Some(rest) = label.strip_prefix('-') {
                    format!("+{rest}").into()
                } else {
                    Arc::clone(label)
                })
            }
            Variance::Plain => Variance::Plain,
        }
    }

    /// Whether ends with these tags may be glued.
    #[must_use]
    pub fn fits(&self, other: &Self) -> bool {
        self == other || *self == Variance::Plain || *other == Variance::Plain
    }
}

impl fmt::Display for Variance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Variance::Plain => f.write_str("plain"),
            Variance::Upper => f.write_str("upper"),
            Variance::Lower => f.write_str("lower"),
            Variance::Irrep(label) => write!(f, "irrep {label}"),
        }
    }
}

/// The inverse of `Display`.
impl std::str::FromStr for Variance {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match (text, text.strip_prefix("irrep ")) {
            ("plain", _) => Ok(Variance::Plain),
            ("upper", _) => Ok(Variance::Upper),
            ("lower", _) => Ok(Variance::Lower),
            (_, Some(label)) => Ok(Variance::Irrep(label.into())),
            _ => Err(()),
        }
    }
}

/// The type of a boundary position: a dimension and a variance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Space {
    /// Dimension.
    pub dim: u64,
    /// How it transforms.
    pub variance: Variance,
}

impl Space {
    /// An untagged space.
    #[must_use]
    pub const fn plain(dim: u64) -> Self {
        Self {
            dim,
            variance: Variance::Plain,
        }
    }

    /// A space of vector indices.
    #[must_use]
    pub const fn upper(dim: u64) -> Self {
        Self {
            dim,
            variance: Variance::Upper,
        }
    }

    /// A space of covector indices.
    #[must_use]
    pub const fn lower(dim: u64) -> Self {
        Self {
            dim,
            variance: Variance::Lower,
        }
    }

    /// The space of an irreducible representation.
    #[must_use]
    pub fn irrep(dim: u64, label: &str) -> Self {
        Self {
            dim,
            variance: Variance::Irrep(label.into()),
        }
    }

    /// Untagged spaces of these dimensions.
    #[must_use]
    pub fn list(dims: &[u64]) -> Vec<Self> {
        dims.iter().copied().map(Self::plain).collect()
    }

    /// The dual space.
    #[must_use]
    pub fn dual(&self) -> Self {
        Self {
            dim: self.dim,
            variance: self.variance.dual(),
        }
    }
}

impl From<u64> for Space {
    fn from(dim: u64) -> Self {
        Self::plain(dim)
    }
}

/// A boundary position: the wire it leads to and the tag of this end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The wire.
    pub wire: WireId,
    /// Tag of this end.
    pub variance: Variance,
}
