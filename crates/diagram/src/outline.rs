//! Diagrams as JSON: structure in the text, tensors by reference.
//!
//! An [`Outline`] is what a file header holds. Names of tensors in it point to
//! wherever the numbers are stored; [`Outline::build`] asks a resolver for them.
//!
//! Guarantees: `build` of `outline` gives the same diagram, names included; an
//! unknown version or a description that is not a diagram is an error.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tensegrity_tensor::{Array, c128};

use crate::node::{Payload, SlotId};
use crate::{Diagram, Error, Generator, Port, Result, Variance, WireId};

/// Version written; other versions are refused.
const VERSION: u32 = 1;

/// The JSON form of a diagram.
///
/// ```
/// use tensegrity_diagram::Diagram;
/// let mut d = Diagram::new();
/// let (i, j) = (d.wire(2), d.named_wire("time", 3));
/// d.input("x", 0, &[i, j])?;
/// d.set_cod(&[i])?;
/// let (outline, tensors) = d.outline();
/// assert!(tensors.is_empty());
/// assert_eq!(
///     serde_json::to_string(&outline).unwrap(),
///     r#"{"version":1,"dims":[2,3],"names":["","time"],"nodes":[{"name":"x","kind":"input","slot":0,"legs":[0,1]}],"dom":[],"cod":[0]}"#
/// );
/// let back = outline.build(|_| None)?;
/// assert_eq!(back.canonical(), d.canonical());
/// # Ok::<(), tensegrity_diagram::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outline {
    /// Version of this layout.
    pub version: u32,
    /// Dimension of each wire.
    pub dims: Vec<u64>,
    /// Name of each wire, empty if it has none; left out if no wire has one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// The nodes.
    pub nodes: Vec<OutlineNode>,
    /// Wires of the input boundary.
    pub dom: Vec<u32>,
    /// Wires of the output boundary.
    pub cod: Vec<u32>,
    /// Tags of the input boundary; left out if all are plain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dom_variance: Vec<String>,
    /// Tags of the output boundary; left out if all are plain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cod_variance: Vec<String>,
}

/// A node of an [`Outline`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutlineNode {
    /// Display name.
    pub name: String,
    /// What it is.
    #[serde(flatten)]
    pub kind: OutlineKind,
    /// Wire of each leg.
    pub legs: Vec<u32>,
    /// Whether the conjugate is meant.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub conj: bool,
}

/// Payload of an [`OutlineNode`]; what the legs tell is not repeated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum OutlineKind {
    /// A run-time argument.
    Input {
        /// Its slot.
        slot: u32,
    },
    /// A stored or computed tensor.
    Tensor {
        /// Its name in the store.
        tensor: String,
    },
    /// δ from one input to one output.
    Identity,
    /// δ with two outputs.
    Cup,
    /// δ with two inputs.
    Cap,
    /// Copy tensor.
    Spider {
        /// Dimension (a spider may have no leg to tell it).
        dim: u64,
        /// Input legs.
        inputs: usize,
    },
    /// Permutation of tensor factors.
    Permutation {
        /// Output `k` is input `order[k]`.
        order: Vec<usize>,
    },
    /// A number.
    Scalar {
        /// Real part.
        re: f64,
        /// Imaginary part.
        #[serde(default, skip_serializing_if = "is_zero")]
        im: f64,
    },
    /// A basis vector.
    OneHot {
        /// Position of the one.
        index: u64,
    },
    /// A diagonal matrix.
    Diagonal {
        /// Name of the vector in the store.
        tensor: String,
    },
    /// A triangular mask.
    Triangular {
        /// Bounding diagonal.
        offset: i64,
        /// Upper instead of lower.
        upper: bool,
    },
    /// ε.
    LeviCivita,
    /// Ω.
    Symplectic,
    /// A Kronecker product.
    Kronecker {
        /// Names of the factors in the store.
        tensors: Vec<String>,
    },
}

fn is_zero(x: &f64) -> bool {
    *x == 0.0
}

impl Diagram {
    /// The JSON form, with the tensors it refers to by the names it uses.
    ///
    /// A tensor is called like its node (`name.k` for factor `k` of a
    /// Kronecker product), with `_2`, `_3`, … appended where names clash.
    #[must_use]
    pub fn outline(&self) -> (Outline, Vec<(String, Payload)>) {
        let mut store = Store::default();
        let nodes = self
            .nodes
            .iter()
            .map(|node| OutlineNode {
                name: node.name.to_string(),
                kind: store.kind(&node.name, &node.payload),
                legs: node.legs.iter().map(|w| w.0).collect(),
                conj: node.conj,
            })
            .collect();
        let wires = |ports: &[Port]| ports.iter().map(|p| p.wire.0).collect();
        let tags = |ports: &[Port]| {
            if ports.iter().all(|p| p.variance == Variance::Plain) {
                return Vec::new();
            }
            ports.iter().map(|p| p.variance.to_string()).collect()
        };
        let mut names = Vec::new();
        if self.wires.iter().any(|w| w.name.is_some()) {
            let name = |w: &crate::Wire| w.name.as_deref().unwrap_or("").to_owned();
            names = self.wires.iter().map(name).collect();
        }
        let outline = Outline {
            version: VERSION,
            dims: self.wires.iter().map(|w| w.dim).collect(),
            names,
            nodes,
            dom: wires(&self.dom),
            cod: wires(&self.cod),
            dom_variance: tags(&self.dom),
            cod_variance: tags(&self.cod),
        };
        (outline, store.tensors)
    }
}

/// Tensors under unique names.
#[derive(Default)]
struct Store {
    taken: BTreeSet<String>,
    tensors: Vec<(String, Payload)>,
}

impl Store {
    fn put(&mut self, name: &str, payload: Payload) -> String {
        let mut unique = name.to_owned();
        let mut copy = 1;
        while !self.taken.insert(unique.clone()) {
            copy += 1;
            unique = format!("{name}_{copy}");
        }
        self.tensors.push((unique.clone(), payload));
        unique
    }

    fn kind(&mut self, name: &str, payload: &Payload) -> OutlineKind {
        match payload {
            Payload::Input(slot) => OutlineKind::Input { slot: slot.0 },
            Payload::Const(_) | Payload::Lazy(_) => OutlineKind::Tensor {
                tensor: self.put(name, payload.clone()),
            },
            Payload::Generator(generator) => self.generator(name, generator),
        }
    }

    fn generator(&mut self, name: &str, generator: &Generator) -> OutlineKind {
        match generator {
            Generator::Identity { .. } => OutlineKind::Identity,
            Generator::Cup { .. } => OutlineKind::Cup,
            Generator::Cap { .. } => OutlineKind::Cap,
            Generator::Spider { dim, inputs, .. } => OutlineKind::Spider {
                dim: *dim,
                inputs: *inputs,
            },
            Generator::Permutation { order, .. } => OutlineKind::Permutation {
                order: order.clone(),
            },
            Generator::Scalar(c) => OutlineKind::Scalar { re: c.re, im: c.im },
            Generator::OneHot { index, .. } => OutlineKind::OneHot { index: *index },
            Generator::Diagonal(vector) => OutlineKind::Diagonal {
                tensor: self.put(name, Payload::Const(Arc::clone(vector))),
            },
            Generator::Triangular { offset, upper, .. } => OutlineKind::Triangular {
                offset: *offset,
                upper: *upper,
            },
            Generator::LeviCivita { .. } => OutlineKind::LeviCivita,
            Generator::Symplectic { .. } => OutlineKind::Symplectic,
            Generator::Kronecker(factors) => OutlineKind::Kronecker {
                tensors: factors
                    .iter()
                    .enumerate()
                    .map(|(k, factor)| {
                        self.put(&format!("{name}.{k}"), Payload::Const(Arc::clone(factor)))
                    })
                    .collect(),
            },
        }
    }
}

impl Outline {
    /// The diagram described, with tensors from `resolve`.
    ///
    /// `resolve` gives the payload of a stored name, constant or lazy; it is
    /// not asked for run-time arguments.
    ///
    /// # Errors
    /// [`Error::InvalidOutline`] for another version, a missing tensor or
    /// lists of wrong length; the errors of [`Diagram::node`] otherwise.
    pub fn build(&self, mut resolve: impl FnMut(&str) -> Option<Payload>) -> Result<Diagram> {
        if self.version != VERSION {
            return Err(Error::InvalidOutline(format!(
                "version {} was written by another release; this one reads version {VERSION}",
                self.version
            )));
        }
        if !self.names.is_empty() && self.names.len() != self.dims.len() {
            return Err(Error::InvalidOutline(format!(
                "{} wire names for {} wires",
                self.names.len(),
                self.dims.len()
            )));
        }
        let mut diagram = Diagram::new();
        for (wire, &dim) in self.dims.iter().enumerate() {
            match self.names.get(wire).map(String::as_str) {
                None | Some("") => diagram.wire(dim),
                Some(name) => diagram.named_wire(name, dim),
            };
        }
        for node in &self.nodes {
            let legs: Vec<WireId> = node.legs.iter().map(|&w| WireId(w)).collect();
            let dims: Vec<u64> = node
                .legs
                .iter()
                .map(|&w| self.dims.get(w as usize).copied().unwrap_or(0))
                .collect();
            let payload = node.payload(&dims, &mut resolve)?;
            let id = diagram.node(&node.name, payload, &legs)?;
            diagram.set_conj(id, node.conj);
        }
        let ids = |wires: &[u32]| wires.iter().map(|&w| WireId(w)).collect::<Vec<_>>();
        diagram.set_dom(&ids(&self.dom))?;
        diagram.set_cod(&ids(&self.cod))?;
        if !self.dom_variance.is_empty() {
            diagram.tag_dom(&parse_tags(&self.dom_variance)?)?;
        }
        if !self.cod_variance.is_empty() {
            diagram.tag_cod(&parse_tags(&self.cod_variance)?)?;
        }
        Ok(diagram)
    }
}

fn parse_tags(tags: &[String]) -> Result<Vec<Variance>> {
    let parse = |tag: &String| {
        tag.parse().map_err(|()| {
            Error::InvalidOutline(format!(
                "`{tag}` is not a variance; known are plain, upper, lower and `irrep LABEL`"
            ))
        })
    };
    tags.iter().map(parse).collect()
}

impl OutlineNode {
    fn payload(
        &self,
        dims: &[u64],
        resolve: &mut impl FnMut(&str) -> Option<Payload>,
    ) -> Result<Payload> {
        let leg = |k: usize| {
            dims.get(k).copied().ok_or_else(|| {
                Error::InvalidOutline(format!(
                    "node `{}` has {} legs, too few for its kind",
                    self.name,
                    dims.len()
                ))
            })
        };
        let mut stored = |name: &str| {
            resolve(name).ok_or_else(|| {
                Error::InvalidOutline(format!(
                    "node `{}` refers to tensor `{name}`, which is not stored",
                    self.name
                ))
            })
        };
        let mut array = |name: &str| -> Result<Arc<Array>> {
            match stored(name)? {
                Payload::Const(array) => Ok(array),
                _ => Err(Error::InvalidOutline(format!(
                    "node `{}` needs `{name}` as a constant",
                    self.name
                ))),
            }
        };
        let generator = match &self.kind {
            OutlineKind::Input { slot } => return Ok(Payload::Input(SlotId(*slot))),
            OutlineKind::Tensor { tensor } => return stored(tensor),
            OutlineKind::Identity => Generator::Identity { dim: leg(0)? },
            OutlineKind::Cup => Generator::Cup { dim: leg(0)? },
            OutlineKind::Cap => Generator::Cap { dim: leg(0)? },
            OutlineKind::Spider { dim, inputs } => Generator::Spider {
                dim: *dim,
                inputs: *inputs,
                outputs: dims.len().checked_sub(*inputs).ok_or_else(|| {
                    Error::InvalidOutline(format!(
                        "node `{}` has {} legs, fewer than its {inputs} inputs",
                        self.name,
                        dims.len()
                    ))
                })?,
            },
            OutlineKind::Permutation { order } => Generator::Permutation {
                dims: dims.get(order.len()..).unwrap_or(&[]).to_vec(),
                order: order.clone(),
            },
            OutlineKind::Scalar { re, im } => Generator::Scalar(c128::new(*re, *im)),
            OutlineKind::OneHot { index } => Generator::OneHot {
                dim: leg(0)?,
                index: *index,
            },
            OutlineKind::Diagonal { tensor } => Generator::Diagonal(array(tensor)?),
            OutlineKind::Triangular { offset, upper } => Generator::Triangular {
                rows: leg(0)?,
                columns: leg(1)?,
                offset: *offset,
                upper: *upper,
            },
            OutlineKind::LeviCivita => Generator::LeviCivita {
                n: dims.len().try_into().unwrap_or(u32::MAX),
            },
            OutlineKind::Symplectic => Generator::Symplectic { dim: leg(0)? },
            OutlineKind::Kronecker { tensors } => Generator::Kronecker(
                tensors
                    .iter()
                    .map(|name| array(name))
                    .collect::<Result<_>>()?,
            ),
        };
        Ok(Payload::Generator(generator))
    }
}
