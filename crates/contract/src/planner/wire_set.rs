//! Sets of wires.
//!
//! Networks of up to 256 wires (after bundling, nearly all that are searched
//! exactly) use fixed blocks of 64 bits without memory of their own; larger
//! ones use ascending lists, whose cost follows the members, not the wires.

use smallvec::SmallVec;

/// A set of small numbers.
pub(crate) trait WireSet: Clone {
    /// The set of `wires`, ascending and below the limit of the kind.
    fn of(wires: &[u32]) -> Self;
    /// Members of both.
    fn union(&self, other: &Self) -> Self;
    /// Calls `visit` with every member of both, ascending.
    fn for_common(&self, other: &Self, visit: impl FnMut(u32));
    /// Takes out a member.
    fn remove(&mut self, wire: u32);
}

/// Members below 64 · N.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Blocks<const N: usize>([u64; N]);

impl<const N: usize> Blocks<N> {
    /// Number of different members possible.
    pub(crate) const LIMIT: usize = 64 * N;
}

impl<const N: usize> WireSet for Blocks<N> {
    fn of(wires: &[u32]) -> Self {
        let mut blocks = [0; N];
        for &wire in wires {
            blocks[wire as usize / 64] |= 1 << (wire % 64);
        }
        Self(blocks)
    }

    #[inline]
    fn union(&self, other: &Self) -> Self {
        let mut blocks = self.0;
        for (block, &theirs) in blocks.iter_mut().zip(&other.0) {
            *block |= theirs;
        }
        Self(blocks)
    }

    #[inline]
    fn for_common(&self, other: &Self, mut visit: impl FnMut(u32)) {
        for (k, (&ours, &theirs)) in self.0.iter().zip(&other.0).enumerate() {
            let mut both = ours & theirs;
            while both != 0 {
                visit(k as u32 * 64 + both.trailing_zeros());
                both &= both - 1;
            }
        }
    }

    #[inline]
    fn remove(&mut self, wire: u32) {
        self.0[wire as usize / 64] &= !(1 << (wire % 64));
    }
}

/// Any members, as an ascending list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sparse(SmallVec<[u32; 16]>);

impl WireSet for Sparse {
    fn of(wires: &[u32]) -> Self {
        Self(wires.into())
    }

    fn union(&self, other: &Self) -> Self {
        let mut list = SmallVec::with_capacity(self.0.len() + other.0.len());
        crate::tree::merge_wires(&self.0, &other.0, |wire, _| list.push(wire));
        Self(list)
    }

    fn for_common(&self, other: &Self, mut visit: impl FnMut(u32)) {
        crate::tree::merge_wires(&self.0, &other.0, |wire, on| {
            if on == 2 {
                visit(wire);
            }
        });
    }

    fn remove(&mut self, wire: u32) {
        if let Ok(at) = self.0.binary_search(&wire) {
            self.0.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<S: WireSet + PartialEq + std::fmt::Debug>() {
        let (a, b) = (S::of(&[0, 5, 63, 64, 200]), S::of(&[5, 64, 199]));
        let mut common = Vec::new();
        a.for_common(&b, |wire| common.push(wire));
        assert_eq!(common, [5, 64]);
        let mut all = a.union(&b);
        assert_eq!(all, S::of(&[0, 5, 63, 64, 199, 200]));
        all.remove(64);
        all.remove(7);
        assert_eq!(all, S::of(&[0, 5, 63, 199, 200]));
    }

    #[test]
    fn both_kinds_agree() {
        check::<Blocks<4>>();
        check::<Sparse>();
        assert_eq!(Blocks::<4>::LIMIT, 256);
    }
}
