//! Structured nodes at work: their entries, never their dense form.
//!
//! A triangular mask, ε or Ω meets a tensor entry by entry: each entry picks a
//! block of the tensor, adds it to a block of the result, with its sign. Runs of
//! entries are loop bounds (a causal mask reads half a matrix), and where a mask
//! only says how far to sum, the sums are carried from line to line.
//!
//! Guarantees: no memory is taken beyond the result, except two numbers a line
//! for a mask that is summed; the order of additions is fixed. What an entry
//! does not pick is not read: a NaN outside the mask leaves no trace, where a
//! dense mask of zeros would spread it.
//!
//! Cost: the entries that agree with each other times what the tensor has beside
//! them; for a summed mask the size of tensor and result.

mod nest;
mod order;

use smallvec::SmallVec;
use tensegrity_diagram::{Generator, Run};
use tensegrity_tensor::{Axes, Element};

use crate::pair::{Choice, Strategy, Wires};

pub(crate) use order::tensors_first;

use nest::{Loop, Nest, Part, accumulate, clear, merged, reach};

/// A structured node of a network: a generator with some legs held fast. The
/// network lists the wires of the others.
#[derive(Clone, Debug)]
pub(crate) struct Structure {
    pub generator: Generator,
    /// One item a leg; `None` where the leg is on a wire.
    pub fixed: Vec<Option<u64>>,
}

#[derive(Clone, Copy, Debug)]
enum Leg {
    Fixed(u64),
    /// A wire, numbered over the wires of all patterns.
    Wire(usize),
}

#[derive(Clone, Debug)]
struct Pattern {
    generator: Generator,
    legs: Vec<Leg>,
    /// The leg along which entries are taken in runs.
    along: usize,
    /// Another leg on the wire of `along`.
    twin: Option<usize>,
    /// No wire occurs twice.
    plain: bool,
}

/// Structured nodes applied to one tensor, prepared for fixed strides.
#[derive(Clone, Debug)]
pub(crate) struct Application {
    patterns: Vec<Pattern>,
    /// Steps of tensor and result along each wire of a pattern.
    steps: Vec<[isize; 2]>,
    /// What tensor and result have beside the patterns, outermost first, with
    /// one loop kept for the run.
    nest: Nest,
    /// Which of them is the run.
    run: usize,
    /// The whole result, axis by axis.
    result: Nest,
    /// Sums are carried from line to line.
    carried: bool,
    choice: Choice,
}

/// A tensor with its wires.
pub(crate) struct Placed<'a> {
    pub wires: &'a [u32],
    pub strides: &'a [isize],
}

impl Application {
    /// Prepares `structures` (each with the wires of its free legs) on `tensor`.
    ///
    /// `result[wires] = Σ Π structures · tensor` over every wire that is not on
    /// the result; wires may repeat anywhere.
    pub fn new(
        structures: &[(&Structure, &[u32])],
        tensor: &Placed<'_>,
        result: &Placed<'_>,
        dim: impl Fn(u32) -> usize,
    ) -> Self {
        let step = |placed: &Placed<'_>, wire: u32| -> isize {
            let axes = placed.wires.iter().zip(placed.strides);
            axes.filter(|(w, _)| **w == wire).map(|(_, s)| s).sum()
        };
        let both = |wire: u32| [step(tensor, wire), step(result, wire)];
        let mut wires = Wires::new();
        let mut patterns: Vec<Pattern> = (structures.iter())
            .map(|(structure, own)| {
                let mut free = own.iter();
                let legs = (structure.fixed.iter())
                    .map(|fixed| match fixed {
                        Some(index) => Leg::Fixed(*index),
                        None => {
                            let wire = *free.next().expect("a free leg has a wire");
                            let known = wires.iter().position(|&w| w == wire);
                            Leg::Wire(known.unwrap_or_else(|| {
                                wires.push(wire);
                                wires.len() - 1
                            }))
                        }
                    })
                    .collect();
                Pattern::new(structure.generator.clone(), legs)
            })
            .collect();
        let steps: Vec<[isize; 2]> = wires.iter().map(|&w| both(w)).collect();
        let mut beside = Wires::new();
        for &wire in tensor.wires.iter().chain(result.wires) {
            if !wires.contains(&wire) && !beside.contains(&wire) {
                beside.push(wire);
            }
        }
        let loops = beside.iter().map(|&wire| Loop {
            length: dim(wire),
            steps: both(wire),
        });
        let mut nest = merged(loops.collect());
        // The last pattern runs inside all others.
        let last = patterns.last_mut().expect("there is a pattern to apply");
        let carried = last.choose_run(&steps) && structures.len() == 1;
        let [x, r] = last.run_steps(&steps);
        let long = matches!(last.generator, Generator::Triangular { .. });
        let inside = long
            && nest
                .last()
                .is_none_or(|inner| reach(inner.steps) >= reach([x, r]));
        let run = if inside { nest.len() } else { 0 };
        let slot = Loop {
            length: 1,
            steps: [x, r],
        };
        nest.insert(run, slot);
        let count = |loops: &[Loop]| loops.iter().fold(1usize, |n, l| n.saturating_mul(l.length));
        let shape: Axes = result.wires.iter().map(|&w| dim(w)).collect();
        let axes = shape.iter().zip(result.strides);
        let result: Nest = axes
            .map(|(&length, &step)| Loop {
                length,
                steps: [0, step],
            })
            .collect();
        let choice = Choice {
            strategy: Strategy::Structured,
            batch: 1,
            rows: count(&nest),
            columns: count(&result),
            depth: 1,
            presummed: [false; 2],
            copied: [false; 3],
            // Memory traffic at a few bytes a nanosecond.
            seconds: (count(&nest) as f64 + 2.0 * count(&result) as f64) * 1e-9,
        };
        Self {
            patterns,
            steps,
            nest,
            run,
            result: merged(result),
            carried,
            choice,
        }
    }

    /// How it is run, for people.
    pub fn choice(&self) -> &Choice {
        &self.choice
    }

    /// Writes the result.
    ///
    /// # Safety
    /// `tensor` and `result` address tensors of the wires and strides prepared
    /// for; the result is exclusive and overlaps nothing.
    pub unsafe fn run<T: Element>(&self, tensor: *const T, result: *mut T) {
        if self.result.iter().any(|axis| axis.length == 0) {
            return;
        }
        // SAFETY: every address is one of the result.
        unsafe { clear(&self.result, result) };
        if self.nest.iter().any(|l| l.length == 0) {
            return;
        }
        let mut nest = self.nest.clone();
        let mut add = |at: [isize; 2], run: Loop, negative: bool| {
            let mut times = 1;
            nest[self.run] = run;
            if run.steps == [0, 0] {
                times = run.length;
                nest[self.run].length = 1;
            }
            // SAFETY: offsets are sums of indices inside their axes times the
            // strides of those axes.
            unsafe {
                let (x, r) = (tensor.offset(at[0]), result.offset(at[1]));
                accumulate(&nest, (x, r), Part { negative, times });
            }
        };
        if self.carried {
            // SAFETY: the caller's.
            unsafe { self.carry(result, &mut add) };
        } else {
            let mut known = vec![None; self.steps.len()];
            self.visit(0, &mut known, ([0, 0], false), &mut add);
        }
    }

    /// Every combination of entries of the patterns from `number` on that
    /// agrees with the indices known.
    fn visit(
        &self,
        number: usize,
        known: &mut Vec<Option<u64>>,
        (at, negative): ([isize; 2], bool),
        add: &mut dyn FnMut([isize; 2], Loop, bool),
    ) {
        let Some(pattern) = self.patterns.get(number) else {
            return add(at, Loop::ONCE, negative);
        };
        let last = number + 1 == self.patterns.len();
        let fixed: SmallVec<[Option<u64>; 8]> = (pattern.legs.iter())
            .map(|leg| match *leg {
                Leg::Fixed(index) => Some(index),
                Leg::Wire(wire) => known[wire],
            })
            .collect();
        let mut found = |run: Run<'_>| {
            let negative = negative ^ (run.sign < 0);
            if last && pattern.plain {
                let at = self.moved(at, pattern, run.index, known);
                let steps = match pattern.legs.get(pattern.along) {
                    Some(Leg::Wire(wire)) if known[*wire].is_none() => self.steps[*wire],
                    _ => [0, 0],
                };
                let length = run.length as usize;
                return add(at, Loop { length, steps }, negative);
            }
            let start = run.index.get(pattern.along).copied().unwrap_or(0);
            // Two legs on one wire: the run meets the diagonal once at most.
            let taken = match pattern.twin {
                None => 0..run.length,
                Some(twin) => match run.index[twin].checked_sub(start) {
                    Some(step) if step < run.length => step..step + 1,
                    _ => return,
                },
            };
            let mut index: SmallVec<[u64; 8]> = run.index.into();
            for step in taken {
                if let Some(moving) = index.get_mut(pattern.along) {
                    *moving = start + step;
                }
                let mut set: SmallVec<[usize; 8]> = SmallVec::new();
                let agrees = pattern.legs.iter().zip(&index).all(|(leg, &index)| {
                    let Leg::Wire(wire) = *leg else { return true };
                    if known[wire].is_none() {
                        known[wire] = Some(index);
                        set.push(wire);
                    }
                    known[wire] == Some(index)
                });
                if agrees {
                    let shift = |side: usize| -> isize {
                        let of = |&wire: &usize| {
                            known[wire].unwrap_or(0) as isize * self.steps[wire][side]
                        };
                        set.iter().map(of).sum()
                    };
                    let at = [at[0] + shift(0), at[1] + shift(1)];
                    self.visit(number + 1, known, (at, negative), add);
                }
                for wire in set {
                    known[wire] = None;
                }
            }
        };
        let along = pattern.along;
        pattern.generator.for_each_run(&fixed, along, &mut found);
    }

    /// The offsets moved to an index of a pattern, along wires not known yet.
    fn moved(
        &self,
        at: [isize; 2],
        pattern: &Pattern,
        index: &[u64],
        known: &[Option<u64>],
    ) -> [isize; 2] {
        let legs = pattern.legs.iter().zip(index);
        legs.fold(at, |at, (leg, &index)| match *leg {
            Leg::Wire(wire) if known[wire].is_none() => {
                let [x, r] = self.steps[wire];
                [at[0] + index as isize * x, at[1] + index as isize * r]
            }
            _ => at,
        })
    }

    /// Lines of a mask in the order in which they grow, each the one before
    /// and what is new.
    ///
    /// # Safety
    /// As [`Application::run`].
    unsafe fn carry<T: Element>(
        &self,
        result: *mut T,
        add: &mut dyn FnMut([isize; 2], Loop, bool),
    ) {
        let pattern = &self.patterns[0];
        let wire = |leg: usize| match pattern.legs[leg] {
            Leg::Wire(wire) => self.steps[wire],
            Leg::Fixed(_) => [0, 0],
        };
        let (across, [x, _]) = (wire(1 - pattern.along)[1], wire(pattern.along));
        let mut lines: Vec<(u64, u64, u64)> = Vec::new();
        let mut found = |run: Run<'_>| {
            let start = run.index[pattern.along];
            lines.push((run.index[1 - pattern.along], start, start + run.length));
        };
        let along = pattern.along;
        pattern
            .generator
            .for_each_run(&[None; 2], along, &mut found);
        let size = |line: &(u64, u64, u64)| line.2 - line.1;
        if lines.first().map(size) > lines.last().map(size) {
            lines.reverse();
        }
        // What the lines have in common with the tensor's free wires.
        let kept: Nest = (self.nest.iter().enumerate())
            .filter(|(number, l)| *number != self.run && l.steps[1] != 0)
            .map(|(_, l)| Loop {
                length: l.length,
                steps: [l.steps[1]; 2],
            })
            .collect();
        let mut before: Option<(u64, u64, u64)> = None;
        for (line, start, end) in lines {
            let here = line as isize * across;
            let mut fresh = [(start, end), (end, end)];
            if let Some((previous, from, to)) = before {
                fresh = [(start, from), (to, end)];
                // SAFETY: lines of the result are apart from each other.
                unsafe {
                    let source = result.offset(previous as isize * across).cast_const();
                    accumulate(&kept, (source, result.offset(here)), Part::PLAIN);
                }
            }
            for (from, to) in fresh.into_iter().filter(|(from, to)| from < to) {
                let run = Loop {
                    length: (to - from) as usize,
                    steps: [x, 0],
                };
                add([from as isize * x, here], run, false);
            }
            before = Some((line, start, end));
        }
    }
}

impl Pattern {
    fn new(generator: Generator, legs: Vec<Leg>) -> Self {
        let wire = |leg: &Leg| match *leg {
            Leg::Wire(wire) => Some(wire),
            Leg::Fixed(_) => None,
        };
        let plain = (legs.iter().enumerate())
            .all(|(k, leg)| wire(leg).is_none() || !legs[..k].iter().any(|l| wire(l) == wire(leg)));
        let mut pattern = Self {
            along: legs.len().saturating_sub(1),
            twin: None,
            plain,
            generator,
            legs,
        };
        pattern.twin = pattern.find_twin();
        pattern
    }

    /// Chooses the leg of the runs; whether sums can be carried along it.
    fn choose_run(&mut self, steps: &[[isize; 2]]) -> bool {
        let Generator::Triangular { .. } = self.generator else {
            return false;
        };
        let [Leg::Wire(row), Leg::Wire(column)] = self.legs[..] else {
            // Runs along the leg that is free, if one is.
            self.along = usize::from(matches!(self.legs[1], Leg::Wire(_)));
            return false;
        };
        if row == column {
            return false;
        }
        let both = [steps[row], steps[column]];
        if let Some(free) = both.iter().position(|s| *s == [0, 0]) {
            self.along = free;
            return false;
        }
        let summed = both.iter().position(|[x, r]| *x != 0 && *r == 0);
        let made = both.iter().position(|[x, r]| *x == 0 && *r != 0);
        if let (Some(summed), Some(_)) = (summed, made) {
            self.along = summed;
            return true;
        }
        self.along = usize::from(reach(both[1]) <= reach(both[0]));
        false
    }

    fn find_twin(&self) -> Option<usize> {
        let Some(Leg::Wire(wire)) = self.legs.get(self.along) else {
            return None;
        };
        let same = |leg: &Leg| matches!(leg, Leg::Wire(w) if w == wire);
        (0..self.legs.len()).find(|&k| k != self.along && same(&self.legs[k]))
    }

    fn run_steps(&self, steps: &[[isize; 2]]) -> [isize; 2] {
        match self.legs.get(self.along) {
            Some(Leg::Wire(wire)) => steps[*wire],
            _ => [0, 0],
        }
    }
}
