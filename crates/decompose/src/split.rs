//! One tensor as two with a wire between them.
//!
//! The step every network algorithm is made of: some legs of a tensor on the
//! left, the others on the right, and a matrix factorisation between.
//!
//! Guarantees: contracting `left`, the singular values if they are apart, and
//! `right` gives the tensor back but for what was discarded; signs follow the
//! convention of the factorisation, so equal tensors give equal parts.

use tensegrity_linalg::iterative::{Stop, SvdMaps, svds};
use tensegrity_linalg::{
    Cutoff, SvdMethod, Truncation, cholesky, eigh, interpolative, lq, lu, matmul, polar, qr, rq,
    svd, truncated_svd,
};
use tensegrity_tensor::{Axes, Tensor, View};

use crate::unfold::matricize;
use crate::{Entry, Error, Result};

/// The factorisation between the parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SplitMethod {
    /// Singular values, all computed and then cut.
    #[default]
    Svd,
    /// Singular values by the cheapest method that meets the cut.
    TruncatedSvd,
    /// Random range finder; needs `max_rank`.
    RandomizedSvd,
    /// Lanczos bidiagonalisation; needs `max_rank`.
    Lanczos,
    /// Isometry on the left, triangle on the right.
    Qr,
    /// Triangle on the left, isometry on the right.
    Lq,
    /// Triangle on the left (against the last rows), isometry on the right.
    Rq,
    /// Isometry and positive part; the left legs may not be fewer than the right.
    Polar,
    /// Eigenvalues of a Hermitian matrix; the wire carries them as singular
    /// values with their signs in the right part.
    Eigh,
    /// Triangle and its adjoint, of a positive definite matrix.
    Cholesky,
    /// Triangles with row exchanges undone.
    Lu,
    /// Columns of the matrix and the coefficients of all columns on them.
    Interpolative,
}

/// Where the values on the wire go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Absorb {
    /// Into the left part.
    Left,
    /// Into the right part.
    #[default]
    Right,
    /// Their roots into both.
    Both,
    /// Nowhere: they are returned.
    Apart,
}

/// How to split.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SplitOptions {
    /// The factorisation.
    pub method: SplitMethod,
    /// Longest wire; `None` for no limit.
    pub max_rank: Option<usize>,
    /// Which values are small enough to leave out; `None` for none.
    pub cutoff: Option<Cutoff>,
    /// Where the values go; of no effect for factorisations without.
    pub absorb: Absorb,
}

/// The two parts.
#[derive(Clone, Debug)]
pub struct Split<T> {
    /// The left legs, then the wire.
    pub left: Tensor<T>,
    /// The values on the wire if they are apart.
    pub values: Option<Vec<f64>>,
    /// The wire, then the right legs.
    pub right: Tensor<T>,
    /// Frobenius norm of what was left out.
    pub discarded: f64,
}

/// Factors of a matrix with the values between them.
struct Factors<T> {
    left: Tensor<T>,
    values: Option<Vec<f64>>,
    right: Tensor<T>,
    discarded: f64,
}

/// Splits `x` into a tensor with the axes `left` (in that order) and one with
/// the others.
///
/// ```
/// use tensegrity_decompose::{SplitOptions, split};
/// use tensegrity_tensor::Tensor;
/// let x = Tensor::from_fn(&[2, 3, 4], |at| (at[0] * at[1] + at[2]) as f64)?;
/// let parts = split(&x.view(), &[2, 0], &SplitOptions::default())?;
/// assert_eq!((parts.left.shape(), parts.right.shape()), (&[4, 2, 3][..], &[3, 3][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Cost: that of the factorisation of the matricised tensor, and a copy.
///
/// # Errors
/// [`Error::Mode`]; [`Error::Option`] if `max_rank` or `cutoff` is given to a
/// factorisation without values, or `max_rank` is missing where it is needed;
/// [`Error::Linalg`] of the factorisation (shape, definiteness, NaN).
pub fn split<T: Entry>(
    x: &View<'_, T>,
    left: &[usize],
    options: &SplitOptions,
) -> Result<Split<T>> {
    let right: Axes = (0..x.ndim()).filter(|axis| !left.contains(axis)).collect();
    let matrix = matricize(x, left, &right)?;
    let found = absorbed(factors(&matrix.view(), options)?, options.absorb);
    let lengths = |axes: &[usize]| axes.iter().map(|&axis| x.shape()[axis]).collect::<Axes>();
    let wire = found.left.shape()[1];
    let mut left_shape = lengths(left);
    left_shape.push(wire);
    let mut right_shape = lengths(&right);
    right_shape.insert(0, wire);
    Ok(Split {
        left: found.left.reshaped(&left_shape)?,
        values: found.values,
        right: found.right.reshaped(&right_shape)?,
        discarded: found.discarded,
    })
}

fn factors<T: Entry>(a: &View<'_, T>, options: &SplitOptions) -> Result<Factors<T>> {
    let method = options.method;
    let has_values = matches!(
        method,
        SplitMethod::Svd
            | SplitMethod::TruncatedSvd
            | SplitMethod::RandomizedSvd
            | SplitMethod::Lanczos
            | SplitMethod::Eigh
    );
    let cuts = has_values || method == SplitMethod::Interpolative;
    if !cuts && (options.max_rank.is_some() || options.cutoff.is_some()) {
        return Err(Error::Option {
            name: "method",
            problem: format!("{method:?} leaves nothing out; drop max_rank and cutoff or use Svd"),
        });
    }
    let exact = |left, right| Factors {
        left,
        values: None,
        right,
        discarded: 0.0,
    };
    Ok(match method {
        SplitMethod::Svd => {
            let all = svd(a)?;
            cut((all.u, all.s, all.vh), 0.0, options)
        }
        SplitMethod::TruncatedSvd => {
            let truncation = Truncation {
                max_rank: options.max_rank,
                tolerance: sum_tolerance(a, options.cutoff).unwrap_or(0.0),
            };
            let found = truncated_svd(a, &truncation, SvdMethod::Auto)?;
            // Sums of squares are cut; other rules are not yet applied.
            let rest = SplitOptions {
                cutoff: (options.cutoff).filter(|_| sum_tolerance(a, options.cutoff).is_none()),
                ..*options
            };
            cut((found.u, found.s, found.vh), found.discarded, &rest)
        }
        SplitMethod::RandomizedSvd => {
            let truncation = Truncation::rank(needed(options)?);
            let found = truncated_svd(a, &truncation, SvdMethod::Randomized)?;
            cut((found.u, found.s, found.vh), found.discarded, options)
        }
        SplitMethod::Lanczos => {
            let (rows, columns) = (a.shape()[0], a.shape()[1]);
            let rank = needed(options)?.min(rows.min(columns));
            let copy = a.to_tensor();
            let turned = a.permuted(&[1, 0])?.to_tensor().map(|x| x.conj());
            let multiply = |matrix: &Tensor<T>, x: &[T], y: &mut [T]| {
                let x = View::from_slice(x, &[x.len(), 1]);
                if let Ok(image) = matmul(&matrix.view(), &x) {
                    y.copy_from_slice(image.as_slice());
                }
            };
            let mut maps = SvdMaps {
                rows,
                columns,
                map: &mut |x, y| multiply(&copy, x, y),
                adjoint: &mut |x, y| multiply(&turned, x, y),
            };
            let stop = Stop {
                tolerance: 1e-12,
                max_steps: rows.min(columns),
            };
            let found = svds(&mut maps, rank, &stop)?;
            let whole = copy.norm();
            let kept: f64 = found.s.iter().map(|s| s * s).sum();
            let before = (whole * whole - kept).max(0.0).sqrt();
            cut((found.u, found.s, found.vh), before, options)
        }
        SplitMethod::Eigh => {
            let found = eigh(a)?;
            let n = found.values.len();
            let mut order: Vec<usize> = (0..n).collect();
            let values = &found.values;
            order.sort_by(|&i, &j| values[j].abs().total_cmp(&values[i].abs()).then(i.cmp(&j)));
            let vectors = found.vectors.as_slice();
            let left = Tensor::from_fn(&[n, n], |at| vectors[at[0] * n + order[at[1]]])?;
            let right = Tensor::from_fn(&[n, n], |at| {
                let entry = vectors[at[1] * n + order[at[0]]].conj();
                if values[order[at[0]]] < 0.0 {
                    entry.neg()
                } else {
                    entry
                }
            })?;
            let sizes = order.iter().map(|&at| values[at].abs()).collect();
            cut((left, sizes, right), 0.0, options)
        }
        SplitMethod::Qr => {
            let found = qr(a)?;
            exact(found.q, found.r)
        }
        SplitMethod::Lq => {
            let found = lq(a)?;
            exact(found.l, found.q)
        }
        SplitMethod::Rq => {
            let found = rq(a)?;
            exact(found.r, found.q)
        }
        SplitMethod::Polar => {
            let found = polar(a)?;
            exact(found.unitary, found.positive)
        }
        SplitMethod::Cholesky => {
            let lower = cholesky(a)?;
            let upper = lower.view().permuted(&[1, 0])?.to_tensor();
            exact(lower, upper.map(|x| x.conj()))
        }
        SplitMethod::Lu => {
            let found = lu(a)?;
            let wire = found.lower.shape()[1];
            let mut lower = found.lower.clone();
            for (place, &row) in found.rows.iter().enumerate() {
                let from = &found.lower.as_slice()[place * wire..(place + 1) * wire];
                lower.as_mut_slice()[row * wire..(row + 1) * wire].copy_from_slice(from);
            }
            exact(lower, found.upper)
        }
        SplitMethod::Interpolative => {
            let tolerance = match (options.cutoff, sum_tolerance(a, options.cutoff)) {
                (None, _) => 0.0,
                (_, Some(tolerance)) => tolerance,
                _ => {
                    return Err(Error::Option {
                        name: "cutoff",
                        problem: "Interpolative knows no singular values; cut by SumSquares or \
                                  RelativeSumSquares"
                            .into(),
                    });
                }
            };
            let truncation = Truncation {
                max_rank: options.max_rank,
                tolerance,
            };
            let found = interpolative(a, &truncation)?;
            let columns = &found.columns;
            let mut left = Tensor::zeros(&[a.shape()[0], columns.len()])?;
            for (place, &column) in columns.iter().enumerate() {
                for row in 0..a.shape()[0] {
                    left.as_mut_slice()[row * columns.len() + place] = a.get(&[row, column])?;
                }
            }
            Factors {
                left,
                values: None,
                right: found.coefficients,
                discarded: found.discarded,
            }
        }
    })
}

fn needed(options: &SplitOptions) -> Result<usize> {
    options.max_rank.ok_or_else(|| Error::Option {
        name: "max_rank",
        problem: format!("{:?} needs one", options.method),
    })
}

/// The Frobenius norm that a rule for sums of squares lets go.
fn sum_tolerance<T: Entry>(a: &View<'_, T>, cutoff: Option<Cutoff>) -> Option<f64> {
    match cutoff? {
        Cutoff::SumSquares(squares) => Some(squares.sqrt()),
        Cutoff::RelativeSumSquares(part) => Some(part.sqrt() * a.to_tensor().norm()),
        _ => None,
    }
}

/// The factors up to the cut; values are descending, and `beyond` is the norm
/// of what is missing already.
fn cut<T: Entry>(
    (left, values, right): (Tensor<T>, Vec<f64>, Tensor<T>),
    beyond: f64,
    options: &SplitOptions,
) -> Factors<T> {
    let squares = beyond * beyond;
    let truncation = match options.cutoff {
        // A part of the whole, and the whole is more than the list.
        Some(Cutoff::RelativeSumSquares(part)) => {
            let whole = squares + values.iter().rev().map(|s| s * s).sum::<f64>();
            Cutoff::SumSquares(part * whole).truncation(&values, options.max_rank)
        }
        Some(cutoff) => cutoff.truncation(&values, options.max_rank),
        None => Truncation {
            max_rank: options.max_rank,
            tolerance: 0.0,
        },
    };
    // Without a cut even zeros stay: the wire has the length of the shorter side.
    let (rank, discarded) = match (options.cutoff, options.max_rank) {
        (None, None) => (values.len(), beyond),
        _ => truncation.kept(&values, squares),
    };
    let (rows, width) = (left.shape()[0], left.shape()[1]);
    let columns = right.shape()[1];
    let first = |at: usize| left.as_slice()[at / rank.max(1) * width + at % rank.max(1)];
    let kept: Vec<T> = (0..rows * rank).map(first).collect();
    let below = right.as_slice()[..rank * columns].to_vec();
    Factors {
        left: Tensor::from_vec(kept, &[rows, rank]).expect("the length is that of the shape"),
        values: Some(values[..rank].to_vec()),
        right: Tensor::from_vec(below, &[rank, columns]).expect("the length is that of the shape"),
        discarded,
    }
}

/// The factors with their values where they are wanted.
fn absorbed<T: Entry>(mut factors: Factors<T>, absorb: Absorb) -> Factors<T> {
    let Some(values) = factors.values.take() else {
        return factors;
    };
    let power = match absorb {
        Absorb::Apart => {
            factors.values = Some(values);
            return factors;
        }
        Absorb::Both => 0.5,
        Absorb::Left | Absorb::Right => 1.0,
    };
    let scale: Vec<T> = values
        .iter()
        .map(|s| T::from_f64(s.powf(power), 0.0))
        .collect();
    let wire = scale.len().max(1);
    if absorb != Absorb::Right {
        for (at, x) in factors.left.as_mut_slice().iter_mut().enumerate() {
            *x = x.mul(scale[at % wire]);
        }
    }
    if absorb != Absorb::Left {
        let columns = factors.right.shape()[1].max(1);
        for (at, x) in factors.right.as_mut_slice().iter_mut().enumerate() {
            *x = x.mul(scale[at / columns]);
        }
    }
    factors
}
