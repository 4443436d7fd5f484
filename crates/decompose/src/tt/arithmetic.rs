//! Arithmetic on trains without leaving the format.

use tensegrity_linalg::matmul;
use tensegrity_tensor::{Tensor, copy_into};

use crate::residual::conjugated;
use crate::tt::tensor::core_shape;
use crate::unfold::{check_mode, check_modes, reshaped};
use crate::{Entry, Error, Result, TtTensor};

impl<T: Entry> TtTensor<T> {
    /// The sum; ranks add. Round it to bring them down.
    ///
    /// # Errors
    /// [`Error::Shape`] if shapes differ.
    pub fn add(&self, other: &Self) -> Result<Self> {
        self.same_shape(other, "add")?;
        let last = self.ndim() - 1;
        let mut cores = Vec::with_capacity(self.ndim());
        for (site, (a, b)) in self.cores.iter().zip(&other.cores).enumerate() {
            let ([ra, n, sa], [rb, _, sb]) = (core_shape(a), core_shape(b));
            // Outer ranks of one are shared, inner ones stand side by side.
            let (top, left) = (
                if site == 0 { 0 } else { ra },
                if site == last { 0 } else { sa },
            );
            let shape = [
                if site == 0 { 1 } else { ra + rb },
                n,
                if site == last { 1 } else { sa + sb },
            ];
            let mut core = Tensor::zeros(&shape)?;
            if site == 0 && site == last {
                let sum = a
                    .as_slice()
                    .iter()
                    .zip(b.as_slice())
                    .map(|(&x, &y)| x.add(y));
                core = Tensor::from_vec(sum.collect(), &shape)?;
            } else {
                let mut place = |from: &Tensor<T>, top: usize, left: usize| -> Result<()> {
                    let [r, _, s] = core_shape(from);
                    let target = core.view_mut().sliced(0, top..top + r)?;
                    copy_into(&mut target.sliced(2, left..left + s)?, &from.view())?;
                    Ok(())
                };
                place(a, 0, 0)?;
                place(b, top, left)?;
            }
            cores.push(core);
        }
        Ok(Self { cores })
    }

    /// The element-wise product; ranks multiply.
    ///
    /// # Errors
    /// [`Error::Shape`] if shapes differ.
    pub fn hadamard(&self, other: &Self) -> Result<Self> {
        self.same_shape(other, "hadamard")?;
        let pairs = self.cores.iter().zip(&other.cores);
        let cores = pairs
            .map(|(a, b)| kronecker_core(a, b))
            .collect::<Result<_>>()?;
        Ok(Self { cores })
    }

    /// The train times a number.
    #[must_use]
    pub fn scale(&self, factor: T) -> Self {
        let mut result = self.clone();
        let last = result.cores.last_mut().expect("a train has a core");
        last.as_mut_slice()
            .iter_mut()
            .for_each(|x| *x = x.mul(factor));
        result
    }

    /// ⟨self, other⟩ = Σ conj(self)·other.
    ///
    /// Cost: O(d·n·r³), from transfer matrices.
    ///
    /// # Errors
    /// [`Error::Shape`] if shapes differ.
    pub fn inner(&self, other: &Self) -> Result<T> {
        self.same_shape(other, "inner")?;
        let mut transfer = Tensor::eye(1)?;
        for (a, b) in self.cores.iter().zip(&other.cores) {
            let ([ra, n, sa], [rb, _, sb]) = (core_shape(a), core_shape(b));
            // [ra, rb]·[rb, n sb] -> [ra n, sb], then conj(a)ᵀ [sa, ra n].
            let half = matmul(&transfer.view(), &reshaped(&b.view(), &[rb, n * sb])?)?
                .reshaped(&[ra * n, sb])?;
            let a = conjugated(a).reshaped(&[ra * n, sa])?;
            transfer = matmul(&a.view().permuted(&[1, 0])?, &half.view())?;
        }
        Ok(transfer.as_slice()[0])
    }

    /// The train of the elements with index `index` in `mode`, one mode fewer.
    ///
    /// # Errors
    /// [`Error::Mode`], [`Error::Index`]; [`Error::NoModes`] if there is only
    /// one mode (use [`TtTensor::evaluate`]).
    pub fn slice(&self, mode: usize, index: usize) -> Result<Self> {
        check_mode("slice", mode, self.ndim())?;
        let [_, n, _] = core_shape(&self.cores[mode]);
        if index >= n {
            return Err(Error::Index {
                mode,
                index,
                length: n,
            });
        }
        let matrix = self.cores[mode].view().indexed(1, index)?.to_tensor();
        self.with_matrix(mode, &matrix)
    }

    /// The train of the elements with indices in `range` in `mode`.
    ///
    /// # Errors
    /// [`Error::Mode`]; [`Error::Index`] for a range that is empty or too long.
    pub fn sliced(&self, mode: usize, range: std::ops::Range<usize>) -> Result<Self> {
        check_mode("sliced", mode, self.ndim())?;
        let [_, n, _] = core_shape(&self.cores[mode]);
        if range.end > n || range.is_empty() {
            return Err(Error::Index {
                mode,
                index: range.end.max(range.start),
                length: n,
            });
        }
        let mut result = self.clone();
        result.cores[mode] = self.cores[mode].view().sliced(1, range)?.to_tensor();
        Ok(result)
    }

    /// The sums over `modes`: the marginal on the others.
    ///
    /// # Errors
    /// [`Error::Mode`]; [`Error::NoModes`] if every mode is summed over (use
    /// [`TtTensor::total`]).
    pub fn marginal(&self, modes: &[usize]) -> Result<Self> {
        check_modes("marginal", modes, self.ndim())?;
        let mut descending = modes.to_vec();
        descending.sort_unstable_by(|a, b| b.cmp(a));
        let mut result = self.clone();
        for mode in descending {
            let matrix = summed(&result.cores[mode])?;
            result = result.with_matrix(mode, &matrix)?;
        }
        Ok(result)
    }

    /// The sum of all elements.
    ///
    /// # Errors
    /// None on a valid train.
    pub fn total(&self) -> Result<T> {
        let mut row = Tensor::eye(1)?;
        for core in &self.cores {
            row = matmul(&row.view(), &summed(core)?.view())?;
        }
        Ok(row.as_slice()[0])
    }

    /// The train with core `mode` replaced by a matrix, which goes into a neighbour.
    fn with_matrix(&self, mode: usize, matrix: &Tensor<T>) -> Result<Self> {
        if self.ndim() == 1 {
            return Err(Error::NoModes);
        }
        let mut cores = self.cores.clone();
        cores.remove(mode);
        if mode < cores.len() {
            cores[mode] = crate::tt::gauge::absorb_left(matrix, &cores[mode])?;
        } else {
            let [r, n, s] = core_shape(&cores[mode - 1]);
            let before = reshaped(&self.cores[mode - 1].view(), &[r * n, s])?;
            let columns = matrix.shape()[1];
            cores[mode - 1] = matmul(&before, &matrix.view())?.reshaped(&[r, n, columns])?;
        }
        Ok(Self { cores })
    }
}

/// Σ_i G\[i\], [r, r'].
fn summed<T: Entry>(core: &Tensor<T>) -> Result<Tensor<T>> {
    let [r, n, s] = core_shape(core);
    let mut sum = vec![T::ZERO; r * s];
    for (row, block) in sum
        .chunks_exact_mut(s)
        .zip(core.as_slice().chunks_exact(n * s))
    {
        for part in block.chunks_exact(s) {
            for (total, &x) in row.iter_mut().zip(part) {
                *total = total.add(x);
            }
        }
    }
    Ok(Tensor::from_vec(sum, &[r, s])?)
}

/// A\[i\] ⊗ B\[i\] for every i.
fn kronecker_core<T: Entry>(a: &Tensor<T>, b: &Tensor<T>) -> Result<Tensor<T>> {
    let ([ra, n, sa], [rb, _, sb]) = (core_shape(a), core_shape(b));
    let shape = [ra * rb, n, sa * sb];
    let mut data = Vec::with_capacity(tensegrity_tensor::element_count(&shape)?);
    let (a, b) = (a.as_slice(), b.as_slice());
    for i in 0..ra {
        for k in 0..rb {
            for mode in 0..n {
                let right = &b[(k * n + mode) * sb..][..sb];
                for &x in &a[(i * n + mode) * sa..][..sa] {
                    data.extend(right.iter().map(|&y| x.mul(y)));
                }
            }
        }
    }
    Ok(Tensor::from_vec(data, &shape)?)
}
