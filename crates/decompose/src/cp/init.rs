//! Where CP-ALS starts.

use tensegrity_linalg::{SvdMethod, Truncation};
use tensegrity_tensor::{SplitMix64, Tensor, View};

use crate::leading::leading;
use crate::{CpInit, CpOptions, Entry, Error, Result};

/// Factors for a dense `x` whose axis `k` is original mode `order[k]`, columns
/// not normalised, weights of a given model in the factor of original mode 0.
pub(crate) fn factors<T: Entry>(
    x: &View<'_, T>,
    order: &[usize],
    norm: f64,
    rank: usize,
    options: &CpOptions<T>,
) -> Result<Vec<Tensor<T>>> {
    let mut result = Vec::with_capacity(order.len());
    for (axis, &mode) in order.iter().enumerate() {
        // One stream for each original mode: the layout in memory does not matter.
        let mut rng = SplitMix64::derived(options.seed, mode as u64);
        let n = x.shape()[axis];
        let factor = match &options.init {
            CpInit::Random => rng.normal_tensor(&[n, rank]),
            CpInit::Uniform => uniform(&mut rng, n, rank),
            // The first factor of a sweep is computed from the others before
            // it is used.
            CpInit::Svd if axis == 0 => rng.normal_tensor(&[n, rank]),
            CpInit::Svd => {
                let others = x.len() / n;
                let known = rank.min(n).min(others);
                let vectors = leading(x, axis, &Truncation::rank(known), SvdMethod::Auto, norm)?.u;
                completed(&vectors, rank, &mut rng)?
            }
            CpInit::Given(model) => {
                let given = &model.factors()[mode];
                let mut given = given.clone();
                if mode == 0 {
                    crate::cp::tensor::scale_columns(&mut given, model.weights());
                }
                completed(&given, rank, &mut rng)?
            }
        };
        result.push(factor);
    }
    Ok(result)
}

/// Checks that a given model fits.
pub(crate) fn check<T: Entry>(shape: &[usize], rank: usize, options: &CpOptions<T>) -> Result<()> {
    let problem = |problem: String| Error::Option {
        name: "init",
        problem,
    };
    if let CpInit::Given(model) = &options.init {
        if model.shape() != shape {
            return Err(problem(format!(
                "the model given has shape {:?}, the tensor {shape:?}",
                model.shape()
            )));
        }
        if model.rank() > rank {
            return Err(problem(format!(
                "the model given has rank {}, more than the {rank} asked for",
                model.rank()
            )));
        }
    }
    for &mode in &options.fixed {
        crate::unfold::check_mode("fixed", mode, shape.len())?;
        let full = matches!(&options.init, CpInit::Given(model) if model.rank() == rank);
        if !full {
            return Err(Error::Option {
                name: "fixed",
                problem: format!(
                    "mode {mode} can only stay as given if a model of rank {rank} is given"
                ),
            });
        }
    }
    Ok(())
}

fn uniform<T: Entry>(rng: &mut SplitMix64, rows: usize, columns: usize) -> Tensor<T> {
    let data = (0..rows * columns)
        .map(|_| {
            let re = rng.uniform();
            T::from_f64(re, if T::IS_COMPLEX { rng.uniform() } else { 0.0 })
        })
        .collect();
    Tensor::from_vec(data, &[rows, columns]).expect("the data was made for the shape")
}

/// The matrix with random columns appended, scaled to the norm of a typical
/// given one.
fn completed<T: Entry>(given: &Tensor<T>, rank: usize, rng: &mut SplitMix64) -> Result<Tensor<T>> {
    let (rows, known) = (given.shape()[0], given.shape()[1]);
    if known == rank {
        return Ok(given.clone());
    }
    let mut extra = rng.normal_tensor::<T>(&[rows, rank - known]);
    let norms = crate::cp::tensor::normalize_columns(&mut extra);
    debug_assert_eq!(norms.len(), rank - known);
    let mut result = Tensor::zeros(&[rows, rank])?;
    let target = result.view_mut().sliced(1, 0..known)?;
    tensegrity_tensor::copy_into(&mut { target }, &given.view())?;
    let target = result.view_mut().sliced(1, known..rank)?;
    tensegrity_tensor::copy_into(&mut { target }, &extra.view())?;
    Ok(result)
}
