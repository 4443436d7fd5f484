//! The page is whole, self-contained and escapes what users name.

#[path = "sample/mod.rs"]
mod sample;

use sample::report;

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
