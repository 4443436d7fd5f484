//! Elementwise expressions, evaluated in one pass over memory.
//!
//! An [`Expr`] is compiled for the element types of its inputs into typed
//! micro-operations ([`program`], [`micro`]), and these run one after another
//! on tiles of a thousand elements that stay in the first-level cache
//! ([`machine`]): the cost is one read of every input and one write of the
//! result, whatever the number of operations. Strided, broadcast and permuted
//! inputs are packed a tile at a time ([`space`]). Reductions fold the tiles
//! as they come ([`reduction`]).
//!
//! Guarantees: each operation rounds as its scalar counterpart (nothing is
//! fused but [`Expr::mul_add`]); integers wrap; results do not depend on the
//! number of threads. Not guaranteed: the last bit of elementary functions on
//! processors without fused multiply-add.

#[cfg(test)]
mod accuracy;
mod double;
mod evaluate;
mod expr;
mod fold;
mod level;
mod machine;
mod micro;
mod operand;
mod prepared;
mod program;
mod reduction;
mod single;
mod small;
mod space;

pub use expr::{Binary, Expr, Unary};
pub use operand::Operand;
pub use prepared::{Prepared, PreparedReduction};
pub use reduction::Reduction;
