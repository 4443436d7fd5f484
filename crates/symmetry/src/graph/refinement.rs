//! Colour refinement: ordered partitions of the vertices, made equitable.

use super::Graph;

/// Neighbours of every vertex with a number for the kind of edge.
pub(super) struct Neighbours {
    start: Vec<usize>,
    /// (vertex, weight): the weight is a hash of direction and colour.
    list: Vec<(u32, u64)>,
}

impl Neighbours {
    pub(super) fn new(graph: &Graph) -> Self {
        let n = graph.n();
        let mut start = vec![0];
        let mut list = Vec::new();
        for i in 0..n {
            for j in 0..n {
                // What j sees of i: edges that arrive from i, and edges that leave to it.
                let (arrives, leaves) = (graph.edge_colour(i, j), graph.edge_colour(j, i));
                let mut weight = 0_u64;
                if arrives != 0 {
                    weight = weight.wrapping_add(mix(u64::from(arrives)));
                }
                if graph.is_directed() && leaves != 0 {
                    weight = weight.wrapping_add(mix(u64::from(leaves) | 1 << 40));
                }
                if arrives != 0 || (graph.is_directed() && leaves != 0) {
                    list.push((j as u32, weight));
                }
            }
            start.push(list.len());
        }
        Self { start, list }
    }

    fn of(&self, vertex: usize) -> &[(u32, u64)] {
        &self.list[self.start[vertex]..self.start[vertex + 1]]
    }
}

/// A bijection of 64-bit numbers that spreads them (the finaliser of SplitMix64).
pub(crate) fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30))
        .wrapping_add(0x9e37_79b9_7f4a_7c15)
        .wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The vertices in cells, the cells in an order that does not depend on the
/// numbering of the vertices.
#[derive(Clone)]
pub(super) struct Partition {
    /// Vertices, cell after cell.
    pub(super) order: Vec<u32>,
    place: Vec<u32>,
    /// First place of the cell of every vertex.
    cell: Vec<u32>,
    /// Length of the cell that starts at a place; zero inside cells.
    pub(super) length: Vec<u32>,
}

impl Partition {
    /// Cells are the classes of equal keys, in the order of the keys.
    pub(super) fn by_key(keys: &[u64]) -> Self {
        let n = keys.len();
        let mut order: Vec<u32> = (0..n as u32).collect();
        order.sort_by_key(|&v| keys[v as usize]);
        let mut partition = Self {
            place: vec![0; n],
            cell: vec![0; n],
            length: vec![0; n],
            order,
        };
        let mut start = 0;
        for place in 0..n {
            let v = partition.order[place] as usize;
            if keys[v] != keys[partition.order[start] as usize] {
                start = place;
            }
            partition.place[v] = place as u32;
            partition.cell[v] = start as u32;
            partition.length[start] += 1;
        }
        partition
    }

    /// Starts of the cells.
    pub(super) fn starts(&self) -> Vec<u32> {
        (0..self.length.len() as u32)
            .filter(|&s| self.length[s as usize] > 0)
            .collect()
    }

    /// Start of the first of the smallest cells of more than one vertex.
    pub(super) fn target(&self) -> Option<usize> {
        (0..self.length.len())
            .filter(|&s| self.length[s] > 1)
            .min_by_key(|&s| self.length[s])
    }

    /// Vertices of the cell that starts at `start`.
    pub(super) fn members(&self, start: usize) -> &[u32] {
        &self.order[start..start + self.length[start] as usize]
    }

    /// Makes `vertex` a cell of its own in front of the rest of its cell;
    /// the start of that cell is returned.
    pub(super) fn individualise(&mut self, vertex: usize) -> usize {
        let start = self.cell[vertex] as usize;
        let (place, first) = (self.place[vertex] as usize, self.order[start] as usize);
        self.order.swap(start, place);
        self.place[first] = place as u32;
        self.place[vertex] = start as u32;
        let length = self.length[start];
        if length > 1 {
            self.length[start] = 1;
            self.length[start + 1] = length - 1;
            for p in start + 1..start + length as usize {
                self.cell[self.order[p] as usize] = start as u32 + 1;
            }
        }
        start
    }

    /// Splits cells until all vertices of a cell see each cell alike, starting
    /// with the cells in `splitters`. Returns a number that is equal for
    /// partitions that an isomorphism takes to one another.
    ///
    /// Counts are compared through 64-bit hashes: a collision leaves a cell
    /// whole, which costs time later and nothing else.
    pub(super) fn refine(&mut self, neighbours: &Neighbours, splitters: &[u32]) -> u64 {
        let n = self.order.len();
        let mut queue: std::collections::VecDeque<u32> = splitters.iter().copied().collect();
        let mut queued = vec![false; n];
        splitters.iter().for_each(|&s| queued[s as usize] = true);
        let mut count = vec![0_u64; n];
        let mut trace = 0_u64;
        while let Some(splitter) = queue.pop_front() {
            queued[splitter as usize] = false;
            let mut touched: Vec<u32> = Vec::new();
            for &w in self.members(splitter as usize) {
                for &(v, weight) in neighbours.of(w as usize) {
                    if count[v as usize] == 0 {
                        touched.push(v);
                    }
                    count[v as usize] = count[v as usize].wrapping_add(weight);
                }
            }
            let mut cells: Vec<u32> = touched.iter().map(|&v| self.cell[v as usize]).collect();
            cells.sort_unstable();
            cells.dedup();
            for start in cells {
                trace = self.split(start as usize, &count, trace, &mut queue, &mut queued);
            }
            touched.iter().for_each(|&v| count[v as usize] = 0);
        }
        trace
    }

    /// Splits one cell by the counts of its vertices and queues the parts.
    fn split(
        &mut self,
        start: usize,
        count: &[u64],
        mut trace: u64,
        queue: &mut std::collections::VecDeque<u32>,
        queued: &mut [bool],
    ) -> u64 {
        let length = self.length[start] as usize;
        let cell = &mut self.order[start..start + length];
        cell.sort_unstable_by_key(|&v| count[v as usize]);
        let mut parts: Vec<(usize, usize)> = Vec::new();
        let mut first = 0;
        for place in 1..=length {
            if place == length || count[cell[place] as usize] != count[cell[first] as usize] {
                let key = count[cell[first] as usize];
                for word in [(start + first) as u64, (place - first) as u64, key] {
                    trace = mix(trace ^ word).wrapping_add(word);
                }
                parts.push((start + first, place - first));
                first = place;
            }
        }
        for &(from, length) in &parts {
            self.length[from] = length as u32;
            for place in from..from + length {
                let v = self.order[place] as usize;
                self.place[v] = place as u32;
                self.cell[v] = from as u32;
            }
        }
        if parts.len() > 1 {
            // Of a cell that has been a splitter all parts but one suffice.
            let largest = (0..parts.len()).rev().max_by_key(|&i| parts[i].1);
            let spared = if queued[start] { None } else { largest };
            for (i, &(from, _)) in parts.iter().enumerate() {
                if Some(i) != spared && !std::mem::replace(&mut queued[from], true) {
                    queue.push_back(from as u32);
                }
            }
        }
        trace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refined_partition_is_equitable() {
        // A tree: the cells are the classes of vertices that look alike.
        let edges = [(0, 1), (1, 2), (2, 3), (3, 4), (2, 5)];
        let graph = Graph::from_edges(6, &edges, false).unwrap();
        let neighbours = Neighbours::new(&graph);
        let mut partition = Partition::by_key(&[0; 6]);
        partition.refine(&neighbours, &[0]);
        let mut cells: Vec<Vec<u32>> = partition
            .starts()
            .iter()
            .map(|&s| {
                let mut members = partition.members(s as usize).to_vec();
                members.sort_unstable();
                members
            })
            .collect();
        cells.sort();
        assert_eq!(cells, [vec![0, 4], vec![1, 3], vec![2], vec![5]]);
    }

    #[test]
    fn the_trace_does_not_depend_on_names() {
        let edges = [(0, 1), (1, 2), (2, 0), (2, 3), (3, 4)];
        let names = [3, 0, 4, 1, 2];
        let renamed: Vec<_> = edges.iter().map(|&(i, j)| (names[i], names[j])).collect();
        let trace = |edges: &[(usize, usize)], vertex: usize| {
            let graph = Graph::from_edges(5, edges, false).unwrap();
            let neighbours = Neighbours::new(&graph);
            let mut partition = Partition::by_key(&[0; 5]);
            let first = partition.refine(&neighbours, &[0]);
            let start = partition.individualise(vertex) as u32;
            (first, partition.refine(&neighbours, &[start]))
        };
        for v in 0..5 {
            assert_eq!(trace(&edges, v), trace(&renamed, names[v]));
        }
        assert_ne!(trace(&edges, 0), trace(&edges, 4));
    }
}
