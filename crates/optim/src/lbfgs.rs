//! Limited-memory BFGS, with a fixed step or a line search.

use std::collections::VecDeque;

use crate::error::{require, require_not_negative};
use crate::float::{absolute_sum, dot};
use crate::line_search::Wolfe;
use crate::rule::{Moment, Rule, Searcher, Slot, Tally, descend};
use crate::state::Archive;
use crate::{Error, Float, ParameterSpec, Result};

/// A quasi-Newton step from the last `history` pairs of steps and gradient
/// changes, over all parameters at once (Liu and Nocedal 1989, two-loop
/// recursion).
///
/// The step is `rate` times the quasi-Newton direction (the first one
/// `rate·min(1, 1/‖g‖₁)` times the gradient), or, with [`Lbfgs::strong_wolfe`], of a
/// length that satisfies the strong Wolfe conditions, which takes
/// [`crate::Optimizer::step_with`]. A pair whose curvature is not positive is
/// left out. Meant for functions without noise. Groups have no weight decay
/// here, and with a line search no rate: the step is one vector.
///
/// Memory: 2·history + 2 copies of the parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Lbfgs {
    pub(crate) rate: f64,
    history: usize,
    search: Option<Wolfe>,
}

impl Lbfgs {
    /// A history of ten.
    #[must_use]
    pub fn new(rate: f64) -> Self {
        Self {
            rate,
            history: 10,
            search: None,
        }
    }

    /// Pairs remembered, at least one.
    #[must_use]
    pub fn history(mut self, history: usize) -> Self {
        self.history = history;
        self
    }

    /// Search for the length of each step: `f(x + t·d) ≤ f(x) + 10⁻⁴·t·⟨∇f, d⟩` and a
    /// slope of at most nine tenths of the first, with `rate` as the first
    /// length tried and at most this many evaluations a step (25 is plenty). If
    /// they are used up the best point found is taken.
    #[must_use]
    pub fn strong_wolfe(mut self, evaluations: usize) -> Self {
        self.search = Some(Wolfe {
            decrease: 1e-4,
            curvature: 0.9,
            evaluations,
        });
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
        if let Some(search) = self.search {
            require(
                search.evaluations > 0 && self.rate > 0.0,
                "lbfgs",
                "strong_wolfe",
                search.evaluations,
                "a search takes a rate above zero and one evaluation or more",
            )?;
        }
        let count = specs
            .iter()
            .map(|spec| spec.shape.iter().product::<usize>())
            .sum();
        Ok(Box::new(LbfgsRule {
            history: self.history,
            search: self.search,
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
    search: Option<Wolfe>,
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
    fn two_loops(&self, gradient: &[T]) -> Vec<T> {
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
        if self.search.is_some() {
            return Err(Error::NeedsFunction { method: "lbfgs" });
        }
        let gradient: Vec<T> = slots
            .iter()
            .flat_map(|slot| slot.gradient)
            .copied()
            .collect();
        self.learn(&gradient);
        let mut direction = self.two_loops(&gradient);
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

    fn searcher(&mut self) -> Option<(Wolfe, &mut dyn Searcher<T>)> {
        self.search
            .map(|wolfe| (wolfe, self as &mut dyn Searcher<T>))
    }

    fn archive(&mut self, archive: &mut Archive<'_>) -> Result<()> {
        if archive.is_transfer() {
            return Ok(());
        }
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

impl<T: Float> Searcher<T> for LbfgsRule<T> {
    fn direction(&mut self, gradient: &[T]) -> Vec<T> {
        self.learn(gradient);
        let mut direction = self.two_loops(gradient);
        direction.iter_mut().for_each(|d| *d = -*d);
        direction
    }

    fn forget(&mut self) {
        self.steps.clear();
        self.changes.clear();
        self.last.clear();
        self.moved.clear();
    }

    fn moved(&mut self, gradient: Vec<T>, mut direction: Vec<T>, length: f64) {
        direction.iter_mut().for_each(|d| *d *= T::of(length));
        self.last = gradient;
        self.moved = direction;
    }
}
