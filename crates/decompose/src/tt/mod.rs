//! Tensor trains: one core [r, n, r'] for each mode, multiplied in a row.
//!
//! Methods: TT-SVD and rounding (Oseledets 2011); canonical forms and Schmidt
//! values as for matrix product states (Schollwöck 2011).
//!
//! Guarantees: TT-SVD and rounding meet their tolerance; the cores of their
//! results but the last are left-orthogonal.

mod arithmetic;
mod curve;
mod evaluate;
pub(crate) mod expand;
mod gauge;
mod params;
mod round;
pub(crate) mod svd;
mod tensor;

pub use curve::TtCurve;
pub use gauge::Gauge;
pub use params::TtOptions;
pub use svd::tt_svd;
pub use tensor::TtTensor;
