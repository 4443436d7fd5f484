//! `energy run`, `energy probe`, `energy estimate` and `energy report`.

mod tool;

use std::fs;
use std::process::Command;

use serde_json::Value;
use tool::Tool;

/// Writes a RAPL zone and gives its folder.
fn zone(tool: &Tool, id: &str, name: &str, microjoules: u64) -> String {
    let folder = tool.path("rapl").join(id);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("name"), format!("{name}\n")).unwrap();
    fs::write(folder.join("max_energy_range_uj"), "262143328850\n").unwrap();
    fs::write(folder.join("energy_uj"), format!("{microjoules}\n")).unwrap();
    format!("rapl/{id}")
}

/// Runs the tool with the zones of this folder; gives code and both outputs.
fn metered(tool: &Tool, words: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tensegrity"))
        .args(words)
        .current_dir(tool.folder.path())
        .env("TENSEGRITY_POWERCAP_ROOT", tool.path("rapl"))
        .output()
        .unwrap();
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[cfg(unix)]
#[test]
fn the_counters_of_a_run_are_told_exactly() {
    let tool = Tool::new();
    let package = zone(&tool, "intel-rapl:0", "package-0", 1_000_000);
    let memory = zone(&tool, "intel-rapl:0:0", "dram", 0);
    zone(&tool, "intel-rapl:0:1", "core", 0);
    let script =
        format!("echo said; echo 8500000 > {package}/energy_uj; echo 500000 > {memory}/energy_uj");
    let (code, stdout, stderr) = metered(
        &tool,
        &[
            "energy",
            "run",
            "--json",
            "--country",
            "FRA",
            "--pue",
            "2",
            "--",
            "sh",
            "-c",
            &script,
        ],
    );
    assert_eq!(code, 0, "{stderr}");
    let object: Value = serde_json::from_str(&stdout).expect("one JSON object");
    assert_eq!(object["joules"], 8.0);
    assert_eq!(object["provenance"], "measured");
    assert_eq!(object["backend"], "powercap");
    assert_eq!(object["scope"], "package");
    assert_eq!(object["exit_code"], 0);
    assert_eq!(object["by_domain"][0]["domain"], "package-0");
    let kwh = object["footprint"]["kwh"].as_f64().unwrap();
    assert!((kwh - 2.0 * 8.0 / 3.6e6).abs() < 1e-18);
    assert!((object["footprint"]["co2_kg"].as_f64().unwrap() - kwh * 0.056_039).abs() < 1e-15);
    // The command's own output went to standard error.
    assert!(stderr.contains("said"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn calibration_needs_something_that_measures() {
    let tool = Tool::new();
    // A counter that stands still: the load draws no more than idling.
    zone(&tool, "intel-rapl:0", "package-0", 0);
    let (code, _, stderr) = metered(&tool, &["energy", "calibrate", "--seconds", "0.1"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("drew 0.00 W and idling 0.00 W"), "{stderr}");
    let run = tool.run("energy calibrate --seconds 0.1 --backend model");
    assert!(run.fails(2).contains("at the wall"), "{}", run.stderr);
    let run = tool.run("energy calibrate --seconds -1");
    assert!(run.fails(2).contains("--seconds"), "{}", run.stderr);
    let run = tool.run("energy run --backend model --idle-fraction 2 -- true");
    assert!(run.fails(2).contains("idle_fraction"), "{}", run.stderr);
}

#[cfg(unix)]
#[test]
fn the_exit_code_is_the_commands() {
    let tool = Tool::new();
    zone(&tool, "intel-rapl:0", "package-0", 0);
    let (code, stdout, stderr) = metered(
        &tool,
        &["energy", "run", "--", "sh", "-c", "echo out; exit 7"],
    );
    assert_eq!((code, stdout.as_str()), (7, "out\n"));
    assert!(
        stderr.contains("measured") && stderr.contains("package-0"),
        "{stderr}"
    );
    assert!(
        stderr.ends_with("tensegrity: the command ended with exit code 7\n"),
        "{stderr}"
    );
    let (code, stdout, _) = metered(
        &tool,
        &["energy", "run", "--json", "--", "sh", "-c", "exit 7"],
    );
    assert_eq!(code, 7);
    let object: Value = serde_json::from_str(&stdout).expect("one JSON object");
    assert_eq!(object["exit_code"], 7);
    let (code, _, _) = metered(&tool, &["energy", "run", "--", "sh", "-c", "kill -9 $$"]);
    assert_eq!(code, 128 + 9);
}

#[cfg(unix)]
#[test]
fn declared_watts_times_seconds() {
    let tool = Tool::new();
    let run = tool.run("energy run --watts 250 --json -- true").ok();
    let object = run.json();
    assert_eq!(object["provenance"], "declared");
    let (joules, seconds) = (
        object["joules"].as_f64().unwrap(),
        object["seconds"].as_f64().unwrap(),
    );
    assert!(seconds > 0.0 && (joules - 250.0 * seconds).abs() < 1e-9 * joules);
}

#[cfg(unix)]
#[test]
fn the_model_is_labelled_and_bounded() {
    let tool = Tool::new();
    let run = tool
        .run("energy run --backend model --full-load-watts 40 --idle-seconds 0.1 --json -- true")
        .ok();
    let object = run.json();
    assert_eq!(object["provenance"], "modelled");
    assert_eq!(object["scope"], "process");
    let joules = object["joules"].as_f64().unwrap();
    assert!(joules > 0.0);
    assert!(object["interval"][0].as_f64().unwrap() < joules);
    assert!(object["interval"][1].as_f64().unwrap() > joules);
    assert!(object["idle_watts"].as_f64().unwrap() > 0.0);
    assert!(object["net_joules"].as_f64().unwrap() <= joules);
    assert!(
        object["notes"][0]
            .as_str()
            .unwrap()
            .contains("40 W at full load as declared")
    );
}

#[cfg(unix)]
#[test]
fn runs_collect_in_a_csv_and_are_summed_up() {
    let tool = Tool::new();
    let package = zone(&tool, "intel-rapl:0", "package-0", 0);
    for (total, code) in [(3_600_000, 0), (10_800_000, 1)] {
        let script = format!("echo {total} > {package}/energy_uj; exit {code}");
        let words = [
            "energy",
            "run",
            "--csv",
            "runs.csv",
            "--name",
            "a, b",
            "--g-per-kwh",
            "500",
            "--",
            "sh",
            "-c",
            &script,
        ];
        assert_eq!(metered(&tool, &words).0, code);
    }
    let text = fs::read_to_string(tool.path("runs.csv")).unwrap();
    assert_eq!(text.lines().count(), 3);
    assert!(text.lines().nth(1).unwrap().contains(",\"a, b\","));
    let object = tool.run("energy report runs.csv --json").ok().json();
    assert_eq!(
        (&object["runs"], &object["incomplete_runs"]),
        (&2.into(), &0.into())
    );
    let kwh = object["kwh"].as_f64().unwrap();
    assert!((kwh - 10.8 / 3.6e6).abs() < 1e-15);
    assert!((object["co2_kg"].as_f64().unwrap() - 0.5 * kwh).abs() < 1e-15);
    assert_eq!(object["provenances"], serde_json::json!(["measured"]));

    fs::write(tool.path("other.csv"), "a,b\n1,2\n").unwrap();
    let run = tool.run("energy report other.csv");
    assert!(run.fails(2).contains("other.csv: line 1"));
    let run = tool.run("energy run --csv other.csv -- true");
    assert!(run.fails(2).contains("choose another file"));
    assert_eq!(
        fs::read_to_string(tool.path("other.csv")).unwrap(),
        "a,b\n1,2\n"
    );
    let damaged = text.replace("measured", "measured,x");
    fs::write(tool.path("damaged.csv"), damaged).unwrap();
    assert!(
        tool.run("energy report damaged.csv")
            .fails(2)
            .contains("line 2: 22 fields")
    );
}

#[test]
fn what_cannot_run_is_bad_input() {
    let tool = Tool::new();
    let run = tool.run("energy run -- no-such-program-here");
    assert!(run.fails(2).contains("no-such-program-here"));
    assert_eq!(tool.run("energy run").code, 2);
    for (options, word) in [
        ("--watts -3", "watts"),
        ("--watts nan", "watts"),
        ("--full-load-watts 0", "full_load_watts"),
        ("--idle-seconds -1", "idle-seconds"),
        ("--pue 0.5", "pue"),
        ("--g-per-kwh -1", "carbon"),
        ("--country Atlantis", "known: CHN"),
        ("--csv no/such/x.csv", "no/such"),
        ("--backend battery --psys", "battery"),
    ] {
        let run = tool.run(&format!("energy run {options} -- no-such-program-here"));
        assert!(run.fails(2).contains(word), "{options}: {}", run.stderr);
    }
}

#[test]
fn probing_explains_itself() {
    let tool = Tool::new();
    let (code, stdout, _) = metered(&tool, &["energy", "probe"]);
    assert_eq!(code, 0);
    assert!(
        stdout.contains("model     ") && stdout.contains("powercap   missing"),
        "{stdout}"
    );
    assert!(stdout.contains(&tool.path("rapl").display().to_string()));
    zone(&tool, "intel-rapl:0", "package-0", 0);
    let (_, stdout, _) = metered(&tool, &["energy", "probe", "--json"]);
    let object: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(object["used"][0], "powercap");
    assert_eq!(object["backends"][0]["available"], true);
    assert_eq!(object["backends"][0]["domains"][0]["domain"], "package-0");
    assert_eq!(object["backends"].as_array().unwrap().len(), 9);
}

#[test]
fn the_papers_first_row_by_hand() {
    let tool = Tool::new();
    let line =
        "energy estimate --watts 1415.78 --hours 12 --pue 1.58 --lb-per-kwh 0.954 --device P100:8";
    let object = tool.run(&format!("{line} --json")).ok().json();
    let figure = |value: &Value| value.as_f64().unwrap();
    assert!((figure(&object["kwh"]) - 26.843_188_8).abs() < 1e-9);
    assert!((figure(&object["co2_lb"]) - 25.608_402_115_2).abs() < 1e-9);
    assert!((figure(&object["cloud_usd"]["low"]) - 41.28).abs() < 1e-9);
    assert!((figure(&object["cloud_usd"]["high"]) - 140.16).abs() < 1e-9);
    let text = tool.run(line).ok().stdout;
    assert!(
        text.contains("26.84 kWh") && text.contains("25.61 lb"),
        "{text}"
    );
    assert!(text.contains("41.28 to 140.16 USD"), "{text}");
    // Cost alone, and energy alone.
    let object = tool
        .run("energy estimate --hours 96 --device TPUv2:16 --json")
        .ok()
        .json();
    assert!(object["kwh"].is_null());
    assert!((figure(&object["cloud_usd"]["high"]) - 6912.0).abs() < 1e-9);
    assert!(
        tool.run("energy estimate --hours 1")
            .fails(2)
            .contains("--watts")
    );
    let run = tool.run("energy estimate --watts 1 --hours -1");
    assert!(run.fails(2).contains("hours"));
    let run = tool.run("energy estimate --watts 1 --hours 1 --device H100:8");
    assert!(run.fails(2).contains("known: P100"));
}

#[test]
fn the_papers_tables() {
    let tool = Tool::new();
    let object = tool.run("energy report --paper --json").ok().json();
    let rows = object["models"].as_array().unwrap();
    assert_eq!(rows.len(), 8);
    assert!(rows.iter().all(|row| row["agrees"] == true));
    let off = rows.iter().filter(|row| row["agrees_as_printed"] == false);
    assert_eq!(off.count(), 2);
    let text = tool.run("energy report --paper").ok().stdout;
    assert!(
        text.contains("656347 / 656347") && text.contains("79.2 h"),
        "{text}"
    );
    assert!(!text.contains("DIFFERS"));
    assert_eq!(tool.run("energy report").code, 2);
}
