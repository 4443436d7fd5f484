//! Forward mode: tangents from arguments to results.

use smallvec::SmallVec;

use crate::reverse::{Passage, check_count, check_fit, check_inputs, check_seeds};
use crate::{Result, Variable};

/// The tangents of `outputs` for given tangents of `inputs`: ẏ = J·ẋ.
///
/// One sweep over the recorded steps between them, whatever the number of
/// outputs. What is computed is recorded, unless within [`unrecorded`].
///
/// [`unrecorded`]: crate::unrecorded
///
/// # Errors
/// [`Error::NotRecorded`] for an input that is a constant; [`Error::Count`],
/// [`Error::Shape`] if the tangents do not fit the inputs; those of the rules.
///
/// [`Error::NotRecorded`]: crate::Error::NotRecorded
/// [`Error::Count`]: crate::Error::Count
/// [`Error::Shape`]: crate::Error::Shape
pub fn jvp(
    outputs: &[&Variable],
    inputs: &[&Variable],
    tangents: &[&Variable],
) -> Result<Vec<Variable>> {
    check_seeds("jvp", "tangent", inputs, tangents)?;
    check_inputs("jvp", inputs)?;
    let passage = Passage::between(inputs, outputs);
    let nodes = passage.nodes();
    let mut moving: Vec<SmallVec<[Option<Variable>; 1]>> = (nodes.iter())
        .map(|node| node.values().iter().map(|_| None).collect())
        .collect();
    // How often a tangent will still be asked for: after that it is dropped.
    let mut uses = vec![0_usize; nodes.len()];
    for node in nodes {
        for place in node.parents().iter().filter_map(|x| passage.place(x)) {
            uses[place] += 1;
        }
    }
    for place in outputs.iter().filter_map(|y| passage.place(y)) {
        uses[place] += 1;
    }
    for (place, node) in nodes.iter().enumerate() {
        if let Some(operation) = node.operation() {
            let places: SmallVec<[Option<usize>; 4]> =
                node.parents().iter().map(|x| passage.place(x)).collect();
            let given: SmallVec<[Option<Variable>; 4]> = (node.parents().iter().zip(&places))
                .map(|(x, place)| place.and_then(|place| moving[place][x.output()].clone()))
                .collect();
            if given.iter().any(Option::is_some) {
                let outputs = node.outputs();
                let parts = operation.jvp(&node.call(&outputs), &given)?;
                check_count(operation.name(), "tangents", outputs.len(), parts.len())?;
                for (slot, (part, output)) in moving[place]
                    .iter_mut()
                    .zip(parts.into_iter().zip(&outputs))
                {
                    if let Some(part) = &part {
                        check_fit(operation.name(), "tangent", part, output)?;
                    }
                    *slot = part;
                }
            }
            drop(given);
            for place in places.into_iter().flatten() {
                uses[place] -= 1;
                if uses[place] == 0 {
                    moving[place].iter_mut().for_each(|slot| *slot = None);
                }
            }
        }
        for (input, &tangent) in inputs.iter().zip(tangents) {
            if passage.place(input) == Some(place) {
                let slot = &mut moving[place][input.output()];
                *slot = Some(match slot.take() {
                    Some(already) => already.add(tangent)?,
                    None => tangent.clone(),
                });
            }
        }
    }
    (outputs.iter())
        .map(|y| {
            let place = passage.place(y);
            match place.and_then(|place| moving[place][y.output()].clone()) {
                Some(tangent) => Ok(tangent),
                None => Variable::zeros(y.shape(), y.dtype()),
            }
        })
        .collect()
}
