//! Energy counters and power sensors of drivers, `/sys/class/hwmon`.

use std::path::{Path, PathBuf};

use crate::backend::counter::Counter;
use crate::backend::sysfs::{Sysfs, name_of};
use crate::backend::{Channel, Source, Tally, Trapezoid};
use crate::clock::Moment;
use crate::provenance::{Backend, Domain, Provenance, Scope};

/// Drivers of graphics cards.
const GPU_DRIVERS: [&str; 4] = ["amdgpu", "i915", "xe", "nouveau"];

/// A file that is read.
#[derive(Debug)]
enum Sensor {
    /// Microjoules that only grow (64 bits in the kernel).
    Energy(Counter),
    /// Microwatts.
    Power(Trapezoid),
}

/// The source: processor sockets, the board's power meter, or graphics cards.
#[derive(Debug)]
pub(crate) struct Hwmon {
    sysfs: Sysfs,
    backend: Backend,
    scope: Scope,
    sensors: Vec<(PathBuf, Channel, Sensor)>,
    tally: Tally,
    missing: bool,
}

impl Hwmon {
    /// Sockets (driver `amd_energy`), else the power meter of the board (ACPI
    /// or a management controller, driver `power_meter`).
    ///
    /// # Errors
    /// In words, why there is none.
    pub fn open(root: &Path) -> Result<Self, String> {
        let sysfs = Sysfs::default();
        let devices = devices(&sysfs, root);
        let mut sockets = Vec::new();
        for (device, driver) in &devices {
            if driver != "amd_energy" {
                continue;
            }
            for path in sysfs.entries(device, "energy") {
                let Some(stem) = name_of(&path).strip_suffix("_input").map(str::to_owned) else {
                    continue;
                };
                let label = sysfs
                    .text(&device.join(format!("{stem}_label")))
                    .unwrap_or_default();
                // Cores are inside their socket.
                if let Some(number) = label.strip_prefix("Esocket") {
                    sockets.push((path, number.parse().unwrap_or(0), label));
                }
            }
        }
        let mut sensors = Vec::new();
        for (path, number, label) in sockets {
            sensors.push((
                path,
                Channel {
                    domain: Domain::Package(number),
                    label,
                    excluded: None,
                },
                Sensor::Energy(Counter::new(None)),
            ));
        }
        if !sensors.is_empty() {
            return Self::checked(sysfs, Backend::Hwmon, Scope::Package, sensors);
        }
        for (device, driver) in &devices {
            if driver == "power_meter" {
                for path in sysfs.entries(device, "power") {
                    if name_of(&path).ends_with("_average") {
                        sensors.push((
                            path,
                            Channel {
                                domain: Domain::Machine,
                                label: format!("power meter {}", name_of(device)),
                                excluded: (!sensors.is_empty())
                                    .then(|| "one power meter counts the machine".to_owned()),
                            },
                            Sensor::Power(Trapezoid::default()),
                        ));
                    }
                }
            }
        }
        if sensors.is_empty() {
            return Err(format!(
                "no driver amd_energy and no power_meter below {}",
                root.display()
            ));
        }
        Self::checked(sysfs, Backend::Hwmon, Scope::Machine, sensors)
    }

    /// Graphics cards: an energy counter, else average power, else power.
    ///
    /// # Errors
    /// In words, why there is none.
    pub fn open_gpu(root: &Path) -> Result<Self, String> {
        let sysfs = Sysfs::default();
        let mut sensors = Vec::new();
        for (device, driver) in devices(&sysfs, root) {
            if !GPU_DRIVERS.contains(&driver.as_str()) {
                continue;
            }
            let number = sensors.len() as u32;
            let found = ["energy1_input", "power1_average", "power1_input"]
                .into_iter()
                .map(|name| device.join(name))
                .find(|path| sysfs.number(path).is_ok());
            if let Some(path) = found {
                let sensor = if name_of(&path).starts_with("energy") {
                    Sensor::Energy(Counter::new(None))
                } else {
                    Sensor::Power(Trapezoid::default())
                };
                let channel = Channel {
                    domain: Domain::Gpu(number),
                    label: format!("{driver} {}", name_of(&device)),
                    excluded: None,
                };
                sensors.push((path, channel, sensor));
            }
        }
        if sensors.is_empty() {
            return Err(format!(
                "no graphics card with a power sensor below {}",
                root.display()
            ));
        }
        Self::checked(sysfs, Backend::Gpu, Scope::Machine, sensors)
    }

    fn checked(
        sysfs: Sysfs,
        backend: Backend,
        scope: Scope,
        sensors: Vec<(PathBuf, Channel, Sensor)>,
    ) -> Result<Self, String> {
        let refused: Vec<String> = sensors
            .iter()
            .filter_map(|(path, _, _)| {
                let error = sysfs.number(path).err()?;
                Some(format!("{}: {error}", path.display()))
            })
            .collect();
        if refused.len() == sensors.len() {
            return Err(format!(
                "{}; run `sudo chmod o+r` on it",
                refused.join(", ")
            ));
        }
        Ok(Self {
            sysfs,
            backend,
            scope,
            sensors,
            tally: Tally::default(),
            missing: false,
        })
    }
}

/// Folders of monitors with the name of their driver.
fn devices(sysfs: &Sysfs, root: &Path) -> Vec<(PathBuf, String)> {
    sysfs
        .entries(root, "hwmon")
        .into_iter()
        .filter_map(|path| {
            let driver = sysfs.text(&path.join("name")).ok()?;
            Some((path, driver))
        })
        .collect()
}

impl Source for Hwmon {
    fn backend(&self) -> Backend {
        self.backend
    }

    fn provenance(&self) -> Provenance {
        Provenance::Measured
    }

    fn scope(&self) -> Scope {
        self.scope
    }

    fn sample(&mut self, moment: Moment) {
        self.missing = false;
        for (path, channel, sensor) in &mut self.sensors {
            let value = self.sysfs.number(path);
            match (value, sensor) {
                (Ok(value), Sensor::Energy(counter)) => {
                    counter.read(value, moment, &mut self.tally);
                }
                (Ok(value), Sensor::Power(energy)) => {
                    energy.add(moment.seconds, value as f64 / 1e6);
                }
                (Err(_), sensor) => {
                    match sensor {
                        Sensor::Energy(counter) => counter.forget(),
                        Sensor::Power(energy) => energy.interrupt(),
                    }
                    if channel.excluded.is_none() {
                        self.tally.dropped += 1;
                        self.missing = true;
                    }
                }
            }
        }
    }

    fn microjoules(&self) -> Vec<f64> {
        self.sensors
            .iter()
            .map(|(_, _, sensor)| match sensor {
                Sensor::Energy(counter) => counter.total() as f64,
                Sensor::Power(energy) => energy.microjoules(),
            })
            .collect()
    }

    fn channels(&self) -> Vec<Channel> {
        self.sensors
            .iter()
            .map(|(_, channel, _)| channel.clone())
            .collect()
    }

    fn tally(&self) -> Tally {
        self.tally
    }

    fn is_partial(&self) -> bool {
        self.missing
    }

    fn interval_seconds(&self) -> f64 {
        // Power between samples is only guessed.
        let integrates = self
            .sensors
            .iter()
            .any(|(_, _, sensor)| matches!(sensor, Sensor::Power(_)));
        if integrates { 0.1 } else { 1.0 }
    }
}
