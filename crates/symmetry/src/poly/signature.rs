//! Which graphs a set of polynomials tells apart.

use std::collections::HashMap;

use super::PolynomialBank;
use crate::Result;
use crate::graph::Graph;
use tensegrity_tensor::Tensor;

/// How many pairs of graphs have equal signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Undistinguished {
    /// Pairs that are not told apart.
    pub pairs: usize,
    /// All pairs.
    pub of: usize,
}

/// Compares graphs by the multiset of the entries of all their pairs of
/// vertices: (same vertex or not, adjacency, values of the polynomials). A
/// network whose input is these features tells apart no fewer.
///
/// The values are exact counts, so equal signatures are equal.
///
/// # Errors
/// As [`PolynomialBank::count`]; an [`Error::Argument`](crate::Error::Argument) for a graph of directions
/// in a bank for symmetric matrices.
pub fn undistinguished_pairs(graphs: &[Graph], bank: &PolynomialBank) -> Result<Undistinguished> {
    let mut classes: HashMap<Vec<u64>, usize> = HashMap::new();
    for graph in graphs {
        *classes.entry(signature(graph, bank)?).or_default() += 1;
    }
    let pairs = |count: usize| count * count.saturating_sub(1) / 2;
    Ok(Undistinguished {
        pairs: classes.values().map(|&count| pairs(count)).sum(),
        of: pairs(graphs.len()),
    })
}

/// The sorted entries of all pairs, one after the other, as bits.
fn signature(graph: &Graph, bank: &PolynomialBank) -> Result<Vec<u64>> {
    let n = graph.n();
    let adjacency: Tensor<f64> = graph.adjacency();
    let features = bank.count(&adjacency.clone().reshaped(&[1, n, n])?)?;
    let values = features.as_slice();
    let mut entries: Vec<Vec<u64>> = (0..n * n)
        .map(|pair| {
            let mut entry = vec![u64::from(pair % (n + 1) == 0)];
            entry.push(adjacency.as_slice()[pair].to_bits());
            entry.extend(
                values[pair..]
                    .iter()
                    .step_by(n * n)
                    .map(|value| value.to_bits()),
            );
            entry
        })
        .collect();
    entries.sort_unstable();
    Ok(entries.concat())
}
