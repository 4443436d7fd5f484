//! Inverse roots and polar factors against values computed independently with
//! NumPy in double precision, and against their defining equations.

use proptest::prelude::*;
use tensegrity_linalg::*;
use tensegrity_tensor::{SplitMix64, Tensor, c128, relative_error};

/// Element n is sin(0.9·n² + 1.3·n + s): full rank, no seed to agree on.
fn wave(shape: &[usize], s: f64) -> Tensor<f64> {
    let count = shape.iter().product();
    let data = (0..count)
        .map(|n| n as f64)
        .map(|n| (0.9 * n * n + 1.3 * n + s).sin());
    Tensor::from_vec(data.collect(), shape).unwrap()
}

fn hilbert(n: usize) -> Tensor<f64> {
    Tensor::from_fn(&[n, n], |at| 1.0 / (at[0] + at[1] + 1) as f64).unwrap()
}

fn norm(a: &Tensor<f64>) -> f64 {
    a.as_slice().iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn assert_near(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * expected.abs().max(1.0),
        "{found} is not {expected}"
    );
}

fn product(factors: &[&Tensor<f64>]) -> Tensor<f64> {
    let mut result = factors[0].clone();
    for factor in &factors[1..] {
        result = matmul(&result.view(), &factor.view()).unwrap();
    }
    result
}

/// A full symmetric matrix with the given eigenvalues.
fn with_eigenvalues(values: &[f64], seed: u64) -> Tensor<f64> {
    let n = values.len();
    let q = qr(&SplitMix64::new(seed).normal_tensor::<f64>(&[n, n]).view())
        .unwrap()
        .q;
    let scaled = Tensor::from_fn(&[n, n], |at| q.get(at).unwrap() * values[at[1]]).unwrap();
    let a = matmul(&scaled.view(), &q.view().permuted(&[1, 0]).unwrap()).unwrap();
    Tensor::from_fn(&[n, n], |at| {
        0.5 * (a.get(at).unwrap() + a.get(&[at[1], at[0]]).unwrap())
    })
    .unwrap()
}

const HILBERT_ROOTS: [(f64, f64, f64, f64); 3] = [
    (2.0, 1.83800988924, 85.406_907_043_493_3, 457.514_567_677_7),
    (4.0, 1.22104415488, 6.65287728936, 22.8740972430),
    (6.0, 1.12305023467, 3.23777088845, 8.99235039990),
];

#[test]
fn eigenvalues_give_the_roots_of_a_hilbert_matrix() {
    for (p, first, last, size) in HILBERT_ROOTS {
        let found = inverse_root(
            &hilbert(5).view(),
            p,
            Ridge::Relative(1e-6),
            RootMethod::Eigen,
        )
        .unwrap();
        let root = found.root;
        assert_near(root.get(&[0, 0]).unwrap(), first, 1e-9);
        assert_near(root.get(&[4, 4]).unwrap(), last, 1e-9);
        assert_near(norm(&root), size, 1e-9);
        assert!(!found.fell_back && found.basis.is_some());
    }
}

#[test]
fn coupled_newton_gives_the_same_roots_in_the_expected_iterations() {
    let a = hilbert(5);
    let largest = *eigh(&a.view()).unwrap().values.last().unwrap();
    let ridge = Ridge::Absolute(1e-6 * largest);
    for ((p, ..), iterations) in HILBERT_ROOTS.iter().zip([20, 18, 17]) {
        let exact = inverse_root(&a.view(), *p, ridge, RootMethod::Eigen).unwrap();
        let found = inverse_root(&a.view(), *p, ridge, RootMethod::coupled_newton()).unwrap();
        assert!(!found.fell_back);
        assert_eq!(found.iterations, iterations, "p = {p}");
        // 1e-10 on M carries over to X times the condition of the root at most.
        let error = relative_error(&found.root.view(), &exact.root.view()).unwrap();
        assert!(error < 1e-11, "p = {p}: {error}");
        let relative = inverse_root(
            &a.view(),
            *p,
            Ridge::Relative(1e-6),
            RootMethod::coupled_newton(),
        )
        .unwrap();
        let error = relative_error(&relative.root.view(), &exact.root.view()).unwrap();
        assert!(error < 1e-7, "p = {p}: {error}");
    }
}

#[test]
fn the_power_of_a_root_is_the_inverse() {
    let values = [1e-3, 0.02, 0.5, 0.5, 3.0, 40.0, 1000.0];
    let a = with_eigenvalues(&values, 3);
    let eye = Tensor::<f64>::eye(7).unwrap();
    for method in [RootMethod::Eigen, RootMethod::coupled_newton()] {
        for p in [1, 2, 3, 4, 5, 8] {
            let root = inverse_root(&a.view(), f64::from(p), Ridge::Absolute(0.0), method)
                .unwrap()
                .root;
            let mut whole = a.clone();
            for _ in 0..p {
                whole = product(&[&root, &whole]);
            }
            let error = relative_error(&whole.view(), &eye.view()).unwrap();
            // Condition 1e6 on both sides of the rounding of p + 1 products.
            assert!(error < 1e-8, "{method:?}, p = {p}: {error}");
        }
    }
}

#[test]
fn a_warm_start_saves_the_eigenvalues_and_a_bad_one_falls_back() {
    let a = with_eigenvalues(&[0.1, 0.9, 2.0, 5.0, 11.0, 30.0], 5);
    let step = with_eigenvalues(&[0.001, 0.002, 0.003, 0.0, 0.001, 0.002], 6);
    let near = Tensor::from_fn(&[6, 6], |at| a.get(at).unwrap() + step.get(at).unwrap()).unwrap();
    let cold = inverse_root(&a.view(), 4.0, Ridge::Absolute(1e-6), RootMethod::Eigen).unwrap();
    let basis = cold.basis.unwrap();
    let exact = inverse_root(&near.view(), 4.0, Ridge::Absolute(1e-6), RootMethod::Eigen).unwrap();
    let warm = |start: &Tensor<f64>, sweeps, tolerance| {
        let task = RootTask {
            matrix: near.view(),
            p: 4.0,
            start: Some(start.view()),
        };
        let method = RootMethod::Orthogonal { sweeps, tolerance };
        inverse_roots(&[task], Ridge::Absolute(1e-6), method)
            .remove(0)
            .unwrap()
    };
    let found = warm(&basis, 80, 1e-9);
    assert!(!found.fell_back && found.iterations >= 1);
    let error = relative_error(&found.root.view(), &exact.root.view()).unwrap();
    assert!(error < 1e-7, "{error}");
    let random = qr(&SplitMix64::new(9).normal_tensor::<f64>(&[6, 6]).view())
        .unwrap()
        .q;
    let found = warm(&random, 1, 1e-9);
    assert!(found.fell_back);
    assert_eq!(found.root.as_slice(), exact.root.as_slice());
}

#[test]
fn negative_and_missing_eigenvalues_are_lifted() {
    // The shift is the least eigenvalue: −0.5 becomes 0, 2 becomes 2.5.
    let a = with_eigenvalues(&[-0.5, 1.0, 2.0], 11);
    let root = inverse_root(&a.view(), 2.0, Ridge::Absolute(0.25), RootMethod::Eigen)
        .unwrap()
        .root;
    let expected: Vec<f64> = [0.25f64, 1.75, 2.75]
        .iter()
        .map(|x| x.powf(-0.5))
        .rev()
        .collect();
    for (found, expected) in eigh(&root.view()).unwrap().values.iter().zip(expected) {
        assert_near(*found, expected, 1e-12);
    }
    // Newton sees the negative eigenvalue as divergence and hands over.
    let found = inverse_root(
        &a.view(),
        2.0,
        Ridge::Absolute(0.25),
        RootMethod::coupled_newton(),
    )
    .unwrap();
    assert!(found.fell_back);
    let singular = Tensor::<f64>::zeros(&[3, 3]).unwrap();
    assert!(matches!(
        inverse_root(
            &singular.view(),
            2.0,
            Ridge::Absolute(0.0),
            RootMethod::Eigen
        ),
        Err(Error::NoConvergence { .. })
    ));
}

#[test]
fn single_precision_and_complex_matrices_have_roots_too() {
    let a = with_eigenvalues(&[0.01, 0.3, 2.0, 9.0], 21);
    let exact = inverse_root(&a.view(), 4.0, Ridge::Absolute(0.0), RootMethod::Eigen)
        .unwrap()
        .root;
    let single = a.map(|x| x as f32);
    for method in [RootMethod::Eigen, RootMethod::coupled_newton()] {
        let found = inverse_root(&single.view(), 4.0, Ridge::Absolute(0.0), method).unwrap();
        let error = relative_error(&found.root.map(f64::from).view(), &exact.view()).unwrap();
        assert!(error < 1e-4, "{method:?}: {error}");
    }
    let tall: Tensor<c128> = SplitMix64::new(2).normal_tensor(&[9, 4]);
    let hermitian = gram_columns(&tall.view()).unwrap();
    for method in [RootMethod::Eigen, RootMethod::coupled_newton()] {
        let root = inverse_root(&hermitian.view(), 2.0, Ridge::Absolute(0.0), method)
            .unwrap()
            .root;
        let whitened = matmul(&tall.view(), &root.view()).unwrap();
        let eye = gram_columns(&whitened.view()).unwrap();
        let error = relative_error(&eye.view(), &Tensor::eye(4).unwrap().view()).unwrap();
        assert!(error < 1e-9, "{method:?}: {error}");
    }
}

#[test]
fn batches_do_not_depend_on_threads_and_keep_failures_apart() {
    let sides = [3usize, 40, 7, 90, 1, 12];
    let matrices: Vec<Tensor<f64>> = sides
        .iter()
        .map(|&n| gram_rows(&wave(&[n, n + 3], n as f64).view()).unwrap())
        .collect();
    let bad = Tensor::full(&[2, 2], f64::NAN).unwrap();
    let mut tasks: Vec<RootTask<'_, f64>> = matrices
        .iter()
        .map(|matrix| RootTask {
            matrix: matrix.view(),
            p: 4.0,
            start: None,
        })
        .collect();
    tasks.insert(
        2,
        RootTask {
            matrix: bad.view(),
            p: 4.0,
            start: None,
        },
    );
    let views: Vec<_> = tasks.iter().map(|task| task.matrix.clone()).collect();
    let run = || {
        let roots = inverse_roots(&tasks, Ridge::Relative(1e-9), RootMethod::Eigen);
        let factors = msign_each(&views, &PolarMethod::NewtonSchulz(NewtonSchulz::muon(5)));
        (roots, factors)
    };
    set_threads(1);
    let (roots, factors) = run();
    set_threads(3);
    let (again, factors_again) = run();
    set_threads(1);
    for (i, (one, three)) in roots.iter().zip(&again).enumerate() {
        match (one, three) {
            (Ok(one), Ok(three)) => assert_eq!(one.root.as_slice(), three.root.as_slice()),
            (Err(Error::NonFinite { .. }), Err(Error::NonFinite { .. })) => assert_eq!(i, 2),
            other => panic!("{other:?}"),
        }
    }
    for (one, three) in factors.iter().zip(&factors_again) {
        match (one, three) {
            (Ok(one), Ok(three)) => assert_eq!(one.as_slice(), three.as_slice()),
            (Err(_), Err(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn golden_gradient() -> Tensor<f64> {
    wave(&[3, 4], 1.0).map(|x| 2.0 * x)
}

#[rustfmt::skip]
const POLAR: [f64; 12] = [
    0.491360735, -0.114746831, 0.852905934, 0.13397485,
    0.728682583, -0.476755806, -0.454474479, -0.187559436,
    -0.333600408, -0.443408238, 0.256829378, -0.791289184,
];
#[rustfmt::skip]
const MUON: [f64; 12] = [
    0.265733707, -0.081016159, 0.745787845, 0.044039441,
    0.675487897, -0.515528578, -0.550884659, -0.269840292,
    -0.23545274, -0.501593098, 0.317290207, -0.809973169,
];

fn assert_all(found: &Tensor<f64>, expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.as_slice().iter().zip(expected) {
        assert_near(*found, *expected, tolerance);
    }
}

fn schulz(a: &Tensor<f64>, iteration: NewtonSchulz) -> Tensor<f64> {
    msign(&a.view(), &PolarMethod::NewtonSchulz(iteration)).unwrap()
}

#[test]
fn polar_factors_match() {
    let g = golden_gradient();
    let exact = msign(&g.view(), &PolarMethod::Svd).unwrap();
    assert_all(&exact, &POLAR, 1e-9);
    assert_all(&schulz(&g, NewtonSchulz::muon(5)), &MUON, 1e-9);
    let values = singular_values(&schulz(&g, NewtonSchulz::muon(5)).view()).unwrap();
    for (found, expected) in values.iter().zip([1.108308007, 1.044608974, 0.691279249]) {
        assert_near(*found, expected, 1e-9);
    }
    assert_all(
        &schulz(&g, NewtonSchulz::cubic(15)),
        exact.as_slice(),
        4e-15,
    );
    assert_all(
        &schulz(&g, NewtonSchulz::quintic(12)),
        exact.as_slice(),
        4e-15,
    );
    let mixed = NewtonSchulz::per_step(
        [
            vec![[3.4445, -4.775, 2.0315]; 2],
            vec![[1.875, -1.25, 0.375]; 8],
        ]
        .concat(),
    );
    assert_all(&schulz(&g, mixed), exact.as_slice(), 4e-15);
    let near = NewtonSchulz::quintic(9).scale(StartScale::Gram);
    assert_all(&schulz(&g, near), exact.as_slice(), 4e-15);
    let tall = g.permuted(&[1, 0]).unwrap();
    let turned = schulz(&tall, NewtonSchulz::muon(5))
        .permuted(&[1, 0])
        .unwrap();
    assert_all(&turned, &MUON, 1e-9);
}

/// A 1×1 matrix starts at one; a singular value of `s` is one of a diagonal
/// matrix whose Frobenius norm is one.
fn scalar_map(s: f64, iteration: NewtonSchulz) -> f64 {
    if s == 1.0 {
        let one = Tensor::full(&[1, 1], 1.0).unwrap();
        return schulz(&one, iteration).as_slice()[0];
    }
    let rest = (1.0 - s * s).sqrt();
    let turn = with_eigenvalues(&[s, rest], 4);
    let values = singular_values(&schulz(&turn, iteration.clone()).view()).unwrap();
    let other = schulz_scalar(rest, &iteration);
    // Of the two, the one that is not the image of `rest`.
    if (values[0] - other).abs() < (values[1] - other).abs() {
        values[1]
    } else {
        values[0]
    }
}

fn schulz_scalar(s: f64, iteration: &NewtonSchulz) -> f64 {
    iteration
        .coefficients()
        .iter()
        .fold(s, |s, [a, b, c]| a * s + b * s.powi(3) + c * s.powi(5))
}

#[test]
fn singular_values_follow_the_scalar_maps() {
    let starts = [0.001, 0.01, 0.1, 0.5, 1.0];
    let muon = [
        0.470543951,
        0.698917063,
        0.712120082,
        0.765438530,
        0.696436409,
    ];
    let cubic = [0.007593635, 0.075822910, 0.658718974, 0.999998765, 1.0];
    for i in 0..5 {
        assert_near(scalar_map(starts[i], NewtonSchulz::muon(5)), muon[i], 1e-8);
        assert_near(
            scalar_map(starts[i], NewtonSchulz::cubic(5)),
            cubic[i],
            1e-8,
        );
    }
}

#[test]
fn low_rank_zero_and_extreme_matrices_have_polar_factors() {
    let (u, v) = (wave(&[6, 2], 1.0), wave(&[2, 5], 2.0));
    let low = product(&[&u, &v]);
    let factor = msign(&low.view(), &PolarMethod::Svd).unwrap();
    let values = singular_values(&factor.view()).unwrap();
    for (i, value) in values.iter().enumerate() {
        assert_near(*value, if i < 2 { 1.0 } else { 0.0 }, 1e-13);
    }
    // The factor keeps the direction: ⟨A, factor⟩ is the nuclear norm.
    let nuclear: f64 = singular_values(&low.view()).unwrap().iter().sum();
    let inner: f64 = low
        .as_slice()
        .iter()
        .zip(factor.as_slice())
        .map(|(x, y)| x * y)
        .sum();
    assert_near(inner, nuclear, 1e-12);
    let methods = [
        PolarMethod::Svd,
        PolarMethod::NewtonSchulz(NewtonSchulz::muon(5)),
    ];
    for method in &methods {
        let zero = Tensor::<f64>::zeros(&[3, 2]).unwrap();
        assert_eq!(msign(&zero.view(), method).unwrap().as_slice(), [0.0; 6]);
        let mut bad = golden_gradient();
        bad.as_mut_slice()[5] = f64::INFINITY;
        let Err(Error::NonFinite { position, .. }) = msign(&bad.view(), method) else {
            panic!("an infinity passed");
        };
        assert_eq!(position, [1, 1]);
    }
    for factor in [1e-310, 1e-200, 1e200, 1e307] {
        let g = wave(&[3, 4], 1.0).map(|x| factor * x);
        let found = schulz(&g, NewtonSchulz::cubic(30));
        assert_all(&found, &POLAR, 1e-6);
    }
    let single = golden_gradient().map(|x| x as f32);
    let found = msign(
        &single.view(),
        &PolarMethod::NewtonSchulz(NewtonSchulz::muon(5)),
    )
    .unwrap();
    assert_all(&found.map(f64::from), &MUON, 2e-5);
}

#[test]
fn bad_requests_name_their_argument() {
    let a = hilbert(3);
    let text = |result: Result<InverseRoot<f64>>| result.unwrap_err().to_string();
    assert!(
        text(inverse_root(
            &a.view(),
            0.0,
            Ridge::Absolute(0.0),
            RootMethod::Eigen
        ))
        .contains("p is 0")
    );
    assert!(
        text(inverse_root(
            &a.view(),
            2.0,
            Ridge::Absolute(-1.0),
            RootMethod::Eigen
        ))
        .contains("ridge is -1")
    );
    let flat = Tensor::<f64>::zeros(&[2, 3]).unwrap();
    assert!(
        text(inverse_root(
            &flat.view(),
            2.0,
            Ridge::Absolute(0.0),
            RootMethod::Eigen
        ))
        .contains("[2, 3]")
    );
    let mut bad = hilbert(3);
    bad.as_mut_slice()[3] = f64::NAN;
    for method in [RootMethod::Eigen, RootMethod::coupled_newton()] {
        assert!(matches!(
            inverse_root(&bad.view(), 2.0, Ridge::Absolute(0.0), method),
            Err(Error::NonFinite { .. })
        ));
    }
    let wild = PolarMethod::NewtonSchulz(NewtonSchulz::per_step(vec![[1e9, 1e9, 1e9]; 40]));
    assert!(matches!(
        msign(&a.view(), &wild),
        Err(Error::BadOption {
            option: "coefficients",
            ..
        })
    ));
}

proptest! {
    #[test]
    fn polar_factors_are_the_best_direction(m in 1usize..7, n in 1usize..7, seed in 0u64..1000) {
        let a: Tensor<f64> = SplitMix64::new(seed).normal_tensor(&[m, n]);
        let factor = msign(&a.view(), &PolarMethod::Svd).unwrap();
        let nuclear: f64 = singular_values(&a.view()).unwrap().iter().sum();
        let inner: f64 = a.as_slice().iter().zip(factor.as_slice()).map(|(x, y)| x * y).sum();
        prop_assert!((inner - nuclear).abs() <= 1e-12 * nuclear);
        let largest = singular_values(&factor.view()).unwrap()[0];
        prop_assert!((largest - 1.0).abs() < 1e-12);
    }
}
