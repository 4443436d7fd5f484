//! CPU seconds of this process with its children, of a control group, and of
//! the machine.

use std::path::{Path, PathBuf};

use crate::backend::sysfs::Sysfs;

/// Clock ticks a second in `/proc`; the kernel reports in this unit on every
/// architecture Linux runs on today.
const TICKS: f64 = 100.0;

/// Reader of CPU times.
#[derive(Clone, Debug)]
pub(crate) struct CpuTime {
    sysfs: Sysfs,
    proc_root: PathBuf,
    cgroup: Option<PathBuf>,
}

impl CpuTime {
    pub fn new(proc_root: &Path, cgroup: Option<&Path>) -> Self {
        Self {
            sysfs: Sysfs::default(),
            proc_root: proc_root.to_owned(),
            cgroup: cgroup.map(Path::to_owned),
        }
    }

    /// CPU seconds of the job: of the control group if there is one, else of
    /// this process and its descendants. A descendant counts while it lives and
    /// once its parent has waited for it.
    pub fn job(&self) -> Option<f64> {
        if let Some(folder) = &self.cgroup {
            let text = self.sysfs.text(&folder.join("cpu.stat")).ok()?;
            let micros: f64 = text
                .lines()
                .find_map(|line| line.strip_prefix("usage_usec "))?
                .trim()
                .parse()
                .ok()?;
            return Some(micros / 1e6);
        }
        let (pid, ticks) = self.stat("self")?;
        // Children need no look at the list of processes: every thread names its own.
        let mut total = ticks;
        let mut waiting = self.children(&pid);
        let mut visited = 0;
        while let Some(child) = waiting.pop() {
            visited += 1;
            if visited > 10_000 {
                break;
            }
            if let Some((_, ticks)) = self.stat(&child) {
                total += ticks;
                waiting.extend(self.children(&child));
            }
        }
        Some(total / TICKS)
    }

    /// Busy CPU seconds of the machine.
    pub fn machine(&self) -> Option<f64> {
        let text = self.sysfs.text_whole(&self.proc_root.join("stat")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let fields: Vec<f64> = line
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()
            .ok()?;
        // user nice system idle iowait irq softirq steal; guest is in user.
        let busy = [0, 1, 2, 5, 6]
            .iter()
            .filter_map(|&i| fields.get(i))
            .sum::<f64>();
        (fields.len() >= 4).then_some(busy / TICKS)
    }

    /// Process number and ticks of a process and the children it waited for.
    fn stat(&self, process: &str) -> Option<(String, f64)> {
        let path = self.proc_root.join(process).join("stat");
        let text = self.sysfs.text(&path).ok()?;
        let pid = text.split_whitespace().next()?.to_owned();
        // The name in parentheses may contain blanks and parentheses.
        let rest = &text[text.rfind(')')? + 1..];
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // utime, stime, cutime, cstime are fields 14 to 17 of the line.
        let ticks = fields
            .get(11..15)?
            .iter()
            .map(|text| text.parse::<f64>().ok())
            .sum::<Option<f64>>()?;
        Some((pid, ticks))
    }

    fn children(&self, process: &str) -> Vec<String> {
        let tasks = self.proc_root.join(process).join("task");
        self.sysfs
            .entries(&tasks, "")
            .iter()
            .filter_map(|task| self.sysfs.text(&task.join("children")).ok())
            .flat_map(|text| {
                text.split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// Gigabytes (10⁹ bytes) of memory.
    pub fn memory_gb(&self) -> Option<f64> {
        let text = self
            .sysfs
            .text_whole(&self.proc_root.join("meminfo"))
            .ok()?;
        let kib: f64 = text
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:"))?
            .split_whitespace()
            .next()?
            .parse()
            .ok()?;
        Some(kib * 1024.0 / 1e9)
    }
}
