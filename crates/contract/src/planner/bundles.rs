//! A small network for exact search: wires on the same tensors as one.

use std::collections::HashMap;

/// Most tensors an exact search takes, one bit each.
pub(crate) const MOST_TENSORS: usize = 64;

/// A set of tensors.
pub(crate) type Mask = u64;

/// Tensors over bundles: all wires with the same ends form one bundle, whose
/// dimension is their product.
pub(crate) struct Bundles {
    /// Bundles of each tensor, ascending.
    pub(crate) tensors: Vec<Vec<u32>>,
    pub(crate) dims: Vec<f64>,
    /// Tensors that have the bundle.
    pub(crate) holders: Vec<Mask>,
    /// Whether someone outside (the output, another part) needs it.
    pub(crate) open: Vec<bool>,
}

impl Bundles {
    /// Bundles the wires of up to 64 tensors. `dim` gives the length of a wire
    /// and `open` whether it is needed outside. Wires that are on one tensor only
    /// and not open must have been taken away.
    pub(crate) fn new<'w>(
        tensors: impl ExactSizeIterator<Item = &'w [u32]>,
        dim: impl Fn(u32) -> u64,
        open: impl Fn(u32) -> bool,
    ) -> Self {
        let count = tensors.len();
        debug_assert!(count <= MOST_TENSORS);
        let mut ends: Vec<(u32, Mask)> = Vec::new();
        for (tensor, wires) in tensors.enumerate() {
            ends.extend(wires.iter().map(|&wire| (wire, 1 << tensor)));
        }
        ends.sort_unstable();
        let mut bundles = Self {
            tensors: vec![Vec::new(); count],
            dims: Vec::new(),
            holders: Vec::new(),
            open: Vec::new(),
        };
        let mut known = Known::new(ends.len());
        let mut at = 0;
        while at < ends.len() {
            let wire = ends[at].0;
            let mut holders = 0;
            while at < ends.len() && ends[at].0 == wire {
                holders |= ends[at].1;
                at += 1;
            }
            // An empty wire costs nothing whatever the order.
            let length = dim(wire).max(1) as f64;
            let open = open(wire);
            match known.find(&bundles, holders, open) {
                Some(bundle) => bundles.dims[bundle] *= length,
                None => {
                    known.insert(holders, open, bundles.dims.len());
                    bundles.push(holders, open, length);
                }
            }
        }
        bundles
    }

    fn push(&mut self, holders: Mask, open: bool, dim: f64) {
        let bundle = self.dims.len() as u32;
        let mut left = holders;
        while left != 0 {
            self.tensors[left.trailing_zeros() as usize].push(bundle);
            left &= left - 1;
        }
        self.dims.push(dim);
        self.holders.push(holders);
        self.open.push(open);
    }

    /// Tensors that share a bundle with each tensor.
    pub(crate) fn neighbours(&self) -> Vec<Mask> {
        let ends = |(tensor, list): (usize, &Vec<u32>)| {
            let all = list.iter().fold(0, |m, &b| m | self.holders[b as usize]);
            all & !(1 << tensor)
        };
        self.tensors.iter().enumerate().map(ends).collect()
    }
}

/// Finds the bundle of a set of ends; by a table only if they may be many.
struct Known {
    table: Option<HashMap<(Mask, bool), usize>>,
}

/// Up to this many ends of wires comparing is faster than a table.
const FEW_ENDS: usize = 64;

impl Known {
    fn new(ends: usize) -> Self {
        Self {
            table: (ends > FEW_ENDS).then(HashMap::new),
        }
    }

    fn find(&self, bundles: &Bundles, holders: Mask, open: bool) -> Option<usize> {
        if let Some(table) = &self.table {
            return table.get(&(holders, open)).copied();
        }
        let same = |b: &usize| bundles.holders[*b] == holders && bundles.open[*b] == open;
        (0..bundles.dims.len()).find(same)
    }

    fn insert(&mut self, holders: Mask, open: bool, bundle: usize) {
        if let Some(table) = &mut self.table {
            table.insert((holders, open), bundle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wires_with_the_same_ends_are_one() {
        let tensors: [&[u32]; 3] = [&[0, 1, 2, 5], &[0, 1, 3], &[2, 3, 4]];
        let bundles = Bundles::new(tensors.into_iter(), |w| u64::from(w) + 2, |w| w > 3);
        assert_eq!(bundles.dims, [6.0, 4.0, 5.0, 6.0, 7.0]);
        assert_eq!(bundles.holders, [0b011, 0b101, 0b110, 0b100, 0b001]);
        assert_eq!(bundles.open, [false, false, false, true, true]);
        assert_eq!(bundles.tensors, [vec![0, 1, 4], vec![0, 2], vec![1, 2, 3]]);
        assert_eq!(bundles.neighbours(), [0b110, 0b101, 0b011]);
    }
}
