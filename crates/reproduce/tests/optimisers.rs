//! The reproductions of optimisers in their quick form.

use std::path::PathBuf;

use tensegrity_reproduce::{Error, Options, reproduce};

fn options(data: &str) -> Options {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    Options {
        quick: true,
        seed: 1,
        data: root.join(data),
    }
}

#[test]
fn claims_on_optimisers_hold() {
    for id in ["shampoo", "norms"] {
        let found = reproduce(id, &options("data"), &mut |_, _| {}).unwrap();
        let (held, failed, _) = found.counts();
        assert!(held >= 3 && failed == 0, "{:#?}", found.claims);
        assert!(!found.not_reproduced.is_empty());
    }
}

#[test]
fn missing_data_is_named() {
    let error = reproduce("shampoo", &options("nowhere"), &mut |_, _| {}).unwrap_err();
    assert!(
        matches!(&error, Error::Data { path, .. } if path.ends_with("digits.csv")),
        "{error}"
    );
}
