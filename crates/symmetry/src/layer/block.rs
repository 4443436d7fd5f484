//! The maps between one input and one output of a layer.

use tensegrity_tensor::Element;

use crate::Result;
use crate::diagram::{Diagram, Kind};
use crate::row::forest::Factor;

/// Diagrams from one input order to one output order, with fixed factors.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// Which input; the one after the last is the constant one.
    pub input: usize,
    /// Which output.
    pub output: usize,
    /// One diagram a factor of the group for every weight.
    pub diagrams: Vec<Vec<Diagram>>,
    /// What the weight of each is multiplied by.
    pub factors: Vec<f64>,
}

impl Block {
    /// Inputs that feed one element of the output, for each diagram.
    pub(crate) fn fan_in(&self, sizes: &[usize]) -> Vec<f64> {
        let fan = |diagrams: &Vec<Diagram>| {
            let each = diagrams
                .iter()
                .zip(sizes)
                .map(|(diagram, &n)| fan_in(diagram, n));
            each.product()
        };
        self.diagrams.iter().map(fan).collect()
    }
}

fn fan_in(diagram: &Diagram, n: usize) -> f64 {
    let below = diagram.bottom_only();
    let legs = diagram.heads().iter().flatten();
    let top = |block: &&u8| diagram.blocks()[..diagram.outputs()].contains(block);
    let bottom = legs.clone().filter(|block| !top(block)).count();
    let summed = (n as f64).powi((below - bottom) as i32);
    // A symbol takes its bottom legs in every order, and a capped one every
    // value that is left.
    let capped = diagram.kind() == Kind::Jellyfish && legs.count() < n;
    let orders = bottom + usize::from(capped);
    summed * (1..=orders).map(|i| i as f64).product::<f64>()
}

/// Sizes of all tensors of a layer.
#[derive(Clone, Debug)]
pub(crate) struct Tensors {
    /// Elements of a channel, and channels.
    pub inputs: Vec<(usize, usize)>,
    pub outputs: Vec<(usize, usize)>,
}

impl Tensors {
    pub(crate) fn new(
        factors: &[Factor],
        inputs: &[(Vec<usize>, usize)],
        outputs: &[(Vec<usize>, usize)],
    ) -> Result<Self> {
        let size = |(orders, channels): &(Vec<usize>, usize)| -> Result<(usize, usize)> {
            let mut shape = vec![*channels];
            for (&(_, n), &order) in factors.iter().zip(orders) {
                shape.extend(vec![n; order]);
            }
            let all = tensegrity_tensor::element_count(&shape)?;
            Ok((all / channels.max(&1), *channels))
        };
        Ok(Self {
            inputs: inputs.iter().map(size).collect::<Result<_>>()?,
            outputs: outputs.iter().map(size).collect::<Result<_>>()?,
        })
    }

    /// Elements of one channel of the output and of the input of a block.
    pub(crate) fn sizes(&self, block: &Block) -> (usize, usize) {
        (self.outputs[block.output].0, self.inputs[block.input].0)
    }

    /// Channels of the output and of the input of a block.
    pub(crate) fn channels(&self, block: &Block) -> (usize, usize) {
        (self.outputs[block.output].1, self.inputs[block.input].1)
    }

    pub(crate) fn zeros<T: Element>(&self, side: &[(usize, usize)], batch: usize) -> Vec<Vec<T>> {
        side.iter()
            .map(|(size, channels)| vec![T::ZERO; batch * size * channels])
            .collect()
    }
}
