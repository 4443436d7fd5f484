//! The p-norms of vectors and their duality maps, 1 ≤ p ≤ ∞.

use crate::Float;
use crate::float::sign;

/// The exponent dual to `p`.
pub(super) fn conjugate(p: f64) -> f64 {
    if p == 1.0 {
        f64::INFINITY
    } else if p.is_infinite() {
        1.0
    } else {
        p / (p - 1.0)
    }
}

fn largest<T: Float>(x: impl Iterator<Item = T>) -> f64 {
    x.map(|x| x.to_f64().abs()).fold(0.0, f64::max)
}

/// `‖x‖_p`, safe against overflow.
pub(super) fn p_norm<T: Float>(x: impl Iterator<Item = T> + Clone, p: f64) -> f64 {
    let most = largest(x.clone());
    if p.is_infinite() || most == 0.0 {
        return most;
    }
    let sum: f64 = x.map(|x| (x.to_f64().abs() / most).powf(p)).sum();
    most * sum.powf(1.0 / p)
}

/// The `t` with `‖t‖_p = 1` and the largest `⟨x, t⟩`, which is `‖x‖` of the dual
/// exponent; zero for zero.
pub(super) fn p_dual<T: Float>(x: impl Iterator<Item = T> + Clone, p: f64) -> Vec<T> {
    let most = largest(x.clone());
    if most == 0.0 {
        return x.map(|_| T::ZERO).collect();
    }
    if p == 1.0 {
        // All on the first of the largest entries.
        let mut free = true;
        return x
            .map(|x| {
                let here = free && x.to_f64().abs() == most;
                free &= !here;
                if here { sign(x) } else { T::ZERO }
            })
            .collect();
    }
    if p.is_infinite() {
        return x.map(sign).collect();
    }
    let q = conjugate(p);
    let relative = x.clone().map(|x| x.to_f64().abs() / most);
    let length = relative
        .clone()
        .map(|x| x.powf(q))
        .sum::<f64>()
        .powf(1.0 / q);
    x.zip(relative)
        .map(|(x, size)| sign(x) * T::of((size / length).powf(q - 1.0)))
        .collect()
}
