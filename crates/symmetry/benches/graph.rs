//! Times of graph polynomials and graph layers, one JSON line for each case:
//! `{"name", "seconds": […], "seconds_median"}`. One thread; processor time where
//! the system tells it, so that other processes do not count.

#![allow(clippy::print_stdout)] // its lines are read by the benchmark script

use std::hint::black_box;
use std::time::Instant;

use tensegrity_symmetry::graph::{Graph, GraphLayer, automorphisms};
use tensegrity_symmetry::poly::{ContractionBank, PolynomialBank, extra_polynomials};
use tensegrity_tensor::{SplitMix64, Tensor};

fn main() {
    tensegrity_tensor::set_threads(1);
    let twelve = extra_polynomials(6, ContractionBank::EDGE).unwrap();
    for n in [23, 40] {
        let x = random_graph(n);
        time(&format!("12 polynomials n={n}"), || {
            // As the peers search their paths in every call, so is the plan made.
            let bank = PolynomialBank::new(&twelve, true).unwrap();
            black_box(bank.features(&x).unwrap());
        });
        let bank = PolynomialBank::new(&twelve, true).unwrap();
        time(&format!("12 polynomials n={n}, planned before"), || {
            black_box(bank.features(&x).unwrap());
        });
    }
    let group = automorphisms(&Graph::cycle(512).unwrap()).unwrap();
    let layer = GraphLayer::new(&group, 1, 1, 8, 8, false, 0).unwrap();
    let x = SplitMix64::derived(1, 0).normal_tensor::<f64>(&[32, 8, 512]);
    time("layer of C512 1->1, 8 channels, batch 32", || {
        black_box(layer.apply(&x).unwrap());
    });
    time("automorphisms of C512", || {
        black_box(automorphisms(&Graph::cycle(512).unwrap()).unwrap());
    });
}

/// About a fifth of all pairs are edges; the peers are given the same graph.
fn random_graph(n: usize) -> Tensor<f64> {
    Tensor::from_fn(&[1, n, n], |index| {
        let (i, j) = (index[1].max(index[2]), index[1].min(index[2]));
        f64::from(u8::from(i != j && edge(i, j)))
    })
    .unwrap()
}

fn edge(i: usize, j: usize) -> bool {
    let mixed = (i as u32 * 1009 + j as u32 + 1).wrapping_mul(2_654_435_761);
    (mixed >> 16).is_multiple_of(5)
}

fn time(name: &str, mut call: impl FnMut()) {
    call();
    let start = Instant::now();
    call();
    let once = start.elapsed().as_secs_f64().max(1e-9);
    let calls = ((0.05 / once) as usize).clamp(1, 1000);
    let origin = Instant::now();
    let mut seconds: Vec<f64> = (0..15)
        .map(|_| {
            let start = clock(&origin);
            (0..calls).for_each(|_| call());
            (clock(&origin) - start) / calls as f64
        })
        .collect();
    let raw: Vec<String> = seconds.iter().map(|s| format!("{s:e}")).collect();
    let raw = raw.join(", ");
    seconds.sort_by(f64::total_cmp);
    let median = seconds[seconds.len() / 2];
    println!("{{\"name\": \"{name}\", \"seconds\": [{raw}], \"seconds_median\": {median:e}}}");
}

/// Seconds this thread has run, or has existed where that is not known.
fn clock(origin: &Instant) -> f64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse::<f64>().ok())
        .map_or_else(
            || origin.elapsed().as_secs_f64(),
            |nanoseconds| nanoseconds * 1e-9,
        )
}
