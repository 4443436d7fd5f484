//! Alternating least squares.

use tensegrity_linalg::{Triangle, cholesky, gemm, gram_columns, matmul, pinv, solve_triangular};
use tensegrity_tensor::{Element, Real, Scalar, Tensor, View};

use crate::cp::init;
use crate::cp::tensor::normalize_columns;
use crate::cp::tree;
use crate::input::is_single;
use crate::input::{Input, inverse, prepare};
use crate::residual::{conjugated, relative_from_squares, resolved, subtraction_loses_digits};
use crate::{
    CpInit, CpOptions, CpTensor, Decomposed, Entry, Error, Note, Report, Result, StopReason,
};

/// Ridge added to every normal matrix, relative to its trace, so that a factor
/// of exactly dependent columns does not stop the iteration.
const RIDGE: f64 = 1e-14;
/// Singular values of a normal matrix below this part of the largest are zero.
const RCOND: f64 = 1e-12;

/// CP by alternating least squares: in each sweep every factor becomes
/// U_k ← X₍ₖ₎·conj(⊙_{j≠k} U_j)·G⁻¹ with G the element-wise product of the other
/// factors' Gram matrices.
///
/// The result has columns of norm one, weights ≥ 0 in descending order. The
/// report's history is the relative error after each sweep, computed without
/// forming X̂.
///
/// Cost of a sweep: 2·|X|·R multiply-adds in two matrix products. Memory:
/// R·(L + |X|/L) numbers, L the product of the modes on one side of a balanced cut.
///
/// ```
/// use tensegrity_decompose::{CpOptions, cp_als};
/// use tensegrity_tensor::Tensor;
/// let x = Tensor::from_fn(&[4, 5, 6], |i| {
///     let [a, b, c] = [i[0] as f64, i[1] as f64, i[2] as f64];
///     a.sin() * b.cos() * (1.0 + c) + 3.0 * (2.0 * a).cos() * (3.0 * b).sin()
/// })?;
/// let found = cp_als(&x.view(), 2, &CpOptions::default())?;
/// assert!(found.report.error < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::NoModes`], [`Error::EmptyMode`], [`Error::NotFinite`],
/// [`Error::ZeroRank`], [`Error::Mode`], [`Error::Option`]; a rank whose factors
/// do not fit memory addresses.
pub fn cp_als<T: Entry>(
    x: &View<'_, T>,
    rank: usize,
    options: &CpOptions<T>,
) -> Result<Decomposed<CpTensor<T>>> {
    T::cp_als(x, rank, options)
}

pub(crate) fn run<T: Entry>(
    x: &View<'_, T>,
    rank: usize,
    options: &CpOptions<T>,
) -> Result<Decomposed<CpTensor<T>>> {
    check(rank, options)?;
    let input = prepare(x)?;
    let mut report = Report::direct(input.original_norm());
    report.notes = input.notes();
    let rank = clipped(x.shape(), rank, options, &mut report.notes);
    init::check(x.shape(), rank, options)?;
    report.mode_order = input.order.to_vec();
    if input.norm == 0.0 {
        return zero(x.shape(), report);
    }
    let dense = input.in_memory_order();
    let mut factors = init::factors(&dense, &input.order, input.norm, rank, options)?;
    let mut state = State::new(&input, &mut factors, options)?;
    report.stop = StopReason::MaxIterations;
    let mut previous: Option<Vec<Tensor<T>>> = None;
    for sweep in 0..options.n_iter {
        let started = factors.clone();
        state.sweep(&dense, &mut factors, sweep, &mut report.notes)?;
        if options.line_search && sweep % 5 == 4 && previous.is_some() {
            state.extrapolate(&dense, &started, &mut factors, sweep)?;
        }
        previous = Some(started);
        state.measure_if_small(&dense, &factors)?;
        report.n_iter += 1;
        let before = report.history.last().copied();
        report.history.push(state.error);
        if before.is_some_and(|before| (before - state.error).abs() < resolved::<T>(options.tol)) {
            report.stop = StopReason::Converged;
            break;
        }
    }
    if options.n_iter == 0 {
        state.measure(&dense, &factors)?;
    }
    report.error = state.error;
    let weights = std::mem::take(&mut state.weights);
    finish(&input, weights, factors, report)
}

fn check<T: Entry>(rank: usize, options: &CpOptions<T>) -> Result<()> {
    if rank == 0 {
        return Err(Error::ZeroRank { position: 0 });
    }
    for (name, value) in [("tol", options.tol), ("ridge", options.ridge)] {
        if value.is_nan() || value < 0.0 {
            return Err(Error::Option {
                name,
                problem: format!("{value} is not a number of at least zero"),
            });
        }
    }
    Ok(())
}

/// No tensor has a rank above the product of all modes but the longest.
fn clipped<T: Entry>(
    shape: &[usize],
    rank: usize,
    options: &CpOptions<T>,
    notes: &mut Vec<Note>,
) -> usize {
    let longest = (0..shape.len())
        .max_by_key(|&k| shape[k])
        .expect("there is a mode");
    let others = (0..shape.len()).filter(|&k| k != longest);
    let most = others.fold(1usize, |product, k| product.saturating_mul(shape[k]));
    let given = match &options.init {
        CpInit::Given(model) => model.rank(),
        _ => 0,
    };
    let used = rank.min(most.max(given));
    if used < rank {
        notes.push(Note::RankClipped {
            place: 0,
            asked: rank,
            used,
        });
    }
    used
}

fn zero<T: Entry>(shape: &[usize], report: Report) -> Result<Decomposed<CpTensor<T>>> {
    let column = |&n: &usize| -> Result<Tensor<T>> {
        let mut column = Tensor::zeros(&[n, 1])?;
        column.as_mut_slice()[0] = T::ONE;
        Ok(column)
    };
    let factors = shape.iter().map(column).collect::<Result<_>>()?;
    Ok(Decomposed {
        tensor: CpTensor::new(vec![0.0], factors)?,
        report,
    })
}

/// Settles the error and brings the model to the caller's modes and scale.
fn finish<T: Entry>(
    input: &Input<'_, T>,
    weights: Vec<f64>,
    factors: Vec<Tensor<T>>,
    mut report: Report,
) -> Result<Decomposed<CpTensor<T>>> {
    let model = CpTensor::new(weights, factors)?.normalized();
    if subtraction_loses_digits::<T>(report.error) {
        let squared = model.squared_residual(&input.in_memory_order())?;
        report.error = squared.sqrt() / input.norm;
    }
    let (mut weights, factors) = model.in_order(&inverse(&input.order)).into_parts();
    for weight in &mut weights {
        let exponent = -input.exponent;
        *weight = *weight * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2);
    }
    Ok(Decomposed {
        tensor: CpTensor::new(weights, factors)?,
        report,
    })
}

/// What a sweep keeps beside the factors: Gram matrices in double precision.
struct State<T: Entry> {
    /// U_kᵀ·conj(U_k) of the normalised factors.
    grams: Vec<Tensor<T::Wide>>,
    weights: Vec<f64>,
    fixed: Vec<bool>,
    ridge: f64,
    norm: f64,
    error: f64,
}

impl<T: Entry> State<T> {
    fn new(
        input: &Input<'_, T>,
        factors: &mut [Tensor<T>],
        options: &CpOptions<T>,
    ) -> Result<Self> {
        let fixed: Vec<bool> = input
            .order
            .iter()
            .map(|mode| options.fixed.contains(mode))
            .collect();
        let rank = factors[0].shape()[1];
        let mut weights = vec![1.0; rank];
        for factor in factors.iter_mut() {
            for (weight, norm) in weights.iter_mut().zip(normalize_columns(factor)) {
                *weight *= norm;
            }
        }
        Ok(Self {
            grams: factors.iter().map(gram_of).collect::<Result<_>>()?,
            weights,
            fixed,
            ridge: options.ridge,
            norm: input.norm,
            error: f64::INFINITY,
        })
    }

    /// Updates every factor once.
    fn sweep(
        &mut self,
        x: &View<'_, T>,
        factors: &mut [Tensor<T>],
        sweep: usize,
        notes: &mut Vec<Note>,
    ) -> Result<()> {
        let last = factors.len() - 1;
        tree::sweep(x, factors, &mut |mode, product, factors| {
            if !self.fixed[mode] {
                let normal = self.normal(mode)?;
                let (solution, singular) = least_squares(&product, &normal, self.ridge)?;
                if singular {
                    notes.push(Note::Singular { mode, sweep });
                }
                let mut factor = solution;
                self.weights = normalize_columns(&mut factor);
                self.grams[mode] = gram_of(&factor)?;
                factors[mode] = factor;
            }
            if mode == last {
                self.fit(&product, &factors[mode])?;
            }
            Ok(())
        })
    }

    /// The element-wise product of the Gram matrices of all modes but one.
    fn normal(&self, mode: usize) -> Result<Tensor<T::Wide>> {
        let rank = self.weights.len();
        let mut product = Tensor::full(&[rank, rank], <T::Wide as Element>::ONE)?;
        for (_, gram) in self.grams.iter().enumerate().filter(|&(k, _)| k != mode) {
            for (x, &g) in product.as_mut_slice().iter_mut().zip(gram.as_slice()) {
                *x = Element::mul(*x, g);
            }
        }
        Ok(product)
    }

    /// The error from ‖X‖² − 2·Re⟨M, U⟩ + ‖X̂‖², M the product for the last mode.
    fn fit(&mut self, product: &Tensor<T>, factor: &Tensor<T>) -> Result<()> {
        let (rank, length) = (self.weights.len(), factor.shape()[0]);
        let mut inner = 0.0;
        for (r, (row, weight)) in product
            .as_slice()
            .chunks_exact(length)
            .zip(&self.weights)
            .enumerate()
        {
            let column = factor.as_slice()[r..].iter().step_by(rank);
            let terms = row.iter().zip(column).map(|(m, u)| {
                Scalar::re(Element::mul(m.widen(), Scalar::conj(u.widen()))).to_f64()
            });
            inner += weight * terms.sum::<f64>();
        }
        let all = self.normal(usize::MAX)?;
        let mut squared = 0.0;
        for (i, row) in all.as_slice().chunks_exact(rank).enumerate() {
            for (j, g) in row.iter().enumerate() {
                squared += self.weights[i] * self.weights[j] * Scalar::re(*g).to_f64();
            }
        }
        let total = self.norm * self.norm;
        self.error = relative_from_squares(total, 2.0 * inner - squared);
        Ok(())
    }

    /// Replaces an error that is mostly noise of its subtraction by the residual,
    /// so that an exact fit is recognised as it gets better.
    fn measure_if_small(&mut self, x: &View<'_, T>, factors: &[Tensor<T>]) -> Result<()> {
        if self.error < if is_single::<T>() { 3e-3 } else { 1e-6 } {
            let model = CpTensor::new(self.weights.clone(), factors.to_vec())?;
            self.error = model.squared_residual(x)?.sqrt() / self.norm;
        }
        Ok(())
    }

    /// The error of factors that no sweep has seen.
    fn measure(&mut self, x: &View<'_, T>, factors: &[Tensor<T>]) -> Result<()> {
        let product = tree::last_product(x, factors)?;
        self.fit(&product, &factors[factors.len() - 1])
    }

    /// Tries U + it^{1/3}·(U − U_before) for all factors, weights in the first
    /// free one, and keeps it if the error falls.
    fn extrapolate(
        &mut self,
        x: &View<'_, T>,
        before: &[Tensor<T>],
        factors: &mut [Tensor<T>],
        sweep: usize,
    ) -> Result<()> {
        let step = T::from_f64(((sweep + 1) as f64).cbrt(), 0.0);
        let mut trial = factors.to_vec();
        let mut weights = self.weights.clone();
        let mut grams = self.grams.clone();
        for mode in (0..trial.len()).filter(|&mode| !self.fixed[mode]) {
            let old = before[mode].as_slice();
            for (x, &b) in trial[mode].as_mut_slice().iter_mut().zip(old) {
                *x = x.add(x.sub(b).mul(step));
            }
            for (weight, norm) in weights.iter_mut().zip(normalize_columns(&mut trial[mode])) {
                *weight *= norm;
            }
            grams[mode] = gram_of(&trial[mode])?;
        }
        let kept = (self.error, std::mem::replace(&mut self.weights, weights));
        let kept_grams = std::mem::replace(&mut self.grams, grams);
        self.measure(x, &trial)?;
        if self.error < kept.0 {
            factors.clone_from_slice(&trial);
        } else {
            (self.error, self.weights) = kept;
            self.grams = kept_grams;
        }
        Ok(())
    }
}

/// Uᵀ·conj(U) in double precision.
fn gram_of<T: Entry>(factor: &Tensor<T>) -> Result<Tensor<T::Wide>> {
    let gram = gram_columns(&factor.map(T::widen).view())?;
    Ok(conjugated(&gram))
}

/// U with U·normal = Mᵀ for `product` M, [R, n]: by Cholesky with a tiny ridge,
/// by the pseudo-inverse if that fails; and whether it failed.
fn least_squares<T: Entry>(
    product: &Tensor<T>,
    normal: &Tensor<T::Wide>,
    ridge: f64,
) -> Result<(Tensor<T>, bool)> {
    let rank = normal.shape()[0];
    let wide = product.map(T::widen);
    let trace: f64 = (0..rank)
        .map(|r| Scalar::re(normal.as_slice()[r * (rank + 1)]).to_f64())
        .sum();
    let mut shifted = normal.clone();
    let shift = <T::Wide as Scalar>::from_f64(trace * (RIDGE + ridge / rank as f64), 0.0);
    for x in shifted.as_mut_slice().iter_mut().step_by(rank + 1) {
        *x = Element::add(*x, shift);
    }
    match cholesky(&conjugated(&shifted).view()) {
        Ok(lower) => {
            let mut solution = solve_with(&lower, &wide)?;
            // One step of refinement takes the bias of the shift out again
            // where the matrix itself is regular.
            let mut rest = wide.clone();
            let minus = <T::Wide as Scalar>::from_f64(-1.0, 0.0);
            let one = <T::Wide as Element>::ONE;
            gemm(
                minus,
                &conjugated(normal).view(),
                &solution.view(),
                one,
                &mut rest.view_mut(),
            )?;
            let correction = solve_with(&lower, &rest)?;
            for (x, &c) in solution
                .as_mut_slice()
                .iter_mut()
                .zip(correction.as_slice())
            {
                *x = Element::add(*x, c);
            }
            if solution.first_non_finite().is_none() {
                return Ok((transposed(&solution)?, false));
            }
        }
        Err(tensegrity_linalg::Error::NotPositiveDefinite { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let inverse = pinv(&conjugated(normal).view(), Some(RCOND))?;
    let solution = matmul(&inverse.view(), &wide.view())?;
    Ok((transposed(&solution)?, true))
}

/// (L·Lᴴ)⁻¹·`right`. U·G = M with Hermitian G is conj(G)·Uᵀ = Mᵀ, and L is the
/// Cholesky factor of conj(G).
fn solve_with<W: Entry>(lower: &Tensor<W>, right: &Tensor<W>) -> Result<Tensor<W>> {
    let half = solve_triangular(&lower.view(), Triangle::Lower, &right.view())?;
    let adjoint = conjugated(lower);
    let upper = adjoint.view().permuted(&[1, 0])?;
    Ok(solve_triangular(&upper, Triangle::Upper, &half.view())?)
}

fn transposed<T: Entry>(solution: &Tensor<T::Wide>) -> Result<Tensor<T>> {
    Ok(solution
        .view()
        .permuted(&[1, 0])?
        .to_tensor()
        .map(T::narrow))
}
