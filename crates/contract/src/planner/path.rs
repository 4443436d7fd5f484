//! Contraction paths as other libraries write them.

use crate::{Error, Result, TensorId};

/// Pairs numbered after the operands, from a path as opt_einsum and NumPy write
/// it: each group names positions in the list of what is left, is taken out of
/// it, and its product is put at the end.
///
/// Groups of more than two are contracted from the left, groups of one only
/// move to the end. What is left in the end must be one tensor.
///
/// ```
/// use tensegrity_contract::linear_to_ssa;
/// let pairs = linear_to_ssa(4, &[&[1, 2], &[0, 2], &[0, 1]])?;
/// assert_eq!(pairs, [(1, 2), (0, 4), (3, 5)]);
/// # Ok::<(), tensegrity_contract::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidPath`] for an empty group, a position repeated or beyond
/// the list, or tensors left over.
pub fn linear_to_ssa(operands: usize, groups: &[&[usize]]) -> Result<Vec<(TensorId, TensorId)>> {
    let mut left: Vec<TensorId> = (0..operands).collect();
    let mut path = Vec::with_capacity(operands.saturating_sub(1));
    for (number, &group) in groups.iter().enumerate() {
        let fault =
            |reason: String| Error::InvalidPath(format!("group {number} {group:?}: {reason}"));
        let mut sorted = group.to_vec();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(fault(format!("position {} is given twice", pair[0])));
        }
        if let Some(&last) = sorted.last()
            && last >= left.len()
        {
            return Err(fault(format!(
                "position {last} does not exist; {} tensors are left",
                left.len()
            )));
        }
        let members: Vec<TensorId> = group.iter().map(|&position| left[position]).collect();
        for &position in sorted.iter().rev() {
            left.remove(position);
        }
        let product = members.into_iter().reduce(|product, member| {
            path.push((product, member));
            operands + path.len() - 1
        });
        left.push(product.ok_or_else(|| fault("an empty group".into()))?);
    }
    if left.len() > 1 {
        return Err(Error::InvalidPath(format!(
            "{} tensors are left over: {left:?}; contract them too",
            left.len()
        )));
    }
    Ok(path)
}

/// The inverse of [`linear_to_ssa`]: positions in the list of what is left.
///
/// # Errors
/// [`Error::InvalidPath`] if a tensor is used twice, too early or never.
pub fn ssa_to_linear(
    operands: usize,
    path: &[(TensorId, TensorId)],
) -> Result<Vec<(usize, usize)>> {
    crate::tree::check_ssa(operands, path)?;
    // The list stays ascending because results are numbered in order.
    let mut left: Vec<TensorId> = (0..operands).collect();
    let mut linear = Vec::with_capacity(path.len());
    for (number, &(a, b)) in path.iter().enumerate() {
        let place = |tensor: TensorId| left.binary_search(&tensor);
        if let (Ok(a), Ok(b)) = (place(a), place(b)) {
            linear.push((a, b));
            left.remove(a.max(b));
            left.remove(a.min(b));
        }
        left.push(operands + number);
    }
    Ok(linear)
}
