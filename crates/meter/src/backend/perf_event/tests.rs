//! The event source as a folder, counters as files.

use std::fs;
use std::path::PathBuf;

use super::*;

/// Joules of a count on most processors: 2⁻³².
const SCALE: &str = "2.3283064365386962890625e-10";

struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    /// Two packages, asked on processors 0 and 2.
    fn new(events: &[(&str, &str)]) -> Self {
        let machine = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        machine.write("power/type", "9\n");
        machine.write("power/cpumask", "0,2\n");
        for (name, event) in events {
            machine.write(&format!("power/events/{name}"), event);
            machine.write(&format!("power/events/{name}.scale"), SCALE);
            machine.write(&format!("power/events/{name}.unit"), "Joules");
        }
        let cpu = |n: usize| format!("processor : {n}\nphysical id : {}\n", n / 2);
        machine.write("proc/cpuinfo", &(0..4).map(cpu).collect::<String>());
        machine.write("proc/sys/kernel/perf_event_paranoid", "2\n");
        machine
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn open(&self, opener: Opener, psys: bool) -> Result<PerfEvent, String> {
        let root = self.folder.path();
        PerfEvent::open_with(opener, root, &root.join("proc"), psys)
    }
}

thread_local! {
    /// Where the counters of a test are: an opener has no state of its own.
    static COUNTERS: std::cell::RefCell<PathBuf> = std::cell::RefCell::default();
}

fn counter_path(event: u64, cpu: usize) -> PathBuf {
    COUNTERS.with_borrow(|folder| folder.join(format!("{event}-{cpu}")))
}

fn counts(event: u64, cpu: usize, value: u64) {
    fs::write(counter_path(event, cpu), value.to_ne_bytes()).unwrap();
}

fn files(kind: u32, event: u64, cpu: usize) -> io::Result<File> {
    assert_eq!(kind, 9);
    File::open(counter_path(event, cpu))
}

fn at(seconds: f64) -> Moment {
    Moment {
        seconds,
        wall: seconds,
    }
}

fn joules(source: &PerfEvent) -> f64 {
    let each = source.microjoules().into_iter().zip(source.channels());
    let counted = each.filter(|(_, channel)| channel.excluded.is_none());
    counted.map(|(energy, _)| energy / 1e6).sum()
}

#[test]
fn packages_and_memory_count_and_cores_do_not() {
    let machine = Machine::new(&[
        ("energy-pkg", "event=0x02"),
        ("energy-ram", "event=0x03"),
        ("energy-cores", "event=0x01"),
        ("energy-psys", "event=0x05"),
    ]);
    COUNTERS.set(machine.folder.path().to_owned());
    let each = [
        (2, 0),
        (2, 2),
        (3, 0),
        (3, 2),
        (1, 0),
        (1, 2),
        (5, 0),
        (5, 2),
    ];
    for (event, cpu) in each {
        counts(event, cpu, 1 << 32);
    }
    let mut source = machine.open(files, false).unwrap();
    source.sample(at(0.0));
    for (n, (event, cpu)) in each.into_iter().enumerate() {
        counts(event, cpu, (n as u64 + 2) << 32);
    }
    source.sample(at(1.0));
    // 1 + 2 of the packages, 3 + 4 of their memory.
    assert_eq!(joules(&source), 10.0);
    assert_eq!(
        (source.scope(), source.is_partial()),
        (Scope::Package, false)
    );
    let domains: Vec<Domain> = source.channels().iter().map(|c| c.domain).collect();
    assert_eq!(
        domains[..4],
        [
            Domain::Package(0),
            Domain::Package(1),
            Domain::Dram(0),
            Domain::Dram(1)
        ]
    );

    let mut platform = machine.open(files, true).unwrap();
    platform.sample(at(0.0));
    counts(5, 0, 20 << 32);
    platform.sample(at(1.0));
    assert_eq!(joules(&platform), 20.0 - 8.0);
    assert_eq!(platform.scope(), Scope::Machine);
}

#[test]
fn a_counter_that_stops_answering_is_dropped_and_counted() {
    let machine = Machine::new(&[("energy-pkg", "event=0x02")]);
    machine.write("power/cpumask", "0\n");
    COUNTERS.set(machine.folder.path().to_owned());
    counts(2, 0, 0);
    let mut source = machine.open(files, false).unwrap();
    source.sample(at(0.0));
    counts(2, 0, 3 << 32);
    source.sample(at(1.0));
    fs::write(counter_path(2, 0), [1, 2]).unwrap();
    source.sample(at(2.0));
    assert_eq!((joules(&source), source.tally().dropped), (3.0, 1));
}

#[test]
fn without_permission_the_remedy_is_told() {
    let machine = Machine::new(&[("energy-pkg", "event=0x02")]);
    let denied: Opener = |_, _, _| Err(io::ErrorKind::PermissionDenied.into());
    let reason = machine.open(denied, false).unwrap_err();
    for text in [
        "perf_event_paranoid is 2",
        "sysctl kernel.perf_event_paranoid=0",
        "setcap",
    ] {
        assert!(reason.contains(text), "{reason}");
    }
    // Memory alone missing is a partial figure, and says so.
    let machine = Machine::new(&[("energy-pkg", "event=0x02"), ("energy-ram", "event=0x03")]);
    COUNTERS.set(machine.folder.path().to_owned());
    counts(2, 0, 0);
    counts(2, 2, 0);
    let source = machine.open(files, false).unwrap();
    assert!(source.is_partial() && source.notes()[0].contains("power/energy-ram/"));
}

#[test]
fn what_is_missing_is_named() {
    let machine = Machine::new(&[("energy-cores", "event=0x01")]);
    COUNTERS.set(machine.folder.path().to_owned());
    counts(1, 0, 0);
    counts(1, 2, 0);
    assert!(
        machine
            .open(files, false)
            .unwrap_err()
            .contains("no event energy-pkg")
    );
    assert!(
        machine
            .open(files, true)
            .unwrap_err()
            .contains("leave the option psys out")
    );
    machine.write("power/events/energy-pkg", "umask=1");
    assert!(
        machine
            .open(files, false)
            .unwrap_err()
            .contains("no event with a scale")
    );
    machine.write("power/cpumask", "a");
    assert!(machine.open(files, false).unwrap_err().contains("cpumask"));
    let empty = tempfile::tempdir().unwrap();
    let reason = PerfEvent::open(empty.path(), empty.path(), false).unwrap_err();
    assert!(reason.contains("`rapl`"), "{reason}");
}

#[test]
fn masks_are_lists_of_ranges() {
    assert_eq!(processors("0"), Some(vec![0]));
    assert_eq!(processors("0,18-20"), Some(vec![0, 18, 19, 20]));
    for bad in ["", "1-", "3-1", "0-99999999", "x"] {
        assert_eq!(processors(bad), None, "{bad}");
    }
    assert_eq!(event_number("event=0x02"), Some(2));
    assert_eq!(event_number("event=7"), Some(7));
}

#[cfg(target_os = "linux")]
#[test]
fn the_system_call_counts_or_says_why_not() {
    // A software event (kind 1, CPU clock): no permission changes that the call
    // is well-formed, and a kernel refuses malformed ones with EINVAL.
    match kernel::open(1, 0, 0) {
        Ok(file) => {
            let first = read(&file).unwrap();
            assert!(read(&file).unwrap() >= first);
        }
        Err(error) => assert_ne!(error.kind(), io::ErrorKind::InvalidInput, "{error}"),
    }
}
