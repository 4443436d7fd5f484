//! Derivatives of formulas, as formulas.
//!
//! Values are differentiated as real-linear maps: for a step `y = f(x)` that is
//! complex differentiable the tangent is `f'·ẋ` and the cotangent `conj(f')·ȳ`;
//! conjugate, parts and absolute values have rules of their own. A cotangent of
//! a real step is real: the real part is what the real inner product sees.

use smallvec::SmallVec;
use tensegrity_tensor::{Binary, Unary};

use super::sketch::{Sketch, operands, renamed};
use super::{Derived, Formula, Step};

/// The cotangent of `input`; the cotangent of the formula is input `arity`.
pub(super) fn pullback(
    steps: &[Step],
    root: usize,
    arity: usize,
    input: usize,
    complex: u64,
) -> Option<Derived> {
    let mut sketch = Sketch::of(steps, complex);
    let mut depends = vec![false; steps.len()];
    for (number, &step) in steps.iter().enumerate() {
        depends[number] = step == Step::Input(input) || operands(step).any(|a| depends[a]);
    }
    let mut adjoints: Vec<Option<usize>> = vec![None; steps.len()];
    if depends[root] {
        let seed = sketch.intern(Step::Input(arity));
        accumulate(&mut sketch, &mut adjoints, root, seed);
    }
    for number in (0..=root).rev() {
        let Some(g) = adjoints[number] else { continue };
        let step = steps[number];
        // A partial derivative that is constant zero is never asked for.
        for (position, operand) in operands(step).enumerate() {
            if !depends[operand] {
                continue;
            }
            let part = match step {
                Step::Unary(Unary::Conj, _) => Some(sketch.conj(g)),
                Step::Unary(Unary::Re, _) => Some(g),
                Step::Unary(Unary::Im, a) if sketch.complex[a] => {
                    let i = sketch.intern(Step::Constant(0.0_f64.to_bits(), 1.0_f64.to_bits()));
                    Some(sketch.mul(i, g))
                }
                Step::Unary(Unary::Im, _) => None,
                Step::Unary(Unary::Abs, a) => {
                    let sign = sign(&mut sketch, number, a);
                    Some(sketch.mul(g, sign))
                }
                Step::Unary(Unary::Abs2, a) => {
                    let two = sketch.constant(2.0);
                    let twice = sketch.mul(two, g);
                    Some(sketch.mul(twice, a))
                }
                _ => partial(&mut sketch, steps, number, position, g, true),
            };
            if let Some(part) = part {
                accumulate(&mut sketch, &mut adjoints, operand, part);
            }
        }
    }
    let wanted = steps.iter().position(|&step| step == Step::Input(input))?;
    Some(finished(&sketch, adjoints[wanted]?))
}

/// The tangent; the tangent of input `k` is input `arity + k`.
pub(super) fn pushforward(
    steps: &[Step],
    root: usize,
    arity: usize,
    tangents: u64,
    complex: u64,
) -> Option<Derived> {
    let mut sketch = Sketch::of(steps, complex);
    let mut moving: Vec<Option<usize>> = Vec::with_capacity(steps.len());
    for (number, &step) in steps.iter().enumerate() {
        let mut sum: Option<usize> = None;
        if let Step::Input(k) = step
            && tangents >> k & 1 == 1
        {
            sum = Some(sketch.intern(Step::Input(arity + k)));
        }
        for (position, operand) in operands(step).enumerate() {
            let Some(t) = moving[operand] else { continue };
            let part = match step {
                Step::Unary(Unary::Conj, _) => Some(sketch.conj(t)),
                Step::Unary(Unary::Re, _) => Some(sketch.re(t)),
                Step::Unary(Unary::Im, a) if sketch.complex[a] => Some(sketch.unary(Unary::Im, t)),
                Step::Unary(Unary::Im, _) => None,
                Step::Unary(Unary::Abs, a) => {
                    let sign = sign(&mut sketch, number, a);
                    let sign = sketch.conj(sign);
                    let product = sketch.mul(sign, t);
                    Some(sketch.re(product))
                }
                Step::Unary(Unary::Abs2, a) => {
                    let conj = sketch.conj(a);
                    let product = sketch.mul(conj, t);
                    let product = sketch.re(product);
                    let two = sketch.constant(2.0);
                    Some(sketch.mul(two, product))
                }
                _ => partial(&mut sketch, steps, number, position, t, false),
            };
            sum = match (sum, part) {
                (Some(sum), Some(part)) => Some(sketch.add(sum, part)),
                (sum, part) => sum.or(part),
            };
        }
        moving.push(sum);
    }
    Some(finished(&sketch, moving[root]?))
}

/// x/|x|, and zero at zero; `number` is the step |x|.
fn sign(sketch: &mut Sketch, number: usize, a: usize) -> usize {
    let quotient = sketch.div(a, number);
    let zero = sketch.constant(0.0);
    sketch.select(number, quotient, zero)
}

/// `factor` times the derivative (or its conjugate) of a complex differentiable
/// step with respect to its operand number `position`; `None` if it is zero.
fn partial(
    sketch: &mut Sketch,
    steps: &[Step],
    number: usize,
    position: usize,
    factor: usize,
    conjugate: bool,
) -> Option<usize> {
    let turn = |sketch: &mut Sketch, value: usize| match conjugate {
        true => sketch.conj(value),
        false => value,
    };
    let y = number;
    let slope = match steps[number] {
        Step::Input(_) | Step::Constant(..) => return None,
        Step::Unary(op, a) => match op {
            Unary::Neg => return Some(sketch.neg(factor)),
            Unary::Sqrt => {
                let half = sketch.constant(0.5);
                let scaled = sketch.mul(half, factor);
                let y = turn(sketch, y);
                return Some(sketch.div(scaled, y));
            }
            Unary::Exp => y,
            Unary::Log => {
                let a = turn(sketch, a);
                return Some(sketch.div(factor, a));
            }
            Unary::Tanh => {
                let square = sketch.mul(y, y);
                let one = sketch.constant(1.0);
                sketch.sub(one, square)
            }
            Unary::Sin => sketch.unary(Unary::Cos, a),
            Unary::Cos => {
                let sine = sketch.unary(Unary::Sin, a);
                sketch.neg(sine)
            }
            Unary::Sigmoid => {
                let one = sketch.constant(1.0);
                let rest = sketch.sub(one, y);
                sketch.mul(y, rest)
            }
            Unary::Relu => {
                let zero = sketch.constant(0.0);
                let positive = sketch.intern(Step::Binary(Binary::Less, zero, a));
                return Some(sketch.select(positive, factor, zero));
            }
            // Conjugate, parts and absolute values are not complex
            // differentiable, and the caller has their rules.
            _ => return None,
        },
        Step::Binary(op, a, b) => match (op, position) {
            (Binary::Add, _) | (Binary::Sub, 0) => return Some(factor),
            (Binary::Sub, _) => return Some(sketch.neg(factor)),
            (Binary::Mul, 0) => b,
            (Binary::Mul, _) => a,
            (Binary::Div, 0) => {
                let b = turn(sketch, b);
                return Some(sketch.div(factor, b));
            }
            (Binary::Div, _) => {
                let ratio = sketch.div(y, b);
                sketch.neg(ratio)
            }
            (Binary::Min | Binary::Max, _) => {
                let (winner, other) = match (op == Binary::Max, position) {
                    (true, 0) | (false, 1) => (b, a),
                    _ => (a, b),
                };
                // One where the operand wins, a half where both are equal.
                let wins = sketch.intern(Step::Binary(Binary::Less, winner, other));
                let ties = sketch.intern(Step::Binary(Binary::Equal, a, b));
                let half = sketch.constant(0.5);
                let shared = sketch.mul(half, ties);
                sketch.add(wins, shared)
            }
            _ => return None,
        },
        Step::Select(condition, ..) => {
            let zero = sketch.constant(0.0);
            return match position {
                0 => None,
                1 => Some(sketch.select(condition, factor, zero)),
                _ => Some(sketch.select(condition, zero, factor)),
            };
        }
        Step::Softplus(a) => sketch.unary(Unary::Sigmoid, a),
        Step::Power(p, a) => {
            let p = f64::from_bits(p);
            let lower = sketch.power(p - 1.0, a);
            let p = sketch.constant(p);
            sketch.mul(p, lower)
        }
    };
    let slope = turn(sketch, slope);
    Some(sketch.mul(factor, slope))
}

fn accumulate(sketch: &mut Sketch, adjoints: &mut [Option<usize>], step: usize, part: usize) {
    let part = match sketch.complex[step] {
        true => part,
        false => sketch.re(part),
    };
    adjoints[step] = Some(match adjoints[step] {
        Some(sum) => sketch.add(sum, part),
        None => part,
    });
}

/// The formula of `root` alone: steps it needs, inputs numbered anew.
fn finished(sketch: &Sketch, root: usize) -> Derived {
    let mut needed = vec![false; root + 1];
    needed[root] = true;
    for number in (0..=root).rev() {
        if needed[number] {
            operands(sketch.steps[number]).for_each(|a| needed[a] = true);
        }
    }
    let mut uses: SmallVec<[usize; 4]> = SmallVec::new();
    let mut names = vec![usize::MAX; root + 1];
    let mut steps = Vec::new();
    for number in (0..=root).filter(|&number| needed[number]) {
        let step = match sketch.steps[number] {
            Step::Input(input) => {
                uses.push(input);
                Step::Input(uses.len() - 1)
            }
            step => renamed(step, |a| names[a]),
        };
        names[number] = steps.len();
        steps.push(step);
    }
    let root = steps.len() - 1;
    Derived {
        formula: Formula::new(steps, root),
        uses,
    }
}
