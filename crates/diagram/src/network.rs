//! A contraction seen by a planner: wires, operands and an output, no values.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Which wires each operand carries, which the result carries, and how long
/// each wire is.
///
/// Wires are numbered `0..dims.len()`. The value is
/// `result[output] = Σ Π_t operand_t[inputs[t]]`, summed over every wire that is
/// not in `output`. A wire may
/// - repeat within one operand: the operand's diagonal is read;
/// - occur in any number of operands: a copy tensor (hyperedge), at no cost;
/// - repeat in `output`: the result is zero off that diagonal;
/// - occur in `output` only: the result is constant along it (all ones times
///   the rest), or an identity matrix if it occurs twice there;
/// - occur nowhere: the result is multiplied by its length.
///
/// A dimension of zero is legal.
///
/// ```
/// use tensegrity_diagram::Network;
/// // ij,jk->ik with i = 2, j = 3, k = 4
/// let product = Network {
///     inputs: vec![vec![0, 1], vec![1, 2]],
///     output: vec![0, 2],
///     dims: vec![2, 3, 4],
/// };
/// product.validate()?;
/// assert_eq!(product.output_size(), 8.0);
/// # Ok::<(), tensegrity_diagram::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Network {
    /// Wires of each operand, in the order of its axes.
    pub inputs: Vec<Vec<u32>>,
    /// Wires of the result, in the order of its axes.
    pub output: Vec<u32>,
    /// Dimension of each wire.
    pub dims: Vec<u64>,
}

impl Network {
    /// Checks that every wire exists and that no operand nor the result has
    /// more than 2^63 elements. Intermediates are the planner's affair.
    ///
    /// # Errors
    /// [`Error::UnknownWire`], [`Error::TooLarge`].
    pub fn validate(&self) -> Result<()> {
        self.check_wires()?;
        for (number, term) in self.inputs.iter().enumerate() {
            self.check_size(term, || format!("operand {number}"))?;
        }
        self.check_size(&self.output, || "the output".to_owned())
    }

    /// Checks that every wire exists.
    pub(crate) fn check_wires(&self) -> Result<()> {
        for (number, term) in self.inputs.iter().enumerate() {
            self.check_term(term, || format!("operand {number}"))?;
        }
        self.check_term(&self.output, || "the output".to_owned())
    }

    fn check_term(&self, term: &[u32], name: impl Fn() -> String) -> Result<()> {
        if let Some(&wire) = term.iter().find(|&&w| w as usize >= self.dims.len()) {
            return Err(Error::UnknownWire {
                what: name(),
                wire,
                wires: self.dims.len(),
            });
        }
        Ok(())
    }

    fn check_size(&self, term: &[u32], name: impl Fn() -> String) -> Result<()> {
        let dims = || term.iter().map(|&w| self.dims[w as usize]);
        let fits = dims().any(|d| d == 0)
            || dims()
                .try_fold(1u64, u64::checked_mul)
                .is_some_and(|n| n <= i64::MAX as u64);
        if fits {
            Ok(())
        } else {
            Err(Error::TooLarge {
                what: name(),
                dims: dims().collect(),
            })
        }
    }

    /// Shape of a list of wires.
    ///
    /// # Panics
    /// If a wire does not exist; see [`Network::validate`].
    #[must_use]
    pub fn shape_of(&self, wires: &[u32]) -> Vec<u64> {
        wires.iter().map(|&w| self.dims[w as usize]).collect()
    }

    /// Number of elements of a tensor over `wires`, as a float because
    /// intermediates of a bad order overflow any integer.
    ///
    /// # Panics
    /// If a wire does not exist; see [`Network::validate`].
    #[must_use]
    pub fn size_of(&self, wires: &[u32]) -> f64 {
        wires
            .iter()
            .map(|&w| self.dims[w as usize] as f64)
            .product()
    }

    /// Number of elements of the result.
    ///
    /// # Panics
    /// As [`Network::size_of`].
    #[must_use]
    pub fn output_size(&self) -> f64 {
        self.size_of(&self.output)
    }

    /// Number of elements of all operands together.
    ///
    /// # Panics
    /// As [`Network::size_of`].
    #[must_use]
    pub fn input_size(&self) -> f64 {
        self.inputs.iter().map(|term| self.size_of(term)).sum()
    }

    /// The einsum expression, with wires spelled as letters.
    ///
    /// Wires are lettered `a…z`, `A…Z`, then on through the letters of Unicode
    /// from `À`; a network with more wires than there are letters is spelled
    /// in the named form (`w0 w1, w1 w2 -> w0 w2`). A wire that occurs in the output
    /// only is written too; the reader has to be told its size.
    ///
    /// ```
    /// use tensegrity_diagram::Network;
    /// let trace = Network { inputs: vec![vec![1, 1]], output: vec![], dims: vec![2, 3] };
    /// assert_eq!(trace.to_einsum(), "bb->");
    /// ```
    #[must_use]
    pub fn to_einsum(&self) -> String {
        let alphabet: Vec<char> = ('a'..='z')
            .chain('A'..='Z')
            .chain(('À'..=char::MAX).filter(|c| c.is_alphabetic()))
            .take(self.dims.len())
            .collect();
        let letters = alphabet.len() == self.dims.len();
        let spell = |term: &Vec<u32>| -> String {
            if letters {
                return term.iter().map(|&w| alphabet[w as usize]).collect();
            }
            let names: Vec<String> = term.iter().map(|w| format!("w{w}")).collect();
            names.join(" ")
        };
        let inputs: Vec<String> = self.inputs.iter().map(spell).collect();
        let (comma, arrow) = if letters { (",", "->") } else { (", ", " -> ") };
        format!("{}{arrow}{}", inputs.join(comma), spell(&self.output))
    }

    /// How many operands carry each wire (a wire repeated on one operand counts once).
    ///
    /// # Panics
    /// As [`Network::size_of`].
    #[must_use]
    pub fn degrees(&self) -> Vec<u32> {
        let mut degrees = vec![0; self.dims.len()];
        let mut last = vec![usize::MAX; self.dims.len()];
        for (number, term) in self.inputs.iter().enumerate() {
            for &wire in term {
                if std::mem::replace(&mut last[wire as usize], number) != number {
                    degrees[wire as usize] += 1;
                }
            }
        }
        degrees
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(inputs: &[&[u32]], output: &[u32], dims: &[u64]) -> Network {
        Network {
            inputs: inputs.iter().map(|t| t.to_vec()).collect(),
            output: output.to_vec(),
            dims: dims.to_vec(),
        }
    }

    #[test]
    fn sizes_and_degrees_count_wires() {
        let net = network(&[&[0, 0, 1], &[1, 2], &[1]], &[0, 2], &[2, 3, 5]);
        net.validate().unwrap();
        assert_eq!(net.degrees(), [1, 3, 1]);
        assert_eq!(net.input_size(), 12.0 + 15.0 + 3.0);
        assert_eq!(net.output_size(), 10.0);
        assert_eq!(net.shape_of(&[2, 0]), [5, 2]);
    }

    #[test]
    fn missing_wires_and_overflow_are_errors() {
        let missing = network(&[&[0, 7]], &[], &[2]).validate();
        assert!(matches!(missing, Err(Error::UnknownWire { wire: 7, .. })));
        let large = network(&[], &[0, 1], &[1 << 40, 1 << 40]).validate();
        assert!(matches!(large, Err(Error::TooLarge { .. })));
        network(&[&[0, 1, 2]], &[], &[1 << 40, 0, 1 << 40])
            .validate()
            .unwrap();
    }
}
