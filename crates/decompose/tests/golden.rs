//! Values computed independently (NumPy/LAPACK in double precision) for tensors
//! given by formulas and for a real picture.

use tensegrity_decompose::{
    CpInit, CpOptions, CpTensor, Digits, HooiOptions, QuantizedTt, Tol, TtOptions, TuckerOptions,
    cp_als, hooi, hosvd, quantize, st_hosvd, tt_svd,
};
use tensegrity_tensor::Tensor;

fn close(found: f64, wanted: f64, relative: f64, what: &str) {
    assert!(
        (found - wanted).abs() <= relative * wanted.abs(),
        "{what}: found {found:.12}, wanted {wanted:.12}"
    );
}

/// Values printed to a number of decimals, within one unit of the last. (The
/// ST-HOSVD error at (1,1,1) is 0.2570298918313 by LAPACK too, so that table's
/// last digit is not always rounded right.)
fn rounded(found: f64, wanted: f64, decimals: i32, what: &str) {
    assert!(
        (found - wanted).abs() <= 10f64.powi(-decimals),
        "{what}: found {found:.15}, wanted {wanted:.15}"
    );
}

fn fractions() -> Tensor<f64> {
    Tensor::from_fn(&[6, 5, 4], |i| {
        1.0 / (1 + i[0] + 2 * i[1] + 3 * i[2]) as f64
    })
    .unwrap()
}

#[test]
fn tucker_singular_values() {
    let x = fractions();
    close(x.norm(), 1.6578186096255787, 1e-15, "norm");
    let all = Tol::Ranks(vec![6, 5, 4]);
    let spectra = hosvd(&x.view(), &all, &TuckerOptions::default())
        .unwrap()
        .report
        .spectra;
    let wanted: [&[f64]; 3] = [
        &[
            1.62182984,
            0.342682241,
            0.0244576087,
            0.00109991975,
            3.57457995e-05,
            7.32246608e-07,
        ],
        &[
            1.61882730,
            0.356185714,
            0.0298308778,
            0.00160396719,
            4.73640972e-05,
        ],
        &[1.62148097, 0.344368786, 0.0239047489, 0.000843265920],
    ];
    for (mode, (found, wanted)) in spectra.iter().zip(wanted).enumerate() {
        assert_eq!(found.len(), wanted.len());
        for (f, w) in found.iter().zip(wanted) {
            close(*f, *w, 1e-8, &format!("mode {mode}"));
        }
    }
}

#[test]
fn tucker_errors() {
    let x = fractions();
    let table = [
        ([1, 1, 1], 0.257060775320, 0.257029891832, 0.257008168304),
        ([2, 2, 2], 0.023896886456, 0.023895546014, 0.023891830816),
        ([3, 2, 2], 0.021775130295, 0.021774036275, 0.021773133864),
        ([3, 3, 3], 0.001232145271, 0.001232126805, 0.001232057220),
    ];
    for (ranks, all_at_once, sequential, iterated) in table {
        let tol = Tol::Ranks(ranks.to_vec());
        let plain = hosvd(&x.view(), &tol, &TuckerOptions::default()).unwrap();
        let in_order = TuckerOptions {
            order: Some(vec![0, 1, 2]),
            ..Default::default()
        };
        let truncated = st_hosvd(&x.view(), &tol, &in_order).unwrap();
        let options = HooiOptions {
            n_iter: 500,
            tol: 1e-16,
            ..Default::default()
        };
        let best = hooi(&x.view(), &ranks, &options).unwrap();
        for (name, found, wanted) in [
            ("HOSVD", &plain, all_at_once),
            ("ST-HOSVD", &truncated, sequential),
            ("HOOI", &best, iterated),
        ] {
            let what = format!("{name} {ranks:?}");
            rounded(found.report.error, wanted, 12, &what);
            // The reported error is that of the dense difference.
            let measured = found.tensor.error(&x.view()).unwrap();
            close(found.report.error, measured, 1e-10, &what);
        }
        assert!(best.report.error <= truncated.report.error);
        assert!(plain.report.error <= 3f64.sqrt() * best.report.error);
        let tails: f64 = plain
            .report
            .spectra
            .iter()
            .zip(ranks)
            .map(|(s, r)| s[r..].iter().map(|v| v * v).sum::<f64>())
            .sum();
        assert!((plain.report.error * x.norm()).powi(2) <= tails * (1.0 + 1e-12));
    }
}

fn check_train(x: &Tensor<f64>, norm: f64, rows: &[(f64, &[usize], Option<f64>)]) {
    close(x.norm(), norm, 1e-13, "norm");
    for &(eps, ranks, error) in rows {
        let found = tt_svd(&x.view(), &Tol::Rel(eps), &TtOptions::default()).unwrap();
        let inner = &found.tensor.ranks()[1..x.ndim()];
        assert_eq!(inner, ranks, "eps {eps}");
        if let Some(error) = error {
            close(found.report.error, error, 5e-6, &format!("eps {eps}"));
        }
        assert!(found.report.error <= eps);
        let measured = found.tensor.error(&x.view()).unwrap();
        assert!((found.report.error - measured).abs() <= 1e-6 * measured + 1e-15);
    }
}

#[test]
fn train_of_a_hilbert_tensor() {
    let x = Tensor::from_fn(&[6; 4], |i| 1.0 / (1 + i.iter().sum::<usize>()) as f64).unwrap();
    check_train(
        &x,
        4.214704050582,
        &[
            (1e-2, &[3, 3, 3], Some(2.18855e-3)),
            (1e-4, &[4, 5, 4], Some(6.32996e-5)),
            (1e-6, &[6, 6, 6], Some(1.75507e-7)),
            (1e-10, &[6, 9, 6], None),
        ],
    );
}

#[test]
fn train_of_a_distance() {
    let x = Tensor::from_fn(&[10; 4], |i| {
        (1.0 + i.iter().map(|k| k * k).sum::<usize>() as f64).sqrt()
    })
    .unwrap();
    check_train(
        &x,
        1072.380529476361,
        &[
            (1e-2, &[2, 2, 2], Some(4.52197e-3)),
            (1e-4, &[4, 5, 4], Some(6.99691e-5)),
            (1e-6, &[7, 7, 7], Some(5.77371e-7)),
            (1e-10, &[10, 12, 10], None),
        ],
    );
}

#[test]
fn train_of_a_sine() {
    let x = Tensor::from_fn(&[8; 5], |i| {
        let phase: usize = i.iter().enumerate().map(|(k, i)| (k + 1) * i).sum();
        (0.3 * phase as f64).sin()
    })
    .unwrap();
    let rows: Vec<(f64, &[usize], Option<f64>)> = [1e-2, 1e-6, 1e-10]
        .iter()
        .map(|&eps| (eps, &[2usize, 2, 2, 2][..], None))
        .collect();
    check_train(&x, 128.0008000328596, &rows);
}

fn cosines() -> CpTensor<f64> {
    let factors = [7, 6, 5]
        .iter()
        .enumerate()
        .map(|(k, &n)| {
            Tensor::from_fn(&[n, 3], |i| {
                (0.37 * ((k + 1) * (i[0] + 1) * (i[1] + 1)) as f64).cos()
            })
            .unwrap()
        })
        .collect();
    CpTensor::new(vec![1.0; 3], factors).unwrap()
}

#[test]
fn cp_norm_and_weights() {
    let model = cosines();
    close(model.norm().unwrap(), 7.741360489391, 1e-12, "norm");
    close(
        model.to_tensor().unwrap().norm(),
        7.741360489391,
        1e-12,
        "dense norm",
    );
    let weights = model.normalized();
    let wanted = [5.162495243221, 4.094455306248, 4.008572048611];
    for (found, wanted) in weights.weights().iter().zip(wanted) {
        close(*found, wanted, 1e-12, "weight");
    }
}

#[test]
fn cp_errors_by_rank() {
    let model = cosines();
    let x = model.to_tensor().unwrap();
    for (rank, wanted) in [(1, 0.720321553694), (2, 0.480479956975), (3, 0.0)] {
        let best = (0..6)
            .map(|seed| {
                let options = CpOptions {
                    init: CpInit::Random,
                    n_iter: 1500,
                    tol: 0.0,
                    seed,
                    ..Default::default()
                };
                cp_als(&x.view(), rank, &options).unwrap()
            })
            .min_by(|a, b| a.report.error.total_cmp(&b.report.error))
            .unwrap();
        if rank < 3 {
            close(best.report.error, wanted, 1e-10, &format!("rank {rank}"));
        } else {
            assert!(best.report.error < 1e-14, "rank 3: {:e}", best.report.error);
            let score = best.tensor.factor_match_score(&model).unwrap();
            assert!(score > 1.0 - 1e-9, "{score}");
        }
    }
}

/// Every second pixel of the camera picture in both axes, divided by 255.
fn camera() -> Tensor<f64> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/camera.png");
    let image = image::open(path).unwrap().into_luma8();
    Tensor::from_fn(&[256, 256], |i| {
        f64::from(image.get_pixel(2 * i[1] as u32, 2 * i[0] as u32).0[0]) / 255.0
    })
    .unwrap()
}

#[test]
fn quantised_trains_of_a_picture() {
    let x = camera();
    close(x.norm(), 149.21691246822945, 1e-12, "norm");
    type Row = (f64, &'static [usize], usize, f64, usize, f64);
    let table: [Row; 3] = [
        (
            0.2,
            &[4, 12, 23, 15, 7, 2, 1],
            3180,
            0.152711,
            2156,
            0.149988,
        ),
        (
            0.1,
            &[4, 14, 42, 66, 34, 9, 2],
            23960,
            0.087201,
            16360,
            0.077043,
        ),
        (
            0.05,
            &[4, 15, 52, 122, 56, 15, 4],
            59696,
            0.034218,
            42216,
            0.038267,
        ),
    ];
    let layout = quantize(&[256, 256], 4).unwrap();
    for (eps, ranks, params, error, mixed_params, mixed_error) in table {
        let tol = Tol::Rel(eps);
        let plain = QuantizedTt::svd(&x.view(), &layout, &tol, &TtOptions::default()).unwrap();
        assert_eq!(&plain.tensor.tt().ranks()[1..8], ranks);
        assert_eq!(plain.tensor.params(), params);
        rounded(plain.report.error, error, 6, "sequential");
        let mixed = layout.clone().with_digits(Digits::Interleaved);
        let mixed = QuantizedTt::svd(&x.view(), &mixed, &tol, &TtOptions::default()).unwrap();
        assert_eq!(mixed.tensor.params(), mixed_params, "interleaved {eps}");
        rounded(mixed.report.error, mixed_error, 6, "interleaved");
        for found in [&plain, &mixed] {
            let dense = found.tensor.to_tensor().unwrap();
            let difference = dense
                .as_slice()
                .iter()
                .zip(x.as_slice())
                .map(|(a, b)| (a - b).powi(2));
            let measured = difference.sum::<f64>().sqrt() / x.norm();
            close(found.report.error, measured, 1e-10, "measured");
        }
    }
}
