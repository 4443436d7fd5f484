//! Antisymmetrisation in the legs of a symbol, through exterior powers.
//!
//! What a Levi-Civita symbol sees of the axes on its bottom legs is their
//! antisymmetric part: one number a subset of 0..n, by a signed sum over the
//! orders of the subset. What it writes on its top legs is a signed number for
//! every order of the complement (the Hodge star). So n!/(n−b)! entries are
//! visited, never n^b.

use std::collections::HashMap;

use super::structure::{Class, Head, Role, Structure, interleaving};
use crate::diagram::sorting_sign;
use crate::listing::{permutations, subsets};
use crate::{Error, Result};

/// Signed entries between the axes a symbol takes and the axis it leaves.
#[derive(Clone, Debug)]
pub(crate) struct Symbol {
    /// Axes of the larger tensor it takes, in order.
    pub axes: Vec<usize>,
    /// Axes it leaves alone, in order; they come first in the smaller tensor.
    pub kept: Vec<usize>,
    /// Index along the smaller tensor's last axis, indices along `axes`, sign.
    pub entries: Vec<(usize, Vec<usize>, i8)>,
}

/// Most entries of a symbol's table.
const MAX_ENTRIES: usize = 1 << 24;

impl Symbol {
    pub(crate) fn new(structure: &Structure, n: usize, top: bool) -> Result<Self> {
        // The larger tensor has an axis for every block that is open or a leg.
        let axis = |block: &usize| {
            let carried = |role: &&Role| matches!(role, Role::Open | Role::Leg);
            structure.roles[..*block].iter().filter(carried).count()
        };
        let of = |role| -> Vec<usize> { structure.blocks_with(role).iter().map(axis).collect() };
        let (legs, open) = (of(Role::Leg), of(Role::Open));
        let class = structure.class(n, top);
        let work = crate::count::falling(n, open.len() + legs.len() + 1).unwrap_or(u128::MAX);
        if work > MAX_ENTRIES as u128 * n as u128 {
            return Err(Error::TooLarge {
                what: format!("the number of entries of a symbol for n = {n}"),
                count: work,
                limit: MAX_ENTRIES as u128,
                remedy: "use the group without symbols (S, O), or a smaller n",
            });
        }
        Ok(match (structure.head, class) {
            (
                Head::Jelly { capped },
                Class::Jelly {
                    open: d,
                    legs: bottom,
                },
            ) => {
                let capped = capped && !top;
                jelly(structure, n, top, capped, (d, bottom))
            }
            (_, Class::Free { legs: bottom, .. }) => free(legs, open, n, top, bottom),
            _ => Self {
                axes: vec![],
                kept: open,
                entries: vec![(0, vec![], 1)],
            },
        })
    }
}

fn free(legs: Vec<usize>, open: Vec<usize>, n: usize, top: bool, bottom: usize) -> Symbol {
    let orders = permutations(legs.len());
    let mut entries = Vec::new();
    for (number, below) in subsets(bottom, n).enumerate() {
        let above: Vec<usize> = (0..n).filter(|i| !below.contains(i)).collect();
        let arrangement = sorting_sign(&[&above[..], &below].concat());
        let (items, whole) = if top {
            (&above, arrangement)
        } else {
            (&below, 1)
        };
        for (order, sign) in &orders {
            let index = order.iter().map(|&i| items[i]).collect();
            entries.push((number, index, sign * whole));
        }
    }
    Symbol {
        axes: legs,
        kept: open,
        entries,
    }
}

/// The index space of a jellyfish class: different values of the open blocks
/// in lexicographic order, for each the subsets of what is left.
pub(crate) fn jelly_index(n: usize, open: usize, legs: usize) -> Vec<(Vec<usize>, Vec<usize>)> {
    fn injections(n: usize, open: usize, now: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
        if now.len() == open {
            found.push(now.clone());
            return;
        }
        for value in 0..n {
            if !now.contains(&value) {
                now.push(value);
                injections(n, open, now, found);
                now.pop();
            }
        }
    }
    let mut tuples = Vec::new();
    injections(n, open, &mut Vec::new(), &mut tuples);
    let mut found = Vec::new();
    for tuple in tuples {
        let left: Vec<usize> = (0..n).filter(|value| !tuple.contains(value)).collect();
        for subset in subsets(legs, left.len()) {
            found.push((tuple.clone(), subset.into_iter().map(|i| left[i]).collect()));
        }
    }
    found
}

/// Where an index of a jellyfish class comes from when its open blocks change places.
pub(crate) fn jelly_permutation(n: usize, open: usize, legs: usize, sigma: &[usize]) -> Vec<u32> {
    let index = jelly_index(n, open, legs);
    let place: HashMap<&(Vec<usize>, Vec<usize>), u32> = index
        .iter()
        .enumerate()
        .map(|(number, entry)| (entry, number as u32))
        .collect();
    index
        .iter()
        .map(|(values, subset)| {
            let mut source = vec![0; open];
            for (j, &position) in sigma.iter().enumerate() {
                source[position] = values[j];
            }
            place[&(source, subset.clone())]
        })
        .collect()
}

fn jelly(
    structure: &Structure,
    n: usize,
    top: bool,
    capped: bool,
    (d, bottom): (usize, usize),
) -> Symbol {
    let open = structure.blocks_with(Role::Open);
    let legs = structure.blocks_with(Role::Leg);
    let crossed = if top { interleaving(structure) } else { 1 };
    let mut entries = Vec::new();
    let orders = permutations(legs.len() + usize::from(capped));
    for (number, (values, below)) in jelly_index(n, d, bottom).into_iter().enumerate() {
        let above: Vec<usize> = (0..n)
            .filter(|i| !below.contains(i) && !values.contains(i))
            .collect();
        let arrangement = sorting_sign(&[&values[..], &above, &below].concat());
        let (items, whole) = if top {
            (&above, arrangement * crossed)
        } else {
            (&below, 1)
        };
        for (order, sign) in &orders {
            let mut index = vec![0; structure.roles.len()];
            for (&block, &value) in open.iter().zip(&values) {
                index[block] = value;
            }
            // If capped, the last item in order has no axis: it is summed over.
            for (&block, &i) in legs.iter().zip(order) {
                index[block] = items[i];
            }
            entries.push((number, index, sign * whole));
        }
    }
    Symbol {
        axes: (0..structure.roles.len()).collect(),
        kept: vec![],
        entries,
    }
}
