//! Plain arithmetic on whole tensors, through the elementwise expressions.

use smallvec::SmallVec;

use crate::{DType, Element, Error, Expr, Operand, Reduction, Result, Scalar, Tensor, View};

impl<T: Element> View<'_, T> {
    /// The sum of two views of equal shape.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`].
    pub fn add(&self, other: &View<'_, T>) -> Result<Tensor<T>> {
        self.combine("add", Expr::input(0) + Expr::input(1), other)
    }

    /// The difference of two views of equal shape.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`].
    pub fn sub(&self, other: &View<'_, T>) -> Result<Tensor<T>> {
        self.combine("sub", Expr::input(0) - Expr::input(1), other)
    }

    /// The elements as another type: precision may be lost, reals are
    /// truncated towards zero to integers.
    ///
    /// # Errors
    /// [`Error::WrongDType`] for complex elements as real or integer ones.
    pub fn cast<U: Element>(&self) -> Result<Tensor<U>> {
        Expr::input(0).eval(&[self.into()])
    }

    /// The sum of all elements, accumulated in double precision with
    /// compensation; integers wrap.
    #[must_use]
    pub fn sum(&self) -> T {
        Expr::input(0)
            .reduce_all(Reduction::Sum, &[self.into()])
            .expect("every element type has sums")
    }

    fn combine(&self, what: &'static str, expr: Expr, other: &View<'_, T>) -> Result<Tensor<T>> {
        check_shapes(what, self, other)?;
        expr.eval(&[self.into(), other.into()])
    }
}

impl<T: Scalar> View<'_, T> {
    /// The elements times `factor`.
    #[must_use]
    pub fn scaled(&self, factor: T) -> Tensor<T> {
        let factor = Tensor::scalar(factor);
        (Expr::input(0) * Expr::input(1))
            .eval(&[self.into(), (&factor).into()])
            .expect("a scalar broadcasts and has the same type")
    }

    /// The complex conjugates; a copy for real elements.
    #[must_use]
    pub fn conj(&self) -> Tensor<T> {
        Expr::input(0)
            .conj()
            .eval(&[self.into()])
            .expect("every scalar type has a conjugate")
    }

    /// The largest absolute value, zero if there is no element; NaN if any
    /// element is.
    #[must_use]
    pub fn max_abs(&self) -> f64 {
        if self.is_empty() {
            return 0.0;
        }
        Expr::input(0)
            .abs()
            .reduce_all(Reduction::Max, &[self.into()])
            .expect("absolute values of some elements have a maximum")
    }

    /// Frobenius norm, accumulated in `f64`; a few units in the last place for
    /// any size, without overflow or underflow.
    #[must_use]
    pub fn norm(&self) -> f64 {
        if let Some(elements) = self.as_slice().filter(|elements| elements.len() <= SHORT) {
            let plain = sum_of_squares(elements).sqrt();
            if SAFE.contains(&plain) || elements.is_empty() {
                return plain;
            }
        }
        norm_of(Expr::input(0).cast(wide::<T>()), &[self])
    }
}

/// ‖x − y‖ / ‖y‖ in the Frobenius norm, where `y` is the reference.
///
/// Differences are taken and accumulated in double precision, tile by tile:
/// no copy of either view. If `y` is zero the result is zero for `x` zero
/// too, else infinite.
///
/// # Errors
/// [`Error::ShapeMismatch`].
pub fn relative_error<T: Scalar>(x: &View<'_, T>, y: &View<'_, T>) -> Result<f64> {
    check_shapes("relative_error", x, y)?;
    let difference = Expr::input(0).cast(wide::<T>()) - Expr::input(1).cast(wide::<T>());
    let distance = norm_of(difference, &[x, y]);
    let reference = y.norm();
    Ok(if distance == 0.0 {
        0.0
    } else {
        distance / reference
    })
}

/// Up to this length an expression costs more to set up than to evaluate.
const SHORT: usize = 4096;

/// Norms between these bounds belong to elements whose squares neither
/// overflow nor lose digits that matter.
const SAFE: std::ops::Range<f64> = 1e-140..1e140;

/// The type norms of `T` are accumulated in.
fn wide<T: Scalar>() -> DType {
    if T::IS_COMPLEX {
        DType::C128
    } else {
        DType::F64
    }
}

/// Norm of a double precision expression of some views of one shape.
fn norm_of<T: Scalar>(expr: Expr, views: &[&View<'_, T>]) -> f64 {
    let operands: SmallVec<[Operand<'_>; 2]> = views.iter().map(|&view| view.into()).collect();
    let reduce = |expr: &Expr, reduction| -> f64 {
        expr.reduce_all(reduction, &operands)
            .expect("scalars of one shape have norms and maxima")
    };
    let plain = reduce(&expr, Reduction::Norm);
    if SAFE.contains(&plain) || views[0].is_empty() {
        return plain;
    }
    let largest = reduce(&expr.clone().abs(), Reduction::Max);
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    // A power of two: the division rounds nothing.
    let scale = (largest.log2().floor().min(1023.0).exp2()).max(f64::MIN_POSITIVE);
    reduce(&(expr / scale), Reduction::Norm) * scale
}

/// Sum of squared absolute values, pairwise in `f64`.
fn sum_of_squares<T: Scalar>(data: &[T]) -> f64 {
    if data.len() <= 128 {
        return data.iter().map(|x| x.abs2()).sum();
    }
    let (left, right) = data.split_at(data.len() / 2);
    sum_of_squares(left) + sum_of_squares(right)
}

fn check_shapes<T: Element>(what: &'static str, x: &View<'_, T>, y: &View<'_, T>) -> Result<()> {
    if x.shape() == y.shape() {
        return Ok(());
    }
    Err(Error::ShapeMismatch {
        what,
        left: x.shape().to_vec(),
        right: y.shape().to_vec(),
    })
}

impl<T: Element> Tensor<T> {
    /// As [`View::add`].
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`].
    pub fn add(&self, other: &Tensor<T>) -> Result<Tensor<T>> {
        self.view().add(&other.view())
    }

    /// As [`View::sub`].
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`].
    pub fn sub(&self, other: &Tensor<T>) -> Result<Tensor<T>> {
        self.view().sub(&other.view())
    }

    /// As [`View::cast`].
    ///
    /// # Errors
    /// [`Error::WrongDType`].
    pub fn cast<U: Element>(&self) -> Result<Tensor<U>> {
        self.view().cast()
    }

    /// As [`View::sum`].
    #[must_use]
    pub fn sum(&self) -> T {
        self.view().sum()
    }
}

impl<T: Scalar> Tensor<T> {
    /// As [`View::scaled`].
    #[must_use]
    pub fn scaled(&self, factor: T) -> Tensor<T> {
        self.view().scaled(factor)
    }

    /// As [`View::conj`].
    #[must_use]
    pub fn conj(&self) -> Tensor<T> {
        self.view().conj()
    }

    /// As [`View::max_abs`].
    #[must_use]
    pub fn max_abs(&self) -> f64 {
        self.view().max_abs()
    }

    /// As [`View::norm`].
    #[must_use]
    pub fn norm(&self) -> f64 {
        self.view().norm()
    }
}
