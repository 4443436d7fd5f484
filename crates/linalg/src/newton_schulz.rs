//! Newton–Schulz iterations for the polar factor.
//!
//! One step maps every singular value by the odd polynomial
//! `s ← a·s + b·s³ + c·s⁵`, as `X ← (a·I + b·G + c·G²)·X` with `G = X·Xᴴ`: two
//! Hermitian products (half the work each) and a full one, on the short side.
//! Sources: Björck and Bowie 1971 (the cubic), Kovarik 1970 (the converging
//! quintic), Jordan et al. 2024 (the coefficients of Muon).

use tensegrity_tensor::{Scalar, Tensor};

use crate::finite::norm_squared;
use crate::gram::gram_into;
use crate::kernel::Kernel;
use crate::operand::{Operand, Target};
use crate::product::product;
use crate::{Error, Result};

/// What a matrix is divided by before the first step, so that its singular
/// values lie in (0, 1].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum StartScale {
    /// The Frobenius norm.
    #[default]
    Frobenius,
    /// `√‖A·Aᴴ‖_F`, between the spectral and the Frobenius norm; starts nearer
    /// to one, for half a product more.
    Gram,
}

/// The polynomials of a Newton–Schulz iteration, one a step.
#[derive(Clone, Debug, PartialEq)]
pub struct NewtonSchulz {
    coefficients: Vec<[f64; 3]>,
    scale: StartScale,
    epsilon: f64,
}

impl NewtonSchulz {
    /// `(3/2, −1/2, 0)`: converges quadratically to singular values of one.
    #[must_use]
    pub fn cubic(steps: usize) -> Self {
        Self::per_step(vec![[1.5, -0.5, 0.0]; steps])
    }

    /// `(15/8, −10/8, 3/8)`: converges cubically to singular values of one.
    #[must_use]
    pub fn quintic(steps: usize) -> Self {
        Self::per_step(vec![[1.875, -1.25, 0.375]; steps])
    }

    /// `(3.4445, −4.7750, 2.0315)`: lifts small singular values fastest and does
    /// *not* converge; after five steps they lie in about [0.68, 1.13].
    #[must_use]
    pub fn muon(steps: usize) -> Self {
        Self::per_step(vec![[3.4445, -4.7750, 2.0315]; steps])
    }

    /// Any odd quintics `(a, b, c)`, one a step.
    #[must_use]
    pub fn per_step(coefficients: Vec<[f64; 3]>) -> Self {
        Self {
            coefficients,
            scale: StartScale::Frobenius,
            epsilon: 0.0,
        }
    }

    /// What the matrix is divided by at the start.
    #[must_use]
    pub fn scale(mut self, scale: StartScale) -> Self {
        self.scale = scale;
        self
    }

    /// Added to that divisor (default zero), as some implementations do to
    /// survive a zero matrix.
    #[must_use]
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// The polynomials, in the order of the steps.
    #[must_use]
    pub fn coefficients(&self) -> &[[f64; 3]] {
        &self.coefficients
    }

    fn check(&self) -> Result<()> {
        let bad = |option, value: String, wanted| Error::BadOption {
            what: "msign",
            option,
            value,
            wanted,
        };
        if let Some(step) = self.coefficients.iter().flatten().find(|x| !x.is_finite()) {
            return Err(bad("coefficients", step.to_string(), "give finite numbers"));
        }
        if !(self.epsilon >= 0.0 && self.epsilon.is_finite()) {
            let value = self.epsilon.to_string();
            return Err(bad(
                "epsilon",
                value,
                "give a finite number of at least zero",
            ));
        }
        Ok(())
    }
}

/// The iteration on a finite matrix whose largest entry is `largest` > 0.
pub(crate) fn iterate<T: Kernel>(
    a: Operand<'_, T>,
    largest: f64,
    iteration: &NewtonSchulz,
) -> Result<Tensor<T>> {
    iteration.check()?;
    let tall = a.rows > a.columns;
    let wide = if tall { a.adjoint() } else { a };
    let (m, n) = (wide.rows, wide.columns);
    let mut x = vec![T::ZERO; m * n];
    wide.write_to(&mut Target::of_slice(&mut x, m, n));
    // Two factors: the inverse of a subnormal norm is not a number of the type.
    let lift = (-largest.log2().floor()).clamp(-1000.0, 1000.0).exp2();
    scale(&mut x, lift);
    let mut workspace = Workspace::new(m, n);
    let norm = match iteration.scale {
        StartScale::Frobenius => norm_squared(Operand::of_slice(&x, m, n)).sqrt(),
        StartScale::Gram => {
            workspace.square(&x);
            norm_squared(Operand::of_slice(&workspace.gram, m, m))
                .sqrt()
                .sqrt()
        }
    };
    scale(&mut x, 1.0 / (norm + iteration.epsilon * lift));
    for &coefficients in &iteration.coefficients {
        workspace.step(&mut x, coefficients);
    }
    if x.iter().any(|x| !Scalar::is_finite(*x)) {
        return Err(Error::BadOption {
            what: "msign",
            option: "coefficients",
            value: format!("{:?}", iteration.coefficients),
            wanted: "these polynomials diverge; keep |a·s + b·s³ + c·s⁵| of order one for s in [0, 1]",
        });
    }
    let result = Operand::of_slice(&x, m, n);
    if tall {
        Ok(result.adjoint().to_tensor())
    } else {
        Ok(Tensor::from_vec(x, &[m, n])?)
    }
}

fn scale<T: Kernel>(x: &mut [T], factor: f64) {
    let factor = <T as Scalar>::from_f64(factor, 0.0);
    for x in x {
        *x *= factor;
    }
}

/// Buffers of the steps, made once.
struct Workspace<T> {
    m: usize,
    n: usize,
    /// `G`, m×m.
    gram: Vec<T>,
    /// `G²`, m×m; empty until a step needs it.
    square: Vec<T>,
    /// The next iterate, m×n.
    next: Vec<T>,
}

impl<T: Kernel> Workspace<T> {
    fn new(m: usize, n: usize) -> Self {
        Self {
            m,
            n,
            gram: vec![T::ZERO; m * m],
            square: Vec::new(),
            next: vec![T::ZERO; m * n],
        }
    }

    /// `gram ← X·Xᴴ`.
    fn square(&mut self, x: &[T]) {
        self.gram.fill(T::ZERO);
        gram_into(Operand::of_slice(x, self.m, self.n), &mut self.gram, |x| x);
    }

    /// `X ← (a·I + b·G + c·G²)·X`.
    fn step(&mut self, x: &mut Vec<T>, [a, b, c]: [f64; 3]) {
        let (m, n) = (self.m, self.n);
        let number = |x: f64| <T as Scalar>::from_f64(x, 0.0);
        self.square(x);
        if c == 0.0 {
            scale(&mut self.gram, b);
        } else {
            // G is Hermitian, so G² = G·Gᴴ.
            self.square.clear();
            self.square.resize(m * m, T::ZERO);
            gram_into(Operand::of_slice(&self.gram, m, m), &mut self.square, |x| x);
            let (b, c) = (number(b), number(c));
            for (g, &square) in self.gram.iter_mut().zip(&self.square) {
                *g = *g * b + square * c;
            }
        }
        let a = number(a);
        for i in 0..m {
            self.gram[i * m + i] += a;
        }
        product(
            T::ONE,
            Operand::of_slice(&self.gram, m, m),
            Operand::of_slice(x, m, n),
            T::ZERO,
            Target::of_slice(&mut self.next, m, n),
        );
        std::mem::swap(x, &mut self.next);
    }
}
