//! The search with the candidates that need no decomposition: targets, edge
//! cases and the promise that the reported error is the real one.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tensegrity_fit::{
    Candidate, Error, Family, FitOptions, Problem, Progress, Registry, Representation, Result,
    Target, expanded_dtype, fit,
};
use tensegrity_tensor::{Array, DType, SplitMix64, Tensor, c64, c128};

fn search(array: &Array, dtype: DType, target: Target) -> Result<tensegrity_fit::Fit> {
    fit(
        &Registry::default(),
        array,
        dtype,
        target,
        &FitOptions::default(),
    )
}

/// Writes, reads, expands and compares as a user would.
fn check(array: &Array, dtype: DType, target: Target) -> tensegrity_fit::Fit {
    let found = search(array, dtype, target).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tsg");
    found.representation.write(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), found.stored_bytes);
    let back = Representation::read(&path).unwrap();
    let expanded = back.expand().unwrap();
    assert!(expanded == found.representation.expand().unwrap());
    assert_eq!(expanded.shape(), array.shape());
    assert_eq!(expanded.dtype(), expanded_dtype(dtype));
    let error = user_error(array, &expanded);
    assert!(
        (error - found.error).abs() <= 1e-12 * error.max(1e-3),
        "{error} {}",
        found.error
    );
    match target {
        Target::Error(limit) => assert!(found.error <= limit, "{} {limit}", found.error),
        Target::Bytes(limit) => assert!(found.stored_bytes <= limit),
        Target::Ratio(limit) => assert!(found.ratio() >= limit),
        _ => unreachable!(),
    }
    found
}

fn parts(array: &Array) -> Vec<f64> {
    match array {
        Array::F32(t) => t.as_slice().iter().map(|&x| x.into()).collect(),
        Array::F64(t) => t.as_slice().to_vec(),
        Array::I64(t) => t.as_slice().iter().map(|&x| x as f64).collect(),
        Array::C64(t) => t
            .as_slice()
            .iter()
            .flat_map(|z| [z.re.into(), z.im.into()])
            .collect(),
        Array::C128(t) => t.as_slice().iter().flat_map(|z| [z.re, z.im]).collect(),
        _ => unreachable!(),
    }
}

fn user_error(x: &Array, y: &Array) -> f64 {
    let (x, y) = (parts(x), parts(y));
    let distance: f64 = x.iter().zip(&y).map(|(a, b)| (a - b) * (a - b)).sum();
    let norm: f64 = x.iter().map(|a| a * a).sum();
    if norm == 0.0 {
        distance
    } else {
        (distance / norm).sqrt()
    }
}

fn wave(shape: &[usize]) -> Array {
    Tensor::from_fn(shape, |index| {
        let s: f64 = index
            .iter()
            .enumerate()
            .map(|(k, &i)| (k + 1) as f64 * i as f64)
            .sum();
        (0.05 * s).sin() + 0.3
    })
    .unwrap()
    .into()
}

#[test]
fn errors_are_met_and_used_up_for_every_shape() {
    for shape in [
        &[][..],
        &[1],
        &[7],
        &[1, 1],
        &[1000],
        &[31, 37],
        &[5, 7, 11],
        &[2, 3, 2, 5, 3],
    ] {
        for error in [0.3, 0.01, 1e-6, 1e-12, 0.0] {
            check(&wave(shape), DType::F64, Target::Error(error));
        }
    }
}

#[test]
fn a_large_enough_array_uses_the_error_up() {
    let x: Array = SplitMix64::new(1).normal_tensor::<f64>(&[60, 50, 4]).into();
    for error in [0.2, 0.03, 1e-4] {
        let found = check(&x, DType::F64, Target::Error(error));
        assert!(found.error >= 0.99 * error, "{} {error}", found.error);
    }
}

#[test]
fn noise_costs_what_information_theory_says() {
    let x: Array = SplitMix64::new(2).normal_tensor::<f32>(&[100, 300]).into();
    let found = check(&x, DType::F32, Target::Error(0.01));
    let bits = found.stored_bytes as f64 * 8.0 / 30_000.0;
    // The rate-distortion function is log2(100) bits; a scalar quantiser adds a quarter.
    let bound = 100f64.log2();
    assert!(bits > bound && bits < bound + 0.25 + 0.15, "{bits} {bound}");
}

#[test]
fn bytes_and_ratios_are_met() {
    let x = wave(&[40, 50]);
    for bytes in [300, 1000, 5000, 100_000] {
        let found = check(&x, DType::F64, Target::Bytes(bytes));
        if bytes == 100_000 {
            assert_eq!(found.error, 0.0);
        }
    }
    let coarse = check(&x, DType::F64, Target::Ratio(40.0));
    let fine = check(&x, DType::F64, Target::Ratio(10.0));
    assert!(fine.error < coarse.error);
}

#[test]
fn constant_and_zero_arrays_are_tiny() {
    for (value, dtype) in [
        (0.0, DType::U8),
        (3.0, DType::U8),
        (0.1, DType::F64),
        (-1e300, DType::F64),
    ] {
        let x: Array = Tensor::full(&[50, 60, 7], value).unwrap().into();
        let found = check(&x, dtype, Target::Error(0.0));
        assert_eq!(found.structure(), "constant");
        assert!(found.stored_bytes < 300, "{}", found.stored_bytes);
    }
}

#[test]
fn integers_are_exact_when_asked() {
    let mut rng = SplitMix64::new(3);
    let bytes: Vec<f32> = (0..3000).map(|_| rng.below(256) as f32).collect();
    let x: Array = Tensor::from_vec(bytes, &[30, 100]).unwrap().into();
    let found = check(&x, DType::U8, Target::Error(0.0));
    assert!(found.stored_bytes < 3000 + 300);
    let counts: Vec<i64> = (0..600)
        .map(|_| rng.below(1 << 45) as i64 - (1 << 44))
        .collect();
    let x: Array = Tensor::from_vec(counts, &[600]).unwrap().into();
    let found = check(&x, DType::I64, Target::Error(0.0));
    assert!(found.error == 0.0 && found.stored_bytes < 600 * 6 + 300);
}

#[test]
fn complex_arrays_work() {
    let mut rng = SplitMix64::new(4);
    let x: Tensor<c128> = rng.normal_tensor(&[20, 30]);
    let narrow: Tensor<c64> = x.map(|z| c64::new(z.re as f32, z.im as f32));
    for error in [0.1, 1e-3, 0.0] {
        check(&x.clone().into(), DType::C128, Target::Error(error));
        check(&narrow.clone().into(), DType::C64, Target::Error(error));
    }
}

#[test]
fn every_element_type_is_stored_exactly_when_asked() {
    let x: Array = Tensor::from_vec(vec![0.0f32, 1.0, 1.0, 0.0, 1.0], &[5])
        .unwrap()
        .into();
    for dtype in DType::ALL.into_iter().filter(|dtype| !dtype.is_complex()) {
        assert_eq!(check(&x, dtype, Target::Error(0.0)).error, 0.0);
    }
}

#[test]
fn what_cannot_be_met_says_what_can() {
    let x = wave(&[8, 8]);
    let message = search(&x, DType::F64, Target::Bytes(10))
        .unwrap_err()
        .to_string();
    assert!(message.contains("the smallest file has"), "{message}");
    for error in [-1.0, f64::NAN] {
        assert!(matches!(
            search(&x, DType::F64, Target::Error(error)),
            Err(Error::Target { .. })
        ));
    }
    assert!(search(&x, DType::F64, Target::Ratio(f64::INFINITY)).is_err());
}

#[test]
fn bad_arrays_are_named() {
    let empty: Array = Tensor::<f32>::zeros(&[3, 0]).unwrap().into();
    assert!(matches!(
        search(&empty, DType::F32, Target::Error(0.1)),
        Err(Error::Empty { .. })
    ));
    let mut x = Tensor::<f64>::zeros(&[4, 5]).unwrap();
    x.as_mut_slice()[13] = f64::NAN;
    let message = search(&x.into(), DType::F64, Target::Error(0.1))
        .unwrap_err()
        .to_string();
    assert!(message.contains("NaN at index [2, 3]"), "{message}");
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let x = wave(&[23, 29]);
    let bytes = || {
        let found = search(&x, DType::F64, Target::Error(0.02)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tsg");
        found.representation.write(&path).unwrap();
        std::fs::read(path).unwrap()
    };
    assert_eq!(bytes(), bytes());
}

#[test]
fn a_cancelled_fit_stops() {
    let flag = AtomicBool::new(true);
    let options = FitOptions {
        progress: Progress {
            cancel: Some(&flag),
            report: None,
        },
        ..FitOptions::default()
    };
    let found = fit(
        &Registry::default(),
        &wave(&[9]),
        DType::F64,
        Target::Error(0.1),
        &options,
    );
    assert!(matches!(found, Err(Error::Cancelled)));
}

/// A candidate from outside: knows the array by heart.
struct Oracle;

impl Candidate for Oracle {
    fn name(&self) -> &str {
        "oracle"
    }

    fn propose<'p>(
        &self,
        problem: &'p Problem<'p>,
        _: &Progress<'_>,
    ) -> Result<Vec<Box<dyn Family + 'p>>> {
        Ok(vec![Box::new(ByHeart(problem.source(), problem.dtype()))])
    }
}

struct ByHeart<'p>(&'p Array, DType);

impl Family for ByHeart<'_> {
    fn structure(&self) -> &str {
        "oracle"
    }

    fn detail(&self) -> String {
        "wave".into()
    }

    fn build(&mut self, _: tensegrity_fit::Fineness) -> Result<Representation> {
        // sin(a + b) = sin a cos b + cos a sin b, plus the mean: rank three.
        let shape = self.0.shape();
        let phase = |k: usize, i: usize| 0.05 * (k + 1) as f64 * i as f64;
        let rows = Tensor::from_fn(&[shape[0], 3], |i| match i[1] {
            0 => phase(0, i[0]).sin(),
            1 => phase(0, i[0]).cos(),
            _ => 0.3,
        })?;
        let columns = Tensor::from_fn(&[3, shape[1]], |i| match i[0] {
            0 => phase(1, i[1]).cos(),
            1 => phase(1, i[1]).sin(),
            _ => 1.0,
        })?;
        let plain = |t: Tensor<f64>| {
            Ok::<_, Error>(tensegrity_fit::Storage::Plain(tensegrity_fit::Plain::new(
                t.into(),
                DType::F64,
            )?))
        };
        Representation::new(
            "oracle",
            tensegrity_fit::Layout::plain(shape),
            self.1,
            tensegrity_diagram::Network {
                inputs: vec![vec![0, 1], vec![1, 2]],
                output: vec![0, 2],
                dims: vec![shape[0] as u64, 3, shape[1] as u64],
            },
            vec![plain(rows)?, plain(columns)?],
            None,
        )
    }

    fn is_fixed(&self) -> bool {
        true
    }
}

#[test]
fn other_rooms_add_candidates() {
    let mut registry = Registry::default();
    registry.add(Arc::new(Oracle));
    assert_eq!(registry.names(), ["constant", "dense", "oracle"]);
    let x = wave(&[200, 300]);
    let options = FitOptions::default();
    let found = fit(&registry, &x, DType::F64, Target::Error(1e-14), &options).unwrap();
    assert_eq!(found.structure(), "oracle");
    assert!(found.candidates.len() >= 2);
    let only = FitOptions {
        structure: Some("dense"),
        ..options.clone()
    };
    let dense = fit(&registry, &x, DType::F64, Target::Error(1e-3), &only).unwrap();
    assert_eq!(dense.structure(), "dense");
    let unknown = FitOptions {
        structure: Some("magic"),
        ..options
    };
    let message = fit(&registry, &x, DType::F64, Target::Error(0.1), &unknown).unwrap_err();
    assert!(
        message.to_string().contains("constant, dense, oracle"),
        "{message}"
    );
}
