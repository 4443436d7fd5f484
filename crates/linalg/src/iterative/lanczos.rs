//! A few eigenpairs of a Hermitian map by thick-restart Lanczos
//! (Wu and Simon, SIAM J. Matrix Anal. Appl. 22 (2000) 602).

use tensegrity_tensor::{Real, Scalar, Tensor};

use super::vectors::{
    add, check_image, combination, dot, fresh, norm, orthogonalize, real, scale, unit,
};
use super::{Map, Stop};
use crate::kernel::Kernel;
use crate::operand::Operand;
use crate::{Error, Field, Result, eigh, signs};

/// The stream of random starts.
const SEED: u64 = 0x1A2C_2055;

/// Which end of a spectrum is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wanted {
    /// The smallest eigenvalues, ascending.
    Smallest,
    /// The largest eigenvalues, descending.
    Largest,
    /// Those farthest from zero, the farthest first.
    LargestMagnitude,
}

/// Some eigenvalues and eigenvectors.
#[derive(Clone, Debug)]
pub struct Eigenpairs<T> {
    /// The eigenvalues, in the order asked for.
    pub values: Vec<f64>,
    /// Their vectors as columns, n×k; the entry of largest magnitude of each is
    /// real and positive.
    pub vectors: Tensor<T>,
    /// ‖A·v − λ·v‖ of each pair, by the recurrence of the method.
    pub residuals: Vec<f64>,
    /// Applications of the map.
    pub steps: usize,
    /// Whether every residual is at most the tolerance times the largest
    /// eigenvalue met.
    pub converged: bool,
}

impl Wanted {
    /// The order of preference of the values, best first.
    pub(crate) fn order(self, values: &[f64]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..values.len()).collect();
        let key = |x: f64| match self {
            Wanted::Smallest => x,
            Wanted::Largest => -x,
            Wanted::LargestMagnitude => -x.abs(),
        };
        order.sort_by(|&a, &b| key(values[a]).total_cmp(&key(values[b])).then(a.cmp(&b)));
        order
    }
}

/// `k` eigenpairs at one end of the spectrum of a Hermitian map of side `n`.
///
/// Multiple eigenvalues are found as often as they occur once the space of the
/// others is invariant; a single start cannot tell them apart before.
///
/// Cost: applications of the map as reported, and per restart about 4·m²·n
/// multiply-adds for m = max(2k + 8, 20) vectors of memory.
///
/// # Errors
/// [`Error::BadOption`] unless 1 ≤ k ≤ n; [`Error::BadMap`];
/// [`Error::NoConvergence`] of the small dense problem.
pub fn eigsh<T: Field>(
    map: &mut Map<'_, T>,
    n: usize,
    k: usize,
    wanted: Wanted,
    stop: &Stop,
) -> Result<Eigenpairs<T>> {
    T::eigsh(map, n, k, wanted, stop)
}

pub(crate) fn check_count(what: &'static str, k: usize, n: usize) -> Result<()> {
    if (1..=n).contains(&k) {
        return Ok(());
    }
    Err(Error::BadOption {
        what,
        option: "k",
        value: k.to_string(),
        wanted: "ask for at least one and at most as many as there are dimensions",
    })
}

pub(crate) fn thick_restart<T: Kernel>(
    map: &mut Map<'_, T>,
    n: usize,
    k: usize,
    wanted: Wanted,
    stop: &Stop,
) -> Result<Eigenpairs<T>> {
    const WHAT: &str = "eigsh";
    stop.check(WHAT)?;
    check_count(WHAT, k, n)?;
    let room = (2 * k + 8).max(20).min(n);
    let mut basis: Vec<Vec<T>> = Vec::with_capacity(room + 1);
    let mut next = fresh::<T>(n, SEED, &[]);
    // The projected matrix, row-major with `room` columns; only what is kept of
    // a restart and new columns are ever written.
    let mut h = vec![T::ZERO; room * room];
    let mut steps = 0;
    let mut scale_met = 0.0f64;
    let mut image = vec![T::ZERO; n];
    loop {
        let mut beta = 0.0;
        while basis.len() < room && steps < stop.max_steps.max(k) {
            let Some(vector) = next.take() else { break };
            map(&vector, &mut image);
            let whole = norm(&image);
            check_image(WHAT, steps, whole)?;
            scale_met = scale_met.max(whole);
            steps += 1;
            basis.push(vector);
            let j = basis.len() - 1;
            let column = orthogonalize(&mut image, &basis);
            for (i, &x) in column.iter().enumerate() {
                h[i * room + j] = x;
                h[j * room + i] = Scalar::conj(x);
            }
            h[j * room + j] = real(column[j].re().to_f64());
            beta = norm(&image);
            if beta <= 8.0 * unit::<T>() * scale_met {
                beta = 0.0;
                // The space is invariant; go on elsewhere.
                next = fresh(n, SEED ^ steps as u64, &basis);
            } else {
                let mut vector = image.clone();
                scale(&mut vector, real(1.0 / beta));
                next = Some(vector);
            }
        }
        let m = basis.len();
        let square: Vec<T> = (0..m)
            .flat_map(|i| h[i * room..i * room + m].iter().copied())
            .collect();
        let ritz = eigh::dense(Operand::of_slice(&square, m, m))?;
        let values: Vec<f64> = ritz.values;
        let vectors = ritz.vectors.as_slice();
        let order = wanted.order(&values);
        let residual = |at: usize| beta * vectors[(m - 1) * m + at].abs2().sqrt();
        let largest = values.iter().fold(0.0f64, |most, x| most.max(x.abs()));
        let limit = (stop.tolerance * largest).max(unit::<T>() * largest);
        let done = |at: usize| residual(at) <= limit;
        let good = order[..k.min(m)].iter().all(|&at| done(at)) && m >= k;
        let full = m >= n || next.is_none();
        if good || full || steps >= stop.max_steps {
            let taken = &order[..k.min(m)];
            return Ok(pairs(&basis, vectors, &values, taken, n, |at| {
                (residual(at), steps, good || full)
            }));
        }
        // Keep the wanted vectors and some that follow them.
        let kept = (k + (room - k) / 3).min(m - 1);
        let fresh_basis: Vec<Vec<T>> = (order[..kept].iter())
            .map(|&at| {
                let factors: Vec<T> = (0..m).map(|i| vectors[i * m + at]).collect();
                combination(&basis, &factors, n)
            })
            .collect();
        h.fill(T::ZERO);
        for (i, &at) in order[..kept].iter().enumerate() {
            h[i * room + i] = real(values[at]);
        }
        // Coupling to the next vector comes out of its image.
        basis = fresh_basis;
        if let Some(vector) = &mut next {
            // Rounding of many restarts.
            orthogonalize(vector, &basis);
            let size = norm(vector);
            scale(vector, real(1.0 / size));
        }
    }
}

/// Eigenvectors out of Ritz vectors, with fixed phases.
pub(crate) fn pairs<T: Kernel>(
    basis: &[Vec<T>],
    vectors: &[T],
    values: &[f64],
    taken: &[usize],
    n: usize,
    about: impl Fn(usize) -> (f64, usize, bool),
) -> Eigenpairs<T> {
    let (m, k) = (basis.len(), taken.len());
    let mut columns = vec![T::ZERO; n * k];
    for (j, &at) in taken.iter().enumerate() {
        let mut sum = vec![T::ZERO; n];
        for (i, v) in basis.iter().enumerate() {
            add(&mut sum, vectors[i * m + at], v);
        }
        for (i, x) in sum.into_iter().enumerate() {
            columns[i * k + j] = x;
        }
    }
    signs::fix_row_major(&mut columns, k, None);
    let residuals: Vec<f64> = taken.iter().map(|&at| about(at).0).collect();
    let (_, steps, converged) = about(taken[0]);
    Eigenpairs {
        values: taken.iter().map(|&at| values[at]).collect(),
        vectors: Tensor::from_vec(columns, &[n, k]).expect("the lengths agree"),
        residuals,
        steps,
        converged,
    }
}

/// The Rayleigh quotient of a unit vector with its image.
pub(crate) fn quotient<T: Kernel>(x: &[T], image: &[T]) -> f64 {
    dot(x, image).re().to_f64()
}
