//! Everything that is computed of one row, each thing from the cheapest other.
//!
//! The nodes of the forest are tuples of structures, one a factor of the group;
//! a node's tensor is made from its parent's by one step in one factor. Walked
//! from the roots it *reduces* a tensor to what diagrams pass on; walked back,
//! with every step transposed, it *spreads* what diagrams pass on over a tensor.

use std::collections::HashMap;

use smallvec::SmallVec;
use tensegrity_tensor::Element;

use super::strided::{Axis, Loops, Mode, contiguous};
use super::structure::{Class, Step, Structure};
use super::symbol::Symbol;
use crate::{Group, Result};

/// One factor of a group, with its size.
pub(crate) type Factor = (Group, usize);

/// A tuple of structures and how it is made.
#[derive(Debug)]
struct Node {
    key: Vec<Structure>,
    /// Axes of its tensor, and where those of each factor start.
    dims: Vec<usize>,
    starts: Vec<usize>,
    parent: Option<usize>,
    factor: usize,
    step: Step,
    symbol: Option<Symbol>,
}

/// All nodes of a row; parents come before children.
#[derive(Debug)]
pub(crate) struct Forest {
    factors: Vec<Factor>,
    /// Order of the row in every factor.
    orders: Vec<usize>,
    top: bool,
    nodes: Vec<Node>,
    index: HashMap<Vec<Structure>, usize>,
}

/// A tensor of a piece of a batch: `[batch, channel, row...]` from element
/// `start` on, read or written through strides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    pub batch: usize,
    pub channels: usize,
}

/// Where a node's tensor is.
#[derive(Clone, Copy)]
enum Place {
    /// In the tensor itself, as a diagonal.
    View,
    /// In a buffer `[channel, batch, node...]`.
    Buffer(usize),
}

impl Forest {
    pub(crate) fn new(factors: &[Factor], orders: &[usize], top: bool) -> Self {
        Self {
            factors: factors.to_vec(),
            orders: orders.to_vec(),
            top,
            nodes: vec![],
            index: HashMap::new(),
        }
    }

    /// The node of these structures, added with its ancestors if it is new.
    pub(crate) fn node(&mut self, key: &[Structure]) -> Result<usize> {
        if let Some(&known) = self.index.get(key) {
            return Ok(known);
        }
        let made = key
            .iter()
            .enumerate()
            .rev()
            .find_map(|(factor, structure)| {
                let (parent, step) = structure.parent();
                parent.map(|parent| (factor, parent, step))
            });
        let (parent, factor, step) = match made {
            None => (None, 0, Step::Root),
            Some((factor, structure, step)) => {
                let mut above = key.to_vec();
                above[factor] = structure;
                (Some(self.node(&above)?), factor, step)
            }
        };
        let n = self.factors.get(factor).map_or(0, |&(_, n)| n);
        let symbol = match step {
            Step::Antisymmetrise => Some(Symbol::new(&key[factor], n, self.top)?),
            _ => None,
        };
        let mut dims = Vec::new();
        let mut starts = Vec::new();
        for (structure, &(_, n)) in key.iter().zip(&self.factors) {
            starts.push(dims.len());
            dims.extend(structure.class(n, self.top).dims(n)?);
        }
        starts.push(dims.len());
        self.nodes.push(Node {
            key: key.to_vec(),
            dims,
            starts,
            parent,
            factor,
            step,
            symbol,
        });
        let number = self.nodes.len() - 1;
        self.index.insert(key.to_vec(), number);
        Ok(number)
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Elements of a node's tensor for one channel of one sample.
    pub(crate) fn size(&self, node: usize) -> usize {
        self.nodes[node].dims.iter().product()
    }

    pub(crate) fn classes(&self, node: usize) -> Vec<Class> {
        let key = self.nodes[node].key.iter().zip(&self.factors);
        key.map(|(structure, &(_, n))| structure.class(n, self.top))
            .collect()
    }

    /// Elements of the row's tensor for one channel of one sample.
    pub(crate) fn row_size(&self) -> usize {
        let factors = self.factors.iter().zip(&self.orders);
        factors
            .map(|(&(_, n), &order)| n.pow(order as u32))
            .product()
    }

    /// Multiply-adds of all steps for one channel of one sample.
    pub(crate) fn work(&self) -> u128 {
        self.nodes
            .iter()
            .map(|node| match node.parent {
                Some(parent) => self.size(parent) as u128,
                None => node.dims.iter().map(|&d| d as u128).product(),
            })
            .sum()
    }

    /// Strides of a root's axes in the row's tensor.
    fn root_strides(&self, node: &Node) -> SmallVec<[usize; 8]> {
        let mut dims = Vec::new();
        for (&(_, n), &order) in self.factors.iter().zip(&self.orders) {
            dims.extend(std::iter::repeat_n(n, order));
        }
        let steps = contiguous(&dims);
        let mut strides = SmallVec::new();
        let mut vertex = 0;
        for structure in &node.key {
            let first = strides.len();
            strides.resize(first + structure.roles.len(), 0);
            for &block in &structure.word {
                strides[first + block as usize] += steps[vertex];
                vertex += 1;
            }
        }
        strides
    }

    /// Fills the buffers of `wanted` nodes from a tensor `[batch, channel, row...]`.
    ///
    /// `buffers[node]` must have room for `[channel, batch, node...]`; those of
    /// nodes that are not wanted may be empty, then they are made and dropped.
    pub(crate) fn reduce<T: Element>(&self, x: &[T], piece: Piece, buffers: &mut [Vec<T>]) {
        for (number, node) in self.nodes.iter().enumerate() {
            let view = node.parent.is_none() && buffers[number].is_empty();
            if view {
                continue;
            }
            let size = self.size(number) * piece.batch * piece.channels;
            let mut own = std::mem::take(&mut buffers[number]);
            own.clear();
            own.resize(size, T::ZERO);
            self.step(
                number,
                piece,
                self.place(node.parent, buffers),
                |target, parent| {
                    // The child is written, the parent read.
                    let (parent_start, child_start, loops, mode) = parent;
                    let source = match target {
                        Place::View => x,
                        Place::Buffer(which) => &buffers[which],
                    };
                    loops.run(&mut own, child_start, source, parent_start, mode);
                },
                true,
            );
            buffers[number] = own;
        }
    }

    fn place<T>(&self, parent: Option<usize>, buffers: &[Vec<T>]) -> Place {
        match parent {
            None => Place::View,
            Some(parent) if self.nodes[parent].parent.is_none() && buffers[parent].is_empty() => {
                Place::View
            }
            Some(parent) => Place::Buffer(parent),
        }
    }

    /// Adds what the buffers hold to a tensor `[batch, channel, row...]`, the
    /// transpose of [`Forest::reduce`]. Buffers are used up.
    pub(crate) fn spread<T: Element>(&self, y: &mut [T], piece: Piece, buffers: &mut [Vec<T>]) {
        for (number, node) in self.nodes.iter().enumerate().rev() {
            let own = std::mem::take(&mut buffers[number]);
            if own.is_empty() {
                continue;
            }
            if let Some(parent) = node.parent {
                let inner = self.nodes[parent].parent.is_some();
                if inner && buffers[parent].is_empty() {
                    let size = self.size(parent) * piece.batch * piece.channels;
                    buffers[parent].resize(size, T::ZERO);
                }
            }
            self.step(
                number,
                piece,
                self.place(node.parent, buffers),
                |place, parent| {
                    let (parent_start, child_start, loops, mode) = parent;
                    let target = match place {
                        Place::View => &mut *y,
                        Place::Buffer(which) => &mut buffers[which],
                    };
                    loops.run(target, parent_start, &own, child_start, mode);
                },
                false,
            );
        }
    }

    /// The loops of one step: calls `run` with where the parent is and (first
    /// element of the parent, of the child, loops, mode). With `down` the child
    /// is the target, else the parent is.
    fn step(
        &self,
        number: usize,
        piece: Piece,
        place: Place,
        mut run: impl FnMut(Place, (usize, usize, &Loops, Mode)),
        down: bool,
    ) {
        let node = &self.nodes[number];
        let own = contiguous(&node.dims);
        let size = self.size(number);
        // (length, child stride, parent stride)
        let mut axes: SmallVec<[Axis; 8]> = SmallVec::new();
        let (parent_dims, parent_strides) = match node.parent {
            None => (node.dims.clone(), self.root_strides(node)),
            Some(parent) => {
                let parent = &self.nodes[parent];
                let strides = match place {
                    Place::View => self.root_strides(parent),
                    Place::Buffer(_) => contiguous(&parent.dims),
                };
                (parent.dims.clone(), strides)
            }
        };
        let (channel, batch) = match place {
            Place::View => (self.row_size(), self.row_size() * piece.channels),
            Place::Buffer(_) => {
                let size: usize = parent_dims.iter().product();
                (size * piece.batch, size)
            }
        };
        axes.push((piece.channels, size * piece.batch, channel));
        axes.push((piece.batch, size, batch));
        let start = node.starts[node.factor];
        let mut go = |axes: &[Axis], parent: usize, child: usize, mode: Mode| {
            let loops = Loops::new(axes.iter().map(|&(length, child, parent)| {
                if down {
                    (length, child, parent)
                } else {
                    (length, parent, child)
                }
            }));

            run(place, (parent, child, &loops, mode));
        };
        match &node.step {
            Step::Root => {
                axes.extend(
                    (0..node.dims.len()).map(|k| (node.dims[k], own[k], parent_strides[k])),
                );
                // A target that was zero is set as well as added to.
                go(&axes, 0, 0, if down { Mode::Set } else { Mode::Add });
            }
            Step::Sum { axis } => {
                let summed = start + axis;
                for (k, &length) in parent_dims.iter().enumerate() {
                    let child = match k.cmp(&summed) {
                        std::cmp::Ordering::Less => own[k],
                        std::cmp::Ordering::Equal => 0,
                        std::cmp::Ordering::Greater => own[k - 1],
                    };
                    axes.push((length, child, parent_strides[k]));
                }
                go(&axes, 0, 0, Mode::Add);
            }
            Step::Form { axes: [a, b] } => {
                let (a, b) = (start + a, start + b);
                let mut child = 0;
                for (k, &length) in parent_dims.iter().enumerate() {
                    if k != a && k != b {
                        axes.push((length, own[child], parent_strides[k]));
                        child += 1;
                    }
                }
                let (sa, sb) = (parent_strides[a], parent_strides[b]);
                axes.push((parent_dims[a] / 2, 0, 2 * (sa + sb)));
                go(&axes, sb, 0, Mode::Add);
                go(&axes, sa, 0, Mode::Subtract);
            }
            Step::Antisymmetrise => {
                let Some(symbol) = &node.symbol else { return };
                let factor_end = start + symbol.axes.len() + symbol.kept.len();
                let mut child = 0;
                let outside = (0..start).chain(symbol.kept.iter().map(|&k| start + k));
                for k in outside {
                    axes.push((parent_dims[k], own[child], parent_strides[k]));
                    child += 1;
                }
                let last = own[child];
                for (k, &length) in parent_dims.iter().enumerate().skip(factor_end) {
                    child += 1;
                    axes.push((length, own[child], parent_strides[k]));
                }
                let loops = Loops::new(axes.iter().map(|&(length, child, parent)| {
                    if down {
                        (length, child, parent)
                    } else {
                        (length, parent, child)
                    }
                }));
                for (number, index, sign) in &symbol.entries {
                    let parent: usize = (symbol.axes.iter().zip(index))
                        .map(|(&axis, &i)| parent_strides[start + axis] * i)
                        .sum();
                    let mode = if *sign > 0 { Mode::Add } else { Mode::Subtract };

                    run(place, (parent, number * last, &loops, mode));
                }
            }
        }
    }
}
