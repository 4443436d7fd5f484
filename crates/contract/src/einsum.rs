//! Einstein sums: expression and arrays in, array out.
//!
//! [`einsum`] is the one call most programs need; plans and compiled programs
//! of the last few hundred expressions, shapes and strides are remembered, so
//! a repeated call neither parses nor plans. [`Einsum`] does the same in steps
//! whose results can be kept: parse, plan, run.
//!
//! Guarantees: result types follow NumPy (see [`crate::promote`]); operands may
//! have any strides and are never copied unless their element type must change
//! or a kernel is faster on a copy; nothing is conjugated. Complexity: that of
//! the plan; a remembered call adds a fraction of a microsecond.

use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;
use tensegrity_diagram::{Bound, Expression, ExpressionOptions};
use tensegrity_tensor::{
    Array, Axes, DType, Element, Strides, Tensor, View, ViewMut, c64, copy_into, row_major,
};

use crate::cache::{Cache, Hash};
use crate::promote::{ArrayView, compute_dtype, result_dtype, with_view};
use crate::{Error, Plan, PlanOptions, Program, Result};

/// A parsed expression.
///
/// ```
/// use tensegrity_contract::{Einsum, PlanOptions};
/// use tensegrity_tensor::{Array, Tensor};
/// let a: Array = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], &[2, 2])?.into();
/// let plan = Einsum::parse("ij,jk->ik")?.plan(&[&[2, 2], &[2, 2]], &PlanOptions::default())?;
/// let square = plan.run(&[&a, &a])?;
/// assert_eq!(square.typed::<f64>()?.as_slice(), [7.0, 10.0, 15.0, 22.0]);
/// # Ok::<(), tensegrity_contract::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Einsum {
    expression: Expression,
}

impl Einsum {
    /// Parses an expression; see [`Expression`] for the notation.
    ///
    /// # Errors
    /// [`Error::Diagram`] with the place of the mistake.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_with(text, ExpressionOptions::default())
    }

    /// As [`Einsum::parse`], with sizes of indices by name and broadcasting.
    ///
    /// ```
    /// use tensegrity_contract::{Einsum, PlanOptions};
    /// use tensegrity_diagram::ExpressionOptions;
    /// let options = ExpressionOptions { sizes: &[("h", 2)], broadcast: false };
    /// let split = Einsum::parse_with("(h d) n -> h d n", options)?;
    /// assert_eq!(split.plan(&[&[6, 5]], &PlanOptions::default())?.shape(), [2, 3, 5]);
    /// # Ok::<(), tensegrity_contract::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Diagram`] with the place of the mistake.
    pub fn parse_with(text: &str, options: ExpressionOptions<'_>) -> Result<Self> {
        let expression = Expression::parse_with(text, options)?;
        Ok(Self { expression })
    }

    /// The expression.
    #[must_use]
    pub fn expression(&self) -> &Expression {
        &self.expression
    }

    /// Plans for operands of these shapes.
    ///
    /// # Errors
    /// [`Error::Diagram`] if shapes do not fit the expression or each other,
    /// and those of planning.
    pub fn plan(&self, shapes: &[&[usize]], options: &PlanOptions) -> Result<EinsumPlan> {
        let bound = self.expression.bind(shapes)?;
        let plan = Plan::new(&bound.network, options)?;
        Ok(EinsumPlan::new(shapes, bound, plan, options.memory_limit))
    }

    /// As [`Einsum::plan`], in a given order: `path` is a list of pairs numbered
    /// after the operands, see [`Plan::with_path`].
    ///
    /// # Errors
    /// As [`Einsum::plan`]; [`Error::InvalidPath`].
    pub fn plan_along(
        &self,
        shapes: &[&[usize]],
        path: &[(usize, usize)],
        options: &PlanOptions,
    ) -> Result<EinsumPlan> {
        let bound = self.expression.bind(shapes)?;
        let plan = Plan::with_path(&bound.network, path, options)?;
        Ok(EinsumPlan::new(shapes, bound, plan, options.memory_limit))
    }
}

impl From<Expression> for Einsum {
    fn from(expression: Expression) -> Self {
        Self { expression }
    }
}

/// An expression planned for fixed shapes; holds no values and no element type.
#[derive(Clone, Debug)]
pub struct EinsumPlan {
    shapes: Vec<Axes>,
    bound: Bound,
    plan: Plan,
    memory_limit: Option<u64>,
}

/// What is kept of an [`EinsumPlan`] in a file.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(expecting = "an object with the keys expression, shapes and plan")]
struct Saved {
    expression: String,
    shapes: Vec<Vec<usize>>,
    /// Sizes given by name.
    #[serde(default)]
    sizes: Vec<(String, usize)>,
    #[serde(default)]
    broadcast: bool,
    #[serde(default)]
    memory_limit: Option<u64>,
    plan: serde_json::Value,
}

impl EinsumPlan {
    fn new(shapes: &[&[usize]], bound: Bound, plan: Plan, memory_limit: Option<u64>) -> Self {
        let shapes = shapes.iter().map(|shape| Axes::from(*shape)).collect();
        Self {
            shapes,
            bound,
            plan,
            memory_limit,
        }
    }

    /// Expression, given sizes, shapes, memory limit and plan as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let saved = Saved {
            expression: self.bound.expression().to_string(),
            shapes: self.shapes.iter().map(|shape| shape.to_vec()).collect(),
            sizes: self.bound.expression().given_sizes(),
            broadcast: self.bound.expression().broadcasts(),
            memory_limit: self.memory_limit,
            plan: serde_json::from_str(&self.plan.to_json()).expect("a plan writes JSON"),
        };
        serde_json::to_string_pretty(&saved).expect("plain data has a JSON form")
    }

    /// The inverse of [`EinsumPlan::to_json`].
    ///
    /// # Errors
    /// [`Error::InvalidFile`] if the text is no such JSON or its parts
    /// contradict each other; the errors of [`Plan::from_json`].
    pub fn from_json(text: &str) -> Result<Self> {
        let invalid = |reason: String| Error::InvalidFile {
            what: "einsum plan",
            reason,
        };
        let saved: Saved = serde_json::from_str(text).map_err(|e| invalid(e.to_string()))?;
        let plan = Plan::from_json(&saved.plan.to_string())?;
        let shapes: Vec<&[usize]> = saved.shapes.iter().map(Vec::as_slice).collect();
        let sizes: Vec<(&str, usize)> = (saved.sizes.iter())
            .map(|(name, size)| (name.as_str(), *size))
            .collect();
        let options = ExpressionOptions {
            sizes: &sizes,
            broadcast: saved.broadcast,
        };
        let bound = Expression::parse_with(&saved.expression, options)?.bind(&shapes)?;
        if bound.network != *plan.network() {
            return Err(invalid(format!(
                "the plan is for another network than {:?} on these shapes",
                saved.expression
            )));
        }
        Ok(Self::new(&shapes, bound, plan, saved.memory_limit))
    }

    /// The expression bound to the shapes.
    #[must_use]
    pub fn bound(&self) -> &Bound {
        &self.bound
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Shape of the result.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.bound.shape
    }

    /// Runs on arrays of any types; compiles anew for every call (the free
    /// function [`einsum`] remembers).
    ///
    /// # Errors
    /// [`Error::OperandCount`], [`Error::PlanShape`], [`Error::MemoryBudget`].
    pub fn run<'a>(&self, operands: &[impl Into<ArrayView<'a>> + Clone]) -> Result<Array> {
        let views: Views<'a> = operands.iter().cloned().map(Into::into).collect();
        let dtype = compute_dtype(result_dtype(views.iter().map(ArrayView::dtype)));
        with_element!(dtype, T => {
            let operands = Typed::<T>::new(&views);
            self.run_typed(&operands.views).map(Array::from)
        })
    }

    /// As [`EinsumPlan::run`], telling after each step which part of the time
    /// it is expected to take is behind, from 0 to 1.
    ///
    /// # Errors
    /// As [`EinsumPlan::run`].
    pub fn run_with_progress<'a>(
        &self,
        operands: &[impl Into<ArrayView<'a>> + Clone],
        progress: &mut dyn FnMut(f64),
    ) -> Result<Array> {
        let views: Views<'a> = operands.iter().cloned().map(Into::into).collect();
        let dtype = compute_dtype(result_dtype(views.iter().map(ArrayView::dtype)));
        with_element!(dtype, T => {
            let operands = Typed::<T>::new(&views);
            let compiled = self.compile(&operands.views, None, T::DTYPE)?;
            compiled.run_with_progress(&operands.views, progress).map(Array::from)
        })
    }

    /// Runs on views of one type.
    ///
    /// # Errors
    /// As [`EinsumPlan::run`].
    pub fn run_typed<T: Element>(&self, operands: &[View<'_, T>]) -> Result<Tensor<T>> {
        let compiled = self.compile(operands, None, T::DTYPE)?;
        compiled.run(operands)
    }

    /// The program for operands of these strides, writing `output` strides
    /// (those of the shape of the result) or row-major ones.
    fn compile<T: Element>(
        &self,
        operands: &[View<'_, T>],
        output: Option<&ViewMut<'_, T>>,
        dtype: DType,
    ) -> Result<Compiled> {
        if operands.len() != self.shapes.len() {
            return Err(Error::OperandCount {
                what: format!("`{}`", self.bound.expression()),
                expected: self.shapes.len(),
                found: operands.len(),
            });
        }
        let mut strides: SmallVec<[Strides; 4]> = SmallVec::new();
        for (number, (view, binding)) in operands.iter().zip(&self.bound.operands).enumerate() {
            if view.shape() != self.shapes[number].as_slice() {
                return Err(Error::PlanShape {
                    operand: number,
                    expected: self.shapes[number].to_vec(),
                    found: view.shape().to_vec(),
                });
            }
            strides.push(binding.view(view)?.strides().into());
        }
        let network = &self.bound.network;
        let split: Axes = (network.output.iter())
            .map(|&w| network.dims[w as usize] as usize)
            .collect();
        let output: Strides = match output {
            None => row_major(&split),
            Some(output) => {
                if output.shape() != self.bound.shape.as_slice() {
                    return Err(Error::OutputShape {
                        expected: self.bound.shape.clone(),
                        found: output.shape().to_vec(),
                    });
                }
                // Splitting merged axes never needs a copy.
                let view = output.as_view().try_reshaped(&split)?;
                view.map_or_else(|| row_major(&split), |view| view.strides().into())
            }
        };
        let strides: SmallVec<[&[isize]; 4]> = strides.iter().map(|s| s.as_slice()).collect();
        let program = Program::compile(network, self.plan.pairs(), &strides, &output, dtype)?;
        program.check_memory(self.memory_limit)?;
        Ok(Compiled {
            program,
            shape: self.bound.shape.as_slice().into(),
        })
    }
}

/// A program and the shape its result is given.
pub(crate) struct Compiled {
    pub program: Program,
    shape: Axes,
}

impl Compiled {
    /// Runs on operands the program was compiled for.
    fn run<T: Element>(&self, operands: &[View<'_, T>]) -> Result<Tensor<T>> {
        let result = self.program.allocate(|output| {
            // SAFETY: `compile` saw operands of these shapes and strides
            // (bindings change neither the first element nor what is
            // reachable); the output is new memory.
            unsafe {
                self.program
                    .run_raw(|number| operands[number].as_ptr(), output)
            }
        })?;
        self.merge(result)
    }

    fn run_with_progress<T: Element>(
        &self,
        operands: &[View<'_, T>],
        progress: &mut dyn FnMut(f64),
    ) -> Result<Tensor<T>> {
        let shares = self.program.shares();
        progress(0.0);
        let result = self.program.allocate(|output| {
            let operand = |number: usize| operands[number].as_ptr();
            let done = |steps: usize| progress(shares[steps]);
            // SAFETY: as in `run`.
            unsafe { self.program.run_steps(operand, output, |_, _| {}, done) }
        })?;
        self.merge(result)
    }

    /// Merges the axes of groups in the output.
    pub fn merge<T: Element>(&self, result: Tensor<T>) -> Result<Tensor<T>> {
        if result.shape() == self.shape.as_slice() {
            return Ok(result);
        }
        Ok(result.reshaped(&self.shape)?)
    }
}

/// What a remembered program was compiled for.
struct Key {
    text: Box<str>,
    dtype: DType,
    layouts: Vec<(Axes, Strides)>,
    /// Strides of the output if it was given.
    output: Option<Strides>,
    options: PlanOptions,
}

static PROGRAMS: Cache<Key, Compiled> = Cache::new();

/// Forgets all remembered plans and programs.
pub fn clear_cache() {
    PROGRAMS.clear();
}

fn default_options() -> &'static PlanOptions {
    static DEFAULT: OnceLock<PlanOptions> = OnceLock::new();
    DEFAULT.get_or_init(PlanOptions::default)
}

/// The program for a call, remembered or new.
pub(crate) fn compiled<T: Element>(
    text: &str,
    operands: &[View<'_, T>],
    output: Option<&ViewMut<'_, T>>,
    options: &PlanOptions,
) -> Result<Arc<Compiled>> {
    let mut hash = Hash::new();
    hash.text(text);
    hash.word(T::DTYPE as u64);
    for view in operands {
        hash.word(view.ndim() as u64);
        for (&length, &stride) in view.shape().iter().zip(view.strides()) {
            hash.word(length as u64);
            hash.word(stride as u64);
        }
    }
    if let Some(output) = output {
        output
            .strides()
            .iter()
            .for_each(|&stride| hash.word(stride as u64));
    }
    let hash = hash.finish();
    let known = PROGRAMS.get(hash, |key| {
        key.dtype == T::DTYPE
            && *key.text == *text
            && key.layouts.len() == operands.len()
            && (key.layouts.iter().zip(operands)).all(|((shape, strides), view)| {
                shape.as_slice() == view.shape() && strides.as_slice() == view.strides()
            })
            && key.output.as_deref() == output.map(ViewMut::strides)
            && key.options == *options
    });
    if let Some(known) = known {
        if let Some(output) = output
            && output.shape() != known.shape.as_slice()
        {
            return Err(Error::OutputShape {
                expected: known.shape.to_vec(),
                found: output.shape().to_vec(),
            });
        }
        return Ok(known);
    }
    let shapes: SmallVec<[&[usize]; 4]> = operands.iter().map(View::shape).collect();
    let sized = PlanOptions {
        element_bytes: size_of::<T>() as u32,
        ..options.clone()
    };
    let plan = Einsum::parse(text)?.plan(&shapes, &sized)?;
    let compiled = Arc::new(plan.compile(operands, output, T::DTYPE)?);
    let key = Key {
        text: text.into(),
        dtype: T::DTYPE,
        layouts: (operands.iter())
            .map(|view| (view.shape().into(), view.strides().into()))
            .collect(),
        output: output.map(|output| output.strides().into()),
        options: options.clone(),
    };
    PROGRAMS.insert(hash, key, Arc::clone(&compiled));
    Ok(compiled)
}

pub(crate) type Views<'a> = SmallVec<[ArrayView<'a>; 4]>;

/// Operands as views of one type; those of other types are converted.
pub(crate) struct Typed<'a, T> {
    pub views: SmallVec<[View<'a, T>; 4]>,
    /// What converted views look at.
    _converted: Vec<Tensor<T>>,
}

impl<'a, T: Element> Typed<'a, T> {
    pub fn new(operands: &[ArrayView<'a>]) -> Self {
        let mut converted = Vec::new();
        let views = (operands.iter())
            .map(|operand| {
                operand.typed::<T>().unwrap_or_else(|| {
                    let tensor = operand.cast::<T>();
                    let view = tensor.view();
                    // SAFETY: the elements are behind a shared pointer that
                    // `_converted` keeps, and nobody else can write them.
                    let view =
                        unsafe { View::from_raw(view.as_ptr(), view.shape(), view.strides()) };
                    converted.push(tensor);
                    view
                })
            })
            .collect();
        Self {
            views,
            _converted: converted,
        }
    }
}

/// Evaluates an expression on arrays of any types.
///
/// The result has the type NumPy gives it: the promotion of all operand types.
///
/// ```
/// use tensegrity_contract::einsum;
/// use tensegrity_tensor::Tensor;
/// let a = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], &[2, 2])?;
/// let trace = einsum("ii->", &[&a])?;
/// assert_eq!(trace.typed::<f64>()?.as_slice(), [5.0]);
/// # Ok::<(), tensegrity_contract::Error>(())
/// ```
///
/// # Errors
/// [`Error::Diagram`] for a wrong expression or shapes that do not fit it.
pub fn einsum<'a>(
    expression: &str,
    operands: &[impl Into<ArrayView<'a>> + Clone],
) -> Result<Array> {
    let views: Views<'a> = operands.iter().cloned().map(Into::into).collect();
    einsum_with(expression, &views, default_options())
}

/// As [`einsum`], with options for planning.
///
/// # Errors
/// As [`einsum`], and [`Error::MemoryBudget`].
pub fn einsum_with(
    expression: &str,
    operands: &[ArrayView<'_>],
    options: &PlanOptions,
) -> Result<Array> {
    let dtype = compute_dtype(result_dtype(operands.iter().map(ArrayView::dtype)));
    let working = match dtype {
        DType::F32 if options.accumulate_double => DType::F64,
        DType::C64 if options.accumulate_double => DType::C128,
        same => same,
    };
    let result: Array = with_element!(working, T => {
        let operands = Typed::<T>::new(operands);
        let compiled = compiled(expression, &operands.views, None, options)?;
        compiled.run(&operands.views)?.into()
    });
    Ok(match (working == dtype, dtype) {
        (true, _) => result,
        (false, DType::F32) => ArrayView::from(&result).cast::<f32>().into(),
        (false, _) => ArrayView::from(&result).cast::<c64>().into(),
    })
}

/// Evaluates an expression on views of one type.
///
/// # Errors
/// As [`einsum`].
pub fn einsum_typed<T: Element>(expression: &str, operands: &[View<'_, T>]) -> Result<Tensor<T>> {
    compiled(expression, operands, None, default_options())?.run(operands)
}

/// Evaluates an expression into `output`, whatever its strides.
///
/// The computation is in the type of the operands, promoted; the result is
/// converted if `output` has another type of the same kind or a larger one.
/// `output` may overlap operands in memory made by [`ViewMut::from_raw`]; the
/// result is then computed aside.
///
/// # Errors
/// As [`einsum_with`]; [`Error::OutputShape`]; [`Error::WrongDType`] for a
/// complex result into a real output or a real one into integers.
pub fn einsum_into<T: Element>(
    expression: &str,
    operands: &[ArrayView<'_>],
    output: &mut ViewMut<'_, T>,
    options: &PlanOptions,
) -> Result<()> {
    let dtype = compute_dtype(result_dtype(operands.iter().map(ArrayView::dtype)));
    let kind = |dtype: DType| match dtype {
        DType::I64 => 0,
        DType::C64 | DType::C128 => 2,
        _ => 1,
    };
    if kind(dtype) > kind(T::DTYPE) {
        return Err(Error::WrongDType {
            what: "output".to_owned(),
            found: T::DTYPE,
            expected: dtype,
        });
    }
    let aside = operands.iter().any(
        |operand| with_view!(operand, view => overlap(extent(view), extent(&output.as_view()))),
    );
    let double = options.accumulate_double && matches!(dtype, DType::F32 | DType::C64);
    if dtype != T::DTYPE || aside || double {
        let result = einsum_with(expression, operands, options)?;
        if result.shape() != output.shape() {
            return Err(Error::OutputShape {
                expected: result.shape().to_vec(),
                found: output.shape().to_vec(),
            });
        }
        let converted = ArrayView::from(&result).cast::<T>();
        return Ok(copy_into(output, &converted.view())?);
    }
    let operands = Typed::<T>::new(operands);
    let compiled = compiled(expression, &operands.views, Some(output), options)?;
    // SAFETY: compiled for these shapes and strides; no operand overlaps.
    unsafe {
        let views = &operands.views;
        compiled
            .program
            .run_raw(|number| views[number].as_ptr(), output.as_mut_ptr())
    }
}

/// Addresses a view reaches: from the first byte to behind the last.
fn extent<T: Element>(view: &View<'_, T>) -> (usize, usize) {
    if view.is_empty() {
        return (0, 0);
    }
    let (mut low, mut high) = (0isize, 0isize);
    for (&length, &stride) in view.shape().iter().zip(view.strides()) {
        let reach = (length as isize - 1) * stride;
        low += reach.min(0);
        high += reach.max(0);
    }
    let address = |offset: isize| view.as_ptr().wrapping_offset(offset) as usize;
    (address(low), address(high) + size_of::<T>())
}

fn overlap(x: (usize, usize), y: (usize, usize)) -> bool {
    x.0 < y.1 && y.0 < x.1
}

/// The inner product ⟨a, b⟩ = Σ conj(a)·b over all elements of two arrays of one shape.
///
/// # Errors
/// [`Error::Tensor`] if the shapes differ.
pub fn inner<'a>(a: impl Into<ArrayView<'a>>, b: impl Into<ArrayView<'a>>) -> Result<Array> {
    let (a, b): (ArrayView<'a>, ArrayView<'a>) = (a.into(), b.into());
    if a.shape() != b.shape() {
        return Err(Error::Tensor(tensegrity_tensor::Error::ShapeMismatch {
            what: "inner",
            left: a.shape().to_vec(),
            right: b.shape().to_vec(),
        }));
    }
    let wires: Vec<u32> = (0..a.shape().len() as u32).collect();
    let text = Expression::from_ids(&[&wires, &wires], &[])?;
    let plan = Einsum::from(text).plan(&[a.shape(), b.shape()], default_options())?;
    match conjugated(&a) {
        None => plan.run(&[a, b]),
        Some(conjugate) => plan.run(&[ArrayView::from(&conjugate), b]),
    }
}

/// The complex conjugate; `None` for real types, which are their own.
pub(crate) fn conjugated(a: &ArrayView<'_>) -> Option<Array> {
    match a {
        ArrayView::C64(view) => Some(view.to_tensor().map(|z| z.conj()).into()),
        ArrayView::C128(view) => Some(view.to_tensor().map(|z| z.conj()).into()),
        _ => None,
    }
}

/// Evaluates an expression whose syntax and number of operands are checked
/// when the program is compiled. Operands are anything [`einsum`] takes, of
/// types that may differ; the result is a `Result<Array>`.
///
/// ```
/// use tensegrity_contract::einsum;
/// use tensegrity_tensor::Tensor;
/// let q = Tensor::<f64>::full(&[2, 3, 4], 1.0)?;
/// let k = Tensor::<f32>::full(&[2, 5, 4], 2.0)?;
/// let scores = einsum!("b i d, b j d -> b i j", &q, &k)?;
/// assert_eq!(scores.shape(), [2, 3, 5]);
/// # Ok::<(), tensegrity_contract::Error>(())
/// ```
///
/// ```compile_fail
/// # let a = tensegrity_tensor::Tensor::<f64>::eye(2)?;
/// tensegrity_contract::einsum!("ij,jk->ik", &a)?; // one operand is missing
/// # Ok::<(), tensegrity_contract::Error>(())
/// ```
#[macro_export]
macro_rules! einsum {
    ($expression:literal $(, $operand:expr)* $(,)?) => {{
        const _: () = match $crate::__check_expression(
            $expression,
            <[&str]>::len(&[$(::core::stringify!($operand)),*]),
        ) {
            ::core::result::Result::Ok(()) => (),
            ::core::result::Result::Err(message) => ::core::panic!("{}", message),
        };
        $crate::einsum(
            $expression,
            &[$($crate::promote::ArrayView::from($operand)),*] as &[$crate::promote::ArrayView<'_>],
        )
    }};
}
