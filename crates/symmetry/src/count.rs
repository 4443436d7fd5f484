//! Exact numbers of things, in 128 bits or not at all.

use std::collections::HashMap;

use crate::{Error, Group, Result};

fn overflow(what: impl FnOnce() -> String) -> Error {
    Error::Overflow { what: what() }
}

fn sum(a: u128, b: u128, what: impl FnOnce() -> String) -> Result<u128> {
    a.checked_add(b).ok_or_else(|| overflow(what))
}

/// Stirling numbers of the second kind S(m, t) for t = 0..=m: how many set
/// partitions of `m` points have `t` blocks. Cost m².
///
/// # Errors
/// [`Error::Overflow`] from about m = 50 on.
pub fn stirling_row(m: usize) -> Result<Vec<u128>> {
    let mut row = vec![1u128];
    for size in 1..=m {
        let mut next = vec![0u128; size + 1];
        for (t, &count) in row.iter().enumerate() {
            let what = || format!("the Stirling number S({size}, {t})");
            let same = (t as u128)
                .checked_mul(count)
                .ok_or_else(|| overflow(what))?;
            next[t] = sum(next[t], same, what)?;
            next[t + 1] = sum(next[t + 1], count, what)?;
        }
        row = next;
    }
    Ok(row)
}

/// How many set partitions of `m` points have at most `n` blocks; the Bell
/// number for n ≥ m.
///
/// # Errors
/// [`Error::Overflow`].
pub fn bounded_bell(m: usize, n: usize) -> Result<u128> {
    let row = stirling_row(m)?;
    row.iter()
        .take(n.saturating_add(1))
        .try_fold(0, |total, &count| {
            sum(total, count, || format!("the Bell number of {m}"))
        })
}

/// (m − 1)!!, the perfect matchings of `m` points; zero for odd `m`.
///
/// # Errors
/// [`Error::Overflow`].
pub fn matchings(m: usize) -> Result<u128> {
    if m % 2 == 1 {
        return Ok(0);
    }
    (1..m).step_by(2).try_fold(1u128, |product, factor| {
        product
            .checked_mul(factor as u128)
            .ok_or_else(|| overflow(|| format!("the number of matchings of {m} points")))
    })
}

/// The binomial coefficient, zero outside Pascal's triangle.
///
/// # Errors
/// [`Error::Overflow`].
pub fn binomial(n: usize, k: usize) -> Result<u128> {
    if k > n {
        return Ok(0);
    }
    let k = k.min(n - k);
    let mut value = 1u128;
    for step in 0..k {
        value = value
            .checked_mul((n - step) as u128)
            .ok_or_else(|| overflow(|| format!("the binomial coefficient ({n} {k})")))?
            / (step as u128 + 1);
    }
    Ok(value)
}

/// The falling factorial n·(n − 1)⋯(n − k + 1).
///
/// # Errors
/// [`Error::Overflow`].
pub fn falling(n: usize, k: usize) -> Result<u128> {
    let mut value = 1u128;
    for step in 0..k {
        let factor = n.saturating_sub(step) as u128;
        value = value
            .checked_mul(factor)
            .ok_or_else(|| overflow(|| format!("{n} falling {k}")))?;
    }
    Ok(value)
}

/// How many diagrams of `m` vertices the group has: the size of its spanning
/// set of equivariant maps, which may exceed their dimension.
///
/// All set partitions for S, those with at most `n` blocks and the jellyfish
/// for A, perfect matchings for O and Sp, and also free-vertex diagrams for SO.
///
/// # Errors
/// [`Error::GroupSize`], [`Error::Overflow`].
pub fn spanning_count(group: Group, n: usize, m: usize) -> Result<u128> {
    group.check(n)?;
    let what = || format!("the number of {group}({n}) diagrams of {m} vertices");
    match group {
        Group::Symmetric => bounded_bell(m, m),
        Group::Alternating => sum(bounded_bell(m, n)?, jellyfish(n, m)?, what),
        Group::Orthogonal | Group::Symplectic => matchings(m),
        Group::SpecialOrthogonal => {
            let free = if m >= n && (m - n).is_multiple_of(2) {
                binomial(m, n)?
                    .checked_mul(matchings(m - n)?)
                    .ok_or_else(|| overflow(what))?
            } else {
                0
            };
            sum(matchings(m)?, free, what)
        }
    }
}

/// Partitions with n − 1 or n blocks; none for n = 1, where A and S agree.
fn jellyfish(n: usize, m: usize) -> Result<u128> {
    if n < 2 {
        return Ok(0);
    }
    let row = stirling_row(m)?;
    let at = |t: usize| row.get(t).copied().unwrap_or(0);
    sum(at(n), at(n - 1), || {
        format!("the number of jellyfish of {m} vertices")
    })
}

/// The dimension of the space of equivariant maps between tensor powers of
/// orders that sum to `m`, for every `n`, without a matrix.
///
/// S: Σ_{t≤n} S(m, t). A: two orbits of A where S has one and at most one
/// coordinate is missing. O and SO: walks of `m` steps on Young diagrams, each
/// adding or removing a box, whose first two columns sum to at most `n`, from
/// the empty shape back to it (SO: or to the column of height `n`). Sp: walks
/// with at most n/2 rows. Cost: steps × diagrams within reach.
///
/// ```
/// use tensegrity_symmetry::{Group, dimension};
/// assert_eq!(dimension(Group::Symmetric, 3, 5)?, 41); // not Bell(5) = 52
/// assert_eq!(dimension(Group::SpecialOrthogonal, 3, 5)?, 6);
/// # Ok::<(), tensegrity_symmetry::Error>(())
/// ```
///
/// # Errors
/// [`Error::GroupSize`], [`Error::Overflow`].
pub fn dimension(group: Group, n: usize, m: usize) -> Result<u128> {
    group.check(n)?;
    match group {
        Group::Symmetric => bounded_bell(m, n),
        Group::Alternating => spanning_count(group, n, m),
        Group::Orthogonal => walks(m, |shape| columns(shape) <= n, &[&[]]),
        Group::Symplectic => walks(m, |shape| shape.len() <= n / 2, &[&[]]),
        Group::SpecialOrthogonal => {
            let column = vec![1usize; n];
            walks(m, |shape| columns(shape) <= n, &[&[], &column])
        }
    }
}

/// Height of the first two columns of a Young diagram given by its rows.
fn columns(shape: &[usize]) -> usize {
    shape.len() + shape.iter().filter(|&&row| row > 1).count()
}

/// Walks of `m` steps from the empty shape to any of `ends` inside `allowed`.
fn walks(m: usize, allowed: impl Fn(&[usize]) -> bool, ends: &[&[usize]]) -> Result<u128> {
    let mut now: HashMap<Vec<usize>, u128> = HashMap::from([(vec![], 1)]);
    let reach = ends
        .iter()
        .map(|end| end.iter().sum::<usize>())
        .max()
        .unwrap_or(0);
    for step in 0..m {
        let left = m - step - 1;
        let mut next: HashMap<Vec<usize>, u128> = HashMap::new();
        for (shape, count) in &now {
            for neighbour in neighbours(shape) {
                // What has more boxes than steps are left for does not come back.
                if neighbour.iter().sum::<usize>() > left + reach || !allowed(&neighbour) {
                    continue;
                }
                let entry = next.entry(neighbour).or_default();
                *entry = sum(*entry, *count, || {
                    format!("the number of walks of {m} steps")
                })?;
            }
        }
        now = next;
    }
    ends.iter().try_fold(0, |total, &end| {
        let count = now.get(end).copied().unwrap_or(0);
        sum(total, count, || format!("the number of walks of {m} steps"))
    })
}

/// Young diagrams one box away.
fn neighbours(shape: &[usize]) -> Vec<Vec<usize>> {
    let mut found = Vec::new();
    for row in 0..=shape.len() {
        if row == shape.len() {
            let mut more = shape.to_vec();
            more.push(1);
            found.push(more);
            continue;
        }
        if row == 0 || shape[row - 1] > shape[row] {
            let mut more = shape.to_vec();
            more[row] += 1;
            found.push(more);
        }
        if shape.get(row + 1).copied().unwrap_or(0) < shape[row] {
            let mut less = shape.to_vec();
            less[row] -= 1;
            less.retain(|&length| length > 0);
            found.push(less);
        }
    }
    found
}

/// The McKay quiver of S_n for its permutation representation: one vertex for
/// every partition of `n`, and between λ and μ as many edges as there are ways
/// to remove a box from λ and add one to get μ.
///
/// The number of walks of `m` steps from (n) to (n) is
/// [`dimension`]`(S, n, m)`; [`McKayQuiver::walks`] counts them by end, and
/// Σ_λ w_k(λ)·w_l(λ) is the dimension of the maps from order k to order l.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McKayQuiver {
    partitions: Vec<Vec<usize>>,
    edges: Vec<Vec<u64>>,
}

impl McKayQuiver {
    /// The quiver of S_n.
    ///
    /// # Errors
    /// [`Error::GroupSize`] for n = 0; [`Error::TooLarge`] from n = 31 on, where
    /// the matrix has tens of millions of entries.
    pub fn new(n: usize) -> Result<Self> {
        Group::Symmetric.check(n)?;
        if n > 30 {
            return Err(Error::TooLarge {
                what: "n of a McKay quiver".into(),
                count: n as u128,
                limit: 30,
                remedy: "use `dimension`, which needs no quiver",
            });
        }
        let partitions = integer_partitions(n);
        let edge = |a: &[usize], b: &[usize]| -> u64 {
            let smaller = |shape: &[usize]| -> Vec<Vec<usize>> {
                let size: usize = shape.iter().sum();
                let mut below = neighbours(shape);
                below.retain(|other| other.iter().sum::<usize>() < size);
                below
            };
            let below = smaller(b);
            smaller(a)
                .iter()
                .filter(|shape| below.contains(shape))
                .count() as u64
        };
        let edges = partitions
            .iter()
            .map(|a| partitions.iter().map(|b| edge(a, b)).collect())
            .collect();
        Ok(Self { partitions, edges })
    }

    /// The partitions, rows in decreasing order, listed in decreasing lexicographic order.
    #[must_use]
    pub fn partitions(&self) -> &[Vec<usize>] {
        &self.partitions
    }

    /// The adjacency matrix in the order of [`McKayQuiver::partitions`].
    #[must_use]
    pub fn edges(&self) -> &[Vec<u64>] {
        &self.edges
    }

    /// Walks of `steps` steps from (n) to every partition.
    ///
    /// # Errors
    /// [`Error::Overflow`].
    pub fn walks(&self, steps: usize) -> Result<Vec<u128>> {
        let what = || format!("the number of walks of {steps} steps");
        let mut now = vec![0u128; self.partitions.len()];
        now[0] = 1;
        for _ in 0..steps {
            let mut next = vec![0u128; now.len()];
            for (row, &count) in self.edges.iter().zip(&now) {
                for (target, &edges) in next.iter_mut().zip(row) {
                    let term = count
                        .checked_mul(u128::from(edges))
                        .ok_or_else(|| overflow(what))?;
                    *target = sum(*target, term, what)?;
                }
            }
            now = next;
        }
        Ok(now)
    }
}

/// Partitions of `n`, in decreasing lexicographic order.
fn integer_partitions(n: usize) -> Vec<Vec<usize>> {
    fn extend(left: usize, largest: usize, rows: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
        if left == 0 {
            found.push(rows.clone());
            return;
        }
        for row in (1..=left.min(largest)).rev() {
            rows.push(row);
            extend(left - row, row, rows, found);
            rows.pop();
        }
    }
    let mut found = Vec::new();
    extend(n, n, &mut Vec::new(), &mut found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dims(group: Group, n: usize, ms: &[usize]) -> Vec<u128> {
        ms.iter()
            .map(|&m| dimension(group, n, m).unwrap())
            .collect()
    }

    /// Ranks of all matrices of diagrams, computed densely elsewhere.
    #[test]
    fn dimensions_are_the_ranks_of_dense_computations() {
        use Group::*;
        assert_eq!(dims(Symmetric, 2, &[4, 5]), [8, 16]);
        assert_eq!(dims(Symmetric, 3, &[4, 5, 6]), [14, 41, 122]);
        assert_eq!(dims(Symmetric, 4, &[4]), [15]);
        assert_eq!(dims(Alternating, 3, &[1, 2, 3, 4, 5]), [1, 3, 9, 27, 81]);
        assert_eq!(dims(Alternating, 4, &[3, 4]), [6, 22]);
        assert_eq!(dims(Alternating, 2, &[1, 2, 3, 4, 5]), [2, 4, 8, 16, 32]);
        assert_eq!(dims(Alternating, 1, &[0, 1, 2, 3]), [1, 1, 1, 1]);
        assert_eq!(dims(Orthogonal, 1, &[1, 2, 3, 4]), [0, 1, 0, 1]);
        assert_eq!(dims(Orthogonal, 2, &[2, 4, 6, 8]), [1, 3, 10, 35]);
        assert_eq!(dims(Orthogonal, 3, &[6, 8]), [15, 91]);
        assert_eq!(dims(Orthogonal, 4, &[8]), [105]);
        assert_eq!(dims(SpecialOrthogonal, 2, &[2, 4, 6, 8]), [2, 6, 20, 70]);
        assert_eq!(
            dims(SpecialOrthogonal, 3, &[2, 3, 4, 5, 6, 7, 8]),
            [1, 1, 3, 6, 15, 36, 91]
        );
        assert_eq!(dims(SpecialOrthogonal, 4, &[4, 6, 8]), [4, 25, 196]);
        assert_eq!(dims(Symplectic, 2, &[2, 4, 6, 8]), [1, 2, 5, 14]);
        assert_eq!(dims(Symplectic, 4, &[4, 6, 8]), [3, 14, 84]);
    }

    #[test]
    fn counts_beyond_64_bits_are_exact_and_beyond_128_refused() {
        // OEIS A000110.
        assert_eq!(
            bounded_bell(30, 30).unwrap(),
            846_749_014_511_809_332_450_147
        );
        assert!(matches!(bounded_bell(60, 60), Err(Error::Overflow { .. })));
        assert!(matches!(matchings(90), Err(Error::Overflow { .. })));
    }

    #[test]
    fn mckay_quivers_are_the_published_ones() {
        let three = McKayQuiver::new(3).unwrap();
        assert_eq!(three.edges(), [[1, 1, 0], [1, 2, 1], [0, 1, 1]]);
        let four = McKayQuiver::new(4).unwrap();
        assert_eq!(
            four.edges(),
            [
                [1, 1, 0, 0, 0],
                [1, 2, 1, 1, 0],
                [0, 1, 1, 1, 0],
                [0, 1, 1, 2, 1],
                [0, 0, 0, 1, 1]
            ]
        );
    }

    #[test]
    fn walks_on_the_quiver_count_equivariant_maps() {
        for n in 1..=6 {
            let quiver = McKayQuiver::new(n).unwrap();
            for m in 0..=7 {
                let expected = dimension(Group::Symmetric, n, m).unwrap();
                assert_eq!(quiver.walks(m).unwrap()[0], expected, "n = {n}, m = {m}");
                for k in 0..=m {
                    let (a, b) = (quiver.walks(k).unwrap(), quiver.walks(m - k).unwrap());
                    let pairs: u128 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
                    assert_eq!(pairs, expected, "n = {n}, k = {k}, l = {}", m - k);
                }
            }
        }
    }
}
