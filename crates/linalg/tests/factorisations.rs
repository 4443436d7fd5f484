//! Factorisations reproduce the matrix, have orthonormal factors and follow the
//! conventions, for every element type and awkward shapes.

mod support;

use support::*;
use tensegrity_linalg::*;
use tensegrity_tensor::Tensor;

const SHAPES: [[usize; 2]; 14] = [
    [1, 1],
    [1, 7],
    [7, 1],
    [2, 2],
    [3, 5],
    [5, 3],
    [8, 8],
    [9, 40],
    [40, 9],
    [33, 33],
    [64, 20],
    [20, 64],
    [150, 140],
    [3, 300],
];

fn tolerance<T: Field>(shape: [usize; 2]) -> f64 {
    8.0 * (shape[0] + shape[1]) as f64 * unit::<T>()
}

fn svd_reproduces<T: Field>() {
    for (seed, shape) in SHAPES.into_iter().enumerate() {
        let a = random::<T>(&shape, seed as u64);
        let svd = svd(&a.view()).unwrap();
        assert_near(&compose(&svd.u, &svd.s, &svd.vh), &a, tolerance::<T>(shape));
        assert_orthonormal(&svd.u, tolerance::<T>(shape));
        assert_orthonormal(&adjoint(&svd.vh), tolerance::<T>(shape));
        assert_signs(&svd.u);
        assert!(svd.s.windows(2).all(|pair| pair[0] >= pair[1]));
        let values = singular_values(&a.view()).unwrap();
        for (x, y) in values.iter().zip(&svd.s) {
            assert!((x - y).abs() <= tolerance::<T>(shape) * svd.s[0]);
        }
    }
}

fn qr_family_reproduces<T: Field>() {
    for (seed, shape) in SHAPES.into_iter().enumerate() {
        let a = random::<T>(&shape, 100 + seed as u64);
        let close = tolerance::<T>(shape);
        let k = shape[0].min(shape[1]);
        let qr = qr(&a.view()).unwrap();
        assert_near(&naive(&qr.q.view(), &qr.r.view()), &a, close);
        assert_orthonormal(&qr.q, close);
        let lq = lq(&a.view()).unwrap();
        assert_near(&naive(&lq.l.view(), &lq.q.view()), &a, close);
        assert_orthonormal(&adjoint(&lq.q), close);
        let rq = rq(&a.view()).unwrap();
        assert_near(&naive(&rq.r.view(), &rq.q.view()), &a, close);
        assert_orthonormal(&adjoint(&rq.q), close);
        for i in 0..k {
            for j in 0..i {
                assert_eq!(qr.r.get(&[i, j]).unwrap(), T::ZERO);
                assert_eq!(lq.l.get(&[j, i]).unwrap(), T::ZERO);
                assert_eq!(rq.r.get(&[shape[0] - k + i, j]).unwrap(), T::ZERO);
            }
            for x in [
                qr.r.get(&[i, i]).unwrap(),
                lq.l.get(&[i, i]).unwrap(),
                rq.r.get(&[shape[0] - k + i, i]).unwrap(),
            ] {
                assert!(x.re() > T::ZERO.re() && x.im() == T::ZERO.im(), "{x:?}");
            }
        }
    }
}

fn hermitian<T: Field>(n: usize, seed: u64) -> Tensor<T> {
    let a = random::<T>(&[n, n], seed);
    let b = adjoint(&a);
    Tensor::from_fn(&[n, n], |at| a.get(at).unwrap().add(b.get(at).unwrap())).unwrap()
}

fn eigh_reproduces<T: Field>() {
    for n in [1, 2, 3, 10, 40, 100, 150, 200] {
        let a = hermitian::<T>(n, n as u64);
        let eigh = eigh(&a.view()).unwrap();
        let close = tolerance::<T>([n, n]);
        assert_near(
            &compose(&eigh.vectors, &eigh.values, &adjoint(&eigh.vectors)),
            &a,
            close,
        );
        assert_orthonormal(&eigh.vectors, close);
        assert_signs(&eigh.vectors);
        assert!(eigh.values.windows(2).all(|pair| pair[0] <= pair[1]));
    }
}

fn cholesky_reproduces<T: Field>() {
    for n in [1, 2, 5, 30, 64, 130] {
        let x = random::<T>(&[n, n + 3], n as u64);
        let a = gram_rows(&x.view()).unwrap();
        let lower = cholesky(&a.view()).unwrap();
        assert_near(
            &naive(&lower.view(), &adjoint(&lower).view()),
            &a,
            tolerance::<T>([n, n]),
        );
        for i in 0..n {
            for j in i + 1..n {
                assert_eq!(lower.get(&[i, j]).unwrap(), T::ZERO);
            }
        }
    }
}

fn systems_are_solved<T: Field>() {
    for n in [1, 2, 7, 50, 120] {
        let a = hermitian::<T>(n, 1000 + n as u64);
        let b = random::<T>(&[n, 3], 7);
        let x = solve(&a.view(), &b.view()).unwrap();
        let close = 1e3 * tolerance::<T>([n, n]) * x.norm().max(1.0);
        assert_near(&naive(&a.view(), &x.view()), &b, close);
        // A heavy diagonal: random triangles are exponentially ill-conditioned.
        let heavy = Tensor::from_fn(&[n, n], |at| {
            let diagonal = if at[0] == at[1] { n as f64 } else { 0.0 };
            a.get(at).unwrap().add(T::from_f64(diagonal, 0.0))
        })
        .unwrap();
        for (triangle, below) in [(Triangle::Lower, true), (Triangle::Upper, false)] {
            let x = solve_triangular(&heavy.view(), triangle, &b.view()).unwrap();
            let half = Tensor::from_fn(&[n, n], |at| {
                let kept = at[0] == at[1] || (at[1] < at[0]) == below;
                if kept {
                    heavy.get(at).unwrap()
                } else {
                    T::ZERO
                }
            })
            .unwrap();
            assert_near(&naive(&half.view(), &x.view()), &b, tolerance::<T>([n, n]));
        }
        let identity = naive(&pinv(&a.view(), None).unwrap().view(), &a.view());
        assert_near(
            &identity,
            &Tensor::eye(n).unwrap(),
            1e4 * tolerance::<T>([n, n]),
        );
        let vector = random::<T>(&[n], 8);
        assert_eq!(solve(&a.view(), &vector.view()).unwrap().shape(), [n]);
    }
}

for_each_type! {
    singular_value_decomposition_reproduces_the_matrix => svd_reproduces;
    qr_lq_rq_reproduce_the_matrix => qr_family_reproduces;
    eigenvectors_reproduce_the_matrix => eigh_reproduces;
    cholesky_factor_reproduces_the_matrix => cholesky_reproduces;
    systems_have_small_residuals => systems_are_solved;
}
