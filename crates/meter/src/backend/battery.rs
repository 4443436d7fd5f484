//! Discharge of a laptop's battery: the whole machine, while no charger is in.

use std::path::{Path, PathBuf};

use crate::backend::sysfs::{Sysfs, name_of};
use crate::backend::{Channel, Source, Tally, Trapezoid};
use crate::clock::Moment;
use crate::provenance::{Backend, Domain, Provenance, Scope};

/// The source.
#[derive(Debug)]
pub(crate) struct Battery {
    sysfs: Sysfs,
    batteries: Vec<PathBuf>,
    energy: Vec<Trapezoid>,
    tally: Tally,
}

impl Battery {
    /// Finds the batteries below `root` that are discharging.
    ///
    /// # Errors
    /// In words, why none can be used.
    pub fn open(root: &Path) -> Result<Self, String> {
        let sysfs = Sysfs::default();
        let all: Vec<PathBuf> = sysfs
            .entries(root, "")
            .into_iter()
            .filter(|path| {
                sysfs
                    .text(&path.join("type"))
                    .is_ok_and(|kind| kind == "Battery")
                    && sysfs
                        .text(&path.join("scope"))
                        .map_or(true, |scope| scope != "Device")
            })
            .collect();
        if all.is_empty() {
            return Err(format!("no battery below {}", root.display()));
        }
        let discharging = all.iter().any(|path| is_discharging(&sysfs, path));
        if !discharging {
            return Err("the battery is not discharging; unplug the charger to use it".into());
        }
        if all.iter().all(|path| watts(&sysfs, path).is_none()) {
            return Err(
                "the battery tells neither power_now nor current_now and voltage_now".into(),
            );
        }
        Ok(Self {
            energy: vec![Trapezoid::default(); all.len()],
            sysfs,
            batteries: all,
            tally: Tally::default(),
        })
    }
}

fn is_discharging(sysfs: &Sysfs, battery: &Path) -> bool {
    sysfs
        .text(&battery.join("status"))
        .is_ok_and(|status| status == "Discharging")
}

/// Watts a battery gives; files are in microwatts, or microamperes and
/// microvolts. Some drivers give discharge a minus sign.
fn watts(sysfs: &Sysfs, battery: &Path) -> Option<f64> {
    let number = |name: &str| -> Option<f64> {
        let value: f64 = sysfs.text(&battery.join(name)).ok()?.parse().ok()?;
        value.is_finite().then_some(value.abs())
    };
    number("power_now")
        .map(|microwatts| microwatts / 1e6)
        .or_else(|| Some(number("current_now")? * number("voltage_now")? / 1e12))
}

impl Source for Battery {
    fn backend(&self) -> Backend {
        Backend::Battery
    }

    fn provenance(&self) -> Provenance {
        Provenance::Measured
    }

    fn scope(&self) -> Scope {
        Scope::Machine
    }

    fn sample(&mut self, moment: Moment) {
        let any = self
            .batteries
            .iter()
            .any(|battery| is_discharging(&self.sysfs, battery));
        let mut dropped = !any;
        for (battery, energy) in self.batteries.iter().zip(&mut self.energy) {
            // With two batteries one rests while the other gives.
            let reading = if is_discharging(&self.sysfs, battery) {
                watts(&self.sysfs, battery)
            } else if any {
                Some(0.0)
            } else {
                None
            };
            match reading {
                Some(watts) => energy.add(moment.seconds, watts),
                None => {
                    energy.interrupt();
                    dropped = true;
                }
            }
        }
        self.tally.dropped += u64::from(dropped);
    }

    fn microjoules(&self) -> Vec<f64> {
        self.energy.iter().map(Trapezoid::microjoules).collect()
    }

    fn channels(&self) -> Vec<Channel> {
        self.batteries
            .iter()
            .map(|battery| Channel {
                domain: Domain::Machine,
                label: name_of(battery),
                excluded: None,
            })
            .collect()
    }

    fn tally(&self) -> Tally {
        self.tally
    }
}
