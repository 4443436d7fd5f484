//! A deterministic source of einsum problems and the slow way to solve them.
#![allow(dead_code)]

pub mod cases;

use tensegrity_tensor::{Element, SplitMix64, View};

/// How an operand lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Row-major.
    C,
    /// Column-major.
    Fortran,
    /// Row-major, every axis reversed.
    Reversed,
    /// Every second element of a row-major array twice as long along its last axis.
    Strided,
    /// The first axis has stride zero: one slice, repeated.
    Broadcast,
}

impl Order {
    pub const ALL: [Order; 5] = [
        Order::C,
        Order::Fortran,
        Order::Reversed,
        Order::Strided,
        Order::Broadcast,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Order::C => "C",
            Order::Fortran => "F",
            Order::Reversed => "reversed",
            Order::Strided => "strided",
            Order::Broadcast => "broadcast",
        }
    }
}

/// Memory with a shape, strides and a first element.
#[derive(Clone, Debug)]
pub struct Laid<T> {
    pub data: Vec<T>,
    pub shape: Vec<usize>,
    pub strides: Vec<isize>,
    pub start: usize,
}

impl<T: Element> Laid<T> {
    /// Memory of an operand in `order`, filled by `draw` in memory order.
    pub fn new(shape: &[usize], order: Order, mut draw: impl FnMut() -> T) -> Self {
        let rank = shape.len();
        let mut strides = vec![0isize; rank];
        let mut step = if order == Order::Strided { 2 } else { 1 };
        let axes: Vec<usize> = match order {
            Order::Fortran => (0..rank).collect(),
            _ => (0..rank).rev().collect(),
        };
        for axis in axes {
            if order == Order::Broadcast && axis == 0 {
                continue;
            }
            strides[axis] = step;
            step *= shape[axis].max(1) as isize;
        }
        let data: Vec<T> = (0..step).map(|_| draw()).collect();
        let mut start = 0;
        if order == Order::Reversed && !shape.contains(&0) {
            for axis in 0..rank {
                start += strides[axis] as usize * (shape[axis] - 1);
                strides[axis] = -strides[axis];
            }
        }
        Self {
            data,
            shape: shape.to_vec(),
            strides,
            start,
        }
    }

    pub fn view(&self) -> View<'_, T> {
        // SAFETY: `new` allocates every element the strides reach.
        unsafe {
            View::from_raw(
                self.data.as_ptr().add(self.start),
                &self.shape,
                &self.strides,
            )
        }
    }
}

/// Sums by definition: every index of every wire, innermost last. An axis of
/// length one on a longer wire stays at its only index.
pub fn brute_force<T: Element>(
    operands: &[(&[u32], View<'_, T>)],
    output: &[u32],
    dims: &[usize],
) -> Vec<T> {
    let shape: Vec<usize> = output.iter().map(|&w| dims[w as usize]).collect();
    let mut result = vec![T::ZERO; shape.iter().product()];
    let total: usize = dims.iter().product();
    let mut index = vec![0usize; dims.len()];
    for _ in 0..total {
        let mut value = T::ONE;
        for (wires, view) in operands {
            let mut offset = 0;
            for (axis, &w) in wires.iter().enumerate() {
                let at = if view.shape()[axis] == 1 {
                    0
                } else {
                    index[w as usize]
                };
                assert!(at < view.shape()[axis]);
                offset += at as isize * view.strides()[axis];
            }
            // SAFETY: every index was checked against its axis.
            value = value.mul(unsafe { *view.as_ptr().offset(offset) });
        }
        let mut at = 0;
        for (&w, &length) in output.iter().zip(&shape) {
            at = at * length + index[w as usize];
        }
        result[at] = result[at].add(value);
        for wire in (0..dims.len()).rev() {
            index[wire] += 1;
            if index[wire] < dims[wire] {
                break;
            }
            index[wire] = 0;
        }
    }
    result
}

/// Random numbers for shapes.
pub struct Draw(pub SplitMix64);

impl Draw {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0.below(bound as u64) as usize
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}
