//! Traps of RAPL counters, on files, with exact joules.

mod machine;

use machine::Machine;
use tensegrity_meter::{Backend, Domain, Meter, Provenance, Scope};

const BIG: u64 = 262_143_328_850;

#[test]
fn a_span_can_be_looked_at_while_it_goes_on() {
    let machine = Machine::new();
    machine.zone("intel-rapl:0", "package-0", 1_000_000, 1 << 40);
    let meter = machine.meter();
    let span = meter.span("x");
    machine.clock.advance(1.0);
    machine.energy("intel-rapl:0", 6_000_000);
    assert_eq!(span.report().joules, 5.0);
    machine.clock.advance(1.0);
    machine.energy("intel-rapl:0", 8_000_000);
    assert_eq!((span.report().joules, span.report().seconds), (7.0, 2.0));
    // Looking is not ending.
    assert!(meter.totals().is_empty());
    assert_eq!(span.stop().joules, 7.0);
    assert_eq!(meter.totals()["x"].spans, 1);
}

#[test]
fn one_package() {
    let machine = Machine::new();
    machine.zone("intel-rapl:0", "package-0", 1_000, BIG);
    let meter = machine.meter();
    let span = meter.span("train");
    machine.clock.advance(2.0);
    machine.energy("intel-rapl:0", 42_501_000);
    let report = span.stop();
    assert_eq!(report.joules, 42.5);
    assert_eq!(report.seconds, 2.0);
    assert_eq!(report.watts, 21.25);
    assert_eq!(report.interval, (42.5, 42.5));
    assert_eq!(report.kwh(), 42.5 / 3.6e6);
    assert_eq!(report.backend, Backend::Powercap);
    assert_eq!(report.provenance, Provenance::Measured);
    assert_eq!(report.scope, Scope::Package);
    assert!(report.complete);
    assert!(report.notes[0].contains("memory has no counter"));
}

/// Two sockets with memory, cores and uncore.
fn server() -> Machine {
    let machine = Machine::new();
    for socket in 0..2 {
        let id = format!("intel-rapl:{socket}");
        machine.zone(&id, &format!("package-{socket}"), 0, BIG);
        machine.zone(&format!("{id}:0"), "dram", 0, 65_712_999_613);
        machine.zone(&format!("{id}:1"), "core", 0, BIG);
        machine.zone(&format!("{id}:2"), "uncore", 0, BIG);
    }
    machine
}

#[test]
fn packages_and_memory_add_up_and_cores_do_not() {
    let machine = server();
    let meter = machine.meter();
    let span = meter.span("x");
    machine.clock.advance(1.0);
    for (id, microjoules) in [
        ("intel-rapl:0", 50_000_000),
        ("intel-rapl:0:0", 4_000_000),
        ("intel-rapl:0:1", 30_000_000),
        ("intel-rapl:0:2", 5_000_000),
        ("intel-rapl:1", 60_000_000),
        ("intel-rapl:1:0", 6_000_000),
        ("intel-rapl:1:1", 40_000_000),
    ] {
        machine.energy(id, microjoules);
    }
    let report = span.stop();
    assert_eq!(report.joules, 120.0);
    assert!(report.complete && report.notes.is_empty(), "{report:?}");
    let of = |domain| {
        let part = report.by_domain.iter().find(|part| part.domain == domain);
        part.map(|part| (part.joules, part.excluded.is_none()))
    };
    assert_eq!(of(Domain::Package(0)), Some((50.0, true)));
    assert_eq!(of(Domain::Package(1)), Some((60.0, true)));
    assert_eq!(of(Domain::Dram(1)), Some((6.0, true)));
    assert_eq!(of(Domain::Core(1)), Some((40.0, false)));
    assert_eq!(of(Domain::Uncore(0)), Some((5.0, false)));
    assert_eq!(report.joules_of(|d| matches!(d, Domain::Dram(_))), 10.0);
}

#[test]
fn nested_folders_and_links_count_once() {
    // As the kernel does it: zones inside their parents, and links beside them.
    let machine = Machine::new();
    machine.zone("intel-rapl/intel-rapl:0", "package-0", 0, BIG);
    machine.zone("intel-rapl/intel-rapl:0/intel-rapl:0:0", "dram", 0, BIG);
    #[cfg(unix)]
    {
        let link = |from: &str, to: &str| {
            std::os::unix::fs::symlink(machine.path(from), machine.path(to)).unwrap();
        };
        link("powercap/intel-rapl/intel-rapl:0", "powercap/intel-rapl:0");
        link("powercap", "powercap/intel-rapl/intel-rapl:0/subsystem");
    }
    let meter = machine.meter();
    let span = meter.span("x");
    machine.clock.advance(1.0);
    machine.energy("intel-rapl/intel-rapl:0", 3_000_000);
    machine.energy("intel-rapl/intel-rapl:0/intel-rapl:0:0", 500_000);
    let report = span.stop();
    assert_eq!(report.joules, 3.5);
    assert_eq!(report.by_domain.len(), 2);
    assert_eq!(report.by_domain[1].domain, Domain::Dram(0));
}

#[test]
fn the_platform_counts_only_if_asked_for() {
    let machine = Machine::new();
    machine.zone("intel-rapl:0", "package-0", 0, BIG);
    machine.zone("intel-rapl:1", "psys", 0, BIG);
    for (psys, joules, scope) in [(false, 10.0, Scope::Package), (true, 25.0, Scope::Machine)] {
        machine.energy("intel-rapl:0", 0);
        machine.energy("intel-rapl:1", 0);
        let mut config = machine.config();
        config.psys = psys;
        let meter = Meter::auto(config).unwrap();
        let span = meter.span("x");
        machine.clock.advance(1.0);
        machine.energy("intel-rapl:0", 10_000_000);
        machine.energy("intel-rapl:1", 25_000_000);
        let report = span.stop();
        assert_eq!(report.joules, joules);
        assert_eq!(report.scope, scope);
    }
}

#[test]
fn a_memory_mapped_duplicate_counts_once() {
    let machine = Machine::new();
    machine.zone("intel-rapl:0", "package-0", 0, BIG);
    machine.zone("intel-rapl-mmio:0", "package-0", 0, BIG);
    let meter = machine.meter();
    let span = meter.span("x");
    machine.clock.advance(1.0);
    machine.energy("intel-rapl:0", 10_000_000);
    machine.energy("intel-rapl-mmio:0", 10_100_000);
    let report = span.stop();
    assert_eq!(report.joules, 10.0);
    let twin = report.by_domain.iter().find(|p| p.label.contains("mmio"));
    assert_eq!(
        twin.unwrap().excluded.as_deref(),
        Some("the same counter is read through intel-rapl")
    );
}

/// A socket of two dies that advance by `steps` µJ in turn.
fn dies(steps: &[(u64, u64)]) -> tensegrity_meter::SpanReport {
    let machine = Machine::new();
    let mut energy = [7_000_000, 7_000_123];
    machine.zone("intel-rapl:0", "package-0-die-0", energy[0], BIG);
    machine.zone("intel-rapl:1", "package-0-die-1", energy[1], BIG);
    let meter = machine.meter();
    let span = meter.span("x");
    for &(first, second) in steps {
        machine.clock.advance(1.0);
        energy = [energy[0] + first, energy[1] + second];
        machine.energy("intel-rapl:0", energy[0]);
        machine.energy("intel-rapl:1", energy[1]);
        meter.sample();
    }
    span.stop()
}

#[test]
fn dies_that_mirror_one_counter_count_once() {
    let report = dies(&[
        (68_000_000, 68_000_000),
        (68_500_000, 68_510_000),
        (68_000_000, 67_995_000),
    ]);
    assert_eq!(report.joules, 204.5);
    assert_eq!(
        report.by_domain[1].excluded.as_deref(),
        Some("mirrors intel-rapl:0")
    );
    assert_eq!(report.by_domain[1].joules, 204.505);
}

#[test]
fn dies_that_differ_both_count() {
    // 0.2 % apart.
    let report = dies(&[(50_000_000, 50_100_000); 5]);
    assert_eq!(report.joules, 500.5);
    // Equal in sum, but not in any reading.
    let report = dies(&[
        (60_000_000, 40_000_000),
        (40_000_000, 60_000_000),
        (60_000_000, 40_000_000),
        (40_000_000, 60_000_000),
    ]);
    assert_eq!(report.joules, 400.0);
    // One die sleeps.
    let report = dies(&[(60_000_000, 0); 4]);
    assert_eq!(report.joules, 240.0);
}

#[test]
fn too_few_readings_conclude_nothing_and_say_so() {
    let report = dies(&[(68_000_000, 68_000_000), (0, 0), (68_000_000, 68_000_000)]);
    assert_eq!(report.joules, 272.0);
    assert!(report.notes.iter().any(|n| n.contains("fewer than three")));
}

#[test]
fn a_counter_wraps() {
    let machine = Machine::new();
    machine.zone("intel-rapl:0", "package-0", BIG - 999_999, BIG);
    let meter = machine.meter();
    let span = meter.span("x");
    machine.clock.advance(1.0);
    machine.energy("intel-rapl:0", 2_000_000);
    let report = span.stop();
    assert_eq!(report.joules, 3.0);
    assert!(report.complete);
}

#[test]
fn a_wrap_without_a_known_range_is_dropped_and_counted() {
    let machine = Machine::new();
    machine.zone("intel-rapl:0", "package-0", 9_000_000, 0);
    let meter = machine.meter();
    let span = meter.span("x");
    for energy in [10_000_000, 1_000_000, 5_000_000] {
        machine.clock.advance(1.0);
        machine.energy("intel-rapl:0", energy);
        meter.sample();
    }
    let report = span.stop();
    assert_eq!(report.joules, 5.0);
    assert_eq!(report.dropped, 1);
    assert!(!report.complete);
    // The drop belongs to that span, not to the next one.
    let span = meter.span("y");
    machine.clock.advance(1.0);
    machine.energy("intel-rapl:0", 6_000_000);
    let report = span.stop();
    assert_eq!((report.joules, report.dropped), (1.0, 0));
    assert!(report.complete);
}

#[test]
fn a_reset_to_zero_is_no_wrap() {
    let machine = Machine::new();
    machine.zone("intel-rapl:0", "package-0", 80_000_000, BIG);
    let meter = machine.meter();
    let span = meter.span("x");
    for energy in [90_000_000, 0, 4_000_000] {
        machine.clock.advance(1.0);
        machine.energy("intel-rapl:0", energy);
        meter.sample();
    }
    let report = span.stop();
    assert_eq!(report.joules, 14.0);
    assert_eq!(report.resets, 1);
    assert!(!report.complete);
}

#[test]
fn a_zone_that_vanishes_keeps_what_it_counted() {
    let machine = Machine::new();
    machine.zone("intel-rapl:0", "package-0", 0, BIG);
    machine.zone("intel-rapl:1", "package-1", 0, BIG);
    let meter = machine.meter();
    let span = meter.span("x");
    machine.clock.advance(1.0);
    machine.energy("intel-rapl:0", 1_000_000);
    machine.energy("intel-rapl:1", 2_000_000);
    meter.sample();
    machine.remove("powercap/intel-rapl:1");
    machine.clock.advance(1.0);
    machine.energy("intel-rapl:0", 5_000_000);
    let report = span.stop();
    assert_eq!(report.joules, 7.0);
    assert!(!report.complete);
    assert!(
        report
            .notes
            .iter()
            .any(|n| n.contains("intel-rapl:1 vanished"))
    );
    // It comes back with another value: that is no energy.
    machine.zone("intel-rapl:1", "package-1", 77_000_000, BIG);
    meter.sample();
    let span = meter.span("y");
    machine.clock.advance(1.0);
    machine.energy("intel-rapl:1", 78_000_000);
    let report = span.stop();
    assert_eq!(report.joules, 1.0);
    assert!(report.complete);
}

#[test]
fn a_long_gap_is_flagged() {
    let machine = Machine::new();
    machine.zone("intel-rapl:0", "package-0", 0, u64::from(u32::MAX));
    let meter = machine.meter();
    let span = meter.span("x");
    machine.clock.advance(60.0);
    machine.energy("intel-rapl:0", 1_000_000);
    let report = span.stop();
    assert_eq!((report.joules, report.stalls), (1.0, 1));
    assert!(!report.complete);
}

#[test]
fn garbage_in_a_counter_is_dropped() {
    let machine = Machine::new();
    machine.zone("intel-rapl:0", "package-0", 5_000_000, BIG);
    let meter = machine.meter();
    let span = meter.span("x");
    for text in ["6000000", "-3", "what", "", "8000000"] {
        machine.clock.advance(1.0);
        machine.write("powercap/intel-rapl:0/energy_uj", text);
        meter.sample();
    }
    machine.clock.advance(1.0);
    machine.energy("intel-rapl:0", 9_000_000);
    let report = span.stop();
    // 5 to 6, then 8 to 9: what lies between unreadable values is not known.
    assert_eq!(report.joules, 2.0);
    assert_eq!(report.dropped, 3);
}

#[test]
fn spans_nest_and_overlap() {
    let machine = Machine::new();
    machine.zone("intel-rapl:0", "package-0", 0, BIG);
    let meter = machine.meter();
    let spend = |total: u64| {
        machine.clock.advance(1.0);
        machine.energy("intel-rapl:0", total * 1_000_000);
    };
    let train = meter.span("train");
    spend(1);
    let epoch = train.span("epoch");
    spend(3);
    let other = meter.span("other");
    spend(6);
    let first = epoch.stop();
    spend(10);
    let other = other.stop();
    let epoch = train.span("epoch");
    spend(15);
    drop(epoch);
    let train = train.stop();
    assert_eq!(first.path, "train/epoch");
    assert_eq!((first.joules, other.joules, train.joules), (5.0, 7.0, 15.0));
    let totals = meter.totals();
    let epochs = &totals["train/epoch"];
    assert_eq!((epochs.spans, epochs.abandoned), (2, 1));
    assert_eq!((epochs.joules, epochs.seconds), (10.0, 3.0));
    assert!(epochs.joules <= train.joules);
}

#[test]
fn an_idle_baseline_is_subtracted() {
    let machine = Machine::new();
    machine.zone("intel-rapl:0", "package-0", 0, BIG);
    let meter = machine.meter();
    let idle = meter.span("idle");
    machine.clock.advance(5.0);
    machine.energy("intel-rapl:0", 50_000_000);
    meter.set_idle_baseline(&idle.stop());
    let span = meter.span("x");
    machine.clock.advance(2.0);
    machine.energy("intel-rapl:0", 100_000_000);
    let report = span.stop();
    assert_eq!(report.idle_watts, Some(10.0));
    assert_eq!((report.joules, report.net_joules), (50.0, Some(30.0)));
    assert_eq!(
        report.attribute(&[("conv", 3.0), ("norm", 1.0), ("wait", 0.0)]),
        [("conv", 37.5), ("norm", 12.5), ("wait", 0.0)]
    );
}

#[test]
fn the_share_of_the_job_is_told() {
    let machine = Machine::new();
    machine.zone("intel-rapl:0", "package-0", 0, BIG);
    machine.cpu_seconds(1.0, 100.0);
    let meter = machine.meter();
    let span = meter.span("x");
    machine.clock.advance(2.0);
    machine.cpu_seconds(2.5, 102.0);
    let report = span.stop();
    assert_eq!(report.cpu_seconds, Some(1.5));
    assert_eq!(report.cpu_share, Some(0.75));
}
