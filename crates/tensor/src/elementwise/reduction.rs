//! Reductions of an expression over some of its axes, in the loop that
//! computes it.
//!
//! Sums are accumulated in `f64` (complex in pairs of `f64`, integers
//! wrapping), by lanes inside a tile and with compensation from tile to tile:
//! the error is a few units in the last place of Σ|x| for any length. The
//! order of additions depends on shapes and strides, never on threads.

use std::ops::Range;

use smallvec::SmallVec;

use super::evaluate::{TILES_PER_TASK, broadcast_shape, dtypes};
use super::expr::Expr;
use super::fold::{Extent3, Fold, Totals};
use super::level::Level;
use super::machine::Machine;
use super::operand::Operand;
use super::program::Program;
use super::space::{Space, Tile};
use crate::permute::{Shared, StridedCopy, copy_bytes};
use crate::threads::{parallel_for, parallel_map};
use crate::{
    Axes, DType, Element, Error, Result, Strides, Tensor, c128, element_count, row_major, storage,
};

/// Kept tiles folded side by side.
const BAND: usize = 8;

/// Bands whose partial totals are held at once.
const BANDS_AT_ONCE: usize = 16;

/// What is computed of the values along the reduced axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reduction {
    /// Σ x.
    Sum,
    /// Σ |x|²; real.
    SumOfSquares,
    /// √(Σ |x|²); real, `f64` for integers. Overflows where Σ |x|² does.
    Norm,
    /// The largest; NaN if any is. Not for complex values.
    Max,
    /// The smallest; NaN if any is. Not for complex values.
    Min,
    /// log Σ eˣ without overflow; −∞ of nothing. Not for complex values.
    LogSumExp,
}

impl Reduction {
    const fn name(self) -> &'static str {
        match self {
            Reduction::Sum => "sum",
            Reduction::SumOfSquares => "sum of squares",
            Reduction::Norm => "norm",
            Reduction::Max => "max",
            Reduction::Min => "min",
            Reduction::LogSumExp => "logsumexp",
        }
    }

    const fn fold(self) -> Fold {
        match self {
            Reduction::Sum | Reduction::SumOfSquares | Reduction::Norm => Fold::Sum,
            Reduction::Max => Fold::Max,
            Reduction::Min => Fold::Min,
            Reduction::LogSumExp => Fold::LogSumExp,
        }
    }

    /// The expression to be folded, in the type it is folded in.
    fn prepared(self, expr: &Expr, dtype: DType) -> Result<Expr> {
        let wide = match dtype {
            DType::I64 if matches!(self, Reduction::Norm | Reduction::LogSumExp) => DType::F64,
            DType::I64 => DType::I64,
            DType::C64 | DType::C128 => DType::C128,
            _ => DType::F64,
        };
        let ordered = matches!(self, Reduction::Max | Reduction::Min | Reduction::LogSumExp);
        if ordered && wide == DType::C128 {
            return Err(Error::Unsupported {
                operation: self.name(),
                dtype,
            });
        }
        let value = expr.clone().cast(wide);
        Ok(match self {
            Reduction::SumOfSquares | Reduction::Norm => value.abs2(),
            _ => value,
        })
    }
}

impl Expr {
    /// Reduces the values of the expression over `axes` (of the broadcast
    /// shape of the inputs); the result has the other axes, in order.
    ///
    /// # Errors
    /// As [`Expr::eval`]; [`Error::AxisOutOfRange`], [`Error::RepeatedAxis`];
    /// [`Error::EmptyReduction`] for the extremum of nothing.
    pub fn reduce<T: Element>(
        &self,
        reduction: Reduction,
        axes: &[usize],
        inputs: &[Operand<'_>],
    ) -> Result<Tensor<T>> {
        let program = self.prepared(reduction, &dtypes(inputs))?;
        reduced(&program, reduction, axes, inputs)
    }

    /// The program whose values a reduction folds.
    pub(super) fn prepared(&self, reduction: Reduction, inputs: &[DType]) -> Result<Program> {
        let prepared = reduction.prepared(self, self.dtype(inputs)?)?;
        Program::compile(&prepared, inputs, None)
    }

    /// Reduces all values of the expression to one.
    ///
    /// # Errors
    /// As [`Expr::reduce`].
    pub fn reduce_all<T: Element>(
        &self,
        reduction: Reduction,
        inputs: &[Operand<'_>],
    ) -> Result<T> {
        let axes: Axes = (0..broadcast_shape(inputs)?.len()).collect();
        self.reduce(reduction, &axes, inputs)?.get(&[])
    }
}

/// The values of a program made for `reduction`, folded over `axes`.
pub(super) fn reduced<T: Element>(
    program: &Program,
    reduction: Reduction,
    axes: &[usize],
    inputs: &[Operand<'_>],
) -> Result<Tensor<T>> {
    let shape = broadcast_shape(inputs)?;
    let reduced = check_axes(axes, shape.len())?;
    let kept: Axes = (0..shape.len())
        .filter(|axis| !reduced.contains(axis))
        .collect();
    let result_shape: Axes = kept.iter().map(|&axis| shape[axis]).collect();
    let count = element_count(&result_shape)?;
    element_count(&shape)?;
    let extremum = matches!(reduction, Reduction::Max | Reduction::Min);
    if extremum && count > 0 && reduced.iter().any(|&axis| shape[axis] == 0) {
        return Err(Error::EmptyReduction {
            what: reduction.name(),
            shape: shape.to_vec(),
        });
    }
    let job = Job::new(program, reduction.fold(), inputs, &shape, &kept, &reduced)?;
    Ok(match program.dtype {
        DType::I64 => converted(Tensor::from_vec(job.run::<i64>(count), &result_shape)?)?,
        DType::C128 => converted(Tensor::from_vec(job.run::<c128>(count), &result_shape)?)?,
        _ => {
            let mut values = job.run::<f64>(count);
            if reduction == Reduction::Norm {
                values.iter_mut().for_each(|value| *value = value.sqrt());
            }
            converted(Tensor::from_vec(values, &result_shape)?)?
        }
    })
}

fn converted<T: Element, U: Element>(tensor: Tensor<U>) -> Result<Tensor<T>> {
    if let Some(same) = T::from_array(&tensor.clone().into()) {
        return Ok(same.clone());
    }
    Expr::input(0).eval(&[(&tensor).into()])
}

fn check_axes(axes: &[usize], ndim: usize) -> Result<Axes> {
    for (k, &axis) in axes.iter().enumerate() {
        if axis >= ndim {
            return Err(Error::AxisOutOfRange {
                what: "reduce",
                axis,
                ndim,
            });
        }
        if axes[..k].contains(&axis) {
            return Err(Error::RepeatedAxis {
                what: "reduce",
                axis,
            });
        }
    }
    Ok(axes.into())
}

/// One reduction: a space whose axes are a kept and a reduced group, tiles
/// that are blocks of both, and totals for one kept tile at a time.
struct Job<'a> {
    program: &'a Program,
    fold: Fold,
    inputs: &'a [Operand<'a>],
    /// Operands are the inputs and the result, whose stride along reduced axes is zero.
    space: Space,
    /// Whether the kept axes are the inner ones.
    kept_inside: bool,
    /// First axis of the inner group.
    boundary: usize,
    level: Level,
}

impl<'a> Job<'a> {
    fn new(
        program: &'a Program,
        fold: Fold,
        inputs: &'a [Operand<'a>],
        shape: &[usize],
        kept: &[usize],
        reduced: &[usize],
    ) -> Result<Self> {
        let mut strides: Vec<Strides> = (inputs.iter())
            .map(|input| input.strides_for("reduce", shape))
            .collect::<Result<_>>()?;
        // Axes are ordered, and the groups nested, as the largest input lies
        // in memory.
        let extent = |strides: &Strides| -> usize {
            (strides.iter().zip(shape))
                .map(|(&s, &n)| if s == 0 { 1 } else { n })
                .product()
        };
        let main: Strides = (strides.iter().rev().max_by_key(|strides| extent(strides)))
            .cloned()
            .unwrap_or_else(|| Strides::from_elem(0, shape.len()));
        let by_stride = |axes: &[usize]| {
            let mut axes: Axes = axes.into();
            axes.sort_by_key(|&axis| std::cmp::Reverse(main[axis].unsigned_abs()));
            axes
        };
        let (kept_sorted, reduced) = (by_stride(kept), by_stride(reduced));
        let nearest = |axes: &[usize]| {
            (axes.iter())
                .filter(|&&axis| shape[axis] > 1 && main[axis] != 0)
                .map(|&axis| main[axis].unsigned_abs())
                .min()
                .unwrap_or(usize::MAX)
        };
        let kept_inside = nearest(&kept_sorted) < nearest(&reduced);
        let (outer, inner) = match kept_inside {
            true => (&reduced, &kept_sorted),
            false => (&kept_sorted, &reduced),
        };
        let order: Axes = outer.iter().chain(inner).copied().collect();
        let mut result = Strides::from_elem(0, shape.len());
        let kept_shape: Axes = kept.iter().map(|&axis| shape[axis]).collect();
        for (&axis, stride) in kept.iter().zip(row_major(&kept_shape)) {
            result[axis] = stride;
        }
        strides.push(result);
        let strides: Vec<Strides> = (strides.iter())
            .map(|strides| order.iter().map(|&axis| strides[axis]).collect())
            .collect();
        let lengths: Axes = order.iter().map(|&axis| shape[axis]).collect();
        let (space, boundary) = Space::merged(&lengths, &strides, outer.len());
        let axes = space.lengths.len();
        Ok(Self {
            program,
            fold,
            inputs,
            space: space.tiled_in_two(0..boundary, boundary..axes),
            kept_inside,
            boundary,
            level: Level::detect(),
        })
    }

    fn groups(&self) -> (Range<usize>, Range<usize>) {
        let (outer, inner) = (0..self.boundary, self.boundary..self.space.lengths.len());
        match self.kept_inside {
            true => (inner, outer),
            false => (outer, inner),
        }
    }

    /// Parts of an element: complex numbers are folded as two reals.
    fn parts(&self) -> usize {
        if self.program.dtype == DType::C128 {
            2
        } else {
            1
        }
    }

    fn empty(&self) -> Totals {
        Totals::empty(self.fold, self.program.dtype == DType::I64)
    }

    /// All `count` results; `T` is the type of the program.
    fn run<T: Element>(&self, count: usize) -> Vec<T> {
        let mut results: Vec<T> = storage::with_room(count);
        let target = Shared(results.as_mut_ptr().cast());
        let (kept, reduced) = self.groups();
        let kept_tiles = self.space.tiles(kept);
        let reduced_tiles = self.space.tiles(reduced);
        let chunks = reduced_tiles.div_ceil(TILES_PER_TASK);
        if chunks == 0 {
            let mut totals = self.empty();
            let values = totals.finish(self.fold, count * self.parts());
            // SAFETY: there are as many values as results, of one size.
            unsafe {
                std::ptr::copy_nonoverlapping(values, target.get(), count * size_of::<T>());
            }
        } else if chunks == 1 {
            // A task folds bands until it has enough tiles.
            let bands = kept_tiles.div_ceil(BAND);
            let group = (TILES_PER_TASK / (BAND * reduced_tiles.max(1))).max(1);
            parallel_for(bands.div_ceil(group), |task| {
                let mut machine = Machine::new(self.program, self.inputs, &self.space);
                for band in task * group..((task + 1) * group).min(bands) {
                    let tiles = band * BAND..((band + 1) * BAND).min(kept_tiles);
                    let totals = self.fold_tiles(&mut machine, tiles.clone(), 0..reduced_tiles);
                    self.store(tiles, totals, target);
                }
            });
        } else {
            self.run_chunks(kept_tiles, reduced_tiles, target);
        }
        // SAFETY: every result belongs to one kept tile, and each was stored.
        unsafe { results.set_len(count) };
        results
    }

    /// As [`Job::run`] with the reduced tiles in chunks, folded apart and then
    /// together in order: neither depends on the number of threads.
    fn run_chunks(&self, kept_tiles: usize, reduced_tiles: usize, target: Shared) {
        let chunks = reduced_tiles.div_ceil(TILES_PER_TASK);
        for first in (0..kept_tiles).step_by(BAND * BANDS_AT_ONCE) {
            let last = (first + BAND * BANDS_AT_ONCE).min(kept_tiles);
            let bands = (last - first).div_ceil(BAND);
            let tiles_of = |band: usize| {
                let start = first + band * BAND;
                start..(start + BAND).min(last)
            };
            let mut partials = parallel_map(bands * chunks, |item| {
                let mut machine = Machine::new(self.program, self.inputs, &self.space);
                let start = item % chunks * TILES_PER_TASK;
                let tiles = start..(start + TILES_PER_TASK).min(reduced_tiles);
                self.fold_tiles(&mut machine, tiles_of(item / chunks), tiles)
            })
            .into_iter();
            for band in 0..bands {
                let mut totals = partials.next().expect("every band has a chunk");
                for more in partials.by_ref().take(chunks - 1) {
                    for (total, more) in totals.iter_mut().zip(&more) {
                        total.merge(self.fold, more);
                    }
                }
                self.store(tiles_of(band), totals, target);
            }
        }
    }

    /// Totals of some reduced tiles of a band of kept tiles.
    ///
    /// Where the kept axes are inside, a band is a stretch of memory, and
    /// going through it before the next reduced tile reads memory in order.
    fn fold_tiles(
        &self,
        machine: &mut Machine<'_>,
        kept_tiles: Range<usize>,
        reduced_tiles: Range<usize>,
    ) -> SmallVec<[Totals; BAND]> {
        let (kept, reduced) = self.groups();
        let all_kept = self.space.tiles(kept.clone());
        let all_reduced = self.space.tiles(reduced);
        let mut tile = Tile::default();
        let mut totals: SmallVec<[Totals; BAND]> =
            kept_tiles.clone().map(|_| self.empty()).collect();
        let mut fold = |kept_tile: usize, reduced_tile: usize, totals: &mut Totals| {
            let number = match self.kept_inside {
                true => reduced_tile * all_kept + kept_tile,
                false => kept_tile * all_reduced + reduced_tile,
            };
            self.space.place(number, &mut tile);
            let kept_length: usize = tile.extents[kept.clone()].iter().product();
            let middle = tile.length / kept_length.max(1);
            let (outer, inner) = match self.kept_inside {
                true => (1, kept_length * self.parts()),
                false => (kept_length, self.parts()),
            };
            let extent = Extent3 {
                outer,
                middle,
                inner,
            };
            // SAFETY: inputs are valid for the space, and the values of a
            // prepared expression are `f64`, pairs of them, or `i64`.
            unsafe {
                let values = machine.run(&tile, None);
                totals.add(self.level, self.fold, values, extent);
            }
        };
        if self.kept_inside {
            for reduced_tile in reduced_tiles {
                for (kept_tile, totals) in kept_tiles.clone().zip(&mut totals) {
                    fold(kept_tile, reduced_tile, totals);
                }
            }
        } else {
            for (kept_tile, totals) in kept_tiles.zip(&mut totals) {
                for reduced_tile in reduced_tiles.clone() {
                    fold(kept_tile, reduced_tile, totals);
                }
            }
        }
        totals
    }

    /// Puts the totals of kept tiles where their results belong.
    fn store(&self, kept_tiles: Range<usize>, totals: SmallVec<[Totals; BAND]>, target: Shared) {
        let (kept, reduced) = self.groups();
        let all_reduced = self.space.tiles(reduced);
        let size = size_of::<f64>() * self.parts();
        let mut tile = Tile::default();
        for (kept_tile, mut totals) in kept_tiles.zip(totals) {
            // Any tile of the kept tile says where; take the first.
            let number = match self.kept_inside {
                true => kept_tile,
                false => kept_tile * all_reduced,
            };
            self.space.place(number, &mut tile);
            let extents = &tile.extents[kept.clone()];
            let count = extents.iter().product::<usize>() * self.parts();
            let values = totals.finish(self.fold, count);
            // SAFETY: the results of a kept tile are inside the target, and
            // belong to no other tile; there are `count` values.
            unsafe {
                let offset = tile.offsets[self.inputs.len()] * size as isize;
                copy_bytes(StridedCopy {
                    shape: extents,
                    size,
                    source: values,
                    source_strides: &row_major(extents),
                    target: target.get().offset(offset),
                    target_strides: &self.space.strides[self.inputs.len()][kept.clone()],
                });
            }
        }
    }
}
