//! A basis of the equivariant maps made of small bilabelled graphs.

use std::collections::HashSet;

use super::{BilabelledGraph, Graph, TupleOrbits, automorphisms};
use crate::{Error, Result};

/// The modulus of the rank computations: a prime near 2⁶¹. Entries are counts
/// reduced by it, so a rank found is at most the true one, and less only if the
/// prime divides a determinant of counts.
const PRIME: u128 = (1 << 61) - 1;
/// Most vertices of the graphs searched: all graphs on them are listed.
const MOST_NODES: usize = 5;

/// Bilabelled graphs with independent matrices.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BilabelledBasis {
    /// The graphs kept, in the order they were met.
    pub graphs: Vec<BilabelledGraph>,
    /// Rank of the graphs of at most 1, 2, … vertices.
    pub ranks: Vec<usize>,
    /// The dimension of the space of equivariant maps.
    pub dimension: usize,
}

impl BilabelledBasis {
    /// Whether the graphs span every equivariant map.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.graphs.len() == self.dimension
    }
}

/// Searches bilabelled graphs with k bottom and l top labels by number of
/// vertices, then of edges, up to isomorphism, and keeps those whose matrices
/// over `graph` are independent of the ones before; stops when they span all
/// maps that commute with its automorphisms, or after `most_nodes` vertices.
///
/// Cost: 2^(v(v−1)/2)·v^(k+l) graphs for v vertices, each counted at one tuple
/// an orbit.
///
/// # Errors
/// [`Error::Argument`] for a graph with directions, colours or loops, and for
/// `most_nodes` beyond 5; as [`automorphisms`] and [`TupleOrbits::new`].
pub fn bilabelled_basis(
    graph: &Graph,
    k: usize,
    l: usize,
    most_nodes: usize,
) -> Result<BilabelledBasis> {
    let n = graph.n();
    let looped = (0..n).any(|v| graph.has_edge(v, v));
    if graph.is_directed() || !graph.is_plain() || looped {
        return Err(Error::Argument {
            name: "graph",
            problem: "the search is over graphs without directions, colours and loops".into(),
        });
    }
    if !(1..=MOST_NODES).contains(&most_nodes) {
        return Err(Error::Argument {
            name: "most_nodes",
            problem: format!("{most_nodes} is not from 1 to {MOST_NODES}"),
        });
    }
    let orbits = TupleOrbits::new(&automorphisms(graph)?, k + l)?;
    let tuples: Vec<Vec<usize>> = (0..orbits.count())
        .map(|r| orbits.representative(r))
        .collect();
    let mut echelon = Echelon::default();
    let mut basis = BilabelledBasis {
        graphs: vec![],
        ranks: vec![],
        dimension: orbits.count(),
    };
    for nodes in 1..=most_nodes {
        for candidate in candidates(nodes, k, l)? {
            let labels: Vec<usize> = candidate
                .top()
                .iter()
                .chain(candidate.bottom())
                .copied()
                .collect();
            let counts = tuples
                .iter()
                .map(|tuple| count(&candidate, &labels, graph, tuple))
                .collect();
            if echelon.insert(counts) {
                basis.graphs.push(candidate);
                if basis.is_complete() {
                    basis.ranks.push(basis.graphs.len());
                    return Ok(basis);
                }
            }
        }
        basis.ranks.push(basis.graphs.len());
    }
    Ok(basis)
}

/// All bilabelled graphs on so many vertices up to isomorphism, without
/// unlabelled vertices that no edge touches (those are a factor), by edges.
fn candidates(nodes: usize, k: usize, l: usize) -> Result<Vec<BilabelledGraph>> {
    let pairs: Vec<_> = (0..nodes)
        .flat_map(|a| (a + 1..nodes).map(move |b| (a, b)))
        .collect();
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for set in 0..1_u32 << pairs.len() {
        let edges: Vec<_> = (0..pairs.len())
            .filter(|&e| set >> e & 1 == 1)
            .map(|e| pairs[e])
            .collect();
        for code in 0..nodes.pow((k + l) as u32) {
            let labels: Vec<usize> = (0..k + l)
                .map(|place| code / nodes.pow(place as u32) % nodes)
                .collect();
            let touched =
                |v: usize| labels.contains(&v) || edges.iter().any(|&(a, b)| a == v || b == v);
            if !(0..nodes).all(touched) {
                continue;
            }
            let graph = BilabelledGraph::new(nodes, &edges, &labels[..l], &labels[l..])?;
            let graph = graph.canonical();
            if seen.insert(graph.clone()) {
                found.push(graph);
            }
        }
    }
    found.sort_by_key(|graph| graph.edges().len());
    Ok(found)
}

/// Number of homomorphisms that send the labels to a tuple, modulo the prime.
fn count(pattern: &BilabelledGraph, labels: &[usize], graph: &Graph, tuple: &[usize]) -> u64 {
    let mut images = vec![usize::MAX; pattern.nodes()];
    for (&label, &image) in labels.iter().zip(tuple) {
        if images[label] != usize::MAX && images[label] != image {
            return 0;
        }
        images[label] = image;
    }
    extend(pattern, graph, &mut images)
}

/// Homomorphisms that agree with the images set so far.
fn extend(pattern: &BilabelledGraph, graph: &Graph, images: &mut [usize]) -> u64 {
    let set = |v: usize| v != usize::MAX;
    let fits = pattern
        .edges()
        .iter()
        .all(|&(a, b)| !set(images[a]) || !set(images[b]) || graph.has_edge(images[a], images[b]));
    if !fits {
        return 0;
    }
    let Some(free) = images.iter().position(|&image| !set(image)) else {
        return 1;
    };
    let mut sum = 0_u128;
    for v in 0..graph.n() {
        images[free] = v;
        sum += u128::from(extend(pattern, graph, images));
    }
    images[free] = usize::MAX;
    (sum % PRIME) as u64
}

/// Rows in echelon form modulo the prime.
#[derive(Default)]
struct Echelon {
    /// (pivot column, row with a one there).
    rows: Vec<(usize, Vec<u64>)>,
}

impl Echelon {
    /// Adds a row if it is independent of those before.
    fn insert(&mut self, mut row: Vec<u64>) -> bool {
        for (pivot, known) in &self.rows {
            let factor = u128::from(row[*pivot]);
            if factor != 0 {
                for (entry, &other) in row.iter_mut().zip(known) {
                    let product = factor * u128::from(other) % PRIME;
                    *entry = ((u128::from(*entry) + PRIME - product) % PRIME) as u64;
                }
            }
        }
        let Some(pivot) = row.iter().position(|&entry| entry != 0) else {
            return false;
        };
        let inverse = power(u128::from(row[pivot]), PRIME - 2);
        for entry in &mut row {
            *entry = (u128::from(*entry) * inverse % PRIME) as u64;
        }
        self.rows.push((pivot, row));
        true
    }
}

fn power(base: u128, mut exponent: u128) -> u128 {
    let (mut result, mut square) = (1, base);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * square % PRIME;
        }
        square = square * square % PRIME;
        exponent >>= 1;
    }
    result
}
