//! Which intermediates of a network are kept for the way back.
//!
//! A segment is a part of the contraction tree whose result is kept; what is inside
//! is freed going forward and computed again going back. With every intermediate
//! kept a segment is a single step.

use std::sync::Arc;

use tensegrity_contract as contract;

use super::Step;
use crate::contraction::Kernel;
use crate::{Error, Result, Variable, checkpoint};

/// Tensors a segment starts from, and its steps in their own numbering: leaves
/// first, then results.
struct Segment {
    leaves: Vec<usize>,
    root: usize,
    steps: Arc<[Step]>,
}

/// All steps of a network, in segments.
pub(super) struct Segments {
    operands: usize,
    steps: Vec<Step>,
    kept: Vec<bool>,
    segments: Vec<Segment>,
}

impl Segments {
    /// With every intermediate kept.
    pub fn whole(operands: usize, steps: Vec<Step>) -> Self {
        let mut whole = Self {
            operands,
            kept: vec![true; steps.len()],
            steps,
            segments: Vec::new(),
        };
        whole.segments = whole.cut(&whole.kept);
        whole
    }

    /// The segments whose results are the `kept` ones; the last is.
    fn cut(&self, kept: &[bool]) -> Vec<Segment> {
        let inside = |tensor: usize| tensor >= self.operands && !kept[tensor - self.operands];
        let roots = (0..self.steps.len()).filter(|&step| kept[step]);
        let segment = |root: usize| {
            let mut members = vec![root];
            let mut waiting = vec![root];
            let mut leaves = Vec::new();
            while let Some(step) = waiting.pop() {
                let (left, right, _) = &self.steps[step];
                for &tensor in [left, right] {
                    if inside(tensor) {
                        members.push(tensor - self.operands);
                        waiting.push(tensor - self.operands);
                    } else {
                        leaves.push(tensor);
                    }
                }
            }
            members.sort_unstable();
            leaves.sort_unstable();
            let own = |tensor: usize| match leaves.iter().position(|&leaf| leaf == tensor) {
                Some(leaf) => leaf,
                None => {
                    let step = members.binary_search(&(tensor - self.operands));
                    leaves.len() + step.unwrap_or_default()
                }
            };
            let steps = (members.iter())
                .map(|&step| {
                    let (left, right, kernel) = &self.steps[step];
                    (own(*left), own(*right), Arc::clone(kernel))
                })
                .collect();
            Segment {
                steps,
                leaves,
                root: self.operands + root,
            }
        };
        roots.map(segment).collect()
    }

    /// The result, if there is a step.
    pub fn run(&self, mut tensors: Vec<Option<Variable>>) -> Result<Option<Variable>> {
        tensors.resize(self.operands + self.steps.len(), None);
        for segment in &self.segments {
            let inputs: Vec<Variable> = (segment.leaves.iter())
                .filter_map(|&leaf| tensors[leaf].take())
                .collect();
            let result = match segment.steps.len() {
                1 => contracted(&segment.steps, inputs)?,
                _ => {
                    let steps = Arc::clone(&segment.steps);
                    checkpoint(move |x| contracted(&steps, x.to_vec()), &inputs)?
                }
            };
            tensors[segment.root] = Some(result);
        }
        Ok(tensors.pop().flatten())
    }

    /// Bytes that are held at most, forward and back.
    pub fn peak(&self) -> Result<u64> {
        self.peak_of(&self.segments)
    }

    /// Multiply-adds of forward and reverse pass.
    pub fn work(&self) -> u128 {
        let each = |step: &Step| step.2.products();
        let all: u128 = self.steps.iter().map(each).sum();
        let again = self
            .segments
            .iter()
            .filter(|segment| segment.steps.len() > 1);
        3 * all
            + again
                .flat_map(|segment| segment.steps.iter())
                .map(each)
                .sum::<u128>()
    }

    /// Gives up intermediates, the largest first, until the peak is within `limit`.
    pub fn fit(&mut self, limit: u64) -> Result<()> {
        let mut kept = self.kept.clone();
        let mut peak = self.peak_of(&self.cut(&kept))?;
        let mut order: Vec<usize> = (0..self.steps.len().saturating_sub(1)).collect();
        order.sort_by_key(|&step| std::cmp::Reverse(self.steps[step].2.bytes()));
        while peak > limit {
            let before = peak;
            for &step in &order {
                if peak <= limit {
                    break;
                }
                if !std::mem::replace(&mut kept[step], false) {
                    continue;
                }
                let without = self.peak_of(&self.cut(&kept))?;
                match without < peak {
                    true => peak = without,
                    false => kept[step] = true,
                }
            }
            if peak == before {
                return Err(Error::Contract(contract::Error::MemoryBudget {
                    needed: peak,
                    limit,
                }));
            }
        }
        self.segments = self.cut(&kept);
        self.kept = kept;
        Ok(())
    }

    fn peak_of(&self, segments: &[Segment]) -> Result<u64> {
        let mut ledger = Ledger::default();
        for segment in segments {
            ledger.forward(&segment.steps, segment.leaves.len(), true)?;
        }
        let Some(last) = segments.last().and_then(|segment| segment.steps.last()) else {
            return Ok(0);
        };
        ledger.take(last.2.bytes());
        for segment in segments.iter().rev() {
            if segment.steps.len() > 1 {
                ledger.forward(&segment.steps, segment.leaves.len(), false)?;
            }
            let again = segment.steps.len() > 1;
            for (number, (_, _, kernel)) in segment.steps.iter().enumerate().rev() {
                ledger.reverse(kernel)?;
                let root = number + 1 == segment.steps.len();
                ledger.free(if again && root { 1 } else { 2 } * kernel.bytes());
            }
            if let (true, Some((_, _, kernel))) = (again, segment.steps.last()) {
                // The result that was kept, and its cotangent.
                ledger.free(2 * kernel.bytes());
            }
        }
        Ok(ledger.peak)
    }
}

/// The result of steps on tensors that are let go of as they are used.
fn contracted(steps: &[Step], inputs: Vec<Variable>) -> Result<Variable> {
    let mut tensors: Vec<Option<Variable>> = inputs.into_iter().map(Some).collect();
    for (left, right, kernel) in steps {
        let pair: Vec<Variable> = [*left, *right]
            .into_iter()
            .filter_map(|tensor| tensors[tensor].take())
            .collect();
        tensors.push(Some(Arc::clone(kernel).apply(&pair)?));
    }
    tensors.pop().flatten().ok_or(Error::Count {
        operation: "contraction",
        what: "steps",
        expected: 1,
        found: 0,
    })
}

/// Bytes held, and the most that were.
#[derive(Default)]
struct Ledger {
    held: u64,
    peak: u64,
}

impl Ledger {
    fn take(&mut self, bytes: u64) {
        self.held = self.held.saturating_add(bytes);
        self.peak = self.peak.max(self.held);
    }

    fn free(&mut self, bytes: u64) {
        self.held = self.held.saturating_sub(bytes);
    }

    /// Steps of a segment, whose inner results are freed when used, unless it is
    /// recorded.
    fn forward(&mut self, steps: &[Step], leaves: usize, forget: bool) -> Result<()> {
        for (left, right, kernel) in steps {
            self.take(kernel.bytes());
            self.work(kernel);
            for &tensor in [left, right].into_iter().filter(|_| forget) {
                if tensor >= leaves {
                    self.free(steps[tensor - leaves].2.bytes());
                }
            }
        }
        Ok(())
    }

    /// One pair on the way back, while its result and its cotangent are held.
    fn reverse(&mut self, kernel: &Kernel) -> Result<()> {
        for side in 0..2 {
            let other = kernel.conjugate_bytes(1 - side);
            self.take(other);
            let pullback = kernel.pullback(side)?;
            self.take(pullback.bytes());
            self.work(pullback);
            self.free(other);
        }
        Ok(())
    }

    /// Memory a kernel uses while it works.
    fn work(&mut self, kernel: &Kernel) {
        self.take(kernel.working_bytes());
        self.free(kernel.working_bytes());
    }
}

/// The same for the contraction of a single tensor.
pub(super) fn peak_of_one(kernel: &Kernel) -> Result<u64> {
    let mut ledger = Ledger::default();
    ledger.take(kernel.bytes());
    ledger.work(kernel);
    ledger.take(kernel.bytes());
    let pullback = kernel.pullback(0)?;
    ledger.take(pullback.bytes());
    ledger.work(pullback);
    Ok(ledger.peak)
}

/// Of two refusals the one that needs less.
pub(super) fn lesser(a: contract::Error, b: contract::Error) -> contract::Error {
    let needed = |error: &contract::Error| match error {
        contract::Error::MemoryBudget { needed, .. } => *needed,
        _ => 0,
    };
    match needed(&a) <= needed(&b) {
        true => a,
        false => b,
    }
}
