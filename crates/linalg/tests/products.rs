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

/// A random strided view of `storage`: sliced, reversed, transposed or broadcast.
fn view_by<'a>(storage: &'a Tensor<f64>, shape: [usize; 2], choice: [u8; 2]) -> View<'a, f64> {
    let turned = choice[0] & 1 == 1;
    let wanted = if turned { [shape[1], shape[0]] } else { shape };
    let mut view = storage.view();
    for axis in 0..2 {
        let start = usize::from(choice[axis] >> 4) % 4;
        view = if choice[axis] & 2 == 2 {
            // One row (or column) again and again.
            let one = view.sliced(axis, start..start + 1).unwrap();
            let mut full = [one.shape()[0], one.shape()[1]];
            full[axis] = wanted[axis];
            one.broadcast_to(&full).unwrap()
        } else {
            view.sliced(axis, start..start + wanted[axis]).unwrap()
        };
        if choice[axis] & 4 == 4 {
            view = view.reversed(axis).unwrap();
        }
    }
    if turned {
        view.permuted(&[1, 0]).unwrap()
    } else {
        view
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    #[test]
    fn gemm_is_the_sum_of_products_for_random_strides(
        m in 0usize..24, k in 0usize..24, n in 0usize..24,
        left in proptest::prelude::any::<[u8; 2]>(),
        right in proptest::prelude::any::<[u8; 2]>(),
        target in proptest::prelude::any::<[u8; 2]>(),
        alpha in -2.0f64..2.0, beta in proptest::sample::select(vec![0.0, 1.0, -0.5]),
        seed in 0u64..1000,
    ) {
        let (x, y) = (random::<f64>(&[30, 30], seed), random::<f64>(&[30, 30], seed + 1));
        let (a, b) = (view_by(&x, [m, k], left), view_by(&y, [k, n], right));
        let product = naive(&a, &b);
        let mut storage = random::<f64>(&[30, 30], seed + 2);
        let before = storage.clone();
        // The target may be reversed or transposed but repeats nothing.
        let where_to = target.map(|choice| choice & !2);
        let address = {
            let view = view_by(&storage, [m, n], where_to);
            // SAFETY: both pointers are into the elements of `storage`.
            let offset = unsafe { view.as_ptr().offset_from(storage.as_slice().as_ptr()) };
            (offset, [view.strides()[0], view.strides()[1]])
        };
        {
            let pointer = storage.as_mut_slice().as_mut_ptr();
            // SAFETY: the view was checked against the same storage above.
            let mut c = unsafe {
                tensegrity_tensor::ViewMut::from_raw(pointer.offset(address.0), &[m, n], &address.1)
            };
            gemm(alpha, &a, &b, beta, &mut c).unwrap();
        }
        let after = view_by(&storage, [m, n], where_to).to_tensor();
        let old = view_by(&before, [m, n], where_to).to_tensor();
        for (at, &value) in after.as_slice().iter().enumerate() {
            let expected = alpha * product.as_slice()[at] + beta * old.as_slice()[at];
            proptest::prop_assert!((value - expected).abs() <= 1e-12 * (1.0 + k as f64));
        }
        // Nothing outside the target is touched.
        let mut restored = storage.clone();
        {
            let pointer = restored.as_mut_slice().as_mut_ptr();
            // SAFETY: as above.
            let mut c = unsafe {
                tensegrity_tensor::ViewMut::from_raw(pointer.offset(address.0), &[m, n], &address.1)
            };
            tensegrity_tensor::copy_into(&mut c, &old.view()).unwrap();
        }
        proptest::prop_assert_eq!(restored, before);
    }

    #[test]
    fn batched_products_are_products_of_the_batch(
        count in 0usize..9, m in 0usize..7, k in 0usize..7, n in 0usize..7,
        repeat_a in proptest::prelude::any::<bool>(),
        repeat_b in proptest::prelude::any::<bool>(),
        turn in proptest::prelude::any::<bool>(),
        seed in 0u64..1000,
    ) {
        let x = random::<f64>(&[if repeat_a { 1 } else { count }, m, k], seed);
        let y = random::<f64>(&[if repeat_b { 1 } else { count }, k, n], seed + 1);
        let a = x.view().broadcast_to(&[count, m, k]).unwrap();
        let b = y.view().broadcast_to(&[count, k, n]).unwrap();
        let start = random::<f64>(&[count, m, n], seed + 2);
        let order = if turn { [2, 0, 1] } else { [0, 1, 2] };
        let back = if turn { [1, 2, 0] } else { [0, 1, 2] };
        let mut c = start.permuted(&order).unwrap();
        gemm_batched(0.5, &a, &b, -1.0, &mut c.view_mut().permuted(&back).unwrap()).unwrap();
        let c = c.permuted(&back).unwrap();
        for item in 0..count {
            let product = naive(&a.indexed(0, item).unwrap(), &b.indexed(0, item).unwrap());
            for i in 0..m {
                for j in 0..n {
                    let expected = 0.5 * product.get(&[i, j]).unwrap() - start.get(&[item, i, j]).unwrap();
                    let value = c.get(&[item, i, j]).unwrap();
                    proptest::prop_assert!((value - expected).abs() <= 1e-13 * (1.0 + k as f64));
                }
            }
        }
    }
}
