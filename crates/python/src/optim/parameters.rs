//! Which arrays are trained, and the gradients that belong to them.

use numpy::PyUntypedArray;
use numpy::npyffi;
use numpy::prelude::*;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use tensegrity::DType;
use tensegrity::optim::{Group, NormSpec, ParameterSpec, Registry, Role};

use super::{bad, refused};
use crate::array::{Operand, dtype_of, numpy_module};

/// The arrays of an optimiser, and what it knows about them.
pub struct Parameters {
    pub arrays: Vec<Py<PyUntypedArray>>,
    pub registry: Registry,
    /// `F32` or `F64`.
    pub dtype: DType,
}

/// One array before it is registered.
struct Given<'py> {
    name: String,
    array: Bound<'py, PyUntypedArray>,
    group: Option<String>,
    role: Option<Role>,
    frozen: bool,
}

/// Keys of a group.
const GROUP_KEYS: [&str; 6] = ["params", "name", "lr", "weight_decay", "role", "frozen"];

/// The role called `name`; the name of a norm is a role with that norm.
pub fn role_named(name: &str) -> PyResult<Role> {
    Ok(match name {
        "linear" => Role::Linear,
        "embedding" => Role::Embedding,
        "head" => Role::Head,
        "conv2d" => Role::Conv2d,
        "vector" => Role::Vector,
        norm => Role::Custom(NormSpec::by_name(norm).map_err(|error| {
            bad(format!(
                "unknown role {norm:?}; known are linear, embedding, head, conv2d, vector, and norms \
                 as roles of their own ({error})"
            ))
        })?),
    })
}

impl Parameters {
    /// Reads `params`: a dict of arrays by name, a list of arrays or of pairs
    /// `(name, array)`, or a list of groups.
    pub fn new(
        params: &Bound<'_, PyAny>,
        lr: f64,
        roles: Option<&Bound<'_, PyAny>>,
        frozen: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let mut registry = Registry::new();
        let mut given = Vec::new();
        collect(params, lr, &mut registry, &mut given)?;
        if given.is_empty() {
            return Err(bad("params is empty; give one array or more"));
        }
        assign(&mut given, roles, frozen)?;
        let mut dtype: Option<(DType, String)> = None;
        for parameter in &given {
            let name = &parameter.name;
            let found = dtype_of(&parameter.array);
            let Some(found) = found.filter(|found| matches!(found, DType::F32 | DType::F64)) else {
                return Err(PyTypeError::new_err(format!(
                    "parameter {name:?} has element type {}; float32 or float64 is trained",
                    parameter.array.dtype()
                )));
            };
            match &dtype {
                Some((first, other)) if *first != found => {
                    return Err(PyTypeError::new_err(format!(
                        "parameter {name:?} is {found}, but {other:?} is {first}; make one \
                         optimiser for each element type"
                    )));
                }
                Some(_) => {}
                None => dtype = Some((found, name.clone())),
            }
            if !parameter.frozen {
                check_writable(name, &parameter.array)?;
            }
            let mut spec =
                ParameterSpec::new(name.as_str(), parameter.array.shape()).frozen(parameter.frozen);
            if let Some(role) = &parameter.role {
                spec = spec.role(role.clone());
            }
            if let Some(group) = &parameter.group {
                spec = spec.group(group.as_str());
            }
            registry.add(spec).map_err(refused)?;
        }
        let arrays = given.into_iter().map(|given| given.array.unbind());
        let parameters = Self {
            arrays: arrays.collect(),
            registry,
            dtype: dtype.map_or(DType::F64, |(dtype, _)| dtype),
        };
        parameters.check_apart(params.py(), &parameters.registry)?;
        Ok(parameters)
    }

    /// An error unless `name` is a parameter.
    pub fn require(&self, name: &str, option: &str) -> PyResult<()> {
        let parameters = self.registry.parameters();
        if parameters.iter().any(|spec| spec.name == name) {
            return Ok(());
        }
        let names: Vec<&str> = parameters.iter().map(|spec| spec.name.as_str()).collect();
        Err(bad(format!(
            "{option}: {name:?} is no parameter; known are {names:?}"
        )))
    }

    /// The registry with some parameters frozen or thawed.
    pub fn with_frozen(
        &self,
        py: Python<'_>,
        keys: &Bound<'_, PyAny>,
        frozen: bool,
    ) -> PyResult<Registry> {
        let parameters = self.registry.parameters();
        let names: Vec<String> = parameters.iter().map(|spec| spec.name.clone()).collect();
        let option = if frozen { "freeze" } else { "thaw" };
        let chosen = places(&names, keys, option)?;
        if !frozen {
            for &number in &chosen {
                check_writable(&names[number], self.arrays[number].bind(py))?;
            }
        }
        let mut registry = self.registry.clone();
        registry.freeze(|spec| {
            let number = names.iter().position(|name| *name == spec.name);
            match number.is_some_and(|number| chosen.contains(&number)) {
                true => frozen,
                false => spec.frozen,
            }
        });
        self.check_apart(py, &registry)?;
        Ok(registry)
    }

    /// An error if trained parameters share memory.
    fn check_apart(&self, py: Python<'_>, registry: &Registry) -> PyResult<()> {
        let named = registry.parameters().iter().zip(&self.arrays);
        let trained = named.filter(|(spec, _)| !spec.frozen);
        check_overlap(trained.map(|(spec, array)| (spec.name.as_str(), array.bind(py).clone())))
    }

    pub fn spec(&self, number: usize) -> &ParameterSpec {
        &self.registry.parameters()[number]
    }

    /// One gradient for each parameter, of its element type and in memory no
    /// trained parameter lies in; nothing for frozen ones.
    pub fn gradients<'py>(&self, grads: &Bound<'py, PyAny>) -> PyResult<Vec<Option<Operand<'py>>>> {
        let py = grads.py();
        let given = self.in_order(grads)?;
        let trained = (0..self.arrays.len()).filter(|&number| !self.spec(number).frozen);
        let taken = merged(trained.map(|number| extent(self.arrays[number].bind(py))));
        let mut gradients = Vec::with_capacity(given.len());
        for (number, gradient) in given.into_iter().enumerate() {
            let spec = self.spec(number);
            if spec.frozen {
                gradients.push(None);
                continue;
            }
            let name = &spec.name;
            let Some(gradient) = gradient.filter(|gradient| !gradient.is_none()) else {
                return Err(bad(format!(
                    "the gradient of {name:?} is None; give an array, or freeze the parameter"
                )));
            };
            let array = numpy_module(py)?.call_method1("asarray", (gradient,))?;
            let mut array = array.cast_into::<PyUntypedArray>()?;
            let found = dtype_of(&array);
            let real = |dtype: DType| {
                dtype.is_integer() || matches!(dtype, DType::F16 | DType::F32 | DType::F64)
            };
            if !found.is_some_and(real) {
                return Err(PyTypeError::new_err(format!(
                    "the gradient of {name:?} has element type {}; real numbers are needed",
                    array.dtype()
                )));
            }
            let (start, end) = extent(&array);
            let next = taken.partition_point(|&(_, other)| other <= start);
            let shares = start < end && taken.get(next).is_some_and(|&(other, _)| other < end);
            if shares || found != Some(self.dtype) {
                // A gradient that is the parameter itself would change under way.
                let copy = array.call_method1("astype", (self.dtype.name(),))?;
                array = copy.cast_into::<PyUntypedArray>()?;
            }
            gradients.push(Some(Operand::new(array.as_any(), 0)?));
        }
        Ok(gradients)
    }

    /// Gradients in the order of the parameters.
    fn in_order<'py>(&self, grads: &Bound<'py, PyAny>) -> PyResult<Vec<Option<Bound<'py, PyAny>>>> {
        let parameters = self.registry.parameters();
        if let Ok(by_name) = grads.cast::<PyDict>() {
            for key in by_name.keys() {
                let known = key
                    .extract::<String>()
                    .is_ok_and(|key| parameters.iter().any(|spec| spec.name == key));
                if !known {
                    let names: Vec<&str> =
                        parameters.iter().map(|spec| spec.name.as_str()).collect();
                    return Err(bad(format!(
                        "grads has the key {}, which is no parameter; known are {names:?}",
                        key.repr()?
                    )));
                }
            }
            return parameters
                .iter()
                .map(|spec| by_name.get_item(&spec.name))
                .collect();
        }
        let is_array = grads.is_instance_of::<PyUntypedArray>();
        let list: Vec<Bound<'py, PyAny>> = match grads.try_iter() {
            Ok(list) if !is_array => list.collect::<PyResult<_>>()?,
            _ => {
                return Err(PyTypeError::new_err(
                    "grads is neither a dict of arrays by name nor a list of arrays; wrap a \
                     single array in a list",
                ));
            }
        };
        if list.len() != parameters.len() {
            return Err(bad(format!(
                "{} gradients given for {} parameters; give one each, in their order (None for \
                 frozen ones)",
                list.len(),
                parameters.len()
            )));
        }
        Ok(list.into_iter().map(Some).collect())
    }
}

/// Adds the arrays of `params`, and the groups they are in.
fn collect<'py>(
    params: &Bound<'py, PyAny>,
    lr: f64,
    registry: &mut Registry,
    given: &mut Vec<Given<'py>>,
) -> PyResult<()> {
    if let Ok(by_name) = params.cast::<PyDict>() {
        for (name, array) in by_name {
            let name = name.extract().map_err(|_| {
                PyTypeError::new_err("params is a dict whose keys are not all text")
            })?;
            push(given, name, &array)?;
        }
        return Ok(());
    }
    if params.is_instance_of::<PyUntypedArray>() {
        return Err(PyTypeError::new_err(
            "params is a single array; wrap it in a list, or name it: {\"w\": array}",
        ));
    }
    let items = params.try_iter().map_err(|_| {
        PyTypeError::new_err("params is neither a dict of arrays by name nor a list of arrays")
    })?;
    for (number, item) in items.enumerate() {
        let item = item?;
        if let Ok(group) = item.cast::<PyDict>() {
            collect_group(group, number, lr, registry, given)?;
        } else if let Ok((name, array)) = item.extract::<(String, Bound<'py, PyAny>)>() {
            push(given, name, &array)?;
        } else {
            push(given, given.len().to_string(), &item)?;
        }
    }
    Ok(())
}

fn push<'py>(given: &mut Vec<Given<'py>>, name: String, array: &Bound<'py, PyAny>) -> PyResult<()> {
    let array = array.cast::<PyUntypedArray>().map_err(|_| {
        PyTypeError::new_err(format!(
            "parameter {name:?} is no NumPy array; only arrays can be updated in place"
        ))
    })?;
    given.push(Given {
        name,
        array: array.clone(),
        group: None,
        role: None,
        frozen: false,
    });
    Ok(())
}

/// Adds a group: a dict with `params` and options its arrays share.
fn collect_group<'py>(
    group: &Bound<'py, PyDict>,
    number: usize,
    lr: f64,
    registry: &mut Registry,
    given: &mut Vec<Given<'py>>,
) -> PyResult<()> {
    let name = match group.get_item("name")? {
        Some(name) => name.extract()?,
        None => format!("group {number}"),
    };
    for key in group.keys() {
        let known = key
            .extract::<String>()
            .is_ok_and(|key| GROUP_KEYS.contains(&key.as_str()));
        if !known {
            return Err(bad(format!(
                "{name:?} has the key {}; known are {GROUP_KEYS:?}",
                key.repr()?
            )));
        }
    }
    let Some(params) = group.get_item("params")? else {
        return Err(bad(format!(
            "{name:?} has no \"params\"; a dict of options needs the arrays they are for"
        )));
    };
    let mut options = Group::new(name.as_str());
    if let Some(rate) = group.get_item("lr")? {
        let rate: f64 = rate.extract()?;
        if lr == 0.0 && rate != 0.0 {
            return Err(bad(format!(
                "{name:?} has lr {rate}, but the optimiser's is 0; give that one above zero"
            )));
        }
        options = options.rate(if lr == 0.0 { 1.0 } else { rate / lr });
    }
    if let Some(decay) = group.get_item("weight_decay")? {
        options = options.weight_decay(decay.extract()?);
    }
    registry.add_group(options).map_err(refused)?;
    let role = match group.get_item("role")? {
        Some(role) => Some(role_named(&role.extract::<String>()?)?),
        None => None,
    };
    let frozen = match group.get_item("frozen")? {
        Some(frozen) => frozen.extract()?,
        None => false,
    };
    let first = given.len();
    collect(&params, lr, registry, given)?;
    for parameter in &mut given[first..] {
        parameter.group = Some(name.clone());
        parameter.role.clone_from(&role);
        parameter.frozen |= frozen;
    }
    Ok(())
}

/// The parameter a key (its name or its number) stands for.
fn place(names: &[String], key: &Bound<'_, PyAny>, option: &str) -> PyResult<usize> {
    let found = match key.extract::<usize>() {
        Ok(number) => Some(number).filter(|&number| number < names.len()),
        Err(_) => key
            .extract::<String>()
            .ok()
            .and_then(|name| names.iter().position(|known| *known == name)),
    };
    found.ok_or_else(|| {
        bad(format!(
            "{option}: {key} is no parameter; known are {names:?}"
        ))
    })
}

/// Roles by parameter, and the list of frozen parameters.
fn assign(
    given: &mut [Given<'_>],
    roles: Option<&Bound<'_, PyAny>>,
    frozen: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let names: Vec<String> = given.iter().map(|given| given.name.clone()).collect();
    if let Some(roles) = roles {
        let roles = roles.cast::<PyDict>().map_err(|_| {
            PyTypeError::new_err(
                "roles is no dict; give {parameter: role}, such as {\"w\": \"head\"}",
            )
        })?;
        for (key, role) in roles {
            let number = place(&names, &key, "roles")?;
            given[number].role = Some(role_named(&role.extract::<String>()?)?);
        }
    }
    if let Some(frozen) = frozen {
        for number in places(&names, frozen, "frozen")? {
            given[number].frozen = true;
        }
    }
    Ok(())
}

/// The parameters a list of keys stands for.
fn places(names: &[String], keys: &Bound<'_, PyAny>, option: &str) -> PyResult<Vec<usize>> {
    if keys.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err(format!(
            "{option} is text; give a list of parameters"
        )));
    }
    keys.try_iter()?
        .map(|key| place(names, &key?, option))
        .collect()
}

/// An error unless the array can be updated in place.
pub fn check_writable(name: &str, array: &Bound<'_, PyUntypedArray>) -> PyResult<()> {
    // SAFETY: the pointer is to a live array object.
    let flags = unsafe { (*array.as_array_ptr()).fields.flags };
    if flags & npyffi::NPY_ARRAY_WRITEABLE == 0 {
        return Err(PyValueError::new_err(format!(
            "parameter {name:?} is read-only; give a copy"
        )));
    }
    Ok(())
}

/// The addresses an array's elements lie between; empty if it has none.
fn extent(array: &Bound<'_, PyUntypedArray>) -> (usize, usize) {
    // SAFETY: the pointer is to a live array object.
    let start = unsafe { (*array.as_array_ptr()).fields.data }.addr();
    if array.shape().contains(&0) {
        return (start, start);
    }
    let (mut low, mut high) = (start, start + array.dtype().itemsize());
    for (&length, &stride) in array.shape().iter().zip(array.strides()) {
        let reach = stride.unsigned_abs() * (length - 1);
        if stride < 0 {
            low -= reach;
        } else {
            high += reach;
        }
    }
    (low, high)
}

/// The union of extents, in order.
fn merged(extents: impl Iterator<Item = (usize, usize)>) -> Vec<(usize, usize)> {
    let mut sorted: Vec<(usize, usize)> = extents.collect();
    sorted.sort_unstable();
    let mut union: Vec<(usize, usize)> = Vec::new();
    for (start, end) in sorted {
        match union.last_mut() {
            Some((_, last)) if start <= *last => *last = end.max(*last),
            _ => union.push((start, end)),
        }
    }
    union
}

/// An error if two trained parameters share memory: each would be updated
/// while the other is.
fn check_overlap<'a, 'py>(
    arrays: impl Iterator<Item = (&'a str, Bound<'py, PyUntypedArray>)>,
) -> PyResult<()> {
    let mut sorted: Vec<_> = arrays
        .map(|(name, array)| (extent(&array), name, array))
        .collect();
    sorted.sort_by_key(|(extent, _, _)| *extent);
    for (number, ((_, end), name, array)) in sorted.iter().enumerate() {
        let near = sorted[number + 1..]
            .iter()
            .take_while(|((start, _), _, _)| start < end);
        for (_, other, near) in near {
            // Only here can two parts of one array be told from an overlap.
            let shared = numpy_module(array.py())?
                .call_method1("shares_memory", (array, near, 100_000))
                .and_then(|shared| shared.extract::<bool>())
                .unwrap_or(true);
            if shared {
                return Err(bad(format!(
                    "parameters {name:?} and {other:?} share memory; give each array once"
                )));
            }
        }
    }
    Ok(())
}
