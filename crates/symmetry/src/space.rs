//! Spaces of equivariant maps and the diagrams that span them.

use crate::basis;
use crate::count::{binomial, matchings};
use crate::diagram::{Diagram, Kind, canonical};
use crate::listing::{Partitions, rank_matching, rank_subset, unrank_matching, unrank_subset};
use crate::{Error, Group, Result, dimension};

/// Which maps stand for a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Basis {
    /// All diagrams of the group; more than the dimension when `n` is small.
    Spanning,
    /// The first independent diagrams in canonical order: a basis.
    #[default]
    Reduced,
    /// Orbits, for S: zero-one maps that do not overlap.
    Orbit,
}

impl std::str::FromStr for Basis {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "spanning" => Ok(Basis::Spanning),
            "reduced" => Ok(Basis::Reduced),
            "orbit" => Ok(Basis::Orbit),
            _ => Err(Error::Argument {
                name: "basis",
                problem: format!("{text:?} is none of spanning, reduced, orbit"),
            }),
        }
    }
}

/// Most diagrams that are ever listed.
pub const MAX_DIAGRAMS: u128 = 200_000;

/// The linear maps from order `k` to order `l` that commute with a group.
///
/// ```
/// use tensegrity_symmetry::{Basis, Group, HomSpace};
/// let space = HomSpace::new(Group::Orthogonal, 3, 2, 2)?;
/// let texts: Vec<_> = space.diagrams(Basis::Reduced)?.iter().map(ToString::to_string).collect();
/// assert_eq!(texts, ["2->2 (0 1)(2 3)", "2->2 (0 2)(1 3)", "2->2 (0 3)(1 2)"]);
/// # Ok::<(), tensegrity_symmetry::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct HomSpace {
    group: Group,
    n: usize,
    inputs: usize,
    outputs: usize,
    /// Set partitions, all and those with symbols; of S and A.
    partitions: Option<(Partitions, Partitions)>,
}

impl HomSpace {
    /// The maps of `group` of size `n` from order `k` to order `l`.
    ///
    /// # Errors
    /// [`Error::GroupSize`], [`Error::Overflow`], [`Error::TooLarge`] beyond
    /// [`crate::MAX_VERTICES`] vertices.
    pub fn new(group: Group, n: usize, k: usize, l: usize) -> Result<Self> {
        group.check(n)?;
        let m = k.saturating_add(l);
        if m > crate::MAX_VERTICES {
            return Err(Error::TooLarge {
                what: "k + l".into(),
                count: m as u128,
                limit: crate::MAX_VERTICES as u128,
                remedy: "lower the orders; `dimension` alone goes further",
            });
        }
        // No partition has more blocks than points.
        let none = m + 1..=m + 1;
        let partitions = match group {
            Group::Symmetric => Some((Partitions::new(m, 0..=m)?, Partitions::new(m, none)?)),
            Group::Alternating => {
                let heads = if n < 2 { none } else { n - 1..=n };
                Some((Partitions::new(m, 0..=n)?, Partitions::new(m, heads)?))
            }
            _ => None,
        };
        Ok(Self {
            group,
            n,
            inputs: k,
            outputs: l,
            partitions,
        })
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> Group {
        self.group
    }

    /// Size of the group.
    #[must_use]
    pub fn n(&self) -> usize {
        self.n
    }

    /// Order of inputs.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Order of outputs.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    fn m(&self) -> usize {
        self.inputs + self.outputs
    }

    /// The dimension, as [`dimension`].
    ///
    /// # Errors
    /// [`Error::Overflow`].
    pub fn dimension(&self) -> Result<u128> {
        dimension(self.group, self.n, self.m())
    }

    /// The dimension, if it is not zero.
    ///
    /// # Errors
    /// [`Error::EmptyHomSpace`] if it is.
    pub fn check_not_empty(&self) -> Result<()> {
        if self.dimension()? > 0 {
            return Ok(());
        }
        Err(Error::EmptyHomSpace {
            group: self.group.letters(),
            n: self.n,
            k: self.inputs,
            l: self.outputs,
        })
    }

    /// Diagrams of the spanning set.
    ///
    /// # Errors
    /// [`Error::Overflow`].
    pub fn count(&self) -> Result<u128> {
        crate::spanning_count(self.group, self.n, self.m())
    }

    /// The diagram at position `rank` of the spanning set.
    ///
    /// # Errors
    /// [`Error::Argument`] if there are not so many; [`Error::Overflow`].
    pub fn unrank(&self, rank: u128) -> Result<Diagram> {
        let count = self.count()?;
        if rank >= count {
            return Err(Error::Argument {
                name: "rank",
                problem: format!("{rank} is not below the number of diagrams, {count}"),
            });
        }
        let (l, m) = (self.outputs, self.m());
        if let Some((plain, heads)) = &self.partitions {
            let first = plain.count();
            return Ok(if rank < first {
                Diagram::of_partition(l, plain.unrank(rank), false)
            } else {
                Diagram::of_partition(l, heads.unrank(rank - first), true)
            });
        }
        let plain = matchings(m)?;
        let mut word = vec![0; m];
        if rank < plain {
            let points: Vec<usize> = (0..m).collect();
            unrank_matching(rank, &points, &mut word);
            return Ok(Diagram::of_matching(l, canonical(&word).0, vec![]));
        }
        let below = matchings(m - self.n)?;
        let rank = rank - plain;
        let free = unrank_subset(rank / below, self.n, m);
        let points: Vec<usize> = (0..m).filter(|vertex| !free.contains(vertex)).collect();
        unrank_matching(rank % below, &points, &mut word);
        for &vertex in &free {
            word[vertex] = vertex as u8;
        }
        let (word, names) = canonical(&word);
        let head = free.iter().map(|&vertex| names[vertex]).collect();
        Ok(Diagram::of_matching(l, word, head))
    }

    /// The position of a diagram in the spanning set.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if it is not in it.
    pub fn rank(&self, diagram: &Diagram) -> Result<u128> {
        diagram.check(self.group, self.n)?;
        let elsewhere = || Error::Mismatch {
            diagram: diagram.to_string(),
            group: self.group.letters(),
            n: self.n,
            problem: format!(
                "it is not among the diagrams from order {} to order {}",
                self.inputs, self.outputs
            ),
        };
        if (diagram.inputs(), diagram.outputs()) != (self.inputs, self.outputs)
            || diagram.heads().len() > 1
            || diagram.kind() == Kind::Orbit
        {
            return Err(elsewhere());
        }
        let word = diagram.blocks();
        let head = diagram.heads().first();
        if let Some((plain, heads)) = &self.partitions {
            let rank = match head {
                None => plain.rank(word),
                Some(head) if head.len() == diagram.block_count() => {
                    heads.rank(word).map(|rank| rank + plain.count())
                }
                Some(_) => None,
            };
            return rank.ok_or_else(elsewhere);
        }
        let m = self.m();
        let Some(head) = head else {
            let points: Vec<usize> = (0..m).collect();
            return Ok(rank_matching(&points, word));
        };
        let (free, points): (Vec<usize>, Vec<usize>) =
            (0..m).partition(|&vertex| head.contains(&word[vertex]));
        let below = matchings(points.len())?;
        Ok(matchings(m)? + rank_subset(&free, m) * below + rank_matching(&points, word))
    }

    fn listed(&self, count: u128) -> Result<u128> {
        if count > MAX_DIAGRAMS {
            return Err(Error::TooLarge {
                what: format!(
                    "the number of {} diagrams from order {} to order {}",
                    self.group, self.inputs, self.outputs
                ),
                count,
                limit: MAX_DIAGRAMS,
                remedy: "lower the orders, or address diagrams by `unrank`",
            });
        }
        Ok(count)
    }

    /// The diagrams of a basis or spanning set, in canonical order.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond [`MAX_DIAGRAMS`]; [`Error::Argument`] for
    /// orbits of other groups than S.
    pub fn diagrams(&self, basis: Basis) -> Result<Vec<Diagram>> {
        let (l, n) = (self.outputs, self.n);
        if basis != Basis::Spanning && self.group == Group::Symmetric {
            let bounded = Partitions::new(self.m(), 0..=n)?;
            self.listed(bounded.count())?;
            let words = bounded
                .iter()
                .map(|word| Diagram::of_partition(l, word, false));
            return match basis {
                Basis::Orbit => words.map(|diagram| diagram.orbit()).collect(),
                _ => Ok(words.collect()),
            };
        }
        if basis == Basis::Orbit {
            return Err(Error::Argument {
                name: "basis",
                problem: format!("orbits are a basis of the maps of S, not of {}", self.group),
            });
        }
        let count = self.listed(self.count()?)?;
        let all: Vec<Diagram> = match &self.partitions {
            Some((plain, heads)) => (plain.iter().map(|word| (word, false)))
                .chain(heads.iter().map(|word| (word, true)))
                .map(|(word, head)| Diagram::of_partition(l, word, head))
                .collect(),
            None => (0..count)
                .map(|rank| self.unrank(rank))
                .collect::<Result<_>>()?,
        };
        if basis == Basis::Spanning || self.group.permutes() {
            return Ok(all);
        }
        let kept = basis::independent(self.group, self.n, &all, self.dimension()?)?;
        Ok(kept.into_iter().map(|index| all[index].clone()).collect())
    }

    /// Positions in the spanning set of the diagrams that depend on earlier ones.
    ///
    /// # Errors
    /// As [`HomSpace::diagrams`].
    pub fn dependent(&self) -> Result<Vec<usize>> {
        let all = self.diagrams(Basis::Spanning)?;
        let kept = basis::independent(self.group, self.n, &all, self.dimension()?)?;
        let mut kept = kept.into_iter().peekable();
        Ok((0..all.len())
            .filter(|index| kept.next_if_eq(index).is_none())
            .collect())
    }

    /// Diagrams of an explicit basis for Sp: matchings without n/2 + 1 arcs
    /// that all cross each other, in canonical order.
    ///
    /// # Errors
    /// [`Error::Argument`] for other groups; as [`HomSpace::diagrams`].
    pub fn noncrossing(&self) -> Result<Vec<Diagram>> {
        if self.group != Group::Symplectic {
            return Err(Error::Argument {
                name: "group",
                problem: format!(
                    "crossing numbers select a basis for Sp, not for {}",
                    self.group
                ),
            });
        }
        let mut all = self.diagrams(Basis::Spanning)?;
        all.retain(|diagram| basis::crossing_number(diagram) <= self.n / 2);
        Ok(all)
    }

    /// Free-vertex diagrams (SO) or jellyfish (A) in the spanning set.
    ///
    /// # Errors
    /// [`Error::Overflow`].
    pub fn head_count(&self) -> Result<u128> {
        match (&self.partitions, self.group) {
            (Some((_, heads)), _) => Ok(heads.count()),
            (None, Group::SpecialOrthogonal) if self.m() >= self.n => {
                let free = binomial(self.m(), self.n)?;
                free.checked_mul(matchings(self.m() - self.n)?)
                    .ok_or_else(|| Error::Overflow {
                        what: "the number of free-vertex diagrams".into(),
                    })
            }
            _ => Ok(0),
        }
    }
}
