//! `tensegrity reproduce`.

use std::time::Instant;

use serde_json::json;
use tensegrity_reproduce::{Claim, Error, Options, Reproduction, reproduce};

use crate::arguments::Reproduce;
use crate::energy::metered::{self, Metered};
use crate::failure::{Failure, Outcome};
use crate::output::say;
use crate::progress::Progress;

/// Runs the claims of one system and prints each beside our figure.
pub fn run(arguments: &Reproduce, json: bool) -> Outcome<()> {
    let options = Options {
        quick: arguments.quick,
        seed: arguments.seed,
        data: arguments.data.clone(),
    };
    let clock = Instant::now();
    let bar = Progress::new();
    let metered = Metered::start("reproduce");
    let found = reproduce(&arguments.id, &options, &mut |what, part| {
        bar.tell(what, part)
    });
    let energy = metered.report();
    drop(bar);
    let found = found.map_err(failure)?;
    let seconds = clock.elapsed().as_secs_f64();
    let (hold, failed, undecided) = found.counts();
    if json {
        let object = json!({
            "id": found.id,
            "system": found.system,
            "source": found.source,
            "quick": options.quick,
            "seed": options.seed,
            "claims": found.claims,
            "not_reproduced": found.not_reproduced,
            "hold": hold,
            "failed": failed,
            "undecided": undecided,
            "seconds": seconds,
            "energy": metered::object(energy.as_ref()),
        });
        say!("{object}");
    } else {
        show(&found);
        let energy = metered::text(energy.as_ref());
        say!("{hold} claims hold, {failed} failed, {undecided} undecided; {seconds:.1} s{energy}");
    }
    match failed {
        0 => Ok(()),
        _ => Err(Failure::Claims(failed)),
    }
}

fn show(found: &Reproduction) {
    say!("{}\n{}\n", found.system, found.source);
    for claim in &found.claims {
        let Claim {
            statement,
            source,
            published,
            ours,
            holds,
            note,
        } = claim;
        let mark = match holds {
            Some(true) => "holds",
            Some(false) => "FAILS",
            None => "open",
        };
        say!("{mark:<7}{statement} [{source}]");
        if let Some(published) = published {
            say!("       published  {published}");
        }
        say!("       ours       {ours}");
        if let Some(note) = note {
            say!("       note: {note}");
        }
    }
    if !found.not_reproduced.is_empty() {
        say!("\nnot reproduced");
    }
    for reason in &found.not_reproduced {
        say!("       {reason}");
    }
    say!("");
}

fn failure(error: Error) -> Failure {
    let message = error.to_string();
    match error {
        Error::Unknown { .. } | Error::Data { .. } => Failure::Input(message),
        _ => Failure::Failed(message),
    }
}
