//! Running diagrams and plans.

use tensegrity_diagram::{Diagram, Source};
use tensegrity_tensor::{Array, Axes, DType, Element, Scalar, Tensor, View, c64, c128, row_major};

use crate::einsum::{Typed, conjugated};
use crate::promote::{ArrayView, compute_dtype, result_dtype};
use crate::{Error, Plan, PlanOptions, Program, Result};

/// The value of a diagram over its outputs, then its inputs.
///
/// `arguments[s]` is the tensor of slot `s`. The result has the promoted type
/// of arguments and constants, `f64` if there are none; it is complex if the
/// diagram's scalars or generators are.
///
/// ```
/// use tensegrity_contract::{PlanOptions, run_diagram};
/// use tensegrity_diagram::Diagram;
/// use tensegrity_tensor::Tensor;
/// // The trace of a matrix: a tensor with both legs on one wire.
/// let mut trace = Diagram::new();
/// let wire = trace.wire(2);
/// trace.input("A", 0, &[wire, wire])?;
/// let a = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], &[2, 2])?;
/// let value = run_diagram(&trace, &[(&a).into()], &PlanOptions::default())?;
/// assert_eq!(value.typed::<f64>()?.as_slice(), [5.0]);
/// # Ok::<(), tensegrity_contract::Error>(())
/// ```
///
/// # Errors
/// [`Error::OperandCount`] if a slot has no argument, [`Error::PlanShape`] if
/// one has another shape than the diagram says, those of planning, and those of
/// generators that have no dense form.
pub fn run_diagram(
    diagram: &Diagram,
    arguments: &[ArrayView<'_>],
    options: &PlanOptions,
) -> Result<Array> {
    let lowered = diagram.to_network();
    let slots = diagram.slots();
    if let Some((slot, _)) = slots
        .iter()
        .find(|(slot, _)| slot.0 as usize >= arguments.len())
    {
        return Err(Error::OperandCount {
            what: "the diagram".to_owned(),
            expected: slot.0 as usize + 1,
            found: arguments.len(),
        });
    }
    for (slot, dims) in &slots {
        let shape = arguments[slot.0 as usize].shape();
        if !shape.iter().map(|&n| n as u64).eq(dims.iter().copied()) {
            return Err(Error::PlanShape {
                operand: slot.0 as usize,
                expected: dims.iter().map(|&d| d as usize).collect(),
                found: shape.to_vec(),
            });
        }
    }
    let given = lowered
        .operands
        .iter()
        .filter_map(|operand| match &operand.source {
            Source::Slot(slot) => Some(arguments[slot.0 as usize].dtype()),
            Source::Const(array) => Some(array.dtype()),
            _ => None,
        });
    let mut dtype = result_dtype(given);
    let complex = lowered.scalar.im != 0.0
        || (lowered.operands.iter())
            .any(|operand| matches!(&operand.source, Source::Generated(g) if !g.is_real()));
    if complex {
        dtype = dtype.promote(DType::C64);
    }
    if lowered.scalar.re.fract() != 0.0 {
        dtype = dtype.promote(DType::F32);
    }
    let dtype = compute_dtype(dtype);
    // Operands that are no arguments, and conjugates, are made first.
    let mut made: Vec<Option<Array>> = Vec::new();
    for operand in &lowered.operands {
        let own = match &operand.source {
            Source::Slot(_) => None,
            Source::Const(array) => Some((**array).clone()),
            Source::Generated(generator) => Some(generator.dense(dtype)?),
            Source::Lazy(op) => Some(op.materialize(dtype)?),
            _ => {
                return Err(Error::WrongDType {
                    what: "an operand of the diagram".to_owned(),
                    found: dtype,
                    expected: dtype,
                });
            }
        };
        let conjugate = if operand.conj {
            let view = own
                .as_ref()
                .map_or_else(|| argument(operand, arguments), ArrayView::from);
            conjugated(&view)
        } else {
            None
        };
        made.push(conjugate.or(own));
    }
    let views: Vec<ArrayView<'_>> = (lowered.operands.iter().zip(&made))
        .map(|(operand, made)| match made {
            Some(array) => ArrayView::from(array),
            None => argument(operand, arguments),
        })
        .collect();
    let sized = PlanOptions {
        element_bytes: dtype.size() as u32,
        ..options.clone()
    };
    let plan = Plan::new(&lowered.network, &sized)?;
    with_element!(dtype, T => {
        let result = run_typed::<T>(&plan, &views, options.memory_limit)?;
        Ok(scaled(result, lowered.scalar).into())
    })
}

/// Runs a plan on operands of any types, into a new array.
///
/// ```
/// use tensegrity_contract::{Plan, PlanOptions, run_plan};
/// use tensegrity_diagram::Expression;
/// use tensegrity_tensor::Tensor;
/// let bound = Expression::parse("ij,jk->ik")?.bind(&[&[1, 2], &[2, 1]])?;
/// let plan = Plan::new(&bound.network, &PlanOptions::default())?;
/// let (a, b) = (Tensor::full(&[1, 2], 3.0)?, Tensor::full(&[2, 1], 0.5)?);
/// let product = run_plan(&plan, &[(&a).into(), (&b).into()], None)?;
/// assert_eq!(product.typed::<f64>()?.as_slice(), [3.0]);
/// # Ok::<(), tensegrity_contract::Error>(())
/// ```
///
/// # Errors
/// [`Error::OperandCount`], [`Error::PlanShape`] if operands are not those the
/// plan was made for; [`Error::MemoryBudget`] if intermediates need more than
/// `memory_limit` bytes.
pub fn run_plan(
    plan: &Plan,
    operands: &[ArrayView<'_>],
    memory_limit: Option<u64>,
) -> Result<Array> {
    let dtype = compute_dtype(result_dtype(operands.iter().map(ArrayView::dtype)));
    with_element!(dtype, T => run_typed::<T>(plan, operands, memory_limit).map(Array::from))
}

fn run_typed<T: Element>(
    plan: &Plan,
    operands: &[ArrayView<'_>],
    memory_limit: Option<u64>,
) -> Result<Tensor<T>> {
    let network = plan.network();
    let operands = Typed::<T>::new(operands);
    let strides: Vec<&[isize]> = operands.views.iter().map(View::strides).collect();
    let shape: Axes = (network.output.iter())
        .map(|&w| network.dims[w as usize] as usize)
        .collect();
    let output = row_major(&shape);
    let program = Program::compile(network, plan.pairs(), &strides, &output, T::DTYPE)?;
    program.check_memory(memory_limit)?;
    program.run(&operands.views)
}

fn argument<'a>(
    operand: &tensegrity_diagram::Operand,
    arguments: &[ArrayView<'a>],
) -> ArrayView<'a> {
    match &operand.source {
        Source::Slot(slot) => arguments[slot.0 as usize].clone(),
        _ => unreachable!("only slots are arguments; everything else was made"),
    }
}

/// The tensor times a number its type can hold.
fn scaled<T: Element>(tensor: Tensor<T>, factor: c128) -> Tensor<T> {
    if factor == c128::new(1.0, 0.0) {
        return tensor;
    }
    let array = match T::into_array(tensor) {
        Array::F32(t) => times(&t, factor).into(),
        Array::F64(t) => times(&t, factor).into(),
        Array::C64(t) => times::<c64>(&t, factor).into(),
        Array::C128(t) => times(&t, factor).into(),
        Array::I64(t) => t.map(|x| x.wrapping_mul(factor.re as i64)).into(),
        other => other,
    };
    T::from_array(&array)
        .expect("the type did not change")
        .clone()
}

fn times<T: Scalar>(tensor: &Tensor<T>, factor: c128) -> Tensor<T> {
    let factor = T::from_f64(factor.re, factor.im);
    tensor.map(|x| x.mul(factor))
}
