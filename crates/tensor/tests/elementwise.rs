//! Expressions and reductions against index loops.
#![allow(missing_docs)]

use proptest::prelude::*;
use tensegrity_tensor::{
    DType, Element, Error, Expr, Reduction, Scalar, SplitMix64, Tensor, View, ViewMut, c64, c128,
    relative_error,
};

/// A view of random order, direction and steps over fresh random elements,
/// of a shape that broadcasts to `shape`.
struct Random<T> {
    store: Tensor<T>,
    seed: u64,
    shape: Vec<usize>,
}

impl<T: Scalar> Random<T> {
    fn new(seed: u64, shape: &[usize], broadcast: bool) -> Self {
        let mut rng = SplitMix64::new(seed);
        let drop = if broadcast && rng.uniform() < 0.3 {
            rng.below(shape.len() as u64 + 1) as usize
        } else {
            0
        };
        let mut shape = shape[drop..].to_vec();
        for length in &mut shape {
            if broadcast && rng.uniform() < 0.2 {
                *length = 1;
            }
        }
        let mut stored = shape.clone();
        stored.reverse();
        if let Some(last) = stored.last_mut() {
            *last *= 1 + usize::from(rng.uniform() < 0.3);
        }
        Self {
            store: rng.centred_tensor(&stored),
            seed,
            shape,
        }
    }

    fn view(&self) -> View<'_, T> {
        let mut rng = SplitMix64::new(self.seed ^ 99);
        let ndim = self.shape.len();
        let order: Vec<usize> = (0..ndim).rev().collect();
        let mut view = self.store.view().permuted(&order).unwrap();
        for axis in 0..ndim {
            let start = view.shape()[axis] - self.shape[axis];
            view = view.sliced(axis, start..view.shape()[axis]).unwrap();
            if rng.uniform() < 0.2 {
                view = view.reversed(axis).unwrap();
            }
        }
        view
    }
}

/// As `view`, but in row-major memory half of the time.
fn operand<'a, T: Scalar>(view: &View<'a, T>, copy: &'a Tensor<T>, dense: bool) -> View<'a, T> {
    if dense { copy.view() } else { view.clone() }
}

/// The elements of `view` broadcast to `shape`, in row-major order.
fn elements<T: Element>(view: &View<'_, T>, shape: &[usize]) -> Vec<T> {
    view.broadcast_to(shape).unwrap().to_tensor().into_vec()
}

fn shapes() -> impl Strategy<Value = Vec<usize>> {
    let length = prop_oneof![
        1 => Just(0usize), 3 => Just(1), 8 => 2usize..5, 6 => 5usize..40, 2 => 100usize..1500
    ];
    prop::collection::vec(length, 0..5)
        .prop_filter("small enough", |s| s.iter().product::<usize>() <= 30_000)
}

/// Three operands, an expression of them, and what it should be.
fn check<T: Scalar>(shape: &[usize], seed: u64, expr: &Expr, f: impl Fn(T, T, T) -> T) {
    let full = Random::<T>::new(seed, shape, false);
    let (b, c) = (
        Random::<T>::new(seed ^ 1, shape, true),
        Random::<T>::new(seed ^ 2, shape, true),
    );
    let copy = full.view().to_tensor();
    let a = operand(&full.view(), &copy, seed.is_multiple_of(2));
    let (b, c) = (b.view(), c.view());
    let expected: Vec<T> = (elements(&a, shape).into_iter())
        .zip(elements(&b, shape))
        .zip(elements(&c, shape))
        .map(|((a, b), c)| f(a, b, c))
        .collect();
    let inputs = [(&a).into(), (&b).into(), (&c).into()];
    let value: Tensor<T> = expr.eval(&inputs).unwrap();
    assert_eq!(value.shape(), shape);
    assert_eq!(
        value.as_slice(),
        expected,
        "{shape:?} {} seed {seed}",
        T::DTYPE
    );

    // Into a permuted, spaced target.
    let mut store = vec![T::ZERO; 2 * expected.len() + 1];
    let strides: Vec<isize> = (0..shape.len())
        .map(|axis| 2 * shape[..axis].iter().product::<usize>() as isize)
        .collect();
    // SAFETY: column-major strides times two stay inside the store.
    let mut target = unsafe { ViewMut::from_raw(store.as_mut_ptr(), shape, &strides) };
    expr.eval_into(&mut target, &inputs).unwrap();
    assert_eq!(target.as_view().to_tensor().as_slice(), expected);
}

fn input(k: usize) -> Expr {
    Expr::input(k)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn arithmetic_is_that_of_an_index_loop(shape in shapes(), seed: u64) {
        let expr = (input(0) * input(1) + input(0)) / 2.0 - -input(2).conj();
        check::<f64>(&shape, seed, &expr, |a, b, c| (a * b + a) / 2.0 + c);
        check::<f32>(&shape, seed, &expr, |a, b, c| (a * b + a) / 2.0 + c);
        check::<c64>(&shape, seed, &expr, |a, b, c| (a * b + a) / c64::new(2.0, 0.0) + c.conj());
        check::<c128>(&shape, seed, &expr, |a, b, c| (a * b + a) / c128::new(2.0, 0.0) + c.conj());
    }

    #[test]
    fn products_used_twice_and_on_either_side_of_a_sum(shape in shapes(), seed: u64) {
        let product = input(0) * input(1);
        let expr = (product.clone() + product * input(2)) - (input(2) - input(0) * input(2));
        check::<f64>(&shape, seed, &expr, |a, b, c| (a * b + (a * b) * c) - (c - a * c));
        check::<c64>(&shape, seed, &expr, |a, b, c| (a * b + (a * b) * c) - (c - a * c));
    }

    #[test]
    fn comparisons_and_extrema_are_those_of_an_index_loop(shape in shapes(), seed: u64) {
        let expr = input(0).less(input(1)).select(input(2).relu(), input(0).min(input(2)))
            + input(1).abs().max(input(0).mul_add(input(1), input(2))).sqrt();
        let f = |a: f64, b: f64, c: f64| {
            (if a < b { c.max(0.0) } else { a.min(c) }) + b.abs().max(a.mul_add(b, c)).sqrt()
        };
        check::<f64>(&shape, seed, &expr, f);
    }

    #[test]
    fn reductions_are_those_of_an_index_loop(
        shape in shapes(), seed: u64, mask in 0usize..32
    ) {
        let axes: Vec<usize> = (0..shape.len()).filter(|axis| mask >> axis & 1 == 1).collect();
        check_reductions::<f64>(&shape, &axes, seed, 1e-15);
        check_reductions::<f32>(&shape, &axes, seed, 1e-7);
    }

    #[test]
    fn complex_sums_and_norms_are_those_of_an_index_loop(
        shape in shapes(), seed: u64, mask in 0usize..32
    ) {
        let axes: Vec<usize> = (0..shape.len()).filter(|axis| mask >> axis & 1 == 1).collect();
        let x = Random::<c64>::new(seed, &shape, false);
        let x = x.view();
        let (groups, kept) = groups(&elements(&x, &shape), &shape, &axes);
        let sums: Tensor<c128> = input(0).reduce(Reduction::Sum, &axes, &[(&x).into()]).unwrap();
        let norms: Tensor<f64> = input(0).reduce(Reduction::Norm, &axes, &[(&x).into()]).unwrap();
        prop_assert_eq!(sums.shape(), &kept[..]);
        for ((group, sum), norm) in groups.iter().zip(sums.as_slice()).zip(norms.as_slice()) {
            let exact: c128 = group.iter().map(|x| c128::new(x.re.into(), x.im.into())).sum();
            prop_assert!((exact - sum).norm() <= 1e-14 * group.len() as f64);
            let squares: f64 = group.iter().map(|x| x.abs2()).sum();
            prop_assert!((squares.sqrt() - norm).abs() <= 1e-14 * squares.sqrt());
        }
    }
}

/// The elements that belong to each result, and the shape of the result.
fn groups<T: Copy>(values: &[T], shape: &[usize], axes: &[usize]) -> (Vec<Vec<T>>, Vec<usize>) {
    let kept: Vec<usize> = (0..shape.len())
        .filter(|axis| !axes.contains(axis))
        .collect();
    let kept_shape: Vec<usize> = kept.iter().map(|&axis| shape[axis]).collect();
    let mut groups = vec![Vec::new(); kept_shape.iter().product()];
    let mut index = vec![0; shape.len()];
    for &value in values {
        let group = kept
            .iter()
            .fold(0, |number, &axis| number * shape[axis] + index[axis]);
        groups[group].push(value);
        for (i, &length) in index.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < length {
                break;
            }
            *i = 0;
        }
    }
    (groups, kept_shape)
}

fn check_reductions<T: tensegrity_tensor::Real>(
    shape: &[usize],
    axes: &[usize],
    seed: u64,
    epsilon: f64,
) {
    let full = Random::<T>::new(seed, shape, false);
    let other = Random::<T>::new(seed ^ 1, shape, true);
    let copy = full.view().to_tensor();
    let a = operand(&full.view(), &copy, seed.is_multiple_of(2));
    let b = other.view();
    let expr = input(0) * input(1);
    let inputs = [(&a).into(), (&b).into()];
    let values: Vec<f64> = (elements(&a, shape).into_iter())
        .zip(elements(&b, shape))
        .map(|(a, b)| a.mul(b).to_f64())
        .collect();
    let (groups, kept) = groups(&values, shape, axes);
    let close = |reduction, exact: &dyn Fn(&[f64]) -> f64, scale: &dyn Fn(&[f64]) -> f64| {
        let empty = groups.iter().any(Vec::is_empty);
        let result: tensegrity_tensor::Result<Tensor<f64>> = expr.reduce(reduction, axes, &inputs);
        if empty && matches!(reduction, Reduction::Max | Reduction::Min) {
            assert!(matches!(result, Err(Error::EmptyReduction { .. })));
            return;
        }
        let result = result.unwrap();
        assert_eq!(result.shape(), kept);
        for (group, &value) in groups.iter().zip(result.as_slice()) {
            let exact = exact(group);
            let error = (value - exact).abs();
            // The product was rounded in T, the rest is computed in f64.
            let bound = 4.0 * f64::EPSILON * (group.len() as f64).sqrt().max(4.0) * scale(group);
            assert!(
                value == exact || error <= bound,
                "{reduction:?} over {axes:?} of {shape:?}: {value} for {exact} (seed {seed}, {epsilon})"
            );
        }
    };
    let sum_abs = |g: &[f64]| g.iter().map(|x| x.abs()).sum::<f64>();
    close(Reduction::Sum, &|g| g.iter().sum(), &sum_abs);
    let squares = |g: &[f64]| g.iter().map(|x| x * x).sum::<f64>();
    close(Reduction::SumOfSquares, &squares, &squares);
    close(Reduction::Norm, &|g| squares(g).sqrt(), &|g| {
        squares(g).sqrt()
    });
    close(
        Reduction::Max,
        &|g| g.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        &|_| 0.0,
    );
    close(
        Reduction::Min,
        &|g| g.iter().copied().fold(f64::INFINITY, f64::min),
        &|_| 0.0,
    );
    close(
        Reduction::LogSumExp,
        &|g| g.iter().map(|x| x.exp()).sum::<f64>().ln(),
        &|g| 1.0 + (g.len() as f64).ln().abs(),
    );
}

#[test]
fn large_reductions_keep_their_digits_and_ignore_threads() {
    // Cancelling terms 16 digits above the result.
    let mut x = SplitMix64::new(5)
        .centred_tensor::<f64>(&[700, 1300])
        .into_vec();
    let count = x.len();
    x[17] = 1e16;
    x[count - 40_000] = -1e16;
    let exact: f64 = x.iter().filter(|v| v.abs() < 1e15).sum();
    let x = Tensor::from_vec(x, &[700, 1300]).unwrap();
    assert!((x.sum() - exact).abs() < 16.0, "{} {exact}", x.sum());
    for axes in [&[0usize][..], &[1], &[0, 1]] {
        for reduction in [Reduction::Sum, Reduction::LogSumExp, Reduction::Max] {
            let value = input(0) * 1e-16;
            let reduce =
                || -> Tensor<f64> { value.reduce(reduction, axes, &[(&x).into()]).unwrap() };
            let one = reduce();
            tensegrity_tensor::set_threads(3);
            let three = reduce();
            let mapped: Tensor<f64> = value.eval(&[(&x).into()]).unwrap();
            tensegrity_tensor::set_threads(1);
            assert_eq!(one, three);
            assert_eq!(mapped, value.eval(&[(&x).into()]).unwrap());
        }
    }
}

#[test]
fn large_results_are_written_whole() {
    let x: Tensor<f64> = SplitMix64::new(6).centred_tensor(&[1501, 1403]);
    let row: Tensor<f64> = SplitMix64::new(7).centred_tensor(&[1403]);
    let y: Tensor<f64> = (input(0) * input(1))
        .eval(&[(&x).into(), (&row).into()])
        .unwrap();
    for (k, (&a, &b)) in x.as_slice().iter().zip(y.as_slice()).enumerate() {
        assert_eq!(b, a * row.as_slice()[k % 1403]);
    }
    let transposed = x.view().permuted(&[1, 0]).unwrap();
    let z: Tensor<f64> = (input(0) + input(0)).eval(&[(&transposed).into()]).unwrap();
    assert_eq!(z, transposed.to_tensor().scaled(2.0));
}

#[test]
fn types_promote_and_convert() {
    let halves = Tensor::from_vec(vec![-1.5f32, 0.25, 2.5], &[3]).unwrap();
    let counts = Tensor::from_vec(vec![1i64, 2, i64::MAX], &[3]).unwrap();
    let expr = input(0) + input(1);
    assert_eq!(expr.dtype(&[DType::F32, DType::I64]).unwrap(), DType::F64);
    let sum: Tensor<f64> = expr.eval(&[(&halves).into(), (&counts).into()]).unwrap();
    assert_eq!(sum.as_slice(), [-0.5, 2.25, i64::MAX as f64]);
    // A constant takes the type of its partner.
    assert_eq!((input(0) * 0.1).dtype(&[DType::F32]).unwrap(), DType::F32);
    assert_eq!((input(0) * 3.0).dtype(&[DType::I64]).unwrap(), DType::I64);
    assert_eq!((input(0) * 0.5).dtype(&[DType::I64]).unwrap(), DType::F64);
    let i = Expr::complex_constant(0.0, 1.0);
    let turned: Tensor<c64> = (input(0) * i).eval(&[(&halves).into()]).unwrap();
    assert_eq!(turned.as_slice()[0], c64::new(0.0, -1.5));
    let truncated: Tensor<i64> = halves.cast().unwrap();
    assert_eq!(truncated.as_slice(), [-1, 0, 2]);
    let wrapped: Tensor<i64> = (input(0) + 1.0).eval(&[(&counts).into()]).unwrap();
    assert_eq!(wrapped.as_slice()[2], i64::MIN);
    let back: Tensor<f32> = turned
        .view()
        .cast::<c128>()
        .unwrap()
        .cast::<c64>()
        .and_then(|z| input(0).im().eval(&[(&z).into()]))
        .unwrap();
    assert_eq!(back, halves);
    // A fraction is true, whatever the type of the branches.
    let chosen: Tensor<i64> = input(0)
        .select(input(1), Expr::constant(0.0))
        .eval(&[(&halves).into(), (&counts).into()])
        .unwrap();
    assert_eq!(chosen, counts);
}

#[test]
fn mistakes_are_errors() {
    let x = Tensor::<f64>::zeros(&[2, 3]).unwrap();
    let y = Tensor::<f64>::zeros(&[4]).unwrap();
    let z = Tensor::<c64>::zeros(&[2, 3]).unwrap();
    let eval = |expr: Expr, inputs: &[_]| expr.eval::<f64>(inputs).unwrap_err();
    assert!(matches!(
        eval(input(0) + input(1), &[(&x).into(), (&y).into()]),
        Error::ShapeMismatch { .. }
    ));
    assert!(matches!(
        eval(input(2), &[(&x).into()]),
        Error::MissingOperand {
            input: 2,
            operands: 1
        }
    ));
    assert!(matches!(
        eval(input(0), &[(&z).into()]),
        Error::WrongDType { .. }
    ));
    assert!(matches!(
        eval(input(0).relu(), &[(&z).into()]),
        Error::Unsupported { .. }
    ));
    let reduce = |axes: &[usize]| input(0).reduce::<f64>(Reduction::Sum, axes, &[(&x).into()]);
    assert!(matches!(
        reduce(&[2]).unwrap_err(),
        Error::AxisOutOfRange { .. }
    ));
    assert!(matches!(
        reduce(&[1, 1]).unwrap_err(),
        Error::RepeatedAxis { .. }
    ));
    assert!(matches!(
        x.add(&y).unwrap_err(),
        Error::ShapeMismatch { .. }
    ));
    let mut small = Tensor::<f64>::zeros(&[3]).unwrap();
    assert!(
        input(0)
            .eval_into(&mut small.view_mut(), &[(&x).into()])
            .is_err()
    );
}

#[test]
fn norms_do_not_overflow_and_errors_are_relative() {
    for scale in [1e200, 1e-200, 1e-310] {
        let x = Tensor::from_vec(vec![3.0 * scale, 4.0 * scale], &[2]).unwrap();
        assert!((x.norm() / (5.0 * scale) - 1.0).abs() < 1e-12);
    }
    assert_eq!(
        Tensor::from_vec(vec![f64::MAX, 0.0], &[2]).unwrap().norm(),
        f64::MAX
    );
    assert_eq!(
        Tensor::from_vec(vec![5e-324, 0.0], &[2]).unwrap().norm(),
        5e-324
    );
    assert!(
        Tensor::from_vec(vec![f64::NAN, 0.0], &[2])
            .unwrap()
            .norm()
            .is_nan()
    );
    assert_eq!(Tensor::<f32>::zeros(&[0, 2]).unwrap().norm(), 0.0);
    let big: Tensor<f64> = SplitMix64::new(8).centred_tensor(&[90, 91]);
    assert!((big.scaled(1e200).norm() / 1e200 / big.norm() - 1.0).abs() < 1e-14);

    let y: Tensor<c64> = SplitMix64::new(9).centred_tensor(&[80, 90]);
    let x = y.scaled(c64::new(1.0, 0.01));
    let error = relative_error(&x.view(), &y.view()).unwrap();
    assert!((error - 0.01).abs() < 1e-6, "{error}");
    let (xt, yt) = (
        x.view().permuted(&[1, 0]).unwrap(),
        y.view().permuted(&[1, 0]).unwrap(),
    );
    assert!((relative_error(&xt, &yt).unwrap() - error).abs() < 1e-12);
    let zero = Tensor::<c64>::zeros(&[80, 90]).unwrap();
    assert_eq!(relative_error(&zero.view(), &zero.view()).unwrap(), 0.0);
    assert_eq!(
        relative_error(&x.view(), &zero.view()).unwrap(),
        f64::INFINITY
    );
    assert_eq!(
        x.max_abs(),
        x.as_slice()
            .iter()
            .map(|z| f64::from(z.norm()))
            .fold(0.0, f64::max)
    );
    assert_eq!(y.conj().conj(), y);
    assert_eq!(x.sub(&y).unwrap().add(&y).unwrap().shape(), [80, 90]);
}

#[test]
fn infinities_and_nan_reduce_as_in_the_field() {
    let reduce = |values: Vec<f64>, reduction| -> f64 {
        let n = values.len();
        let x = Tensor::from_vec(values, &[n]).unwrap();
        input(0).reduce_all(reduction, &[(&x).into()]).unwrap()
    };
    let inf = f64::INFINITY;
    assert_eq!(reduce(vec![1.0, inf, 2.0], Reduction::Sum), inf);
    assert!(reduce(vec![-inf, inf], Reduction::Sum).is_nan());
    assert!(reduce(vec![1.0, f64::NAN, 2.0], Reduction::Max).is_nan());
    assert!(reduce(vec![1.0, f64::NAN, 2.0], Reduction::Min).is_nan());
    assert_eq!(reduce(vec![-inf; 3], Reduction::LogSumExp), -inf);
    assert_eq!(reduce(vec![], Reduction::LogSumExp), -inf);
    assert_eq!(reduce(vec![1.0, inf], Reduction::LogSumExp), inf);
    assert!(reduce(vec![1.0, f64::NAN], Reduction::LogSumExp).is_nan());
    assert_eq!(
        reduce(vec![1e4, 1e4], Reduction::LogSumExp),
        1e4 + 2f64.ln()
    );
    assert_eq!(reduce(vec![], Reduction::Sum), 0.0);
    // The same down columns, where totals run side by side.
    let x = Tensor::from_vec(vec![-inf, 1.0, inf, -inf, 2.0, inf], &[2, 3]).unwrap();
    let columns: Tensor<f64> = input(0)
        .reduce(Reduction::LogSumExp, &[0], &[(&x).into()])
        .unwrap();
    assert_eq!(columns.as_slice()[0], -inf);
    assert!((columns.as_slice()[1] - (2.0 + (1.0 + (-1.0f64).exp()).ln())).abs() < 1e-15);
    assert_eq!(columns.as_slice()[2], inf);
    let counts = Tensor::from_vec(vec![3i64, -5, 7], &[3]).unwrap();
    assert_eq!(counts.sum(), 5);
    let most: i64 = input(0)
        .reduce_all(Reduction::Max, &[(&counts).into()])
        .unwrap();
    assert_eq!(most, 7);
}
