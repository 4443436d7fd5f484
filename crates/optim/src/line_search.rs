//! A step length that satisfies the strong Wolfe conditions.

/// `φ(t) = f(x + t·d)` and its slope `φ′(t) = ⟨∇f, d⟩` at one trial length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trial {
    pub(crate) length: f64,
    pub(crate) value: f64,
    pub(crate) slope: f64,
}

impl Trial {
    fn is_finite(&self) -> bool {
        self.value.is_finite() && self.slope.is_finite()
    }
}

/// Sufficient decrease, curvature, most evaluations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Wolfe {
    pub(crate) decrease: f64,
    pub(crate) curvature: f64,
    pub(crate) evaluations: usize,
}

/// A length with `φ(t) ≤ φ(0) + c₁·t·φ′(0)` and `|φ′(t)| ≤ c₂·|φ′(0)|`, and whether
/// both hold (Nocedal and Wright 2006, algorithms 3.5 and 3.6, with cubic
/// interpolation kept away from the ends). If the evaluations are used up it is
/// the trial of least value below φ(0), or nothing if there was none.
///
/// `start` is the trial of length zero, with a slope below zero; `first` the
/// first length tried. A trial that is not finite counts as too long.
pub(crate) fn search<E>(
    wolfe: Wolfe,
    start: Trial,
    first: f64,
    mut try_at: impl FnMut(f64) -> Result<Trial, E>,
) -> Result<Option<(Trial, bool)>, E> {
    let mut best: Option<Trial> = None;
    let mut left = wolfe.evaluations;
    let enough =
        |trial: &Trial| trial.value <= start.value + wolfe.decrease * trial.length * start.slope;
    let flat = |trial: &Trial| trial.slope.abs() <= -wolfe.curvature * start.slope;
    let mut evaluate = |length: f64, left: &mut usize| -> Result<Trial, E> {
        *left -= 1;
        let trial = try_at(length)?;
        let better = best.is_none_or(|best| trial.value < best.value);
        if trial.is_finite() && trial.value < start.value && better {
            best = Some(trial);
        }
        Ok(trial)
    };
    // Lengthen until an interval holds a point that satisfies both.
    let mut previous = start;
    let mut length = first;
    let mut bracket: Option<(Trial, Trial)> = None;
    while left > 0 {
        let trial = evaluate(length, &mut left)?;
        let grew = previous.length > 0.0 && trial.value >= previous.value;
        if !trial.is_finite() || !enough(&trial) || grew {
            bracket = Some((previous, trial));
            break;
        }
        if flat(&trial) {
            return Ok(Some((trial, true)));
        }
        if trial.slope >= 0.0 {
            bracket = Some((trial, previous));
            break;
        }
        let most = 10.0 * length;
        length = cubic(&previous, &trial)
            .filter(|&t| t > 1.1 * length)
            .unwrap_or(2.0 * length)
            .min(most);
        previous = trial;
    }
    // Shrink it; `low` has the least value so far and falls towards `high`.
    if let Some((mut low, mut high)) = bracket {
        while left > 0 {
            let width = high.length - low.length;
            if width.abs() <= f64::EPSILON * low.length.max(high.length) {
                break;
            }
            let inside = |t: &f64| {
                let part = (t - low.length) / width;
                (0.1..=0.9).contains(&part)
            };
            let middle = low.length + 0.5 * width;
            let found = match high.is_finite() {
                true => cubic(&low, &high).filter(inside).unwrap_or(middle),
                false => middle,
            };
            let trial = evaluate(found, &mut left)?;
            // Values that differ by rounding tell nothing near a minimum; slopes do.
            let highest = low.value + 4.0 * f64::EPSILON * low.value.abs();
            if !trial.is_finite() || !enough(&trial) || trial.value > highest {
                high = trial;
                continue;
            }
            if flat(&trial) {
                return Ok(Some((trial, true)));
            }
            if trial.slope * width >= 0.0 {
                high = low;
            }
            low = trial;
        }
    }
    Ok(best.map(|best| (best, false)))
}

/// The minimiser of the cubic through two trials, if it has one.
fn cubic(a: &Trial, b: &Trial) -> Option<f64> {
    let width = b.length - a.length;
    let d1 = a.slope + b.slope - 3.0 * (b.value - a.value) / width;
    let d2 = (d1 * d1 - a.slope * b.slope).sqrt().copysign(width);
    let t = b.length - width * (b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2);
    t.is_finite().then_some(t)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WOLFE: Wolfe = Wolfe {
        decrease: 1e-4,
        curvature: 0.1,
        evaluations: 40,
    };

    fn run(f: impl Fn(f64) -> (f64, f64), first: f64) -> (Option<(Trial, bool)>, usize) {
        let at = |length: f64| {
            let (value, slope) = f(length);
            Trial {
                length,
                value,
                slope,
            }
        };
        let mut count = 0;
        let found = search::<()>(WOLFE, at(0.0), first, |t| {
            count += 1;
            Ok(at(t))
        });
        (found.unwrap(), count)
    }

    /// The first three functions of Moré and Thuente 1994, which lead searches
    /// astray, from starts four orders of magnitude either side of the answer.
    #[test]
    fn hard_functions_are_searched() {
        let one = |t: f64| {
            let beta = 2.0;
            (-t / (t * t + beta), (t * t - beta) / (t * t + beta).powi(2))
        };
        let two = |t: f64| {
            let s = t + 0.004;
            (
                s.powi(5) - 2.0 * s.powi(4),
                5.0 * s.powi(4) - 8.0 * s.powi(3),
            )
        };
        let three = |t: f64| {
            let (beta, l) = (0.01, 39.0);
            let (base, slope) = if t <= 1.0 - beta {
                (1.0 - t, -1.0)
            } else if t >= 1.0 + beta {
                (t - 1.0, 1.0)
            } else {
                (
                    (t - 1.0).powi(2) / (2.0 * beta) + beta / 2.0,
                    (t - 1.0) / beta,
                )
            };
            let angle = l * std::f64::consts::FRAC_PI_2 * t;
            let wave = 2.0 * (1.0 - beta) / (l * std::f64::consts::PI);
            (
                base + wave * angle.sin(),
                slope + (1.0 - beta) * angle.cos(),
            )
        };
        let functions: [&dyn Fn(f64) -> (f64, f64); 3] = [&one, &two, &three];
        for (number, f) in functions.into_iter().enumerate() {
            let (value, slope) = f(0.0);
            for first in [1e-3, 1e-1, 1e1, 1e3] {
                let (found, count) = run(f, first);
                let (trial, holds) = found.unwrap();
                assert!(holds, "function {number} from {first}");
                assert!(trial.value <= value + WOLFE.decrease * trial.length * slope);
                assert!(trial.slope.abs() <= -WOLFE.curvature * slope);
                assert!(count <= 36, "function {number} from {first}: {count}");
            }
        }
    }

    #[test]
    fn a_wall_is_too_long_and_no_decrease_is_nothing() {
        // Not finite beyond one.
        let walled = |t: f64| match t < 1.0 {
            true => (t * t - t, 2.0 * t - 1.0),
            false => (f64::NAN, f64::INFINITY),
        };
        let (found, _) = run(walled, 64.0);
        assert!((found.unwrap().0.length - 0.5).abs() < 0.05);
        // A slope that promises what the value never gives.
        let (found, count) = run(|t| (t, -1.0), 1.0);
        assert!(found.is_none() && count <= WOLFE.evaluations);
        // Falling for ever: the longest trial.
        let (found, count) = run(|t| (-t, -1.0), 1.0);
        let (trial, holds) = found.unwrap();
        assert!(!holds && trial.value < -1e6 && count == WOLFE.evaluations);
    }
}
