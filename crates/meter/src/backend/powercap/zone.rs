//! RAPL zones below a powercap folder: finding and naming them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::backend::counter::Counter;
use crate::backend::sysfs::{Sysfs, name_of, natural_key};
use crate::provenance::Domain;

/// One zone.
#[derive(Debug)]
pub(crate) struct Zone {
    /// Folder name, for example `intel-rapl:0:2`.
    pub id: String,
    /// The control type, for example `intel-rapl` or `intel-rapl-mmio`.
    pub controller: String,
    /// Content of the file `name`.
    pub label: String,
    pub domain: Domain,
    /// The file with the counter.
    pub energy: PathBuf,
    pub counter: Counter,
    /// Why the counter cannot be read, if it cannot.
    pub unreadable: Option<Refusal>,
    /// The zone was there and is no more.
    pub vanished: bool,
}

/// Why a file is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No permission.
    Permission,
    /// Anything else, in words.
    Other(String),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Refusal::Permission,
            _ => Refusal::Other(error.to_string()),
        }
    }
}

/// All zones below `root`, in natural order of their names.
pub(crate) fn find(sysfs: &Sysfs, root: &Path) -> Vec<Zone> {
    let mut folders = BTreeMap::new();
    collect(root, 0, &mut folders);
    let labels: BTreeMap<String, String> = folders
        .iter()
        .filter_map(|(id, path)| Some((id.clone(), sysfs.text(&path.join("name")).ok()?)))
        .collect();
    let mut zones: Vec<Zone> = folders
        .iter()
        .filter_map(|(id, path)| {
            let label = labels.get(id)?.clone();
            let domain = classify(id, &labels)?;
            let energy = path.join("energy_uj");
            let max = sysfs.number(&path.join("max_energy_range_uj")).ok();
            Some(Zone {
                controller: controller(id).to_owned(),
                id: id.clone(),
                label,
                domain,
                unreadable: sysfs.number(&energy).err().map(Refusal::from),
                energy,
                counter: Counter::new(max),
                vanished: false,
            })
        })
        .collect();
    zones.sort_by_key(|zone| natural_key(&zone.id));
    zones
}

/// Folders with an energy counter. The kernel lists every zone flat (as links)
/// and nested; the name of a zone's folder identifies it.
fn collect(folder: &Path, depth: usize, found: &mut BTreeMap<String, PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        // Links below the first level lead back up the tree.
        let linked = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if (linked && depth > 0) || !path.is_dir() {
            continue;
        }
        let name = name_of(&path);
        // A control type holds zones; it has no counter of its own.
        if fs::symlink_metadata(path.join("energy_uj")).is_ok() {
            found.entry(name).or_insert_with(|| path.clone());
        }
        if depth < 3 {
            collect(&path, depth + 1, found);
        }
    }
}

/// `intel-rapl` of `intel-rapl:0:1`.
fn controller(id: &str) -> &str {
    id.split(':').next().unwrap_or(id)
}

/// What a zone counts. A name that is none of RAPL's has no place in the sum.
fn classify(id: &str, labels: &BTreeMap<String, String>) -> Option<Domain> {
    let label = labels.get(id)?;
    let socket = || {
        // Of the zone itself, or of the one it is part of.
        let mut id = id;
        loop {
            if let Some(socket) = labels.get(id).and_then(|label| socket_of(label)) {
                return socket;
            }
            match id.rsplit_once(':') {
                Some((parent, _)) if parent.contains(':') => id = parent,
                Some((_, number)) => return number.parse().unwrap_or(0),
                None => return 0,
            }
        }
    };
    Some(match label.as_str() {
        "core" => Domain::Core(socket()),
        "uncore" => Domain::Uncore(socket()),
        "dram" => Domain::Dram(socket()),
        "psys" => Domain::Psys,
        name if name.starts_with("package") => Domain::Package(socket()),
        _ => Domain::Other(socket()),
    })
}

/// The socket of `package-1` or `package-1-die-0`.
fn socket_of(label: &str) -> Option<u32> {
    let rest = label.strip_prefix("package-")?;
    rest.split('-').next()?.parse().ok()
}
