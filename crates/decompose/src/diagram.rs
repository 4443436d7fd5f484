//! Every format as a diagram of the spine.
//!
//! Nodes hold the numbers as constants and share them with the network; the
//! codomain lists the modes in order. Bonds of dimension one at the ends of a
//! train are left out.

use std::sync::Arc;

use tensegrity_diagram::{Diagram, WireId};
use tensegrity_tensor::{Array, Tensor};

use crate::{CpTensor, Entry, QuantizedTt, Result, TtTensor, TuckerTensor};

fn array<T: Entry>(tensor: &Tensor<T>) -> Arc<Array> {
    Arc::new(tensor.clone().into())
}

impl<T: Entry> TuckerTensor<T> {
    /// The core with a factor on each leg.
    ///
    /// # Errors
    /// None on a valid network.
    pub fn to_diagram(&self) -> Result<Diagram> {
        let mut diagram = Diagram::new();
        let modes = named(&mut diagram, "i", &self.shape());
        let bonds = named(&mut diagram, "r", self.ranks());
        diagram.constant("core", array(self.core()), &bonds)?;
        for (k, factor) in self.factors().iter().enumerate() {
            diagram.constant(&format!("U{k}"), array(factor), &[modes[k], bonds[k]])?;
        }
        diagram.set_cod(&modes)?;
        Ok(diagram)
    }
}

impl<T: Entry> CpTensor<T> {
    /// Factors and weights on one hyperedge.
    ///
    /// # Errors
    /// None on a valid network.
    pub fn to_diagram(&self) -> Result<Diagram> {
        let mut diagram = Diagram::new();
        let modes = named(&mut diagram, "i", &self.shape());
        let bond = diagram.named_wire("r", self.rank() as u64);
        let weights = self
            .weights()
            .iter()
            .map(|&w| T::from_f64(w, 0.0))
            .collect();
        let weights = Tensor::from_vec(weights, &[self.rank()])?;
        diagram.constant("weights", array(&weights), &[bond])?;
        for (k, factor) in self.factors().iter().enumerate() {
            diagram.constant(&format!("U{k}"), array(factor), &[modes[k], bond])?;
        }
        diagram.set_cod(&modes)?;
        Ok(diagram)
    }
}

impl<T: Entry> TtTensor<T> {
    /// The row of cores.
    ///
    /// # Errors
    /// None on a valid network.
    pub fn to_diagram(&self) -> Result<Diagram> {
        let mut diagram = Diagram::new();
        let modes = named(&mut diagram, "i", &self.shape());
        let legs: Vec<Vec<WireId>> = modes.iter().map(|&mode| vec![mode]).collect();
        self.draw(&mut diagram, &legs)?;
        diagram.set_cod(&modes)?;
        Ok(diagram)
    }

    /// Adds the cores, the mode of core k spread over the legs `modes[k]`.
    fn draw(&self, diagram: &mut Diagram, modes: &[Vec<WireId>]) -> Result<()> {
        let ranks = self.ranks();
        let bonds = named(diagram, "r", &ranks[1..ranks.len() - 1]);
        for (k, core) in self.cores().iter().enumerate() {
            let mut legs: Vec<WireId> = Vec::new();
            legs.extend(k.checked_sub(1).map(|left| bonds[left]));
            legs.extend(&modes[k]);
            legs.extend(bonds.get(k));
            let shape: Vec<usize> = legs
                .iter()
                .map(|wire| diagram.wires()[wire.index()].dim as usize)
                .collect();
            let tensor = core.clone().reshaped(&shape)?;
            diagram.constant(&format!("G{k}"), array(&tensor), &legs)?;
        }
        Ok(())
    }
}

impl<T: Entry> QuantizedTt<T> {
    /// The row of cores; the codomain lists all digits of the first axis, then
    /// of the second, … ([`crate::Quantization::digit_shape`]), whatever their
    /// order in the train, so that the value reshaped to
    /// [`crate::Quantization::padded_shape`] and cropped is the array.
    ///
    /// # Errors
    /// None on a valid network.
    pub fn to_diagram(&self) -> Result<Diagram> {
        let mut diagram = Diagram::new();
        let digits = named(&mut diagram, "d", &self.layout().digit_shape());
        let legs: Vec<Vec<WireId>> = self
            .layout()
            .scales()
            .iter()
            .map(|scale| scale.iter().map(|&axis| digits[axis]).collect())
            .collect();
        self.tt().draw(&mut diagram, &legs)?;
        diagram.set_cod(&digits)?;
        Ok(diagram)
    }
}

fn named(diagram: &mut Diagram, letter: &str, lengths: &[usize]) -> Vec<WireId> {
    lengths
        .iter()
        .enumerate()
        .map(|(k, &n)| diagram.named_wire(&format!("{letter}{k}"), n as u64))
        .collect()
}
