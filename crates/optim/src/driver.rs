//! Checks, schedule, groups and counting around a rule.

mod gradient;
mod search;

use tensegrity_tensor::{Tensor, View, ViewMut, copy_into};

use self::gradient::{Gradient, check_finite, clip, norm_of};
use crate::error::{require, require_not_negative};
use crate::float::norm;
use crate::rule::{Moment, Rule, Slot};
use crate::state::{Archive, FORMAT};
use crate::{
    Clip, Error, Evaluate, Float, Method, NonFinite, Optimizer, ParameterSpec, Registry, Result,
    Settings, State, StepStats,
};

/// The one implementation of [`Optimizer`] here.
struct Driver<T: Float> {
    method: Method,
    registry: Registry,
    /// Positions of the trained parameters.
    trained: Vec<usize>,
    settings: Settings,
    rule: Box<dyn Rule<T>>,
    rate: f64,
    step: u64,
    skipped: u64,
    roots_failed: u64,
}

pub(crate) fn build<T: Float>(
    method: &Method,
    registry: &Registry,
    settings: &Settings,
) -> Result<Box<dyn Optimizer<T>>> {
    settings.check()?;
    Ok(Box::new(Driver {
        rule: rule(method, registry, settings)?,
        rate: method.rate(),
        method: method.clone(),
        registry: registry.clone(),
        trained: registry.trained().collect(),
        settings: *settings,
        step: 0,
        skipped: 0,
        roots_failed: 0,
    }))
}

/// The method's state for the trained parameters.
fn rule<T: Float>(
    method: &Method,
    registry: &Registry,
    settings: &Settings,
) -> Result<Box<dyn Rule<T>>> {
    let parameters = registry.parameters();
    let specs: Vec<&ParameterSpec> = registry.trained().map(|i| &parameters[i]).collect();
    let mut rule = method.rule(&specs)?;
    let Method::Lbfgs(_) = method else {
        return Ok(rule);
    };
    let searches = rule.searcher().is_some();
    for (rate, decay) in specs.iter().map(|spec| registry.options(spec)) {
        let decay = decay.unwrap_or(0.0);
        let wanted = "its step is one vector over all parameters; add the decay to the function";
        require(decay == 0.0, "lbfgs", "weight_decay", decay, wanted)?;
        let wanted = "a line search has one length for all parameters; leave it at one";
        require(
            !searches || rate == 1.0,
            "lbfgs",
            "group rate",
            rate,
            wanted,
        )?;
    }
    let clip = settings.clip == Clip::Off || !searches;
    let wanted = "a line search needs the gradients as they are; clip none";
    require(clip, "lbfgs", "clip", "set", wanted)?;
    Ok(rule)
}

impl<T: Float> Optimizer<T> for Driver<T> {
    fn name(&self) -> &'static str {
        self.method.name()
    }

    fn step(
        &mut self,
        parameters: &mut [ViewMut<'_, T>],
        gradients: &[View<'_, T>],
    ) -> Result<StepStats> {
        self.check_shapes(parameters, gradients)?;
        let (gradients, mut stats) = match self.begin(gradients)? {
            Begun::Skipped(stats) => return Ok(stats),
            Begun::Ready(gradients, stats) => (gradients, stats),
        };
        let schedule = self.settings.schedule.factor(self.step);
        let rate = stats.rate;
        let mut kept: Vec<&mut ViewMut<'_, T>> = Vec::new();
        for (i, view) in parameters.iter_mut().enumerate() {
            if !self.registry.parameters()[i].frozen {
                kept.push(view);
            }
        }
        // Strided values work on a copy.
        let mut copies: Vec<Option<Vec<T>>> = kept
            .iter()
            .map(|view| (!view.is_contiguous()).then(|| view.as_view().to_tensor().into_vec()))
            .collect();
        let mut slots = Vec::new();
        for (number, (view, copy)) in kept.iter_mut().zip(&mut copies).enumerate() {
            let spec = &self.registry.parameters()[self.trained[number]];
            let (factor, decay) = self.registry.options(spec);
            let value = match copy {
                Some(copy) => copy.as_mut_slice(),
                None => match view.as_mut_slice() {
                    Some(slice) => slice,
                    None => unreachable!("a contiguous view is a slice"),
                },
            };
            slots.push(Slot {
                spec,
                value,
                gradient: gradients[number].slice(),
                rate: rate * factor,
                decay,
            });
        }
        let moment = Moment {
            step: self.step + 1,
            schedule,
            rate,
        };
        let measured = self.settings.measure_updates;
        let before: Option<Vec<Vec<T>>> =
            measured.then(|| slots.iter().map(|slot| slot.value.to_vec()).collect());
        let tally = self.rule.update(&moment, &mut slots)?;
        stats.update_norm = before.map(|before| {
            let changes = slots.iter().zip(before).map(|(slot, mut old)| {
                old.iter_mut()
                    .zip(&*slot.value)
                    .for_each(|(old, &new)| *old = new - *old);
                norm(&old)
            });
            changes.fold(0.0, f64::hypot)
        });
        drop(slots);
        for (view, copy) in kept.iter_mut().zip(&copies) {
            if let Some(copy) = copy {
                let shape = view.shape().to_vec();
                copy_into(view, &View::from_slice(copy, &shape))?;
            }
        }
        self.step += 1;
        self.roots_failed += tally.roots_failed as u64;
        stats.step = self.step;
        stats.rate = tally.rate.unwrap_or(rate);
        stats.roots_computed = tally.roots_computed;
        stats.roots_failed = tally.roots_failed;
        stats.roots_failed_total = self.roots_failed;
        Ok(stats)
    }

    fn step_with(
        &mut self,
        parameters: &mut [ViewMut<'_, T>],
        function: &mut Evaluate<'_, T>,
    ) -> Result<StepStats> {
        let (value, gradients) = search::evaluate(parameters, function)?;
        let gradients: Vec<View<'_, T>> = gradients.iter().map(Tensor::view).collect();
        let mut stats = match self.rule.searcher() {
            Some(_) => self.search(parameters, function, value, &gradients)?,
            None => self.step(parameters, &gradients)?,
        };
        stats.value = Some(value);
        stats.evaluations += 1;
        Ok(stats)
    }

    fn freeze(&mut self, mask: &dyn Fn(&ParameterSpec) -> bool) -> Result<()> {
        let mut registry = self.registry.clone();
        registry.freeze(mask);
        if registry == self.registry {
            return Ok(());
        }
        let trained: Vec<usize> = registry.trained().collect();
        let mut rule = rule(&self.method, &registry, &self.settings)?;
        let mut saved = Archive::saving();
        self.rule.archive(&mut saved)?;
        rule.archive(&mut Archive::transferring(&saved.into_entries()))?;
        (self.registry, self.trained, self.rule) = (registry, trained, rule);
        Ok(())
    }

    fn rate(&self) -> f64 {
        self.rate
    }

    fn set_rate(&mut self, rate: f64) -> Result<()> {
        require_not_negative(self.method.name(), "rate", rate)?;
        self.rate = rate;
        Ok(())
    }

    fn state(&mut self) -> State {
        let mut archive = Archive::saving();
        if self.archive(&mut archive).is_err() {
            unreachable!("saving checks nothing");
        }
        State {
            format: FORMAT,
            method: self.method.name().to_owned(),
            parameters: self.described(),
            entries: archive.into_entries(),
        }
    }

    fn restore(&mut self, state: &State) -> Result<()> {
        let differs = |problem: String| Err(Error::State { problem });
        if state.format != FORMAT {
            return differs(format!(
                "its format is {}, this reads {FORMAT}",
                state.format
            ));
        }
        if state.method != self.method.name() {
            return differs(format!(
                "it is of {}, this is {}",
                state.method,
                self.method.name()
            ));
        }
        let described = self.described();
        if state.parameters.len() != described.len() {
            let (theirs, ours) = (state.parameters.len(), described.len());
            return differs(format!(
                "it has {theirs} trained parameters, this has {ours}"
            ));
        }
        if let Some((theirs, ours)) = state
            .parameters
            .iter()
            .zip(&described)
            .find(|(theirs, ours)| theirs != ours)
        {
            return differs(format!("it has {theirs:?} where this has {ours:?}"));
        }
        let mut check = Archive::checking(&state.entries);
        self.archive(&mut check)?;
        check.finish()?;
        self.archive(&mut Archive::loading(&state.entries))
    }
}

impl<T: Float> Driver<T> {
    fn archive(&mut self, archive: &mut Archive<'_>) -> Result<()> {
        archive.number("rate".into(), &mut self.rate)?;
        archive.count("step".into(), &mut self.step)?;
        archive.count("skipped".into(), &mut self.skipped)?;
        archive.count("roots_failed".into(), &mut self.roots_failed)?;
        self.rule.archive(archive)
    }

    fn described(&self) -> Vec<(String, Vec<usize>)> {
        let specs = self.trained.iter().map(|&i| &self.registry.parameters()[i]);
        specs
            .map(|spec| (spec.name.clone(), spec.shape.clone()))
            .collect()
    }

    fn check_shapes(&self, parameters: &[ViewMut<'_, T>], gradients: &[View<'_, T>]) -> Result<()> {
        self.registry.check_count("parameters", parameters.len())?;
        self.registry.check_count("gradients", gradients.len())?;
        for &i in &self.trained {
            let spec = &self.registry.parameters()[i];
            for (what, found) in [
                ("the value", parameters[i].shape()),
                ("the gradient", gradients[i].shape()),
            ] {
                if found != spec.shape {
                    return Err(Error::Shape {
                        what,
                        parameter: spec.name.clone(),
                        found: found.to_vec(),
                        expected: spec.shape.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    /// The trained gradients, their norm, and the figures of the step so far;
    /// nothing but the figures if a gradient is not finite and such steps are
    /// left out.
    fn begin<'a>(&mut self, gradients: &[View<'a, T>]) -> Result<Begun<'a, T>> {
        let mut trained: Vec<Gradient<'a, T>> = self
            .trained
            .iter()
            .map(|&i| Gradient::new(&gradients[i]))
            .collect();
        let mut stats = StepStats {
            step: self.step,
            skipped_total: self.skipped,
            roots_failed_total: self.roots_failed,
            rate: self.rate * self.settings.schedule.factor(self.step),
            ..StepStats::default()
        };
        let specs = self.trained.iter().map(|&i| &self.registry.parameters()[i]);
        let finite = trained
            .iter()
            .zip(specs)
            .try_for_each(|(gradient, spec)| check_finite(gradient, spec));
        if let Err(error) = finite {
            return self.skip(error, stats).map(Begun::Skipped);
        }
        stats.gradient_norm = norm_of(&trained);
        clip(&mut trained, self.settings.clip, stats.gradient_norm);
        Ok(Begun::Ready(trained, stats))
    }

    /// Leaves the step out, if that is the policy.
    fn skip(&mut self, error: Error, mut stats: StepStats) -> Result<StepStats> {
        if self.settings.non_finite == NonFinite::Error {
            return Err(error);
        }
        self.skipped += 1;
        stats.skipped = true;
        stats.skipped_total = self.skipped;
        Ok(stats)
    }
}

/// A step whose gradients were looked at.
enum Begun<'a, T: Float> {
    Skipped(StepStats),
    Ready(Vec<Gradient<'a, T>>, StepStats),
}
