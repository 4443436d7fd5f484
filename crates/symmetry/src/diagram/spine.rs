//! The same diagrams as diagrams of the spine.

use tensegrity_contract::{PlanOptions, run_diagram};
use tensegrity_diagram::{Diagram as Spine, Generator, WireId};
use tensegrity_tensor::{Array, Tensor};

use super::{Diagram, Kind};
use crate::{Error, Group, Result};

impl Diagram {
    /// The diagram among those of the spine: blocks are wires (spiders), pairs
    /// of a symplectic row forms Ω, symbols Levi-Civita nodes. Nothing is stored.
    /// Its boundary is the top row (cod) and the bottom row (dom).
    ///
    /// # Errors
    /// As [`Diagram::check`]; [`Error::Argument`] for orbits, which are sums of
    /// diagrams.
    pub fn to_diagram(&self, group: Group, n: usize) -> Result<Spine> {
        self.build(group, n, false)
    }

    fn build(&self, group: Group, n: usize, applied: bool) -> Result<Spine> {
        self.check(group, n)?;
        if self.kind() == Kind::Orbit {
            return Err(Error::Argument {
                name: "diagram",
                problem: format!("{self} is a sum of diagrams; expand it by orbit_in_diagrams"),
            });
        }
        let dim = n as u64;
        let mut spine = Spine::new();
        let mut ends: Vec<Option<WireId>> = vec![None; self.vertices()];
        let mut blocks = Vec::new();
        for vertices in self.members() {
            let wire = spine.wire(dim);
            blocks.push(wire);
            for &vertex in &vertices {
                ends[vertex] = Some(wire);
            }
            if self.is_form(&vertices, group) {
                let other = spine.wire(dim);
                ends[vertices[1]] = Some(other);
                spine.generator(Generator::Symplectic { dim }, &[wire, other])?;
            }
        }
        for head in &self.heads {
            let mut legs: Vec<WireId> = head.iter().map(|&b| blocks[b as usize]).collect();
            if legs.len() < n {
                // A wire that ends nowhere is summed over.
                legs.push(spine.wire(dim));
            }
            spine.generator(Generator::LeviCivita { n: n as u32 }, &legs)?;
        }
        let ends: Vec<WireId> = ends.into_iter().flatten().collect();
        let (top, bottom) = ends.split_at(self.outputs);
        spine.set_cod(top)?;
        if applied {
            spine.input("x", 0, bottom)?;
        } else {
            spine.set_dom(bottom)?;
        }
        Ok(spine)
    }

    /// The einsum expression of the diagram applied to one operand; forms and
    /// symbols are further operands.
    ///
    /// ```
    /// use tensegrity_symmetry::{Diagram, Group};
    /// let trace: Diagram = "2->2 (0 1)(2 3)".parse()?;
    /// assert_eq!(trace.einsum_string(Group::Orthogonal, 3)?, "aa->bb");
    /// # Ok::<(), tensegrity_symmetry::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Diagram::to_diagram`].
    pub fn einsum_string(&self, group: Group, n: usize) -> Result<String> {
        Ok(self.build(group, n, true)?.to_einsum())
    }

    /// The diagram applied to one tensor of order k by the general contraction
    /// engine, which visits the entries of structured nodes and stores none.
    ///
    /// # Errors
    /// As [`Diagram::to_diagram`]; those of contraction.
    pub fn contract(&self, x: &Tensor<f64>, group: Group, n: usize) -> Result<Array> {
        let spine = self.build(group, n, true)?;
        Ok(run_diagram(&spine, &[x.into()], &PlanOptions::default())?)
    }
}
