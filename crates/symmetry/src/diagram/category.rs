//! Diagrams as morphisms: composition, tensor product, transpose.
//!
//! The matrix of a composite is the product of the matrices, up to the scalar
//! that is returned: closed components are worth `n` each, and for Sp every
//! strand and loop carries a sign, because raw cups and caps of a form satisfy
//! the snake identity only up to −1. A product of two Levi-Civita symbols that
//! meet is a signed sum of diagrams without them.

use std::collections::BTreeMap;

use super::expansion::Expansion;
use super::strand::strand_sign;
use super::{Diagram, Family, block_count, canonical, sorting_sign};
use crate::{Error, Group, Result};

/// A composite that is one diagram: matrix(a)·matrix(b) = sign · n^loops · matrix(diagram).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composite {
    /// The diagram.
    pub diagram: Diagram,
    /// Components that touched the middle row only.
    pub loops: u32,
    /// +1 or −1; −1 only for Sp and where a symbol's legs change order.
    pub sign: i8,
}

/// A linear combination of diagrams with integer coefficients, sorted, none zero.
pub type Terms = Vec<(Diagram, i128)>;

/// Components of two diagrams joined along a row.
struct Joined {
    /// Component of every vertex of the result.
    word: Vec<u8>,
    /// Component of every block of `a`, of `b`.
    a: Vec<u8>,
    b: Vec<u8>,
    /// Number of components; those from here on touch the middle only.
    outer: usize,
    all: usize,
}

fn join(a: &Diagram, b: &Diagram) -> Joined {
    let (na, nb) = (a.block_count(), b.block_count());
    let mut parent: Vec<usize> = (0..na + nb).collect();
    fn find(parent: &mut [usize], mut x: usize) -> usize {
        while parent[x] != x {
            parent[x] = parent[parent[x]];
            x = parent[x];
        }
        x
    }
    for middle in 0..a.inputs {
        let x = find(&mut parent, a.word[a.outputs + middle] as usize);
        let y = find(&mut parent, na + b.word[middle] as usize);
        parent[x.max(y)] = x.min(y);
    }
    let roots: Vec<u8> = (0..na + nb).map(|x| find(&mut parent, x) as u8).collect();
    let top = a.word[..a.outputs]
        .iter()
        .map(|&block| roots[block as usize]);
    let bottom = b.word[b.outputs..]
        .iter()
        .map(|&block| roots[na + block as usize]);
    let raw: Vec<u8> = top.chain(bottom).collect();
    let (word, mut names) = canonical(&raw);
    let outer = block_count(&word);
    let mut all = outer;
    let named: Vec<u8> = roots
        .iter()
        .map(|&root| {
            let name = &mut names[root as usize];
            if *name == u8::MAX {
                *name = all as u8;
                all += 1;
            }
            *name
        })
        .collect();
    Joined {
        word,
        a: named[..na].to_vec(),
        b: named[na..].to_vec(),
        outer,
        all,
    }
}

impl Diagram {
    /// `self` after `other`, where the result is a single diagram.
    ///
    /// ```
    /// use tensegrity_symmetry::{Diagram, Group};
    /// let a: Diagram = "01|233".parse()?;
    /// let b: Diagram = "012|0".parse()?;
    /// let ab = a.compose(&b, Group::Symmetric, 3)?;
    /// assert_eq!((ab.diagram.to_string().as_str(), ab.loops), ("01|2", 1));
    /// # Ok::<(), tensegrity_symmetry::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] if the orders in the middle differ, or the composite
    /// is zero or a sum of several diagrams (see [`Diagram::compose_terms`]); as
    /// [`Diagram::check`].
    pub fn compose(&self, other: &Self, group: Group, n: usize) -> Result<Composite> {
        self.check_composable(other, group, n)?;
        let joined = join(self, other);
        let loops = (joined.all - joined.outer) as u32;
        if self.heads.is_empty() && other.heads.is_empty() && self.family != Family::Orbit {
            let sign = match group {
                Group::Symplectic => strand_sign(self, other),
                _ => 1,
            };
            return Ok(Composite {
                diagram: self.joined_diagram(joined.word, vec![]),
                loops,
                sign,
            });
        }
        let terms = self.compose_terms(other, group, n)?;
        let one = match terms.as_slice() {
            [(diagram, coefficient)] => {
                let size = coefficient.unsigned_abs();
                let power = (0..=64u32).find(|&c| (n as u128).checked_pow(c) == Some(size));
                power.map(|loops| Composite {
                    diagram: diagram.clone(),
                    loops,
                    sign: coefficient.signum() as i8,
                })
            }
            _ => None,
        };
        one.ok_or_else(|| Error::Argument {
            name: "diagrams",
            problem: format!(
                "{self} after {other} is a combination of {} diagrams; use compose_terms",
                terms.len()
            ),
        })
    }

    fn check_composable(&self, other: &Self, group: Group, n: usize) -> Result<()> {
        self.check(group, n)?;
        other.check(group, n)?;
        if self.inputs != other.outputs {
            return Err(Error::Argument {
                name: "diagrams",
                problem: format!(
                    "{self} takes order {}, but {other} gives order {}",
                    self.inputs, other.outputs
                ),
            });
        }
        Ok(())
    }

    pub(super) fn joined_diagram(&self, word: Vec<u8>, mut heads: Vec<Vec<u8>>) -> Self {
        heads.sort();
        let inputs_of = |total: usize| total - self.outputs;
        Self {
            outputs: self.outputs,
            inputs: inputs_of(word.len()),
            family: self.family,
            word,
            heads,
        }
    }

    /// `self` after `other` as a combination of diagrams: empty if it is zero.
    ///
    /// Symbols that share a closed component, or a block, are expanded by
    /// ε_{x} ε_{y} = Σ_σ sgn σ Π δ(x_i, y_σ(i)); others are kept. Cost: n! for
    /// every pair expanded.
    ///
    /// # Errors
    /// [`Error::Argument`] if the orders in the middle differ or one is an
    /// orbit; as [`Diagram::check`]; [`Error::Overflow`].
    pub fn compose_terms(&self, other: &Self, group: Group, n: usize) -> Result<Terms> {
        self.check_composable(other, group, n)?;
        if self.family == Family::Orbit || other.family == Family::Orbit {
            return Err(Error::Argument {
                name: "diagrams",
                problem:
                    "orbits are composed through their diagrams; expand them by orbit_in_diagrams"
                        .into(),
            });
        }
        let joined = join(self, other);
        let legs = |head: &Vec<u8>, names: &[u8]| -> Vec<u8> {
            head.iter().map(|&block| names[block as usize]).collect()
        };
        let mut heads: Vec<Vec<u8>> = self
            .heads
            .iter()
            .map(|head| legs(head, &joined.a))
            .collect();
        heads.extend(other.heads.iter().map(|head| legs(head, &joined.b)));
        let sign = match group {
            Group::Symplectic => i128::from(strand_sign(self, other)),
            _ => 1,
        };
        let state = Expansion {
            word: joined.word,
            outer: joined.outer,
            closed: (joined.outer..joined.all).map(|c| c as u8).collect(),
            heads,
            factor: sign,
        };
        let mut terms = BTreeMap::new();
        state.expand(self, n, &mut terms)?;
        Ok(terms
            .into_iter()
            .filter(|(_, coefficient)| *coefficient != 0)
            .collect())
    }

    /// Side by side: the matrix is the Kronecker product. Vertices are
    /// renumbered as tops of `self`, tops of `other`, bottoms of `self`, bottoms
    /// of `other`; symbols of both are kept.
    ///
    /// # Errors
    /// [`Error::Argument`] if one is a partition and the other a matching, or one
    /// an orbit; [`Error::TooLarge`] beyond [`super::MAX_VERTICES`] vertices.
    pub fn tensor(&self, other: &Self) -> Result<Self> {
        if self.family != other.family || self.family == Family::Orbit {
            return Err(Error::Argument {
                name: "diagrams",
                problem: format!("{self} and {other} have no tensor product in one category"),
            });
        }
        let m = self.vertices() + other.vertices();
        Self::checked(self.outputs + other.outputs, self.inputs + other.inputs, m)?;
        let shift = self.block_count() as u8;
        let shifted = |word: &[u8]| word.iter().map(|&b| b + shift).collect::<Vec<u8>>();
        let raw = [
            &self.word[..self.outputs],
            &shifted(&other.word[..other.outputs]),
            &self.word[self.outputs..],
            &shifted(&other.word[other.outputs..]),
        ]
        .concat();
        let (word, names) = canonical(&raw);
        let rename = |head: &Vec<u8>, shift: u8| -> Vec<u8> {
            // Within one factor blocks keep their order, so no sign arises.
            head.iter()
                .map(|&block| names[(block + shift) as usize])
                .collect()
        };
        let mut heads: Vec<Vec<u8>> = self.heads.iter().map(|head| rename(head, 0)).collect();
        heads.extend(other.heads.iter().map(|head| rename(head, shift)));
        heads.sort();
        Ok(Self {
            outputs: self.outputs + other.outputs,
            inputs: self.inputs + other.inputs,
            family: self.family,
            word,
            heads,
        })
    }

    /// The diagram upside down and its sign: the transposed matrix is the sign
    /// times the matrix of the diagram returned. Signs arise where legs of a
    /// symbol change order.
    #[must_use]
    pub fn transpose(&self) -> (Self, i8) {
        let raw: Vec<u8> = [&self.word[self.outputs..], &self.word[..self.outputs]].concat();
        let (word, names) = canonical(&raw);
        let mut sign = 1;
        let mut heads: Vec<Vec<u8>> = self
            .heads
            .iter()
            .map(|head| {
                let mut legs: Vec<u8> = head.iter().map(|&block| names[block as usize]).collect();
                sign *= sorting_sign(&legs);
                legs.sort_unstable();
                legs
            })
            .collect();
        heads.sort();
        let result = Self {
            outputs: self.inputs,
            inputs: self.outputs,
            family: self.family,
            word,
            heads,
        };
        (result, sign)
    }

    /// The identity of order `order` among partitions, or among matchings.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond [`super::MAX_VERTICES`] vertices.
    pub fn identity(group: Group, order: usize) -> Result<Self> {
        Self::permutation(group, &(0..order).collect::<Vec<_>>())
    }

    /// The permutation of axes whose output `j` is input `order[j]`, as NumPy's `transpose`.
    ///
    /// # Errors
    /// [`Error::Argument`] if it is no permutation.
    pub fn permutation(group: Group, order: &[usize]) -> Result<Self> {
        let d = order.len();
        if group.permutes() {
            Self::checked(d, d, 2 * d)?;
            let mut word: Vec<u8> = (0..d as u8).chain(vec![u8::MAX; d]).collect();
            for (j, &input) in order.iter().enumerate() {
                match word.get_mut(d + input) {
                    Some(block) if *block == u8::MAX => *block = j as u8,
                    _ => {
                        return Err(Error::Argument {
                            name: "order",
                            problem: format!("{order:?} is no permutation"),
                        });
                    }
                }
            }
            return Self::partition(d, d, &word);
        }
        let pairs: Vec<(usize, usize)> = order
            .iter()
            .enumerate()
            .map(|(j, &input)| (j, d + input))
            .collect();
        Self::brauer(d, d, &pairs)
    }
}
