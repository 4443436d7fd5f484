//! The elementwise operation: a formula evaluated, and summed over axes.

use smallvec::{SmallVec, smallvec};
use tensegrity_tensor::{Array, Axes, DType, Element, Operand, Tensor, c64, c128, with_tensor};

use crate::formula::{Derived, Formula, MAX_INPUTS, Question};
use crate::operation::{Call, Derivatives, Operation, Values};
use crate::{Error, Result, Variable};

/// y = Σ f(x₁, …, xₙ) over the axes `reduced`, which stay with length one.
///
/// Inputs broadcast to `space`. Cotangents and tangents of such an operation
/// are operations of the same kind over the same space.
pub(crate) struct Map {
    formula: Formula,
    space: Axes,
    reduced: Axes,
    dtype: DType,
}

impl Map {
    /// Evaluates and records.
    pub fn apply(
        formula: Formula,
        inputs: SmallVec<[Variable; 2]>,
        space: Axes,
        reduced: Axes,
        dtype: DType,
    ) -> Result<Variable> {
        let map = Self {
            formula,
            space,
            reduced,
            dtype,
        };
        Variable::apply_shared(std::sync::Arc::new(map), inputs)
    }

    fn run<T: Element>(&self, inputs: &[&Array]) -> Result<Tensor<T>> {
        let mut operands: SmallVec<[Operand<'_>; 4]> =
            inputs.iter().map(|&array| Operand::from(array)).collect();
        if broadcast(inputs.iter().map(|array| array.shape())).as_ref() != Some(&self.space) {
            // A derivative may not look at the inputs that span the space.
            operands[0] = stretched(inputs[0], &self.space)?;
        }
        let dtypes: SmallVec<[DType; 4]> = inputs.iter().map(|array| array.dtype()).collect();
        if self.reduced.is_empty() {
            let kernel = self.formula.prepared(&dtypes, Some(T::DTYPE))?;
            return Ok(kernel.eval(&operands)?);
        }
        let kernel = self.formula.prepared_sum(&dtypes)?;
        let sum: Tensor<T> = kernel.reduce(&self.reduced, &operands)?;
        let mut shape = self.space.clone();
        self.reduced.iter().for_each(|&axis| shape[axis] = 1);
        Ok(sum.reshaped(&shape)?)
    }

    /// The axes along which an input is repeated, so that its cotangent is a sum.
    fn summed(&self, x: &Variable) -> Axes {
        let ahead = self.space.len() - x.ndim();
        (0..self.space.len())
            .filter(|&axis| self.space[axis] != 1 && (axis < ahead || x.shape()[axis - ahead] == 1))
            .collect()
    }

    /// Inputs, then `more`, that are complex, as bits.
    fn complex<'a>(
        inputs: &'a [Variable],
        more: impl Iterator<Item = Option<&'a Variable>>,
    ) -> u64 {
        let all = inputs.iter().map(Some).chain(more);
        all.enumerate().fold(0, |bits, (k, variable)| {
            bits | u64::from(variable.is_some_and(Variable::is_complex)) << k
        })
    }
}

#[allow(unreachable_patterns)]
fn stretched<'a>(array: &'a Array, shape: &[usize]) -> Result<Operand<'a>> {
    with_tensor!(array, tensor => Ok(tensor.view().broadcast_to(shape)?.into()))
}

impl Operation for Map {
    fn name(&self) -> &'static str {
        match self.reduced.is_empty() {
            true => "elementwise",
            false => "sum",
        }
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        Ok(smallvec![match self.dtype {
            DType::F32 => self.run::<f32>(inputs)?.into(),
            DType::C64 => self.run::<c64>(inputs)?.into(),
            DType::C128 => self.run::<c128>(inputs)?.into(),
            _ => self.run::<f64>(inputs)?.into(),
        }])
    }

    fn vjp(
        &self,
        call: &Call<'_>,
        cotangents: &[Option<Variable>],
        wanted: &[bool],
    ) -> Result<Derivatives> {
        let Some(g) = &cotangents[0] else {
            return Ok(wanted.iter().map(|_| None).collect());
        };
        let complex = Self::complex(call.inputs, std::iter::once(Some(g)));
        let arity = call.inputs.len();
        // Cotangents over the whole space, which inputs that are summed over may
        // share: of a bias and of what it is added to they are the same.
        let mut whole: SmallVec<[(Derived, Variable); 2]> = SmallVec::new();
        let mut cotangents: Derivatives = wanted.iter().map(|_| None).collect();
        let is_whole = |input: usize| *call.inputs[input].shape() == *self.space;
        let mut order: SmallVec<[usize; 4]> = (0..arity).filter(|&k| wanted[k]).collect();
        order.sort_by_key(|&input| !is_whole(input));
        for input in order {
            let question = Question::Pullback { input, complex };
            let Some(derived) = self.formula.derivative(question, arity) else {
                continue;
            };
            let x = &call.inputs[input];
            let same = |(known, value): &&(Derived, Variable)| {
                known.is_same(&derived) && value.dtype() == x.dtype()
            };
            if let Some((_, value)) = whole.iter().find(same) {
                let value = value.sum_kept(&self.summed(x))?.reshape(x.shape())?;
                cotangents[input] = Some(value);
                continue;
            }
            let pick = |&number: &usize| match number == arity {
                true => g.clone(),
                false => call.inputs[number].clone(),
            };
            let operands: SmallVec<[Variable; 2]> = derived.uses.iter().map(pick).collect();
            let is_operand = derived.formula.is_identity()
                && operands[0].shape() == x.shape()
                && operands[0].dtype() == x.dtype();
            let value = match is_operand {
                true => operands[0].clone(),
                false => {
                    let space = self.space.clone();
                    let formula = derived.formula.clone();
                    Map::apply(formula, operands, space, self.summed(x), x.dtype())?
                        .reshape(x.shape())?
                }
            };
            if is_whole(input) {
                whole.push((derived, value.clone()));
            }
            cotangents[input] = Some(value);
        }
        Ok(cotangents)
    }

    fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
        let complex = Self::complex(call.inputs, tangents.iter().map(Option::as_ref));
        let arity = call.inputs.len();
        let set = (tangents.iter().enumerate())
            .fold(0, |bits, (k, t)| bits | u64::from(t.is_some()) << k);
        let question = Question::Pushforward {
            tangents: set,
            complex,
        };
        let Some(derived) = self.formula.derivative(question, arity) else {
            return Ok(smallvec![None]);
        };
        let operands = (derived.uses.iter())
            .filter_map(|&number| match number < arity {
                true => Some(call.inputs[number].clone()),
                false => tangents[number - arity].clone(),
            })
            .collect();
        let (space, reduced) = (self.space.clone(), self.reduced.clone());
        Ok(smallvec![Some(Map::apply(
            derived.formula,
            operands,
            space,
            reduced,
            self.dtype
        )?)])
    }
}

/// The shape several shapes broadcast to, by NumPy's rule.
fn broadcast<'a>(shapes: impl Iterator<Item = &'a [usize]>) -> Option<Axes> {
    let mut space = Axes::new();
    for shape in shapes {
        while space.len() < shape.len() {
            space.insert(0, 1);
        }
        let ahead = space.len() - shape.len();
        for (have, &new) in space[ahead..].iter_mut().zip(shape) {
            if *have == 1 {
                *have = new;
            } else if new != 1 && new != *have {
                return None;
            }
        }
    }
    Some(space)
}

/// The axes of `space` a list names, ascending, each once.
pub(crate) fn checked_axes(operation: &'static str, axes: &[usize], ndim: usize) -> Result<Axes> {
    let mut sorted: Axes = axes.into();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1])
        || sorted.last().is_some_and(|&axis| axis >= ndim)
    {
        return Err(Error::Axes {
            operation,
            axes: axes.to_vec(),
            ndim,
        });
    }
    Ok(sorted)
}

impl Formula {
    /// The values of the formula, inputs broadcast against each other, in one
    /// pass over memory and as one step of the recorded computation.
    ///
    /// # Errors
    /// [`Error::Count`] if the formula has more inputs than are given or than 31;
    /// [`Error::Shape`] if shapes do not broadcast; [`Error::Tensor`] for an
    /// operation the element types don't have.
    pub fn apply(&self, inputs: &[&Variable]) -> Result<Variable> {
        self.evaluated("formula", inputs, None)
    }

    /// The sum of the values over `axes` of the broadcast shape, without an
    /// array of the values; those axes disappear. Sums are accumulated in double
    /// precision with compensation.
    ///
    /// # Errors
    /// As [`Formula::apply`]; [`Error::Axes`].
    pub fn sum(&self, inputs: &[&Variable], axes: &[usize]) -> Result<Variable> {
        let kept = self.evaluated("sum", inputs, Some(axes))?;
        let axes = checked_axes("sum", axes, kept.ndim())?;
        let shape: Axes = (0..kept.ndim())
            .filter(|axis| !axes.contains(axis))
            .map(|axis| kept.shape()[axis])
            .collect();
        kept.reshape(&shape)
    }

    /// As [`Formula::sum`], or without sums; summed axes stay with length one.
    pub(crate) fn evaluated(
        &self,
        operation: &'static str,
        inputs: &[&Variable],
        axes: Option<&[usize]>,
    ) -> Result<Variable> {
        let arity = self.arity();
        if inputs.len() < arity || inputs.len() > MAX_INPUTS || inputs.is_empty() {
            return Err(Error::Count {
                operation,
                what: "inputs",
                expected: arity.clamp(1, MAX_INPUTS),
                found: inputs.len(),
            });
        }
        let space = broadcast(inputs.iter().map(|x| x.shape())).ok_or_else(|| {
            let shapes: Vec<&[usize]> = inputs.iter().map(|x| x.shape()).collect();
            Error::Shape {
                operation,
                argument: format!("input {}", inputs.len() - 1),
                found: inputs[inputs.len() - 1].shape().to_vec(),
                wanted: format!(
                    "shapes {shapes:?} do not broadcast: lengths of an axis, counted from the \
                     right, must be equal or one"
                ),
            }
        })?;
        let dtypes: SmallVec<[DType; 4]> = inputs.iter().map(|x| x.dtype()).collect();
        let dtype = match dtypes.iter().all(|&dtype| dtype == DType::F64) {
            // A formula of real numbers may still be complex by a constant.
            false => self.prepared(&dtypes, None)?.dtype(),
            true if self.has_complex_constant() => self.prepared(&dtypes, None)?.dtype(),
            true => DType::F64,
        };
        let reduced = match axes {
            None => Axes::new(),
            Some(axes) => checked_axes(operation, axes, space.len())?,
        };
        let inputs = inputs.iter().map(|&x| x.clone()).collect();
        Map::apply(self.clone(), inputs, space, reduced, dtype)
    }
}
