//! Structured nodes run through their entries: the same values as the dense
//! definition, without its memory.

use proptest::prelude::*;
use tensegrity_contract::promote::ArrayView;
use tensegrity_contract::{Error, PlanOptions, run_diagram};
use tensegrity_diagram::{Diagram, Generator, WireId, evaluate_naive};
use tensegrity_tensor::{Array, SplitMix64, Tensor, c128};

/// What a random diagram is made of: for each node its kind and, leg by leg,
/// the choice of a wire.
#[derive(Clone, Debug)]
struct Recipe {
    nodes: Vec<(u8, Vec<usize>, i64, bool)>,
    boundary: Vec<usize>,
    inputs: usize,
    complex: bool,
}

fn recipe() -> impl Strategy<Value = Recipe> {
    let node = (
        0u8..6,
        prop::collection::vec(0usize..64, 3),
        -2i64..=2,
        any::<bool>(),
    );
    (
        prop::collection::vec(node, 1..6),
        prop::collection::vec(0usize..64, 0..4),
        0usize..3,
        any::<bool>(),
    )
        .prop_map(|(nodes, boundary, inputs, complex)| Recipe {
            nodes,
            boundary,
            inputs,
            complex,
        })
}

/// Wires of dimension 2, 3 and 4, three of each; legs choose among those of
/// the dimension they need.
fn build(recipe: &Recipe) -> (Diagram, Vec<Array>) {
    let mut d = Diagram::new();
    let pools: Vec<Vec<WireId>> = [2u64, 3, 4]
        .iter()
        .map(|&dim| (0..3).map(|_| d.wire(dim)).collect())
        .collect();
    let all: Vec<WireId> = pools.iter().flatten().copied().collect();
    let mut arrays = Vec::new();
    for (kind, picks, offset, upper) in &recipe.nodes {
        let of = |pool: usize, leg: usize| pools[pool][picks[leg] % 3];
        match kind {
            0 => {
                let dim = [2, 3, 4][picks[1] % 3];
                let index = offset.unsigned_abs() % dim;
                let generator = Generator::OneHot { dim, index };
                d.generator(generator, &[of(picks[1] % 3, 0)]).unwrap();
            }
            1 => {
                let (rows, columns) = (picks[1] % 3, picks[2] % 3);
                let generator = Generator::Triangular {
                    rows: [2, 3, 4][rows],
                    columns: [2, 3, 4][columns],
                    offset: *offset,
                    upper: *upper,
                };
                let legs = [of(rows, 0), of(columns, 1)];
                d.generator(generator, &legs).unwrap();
            }
            2 => {
                let legs = [of(1, 0), of(1, 1), of(1, 2)];
                d.generator(Generator::LeviCivita { n: 3 }, &legs).unwrap();
            }
            3 => {
                let pool = if *upper { 0 } else { 2 };
                let generator = Generator::Symplectic {
                    dim: [2, 3, 4][pool],
                };
                d.generator(generator, &[of(pool, 0), of(pool, 1)]).unwrap();
            }
            _ => {
                let wires: Vec<WireId> = picks.iter().map(|&p| all[p % all.len()]).collect();
                let shape: Vec<usize> = (picks.iter())
                    .map(|&p| [2, 3, 4][p % all.len() / 3])
                    .collect();
                let seed = arrays.len() as u64;
                arrays.push(array(seed, &shape, recipe.complex));
                let slot = arrays.len() as u32 - 1;
                let node = d.input(&format!("A{slot}"), slot, &wires).unwrap();
                d.set_conj(node, *upper);
            }
        }
    }
    let wires: Vec<WireId> = (recipe.boundary.iter())
        .map(|&p| all[p % all.len()])
        .collect();
    let inputs = recipe.inputs.min(wires.len());
    d.set_dom(&wires[..inputs]).unwrap();
    d.set_cod(&wires[inputs..]).unwrap();
    (d, arrays)
}

fn array(seed: u64, shape: &[usize], complex: bool) -> Array {
    // Small integers: all sums are exact, whatever their order.
    let mut random = SplitMix64::new(seed);
    let mut next = || random.below(7) as f64 - 3.0;
    let count = shape.iter().product();
    if complex {
        let values = (0..count).map(|_| c128::new(next(), next())).collect();
        Tensor::from_vec(values, shape).unwrap().into()
    } else {
        let values = (0..count).map(|_| next()).collect();
        Tensor::from_vec(values, shape).unwrap().into()
    }
}

fn widened(array: &Array) -> Vec<c128> {
    match array {
        Array::F64(t) => t.as_slice().iter().map(|&x| c128::new(x, 0.0)).collect(),
        Array::C128(t) => t.as_slice().to_vec(),
        Array::I64(t) => (t.as_slice().iter().map(|&x| c128::new(x as f64, 0.0))).collect(),
        other => panic!("a result of type {}", other.dtype()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn entries_compute_what_dense_forms_would(recipe in recipe()) {
        let (diagram, arrays) = build(&recipe);
        let wanted = evaluate_naive(&diagram, &arrays).unwrap();
        let views: Vec<ArrayView<'_>> = arrays.iter().map(ArrayView::from).collect();
        let found = run_diagram(&diagram, &views, &PlanOptions::default()).unwrap();
        prop_assert_eq!(found.shape(), wanted.shape());
        prop_assert_eq!(widened(&found), wanted.as_slice());
    }
}

fn causal(n: u64) -> Generator {
    Generator::Triangular {
        rows: n,
        columns: n,
        offset: 0,
        upper: false,
    }
}

/// mask ∘ A, or mask · A where `summed`.
fn masked(n: u64, width: u64, summed: bool) -> Diagram {
    let mut d = Diagram::new();
    let (i, j, k) = (d.wire(n), d.wire(n), d.wire(width));
    d.generator(causal(n), &[i, j]).unwrap();
    if summed {
        d.input("A", 0, &[j, k]).unwrap();
        d.set_cod(&[i, k]).unwrap();
    } else {
        d.input("A", 0, &[i, j]).unwrap();
        d.set_cod(&[i, j]).unwrap();
    }
    d
}

#[test]
fn a_mask_of_a_million_lines_sums_what_came_before() {
    // Its dense form would have 10¹² elements.
    let n = 1_000_000;
    let ones: Array = Tensor::full(&[n, 1], 1i64).unwrap().into();
    let options = PlanOptions {
        memory_limit: Some(8 * n as u64 + 1024),
        ..PlanOptions::default()
    };
    let sums = run_diagram(&masked(n as u64, 1, true), &[(&ones).into()], &options).unwrap();
    let sums = sums.typed::<i64>().unwrap();
    assert!((sums.as_slice().iter().zip(1..)).all(|(&sum, count)| sum == count));
}

#[test]
fn what_a_mask_hides_is_not_read() {
    let values = vec![1.0, f64::NAN, 2.0, 3.0];
    let a: Array = Tensor::from_vec(values, &[2, 2]).unwrap().into();
    let options = PlanOptions::default();
    let found = run_diagram(&masked(2, 1, false), &[(&a).into()], &options).unwrap();
    assert_eq!(
        found.typed::<f64>().unwrap().as_slice(),
        [1.0, 0.0, 2.0, 3.0]
    );
}

#[test]
fn a_limit_counts_tensors_and_not_masks() {
    let a: Array = Tensor::full(&[64, 64], 1.0f64).unwrap().into();
    let run = |limit: u64| {
        let options = PlanOptions {
            memory_limit: Some(limit),
            ..PlanOptions::default()
        };
        run_diagram(&masked(64, 1, false), &[(&a).into()], &options)
    };
    assert!(run(64 * 64 * 8).is_ok());
    assert!(matches!(
        run(64 * 64 * 8 - 1),
        Err(Error::MemoryBudget { needed: 32768, .. })
    ));
}

#[test]
fn a_basis_vector_reads_one_slice() {
    // e₇ on an axis, the rest NaN: only the slice is touched.
    let mut d = Diagram::new();
    let (i, j) = (d.wire(9), d.wire(3));
    d.generator(Generator::OneHot { dim: 9, index: 7 }, &[i])
        .unwrap();
    d.input("A", 0, &[i, j]).unwrap();
    d.set_cod(&[j, i]).unwrap();
    let a: Array = Tensor::from_fn(
        &[9, 3],
        |at| if at[0] == 7 { at[1] as f64 } else { f64::NAN },
    )
    .unwrap()
    .into();
    let found = run_diagram(&d, &[(&a).into()], &PlanOptions::default()).unwrap();
    let found = found.typed::<f64>().unwrap();
    let wanted = Tensor::from_fn(&[3, 9], |at| if at[1] == 7 { at[0] as f64 } else { 0.0 });
    assert_eq!(*found, wanted.unwrap());
}

#[test]
fn a_determinant_of_order_nine_is_one_epsilon() {
    // Π over nine rows of a triangular matrix: 9⁹ elements dense, 9! entries.
    let mut d = Diagram::new();
    let wires: Vec<WireId> = (0..9).map(|_| d.wire(9)).collect();
    d.generator(Generator::LeviCivita { n: 9 }, &wires).unwrap();
    let mut arrays: Vec<Array> = Vec::new();
    for (row, &wire) in wires.iter().enumerate() {
        let entries = |at: &[usize]| match at[0] {
            k if k < row => 0i64,
            k if k == row => 2,
            k => k as i64,
        };
        arrays.push(Tensor::from_fn(&[9], entries).unwrap().into());
        d.input(&format!("row{row}"), row as u32, &[wire]).unwrap();
    }
    let views: Vec<ArrayView<'_>> = arrays.iter().map(ArrayView::from).collect();
    let value = run_diagram(&d, &views, &PlanOptions::default()).unwrap();
    assert_eq!(value.typed::<i64>().unwrap().as_slice(), [1 << 9]);
}
