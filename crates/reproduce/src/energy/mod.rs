//! E. Strubell, A. Ganesh and A. McCallum, *Energy and Policy Considerations for
//! Deep Learning in NLP* (2019): its tables, and what a meter without counters
//! can and cannot say.

mod machine;
mod profiles;
mod tables;

use crate::{Options, Progress, Reproduction, Result};

/// The paper, as claims cite it.
const PAPER: &str = "arXiv:1906.02243";

/// Tables, model and the live meter.
pub(crate) fn reproduce(options: &Options, progress: Progress<'_>) -> Result<Reproduction> {
    progress("tables", 0.0);
    let mut claims = tables::claims()?;
    progress("load profiles", 0.1);
    claims.extend(profiles::claims(&options.data)?);
    claims.extend(machine::claims(options.quick, progress)?);
    progress("done", 1.0);
    Ok(Reproduction {
        id: "energy",
        system: "Energy and Policy Considerations for Deep Learning in NLP",
        source: "E. Strubell, A. Ganesh and A. McCallum, ACL 2019, arXiv:1906.02243",
        claims,
        not_reproduced: vec![
            "the wattages of table 3: they were sampled on servers with three to 64 P100 and V100 \
             cards; the tables are computed from the watts printed"
                .into(),
            "the energy of TPUs: the paper gives none".into(),
            "table 2, the energy mixes, and the first four rows of table 1: inputs the paper \
             took from elsewhere, nothing follows from them in it"
                .into(),
            "the power of the model developed in table 4: only hours and money are printed; it is \
             inferred from table 1"
                .into(),
        ],
    })
}
