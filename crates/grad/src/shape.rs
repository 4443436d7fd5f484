//! Moving elements: reshape, permute, broadcast, crop, pad, concatenate, stack.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use smallvec::{SmallVec, smallvec};
use tensegrity_tensor::{Array, Axes, Element, Tensor, copy_into, element_count};

use crate::contraction::Kernel;
use crate::formula::Formula;
use crate::map::{Map, checked_axes};
use crate::operation::{Call, Derivatives, Operation, Values};
use crate::{Error, Result, Variable};

/// Runs an expression with `$tensor` bound to the typed tensor inside an array,
/// and wraps the tensor it gives.
macro_rules! same_type {
    ($array:expr, $tensor:ident => $body:expr) => {
        match $array {
            tensegrity_tensor::Array::F32($tensor) => tensegrity_tensor::Array::from($body),
            tensegrity_tensor::Array::F64($tensor) => tensegrity_tensor::Array::from($body),
            tensegrity_tensor::Array::C64($tensor) => tensegrity_tensor::Array::from($body),
            tensegrity_tensor::Array::C128($tensor) => tensegrity_tensor::Array::from($body),
            tensegrity_tensor::Array::I64($tensor) => tensegrity_tensor::Array::from($body),
            _ => unreachable!("every variant of Array is listed"),
        }
    };
}
pub(crate) use same_type;

/// The derivatives of a linear operation: itself, and its adjoint.
macro_rules! linear_rules {
    (|$self:ident, $call:ident, $g:ident| $adjoint:expr) => {
        fn vjp(
            &$self,
            $call: &Call<'_>,
            cotangents: &[Option<Variable>],
            _: &[bool],
        ) -> Result<Derivatives> {
            Ok(match &cotangents[0] {
                None => smallvec::smallvec![None],
                Some($g) => smallvec::smallvec![Some($adjoint?)],
            })
        }

        fn jvp(&$self, _: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
            Ok(match &tangents[0] {
                None => smallvec::smallvec![None],
                Some(t) => smallvec::smallvec![Some(Variable::apply($self.clone(), std::slice::from_ref(t))?)],
            })
        }
    };
}
pub(crate) use linear_rules;

#[derive(Clone)]
struct Reshape(Axes);

impl Operation for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        Ok(smallvec![
            same_type!(inputs[0], x => x.clone().reshaped(&self.0)?)
        ])
    }

    linear_rules!(|self, call, g| g.reshape(call.inputs[0].shape()));
}

/// The part of a tensor inside a range of every axis.
#[derive(Clone)]
struct Crop(SmallVec<[Range<usize>; 4]>);

impl Operation for Crop {
    fn name(&self) -> &'static str {
        "crop"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        Ok(smallvec![same_type!(inputs[0], x => {
            let mut view = x.view();
            for (axis, range) in self.0.iter().enumerate() {
                view = view.sliced(axis, range.clone())?;
            }
            view.to_tensor()
        })])
    }

    linear_rules!(|self, call, g| {
        let shape = call.inputs[0].shape();
        let widths: Vec<(usize, usize)> = (self.0.iter().zip(shape))
            .map(|(range, &length)| (range.start, length - range.end))
            .collect();
        g.pad(&widths)
    });
}

/// Zeros around a tensor: so many before and behind on every axis.
#[derive(Clone)]
struct Pad(SmallVec<[(usize, usize); 4]>);

impl Pad {
    fn run<T: Element>(&self, x: &Tensor<T>) -> Result<Tensor<T>> {
        let shape: Axes = (x.shape().iter().zip(&self.0))
            .map(|(&length, &(before, behind))| {
                length.saturating_add(before).saturating_add(behind)
            })
            .collect();
        let mut padded = Tensor::zeros(&shape)?;
        let mut target = padded.view_mut();
        for (axis, (&length, &(before, _))) in x.shape().iter().zip(&self.0).enumerate() {
            target = target.sliced(axis, before..before + length)?;
        }
        copy_into(&mut target, &x.view())?;
        Ok(padded)
    }
}

impl Operation for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        Ok(smallvec![same_type!(inputs[0], x => self.run(x)?)])
    }

    linear_rules!(|self, call, g| {
        let shape = call.inputs[0].shape();
        let ranges: Vec<Range<usize>> = (self.0.iter().zip(shape))
            .map(|(&(before, _), &length)| before..before + length)
            .collect();
        g.crop(&ranges)
    });
}

struct Concat {
    axis: usize,
}

impl Concat {
    fn run<T: Element>(&self, first: &Tensor<T>, inputs: &[&Array]) -> Result<Tensor<T>> {
        let mut shape: Axes = first.shape().into();
        shape[self.axis] = inputs.iter().map(|x| x.shape()[self.axis]).sum();
        let mut joined = Tensor::zeros(&shape)?;
        let mut start = 0;
        for &input in inputs {
            let x = input.typed::<T>()?;
            let end = start + x.shape()[self.axis];
            let mut target = joined.view_mut().sliced(self.axis, start..end)?;
            copy_into(&mut target, &x.view())?;
            start = end;
        }
        Ok(joined)
    }
}

impl Operation for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        Ok(smallvec![same_type!(inputs[0], x => self.run(x, inputs)?)])
    }

    fn vjp(
        &self,
        call: &Call<'_>,
        cotangents: &[Option<Variable>],
        wanted: &[bool],
    ) -> Result<Derivatives> {
        let mut start = 0;
        let part = |(input, &wanted): (&Variable, &bool)| {
            let range = start..start + input.shape()[self.axis];
            start = range.end;
            match &cotangents[0] {
                Some(g) if wanted => g.slice(self.axis, range).map(Some),
                _ => Ok(None),
            }
        };
        call.inputs.iter().zip(wanted).map(part).collect()
    }

    fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
        let tangents: Vec<Variable> = (call.inputs.iter().zip(tangents))
            .map(|(input, tangent)| match tangent {
                Some(tangent) => Ok(tangent.clone()),
                None => Variable::zeros(input.shape(), input.dtype()),
            })
            .collect::<Result<_>>()?;
        let joined = Variable::apply(Concat { axis: self.axis }, &tangents)?;
        Ok(smallvec![Some(joined)])
    }
}

impl Variable {
    /// The same elements, in row-major order, under another shape; no copy.
    ///
    /// # Errors
    /// [`Error::Shape`] if the number of elements differs.
    pub fn reshape(&self, shape: &[usize]) -> Result<Variable> {
        if shape == self.shape() {
            return Ok(self.clone());
        }
        if element_count(shape)? != self.len() {
            return Err(Error::Shape {
                operation: "reshape",
                argument: "the operand".to_owned(),
                found: self.shape().to_vec(),
                wanted: format!(
                    "shape {shape:?} has another number of elements than its {}",
                    self.len()
                ),
            });
        }
        Variable::apply(Reshape(shape.into()), std::slice::from_ref(self))
    }

    /// Axis `k` of the result is axis `order[k]`.
    ///
    /// # Errors
    /// [`Error::Axes`] if `order` is not a permutation of the axes.
    pub fn permute(&self, order: &[usize]) -> Result<Variable> {
        let sorted = checked_axes("permute", order, self.ndim())?;
        if sorted.len() != self.ndim() {
            return Err(Error::Axes {
                operation: "permute",
                axes: order.to_vec(),
                ndim: self.ndim(),
            });
        }
        if order.iter().enumerate().all(|(k, &axis)| k == axis) {
            return Ok(self.clone());
        }
        let from: Vec<u32> = (0..self.ndim() as u32).collect();
        let to: Vec<u32> = order.iter().map(|&axis| axis as u32).collect();
        let dims: Vec<usize> = self.shape().to_vec();
        Kernel::single(&from, &to, |wire| dims[wire as usize], self.dtype())?
            .apply(std::slice::from_ref(self))
    }

    /// The last two axes exchanged.
    ///
    /// # Errors
    /// [`Error::Shape`] for fewer than two axes.
    pub fn transpose(&self) -> Result<Variable> {
        let n = self.ndim();
        if n < 2 {
            return Err(Error::Shape {
                operation: "transpose",
                argument: "the operand".to_owned(),
                found: self.shape().to_vec(),
                wanted: "it needs two axes or more".to_owned(),
            });
        }
        let mut order: Axes = (0..n).collect();
        order.swap(n - 2, n - 1);
        self.permute(&order)
    }

    /// The elements repeated to `shape`, by NumPy's rule.
    ///
    /// # Errors
    /// [`Error::Shape`] if the shape does not broadcast to it.
    pub fn broadcast_to(&self, shape: &[usize]) -> Result<Variable> {
        if shape == self.shape() {
            return Ok(self.clone());
        }
        let fits = self.ndim() <= shape.len()
            && (self.shape().iter().rev())
                .zip(shape.iter().rev())
                .all(|(&have, &want)| have == want || have == 1);
        if !fits {
            return Err(Error::Shape {
                operation: "broadcast_to",
                argument: "the operand".to_owned(),
                found: self.shape().to_vec(),
                wanted: format!(
                    "for shape {shape:?} lengths, counted from the right, must be equal or one"
                ),
            });
        }
        element_count(shape)?;
        static FORMULA: LazyLock<Formula> = LazyLock::new(|| Formula::input(0));
        let inputs = smallvec![self.clone()];
        Map::apply(
            FORMULA.clone(),
            inputs,
            shape.into(),
            Axes::new(),
            self.dtype(),
        )
    }

    /// The part inside a range of every axis.
    ///
    /// # Errors
    /// [`Error::Count`] unless there is a range for every axis; [`Error::Index`]
    /// for a range that leaves its axis or ends before it starts.
    pub fn crop(&self, ranges: &[Range<usize>]) -> Result<Variable> {
        if ranges.len() != self.ndim() {
            return Err(Error::Count {
                operation: "crop",
                what: "ranges",
                expected: self.ndim(),
                found: ranges.len(),
            });
        }
        for (axis, (range, &length)) in ranges.iter().zip(self.shape()).enumerate() {
            if range.start > range.end || range.end > length {
                return Err(Error::Index {
                    operation: "crop",
                    what: "the end of a range",
                    index: range.start.max(range.end),
                    axis,
                    length,
                });
            }
        }
        let whole = (ranges.iter().zip(self.shape())).all(|(range, &length)| range.len() == length);
        match whole {
            true => Ok(self.clone()),
            false => Variable::apply(Crop(ranges.into()), std::slice::from_ref(self)),
        }
    }

    /// The part inside a range of one axis.
    ///
    /// # Errors
    /// [`Error::Axes`], [`Error::Index`].
    pub fn slice(&self, axis: usize, range: Range<usize>) -> Result<Variable> {
        checked_axes("slice", &[axis], self.ndim())?;
        let mut ranges: Vec<Range<usize>> = self.shape().iter().map(|&length| 0..length).collect();
        ranges[axis] = range;
        self.crop(&ranges)
    }

    /// Zeros around the elements: `widths` are how many before and behind, for
    /// every axis.
    ///
    /// # Errors
    /// [`Error::Count`] unless there is a pair for every axis.
    pub fn pad(&self, widths: &[(usize, usize)]) -> Result<Variable> {
        if widths.len() != self.ndim() {
            return Err(Error::Count {
                operation: "pad",
                what: "pairs of widths",
                expected: self.ndim(),
                found: widths.len(),
            });
        }
        match widths.iter().all(|&width| width == (0, 0)) {
            true => Ok(self.clone()),
            false => Variable::apply(Pad(widths.into()), std::slice::from_ref(self)),
        }
    }
}

/// Tensors joined along an axis; the other axes are equally long.
///
/// # Errors
/// [`Error::Count`] for no tensor; [`Error::Axes`]; [`Error::Shape`],
/// [`Error::DType`] if they do not fit.
pub fn concat(parts: &[&Variable], axis: usize) -> Result<Variable> {
    let Some(first) = parts.first() else {
        return Err(Error::Count {
            operation: "concat",
            what: "tensors",
            expected: 1,
            found: 0,
        });
    };
    checked_axes("concat", &[axis], first.ndim())?;
    for (number, part) in parts.iter().enumerate() {
        let fits = part.ndim() == first.ndim()
            && (0..first.ndim()).all(|k| k == axis || part.shape()[k] == first.shape()[k]);
        if !fits {
            return Err(Error::Shape {
                operation: "concat",
                argument: format!("tensor {number}"),
                found: part.shape().to_vec(),
                wanted: format!(
                    "all but axis {axis} must be as in the first, {:?}",
                    first.shape()
                ),
            });
        }
        if part.dtype() != first.dtype() {
            return Err(Error::DType {
                operation: "concat",
                argument: format!("tensor {number}"),
                found: part.dtype(),
                wanted: "all must hold the same type; cast it",
            });
        }
    }
    let inputs = parts.iter().map(|&part| part.clone()).collect();
    Variable::apply_shared(Arc::new(Concat { axis }), inputs)
}

/// Tensors of one shape as slices of a new axis.
///
/// # Errors
/// As [`concat()`].
pub fn stack(parts: &[&Variable], axis: usize) -> Result<Variable> {
    let ndim = parts.first().map_or(0, |part| part.ndim());
    checked_axes("stack", &[axis], ndim + 1)?;
    let parts: Vec<Variable> = (parts.iter())
        .map(|part| {
            let mut shape: Axes = part.shape().into();
            shape.insert(axis.min(shape.len()), 1);
            part.reshape(&shape)
        })
        .collect::<Result<_>>()?;
    concat(&parts.iter().collect::<Vec<_>>(), axis)
}
