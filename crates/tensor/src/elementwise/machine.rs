//! Running a program tile by tile.

use std::cell::Cell;
use std::mem::MaybeUninit;

use smallvec::{SmallVec, smallvec};

use super::level::Level;
use super::operand::Operand;
use super::program::{Program, Slot};
use super::space::{Space, Tile};
use crate::permute::{StridedCopy, copy_bytes};
use crate::{DType, row_major};

/// A page of scratch memory.
///
/// Tiles start on pages because large inputs nearly do: a store whose address
/// agrees with that of a later load in the low twelve bits delays the load,
/// and tiles that run in step with the inputs never are in that position.
#[derive(Clone, Copy)]
#[repr(align(4096))]
#[allow(dead_code)]
struct Page([MaybeUninit<u8>; 4096]);

/// Bytes of the largest element.
const WIDEST: usize = 16;

/// What one thread needs to run a program over the tiles of a space.
pub(super) struct Machine<'a> {
    program: &'a Program,
    inputs: &'a [Operand<'a>],
    space: &'a Space,
    level: Level,
    memory: Memory,
    /// Pages of a scratch tile.
    pages: usize,
    /// Offset and length of what lies packed, for every input.
    packed: SmallVec<[Option<(isize, usize)>; 8]>,
    pointers: SmallVec<[*const u8; 8]>,
}

/// Scratch memory that goes back to the thread it was used on, because taking
/// fresh pages costs more than most evaluations.
struct Memory(Vec<Page>);

/// Pages a thread keeps at most.
const KEPT: usize = 1024;

thread_local! {
    static PAGES: Cell<Vec<Page>> = const { Cell::new(Vec::new()) };
}

impl Memory {
    fn new(pages: usize) -> Self {
        let mut memory = PAGES.try_with(Cell::take).unwrap_or_default();
        if memory.capacity() < pages {
            memory = Vec::with_capacity(pages.next_power_of_two());
        }
        // SAFETY: the capacity was checked, and pages are of bytes that need
        // not be initialised.
        unsafe { memory.set_len(pages) };
        Self(memory)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if self.0.capacity() <= KEPT {
            // A thread that is ending keeps nothing.
            let _ = PAGES.try_with(|pages| pages.set(std::mem::take(&mut self.0)));
        }
    }
}

impl<'a> Machine<'a> {
    /// A machine for `program`, whose inputs are the first operands of `space`.
    pub fn new(program: &'a Program, inputs: &'a [Operand<'a>], space: &'a Space) -> Self {
        let pages = (space.largest().max(1) * WIDEST).div_ceil(size_of::<Page>());
        // Scratch tiles, constants, packed inputs, and one for the result.
        let tiles = program.scratches + program.constants.len() + inputs.len() + 1;
        let mut machine = Self {
            program,
            inputs,
            space,
            level: Level::detect(),
            memory: Memory::new(tiles * pages),
            pages,
            packed: smallvec![None; inputs.len()],
            pointers: smallvec![std::ptr::null(); inputs.len()],
        };
        for (number, &(dtype, re, im)) in program.constants.iter().enumerate() {
            let tile = machine.tile(program.scratches + number);
            // SAFETY: the tile has room for its largest number of elements of any type.
            unsafe { fill_constant(tile, space.largest(), dtype, re, im) };
        }
        machine
    }

    /// Address of tile `number` of the scratch memory.
    fn tile(&mut self, number: usize) -> *mut u8 {
        self.memory.0[number * self.pages..].as_mut_ptr().cast()
    }

    /// A tile the result may be written to.
    pub fn result_tile(&mut self) -> *mut u8 {
        let program = self.program;
        self.tile(program.scratches + program.constants.len() + self.inputs.len())
    }

    /// Computes the values of `tile`, in row-major order, in `target` if it is
    /// given; the result is where they are.
    ///
    /// # Safety
    /// Inputs are valid for the space, `target` for as many elements of the
    /// type of the program, aligned, and no input overlaps it.
    pub unsafe fn run(&mut self, tile: &Tile, target: Option<*mut u8>) -> *const u8 {
        for input in 0..self.inputs.len() {
            // SAFETY: the caller's contract.
            self.pointers[input] = unsafe { self.operand(input, tile) };
        }
        let program = self.program;
        for (number, step) in program.steps.iter().enumerate() {
            let mut operands = [std::ptr::null(); 3];
            for (pointer, &slot) in operands.iter_mut().zip(&step.operands) {
                *pointer = self.slot(slot);
            }
            let result = match target {
                Some(target) if number + 1 == program.steps.len() && self.writes_result() => target,
                _ => self.tile(step.result),
            };
            // SAFETY: every operand holds `length` values of the type the
            // program was compiled for, and no step writes its operands.
            unsafe { (step.micro)(self.level, operands, result, tile.length) };
        }
        if let Some(target) = target {
            if !self.writes_result() {
                let bytes = tile.length * program.dtype.size();
                // SAFETY: the caller's contract.
                unsafe { std::ptr::copy_nonoverlapping(self.slot(program.result), target, bytes) };
            }
            return target;
        }
        self.slot(program.result)
    }

    /// Whether the last step computes the result.
    fn writes_result(&self) -> bool {
        let last = self.program.steps.last();
        last.is_some_and(|step| Slot::Scratch(step.result) == self.program.result)
    }

    fn slot(&mut self, slot: Slot) -> *const u8 {
        match slot {
            Slot::Input(input) => self.pointers[input],
            Slot::Constant(number) => self.tile(self.program.scratches + number),
            Slot::Scratch(number) => self.tile(number),
        }
    }

    /// The values of an input in row-major order: where they are, if they are
    /// in that order, or packed.
    ///
    /// # Safety
    /// The input is valid for the space.
    unsafe fn operand(&mut self, input: usize, tile: &Tile) -> *const u8 {
        let operand = &self.inputs[input];
        let strides = &self.space.strides[input];
        let size = operand.dtype.size();
        let offset = tile.offsets[input];
        // SAFETY: the tile lies inside the space.
        let source = unsafe { operand.pointer.offset(offset * size as isize) };
        if tile.is_dense(strides) {
            return source;
        }
        let place = self.program.scratches + self.program.constants.len() + input;
        let target = self.tile(place);
        if tile.is_constant(strides) && self.packed[input] == Some((offset, tile.length)) {
            return target;
        }
        // SAFETY: the tile has room for its elements, and scratch memory
        // overlaps no input.
        unsafe {
            copy_bytes(StridedCopy {
                shape: &tile.extents,
                size,
                source,
                source_strides: strides,
                target,
                target_strides: &row_major(&tile.extents),
            });
        }
        self.packed[input] = Some((offset, tile.length));
        target
    }
}

/// # Safety
/// `target` is aligned and valid for `count` elements of type `dtype`.
pub(super) unsafe fn fill_constant(target: *mut u8, count: usize, dtype: DType, re: f64, im: f64) {
    /// # Safety
    /// As above.
    unsafe fn fill<T: Copy>(target: *mut u8, count: usize, value: T) {
        for k in 0..count {
            // SAFETY: the caller's contract.
            unsafe { target.cast::<T>().add(k).write(value) };
        }
    }
    // SAFETY: the caller's contract.
    unsafe {
        match dtype {
            DType::F32 => fill(target, count, re as f32),
            DType::F64 => fill(target, count, re),
            DType::C64 => fill(target, count, [re as f32, im as f32]),
            DType::C128 => fill(target, count, [re, im]),
            DType::I64 => fill(target, count, re as i64),
            _ => unreachable!("a constant has one of the compute types"),
        }
    }
}
