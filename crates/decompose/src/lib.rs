//! Low-rank networks of a tensor.
//!
//! Formats: CP ([`CpTensor`], [`cp_als`]), Tucker ([`TuckerTensor`], [`hosvd`],
//! [`st_hosvd`], [`hooi`]), tensor train ([`TtTensor`], [`tt_svd`]) and tensor
//! trains of digits ([`QuantizedTt`], [`quantize`]). Each result comes with a
//! [`Report`]. [`split()`] makes two tensors of one, the step of every network
//! algorithm.
//!
//! Guarantees: a tolerance is met (see [`Tol`]); the reported error is that of
//! the network returned; input is read through its strides and copied only if
//! it is not dense in some order of its axes (tensor trains: in row-major
//! order) or its squares leave the range of its type; results depend on the
//! input, the options and the seed, not on the number of threads.
//! Not guaranteed: best ranks or a best CP approximation (no algorithm is known
//! to find them); equal bits on different processors.
//!
//! [`candidate`] makes them candidates of a fit.
//!
//! Architecture invariant: the decompositions know linear algebra and diagrams;
//! only [`candidate`] knows that representations are stored and searched for.

pub mod candidate;
mod cp;
mod diagram;
mod entry;
mod error;
mod input;
mod leading;
mod qtt;
mod report;
mod residual;
mod split;
mod tolerance;
mod tt;
mod tucker;
mod unfold;

pub use cp::{CpInit, CpOptions, CpTensor, cp_als};
pub use entry::Entry;
pub use error::{Error, Result};
pub use qtt::{Digits, Padding, Quantization, QuantizedTt, quantize};
pub use report::{Decomposed, Note, Report, StopReason};
pub use split::{Absorb, Split, SplitMethod, SplitOptions, split};
pub use tensegrity_linalg::SvdMethod;
pub use tolerance::Tol;
pub use tt::{Gauge, TtCurve, TtOptions, TtTensor, tt_svd};
pub use tucker::{HooiOptions, TuckerCurve, TuckerOptions, TuckerTensor, hooi, hosvd, st_hosvd};
pub use unfold::{fold, khatri_rao, matricize, mode_product, unfold};
