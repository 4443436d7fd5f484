//! How fast expressions and reductions are evaluated.
#![allow(missing_docs)]

mod timing;

use tensegrity_tensor::{
    DType, Element, Expr, Real, Reduction, SplitMix64, Tensor, relative_error,
};
use timing::report;

const LENGTH: usize = 1 << 24;

fn input(k: usize) -> Expr {
    Expr::input(k)
}

/// Into memory that exists, of the shape of the first tensor.
fn map<T: Element>(name: &str, expr: &Expr, inputs: &[&Tensor<T>]) {
    let mut target = Tensor::full(inputs[0].shape(), T::ONE).unwrap();
    let mut target = target.view_mut();
    let operands: Vec<_> = inputs.iter().map(|&tensor| tensor.into()).collect();
    let elements: usize = inputs.iter().map(|tensor| tensor.len()).sum();
    let bytes = (elements + inputs[0].len()) * size_of::<T>();
    report(&format!("{name} {}", T::DTYPE), bytes, || {
        expr.eval_into(&mut target, &operands).unwrap();
    });
}

fn functions<T: Real>(length: usize, name: &str) {
    let x: Tensor<T> = SplitMix64::new(1).normal_tensor(&[length]);
    let positive = x.map(|v| v.mul(v).add(T::EPSILON));
    let named = [
        ("exp", input(0).exp()),
        ("tanh", input(0).tanh()),
        ("sin", input(0).sin()),
        ("cos", input(0).cos()),
        ("sigmoid", input(0).sigmoid()),
        ("relu", input(0).relu()),
    ];
    for (function, expr) in &named {
        map(&format!("{function} {name}"), expr, &[&x]);
    }
    map(&format!("log {name}"), &input(0).log(), &[&positive]);
    map(&format!("sqrt {name}"), &input(0).sqrt(), &[&positive]);
}

fn reductions<T: Real>(x: &Tensor<T>, rows: &Tensor<T>) {
    let name = |what: &str| format!("{what} {}", T::DTYPE);
    let bytes = x.len() * size_of::<T>();
    for (what, reduction) in [
        ("sum 16M", Reduction::Sum),
        ("norm 16M", Reduction::Norm),
        ("max 16M", Reduction::Max),
        ("logsumexp 16M", Reduction::LogSumExp),
    ] {
        report(&name(what), bytes, || -> f64 {
            input(0).reduce_all(reduction, &[x.into()]).unwrap()
        });
    }
    for (what, axis) in [("sum 4096x4096 axis 0", 0), ("sum 4096x4096 axis 1", 1)] {
        report(&name(what), bytes, || -> Tensor<T> {
            input(0)
                .reduce(Reduction::Sum, &[axis], &[rows.into()])
                .unwrap()
        });
    }
}

fn main() {
    let a: Tensor<f64> = SplitMix64::new(1).centred_tensor(&[LENGTH]);
    let b: Tensor<f64> = SplitMix64::new(2).centred_tensor(&[LENGTH]);
    let product_sum = input(0) * input(1) + input(0);
    map("a*b+a 16M", &product_sum, &[&a, &b]);
    report(
        "a*b+a 16M float64 fresh",
        3 * 8 * LENGTH,
        || -> Tensor<f64> { product_sum.eval(&[(&a).into(), (&b).into()]).unwrap() },
    );
    let square = a.clone().reshaped(&[4096, 4096]).unwrap();
    let transposed = square.view().permuted(&[1, 0]).unwrap();
    let mut target = Tensor::full(&[4096, 4096], 1.0).unwrap();
    let mut target = target.view_mut();
    report("a+a.T 4096x4096 float64", 3 * 8 * LENGTH, || {
        (input(0) + input(1))
            .eval_into(&mut target, &[(&square).into(), (&transposed).into()])
            .unwrap();
    });
    report("relative_error 16M float64", 2 * 8 * LENGTH, || {
        relative_error(&a.view(), &b.view()).unwrap()
    });
    report(
        "cast 16M float64 to float32",
        12 * LENGTH,
        || -> Tensor<f32> { input(0).cast(DType::F32).eval(&[(&a).into()]).unwrap() },
    );
    reductions(&a, &square);
    let single: Tensor<f32> = a.cast().unwrap();
    reductions(&single, &single.clone().reshaped(&[4096, 4096]).unwrap());
    let triples = a.clone().into_vec()[..3 << 22].to_vec();
    let triples = Tensor::from_vec(triples, &[1 << 22, 3]).unwrap();
    for axis in [0, 1] {
        report(
            &format!("sum 4194304x3 axis {axis} float64"),
            8 * triples.len(),
            || -> Tensor<f64> {
                input(0)
                    .reduce(Reduction::Sum, &[axis], &[(&triples).into()])
                    .unwrap()
            },
        );
    }
    functions::<f64>(1 << 22, "4M");
    functions::<f32>(1 << 22, "4M");
    functions::<f64>(1 << 13, "8K");
    functions::<f32>(1 << 13, "8K");
    let tiny = Tensor::from_vec(vec![1.0; 16], &[4, 4]).unwrap();
    map("a*b+a 4x4", &product_sum, &[&tiny, &tiny]);
}
