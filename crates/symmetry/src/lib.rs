//! Maps of tensors that commute with a group.

mod count;
mod error;
pub mod graph;
mod group;
pub mod poly;

pub use count::{
    McKayQuiver, binomial, bounded_bell, dimension, falling, matchings, spanning_count,
    stirling_row,
};
pub use error::{Error, Result};
pub use group::Group;
