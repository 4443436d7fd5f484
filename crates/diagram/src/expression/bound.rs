//! An expression meets shapes.

use smallvec::SmallVec;
use tensegrity_tensor::{Axes, Element, View};

use super::form::{Axis, Expression, Form, Leg};
use crate::{Error, Network, Result};

/// How an operand's array becomes the tensor of the bound network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperandBinding {
    /// Shape to split the array to first (row-major), if it has groups.
    pub split: Option<Axes>,
    /// Axes of length 1, counted after splitting, that are broadcast: they are
    /// dropped. Ascending.
    pub broadcast: SmallVec<[usize; 4]>,
}

impl OperandBinding {
    /// The operand as the network sees it: one axis per wire of its term. No
    /// copy is made.
    ///
    /// # Errors
    /// If `view` does not have the shape the expression was bound to.
    pub fn view<'a, T: Element>(&self, view: &View<'a, T>) -> Result<View<'a, T>> {
        let mut seen = match &self.split {
            None => view.clone(),
            Some(shape) => {
                let split = view.try_reshaped(shape)?;
                split.ok_or_else(|| {
                    Error::Tensor(tensegrity_tensor::Error::ShapeMismatch {
                        what: "einsum group",
                        left: view.shape().to_vec(),
                        right: shape.to_vec(),
                    })
                })?
            }
        };
        for &axis in self.broadcast.iter().rev() {
            seen = seen.indexed(axis, 0)?;
        }
        Ok(seen)
    }
}

/// An expression bound to shapes.
///
/// The result of `network` on the operands seen through
/// [`OperandBinding::view`], reshaped (row-major) to `shape`, is the value.
#[derive(Clone, Debug)]
pub struct Bound {
    /// What is contracted. Wire `w` is index `w` of the expression; wires of
    /// `...` axes follow, leftmost axis first.
    pub network: Network,
    /// What happens to each operand first.
    pub operands: Vec<OperandBinding>,
    /// Shape of the result after merging the groups of the output. Its length
    /// differs from the network's output only if the output has groups.
    pub shape: Vec<usize>,
    expression: Expression,
}

impl Bound {
    /// The expression.
    #[must_use]
    pub fn expression(&self) -> &Expression {
        &self.expression
    }

    /// Name of a wire: its index, or `...k` for the k-th broadcast axis.
    #[must_use]
    pub fn wire_name(&self, wire: u32) -> String {
        let named = self.expression.form.names.len() as u32;
        if wire < named {
            self.expression.form.name(wire)
        } else {
            format!("...{}", wire - named)
        }
    }
}

/// Where a size was first seen.
#[derive(Clone, Copy)]
struct Extent {
    size: usize,
    /// Operand and axis; none if the size was given by keyword.
    place: Option<(u32, u32)>,
}

impl Extent {
    fn describe(self) -> String {
        match self.place {
            Some((operand, axis)) => {
                format!("{} in operand {} (axis {axis})", self.size, operand + 1)
            }
            None => format!("{} as given", self.size),
        }
    }
}

struct Binder<'a> {
    form: &'a Form,
    shapes: &'a [&'a [usize]],
    extents: SmallVec<[Option<Extent>; 12]>,
    /// Sizes of the `...` axes, leftmost first.
    broadcast: SmallVec<[Extent; 4]>,
}

impl Expression {
    /// Fits the expression to operand shapes. Linear in the number of axes.
    ///
    /// # Errors
    /// [`Error::OperandCount`], [`Error::RankMismatch`],
    /// [`Error::SizeConflict`] (with both operands, axes and sizes),
    /// [`Error::GroupSize`], [`Error::UnplacedBroadcast`],
    /// [`Error::TooLarge`] if an operand or the result has more than 2^63
    /// elements.
    pub fn bind(&self, shapes: &[&[usize]]) -> Result<Bound> {
        let form = &*self.form;
        // `->` alone is no operand, or one without axes.
        let nothing = shapes.is_empty() && form.operands() == 1 && form.term(0).is_empty();
        let count = if nothing { 0 } else { form.operands() };
        if shapes.len() != count {
            return Err(self.count_error(shapes.len()));
        }
        let mut binder = Binder {
            form,
            shapes,
            extents: SmallVec::from_elem(None, form.names.len()),
            broadcast: SmallVec::new(),
        };
        binder.check_ranks()?;
        binder.sizes()?;
        let bound = binder.assemble(self)?;
        bound.network.validate()?;
        Ok(bound)
    }
}

impl Binder<'_> {
    /// Counts axes and measures the `...`.
    fn check_ranks(&mut self) -> Result<()> {
        let mut most = 0;
        for (number, shape) in self.shapes.iter().enumerate() {
            let term = self.form.term(number);
            let ellipsis = has_ellipsis(term);
            let named = term.len() - usize::from(ellipsis);
            if shape.len() < named || (!ellipsis && shape.len() > named) {
                return Err(Error::RankMismatch {
                    caret: self.form.term_caret(number),
                    operand: number + 1,
                    shape: shape.to_vec(),
                    named,
                    at_least: if ellipsis { "at least " } else { "" },
                });
            }
            most = most.max(shape.len() - named);
        }
        let one = Extent {
            size: 1,
            place: None,
        };
        self.broadcast = SmallVec::from_elem(one, most);
        let output = self.form.term(self.form.operands());
        if most > 0 && !has_ellipsis(output) {
            return Err(Error::UnplacedBroadcast {
                caret: self.form.term_caret(self.form.operands()),
                axes: most,
            });
        }
        Ok(())
    }

    /// Gives every index its size.
    fn sizes(&mut self) -> Result<()> {
        for index in 0..self.form.names.len() as u32 {
            self.extents[index as usize] = self
                .form
                .size(index)
                .map(|size| Extent { size, place: None });
        }
        let mut groups: SmallVec<[Split; 4]> = SmallVec::new();
        let shapes = self.shapes;
        for (number, &shape) in shapes.iter().enumerate() {
            let term = self.form.term(number);
            let mut axis = 0;
            for &item in term {
                let place = Some((number as u32, axis as u32));
                match item {
                    Axis::Index(leg) => {
                        let size = shape[axis];
                        self.meet(leg, Extent { size, place })?;
                        axis += 1;
                    }
                    Axis::Group { first, count, mark } => {
                        groups.push(Split {
                            operand: number,
                            axis,
                            first,
                            count,
                            mark,
                        });
                        axis += 1;
                    }
                    Axis::Ellipsis { mark } => {
                        let width = shape.len() + 1 - term.len();
                        let skipped = self.broadcast.len() - width;
                        for k in 0..width {
                            let place = Some((number as u32, (axis + k) as u32));
                            let size = shape[axis + k];
                            self.meet_broadcast(skipped + k, Extent { size, place }, mark)?;
                        }
                        axis += width;
                    }
                }
            }
        }
        self.split(groups)
    }

    fn meet(&mut self, leg: Leg, found: Extent) -> Result<()> {
        let known = &mut self.extents[leg.index as usize];
        match known {
            None => *known = Some(found),
            Some(known) if known.size == found.size => {}
            Some(known) if self.form.broadcast && known.size == 1 && known.place.is_some() => {
                *known = found;
            }
            Some(_) if self.form.broadcast && found.size == 1 => {}
            Some(known) => {
                return Err(Error::SizeConflict {
                    caret: self.form.caret(leg.mark),
                    index: format!("index {}", self.form.name(leg.index)),
                    left: known.describe(),
                    right: found.describe(),
                });
            }
        }
        Ok(())
    }

    fn meet_broadcast(&mut self, axis: usize, found: Extent, mark: u32) -> Result<()> {
        let from_right = self.broadcast.len() - axis;
        let known = &mut self.broadcast[axis];
        if known.size == 1 {
            *known = found;
        } else if found.size != 1 && found.size != known.size {
            return Err(Error::SizeConflict {
                caret: self.form.caret(mark),
                index: format!("axis {from_right} of `...` from the right"),
                left: known.describe(),
                right: found.describe(),
            });
        }
        Ok(())
    }

    /// Divides the lengths of grouped axes among their indices, repeating
    /// while one group tells another a size.
    fn split(&mut self, mut groups: SmallVec<[Split; 4]>) -> Result<()> {
        while !groups.is_empty() {
            let before = groups.len();
            let mut failed = None;
            let mut left = SmallVec::new();
            for group in groups {
                match self.split_one(group)? {
                    None => {}
                    Some(unknown) => {
                        failed.get_or_insert((group, unknown));
                        left.push(group);
                    }
                }
            }
            if let Some((group, unknown)) = failed
                && left.len() == before
            {
                let name = self.form.name(unknown.index);
                return Err(self.group_error(
                    group,
                    unknown.mark,
                    format!("index {name} cannot be inferred; give its size"),
                ));
            }
            groups = left;
        }
        Ok(())
    }

    /// Solves one group; returns an index that is still unknown.
    fn split_one(&mut self, group: Split) -> Result<Option<Leg>> {
        let length = self.shapes[group.operand][group.axis];
        let legs = self.form.group(group.first, group.count);
        let mut product = Some(1usize);
        let mut unknown: Option<Leg> = None;
        for &leg in legs {
            match self.extents[leg.index as usize] {
                Some(extent) => product = product.and_then(|p| p.checked_mul(extent.size)),
                // `(h h)` with h unknown is left to the user.
                None if unknown.is_some() => return Ok(unknown),
                None => unknown = Some(leg),
            }
        }
        let parts = || {
            let size = |leg: &Leg| match self.extents[leg.index as usize] {
                Some(extent) => format!("{} = {}", self.form.name(leg.index), extent.size),
                None => format!("{} = ?", self.form.name(leg.index)),
            };
            legs.iter().map(size).collect::<Vec<_>>().join(", ")
        };
        match (unknown, product) {
            (None, Some(product)) if product == length => Ok(None),
            (None, _) => {
                let parts = if legs.is_empty() {
                    "length 1".into()
                } else {
                    parts()
                };
                Err(self.group_error(group, group.mark, format!("that is not {parts}")))
            }
            // Zero times anything is zero: the size stays unknown.
            (Some(leg), Some(0)) if length == 0 => Ok(Some(leg)),
            (Some(leg), Some(product)) if product > 0 && length.is_multiple_of(product) => {
                self.extents[leg.index as usize] = Some(Extent {
                    size: length / product,
                    place: Some((group.operand as u32, group.axis as u32)),
                });
                Ok(None)
            }
            (Some(leg), _) => {
                let reason = format!("that cannot be divided into {}", parts());
                Err(self.group_error(group, leg.mark, reason))
            }
        }
    }

    fn group_error(&self, group: Split, mark: u32, reason: String) -> Error {
        Error::GroupSize {
            caret: self.form.caret(mark),
            operand: group.operand + 1,
            axis: group.axis,
            length: self.shapes[group.operand][group.axis],
            reason,
        }
    }

    fn size(&self, leg: Leg) -> Result<usize> {
        let known = self.extents[leg.index as usize];
        known
            .map(|extent| extent.size)
            .ok_or_else(|| Error::UnknownIndex {
                caret: self.form.caret(leg.mark),
                index: self.form.name(leg.index),
            })
    }

    fn assemble(self, expression: &Expression) -> Result<Bound> {
        let mut inputs = Vec::with_capacity(self.shapes.len());
        let mut operands = Vec::with_capacity(self.shapes.len());
        for number in 0..self.shapes.len() {
            let (wires, operand) = self.operand(number)?;
            inputs.push(wires);
            operands.push(operand);
        }
        let (output, shape) = self.output()?;
        let mut dims = Vec::with_capacity(self.extents.len() + self.broadcast.len());
        // An index of a term nobody bound (no operands) has no size and no use.
        dims.extend(self.extents.iter().map(|e| e.map_or(1, |e| e.size as u64)));
        dims.extend(self.broadcast.iter().map(|e| e.size as u64));
        Ok(Bound {
            network: Network {
                inputs,
                output,
                dims,
            },
            operands,
            shape,
            expression: expression.clone(),
        })
    }

    fn operand(&self, number: usize) -> Result<(Vec<u32>, OperandBinding)> {
        let named = self.form.names.len() as u32;
        let term = self.form.term(number);
        let shape = self.shapes[number];
        let mut wires = Vec::with_capacity(shape.len());
        let mut broadcast = SmallVec::new();
        let mut split = Axes::new();
        let mut grouped = false;
        let mut axis = 0;
        for &item in term {
            match item {
                Axis::Index(leg) => {
                    let length = shape[axis];
                    if length == self.size(leg)? {
                        wires.push(leg.index);
                    } else {
                        broadcast.push(split.len());
                    }
                    split.push(length);
                    axis += 1;
                }
                Axis::Group { first, count, .. } => {
                    for &leg in self.form.group(first, count) {
                        wires.push(leg.index);
                        split.push(self.size(leg)?);
                    }
                    grouped = true;
                    axis += 1;
                }
                Axis::Ellipsis { .. } => {
                    let width = shape.len() + 1 - term.len();
                    let skipped = self.broadcast.len() - width;
                    for k in 0..width {
                        if shape[axis + k] == self.broadcast[skipped + k].size {
                            wires.push(named + (skipped + k) as u32);
                        } else {
                            broadcast.push(split.len());
                        }
                        split.push(shape[axis + k]);
                    }
                    axis += width;
                }
            }
        }
        let split = grouped.then_some(split);
        Ok((wires, OperandBinding { split, broadcast }))
    }

    fn output(&self) -> Result<(Vec<u32>, Vec<usize>)> {
        let named = self.form.names.len() as u32;
        let term = self.form.term(self.form.operands());
        let mut wires = Vec::with_capacity(term.len() + self.broadcast.len());
        let mut shape = Vec::with_capacity(term.len() + self.broadcast.len());
        for &item in term {
            match item {
                Axis::Index(leg) => {
                    wires.push(leg.index);
                    shape.push(self.size(leg)?);
                }
                Axis::Group { first, count, .. } => {
                    let legs = self.form.group(first, count);
                    let sizes = legs.iter().map(|&leg| self.size(leg));
                    let sizes: Vec<usize> = sizes.collect::<Result<_>>()?;
                    wires.extend(legs.iter().map(|leg| leg.index));
                    let merged = sizes
                        .iter()
                        .try_fold(1usize, |p, &size| p.checked_mul(size));
                    let merged = if sizes.contains(&0) { Some(0) } else { merged };
                    shape.push(merged.ok_or_else(|| Error::TooLarge {
                        what: "the output".into(),
                        dims: sizes.iter().map(|&size| size as u64).collect(),
                    })?);
                }
                Axis::Ellipsis { .. } => {
                    wires.extend(named..named + self.broadcast.len() as u32);
                    shape.extend(self.broadcast.iter().map(|e| e.size));
                }
            }
        }
        Ok((wires, shape))
    }
}

/// An axis that holds several indices.
#[derive(Clone, Copy)]
struct Split {
    operand: usize,
    axis: usize,
    first: u32,
    count: u32,
    mark: u32,
}

fn has_ellipsis(term: &[Axis]) -> bool {
    term.iter()
        .any(|axis| matches!(axis, Axis::Ellipsis { .. }))
}
