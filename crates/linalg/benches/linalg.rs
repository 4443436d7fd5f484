//! Times of the dense kernels, one JSON object a line:
//! `{"name", "seconds_median", "seconds_min"}`.
//!
//! `cargo bench -p tensegrity-linalg --bench linalg -- FILTER` runs the cases
//! whose name contains the filter. One thread.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use tensegrity_linalg::*;
use tensegrity_tensor::{SplitMix64, Tensor, c128};

struct Bench {
    filter: String,
}

impl Bench {
    /// Repeats `work` for about half a second, in groups long enough to time.
    fn run<R>(&self, name: &str, mut work: impl FnMut() -> R) {
        if !name.contains(&self.filter) {
            return;
        }
        let start = Instant::now();
        black_box(work());
        let once = start.elapsed().max(Duration::from_nanos(20));
        let group = (Duration::from_micros(50).as_nanos() / once.as_nanos()).max(1) as u32;
        let mut seconds = Vec::new();
        let begin = Instant::now();
        while seconds.len() < 5 || begin.elapsed() < Duration::from_millis(500) {
            let start = Instant::now();
            for _ in 0..group {
                black_box(work());
            }
            seconds.push(start.elapsed().as_secs_f64() / f64::from(group));
        }
        seconds.sort_by(f64::total_cmp);
        println!(
            "{{\"name\": \"{name}\", \"seconds_median\": {:.3e}, \"seconds_min\": {:.3e}}}",
            seconds[seconds.len() / 2],
            seconds[0]
        );
    }
}

fn random<T: Field>(shape: &[usize]) -> Tensor<T> {
    SplitMix64::new(1).normal_tensor(shape)
}

fn products<T: Field>(bench: &Bench, dtype: &str) {
    for n in [4, 8, 16, 64, 256, 500, 1000, 2000] {
        let (a, b) = (random::<T>(&[n, n]), random::<T>(&[n, n]));
        let mut c = Tensor::<T>::zeros(&[n, n]).unwrap();
        let mut c = c.view_mut();
        let (a, b) = (a.view(), b.view());
        bench.run(&format!("gemm {dtype} {n}"), || {
            gemm(T::ONE, &a, &b, T::ZERO, &mut c).unwrap();
        });
    }
    for (m, k, n) in [
        (1, 1000, 1),
        (100, 100, 1),
        (1, 100, 100),
        (1000, 1000, 1),
        (1000, 1, 1000),
    ] {
        let (a, b) = (random::<T>(&[m, k]), random::<T>(&[k, n]));
        let mut c = Tensor::<T>::zeros(&[m, n]).unwrap();
        let mut c = c.view_mut();
        let (a, b) = (a.view(), b.view());
        bench.run(&format!("gemm {dtype} {m}x{k}x{n}"), || {
            gemm(T::ONE, &a, &b, T::ZERO, &mut c).unwrap();
        });
    }
    let (a, b) = (random::<T>(&[1000, 4, 4]), random::<T>(&[1000, 4, 4]));
    let mut c = Tensor::<T>::zeros(&[1000, 4, 4]).unwrap();
    let mut c = c.view_mut();
    let (a, b) = (a.view(), b.view());
    bench.run(&format!("gemm_batched {dtype} 1000x4x4x4"), || {
        gemm_batched(T::ONE, &a, &b, T::ZERO, &mut c).unwrap();
    });
    let a = random::<T>(&[100, 10_000]);
    bench.run(&format!("gram_rows {dtype} 100x10000"), || {
        gram_rows(&a.view()).unwrap()
    });
    let transposed = a.permuted(&[1, 0]).unwrap();
    bench.run(&format!("gram_columns {dtype} 10000x100"), || {
        gram_columns(&transposed.view()).unwrap()
    });
    let a = random::<T>(&[1000, 1000]);
    bench.run(&format!("gram_rows {dtype} 1000x1000"), || {
        gram_rows(&a.view()).unwrap()
    });
}

fn factorisations(bench: &Bench) {
    for n in [10, 100, 500, 1000] {
        let a = random::<f64>(&[n, n]);
        let view = a.view();
        let hermitian = gram_rows(&view).unwrap();
        bench.run(&format!("qr f64 {n}"), || qr(&view).unwrap());
        bench.run(&format!("eigh f64 {n}"), || {
            eigh(&hermitian.view()).unwrap()
        });
        bench.run(&format!("cholesky f64 {n}"), || {
            cholesky(&hermitian.view()).unwrap()
        });
        let b = random::<f64>(&[n]);
        bench.run(&format!("solve f64 {n}"), || {
            solve(&view, &b.view()).unwrap()
        });
        bench.run(&format!("svd f64 {n}"), || svd(&view).unwrap());
        bench.run(&format!("singular_values f64 {n}"), || {
            singular_values(&view).unwrap()
        });
    }
    let tall = random::<f64>(&[5000, 50]);
    bench.run("svd f64 5000x50", || svd(&tall.view()).unwrap());
    bench.run("qr f64 5000x50", || qr(&tall.view()).unwrap());
    let b = random::<f64>(&[5000]);
    bench.run("lstsq f64 5000x50", || {
        lstsq(&tall.view(), &b.view(), None).unwrap()
    });
}

fn truncated(bench: &Bench) {
    let wide = random::<f64>(&[100, 10_000]);
    let single = random::<f32>(&[100, 10_000]);
    let square = random::<f64>(&[1000, 1000]);
    for method in [
        SvdMethod::Gram,
        SvdMethod::Qr,
        SvdMethod::Randomized,
        SvdMethod::Full,
    ] {
        let rank = Truncation::rank(10);
        bench.run(
            &format!("left_vectors f64 100x10000 r10 {method:?}"),
            || left_vectors(&wide.view(), &rank, method).unwrap(),
        );
        bench.run(
            &format!("truncated_svd f64 100x10000 r10 {method:?}"),
            || truncated_svd(&wide.view(), &rank, method).unwrap(),
        );
        bench.run(
            &format!("truncated_svd f32 100x10000 r10 {method:?}"),
            || truncated_svd(&single.view(), &rank, method).unwrap(),
        );
        bench.run(
            &format!("truncated_svd f64 1000x1000 r10 {method:?}"),
            || truncated_svd(&square.view(), &rank, method).unwrap(),
        );
    }
}

/// Roots and polar factors; the bar for five steps on 1024×1024 in f32 is 1.3
/// times fifteen products of that size, the first case here.
fn roots(bench: &Bench) {
    let a = random::<f32>(&[1024, 1024]);
    let view = a.view();
    let mut c = Tensor::<f32>::zeros(&[1024, 1024]).unwrap();
    let mut c = c.view_mut();
    bench.run("gemm f32 1024 fifteen times", || {
        for _ in 0..15 {
            gemm(1.0, &view, &view, 0.0, &mut c).unwrap();
        }
    });
    let muon = PolarMethod::NewtonSchulz(NewtonSchulz::muon(5));
    bench.run("msign f32 1024 muon 5", || msign(&view, &muon).unwrap());
    for n in [128, 512] {
        let a = gram_rows(&random::<f64>(&[n, 2 * n]).view()).unwrap();
        let basis = eigh(&a.view()).unwrap().vectors;
        let warm = RootMethod::Orthogonal {
            sweeps: 1,
            tolerance: 0.5,
        };
        for (name, method, start) in [
            ("eigen", RootMethod::Eigen, None),
            ("newton", RootMethod::coupled_newton(), None),
            ("warm", warm, Some(basis.view())),
        ] {
            let tasks = [RootTask {
                matrix: a.view(),
                p: 4.0,
                start,
            }];
            bench.run(&format!("inverse_root f64 {n} {name}"), || {
                inverse_roots(&tasks, Ridge::Relative(1e-6), method)
            });
        }
    }
}

fn main() {
    // `cargo bench` adds `--bench`.
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    let bench = Bench {
        filter: filter.unwrap_or_default(),
    };
    products::<f64>(&bench, "f64");
    products::<f32>(&bench, "f32");
    products::<c128>(&bench, "c128");
    factorisations(&bench);
    truncated(&bench);
    roots(&bench);
}
