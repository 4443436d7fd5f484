//! Matrices as kernels see them: a pointer, two lengths, two strides.

use std::marker::PhantomData;
use std::ops::Range;

use faer::{Conj, MatMut, MatRef};
use tensegrity_tensor::{Element, Scalar, Tensor, View, ViewMut, copy_into};

use crate::{Error, Result};

/// A matrix to read, maybe conjugated on the way.
#[derive(Debug)]
pub(crate) struct Operand<'a, T> {
    pub(crate) pointer: *const T,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_stride: isize,
    pub(crate) column_stride: isize,
    pub(crate) conjugated: bool,
    lifetime: PhantomData<&'a [T]>,
}

/// A matrix to write; no two indices share an element.
#[derive(Debug)]
pub(crate) struct Target<'a, T> {
    pub(crate) pointer: *mut T,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_stride: isize,
    pub(crate) column_stride: isize,
    lifetime: PhantomData<&'a mut [T]>,
}

impl<T> Clone for Operand<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Operand<'_, T> {}

// SAFETY: an `Operand` gives only shared access, like `&[T]`.
unsafe impl<T: Sync> Send for Operand<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Operand<'_, T> {}
// SAFETY: a `Target` gives exclusive access, like `&mut [T]`.
unsafe impl<T: Send> Send for Target<'_, T> {}
// SAFETY: a shared `Target` gives no access at all but through `unsafe`.
unsafe impl<T: Send> Sync for Target<'_, T> {}

impl<'a, T: Element> Operand<'a, T> {
    /// The matrix under a view of two axes.
    pub(crate) fn new(
        what: &'static str,
        argument: &'static str,
        view: &View<'a, T>,
    ) -> Result<Self> {
        let (&[rows, columns], &[row_stride, column_stride]) = (view.shape(), view.strides())
        else {
            return Err(Error::WrongAxes {
                what,
                argument,
                shape: view.shape().to_vec(),
                wanted: 2,
            });
        };
        Ok(Self {
            pointer: view.as_ptr(),
            rows,
            columns,
            row_stride,
            column_stride,
            conjugated: false,
            lifetime: PhantomData,
        })
    }

    /// # Safety
    /// As [`View::from_raw`] with two axes.
    pub(crate) unsafe fn from_raw(
        pointer: *const T,
        shape: [usize; 2],
        strides: [isize; 2],
    ) -> Self {
        Self {
            pointer,
            rows: shape[0],
            columns: shape[1],
            row_stride: strides[0],
            column_stride: strides[1],
            conjugated: false,
            lifetime: PhantomData,
        }
    }

    /// The matrix under a faer view.
    pub(crate) fn of(matrix: MatRef<'a, T>) -> Self {
        Self {
            pointer: matrix.as_ptr(),
            rows: matrix.nrows(),
            columns: matrix.ncols(),
            row_stride: matrix.row_stride(),
            column_stride: matrix.col_stride(),
            conjugated: false,
            lifetime: PhantomData,
        }
    }

    /// A row-major matrix in a slice.
    pub(crate) fn of_slice(data: &'a [T], rows: usize, columns: usize) -> Self {
        assert_eq!(data.len(), rows * columns);
        Self {
            pointer: data.as_ptr(),
            rows,
            columns,
            row_stride: columns as isize,
            column_stride: 1,
            conjugated: false,
            lifetime: PhantomData,
        }
    }

    /// The shape as a list, for messages.
    pub(crate) fn shape(&self) -> Vec<usize> {
        vec![self.rows, self.columns]
    }

    pub(crate) fn transposed(mut self) -> Self {
        std::mem::swap(&mut self.rows, &mut self.columns);
        std::mem::swap(&mut self.row_stride, &mut self.column_stride);
        self
    }

    pub(crate) fn adjoint(self) -> Self {
        self.transposed().conjugate()
    }

    pub(crate) fn conjugate(mut self) -> Self {
        self.conjugated = !self.conjugated;
        self
    }

    pub(crate) fn row_range(mut self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.rows);
        if !range.is_empty() {
            // SAFETY: the first row is inside the matrix.
            self.pointer = unsafe { self.pointer.offset(range.start as isize * self.row_stride) };
        }
        self.rows = range.len();
        self
    }

    pub(crate) fn column_range(self, range: Range<usize>) -> Self {
        self.transposed().row_range(range).transposed()
    }

    /// The rows in reverse order.
    pub(crate) fn rows_reversed(mut self) -> Self {
        if self.rows > 0 {
            // SAFETY: the last row is inside the matrix.
            self.pointer = unsafe {
                self.pointer
                    .offset((self.rows - 1) as isize * self.row_stride)
            };
        }
        self.row_stride = -self.row_stride;
        self
    }

    /// The stored element, not conjugated, at a legal index.
    #[inline(always)]
    pub(crate) fn stored(&self, row: usize, column: usize) -> T {
        debug_assert!(row < self.rows && column < self.columns);
        // SAFETY: the index is inside the matrix.
        unsafe {
            *self
                .pointer
                .offset(row as isize * self.row_stride + column as isize * self.column_stride)
        }
    }

    /// A row whose elements are dense.
    pub(crate) fn dense_row(&self, row: usize) -> &'a [T] {
        assert!(row < self.rows && self.column_stride == 1);
        // SAFETY: the row is inside the matrix and its elements follow each other.
        unsafe {
            let start = self.pointer.offset(row as isize * self.row_stride);
            std::slice::from_raw_parts(start, self.columns)
        }
    }

    /// Whether one of the strides is one, so that kernels read it in place.
    pub(crate) fn has_unit_stride(&self) -> bool {
        self.row_stride == 1 || self.column_stride == 1 || self.rows <= 1 && self.columns <= 1
    }

    pub(crate) fn view(&self) -> View<'a, T> {
        // SAFETY: the constructor's contract is that of `View::from_raw`.
        unsafe {
            View::from_raw(
                self.pointer,
                &[self.rows, self.columns],
                &[self.row_stride, self.column_stride],
            )
        }
    }

    pub(crate) fn faer(&self) -> MatRef<'a, T> {
        // SAFETY: every index inside the shape is valid for reads.
        unsafe {
            MatRef::from_raw_parts(
                self.pointer,
                self.rows,
                self.columns,
                self.row_stride,
                self.column_stride,
            )
        }
    }

    pub(crate) fn faer_conj(&self) -> Conj {
        if self.conjugated { Conj::Yes } else { Conj::No }
    }
}

impl<T: Scalar> Operand<'_, T> {
    /// Copies the matrix, conjugated if it says so.
    pub(crate) fn write_to(&self, target: &mut Target<'_, T>) {
        copy_into(&mut target.view(), &self.view()).expect("shapes are equal");
        if T::IS_COMPLEX && self.conjugated {
            target.for_each(|x| *x = x.conj());
        }
    }

    /// A row-major copy.
    pub(crate) fn to_tensor(self) -> Tensor<T> {
        if T::IS_COMPLEX && self.conjugated {
            self.view().to_tensor().map(Scalar::conj)
        } else {
            self.view().to_tensor()
        }
    }

    /// A column-major copy, the layout faer's factorisations work on.
    pub(crate) fn to_columns(self) -> faer::Mat<T>
    where
        T: faer::traits::ComplexField,
    {
        let mut copy = faer::Mat::zeros(self.rows, self.columns);
        self.write_to(&mut Target::of(copy.as_mut()));
        copy
    }
}

impl<'a, T: Element> Target<'a, T> {
    /// The matrix under a writable view of two axes.
    pub(crate) fn new(
        what: &'static str,
        argument: &'static str,
        view: &'a mut ViewMut<'_, T>,
    ) -> Result<Self> {
        let (&[rows, columns], &[row_stride, column_stride]) = (view.shape(), view.strides())
        else {
            return Err(Error::WrongAxes {
                what,
                argument,
                shape: view.shape().to_vec(),
                wanted: 2,
            });
        };
        Ok(Self {
            pointer: view.as_mut_ptr(),
            rows,
            columns,
            row_stride,
            column_stride,
            lifetime: PhantomData,
        })
    }

    /// # Safety
    /// As [`ViewMut::from_raw`] with two axes, except that the elements need
    /// not be initialised if they are only written.
    pub(crate) unsafe fn from_raw(pointer: *mut T, shape: [usize; 2], strides: [isize; 2]) -> Self {
        Self {
            pointer,
            rows: shape[0],
            columns: shape[1],
            row_stride: strides[0],
            column_stride: strides[1],
            lifetime: PhantomData,
        }
    }

    /// The matrix under a faer view.
    pub(crate) fn of(matrix: MatMut<'a, T>) -> Self {
        Self {
            pointer: matrix.as_ptr_mut(),
            rows: matrix.nrows(),
            columns: matrix.ncols(),
            row_stride: matrix.row_stride(),
            column_stride: matrix.col_stride(),
            lifetime: PhantomData,
        }
    }

    /// A row-major matrix in a slice.
    pub(crate) fn of_slice(data: &'a mut [T], rows: usize, columns: usize) -> Self {
        assert_eq!(data.len(), rows * columns);
        Self {
            pointer: data.as_mut_ptr(),
            rows,
            columns,
            row_stride: columns as isize,
            column_stride: 1,
            lifetime: PhantomData,
        }
    }

    /// A shorter-lived handle on the same elements.
    pub(crate) fn reborrow(&mut self) -> Target<'_, T> {
        Target {
            lifetime: PhantomData,
            ..*self
        }
    }

    pub(crate) fn transposed(mut self) -> Self {
        std::mem::swap(&mut self.rows, &mut self.columns);
        std::mem::swap(&mut self.row_stride, &mut self.column_stride);
        self
    }

    /// The block of the given rows and columns.
    ///
    /// # Safety
    /// Blocks alive at one time must not overlap.
    pub(crate) unsafe fn block(&self, rows: Range<usize>, columns: Range<usize>) -> Target<'a, T> {
        assert!(rows.end <= self.rows && columns.end <= self.columns);
        let offset = if rows.is_empty() || columns.is_empty() {
            0
        } else {
            rows.start as isize * self.row_stride + columns.start as isize * self.column_stride
        };
        Target {
            // SAFETY: the first element of a block is inside the matrix.
            pointer: unsafe { self.pointer.offset(offset) },
            rows: rows.len(),
            columns: columns.len(),
            row_stride: self.row_stride,
            column_stride: self.column_stride,
            lifetime: PhantomData,
        }
    }

    /// Visits every element, along the shorter stride first.
    pub(crate) fn for_each(&mut self, mut f: impl FnMut(&mut T)) {
        let this = if self.row_stride.abs() < self.column_stride.abs() {
            self.reborrow().transposed()
        } else {
            self.reborrow()
        };
        for row in 0..this.rows {
            for column in 0..this.columns {
                let offset = row as isize * this.row_stride + column as isize * this.column_stride;
                // SAFETY: the index is inside the matrix, exclusively borrowed.
                f(unsafe { &mut *this.pointer.offset(offset) });
            }
        }
    }

    pub(crate) fn view(&mut self) -> ViewMut<'_, T> {
        // SAFETY: the constructor's contract is that of `ViewMut::from_raw`.
        unsafe {
            ViewMut::from_raw(
                self.pointer,
                &[self.rows, self.columns],
                &[self.row_stride, self.column_stride],
            )
        }
    }

    pub(crate) fn faer(&mut self) -> MatMut<'_, T> {
        // SAFETY: every index inside the shape is valid for writes and reached
        // by no other index.
        unsafe {
            MatMut::from_raw_parts_mut(
                self.pointer,
                self.rows,
                self.columns,
                self.row_stride,
                self.column_stride,
            )
        }
    }
}

/// A row-major tensor of `shape` with `fill` having written every element.
///
/// `fill` gets the first element's address; memory is not touched before it.
///
/// # Safety
/// `fill` must initialise all elements.
pub(crate) unsafe fn tensor_with<T: Element>(
    shape: &[usize],
    fill: impl FnOnce(*mut T),
) -> Result<Tensor<T>> {
    let count = tensegrity_tensor::element_count(shape)?;
    let mut data: Vec<T> = Vec::new();
    data.try_reserve_exact(count)
        .map_err(|_| tensegrity_tensor::Error::TooLarge {
            shape: shape.to_vec(),
        })?;
    fill(data.as_mut_ptr());
    // SAFETY: `fill` has initialised `count` elements.
    unsafe { data.set_len(count) };
    Ok(Tensor::from_vec(data, shape)?)
}
