//! Diagrams as morphisms of a compact closed category.
//!
//! A diagram D goes from `dom` to `cod`; as a matrix its rows are cod and its
//! columns dom. The operations glue and bend wires and never look at a tensor.
//!
//! Guarantees: associativity, units, interchange, the snake equations,
//! naturality of the swap, spider fusion and the special Frobenius law hold for
//! values exactly and for [`Diagram::canonical`] forms literally. Cost: linear
//! in the size of the diagrams involved.

use std::sync::Arc;

use tensegrity_tensor::c128;

use crate::generator::check_permutation;
use crate::lower::Fusion;
use crate::node::{NodeId, Payload};
use crate::{Diagram, Error, Generator, Port, Result, Space, WireId};

impl Diagram {
    /// The identity on `spaces`.
    #[must_use]
    pub fn id(spaces: &[Space]) -> Self {
        Self::wiring(spaces, spaces, &(0..spaces.len()).collect::<Vec<_>>())
    }

    /// The swap A⊗B → B⊗A.
    #[must_use]
    pub fn swap(a: &[Space], b: &[Space]) -> Self {
        let order: Vec<usize> = (a.len()..a.len() + b.len()).chain(0..a.len()).collect();
        let inputs = [a, b].concat();
        let outputs = [b, a].concat();
        Self::wiring(&inputs, &outputs, &order)
    }

    /// The permutation whose output `k` is input `order[k]`, as NumPy's `transpose`.
    ///
    /// # Errors
    /// [`Error::NotAPermutation`].
    pub fn permute(spaces: &[Space], order: &[usize]) -> Result<Self> {
        check_permutation(order, spaces.len())?;
        let outputs: Vec<Space> = order.iter().map(|&k| spaces[k].clone()).collect();
        Ok(Self::wiring(spaces, &outputs, order))
    }

    /// One wire an input, output `k` on the wire of input `order[k]`.
    fn wiring(inputs: &[Space], outputs: &[Space], order: &[usize]) -> Self {
        let mut diagram = Self::new();
        for space in inputs {
            diagram.wire(space.dim);
        }
        let port = |wire: usize, space: &Space| Port {
            wire: WireId::of(wire),
            variance: space.variance.clone(),
        };
        diagram.dom = inputs.iter().enumerate().map(|(k, s)| port(k, s)).collect();
        diagram.cod = order
            .iter()
            .zip(outputs)
            .map(|(&k, s)| port(k, s))
            .collect();
        diagram
    }

    /// The cup 1 → A⊗A*: a wire bent so that both ends are outputs.
    #[must_use]
    pub fn cup(space: &Space) -> Self {
        Self::id(std::slice::from_ref(space)).curried(1)
    }

    /// The cap A*⊗A → 1: a wire bent so that both ends are inputs.
    #[must_use]
    pub fn cap(space: &Space) -> Self {
        let mut diagram = Self::id(&[space.dual()]);
        let port = diagram.cod.remove(0).dual();
        diagram.dom.push(port);
        diagram
    }

    /// The spider with `inputs` inputs and `outputs` outputs: one if all
    /// indices agree, else zero. It is a single wire.
    #[must_use]
    pub fn spider(space: &Space, inputs: usize, outputs: usize) -> Self {
        let mut diagram = Self::new();
        let port = Port {
            wire: diagram.wire(space.dim),
            variance: space.variance.clone(),
        };
        diagram.dom = vec![port.clone(); inputs];
        diagram.cod = vec![port; outputs];
        diagram
    }

    /// A number.
    #[must_use]
    pub fn scalar(value: c128) -> Self {
        let mut diagram = Self::new();
        diagram
            .generator(Generator::Scalar(value), &[])
            .expect("a scalar has no legs to be wrong about");
        diagram
    }

    /// A generator as a morphism from its inputs to its outputs.
    ///
    /// # Errors
    /// As [`Generator::validate`].
    pub fn from_generator(generator: Generator) -> Result<Self> {
        generator.validate()?;
        let (dom, cod) = (generator.inputs(), generator.outputs());
        let name = generator.symbol();
        let spaces = |dims: Vec<u64>| dims.into_iter().map(Space::plain).collect::<Vec<_>>();
        Self::morphism(
            &name,
            Payload::Generator(generator),
            &spaces(dom),
            &spaces(cod),
        )
    }

    /// A single tensor as a morphism; its legs are `cod`, then `dom`.
    ///
    /// # Errors
    /// As [`Diagram::node`].
    ///
    /// ```
    /// use tensegrity_diagram::{Diagram, Payload, SlotId, Space};
    /// let space = Space::list(&[2, 3, 4]);
    /// // A: 3 → 2 and B: 4 → 3 compose to 4 → 2.
    /// let a = Diagram::morphism("A", Payload::Input(SlotId(0)), &space[1..2], &space[..1])?;
    /// let b = Diagram::morphism("B", Payload::Input(SlotId(1)), &space[2..], &space[1..2])?;
    /// assert_eq!(Diagram::compose(&a, &b)?.shape(), [2, 4]);
    /// # Ok::<(), tensegrity_diagram::Error>(())
    /// ```
    pub fn morphism(name: &str, payload: Payload, dom: &[Space], cod: &[Space]) -> Result<Self> {
        let mut diagram = Self::new();
        let mut ports = |spaces: &[Space]| -> Vec<Port> {
            let port = |space: &Space| Port {
                wire: diagram.wire(space.dim),
                variance: space.variance.clone(),
            };
            spaces.iter().map(port).collect()
        };
        let (cod, dom) = (ports(cod), ports(dom));
        let legs: Vec<WireId> = cod.iter().chain(&dom).map(|p| p.wire).collect();
        diagram.node(name, payload, &legs)?;
        (diagram.cod, diagram.dom) = (cod, dom);
        Ok(diagram)
    }

    /// g∘f: first `f`, then `g`.
    ///
    /// # Errors
    /// [`Error::ArityMismatch`], [`Error::ShapeMismatch`] or
    /// [`Error::VarianceMismatch`] if the outputs of `f` are not the inputs of
    /// `g`; [`Error::SlotConflict`].
    pub fn compose(g: &Self, f: &Self) -> Result<Self> {
        let (left, right) = (f.cod_spaces(), g.dom_spaces());
        check_boundary("compose: outputs of f and inputs of g", &left, &right)?;
        let mut both = Self::juxtapose(f, g)?;
        let shift = f.wires.len() as u32;
        let glue = |(a, b): (&Port, &Port)| (a.wire.0, b.wire.0 + shift);
        let pairs: Vec<(u32, u32)> = f.cod.iter().zip(&g.dom).map(glue).collect();
        both.cod.drain(..f.cod.len());
        both.dom.truncate(f.dom.len());
        both.fuse(&pairs);
        Ok(both)
    }

    /// `next`∘`self`: [`Diagram::compose`] in reading order.
    ///
    /// # Errors
    /// As [`Diagram::compose`].
    pub fn then(&self, next: &Self) -> Result<Self> {
        Self::compose(next, self)
    }

    /// f⊗g: side by side.
    ///
    /// # Errors
    /// [`Error::SlotConflict`] if both use one slot with different shapes.
    pub fn tensor(&self, other: &Self) -> Result<Self> {
        Self::juxtapose(self, other)
    }

    /// The transpose: inputs and outputs change places and become dual.
    #[must_use]
    pub fn transpose(&self) -> Self {
        let mut diagram = self.clone();
        diagram.dom = self.cod.iter().cloned().map(Port::dual).collect();
        diagram.cod = self.dom.iter().cloned().map(Port::dual).collect();
        diagram
    }

    /// The adjoint: inputs and outputs change places, values are conjugated.
    #[must_use]
    pub fn dagger(&self) -> Self {
        let mut diagram = self.clone();
        std::mem::swap(&mut diagram.dom, &mut diagram.cod);
        for node in &mut diagram.nodes {
            node.conj = !node.conj;
        }
        diagram
    }

    /// Glues the last `k` outputs to the last `k` inputs.
    ///
    /// # Errors
    /// [`Error::ArityMismatch`] if there are fewer, else as [`Diagram::compose`].
    pub fn trace(&self, k: usize) -> Result<Self> {
        let (inputs, outputs) = (self.dom.len(), self.cod.len());
        if k > inputs.min(outputs) {
            return Err(Error::ArityMismatch {
                what: "trace: boundary positions to glue".into(),
                found: inputs.min(outputs),
                expected: k,
            });
        }
        check_boundary(
            "trace: last outputs and last inputs",
            &self.cod_spaces()[outputs - k..],
            &self.dom_spaces()[inputs - k..],
        )?;
        let mut diagram = self.clone();
        let ends = diagram.cod.split_off(outputs - k);
        let starts = diagram.dom.split_off(inputs - k);
        let pairs: Vec<(u32, u32)> = ends
            .iter()
            .zip(&starts)
            .map(|(a, b)| (a.wire.0, b.wire.0))
            .collect();
        diagram.fuse(&pairs);
        Ok(diagram)
    }

    /// Bends the last `k` inputs round to become the last outputs.
    ///
    /// # Errors
    /// [`Error::ArityMismatch`] if there are fewer than `k` inputs.
    pub fn curry(&self, k: usize) -> Result<Self> {
        if k > self.dom.len() {
            return Err(Error::ArityMismatch {
                what: "curry: inputs to bend".into(),
                found: self.dom.len(),
                expected: k,
            });
        }
        Ok(self.clone().curried(k))
    }

    fn curried(mut self, k: usize) -> Self {
        let bent = self.dom.split_off(self.dom.len() - k);
        self.cod.extend(bent.into_iter().map(Port::dual));
        self
    }

    /// Bends the last `k` outputs round to become the last inputs: the inverse
    /// of [`Diagram::curry`].
    ///
    /// # Errors
    /// [`Error::ArityMismatch`] if there are fewer than `k` outputs.
    pub fn uncurry(&self, k: usize) -> Result<Self> {
        if k > self.cod.len() {
            return Err(Error::ArityMismatch {
                what: "uncurry: outputs to bend".into(),
                found: self.cod.len(),
                expected: k,
            });
        }
        let mut diagram = self.clone();
        let bent = diagram.cod.split_off(self.cod.len() - k);
        diagram.dom.extend(bent.into_iter().map(Port::dual));
        Ok(diagram)
    }

    /// Moves every slot number up by `offset`, to keep the arguments of two
    /// diagrams apart before they are joined.
    ///
    /// # Panics
    /// If a slot number overflows 32 bits.
    #[must_use]
    pub fn shift_slots(&self, offset: u32) -> Self {
        let shift = |slot: &mut crate::SlotId| {
            slot.0 = slot
                .0
                .checked_add(offset)
                .expect("slot numbers fit 32 bits");
        };
        let mut diagram = self.clone();
        for node in &mut diagram.nodes {
            if let Payload::Input(slot) = &mut node.payload {
                shift(slot);
            }
        }
        diagram.slots = std::mem::take(&mut diagram.slots)
            .into_iter()
            .map(|(mut slot, node)| {
                shift(&mut slot);
                (slot, node)
            })
            .collect();
        diagram
    }

    /// Both diagrams in one, boundaries concatenated.
    fn juxtapose(f: &Self, g: &Self) -> Result<Self> {
        let mut both = f.clone();
        let shift = f.wires.len() as u32;
        let moved = |wire: WireId| WireId(wire.0 + shift);
        let moved_port = |port: &Port| Port {
            wire: moved(port.wire),
            variance: port.variance.clone(),
        };
        both.wires.extend(g.wires.iter().cloned());
        both.dom.extend(g.dom.iter().map(moved_port));
        both.cod.extend(g.cod.iter().map(moved_port));
        let first = both.nodes.len() as u32;
        both.nodes.extend(g.nodes.iter().map(|node| {
            let mut node = node.clone();
            for leg in &mut node.legs {
                *leg = moved(*leg);
            }
            node
        }));
        for (&slot, &node) in &g.slots {
            let id = NodeId(node.0 + first);
            let legs = both.nodes[id.0 as usize].legs.clone();
            both.claim_slot(slot, id, &legs)?;
        }
        Ok(both)
    }

    /// Identifies the wires of each pair and renumbers what is left in order.
    fn fuse(&mut self, pairs: &[(u32, u32)]) {
        let mut fusion = Fusion::new(self.wires.len());
        for &(a, b) in pairs {
            fusion.union(a, b);
        }
        let mut numbers = vec![0; self.wires.len()];
        let mut kept: Vec<crate::Wire> = Vec::with_capacity(self.wires.len());
        for (wire, data) in std::mem::take(&mut self.wires).into_iter().enumerate() {
            let root = fusion.find(wire as u32) as usize;
            if root == wire {
                numbers[wire] = kept.len() as u32;
                kept.push(data);
            } else {
                numbers[wire] = numbers[root];
                let name = &mut kept[numbers[root] as usize].name;
                if name.is_none() {
                    *name = data.name.as_ref().map(Arc::clone);
                }
            }
        }
        self.wires = kept;
        let legs = self.nodes.iter_mut().flat_map(|node| &mut node.legs);
        let ends = self
            .dom
            .iter_mut()
            .chain(&mut self.cod)
            .map(|p| &mut p.wire);
        for wire in legs.chain(ends) {
            wire.0 = numbers[wire.index()];
        }
    }
}

impl Port {
    /// The same end, bent.
    pub(crate) fn dual(self) -> Self {
        Self {
            variance: self.variance.dual(),
            wire: self.wire,
        }
    }
}

fn check_boundary(what: &'static str, left: &[Space], right: &[Space]) -> Result<()> {
    if left.len() != right.len() {
        return Err(Error::ArityMismatch {
            what: what.into(),
            found: left.len(),
            expected: right.len(),
        });
    }
    for (position, (l, r)) in left.iter().zip(right).enumerate() {
        if l.dim != r.dim {
            return Err(Error::ShapeMismatch {
                what,
                position,
                left: l.dim,
                right: r.dim,
            });
        }
        if !l.variance.fits(&r.variance) {
            return Err(Error::VarianceMismatch {
                what,
                position,
                left: l.variance.to_string(),
                right: r.variance.to_string(),
            });
        }
    }
    Ok(())
}
