//! One diagram: which vertices of two rows belong together.

mod apply;
mod category;
mod expansion;
mod factor;
mod matrix;
mod spine;
mod strand;
mod text;

use crate::{Error, Group, Result};

pub use category::{Composite, Terms};
pub use factor::Factored;

/// Most vertices of a diagram: its blocks are named by one character each.
pub const MAX_VERTICES: usize = 62;

/// What a diagram stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A set partition; one where indices are equal inside every block (S, A).
    Partition,
    /// A set partition; one where indices are equal exactly inside blocks (S, A).
    Orbit,
    /// A set partition and Levi-Civita symbols with a leg on each of some blocks (A).
    Jellyfish,
    /// A perfect matching: Kronecker deltas, and forms Ω for pairs within a
    /// row if the group is symplectic (O, SO, Sp).
    Brauer,
    /// A matching of some vertices and Levi-Civita symbols on the others (SO).
    FreeVertex,
}

/// A diagram from order [`Diagram::inputs`] to order [`Diagram::outputs`].
///
/// Vertices 0..l are the top row (output axes), l..l+k the bottom row (input
/// axes). As a matrix it has a row for every multi-index of the outputs and a
/// column for every one of the inputs. Its text says both rows and the kind:
///
/// | text | what |
/// |---|---|
/// | `01\|10` | a partition by block names, top\|bottom |
/// | `orbit 01\|10` | the same as an orbit |
/// | `01\|2 [0 1 2]` | a jellyfish: a symbol with legs on blocks 0, 1, 2 |
/// | `2->2 (0 2)(1 3)` | a matching, inputs->outputs |
/// | `2->1 [0 1 2]` | free vertices 0, 1, 2 |
///
/// Block names are 0–9, a–z, A–Z in order of first appearance. A symbol with
/// `n − 1` legs has its last leg on the all-ones vector.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Diagram {
    outputs: usize,
    inputs: usize,
    family: Family,
    /// Block of every vertex, numbered by first appearance.
    word: Vec<u8>,
    /// Blocks each symbol has its legs on, increasing.
    heads: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Family {
    Partition,
    Orbit,
    Matching,
}

/// Renumbers blocks by first appearance.
pub(crate) fn canonical(word: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut names = vec![u8::MAX; 256];
    let mut next = 0;
    let word = word
        .iter()
        .map(|&block| {
            let name = &mut names[block as usize];
            if *name == u8::MAX {
                *name = next;
                next += 1;
            }
            *name
        })
        .collect();
    (word, names)
}

/// Number of blocks of a canonical word.
pub(crate) fn block_count(word: &[u8]) -> usize {
    word.iter().max().map_or(0, |&last| last as usize + 1)
}

/// The sign of the permutation that sorts `items`, which are distinct.
pub(crate) fn sorting_sign<T: Ord>(items: &[T]) -> i8 {
    let inversions = (0..items.len())
        .map(|i| items[..i].iter().filter(|item| **item > items[i]).count())
        .sum::<usize>();
    if inversions % 2 == 0 { 1 } else { -1 }
}

impl Diagram {
    fn checked(outputs: usize, inputs: usize, length: usize) -> Result<()> {
        let m = outputs.saturating_add(inputs);
        if m > MAX_VERTICES {
            return Err(Error::TooLarge {
                what: "the number of vertices of a diagram".into(),
                count: m as u128,
                limit: MAX_VERTICES as u128,
                remedy: "lower the orders",
            });
        }
        if length != m {
            return Err(Error::Argument {
                name: "blocks",
                problem: format!(
                    "{length} given for {outputs} outputs and {inputs} inputs; one for every vertex is needed"
                ),
            });
        }
        Ok(())
    }

    /// The partition with the given block of every vertex, top row first;
    /// `blocks` is a restricted growth string: every new number is one more
    /// than the largest before it.
    ///
    /// # Errors
    /// [`Error::Argument`] naming the first vertex that breaks the rule;
    /// [`Error::TooLarge`] beyond [`MAX_VERTICES`] vertices.
    pub fn partition(outputs: usize, inputs: usize, blocks: &[u8]) -> Result<Self> {
        Self::checked(outputs, inputs, blocks.len())?;
        let mut next = 0;
        for (vertex, &block) in blocks.iter().enumerate() {
            if block > next {
                return Err(Error::Argument {
                    name: "blocks",
                    problem: format!(
                        "vertex {vertex} is in block {block}, but the next new block is {next}"
                    ),
                });
            }
            next = next.max(block + 1);
        }
        Ok(Self::of_word(
            outputs,
            inputs,
            Family::Partition,
            blocks.to_vec(),
        ))
    }

    /// A jellyfish: the partition with one symbol that has a leg on every block.
    ///
    /// # Errors
    /// As [`Diagram::partition`].
    pub fn jellyfish(outputs: usize, inputs: usize, blocks: &[u8]) -> Result<Self> {
        let mut diagram = Self::partition(outputs, inputs, blocks)?;
        diagram.heads = vec![(0..diagram.block_count() as u8).collect()];
        Ok(diagram)
    }

    /// The perfect matching with these pairs of vertices.
    ///
    /// # Errors
    /// [`Error::Argument`] if a vertex is missing, twice or beyond the rows;
    /// [`Error::TooLarge`] beyond [`MAX_VERTICES`] vertices.
    pub fn brauer(outputs: usize, inputs: usize, pairs: &[(usize, usize)]) -> Result<Self> {
        Self::free_vertex(outputs, inputs, &[], pairs)
    }

    /// The matching `pairs` with one symbol on the vertices `free`; none if
    /// there are no free vertices.
    ///
    /// # Errors
    /// As [`Diagram::brauer`].
    pub fn free_vertex(
        outputs: usize,
        inputs: usize,
        free: &[usize],
        pairs: &[(usize, usize)],
    ) -> Result<Self> {
        let heads: Vec<Vec<usize>> = if free.is_empty() {
            vec![]
        } else {
            vec![free.to_vec()]
        };
        Self::with_heads(outputs, inputs, &heads, pairs)
    }

    /// A matching with any number of symbols.
    fn with_heads(
        outputs: usize,
        inputs: usize,
        heads: &[Vec<usize>],
        pairs: &[(usize, usize)],
    ) -> Result<Self> {
        let m = outputs.saturating_add(inputs);
        Self::checked(outputs, inputs, m)?;
        let mut owner = vec![u8::MAX; m];
        let groups = pairs
            .iter()
            .map(|&(a, b)| vec![a, b])
            .chain(heads.iter().flatten().map(|&vertex| vec![vertex]));
        for (number, group) in groups.enumerate() {
            for vertex in group {
                let problem = match owner.get(vertex) {
                    None => format!("vertex {vertex} does not exist; there are {m}"),
                    Some(&block) if block != u8::MAX => format!("vertex {vertex} is used twice"),
                    Some(_) => {
                        owner[vertex] = number as u8;
                        continue;
                    }
                };
                return Err(Error::Argument {
                    name: "pairs",
                    problem,
                });
            }
        }
        if let Some(vertex) = owner.iter().position(|&block| block == u8::MAX) {
            return Err(Error::Argument {
                name: "pairs",
                problem: format!("vertex {vertex} of {m} is in no pair"),
            });
        }
        let (word, _) = canonical(&owner);
        let mut result = Self::of_word(outputs, inputs, Family::Matching, word);
        result.heads = heads
            .iter()
            .map(|head| {
                let mut blocks: Vec<u8> = head.iter().map(|&v| result.word[v]).collect();
                blocks.sort_unstable();
                blocks
            })
            .collect();
        result.heads.sort();
        Ok(result)
    }

    fn of_word(outputs: usize, inputs: usize, family: Family, word: Vec<u8>) -> Self {
        Self {
            outputs,
            inputs,
            family,
            word,
            heads: vec![],
        }
    }

    /// A matching from its canonical word, every block of which is a pair but
    /// for `free` blocks.
    pub(crate) fn of_matching(outputs: usize, word: Vec<u8>, free: Vec<u8>) -> Self {
        let inputs = word.len() - outputs;
        let mut result = Self::of_word(outputs, inputs, Family::Matching, word);
        if !free.is_empty() {
            result.heads.push(free);
        }
        result
    }

    /// A partition from a canonical word; with a symbol on every block if asked.
    pub(crate) fn of_partition(outputs: usize, word: Vec<u8>, head: bool) -> Self {
        let inputs = word.len() - outputs;
        let mut result = Self::of_word(outputs, inputs, Family::Partition, word);
        if head {
            result.heads.push((0..result.block_count() as u8).collect());
        }
        result
    }

    /// The orbit with the blocks of this partition.
    ///
    /// # Errors
    /// [`Error::Argument`] for other kinds.
    pub fn orbit(&self) -> Result<Self> {
        if self.family == Family::Matching || !self.heads.is_empty() {
            return Err(Error::Argument {
                name: "diagram",
                problem: format!("{self} is no partition and so has no orbit"),
            });
        }
        Ok(Self::of_word(
            self.outputs,
            self.inputs,
            Family::Orbit,
            self.word.clone(),
        ))
    }

    /// Order of the output.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Order of the input.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Vertices of both rows.
    #[must_use]
    pub fn vertices(&self) -> usize {
        self.word.len()
    }

    /// The block of every vertex, top row first, numbered by first appearance.
    #[must_use]
    pub fn blocks(&self) -> &[u8] {
        &self.word
    }

    /// Number of blocks; free vertices are blocks of one.
    #[must_use]
    pub fn block_count(&self) -> usize {
        block_count(&self.word)
    }

    /// Blocks each Levi-Civita symbol has its legs on, increasing.
    #[must_use]
    pub fn heads(&self) -> &[Vec<u8>] {
        &self.heads
    }

    /// What it stands for.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match (self.family, self.heads.is_empty()) {
            (Family::Orbit, _) => Kind::Orbit,
            (Family::Partition, true) => Kind::Partition,
            (Family::Partition, false) => Kind::Jellyfish,
            (Family::Matching, true) => Kind::Brauer,
            (Family::Matching, false) => Kind::FreeVertex,
        }
    }

    /// Vertices of every block.
    #[must_use]
    pub(crate) fn members(&self) -> Vec<Vec<usize>> {
        let mut members = vec![Vec::new(); self.block_count()];
        for (vertex, &block) in self.word.iter().enumerate() {
            members[block as usize].push(vertex);
        }
        members
    }

    /// Blocks without a vertex in the top row: the sums that feed one output.
    #[must_use]
    pub fn bottom_only(&self) -> usize {
        self.block_count() - block_count(&self.word[..self.outputs])
    }

    /// Checks that the diagram belongs to `group` and its symbols to size `n`.
    ///
    /// # Errors
    /// [`Error::GroupSize`]; [`Error::Mismatch`] if it is a diagram of other
    /// groups or a symbol has neither `n` legs nor, in jellyfish, `n − 1`.
    pub fn check(&self, group: Group, n: usize) -> Result<()> {
        group.check(n)?;
        let wrong = |problem: String| {
            Err(Error::Mismatch {
                diagram: self.to_string(),
                group: group.letters(),
                n,
                problem,
            })
        };
        let kind = self.kind();
        let fits = match kind {
            Kind::Partition | Kind::Orbit => group.permutes(),
            Kind::Jellyfish => group == Group::Alternating,
            Kind::Brauer => !group.permutes(),
            Kind::FreeVertex => group == Group::SpecialOrthogonal,
        };
        if !fits {
            return wrong(format!("{kind:?} diagrams are maps of {}", groups_of(kind)));
        }
        for head in &self.heads {
            let legs = head.len();
            let good = legs == n || (kind == Kind::Jellyfish && legs + 1 == n);
            if !good || (kind == Kind::Jellyfish && n < 2) {
                return wrong(format!("a symbol has {legs} legs"));
            }
        }
        if !self.heads.is_empty() && n > crate::MAX_HEAD {
            return Err(Error::TooLarge {
                what: "n of a Levi-Civita symbol (n! entries)".into(),
                count: n as u128,
                limit: crate::MAX_HEAD as u128,
                remedy: "use the group without symbols (S, O)",
            });
        }
        Ok(())
    }
}

fn groups_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Partition | Kind::Orbit => "S and A",
        Kind::Jellyfish => "A",
        Kind::Brauer => "O, SO and Sp",
        Kind::FreeVertex => "SO",
    }
}
