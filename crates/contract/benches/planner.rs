//! Parsing and planning, one JSON line each.
//!
//! `cargo bench -p tensegrity-contract --bench planner [-- FILE.json…]`
//! times the front end on small expressions and every planner on networks of
//! its own and on the instance files given (any kind `read_network` reads).
//! `log2_flops` and `log2_size` describe the plan, `seconds_min` its making; with
//! `--paths` every line carries the pairs, for checks by other programs.

use std::hint::black_box;
use std::time::{Duration, Instant};

use tensegrity_contract::{Effort, Plan, PlanOptions, read_network};
use tensegrity_diagram::{Expression, Network, Passes, simplify};
use tensegrity_tensor::SplitMix64;

/// Seconds of the fastest call.
fn fastest<T>(budget: Duration, mut call: impl FnMut() -> T) -> f64 {
    let begin = Instant::now();
    black_box(call());
    let repeat = (2e-4 / begin.elapsed().as_secs_f64().max(1e-9)).ceil() as u32;
    let begin = Instant::now();
    let mut best = f64::INFINITY;
    while begin.elapsed() < budget || best.is_infinite() {
        let start = Instant::now();
        for _ in 0..repeat {
            black_box(call());
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(repeat));
    }
    best
}

#[allow(clippy::print_stdout)]
fn print(line: serde_json::Value) {
    println!("{line}");
}

fn front_end() {
    let cases: [(&str, &[&[usize]]); 3] = [
        ("ij,jk->ik", &[&[4, 4], &[4, 4]]),
        ("ij,jk,kl->il", &[&[20, 30], &[30, 40], &[40, 50]]),
        (
            "abc,cd,dbe,ef->af",
            &[&[8, 9, 10], &[10, 11], &[11, 9, 12], &[12, 8]],
        ),
    ];
    let budget = Duration::from_millis(200);
    let options = PlanOptions::default();
    for (text, shapes) in cases {
        let expression = Expression::parse(text).expect("an expression");
        let bound = expression.bind(shapes).expect("fitting shapes");
        print(serde_json::json!({
            "name": text,
            "parse": fastest(budget, || Expression::parse(black_box(text))),
            "bind": fastest(budget, || expression.bind(black_box(shapes))),
            "plan": fastest(budget, || Plan::new(black_box(&bound.network), &options)),
        }));
    }
}

/// A random regular graph of `degree`, by pairing stubs.
fn regular(tensors: usize, degree: usize) -> Network {
    let mut rng = SplitMix64::new(1);
    let mut stubs: Vec<usize> = (0..tensors * degree).map(|k| k % tensors).collect();
    for k in (1..stubs.len()).rev() {
        stubs.swap(k, rng.below(k as u64 + 1) as usize);
    }
    let mut inputs = vec![Vec::new(); tensors];
    for (wire, pair) in stubs.chunks_exact(2).enumerate() {
        for &end in pair {
            inputs[end].push(wire as u32);
        }
    }
    Network {
        inputs,
        output: vec![],
        dims: vec![2; stubs.len() / 2],
    }
}

/// A square lattice without open legs.
fn lattice(side: usize) -> Network {
    let mut inputs = vec![Vec::new(); side * side];
    let mut wire = 0;
    for x in 0..side {
        for y in 0..side {
            for (inside, there) in [
                (x + 1 < side, (x + 1) * side + y),
                (y + 1 < side, x * side + y + 1),
            ] {
                if inside {
                    inputs[x * side + y].push(wire);
                    inputs[there].push(wire);
                    wire += 1;
                }
            }
        }
    }
    Network {
        inputs,
        output: vec![],
        dims: vec![2; wire as usize],
    }
}

fn plan(name: &str, network: &Network, planner: &'static str, effort: Effort) {
    let options = PlanOptions {
        planner: planner.into(),
        effort,
        ..PlanOptions::default()
    };
    match Plan::new(network, &options) {
        Ok(plan) => print(serde_json::json!({
            "name": name,
            "tensors": network.inputs.len(),
            "wires": network.dims.len(),
            "planner": planner,
            "effort": effort,
            "seconds_min": fastest(Duration::from_millis(100), || Plan::new(network, &options)),
            "log10_flops": plan.cost().flops.log10(),
            "log2_flops": plan.cost().flops.log2(),
            "log2_size": plan.cost().size.log2(),
            "log2_write": plan.cost().write.log2(),
            "path": std::env::args().any(|a| a == "--paths").then(|| plan.pairs()),
        })),
        Err(error) => print(serde_json::json!({
            "name": name, "planner": planner, "error": error.to_string(),
        })),
    }
}

fn all_planners(name: &str, network: &Network) {
    let simple = simplify(network, Passes::ALL).expect("a valid network");
    print(serde_json::json!({
        "name": name,
        "simplify": fastest(Duration::from_millis(50), || simplify(network, Passes::ALL)),
        "tensors_before": network.inputs.len(),
        "tensors_after": simple.tensors.len(),
    }));
    if network.inputs.len() <= 25 {
        plan(name, network, "optimal", Effort::Normal);
    }
    plan(name, network, "greedy", Effort::Normal);
    for effort in [Effort::Fast, Effort::Normal, Effort::High] {
        if effort != Effort::High || network.inputs.len() < 2000 {
            plan(name, network, "auto", effort);
        }
    }
}

fn main() {
    let files: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    if files.is_empty() {
        front_end();
        all_planners("lattice_4", &lattice(4));
        all_planners("lattice_10", &lattice(10));
        all_planners("regular_100_3", &regular(100, 3));
        all_planners("regular_10000_3", &regular(10_000, 3));
        all_planners("lattice_200", &lattice(200));
    }
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{file}: {e}"));
        let name = file
            .rsplit('/')
            .next()
            .unwrap_or(&file)
            .trim_end_matches(".json");
        match read_network(&text) {
            Ok(instance) => {
                for (path_name, path) in &instance.paths {
                    let stored = Plan::with_path(&instance.network, path, &PlanOptions::default());
                    let cost = stored.as_ref().map(|p| p.cost().flops.log2()).ok();
                    print(serde_json::json!({
                        "name": name, "planner": path_name, "log2_flops": cost,
                    }));
                }
                all_planners(name, &instance.network);
            }
            Err(error) => print(serde_json::json!({"name": name, "error": error.to_string()})),
        }
    }
}
