//! No structure: every element stored, quantised or exactly.
//!
//! The fallback that makes every error reachable. Quantised, neighbouring
//! elements predict each other in the entropy coder, so smooth arrays and
//! arrays of small integers are stored well below their element size; exactly,
//! an array of integers (or of multiples of a power of two) is stored as such,
//! anything else in its own element type.

use tensegrity_diagram::Network;
use tensegrity_tensor::{Scalar, Tensor};

use crate::candidate::measured;
use crate::representation::relative;
use crate::{
    Candidate, Family, Fineness, Layout, Outlook, Packed, Plain, Problem, Progress, Quantised,
    Representation, Result, Steps, Storage, with_working,
};

#[derive(Debug)]
pub(crate) struct Dense;

impl Candidate for Dense {
    fn name(&self) -> &str {
        "dense"
    }

    fn propose<'p>(
        &self,
        problem: &'p Problem<'p>,
        _: &Progress<'_>,
    ) -> Result<Vec<Box<dyn Family + 'p>>> {
        let mut families: Vec<Box<dyn Family + 'p>> = vec![Box::new(Elements { problem })];
        if let Some(step) = with_working!(problem, x => unit(x)) {
            families.push(Box::new(Exact { problem, step }));
        }
        families.push(Box::new(Verbatim { problem }));
        Ok(families)
    }
}

/// The largest power of two every element is a multiple of, if there is one
/// that leaves small enough integers.
fn unit<T: Scalar>(tensor: &Tensor<T>) -> Option<f32> {
    let (mut lowest, mut highest) = (i32::MAX, i32::MIN);
    for &value in tensor.as_slice() {
        for part in [wide(value.re()), wide(value.im())] {
            if part != 0.0 {
                let (low, high) = exponents(part);
                lowest = lowest.min(low);
                highest = highest.max(high);
            }
        }
        if highest.saturating_sub(lowest) > 56 {
            return None;
        }
    }
    let usable = highest >= lowest && (-100..100).contains(&lowest);
    usable.then(|| 2f32.powi(lowest))
}

/// Exponents of the lowest and the highest bit set in `value`.
fn exponents(value: f64) -> (i32, i32) {
    let bits = value.abs().to_bits();
    let (exponent, fraction) = ((bits >> 52) as i32, bits & ((1 << 52) - 1));
    let (exponent, mantissa) = if exponent == 0 {
        (1, fraction)
    } else {
        (exponent, fraction | 1 << 52)
    };
    let low = exponent - 1075 + mantissa.trailing_zeros() as i32;
    (low, exponent - 1075 + 63 - mantissa.leading_zeros() as i32)
}

fn wide<R: tensegrity_tensor::Real>(value: R) -> f64 {
    value.to_f64()
}

/// The order of axes in which neighbours are likely to be alike: the two
/// longest last. Large arrays stay as they are, which needs no copy.
fn plane_order(problem: &Problem<'_>) -> Vec<usize> {
    let shape = problem.shape();
    let mut order: Vec<usize> = (0..shape.len()).collect();
    if !problem.is_large() {
        let mut longest = order.clone();
        longest.sort_by_key(|&axis| std::cmp::Reverse(shape[axis]));
        longest.truncate(2);
        order.sort_by_key(|axis| longest.contains(axis));
    }
    order
}

/// Elements a judgement about a larger array is based on.
const SAMPLE: usize = 1 << 17;
/// Places in the array a sample is taken from.
const PLACES: usize = 8;

/// About the error and size of the array quantised, from some of its rows.
fn sampled(problem: &Problem<'_>, fineness: Fineness) -> Result<Outlook> {
    let order = plane_order(problem);
    let (bits, distance, share) = with_working!(problem, x => {
        let sorted = if order.is_sorted() { x.clone() } else { x.permuted(&order)? };
        let columns = sorted.shape().last().copied().unwrap_or(1).min(SAMPLE / PLACES);
        let rows = sorted.len() / columns;
        let run = (SAMPLE / PLACES / columns).max(1).min(rows.div_ceil(PLACES));
        let mut sample = Vec::new();
        for place in 0..PLACES {
            let start = place * rows.saturating_sub(run) / (PLACES - 1);
            sample.extend_from_slice(&sorted.as_slice()[start * columns..(start + run) * columns]);
        }
        let shape = [sample.len() / columns, columns];
        let numbers = Quantised::new(&sample, &shape, Steps::Uniform(0), fineness);
        let seen: Vec<_> = numbers.values(fineness.step);
        let distance: f64 = sample.iter().zip(&seen).map(|(&x, &y)| x.sub(y).abs2()).sum();
        (numbers.estimated_bits(), distance, sorted.len() as f64 / sample.len() as f64)
    });
    Ok(Outlook {
        error: relative(distance * share, problem.squared_norm()),
        bytes: 200 + (bits * share / 8.0) as u64,
    })
}

fn quantised(problem: &Problem<'_>, fineness: Fineness) -> Result<Representation> {
    let order = plane_order(problem);
    let shape: Vec<usize> = order.iter().map(|&axis| problem.shape()[axis]).collect();
    let sorted = order.is_sorted();
    let numbers = with_working!(problem, x => {
        let copy;
        let values = if sorted {
            x.as_slice()
        } else {
            copy = x.permuted(&order)?;
            copy.as_slice()
        };
        Quantised::new(values, &shape, Steps::Uniform(0), fineness)
    });
    let network = Network {
        inputs: vec![order.iter().map(|&axis| axis as u32).collect()],
        output: (0..order.len() as u32).collect(),
        dims: problem.shape().iter().map(|&n| n as u64).collect(),
    };
    Representation::new(
        "dense",
        Layout::plain(problem.shape()),
        problem.dtype(),
        network,
        vec![Storage::Packed { per_row: false }],
        Some(Packed::encode(fineness.step, &[&numbers])),
    )
}

/// Elements rounded to a step.
struct Elements<'p> {
    problem: &'p Problem<'p>,
}

impl Family for Elements<'_> {
    fn structure(&self) -> &str {
        "dense"
    }

    fn detail(&self) -> String {
        "quantised elements".into()
    }

    fn build(&mut self, fineness: Fineness) -> Result<Representation> {
        quantised(self.problem, fineness)
    }

    fn outlook(&mut self, problem: &Problem<'_>, fineness: Fineness) -> Result<Outlook> {
        if problem.len() > 2 * SAMPLE {
            return sampled(problem, fineness);
        }
        measured(self, problem, fineness)
    }
}

/// Integers times a power of two.
struct Exact<'p> {
    problem: &'p Problem<'p>,
    step: f32,
}

impl Exact<'_> {
    fn fineness(&self) -> Fineness {
        Fineness {
            step: self.step,
            lambda: 0.0,
        }
    }
}

impl Family for Exact<'_> {
    fn structure(&self) -> &str {
        "dense"
    }

    fn detail(&self) -> String {
        format!("exact multiples of {}", self.step)
    }

    fn build(&mut self, _: Fineness) -> Result<Representation> {
        quantised(self.problem, self.fineness())
    }

    fn outlook(&mut self, problem: &Problem<'_>, fineness: Fineness) -> Result<Outlook> {
        if problem.len() > 2 * SAMPLE {
            return Ok(Outlook {
                error: 0.0,
                ..sampled(problem, self.fineness())?
            });
        }
        measured(self, problem, fineness)
    }

    fn is_fixed(&self) -> bool {
        true
    }
}

/// Elements in the source's own type.
struct Verbatim<'p> {
    problem: &'p Problem<'p>,
}

impl Family for Verbatim<'_> {
    fn structure(&self) -> &str {
        "dense"
    }

    fn detail(&self) -> String {
        format!("{} elements", self.problem.dtype())
    }

    fn outlook(&mut self, problem: &Problem<'_>, fineness: Fineness) -> Result<Outlook> {
        if problem.len() > 2 * SAMPLE {
            // Exact up to the element type's own rounding.
            let bytes = self.build(fineness)?.stored_bytes();
            return Ok(Outlook { error: 0.0, bytes });
        }
        measured(self, problem, fineness)
    }

    fn build(&mut self, _: Fineness) -> Result<Representation> {
        let problem = self.problem;
        let wires: Vec<u32> = (0..problem.shape().len() as u32).collect();
        let network = Network {
            inputs: vec![wires.clone()],
            output: wires,
            dims: problem.shape().iter().map(|&n| n as u64).collect(),
        };
        let plain = Plain::new(problem.source().clone(), problem.dtype())?;
        Representation::new(
            "dense",
            Layout::plain(problem.shape()),
            problem.dtype(),
            network,
            vec![Storage::Plain(plain)],
            None,
        )
    }

    fn is_of_source(&self) -> bool {
        true
    }

    fn is_fixed(&self) -> bool {
        true
    }
}
