//! Writing the values of an expression.

use smallvec::SmallVec;

use super::expr::Expr;
use super::machine::Machine;
use super::operand::Operand;
use super::program::Program;
use super::small;
use super::space::{Space, Tile};
use crate::permute::{STREAMED, Shared, StridedCopy, copy_bytes, fence, streaming_store};
use crate::threads::{is_parallel, parallel_for};
use crate::{
    Axes, DType, Element, Error, Result, Strides, Tensor, ViewMut, element_count, row_major,
    storage,
};

/// Tiles of a task: work for some tens of microseconds or more.
pub(super) const TILES_PER_TASK: usize = 64;

impl Expr {
    /// The values of the expression, inputs broadcast against each other as by
    /// NumPy, computed in their natural type and converted to `T`.
    ///
    /// One pass over memory whatever the expression; runs on
    /// [`crate::threads`] threads.
    ///
    /// # Errors
    /// [`Error::MissingOperand`], [`Error::ShapeMismatch`],
    /// [`Error::Unsupported`] for an operation its operands don't have,
    /// [`Error::WrongDType`] for complex values as real ones; as
    /// [`element_count`].
    pub fn eval<T: Element>(&self, inputs: &[Operand<'_>]) -> Result<Tensor<T>> {
        let program = Program::compile(self, &dtypes(inputs), Some(T::DTYPE))?;
        evaluated(&program, inputs)
    }

    /// As [`Expr::eval`] into memory that exists; inputs are broadcast to the
    /// shape of `target`.
    ///
    /// # Errors
    /// As [`Expr::eval`].
    pub fn eval_into<T: Element>(
        &self,
        target: &mut ViewMut<'_, T>,
        inputs: &[Operand<'_>],
    ) -> Result<()> {
        let program = Program::compile(self, &dtypes(inputs), Some(T::DTYPE))?;
        for input in inputs {
            input.strides_for("eval_into", target.shape())?;
        }
        let pointer = target.as_mut_ptr();
        let job = Job::new(&program, inputs, target.shape(), target.strides());
        // SAFETY: a `ViewMut` is exclusive and valid for its shape.
        unsafe { job.run(pointer.cast()) };
        Ok(())
    }

    /// The natural type of the values for inputs of the given types.
    ///
    /// # Errors
    /// As [`Expr::eval`].
    pub fn dtype(&self, inputs: &[DType]) -> Result<DType> {
        Ok(Program::compile(self, inputs, None)?.dtype)
    }
}

/// The values of a program of type `T`, into new memory.
pub(super) fn evaluated<T: Element>(
    program: &Program,
    inputs: &[Operand<'_>],
) -> Result<Tensor<T>> {
    let shape = broadcast_shape(inputs)?;
    let count = element_count(&shape)?;
    let mut data: Vec<T> = storage::with_room(count);
    // SAFETY: the room is exclusive, dense for the shape and of the type of
    // the program.
    unsafe {
        let target = data.as_mut_ptr().cast();
        if !small::run(program, inputs, &shape, count, target) {
            Job::new(program, inputs, &shape, &row_major(&shape)).run(target);
        }
    }
    // SAFETY: every one of the `count` elements was written.
    unsafe { data.set_len(count) };
    Tensor::from_vec(data, &shape)
}

pub(super) fn dtypes(inputs: &[Operand<'_>]) -> SmallVec<[DType; 4]> {
    inputs.iter().map(|input| input.dtype).collect()
}

/// The shape all inputs broadcast to.
pub(super) fn broadcast_shape(inputs: &[Operand<'_>]) -> Result<Axes> {
    let mut shape = Axes::new();
    for input in inputs {
        let extra = input.shape.len().saturating_sub(shape.len());
        shape.insert_many(0, std::iter::repeat_n(1, extra));
        let ahead = shape.len() - input.shape.len();
        for axis in 0..input.shape.len() {
            let (have, new) = (shape[ahead + axis], input.shape[axis]);
            if have != new && have != 1 && new != 1 {
                return Err(Error::ShapeMismatch {
                    what: "operands of an expression",
                    left: shape.to_vec(),
                    right: input.shape.to_vec(),
                });
            }
            if have == 1 {
                shape[ahead + axis] = new;
            }
        }
    }
    Ok(shape)
}

impl Operand<'_> {
    /// Strides of the operand broadcast to `shape`.
    pub(super) fn strides_for(&self, what: &'static str, shape: &[usize]) -> Result<Strides> {
        let mismatch = || Error::ShapeMismatch {
            what,
            left: shape.to_vec(),
            right: self.shape.to_vec(),
        };
        let ahead = (shape.len().checked_sub(self.shape.len())).ok_or_else(mismatch)?;
        let mut strides = Strides::from_elem(0, shape.len());
        for axis in 0..self.shape.len() {
            if self.shape[axis] == shape[ahead + axis] {
                strides[ahead + axis] = self.strides[axis];
            } else if self.shape[axis] != 1 {
                return Err(mismatch());
            }
        }
        Ok(strides)
    }
}

/// One evaluation.
struct Job<'a> {
    program: &'a Program,
    inputs: &'a [Operand<'a>],
    /// Operands are the inputs and the target.
    space: Space,
    streams: bool,
}

impl<'a> Job<'a> {
    /// Inputs are known to broadcast to `shape`.
    fn new(
        program: &'a Program,
        inputs: &'a [Operand<'a>],
        shape: &[usize],
        target: &[isize],
    ) -> Self {
        let mut order: Axes = (0..shape.len()).collect();
        order.sort_by_key(|&axis| std::cmp::Reverse(target[axis].unsigned_abs()));
        let sorted = |strides: &[isize]| order.iter().map(|&axis| strides[axis]).collect();
        let mut strides: Vec<Strides> = (inputs.iter())
            .map(|input| {
                sorted(
                    &input
                        .strides_for("eval", shape)
                        .expect("inputs broadcast to the shape"),
                )
            })
            .collect();
        strides.push(sorted(target));
        let lengths: Axes = order.iter().map(|&axis| shape[axis]).collect();
        let (space, _) = Space::merged(&lengths, &strides, 0);
        let bytes = shape.iter().product::<usize>() * program.dtype.size();
        Self {
            program,
            inputs,
            space: space.tiled(),
            streams: bytes >= STREAMED,
        }
    }

    /// # Safety
    /// `target` is valid for writes at every index of the space, reached by no
    /// two of them, and overlaps no input.
    unsafe fn run(&self, target: *mut u8) {
        let tiles = self.space.tiles(0..self.space.lengths.len());
        let tasks = if is_parallel() {
            tiles.div_ceil(TILES_PER_TASK)
        } else {
            tiles.min(1)
        };
        let target = Shared(target);
        parallel_for(tasks, |task| {
            let range = match tasks {
                1 => 0..tiles,
                _ => task * TILES_PER_TASK..((task + 1) * TILES_PER_TASK).min(tiles),
            };
            // SAFETY: tasks write disjoint tiles.
            unsafe { self.run_tiles(range, target.get()) };
        });
    }

    /// # Safety
    /// As [`Job::run`]; nobody else writes the tiles of `range`.
    unsafe fn run_tiles(&self, range: std::ops::Range<usize>, target: *mut u8) {
        let mut machine = Machine::new(self.program, self.inputs, &self.space);
        let mut tile = Tile::default();
        let size = self.program.dtype.size();
        let strides = &self.space.strides[self.inputs.len()];
        let store = streaming_store();
        for number in range {
            self.space.place(number, &mut tile);
            // SAFETY: the tile lies inside the space; a value is stored where
            // its index says.
            unsafe {
                let place = target.offset(tile.offsets[self.inputs.len()] * size as isize);
                if tile.is_dense(strides) {
                    if self.streams {
                        let result = machine.result_tile();
                        let values = machine.run(&tile, Some(result));
                        store(values, place, tile.length * size);
                    } else {
                        machine.run(&tile, Some(place));
                    }
                } else {
                    let values = machine.run(&tile, None);
                    copy_bytes(StridedCopy {
                        shape: &tile.extents,
                        size,
                        source: values,
                        source_strides: &row_major(&tile.extents),
                        target: place,
                        target_strides: strides,
                    });
                }
            }
        }
        if self.streams {
            fence();
        }
    }
}
