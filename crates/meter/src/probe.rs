//! Which backends there are, and why the others are not.

use serde::Serialize;

use crate::backend::battery::Battery;
use crate::backend::declared::Declared;
use crate::backend::hwmon::Hwmon;
use crate::backend::model::Model;
use crate::backend::msr::Msr;
use crate::backend::nvml::Cards;
use crate::backend::perf_event::PerfEvent;
use crate::backend::powercap::Powercap;
use crate::backend::{Channel, Source};
use crate::config::MeterConfig;
use crate::error::{Error, Result};
use crate::processor::Processor;
use crate::provenance::{Backend, Provenance, Scope};

/// What is known of one backend on this machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Probe {
    /// The backend.
    pub backend: Backend,
    /// Whether it can be used.
    pub available: bool,
    /// Whether a meter with these options uses it.
    pub used: bool,
    /// How its figures come about.
    pub provenance: Provenance,
    /// What they cover; `None` if it is not available.
    pub scope: Option<Scope>,
    /// What it counts: domain, the system's name, and why it is not in the sum.
    pub domains: Vec<ProbedDomain>,
    /// Why it is not available and what to change; for an available one what a
    /// reader of its figures must know.
    pub reason: Option<String>,
}

/// One channel of a backend.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProbedDomain {
    /// The domain.
    pub domain: String,
    /// The system's name for it.
    pub label: String,
    /// Why it is not in the sum.
    pub excluded: Option<String>,
}

type Opened = std::result::Result<Box<dyn Source>, String>;

/// Opens one backend, or says why not.
fn open(backend: Backend, config: &MeterConfig) -> Opened {
    fn boxed<S: Source + 'static>(source: std::result::Result<S, String>) -> Opened {
        Ok(Box::new(source?))
    }
    match backend {
        Backend::Powercap => boxed(Powercap::open(&config.powercap_root, config.psys)),
        Backend::PerfEvent => boxed(PerfEvent::open(
            &config.event_root,
            &config.proc_root,
            config.psys,
        )),
        Backend::Msr if !config.msr && config.backend != Some(Backend::Msr) => {
            Err("not asked for; switch it on with the option msr".into())
        }
        Backend::Msr => boxed(Msr::open(
            &config.cpu_device_root,
            &Processor::read(&config.proc_root),
        )),
        Backend::Hwmon => boxed(Hwmon::open(&config.hwmon_root)),
        Backend::Battery => boxed(Battery::open(&config.power_supply_root)),
        Backend::Gpu | Backend::Nvml if !config.gpu => Err("switched off by the option gpu".into()),
        Backend::Gpu => boxed(Hwmon::open_gpu(&config.hwmon_root)),
        Backend::Nvml => {
            // Numbers go on where those of the other cards end.
            let others = Hwmon::open_gpu(&config.hwmon_root);
            let first = others.map_or(0, |cards| cards.channels().len());
            boxed(Cards::open(&config.nvml_library, first as u32))
        }
        Backend::Model => Ok(Box::new(Model::new(config))),
        Backend::Declared => match config.watts {
            Some(watts) => Ok(Box::new(Declared::new(watts))),
            None => Err("no power was declared; give it with the option watts".into()),
        },
    }
}

/// Backends that cover the processor, in order of preference.
const ORDER: [Backend; 7] = [
    Backend::Powercap,
    Backend::PerfEvent,
    Backend::Msr,
    Backend::Hwmon,
    Backend::Battery,
    Backend::Model,
    Backend::Declared,
];

/// The sources of a meter: the main one, and graphics cards if it does not
/// contain them.
pub(crate) fn sources(config: &MeterConfig) -> Result<Vec<Box<dyn Source>>> {
    // Who declares watts wants them used, whatever could be measured.
    let wanted = config
        .backend
        .or_else(|| config.watts.map(|_| Backend::Declared));
    let main = match wanted {
        Some(backend) => open(backend, config).map_err(|reason| Error::Unavailable {
            backend: backend.name(),
            reason,
        })?,
        None => ORDER
            .into_iter()
            .find_map(|backend| open(backend, config).ok())
            .ok_or_else(|| Error::Unavailable {
                backend: "any",
                reason: "there is nothing to meter with".into(),
            })?,
    };
    let machine = main.scope() == Scope::Machine && main.backend() != Backend::Model;
    let mut sources = vec![main];
    if !machine {
        let cards = [Backend::Gpu, Backend::Nvml];
        sources.extend(cards.into_iter().filter_map(|b| open(b, config).ok()));
    }
    Ok(sources)
}

/// Looks at every backend without metering anything.
///
/// # Errors
/// [`Error::Option`] for options out of range.
pub fn probe(config: &MeterConfig) -> Result<Vec<Probe>> {
    config.check()?;
    let used: Vec<Backend> = sources(config)
        .map(|sources| sources.iter().map(|source| source.backend()).collect())
        .unwrap_or_default();
    let all = [
        Backend::Powercap,
        Backend::PerfEvent,
        Backend::Msr,
        Backend::Hwmon,
        Backend::Battery,
        Backend::Gpu,
        Backend::Nvml,
        Backend::Model,
        Backend::Declared,
    ];
    Ok(all
        .into_iter()
        .map(|backend| {
            let provenance = match backend {
                Backend::Model => Provenance::Modelled,
                Backend::Declared => Provenance::Declared,
                _ => Provenance::Measured,
            };
            let used = used.contains(&backend);
            match open(backend, config) {
                Ok(source) => {
                    let notes = source.notes();
                    Probe {
                        backend,
                        available: true,
                        used,
                        provenance,
                        scope: Some(source.scope()),
                        domains: source.channels().into_iter().map(domain).collect(),
                        reason: (!notes.is_empty()).then(|| notes.join("; ")),
                    }
                }
                Err(reason) => Probe {
                    backend,
                    available: false,
                    used,
                    provenance,
                    scope: None,
                    domains: Vec::new(),
                    reason: Some(reason),
                },
            }
        })
        .collect())
}

fn domain(channel: Channel) -> ProbedDomain {
    ProbedDomain {
        domain: channel.domain.to_string(),
        label: channel.label,
        excluded: channel.excluded,
    }
}
