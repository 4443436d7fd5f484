//! A formula being written: steps without repetition, constants folded.

use tensegrity_tensor::{Binary, Unary};

use super::{Inner, Step};

/// Steps so far, and which of them are complex.
pub(super) struct Sketch {
    pub steps: Vec<Step>,
    pub complex: Vec<bool>,
    /// Which inputs are complex.
    inputs: u64,
}

impl Sketch {
    /// A sketch that starts with the steps of a formula.
    pub fn of(steps: &[Step], inputs: u64) -> Self {
        let mut sketch = Self {
            steps: Vec::with_capacity(2 * steps.len()),
            complex: Vec::with_capacity(2 * steps.len()),
            inputs,
        };
        for &step in steps {
            sketch.push(step);
        }
        sketch
    }

    fn push(&mut self, step: Step) -> usize {
        let complex = match step {
            Step::Input(number) => number < 64 && self.inputs >> number & 1 == 1,
            Step::Constant(_, im) => f64::from_bits(im) != 0.0,
            Step::Unary(Unary::Abs | Unary::Abs2 | Unary::Re | Unary::Im, _) => false,
            Step::Unary(_, a) | Step::Softplus(a) | Step::Power(_, a) => self.complex[a],
            Step::Binary(_, a, b) => self.complex[a] || self.complex[b],
            Step::Select(_, a, b) => self.complex[a] || self.complex[b],
        };
        self.steps.push(step);
        self.complex.push(complex);
        self.steps.len() - 1
    }

    /// The step that computes `step`, which may exist already.
    pub fn intern(&mut self, step: Step) -> usize {
        match self.steps.iter().position(|&known| known == step) {
            Some(known) => known,
            None => self.push(step),
        }
    }

    /// Adds the steps of another formula; the result is its root among ours.
    pub fn absorb(&mut self, other: &Inner) -> usize {
        let mut names = Vec::with_capacity(other.steps.len());
        for &step in &other.steps {
            let name = self.intern(renamed(step, |operand| names[operand]));
            names.push(name);
        }
        names[other.root]
    }

    pub fn constant(&mut self, value: f64) -> usize {
        self.intern(Step::Constant(value.to_bits(), 0))
    }

    /// The real number a step is, if it is one.
    fn number(&self, step: usize) -> Option<f64> {
        match self.steps[step] {
            Step::Constant(re, im) if f64::from_bits(im) == 0.0 => Some(f64::from_bits(re)),
            _ => None,
        }
    }

    pub fn unary(&mut self, op: Unary, a: usize) -> usize {
        if op == Unary::Neg {
            if let Some(value) = self.number(a) {
                return self.constant(-value);
            }
            if let Step::Unary(Unary::Neg, inner) = self.steps[a] {
                return inner;
            }
        }
        self.intern(Step::Unary(op, a))
    }

    pub fn neg(&mut self, a: usize) -> usize {
        self.unary(Unary::Neg, a)
    }

    /// The conjugate, which is the value itself if it is real.
    pub fn conj(&mut self, a: usize) -> usize {
        match self.steps[a] {
            Step::Constant(re, im) if self.complex[a] => {
                self.intern(Step::Constant(re, (-f64::from_bits(im)).to_bits()))
            }
            _ if self.complex[a] => self.unary(Unary::Conj, a),
            _ => a,
        }
    }

    /// The real part, which is the value itself if it is real.
    pub fn re(&mut self, a: usize) -> usize {
        match self.complex[a] {
            true => self.unary(Unary::Re, a),
            false => a,
        }
    }

    pub fn add(&mut self, a: usize, b: usize) -> usize {
        match (self.number(a), self.number(b)) {
            (Some(x), Some(y)) => self.constant(x + y),
            (Some(0.0), None) => b,
            (None, Some(0.0)) => a,
            _ => self.intern(Step::Binary(Binary::Add, a, b)),
        }
    }

    pub fn sub(&mut self, a: usize, b: usize) -> usize {
        match (self.number(a), self.number(b)) {
            (Some(x), Some(y)) => self.constant(x - y),
            (Some(0.0), None) => self.neg(b),
            (None, Some(0.0)) => a,
            _ => self.intern(Step::Binary(Binary::Sub, a, b)),
        }
    }

    /// The product. Products with one are the other factor; those with zero are
    /// kept, so that infinities show.
    pub fn mul(&mut self, a: usize, b: usize) -> usize {
        match (self.number(a), self.number(b)) {
            (Some(x), Some(y)) => self.constant(x * y),
            (Some(1.0), None) => b,
            (None, Some(1.0)) => a,
            (Some(-1.0), None) => self.neg(b),
            (None, Some(-1.0)) => self.neg(a),
            _ => self.intern(Step::Binary(Binary::Mul, a, b)),
        }
    }

    pub fn div(&mut self, a: usize, b: usize) -> usize {
        match self.number(b) {
            Some(1.0) => a,
            _ => self.intern(Step::Binary(Binary::Div, a, b)),
        }
    }

    pub fn power(&mut self, p: f64, a: usize) -> usize {
        if p == 0.0 {
            self.constant(1.0)
        } else if p == 1.0 {
            a
        } else {
            self.intern(Step::Power(p.to_bits(), a))
        }
    }

    pub fn select(&mut self, condition: usize, yes: usize, no: usize) -> usize {
        match yes == no {
            true => yes,
            false => self.intern(Step::Select(condition, yes, no)),
        }
    }
}

/// The step with its operands renamed.
pub(super) fn renamed(step: Step, name: impl Fn(usize) -> usize) -> Step {
    match step {
        Step::Input(_) | Step::Constant(..) => step,
        Step::Unary(op, a) => Step::Unary(op, name(a)),
        Step::Binary(op, a, b) => Step::Binary(op, name(a), name(b)),
        Step::Select(a, b, c) => Step::Select(name(a), name(b), name(c)),
        Step::Softplus(a) => Step::Softplus(name(a)),
        Step::Power(p, a) => Step::Power(p, name(a)),
    }
}

/// The operands of a step.
pub(super) fn operands(step: Step) -> impl Iterator<Item = usize> {
    let list: [Option<usize>; 3] = match step {
        Step::Input(_) | Step::Constant(..) => [None, None, None],
        Step::Unary(_, a) | Step::Softplus(a) | Step::Power(_, a) => [Some(a), None, None],
        Step::Binary(_, a, b) => [Some(a), Some(b), None],
        Step::Select(a, b, c) => [Some(a), Some(b), Some(c)],
    };
    list.into_iter().flatten()
}
