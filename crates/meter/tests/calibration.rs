//! Two points of a machine made of files.

mod machine;

use machine::Machine;
use tensegrity_meter::{Backend, Calibration, Scope};

#[test]
fn packages_at_both_ends_of_the_load() {
    let machine = Machine::new();
    machine.zone("intel-rapl:0", "package-0", 0, 1 << 40);
    machine.zone("intel-rapl:0:0", "dram", 0, 1 << 40);
    let meter = machine.meter();
    let go_on = |seconds: f64, package: u64, memory: u64| {
        machine.clock.advance(seconds);
        machine.energy("intel-rapl:0", package);
        machine.energy("intel-rapl:0:0", memory);
    };
    let found = Calibration::measure(
        &meter,
        || go_on(2.0, 10_000_000, 1_000_000),
        || go_on(4.0, 210_000_000, 9_000_000),
    )
    .unwrap();
    // Memory is not the processor's.
    assert_eq!((found.idle_watts, found.full_load_watts), (5.0, 50.0));
    assert_eq!(found.idle_fraction, 0.1);
    assert_eq!(
        (found.scope, found.backend),
        (Scope::Package, Backend::Powercap)
    );
    assert!(found.complete);

    let error = Calibration::measure(
        &meter,
        || go_on(1.0, 260_000_000, 9_000_000),
        || go_on(1.0, 300_000_000, 9_000_000),
    );
    let message = error.unwrap_err().to_string();
    assert!(message.contains("40.00 W and idling 50.00 W"), "{message}");
}

#[test]
fn a_model_cannot_calibrate_itself() {
    let machine = Machine::new();
    machine.cpu_seconds(0.0, 0.0);
    let meter = machine.meter();
    let error = Calibration::measure(&meter, || unreachable!(), || unreachable!());
    let message = error.unwrap_err().to_string();
    assert!(
        message.contains("model") && message.contains("at the wall"),
        "{message}"
    );
}
