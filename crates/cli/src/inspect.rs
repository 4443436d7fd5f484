//! `tensegrity inspect`.

use serde_json::{Value, json};
use tensegrity::file::{self, Format, Inspection};
use tensegrity::fit::Representation;

use crate::arguments::Inspect;
use crate::failure::{Failure, Outcome};
use crate::output::{bytes_text, say, shape_text};

/// Tells what is in a file without loading its data.
pub fn run(arguments: &Inspect, json: bool) -> Outcome<()> {
    let found =
        file::inspect(&arguments.file).map_err(|error| Failure::Input(error.to_string()))?;
    // A representation is a safetensors file with a description; other files,
    // which may be large, are not read.
    let described = found.format == Format::Safetensors && !found.metadata.is_empty();
    let representation = if described {
        Representation::read(&arguments.file).ok()
    } else {
        None
    };
    if json {
        say!("{}", object(&found, representation.as_ref()));
        return Ok(());
    }
    let path = arguments.file.display();
    match &representation {
        Some(representation) => show_representation(&path, representation),
        None => show_arrays(&path, &found),
    }
    Ok(())
}

fn show_representation(path: &std::path::Display<'_>, representation: &Representation) {
    let (stored, dense) = (representation.stored_bytes(), representation.dense_bytes());
    say!(
        "{path}: {} representation, {}",
        representation.structure(),
        bytes_text(stored)
    );
    say!(
        "  of {} {}, {}, {:.1} times smaller",
        shape_text(representation.shape()),
        representation.dtype(),
        bytes_text(dense),
        dense as f64 / stored.max(1) as f64,
    );
    say!("  nodes {}", representation.detail());
    let factors = representation.layout().factors();
    if factors.iter().any(|parts| parts.len() > 1) {
        let parts: Vec<String> = factors.iter().map(|parts| shape_text(parts)).collect();
        say!("  axes split into {}", parts.join(", "));
    }
    if let Some(expression) = expression(representation) {
        say!("  einsum {expression}");
    }
}

fn show_arrays(path: &std::path::Display<'_>, found: &Inspection) {
    say!("{path}: {}, {}", found.format, bytes_text(found.file_bytes));
    for member in &found.members {
        say!(
            "  {:<24} {:<12} {:<24} {:>10}",
            member.name,
            member.type_name,
            shape_text(&member.shape),
            bytes_text(member.bytes),
        );
        for (name, value) in &member.details {
            say!("    {name}: {value}");
        }
    }
    for (name, value) in &found.metadata {
        say!("  {name}: {value}");
    }
    if let Some(note) = &found.note {
        say!("  note: {note}");
    }
}

fn expression(representation: &Representation) -> Option<String> {
    Some(representation.network().to_einsum())
}

fn object(found: &Inspection, representation: Option<&Representation>) -> Value {
    let members: Vec<Value> = found
        .members
        .iter()
        .map(|member| {
            json!({
                "name": member.name,
                "dtype": member.type_name,
                "shape": member.shape,
                "bytes": member.bytes,
                "stored_bytes": member.stored_bytes,
                "details": member.details.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            })
        })
        .collect();
    let metadata: std::collections::BTreeMap<_, _> = found.metadata.iter().cloned().collect();
    let mut object = json!({
        "format": found.format.to_string(),
        "file_bytes": found.file_bytes,
        "members": members,
        "metadata": metadata,
        "note": found.note,
    });
    if let Some(representation) = representation {
        let (stored, dense) = (representation.stored_bytes(), representation.dense_bytes());
        object["representation"] = json!({
            "structure": representation.structure(),
            "detail": representation.detail(),
            "shape": representation.shape(),
            "dtype": representation.dtype().name(),
            "stored_bytes": stored,
            "dense_bytes": dense,
            "ratio": dense as f64 / stored.max(1) as f64,
            "layout": representation.layout().factors(),
            "einsum": expression(representation),
        });
    }
    object
}
