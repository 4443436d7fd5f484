//! Random diagrams and exact-enough comparisons for the law tests.

// Every test binary uses a part of this.
#![allow(dead_code)]

use std::sync::Arc;

use tensegrity_diagram::{Diagram, Generator, WireId, evaluate_naive};
use tensegrity_tensor::{Array, SplitMix64, Tensor, c128};

/// A random morphism; its slots start at `base`.
pub fn random(rng: &mut SplitMix64, dom: &[u64], cod: &[u64], base: u32) -> Diagram {
    let mut builder = Builder {
        diagram: Diagram::new(),
        dims: Vec::new(),
        slot: base,
    };
    let inputs: Vec<WireId> = dom.iter().map(|&d| builder.some_wire(rng, d)).collect();
    let outputs: Vec<WireId> = cod.iter().map(|&d| builder.some_wire(rng, d)).collect();
    for _ in 0..rng.below(4) {
        builder.some_node(rng);
    }
    if rng.below(8) == 0 {
        builder.new_wire(2);
    }
    let mut diagram = builder.diagram;
    diagram.set_dom(&inputs).unwrap();
    diagram.set_cod(&outputs).unwrap();
    diagram
}

/// A random list of at most `limit` dimensions.
pub fn random_dims(rng: &mut SplitMix64, limit: u64) -> Vec<u64> {
    (0..rng.below(limit + 1))
        .map(|_| 2 + rng.below(2))
        .collect()
}

struct Builder {
    diagram: Diagram,
    dims: Vec<u64>,
    slot: u32,
}

impl Builder {
    fn new_wire(&mut self, dim: u64) -> WireId {
        self.dims.push(dim);
        self.diagram.wire(dim)
    }

    /// An old wire of this dimension, or a new one.
    fn some_wire(&mut self, rng: &mut SplitMix64, dim: u64) -> WireId {
        let old: Vec<u32> = (0..self.dims.len() as u32)
            .filter(|&w| self.dims[w as usize] == dim)
            .collect();
        if old.is_empty() || (rng.below(3) == 0 && self.dims.len() < 6) {
            return self.new_wire(dim);
        }
        WireId(old[rng.below(old.len() as u64) as usize])
    }

    fn some_node(&mut self, rng: &mut SplitMix64) {
        let constant = |rng: &mut SplitMix64, shape: &[usize]| {
            Arc::new(Array::from(rng.centred_tensor::<c128>(shape)))
        };
        let generator = match rng.below(12) {
            0 => Generator::Identity { dim: 2 },
            1 => Generator::Spider {
                dim: 2 + rng.below(2),
                inputs: rng.below(3) as usize,
                outputs: rng.below(3) as usize,
            },
            2 => Generator::Permutation {
                dims: vec![2, 3],
                order: vec![1, 0],
            },
            3 => Generator::Scalar(c128::new(rng.centred(), rng.centred())),
            4 => Generator::OneHot {
                dim: 3,
                index: rng.below(3),
            },
            5 => Generator::Triangular {
                rows: 2,
                columns: 3,
                offset: rng.below(3) as i64 - 1,
                upper: rng.below(2) == 0,
            },
            6 => Generator::LeviCivita {
                n: 2 + rng.below(2) as u32,
            },
            7 => Generator::Symplectic { dim: 2 },
            8 => Generator::Diagonal(constant(rng, &[3])),
            9 => Generator::Kronecker(vec![constant(rng, &[2, 3]), constant(rng, &[3, 2])]),
            _ => {
                let dims = random_dims(rng, 3);
                let legs: Vec<WireId> = dims.iter().map(|&d| self.some_wire(rng, d)).collect();
                let node = self.diagram.input("x", self.slot, &legs).unwrap();
                if rng.below(3) == 0 {
                    self.diagram.set_conj(node, true);
                }
                // The same argument a second time, read on other wires.
                if rng.below(3) == 0 {
                    let legs: Vec<WireId> = dims.iter().map(|&d| self.some_wire(rng, d)).collect();
                    self.diagram.input("x", self.slot, &legs).unwrap();
                }
                self.slot += 1;
                return;
            }
        };
        let legs: Vec<WireId> = generator
            .dims()
            .iter()
            .map(|&d| self.some_wire(rng, d))
            .collect();
        self.diagram.generator(generator, &legs).unwrap();
    }
}

/// Complex arguments for every slot up to the largest in use.
pub fn arguments(diagram: &Diagram, seed: u64) -> Vec<Array> {
    let mut arrays = vec![Array::from(Tensor::scalar(0.0)); 64];
    for (slot, dims) in diagram.slots() {
        let shape: Vec<usize> = dims.iter().map(|&d| d as usize).collect();
        let mut rng = SplitMix64::derived(seed, slot.0.into());
        arrays[slot.0 as usize] = rng.centred_tensor::<c128>(&shape).into();
    }
    arrays
}

/// The value as a matrix: rows cod, columns dom.
pub fn matrix(diagram: &Diagram, seed: u64) -> Tensor<c128> {
    let size = |spaces: Vec<tensegrity_diagram::Space>| -> usize {
        spaces.iter().map(|s| s.dim as usize).product()
    };
    let value = evaluate_naive(diagram, &arguments(diagram, seed)).unwrap();
    value
        .reshaped(&[size(diagram.cod_spaces()), size(diagram.dom_spaces())])
        .unwrap()
}

/// Row-by-column product.
pub fn multiply(a: &Tensor<c128>, b: &Tensor<c128>) -> Tensor<c128> {
    let inner = a.shape()[1];
    assert_eq!(inner, b.shape()[0]);
    Tensor::from_fn(&[a.shape()[0], b.shape()[1]], |at| {
        (0..inner)
            .map(|k| a.get(&[at[0], k]).unwrap() * b.get(&[k, at[1]]).unwrap())
            .sum()
    })
    .unwrap()
}

/// Kronecker product.
pub fn kronecker(a: &Tensor<c128>, b: &Tensor<c128>) -> Tensor<c128> {
    let (rows, columns) = (b.shape()[0], b.shape()[1]);
    let shape = [a.shape()[0] * rows, a.shape()[1] * columns];
    Tensor::from_fn(&shape, |at| {
        a.get(&[at[0] / rows, at[1] / columns]).unwrap()
            * b.get(&[at[0] % rows, at[1] % columns]).unwrap()
    })
    .unwrap()
}

/// Sums of a few thousand products of order-one numbers: 1e-11 is far above
/// their rounding and far below any wrong term.
#[track_caller]
pub fn assert_close(a: &Tensor<c128>, b: &Tensor<c128>) {
    assert_eq!(a.shape(), b.shape());
    let scale = 1.0 + a.norm();
    for (x, y) in a.as_slice().iter().zip(b.as_slice()) {
        assert!((x - y).norm() <= 1e-11 * scale, "{x} and {y} differ");
    }
}
