//! The step of Shampoo.

use super::block::{Block, Mode, cut, dimensions};
use super::refresh::{Background, ModeRoot, Recipe, install, now};
use super::{Graft, Shampoo};
use crate::float::norm;
use crate::modal::{gather, scatter};
use crate::rule::{Buffers, Moment, Rule, Slot, Tally, blend, descend, shrink};
use crate::state::Archive;
use crate::{Float, ParameterSpec, Result, WeightDecay};

/// State with parameters in `T`, statistics and roots in `S`.
pub(super) struct ShampooRule<T, S> {
    options: Shampoo,
    preconditioners: Vec<Preconditioner<S>>,
    /// Averaged gradients.
    first: Buffers<T>,
    /// The graft's averages.
    graft: Buffers<T>,
    velocity: Buffers<T>,
    background: Background<S>,
}

/// The blocks of a parameter.
struct Preconditioner<S> {
    name: String,
    dims: Vec<usize>,
    blocks: Vec<Block<S>>,
    /// The root's order.
    p: f64,
}

impl<S: Float> Preconditioner<S> {
    fn new(spec: &ParameterSpec, options: &Shampoo) -> Self {
        let dims = dimensions(&spec.shape, options.squeeze, options.merge);
        let blocks = cut(&dims, options.block);
        let by_order = 2.0 * dims.len() as f64 / options.exponent_multiplier;
        Self {
            name: spec.name.clone(),
            blocks: blocks
                .into_iter()
                .map(|ranges| Block::new(ranges, options))
                .collect(),
            p: options.root_order.unwrap_or(by_order),
            dims,
        }
    }
}

/// Buffers used for one block after the other.
struct Scratch<S> {
    x: Vec<S>,
    spare: Vec<S>,
}

fn power(beta: f64, step: u64) -> f64 {
    beta.powi(i32::try_from(step).unwrap_or(i32::MAX))
}

impl<T: Float, S: Float> ShampooRule<T, S> {
    pub(super) fn new(options: &Shampoo, specs: &[&ParameterSpec]) -> Self {
        let preconditioners: Vec<Preconditioner<S>> = specs
            .iter()
            .map(|spec| Preconditioner::new(spec, options))
            .collect();
        let blocks = preconditioners.iter().flat_map(|p| &p.blocks);
        let modes = blocks.map(|block| block.modes.len()).sum();
        Self {
            background: Background::new(if options.delay > 0 { modes } else { 0 }),
            preconditioners,
            first: Buffers::new("first", specs, options.beta1 > 0.0),
            graft: Buffers::new("graft", specs, options.graft.has_state()),
            velocity: Buffers::new("velocity", specs, options.momentum > 0.0),
            options: options.clone(),
        }
    }

    /// What averages of `step` gradients are divided by.
    fn correction(&self, beta: f64, step: u64) -> f64 {
        if self.options.bias_correction && beta < 1.0 {
            1.0 - power(beta, step)
        } else {
            1.0
        }
    }

    /// Every mode with the order of its root.
    fn modes(&self) -> impl Iterator<Item = (&Mode<S>, f64)> {
        self.preconditioners.iter().flat_map(|preconditioner| {
            let modes = preconditioner.blocks.iter().flat_map(|block| &block.modes);
            modes.map(|mode| (mode, preconditioner.p))
        })
    }

    fn install(&mut self, found: Vec<ModeRoot<S>>, tally: &mut Tally) {
        let blocks = self.preconditioners.iter_mut().flat_map(|p| &mut p.blocks);
        let (computed, failed) = install(blocks.flat_map(|block| &mut block.modes), found);
        tally.roots_computed += computed;
        tally.roots_failed += failed;
    }

    /// Takes the roots that are due at this step, and begins with new ones if
    /// it is their turn.
    fn refresh(&mut self, step: u64) -> Tally {
        let Shampoo {
            start,
            every,
            delay,
            roots: method,
            ridge,
            beta2,
            ..
        } = self.options;
        let mut tally = Tally::default();
        if let Some(found) = self.background.due(step) {
            self.install(found, &mut tally);
        }
        if step < start || !(step - start).is_multiple_of(every) {
            return tally;
        }
        let recipe = Recipe {
            method,
            ridge,
            correction: self.correction(beta2, step),
        };
        // Without the first roots there is no direction.
        if delay == 0 || step == start {
            let found = now(self.modes(), recipe);
            self.install(found, &mut tally);
        } else {
            let mut background = std::mem::replace(&mut self.background, Background::new(0));
            background.begin(self.modes(), recipe, step + delay);
            self.background = background;
        }
        tally
    }

    /// The direction of one parameter, given the (averaged) gradient and the
    /// graft's direction.
    fn direction(
        &self,
        number: usize,
        averaged: &[T],
        grafted: Vec<T>,
        scratch: &mut Scratch<S>,
    ) -> Result<Vec<T>> {
        let Preconditioner { dims, blocks, .. } = &self.preconditioners[number];
        let mut result = grafted;
        for block in blocks {
            gather(&result, dims, &block.ranges, &mut scratch.x)?;
            let wanted = norm(&scratch.x);
            if block.is_ready() {
                gather(averaged, dims, &block.ranges, &mut scratch.x)?;
                block.apply(&mut scratch.x, &mut scratch.spare)?;
                if self.options.graft != Graft::None {
                    let length = norm(&scratch.x).max(f64::MIN_POSITIVE);
                    // Two factors: their quotient may leave the range of S.
                    let (up, down) = (S::of(wanted), S::of(1.0 / length));
                    scratch.x.iter_mut().for_each(|x| *x = *x * down * up);
                }
            } else if self.options.graft == Graft::None {
                scratch.x.fill(S::ZERO);
            } else {
                continue;
            }
            scatter(&scratch.x, dims, &block.ranges, &mut result)?;
        }
        Ok(result)
    }
}

impl<T: Float, S: Float> Rule<T> for ShampooRule<T, S> {
    fn update(&mut self, moment: &Moment, slots: &mut [Slot<'_, T>]) -> Result<Tally> {
        let options = self.options.clone();
        let step = moment.step;
        let (keep, take) = match options.beta2 {
            1.0 => (1.0, 1.0),
            beta2 => (beta2, 1.0 - beta2),
        };
        let mut scratch = Scratch {
            x: Vec::new(),
            spare: Vec::new(),
        };
        let mut gradients: Vec<Vec<T>> = Vec::new();
        let mut overflowed = 0;
        for (preconditioner, slot) in self.preconditioners.iter_mut().zip(&*slots) {
            let mut gradient = slot.gradient.to_vec();
            if let WeightDecay::Coupled(amount) = options.weight_decay.or(slot.decay) {
                for (g, &w) in gradient.iter_mut().zip(&*slot.value) {
                    *g += T::of(amount) * w;
                }
            }
            for block in &mut preconditioner.blocks {
                gather(
                    &gradient,
                    &preconditioner.dims,
                    &block.ranges,
                    &mut scratch.x,
                )?;
                overflowed += block.observe(&scratch.x, keep, take)?;
            }
            gradients.push(gradient);
        }
        let preconditioned = step >= options.start;
        let mut tally = self.refresh(step);
        tally.roots_failed += overflowed;
        for (number, (slot, gradient)) in slots.iter_mut().zip(gradients).enumerate() {
            let mut averaged = gradient;
            let mut grafted = Vec::new();
            let raw = averaged.clone();
            if options.beta1 > 0.0 {
                let scale = T::of(1.0 / self.correction(options.beta1, step));
                let first = self.first.of(number);
                blend(first, options.beta1, &raw);
                averaged.clear();
                averaged.extend(first.iter().map(|&m| m * scale));
            }
            let state = self.graft.of(number);
            options
                .graft
                .direction(state, &raw, &averaged, step, &mut grafted);
            let mut direction = if preconditioned {
                self.direction(number, &averaged, grafted, &mut scratch)?
            } else {
                grafted
            };
            if options.momentum > 0.0 {
                let momentum = T::of(options.momentum);
                let velocity = self.velocity.of(number);
                for (v, d) in velocity.iter_mut().zip(&mut direction) {
                    *v = momentum * *v + *d;
                    *d = if options.nesterov {
                        *d + momentum * *v
                    } else {
                        *v
                    };
                }
            }
            if let WeightDecay::Decoupled(amount) = options.weight_decay.or(slot.decay) {
                shrink(slot.value, slot.rate, amount);
            }
            descend(slot.value, slot.rate, &direction);
        }
        Ok(tally)
    }

    fn archive(&mut self, archive: &mut Archive<'_>) -> Result<()> {
        for preconditioner in &mut self.preconditioners {
            for (number, block) in preconditioner.blocks.iter_mut().enumerate() {
                block.archive(&format!("{}/{number}", preconditioner.name), archive)?;
            }
        }
        // Roots on their way belong to the modes they began with.
        if self.options.delay > 0 && !archive.is_transfer() {
            let sizes: Vec<usize> = self
                .modes()
                .map(|(mode, _)| mode.statistics.len())
                .collect();
            self.background.archive(&sizes, archive)?;
        }
        self.first.archive(archive)?;
        self.graft.archive(archive)?;
        self.velocity.archive(archive)
    }
}
