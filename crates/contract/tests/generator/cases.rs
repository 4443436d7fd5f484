//! Random einsum expressions with everything the notation allows.

use tensegrity_tensor::SplitMix64;

use super::{Draw, Order};

/// A random expression with the shapes and memory orders of its operands.
#[derive(Clone, Debug)]
pub struct Case {
    pub expression: String,
    pub shapes: Vec<Vec<usize>>,
    pub orders: Vec<Order>,
    /// Wires of each operand axis, independent of the parser; an axis of
    /// length one on a longer wire is broadcast.
    pub operands: Vec<Vec<u32>>,
    pub output: Vec<u32>,
    pub dims: Vec<usize>,
    /// Whether `numpy.einsum` accepts it (it rejects repeated output indices).
    pub numpy: bool,
}

/// Products of a brute-force evaluation at most.
const BUDGET: usize = 30_000;

/// The cases of `seed`; the same on every machine.
pub fn cases(seed: u64, count: usize) -> Vec<Case> {
    let mut draw = Draw(SplitMix64::new(seed));
    std::iter::repeat_with(|| case(&mut draw))
        .filter(|case| case.dims.iter().product::<usize>() <= BUDGET)
        .take(count)
        .collect()
}

fn letter(wire: u32) -> char {
    char::from(b'a' + wire as u8)
}

fn case(draw: &mut Draw) -> Case {
    let named = 1 + draw.below(7);
    let mut dims: Vec<usize> = (0..named)
        .map(|_| draw.pick(&[1, 2, 2, 3, 3, 4, 5, 6]))
        .collect();
    if draw.chance(5) {
        dims[draw.below(named)] = 0;
    }
    let count = draw.pick(&[1, 1, 2, 2, 2, 2, 3, 3, 4, 5]);
    let mut terms: Vec<Vec<u32>> = Vec::new();
    for _ in 0..count {
        let rank = draw.pick(&[0, 1, 1, 2, 2, 3, 3, 4]);
        // Repetition is likely: traces, diagonals and hyperedges.
        terms.push((0..rank).map(|_| draw.below(named) as u32).collect());
    }
    // Batch: one wire on every operand.
    if draw.chance(20) {
        let wire = draw.below(named) as u32;
        for term in terms.iter_mut().filter(|term| !term.contains(&wire)) {
            let at = draw.below(term.len() + 1);
            term.insert(at, wire);
        }
    }
    let broadcast = if draw.chance(25) {
        1 + draw.below(2)
    } else {
        0
    };
    for _ in 0..broadcast {
        dims.push(draw.pick(&[1, 2, 3]));
    }
    let with_ellipsis: Vec<bool> = terms
        .iter()
        .map(|_| broadcast > 0 && draw.chance(70))
        .collect();
    render(draw, named, dims, &terms, broadcast, &with_ellipsis)
}

fn render(
    draw: &mut Draw,
    named: usize,
    mut dims: Vec<usize>,
    terms: &[Vec<u32>],
    broadcast: usize,
    with_ellipsis: &[bool],
) -> Case {
    let mut texts = Vec::new();
    let mut operands = Vec::new();
    let mut shapes = Vec::new();
    let mut longest = 0;
    for (term, &ellipsis) in terms.iter().zip(with_ellipsis) {
        let mut text: String = term.iter().map(|&w| letter(w)).collect();
        let mut wires = term.clone();
        let mut shape: Vec<usize> = term.iter().map(|&w| dims[w as usize]).collect();
        if ellipsis {
            let at = draw.below(term.len() + 1);
            text.insert_str(at, "...");
            // The last `axes` broadcast wires, some of length one here.
            let axes = draw.below(broadcast + 1);
            longest = longest.max(axes);
            for k in 0..axes {
                let wire = named + broadcast - axes + k;
                wires.insert(at + k, wire as u32);
                let length = if draw.chance(25) { 1 } else { dims[wire] };
                shape.insert(at + k, length);
            }
        }
        texts.push(text);
        operands.push(wires);
        shapes.push(shape);
    }
    // A broadcast wire is as long as its longest axis.
    for wire in named..named + broadcast {
        let lengths = operands.iter().zip(&shapes).flat_map(|(wires, shape)| {
            (wires.iter().zip(shape))
                .filter(|(w, _)| **w as usize == wire)
                .map(|(_, &n)| n)
        });
        dims[wire] = lengths.max().unwrap_or(1);
    }
    let ellipsis = with_ellipsis.contains(&true);
    let stretched = (named + broadcast - longest..named + broadcast).map(|w| w as u32);
    let uses = |wire: u32| terms.iter().flatten().filter(|&&w| w == wire).count();
    let mut output: Vec<u32>;
    let mut text = texts.join(",");
    let mut numpy = true;
    if draw.chance(25) {
        output = if ellipsis {
            stretched.collect()
        } else {
            Vec::new()
        };
        output.extend((0..named as u32).filter(|&w| uses(w) == 1));
    } else {
        output = (0..named as u32)
            .filter(|&w| uses(w) > 0 && draw.chance(50))
            .collect();
        for i in (1..output.len()).rev() {
            let j = draw.below(i + 1);
            output.swap(i, j);
        }
        if draw.chance(10) && !output.is_empty() {
            let again = draw.pick(&output);
            output.push(again);
            numpy = false;
        }
        let mut right: String = output.iter().map(|&w| letter(w)).collect();
        if ellipsis {
            let at = draw.below(output.len() + 1);
            right.insert_str(at, "...");
            for (k, wire) in stretched.enumerate() {
                output.insert(at + k, wire);
            }
        }
        text = format!("{text}->{right}");
    }
    // Wires that occur nowhere would multiply; they are no part of the text.
    for wire in 0..dims.len() as u32 {
        if !operands.iter().flatten().chain(&output).any(|&w| w == wire) {
            dims[wire as usize] = 1;
        }
    }
    let orders = shapes.iter().map(|_| draw.pick(&Order::ALL)).collect();
    Case {
        expression: text,
        shapes,
        orders,
        operands,
        output,
        dims,
        numpy,
    }
}
