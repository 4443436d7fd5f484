//! NVIDIA's library as a small one of our own: cards are read from a file.

#![cfg(target_os = "linux")]

mod machine;

use std::path::PathBuf;
use std::process::Command;

use machine::Machine;
use tensegrity_meter::{Backend, Domain, Meter, MeterConfig, Provenance, probe};

/// Card 0 counts millijoules, card 1 tells milliwatts only, card 2 is lost.
/// Numbers come from the file CARDS: one line, `millijoules milliwatts`.
const SOURCE: &str = r#"
#include <stdio.h>
#include <string.h>
static int open_, cards_[3] = {0, 1, 2};
static int numbers(unsigned long long *a, unsigned *b) {
    FILE *file = fopen(CARDS, "r");
    if (!file) return 999;
    int found = fscanf(file, "%llu %u", a, b);
    fclose(file);
    return found == 2 ? 0 : 999;
}
int nvmlInit_v2(void) { open_++; return 0; }
int nvmlShutdown(void) { open_--; return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { if (!open_) return 1; *n = 3; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **card) {
    if (i > 1) return 15;
    *card = &cards_[i];
    return 0;
}
int nvmlDeviceGetTotalEnergyConsumption(void *card, unsigned long long *value) {
    unsigned other;
    if (card != &cards_[0]) return 3;
    return numbers(value, &other);
}
int nvmlDeviceGetPowerUsage(void *card, unsigned *value) {
    unsigned long long other;
    return numbers(&other, value);
}
int nvmlDeviceGetName(void *card, char *name, unsigned length) {
    strncpy(name, card == &cards_[0] ? "Volta" : "Kepler", length);
    return 0;
}
"#;

/// Builds the library; `None` where there is no C compiler.
fn library(machine: &Machine) -> Option<PathBuf> {
    machine.write("nvml.c", SOURCE);
    let built = machine.path("libnvidia-ml.so");
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&built)
        .arg(format!("-DCARDS=\"{}\"", machine.path("cards").display()))
        .arg(machine.path("nvml.c"))
        .status();
    match status {
        Ok(status) => {
            assert!(status.success(), "the library does not compile");
            Some(built)
        }
        Err(_) => {
            eprintln!("skipped: no C compiler");
            None
        }
    }
}

fn config(machine: &Machine, library: PathBuf) -> MeterConfig {
    MeterConfig {
        nvml_library: library,
        ..machine.config()
    }
}

#[test]
fn counters_and_powers_of_cards_add_to_the_processors() {
    let machine = Machine::new();
    let Some(library) = library(&machine) else {
        return;
    };
    machine.zone("intel-rapl:0", "package-0", 0, 1 << 40);
    machine.write("cards", "5000 100000");
    let meter = Meter::auto(config(&machine, library.clone())).unwrap();
    let span = meter.span("x");
    machine.clock.advance(2.0);
    machine.energy("intel-rapl:0", 7_000_000);
    machine.write("cards", "8500 300000");
    let report = span.stop();
    // 7 J of the package, 3.5 J counted, and (100 + 300)/2 W for 2 s.
    assert_eq!(report.joules, 7.0 + 3.5 + 400.0);
    assert_eq!(report.provenance, Provenance::Measured);
    let cards: Vec<(Domain, &str, f64)> = (report.by_domain.iter())
        .filter(|part| part.backend == Backend::Nvml)
        .map(|part| (part.domain, part.label.as_str(), part.joules))
        .collect();
    assert_eq!(
        cards,
        [
            (Domain::Gpu(0), "nvml 0 Volta", 3.5),
            (Domain::Gpu(1), "nvml 1 Kepler", 400.0)
        ]
    );

    // A card that stops answering is missed, and comes back.
    let span = meter.span("lost");
    machine.remove("cards");
    machine.clock.advance(1.0);
    meter.sample();
    machine.write("cards", "9000 50000");
    machine.clock.advance(1.0);
    let report = span.stop();
    assert_eq!(report.joules, 0.0);
    assert_eq!((report.dropped, report.complete), (2, false));

    let found = probe(&config(&machine, library)).unwrap();
    let entry = found.iter().find(|p| p.backend == Backend::Nvml).unwrap();
    assert!(entry.available && entry.used);
    assert_eq!(entry.domains.len(), 2);
}

#[test]
fn cards_of_both_kinds_have_numbers_of_their_own() {
    let machine = Machine::new();
    let Some(library) = library(&machine) else {
        return;
    };
    machine.write("cards", "0 0");
    machine.write("hwmon/hwmon0/name", "amdgpu");
    machine.write("hwmon/hwmon0/power1_average", 1_000_000);
    machine.zone("intel-rapl:0", "package-0", 0, 1 << 40);
    let meter = Meter::auto(config(&machine, library)).unwrap();
    let report = meter.span("x").stop();
    let mut numbers: Vec<Domain> = report.by_domain.iter().map(|part| part.domain).collect();
    numbers.sort_unstable();
    assert_eq!(
        numbers,
        [
            Domain::Package(0),
            Domain::Gpu(0),
            Domain::Gpu(1),
            Domain::Gpu(2)
        ]
    );
}

#[test]
fn without_the_library_there_is_no_backend_and_no_error() {
    let machine = Machine::new();
    machine.zone("intel-rapl:0", "package-0", 0, 1 << 40);
    let config = config(&machine, machine.path("no-such.so"));
    let meter = Meter::auto(config.clone()).unwrap();
    assert_eq!(meter.backend(), Backend::Powercap);
    let found = probe(&config).unwrap();
    let entry = found.iter().find(|p| p.backend == Backend::Nvml).unwrap();
    assert!(!entry.available);
    assert!(entry.reason.as_ref().unwrap().contains("NVIDIA's driver"));
}
