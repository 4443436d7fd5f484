//! `tensegrity reproduce`, from the outside.

mod tool;

use tool::{Tool, data};

#[test]
fn claims_are_printed_beside_our_figures() {
    let tool = Tool::new();
    let folder = data("");
    let words = ["reproduce", "energy", "--quick", "--data", &folder];
    let run = tool.run_words(&words).ok();
    for text in [
        "holds  Transformer base on P100:8",
        "published  27 kWh, 26 lb CO2e, 41-140 USD",
        "open   NAS on TPUv2:1",
        "not reproduced",
        "0 failed",
    ] {
        assert!(run.stdout.contains(text), "{text}: {}", run.stdout);
    }
    let object = tool
        .run_words(&[&words[..], &["--json"]].concat())
        .ok()
        .json();
    assert_eq!(object["id"], "energy");
    assert_eq!(object["failed"], 0);
    assert_eq!(object["claims"][0]["holds"], true);
    assert!(object["claims"][0]["published"].is_string());
    assert!(object["energy"]["joules"].as_f64().unwrap() > 0.0);
    assert!(object["energy"]["provenance"].is_string());
    let claims = object["claims"].as_array().unwrap().len() as u64;
    let counts = ["hold", "failed", "undecided"].map(|key| object[key].as_u64().unwrap());
    assert_eq!(counts.iter().sum::<u64>(), claims);
}

#[test]
fn bad_input_is_one_line() {
    let tool = Tool::new();
    let run = tool.run("reproduce warp-drive");
    assert!(run.fails(2).contains("known: energy"), "{}", run.stderr);
    let run = tool.run("reproduce energy --quick --data nowhere");
    assert!(run.fails(2).contains("nowhere/energy"), "{}", run.stderr);
}
