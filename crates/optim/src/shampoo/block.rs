//! Blocks of a parameter and the preconditioner of each mode of a block.

use std::ops::Range;

use tensegrity_linalg::RootMethod;

use super::Shampoo;
use crate::modal::{mode_gram, mode_product, mode_scale, mode_squares};
use crate::state::Archive;
use crate::{Float, Result};

/// A part of a parameter with its own statistics.
pub(super) struct Block<S> {
    pub(super) ranges: Vec<Range<usize>>,
    pub(super) dims: Vec<usize>,
    pub(super) modes: Vec<Mode<S>>,
}

/// The preconditioner of one mode.
pub(super) struct Mode<S> {
    pub(super) length: usize,
    pub(super) diagonal: bool,
    /// `H` without ε, n×n, or its diagonal.
    pub(super) statistics: Vec<S>,
    /// The inverse root, or its diagonal; empty until there is one.
    pub(super) root: Vec<S>,
    /// Eigenvectors for a warm start; empty if the method wants none.
    pub(super) basis: Vec<S>,
}

/// The dimensions a parameter is preconditioned in: at least one.
pub(super) fn dimensions(shape: &[usize], squeeze: bool, merge: Option<usize>) -> Vec<usize> {
    let kept = shape.iter().copied().filter(|&n| n != 1 || !squeeze);
    let mut dims: Vec<usize> = Vec::new();
    for n in kept {
        match (merge, dims.last_mut()) {
            (Some(most), Some(last)) if last.saturating_mul(n) <= most => *last *= n,
            _ => dims.push(n),
        }
    }
    if dims.is_empty() {
        dims.push(1);
    }
    dims
}

/// Every combination of the pieces of at most `most` along each dimension.
pub(super) fn cut(dims: &[usize], most: Option<usize>) -> Vec<Vec<Range<usize>>> {
    let mut blocks = vec![Vec::new()];
    for &n in dims {
        let step = most.unwrap_or(n).max(1);
        let pieces: Vec<Range<usize>> = (0..n)
            .step_by(step)
            .map(|start| start..(start + step).min(n))
            .collect();
        blocks = blocks
            .iter()
            .flat_map(|block: &Vec<Range<usize>>| {
                pieces
                    .iter()
                    .map(|piece| [block.clone(), vec![piece.clone()]].concat())
            })
            .collect();
    }
    blocks
}

impl<S: Float> Block<S> {
    pub(super) fn new(ranges: Vec<Range<usize>>, options: &Shampoo) -> Self {
        let dims: Vec<usize> = ranges.iter().map(Range::len).collect();
        let modes = dims
            .iter()
            .map(|&length| {
                let diagonal = length > options.diagonal_above;
                let size = if diagonal { length } else { length * length };
                Mode {
                    length,
                    diagonal,
                    statistics: vec![S::ZERO; size],
                    root: Vec::new(),
                    basis: Vec::new(),
                }
            })
            .collect();
        Self {
            ranges,
            dims,
            modes,
        }
    }

    /// `H ← keep·H + take·G_(i)·G_(i)ᵀ` in every mode; the number of modes whose
    /// squares overflow, which stay as they are.
    pub(super) fn observe(&mut self, gradient: &[S], keep: f64, take: f64) -> Result<usize> {
        let (keep, take) = (S::of(keep), S::of(take));
        let mut failed = 0;
        for number in 0..self.modes.len() {
            let mode = &mut self.modes[number];
            let news = if mode.diagonal {
                mode_squares(gradient, &self.dims, number)
            } else {
                mode_gram(gradient, &self.dims, number)?.into_vec()
            };
            let blended = |h: S, news: S| keep * h + take * news;
            let mut pairs = mode.statistics.iter().zip(&news);
            if !pairs.all(|(&h, &news)| blended(h, news).to_f64().is_finite()) {
                failed += 1;
                continue;
            }
            for (h, news) in mode.statistics.iter_mut().zip(news) {
                *h = blended(*h, news);
            }
        }
        Ok(failed)
    }

    /// Whether every mode has a root.
    pub(super) fn is_ready(&self) -> bool {
        self.modes.iter().all(|mode| !mode.root.is_empty())
    }

    /// All roots applied to `x`, which is replaced.
    pub(super) fn apply(&self, x: &mut Vec<S>, spare: &mut Vec<S>) -> Result<()> {
        for (number, mode) in self.modes.iter().enumerate() {
            if mode.diagonal {
                mode_scale(x, &self.dims, number, &mode.root);
            } else {
                mode_product(x, &self.dims, number, &mode.root, false, spare)?;
                std::mem::swap(x, spare);
            }
        }
        Ok(())
    }

    pub(super) fn archive(&mut self, prefix: &str, archive: &mut Archive<'_>) -> Result<()> {
        for (number, mode) in self.modes.iter_mut().enumerate() {
            let size = mode.statistics.len();
            let fits = |n: usize| n == 0 || n == size;
            archive.values(
                format!("{prefix}/statistics/{number}"),
                &mut mode.statistics,
            )?;
            archive.variable(format!("{prefix}/root/{number}"), &mut mode.root, fits)?;
            archive.variable(format!("{prefix}/basis/{number}"), &mut mode.basis, fits)?;
        }
        Ok(())
    }
}

/// Whether a method starts from the last eigenvectors.
pub(super) fn is_warm(method: RootMethod) -> bool {
    matches!(method, RootMethod::Orthogonal { .. })
}
