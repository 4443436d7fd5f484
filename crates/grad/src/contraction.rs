//! The contraction of one or two tensors, and the matrix product.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use smallvec::{SmallVec, smallvec};
use tensegrity_contract::Program;
use tensegrity_contract::pair::{PairSpec, Wires};
use tensegrity_diagram::Network;
use tensegrity_tensor::{Array, Axes, DType, Element, Strides, Tensor, c64, c128, row_major};

use crate::operation::{Call, Derivatives, Operation, Values};
use crate::variable::is_complex;
use crate::{Error, Result, Variable};

/// Kernels that are remembered.
const REMEMBERED: usize = 4096;

/// c[out] = Σ a[…]·b[…], or of a alone; any wires may repeat, be summed, or be on
/// the result only. The derivatives of such a contraction are such contractions.
pub(crate) struct Kernel {
    spec: PairSpec,
    /// Whether there is a second operand.
    pair: bool,
    dtype: DType,
    program: Program,
    pullbacks: [OnceLock<Arc<Kernel>>; 2],
}

type Key = (PairSpec, bool, DType);

static KERNELS: LazyLock<Mutex<HashMap<Key, Arc<Kernel>>>> = LazyLock::new(Mutex::default);

impl Kernel {
    /// The contraction of one tensor: sums, diagonals, permutations, embedded
    /// diagonals and repetitions.
    pub fn single(
        a: &[u32],
        c: &[u32],
        dim: impl Fn(u32) -> usize,
        dtype: DType,
    ) -> Result<Arc<Self>> {
        Self::remembered((PairSpec::new(a, &[], c, dim), false, dtype))
    }

    /// The contraction of two tensors.
    pub fn pair(
        a: &[u32],
        b: &[u32],
        c: &[u32],
        dim: impl Fn(u32) -> usize,
        dtype: DType,
    ) -> Result<Arc<Self>> {
        Self::remembered((PairSpec::new(a, b, c, dim), true, dtype))
    }

    fn remembered(key: Key) -> Result<Arc<Self>> {
        let lock = || KERNELS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&key) {
            return Ok(Arc::clone(known));
        }
        let (spec, pair, dtype) = key.clone();
        let mut inputs = vec![spec.a.to_vec()];
        inputs.extend(pair.then(|| spec.b.to_vec()));
        let network = Network {
            inputs,
            output: spec.c.to_vec(),
            dims: spec.dims.iter().map(|&length| length as u64).collect(),
        };
        let strides: SmallVec<[Strides; 2]> = (network.inputs.iter())
            .map(|wires| row_major(&spec.shape(wires)))
            .collect();
        let strides: SmallVec<[&[isize]; 2]> = strides.iter().map(|s| s.as_slice()).collect();
        let path: &[(usize, usize)] = if pair { &[(0, 1)] } else { &[] };
        let output = row_major(&spec.shape(&spec.c));
        let program = Program::compile(&network, path, &strides, &output, dtype)?;
        let kernel = Arc::new(Self {
            spec,
            pair,
            dtype,
            program,
            pullbacks: [OnceLock::new(), OnceLock::new()],
        });
        let mut known = lock();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(key, Arc::clone(&kernel));
        Ok(kernel)
    }

    /// Evaluates and records.
    pub fn apply(self: Arc<Self>, inputs: &[Variable]) -> Result<Variable> {
        Variable::apply_shared(self, inputs.into())
    }

    fn run<T: Element>(&self, inputs: &[&Array]) -> Result<Tensor<T>> {
        let mut views = SmallVec::<[_; 2]>::new();
        for input in inputs {
            views.push(input.typed::<T>()?.view());
        }
        Ok(self.program.run(&views)?)
    }

    /// What takes the cotangent of the result, and the other operand, to the
    /// cotangent of operand `side`.
    pub fn pullback(&self, side: usize) -> Result<&Arc<Kernel>> {
        if let Some(known) = self.pullbacks[side].get() {
            return Ok(known);
        }
        let PairSpec { a, b, c, dims } = &self.spec;
        let dim = |wire: u32| dims[wire as usize];
        let made = match (self.pair, side) {
            (false, _) => Self::single(c, a, dim, self.dtype)?,
            (true, 0) => Self::pair(c, b, a, dim, self.dtype)?,
            (true, _) => Self::pair(a, c, b, dim, self.dtype)?,
        };
        Ok(self.pullbacks[side].get_or_init(|| made))
    }

    /// Bytes of the result.
    pub fn bytes(&self) -> u64 {
        self.bytes_of(&self.spec.c)
    }

    /// Bytes of the copy the rule makes of an operand to conjugate it.
    pub fn conjugate_bytes(&self, side: usize) -> u64 {
        match is_complex(self.dtype) {
            true => self.bytes_of(if side == 0 {
                &self.spec.a
            } else {
                &self.spec.b
            }),
            false => 0,
        }
    }

    /// Bytes it uses beside operands and result while it runs.
    pub fn working_bytes(&self) -> u64 {
        self.program.memory() as u64
    }

    /// Multiply-adds.
    pub fn products(&self) -> u128 {
        let lengths = self.spec.dims.iter().map(|&length| length as u128);
        lengths.fold(1, u128::saturating_mul)
    }

    fn bytes_of(&self, wires: &[u32]) -> u64 {
        let lengths = wires
            .iter()
            .map(|&wire| self.spec.dims[wire as usize] as u64);
        lengths.fold(self.dtype.size() as u64, u64::saturating_mul)
    }

    fn shared(&self) -> Result<Arc<Self>> {
        Self::remembered((self.spec.clone(), self.pair, self.dtype))
    }
}

/// The conjugate; no step for real types.
pub(crate) fn conjugate(x: &Variable) -> Result<Variable> {
    match x.is_complex() {
        true => x.conj(),
        false => Ok(x.clone()),
    }
}

impl Operation for Kernel {
    fn name(&self) -> &'static str {
        "contraction"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        Ok(smallvec![match self.dtype {
            DType::F32 => self.run::<f32>(inputs)?.into(),
            DType::C64 => self.run::<c64>(inputs)?.into(),
            DType::C128 => self.run::<c128>(inputs)?.into(),
            _ => self.run::<f64>(inputs)?.into(),
        }])
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
        let part = |(side, &wanted): (usize, &bool)| -> Result<Option<Variable>> {
            if !wanted {
                return Ok(None);
            }
            let kernel = Arc::clone(self.pullback(side)?);
            let inputs = match (self.pair, side) {
                (false, _) => smallvec![g.clone()],
                (true, 0) => smallvec![g.clone(), conjugate(&call.inputs[1])?],
                (true, _) => smallvec![conjugate(&call.inputs[0])?, g.clone()],
            };
            Variable::apply_shared(kernel, inputs).map(Some)
        };
        wanted.iter().enumerate().map(part).collect()
    }

    fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
        let kernel = self.shared()?;
        let mut sum: Option<Variable> = None;
        for (side, tangent) in tangents.iter().enumerate() {
            let Some(tangent) = tangent else { continue };
            let mut inputs: SmallVec<[Variable; 2]> = call.inputs.into();
            inputs[side] = tangent.clone();
            let part = Variable::apply_shared(Arc::clone(&kernel) as Arc<dyn Operation>, inputs)?;
            sum = Some(match sum {
                Some(sum) => sum.add(&part)?,
                None => part,
            });
        }
        Ok(smallvec![sum])
    }
}

/// The common type of operands, which must be floating point.
pub(crate) fn common_dtype(operation: &'static str, operands: &[&Variable]) -> Result<DType> {
    let mut dtype: Option<DType> = None;
    for (number, operand) in operands.iter().enumerate() {
        if operand.dtype() == DType::I64 {
            return Err(Error::DType {
                operation,
                argument: format!("operand {number}"),
                found: operand.dtype(),
                wanted: "derivatives need f32, f64, c64 or c128; convert it first",
            });
        }
        dtype = Some(dtype.map_or(operand.dtype(), |dtype| dtype.promote(operand.dtype())));
    }
    dtype.ok_or(Error::Count {
        operation,
        what: "operands",
        expected: 1,
        found: 0,
    })
}

impl Variable {
    /// The matrix product over the last axis of `self` and the last but one of
    /// `other` (the only one of a vector). Leading axes of both are batches and
    /// must be equal, or absent on one side.
    ///
    /// Shapes: `[…, m, k]·[…, k, n] → […, m, n]`.
    ///
    /// # Errors
    /// [`Error::Shape`] if they do not fit; [`Error::DType`] for integers.
    pub fn matmul(&self, other: &Variable) -> Result<Variable> {
        let mismatch = |argument: &str, x: &Variable, wanted: String| Error::Shape {
            operation: "matmul",
            argument: argument.to_owned(),
            found: x.shape().to_vec(),
            wanted,
        };
        for (name, x) in [("the left operand", self), ("the right operand", other)] {
            if x.ndim() == 0 {
                return Err(mismatch(
                    name,
                    x,
                    "it needs one axis or more; use `mul`".into(),
                ));
            }
        }
        let dtype = common_dtype("matmul", &[self, other])?;
        let (m, n) = (self.ndim(), other.ndim());
        let (batch_a, batch_b) = (m.saturating_sub(2), n.saturating_sub(2));
        let batch = batch_a.max(batch_b);
        // Wires: 0 summed, 1 rows, 2 columns, then batches.
        let batches: Wires = (0..batch as u32).map(|wire| wire + 3).collect();
        let mut a: Wires = if batch_a > 0 {
            batches.clone()
        } else {
            Wires::new()
        };
        a.extend((m > 1).then_some(1));
        a.push(0);
        let mut b: Wires = if batch_b > 0 {
            batches.clone()
        } else {
            Wires::new()
        };
        b.push(0);
        b.extend((n > 1).then_some(2));
        let mut lengths: Axes = smallvec![usize::MAX; batch + 3];
        let fits = (batch_a == batch_b || batch_a == 0 || batch_b == 0)
            && (a.iter().zip(self.shape()))
                .chain(b.iter().zip(other.shape()))
                .all(|(&wire, &length)| {
                    let known = &mut lengths[wire as usize];
                    let fits = *known == usize::MAX || *known == length;
                    *known = length;
                    fits
                });
        if !fits {
            let wanted = format!(
                "its last axis but one, and leading axes, must match the left operand of shape {:?}",
                self.shape()
            );
            return Err(mismatch("the right operand", other, wanted));
        }
        let mut c = batches;
        c.extend((m > 1).then_some(1));
        c.extend((n > 1).then_some(2));
        let kernel = Kernel::pair(&a, &b, &c, |wire| lengths[wire as usize], dtype)?;
        kernel.apply(&[self.cast(dtype)?, other.cast(dtype)?])
    }
}
