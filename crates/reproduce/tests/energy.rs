//! The energy claims, from the outside.

use std::path::Path;

use tensegrity_reproduce::{Error, Options, ids, reproduce};

fn options() -> Options {
    Options {
        quick: true,
        seed: 0,
        data: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data"),
    }
}

#[test]
fn unknown_ids_list_the_known() {
    let error = reproduce("warp-drive", &options(), &mut |_, _| {}).unwrap_err();
    assert!(matches!(error, Error::Unknown { .. }));
    let message = error.to_string();
    assert!(message.contains("warp-drive"), "{message}");
    for id in ids() {
        assert!(message.contains(id), "{message}");
    }
}

#[test]
fn claims_hold_and_progress_only_grows() {
    let mut parts = Vec::new();
    let found = reproduce("energy", &options(), &mut |_, part| parts.push(part)).unwrap();
    let (hold, failed, undecided) = found.counts();
    // A misprint, and what a busy machine cannot tell.
    assert_eq!(failed, 0, "{:#?}", found.claims);
    assert!((1..=2).contains(&undecided), "{:#?}", found.claims);
    assert_eq!(hold + undecided, found.claims.len());
    assert!(parts.is_sorted() && parts.last() == Some(&1.0));
    assert!(!found.not_reproduced.is_empty());
    for claim in &found.claims {
        assert!(!claim.source.is_empty() && !claim.ours.is_empty());
    }
}
