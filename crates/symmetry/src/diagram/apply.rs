//! One diagram times a tensor, without its matrix (Pearce-Crump, arXiv:2304.14165).

use tensegrity_linalg::Field;
use tensegrity_tensor::{Array, DType, Tensor, parallel_map};

use super::{Diagram, Kind};
use crate::row::chain::Chain;
use crate::{Error, Group, Result};

/// Elements of a piece of a batch.
const PIECE: usize = 1 << 16;

impl Diagram {
    /// The diagram applied to the last k axes of `x`, which have length `n`;
    /// axes before them are a batch. The result has l axes in their place.
    ///
    /// Blocks of the input row are read as diagonals through strides, sums and
    /// traces go from there, symbols through exterior powers; what passes to
    /// the output row is written on diagonals. Cost for a sample: n^b reads,
    /// where b is the number of blocks in the input row (a pair within a
    /// symplectic row counts once), n^t writes for t blocks of the output row;
    /// a symbol visits n!/(n − s)! entries for its s legs in a row.
    ///
    /// `f32` and `f64`; integers are promoted.
    ///
    /// ```
    /// use tensegrity_symmetry::{Diagram, Group};
    /// use tensegrity_tensor::Tensor;
    /// let cross: Diagram = "2->1 [0 1 2]".parse()?;
    /// let outer = Tensor::from_fn(&[3, 3], |i| f64::from(u8::from(i == [0, 1])))?;
    /// let z = cross.apply(&outer.into(), Group::SpecialOrthogonal, 3)?;
    /// assert_eq!(z.typed::<f64>()?.as_slice(), [0.0, 0.0, 1.0]); // e₁ × e₂
    /// # Ok::<(), tensegrity_symmetry::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Diagram::check`]; [`Error::Shape`] if the last axes are not k of
    /// length `n`; [`Error::ElementType`] for complex arrays.
    pub fn apply(&self, x: &Array, group: Group, n: usize) -> Result<Array> {
        self.check(group, n)?;
        let shape = x.shape();
        let first = shape.len().checked_sub(self.inputs);
        let Some(first) = first.filter(|&first| shape[first..].iter().all(|&d| d == n)) else {
            return Err(Error::Shape {
                what: "x",
                found: shape.to_vec(),
                expected: format!("[..., {} axes of length {n}]", self.inputs),
            });
        };
        match x {
            Array::F32(x) => Ok(self.apply_typed(x, group, n, first)?.into()),
            Array::F64(x) => Ok(self.apply_typed(x, group, n, first)?.into()),
            Array::I64(x) => Ok(self
                .apply_typed(&x.map(|x| x as f64), group, n, first)?
                .into()),
            _ => Err(Error::ElementType {
                what: "x",
                found: x.dtype(),
                expected: DType::F64,
            }),
        }
    }

    fn apply_typed<T: Field>(
        &self,
        x: &Tensor<T>,
        group: Group,
        n: usize,
        first: usize,
    ) -> Result<Tensor<T>> {
        let mut shape = x.shape()[..first].to_vec();
        let batch: usize = shape.iter().product();
        shape.extend(vec![n; self.outputs]);
        tensegrity_tensor::element_count(&shape)?;
        if self.kind() == Kind::Orbit {
            let mut sum = Tensor::<T>::zeros(&shape)?;
            for (diagram, coefficient) in self.orbit_in_diagrams()? {
                let part = diagram.apply_typed(x, group, n, first)?;
                let factor = T::from_f64(coefficient as f64, 0.0);
                let pairs = sum.as_mut_slice().iter_mut().zip(part.as_slice());
                pairs.for_each(|(sum, &x)| *sum = sum.add(x.mul(factor)));
            }
            return Ok(sum);
        }
        if self.heads.len() > 1 {
            return Err(Error::Argument {
                name: "diagram",
                problem: format!("{self} has several symbols; use contract, or expand them"),
            });
        }
        let chain = Chain::new(std::slice::from_ref(self), &[(group, n)])?;
        let (step, step_out) = chain.sizes();
        let size = (PIECE / step.max(step_out).max(1)).clamp(1, batch.max(1));
        let parts = parallel_map(batch.div_ceil(size), |piece| {
            let count = size.min(batch - piece * size);
            let mut y = vec![T::ZERO; count * step_out];
            let part = &x.as_slice()[piece * size * step..][..count * step];
            chain.forward(part, count, &mut y);
            y
        });
        Ok(Tensor::from_vec(parts.concat(), &shape)?)
    }
}
