//! The ground of Tensegrity: where numbers live and how they are read.
//!
//! A [`Tensor`] owns its elements, a [`View`] looks at them through a shape and
//! strides (any stride: permuted, sliced, reversed, diagonal, broadcast), and a
//! [`ViewMut`] writes them. All three are *rank-dynamic*: the number of axes is
//! a run-time value, at most [`MAX_AXES`].
//!
//! Guarantees: shape operations on views never copy; every copy goes through
//! one permute kernel; results do not depend on the number of threads.
//! Not guaranteed: that a view is contiguous. Ask [`View::is_contiguous`].
//!
//! Architecture invariant: this crate knows nothing of linear algebra,
//! einsum or decompositions.

mod arithmetic;
mod array;
mod axes;
mod dtype;
mod element;
mod elementwise;
mod error;
pub mod file;
mod permute;
mod seed;
mod storage;
mod tensor;
mod threads;
mod view;

pub use arithmetic::relative_error;
pub use array::Array;
pub use axes::{Axes, MAX_AXES, Strides, element_count, row_major};
pub use dtype::DType;
pub use element::{Element, Real, Scalar, c64, c128};
pub use elementwise::{Binary, Expr, Operand, Prepared, PreparedReduction, Reduction, Unary};
pub use error::{Error, Result};
pub use permute::copy_into;
pub use seed::SplitMix64;
pub use storage::{try_with_room, with_room};
pub use tensor::Tensor;
pub use threads::{in_pool, is_parallel, parallel_for, parallel_map, set_threads, threads};
pub use view::{View, ViewMut};
