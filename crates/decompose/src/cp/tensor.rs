//! The CP format.

use tensegrity_linalg::{gram_columns, matmul, pinv};
use tensegrity_tensor::{Real, Scalar, Tensor, View, element_count};

use crate::input::prepare;
use crate::unfold::{khatri_rao, mode_product, reshaped};
use crate::{Entry, Error, Result};

/// X̂ = Σ_r weights\[r\] · U₀[:, r] ∘ U₁[:, r] ∘ … with factors U_k of shape [n_k, R].
#[derive(Clone, Debug, PartialEq)]
pub struct CpTensor<T> {
    weights: Vec<f64>,
    factors: Vec<Tensor<T>>,
}

impl<T: Entry> CpTensor<T> {
    /// A sum from its parts; columns need not be normalised.
    ///
    /// # Errors
    /// [`Error::NoModes`], [`Error::ZeroRank`] without components,
    /// [`Error::Shape`] if a factor is not a matrix with one column for each weight.
    pub fn new(weights: Vec<f64>, factors: Vec<Tensor<T>>) -> Result<Self> {
        if factors.is_empty() {
            return Err(Error::NoModes);
        }
        if weights.is_empty() {
            return Err(Error::ZeroRank { position: 0 });
        }
        for factor in &factors {
            if factor.ndim() != 2 || factor.shape()[1] != weights.len() {
                return Err(Error::Shape {
                    what: "a CP tensor's factor",
                    found: factor.shape().to_vec(),
                    expected: vec![factor.shape().first().copied().unwrap_or(0), weights.len()],
                });
            }
        }
        Ok(Self { weights, factors })
    }

    /// One weight for each component.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The factors, [n_k, R] each.
    #[must_use]
    pub fn factors(&self) -> &[Tensor<T>] {
        &self.factors
    }

    /// Weights and factors.
    #[must_use]
    pub fn into_parts(self) -> (Vec<f64>, Vec<Tensor<T>>) {
        (self.weights, self.factors)
    }

    /// Number of components.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.weights.len()
    }

    /// Shape of the tensor represented.
    #[must_use]
    pub fn shape(&self) -> Vec<usize> {
        self.factors
            .iter()
            .map(|factor| factor.shape()[0])
            .collect()
    }

    /// Numbers stored: R·(1 + Σ n_k).
    #[must_use]
    pub fn params(&self) -> usize {
        self.rank() + self.factors.iter().map(Tensor::len).sum::<usize>()
    }

    /// The dense tensor: Khatri–Rao products of two halves of the modes, then
    /// one matrix product. Cost: |X|·R multiply-adds.
    ///
    /// # Errors
    /// If it has more elements than can be addressed.
    pub fn to_tensor(&self) -> Result<Tensor<T>> {
        let shape = self.shape();
        element_count(&shape)?;
        let (left, right) = self.halves()?;
        let right = right.view().permuted(&[1, 0])?;
        Ok(matmul(&left.view(), &right)?.reshaped(&shape)?)
    }

    /// Frobenius norm from the Gram matrices of the factors, in double precision.
    ///
    /// # Errors
    /// Parts that are not finite.
    pub fn norm(&self) -> Result<f64> {
        let mut product = Tensor::<T::Wide>::full(
            &[self.rank(); 2],
            <T::Wide as tensegrity_tensor::Element>::ONE,
        )?;
        for factor in &self.factors {
            let gram = gram_columns(&factor.map(T::widen).view())?;
            let entries = product.as_mut_slice().iter_mut().zip(gram.as_slice());
            entries.for_each(|(x, &g)| *x = tensegrity_tensor::Element::mul(*x, g));
        }
        let mut squared = 0.0;
        for (i, row) in product.as_slice().chunks_exact(self.rank()).enumerate() {
            for (j, x) in row.iter().enumerate() {
                squared += self.weights[i] * self.weights[j] * x.re().to_f64();
            }
        }
        Ok(squared.max(0.0).sqrt())
    }

    /// Relative error ‖X − X̂‖/‖X‖ against a dense tensor, computed from the
    /// residual in panels; zero if both are zero.
    ///
    /// # Errors
    /// [`Error::Shape`], and those of reading `x`.
    pub fn error(&self, x: &View<'_, T>) -> Result<f64> {
        if x.shape() != self.shape() {
            return Err(Error::Shape {
                what: "error",
                found: x.shape().to_vec(),
                expected: self.shape(),
            });
        }
        let input = prepare(x)?;
        let mut scaled = self.in_order(&input.order);
        let exponent = input.exponent;
        for weight in &mut scaled.weights {
            *weight = *weight * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2);
        }
        let squared = scaled.squared_residual(&input.in_memory_order())?;
        Ok(if input.norm == 0.0 {
            if squared == 0.0 { 0.0 } else { f64::INFINITY }
        } else {
            squared.sqrt() / input.norm
        })
    }

    /// The same tensor with columns of norm one, weights not negative and
    /// components in descending order of weight. A component of norm zero gets
    /// weight zero and keeps its columns.
    #[must_use]
    pub fn normalized(&self) -> Self {
        let mut weights = self.weights.clone();
        let mut factors = self.factors.clone();
        for factor in &mut factors {
            for (weight, norm) in weights.iter_mut().zip(normalize_columns(factor)) {
                *weight *= norm;
            }
        }
        for (r, weight) in weights.iter_mut().enumerate().filter(|(_, w)| **w < 0.0) {
            *weight = -*weight;
            let columns = factors[0].shape()[1];
            for x in factors[0].as_mut_slice()[r..].iter_mut().step_by(columns) {
                *x = T::ZERO.sub(*x);
            }
        }
        let mut order: Vec<usize> = (0..weights.len()).collect();
        order.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
        Self {
            weights: order.iter().map(|&r| weights[r]).collect(),
            factors: factors
                .iter()
                .map(|factor| pick_columns(factor, &order))
                .collect(),
        }
    }

    /// Core consistency (CORCONDIA; Bro and Kiers 2003) in percent: how close
    /// the best Tucker core for these factors is to the superdiagonal one. Near
    /// 100 the CP model is appropriate; near or below zero it has too many
    /// components.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn core_consistency(&self, x: &View<'_, T>) -> Result<f64> {
        if x.shape() != self.shape() {
            return Err(Error::Shape {
                what: "core_consistency",
                found: x.shape().to_vec(),
                expected: self.shape(),
            });
        }
        let weighted = self.weighted_first();
        let mut core = x.to_tensor();
        for (mode, factor) in weighted.iter().enumerate() {
            let inverse = pinv(&factor.view(), None)?;
            core = mode_product(&core.view(), &inverse.view(), mode)?;
        }
        let (rank, modes) = (self.rank(), self.factors.len());
        let step: usize = (0..modes).map(|k| rank.pow(k as u32)).sum();
        let distance: f64 = core
            .as_slice()
            .iter()
            .enumerate()
            .map(|(flat, x)| {
                let diagonal = flat.is_multiple_of(step);
                x.sub(if diagonal { T::ONE } else { T::ZERO }).abs2()
            })
            .sum();
        Ok(100.0 * (1.0 - distance / rank as f64))
    }

    /// The factors with the weights multiplied into the first.
    fn weighted_first(&self) -> Vec<Tensor<T>> {
        let mut factors = self.factors.clone();
        scale_columns(&mut factors[0], &self.weights);
        factors
    }

    /// The network of the tensor with its modes in another order.
    pub(crate) fn in_order(&self, order: &[usize]) -> Self {
        Self {
            weights: self.weights.clone(),
            factors: order
                .iter()
                .map(|&mode| self.factors[mode].clone())
                .collect(),
        }
    }

    /// ‖X − X̂‖² for a dense row-major `x` of the same shape.
    pub(crate) fn squared_residual(&self, x: &View<'_, T>) -> Result<f64> {
        let (left, right) = self.halves()?;
        let matrix = reshaped(x, &[left.shape()[0], right.shape()[0]])?;
        T::residual(&matrix, &left.view(), &right.view().permuted(&[1, 0])?)
    }

    /// The Khatri–Rao products of the first and the last modes, weights in the
    /// first: X̂ as a matrix is left·rightᵀ.
    fn halves(&self) -> Result<(Tensor<T>, Tensor<T>)> {
        let cut = balanced_cut(&self.shape());
        let factors = self.weighted_first();
        let views: Vec<View<'_, T>> = factors.iter().map(Tensor::view).collect();
        let right = match &views[cut..] {
            [] => Tensor::full(&[1, self.rank()], T::ONE)?,
            modes => khatri_rao(modes)?,
        };
        Ok((khatri_rao(&views[..cut])?, right))
    }
}

/// Where to cut a list of lengths (not before its first) so that the larger of
/// both products is smallest.
pub(crate) fn balanced_cut(shape: &[usize]) -> usize {
    let product = |part: &[usize]| part.iter().map(|&n| n as f64).product::<f64>();
    let larger = |cut: usize| product(&shape[..cut]).max(product(&shape[cut..]));
    (1..shape.len().max(2))
        .min_by(|&a, &b| larger(a).total_cmp(&larger(b)))
        .expect("the range is not empty")
}

/// Divides each column by its norm and returns the norms; a column of zeros stays.
pub(crate) fn normalize_columns<T: Entry>(factor: &mut Tensor<T>) -> Vec<f64> {
    let columns = factor.shape()[1];
    // Entries near the ends of the range are scaled before they are squared.
    let largest = factor.as_slice().iter().fold(0.0f64, |most, x| {
        most.max(x.re().to_f64().abs()).max(x.im().to_f64().abs())
    });
    let scale = if largest > 0.0 { 1.0 / largest } else { 1.0 };
    let mut norms = vec![0.0f64; columns];
    for row in factor.as_slice().chunks_exact(columns) {
        for (norm, x) in norms.iter_mut().zip(row) {
            let (re, im) = (x.re().to_f64() * scale, x.im().to_f64() * scale);
            *norm += re * re + im * im;
        }
    }
    norms
        .iter_mut()
        .for_each(|norm| *norm = norm.sqrt() / scale);
    let inverse: Vec<f64> = norms
        .iter()
        .map(|&n| if n > 0.0 { 1.0 / n } else { 1.0 })
        .collect();
    scale_columns(factor, &inverse);
    norms
}

/// Multiplies column r by `factors[r]`.
pub(crate) fn scale_columns<T: Entry>(matrix: &mut Tensor<T>, factors: &[f64]) {
    let factors: Vec<T> = factors.iter().map(|&x| T::from_f64(x, 0.0)).collect();
    for row in matrix.as_mut_slice().chunks_exact_mut(factors.len()) {
        for (x, &factor) in row.iter_mut().zip(&factors) {
            *x = x.mul(factor);
        }
    }
}

fn pick_columns<T: Entry>(matrix: &Tensor<T>, order: &[usize]) -> Tensor<T> {
    let columns = matrix.shape()[1];
    let rows = matrix.as_slice().chunks_exact(columns);
    let data = rows.flat_map(|row| order.iter().map(|&r| row[r])).collect();
    Tensor::from_vec(data, matrix.shape()).expect("the shape is that of the input")
}
