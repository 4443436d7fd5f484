//! Every other backend on files: hwmon, battery, registers, cards, declared.

mod machine;

use std::path::Path;

use machine::Machine;
use tensegrity_meter::{Backend, Domain, Meter, Provenance, Scope, probe};

#[test]
fn the_thread_and_the_system_clock_work_together() {
    let machine = Machine::new();
    let mut config = machine.config();
    config.clock = tensegrity_meter::Clock::System;
    config.watts = Some(50.0);
    config.interval = Some(0.001);
    let meter = Meter::auto(config).unwrap();
    let span = meter.span("x");
    let idle = meter.measure_idle(std::time::Duration::from_millis(20));
    let report = span.stop();
    for report in [&idle, &report] {
        assert!(report.seconds >= 0.02);
        assert!((report.joules - 50.0 * report.seconds).abs() < 1e-9 * report.joules);
    }
    assert!(idle.joules <= report.joules);
    assert!((idle.watts - 50.0).abs() < 1e-9);
}

#[test]
fn sockets_of_amd_energy() {
    let machine = Machine::new();
    machine.write("hwmon/hwmon0/name", "k10temp");
    machine.write("hwmon/hwmon3/name", "amd_energy");
    for (n, label) in [
        (1, "Ecore000"),
        (2, "Ecore001"),
        (3, "Esocket0"),
        (10, "Esocket1"),
    ] {
        machine.write(&format!("hwmon/hwmon3/energy{n}_label"), label);
        machine.write(&format!("hwmon/hwmon3/energy{n}_input"), 1_000);
    }
    let meter = machine.meter();
    let span = meter.span("x");
    machine.clock.advance(1.0);
    for (n, value) in [(1, 9_000_000), (3, 20_001_000), (10, 30_001_000)] {
        machine.write(&format!("hwmon/hwmon3/energy{n}_input"), value);
    }
    let report = span.stop();
    assert_eq!((report.joules, report.backend), (50.0, Backend::Hwmon));
    assert_eq!(report.scope, Scope::Package);
    assert_eq!(report.by_domain[1].domain, Domain::Package(1));
}

#[test]
fn the_power_meter_of_the_board_is_integrated_by_trapezoids() {
    let machine = Machine::new();
    machine.write("hwmon/hwmon0/name", "power_meter");
    machine.write("hwmon/hwmon0/power1_average", 100_000_000);
    let meter = machine.meter();
    let span = meter.span("x");
    machine.clock.advance(2.0);
    machine.write("hwmon/hwmon0/power1_average", 200_000_000);
    meter.sample();
    machine.clock.advance(1.0);
    let report = span.stop();
    // (100 + 200) / 2 · 2 + 200 · 1
    assert_eq!((report.joules, report.scope), (500.0, Scope::Machine));
    assert_eq!(report.provenance, Provenance::Measured);
}

#[test]
fn a_battery_counts_while_it_discharges() {
    let machine = Machine::new();
    let battery = |name: &str, value: &str| {
        machine.write(&format!("power_supply/BAT0/{name}"), value);
    };
    machine.write("power_supply/AC/type", "Mains");
    battery("type", "Battery");
    battery("status", "Charging");
    battery("power_now", "10000000");
    let found = probe(&machine.config()).unwrap();
    let entry = found
        .iter()
        .find(|p| p.backend == Backend::Battery)
        .unwrap();
    assert!(!entry.available && entry.reason.as_ref().unwrap().contains("unplug"));

    battery("status", "Discharging");
    let meter = machine.meter();
    assert_eq!(meter.backend(), Backend::Battery);
    let span = meter.span("x");
    machine.clock.advance(3.0);
    meter.sample();
    // The charger goes in: what follows is unknown.
    battery("status", "Charging");
    machine.clock.advance(1.0);
    let report = span.stop();
    assert_eq!((report.joules, report.dropped), (30.0, 1));
    assert!(!report.complete);
}

#[test]
fn a_battery_may_tell_current_and_voltage() {
    let machine = Machine::new();
    for (name, value) in [
        ("type", "Battery"),
        ("status", "Discharging"),
        ("current_now", "-2000000"),
        ("voltage_now", "12500000"),
    ] {
        machine.write(&format!("power_supply/BAT1/{name}"), value);
    }
    let meter = machine.meter();
    let span = meter.span("x");
    machine.clock.advance(2.0);
    assert_eq!(span.stop().joules, 50.0);
}

#[test]
fn cards_are_added_to_packages_but_not_to_the_machine() {
    let machine = Machine::new();
    machine.zone("intel-rapl:0", "package-0", 0, 262_143_328_850);
    machine.write("hwmon/hwmon1/name", "amdgpu");
    machine.write("hwmon/hwmon1/power1_average", 30_000_000);
    machine.write("hwmon/hwmon2/name", "xe");
    machine.write("hwmon/hwmon2/energy1_input", 0);
    let meter = machine.meter();
    let span = meter.span("x");
    machine.clock.advance(2.0);
    machine.energy("intel-rapl:0", 7_000_000);
    machine.write("hwmon/hwmon2/energy1_input", 11_000_000);
    let report = span.stop();
    assert_eq!(report.joules, 7.0 + 60.0 + 11.0);
    assert_eq!(report.joules_of(|d| d == Domain::Gpu(0)), 60.0);

    let mut config = machine.config();
    config.watts = Some(100.0);
    let meter = Meter::auto(config).unwrap();
    let span = meter.span("x");
    machine.clock.advance(2.0);
    let report = span.stop();
    assert_eq!(
        (report.joules, report.provenance),
        (200.0, Provenance::Declared)
    );
}

#[cfg(unix)]
fn register(path: &Path, values: &[(u64, u64)]) {
    use std::os::unix::fs::FileExt;
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = std::fs::File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .unwrap();
    for (address, value) in values {
        file.write_all_at(&value.to_le_bytes(), *address).unwrap();
    }
}

#[test]
#[cfg(unix)]
fn registers_wrap_at_32_bits() {
    let machine = Machine::new();
    machine.processor("Intel(R) Core(TM) i7-8700K CPU @ 3.70GHz", 4, 2, "");
    // Unit 2^-14 J; CPUs 0 and 1 are on socket 0, 2 and 3 on socket 1.
    for cpu in 0..4 {
        let values = [
            (0x606, 0xA_0E03),
            (0x611, u64::from(u32::MAX) - 16_383),
            (0x619, 0),
        ];
        register(&machine.path(&format!("cpu/{cpu}/msr")), &values);
    }
    let mut config = machine.config();
    config.msr = true;
    let meter = Meter::auto(config).unwrap();
    assert_eq!(meter.backend(), Backend::Msr);
    let span = meter.span("x");
    machine.clock.advance(1.0);
    register(&machine.path("cpu/0/msr"), &[(0x611, 16_384)]);
    register(&machine.path("cpu/2/msr"), &[(0x611, 0)]);
    let report = span.stop();
    assert_eq!(report.joules, 3.0);
    assert_eq!(report.by_domain.len(), 2);
    // Not without being asked.
    assert_eq!(machine.meter().backend(), Backend::Model);
}

#[test]
fn probing_says_why_a_backend_is_missing() {
    let machine = Machine::new();
    machine.cpu_seconds(0.0, 0.0);
    let found = probe(&machine.config()).unwrap();
    let names: Vec<&str> = found.iter().map(|p| p.backend.name()).collect();
    assert_eq!(
        names,
        [
            "powercap",
            "perf_event",
            "msr",
            "hwmon",
            "battery",
            "gpu",
            "nvml",
            "model",
            "declared"
        ]
    );
    for entry in &found {
        assert_eq!(entry.available, entry.backend == Backend::Model);
        assert_eq!(entry.used, entry.available);
        assert!(!entry.reason.as_ref().unwrap().is_empty());
    }
    let powercap = found[0].reason.as_ref().unwrap();
    assert!(powercap.contains(&machine.path("powercap").display().to_string()));
}

#[test]
fn a_backend_by_name_is_used_or_refused() {
    let machine = Machine::new();
    machine.zone("intel-rapl:0", "package-0", 0, 1 << 32);
    let mut config = machine.config();
    config.backend = Some(Backend::Model);
    assert_eq!(
        Meter::auto(config.clone()).unwrap().backend(),
        Backend::Model
    );
    config.backend = Some(Backend::Battery);
    let error = Meter::auto(config.clone()).unwrap_err().to_string();
    assert!(
        error.starts_with("backend battery is not available: no battery"),
        "{error}"
    );
    config.backend = None;
    config.psys = true;
    // The platform has no zone here: the next backend takes over.
    assert_eq!(Meter::auto(config).unwrap().backend(), Backend::Model);
}

#[test]
fn options_out_of_range_are_refused() {
    type Change = fn(&mut tensegrity_meter::MeterConfig);
    let changes: [(&str, Change); 9] = [
        ("watts", |c| c.watts = Some(-1.0)),
        ("watts", |c| c.watts = Some(f64::NAN)),
        ("full_load_watts", |c| c.full_load_watts = Some(0.0)),
        ("idle_fraction", |c| c.idle_fraction = 1.5),
        ("idle_share", |c| c.idle_share = f64::NAN),
        ("memory_gb", |c| c.memory_gb = Some(-1.0)),
        ("watts_per_gb", |c| c.watts_per_gb = f64::INFINITY),
        ("interval", |c| c.interval = Some(0.0)),
        ("scope", |c| c.scope = Scope::Package),
    ];
    let machine = Machine::new();
    for (name, change) in changes {
        let mut config = machine.config();
        change(&mut config);
        let error = Meter::auto(config).unwrap_err().to_string();
        assert!(error.starts_with(&format!("option {name}: ")), "{error}");
    }
}
