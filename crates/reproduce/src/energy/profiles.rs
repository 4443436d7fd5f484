//! The load model on published profiles of machines it has not seen.

use std::fs;
use std::path::{Path, PathBuf};

use tensegrity_meter::{
    LoadShape, Observation, ProfilePoint, SATURATION, lookup_tdp, read_profile,
};

use crate::{Claim, Error, Result};

/// Where the profiles come from.
const SOURCE: &str = "mlco2/codecarbon, commit b05965e, cpu_load_profiling";

/// Folder, name of the processor in the table of design powers, packages.
const MACHINES: [(&str, &str, f64); 5] = [
    ("AMD_EPYC_8024P_8C", "EPYC 8024P", 1.0),
    ("AMD_Threadripper", "Threadripper 1950X", 1.0),
    ("E3-1240", "Xeon(R) CPU E3-1240 V2", 1.0),
    ("E5-1240", "Xeon(R) CPU E3-1240 V2", 1.0),
    ("E5-2620", "Xeon(R) CPU E5-2620 v3", 2.0),
];

/// Idle power over full-load power: the profiles do not tell.
const IDLE: f64 = 0.10;

/// One profile of one machine.
struct Profile {
    processor: &'static str,
    /// Design power of all packages in watts.
    design: f64,
    points: Vec<ProfilePoint>,
}

impl Profile {
    fn full_load(&self) -> f64 {
        self.points.iter().map(|p| p.watts).fold(0.0, f64::max)
    }

    /// Mean absolute error of a prediction of watts.
    fn error(&self, predict: impl Fn(&ProfilePoint) -> f64) -> f64 {
        let sum: f64 = self
            .points
            .iter()
            .map(|p| (predict(p) - p.watts).abs())
            .sum();
        sum / self.points.len() as f64
    }
}

fn read(data: &Path) -> Result<Vec<Profile>> {
    let root = data.join("energy/cpu_load_profiling");
    let mut profiles = Vec::new();
    for (folder, processor, packages) in MACHINES {
        let folder = root.join(folder);
        let missing = |error: std::io::Error| Error::Data {
            path: folder.clone(),
            problem: format!("{error}; --data names the repository's data folder"),
        };
        let mut paths: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(&folder).map_err(missing)? {
            paths.push(entry.map_err(missing)?.path());
        }
        paths.retain(|path| path.extension().is_some_and(|kind| kind == "csv"));
        paths.sort();
        if paths.is_empty() {
            return Err(missing(std::io::Error::other("no profile in it")));
        }
        let tdp = lookup_tdp(processor).ok_or_else(|| Error::Data {
            path: folder.clone(),
            problem: format!("no design power is known of {processor}"),
        })?;
        for path in paths {
            let text = fs::read_to_string(&path).map_err(|error| Error::Data {
                path: path.clone(),
                problem: error.to_string(),
            })?;
            let points = read_profile(&text, &path).map_err(Error::computing("load profile"))?;
            profiles.push(Profile {
                processor,
                design: packages * tdp.watts,
                points,
            });
        }
    }
    Ok(profiles)
}

/// The shape fitted on all profiles of other processors, power relative to `of`.
fn fitted_without(
    profiles: &[Profile],
    processor: &str,
    of: impl Fn(&Profile) -> f64,
) -> Result<LoadShape> {
    let rest = profiles.iter().filter(|p| p.processor != processor);
    let observations: Vec<Observation> = rest
        .flat_map(|profile| {
            let unit = of(profile);
            profile.points.iter().map(move |point| Observation {
                load: point.load,
                power: point.watts / unit,
            })
        })
        .collect();
    LoadShape::fit(&observations, IDLE).map_err(Error::computing("fit of the load shape"))
}

/// Mean over the profiles of each one's mean absolute error.
fn mean(errors: impl Iterator<Item = f64>) -> f64 {
    let errors: Vec<f64> = errors.collect();
    errors.iter().sum::<f64>() / errors.len() as f64
}

pub(super) fn claims(data: &Path) -> Result<Vec<Claim>> {
    let profiles = read(data)?;
    // Both machines of one processor model are left out together.
    let held_out = |of: &dyn Fn(&Profile) -> f64| -> Result<f64> {
        let mut errors = Vec::new();
        for profile in &profiles {
            let shape = fitted_without(&profiles, profile.processor, of)?;
            let unit = of(profile);
            errors.push(profile.error(|point| unit * shape.at(point.load)));
        }
        Ok(mean(errors.into_iter()))
    };
    let calibrated = held_out(&Profile::full_load)?;
    let by_design = held_out(&|profile: &Profile| profile.design)?;
    let linear = mean(profiles.iter().map(|profile| {
        let full = profile.full_load();
        profile.error(|point| full * point.load)
    }));
    let theirs = mean(
        profiles
            .iter()
            .map(|profile| profile.error(|point| point.estimate.unwrap_or(0.0))),
    );
    let shape = LoadShape::default();
    let uncalibrated =
        mean(profiles.iter().map(|profile| {
            profile.error(|point| SATURATION * profile.design * shape.at(point.load))
        }));
    let plain = mean(
        profiles
            .iter()
            .map(|profile| profile.error(|point| profile.design * point.load.max(0.1))),
    );
    let files = profiles.len();
    let artefact = "the first row of every file (0 % load, about 0.5 W) is left out: the counter \
                    was read before it moved";
    Ok(vec![
        Claim::new(
            format!(
                "with full-load power known, the load model is within 11 W of processors it was \
                 not fitted on (mean absolute error, {files} profiles)"
            ),
            format!("our model on {SOURCE}"),
            format!(
                "{calibrated:.1} W; a straight line {linear:.1} W, the publisher's own estimates \
                 {theirs:.1} W"
            ),
            calibrated <= 11.0,
        )
        .note(artefact),
        Claim::new(
            "with design power alone the model is no worse than load times design power",
            format!("our model on {SOURCE}"),
            format!("{uncalibrated:.1} W against {plain:.1} W"),
            uncalibrated <= plain,
        )
        .note("fitted on these profiles; figures come with the interval x0.5 to x1.6"),
        Claim::new(
            "a shape relative to design power does not carry over to other processors: it needs \
             the full-load power",
            format!("our model on {SOURCE}"),
            format!("{by_design:.1} W against {calibrated:.1} W"),
            by_design > calibrated,
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data")
    }

    #[test]
    fn the_publishers_estimates_are_off_by_what_was_computed_elsewhere() {
        // Golden: mean absolute error a file, first row left out, and the mean
        // of the ten, computed independently from the same files.
        let profiles = read(&data()).unwrap();
        assert_eq!(profiles.len(), 10);
        let errors = profiles
            .iter()
            .map(|p| p.error(|point| point.estimate.unwrap()));
        let mean = mean(errors);
        assert!((mean - 17.3).abs() <= 0.05, "{mean}");
    }

    #[test]
    fn every_claim_holds() {
        for claim in claims(&data()).unwrap() {
            assert_eq!(claim.holds, Some(true), "{claim:?}");
        }
    }

    #[test]
    fn missing_data_says_where_it_should_be() {
        let message = claims(Path::new("no/such")).unwrap_err().to_string();
        assert!(
            message.contains("no/such/energy") && message.contains("--data"),
            "{message}"
        );
    }
}
