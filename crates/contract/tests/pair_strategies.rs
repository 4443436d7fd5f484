//! Every strategy that applies to a pair computes the sum of its definition.

mod generator;

use generator::{Draw, Laid, Order, brute_force};
use tensegrity_contract::pair::{PairSpec, Strategy, contract_into};
use tensegrity_tensor::{DType, Element, Scalar, SplitMix64, Tensor, ViewMut, c64, c128};

/// A random pair: up to three wires of each class, lengths that exercise
/// whole vectors, remainders and single elements.
fn random_spec(draw: &mut Draw) -> PairSpec {
    let mut dims = Vec::new();
    let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
    let budget = 25_000;
    // on a, on b, on c, and how often a class is present.
    let classes = [
        (true, true, true, 45),
        (true, false, true, 75),
        (false, true, true, 75),
        (true, true, false, 75),
        (true, false, false, 20),
        (false, true, false, 20),
        (false, false, true, 12),
    ];
    for (on_a, on_b, on_c, percent) in classes {
        if !draw.chance(percent) {
            continue;
        }
        for _ in 0..1 + draw.below(3) {
            let length = draw.pick(&[1, 2, 2, 3, 4, 5, 7, 8, 9, 16, 17, 27, 33]);
            if dims.iter().product::<usize>() * length > budget {
                continue;
            }
            let wire = dims.len() as u32;
            dims.push(length);
            for (on, wires) in [(on_a, &mut a), (on_b, &mut b), (on_c, &mut c)] {
                if on {
                    for _ in 0..1 + usize::from(draw.chance(7)) {
                        wires.push(wire);
                    }
                }
            }
        }
    }
    if draw.chance(3) && !dims.is_empty() {
        let at = draw.below(dims.len());
        dims[at] = 0;
    }
    for wires in [&mut a, &mut b, &mut c] {
        for i in (1..wires.len()).rev() {
            let j = draw.below(i + 1);
            wires.swap(i, j);
        }
    }
    PairSpec::new(&a, &b, &c, |w| dims[w as usize])
}

/// Runs every strategy on one problem, into an output of any layout.
fn check<T: Element>(
    spec: &PairSpec,
    orders: [Order; 3],
    mut value: impl FnMut() -> T,
    close: impl Fn(T, T, &str),
) -> Vec<Strategy> {
    let a = Laid::new(&spec.shape(&spec.a), orders[0], &mut value);
    let b = Laid::new(&spec.shape(&spec.b), orders[1], &mut value);
    let shape = spec.shape(&spec.c);
    let wanted = brute_force(
        &[(&spec.a, a.view()), (&spec.b, b.view())],
        &spec.c,
        &spec.dims,
    );
    let mut used = Vec::new();
    let strategies = std::iter::once(None).chain(Strategy::ALL.map(Some));
    for strategy in strategies {
        let guard = value();
        let mut c = Laid::new(&shape, orders[2], || guard);
        let before = c.data.clone();
        // SAFETY: the output owns its memory and `orders[2]` has no overlaps.
        let mut target =
            unsafe { ViewMut::from_raw(c.data.as_mut_ptr().add(c.start), &shape, &c.strides) };
        let choice =
            contract_into(spec, strategy, &a.view(), &b.view(), &mut target).expect("legal shapes");
        let label = format!("{spec:?} {orders:?} {strategy:?} {choice:?}");
        let Some(choice) = choice else {
            assert_eq!(c.data, before, "{label}");
            continue;
        };
        let found = c.view().to_tensor();
        for (&x, &y) in found.as_slice().iter().zip(&wanted) {
            close(x, y, &label);
        }
        // Nothing beside the result was written.
        let mut touched = vec![false; c.data.len()];
        for i in 0..found.len() {
            let (mut rest, mut at) = (i, c.start as isize);
            for axis in (0..shape.len()).rev() {
                at += (rest % shape[axis]) as isize * c.strides[axis];
                rest /= shape[axis];
            }
            touched[at as usize] = true;
        }
        for (i, touched) in touched.into_iter().enumerate() {
            assert!(touched || c.data[i] == before[i], "wrote outside: {label}");
        }
        if strategy.is_none() || choice.strategy != Strategy::Fill {
            used.push(choice.strategy);
        }
    }
    used
}

fn orders(draw: &mut Draw) -> [Order; 3] {
    let output = [Order::C, Order::Fortran, Order::Reversed, Order::Strided];
    [
        draw.pick(&Order::ALL),
        draw.pick(&Order::ALL),
        draw.pick(&output),
    ]
}

fn floats<T: Scalar>(seed: u64, cases: usize, epsilon: f64) {
    let mut draw = Draw(SplitMix64::new(seed));
    let mut values = SplitMix64::new(seed ^ 0xfeed);
    let mut used = std::collections::HashSet::new();
    for _ in 0..cases {
        let spec = random_spec(&mut draw);
        let orders = orders(&mut draw);
        let terms: usize = spec.dims.iter().product();
        // |values| ≤ √2·½ each, so a product is at most ½: error ≤ c·terms·eps/2.
        let tolerance = 8.0 * epsilon * (terms as f64).max(1.0) * 0.5;
        let next = || T::from_f64(values.centred(), values.centred());
        used.extend(check(&spec, orders, next, |x, y, label| {
            let error = x.sub(y).abs2().sqrt();
            assert!(error <= tolerance, "{x:?} is not {y:?}: {label}");
        }));
    }
    for strategy in Strategy::ALL {
        assert!(
            used.contains(&strategy),
            "{strategy:?} was never used for {}",
            T::DTYPE
        );
    }
}

#[test]
fn f64_pairs() {
    floats::<f64>(1, 300, f64::EPSILON);
}

#[test]
fn f32_pairs() {
    floats::<f32>(2, 150, f64::from(f32::EPSILON));
}

#[test]
fn c128_pairs() {
    floats::<c128>(3, 150, f64::EPSILON);
}

#[test]
fn c64_pairs() {
    floats::<c64>(4, 150, f64::from(f32::EPSILON));
}

#[test]
fn i64_pairs_are_exact_and_wrap() {
    let mut draw = Draw(SplitMix64::new(5));
    let mut values = SplitMix64::new(6);
    let mut used = std::collections::HashSet::new();
    for _ in 0..200 {
        let spec = random_spec(&mut draw);
        let orders = orders(&mut draw);
        // Full-range values: nearly every product wraps.
        let next = || values.next_u64() as i64;
        used.extend(check(&spec, orders, next, |x, y, label| {
            assert_eq!(x, y, "{label}");
        }));
    }
    for strategy in Strategy::ALL {
        let library = matches!(strategy, Strategy::Gemm | Strategy::Transpose);
        assert_eq!(
            used.contains(&strategy),
            !library,
            "{strategy:?} {}",
            DType::I64
        );
    }
}

#[test]
fn products_of_many_blocks_agree() {
    // Longer than a block of the packed kernel in rows, columns and depth,
    // with wires that do not merge; the dense kernel is the judge.
    let mut values = SplitMix64::new(7);
    for (a, b, c, dims) in [
        (
            vec![0, 1, 2, 3],
            vec![3, 4, 2],
            vec![4, 1, 0],
            vec![11, 61, 20, 35, 50],
        ),
        (vec![0, 1], vec![1, 2], vec![2, 0], vec![30, 70, 9000]),
        (vec![0, 1], vec![2, 1], vec![0, 2], vec![3000, 130, 20]),
        (
            vec![2, 0, 1],
            vec![1, 2, 3],
            vec![3, 0],
            vec![25, 64, 32, 31],
        ),
    ] {
        let spec = PairSpec::new(&a, &b, &c, |w| dims[w as usize]);
        let a: Tensor<f64> = values.centred_tensor(&spec.shape(&spec.a));
        let b: Tensor<f64> = values.centred_tensor(&spec.shape(&spec.b));
        let run = |strategy| {
            let mut c = Tensor::zeros(&spec.shape(&spec.c)).unwrap();
            let choice = contract_into(
                &spec,
                Some(strategy),
                &a.view(),
                &b.view(),
                &mut c.view_mut(),
            );
            assert_eq!(choice.unwrap().expect("both apply").strategy, strategy);
            c
        };
        let (found, wanted) = (run(Strategy::Packed), run(Strategy::Gemm));
        let depth = (a.len() * b.len() / found.len()) as f64;
        let tolerance = 8.0 * f64::EPSILON * depth.max(1.0).sqrt() * 64.0;
        for (x, y) in found.as_slice().iter().zip(wanted.as_slice()) {
            assert!((x - y).abs() <= tolerance, "{x} is not {y}: {spec:?}");
        }
    }
}
