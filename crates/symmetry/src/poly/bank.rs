//! Many polynomials of one matrix.

use tensegrity_tensor::{Tensor, parallel_map};

use super::eliminate::{Value, eliminate, write};
use super::elimination_plan::{Network, plan};
use super::{Output, Polynomial};
use crate::{Error, Result};

/// Largest whole number below which all whole numbers are exact in `f64`.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Polynomials that are computed together: sums that several of them need, up
/// to the names of nodes and the order of axes, are computed once.
///
/// Planning depends on the polynomials only and is done once; evaluating is
/// work of n³ for polynomials that matrix products compute and n⁴ for those
/// that need tensors of order three, less for sparse matrices: zeros are
/// skipped, and a tensor of order three that an edge masks is kept and computed
/// on the edges alone when fewer than a quarter of the entries are not zero.
///
/// ```
/// use tensegrity_symmetry::poly::PolynomialBank;
/// use tensegrity_tensor::Tensor;
/// let bank = PolynomialBank::new(&["0-1 1-2 0-2; 0".parse()?, "0-1 ; 0".parse()?], true)?;
/// let triangle = Tensor::from_vec(vec![0., 1., 1., 1., 0., 1., 1., 1., 0.], &[1, 3, 3])?;
/// let features = bank.features(&triangle)?; // [1, 2, 3, 3], on the diagonals
/// assert_eq!(features.get(&[0, 0, 1, 1])?, 2.0);
/// assert_eq!(features.get(&[0, 1, 2, 2])?, 2.0);
/// # Ok::<(), tensegrity_symmetry::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PolynomialBank {
    polynomials: Vec<Polynomial>,
    symmetric: bool,
    network: Network,
}

impl PolynomialBank {
    /// Plans a bank. With `symmetric`, matrices must be symmetric and edges
    /// have no direction, which lets polynomials share more.
    ///
    /// # Errors
    /// [`Error::Argument`] for an empty list; [`Error::TooLarge`] for a
    /// polynomial that needs tensors of order seven, or of degree above 64.
    pub fn new(polynomials: &[Polynomial], symmetric: bool) -> Result<Self> {
        if polynomials.is_empty() {
            return Err(Error::Argument {
                name: "polynomials",
                problem: "a bank needs one polynomial or more".into(),
            });
        }
        Ok(Self {
            polynomials: polynomials.to_vec(),
            symmetric,
            network: plan(polynomials, symmetric)?,
        })
    }

    /// The polynomials, in the order of the features.
    #[must_use]
    pub fn polynomials(&self) -> &[Polynomial] {
        &self.polynomials
    }

    /// Number of sums all polynomials together need.
    #[must_use]
    pub fn step_count(&self) -> usize {
        self.network.steps.len()
    }

    /// The sums in the order they are computed, a line each, for people: `T3[0 1]
    /// = sum X[0 2] T1[2 1]` sums over node 2.
    #[must_use]
    pub fn explain(&self) -> String {
        use std::fmt::Write as _;
        let list = |axes: &[usize]| {
            axes.iter()
                .map(usize::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        };
        let product = |factors: &[super::elimination_plan::Factor]| {
            let name = |step: Option<usize>| step.map_or("X".into(), |s| format!("T{s}"));
            let words = factors
                .iter()
                .map(|f| format!("{}[{}]", name(f.step), list(&f.axes)));
            words.collect::<Vec<_>>().join(" ")
        };
        let mut text = String::new();
        for (place, step) in self.network.steps.iter().enumerate() {
            let open: Vec<usize> = (0..step.open).collect();
            let _ = writeln!(
                text,
                "T{place}[{}] = sum {}",
                list(&open),
                product(&step.factors)
            );
        }
        for (polynomial, factors) in self.polynomials.iter().zip(&self.network.results) {
            let _ = writeln!(text, "{polynomial} = {}", product(factors));
        }
        text
    }

    /// Features `[B, P, n, n]` of matrices `[B, n, n]`: values of pairs where
    /// they belong, those of nodes on the diagonal, invariants everywhere.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Argument`] with the place of an entry that is
    /// not finite, or not symmetric if the bank is for symmetric matrices.
    pub fn features(&self, x: &Tensor<f64>) -> Result<Tensor<f64>> {
        self.run(x, false)
    }

    /// As [`PolynomialBank::features`], for matrices of whole numbers ≥ 0, and
    /// exact.
    ///
    /// # Errors
    /// As [`PolynomialBank::features`]; [`Error::Argument`] for other entries;
    /// [`Error::TooLarge`] if a count reaches 2⁵³.
    pub fn count(&self, x: &Tensor<f64>) -> Result<Tensor<f64>> {
        if let Some(place) = x
            .as_slice()
            .iter()
            .position(|&v| v < 0.0 || v.fract() != 0.0)
        {
            return Err(Error::Argument {
                name: "x",
                problem: format!(
                    "entry {} is {}; counting needs whole numbers, 0 or more",
                    place_of(place, x.shape()),
                    x.as_slice()[place]
                ),
            });
        }
        self.run(x, true)
    }

    fn run(&self, x: &Tensor<f64>, exact: bool) -> Result<Tensor<f64>> {
        let shape = x.shape();
        if shape.len() != 3 || shape[1] != shape[2] || shape[1] == 0 {
            return Err(Error::Shape {
                what: "x",
                found: shape.to_vec(),
                expected: "[B, n, n] with n of at least 1".into(),
            });
        }
        self.check(x)?;
        let (batch, n) = (shape[0], shape[1]);
        let graphs = parallel_map(batch, |b| {
            self.graph(&x.as_slice()[b * n * n..(b + 1) * n * n], n, exact)
        });
        let mut data = Vec::with_capacity(batch * self.polynomials.len() * n * n);
        for graph in graphs {
            data.extend(graph?);
        }
        Ok(Tensor::from_vec(
            data,
            &[batch, self.polynomials.len(), n, n],
        )?)
    }

    fn check(&self, x: &Tensor<f64>) -> Result<()> {
        let (data, n) = (x.as_slice(), x.shape()[1]);
        let wrong = |place: usize, problem: &str| Error::Argument {
            name: "x",
            problem: format!(
                "entry {} is {}{problem}",
                place_of(place, x.shape()),
                data[place]
            ),
        };
        if let Some(place) = x.first_non_finite() {
            return Err(wrong(place, "; entries must be finite"));
        }
        if self.symmetric {
            let mirrored = |place: usize| place / (n * n) * n * n + place % n * n + place / n % n;
            if let Some(place) = (0..data.len()).find(|&p| data[p] != data[mirrored(p)]) {
                return Err(wrong(
                    place,
                    " but not the one across the diagonal; plan for general matrices",
                ));
            }
        }
        Ok(())
    }

    /// `[P, n, n]` of one matrix.
    fn graph(&self, x: &[f64], n: usize, exact: bool) -> Result<Vec<f64>> {
        let check = |values: &[f64]| {
            // Terms are not negative, so a sum below the limit had exact parts.
            let largest = values.iter().fold(0.0_f64, |most, &v| most.max(v));
            if exact && largest >= EXACT {
                return Err(Error::TooLarge {
                    what: "a count, exact in double precision below 2^53,".into(),
                    count: largest as u128,
                    limit: EXACT as u128 - 1,
                    remedy: "take `features`, which rounds, or smaller graphs",
                });
            }
            Ok(())
        };
        check(x)?;
        let mut values: Vec<Value> = Vec::with_capacity(self.network.steps.len());
        for step in &self.network.steps {
            let value = eliminate(step, x, &values, n);
            check(value.stored())?;
            values.push(value);
        }
        let mut out = vec![0.0; self.polynomials.len() * n * n];
        let results = self.polynomials.iter().zip(&self.network.results);
        for ((polynomial, factors), out) in results.zip(out.chunks_exact_mut(n * n)) {
            let marks = match polynomial.output() {
                Output::Invariant => 0,
                Output::Node => 1,
                Output::Edge => 2,
            };
            write(marks, factors, x, &values, n, out);
            check(out)?;
        }
        Ok(out)
    }
}

/// Index of a flat place, for messages.
fn place_of(mut place: usize, shape: &[usize]) -> String {
    let mut index: Vec<String> = Vec::new();
    for &length in shape.iter().rev() {
        index.push((place % length).to_string());
        place /= length;
    }
    index.reverse();
    format!("({})", index.join(", "))
}

/// Scales features `[B, P, n, n]` as the published model does: at every pair of
/// vertices to length one over the polynomials, then every polynomial of every
/// graph to Frobenius norm one; zeros stay.
///
/// # Errors
/// [`Error::Shape`] unless there are four axes.
pub fn normalise(features: &Tensor<f64>) -> Result<Tensor<f64>> {
    let &[batch, channels, rows, columns] = features.shape() else {
        return Err(Error::Shape {
            what: "features",
            found: features.shape().to_vec(),
            expected: "[B, P, n, n]".into(),
        });
    };
    let points = rows * columns;
    let mut scaled = features.clone();
    let data: &mut [f64] = scaled.as_mut_slice();
    for graph in data
        .chunks_exact_mut((channels * points).max(1))
        .take(batch)
    {
        for point in 0..points {
            scale(graph[point..].iter_mut().step_by(points));
        }
        graph
            .chunks_exact_mut(points)
            .for_each(|channel| scale(channel.iter_mut()));
    }
    Ok(scaled)
}

/// Divides by the Euclidean length, if it is not zero.
fn scale<'a>(values: impl Iterator<Item = &'a mut f64>) {
    let values: Vec<&mut f64> = values.collect();
    // Divided by the largest first: squares of large counts stay in range.
    let largest = values.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    if largest > 0.0 {
        let length = largest
            * values
                .iter()
                .map(|v| (**v / largest).powi(2))
                .sum::<f64>()
                .sqrt();
        values.into_iter().for_each(|v| *v /= length);
    }
}
