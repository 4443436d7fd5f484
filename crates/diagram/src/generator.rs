//! Structured tensors that need no storage: the generators of the category.
//!
//! Legs are ordered outputs first, then inputs, as the axes of the matrix
//! (rows, columns) that a generator is.
//!
//! Guarantees: a spider, identity, cup, cap or permutation lowers to wires
//! only; every other generator lowers to operands no larger than its defining
//! data. Those with few entries can be listed as [`Terms`], or visited without
//! storing anything ([`Generator::for_each_run`]), which is how they are run:
//! [`Generator::dense`] is for small checks.

use std::sync::Arc;

use tensegrity_tensor::{Array, DType, c128};

use crate::lower::{Pieces, Source};
use crate::values::{as_c128, from_terms, guard, kronecker};
use crate::{Error, Result};

/// Largest ε: 12! ≈ 4.8·10⁸ terms is where listing them stops being useful.
pub const MAX_LEVI_CIVITA: u32 = 12;

/// A tensor given by its name and a few parameters.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Generator {
    /// δᵢⱼ from one input to one output.
    Identity {
        /// Dimension.
        dim: u64,
    },
    /// δᵢⱼ with two outputs.
    Cup {
        /// Dimension.
        dim: u64,
    },
    /// δᵢⱼ with two inputs.
    Cap {
        /// Dimension.
        dim: u64,
    },
    /// One if all legs agree, else zero; without legs the number `dim`, with
    /// one leg the all-ones vector.
    Spider {
        /// Dimension of every leg.
        dim: u64,
        /// Input legs.
        inputs: usize,
        /// Output legs.
        outputs: usize,
    },
    /// The permutation of tensor factors whose output `k` is input `order[k]`.
    Permutation {
        /// Dimensions of the inputs.
        dims: Vec<u64>,
        /// Which input each output is.
        order: Vec<usize>,
    },
    /// A number.
    Scalar(c128),
    /// The basis vector e_`index` as an output.
    OneHot {
        /// Dimension.
        dim: u64,
        /// Position of the one.
        index: u64,
    },
    /// The matrix with this vector on its diagonal.
    Diagonal(Arc<Array>),
    /// Ones on and below the diagonal `column = row + offset` (above, if
    /// `upper`), zeros elsewhere: `numpy.tri`, a causal mask at offset 0.
    Triangular {
        /// Output dimension.
        rows: u64,
        /// Input dimension.
        columns: u64,
        /// Which diagonal bounds the ones.
        offset: i64,
        /// Keep the upper part instead of the lower one.
        upper: bool,
    },
    /// ε with `n` outputs of dimension `n`: the sign of the permutation the
    /// indices form, zero if one repeats.
    LeviCivita {
        /// Number of legs and their dimension.
        n: u32,
    },
    /// The symplectic form Ω with two inputs of even dimension, block diagonal
    /// with blocks [[0, 1], [−1, 0]].
    Symplectic {
        /// Dimension, even.
        dim: u64,
    },
    /// A Kronecker product of matrices, with one output and one input leg a
    /// factor (outputs of all factors first); never multiplied out.
    Kronecker(Vec<Arc<Array>>),
}

/// A sparse tensor as a list of entries.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// Number of legs.
    pub legs: usize,
    /// Indices of all entries, `legs` numbers each, in increasing row-major order.
    pub indices: Vec<u64>,
    /// The value of each entry.
    pub values: Vec<c128>,
}

impl Terms {
    /// The entries as (index, value).
    pub fn iter(&self) -> impl Iterator<Item = (&[u64], c128)> {
        let legs = self.legs;
        self.values
            .iter()
            .enumerate()
            .map(move |(k, &value)| (&self.indices[k * legs..(k + 1) * legs], value))
    }
}

impl Generator {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`Error::InvalidGenerator`], [`Error::NotAPermutation`].
    pub fn validate(&self) -> Result<()> {
        let invalid = |reason: String| {
            Err(Error::InvalidGenerator {
                generator: self.kind(),
                reason,
            })
        };
        match self {
            Generator::Permutation { dims, order } => check_permutation(order, dims.len()),
            Generator::OneHot { dim, index } if index >= dim => {
                invalid(format!("index {index} is outside 0..{dim}"))
            }
            Generator::LeviCivita { n } if *n > MAX_LEVI_CIVITA => invalid(format!(
                "n = {n}, at most {MAX_LEVI_CIVITA} is supported; use the determinant identity for a pair"
            )),
            Generator::Symplectic { dim } if dim % 2 == 1 => invalid(format!(
                "dimension {dim} is odd; a symplectic space is even"
            )),
            Generator::Diagonal(vector) if vector.shape().len() != 1 => invalid(format!(
                "a vector is needed, the array given has shape {:?}",
                vector.shape()
            )),
            Generator::Kronecker(factors) => {
                match factors.iter().find(|factor| factor.shape().len() != 2) {
                    Some(factor) => invalid(format!(
                        "every factor must be a matrix, one has shape {:?}",
                        factor.shape()
                    )),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// The stable name of the kind, as saved diagrams spell it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Generator::Identity { .. } => "identity",
            Generator::Cup { .. } => "cup",
            Generator::Cap { .. } => "cap",
            Generator::Spider { .. } => "spider",
            Generator::Permutation { .. } => "permutation",
            Generator::Scalar(_) => "scalar",
            Generator::OneHot { .. } => "one_hot",
            Generator::Diagonal(_) => "diagonal",
            Generator::Triangular { .. } => "triangular",
            Generator::LeviCivita { .. } => "levi_civita",
            Generator::Symplectic { .. } => "symplectic",
            Generator::Kronecker(_) => "kronecker",
        }
    }

    /// A short symbol for pictures.
    #[must_use]
    pub fn symbol(&self) -> String {
        match self {
            Generator::Identity { .. } => "1".into(),
            Generator::Cup { .. } => "∪".into(),
            Generator::Cap { .. } => "∩".into(),
            Generator::Spider { .. } => "δ".into(),
            Generator::Permutation { .. } => "σ".into(),
            Generator::Scalar(c) if c.im == 0.0 => short(c.re),
            Generator::Scalar(c) => format!("{}{:+.3}i", short(c.re), c.im),
            Generator::OneHot { index, .. } => format!("e{index}"),
            Generator::Diagonal(_) => "diag".into(),
            Generator::Triangular { upper: false, .. } => "◺".into(),
            Generator::Triangular { .. } => "◹".into(),
            Generator::LeviCivita { .. } => "ε".into(),
            Generator::Symplectic { .. } => "Ω".into(),
            Generator::Kronecker(_) => "⊗".into(),
        }
    }

    /// Dimensions of the outputs.
    #[must_use]
    pub fn outputs(&self) -> Vec<u64> {
        match self {
            Generator::Identity { dim } | Generator::OneHot { dim, .. } => vec![*dim],
            Generator::Cup { dim } => vec![*dim; 2],
            Generator::Spider { dim, outputs, .. } => vec![*dim; *outputs],
            Generator::Permutation { dims, order } => order
                .iter()
                .map(|&k| dims.get(k).copied().unwrap_or(0))
                .collect(),
            Generator::Diagonal(vector) => vec![vector.len() as u64],
            Generator::Triangular { rows, .. } => vec![*rows],
            Generator::LeviCivita { n } => vec![u64::from(*n); *n as usize],
            Generator::Kronecker(factors) => factors.iter().map(|f| axis(f, 0)).collect(),
            Generator::Cap { .. } | Generator::Scalar(_) | Generator::Symplectic { .. } => {
                Vec::new()
            }
        }
    }

    /// Dimensions of the inputs.
    #[must_use]
    pub fn inputs(&self) -> Vec<u64> {
        match self {
            Generator::Identity { dim } => vec![*dim],
            Generator::Cap { dim } | Generator::Symplectic { dim } => vec![*dim; 2],
            Generator::Spider { dim, inputs, .. } => vec![*dim; *inputs],
            Generator::Permutation { dims, .. } => dims.clone(),
            Generator::Diagonal(vector) => vec![vector.len() as u64],
            Generator::Triangular { columns, .. } => vec![*columns],
            Generator::Kronecker(factors) => factors.iter().map(|f| axis(f, 1)).collect(),
            Generator::Cup { .. }
            | Generator::Scalar(_)
            | Generator::OneHot { .. }
            | Generator::LeviCivita { .. } => Vec::new(),
        }
    }

    /// Dimensions of all legs: outputs, then inputs.
    #[must_use]
    pub fn dims(&self) -> Vec<u64> {
        let mut dims = self.outputs();
        dims.extend(self.inputs());
        dims
    }

    /// Whether the tensor is its own complex conjugate.
    #[must_use]
    pub fn is_real(&self) -> bool {
        match self {
            Generator::Scalar(c) => c.im == 0.0,
            Generator::Diagonal(vector) => !vector.dtype().is_complex(),
            Generator::Kronecker(factors) => factors.iter().all(|f| !f.dtype().is_complex()),
            _ => true,
        }
    }

    /// The dense tensor over [`Generator::dims`] in compute type `dtype`.
    ///
    /// Meant for small checks: running a diagram never asks for it.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::InvalidGenerator`] if the parameters are
    /// invalid, an imaginary value is asked for in a real type, or `dtype` is
    /// not one of the five compute types.
    pub fn dense(&self, dtype: DType) -> Result<Array> {
        self.validate()?;
        let dims = self.dims();
        guard(self.kind(), &dims)?;
        let terms = match self {
            Generator::Kronecker(factors) => return kronecker(factors, dtype),
            Generator::Triangular { .. } => self.entries(),
            Generator::Scalar(c) => Terms {
                legs: 0,
                indices: Vec::new(),
                values: vec![*c],
            },
            Generator::Spider {
                dim,
                inputs: 0,
                outputs: 0,
            } => Terms {
                legs: 0,
                indices: Vec::new(),
                values: vec![c128::new(*dim as f64, 0.0)],
            },
            Generator::Identity { dim }
            | Generator::Cup { dim }
            | Generator::Cap { dim }
            | Generator::Spider { dim, .. } => delta_terms(*dim, dims.len()),
            Generator::Permutation {
                dims: inputs,
                order,
            } => permutation_terms(inputs, order),
            sparse => sparse.terms().expect("the remaining generators are sparse"),
        };
        from_terms(self.kind(), &dims, &terms, dtype)
    }

    /// The non-zero entries of a generator that has few of them: one-hot
    /// vectors, ε (n! signed entries), Ω, diagonal matrices. `None` for the others
    /// and for invalid parameters.
    ///
    /// ```
    /// use tensegrity_diagram::Generator;
    /// let epsilon = Generator::LeviCivita { n: 3 }.terms().unwrap();
    /// assert_eq!(epsilon.values.len(), 6);
    /// let (index, sign) = epsilon.iter().nth(1).unwrap();
    /// assert_eq!((index, sign.re), (&[0, 2, 1][..], -1.0));
    /// ```
    #[must_use]
    pub fn terms(&self) -> Option<Terms> {
        self.validate().ok()?;
        match self {
            Generator::OneHot { .. }
            | Generator::LeviCivita { .. }
            | Generator::Symplectic { .. } => Some(self.entries()),
            Generator::Diagonal(vector) => Some(Terms {
                legs: 2,
                indices: (0..vector.len() as u64).flat_map(|i| [i, i]).collect(),
                values: as_c128(vector),
            }),
            _ => None,
        }
    }

    /// The entries of a valid generator that has runs, in row-major order.
    fn entries(&self) -> Terms {
        let legs = self.dims().len();
        let mut terms = Terms {
            legs,
            indices: Vec::new(),
            values: Vec::new(),
        };
        let last = legs.saturating_sub(1);
        self.for_each_run(&vec![None; legs], last, &mut |run| {
            for step in 0..run.length {
                terms.indices.extend(run.index);
                if let Some(index) = terms.indices.last_mut() {
                    *index += step;
                }
                terms.values.push(c128::new(f64::from(run.sign), 0.0));
            }
        });
        terms
    }

    /// What remains of the generator once it is wires and small operands.
    pub(crate) fn pieces(&self) -> Pieces {
        let one = c128::new(1.0, 0.0);
        let wires_only = |dims: Vec<u64>, legs: Vec<usize>| Pieces {
            dims,
            legs,
            operands: Vec::new(),
            scalar: one,
        };
        match self {
            Generator::Identity { dim }
            | Generator::Cup { dim }
            | Generator::Cap { dim }
            | Generator::Spider { dim, .. } => wires_only(vec![*dim], vec![0; self.dims().len()]),
            Generator::Permutation { dims, order } => {
                let legs = order.iter().copied().chain(0..dims.len()).collect();
                wires_only(dims.clone(), legs)
            }
            Generator::Scalar(c) => Pieces {
                scalar: *c,
                ..wires_only(Vec::new(), Vec::new())
            },
            Generator::Diagonal(vector) => Pieces {
                operands: vec![(Source::Const(Arc::clone(vector)), vec![0])],
                ..wires_only(vec![vector.len() as u64], vec![0, 0])
            },
            Generator::Kronecker(factors) => {
                let dims = self.dims();
                let operand = |(k, factor): (usize, &Arc<Array>)| {
                    (
                        Source::Const(Arc::clone(factor)),
                        vec![k, k + factors.len()],
                    )
                };
                Pieces {
                    legs: (0..dims.len()).collect(),
                    operands: factors.iter().enumerate().map(operand).collect(),
                    dims,
                    scalar: one,
                }
            }
            Generator::OneHot { .. }
            | Generator::Triangular { .. }
            | Generator::LeviCivita { .. }
            | Generator::Symplectic { .. } => {
                let dims = self.dims();
                let legs: Vec<usize> = (0..dims.len()).collect();
                Pieces {
                    operands: vec![(Source::Generated(self.clone()), legs.clone())],
                    ..wires_only(dims, legs)
                }
            }
        }
    }
}

/// ε⊗ε as signed permutations: ε_{i₁…iₙ} ε_{j₁…jₙ} = Σ_σ sgn(σ) Π_k δ(i_k, j_σ(k)).
///
/// Each item is (σ, sgn σ); the pair of ε is the signed sum of the
/// corresponding wire permutations, so no ε has to be formed at all.
///
/// # Errors
/// [`Error::InvalidGenerator`] for n above [`MAX_LEVI_CIVITA`].
pub fn levi_civita_pair(n: u32) -> Result<Vec<(Vec<usize>, i8)>> {
    let epsilon = Generator::LeviCivita { n };
    epsilon.validate()?;
    Ok((epsilon.entries())
        .iter()
        .map(|(index, sign)| {
            let order = index.iter().map(|&i| i as usize).collect();
            (order, if sign.re > 0.0 { 1 } else { -1 })
        })
        .collect())
}

pub(crate) fn check_permutation(order: &[usize], length: usize) -> Result<()> {
    let mut seen = vec![false; length];
    let fits = order.len() == length
        && order
            .iter()
            .all(|&k| k < length && !std::mem::replace(&mut seen[k], true));
    if fits {
        Ok(())
    } else {
        Err(Error::NotAPermutation {
            order: order.to_vec(),
            length,
        })
    }
}

/// A number for a label: four significant digits or so.
fn short(x: f64) -> String {
    if x == 0.0 || (1e-3..1e6).contains(&x.abs()) {
        let text = format!("{x:.4}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        return text.to_owned();
    }
    format!("{x:.3e}")
}

/// Length of an axis, zero if an invalid factor lacks it.
fn axis(array: &Array, axis: usize) -> u64 {
    array.shape().get(axis).map_or(0, |&n| n as u64)
}

fn delta_terms(dim: u64, legs: usize) -> Terms {
    Terms {
        legs,
        indices: (0..dim)
            .flat_map(|i| std::iter::repeat_n(i, legs))
            .collect(),
        values: vec![c128::new(1.0, 0.0); dim as usize],
    }
}

fn permutation_terms(dims: &[u64], order: &[usize]) -> Terms {
    let count: u64 = dims.iter().product();
    let mut indices = Vec::new();
    let mut index = vec![0; dims.len()];
    for flat in 0..count {
        let mut rest = flat;
        for (i, &d) in index.iter_mut().zip(dims).rev() {
            *i = rest % d;
            rest /= d;
        }
        indices.extend(order.iter().map(|&k| index[k]));
        indices.extend(&index);
    }
    Terms {
        legs: 2 * dims.len(),
        indices,
        values: vec![c128::new(1.0, 0.0); count as usize],
    }
}
