//! What the tests share.
#![allow(dead_code)]

use tensegrity_optim::*;
use tensegrity_tensor::Tensor;

/// Element n is sin(0.9·n² + 1.3·n + s): full rank, no seed to agree on.
pub fn wave(shape: &[usize], s: f64) -> Tensor<f64> {
    let count: usize = shape.iter().product();
    let data = (0..count)
        .map(|n| n as f64)
        .map(|n| (0.9 * n * n + 1.3 * n + s).sin());
    Tensor::from_vec(data.collect(), shape).unwrap()
}

#[track_caller]
pub fn assert_all(found: &Tensor<f64>, expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.as_slice().iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance,
            "element {i} is {found}, not {expected}"
        );
    }
}

/// A registry of `w` alone.
pub fn alone(shape: &[usize]) -> Registry {
    let mut registry = Registry::new();
    registry.add(ParameterSpec::new("w", shape)).unwrap();
    registry
}

pub fn optimizer(method: impl Into<Method>, registry: &Registry) -> Box<dyn Optimizer<f64>> {
    build(&method.into(), registry, &Settings::default()).unwrap()
}

/// The tensor after steps along given gradients.
pub fn after(
    method: impl Into<Method>,
    start: Tensor<f64>,
    gradients: &[Tensor<f64>],
) -> Tensor<f64> {
    let mut optimizer = optimizer(method, &alone(start.shape()));
    let mut w = [start];
    for gradient in gradients {
        optimizer
            .step_tensors(&mut w, std::slice::from_ref(gradient))
            .unwrap();
    }
    let [w] = w;
    w
}

/// Gradients `wave(shape, 1), wave(shape, 2), …`.
pub fn waves(shape: &[usize], count: usize) -> Vec<Tensor<f64>> {
    (1..=count).map(|t| wave(shape, t as f64)).collect()
}

pub fn product(a: &Tensor<f64>, b: &Tensor<f64>) -> Tensor<f64> {
    tensegrity_linalg::matmul(&a.view(), &b.view()).unwrap()
}

pub fn transposed(a: &Tensor<f64>) -> Tensor<f64> {
    a.permuted(&[1, 0]).unwrap()
}

pub fn distance(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    tensegrity_tensor::relative_error(&a.view(), &b.view()).unwrap()
}
