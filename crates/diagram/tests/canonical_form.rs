//! What the canonical form forgets (names, numbers) and what it keeps.

mod common;

use std::sync::Arc;

use common::{random, random_dims};
use proptest::prelude::*;
use tensegrity_diagram::{Diagram, Generator, NodeId, Payload, Space, WireId};
use tensegrity_tensor::{Array, SplitMix64, Tensor, c128};

/// The same diagram with wires created in another order under other names, and
/// its nodes added in the order given.
fn rebuilt(diagram: &Diagram, wire_order: &[usize], node_order: &[usize]) -> Diagram {
    let mut copy = Diagram::new();
    let mut place = vec![WireId(0); wire_order.len()];
    for &old in wire_order {
        place[old] = copy.named_wire(&format!("w{old}"), diagram.wires()[old].dim);
    }
    for &n in node_order {
        let node = &diagram.nodes()[n];
        let legs: Vec<WireId> = node.legs.iter().map(|w| place[w.index()]).collect();
        let id = copy.node("renamed", node.payload.clone(), &legs).unwrap();
        copy.set_conj(id, node.conj);
    }
    let ports = |ports: &[tensegrity_diagram::Port]| -> Vec<WireId> {
        ports.iter().map(|p| place[p.wire.index()]).collect()
    };
    copy.set_dom(&ports(diagram.dom())).unwrap();
    copy.set_cod(&ports(diagram.cod())).unwrap();
    copy
}

fn shuffled(rng: &mut SplitMix64, n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for k in (1..n).rev() {
        order.swap(k, rng.below(k as u64 + 1) as usize);
    }
    order
}

proptest! {
    #[test]
    fn renaming_and_reordering_never_change_the_form(seed in any::<u64>()) {
        let mut rng = SplitMix64::new(seed);
        let (a, b) = (random_dims(&mut rng, 3), random_dims(&mut rng, 3));
        let d = random(&mut rng, &a, &b, 0);
        let wires = shuffled(&mut rng, d.wires().len());
        let nodes = shuffled(&mut rng, d.nodes().len());
        let copy = rebuilt(&d, &wires, &nodes);
        prop_assert_eq!(copy.canonical(), d.canonical());
        prop_assert_eq!(copy.canonical_hash(), d.canonical_hash());
    }

    #[test]
    fn normal_forms_are_fixed_points(seed in any::<u64>()) {
        let mut rng = SplitMix64::new(seed);
        let (a, b) = (random_dims(&mut rng, 2), random_dims(&mut rng, 2));
        let d = random(&mut rng, &a, &b, 0);
        let normal = d.normalized();
        common::assert_close(&common::matrix(&normal, seed), &common::matrix(&d, seed));
        prop_assert_eq!(normal.to_network().network, d.to_network().network);
        prop_assert_eq!(normal.normalized().canonical(), d.canonical());
        let structural = normal.nodes().iter().filter(|node| match &node.payload {
            Payload::Generator(g) => !matches!(
                g.kind(), "scalar" | "one_hot" | "triangular" | "levi_civita" | "symplectic"
            ),
            _ => false,
        });
        prop_assert_eq!(structural.count(), 0);
    }
}

/// A ring of `n` copies of one matrix, oriented all one way.
fn ring(n: usize, start: usize) -> Diagram {
    let mut d = Diagram::new();
    let wires: Vec<WireId> = (0..n).map(|_| d.wire(2)).collect();
    for k in 0..n {
        let k = (start + k) % n;
        d.input("M", 0, &[wires[k], wires[(k + 1) % n]]).unwrap();
    }
    d
}

#[test]
fn symmetric_diagrams_have_one_form() {
    // Every node looks alike: ties are broken arbitrarily, and it must not matter.
    assert_eq!(ring(7, 0).canonical(), ring(7, 3).canonical());
    assert_ne!(ring(7, 0).canonical(), ring(8, 0).canonical());
    let two = ring(3, 0).tensor(&ring(4, 1)).unwrap();
    assert_eq!(
        two.canonical(),
        ring(4, 2).tensor(&ring(3, 1)).unwrap().canonical()
    );
    // Colour refinement alone cannot tell 3 + 4 from 7.
    assert_ne!(two.canonical(), ring(7, 0).canonical());
}

#[test]
fn large_symmetric_diagrams_are_fast_enough_to_hash() {
    // Quadratic refinement would take minutes here.
    let n = 30_000;
    assert_eq!(ring(n, 0).canonical_hash(), ring(n, n / 2).canonical_hash());
    let mut scattered = Diagram::new();
    for _ in 0..n {
        let wire = scattered.wire(2);
        scattered.input("v", 0, &[wire]).unwrap();
    }
    assert_eq!(
        scattered.canonical_hash(),
        scattered.clone().canonical_hash()
    );
}

#[test]
fn meaningful_changes_change_the_form() {
    let matrix = |legs: [usize; 2], conj: bool, slot: u32, cod: [usize; 2]| {
        let mut d = Diagram::new();
        let wires = [d.wire(3), d.wire(3)];
        let node = d.input("A", slot, &legs.map(|k| wires[k])).unwrap();
        d.set_conj(node, conj);
        d.set_cod(&cod.map(|k| wires[k])).unwrap();
        d.canonical()
    };
    let original = matrix([0, 1], false, 0, [0, 1]);
    assert_ne!(original, matrix([1, 0], false, 0, [0, 1]), "transposed");
    assert_ne!(original, matrix([0, 1], true, 0, [0, 1]), "conjugated");
    assert_ne!(
        original,
        matrix([0, 1], false, 1, [0, 1]),
        "another argument"
    );
    assert_ne!(original, matrix([0, 1], false, 0, [0, 0]), "another output");
    assert_eq!(original, matrix([1, 0], false, 0, [1, 0]), "renamed only");
    assert_ne!(
        Diagram::scalar(c128::new(2.0, 0.0)).canonical(),
        Diagram::scalar(c128::new(-2.0, 0.0)).canonical()
    );
    let hot = |index| {
        Diagram::from_generator(Generator::OneHot { dim: 3, index })
            .unwrap()
            .canonical()
    };
    assert_ne!(hot(0), hot(1));
    let upper = Diagram::id(&[Space::upper(3)]).canonical();
    assert_ne!(upper, Diagram::id(&[Space::plain(3)]).canonical());
}

#[test]
fn constants_are_told_apart_by_their_numbers() {
    let vector = |data: Vec<f64>| {
        let mut d = Diagram::new();
        let wire = d.wire(2);
        let array = Array::from(Tensor::from_vec(data, &[2]).unwrap());
        let node = d.constant("v", Arc::new(array), &[wire]).unwrap();
        (d, node)
    };
    let form = |data| vector(data).0.canonical();
    assert_eq!(form(vec![1.0, 2.0]), form(vec![1.0, 2.0]));
    assert_ne!(form(vec![1.0, 2.0]), form(vec![2.0, 1.0]));
    // The conjugate of a real tensor is the tensor.
    let (mut conjugated, node) = vector(vec![1.0, 2.0]);
    conjugated.set_conj(node, true);
    assert_eq!(conjugated.canonical(), form(vec![1.0, 2.0]));
    assert_eq!(node, NodeId(0));
}

#[test]
fn hashes_are_the_same_on_every_machine() {
    // Pinned: a plan cache on disk depends on it.
    let mut d = Diagram::new();
    let (i, j, k) = (d.wire(2), d.wire(3), d.wire(4));
    d.input("A", 0, &[i, j]).unwrap();
    d.input("B", 1, &[j, k]).unwrap();
    d.set_cod(&[i, k]).unwrap();
    assert_eq!(
        format!("{:032x}", d.canonical_hash()),
        "271ab4d1051663a3d9e9b52aef98dbdf"
    );
}
