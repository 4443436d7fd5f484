//! Where a figure comes from and what it covers.

use std::fmt;

use serde::Serialize;

/// How a figure came about. Ordered from strongest to weakest; a sum is as weak
/// as its weakest part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Provenance {
    /// Read from a counter or a power sensor.
    Measured,
    /// Computed from load and a model of the hardware.
    Modelled,
    /// Stated by the user.
    Declared,
}

/// What a figure covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// This process and its children.
    Process,
    /// Processor packages (and memory), whoever uses them.
    Package,
    /// The whole machine.
    Machine,
}

/// A source of figures. The order is the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// RAPL counters below `/sys/class/powercap`.
    Powercap,
    /// RAPL counters as the kernel's events, `power/energy-pkg/`.
    #[serde(rename = "perf_event")]
    PerfEvent,
    /// RAPL counters in model-specific registers, `/dev/cpu/*/msr`.
    Msr,
    /// Energy counters and power sensors of drivers below `/sys/class/hwmon`.
    Hwmon,
    /// Discharge of a laptop's battery.
    Battery,
    /// Graphics cards through hwmon.
    Gpu,
    /// NVIDIA's graphics cards through their management library.
    Nvml,
    /// Load times a model of the processor.
    Model,
    /// Watts stated by the user.
    Declared,
}

impl Backend {
    /// The name used on the command line and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Backend::Powercap => "powercap",
            Backend::PerfEvent => "perf_event",
            Backend::Msr => "msr",
            Backend::Hwmon => "hwmon",
            Backend::Battery => "battery",
            Backend::Gpu => "gpu",
            Backend::Nvml => "nvml",
            Backend::Model => "model",
            Backend::Declared => "declared",
        }
    }
}

/// The part of a machine a figure belongs to. Numbers are sockets or cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// A processor package with everything on it.
    Package(u32),
    /// The cores of a package; part of [`Domain::Package`].
    Core(u32),
    /// Graphics and caches of a package; part of [`Domain::Package`].
    Uncore(u32),
    /// The memory attached to a package.
    Dram(u32),
    /// The platform; contains packages and memory.
    Psys,
    /// A graphics card.
    Gpu(u32),
    /// The processor as a model sees it.
    Cpu,
    /// Memory as a model sees it.
    Memory,
    /// The whole machine.
    Machine,
    /// Something a driver names that has no place in the sum.
    Other(u32),
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Domain::Package(n) => write!(f, "package-{n}"),
            Domain::Core(n) => write!(f, "core-{n}"),
            Domain::Uncore(n) => write!(f, "uncore-{n}"),
            Domain::Dram(n) => write!(f, "dram-{n}"),
            Domain::Psys => f.write_str("psys"),
            Domain::Gpu(n) => write!(f, "gpu-{n}"),
            Domain::Cpu => f.write_str("cpu"),
            Domain::Memory => f.write_str("memory"),
            Domain::Machine => f.write_str("machine"),
            Domain::Other(n) => write!(f, "other-{n}"),
        }
    }
}

impl Serialize for Domain {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

macro_rules! display_as_serialized {
    ($($type:ty { $($variant:ident => $text:literal),* })*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $text),* })
            }
        }
    )*};
}
display_as_serialized! {
    Provenance { Measured => "measured", Modelled => "modelled", Declared => "declared" }
    Scope { Process => "process", Package => "package", Machine => "machine" }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
