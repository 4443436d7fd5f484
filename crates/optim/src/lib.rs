//! Optimisers for tensors, over gradients they are given.
//!
//! A [`Registry`] names the parameters, their roles, groups and what is frozen.
//! A method — [`Sgd`], [`AdaGrad`], [`Adam`], [`Lamb`], [`Lbfgs`], [`Shampoo`],
//! [`Soap`], [`NormDescent`], [`Muon`], [`Prodigy`] — is plain data; [`build`]
//! makes an [`Optimizer`] of both, with a [`Schedule`] and a policy for
//! gradients that are not finite. [`NormSpec`], [`Modular`] and [`Module`] are
//! norms as values, with their dual norms and duality maps. [`mod@minimize`] is for
//! functions that give second and third derivatives.
//!
//! ```
//! use tensegrity_optim::{Graft, ParameterSpec, Registry, Settings, Shampoo, build};
//! use tensegrity_tensor::Tensor;
//! let mut registry = Registry::new();
//! registry.add(ParameterSpec::new("w", &[4, 3]))?;
//! let method = Shampoo::new(0.1).graft(Graft::adam()).every(1);
//! let mut optimizer = build::<f64>(&method.into(), &registry, &Settings::default())?;
//! let mut w = [Tensor::full(&[4, 3], 1.0)?];
//! for _ in 0..100 {
//!     let gradient = [w[0].clone()]; // of ‖w‖²/2
//!     optimizer.step_tensors(&mut w, &gradient)?;
//! }
//! assert!(w[0].norm() < 0.5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Guarantees: a refused gradient or shape changes nothing; NaN and infinities in a gradient
//! never reach a parameter or a state; results do not depend on the number of
//! threads; a saved [`State`] continues bit for bit.
//! Not guaranteed: equal bits on processors with different vector units.
//!
//! Architecture invariant: this crate differentiates nothing and knows no
//! model; matrix roots and polar factors are `linalg`'s.

mod adagrad;
mod adam;
mod clip;
mod driver;
mod error;
mod float;
mod lamb;
mod lbfgs;
mod line_search;
mod method;
pub mod minimize;
mod modal;
mod norm;
mod optimizer;
mod parameter;
mod prodigy;
mod rule;
mod schedule;
mod sgd;
mod shampoo;
mod soap;
mod state;
mod trainer;

pub use adagrad::AdaGrad;
pub use adam::{Adam, WeightDecay};
pub use clip::Clip;
pub use error::{Error, Result};
pub use float::Float;
pub use lamb::Lamb;
pub use lbfgs::Lbfgs;
pub use method::{Method, build};
pub use norm::{Eta, Modular, Module, Muon, MuonVariant, NormDescent, NormSpec, Steepest};
pub use optimizer::{Evaluate, NonFinite, Optimizer, Settings, StepStats};
pub use parameter::{Group, ParameterSpec, Registry, Role};
pub use prodigy::Prodigy;
pub use schedule::Schedule;
pub use sgd::Sgd;
pub use shampoo::{Graft, MemoryPlan, Precision, Shampoo};
pub use soap::Soap;
pub use state::{State, Stored};
pub use tensegrity_linalg::{NewtonSchulz, PolarMethod, Ridge, RootMethod, StartScale};
pub use trainer::{
    Advance, Batch, Best, Checkpointing, Counts, Energy, Evaluation, Failure, FromFn, Goal,
    History, LossCurve, Monitor, Objective, Progress, Run, RunOutcome, Stop, Summary, Sweep,
    SweepTotals, Trainer, TrainerOptions, Watch,
};
