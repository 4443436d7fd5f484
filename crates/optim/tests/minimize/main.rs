//! Minimisers against golden values of an independent NumPy implementation,
//! closed forms, and each other.

mod accelerated;
mod baselines;
mod data;
mod errors;
mod subproblem;
mod tensor;
