//! Timing shared by the benches of this crate: one JSON object a line.
#![allow(missing_docs)]

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Runs `work` for about half a second and prints how long one call takes.
///
/// `bytes` are read and written together by one call, so that
/// `bytes / seconds` compares with a memory bandwidth.
#[allow(clippy::print_stdout)]
pub fn report<R>(name: &str, bytes: usize, mut work: impl FnMut() -> R) {
    if let Some(filter) = std::env::args().skip(1).find(|a| !a.starts_with('-'))
        && !name.contains(&filter)
    {
        return;
    }
    let once = {
        black_box(work());
        let start = Instant::now();
        black_box(work());
        start.elapsed()
    };
    // Batches long enough for the clock.
    let batch = (Duration::from_micros(200).as_nanos() / once.as_nanos().max(1)).max(1);
    let mut samples = Vec::new();
    let start = Instant::now();
    while samples.len() < 7 || (start.elapsed() < Duration::from_millis(500) && samples.len() < 999)
    {
        let start = Instant::now();
        for _ in 0..batch {
            black_box(work());
        }
        samples.push(start.elapsed().as_secs_f64() / batch as f64);
    }
    samples.sort_by(f64::total_cmp);
    let (median, min) = (samples[samples.len() / 2], samples[0]);
    println!(
        "{{\"name\":\"{name}\",\"seconds_median\":{median:.4e},\"seconds_min\":{min:.4e},\
         \"bytes\":{bytes},\"gigabytes_per_second\":{:.2}}}",
        bytes as f64 / min * 1e-9
    );
}
