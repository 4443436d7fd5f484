//! Power from load: what is left where no counter can be read.
//!
//! P(t) = P_full · (idle · share + f(u(t)) − idle), with u the load of the job or
//! of the machine and f the [`LoadShape`]; memory draws a constant amount a
//! gigabyte. P_full is the user's figure, or 0.85 of the thermal design power: on
//! the profiled machines packages saturate between 0.5 and 1.4 of it.

use crate::backend::{Channel, Source};
use crate::clock::Moment;
use crate::config::MeterConfig;
use crate::cpu_time::CpuTime;
use crate::load_shape::LoadShape;
use crate::processor::Processor;
use crate::provenance::{Backend, Domain, Provenance, Scope};

/// Full-load power over thermal design power where the user gives none: the
/// profiled packages saturate between 0.5 and 1.4 of it.
pub const SATURATION: f64 = 0.85;

/// Bounds of a figure. On profiles of processors that were not fitted they hold
/// for three in four single readings, calibrated or not: calibration removes the
/// error at full load, not the one of the shape.
const INTERVAL: (f64, f64) = (0.5, 1.6);

/// Loads over shorter times than this are mostly ticks of the clock.
const WINDOW: f64 = 0.05;

/// The source.
#[derive(Debug)]
pub(crate) struct Model {
    cpu_time: CpuTime,
    scope: Scope,
    cpus: f64,
    full: f64,
    shape: LoadShape,
    idle_share: f64,
    memory_watts: f64,
    interval: (f64, f64),
    constants: String,
    /// Time and CPU seconds at the end of the last whole window.
    window: Option<(f64, Option<f64>)>,
    /// Watts in that window.
    watts: Option<f64>,
    /// Microjoules up to the end of that window.
    settled: f64,
    /// What was said last, never to be taken back.
    shown: f64,
    memory: f64,
    last: Option<f64>,
    blind: bool,
}

impl Model {
    pub fn new(config: &MeterConfig) -> Self {
        let processor = Processor::read(&config.proc_root);
        let cpu_time = CpuTime::new(&config.proc_root, config.cgroup.as_deref());
        let memory_gb = config
            .memory_gb
            .or_else(|| cpu_time.memory_gb())
            .unwrap_or(0.0);
        let shape = LoadShape {
            idle: config.idle_fraction,
            ..LoadShape::default()
        };
        let (full, interval, how) = match config.full_load_watts {
            Some(watts) => (
                watts,
                INTERVAL,
                format!("{watts} W at full load as declared"),
            ),
            None => {
                let power = processor.power();
                let interval = if power.known { INTERVAL } else { (0.25, 3.0) };
                let full = SATURATION * power.watts;
                let how = format!("{full:.1} W at full load = {SATURATION} × ({})", power.how);
                (full, interval, how)
            }
        };
        let constants = format!(
            "{how}; {} CPUs; {} of it without load; memory {:.1} GB × {} W/GB",
            processor.cpus, config.idle_fraction, memory_gb, config.watts_per_gb
        );
        Self {
            cpu_time,
            scope: config.scope,
            cpus: processor.cpus as f64,
            full,
            shape,
            idle_share: config.idle_share,
            memory_watts: memory_gb * config.watts_per_gb,
            interval,
            constants,
            window: None,
            watts: None,
            settled: 0.0,
            shown: 0.0,
            memory: 0.0,
            last: None,
            blind: false,
        }
    }

    fn cpu_seconds(&self) -> Option<f64> {
        match self.scope {
            Scope::Machine => self.cpu_time.machine(),
            _ => self.cpu_time.job(),
        }
    }

    fn power(&self, load: f64) -> f64 {
        let idle = self.shape.idle;
        self.full * (idle * self.idle_share + self.shape.at(load) - idle).max(0.0)
    }
}

impl Source for Model {
    fn backend(&self) -> Backend {
        Backend::Model
    }

    fn provenance(&self) -> Provenance {
        Provenance::Modelled
    }

    fn scope(&self) -> Scope {
        self.scope
    }

    fn sample(&mut self, moment: Moment) {
        let now = moment.seconds;
        if let Some(last) = self.last.replace(now) {
            self.memory += 1e6 * self.memory_watts * (now - last).max(0.0);
        }
        let cpu = self.cpu_seconds();
        let Some((start, before)) = self.window else {
            self.window = Some((now, cpu));
            return;
        };
        let wall = now - start;
        if wall <= 0.0 {
            return;
        }
        let load = match (cpu, before) {
            (Some(cpu), Some(before)) => (cpu - before) / (self.cpus * wall),
            _ => {
                // Rather too much than too little.
                self.blind = true;
                1.0
            }
        };
        let total = if wall >= WINDOW {
            let watts = self.power(load);
            self.settled += 1e6 * watts * wall;
            self.watts = Some(watts);
            self.window = Some((now, cpu));
            self.settled
        } else {
            let watts = self.watts.unwrap_or_else(|| self.power(load));
            self.settled + 1e6 * watts * wall
        };
        self.shown = self.shown.max(total);
    }

    fn microjoules(&self) -> Vec<f64> {
        vec![self.shown, self.memory]
    }

    fn channels(&self) -> Vec<Channel> {
        vec![
            Channel {
                domain: Domain::Cpu,
                label: format!("{} load", self.scope),
                excluded: None,
            },
            Channel {
                domain: Domain::Memory,
                label: "constant".into(),
                excluded: None,
            },
        ]
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = vec![format!("modelled: {}", self.constants)];
        if self.blind {
            notes.push("CPU time is unknown on this system: full load is assumed".into());
        }
        notes
    }

    fn interval(&self) -> (f64, f64) {
        self.interval
    }
}
