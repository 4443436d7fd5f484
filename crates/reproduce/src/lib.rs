//! Published claims, run again: the claim, its source, our figure, whether it holds.
//!
//! One file a system; [`reproduce`] finds it by its id. A reproduction computes
//! on real data or with the generator of the paper, and says what it could not
//! reproduce and why.
//!
//! Guarantees: the only numbers written down are the ones a paper prints; they
//! are compared with and never computed with, inputs of a paper's own table
//! apart. The same options give the same figures, except those a claim's note
//! calls readings of this machine.
//! Not guaranteed: that the quick form of a run decides every claim of the full one.
//!
//! Architecture invariant: a reproduction uses the rooms as any user would. It
//! neither prints nor reads the environment.

mod claim;
mod digits;
mod energy;
mod error;
mod kronecker;
mod norms;
mod shampoo;
mod third_order;

pub use claim::{Claim, Options, Reproduction};
pub use error::{Error, Result};

/// Hears what is being done and which part is done, from 0 to 1.
pub type Progress<'a> = &'a mut dyn FnMut(&str, f64);

type Run = fn(&Options, Progress<'_>) -> Result<Reproduction>;

/// Every system that can be reproduced, by id.
const SYSTEMS: &[(&str, Run)] = &[
    ("energy", energy::reproduce),
    ("norms", norms::reproduce),
    ("shampoo", shampoo::reproduce),
    ("third-order", third_order::reproduce),
];

/// The ids [`reproduce`] knows, sorted.
pub fn ids() -> Vec<&'static str> {
    let mut ids: Vec<&str> = SYSTEMS.iter().map(|(id, _)| *id).collect();
    ids.sort_unstable();
    ids
}

/// Runs the claims of one system.
///
/// # Errors
/// [`Error::Unknown`] for an id that is none, with the known ones;
/// [`Error::Data`] if a file of `options.data` is missing or not what it should
/// be; otherwise what stopped the computation. A claim that does not hold is no
/// error.
pub fn reproduce(id: &str, options: &Options, progress: Progress<'_>) -> Result<Reproduction> {
    let (_, run) = SYSTEMS
        .iter()
        .find(|(known, _)| *known == id)
        .ok_or_else(|| Error::Unknown {
            id: id.to_owned(),
            known: ids().join(", "),
        })?;
    run(options, progress)
}
