//! Contraction trees: which tensors meet when, and what it costs.

use std::fmt::Write;

use super::Theme;
use super::geometry::Point;
use super::svg::{draw_text, number, open};
use super::text::{escape, shortened, width};
use crate::{Error, Result};

/// Height of the row of a leaf.
const ROW: f64 = 26.0;
/// Widest step from one level to the next.
const STEP: f64 = 64.0;
/// Widest drawing of the merges, labels apart.
const PAGE: f64 = 560.0;
const SIZE: f64 = 14.0;

/// A contraction order as an SVG picture: operands down the left side, merges
/// to the right, the last one outermost.
///
/// `labels` names the operands `0..n`. Merge `k` joins two earlier tensors and
/// makes tensor `n + k`; `costs[k]` is its number of multiply-adds (or any other
/// positive cost). A dot's area grows with the logarithm of the cost, and the
/// cost is written as a power of ten; tool tips tell it exactly. Several roots
/// (an unfinished order) are legal.
///
/// # Errors
/// [`Error::InvalidTree`] if a merge names a tensor that does not exist yet or
/// has been used up, or `costs` is not as long as `merges`.
///
/// ```
/// use tensegrity_diagram::draw::tree_svg;
/// let picture = tree_svg(&["A", "B", "C"], &[(0, 1), (3, 2)], &[1e3, 2e5])?;
/// assert!(picture.contains(">A<"));
/// assert!(tree_svg(&["A", "B"], &[(0, 0)], &[1.0]).is_err());
/// # Ok::<(), tensegrity_diagram::Error>(())
/// ```
pub fn tree_svg<S: AsRef<str>>(
    labels: &[S],
    merges: &[(usize, usize)],
    costs: &[f64],
) -> Result<String> {
    check(labels.len(), merges, costs)?;
    let tree = Tree::new(labels.len(), merges);
    let names: Vec<String> = labels.iter().map(|l| shortened(l.as_ref(), 22)).collect();
    let left = names.iter().map(|n| width(n, SIZE)).fold(0.0, f64::max) + 24.0;
    let step = STEP.min(PAGE / tree.deepest.max(1) as f64);
    let place = |v: usize| {
        let level = tree.height[v] as f64;
        Point::new(left + 8.0 + level * step, 20.0 + tree.row[v] * ROW)
    };
    // Costs are written beside their merge while there is room to do so.
    let written = step > 44.0;
    let size = Point::new(
        left + 8.0 + tree.deepest as f64 * step + if written { 62.0 } else { 28.0 },
        16.0 + labels.len().max(1) as f64 * ROW,
    );
    let total: f64 = costs.iter().sum();
    let description = format!(
        "{} operands, {} merges, total cost {total:.3e}",
        labels.len(),
        merges.len()
    );
    let mut out = open(size, "Contraction tree", &description, Theme::Auto);
    for (k, &(a, b)) in merges.iter().enumerate() {
        let to = place(labels.len() + k);
        for child in [a, b] {
            let from = place(child);
            let bend = to.x - (step * 0.5).min(10.0);
            let _ = writeln!(
                out,
                "<path class=\"tg-bond\" stroke-width=\"1.8\" d=\"M{} {}H{}L{} {}\"/>",
                number(from.x),
                number(from.y),
                number(bend),
                number(to.x),
                number(to.y)
            );
        }
    }
    let (cheap, dear) = range(costs);
    for (k, &cost) in costs.iter().enumerate() {
        let at = place(labels.len() + k);
        let share = ((log10(cost) - cheap) / (dear - cheap).max(1e-9)).clamp(0.0, 1.0);
        let radius = (9.0 + 72.0 * share).sqrt().min(step * 0.45).max(2.0);
        let _ = writeln!(
            out,
            "<circle class=\"tg-node tg-{}\" cx=\"{}\" cy=\"{}\" r=\"{}\"><title>merge {}: cost {cost:.3e}</title></circle>",
            if share > 0.85 && dear > cheap {
                "generator"
            } else {
                "input"
            },
            number(at.x),
            number(at.y),
            number(radius),
            k + 1,
        );
        if written {
            let label = format!("10^{:.1}", log10(cost));
            draw_cost(&mut out, at.plus(Point::new(radius + 4.0, -9.0)), &label);
        }
    }
    for (v, name) in names.iter().enumerate() {
        let at = place(v);
        let centre = Point::new(at.x - 6.0 - width(name, SIZE) / 2.0, at.y);
        let _ = writeln!(out, "<g><title>{}</title>", escape(labels[v].as_ref()));
        draw_text(&mut out, "tg-text", SIZE, centre, name);
        out.push_str("</g>\n");
    }
    out.push_str("</svg>\n");
    Ok(out)
}

/// 10 with the exponent raised.
fn draw_cost(out: &mut String, at: Point, label: &str) {
    let exponent = label.strip_prefix("10^").unwrap_or(label);
    let _ = writeln!(
        out,
        "<text class=\"tg-text tg-quiet tg-halo\" x=\"{}\" y=\"{}\" font-size=\"12\" style=\"text-anchor:start\">10<tspan dy=\"-4\" font-size=\"9\">{exponent}</tspan></text>",
        number(at.x),
        number(at.y + 4.0),
    );
}

fn log10(cost: f64) -> f64 {
    cost.max(1.0).log10()
}

fn range(costs: &[f64]) -> (f64, f64) {
    let logs = || costs.iter().map(|&c| log10(c));
    (
        logs().fold(f64::INFINITY, f64::min),
        logs().fold(0.0, f64::max),
    )
}

fn check(leaves: usize, merges: &[(usize, usize)], costs: &[f64]) -> Result<()> {
    if costs.len() != merges.len() {
        return Err(Error::InvalidTree(format!(
            "{} costs for {} merges",
            costs.len(),
            merges.len()
        )));
    }
    let mut used = vec![false; leaves + merges.len()];
    for (k, &(a, b)) in merges.iter().enumerate() {
        for child in [a, b] {
            if child >= leaves + k {
                return Err(Error::InvalidTree(format!(
                    "merge {k} names tensor {child}, but only 0..{} exist by then",
                    leaves + k
                )));
            }
            if std::mem::replace(&mut used[child], true) {
                return Err(Error::InvalidTree(format!(
                    "merge {k} names tensor {child}, which an earlier merge has used up"
                )));
            }
        }
    }
    Ok(())
}

/// Rows and heights of all tensors.
struct Tree {
    /// Vertical place, in rows.
    row: Vec<f64>,
    /// Longest way to a leaf.
    height: Vec<usize>,
    deepest: usize,
}

impl Tree {
    fn new(leaves: usize, merges: &[(usize, usize)]) -> Self {
        let count = leaves + merges.len();
        let mut height = vec![0; count];
        let mut is_child = vec![false; count];
        for (k, &(a, b)) in merges.iter().enumerate() {
            height[leaves + k] = 1 + height[a].max(height[b]);
            is_child[a] = true;
            is_child[b] = true;
        }
        // Leaves in the order of a walk from the roots, so that no lines cross.
        let mut row = vec![0.0; count];
        let mut next = 0.0;
        let mut stack: Vec<usize> = (0..count).rev().filter(|&v| !is_child[v]).collect();
        while let Some(v) = stack.pop() {
            if v < leaves {
                row[v] = next;
                next += 1.0;
            } else {
                let (a, b) = merges[v - leaves];
                stack.extend([b, a]);
            }
        }
        for (k, &(a, b)) in merges.iter().enumerate() {
            row[leaves + k] = (row[a] + row[b]) / 2.0;
        }
        Self {
            row,
            deepest: height.iter().copied().max().unwrap_or(0),
            height,
        }
    }
}
