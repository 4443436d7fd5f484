//! From a network and an order of pairs to prepared pairs.

use smallvec::SmallVec;
use tensegrity_diagram::Network;
use tensegrity_tensor::{Axes, DType, Strides, element_count, row_major};

use crate::arena::Arena;
use crate::execute::{Place, Step, StepReport, Work};
use crate::layout::{Consumer, arrange};
use crate::pair::{Pair, PairSpec, Strategy, Wires};
use crate::structured::{Application, Placed, Structure};
use crate::{Error, Result};

/// Intermediates start on a cache line.
const ALIGNMENT_BYTES: usize = 64;

/// Checks that `path` uses every tensor but the last exactly once, after it exists.
pub(crate) fn check_path(operands: usize, path: &[(usize, usize)]) -> Result<()> {
    if path.len() + 1 != operands.max(1) {
        return Err(Error::InvalidPath(format!(
            "{operands} operands need {} pairs; {} are given",
            operands.saturating_sub(1),
            path.len()
        )));
    }
    let mut used = vec![false; operands + path.len()];
    for (step, &(left, right)) in path.iter().enumerate() {
        for tensor in [left, right] {
            if tensor >= operands + step {
                return Err(Error::InvalidPath(format!(
                    "pair {step} uses tensor {tensor}, which does not exist yet"
                )));
            }
            if std::mem::replace(&mut used[tensor], true) {
                return Err(Error::InvalidPath(format!(
                    "pair {step} uses tensor {tensor}, which was used up before"
                )));
            }
        }
    }
    Ok(())
}

/// What an operand of a program is.
#[derive(Clone, Copy)]
pub(crate) enum Leaf<'a> {
    /// A tensor of these strides.
    Tensor(&'a [isize]),
    /// A structured node; it takes no memory and is not given when running.
    Structured(&'a Structure),
}

impl Leaf<'_> {
    /// Number of wires it has.
    fn rank(&self) -> usize {
        match self {
            Leaf::Tensor(strides) => strides.len(),
            Leaf::Structured(structure) => structure.fixed.iter().filter(|f| f.is_none()).count(),
        }
    }
}

pub(crate) fn check_layouts(
    network: &Network,
    leaves: &[Leaf<'_>],
    output: &[isize],
) -> Result<()> {
    if leaves.len() != network.inputs.len() {
        return Err(Error::OperandCount {
            what: "the network".to_owned(),
            expected: network.inputs.len(),
            found: leaves.len(),
        });
    }
    for (number, (wires, leaf)) in network.inputs.iter().zip(leaves).enumerate() {
        if wires.len() != leaf.rank() {
            return Err(Error::PlanShape {
                operand: number,
                expected: wires
                    .iter()
                    .map(|&w| network.dims[w as usize] as usize)
                    .collect(),
                found: vec![0; leaf.rank()],
            });
        }
    }
    if output.len() != network.output.len() {
        return Err(Error::OutputShape {
            expected: vec![0; network.output.len()],
            found: vec![0; output.len()],
        });
    }
    Ok(())
}

/// A tensor of the sequence while compiling: operands first, then results.
struct Node {
    wires: Wires,
    strides: Strides,
    place: Place,
}

pub(crate) struct Compiler<'n> {
    network: &'n Network,
    path: &'n [(usize, usize)],
    leaves: &'n [Leaf<'n>],
    dtype: DType,
    /// Used wherever it applies if given.
    strategy: Option<Strategy>,
    nodes: Vec<Node>,
    /// Wires of every tensor as a set in ascending order.
    sets: Vec<Wires>,
    /// The pair that uses a tensor.
    consumers: Vec<usize>,
    pub arena: Arena,
}

impl<'n> Compiler<'n> {
    pub fn new(
        network: &'n Network,
        path: &'n [(usize, usize)],
        leaves: &'n [Leaf<'n>],
        dtype: DType,
        strategy: Option<Strategy>,
    ) -> Self {
        let mut tensors = 0..;
        let mut nodes: Vec<Node> = (network.inputs.iter().zip(leaves).enumerate())
            .map(|(number, (wires, leaf))| Node {
                wires: wires.as_slice().into(),
                strides: match leaf {
                    Leaf::Tensor(strides) => (*strides).into(),
                    Leaf::Structured(_) => SmallVec::from_elem(0, wires.len()),
                },
                place: match leaf {
                    Leaf::Tensor(_) => Place::Operand(tensors.next().unwrap_or(0)),
                    Leaf::Structured(_) => Place::Structure(number),
                },
            })
            .collect();
        if nodes.is_empty() {
            nodes.push(Node {
                wires: Wires::new(),
                strides: Strides::new(),
                place: Place::One,
            });
        }
        // A wire on no tensor multiplies by its length: an axis of stride zero.
        let mut seen = vec![false; network.dims.len()];
        for &wire in network.inputs.iter().flatten().chain(&network.output) {
            seen[wire as usize] = true;
        }
        let is_tensor = |node: &Node| !matches!(node.place, Place::Structure(_));
        let carrier = nodes.iter().position(is_tensor);
        for (wire, _) in seen.iter().enumerate().filter(|(_, seen)| !**seen) {
            // Without a tensor, `structures` lists the wires it sums itself.
            if let Some(carrier) = carrier {
                nodes[carrier].wires.push(wire as u32);
                nodes[carrier].strides.push(0);
            }
        }
        let mut consumers = vec![usize::MAX; network.inputs.len() + path.len()];
        for (step, &(left, right)) in path.iter().enumerate() {
            consumers[left] = step;
            consumers[right] = step;
        }
        let sets = tensor_sets(network, path, &nodes);
        Self {
            network,
            path,
            leaves,
            dtype,
            strategy,
            nodes,
            sets,
            consumers,
            arena: Arena::default(),
        }
    }

    fn dim(&self, wire: u32) -> usize {
        self.network.dims[wire as usize] as usize
    }

    /// The whole program for no operand or one.
    pub fn single(&self, output: &[isize], report: &mut dyn FnMut(StepReport)) -> Result<Step> {
        let node = &self.nodes[0];
        let result = &self.network.output;
        let strides = [node.strides.as_slice(), output];
        let pair = Pair::unary(&node.wires, result, |w| self.dim(w), strides, self.dtype);
        report(StepReport {
            left: node.wires.clone(),
            right: Wires::new(),
            result: result.as_slice().into(),
            choice: pair.choice().clone(),
        });
        Ok(Step {
            left: node.place,
            right: None,
            target: Place::Output,
            count: self.count(result)?,
            work: Work::Pair(pair),
        })
    }

    /// The whole program of a network of structured nodes only.
    pub fn structures(&self, output: &[isize], report: &mut dyn FnMut(StepReport)) -> Result<Step> {
        let all: Vec<(&Structure, &[u32])> = (self.leaves.iter().zip(&self.network.inputs))
            .filter_map(|(leaf, wires)| match leaf {
                Leaf::Structured(structure) => Some((*structure, wires.as_slice())),
                Leaf::Tensor(_) => None,
            })
            .collect();
        // The number one, constant along every wire there is.
        let wires: Wires = (0..self.network.dims.len() as u32).collect();
        let one = Placed {
            wires: &wires,
            strides: &vec![0; wires.len()],
        };
        let result = Placed {
            wires: &self.network.output,
            strides: output,
        };
        let work = Application::new(&all, &one, &result, |w| self.dim(w));
        report(StepReport {
            left: Wires::new(),
            right: Wires::new(),
            result: self.network.output.as_slice().into(),
            choice: work.choice().clone(),
        });
        Ok(Step {
            left: Place::One,
            right: None,
            target: Place::Output,
            count: self.count(&self.network.output)?,
            work: Work::Entries(work),
        })
    }

    /// Compiles pair `number`, into `output` if it is the last.
    pub fn pair(
        &mut self,
        number: usize,
        output: Option<&[isize]>,
        report: &mut dyn FnMut(StepReport),
    ) -> Result<Step> {
        let (left, right) = self.path[number];
        let result: Wires = match output {
            Some(_) => self.network.output.as_slice().into(),
            None => self.order(number),
        };
        let count = self.count(&result)?;
        let (strides, place): (Strides, Place) = match output {
            Some(strides) => (strides.into(), Place::Output),
            None => {
                let shape: Axes = result.iter().map(|&w| self.dim(w)).collect();
                (
                    row_major(&shape),
                    Place::Arena(self.arena.take(self.padded(count))),
                )
            }
        };
        let (a, b) = (&self.nodes[left], &self.nodes[right]);
        let structure = |node: &Node| match node.place {
            Place::Structure(number) => match self.leaves[number] {
                Leaf::Structured(structure) => Some(structure),
                Leaf::Tensor(_) => None,
            },
            _ => None,
        };
        let entries = |structure: &Structure, own: &Node, tensor: &Node| {
            let tensor = Placed {
                wires: &tensor.wires,
                strides: &tensor.strides,
            };
            let result = Placed {
                wires: &result,
                strides: &strides,
            };
            let one = [(structure, &*own.wires)];
            Work::Entries(Application::new(&one, &tensor, &result, |w| self.dim(w)))
        };
        let (work, operands) = match (structure(a), structure(b)) {
            (Some(left), _) => (entries(left, a, b), (b.place, None)),
            (None, Some(right)) => (entries(right, b, a), (a.place, None)),
            (None, None) => {
                let spec = PairSpec::new(&a.wires, &b.wires, &result, |w| self.dim(w));
                let all = [a.strides.as_slice(), &b.strides, &strides];
                let forced = (self.strategy)
                    .and_then(|strategy| Pair::with_strategy(&spec, all, self.dtype, strategy));
                let pair = forced.unwrap_or_else(|| Pair::new(&spec, all, self.dtype));
                (Work::Pair(pair), (a.place, Some(b.place)))
            }
        };
        report(StepReport {
            left: a.wires.clone(),
            right: b.wires.clone(),
            result: result.clone(),
            choice: work.choice().clone(),
        });
        let step = Step {
            left: operands.0,
            right: operands.1,
            target: place,
            count,
            work,
        };
        for used in [left, right] {
            if let Place::Arena(offset) = self.nodes[used].place {
                let count = self.count(&self.nodes[used].wires)?;
                self.arena.release(offset, self.padded(count));
            }
        }
        self.nodes.push(Node {
            wires: result,
            strides,
            place,
        });
        Ok(step)
    }

    /// Axis order of the result of pair `number`.
    fn order(&self, number: usize) -> Wires {
        let (left, right) = self.path[number];
        let result = self.network.inputs.len() + number;
        let step = self.consumers[result];
        let (first, second) = self.path[step];
        let other = if first == result { second } else { first };
        let next = self.network.inputs.len() + step;
        let last = step + 1 == self.path.len();
        let consumer = Consumer {
            other: &self.sets[other],
            // Known if it is an operand or was laid out before.
            other_order: self
                .nodes
                .get(other)
                .map(|node| (&*node.wires, &*node.strides)),
            result: &self.sets[next],
            result_order: last.then_some(&*self.network.output),
        };
        let makers = [left, right].map(|t| (&*self.nodes[t].wires, &*self.nodes[t].strides));
        arrange(&self.sets[result], makers, &consumer, |w| self.dim(w))
    }

    fn count(&self, wires: &[u32]) -> Result<usize> {
        let shape: Axes = wires.iter().map(|&w| self.dim(w)).collect();
        Ok(element_count(&shape)?)
    }

    fn padded(&self, count: usize) -> usize {
        count
            .max(1)
            .next_multiple_of(ALIGNMENT_BYTES / self.dtype.size())
    }
}

/// The wires each tensor of the sequence has, each once, in ascending order.
///
/// Wires of length one are left out of intermediates: they carry nothing, and
/// the last step gives them back.
fn tensor_sets(network: &Network, path: &[(usize, usize)], nodes: &[Node]) -> Vec<Wires> {
    let distinct = |wires: &[u32]| -> Wires {
        let mut set: Wires = wires.into();
        set.sort_unstable();
        set.dedup();
        set
    };
    let mut sets: Vec<Wires> = nodes.iter().map(|node| distinct(&node.wires)).collect();
    let output = distinct(&network.output);
    let mut uses = vec![0u32; network.dims.len()];
    for &wire in sets.iter().flatten().chain(&output) {
        uses[wire as usize] += 1;
    }
    for (step, &(left, right)) in path.iter().enumerate() {
        if step + 1 == path.len() {
            sets.push(output);
            break;
        }
        for &wire in sets[left].iter().chain(&sets[right]) {
            uses[wire as usize] -= 1;
        }
        let both: SmallVec<[u32; 16]> = sets[left].iter().chain(&sets[right]).copied().collect();
        let mut set = distinct(&both);
        set.retain(|wire| {
            let kept = uses[*wire as usize] > 0 && network.dims[*wire as usize] != 1;
            uses[*wire as usize] += u32::from(kept);
            kept
        });
        sets.push(set);
    }
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_checked() {
        for (operands, path) in [
            (3, vec![(0, 1)]),
            (3, vec![(0, 1), (1, 2)]),
            (3, vec![(0, 3), (1, 2)]),
            (3, vec![(0, 0), (1, 2)]),
            (1, vec![(0, 0)]),
        ] {
            assert!(check_path(operands, &path).is_err(), "{operands} {path:?}");
        }
        assert!(check_path(3, &[(0, 2), (3, 1)]).is_ok());
        assert!(check_path(0, &[]).is_ok());
    }
}
