//! Input that no decomposition takes, and matrices out of tensors.

use tensegrity_decompose::{
    CpOptions, Error, HooiOptions, Tol, TtOptions, TuckerOptions, cp_als, fold, hooi, hosvd,
    khatri_rao, matricize, mode_product, quantize, st_hosvd, tt_svd, unfold,
};
use tensegrity_tensor::{SplitMix64, Tensor, c64};

/// The error of every decomposition of one tensor.
fn errors(x: &Tensor<f64>) -> Vec<Error> {
    let (view, tol) = (x.view(), Tol::Rel(0.1));
    let ranks = vec![1; x.ndim()];
    vec![
        st_hosvd(&view, &tol, &TuckerOptions::default()).unwrap_err(),
        hosvd(&view, &tol, &TuckerOptions::default()).unwrap_err(),
        hooi(&view, &ranks, &HooiOptions::default()).unwrap_err(),
        tt_svd(&view, &tol, &TtOptions::default()).unwrap_err(),
        cp_als(&view, 1, &CpOptions::default()).unwrap_err(),
    ]
}

#[test]
fn scalars_empty_tensors_and_bad_elements() {
    for error in errors(&Tensor::scalar(1.0)) {
        assert!(matches!(error, Error::NoModes), "{error}");
    }
    for error in errors(&Tensor::zeros(&[3, 0, 2]).unwrap()) {
        assert!(matches!(error, Error::EmptyMode { mode: 1, .. }), "{error}");
    }
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut x = Tensor::<f64>::full(&[3, 4, 2], 1.0).unwrap();
        x.as_mut_slice()[13] = bad;
        for error in errors(&x) {
            let text = error.to_string();
            let Error::NotFinite { index, .. } = error else {
                panic!("{text}");
            };
            assert_eq!(index, [1, 2, 1]);
            assert!(text.contains("[1, 2, 1]"), "{text}");
        }
    }
    let mut z = Tensor::<c64>::full(&[2, 2], c64::new(1.0, 0.0)).unwrap();
    z.as_mut_slice()[3].im = f32::NAN;
    let error = tt_svd(&z.view(), &Tol::Rel(0.1), &TtOptions::default()).unwrap_err();
    assert!(matches!(error, Error::NotFinite { index, .. } if index == [1, 1]));
}

#[test]
fn tolerances_and_ranks_that_make_no_sense() {
    let x: Tensor<f64> = SplitMix64::new(1).normal_tensor(&[3, 4, 5]);
    let tucker = |tol: Tol| st_hosvd(&x.view(), &tol, &TuckerOptions::default()).unwrap_err();
    let train = |tol: Tol| tt_svd(&x.view(), &tol, &TtOptions::default()).unwrap_err();
    for value in [1.0, -0.1, f64::NAN, 7.0] {
        assert!(matches!(tucker(Tol::Rel(value)), Error::Tolerance { .. }));
        assert!(matches!(train(Tol::Rel(value)), Error::Tolerance { .. }));
    }
    assert!(matches!(
        tucker(Tol::Abs(f64::INFINITY)),
        Error::Tolerance { .. }
    ));
    assert!(matches!(
        tucker(Tol::Ranks(vec![1, 0, 1])),
        Error::ZeroRank { position: 1 }
    ));
    assert!(matches!(
        train(Tol::Ranks(vec![0, 1])),
        Error::ZeroRank { position: 0 }
    ));
    assert!(matches!(
        tucker(Tol::Ranks(vec![1, 1])),
        Error::RankCount {
            found: 2,
            modes: 3,
            ..
        }
    ));
    assert!(matches!(
        train(Tol::Ranks(vec![1, 1, 1])),
        Error::RankCount { found: 3, .. }
    ));
    assert!(matches!(
        train(Tol::Ranks(vec![2, 1, 1, 1])),
        Error::Boundary { core: 0, .. }
    ));
    let capped = TtOptions {
        max_rank: Some(0),
        ..Default::default()
    };
    let error = tt_svd(&x.view(), &Tol::Rel(0.1), &capped).unwrap_err();
    assert!(matches!(error, Error::ZeroRank { .. }));
    for order in [vec![0, 1], vec![0, 1, 1], vec![0, 1, 3]] {
        let options = TuckerOptions {
            order: Some(order),
            ..Default::default()
        };
        assert!(st_hosvd(&x.view(), &Tol::Rel(0.1), &options).is_err());
    }
    assert!(matches!(
        quantize(&[4, 4], 1),
        Err(Error::Option { name: "base", .. })
    ));
    assert!(matches!(
        quantize(&[4, 0], 2),
        Err(Error::EmptyMode { mode: 1, .. })
    ));
    assert!(matches!(quantize(&[], 2), Err(Error::NoModes)));
    assert!(quantize(&[1 << 40, 1 << 40], 2).is_err());
}

#[test]
fn unfoldings_and_mode_products() {
    let x = Tensor::from_fn(&[2, 3, 4], |i| (i[0] * 12 + i[1] * 4 + i[2]) as f64).unwrap();
    let middle = unfold(&x.view(), 1).unwrap();
    assert_eq!(middle.shape(), [3, 8]);
    assert_eq!(
        middle.as_slice()[..8],
        [0.0, 1.0, 2.0, 3.0, 12.0, 13.0, 14.0, 15.0]
    );
    for mode in 0..3 {
        let matrix = unfold(&x.view(), mode).unwrap();
        assert_eq!(fold(&matrix.view(), mode, &[2, 3, 4]).unwrap(), x);
        let a: Tensor<f64> = SplitMix64::new(2).normal_tensor(&[5, x.shape()[mode]]);
        let product = mode_product(&x.view(), &a.view(), mode).unwrap();
        let wanted = tensegrity_linalg::matmul(&a.view(), &matrix.view()).unwrap();
        let found = unfold(&product.view(), mode).unwrap();
        for (f, w) in found.as_slice().iter().zip(wanted.as_slice()) {
            assert!((f - w).abs() < 1e-12);
        }
        let reversed = x.view().reversed(0).unwrap();
        let product = mode_product(&reversed, &a.view(), mode).unwrap();
        let copied = mode_product(&reversed.to_tensor().view(), &a.view(), mode).unwrap();
        assert_eq!(product, copied);
    }
    let pair = matricize(&x.view(), &[2, 0], &[1]).unwrap();
    assert_eq!(pair.shape(), [8, 3]);
    assert_eq!(pair.get(&[3, 2]).unwrap(), x.get(&[1, 2, 1]).unwrap());
    assert!(matches!(unfold(&x.view(), 3), Err(Error::Mode { .. })));
    assert!(matches!(
        fold(&middle.view(), 0, &[2, 3, 4]),
        Err(Error::Shape { .. })
    ));
    assert!(matches!(
        matricize(&x.view(), &[0], &[1]),
        Err(Error::Mode { mode: 2, .. })
    ));
    assert!(matches!(
        mode_product(&x.view(), &middle.view(), 0),
        Err(Error::Shape { .. })
    ));
    let (a, b) = (
        Tensor::full(&[2, 2], 2.0).unwrap(),
        Tensor::full(&[3, 2], 3.0).unwrap(),
    );
    let product = khatri_rao(&[a.view(), b.view()]).unwrap();
    assert_eq!((product.shape(), product.as_slice()[0]), (&[6, 2][..], 6.0));
    assert!(matches!(
        khatri_rao(&[a.view(), x.view()]),
        Err(Error::Shape { .. })
    ));
    assert!(matches!(khatri_rao::<f64>(&[]), Err(Error::Shape { .. })));
}
