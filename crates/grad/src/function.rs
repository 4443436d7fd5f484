//! Functions of Hermitian matrices.
//!
//! f(A) = V·f(Λ)·Vᴴ is a map whose n-th derivative along E₁, …, Eₙ is known in
//! closed form (Daleckii and Krein, 1951; Higham, "Functions of Matrices", 2008,
//! theorem 3.11): in the basis of V it is Σ f[λ_i0, …, λ_in]·(E₁)_i0i1·…·(Eₙ)_in-1in,
//! summed over all orders of the directions, with divided differences of f. These
//! derivatives are one family of operations, closed under both rules, so
//! derivatives of any order exist also where eigenvalues coincide: nothing is
//! divided by their differences.

mod divided;

use smallvec::{SmallVec, smallvec};
use tensegrity_linalg as linalg;
use tensegrity_tensor::Array;

use crate::formula::Formula;
use crate::matrix::{adjoint, hermitian, with_field};
use crate::operation::{Call, Derivatives, Operation, Values};
use crate::stack::{lead, matrix, stacked};
use crate::{Error, Result, Variable, einsum};

/// The derivative of f at the first input along all others.
struct HermitianFunction {
    formula: Formula,
}

impl HermitianFunction {
    fn apply(&self, inputs: SmallVec<[Variable; 2]>) -> Result<Variable> {
        let formula = self.formula.clone();
        Variable::apply_shared(std::sync::Arc::new(Self { formula }), inputs)
    }

    /// As this call, with one argument more or another one.
    fn with(&self, call: &Call<'_>, place: Option<usize>, argument: &Variable) -> Result<Variable> {
        let mut inputs: SmallVec<[Variable; 2]> = call.inputs.into();
        match place {
            Some(place) => inputs[place] = argument.clone(),
            None => inputs.push(argument.clone()),
        }
        self.apply(inputs)
    }
}

impl Operation for HermitianFunction {
    fn name(&self) -> &'static str {
        "hermitian_function"
    }

    fn forward(&self, inputs: &[&Array]) -> Result<Values> {
        let order = inputs.len() - 1;
        let parts = with_field!(self.name(), inputs[0], a => {
            stacked(self.name(), lead(a.shape()), |number| {
                let eigh = linalg::eigh(&matrix(a, number))?;
                let weights = divided::differences(&self.formula, &eigh.values, order)?;
                Ok(smallvec![eigh.vectors.into(), weights.into()])
            })
        })?;
        let [v, weights] = [0, 1].map(|part: usize| Variable::constant(parts[part].clone()));
        let weights = weights.cast(inputs[0].dtype())?;
        let vh = adjoint(&v)?;
        let inner = if order == 0 {
            let mut shape: Vec<usize> = weights.shape().to_vec();
            shape.insert(shape.len() - 1, 1);
            let scaled = v.mul(&weights.reshape(&shape)?)?;
            return Ok(smallvec![scaled.matmul(&vh)?.into_value()]);
        } else {
            let along: Vec<Variable> = (inputs[1..].iter())
                .map(|&e| {
                    let e = hermitian(&Variable::constant(e.clone()))?;
                    vh.matmul(&e)?.matmul(&v)
                })
                .collect::<Result<_>>()?;
            summed(&weights, &along)?
        };
        Ok(smallvec![v.matmul(&inner)?.matmul(&vh)?.into_value()])
    }

    fn vjp(
        &self,
        call: &Call<'_>,
        cotangents: &[Option<Variable>],
        wanted: &[bool],
    ) -> Result<Derivatives> {
        // tr(G·Dⁿf(A)[E₁…Eₙ]) is a derivative of tr F(A) with F' = f: symmetric in
        // G and all directions.
        let Some(g) = &cotangents[0] else {
            return Ok(wanted.iter().map(|_| None).collect());
        };
        let part = |(place, &wanted): (usize, &bool)| match wanted {
            false => Ok(None),
            true => self.with(call, (place > 0).then_some(place), g).map(Some),
        };
        wanted.iter().enumerate().map(part).collect()
    }

    fn jvp(&self, call: &Call<'_>, tangents: &[Option<Variable>]) -> Result<Derivatives> {
        let mut sum: Option<Variable> = None;
        for (place, tangent) in tangents.iter().enumerate() {
            let Some(tangent) = tangent else { continue };
            let part = self.with(call, (place > 0).then_some(place), tangent)?;
            sum = Some(match sum {
                Some(sum) => sum.add(&part)?,
                None => part,
            });
        }
        Ok(smallvec![sum])
    }
}

/// Σ over all orders of the matrices of Σ w[i₀, …, iₙ]·(E₁)_i0i1·…·(Eₙ)_in-1in.
fn summed(weights: &Variable, along: &[Variable]) -> Result<Variable> {
    let order = along.len();
    if order == 1 {
        return weights.mul(&along[0]);
    }
    let letter = |k: usize| char::from(b'a' + k as u8);
    let mut expression = String::from("...");
    expression.extend((0..=order).map(letter));
    for k in 0..order {
        expression.push_str(",...");
        expression.extend([letter(k), letter(k + 1)]);
    }
    expression.push_str("->...");
    expression.extend([letter(0), letter(order)]);
    let mut sum: Option<Variable> = None;
    for permutation in permutations(order) {
        let mut operands = vec![weights];
        operands.extend(permutation.iter().map(|&k| &along[k]));
        let part = einsum(&expression, &operands)?;
        sum = Some(match sum {
            Some(sum) => sum.add(&part)?,
            None => part,
        });
    }
    sum.ok_or(Error::Count {
        operation: "hermitian_function",
        what: "directions",
        expected: 1,
        found: 0,
    })
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for shorter in permutations(n - 1) {
        for place in 0..n {
            let mut longer = shorter.clone();
            longer.insert(place, n - 1);
            all.push(longer);
        }
    }
    all
}

impl Variable {
    /// f(A) = V·f(Λ)·Vᴴ of `[…, n, n]` Hermitian matrices A = V·Λ·Vᴴ, of which only
    /// the lower triangle is read, for a real formula of one input. The derivative
    /// is that along Hermitian matrices; unlike those of [`Variable::eigh`] it
    /// exists, to any order, where eigenvalues coincide.
    ///
    /// Cost: one eigendecomposition, and for a derivative of order k another one
    /// and as many divided differences as an array of k + 1 axes has elements.
    ///
    /// ```
    /// use tensegrity_grad::{Formula, Variable, gradients};
    /// use tensegrity_tensor::Tensor;
    /// let a = Variable::new(Tensor::<f64>::eye(2)?.scaled(4.0)); // one eigenvalue
    /// let root = a.hermitian_function(&Formula::input(0).sqrt())?;
    /// let g = gradients(&root.sum_all()?, &[&a])?.remove(0);
    /// assert!(g.values()?.iter().all(|g| (g - 0.25).abs() < 1e-14));
    /// # Ok::<(), tensegrity_grad::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Count`] if the formula has another number of
    /// inputs; [`Error::DType`] if it is complex, and for integers;
    /// [`Error::Linalg`].
    pub fn hermitian_function(&self, f: &Formula) -> Result<Variable> {
        let operation = "hermitian_function";
        self.check_square(operation)?;
        if f.arity() != 1 {
            return Err(Error::Count {
                operation,
                what: "inputs of the formula",
                expected: 1,
                found: f.arity(),
            });
        }
        if f.has_complex_constant() {
            return Err(Error::DType {
                operation,
                argument: "the formula".to_owned(),
                found: tensegrity_tensor::DType::C128,
                wanted: "it needs a real function; take real and imaginary part apart",
            });
        }
        let formula = f.clone();
        HermitianFunction { formula }.apply(smallvec![self.clone()])
    }
}
