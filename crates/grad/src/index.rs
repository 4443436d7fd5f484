//! Gather and scatter along an axis, and sums of segments.

use std::sync::Arc;

use smallvec::smallvec;
use tensegrity_tensor::{Array, Axes, Element, Tensor, with_room};

use crate::map::checked_axes;
use crate::operation::{Call, Derivatives, Operation, Values};
use crate::shape::{linear_rules, same_type};
use crate::{Error, Result, Variable};

/// Slice `k` of the result is slice `indices[k]` of the operand.
#[derive(Clone)]
struct Gather {
    axis: usize,
    indices: Arc<[usize]>,
}

/// Slice `k` of the operand is added to slice `indices[k]` of the result.
#[derive(Clone)]
struct Scatter {
    axis: usize,
    indices: Arc<[usize]>,
    length: usize,
}

/// Elements before, along and behind an axis.
fn around(shape: &[usize], axis: usize) -> (usize, usize, usize) {
    let outer = shape[..axis].iter().product();
    let inner = shape[axis + 1..].iter().product();
    (outer, shape[axis], inner)
}

impl Gather {
    fn run<T: Element>(&self, x: &Tensor<T>) -> Result<Tensor<T>> {
        let (outer, length, inner) = around(x.shape(), self.axis);
        let mut shape: Axes = x.shape().into();
        shape[self.axis] = self.indices.len();
        let count = tensegrity_tensor::element_count(&shape)?;
        let mut data = with_room(count);
        for block in 0..outer {
            for &index in self.indices.iter() {
                let start = (block * length + index) * inner;
                data.extend_from_slice(&x.as_slice()[start..start + inner]);
            }
        }
        Ok(Tensor::from_vec(data, &shape)?)
    }
}

impl Scatter {
    fn run<T: Element>(&self, x: &Tensor<T>) -> Result<Tensor<T>> {
        let (outer, count, inner) = around(x.shape(), self.axis);
        let mut shape: Axes = x.shape().into();
        shape[self.axis] = self.length;
        let mut sums = Tensor::zeros(&shape)?;
        let target: &mut [T] = sums.as_mut_slice();
        for block in 0..outer {
            for (k, &index) in self.indices.iter().enumerate() {
                let to = (block * self.length + index) * inner;
                let from = (block * count + k) * inner;
                let source = &x.as_slice()[from..from + inner];
                for (sum, &value) in target[to..to + inner].iter_mut().zip(source) {
                    *sum = sum.add(value);
                }
            }
        }
        Ok(sums)
    }
}

impl Operation for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        Ok(smallvec![same_type!(inputs[0], x => self.run(x)?)])
    }

    linear_rules!(|self, call, g| {
        let scatter = Scatter {
            axis: self.axis,
            indices: Arc::clone(&self.indices),
            length: call.inputs[0].shape()[self.axis],
        };
        Variable::apply(scatter, std::slice::from_ref(g))
    });
}

impl Operation for Scatter {
    fn name(&self) -> &'static str {
        "scatter"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        Ok(smallvec![same_type!(inputs[0], x => self.run(x)?)])
    }

    linear_rules!(|self, _call, g| {
        let gather = Gather {
            axis: self.axis,
            indices: Arc::clone(&self.indices),
        };
        Variable::apply(gather, std::slice::from_ref(g))
    });
}

fn check_indices(
    operation: &'static str,
    indices: &[usize],
    axis: usize,
    length: usize,
) -> Result<()> {
    match indices.iter().find(|&&index| index >= length) {
        Some(&index) => Err(Error::Index {
            operation,
            what: "index",
            index,
            axis,
            length,
        }),
        None => Ok(()),
    }
}

impl Variable {
    /// Slice `k` of the result along `axis` is slice `indices[k]`; indices may
    /// repeat. The derivative is [`Variable::scatter_add`].
    ///
    /// # Errors
    /// [`Error::Axes`], [`Error::Index`].
    pub fn gather(&self, axis: usize, indices: impl Into<Arc<[usize]>>) -> Result<Variable> {
        checked_axes("gather", &[axis], self.ndim())?;
        let indices = indices.into();
        check_indices("gather", &indices, axis, self.shape()[axis])?;
        Variable::apply(Gather { axis, indices }, std::slice::from_ref(self))
    }

    /// Slice `k` along `axis` is added to slice `indices[k]` of a result that
    /// has `length` slices, in the order of `k`. Slices nothing is added to are
    /// zero.
    ///
    /// # Errors
    /// [`Error::Axes`], [`Error::Index`]; [`Error::Count`] unless there is an
    /// index for every slice.
    pub fn scatter_add(
        &self,
        axis: usize,
        indices: impl Into<Arc<[usize]>>,
        length: usize,
    ) -> Result<Variable> {
        checked_axes("scatter_add", &[axis], self.ndim())?;
        let indices = indices.into();
        if indices.len() != self.shape()[axis] {
            return Err(Error::Count {
                operation: "scatter_add",
                what: "indices",
                expected: self.shape()[axis],
                found: indices.len(),
            });
        }
        check_indices("scatter_add", &indices, axis, length)?;
        let scatter = Scatter {
            axis,
            indices,
            length,
        };
        Variable::apply(scatter, std::slice::from_ref(self))
    }

    /// Sums of the rows (slices of the first axis) that are in the same segment:
    /// row `k` is in segment `segments[k]` of `count`.
    ///
    /// # Errors
    /// As [`Variable::scatter_add`].
    pub fn segment_sum(&self, segments: impl Into<Arc<[usize]>>, count: usize) -> Result<Variable> {
        self.scatter_add(0, segments, count)
    }
}
