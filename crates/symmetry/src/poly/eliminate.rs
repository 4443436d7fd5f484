//! Sums over one node of a product of tensors.

use super::elimination_plan::{Factor, Step};

/// Share of non-zero entries of X below which a tensor of order three that an
/// edge masks is kept for those entries only.
const SPARSE: f64 = 0.25;

/// A tensor over n vertices.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// All entries, row-major.
    Dense(Vec<f64>),
    /// Order three, zero unless two axes are on an edge.
    Fibres(Fibres),
}

/// Fibres along `axis` for the pairs on the two other axes in `pair`.
#[derive(Clone, Debug)]
pub(super) struct Fibres {
    pair: [usize; 2],
    axis: usize,
    /// Start of the fibre of a pair (p, q) at p·n + q; [`NONE`] for zeros.
    table: Vec<usize>,
    data: Vec<f64>,
}

const NONE: usize = usize::MAX;

impl Value {
    /// Entries that are stored.
    pub(super) fn stored(&self) -> &[f64] {
        match self {
            Value::Dense(data) => data,
            Value::Fibres(fibres) => &fibres.data,
        }
    }
}

/// A factor ready to read: strides over the local nodes, or fibres.
enum Operand<'a> {
    Dense {
        data: &'a [f64],
        strides: Vec<usize>,
    },
    Fibres {
        fibres: &'a Fibres,
        axes: &'a [usize],
    },
}

impl<'a> Operand<'a> {
    fn new(factor: &'a Factor, x: &'a [f64], values: &'a [Value], n: usize, locals: usize) -> Self {
        let dense = |data: &'a [f64]| {
            let mut strides = vec![0; locals];
            let mut stride = 1;
            for &axis in factor.axes.iter().rev() {
                strides[axis] += stride;
                stride *= n;
            }
            Operand::Dense { data, strides }
        };
        match factor.step.map(|step| &values[step]) {
            None => dense(x),
            Some(Value::Dense(data)) => dense(data),
            Some(Value::Fibres(fibres)) => Operand::Fibres {
                fibres,
                axes: &factor.axes,
            },
        }
    }

    /// The entry at an index over the local nodes.
    fn at(&self, index: &[usize], n: usize) -> f64 {
        match self {
            Operand::Dense { data, strides } => {
                data[index.iter().zip(strides).map(|(i, s)| i * s).sum::<usize>()]
            }
            Operand::Fibres { fibres, axes } => {
                let [p, q] = fibres.pair.map(|axis| index[axes[axis]]);
                match fibres.table[p * n + q] {
                    NONE => 0.0,
                    start => fibres.data[start + index[axes[fibres.axis]]],
                }
            }
        }
    }

    /// Multiplies `line` by the entries along `node`, the rest of the index fixed.
    fn times_line(&self, line: &mut [f64], index: &mut [usize], node: usize, n: usize) {
        index[node] = 0;
        match self {
            Operand::Dense { data, strides } => {
                let start: usize = index.iter().zip(strides).map(|(i, s)| i * s).sum();
                match strides[node] {
                    0 => line.iter_mut().for_each(|y| *y *= data[start]),
                    1 => line
                        .iter_mut()
                        .zip(&data[start..start + n])
                        .for_each(|(y, x)| *y *= x),
                    stride => {
                        let entries = data[start..].iter().step_by(stride);
                        line.iter_mut().zip(entries).for_each(|(y, x)| *y *= x);
                    }
                }
            }
            Operand::Fibres { fibres, axes } if axes[fibres.axis] == node => {
                let [p, q] = fibres.pair.map(|axis| index[axes[axis]]);
                match fibres.table[p * n + q] {
                    NONE => line.fill(0.0),
                    start => {
                        let entries = &fibres.data[start..start + n];
                        line.iter_mut().zip(entries).for_each(|(y, x)| *y *= x);
                    }
                }
            }
            Operand::Fibres { fibres, axes } => {
                let [p, q] = fibres.pair.map(|axis| index[axes[axis]]);
                let along = if axes[fibres.pair[0]] == node { n } else { 1 };
                let table = fibres.table[p * n + q..].iter().step_by(along);
                let place = index[axes[fibres.axis]];
                line.iter_mut()
                    .zip(table)
                    .for_each(|(y, &start)| match start {
                        NONE => *y = 0.0,
                        start => *y *= fibres.data[start + place],
                    });
            }
        }
    }

    /// Whether the entries along `node` are known to be zero without a look.
    fn is_empty(&self, index: &[usize], node: usize, n: usize) -> bool {
        match self {
            Operand::Fibres { fibres, axes } if axes[fibres.axis] == node => {
                let [p, q] = fibres.pair.map(|axis| index[axes[axis]]);
                fibres.table[p * n + q] == NONE
            }
            _ => false,
        }
    }

    /// Whether lines along `node` are fibres.
    fn runs_along(&self, node: usize) -> bool {
        matches!(self, Operand::Fibres { fibres, axes } if axes[fibres.axis] == node)
    }
}

/// The local nodes of a step by their part in the computation: for every index
/// of `outer` one product of matrices over (`row`, summed) and (summed, `column`).
struct Roles {
    outer: Vec<usize>,
    row: usize,
    column: usize,
    /// Whether the results can be kept as fibres along `column` for pairs
    /// (`outer`, `row`).
    masked: bool,
}

/// Which two open nodes make the matrix product: best ones that no factor
/// couples, the right matrix without outer nodes, a mask on (outer, row).
fn roles(step: &Step) -> Roles {
    let (open, summed) = (step.open, step.open);
    let holds = |f: &Factor, nodes: &[usize]| nodes.iter().all(|v| f.axes.contains(v));
    let mut best: Option<(usize, Roles)> = None;
    for row in 0..open {
        for column in (0..open).filter(|&c| c != row) {
            let outer: Vec<usize> = (0..open).filter(|&v| v != row && v != column).collect();
            let coupled = step
                .factors
                .iter()
                .any(|f| holds(f, &[row, column, summed]));
            let moving = step
                .factors
                .iter()
                .filter(|f| holds(f, &[column]) && !holds(f, &[row]))
                .any(|f| f.axes.iter().any(|axis| outer.contains(axis)));
            let masked = open == 3
                && step.factors.iter().any(|f| {
                    f.step.is_none() && !holds(f, &[summed]) && holds(f, &[outer[0], row])
                });
            let score = 4 * usize::from(coupled)
                + 2 * usize::from(open == 3 && !masked)
                + usize::from(moving);
            if best.as_ref().is_none_or(|(least, _)| score < *least) {
                best = Some((
                    score,
                    Roles {
                        outer,
                        row,
                        column,
                        masked,
                    },
                ));
            }
        }
    }
    best.expect("two open nodes").1
}

/// The result of a step for the matrix `x` of n vertices.
pub(super) fn eliminate(step: &Step, x: &[f64], values: &[Value], n: usize) -> Value {
    let (open, summed) = (step.open, step.open);
    let locals = open + 1;
    let operands: Vec<Operand<'_>> = step
        .factors
        .iter()
        .map(|f| Operand::new(f, x, values, n, locals))
        .collect();
    let mut index = vec![0; locals];
    let mut line = vec![1.0; n];
    match open {
        0 => {
            operands
                .iter()
                .for_each(|f| f.times_line(&mut line, &mut index, summed, n));
            Value::Dense(vec![line.iter().sum()])
        }
        1 => {
            let mut result = Vec::with_capacity(n);
            for i in 0..n {
                line.fill(1.0);
                index[0] = i;
                operands
                    .iter()
                    .for_each(|f| f.times_line(&mut line, &mut index, summed, n));
                result.push(line.iter().sum());
            }
            Value::Dense(result)
        }
        _ => products(step, &operands, x, n),
    }
}

/// Two open nodes or more: products of matrices.
fn products(step: &Step, operands: &[Operand<'_>], x: &[f64], n: usize) -> Value {
    let (open, summed) = (step.open, step.open);
    let Roles {
        outer,
        mut row,
        mut column,
        masked,
    } = roles(step);
    if open == 2 && operands.iter().any(|f| f.runs_along(row)) {
        // A sum of whole fibres.
        std::mem::swap(&mut row, &mut column);
    }
    let part = |has: &dyn Fn(&Factor) -> bool| -> Vec<&Operand<'_>> {
        step.factors
            .iter()
            .zip(operands)
            .filter(|(f, _)| has(f))
            .map(|(_, o)| o)
            .collect()
    };
    let on = |f: &Factor, v: usize| f.axes.contains(&v);
    let left = part(&|f| on(f, summed) && !on(f, column));
    let right = part(&|f| on(f, summed) && on(f, column) && !on(f, row));
    let coupled = part(&|f| on(f, summed) && on(f, column) && on(f, row));
    let row_masks = part(&|f| !on(f, summed) && !on(f, column));
    let column_masks = part(&|f| !on(f, summed) && on(f, column));
    let right_moves = step.factors.iter().any(|f| {
        on(f, summed) && on(f, column) && !on(f, row) && f.axes.iter().any(|a| outer.contains(a))
    });

    let density = x.iter().filter(|&&entry| entry != 0.0).count() as f64 / (n * n) as f64;
    let mut fibres = (masked && density < SPARSE).then(|| Fibres {
        pair: [outer[0], row],
        axis: column,
        table: vec![NONE; n * n],
        data: Vec::new(),
    });
    let stride = |axis: usize| n.pow((open - 1 - axis) as u32);
    let mut dense = if fibres.is_some() {
        vec![]
    } else {
        vec![0.0; n.pow(open as u32)]
    };

    let mut index = vec![0; open + 1];
    let mut matrix = vec![0.0; n * n];
    let (mut weights, mut sums) = (vec![0.0; n], vec![0.0; n]);
    let mut line = vec![0.0; n];
    let tuples = n.pow(outer.len() as u32);
    for tuple in 0..tuples {
        let mut rest = tuple;
        for &v in outer.iter().rev() {
            index[v] = rest % n;
            rest /= n;
        }
        if tuple == 0 || right_moves {
            for (v, line) in matrix.chunks_exact_mut(n).enumerate() {
                index[summed] = v;
                line.fill(1.0);
                right
                    .iter()
                    .for_each(|f| f.times_line(line, &mut index, column, n));
            }
        }
        for i in 0..n {
            index[row] = i;
            index[summed] = 0;
            index[column] = 0;
            let mask: f64 = row_masks.iter().map(|f| f.at(&index, n)).product();
            if mask == 0.0 {
                continue;
            }
            weights.fill(mask);
            left.iter()
                .for_each(|f| f.times_line(&mut weights, &mut index, summed, n));
            sums.fill(0.0);
            for (v, &weight) in weights.iter().enumerate() {
                if weight == 0.0 {
                    continue;
                }
                let entries = &matrix[v * n..(v + 1) * n];
                if coupled.is_empty() {
                    sums.iter_mut()
                        .zip(entries)
                        .for_each(|(sum, x)| *sum += weight * x);
                } else {
                    index[summed] = v;
                    if coupled.iter().any(|f| f.is_empty(&index, column, n)) {
                        continue;
                    }
                    line.copy_from_slice(entries);
                    coupled
                        .iter()
                        .for_each(|f| f.times_line(&mut line, &mut index, column, n));
                    sums.iter_mut()
                        .zip(&line)
                        .for_each(|(sum, x)| *sum += weight * x);
                }
            }
            column_masks
                .iter()
                .for_each(|f| f.times_line(&mut sums, &mut index, column, n));
            match &mut fibres {
                Some(fibres) => {
                    fibres.table[index[outer[0]] * n + i] = fibres.data.len();
                    fibres.data.extend_from_slice(&sums);
                }
                None => {
                    index[column] = 0;
                    let start: usize = (0..open).map(|axis| index[axis] * stride(axis)).sum();
                    let places = dense[start..].iter_mut().step_by(stride(column));
                    places.zip(&sums).for_each(|(y, sum)| *y = *sum);
                }
            }
        }
    }
    fibres.map_or(Value::Dense(dense), Value::Fibres)
}

/// Writes the product of the last factors into `out` `[n, n]` for a pair, the
/// diagonal of it for a node, everywhere for a number.
pub(super) fn write(
    marks: usize,
    factors: &[Factor],
    x: &[f64],
    values: &[Value],
    n: usize,
    out: &mut [f64],
) {
    let operands: Vec<Operand<'_>> = factors
        .iter()
        .map(|f| Operand::new(f, x, values, n, marks.max(1)))
        .collect();
    let mut index = vec![0; marks.max(1)];
    match marks {
        0 => out.fill(operands.iter().map(|f| f.at(&index, n)).product()),
        1 => {
            out.fill(0.0);
            let mut line = vec![1.0; n];
            operands
                .iter()
                .for_each(|f| f.times_line(&mut line, &mut index, 0, n));
            out.iter_mut()
                .step_by(n + 1)
                .zip(&line)
                .for_each(|(y, x)| *y = *x);
        }
        _ => {
            for (i, line) in out.chunks_exact_mut(n).enumerate() {
                line.fill(1.0);
                index[0] = i;
                operands
                    .iter()
                    .for_each(|f| f.times_line(line, &mut index, 1, n));
            }
        }
    }
}
