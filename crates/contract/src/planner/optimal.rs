//! The exact planner: components apart, then joined.

use tensegrity_diagram::Network;

use super::bundles::{Bundles, MOST_TENSORS};
use super::exact::{Exact, ExactOptions, Path, search};
use super::registry::{Order, Planner};
use super::{PlanOptions, greedy};
use crate::cost::Objective;
use crate::tree::leaf_wires;
use crate::{Error, Result, TensorId};

/// The best order that contracts only tensors with a common wire, and joins
/// unconnected parts by outer products, smallest first; with
/// [`PlanOptions::outer_products`] the best order of all.
#[derive(Debug)]
pub(crate) struct Optimal;

impl Planner for Optimal {
    fn order(&self, network: &Network, options: &PlanOptions) -> Result<Order> {
        let path = exact_path(network, options.minimize, options.outer_products)?;
        path.map(Order::from).ok_or(Error::SearchTooLarge {
            tensors: network.inputs.len(),
        })
    }
}

/// Above this many tensors a greedy path is worth having to cut the search short.
const WORTH_A_BOUND: usize = 8;

/// The best path; `None` if the search is too large.
pub(crate) fn exact_path(
    network: &Network,
    objective: Objective,
    outer: bool,
) -> Result<Option<Path>> {
    network.validate()?;
    let count = network.inputs.len();
    if count < 2 {
        return Ok(Some(Path::new()));
    }
    if count == 2 {
        return Ok(Some(vec![(0, 1)]));
    }
    let (leaves, _) = leaf_wires(network);
    let mut in_output = vec![false; network.dims.len()];
    for &wire in &network.output {
        in_output[wire as usize] = true;
    }
    let groups = if outer {
        vec![(0..count).collect()]
    } else {
        components(&leaves, network.dims.len())
    };
    let options = ExactOptions {
        outer,
        // Only of one part it is known which step writes the result.
        result_scale: if groups.len() == 1 {
            result_scale(network, &leaves)
        } else {
            1.0
        },
        ..ExactOptions::new(objective)
    };
    let mut path = Path::with_capacity(count - 1);
    let mut parts: Vec<(f64, TensorId)> = Vec::with_capacity(groups.len());
    for group in groups {
        let Some(local) = part_path(network, &leaves, &in_output, &group, options) else {
            return Ok(None);
        };
        let first = count + path.len();
        let global = |t: usize| group.get(t).copied().unwrap_or(first + t - group.len());
        path.extend(local.iter().map(|&(l, r)| (global(l), global(r))));
        let last = if local.is_empty() {
            group[0]
        } else {
            count + path.len() - 1
        };
        let wires = group.iter().flat_map(|&t| &leaves[t]).copied();
        let mut open: Vec<u32> = wires.filter(|&w| in_output[w as usize]).collect();
        open.sort_unstable();
        open.dedup();
        parts.push((network.size_of(&open), last));
    }
    join(&mut path, count, parts);
    Ok(Some(path))
}

/// The best path of one part, in its own numbers; `None` if the search is too large.
fn part_path(
    network: &Network,
    leaves: &[Vec<u32>],
    in_output: &[bool],
    group: &[usize],
    options: ExactOptions<'_>,
) -> Option<Path> {
    if group.len() > MOST_TENSORS {
        return None;
    }
    let bundles = Bundles::new(
        group.iter().map(|&t| leaves[t].as_slice()),
        |wire| network.dims[wire as usize],
        |wire| in_output[wire as usize],
    );
    let incumbent = (group.len() > WORTH_A_BOUND)
        .then(|| greedy_on(network, group))
        .flatten();
    let options = ExactOptions {
        incumbent: incumbent.as_deref(),
        ..options
    };
    match search(&bundles, options) {
        Exact::Best(path, _) => Some(path),
        Exact::Incumbent => incumbent,
        Exact::TooLarge => None,
    }
}

/// Elements of the output per element of it without repeated axes and axes
/// that are on no tensor.
fn result_scale(network: &Network, leaves: &[Vec<u32>]) -> f64 {
    let mut once = vec![false; network.dims.len()];
    for &wire in leaves.iter().flatten() {
        once[wire as usize] = true;
    }
    let mut scale = 1.0;
    for &wire in &network.output {
        if !std::mem::replace(&mut once[wire as usize], false) {
            scale *= network.dims[wire as usize].max(1) as f64;
        }
    }
    scale
}

/// Multiplies unconnected parts, the two smallest at a time.
fn join(path: &mut Path, operands: usize, mut parts: Vec<(f64, TensorId)>) {
    while parts.len() > 1 {
        parts.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
        if let (Some(first), Some(second)) = (parts.pop(), parts.pop()) {
            path.push((first.1, second.1));
            parts.push((first.0 * second.0, operands + path.len() - 1));
        }
    }
}

/// A greedy path for some operands of a network, in their local numbers.
fn greedy_on(network: &Network, group: &[usize]) -> Option<Path> {
    let inside = |t: &usize| group.binary_search(t).is_ok();
    let mut output = network.output.clone();
    for t in (0..network.inputs.len()).filter(|t| !inside(t)) {
        output.extend(&network.inputs[t]);
    }
    let part = Network {
        inputs: group.iter().map(|&t| network.inputs[t].clone()).collect(),
        output,
        dims: network.dims.clone(),
    };
    greedy::Ground::new(&part).run(greedy::Weighing::PLAIN, f64::INFINITY)
}

/// Groups of tensors connected by wires, each ascending.
fn components(leaves: &[Vec<u32>], wires: usize) -> Vec<Vec<usize>> {
    let mut parent: Vec<usize> = (0..leaves.len()).collect();
    fn root(parent: &mut [usize], mut node: usize) -> usize {
        while parent[node] != node {
            parent[node] = parent[parent[node]];
            node = parent[node];
        }
        node
    }
    let mut first = vec![usize::MAX; wires];
    for (tensor, list) in leaves.iter().enumerate() {
        for &wire in list {
            let holder = &mut first[wire as usize];
            if *holder == usize::MAX {
                *holder = tensor;
                continue;
            }
            let (a, b) = (root(&mut parent, *holder), root(&mut parent, tensor));
            parent[a.max(b)] = a.min(b);
        }
    }
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut place = vec![usize::MAX; leaves.len()];
    for tensor in 0..leaves.len() {
        let root = root(&mut parent, tensor);
        if place[root] == usize::MAX {
            place[root] = groups.len();
            groups.push(Vec::new());
        }
        groups[place[root]].push(tensor);
    }
    groups
}
