//! Limited-memory BFGS with a fixed step.

use std::collections::VecDeque;

use crate::error::{require, require_not_negative};
use crate::float::{absolute_sum, dot};
use crate::rule::{Moment, Rule, Slot, Tally, descend};
use crate::state::Archive;
use crate::{Float, ParameterSpec, Result};

/// A quasi-Newton step from the last `history` pairs of steps and gradient
/// changes, over all parameters at once (Liu and Nocedal 1989, two-loop
/// recursion).
///
/// It sees gradients only, so there is no line search: the step is `rate` times
/// the quasi-Newton direction (the first one `rate·min(1, 1/‖g‖₁)` times the
/// gradient), and a pair whose curvature is not positive is left out. Meant for
/// gradients without noise. Memory: 2·history + 2 copies of the parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Lbfgs {
    pub(crate) rate: f64,
    history: usize,
}

impl Lbfgs {
    /// A history of ten.
    #[must_use]
    pub fn new(rate: f64) -> Self {
        Self { rate, history: 10 }
    }

    /// Pairs remembered, at least one.
    #[must_use]
    pub fn history(mut self, history: usize) -> Self {
        self.history = history;
        self
    }

    pub(crate) fn rule<T: Float>(&self, specs: &[&ParameterSpec]) -> Result<Box<dyn Rule<T>>> {
        require_not_negative("lbfgs", "rate", self.rate)?;
        require(
            self.history > 0,
            "lbfgs",
            "history",
            self.history,
            "remember one pair or more",
        )?;
        let count = specs
            .iter()
            .map(|spec| spec.shape.iter().product::<usize>())
            .sum();
        Ok(Box::new(LbfgsRule {
            history: self.history,
            count,
            steps: VecDeque::new(),
            changes: VecDeque::new(),
            last: Vec::new(),
            moved: Vec::new(),
        }))
    }
}

struct LbfgsRule<T> {
    history: usize,
    count: usize,
    /// `s`, oldest first.
    steps: VecDeque<Vec<T>>,
    /// `y`, oldest first.
    changes: VecDeque<Vec<T>>,
    /// The last gradient and the step it led to; empty before the first.
    last: Vec<T>,
    moved: Vec<T>,
}

impl<T: Float> LbfgsRule<T> {
    fn learn(&mut self, gradient: &[T]) {
        if self.last.is_empty() {
            return;
        }
        let change: Vec<T> = gradient
            .iter()
            .zip(&self.last)
            .map(|(&g, &old)| g - old)
            .collect();
        let curvature = dot(&self.moved, &change);
        // As in the usual codes: far above what rounding makes of zero.
        if curvature > 1e-10 * dot(&change, &change).sqrt() * dot(&self.moved, &self.moved).sqrt() {
            if self.steps.len() == self.history {
                self.steps.pop_front();
                self.changes.pop_front();
            }
            self.steps.push_back(std::mem::take(&mut self.moved));
            self.changes.push_back(change);
        }
    }

    /// `H·g` by the two loops.
    fn direction(&self, gradient: &[T]) -> Vec<T> {
        let mut q = gradient.to_vec();
        let mut weights = Vec::new();
        for (s, y) in self.steps.iter().zip(&self.changes).rev() {
            let weight = dot(s, &q) / dot(s, y);
            descend(&mut q, weight, y);
            weights.push(weight);
        }
        let scale = match (self.steps.back(), self.changes.back()) {
            (Some(s), Some(y)) => dot(s, y) / dot(y, y),
            _ => (1.0 / absolute_sum(gradient)).min(1.0),
        };
        q.iter_mut().for_each(|q| *q *= T::of(scale));
        for ((s, y), weight) in self
            .steps
            .iter()
            .zip(&self.changes)
            .zip(weights.iter().rev())
        {
            let other = dot(y, &q) / dot(s, y);
            descend(&mut q, other - weight, s);
        }
        q
    }
}

impl<T: Float> Rule<T> for LbfgsRule<T> {
    fn update(&mut self, _: &Moment, slots: &mut [Slot<'_, T>]) -> Result<Tally> {
        let gradient: Vec<T> = slots
            .iter()
            .flat_map(|slot| slot.gradient)
            .copied()
            .collect();
        self.learn(&gradient);
        let mut direction = self.direction(&gradient);
        let mut start = 0;
        for slot in slots.iter_mut() {
            let part = &mut direction[start..start + slot.value.len()];
            start += part.len();
            part.iter_mut().for_each(|d| *d *= T::of(-slot.rate));
            for (w, &d) in slot.value.iter_mut().zip(&*part) {
                *w += d;
            }
        }
        self.last = gradient;
        self.moved = direction;
        Ok(Tally::default())
    }

    fn archive(&mut self, archive: &mut Archive<'_>) -> Result<()> {
        let count = self.count;
        archive.variable("last".into(), &mut self.last, |n| n == 0 || n == count)?;
        archive.variable("moved".into(), &mut self.moved, |n| n == 0 || n == count)?;
        for (name, list) in [("steps", &mut self.steps), ("changes", &mut self.changes)] {
            let mut flat: Vec<T> = list.iter().flatten().copied().collect();
            let most = self.history * count;
            let fits = |n: usize| n <= most && (n == 0 || n.is_multiple_of(count));
            archive.variable(name.into(), &mut flat, fits)?;
            *list = flat.chunks(count.max(1)).map(<[T]>::to_vec).collect();
        }
        Ok(())
    }
}
