//! Tucker families: a core and one orthonormal basis for each of some axes.
//!
//! On an array as it is this is the Tucker decomposition. On an array split
//! into blocks, with bases for the axes inside blocks and none for the axes
//! that number them, it is block transform coding with a separable transform
//! learnt from the data (a Karhunen–Loève transform per axis).

use tensegrity_fit::{
    Candidate, Draft, Family, Fineness, Goal, Layout, Outlook, Problem, Progress, Quantised,
    Representation, Result, Spectrum, Steps, with_working,
};
use tensegrity_linalg::{Field, gram_columns, gram_rows};
use tensegrity_tensor::{DType, Tensor};

use super::failed;
use super::matrix::{
    Basis, Metric, apply, conjugate, coordinates, inner, leading, select_rows, slice_norms,
    squared_norm,
};
use super::spans::{Named, blocks};

/// Part of the squared error allowed that truncation before quantisation may use.
const TRUNCATION: f64 = 1e-3;
/// The same for large arrays, whose noise must go before anything is copied.
const TRUNCATION_LARGE: f64 = 0.5;
/// Sides of blocks that are tried.
const SIDES: [usize; 5] = [4, 8, 16, 32, 64];

#[derive(Debug)]
pub(super) struct TuckerCandidate;

impl Candidate for TuckerCandidate {
    fn name(&self) -> &str {
        "tucker"
    }

    fn propose<'p>(
        &self,
        problem: &'p Problem<'p>,
        progress: &Progress<'_>,
    ) -> Result<Vec<Box<dyn Family + 'p>>> {
        with_working!(problem, x => propose(problem, x, progress))
    }
}

fn propose<'p, T: Field>(
    problem: &'p Problem<'p>,
    x: &Tensor<T>,
    progress: &Progress<'_>,
) -> Result<Vec<Box<dyn Family + 'p>>> {
    let shape = problem.shape();
    let mut families: Vec<Box<dyn Family + 'p>> = Vec::new();
    if problem.len() < 2 {
        return Ok(families);
    }
    let plain = Named {
        layout: Layout::plain(shape),
        name: "whole axes".into(),
        inner: vec![],
    };
    let long: Vec<usize> = (0..shape.len()).filter(|&axis| shape[axis] > 1).collect();
    if long.len() > 1 {
        families.extend(Tucker::decompose(problem, x, plain, long)?);
    }
    if problem.is_large() {
        return Ok(families);
    }
    let sides = if problem.is_long() {
        &SIDES[2..3]
    } else {
        &SIDES[..]
    };
    for named in blocks(shape, sides, true) {
        progress.check()?;
        // Inside blocks, and along short axes such as colour.
        let mut number = 0;
        let mut factored = named.inner.clone();
        for split in named.layout.factors() {
            if split.len() == 1 && (2..=16).contains(&split[0]) {
                factored.push(number);
            }
            number += split.len();
        }
        factored.sort_unstable();
        families.extend(Tucker::decompose(problem, x, named, factored)?);
    }
    Ok(families)
}

struct Tucker<T> {
    name: String,
    layout: Layout,
    dtype: DType,
    /// Finer axes with a basis, in the order of the core's axes.
    factored: Vec<usize>,
    /// Finer axis of each axis of the core.
    order: Vec<usize>,
    bases: Vec<Basis<T>>,
    core: Tensor<T>,
    /// Norms of the core's slices along each factored axis.
    weights: Vec<Vec<f64>>,
    /// Squared norm of what the bases leave out.
    lost: f64,
    total: f64,
}

/// A quantised Tucker decomposition.
struct Cut<T> {
    draft: Draft,
    /// The core as a decoder sees it, and the quantised bases measured by the exact ones.
    core: Tensor<T>,
    metrics: Vec<Metric<T>>,
}

impl<T: Field> Tucker<T> {
    fn decompose<'p>(
        problem: &'p Problem<'p>,
        x: &Tensor<T>,
        named: Named,
        factored: Vec<usize>,
    ) -> Result<Option<Box<dyn Family + 'p>>>
    where
        T: 'p,
    {
        let total = problem.squared_norm();
        let layout = named.layout;
        let mut fine = if layout.is_padded() {
            layout.spread(&x.view())?
        } else {
            x.clone().reshaped(&layout.fine_shape())?
        };
        let allowed = match problem.goal() {
            Goal::Error(error) => {
                let large = problem.is_large();
                let part = if large { TRUNCATION_LARGE } else { TRUNCATION };
                part * error.min(1.0).powi(2) * total
            }
            _ => 1e-12 * total,
        };
        // A basis larger than the file allowed cannot be stored.
        let most = match problem.goal() {
            Goal::Bytes(bytes) => bytes.saturating_mul(4) as usize,
            _ => usize::MAX,
        };
        let before = squared_norm(&fine);
        // Short axes first: they are cheap and leave less for the long ones.
        let mut todo = factored.clone();
        todo.sort_by_key(|&axis| (fine.shape()[axis], axis));
        let mut found: Vec<(usize, Basis<T>)> = Vec::new();
        for &axis in &todo {
            let gram = mode_gram(&fine, axis)?;
            let length = fine.shape()[axis];
            let rank = (most / length).max(1);
            let basis = leading("tucker", &gram, allowed / todo.len() as f64, rank)?;
            let kept = basis.rows.shape()[0];
            if problem.is_large() && 2 * kept > length {
                // Not low-rank, and a second working copy would not fit.
                return Ok(None);
            }
            fine = apply("tucker", &conjugate(&basis.rows).view(), &fine, axis)?;
            found.push((axis, basis));
        }
        let lost = (before - squared_norm(&fine)).max(0.0);
        // Bands outside, places inside: neighbours in a plane look alike.
        let mut factored = factored;
        factored.sort_by_key(|&axis| (fine.shape()[axis], axis));
        let mut order = factored.clone();
        order.extend((0..fine.ndim()).filter(|axis| !factored.contains(axis)));
        let core = fine.permuted(&order)?;
        let bases: Vec<Basis<T>> = factored
            .iter()
            .map(|axis| {
                let position = found.iter().position(|(known, _)| known == axis);
                found
                    .swap_remove(position.expect("every factored axis has a basis"))
                    .1
            })
            .collect();
        let weights = (0..factored.len())
            .map(|axis| slice_norms(&core, axis))
            .collect();
        Ok(Some(Box::new(Self {
            name: named.name,
            layout,
            dtype: problem.dtype(),
            factored,
            order,
            bases,
            core,
            weights,
            lost,
            total,
        })))
    }

    fn cut(&self, fineness: Fineness) -> Result<Cut<T>> {
        let fine = self.layout.fine_shape();
        let outputs = fine.len() as u32;
        let mut dims = fine.clone();
        let mut draft_nodes = Vec::new();
        let mut core = self.core.clone();
        let mut metrics = Vec::new();
        for (axis, basis) in self.bases.iter().enumerate() {
            let (kept, length) = (basis.rows.shape()[0], basis.rows.shape()[1]);
            let steps = Steps::for_weights(&self.weights[axis]);
            let mut factor =
                Quantised::new(basis.rows.as_slice(), &[kept, length], steps, fineness);
            let mut live = factor.live(0);
            if !live.contains(&true) {
                live[0] = true;
            }
            factor.retain(0, &live);
            let rank = live.iter().filter(|&&live| live).count();
            let rounded = Tensor::from_vec(factor.values::<T>(fineness.step), &[rank, length])?;
            let change = if factor.nonzero() == 0 {
                select_rows(&Tensor::eye(kept)?, &live)?
            } else {
                coordinates("tucker", &rounded, &basis.rows)?
            };
            core = apply("tucker", &change.view(), &core, axis)?;
            metrics.push(Metric::new("tucker", &rounded, &basis.rows)?);
            dims.push(rank);
            let wire = outputs + axis as u32;
            draft_nodes.push((factor, vec![wire, self.factored[axis] as u32]));
        }
        let wires: Vec<u32> = self
            .order
            .iter()
            .enumerate()
            .map(|(position, &axis)| {
                if position < self.factored.len() {
                    outputs + position as u32
                } else {
                    axis as u32
                }
            })
            .collect();
        let numbers = Quantised::new(core.as_slice(), core.shape(), Steps::Uniform(0), fineness);
        let rounded = numbers.values::<T>(fineness.step);
        let rounded = Tensor::from_vec(rounded, core.shape())?;
        let mut draft = Draft::new(dims, (0..outputs).collect());
        draft.push(numbers, wires);
        for (factor, wires) in draft_nodes {
            draft.push(factor, wires);
        }
        draft.trim();
        Ok(Cut {
            draft,
            core: rounded,
            metrics,
        })
    }

    /// `‖X − X̂‖²`, from what the cut's core stands for in its bases.
    fn distance(&self, cut: &Cut<T>) -> Result<f64> {
        let core = &cut.core;
        let mut seen = core.clone();
        let mut weighed = core.clone();
        for (axis, metric) in cut.metrics.iter().enumerate() {
            seen = apply(
                "tucker",
                &metric.overlap.view().permuted(&[1, 0])?,
                &seen,
                axis,
            )?;
            weighed = apply(
                "tucker",
                &metric.gram.view().permuted(&[1, 0])?,
                &weighed,
                axis,
            )?;
        }
        let cross = inner(&self.core, &seen);
        let norm = inner(core, &weighed);
        Ok(self.lost + (squared_norm(&self.core) - 2.0 * cross + norm).max(0.0))
    }
}

impl<T: Field> Family for Tucker<T> {
    fn structure(&self) -> &str {
        "tucker"
    }

    fn detail(&self) -> String {
        self.name.clone()
    }

    fn build(&mut self, fineness: Fineness) -> Result<Representation> {
        let cut = self.cut(fineness)?;
        cut.draft
            .finish("tucker", self.layout.clone(), self.dtype, fineness.step)
    }

    fn outlook(&mut self, _: &Problem<'_>, fineness: Fineness) -> Result<Outlook> {
        let cut = self.cut(fineness)?;
        Ok(Outlook {
            error: (self.distance(&cut)? / self.total).sqrt(),
            bytes: cut.draft.estimated_bytes(),
        })
    }

    fn spectra(&self) -> Vec<Spectrum> {
        let spectrum = |(basis, axis): (&Basis<T>, &usize)| Spectrum {
            name: format!("axis of {}", self.layout.fine_shape()[*axis]),
            values: basis.values.clone(),
        };
        self.bases
            .iter()
            .zip(&self.factored)
            .map(spectrum)
            .collect()
    }
}

/// Second moments of the fibres along `axis`: `X_(k)·X_(k)ᴴ`.
fn mode_gram<T: Field>(x: &Tensor<T>, axis: usize) -> Result<Tensor<T>> {
    let length = x.shape()[axis];
    let rest = x.len() / length.max(1);
    let wrap = |error| failed("tucker", error);
    if axis + 1 == x.ndim() {
        let matrix = x.clone().reshaped(&[rest, length])?;
        return Ok(conjugate(&gram_columns(&matrix.view()).map_err(wrap)?));
    }
    let front = if axis == 0 {
        x.clone()
    } else {
        let mut order: Vec<usize> = (0..x.ndim()).collect();
        order.remove(axis);
        order.insert(0, axis);
        x.permuted(&order)?
    };
    gram_rows(&front.reshaped(&[length, rest])?.view()).map_err(wrap)
}
