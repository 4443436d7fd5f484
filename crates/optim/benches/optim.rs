//! Times of optimiser steps, one JSON object a line:
//! `{"name", "seconds_mean"}`, and for the layer `{"name", "ratio_to_adam"}`.
//!
//! `cargo bench -p tensegrity-optim -- FILTER` runs the cases whose name contains
//! the filter. One thread.
#![allow(clippy::print_stdout)]

use std::time::Instant;

use tensegrity_linalg::gemm;
use tensegrity_optim::*;
use tensegrity_tensor::{SplitMix64, Tensor};

const SIDE: usize = 1024;

fn random(shape: &[usize]) -> Tensor<f32> {
    SplitMix64::new(1).normal_tensor(shape)
}

/// Mean seconds of a step over two refresh periods, after one.
fn step(method: &Method, period: usize) -> f64 {
    let mut registry = Registry::new();
    registry
        .add(ParameterSpec::new("w", &[SIDE, SIDE]))
        .unwrap();
    let mut optimizer = build::<f32>(method, &registry, &Settings::default()).unwrap();
    let gradients: Vec<[Tensor<f32>; 1]> = (0..period as u64)
        .map(|seed| [SplitMix64::new(seed).normal_tensor(&[SIDE, SIDE])])
        .collect();
    let mut w = [random(&[SIDE, SIDE])];
    let mut run = |count: usize| {
        let start = Instant::now();
        for number in 0..count {
            optimizer
                .step_tensors(&mut w, &gradients[number % period])
                .unwrap();
        }
        start.elapsed().as_secs_f64() / count as f64
    };
    run(period);
    run(2 * period)
}

/// Seconds of the products of one layer, forward and backward.
fn layer(batch: usize) -> f64 {
    let (w, x) = (random(&[SIDE, SIDE]), random(&[batch, SIDE]));
    let mut y = Tensor::<f32>::zeros(&[batch, SIDE]).unwrap();
    let mut g = Tensor::<f32>::zeros(&[SIDE, SIDE]).unwrap();
    let turned = |t: &Tensor<f32>| t.view().permuted(&[1, 0]).unwrap().to_tensor();
    let (wt, xt) = (turned(&w), turned(&x));
    let mut once = || {
        let start = Instant::now();
        gemm(1.0, &x.view(), &wt.view(), 0.0, &mut y.view_mut()).unwrap();
        gemm(1.0, &x.view(), &w.view(), 0.0, &mut y.view_mut()).unwrap();
        gemm(1.0, &xt.view(), &x.view(), 0.0, &mut g.view_mut()).unwrap();
        start.elapsed().as_secs_f64()
    };
    let mut seconds: Vec<f64> = (0..5).map(|_| once()).collect();
    seconds.sort_by(f64::total_cmp);
    seconds[2]
}

fn main() {
    // `cargo bench` adds `--bench`.
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    let filter = filter.unwrap_or_default();
    let wants = |name: &str| name.contains(&filter);
    let warm = RootMethod::Orthogonal {
        sweeps: 1,
        tolerance: 0.1,
    };
    let shampoo = || Shampoo::new(0.1).betas(0.9, 0.99).graft(Graft::adam());
    let single = || {
        shampoo()
            .precision(Precision::Single)
            .ridge(Ridge::Relative(1e-6))
    };
    let cases: [(&str, Method); 6] = [
        ("shampoo f64", shampoo().into()),
        ("shampoo f64 warm", shampoo().roots(warm).into()),
        ("shampoo f32", single().into()),
        ("shampoo f32 warm", single().roots(warm).into()),
        ("soap", Soap::new(0.01).into()),
        ("muon", Muon::new(0.02).into()),
    ];
    let adam = step(&Adam::new(0.01).into(), 10);
    println!("{{\"name\": \"adam\", \"seconds_mean\": {adam:.3e}}}");
    let layers = [(256, layer(256)), (4096, layer(4096))];
    for (name, method) in cases.iter().filter(|(name, _)| wants(name)) {
        let seconds = step(method, 10);
        println!("{{\"name\": \"{name}\", \"seconds_mean\": {seconds:.3e}}}");
        for (batch, layer) in layers {
            // The bar at batch 4096 is 2.
            let ratio = (layer + seconds) / (layer + adam);
            println!("{{\"name\": \"{name}, batch {batch}\", \"ratio_to_adam\": {ratio:.3}}}");
        }
    }
}
