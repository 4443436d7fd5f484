//! Automorphisms of a graph by individualisation and refinement.

use super::refinement::{Neighbours, Partition, mix};
use super::{Graph, Permutation, PermutationGroup};
use crate::{Error, Result};

/// Most refinements of one search: minutes, not hours.
const MOST_REFINEMENTS: u64 = 20_000_000;

/// The group of permutations that keep edges, their colours and the colours of
/// the vertices.
///
/// The partition of the vertices by colour is refined until equitable; a vertex
/// of the first smallest cell is individualised, and so on down to single
/// vertices. That path fixes a base; at each of its levels, from the last up,
/// one vertex of every orbit not yet joined to the base point is tried, and a
/// leaf under it with the adjacency of the first leaf is a generator. The order
/// is the product of the orbits of the base points.
///
/// Cost: for graphs that refinement takes apart about n²·(depth of the path);
/// exponential for graphs made to resist it.
///
/// ```
/// use tensegrity_symmetry::graph::{Graph, automorphisms};
/// let group = automorphisms(&Graph::cycle(5)?)?;
/// assert_eq!(group.order()?, 10);
/// # Ok::<(), tensegrity_symmetry::Error>(())
/// ```
///
/// # Errors
/// [`Error::TooLarge`] if the search needs more than 20 million refinements.
pub fn automorphisms(graph: &Graph) -> Result<PermutationGroup> {
    let n = graph.n();
    let neighbours = Neighbours::new(graph);
    let keys: Vec<u64> = (0..n)
        .map(|v| u64::from(graph.vertex_colours()[v]) << 32 | u64::from(graph.edge_colour(v, v)))
        .collect();
    let mut partition = Partition::by_key(&keys);
    let starts = partition.starts();
    partition.refine(&neighbours, &starts);

    let mut path = Vec::new();
    while let Some(target) = partition.target() {
        let point = partition
            .members(target)
            .iter()
            .copied()
            .min()
            .expect("a cell has members");
        let mut next = partition.clone();
        let start = next.individualise(point as usize) as u32;
        let trace = mix(next.refine(&neighbours, &[start]));
        let whole = std::mem::replace(&mut partition, next);
        path.push(Level {
            partition: whole,
            target,
            point: point as usize,
            trace,
        });
    }
    let mut search = Search {
        graph,
        neighbours: &neighbours,
        leaf: &partition.order,
        path: &path,
        refinements: 0,
    };

    let mut generators: Vec<Permutation> = Vec::new();
    let mut orbit_sizes = vec![1; path.len()];
    for (depth, level) in path.iter().enumerate().rev() {
        let mut orbits = Orbits::new(n);
        generators.iter().for_each(|g| orbits.join(g));
        let mut members: Vec<u32> = level.partition.members(level.target).to_vec();
        members.sort_unstable();
        // Roots of orbits that were tried and hold no image of the base point.
        let mut failed: Vec<usize> = Vec::new();
        for &w in &members {
            let w = w as usize;
            let root = orbits.root(w);
            let known = failed.iter().any(|&v| orbits.root(v) == root);
            if root == orbits.root(level.point) || known {
                continue;
            }
            match search.descend(depth, &level.partition, w)? {
                Some(generator) => {
                    orbits.join(&generator);
                    generators.push(generator);
                }
                None => failed.push(w),
            }
        }
        let root = orbits.root(level.point);
        orbit_sizes[depth] = (0..n).filter(|&v| orbits.root(v) == root).count();
    }
    let base = path.iter().map(|level| level.point).collect();
    Ok(PermutationGroup::with_chain(
        n,
        generators,
        base,
        orbit_sizes,
    ))
}

/// A level of the first path.
struct Level {
    partition: Partition,
    /// The cell a vertex of which is individualised.
    target: usize,
    point: usize,
    /// Of the refinement after individualising `point`.
    trace: u64,
}

struct Search<'a> {
    graph: &'a Graph,
    neighbours: &'a Neighbours,
    /// The vertices in the order of the first leaf.
    leaf: &'a [u32],
    path: &'a [Level],
    refinements: u64,
}

impl Search<'_> {
    /// An automorphism that fixes the base points before `depth` and sends the
    /// one at `depth` to `vertex`, if there is one.
    fn descend(
        &mut self,
        depth: usize,
        partition: &Partition,
        vertex: usize,
    ) -> Result<Option<Permutation>> {
        self.refinements += 1;
        if self.refinements > MOST_REFINEMENTS {
            return Err(Error::TooLarge {
                what: "the number of refinements in the search for automorphisms".into(),
                count: u128::from(self.refinements),
                limit: u128::from(MOST_REFINEMENTS),
                remedy: "give generators of the group instead",
            });
        }
        let mut next = partition.clone();
        let start = next.individualise(vertex) as u32;
        if mix(next.refine(self.neighbours, &[start])) != self.path[depth].trace {
            return Ok(None);
        }
        let Some(below) = self.path.get(depth + 1) else {
            return Ok(self.automorphism(&next.order));
        };
        if next.length != below.partition.length {
            return Ok(None);
        }
        let mut members: Vec<u32> = next.members(below.target).to_vec();
        members.sort_unstable();
        for w in members {
            if let Some(found) = self.descend(depth + 1, &next, w as usize)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The map from the first leaf to this one, if it is an automorphism.
    fn automorphism(&self, leaf: &[u32]) -> Option<Permutation> {
        let n = self.graph.n();
        let mut images = vec![0; n];
        for (&from, &to) in self.leaf.iter().zip(leaf) {
            images[from as usize] = to as usize;
        }
        is_automorphism(self.graph, &images)
            .then(|| Permutation::from_images(&images).expect("leaves list every vertex once"))
    }
}

/// Whether the map keeps all colours of vertices and edges.
fn is_automorphism(graph: &Graph, images: &[usize]) -> bool {
    let n = graph.n();
    let colours = graph.vertex_colours();
    (0..n).all(|i| {
        colours[i] == colours[images[i]]
            && (0..n).all(|j| graph.edge_colour(i, j) == graph.edge_colour(images[i], images[j]))
    })
}

/// Orbits of the generators so far on vertices, as a forest.
struct Orbits {
    parent: Vec<usize>,
}

impl Orbits {
    fn new(n: usize) -> Self {
        Self {
            parent: (0..n).collect(),
        }
    }

    fn root(&mut self, mut v: usize) -> usize {
        while self.parent[v] != v {
            self.parent[v] = self.parent[self.parent[v]];
            v = self.parent[v];
        }
        v
    }

    fn join(&mut self, generator: &Permutation) {
        for v in 0..self.parent.len() {
            let (a, b) = (self.root(v), self.root(generator.image(v)));
            self.parent[a.max(b)] = a.min(b);
        }
    }
}
