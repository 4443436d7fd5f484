//! Inverse p-th roots of Hermitian positive semi-definite matrices.
//!
//! One service for one matrix or many: by eigenvalues (the default, never
//! fails on finite input), by the coupled inverse Newton iteration (products
//! only), or by orthogonal iteration from a basis that was right a moment ago.
//! The last two fall back to eigenvalues when they do not reach their tolerance.

use tensegrity_tensor::{Real, Scalar, Tensor, View};

use crate::finite::magnitude;
use crate::gemm::mismatch;
use crate::kernel::Kernel;
use crate::least_squares::multiply;
use crate::operand::{Operand, Target};
use crate::product::product;
use crate::schedule::largest_first;
use crate::{Error, Field, Result, coupled_newton, eigh, qr};

/// What is added to every eigenvalue before the power is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ridge {
    /// The number itself.
    Absolute(f64),
    /// The number times the largest eigenvalue.
    Relative(f64),
}

/// How [`inverse_root`] computes a root.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
#[non_exhaustive]
pub enum RootMethod {
    /// Eigenvalues and vectors; negative eigenvalues are lifted to zero by
    /// shifting the whole spectrum, then the ridge is added.
    #[default]
    Eigen,
    /// The coupled inverse Newton iteration (Guo and Higham 2006), for whole
    /// `p`: `tolerance` on max |M − I| (by default 1e-6 in single and 1e-10 in
    /// double precision). It stops, and eigenvalues take over, when the error
    /// grows by more than a fifth or `iterations` are used up.
    CoupledNewton {
        /// Largest |M − I| accepted; `None` for the default of the type.
        tolerance: Option<f64>,
        /// Most iterations (100 is plenty).
        iterations: usize,
    },
    /// At most `sweeps` of `Q ← qr(A·Q)` from a starting basis, until the part
    /// of `Qᴴ·A·Q` off the diagonal is below `tolerance` times the whole in
    /// Frobenius norm. Without a start, or if that is not reached, eigenvalues
    /// take over.
    Orthogonal {
        /// Most sweeps.
        sweeps: usize,
        /// Largest relative off-diagonal part accepted.
        tolerance: f64,
    },
}

impl RootMethod {
    /// The coupled Newton iteration with its default tolerance and 100 iterations.
    #[must_use]
    pub fn coupled_newton() -> Self {
        Self::CoupledNewton {
            tolerance: None,
            iterations: 100,
        }
    }
}

/// One root to compute.
#[derive(Clone, Debug)]
pub struct RootTask<'a, T> {
    /// The Hermitian n×n matrix; only the lower triangle is read.
    pub matrix: View<'a, T>,
    /// The root: `A^(−1/p)`, any `p` > 0.
    pub p: f64,
    /// Orthonormal columns near the eigenvectors, n×n, for
    /// [`RootMethod::Orthogonal`].
    pub start: Option<View<'a, T>>,
}

/// An inverse root and how it was found.
#[derive(Clone, Debug)]
pub struct InverseRoot<T> {
    /// `(A + ridge·I)^(−1/p)`, n×n, Hermitian to the last bit.
    pub root: Tensor<T>,
    /// The eigenvectors as columns, if the method made them: the `start` of the
    /// next call for a matrix nearby.
    pub basis: Option<Tensor<T>>,
    /// Iterations of the method that gave the root; zero for eigenvalues.
    pub iterations: usize,
    /// Whether eigenvalues took over from the method asked for.
    pub fell_back: bool,
}

/// `(A + ridge·I)^(−1/p)` of a Hermitian positive semi-definite n×n matrix, of
/// which the lower triangle is read.
///
/// Cost: an [`crate::eigh()`] and a product; Newton takes some 20 iterations of
/// 2 + log₂ p products.
///
/// # Errors
/// [`Error::WrongAxes`], [`Error::NotSquare`], [`Error::NonFinite`],
/// [`Error::BadOption`] for `p` ≤ 0 or a negative ridge,
/// [`Error::NoConvergence`] if the result leaves the range of the type (a
/// singular matrix without a ridge).
pub fn inverse_root<T: Field>(
    a: &View<'_, T>,
    p: f64,
    ridge: Ridge,
    method: RootMethod,
) -> Result<InverseRoot<T>> {
    let task = RootTask {
        matrix: a.clone(),
        p,
        start: None,
    };
    one(&task, ridge, method)
}

/// Many roots of any sizes, spread over the threads, the largest first.
///
/// Results are those of single calls, in the order of the tasks, whatever the
/// number of threads; one failure does not touch the others.
pub fn inverse_roots<T: Field>(
    tasks: &[RootTask<'_, T>],
    ridge: Ridge,
    method: RootMethod,
) -> Vec<Result<InverseRoot<T>>> {
    largest_first(
        tasks,
        |task| task.matrix.len(),
        |task| one(task, ridge, method),
    )
}

fn one<T: Field>(
    task: &RootTask<'_, T>,
    ridge: Ridge,
    method: RootMethod,
) -> Result<InverseRoot<T>> {
    let matrix = Operand::new(WHAT, "a", &task.matrix)?;
    let start = match &task.start {
        None => None,
        Some(start) if start.shape() == task.matrix.shape() => {
            Some(Operand::new(WHAT, "start", start)?)
        }
        Some(start) => {
            return Err(mismatch(
                WHAT,
                "start",
                start.shape(),
                "a",
                task.matrix.shape(),
            ));
        }
    };
    T::inverse_root(Request {
        matrix,
        p: task.p,
        start,
        ridge,
        method,
    })
}

const WHAT: &str = "inverse_root";

/// A root asked for, as the compiled code sees it.
pub(crate) struct Request<'a, T> {
    pub(crate) matrix: Operand<'a, T>,
    pub(crate) p: f64,
    pub(crate) start: Option<Operand<'a, T>>,
    pub(crate) ridge: Ridge,
    pub(crate) method: RootMethod,
}

pub(crate) fn root<T: Kernel>(request: Request<'_, T>) -> Result<InverseRoot<T>> {
    check(&request)?;
    let Request {
        matrix: a,
        p,
        start,
        ridge,
        method,
    } = request;
    if a.rows == 0 {
        return Ok(InverseRoot {
            root: Tensor::zeros(&[0, 0])?,
            basis: None,
            iterations: 0,
            fell_back: false,
        });
    }
    let found = match (method, start) {
        (RootMethod::Eigen, _) => None,
        (
            RootMethod::CoupledNewton {
                tolerance,
                iterations,
            },
            _,
        ) => coupled_newton::inverse_root(a, p, ridge, tolerance, iterations)?,
        (RootMethod::Orthogonal { .. }, None) => None,
        (RootMethod::Orthogonal { sweeps, tolerance }, Some(start)) => {
            magnitude(WHAT, "start", start)?;
            by_orthogonal_iteration(a, p, start, ridge, sweeps, tolerance)?
        }
    };
    match found {
        Some(found) => Ok(found),
        None => {
            let mut root = by_eigenvalues(a, p, ridge)?;
            root.fell_back = method != RootMethod::Eigen;
            Ok(root)
        }
    }
}

fn check<T: Kernel>(request: &Request<'_, T>) -> Result<()> {
    let a = request.matrix;
    if a.rows != a.columns {
        return Err(Error::NotSquare {
            what: WHAT,
            argument: "a",
            shape: a.shape(),
        });
    }
    let bad = |option, value: f64, wanted| {
        Err(Error::BadOption {
            what: WHAT,
            option,
            value: value.to_string(),
            wanted,
        })
    };
    if !(request.p > 0.0 && request.p.is_finite()) {
        return bad("p", request.p, "give a finite number above zero");
    }
    let (Ridge::Absolute(ridge) | Ridge::Relative(ridge)) = request.ridge;
    if !(ridge >= 0.0 && ridge.is_finite()) {
        return bad("ridge", ridge, "give a finite number of at least zero");
    }
    Ok(())
}

fn by_eigenvalues<T: Kernel>(a: Operand<'_, T>, p: f64, ridge: Ridge) -> Result<InverseRoot<T>> {
    let (values, vectors) = eigh::columns(WHAT, a)?;
    let basis = Operand::of(vectors.as_ref());
    let root = assemble(&values, basis, p, ridge)?;
    Ok(InverseRoot {
        root,
        basis: Some(basis.to_tensor()),
        iterations: 0,
        fell_back: false,
    })
}

/// The eigenvalues raised to −1/p after shift and ridge.
fn powers(values: &[f64], p: f64, ridge: Ridge) -> Vec<f64> {
    let least = values.iter().copied().fold(0.0, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    let ridge = match ridge {
        Ridge::Absolute(ridge) => ridge,
        Ridge::Relative(ridge) => ridge * most,
    };
    values
        .iter()
        .map(|value| ((value - least).max(0.0) + ridge).powf(-1.0 / p))
        .collect()
}

/// `V·diag(powers)·Vᴴ` as `W·Wᴴ` with `W = V·√diag`, Hermitian to the last bit.
fn assemble<T: Kernel>(
    values: &[f64],
    basis: Operand<'_, T>,
    p: f64,
    ridge: Ridge,
) -> Result<Tensor<T>> {
    let mut half = basis.to_columns();
    for (j, power) in powers(values, p, ridge).into_iter().enumerate() {
        let factor = <T as Scalar>::from_f64(power.sqrt(), 0.0);
        for x in half.col_as_slice_mut(j) {
            *x *= factor;
        }
    }
    let root = crate::gram::gram(Operand::of(half.as_ref()))?;
    if root.as_slice().iter().any(|x| !Scalar::is_finite(*x)) {
        return Err(Error::NoConvergence {
            what: WHAT,
            shape: vec![basis.rows, basis.columns],
        });
    }
    Ok(root)
}

/// A full copy from the lower triangle, row-major.
pub(crate) fn from_lower<T: Kernel>(a: Operand<'_, T>) -> Result<Vec<T>> {
    let n = a.rows;
    let mut full = vec![T::ZERO; n * n];
    a.write_to(&mut Target::of_slice(&mut full, n, n));
    for i in 0..n {
        full[i * n + i] = <T as Scalar>::from_real(full[i * n + i].re());
        for j in 0..i {
            full[j * n + i] = Scalar::conj(full[i * n + j]);
        }
    }
    magnitude(WHAT, "a", Operand::of_slice(&full, n, n))?;
    Ok(full)
}

fn by_orthogonal_iteration<T: Kernel>(
    a: Operand<'_, T>,
    p: f64,
    start: Operand<'_, T>,
    ridge: Ridge,
    sweeps: usize,
    tolerance: f64,
) -> Result<Option<InverseRoot<T>>> {
    let n = a.rows;
    let full = from_lower(a)?;
    let a = Operand::of_slice(&full, n, n);
    let mut basis = start.to_columns();
    let mut turned = vec![T::ZERO; n * n];
    for sweep in 1..=sweeps {
        let image = multiply(a, Operand::of(basis.as_ref()))?;
        (basis, _) = qr::columns(WHAT, Operand::of_slice(image.as_slice(), n, n))?;
        let image = multiply(a, Operand::of(basis.as_ref()))?;
        product(
            T::ONE,
            Operand::of(basis.as_ref()).adjoint(),
            Operand::of_slice(image.as_slice(), n, n),
            T::ZERO,
            Target::of_slice(&mut turned, n, n),
        );
        let values: Vec<f64> = (0..n).map(|i| turned[i * n + i].re().to_f64()).collect();
        let (mut off, mut whole) = (0.0, 0.0);
        for i in 0..n {
            for j in 0..n {
                let size = turned[i * n + j].abs2();
                whole += size;
                off += if i == j { 0.0 } else { size };
            }
        }
        if off <= tolerance * tolerance * whole {
            return Ok(Some(InverseRoot {
                root: assemble(&values, Operand::of(basis.as_ref()), p, ridge)?,
                basis: Some(Operand::of(basis.as_ref()).to_tensor()),
                iterations: sweep,
                fell_back: false,
            }));
        }
    }
    Ok(None)
}
