//! What a meter may use and what the user knows.

use std::path::PathBuf;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::provenance::{Backend, Scope};

/// Options of a [`crate::Meter`]. The default finds everything by itself.
#[derive(Clone, Debug)]
pub struct MeterConfig {
    /// Use this backend instead of the first available one. An explicit
    /// [`MeterConfig::watts`] is [`Backend::Declared`].
    pub backend: Option<Backend>,
    /// Power of the whole machine in watts, as the user states it.
    pub watts: Option<f64>,
    /// Power of all processor packages at full load in watts; calibrates the
    /// model with one point.
    pub full_load_watts: Option<f64>,
    /// Whose load the model looks at: [`Scope::Process`] (with children) or
    /// [`Scope::Machine`]. Counters always see whole packages.
    pub scope: Scope,
    /// Count the platform domain instead of packages and memory.
    pub psys: bool,
    /// Try `/dev/cpu/*/msr` too (needs root and the `msr` module).
    pub msr: bool,
    /// Add graphics cards where the main backend does not contain them.
    pub gpu: bool,
    /// Gigabytes of memory for the model; `None` reads `meminfo`.
    pub memory_gb: Option<f64>,
    /// Watts per gigabyte of memory for the model; 3 W for 8 GB by default.
    pub watts_per_gb: f64,
    /// Power without load as a fraction of full-load power.
    pub idle_fraction: f64,
    /// The part of idle power this job answers for, from 0 to 1.
    pub idle_share: f64,
    /// Seconds between samples of the thread; `None` lets the backend choose
    /// (a quarter of the shortest time in which a counter can wrap, within
    /// 0.1 s and 1 s).
    pub interval: Option<f64>,
    /// Control group folder whose `cpu.stat` gives the CPU time of the job,
    /// for jobs whose processes are not children of this one.
    pub cgroup: Option<PathBuf>,
    /// Folder of the RAPL zones.
    pub powercap_root: PathBuf,
    /// Folder of the kernel's event sources.
    pub event_root: PathBuf,
    /// NVIDIA's management library.
    pub nvml_library: PathBuf,
    /// Folder of hardware monitors.
    pub hwmon_root: PathBuf,
    /// Folder of power supplies.
    pub power_supply_root: PathBuf,
    /// Folder of processor devices.
    pub cpu_device_root: PathBuf,
    /// The process file system.
    pub proc_root: PathBuf,
    /// The clock; a manual one makes metering reproducible.
    pub clock: Clock,
}

impl Default for MeterConfig {
    fn default() -> Self {
        Self {
            backend: None,
            watts: None,
            full_load_watts: None,
            scope: Scope::Process,
            psys: false,
            msr: false,
            gpu: true,
            memory_gb: None,
            watts_per_gb: 0.375,
            idle_fraction: 0.10,
            idle_share: 1.0,
            interval: None,
            cgroup: None,
            powercap_root: "/sys/class/powercap".into(),
            event_root: "/sys/bus/event_source/devices".into(),
            nvml_library: if cfg!(windows) {
                "nvml.dll".into()
            } else {
                "libnvidia-ml.so.1".into()
            },
            hwmon_root: "/sys/class/hwmon".into(),
            power_supply_root: "/sys/class/power_supply".into(),
            cpu_device_root: "/dev/cpu".into(),
            proc_root: "/proc".into(),
            clock: Clock::System,
        }
    }
}

impl MeterConfig {
    /// Checks ranges.
    pub(crate) fn check(&self) -> Result<()> {
        let positive = |name, value: Option<f64>| match value {
            Some(value) if !(value > 0.0 && value.is_finite()) => Err(Error::option(
                name,
                format!("{value} is no power; give watts above 0"),
            )),
            _ => Ok(()),
        };
        let fraction = |name, value: f64| {
            if (0.0..=1.0).contains(&value) {
                Ok(())
            } else {
                Err(Error::option(
                    name,
                    format!("{value} is no fraction; give a number from 0 to 1"),
                ))
            }
        };
        positive("full_load_watts", self.full_load_watts)?;
        if let Some(watts) = self.watts
            && !(watts >= 0.0 && watts.is_finite())
        {
            return Err(Error::option(
                "watts",
                format!("{watts} is no power; give watts of at least 0"),
            ));
        }
        fraction("idle_fraction", self.idle_fraction)?;
        fraction("idle_share", self.idle_share)?;
        if let Some(gb) = self.memory_gb
            && !(gb >= 0.0 && gb.is_finite())
        {
            return Err(Error::option(
                "memory_gb",
                format!("{gb} is no size; give gigabytes of at least 0"),
            ));
        }
        if !(self.watts_per_gb >= 0.0 && self.watts_per_gb.is_finite()) {
            return Err(Error::option(
                "watts_per_gb",
                format!("{} is no power; give at least 0", self.watts_per_gb),
            ));
        }
        if let Some(interval) = self.interval
            && !(0.001..=3600.0).contains(&interval)
        {
            return Err(Error::option(
                "interval",
                format!("{interval} s is not between 0.001 and 3600 s"),
            ));
        }
        if self.scope == Scope::Package {
            return Err(Error::option(
                "scope",
                "the model sees a process or the machine; packages are what counters see",
            ));
        }
        if self.backend == Some(Backend::Declared) && self.watts.is_none() {
            return Err(Error::option("watts", "the backend declared needs watts"));
        }
        if matches!(self.backend, Some(Backend::Gpu | Backend::Nvml)) {
            return Err(Error::option(
                "backend",
                "graphics cards are added to another backend; switch them with the option gpu",
            ));
        }
        Ok(())
    }
}
