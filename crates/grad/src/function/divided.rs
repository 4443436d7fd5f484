//! Divided differences of a formula over a spectrum.
//!
//! Far nodes are divided by their distance; near ones expand f about their mean,
//! f[x₀, …, xₖ] = Σⱼ f⁽ᵏ⁺ʲ⁾(m)/(k+j)!·hⱼ(x − m) with complete homogeneous symmetric
//! polynomials hⱼ (de Boor, "Divided differences", 2005). Of the two the one with
//! the smaller estimated error is taken, entry by entry.

use tensegrity_tensor::{Axes, Tensor};

use crate::formula::Formula;
use crate::variable::recorded;
use crate::{Result, Variable, gradients};

/// Terms of an expansion.
const TERMS: usize = 6;

/// Distance, relative to the largest node, from which on nodes are never near.
const NEAR: f64 = 0.05;

/// f[w_i0, …, w_in] for all indices, `[w, …, w]` with order + 1 axes; the nodes
/// ascend.
pub(super) fn differences(formula: &Formula, nodes: &[f64], order: usize) -> Result<Tensor<f64>> {
    let n = nodes.len();
    let derivatives = |x: Vec<f64>, count: usize| -> Result<Vec<Vec<f64>>> {
        let length = x.len();
        let x = Variable::new(Tensor::from_vec(x, &[length])?);
        recorded(|| {
            let mut value = formula.apply(&[&x])?;
            let mut all = vec![value.values()?.to_vec()];
            for _ in 1..count {
                value = match value.is_recorded() {
                    true => gradients(&value.sum_all()?, &[&x])?.remove(0),
                    false => Variable::zeros(&[length], x.dtype())?,
                };
                all.push(value.values()?.to_vec());
            }
            Ok(all)
        })
    };
    let mut table = derivatives(nodes.to_vec(), 1)?.remove(0);
    let mut errors: Vec<f64> = table.iter().map(|f| f.abs() * f64::EPSILON).collect();
    let largest = nodes.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    for level in 1..=order {
        let tuples = ascending(n, level + 1);
        let spread = |tuple: &[usize]| nodes[tuple[level]] - nodes[tuple[0]];
        let near: Vec<&Axes> = (tuples.iter())
            .filter(|tuple| spread(tuple) <= NEAR * largest)
            .collect();
        let mean = |tuple: &Axes| {
            let first = nodes[tuple[0]];
            let offsets = tuple.iter().map(|&k| nodes[k] - first).sum::<f64>();
            first + offsets / tuple.len() as f64
        };
        let means: Vec<f64> = near.iter().map(|tuple| mean(tuple)).collect();
        let confluent = near.iter().all(|tuple| spread(tuple) == 0.0);
        let terms = if confluent { 1 } else { TERMS };
        let known = match means.is_empty() {
            true => Vec::new(),
            false => derivatives(means.clone(), level + terms)?,
        };
        let mut next = vec![0.0; n.pow(level as u32 + 1)];
        let mut next_errors = next.clone();
        let mut number = 0;
        for tuple in &tuples {
            let (low, high) = (place(n, &tuple[..level]), place(n, &tuple[1..]));
            let gap = spread(tuple);
            let mut best = (
                (table[high] - table[low]) / gap,
                (errors[high] + errors[low]) / gap,
            );
            if gap <= NEAR * largest {
                let offsets: Numbers = tuple.iter().map(|&k| nodes[k] - means[number]).collect();
                let (value, error) = expansion(&known, number, level, terms, &offsets);
                if error < best.1 || !best.0.is_finite() {
                    best = (value, error);
                }
                number += 1;
            }
            let at = place(n, tuple);
            (next[at], next_errors[at]) = best;
        }
        (table, errors) = (next, next_errors);
    }
    // Divided differences are symmetric: entries in order stand for all.
    Ok(Tensor::from_fn(&vec![n; order + 1], |at| {
        let mut sorted: Axes = at.into();
        sorted.sort_unstable();
        table[place(n, &sorted)]
    })?)
}

type Numbers = smallvec::SmallVec<[f64; 8]>;

/// The expansion about a mean, and its last term as its error.
fn expansion(
    derivatives: &[Vec<f64>],
    number: usize,
    level: usize,
    terms: usize,
    offsets: &[f64],
) -> (f64, f64) {
    let factorial = |k: usize| (1..=k).map(|k| k as f64).product::<f64>();
    let symmetric = homogeneous(offsets, terms);
    let term = |j: usize| derivatives[level + j][number] / factorial(level + j) * symmetric[j];
    let sum: f64 = (0..terms).rev().map(term).sum();
    let last = match terms {
        1 => 0.0,
        _ => term(terms - 1).abs().max(term(terms - 2).abs()),
    };
    (sum, last + f64::EPSILON * sum.abs())
}

/// h₀, h₁, … of some numbers.
fn homogeneous(numbers: &[f64], count: usize) -> Numbers {
    let mut h: Numbers = smallvec::smallvec![0.0; count];
    h[0] = 1.0;
    for &x in numbers {
        for j in 1..count {
            h[j] += x * h[j - 1];
        }
    }
    h
}

/// Row-major place of an index in an array with axes of length `n`.
fn place(n: usize, index: &[usize]) -> usize {
    index.iter().fold(0, |place, &k| place * n + k)
}

/// All tuples i₀ ≤ i₁ ≤ … of numbers below `n`.
fn ascending(n: usize, length: usize) -> Vec<Axes> {
    let mut tuples: Vec<Axes> = (0..n).map(|k| smallvec::smallvec![k]).collect();
    for _ in 1..length {
        let longer = |tuple: Axes| {
            let last = tuple[tuple.len() - 1];
            (last..n).map(move |k| {
                let mut tuple = tuple.clone();
                tuple.push(k);
                tuple
            })
        };
        tuples = tuples.into_iter().flat_map(longer).collect();
    }
    tuples
}
