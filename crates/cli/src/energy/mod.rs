//! `tensegrity energy`.

pub mod arguments;
mod calibrate;
mod estimate;
pub mod metered;
mod paper;
mod probe;
mod run;
mod runs;

use tensegrity::meter::{Backend, Carbon, Conversion, MeterConfig, Scope};

use crate::failure::{Failure, Outcome};
use arguments::{BackendName, Converting, Energy, Job, Metering, ScopeName};

/// Does the job.
pub fn run(arguments: &Energy, json: bool) -> Outcome<()> {
    match &arguments.job {
        Job::Run(arguments) => run::run(arguments, json),
        Job::Probe(arguments) => probe::run(arguments, json),
        Job::Calibrate(arguments) => calibrate::run(arguments, json),
        Job::Estimate(arguments) => estimate::run(arguments, json),
        Job::Report(arguments) => match &arguments.file {
            Some(file) => runs::run(file, json),
            None => paper::run(json),
        },
    }
}

/// Every error of the meter is one of the input.
fn input(error: tensegrity::meter::Error) -> Failure {
    Failure::Input(error.to_string())
}

/// The folder of RAPL zones other than the kernel's.
const POWERCAP_ROOT: &str = "TENSEGRITY_POWERCAP_ROOT";

fn powercap_root() -> Option<std::path::PathBuf> {
    let root = std::env::var_os(POWERCAP_ROOT).filter(|root| !root.is_empty())?;
    Some(root.into())
}

fn config(metering: &Metering) -> MeterConfig {
    let mut config = MeterConfig {
        backend: metering.backend.map(|backend| match backend {
            BackendName::Powercap => Backend::Powercap,
            BackendName::PerfEvent => Backend::PerfEvent,
            BackendName::Msr => Backend::Msr,
            BackendName::Hwmon => Backend::Hwmon,
            BackendName::Battery => Backend::Battery,
            BackendName::Model => Backend::Model,
        }),
        watts: metering.watts,
        full_load_watts: metering.full_load_watts,
        scope: match metering.scope {
            ScopeName::Process => Scope::Process,
            ScopeName::Machine => Scope::Machine,
        },
        psys: metering.psys,
        msr: metering.msr,
        ..MeterConfig::default()
    };
    if let Some(fraction) = metering.idle_fraction {
        config.idle_fraction = fraction;
    }
    if let Some(root) = powercap_root() {
        config.powercap_root = root;
    }
    config
}

fn conversion(arguments: &Converting) -> Outcome<Conversion> {
    let mut conversion = Conversion::default();
    if let Some(pue) = arguments.pue {
        conversion = conversion.with_pue(pue).map_err(input)?;
    }
    if let Some(grams) = arguments.g_per_kwh {
        conversion = conversion.with_carbon(Carbon::grams(grams).map_err(input)?);
    }
    if let Some(pounds) = arguments.lb_per_kwh {
        conversion = conversion.with_carbon(Carbon::pounds(pounds).map_err(input)?);
    }
    if let Some(name) = &arguments.country {
        conversion = conversion.with_carbon(Carbon::country(name).map_err(input)?);
    }
    if let Some(price) = arguments.usd_per_kwh {
        conversion = conversion.with_price(price).map_err(input)?;
    }
    Ok(conversion)
}

/// `26.84 kWh`; small energies in Wh.
fn kwh_text(kwh: f64) -> String {
    use crate::output::number_text;
    if kwh < 0.1 {
        format!("{} Wh", number_text(1e3 * kwh))
    } else {
        format!("{kwh:.3} kWh")
    }
}

/// `1.2 kg CO2e (2.6 lb)`; small masses in grams.
fn co2_text(kg: f64, lb: f64) -> String {
    use crate::output::number_text;
    if kg < 0.1 {
        format!("{} g CO2e", number_text(1e3 * kg))
    } else {
        format!("{kg:.3} kg CO2e ({lb:.2} lb)")
    }
}
