//! True bases out of spanning sets, without matrices of size n^m.
//!
//! A diagram is evaluated at random decomposable tensors v₁ ⊗ … ⊗ v_m modulo
//! the prime 2⁶¹ − 1, which needs m vectors and no tensor; the rank of the
//! evaluations is the dimension but for an event of probability about
//! m·dimension / 2⁶¹ (Schwartz and Zippel), and the rank found is compared
//! with the closed form. Deterministic: the vectors come from a fixed stream.

use tensegrity_tensor::SplitMix64;

use crate::diagram::Diagram;
use crate::{Error, Group, Result};

const PRIME: u64 = (1 << 61) - 1;

fn times(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    let folded = (product & u128::from(PRIME)) as u64 + (product >> 61) as u64;
    if folded >= PRIME {
        folded - PRIME
    } else {
        folded
    }
}

fn plus(a: u64, b: u64) -> u64 {
    let sum = a + b;
    if sum >= PRIME { sum - PRIME } else { sum }
}

fn minus(a: u64, b: u64) -> u64 {
    if a >= b { a - b } else { a + PRIME - b }
}

fn inverse(a: u64) -> u64 {
    let (mut result, mut base, mut exponent) = (1, a, PRIME - 2);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = times(result, base);
        }
        base = times(base, base);
        exponent >>= 1;
    }
    result
}

/// Determinant of a square matrix given by rows.
fn determinant(mut rows: Vec<Vec<u64>>) -> u64 {
    let n = rows.len();
    let mut value = 1;
    for column in 0..n {
        let Some(pivot) = (column..n).find(|&row| rows[row][column] != 0) else {
            return 0;
        };
        if pivot != column {
            rows.swap(pivot, column);
            value = minus(0, value);
        }
        value = times(value, rows[column][column]);
        let scale = inverse(rows[column][column]);
        for row in column + 1..n {
            let factor = times(rows[row][column], scale);
            for k in column..n {
                let change = times(factor, rows[column][k]);
                rows[row][k] = minus(rows[row][k], change);
            }
        }
    }
    value
}

/// The diagram's value at the tensor of the vectors, one a vertex.
fn evaluate(diagram: &Diagram, group: Group, n: usize, vectors: &[Vec<u64>]) -> u64 {
    let members = diagram.members();
    let mut in_head = vec![false; members.len()];
    for &block in diagram.heads().iter().flatten() {
        in_head[block as usize] = true;
    }
    let along = |block: usize| -> Vec<u64> {
        (0..n)
            .map(|i| {
                members[block]
                    .iter()
                    .fold(1, |product, &v| times(product, vectors[v][i]))
            })
            .collect()
    };
    let mut value = 1;
    for (block, vertices) in members.iter().enumerate() {
        if in_head[block] {
            continue;
        }
        let same_row = |&v: &usize| v < diagram.outputs();
        let factor = if group == Group::Symplectic
            && vertices.iter().all(same_row) | !vertices.iter().any(same_row)
        {
            let (a, b) = (&vectors[vertices[0]], &vectors[vertices[1]]);
            (0..n / 2).fold(0, |sum, i| {
                let forward = times(a[2 * i], b[2 * i + 1]);
                let backward = times(a[2 * i + 1], b[2 * i]);
                plus(sum, minus(forward, backward))
            })
        } else {
            along(block).into_iter().fold(0, plus)
        };
        value = times(value, factor);
    }
    for head in diagram.heads() {
        let mut rows: Vec<Vec<u64>> = head.iter().map(|&block| along(block as usize)).collect();
        rows.resize(n, vec![1; n]);
        value = times(value, determinant(rows));
    }
    value
}

/// Positions of the first independent diagrams, which number `dimension`.
pub(crate) fn independent(
    group: Group,
    n: usize,
    diagrams: &[Diagram],
    dimension: u128,
) -> Result<Vec<usize>> {
    if dimension == diagrams.len() as u128 {
        return Ok((0..diagrams.len()).collect());
    }
    let m = diagrams.first().map_or(0, Diagram::vertices);
    let samples = dimension as usize + 5;
    let mut random = SplitMix64::new(0x6261_7369_7321);
    let points: Vec<Vec<Vec<u64>>> = (0..samples)
        .map(|_| {
            let vector = |_| (0..n).map(|_| random.below(PRIME)).collect();
            (0..m).map(vector).collect()
        })
        .collect();
    // Rows in echelon form, each with its pivot position.
    let mut echelon: Vec<(usize, Vec<u64>)> = Vec::new();
    let mut kept = Vec::new();
    for (index, diagram) in diagrams.iter().enumerate() {
        if kept.len() as u128 == dimension {
            break;
        }
        let mut row: Vec<u64> = points
            .iter()
            .map(|vectors| evaluate(diagram, group, n, vectors))
            .collect();
        for (pivot, reduced) in &echelon {
            let factor = row[*pivot];
            if factor != 0 {
                for (x, &y) in row.iter_mut().zip(reduced) {
                    *x = minus(*x, times(factor, y));
                }
            }
        }
        if let Some(pivot) = row.iter().position(|&x| x != 0) {
            let scale = inverse(row[pivot]);
            row.iter_mut().for_each(|x| *x = times(*x, scale));
            echelon.push((pivot, row));
            kept.push(index);
        }
    }
    if kept.len() as u128 != dimension {
        return Err(Error::Rank {
            group: group.letters(),
            n,
            found: kept.len(),
            expected: dimension,
        });
    }
    Ok(kept)
}

/// The largest number of arcs that cross each other pairwise, vertices on a line.
pub(crate) fn crossing_number(diagram: &Diagram) -> usize {
    let arcs: Vec<(usize, usize)> = diagram
        .members()
        .iter()
        .map(|block| (block[0], block[block.len() - 1]))
        .collect();
    fn extend(arcs: &[(usize, usize)], chosen: &mut Vec<(usize, usize)>) -> usize {
        let mut best = chosen.len();
        for (index, &(a, b)) in arcs.iter().enumerate() {
            // Arcs are ordered by their first ends.
            if chosen.iter().all(|&(c, d)| c < a && a < d && d < b) {
                chosen.push((a, b));
                best = best.max(extend(&arcs[index + 1..], chosen));
                chosen.pop();
            }
        }
        best
    }
    extend(&arcs, &mut Vec::new())
}

#[cfg(test)]
mod tests {
    use crate::{Basis, Group, HomSpace};

    fn dependent(group: Group, n: usize, m: usize) -> Vec<usize> {
        HomSpace::new(group, n, m, 0).unwrap().dependent().unwrap()
    }

    /// Positions found by dense elimination elsewhere.
    #[test]
    fn first_dependent_diagrams_are_those_of_dense_elimination() {
        assert_eq!(dependent(Group::Orthogonal, 2, 6), [8, 10, 11, 13, 14]);
        let o3 = dependent(Group::Orthogonal, 3, 8);
        assert_eq!(o3.len(), 14);
        assert_eq!(o3[..8], [59, 68, 73, 74, 83, 85, 86, 88]);
        assert_eq!(dependent(Group::SpecialOrthogonal, 3, 5), [6, 7, 8, 9]);
        assert_eq!(
            dependent(Group::SpecialOrthogonal, 4, 6),
            [25, 26, 27, 28, 29]
        );
        let sp = HomSpace::new(Group::Symplectic, 4, 3, 3).unwrap();
        assert_eq!(sp.dependent().unwrap(), [14]);
        let s3 = dependent(Group::Symmetric, 3, 5);
        assert_eq!(s3.len(), 11);
        assert_eq!(s3[..8], [14, 24, 34, 38, 42, 46, 47, 48]);
    }

    #[test]
    fn matchings_with_few_crossings_are_a_basis_for_sp() {
        for (n, k, l) in [(2, 3, 3), (2, 4, 4), (4, 3, 3), (4, 4, 4), (6, 4, 4)] {
            let space = HomSpace::new(Group::Symplectic, n, k, l).unwrap();
            let explicit = space.noncrossing().unwrap();
            let dimension = space.dimension().unwrap();
            assert_eq!(explicit.len() as u128, dimension);
            let kept = super::independent(Group::Symplectic, n, &explicit, dimension + 1);
            // One more than there is cannot be found, but all of these are.
            match kept {
                Err(crate::Error::Rank { found, .. }) => assert_eq!(found as u128, dimension),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn ranks_and_positions_are_inverse_for_every_group() {
        for group in Group::ALL {
            for n in [2, 3, 4] {
                if group.check(n).is_err() {
                    continue;
                }
                for (k, l) in [(0, 0), (1, 1), (2, 1), (3, 2), (2, 4)] {
                    let space = HomSpace::new(group, n, k, l).unwrap();
                    let all = space.diagrams(Basis::Spanning).unwrap();
                    assert_eq!(all.len() as u128, space.count().unwrap());
                    for (position, diagram) in all.iter().enumerate() {
                        assert_eq!(space.rank(diagram).unwrap(), position as u128, "{diagram}");
                        assert_eq!(&space.unrank(position as u128).unwrap(), diagram);
                    }
                    assert!(space.unrank(all.len() as u128).is_err());
                    let reduced = space.diagrams(Basis::Reduced).unwrap();
                    assert_eq!(reduced.len() as u128, space.dimension().unwrap());
                }
            }
        }
    }
}
