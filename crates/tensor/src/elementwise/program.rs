//! An expression compiled for the element types of its inputs.

use smallvec::SmallVec;

use super::expr::{Binary, Expr, Node, Unary};
use super::micro::{self, Micro};
use crate::{DType, Error, Result};

/// Where a step finds an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Input(usize),
    Constant(usize),
    /// A tile of intermediate values, used again once its value is dead.
    Scratch(usize),
}

/// One typed micro-operation on whole tiles.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub micro: Micro,
    pub operands: SmallVec<[Slot; 3]>,
    pub result: usize,
}

/// Steps in order; the value is in `result`.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub steps: Vec<Step>,
    pub constants: Vec<(DType, f64, f64)>,
    pub scratches: usize,
    pub result: Slot,
    pub dtype: DType,
}

/// A value during compilation: constants have no type of their own yet.
#[derive(Clone, Copy, Debug)]
enum Value {
    Typed(Typed),
    Free { re: f64, im: f64 },
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Typed {
    place: Place,
    dtype: DType,
}

/// As [`Slot`], with every step's result in a place of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Input(usize),
    Constant(usize),
    Step(usize),
}

/// A step before scratch tiles are assigned.
struct Draft {
    micro: Micro,
    places: SmallVec<[Place; 3]>,
    /// The operation and its type, for steps that may join a neighbour.
    binary: Option<(Binary, DType)>,
    /// Whether it became part of another step.
    joined: bool,
}

#[derive(Default)]
struct Compiler {
    steps: Vec<Draft>,
    casts: Vec<(Typed, Typed)>,
    constants: Vec<(DType, f64, f64)>,
}

impl Program {
    /// Compiles `expr` for inputs of the given types, with a value of type
    /// `wanted`, or of its natural type.
    pub fn compile(expr: &Expr, inputs: &[DType], wanted: Option<DType>) -> Result<Self> {
        let mut compiler = Compiler::default();
        let mut values: Vec<Value> = Vec::with_capacity(expr.nodes.len());
        for (number, &node) in expr.nodes.iter().enumerate() {
            let value = if number > expr.root {
                // Nothing after the root is needed.
                Value::Free { re: 0.0, im: 0.0 }
            } else {
                compiler.node(node, &values, inputs)?
            };
            values.push(value);
        }
        let root = match (values[expr.root], wanted) {
            (Value::Typed(value), None) => value,
            (Value::Typed(value), Some(dtype)) => compiler.cast(value, dtype)?,
            (free, wanted) => compiler.typed(free, wanted.unwrap_or(DType::F64))?,
        };
        Ok(compiler.finish(root))
    }
}

impl Compiler {
    fn node(&mut self, node: Node, values: &[Value], inputs: &[DType]) -> Result<Value> {
        Ok(Value::Typed(match node {
            Node::Input(input) => Typed {
                place: Place::Input(input),
                dtype: *inputs.get(input).ok_or(Error::MissingOperand {
                    input,
                    operands: inputs.len(),
                })?,
            },
            Node::Constant(re, im) => {
                let (re, im) = (f64::from_bits(re), f64::from_bits(im));
                return Ok(Value::Free { re, im });
            }
            Node::Cast(dtype, a) => match values[a] {
                Value::Typed(value) => self.cast(value, dtype)?,
                free => self.typed(free, dtype)?,
            },
            Node::Unary(op, a) => self.unary(op, values[a])?,
            Node::Binary(op, a, b) => {
                let [a, b] = self.promoted([values[a], values[b]])?;
                self.binary(op, a, b)?
            }
            Node::MulAdd(a, b, c) => {
                let operands = self.promoted([values[a], values[b], values[c]])?;
                let dtype = operands[0].dtype;
                let micro = micro::mul_add(dtype).ok_or_else(|| unsupported("mul_add", dtype))?;
                self.push(micro, &operands, dtype)
            }
            Node::Select(a, b, c) => {
                let [yes, no] = self.promoted([values[b], values[c]])?;
                let dtype = yes.dtype;
                let condition = match values[a] {
                    Value::Typed(value) if value.dtype == dtype => value,
                    Value::Typed(value) => self.truth(value, dtype)?,
                    free => self.typed(free, dtype)?,
                };
                let micro = micro::select(dtype).ok_or_else(|| unsupported("select", dtype))?;
                self.push(micro, &[condition, yes, no], dtype)
            }
        }))
    }

    /// A condition as a number of another type: the cast of a comparison would
    /// do, but a fraction must not be truncated to zero.
    fn truth(&mut self, value: Typed, dtype: DType) -> Result<Typed> {
        let zero = self.typed(Value::Free { re: 0.0, im: 0.0 }, value.dtype)?;
        let is_zero = self.binary(Binary::Equal, value, zero)?;
        let one = self.typed(Value::Free { re: 1.0, im: 0.0 }, is_zero.dtype)?;
        let is_not = self.binary(Binary::Sub, one, is_zero)?;
        self.cast(is_not, dtype)
    }

    fn unary(&mut self, op: Unary, operand: Value) -> Result<Typed> {
        let mut a = self.typed(operand, DType::F64)?;
        if !a.dtype.is_complex() {
            match op {
                Unary::Conj | Unary::Re => return Ok(a),
                Unary::Im => return self.typed(Value::Free { re: 0.0, im: 0.0 }, a.dtype),
                _ => {}
            }
        }
        let analytic = !matches!(op, Unary::Neg | Unary::Abs | Unary::Abs2 | Unary::Relu);
        if a.dtype == DType::I64 && analytic {
            a = self.cast(a, DType::F64)?;
        }
        let (micro, dtype) =
            micro::unary(op, a.dtype).ok_or_else(|| unsupported(unary_name(op), a.dtype))?;
        Ok(self.push(micro, &[a], dtype))
    }

    fn binary(&mut self, op: Binary, mut a: Typed, mut b: Typed) -> Result<Typed> {
        if op == Binary::Div && a.dtype == DType::I64 {
            a = self.cast(a, DType::F64)?;
            b = self.cast(b, DType::F64)?;
        }
        let (micro, dtype) =
            micro::binary(op, a.dtype).ok_or_else(|| unsupported(binary_name(op), a.dtype))?;
        let operand_type = a.dtype;
        let result = self.push(micro, &[a, b], dtype);
        if let Some(step) = self.steps.last_mut() {
            step.binary = Some((op, operand_type));
        }
        Ok(result)
    }

    /// The operands in their common type.
    fn promoted<const N: usize>(&mut self, values: [Value; N]) -> Result<[Typed; N]> {
        let typed = values.iter().filter_map(|value| match value {
            Value::Typed(value) => Some(value.dtype),
            Value::Free { .. } => None,
        });
        let mut dtype = typed.reduce(DType::promote).unwrap_or(DType::F64);
        for value in &values {
            if let Value::Free { re, im } = *value {
                // A constant that the type cannot hold widens it.
                if im != 0.0 {
                    dtype = dtype.promote(DType::C64);
                }
                if dtype == DType::I64 && (re.fract() != 0.0 || re.abs() >= 9.0e18) {
                    dtype = DType::F64;
                }
            }
        }
        let mut result = [Typed {
            place: Place::Input(0),
            dtype,
        }; N];
        for (slot, value) in result.iter_mut().zip(values) {
            *slot = match value {
                Value::Typed(value) => self.cast(value, dtype)?,
                free => self.typed(free, dtype)?,
            };
        }
        Ok(result)
    }

    /// A value with a type: `dtype` if it is a free constant.
    fn typed(&mut self, value: Value, dtype: DType) -> Result<Typed> {
        let (re, im) = match value {
            Value::Typed(value) => return Ok(value),
            Value::Free { re, im } => (re, im),
        };
        if im != 0.0 && !dtype.is_complex() {
            return Err(unsupported("a complex constant", dtype));
        }
        let constant = (dtype, re, im);
        let known = (self.constants.iter()).position(|&other| bits(other) == bits(constant));
        let number = known.unwrap_or_else(|| {
            self.constants.push(constant);
            self.constants.len() - 1
        });
        Ok(Typed {
            place: Place::Constant(number),
            dtype,
        })
    }

    fn cast(&mut self, value: Typed, dtype: DType) -> Result<Typed> {
        if value.dtype == dtype {
            return Ok(value);
        }
        if let Some(&(_, known)) =
            (self.casts.iter()).find(|(from, to)| *from == value && to.dtype == dtype)
        {
            return Ok(known);
        }
        let micro = micro::cast(value.dtype, dtype).ok_or(Error::WrongDType {
            found: value.dtype,
            wanted: dtype,
        })?;
        let result = self.push(micro, &[value], dtype);
        self.casts.push((value, result));
        Ok(result)
    }

    fn push(&mut self, micro: Micro, operands: &[Typed], dtype: DType) -> Typed {
        let places = operands.iter().map(|operand| operand.place).collect();
        self.steps.push(Draft {
            micro,
            places,
            binary: None,
            joined: false,
        });
        Typed {
            place: Place::Step(self.steps.len() - 1),
            dtype,
        }
    }

    /// Lets products that are used once, in a sum, join it.
    fn join_products(&mut self, root: Typed) {
        let mut uses = vec![0; self.steps.len()];
        let places = self.steps.iter().flat_map(|step| &step.places);
        for &place in places.chain([&root.place]) {
            if let Place::Step(step) = place {
                uses[step] += 1;
            }
        }
        for number in 0..self.steps.len() {
            let Some((op, dtype)) = self.steps[number].binary else {
                continue;
            };
            let Some(micro) = micro::mul_then(op, dtype) else {
                continue;
            };
            let candidates = if op == Binary::Add { 0..2 } else { 0..1 };
            for side in candidates {
                let Place::Step(product) = self.steps[number].places[side] else {
                    continue;
                };
                if uses[product] != 1 || self.steps[product].binary != Some((Binary::Mul, dtype)) {
                    continue;
                }
                let other = self.steps[number].places[1 - side];
                let mut places = self.steps[product].places.clone();
                places.push(other);
                self.steps[product].joined = true;
                let sum = &mut self.steps[number];
                (sum.micro, sum.places, sum.binary) = (micro, places, None);
                break;
            }
        }
    }

    /// Assigns scratch tiles; a tile is free again after its last use. The
    /// result of a step never shares a tile with its operands, so that loops
    /// over them vectorise.
    fn finish(mut self, root: Typed) -> Program {
        self.join_products(root);
        let mut last_use = vec![0; self.steps.len()];
        for (number, step) in self.steps.iter().enumerate() {
            for &place in step.places.iter().filter(|_| !step.joined) {
                if let Place::Step(step) = place {
                    last_use[step] = number;
                }
            }
        }
        if let Place::Step(step) = root.place {
            last_use[step] = usize::MAX;
        }
        let mut tiles: Vec<usize> = Vec::with_capacity(self.steps.len());
        let mut busy: Vec<Option<usize>> = Vec::new();
        let mut steps = Vec::with_capacity(self.steps.len());
        let slot = |place, tiles: &[usize]| match place {
            Place::Input(number) => Slot::Input(number),
            Place::Constant(number) => Slot::Constant(number),
            Place::Step(step) => Slot::Scratch(tiles[step]),
        };
        for (number, draft) in self.steps.into_iter().enumerate() {
            if draft.joined {
                tiles.push(usize::MAX);
                continue;
            }
            let tile = busy.iter().position(Option::is_none).unwrap_or(busy.len());
            if tile == busy.len() {
                busy.push(None);
            }
            busy[tile] = Some(number);
            let operands = draft
                .places
                .iter()
                .map(|&place| slot(place, &tiles))
                .collect();
            steps.push(Step {
                micro: draft.micro,
                operands,
                result: tile,
            });
            tiles.push(tile);
            for owner in &mut busy {
                if owner.is_some_and(|step| last_use[step] <= number) {
                    *owner = None;
                }
            }
        }
        Program {
            steps,
            constants: self.constants,
            scratches: busy.len(),
            result: slot(root.place, &tiles),
            dtype: root.dtype,
        }
    }
}

/// Tells negative zero and NaN apart, which `==` does not.
fn bits((dtype, re, im): (DType, f64, f64)) -> (DType, u64, u64) {
    (dtype, re.to_bits(), im.to_bits())
}

fn unsupported(operation: &'static str, dtype: DType) -> Error {
    Error::Unsupported { operation, dtype }
}

fn unary_name(op: Unary) -> &'static str {
    match op {
        Unary::Neg => "neg",
        Unary::Abs => "abs",
        Unary::Abs2 => "abs2",
        Unary::Sqrt => "sqrt",
        Unary::Exp => "exp",
        Unary::Log => "log",
        Unary::Tanh => "tanh",
        Unary::Sin => "sin",
        Unary::Cos => "cos",
        Unary::Sigmoid => "sigmoid",
        Unary::Relu => "relu",
        Unary::Conj => "conj",
        Unary::Re => "re",
        Unary::Im => "im",
    }
}

fn binary_name(op: Binary) -> &'static str {
    match op {
        Binary::Add => "add",
        Binary::Sub => "sub",
        Binary::Mul => "mul",
        Binary::Div => "div",
        Binary::Min => "min",
        Binary::Max => "max",
        Binary::Less => "less",
        Binary::LessEqual => "less_equal",
        Binary::Equal => "equal",
    }
}
