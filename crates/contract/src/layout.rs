//! In which axis order an intermediate is stored.

use crate::pair::Wires;

/// Wires and strides of a tensor, axis by axis.
type Ordered<'t> = (&'t [u32], &'t [isize]);

/// The pair that will use an intermediate.
pub(crate) struct Consumer<'t> {
    /// Wires of the tensor it is paired with, ascending.
    pub other: &'t [u32],
    /// Its axis order if that is decided.
    pub other_order: Option<Ordered<'t>>,
    /// Wires of the result of that pair, ascending.
    pub result: &'t [u32],
    /// Its axis order if that is decided.
    pub result_order: Option<&'t [u32]>,
}

/// Matrices of at most this many elements count as small in a batch.
const SMALL_MATRIX: usize = 64;
/// From this length on SIMD across a batch pays.
const LONG_BATCH: usize = 32;
/// Free wires shorter than this give no whole vectors.
const SHORT_ROWS: usize = 8;

/// The axis order for the wires of `set`, made from `makers`.
///
/// Wires are grouped by what the consumer does with them: batch wires
/// outermost (innermost for a long batch of small matrices), then contracted
/// ones, then free ones, so that each group is one stride in the consumer.
/// Inside a group the order is that of the tensor it meets there if decided,
/// else that of the makers, which then write it without scattering.
pub(crate) fn arrange(
    set: &[u32],
    makers: [Ordered<'_>; 2],
    consumer: &Consumer<'_>,
    dim: impl Fn(u32) -> usize,
) -> Wires {
    let natural = descending(makers);
    let in_makers = |wire: u32| natural.iter().position(|&w| w == wire);
    let on = |sorted: &[u32], wire: u32| sorted.binary_search(&wire).is_ok();
    let other: Wires = consumer
        .other_order
        .map_or_else(Wires::new, |(wires, strides)| {
            descending([(wires, strides), (&[], &[])])
        });
    let rank = |known: &[u32], wire: u32| {
        (known.iter().position(|&w| w == wire)).or_else(|| in_makers(wire))
    };
    let mut groups = [Wires::new(), Wires::new(), Wires::new()];
    for &wire in set {
        let group = match (on(consumer.other, wire), on(consumer.result, wire)) {
            (true, true) => 0,
            (true, false) => 1,
            // Free, or (then of no matter) summed by itself.
            (false, _) => 2,
        };
        groups[group].push(wire);
    }
    groups[0].sort_by_key(|&w| rank(consumer.result_order.unwrap_or(&other), w));
    groups[1].sort_by_key(|&w| rank(&other, w));
    groups[2].sort_by_key(|&w| rank(consumer.result_order.unwrap_or(&[]), w));
    let size = |group: &Wires| {
        group
            .iter()
            .fold(1usize, |size, &w| size.saturating_mul(dim(w)))
    };
    let [batch, contracted, free] = [0, 1, 2].map(|g| size(&groups[g]));
    let order = if batch >= LONG_BATCH && contracted.saturating_mul(free) <= SMALL_MATRIX {
        [1, 2, 0]
    } else if free < SHORT_ROWS && contracted > free {
        [0, 2, 1]
    } else {
        [0, 1, 2]
    };
    order
        .iter()
        .flat_map(|&g| groups[g].iter().copied())
        .collect()
}

/// The wires of both tensors, each tensor's slowest first.
fn descending(tensors: [Ordered<'_>; 2]) -> Wires {
    let mut result = Wires::new();
    for (wires, strides) in tensors {
        let mut axes: Vec<usize> = (0..wires.len()).collect();
        axes.sort_by_key(|&axis| std::cmp::Reverse(strides[axis].unsigned_abs()));
        for axis in axes {
            if !result.contains(&wires[axis]) {
                result.push(wires[axis]);
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_follow_the_consumer() {
        // ab·bc → {a, c}, then with dc·a… : contracted c, free a.
        let consumer = Consumer {
            other: &[2, 3],
            other_order: Some((&[3, 2], &[5, 1])),
            result: &[0, 3],
            result_order: Some(&[3, 0]),
        };
        let makers: [Ordered<'_>; 2] = [(&[0, 1], &[4, 1]), (&[1, 2], &[6, 1])];
        assert_eq!(
            arrange(&[0, 2], makers, &consumer, |_| 10).as_slice(),
            [2, 0]
        );
        // A short free wire goes outside: the sum then runs along memory.
        let length = |w| if w == 0 { 2 } else { 10 };
        assert_eq!(
            arrange(&[0, 2], makers, &consumer, length).as_slice(),
            [0, 2]
        );
    }

    #[test]
    fn a_long_batch_of_small_matrices_goes_inside() {
        let consumer = Consumer {
            other: &[0, 1, 3],
            other_order: None,
            result: &[0, 2, 3],
            result_order: None,
        };
        let makers: [Ordered<'_>; 2] = [(&[0, 1], &[2, 1]), (&[0, 2], &[2, 1])];
        let length = |w| if w == 0 { 1000 } else { 2 };
        assert_eq!(
            arrange(&[0, 1, 2], makers, &consumer, length).as_slice(),
            [1, 2, 0]
        );
    }
}
