//! Products agree with their definition for all strides and sizes.

mod support;

use support::*;
use tensegrity_linalg::*;
use tensegrity_tensor::{Tensor, View};

/// Views of one m×n matrix through different memory layouts.
fn layouts<T: Field>(big: &Tensor<T>, m: usize, n: usize) -> Vec<View<'_, T>> {
    // `big` has shape [2m+2, 2n+2] and at least as many columns as rows read.
    let plain = big
        .view()
        .sliced(0, 1..m + 1)
        .unwrap()
        .sliced(1, 1..n + 1)
        .unwrap();
    let reversed = plain.reversed(0).unwrap();
    let both = reversed.reversed(1).unwrap();
    let broadcast_rows = plain.sliced(0, 0..1.min(m)).unwrap();
    let mut views = vec![plain.clone(), reversed, both, plain.reversed(1).unwrap()];
    if m > 0 {
        views.push(broadcast_rows.broadcast_to(&[m, n]).unwrap());
    }
    if n > 0 {
        views.push(
            plain
                .sliced(1, 0..1)
                .unwrap()
                .broadcast_to(&[m, n])
                .unwrap(),
        );
    }
    // Every second row and column.
    // SAFETY: the strided indices stay inside `big`.
    views.push(unsafe {
        View::from_raw(
            big.as_slice().as_ptr(),
            &[m, n],
            &[2 * (2 * n as isize + 2), 2],
        )
    });
    views
}

fn gemm_matches<T: Field>() {
    let sizes = [
        (1, 1, 1),
        (1, 5, 9),
        (5, 1, 9),
        (5, 9, 1),
        (2, 3, 4),
        (8, 8, 8),
        (9, 8, 8),
        (4, 4, 4),
        (17, 1, 33),
        (1, 40, 100),
        (13, 29, 31),
        (40, 50, 3),
        (64, 65, 66),
        (3, 2, 300),
    ];
    for (m, n, k) in sizes {
        let left = random::<T>(&[2 * m + 2, 2 * k + 2], 1);
        let right = random::<T>(&[2 * k + 2, 2 * n + 2], 2);
        let left_transposed = left.permuted(&[1, 0]).unwrap();
        let start = random::<T>(&[m, n], 3);
        let (alpha, beta) = (T::from_f64(1.5, -0.5), T::from_f64(-0.75, 0.25));
        let tolerance = 8.0 * k as f64 * unit::<T>() * (k as f64).sqrt();
        let mut lefts = layouts(&left, m, k);
        let turned: Vec<View<'_, T>> = layouts(&left_transposed, k, m);
        lefts.extend(turned.iter().map(|view| view.permuted(&[1, 0]).unwrap()));
        for (i, a) in lefts.iter().enumerate() {
            for (j, b) in layouts(&right, k, n).iter().enumerate() {
                let product = naive(a, b);
                let expected = Tensor::from_fn(&[m, n], |at| {
                    alpha
                        .mul(product.get(at).unwrap())
                        .add(beta.mul(start.get(at).unwrap()))
                })
                .unwrap();
                for order in [[0, 1], [1, 0]] {
                    let mut c = start.permuted(&order).unwrap();
                    let mut target = c.view_mut().permuted(&order).unwrap();
                    gemm(alpha, a, b, beta, &mut target).unwrap();
                    let c = c.permuted(&order).unwrap();
                    let off = distance(&c, &expected);
                    assert!(
                        off <= tolerance * ((m * n) as f64).sqrt(),
                        "{m}x{k}x{n} layouts {i} {j} {order:?}: {off:e}"
                    );
                    let mut garbage =
                        Tensor::full(&[m, n], T::from_f64(f64::NAN, f64::NAN)).unwrap();
                    gemm(T::ONE, a, b, T::ZERO, &mut garbage.view_mut()).unwrap();
                    assert!(distance(&garbage, &product) <= tolerance * ((m * n) as f64).sqrt());
                }
            }
        }
    }
}

fn gram_matches<T: Field>() {
    for [m, n] in [
        [1, 1],
        [1, 50],
        [7, 3],
        [5, 5000],
        [100, 3000],
        [400, 30],
        [130, 130],
    ] {
        let a = random::<T>(&[m, n], 5);
        let rows = gram_rows(&a.view()).unwrap();
        let product = matmul(&a.view(), &adjoint(&a).view()).unwrap();
        assert_near(&rows, &product, 8.0 * (n as f64).sqrt() * unit::<T>());
        assert_eq!(rows, adjoint(&rows), "exactly Hermitian");
        let columns = gram_columns(&a.view()).unwrap();
        let product = matmul(&adjoint(&a).view(), &a.view()).unwrap();
        assert_near(&columns, &product, 8.0 * (m as f64).sqrt() * unit::<T>());
    }
}

for_each_type! {
    gemm_agrees_with_its_definition => gemm_matches;
    gram_matrices_agree_with_products => gram_matches;
}
