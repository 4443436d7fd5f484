//! The pair contractions users of other libraries complained about, one JSON
//! line each: `{"name", "expression", "strategy", "seconds_median", "seconds_min"}`.
//!
//! `cargo bench -p tensegrity-contract --bench pair [NAME…]`

use std::hint::black_box;
use std::time::{Duration, Instant};

use tensegrity_contract::einsum_typed;
use tensegrity_contract::pair::{PairSpec, Strategy, contract_into};
use tensegrity_tensor::{SplitMix64, Tensor};

struct Case {
    name: &'static str,
    expression: &'static str,
    shapes: [Vec<usize>; 2],
}

/// The 28-index pair of numpy issue 22604 with every index of one length.
const PAIR_28: &str = "kdyzBvhwcqfnbeg,htiAzxobvudBw->ywukbnvizxo";

fn cases() -> Vec<Case> {
    let case = |name, expression, a: &[usize], b: &[usize]| Case {
        name,
        expression,
        shapes: [a.to_vec(), b.to_vec()],
    };
    vec![
        case("pair28_d2", PAIR_28, &[2; 15], &[2; 13]),
        case("pair28_d3", PAIR_28, &[3; 15], &[3; 13]),
        case("ac_abc_cb", "ac,abc->cb", &[2, 2000], &[2, 2, 2000]),
        case("jk_ijkl_il", "jk,ijkl->il", &[100, 90], &[80, 100, 90, 70]),
        case("ij_ijkl_kl", "ij,ijkl->kl", &[100, 90], &[100, 90, 80, 70]),
        case(
            "ijk_bikl",
            "ijk,bikl->bijl",
            &[3, 64, 64],
            &[4096, 3, 64, 1],
        ),
        case(
            "abcd_dbea",
            "abcd,dbea->ec",
            &[48, 36, 24, 36],
            &[36, 36, 48, 48],
        ),
        case(
            "abcdef_dfgh",
            "abcdef,dfgh->abcegh",
            &[12, 10, 8, 14, 12, 10],
            &[14, 10, 16, 16],
        ),
        case("bmm128", "bij,bjk->bik", &[32, 128, 128], &[32, 128, 128]),
        case("bmm64", "bij,bjk->bik", &[32, 64, 64], &[32, 64, 64]),
        case("mm1000", "ij,jk->ik", &[1000, 1000], &[1000, 1000]),
        case("mm4", "ij,jk->ik", &[4, 4], &[4, 4]),
        case("batch2", "bij,bjk->bik", &[100_000, 2, 2], &[100_000, 2, 2]),
        case("batch4", "bij,bjk->bik", &[100_000, 4, 4], &[100_000, 4, 4]),
        case(
            "hadamard_transposed",
            "ij,ji->ij",
            &[2000, 2000],
            &[2000, 2000],
        ),
    ]
}

#[allow(clippy::print_stdout)]
impl Case {
    fn spec(&self) -> PairSpec {
        let (inputs, output) = self.expression.split_once("->").expect("an arrow");
        let (a, b) = inputs.split_once(',').expect("two terms");
        let ids = |term: &str| term.chars().map(u32::from).collect::<Vec<u32>>();
        let mut lengths = std::collections::HashMap::new();
        for (term, shape) in [a, b].iter().zip(&self.shapes) {
            lengths.extend(ids(term).into_iter().zip(shape.iter().copied()));
        }
        PairSpec::new(&ids(a), &ids(b), &ids(output), |w| lengths[&w])
    }

    fn run(&self, strategy: Option<Strategy>, budget: Duration) -> Option<Vec<f64>> {
        let spec = self.spec();
        let mut rng = SplitMix64::new(1);
        let a: Tensor<f64> = rng.normal_tensor(&self.shapes[0]);
        let b: Tensor<f64> = rng.normal_tensor(&self.shapes[1]);
        let mut c = Tensor::<f64>::zeros(&spec.shape(&spec.c)).expect("a shape that fits");
        let mut once = || {
            let (a, b) = (black_box(a.view()), black_box(b.view()));
            contract_into(&spec, strategy, &a, &b, &mut c.view_mut()).expect("legal shapes")
        };
        let choice = once()?;
        let times = measure(budget, || {
            once();
        });
        println!(
            "{}",
            serde_json::json!({
                "name": self.name,
                "expression": self.expression,
                "strategy": choice.to_string(),
                "forced": strategy.is_some(),
                "predicted": choice.seconds,
                "seconds_median": times[times.len() / 2],
                "seconds_min": times[0],
            })
        );
        Some(times)
    }
}

/// Seconds of one call, ascending.
fn measure(budget: Duration, mut call: impl FnMut()) -> Vec<f64> {
    let begin = Instant::now();
    call();
    let repeat = (1e-3 / begin.elapsed().as_secs_f64().max(1e-9)).ceil() as u32;
    let mut times = Vec::new();
    let begin = Instant::now();
    while begin.elapsed() < budget || times.len() < 3 {
        let start = Instant::now();
        for _ in 0..repeat {
            call();
        }
        times.push(start.elapsed().as_secs_f64() / f64::from(repeat));
    }
    times.sort_by(f64::total_cmp);
    times
}

/// A remembered call of the front end with nothing to compute: its overhead.
#[allow(clippy::print_stdout)]
fn cached_call() {
    let mut rng = SplitMix64::new(1);
    let a: Tensor<f64> = rng.normal_tensor(&[4, 4]);
    let b: Tensor<f64> = rng.normal_tensor(&[4, 4]);
    let times = measure(Duration::from_millis(300), || {
        let views = [black_box(a.view()), black_box(b.view())];
        black_box(einsum_typed("ij,jk->ik", &views).expect("legal shapes"));
    });
    println!(
        "{}",
        serde_json::json!({
            "name": "cached_einsum_4x4",
            "expression": "ij,jk->ik",
            "strategy": "loops",
            "forced": false,
            "predicted": 0.0,
            "seconds_median": times[times.len() / 2],
            "seconds_min": times[0],
        })
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let all = arguments.iter().any(|a| a == "strategies");
    let names: Vec<&String> = arguments.iter().filter(|a| *a != "strategies").collect();
    if names.is_empty() || names.iter().any(|n| *n == "cached_einsum_4x4") {
        cached_call();
    }
    for case in cases() {
        if !names.is_empty() && !names.iter().any(|n| *n == case.name) {
            continue;
        }
        case.run(None, Duration::from_millis(600));
        if all {
            for strategy in Strategy::ALL {
                case.run(Some(strategy), Duration::from_millis(300));
            }
        }
    }
}
