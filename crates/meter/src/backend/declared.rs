//! Watts stated by the user.

use crate::backend::{Channel, Source, Trapezoid};
use crate::clock::Moment;
use crate::provenance::{Backend, Domain, Provenance, Scope};

/// The source.
#[derive(Debug)]
pub(crate) struct Declared {
    watts: f64,
    energy: Trapezoid,
}

impl Declared {
    pub fn new(watts: f64) -> Self {
        Self {
            watts,
            energy: Trapezoid::default(),
        }
    }
}

impl Source for Declared {
    fn backend(&self) -> Backend {
        Backend::Declared
    }

    fn provenance(&self) -> Provenance {
        Provenance::Declared
    }

    fn scope(&self) -> Scope {
        Scope::Machine
    }

    fn sample(&mut self, moment: Moment) {
        self.energy.add(moment.seconds, self.watts);
    }

    fn microjoules(&self) -> Vec<f64> {
        vec![self.energy.microjoules()]
    }

    fn channels(&self) -> Vec<Channel> {
        vec![Channel {
            domain: Domain::Machine,
            label: format!("{} W declared", self.watts),
            excluded: None,
        }]
    }

    fn notes(&self) -> Vec<String> {
        vec![format!("constant power of {} W as declared", self.watts)]
    }
}
