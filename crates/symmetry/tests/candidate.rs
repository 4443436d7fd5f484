//! Fits that find symmetry.

use tensegrity_fit::{FitOptions, Registry, Representation, Target, fit};
use tensegrity_symmetry::{Group, HomSpace, candidate};
use tensegrity_tensor::{Array, DType, SplitMix64, Tensor};

/// Random weights on all partitions of four indices, n = 6, and noise.
fn nearly_symmetric(noise: f64) -> Tensor<f64> {
    let mut random = SplitMix64::new(5);
    let space = HomSpace::new(Group::Symmetric, 6, 2, 2).unwrap();
    let mut x = vec![0.0; 6_usize.pow(4)];
    for diagram in space.diagrams(tensegrity_symmetry::Basis::Reduced).unwrap() {
        let weight = random.normal();
        let matrix = diagram.matrix(Group::Symmetric, 6).unwrap();
        x.iter_mut()
            .zip(matrix.as_slice())
            .for_each(|(x, m)| *x += weight * m);
    }
    x.iter_mut().for_each(|x| *x += noise * random.normal());
    Tensor::from_vec(x, &[6, 6, 6, 6]).unwrap()
}

fn registry() -> Registry {
    let mut registry = Registry::default();
    candidate::register(&mut registry);
    registry
}

#[test]
fn an_equivariant_tensor_is_fifteen_numbers() {
    let x: Array = nearly_symmetric(1e-3).into();
    let found = fit(
        &registry(),
        &x,
        DType::F64,
        Target::Error(0.01),
        &FitOptions::default(),
    )
    .unwrap();
    let best = &found.representation;
    assert_eq!(best.structure(), "symmetry");
    assert!(best.stored_bytes() < 1000, "{}", best.stored_bytes());
    assert!(found.error < 0.01);
    let path = std::env::temp_dir().join(format!("symmetry-{}.tsg", std::process::id()));
    best.write(&path).unwrap();
    let read = Representation::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let (a, b) = (read.expand().unwrap(), best.expand().unwrap());
    assert_eq!(
        a.typed::<f64>().unwrap().as_slice(),
        b.typed::<f64>().unwrap().as_slice()
    );
}

#[test]
fn leading_axes_may_be_anything() {
    // A batch of 3: each a·1 + b·I on 5×5.
    let x = Tensor::from_fn(&[3, 5, 5], |i| {
        let diagonal = f64::from(u8::from(i[1] == i[2]));
        1.5 * i[0] as f64 + diagonal * (2.0 - i[0] as f64)
    })
    .unwrap();
    let options = FitOptions {
        structure: Some("symmetry"),
        ..FitOptions::default()
    };
    let found = fit(
        &registry(),
        &x.clone().into(),
        DType::F64,
        Target::Error(1e-9),
        &options,
    )
    .unwrap();
    let expanded = found.representation.expand().unwrap();
    for (a, b) in expanded
        .typed::<f64>()
        .unwrap()
        .as_slice()
        .iter()
        .zip(x.as_slice())
    {
        assert!((a - b).abs() < 1e-12);
    }
}
