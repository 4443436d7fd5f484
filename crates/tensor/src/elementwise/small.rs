//! Values of a handful of elements, where cutting a space into tiles would cost
//! more than computing them.

use std::mem::MaybeUninit;

use smallvec::SmallVec;

use super::level::Level;
use super::machine::fill_constant;
use super::operand::Operand;
use super::program::{Program, Slot};
use crate::Axes;

/// Most elements.
const ELEMENTS: usize = 16;

/// Most scratch tiles, constants and inputs together.
const TILES: usize = 24;

/// Room for a tile of the widest type.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Room(#[allow(dead_code)] [MaybeUninit<u8>; 16 * ELEMENTS]);

/// Runs `program` over `count` elements of `shape` into `target`; `false`, and
/// nothing done, if that is no work for here.
///
/// # Safety
/// `target` is aligned and valid for `count` elements of the type of the
/// program; inputs have the types it was compiled for and broadcast to `shape`.
pub(super) unsafe fn run(
    program: &Program,
    inputs: &[Operand<'_>],
    shape: &[usize],
    count: usize,
    target: *mut u8,
) -> bool {
    let constants = program.constants.len();
    if count == 0 || count > ELEMENTS || program.scratches + constants + inputs.len() > TILES {
        return false;
    }
    let mut rooms: MaybeUninit<[Room; TILES]> = MaybeUninit::uninit();
    let base: *mut Room = rooms.as_mut_ptr().cast();
    // SAFETY: fewer than `TILES` places are asked for.
    let room = |number: usize| -> *mut u8 { unsafe { base.add(number).cast() } };
    let mut pointers: SmallVec<[*const u8; TILES]> = SmallVec::new();
    for (number, input) in inputs.iter().enumerate() {
        let place = room(program.scratches + constants + number);
        // SAFETY: the caller's contract; the room holds `count` elements.
        pointers.push(unsafe { packed(input, shape, count, place) });
    }
    for (number, &(dtype, re, im)) in program.constants.iter().enumerate() {
        // SAFETY: the room holds `count` elements of any type.
        unsafe { fill_constant(room(program.scratches + number), count, dtype, re, im) };
    }
    let slot = |slot: Slot| match slot {
        Slot::Input(input) => pointers[input],
        Slot::Constant(number) => room(program.scratches + number).cast_const(),
        Slot::Scratch(number) => room(number).cast_const(),
    };
    let level = Level::detect();
    for step in &program.steps {
        let mut operands = [std::ptr::null(); 3];
        for (pointer, &operand) in operands.iter_mut().zip(&step.operands) {
            *pointer = slot(operand);
        }
        // SAFETY: every operand holds `count` values of the type the program
        // was compiled for, and no step writes its operands.
        unsafe { (step.micro)(level, operands, room(step.result), count) };
    }
    let bytes = count * program.dtype.size();
    // SAFETY: the result holds `count` values; the caller's contract.
    unsafe { std::ptr::copy_nonoverlapping(slot(program.result), target, bytes) };
    true
}

/// The elements of an input in row-major order: where they are, or in `place`.
///
/// # Safety
/// As [`run`].
unsafe fn packed(input: &Operand<'_>, shape: &[usize], count: usize, place: *mut u8) -> *const u8 {
    let mut step = 1;
    let dense = (input.shape.iter().zip(&input.strides).rev()).all(|(&length, &stride)| {
        let dense = length == 1 || stride == step;
        step *= length as isize;
        dense
    });
    if dense && step == count as isize {
        return input.pointer;
    }
    let size = input.dtype.size();
    let ahead = shape.len() - input.shape.len();
    let mut index: Axes = Axes::from_elem(0, shape.len());
    for number in 0..count {
        let axes = input.shape.iter().zip(&input.strides).enumerate();
        let offset: isize = axes
            .map(|(axis, (&length, &stride))| match length {
                1 => 0,
                _ => index[ahead + axis] as isize * stride,
            })
            .sum();
        // SAFETY: the index lies inside the input, the number inside the room.
        unsafe {
            let from = input.pointer.offset(offset * size as isize);
            std::ptr::copy_nonoverlapping(from, place.add(number * size), size);
        }
        for (i, &length) in index.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < length {
                break;
            }
            *i = 0;
        }
    }
    place
}
