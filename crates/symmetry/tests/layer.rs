//! Layers: commuting with their groups, plans that agree, sizes, masks, derivatives.

use tensegrity_grad::{Variable, vjp};
use tensegrity_symmetry::{Basis, Diagram, Error, Group, Layer, Norm, Plan};
use tensegrity_tensor::{Array, DType, SplitMix64, Tensor};

fn random(shape: &[usize], seed: u64) -> Array {
    SplitMix64::new(seed).normal_tensor::<f64>(shape).into()
}

fn slice(array: &Array) -> &[f64] {
    array.typed::<f64>().unwrap().as_slice()
}

fn close(a: &Array, b: &Array, tolerance: f64) {
    assert_eq!(a.shape(), b.shape());
    let size = slice(b).iter().fold(1.0_f64, |m, x| m.max(x.abs()));
    for (x, y) in slice(a).iter().zip(slice(b)) {
        assert!((x - y).abs() <= tolerance * size, "{x} and {y}");
    }
}

/// `x` with the matrix applied to every axis from `first` on.
fn acted(x: &Array, matrix: &[Vec<f64>], first: usize) -> Array {
    let mut x = x.typed::<f64>().unwrap().clone();
    for axis in first..x.ndim() {
        let shape = x.shape().to_vec();
        x = Tensor::from_fn(&shape, |index| {
            let mut index = index.to_vec();
            let row = index[axis];
            (0..shape[axis])
                .map(|j| {
                    index[axis] = j;
                    matrix[row][j] * x.get(&index).unwrap()
                })
                .sum()
        })
        .unwrap();
    }
    x.into()
}

fn rotation(n: usize, seed: u64, determinant: f64) -> Vec<Vec<f64>> {
    // Products of plane rotations, and a reflection if asked for.
    let mut random = SplitMix64::new(seed);
    let mut g: Vec<Vec<f64>> = (0..n)
        .map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect())
        .collect();
    for i in 0..n {
        for j in 0..i {
            let (s, c) = (6.0 * random.uniform()).sin_cos();
            for row in &mut g {
                (row[i], row[j]) = (c * row[i] - s * row[j], s * row[i] + c * row[j]);
            }
        }
    }
    g[0].iter_mut().for_each(|x| *x *= determinant);
    g
}

/// A product of symplectic shears.
fn symplectic(n: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut random = SplitMix64::new(seed);
    let mut g: Vec<Vec<f64>> = (0..n)
        .map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect())
        .collect();
    for _ in 0..4 {
        // x ↦ x + t·Ω(v, x)·v is symplectic for every v.
        let v: Vec<f64> = (0..n).map(|_| 0.5 * random.normal()).collect();
        let form: Vec<f64> = (0..n)
            .map(|j| if j % 2 == 0 { -v[j + 1] } else { v[j - 1] })
            .collect();
        for column in 0..n {
            let along: f64 = (0..n).map(|j| form[j] * g[j][column]).sum();
            for i in 0..n {
                g[i][column] += along * v[i];
            }
        }
    }
    g
}

fn permutation(order: &[usize]) -> Vec<Vec<f64>> {
    let n = order.len();
    (0..n)
        .map(|i| (0..n).map(|j| f64::from(u8::from(order[i] == j))).collect())
        .collect()
}

#[test]
fn layers_commute_with_their_groups() {
    let cases: Vec<(Group, usize, Vec<Vec<f64>>)> = vec![
        (Group::Symmetric, 4, permutation(&[2, 0, 1, 3])),
        (Group::Symmetric, 3, permutation(&[1, 0, 2])),
        (Group::Alternating, 4, permutation(&[1, 2, 0, 3])),
        (Group::Alternating, 3, permutation(&[1, 2, 0])),
        (Group::Orthogonal, 3, rotation(3, 1, -1.0)),
        (Group::SpecialOrthogonal, 3, rotation(3, 2, 1.0)),
        (Group::SpecialOrthogonal, 2, rotation(2, 3, 1.0)),
        (Group::Symplectic, 4, symplectic(4, 4)),
    ];
    for (group, n, g) in cases {
        for (k, l) in [(1, 1), (2, 2), (2, 1), (3, 2), (1, 3)] {
            let Ok(layer) = Layer::builder(group)
                .size(n)
                .input(&[k], 2)
                .output(&[l], 3)
                .basis(Basis::Spanning)
                .bias(true)
                .seed(7)
                .build()
            else {
                continue;
            };
            let mut shape = vec![2, 2];
            shape.extend(vec![n; k]);
            let x = random(&shape, 11);
            let there = layer.forward(&[&acted(&x, &g, 2)]).unwrap();
            let back = acted(&layer.forward(&[&x]).unwrap()[0], &g, 2);
            close(&there[0], &back, 1e-11);
        }
    }
}

#[test]
fn what_changes_orientation_tells_so_from_o_and_a_from_s() {
    let cross = Layer::builder(Group::SpecialOrthogonal)
        .size(3)
        .input(&[2], 1)
        .output(&[1], 1)
        .build()
        .unwrap();
    let x = random(&[1, 1, 3, 3], 3);
    let mirror = rotation(3, 5, -1.0);
    let there = cross.forward(&[&acted(&x, &mirror, 2)]).unwrap();
    let back = acted(&cross.forward(&[&x]).unwrap()[0], &mirror, 2);
    let negated: Vec<f64> = slice(&back).iter().map(|x| -x).collect();
    for (x, y) in slice(&there[0]).iter().zip(negated) {
        assert!((x - y).abs() < 1e-12, "a reflection changes the sign");
    }
    assert!(matches!(
        Layer::builder(Group::Orthogonal)
            .size(3)
            .input(&[2], 1)
            .output(&[1], 1)
            .build(),
        Err(Error::EmptyHomSpace { k: 2, l: 1, .. })
    ));
}

#[test]
fn plans_agree_on_mixed_orders_with_bias() {
    for (group, n) in [
        (Group::Symmetric, 3),
        (Group::Symmetric, 5),
        (Group::Alternating, 4),
        (Group::Orthogonal, 3),
        (Group::SpecialOrthogonal, 3),
        (Group::Symplectic, 4),
    ] {
        let build = |plan| {
            Layer::builder(group)
                .size(n)
                .input(&[0], 2)
                .input(&[1], 3)
                .input(&[2], 2)
                .output(&[2], 2)
                .output(&[0], 1)
                .output(&[1], 2)
                .bias(true)
                .plan(plan)
                .seed(5)
                .build()
                .unwrap()
        };
        let x = [
            random(&[4, 2], 1),
            random(&[4, 3, n], 2),
            random(&[4, 2, n, n], 3),
        ];
        let g = [
            random(&[4, 2, n, n], 4),
            random(&[4, 1], 5),
            random(&[4, 2, n], 6),
        ];
        let (x, g): (Vec<&Array>, Vec<&Array>) = (x.iter().collect(), g.iter().collect());
        let mut reference = build(Plan::Separate);
        // Biases that are not zero.
        for (number, connection) in reference.connections().into_iter().enumerate() {
            if connection.input.is_none() {
                let shape = reference.weights()[number].shape().to_vec();
                reference.set_weights(number, random(&shape, 99)).unwrap();
            }
        }
        let y = reference.forward(&x).unwrap();
        let (dx, dw) = reference.vjp(&x, &g).unwrap();
        for plan in [Plan::Mixed, Plan::Dense, Plan::Auto] {
            let mut layer = build(plan);
            for (number, weights) in reference.weights().to_vec().into_iter().enumerate() {
                layer.set_weights(number, weights).unwrap();
            }
            let own = layer.forward(&x).unwrap();
            let (own_dx, own_dw) = layer.vjp(&x, &g).unwrap();
            let pairs = own
                .iter()
                .zip(&y)
                .chain(own_dx.iter().zip(&dx))
                .chain(own_dw.iter().zip(&dw));
            pairs.for_each(|(a, b)| close(a, b, 1e-12));
        }
    }
}

#[test]
fn local_symmetries_are_products() {
    // Exchangeable matrices: {1, J} ⊗ {1, J}.
    let tables = Layer::product(&[(Group::Symmetric, 3), (Group::Symmetric, 4)])
        .input(&[1, 1], 1)
        .output(&[1, 1], 1)
        .build()
        .unwrap();
    assert_eq!(tables.parameters(), 4);
    let mixed = Layer::product(&[(Group::Symmetric, 3), (Group::Orthogonal, 3)])
        .input(&[1, 1], 1)
        .output(&[1, 1], 1)
        .build()
        .unwrap();
    assert_eq!(mixed.parameters(), 2);
    let x = random(&[2, 1, 3, 4], 1);
    let y = tables.forward(&[&x]).unwrap().remove(0);
    let w = slice(&tables.weights()[0]).to_vec();
    let names: Vec<String> = tables
        .diagrams(0)
        .iter()
        .map(|t| format!("{} {}", t[0], t[1]))
        .collect();
    let place = |name: &str| names.iter().position(|n| n == name).unwrap();
    let values = slice(&x);
    for b in 0..2 {
        for i in 0..3 {
            for j in 0..4 {
                let at = |i: usize, j: usize| values[b * 12 + i * 4 + j];
                let row: f64 = (0..4).map(|j| at(i, j)).sum();
                let column: f64 = (0..3).map(|i| at(i, j)).sum();
                let all: f64 = (0..3)
                    .flat_map(|i| (0..4).map(move |j| (i, j)))
                    .map(|(i, j)| at(i, j))
                    .sum();
                let expected = w[place("0|0 0|0")] * at(i, j)
                    + w[place("0|0 0|1")] * row
                    + w[place("0|1 0|0")] * column
                    + w[place("0|1 0|1")] * all;
                let found = slice(&y)[b * 12 + i * 4 + j];
                assert!((found - expected).abs() < 1e-12);
            }
        }
    }
    for plan in [Plan::Mixed, Plan::Dense] {
        let build = |plan| {
            Layer::product(&[
                (Group::Alternating, 3),
                (Group::SpecialOrthogonal, 3),
                (Group::Symplectic, 2),
            ])
            .input(&[1, 2, 1], 2)
            .output(&[2, 1, 1], 2)
            .plan(plan)
            .seed(3)
            .build()
            .unwrap()
        };
        let x = random(&[3, 2, 3, 3, 3, 2], 8);
        let g = random(&[3, 2, 3, 3, 3, 2], 9);
        let (a, b) = (build(plan), build(Plan::Separate));
        close(
            &a.forward(&[&x]).unwrap()[0],
            &b.forward(&[&x]).unwrap()[0],
            1e-12,
        );
        let (one, two) = (a.vjp(&[&x], &[&g]).unwrap(), b.vjp(&[&x], &[&g]).unwrap());
        close(&one.0[0], &two.0[0], 1e-12);
        close(&one.1[0], &two.1[0], 1e-12);
    }
}

#[test]
fn one_layer_serves_all_sizes_and_masks_cut_samples_out() {
    for norm in [Norm::Sum, Norm::Mean] {
        let layer = Layer::builder(Group::Symmetric)
            .input(&[2], 2)
            .input(&[1], 1)
            .output(&[2], 2)
            .output(&[1], 3)
            .bias(true)
            .norm(norm)
            .build()
            .unwrap();
        let lengths = [3, 5, 1, 5];
        let (edges, nodes) = (random(&[4, 2, 5, 5], 1), random(&[4, 1, 5], 2));
        let together = layer.forward_masked(&[&edges, &nodes], &lengths).unwrap();
        for (b, &n) in lengths.iter().enumerate() {
            let cut = |x: &Array, channels: usize, order: usize| -> Array {
                let x = x.typed::<f64>().unwrap();
                let mut shape = vec![1, channels];
                shape.extend(vec![n; order]);
                let part = Tensor::from_fn(&shape, |i| {
                    let mut i = i.to_vec();
                    i[0] = b;
                    x.get(&i).unwrap()
                });
                part.unwrap().into()
            };
            let alone = layer
                .forward(&[&cut(&edges, 2, 2), &cut(&nodes, 1, 1)])
                .unwrap();
            close(&cut(&together[0], 2, 2), &alone[0], 1e-13);
            close(&cut(&together[1], 3, 1), &alone[1], 1e-13);
        }
        // Padding is zero.
        let y = together[1].typed::<f64>().unwrap();
        assert_eq!(y.get(&[0, 0, 3]).unwrap(), 0.0);
        assert_eq!(y.get(&[2, 2, 1]).unwrap(), 0.0);

        let inputs = [Variable::new(edges), Variable::new(nodes)];
        let weights = layer.variables();
        let y = layer.apply_masked(&inputs, &weights, &lengths).unwrap();
        let total = y[0]
            .square_sum()
            .unwrap()
            .add(&y[1].square_sum().unwrap())
            .unwrap();
        let all: Vec<&Variable> = inputs.iter().chain(&weights).collect();
        let gradients = vjp(&[&total], &[&Variable::scalar(1.0, DType::F64)], &all).unwrap();
        let padded = gradients[1].value().typed::<f64>().unwrap();
        assert_eq!(padded.get(&[0, 0, 4]).unwrap(), 0.0);
        directional(&layer, &inputs, &weights, &lengths, &gradients);
    }
}

trait SquareSum {
    fn square_sum(&self) -> tensegrity_grad::Result<Variable>;
}

impl SquareSum for Variable {
    fn square_sum(&self) -> tensegrity_grad::Result<Variable> {
        self.mul(self)?.sum_all()
    }
}

/// Compares gradients with central differences along a random direction.
fn directional(
    layer: &Layer,
    inputs: &[Variable],
    weights: &[Variable],
    lengths: &[usize],
    gradients: &[Variable],
) {
    let all: Vec<&Array> = inputs.iter().chain(weights).map(Variable::value).collect();
    let directions: Vec<Array> = all
        .iter()
        .enumerate()
        .map(|(i, x)| random(x.shape(), 50 + i as u64))
        .collect();
    let h = 1e-6;
    let value = |t: f64| {
        let moved: Vec<Variable> = all
            .iter()
            .zip(&directions)
            .map(|(x, d)| {
                let values = slice(x)
                    .iter()
                    .zip(slice(d))
                    .map(|(x, d)| x + t * d)
                    .collect();
                Variable::constant(Tensor::from_vec(values, x.shape()).unwrap())
            })
            .collect();
        let (x, w) = moved.split_at(inputs.len());
        let y = layer.apply_masked(x, w, lengths).unwrap();
        y.iter()
            .map(|y| y.square_sum().unwrap().item().unwrap())
            .sum::<f64>()
    };
    let slope = (value(h) - value(-h)) / (2.0 * h);
    let expected: f64 = gradients
        .iter()
        .zip(&directions)
        .map(|(g, d)| {
            slice(g.value())
                .iter()
                .zip(slice(d))
                .map(|(a, b)| a * b)
                .sum::<f64>()
        })
        .sum();
    assert!(
        (slope - expected).abs() <= 1e-6 * expected.abs().max(1.0),
        "{slope} and {expected}"
    );
}

#[test]
fn second_derivatives_are_right_too() {
    for (group, n) in [
        (Group::Symmetric, 3),
        (Group::SpecialOrthogonal, 3),
        (Group::Symplectic, 2),
    ] {
        let layer = Layer::builder(group)
            .size(n)
            .input(&[2], 1)
            .output(&[2], 2)
            .bias(true)
            .build()
            .unwrap();
        let x = Variable::new(random(&[2, 1, n, n], 1));
        let weights = layer.variables();
        let direction = Variable::constant(random(&[2, 1, n, n], 2));
        // s = ⟨d, ∇ₓ Σ y³⟩, differentiated once more in x and W.
        let slope = |x: &Variable, w: &[Variable]| {
            let y = layer.apply(std::slice::from_ref(x), w).unwrap().remove(0);
            let cube = y.mul(&y).unwrap().mul(&y).unwrap().sum_all().unwrap();
            let g = vjp(&[&cube], &[&Variable::scalar(1.0, DType::F64)], &[x]).unwrap();
            g[0].mul(&direction).unwrap().sum_all().unwrap()
        };
        let s = slope(&x, &weights);
        let mut all = vec![&x];
        all.extend(&weights);
        let found = vjp(&[&s], &[&Variable::scalar(1.0, DType::F64)], &all).unwrap();
        let h = 1e-5;
        for (number, gradient) in found.iter().enumerate() {
            let own = all[number].value();
            let d = random(own.shape(), 30 + number as u64);
            let at = |t: f64| {
                let values: Vec<f64> = slice(own)
                    .iter()
                    .zip(slice(&d))
                    .map(|(x, d)| x + t * d)
                    .collect();
                let moved = Variable::new(Tensor::from_vec(values, own.shape()).unwrap());
                let mut now: Vec<Variable> = all.iter().map(|&v| v.clone()).collect();
                now[number] = moved;
                slope(&now[0], &now[1..]).item().unwrap()
            };
            let numeric = (at(h) - at(-h)) / (2.0 * h);
            let exact: f64 = slice(gradient.value())
                .iter()
                .zip(slice(&d))
                .map(|(a, b)| a * b)
                .sum();
            assert!(
                (numeric - exact).abs() < 1e-6 * exact.abs().max(1.0),
                "{group} {number}: {numeric} {exact}"
            );
        }
        // Forward over forward agrees with the value moved.
        let f = |v: &[Variable]| {
            layer
                .apply(&v[..1], &weights)
                .map_err(|e| panic!("{e}"))
                .map(|mut y| y.remove(0))
        };
        let moved = f(std::slice::from_ref(&direction)).unwrap();
        let still = f(&[Variable::constant(
            Tensor::<f64>::zeros(&[2, 1, n, n]).unwrap(),
        )])
        .unwrap();
        let expected: Vec<f64> = slice(moved.value())
            .iter()
            .zip(slice(still.value()))
            .map(|(a, b)| a - b)
            .collect();
        let y = f(std::slice::from_ref(&x)).unwrap();
        let tangent = tensegrity_grad::jvp(&[&y], &[&x], &[&direction]).unwrap();
        for (a, b) in slice(tangent[0].value()).iter().zip(expected) {
            assert!((a - b).abs() < 1e-12);
        }
    }
}

#[test]
fn initial_weights_keep_the_variance() {
    for (norm, n) in [(Norm::Sum, 8), (Norm::Sum, 64), (Norm::Mean, 16)] {
        let layer = Layer::builder(Group::Symmetric)
            .size(n)
            .input(&[2], 16)
            .output(&[2], 16)
            .norm(norm)
            .gain(1.5)
            .build()
            .unwrap();
        let y = layer
            .forward(&[&random(&[4, 16, n, n], 1)])
            .unwrap()
            .remove(0);
        let y = y.typed::<f64>().unwrap();
        let (mut sum, mut count) = (0.0, 0.0);
        for (flat, value) in y.as_slice().iter().enumerate() {
            if flat / n % n != flat % n {
                sum += value * value;
                count += 1.0;
            }
        }
        let ratio = sum / count / 2.25;
        assert!((0.5..=2.0).contains(&ratio), "n = {n}: {ratio}");
    }
}

#[test]
fn results_are_the_same_in_single_precision_and_on_any_number_of_threads() {
    let build = |dtype| {
        Layer::builder(Group::Symmetric)
            .input(&[2], 3)
            .output(&[2], 3)
            .dtype(dtype)
            .plan(Plan::Mixed)
            .build()
            .unwrap()
    };
    let x = random(&[40, 3, 20, 20], 1);
    let single: Array = x.typed::<f64>().unwrap().map(|x| x as f32).into();
    let double = build(DType::F64).forward(&[&x]).unwrap().remove(0);
    let layer = build(DType::F32);
    let one = layer.forward(&[&single]).unwrap().remove(0);
    for (a, b) in one
        .typed::<f32>()
        .unwrap()
        .as_slice()
        .iter()
        .zip(slice(&double))
    {
        assert!(
            (f64::from(*a) - b).abs() < 1e-4 * b.abs().max(10.0),
            "{a} {b}"
        );
    }
    tensegrity_tensor::set_threads(3);
    let three = layer.forward(&[&single]).unwrap().remove(0);
    tensegrity_tensor::set_threads(1);
    assert_eq!(
        one.typed::<f32>().unwrap().as_slice(),
        three.typed::<f32>().unwrap().as_slice()
    );
}

#[test]
fn bad_requests_are_named() {
    let text = |error: Error| error.to_string();
    let build = |group: Group| Layer::builder(group).input(&[2], 1).output(&[2], 1);
    assert!(text(build(Group::Symplectic).size(3).build().unwrap_err()).contains("Sp(3)"));
    assert!(text(build(Group::Orthogonal).size(0).build().unwrap_err()).contains("at least 1"));
    assert!(text(build(Group::Orthogonal).build().unwrap_err()).contains("set the size"));
    assert!(text("U".parse::<Group>().unwrap_err()).contains("S, A, O, SO and Sp"));
    let layer = build(Group::Symmetric).size(4).build().unwrap();
    let wrong = random(&[2, 1, 4, 5], 1);
    let message = text(layer.forward(&[&wrong]).unwrap_err());
    assert!(
        message.contains("[2, 1, 4, 5]") && message.contains("[batch, 1, 4, 4]"),
        "{message}"
    );
    let short: Array = Tensor::<f64>::zeros(&[1, 1, 3]).unwrap().into();
    let mut layer = layer;
    assert!(text(layer.set_weights(0, short).unwrap_err()).contains("[1, 1, 15]"));
    let huge = Layer::builder(Group::Symmetric)
        .input(&[7], 1)
        .output(&[7], 1)
        .build();
    assert!(matches!(
        huge,
        Err(Error::TooLarge {
            count: 190_899_322,
            ..
        })
    ));
    let masked = build(Group::Symmetric).build().unwrap();
    let x = random(&[2, 1, 4, 4], 1);
    assert!(text(masked.forward_masked(&[&x], &[4, 5]).unwrap_err()).contains("sample 1"));
    let head: Diagram = "2->1 [0 1 2]".parse().unwrap();
    assert!(matches!(
        head.apply(&x, Group::Orthogonal, 3),
        Err(Error::Mismatch { .. })
    ));
    assert!(matches!(
        head.apply(&x, Group::SpecialOrthogonal, 4),
        Err(Error::Mismatch { .. })
    ));
}
