//! Saved diagrams come back as they were.

mod common;

use std::collections::BTreeMap;

use common::{random, random_dims};
use proptest::prelude::*;
use tensegrity_diagram::{Diagram, Error, Outline, Payload, Space};
use tensegrity_tensor::SplitMix64;

fn through_json(diagram: &Diagram) -> Diagram {
    let (outline, tensors) = diagram.outline();
    let text = serde_json::to_string(&outline).unwrap();
    let parsed: Outline = serde_json::from_str(&text).unwrap();
    assert_eq!(parsed, outline);
    let count = tensors.len();
    let store: BTreeMap<String, Payload> = tensors.into_iter().collect();
    assert_eq!(store.len(), count, "names are unique");
    parsed.build(|name| store.get(name).cloned()).unwrap()
}

proptest! {
    #[test]
    fn every_diagram_survives_json(seed in any::<u64>()) {
        let mut rng = SplitMix64::new(seed);
        let (a, b) = (random_dims(&mut rng, 3), random_dims(&mut rng, 3));
        let d = random(&mut rng, &a, &b, 0);
        let back = through_json(&d);
        prop_assert_eq!(back.to_string(), d.to_string());
        prop_assert_eq!(back.canonical(), d.canonical());
        prop_assert_eq!(back.slots(), d.slots());
    }
}

#[test]
fn names_and_variances_are_kept() {
    let mut d = Diagram::id(&[Space::upper(2), Space::irrep(3, "+1"), Space::plain(4)]);
    d.named_wire("idle", 7);
    let back = through_json(&d);
    assert_eq!(back.dom_spaces(), d.dom_spaces());
    assert_eq!(back.wires(), d.wires());
}

#[test]
fn hostile_descriptions_are_errors() {
    let build = |json: &str| -> Result<Diagram, Error> {
        let outline: Outline = serde_json::from_str(json).unwrap();
        outline.build(|_| None)
    };
    for (json, part) in [
        (
            r#"{"version":2,"dims":[],"nodes":[],"dom":[],"cod":[]}"#,
            "version 2",
        ),
        (
            r#"{"version":1,"dims":[2],"names":["a","b"],"nodes":[],"dom":[],"cod":[]}"#,
            "2 wire names",
        ),
        (
            r#"{"version":1,"dims":[2],"nodes":[],"dom":[],"cod":[4]}"#,
            "wire 4",
        ),
        (
            r#"{"version":1,"dims":[2],"nodes":[{"name":"t","kind":"tensor","tensor":"t","legs":[0]}],"dom":[],"cod":[]}"#,
            "`t`, which is not stored",
        ),
        (
            r#"{"version":1,"dims":[2],"nodes":[{"name":"s","kind":"spider","dim":2,"inputs":3,"legs":[0]}],"dom":[],"cod":[]}"#,
            "fewer than its 3 inputs",
        ),
        (
            r#"{"version":1,"dims":[2],"nodes":[{"name":"s","kind":"triangular","offset":0,"upper":false,"legs":[0]}],"dom":[],"cod":[]}"#,
            "too few",
        ),
        (
            r#"{"version":1,"dims":[2],"nodes":[{"name":"s","kind":"levi_civita","legs":[0,0,0]}],"dom":[],"cod":[]}"#,
            "leg 0",
        ),
        (
            r#"{"version":1,"dims":[2],"nodes":[{"name":"s","kind":"permutation","order":[0,1,2],"legs":[0]}],"dom":[],"cod":[]}"#,
            "permutation",
        ),
        (
            r#"{"version":1,"dims":[2],"nodes":[],"dom":[],"cod":[0],"cod_variance":["up"]}"#,
            "`up`",
        ),
        (
            r#"{"version":1,"dims":[2],"nodes":[],"dom":[],"cod":[0],"cod_variance":["upper","upper"]}"#,
            "2 wires given where 1",
        ),
    ] {
        let error = build(json).unwrap_err().to_string();
        assert!(error.contains(part), "{error:?} should mention {part:?}");
    }
    assert!(serde_json::from_str::<Outline>(r#"{"version":1,"dims":[-2]}"#).is_err());
}
