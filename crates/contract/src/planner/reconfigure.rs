//! Improving a tree piece by piece.
//!
//! A piece is a node with its descendants down to a few of them; the best order
//! for those is found exactly and put in place if better. Costly nodes come
//! first; rounds go on until nothing is gained. Each exchange lowers the cost,
//! so the result is never worse than the start.

use tensegrity_diagram::Network;

use super::bundles::Bundles;
use super::exact::{Exact, ExactOptions, Path, search};
use crate::cost::Objective;
use crate::tree::{Tree, merge_wires};

const NONE: usize = usize::MAX;
/// Exchanges that gain less are rounding, and could go round in circles.
const LEAST_GAIN: f64 = 1e-9;

/// A piece and how long to go on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PieceOptions {
    /// Most tensors of a piece.
    pub(crate) leaves: usize,
    /// Most pieces searched.
    pub(crate) pieces: usize,
}

/// A better path for the same network, or the same.
pub(crate) fn reconfigure(
    network: &Network,
    path: Path,
    objective: Objective,
    options: PieceOptions,
) -> Path {
    if path.len() < 2 {
        return path;
    }
    // A peak is not a property of a piece; its largest tensor is.
    let objective = match objective {
        Objective::Peak => Objective::Size,
        other => other,
    };
    let mut editor = Editor::new(network, &path, objective);
    let mut left = options.pieces;
    loop {
        let mut order: Vec<usize> = (editor.leaves..editor.children.len()).collect();
        let cost: Vec<f64> = order.iter().map(|&node| editor.log_flops(node)).collect();
        let first = editor.leaves;
        order.sort_by(|&a, &b| cost[b - first].total_cmp(&cost[a - first]).then(a.cmp(&b)));
        let mut gained = false;
        for node in order {
            if left == 0 {
                return editor.path();
            }
            left -= 1;
            gained |= editor.improve(node, options.leaves);
        }
        if !gained {
            return editor.path();
        }
    }
}

struct Editor<'n> {
    network: &'n Network,
    objective: Objective,
    leaves: usize,
    root: usize,
    /// By node; leaves have none.
    children: Vec<(usize, usize)>,
    wires: Vec<Vec<u32>>,
    /// By wire, zero between pieces.
    uses: Vec<u32>,
    /// By wire, whether the piece's root has it.
    open: Vec<bool>,
}

impl<'n> Editor<'n> {
    fn new(network: &'n Network, path: &Path, objective: Objective) -> Self {
        let tree = Tree::build(network, path);
        let leaves = network.inputs.len();
        let mut children = vec![(NONE, NONE); leaves];
        children.extend(path);
        Self {
            network,
            objective,
            leaves,
            root: children.len() - 1,
            children,
            wires: tree.wires,
            uses: vec![0; network.dims.len()],
            open: vec![false; network.dims.len()],
        }
    }

    fn dim(&self, wire: u32) -> u64 {
        self.network.dims[wire as usize]
    }

    fn log_flops(&self, node: usize) -> f64 {
        let (left, right) = self.children[node];
        let mut log = 0.0;
        merge_wires(&self.wires[left], &self.wires[right], |wire, _| {
            log += (self.dim(wire).max(1) as f64).log2();
        });
        log
    }

    /// Descendants of `node` that make the piece, breadth-first, and the nodes
    /// in between, `node` first.
    fn piece(&self, node: usize, most: usize) -> (Vec<usize>, Vec<usize>) {
        let mut inner = vec![node];
        let (left, right) = self.children[node];
        let mut outer = vec![left, right];
        let mut at = 0;
        while at < outer.len() && outer.len() < most {
            if outer[at] < self.leaves {
                at += 1;
                continue;
            }
            let opened = outer.remove(at);
            inner.push(opened);
            let (left, right) = self.children[opened];
            outer.extend([left, right]);
        }
        (outer, inner)
    }

    /// The present order of a piece as a path over `outer`.
    fn local_path(&self, outer: &[usize], inner: &[usize]) -> Path {
        let mut number: Vec<(usize, usize)> = outer.iter().copied().zip(0..).collect();
        let mut path = Path::with_capacity(inner.len());
        // A node is opened after its parent.
        for &node in inner.iter().rev() {
            let find = |child: usize| number.iter().find(|(n, _)| *n == child).map(|&(_, k)| k);
            let (left, right) = self.children[node];
            if let (Some(left), Some(right)) = (find(left), find(right)) {
                number.push((node, outer.len() + path.len()));
                path.push((left, right));
            }
        }
        path
    }

    fn improve(&mut self, node: usize, most: usize) -> bool {
        let (outer, inner) = self.piece(node, most);
        if outer.len() < 3 {
            return false;
        }
        let incumbent = self.local_path(&outer, &inner);
        for &wire in &self.wires[node] {
            self.open[wire as usize] = true;
        }
        let bundles = Bundles::new(
            outer.iter().map(|&t| self.wires[t].as_slice()),
            |wire| self.dim(wire),
            |wire| self.open[wire as usize],
        );
        let found = search(
            &bundles,
            ExactOptions {
                incumbent: Some(&incumbent),
                solved: 0,
                gain: LEAST_GAIN,
                ..ExactOptions::new(self.objective)
            },
        );
        let gained = match found {
            Exact::Best(path, _) => {
                self.replace(node, &outer, &inner, &path);
                true
            }
            Exact::Incumbent | Exact::TooLarge => false,
        };
        for &wire in &self.wires[node] {
            self.open[wire as usize] = false;
        }
        gained
    }

    fn replace(&mut self, node: usize, outer: &[usize], inner: &[usize], path: &Path) {
        for &tensor in outer {
            for &wire in &self.wires[tensor] {
                self.uses[wire as usize] += 1;
            }
        }
        let mut names: Vec<usize> = outer.to_vec();
        // The root keeps its name; the others are reused as they come.
        let mut free = inner[1..].iter().copied();
        for &(left, right) in path {
            let (left, right) = (names[left], names[right]);
            let name = free.next().unwrap_or(node);
            let mut wires = Vec::new();
            let (open, uses) = (&self.open, &mut self.uses);
            merge_wires(&self.wires[left], &self.wires[right], |wire, ours| {
                let w = wire as usize;
                uses[w] -= ours;
                if uses[w] > 0 || open[w] {
                    uses[w] += 1;
                    wires.push(wire);
                }
            });
            self.children[name] = (left, right);
            self.wires[name] = wires;
            names.push(name);
        }
        for &wire in &self.wires[node] {
            self.uses[wire as usize] = 0;
        }
    }

    fn path(&self) -> Path {
        let mut order = Vec::with_capacity(self.leaves);
        let mut stack = vec![self.root];
        while let Some(node) = stack.pop() {
            if node >= self.leaves {
                order.push(node);
                let (left, right) = self.children[node];
                stack.extend([left, right]);
            }
        }
        let mut number: Vec<usize> = (0..self.children.len()).collect();
        let mut path = Path::with_capacity(order.len());
        for &node in order.iter().rev() {
            let (left, right) = self.children[node];
            number[node] = self.leaves + path.len();
            path.push((number[left], number[right]));
        }
        path
    }
}
