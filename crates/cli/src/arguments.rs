//! What can be typed.

use std::path::PathBuf;

use crate::energy::arguments::Energy;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

/// Finds the structure in a tensor, keeps it, and computes through it.
#[derive(Debug, Parser)]
#[command(
    name = "tensegrity",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub struct Arguments {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
    /// Print one JSON object on standard output instead of a table.
    #[arg(long, global = true)]
    pub json: bool,
    /// Threads to use; results do not depend on it.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find the smallest representation of a tensor that meets an error or a size.
    Fit(Fit),
    /// Turn a .tsg file back into an array or a picture.
    Expand(Expand),
    /// Tell what is in a file.
    Inspect(Inspect),
    /// Contract arrays: an einsum over files.
    Contract(Contract),
    /// Plan a contraction from shapes alone.
    Plan(Plan),
    /// Explain a plan step by step.
    Explain(Explain),
    /// Draw an expression, a plan or a .tsg file as SVG or DOT.
    Draw(Draw),
    /// Meter, model or estimate the energy of a computation.
    Energy(Energy),
    /// Run the published claims of a system and compare.
    Reproduce(Reproduce),
    /// Print a completion script for a shell.
    Completions(Completions),
}

/// `tensegrity fit`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("target").required(true).args(["error", "bytes", "ratio"]))]
pub struct Fit {
    /// png, jpg, npy, npz, safetensors or csv.
    pub file: PathBuf,
    /// Largest relative error (Frobenius norm of the difference over that of the array).
    #[arg(long, value_name = "E", allow_negative_numbers = true)]
    pub error: Option<f64>,
    /// Largest size of the written file, for example 20000, 20kB or 4MiB.
    #[arg(long, value_name = "B", value_parser = bytes, allow_negative_numbers = true)]
    pub bytes: Option<u64>,
    /// Least ratio of the array's dense bytes to the written file's.
    #[arg(long, value_name = "R", allow_negative_numbers = true)]
    pub ratio: Option<f64>,
    /// Structure to use; auto tries all of them.
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub structure: String,
    /// Where to write the representation [default: the input's name with .tsg, in this folder].
    #[arg(short, long, value_name = "OUT.tsg")]
    pub output: Option<PathBuf>,
    /// Where to write the report [default: the output's name with .html].
    #[arg(long, value_name = "OUT.html")]
    pub report: Option<PathBuf>,
    /// Write no report.
    #[arg(long, conflicts_with = "report")]
    pub no_report: bool,
    /// Which array of an npz or safetensors file.
    #[arg(long, value_name = "NAME")]
    pub tensor: Option<String>,
    /// Seed of everything random.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// `tensegrity expand`.
#[derive(Debug, Args)]
pub struct Expand {
    /// A .tsg file.
    pub file: PathBuf,
    /// Where to write: .npy, .npz, .safetensors, .csv or a .png picture.
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
}

/// `tensegrity inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Any file this program reads.
    pub file: PathBuf,
}

/// What a plan is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Minimize {
    /// Multiply-adds.
    Flops,
    /// Largest intermediate.
    Size,
    /// Elements written.
    Write,
    /// Multiply-adds plus 64 times elements written.
    Combo,
    /// Predicted time.
    Time,
    /// Most elements alive at once.
    Peak,
}

/// How hard to plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Effort {
    /// About ten milliseconds.
    Fast,
    /// About a third of a second.
    Normal,
    /// About ten seconds.
    High,
}

/// Options every planning command has.
#[derive(Debug, Args)]
pub struct Planning {
    /// Planner by name.
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub optimize: String,
    /// How hard to plan.
    #[arg(long, value_enum, default_value_t = Effort::Normal)]
    pub effort: Effort,
    /// What to minimise.
    #[arg(long, value_enum, default_value_t = Minimize::Flops)]
    pub minimize: Minimize,
    /// Refuse plans that need more memory than this, for example 2GiB.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub memory_limit: Option<u64>,
    /// Seed of randomised planners.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// What may be said about an expression besides its text.
#[derive(Debug, Default, Args)]
pub struct Given {
    /// Sizes of indices that do not follow from the operands, for example h=4,d=16.
    #[arg(long, value_name = "SIZES", value_delimiter = ',', value_parser = size)]
    pub sizes: Vec<(String, usize)>,
    /// Let an axis of length 1 fit an index of any size.
    #[arg(long)]
    pub broadcast: bool,
}

/// `tensegrity contract`.
#[derive(Debug, Args)]
pub struct Contract {
    /// An einsum expression, for example "ij,jk->ik".
    pub expression: String,
    /// One file for each operand, in order.
    pub files: Vec<PathBuf>,
    /// Where to write the result.
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    /// Keep the exponent apart: writes the mantissa and prints log10 of its scale.
    #[arg(long)]
    pub log: bool,
    /// What the expression leaves open.
    #[command(flatten)]
    pub given: Given,
    /// How to plan.
    #[command(flatten)]
    pub planning: Planning,
}

/// `tensegrity plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// An einsum expression, or a JSON network (fields inputs, output, size_dict).
    pub expression: String,
    /// Shapes of the operands, for example 3x4,4x5.
    #[arg(long, value_name = "SHAPES")]
    pub shapes: Option<String>,
    /// Where to write the plan as JSON.
    #[arg(short, long, value_name = "PLAN.json")]
    pub output: Option<PathBuf>,
    /// What the expression leaves open.
    #[command(flatten)]
    pub given: Given,
    /// How to plan.
    #[command(flatten)]
    pub planning: Planning,
}

/// `tensegrity explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// A plan written by `plan -o`, a JSON network or an einsum expression.
    pub what: String,
    /// Shapes of the operands of an expression, for example 3x4,4x5.
    #[arg(long, value_name = "SHAPES")]
    pub shapes: Option<String>,
    /// What the expression leaves open.
    #[command(flatten)]
    pub given: Given,
    /// How to plan an expression.
    #[command(flatten)]
    pub planning: Planning,
}

/// `tensegrity draw`.
#[derive(Debug, Args)]
pub struct Draw {
    /// An einsum expression, a plan, a JSON network or a .tsg file.
    pub what: String,
    /// Shapes of the operands of an expression, for example 3x4,4x5.
    #[arg(long, value_name = "SHAPES")]
    pub shapes: Option<String>,
    /// What the expression leaves open.
    #[command(flatten)]
    pub given: Given,
    /// Where to write: .svg or .dot.
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
}

/// `tensegrity reproduce`.
#[derive(Debug, Args)]
pub struct Reproduce {
    /// Short name of the system, for example energy; any other word lists them.
    pub id: String,
    /// Smaller and shorter where the system allows it.
    #[arg(long)]
    pub quick: bool,
    /// Seed of everything random.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Folder of the real data.
    #[arg(long, value_name = "FOLDER", default_value = "data")]
    pub data: PathBuf,
}

/// `tensegrity completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell.
    pub shell: clap_complete::Shell,
}

/// Parses `20000`, `20kB`, `4MiB`, `1.5 GB`.
pub fn bytes(text: &str) -> Result<u64, String> {
    let hint = || format!("{text:?} is no size; write for example 20000, 20kB or 4MiB");
    let text = text.trim();
    let split = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let value: f64 = text[..split].parse().map_err(|_| hint())?;
    let unit: u64 = match text[split..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" | "k" => 1_000,
        "mb" | "m" => 1_000_000,
        "gb" | "g" => 1_000_000_000,
        "tb" | "t" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return Err(hint()),
    };
    let total = value * unit as f64;
    if (1.0..9e18).contains(&total) || value == 0.0 {
        Ok(total as u64)
    } else {
        Err(hint())
    }
}

/// Parses `h=4`.
fn size(text: &str) -> Result<(String, usize), String> {
    let parts = text.split_once('=');
    let parsed = parts.and_then(|(name, size)| Some((name.trim(), size.trim().parse().ok()?)));
    match parsed {
        Some((name, size)) if !name.is_empty() => Ok((name.to_owned(), size)),
        _ => Err(format!("{text:?} is no size; write for example h=4,d=16")),
    }
}

/// Parses `3x4,4x5,` into shapes; an empty item is a scalar.
pub fn shapes(text: &str) -> Result<Vec<Vec<usize>>, String> {
    let one = |item: &str| -> Result<Vec<usize>, String> {
        let item = item.trim();
        if item.is_empty() {
            return Ok(Vec::new());
        }
        item.split(['x', '×'])
            .map(|length| {
                length.trim().parse().map_err(|_| {
                    format!(
                        "--shapes: {length:?} in {item:?} is no length; write for example 3x4,4x5"
                    )
                })
            })
            .collect()
    };
    text.split(',').map(one).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Arguments, bytes, shapes};

    #[test]
    fn the_definitions_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("20000"), Ok(20_000));
        assert_eq!(bytes("20kB"), Ok(20_000));
        assert_eq!(bytes("1.5 GiB"), Ok(3 << 29));
        assert!(bytes("many").is_err());
        assert!(bytes("3 apples").is_err());
        assert!(bytes("-3").is_err());
    }

    #[test]
    fn shapes_are_products() {
        assert_eq!(shapes("3x4,4x5"), Ok(vec![vec![3, 4], vec![4, 5]]));
        assert_eq!(shapes("3,"), Ok(vec![vec![3], vec![]]));
        assert!(shapes("3xq").is_err());
    }
}
