//! One polynomial: a multigraph with marked nodes.

use std::fmt;

use super::canonical::{canonical_order, renumbered};
use crate::{Error, Result};

/// What a polynomial gives for a graph of n vertices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Output {
    /// One number.
    Invariant,
    /// One number a vertex.
    Node,
    /// One number for every ordered pair of vertices.
    Edge,
}

/// The polynomial of a multigraph H with marked nodes:
///
/// P(X)\[marked\] = Σ over the other nodes of Π over edges (r, s) of X\[j_r, j_s\]
///
/// Edges are directed (X need not be symmetric), may repeat and may be loops.
/// The degree is the number of edges. Two marks on one node are written as one.
///
/// Text: edges, a semicolon, the marked nodes: `0-1 1-2 0-2; 0` counts the
/// closed walks of length three at every vertex of an undirected graph.
///
/// ```
/// use tensegrity_symmetry::poly::{Output, Polynomial};
/// let triangles: Polynomial = "0-1 1-2 0-2; 0".parse()?;
/// assert_eq!(triangles.output(), Output::Node);
/// assert_eq!(triangles.einsum(), "ab,bc,ac->a");
/// # Ok::<(), tensegrity_symmetry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Polynomial {
    nodes: usize,
    edges: Vec<(usize, usize)>,
    marked: Vec<usize>,
}

/// Most nodes: letters of an expression, bits of a set.
const MOST_NODES: usize = 52;

impl Polynomial {
    /// A polynomial on nodes 0, …, `nodes` − 1.
    ///
    /// # Errors
    /// [`Error::Argument`] for an end or mark that is no node, more than two
    /// marks, a node marked twice, and a node neither marked nor on an edge;
    /// [`Error::TooLarge`] for more than 52 nodes.
    pub fn new(nodes: usize, edges: &[(usize, usize)], marked: &[usize]) -> Result<Self> {
        if nodes > MOST_NODES {
            return Err(Error::TooLarge {
                what: "the number of nodes of a polynomial".into(),
                count: nodes as u128,
                limit: MOST_NODES as u128,
                remedy: "split it into factors",
            });
        }
        let wrong = |name, problem| Err(Error::Argument { name, problem });
        let mut touched = vec![false; nodes];
        for (name, v) in edges
            .iter()
            .flat_map(|&(a, b)| [("edges", a), ("edges", b)])
            .chain(marked.iter().map(|&v| ("marked", v)))
        {
            match touched.get_mut(v) {
                Some(touched) => *touched = true,
                None => return wrong(name, format!("there is no node {v} among {nodes}")),
            }
        }
        if marked.len() > 2 {
            return wrong(
                "marked",
                format!("{} nodes are marked; two is most", marked.len()),
            );
        }
        if marked.len() == 2 && marked[0] == marked[1] {
            return wrong(
                "marked",
                format!("node {} is marked twice; mark it once", marked[0]),
            );
        }
        if let Some(v) = touched.iter().position(|&touched| !touched) {
            return wrong(
                "edges",
                format!("node {v} is on no edge and not marked; leave it out"),
            );
        }
        Ok(Self {
            nodes,
            edges: edges.to_vec(),
            marked: marked.to_vec(),
        })
    }

    /// Number of nodes.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// Edges (r, s).
    #[must_use]
    pub fn edges(&self) -> &[(usize, usize)] {
        &self.edges
    }

    /// The marked nodes: none, one, or the row and the column of the result.
    #[must_use]
    pub fn marked(&self) -> &[usize] {
        &self.marked
    }

    /// Number of edges.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.edges.len()
    }

    /// What it gives.
    #[must_use]
    pub fn output(&self) -> Output {
        match self.marked.len() {
            0 => Output::Invariant,
            1 => Output::Node,
            _ => Output::Edge,
        }
    }

    /// Whether H is connected.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        let mut reached = 1_u64;
        for _ in 0..self.nodes {
            for &(a, b) in &self.edges {
                let both = 1 << a | 1 << b;
                if reached & both != 0 {
                    reached |= both;
                }
            }
        }
        reached.count_ones() as usize == self.nodes.max(1)
    }

    /// The expression that computes it from one copy of X an edge, and a vector
    /// of ones for each marked node no edge touches.
    #[must_use]
    pub fn einsum(&self) -> String {
        let letter = |v: usize| {
            char::from(if v < 26 {
                b'a' + v as u8
            } else {
                b'A' + (v - 26) as u8
            })
        };
        let mut operands: Vec<String> = self
            .edges
            .iter()
            .map(|&(a, b)| [letter(a), letter(b)].iter().collect())
            .collect();
        let alone = |v: usize| self.edges.iter().all(|&(a, b)| a != v && b != v);
        operands.extend(
            self.marked
                .iter()
                .filter(|&&v| alone(v))
                .map(|&v| letter(v).to_string()),
        );
        let output: String = self.marked.iter().map(|&v| letter(v)).collect();
        format!("{}->{output}", operands.join(","))
    }

    /// The same polynomial with canonical numbers: marked nodes first, equal
    /// for isomorphic H. With `symmetric`, edges have no direction.
    #[must_use]
    pub fn canonical(&self, symmetric: bool) -> Self {
        let mut colours = vec![2; self.nodes];
        self.marked
            .iter()
            .enumerate()
            .for_each(|(place, &v)| colours[v] = place as u32);
        let order = canonical_order(&colours, &self.edges, !symmetric);
        Self {
            nodes: self.nodes,
            edges: renumbered(&order, &self.edges, !symmetric),
            marked: (0..self.marked.len()).collect(),
        }
    }
}

impl fmt::Display for Polynomial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &(a, b) in &self.edges {
            write!(f, "{a}-{b} ")?;
        }
        // The blank before the semicolon of a polynomial with edges goes.
        let marks: Vec<String> = self.marked.iter().map(usize::to_string).collect();
        match (self.marked.is_empty(), self.edges.is_empty()) {
            (true, true) => f.write_str("1"),
            (true, false) => f.write_str(";"),
            (false, _) => write!(f, "; {}", marks.join(" ")),
        }
    }
}

impl std::str::FromStr for Polynomial {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |word: &str, problem: String| Error::Parse {
            what: "a polynomial",
            position: word.as_ptr() as usize - text.as_ptr() as usize,
            problem,
        };
        if text.trim() == "1" {
            return Self::new(0, &[], &[]);
        }
        let (left, right) = text.split_once(';').unwrap_or((text, &text[text.len()..]));
        let node = |word: &str| -> Result<usize> {
            let number = word.parse().ok().filter(|&v: &usize| v < MOST_NODES);
            number.ok_or_else(|| wrong(word, format!("`{word}` is no node; use 0 to 51")))
        };
        let mut edges = Vec::new();
        for word in left.split_whitespace() {
            let ends = word.split_once('-');
            let (a, b) =
                ends.ok_or_else(|| wrong(word, format!("`{word}` is no edge like 0-1")))?;
            edges.push((node(a)?, node(b)?));
        }
        let separators = |c: char| c.is_whitespace() || c == ',';
        let marked = right
            .split(separators)
            .filter(|word| !word.is_empty())
            .map(node)
            .collect::<Result<Vec<_>>>()?;
        let ends = edges.iter().flat_map(|&(a, b)| [a, b]);
        let nodes = ends
            .chain(marked.iter().copied())
            .max()
            .map_or(0, |v| v + 1);
        Self::new(nodes, &edges, &marked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_polynomial_come_back() {
        for text in ["1", "0-1 1-2 ; 0 2", "0-0 ;", "; 0", "; 0 1", "0-1 0-1 ; 1"] {
            let polynomial: Polynomial = text.parse().unwrap();
            assert_eq!(polynomial.to_string(), text);
        }
        for text in [
            "0-1 1",
            "0-x; 0",
            "0-1; 0 1 2",
            "0-1; 1 1",
            "0-2; 0",
            "0-99",
        ] {
            assert!(text.parse::<Polynomial>().is_err(), "{text}");
        }
        let lone: Polynomial = "0-1 ; 2".parse().unwrap();
        assert_eq!(lone.einsum(), "ab,c->c");
        assert!(!lone.is_connected());
    }

    #[test]
    fn isomorphic_polynomials_have_one_form() {
        let a: Polynomial = "0-1 1-2 2-3; 3".parse().unwrap();
        let b: Polynomial = "2-0 3-2 1-3; 0".parse().unwrap();
        assert_eq!(a.canonical(false), b.canonical(false));
        let c: Polynomial = "0-2 3-2 1-3; 0".parse().unwrap();
        assert_ne!(a.canonical(false), c.canonical(false));
        assert_eq!(a.canonical(true), c.canonical(true));
    }
}
