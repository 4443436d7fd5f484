//! Tensor trains in every element type: laws of the format and its arithmetic.

use proptest::prelude::*;
use tensegrity_decompose::{
    Digits, Entry, Error, Gauge, Note, Padding, Quantization, QuantizedTt, Tol, TtCurve, TtOptions,
    TtTensor, tt_svd,
};
use tensegrity_diagram::evaluate_naive;
use tensegrity_tensor::{Real, Scalar, SplitMix64, Tensor, c64, c128};

fn unit<T: Scalar>() -> f64 {
    <T::Real as Real>::EPSILON.to_f64()
}

fn train<T: Entry>(shape: &[usize], ranks: &[usize], seed: u64) -> TtTensor<T> {
    let mut rng = SplitMix64::new(seed);
    let at = |bond: usize| {
        if bond == 0 || bond == shape.len() {
            1
        } else {
            ranks[bond - 1]
        }
    };
    let cores = (0..shape.len())
        .map(|k| rng.normal_tensor(&[at(k), shape[k], at(k + 1)]))
        .collect();
    TtTensor::new(cores).unwrap()
}

fn distance<T: Scalar>(a: &Tensor<T>, b: &Tensor<T>) -> f64 {
    assert_eq!(a.shape(), b.shape());
    let pairs = a.as_slice().iter().zip(b.as_slice());
    let squared: f64 = pairs.map(|(&x, &y)| x.sub(y).abs2()).sum();
    squared.sqrt() / a.norm().max(f64::MIN_POSITIVE)
}

fn combine<T: Scalar>(a: &Tensor<T>, b: &Tensor<T>, f: fn(T, T) -> T) -> Tensor<T> {
    let data = a
        .as_slice()
        .iter()
        .zip(b.as_slice())
        .map(|(&x, &y)| f(x, y))
        .collect();
    Tensor::from_vec(data, a.shape()).unwrap()
}

fn laws<T: Entry>() {
    let shape = [4, 5, 3, 6];
    let (a, b) = (
        train::<T>(&shape, &[3, 4, 2], 1),
        train::<T>(&shape, &[2, 3, 3], 2),
    );
    let (x, y) = (a.to_tensor().unwrap(), b.to_tensor().unwrap());
    let close = |wanted: &Tensor<T>, found: &TtTensor<T>, what: &str| {
        let error = distance(wanted, &found.to_tensor().unwrap());
        assert!(error < 200.0 * unit::<T>(), "{what}: {error:e}");
    };
    close(&combine(&x, &y, T::add), &a.add(&b).unwrap(), "add");
    close(
        &combine(&x, &y, T::mul),
        &a.hadamard(&b).unwrap(),
        "hadamard",
    );
    let factor = T::from_f64(-1.5, 0.5);
    close(&x.map(|v| v.mul(factor)), &a.scale(factor), "scale");
    let inner = combine(&x, &y, |p, q| p.conj().mul(q));
    let inner = inner.as_slice().iter().fold(T::ZERO, |sum, &v| sum.add(v));
    let difference = inner.sub(a.inner(&b).unwrap()).abs2().sqrt();
    assert!(difference < 200.0 * unit::<T>() * x.norm() * y.norm());
    assert!((a.norm().unwrap() - x.norm()).abs() < 100.0 * unit::<T>() * x.norm());
    close(
        &x.view().indexed(1, 3).unwrap().to_tensor(),
        &a.slice(1, 3).unwrap(),
        "slice",
    );
    close(
        &x.view().indexed(3, 0).unwrap().to_tensor(),
        &a.slice(3, 0).unwrap(),
        "last slice",
    );
    close(
        &x.view().sliced(2, 1..3).unwrap().to_tensor(),
        &a.sliced(2, 1..3).unwrap(),
        "range",
    );
    let total = x.as_slice().iter().fold(T::ZERO, |sum, &v| sum.add(v));
    let found = a.total().unwrap();
    assert!(total.sub(found).abs2().sqrt() < 1e3 * unit::<T>() * x.norm());
    let marginal = Tensor::from_fn(&[5, 6], |i| {
        let terms = (0..12).map(|k| x.get(&[k / 3, i[0], k % 3, i[1]]).unwrap());
        terms.fold(T::ZERO, |sum, v| sum.add(v))
    })
    .unwrap();
    close(&marginal, &a.marginal(&[2, 0]).unwrap(), "marginal");
    let indices = [
        [0, 0, 0, 0],
        [3, 4, 2, 5],
        [1, 4, 0, 2],
        [1, 4, 0, 2],
        [2, 1, 1, 3],
    ];
    for (index, value) in indices.iter().zip(a.evaluate(&indices.concat()).unwrap()) {
        assert!(value.sub(x.get(index).unwrap()).abs2().sqrt() < 1e2 * unit::<T>() * x.norm());
    }
    for gauge in [Gauge::Left, Gauge::Right, Gauge::Mixed(1), Gauge::Mixed(2)] {
        let turned = a.canonical(gauge).unwrap();
        close(&x, &turned, "gauge");
        let centre = match gauge {
            Gauge::Left => 3,
            Gauge::Mixed(centre) => centre,
            _ => 0,
        };
        isometries(&turned, centre);
        let moved = turned.moved_centre(centre, 3 - centre).unwrap();
        close(&x, &moved, "moved");
        isometries(&moved, 3 - centre);
    }
    rounding(&a, &x);
}

/// Left-orthogonal before the centre, right-orthogonal after it.
fn isometries<T: Entry>(tt: &TtTensor<T>, centre: usize) {
    for (site, core) in tt.cores().iter().enumerate() {
        let [r, n, s] = [core.shape()[0], core.shape()[1], core.shape()[2]];
        let gram = match site.cmp(&centre) {
            std::cmp::Ordering::Less => {
                tensegrity_linalg::gram_columns(&core.clone().reshaped(&[r * n, s]).unwrap().view())
            }
            std::cmp::Ordering::Greater => {
                tensegrity_linalg::gram_rows(&core.clone().reshaped(&[r, n * s]).unwrap().view())
            }
            std::cmp::Ordering::Equal => continue,
        }
        .unwrap();
        let eye = Tensor::<T>::eye(gram.shape()[0]).unwrap();
        assert!(distance(&eye, &gram) < 50.0 * unit::<T>());
    }
}

fn rounding<T: Entry>(a: &TtTensor<T>, x: &Tensor<T>) {
    let sharp = if unit::<T>() < 1e-10 { 1e-12 } else { 1e-5 };
    let twice = a.add(a).unwrap();
    let rounded = twice
        .round(&Tol::Rel(sharp), &TtOptions::default())
        .unwrap();
    assert_eq!(rounded.tensor.ranks(), a.ranks());
    let double = x.map(|v| v.add(v));
    let error = distance(&double, &rounded.tensor.to_tensor().unwrap());
    assert!(error < sharp, "{error:e}");
    let again = rounded
        .tensor
        .round(&Tol::Rel(sharp), &TtOptions::default())
        .unwrap();
    assert_eq!(again.tensor.ranks(), rounded.tensor.ranks());
    for eps in [0.5, 0.2, 0.05] {
        let coarse = a.round(&Tol::Rel(eps), &TtOptions::default()).unwrap();
        let error = distance(x, &coarse.tensor.to_tensor().unwrap());
        assert!(error <= eps);
        assert!((error - coarse.report.error).abs() < 1e-4 * error + 1e3 * unit::<T>());
        isometries(&coarse.tensor, 3);
    }
    let fixed = a
        .round(&Tol::Ranks(vec![2, 2, 1]), &TtOptions::default())
        .unwrap();
    assert_eq!(fixed.tensor.ranks(), [1, 2, 2, 1, 1]);
    // The Schmidt values are the singular values of the dense unfoldings.
    let values = a.schmidt_values().unwrap();
    for (bond, values) in values.iter().enumerate() {
        let rows: usize = x.shape()[..=bond].iter().product();
        let matrix = x.clone().reshaped(&[rows, x.len() / rows]).unwrap();
        let wanted = tensegrity_linalg::singular_values(&matrix.view()).unwrap();
        for (found, wanted) in values.iter().zip(&wanted) {
            assert!((found - wanted).abs() < 100.0 * unit::<T>() * x.norm());
        }
        let squares: Vec<f64> = wanted.iter().map(|s| (s / x.norm()).powi(2)).collect();
        let entropy: f64 = squares
            .iter()
            .filter(|&&p| p > 1e-30)
            .map(|p| -p * p.ln())
            .sum();
        assert!((entropy - a.entanglement_entropy(bond).unwrap()).abs() < 1e3 * unit::<T>());
    }
}

#[test]
fn laws_in_f32() {
    laws::<f32>();
}
#[test]
fn laws_in_f64() {
    laws::<f64>();
}
#[test]
fn laws_in_c64() {
    laws::<c64>();
}
#[test]
fn laws_in_c128() {
    laws::<c128>();
}

fn decompose<T: Entry>() {
    let a = train::<T>(&[5, 6, 4, 7], &[3, 5, 4], 3);
    let x = a.to_tensor().unwrap();
    let exact = tt_svd(&x.view(), &Tol::Rel(1e-4), &TtOptions::default()).unwrap();
    assert_eq!(exact.tensor.ranks(), [1, 3, 5, 4, 1]);
    assert!(exact.tensor.error(&x.view()).unwrap() < 100.0 * unit::<T>());
    for ranks in [vec![2, 2, 2], vec![1, 2, 2, 2, 1]] {
        let found = tt_svd(&x.view(), &Tol::Ranks(ranks), &TtOptions::default()).unwrap();
        assert_eq!(found.tensor.ranks(), [1, 2, 2, 2, 1]);
        let measured = distance(&x, &found.tensor.to_tensor().unwrap());
        assert!((measured - found.report.error).abs() < 1e3 * unit::<T>());
        isometries(&found.tensor, 3);
    }
    let capped = TtOptions {
        max_rank: Some(2),
        ..Default::default()
    };
    let found = tt_svd(&x.view(), &Tol::Rel(1e-4), &capped).unwrap();
    assert_eq!(found.tensor.ranks(), [1, 2, 2, 2, 1]);
    // A view in another memory order is the same tensor.
    let stored = x.permuted(&[3, 1, 0, 2]).unwrap();
    let view = stored.view().permuted(&[2, 1, 3, 0]).unwrap();
    let again = tt_svd(&view, &Tol::Rel(1e-4), &TtOptions::default()).unwrap();
    assert_eq!(again.tensor, exact.tensor);
}

#[test]
fn decompose_in_every_type() {
    decompose::<f32>();
    decompose::<f64>();
    decompose::<c64>();
    decompose::<c128>();
}

#[test]
fn zero_extreme_and_low_order_trains() {
    let zero = Tensor::<f64>::zeros(&[3, 4, 5]).unwrap();
    let found = tt_svd(&zero.view(), &Tol::Rel(0.1), &TtOptions::default()).unwrap();
    assert_eq!(found.tensor.ranks(), [1, 1, 1, 1]);
    assert_eq!(found.report.error, 0.0);
    assert!(found.report.notes.contains(&Note::AllZero));
    let rounded = found
        .tensor
        .round(&Tol::Rel(0.1), &TtOptions::default())
        .unwrap();
    assert_eq!(rounded.tensor.to_tensor().unwrap(), zero);
    let vector = Tensor::from_vec(vec![1.0, 2.0, 3.0], &[3]).unwrap();
    let found = tt_svd(&vector.view(), &Tol::Rel(0.1), &TtOptions::default()).unwrap();
    assert_eq!(found.tensor.to_tensor().unwrap(), vector);
    assert_eq!(found.report.error, 0.0);
    for size in [1e-300, 1e300] {
        let x = Tensor::from_fn(&[4; 4], |i| size * (i[0] + i[1] * i[2] + i[3]) as f64).unwrap();
        let found = tt_svd(&x.view(), &Tol::Rel(1e-9), &TtOptions::default()).unwrap();
        assert_eq!(found.tensor.ranks(), [1, 2, 3, 2, 1]);
        let back = found.tensor.to_tensor().unwrap();
        for (a, b) in x.as_slice().iter().zip(back.as_slice()) {
            assert!((a - b).abs() <= 1e-12 * 18.0 * size);
        }
    }
}

#[test]
fn infeasible_ranks_are_clipped_with_a_note() {
    let x: Tensor<f64> = SplitMix64::new(4).normal_tensor(&[3, 4, 5]);
    let asked = Tol::Ranks(vec![usize::MAX, 1_000_000]);
    let found = tt_svd(&x.view(), &asked, &TtOptions::default()).unwrap();
    assert_eq!(found.tensor.ranks(), [1, 3, 5, 1]);
    assert_eq!(found.report.notes.len(), 2);
    let narrow = Tol::Ranks(vec![1, 5]);
    let found = tt_svd(&x.view(), &narrow, &TtOptions::default()).unwrap();
    assert_eq!(found.tensor.ranks(), [1, 1, 4, 1]);
}

#[test]
fn the_curve_bounds_errors_and_chooses_ranks() {
    let x = Tensor::from_fn(&[6; 5], |i| {
        1.0 / (1.0
            + i.iter()
                .enumerate()
                .map(|(k, &v)| (v * (k + 1)) as f64)
                .sum::<f64>())
    })
    .unwrap();
    let curve = TtCurve::new(&x.view(), 1e-9, &TtOptions::default()).unwrap();
    for ranks in [[1, 1, 1, 1], [2, 3, 3, 2], [3, 4, 4, 3]] {
        let (low, high) = curve.error_bounds(&ranks).unwrap();
        let measured = curve
            .truncate(&ranks)
            .unwrap()
            .tensor
            .error(&x.view())
            .unwrap();
        assert!(low <= measured * (1.0 + 1e-6) && measured <= high * (1.0 + 1e-6));
    }
    let ranks = curve.smallest(1e-3).unwrap();
    let cut = curve.truncate(&ranks).unwrap().tensor;
    assert!(cut.error(&x.view()).unwrap() <= 1e-3);
    assert_eq!(cut.params(), curve.params(&ranks));
    let plain = tt_svd(&x.view(), &Tol::Rel(1e-3), &TtOptions::default()).unwrap();
    assert!(cut.params() <= plain.tensor.params());
    let near = curve.closest(200).unwrap();
    assert!(curve.params(&near) <= 200);
    assert!(curve.closest(29).is_none());
    assert!(curve.smallest(1e-12).is_none());
}

#[test]
fn quantised_trains_meet_their_tolerance_on_the_array_itself() {
    let x = Tensor::from_fn(&[13, 21, 3], |i| {
        (0.2 * i[0] as f64).sin() + (0.1 * (i[1] * (1 + i[2])) as f64).cos()
    })
    .unwrap();
    for padding in [
        Padding::Edge,
        Padding::Zero,
        Padding::Mirror,
        Padding::Factor,
    ] {
        for order in [Digits::Sequential, Digits::Interleaved, Digits::Fused] {
            let layout = Quantization::new(&[13, 21, 3], 2, order, padding).unwrap();
            let tol = Tol::Rel(0.03);
            let found = QuantizedTt::svd(&x.view(), &layout, &tol, &TtOptions::default()).unwrap();
            let measured = distance(&x, &found.tensor.to_tensor().unwrap());
            assert!(measured <= 0.03);
            assert!((measured - found.report.error).abs() < 1e-12, "{layout:?}");
            assert!((found.report.norm - x.norm()).abs() < 1e-10);
        }
    }
}

#[test]
fn diagrams_are_the_networks() {
    let a = train::<c64>(&[3, 2, 4], &[2, 3], 5);
    let value = evaluate_naive(&a.to_diagram().unwrap(), &[]).unwrap();
    let dense = a.to_tensor().unwrap();
    let wide = dense.map(|z| c128::new(f64::from(z.re), f64::from(z.im)));
    assert!(distance(&wide, &value) < 1e-6);
    let single = train::<f64>(&[4], &[], 6);
    let value = evaluate_naive(&single.to_diagram().unwrap(), &[]).unwrap();
    assert_eq!(value.shape(), [4]);
    let x = Tensor::from_fn(&[4, 6], |i| (i[0] * i[1]) as f64 + (i[0] as f64).exp()).unwrap();
    for order in [Digits::Sequential, Digits::Interleaved, Digits::Fused] {
        let layout = Quantization::new(&[4, 6], 2, order, Padding::Edge).unwrap();
        let found = QuantizedTt::svd(&x.view(), &layout, &Tol::Rel(1e-9), &TtOptions::default());
        let found = found.unwrap().tensor;
        let value = evaluate_naive(&found.to_diagram().unwrap(), &[]).unwrap();
        let whole = value
            .map(|z| z.re)
            .reshaped(&layout.padded_shape())
            .unwrap();
        let part = whole
            .view()
            .sliced(0, 0..4)
            .unwrap()
            .sliced(1, 0..6)
            .unwrap();
        assert!(distance(&x, &part.to_tensor()) < 1e-9);
    }
}

#[test]
fn trains_that_do_not_fit_are_refused() {
    let core = |shape: &[usize]| Tensor::<f64>::zeros(shape).unwrap();
    let refused = |cores: Vec<Tensor<f64>>| TtTensor::new(cores).unwrap_err();
    assert!(matches!(refused(vec![]), Error::NoModes));
    assert!(matches!(
        refused(vec![core(&[1, 2])]),
        Error::Boundary { core: 0, .. }
    ));
    assert!(matches!(
        refused(vec![core(&[2, 2, 1])]),
        Error::Boundary { core: 0, .. }
    ));
    assert!(matches!(
        refused(vec![core(&[1, 2, 2])]),
        Error::Boundary { core: 0, .. }
    ));
    let pair = vec![core(&[1, 2, 3]), core(&[2, 2, 1])];
    assert!(matches!(refused(pair), Error::Boundary { core: 1, .. }));
    assert!(matches!(
        refused(vec![core(&[1, 0, 1])]),
        Error::EmptyMode { mode: 0, .. }
    ));
    let a = train::<f64>(&[2, 3], &[2], 7);
    let b = train::<f64>(&[3, 2], &[2], 7);
    assert!(matches!(a.add(&b), Err(Error::Shape { .. })));
    assert!(matches!(
        a.evaluate(&[0, 3]),
        Err(Error::Index {
            mode: 1,
            index: 3,
            length: 3
        })
    ));
    assert!(matches!(a.evaluate(&[0]), Err(Error::Shape { .. })));
    assert!(matches!(a.slice(2, 0), Err(Error::Mode { .. })));
    assert!(matches!(a.slice(0, 2), Err(Error::Index { .. })));
    assert!(matches!(a.marginal(&[0, 0]), Err(Error::Mode { .. })));
    assert!(matches!(a.marginal(&[0, 1]), Err(Error::NoModes)));
    assert!(matches!(
        a.canonical(Gauge::Mixed(2)),
        Err(Error::Mode { .. })
    ));
    assert!(matches!(a.entanglement_entropy(1), Err(Error::Mode { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// The tolerance is met for any shape, and the error reported is measured.
    #[test]
    fn tolerance_is_met(
        shape in proptest::collection::vec(1usize..6, 1..6),
        eps in 0.0f64..0.9,
        seed in any::<u64>(),
    ) {
        let x: Tensor<f64> = SplitMix64::new(seed).normal_tensor(&shape);
        let found = tt_svd(&x.view(), &Tol::Rel(eps), &TtOptions::default()).unwrap();
        let measured = distance(&x, &found.tensor.to_tensor().unwrap());
        prop_assert!(measured <= eps + 1e-13, "{measured} > {eps}");
        prop_assert!((measured - found.report.error).abs() < 1e-10 * measured + 1e-13);
    }
}
