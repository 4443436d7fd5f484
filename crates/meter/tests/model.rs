//! The model: its arithmetic on files, and its error on published profiles.

// The errors are worth seeing, not only their bounds: run with `--nocapture`.
#![allow(clippy::print_stdout)]

mod machine;

use std::fs;
use std::path::Path;

use machine::Machine;
use tensegrity_meter::{
    LoadShape, Meter, Observation, Provenance, Scope, lookup_tdp, read_profile,
};

fn close(x: f64, y: f64) {
    assert!((x - y).abs() <= 1e-9 * y.abs(), "{x} is not {y}");
}

#[test]
fn full_load_and_no_load() {
    let machine = Machine::new();
    machine.processor("Intel(R) Xeon(R) CPU E5-2620 v3 @ 2.40GHz", 24, 2, "");
    machine.write("proc/meminfo", "MemTotal:       62500000 kB");
    machine.cpu_seconds(0.0, 0.0);
    let meter = machine.meter();
    let span = meter.span("busy");
    machine.clock.advance(10.0);
    machine.cpu_seconds(240.0, 240.0);
    let report = span.stop();
    // 0.85 of two packages of 85 W; 64 GB at 0.375 W.
    let full = 0.85 * 170.0;
    close(report.joules, 10.0 * (full * 0.999 + 64.0 * 0.375));
    assert_eq!(report.provenance, Provenance::Modelled);
    assert_eq!(report.scope, Scope::Process);
    close(report.interval.0, 0.5 * report.joules);
    close(report.interval.1, 1.6 * report.joules);
    let note = &report.notes[0];
    assert!(
        note.contains("85 W TDP") && note.contains("2 sockets"),
        "{note}"
    );

    let span = meter.span("idle");
    machine.clock.advance(10.0);
    close(span.stop().joules, 10.0 * (full * 0.10 + 24.0));
}

#[test]
fn the_scope_decides_whose_load_counts() {
    let machine = Machine::new();
    machine.processor("AMD EPYC 8024P 8-Core Processor", 16, 1, "");
    let mut joules = Vec::new();
    for scope in [Scope::Process, Scope::Machine] {
        machine.cpu_seconds(0.0, 0.0);
        let mut config = machine.config();
        config.scope = scope;
        config.full_load_watts = Some(50.0);
        let meter = Meter::auto(config).unwrap();
        let span = meter.span("x");
        machine.clock.advance(1.0);
        // A quarter of 16 CPUs, and three quarters.
        machine.cpu_seconds(4.0, 12.0);
        let report = span.stop();
        assert_eq!(report.scope, scope);
        joules.push(report.joules);
    }
    close(joules[0], 50.0 * 0.443);
    close(joules[1], 50.0 * 0.958);
}

#[test]
fn a_virtual_machine_has_its_share() {
    let machine = Machine::new();
    machine.processor("AMD EPYC 7763 64-Core Processor", 8, 1, "hypervisor sse4_2");
    machine.cpu_seconds(0.0, 0.0);
    let meter = machine.meter();
    let span = meter.span("x");
    machine.clock.advance(2.0);
    machine.cpu_seconds(16.0, 16.0);
    close(span.stop().joules, 2.0 * 0.85 * 280.0 * 8.0 / 128.0 * 0.999);
}

#[test]
fn children_and_control_groups_are_the_job_too() {
    let machine = Machine::new();
    machine.processor("x", 1, 1, "");
    machine.cpu_seconds(0.0, 0.0);
    let child = |ticks: u64| {
        machine.write(
            "proc/88/stat",
            format!("88 (child) S 77 1 1 0 -1 0 0 0 0 0 {ticks} 5 0 0 20 0"),
        );
    };
    machine.write("proc/77/task/77/children", "");
    machine.write("proc/77/task/78/children", "88 ");
    child(0);
    let meter = machine.meter();
    let span = meter.span("x");
    machine.clock.advance(1.0);
    child(40);
    assert_eq!(span.stop().cpu_seconds, Some(0.4));

    let mut config = machine.config();
    config.cgroup = Some(machine.path("group"));
    machine.write("group/cpu.stat", "usage_usec 1000000\nuser_usec 1");
    let meter = Meter::auto(config).unwrap();
    let span = meter.span("x");
    machine.clock.advance(1.0);
    machine.write("group/cpu.stat", "usage_usec 1250000\nuser_usec 1");
    assert_eq!(span.stop().cpu_seconds, Some(0.25));
}

#[test]
fn energy_never_decreases_and_children_are_within_parents() {
    let machine = Machine::new();
    machine.processor("AMD Ryzen 9 5950X 16-Core Processor", 4, 1, "");
    machine.cpu_seconds(0.0, 0.0);
    let meter = machine.meter();
    let parent = meter.span("parent");
    let mut children = 0.0;
    let mut cpu = 0.0;
    // Short spans in bursts of load: far shorter than the ticks of CPU time.
    for step in 0..200_u32 {
        let child = parent.span("child");
        machine.clock.advance(0.007);
        if step % 3 == 0 {
            cpu += 0.07;
            machine.cpu_seconds(cpu, cpu);
        }
        let report = child.stop();
        assert!(report.joules >= 0.0);
        children += report.joules;
    }
    let parent = parent.stop();
    assert!(children <= parent.joules * (1.0 + 1e-12));
    assert!(children > 0.99 * parent.joules);
}

#[test]
fn more_load_is_more_energy() {
    let shape = LoadShape::default();
    let mut last = 0.0;
    for percent in 0..=100 {
        let power = shape.at(f64::from(percent) / 100.0);
        assert!(power > last);
        last = power;
    }
    assert_eq!(shape.at(-1.0), 0.10);
    assert_eq!(shape.at(f64::NAN), 0.10);
    assert_eq!(shape.at(7.0), shape.at(1.0));
}

/// A profiled machine: folder, packages, and the points of its files.
struct Profiled {
    folder: &'static str,
    processor: &'static str,
    packages: f64,
    files: Vec<Vec<(f64, f64)>>,
}

fn profiles() -> Vec<Profiled> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/energy/cpu_load_profiling");
    [
        ("AMD_EPYC_8024P_8C", "EPYC 8024P", 1.0),
        ("AMD_Threadripper", "Threadripper 1950X", 1.0),
        ("E3-1240", "Xeon(R) CPU E3-1240 V2", 1.0),
        ("E5-1240", "Xeon(R) CPU E3-1240 V2", 1.0),
        ("E5-2620", "Xeon(R) CPU E5-2620 v3", 2.0),
    ]
    .into_iter()
    .map(|(folder, processor, packages)| {
        let mut paths: Vec<_> = fs::read_dir(root.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        let files = paths
            .iter()
            .map(|path| read_profile(&fs::read_to_string(path).unwrap(), path).unwrap())
            .map(|points| points.iter().map(|p| (p.load, p.watts)).collect())
            .collect();
        Profiled {
            folder,
            processor,
            packages,
            files,
        }
    })
    .collect()
}

fn full_load(file: &[(f64, f64)]) -> f64 {
    file.iter().map(|point| point.1).fold(0.0, f64::max)
}

fn observations<'a>(machines: impl Iterator<Item = &'a Profiled>) -> Vec<Observation> {
    machines
        .flat_map(|machine| &machine.files)
        .flat_map(|file| {
            let full = full_load(file);
            file.iter().map(move |&(load, watts)| Observation {
                load,
                power: watts / full,
            })
        })
        .collect()
}

/// Mean over the files of the mean absolute error of `predict(machine, file, load)`.
fn error(machines: &[Profiled], predict: impl Fn(&Profiled, &[(f64, f64)], f64) -> f64) -> f64 {
    let errors: Vec<f64> = machines
        .iter()
        .flat_map(|machine| machine.files.iter().map(move |file| (machine, file)))
        .map(|(machine, file)| {
            let sum: f64 = file
                .iter()
                .map(|&(load, watts)| (predict(machine, file, load) - watts).abs())
                .sum();
            sum / file.len() as f64
        })
        .collect();
    assert_eq!(errors.len(), 10);
    errors.iter().sum::<f64>() / 10.0
}

#[test]
fn the_default_shape_is_the_fit_of_all_profiles() {
    let all = profiles();
    let fitted = LoadShape::fit(&observations(all.iter()), 0.10).unwrap();
    for (fitted, used) in fitted.power.iter().zip(&LoadShape::default().power) {
        assert!((fitted - used).abs() <= 2e-3, "{fitted} is not {used}");
    }
}

#[test]
fn with_one_point_of_calibration_unseen_machines_are_within_11_watts() {
    let all = profiles();
    // Both machines of one processor model are left out together: stricter
    // than leaving out one folder.
    let shapes: Vec<(&str, LoadShape)> = all
        .iter()
        .map(|held| {
            let rest = all.iter().filter(|m| m.processor != held.processor);
            (
                held.folder,
                LoadShape::fit(&observations(rest), 0.10).unwrap(),
            )
        })
        .collect();
    let shape = |machine: &Profiled| &shapes.iter().find(|s| s.0 == machine.folder).unwrap().1;
    let calibrated = error(&all, |machine, file, load| {
        full_load(file) * shape(machine).at(load)
    });
    let linear = error(&all, |_, file, load| full_load(file) * load);
    println!("leave one processor out: {calibrated:.2} W, linear {linear:.2} W");
    assert!(calibrated <= 11.0, "{calibrated} W");
    assert!(linear > calibrated + 3.0, "{linear} W");

    // The interval holds for three in four single readings of unseen processors.
    let mut ratios: Vec<f64> = Vec::new();
    for machine in &all {
        for file in &machine.files {
            let full = full_load(file);
            ratios.extend(
                file.iter()
                    .map(|&(load, watts)| watts / (full * shape(machine).at(load))),
            );
        }
    }
    let inside = ratios.iter().filter(|r| (0.5..=1.6).contains(*r)).count();
    println!("calibrated interval holds for {inside} of {}", ratios.len());
    assert!(inside * 4 >= ratios.len() * 3, "{inside}/{}", ratios.len());
}

#[test]
fn without_calibration_it_beats_load_times_design_power() {
    let all = profiles();
    let design =
        |machine: &Profiled| machine.packages * lookup_tdp(machine.processor).unwrap().watts;
    let shape = LoadShape::default();
    let ours = error(&all, |machine, _, load| {
        0.85 * design(machine) * shape.at(load)
    });
    let plain = error(&all, |machine, _, load| design(machine) * load.max(0.1));
    println!("uncalibrated {ours:.2} W, load times TDP {plain:.2} W");
    assert!(ours <= plain, "{ours} W against {plain} W");
    let (mut inside, mut points) = (0, 0);
    for machine in &all {
        for &(load, watts) in machine.files.iter().flatten() {
            let ratio = watts / (0.85 * design(machine) * shape.at(load));
            inside += usize::from((0.5..=1.6).contains(&ratio));
            points += 1;
        }
    }
    println!("uncalibrated interval holds for {inside} of {points}");
    assert!(inside * 4 >= points * 3, "{inside}/{points}");
}

#[test]
fn profiles_that_are_none_say_where() {
    let name = Path::new("p.csv");
    let message = |text: &str| read_profile(text, name).unwrap_err().to_string();
    assert_eq!(message(""), "p.csv: line 1: the file is empty");
    assert!(message("a,b\n1,2").contains("no column \"cpu_load\""));
    assert!(message("cpu_load,rapl_power\n1,2\n3,x").starts_with("p.csv: line 3: field 2"));
    let few = [Observation {
        load: 1.0,
        power: 1.0,
    }];
    assert!(
        LoadShape::fit(&few, 0.1)
            .unwrap_err()
            .to_string()
            .contains("10 %")
    );
}
