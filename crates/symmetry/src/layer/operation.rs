//! The layer on the tape.
//!
//! The layer, its cotangent of inputs and its cotangent of weights are one
//! operation with three faces, and each is the derivative of the others: so
//! derivatives of any order are closed forms, and nothing is taped inside.

use std::sync::Arc;

use smallvec::SmallVec;
use tensegrity_grad::{Call, Derivatives, Operation, Values, Variable};
use tensegrity_tensor::{Array, DType};

use super::kernel::{Kernel, Slot};
use super::kernel_shape;
use crate::{Error, Result};

/// One face of the trilinear form of a layer.
#[derive(Clone)]
struct Trilinear {
    kernel: Arc<Kernel>,
    sizes: Vec<usize>,
    batch: usize,
    lengths: Option<Vec<usize>>,
    slot: Slot,
    /// Whether the bias takes part: it does not in directions along inputs.
    constant: bool,
}

/// Records the layer.
pub(super) fn record(
    kernel: &Arc<Kernel>,
    sizes: Vec<usize>,
    batch: usize,
    lengths: Option<Vec<usize>>,
    inputs: &[Variable],
    weights: &[Variable],
) -> Result<Vec<Variable>> {
    let operation = Trilinear {
        kernel: Arc::clone(kernel),
        sizes,
        batch,
        lengths,
        slot: Slot::Outputs,
        constant: true,
    };
    Ok(operation.with(Slot::Outputs, true, inputs, weights)?)
}

impl Trilinear {
    fn with(
        &self,
        slot: Slot,
        constant: bool,
        first: &[Variable],
        second: &[Variable],
    ) -> tensegrity_grad::Result<Vec<Variable>> {
        let operation = Self {
            slot,
            constant,
            ..self.clone()
        };
        let arguments: Vec<Variable> = first.iter().chain(second).cloned().collect();
        Variable::apply_all(operation, &arguments)
    }

    /// Number of arguments in the first of the two groups.
    fn split(&self) -> usize {
        match self.slot {
            Slot::Outputs | Slot::Weights => self.kernel.inputs.len(),
            Slot::Inputs => self.kernel.outputs.len(),
        }
    }

    /// Which tensors the two groups of arguments are.
    fn slots(&self) -> (Slot, Slot) {
        match self.slot {
            Slot::Outputs => (Slot::Inputs, Slot::Weights),
            Slot::Inputs => (Slot::Outputs, Slot::Weights),
            Slot::Weights => (Slot::Inputs, Slot::Outputs),
        }
    }

    fn shapes(&self, slot: Slot) -> Vec<Vec<usize>> {
        let of = |sides: &[(Vec<usize>, usize)]| {
            sides
                .iter()
                .map(|side| kernel_shape(side, &self.sizes, self.batch))
                .collect()
        };
        match slot {
            Slot::Inputs => of(&self.kernel.inputs),
            Slot::Outputs => of(&self.kernel.outputs),
            Slot::Weights => self.kernel.weight_shapes(),
        }
    }

    /// Derivatives with zeros written out.
    fn filled(
        &self,
        slot: Slot,
        given: &[Option<Variable>],
        dtype: DType,
    ) -> tensegrity_grad::Result<Vec<Variable>> {
        given
            .iter()
            .zip(self.shapes(slot))
            .map(|(given, shape)| match given {
                Some(variable) => Ok(variable.clone()),
                None => Variable::zeros(&shape, dtype),
            })
            .collect()
    }

    /// The tensor of `target` from those of the two other slots.
    fn face(
        &self,
        target: Slot,
        constant: bool,
        a: (Slot, &[Variable]),
        b: (Slot, &[Variable]),
    ) -> tensegrity_grad::Result<Vec<Variable>> {
        let first = match target {
            Slot::Outputs | Slot::Weights => Slot::Inputs,
            Slot::Inputs => Slot::Outputs,
        };
        let (first, second) = if a.0 == first { (a.1, b.1) } else { (b.1, a.1) };
        self.with(target, constant, first, second)
    }
}

/// This crate's errors in the tape's terms; arguments have been checked, so
/// what arrives here comes from below.
fn translated(error: Error) -> tensegrity_grad::Error {
    match error {
        Error::Tensor(error) => error.into(),
        Error::Linalg(error) => error.into(),
        Error::Contract(error) => error.into(),
        Error::Grad(error) => error,
        other => tensegrity_grad::Error::Shape {
            operation: "equivariant layer",
            argument: "an argument".into(),
            found: vec![],
            wanted: other.to_string(),
        },
    }
}

impl Operation for Trilinear {
    fn name(&self) -> &'static str {
        match self.slot {
            Slot::Outputs => "equivariant layer",
            Slot::Inputs => "equivariant layer, transposed",
            Slot::Weights => "equivariant layer, weights",
        }
    }

    fn forward(&self, inputs: &[&Array]) -> tensegrity_grad::Result<Values> {
        let (first, second) = inputs.split_at(self.split());
        let lengths = self.lengths.as_deref();
        self.kernel
            .evaluate(
                self.slot,
                &self.sizes,
                self.batch,
                first,
                second,
                self.constant,
                lengths,
            )
            .map(SmallVec::from_vec)
            .map_err(translated)
    }

    fn vjp(
        &self,
        call: &Call<'_>,
        cotangents: &[Option<Variable>],
        wanted: &[bool],
    ) -> tensegrity_grad::Result<Derivatives> {
        let (a, b) = call.inputs.split_at(self.split());
        let (slot_a, slot_b) = self.slots();
        let back = self.filled(self.slot, cotangents, call.inputs[0].dtype())?;
        let mut found: Derivatives = SmallVec::from_elem(None, call.inputs.len());
        // A cotangent of cotangents of inputs is a direction along inputs, in
        // which the bias does not move.
        let constant = self.constant && self.slot != Slot::Inputs;
        let parts = [
            (slot_a, 0..a.len(), (slot_b, b)),
            (slot_b, a.len()..call.inputs.len(), (slot_a, a)),
        ];
        for (target, range, other) in parts {
            if wanted[range.clone()].contains(&true) {
                let made = self.face(target, constant, (self.slot, &back), other)?;
                for (place, variable) in range.zip(made) {
                    found[place] = Some(variable);
                }
            }
        }
        Ok(found)
    }

    fn jvp(
        &self,
        call: &Call<'_>,
        tangents: &[Option<Variable>],
    ) -> tensegrity_grad::Result<Derivatives> {
        let (a, b) = call.inputs.split_at(self.split());
        let (ta, tb) = tangents.split_at(self.split());
        let (slot_a, slot_b) = self.slots();
        let dtype = call.inputs[0].dtype();
        let mut found: Vec<Option<Variable>> = vec![None; call.outputs.len()];
        let mut add = |made: Vec<Variable>| -> tensegrity_grad::Result<()> {
            for (sum, part) in found.iter_mut().zip(made) {
                *sum = Some(match sum {
                    Some(sum) => sum.add(&part)?,
                    None => part,
                });
            }
            Ok(())
        };
        if ta.iter().any(Option::is_some) {
            let moved = self.filled(slot_a, ta, dtype)?;
            let constant = self.constant && slot_a != Slot::Inputs;
            add(self.face(self.slot, constant, (slot_a, &moved), (slot_b, b))?)?;
        }
        if tb.iter().any(Option::is_some) {
            let moved = self.filled(slot_b, tb, dtype)?;
            add(self.face(self.slot, self.constant, (slot_a, a), (slot_b, &moved))?)?;
        }
        Ok(SmallVec::from_vec(found))
    }
}
