//! The meter: sources, a thread that samples them, and spans.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;

use crate::backend::{Channel, Source, Tally};
use crate::clock::{Moment, Timer};
use crate::config::MeterConfig;
use crate::cpu_time::CpuTime;
use crate::error::Result;
use crate::probe;
use crate::provenance::{Backend, Provenance};
use crate::report::{DomainReport, SpanReport};

/// Meters energy from its creation until it is dropped.
///
/// Sharing a meter between threads is fine; spans may be nested and may
/// overlap. Energy of packages and machines is everybody's: two spans at the
/// same time both contain all of it.
#[derive(Debug)]
pub struct Meter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    stop: Arc<(Mutex<bool>, Condvar)>,
}

/// What all spans with one path consumed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SpanTotal {
    /// Spans that ended, abandoned ones included.
    pub spans: u64,
    /// Spans dropped without being stopped.
    pub abandoned: u64,
    /// Their length in seconds.
    pub seconds: f64,
    /// Their energy in joules.
    pub joules: f64,
}

pub(crate) struct Shared {
    timer: Timer,
    cpu_time: CpuTime,
    state: Mutex<State>,
}

struct State {
    sources: Vec<Box<dyn Source>>,
    samples: u64,
    last: Option<f64>,
    idle_watts: Option<f64>,
    totals: BTreeMap<String, SpanTotal>,
}

/// Everything at one moment.
pub(crate) struct Snapshot {
    pub moment: Moment,
    microjoules: Vec<Vec<f64>>,
    tallies: Vec<Tally>,
    samples: u64,
    job: Option<f64>,
    machine: Option<f64>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("timer", &self.timer)
            .finish_non_exhaustive()
    }
}

impl Meter {
    /// Opens the first backend that works, adds graphics cards, and starts the
    /// sampling thread (none with a manual clock). Cost: a few small files.
    ///
    /// # Errors
    /// [`crate::Error::Option`] for options out of range,
    /// [`crate::Error::Unavailable`] if a backend asked for by name cannot be
    /// used; the message says what to change.
    pub fn auto(config: MeterConfig) -> Result<Self> {
        config.check()?;
        let sources = probe::sources(&config)?;
        let interval = config.interval.unwrap_or_else(|| {
            sources
                .iter()
                .map(|source| source.interval_seconds())
                .fold(1.0, f64::min)
        });
        let shared = Arc::new(Shared {
            timer: Timer::start(config.clock.clone()),
            cpu_time: CpuTime::new(&config.proc_root, config.cgroup.as_deref()),
            state: Mutex::new(State {
                sources,
                samples: 0,
                last: None,
                idle_watts: None,
                totals: BTreeMap::new(),
            }),
        });
        shared.sample();
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let thread = if shared.timer.is_manual() {
            None
        } else {
            let (shared, stop) = (shared.clone(), stop.clone());
            let step = Duration::from_secs_f64(interval);
            std::thread::Builder::new()
                .name("energy meter".into())
                .spawn(move || {
                    let (lock, wake) = &*stop;
                    let mut stopped = lock_of(lock);
                    while !*stopped {
                        let (guard, timeout) = wake
                            .wait_timeout(stopped, step)
                            .unwrap_or_else(std::sync::PoisonError::into_inner);
                        stopped = guard;
                        if timeout.timed_out() {
                            shared.sample();
                        }
                    }
                })
                // Without a thread spans still read the counters at both ends.
                .ok()
        };
        Ok(Self {
            shared,
            thread,
            stop,
        })
    }

    /// Starts a span. `name` becomes part of its path.
    pub fn span(&self, name: &str) -> Span {
        Span::start(self.shared.clone(), name.to_owned())
    }

    /// Takes a sample now. The thread does this by itself; with a manual clock
    /// it is the caller's part.
    pub fn sample(&self) {
        self.shared.sample();
    }

    /// Takes the mean power of `report` as that of the idle machine; later
    /// reports tell the energy above it.
    pub fn set_idle_baseline(&self, report: &SpanReport) {
        self.shared.state().idle_watts = Some(report.watts);
    }

    /// Sleeps for `time` and takes the power meanwhile as that of the idle
    /// machine. Gives the report of that time.
    pub fn measure_idle(&self, time: Duration) -> SpanReport {
        let span = self.span("idle");
        std::thread::sleep(time);
        let report = span.stop();
        self.set_idle_baseline(&report);
        report
    }

    /// What the spans that ended consumed, by path. Spans given up (dropped
    /// without being stopped) are in it: a search costs what its failed and
    /// discarded runs cost too.
    #[must_use]
    pub fn totals(&self) -> BTreeMap<String, SpanTotal> {
        self.shared.state().totals.clone()
    }

    /// The main backend.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.shared.state().sources[0].backend()
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        *lock_of(&self.stop.0) = true;
        self.stop.1.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A lock whose holder cannot leave half-done work behind.
fn lock_of<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock_of(&self.state)
    }

    fn sample(&self) -> Moment {
        let mut state = self.state();
        self.sample_locked(&mut state)
    }

    fn sample_locked(&self, state: &mut State) -> Moment {
        // Read under the lock: moments reach the sources in order.
        let moment = self.timer.now();
        for source in &mut state.sources {
            source.sample(moment);
        }
        if state.last != Some(moment.seconds) {
            state.samples += 1;
            state.last = Some(moment.seconds);
        }
        moment
    }

    fn snapshot(&self) -> Snapshot {
        let (job, machine) = (self.cpu_time.job(), self.cpu_time.machine());
        let mut state = self.state();
        let moment = self.sample_locked(&mut state);
        Snapshot {
            moment,
            microjoules: state.sources.iter().map(|s| s.microjoules()).collect(),
            tallies: state.sources.iter().map(|s| s.tally()).collect(),
            samples: state.samples,
            job,
            machine,
        }
    }

    fn finish(&self, path: &str, start: &Snapshot, abandoned: bool) -> SpanReport {
        let end = self.snapshot();
        let mut state = self.state();
        let report = report(&state, path, start, &end, abandoned);
        let total = state.totals.entry(path.to_owned()).or_default();
        total.spans += 1;
        total.abandoned += u64::from(abandoned);
        total.seconds += report.seconds;
        total.joules += report.joules;
        report
    }
}

/// The difference of two snapshots, with what is known now about what counts.
fn report(
    state: &State,
    path: &str,
    start: &Snapshot,
    end: &Snapshot,
    abandoned: bool,
) -> SpanReport {
    let mut by_domain = Vec::new();
    let mut notes = Vec::new();
    let (mut microjoules, mut low, mut high) = (0.0, 0.0, 0.0);
    let mut provenance = Provenance::Measured;
    let mut complete = true;
    let mut tally = Tally::default();
    for (i, source) in state.sources.iter().enumerate() {
        let (before, after) = (start.tallies[i], end.tallies[i]);
        tally.dropped += after.dropped - before.dropped;
        tally.resets += after.resets - before.resets;
        tally.stalls += after.stalls - before.stalls;
        let factors = source.interval();
        provenance = provenance.max(source.provenance());
        complete &= !source.is_partial();
        notes.extend(source.notes());
        let channels: Vec<Channel> = source.channels();
        for (j, channel) in channels.into_iter().enumerate() {
            let energy = end.microjoules[i][j] - start.microjoules[i][j];
            if channel.excluded.is_none() {
                microjoules += energy;
                low += energy * factors.0;
                high += energy * factors.1;
            }
            by_domain.push(DomainReport {
                domain: channel.domain,
                label: channel.label,
                joules: energy / 1e6,
                provenance: source.provenance(),
                backend: source.backend(),
                excluded: channel.excluded,
            });
        }
    }
    let lost = [
        (tally.dropped, "readings could not be used"),
        (
            tally.resets,
            "counters restarted from zero; what came before is lost",
        ),
        (
            tally.stalls,
            "gaps between samples are long enough to hide a wrap",
        ),
    ];
    for (count, what) in lost {
        if count > 0 {
            complete = false;
            notes.push(format!("{count} {what}"));
        }
    }
    let seconds = (end.moment.seconds - start.moment.seconds).max(0.0);
    let joules = microjoules / 1e6;
    let difference = |start: Option<f64>, end: Option<f64>| Some((end? - start?).max(0.0));
    let cpu_seconds = difference(start.job, end.job);
    let cpu_share = match (cpu_seconds, difference(start.machine, end.machine)) {
        (Some(job), Some(machine)) if machine > 0.0 => Some((job / machine).min(1.0)),
        _ => None,
    };
    let scope = state.sources[0].scope();
    SpanReport {
        path: path.to_owned(),
        started: start.moment.wall,
        seconds,
        joules,
        watts: if seconds > 0.0 { joules / seconds } else { 0.0 },
        interval: (low / 1e6, high / 1e6),
        provenance,
        scope,
        backend: state.sources[0].backend(),
        complete,
        by_domain,
        cpu_seconds,
        cpu_share,
        idle_watts: state.idle_watts,
        net_joules: state
            .idle_watts
            .map(|watts| (joules - watts * seconds).max(0.0)),
        abandoned,
        samples: end.samples - start.samples,
        dropped: tally.dropped,
        resets: tally.resets,
        stalls: tally.stalls,
        notes,
    }
}

/// A stretch of time whose energy is asked for.
///
/// [`Span::stop`] gives its report. A span that is dropped instead counts as
/// abandoned in [`Meter::totals`].
#[derive(Debug)]
#[must_use = "a span measures until it is stopped"]
pub struct Span {
    shared: Arc<Shared>,
    path: String,
    start: Option<Box<Snapshot>>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("moment", &self.moment)
            .finish_non_exhaustive()
    }
}

impl Span {
    fn start(shared: Arc<Shared>, path: String) -> Self {
        let start = Some(Box::new(shared.snapshot()));
        Self {
            shared,
            path,
            start,
        }
    }

    /// Starts a span inside this one; its path is `this/name`. It should end
    /// before this one does; then its energy is at most this one's.
    pub fn span(&self, name: &str) -> Span {
        Span::start(self.shared.clone(), format!("{}/{name}", self.path))
    }

    /// What it consumed so far; it goes on.
    #[must_use]
    pub fn report(&self) -> SpanReport {
        let start = self
            .start
            .as_ref()
            .expect("a span has a start until it ends");
        let end = self.shared.snapshot();
        report(&self.shared.state(), &self.path, start, &end, false)
    }

    /// Ends the span.
    pub fn stop(mut self) -> SpanReport {
        let start = self.start.take().expect("a span is stopped once");
        self.shared.finish(&self.path, &start, false)
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(start) = self.start.take() {
            self.shared.finish(&self.path, &start, true);
        }
    }
}
