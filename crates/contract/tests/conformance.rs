//! Random expressions agree with sums by definition, in every element type,
//! memory order and output layout.

mod generator;

use generator::cases::{Case, cases};
use generator::{Laid, Order, brute_force};
use tensegrity_contract::pair::Strategy;
use tensegrity_contract::promote::ArrayView;
use tensegrity_contract::{Plan, PlanOptions, Program, einsum_into, einsum_typed};
use tensegrity_diagram::Expression;
use tensegrity_tensor::{DType, Element, Scalar, SplitMix64, View, ViewMut, c64, c128, row_major};

/// The table of `examples/conformance_table.rs`. The Python tests run a table of
/// their own, made by the same rules, against NumPy.
const SEED: u64 = 2024;
const COUNT: usize = 600;

fn operands<T: Element>(case: &Case, mut draw: impl FnMut() -> T) -> Vec<Laid<T>> {
    (case.shapes.iter().zip(&case.orders))
        .map(|(shape, &order)| Laid::new(shape, order, &mut draw))
        .collect()
}

fn check<'v, T: Element>(case: &Case, views: &'v [View<'v, T>], close: impl Fn(T, T, &str))
where
    ArrayView<'v>: From<View<'v, T>>,
{
    let terms: Vec<(&[u32], View<'_, T>)> = (case.operands.iter().zip(views))
        .map(|(wires, view)| (wires.as_slice(), view.clone()))
        .collect();
    let wanted = brute_force(&terms, &case.output, &case.dims);
    let shape: Vec<usize> = case.output.iter().map(|&w| case.dims[w as usize]).collect();
    let found = einsum_typed(&case.expression, views).unwrap_or_else(|e| panic!("{case:?}: {e}"));
    assert_eq!(found.shape(), shape, "{case:?}");
    let label = format!("{case:?}");
    for (&x, &y) in found.as_slice().iter().zip(&wanted) {
        close(x, y, &label);
    }
    // Into outputs that are not row-major, with the same bits or close to them.
    let any: Vec<ArrayView<'v>> = views.iter().cloned().map(ArrayView::from).collect();
    for order in [Order::Fortran, Order::Reversed, Order::Strided] {
        let guard = T::ONE;
        let mut out = Laid::new(&shape, order, || guard);
        // SAFETY: the output owns its memory and these orders do not overlap.
        let mut target = unsafe {
            ViewMut::from_raw(out.data.as_mut_ptr().add(out.start), &shape, &out.strides)
        };
        einsum_into(&case.expression, &any, &mut target, &PlanOptions::default())
            .unwrap_or_else(|e| panic!("{case:?}: {e}"));
        for (&x, &y) in out.view().to_tensor().as_slice().iter().zip(&wanted) {
            close(x, y, &label);
        }
    }
}

fn floats<'v, T: Scalar + 'v>(seed: u64, count: usize, epsilon: f64)
where
    ArrayView<'v>: From<View<'v, T>>,
{
    let mut values = SplitMix64::new(seed);
    for case in cases(SEED, count) {
        let laid = operands(&case, || T::from_f64(values.centred(), values.centred()));
        // The views live as long as this test: leaking keeps lifetimes simple.
        let laid: &'v [Laid<T>] = Box::leak(laid.into_boxed_slice());
        let views: &'v [View<'v, T>] = Box::leak(
            laid.iter()
                .map(Laid::view)
                .collect::<Vec<_>>()
                .into_boxed_slice(),
        );
        let terms = case.dims.iter().product::<usize>().max(1) as f64;
        // Every factor is at most √½ in magnitude.
        let tolerance = 8.0 * epsilon * terms * 0.71f64.powi(case.shapes.len() as i32);
        check(&case, views, |x, y, label| {
            let error = x.sub(y).abs2().sqrt();
            assert!(error <= tolerance, "{x:?} is not {y:?}: {label}");
        });
    }
}

#[test]
fn every_strategy_agrees() {
    let mut values = SplitMix64::new(6);
    for case in cases(SEED, COUNT) {
        let laid = operands(&case, || values.centred());
        let views: Vec<View<'_, f64>> = laid.iter().map(Laid::view).collect();
        let terms: Vec<(&[u32], View<'_, f64>)> = (case.operands.iter().zip(&views))
            .map(|(wires, view)| (wires.as_slice(), view.clone()))
            .collect();
        let wanted = brute_force(&terms, &case.output, &case.dims);
        let expression = Expression::parse(&case.expression).expect("a legal expression");
        let shapes: Vec<&[usize]> = case.shapes.iter().map(Vec::as_slice).collect();
        let bound = expression.bind(&shapes).expect("legal shapes");
        let plan = Plan::new(&bound.network, &PlanOptions::default()).expect("a plan");
        let seen: Vec<View<'_, f64>> = (bound.operands.iter().zip(&views))
            .map(|(binding, view)| binding.view(view).expect("the shapes bound to"))
            .collect();
        let strides: Vec<&[isize]> = seen.iter().map(View::strides).collect();
        for strategy in Strategy::ALL {
            let program = Program::compile_with_strategy(
                &bound.network,
                plan.pairs(),
                &strides,
                &row_major(&bound.shape),
                DType::F64,
                strategy,
            );
            let found = program.and_then(|p| p.run(&seen)).expect("a run");
            let terms = case.dims.iter().product::<usize>().max(1) as f64;
            let tolerance = 8.0 * f64::EPSILON * terms * 0.5f64.powi(views.len() as i32);
            for (&x, &y) in found.as_slice().iter().zip(&wanted) {
                assert!(
                    (x - y).abs() <= tolerance,
                    "{x} is not {y}: {strategy:?} {case:?}"
                );
            }
        }
    }
}

#[test]
fn f64_expressions() {
    floats::<f64>(1, COUNT, f64::EPSILON);
}

#[test]
fn f32_expressions() {
    floats::<f32>(2, 200, f64::from(f32::EPSILON));
}

#[test]
fn complex_expressions() {
    floats::<c128>(3, 200, f64::EPSILON);
    floats::<c64>(4, 200, f64::from(f32::EPSILON));
}

#[test]
fn integer_expressions_are_exact() {
    let mut values = SplitMix64::new(5);
    for case in cases(SEED, COUNT) {
        let laid = operands(&case, || values.next_u64() as i64);
        let laid: &'static [Laid<i64>] = Box::leak(laid.into_boxed_slice());
        let views: &'static [View<'static, i64>] = Box::leak(
            laid.iter()
                .map(Laid::view)
                .collect::<Vec<_>>()
                .into_boxed_slice(),
        );
        check(&case, views, |x, y, label| assert_eq!(x, y, "{label}"));
    }
}

#[test]
fn the_table_covers_the_notation() {
    let table = cases(SEED, COUNT);
    let count = |what: &dyn Fn(&Case) -> bool| table.iter().filter(|c| what(c)).count();
    let repeats = |wires: &[u32]| (1..wires.len()).any(|i| wires[..i].contains(&wires[i]));
    let uses = |c: &Case, w: u32| c.operands.iter().filter(|t| t.contains(&w)).count();
    assert!(count(&|c| c.expression.contains("...")) > 80);
    assert!(count(&|c| !c.expression.contains("->")) > 80);
    assert!(count(&|c| c.operands.iter().any(|t| repeats(t))) > 80);
    assert!(count(&|c| repeats(&c.output)) > 20);
    assert!(count(&|c| c.dims.contains(&0)) > 10);
    assert!(count(&|c| (0..c.dims.len() as u32).any(|w| uses(c, w) > 2)) > 40);
    for order in Order::ALL {
        assert!(count(&|c| c.orders.contains(&order)) > 100);
    }
    let numpy = count(&|c| c.numpy);
    assert!(numpy >= 500, "{numpy} cases for NumPy");
}
