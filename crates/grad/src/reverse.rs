//! Reverse mode: cotangents from results back to arguments.

use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, LazyLock};

use smallvec::SmallVec;

use crate::formula::Formula;
use crate::variable::{Node, is_complex, is_recording, unrecorded};
use crate::{Error, Result, Variable};

/// Cotangents of one result that are held before they are added up.
const HELD: usize = 8;

/// The nodes a derivative passes through, in order of their making.
pub(crate) struct Passage {
    nodes: Vec<Arc<Node>>,
    places: HashMap<u64, usize, std::hash::BuildHasherDefault<Number>>,
}

/// Node numbers need no hashing but a multiplication that spreads them.
#[derive(Default)]
pub(crate) struct Number(u64);

impl std::hash::Hasher for Number {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }
    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

impl Passage {
    /// The nodes on some way from `from` to `to`, ends included.
    ///
    /// Numbers grow along every way, so nodes older than the oldest of `from`
    /// are not looked at.
    pub fn between(from: &[&Variable], to: &[&Variable]) -> Self {
        let oldest = from.iter().map(|x| x.node().number()).min();
        let oldest = oldest.unwrap_or(u64::MAX);
        let mut seen: HashMap<u64, bool, std::hash::BuildHasherDefault<Number>> =
            HashMap::default();
        let mut waiting: Vec<&Arc<Node>> = to.iter().map(|y| y.node()).collect();
        let mut reached: Vec<&Arc<Node>> = Vec::new();
        while let Some(node) = waiting.pop() {
            if !node.tracked() || node.number() < oldest || seen.contains_key(&node.number()) {
                continue;
            }
            seen.insert(node.number(), false);
            reached.push(node);
            waiting.extend(node.parents().iter().map(Variable::node));
        }
        reached.sort_unstable_by_key(|node| node.number());
        for x in from {
            seen.entry(x.node().number()).and_modify(|is| *is = true);
        }
        let mut nodes = Vec::with_capacity(reached.len());
        let mut places = HashMap::default();
        for node in reached {
            let leads = |parent: &Variable| seen.get(&parent.node().number()) == Some(&true);
            if seen[&node.number()] || node.parents().iter().any(leads) {
                seen.insert(node.number(), true);
                places.insert(node.number(), nodes.len());
                nodes.push(Arc::clone(node));
            }
        }
        Self { nodes, places }
    }

    pub fn nodes(&self) -> &[Arc<Node>] {
        &self.nodes
    }

    pub fn place(&self, variable: &Variable) -> Option<usize> {
        self.places.get(&variable.node().number()).copied()
    }
}

/// The cotangents that reached a result, added up as they come where nobody else
/// sees them, else together at the end.
#[derive(Default)]
struct Slot {
    parts: SmallVec<[Variable; 2]>,
}

impl Slot {
    fn add(&mut self, part: Variable) -> Result<()> {
        if let Some(sum) = self.parts.last_mut()
            && sum.add_in_place(&part)
        {
            return Ok(());
        }
        if self.parts.len() == HELD {
            let sum = self.take()?;
            self.parts.extend(sum);
        }
        self.parts.push(part);
        Ok(())
    }

    /// The sum, in one pass over all parts.
    fn take(&mut self) -> Result<Option<Variable>> {
        static SUMS: LazyLock<Vec<Formula>> = LazyLock::new(|| {
            let mut sums = vec![Formula::input(0)];
            for number in 1..HELD {
                sums.push(sums[number - 1].clone() + Formula::input(number));
            }
            sums
        });
        let parts = std::mem::take(&mut self.parts);
        match parts.len() {
            0 => Ok(None),
            1 => Ok(parts.into_iter().next()),
            count => {
                let parts: SmallVec<[&Variable; HELD]> = parts.iter().collect();
                SUMS[count - 1]
                    .evaluated("sum of cotangents", &parts, None)
                    .map(Some)
            }
        }
    }
}

/// The cotangents of `inputs` for given cotangents of `outputs`: x̄ = Jᵀ·ȳ, the
/// transpose with respect to `Re Σ conj(a)·b`.
///
/// One sweep over the recorded steps between them, whatever the number of
/// inputs. What is computed is recorded, unless within [`unrecorded`], so the
/// result can be differentiated again. An input nothing depends on gets zeros.
///
/// [`unrecorded`]: crate::unrecorded
///
/// # Errors
/// [`Error::NotRecorded`] for an input that is a constant; [`Error::Count`],
/// [`Error::Shape`] if the cotangents do not fit the outputs; those of the rules.
pub fn vjp(
    outputs: &[&Variable],
    cotangents: &[&Variable],
    inputs: &[&Variable],
) -> Result<Vec<Variable>> {
    check_seeds("vjp", "cotangent", outputs, cotangents)?;
    check_inputs("vjp", inputs)?;
    let passage = Passage::between(inputs, outputs);
    let seeds: SmallVec<[Seed; 1]> = (outputs.iter().zip(cotangents))
        .filter_map(|(output, &cotangent)| {
            let place = passage.place(output)?;
            Some((place, output.output(), cotangent.clone()))
        })
        .collect();
    sweep(passage, seeds, inputs)
}

/// The place and number of an output, and its cotangent.
type Seed = (usize, usize, Variable);

/// One sweep back; nodes are let go of as soon as they are behind it.
fn sweep(
    mut passage: Passage,
    seeds: SmallVec<[Seed; 1]>,
    inputs: &[&Variable],
) -> Result<Vec<Variable>> {
    let mut slots: Vec<SmallVec<[Slot; 1]>> = (passage.nodes.iter())
        .map(|node| node.values().iter().map(|_| Slot::default()).collect())
        .collect();
    let mut waiting: BinaryHeap<usize> = BinaryHeap::new();
    let mut queued = vec![false; slots.len()];
    for (place, output, cotangent) in seeds {
        slots[place][output].add(cotangent)?;
        if !std::mem::replace(&mut queued[place], true) {
            waiting.push(place);
        }
    }
    let mut results: Vec<Option<Variable>> = vec![None; inputs.len()];
    let mut ends = vec![false; slots.len()];
    for input in inputs {
        if let Some(place) = passage.place(input) {
            ends[place] = true;
        }
    }
    while let Some(place) = waiting.pop() {
        // Nodes beyond were done, or no cotangent reached them.
        passage.nodes.truncate(place + 1);
        let Some(node) = passage.nodes.pop() else {
            break;
        };
        let cotangents: SmallVec<[Option<Variable>; 1]> = (slots[place].iter_mut())
            .map(Slot::take)
            .collect::<Result<_>>()?;
        if ends[place] {
            for (input, result) in inputs.iter().zip(&mut results) {
                if passage.place(input) == Some(place) {
                    result.clone_from(&cotangents[input.output()]);
                }
            }
        }
        let Some(operation) = node.operation() else {
            continue;
        };
        let targets: SmallVec<[Option<usize>; 4]> =
            node.parents().iter().map(|x| passage.place(x)).collect();
        let wanted: SmallVec<[bool; 4]> = targets.iter().map(Option::is_some).collect();
        if !wanted.contains(&true) {
            continue;
        }
        let outputs = node.outputs();
        let parts = operation.vjp(&node.call(&outputs), &cotangents, &wanted)?;
        drop(cotangents);
        check_count(
            operation.name(),
            "cotangents of inputs",
            wanted.len(),
            parts.len(),
        )?;
        for ((part, target), parent) in parts.into_iter().zip(targets).zip(node.parents()) {
            let (Some(part), Some(target)) = (part, target) else {
                continue;
            };
            check_fit(operation.name(), "cotangent", &part, parent)?;
            slots[target][parent.output()].add(part)?;
            if !std::mem::replace(&mut queued[target], true) {
                waiting.push(target);
            }
        }
    }
    (results.into_iter().zip(inputs))
        .map(|(result, input)| match result {
            Some(result) => Ok(result),
            None => Variable::zeros(input.shape(), input.dtype()),
        })
        .collect()
}

/// The gradients of a real number with respect to `inputs`.
///
/// For complex inputs the gradient is `∂L/∂Re + i·∂L/∂Im`, so that `x − lr·g`
/// goes downhill: that of |z|² is 2z. (JAX gives the conjugate.) As [`vjp`], the
/// result is recorded and can be differentiated again.
///
/// # Errors
/// [`Error::NotScalar`] if `loss` is not one real number; as [`vjp`].
pub fn gradients(loss: &Variable, inputs: &[&Variable]) -> Result<Vec<Variable>> {
    check_loss("gradients", loss)?;
    let one = Variable::ones(loss.shape(), loss.dtype())?;
    vjp(&[loss], &[&one], inputs)
}

/// As [`gradients`], for a computation that is not needed any more: what was
/// kept of it is freed while going back, and the gradients are not recorded.
///
/// The most memory in use is so that of the forward pass, plus the cotangents on
/// the way of one step; variables of the computation that are held elsewhere stay.
///
/// ```
/// use tensegrity_grad::{Variable, backward};
/// use tensegrity_tensor::Tensor;
/// let x = Variable::new(Tensor::from_vec(vec![1.0, 2.0], &[2])?);
/// let loss = x.square()?.sum_all()?;
/// assert_eq!(backward(loss, &[&x])?[0].values()?, [2.0, 4.0]);
/// # Ok::<(), tensegrity_grad::Error>(())
/// ```
///
/// # Errors
/// As [`gradients`].
pub fn backward(loss: Variable, inputs: &[&Variable]) -> Result<Vec<Variable>> {
    check_loss("backward", &loss)?;
    check_inputs("backward", inputs)?;
    unrecorded(|| {
        let one = Variable::ones(loss.shape(), loss.dtype())?;
        consumed(loss, &one, inputs)
    })
}

/// As [`vjp`] of a computation that is not needed any more: freed on the way,
/// unless what is computed is recorded.
pub(crate) fn consumed(
    value: Variable,
    cotangent: &Variable,
    inputs: &[&Variable],
) -> Result<Vec<Variable>> {
    if is_recording() {
        return vjp(&[&value], &[cotangent], inputs);
    }
    let passage = Passage::between(inputs, &[&value]);
    let seeds = (passage.place(&value).into_iter())
        .map(|place| (place, value.output(), cotangent.clone()))
        .collect();
    drop(value);
    sweep(passage, seeds, inputs)
}

fn check_loss(operation: &'static str, loss: &Variable) -> Result<()> {
    match loss.len() == 1 && !is_complex(loss.dtype()) {
        true => Ok(()),
        false => Err(Error::NotScalar {
            operation,
            shape: loss.shape().to_vec(),
            dtype: loss.dtype(),
        }),
    }
}

pub(crate) fn check_inputs(operation: &'static str, inputs: &[&Variable]) -> Result<()> {
    match inputs.iter().position(|input| !input.is_recorded()) {
        Some(argument) => Err(Error::NotRecorded {
            operation,
            argument,
        }),
        None => Ok(()),
    }
}

/// Checks that seeds have the shapes and types of what they belong to.
pub(crate) fn check_seeds(
    operation: &'static str,
    what: &'static str,
    values: &[&Variable],
    seeds: &[&Variable],
) -> Result<()> {
    if values.len() != seeds.len() {
        return Err(Error::Count {
            operation,
            what: "seeds",
            expected: values.len(),
            found: seeds.len(),
        });
    }
    for (number, (value, seed)) in values.iter().zip(seeds).enumerate() {
        if value.shape() != seed.shape() {
            return Err(Error::Shape {
                operation,
                argument: format!("{what} {number}"),
                found: seed.shape().to_vec(),
                wanted: format!("it needs the shape of its value, {:?}", value.shape()),
            });
        }
        if value.dtype() != seed.dtype() {
            return Err(Error::DType {
                operation,
                argument: format!("{what} {number}"),
                found: seed.dtype(),
                wanted: "it needs the element type of its value; cast it",
            });
        }
    }
    Ok(())
}

/// Checks how many derivatives a rule gave.
pub(crate) fn check_count(
    operation: &'static str,
    what: &'static str,
    expected: usize,
    found: usize,
) -> Result<()> {
    match expected == found {
        true => Ok(()),
        false => Err(Error::Rule {
            operation,
            problem: format!("its rule gave {found} {what} where {expected} are needed"),
        }),
    }
}

/// Checks that what a rule gave fits the value it belongs to.
pub(crate) fn check_fit(
    operation: &'static str,
    what: &'static str,
    part: &Variable,
    value: &Variable,
) -> Result<()> {
    match part.shape() == value.shape() && part.dtype() == value.dtype() {
        true => Ok(()),
        false => Err(Error::Rule {
            operation,
            problem: format!("its rule gave the {what} {part:?} for the value {value:?}"),
        }),
    }
}
