//! Checks of an operation's rules against differences, to third order.
//!
//! With φ₀(x) = Re Σ c*·f(x) for a fixed random c, and directions v₁, v₂, v₃, the
//! functions φₖ(x) = ⟨∇φₖ₋₁(x), vₖ⟩ are computed by reverse mode (nested k deep),
//! by forward mode (nested k deep) and by forward over reverse, and compared with
//! central differences of φₖ₋₁ along vₖ of fourth order. Tolerances: 1e-6, 1e-5
//! and 1e-4, relative to the size of φₖ.

use tensegrity_grad::{Error, Result, Variable, gradients, jvp};
use tensegrity_tensor::{Array, DType, SplitMix64, Tensor, c64, c128};

/// Where arguments are taken from; not every table takes from everywhere.
#[derive(Clone, Copy, PartialEq)]
#[allow(dead_code)]
pub enum Range {
    /// (−1, 1).
    Centred,
    /// (0.5, 1.5).
    Positive,
}

/// An operation and what it is tested on.
#[derive(Clone)]
pub struct OpSpec {
    name: &'static str,
    shapes: Vec<Vec<usize>>,
    f: fn(&[Variable]) -> Result<Variable>,
    range: Range,
    real: bool,
    complex: bool,
    /// The result has another type than the arguments.
    widens: bool,
}

#[allow(dead_code)]
impl OpSpec {
    pub fn new(
        name: &'static str,
        shapes: &[&[usize]],
        f: fn(&[Variable]) -> Result<Variable>,
    ) -> Self {
        Self {
            name,
            shapes: shapes.iter().map(|shape| shape.to_vec()).collect(),
            f,
            range: Range::Centred,
            real: true,
            complex: false,
            widens: false,
        }
    }

    /// Also for complex numbers.
    pub fn complex(mut self) -> Self {
        self.complex = true;
        self
    }

    pub fn only_complex(mut self) -> Self {
        (self.real, self.complex) = (false, true);
        self
    }

    pub fn widens(mut self) -> Self {
        self.widens = true;
        self
    }

    pub fn range(mut self, range: Range) -> Self {
        self.range = range;
        self
    }

    fn arguments(&self, dtype: DType, seed: &mut SplitMix64) -> Vec<Array> {
        let arguments = self.shapes.iter();
        arguments
            .map(|shape| random(shape, dtype, self.range, seed))
            .collect()
    }
}

fn random(shape: &[usize], dtype: DType, range: Range, seed: &mut SplitMix64) -> Array {
    let mut draw = || match range {
        Range::Centred => 2.0 * seed.centred(),
        Range::Positive => 1.0 + seed.centred(),
    };
    match dtype {
        DType::F32 => Tensor::from_fn(shape, |_| draw() as f32).unwrap().into(),
        DType::F64 => Tensor::from_fn(shape, |_| draw()).unwrap().into(),
        DType::C64 => Tensor::from_fn(shape, |_| c64::new(draw() as f32, draw() as f32))
            .unwrap()
            .into(),
        _ => Tensor::from_fn(shape, |_| c128::new(draw(), draw()))
            .unwrap()
            .into(),
    }
}

/// x + h·v.
fn moved(x: &[Array], v: &[Array], h: f64) -> Vec<Array> {
    (x.iter().zip(v))
        .map(|(x, v)| match (x, v) {
            (Array::F64(x), Array::F64(v)) => x.add(&v.scaled(h)).unwrap().into(),
            (Array::C128(x), Array::C128(v)) => x.add(&v.scaled(c128::new(h, 0.0))).unwrap().into(),
            _ => unreachable!("differences are taken in double precision"),
        })
        .collect()
}

/// Re Σ conj(a)·b over all tensors.
fn inner(a: &[Variable], b: &[Variable]) -> Variable {
    let mut sum: Option<Variable> = None;
    for (a, b) in a.iter().zip(b) {
        let part = a
            .conj()
            .unwrap()
            .mul(b)
            .unwrap()
            .re()
            .unwrap()
            .sum_all()
            .unwrap();
        sum = Some(sum.map_or(part.clone(), |sum| sum.add(&part).unwrap()));
    }
    sum.unwrap()
}

/// How a derivative is computed.
#[derive(Clone, Copy, Debug)]
enum Mode {
    Reverse,
    Forward,
    /// Reverse first, forward for all orders above.
    Mixed,
}

struct Subject<'s> {
    spec: &'s OpSpec,
    weights: Array,
    directions: Vec<Vec<Array>>,
}

impl Subject<'_> {
    fn scalar(&self, x: &[Variable]) -> Variable {
        let y = (self.spec.f)(x).unwrap();
        inner(&[Variable::constant(self.weights.clone())], &[y])
    }

    /// φ of an order at `x`.
    fn value(&self, x: &[Array], order: usize, mode: Mode) -> f64 {
        let x: Vec<Variable> = x.iter().map(|x| Variable::new(x.clone())).collect();
        let arguments: Vec<&Variable> = x.iter().collect();
        let mut phi = self.scalar(&x);
        for (k, direction) in self.directions[..order].iter().enumerate() {
            let v: Vec<Variable> = direction
                .iter()
                .map(|v| Variable::constant(v.clone()))
                .collect();
            let reverse = match mode {
                Mode::Reverse => true,
                Mode::Forward => false,
                Mode::Mixed => k == 0,
            };
            phi = match reverse {
                true => inner(&gradients(&phi, &arguments).unwrap(), &v),
                false => {
                    let v: Vec<&Variable> = v.iter().collect();
                    jvp(&[&phi], &arguments, &v).unwrap().remove(0)
                }
            };
        }
        phi.item().unwrap()
    }
}

/// Checks all rules of an operation.
pub fn check(spec: OpSpec) {
    for (dtype, allowed) in [(DType::F64, spec.real), (DType::C128, spec.complex)] {
        if allowed {
            check_orders(&spec, dtype);
        }
    }
    let pairs = [(DType::F32, DType::F64), (DType::C64, DType::C128)];
    for ((single, double), allowed) in pairs.into_iter().zip([spec.real, spec.complex]) {
        if allowed && !spec.widens {
            check_single(&spec, single, double);
        }
    }
    check_refusal(&spec);
}

fn check_orders(spec: &OpSpec, dtype: DType) {
    let mut seed = SplitMix64::new(spec.name.bytes().map(u64::from).sum());
    let x = spec.arguments(dtype, &mut seed);
    let constants: Vec<Variable> = x.iter().map(|x| Variable::constant(x.clone())).collect();
    let y = (spec.f)(&constants).unwrap();
    assert!(!y.is_recorded(), "{}: constants were recorded", spec.name);
    let subject = Subject {
        weights: random(y.shape(), y.dtype(), Range::Centred, &mut seed),
        directions: (0..3)
            .map(|_| {
                (spec.shapes.iter())
                    .map(|shape| random(shape, dtype, Range::Centred, &mut seed))
                    .collect()
            })
            .collect(),
        spec,
    };
    // The error of the differences is about h⁴ and ε/h.
    let h = 1e-3;
    for (order, tolerance) in [(1, 1e-6), (2, 1e-5), (3, 1e-4)] {
        let v = &subject.directions[order - 1];
        let at = |step: f64| subject.value(&moved(&x, v, step), order - 1, Mode::Reverse);
        let expected = (8.0 * (at(h) - at(-h)) - (at(2.0 * h) - at(-2.0 * h))) / (12.0 * h);
        for mode in [Mode::Reverse, Mode::Forward, Mode::Mixed] {
            let found = subject.value(&x, order, mode);
            let error = (found - expected).abs() / expected.abs().max(1.0);
            assert!(
                error <= tolerance,
                "{} {dtype} order {order} {mode:?}: {found} is not {expected} (error {error:e})",
                spec.name
            );
        }
    }
}

/// Single precision: types are kept, and first derivatives agree with double.
fn check_single(spec: &OpSpec, single: DType, double: DType) {
    let mut seed = SplitMix64::new(7);
    let x: Vec<Variable> = (spec.arguments(single, &mut seed).into_iter())
        .map(Variable::new)
        .collect();
    let gradients_of = |x: &[Variable]| -> (Variable, Vec<Variable>) {
        let y = (spec.f)(x).unwrap();
        let loss = y.abs2().unwrap().sum_all().unwrap();
        let arguments: Vec<&Variable> = x.iter().collect();
        (y, gradients(&loss, &arguments).unwrap())
    };
    let (y, g) = gradients_of(&x);
    let complex = matches!(single, DType::C64);
    assert!(
        y.dtype() == single || (complex && y.dtype() == DType::F32),
        "{}: {single} became {}",
        spec.name,
        y.dtype()
    );
    let wide: Vec<Variable> = (x.iter())
        .map(|x| Variable::new(x.cast(double).unwrap().into_value()))
        .collect();
    let (_, expected) = gradients_of(&wide);
    for (g, expected) in g.iter().zip(&expected) {
        assert_eq!(g.dtype(), single, "{}", spec.name);
        let difference = g.cast(double).unwrap().sub(expected).unwrap();
        let norm = |x: &Variable| x.abs2().unwrap().sum_all().unwrap().item().unwrap().sqrt();
        let error = norm(&difference) / norm(expected).max(1.0);
        // A few dozen roundings, amplified by the conditioning of the table.
        assert!(error < 1e-4, "{} {single}: error {error:e}", spec.name);
    }
}

/// Integers are refused, and a gradient with respect to a constant is.
fn check_refusal(spec: &OpSpec) {
    let mut seed = SplitMix64::new(1);
    let dtype = if spec.real { DType::F64 } else { DType::C128 };
    let constants: Vec<Variable> = (spec.arguments(dtype, &mut seed).into_iter())
        .map(Variable::constant)
        .collect();
    let y = (spec.f)(&constants).unwrap();
    let loss = y.abs2().unwrap().sum_all().unwrap();
    let arguments: Vec<&Variable> = constants.iter().collect();
    assert!(
        matches!(gradients(&loss, &arguments), Err(Error::NotRecorded { .. })),
        "{}: a gradient of a constant",
        spec.name
    );
}
