//! RAPL counters in model-specific registers, `/dev/cpu/*/msr`.
//!
//! Registers are 32 bits wide; their unit is 2⁻ᴱ J with E from the unit register.
//! Memory is read on Intel processors only, in the unit register's unit; Xeons
//! from Haswell on use 2⁻¹⁶ J for memory instead (Intel SDM, volume 3, 15.10).

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;

use crate::backend::counter::Counter;
use crate::backend::sysfs::{Sysfs, name_of};
use crate::backend::{Channel, Source, Tally};
use crate::clock::Moment;
use crate::processor::Processor;
use crate::provenance::{Backend, Domain, Provenance, Scope};

/// The registers of a vendor: unit, package, memory.
struct Registers {
    unit: u64,
    package: u64,
    dram: Option<u64>,
}

const INTEL: Registers = Registers {
    unit: 0x606,
    package: 0x611,
    dram: Some(0x619),
};
const AMD: Registers = Registers {
    unit: 0xC001_0299,
    package: 0xC001_029B,
    dram: None,
};

/// One register.
#[derive(Debug)]
struct Register {
    device: File,
    address: u64,
    /// Microjoules of one count.
    unit: f64,
    counter: Counter,
    channel: Channel,
}

/// The source.
#[derive(Debug)]
pub(crate) struct Msr {
    registers: Vec<Register>,
    tally: Tally,
    missing: bool,
}

impl Msr {
    /// One processor of each socket.
    ///
    /// # Errors
    /// In words: what is missing, and what to change.
    pub fn open(root: &Path, processor: &Processor) -> Result<Self, String> {
        let vendor = if processor.vendor == "AuthenticAMD" {
            AMD
        } else {
            INTEL
        };
        let mut seen = BTreeSet::new();
        let mut registers = Vec::new();
        for folder in Sysfs::default().entries(root, "") {
            let Ok(cpu) = name_of(&folder).parse::<usize>() else {
                continue;
            };
            let socket = processor.sockets_by_cpu.get(cpu).copied().unwrap_or(0);
            if !seen.insert(socket) {
                continue;
            }
            let path = folder.join("msr");
            let explain = |error: io::Error| match error.kind() {
                io::ErrorKind::PermissionDenied => format!(
                    "permission denied: {}; run as root, or give this program the right with \
                     `sudo setcap cap_sys_rawio+ep <program>` and `sudo chmod o+r {}`",
                    path.display(),
                    path.display()
                ),
                _ => format!("{}: {error}", path.display()),
            };
            let open = || File::open(&path).map_err(explain);
            let device = open()?;
            let unit = read(&device, vendor.unit).map_err(explain)?;
            let joules = |exponent: u64| 1e6 / (1u64 << exponent) as f64;
            let unit = unit >> 8 & 0x1f;
            let mut add = |address, unit, domain, label: &str| {
                registers.push(Register {
                    device: open()?,
                    address,
                    unit,
                    counter: Counter::new(Some(u64::from(u32::MAX))),
                    channel: Channel {
                        domain,
                        label: format!("{label} (msr {address:#x})"),
                        excluded: None,
                    },
                });
                Ok::<(), String>(())
            };
            add(
                vendor.package,
                joules(unit),
                Domain::Package(socket),
                "package",
            )?;
            if let Some(address) = vendor.dram
                && read(&device, address).is_ok_and(|value| value != 0)
            {
                let exponent = if processor.model.contains("Xeon") {
                    16
                } else {
                    unit
                };
                add(address, joules(exponent), Domain::Dram(socket), "dram")?;
            }
        }
        if registers.is_empty() {
            return Err(format!(
                "no processor below {}; load the module with `sudo modprobe msr`",
                root.display()
            ));
        }
        Ok(Self {
            registers,
            tally: Tally::default(),
            missing: false,
        })
    }
}

/// A register; the device takes its address as the offset.
#[cfg(unix)]
fn read(device: &File, address: u64) -> io::Result<u64> {
    let mut bytes = [0; 8];
    std::os::unix::fs::FileExt::read_exact_at(device, &mut bytes, address)?;
    Ok(u64::from_le_bytes(bytes))
}

#[cfg(not(unix))]
fn read(_: &File, _: u64) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Source for Msr {
    fn backend(&self) -> Backend {
        Backend::Msr
    }

    fn provenance(&self) -> Provenance {
        Provenance::Measured
    }

    fn scope(&self) -> Scope {
        Scope::Package
    }

    fn sample(&mut self, moment: Moment) {
        self.missing = false;
        for register in &mut self.registers {
            match read(&register.device, register.address) {
                Ok(value) => {
                    let value = value & u64::from(u32::MAX);
                    register.counter.read(value, moment, &mut self.tally);
                }
                Err(_) => {
                    register.counter.forget();
                    self.tally.dropped += 1;
                    self.missing = true;
                }
            }
        }
    }

    fn microjoules(&self) -> Vec<f64> {
        self.registers
            .iter()
            .map(|register| register.counter.total() as f64 * register.unit)
            .collect()
    }

    fn channels(&self) -> Vec<Channel> {
        self.registers
            .iter()
            .map(|register| register.channel.clone())
            .collect()
    }

    fn tally(&self) -> Tally {
        self.tally
    }

    fn is_partial(&self) -> bool {
        self.missing
    }

    fn interval_seconds(&self) -> f64 {
        // 2^32 counts of 2^-16 J at 200 W last five minutes.
        1.0
    }
}
