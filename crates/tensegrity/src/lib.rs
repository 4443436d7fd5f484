//! Tensegrity: an engine for structured tensors.
//!
//! Say what to compute as a diagram (an einsum string, a tensor format, a
//! network), and the engine plans, runs and compresses it. This crate is the
//! curated face of the rooms below it:
//!
//! | module | for |
//! |---|---|
//! | crate root | [`Tensor`], [`View`], [`Array`], [`macro@einsum`], [`fit()`] |
//! | [`mod@file`] | reading and writing png, jpeg, npy, npz, safetensors, csv |
//! | [`linalg`] | products, QR, SVD, eigh, Cholesky, truncated SVD |
//! | [`diagram`] | diagrams, the einsum front end, drawing |
//! | [`contract`] | planners, plans, execution |
//! | [`grad`] | derivatives of any order |
//! | [`optim`] | optimisers, norms and their duality maps; minimisers with second and third derivatives |
//! | [`decompose`] | Tucker, tensor trains, CP, quantised trains |
//! | [`symmetry`] | maps that commute with a group, layers of them, projection |
//! | [`mod@fit`] | stored representations and the search for the smallest |
//! | [`meter`] | energy of a computation |
//! | [`report`] | HTML pages |
//!
//! ```
//! use tensegrity::{Array, DType, Tensor, fit};
//! use tensegrity::fit::{FitOptions, Target};
//!
//! let x = Tensor::from_fn(&[20, 20, 20], |i| 1.0 / (1.0 + (i[0] + i[1] + i[2]) as f64))?;
//! let found = fit(&Array::from(x), DType::F64, Target::Error(1e-3), &FitOptions::default())?;
//! assert!(found.error <= 1e-3 && found.ratio() > 50.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use tensegrity_contract as contract;
pub use tensegrity_contract::einsum;
pub use tensegrity_decompose as decompose;
pub use tensegrity_diagram as diagram;
pub use tensegrity_fit as fit;
pub use tensegrity_grad as grad;
pub use tensegrity_linalg as linalg;
pub use tensegrity_meter as meter;
pub use tensegrity_optim as optim;
pub use tensegrity_report as report;
pub use tensegrity_symmetry as symmetry;
pub use tensegrity_tensor::{
    Array, DType, Element, Error, Real, Scalar, SplitMix64, Tensor, View, ViewMut, c64, c128, file,
    set_threads, threads, with_tensor,
};

use tensegrity_fit::{Fit, FitOptions, Registry, Target};

/// Every candidate structure this build knows: what `fit` tries.
///
/// A room that finds structure adds its candidates here.
#[must_use]
pub fn registry() -> Registry {
    let mut registry = Registry::default();
    tensegrity_decompose::candidate::register(&mut registry);
    tensegrity_symmetry::candidate::register(&mut registry);
    registry
}

/// The smallest representation of `array` that meets `target` among all
/// candidates of [`registry()`]. `dtype` is the element type the array has
/// where it comes from; dense bytes are counted in it.
///
/// # Errors
/// As [`tensegrity_fit::fit`].
pub fn fit(
    array: &Array,
    dtype: DType,
    target: Target,
    options: &FitOptions<'_>,
) -> tensegrity_fit::Result<Fit> {
    tensegrity_fit::fit(&registry(), array, dtype, target, options)
}

/// The README's Rust example, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
