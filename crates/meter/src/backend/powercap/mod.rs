//! RAPL counters through powercap sysfs.
//!
//! The sum is all distinct packages and their memory. Cores and uncore are
//! inside their package, the platform contains packages: neither is added.
//! A package that two control types show is counted through one of them; dies
//! that mirror one counter of their socket are counted once.

mod mirror;
#[cfg(test)]
mod tests;
mod zone;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::backend::sysfs::Sysfs;
use crate::backend::{Channel, Source, Tally};
use crate::clock::Moment;
use crate::provenance::{Backend, Domain, Provenance, Scope};
use mirror::Mirror;
use zone::{Refusal, Zone};

/// The source.
#[derive(Debug)]
pub(crate) struct Powercap {
    sysfs: Sysfs,
    zones: Vec<Zone>,
    /// Why a zone is out for good, by position; mirrors come on top.
    excluded: Vec<Option<String>>,
    mirrors: Vec<Mirror>,
    tally: Tally,
}

impl Powercap {
    /// Finds the zones below `root`.
    ///
    /// # Errors
    /// In words: what is missing, and what to change.
    pub fn open(root: &Path, psys: bool) -> Result<Self, String> {
        Self::open_with(Sysfs::default(), root, psys)
    }

    pub(crate) fn open_with(sysfs: Sysfs, root: &Path, psys: bool) -> Result<Self, String> {
        if !root.is_dir() {
            return Err(format!(
                "{} does not exist: no RAPL here (a virtual machine or container without it, \
                 or the module intel_rapl_common is not loaded)",
                root.display()
            ));
        }
        let zones = zone::find(&sysfs, root);
        if zones.is_empty() {
            return Err(format!(
                "no zone with energy_uj below {}; load the module intel_rapl_msr, or expose the \
                 folder to this virtual machine or container",
                root.display()
            ));
        }
        if psys && !zones.iter().any(|zone| zone.domain == Domain::Psys) {
            return Err(format!(
                "no zone named psys below {}; leave the option psys out",
                root.display()
            ));
        }
        let wanted = |domain| match domain {
            Domain::Psys => psys,
            Domain::Package(_) | Domain::Dram(_) => !psys,
            _ => false,
        };
        let readable = |zone: &Zone| zone.unreadable.is_none();
        if !zones
            .iter()
            .any(|zone| wanted(zone.domain) && readable(zone))
        {
            return Err(refusal_text(&zones));
        }

        let controllers = preferred(&zones);
        let excluded = zones
            .iter()
            .map(|zone| match zone.domain {
                Domain::Core(_) | Domain::Uncore(_) => Some("part of its package".to_owned()),
                Domain::Psys if !psys => Some("contains the packages".to_owned()),
                Domain::Package(_) | Domain::Dram(_) if psys => {
                    Some("part of the platform".to_owned())
                }
                Domain::Other(_) => Some("not a RAPL domain".to_owned()),
                domain => {
                    let best = &controllers[&domain];
                    (zone.controller != *best)
                        .then(|| format!("the same counter is read through {best}"))
                }
            })
            .collect::<Vec<_>>();
        let mut mirrors = Vec::new();
        for (second, zone) in zones.iter().enumerate() {
            for first in 0..second {
                let pair = [first, second];
                if zones[first].domain == zone.domain
                    && pair
                        .iter()
                        .all(|&i| excluded[i].is_none() && readable(&zones[i]))
                {
                    mirrors.push(Mirror::new(first, second));
                }
            }
        }
        Ok(Self {
            sysfs,
            zones,
            excluded,
            mirrors,
            tally: Tally::default(),
        })
    }

    /// The zone a mirroring one repeats, for each zone.
    fn repeats(&self) -> Vec<Option<usize>> {
        let mut repeats = vec![None; self.zones.len()];
        for mirror in &self.mirrors {
            // The first of several equal dies is kept, whatever the order of pairs.
            if mirror.is_one(self) && repeats[mirror.first].is_none() {
                repeats[mirror.second].get_or_insert(mirror.first);
            }
        }
        repeats
    }

    fn total(&self, zone: usize) -> u64 {
        self.zones[zone].counter.total()
    }
}

/// The control type through which each domain is read: one with a readable
/// counter, and the one that is not memory-mapped if there is a choice.
fn preferred(zones: &[Zone]) -> BTreeMap<Domain, String> {
    let mut best: BTreeMap<Domain, (bool, bool, String)> = BTreeMap::new();
    for zone in zones {
        let rank = (
            zone.unreadable.is_some(),
            zone.controller.contains("mmio"),
            zone.controller.clone(),
        );
        let entry = best.entry(zone.domain).or_insert_with(|| rank.clone());
        if rank < *entry {
            *entry = rank;
        }
    }
    best.into_iter()
        .map(|(domain, (_, _, controller))| (domain, controller))
        .collect()
}

/// What to do about counters that cannot be read.
fn refusal_text(zones: &[Zone]) -> String {
    let denied: Vec<&PathBuf> = zones
        .iter()
        .filter(|zone| zone.unreadable == Some(Refusal::Permission))
        .map(|zone| &zone.energy)
        .collect();
    if denied.is_empty() {
        let first = zones.iter().find_map(|zone| match &zone.unreadable {
            Some(Refusal::Other(reason)) => Some((zone, reason)),
            _ => None,
        });
        return match first {
            Some((zone, reason)) => format!("{}: {reason}", zone.energy.display()),
            None => "no package and no memory among the zones".to_owned(),
        };
    }
    let files = denied
        .iter()
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join(" ");
    format!(
        "permission denied: {files}. Only root may read these since 2020 (the Platypus attack). \
         Run `sudo chmod o+r {files}` (until the next boot), or give this program the right with \
         `sudo setcap cap_dac_read_search+ep <program>`, or run as root"
    )
}

impl Source for Powercap {
    fn backend(&self) -> Backend {
        Backend::Powercap
    }

    fn provenance(&self) -> Provenance {
        Provenance::Measured
    }

    fn scope(&self) -> Scope {
        if self
            .zones
            .iter()
            .zip(&self.excluded)
            .any(|(zone, excluded)| zone.domain == Domain::Psys && excluded.is_none())
        {
            Scope::Machine
        } else {
            Scope::Package
        }
    }

    fn sample(&mut self, moment: Moment) {
        let mut steps = vec![0; self.zones.len()];
        for (zone, step) in self.zones.iter_mut().zip(&mut steps) {
            if zone.unreadable.is_some() {
                continue;
            }
            match self.sysfs.number(&zone.energy) {
                Ok(value) => {
                    zone.vanished = false;
                    *step = zone.counter.read(value, moment, &mut self.tally);
                }
                Err(error) => {
                    zone.counter.forget();
                    // ENODEV: the processor went offline.
                    let gone =
                        error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(19);
                    zone.vanished = gone;
                    if !gone {
                        self.tally.dropped += 1;
                    }
                }
            }
        }
        for mirror in &mut self.mirrors {
            mirror.observe(steps[mirror.first], steps[mirror.second]);
        }
    }

    fn microjoules(&self) -> Vec<f64> {
        (0..self.zones.len())
            .map(|i| self.total(i) as f64)
            .collect()
    }

    fn channels(&self) -> Vec<Channel> {
        let repeats = self.repeats();
        self.zones
            .iter()
            .enumerate()
            .map(|(i, zone)| Channel {
                domain: zone.domain,
                label: format!("{} ({})", zone.label, zone.id),
                excluded: self.excluded[i]
                    .clone()
                    .or_else(|| match &zone.unreadable {
                        Some(Refusal::Permission) => Some("permission denied".to_owned()),
                        Some(Refusal::Other(reason)) => Some(format!("unreadable: {reason}")),
                        None => None,
                    })
                    .or_else(|| {
                        repeats[i].map(|first| format!("mirrors {}", self.zones[first].id))
                    }),
            })
            .collect()
    }

    fn tally(&self) -> Tally {
        self.tally
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (zone, excluded) in self.zones.iter().zip(&self.excluded) {
            if excluded.is_some() {
                continue;
            }
            if zone.vanished {
                notes.push(format!("zone {} vanished while it was metered", zone.id));
            }
        }
        let denied: Vec<&Zone> = self
            .zones
            .iter()
            .zip(&self.excluded)
            .filter(|(zone, excluded)| excluded.is_none() && zone.unreadable.is_some())
            .map(|(zone, _)| zone)
            .collect();
        if !denied.is_empty() {
            let files = denied
                .iter()
                .map(|zone| zone.energy.display().to_string())
                .collect::<Vec<_>>()
                .join(" ");
            notes.push(format!(
                "partial: {files} cannot be read; run `sudo chmod o+r {files}`"
            ));
        }
        for mirror in &self.mirrors {
            if mirror.is_undecided(self) {
                notes.push(format!(
                    "{} and {} belong to one socket; fewer than three readings do not tell \
                     whether they mirror one counter, so both are counted",
                    self.zones[mirror.first].id, self.zones[mirror.second].id
                ));
            }
        }
        if !self
            .zones
            .iter()
            .zip(&self.excluded)
            .any(|(zone, excluded)| {
                excluded.is_none() && matches!(zone.domain, Domain::Dram(_) | Domain::Psys)
            })
        {
            notes.push("memory has no counter here and is not in the sum".to_owned());
        }
        notes
    }

    fn is_partial(&self) -> bool {
        self.zones
            .iter()
            .zip(&self.excluded)
            .any(|(zone, excluded)| {
                excluded.is_none() && (zone.vanished || zone.unreadable.is_some())
            })
    }

    fn interval_seconds(&self) -> f64 {
        self.zones
            .iter()
            .filter_map(|zone| zone.counter.wrap_seconds())
            .fold(4.0, |least, wrap| (wrap / 4.0).min(least))
            .clamp(0.1, 1.0)
    }
}
