//! Contract, mix, broadcast: a whole layer in one pass over its input.
//!
//! Inputs are reduced by their forest, so that each is read once for every
//! distinct diagonal; for every class of middles one matrix product over all
//! channels, bottoms, permutations and tops mixes what is left; the results are
//! spread by the forests of the outputs. The transposes of the three stages are
//! the two derivatives. Channels meet in the products only.

use std::collections::HashMap;
use std::sync::Mutex;

use tensegrity_linalg::{Field, gemm};
use tensegrity_tensor::{View, ViewMut, parallel_for};

use super::block::Block;
use super::side::{Side, cut};
use crate::listing::permutations;
use crate::row::forest::Factor;
use crate::row::rearranged::{Rearranged, middle_dims};
use crate::row::structure::{Class, Split};
use crate::{Error, Result};

/// Elements that pieces of a batch are sized to hold between stages.
const PIECE: usize = 1 << 17;

/// One class of middles.
#[derive(Debug)]
struct Mix {
    dims: Vec<usize>,
    size: usize,
    permutations: Vec<Rearranged>,
    rows: usize,
    columns: usize,
}

/// Where a weight goes.
#[derive(Clone, Copy, Debug)]
struct Spot {
    class: usize,
    row: usize,
    column: usize,
    factor: f64,
}

/// A compiled layer for one size of every factor.
#[derive(Debug)]
pub(crate) struct Mixer {
    inputs: Vec<Side>,
    outputs: Vec<Side>,
    classes: Vec<Mix>,
    /// Spots of the diagrams of each block.
    spots: Vec<Vec<Spot>>,
}

fn order_of(sigma: &[Vec<usize>], all: &[Vec<Vec<usize>>]) -> usize {
    sigma.iter().zip(all).fold(0, |number, (own, list)| {
        let position = list.iter().position(|other| other == own).unwrap_or(0);
        number * list.len() + position
    })
}

impl Mixer {
    /// `blocks[t][u]` belongs to input `t` and output `u`; `scale` gives the
    /// factor of a diagram from its number of sums.
    pub(crate) fn new(
        factors: &[Factor],
        inputs: &[(Vec<usize>, usize)],
        outputs: &[(Vec<usize>, usize)],
        blocks: &[Block],
    ) -> Result<Self> {
        let side = |(orders, channels): &(Vec<usize>, usize), top| {
            Side::new(factors, orders, *channels, top)
        };
        let mut mixer = Self {
            inputs: inputs.iter().map(|input| side(input, false)).collect(),
            outputs: outputs.iter().map(|output| side(output, true)).collect(),
            classes: vec![],
            spots: vec![],
        };
        let mut known: HashMap<Vec<Class>, usize> = HashMap::new();
        let mut orders: Vec<Vec<Vec<Vec<usize>>>> = Vec::new();
        // First pass: which structures and classes there are.
        let mut raw = Vec::new();
        for block in blocks {
            let mut spots = Vec::with_capacity(block.diagrams.len());
            for diagrams in &block.diagrams {
                let splits: Vec<Split> = diagrams
                    .iter()
                    .zip(factors)
                    .map(|(diagram, &(group, n))| Split::new(diagram, group, n))
                    .collect();
                let bottoms: Vec<_> = splits.iter().map(|split| split.bottom.clone()).collect();
                let tops: Vec<_> = splits.iter().map(|split| split.top.clone()).collect();
                let sigma: Vec<Vec<usize>> =
                    splits.iter().map(|split| split.sigma.clone()).collect();
                let input = &mut mixer.inputs[block.input];
                let node = input.forest.node(&bottoms)?;
                let classes = input.forest.classes(node);
                let class = match known.get(&classes) {
                    Some(&class) => class,
                    None => {
                        let (mix, lists) = Mix::new(&classes, factors)?;
                        mixer.classes.push(mix);
                        orders.push(lists);
                        known.insert(classes, mixer.classes.len() - 1);
                        mixer.classes.len() - 1
                    }
                };
                let bottom = input.register(node, class);
                let output = &mut mixer.outputs[block.output];
                let node = output.forest.node(&tops)?;
                let top = output.register(node, class);
                spots.push((class, top, bottom, order_of(&sigma, &orders[class])));
            }
            raw.push(spots);
        }
        // Second pass: rows and columns.
        for side in &mut mixer.inputs {
            for used in &mut side.uses {
                let mix = &mut mixer.classes[used.class];
                used.first = mix.columns;
                mix.columns += mix.permutations.len() * side.channels;
            }
        }
        for side in &mut mixer.outputs {
            for used in &mut side.uses {
                let mix = &mut mixer.classes[used.class];
                used.first = mix.rows;
                mix.rows += side.channels;
            }
        }
        for (block, spots) in blocks.iter().zip(raw) {
            let (input, output) = (&mixer.inputs[block.input], &mixer.outputs[block.output]);
            type Place = (usize, usize, usize, usize);
            let spot = |((class, top, bottom, sigma), &factor): (Place, &f64)| Spot {
                class,
                row: output.uses[top].first,
                column: input.uses[bottom].first + sigma * input.channels,
                factor,
            };
            mixer
                .spots
                .push(spots.into_iter().zip(&block.factors).map(spot).collect());
        }
        Ok(mixer)
    }

    /// Multiply-adds for one sample: reducing, mixing, spreading.
    pub(crate) fn work(&self) -> [u128; 3] {
        let steps = |sides: &[Side]| -> u128 {
            sides
                .iter()
                .map(|side| side.forest.work() * side.channels as u128)
                .sum()
        };
        let mix = self
            .classes
            .iter()
            .map(|mix| (mix.rows * mix.columns * mix.size) as u128)
            .sum();
        [steps(&self.inputs), mix, steps(&self.outputs)]
    }

    /// The matrices of all classes from the weights `[out, in, diagram]` of the blocks.
    fn pack<T: Field>(&self, blocks: &[Block], weights: &[&[T]]) -> Vec<Vec<T>> {
        let mut packed: Vec<Vec<T>> = self
            .classes
            .iter()
            .map(|mix| vec![T::ZERO; mix.rows * mix.columns])
            .collect();
        self.for_each_weight(blocks, |block, position, class, place, factor| {
            let value = weights[block][position].mul(T::from_f64(factor, 0.0));
            let target = &mut packed[class][place];
            *target = target.add(value);
        });
        packed
    }

    /// The transpose of [`Mixer::pack`].
    fn unpack<T: Field>(&self, blocks: &[Block], packed: &[Vec<T>]) -> Vec<Vec<T>> {
        let mut weights: Vec<Vec<T>> = blocks
            .iter()
            .map(|block| {
                let channels =
                    self.inputs[block.input].channels * self.outputs[block.output].channels;
                vec![T::ZERO; channels * block.diagrams.len()]
            })
            .collect();
        self.for_each_weight(blocks, |block, position, class, place, factor| {
            weights[block][position] = packed[class][place].mul(T::from_f64(factor, 0.0));
        });
        weights
    }

    fn for_each_weight(
        &self,
        blocks: &[Block],
        mut visit: impl FnMut(usize, usize, usize, usize, f64),
    ) {
        for (number, (block, spots)) in blocks.iter().zip(&self.spots).enumerate() {
            let inputs = self.inputs[block.input].channels;
            for o in 0..self.outputs[block.output].channels {
                for i in 0..inputs {
                    for (p, spot) in spots.iter().enumerate() {
                        let place =
                            (spot.row + o) * self.classes[spot.class].columns + spot.column + i;
                        let position = (o * inputs + i) * spots.len() + p;
                        visit(number, position, spot.class, place, spot.factor);
                    }
                }
            }
        }
    }

    fn pieces(&self, batch: usize) -> (usize, usize) {
        let mixed: usize = self
            .classes
            .iter()
            .map(|mix| (mix.columns + mix.rows) * mix.size)
            .sum();
        let one = (PIECE / mixed.max(1)).clamp(1, batch.max(1));
        (one, batch.div_ceil(one))
    }

    /// Reduced inputs, one matrix `[columns, batch·size]` a class.
    fn gathered<T: Field>(&self, x: &[&[T]], batch: usize) -> Vec<Vec<T>> {
        let mut z: Vec<Vec<T>> = self
            .classes
            .iter()
            .map(|mix| vec![T::ZERO; mix.columns * batch * mix.size])
            .collect();
        for (side, x) in self.inputs.iter().zip(x) {
            let buffers = side.reduced(x, batch);
            for used in &side.uses {
                let mix = &self.classes[used.class];
                let rows = side.channels * batch;
                let own = &buffers[used.node];
                let width = rows * mix.size;
                let first = used.first * batch * mix.size;
                for (number, how) in mix.permutations.iter().enumerate() {
                    let target = &mut z[used.class][first + number * width..][..width];
                    how.forward(own, target, rows, &mix.dims);
                }
            }
        }
        z
    }

    /// The transpose of [`Mixer::gathered`], added to the inputs' cotangents.
    fn scattered<T: Field>(&self, z: &[Vec<T>], batch: usize, x: &mut [&mut [T]]) {
        for (side, x) in self.inputs.iter().zip(x) {
            let mut buffers: Vec<Vec<T>> = vec![vec![]; side.forest.len()];
            for used in &side.uses {
                let mix = &self.classes[used.class];
                let rows = side.channels * batch;
                let width = rows * mix.size;
                let first = used.first * batch * mix.size;
                let mut own = vec![T::ZERO; width];
                for (number, how) in mix.permutations.iter().enumerate() {
                    let source = &z[used.class][first + number * width..][..width];
                    how.backward(source, &mut own, rows, &mix.dims);
                }
                buffers[used.node] = own;
            }
            side.forest.spread(x, side.piece(batch), &mut buffers);
        }
    }

    /// Reduced cotangents of the outputs, `[rows, batch·size]` a class.
    fn collected<T: Field>(&self, g: &[&[T]], batch: usize) -> Vec<Vec<T>> {
        let mut y: Vec<Vec<T>> = self
            .classes
            .iter()
            .map(|mix| vec![T::ZERO; mix.rows * batch * mix.size])
            .collect();
        for (side, g) in self.outputs.iter().zip(g) {
            let buffers = side.reduced(g, batch);
            for used in &side.uses {
                let size = batch * self.classes[used.class].size;
                let own = &buffers[used.node];
                y[used.class][used.first * size..][..own.len()].copy_from_slice(own);
            }
        }
        y
    }

    fn distributed<T: Field>(&self, y: &[Vec<T>], batch: usize, out: &mut [&mut [T]]) {
        for (side, out) in self.outputs.iter().zip(out) {
            let mut buffers: Vec<Vec<T>> = vec![vec![]; side.forest.len()];
            for used in &side.uses {
                let size = batch * self.classes[used.class].size;
                buffers[used.node] =
                    y[used.class][used.first * size..][..side.channels * size].to_vec();
            }
            side.forest.spread(out, side.piece(batch), &mut buffers);
        }
    }

    /// The outputs for inputs `[batch, channel, row...]`.
    pub(crate) fn forward<T: Field>(
        &self,
        blocks: &[Block],
        weights: &[&[T]],
        x: &[&[T]],
        batch: usize,
    ) -> Result<Vec<Vec<T>>> {
        let packed = self.pack(blocks, weights);
        self.batched(&self.inputs, x, &self.outputs, batch, |x, out, count| {
            let z = self.gathered(x, count);
            let y = self.products(&packed, &z, count, false)?;
            self.distributed(&y, count, out);
            Ok(())
        })
    }

    /// Cotangents of the inputs for cotangents of the outputs.
    pub(crate) fn backward_inputs<T: Field>(
        &self,
        blocks: &[Block],
        weights: &[&[T]],
        g: &[&[T]],
        batch: usize,
    ) -> Result<Vec<Vec<T>>> {
        let packed = self.pack(blocks, weights);
        self.batched(&self.outputs, g, &self.inputs, batch, |g, out, count| {
            let y = self.collected(g, count);
            let z = self.products(&packed, &y, count, true)?;
            self.scattered(&z, count, out);
            Ok(())
        })
    }

    /// Cotangents of the weights.
    pub(crate) fn backward_weights<T: Field>(
        &self,
        blocks: &[Block],
        x: &[&[T]],
        g: &[&[T]],
        batch: usize,
    ) -> Result<Vec<Vec<T>>> {
        let (one, count) = self.pieces(batch);
        let parts = tensegrity_tensor::parallel_map(count, |piece| -> Result<Vec<Vec<T>>> {
            let size = one.min(batch - piece * one);
            let x = cut(&self.inputs, x, piece * one, size);
            let g = cut(&self.outputs, g, piece * one, size);
            let (z, y) = (self.gathered(&x, size), self.collected(&g, size));
            let product = |((mix, z), y): ((&Mix, &Vec<T>), &Vec<T>)| {
                let length = size * mix.size;
                let mut w = vec![T::ZERO; mix.rows * mix.columns];
                let z = View::from_slice(z, &[mix.columns, length]).permuted(&[1, 0])?;
                let y = View::from_slice(y, &[mix.rows, length]);
                let mut target = ViewMut::from_slice(&mut w, &[mix.rows, mix.columns]);
                gemm(T::ONE, &y, &z, T::ZERO, &mut target)?;
                Ok(w)
            };
            self.classes.iter().zip(&z).zip(&y).map(product).collect()
        });
        let mut total: Vec<Vec<T>> = self
            .classes
            .iter()
            .map(|mix| vec![T::ZERO; mix.rows * mix.columns])
            .collect();
        for part in parts {
            for (sum, part) in total.iter_mut().zip(part?) {
                sum.iter_mut().zip(part).for_each(|(x, y)| *x = x.add(y));
            }
        }
        Ok(self.unpack(blocks, &total))
    }

    /// W·z of every class, or Wᵀ·y.
    fn products<T: Field>(
        &self,
        packed: &[Vec<T>],
        given: &[Vec<T>],
        batch: usize,
        transposed: bool,
    ) -> Result<Vec<Vec<T>>> {
        let product = |((mix, w), given): ((&Mix, &Vec<T>), &Vec<T>)| {
            let length = batch * mix.size;
            let w = View::from_slice(w, &[mix.rows, mix.columns]);
            let w = if transposed { w.permuted(&[1, 0])? } else { w };
            let (rows, inner) = (w.shape()[0], w.shape()[1]);
            let mut result = vec![T::ZERO; rows * length];
            let given = View::from_slice(given, &[inner, length]);
            let mut target = ViewMut::from_slice(&mut result, &[rows, length]);
            gemm(T::ONE, &w, &given, T::ZERO, &mut target)?;
            Ok(result)
        };
        self.classes
            .iter()
            .zip(packed)
            .zip(given)
            .map(product)
            .collect()
    }

    /// Runs `work(inputs, outputs, samples)` on pieces of the batch, whose
    /// outputs start at zero.
    fn batched<T: Field>(
        &self,
        from: &[Side],
        x: &[&[T]],
        to: &[Side],
        batch: usize,
        work: impl Fn(&[&[T]], &mut [&mut [T]], usize) -> Result<()> + Sync,
    ) -> Result<Vec<Vec<T>>> {
        let mut results: Vec<Vec<T>> = to
            .iter()
            .map(|side| vec![T::ZERO; batch * side.step()])
            .collect();
        if batch == 0 {
            return Ok(results);
        }
        let (one, count) = self.pieces(batch);
        let mut pieces: Vec<Vec<&mut [T]>> = (0..count).map(|_| vec![]).collect();
        for (side, result) in to.iter().zip(&mut results) {
            // A side of no elements has no chunks; it gets an empty one.
            let mut chunks = result.chunks_mut((one * side.step()).max(1));
            for piece in &mut pieces {
                piece.push(chunks.next().unwrap_or_default());
            }
        }
        let pieces: Vec<Mutex<Vec<&mut [T]>>> = pieces.into_iter().map(Mutex::new).collect();
        let failure: Mutex<Option<Error>> = Mutex::new(None);
        parallel_for(count, |piece| {
            let size = one.min(batch - piece * one);
            let parts = cut(from, x, piece * one, size);
            let Ok(mut outputs) = pieces[piece].lock() else {
                return;
            };
            if let Err(error) = work(&parts, &mut outputs, size)
                && let Ok(mut slot) = failure.lock()
            {
                slot.get_or_insert(error);
            }
        });
        match failure.into_inner() {
            Ok(Some(error)) => Err(error),
            _ => {
                drop(pieces);
                Ok(results)
            }
        }
    }
}

impl Mix {
    fn new(classes: &[Class], factors: &[Factor]) -> Result<(Self, Vec<Vec<Vec<usize>>>)> {
        let lists: Vec<Vec<Vec<usize>>> = classes
            .iter()
            .map(|class| {
                permutations(class.open())
                    .into_iter()
                    .map(|(order, _)| order)
                    .collect()
            })
            .collect();
        let dims = middle_dims(classes, factors)?;
        let count: usize = lists.iter().map(Vec::len).product();
        let how = |mut number: usize| {
            let mut chosen: Vec<&[usize]> = vec![&[]; lists.len()];
            for (slot, list) in chosen.iter_mut().zip(&lists).rev() {
                *slot = &list[number % list.len()];
                number /= list.len();
            }
            Rearranged::new(classes, factors, &chosen)
        };
        let permutations = (0..count).map(how).collect::<Result<_>>()?;
        let mix = Self {
            size: dims.iter().product(),
            dims,
            permutations,
            rows: 0,
            columns: 0,
        };
        Ok((mix, lists))
    }
}
