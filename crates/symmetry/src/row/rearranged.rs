//! Between the order of open blocks in one row and in the other.

use tensegrity_linalg::Field;
use tensegrity_tensor::{View, ViewMut, copy_into};

use super::forest::Factor;
use super::structure::Class;
use super::symbol::jelly_permutation;
use crate::Result;

/// How a middle tensor is rearranged.
#[derive(Debug)]
pub(crate) enum Rearranged {
    /// It stays as it is.
    Not,
    /// Axis `j` is axis `order[j]` of the source.
    Axes(Vec<usize>),
    /// Element `j` is element `index[j]` of the source.
    Index(Vec<u32>),
}

/// Axes of a middle tensor.
pub(crate) fn middle_dims(classes: &[Class], factors: &[Factor]) -> Result<Vec<usize>> {
    let mut dims = Vec::new();
    for (class, &(_, n)) in classes.iter().zip(factors) {
        dims.extend(class.dims(n)?);
    }
    Ok(dims)
}

impl Rearranged {
    /// Open block `j` of the target is open block `sigma[factor][j]` of the source.
    pub(crate) fn new(classes: &[Class], factors: &[Factor], sigma: &[&[usize]]) -> Result<Self> {
        if sigma
            .iter()
            .all(|sigma| sigma.iter().enumerate().all(|(j, &position)| j == position))
        {
            return Ok(Rearranged::Not);
        }
        let dims = middle_dims(classes, factors)?;
        let mut order: Vec<usize> = (0..dims.len()).collect();
        let mut maps: Vec<Option<Vec<u32>>> = vec![None; dims.len()];
        let mut start = 0;
        for ((class, &(_, n)), sigma) in classes.iter().zip(factors).zip(sigma) {
            if let Class::Jelly { open, legs } = *class {
                maps[start] = Some(jelly_permutation(n, open, legs, sigma));
            } else {
                for (j, &position) in sigma.iter().enumerate() {
                    order[start + j] = start + position;
                }
            }
            start += class.dims(n)?.len();
        }
        if maps.iter().all(Option::is_none) {
            return Ok(Rearranged::Axes(order));
        }
        Ok(Rearranged::Index(index_map(&dims, &order, &maps)))
    }

    /// Sets `target`; both are `[rows, dims...]`.
    pub(crate) fn forward<T: Field>(
        &self,
        source: &[T],
        target: &mut [T],
        rows: usize,
        dims: &[usize],
    ) {
        match self {
            Rearranged::Not => target.copy_from_slice(source),
            Rearranged::Axes(order) => {
                let mut shape = vec![rows];
                shape.extend(dims);
                let mut moved = vec![0];
                moved.extend(order.iter().map(|axis| axis + 1));
                let view = View::from_slice(source, &shape);
                if let Ok(view) = view.permuted(&moved) {
                    let shape = view.shape().to_vec();
                    let mut target = ViewMut::from_slice(target, &shape);
                    // The shapes are equal by construction.
                    let copied = copy_into(&mut target, &view);
                    debug_assert!(copied.is_ok());
                }
            }
            Rearranged::Index(index) => {
                let size = index.len();
                for row in 0..rows {
                    let source = &source[row * size..][..size];
                    let target = &mut target[row * size..][..size];
                    target
                        .iter_mut()
                        .zip(index)
                        .for_each(|(t, &i)| *t = source[i as usize]);
                }
            }
        }
    }

    /// Adds the transpose.
    pub(crate) fn backward<T: Field>(
        &self,
        source: &[T],
        target: &mut [T],
        rows: usize,
        dims: &[usize],
    ) {
        match self {
            Rearranged::Not => {
                target
                    .iter_mut()
                    .zip(source)
                    .for_each(|(t, &s)| *t = t.add(s));
            }
            Rearranged::Axes(order) => {
                let mut inverse = vec![0; order.len()];
                for (j, &axis) in order.iter().enumerate() {
                    inverse[axis] = j;
                }
                let mut moved = vec![T::ZERO; source.len()];
                Rearranged::Axes(inverse).forward(source, &mut moved, rows, dims);
                target
                    .iter_mut()
                    .zip(moved)
                    .for_each(|(t, s)| *t = t.add(s));
            }
            Rearranged::Index(index) => {
                let size = index.len();
                for row in 0..rows {
                    let source = &source[row * size..][..size];
                    let target = &mut target[row * size..][..size];
                    for (&i, &s) in index.iter().zip(source) {
                        target[i as usize] = target[i as usize].add(s);
                    }
                }
            }
        }
    }
}

/// Source of every element when axis `j` of the target is axis `order[j]` of the
/// source, read through a map where there is one.
fn index_map(dims: &[usize], order: &[usize], maps: &[Option<Vec<u32>>]) -> Vec<u32> {
    let strides = crate::row::strided::contiguous(dims);
    let size: usize = dims.iter().product();
    let mut found = Vec::with_capacity(size);
    for flat in 0..size {
        let mut source = 0;
        for axis in 0..dims.len() {
            let i = flat / strides[axis] % dims[axis];
            let i = maps[axis].as_ref().map_or(i, |map| map[i] as usize);
            source += i * strides[order[axis]];
        }
        found.push(source as u32);
    }
    found
}
