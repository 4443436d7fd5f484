//! The page is whole, self-contained and escapes what users name.

#[path = "sample/mod.rs"]
mod sample;

use sample::{report, training};

#[test]
fn the_page_reaches_for_nothing_outside() {
    for html in [report().html(), training().html()] {
        reaches_for_nothing(&html.expect("the page renders"));
    }
    let html = report().html().expect("the page renders");
    assert!(html.contains("data:image/png;base64,"));
}

fn reaches_for_nothing(html: &str) {
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

#[test]
fn a_run_is_shown_while_it_lasts_and_after() {
    let mut report = training();
    let html = report.html().expect("the page renders");
    assert!(html.contains("<meta http-equiv=\"refresh\" content=\"2\">"));
    for text in [
        "&lt;b&gt;digits&lt;&#x2f;b&gt;",
        "epoch 3 of 10",
        "<h2>Loss</h2><svg",
        "<h2>accuracy</h2><svg",
        "validation",
        "failed: the loss of batch 7 is NaN",
        "41.2 J, modelled",
        "3 runs, 1 of them failed",
    ] {
        assert!(html.contains(text), "{text}");
    }
    assert!(!html.contains("<b>digits"));
    assert!(
        !html.contains("NaN\""),
        "no picture has NaN in its coordinates"
    );
    report.refresh = None;
    assert!(!report.html().expect("the page renders").contains("refresh"));
}

#[test]
fn a_run_that_has_shown_nothing_yet_has_a_page() {
    let empty = tensegrity_report::TrainingReport {
        title: "x".into(),
        ..Default::default()
    };
    let html = empty.html().expect("the page renders");
    assert!(html.contains("<h1>x</h1>") && !html.contains("<svg"));
    for values in [
        vec![(1.0, 0.5)],
        vec![(1.0, f64::NAN)],
        vec![(1.0, 0.0), (2.0, 0.0)],
    ] {
        let report = tensegrity_report::TrainingReport {
            losses: vec![tensegrity_report::Trace {
                name: "train".into(),
                points: values,
            }],
            ..empty.clone()
        };
        report.html().expect("the page renders");
    }
}
