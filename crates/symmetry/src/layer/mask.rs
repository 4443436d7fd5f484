//! Batches of different sizes, padded to one.

use std::collections::BTreeMap;

use tensegrity_grad::Variable;
use tensegrity_linalg::Field;
use tensegrity_tensor::{Array, Element};

use super::kernel::{Kernel, Slot};
use super::{Layer, operation};
use crate::row::strided::{Loops, Mode, contiguous};
use crate::{Error, Result};

impl Layer {
    /// The outputs for samples of different sizes, padded to one: of sample `b`
    /// only indices below `lengths[b]` are read. Outputs are zero beyond; what
    /// is within equals the output for the sample alone. For layers of one group
    /// whose size is open.
    ///
    /// # Errors
    /// [`Error::Argument`] if the layer has a fixed size, or lengths are not one
    /// a sample between 1 and the padded size; as [`Layer::forward`].
    pub fn forward_masked(&self, inputs: &[&Array], lengths: &[usize]) -> Result<Vec<Array>> {
        let (sizes, batch) = self.check(inputs)?;
        self.check_lengths(lengths, sizes[0], batch)?;
        let weights: Vec<&Array> = self.weights.iter().collect();
        let slot = Slot::Outputs;
        self.kernel
            .evaluate(slot, &sizes, batch, inputs, &weights, true, Some(lengths))
    }

    /// [`Layer::apply`] for samples of different sizes, as [`Layer::forward_masked`].
    ///
    /// # Errors
    /// As [`Layer::forward_masked`] and [`Layer::apply`].
    pub fn apply_masked(
        &self,
        inputs: &[Variable],
        weights: &[Variable],
        lengths: &[usize],
    ) -> Result<Vec<Variable>> {
        let values: Vec<&Array> = inputs.iter().map(Variable::value).collect();
        let (sizes, batch) = self.check(&values)?;
        self.check_lengths(lengths, sizes[0], batch)?;
        self.check_variables(weights)?;
        operation::record(
            &self.kernel,
            sizes,
            batch,
            Some(lengths.to_vec()),
            inputs,
            weights,
        )
    }

    fn check_lengths(&self, lengths: &[usize], n: usize, batch: usize) -> Result<()> {
        let wrong = |problem: String| {
            Err(Error::Argument {
                name: "lengths",
                problem,
            })
        };
        if self.sizes != [None] {
            return wrong("the layer has a fixed size; build it without one".into());
        }
        if lengths.len() != batch {
            return wrong(format!("{} given for {batch} samples", lengths.len()));
        }
        match lengths.iter().position(|&length| length == 0 || length > n) {
            Some(sample) => wrong(format!(
                "that of sample {sample} is {}, not in 1..={n}",
                lengths[sample]
            )),
            None => Ok(()),
        }
    }
}

/// Samples of one size between padded tensors and tensors of their own.
struct Crop<'a> {
    samples: &'a [usize],
    channels: usize,
    order: usize,
    padded: usize,
    length: usize,
}

impl Crop<'_> {
    fn loops(&self, into_padded: bool) -> (Loops, usize, usize) {
        let mut small = vec![self.channels];
        let mut large = vec![self.channels];
        small.extend(vec![self.length; self.order]);
        large.extend(vec![self.padded; self.order]);
        let (a, b) = (contiguous(&small), contiguous(&large));
        let axes = (0..small.len()).map(|axis| {
            if into_padded {
                (small[axis], b[axis], a[axis])
            } else {
                (small[axis], a[axis], b[axis])
            }
        });
        (
            Loops::new(axes),
            small.iter().product(),
            large.iter().product(),
        )
    }

    fn out_of<T: Element>(&self, padded: &[T]) -> Vec<T> {
        let (loops, small, large) = self.loops(false);
        let mut own = vec![T::ZERO; small * self.samples.len()];
        for (number, &sample) in self.samples.iter().enumerate() {
            loops.run(&mut own, number * small, padded, sample * large, Mode::Set);
        }
        own
    }

    fn put_into<T: Element>(&self, own: &[T], padded: &mut [T]) {
        let (loops, small, large) = self.loops(true);
        for (number, &sample) in self.samples.iter().enumerate() {
            loops.run(padded, sample * large, own, number * small, Mode::Set);
        }
    }
}

impl Kernel {
    /// [`Kernel::run`] for samples of different lengths, padded to `n`: samples
    /// of one length make a batch.
    pub(crate) fn run_masked<T: Field>(
        &self,
        slot: Slot,
        n: usize,
        lengths: &[usize],
        first: &[&[T]],
        second: &[&[T]],
        constant: bool,
    ) -> Result<Vec<Vec<T>>> {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (sample, &length) in lengths.iter().enumerate() {
            groups.entry(length).or_default().push(sample);
        }
        let results = match slot {
            Slot::Outputs => Some(&self.outputs),
            Slot::Inputs => Some(&self.inputs),
            Slot::Weights => None,
        };
        let batch = lengths.len();
        let mut total: Vec<Vec<T>> = match results {
            Some(sides) => sides
                .iter()
                .map(|(orders, channels)| vec![T::ZERO; batch * channels * n.pow(orders[0] as u32)])
                .collect(),
            None => self
                .weight_shapes()
                .iter()
                .map(|s| vec![T::ZERO; s.iter().product()])
                .collect(),
        };
        for (&length, samples) in &groups {
            let crop = |(orders, channels): &(Vec<usize>, usize)| Crop {
                samples,
                channels: *channels,
                order: orders[0],
                padded: n,
                length,
            };
            let cropped = |sides: &[(Vec<usize>, usize)], tensors: &[&[T]]| -> Vec<Vec<T>> {
                sides
                    .iter()
                    .zip(tensors)
                    .map(|(side, tensor)| crop(side).out_of(tensor))
                    .collect()
            };
            let (a, b): (Vec<Vec<T>>, Vec<Vec<T>>) = match slot {
                Slot::Outputs => (cropped(&self.inputs, first), vec![]),
                Slot::Inputs => (cropped(&self.outputs, first), vec![]),
                Slot::Weights => (cropped(&self.inputs, first), cropped(&self.outputs, second)),
            };
            let a: Vec<&[T]> = a.iter().map(Vec::as_slice).collect();
            let b: Vec<&[T]> = match slot {
                Slot::Weights => b.iter().map(Vec::as_slice).collect(),
                _ => second.to_vec(),
            };
            let part = self.run(slot, &[length], samples.len(), &a, &b, constant)?;
            for (number, part) in part.into_iter().enumerate() {
                match results {
                    Some(sides) => crop(&sides[number]).put_into(&part, &mut total[number]),
                    None => total[number]
                        .iter_mut()
                        .zip(part)
                        .for_each(|(x, y)| *x = x.add(y)),
                }
            }
        }
        Ok(total)
    }
}
