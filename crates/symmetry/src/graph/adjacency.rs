//! A graph with coloured vertices and edges.

use tensegrity_tensor::{Tensor, View};

use crate::{Error, Result};

/// Most vertices of a graph: its adjacency is a dense table of 32-bit colours.
const MOST_VERTICES: usize = 1 << 14;

/// A graph on vertices 0, …, n − 1, directed or not, loops allowed.
///
/// Every vertex has a colour (0 unless given) and every edge a colour of at
/// least 1; automorphisms keep both. Memory: 4·n² bytes.
///
/// ```
/// use tensegrity_symmetry::graph::Graph;
/// let path = Graph::from_edges(3, &[(0, 1), (1, 2)], false)?;
/// assert!(path.has_edge(1, 0) && !path.has_edge(0, 2));
/// assert_eq!(path.edge_count(), 2);
/// # Ok::<(), tensegrity_symmetry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    n: usize,
    directed: bool,
    vertex_colours: Vec<u32>,
    /// Colour of the edge (i, j) at i·n + j, zero where there is none.
    edge_colours: Vec<u32>,
}

impl Graph {
    /// A graph without edges.
    ///
    /// # Errors
    /// [`Error::Argument`] for no vertex, [`Error::TooLarge`] beyond 16 384.
    pub fn new(n: usize, directed: bool) -> Result<Self> {
        if n == 0 {
            return Err(Error::Argument {
                name: "n",
                problem: "a graph needs one vertex or more".into(),
            });
        }
        if n > MOST_VERTICES {
            return Err(Error::TooLarge {
                what: "the number of vertices".into(),
                count: n as u128,
                limit: MOST_VERTICES as u128,
                remedy: "split the graph into its components",
            });
        }
        Ok(Self {
            n,
            directed,
            vertex_colours: vec![0; n],
            edge_colours: vec![0; n * n],
        })
    }

    /// A graph from its edges; an edge may be named more than once.
    ///
    /// # Errors
    /// As [`Graph::new`]; [`Error::Argument`] for an end that is not a vertex.
    pub fn from_edges(n: usize, edges: &[(usize, usize)], directed: bool) -> Result<Self> {
        let coloured: Vec<_> = edges.iter().map(|&(i, j)| (i, j, 1)).collect();
        Self::from_coloured_edges(n, &coloured, directed)
    }

    /// A graph from edges (i, j, colour) with colours of at least 1.
    ///
    /// # Errors
    /// As [`Graph::from_edges`]; [`Error::Argument`] for a colour of zero and
    /// for an edge named with two colours.
    pub fn from_coloured_edges(
        n: usize,
        edges: &[(usize, usize, u32)],
        directed: bool,
    ) -> Result<Self> {
        let mut graph = Self::new(n, directed)?;
        for (place, &(i, j, colour)) in edges.iter().enumerate() {
            let wrong = |problem: String| Error::Argument {
                name: "edges",
                problem: format!("edge {place}, ({i}, {j}): {problem}"),
            };
            if i >= n || j >= n {
                let end = i.max(j);
                return Err(wrong(format!("there is no vertex {end} among {n}")));
            }
            if colour == 0 {
                return Err(wrong("colour 0 means no edge; count from 1".into()));
            }
            let known = graph.edge_colours[i * n + j];
            if known != 0 && known != colour {
                return Err(wrong(format!("it has colour {known} and colour {colour}")));
            }
            graph.edge_colours[i * n + j] = colour;
            if !directed {
                graph.edge_colours[j * n + i] = colour;
            }
        }
        Ok(graph)
    }

    /// A graph from its adjacency matrix `[n, n]` of whole numbers: zero is no
    /// edge, another number the colour. It is directed if the matrix is not
    /// symmetric.
    ///
    /// # Errors
    /// [`Error::Shape`] if it is not square; [`Error::Argument`] with the place
    /// of an entry that is not a whole number from 0 to 4 294 967 295.
    pub fn from_adjacency(matrix: &View<'_, f64>) -> Result<Self> {
        let shape = matrix.shape();
        if shape.len() != 2 || shape[0] != shape[1] {
            return Err(Error::Shape {
                what: "an adjacency matrix",
                found: shape.to_vec(),
                expected: "[n, n]".into(),
            });
        }
        let n = shape[0];
        let mut graph = Self::new(n, false)?;
        let dense = matrix.to_tensor();
        for (place, &value) in dense.as_slice().iter().enumerate() {
            if value.fract() != 0.0 || !(0.0..=f64::from(u32::MAX)).contains(&value) {
                return Err(Error::Argument {
                    name: "adjacency",
                    problem: format!(
                        "entry ({}, {}) is {value}; edge colours are whole numbers from 0 (no \
                         edge) to {}",
                        place / n,
                        place % n,
                        u32::MAX
                    ),
                });
            }
            graph.edge_colours[place] = value as u32;
        }
        graph.directed = (0..n).any(|i| {
            (0..i).any(|j| graph.edge_colours[i * n + j] != graph.edge_colours[j * n + i])
        });
        Ok(graph)
    }

    /// The cycle 0 – 1 – … – (n − 1) – 0 (an edge for n = 2, a vertex for n = 1).
    ///
    /// # Errors
    /// As [`Graph::new`].
    pub fn cycle(n: usize) -> Result<Self> {
        let edges: Vec<_> = (0..n).filter(|_| n > 1).map(|i| (i, (i + 1) % n)).collect();
        Self::from_edges(n, &edges, false)
    }

    /// The complete graph: every two vertices are joined.
    ///
    /// # Errors
    /// As [`Graph::new`].
    pub fn complete(n: usize) -> Result<Self> {
        let mut graph = Self::new(n, false)?;
        for i in 0..n {
            for j in (0..n).filter(|&j| j != i) {
                graph.edge_colours[i * n + j] = 1;
            }
        }
        Ok(graph)
    }

    /// The same graph with these colours of its vertices.
    ///
    /// # Errors
    /// [`Error::Argument`] unless there are n colours.
    pub fn with_vertex_colours(mut self, colours: &[u32]) -> Result<Self> {
        if colours.len() != self.n {
            return Err(Error::Argument {
                name: "vertex_colours",
                problem: format!("{} colours for {} vertices", colours.len(), self.n),
            });
        }
        self.vertex_colours = colours.to_vec();
        Ok(self)
    }

    /// Number of vertices.
    #[must_use]
    pub fn n(&self) -> usize {
        self.n
    }

    /// Whether edges have a direction.
    #[must_use]
    pub fn is_directed(&self) -> bool {
        self.directed
    }

    /// Colours of the vertices.
    #[must_use]
    pub fn vertex_colours(&self) -> &[u32] {
        &self.vertex_colours
    }

    /// Colour of the edge from `i` to `j`, zero if there is none.
    ///
    /// # Panics
    /// If `i` or `j` is not a vertex.
    #[must_use]
    pub fn edge_colour(&self, i: usize, j: usize) -> u32 {
        assert!(i < self.n && j < self.n, "no edge ({i}, {j})");
        self.edge_colours[i * self.n + j]
    }

    /// Whether there is an edge from `i` to `j`.
    ///
    /// # Panics
    /// If `i` or `j` is not a vertex.
    #[must_use]
    pub fn has_edge(&self, i: usize, j: usize) -> bool {
        self.edge_colour(i, j) != 0
    }

    /// The edges (i, j, colour) in row-major order, each undirected edge once
    /// with i ≤ j.
    pub fn edges(&self) -> impl Iterator<Item = (usize, usize, u32)> + '_ {
        (0..self.n).flat_map(move |i| {
            let from = if self.directed { 0 } else { i };
            (from..self.n).filter_map(move |j| {
                let colour = self.edge_colours[i * self.n + j];
                (colour != 0).then_some((i, j, colour))
            })
        })
    }

    /// Number of edges, undirected ones counted once.
    #[must_use]
    pub fn edge_count(&self) -> usize {
        self.edges().count()
    }

    /// Whether all vertices have one colour and all edges colour 1.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.vertex_colours
            .iter()
            .all(|&c| c == self.vertex_colours[0])
            && self.edge_colours.iter().all(|&c| c <= 1)
    }

    /// The adjacency matrix `[n, n]`: edge colours as numbers.
    #[must_use]
    pub fn adjacency(&self) -> Tensor<f64> {
        let data = self.edge_colours.iter().map(|&c| f64::from(c)).collect();
        Tensor::from_vec(data, &[self.n, self.n]).expect("n² entries")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_input_names_its_place() {
        let text = |error: Error| error.to_string();
        let bad = text(Graph::from_edges(3, &[(0, 1), (1, 3)], false).unwrap_err());
        assert!(
            bad.contains("edge 1, (1, 3)") && bad.contains("vertex 3"),
            "{bad}"
        );
        let bad = text(Graph::from_coloured_edges(2, &[(0, 1, 1), (1, 0, 2)], false).unwrap_err());
        assert!(bad.contains("colour 1 and colour 2"), "{bad}");
        let half = Tensor::from_vec(vec![0.0, 0.5, 0.5, 0.0], &[2, 2]).unwrap();
        let bad = text(Graph::from_adjacency(&half.view()).unwrap_err());
        assert!(bad.contains("entry (0, 1) is 0.5"), "{bad}");
        let nan = Tensor::from_vec(vec![f64::NAN], &[1, 1]).unwrap();
        assert!(Graph::from_adjacency(&nan.view()).is_err());
        assert!(Graph::new(0, false).is_err());
        assert!(matches!(
            Graph::new(1 << 20, false),
            Err(Error::TooLarge { .. })
        ));
    }

    #[test]
    fn an_adjacency_matrix_comes_back() {
        let graph = Graph::from_coloured_edges(3, &[(0, 1, 2), (2, 0, 1)], true).unwrap();
        let again = Graph::from_adjacency(&graph.adjacency().view()).unwrap();
        assert_eq!(graph, again);
        assert!(again.is_directed() && !again.is_plain());
        assert_eq!(Graph::cycle(2).unwrap(), Graph::complete(2).unwrap());
        assert_eq!(Graph::cycle(1).unwrap().edge_count(), 0);
    }
}
