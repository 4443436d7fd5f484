//! Decompositions in a fit: what each is good at is found, targets are met by
//! decoded files, and results do not depend on threads.

use tensegrity_fit::{Error, Fit, FitOptions, Registry, Representation, Target, fit};
use tensegrity_tensor::{Array, DType, SplitMix64, Tensor, c128, set_threads};

fn registry() -> Registry {
    let mut registry = Registry::default();
    tensegrity_decompose::candidate::register(&mut registry);
    registry
}

fn bytes_of(representation: &Representation) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.tsg");
    representation.write(&path).unwrap();
    std::fs::read(path).unwrap()
}

/// Fits, stores, reads, expands, and checks the promise.
fn check(x: &Array, dtype: DType, target: Target, structure: Option<&str>) -> Fit {
    let options = FitOptions {
        structure,
        ..FitOptions::default()
    };
    let found = fit(&registry(), x, dtype, target, &options).unwrap();
    assert_eq!(found.notes, Vec::<String>::new());
    let bytes = bytes_of(&found.representation);
    assert_eq!(bytes.len() as u64, found.stored_bytes);
    let back = Representation::from_bytes(&bytes).unwrap();
    assert_eq!(back.error_against(x).unwrap(), found.error);
    match target {
        Target::Error(limit) => assert!(found.error <= limit, "{} {limit}", found.error),
        Target::Bytes(limit) => assert!(found.stored_bytes <= limit),
        _ => {}
    }
    found
}

/// A tensor of CP rank `rank`.
fn low_rank(shape: &[usize], rank: usize, seed: u64) -> Tensor<f64> {
    let mut rng = SplitMix64::new(seed);
    let factors: Vec<Tensor<f64>> = shape
        .iter()
        .map(|&n| rng.normal_tensor(&[n, rank]))
        .collect();
    Tensor::from_fn(shape, |index| {
        (0..rank)
            .map(|r| {
                let entries = index.iter().zip(&factors);
                entries
                    .map(|(&i, factor)| factor.as_slice()[i * rank + r])
                    .product::<f64>()
            })
            .sum()
    })
    .unwrap()
}

#[test]
fn low_rank_is_found_and_costs_its_parameters() {
    let x: Array = low_rank(&[30, 40, 50], 3, 1).into();
    for (structure, error) in [
        ("cp", 0.01),
        ("tucker", 0.01),
        ("tt", 0.01),
        ("tucker", 1e-7),
    ] {
        let found = check(&x, DType::F64, Target::Error(error), Some(structure));
        assert_eq!(found.structure(), structure);
        // 360 numbers in factors and at most 450 more in a core, at log2(1/error) + 3 bits.
        let bits = (1.0 / error).log2() + 3.0;
        let bound = 300.0 + 810.0 * bits / 8.0;
        assert!(
            (found.stored_bytes as f64) < bound,
            "{structure} {} {bound}",
            found.stored_bytes
        );
    }
    let found = check(&x, DType::F64, Target::Error(0.01), None);
    assert!(found.stored_bytes < 900, "{}", found.stored_bytes);
    let dense = found
        .candidates
        .iter()
        .find(|row| row.structure == "dense")
        .unwrap();
    assert!(dense.stored_bytes > 20 * found.stored_bytes);
}

#[test]
fn a_smooth_function_of_one_variable_is_a_short_quantised_train() {
    let x = Tensor::from_fn(&[1 << 14], |i| {
        let t = i[0] as f64 / 16384.0;
        (40.0 * t).sin() * (-3.0 * t).exp()
    });
    let found = check(&x.unwrap().into(), DType::F64, Target::Error(1e-6), None);
    assert_eq!(found.structure(), "qtt");
    assert!(found.stored_bytes < 1200, "{}", found.stored_bytes);
    assert!(!found.spectra.is_empty());
}

#[test]
fn a_picture_is_coded_in_blocks() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/camera.png");
    let picture = tensegrity_tensor::file::read_one(path, None).unwrap();
    let found = check(&picture.array, picture.source, Target::Error(0.1), None);
    // JPEG needs 2677 bytes at error 0.088, WebP 3006 at its coarsest.
    assert_eq!(found.structure(), "tucker");
    assert!(found.candidates[0].detail.contains("blocks"));
    assert!(found.stored_bytes < 1400, "{}", found.stored_bytes);
    assert!(found.error > 0.098);
}

#[test]
fn every_structure_meets_its_target_on_awkward_shapes() {
    for shape in [
        &[17, 19][..],
        &[7, 11, 13],
        &[2, 2],
        &[1, 40],
        &[3, 1, 5, 1, 4],
        &[101],
        &[64],
    ] {
        let x: Array = SplitMix64::new(7).normal_tensor::<f64>(shape).into();
        for structure in ["tucker", "tt", "qtt", "cp"] {
            let options = FitOptions {
                structure: Some(structure),
                ..FitOptions::default()
            };
            for target in [Target::Error(0.3), Target::Error(0.01), Target::Bytes(400)] {
                match fit(&registry(), &x, DType::F64, target, &options) {
                    Ok(_) => {
                        check(&x, DType::F64, target, Some(structure));
                    }
                    // A structure may not apply (one axis has no Tucker form).
                    Err(Error::Unreachable { .. }) => {}
                    Err(error) => panic!("{structure} {shape:?} {target}: {error}"),
                }
            }
        }
        check(&x, DType::F64, Target::Error(0.01), None);
    }
}

#[test]
fn complex_arrays_have_structure_too() {
    let re = low_rank(&[16, 18, 20], 2, 3);
    let im = low_rank(&[16, 18, 20], 2, 4);
    let pairs = re.as_slice().iter().zip(im.as_slice());
    let z: Vec<c128> = pairs.map(|(&re, &im)| c128::new(re, im)).collect();
    let x: Array = Tensor::from_vec(z, &[16, 18, 20]).unwrap().into();
    for structure in ["tucker", "tt", "cp", "qtt"] {
        let found = check(&x, DType::C128, Target::Error(1e-3), Some(structure));
        if structure != "qtt" {
            assert!(found.ratio() > 20.0, "{structure} {}", found.ratio());
        }
    }
}

#[test]
fn padding_is_cropped_again() {
    let x = Tensor::from_fn(&[50, 46, 3], |i| {
        ((i[0] + 2 * i[1]) as f64 * 0.1).sin() + i[2] as f64
    });
    let x: Array = x.unwrap().into();
    for structure in ["tucker", "qtt"] {
        let found = check(&x, DType::F64, Target::Error(0.02), Some(structure));
        assert_eq!(found.representation.expand().unwrap().shape(), [50, 46, 3]);
    }
}

#[test]
fn noise_has_no_structure_and_costs_no_more_than_dense() {
    let x: Array = SplitMix64::new(5)
        .normal_tensor::<f32>(&[24, 24, 24])
        .into();
    let auto = check(&x, DType::F32, Target::Error(0.05), None);
    let dense = check(&x, DType::F32, Target::Error(0.05), Some("dense"));
    assert!(auto.stored_bytes <= dense.stored_bytes);
    assert!(auto.stored_bytes > dense.stored_bytes * 9 / 10);
}

#[test]
fn threads_do_not_change_a_byte() {
    let x: Array = low_rank(&[20, 24, 28], 6, 9).into();
    let run = |threads| {
        set_threads(threads);
        bytes_of(&check(&x, DType::F64, Target::Error(0.02), None).representation)
    };
    let (one, two) = (run(1), run(2));
    set_threads(1);
    assert_eq!(one, two);
}
