//! NVIDIA's graphics cards: energy counters where cards have them (Volta and
//! later), else their power, integrated.

mod library;

use std::path::Path;

use crate::backend::counter::Counter;
use crate::backend::{Channel, Source, Tally, Trapezoid};
use crate::clock::Moment;
use crate::provenance::{Backend, Domain, Provenance, Scope};

/// How a card is read.
#[derive(Debug)]
enum Sensor {
    /// Microjoules.
    Energy(Counter),
    Power(Trapezoid),
}

/// The source.
#[derive(Debug)]
pub(crate) struct Cards {
    nvml: library::Nvml,
    /// Number the library gives a card, what it is, how it is read.
    cards: Vec<(usize, Channel, Sensor)>,
    tally: Tally,
    missing: bool,
}

impl Cards {
    /// Every card that tells its energy or power; numbers start at `first`.
    ///
    /// # Errors
    /// In words, why there is none.
    pub fn open(path: &Path, first: u32) -> Result<Self, String> {
        let nvml = library::Nvml::load(path)?;
        let mut cards = Vec::new();
        for card in 0..nvml.cards() {
            let sensor = if nvml.millijoules(card).is_ok() {
                Sensor::Energy(Counter::new(None))
            } else if nvml.milliwatts(card).is_ok() {
                Sensor::Power(Trapezoid::default())
            } else {
                continue;
            };
            let channel = Channel {
                domain: Domain::Gpu(first + cards.len() as u32),
                label: format!("nvml {card} {}", nvml.name(card)).trim().to_owned(),
                excluded: None,
            };
            cards.push((card, channel, sensor));
        }
        if cards.is_empty() {
            return Err("no card tells its energy or power".into());
        }
        Ok(Self {
            nvml,
            cards,
            tally: Tally::default(),
            missing: false,
        })
    }
}

impl Source for Cards {
    fn backend(&self) -> Backend {
        Backend::Nvml
    }

    fn provenance(&self) -> Provenance {
        Provenance::Measured
    }

    fn scope(&self) -> Scope {
        Scope::Machine
    }

    fn sample(&mut self, moment: Moment) {
        self.missing = false;
        for (card, _, sensor) in &mut self.cards {
            let read = match sensor {
                Sensor::Energy(counter) => self.nvml.millijoules(*card).map(|millijoules| {
                    counter.read(millijoules.saturating_mul(1000), moment, &mut self.tally);
                }),
                Sensor::Power(energy) => self.nvml.milliwatts(*card).map(|milliwatts| {
                    energy.add(moment.seconds, f64::from(milliwatts) / 1e3);
                }),
            };
            if read.is_err() {
                match sensor {
                    Sensor::Energy(counter) => counter.forget(),
                    Sensor::Power(energy) => energy.interrupt(),
                }
                self.tally.dropped += 1;
                self.missing = true;
            }
        }
    }

    fn microjoules(&self) -> Vec<f64> {
        let total = |sensor: &Sensor| match sensor {
            Sensor::Energy(counter) => counter.total() as f64,
            Sensor::Power(energy) => energy.microjoules(),
        };
        self.cards
            .iter()
            .map(|(_, _, sensor)| total(sensor))
            .collect()
    }

    fn channels(&self) -> Vec<Channel> {
        self.cards
            .iter()
            .map(|(_, channel, _)| channel.clone())
            .collect()
    }

    fn tally(&self) -> Tally {
        self.tally
    }

    fn is_partial(&self) -> bool {
        self.missing
    }

    fn interval_seconds(&self) -> f64 {
        let integrates = |sensor: &Sensor| matches!(sensor, Sensor::Power(_));
        // Power between samples is only guessed.
        if self.cards.iter().any(|(_, _, sensor)| integrates(sensor)) {
            0.1
        } else {
            1.0
        }
    }
}
