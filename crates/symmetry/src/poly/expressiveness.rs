//! Up to which degree models compute every polynomial.

use super::{ContractionBank, Family, Output, Polynomial, enumerate};
use crate::Result;

/// The connected simple graphs of one degree, and how many of their polynomials
/// two kinds of model cannot compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExpressivenessRow {
    /// Number of edges.
    pub degree: usize,
    /// What the polynomials give.
    pub output: Output,
    /// Number of polynomials.
    pub count: usize,
    /// Of them not computable with matrix products ([`ContractionBank::EDGE`]).
    pub beyond_edge_bank: usize,
    /// Of them not computable by message passing ([`ContractionBank::NODE`]).
    pub beyond_node_bank: usize,
}

/// The table for degrees 1 to `most`, the three outputs of each degree in turn.
///
/// # Errors
/// As [`enumerate`].
pub fn expressiveness(most: usize) -> Result<Vec<ExpressivenessRow>> {
    let mut rows = Vec::new();
    for degree in 1..=most {
        for output in [Output::Invariant, Output::Node, Output::Edge] {
            let list = enumerate(degree, output, Family::ConnectedSimple)?;
            let beyond = |bank: ContractionBank| -> Result<usize> {
                list.iter()
                    .try_fold(0, |sum, p| Ok(sum + usize::from(!bank.computes(p)?)))
            };
            rows.push(ExpressivenessRow {
                degree,
                output,
                count: list.len(),
                beyond_edge_bank: beyond(ContractionBank::EDGE)?,
                beyond_node_bank: beyond(ContractionBank::NODE)?,
            });
        }
    }
    Ok(rows)
}

/// The polynomials of connected simple graphs up to a degree that a model
/// cannot compute: the features to give it. Twelve for
/// [`ContractionBank::EDGE`] and degree 6.
///
/// Of the pair-valued ones, and of those with fewer marks, in the order of
/// degree, number of marks and canonical form.
///
/// # Errors
/// As [`enumerate`].
pub fn extra_polynomials(most: usize, bank: ContractionBank) -> Result<Vec<Polynomial>> {
    let mut extra = Vec::new();
    for degree in 1..=most {
        for output in [Output::Invariant, Output::Node, Output::Edge] {
            for polynomial in enumerate(degree, output, Family::ConnectedSimple)? {
                if !bank.computes(&polynomial)? {
                    extra.push(polynomial);
                }
            }
        }
    }
    Ok(extra)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_table() {
        // (count, beyond the edge bank, beyond the node bank) for degrees 3 to 6.
        let invariants = [(3, 0, 1), (5, 0, 2), (12, 0, 6), (30, 1, 19)];
        let nodes = [(5, 0, 1), (13, 0, 4), (37, 0, 17), (114, 1, 66)];
        let pairs = [(10, 0), (35, 0), (125, 1), (460, 9)];
        for row in expressiveness(6).unwrap() {
            let Some(place) = row.degree.checked_sub(3) else {
                continue;
            };
            let found = (row.count, row.beyond_edge_bank, row.beyond_node_bank);
            match row.output {
                Output::Invariant => assert_eq!(found, invariants[place]),
                Output::Node => assert_eq!(found, nodes[place]),
                Output::Edge => assert_eq!((found.0, found.1), pairs[place]),
            }
        }
    }

    #[test]
    fn the_twelve_features() {
        let published = [
            "0-1 0-2 0-3 1-2 2-3; 1 3",
            "0-1 0-2 0-3 1-2 1-3 2-3;",
            "0-1 0-2 0-3 1-2 1-3 2-3; 0",
            "0-1 0-2 0-3 1-2 1-3 2-3; 0 1",
            "0-1 1-2 1-3 1-4 2-3 2-4; 3 4",
            "0-1 1-3 1-4 2-3 2-4 3-4; 0 2",
            "0-1 1-3 1-4 2-3 2-4 3-4; 1 2",
            "0-1 1-3 1-4 2-3 2-4 3-4; 2 0",
            "0-1 1-3 1-4 2-3 2-4 3-4; 2 1",
            "0-1 0-3 0-4 1-2 2-3 3-4; 1 4",
            "0-1 0-3 0-4 1-2 2-3 3-4; 4 1",
            "0-2 0-3 0-4 1-2 1-3 1-4; 2 3",
        ];
        let mut published: Vec<Polynomial> = published
            .iter()
            .map(|text| text.parse::<Polynomial>().unwrap().canonical(true))
            .collect();
        let mut ours = extra_polynomials(6, ContractionBank::EDGE).unwrap();
        published.sort();
        ours.sort();
        assert_eq!(ours, published);
    }
}
