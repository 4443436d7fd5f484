//! Saved states as Python dicts of NumPy arrays.

use std::collections::BTreeMap;

use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use tensegrity::optim::{State, Stored};

use super::bad;

/// `{"format", "method", "parameters": {name: shape}, "entries": {name: array or count}}`.
pub fn to_dict(py: Python<'_>, state: State) -> PyResult<Bound<'_, PyDict>> {
    let parameters = PyDict::new(py);
    for (name, shape) in state.parameters {
        parameters.set_item(name, PyTuple::new(py, shape)?)?;
    }
    let entries = PyDict::new(py);
    for (key, stored) in state.entries {
        match stored {
            Stored::F32(values) => entries.set_item(key, PyArray1::from_vec(py, values))?,
            Stored::F64(values) => entries.set_item(key, PyArray1::from_vec(py, values))?,
            Stored::Count(count) => entries.set_item(key, count)?,
            _ => return Err(bad(format!("entry {key:?} has no form in Python"))),
        }
    }
    let dict = PyDict::new(py);
    dict.set_item("format", state.format)?;
    dict.set_item("method", state.method)?;
    dict.set_item("parameters", parameters)?;
    dict.set_item("entries", entries)?;
    Ok(dict)
}

/// The state [`to_dict`] wrote.
pub fn from_dict(dict: &Bound<'_, PyDict>) -> PyResult<State> {
    let wrong = |what: &str| {
        bad(format!(
            "the state dict {what}; give what state_dict() returned"
        ))
    };
    let item = |key: &str| {
        dict.get_item(key)?
            .ok_or_else(|| wrong(&format!("has no {key:?}")))
    };
    let parts = |key: &str| -> PyResult<Bound<'_, PyDict>> {
        item(key)?
            .cast_into::<PyDict>()
            .map_err(|_| wrong(&format!("has no dict under {key:?}")))
    };
    let mut entries = BTreeMap::new();
    for (key, value) in parts("entries")? {
        let key: String = key.extract()?;
        let stored = if let Ok(values) = value.extract::<PyReadonlyArray1<'_, f64>>() {
            Stored::F64(values.to_vec()?)
        } else if let Ok(values) = value.extract::<PyReadonlyArray1<'_, f32>>() {
            Stored::F32(values.to_vec()?)
        } else if let Ok(count) = value.extract::<u64>() {
            Stored::Count(count)
        } else {
            return Err(wrong(&format!("has an entry {key:?} of another kind")));
        };
        entries.insert(key, stored);
    }
    let mut parameters = Vec::new();
    for (name, shape) in parts("parameters")? {
        parameters.push((name.extract()?, shape.extract()?));
    }
    Ok(State {
        format: item("format")?.extract()?,
        method: item("method")?.extract()?,
        parameters,
        entries,
    })
}
