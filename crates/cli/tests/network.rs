//! `contract`, `plan`, `explain`, `draw`, `inspect` and `completions`.

mod tool;

use tensegrity_tensor::{SplitMix64, Tensor, file};
use tool::{Tool, data, smooth};

fn matrices(tool: &Tool) -> (Tensor<f64>, Tensor<f64>) {
    let mut rng = SplitMix64::new(1);
    let (a, b) = (rng.centred_tensor(&[3, 4]), rng.centred_tensor(&[4, 5]));
    tool.write("a.npy", a.clone());
    tool.write("b.npy", b.clone());
    (a, b)
}

#[test]
fn contract_multiplies_files() {
    let tool = Tool::new();
    let (a, b) = matrices(&tool);
    let run = tool
        .run("contract ij,jk->ik a.npy b.npy -o c.npy --json")
        .ok();
    assert_eq!(run.json()["shape"], serde_json::json!([3, 5]));
    let (shape, c) = tool.read("c.npy");
    assert_eq!(shape, [3, 5]);
    for i in 0..3 {
        for k in 0..5 {
            let wanted: f64 = (0..4)
                .map(|j| a.get(&[i, j]).unwrap() * b.get(&[j, k]).unwrap())
                .sum();
            assert!((c[5 * i + k] - wanted).abs() < 1e-14);
        }
    }
}

#[test]
fn saved_plans_and_networks_run_on_files() {
    let tool = Tool::new();
    let (a, b) = matrices(&tool);
    tool.run("contract ij,jk->ik a.npy b.npy -o wanted.npy")
        .ok();
    let wanted = tool.read("wanted.npy");
    tool.run("plan ij,jk->ik --shapes 3x4,4x5 -o plan.json")
        .ok();
    tool.run("contract plan.json a.npy b.npy -o c.npy").ok();
    assert_eq!(tool.read("c.npy"), wanted);
    // A network without values, the operands in one file.
    let network = r#"{"inputs": [["i", "j"], ["j", "k"]], "output": ["i", "k"],
        "size_dict": {"i": 3, "j": 4, "k": 5}}"#;
    std::fs::write(tool.path("net.json"), network).unwrap();
    let arrays = [("first", a.into()), ("second", b.into())];
    let named = arrays.each_ref().map(|(name, array)| file::NamedArray {
        name: (*name).into(),
        array,
        dtype: None,
    });
    file::write_all(tool.path("arrays.npz"), &named).unwrap();
    tool.run("contract net.json --data arrays.npz -o d.npy")
        .ok();
    assert_eq!(tool.read("d.npy"), wanted);
    for (line, words) in [
        ("contract plan.json a.npy -o e.npy", "2"),
        ("contract plan.json b.npy a.npy -o e.npy", "shape"),
        ("contract plan.json a.npy b.npy --log -o e.npy", "--log"),
        ("contract none.json a.npy -o e.npy", "no such file"),
        ("contract net.json --data none.npz -o e.npy", "none.npz"),
    ] {
        let run = tool.run(line);
        let said = run.fails(2);
        assert!(said.contains(words), "{line}: {said}");
    }
    tool.run("contract net.json --data arrays.npz -o f.npy --memory-limit 8")
        .fails(3);
}

#[test]
fn integers_stay_integers() {
    let tool = Tool::new();
    let big = Tensor::from_vec(vec![(1i64 << 53) + 1, 1], &[2]).unwrap();
    let array = big.into();
    let named = file::NamedArray {
        name: "x".into(),
        array: &array,
        dtype: None,
    };
    file::write_all(tool.path("x.npy"), &[named]).unwrap();
    let run = tool.run("contract i-> x.npy -o sum.npy --json").ok();
    assert_eq!(run.json()["dtype"], "int64");
    let options = file::ReadOptions {
        exact_integers: true,
        ..Default::default()
    };
    let sum = file::read_one_with(tool.path("sum.npy"), None, &options)
        .unwrap()
        .array;
    assert_eq!(sum.typed::<i64>().unwrap().as_slice(), [(1i64 << 53) + 2]);
}

#[test]
fn exponents_are_kept_apart() {
    let tool = Tool::new();
    tool.write("huge.npy", Tensor::full(&[2, 2], 1e200f64).unwrap());
    let line = "contract ij,jk,ki-> huge.npy huge.npy huge.npy --log -o m.npy --json";
    let scale = tool.run(line).ok().json()["log10_scale"].as_f64().unwrap();
    let log10 = tool.read("m.npy").1[0].log10() + scale;
    assert!((log10 - (600.0 + 8f64.log10())).abs() < 1e-9, "{log10}");
}

#[test]
fn mistakes_in_expressions_are_pointed_at() {
    let tool = Tool::new();
    matrices(&tool);
    let run = tool.run("contract ij,kj->ik a.npy b.npy -o c.npy");
    let line = run.fails(2);
    assert!(line.contains("j is 4") && line.contains("5"), "{line}");
    assert!(
        tool.run("contract ij,jk->iz a.npy b.npy -o c.npy")
            .fails(2)
            .contains('z')
    );
    tool.run("contract ij,jk->ik a.npy -o c.npy").fails(2);
    tool.run("contract ij,jk->ik a.npy missing.npy -o c.npy")
        .fails(2);
    tool.run("contract ij,jk->ik a.npy b.npy -o c.npy --optimize magic")
        .fails(2);
    assert!(!tool.path("c.npy").exists());
}

#[test]
fn memory_budgets_are_budgets() {
    let tool = Tool::new();
    let run = tool.run("plan ij,kl->ijkl --shapes 100x100,100x100 --memory-limit 1MiB");
    assert!(run.fails(3).contains("limit"), "{}", run.stderr);
    tool.write("v.npy", Tensor::<f64>::full(&[3_000_000], 1.0).unwrap());
    let run = tool.run("contract i,j->ij v.npy v.npy -o c.npy");
    assert!(run.fails(3).contains("memory"), "{}", run.stderr);
}

#[test]
fn what_an_expression_leaves_open_is_given() {
    let tool = Tool::new();
    tool.write("x.npy", Tensor::<f64>::full(&[6, 2], 1.0).unwrap());
    let words = ["contract", "(h d) n -> h d n", "x.npy", "-o", "y.npy"];
    let run = tool.run_words(&words);
    assert!(run.fails(2).contains('h'), "{}", run.stderr);
    tool.run_words(&[&words[..], &["--sizes", "h=3"]].concat())
        .ok();
    assert_eq!(tool.read("y.npy").0, [3, 2, 2]);
    tool.run("plan ij,jk->ik --shapes 2x1,3x4").fails(2);
    tool.run("plan ij,jk->ik --shapes 2x1,3x4 --broadcast").ok();
    tool.run("plan ij->ij --shapes 2x1 --sizes i").fails(2);
}

#[test]
fn a_plan_file_says_what_is_wrong_with_it() {
    let tool = Tool::new();
    tool.run("plan ab,bc->ac --shapes 2x3,3x4 -o plan.json")
        .ok();
    let text = std::fs::read_to_string(tool.path("plan.json")).unwrap();
    let newer = text.replace("\"version\": 1", "\"version\": 99");
    assert_ne!(text, newer);
    std::fs::write(tool.path("newer.json"), newer).unwrap();
    let run = tool.run("explain newer.json");
    assert!(run.fails(2).contains("version 99"), "{}", run.stderr);
    let broken = text.replace("\"path\": [", "\"path\": [[0, 1], ");
    assert_ne!(text, broken);
    std::fs::write(tool.path("broken.json"), broken).unwrap();
    let run = tool.run("draw broken.json -o x.svg");
    assert!(run.fails(2).contains("path"), "{}", run.stderr);
    std::fs::write(tool.path("x.tsg"), b"\0").unwrap();
    assert!(tool.run("explain x.tsg").fails(2).contains("tsg"));
}

#[test]
fn plans_are_saved_explained_and_drawn() {
    let tool = Tool::new();
    let line = "plan ab,bc,cd,da-> --shapes 30x40,40x50,50x60,60x30 -o plan.json --json";
    let plan = tool.run(line).ok().json();
    for key in ["log10_flops", "log2_size", "peak_bytes", "path", "n_slices"] {
        assert!(!plan[key].is_null(), "{key}");
    }
    assert_eq!(plan["path"].as_array().unwrap().len(), 3);
    let explained = tool.run("explain plan.json").ok().stdout;
    assert!(explained.contains("->"), "{explained}");
    let steps = tool.run("explain plan.json --json").ok().json();
    assert_eq!(steps["steps"].as_array().unwrap().len(), 3);
    tool.run("draw plan.json -o plan.svg").ok();
    assert!(
        std::fs::read_to_string(tool.path("plan.svg"))
            .unwrap()
            .contains("<svg")
    );
    tool.run("draw ab,bcd,dea->ce --shapes 4x8,8x3x5,5x6x4 -o net.dot")
        .ok();
    assert!(
        std::fs::read_to_string(tool.path("net.dot"))
            .unwrap()
            .contains("graph")
    );
    tool.run("draw plan.json -o plan.txt").fails(2);
    tool.run("explain nothing-here").fails(2);
    tool.run("plan ab,bc->ac").fails(2);
    tool.run("plan ab,bc->ac --shapes 2x3").fails(2);
    tool.run("plan ab,bc->ac --shapes 2xq,3").fails(2);
}

#[test]
fn networks_of_others_are_planned() {
    let tool = Tool::new();
    let network = r#"{"inputs": [["a","b"],["b","c"],["c","a"]], "output": [],
                      "size_dict": {"a": 2, "b": 3, "c": 4}}"#;
    std::fs::write(tool.path("net.json"), network).unwrap();
    let plan = tool.run("plan net.json --json").ok().json();
    assert_eq!(plan["operands"], 3);
    std::fs::write(tool.path("bad.json"), "{}").unwrap();
    assert!(tool.run("plan bad.json").fails(2).contains("bad.json"));
}

#[test]
fn inspect_tells_what_is_in_a_file() {
    let tool = Tool::new();
    tool.write("x.npy", smooth(&[8, 6]));
    let found = tool.run("inspect x.npy --json").ok().json();
    assert_eq!(found["members"][0]["shape"], serde_json::json!([8, 6]));
    assert_eq!(found["members"][0]["dtype"], "float64");
    let picture = tool
        .run(&format!("inspect {}", data("astronaut.png")))
        .ok()
        .stdout;
    assert!(picture.contains("512 × 512 × 3"), "{picture}");
    tool.run("fit x.npy --error 0.1 -o x.tsg --no-report").ok();
    let found = tool.run("inspect x.tsg --json").ok().json();
    let stored = std::fs::metadata(tool.path("x.tsg")).unwrap().len();
    assert_eq!(
        found["representation"]["stored_bytes"].as_u64().unwrap(),
        stored
    );
    assert!(
        tool.run("inspect x.tsg")
            .ok()
            .stdout
            .contains("representation")
    );
    tool.run("draw x.tsg -o x.svg").ok();
    tool.run("inspect missing.npy").fails(2);
}

#[test]
fn every_shell_has_completions() {
    let tool = Tool::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = tool.run(&format!("completions {shell}")).ok().stdout;
        assert!(script.contains("tensegrity"), "{shell}");
    }
    assert_eq!(tool.run("completions tcl").code, 2);
}

#[test]
fn failures_are_objects_with_json() {
    let tool = Tool::new();
    let run = tool.run("inspect missing.npy --json");
    assert_eq!(run.code, 2);
    assert_eq!(run.json()["code"], 2);
    assert!(
        run.json()["error"]
            .as_str()
            .unwrap()
            .contains("missing.npy")
    );
}
