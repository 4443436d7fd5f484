//! `tensegrity.fit`, `load` and `read`.

use std::io::ErrorKind;
use std::path::PathBuf;

use pyo3::exceptions::{PyFileNotFoundError, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use tensegrity::DType;
use tensegrity::file::{FileErrorKind, ReadOptions};
use tensegrity::fit::{Error, FitOptions, Representation, Target, read_array};

use crate::array::{Operand, array_to_numpy, count, narrow};

fn refused(error: &Error) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// A stored representation: what ``fit`` found or ``load`` read.
///
/// Attributes: ``structure``, ``detail``, ``shape``, ``error`` (relative
/// Frobenius, None after ``load``: the original is not there to compare),
/// ``stored_bytes``, ``dense_bytes``, ``ratio``, ``candidates``.
#[pyclass(module = "tensegrity", frozen, name = "Fit")]
pub struct Fit {
    representation: Representation,
    #[pyo3(get)]
    error: Option<f64>,
    #[pyo3(get)]
    stored_bytes: u64,
    #[pyo3(get)]
    candidates: Py<PyList>,
}

#[pymethods]
impl Fit {
    /// Name of the structure: "tucker", "tt", "qtt", "cp", "dense", "constant".
    #[getter]
    fn structure(&self) -> &str {
        self.representation.structure()
    }

    /// Shapes of the network's nodes.
    #[getter]
    fn detail(&self) -> String {
        self.representation.detail()
    }

    /// Shape of the array.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.representation.shape())
    }

    /// Bytes of the array in its own element type.
    #[getter]
    fn dense_bytes(&self) -> u64 {
        self.representation.dense_bytes()
    }

    /// Dense bytes over stored bytes.
    #[getter]
    fn ratio(&self) -> f64 {
        self.dense_bytes() as f64 / self.stored_bytes as f64
    }

    /// The array the representation stands for.
    fn to_array<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let array = py
            .detach(|| self.representation.expand())
            .map_err(|error| refused(&error))?;
        array_to_numpy(py, array)
    }

    /// Writes a ``.tsg`` file, whole or not at all.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| self.representation.write(&path))
            .map_err(|error| PyOSError::new_err(error.to_string()))
    }

    fn __repr__(&self) -> String {
        format!(
            "Fit({} of {:?}, {} bytes, {:.1} times smaller, {})",
            self.structure(),
            self.representation.shape(),
            self.stored_bytes,
            self.ratio(),
            match self.error {
                Some(error) => format!("error {error:.4e}"),
                None => "loaded".to_owned(),
            },
        )
    }
}

/// The smallest stored representation of an array that meets a target.
///
/// Parameters
/// ----------
/// x : array of any real, complex, integer or boolean type
/// error : largest relative Frobenius error
/// bytes : largest size of the file
/// ratio : least dense bytes / stored bytes
/// structure : "auto" or the name of one structure
/// seed : seed of everything random; None is 0
///
/// Exactly one of ``error``, ``bytes`` and ``ratio`` is given.
///
/// Returns
/// -------
/// Fit
///
/// >>> x = np.fromfunction(lambda i, j, k: 1 / (1 + i + j + k), (16, 16, 16))
/// >>> found = tg.fit(x, error=1e-3)
/// >>> found.error <= 1e-3 and found.stored_bytes < x.nbytes / 20
/// True
#[pyfunction]
#[pyo3(signature = (x, error=None, bytes=None, ratio=None, structure="auto", seed=None))]
pub fn fit(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
    error: Option<f64>,
    bytes: Option<&Bound<'_, PyAny>>,
    ratio: Option<f64>,
    structure: &str,
    seed: Option<&Bound<'_, PyAny>>,
) -> PyResult<Fit> {
    let bytes = bytes.map(|bytes| count(bytes, "bytes")).transpose()?;
    let seed = seed.map_or(Ok(0), |seed| count(seed, "seed"))?;
    let target = match (error, bytes, ratio) {
        (Some(error), None, None) => Target::Error(error),
        (None, Some(bytes), None) => Target::Bytes(bytes),
        (None, None, Some(ratio)) => Target::Ratio(ratio),
        _ => {
            return Err(PyValueError::new_err(
                "give exactly one of error=, bytes= and ratio=",
            ));
        }
    };
    let operand = Operand::new(x, 0)?;
    let array = operand.to_array();
    let structure = Some(structure).filter(|name| *name != "auto");
    let options = FitOptions {
        structure,
        seed,
        ..FitOptions::default()
    };
    let found = py
        .detach(|| tensegrity::fit(&array, operand.source, target, &options))
        .map_err(|error| refused(&error))?;
    let rows = found.candidates.iter().map(|row| {
        let dict = PyDict::new(py);
        dict.set_item("structure", &row.structure)?;
        dict.set_item("detail", &row.detail)?;
        dict.set_item("error", row.error)?;
        dict.set_item("stored_bytes", row.stored_bytes)?;
        dict.set_item("seconds", row.seconds)?;
        Ok(dict)
    });
    let rows: PyResult<Vec<_>> = rows.collect();
    Ok(Fit {
        error: Some(found.error),
        stored_bytes: found.stored_bytes,
        candidates: PyList::new(py, rows?)?.unbind(),
        representation: found.representation,
    })
}

/// Reads a ``.tsg`` file.
///
/// >>> import tempfile, os
/// >>> path = os.path.join(tempfile.mkdtemp(), "x.tsg")
/// >>> tg.fit(np.eye(8), error=0.1).save(path)
/// >>> tg.load(path).shape
/// (8, 8)
#[pyfunction]
pub fn load(py: Python<'_>, path: PathBuf) -> PyResult<Fit> {
    let name = path.display().to_string();
    let representation = py.detach(|| Representation::read(&path)).map_err(|error| {
        let message = error.to_string();
        let message = if message.contains(&name) {
            message
        } else {
            format!("{name}: {message}")
        };
        match error {
            Error::Read { source, .. } if source.kind() == ErrorKind::NotFound => {
                PyFileNotFoundError::new_err(message)
            }
            _ => PyValueError::new_err(message),
        }
    })?;
    Ok(Fit {
        error: None,
        stored_bytes: representation.stored_bytes(),
        candidates: PyList::empty(py).unbind(),
        representation,
    })
}

/// Reads an array from a png, jpg, npy, npz, safetensors, csv or tsg file.
///
/// bfloat16 becomes float32; a tsg file is expanded.
///
/// Parameters
/// ----------
/// path : the file
/// name : which array, if the file holds several
///
/// >>> import tempfile, os
/// >>> path = os.path.join(tempfile.mkdtemp(), "x.npy")
/// >>> np.save(path, np.arange(3, dtype=np.int16))
/// >>> tg.read(path)
/// array([0, 1, 2], dtype=int16)
#[pyfunction]
#[pyo3(signature = (path, name=None))]
pub fn read<'py>(
    py: Python<'py>,
    path: PathBuf,
    name: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let options = ReadOptions {
        exact_integers: true,
        ..ReadOptions::default()
    };
    let loaded = py
        .detach(|| read_array(&path, name, &options))
        .map_err(|error| {
            let message = error.to_string();
            match error {
                Error::Tensor(tensegrity::Error::File(inner))
                    if inner.kind == FileErrorKind::NotFound =>
                {
                    PyFileNotFoundError::new_err(message)
                }
                _ => PyValueError::new_err(message),
            }
        })?;
    let computed = loaded.array.dtype();
    let wanted = match loaded.source {
        // NumPy has no such type.
        DType::BF16 => computed,
        source => source,
    };
    narrow(array_to_numpy(py, loaded.array)?, computed, wanted)
}
