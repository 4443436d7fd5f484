//! The claims of the accelerated second-order method, from the outside.

use std::path::Path;

use tensegrity_reproduce::{Error, Options, reproduce};

fn options(data: &Path) -> Options {
    Options {
        quick: true,
        seed: 0,
        data: data.to_owned(),
    }
}

#[test]
fn claims_hold_and_progress_only_grows() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
    let mut parts = Vec::new();
    let found = reproduce("third-order", &options(&data), &mut |_, part| {
        parts.push(part)
    })
    .unwrap();
    let (_, failed, undecided) = found.counts();
    assert_eq!((failed, undecided), (0, 0), "{:#?}", found.claims);
    assert!(found.claims.len() >= 9);
    assert!(parts.is_sorted() && parts.last() == Some(&1.0));
    assert!(!found.not_reproduced.is_empty());
}

#[test]
fn missing_data_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = reproduce("third-order", &options(folder.path()), &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, Error::Data { .. }));
    assert!(error.to_string().contains("breast_cancer.csv"), "{error}");
    std::fs::write(folder.path().join("breast_cancer.csv"), "2,30\n1,2\n").unwrap();
    let error = reproduce("third-order", &options(folder.path()), &mut |_, _| {}).unwrap_err();
    assert!(error.to_string().contains("line 2"), "{error}");
}
