//! Canonical numbering of small multigraphs with coloured nodes.

use crate::graph::mix;

/// Ends of edges.
type Edges = Vec<(usize, usize)>;

/// An order of the nodes (old number at each new place) that gives isomorphic
/// graphs equal edges: sorted by colour, then the least list of edges.
///
/// Nodes are told apart by a few rounds of colour refinement; what remains
/// alike is tried in every order.
pub(super) fn canonical_order(
    colours: &[u32],
    edges: &[(usize, usize)],
    directed: bool,
) -> Vec<usize> {
    let n = colours.len();
    let mut keys: Vec<u64> = colours.iter().map(|&c| mix(u64::from(c))).collect();
    for _ in 0..n.min(4) {
        let mut next: Vec<u64> = keys.iter().map(|&key| mix(key)).collect();
        for &(a, b) in edges {
            let (out, back) = if directed { (1, 2) } else { (1, 1) };
            next[a] = next[a].wrapping_add(mix(keys[b] ^ out));
            next[b] = next[b].wrapping_add(mix(keys[a] ^ back));
        }
        keys = next;
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|&v| (colours[v], keys[v]));
    let class = |v: usize| (colours[v], keys[v]);
    let mut best: Option<(Edges, Vec<usize>)> = None;
    let mut visit = |order: &[usize]| {
        let renamed = renumbered(order, edges, directed);
        if best.as_ref().is_none_or(|(least, _)| renamed < *least) {
            best = Some((renamed, order.to_vec()));
        }
    };
    permute(&mut order, 0, &class, &mut visit);
    best.map_or_else(Vec::new, |(_, order)| order)
}

/// Sorted edges after renumbering.
pub(super) fn renumbered(
    order: &[usize],
    edges: &[(usize, usize)],
    directed: bool,
) -> Vec<(usize, usize)> {
    let mut place = vec![0; order.len()];
    order
        .iter()
        .enumerate()
        .for_each(|(new, &old)| place[old] = new);
    let mut renamed: Vec<_> = edges
        .iter()
        .map(|&(a, b)| {
            let (a, b) = (place[a], place[b]);
            if directed {
                (a, b)
            } else {
                (a.min(b), a.max(b))
            }
        })
        .collect();
    renamed.sort_unstable();
    renamed
}

/// Visits the orders that permute nodes of one class among themselves.
fn permute(
    order: &mut Vec<usize>,
    at: usize,
    class: &impl Fn(usize) -> (u32, u64),
    visit: &mut impl FnMut(&[usize]),
) {
    if at == order.len() {
        return visit(order);
    }
    for i in at..order.len() {
        if class(order[i]) != class(order[at]) {
            break;
        }
        order.swap(at, i);
        permute(order, at + 1, class, visit);
        order.swap(at, i);
    }
}
