//! Eigenvalues and singular values with their vectors.
//!
//! Where a derivative divides by differences of eigenvalues or singular values,
//! 1/x is x/(x² + ε²) with ε = 1e-12·σ², σ the largest value: derivatives of
//! coinciding pairs are finite, and exact for results that do not depend on the
//! choice of vectors.

use std::sync::LazyLock;

use smallvec::smallvec;
use tensegrity_linalg as linalg;
use tensegrity_tensor::{Array, DType, Real, Tensor};

use crate::formula::Formula;
use crate::matrix::{diagonal, diagonal_of, hermitian, identity, with_field};
use crate::operation::{Call, Derivatives, Operation, Values};
use crate::{Error, Result, Variable};

/// The safe inverse x/(x² + ε²) of all differences wⱼ − wᵢ; zero on the diagonal.
fn gaps(values: &Variable, squared: bool) -> Result<Variable> {
    static INVERSE: LazyLock<Formula> = LazyLock::new(|| {
        let (one, epsilon) = (Formula::input(2), Formula::input(3));
        // One on the diagonal, where a difference of equal values would bring
        // derivatives of the size 1/ε² that cancel only in exact arithmetic.
        let x = Formula::input(1) - Formula::input(0) + one.clone();
        let inverse = x.clone() / (x.clone() * x + epsilon.clone() * epsilon);
        inverse * (Formula::constant(1.0) - one)
    });
    let n = values.len();
    let values = if squared {
        values.square()?
    } else {
        values.clone()
    };
    let largest = match values.value() {
        Array::F32(x) => x.max_abs(),
        Array::F64(x) => x.max_abs(),
        _ => 0.0,
    };
    let scale = if squared { largest } else { largest * largest };
    // Its square must not vanish in single precision.
    let epsilon = Variable::scalar((1e-12 * scale).max(1e-18), values.dtype());
    let (column, row) = (values.reshape(&[n, 1])?, values.reshape(&[1, n])?);
    INVERSE.apply(&[&column, &row, &identity(n, values.dtype())?, &epsilon])
}

/// A = V·diag(w)·Vᵀ, for a real symmetric matrix.
pub(crate) struct Eigh;

impl Operation for Eigh {
    fn name(&self) -> &'static str {
        "eigh"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        with_field!(self.name(), inputs[0], a => {
            let eigh = linalg::eigh(&a.view())?;
            let values = real_vector(&eigh.values, inputs[0].dtype())?;
            Ok(smallvec![values, eigh.vectors.into()])
        })
    }

    fn vjp(
        &self,
        call: &Call<'_>,
        cotangents: &[Option<Variable>],
        _: &[bool],
    ) -> Result<Derivatives> {
        let [w, v] = [&call.outputs[0], &call.outputs[1]];
        let mut inner: Option<Variable> = None;
        if let Some(g) = &cotangents[0] {
            inner = Some(diagonal(g)?);
        }
        if let Some(g) = &cotangents[1] {
            let part = gaps(w, false)?.mul(&v.transpose()?.matmul(g)?)?;
            inner = Some(match inner {
                Some(inner) => inner.add(&part)?,
                None => part,
            });
        }
        Ok(smallvec![match inner {
            Some(inner) => Some(hermitian(&v.matmul(&inner)?.matmul(&v.transpose()?)?)?),
            None => None,
        }])
    }

    fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
        let Some(t) = &tangents[0] else {
            return Ok(smallvec![None, None]);
        };
        let [w, v] = [&call.outputs[0], &call.outputs[1]];
        let b = v.transpose()?.matmul(&hermitian(t)?)?.matmul(v)?;
        let moved = v.matmul(&gaps(w, false)?.mul(&b)?)?;
        Ok(smallvec![Some(diagonal_of(&b)?), Some(moved)])
    }
}

/// A = U·diag(s)·Vᵀ, thin, for a real matrix.
pub(crate) struct Svd;

impl Operation for Svd {
    fn name(&self) -> &'static str {
        "svd"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        with_field!(self.name(), inputs[0], a => {
            let svd = linalg::svd(&a.view())?;
            let values = real_vector(&svd.s, inputs[0].dtype())?;
            Ok(smallvec![svd.u.into(), values, svd.vh.into()])
        })
    }

    fn vjp(
        &self,
        call: &Call<'_>,
        cotangents: &[Option<Variable>],
        _: &[bool],
    ) -> Result<Derivatives> {
        let [u, s, vt] = [&call.outputs[0], &call.outputs[1], &call.outputs[2]];
        let v = vt.transpose()?;
        let k = s.len();
        let row = s.reshape(&[1, k])?;
        let column = s.reshape(&[k, 1])?;
        let mut sum: Option<Variable> = None;
        let mut add = |part: Variable| -> Result<()> {
            sum = Some(match sum.take() {
                Some(sum) => sum.add(&part)?,
                None => part,
            });
            Ok(())
        };
        if let Some(g) = &cotangents[1] {
            add(u.mul(&g.reshape(&[1, k])?)?.matmul(vt)?)?;
        }
        if let Some(g) = &cotangents[0] {
            let c = u.transpose()?.matmul(g)?;
            let skew = gaps(s, true)?.mul(&c.sub(&c.transpose()?)?)?;
            add(u.matmul(&skew.mul(&row)?)?.matmul(vt)?)?;
            if u.shape()[0] > k {
                // (I − U·Uᵀ)·Ū·S⁻¹·Vᵀ.
                add(g.sub(&u.matmul(&c)?)?.div(&row)?.matmul(vt)?)?;
            }
        }
        if let Some(g) = &cotangents[2] {
            let g = g.transpose()?;
            let c = vt.matmul(&g)?;
            let skew = gaps(s, true)?.mul(&c.sub(&c.transpose()?)?)?;
            add(u.matmul(&skew.mul(&column)?)?.matmul(vt)?)?;
            if v.shape()[0] > k {
                let beyond = g.sub(&v.matmul(&c)?)?.div(&row)?;
                add(u.matmul(&beyond.transpose()?)?)?;
            }
        }
        Ok(smallvec![sum])
    }

    fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
        let Some(t) = &tangents[0] else {
            return Ok(smallvec![None, None, None]);
        };
        let [u, s, vt] = [&call.outputs[0], &call.outputs[1], &call.outputs[2]];
        let v = vt.transpose()?;
        let k = s.len();
        let row = s.reshape(&[1, k])?;
        let column = s.reshape(&[k, 1])?;
        // P = Uᵀ·Ȧ·V; U̇ = U·(F∘(P·S + S·Pᵀ)) + (I − U·Uᵀ)·Ȧ·V·S⁻¹ and alike for V.
        let tv = t.matmul(&v)?;
        let p = u.transpose()?.matmul(&tv)?;
        let pt = p.transpose()?;
        let f = gaps(s, true)?;
        let mut moved_u = u.matmul(&f.mul(&p.mul(&row)?.add(&pt.mul(&column)?)?)?)?;
        if u.shape()[0] > k {
            moved_u = moved_u.add(&tv.sub(&u.matmul(&p)?)?.div(&row)?)?;
        }
        let mut moved_v = v.matmul(&f.mul(&p.mul(&column)?.add(&pt.mul(&row)?)?)?)?;
        if v.shape()[0] > k {
            let tu = t.transpose()?.matmul(u)?;
            moved_v = moved_v.add(&tu.sub(&v.matmul(&pt)?)?.div(&row)?)?;
        }
        Ok(smallvec![
            Some(moved_u),
            Some(diagonal_of(&p)?),
            Some(moved_v.transpose()?)
        ])
    }
}

fn real_vector(values: &[f64], dtype: DType) -> Result<Array> {
    fn of<T: Real>(values: &[f64]) -> Result<Array> {
        let data: Vec<T> = values.iter().map(|&x| T::from_f64(x, 0.0)).collect();
        let length = data.len();
        Ok(Tensor::from_vec(data, &[length])?.into())
    }
    match dtype {
        DType::F32 => of::<f32>(values),
        _ => of::<f64>(values),
    }
}
