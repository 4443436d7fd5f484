//! One step of a contraction: two strided operands in, one strided result out.
//!
//! A [`PairSpec`] says which wire sits on which axis. Together with the strides
//! it is *prepared* once into a [`Pair`]: repeated wires become diagonals by
//! adding strides, every wire falls into a class (batch, left-free, right-free,
//! contracted, summed on one side, or broadcast), neighbouring wires of a class
//! are merged where every operand allows it, and a strategy is chosen by a cost
//! model over what is left. A prepared pair holds no values and can be run any
//! number of times.
//!
//! | strategy | what runs |
//! |---|---|
//! | [`Strategy::Direct`] | plain nested loops; problems of a few hundred multiplications |
//! | [`Strategy::Across`] | SIMD along a wire of the result (axpy, outer and Hadamard products, matrix–vector, small matrices with a long batch wire) |
//! | [`Strategy::Along`] | SIMD along a summed wire (dot products, matrix–vector, traces) |
//! | [`Strategy::SmallBatch`] | small matrices in bulk: transposed in blocks so that SIMD runs across the batch |
//! | [`Strategy::Gemm`] | dense matrix products straight on the views, looped over what does not merge |
//! | [`Strategy::Transpose`] | operands are permuted into matrices first (TTGT) |
//! | [`Strategy::Packed`] | own matrix kernel whose packing gathers through the strides; no copies |
//!
//! The packed kernel follows Matthews, "High-performance tensor contraction
//! without transposition", SIAM J. Sci. Comput. 40 (2018) C1–C24.
//!
//! Guarantees: all strategies compute the same sums in IEEE arithmetic (NaN and
//! infinities propagate; nothing is skipped because a factor is zero), integers
//! wrap exactly; the result of one strategy does not depend on the number of
//! threads. Not guaranteed: equal rounding between strategies or machines.

mod across;
mod along;
mod body;
mod choice;
mod direct;
mod kernel;
mod lane;
mod loops;
mod matrix;
mod micro;
mod packed;
mod prepare;
mod presum;
mod problem;
mod scratch;
mod small_batch;
mod spec;
mod sums;

use tensegrity_tensor::{DType, Element, View, ViewMut};

use crate::{Error, Result};

pub use choice::{Choice, Strategy, classify};
pub use prepare::Pair;
pub use spec::{PairSpec, Wires};

pub(crate) use scratch::Scratch;

/// Contracts `a` and `b` into `c`, by `strategy` or the best one for `None`.
///
/// `Ok(None)` if the strategy does not apply; `c` is then untouched.
///
/// # Errors
/// [`Error::PlanShape`] or [`Error::OutputShape`] if a tensor does not have the
/// shape `spec` gives its wires.
pub fn contract_into<T: Element>(
    spec: &PairSpec,
    strategy: Option<Strategy>,
    a: &View<'_, T>,
    b: &View<'_, T>,
    c: &mut ViewMut<'_, T>,
) -> Result<Option<Choice>> {
    for (operand, wires, view) in [(0, &spec.a, a), (1, &spec.b, b)] {
        let expected = spec.shape(wires);
        if expected.as_slice() != view.shape() {
            return Err(Error::PlanShape {
                operand,
                expected: expected.to_vec(),
                found: view.shape().to_vec(),
            });
        }
    }
    let expected = spec.shape(&spec.c);
    if expected.as_slice() != c.shape() {
        return Err(Error::OutputShape {
            expected: expected.to_vec(),
            found: c.shape().to_vec(),
        });
    }
    let strides = [a.strides(), b.strides(), c.strides()];
    let dtype: DType = T::DTYPE;
    let pair = match strategy {
        None => Pair::new(spec, strides, dtype),
        Some(strategy) => match Pair::with_strategy(spec, strides, dtype, strategy) {
            None => return Ok(None),
            Some(pair) => pair,
        },
    };
    // SAFETY: views are valid for the shapes just checked; a `ViewMut` is
    // exclusive, so it overlaps neither operand.
    unsafe { pair.run(a.as_ptr(), b.as_ptr(), c.as_mut_ptr()) };
    Ok(Some(pair.choice().clone()))
}
