//! Finding the fineness that uses a goal up.
//!
//! Error and size are nearly powers of the step, so the search is a secant in
//! logarithms, kept inside a bracket once there is one.

use crate::{Goal, Outlook, Result};

/// How close to the goal is close enough, in relative terms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tolerance {
    pub(crate) slack: f64,
    pub(crate) trials: usize,
}

/// A step tried and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Trial<P> {
    pub(crate) step: f64,
    pub(crate) outlook: Outlook,
    pub(crate) product: P,
}

/// A step that meets `goal` and nearly uses it up; `None` if none was found.
///
/// `evaluate` may return `None` to give up (the caller knows something better
/// than anything to be found here).
pub(crate) fn find_step<P>(
    goal: Goal,
    start: f64,
    bounds: (f64, f64),
    tolerance: Tolerance,
    evaluate: &mut dyn FnMut(f64) -> Result<Option<(Outlook, P)>>,
) -> Result<Option<Trial<P>>> {
    let (direction, slope) = match goal {
        Goal::Error(_) => (1.0, 0.7),
        Goal::Bytes(_) => (-1.0, 0.8),
    };
    // How far beyond the goal a trial is; grows with `x = direction · ln step`.
    let excess = |outlook: &Outlook| match goal {
        Goal::Error(limit) => (outlook.error.max(1e-300) / limit.max(1e-300)).ln(),
        Goal::Bytes(limit) => (outlook.bytes as f64 / limit.max(1) as f64).ln(),
    };
    let limits = {
        let (a, b) = (direction * bounds.0.ln(), direction * bounds.1.ln());
        (a.min(b), a.max(b))
    };
    let mut best: Option<Trial<P>> = None;
    let (mut low, mut high): (Side, Side) = (None, None);
    let mut x = (direction * start.ln()).clamp(limits.0, limits.1);
    let mut slope = slope;
    let mut previous: Side = None;
    let mut stalled = 0;
    for _ in 0..tolerance.trials {
        let step = f64::from((direction * x).exp() as f32);
        let Some((outlook, product)) = evaluate(step)? else {
            break;
        };
        let g = excess(&outlook);
        if g <= 0.0 {
            let better = best.as_ref().is_none_or(|known| {
                let (a, b) = (outlook, known.outlook);
                goal.prefers((a.error, a.bytes), (b.error, b.bytes))
            });
            if better {
                best = Some(Trial {
                    step,
                    outlook,
                    product,
                });
            }
            if low.is_none_or(|(at, _)| x > at) {
                low = Some((x, g));
            }
            if g >= -tolerance.slack || x >= limits.1 {
                break;
            }
        } else {
            // Going further down without getting closer: a floor.
            stalled = match high {
                Some((at, before)) if at - x > 1.0 && before - g < 0.02 * (at - x) => stalled + 1,
                _ => 0,
            };
            if high.is_none_or(|(at, _)| x < at) {
                high = Some((x, g));
            }
            if stalled >= 2 || x <= limits.0 {
                break;
            }
        }
        // The slope met on the way beats the one assumed: at high rates the
        // size depends on the step only through its logarithm.
        if let Some((at, before)) = previous
            && (g > 0.0) == (before > 0.0)
            && x != at
        {
            slope = ((g - before) / (x - at)).clamp(0.01, 4.0);
        }
        previous = Some((x, g));
        x = next(low, high, slope, tolerance.slack).clamp(limits.0, limits.1);
        if let (Some((a, _)), Some((b, _))) = (low, high)
            && b - a < 0.2 * tolerance.slack
        {
            // The error jumps where an index dies; nothing lies in between.
            break;
        }
    }
    Ok(best)
}

/// The closest trial on one side of the goal: where it was and how far it missed.
type Side = Option<(f64, f64)>;

/// Where to try next.
fn next(low: Side, high: Side, slope: f64, slack: f64) -> f64 {
    let aim = -0.4 * slack;
    match (low, high) {
        (Some((a, ga)), Some((b, gb))) => {
            let secant = a + (b - a) * (aim - ga) / (gb - ga);
            // Stay off the ends: a jump in between would pin the secant there.
            secant.clamp(a + 0.06 * (b - a), b - 0.06 * (b - a))
        }
        (Some((a, g)), None) => a + ((aim - g) / slope).clamp(1e-3, 6.0),
        (None, Some((b, g))) => b - ((g - aim) / slope).clamp(1e-3, 6.0),
        (None, None) => unreachable!("a trial is either met or missed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solve(goal: Goal, f: impl Fn(f64) -> (f64, u64)) -> (Option<Trial<()>>, usize) {
        let mut count = 0;
        let tolerance = Tolerance {
            slack: 0.003,
            trials: 40,
        };
        let found = find_step(goal, 1.0, (1e-12, 1e12), tolerance, &mut |step| {
            count += 1;
            let (error, bytes) = f(step);
            Ok(Some((Outlook { error, bytes }, ())))
        });
        (found.unwrap(), count)
    }

    #[test]
    fn a_power_law_is_solved_in_few_trials() {
        let law = |step: f64| (0.01 * step.powf(0.6), (1e5 / step.powf(0.9)) as u64 + 200);
        let (found, count) = solve(Goal::Error(0.1), law);
        let error = found.unwrap().outlook.error;
        assert!(
            (0.0997..=0.1).contains(&error) && count <= 6,
            "{error} {count}"
        );
        let (found, count) = solve(Goal::Bytes(5000), law);
        let bytes = found.unwrap().outlook.bytes;
        assert!(
            (4985..=5000).contains(&bytes) && count <= 8,
            "{bytes} {count}"
        );
    }

    #[test]
    fn a_size_that_hardly_depends_on_the_step_is_reached() {
        // Numbers of log2(1/step) bits each, and a file that is nearly empty.
        let bits = |step: f64| {
            (
                0.3 * step,
                300 + (200.0 * (1.0 / step).log2().max(0.0)) as u64,
            )
        };
        for goal in [400, 1000, 3000, 9000] {
            let tolerance = Tolerance {
                slack: 0.02,
                trials: 16,
            };
            let found = find_step(
                Goal::Bytes(goal),
                1.0,
                (1e-15, 1e3),
                tolerance,
                &mut |step| {
                    let (error, bytes) = bits(step);
                    Ok(Some((Outlook { error, bytes }, ())))
                },
            );
            let bytes = found.unwrap().unwrap().outlook.bytes;
            assert!(
                bytes <= goal && bytes as f64 > 0.97 * goal as f64,
                "{goal} {bytes}"
            );
            let found = find_step(
                Goal::Bytes(goal),
                1e-9,
                (1e-15, 1e3),
                tolerance,
                &mut |step| {
                    let (error, bytes) = bits(step);
                    Ok(Some((Outlook { error, bytes }, ())))
                },
            );
            let bytes = found.unwrap().unwrap().outlook.bytes;
            assert!(
                bytes <= goal && bytes as f64 > 0.97 * goal as f64,
                "{goal} {bytes}"
            );
        }
    }

    #[test]
    fn a_floor_is_noticed() {
        let (found, count) = solve(Goal::Error(0.01), |step| (0.05 + 0.1 * step, 100));
        assert!(found.is_none() && count < 12, "{count}");
    }

    #[test]
    fn a_staircase_ends_below_the_goal() {
        let (found, _) = solve(Goal::Error(0.1), |step| ((step * 3.0).round() / 50.0, 100));
        assert!(found.unwrap().outlook.error <= 0.1);
    }
}
