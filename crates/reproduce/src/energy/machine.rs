//! The meter on this machine: is it consistent with itself, and what does it cost?

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tensegrity_meter::{Backend, Meter, MeterConfig, SpanReport};

use crate::{Claim, Error, Progress, Result};

const SOURCE: &str = "our meter on this machine";
const READING: &str = "a reading of this machine";

/// Keeps `threads` threads busy for `time`.
fn busy(threads: usize, time: Duration) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut x = 1u64;
                while !stop.load(Ordering::Relaxed) {
                    for _ in 0..10_000 {
                        x = black_box(x.wrapping_mul(6_364_136_223_846_793_005) + 1);
                    }
                }
            });
        }
        std::thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
    });
}

pub(super) fn claims(quick: bool, progress: Progress<'_>) -> Result<Vec<Claim>> {
    let open = |config: MeterConfig| Meter::auto(config).map_err(Error::computing("meter"));
    // The process's own load, so that other work on the machine stays out.
    let meter = open(MeterConfig {
        backend: Some(Backend::Model),
        gpu: false,
        ..MeterConfig::default()
    })?;
    let time = Duration::from_millis(if quick { 400 } else { 2000 });

    let outer = meter.span("loops");
    progress("idle", 0.15);
    let span = outer.span("idle");
    std::thread::sleep(time);
    let idle = span.stop();
    progress("one busy thread", 0.35);
    let span = outer.span("one");
    busy(1, time);
    let one = span.stop();
    progress("two busy threads", 0.6);
    let span = outer.span("two");
    busy(2, time);
    let two = span.stop();
    let outer = outer.stop();
    progress("cost of a sample", 0.85);
    let cost = sample_cost(
        &open(MeterConfig::default())?,
        if quick { 200 } else { 1000 },
    );

    let watts = |report: &SpanReport| format!("{:.2} W", report.watts);
    let inner = idle.joules + one.joules + two.joules;
    // On a loaded machine two threads may get no more time than one does.
    let cpu = |report: &SpanReport| report.cpu_seconds.unwrap_or(0.0);
    let side_by_side = cpu(&two) > 1.25 * cpu(&one);
    let doubling = Claim::new(
        "twice the threads in a busy loop draw more modelled power, and more than idling",
        SOURCE,
        format!("{}, {}, {}", watts(&idle), watts(&one), watts(&two)),
        match (one.watts > idle.watts, side_by_side) {
            (true, true) => Some(two.watts > one.watts),
            (true, false) => None,
            (false, _) => Some(false),
        },
    );
    Ok(vec![
        doubling.note(if side_by_side {
            READING.into()
        } else {
            format!("{READING}; it was too busy, or too small, to run two threads at once")
        }),
        Claim::new(
            "spans inside a span draw no more than it does",
            SOURCE,
            format!("{inner:.3} J of {:.3} J", outer.joules),
            inner <= outer.joules * (1.0 + 1e-9),
        )
        .note(READING),
        Claim::new(
            "sampling ten times a second costs less than 0.5 % of a processor",
            SOURCE,
            format!("{:.4} % ({:.1} µs a sample)", 1000.0 * cost, 1e6 * cost),
            10.0 * cost < 0.005,
        )
        .note(READING),
    ])
}

/// Seconds one sample takes; the median, so that a moment of waiting for a
/// processor does not count.
fn sample_cost(meter: &Meter, samples: usize) -> f64 {
    let mut seconds: Vec<f64> = (0..samples)
        .map(|_| {
            let clock = Instant::now();
            meter.sample();
            clock.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[samples / 2]
}
