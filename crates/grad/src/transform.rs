//! Derivatives of functions: gradients, products with derivatives, Jacobians,
//! Hessians, and checkpoints.

use smallvec::smallvec;
use tensegrity_tensor::{Array, Axes, DType};

use crate::operation::{Call, Derivatives, Operation, Values};
use crate::reverse::consumed;
use crate::shape::{linear_rules, stack};
use crate::variable::{is_complex, is_recording, recorded};
use crate::{Error, Result, Variable, backward, gradients, jvp, vjp};

/// The same value as a step of its own, so that derivatives can be taken with
/// respect to this use of it.
#[derive(Clone)]
struct Alias;

impl Operation for Alias {
    fn name(&self) -> &'static str {
        "alias"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        Ok(smallvec![inputs[0].clone()])
    }

    linear_rules!(|self, _call, g| Ok::<_, Error>(g.clone()));
}

/// Arguments a function is differentiated with respect to, and its value.
struct Traced<T> {
    arguments: Vec<Variable>,
    value: T,
}

impl<T> Traced<T> {
    /// Records `f` on copies of `x`, which are part of the surrounding
    /// computation if that is recorded.
    fn new(f: impl Fn(&[Variable]) -> Result<T>, x: &[Variable]) -> Result<Self> {
        let outer = is_recording();
        recorded(|| {
            let fresh = |x: &Variable| match outer && x.is_recorded() {
                true => Variable::apply(Alias, std::slice::from_ref(x)),
                false => Ok(Variable::new(x.value().clone())),
            };
            let arguments: Vec<Variable> = x.iter().map(fresh).collect::<Result<_>>()?;
            let value = f(&arguments)?;
            Ok(Self { arguments, value })
        })
    }

    fn references(&self) -> Vec<&Variable> {
        self.arguments.iter().collect()
    }
}

/// The function that gives the gradients of `f` with respect to all its
/// arguments; see [`gradients`] for complex ones.
///
/// The result is itself a recorded function: `grad` of a function that uses
/// `grad` is a second derivative. Within [`unrecorded`] memory is freed as the
/// gradients are computed.
///
/// [`unrecorded`]: crate::unrecorded
///
/// ```
/// use tensegrity_grad::{Variable, grad};
/// use tensegrity_tensor::Tensor;
/// let f = |x: &[Variable]| x[0].sin()?.exp()?.mul(&x[0].mul(&x[0])?);
/// let df = grad(f);
/// let ddf = grad(move |x: &[Variable]| Ok(df(x)?.remove(0)));
/// let x = Variable::new(Tensor::scalar(3.0_f64));
/// assert!((ddf(&[x])?[0].item()? + 2.68225).abs() < 1e-5);
/// # Ok::<(), tensegrity_grad::Error>(())
/// ```
pub fn grad<F>(f: F) -> impl Fn(&[Variable]) -> Result<Vec<Variable>>
where
    F: Fn(&[Variable]) -> Result<Variable>,
{
    let both = value_and_grad(f);
    move |x| Ok(both(x)?.1)
}

/// As [`grad`], with the value.
pub fn value_and_grad<F>(f: F) -> impl Fn(&[Variable]) -> Result<(Variable, Vec<Variable>)>
where
    F: Fn(&[Variable]) -> Result<Variable>,
{
    move |x| {
        let traced = Traced::new(&f, x)?;
        let arguments: Vec<&Variable> = traced.arguments.iter().collect();
        if is_recording() {
            let gradients = gradients(&traced.value, &arguments)?;
            return Ok((traced.value, gradients));
        }
        let value = traced.value.stop_gradient();
        Ok((value, backward(traced.value, &arguments)?))
    }
}

/// The product of the Hessian of `f` at `x` with the direction `v`: the
/// derivative of the gradients along `v`, forward over reverse.
///
/// For complex arguments the Hessian is that of the real function of real and
/// imaginary parts.
///
/// # Errors
/// [`Error::NotScalar`] if `f` is not one real number; [`Error::Count`],
/// [`Error::Shape`] if `v` does not fit `x`; those of `f`.
pub fn hvp(
    f: impl Fn(&[Variable]) -> Result<Variable>,
    x: &[Variable],
    v: &[Variable],
) -> Result<Vec<Variable>> {
    let traced = Traced::new(f, x)?;
    let arguments = traced.references();
    let gradients = recorded(|| gradients(&traced.value, &arguments))?;
    let directions: Vec<&Variable> = v.iter().collect();
    jvp(
        &gradients.iter().collect::<Vec<_>>(),
        &arguments,
        &directions,
    )
}

/// The Jacobian of `f` at `x`, of shape `[f(x) axes…, x axes…]`.
///
/// By forward or reverse sweeps, whichever are fewer: min(elements of `x`,
/// elements of `f(x)`) of them.
///
/// # Errors
/// [`Error::DType`] for complex numbers, whose derivative is no single matrix:
/// take [`Variable::re`] and [`Variable::im`]; those of `f`.
pub fn jacobian(f: impl Fn(&Variable) -> Result<Variable>, x: &Variable) -> Result<Variable> {
    let traced = Traced::new(|x| f(&x[0]), std::slice::from_ref(x))?;
    let (x, y) = (&traced.arguments[0], &traced.value);
    check_real("jacobian", "the argument", x)?;
    check_real("jacobian", "the value", y)?;
    let shape: Axes = y.shape().iter().chain(x.shape()).copied().collect();
    if x.is_empty() || y.is_empty() {
        return Variable::zeros(&shape, y.dtype());
    }
    if y.len() <= x.len() {
        let rows = (0..y.len())
            .map(|k| Ok(vjp(&[y], &[&unit(y, k)?], &[x])?.remove(0)))
            .collect::<Result<Vec<_>>>()?;
        return stack(&rows.iter().collect::<Vec<_>>(), 0)?.reshape(&shape);
    }
    let columns = (0..x.len())
        .map(|k| {
            jvp(&[y], &[x], &[&unit(x, k)?])?
                .remove(0)
                .reshape(&[y.len()])
        })
        .collect::<Result<Vec<_>>>()?;
    stack(&columns.iter().collect::<Vec<_>>(), 1)?.reshape(&shape)
}

/// The Hessian of a real number at `x`, of shape `[x axes…, x axes…]`: one sweep
/// over the recorded gradient for every element of `x`.
///
/// # Errors
/// [`Error::NotScalar`] if `f` is not one real number; [`Error::DType`] for
/// complex `x`; those of `f`.
pub fn hessian(f: impl Fn(&Variable) -> Result<Variable>, x: &Variable) -> Result<Variable> {
    check_real("hessian", "the argument", x)?;
    let shape: Axes = x.shape().iter().chain(x.shape()).copied().collect();
    let traced = Traced::new(|x| f(&x[0]), std::slice::from_ref(x))?;
    let x = &traced.arguments[0];
    let gradient = recorded(|| gradients(&traced.value, &[x]))?.remove(0);
    if x.is_empty() {
        return Variable::zeros(&shape, x.dtype());
    }
    let rows = (0..x.len())
        .map(|k| Ok(jvp(&[&gradient], &[x], &[&unit(x, k)?])?.remove(0)))
        .collect::<Result<Vec<_>>>()?;
    stack(&rows.iter().collect::<Vec<_>>(), 0)?.reshape(&shape)
}

/// One at element `k`, else zero, in the shape and type of `like`.
fn unit(like: &Variable, k: usize) -> Result<Variable> {
    let mut zeros = Variable::zeros(like.shape(), like.dtype())?.into_value();
    match &mut zeros {
        Array::F32(x) => x.as_mut_slice()[k] = 1.0,
        Array::F64(x) => x.as_mut_slice()[k] = 1.0,
        _ => {}
    }
    Ok(Variable::constant(zeros))
}

fn check_real(operation: &'static str, argument: &str, x: &Variable) -> Result<()> {
    if is_complex(x.dtype()) || x.dtype() == DType::I64 {
        return Err(Error::DType {
            operation,
            argument: argument.to_owned(),
            found: x.dtype(),
            wanted: "only real numbers have one; take `re` and `im`, or use `vjp` and `jvp`",
        });
    }
    Ok(())
}

/// A function whose intermediate values are not kept.
struct Checkpoint<F>(F);

impl<F> Checkpoint<F>
where
    F: Fn(&[Variable]) -> Result<Variable> + Send + Sync + 'static,
{
    fn traced(&self, call: &Call<'_>) -> Result<Traced<Variable>> {
        Traced::new(|x| (self.0)(x), call.inputs)
    }
}

impl<F> Operation for Checkpoint<F>
where
    F: Fn(&[Variable]) -> Result<Variable> + Send + Sync + 'static,
{
    fn name(&self) -> &'static str {
        "checkpoint"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        let constants: Vec<Variable> = inputs
            .iter()
            .map(|&x| Variable::constant(x.clone()))
            .collect();
        // Recording shows whether something else than the arguments is used.
        let value = recorded(|| (self.0)(&constants))?;
        if value.is_recorded() {
            return Err(Error::Rule {
                operation: "checkpoint",
                problem: "the function uses a recorded variable that is not among its \
                          arguments; pass it as an argument"
                    .to_owned(),
            });
        }
        Ok(smallvec![value.into_value()])
    }

    fn vjp(
        &self,
        call: &Call<'_>,
        cotangents: &[Option<Variable>],
        wanted: &[bool],
    ) -> Result<Derivatives> {
        let Some(g) = &cotangents[0] else {
            return Ok(wanted.iter().map(|_| None).collect());
        };
        let traced = self.traced(call)?;
        let used: Vec<&Variable> = (traced.arguments.iter().zip(wanted))
            .filter_map(|(x, &wanted)| wanted.then_some(x))
            .collect();
        let mut parts = consumed(traced.value, g, &used)?.into_iter();
        Ok((wanted.iter())
            .map(|&wanted| if wanted { parts.next() } else { None })
            .collect())
    }

    fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
        let traced = self.traced(call)?;
        let moving = traced.arguments.iter().zip(tangents);
        let (inputs, tangents): (Vec<&Variable>, Vec<&Variable>) = moving
            .filter_map(|(x, t)| t.as_ref().map(|t| (x, t)))
            .unzip();
        let tangent = jvp(&[&traced.value], &inputs, &tangents)?.remove(0);
        Ok(smallvec![Some(tangent)])
    }
}

/// The value of `f` at `x`, of which only the arguments are kept: what `f`
/// computes on the way is computed again when derivatives are taken, of any
/// order. Everything recorded that `f` uses must be among its arguments.
///
/// # Errors
/// [`Error::Rule`] if `f` uses another recorded variable; those of `f`.
pub fn checkpoint<F>(f: F, x: &[Variable]) -> Result<Variable>
where
    F: Fn(&[Variable]) -> Result<Variable> + Send + Sync + 'static,
{
    Variable::apply(Checkpoint(f), x)
}
