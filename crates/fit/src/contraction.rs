//! Running the diagram of a representation.

use tensegrity_contract::{PlanOptions, run_diagram};
use tensegrity_diagram::{Diagram, Network};
use tensegrity_tensor::{Array, Scalar, Tensor};

use crate::Result;

/// The value of `network` for `operands`.
pub(crate) fn contract<T: Scalar>(network: &Network, operands: &[Tensor<T>]) -> Result<Tensor<T>> {
    // A single operand that is the value already needs no contraction.
    if let ([wires], [operand]) = (network.inputs.as_slice(), operands)
        && *wires == network.output
    {
        return Ok(operand.clone());
    }
    let diagram = Diagram::from_network(network)?;
    let arrays: Vec<Array> = operands.iter().cloned().map(Array::from).collect();
    let arguments: Vec<_> = arrays.iter().map(Into::into).collect();
    let value = run_diagram(&diagram, &arguments, &PlanOptions::default())?;
    Ok(value.typed::<T>()?.clone())
}
