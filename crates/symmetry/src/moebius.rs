//! Between diagrams and orbits of S.
//!
//! D_π = Σ_{θ ≥ π} X_θ over coarsenings θ of π, and by Möbius inversion on the
//! lattice of set partitions X_π = Σ_{θ ≥ π} μ(π, θ) D_θ with
//! μ(π, θ) = Π (−1)^(b−1) (b−1)! over blocks of θ that merge b blocks of π.

use crate::diagram::{Diagram, Kind, Terms};
use crate::listing::Partitions;
use crate::{Error, Result};

/// Every coarsening of a partition, by how its blocks are merged.
fn coarsenings(diagram: &Diagram) -> Result<Vec<(Diagram, Vec<u8>)>> {
    let blocks = diagram.block_count();
    let merges = Partitions::new(blocks, 0..=blocks)?;
    if merges.count() > crate::MAX_DIAGRAMS {
        return Err(Error::TooLarge {
            what: format!("the number of coarsenings of {diagram}"),
            count: merges.count(),
            limit: crate::MAX_DIAGRAMS,
            remedy: "lower the orders",
        });
    }
    Ok(merges
        .iter()
        .map(|merge| {
            // Merging in order of first appearance keeps the word canonical.
            let word = diagram
                .blocks()
                .iter()
                .map(|&b| merge[b as usize])
                .collect();
            (Diagram::of_partition(diagram.outputs(), word, false), merge)
        })
        .collect())
}

/// μ(finest, merge).
fn moebius(merge: &[u8]) -> i128 {
    let mut sizes = [0i128; 64];
    for &block in merge {
        sizes[block as usize] += 1;
    }
    sizes
        .iter()
        .filter(|&&size| size > 0)
        .map(|&size| {
            let magnitude: i128 = (1..size).product();
            if size % 2 == 1 { magnitude } else { -magnitude }
        })
        .product()
}

impl Diagram {
    /// An orbit as a combination of diagrams: X_π = Σ μ(π, θ) D_θ. Diagrams
    /// with more than `n` blocks are among them; for any `n` the sum is right.
    ///
    /// # Errors
    /// [`Error::Argument`] if it is no orbit; [`Error::TooLarge`].
    pub fn orbit_in_diagrams(&self) -> Result<Terms> {
        if self.kind() != Kind::Orbit {
            return Err(Error::Argument {
                name: "diagram",
                problem: format!("{self} is no orbit"),
            });
        }
        let terms = coarsenings(self)?;
        Ok(terms
            .into_iter()
            .map(|(diagram, merge)| (diagram, moebius(&merge)))
            .collect())
    }

    /// A partition diagram as a sum of orbits: D_π = Σ X_θ.
    ///
    /// # Errors
    /// [`Error::Argument`] if it is no partition; [`Error::TooLarge`].
    pub fn diagram_in_orbits(&self) -> Result<Terms> {
        if self.kind() != Kind::Partition {
            return Err(Error::Argument {
                name: "diagram",
                problem: format!("{self} is no partition"),
            });
        }
        coarsenings(self)?
            .into_iter()
            .map(|(diagram, _)| Ok((diagram.orbit()?, 1)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Basis, Group, HomSpace};

    #[test]
    fn inversion_gives_the_matrices_of_orbits() {
        for n in 1..=4 {
            let space = HomSpace::new(Group::Symmetric, n, 2, 2).unwrap();
            let mut total = vec![0.0; n.pow(4)];
            for diagram in space.diagrams(Basis::Spanning).unwrap() {
                let orbit = diagram.orbit().unwrap();
                let direct = orbit.matrix(Group::Symmetric, n).unwrap();
                let mut summed = vec![0.0; n.pow(4)];
                for (term, coefficient) in orbit.orbit_in_diagrams().unwrap() {
                    let matrix = term.matrix(Group::Symmetric, n).unwrap();
                    for (sum, x) in summed.iter_mut().zip(matrix.as_slice()) {
                        *sum += coefficient as f64 * x;
                    }
                }
                assert_eq!(direct.as_slice(), summed);
                for (sum, x) in total.iter_mut().zip(direct.as_slice()) {
                    *sum += x;
                }
                let back: Terms = diagram.diagram_in_orbits().unwrap();
                let mut again = vec![0.0; n.pow(4)];
                for (term, _) in back {
                    let matrix = term.matrix(Group::Symmetric, n).unwrap();
                    for (sum, x) in again.iter_mut().zip(matrix.as_slice()) {
                        *sum += x;
                    }
                }
                assert_eq!(
                    diagram.matrix(Group::Symmetric, n).unwrap().as_slice(),
                    again
                );
            }
            assert!(
                total.iter().all(|&x| x == 1.0),
                "orbits partition the entries"
            );
        }
    }
}
