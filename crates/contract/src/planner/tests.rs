//! Planners against known optima, brute force and each other.

use std::sync::Arc;

use proptest::prelude::*;
use tensegrity_diagram::{Expression, Network, Pass, Passes, simplify};
use tensegrity_tensor::SplitMix64;

use super::*;
use crate::{Error, Plan, Result, TensorId, Tree};

/// An open grid of `across` × `down` tensors; edges numbered along x outer, y
/// inner, the one towards larger x first; dimension 2 + number mod 3.
fn grid(across: usize, down: usize) -> Network {
    let mut inputs = vec![Vec::new(); across * down];
    let mut dims = Vec::new();
    for x in 0..across {
        for y in 0..down {
            for (there, x2, y2) in [(x + 1 < across, x + 1, y), (y + 1 < down, x, y + 1)] {
                if there {
                    let wire = dims.len() as u32;
                    inputs[x * down + y].push(wire);
                    inputs[x2 * down + y2].push(wire);
                    dims.push(2 + u64::from(wire) % 3);
                }
            }
        }
    }
    Network {
        inputs,
        output: vec![],
        dims,
    }
}

fn network(text: &str, shapes: &[&[usize]]) -> Network {
    Expression::parse(text)
        .unwrap()
        .bind(shapes)
        .unwrap()
        .network
}

fn options(planner: &'static str, minimize: Objective, outer_products: bool) -> PlanOptions {
    PlanOptions {
        planner: planner.into(),
        minimize,
        outer_products,
        ..PlanOptions::default()
    }
}

fn find(name: &str, network: &Network, options: &PlanOptions) -> Result<Vec<(TensorId, TensorId)>> {
    Ok(planner(name)?.order(network, options)?.pairs)
}

/// The least flops, write and size found by three searches.
fn optima(network: &Network, outer: bool) -> [u128; 3] {
    let best = |minimize| {
        let plan = Plan::new(network, &options("optimal", minimize, outer)).unwrap();
        *plan.cost()
    };
    [
        best(Objective::Flops).flops.exact().unwrap(),
        best(Objective::Write).write.exact().unwrap(),
        best(Objective::Size).size.exact().unwrap(),
    ]
}

#[test]
fn grids_have_their_known_optima() {
    assert_eq!(optima(&grid(2, 3), true), [160, 41, 16]);
    assert_eq!(optima(&grid(3, 3), true), [806, 157, 64]);
    assert_eq!(optima(&grid(3, 4), true), [1218, 219, 48]);
    let plan = Plan::new(&grid(4, 4), &options("optimal", Objective::Flops, false)).unwrap();
    assert_eq!(plan.cost().flops.exact(), Some(4338));
}

#[test]
fn a_network_of_copy_tensors_has_its_known_optimum() {
    let shapes: [&[usize]; 6] = [
        &[3, 4, 7],
        &[4, 5, 7],
        &[5, 6, 7],
        &[6, 3, 7],
        &[7, 2],
        &[2],
    ];
    let net = network("abx,bcx,cdx,dax,xe,e->x", &shapes);
    assert_eq!(optima(&net, true), [1155, 210, 105]);
}

/// The least cost of any binary tree, by trying all.
fn brute_force(network: &Network, objective: Objective, connected: bool) -> f64 {
    fn go(
        network: &Network,
        objective: Objective,
        connected: bool,
        left: &[TensorId],
        path: &mut Vec<(TensorId, TensorId)>,
        best: &mut f64,
    ) {
        if left.len() == 1 {
            *best = best.min(Tree::new(network, path).unwrap().log2_cost(objective));
            return;
        }
        let partial = |path: &[(TensorId, TensorId)]| {
            let mut full = path.to_vec();
            // Any completion gives the tensors made so far their wires.
            let mut rest: Vec<TensorId> = left.to_vec();
            while rest.len() > 1 {
                let (a, b) = (rest.remove(0), rest.remove(0));
                rest.push(network.inputs.len() + full.len());
                full.push((a, b));
            }
            Tree::build(network, &full)
        };
        let tree = partial(path);
        for i in 0..left.len() {
            for j in i + 1..left.len() {
                let meet = tree
                    .wires(left[i])
                    .iter()
                    .any(|w| tree.wires(left[j]).contains(w));
                if connected && !meet {
                    continue;
                }
                let mut rest = left.to_vec();
                rest.remove(j);
                rest.remove(i);
                rest.push(network.inputs.len() + path.len());
                path.push((left[i], left[j]));
                go(network, objective, connected, &rest, path, best);
                path.pop();
            }
        }
    }
    let mut best = f64::INFINITY;
    let all: Vec<TensorId> = (0..network.inputs.len()).collect();
    go(
        network,
        objective,
        connected,
        &all,
        &mut Vec::new(),
        &mut best,
    );
    best
}

const OBJECTIVES: [Objective; 8] = [
    Objective::Flops,
    Objective::Max,
    Objective::Size,
    Objective::Write,
    Objective::Peak,
    Objective::Combo { factor: 64.0 },
    Objective::Limit { factor: 3.0 },
    Objective::Time,
];

/// A random network of `tensors` tensors of up to three wires each.
fn random_network(rng: &mut SplitMix64, tensors: usize, wires: u64) -> Network {
    let inputs = (0..tensors)
        .map(|_| {
            (0..1 + rng.below(3))
                .map(|_| rng.below(wires) as u32)
                .collect()
        })
        .collect();
    Network {
        inputs,
        output: (0..rng.below(3)).map(|_| rng.below(wires) as u32).collect(),
        dims: (0..wires).map(|_| 1 + rng.below(5)).collect(),
    }
}

#[test]
fn exact_search_agrees_with_brute_force() {
    let mut rng = SplitMix64::new(1);
    for round in 0..60 {
        let net = random_network(&mut rng, 3 + round % 3, 6);
        for objective in OBJECTIVES {
            let best = brute_force(&net, objective, false);
            let path = find("optimal", &net, &options("", objective, true));
            let found = Tree::new(&net, &path.unwrap())
                .unwrap()
                .log2_cost(objective);
            assert!(
                (found - best).abs() < 1e-9,
                "{objective} {net:?}: {found} not {best}"
            );
        }
    }
}

#[test]
fn connected_search_agrees_with_brute_force() {
    let mut rng = SplitMix64::new(2);
    let mut seen = 0;
    while seen < 40 {
        let net = random_network(&mut rng, 5, 6);
        if simplify(&net, Passes::LOSSLESS.without(Pass::BatchWires))
            .unwrap()
            .components
            .len()
            > 1
        {
            continue;
        }
        seen += 1;
        for objective in OBJECTIVES {
            let best = brute_force(&net, objective, true);
            if best == f64::INFINITY {
                // Every connected order ends in an outer product.
                continue;
            }
            let path = find("optimal", &net, &options("", objective, false));
            let found = Tree::new(&net, &path.unwrap())
                .unwrap()
                .log2_cost(objective);
            assert!(
                (found - best).abs() < 1e-9,
                "{objective} {net:?}: {found} not {best}"
            );
        }
    }
}

#[test]
fn taking_subsets_by_cost_finds_the_same_optimum() {
    let mut rng = SplitMix64::new(3);
    for _ in 0..20 {
        let net = random_network(&mut rng, 8, 9);
        let (leaves, _) = crate::tree::leaf_wires(&net);
        let bundles = bundles::Bundles::new(
            leaves.iter().map(Vec::as_slice),
            |w| net.dims[w as usize],
            |w| net.output.contains(&w),
        );
        for objective in OBJECTIVES {
            let mut ask = exact::ExactOptions {
                outer: true,
                ..exact::ExactOptions::new(objective)
            };
            let all = exact::search(&bundles, ask);
            ask.subsets = 0;
            let by_cost = exact::search(&bundles, ask);
            match (all, by_cost) {
                (exact::Exact::Best(_, a), exact::Exact::Best(path, b)) => {
                    assert!((a - b).abs() <= 1e-12 * a, "{objective}: {a} {b}");
                    Tree::new(&net, &path).unwrap();
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn long_chains_are_solved_exactly() {
    // Matrix chain of 60 by the textbook recursion.
    let dims: Vec<u64> = (0..61u64).map(|k| 2 + (k * 7919) % 23).collect();
    let n = 60;
    let mut best = vec![vec![0u128; n + 1]; n + 1];
    for span in 2..=n {
        for i in 0..=n - span {
            let j = i + span;
            let ends = u128::from(dims[i]) * u128::from(dims[j]);
            best[i][j] = (i + 1..j)
                .map(|k| best[i][k] + best[k][j] + ends * u128::from(dims[k]))
                .min()
                .unwrap();
        }
    }
    let chain = Network {
        inputs: (0..n as u32).map(|k| vec![k, k + 1]).collect(),
        output: vec![0, n as u32],
        dims,
    };
    let plan = Plan::new(&chain, &options("optimal", Objective::Flops, false)).unwrap();
    assert_eq!(plan.cost().flops.exact(), Some(best[0][n]));
    // And the default is not worse than one part in a hundred.
    let auto = Plan::new(&chain, &PlanOptions::default()).unwrap();
    assert!(auto.cost().flops.to_f64() <= 1.01 * best[0][n] as f64);
}

#[test]
fn too_large_an_exact_search_says_so() {
    // Complete graph of 30 tensors.
    let mut inputs = vec![Vec::new(); 30];
    let mut wires = 0;
    for a in 0..30 {
        for b in a + 1..30 {
            inputs[a].push(wires);
            inputs[b].push(wires);
            wires += 1;
        }
    }
    let net = Network {
        inputs,
        output: vec![],
        dims: vec![2; wires as usize],
    };
    let error = Plan::new(&net, &options("optimal", Objective::Flops, false)).unwrap_err();
    assert!(
        matches!(error, Error::SearchTooLarge { tensors: 30 }),
        "{error}"
    );
    Plan::new(&net, &PlanOptions::default()).unwrap();
}

#[test]
fn simplification_never_raises_the_least_size() {
    let mut rng = SplitMix64::new(4);
    for _ in 0..150 {
        let net = random_network(&mut rng, 7, 8);
        let floor = net.inputs.iter().map(|t| {
            let mut wires = t.clone();
            wires.sort_unstable();
            wires.dedup();
            net.size_of(&wires)
        });
        let floor = floor.fold(1.0, f64::max).log2();
        let least = |network: &Network| {
            let path = find("optimal", network, &options("", Objective::Size, true));
            let cost = Tree::new(network, &path.unwrap())
                .unwrap()
                .log2_cost(Objective::Size);
            cost.max(floor)
        };
        let simple = simplify(&net, Passes::ALL.without(Pass::BatchWires)).unwrap();
        let (before, after) = (least(&net), least(&simple.network));
        assert!(after <= before + 1e-9, "{net:?}: {after} > {before}");
    }
}

#[test]
fn reordering_lowers_the_peak_and_nothing_else() {
    let mut rng = SplitMix64::new(5);
    for _ in 0..100 {
        let net = random_network(&mut rng, 9, 10);
        let path = find("greedy", &net, &PlanOptions::default()).unwrap();
        let tree = Tree::new(&net, &path).unwrap();
        let better = tree.reordered();
        let (a, b) = (tree.cost(Objective::Flops), better.cost(Objective::Flops));
        assert_eq!((a.flops, a.write, a.size), (b.flops, b.write, b.size));
        assert!(b.peak.exact() <= a.peak.exact());
    }
}

#[test]
fn results_depend_on_the_seed_only() {
    let mut rng = SplitMix64::new(6);
    let net = random_network(&mut rng, 60, 70);
    let plan = |seed| {
        let options = PlanOptions {
            seed,
            ..PlanOptions::default()
        };
        Plan::new(&net, &options).unwrap()
    };
    assert_eq!(plan(7), plan(7));
}

#[test]
fn improving_pieces_never_hurts() {
    let mut rng = SplitMix64::new(8);
    for objective in OBJECTIVES {
        let net = random_network(&mut rng, 40, 45);
        let start = find("greedy", &net, &PlanOptions::default()).unwrap();
        let objective = match objective {
            Objective::Peak => Objective::Size,
            other => other,
        };
        let before = Tree::new(&net, &start).unwrap().log2_cost(objective);
        let pieces = reconfigure::PieceOptions {
            leaves: 7,
            pieces: 1000,
        };
        let path = reconfigure::reconfigure(&net, start, objective, pieces);
        let after = Tree::new(&net, &path).unwrap().log2_cost(objective);
        assert!(after <= before + 1e-9, "{objective}: {after} {before}");
    }
}

#[test]
fn large_networks_are_planned() {
    // A ladder of 40 000 tensors, and 20 000 tensors on one copy tensor.
    let n = 20_000u32;
    let mut inputs = Vec::new();
    for k in 0..n {
        let next = (k + 1) % n;
        inputs.push(vec![k, next, 2 * n + k]);
        inputs.push(vec![n + k, n + next, 2 * n + k]);
    }
    let ladder = Network {
        inputs,
        output: vec![],
        dims: vec![2; 3 * n as usize],
    };
    let plan = Plan::new(&ladder, &options("greedy", Objective::Flops, false)).unwrap();
    assert!(plan.cost().size.log2() <= 16.0, "{:?}", plan.cost().size);
    let star = Network {
        inputs: (0..n).map(|k| vec![0, k + 1, (k + 1) % n + 1]).collect(),
        output: vec![0],
        dims: vec![2; n as usize + 1],
    };
    for planner in ["greedy", "auto"] {
        let plan = Plan::new(&star, &options(planner, Objective::Flops, false)).unwrap();
        assert!(plan.cost().size.log2() <= 12.0, "{:?}", plan.cost().size);
    }
}

#[test]
fn impossible_sizes_are_planned_in_logarithms() {
    let mut rng = SplitMix64::new(9);
    let mut net = random_network(&mut rng, 30, 400);
    for term in &mut net.inputs {
        *term = (0..6).map(|_| rng.below(120) as u32).collect();
    }
    net.dims = vec![1 << 10; 400];
    let plan = Plan::new(&net, &PlanOptions::default()).unwrap();
    assert!(plan.cost().flops.log2() > 128.0 && plan.cost().flops.exact().is_none());
    assert_eq!(plan.peak_bytes(), u64::MAX);
}

/// Contracts from the left.
#[derive(Debug)]
struct InOrder;

impl Planner for InOrder {
    fn order(&self, network: &Network, _: &PlanOptions) -> Result<Order> {
        let n = network.inputs.len();
        let pairs: Vec<(TensorId, TensorId)> = (1..n)
            .map(|k| (if k == 1 { 0 } else { n + k - 2 }, k))
            .collect();
        Ok(pairs.into())
    }
}

#[test]
fn planners_are_found_by_name() {
    assert!(register_planner("tests-in-order", Arc::new(InOrder)).is_none());
    assert!(planner_names().contains(&"tests-in-order".to_owned()));
    let net = network("ab,bc,cd,de->ae", &[&[2, 9], &[9, 2], &[2, 9], &[9, 2]]);
    let plan = Plan::new(&net, &options("tests-in-order", Objective::Flops, false)).unwrap();
    assert_eq!(plan.pairs(), [(0, 1), (4, 2), (5, 3)]);
    let error = Plan::new(&net, &options("best", Objective::Flops, false)).unwrap_err();
    assert!(
        error.to_string().contains("auto, greedy, optimal"),
        "{error}"
    );
    // Also where there is nothing to plan.
    assert!(
        Plan::new(
            &network("i->i", &[&[2]]),
            &options("best", Objective::Flops, false)
        )
        .is_err()
    );
}

#[test]
fn paths_are_translated_and_checked() {
    assert_eq!(linear_to_ssa(3, &[&[0, 1, 2]]).unwrap(), [(0, 1), (3, 2)]);
    assert_eq!(linear_to_ssa(2, &[&[0], &[0, 1]]).unwrap(), [(1, 0)]);
    assert!(linear_to_ssa(0, &[]).unwrap().is_empty());
    for (operands, groups) in [
        (2, vec![&[0, 0][..]]),
        (2, vec![&[0, 2]]),
        (2, vec![&[]]),
        (3, vec![&[0, 1]]),
        (2, vec![&[0, 1], &[0, 1]]),
    ] {
        let error = linear_to_ssa(operands, &groups).unwrap_err();
        assert!(matches!(error, Error::InvalidPath(_)), "{error}");
    }
    assert!(ssa_to_linear(3, &[(0, 1), (0, 2)]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn paths_translate_back(seed in 0u64..1_000_000, operands in 1usize..12) {
        let mut rng = SplitMix64::new(seed);
        let linear: Vec<Vec<usize>> = (2..=operands).rev().map(|left| {
            let a = rng.below(left as u64) as usize;
            let b = (a + 1 + rng.below(left as u64 - 1) as usize) % left;
            vec![a, b]
        }).collect();
        let groups: Vec<&[usize]> = linear.iter().map(Vec::as_slice).collect();
        let ssa = linear_to_ssa(operands, &groups).unwrap();
        let back: Vec<Vec<usize>> = ssa_to_linear(operands, &ssa).unwrap().iter().map(|&(a, b)| vec![a, b]).collect();
        prop_assert_eq!(back, linear);
    }

    #[test]
    fn every_planner_plans_everything(seed in 0u64..1_000_000, tensors in 0usize..18, wires in 1u64..14) {
        let mut rng = SplitMix64::new(seed);
        let mut net = random_network(&mut rng, tensors, wires);
        if seed % 5 == 0 {
            net.dims[0] = 0;
        }
        for name in ["auto", "greedy"] {
            for objective in [Objective::Flops, Objective::Size, Objective::Peak, Objective::Time] {
                let plan = Plan::new(&net, &options(name, objective, false)).unwrap();
                prop_assert_eq!(plan.pairs().len(), tensors.saturating_sub(1));
                let loaded = Plan::from_json(&plan.to_json()).unwrap();
                prop_assert_eq!(&loaded, &plan);
                prop_assert!(!plan.explain().unwrap().to_string().is_empty());
            }
        }
    }
}
