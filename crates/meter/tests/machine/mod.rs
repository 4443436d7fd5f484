//! A machine made of files, and a clock moved by hand.

#![allow(dead_code)]

use std::fs;
use std::path::PathBuf;

use tensegrity_meter::{ManualClock, Meter, MeterConfig};

pub struct Machine {
    folder: tempfile::TempDir,
    pub clock: ManualClock,
}

impl Machine {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: ManualClock::new(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl ToString) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.to_string() + "\n").unwrap();
    }

    pub fn remove(&self, name: &str) {
        let path = self.path(name);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }

    /// A RAPL zone at `energy` µJ; `max` 0 leaves the range out.
    pub fn zone(&self, id: &str, name: &str, energy: u64, max: u64) {
        self.write(&format!("powercap/{id}/name"), name);
        self.energy(id, energy);
        if max > 0 {
            self.write(&format!("powercap/{id}/max_energy_range_uj"), max);
        }
    }

    pub fn energy(&self, id: &str, microjoules: u64) {
        self.write(&format!("powercap/{id}/energy_uj"), microjoules);
    }

    pub fn config(&self) -> MeterConfig {
        MeterConfig {
            powercap_root: self.path("powercap"),
            event_root: self.path("events"),
            nvml_library: self.path("libnvidia-ml.so.1"),
            hwmon_root: self.path("hwmon"),
            power_supply_root: self.path("power_supply"),
            cpu_device_root: self.path("cpu"),
            proc_root: self.path("proc"),
            clock: tensegrity_meter::Clock::Manual(self.clock.clone()),
            ..MeterConfig::default()
        }
    }

    pub fn meter(&self) -> Meter {
        Meter::auto(self.config()).unwrap()
    }

    /// CPU seconds of this process and of the machine, for the model.
    pub fn cpu_seconds(&self, job: f64, machine: f64) {
        let ticks = |seconds: f64| (100.0 * seconds).round() as u64;
        self.write(
            "proc/self/stat",
            format!(
                "77 (a (b) c) R 1 1 1 0 -1 4194304 0 0 0 0 {} 0 0 0 20 0 1 0 0 0 0",
                ticks(job)
            ),
        );
        self.write(
            "proc/stat",
            format!("cpu  {} 0 0 5 0 0 0 0 0 0\ncpu0 0 0 0 0", ticks(machine)),
        );
    }

    /// A processor with `cpus` threads on `sockets` sockets.
    pub fn processor(&self, model: &str, cpus: usize, sockets: usize, flags: &str) {
        let text: String = (0..cpus)
            .map(|cpu| {
                format!(
                    "processor\t: {cpu}\nvendor_id\t: GenuineIntel\nmodel name\t: {model}\n\
                     physical id\t: {}\nflags\t\t: fpu {flags}\n\n",
                    cpu * sockets / cpus
                )
            })
            .collect();
        self.write("proc/cpuinfo", text);
    }
}
