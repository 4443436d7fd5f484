//! Bilabelled graphs and their homomorphism matrices.

use std::fmt;

use tensegrity_tensor::{Tensor, View};

use super::Graph;
use crate::{Error, Result};

/// Letters of einsum expressions.
const LETTERS: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// A graph H with two rows of labels: l on top (output) and k at the bottom
/// (input), each a vertex of H, repeats allowed.
///
/// Its matrix over a graph G has n^l rows and n^k columns; the entry (I, J)
/// counts the homomorphisms H → G that send the top labels to I and the bottom
/// labels to J. These matrices span the maps that commute with Aut(G)
/// (arXiv:2307.07810), and the operations here become those of matrices:
/// [`compose`](Self::compose) the product, [`tensor`](Self::tensor) the
/// Kronecker product, [`transpose`](Self::transpose) the transpose.
///
/// Edges have no direction, and parallel ones count once: G is a graph without
/// directions and colours. Display writes `top|bottom : edges / vertices`.
///
/// ```
/// use tensegrity_symmetry::graph::{BilabelledGraph, Graph};
/// // One edge between the labels: the adjacency matrix; its square counts walks.
/// let edge = BilabelledGraph::new(2, &[(0, 1)], &[0], &[1])?;
/// let walks = edge.compose(&edge)?;
/// assert_eq!(walks.to_string(), "0|2 : 0-1 1-2 / 3");
/// let path = Graph::from_edges(3, &[(0, 1), (1, 2)], false)?;
/// assert_eq!(walks.matrix(&path)?.as_slice(), [1., 0., 1., 0., 2., 0., 1., 0., 1.]);
/// # Ok::<(), tensegrity_symmetry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BilabelledGraph {
    nodes: usize,
    edges: Vec<(usize, usize)>,
    top: Vec<usize>,
    bottom: Vec<usize>,
}

impl BilabelledGraph {
    /// A bilabelled graph on `nodes` vertices.
    ///
    /// # Errors
    /// [`Error::Argument`] for an edge or label that names no vertex.
    pub fn new(
        nodes: usize,
        edges: &[(usize, usize)],
        top: &[usize],
        bottom: &[usize],
    ) -> Result<Self> {
        let ends = edges
            .iter()
            .flat_map(|&(a, b)| [("edges", a), ("edges", b)]);
        let labels = top
            .iter()
            .map(|&v| ("top", v))
            .chain(bottom.iter().map(|&v| ("bottom", v)));
        if let Some((name, v)) = ends.chain(labels).find(|&(_, v)| v >= nodes) {
            let problem = format!("there is no vertex {v} among {nodes}");
            return Err(Error::Argument { name, problem });
        }
        let mut edges: Vec<_> = edges.iter().map(|&(a, b)| (a.min(b), a.max(b))).collect();
        edges.sort_unstable();
        edges.dedup();
        Ok(Self {
            nodes,
            edges,
            top: top.to_vec(),
            bottom: bottom.to_vec(),
        })
    }

    /// Number of vertices.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// Edges (a, b) with a ≤ b, in order.
    #[must_use]
    pub fn edges(&self) -> &[(usize, usize)] {
        &self.edges
    }

    /// Labels of the output row.
    #[must_use]
    pub fn top(&self) -> &[usize] {
        &self.top
    }

    /// Labels of the input row.
    #[must_use]
    pub fn bottom(&self) -> &[usize] {
        &self.bottom
    }

    /// Stacks `self` on `below`: the i-th bottom label of `self` and the i-th
    /// top label of `below` become one vertex. Nothing is removed, so the
    /// matrix is exactly the product of the two.
    ///
    /// # Errors
    /// [`Error::Shape`] if the rows that meet differ in length.
    pub fn compose(&self, below: &Self) -> Result<Self> {
        if self.bottom.len() != below.top.len() {
            return Err(Error::Shape {
                what: "the top row of the graph below",
                found: vec![below.top.len()],
                expected: format!("{} labels, as the bottom row above", self.bottom.len()),
            });
        }
        let total = self.nodes + below.nodes;
        let mut parent: Vec<usize> = (0..total).collect();
        fn root(parent: &[usize], mut v: usize) -> usize {
            while parent[v] != v {
                v = parent[v];
            }
            v
        }
        for (&a, &b) in self.bottom.iter().zip(&below.top) {
            let (a, b) = (root(&parent, a), root(&parent, self.nodes + b));
            parent[a.max(b)] = a.min(b);
        }
        let mut number = vec![0; total];
        let mut nodes = 0;
        for v in 0..total {
            let above = root(&parent, v);
            if above == v {
                number[v] = nodes;
                nodes += 1;
            } else {
                number[v] = number[above];
            }
        }
        let shifted = |v: &usize| number[self.nodes + v];
        let mut edges: Vec<_> = self
            .edges
            .iter()
            .map(|&(a, b)| (number[a], number[b]))
            .collect();
        edges.extend(below.edges.iter().map(|(a, b)| (shifted(a), shifted(b))));
        let top: Vec<_> = self.top.iter().map(|&v| number[v]).collect();
        let bottom: Vec<_> = below.bottom.iter().map(shifted).collect();
        Self::new(nodes, &edges, &top, &bottom)
    }

    /// Places `right` beside `self`.
    #[must_use]
    pub fn tensor(&self, right: &Self) -> Self {
        let moved = |v: &usize| self.nodes + v;
        let mut joined = self.clone();
        joined.nodes += right.nodes;
        joined
            .edges
            .extend(right.edges.iter().map(|(a, b)| (moved(a), moved(b))));
        joined.top.extend(right.top.iter().map(moved));
        joined.bottom.extend(right.bottom.iter().map(moved));
        joined
    }

    /// Swaps the rows.
    #[must_use]
    pub fn transpose(&self) -> Self {
        let mut swapped = self.clone();
        std::mem::swap(&mut swapped.top, &mut swapped.bottom);
        swapped
    }

    /// The expression that computes the matrix from one copy of the adjacency
    /// matrix an edge and a vector of ones for each vertex no edge touches; a
    /// label that repeats is written once, where it is met first.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for more than 52 vertices.
    pub fn einsum(&self) -> Result<String> {
        self.expression(&[], &distinct(self.top.iter().chain(&self.bottom)))
    }

    /// Operands `first`, then edges and ones; output over `out`.
    fn expression(&self, first: &[usize], out: &[usize]) -> Result<String> {
        if self.nodes > LETTERS.len() {
            return Err(Error::TooLarge {
                what: "the number of vertices of a bilabelled graph".into(),
                count: self.nodes as u128,
                limit: LETTERS.len() as u128,
                remedy: "split it into its components",
            });
        }
        let letters =
            |list: &[usize]| -> String { list.iter().map(|&v| char::from(LETTERS[v])).collect() };
        let mut operands: Vec<String> = Vec::new();
        if !first.is_empty() {
            operands.push(letters(first));
        }
        operands.extend(self.edges.iter().map(|&(a, b)| letters(&[a, b])));
        operands.extend(self.lone(first).into_iter().map(|v| letters(&[v])));
        Ok(format!("{}->{}", operands.join(","), letters(out)))
    }

    /// Vertices neither an edge nor the first operand touches.
    fn lone(&self, first: &[usize]) -> Vec<usize> {
        (0..self.nodes)
            .filter(|v| !first.contains(v) && self.edges.iter().all(|&(a, b)| a != *v && b != *v))
            .collect()
    }

    fn contract(
        &self,
        graph: &Graph,
        first: Option<(&Tensor<f64>, &[usize])>,
        out: &[usize],
    ) -> Result<Tensor<f64>> {
        if graph.is_directed() || !graph.is_plain() {
            return Err(Error::Argument {
                name: "graph",
                problem: "bilabelled graphs are counted in graphs without directions and colours"
                    .into(),
            });
        }
        let n = graph.n();
        let labels = first.map_or(&[][..], |(_, labels)| labels);
        let expression = self.expression(labels, out)?;
        let (adjacency, ones) = (graph.adjacency(), Tensor::full(&[n], 1.0)?);
        let mut operands: Vec<View<'_, f64>> = Vec::new();
        if let Some((tensor, _)) = first.filter(|(_, labels)| !labels.is_empty()) {
            operands.push(tensor.view());
        }
        operands.extend(self.edges.iter().map(|_| adjacency.view()));
        operands.extend(self.lone(labels).iter().map(|_| ones.view()));
        if operands.is_empty() {
            return Ok(Tensor::scalar(1.0));
        }
        Ok(tensegrity_contract::einsum_typed(&expression, &operands)?)
    }

    /// The matrix `[n, …, n]` over `graph`: l output axes, then k input axes.
    ///
    /// # Errors
    /// [`Error::Argument`] for a graph with directions or colours;
    /// [`Error::TooLarge`], and [`Error::Tensor`] if no memory holds it.
    pub fn matrix(&self, graph: &Graph) -> Result<Tensor<f64>> {
        let labels: Vec<usize> = self.top.iter().chain(&self.bottom).copied().collect();
        let open = distinct(&labels);
        let counts = self.contract(graph, None, &open)?;
        spread(&counts, &open, &labels, graph.n())
    }

    /// The matrix times x `[n, …, n]` (k axes): `[n, …, n]` (l axes). The
    /// matrix is not built: x joins the contraction of the adjacency matrices.
    ///
    /// # Errors
    /// As [`BilabelledGraph::matrix`]; [`Error::Shape`] for another x.
    pub fn apply(&self, graph: &Graph, x: &Tensor<f64>) -> Result<Tensor<f64>> {
        let n = graph.n();
        if x.shape() != vec![n; self.bottom.len()] {
            return Err(Error::Shape {
                what: "x",
                found: x.shape().to_vec(),
                expected: format!("{:?}", vec![n; self.bottom.len()]),
            });
        }
        // Repeated labels read a diagonal of x.
        let inputs = distinct(&self.bottom);
        let mut diagonal = x.view();
        let mut axes: Vec<usize> = self.bottom.clone();
        for &label in &inputs {
            let places: Vec<usize> = (0..axes.len()).filter(|&p| axes[p] == label).collect();
            if places.len() > 1 {
                diagonal = diagonal.diagonal(&places)?;
                let mut seen = false;
                axes.retain(|&a| a != label || !std::mem::replace(&mut seen, true));
            }
        }
        let diagonal = diagonal.to_tensor();
        let open = distinct(&self.top);
        let mut result = self.contract(graph, Some((&diagonal, &axes)), &open)?;
        if axes.is_empty() {
            // Without inputs x is a number.
            let factor = x.as_slice()[0];
            result = result.map(|y| y * factor);
        }
        spread(&result, &open, &self.top, n)
    }

    /// The least bilabelled graph with the vertices renumbered: equal for
    /// isomorphic ones.
    ///
    /// Cost: (number of vertices)! renumberings.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let mut best: Option<Self> = None;
        for_each_order(self.nodes, &mut |order| {
            let renamed = |v: &usize| order[*v];
            let mut edges: Vec<_> = self
                .edges
                .iter()
                .map(|(a, b)| (renamed(a).min(renamed(b)), renamed(a).max(renamed(b))))
                .collect();
            edges.sort_unstable();
            let candidate = Self {
                nodes: self.nodes,
                edges,
                top: self.top.iter().map(renamed).collect(),
                bottom: self.bottom.iter().map(renamed).collect(),
            };
            if best.as_ref().is_none_or(|best| candidate < *best) {
                best = Some(candidate);
            }
        });
        best.unwrap_or_else(|| self.clone())
    }
}

/// Calls `visit` with every order of 0, …, n − 1.
pub(super) fn for_each_order(n: usize, visit: &mut impl FnMut(&[usize])) {
    fn extend(order: &mut Vec<usize>, at: usize, visit: &mut impl FnMut(&[usize])) {
        if at == order.len() {
            return visit(order);
        }
        for i in at..order.len() {
            order.swap(at, i);
            extend(order, at + 1, visit);
            order.swap(at, i);
        }
    }
    extend(&mut (0..n).collect(), 0, visit);
}

/// The different labels, in the order they are met.
fn distinct<'a>(labels: impl IntoIterator<Item = &'a usize>) -> Vec<usize> {
    let mut found = Vec::new();
    for &label in labels {
        if !found.contains(&label) {
            found.push(label);
        }
    }
    found
}

/// Writes a tensor over the different labels onto the diagonals of one over all.
fn spread(x: &Tensor<f64>, open: &[usize], labels: &[usize], n: usize) -> Result<Tensor<f64>> {
    let mut spread = Tensor::zeros(&vec![n; labels.len()])?;
    // Stride of each open label in the result: the sum over its places.
    let mut strides = vec![0; open.len()];
    let mut stride = 1;
    for label in labels.iter().rev() {
        let place = open
            .iter()
            .position(|o| o == label)
            .expect("every label is open");
        strides[place] += stride;
        stride *= n;
    }
    let target: &mut [f64] = spread.as_mut_slice();
    for (flat, &value) in x.as_slice().iter().enumerate() {
        let mut rest = flat;
        let mut to = 0;
        for &stride in strides.iter().rev() {
            to += rest % n * stride;
            rest /= n;
        }
        target[to] = value;
    }
    Ok(spread)
}

impl fmt::Display for BilabelledGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |row: &[usize]| {
            row.iter()
                .map(usize::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        };
        write!(f, "{}|{} :", row(&self.top), row(&self.bottom))?;
        self.edges
            .iter()
            .try_for_each(|(a, b)| write!(f, " {a}-{b}"))?;
        write!(f, " / {}", self.nodes)
    }
}
