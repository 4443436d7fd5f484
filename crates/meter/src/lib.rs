//! Energy of a computation: measured, modelled or declared, and labelled so.
//!
//! [`Meter::auto`] takes the first backend that works: RAPL counters (powercap
//! sysfs, the kernel's events, model-specific registers), power sensors of the
//! board, a discharging battery, a model of load and design power; or the watts
//! the user declares. Graphics cards are added to it.
//! [`Span`]s tell what a stretch of work consumed. [`Conversion`] turns energy
//! into CO2 and money, [`paper`] recomputes the tables of Strubell, Ganesh and
//! McCallum (2019) from their inputs.
//!
//! Guarantees: every figure carries its [`Provenance`], its [`Scope`] and, if
//! modelled, an interval; energy never decreases and never is negative; a
//! package is counted once, whatever number of zones show it; what is missing
//! is said. Nothing touches the network.
//! Not guaranteed: that a modelled figure is right (see [`LoadShape`]); that a
//! package's energy was used by this process (see [`SpanReport::cpu_share`]).
//! With [`Clock::Manual`] figures are reproducible bit for bit; otherwise they
//! depend on the machine and the moment.
//!
//! Architecture invariant: this room knows nothing of tensors. It reads small
//! files and clocks, never the environment, and never prints.

mod backend;
mod calibration;
mod clock;
mod config;
mod conversion;
mod cpu_time;
mod csv;
mod error;
mod estimate;
mod load_shape;
mod meter;
pub mod paper;
mod probe;
mod processor;
mod provenance;
mod report;

pub use backend::model::SATURATION;
pub use calibration::Calibration;
pub use clock::{Clock, ManualClock};
pub use config::MeterConfig;
pub use conversion::{COUNTRIES, Carbon, Conversion, Country, Footprint, country};
pub use csv::{csv_header, csv_row};
pub use error::{Error, Result};
pub use estimate::{Accelerator, DevicePrice, Estimate, EstimateInput, PRICES, Range};
pub use load_shape::{KNOTS, LoadShape, Observation, ProfilePoint, read_profile};
pub use meter::{Meter, Span, SpanTotal};
pub use probe::{Probe, ProbedDomain, probe};
pub use processor::{TDP_TABLE, Tdp, lookup as lookup_tdp};
pub use provenance::{Backend, Domain, Provenance, Scope};
pub use report::{DomainReport, SpanReport};
