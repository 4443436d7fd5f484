//! Networks as other programs write them.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use tensegrity_diagram::{Expression, Network};

use crate::planner::linear_to_ssa;
use crate::{Error, Result, TensorId};

/// A network read from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Its name, if the file has one.
    pub name: Option<String>,
    /// The network.
    pub network: Network,
    /// Name of each wire.
    pub wire_names: Vec<String>,
    /// Paths stored with it, by name, as pairs numbered after the operands.
    pub paths: Vec<(String, Vec<(TensorId, TensorId)>)>,
}

/// Reads a network from JSON. The keys decide how it is read:
///
/// | keys | written by |
/// |---|---|
/// | `inputs`, `output`, `dims` | this crate |
/// | `inputs`, `output`, `size_dict` | cotengra |
/// | `format_string`, `shapes`, perhaps `paths` | strided-rs benchmark suite |
/// | `ixs`, `iy`, `sizes` | OMEinsum and omeco |
///
/// ```
/// use tensegrity_contract::read_network;
/// let text = r#"{"inputs": [["a","b"],["b","c"]], "output": ["a","c"],
///                "size_dict": {"a": 2, "b": 3, "c": 4}}"#;
/// let instance = read_network(text)?;
/// assert_eq!(instance.network.dims, [2, 3, 4]);
/// # Ok::<(), tensegrity_contract::Error>(())
/// ```
///
/// # Errors
/// [`Error::InvalidFile`] if the text is not JSON of one of these kinds or a
/// size is missing; [`Error::Diagram`] for a wrong expression or sizes beyond
/// 2^63 elements; [`Error::InvalidPath`] for a stored path that does not fit.
pub fn read_network(text: &str) -> Result<Instance> {
    let value: Value = serde_json::from_str(text).map_err(|e| invalid(e.to_string()))?;
    let Some(object) = value.as_object() else {
        return Err(invalid("not a JSON object".into()));
    };
    let has = |keys: &[&str]| keys.iter().all(|&key| object.contains_key(key));
    let instance = if has(&["inputs", "output", "dims"]) {
        native(parse(value)?)
    } else if has(&["inputs", "output", "size_dict"]) {
        let file: Cotengra = parse(value)?;
        labelled(None, &file.inputs, &file.output, &file.size_dict)
    } else if has(&["format_string", "shapes"]) {
        strided(parse(value)?)
    } else if has(&["ixs", "iy", "sizes"]) {
        let file: Omeinsum = parse(value)?;
        labelled(file.name, &file.ixs, &file.iy, &file.sizes)
    } else {
        Err(invalid(
            "needs the keys `inputs`, `output`, `dims`; or `inputs`, `output`, `size_dict`; or \
             `format_string`, `shapes`; or `ixs`, `iy`, `sizes`"
                .into(),
        ))
    }?;
    instance.network.validate()?;
    Ok(instance)
}

fn invalid(reason: String) -> Error {
    Error::InvalidFile {
        what: "network",
        reason,
    }
}

fn parse<T: serde::de::DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|e| invalid(e.to_string()))
}

/// A label: a string, or a number that stands for its digits.
#[derive(Deserialize)]
#[serde(untagged)]
enum Label {
    Text(String),
    Number(u64),
}

impl Label {
    fn text(&self) -> String {
        match self {
            Label::Text(text) => text.clone(),
            Label::Number(number) => number.to_string(),
        }
    }
}

#[derive(Deserialize)]
struct Cotengra {
    inputs: Vec<Vec<Label>>,
    output: Vec<Label>,
    size_dict: HashMap<String, u64>,
}

#[derive(Deserialize)]
struct Omeinsum {
    name: Option<String>,
    ixs: Vec<Vec<Label>>,
    iy: Vec<Label>,
    sizes: HashMap<String, u64>,
}

#[derive(Deserialize)]
struct Strided {
    name: Option<String>,
    format_string: String,
    shapes: Vec<Vec<usize>>,
    #[serde(default)]
    paths: std::collections::BTreeMap<String, StridedPath>,
}

#[derive(Deserialize)]
struct StridedPath {
    path: Vec<Vec<usize>>,
}

fn native(network: Network) -> Result<Instance> {
    Ok(Instance {
        name: None,
        wire_names: (0..network.dims.len()).map(|w| w.to_string()).collect(),
        network,
        paths: Vec::new(),
    })
}

fn labelled(
    name: Option<String>,
    inputs: &[Vec<Label>],
    output: &[Label],
    sizes: &HashMap<String, u64>,
) -> Result<Instance> {
    let mut numbers: HashMap<String, u32> = HashMap::new();
    let mut wire_names = Vec::new();
    let mut dims = Vec::new();
    let mut number = |label: &Label| -> Result<u32> {
        let text = label.text();
        if let Some(&known) = numbers.get(&text) {
            return Ok(known);
        }
        let size = sizes.get(&text);
        dims.push(*size.ok_or_else(|| invalid(format!("index `{text}` has no size")))?);
        let fresh = wire_names.len() as u32;
        wire_names.push(text.clone());
        numbers.insert(text, fresh);
        Ok(fresh)
    };
    let mut term =
        |labels: &Vec<Label>| labels.iter().map(&mut number).collect::<Result<Vec<u32>>>();
    let inputs = inputs.iter().map(&mut term).collect::<Result<_>>()?;
    let output = output.iter().map(&mut number).collect::<Result<_>>()?;
    Ok(Instance {
        name,
        network: Network {
            inputs,
            output,
            dims,
        },
        wire_names,
        paths: Vec::new(),
    })
}

fn strided(file: Strided) -> Result<Instance> {
    let shapes: Vec<&[usize]> = file.shapes.iter().map(Vec::as_slice).collect();
    let bound = Expression::parse(&file.format_string)?.bind(&shapes)?;
    let mut paths = Vec::new();
    for (name, stored) in file.paths {
        let groups: Vec<&[usize]> = stored.path.iter().map(Vec::as_slice).collect();
        paths.push((name, linear_to_ssa(shapes.len(), &groups)?));
    }
    let wires = bound.network.dims.len() as u32;
    Ok(Instance {
        name: file.name,
        wire_names: (0..wires).map(|w| bound.wire_name(w)).collect(),
        network: bound.network,
        paths,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_kinds_say_the_same() {
        let native = r#"{"inputs":[[0,1],[1,2]],"output":[0,2],"dims":[2,3,4]}"#;
        let cotengra = r#"{"inputs":[["a","b"],["b","c"]],"output":["a","c"],
                           "size_dict":{"a":2,"b":3,"c":4}}"#;
        let strided = r#"{"name":"x","format_string":"ab,bc->ac","shapes":[[2,3],[3,4]],
                          "paths":{"opt_flops":{"path":[[0,1]],"log2_size":3.0}}}"#;
        let omeinsum = r#"{"name":"y","ixs":[[7,8],[8,9]],"iy":[7,9],
                           "sizes":{"7":2,"8":3,"9":4}}"#;
        let all = [native, cotengra, strided, omeinsum].map(|text| read_network(text).unwrap());
        assert!(all.iter().all(|i| i.network == all[0].network));
        assert_eq!(all[2].paths, [("opt_flops".to_owned(), vec![(0, 1)])]);
        assert_eq!(all[3].wire_names, ["7", "8", "9"]);
        assert_eq!(all[2].name.as_deref(), Some("x"));
    }

    #[test]
    fn wrong_files_are_errors() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"inputs":[["a"]],"output":[],"size_dict":{}}"#,
            r#"{"inputs":[["a"]],"output":[],"size_dict":{"a":-1}}"#,
            r#"{"inputs":[[9]],"output":[],"dims":[2]}"#,
            r#"{"format_string":"ab","shapes":[[2]]}"#,
            r#"{"format_string":"a,b->","shapes":[[2],[2]],"paths":{"p":{"path":[[0,5]]}}}"#,
            r#"{"ixs":[[0,1]],"iy":[],"sizes":{"0":9223372036854775807,"1":4}}"#,
        ] {
            assert!(read_network(text).is_err(), "{text}");
        }
    }
}
