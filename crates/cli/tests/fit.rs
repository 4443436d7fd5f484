//! `fit` and `expand` as a user meets them.

mod tool;

use tensegrity_tensor::{SplitMix64, Tensor};
use tool::{Tool, data, relative_error, smooth};

#[test]
fn the_error_of_expand_is_the_error_reported() {
    let tool = Tool::new();
    tool.write("x.npy", smooth(&[20, 16, 12]));
    let found = tool
        .run("fit x.npy --error 0.001 -o x.tsg --json")
        .ok()
        .json();
    tool.run("expand x.tsg -o y.npy").ok();
    let (shape, y) = tool.read("y.npy");
    assert_eq!(shape, [20, 16, 12]);
    let error = relative_error(&tool.read("x.npy").1, &y);
    let reported = found["error"].as_f64().unwrap();
    assert!(error <= 1e-3);
    assert!(
        (error - reported).abs() <= 1e-12 + 1e-9 * reported,
        "{error} {reported}"
    );
    let stored = std::fs::metadata(tool.path("x.tsg")).unwrap().len();
    assert_eq!(found["stored_bytes"].as_u64().unwrap(), stored);
    assert_eq!(found["dense_bytes"].as_u64().unwrap(), 20 * 16 * 12 * 8);
}

#[test]
fn the_json_has_the_promised_keys() {
    let tool = Tool::new();
    tool.write("x.npy", smooth(&[9, 8, 7]));
    let found = tool
        .run("fit x.npy --error 0.01 -o x.tsg --report x.html --json")
        .ok()
        .json();
    for key in [
        "structure",
        "shape",
        "error",
        "stored_bytes",
        "dense_bytes",
        "ratio",
        "seconds",
        "energy",
        "output",
        "report",
        "candidates",
    ] {
        assert!(!found[key].is_null(), "{key}");
    }
    let rows = found["candidates"].as_array().unwrap();
    assert!(rows.len() >= 4);
    for key in ["structure", "detail", "error", "stored_bytes", "seconds"] {
        assert!(rows.iter().all(|row| !row[key].is_null()), "{key}");
    }
    assert_eq!(tool.files(), ["x.html", "x.npy", "x.tsg"]);
}

#[test]
fn outputs_have_default_names() {
    let tool = Tool::new();
    tool.write("smooth.npy", smooth(&[6, 6]));
    tool.run("fit smooth.npy --error 0.1").ok();
    assert_eq!(tool.files(), ["smooth.html", "smooth.npy", "smooth.tsg"]);
    tool.run("fit smooth.npy --error 0.1 --no-report -o other.tsg")
        .ok();
    assert!(!tool.path("other.html").exists());
}

#[test]
fn sizes_and_ratios_are_targets_too() {
    let tool = Tool::new();
    tool.write("x.npy", smooth(&[16, 16, 16]));
    let bytes = tool
        .run("fit x.npy --bytes 1.5kB -o x.tsg --no-report --json")
        .ok()
        .json();
    assert!(bytes["stored_bytes"].as_u64().unwrap() <= 1500);
    let ratio = tool
        .run("fit x.npy --ratio 25 -o x.tsg --no-report --json")
        .ok()
        .json();
    assert!(ratio["ratio"].as_f64().unwrap() >= 25.0);
}

#[test]
fn every_named_structure_works() {
    let tool = Tool::new();
    tool.write("x.npy", smooth(&[8, 8, 8]));
    for structure in ["tucker", "tt", "qtt", "cp"] {
        let line =
            format!("fit x.npy --error 0.02 --structure {structure} -o x.tsg --no-report --json");
        let found = tool.run(&line).ok().json();
        assert_eq!(found["structure"], structure);
        assert!(found["error"].as_f64().unwrap() <= 0.02);
        tool.run("expand x.tsg -o y.npy").ok();
        assert!(relative_error(&tool.read("x.npy").1, &tool.read("y.npy").1) <= 0.02);
    }
}

#[test]
fn pictures_come_back_as_pictures() {
    let tool = Tool::new();
    let picture = data("camera.png");
    let line = format!("fit {picture} --error 0.15 --structure tucker -o c.tsg --no-report --json");
    let found = tool.run(&line).ok().json();
    assert_eq!(found["dense_bytes"], 512 * 512);
    tool.run("expand c.tsg -o c.png").ok();
    let (shape, y) = tool.read("c.png");
    assert_eq!(shape, [512, 512]);
    assert!(y.iter().all(|v| (0.0..=255.0).contains(v)));
    let x = tensegrity_tensor::file::read_one(&picture, None)
        .unwrap()
        .array;
    let x: Vec<f64> = x
        .typed::<f32>()
        .unwrap()
        .as_slice()
        .iter()
        .map(|&v| f64::from(v))
        .collect();
    assert!(relative_error(&x, &y) < 0.16);
}

#[test]
fn lines_constants_and_zeros_are_legal() {
    let tool = Tool::new();
    tool.write("line.npy", smooth(&[300]));
    tool.write("constant.npy", Tensor::full(&[9, 7], 2.5f32).unwrap());
    tool.write("zero.npy", Tensor::<f64>::zeros(&[5, 4, 3]).unwrap());
    tool.write("scalar.npy", Tensor::scalar(3.0f64));
    for name in ["line", "constant", "zero", "scalar"] {
        tool.run(&format!("fit {name}.npy --error 0.01")).ok();
        tool.run(&format!("expand {name}.tsg -o {name}-back.npy"))
            .ok();
        let (x, y) = (
            tool.read(&format!("{name}.npy")),
            tool.read(&format!("{name}-back.npy")),
        );
        assert_eq!(x.0, y.0);
        if name == "zero" {
            assert!(y.1.iter().all(|&v| v == 0.0));
        } else {
            assert!(relative_error(&x.1, &y.1) <= 0.01, "{name}");
        }
    }
}

#[test]
fn not_finite_input_is_located() {
    let tool = Tool::new();
    let mut x = smooth(&[4, 3]);
    x.as_mut_slice()[7] = f64::NAN;
    tool.write("x.npy", x);
    let run = tool.run("fit x.npy --error 0.1");
    let line = run.fails(2);
    assert!(line.contains("NaN") && line.contains("[2, 1]"), "{line}");
    assert_eq!(tool.files(), ["x.npy"]);
}

#[test]
fn bad_files_get_one_clear_line() {
    let tool = Tool::new();
    std::fs::write(tool.path("empty.npy"), b"").unwrap();
    std::fs::write(tool.path("text.npy"), b"hello, this is not an array").unwrap();
    tool.write("good.npy", smooth(&[40, 30]));
    let whole = std::fs::read(tool.path("good.npy")).unwrap();
    std::fs::write(tool.path("short.npy"), &whole[..whole.len() / 2]).unwrap();
    tool.write("none.npy", Tensor::<f64>::zeros(&[0, 3]).unwrap());
    for name in ["empty", "text", "short", "none", "missing"] {
        let run = tool.run(&format!("fit {name}.npy --error 0.1 -o out.tsg"));
        let line = run.fails(2);
        assert!(line.contains(name), "{line}");
        assert!(!tool.path("out.tsg").exists());
    }
}

#[test]
fn impossible_targets_say_what_is_possible() {
    let tool = Tool::new();
    tool.write("x.npy", SplitMix64::new(1).normal_tensor::<f64>(&[10, 10]));
    tool.run("fit x.npy --bytes 10").fails(3);
    tool.run("fit x.npy --ratio 1e9").fails(3);
    tool.run("fit x.npy --error -1").fails(2);
    tool.run("fit x.npy --error nan").fails(2);
    tool.run("fit x.npy --ratio 0").fails(2);
    for line in [
        "fit x.npy --error inf",
        "fit x.npy --bytes -1",
        "fit x.npy --bytes 0.5",
        "fit x.npy --error many",
        "fit x.npy",
    ] {
        tool.run(line).fails(2);
        let object = tool.run(&format!("{line} --json"));
        assert_eq!((object.code, object.json()["code"].as_i64()), (2, Some(2)));
    }
    let run = tool.run("fit x.npy --error 0.1 --structure magic");
    assert!(
        run.fails(2).contains("tucker"),
        "the known structures are listed"
    );
    assert_eq!(tool.run("fit x.npy").code, 2, "a target is needed");
    assert_eq!(
        tool.run("fit x.npy --error 0.1 --bytes 10").code,
        2,
        "one target only"
    );
    assert_eq!(tool.files(), ["x.npy"]);
}

#[test]
fn the_previous_output_survives_a_failure() {
    let tool = Tool::new();
    tool.write("x.npy", smooth(&[5, 5]));
    std::fs::write(tool.path("x.tsg"), b"precious").unwrap();
    tool.run("fit x.npy --bytes 10 -o x.tsg").fails(3);
    assert_eq!(std::fs::read(tool.path("x.tsg")).unwrap(), b"precious");
    tool.run("fit x.npy --error 0.1 -o no/such/folder/x.tsg")
        .fails(2);
    tool.run("fit x.npy --error 0.1 -o x.npy").fails(2);
    assert_eq!(tool.read("x.npy").1, smooth(&[5, 5]).as_slice());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_nothing_half_written() {
    let tool = Tool::new();
    tool.write("x.npy", smooth(&[5, 5]));
    // The kernel's always-full device stands for a full disk; it is named by a
    // link, so that a tool that replaced it by a file would replace the link only.
    std::os::unix::fs::symlink("/dev/full", tool.path("full")).unwrap();
    let run = tool.run("fit x.npy --error 0.1 -o full --no-report");
    assert!(run.fails(2).contains("cannot write"), "{}", run.stderr);
    assert_eq!(tool.files(), ["full", "x.npy"]);
    assert!(
        std::fs::symlink_metadata(tool.path("full"))
            .unwrap()
            .is_symlink()
    );
}

#[test]
fn members_are_named() {
    let tool = Tool::new();
    tool.write("x.npz", smooth(&[5, 5]));
    tool.run("fit x.npz --error 0.1 --no-report").ok();
    let run = tool.run("fit x.npz --error 0.1 --tensor nothing");
    assert!(run.fails(2).contains("nothing"));
}

#[test]
fn damaged_representations_are_refused() {
    let tool = Tool::new();
    tool.write("x.npy", smooth(&[8, 8]));
    tool.run("fit x.npy --error 0.01 -o x.tsg --no-report").ok();
    let whole = std::fs::read(tool.path("x.tsg")).unwrap();
    std::fs::write(tool.path("cut.tsg"), &whole[..whole.len() - 9]).unwrap();
    assert!(
        tool.run("expand cut.tsg -o y.npy")
            .fails(2)
            .contains("cut.tsg")
    );
    std::fs::write(tool.path("text.tsg"), b"text").unwrap();
    tool.run("expand text.tsg -o y.npy").fails(2);
    tool.run("expand x.npy -o y.npy").fails(2);
    tool.run("expand x.tsg -o y.xyz").fails(2);
    assert!(!tool.path("y.npy").exists());
}

#[test]
fn results_do_not_depend_on_threads() {
    let tool = Tool::new();
    tool.write("x.npy", smooth(&[24, 20, 16]));
    tool.run("fit x.npy --error 0.001 -o one.tsg --no-report --threads 1")
        .ok();
    tool.run("fit x.npy --error 0.001 -o two.tsg --no-report --threads 2")
        .ok();
    let read = |name| std::fs::read(tool.path(name)).unwrap();
    assert_eq!(read("one.tsg"), read("two.tsg"));
}

#[test]
fn a_larger_budget_never_gives_a_larger_error() {
    let tool = Tool::new();
    tool.write("x.npy", SplitMix64::new(5).normal_tensor::<f64>(&[9, 9, 9]));
    let mut last = f64::INFINITY;
    for bytes in [300, 700, 1500, 3000, 5000] {
        let line = format!("fit x.npy --bytes {bytes} -o x.tsg --no-report --json");
        let found = tool.run(&line).ok().json();
        let error = found["error"].as_f64().unwrap();
        assert!(error < last, "{bytes} bytes: {error} after {last}");
        last = error;
    }
    // Noise has no structure, so the whole budget must be used.
    assert!(last < 1e-9, "{last}");
    tool.run("fit x.npy --bytes 3000 --structure dense -o x.tsg --no-report")
        .ok();
}

#[test]
fn the_size_of_the_numbers_does_not_matter() {
    let tool = Tool::new();
    let x = smooth(&[12, 10, 8]);
    for scale in [1e300, 1e60, 1e-60, 1e-200, 1e-310] {
        tool.write("x.npy", x.map(|v| v * scale));
        let found = tool
            .run("fit x.npy --error 0.01 -o x.tsg --no-report --json")
            .ok()
            .json();
        assert!(found["ratio"].as_f64().unwrap() > 10.0, "{scale}: {found}");
        tool.run("expand x.tsg -o y.npy").ok();
        let y: Vec<f64> = tool.read("y.npy").1.iter().map(|v| v / scale).collect();
        let error = relative_error(x.as_slice(), &y);
        let reported = found["error"].as_f64().unwrap();
        assert!(
            error <= 0.0101 && (error - reported).abs() < 1e-3,
            "{scale}: {error} {reported}"
        );
    }
}

#[test]
fn deep_pictures_stay_deep_and_other_numbers_are_stretched() {
    use tensegrity_tensor::{DType, file};
    let tool = Tool::new();
    let x = smooth(&[24, 24]).map(|v| (20000.0 + 20000.0 * v).round());
    let array = tensegrity_tensor::Array::from(x.clone());
    let named = file::NamedArray {
        name: "x".into(),
        array: &array,
        dtype: Some(DType::U16),
    };
    file::write_all(tool.path("x.png"), &[named]).unwrap();
    tool.run("fit x.png --error 0.01 -o x.tsg --no-report").ok();
    tool.run("expand x.tsg -o y.png").ok();
    assert!(relative_error(x.as_slice(), &tool.read("y.png").1) < 0.011);
    tool.write("z.npy", smooth(&[24, 24]));
    tool.run("fit z.npy --error 0.01 -o z.tsg --no-report").ok();
    let run = tool.run("expand z.tsg -o z.png").ok();
    assert!(run.stderr.contains("grey levels"), "{}", run.stderr);
    let grey = tool.read("z.png").1;
    assert!(grey.contains(&0.0) && grey.contains(&255.0));
}

#[test]
fn a_representation_is_an_input_like_any_other() {
    let tool = Tool::new();
    tool.write("x.npy", smooth(&[12, 10, 8]));
    tool.run("fit x.npy --error 1e-6 -o x.tsg --no-report").ok();
    tool.run("contract abc-> x.tsg -o sum.npy").ok();
    let sum: f64 = smooth(&[12, 10, 8]).as_slice().iter().sum();
    assert!((tool.read("sum.npy").1[0] / sum - 1.0).abs() < 1e-5);
    let again = tool
        .run("fit x.tsg --error 0.1 -o again.tsg --no-report --json")
        .ok();
    assert_eq!(again.json()["shape"], serde_json::json!([12, 10, 8]));
    let line = tool.run("expand x.npy -o y.npy");
    assert!(line.fails(2).contains("not a .tsg file"), "{}", line.stderr);
}

#[test]
fn a_failed_report_leaves_both_outputs_as_they_were() {
    let tool = Tool::new();
    tool.write("x.npy", smooth(&[30, 30]));
    std::fs::write(tool.path("x.tsg"), b"precious").unwrap();
    std::os::unix::fs::symlink("/dev/full", tool.path("full.html")).unwrap();
    tool.run("fit x.npy --error 0.1 -o x.tsg --report full.html")
        .fails(2);
    assert_eq!(std::fs::read(tool.path("x.tsg")).unwrap(), b"precious");
}

#[cfg(target_os = "linux")]
#[test]
fn standard_output_may_fail() {
    let tool = Tool::new();
    let full = tool.shell(
        "tensegrity plan ij,jk->ik --shapes 3x4,4x5 > /dev/full"
            .replace("->", "-\\>")
            .as_str(),
    );
    assert_eq!(full.code, 1, "{}", full.stderr);
    assert!(full.stderr.contains("standard output"), "{}", full.stderr);
    let gone = tool.shell("set -o pipefail; tensegrity completions bash | true");
    assert!([0, 141].contains(&gone.code), "{}", gone.stderr);
    assert_eq!(gone.stderr, "");
}

#[cfg(target_os = "linux")]
#[test]
fn a_limit_on_files_is_an_error() {
    let tool = Tool::new();
    tool.write("x.npy", SplitMix64::new(5).normal_tensor::<f64>(&[40, 40]));
    std::fs::write(tool.path("x.tsg"), b"precious").unwrap();
    // Blocks of 1024 bytes in bash.
    let run = tool.shell("ulimit -f 2; tensegrity fit x.npy --error 0 --no-report");
    run.fails(2);
    assert_eq!(std::fs::read(tool.path("x.tsg")).unwrap(), b"precious");
    assert_eq!(tool.files(), ["x.npy", "x.tsg"]);
}
