//! The page is whole, self-contained and escapes what users name.

use tensegrity_report::{CandidateRow, Curve, FitReport, Point, Series, Timing, panels};
use tensegrity_tensor::Tensor;

fn report() -> FitReport {
    let x = Tensor::from_fn(&[24, 32, 3], |i| {
        ((i[0] * 9 + i[1] * 5 + i[2] * 40) % 256) as f32
    })
    .expect("a small shape");
    let y = x.map(|v| (v * 0.97).round());
    let winner = CandidateRow {
        structure: "tucker".into(),
        detail: "ranks 4,4,3 · 8 bits".into(),
        error: 0.03,
        stored_bytes: 512,
        seconds: 0.01,
    };
    let loser = CandidateRow {
        structure: "cp".into(),
        stored_bytes: 900,
        ..winner.clone()
    };
    FitReport {
        source: "<script>alert('x')</script>.png".into(),
        shape: vec![24, 32, 3],
        dtype: "uint8".into(),
        dense_bytes: 2304,
        target: "error ≤ 0.03".into(),
        wanted_error: Some(0.03),
        winner: winner.clone(),
        candidates: vec![winner, loser],
        frontier: vec![Series {
            name: "tucker".into(),
            points: vec![
                Point {
                    bytes: 300.0,
                    error: 0.1,
                },
                Point {
                    bytes: 512.0,
                    error: 0.03,
                },
            ],
        }],
        diagram: "<svg viewBox=\"0 0 10 10\"></svg>".into(),
        spectra: vec![Curve {
            name: "axis 0".into(),
            values: vec![3.0, 1.0, 0.1],
        }],
        panels: panels(&x.view(), &y.view()).expect("shapes agree"),
        signal: Vec::new(),
        timings: vec![Timing {
            stage: "search".into(),
            seconds: 0.5,
        }],
        version: "0.1.0".into(),
    }
}

#[test]
fn the_page_reaches_for_nothing_outside() {
    let html = report().html().expect("the page renders");
    for outside in [
        "http://", "https://", "src=\"/", "<link", "<script", "@import", "url(",
    ] {
        let found: Vec<&str> = html
            .match_indices(outside)
            .map(|(at, _)| &html[at..(at + 60).min(html.len())])
            .filter(|text| !text.starts_with("http://www.w3.org/"))
            .collect();
        assert!(found.is_empty(), "{outside}: {found:?}");
    }
    assert!(html.contains("data:image/png;base64,"));
}

#[test]
fn names_of_users_are_escaped() {
    let html = report().html().expect("the page renders");
    assert!(html.contains("&lt;script&gt;"));
    assert!(!html.contains("<script>"));
}

#[test]
fn every_section_is_there() {
    let html = report().html().expect("the page renders");
    for heading in [
        "Before and after",
        "The structure found",
        "Size and error of every candidate",
        "Singular values",
        "Candidates",
        "Where the time went",
    ] {
        assert!(html.contains(heading), "{heading}");
    }
    assert!(html.contains("4.5 ×"), "the ratio is dense over stored");
    assert_eq!(
        report().html().expect("the page renders"),
        html,
        "same input, same bytes"
    );
}
