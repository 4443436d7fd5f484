//! Which processor this is, and how much power its maker designed it for.

use std::collections::BTreeSet;
use std::path::Path;

use crate::backend::sysfs::Sysfs;

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tdp {
    /// Part of the model string that identifies the processor.
    pub model: &'static str,
    /// Thermal design power of one package in watts.
    pub watts: f64,
    /// Hardware threads of one package.
    pub threads: u32,
}

const fn row(model: &'static str, watts: f64, threads: u32) -> Tdp {
    Tdp {
        model,
        watts,
        threads,
    }
}

/// Thermal design power of common processors, as their makers publish it. Every
/// row agrees with the table of 4918 processors in CodeCarbon 3.3.2 (MIT), an
/// independent collection; rows that did not were left out.
pub const TDP_TABLE: &[Tdp] = &[
    row("EPYC 7351", 170.0, 32),
    row("EPYC 7501", 170.0, 64),
    row("EPYC 7551", 180.0, 64),
    row("EPYC 7601", 180.0, 64),
    row("EPYC 7302", 155.0, 32),
    row("EPYC 7402", 180.0, 48),
    row("EPYC 7452", 155.0, 64),
    row("EPYC 7502", 180.0, 64),
    row("EPYC 7542", 225.0, 64),
    row("EPYC 7702", 200.0, 128),
    row("EPYC 7742", 225.0, 128),
    row("EPYC 7H12", 280.0, 128),
    row("EPYC 7313", 155.0, 32),
    row("EPYC 7413", 180.0, 48),
    row("EPYC 7443", 200.0, 48),
    row("EPYC 7513", 200.0, 64),
    row("EPYC 7543", 225.0, 64),
    row("EPYC 7643", 225.0, 96),
    row("EPYC 7713", 225.0, 128),
    row("EPYC 7763", 280.0, 128),
    row("EPYC 8024P", 90.0, 16),
    row("EPYC 8534P", 200.0, 128),
    row("EPYC 9124", 200.0, 32),
    row("EPYC 9224", 200.0, 48),
    row("EPYC 9254", 200.0, 48),
    row("EPYC 9334", 210.0, 64),
    row("EPYC 9354", 280.0, 64),
    row("EPYC 9374F", 320.0, 64),
    row("EPYC 9454", 290.0, 96),
    row("EPYC 9474F", 360.0, 96),
    row("EPYC 9534", 280.0, 128),
    row("EPYC 9554", 360.0, 128),
    row("EPYC 9634", 290.0, 168),
    row("EPYC 9654", 360.0, 192),
    row("EPYC 9684X", 400.0, 192),
    row("EPYC 9754", 360.0, 256),
    row("EPYC 9655", 400.0, 192),
    row("EPYC 9755", 500.0, 256),
    row("EPYC 9965", 500.0, 384),
    row("Threadripper 1950X", 180.0, 32),
    row("Threadripper 2990WX", 250.0, 64),
    row("Threadripper 3970X", 280.0, 64),
    row("Threadripper 3990X", 280.0, 128),
    row("Threadripper PRO 5995WX", 280.0, 128),
    row("Ryzen 5 3600", 65.0, 12),
    row("Ryzen 7 3700X", 65.0, 16),
    row("Ryzen 9 3900X", 105.0, 24),
    row("Ryzen 9 3950X", 105.0, 32),
    row("Ryzen 5 5600X", 65.0, 12),
    row("Ryzen 7 5800X", 105.0, 16),
    row("Ryzen 9 5900X", 105.0, 24),
    row("Ryzen 9 5950X", 105.0, 32),
    row("Ryzen 7 7700X", 105.0, 16),
    row("Ryzen 9 7900X", 170.0, 24),
    row("Ryzen 9 7950X", 170.0, 32),
    row("Xeon(R) CPU E3-1240 V2", 69.0, 8),
    row("Xeon(R) CPU E5-2620 v3", 85.0, 12),
    row("Xeon(R) CPU E5-2670 v3", 120.0, 24),
    row("Xeon(R) CPU E5-2650 v4", 105.0, 24),
    row("Xeon(R) CPU E5-2680 v4", 120.0, 28),
    row("Xeon(R) CPU E5-2690 v4", 135.0, 28),
    row("Xeon(R) CPU E5-2699 v4", 145.0, 44),
    row("Xeon(R) Gold 6130", 125.0, 32),
    row("Xeon(R) Gold 6148", 150.0, 40),
    row("Xeon(R) Gold 6230", 125.0, 40),
    row("Xeon(R) Gold 6240", 150.0, 36),
    row("Xeon(R) Gold 6248", 150.0, 40),
    row("Xeon(R) Gold 6252", 150.0, 48),
    row("Xeon(R) Gold 6330", 205.0, 56),
    row("Xeon(R) Gold 6338", 205.0, 64),
    row("Xeon(R) Gold 6348", 235.0, 56),
    row("Xeon(R) Platinum 8160", 150.0, 48),
    row("Xeon(R) Platinum 8168", 205.0, 48),
    row("Xeon(R) Platinum 8180", 205.0, 56),
    row("Xeon(R) Platinum 8259CL", 210.0, 48),
    row("Xeon(R) Platinum 8268", 205.0, 48),
    row("Xeon(R) Platinum 8280", 205.0, 56),
    row("Xeon(R) Platinum 8358", 250.0, 64),
    row("Xeon(R) Platinum 8360Y", 250.0, 72),
    row("Xeon(R) Platinum 8380", 270.0, 80),
    row("Xeon(R) Platinum 8468", 350.0, 96),
    row("Xeon(R) Platinum 8480+", 350.0, 112),
    row("Xeon(R) Platinum 8490H", 350.0, 120),
    row("Core(TM) i5-8250U", 15.0, 8),
    row("Core(TM) i7-8550U", 15.0, 8),
    row("Core(TM) i7-8700K", 95.0, 12),
    row("Core(TM) i7-9700K", 95.0, 8),
    row("Core(TM) i9-9900K", 95.0, 16),
    row("Core(TM) i7-10700K", 125.0, 16),
    row("Core(TM) i9-10900K", 125.0, 20),
    row("Core(TM) i7-1165G7", 28.0, 8),
    row("Core(TM) i7-1185G7", 28.0, 8),
    row("Core(TM) i9-11900K", 125.0, 16),
    row("Core(TM) i9-13900K", 125.0, 32),
];

/// The processor of this machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Processor {
    /// Model string; empty if unknown.
    pub model: String,
    pub vendor: String,
    /// Processors the system sees.
    pub cpus: usize,
    /// Socket of each of them.
    pub sockets_by_cpu: Vec<u32>,
    /// Number of sockets.
    pub sockets: usize,
    /// A hypervisor hides the machine.
    pub virtualised: bool,
}

impl Processor {
    /// Reads `cpuinfo`; without it only the number of processors is known.
    pub fn read(proc_root: &Path) -> Self {
        let mut processor = Self::default();
        let text = Sysfs::default()
            .text_whole(&proc_root.join("cpuinfo"))
            .unwrap_or_default();
        for line in text.lines() {
            let Some((key, value)) = line.split_once(':') else {
                continue;
            };
            let value = value.trim();
            match key.trim() {
                "processor" => {
                    processor.cpus += 1;
                    processor.sockets_by_cpu.push(0);
                }
                "model name" if processor.model.is_empty() => processor.model = value.to_owned(),
                "vendor_id" if processor.vendor.is_empty() => processor.vendor = value.to_owned(),
                "physical id" => {
                    if let Some(socket) = processor.sockets_by_cpu.last_mut() {
                        *socket = value.parse().unwrap_or(0);
                    }
                }
                "flags" => {
                    processor.virtualised |= value.split_whitespace().any(|f| f == "hypervisor");
                }
                _ => {}
            }
        }
        if processor.cpus == 0 {
            processor.cpus = std::thread::available_parallelism().map_or(1, usize::from);
            processor.sockets_by_cpu = vec![0; processor.cpus];
        }
        processor.sockets = processor
            .sockets_by_cpu
            .iter()
            .collect::<BTreeSet<_>>()
            .len();
        processor
    }

    /// Thermal design power of what the system sees.
    pub fn power(&self) -> DesignPower {
        if let Some(entry) = lookup(&self.model) {
            if self.virtualised {
                // A virtual machine may span sockets, but what it has is threads.
                let share = self.cpus as f64 / f64::from(entry.threads);
                return DesignPower {
                    watts: entry.watts * share,
                    known: true,
                    how: format!(
                        "{} W TDP of {} × {} of its {} threads",
                        entry.watts, entry.model, self.cpus, entry.threads
                    ),
                };
            }
            return DesignPower {
                watts: entry.watts * self.sockets as f64,
                known: true,
                how: format!(
                    "{} W TDP of {} × {} sockets",
                    entry.watts, entry.model, self.sockets
                ),
            };
        }
        let (family, watts) = family_watts_per_thread(&self.model);
        DesignPower {
            watts: watts * self.cpus as f64,
            known: false,
            how: format!(
                "{:?} is in no table; {watts:.3} W a thread, the median of {family}, × {} threads",
                self.model, self.cpus
            ),
        }
    }
}

/// A design power and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DesignPower {
    pub watts: f64,
    pub known: bool,
    pub how: String,
}

/// The row of a model string, for example of `/proc/cpuinfo`. Case is ignored;
/// the number must end where the string's word ends.
#[must_use]
pub fn lookup(model: &str) -> Option<&'static Tdp> {
    let model = format!("{} ", model.to_ascii_lowercase());
    TDP_TABLE
        .iter()
        .find(|entry| model.contains(&format!("{} ", entry.model.to_ascii_lowercase())))
}

/// Median watts per thread of the rows of the same family, else of all.
fn family_watts_per_thread(model: &str) -> (&'static str, f64) {
    let family = ["EPYC", "Threadripper", "Ryzen", "Xeon", "Core(TM)"]
        .into_iter()
        .find(|family| model.contains(family));
    let mut watts: Vec<f64> = TDP_TABLE
        .iter()
        .filter(|entry| family.is_none_or(|family| entry.model.contains(family)))
        .map(|entry| entry.watts / f64::from(entry.threads))
        .collect();
    watts.sort_by(f64::total_cmp);
    (family.unwrap_or("all processors"), watts[watts.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_string_finds_its_row_and_no_other() {
        let watts = |model: &str| lookup(model).map(|row| row.watts);
        assert_eq!(watts("AMD EPYC 8024P 8-Core Processor"), Some(90.0));
        assert_eq!(
            watts("Intel(R) Xeon(R) CPU E3-1240 V2 @ 3.40GHz"),
            Some(69.0)
        );
        assert_eq!(
            watts("Intel(R) Xeon(R) CPU E5-2620 v3 @ 2.40GHz"),
            Some(85.0)
        );
        assert_eq!(
            watts("AMD Ryzen Threadripper 1950X 16-Core Processor"),
            Some(180.0)
        );
        // Not the row of EPYC 7551.
        assert_eq!(watts("AMD EPYC 7551P 32-Core Processor"), None);
        assert_eq!(watts("AMD EPYC"), None);
    }

    #[test]
    fn a_virtual_machine_has_a_share_of_the_package() {
        let processor = Processor {
            model: "AMD EPYC 7763 64-Core Processor".into(),
            cpus: 8,
            sockets: 2,
            virtualised: true,
            ..Default::default()
        };
        assert_eq!(processor.power().watts, 280.0 * 8.0 / 128.0);
    }

    #[test]
    fn an_unknown_model_is_the_median_of_its_family() {
        let processor = Processor {
            model: "AMD EPYC".into(),
            cpus: 4,
            ..Default::default()
        };
        let power = processor.power();
        assert!(!power.known && power.how.contains("EPYC"));
        assert!(power.watts > 4.0 * 1.3 && power.watts < 4.0 * 6.3);
    }
}
