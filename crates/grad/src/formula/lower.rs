//! Formulas as the expressions of the elementwise kernel.

use tensegrity_tensor::Expr;

use super::Step;

/// Largest power that is computed by products.
const PRODUCTS: f64 = 64.0;

pub(super) fn expression(steps: &[Step], root: usize) -> Expr {
    let mut done: Vec<Expr> = Vec::with_capacity(root + 1);
    for &step in &steps[..=root] {
        let operand = |a: usize| done[a].clone();
        let expr = match step {
            Step::Input(number) => Expr::input(number),
            Step::Constant(re, im) => {
                Expr::complex_constant(f64::from_bits(re), f64::from_bits(im))
            }
            Step::Unary(op, a) => operand(a).unary(op),
            Step::Binary(op, a, b) => operand(a).binary(op, operand(b)),
            Step::Select(a, b, c) => operand(a).select(operand(b), operand(c)),
            Step::Softplus(a) => softplus(operand(a)),
            Step::Power(p, a) => power(operand(a), f64::from_bits(p)),
        };
        done.push(expr);
    }
    done.swap_remove(root)
}

/// max(x, 0) + log(1 + e^−|x|). The logarithm of 1 + u is corrected by
/// u/((1 + u) − 1), which undoes the rounding of 1 + u (Kahan; Higham,
/// "Accuracy and Stability of Numerical Algorithms", §1.14.1).
fn softplus(x: Expr) -> Expr {
    let u = (-x.clone().abs()).exp();
    let sum = Expr::constant(1.0) + u.clone();
    let rounded = sum.clone() - Expr::constant(1.0);
    let log = rounded.clone().select(sum.log() * (u.clone() / rounded), u);
    x.relu() + log
}

fn power(x: Expr, p: f64) -> Expr {
    if p.abs() > PRODUCTS || (2.0 * p).fract() != 0.0 {
        return (Expr::constant(p) * x.log()).exp();
    }
    let whole = p.abs().trunc() as u32;
    let mut product = (p.fract() != 0.0).then(|| x.clone().sqrt());
    let mut square = x;
    let mut left = whole;
    while left > 0 {
        if left & 1 == 1 {
            product = Some(match product {
                Some(product) => product * square.clone(),
                None => square.clone(),
            });
        }
        left >>= 1;
        if left > 0 {
            square = square.clone() * square;
        }
    }
    let product = product.unwrap_or_else(|| Expr::constant(1.0));
    match p < 0.0 {
        true => Expr::constant(1.0) / product,
        false => product,
    }
}
