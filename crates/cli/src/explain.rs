//! `tensegrity explain`.

use serde_json::json;
use tensegrity::DType;

use crate::arguments::Explain;
use crate::failure::Outcome;
use crate::output::say;
use crate::plan::summary;
use crate::progress::Progress;
use crate::subject::{self, Subject, contract_failure};

/// Prints every step of a plan: what meets, how large, how computed.
pub fn run(arguments: &Explain, json: bool) -> Outcome<()> {
    let options = subject::plan_options(&arguments.planning);
    let progress = Progress::new();
    progress.wait("planning");
    let subject = Subject::new(
        &arguments.what,
        arguments.shapes.as_deref(),
        &arguments.given,
        &options,
    )?;

    drop(progress);
    let names = &subject.wires;
    let explanation = subject
        .plan
        .explain_named(DType::F64, |wire| names[wire as usize].clone())
        .map_err(contract_failure)?;
    if json {
        let mut object = summary(&subject)?;
        let steps = explanation.steps.iter().map(|step| {
            json!({
                "expression": step.expression,
                "flops": step.flops.to_f64(),
                "peak_bytes": step.peak_bytes.to_f64(),
                "kernel": step.kernel.as_ref().map(|choice| choice.strategy.name()),
            })
        });
        object["steps"] = steps.collect();
        say!("{object}");
    } else {
        say!("{explanation}");
    }
    Ok(())
}
