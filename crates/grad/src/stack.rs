//! Stacks of matrices: the last two axes are a matrix, those before count them.

use tensegrity_tensor::{Array, Axes, Element, Tensor, View, parallel_map, with_room};

use crate::operation::Values;
use crate::shape::same_type;
use crate::{Error, Result};

/// The leading axes.
pub(crate) fn lead(shape: &[usize]) -> &[usize] {
    &shape[..shape.len().saturating_sub(2)]
}

/// Matrix number `number` of a stack; a vector is one itself.
pub(crate) fn matrix<T: Element>(stack: &Tensor<T>, number: usize) -> View<'_, T> {
    let shape = &stack.shape()[lead(stack.shape()).len()..];
    let size: usize = shape.iter().product();
    View::from_slice(&stack.as_slice()[number * size..(number + 1) * size], shape)
}

/// What `f` gives for every matrix of a stack, stacked; matrices are spread over
/// the threads.
pub(crate) fn stacked(
    operation: &'static str,
    lead: &[usize],
    f: impl Fn(usize) -> Result<Values> + Sync,
) -> Result<Values> {
    if lead.is_empty() {
        return f(0);
    }
    let count: usize = lead.iter().product();
    let parts: Vec<Values> = parallel_map(count, f).into_iter().collect::<Result<_>>()?;
    let Some(first) = parts.first() else {
        return Err(Error::Shape {
            operation,
            argument: "the stack of matrices".to_owned(),
            found: lead.to_vec(),
            wanted: "its leading axes count no matrix; it needs one or more".to_owned(),
        });
    };
    let joined = |output: usize| -> Result<Array> {
        let arrays = parts.iter().map(|part| &part[output]);
        Ok(same_type!(&first[output], x => joined(x, arrays, lead)?))
    };
    (0..first.len()).map(joined).collect()
}

fn joined<'a, T: Element>(
    first: &Tensor<T>,
    parts: impl ExactSizeIterator<Item = &'a Array>,
    lead: &[usize],
) -> Result<Tensor<T>> {
    let mut data = with_room(first.len() * parts.len());
    for part in parts {
        data.extend_from_slice(part.typed::<T>()?.as_slice());
    }
    let shape: Axes = lead.iter().chain(first.shape()).copied().collect();
    Ok(Tensor::from_vec(data, &shape)?)
}
