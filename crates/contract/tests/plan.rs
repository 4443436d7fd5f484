//! Plans kept, limited, explained, and run.

use proptest::prelude::*;
use tensegrity_contract::{
    Error, Objective, PLAN_VERSION, Plan, PlanOptions, Program, read_network,
};
use tensegrity_diagram::{Expression, Network};
use tensegrity_tensor::{DType, SplitMix64, Tensor, View, row_major};

fn network(text: &str, shapes: &[&[usize]]) -> Network {
    Expression::parse(text)
        .unwrap()
        .bind(shapes)
        .unwrap()
        .network
}

fn chain() -> Network {
    network("ab,bc,cd->ad", &[&[2, 100], &[100, 3], &[3, 50]])
}

#[test]
fn costs_count_steps() {
    let plan = Plan::new(&chain(), &PlanOptions::default()).unwrap();
    let cost = plan.cost();
    assert_eq!(cost.flops.exact(), Some(600 + 300));
    assert_eq!(cost.max.exact(), Some(600));
    assert_eq!(cost.write.exact(), Some(6 + 100));
    assert_eq!(cost.size.exact(), Some(100));
    assert_eq!(cost.peak.exact(), Some(106));
    assert_eq!(plan.peak_bytes(), 106 * 8);
    assert!((cost.weighted.exp2() - (900.0 + 64.0 * 106.0)).abs() < 1e-6);
    assert_eq!((plan.slices(), plan.sliced()), (1, &[][..]));
}

#[test]
fn one_operand_and_none_cost_their_result() {
    let plan = Plan::new(&network("iij->j", &[&[3, 3, 4]]), &PlanOptions::default()).unwrap();
    assert_eq!(
        (plan.cost().flops.exact(), plan.cost().write.exact()),
        (Some(12), Some(4))
    );
    let plan = Plan::new(&network("->", &[]), &PlanOptions::default()).unwrap();
    assert_eq!(
        (plan.pairs().len(), plan.cost().write.exact()),
        (0, Some(1))
    );
    // An embedded diagonal is written with its zeros.
    let plan = Plan::new(
        &network("i,ij->iij", &[&[4], &[4, 3]]),
        &PlanOptions::default(),
    );
    assert_eq!(plan.unwrap().cost().write.exact(), Some(48));
}

#[test]
fn stored_plans_of_other_versions_are_refused() {
    let plan = Plan::new(&chain(), &PlanOptions::default()).unwrap();
    let text = plan.to_json();
    assert_eq!(Plan::from_json(&text).unwrap(), plan);
    let other = text.replace(&format!("\"version\": {PLAN_VERSION}"), "\"version\": 999");
    let error = Plan::from_json(&other).unwrap_err();
    assert!(
        matches!(error, Error::PlanVersion { found: 999, .. }),
        "{error}"
    );
    for (from, to) in [
        ("tensegrity-plan", "something"),
        ("\"sliced\": []", "\"sliced\": [1]"),
        ("\"element_bytes\": 8", "\"element_bytes\": 0"),
        ("\"minimize\": \"flops\"", "\"minimize\": \"beauty\""),
        ("\"dims\"", "\"sizes\""),
    ] {
        let broken = text.replace(from, to);
        assert_ne!(broken, text, "{from}");
        assert!(Plan::from_json(&broken).is_err(), "{to}");
    }
    for broken in ["", "{}", "null", "[1, 2]"] {
        assert!(
            matches!(Plan::from_json(broken), Err(Error::InvalidFile { .. })),
            "{broken}"
        );
    }
}

#[test]
fn stored_costs_are_not_believed_and_paths_are_checked() {
    let plan = Plan::new(&chain(), &PlanOptions::default()).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&plan.to_json()).unwrap();
    value["cost"]["flops"] = 1.into();
    assert_eq!(Plan::from_json(&value.to_string()).unwrap(), plan);
    value["cost"] = "nonsense".into();
    assert_eq!(Plan::from_json(&value.to_string()).unwrap(), plan);
    value["path"] = serde_json::json!([[0, 1], [0, 2]]);
    assert!(matches!(
        Plan::from_json(&value.to_string()),
        Err(Error::InvalidPath(_))
    ));
    value["path"] = serde_json::json!([[0, 1]]);
    assert!(matches!(
        Plan::from_json(&value.to_string()),
        Err(Error::InvalidPath(_))
    ));
}

#[test]
fn memory_limits_hold() {
    let limited = |network: &Network, limit| {
        let options = PlanOptions {
            memory_limit: Some(limit),
            ..PlanOptions::default()
        };
        Plan::new(network, &options)
    };
    // The largest operand of the chain alone has 300 elements.
    limited(&chain(), 2400).unwrap();
    let error = limited(&chain(), 2399).unwrap_err();
    assert!(
        matches!(error, Error::MemoryBudget { needed: 2400, .. }),
        "{error}"
    );
    // Here it is intermediate and result.
    let growing = network("ab,bc,cd->ad", &[&[20, 1], &[1, 2], &[2, 5]]);
    limited(&growing, 840).unwrap();
    let error = limited(&growing, 839).unwrap_err();
    assert!(
        matches!(
            error,
            Error::MemoryBudget {
                needed: 840,
                limit: 839
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("slices"), "{error}");
}

#[test]
fn given_paths_are_followed_in_their_order() {
    let net = network("ab,bc,cd,de->ae", &[&[2, 3], &[3, 4], &[4, 5], &[5, 6]]);
    let path = [(2, 3), (0, 1), (5, 4)];
    let plan = Plan::with_path(&net, &path, &PlanOptions::default()).unwrap();
    assert_eq!(
        (plan.pairs(), plan.provenance().planner.as_str()),
        (&path[..], "path")
    );
    for path in [
        &[(0, 1), (2, 3)][..],
        &[(0, 1), (0, 2), (3, 5)],
        &[(0, 9), (1, 2), (3, 4)],
    ] {
        assert!(
            Plan::with_path(&net, path, &PlanOptions::default()).is_err(),
            "{path:?}"
        );
    }
}

#[test]
fn plans_know_their_shapes() {
    let plan = Plan::new(&chain(), &PlanOptions::default()).unwrap();
    plan.check_shapes(&[&[2, 100], &[100, 3], &[3, 50]])
        .unwrap();
    let error = plan
        .check_shapes(&[&[2, 100], &[100, 3], &[3, 51]])
        .unwrap_err();
    assert!(
        matches!(error, Error::PlanShape { operand: 2, .. }),
        "{error}"
    );
    assert!(plan.check_shapes(&[&[2, 100]]).is_err());
}

#[test]
fn explanations_show_every_step() {
    let plan = Plan::new(&chain(), &PlanOptions::default()).unwrap();
    let explained = plan.explain().unwrap();
    assert_eq!(explained.expression, "ab,bc,cd->ad");
    assert_eq!(explained.steps.len(), 2);
    assert_eq!(explained.steps[0].flops.exact(), Some(600));
    assert!(explained.steps.iter().all(|step| step.kernel.is_some()));
    assert_eq!(explained.steps[1].peak_bytes.exact(), Some(848));
    let text = explained.to_string();
    assert!(text.contains("peak 848 bytes"), "{text}");
    assert!(text.contains("ab,bc->"), "{text}");
    let bound = Expression::parse("row k, k col -> row col").unwrap();
    let bound = bound.bind(&[&[2, 3], &[3, 4]]).unwrap();
    let plan = Plan::new(&bound.network, &PlanOptions::default()).unwrap();
    let named = plan
        .explain_named(DType::F64, |w| bound.wire_name(w))
        .unwrap();
    assert_eq!(named.steps[0].expression, "row k, k col -> row col");
}

#[test]
fn what_no_memory_holds_is_explained_without_kernels() {
    let shape = [1usize << 20, 1 << 20];
    let net = network("ab,cd,ac,bd->", &[&shape; 4].map(|s| &s[..]));
    let outer = Plan::with_path(&net, &[(0, 1), (2, 3), (4, 5)], &PlanOptions::default());
    let explained = outer.unwrap().explain().unwrap();
    assert!(explained.without_kernels.is_some());
    assert!(explained.to_string().contains("kernels are not chosen"));
}

#[test]
fn instances_of_other_programs_are_planned_as_well_as_stored_there() {
    // The stored path of a benchmark file, against ours.
    let text = r#"{"name": "ring", "format_string": "ab,bc,cd,da->",
        "shapes": [[2, 9], [9, 3], [3, 8], [8, 2]],
        "paths": {"opt_flops": {"path": [[0, 1], [0, 1], [0, 1]]}}}"#;
    let instance = read_network(text).unwrap();
    let (_, path) = &instance.paths[0];
    let stored = Plan::with_path(&instance.network, path, &PlanOptions::default()).unwrap();
    let ours = Plan::new(&instance.network, &PlanOptions::default()).unwrap();
    assert!(ours.cost().flops.exact() <= stored.cost().flops.exact());
}

/// Runs a network over random operands in the order of `plan`.
fn run(plan: &Plan, operands: &[Tensor<f64>]) -> Tensor<f64> {
    let views: Vec<View<'_, f64>> = operands.iter().map(Tensor::view).collect();
    let strides: Vec<&[isize]> = views.iter().map(View::strides).collect();
    let network = plan.network();
    let shape: Vec<usize> = network
        .shape_of(&network.output)
        .iter()
        .map(|&d| d as usize)
        .collect();
    let output = row_major(&shape);
    let program = Program::compile(network, plan.pairs(), &strides, &output, DType::F64);
    program.unwrap().run(&views).unwrap()
}

/// Many small tensors over few wires: repeated legs, copy tensors, lone wires,
/// repeated outputs.
fn crowded() -> impl Strategy<Value = Network> {
    (13usize..20, 8u32..14).prop_flat_map(|(tensors, wires)| {
        (
            prop::collection::vec(prop::collection::vec(0..wires, 0..4), tensors),
            prop::collection::vec(0..wires, 0..4),
            prop::collection::vec(1u64..4, wires as usize),
        )
            .prop_map(|(inputs, output, dims)| Network {
                inputs,
                output,
                dims,
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_order_gives_the_same_value(net in crowded(), seed in 0u64..1000) {
        let mut rng = SplitMix64::new(seed);
        let operands: Vec<Tensor<f64>> = net.inputs.iter().map(|term| {
            let shape: Vec<usize> = net.shape_of(term).iter().map(|&d| d as usize).collect();
            // Positive values: no cancellation hides or makes an error.
            Tensor::from_fn(&shape, |_| 0.5 + rng.uniform()).unwrap()
        }).collect();
        let options = |planner: &'static str, minimize| PlanOptions {
            planner: planner.into(),
            minimize,
            ..PlanOptions::default()
        };
        let expected = run(&Plan::new(&net, &options("greedy", Objective::Flops)).unwrap(), &operands);
        for minimize in [Objective::Flops, Objective::Peak, Objective::Time] {
            let found = run(&Plan::new(&net, &options("auto", minimize)).unwrap(), &operands);
            for (f, e) in found.as_slice().iter().zip(expected.as_slice()) {
                prop_assert!((f - e).abs() <= 1e-11 * e.abs(), "{} {}", f, e);
            }
        }
    }
}

#[test]
fn a_saved_plan_names_its_kernels() {
    let bound = Expression::parse("ij,jk,kl->il")
        .unwrap()
        .bind(&[&[40, 50], &[50, 60], &[60, 30]])
        .unwrap();
    let plan = Plan::new(&bound.network, &PlanOptions::default()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&plan.to_json()).unwrap();
    let kernels = value["kernels"].as_array().unwrap();
    let explained = plan.explain().unwrap();
    let wanted: Vec<&str> = (explained.steps.iter())
        .map(|step| step.kernel.as_ref().unwrap().strategy.name())
        .collect();
    assert_eq!(wanted.len(), 2);
    assert_eq!(*kernels, wanted);
}
