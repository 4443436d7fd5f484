//! How the polynomials of a bank are computed: one graph of shared sums.
//!
//! Summing over a node multiplies everything that touches it; what is left is a
//! tensor over its neighbours. That tensor is a sub-multigraph with open nodes,
//! and tensors of isomorphic ones are the same up to the order of their axes:
//! each is computed once for all polynomials.

use std::collections::{HashMap, HashSet};

use super::Polynomial;
use super::canonical::{canonical_order, renumbered};
use crate::{Error, Result};

/// Number of vertices orders are compared at.
const NOMINAL: f64 = 32.0;
/// Unmarked nodes up to which every order is tried.
const EXHAUSTIVE: usize = 6;
/// Times each polynomial is planned again against the others.
const ROUNDS: usize = 3;
/// Highest order of an intermediate tensor.
const MOST_OPEN: usize = 6;

/// A factor of a product: the matrix X or an earlier step, read along the local
/// nodes `axes`.
#[derive(Clone, Debug)]
pub(super) struct Factor {
    /// `None` is X itself.
    pub(super) step: Option<usize>,
    pub(super) axes: Vec<usize>,
}

/// A sum over local node `open` of a product of factors; the result has the
/// axes 0, …, open − 1.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) open: usize,
    pub(super) factors: Vec<Factor>,
}

/// The network of a bank. Factors of a result are over its marked nodes 0, 1.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) steps: Vec<Step>,
    pub(super) results: Vec<Vec<Factor>>,
}

/// A sub-multigraph with its open nodes first, in canonical numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Shape {
    open: usize,
    nodes: usize,
    edges: Vec<(usize, usize)>,
}

/// A factor while orders are searched: nodes are those of the polynomial.
#[derive(Clone, Debug)]
struct Term {
    shape: Option<usize>,
    nodes: Vec<usize>,
    edges: u64,
}

/// The plan of one polynomial: steps by their shapes, and the last factors.
#[derive(Clone, Debug, Default)]
struct Chosen {
    cost: f64,
    steps: Vec<(usize, Step)>,
    last: Vec<Factor>,
}

#[derive(Default)]
struct Shapes {
    numbers: HashMap<Shape, usize>,
}

/// Plans all polynomials together. In a [`Step`] or result made here, `step`
/// numbers shapes until the network is put together.
pub(super) fn plan(polynomials: &[Polynomial], symmetric: bool) -> Result<Network> {
    let mut shapes = Shapes::default();
    let mut chosen: Vec<Chosen> = vec![Chosen::default(); polynomials.len()];
    for round in 0..ROUNDS {
        let mut changed = false;
        for (place, polynomial) in polynomials.iter().enumerate() {
            let others = chosen
                .iter()
                .enumerate()
                .filter(|&(other, _)| other != place);
            let known: HashSet<usize> = others
                .flat_map(|(_, plan)| plan.steps.iter().map(|&(shape, _)| shape))
                .collect();
            let old = cost(&chosen[place], &known);
            let mut search = Search {
                polynomial,
                symmetric,
                shapes: &mut shapes,
                known: &known,
                memo: HashMap::new(),
                best: None,
            };
            search.run()?;
            let best = search.best.expect("there is an order");
            if round == 0 || best.cost < old {
                changed = true;
                chosen[place] = best;
            }
        }
        if !changed {
            break;
        }
    }
    Ok(assembled(chosen))
}

/// Cost of the steps of a plan that no other polynomial computes.
fn cost(plan: &Chosen, known: &HashSet<usize>) -> f64 {
    let roots: Vec<usize> = plan.last.iter().filter_map(|f| f.step).collect();
    below(&roots, &plan.steps, |shape| known.contains(&shape))
        .iter()
        .map(|(_, s)| step_cost(s))
        .sum()
}

fn step_cost(step: &Step) -> f64 {
    let summed = step.open;
    // Factors over open nodes alone are masks: what they hide is not computed.
    let masked = step.factors.iter().any(|f| !f.axes.contains(&summed));
    NOMINAL.powi(step.open as i32 + 1) * if masked { 0.25 } else { 1.0 }
}

/// Puts the chosen steps in one list, each shape once, operands first.
fn assembled(chosen: Vec<Chosen>) -> Network {
    let mut definitions: HashMap<usize, Step> = HashMap::new();
    for plan in &chosen {
        for (shape, step) in &plan.steps {
            definitions.entry(*shape).or_insert_with(|| step.clone());
        }
    }
    fn place(
        shape: usize,
        definitions: &HashMap<usize, Step>,
        places: &mut HashMap<usize, usize>,
        steps: &mut Vec<Step>,
    ) -> usize {
        if let Some(&known) = places.get(&shape) {
            return known;
        }
        let mut step = definitions[&shape].clone();
        for factor in &mut step.factors {
            factor.step = factor.step.map(|s| place(s, definitions, places, steps));
        }
        steps.push(step);
        places.insert(shape, steps.len() - 1);
        steps.len() - 1
    }
    let (mut places, mut steps) = (HashMap::new(), Vec::new());
    let results = chosen
        .into_iter()
        .map(|plan| {
            let mut last = plan.last;
            for factor in &mut last {
                factor.step = factor
                    .step
                    .map(|s| place(s, &definitions, &mut places, &mut steps));
            }
            last
        })
        .collect();
    Network { steps, results }
}

struct Search<'a> {
    polynomial: &'a Polynomial,
    symmetric: bool,
    shapes: &'a mut Shapes,
    /// Shapes other polynomials compute.
    known: &'a HashSet<usize>,
    /// (edges, open nodes) to shape and canonical order of the open nodes.
    memo: HashMap<(u64, u64), (usize, Vec<usize>)>,
    best: Option<Chosen>,
}

impl Search<'_> {
    fn run(&mut self) -> Result<()> {
        let polynomial = self.polynomial;
        if polynomial.degree() > 64 {
            return Err(Error::TooLarge {
                what: "the degree of a polynomial".into(),
                count: polynomial.degree() as u128,
                limit: 64,
                remedy: "split it into factors",
            });
        }
        let terms: Vec<Term> = polynomial
            .edges()
            .iter()
            .enumerate()
            .map(|(e, &(a, b))| Term {
                shape: None,
                nodes: vec![a, b],
                edges: 1 << e,
            })
            .collect();
        let free: Vec<usize> = (0..polynomial.nodes())
            .filter(|v| !polynomial.marked().contains(v))
            .collect();
        self.descend(&terms, &free, &mut Vec::new());
        if self.best.is_none() {
            return Err(Error::TooLarge {
                what: format!("the order of the intermediate tensors of `{polynomial}`"),
                count: MOST_OPEN as u128 + 1,
                limit: MOST_OPEN as u128,
                remedy: "take polynomials of sparser graphs",
            });
        }
        Ok(())
    }

    fn descend(&mut self, terms: &[Term], free: &[usize], steps: &mut Vec<(usize, Step)>) {
        if free.is_empty() {
            return self.finish(terms, steps);
        }
        let open = |v: usize| {
            let touching = terms.iter().filter(|t| t.nodes.contains(&v));
            let set = touching
                .flat_map(|t| &t.nodes)
                .fold(0_u64, |set, &u| set | 1 << u);
            set & !(1 << v)
        };
        let few = free
            .iter()
            .map(|&v| open(v).count_ones())
            .min()
            .unwrap_or(0);
        for (place, &v) in free.iter().enumerate() {
            let neighbours = open(v);
            let greedy = free.len() > EXHAUSTIVE && neighbours.count_ones() > few;
            if greedy || neighbours.count_ones() as usize > MOST_OPEN {
                continue;
            }
            let (next, shape, step) = self.eliminate(terms, v, neighbours);
            let mut rest = free.to_vec();
            rest.remove(place);
            steps.push((shape, step));
            self.descend(&next, &rest, steps);
            steps.pop();
            if free.len() > EXHAUSTIVE {
                // Too many orders to try: the first cheapest node it is.
                break;
            }
        }
    }

    /// Sums over `v`: the terms after it, and the step.
    fn eliminate(&mut self, terms: &[Term], v: usize, neighbours: u64) -> (Vec<Term>, usize, Step) {
        // Edges among the neighbours of a tensor of order three or more go into
        // it: it is then computed and kept where they are not zero only.
        let absorbs = neighbours.count_ones() >= 3;
        let taken = |t: &Term| {
            let inside = t.nodes.len() > 1 && t.nodes.iter().all(|&u| neighbours >> u & 1 == 1);
            t.nodes.contains(&v) || (absorbs && inside)
        };
        let (used, mut rest): (Vec<Term>, Vec<Term>) = terms.iter().cloned().partition(taken);
        let edges = used.iter().fold(0, |set, t| set | t.edges);
        let (shape, order) = self.shape(edges, neighbours);
        let local = |u: &usize| order.iter().position(|o| o == u).unwrap_or(order.len());
        let factors = used
            .iter()
            .map(|t| Factor {
                step: t.shape,
                axes: t.nodes.iter().map(local).collect(),
            })
            .collect();
        let step = Step {
            open: order.len(),
            factors,
        };
        rest.push(Term {
            shape: Some(shape),
            nodes: order,
            edges,
        });
        (rest, shape, step)
    }

    fn shape(&mut self, edges: u64, open: u64) -> (usize, Vec<usize>) {
        if let Some(known) = self.memo.get(&(edges, open)) {
            return known.clone();
        }
        let list: Vec<(usize, usize)> = (0..self.polynomial.degree())
            .filter(|&e| edges >> e & 1 == 1)
            .map(|e| self.polynomial.edges()[e])
            .collect();
        let mut nodes: Vec<usize> = list.iter().flat_map(|&(a, b)| [a, b]).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let number = |v: usize| nodes.binary_search(&v).expect("an end of an edge");
        let inner: Vec<_> = list.iter().map(|&(a, b)| (number(a), number(b))).collect();
        let colours: Vec<u32> = nodes
            .iter()
            .map(|&v| u32::from(open >> v & 1 == 0))
            .collect();
        let order = canonical_order(&colours, &inner, !self.symmetric);
        let count = open.count_ones() as usize;
        let shape = Shape {
            open: count,
            nodes: nodes.len(),
            edges: renumbered(&order, &inner, !self.symmetric),
        };
        let next = self.shapes.numbers.len();
        let shape = *self.shapes.numbers.entry(shape).or_insert(next);
        let axes: Vec<usize> = order[..count].iter().map(|&place| nodes[place]).collect();
        self.memo.insert((edges, open), (shape, axes.clone()));
        (shape, axes)
    }

    /// Compares a complete order with the best so far.
    fn finish(&mut self, terms: &[Term], steps: &[(usize, Step)]) {
        let roots: Vec<usize> = terms.iter().filter_map(|t| t.shape).collect();
        // Steps below a tensor that is known are not needed.
        let known = |shape: usize| self.known.contains(&shape);
        let cost = below(&roots, steps, known)
            .iter()
            .map(|(_, s)| step_cost(s))
            .sum();
        if self.best.as_ref().is_some_and(|best| best.cost <= cost) {
            return;
        }
        // Kept are those others compute too: they may change their plans.
        let all = below(&roots, steps, |_| false);
        let marked = self.polynomial.marked();
        let local = |u: &usize| {
            marked
                .iter()
                .position(|m| m == u)
                .expect("only marks are left")
        };
        let last = terms
            .iter()
            .map(|t| Factor {
                step: t.shape,
                axes: t.nodes.iter().map(local).collect(),
            })
            .collect();
        self.best = Some(Chosen {
            cost,
            steps: all,
            last,
        });
    }
}

/// The steps `roots` need, down to shapes where `stop` says so.
fn below(
    roots: &[usize],
    steps: &[(usize, Step)],
    stop: impl Fn(usize) -> bool,
) -> Vec<(usize, Step)> {
    let mut needed: Vec<(usize, Step)> = Vec::new();
    let mut open = roots.to_vec();
    while let Some(shape) = open.pop() {
        if stop(shape) || needed.iter().any(|(s, _)| *s == shape) {
            continue;
        }
        let (_, step) = steps
            .iter()
            .find(|(s, _)| *s == shape)
            .expect("the order makes it");
        open.extend(step.factors.iter().filter_map(|f| f.step));
        needed.push((shape, step.clone()));
    }
    needed
}
