//! The algorithm of Schreier and Sims: a stabiliser chain from generators.

use super::Permutation;
use super::permutation_group::Chain;
use crate::{Error, Result};

/// Most entries of all transversals: one gigabyte.
const MOST_ENTRIES: usize = 1 << 28;

/// A base point, generators of the stabiliser of those before it, and for every
/// point of its orbit a permutation that takes the base point there.
struct Level {
    base: usize,
    generators: Vec<Permutation>,
    transversal: Vec<Option<Permutation>>,
    orbit: Vec<usize>,
}

/// Base and orbit lengths of the group of `generators`.
pub(super) fn chain(n: usize, generators: &[Permutation]) -> Result<Chain> {
    let mut levels: Vec<Level> = Vec::new();
    let mut entries = 0;
    for generator in generators {
        // Permutations that fix the bases before their level, still to be included.
        let mut waiting = vec![(0, generator.clone())];
        while let Some((from, candidate)) = waiting.pop() {
            let (depth, residue) = sift(&levels, from, candidate);
            let Some(moved) = residue.first_moved() else {
                continue;
            };
            if depth == levels.len() {
                let mut transversal = vec![None; n];
                transversal[moved] = Some(Permutation::identity(n));
                levels.push(Level {
                    base: moved,
                    generators: vec![],
                    transversal,
                    orbit: vec![moved],
                });
                entries += n;
            }
            // It fixes the bases in between but may move points of their orbits.
            for place in from..=depth {
                include(
                    &mut levels[place],
                    place,
                    residue.clone(),
                    &mut entries,
                    &mut waiting,
                )?;
            }
        }
    }
    Ok(Chain {
        base: levels.iter().map(|level| level.base).collect(),
        orbit_sizes: levels.iter().map(|level| level.orbit.len()).collect(),
    })
}

/// Divides by transversals from `depth` down; the level where that ends and
/// what is left.
fn sift(levels: &[Level], depth: usize, mut candidate: Permutation) -> (usize, Permutation) {
    for (place, level) in levels.iter().enumerate().skip(depth) {
        match &level.transversal[candidate.image(level.base)] {
            Some(representative) => candidate = candidate.compose(&representative.inverse()),
            None => return (place, candidate),
        }
    }
    (levels.len(), candidate)
}

/// Adds a generator to a level: extends its orbit, and hands the Schreier
/// generators that arise to the level below.
fn include(
    level: &mut Level,
    depth: usize,
    generator: Permutation,
    entries: &mut usize,
    waiting: &mut Vec<(usize, Permutation)>,
) -> Result<()> {
    level.generators.push(generator);
    let newest = level.generators.len() - 1;
    let known = level.orbit.len();
    let mut next = 0;
    while next < level.orbit.len() {
        let point = level.orbit[next];
        // Points known before have met the older generators already.
        let from = if next < known { newest } else { 0 };
        for number in from..level.generators.len() {
            let here = level.transversal[point]
                .as_ref()
                .expect("a point of the orbit");
            let there = here.compose(&level.generators[number]);
            let image = there.image(level.base);
            match &level.transversal[image] {
                Some(representative) => {
                    let schreier = there.compose(&representative.inverse());
                    if !schreier.is_identity() {
                        waiting.push((depth + 1, schreier));
                    }
                }
                None => {
                    *entries += there.n();
                    if *entries > MOST_ENTRIES {
                        return Err(Error::TooLarge {
                            what: "the size of the transversals of the group".into(),
                            count: *entries as u128,
                            limit: MOST_ENTRIES as u128,
                            remedy: "the order of so large a group is not computed; orbits are",
                        });
                    }
                    level.transversal[image] = Some(there);
                    level.orbit.push(image);
                }
            }
        }
        next += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(n: usize, generators: &[&str]) -> usize {
        let generators: Vec<_> = generators
            .iter()
            .map(|text| Permutation::parse(text, n).unwrap())
            .collect();
        chain(n, &generators).unwrap().orbit_sizes.iter().product()
    }

    #[test]
    fn orders_of_known_groups() {
        assert_eq!(order(5, &["(0 1 2 3 4)", "(0 1)"]), 120);
        assert_eq!(order(5, &["(0 1 2)", "(2 3 4)"]), 60);
        assert_eq!(order(8, &["(0 1 2 3)(4 5 6 7)", "(0 4)(1 5)(2 6)(3 7)"]), 8);
        // The Mathieu group of degree 11.
        assert_eq!(
            order(11, &["(0 1 2 3 4 5 6 7 8 9 10)", "(2 6 10 7)(3 9 4 5)"]),
            7920
        );
        assert_eq!(order(3, &["()"]), 1);
    }
}
