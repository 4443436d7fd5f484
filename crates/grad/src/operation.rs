//! What the tape knows of an operation: its value and its two rules.

use smallvec::SmallVec;
use tensegrity_tensor::Array;

use crate::{Result, Variable};

/// Values of an operation; nearly always one.
pub type Values = SmallVec<[Array; 1]>;

/// Derivatives, one for each input or output; `None` is zero.
pub type Derivatives = SmallVec<[Option<Variable>; 2]>;

/// An operation that was applied: what went in and what came out.
#[derive(Debug)]
pub struct Call<'a> {
    /// The arguments.
    pub inputs: &'a [Variable],
    /// The results, as recorded: a rule may use them and stays differentiable.
    pub outputs: &'a [Variable],
}

/// A differentiable operation.
///
/// Both rules are written in operations on [`Variable`]s, which are recorded:
/// that is what makes derivatives of derivatives right. All operations of this
/// crate are made this way, and so are new ones.
///
/// For an operation with the real-linear derivative `J` the rules compute
/// `ẏ = J·ẋ` and `x̄ = Jᵀ·ȳ`, where the transpose belongs to the real inner
/// product `Re Σ conj(a)·b`. For a function that is complex differentiable with
/// derivative `f'` they are `ẏ = f'·ẋ` and `x̄ = conj(f')·ȳ`.
///
/// ```
/// use tensegrity_grad::{Call, Derivatives, Operation, Result, Values, Variable, grad};
/// use tensegrity_tensor::{Array, Tensor};
///
/// /// x³, by its own rule.
/// struct Cube;
///
/// impl Operation for Cube {
///     fn name(&self) -> &'static str {
///         "cube"
///     }
///     fn forward(&self, inputs: &[&Array]) -> Result<Values> {
///         let x = inputs[0].typed::<f64>()?;
///         Ok(smallvec::smallvec![x.map(|x| x * x * x).into()])
///     }
///     fn vjp(&self, call: &Call<'_>, cotangents: &[Option<Variable>], _: &[bool]) -> Result<Derivatives> {
///         let Some(g) = &cotangents[0] else { return Ok(smallvec::smallvec![None]) };
///         let x = &call.inputs[0];
///         Ok(smallvec::smallvec![Some(x.mul(x)?.scale(3.0)?.mul(g)?)])
///     }
///     fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
///         self.vjp(call, tangents, &[true]) // its derivative is diagonal
///     }
/// }
///
/// let cube = |x: &[Variable]| Variable::apply(Cube, &x[..1])?.sum_all();
/// let x = Variable::new(Tensor::scalar(2.0_f64));
/// let second = grad(|x: &[Variable]| Ok(grad(cube)(x)?.remove(0)));
/// assert_eq!(second(&[x])?[0].item()?, 12.0);
/// # Ok::<(), tensegrity_grad::Error>(())
/// ```
pub trait Operation: Send + Sync + 'static {
    /// Name, for errors and pictures.
    fn name(&self) -> &'static str;

    /// The results for the given arguments.
    ///
    /// # Errors
    /// For arguments the operation is not defined on.
    fn forward(&self, inputs: &[&Array]) -> Result<Values>;

    /// Cotangents of the inputs for cotangents of the outputs (`None` is zero;
    /// at least one is not). Entries of inputs that are not `wanted` are not
    /// looked at. Cotangents have shape and element type of their input.
    ///
    /// # Errors
    /// Those of the operations it is made of.
    fn vjp(
        &self,
        call: &Call<'_>,
        cotangents: &[Option<Variable>],
        wanted: &[bool],
    ) -> Result<Derivatives>;

    /// Tangents of the outputs for tangents of the inputs (`None` is zero; at
    /// least one is not).
    ///
    /// # Errors
    /// Those of the operations it is made of.
    fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives>;
}
