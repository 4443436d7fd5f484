//! Every pass keeps the value; each does what it is for.

use proptest::prelude::*;
use tensegrity_tensor::SplitMix64;

use super::*;

/// A tensor as a function on assignments: values over its wires, row-major.
#[derive(Clone)]
struct Dense {
    wires: Vec<u32>,
    values: Vec<f64>,
}

/// Calls `visit` with every assignment of the wires of a network.
fn assignments(dims: &[u64], wires: &[u32], mut visit: impl FnMut(&[usize])) {
    let mut index = vec![0usize; dims.len()];
    if wires.iter().any(|&w| dims[w as usize] == 0) {
        return;
    }
    loop {
        visit(&index);
        let mut k = wires.len();
        loop {
            if k == 0 {
                return;
            }
            k -= 1;
            let w = wires[k] as usize;
            index[w] += 1;
            if index[w] < dims[w] as usize {
                break;
            }
            index[w] = 0;
        }
    }
}

fn offset(dims: &[u64], wires: &[u32], index: &[usize]) -> usize {
    wires.iter().fold(0, |at, &w| {
        at * dims[w as usize] as usize + index[w as usize]
    })
}

/// Σ Π over every wire listed in `summed` or on a tensor, by definition.
fn contract(dims: &[u64], tensors: &[&Dense], output: &[u32], extra: &[u32]) -> Dense {
    let mut wires: Vec<u32> = tensors.iter().flat_map(|t| t.wires.clone()).collect();
    wires.extend(output);
    wires.extend(extra);
    wires.sort_unstable();
    wires.dedup();
    let size = output.iter().map(|&w| dims[w as usize] as usize).product();
    let mut values = vec![0.0; size];
    assignments(dims, &wires, |index| {
        let factors = tensors
            .iter()
            .map(|t| t.values[offset(dims, &t.wires, index)]);
        values[offset(dims, output, index)] += factors.product::<f64>();
    });
    Dense {
        wires: output.to_vec(),
        values,
    }
}

fn operands(network: &Network, seed: u64) -> Vec<Dense> {
    let mut rng = SplitMix64::new(seed);
    let fill = |term: &Vec<u32>| Dense {
        wires: term.clone(),
        values: (0..network.size_of(term) as usize)
            .map(|_| rng.centred())
            .collect(),
    };
    network.inputs.iter().map(fill).collect()
}

/// Wires on no operand and not in the output.
fn floating(network: &Network) -> Vec<u32> {
    let used = |w: u32| {
        network
            .inputs
            .iter()
            .flatten()
            .chain(&network.output)
            .any(|&v| v == w)
    };
    (0..network.dims.len() as u32)
        .filter(|&w| !used(w))
        .collect()
}

/// Carries out the operations, then the residual network, and compares with
/// the original over the output the residual network stands for.
fn check(network: &Network, passes: Passes, seed: u64) -> Simplified {
    let simple = simplify(network, passes).unwrap();
    let dims = &network.dims;
    let mut tensors = operands(network, seed);
    let originals: Vec<Dense> = tensors.clone();
    for operation in &simple.operations {
        match operation {
            Operation::Drop { tensor, wires } => {
                assert!(wires.iter().all(|&w| dims[w as usize] == 1));
                tensors[*tensor].wires.retain(|w| !wires.contains(w));
            }
            Operation::Diagonal { tensor, wire } => {
                let mut kept = tensors[*tensor].wires.clone();
                let first = kept.iter().position(|w| w == wire).unwrap();
                let mut at = 0;
                kept.retain(|w| {
                    at += 1;
                    w != wire || at == first + 1
                });
                tensors[*tensor] = contract(dims, &[&tensors[*tensor]], &kept, &[]);
            }
            Operation::Sum { tensor, wires } => {
                let mut kept = tensors[*tensor].wires.clone();
                kept.retain(|w| !wires.contains(w));
                tensors[*tensor] = contract(dims, &[&tensors[*tensor]], &kept, &[]);
            }
            Operation::Merge {
                left,
                right,
                result,
                wires,
                ..
            } => {
                assert_eq!(*result, tensors.len());
                let product = contract(dims, &[&tensors[*left], &tensors[*right]], wires, &[]);
                tensors.push(product);
            }
        }
    }
    for (number, term) in simple.network.inputs.iter().enumerate() {
        let have: Vec<u32> = tensors[simple.tensors[number]]
            .wires
            .iter()
            .copied()
            .filter(|w| !simple.batch.contains(w))
            .collect();
        let want: Vec<u32> = term.iter().map(|&w| simple.wires[w as usize]).collect();
        assert_eq!(have, want, "operand {number} of the residual network");
    }
    let mut output = simple.batch.clone();
    output.extend(
        simple
            .network
            .output
            .iter()
            .map(|&w| simple.wires[w as usize]),
    );
    let extra: Vec<u32> = floating(&simple.network)
        .iter()
        .map(|&w| simple.wires[w as usize])
        .collect();
    let left: Vec<&Dense> = simple.tensors.iter().map(|&t| &tensors[t]).collect();
    let got = contract(dims, &left, &output, &extra);
    // Wires of the output that simplification leaves out are on no operand:
    // the value does not depend on them, so they are summed at index zero only.
    let mut whole = network.clone();
    for &w in &network.output {
        if !output.contains(&w) {
            whole.dims[w as usize] = whole.dims[w as usize].min(1);
        }
    }
    let originals: Vec<&Dense> = originals.iter().collect();
    let expected = contract(&whole.dims, &originals, &output, &floating(network));
    if network.output.iter().all(|&w| network.dims[w as usize] > 0) {
        for (g, e) in got.values.iter().zip(&expected.values) {
            assert!((g - e).abs() <= 1e-12 * (1.0 + e.abs()), "{g} {e}");
        }
        assert_eq!(got.values.len(), expected.values.len());
    }
    for group in &simple.components {
        assert!(group.is_sorted());
    }
    simple
}

fn network(text: &str, shapes: &[&[usize]]) -> Network {
    crate::Expression::parse(text)
        .unwrap()
        .bind(shapes)
        .unwrap()
        .network
}

fn only(pass: Pass) -> Passes {
    Passes::NONE.with(pass)
}

#[test]
fn no_pass_changes_nothing() {
    let net = network("iij,jk,k->kk", &[&[2, 2, 3], &[3, 4], &[4]]);
    let simple = check(&net, Passes::NONE, 1);
    assert_eq!((simple.network, simple.operations.len()), (net, 0));
}

#[test]
fn unit_wires_are_dropped_everywhere() {
    let net = network("ij,jk->ik", &[&[1, 3], &[3, 1]]);
    let simple = check(&net, only(Pass::UnitWires), 1);
    assert_eq!(simple.network.inputs, [[0], [0]]);
    assert!(simple.network.output.is_empty());
    assert_eq!(simple.operations.len(), 2);
}

#[test]
fn repeated_legs_become_diagonals() {
    let net = network("iiijj,j->i", &[&[2, 2, 2, 3, 3], &[3]]);
    let simple = check(&net, only(Pass::Diagonals), 1);
    assert_eq!(simple.network.inputs[0], [0, 1]);
    assert_eq!(simple.operations.len(), 2);
}

#[test]
fn lone_wires_are_summed_and_traces_too() {
    let net = network("iijk,k->k", &[&[2, 2, 3, 4], &[4]]);
    let simple = check(&net, only(Pass::LoneWires), 1);
    assert_eq!(simple.network.inputs, [[0], [0]]);
    assert_eq!(
        simple.operations,
        [Operation::Sum {
            tensor: 0,
            wires: vec![0, 1]
        }]
    );
}

#[test]
fn scalars_join_the_smallest_tensor() {
    let net = network(",ij,,jk->ik", &[&[], &[5, 4], &[], &[4, 3]]);
    let simple = check(&net, only(Pass::Scalars), 1);
    assert_eq!(simple.steps(), [(0, 2), (3, 4)]);
    assert_eq!(simple.tensors, [1, 5]);
}

#[test]
fn equal_legs_merge_even_after_closing_a_wire() {
    // A·B closes k and then equals C.
    let net = network(
        "ijk,kij,ij,jl->il",
        &[&[2, 3, 4], &[4, 2, 3], &[2, 3], &[3, 2]],
    );
    let simple = check(&net, only(Pass::Hadamard), 1);
    assert_eq!(simple.steps(), [(0, 1), (2, 4)]);
}

#[test]
fn small_factors_meet_the_smallest_holder() {
    // The vector is among the legs of both; it joins the matrix.
    let net = network("i,ijkl,im->jklm", &[&[3], &[3, 4, 5, 6], &[3, 7]]);
    let simple = check(&net, only(Pass::Absorb), 1);
    assert_eq!(simple.steps()[0], (0, 2));
}

#[test]
fn gates_of_a_circuit_are_absorbed() {
    // Single-wire gates vanish into the two-wire gate.
    let net = network(
        "ai,bj,ijkl,kc,ld->abcd",
        &[&[2, 2], &[2, 2], &[2; 4], &[2, 2], &[2, 2]],
    );
    assert_eq!(check(&net, Passes::ALL, 1).tensors.len(), 1);
    // A growing product is left to the planner.
    let net = network("ij,jk->ik", &[&[5, 2], &[2, 5]]);
    assert_eq!(check(&net, Passes::ALL, 1).tensors.len(), 2);
}

#[test]
fn components_are_found() {
    let net = network("ab,cd,bc,ef,fg->ae", &[&[2, 2][..]; 5]);
    let simple = check(&net, only(Pass::Components), 1);
    assert_eq!(simple.components, [vec![0, 1, 2], vec![3, 4]]);
}

#[test]
fn output_copies_and_constants_are_left_to_the_end() {
    let net = Network {
        inputs: vec![vec![0]],
        output: vec![1, 0, 0, 1],
        dims: vec![2, 3],
    };
    let simple = check(&net, only(Pass::Spiders), 1);
    assert_eq!(simple.network.output, [0]);
    assert_eq!(simple.network.dims, [2]);
}

#[test]
fn batch_wires_are_set_aside() {
    let net = network("bij,jbk->bik", &[&[4, 2, 3], &[3, 4, 2]]);
    let simple = check(&net, only(Pass::BatchWires), 1);
    assert_eq!(simple.batch, [0]);
    assert_eq!(simple.batch_size(&net), 4.0);
    assert_eq!(simple.network.inputs.concat().len(), 4);
}

#[test]
fn a_long_chain_is_linear() {
    let chain = Network {
        inputs: (0..50_000).map(|k| vec![k, k + 1]).collect(),
        output: vec![0, 50_000],
        dims: vec![3; 50_001],
    };
    assert_eq!(simplify(&chain, Passes::ALL).unwrap().tensors.len(), 1);
    // One copy tensor on thousands of vectors.
    let star = Network {
        inputs: (0..20_000)
            .map(|k| if k % 2 == 0 { vec![0] } else { vec![0, k] })
            .collect(),
        output: vec![0],
        dims: vec![2; 20_000],
    };
    assert_eq!(simplify(&star, Passes::ALL).unwrap().tensors.len(), 1);
}

fn networks() -> impl Strategy<Value = Network> {
    (2usize..7, 0usize..6).prop_flat_map(|(wires, operands)| {
        let wire = 0..wires as u32;
        (
            prop::collection::vec(prop::collection::vec(wire.clone(), 0..4), operands),
            prop::collection::vec(wire, 0..4),
            prop::collection::vec(prop_oneof![1 => 0u64..1, 12 => 1u64..4], wires),
        )
            .prop_map(|(inputs, output, dims)| Network {
                inputs,
                output,
                dims,
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_set_of_passes_keeps_the_value(net in networks(), mask in 0u16..512, seed in 0u64..1000) {
        let passes = Pass::ALL.into_iter().enumerate();
        let passes = passes.filter(|(k, _)| mask >> k & 1 == 1).fold(Passes::NONE, |p, (_, pass)| p.with(pass));
        check(&net, passes, seed);
        check(&net, Passes::ALL, seed);
    }

    #[test]
    fn merges_never_grow(net in networks()) {
        // A sum over an empty wire replaces an empty tensor by a larger one.
        let net = Network { dims: net.dims.iter().map(|&d| d.max(1)).collect(), ..net };
        let simple = simplify(&net, Passes::ALL).unwrap();
        let mut sizes: Vec<f64> = net.inputs.iter().map(|t| net.size_of(t)).collect();
        for operation in &simple.operations {
            match operation {
                Operation::Merge { left, right, wires, .. } => {
                    let size = net.size_of(wires);
                    prop_assert!(size <= sizes[*left].max(sizes[*right]));
                    sizes.push(size);
                }
                Operation::Drop { .. } | Operation::Diagonal { .. } | Operation::Sum { .. } => {}
            }
        }
        // Nothing that should be absorbed is left.
        for (a, term) in simple.network.inputs.iter().enumerate() {
            prop_assert!(!term.is_empty() || simple.network.inputs.len() == 1 || !simple.batch.is_empty());
            for other in &simple.network.inputs[a + 1..] {
                let inside = |x: &[u32], y: &[u32]| !x.is_empty() && x.iter().all(|w| y.contains(w));
                prop_assert!(!inside(term, other) && !inside(other, term), "{simple:?}");
            }
        }
    }
}
