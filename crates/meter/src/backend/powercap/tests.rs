//! What files that may not be read lead to.

use std::fs;
use std::path::Path;

use super::*;

fn zone(root: &Path, id: &str, name: &str) -> PathBuf {
    let folder = root.join(id);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("name"), format!("{name}\n")).unwrap();
    fs::write(folder.join("max_energy_range_uj"), "262143328850\n").unwrap();
    fs::write(folder.join("energy_uj"), "0\n").unwrap();
    folder.join("energy_uj")
}

fn at(seconds: f64) -> Moment {
    Moment {
        seconds,
        wall: seconds,
    }
}

#[test]
fn without_permission_the_remedy_names_every_file() {
    let root = tempfile::tempdir().unwrap();
    let denied = vec![
        zone(root.path(), "intel-rapl:0", "package-0"),
        zone(root.path(), "intel-rapl:0:0", "dram"),
    ];
    let names: Vec<String> = denied.iter().map(|p| p.display().to_string()).collect();
    let reason = Powercap::open_with(Sysfs { denied }, root.path(), false).unwrap_err();
    assert!(
        reason.contains(&format!("sudo chmod o+r {} {}", names[0], names[1])),
        "{reason}"
    );
    assert!(reason.contains("setcap cap_dac_read_search+ep"), "{reason}");
}

#[test]
fn what_is_readable_counts_and_the_rest_is_missed() {
    let root = tempfile::tempdir().unwrap();
    let package = zone(root.path(), "intel-rapl:0", "package-0");
    let denied = zone(root.path(), "intel-rapl:0:0", "dram");
    let sysfs = Sysfs {
        denied: vec![denied.clone()],
    };
    let mut source = Powercap::open_with(sysfs, root.path(), false).unwrap();
    source.sample(at(0.0));
    fs::write(&package, "2500000").unwrap();
    source.sample(at(1.0));
    assert!(source.is_partial());
    let counted: f64 = source
        .microjoules()
        .iter()
        .zip(source.channels())
        .filter(|(_, channel)| channel.excluded.is_none())
        .map(|(energy, _)| energy)
        .sum();
    assert_eq!(counted, 2_500_000.0);
    let notes = source.notes().join("\n");
    assert!(notes.contains("partial") && notes.contains(&denied.display().to_string()));
}

#[test]
fn a_memory_mapped_twin_stands_in_for_an_unreadable_zone() {
    let root = tempfile::tempdir().unwrap();
    let denied = zone(root.path(), "intel-rapl:0", "package-0");
    let twin = zone(root.path(), "intel-rapl-mmio:0", "package-0");
    let sysfs = Sysfs {
        denied: vec![denied],
    };
    let mut source = Powercap::open_with(sysfs, root.path(), false).unwrap();
    source.sample(at(0.0));
    fs::write(&twin, "1000000").unwrap();
    source.sample(at(1.0));
    assert!(!source.is_partial());
    let counted: Vec<f64> = source
        .microjoules()
        .into_iter()
        .zip(source.channels())
        .filter(|(_, channel)| channel.excluded.is_none())
        .map(|(energy, _)| energy)
        .collect();
    assert_eq!(counted, [1_000_000.0]);
}

#[test]
fn polling_is_fast_enough_for_the_smallest_counter() {
    let root = tempfile::tempdir().unwrap();
    zone(root.path(), "intel-rapl:0", "package-0");
    let open = || Powercap::open(root.path(), false).unwrap();
    assert_eq!(open().interval_seconds(), 1.0);
    // 200 J last a second at 200 W.
    fs::write(
        root.path().join("intel-rapl:0/max_energy_range_uj"),
        "199999999",
    )
    .unwrap();
    assert_eq!(open().interval_seconds(), 0.25);
}
