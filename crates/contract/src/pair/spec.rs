//! Which wire sits on which axis of a pair contraction.

use smallvec::SmallVec;
use tensegrity_tensor::Axes;

/// The wires of a tensor, axis by axis.
pub type Wires = SmallVec<[u32; 8]>;

/// A contraction of two tensors, or of one if `b` has no axes and is the number one.
///
/// `c[c wires] = Σ a[a wires] · b[b wires]`, summed over every wire that is not
/// on `c`. A wire may repeat on an operand (its diagonal is read), repeat on
/// `c` (the result is zero off the diagonal), or occur on `c` only (the result
/// is constant along it). Every wire of `dims` occurs on some tensor.
///
/// ```
/// use tensegrity_contract::pair::PairSpec;
/// // ij,jk->ik
/// let spec = PairSpec::new(&[8, 9], &[9, 5], &[8, 5], |wire| match wire {
///     8 => 2,
///     9 => 3,
///     _ => 4,
/// });
/// assert_eq!(spec.dims.as_slice(), [2, 3, 4]);
/// assert_eq!(spec.c.as_slice(), [0, 2]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PairSpec {
    /// Wires of the left operand.
    pub a: Wires,
    /// Wires of the right operand.
    pub b: Wires,
    /// Wires of the result.
    pub c: Wires,
    /// Length of each wire.
    pub dims: Axes,
}

impl PairSpec {
    /// A specification over any wire numbers; wires are renumbered from zero by
    /// first occurrence over `a`, `b`, `c`. `dim` gives the length of a wire.
    #[must_use]
    pub fn new(a: &[u32], b: &[u32], c: &[u32], dim: impl Fn(u32) -> usize) -> Self {
        let mut known: Wires = SmallVec::new();
        let mut dims = Axes::new();
        let mut local = |wires: &[u32]| -> Wires {
            (wires.iter())
                .map(|&wire| {
                    let number = known.iter().position(|&w| w == wire).unwrap_or_else(|| {
                        known.push(wire);
                        dims.push(dim(wire));
                        known.len() - 1
                    });
                    number as u32
                })
                .collect()
        };
        let (a, b, c) = (local(a), local(b), local(c));
        Self { a, b, c, dims }
    }

    /// The same contraction with the operands exchanged.
    #[must_use]
    pub fn swapped(&self) -> Self {
        Self {
            a: self.b.clone(),
            b: self.a.clone(),
            c: self.c.clone(),
            dims: self.dims.clone(),
        }
    }

    /// Axis lengths of a tensor with these wires.
    #[must_use]
    pub fn shape(&self, wires: &[u32]) -> Axes {
        wires.iter().map(|&w| self.dims[w as usize]).collect()
    }
}
