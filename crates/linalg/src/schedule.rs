//! Independent pieces of work of unequal size over the threads.

use tensegrity_tensor::parallel_map;

/// The results of `task` for every item, in order, the items of most `work`
/// begun first so that the last thread does not end on a large one.
///
/// A single item is computed where it is, so that its own products may spread.
pub(crate) fn largest_first<I: Sync, R: Send>(
    items: &[I],
    work: impl Fn(&I) -> usize,
    task: impl Fn(&I) -> R + Sync,
) -> Vec<R> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|&item| std::cmp::Reverse(work(&items[item])));
    let found = parallel_map(order.len(), |place| task(&items[order[place]]));
    let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
    for (&item, result) in order.iter().zip(found) {
        results[item] = Some(result);
    }
    results.into_iter().flatten().collect()
}
