//! LU and the decompositions by rows and columns.

use tensegrity_linalg::{Error, Field, Truncation, cur, interpolative, lu, matmul, svd};
use tensegrity_tensor::{Scalar, SplitMix64, Tensor, View, c64, c128};

fn random<T: Field>(seed: u64, shape: &[usize]) -> Tensor<T> {
    SplitMix64::new(seed).normal_tensor(shape)
}

fn distance<T: Scalar>(x: &Tensor<T>, y: &View<'_, T>) -> f64 {
    let y = y.to_tensor();
    let pairs = x.as_slice().iter().zip(y.as_slice());
    pairs.map(|(&x, &y)| x.sub(y).abs2()).sum::<f64>().sqrt()
}

fn take<T: Field>(a: &View<'_, T>, rows: &[usize], columns: &[usize]) -> Tensor<T> {
    Tensor::from_fn(&[rows.len(), columns.len()], |at| {
        a.get(&[rows[at[0]], columns[at[1]]]).unwrap()
    })
    .unwrap()
}

fn factors<T: Field>(unit: f64) {
    for (m, n) in [(1, 1), (7, 7), (9, 4), (4, 9), (40, 33)] {
        let a = random::<T>(3, &[m, n]);
        let turned = a.view().permuted(&[1, 0]).unwrap();
        for view in [a.view(), turned] {
            let found = lu(&view).unwrap();
            let (m, n) = (view.shape()[0], view.shape()[1]);
            assert_eq!(found.lower.shape(), [m, m.min(n)]);
            let product = matmul(&found.lower.view(), &found.upper.view()).unwrap();
            let all: Vec<usize> = (0..n).collect();
            let wanted = take(&view, &found.rows, &all);
            assert!(distance(&product, &wanted.view()) < 100.0 * unit * (m * n) as f64);
            for i in 0..m {
                for j in 0..m.min(n) {
                    let entry = found.lower.get(&[i, j]).unwrap();
                    let size = entry.abs2().sqrt();
                    let bound = if T::IS_COMPLEX { 2f64.sqrt() } else { 1.0 };
                    let most = if i < j { 0.0 } else { bound + 8.0 * unit };
                    assert!(size <= most, "{} {size}", T::DTYPE);
                    assert!(i != j || entry == T::ONE);
                }
            }
        }
    }
}

#[test]
fn lu_is_a_product_of_triangles() {
    factors::<f32>(1e-7);
    factors::<f64>(1e-16);
    factors::<c64>(1e-7);
    factors::<c128>(1e-16);
}

fn skeleton<T: Field>(unit: f64) {
    // Rank three and a little noise.
    let (x, y) = (random::<T>(1, &[30, 3]), random::<T>(2, &[3, 20]));
    let noise = random::<T>(4, &[30, 20]);
    let exact = matmul(&x.view(), &y.view()).unwrap();
    let level = 1e3 * unit;
    let a = Tensor::from_fn(&[30, 20], |at| {
        let noise = noise.get(at).unwrap().mul(T::from_f64(level, 0.0));
        exact.get(at).unwrap().add(noise)
    })
    .unwrap();
    let truncation = Truncation::tolerance(60.0 * level);
    let found = interpolative(&a.view(), &truncation).unwrap();
    assert_eq!(found.columns.len(), 3);
    let all: Vec<usize> = (0..30).collect();
    let every: Vec<usize> = (0..20).collect();
    let c = take(&a.view(), &all, &found.columns);
    let product = matmul(&c.view(), &found.coefficients.view()).unwrap();
    let best: f64 = svd(&a.view()).unwrap().s[3..].iter().map(|s| s * s).sum();
    let bound = (1.0f64 + 3.0 * 17.0).sqrt() * best.sqrt();
    let error = distance(&product, &a.view());
    assert!(error <= bound, "{error} {bound}");
    assert!(
        (error / found.discarded - 1.0).abs() < 1e-2,
        "{error} {}",
        found.discarded
    );
    for (i, &column) in found.columns.iter().enumerate() {
        for row in 0..3 {
            let entry = found.coefficients.get(&[row, column]).unwrap();
            assert_eq!(entry, if row == i { T::ONE } else { T::ZERO });
        }
    }
    let parts = cur(&a.view(), &truncation).unwrap();
    assert_eq!((parts.rows.len(), parts.columns.len()), (3, 3));
    let left = matmul(
        &take(&a.view(), &all, &parts.columns).view(),
        &parts.middle.view(),
    );
    let right = take(&a.view(), &parts.rows, &every);
    let product = matmul(&left.unwrap().view(), &right.view()).unwrap();
    assert!(distance(&product, &a.view()) < 2.0 * bound);
}

#[test]
fn rows_and_columns_of_the_matrix_itself_are_enough() {
    skeleton::<f64>(1e-13);
    skeleton::<c128>(1e-13);
    skeleton::<f32>(1e-6);
    skeleton::<c64>(1e-6);
}

#[test]
fn exact_ranks_zeros_and_bad_options() {
    let a = random::<f64>(5, &[6, 6]);
    let whole = interpolative(&a.view(), &Truncation::none()).unwrap();
    assert_eq!(whole.columns.len(), 6);
    let zero = Tensor::<f64>::zeros(&[4, 3]).unwrap();
    let found = interpolative(&zero.view(), &Truncation::none()).unwrap();
    assert_eq!((found.columns.len(), found.discarded), (1, 0.0));
    assert!(found.coefficients.as_slice().iter().all(|x| x.is_finite()));
    assert!(cur(&zero.view(), &Truncation::none()).is_ok());
    // Columns that vanish once two are taken.
    let two = Tensor::from_fn(&[4, 5], |at| {
        f64::from(u8::from(at[0] == at[1] && at[0] < 2))
    });
    let two = two.unwrap();
    let found = interpolative(&two.view(), &Truncation::none()).unwrap();
    assert_eq!((found.columns, found.discarded), (vec![0, 1], 0.0));
    for scale in [1e-300, 1e300] {
        let large = a.map(|x| x * scale);
        let found = interpolative(&large.view(), &Truncation::rank(5)).unwrap();
        let plain = interpolative(&a.view(), &Truncation::rank(5)).unwrap();
        assert_eq!(found.columns, plain.columns);
        assert!((found.discarded / scale / plain.discarded - 1.0).abs() < 1e-12);
    }
    let none = Tensor::<f64>::zeros(&[0, 3]).unwrap();
    assert!(
        interpolative(&none.view(), &Truncation::none())
            .unwrap()
            .columns
            .is_empty()
    );
    assert!(
        cur(&none.view(), &Truncation::none())
            .unwrap()
            .rows
            .is_empty()
    );
    assert!(lu(&none.view()).unwrap().rows.is_empty());
    assert!(matches!(
        interpolative(&a.view(), &Truncation::rank(0)),
        Err(Error::BadOption { .. })
    ));
    let bad = Tensor::from_vec(vec![1.0, f64::NAN], &[1, 2]).unwrap();
    assert!(matches!(lu(&bad.view()), Err(Error::NonFinite { .. })));
    assert!(matches!(
        cur(&bad.view(), &Truncation::none()),
        Err(Error::NonFinite { .. })
    ));
}
