//! What `fit` finds: a diagram, its numbers and the way back to the array.
//!
//! The value of the diagram is the array over finer axes ([`Layout`]); its
//! nodes are stored in a packed stream of integers or plainly. On disk it is a
//! `.tsg` file, which is a safetensors file whose `__metadata__` has
//! - `tsg`: version of the format;
//! - `structure`: the name of the format found;
//! - `einsum`, `dims`: the diagram, as an expression over lettered wires
//!   (`a…z`, `A…Z`, then Unicode's letters from `À`) and their dimensions;
//! - `axes`: how many of the output's wires make up each axis of the array
//!   (left out if one each);
//! - `dtype`, `shape`: of the array fitted;
//! - `nodes`: one letter per operand, `u` packed with one step, `r` packed
//!   with a step per row, `p` plain, `s` plain by pattern (left out if all are
//!   `u`).
//!
//! Member `q` holds the packed stream; plain operand `k` is member `k`.
//!
//! Guarantees: what is written is what [`Representation::expand`] of the
//! reader sees, bit for bit on one machine; across machines decoded numbers
//! are equal and the contraction may differ in the last bits.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use tensegrity_diagram::{Diagram, Network, NodeId};
use tensegrity_tensor::{Array, DType, Scalar, Tensor, c64, c128};

use crate::container::{Container, Data, Member};
use crate::contraction::contract;
use crate::magnitude::{exponent_of, power_of_two};
use crate::pattern::{pattern_count, spread_patterns};
use crate::{Error, Layout, NodeForm, Packed, Plain, Result, wiring};

/// Version of the file format written and read.
const VERSION: &str = "1";
/// Elements above which work is done in the result's own precision.
const PRECISE: usize = 1 << 24;
/// Elements of the result made at a time.
const SLAB: usize = 1 << 23;

/// How the numbers of one node are stored.
#[derive(Clone, Debug, PartialEq)]
pub enum Storage {
    /// In the packed stream.
    Packed {
        /// Whether each index of the first axis has its own step.
        per_row: bool,
    },
    /// One by one.
    Plain(Plain),
    /// One for every pattern of equal indices: of the node's axes the first are
    /// the array's but its last; the others, which have one length `n`, share
    /// the array's last axis, which runs over the set partitions of these axes
    /// into at most `n` blocks, in lexicographic order of their restricted growth
    /// strings. The entry of such a node depends on which indices are equal.
    Patterned(Plain),
}

/// A stored tensor: a diagram with numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Representation {
    structure: String,
    layout: Layout,
    dtype: DType,
    network: Network,
    storage: Vec<Storage>,
    packed: Option<Packed>,
}

/// The element type [`Representation::expand`] gives for a source type.
#[must_use]
pub fn expanded_dtype(source: DType) -> DType {
    match source {
        DType::C64 | DType::C128 => source,
        DType::F64 | DType::I32 | DType::I64 | DType::U32 | DType::U64 => DType::F64,
        _ => DType::F32,
    }
}

impl Representation {
    /// Puts a representation together.
    ///
    /// `network.output` are the finer axes of `layout` in order; `storage` has
    /// one entry per operand, and the packed ones are in `packed` in the order
    /// of the operands.
    ///
    /// # Errors
    /// [`Error::Candidate`] if the parts do not fit together.
    pub fn new(
        structure: &str,
        layout: Layout,
        dtype: DType,
        network: Network,
        storage: Vec<Storage>,
        packed: Option<Packed>,
    ) -> Result<Self> {
        let result = Self {
            structure: structure.to_owned(),
            layout,
            dtype,
            network,
            storage,
            packed,
        };
        result.check().map_err(|reason| Error::Candidate {
            structure: structure.to_owned(),
            reason,
        })?;
        Ok(result)
    }

    /// Times 2 to the power of `exponent`: one more node, without wires.
    pub(crate) fn scaled(mut self, exponent: i32) -> Result<Self> {
        if exponent == 0 {
            return Ok(self);
        }
        let factor = power_of_two(exponent);
        let plain = if self.dtype.is_complex() {
            Plain::new(Tensor::scalar(c128::new(factor, 0.0)).into(), DType::C128)?
        } else {
            Plain::new(Tensor::scalar(factor).into(), DType::F64)?
        };
        self.network.inputs.push(vec![]);
        self.storage.push(Storage::Plain(plain));
        Ok(self)
    }

    fn check(&self) -> std::result::Result<(), String> {
        self.network.validate().map_err(|error| error.to_string())?;
        if self.network.dims.contains(&0) {
            return Err("a wire has no length".into());
        }
        let fine: Vec<u64> = self.layout.fine_shape().iter().map(|&n| n as u64).collect();
        if self.network.shape_of(&self.network.output) != fine {
            return Err("the diagram's output is not the array's finer shape".into());
        }
        let mut seen = self.network.output.clone();
        seen.sort_unstable();
        seen.dedup();
        if seen.len() != self.network.output.len() {
            return Err("the diagram repeats an output wire".into());
        }
        if self.network.inputs.len() != self.storage.len() {
            return Err("the diagram has another number of nodes than the file".into());
        }
        // A node larger than the array it helps to describe is no description;
        // the bound also limits what a hostile file can ask for.
        let bound = 4.0 * self.network.output_size() + 4096.0;
        for (wires, storage) in self.network.inputs.iter().zip(&self.storage) {
            if self.network.size_of(wires) > bound {
                return Err("a node is larger than the array".into());
            }
            if let Storage::Plain(plain) = storage {
                let shape: Vec<u64> = plain.shape().iter().map(|&n| n as u64).collect();
                if shape != self.network.shape_of(wires) {
                    return Err("a plain node has another shape than its wires".into());
                }
            }
            if let Storage::Patterned(plain) = storage {
                check_patterned(plain, &self.network.shape_of(wires))?;
            }
        }
        let packed = self
            .storage
            .iter()
            .any(|s| matches!(s, Storage::Packed { .. }));
        if packed && self.packed.is_none() {
            return Err("the packed numbers are missing".into());
        }
        Ok(())
    }

    /// Name of the format: `tucker`, `tt`, ….
    #[must_use]
    pub fn structure(&self) -> &str {
        &self.structure
    }

    /// Shape of the array.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.layout.shape()
    }

    /// Element type of the array that was fitted.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// How the array's axes are split into the diagram's.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The diagram as wires on operands.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// How each operand is stored.
    #[must_use]
    pub fn storage(&self) -> &[Storage] {
        &self.storage
    }

    /// The diagram, with operand `k` in slot `k`.
    ///
    /// # Errors
    /// None for a representation that was checked; see [`Diagram::from_network`].
    pub fn diagram(&self) -> Result<Diagram> {
        let mut diagram = Diagram::from_network(&self.network)?;
        for (number, name) in self.node_names().iter().enumerate() {
            diagram.name_node(NodeId(number as u32), name);
        }
        Ok(diagram)
    }

    /// Names for pictures: a node every other one hangs on by itself is the
    /// core and the others are U1, U2, …; nodes of any other shape are G1, G2, ….
    fn node_names(&self) -> Vec<String> {
        let inputs = &self.network.inputs;
        let meet = |a: usize, b: usize| inputs[a].iter().any(|wire| inputs[b].contains(wire));
        let nodes = (0..inputs.len()).filter(|&node| !inputs[node].is_empty());
        let others = |node: usize| nodes.clone().filter(move |&other| other != node);
        let core = nodes.clone().find(|&node| {
            nodes.clone().count() > 2
                && others(node).all(|a| meet(node, a))
                && others(node).all(|a| others(node).all(|b| a == b || !meet(a, b)))
        });
        let numbered = |letter: char, number: usize| format!("{letter}{number}");
        (0..inputs.len())
            .map(|node| match core {
                _ if inputs[node].is_empty() => "scale".to_owned(),
                Some(core) if core == node => "core".to_owned(),
                Some(core) => numbered('U', node + usize::from(node < core)),
                None => numbered('G', node + 1),
            })
            .collect()
    }

    /// Bytes of the array as it was: elements times the source's element size.
    #[must_use]
    pub fn dense_bytes(&self) -> u64 {
        self.shape().iter().product::<usize>() as u64 * self.dtype.size() as u64
    }

    /// Bytes of the `.tsg` file.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.container().len()
    }

    /// Shapes of the nodes, for example `16×14 · 3×14×14×32×32`.
    #[must_use]
    pub fn detail(&self) -> String {
        let shape = |wires: &Vec<u32>| -> String {
            let dims: Vec<String> = self
                .network
                .shape_of(wires)
                .iter()
                .map(u64::to_string)
                .collect();
            if dims.is_empty() {
                "1".into()
            } else {
                dims.join("×")
            }
        };
        let nodes: Vec<String> = self.network.inputs.iter().map(shape).collect();
        nodes.join(" · ")
    }

    /// The operands' values.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the packed stream does not decode.
    pub fn operands<T: Scalar>(&self) -> Result<Vec<Tensor<T>>> {
        let shape = |wires: &[u32]| -> Vec<usize> {
            wires
                .iter()
                .map(|&w| self.network.dims[w as usize] as usize)
                .collect()
        };
        let forms: Vec<NodeForm> = self
            .network
            .inputs
            .iter()
            .zip(&self.storage)
            .filter_map(|(wires, storage)| match storage {
                Storage::Packed { per_row } => Some(NodeForm {
                    shape: shape(wires),
                    per_row: *per_row,
                }),
                Storage::Plain(_) | Storage::Patterned(_) => None,
            })
            .collect();
        let mut decoded = match &self.packed {
            Some(packed) => packed.decode::<T>(&forms)?.into_iter(),
            None => vec![].into_iter(),
        };
        self.network
            .inputs
            .iter()
            .zip(&self.storage)
            .map(|(wires, storage)| match storage {
                Storage::Plain(plain) => Ok(plain.values()),
                Storage::Patterned(plain) => {
                    let shape = shape(wires);
                    let lead = plain.shape().len() - 1;
                    let n = shape.last().copied().unwrap_or(1);
                    spread_patterns(&plain.values::<T>(), shape.len() - lead, n)
                        .ok_or_else(|| Error::damaged("a patterned node has the wrong length"))
                }
                Storage::Packed { .. } => {
                    let values = decoded.next().expect("one per packed operand");
                    Ok(Tensor::from_vec(values, &shape(wires))?)
                }
            })
            .collect()
    }

    /// The array: integers and types up to 32-bit floats give `f32`, larger
    /// ones `f64`, complex types themselves.
    ///
    /// Cost: decoding plus one contraction, done in slabs of 2^23 elements;
    /// arrays up to 2^24 elements are computed in double precision.
    ///
    /// # Errors
    /// [`Error::Damaged`], or [`Error::Memory`] if the array does not fit.
    pub fn expand(&self) -> Result<Array> {
        match expanded_dtype(self.dtype) {
            DType::C64 => Ok(self.expand_as::<c64, c128>()?.into()),
            DType::C128 => Ok(self.expand_as::<c128, c128>()?.into()),
            DType::F64 => Ok(self.expand_as::<f64, f64>()?.into()),
            _ => Ok(self.expand_as::<f32, f64>()?.into()),
        }
    }

    /// `T` is the result's type, `W` the wide one of the same field.
    fn expand_as<T: Scalar, W: Scalar>(&self) -> Result<Tensor<T>> {
        let fine = self.layout.fine_shape();
        let total: usize = fine.iter().product();
        let mut data: Vec<T> = Vec::new();
        data.try_reserve_exact(total).map_err(|_| Error::Memory {
            what: "the expanded array",
            bytes: total as u128 * size_of::<T>() as u128,
        })?;
        data.resize(total, T::ZERO);
        self.each_slab::<T, W>(&mut |slab| {
            slab.each_run(|at, run| data[at..at + run.len()].copy_from_slice(run));
            Ok(())
        })?;
        self.layout.gather(Tensor::from_vec(data, &fine)?)
    }

    /// Relative Frobenius error against `array`, `‖X − X̂‖ / ‖X‖`, with `X̂`
    /// exactly what [`Representation::expand`] gives; sums are in `f64`.
    /// Against an array of zeros it is 0 if `X̂` is zero too, else infinite.
    ///
    /// Cost: as [`Representation::expand`], without a second full copy unless
    /// the layout pads.
    ///
    /// # Errors
    /// As [`Representation::expand`]; [`Error::Layout`] if the shapes differ.
    pub fn error_against(&self, array: &Array) -> Result<f64> {
        if array.shape() != self.shape() {
            return Err(Error::Layout {
                reason: format!("{:?} is compared with {:?}", self.shape(), array.shape()),
            });
        }
        let (distance, norm) = match expanded_dtype(self.dtype) {
            DType::C64 => self.distance::<c64, c128>(array)?,
            DType::C128 => self.distance::<c128, c128>(array)?,
            DType::F64 => self.distance::<f64, f64>(array)?,
            _ => self.distance::<f32, f64>(array)?,
        };
        Ok(relative(distance, norm))
    }

    fn distance<T: Scalar, W: Scalar>(&self, array: &Array) -> Result<(f64, f64)> {
        // Squares of very large or small numbers would leave the range.
        let exponent = exponent_of(array);
        let scale = match exponent {
            -100..=100 => 1.0,
            extreme => power_of_two((-extreme).clamp(-1000, 1000)),
        };
        let norm = scaled_squared_norm(array, scale);
        if self.layout.is_padded() {
            let expanded = self.expand_as::<T, W>()?;
            return Ok((squared_distance(array, 0, expanded.as_slice(), scale), norm));
        }
        let mut distance = 0.0;
        self.each_slab::<T, W>(&mut |slab| {
            slab.each_run(|at, run| distance += squared_distance(array, at, run, scale));
            Ok(())
        })?;
        Ok((distance, norm))
    }

    fn each_slab<T: Scalar, W: Scalar>(
        &self,
        visit: &mut dyn FnMut(&Slab<'_, T>) -> Result<()>,
    ) -> Result<()> {
        if self.network.output_size() <= PRECISE as f64 {
            self.slabs_in::<T, W>(visit, |wide| {
                Cow::Owned(
                    wide.iter()
                        .map(|x| T::from_f64(real(x.re()), real(x.im())))
                        .collect(),
                )
            })
        } else {
            self.slabs_in::<T, T>(visit, |same| Cow::Borrowed(same))
        }
    }

    /// Contracts in type `C` for ranges of the longest output wire.
    fn slabs_in<T: Scalar, C: Scalar>(
        &self,
        visit: &mut dyn FnMut(&Slab<'_, T>) -> Result<()>,
        convert: impl for<'a> Fn(&'a [C]) -> Cow<'a, [T]>,
    ) -> Result<()> {
        let operands = self.operands::<C>()?;
        let fine = self.layout.fine_shape();
        let total: usize = fine.iter().product();
        let Some(axis) = (0..fine.len()).max_by_key(|&axis| (fine[axis], std::cmp::Reverse(axis)))
        else {
            let value = contract(&self.network, &operands)?;
            return visit(&Slab::whole(&convert(value.as_slice())));
        };
        let wire = self.network.output[axis];
        let per_index = (total / fine[axis].max(1)).max(1);
        let step = (SLAB / per_index).clamp(1, fine[axis].max(1));
        let mut network = self.network.clone();
        for start in (0..fine[axis]).step_by(step) {
            let range = start..(start + step).min(fine[axis]);
            network.dims[wire as usize] = range.len() as u64;
            let parts = self.restricted(&operands, wire, &range)?;
            let value = contract(&network, &parts)?;
            visit(&Slab {
                values: &convert(value.as_slice()),
                start: range.start,
                count: range.len(),
                length: fine[axis],
                inner: fine[axis + 1..].iter().product(),
            })?;
        }
        Ok(())
    }

    /// The operands at a range of `wire`; those without it are shared.
    fn restricted<T: Scalar>(
        &self,
        operands: &[Tensor<T>],
        wire: u32,
        range: &Range<usize>,
    ) -> Result<Vec<Tensor<T>>> {
        let whole = range.len() as u64 == self.network.dims[wire as usize];
        let part = |(operand, legs): (&Tensor<T>, &Vec<u32>)| {
            if whole || !legs.contains(&wire) {
                return Ok(operand.clone());
            }
            let mut view = operand.view();
            for (axis, _) in legs.iter().enumerate().filter(|(_, leg)| **leg == wire) {
                view = view.sliced(axis, range.clone())?;
            }
            Ok(view.to_tensor())
        };
        operands
            .iter()
            .zip(&self.network.inputs)
            .map(part)
            .collect()
    }

    fn container(&self) -> Container {
        let list = |numbers: &mut dyn Iterator<Item = usize>| -> String {
            let texts: Vec<String> = numbers.map(|n| n.to_string()).collect();
            texts.join(",")
        };
        let mut metadata = BTreeMap::new();
        let mut put = |key: &str, value: String| {
            metadata.insert(key.to_owned(), value);
        };
        put("tsg", VERSION.into());
        put("structure", self.structure.clone());
        put("einsum", wiring::spell(&self.network).unwrap_or_default());
        put(
            "dims",
            list(&mut self.network.dims.iter().map(|&d| d as usize)),
        );
        put("dtype", self.dtype.name().into());
        put("shape", list(&mut self.shape().iter().copied()));
        if self.layout.factors().iter().any(|split| split.len() != 1) {
            put(
                "axes",
                list(&mut self.layout.factors().iter().map(Vec::len)),
            );
        }
        let letters: String = self
            .storage
            .iter()
            .map(|storage| match storage {
                Storage::Packed { per_row: false } => 'u',
                Storage::Packed { per_row: true } => 'r',
                Storage::Plain(_) => 'p',
                Storage::Patterned(_) => 's',
            })
            .collect();
        if letters.contains(['r', 'p', 's']) {
            put("nodes", letters);
        }
        let mut members = Vec::new();
        for (number, storage) in self.storage.iter().enumerate() {
            if let Storage::Plain(plain) | Storage::Patterned(plain) = storage {
                members.push(Member {
                    name: number.to_string(),
                    dtype: plain.member_dtype(),
                    shape: plain.member_shape(),
                    data: Data::Plain(plain.clone()),
                });
            }
        }
        if let Some(packed) = &self.packed {
            members.push(Member {
                name: "q".into(),
                dtype: "U8",
                shape: vec![packed.bytes().len()],
                data: Data::Bytes(packed.bytes().to_vec()),
            });
        }
        Container { metadata, members }
    }

    /// Writes the `.tsg` file; an existing file is replaced by a rename once
    /// the new one is complete.
    ///
    /// # Errors
    /// [`Error::Tensor`]; an existing file is then still there.
    pub fn write(&self, path: &Path) -> Result<()> {
        self.container().write(path)
    }

    /// Reads a `.tsg` file.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::NotRepresentation`], [`Error::Version`], [`Error::Damaged`].
    pub fn read(path: &Path) -> Result<Self> {
        Self::from_container(Container::read(path)?)
    }

    /// Whether the file at `path` says that it holds a representation. Only
    /// its header is looked at.
    #[must_use]
    pub fn is_stored_at(path: &Path) -> bool {
        Container::has_string(path, "tsg")
    }

    /// The representation in the bytes of a `.tsg` file.
    ///
    /// # Errors
    /// As [`Representation::read`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::from_container(Container::parse(bytes)?)
    }

    fn from_container(container: Container) -> Result<Self> {
        let text = |key: &str| container.metadata.get(key).map(String::as_str);
        let version = text("tsg").ok_or(Error::NotRepresentation)?;
        if version != VERSION {
            return Err(Error::Version {
                found: version.to_owned(),
                supported: VERSION,
            });
        }
        let needed = |key: &str| {
            text(key).ok_or_else(|| Error::damaged(format!("its header has no {key:?}")))
        };
        let shape = numbers(needed("shape")?)?;
        let dims = numbers(needed("dims")?)?;
        let dtype = DType::from_name(needed("dtype")?)
            .ok_or_else(|| Error::damaged("its dtype is unknown"))?;
        let network = wiring::parse(needed("einsum")?, dims.iter().map(|&d| d as u64).collect())?;
        let axes = match text("axes") {
            Some(axes) => numbers(axes)?,
            None => vec![1; shape.len()],
        };
        let layout = layout_of(&shape, &axes, &network)?;
        let letters = match text("nodes") {
            Some(letters) => letters.to_owned(),
            None => "u".repeat(network.inputs.len()),
        };
        let mut members: BTreeMap<String, Member> = container
            .members
            .into_iter()
            .map(|member| (member.name.clone(), member))
            .collect();
        let mut storage = Vec::new();
        for (number, letter) in letters.chars().enumerate() {
            storage.push(match letter {
                'u' => Storage::Packed { per_row: false },
                'r' => Storage::Packed { per_row: true },
                'p' => Storage::Plain(plain_node(
                    members.remove(&number.to_string()),
                    number,
                    dtype,
                )?),
                's' => Storage::Patterned(plain_node(
                    members.remove(&number.to_string()),
                    number,
                    dtype,
                )?),
                _ => {
                    return Err(Error::damaged(format!(
                        "node {number} is stored as {letter:?}"
                    )));
                }
            });
        }
        let packed = members.remove("q").map(|member| match member.data {
            Data::Bytes(bytes) => Packed::from_bytes(bytes),
            Data::Plain(_) => unreachable!("a container is read as bytes"),
        });
        let structure = needed("structure")?;
        Self::new(structure, layout, dtype, network, storage, packed).map_err(|error| match error {
            Error::Candidate { reason, .. } => Error::Damaged { reason },
            error => error,
        })
    }
}

/// Whether a patterned node has the shape its wires ask for.
fn check_patterned(plain: &Plain, dims: &[u64]) -> std::result::Result<(), String> {
    let wrong = || Err("a patterned node does not fit its wires".to_owned());
    let Some((&count, lead)) = plain.shape().split_last() else {
        return wrong();
    };
    let Some((first, axes)) = dims.split_at_checked(lead.len()) else {
        return wrong();
    };
    let n = axes.first().copied().unwrap_or(1);
    let fits = first.iter().copied().eq(lead.iter().map(|&n| n as u64))
        && axes.iter().all(|&length| length == n)
        && pattern_count(axes.len(), n as usize) == Some(count as u64);
    if fits { Ok(()) } else { wrong() }
}

fn plain_node(member: Option<Member>, number: usize, source: DType) -> Result<Plain> {
    let missing = || Error::damaged(format!("node {number} has no member"));
    let member = member.ok_or_else(missing)?;
    let Data::Bytes(bytes) = &member.data else {
        unreachable!("a container is read as bytes")
    };
    let mut shape = member.shape.clone();
    let dtype = DType::ALL
        .into_iter()
        .find(|&dtype| {
            crate::plain::safetensors_name(dtype) == member.dtype
                && dtype.is_complex() == source.is_complex()
        })
        .ok_or_else(missing)?;
    if dtype.is_complex() && shape.pop() != Some(2) {
        return Err(Error::damaged(format!(
            "node {number} is not made of pairs"
        )));
    }
    Plain::parse(dtype, &shape, bytes)
}

fn numbers(text: &str) -> Result<Vec<usize>> {
    if text.is_empty() {
        return Ok(vec![]);
    }
    text.split(',')
        .map(|item| {
            item.parse()
                .map_err(|_| Error::damaged(format!("{item:?} in its header is no number")))
        })
        .collect()
}

fn layout_of(shape: &[usize], axes: &[usize], network: &Network) -> Result<Layout> {
    let mut lengths = network
        .shape_of(&network.output)
        .into_iter()
        .map(|d| d as usize);
    let factors: Vec<Vec<usize>> = axes
        .iter()
        .map(|&count| lengths.by_ref().take(count).collect())
        .collect();
    if lengths.next().is_some() || axes.len() != shape.len() {
        return Err(Error::damaged(
            "its axes do not use up the diagram's output",
        ));
    }
    Layout::new(shape, factors).map_err(|error| Error::damaged(error.to_string()))
}

/// A range of one axis of the finer tensor.
struct Slab<'a, T> {
    values: &'a [T],
    start: usize,
    count: usize,
    length: usize,
    inner: usize,
}

impl<'a, T> Slab<'a, T> {
    fn whole(values: &'a [T]) -> Self {
        Self {
            values,
            start: 0,
            count: 1,
            length: 1,
            inner: values.len().max(1),
        }
    }

    /// Calls `visit` with each contiguous run and where it starts in the whole.
    fn each_run(&self, mut visit: impl FnMut(usize, &[T])) {
        let run = self.count * self.inner;
        for (outer, values) in self.values.chunks_exact(run).enumerate() {
            visit((outer * self.length + self.start) * self.inner, values);
        }
    }
}

fn real<R: tensegrity_tensor::Real>(value: R) -> f64 {
    value.to_f64()
}

/// The error of squared distance and squared norm.
pub(crate) fn relative(distance: f64, norm: f64) -> f64 {
    if norm > 0.0 {
        (distance / norm).sqrt()
    } else if distance == 0.0 {
        0.0
    } else {
        f64::INFINITY
    }
}

/// `Σ |x|²`, pairwise.
pub(crate) fn squared_norm(array: &Array) -> f64 {
    scaled_squared_norm(array, 1.0)
}

fn scaled_squared_norm(array: &Array, scale: f64) -> f64 {
    let zeros = vec![0.0f32; 1 << 12];
    let chunks = array.len().div_ceil(zeros.len());
    let parts: Vec<f64> = (0..chunks)
        .map(|chunk| {
            let at = chunk * zeros.len();
            let count = zeros.len().min(array.len() - at);
            squared_distance(array, at, &zeros[..count], scale)
        })
        .collect();
    pairwise(&parts, |&x| x)
}

/// `Σ |x − y|²·scale²` over the elements of `array` from `at` on.
fn squared_distance<T: Scalar>(array: &Array, at: usize, run: &[T], scale: f64) -> f64 {
    #[allow(unreachable_patterns)]
    match array {
        Array::F32(x) => gap(&x.as_slice()[at..], run, scale, |x| (x.into(), 0.0)),
        Array::F64(x) => gap(&x.as_slice()[at..], run, scale, |x| (x, 0.0)),
        Array::I64(x) => gap(&x.as_slice()[at..], run, scale, |x| (x as f64, 0.0)),
        Array::C64(x) => gap(&x.as_slice()[at..], run, scale, |z: c64| {
            (z.re.into(), z.im.into())
        }),
        Array::C128(x) => gap(&x.as_slice()[at..], run, scale, |z: c128| (z.re, z.im)),
        _ => unreachable!("every variant of Array is listed"),
    }
}

fn gap<U: Copy, T: Scalar>(
    x: &[U],
    y: &[T],
    scale: f64,
    parts: impl Fn(U) -> (f64, f64) + Copy,
) -> f64 {
    let pairs = x.iter().zip(y).map(|(&x, &y)| {
        let (re, im) = parts(x);
        let (re, im) = ((re - real(y.re())) * scale, (im - real(y.im())) * scale);
        re * re + im * im
    });
    if y.len() <= 512 {
        return pairs.sum();
    }
    let middle = y.len() / 2;
    gap(&x[..middle], &y[..middle], scale, parts) + gap(&x[middle..], &y[middle..], scale, parts)
}

fn pairwise<T>(items: &[T], value: impl Fn(&T) -> f64 + Copy) -> f64 {
    if items.len() <= 64 {
        return items.iter().map(value).sum();
    }
    let (left, right) = items.split_at(items.len() / 2);
    pairwise(left, value) + pairwise(right, value)
}
