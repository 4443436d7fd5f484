//! Symmetry as a candidate of a fit.
//!
//! If trailing axes of an array have one length, its mean over all simultaneous
//! permutations of their indices (the projection onto the equivariant maps of
//! S, one for every index of the other axes) is one number for every pattern of
//! equal indices. It is the nearest array with that symmetry.

use std::sync::Arc;

use tensegrity_diagram::Network;
use tensegrity_fit::{
    Candidate, Family, Fineness, Layout, Plain, Problem, Progress, Registry, Representation,
    Result, Storage, expanded_dtype,
};
use tensegrity_tensor::{Array, DType, Tensor};

use crate::{Group, project};

/// Adds `symmetry` to the candidates of fits.
pub fn register(registry: &mut Registry) {
    registry.add(Arc::new(SymmetryCandidate));
}

/// Most axes that are tried together: Bell(8) = 4140 patterns.
const MAX_AXES: usize = 8;

#[derive(Debug)]
struct SymmetryCandidate;

/// The symmetric part in some trailing axes.
struct Symmetric {
    shape: Vec<usize>,
    axes: usize,
    dtype: DType,
    values: Tensor<f64>,
    share: f64,
}

impl Candidate for SymmetryCandidate {
    fn name(&self) -> &str {
        "symmetry"
    }

    fn propose<'p>(
        &self,
        problem: &'p Problem<'p>,
        progress: &Progress<'_>,
    ) -> Result<Vec<Box<dyn Family + 'p>>> {
        let shape = problem.shape();
        let mut families: Vec<Box<dyn Family + 'p>> = Vec::new();
        let Some(&n) = shape.last() else {
            return Ok(families);
        };
        if n < 2 || problem.dtype().is_complex() || problem.is_large() {
            return Ok(families);
        }
        let equal = shape
            .iter()
            .rev()
            .take_while(|&&length| length == n)
            .count();
        for axes in 2..=equal.min(MAX_AXES) {
            progress.check()?;
            families.push(Box::new(Symmetric::new(problem, axes)?));
        }
        Ok(families)
    }
}

fn failed(error: impl std::fmt::Display) -> tensegrity_fit::Error {
    tensegrity_fit::Error::Candidate {
        structure: "symmetry".to_owned(),
        reason: error.to_string(),
    }
}

impl Symmetric {
    fn new(problem: &Problem<'_>, axes: usize) -> Result<Self> {
        let shape = problem.shape();
        let (lead, inner) = shape.split_at(shape.len() - axes);
        let source: Vec<f64> = match problem.source() {
            Array::F32(x) => x.as_slice().iter().map(|&x| f64::from(x)).collect(),
            Array::F64(x) => x.as_slice().to_vec(),
            Array::I64(x) => x.as_slice().iter().map(|&x| x as f64).collect(),
            _ => return Err(failed("complex arrays are not projected")),
        };
        let mut values = Vec::new();
        let (mut kept, mut total) = (0.0, 0.0);
        for part in source.chunks(inner.iter().product()) {
            let tensor = Tensor::from_vec(part.to_vec(), inner).map_err(failed)?;
            let projection = project(&tensor.into(), Group::Symmetric, 0).map_err(failed)?;
            values.extend(
                projection
                    .terms()
                    .iter()
                    .map(|(_, coefficient)| *coefficient),
            );
            let norm: f64 = part.iter().map(|x| x * x).sum();
            kept += projection.share() * norm;
            total += norm;
        }
        let rows: usize = lead.iter().product();
        let mut stored = lead.to_vec();
        stored.push(values.len() / rows.max(1));
        Ok(Self {
            shape: shape.to_vec(),
            axes,
            dtype: problem.dtype(),
            values: Tensor::from_vec(values, &stored).map_err(failed)?,
            share: if total > 0.0 { kept / total } else { 1.0 },
        })
    }
}

impl Family for Symmetric {
    fn structure(&self) -> &str {
        "symmetry"
    }

    fn detail(&self) -> String {
        format!(
            "{:.1} % S({})-equivariant in {} axes: {} numbers",
            100.0 * self.share,
            self.shape[self.shape.len() - 1],
            self.axes,
            self.values.len()
        )
    }

    fn build(&mut self, _: Fineness) -> Result<Representation> {
        let wires: Vec<u32> = (0..self.shape.len() as u32).collect();
        let network = Network {
            inputs: vec![wires.clone()],
            output: wires,
            dims: self.shape.iter().map(|&n| n as u64).collect(),
        };
        let stored = match expanded_dtype(self.dtype) {
            DType::F32 => DType::F32,
            _ => DType::F64,
        };
        let plain = Plain::new(self.values.clone().into(), stored)?;
        Representation::new(
            "symmetry",
            Layout::plain(&self.shape),
            self.dtype,
            network,
            vec![Storage::Patterned(plain)],
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
