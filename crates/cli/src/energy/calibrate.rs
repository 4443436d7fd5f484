//! `tensegrity energy calibrate`.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tensegrity::meter::{Calibration, Meter, Scope};

use super::arguments::Calibrate;
use crate::failure::{Failure, Outcome};
use crate::interrupt;
use crate::output::{number_text, say};
use crate::progress::Progress;

/// Longest of the two measurements; more is a typing error.
const LIMIT: f64 = 3600.0;

/// Measures the idle machine, then the busy one.
pub fn run(arguments: &Calibrate, json: bool) -> Outcome<()> {
    let seconds = arguments.seconds;
    if !(0.1..=LIMIT).contains(&seconds) {
        return Err(Failure::Input(format!(
            "--seconds: {seconds} is not between 0.1 and {LIMIT}"
        )));
    }
    let meter = Meter::auto(super::config(&arguments.metering)).map_err(super::input)?;
    let interrupted = interrupt::flag();
    let bar = Progress::new();
    let found = Calibration::measure(
        &meter,
        || wait(seconds, interrupted, |part| bar.tell("idle", 0.5 * part)),
        || {
            load(seconds, interrupted, |part| {
                bar.tell("full load", 0.5 + 0.5 * part)
            })
        },
    );
    drop(bar);
    if interrupted.load(Ordering::Relaxed) {
        return Err(Failure::Interrupted);
    }
    let found = found.map_err(super::input)?;
    if json {
        let object = serde_json::to_value(&found)
            .map_err(|error| Failure::Failed(format!("calibration: {error}")))?;
        say!("{object}");
        return Ok(());
    }
    say!(
        "full load  {} W, idle {} W ({}, {} scope)",
        number_text(found.full_load_watts),
        number_text(found.idle_watts),
        found.backend,
        found.scope
    );
    say!(
        "where nothing is measured: --full-load-watts {:.1} --idle-fraction {:.3}",
        found.full_load_watts,
        found.idle_fraction
    );
    if found.scope == Scope::Machine {
        say!("note: this is the whole machine; its processors draw a part of it");
    }
    if !found.complete {
        say!("note: a part could not be read: the figures are lower bounds");
    }
    Ok(())
}

/// Waits for `seconds` or the flag.
fn wait(seconds: f64, interrupted: &AtomicBool, tell: impl Fn(f64)) {
    let clock = Instant::now();
    loop {
        let past = clock.elapsed().as_secs_f64();
        tell((past / seconds).min(1.0));
        if past >= seconds || interrupted.load(Ordering::Relaxed) {
            return;
        }
        std::thread::sleep(Duration::from_secs_f64((seconds - past).min(0.1)));
    }
}

/// Multiplies on every processor for `seconds` or until the flag.
fn load(seconds: f64, interrupted: &AtomicBool, tell: impl Fn(f64)) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut values = [1.0_f64; 32];
                while !stop.load(Ordering::Relaxed) {
                    for _ in 0..10_000 {
                        for value in &mut values {
                            *value = value.mul_add(1.000_000_1, 1e-9);
                        }
                    }
                    // Large numbers draw what others do; infinities may not.
                    values = black_box(values).map(|x| if x > 1e9 { 1.0 } else { x });
                }
            });
        }
        wait(seconds, interrupted, tell);
        stop.store(true, Ordering::Relaxed);
    });
}
