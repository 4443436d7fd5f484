//! RAPL counters as events of the kernel, `power/energy-pkg/` and its kin.
//!
//! The folder of the event source tells the events, the joules of one count and
//! the processors to ask, one a package. The kernel counts in 64 bits and takes
//! care of the registers' wraps (Linux, `arch/x86/events/rapl.c`).

mod kernel;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::backend::counter::Counter;
use crate::backend::sysfs::Sysfs;
use crate::backend::{Channel, Source, Tally};
use crate::clock::Moment;
use crate::processor::Processor;
use crate::provenance::{Backend, Domain, Provenance, Scope};

/// Opens the counter of an event: kind of source, event, processor.
pub(crate) type Opener = fn(u32, u64, usize) -> io::Result<File>;

/// One event of one package.
#[derive(Debug)]
struct Event {
    counts: File,
    counter: Counter,
    /// Microjoules of one count.
    unit: f64,
    channel: Channel,
}

/// The source.
#[derive(Debug)]
pub(crate) struct PerfEvent {
    events: Vec<Event>,
    tally: Tally,
    missing: bool,
    notes: Vec<String>,
}

impl PerfEvent {
    /// Every energy event below `root`/power.
    ///
    /// # Errors
    /// In words: what is missing, and what to change.
    pub fn open(root: &Path, proc_root: &Path, psys: bool) -> Result<Self, String> {
        Self::open_with(kernel::open, root, proc_root, psys)
    }

    pub(crate) fn open_with(
        opener: Opener,
        root: &Path,
        proc_root: &Path,
        psys: bool,
    ) -> Result<Self, String> {
        let sysfs = Sysfs::default();
        let folder = root.join("power");
        let number = |path: &Path| {
            let found = sysfs.number(path);
            found.map_err(|error| format!("{}: {error}", path.display()))
        };
        let kind = number(&folder.join("type")).map_err(|problem| {
            format!("{problem}; the kernel offers no energy events (its module is `rapl`)")
        })?;
        let kind = u32::try_from(kind).map_err(|_| format!("{kind} is no type of events"))?;
        let mask = sysfs.text(&folder.join("cpumask")).unwrap_or_default();
        let cpus = processors(&mask)
            .ok_or_else(|| format!("{}: {mask:?}", folder.join("cpumask").display()))?;
        let sockets = Processor::read(proc_root).sockets_by_cpu;

        let mut source = Self {
            events: Vec::new(),
            tally: Tally::default(),
            missing: false,
            notes: Vec::new(),
        };
        let mut refused = None;
        for (name, domain, counts) in events(psys) {
            let path = folder.join("events").join(name);
            let Ok(event) = sysfs.text(&path) else {
                continue;
            };
            let (Some(event), Some(joules)) = (
                event_number(&event),
                sysfs
                    .text(&path.with_extension("scale"))
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .filter(|joules: &f64| joules.is_finite() && *joules > 0.0),
            ) else {
                return Err(format!("{}: no event with a scale", path.display()));
            };
            for &cpu in &cpus {
                let socket = sockets.get(cpu).copied().unwrap_or(0);
                match opener(kind, event, cpu) {
                    Ok(counts_of) => source.events.push(Event {
                        counts: counts_of,
                        counter: Counter::new(None),
                        unit: 1e6 * joules,
                        channel: Channel {
                            domain: domain(socket),
                            label: format!("power/{name}/ of processor {cpu}"),
                            excluded: counts.map(str::to_owned),
                        },
                    }),
                    Err(error) => {
                        if counts.is_none() {
                            source.missing = true;
                            source
                                .notes
                                .push(format!("power/{name}/ cannot be counted: {error}"));
                        }
                        refused = Some(error);
                    }
                }
            }
        }
        if source
            .events
            .iter()
            .any(|event| event.channel.excluded.is_none())
        {
            return Ok(source);
        }
        match refused {
            Some(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let level = sysfs
                    .text(&proc_root.join("sys/kernel/perf_event_paranoid"))
                    .unwrap_or_else(|_| "unknown".into());
                Err(format!(
                    "permission denied (kernel.perf_event_paranoid is {level}); run \
                     `sudo sysctl kernel.perf_event_paranoid=0`, or give this program the right \
                     with `sudo setcap cap_perfmon+ep <program>`"
                ))
            }
            Some(error) => Err(format!("power events: {error}")),
            None if psys => Err(format!(
                "no event energy-psys below {}; leave the option psys out",
                folder.display()
            )),
            None => Err(format!("no event energy-pkg below {}", folder.display())),
        }
    }
}

type ToDomain = fn(u32) -> Domain;

/// Events with their domain and why they are not in the sum.
fn events(psys: bool) -> [(&'static str, ToDomain, Option<&'static str>); 5] {
    let (inside, platform) = (Some("inside the package"), psys.then_some("inside psys"));
    [
        ("energy-pkg", Domain::Package, platform),
        ("energy-ram", Domain::Dram, platform),
        ("energy-cores", Domain::Core, inside),
        ("energy-gpu", Domain::Uncore, inside),
        (
            "energy-psys",
            |_| Domain::Psys,
            (!psys).then_some("contains the packages"),
        ),
    ]
}

/// `event=0x02`; the format of these sources has no other field.
fn event_number(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("event=")?;
    match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => digits.parse().ok(),
    }
}

/// `0,18` or `0-3`: processors of a mask. At least one.
fn processors(mask: &str) -> Option<Vec<usize>> {
    let mut processors = Vec::new();
    for part in mask.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if last < first || last - first > 65_536 {
            return None;
        }
        processors.extend(first..=last);
    }
    Some(processors)
}

/// The count so far: a counter gives eight bytes at every reading.
fn read(mut counts: &File) -> io::Result<u64> {
    // Counters have no position; files that stand for them in tests do.
    let _ = counts.seek(SeekFrom::Start(0));
    let mut bytes = [0; 8];
    counts.read_exact(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

impl Source for PerfEvent {
    fn backend(&self) -> Backend {
        Backend::PerfEvent
    }

    fn provenance(&self) -> Provenance {
        Provenance::Measured
    }

    fn scope(&self) -> Scope {
        let counted = self.events.iter().filter(|e| e.channel.excluded.is_none());
        if counted
            .into_iter()
            .any(|e| e.channel.domain == Domain::Psys)
        {
            Scope::Machine
        } else {
            Scope::Package
        }
    }

    fn sample(&mut self, moment: Moment) {
        for event in &mut self.events {
            match read(&event.counts) {
                Ok(value) => {
                    event.counter.read(value, moment, &mut self.tally);
                }
                Err(_) => {
                    event.counter.forget();
                    self.tally.dropped += u64::from(event.channel.excluded.is_none());
                }
            }
        }
    }

    fn microjoules(&self) -> Vec<f64> {
        let total = |event: &Event| event.counter.total() as f64 * event.unit;
        self.events.iter().map(total).collect()
    }

    fn channels(&self) -> Vec<Channel> {
        self.events
            .iter()
            .map(|event| event.channel.clone())
            .collect()
    }

    fn tally(&self) -> Tally {
        self.tally
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn is_partial(&self) -> bool {
        self.missing
    }
}
