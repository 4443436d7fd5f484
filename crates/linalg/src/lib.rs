//! Dense linear algebra on strided views, in `f32`, `f64`, `c64` and `c128`.
//!
//! Products ([`gemm`], [`gemm_batched`], [`matmul`], [`gram_rows`]),
//! factorisations ([`svd()`], [`qr()`], [`lq`], [`rq`], [`eigh()`], [`cholesky()`],
//! [`polar`], [`lu()`]), systems ([`solve()`], [`solve_triangular`], [`lstsq`], [`pinv`],
//! [`det`]), truncated decompositions ([`truncated_svd`], [`left_vectors`]),
//! interpolative ones ([`interpolative()`], [`cur`]), inverse p-th roots and polar
//! factors, one or many at once ([`inverse_roots()`], [`msign_each`]), and methods
//! that know a matrix by what it does to vectors ([`iterative`]).
//!
//! Guarantees: operands are read through any strides without a copy of their
//! own making where the kernels allow it; the bits of every result are
//! independent of the number of threads; signs and phases follow one
//! convention (the diagonal of a triangle is real and ≥ 0; the entry of largest
//! magnitude of each left or eigenvector is real and positive); factorisations
//! refuse NaN and infinities with their position, products propagate them.
//! Not guaranteed: equal bits on processors with different vector units.
//!
//! Architecture invariant: this crate alone sees `faer`; nothing of it shows in
//! the public interface, and no generic kernel is compiled in another crate.

mod basis;
mod batch;
mod cholesky;
mod coupled_newton;
mod eigh;
mod error;
mod field;
mod finite;
mod gemm;
mod gram;
mod interpolative;
mod inverse_root;
pub mod iterative;
mod jacobi;
mod kernel;
mod least_squares;
mod lu;
mod newton_schulz;
mod operand;
mod polar_factor;
mod product;
mod project;
mod qr;
mod schedule;
mod signs;
mod small;
mod solve;
mod svd;
mod truncated;
mod truncation;
mod vector;

pub use cholesky::cholesky;
pub use eigh::{Eigh, eigh};
pub use error::{Error, Result};
pub use field::Field;
pub use gemm::{gemm, gemm_batched, matmul};
pub use gram::{gram_columns, gram_rows};
pub use interpolative::{Cur, Interpolative, cur, interpolative};
pub use inverse_root::{InverseRoot, Ridge, RootMethod, RootTask, inverse_root, inverse_roots};
pub use least_squares::{LeastSquares, Polar, lstsq, pinv, polar};
pub use lu::{Lu, lu};
pub use newton_schulz::{NewtonSchulz, StartScale};
pub use polar_factor::{PolarMethod, msign, msign_each};
pub use qr::{Lq, Qr, Rq, lq, qr, rq};
pub use solve::{Triangle, det, log_det, solve, solve_triangular};
pub use svd::{Svd, singular_values, svd};
pub use truncated::{LeftVectors, TruncatedSvd, left_vectors, truncated_svd};
pub use truncation::{Cutoff, SvdMethod, Truncation};

pub use tensegrity_tensor::{set_threads, threads};
