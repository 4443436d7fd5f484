//! SOAP: Adam in the eigenbasis of Shampoo's statistics.

use tensegrity_linalg::{eigh, matmul, qr};
use tensegrity_tensor::{Real, View};

use crate::error::{require, require_decay, require_not_negative};
use crate::float::ratio;
use crate::modal::{mode_gram, mode_permute, mode_product};
use crate::rule::{Buffers, Moment, Rule, Slot, Tally, blend, descend};
use crate::state::Archive;
use crate::{Float, ParameterSpec, Result};

/// Adam on the gradient turned into the eigenbases `Q_i` of the averaged
/// `G_(i)·G_(i)ᵀ` of every mode (Vyas et al. 2024).
///
/// The first step builds statistics and bases and moves nothing. Then
/// `m ← β₁m + (1 − β₁)G` in the original coordinates, `v ← β₂v + (1 − β₂)G'²` in
/// the turned ones, and the step `rate·√(1 − β₂ᵗ)/(1 − β₁ᵗ)·m'/(√v + eps)` is
/// turned back; t counts the steps that move. Decay `w ← (1 − rate·decay)·w`
/// follows. Bases are refreshed every `every` moving steps by one power iteration
/// and a QR factorisation, with `v` following the order of the Rayleigh
/// quotients, or by eigenvalues ([`Soap::exact`]). Tensors of one dimension and
/// modes longer than `max_dim` keep the identity. A basis that cannot be computed
/// is counted as a failed root and the previous one kept.
///
/// Memory for m×n: two copies of the parameter, 2(m² + n²).
#[derive(Clone, Debug, PartialEq)]
pub struct Soap {
    pub(crate) rate: f64,
    betas: (f64, f64),
    eps: f64,
    weight_decay: f64,
    every: u64,
    max_dim: usize,
    exact: bool,
}

impl Soap {
    /// Betas 0.95 and 0.95, eps 1e-8, decay 0.01, refresh every 10, modes up to
    /// 10 000.
    #[must_use]
    pub fn new(rate: f64) -> Self {
        Self {
            rate,
            betas: (0.95, 0.95),
            eps: 1e-8,
            weight_decay: 0.01,
            every: 10,
            max_dim: 10_000,
            exact: false,
        }
    }

    /// Decay rates of the averages, in [0, 1).
    #[must_use]
    pub fn betas(mut self, first: f64, second: f64) -> Self {
        self.betas = (first, second);
        self
    }

    /// Added to the root of the second average.
    #[must_use]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = eps;
        self
    }

    /// Decoupled decay.
    #[must_use]
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.weight_decay = weight_decay;
        self
    }

    /// Steps between two refreshes of the bases.
    #[must_use]
    pub fn every(mut self, steps: u64) -> Self {
        self.every = steps;
        self
    }

    /// Longest mode that gets a basis.
    #[must_use]
    pub fn max_dim(mut self, length: usize) -> Self {
        self.max_dim = length;
        self
    }

    /// Refresh by eigenvalues instead of one power iteration.
    #[must_use]
    pub fn exact(mut self, exact: bool) -> Self {
        self.exact = exact;
        self
    }

    pub(crate) fn rule<T: Float>(&self, specs: &[&ParameterSpec]) -> Result<Box<dyn Rule<T>>> {
        require_not_negative("soap", "rate", self.rate)?;
        require_decay("soap", "betas.0", self.betas.0)?;
        require_decay("soap", "betas.1", self.betas.1)?;
        require_not_negative("soap", "eps", self.eps)?;
        require_not_negative("soap", "weight_decay", self.weight_decay)?;
        require(
            self.every > 0,
            "soap",
            "every",
            self.every,
            "give one step or more",
        )?;
        Ok(Box::new(SoapRule {
            options: self.clone(),
            first: Buffers::new("first", specs, true),
            second: Buffers::new("second", specs, true),
            frames: specs
                .iter()
                .map(|spec| Frame::new(spec, self.max_dim))
                .collect(),
        }))
    }
}

struct SoapRule<T> {
    options: Soap,
    first: Buffers<T>,
    /// In the coordinates of the bases.
    second: Buffers<T>,
    frames: Vec<Frame<T>>,
}

/// The bases of a parameter.
struct Frame<T> {
    name: String,
    dims: Vec<usize>,
    modes: Vec<Mode<T>>,
}

/// Statistics and basis of a mode, n×n; the basis is empty before the first.
struct Mode<T> {
    number: usize,
    statistics: Vec<T>,
    basis: Vec<T>,
}

impl<T: Float> Frame<T> {
    fn new(spec: &ParameterSpec, max_dim: usize) -> Self {
        let dims = spec.shape.clone();
        let turned = (0..dims.len()).filter(|&i| dims.len() > 1 && dims[i] <= max_dim);
        Self {
            name: spec.name.clone(),
            modes: turned
                .map(|number| Mode {
                    number,
                    statistics: vec![T::ZERO; dims[number] * dims[number]],
                    basis: Vec::new(),
                })
                .collect(),
            dims,
        }
    }

    /// The number of modes whose squares overflow, which stay as they are.
    fn observe(&mut self, gradient: &[T], beta: f64) -> Result<usize> {
        let mut failed = 0;
        for mode in &mut self.modes {
            let news = mode_gram(gradient, &self.dims, mode.number)?;
            if news.first_non_finite().is_some() {
                failed += 1;
            } else {
                blend(&mut mode.statistics, beta, news.as_slice());
            }
        }
        Ok(failed)
    }

    /// Into the bases (`Qᵀ` on every mode), or back.
    fn turn(&self, x: &[T], back: bool) -> Result<Vec<T>> {
        let mut x = x.to_vec();
        let mut spare = Vec::new();
        for mode in self.modes.iter().filter(|mode| !mode.basis.is_empty()) {
            mode_product(&x, &self.dims, mode.number, &mode.basis, !back, &mut spare)?;
            std::mem::swap(&mut x, &mut spare);
        }
        Ok(x)
    }

    /// New bases; the second average follows their order.
    fn refresh(&mut self, exact: bool, second: &mut Vec<T>, tally: &mut Tally) {
        for mode in &mut self.modes {
            let n = self.dims[mode.number];
            let statistics = View::from_slice(&mode.statistics, &[n, n]);
            if exact || mode.basis.is_empty() {
                match eigh(&statistics) {
                    Ok(found) => {
                        mode.basis = found.vectors.into_vec();
                        tally.roots_computed += 1;
                    }
                    Err(_) => tally.roots_failed += 1,
                }
                continue;
            }
            match power_iteration(&statistics, &mode.basis, n) {
                Ok((basis, order)) => {
                    mode.basis = basis;
                    mode_permute(second, &self.dims, mode.number, &order);
                    tally.roots_computed += 1;
                }
                Err(_) => tally.roots_failed += 1,
            }
        }
    }
}

/// One step of orthogonal iteration with columns by falling Rayleigh quotient,
/// and the order they were brought into.
fn power_iteration<T: Float>(
    statistics: &View<'_, T>,
    basis: &[T],
    n: usize,
) -> Result<(Vec<T>, Vec<usize>)> {
    let basis = View::from_slice(basis, &[n, n]);
    let image = matmul(statistics, &basis)?;
    let image = image.as_slice();
    let mut quotients = vec![0.0; n];
    for i in 0..n {
        for (j, quotient) in quotients.iter_mut().enumerate() {
            *quotient += basis.get(&[i, j])?.to_f64() * image[i * n + j].to_f64();
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| quotients[j].total_cmp(&quotients[i]));
    let mut sorted = Vec::with_capacity(n * n);
    for row in image.chunks_exact(n) {
        sorted.extend(order.iter().map(|&j| row[j]));
    }
    let next = qr(&View::from_slice(&sorted, &[n, n]))?.q;
    Ok((next.into_vec(), order))
}

impl<T: Float> Rule<T> for SoapRule<T> {
    fn update(&mut self, moment: &Moment, slots: &mut [Slot<'_, T>]) -> Result<Tally> {
        let Soap {
            betas,
            eps,
            every,
            exact,
            ..
        } = self.options;
        let mut tally = Tally::default();
        let moves = moment.step - 1;
        let power = i32::try_from(moves).unwrap_or(i32::MAX);
        let scale = (1.0 - betas.1.powi(power)).sqrt() / (1.0 - betas.0.powi(power));
        for (number, slot) in slots.iter_mut().enumerate() {
            let frame = &mut self.frames[number];
            let second = self.second.of(number);
            if moves > 0 {
                let turned = frame.turn(slot.gradient, false)?;
                let first = self.first.of(number);
                blend(first, betas.0, slot.gradient);
                let mut step = frame.turn(first, false)?;
                let (keep, take, eps) = (T::of(betas.1), T::of(1.0 - betas.1), T::of(eps));
                for ((v, m), g) in second.iter_mut().zip(&mut step).zip(turned) {
                    *v = keep * *v + take * g * g;
                    *m = ratio(*m, Real::sqrt(*v) + eps);
                }
                descend(slot.value, slot.rate * scale, &frame.turn(&step, true)?);
                let decay = slot.decay.unwrap_or(self.options.weight_decay);
                crate::rule::shrink(slot.value, slot.rate, decay);
            }
            tally.roots_failed += frame.observe(slot.gradient, betas.1)?;
            if moves.is_multiple_of(every) {
                frame.refresh(exact, second, &mut tally);
            }
        }
        Ok(tally)
    }

    fn archive(&mut self, archive: &mut Archive<'_>) -> Result<()> {
        for frame in &mut self.frames {
            for mode in &mut frame.modes {
                let (name, number) = (&frame.name, mode.number);
                let size = mode.statistics.len();
                archive.values(format!("{name}/statistics/{number}"), &mut mode.statistics)?;
                let fits = |n: usize| n == 0 || n == size;
                archive.variable(format!("{name}/basis/{number}"), &mut mode.basis, fits)?;
            }
        }
        self.first.archive(archive)?;
        self.second.archive(archive)
    }
}
