//! What can be typed after `tensegrity energy`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

/// `tensegrity energy`.
#[derive(Debug, Args)]
pub struct Energy {
    /// The job.
    #[command(subcommand)]
    pub job: Job,
}

/// What to do about energy.
#[derive(Debug, Subcommand)]
pub enum Job {
    /// Run a command and tell what it consumed.
    #[command(
        after_help = "The command keeps its input and outputs; the figures go to standard \
        error, or with --json to standard output, and then the command's own output goes to \
        standard error. The exit code is the command's (128 + n after signal n)."
    )]
    Run(Run),
    /// Tell which backends there are, and why the others are not.
    Probe(Probe),
    /// Measure power at full load and idle, for --full-load-watts where nothing is measured.
    Calibrate(Calibrate),
    /// Compute energy, CO2 and cost from watts and hours.
    Estimate(Estimate),
    /// Print the tables of Strubell et al. (2019) from their inputs, or sum up a CSV of runs.
    Report(Report),
}

/// Backends by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BackendName {
    /// RAPL counters below /sys/class/powercap.
    Powercap,
    /// RAPL counters as events of the kernel.
    #[value(name = "perf_event")]
    PerfEvent,
    /// RAPL counters in /dev/cpu/*/msr.
    Msr,
    /// Energy counters and power meters below /sys/class/hwmon.
    Hwmon,
    /// A discharging battery.
    Battery,
    /// Load times a model of the processor.
    Model,
}

/// Whose load the model looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ScopeName {
    /// The command with its children.
    Process,
    /// The whole machine.
    Machine,
}

/// How to meter. The folder of RAPL zones can be set with
/// TENSEGRITY_POWERCAP_ROOT.
#[derive(Debug, Args)]
pub struct Metering {
    /// Power of the machine as you know it; nothing is measured then.
    #[arg(long, value_name = "W", allow_negative_numbers = true)]
    pub watts: Option<f64>,
    /// Power of all processor packages at full load; calibrates the model.
    #[arg(long, value_name = "W", allow_negative_numbers = true)]
    pub full_load_watts: Option<f64>,
    /// Power without load as a fraction of that at full load [default: 0.1].
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub idle_fraction: Option<f64>,
    /// Use this backend instead of the first available one.
    #[arg(long, value_enum, conflicts_with = "watts")]
    pub backend: Option<BackendName>,
    /// Whose load the model looks at.
    #[arg(long, value_enum, default_value_t = ScopeName::Process)]
    pub scope: ScopeName,
    /// Count the platform (psys) instead of packages and memory.
    #[arg(long)]
    pub psys: bool,
    /// Try /dev/cpu/*/msr too.
    #[arg(long)]
    pub msr: bool,
}

/// What energy is converted with.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("intensity").args(["g_per_kwh", "lb_per_kwh", "country"]))]
pub struct Converting {
    /// Energy of the data centre over that of its computers [default: 1].
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub pue: Option<f64>,
    /// Grams of CO2 equivalent a kilowatt-hour.
    #[arg(long, value_name = "G", allow_negative_numbers = true)]
    pub g_per_kwh: Option<f64>,
    /// Pounds of CO2 equivalent a kilowatt-hour.
    #[arg(long, value_name = "LB", allow_negative_numbers = true)]
    pub lb_per_kwh: Option<f64>,
    /// Take the carbon intensity of a country, for example USA, FRA or WORLD.
    #[arg(long, value_name = "CODE")]
    pub country: Option<String>,
    /// Price of a kilowatt-hour in US dollars.
    #[arg(long, value_name = "USD", allow_negative_numbers = true)]
    pub usd_per_kwh: Option<f64>,
}

/// `tensegrity energy run`.
#[derive(Debug, Args)]
pub struct Run {
    /// How to meter.
    #[command(flatten)]
    pub metering: Metering,
    /// What to convert with.
    #[command(flatten)]
    pub converting: Converting,
    /// Measure the idle machine for so many seconds first, and tell the energy above it.
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    pub idle_seconds: Option<f64>,
    /// Add a row to this CSV, which is made if need be.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Name of the run in the figures [default: the command's name].
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// `tensegrity energy probe`.
#[derive(Debug, Args)]
pub struct Probe {
    /// How to meter.
    #[command(flatten)]
    pub metering: Metering,
}

/// `tensegrity energy calibrate`.
#[derive(Debug, Args)]
pub struct Calibrate {
    /// How to meter.
    #[command(flatten)]
    pub metering: Metering,
    /// Seconds at full load, and as many idle before.
    #[arg(
        long,
        value_name = "S",
        default_value_t = 10.0,
        allow_negative_numbers = true
    )]
    pub seconds: f64,
}

/// `tensegrity energy estimate`.
#[derive(Debug, Args)]
pub struct Estimate {
    /// Mean power of everything, all devices included.
    #[arg(long, value_name = "W", allow_negative_numbers = true)]
    pub watts: Option<f64>,
    /// Hours of one run.
    #[arg(long, value_name = "H", allow_negative_numbers = true)]
    pub hours: f64,
    /// Rented devices, for example P100:8 (P100, V100, TPUv2, TPUv3).
    #[arg(long, value_name = "NAME:COUNT")]
    pub device: Option<String>,
    /// Runs it took, failed and discarded ones included.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub trials: Option<u32>,
    /// What to convert with.
    #[command(flatten)]
    pub converting: Converting,
}

/// `tensegrity energy report`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["paper", "file"]))]
pub struct Report {
    /// The tables of Strubell, Ganesh and McCallum (2019), computed from the inputs they print.
    #[arg(long)]
    pub paper: bool,
    /// A CSV written by `energy run --csv`.
    pub file: Option<PathBuf>,
}
