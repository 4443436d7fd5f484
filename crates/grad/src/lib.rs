//! Derivatives of any order of computations with tensors.
//!
//! A [`Variable`] remembers how it was computed. [`gradients`] and [`vjp`] go
//! back from results to arguments, [`jvp`] forward; [`grad`], [`hvp`],
//! [`jacobian`] and [`hessian`] do it for functions. [`einsum`] contracts whole
//! networks, [`Formula`] evaluates elementwise expressions in one pass.
//!
//! Guarantees: the rule of every operation is written in recorded operations, so
//! derivatives of derivatives are right, however forward and reverse mode are
//! nested; an argument derivatives cannot reach is an error, not a wrong number.
//! Element types are `f32`, `f64`, `c64` and `c128`; the gradient of a complex
//! variable is `∂L/∂Re + i·∂L/∂Im`. Results do not depend on the number of
//! threads. What a recorded variable depends on is kept until it is dropped;
//! [`backward`] frees it on its way, [`checkpoint`] computes it again, and
//! [`einsum_within`] keeps a network and its gradients within a limit.
//!
//! Architecture invariant: this crate multiplies nothing itself. Elementwise work
//! goes to `tensor`, products to `contract`, factorisations to `linalg`, Fourier
//! transforms to `rustfft`.

mod arithmetic;
mod contraction;
mod convolution;
mod error;
mod exponential;
mod factor;
mod formula;
mod forward;
mod fourier;
mod function;
mod gap;
mod index;
mod map;
mod matrix;
mod network;
mod normal;
mod operation;
mod reduce;
mod reverse;
mod shape;
mod spectrum;
mod stack;
mod transform;
mod variable;

pub use convolution::Window;
pub use error::{Error, Result};
pub use formula::Formula;
pub use forward::jvp;
pub use gap::Gaps;
pub use network::{contract, contract_within, einsum, einsum_within, gradient_memory};
pub use operation::{Call, Derivatives, Operation, Values};
pub use reverse::{backward, gradients, vjp};
pub use shape::{concat, stack};
pub use spectrum::{Discarded, SvdOptions};
pub use tensegrity_linalg::Triangle;
pub use transform::{checkpoint, grad, hessian, hvp, jacobian, value_and_grad};
pub use variable::{Variable, unrecorded};
