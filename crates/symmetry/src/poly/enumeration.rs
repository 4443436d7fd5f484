//! All polynomials of a degree, up to isomorphism.

use std::collections::BTreeSet;

use super::{Output, Polynomial};
use crate::{Error, Result};

/// Which multigraphs are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// Directed multigraphs with loops: a basis for any matrix X.
    General,
    /// Undirected multigraphs with loops: a basis for symmetric X.
    Symmetric,
    /// Connected graphs without loops and parallel edges: what is left for
    /// symmetric matrices of zeros and ones with an empty diagonal, whose other
    /// polynomials are products of these.
    ConnectedSimple,
}

/// Highest degree of the families: their lists have some ten thousand members.
const MOST_MULTIGRAPH: usize = 4;
const MOST_SIMPLE: usize = 7;

/// All polynomials of exactly this degree, in the order of their canonical
/// forms. `Edge` lists those with two different marked nodes, and, for the
/// families of multigraphs, those of one node too, whose values stand on the
/// diagonal.
///
/// ```
/// use tensegrity_symmetry::poly::{Family, Output, enumerate};
/// // The fifteen linear maps from matrices to matrices that permutations commute with.
/// assert_eq!(enumerate(1, Output::Edge, Family::General)?.len(), 15);
/// # Ok::<(), tensegrity_symmetry::Error>(())
/// ```
///
/// # Errors
/// [`Error::TooLarge`] beyond degree 4 (multigraphs) or 7 (connected graphs).
pub fn enumerate(degree: usize, output: Output, family: Family) -> Result<Vec<Polynomial>> {
    let limit = match family {
        Family::ConnectedSimple => MOST_SIMPLE,
        _ => MOST_MULTIGRAPH,
    };
    if degree > limit {
        return Err(Error::TooLarge {
            what: "the degree".into(),
            count: degree as u128,
            limit: limit as u128,
            remedy: "list lower degrees",
        });
    }
    match family {
        Family::ConnectedSimple => connected(degree, output),
        Family::General => multigraphs(degree, output, false),
        Family::Symmetric => multigraphs(degree, output, true),
    }
}

/// Multigraphs are the partitions of the ends of the edges and the marks into
/// nodes: restricted growth strings.
fn multigraphs(degree: usize, output: Output, symmetric: bool) -> Result<Vec<Polynomial>> {
    let marks = match output {
        Output::Invariant => 0,
        Output::Node => 1,
        Output::Edge => 2,
    };
    let mut found = BTreeSet::new();
    let mut string = vec![0; 2 * degree + marks];
    loop {
        let nodes = string.iter().max().map_or(0, |&most| most + 1);
        let edges: Vec<_> = (0..degree)
            .map(|e| (string[marks + 2 * e], string[marks + 2 * e + 1]))
            .collect();
        let mut marked = string[..marks].to_vec();
        marked.dedup();
        found.insert(Polynomial::new(nodes, &edges, &marked)?.canonical(symmetric));
        // The next string: raise the last entry that may grow.
        let grows = |at: usize, string: &[usize]| {
            at > 0 && string[at] <= string[..at].iter().copied().max().unwrap_or(0)
        };
        let Some(at) = (0..string.len()).rev().find(|&at| grows(at, &string)) else {
            break;
        };
        string[at] += 1;
        string[at + 1..].fill(0);
    }
    Ok(found.into_iter().collect())
}

/// Connected graphs grow by an edge at a time.
fn connected(degree: usize, output: Output) -> Result<Vec<Polynomial>> {
    let mut graphs = BTreeSet::new();
    if degree > 0 {
        graphs.insert(Polynomial::new(2, &[(0, 1)], &[])?);
    }
    for _ in 1..degree {
        let mut larger = BTreeSet::new();
        for graph in &graphs {
            for b in 1..=graph.nodes() {
                for a in (0..b).filter(|&a| !graph.edges().contains(&(a, b))) {
                    let mut edges = graph.edges().to_vec();
                    edges.push((a, b));
                    let nodes = graph.nodes().max(b + 1);
                    larger.insert(Polynomial::new(nodes, &edges, &[])?.canonical(true));
                }
            }
        }
        graphs = larger;
    }
    let mut found = BTreeSet::new();
    for graph in &graphs {
        let nodes = 0..graph.nodes();
        let marks: Vec<Vec<usize>> = match output {
            Output::Invariant => vec![vec![]],
            Output::Node => nodes.map(|a| vec![a]).collect(),
            Output::Edge => nodes
                .clone()
                .flat_map(|a| {
                    nodes
                        .clone()
                        .filter(move |&b| b != a)
                        .map(move |b| vec![a, b])
                })
                .collect(),
        };
        for marked in marks {
            found.insert(Polynomial::new(graph.nodes(), graph.edges(), &marked)?.canonical(true));
        }
    }
    Ok(found.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts of arXiv:2302.11556's basis, from an independent enumeration.
    #[test]
    fn numbers_of_polynomials() {
        let counts = |output, family, most: usize| -> Vec<usize> {
            (0..=most)
                .map(|d| enumerate(d, output, family).unwrap().len())
                .collect()
        };
        assert_eq!(
            counts(Output::Invariant, Family::General, 3),
            [1, 2, 11, 52]
        );
        assert_eq!(counts(Output::Node, Family::General, 3), [1, 5, 32, 199]);
        assert_eq!(counts(Output::Edge, Family::General, 3), [2, 15, 117, 877]);
        assert_eq!(
            counts(Output::Invariant, Family::Symmetric, 3),
            [1, 2, 7, 23]
        );
        assert_eq!(counts(Output::Node, Family::Symmetric, 3), [1, 4, 17, 69]);
        assert_eq!(counts(Output::Edge, Family::Symmetric, 2), [2, 11, 56]);
        assert!(enumerate(9, Output::Edge, Family::General).is_err());
    }
}
