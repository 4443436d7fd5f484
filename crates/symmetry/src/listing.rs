//! Set partitions and matchings in canonical order, by position and back.
//!
//! Partitions are listed in lexicographic order of their restricted growth
//! strings; matchings by pairing the smallest unmatched vertex with every other
//! in increasing order; sets in lexicographic order. Ranks cost O(m) table
//! look-ups or divisions.

use crate::count::{binomial, matchings};
use crate::{Error, Result};

/// Set partitions of `m` points whose number of blocks lies in a range.
#[derive(Clone, Debug)]
pub(crate) struct Partitions {
    m: usize,
    /// `completions[r][j]`: ways to end in the range from `j` blocks with `r` points left.
    completions: Vec<Vec<u128>>,
}

impl Partitions {
    pub(crate) fn new(m: usize, blocks: std::ops::RangeInclusive<usize>) -> Result<Self> {
        let overflow = || Error::Overflow {
            what: format!("the number of set partitions of {m} points"),
        };
        let mut completions: Vec<Vec<u128>> =
            vec![(0..=m).map(|j| u128::from(blocks.contains(&j))).collect()];
        for left in 1..=m {
            let last = &completions[left - 1];
            let row = (0..=m - left)
                .map(|j| {
                    let same = (j as u128).checked_mul(last[j]).ok_or_else(overflow)?;
                    same.checked_add(last[j + 1]).ok_or_else(overflow)
                })
                .collect::<Result<_>>()?;
            completions.push(row);
        }
        Ok(Self { m, completions })
    }

    pub(crate) fn count(&self) -> u128 {
        self.completions[self.m][0]
    }

    /// The restricted growth string at `rank`, which is below the count.
    pub(crate) fn unrank(&self, mut rank: u128) -> Vec<u8> {
        let mut word = Vec::with_capacity(self.m);
        let mut blocks = 0;
        for position in 0..self.m {
            let left = self.m - position - 1;
            let same = self.completions[left][blocks];
            let old = same * blocks as u128;
            if rank < old {
                word.push((rank / same) as u8);
                rank %= same;
            } else {
                word.push(blocks as u8);
                rank -= old;
                blocks += 1;
            }
        }
        word
    }

    /// Inverse of [`Partitions::unrank`]; `None` if the blocks are out of range.
    pub(crate) fn rank(&self, word: &[u8]) -> Option<u128> {
        let mut rank = 0;
        let mut blocks = 0usize;
        for (position, &block) in word.iter().enumerate() {
            let left = self.m - position - 1;
            rank += self.completions[left][blocks] * u128::from(block);
            blocks = blocks.max(usize::from(block) + 1);
        }
        (self.completions[0].get(blocks) == Some(&1)).then_some(rank)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Vec<u8>> {
        let mut word: Vec<u8> = vec![];
        let mut left = self.count();
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            if word.is_empty() {
                word = self.unrank(0);
            } else {
                self.advance(&mut word);
            }
            Some(word.clone())
        })
    }

    /// The next word; there is one.
    fn advance(&self, word: &mut [u8]) {
        for position in (0..self.m).rev() {
            let blocks = super::diagram::block_count(&word[..position]);
            let left = self.m - position - 1;
            for block in word[position] as usize + 1..=blocks {
                let now = blocks.max(block + 1);
                if self.completions[left][now] == 0 {
                    continue;
                }
                word[position] = block as u8;
                let mut now = now;
                for rest in position + 1..self.m {
                    let left = self.m - rest - 1;
                    // Block 0 if the range can still be reached, else a new one.
                    let reuse = now > 0 && self.completions[left][now] > 0;
                    word[rest] = if reuse { 0 } else { now as u8 };
                    now += usize::from(!reuse);
                }
                return;
            }
        }
    }
}

/// The word of the matching at `rank` among those of the points `points` of `m`;
/// other entries are left as they are. Blocks are named by their smaller point.
pub(crate) fn unrank_matching(mut rank: u128, points: &[usize], word: &mut [u8]) {
    let mut left: Vec<usize> = points.to_vec();
    while left.len() > 1 {
        let below = matchings(left.len() - 2).unwrap_or(1);
        let choice = (rank / below) as usize;
        rank %= below;
        let first = left.remove(0);
        let second = left.remove(choice);
        word[first] = first as u8;
        word[second] = first as u8;
    }
}

/// Inverse of [`unrank_matching`] for a word in which equal entries are pairs.
pub(crate) fn rank_matching(points: &[usize], word: &[u8]) -> u128 {
    let mut left: Vec<usize> = points.to_vec();
    let mut rank = 0;
    while left.len() > 1 {
        let first = left.remove(0);
        let choice = left
            .iter()
            .position(|&other| word[other] == word[first])
            .unwrap_or(0);
        rank += matchings(left.len() - 1).unwrap_or(1) * choice as u128;
        left.remove(choice);
    }
    rank
}

/// The `size`-subset of 0..m at `rank` in lexicographic order.
pub(crate) fn unrank_subset(mut rank: u128, size: usize, m: usize) -> Vec<usize> {
    let mut subset = Vec::with_capacity(size);
    let mut next = 0;
    while subset.len() < size {
        let with = binomial(m - next - 1, size - subset.len() - 1).unwrap_or(u128::MAX);
        if rank < with {
            subset.push(next);
        } else {
            rank -= with;
        }
        next += 1;
    }
    subset
}

/// Inverse of [`unrank_subset`].
pub(crate) fn rank_subset(subset: &[usize], m: usize) -> u128 {
    let mut rank = 0;
    let mut next = 0;
    for (position, &item) in subset.iter().enumerate() {
        for skipped in next..item {
            rank += binomial(m - skipped - 1, subset.len() - position - 1).unwrap_or(0);
        }
        next = item + 1;
    }
    rank
}

/// All `size`-subsets of 0..m in lexicographic order.
pub(crate) fn subsets(size: usize, m: usize) -> impl Iterator<Item = Vec<usize>> {
    let count = binomial(m, size).unwrap_or(0);
    (0..count).map(move |rank| unrank_subset(rank, size, m))
}

/// All permutations of 0..size in lexicographic order, with their signs.
pub(crate) fn permutations(size: usize) -> Vec<(Vec<usize>, i8)> {
    let mut found = Vec::new();
    let mut now: Vec<usize> = (0..size).collect();
    loop {
        found.push((now.clone(), super::diagram::sorting_sign(&now)));
        let Some(pivot) = (1..size).rev().find(|&i| now[i - 1] < now[i]) else {
            return found;
        };
        let pivot = pivot - 1;
        let swap = (pivot..size)
            .rev()
            .find(|&i| now[i] > now[pivot])
            .unwrap_or(pivot);
        now.swap(pivot, swap);
        now[pivot + 1..].reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_listed_in_lexicographic_order() {
        let all = Partitions::new(3, 0..=3).unwrap();
        let words: Vec<_> = all.iter().collect();
        assert_eq!(
            words,
            [[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1], [0, 1, 2]]
        );
        for (m, low, high) in [
            (0, 0, 0),
            (1, 0, 1),
            (4, 0, 4),
            (6, 0, 3),
            (6, 2, 3),
            (5, 5, 6),
        ] {
            let listing = Partitions::new(m, low..=high).unwrap();
            let words: Vec<_> = listing.iter().collect();
            assert_eq!(words.len() as u128, listing.count());
            assert!(words.windows(2).all(|pair| pair[0] < pair[1]));
            for (rank, word) in words.iter().enumerate() {
                assert_eq!(listing.rank(word), Some(rank as u128));
                assert_eq!(&listing.unrank(rank as u128), word);
            }
        }
        assert_eq!(Partitions::new(6, 0..=6).unwrap().count(), 203);
        assert_eq!(Partitions::new(3, 2..=2).unwrap().rank(&[0, 1, 2]), None);
    }

    #[test]
    fn matchings_and_subsets_have_ranks() {
        let points = [0, 1, 3, 4, 5, 7];
        for rank in 0..15 {
            let mut word = vec![9; 8];
            unrank_matching(rank, &points, &mut word);
            assert_eq!(rank_matching(&points, &word), rank);
        }
        let all: Vec<_> = subsets(2, 4).collect();
        assert_eq!(all, [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]);
        for (rank, subset) in subsets(3, 7).enumerate() {
            assert_eq!(rank_subset(&subset, 7), rank as u128);
        }
        assert_eq!(subsets(0, 3).count(), 1);
    }

    #[test]
    fn permutations_carry_their_signs() {
        let all = permutations(3);
        let signs: Vec<i8> = all.iter().map(|(_, sign)| *sign).collect();
        assert_eq!(signs, [1, -1, -1, 1, 1, -1]);
        assert_eq!(permutations(0).len(), 1);
        assert_eq!(
            permutations(5)
                .iter()
                .map(|(_, s)| i32::from(*s))
                .sum::<i32>(),
            0
        );
    }
}
