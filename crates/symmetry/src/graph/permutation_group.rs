//! A group of permutations, by generators.

use std::sync::OnceLock;

use super::{Permutation, schreier_sims};
use crate::{Error, Result};

/// A group of permutations of 0, …, n − 1.
#[derive(Clone, Debug)]
pub struct PermutationGroup {
    n: usize,
    generators: Vec<Permutation>,
    chain: OnceLock<Chain>,
}

/// Base points and their orbits under the stabiliser of those before.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    pub(super) base: Vec<usize>,
    pub(super) orbit_sizes: Vec<usize>,
}

impl PermutationGroup {
    /// The group that permutations of n points generate. By a theorem of
    /// Frucht every finite group is that of a graph; it need not be written down.
    ///
    /// ```
    /// use tensegrity_symmetry::graph::{Permutation, PermutationGroup};
    /// let turn = Permutation::parse("(0 1 2 3)", 4)?;
    /// let flip = Permutation::parse("(0 2)", 4)?;
    /// assert_eq!(PermutationGroup::from_generators(4, vec![turn, flip])?.order()?, 8);
    /// # Ok::<(), tensegrity_symmetry::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] for no points, too many for 32 bits, or a generator
    /// of another size.
    pub fn from_generators(n: usize, generators: Vec<Permutation>) -> Result<Self> {
        if n == 0 || u32::try_from(n).is_err() {
            return Err(Error::Argument {
                name: "n",
                problem: format!("a group of permutations of {n} points; give 1 to 2³² − 1"),
            });
        }
        if let Some(place) = generators.iter().position(|g| g.n() != n) {
            let found = generators[place].n();
            return Err(Error::Argument {
                name: "generators",
                problem: format!("generator {place} permutes {found} points, not {n}"),
            });
        }
        Ok(Self {
            n,
            generators,
            chain: OnceLock::new(),
        })
    }

    pub(super) fn with_chain(
        n: usize,
        generators: Vec<Permutation>,
        base: Vec<usize>,
        orbit_sizes: Vec<usize>,
    ) -> Self {
        let chain = Chain { base, orbit_sizes };
        Self {
            n,
            generators,
            chain: OnceLock::from(chain),
        }
    }

    /// Number of points.
    #[must_use]
    pub fn n(&self) -> usize {
        self.n
    }

    /// Generators; none for the trivial group.
    #[must_use]
    pub fn generators(&self) -> &[Permutation] {
        &self.generators
    }

    fn chain(&self) -> Result<&Chain> {
        if let Some(chain) = self.chain.get() {
            return Ok(chain);
        }
        let chain = schreier_sims::chain(self.n, &self.generators)?;
        Ok(self.chain.get_or_init(|| chain))
    }

    /// A base (points only the identity fixes all of) and for each point the
    /// length of its orbit under the permutations that fix those before it.
    /// Their product is the order of the group.
    ///
    /// Cost: nothing for a group of automorphisms; else the algorithm of
    /// Schreier and Sims, once.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the transversals have more than 2²⁸ entries.
    pub fn stabiliser_chain(&self) -> Result<(&[usize], &[usize])> {
        let chain = self.chain()?;
        Ok((&chain.base, &chain.orbit_sizes))
    }

    /// Number of elements.
    ///
    /// # Errors
    /// [`Error::Overflow`] if it does not fit in 128 bits (see
    /// [`PermutationGroup::order_decimal`]); as
    /// [`PermutationGroup::stabiliser_chain`].
    pub fn order(&self) -> Result<u128> {
        let sizes = &self.chain()?.orbit_sizes;
        let product = sizes
            .iter()
            .try_fold(1_u128, |product, &size| product.checked_mul(size as u128));
        product.ok_or_else(|| Error::Overflow {
            what: "the order of the group".into(),
        })
    }

    /// Number of elements in decimal digits, however many.
    ///
    /// # Errors
    /// As [`PermutationGroup::stabiliser_chain`].
    pub fn order_decimal(&self) -> Result<String> {
        // Nine digits a limb, the lowest first.
        const LIMB: u128 = 1_000_000_000;
        let mut limbs = vec![1_u128];
        for &size in &self.chain()?.orbit_sizes {
            let mut carry = 0;
            for limb in &mut limbs {
                let value = *limb * size as u128 + carry;
                *limb = value % LIMB;
                carry = value / LIMB;
            }
            while carry > 0 {
                limbs.push(carry % LIMB);
                carry /= LIMB;
            }
        }
        let mut text = limbs.pop().unwrap_or(1).to_string();
        limbs
            .iter()
            .rev()
            .for_each(|limb| text.push_str(&format!("{limb:09}")));
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_beyond_128_bits_is_written_out() {
        let turn: Vec<usize> = (0..40).map(|i| (i + 1) % 40).collect();
        let mut swap: Vec<usize> = (0..40).collect();
        swap.swap(0, 1);
        let generators = [turn, swap].map(|g| Permutation::from_images(&g).unwrap());
        let group = PermutationGroup::from_generators(40, generators.to_vec()).unwrap();
        assert!(matches!(group.order(), Err(Error::Overflow { .. })));
        // 40!
        let text = "815915283247897734345611269596115894272000000000";
        assert_eq!(group.order_decimal().unwrap(), text);
    }

    #[test]
    fn generators_of_another_size_are_refused() {
        let flip = Permutation::parse("(0 1)", 3).unwrap();
        assert!(PermutationGroup::from_generators(4, vec![flip]).is_err());
        assert!(PermutationGroup::from_generators(0, vec![]).is_err());
        assert_eq!(
            PermutationGroup::from_generators(3, vec![])
                .unwrap()
                .order()
                .unwrap(),
            1
        );
    }
}
