//! `tensegrity plan`.

use serde_json::{Value, json};
use tensegrity::contract::ssa_to_linear;

use crate::arguments::Plan;
use crate::failure::Outcome;
use crate::output::{self, bytes_text, say};
use crate::progress::Progress;
use crate::subject::{self, Subject};

/// Plans a contraction and prints its cost; `-o` keeps it as JSON.
pub fn run(arguments: &Plan, json: bool) -> Outcome<()> {
    if let Some(path) = &arguments.output {
        output::check(path, &[])?;
    }
    let options = subject::plan_options(&arguments.planning);
    let progress = Progress::new();
    progress.wait("planning");
    let subject = Subject::new(
        &arguments.expression,
        arguments.shapes.as_deref(),
        &arguments.given,
        &options,
    )?;

    drop(progress);
    if let Some(path) = &arguments.output {
        let text = match &subject.einsum {
            Some(planned) => planned.to_json(),
            None => subject.plan.to_json(),
        };
        output::write(path, &text)?;
    }
    let mut object = summary(&subject)?;
    if json {
        object["output"] = json!(
            arguments
                .output
                .as_ref()
                .map(|path| path.display().to_string())
        );
        say!("{object}");
        return Ok(());
    }
    let cost = subject.plan.cost();
    say!("operands      {}", subject.plan.network().inputs.len());
    say!("log10 flops   {:.3}", cost.flops.log10());
    say!("log2 size     {:.3}", cost.size.log2());
    say!("peak memory   {}", bytes_text(subject.plan.peak_bytes()));
    say!("path          {}", object["path"]);
    if let Some(path) = &arguments.output {
        say!("written to {}", path.display());
    }
    Ok(())
}

/// The figures of a plan with stable keys.
pub fn summary(subject: &Subject) -> Outcome<Value> {
    let plan = &subject.plan;
    let cost = plan.cost();
    let operands = plan.network().inputs.len();
    let path = ssa_to_linear(operands, plan.pairs()).map_err(subject::contract_failure)?;
    let finite = |value: f64| {
        if value.is_finite() {
            json!(value)
        } else {
            json!(null)
        }
    };
    Ok(json!({
        "operands": operands,
        "log10_flops": finite(cost.flops.log10()),
        "log2_size": finite(cost.size.log2()),
        "log2_write": finite(cost.write.log2()),
        "peak_bytes": plan.peak_bytes(),
        "n_slices": plan.slices(),
        "path": path,
    }))
}
