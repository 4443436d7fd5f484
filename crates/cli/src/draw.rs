//! `tensegrity draw`.

use serde_json::json;
use tensegrity::contract::PlanOptions;
use tensegrity::diagram::Diagram;
use tensegrity::diagram::draw::{self, DrawOptions};

use crate::arguments::Draw;
use crate::failure::{Failure, Outcome};
use crate::output::{self, say};
use crate::subject::Subject;

/// Draws a network as SVG or DOT, by the extension of the output.
pub fn run(arguments: &Draw, json: bool) -> Outcome<()> {
    let path = &arguments.output;
    let extension = path
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default();
    if !["svg", "dot"].contains(&extension) {
        let message = format!(
            "output {}: ends neither in .svg nor in .dot",
            path.display()
        );
        return Err(Failure::Input(message));
    }
    output::check(path, &[std::path::Path::new(&arguments.what)])?;
    let subject = Subject::new(
        &arguments.what,
        arguments.shapes.as_deref(),
        &arguments.given,
        &PlanOptions::default(),
    )?;
    let diagram = match &subject.diagram {
        Some(diagram) => diagram.clone(),
        None => Diagram::from_network(subject.plan.network())
            .map_err(|error| Failure::Input(error.to_string()))?,
    };
    let text = match extension {
        "svg" => {
            let mut options = DrawOptions::default();
            options.title = arguments.what.clone();
            draw::svg(&diagram, &options)
        }
        _ => draw::dot(&diagram),
    };
    output::write(path, &text)?;
    let nodes = subject.plan.network().inputs.len();
    if json {
        let object = json!({ "nodes": nodes, "output": path.display().to_string() });
        say!("{object}");
    } else {
        say!("{nodes} tensors drawn in {}", path.display());
    }
    Ok(())
}
