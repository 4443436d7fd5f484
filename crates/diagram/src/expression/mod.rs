//! The einsum front end: text (or numbers) to networks.
//!
//! [`Expression`] is parsed once, and bound to shapes as often as needed; both
//! are linear in the length of the input. [`check_expression`] does the first
//! half at compile time. Errors show the place by a [`Caret`].

mod bound;
mod caret;
mod check;
mod form;
mod lexer;
mod numbered;
mod parse;
#[cfg(test)]
mod tests;

pub use bound::{Bound, OperandBinding};
pub use caret::Caret;
pub use check::check_expression;
pub use form::{Expression, ExpressionOptions};
