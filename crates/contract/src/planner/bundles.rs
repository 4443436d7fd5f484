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
        let mut known = Known::new();
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

/// Finds the bundle of a set of ends; a table only once they are many.
struct Known {
    table: HashMap<(Mask, bool), usize>,
}

const LINEAR: usize = 24;

impl Known {
    fn new() -> Self {
        Self {
            table: HashMap::new(),
        }
    }

    fn find(&self, bundles: &Bundles, holders: Mask, open: bool) -> Option<usize> {
        if self.table.is_empty() {
            let same = |b: &usize| bundles.holders[*b] == holders && bundles.open[*b] == open;
            return (0..bundles.dims.len()).find(same);
        }
        self.table.get(&(holders, open)).copied()
    }

    /// `bundle` is about to be the number of a new one.
    fn insert(&mut self, holders: Mask, open: bool, bundle: usize) {
        if !self.table.is_empty() {
            self.table.insert((holders, open), bundle);
        } else if bundle >= LINEAR {
            // Entries before this one are found by rebuilding on first use.
            self.table.reserve(2 * LINEAR);
        }
    }
}
