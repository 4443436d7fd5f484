//! Gradients and Hessian-vector products against the forward pass, one thread,
//! one JSON line each:
//! `{"name", "forward_seconds", "gradient_ratio", "hvp_ratio"}` and
//! `{"name", "record_ns", "reverse_ns"}` for the cost of a step: `node` without a
//! kernel (a reshape), `elementwise` with one (a product of scalars).
//!
//! The forward pass is the contraction alone, unrecorded. A gradient is forward
//! and reverse pass for a given cotangent, all operands; a Hessian-vector product
//! is that and its derivative with a tangent on every operand. Ratios are medians
//! of runs in turn.
//!
//! `cargo bench -p tensegrity-grad --bench gradient [NAME…]`

use std::hint::black_box;
use std::time::Instant;

use tensegrity_contract::einsum_typed;
use tensegrity_grad::{Result, Variable, einsum, gradients, jvp, unrecorded, vjp};
use tensegrity_tensor::{SplitMix64, Tensor, View, set_threads};

struct Case {
    name: &'static str,
    expression: &'static str,
    shapes: Vec<Vec<usize>>,
}

fn cases() -> Vec<Case> {
    let case = |name, expression, shapes: &[&[usize]]| Case {
        name,
        expression,
        shapes: shapes.iter().map(|shape| shape.to_vec()).collect(),
    };
    vec![
        case("product", "ij,jk->ik", &[&[512, 512], &[512, 512]]),
        case(
            "chain",
            "ab,bc,cd,de->ae",
            &[&[300, 320], &[320, 340], &[340, 300], &[300, 310]],
        ),
        case(
            "tensor_train",
            "ai,ibj,jck,kd->abcd",
            &[&[24, 40], &[40, 24, 40], &[40, 24, 40], &[40, 24]],
        ),
        case(
            "ring",
            "aib,bjc,ckd,dla->ijkl",
            &[&[24, 16, 24], &[24, 16, 24], &[24, 16, 24], &[24, 16, 24]],
        ),
        case("cp", "ir,jr,kr->ijk", &[&[96, 64], &[96, 64], &[96, 64]]),
        case(
            "tucker",
            "pqr,ip,jq,kr->ijk",
            &[&[32, 32, 32], &[96, 32], &[96, 32], &[96, 32]],
        ),
        case(
            "attention",
            "bhqd,bhkd->bhqk",
            &[&[4, 4, 256, 64], &[4, 4, 256, 64]],
        ),
    ]
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    black_box(work());
    start.elapsed().as_secs_f64()
}

impl Case {
    fn run(&self) -> Result<(f64, f64, f64)> {
        let mut seed = SplitMix64::new(1);
        let mut draw = || -> Vec<Tensor<f64>> {
            (self.shapes.iter())
                .map(|shape| seed.centred_tensor(shape))
                .collect()
        };
        let (tensors, directions) = (draw(), draw());
        let views: Vec<View<'_, f64>> = tensors.iter().map(Tensor::view).collect();
        let x: Vec<Variable> = tensors.iter().cloned().map(Variable::new).collect();
        let v: Vec<Variable> = directions.into_iter().map(Variable::constant).collect();
        let operands: Vec<&Variable> = x.iter().collect();
        let moving: Vec<&Variable> = v.iter().collect();
        let shape = einsum(self.expression, &operands)?.shape().to_vec();
        let cotangent = Variable::constant(seed.centred_tensor::<f64>(&shape));
        let back = || {
            vjp(
                &[&einsum(self.expression, &operands)?],
                &[&cotangent],
                &operands,
            )
        };
        let along = || {
            let gradients = back()?;
            let gradients: Vec<&Variable> = gradients.iter().collect();
            unrecorded(|| jvp(&gradients, &operands, &moving))
        };
        let (mut forward, mut backward, mut second) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..12 {
            let f = seconds(|| einsum_typed(self.expression, &views));
            let g = seconds(back);
            let h = seconds(along);
            // The first rounds plan and compile.
            if round > 1 {
                forward.push(f);
                backward.push(g / f);
                second.push(h / f);
            }
        }
        Ok((median(forward), median(backward), median(second)))
    }
}

/// Nanoseconds a step of a chain takes to record, and to differentiate.
fn chain(step: impl Fn(usize, &Variable) -> Result<Variable>) -> Result<(f64, f64)> {
    const STEPS: usize = 20_000;
    let x = Variable::new(Tensor::scalar(1.0_f64));
    let (mut record, mut reverse) = (Vec::new(), Vec::new());
    for _ in 0..9 {
        let mut y = x.clone();
        record.push(seconds(|| {
            for number in 0..STEPS {
                y = step(number, &y)?;
            }
            Result::Ok(())
        }));
        reverse.push(seconds(|| unrecorded(|| gradients(&y, &[&x]))));
    }
    let each = |values| median(values) / STEPS as f64 * 1e9;
    Ok((each(record), each(reverse)))
}

#[allow(clippy::print_stdout)]
fn main() -> Result<()> {
    set_threads(1);
    let names: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let wanted = |name: &str| names.is_empty() || names.iter().any(|n| n == name);
    for case in cases().iter().filter(|case| wanted(case.name)) {
        let (forward, gradient, second) = case.run()?;
        println!(
            "{{\"name\": \"{}\", \"expression\": \"{}\", \"forward_seconds\": {forward:.3e}, \
             \"gradient_ratio\": {gradient:.2}, \"hvp_ratio\": {second:.2}}}",
            case.name, case.expression
        );
    }
    type Step = fn(usize, &Variable) -> Result<Variable>;
    let node: Step = |number, y| y.reshape(&[1, 1][..1 + number % 2]);
    let elementwise: Step = |_, y| y.mul(y);
    for (name, step) in [("node", node), ("elementwise", elementwise)] {
        if wanted(name) {
            let (record, reverse) = chain(step)?;
            println!(
                "{{\"name\": \"{name}\", \"record_ns\": {record:.0}, \"reverse_ns\": {reverse:.0}}}"
            );
        }
    }
    Ok(())
}
