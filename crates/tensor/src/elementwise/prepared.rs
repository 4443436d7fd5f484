//! Expressions compiled once and evaluated often.

use smallvec::SmallVec;

use super::evaluate::evaluated;
use super::expr::Expr;
use super::operand::Operand;
use super::program::Program;
use super::reduction::{Reduction, reduced};
use crate::{DType, Element, Error, Result, Tensor};

/// An expression compiled for the element types of its inputs and its value.
///
/// Compiling costs some microseconds, more than evaluating a few hundred
/// elements does.
///
/// ```
/// use tensegrity_tensor::{DType, Expr, Tensor};
/// let square = (Expr::input(0) * Expr::input(0)).prepare(&[DType::F64], None)?;
/// for n in 1..4 {
///     let x = Tensor::full(&[n], 3.0)?;
///     assert_eq!(square.eval::<f64>(&[(&x).into()])?.as_slice(), vec![9.0; n]);
/// }
/// # Ok::<(), tensegrity_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Prepared {
    program: Program,
    inputs: SmallVec<[DType; 4]>,
}

/// A reduction of an expression, compiled for the element types of its inputs.
#[derive(Clone, Debug)]
pub struct PreparedReduction {
    program: Program,
    reduction: Reduction,
    inputs: SmallVec<[DType; 4]>,
}

impl Expr {
    /// Compiles the expression for inputs of these types and a value of type
    /// `value`, or of its natural type.
    ///
    /// # Errors
    /// As [`Expr::eval`], but for shapes.
    pub fn prepare(&self, inputs: &[DType], value: Option<DType>) -> Result<Prepared> {
        Ok(Prepared {
            program: Program::compile(self, inputs, value)?,
            inputs: inputs.into(),
        })
    }

    /// Compiles a reduction of the expression for inputs of these types.
    ///
    /// # Errors
    /// As [`Expr::reduce`], but for shapes and axes.
    pub fn prepare_reduction(
        &self,
        reduction: Reduction,
        inputs: &[DType],
    ) -> Result<PreparedReduction> {
        Ok(PreparedReduction {
            program: self.prepared(reduction, inputs)?,
            reduction,
            inputs: inputs.into(),
        })
    }
}

/// Checks that inputs have the types that were compiled for.
fn check(inputs: &[Operand<'_>], expected: &[DType]) -> Result<()> {
    if inputs.len() < expected.len() {
        return Err(Error::MissingOperand {
            input: inputs.len(),
            operands: inputs.len(),
        });
    }
    let differs = (inputs.iter().zip(expected)).find(|(input, dtype)| input.dtype != **dtype);
    match differs {
        None => Ok(()),
        Some((input, &wanted)) => Err(Error::WrongDType {
            found: input.dtype,
            wanted,
        }),
    }
}

impl Prepared {
    /// The type of the value.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.program.dtype
    }

    /// The values, as [`Expr::eval`].
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`]; [`Error::MissingOperand`];
    /// [`Error::WrongDType`] if an input or `T` is not of the type compiled for.
    pub fn eval<T: Element>(&self, inputs: &[Operand<'_>]) -> Result<Tensor<T>> {
        check(inputs, &self.inputs)?;
        if T::DTYPE != self.program.dtype {
            return Err(Error::WrongDType {
                found: self.program.dtype,
                wanted: T::DTYPE,
            });
        }
        evaluated(&self.program, inputs)
    }
}

impl PreparedReduction {
    /// The values reduced over `axes`, as [`Expr::reduce`].
    ///
    /// # Errors
    /// As [`Expr::reduce`]; [`Error::WrongDType`] if an input is not of the
    /// type compiled for.
    pub fn reduce<T: Element>(&self, axes: &[usize], inputs: &[Operand<'_>]) -> Result<Tensor<T>> {
        check(inputs, &self.inputs)?;
        reduced(&self.program, self.reduction, axes, inputs)
    }
}
