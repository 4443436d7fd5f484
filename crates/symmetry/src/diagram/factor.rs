//! Permutation · planar · permutation (Pearce-Crump, arXiv:2304.14165).

use super::{Diagram, canonical, sorting_sign};

/// A diagram as σ_l ∘ planar ∘ σ_k: the matrix of the diagram is `sign` times
/// the product of the three matrices.
///
/// In the planar diagram blocks do not cross and stand in the order: within one
/// row of the output, symbol (top legs), through both rows; below, through
/// both rows, symbol (bottom legs), within the input row with the smallest
/// first, so that a product from the right contracts the largest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factored {
    /// Axis `j` of the output is axis `outputs[j]` of the planar diagram's output.
    pub outputs: Vec<usize>,
    /// The planar diagram in the middle.
    pub planar: Diagram,
    /// Axis `j` of the planar diagram's input is axis `inputs[j]` of the input.
    pub inputs: Vec<usize>,
    /// −1 if legs of symbols change order by an odd permutation, else +1.
    pub sign: i8,
}

impl Diagram {
    /// Factors the diagram into permutation, planar diagram, permutation.
    ///
    /// Blocks that cross the rows keep the order of their lower parts; each
    /// kind of block is grouped, and symbols keep the order of their legs.
    ///
    /// It holds for every group: pairs within a row keep their order, so forms
    /// Ω keep their signs.
    #[must_use]
    pub fn factor(&self) -> Factored {
        let members = self.members();
        let l = self.outputs;
        let in_head = |block: usize| self.heads.iter().any(|head| head.contains(&(block as u8)));
        let top = |block: usize| members[block][0] < l;
        let bottom = |block: usize| members[block].last().is_some_and(|&v| v >= l);
        let pick = |condition: &dyn Fn(usize) -> bool| -> Vec<usize> {
            (0..members.len())
                .filter(|&block| condition(block))
                .collect()
        };
        let mut crossing = pick(&|b| top(b) && bottom(b));
        crossing.sort_by_key(|&b| members[b].iter().find(|&&v| v >= l).copied());
        let top_only = pick(&|b| !bottom(b) && !in_head(b));
        let top_head = pick(&|b| !bottom(b) && in_head(b));
        let bottom_head = pick(&|b| !top(b) && in_head(b));
        let mut bottom_only = pick(&|b| !top(b) && !in_head(b));
        bottom_only.sort_by_key(|&b| members[b].len());

        let part = |blocks: &[&[usize]], row: &dyn Fn(usize) -> bool| -> Vec<usize> {
            blocks
                .iter()
                .flat_map(|list| list.iter())
                .flat_map(|&b| members[b].iter().copied().filter(|&v| row(v)))
                .collect()
        };
        let upper = part(&[&top_only, &top_head, &crossing], &|v| v < l);
        let lower = part(&[&crossing, &bottom_head, &bottom_only], &|v| v >= l);
        let raw: Vec<u8> = upper.iter().chain(&lower).map(|&v| self.word[v]).collect();
        let (word, names) = canonical(&raw);
        let mut sign = 1;
        let mut heads: Vec<Vec<u8>> = self
            .heads
            .iter()
            .map(|head| {
                let mut legs: Vec<u8> = head.iter().map(|&b| names[b as usize]).collect();
                sign *= sorting_sign(&legs);
                legs.sort_unstable();
                legs
            })
            .collect();
        heads.sort();
        let mut outputs = vec![0; l];
        for (position, &vertex) in upper.iter().enumerate() {
            outputs[vertex] = position;
        }
        Factored {
            outputs,
            planar: Self {
                outputs: l,
                inputs: self.inputs,
                family: self.family,
                word,
                heads,
            },
            inputs: lower.into_iter().map(|v| v - l).collect(),
            sign,
        }
    }
}
