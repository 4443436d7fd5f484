//! Products with matrices whose entries are constant on orbits.
//!
//! Such a matrix is given by the number of the orbit of every entry. Features
//! have their channels last. Rows of one class (an orbit of the row tuples)
//! hold the same orbits, and different classes none in common, so a row of the
//! product is sums of the input over the orbits of its class, and one matrix
//! product with the weights of the class.

use tensegrity_linalg::gemm;
use tensegrity_tensor::{View, ViewMut, parallel_map};

use crate::Result;

/// Elements of the block of sums or of dense weights one task works on.
const BLOCK: usize = 1 << 16;
/// Most partial sums of a gradient; each holds a copy of it.
const MOST_PARTS: usize = 16;

/// Numbers of the orbits of a matrix of `rows` × `columns`, and its classes.
#[derive(Clone, Debug)]
pub(super) struct OrbitMatrix {
    pub(super) rows: usize,
    pub(super) columns: usize,
    ids: Vec<u32>,
    classes: Vec<Class>,
    /// Place of every orbit within its class.
    place: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Class {
    rows: Vec<u32>,
    orbits: Vec<u32>,
}

impl OrbitMatrix {
    pub(super) fn new(ids: Vec<u32>, rows: usize, columns: usize, orbits: usize) -> Self {
        // The classes of rows, and of the orbits in them, in the order of rows.
        let mut class_of = vec![u32::MAX; orbits];
        let mut place = vec![0; orbits];
        let mut classes: Vec<Class> = Vec::new();
        for row in 0..rows {
            let line = &ids[row * columns..(row + 1) * columns];
            let first = class_of[line[0] as usize];
            if first != u32::MAX {
                classes[first as usize].rows.push(row as u32);
                continue;
            }
            let mut found = Vec::new();
            for &orbit in line {
                if class_of[orbit as usize] == u32::MAX {
                    class_of[orbit as usize] = classes.len() as u32;
                    place[orbit as usize] = found.len() as u32;
                    found.push(orbit);
                }
            }
            classes.push(Class {
                rows: vec![row as u32],
                orbits: found,
            });
        }
        Self {
            rows,
            columns,
            ids,
            classes,
            place,
        }
    }

    /// The matrix of the adjoint.
    pub(super) fn transposed(&self) -> Self {
        let (rows, columns) = (self.rows, self.columns);
        let mut ids = Vec::with_capacity(self.ids.len());
        for column in 0..columns {
            ids.extend((0..rows).map(|row| self.ids[row * columns + column]));
        }
        Self::new(ids, columns, rows, self.place.len())
    }

    /// Multiply-adds of a product by segment sums: (additions, products), for a
    /// batch of one.
    pub(super) fn segment_cost(&self, inputs: usize, outputs: usize) -> (f64, f64) {
        let products: f64 = self
            .classes
            .iter()
            .map(|c| c.rows.len() as f64 * c.orbits.len() as f64)
            .sum();
        let additions = self.rows as f64 * self.columns as f64 * inputs as f64;
        (additions, products * inputs as f64 * outputs as f64)
    }

    /// Sizes of the classes: (rows, orbits in each of them).
    pub(super) fn class_sizes(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.classes
            .iter()
            .map(|class| (class.rows.len(), class.orbits.len()))
    }

    /// For every orbit the number of rows that hold it.
    pub(super) fn rows_of_orbits(&self) -> Vec<usize> {
        let mut counts = vec![0; self.place.len()];
        for class in &self.classes {
            class
                .orbits
                .iter()
                .for_each(|&r| counts[r as usize] = class.rows.len());
        }
        counts
    }

    /// For every orbit the number of orbits in a row that holds it.
    pub(super) fn row_orbits(&self) -> Vec<usize> {
        let mut counts = vec![0; self.place.len()];
        for class in &self.classes {
            class
                .orbits
                .iter()
                .for_each(|&r| counts[r as usize] = class.orbits.len());
        }
        counts
    }

    /// Blocks of (class, from, to) where from..to count pairs (row, sample).
    fn blocks(&self, batch: usize, width: impl Fn(&Class) -> usize) -> Vec<(usize, usize, usize)> {
        let mut blocks = Vec::new();
        for (number, class) in self.classes.iter().enumerate() {
            let pairs = class.rows.len() * batch;
            let step = (BLOCK / width(class).max(1)).clamp(8, 512);
            blocks.extend(
                (0..pairs)
                    .step_by(step)
                    .map(|p| (number, p, (p + step).min(pairs))),
            );
        }
        blocks
    }

    /// Sums of `x` `[batch, columns, inputs]` over the orbits of a class, for
    /// pairs from..to: `[to − from, orbits, inputs]`.
    fn sums(
        &self,
        x: &[f64],
        inputs: usize,
        batch: usize,
        block: (usize, usize, usize),
    ) -> Vec<f64> {
        let (number, from, to) = block;
        let class = &self.classes[number];
        let width = class.orbits.len() * inputs;
        let mut sums = vec![0.0; (to - from) * width];
        for (pair, sums) in (from..to).zip(sums.chunks_exact_mut(width)) {
            let row = class.rows[pair / batch] as usize;
            let ids = &self.ids[row * self.columns..(row + 1) * self.columns];
            let sample = &x[pair % batch * self.columns * inputs..];
            match inputs {
                1 => {
                    for (&id, &value) in ids.iter().zip(sample) {
                        sums[self.place[id as usize] as usize] += value;
                    }
                }
                _ => {
                    for (&id, values) in ids.iter().zip(sample.chunks_exact(inputs)) {
                        let start = self.place[id as usize] as usize * inputs;
                        let sums = &mut sums[start..start + inputs];
                        sums.iter_mut()
                            .zip(values)
                            .for_each(|(sum, value)| *sum += value);
                    }
                }
            }
        }
        sums
    }

    /// y `[batch, rows, outputs]` of x `[batch, columns, inputs]` by segment
    /// sums; `weight(output, input, orbit)`.
    pub(super) fn by_segments(
        &self,
        x: &[f64],
        (batch, inputs, outputs): (usize, usize, usize),
        weight: impl Fn(usize, usize, usize) -> f64 + Sync,
    ) -> Result<Vec<f64>> {
        let packed: Vec<Vec<f64>> = self
            .classes
            .iter()
            .map(|class| {
                let mut packed = Vec::with_capacity(class.orbits.len() * inputs * outputs);
                for &r in &class.orbits {
                    for i in 0..inputs {
                        packed.extend((0..outputs).map(|o| weight(o, i, r as usize)));
                    }
                }
                packed
            })
            .collect();
        let blocks = self.blocks(batch, |class| class.orbits.len() * inputs);
        let results = parallel_map(blocks.len(), |place| -> Result<Vec<f64>> {
            let (number, from, to) = blocks[place];
            let sums = self.sums(x, inputs, batch, blocks[place]);
            let inner = self.classes[number].orbits.len() * inputs;
            let mut result = vec![0.0; (to - from) * outputs];
            gemm(
                1.0,
                &View::from_slice(&sums, &[to - from, inner]),
                &View::from_slice(&packed[number], &[inner, outputs]),
                0.0,
                &mut ViewMut::from_slice(&mut result, &[to - from, outputs]),
            )?;
            Ok(result)
        });
        let mut y = vec![0.0; batch * self.rows * outputs];
        for (&(number, from, to), result) in blocks.iter().zip(results) {
            for (pair, values) in (from..to).zip(result?.chunks_exact(outputs)) {
                let row = self.classes[number].rows[pair / batch] as usize;
                let start = (pair % batch * self.rows + row) * outputs;
                y[start..start + outputs].copy_from_slice(values);
            }
        }
        Ok(y)
    }

    /// As [`OrbitMatrix::by_segments`], through blocks of the dense matrix.
    pub(super) fn by_dense(
        &self,
        x: &[f64],
        (batch, inputs, outputs): (usize, usize, usize),
        weight: impl Fn(usize, usize, usize) -> f64 + Sync,
    ) -> Result<Vec<f64>> {
        let inner = self.columns * inputs;
        let orbits = self.place.len();
        // Weights with the outputs last, as the dense rows read them.
        let mut packed = Vec::with_capacity(orbits * inputs * outputs);
        for r in 0..orbits {
            for i in 0..inputs {
                packed.extend((0..outputs).map(|o| weight(o, i, r)));
            }
        }
        let step = (16 * BLOCK / (inner * outputs).max(1)).clamp(1, 64);
        let starts: Vec<usize> = (0..self.rows).step_by(step).collect();
        let results = parallel_map(starts.len(), |place| -> Result<Vec<f64>> {
            let from = starts[place];
            let width = (self.rows - from).min(step) * outputs;
            let mut dense = vec![0.0; inner * width];
            for (j, line) in dense.chunks_exact_mut(inputs * width).enumerate() {
                for (i, line) in line.chunks_exact_mut(width).enumerate() {
                    for (row, values) in line.chunks_exact_mut(outputs).enumerate() {
                        let id = self.ids[(from + row) * self.columns + j] as usize;
                        let start = (id * inputs + i) * outputs;
                        values.copy_from_slice(&packed[start..start + outputs]);
                    }
                }
            }
            let mut result = vec![0.0; batch * width];
            gemm(
                1.0,
                &View::from_slice(x, &[batch, inner]),
                &View::from_slice(&dense, &[inner, width]),
                0.0,
                &mut ViewMut::from_slice(&mut result, &[batch, width]),
            )?;
            Ok(result)
        });
        let mut y = vec![0.0; batch * self.rows * outputs];
        for (&from, result) in starts.iter().zip(results) {
            let result = result?;
            let width = result.len() / batch;
            for (sample, values) in result.chunks_exact(width).enumerate() {
                let start = (sample * self.rows + from) * outputs;
                y[start..start + width].copy_from_slice(values);
            }
        }
        Ok(y)
    }

    /// Gradient `[outputs, inputs, orbits]` of the weights for a cotangent `g`
    /// `[batch, rows, outputs]` at `x` `[batch, columns, inputs]`.
    pub(super) fn weight_gradient(
        &self,
        x: &[f64],
        g: &[f64],
        (batch, inputs, outputs): (usize, usize, usize),
    ) -> Result<Vec<f64>> {
        let orbits = self.place.len();
        let blocks = self.blocks(batch, |class| class.orbits.len() * inputs);
        let parts = blocks.len().min(MOST_PARTS);
        // Cut by size alone, and added in order: equal bits on any number of threads.
        let results = parallel_map(parts, |part| -> Result<Vec<f64>> {
            let mut sum = vec![0.0; orbits * inputs * outputs];
            let range = part * blocks.len() / parts..(part + 1) * blocks.len() / parts;
            for &(number, from, to) in &blocks[range] {
                let class = &self.classes[number];
                let sums = self.sums(x, inputs, batch, (number, from, to));
                let mut cotangents = Vec::with_capacity((to - from) * outputs);
                for pair in from..to {
                    let row = class.rows[pair / batch] as usize;
                    let start = (pair % batch * self.rows + row) * outputs;
                    cotangents.extend_from_slice(&g[start..start + outputs]);
                }
                let inner = class.orbits.len() * inputs;
                let mut gradient = vec![0.0; inner * outputs];
                gemm(
                    1.0,
                    &View::from_slice(&sums, &[to - from, inner]).permuted(&[1, 0])?,
                    &View::from_slice(&cotangents, &[to - from, outputs]),
                    0.0,
                    &mut ViewMut::from_slice(&mut gradient, &[inner, outputs]),
                )?;
                for (&r, values) in class
                    .orbits
                    .iter()
                    .zip(gradient.chunks_exact(inputs * outputs))
                {
                    let start = r as usize * inputs * outputs;
                    let target = &mut sum[start..start + inputs * outputs];
                    target
                        .iter_mut()
                        .zip(values)
                        .for_each(|(sum, value)| *sum += value);
                }
            }
            Ok(sum)
        });
        let mut gradient = vec![0.0; outputs * inputs * orbits];
        for result in results {
            for (place, value) in result?.into_iter().enumerate() {
                let (o, i, r) = (
                    place % outputs,
                    place / outputs % inputs,
                    place / outputs / inputs,
                );
                gradient[(o * inputs + i) * orbits + r] += value;
            }
        }
        Ok(gradient)
    }
}
