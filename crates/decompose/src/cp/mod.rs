//! CP decompositions: a sum of r outer products.
//!
//! Method: alternating least squares (Carroll and Chang 1970; Harshman 1970)
//! with the products for all modes shared along a binary tree (Phan, Tichavský
//! and Cichocki 2013; Hayashi et al. 2018).
//!
//! Guarantees: the fit does not get worse from sweep to sweep but for rounding;
//! equal seeds give equal results. Not guaranteed: the best fit; a best fit of
//! rank r need not even exist (de Silva and Lim 2008), in which case components
//! grow and cancel: look at [`CpTensor::congruence`].

pub(crate) mod als;
mod assignment;
mod init;
mod params;
mod score;
mod tensor;
mod tree;

pub use als::cp_als;
pub use params::{CpInit, CpOptions};
pub use tensor::CpTensor;
