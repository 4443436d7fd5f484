//! Error against ranks: one decomposition that answers for all smaller ones.

use tensegrity_linalg::SvdMethod;
use tensegrity_tensor::{Axes, Tensor, View};

use crate::input::{inverse, prepare};
use crate::tucker::st_hosvd::{Limits, truncate};
use crate::tucker::tensor::scale;
use crate::{Entry, Error, Result, Tol, TuckerTensor};

/// Combinations of ranks up to which the search for the best is exhaustive.
const EXHAUSTIVE: usize = 1 << 21;

/// A fine Tucker decomposition with an all-orthogonal core, from which every
/// smaller one is cut and its error read off.
///
/// Cutting the core of an HOSVD to its leading corner is a projection, so the
/// error of ranks r is exactly √(‖X‖² − ‖core[..r]‖²). The sums for all r are
/// tabulated. (Cutting does not re-optimise the factors; ST-HOSVD or HOOI at
/// the ranks found is never worse by more than rounding.)
///
/// Memory: the fine core and eight bytes for each of its elements.
#[derive(Clone, Debug)]
pub struct TuckerCurve<T> {
    fine: TuckerTensor<T>,
    /// Σ|core|² over the corner of r, at index r (one longer than the core).
    sums: Tensor<f64>,
    norm: f64,
    /// 2^exponent times the caller's elements are tabulated.
    exponent: i32,
    spectra: Vec<Vec<f64>>,
}

impl<T: Entry> TuckerCurve<T> {
    /// Decomposes `x` to the relative tolerance `finest`, below which errors
    /// cannot be asked for; zero keeps everything.
    ///
    /// Cost: as [`crate::st_hosvd`] at that tolerance.
    ///
    /// # Errors
    /// As [`crate::st_hosvd`].
    pub fn new(x: &View<'_, T>, finest: f64) -> Result<Self> {
        let input = prepare(x)?;
        let delta = Tol::Rel(finest).per_cut(input.norm, x.ndim())?;
        if input.norm == 0.0 {
            return Self::tabulate(TuckerTensor::zero(x.shape())?, 0.0, 0, Vec::new());
        }
        let mut order: Vec<usize> = (0..x.ndim()).collect();
        order.sort_by_key(|&mode| x.shape()[mode]);
        let limits = Limits {
            ranks: None,
            delta,
            svd: SvdMethod::Auto,
            rotate_full: true,
        };
        let found = truncate(&input, &order, &limits)?;
        let back = inverse(&input.order);
        let fine = TuckerTensor::new(found.core, found.factors)?.in_order(&back)?;
        Self::tabulate(fine, input.norm, input.exponent, found.spectra)
    }

    fn tabulate(
        fine: TuckerTensor<T>,
        norm: f64,
        exponent: i32,
        spectra: Vec<Vec<f64>>,
    ) -> Result<Self> {
        Ok(Self {
            sums: corner_sums(fine.core())?,
            fine,
            norm,
            exponent,
            spectra,
        })
    }

    /// The finest ranks, the shape of the core.
    #[must_use]
    pub fn ranks(&self) -> &[usize] {
        self.fine.ranks()
    }

    /// Singular values met at each mode, in units of the caller's elements
    /// times a power of two if those were extreme.
    #[must_use]
    pub fn spectra(&self) -> &[Vec<f64>] {
        &self.spectra
    }

    /// Relative error of the cut to `ranks`, each at least 1; larger ranks count
    /// as the finest. Accurate to about 1e-8.
    ///
    /// # Errors
    /// [`Error::RankCount`], [`Error::ZeroRank`].
    pub fn error(&self, ranks: &[usize]) -> Result<f64> {
        let ranks = self.clipped(ranks)?;
        Ok(self.error_of(&ranks))
    }

    /// The cut to `ranks`.
    ///
    /// # Errors
    /// As [`TuckerCurve::error`].
    pub fn truncate(&self, ranks: &[usize]) -> Result<TuckerTensor<T>> {
        let ranks = self.clipped(ranks)?;
        let mut core = self.fine.core().view();
        let mut factors = Vec::with_capacity(ranks.len());
        for (mode, &rank) in ranks.iter().enumerate() {
            core = core.sliced(mode, 0..rank)?;
            let factor = self.fine.factors()[mode].view().sliced(1, 0..rank)?;
            factors.push(factor.to_tensor());
        }
        let mut core = core.to_tensor();
        scale(&mut core, -self.exponent);
        TuckerTensor::new(core, factors)
    }

    /// The ranks of least `cost` whose relative error is at most `error`;
    /// `None` if the finest are not close enough.
    ///
    /// `cost` must not fall when a rank grows. All combinations are tried if
    /// there are at most some two million; beyond that ranks are lowered
    /// greedily, the best saving for each bit of error first.
    #[must_use]
    pub fn smallest(&self, error: f64, cost: &dyn Fn(&[usize]) -> f64) -> Option<Vec<usize>> {
        let finest: Axes = self.ranks().into();
        if self.error_of(&finest) > error {
            return None;
        }
        if self.norm == 0.0 {
            return Some(vec![1; finest.len()]);
        }
        let (long, heads) = self.search_space();
        if heads > EXHAUSTIVE {
            return Some(self.lower_greedily(error, cost));
        }
        let mut best: Option<(f64, Axes)> = None;
        self.for_each_head(long, &mut |ranks| {
            // The error falls as the rank of the long mode grows.
            let legal = |ranks: &Axes| self.error_of(ranks) <= error;
            ranks[long] = finest[long];
            if !legal(ranks) {
                return;
            }
            let (mut low, mut high) = (1, finest[long]);
            while low < high {
                ranks[long] = low.midpoint(high);
                if legal(ranks) {
                    high = ranks[long];
                } else {
                    low = ranks[long] + 1;
                }
            }
            ranks[long] = low;
            let price = cost(ranks);
            if best.as_ref().is_none_or(|(least, _)| price < *least) {
                best = Some((price, ranks.clone()));
            }
        });
        best.map(|(_, ranks)| ranks.to_vec())
    }

    /// The ranks of least error whose `cost` is at most `budget`; `None` if
    /// ranks of one cost more.
    ///
    /// As [`TuckerCurve::smallest`].
    #[must_use]
    pub fn closest(&self, budget: f64, cost: &dyn Fn(&[usize]) -> f64) -> Option<Vec<usize>> {
        let finest: Axes = self.ranks().into();
        let ones: Axes = finest.iter().map(|_| 1).collect();
        if cost(&ones) > budget {
            return None;
        }
        let (long, heads) = self.search_space();
        if heads > EXHAUSTIVE {
            return Some(self.raise_greedily(budget, cost));
        }
        let mut best: Option<(f64, Axes)> = None;
        self.for_each_head(long, &mut |ranks| {
            ranks[long] = 1;
            if cost(ranks) > budget {
                return;
            }
            let (mut low, mut high) = (1, finest[long]);
            while low < high {
                ranks[long] = (low + 1).midpoint(high);
                if cost(ranks) <= budget {
                    low = ranks[long];
                } else {
                    high = ranks[long] - 1;
                }
            }
            ranks[long] = low;
            let error = self.error_of(ranks);
            if best.as_ref().is_none_or(|(least, _)| error < *least) {
                best = Some((error, ranks.clone()));
            }
        });
        best.map(|(_, ranks)| ranks.to_vec())
    }

    /// The longest mode of the core, and the number of combinations of the others.
    fn search_space(&self) -> (usize, usize) {
        let ranks = self.ranks();
        let long = (0..ranks.len())
            .max_by_key(|&k| ranks[k])
            .expect("there is a mode");
        let others = (0..ranks.len()).filter(|&k| k != long);
        (
            long,
            others.fold(1, |product, k| product.saturating_mul(ranks[k])),
        )
    }

    /// Calls `visit` for every combination of ranks of the modes but `long`.
    fn for_each_head(&self, long: usize, visit: &mut dyn FnMut(&mut Axes)) {
        let finest = self.ranks();
        let mut ranks: Axes = finest.iter().map(|_| 1).collect();
        loop {
            let head = ranks.clone();
            visit(&mut ranks);
            ranks = head;
            let mut mode = 0;
            loop {
                if mode == long {
                    mode += 1;
                }
                if mode >= finest.len() {
                    return;
                }
                ranks[mode] += 1;
                if ranks[mode] <= finest[mode] {
                    break;
                }
                ranks[mode] = 1;
                mode += 1;
            }
        }
    }

    fn lower_greedily(&self, error: f64, cost: &dyn Fn(&[usize]) -> f64) -> Vec<usize> {
        let mut ranks: Axes = self.ranks().into();
        // Long steps first: an eighth of a rank, then a sixteenth, down to one.
        for shift in (0..=6).rev() {
            loop {
                let (now, price) = (self.error_of(&ranks), cost(&ranks));
                let mut best: Option<(f64, Axes)> = None;
                for mode in 0..ranks.len() {
                    let step = if shift == 0 {
                        1
                    } else {
                        self.ranks()[mode] >> (9 - shift)
                    };
                    if step == 0 || ranks[mode] <= step {
                        continue;
                    }
                    let mut lower = ranks.clone();
                    lower[mode] -= step;
                    let after = self.error_of(&lower);
                    if after > error {
                        continue;
                    }
                    let lost = (after * after - now * now).max(1e-300);
                    let gain = (price - cost(&lower)) / lost;
                    if best.as_ref().is_none_or(|(most, _)| gain > *most) {
                        best = Some((gain, lower));
                    }
                }
                match best {
                    Some((_, lower)) => ranks = lower,
                    None => break,
                }
            }
        }
        ranks.to_vec()
    }

    fn raise_greedily(&self, budget: f64, cost: &dyn Fn(&[usize]) -> f64) -> Vec<usize> {
        let finest = self.ranks();
        let mut ranks: Axes = finest.iter().map(|_| 1).collect();
        for shift in (0..=6).rev() {
            loop {
                let (now, price) = (self.error_of(&ranks), cost(&ranks));
                let mut best: Option<(f64, Axes)> = None;
                for mode in 0..ranks.len() {
                    let step = if shift == 0 {
                        1
                    } else {
                        finest[mode] >> (9 - shift)
                    };
                    if step == 0 || ranks[mode] + step > finest[mode] {
                        continue;
                    }
                    let mut higher = ranks.clone();
                    higher[mode] += step;
                    let after = cost(&higher);
                    if after > budget {
                        continue;
                    }
                    let error = self.error_of(&higher);
                    let gain = (now * now - error * error) / (after - price).max(1e-300);
                    if best.as_ref().is_none_or(|(most, _)| gain > *most) {
                        best = Some((gain, higher));
                    }
                }
                match best {
                    Some((_, higher)) => ranks = higher,
                    None => break,
                }
            }
        }
        ranks.to_vec()
    }

    fn clipped(&self, ranks: &[usize]) -> Result<Axes> {
        let finest = self.ranks();
        if ranks.len() != finest.len() {
            return Err(Error::RankCount {
                format: "a Tucker decomposition",
                found: ranks.len(),
                modes: finest.len(),
                expected: format!("one for each mode, {}", finest.len()),
            });
        }
        if let Some(position) = ranks.iter().position(|&rank| rank == 0) {
            return Err(Error::ZeroRank { position });
        }
        Ok(ranks
            .iter()
            .zip(finest)
            .map(|(&r, &most)| r.min(most))
            .collect())
    }

    fn error_of(&self, ranks: &[usize]) -> f64 {
        if self.norm == 0.0 {
            return 0.0;
        }
        let flat = ranks
            .iter()
            .zip(self.sums.shape())
            .fold(0, |flat, (&r, &n)| flat * n + r);
        let total = self.norm * self.norm;
        ((total - self.sums.as_slice()[flat]).max(0.0) / total).sqrt()
    }
}

/// The table of Σ|core|² over leading corners, with a border of zeros.
fn corner_sums<T: Entry>(core: &Tensor<T>) -> Result<Tensor<f64>> {
    let shape: Axes = core.shape().iter().map(|&n| n + 1).collect();
    let mut sums = Tensor::<f64>::zeros(&shape)?;
    let mut inner = sums.view_mut();
    for (axis, &n) in core.shape().iter().enumerate() {
        inner = inner.sliced(axis, 1..n + 1)?;
    }
    let squares = core.map(|x| x.abs2());
    tensegrity_tensor::copy_into(&mut inner, &squares.view())?;
    for axis in 0..shape.len() {
        let block = crate::unfold::Block::of(&shape, axis);
        let data = sums.as_mut_slice();
        for outer in 0..block.outer {
            let start = outer * block.length * block.inner;
            for step in 1..block.length {
                let (before, now) = data[start..].split_at_mut(step * block.inner);
                let before = &before[(step - 1) * block.inner..];
                for (sum, &previous) in now[..block.inner].iter_mut().zip(before) {
                    *sum += previous;
                }
            }
        }
    }
    Ok(sums)
}
