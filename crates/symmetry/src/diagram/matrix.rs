//! The entries of a diagram's matrix, listed.

use tensegrity_tensor::Tensor;

use super::{Diagram, Family};
use crate::{Error, Group, Result};

/// Most elements of a dense matrix.
const MAX_DENSE: u128 = 1 << 31;

/// What is known while entries are listed block by block.
struct Walk<'a, F> {
    members: &'a [Vec<usize>],
    /// Place value of every vertex in the row or column number.
    steps: &'a [(usize, usize)],
    /// Blocks whose second vertex has the partner's index, with a sign.
    forms: &'a [bool],
    /// Blocks an earlier block of which must have another value.
    distinct: &'a [Vec<usize>],
    n: usize,
    values: Vec<usize>,
    visit: F,
}

impl<F: FnMut(&[usize], usize, usize, i8)> Walk<'_, F> {
    fn go(&mut self, block: usize, row: usize, column: usize, sign: i8) {
        if block == self.members.len() {
            (self.visit)(&self.values, row, column, sign);
            return;
        }
        for value in 0..self.n {
            if self.distinct[block]
                .iter()
                .any(|&other| self.values[other] == value)
            {
                continue;
            }
            self.values.push(value);
            let (mut r, mut c) = (row, column);
            for (position, &vertex) in self.members[block].iter().enumerate() {
                let flip = usize::from(self.forms[block] && position == 1);
                r += self.steps[vertex].0 * (value ^ flip);
                c += self.steps[vertex].1 * (value ^ flip);
            }
            let negative = self.forms[block] && value % 2 == 1;
            self.go(block + 1, r, c, if negative { -sign } else { sign });
            self.values.pop();
        }
    }
}

impl Diagram {
    /// Whether the block is a pair within a row, which is a form Ω for Sp.
    pub(crate) fn is_form(&self, vertices: &[usize], group: Group) -> bool {
        group == Group::Symplectic
            && vertices.len() == 2
            && (vertices[0] < self.outputs) == (vertices[1] < self.outputs)
    }

    /// Calls `visit(row, column, ±1)` for every non-zero entry of the matrix.
    ///
    /// Cost: one call an entry and n^blocks steps at most.
    ///
    /// # Errors
    /// As [`Diagram::check`].
    pub fn for_each_entry(
        &self,
        group: Group,
        n: usize,
        mut visit: impl FnMut(usize, usize, i8),
    ) -> Result<()> {
        self.check(group, n)?;
        let members = self.members();
        let (l, m) = (self.outputs, self.vertices());
        let place = |end: usize, vertex: usize| n.pow((end - 1 - vertex) as u32);
        let steps: Vec<(usize, usize)> = (0..m)
            .map(|v| {
                if v < l {
                    (place(l, v), 0)
                } else {
                    (0, place(m, v))
                }
            })
            .collect();
        let forms: Vec<bool> = members
            .iter()
            .map(|block| self.is_form(block, group))
            .collect();
        let distinct: Vec<Vec<usize>> = (0..members.len())
            .map(|block| match self.family {
                Family::Orbit => (0..block).collect(),
                _ => (self.heads.iter())
                    .filter(|head| head.contains(&(block as u8)))
                    .flat_map(|head| head.iter().map(|&other| other as usize))
                    .filter(|&other| other < block)
                    .collect(),
            })
            .collect();
        let heads = self.heads.clone();
        let visit = move |values: &[usize], row: usize, column: usize, sign: i8| {
            let mut sign = sign;
            for head in &heads {
                let mut legs: Vec<usize> = head.iter().map(|&b| values[b as usize]).collect();
                if legs.len() < n {
                    legs.extend((0..n).find(|value| !legs.contains(value)));
                }
                sign *= super::sorting_sign(&legs);
            }
            visit(row, column, sign);
        };
        let mut walk = Walk {
            members: &members,
            steps: &steps,
            forms: &forms,
            distinct: &distinct,
            n,
            values: Vec::new(),
            visit,
        };
        walk.go(0, 0, 0, 1);
        Ok(())
    }

    /// The dense matrix, n^l × n^k; for looking at and for tests.
    ///
    /// ```
    /// use tensegrity_symmetry::{Diagram, Group};
    /// let swap: Diagram = "01|10".parse()?;
    /// let matrix = swap.matrix(Group::Symmetric, 2)?;
    /// assert_eq!(matrix.as_slice()[4..8], [0.0, 0.0, 1.0, 0.0]);
    /// # Ok::<(), tensegrity_symmetry::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Diagram::check`]; [`Error::TooLarge`] beyond 2³¹ elements.
    pub fn matrix(&self, group: Group, n: usize) -> Result<Tensor<f64>> {
        self.check(group, n)?;
        let count = (n as u128)
            .checked_pow(self.vertices() as u32)
            .unwrap_or(u128::MAX);
        if count > MAX_DENSE {
            return Err(Error::TooLarge {
                what: format!("the number of elements of the matrix of {self} for n = {n}"),
                count,
                limit: MAX_DENSE,
                remedy: "apply the diagram instead",
            });
        }
        let shape = [n.pow(self.outputs as u32), n.pow(self.inputs as u32)];
        let mut matrix = Tensor::zeros(&shape)?;
        let elements = matrix.as_mut_slice();
        self.for_each_entry(group, n, |row, column, sign| {
            elements[row * shape[1] + column] += f64::from(sign);
        })?;
        Ok(matrix)
    }
}
