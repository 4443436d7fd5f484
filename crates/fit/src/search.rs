//! The search over every family of every candidate.
//!
//! Method: each family is first judged by its *outlook* at the fineness that
//! would meet the goal, which is cheap; the best of each structure and the
//! best few overall are then built, decoded and measured, and their fineness
//! is moved until the real error (or size) uses the goal up. Last, the
//! winner's price per bit is varied.
//!
//! Guarantees: every row of the table is measured on decoded numbers;
//! deterministic for a seed, independent of the number of threads. Not
//! guaranteed: that the smallest representation conceivable is found.

use std::time::Instant;

use crate::candidate::built;
use crate::stepping::{Tolerance, Trial, find_step};
use crate::{
    Candidate, Error, Family, Fineness, Goal, Outlook, Problem, Progress, Representation, Result,
    Spectrum,
};

/// Squared steps a bit is worth: the slope of the rate-distortion curve of
/// the entropy-coded numbers around one bit a number.
const LAMBDA: f64 = 0.11;
/// Families solved in full besides the best of each structure.
const FINALISTS: usize = 3;
/// The same where solving one takes a moment.
const FINALISTS_SMALL: usize = 8;
/// Elements up to which it does.
const SMALL: usize = 1 << 14;

/// One measured candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct CandidateResult {
    /// Name of the structure.
    pub structure: String,
    /// What distinguishes it within the structure.
    pub detail: String,
    /// Relative Frobenius error, measured on decoded numbers.
    pub error: f64,
    /// Bytes of its file.
    pub stored_bytes: u64,
    /// Seconds spent on it.
    pub seconds: f64,
}

/// Measured sizes and errors of one structure.
#[derive(Clone, Debug, PartialEq)]
pub struct Frontier {
    /// Name of the structure.
    pub structure: String,
    /// (bytes of the file, relative error), by size.
    pub points: Vec<(u64, f64)>,
}

/// Seconds of a part of the work.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// Which part.
    pub name: String,
    /// How long.
    pub seconds: f64,
}

/// What a search brings back.
pub(crate) struct Found {
    pub(crate) representation: Representation,
    pub(crate) outlook: Outlook,
    pub(crate) candidates: Vec<CandidateResult>,
    pub(crate) frontiers: Vec<Frontier>,
    pub(crate) spectra: Vec<Spectrum>,
    pub(crate) timings: Vec<Timing>,
}

struct Entry<'p> {
    family: Box<dyn Family + 'p>,
    /// Where the outlook meets the goal.
    promise: Option<(f64, Outlook)>,
    seconds: f64,
}

pub(crate) struct Search<'p, 'r> {
    pub(crate) problem: &'p Problem<'p>,
    pub(crate) progress: Progress<'r>,
    /// Whether to measure more points for the frontier.
    pub(crate) frontier: bool,
    /// The target in the user's words.
    pub(crate) target: String,
    /// What went wrong without stopping the search.
    pub(crate) notes: std::cell::RefCell<Vec<String>>,
}

/// A representation with its measured error and size.
type Measured = (Outlook, Representation);

impl<'p> Search<'p, '_> {
    pub(crate) fn run(&self, candidates: &[std::sync::Arc<dyn Candidate>]) -> Result<Found> {
        let mut timings = Vec::new();
        let mut clock = Instant::now();
        let mut lap = |name: &str| {
            timings.push(Timing {
                name: name.to_owned(),
                seconds: std::mem::replace(&mut clock, Instant::now())
                    .elapsed()
                    .as_secs_f64(),
            });
        };
        let mut entries = self.propose(candidates)?;
        lap("decompose");
        self.rank(&mut entries)?;
        lap("compare");
        let mut solved = self.solve_best(&mut entries)?;
        lap("solve");
        if solved.is_empty() {
            return Err(self.unreachable(&mut entries));
        }
        let goal = self.problem.goal();
        let best = |solved: &[Solved]| {
            (0..solved.len())
                .reduce(|a, b| {
                    let pair =
                        |k: usize| (solved[k].trial.outlook.error, solved[k].trial.outlook.bytes);
                    if goal.prefers(pair(b), pair(a)) { b } else { a }
                })
                .expect("something was solved")
        };
        let winner = best(&solved);
        self.refine(&mut entries, &mut solved[winner])?;
        lap("refine");
        let frontiers = self.frontiers(&mut entries, &solved)?;
        lap("frontier");
        let spectra = entries[solved[winner].entry].family.spectra();
        let mut rows: Vec<CandidateResult> = solved.iter().map(|s| s.row(&entries)).collect();
        rows.sort_by(|a, b| {
            let (x, y) = ((a.error, a.stored_bytes), (b.error, b.stored_bytes));
            if goal.prefers(x, y) {
                std::cmp::Ordering::Less
            } else if goal.prefers(y, x) {
                std::cmp::Ordering::Greater
            } else {
                a.detail.cmp(&b.detail)
            }
        });
        let trial = solved.swap_remove(winner).trial;
        Ok(Found {
            representation: trial.product,
            outlook: trial.outlook,
            candidates: rows,
            frontiers,
            spectra,
            timings,
        })
    }

    fn propose(&self, candidates: &[std::sync::Arc<dyn Candidate>]) -> Result<Vec<Entry<'p>>> {
        let mut entries = Vec::new();
        for (number, candidate) in candidates.iter().enumerate() {
            let part = 0.3 * number as f64 / candidates.len() as f64;
            self.progress.tell(candidate.name(), part)?;
            let clock = Instant::now();
            let families = match candidate.propose(self.problem, &self.progress) {
                Ok(families) => families,
                // One structure that fails must not spoil the others.
                Err(error @ Error::Candidate { .. }) if candidates.len() > 1 => {
                    self.notes.borrow_mut().push(error.to_string());
                    continue;
                }
                Err(error) => return Err(error),
            };
            let share = clock.elapsed().as_secs_f64() / families.len().max(1) as f64;
            entries.extend(families.into_iter().map(|family| Entry {
                family,
                promise: None,
                seconds: share,
            }));
        }
        // Sizes that are fixed come first: they bound what is worth trying.
        entries.sort_by_key(|entry| !entry.family.is_fixed());
        Ok(entries)
    }

    /// Bounds of any useful step.
    fn bounds(&self) -> (f64, f64) {
        // Working numbers are of a size the range of `f32` suits.
        let rms = self.problem.rms().max(1e-18);
        let low = rms * 1e-15;
        let high = (rms * (self.problem.len() as f64).sqrt() * 8.0).max(low * 2.0);
        (low, high)
    }

    fn first_step(&self) -> f64 {
        // At high rates a step Δ makes the error Δ²/12 a number; sparse
        // coefficients allow a few times that.
        let error = match self.problem.goal() {
            Goal::Error(error) => error.clamp(1e-12, 1.0),
            Goal::Bytes(bytes) => {
                let bits = 8.0 * bytes as f64 / self.problem.len() as f64;
                0.3 * (-bits).exp2()
            }
        };
        self.problem.rms() * error * 6.0
    }

    fn rank(&self, entries: &mut [Entry<'p>]) -> Result<()> {
        let goal = self.problem.goal();
        let mut start = self.first_step();
        let mut champion: Option<Outlook> = None;
        let count = entries.len() as f64;
        for (number, entry) in entries.iter_mut().enumerate() {
            let what = format!("{} {}", entry.family.structure(), entry.family.detail());
            self.progress
                .tell(&what, 0.3 + 0.3 * number as f64 / count)?;
            let clock = Instant::now();
            entry.promise = if entry.family.is_fixed() {
                let outlook = entry.family.outlook(self.problem, fineness(1.0, LAMBDA))?;
                Some((1.0, outlook)).filter(|(_, o)| goal.is_met(o.error, o.bytes))
            } else if goal == Goal::Error(0.0) {
                None
            } else {
                self.promise(entry.family.as_mut(), start, champion)?
            };
            entry.seconds += clock.elapsed().as_secs_f64();
            if let Some((step, outlook)) = entry.promise {
                if !entry.family.is_fixed() {
                    start = step;
                }
                let better = champion.is_none_or(|known| {
                    goal.prefers((outlook.error, outlook.bytes), (known.error, known.bytes))
                });
                if better {
                    champion = Some(outlook);
                }
            }
        }
        Ok(())
    }

    /// What a trial suggests the family reaches at the goal: error and size
    /// are extrapolated along a power law that flatters the family.
    fn extrapolate(&self, outlook: Outlook) -> Outlook {
        match self.problem.goal() {
            Goal::Error(limit) => {
                let part = (outlook.error / limit).clamp(1e-6, 1e6);
                let power = if part < 1.0 { 1.6 } else { 0.6 };
                Outlook {
                    error: limit,
                    bytes: (outlook.bytes as f64 * part.powf(power)) as u64,
                }
            }
            Goal::Bytes(limit) => {
                let part = (outlook.bytes as f64 / limit.max(1) as f64).clamp(1e-6, 1e6);
                // What room is left may buy: a bit more for every number
                // halves the error, and how many there are is unknown.
                let power = if part < 1.0 { 8.0 } else { 0.6 };
                Outlook {
                    error: outlook.error * part.powf(power),
                    bytes: limit,
                }
            }
        }
    }

    /// Whether a family that gives `outlook` is far from what is known.
    fn is_hopeless(&self, outlook: Outlook, champion: Option<Outlook>, margin: f64) -> bool {
        let Some(known) = champion else { return false };
        let reach = self.extrapolate(outlook);
        match self.problem.goal() {
            Goal::Error(_) => reach.bytes as f64 > margin * known.bytes as f64,
            Goal::Bytes(_) => reach.error > margin * known.error,
        }
    }

    /// Where the outlook meets the goal. A hopeless family keeps what its
    /// first trials suggest, so that the best of a structure can be told.
    fn promise(
        &self,
        family: &mut dyn Family,
        start: f64,
        champion: Option<Outlook>,
    ) -> Result<Option<(f64, Outlook)>> {
        let tolerance = Tolerance {
            slack: 0.04,
            trials: 10,
        };
        let mut hopeless = None;
        let found = find_step(
            self.problem.goal(),
            start,
            self.bounds(),
            tolerance,
            &mut |step| {
                self.progress.check()?;
                let outlook = match family.outlook(self.problem, fineness(step, LAMBDA)) {
                    Ok(outlook) => outlook,
                    Err(Error::Candidate { .. }) => return Ok(None),
                    Err(error) => return Err(error),
                };
                if self.is_hopeless(outlook, champion, 1.5) {
                    hopeless = Some((step, self.extrapolate(outlook)));
                    return Ok(None);
                }
                Ok(Some((outlook, ())))
            },
        )?;
        let met = found.map(|trial| (trial.step, self.extrapolate(trial.outlook)));
        Ok(hopeless.or(met))
    }

    /// Indices of the families worth solving, best promise first.
    fn finalists(&self, entries: &[Entry<'p>]) -> Vec<usize> {
        let goal = self.problem.goal();
        let mut order: Vec<usize> = (0..entries.len())
            .filter(|&k| entries[k].promise.is_some())
            .collect();
        let pair = |k: usize| {
            entries[k]
                .promise
                .map_or((f64::MAX, u64::MAX), |(_, o)| (o.error, o.bytes))
        };
        order.sort_by(|&a, &b| {
            if goal.prefers(pair(a), pair(b)) {
                std::cmp::Ordering::Less
            } else if goal.prefers(pair(b), pair(a)) {
                std::cmp::Ordering::Greater
            } else {
                a.cmp(&b)
            }
        });
        let finalists = match self.problem.len() {
            0..=SMALL => FINALISTS_SMALL,
            _ => FINALISTS,
        };
        let mut seen: Vec<&str> = Vec::new();
        let mut chosen = Vec::new();
        for (rank, &k) in order.iter().enumerate() {
            let structure = entries[k].family.structure();
            let first = !seen.contains(&structure);
            seen.push(structure);
            // Solving the also-rans of a large array takes minutes and shows little.
            let also_ran = self.problem.is_long()
                && rank > 0
                && match goal {
                    Goal::Error(_) => pair(k).1 as f64 > 1.3 * pair(order[0]).1 as f64,
                    Goal::Bytes(_) => pair(k).0 > 1.3 * pair(order[0]).0,
                };
            if (rank < finalists || first) && !also_ran {
                chosen.push(k);
            }
        }
        chosen
    }

    fn solve_best(&self, entries: &mut [Entry<'p>]) -> Result<Vec<Solved>> {
        let finalists = self.finalists(entries);
        let mut solved = Vec::new();
        for (number, &k) in finalists.iter().enumerate() {
            let entry = &mut entries[k];
            let what = format!("{} {}", entry.family.structure(), entry.family.detail());
            self.progress
                .tell(&what, 0.6 + 0.3 * number as f64 / finalists.len() as f64)?;
            let clock = Instant::now();
            let (step, _) = entry.promise.expect("finalists have a promise");
            let mut points = Vec::new();
            let family = entry.family.as_mut();
            // The first finalists compete; the others are there for comparison.
            let slack = match number {
                0 if !self.problem.is_large() => 0.002,
                1 | 2 if !self.problem.is_large() => 0.005,
                _ => 0.02,
            };
            let trial = self.solve(family, step, LAMBDA, slack, None, &mut points)?;
            entry.seconds += clock.elapsed().as_secs_f64();
            if let Some(trial) = trial {
                solved.push(Solved {
                    entry: k,
                    trial,
                    points,
                });
            }
        }
        Ok(solved)
    }

    fn measure(&self, family: &mut dyn Family, fineness: Fineness) -> Result<Option<Measured>> {
        self.progress.check()?;
        let representation = match built(family, self.problem, fineness) {
            Ok(representation) => representation,
            Err(Error::Candidate { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let outlook = Outlook {
            error: representation.error_against(self.problem.source())?,
            bytes: representation.stored_bytes(),
        };
        Ok(Some((outlook, representation)))
    }

    fn solve(
        &self,
        family: &mut dyn Family,
        start: f64,
        lambda: f64,
        slack: f64,
        champion: Option<Outlook>,
        points: &mut Vec<(u64, f64)>,
    ) -> Result<Option<Trial<Representation>>> {
        let goal = self.problem.goal();
        if family.is_fixed() {
            let Some((outlook, product)) = self.measure(family, fineness(1.0, lambda))? else {
                return Ok(None);
            };
            points.push((outlook.bytes, outlook.error));
            let met = goal.is_met(outlook.error, outlook.bytes);
            return Ok(met.then_some(Trial {
                step: 1.0,
                outlook,
                product,
            }));
        }
        let tolerance = Tolerance {
            slack,
            trials: if self.problem.is_long() { 5 } else { 16 },
        };
        find_step(goal, start, self.bounds(), tolerance, &mut |step| {
            let measured = self.measure(family, fineness(step, lambda))?;
            if let Some((outlook, _)) = &measured {
                points.push((outlook.bytes, outlook.error));
            }
            Ok(measured.filter(|(outlook, _)| !self.is_hopeless(*outlook, champion, 1.02)))
        })
    }

    /// Tries other prices of a bit on the winner.
    fn refine(&self, entries: &mut [Entry<'p>], winner: &mut Solved) -> Result<()> {
        let goal = self.problem.goal();
        let entry = &mut entries[winner.entry];
        if entry.family.is_fixed() || self.problem.is_long() {
            return Ok(());
        }
        self.progress.tell("refine", 0.92)?;
        let clock = Instant::now();
        for factor in [0.7, 1.35] {
            let lambda = LAMBDA * factor;
            // A higher price makes more zeros, which a smaller step makes up for.
            let start = winner.trial.step * (1.0 - 0.6 * (factor - 1.0));
            let known = Some(winner.trial.outlook);
            let family = entry.family.as_mut();
            let trial = self.solve(family, start, lambda, 0.002, known, &mut winner.points)?;
            if let Some(trial) = trial {
                let (a, b) = (trial.outlook, winner.trial.outlook);
                if goal.prefers((a.error, a.bytes), (b.error, b.bytes)) {
                    winner.trial = trial;
                }
            }
        }
        entry.seconds += clock.elapsed().as_secs_f64();
        Ok(())
    }

    fn frontiers(&self, entries: &mut [Entry<'p>], solved: &[Solved]) -> Result<Vec<Frontier>> {
        let mut frontiers: Vec<Frontier> = Vec::new();
        for best in solved {
            let entry = &mut entries[best.entry];
            let structure = entry.family.structure().to_owned();
            let mut points = best.points.clone();
            let known = frontiers
                .iter_mut()
                .find(|frontier| frontier.structure == structure);
            if let Some(frontier) = known {
                frontier.points.append(&mut points);
                continue;
            }
            let more = self.frontier && !entry.family.is_fixed() && !self.problem.is_long();
            for factor in if more {
                &[0.125, 0.35, 2.8, 8.0][..]
            } else {
                &[]
            } {
                self.progress.tell("frontier", 0.96)?;
                let fineness = fineness(best.trial.step * factor, LAMBDA);
                if let Some((outlook, _)) = self.measure(entry.family.as_mut(), fineness)? {
                    points.push((outlook.bytes, outlook.error));
                }
            }
            frontiers.push(Frontier { structure, points });
        }
        for frontier in &mut frontiers {
            frontier
                .points
                .sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            frontier.points.dedup();
        }
        Ok(frontiers)
    }

    /// The error that says what would be possible.
    fn unreachable(&self, entries: &mut [Entry<'p>]) -> Error {
        let mut best: Option<Outlook> = None;
        let goal = self.problem.goal();
        let coarse = self.bounds().1;
        for entry in entries {
            let step = match goal {
                Goal::Bytes(_) => coarse,
                Goal::Error(_) => self.problem.rms() * 1e-6,
            };
            if let Ok(Some((outlook, _))) =
                self.measure(entry.family.as_mut(), fineness(step, LAMBDA))
            {
                let better = best.is_none_or(|known: Outlook| {
                    goal.prefers((outlook.error, outlook.bytes), (known.error, known.bytes))
                });
                if better {
                    best = Some(outlook);
                }
            }
        }
        let best = match (best, goal) {
            (None, _) => "none of them applies to this array".to_owned(),
            (Some(outlook), Goal::Bytes(_)) => format!(
                "the smallest file has {} bytes (error {:.4})",
                outlook.bytes, outlook.error
            ),
            (Some(outlook), Goal::Error(_)) => format!(
                "the smallest error is about {:.3e} ({} bytes)",
                outlook.error, outlook.bytes
            ),
        };
        Error::Unreachable {
            target: self.target.clone(),
            best,
        }
    }
}

struct Solved {
    entry: usize,
    trial: Trial<Representation>,
    points: Vec<(u64, f64)>,
}

impl Solved {
    fn row(&self, entries: &[Entry<'_>]) -> CandidateResult {
        let entry = &entries[self.entry];
        CandidateResult {
            structure: entry.family.structure().to_owned(),
            detail: entry.family.detail(),
            error: self.trial.outlook.error,
            stored_bytes: self.trial.outlook.bytes,
            seconds: entry.seconds,
        }
    }
}

fn fineness(step: f64, lambda: f64) -> Fineness {
    Fineness {
        step: (step as f32).clamp(f32::MIN_POSITIVE, f32::MAX),
        lambda,
    }
}
