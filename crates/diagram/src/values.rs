//! Numbers of nodes in one common type, for dense forms of generators and for
//! the reference evaluator. Nothing here is fast; executors do not use it.

use std::sync::Arc;

use tensegrity_tensor::{Array, DType, Element, Tensor, c64, c128, with_tensor};

use crate::generator::Terms;
use crate::{Error, Result};

/// Elements beyond which a dense generator is refused: 2 GiB of `f64`.
const DENSE_LIMIT: u64 = 1 << 28;

/// A number of any compute type as a pair of `f64`.
trait Widen: Element {
    fn widen(self) -> c128;
}
impl Widen for f32 {
    fn widen(self) -> c128 {
        c128::new(f64::from(self), 0.0)
    }
}
impl Widen for f64 {
    fn widen(self) -> c128 {
        c128::new(self, 0.0)
    }
}
impl Widen for c64 {
    fn widen(self) -> c128 {
        c128::new(f64::from(self.re), f64::from(self.im))
    }
}
impl Widen for c128 {
    fn widen(self) -> c128 {
        self
    }
}
impl Widen for i64 {
    fn widen(self) -> c128 {
        c128::new(self as f64, 0.0)
    }
}

/// The elements in row-major order.
#[allow(unreachable_patterns)]
pub(crate) fn as_c128(array: &Array) -> Vec<c128> {
    with_tensor!(array, t => t.as_slice().iter().map(|x| x.widen()).collect())
}

/// Dimensions of an array as a diagram counts them.
pub(crate) fn dims_of(array: &Array) -> Vec<u64> {
    array.shape().iter().map(|&n| n as u64).collect()
}

/// Refuses dense forms that would not fit memory.
pub(crate) fn guard(what: &str, dims: &[u64]) -> Result<usize> {
    let count = dims
        .iter()
        .try_fold(1u64, |product, &d| product.checked_mul(d));
    let count = if dims.contains(&0) { Some(0) } else { count };
    match count {
        Some(count) if count <= DENSE_LIMIT => Ok(count as usize),
        _ => Err(Error::TooLarge {
            what: format!("the dense form of {what}"),
            dims: dims.to_vec(),
        }),
    }
}

/// A dense array with the given entries and zeros elsewhere.
pub(crate) fn from_terms(
    kind: &'static str,
    dims: &[u64],
    terms: &Terms,
    dtype: DType,
) -> Result<Array> {
    let mut data = vec![c128::new(0.0, 0.0); guard(kind, dims)?];
    for (index, value) in terms.iter() {
        let flat = index
            .iter()
            .zip(dims)
            .fold(0, |flat, (&i, &d)| flat * d + i);
        data[flat as usize] = value;
    }
    narrow(kind, dims, data, dtype)
}

/// The Kronecker product over outputs of all factors, then inputs of all factors.
pub(crate) fn kronecker(factors: &[Arc<Array>], dtype: DType) -> Result<Array> {
    let kind = "kronecker";
    let shapes: Vec<(u64, u64)> = factors
        .iter()
        .map(|f| (f.shape()[0] as u64, f.shape()[1] as u64))
        .collect();
    let rows = shapes.iter().map(|s| s.0);
    let dims: Vec<u64> = rows.chain(shapes.iter().map(|s| s.1)).collect();
    let count = guard(kind, &dims)?;
    let values: Vec<Vec<c128>> = factors.iter().map(|f| as_c128(f)).collect();
    let mut data = Vec::with_capacity(count);
    let mut index = vec![0u64; dims.len()];
    for flat in 0..count as u64 {
        let mut rest = flat;
        for (i, &d) in index.iter_mut().zip(&dims).rev() {
            *i = rest % d;
            rest /= d;
        }
        let entry = |k: usize| {
            let (row, column) = (index[k], index[k + factors.len()]);
            values[k][(row * shapes[k].1 + column) as usize]
        };
        data.push((0..factors.len()).map(entry).product());
    }
    narrow(kind, &dims, data, dtype)
}

/// Values as an array of a compute type.
fn narrow(kind: &'static str, dims: &[u64], data: Vec<c128>, dtype: DType) -> Result<Array> {
    let invalid = |reason: String| Error::InvalidGenerator {
        generator: kind,
        reason,
    };
    if !dtype.is_complex() && data.iter().any(|z| z.im != 0.0) {
        return Err(invalid(format!(
            "it has imaginary values and does not fit {dtype}; ask for complex128"
        )));
    }
    let shape: Vec<usize> = dims.iter().map(|&d| d as usize).collect();
    Ok(match dtype {
        DType::F32 => Tensor::from_vec(data.iter().map(|z| z.re as f32).collect(), &shape)?.into(),
        DType::F64 => Tensor::from_vec(data.iter().map(|z| z.re).collect(), &shape)?.into(),
        DType::I64 => {
            if let Some(z) = data.iter().find(|z| z.re.fract() != 0.0) {
                return Err(invalid(format!("value {} is not an integer", z.re)));
            }
            Tensor::from_vec(data.iter().map(|z| z.re as i64).collect(), &shape)?.into()
        }
        DType::C64 => {
            let narrow = |z: &c128| c64::new(z.re as f32, z.im as f32);
            Tensor::from_vec(data.iter().map(narrow).collect(), &shape)?.into()
        }
        DType::C128 => Tensor::from_vec(data, &shape)?.into(),
        other => {
            return Err(invalid(format!(
                "{other} is not a compute type; ask for float32, float64, complex64, complex128 or int64"
            )));
        }
    })
}
