//! Pictures are well-formed, say what they show, and never depend on luck.

mod common;

use common::{random, random_dims};
use proptest::prelude::*;
use tensegrity_diagram::draw::{self, DrawOptions, Theme};
use tensegrity_diagram::{Diagram, Network};
use tensegrity_tensor::SplitMix64;

/// Checks tags and entities of an XML text; returns the number of elements.
fn well_formed(xml: &str) -> usize {
    let mut open: Vec<&str> = Vec::new();
    let mut count = 0;
    for (k, piece) in xml.split('<').enumerate() {
        if k == 0 {
            assert_eq!(piece, "");
            continue;
        }
        let (tag, _) = piece.split_once('>').expect("tags are closed");
        for entity in piece.split('&').skip(1) {
            let known = ["amp;", "lt;", "gt;", "quot;"];
            assert!(
                known.iter().any(|name| entity.starts_with(name)),
                "&{entity}"
            );
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag
            .trim_start_matches('/')
            .split([' ', '/'])
            .next()
            .unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else {
            count += 1;
            if !tag.ends_with('/') {
                open.push(name);
            }
        }
    }
    assert!(open.is_empty(), "{open:?} left open");
    count
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_diagram_has_a_finite_well_formed_picture(seed in any::<u64>()) {
        let mut rng = SplitMix64::new(seed);
        let (a, b) = (random_dims(&mut rng, 3), random_dims(&mut rng, 3));
        let mut d = random(&mut rng, &a, &b, 0);
        if rng.below(2) == 0 {
            d = d.tensor(&random(&mut rng, &b, &a, 10)).unwrap();
        }
        let picture = draw::svg(&d, &DrawOptions::default());
        well_formed(&picture);
        prop_assert!(!picture.contains("NaN") && !picture.contains("inf"));
        prop_assert_eq!(draw::svg(&d, &DrawOptions::default()), picture);
        let dot = draw::dot(&d);
        prop_assert_eq!(dot.matches('{').count(), dot.matches('}').count());
    }
}

fn pair(name: &str, dim: u64) -> Diagram {
    let mut d = Diagram::new();
    let (i, j) = (d.named_wire(name, 7), d.wire(dim));
    d.input(name, 0, &[i, j]).unwrap();
    d.input("B", 1, &[j]).unwrap();
    d.set_cod(&[i]).unwrap();
    d
}

#[test]
fn names_are_escaped_and_shown() {
    let hostile = pair("<b>\"&\u{1}", 3);
    let options = DrawOptions::default();
    let picture = draw::svg(&hostile, &options);
    assert!(well_formed(&picture) > 10);
    assert!(picture.contains("&lt;b&gt;&quot;&amp; </text>"));
    assert!(draw::dot(&hostile).contains(r#"label="<b>\"& \n7×3""#));
}

#[test]
fn wider_bonds_are_thicker_and_labelled() {
    let width = |dim| -> f64 {
        let picture = draw::svg(&pair("A", dim), &DrawOptions::default());
        assert!(picture.contains(&format!(">{dim}</text>")));
        let (_, rest) = picture
            .split_once("stroke-width=\"")
            .expect("a bond is drawn");
        rest.split('"').next().unwrap().parse().unwrap()
    };
    assert!(width(2) < width(16) && width(16) < width(1024));
    let nothing = draw::svg(&pair("A", 1), &DrawOptions::default());
    assert!(nothing.contains("stroke-dasharray"));
}

#[test]
fn themes_are_separate() {
    let picture = |theme| {
        let mut options = DrawOptions::default();
        options.theme = theme;
        options.title = "A train".to_owned();
        draw::svg(&pair("A", 3), &options)
    };
    assert!(picture(Theme::Auto).contains("prefers-color-scheme"));
    assert!(!picture(Theme::Light).contains("prefers-color-scheme"));
    assert!(picture(Theme::Dark).contains(".tg-dark .tg-bond"));
    assert!(picture(Theme::Light).contains("<title>A train</title>"));
}

#[test]
fn hyperedges_are_dots() {
    let network = Network {
        inputs: vec![vec![0, 3], vec![1, 3], vec![2, 3]],
        output: vec![0, 1, 2],
        dims: vec![4, 5, 6, 10],
    };
    let picture = draw::svg(
        &Diagram::from_network(&network).unwrap(),
        &DrawOptions::default(),
    );
    assert_eq!(picture.matches("<circle").count(), 1);
    assert_eq!(picture.matches("<rect").count(), 3);
    assert!(picture.contains("index  of size 10"));
}

#[test]
fn large_networks_are_drawn() {
    // Above the size that is majorised in full.
    let n = 2000;
    let mut rng = SplitMix64::new(1);
    let mut inputs = vec![Vec::new(); n];
    for wire in 0..n as u32 + 500 {
        let a = if (wire as usize) < n - 1 {
            wire as usize + 1
        } else {
            rng.below(n as u64) as usize
        };
        let b = rng.below(if (wire as usize) < n - 1 {
            a as u64
        } else {
            n as u64
        }) as usize;
        inputs[a].push(wire);
        inputs[b].push(wire);
    }
    let network = Network {
        inputs,
        output: vec![],
        dims: vec![2; n + 500],
    };
    let picture = draw::svg(
        &Diagram::from_network(&network).unwrap(),
        &DrawOptions::default(),
    );
    assert_eq!(picture.matches("<rect").count(), n);
    assert!(!picture.contains("NaN"));
}

#[test]
fn contraction_trees_check_their_merges() {
    let labels: Vec<String> = (0..4).map(|k| format!("<T{k}>")).collect();
    let picture = draw::tree_svg(&labels, &[(0, 2), (1, 3), (4, 5)], &[1.0, 1e6, 1e12]).unwrap();
    well_formed(&picture);
    assert_eq!(picture.matches("<circle").count(), 3);
    assert_eq!(picture.matches("<path").count(), 6);
    let forest = draw::tree_svg(&labels, &[(0, 2)], &[8.0]).unwrap();
    well_formed(&forest);
    well_formed(&draw::tree_svg::<&str>(&[], &[], &[]).unwrap());
    let fails = |merges: &[(usize, usize)], costs: &[f64], part: &str| {
        let error = draw::tree_svg(&labels, merges, costs)
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{error}");
    };
    fails(&[(0, 5)], &[1.0], "tensor 5");
    fails(&[(0, 1), (0, 2)], &[1.0, 1.0], "used up");
    fails(&[(0, 1)], &[], "0 costs for 1 merges");
}
