//! CP families: sums of products of vectors, one family per rank.
//!
//! The wire of the rank joins all factors (a copy tensor). Factors are
//! quantised in turn with steps inversely proportional to the weight of each
//! term; the first, scaled by the weights, is computed against the others as
//! they are stored.

use tensegrity_fit::{
    Candidate, Draft, Family, Fineness, Goal, Layout, Problem, Progress, Quantised, Representation,
    Result, Steps, with_working,
};
use tensegrity_linalg::{lstsq, solve};
use tensegrity_tensor::{DType, Tensor};

use super::failed;
use super::matrix::{Metric, apply, conjugate};
use crate::{CpInit, CpOptions, CpTensor, Entry, cp_als};

/// Multiply-adds alternating least squares may spend on one array.
const BUDGET: f64 = 2e9;
/// The same where no other structure is asked for.
const BUDGET_ALONE: f64 = 4e11;
/// Largest rank tried.
const HIGHEST: usize = 512;

#[derive(Debug)]
pub(super) struct CpCandidate;

impl Candidate for CpCandidate {
    fn name(&self) -> &str {
        "cp"
    }

    fn propose<'p>(
        &self,
        problem: &'p Problem<'p>,
        progress: &Progress<'_>,
    ) -> Result<Vec<Box<dyn Family + 'p>>> {
        with_working!(problem, x => propose(problem, x, progress))
    }
}

/// Raises the rank, each time starting from the last model, until the error
/// asked for is reached or the budget is spent.
fn propose<'p, T: Entry>(
    problem: &'p Problem<'p>,
    x: &Tensor<T>,
    progress: &Progress<'_>,
) -> Result<Vec<Box<dyn Family + 'p>>> {
    let shape = problem.shape();
    let axes: Vec<usize> = (0..shape.len()).filter(|&axis| shape[axis] > 1).collect();
    let mut families: Vec<Box<dyn Family + 'p>> = Vec::new();
    if axes.len() < 2 || problem.is_long() && !problem.is_alone() {
        return Ok(families);
    }
    let lengths: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
    let squeezed = x.clone().reshaped(&lengths)?;
    let numbers: usize = lengths.iter().sum();
    let budget = if problem.is_alone() {
        BUDGET_ALONE
    } else {
        BUDGET
    };
    let (mut rank, mut spent, mut beyond) = (1usize, 0.0, 0);
    let mut trend: Option<(usize, f64)> = None;
    let mut last: Option<CpTensor<T>> = None;
    while rank <= HIGHEST && rank * numbers <= problem.len().max(numbers) {
        progress.check()?;
        let mut options = CpOptions {
            n_iter: if problem.len() > 1 << 16 { 12 } else { 60 },
            seed: problem.seed(),
            tol: 1e-7,
            ..CpOptions::default()
        };
        spent += 2.0 * (problem.len() * rank * options.n_iter) as f64;
        if spent > budget {
            break;
        }
        if let Some(model) = last.take() {
            options.init = CpInit::Given(model);
        }
        let found =
            cp_als(&squeezed.view(), rank, &options).map_err(|error| failed("cp", error))?;
        let wanted = match problem.goal() {
            Goal::Error(error) => found.report.error < 0.995 * error,
            Goal::Bytes(bytes) => (rank * numbers) as u64 <= 8 * bytes,
            _ => true,
        };
        if wanted {
            families.push(Box::new(Cp::new(problem, &axes, &found.tensor)?));
        }
        match problem.goal() {
            // One rank more leaves more of the error to quantisation.
            Goal::Error(_) if wanted => beyond += 1,
            Goal::Bytes(_) if !wanted => break,
            _ => {}
        }
        if beyond == 2 || found.report.error < 1e-13 {
            break;
        }
        if !problem.is_alone() && is_hopeless(problem, rank, &mut trend, found.report.error) {
            break;
        }
        last = Some(found.tensor);
        rank += (rank / 3).max(1);
    }
    Ok(families)
}

/// Whether the error falls so slowly with the rank that the goal is out of
/// reach: a power law through the last two errors misses it at the highest rank.
fn is_hopeless(
    problem: &Problem<'_>,
    rank: usize,
    trend: &mut Option<(usize, f64)>,
    error: f64,
) -> bool {
    let Goal::Error(wanted) = problem.goal() else {
        return false;
    };
    let before = trend.replace((rank, error));
    let Some((earlier, worse)) = before.filter(|_| rank >= 8 && error > wanted) else {
        return false;
    };
    let slope = (worse / error).ln().max(1e-6) / (rank as f64 / earlier as f64).ln();
    // The curve bends down for arrays of low rank: allow for twice the slope.
    (error / wanted).ln() / (2.0 * slope) > (HIGHEST as f64 / rank as f64).ln()
}

struct Cp<T> {
    layout: Layout,
    dtype: DType,
    /// Axes of the array that have a factor.
    axes: Vec<usize>,
    /// Unit vectors as rows, [r, n_k].
    factors: Vec<Tensor<T>>,
    weights: Vec<f64>,
}

impl<T: Entry> Cp<T> {
    fn new(problem: &Problem<'_>, axes: &[usize], model: &CpTensor<T>) -> Result<Self> {
        let factors: std::result::Result<Vec<_>, _> = model
            .factors()
            .iter()
            .map(|factor| factor.permuted(&[1, 0]))
            .collect();
        Ok(Self {
            layout: Layout::plain(problem.shape()),
            dtype: problem.dtype(),
            axes: axes.to_vec(),
            factors: factors?,
            weights: model.weights().to_vec(),
        })
    }

    /// The first factor, scaled, that fits the others as they are stored.
    fn first(&self, metrics: &[Metric<T>]) -> Result<Tensor<T>> {
        let mut scaled = self.factors[0].clone();
        let length = scaled.shape()[1];
        for (row, &weight) in scaled
            .as_mut_slice()
            .chunks_exact_mut(length)
            .zip(&self.weights)
        {
            let weight = T::from_f64(weight, 0.0);
            row.iter_mut().for_each(|value| *value = value.mul(weight));
        }
        let product = |pick: fn(&Metric<T>) -> &Tensor<T>| {
            let mut result = conjugate(pick(&metrics[0]));
            for metric in &metrics[1..] {
                let other = conjugate(pick(metric));
                let pairs = result.as_mut_slice().iter_mut().zip(other.as_slice());
                pairs.for_each(|(x, &y)| *x = x.mul(y));
            }
            result
        };
        let gram = product(|metric| &metric.gram);
        let overlap = product(|metric| &metric.overlap);
        let change = match solve(&gram.view(), &overlap.view()) {
            Ok(found) if found.as_slice().iter().all(|value| value.abs2() < 100.0) => found,
            _ => {
                lstsq(&gram.view(), &overlap.view(), Some(1e-9))
                    .map_err(|error| failed("cp", error))?
                    .solution
            }
        };
        apply("cp", &change.view(), &scaled, 0)
    }
}

impl<T: Entry> Family for Cp<T> {
    fn structure(&self) -> &str {
        "cp"
    }

    fn detail(&self) -> String {
        format!("rank {}", self.weights.len())
    }

    fn build(&mut self, fineness: Fineness) -> Result<Representation> {
        let rank = self.weights.len();
        let mut dims = self.layout.shape().to_vec();
        let wire = dims.len() as u32;
        dims.push(rank);
        let outputs: Vec<u32> = (0..wire).collect();
        let (mut nodes, mut metrics) = (Vec::new(), Vec::new());
        for (exact, &axis) in self.factors.iter().zip(&self.axes).skip(1) {
            let steps = Steps::for_weights(&self.weights);
            let node = Quantised::new(exact.as_slice(), exact.shape(), steps, fineness);
            let stored = Tensor::from_vec(node.values::<T>(fineness.step), exact.shape())?;
            metrics.push(Metric::new("cp", &stored, exact)?);
            nodes.push((node, vec![wire, axis as u32]));
        }
        let first = self.first(&metrics)?;
        let node = Quantised::new(first.as_slice(), first.shape(), Steps::Uniform(0), fineness);
        let mut draft = Draft::new(dims, outputs);
        draft.push(node, vec![wire, self.axes[0] as u32]);
        for (node, wires) in nodes {
            draft.push(node, wires);
        }
        draft.trim();
        draft.finish("cp", self.layout.clone(), self.dtype, fineness.step)
    }
}
