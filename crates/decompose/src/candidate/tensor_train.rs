//! Tensor train families: axes, groups of axes or digits of axes in a chain.
//!
//! `tt` chains the array's axes in several orders; with the pixels of a block
//! as one group and the blocks as the other it is the Karhunen–Loève
//! transform of blocks. `qtt` splits axes into their digits (quantised tensor
//! train) and chains them axis by axis or interleaved, coarse to fine.

use tensegrity_fit::{
    Candidate, Draft, Family, Fineness, Goal, Layout, Outlook, Problem, Progress, Quantised,
    Representation, Result, Spectrum, Steps, with_working,
};
use tensegrity_linalg::{Field, SvdMethod, Truncation, matmul, truncated_svd};
use tensegrity_tensor::{DType, Tensor};

use super::failed;
use super::matrix::{Metric, apply, conjugate, coordinates, inner, select_rows, squared_norm};
use super::spans::{blocks, digits};

/// Elements up to which every order and variant is tried.
const THOROUGH: usize = 1 << 18;

/// A chain to try: groups of finer axes, one per core.
struct Chain {
    layout: Layout,
    groups: Vec<Vec<usize>>,
    name: String,
}

#[derive(Debug)]
pub(super) struct TensorTrainCandidate;

impl Candidate for TensorTrainCandidate {
    fn name(&self) -> &str {
        "tt"
    }

    fn propose<'p>(
        &self,
        problem: &'p Problem<'p>,
        progress: &Progress<'_>,
    ) -> Result<Vec<Box<dyn Family + 'p>>> {
        let mut chains = axis_chains(problem);
        if !problem.is_long() {
            chains.extend(block_chains(problem.shape()));
        }
        decompose("tt", problem, chains, progress)
    }
}

#[derive(Debug)]
pub(super) struct QuantisedTensorTrainCandidate;

impl Candidate for QuantisedTensorTrainCandidate {
    fn name(&self) -> &str {
        "qtt"
    }

    fn propose<'p>(
        &self,
        problem: &'p Problem<'p>,
        progress: &Progress<'_>,
    ) -> Result<Vec<Box<dyn Family + 'p>>> {
        decompose("qtt", problem, digit_chains(problem), progress)
    }
}

fn decompose<'p>(
    structure: &'static str,
    problem: &'p Problem<'p>,
    chains: Vec<Chain>,
    progress: &Progress<'_>,
) -> Result<Vec<Box<dyn Family + 'p>>> {
    let mut families: Vec<Box<dyn Family + 'p>> = Vec::new();
    for chain in chains {
        progress.check()?;
        let family = with_working!(problem, x => Train::decompose(structure, problem, x, chain)?);
        families.extend(family);
    }
    Ok(families)
}

/// Orders of the array's own axes: all of them for up to three, the natural,
/// the reversed and the sorted ones above.
fn axis_chains(problem: &Problem<'_>) -> Vec<Chain> {
    let shape = problem.shape();
    let long: Vec<usize> = (0..shape.len()).filter(|&axis| shape[axis] > 1).collect();
    if long.len() < 2 {
        return vec![];
    }
    let mut orders = if problem.is_long() {
        vec![long.clone()]
    } else if long.len() <= 3 {
        permutations(&long)
    } else {
        let mut ascending = long.clone();
        ascending.sort_by_key(|&axis| shape[axis]);
        let reversed = long.iter().rev().copied().collect();
        vec![long.clone(), reversed, ascending]
    };
    orders.dedup();
    if problem.len() > THOROUGH {
        // A chain read backwards has the same bonds.
        let mut seen: Vec<Vec<usize>> = Vec::new();
        orders.retain(|order| {
            let backwards: Vec<usize> = order.iter().rev().copied().collect();
            let fresh = !seen.contains(&backwards);
            seen.push(order.clone());
            fresh
        });
    }
    let layout = Layout::plain(shape);
    orders
        .into_iter()
        .map(|order| {
            let name: Vec<String> = order.iter().map(usize::to_string).collect();
            let mut groups: Vec<Vec<usize>> = order.into_iter().map(|axis| vec![axis]).collect();
            // Axes of length one ride along.
            let last = groups.last_mut().expect("at least two axes");
            last.extend((0..shape.len()).filter(|&axis| shape[axis] == 1));
            Chain {
                layout: layout.clone(),
                groups,
                name: format!("axes {}", name.join(",")),
            }
        })
        .collect()
}

fn permutations(items: &[usize]) -> Vec<Vec<usize>> {
    let Some((&first, rest)) = items.split_first() else {
        return vec![vec![]];
    };
    let mut result = Vec::new();
    for smaller in permutations(rest) {
        for at in 0..=smaller.len() {
            let mut order = smaller.clone();
            order.insert(at, first);
            result.push(order);
        }
    }
    result.sort();
    result
}

/// The pixels of a block (with short axes such as colour) against the blocks.
fn block_chains(shape: &[usize]) -> Vec<Chain> {
    blocks(shape, &[4, 8, 16], true)
        .into_iter()
        .filter_map(|named| {
            let fine = named.layout.fine_shape();
            let (mut inside, mut outside) = (Vec::new(), Vec::new());
            let mut number = 0;
            for split in named.layout.factors() {
                for part in 0..split.len() {
                    let short = split.len() == 1 && split[0] <= 16;
                    if part > 0 || short {
                        inside.push(number);
                    } else {
                        outside.push(number);
                    }
                    number += 1;
                }
            }
            inside.sort_by_key(|&axis| fine[axis]);
            let size: usize = inside.iter().map(|&axis| fine[axis]).product();
            let places: usize = outside.iter().map(|&axis| fine[axis]).product();
            (size <= 1024 && 2 * places >= size).then(|| Chain {
                name: format!("{} as vectors", named.name),
                layout: named.layout,
                groups: vec![inside, outside],
            })
        })
        .collect()
}

/// Digits axis by axis, interleaved, and one core per interleaved level.
fn digit_chains(problem: &Problem<'_>) -> Vec<Chain> {
    let shape = problem.shape();
    if problem.is_long() || problem.len() < 8 {
        return vec![];
    }
    let split: Option<Vec<Vec<usize>>> = shape.iter().map(|&length| digits(length, true)).collect();
    let Some(factors) = split else { return vec![] };
    let factors: Vec<Vec<usize>> = factors
        .into_iter()
        .map(|digits| if digits.is_empty() { vec![1] } else { digits })
        .collect();
    let Ok(layout) = Layout::new(shape, factors) else {
        return vec![];
    };
    if layout.padded_shape().iter().product::<usize>() > 2 * problem.len() {
        return vec![];
    }
    let mut starts = Vec::new();
    let mut count = 0;
    for split in layout.factors() {
        starts.push(count);
        count += split.len();
    }
    let deepest = layout.factors().iter().map(Vec::len).max().unwrap_or(0);
    let mut levels: Vec<Vec<usize>> = Vec::new();
    for level in 0..deepest {
        let digit = |(axis, split): (usize, &Vec<usize>)| {
            (level < split.len()).then(|| starts[axis] + level)
        };
        levels.push(
            layout
                .factors()
                .iter()
                .enumerate()
                .filter_map(digit)
                .collect(),
        );
    }
    let levels_differ = levels.iter().any(|level| level.len() > 1);
    let single = |order: Vec<usize>| -> Vec<Vec<usize>> {
        order.into_iter().map(|axis| vec![axis]).collect()
    };
    let mut chains = vec![
        ("digits axis by axis", single((0..count).collect())),
        ("digits interleaved", single(levels.concat())),
        ("digits level by level", levels),
    ];
    if problem.len() > THOROUGH && levels_differ {
        // The middle bonds of a long chain cost most: one variant has to do.
        chains.drain(..1);
        chains.truncate(1);
    }
    chains.dedup_by(|a, b| a.1 == b.1);
    chains
        .into_iter()
        .filter(|(_, groups)| groups.len() > 1)
        .map(|(name, groups)| Chain {
            layout: layout.clone(),
            groups,
            name: name.into(),
        })
        .collect()
}

/// A tensor train with orthonormal cores but for the last.
struct Train<T> {
    structure: &'static str,
    chain: Chain,
    dtype: DType,
    /// Core `k` as a matrix of one row per right bond index, [r_k, r_{k-1}·n_k].
    cores: Vec<Tensor<T>>,
    /// The last core, [r_{d-1}, n_d].
    last: Tensor<T>,
    /// Singular values at each bond: the kept ones belong to the rows.
    values: Vec<Vec<f64>>,
    lost: f64,
    total: f64,
}

struct Cut {
    draft: Draft,
    distance: f64,
}

impl<T: Field> Train<T> {
    fn decompose<'p>(
        structure: &'static str,
        problem: &'p Problem<'p>,
        x: &Tensor<T>,
        chain: Chain,
    ) -> Result<Option<Box<dyn Family + 'p>>>
    where
        T: 'p,
    {
        let layout = &chain.layout;
        let fine = if layout.is_padded() {
            layout.spread(&x.view())?
        } else {
            x.clone().reshaped(&layout.fine_shape())?
        };
        let order = chain.groups.concat();
        let lengths: Vec<usize> = chain
            .groups
            .iter()
            .map(|group| group.iter().map(|&axis| fine.shape()[axis]).product())
            .collect();
        let norm = fine.norm();
        let mut rest = if order.is_sorted() {
            fine
        } else {
            fine.permuted(&order)?
        };
        let bonds = lengths.len() - 1;
        // Truncation may use a share of the error that shrinks the work where
        // there is much of it; the fineness decides about the rest.
        let share = match problem.len() {
            _ if problem.is_large() => 0.7,
            length if length > THOROUGH => 0.35,
            _ => 0.1,
        };
        let tolerance = match problem.goal() {
            Goal::Error(error) => share * error.min(1.0) * norm / (bonds as f64).sqrt(),
            _ => 1e-7 * norm,
        };
        let (mut cores, mut values) = (Vec::new(), Vec::new());
        let mut rank = 1;
        let mut lost = 0.0;
        for &length in &lengths[..bonds] {
            let rows = rank * length;
            let columns = rest.len() / rows;
            let matrix = rest.reshaped(&[rows, columns])?;
            // A core larger than the file allowed cannot be stored.
            let most = match problem.goal() {
                Goal::Bytes(bytes) => Some((bytes.saturating_mul(4) as usize / rows).max(1)),
                _ => None,
            };
            let truncation = Truncation {
                max_rank: most,
                tolerance,
            };
            let found = truncated_svd(&matrix.view(), &truncation, SvdMethod::Auto)
                .map_err(|error| failed(structure, error))?;
            drop(matrix);
            rank = found.s.len();
            if problem.is_large() && 2 * rank > rows {
                return Ok(None);
            }
            lost += found.discarded * found.discarded;
            let mut next = found.vh.into_vec();
            for (row, &s) in next.chunks_exact_mut(columns).zip(&found.s) {
                let scale = T::from_f64(s, 0.0);
                row.iter_mut().for_each(|value| *value = value.mul(scale));
            }
            rest = Tensor::from_vec(next, &[rank, columns])?;
            cores.push(found.u.permuted(&[1, 0])?);
            values.push(found.s);
        }
        let last = rest.reshaped(&[rank, lengths[bonds]])?;
        Ok(Some(Box::new(Self {
            structure,
            dtype: problem.dtype(),
            chain,
            cores,
            last,
            values,
            lost,
            total: problem.squared_norm(),
        })))
    }

    fn cut(&self, fineness: Fineness) -> Result<Cut> {
        let fine = self.chain.layout.fine_shape();
        let outputs = fine.len() as u32;
        let mut dims = fine.clone();
        let mut nodes: Vec<(Quantised, Vec<u32>)> = Vec::new();
        // What stands between the quantised cores and the next exact one.
        let mut change: Option<Tensor<T>> = None;
        let mut metric: Option<Metric<T>> = None;
        let mut rank = 1;
        for (k, core) in self.cores.iter().enumerate() {
            let group = &self.chain.groups[k];
            let right = core.shape()[0];
            let size = core.len() / right / self.left_rank(k);
            // [r_k, r_{k-1}, n_k] with the left bond in the coordinates stored.
            let mut exact = core.clone().reshaped(&[right, self.left_rank(k), size])?;
            if let Some(change) = &change {
                exact = apply(self.structure, &change.view(), &exact, 1)?;
            }
            let target = exact.clone().reshaped(&[right, rank * size])?;
            let mut shape = vec![right, rank];
            shape.extend(group.iter().map(|&axis| fine[axis]));
            if k == 0 {
                shape.remove(1);
            }
            let steps = Steps::for_weights(&self.values[k]);
            let mut node = Quantised::new(target.as_slice(), &shape, steps, fineness);
            let mut live = node.live(0);
            if !live.contains(&true) {
                live[0] = true;
            }
            node.retain(0, &live);
            let kept = live.iter().filter(|&&live| live).count();
            let rounded = Tensor::from_vec(node.values::<T>(fineness.step), &[kept, rank * size])?;
            change = Some(if node.nonzero() == 0 {
                select_rows(&Tensor::eye(right)?, &live)?
            } else {
                coordinates(self.structure, &rounded, &target)?
            });
            metric = Some(self.metric(k, metric.as_ref(), &rounded, rank)?);
            let mut wires = vec![outputs + k as u32];
            if k > 0 {
                wires.push(outputs + k as u32 - 1);
            }
            wires.extend(group.iter().map(|&axis| axis as u32));
            dims.push(kept);
            nodes.push((node, wires));
            rank = kept;
        }
        let change = change.expect("a chain has a bond");
        let last = apply(self.structure, &change.view(), &self.last, 0)?;
        let group = self.chain.groups.last().expect("a chain has cores");
        let mut shape = vec![rank];
        shape.extend(group.iter().map(|&axis| fine[axis]));
        let node = Quantised::new(last.as_slice(), &shape, Steps::Uniform(0), fineness);
        let rounded = Tensor::from_vec(node.values::<T>(fineness.step), last.shape())?;
        let metric = metric.expect("a chain has a bond");
        let seen = apply(
            self.structure,
            &metric.overlap.view().permuted(&[1, 0])?,
            &rounded,
            0,
        )?;
        let weighed = apply(
            self.structure,
            &metric.gram.view().permuted(&[1, 0])?,
            &rounded,
            0,
        )?;
        let gap =
            squared_norm(&self.last) - 2.0 * inner(&self.last, &seen) + inner(&rounded, &weighed);
        let distance = self.lost + gap.max(0.0);
        let mut wires = vec![outputs + self.cores.len() as u32 - 1];
        wires.extend(group.iter().map(|&axis| axis as u32));
        nodes.push((node, wires));
        let mut draft = Draft::new(dims, (0..outputs).collect());
        // The last core is the largest and teaches the coder most.
        for (node, wires) in nodes.into_iter().rev() {
            draft.push(node, wires);
        }
        draft.trim();
        Ok(Cut { draft, distance })
    }

    /// Overlap of the quantised left basis after core `k` with the exact one,
    /// and its Gram matrix; `core` is [r'_k, r'_{k-1}·n_k].
    fn metric(
        &self,
        k: usize,
        left: Option<&Metric<T>>,
        core: &Tensor<T>,
        rank: usize,
    ) -> Result<Metric<T>> {
        let name = self.structure;
        let exact = &self.cores[k];
        let Some(left) = left else {
            return Metric::new(name, core, exact);
        };
        let right = core.shape()[0];
        let cube = core
            .clone()
            .reshaped(&[right, rank, core.len() / right / rank])?;
        let carry = |matrix: &Tensor<T>, other: &Tensor<T>| -> Result<Tensor<T>> {
            let moved = apply(name, &matrix.view().permuted(&[1, 0])?, &cube, 1)?;
            let flat = moved.reshaped(&[right, other.shape()[1]])?;
            let adjoint = conjugate(other);
            matmul(&flat.view(), &adjoint.view().permuted(&[1, 0])?)
                .map_err(|error| failed(name, error))
        };
        Ok(Metric {
            overlap: carry(&left.overlap, exact)?,
            gram: carry(&left.gram, core)?,
        })
    }

    fn left_rank(&self, k: usize) -> usize {
        if k == 0 {
            1
        } else {
            self.cores[k - 1].shape()[0]
        }
    }
}

impl<T: Field> Family for Train<T> {
    fn structure(&self) -> &str {
        self.structure
    }

    fn detail(&self) -> String {
        self.chain.name.clone()
    }

    fn build(&mut self, fineness: Fineness) -> Result<Representation> {
        let cut = self.cut(fineness)?;
        cut.draft.finish(
            self.structure,
            self.chain.layout.clone(),
            self.dtype,
            fineness.step,
        )
    }

    fn outlook(&mut self, _: &Problem<'_>, fineness: Fineness) -> Result<Outlook> {
        let cut = self.cut(fineness)?;
        Ok(Outlook {
            error: (cut.distance / self.total).sqrt(),
            bytes: cut.draft.estimated_bytes(),
        })
    }

    fn spectra(&self) -> Vec<Spectrum> {
        let spectrum = |(bond, values): (usize, &Vec<f64>)| Spectrum {
            name: format!("bond {}", bond + 1),
            values: values.clone(),
        };
        self.values.iter().enumerate().map(spectrum).collect()
    }
}
