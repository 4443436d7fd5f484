//! Running diagrams and plans.
//!
//! Structured nodes take no memory: a basis vector is a slice of everything it
//! touches, and triangular masks, ε and Ω are applied through their entries.

use tensegrity_diagram::{Diagram, Generator, Lowered, Network, Source};
use tensegrity_tensor::{Array, Axes, DType, Element, Scalar, Tensor, View, c64, c128, row_major};

use crate::compile::Leaf;
use crate::einsum::{Typed, conjugated};
use crate::promote::{ArrayView, compute_dtype, result_dtype};
use crate::structured::Structure;
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
/// one has another shape than the diagram says, those of planning, and
/// [`Error::MemoryBudget`] if an operand, or intermediates and result together,
/// need more than [`PlanOptions::memory_limit`].
pub fn run_diagram(
    diagram: &Diagram,
    arguments: &[ArrayView<'_>],
    options: &PlanOptions,
) -> Result<Array> {
    let lowered = diagram.to_network();
    check_arguments(diagram, arguments)?;
    let dtype = dtype_of(&lowered, arguments);
    let held = Held::new(&lowered);
    with_element!(dtype, T => {
        let result = match &held {
            // Two basis vectors that differ meet on one wire.
            None => Tensor::<T>::zeros(&shape_of(&lowered.network))?,
            Some(held) => run_held::<T>(&lowered, held, arguments, options)?,
        };
        Ok(scaled(result, lowered.scalar).into())
    })
}

fn check_arguments(diagram: &Diagram, arguments: &[ArrayView<'_>]) -> Result<()> {
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
    Ok(())
}

/// The compute type of a diagram's value.
fn dtype_of(lowered: &Lowered, arguments: &[ArrayView<'_>]) -> DType {
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
    compute_dtype(dtype)
}

/// A network whose basis vectors are gone: wires they were on are held at
/// their index.
struct Held {
    /// Index of each wire that is held.
    index: Vec<Option<u64>>,
    /// What is left: operands that are no basis vectors, without held wires.
    network: Network,
    /// Number of each of them in the network before.
    operands: Vec<usize>,
}

impl Held {
    /// `None` if the value is zero because two basis vectors exclude each other.
    fn new(lowered: &Lowered) -> Option<Self> {
        let network = &lowered.network;
        let mut index: Vec<Option<u64>> = vec![None; network.dims.len()];
        let mut operands = Vec::new();
        for (number, operand) in lowered.operands.iter().enumerate() {
            match &operand.source {
                Source::Generated(Generator::OneHot { index: one, .. }) => {
                    for &wire in &network.inputs[number] {
                        if *index[wire as usize].get_or_insert(*one) != *one {
                            return None;
                        }
                    }
                }
                _ => operands.push(number),
            }
        }
        let rest = |wires: &Vec<u32>| -> Vec<u32> {
            let free = |w: &&u32| index[**w as usize].is_none();
            wires.iter().filter(free).copied().collect()
        };
        let dims = network.dims.iter().zip(&index);
        Some(Self {
            network: Network {
                inputs: (operands.iter())
                    .map(|&number| rest(&network.inputs[number]))
                    .collect(),
                output: rest(&network.output),
                // A wire that is held has one index left.
                dims: dims.map(|(&d, held)| held.map_or(d, |_| 1)).collect(),
            },
            index,
            operands,
        })
    }

    /// Axes of a tensor on held wires, the last first, with their indices.
    fn axes(&self, wires: &[u32]) -> impl Iterator<Item = (usize, usize)> {
        let held = |(axis, &wire): (usize, &u32)| Some((axis, self.index[wire as usize]? as usize));
        wires.iter().enumerate().rev().filter_map(held)
    }

    /// The part of a tensor at the indices of its held wires.
    fn slice<'a>(&self, mut view: ArrayView<'a>, wires: &[u32]) -> Result<ArrayView<'a>> {
        for (axis, index) in self.axes(wires) {
            view = view.indexed(axis, index)?;
        }
        Ok(view)
    }
}

/// What an operand is when a diagram runs.
enum Part<'a> {
    Given(ArrayView<'a>),
    /// A conjugate.
    Made(Array),
    Structured(Structure),
}

/// The value of a lowered diagram but for its scalar.
fn run_held<T: Element>(
    lowered: &Lowered,
    held: &Held,
    arguments: &[ArrayView<'_>],
    options: &PlanOptions,
) -> Result<Tensor<T>> {
    let on_demand: Vec<Option<Array>> = (lowered.operands.iter())
        .map(|operand| match &operand.source {
            Source::Lazy(op) => op.materialize(T::DTYPE).map(Some),
            _ => Ok(None),
        })
        .collect::<std::result::Result<_, _>>()?;
    let mut parts = Vec::with_capacity(held.operands.len());
    for &number in &held.operands {
        let operand = &lowered.operands[number];
        let wires = &lowered.network.inputs[number];
        let whole: ArrayView<'_> = match (&operand.source, &on_demand[number]) {
            (_, Some(array)) => array.into(),
            (Source::Slot(slot), _) => arguments[slot.0 as usize].clone(),
            (Source::Const(array), _) => array.as_ref().into(),
            (Source::Generated(generator), _) if generator.has_runs() => {
                parts.push(Part::Structured(Structure {
                    generator: generator.clone(),
                    fixed: wires.iter().map(|&w| held.index[w as usize]).collect(),
                }));
                continue;
            }
            _ => {
                return Err(Error::WrongDType {
                    what: "an operand of the diagram".to_owned(),
                    found: T::DTYPE,
                    expected: T::DTYPE,
                });
            }
        };
        let view = held.slice(whole, wires)?;
        let conjugate = operand.conj.then(|| conjugated(&view)).flatten();
        parts.push(conjugate.map_or(Part::Given(view), Part::Made));
    }
    let views: Vec<ArrayView<'_>> = (parts.iter())
        .filter_map(|part| match part {
            Part::Given(view) => Some(view.clone()),
            Part::Made(array) => Some(array.into()),
            Part::Structured(_) => None,
        })
        .collect();
    let typed = Typed::<T>::new(&views);
    let mut tensors = typed.views.iter();
    let leaves: Vec<Leaf<'_>> = (parts.iter())
        .map(|part| match part {
            Part::Structured(structure) => Leaf::Structured(structure),
            _ => Leaf::Tensor(tensors.next().map_or(&[], View::strides)),
        })
        .collect();
    let sized = PlanOptions {
        element_bytes: T::DTYPE.size() as u32,
        // The program knows that structured nodes take nothing.
        memory_limit: None,
        ..options.clone()
    };
    let plan = Plan::new(&held.network, &sized)?;
    let compile = |output: &[isize]| {
        let program = Program::structured(&held.network, plan.pairs(), &leaves, output, T::DTYPE)?;
        program.check_memory(options.memory_limit)?;
        Ok::<_, Error>(program)
    };
    let shape = shape_of(&lowered.network);
    if held.network.output.len() == shape.len() {
        return compile(&row_major(&shape))?.run(&typed.views);
    }
    // A basis vector is a leg of the result: one slice of it is not zero.
    let mut result = Tensor::<T>::zeros(&shape)?;
    let mut slice = result.view_mut();
    for (axis, index) in held.axes(&lowered.network.output) {
        slice = slice.indexed(axis, index)?;
    }
    let program = compile(slice.strides())?;
    program.run_into(&typed.views, &mut slice)?;
    Ok(result)
}

fn shape_of(network: &Network) -> Axes {
    let dims = network.output.iter().map(|&w| network.dims[w as usize]);
    dims.map(|d| d as usize).collect()
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
    let output = row_major(&shape_of(network));
    let program = Program::compile(network, plan.pairs(), &strides, &output, T::DTYPE)?;
    program.check_memory(memory_limit)?;
    program.run(&operands.views)
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
