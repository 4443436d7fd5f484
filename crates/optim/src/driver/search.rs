//! Steps of methods that search for their length.

use tensegrity_tensor::{Tensor, View, ViewMut, copy_into};

use super::{Begun, Driver};
use crate::float::{dot, norm};
use crate::line_search::{self, Trial};
use crate::{Error, Evaluate, Float, Result, StepStats};

/// The function's value and gradients at the parameters.
pub(super) fn evaluate<T: Float>(
    parameters: &[ViewMut<'_, T>],
    function: &mut Evaluate<'_, T>,
) -> Result<(f64, Vec<Tensor<T>>)> {
    let views: Vec<View<'_, T>> = parameters.iter().map(ViewMut::as_view).collect();
    function(&views).map_err(Error::Function)
}

impl<T: Float> Driver<T> {
    /// A step from a point where the function has `value` and `gradients`.
    pub(super) fn search(
        &mut self,
        parameters: &mut [ViewMut<'_, T>],
        function: &mut Evaluate<'_, T>,
        value: f64,
        gradients: &[View<'_, T>],
    ) -> Result<StepStats> {
        self.check_shapes(parameters, gradients)?;
        let (gradients, mut stats) = match self.begin(gradients)? {
            Begun::Skipped(stats) => return Ok(stats),
            Begun::Ready(gradients, stats) => (gradients, stats),
        };
        if !value.is_finite() {
            let value = value.to_string();
            return self.skip(Error::NonFiniteValue { value }, stats);
        }
        let flat = |slices: &mut dyn Iterator<Item = &[T]>| slices.flatten().copied().collect();
        let gradient: Vec<T> = flat(&mut gradients.iter().map(|g| g.slice()));
        drop(gradients);
        let mut origin: Vec<T> = Vec::with_capacity(gradient.len());
        for &i in &self.trained {
            origin.extend_from_slice(parameters[i].as_view().to_tensor().as_slice());
        }
        let rate = stats.rate;
        let Some((wolfe, searcher)) = self.rule.searcher() else {
            unreachable!("it was asked for by the caller");
        };
        let mut direction = searcher.direction(&gradient);
        let mut slope = dot(&gradient, &direction);
        let descends = |slope: f64| slope < 0.0 && slope.is_finite();
        if !descends(slope) {
            searcher.forget();
            direction = searcher.direction(&gradient);
            slope = dot(&gradient, &direction);
        }
        if !descends(slope) {
            // A gradient of zero, or of nothing but underflow.
            self.step += 1;
            stats.step = self.step;
            stats.search_held = Some(true);
            return Ok(stats);
        }
        let start = Trial {
            length: 0.0,
            value,
            slope,
        };
        let line = Line {
            trained: &self.trained,
            origin: &origin,
            direction: &direction,
        };
        let found = line_search::search(wolfe, start, rate, |length| -> Result<Trial> {
            stats.evaluations += 1;
            line.place(parameters, length)?;
            let (value, gradients) = evaluate(parameters, function)?;
            let slope = line.slope(&gradients)?;
            Ok(Trial {
                length,
                value,
                slope,
            })
        });
        let length = match &found {
            Ok(Some((trial, _))) => trial.length,
            _ => 0.0,
        };
        line.place(parameters, length)?;
        let found = found?;
        stats.search_held = Some(found.is_some_and(|(_, held)| held));
        if self.settings.measure_updates {
            stats.update_norm = Some(length * norm(&direction));
        }
        if let Some((_, searcher)) = self.rule.searcher() {
            match found {
                Some(_) => searcher.moved(gradient, direction, length),
                None => searcher.forget(),
            }
        }
        self.step += 1;
        stats.step = self.step;
        stats.rate = length;
        Ok(stats)
    }
}

/// The line `origin + t·direction` through all trained parameters.
struct Line<'a, T> {
    trained: &'a [usize],
    origin: &'a [T],
    direction: &'a [T],
}

impl<T: Float> Line<'_, T> {
    /// Brings the parameters to the point at `length`.
    fn place(&self, parameters: &mut [ViewMut<'_, T>], length: f64) -> Result<()> {
        let length = T::of(length);
        let mut points = self.origin.iter().zip(self.direction);
        for &i in self.trained {
            let shape = parameters[i].shape().to_vec();
            let count = shape.iter().product();
            let values: Vec<T> = points
                .by_ref()
                .take(count)
                .map(|(&x, &d)| x + length * d)
                .collect();
            copy_into(&mut parameters[i], &View::from_slice(&values, &shape))?;
        }
        Ok(())
    }

    /// `⟨∇f, d⟩`.
    fn slope(&self, gradients: &[Tensor<T>]) -> Result<f64> {
        let (mut slope, mut rest) = (0.0, self.direction);
        for &i in self.trained {
            let gradient = gradients.get(i).map_or(&[][..], |g| g.as_slice());
            if gradient.len() > rest.len() {
                break;
            }
            let (part, others) = rest.split_at(gradient.len());
            slope += dot(gradient, part);
            rest = others;
        }
        if rest.is_empty() {
            return Ok(slope);
        }
        Err(Error::Count {
            what: "gradients (or elements of them)",
            found: gradients.len(),
            expected: self.trained.len(),
        })
    }
}
