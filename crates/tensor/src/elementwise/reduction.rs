//! Reductions of an expression over some of its axes, in the loop that
//! computes it.
//!
//! Sums are accumulated in `f64` (complex in pairs of `f64`, integers
//! wrapping), by lanes inside a tile and with compensation from tile to tile:
//! the error is a few units in the last place of Σ|x| for any length. The
//! order of additions depends on shapes and strides, never on threads.

use smallvec::SmallVec;

use super::evaluate::{TILES_PER_TASK, broadcast_shape, dtypes};
use super::expr::Expr;
use super::fold::{Extent3, Fold, Totals};
use super::level::Level;
use super::machine::Machine;
use super::operand::Operand;
use super::program::Program;
use super::space::{Space, Tile};
use crate::threads::parallel_map;
use crate::{Axes, DType, Element, Error, Result, Strides, Tensor, element_count, row_major};

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
        let dtypes = dtypes(inputs);
        let prepared = reduction.prepared(self, self.dtype(&dtypes)?)?;
        let program = Program::compile(&prepared, &dtypes, None)?;
        let job = Job::new(&program, reduction.fold(), inputs, &shape, &kept, &reduced)?;
        let totals = job.run(count);
        match (program.dtype, totals) {
            (DType::I64, Totals::Integer(values)) => {
                converted(Tensor::from_vec(values, &result_shape)?)
            }
            (DType::C128, totals) => {
                let parts = totals.finish(job.fold);
                let values = parts
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|&[re, im]| crate::c128::new(re, im));
                converted(Tensor::from_vec(values.collect(), &result_shape)?)
            }
            (_, totals) => {
                let mut values = totals.finish(job.fold);
                if reduction == Reduction::Norm {
                    values.iter_mut().for_each(|value| *value = value.sqrt());
                }
                converted(Tensor::from_vec(values, &result_shape)?)
            }
        }
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

fn converted<T: Element, U: Element>(tensor: Tensor<U>) -> Result<Tensor<T>> {
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

    fn groups(&self) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
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

    fn empty(&self, count: usize) -> Totals {
        let integer = self.program.dtype == DType::I64;
        Totals::empty(self.fold, integer, count * self.parts())
    }

    /// The totals of all `count` results.
    fn run(&self, count: usize) -> Totals {
        let (kept, reduced) = self.groups();
        let (kept_tiles, reduced_tiles) = (
            self.space.tiles(kept.clone()),
            self.space.tiles(reduced.clone()),
        );
        // Items are chunks of the reduced tiles of one kept tile; tasks are
        // runs of items. Neither depends on the number of threads.
        let chunks = reduced_tiles.div_ceil(TILES_PER_TASK);
        let items = kept_tiles * chunks;
        let group = (TILES_PER_TASK / reduced_tiles.max(1)).max(1);
        let partials = parallel_map(items.div_ceil(group), |task| {
            let mut machine = Machine::new(self.program, self.inputs, &self.space);
            let range = task * group..((task + 1) * group).min(items);
            range
                .map(|item| {
                    let first = item % chunks * TILES_PER_TASK;
                    let tiles = first..(first + TILES_PER_TASK).min(reduced_tiles);
                    self.fold_tiles(&mut machine, item / chunks, tiles)
                })
                .collect::<SmallVec<[(SmallVec<[isize; 1]>, Totals); 1]>>()
        });
        let mut results = self.empty(count);
        let mut items = partials.into_iter().flatten().peekable();
        for _ in 0..if chunks == 0 { 0 } else { kept_tiles } {
            let (places, mut totals) = items.next().expect("every kept tile has a chunk");
            for _ in 1..chunks {
                let (_, more) = items.next().expect("every chunk was folded");
                totals.merge(self.fold, &more);
            }
            scatter(&mut results, &totals, &places, self.parts());
        }
        results
    }

    /// Totals of some reduced tiles of one kept tile, and the results they
    /// belong to.
    fn fold_tiles(
        &self,
        machine: &mut Machine<'_>,
        kept_tile: usize,
        reduced_tiles: std::ops::Range<usize>,
    ) -> (SmallVec<[isize; 1]>, Totals) {
        let (kept, reduced) = self.groups();
        let (kept_tiles, all_reduced) = (
            self.space.tiles(kept.clone()),
            self.space.tiles(reduced.clone()),
        );
        let mut tile = Tile::default();
        let mut totals: Option<Totals> = None;
        let mut places = SmallVec::new();
        for reduced_tile in reduced_tiles {
            let number = match self.kept_inside {
                true => reduced_tile * kept_tiles + kept_tile,
                false => kept_tile * all_reduced + reduced_tile,
            };
            self.space.place(number, &mut tile);
            let kept_length: usize = tile.extents[kept.clone()].iter().product();
            let middle = tile.length / kept_length.max(1);
            let extent = match self.kept_inside {
                true => Extent3 {
                    outer: 1,
                    middle,
                    inner: kept_length * self.parts(),
                },
                false => Extent3 {
                    outer: kept_length,
                    middle,
                    inner: self.parts(),
                },
            };
            let totals = totals.get_or_insert_with(|| {
                places = self.places(&tile, kept.clone());
                self.empty(kept_length)
            });
            // SAFETY: inputs are valid for the space, and the values of a
            // prepared expression are `f64`, pairs of them, or `i64`.
            unsafe {
                let values = machine.run(&tile, None);
                totals.add(self.level, self.fold, values, extent);
            }
        }
        (places, totals.unwrap_or_else(|| self.empty(0)))
    }

    /// Result numbers of the kept indices of a tile, in row-major order.
    fn places(&self, tile: &Tile, kept: std::ops::Range<usize>) -> SmallVec<[isize; 1]> {
        let strides = &self.space.strides[self.inputs.len()];
        let mut places: SmallVec<[isize; 1]> = smallvec::smallvec![tile.offsets[self.inputs.len()]];
        for axis in kept {
            places = (places.iter())
                .flat_map(|&place| {
                    (0..tile.extents[axis] as isize).map(move |k| place + k * strides[axis])
                })
                .collect();
        }
        places
    }
}

/// Puts totals where they belong.
fn scatter(results: &mut Totals, totals: &Totals, places: &[isize], parts: usize) {
    let targets = (places.iter()).flat_map(|&place| {
        let start = place as usize * parts;
        start..start + parts
    });
    match (results, totals) {
        (Totals::Integer(results), Totals::Integer(totals)) => {
            targets
                .zip(totals)
                .for_each(|(target, &total)| results[target] = total);
        }
        (
            Totals::Real { first, second },
            Totals::Real {
                first: more_first,
                second: more_second,
            },
        ) => {
            for (target, (&a, &b)) in targets.zip(more_first.iter().zip(more_second)) {
                first[target] = a;
                second[target] = b;
            }
        }
        _ => unreachable!("totals of one reduction have one type"),
    }
}
