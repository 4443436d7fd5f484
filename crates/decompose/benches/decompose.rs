//! Times of the decompositions, one JSON line for each case:
//! `{"name", "seconds_median", "seconds_min"}`. One thread.

use std::hint::black_box;
use std::time::Instant;

use tensegrity_decompose::{
    CpOptions, HooiOptions, Tol, TtOptions, TuckerOptions, cp_als, hooi, st_hosvd, tt_svd,
};
use tensegrity_linalg::matmul;
use tensegrity_tensor::{SplitMix64, Tensor};

fn main() {
    tensegrity_tensor::set_threads(1);
    let x = low_rank(100, 10, 1e-2);
    let ranks = Tol::Ranks(vec![10, 10, 10]);
    time("st_hosvd 100^3 -> (10,10,10)", || {
        let found = st_hosvd(&x.view(), &ranks, &TuckerOptions::default()).unwrap();
        black_box(found.report.error);
    });
    time("st_hosvd 100^3 rel 0.05", || {
        let found = st_hosvd(&x.view(), &Tol::Rel(0.05), &TuckerOptions::default()).unwrap();
        black_box(found.report.error);
    });
    let sweeps = HooiOptions {
        n_iter: 10,
        tol: 0.0,
        ..Default::default()
    };
    time("hooi 100^3 -> (10,10,10), 10 sweeps", || {
        let found = hooi(&x.view(), &[10, 10, 10], &sweeps).unwrap();
        black_box(found.report.error);
    });
    let pair = Tol::Ranks(vec![10, 10]);
    time("tt_svd 100^3 (10,10)", || {
        let found = tt_svd(&x.view(), &pair, &TtOptions::default()).unwrap();
        black_box(found.report.error);
    });
    let options = CpOptions {
        n_iter: 10,
        tol: 0.0,
        ..Default::default()
    };
    time("cp_als 100^3 rank 10, 10 sweeps", || {
        let found = cp_als(&x.view(), 10, &options).unwrap();
        black_box(found.report.error);
    });
    let smooth = Tensor::from_fn(&[12; 5], |i| {
        (1.0 + i.iter().map(|k| k * k).sum::<usize>() as f64).sqrt()
    })
    .unwrap();
    let four = Tol::Ranks(vec![7, 8, 8, 7]);
    time("tt_svd 12^5 (7,8,8,7)", || {
        let found = tt_svd(&smooth.view(), &four, &TtOptions::default()).unwrap();
        black_box(found.report.error);
    });
}

/// A random rank-`rank` tensor with `noise` of its norm added as white noise.
fn low_rank(size: usize, rank: usize, noise: f64) -> Tensor<f64> {
    let mut rng = SplitMix64::new(0);
    let factors: Vec<Tensor<f64>> = (0..3).map(|_| rng.normal_tensor(&[size, rank])).collect();
    let views: Vec<_> = factors[1..].iter().map(Tensor::view).collect();
    let right = tensegrity_decompose::khatri_rao(&views).unwrap();
    let exact = matmul(&factors[0].view(), &right.view().permuted(&[1, 0]).unwrap()).unwrap();
    let scale = noise * exact.norm() / (exact.len() as f64).sqrt();
    let data = exact.as_slice().iter().map(|&v| v + scale * rng.normal());
    Tensor::from_vec(data.collect(), &[size; 3]).unwrap()
}

fn time(name: &str, mut run: impl FnMut()) {
    run();
    let mut seconds: Vec<f64> = (0..21)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    let (median, least) = (seconds[seconds.len() / 2], seconds[0]);
    #[allow(clippy::print_stdout)]
    {
        println!(
            "{{\"name\": \"{name}\", \"seconds_median\": {median:.6e}, \"seconds_min\": {least:.6e}}}"
        );
    }
}
