//! What a diagram does within one of its rows.
//!
//! Cut between its rows, a diagram leaves a *structure* on each: some blocks
//! are open (they go on to the other row), some closed (they end here), some
//! carry legs of a symbol. What happens in a row follows from its structure
//! alone, so it is computed once for all diagrams that share it: the number of
//! structures is far below the number of diagrams.

use crate::count::{binomial, falling};
use crate::diagram::{Diagram, Kind, block_count, canonical, sorting_sign};
use crate::{Group, Result};

/// What becomes of a block of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Role {
    /// It goes on to the other row.
    Open,
    /// It is summed over (or repeated along).
    Closed,
    /// A pair joined by the form Ω.
    Form,
    /// It ends at a symbol.
    Leg,
}

/// How a symbol takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Head {
    /// There is none.
    None,
    /// Its legs are the free vertices.
    Free,
    /// Its legs are all blocks of the diagram, open ones too; `capped` if one
    /// more is on the all-ones vector, which is counted to the bottom row.
    Jelly {
        /// Whether the last leg is capped.
        capped: bool,
    },
}

/// The structure of one row.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Structure {
    /// Block of every vertex of the row, by first appearance.
    pub word: Vec<u8>,
    pub roles: Vec<Role>,
    pub head: Head,
}

/// What the middle of a diagram looks like: the tensor that passes from one
/// row to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Class {
    /// One axis of length n for each of `open` blocks.
    Plain { open: usize },
    /// Besides, an axis over the `legs`-subsets of 0..n: the indices at the
    /// bottom legs of the symbol; those at its top legs are the others.
    Free { open: usize, legs: usize },
    /// One axis: different indices of the open blocks with a `legs`-subset of
    /// those left, the indices at the bottom legs.
    Jelly { open: usize, legs: usize },
}

impl Class {
    pub(crate) fn open(self) -> usize {
        match self {
            Class::Plain { open } | Class::Free { open, .. } | Class::Jelly { open, .. } => open,
        }
    }

    /// Axes of the tensor.
    pub(crate) fn dims(self, n: usize) -> Result<Vec<usize>> {
        Ok(match self {
            Class::Plain { open } => vec![n; open],
            Class::Free { open, legs } => {
                let mut dims = vec![n; open];
                dims.push(binomial(n, legs)? as usize);
                dims
            }
            Class::Jelly { open, legs } => {
                vec![(falling(n, open)? * binomial(n - open, legs)?) as usize]
            }
        })
    }
}

/// How a structure's tensor is made from that of a structure with more open blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A generalised diagonal of the tensor itself.
    Root,
    /// The sum over an axis.
    Sum { axis: usize },
    /// The trace over two axes with Ω between them.
    Form { axes: [usize; 2] },
    /// The antisymmetric part in the legs.
    Antisymmetrise,
}

impl Structure {
    pub(crate) fn blocks_with(&self, role: Role) -> Vec<usize> {
        (0..self.roles.len())
            .filter(|&block| self.roles[block] == role)
            .collect()
    }

    pub(crate) fn class(&self, n: usize, top: bool) -> Class {
        let count = |role| self.roles.iter().filter(|&&r| r == role).count();
        let (open, legs) = (count(Role::Open), count(Role::Leg));
        match (self.head, top) {
            (Head::None, _) => Class::Plain { open },
            (Head::Free, false) => Class::Free { open, legs },
            (Head::Free, true) => Class::Free {
                open,
                legs: n - legs,
            },
            (Head::Jelly { capped }, false) => Class::Jelly {
                open,
                legs: legs + usize::from(capped),
            },
            (Head::Jelly { .. }, true) => Class::Jelly {
                open,
                legs: n - open - legs,
            },
        }
    }

    /// The structure it is made from, and how.
    pub(crate) fn parent(&self) -> (Option<Structure>, Step) {
        let mut parent = self.clone();
        if self.head != Head::None {
            parent.head = Head::None;
            for role in parent.roles.iter_mut().filter(|role| **role == Role::Leg) {
                *role = Role::Open;
            }
            return (Some(parent), Step::Antisymmetrise);
        }
        let Some(block) = self.roles.iter().position(|&role| role != Role::Open) else {
            return (None, Step::Root);
        };
        if self.roles[block] == Role::Closed {
            parent.roles[block] = Role::Open;
            let axis = self.roles[..block]
                .iter()
                .filter(|&&r| r == Role::Open)
                .count();
            return (Some(parent), Step::Sum { axis });
        }
        // The pair becomes two open vertices.
        let second = self
            .word
            .iter()
            .rposition(|&b| usize::from(b) == block)
            .unwrap_or(0);
        let mut word = self.word.clone();
        word[second] = u8::MAX;
        let (word, names) = canonical(&word);
        let mut roles = vec![Role::Open; block_count(&word)];
        for (old, &role) in self.roles.iter().enumerate() {
            if old != block {
                roles[names[old] as usize] = role;
            }
        }
        let position = |block: u8| {
            roles[..block as usize]
                .iter()
                .filter(|&&r| r == Role::Open)
                .count()
        };
        let axes = [position(names[block]), position(names[u8::MAX as usize])];
        let parent = Structure {
            word,
            roles,
            head: Head::None,
        };
        (Some(parent), Step::Form { axes })
    }
}

/// A diagram cut between its rows.
#[derive(Clone, Debug)]
pub(crate) struct Split {
    pub top: Structure,
    pub bottom: Structure,
    /// Position among the bottom's open blocks of each of the top's.
    pub sigma: Vec<usize>,
}

impl Split {
    /// Cuts a diagram with at most one symbol that is no orbit.
    pub(crate) fn new(diagram: &Diagram, group: Group, n: usize) -> Self {
        let l = diagram.outputs();
        let members = diagram.members();
        let head = match (diagram.kind(), diagram.heads().first()) {
            (Kind::FreeVertex, _) => Head::Free,
            (Kind::Jellyfish, Some(legs)) => Head::Jelly {
                capped: legs.len() < n,
            },
            _ => Head::None,
        };
        let row = |range: std::ops::Range<usize>, other: std::ops::Range<usize>| {
            let (word, names) = canonical(&diagram.blocks()[range]);
            let mut roles = vec![Role::Open; block_count(&word)];
            let mut own = vec![0usize; roles.len()];
            for (block, vertices) in members.iter().enumerate() {
                let name = names[block];
                if name == u8::MAX {
                    continue;
                }
                own[name as usize] = block;
                roles[name as usize] = if vertices.iter().any(|v| other.contains(v)) {
                    Role::Open
                } else if diagram.heads().iter().any(|h| h.contains(&(block as u8))) {
                    Role::Leg
                } else if diagram.is_form(vertices, group) {
                    Role::Form
                } else {
                    Role::Closed
                };
            }
            let open: Vec<usize> = (0..roles.len())
                .filter(|&name| roles[name] == Role::Open)
                .map(|name| own[name])
                .collect();
            (Structure { word, roles, head }, open)
        };
        let m = diagram.vertices();
        let (mut top, upper) = row(0..l, l..m);
        let (bottom, lower) = row(l..m, 0..l);
        if let Head::Jelly { .. } = top.head {
            top.head = Head::Jelly { capped: false };
        }
        let sigma = upper
            .iter()
            .map(|block| lower.iter().position(|other| other == block).unwrap_or(0))
            .collect();
        Self { top, bottom, sigma }
    }

    /// All vertices in one row, every block closed: the tensor of the diagram's
    /// entries against which another one is measured.
    pub(crate) fn closed(diagram: &Diagram, group: Group, n: usize) -> Structure {
        let members = diagram.members();
        let head = match (diagram.kind(), diagram.heads().first()) {
            (Kind::FreeVertex, _) => Head::Free,
            (Kind::Jellyfish, Some(legs)) => Head::Jelly {
                capped: legs.len() < n,
            },
            _ => Head::None,
        };
        let roles = members
            .iter()
            .enumerate()
            .map(|(block, vertices)| {
                if diagram.heads().iter().any(|h| h.contains(&(block as u8))) {
                    Role::Leg
                } else if diagram.is_form(vertices, group) {
                    Role::Form
                } else {
                    Role::Closed
                }
            })
            .collect();
        Structure {
            word: diagram.blocks().to_vec(),
            roles,
            head,
        }
    }
}

/// The sign that takes a jellyfish's legs from block order to open blocks
/// first, then legs, in the top row.
pub(crate) fn interleaving(top: &Structure) -> i8 {
    let mut order = top.blocks_with(Role::Open);
    order.extend(top.blocks_with(Role::Leg));
    sorting_sign(&order)
}
