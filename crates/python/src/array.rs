//! NumPy arrays in and out.
//!
//! An operand whose element type the engine computes in is *viewed* where it
//! lies, whatever its strides; only other types (small integers, booleans,
//! half precision, foreign byte order, unaligned data) are converted first.

use numpy::npyffi;
use numpy::prelude::*;
use numpy::{Complex32, Complex64, PyArrayDescr, PyUntypedArray};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use smallvec::SmallVec;
use tensegrity::{Array, DType, Element, Tensor, View, ViewMut};

/// One operand, kept alive while it is viewed.
pub struct Operand<'py> {
    array: Bound<'py, PyUntypedArray>,
    /// Element type of what is viewed: a compute type.
    pub compute: DType,
    /// Element type the user passed, for NumPy's promotion.
    pub source: DType,
}

/// The NumPy module, imported once.
pub fn numpy_module(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    static NUMPY: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let module = NUMPY.get_or_try_init(py, || py.import("numpy").map(Bound::unbind))?;
    Ok(module.bind(py))
}

impl<'py> Operand<'py> {
    /// `object` as an operand; anything `numpy.asarray` takes is legal. Position
    /// 0 is that of an argument `x`.
    pub fn new(object: &Bound<'py, PyAny>, position: usize) -> PyResult<Self> {
        let array = match object.cast::<PyUntypedArray>() {
            Ok(array) => array.clone(),
            Err(_) => {
                let made = numpy_module(object.py())?.call_method1("asarray", (object,))?;
                made.cast_into::<PyUntypedArray>()?
            }
        };
        let source = dtype_of(&array).ok_or_else(|| {
            let name = array.dtype().to_string();
            let what = match position {
                0 => "x".to_owned(),
                position => format!("operand {position}"),
            };
            PyTypeError::new_err(format!(
                "{what} has element type {name}; numbers are needed \
                 (bool, integers, float16/32/64, complex64/128)"
            ))
        })?;
        let compute = compute_type(source);
        let array = if compute == source && is_well_behaved(&array, source.size()) {
            array
        } else {
            let converted = array.call_method1("astype", (compute.name(),))?;
            converted.cast_into::<PyUntypedArray>()?
        };
        Ok(Self {
            array,
            compute,
            source,
        })
    }

    /// Axis lengths.
    pub fn shape(&self) -> &[usize] {
        self.array.shape()
    }

    /// A view of the array's memory.
    ///
    /// # Safety
    /// `T` is the type of `self.compute`, and nothing writes to the array
    /// while the view lives.
    pub unsafe fn view<T: Element>(&self) -> View<'_, T> {
        debug_assert_eq!(T::DTYPE, self.compute);
        // SAFETY: NumPy guarantees shape and strides describe its memory; the
        // array is aligned and in native byte order (`is_well_behaved`).
        unsafe { view_of(&self.array) }
    }

    /// The operand as an owned tensor (one copy).
    pub fn to_array(&self) -> Array {
        // SAFETY: the type matches, and the lock is held while copying.
        unsafe {
            match self.compute {
                DType::F32 => self.view::<f32>().to_tensor().into(),
                DType::F64 => self.view::<f64>().to_tensor().into(),
                DType::C64 => self.view::<Complex32>().to_tensor().into(),
                DType::C128 => self.view::<Complex64>().to_tensor().into(),
                _ => self.view::<i64>().to_tensor().into(),
            }
        }
    }
}

/// # Safety
/// The array holds aligned native `T`, and nothing writes to it during `'a`.
unsafe fn view_of<'a, T: Element>(array: &'a Bound<'_, PyUntypedArray>) -> View<'a, T> {
    let size = size_of::<T>() as isize;
    let strides: SmallVec<[isize; 8]> =
        array.strides().iter().map(|stride| stride / size).collect();
    // SAFETY: by the contract above.
    unsafe {
        let pointer = (*array.as_array_ptr()).fields.data.cast::<T>();
        View::from_raw(pointer, array.shape(), &strides)
    }
}

/// Our element type of a NumPy array; `None` for objects, strings, dates, …
pub fn dtype_of(array: &Bound<'_, PyUntypedArray>) -> Option<DType> {
    dtype_of_descr(&array.dtype())
}

fn dtype_of_descr(descr: &Bound<'_, PyArrayDescr>) -> Option<DType> {
    let found = match (descr.kind(), descr.itemsize()) {
        (b'b', 1) => DType::Bool,
        (b'i', 1) => DType::I8,
        (b'i', 2) => DType::I16,
        (b'i', 4) => DType::I32,
        (b'i', 8) => DType::I64,
        (b'u', 1) => DType::U8,
        (b'u', 2) => DType::U16,
        (b'u', 4) => DType::U32,
        (b'u', 8) => DType::U64,
        (b'f', 2) => DType::F16,
        (b'f', 4) => DType::F32,
        (b'f', 8) => DType::F64,
        (b'c', 8) => DType::C64,
        (b'c', 16) => DType::C128,
        _ => return None,
    };
    Some(found)
}

/// The type the engine computes in: exact integers for integers and booleans,
/// single precision for half.
fn compute_type(source: DType) -> DType {
    match source {
        DType::F16 | DType::BF16 => DType::F32,
        other if other.is_integer() => DType::I64,
        other => other,
    }
}

/// Aligned, native byte order, strides in whole elements.
fn is_well_behaved(array: &Bound<'_, PyUntypedArray>, size: usize) -> bool {
    let wanted = npyffi::NPY_ARRAY_ALIGNED;
    // SAFETY: the pointer is to a live array object.
    let flags = unsafe { (*array.as_array_ptr()).fields.flags };
    flags & wanted == wanted
        && array.dtype().is_native_byteorder() != Some(false)
        && array
            .strides()
            .iter()
            .all(|stride| stride % size as isize == 0)
}

/// A writable view of an array, or nothing if it is read-only or not aligned.
pub fn writable<'a, T: Element>(
    array: &'a Bound<'_, PyUntypedArray>,
) -> PyResult<Option<ViewMut<'a, T>>> {
    // SAFETY: the pointer is to a live array object.
    let flags = unsafe { (*array.as_array_ptr()).fields.flags };
    let overlapping = array
        .shape()
        .iter()
        .zip(array.strides())
        .any(|(&length, &stride)| length > 1 && stride == 0);
    let size = size_of::<T>();
    let read_only = (flags & npyffi::NPY_ARRAY_WRITEABLE) == 0;
    if read_only || overlapping || !is_well_behaved(array, size) {
        return Ok(None);
    }
    let strides: SmallVec<[isize; 8]> = array
        .strides()
        .iter()
        .map(|stride| stride / size as isize)
        .collect();
    // SAFETY: NumPy says the memory is writable and aligned, and no stride is
    // zero; a concurrent writer races as it would in NumPy.
    unsafe {
        let pointer = (*array.as_array_ptr()).fields.data.cast::<T>();
        Ok(Some(ViewMut::from_raw(pointer, array.shape(), &strides)))
    }
}

/// A tensor as a NumPy array; its elements are handed over, not copied.
pub fn tensor_to_numpy<'py, T: Element + numpy::Element>(
    py: Python<'py>,
    tensor: Tensor<T>,
) -> PyResult<Bound<'py, PyAny>> {
    let shape = tensor.shape().to_vec();
    let flat = numpy::PyArray1::from_vec(py, tensor.into_vec());
    Ok(flat.reshape(shape)?.into_any())
}

/// An array as a NumPy array of its own element type.
pub fn array_to_numpy(py: Python<'_>, array: Array) -> PyResult<Bound<'_, PyAny>> {
    match array {
        Array::F32(tensor) => tensor_to_numpy(py, tensor),
        Array::F64(tensor) => tensor_to_numpy(py, tensor),
        Array::C64(tensor) => tensor_to_numpy(py, tensor),
        Array::C128(tensor) => tensor_to_numpy(py, tensor),
        Array::I64(tensor) => tensor_to_numpy(py, tensor),
        other => Err(PyTypeError::new_err(format!(
            "{} has no NumPy type",
            other.dtype()
        ))),
    }
}

/// The value of an argument that counts something.
pub fn count(value: &Bound<'_, PyAny>, argument: &str) -> PyResult<u64> {
    value.extract().map_err(|_| {
        PyValueError::new_err(format!(
            "{argument} is {value}; a whole number from 0 on is needed"
        ))
    })
}

/// Converts a computed result to the type NumPy would have given it.
pub fn narrow<'py>(
    result: Bound<'py, PyAny>,
    from: DType,
    to: DType,
) -> PyResult<Bound<'py, PyAny>> {
    if from == to {
        Ok(result)
    } else {
        result.call_method1("astype", (to.name(),))
    }
}
