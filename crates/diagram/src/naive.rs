//! The value of a diagram by its definition, for tests.

use tensegrity_tensor::{Array, DType, Tensor, c128};

use crate::node::Payload;
use crate::values::{as_c128, guard};
use crate::{Diagram, Error, Lowered, Result, Source, WireId};

/// The value of a small diagram over (cod, dom), summed assignment by
/// assignment with every node dense: exponential cost, no cleverness.
///
/// # Errors
/// [`Error::ArityMismatch`] if a slot has no argument, [`Error::LegDimension`]
/// if an argument does not fit its legs, and the errors of dense payloads.
pub fn evaluate_naive(diagram: &Diagram, arguments: &[Array]) -> Result<Tensor<c128>> {
    let mut factors = Vec::new();
    for node in diagram.nodes() {
        let array = match &node.payload {
            Payload::Input(slot) => argument(arguments, slot.0)?.clone(),
            Payload::Const(array) => (**array).clone(),
            Payload::Generator(generator) => generator.dense(DType::C128)?,
            Payload::Lazy(op) => op.materialize(DType::C128)?,
        };
        factors.push(Factor::new(&node.name, &array, node.conj, &node.legs)?);
    }
    let dims: Vec<u64> = diagram.wires().iter().map(|w| w.dim).collect();
    let ports = diagram.cod().iter().chain(diagram.dom());
    let output: Vec<usize> = ports.map(|p| p.wire.index()).collect();
    sum(&dims, &output, &factors, c128::new(1.0, 0.0))
}

/// The value of a lowered diagram in the same way; equal to that of the
/// diagram it came from.
///
/// # Errors
/// As [`evaluate_naive`].
pub fn evaluate_lowered_naive(lowered: &Lowered, arguments: &[Array]) -> Result<Tensor<c128>> {
    let mut factors = Vec::new();
    for (operand, legs) in lowered.operands.iter().zip(&lowered.network.inputs) {
        let array = match &operand.source {
            Source::Slot(slot) => argument(arguments, slot.0)?.clone(),
            Source::Const(array) => (**array).clone(),
            Source::Generated(generator) => generator.dense(DType::C128)?,
            Source::Lazy(op) => op.materialize(DType::C128)?,
        };
        let legs: Vec<WireId> = legs.iter().map(|&w| WireId(w)).collect();
        factors.push(Factor::new("operand", &array, operand.conj, &legs)?);
    }
    let network = &lowered.network;
    let output: Vec<usize> = network.output.iter().map(|&w| w as usize).collect();
    sum(&network.dims, &output, &factors, lowered.scalar)
}

fn argument(arguments: &[Array], slot: u32) -> Result<&Array> {
    arguments
        .get(slot as usize)
        .ok_or_else(|| Error::ArityMismatch {
            what: format!("arguments (slot {slot} has none)"),
            found: arguments.len(),
            expected: slot as usize + 1,
        })
}

struct Factor {
    data: Vec<c128>,
    shape: Vec<usize>,
    legs: Vec<usize>,
}

impl Factor {
    fn new(name: &str, array: &Array, conj: bool, legs: &[WireId]) -> Result<Self> {
        if array.shape().len() != legs.len() {
            return Err(Error::ArityMismatch {
                what: format!("axes of the argument for node `{name}`"),
                found: array.shape().len(),
                expected: legs.len(),
            });
        }
        let mut data = as_c128(array);
        if conj {
            data.iter_mut().for_each(|z| *z = z.conj());
        }
        Ok(Self {
            data,
            shape: array.shape().to_vec(),
            legs: legs.iter().map(|w| w.index()).collect(),
        })
    }

    fn at(&self, assignment: &[usize]) -> c128 {
        let flat = self
            .legs
            .iter()
            .zip(&self.shape)
            .fold(0, |flat, (&leg, &n)| flat * n + assignment[leg]);
        self.data[flat]
    }
}

/// Depth-first over wires; a factor is multiplied in once its last wire is
/// set, and zeros cut the branch.
fn sum(dims: &[u64], output: &[usize], factors: &[Factor], scalar: c128) -> Result<Tensor<c128>> {
    for (factor, legs) in factors.iter().map(|f| (f, &f.legs)) {
        for (leg, (&wire, &found)) in legs.iter().zip(&factor.shape).enumerate() {
            if dims[wire] != found as u64 {
                return Err(Error::LegDimension {
                    node: "argument".into(),
                    leg,
                    found: found as u64,
                    expected: dims[wire],
                });
            }
        }
    }
    let shape: Vec<u64> = output.iter().map(|&w| dims[w]).collect();
    let mut data = vec![c128::new(0.0, 0.0); guard("the value", &shape)?];
    let mut due: Vec<Vec<usize>> = vec![Vec::new(); dims.len() + 1];
    for (number, factor) in factors.iter().enumerate() {
        due[factor.legs.iter().map(|&w| w + 1).max().unwrap_or(0)].push(number);
    }
    let mut assignment = vec![0; dims.len()];
    let mut visit = Visit {
        dims,
        output,
        factors,
        due: &due,
        data: &mut data,
    };
    visit.wire(0, &mut assignment, scalar);
    let shape: Vec<usize> = shape.iter().map(|&d| d as usize).collect();
    Ok(Tensor::from_vec(data, &shape)?)
}

struct Visit<'a> {
    dims: &'a [u64],
    output: &'a [usize],
    factors: &'a [Factor],
    due: &'a [Vec<usize>],
    data: &'a mut [c128],
}

impl Visit<'_> {
    fn wire(&mut self, wire: usize, assignment: &mut [usize], mut value: c128) {
        for &factor in &self.due[wire] {
            value *= self.factors[factor].at(assignment);
        }
        if value == c128::new(0.0, 0.0) {
            return;
        }
        if wire == self.dims.len() {
            let flat = self
                .output
                .iter()
                .fold(0, |flat, &w| flat * self.dims[w] as usize + assignment[w]);
            self.data[flat] += value;
            return;
        }
        for index in 0..self.dims[wire] as usize {
            assignment[wire] = index;
            self.wire(wire + 1, assignment, value);
        }
    }
}
