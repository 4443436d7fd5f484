//! What diagrams do to one row, all at once.

pub(crate) mod chain;
pub(crate) mod forest;
pub(crate) mod rearranged;
pub(crate) mod strided;
pub(crate) mod structure;
pub(crate) mod symbol;
