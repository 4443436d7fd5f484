//! Products of Levi-Civita symbols as signed sums of diagrams.

use std::collections::BTreeMap;

use super::{Diagram, block_count, canonical, sorting_sign};
use crate::listing::permutations;
use crate::{Error, Result};

/// A joined pair of diagrams whose symbols are being expanded.
pub(super) struct Expansion {
    pub word: Vec<u8>,
    pub outer: usize,
    /// Components without a vertex.
    pub closed: Vec<u8>,
    pub heads: Vec<Vec<u8>>,
    pub factor: i128,
}

impl Expansion {
    /// Adds the terms of what is left.
    pub fn expand(
        mut self,
        like: &Diagram,
        n: usize,
        terms: &mut BTreeMap<Diagram, i128>,
    ) -> Result<()> {
        let overflow = || Error::Overflow {
            what: "the coefficient of a composite".into(),
        };
        // A symbol with two legs on one component vanishes.
        for head in &self.heads {
            let mut legs = head.clone();
            legs.sort_unstable();
            if legs.windows(2).any(|pair| pair[0] == pair[1]) {
                return Ok(());
            }
        }
        let touching = (0..self.heads.len()).find_map(|i| {
            let other = (i + 1..self.heads.len())
                .find(|&j| self.heads[i].iter().any(|leg| self.heads[j].contains(leg)))?;
            Some((i, other))
        });
        if let Some((i, j)) = touching {
            let y = self.heads.remove(j);
            let x = self.heads.remove(i);
            return self.pair(&x, &y, like, n, terms);
        }
        let mut heads = Vec::new();
        for head in std::mem::take(&mut self.heads) {
            // A leg on a closed component is one on the all-ones vector.
            let mut capped = n - head.len();
            let mut legs = Vec::new();
            for (position, &leg) in head.iter().enumerate() {
                if (leg as usize) < self.outer {
                    legs.push(leg);
                    continue;
                }
                capped += 1;
                // The capped leg moves to the end.
                if (head.len() - 1 - position) % 2 == 1 {
                    self.factor = -self.factor;
                }
                self.closed.retain(|&component| component != leg);
            }
            if capped > 1 {
                return Ok(());
            }
            self.factor *= i128::from(sorting_sign(&legs));
            legs.sort_unstable();
            heads.push(legs);
        }
        for _ in &self.closed {
            self.factor = self.factor.checked_mul(n as i128).ok_or_else(overflow)?;
        }
        let diagram = like.joined_diagram(self.word, heads);
        let entry = terms.entry(diagram).or_default();
        *entry = entry.checked_add(self.factor).ok_or_else(overflow)?;
        Ok(())
    }

    /// Replaces ε_x ε_y by permutations.
    fn pair(
        &self,
        x: &[u8],
        y: &[u8],
        like: &Diagram,
        n: usize,
        terms: &mut BTreeMap<Diagram, i128>,
    ) -> Result<()> {
        // Missing legs are on components of their own without a vertex.
        let mut next = self.outer
            + self
                .closed
                .iter()
                .map(|&c| c as usize + 1)
                .max()
                .unwrap_or(0);
        let mut closed = self.closed.clone();
        let mut full = |legs: &[u8]| {
            let mut legs = legs.to_vec();
            while legs.len() < n {
                next += 1;
                legs.push(next as u8);
                closed.push(next as u8);
            }
            legs
        };
        let (x, y) = (full(x), full(y));
        for (order, sign) in permutations(n) {
            let mut rename: Vec<u8> = (0..=u8::MAX).collect();
            for (i, &j) in order.iter().enumerate() {
                let (p, q) = (rename[x[i] as usize], rename[y[j] as usize]);
                let (low, high) = (p.min(q), p.max(q));
                rename
                    .iter_mut()
                    .filter(|name| **name == high)
                    .for_each(|name| *name = low);
            }
            let raw: Vec<u8> = self.word.iter().map(|&c| rename[c as usize]).collect();
            let (word, mut names) = canonical(&raw);
            let outer = block_count(&word);
            let mut all = outer as u8;
            let mut name = |component: u8| {
                let slot = &mut names[rename[component as usize] as usize];
                if *slot == u8::MAX {
                    *slot = all;
                    all += 1;
                }
                *slot
            };
            let mut rest: Vec<u8> = closed.iter().map(|&c| name(c)).collect();
            rest.retain(|&c| c as usize >= outer);
            rest.sort_unstable();
            rest.dedup();
            let heads = (self.heads.iter())
                .map(|head| head.iter().map(|&leg| name(leg)).collect())
                .collect();
            let state = Expansion {
                word,
                outer,
                closed: rest,
                heads,
                factor: self.factor * i128::from(sign),
            };
            state.expand(like, n, terms)?;
        }
        Ok(())
    }
}
