//! Checks, schedule, groups and counting around a rule.

use tensegrity_tensor::{Tensor, View, ViewMut, copy_into};

use crate::float::{dot, norm};
use crate::rule::{Moment, Rule, Slot};
use crate::state::{Archive, FORMAT};
use crate::{
    Error, Float, Method, NonFinite, Optimizer, ParameterSpec, Registry, Result, Settings, State,
    StepStats,
};

/// The one implementation of [`Optimizer`] here.
struct Driver<T: Float> {
    method: Method,
    registry: Registry,
    /// Positions of the trained parameters.
    trained: Vec<usize>,
    settings: Settings,
    rule: Box<dyn Rule<T>>,
    step: u64,
    skipped: u64,
    roots_failed: u64,
}

pub(crate) fn build<T: Float>(
    method: &Method,
    registry: &Registry,
    settings: &Settings,
) -> Result<Box<dyn Optimizer<T>>> {
    settings.schedule.check()?;
    let trained: Vec<usize> = registry.trained().collect();
    let specs: Vec<&ParameterSpec> = trained.iter().map(|&i| &registry.parameters()[i]).collect();
    Ok(Box::new(Driver {
        rule: method.rule(&specs)?,
        method: method.clone(),
        registry: registry.clone(),
        trained,
        settings: *settings,
        step: 0,
        skipped: 0,
        roots_failed: 0,
    }))
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
        let gradients: Vec<Gradient<'_, T>> = self
            .trained
            .iter()
            .map(|&i| Gradient::new(&gradients[i]))
            .collect();
        let schedule = self.settings.schedule.factor(self.step);
        let rate = self.method.rate() * schedule;
        let mut stats = StepStats {
            step: self.step,
            skipped_total: self.skipped,
            roots_failed_total: self.roots_failed,
            rate,
            ..StepStats::default()
        };
        if let Some(error) = self.non_finite(&gradients) {
            if self.settings.non_finite == NonFinite::Error {
                return Err(error);
            }
            self.skipped += 1;
            stats.skipped = true;
            stats.skipped_total = self.skipped;
            return Ok(stats);
        }
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
        stats.gradient_norm = gradients
            .iter()
            .map(|g| norm(g.slice()))
            .fold(0.0, f64::hypot);
        stats.roots_computed = tally.roots_computed;
        stats.roots_failed = tally.roots_failed;
        stats.roots_failed_total = self.roots_failed;
        Ok(stats)
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

    /// The first gradient element that is not finite, as an error.
    fn non_finite(&self, gradients: &[Gradient<'_, T>]) -> Option<Error> {
        for (number, gradient) in gradients.iter().enumerate() {
            let values = gradient.slice();
            // Anything not finite shows in the sum of squares, as does overflow.
            if dot(values, values).is_finite() {
                continue;
            }
            let spec = &self.registry.parameters()[self.trained[number]];
            let Some(place) = values.iter().position(|x| !x.to_f64().is_finite()) else {
                continue;
            };
            let mut position = vec![0; spec.shape.len()];
            let mut rest = place;
            for (index, &length) in position.iter_mut().zip(&spec.shape).rev() {
                *index = rest % length;
                rest /= length;
            }
            return Some(Error::NonFiniteGradient {
                parameter: spec.name.clone(),
                value: values[place].to_f64().to_string(),
                position,
            });
        }
        None
    }
}

/// A gradient in row-major order.
enum Gradient<'a, T> {
    There(&'a [T]),
    Copied(Tensor<T>),
}

impl<'a, T: Float> Gradient<'a, T> {
    fn new(view: &View<'a, T>) -> Self {
        match view.as_slice() {
            Some(slice) => Self::There(slice),
            None => Self::Copied(view.to_tensor()),
        }
    }

    fn slice(&self) -> &[T] {
        match self {
            Self::There(slice) => slice,
            Self::Copied(tensor) => tensor.as_slice(),
        }
    }
}
