//! Roots of the statistics: at once, or beside the steps.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use tensegrity_linalg::{Ridge, RootMethod, RootTask, inverse_roots};
use tensegrity_tensor::View;

use super::block::{Mode, is_warm};
use crate::state::Archive;
use crate::{Float, Result};

/// How roots are computed in one refresh.
#[derive(Clone, Copy)]
pub(super) struct Recipe {
    pub(super) method: RootMethod,
    pub(super) ridge: Ridge,
    /// What the statistics are divided by.
    pub(super) correction: f64,
}

/// The root of a mode, or nothing if there is none; the basis it came with.
#[derive(Default)]
pub(super) struct ModeRoot<S> {
    root: Vec<S>,
    basis: Vec<S>,
}

/// What a root is computed from.
struct Source<'a, S> {
    /// Length of the mode, or nothing for a diagonal.
    length: Option<usize>,
    p: f64,
    statistics: &'a [S],
    basis: &'a [S],
}

/// The roots of all sources, in one batch over the threads.
fn roots<S: Float>(sources: &[Source<'_, S>], recipe: Recipe) -> Vec<ModeRoot<S>> {
    let Recipe {
        method,
        ridge,
        correction,
    } = recipe;
    // (H/c + ε)^(−1/p) = c^(1/p)·(H + c·ε)^(−1/p) spares the copies of H/c.
    let ridge = match ridge {
        Ridge::Absolute(eps) => Ridge::Absolute(eps * correction),
        relative => relative,
    };
    let mut tasks = Vec::new();
    for source in sources {
        if let Some(length) = source.length {
            let square = |values| View::from_slice(values, &[length, length]);
            tasks.push(RootTask {
                matrix: square(source.statistics),
                p: source.p,
                start: (!source.basis.is_empty()).then(|| square(source.basis)),
            });
        }
    }
    let mut found = inverse_roots(&tasks, ridge, method).into_iter();
    let one = |source: &Source<'_, S>| {
        let mut result = if source.length.is_none() {
            ModeRoot {
                root: diagonal_root(source.statistics, source.p, ridge),
                basis: Vec::new(),
            }
        } else {
            let found = found.next().and_then(std::result::Result::ok);
            found.map_or_else(ModeRoot::default, |found| ModeRoot {
                root: found.root.into_vec(),
                basis: found
                    .basis
                    .filter(|_| is_warm(method))
                    .map_or_else(Vec::new, |basis| basis.into_vec()),
            })
        };
        if correction != 1.0 {
            let factor = S::of(correction.powf(1.0 / source.p));
            result.root.iter_mut().for_each(|x| *x *= factor);
        }
        result
    };
    sources.iter().map(one).collect()
}

/// The root of a diagonal; nothing if it leaves the range of numbers.
fn diagonal_root<S: Float>(statistics: &[S], p: f64, ridge: Ridge) -> Vec<S> {
    let most = statistics.iter().map(|h| h.to_f64()).fold(0.0, f64::max);
    let ridge = match ridge {
        Ridge::Absolute(eps) => eps,
        Ridge::Relative(eps) => eps * most,
    };
    let root: Vec<S> = statistics
        .iter()
        .map(|h| S::of((h.to_f64() + ridge).powf(-1.0 / p)))
        .collect();
    match root.iter().all(|x| x.to_f64().is_finite()) {
        true => root,
        false => Vec::new(),
    }
}

/// The roots of the modes as they are now; `p` is the root's order of each.
pub(super) fn now<'a, S: Float>(
    modes: impl Iterator<Item = (&'a Mode<S>, f64)>,
    recipe: Recipe,
) -> Vec<ModeRoot<S>> {
    let sources: Vec<Source<'_, S>> = modes
        .map(|(mode, p)| Source {
            length: (!mode.diagonal).then_some(mode.length),
            p,
            statistics: &mode.statistics,
            basis: &mode.basis,
        })
        .collect();
    roots(&sources, recipe)
}

/// Puts roots in place of those of the modes; the number computed and failed.
pub(super) fn install<'a, S: Float>(
    modes: impl Iterator<Item = &'a mut Mode<S>>,
    found: Vec<ModeRoot<S>>,
) -> (usize, usize) {
    let (mut computed, mut failed) = (0, 0);
    for (mode, ModeRoot { root, basis }) in modes.zip(found) {
        if root.is_empty() && !mode.statistics.is_empty() {
            failed += 1;
            continue;
        }
        mode.root = root;
        if !basis.is_empty() {
            mode.basis = basis;
        }
        computed += 1;
    }
    (computed, failed)
}

/// Roots that are being computed, or wait for the step they are due at.
pub(super) struct Background<S> {
    /// Step the roots are taken at; zero if none are on their way.
    due: u64,
    running: Option<JoinHandle<Vec<ModeRoot<S>>>>,
    /// One for every mode, once `running` has ended.
    ready: Vec<ModeRoot<S>>,
}

impl<S: Float> Background<S> {
    pub(super) fn new(modes: usize) -> Self {
        Self {
            due: 0,
            running: None,
            ready: (0..modes).map(|_| ModeRoot::default()).collect(),
        }
    }

    /// Begins with the roots of the modes as they are now.
    pub(super) fn begin<'a>(
        &mut self,
        modes: impl Iterator<Item = (&'a Mode<S>, f64)>,
        recipe: Recipe,
        due: u64,
    ) {
        self.settle();
        self.due = due;
        let copies: Arc<[Copied<S>]> = modes
            .map(|(mode, p)| Copied {
                length: (!mode.diagonal).then_some(mode.length),
                p,
                statistics: mode.statistics.clone(),
                basis: mode.basis.clone(),
            })
            .collect();
        let theirs = Arc::clone(&copies);
        let thread = Builder::new().name("tensegrity-roots".into());
        match thread.spawn(move || of_copies(&theirs, recipe)) {
            Ok(running) => self.running = Some(running),
            // A system without another thread: who computes changes no bit.
            Err(_) => self.ready = of_copies(&copies, recipe),
        }
    }

    /// The roots, if they are due at this step; waits for them if they must be.
    pub(super) fn due(&mut self, step: u64) -> Option<Vec<ModeRoot<S>>> {
        if self.due != step {
            return None;
        }
        self.settle();
        self.due = 0;
        let empty = self.ready.iter().map(|_| ModeRoot::default()).collect();
        Some(std::mem::replace(&mut self.ready, empty))
    }

    /// Waits for the roots that are being computed.
    fn settle(&mut self) {
        if let Some(running) = self.running.take()
            && let Ok(found) = running.join()
        {
            self.ready = found;
        }
    }

    /// Names its numbers; `sizes` are those of the modes' statistics.
    pub(super) fn archive(&mut self, sizes: &[usize], archive: &mut Archive<'_>) -> Result<()> {
        self.settle();
        archive.count("background/due".into(), &mut self.due)?;
        for (number, (mode, &size)) in self.ready.iter_mut().zip(sizes).enumerate() {
            let fits = |n: usize| n == 0 || n == size;
            archive.variable(format!("background/root/{number}"), &mut mode.root, fits)?;
            archive.variable(format!("background/basis/{number}"), &mut mode.basis, fits)?;
        }
        Ok(())
    }
}

/// A source of its own.
struct Copied<S> {
    length: Option<usize>,
    p: f64,
    statistics: Vec<S>,
    basis: Vec<S>,
}

fn of_copies<S: Float>(copies: &[Copied<S>], recipe: Recipe) -> Vec<ModeRoot<S>> {
    let sources: Vec<Source<'_, S>> = copies
        .iter()
        .map(|copy| Source {
            length: copy.length,
            p: copy.p,
            statistics: &copy.statistics,
            basis: &copy.basis,
        })
        .collect();
    roots(&sources, recipe)
}
