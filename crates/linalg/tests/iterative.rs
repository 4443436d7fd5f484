//! Methods that know a matrix by what it does to vectors, against dense ones.

mod support;

use tensegrity_linalg::iterative::{
    Map, Stop, SvdMaps, Wanted, cg, eigsh, expm, expm_times, gmres, lobpcg, minres, svds,
};
use tensegrity_linalg::{Error, Field, eigh, matmul, singular_values, svd};
use tensegrity_tensor::{Scalar, SplitMix64, Tensor, c64, c128};

fn random<T: Field>(seed: u64, shape: &[usize]) -> Tensor<T> {
    SplitMix64::new(seed).normal_tensor(shape)
}

/// `y = A·x` for a dense matrix.
fn apply<T: Field>(a: &Tensor<T>) -> impl FnMut(&[T], &mut [T]) + '_ {
    let (rows, columns) = (a.shape()[0], a.shape()[1]);
    move |x, y| {
        for i in 0..rows {
            let row = &a.as_slice()[i * columns..(i + 1) * columns];
            y[i] = (row.iter().zip(x)).fold(T::ZERO, |sum, (&a, &x)| sum.add(a.mul(x)));
        }
    }
}

fn adjoint<T: Field>(a: &Tensor<T>) -> Tensor<T> {
    let (rows, columns) = (a.shape()[0], a.shape()[1]);
    Tensor::from_fn(&[columns, rows], |at| {
        a.get(&[at[1], at[0]]).unwrap().conj()
    })
    .unwrap()
}

/// A Hermitian matrix with the spectrum given.
fn hermitian<T: Field>(seed: u64, values: &[f64]) -> Tensor<T> {
    let n = values.len();
    let q = tensegrity_linalg::qr(&random::<T>(seed, &[n, n]).view())
        .unwrap()
        .q;
    let scaled = Tensor::from_fn(&[n, n], |at| {
        q.get(at).unwrap().mul(T::from_f64(values[at[1]], 0.0))
    })
    .unwrap();
    matmul(&scaled.view(), &adjoint(&q).view()).unwrap()
}

fn gap<T: Scalar>(x: &[T], y: &[T]) -> f64 {
    let pairs = x.iter().zip(y);
    let squares: f64 = pairs.map(|(&x, &y)| x.sub(y).abs2()).sum();
    squares.sqrt() / y.iter().map(|y| y.abs2()).sum::<f64>().sqrt().max(1e-300)
}

fn systems<T: Field>(tolerance: f64) {
    let n = 40;
    let stop = Stop {
        tolerance,
        max_steps: 400,
    };
    let x = random::<T>(9, &[n]).into_vec();
    let image = |a: &Tensor<T>| {
        let mut b = vec![T::ZERO; n];
        apply(a)(&x, &mut b);
        b
    };
    let definite: Vec<f64> = (0..n).map(|k| 1.0 + k as f64 / 4.0).collect();
    let indefinite: Vec<f64> = (0..n).map(|k| k as f64 / 4.0 - 4.1).collect();
    let a = hermitian::<T>(1, &definite);
    let solved = cg(&mut apply(&a), &image(&a), None, &stop).unwrap();
    assert!(solved.converged && solved.residual <= 1.01 * tolerance);
    assert!(
        gap(&solved.x, &x) < 40.0 * tolerance,
        "{}",
        gap(&solved.x, &x)
    );
    // The inverse as preconditioner: done at once.
    let inverse = hermitian::<T>(1, &definite.iter().map(|x| 1.0 / x).collect::<Vec<_>>());
    let mut m = apply(&inverse);
    let quick = cg(&mut apply(&a), &image(&a), Some(&mut m), &stop).unwrap();
    assert!(quick.converged && quick.steps <= 4 && quick.steps < solved.steps);
    let b = hermitian::<T>(2, &indefinite);
    let solved = minres(&mut apply(&b), &image(&b), &stop).unwrap();
    assert!(solved.converged, "{solved:?}");
    assert!(gap(&solved.x, &x) < 2e3 * tolerance);
    assert!(matches!(
        cg(&mut apply(&b), &image(&b), None, &stop),
        Err(Error::NotPositiveDefinite { .. })
    ));
    let mut c = random::<T>(3, &[n, n]);
    for i in 0..n {
        let at = i * n + i;
        c.as_mut_slice()[at] = c.as_slice()[at].add(T::from_f64(20.0, 4.0));
    }
    for restart in [n, 12] {
        let solved = gmres(&mut apply(&c), &image(&c), restart, &stop).unwrap();
        assert!(solved.converged, "{restart} {}", solved.residual);
        assert!(gap(&solved.x, &x) < 100.0 * tolerance);
    }
}

#[test]
fn systems_are_solved_in_every_type() {
    systems::<f64>(1e-11);
    systems::<c128>(1e-11);
    systems::<f32>(1e-5);
    systems::<c64>(1e-5);
}

fn spectrum<T: Field>(tolerance: f64) {
    // A double eigenvalue at the upper end.
    let n = 120;
    let mut values: Vec<f64> = (0..n).map(|k| (k as f64 / 10.0).powi(2) - 30.0).collect();
    values[n - 2] = values[n - 1];
    let a = hermitian::<T>(5, &values);
    let stop = Stop {
        tolerance,
        max_steps: 4000,
    };
    let mut by_size = values.clone();
    by_size.sort_by(|a, b| b.abs().total_cmp(&a.abs()));
    let largest = by_size[0].abs();
    let descending: Vec<f64> = values.iter().rev().copied().collect();
    for (wanted, expected) in [
        (Wanted::Smallest, &values),
        (Wanted::Largest, &descending),
        (Wanted::LargestMagnitude, &by_size),
    ] {
        let found = eigsh(&mut apply(&a), n, 5, wanted, &stop).unwrap();
        assert!(found.converged, "{wanted:?} {:?}", found.residuals);
        for (j, (value, expected)) in found.values.iter().zip(expected).enumerate() {
            let error = (value - expected).abs() / largest;
            assert!(
                error < 30.0 * tolerance,
                "{wanted:?} {j}: {value} {expected}"
            );
            let v: Vec<T> = (0..n)
                .map(|i| found.vectors.get(&[i, j]).unwrap())
                .collect();
            let mut image = vec![T::ZERO; n];
            apply(&a)(&v, &mut image);
            let scaled: Vec<T> = v.iter().map(|&x| x.mul(T::from_f64(*value, 0.0))).collect();
            assert!(gap(&image, &scaled) * value.abs() < 100.0 * tolerance * largest);
        }
    }
    let start = random::<T>(6, &[n, 5]);
    for (wanted, expected) in [(Wanted::Smallest, &values), (Wanted::Largest, &descending)] {
        let found = lobpcg(&mut apply(&a), &start.view(), None, wanted, &stop).unwrap();
        assert!(found.converged, "{wanted:?} {:?}", found.residuals);
        for (value, expected) in found.values.iter().zip(expected) {
            assert!((value - expected).abs() / largest < 30.0 * tolerance);
        }
    }
}

#[test]
fn ends_of_spectra_are_found() {
    spectrum::<f64>(1e-9);
    spectrum::<c128>(1e-9);
    spectrum::<f32>(1e-4);
}

#[test]
fn a_whole_spectrum_and_a_closed_space_are_no_trouble() {
    // Three eigenvalues in eight dimensions: the Krylov space closes at three.
    let values = [2.0, 2.0, 2.0, 5.0, 5.0, 5.0, 5.0, 7.0];
    let a = hermitian::<f64>(4, &values);
    let stop = Stop::default();
    let found = eigsh(&mut apply(&a), 8, 8, Wanted::Smallest, &stop).unwrap();
    assert!(found.converged);
    assert!(gap(&found.values, &values) < 1e-13, "{:?}", found.values);
    let dense = eigh(&a.view()).unwrap().values;
    assert!(gap(&found.values, &dense) < 1e-13);
    for k in [0, 9] {
        let wrong = eigsh(&mut apply(&a), 8, k, Wanted::Smallest, &stop);
        assert!(matches!(wrong, Err(Error::BadOption { option: "k", .. })));
    }
}

#[test]
fn a_preconditioner_saves_steps() {
    // The second difference, with its inverse by two sweeps.
    let n = 300;
    let mut map = |x: &[f64], y: &mut [f64]| {
        for i in 0..n {
            let left = if i > 0 { x[i - 1] } else { 0.0 };
            y[i] = 2.0 * x[i] - left - x.get(i + 1).unwrap_or(&0.0);
        }
    };
    let mut inverse = |b: &[f64], x: &mut [f64]| {
        let mut c = vec![0.0; n];
        for i in 0..n {
            let (before, known) = if i > 0 {
                (c[i - 1], x[i - 1])
            } else {
                (0.0, 0.0)
            };
            let pivot = 2.0 + before;
            c[i] = -1.0 / pivot;
            x[i] = (b[i] + known) / pivot;
        }
        for i in (0..n - 1).rev() {
            x[i] -= c[i] * x[i + 1];
        }
    };
    let start = random::<f64>(8, &[n, 3]);
    let stop = Stop {
        tolerance: 1e-8,
        max_steps: 3000,
    };
    let wanted = Wanted::Smallest;
    let with = lobpcg(&mut map, &start.view(), Some(&mut inverse), wanted, &stop).unwrap();
    let without = lobpcg(&mut map, &start.view(), None, wanted, &stop).unwrap();
    assert!(with.converged && with.steps * 3 < without.steps);
    for (j, value) in with.values.iter().enumerate() {
        let angle = (j + 1) as f64 * std::f64::consts::PI / (2.0 * (n + 1) as f64);
        assert!((value - 4.0 * angle.sin().powi(2)).abs() < 1e-9);
    }
}

fn triplets<T: Field>(tolerance: f64) {
    for (m, n) in [(50, 30), (30, 50), (20, 20)] {
        let a = random::<T>(11, &[m, n]);
        let transposed = adjoint(&a);
        let mut maps = SvdMaps {
            rows: m,
            columns: n,
            map: &mut apply(&a),
            adjoint: &mut apply(&transposed),
        };
        let stop = Stop {
            tolerance,
            max_steps: 1000,
        };
        let found = svds(&mut maps, 4, &stop).unwrap();
        let dense = svd(&a.view()).unwrap();
        assert!(gap(&found.s, &dense.s[..4]) < 10.0 * tolerance);
        assert!(gap(&found.s, &singular_values(&a.view()).unwrap()[..4]) < 10.0 * tolerance);
        let close = |x: &Tensor<T>, y: Vec<T>| gap(x.as_slice(), &y) < 1e3 * tolerance;
        let k = m.min(n);
        let u = (0..m * 4).map(|at| dense.u.as_slice()[at / 4 * k + at % 4]);
        assert!(close(&found.u, u.collect()), "{m}×{n}");
        assert!(close(&found.vh, dense.vh.as_slice()[..4 * n].to_vec()));
    }
}

#[test]
fn leading_triplets_are_those_of_the_dense_decomposition() {
    triplets::<f64>(1e-12);
    triplets::<c128>(1e-12);
    triplets::<f32>(1e-5);
}

#[test]
fn a_matrix_of_rank_two_has_two_triplets() {
    let (x, y) = (random::<f64>(1, &[40, 2]), random::<f64>(2, &[2, 30]));
    let a = matmul(&x.view(), &y.view()).unwrap();
    let transposed = adjoint(&a);
    let mut maps = SvdMaps {
        rows: 40,
        columns: 30,
        map: &mut apply(&a),
        adjoint: &mut apply(&transposed),
    };
    let found = svds(&mut maps, 4, &Stop::default()).unwrap();
    assert!(found.s[1] > 1.0 && found.s[2] < 1e-12 * found.s[0]);
}

#[test]
fn exponentials_of_every_size() {
    // A rotation, a nilpotent matrix and spectra from tiny to large norms.
    let turn = |angle: f64| Tensor::from_vec(vec![0.0, -angle, angle, 0.0], &[2, 2]).unwrap();
    for angle in [1e-9, 0.01, 0.2, 0.9, 2.0, 5.0, 300.0f64] {
        let e = expm(&turn(angle).view()).unwrap();
        let wanted = [angle.cos(), -angle.sin(), angle.sin(), angle.cos()];
        let error = gap(e.as_slice(), &wanted);
        assert!(error < 1e-15 * (8.0 + angle), "{angle}: {error:e}");
    }
    let nilpotent = Tensor::from_vec(vec![0.0, 1.0, 2.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0], &[3, 3]);
    let e = expm(&nilpotent.unwrap().view()).unwrap();
    let wanted = [1.0, 1.0, 3.5, 0.0, 1.0, 3.0, 0.0, 0.0, 1.0];
    assert!(gap(e.as_slice(), &wanted) < 1e-15);
    for scale in [0.01, 1.0, 30.0] {
        let values: Vec<f64> = (0..12).map(|k| scale * (k as f64 / 12.0 - 0.7)).collect();
        let exponents: Vec<f64> = values.iter().map(|x| x.exp()).collect();
        let e = expm(&hermitian::<c128>(7, &values).view()).unwrap();
        let wanted = hermitian::<c128>(7, &exponents);
        assert!(gap(e.as_slice(), wanted.as_slice()) < 1e-13 * (1.0 + scale));
    }
    assert!(matches!(
        expm(&random::<f64>(1, &[2, 3]).view()),
        Err(Error::NotSquare { .. })
    ));
    assert_eq!(expm(&random::<f64>(1, &[0, 0]).view()).unwrap().len(), 0);
}

#[test]
fn an_exponential_times_a_vector_needs_no_matrix() {
    let n = 150;
    for (t, tolerance) in [(0.3, 1e-12), (4.0, 1e-10), (4.0, 1e-5)] {
        // Not normal, and stiff enough for several steps.
        let mut a = random::<f64>(21, &[n, n]).map(|x| x / 6.0);
        for i in 0..n {
            a.as_mut_slice()[i * n + i] -= 3.0;
        }
        let scaled = a.map(|x| x * t);
        let v = random::<f64>(22, &[n]).into_vec();
        let mut wanted = vec![0.0; n];
        apply(&expm(&scaled.view()).unwrap())(&v, &mut wanted);
        let stop = Stop {
            tolerance,
            max_steps: 4000,
        };
        let found = expm_times(&mut apply(&a), &v, t, 20, &stop).unwrap();
        let error = gap(&found.x, &wanted);
        assert!(error < 100.0 * tolerance, "{t} {tolerance}: {error:e}");
    }
    // Unitary evolution keeps the norm.
    let values: Vec<f64> = (0..60).map(|k| k as f64 - 30.0).collect();
    let h = hermitian::<c128>(23, &values);
    let v = random::<c128>(24, &[60]).into_vec();
    let found = expm_times(
        &mut apply(&h),
        &v,
        c128::new(0.0, -2.0),
        25,
        &Stop::default(),
    );
    let found = found.unwrap();
    let size = |x: &[c128]| x.iter().map(|z| z.norm_sqr()).sum::<f64>().sqrt();
    assert!((size(&found.x) / size(&v) - 1.0).abs() < 1e-9);
    assert!(found.steps > 60, "several steps were needed");
}

#[test]
fn bad_maps_and_inputs_are_errors() {
    let mut bad = |_: &[f64], y: &mut [f64]| y.fill(f64::NAN);
    let bad: &mut Map<'_, f64> = &mut bad;
    let b = [1.0, 2.0];
    let stop = Stop::default();
    let is_bad = |error: Error| matches!(error, Error::BadMap { step: 0, .. });
    assert!(is_bad(cg(bad, &b, None, &stop).unwrap_err()));
    assert!(is_bad(minres(bad, &b, &stop).unwrap_err()));
    assert!(is_bad(gmres(bad, &b, 5, &stop).unwrap_err()));
    assert!(is_bad(expm_times(bad, &b, 1.0, 5, &stop).unwrap_err()));
    assert!(is_bad(
        eigsh(bad, 4, 1, Wanted::Largest, &stop).unwrap_err()
    ));
    let start = random::<f64>(1, &[4, 2]);
    assert!(is_bad(
        lobpcg(bad, &start.view(), None, Wanted::Largest, &stop).unwrap_err()
    ));
    let mut one = |x: &[f64], y: &mut [f64]| y.copy_from_slice(x);
    let one: &mut Map<'_, f64> = &mut one;
    assert!(matches!(
        cg(one, &[f64::NAN], None, &stop),
        Err(Error::NonFinite { argument: "b", .. })
    ));
    let wrong = Stop {
        tolerance: -1.0,
        max_steps: 1,
    };
    assert!(matches!(
        minres(one, &b, &wrong),
        Err(Error::BadOption { .. })
    ));
    assert!(matches!(
        gmres(one, &b, 0, &stop),
        Err(Error::BadOption { .. })
    ));
    assert!(matches!(
        lobpcg(one, &start.view(), None, Wanted::LargestMagnitude, &stop),
        Err(Error::BadOption { .. })
    ));
    // Nothing to do is done.
    let zero = cg(one, &[0.0, 0.0], None, &stop).unwrap();
    assert!(zero.converged && zero.steps == 0 && zero.x == [0.0, 0.0]);
    // A singular system says that it did not get there.
    let mut none = |_: &[f64], y: &mut [f64]| y.fill(0.0);
    for solved in [
        minres(&mut none, &b, &stop).unwrap(),
        gmres(&mut none, &b, 5, &stop).unwrap(),
    ] {
        assert!(!solved.converged && solved.residual == 1.0);
    }
}
