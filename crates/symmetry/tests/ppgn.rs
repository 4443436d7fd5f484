//! PPGN++ against a forward pass computed independently with PyTorch.

use tensegrity_grad::{Variable, gradients};
use tensegrity_symmetry::graph::Graph;
use tensegrity_symmetry::poly::{Ppgn, PpgnOptions};
use tensegrity_tensor::{SplitMix64, Tensor};

fn small(inputs: usize) -> PpgnOptions {
    PpgnOptions {
        depth: 2,
        width: 4,
        suffix: 5,
        ..PpgnOptions::plus_plus(inputs, 3)
    }
}

/// Weights sin(0.37·o·i + 0.11·t)/√inputs and biases 0.05·cos(o + t) of map t.
fn golden() -> Ppgn {
    let mut network = Ppgn::new(small(1), 0).unwrap();
    let parameters = network
        .parameters()
        .iter()
        .enumerate()
        .map(|(place, old)| {
            let t = (place / 2) as f64;
            Tensor::from_fn(old.shape(), |index| {
                let o = (index[0] + 1) as f64;
                match index.get(1) {
                    Some(i) => {
                        (0.37 * o * (i + 1) as f64 + 0.11 * t).sin()
                            / (old.shape()[1] as f64).sqrt()
                    }
                    None => 0.05 * (o + t).cos(),
                }
            })
            .unwrap()
        })
        .collect();
    network.set_parameters(parameters).unwrap();
    network
}

fn adjacency(n: usize, edges: &[(usize, usize)]) -> Tensor<f64> {
    Graph::from_edges(n, edges, false)
        .unwrap()
        .adjacency()
        .reshaped(&[1, 1, n, n])
        .unwrap()
}

#[test]
fn the_golden_forward() {
    let network = golden();
    let cycle: Vec<_> = (0..6).map(|i| (i, (i + 1) % 6)).collect();
    let petersen: Vec<_> = (0..5)
        .flat_map(|i| [(i, (i + 1) % 5), (i, i + 5), (i + 5, (i + 2) % 5 + 5)])
        .collect();
    let cases = [
        (
            adjacency(6, &cycle),
            [0.265_000_52, -0.037_142_498, 0.279_424_64],
        ),
        (
            adjacency(6, &[(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)]),
            [0.255_611_28, -0.071_992_681, 0.282_425_63],
        ),
        (
            adjacency(10, &petersen),
            [0.314_903_57, -0.166_293_72, 0.382_311_06],
        ),
        (
            adjacency(4, &[(0, 1), (0, 2), (0, 3), (1, 2), (1, 3)]),
            [0.240_450_48, -0.398_794_97, 0.389_533_28],
        ),
    ];
    for (x, expected) in cases {
        let y = network.apply(&x, None).unwrap();
        for (y, expected) in y.as_slice().iter().zip(expected) {
            // The published digits.
            assert!((y - expected).abs() < 1e-8, "{y} {expected}");
        }
    }
}

#[test]
fn numbers_of_parameters_of_the_published_models() {
    let count = |inputs, outputs, depth, width, suffix| {
        let options = PpgnOptions {
            depth,
            width,
            suffix,
            ..PpgnOptions::plus_plus(inputs, outputs)
        };
        Ppgn::new(options, 0).unwrap().parameter_count()
    };
    assert_eq!(count(12, 1, 8, 95, 95), 498_941);
    assert_eq!(count(20, 12, 6, 110, 95), 496_687);
    assert_eq!(count(13, 16, 4, 75, 55), 150_801);
}

#[test]
fn padding_and_order_of_vertices_do_not_matter() {
    for plus in [true, false] {
        let options = PpgnOptions {
            transpose: plus,
            identity: plus,
            ..small(2)
        };
        let network = Ppgn::new(options, 4).unwrap();
        let mut seed = SplitMix64::derived(9, 0);
        let x = seed.normal_tensor::<f64>(&[2, 2, 5, 5]);
        let sizes = [5, 3];
        let both = network.apply(&x, Some(&sizes)).unwrap();
        // The second graph alone; what stands in its padding is not seen.
        let alone =
            Tensor::from_fn(&[1, 2, 3, 3], |i| x.get(&[1, i[1], i[2], i[3]]).unwrap()).unwrap();
        let alone = network.apply(&alone, None).unwrap();
        let order = [3, 1, 4, 0, 2];
        let moved = Tensor::from_fn(&[1, 2, 5, 5], |i| {
            x.get(&[0, i[1], order[i[2]], order[i[3]]]).unwrap()
        })
        .unwrap();
        let moved = network.apply(&moved, None).unwrap();
        for o in 0..3 {
            let pairs = [
                (both.get(&[1, o]), alone.get(&[0, o])),
                (both.get(&[0, o]), moved.get(&[0, o])),
            ];
            for (a, b) in pairs {
                let (a, b) = (a.unwrap(), b.unwrap());
                assert!((a - b).abs() <= 1e-12 * (1.0 + a.abs()), "{a} {b}");
            }
        }
    }
}

#[test]
fn derivatives_train() {
    // Which of two graphs is it: a cycle of six or two triangles.
    let x: Vec<f64> = [
        adjacency(6, &(0..6).map(|i| (i, (i + 1) % 6)).collect::<Vec<_>>()),
        adjacency(6, &[(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)]),
    ]
    .iter()
    .flat_map(|x| x.as_slice().to_vec())
    .collect();
    let x = Variable::constant(Tensor::from_vec(x, &[2, 1, 6, 6]).unwrap());
    let target = Variable::constant(Tensor::from_vec(vec![1.0, -1.0], &[2, 1]).unwrap());
    let network = Ppgn::new(
        PpgnOptions {
            outputs: 1,
            width: 8,
            suffix: 8,
            ..small(1)
        },
        3,
    )
    .unwrap();
    let loss = |parameters: &[Variable]| {
        let error = network
            .forward(parameters, &x, None)
            .unwrap()
            .sub(&target)
            .unwrap();
        error.mul(&error).unwrap().sum_all().unwrap()
    };
    let mut parameters: Vec<Tensor<f64>> = network.parameters().to_vec();
    let variables = |parameters: &[Tensor<f64>]| -> Vec<Variable> {
        parameters.iter().cloned().map(Variable::new).collect()
    };
    // One derivative against a central difference.
    let leaves = variables(&parameters);
    let gradient = gradients(&loss(&leaves), &leaves.iter().collect::<Vec<_>>()).unwrap();
    let h = 1e-6;
    let moved = |sign: f64| {
        let mut moved = parameters.clone();
        let data: &mut [f64] = moved[0].as_mut_slice();
        data[0] += sign * h;
        loss(&variables(&moved)).item().unwrap()
    };
    let difference = (moved(1.0) - moved(-1.0)) / (2.0 * h);
    let derivative = gradient[0].values().unwrap()[0];
    assert!((difference - derivative).abs() < 1e-6 * (1.0 + derivative.abs()));

    let first = loss(&leaves).item().unwrap();
    for _ in 0..400 {
        let leaves = variables(&parameters);
        let gradient = gradients(&loss(&leaves), &leaves.iter().collect::<Vec<_>>()).unwrap();
        // Long gradients are shortened to length one, as the published training does.
        let squares = gradient
            .iter()
            .flat_map(|g| g.values().unwrap())
            .map(|g| g * g);
        let step = 0.02 / squares.sum::<f64>().sqrt().max(1.0);
        for (parameter, gradient) in parameters.iter_mut().zip(&gradient) {
            let data: &mut [f64] = parameter.as_mut_slice();
            data.iter_mut()
                .zip(gradient.values().unwrap())
                .for_each(|(p, g)| *p -= step * g);
        }
    }
    let last = loss(&variables(&parameters)).item().unwrap();
    assert!(last < 0.1 * first, "{first} {last}");
}

#[test]
fn wrong_input_is_refused() {
    assert!(
        Ppgn::new(
            PpgnOptions {
                width: 0,
                ..small(1)
            },
            0
        )
        .is_err()
    );
    let mut network = Ppgn::new(small(1), 0).unwrap();
    assert!(network.set_parameters(vec![]).is_err());
    let x = Tensor::zeros(&[2, 1, 4, 4]).unwrap();
    assert!(
        network
            .apply(&Tensor::zeros(&[2, 2, 4, 4]).unwrap(), None)
            .is_err()
    );
    for sizes in [&[4][..], &[4, 5], &[0, 1]] {
        assert!(network.apply(&x, Some(sizes)).is_err());
    }
    assert!(network.apply(&x, Some(&[4, 1])).is_ok());
}
