//! Lowered diagrams have the value of the diagram, and spiders cost nothing.

mod common;

use common::{arguments, assert_close, random, random_dims};
use proptest::prelude::*;
use tensegrity_diagram::{
    Diagram, Error, Generator, Network, Source, WireId, evaluate_lowered_naive, evaluate_naive,
};
use tensegrity_tensor::{SplitMix64, Tensor, c128};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn lowering_keeps_the_value(seed in any::<u64>()) {
        let mut rng = SplitMix64::new(seed);
        let (a, b) = (random_dims(&mut rng, 2), random_dims(&mut rng, 2));
        let d = random(&mut rng, &a, &b, 0);
        let values = arguments(&d, seed);
        let lowered = d.to_network();
        lowered.network.validate().unwrap();
        prop_assert_eq!(lowered.network.inputs.len(), lowered.operands.len());
        assert_close(
            &evaluate_lowered_naive(&lowered, &values).unwrap(),
            &evaluate_naive(&d, &values).unwrap(),
        );
    }

    #[test]
    fn networks_survive_the_round_trip(
        inputs in prop::collection::vec(prop::collection::vec(0u32..5, 0..4), 0..4),
        output in prop::collection::vec(0u32..5, 0..3),
    ) {
        let network = Network { inputs, output, dims: vec![2, 3, 4, 5, 6] };
        let lowered = Diagram::from_network(&network).unwrap().to_network();
        // Unused wires become a factor, the rest is renumbered by first use.
        let used: Vec<u32> = network.inputs.iter().flatten().chain(&network.output).copied().collect();
        let loops: f64 = (0..5).filter(|w| !used.contains(w)).map(|w| f64::from(w) + 2.0).product();
        prop_assert_eq!(lowered.scalar, c128::new(loops, 0.0));
        let mut places: Vec<u32> = Vec::new();
        for wire in used {
            if !places.contains(&wire) {
                places.push(wire);
            }
        }
        let back = |term: &Vec<u32>| -> Vec<u32> { term.iter().map(|&w| places[w as usize]).collect() };
        prop_assert_eq!(lowered.network.inputs.iter().map(back).collect::<Vec<_>>(), network.inputs);
        prop_assert_eq!(back(&lowered.network.output), network.output);
    }
}

#[test]
fn structure_becomes_wires_not_operands() {
    let mut d = Diagram::new();
    let w: Vec<WireId> = (0..5).map(|_| d.wire(3)).collect();
    d.input("x", 0, &[w[0]]).unwrap();
    let spider = Generator::Spider {
        dim: 3,
        inputs: 1,
        outputs: 2,
    };
    d.generator(spider, &[w[1], w[2], w[0]]).unwrap();
    let swap = Generator::Permutation {
        dims: vec![3, 3],
        order: vec![1, 0],
    };
    d.generator(swap, &[w[3], w[4], w[1], w[2]]).unwrap();
    d.set_cod(&[w[3], w[4]]).unwrap();
    let lowered = d.to_network();
    assert_eq!(lowered.network.to_einsum(), "a->aa");
    assert!(matches!(lowered.operands[..], [ref x] if matches!(x.source, Source::Slot(_))));
}

#[test]
fn diagonal_lowers_to_its_vector_and_kronecker_to_its_factors() {
    let mut d = Diagram::new();
    let w: Vec<WireId> = [2, 3, 4, 5].iter().map(|&n| d.wire(n)).collect();
    let matrix = |rows: usize, columns: usize| {
        std::sync::Arc::new(Tensor::full(&[rows, columns], 1.5f64).unwrap().into())
    };
    d.generator(Generator::Kronecker(vec![matrix(2, 4), matrix(3, 5)]), &w)
        .unwrap();
    d.set_cod(&w[..2]).unwrap();
    d.set_dom(&w[2..]).unwrap();
    assert_eq!(d.to_einsum(), "ab,cd->acbd");
    let vector = std::sync::Arc::new(Tensor::full(&[7], 2.0f64).unwrap().into());
    let diagonal = Diagram::from_generator(Generator::Diagonal(vector)).unwrap();
    assert_eq!(diagonal.to_einsum(), "a->aa");
}

#[test]
fn golden_case_8_embeds_a_diagonal() {
    // i,ij->iij with the seeded tensors of the project's golden table.
    let network = Network {
        inputs: vec![vec![0], vec![0, 1]],
        output: vec![0, 0, 1],
        dims: vec![4, 3],
    };
    let operand = |number: u64, shape: &[usize]| {
        SplitMix64::new(8000 + number)
            .centred_tensor::<f64>(shape)
            .into()
    };
    let value = evaluate_naive(
        &Diagram::from_network(&network).unwrap(),
        &[operand(0, &[4]), operand(1, &[4, 3])],
    )
    .unwrap();
    let near = |x: f64, y: f64| assert!((x - y).abs() <= 1e-12 * y.abs(), "{x} {y}");
    near(
        value.as_slice().iter().map(|z| z.re).sum(),
        -0.0839487053473094,
    );
    near(value.as_slice()[0].re, 0.0278352443269888);
    near(value.as_slice()[47].re, -0.112580479262591);
    near(value.norm().powi(2), 0.143410340338818);
}

#[test]
fn zero_dimensions_are_legal() {
    let network = Network {
        inputs: vec![vec![0, 1]],
        output: vec![0],
        dims: vec![2, 0],
    };
    let d = Diagram::from_network(&network).unwrap();
    let value = evaluate_naive(&d, &[Tensor::<f64>::zeros(&[2, 0]).unwrap().into()]).unwrap();
    assert_eq!(value.as_slice(), [c128::new(0.0, 0.0); 2]);
}

#[test]
fn bad_nodes_are_errors_that_name_the_place() {
    let mut d = Diagram::new();
    let w = d.wire(3);
    let missing = d.input("A", 0, &[w, WireId(9)]).unwrap_err();
    assert!(
        missing.to_string().contains("node `A`: wire 9"),
        "{missing}"
    );
    let vector = Tensor::full(&[4], 1.0f64).unwrap();
    match d.constant("v", tensegrity_tensor::Array::from(vector.clone()), &[w]) {
        Err(Error::LegDimension {
            leg: 0,
            found: 4,
            expected: 3,
            ..
        }) => {}
        other => panic!("{other:?}"),
    }
    let arity = d.constant("v", tensegrity_tensor::Array::from(vector), &[w, w]);
    assert!(matches!(
        arity,
        Err(Error::ArityMismatch {
            found: 2,
            expected: 1,
            ..
        })
    ));
    assert!(d.set_cod(&[WireId(3)]).is_err());
    assert!(d.tag_cod(&[tensegrity_diagram::Variance::Upper]).is_err());
    assert_eq!((d.nodes().len(), d.cod().len()), (0, 0));
}
