//! Locally optimal block preconditioned conjugate gradients
//! (Knyazev, SIAM J. Sci. Comput. 23 (2001) 517), with the orthonormal basis of
//! Hetmaniuk and Lehoucq, J. Comput. Phys. 218 (2006) 324.

use tensegrity_tensor::{Scalar, Tensor, View};

use super::lanczos::{Eigenpairs, Wanted, check_count, pairs, quotient};
use super::vectors::{add, check_finite, check_image, combination, dot, norm, real, scale, unit};
use super::{Map, Stop};
use crate::kernel::Kernel;
use crate::operand::Operand;
use crate::{Error, Field, Result, eigh};

/// `k` eigenpairs of a Hermitian map from a block of `k` starting vectors, the
/// columns of `start` (n×k), with a preconditioner `M ≈ A⁻¹` if there is one.
///
/// A step costs one application of map and preconditioner for each vector that
/// has not converged, and about 20·k²·n multiply-adds; 6k vectors of memory.
/// [`Eigenpairs::residuals`] are computed.
///
/// # Errors
/// [`Error::WrongAxes`]; [`Error::BadOption`] if there are no starting vectors,
/// more than dimensions, or [`Wanted::LargestMagnitude`] is asked for;
/// [`Error::NonFinite`], [`Error::BadMap`].
pub fn lobpcg<T: Field>(
    map: &mut Map<'_, T>,
    start: &View<'_, T>,
    preconditioner: Option<&mut Map<'_, T>>,
    wanted: Wanted,
    stop: &Stop,
) -> Result<Eigenpairs<T>> {
    if start.ndim() != 2 {
        return Err(Error::WrongAxes {
            what: "lobpcg",
            argument: "start",
            shape: start.shape().to_vec(),
            wanted: 2,
        });
    }
    T::lobpcg(map, &start.to_tensor(), preconditioner, wanted, stop)
}

/// Vectors with their images.
struct Block<T> {
    vectors: Vec<Vec<T>>,
    images: Vec<Vec<T>>,
}

impl<T: Kernel> Block<T> {
    const fn empty() -> Self {
        Self {
            vectors: Vec::new(),
            images: Vec::new(),
        }
    }

    /// Takes in what of `x` is new, with its image; vectors that are not are
    /// left out.
    fn push(&mut self, mut x: Vec<T>, mut image: Vec<T>) -> bool {
        let before = norm(&x);
        for _ in 0..2 {
            for (v, w) in self.vectors.iter().zip(&self.images) {
                let part = -dot(v, &x);
                add(&mut x, part, v);
                add(&mut image, part, w);
            }
        }
        let after = norm(&x);
        if after <= 1e3 * unit::<T>() * before || after == 0.0 {
            return false;
        }
        scale(&mut x, real(1.0 / after));
        scale(&mut image, real(1.0 / after));
        self.vectors.push(x);
        self.images.push(image);
        true
    }
}

pub(crate) fn block<T: Kernel>(
    map: &mut Map<'_, T>,
    start: &Tensor<T>,
    mut preconditioner: Option<&mut Map<'_, T>>,
    wanted: Wanted,
    stop: &Stop,
) -> Result<Eigenpairs<T>> {
    const WHAT: &str = "lobpcg";
    stop.check(WHAT)?;
    let (n, k) = (start.shape()[0], start.shape()[1]);
    check_count(WHAT, k, n)?;
    check_finite(WHAT, "start", start.as_slice())?;
    if wanted == Wanted::LargestMagnitude {
        return Err(Error::BadOption {
            what: WHAT,
            option: "wanted",
            value: "LargestMagnitude".into(),
            wanted: "ask for the smallest or the largest; `eigsh` finds both ends",
        });
    }
    let steps = std::cell::Cell::new(0);
    let mut apply = |x: &[T]| -> Result<Vec<T>> {
        let mut image = vec![T::ZERO; n];
        map(x, &mut image);
        check_image(WHAT, steps.get(), norm(&image))?;
        steps.set(steps.get() + 1);
        Ok(image)
    };
    let mut space = Block::empty();
    for j in 0..k {
        let column: Vec<T> = (0..n).map(|i| start.as_slice()[i * k + j]).collect();
        let image = apply(&column)?;
        if !space.push(column, image) {
            let other = super::vectors::fresh(n, 0x10B9 + j as u64, &space.vectors);
            let other = other.expect("there are fewer vectors than dimensions");
            let image = apply(&other)?;
            space.push(other, image);
        }
    }
    let (mut values, mut x) = rotate(&space, k, wanted)?;
    let mut directions = Block::<T>::empty();
    loop {
        let largest = values.iter().fold(0.0f64, |most, v| most.max(v.abs()));
        let limit = largest * stop.tolerance.max(unit::<T>());
        let residuals: Vec<Vec<T>> = (0..k)
            .map(|j| {
                let mut r = x.images[j].clone();
                add(&mut r, real(-values[j]), &x.vectors[j]);
                r
            })
            .collect();
        let sizes: Vec<f64> = residuals.iter().map(|r| norm(r)).collect();
        let converged = sizes.iter().all(|&size| size <= limit);
        if converged || steps.get() >= stop.max_steps {
            // Diagonal vectors: the pairs are the block itself.
            let identity: Vec<T> = (0..k * k)
                .map(|at| if at % (k + 1) == 0 { T::ONE } else { T::ZERO })
                .collect();
            let taken: Vec<usize> = (0..k).collect();
            return Ok(pairs(&x.vectors, &identity, &values, &taken, n, |at| {
                (sizes[at], steps.get(), converged)
            }));
        }
        let mut space = Block {
            vectors: x.vectors.clone(),
            images: x.images.clone(),
        };
        for (residual, &size) in residuals.iter().zip(&sizes) {
            if size <= limit {
                continue;
            }
            let mut w = vec![T::ZERO; n];
            match &mut preconditioner {
                Some(map) => map(residual, &mut w),
                None => w.copy_from_slice(residual),
            }
            let size = norm(&w);
            check_image(WHAT, steps.get(), size)?;
            // Only what is orthogonal to the block is worth an application.
            for _ in 0..2 {
                for v in &space.vectors {
                    let part = -dot(v, &w);
                    add(&mut w, part, v);
                }
            }
            let rest = norm(&w);
            if rest > 1e3 * unit::<T>() * size && rest > 0.0 {
                scale(&mut w, real(1.0 / rest));
                let image = apply(&w)?;
                space.push(w, image);
            }
        }
        for (v, image) in directions.vectors.into_iter().zip(directions.images) {
            space.push(v, image);
        }
        if space.vectors.len() == k {
            // Nothing new to try.
            let taken: Vec<usize> = (0..k).collect();
            let identity: Vec<T> = (0..k * k)
                .map(|at| if at % (k + 1) == 0 { T::ONE } else { T::ZERO })
                .collect();
            return Ok(pairs(&x.vectors, &identity, &values, &taken, n, |at| {
                (sizes[at], steps.get(), false)
            }));
        }
        let factors = ritz(&space, wanted)?;
        values = factors.values[..k].to_vec();
        let combined = |from: usize, j: usize, of: &[Vec<T>]| {
            let m = space.vectors.len();
            let factors: Vec<T> = (from..m)
                .map(|i| factors.vectors[i * m + factors.order[j]])
                .collect();
            combination(&of[from..], &factors, n)
        };
        directions = Block {
            vectors: (0..k).map(|j| combined(k, j, &space.vectors)).collect(),
            images: (0..k).map(|j| combined(k, j, &space.images)).collect(),
        };
        x = Block {
            vectors: (0..k).map(|j| combined(0, j, &space.vectors)).collect(),
            images: (0..k).map(|j| combined(0, j, &space.images)).collect(),
        };
        for j in 0..k {
            // Combinations of images drift; the quotient does not lie.
            values[j] = quotient(&x.vectors[j], &x.images[j]);
        }
    }
}

/// Eigenpairs of the projected problem, best first.
struct Ritz<T> {
    values: Vec<f64>,
    vectors: Vec<T>,
    order: Vec<usize>,
}

fn ritz<T: Kernel>(space: &Block<T>, wanted: Wanted) -> Result<Ritz<T>> {
    let m = space.vectors.len();
    let mut h = vec![T::ZERO; m * m];
    for i in 0..m {
        for j in 0..=i {
            let entry = dot(&space.vectors[i], &space.images[j]);
            h[i * m + j] = entry;
            h[j * m + i] = Scalar::conj(entry);
        }
    }
    let solved = eigh::dense(Operand::of_slice(&h, m, m))?;
    let order = wanted.order(&solved.values);
    Ok(Ritz {
        values: order.iter().map(|&at| solved.values[at]).collect(),
        vectors: solved.vectors.into_vec(),
        order,
    })
}

/// The first `k` Ritz pairs of an orthonormal block.
fn rotate<T: Kernel>(space: &Block<T>, k: usize, wanted: Wanted) -> Result<(Vec<f64>, Block<T>)> {
    let found = ritz(space, wanted)?;
    let m = space.vectors.len();
    let n = space.vectors.first().map_or(0, Vec::len);
    let combined = |j: usize, of: &[Vec<T>]| {
        let factors: Vec<T> = (0..m)
            .map(|i| found.vectors[i * m + found.order[j]])
            .collect();
        combination(of, &factors, n)
    };
    let block = Block {
        vectors: (0..k).map(|j| combined(j, &space.vectors)).collect(),
        images: (0..k).map(|j| combined(j, &space.images)).collect(),
    };
    Ok((found.values[..k].to_vec(), block))
}
