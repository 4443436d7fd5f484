//! Accuracy of the elementary functions, on every instruction set, against
//! sums and series in double-double arithmetic (about 31 digits).

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::level::Level;
use super::micro;
use super::{Unary, expr};
use crate::{DType, SplitMix64};

/// An unevaluated sum of two `f64` (Dekker 1971).
#[derive(Clone, Copy, Debug)]
struct Dd(f64, f64);

fn two_sum(a: f64, b: f64) -> Dd {
    let sum = a + b;
    let part = sum - a;
    Dd(sum, (a - (sum - part)) + (b - part))
}

fn two_product(a: f64, b: f64) -> Dd {
    let product = a * b;
    Dd(product, a.mul_add(b, -product))
}

impl From<f64> for Dd {
    fn from(x: f64) -> Self {
        Dd(x, 0.0)
    }
}

impl Add for Dd {
    type Output = Dd;
    fn add(self, other: Dd) -> Dd {
        let (high, low) = (two_sum(self.0, other.0), two_sum(self.1, other.1));
        let sum = two_sum(high.0, high.1 + low.0);
        two_sum(sum.0, sum.1 + low.1)
    }
}

impl Neg for Dd {
    type Output = Dd;
    fn neg(self) -> Dd {
        Dd(-self.0, -self.1)
    }
}

impl Sub for Dd {
    type Output = Dd;
    fn sub(self, other: Dd) -> Dd {
        self + -other
    }
}

impl Mul for Dd {
    type Output = Dd;
    fn mul(self, other: Dd) -> Dd {
        let product = two_product(self.0, other.0);
        two_sum(product.0, product.1 + self.0 * other.1 + self.1 * other.0)
    }
}

impl Div for Dd {
    type Output = Dd;
    fn div(self, other: Dd) -> Dd {
        let first = self.0 / other.0;
        let rest = self - other * first.into();
        let second = rest.0 / other.0;
        let rest = rest - other * second.into();
        two_sum(first, second) + (rest.0 / other.0).into()
    }
}

const LN2: Dd = Dd(std::f64::consts::LN_2, 2.319_046_813_846_299_6e-17);

/// A value times a power of two.
#[derive(Clone, Copy, Debug)]
struct Scaled(Dd, i32);

impl Scaled {
    fn plain(value: Dd) -> Self {
        Self(value, 0)
    }
}

fn ldexp(x: f64, mut e: i32) -> f64 {
    let mut x = x;
    while e != 0 {
        let step = e.clamp(-500, 500);
        x *= 2f64.powi(step);
        e -= step;
    }
    x
}

/// eˣ − 1 for |x| up to about one.
fn expm1(x: Dd) -> Dd {
    let r = x * (1.0 / 512.0).into();
    let mut sum = Dd(0.0, 0.0);
    for k in (1..=11).rev() {
        sum = (sum + 1.0.into()) * r / f64::from(k).into();
    }
    for _ in 0..9 {
        sum = sum * sum + sum + sum;
    }
    sum
}

fn exp(x: f64) -> Scaled {
    let k = (x * std::f64::consts::LOG2_E).round();
    let r = Dd::from(x) - LN2 * k.into();
    Scaled(expm1(r) + 1.0.into(), k as i32)
}

fn log(x: f64) -> Scaled {
    // x = m·2^k with m around one, so that neither term is lost.
    let mut k = 0;
    let mut m = x;
    while m > std::f64::consts::SQRT_2 {
        let step = if m > 1e60 { 180 } else { 1 };
        m = ldexp(m, -step);
        k += step;
    }
    while m < std::f64::consts::FRAC_1_SQRT_2 {
        let step = if m < 1e-60 { 180 } else { 1 };
        m = ldexp(m, step);
        k -= step;
    }
    let guess = m.ln();
    let z = two_sum(m, -1.0) + expm1((-guess).into()) * m.into();
    let ln = Dd::from(guess) + z - z * z * 0.5.into();
    Scaled::plain(ln + LN2 * f64::from(k).into())
}

fn tanh(x: f64) -> Scaled {
    if x.abs() > 20.0 {
        return Scaled::plain(two_sum(
            x.signum(),
            -2.0 * x.signum() * (-2.0 * x.abs()).exp(),
        ));
    }
    let e = if x.abs() < 0.4 {
        expm1((2.0 * x).into())
    } else {
        let Scaled(value, k) = exp(2.0 * x);
        Dd(ldexp(value.0, k), ldexp(value.1, k)) - 1.0.into()
    };
    Scaled::plain(e / (e + 2.0.into()))
}

fn sigmoid(x: f64) -> Scaled {
    let Scaled(value, k) = exp(-x.abs());
    let e = Dd(ldexp(value.0, k.max(-900)), ldexp(value.1, k.max(-900)));
    if x >= 0.0 {
        return Scaled::plain(Dd::from(1.0) / (e + 1.0.into()));
    }
    Scaled(value / (e + 1.0.into()), k)
}

/// sin(x + quarters·π/2) by its series.
fn sine(x: f64, quarters: i64) -> Scaled {
    const HALF_PI: [f64; 4] = [
        std::f64::consts::FRAC_PI_2,
        6.123_233_995_736_766e-17,
        -1.497_384_904_859_183e-33,
        4.320_574_262_296_449e-50,
    ];
    let n = (x * std::f64::consts::FRAC_2_PI).round();
    let mut r = Dd::from(x);
    let mut low = Dd(0.0, 0.0);
    for part in HALF_PI {
        let product = two_product(n, part);
        r = r - product.0.into();
        low = low - product.1.into();
    }
    let r = r + low;
    let quadrant = (n as i64 + quarters).rem_euclid(4);
    let (mut term, first) = if quadrant % 2 == 0 {
        (r, 1)
    } else {
        (1.0.into(), 0)
    };
    let mut sum = term;
    for k in (first..60).step_by(2) {
        term = -(term * r * r) / f64::from((k + 1) * (k + 2)).into();
        sum = sum + term;
    }
    Scaled::plain(if quadrant >= 2 { -sum } else { sum })
}

/// Distance of `value` from `exact` in units of the last place of the latter.
fn ulps(value: f64, exact: Scaled) -> f64 {
    let Scaled(exact, k) = exact;
    let nearest = ldexp(exact.0, k);
    if nearest.is_infinite() || value.is_infinite() {
        // One past the largest number is as good as infinity.
        return if value == nearest || value.abs() == f64::MAX {
            0.0
        } else {
            f64::INFINITY
        };
    }
    let unit = (nearest.abs().next_up() - nearest.abs()).max(f64::from_bits(1));
    let difference = (Dd::from(ldexp(value, -k)) - exact).0;
    (difference / ldexp(unit, -k)).abs()
}

fn evaluate<T: Copy + Default>(level: Level, op: expr::Unary, dtype: DType, x: &[T]) -> Vec<T> {
    let (micro, _) = micro::unary(op, dtype).unwrap();
    let mut result = vec![T::default(); x.len()];
    let operands = [x.as_ptr().cast(), std::ptr::null(), std::ptr::null()];
    // SAFETY: one operand and a result of the same length and type.
    unsafe { micro(level, operands, result.as_mut_ptr().cast(), x.len()) };
    result
}

fn worst(op: Unary, exact: impl Fn(f64) -> Scaled, points: &[f64]) -> f64 {
    let exact: Vec<Scaled> = points.iter().map(|&x| exact(x)).collect();
    let mut worst = 0.0f64;
    for level in Level::available() {
        let values = evaluate(level, op, DType::F64, points);
        for ((&x, &value), &exact) in points.iter().zip(&values).zip(&exact) {
            let error = ulps(value, exact);
            assert!(
                error < 4.0,
                "{op:?}({x:e}) = {value:e} on {level:?}: {error} ulp"
            );
            worst = worst.max(error);
        }
    }
    worst
}

/// Uniform points, and points of uniform exponent and either sign.
fn points(seed: u64, bound: f64, smallest: f64) -> Vec<f64> {
    let mut rng = SplitMix64::new(seed);
    let mut points = Vec::new();
    for _ in 0..40_000 {
        points.push(bound * (2.0 * rng.uniform() - 1.0));
        let sign = if rng.uniform() < 0.5 { -1.0 } else { 1.0 };
        points.push(sign * smallest * (bound / smallest).powf(rng.uniform()));
    }
    points
}

#[test]
fn exp_is_below_one_ulp() {
    assert!(worst(Unary::Exp, exp, &points(1, 745.0, 1e-300)) < 1.0);
    assert!(worst(Unary::Exp, exp, &points(2, 1.0, 1e-20)) < 1.0);
}

#[test]
fn log_is_below_one_ulp() {
    let mut points: Vec<f64> = points(3, 2.0, 1e-15).iter().map(|x| x.abs()).collect();
    points.extend(points.clone().iter().map(|x| 1.0 + x * 1e-3));
    points.extend(points.clone().iter().map(|x| 1.0 - x * 0.4));
    let mut rng = SplitMix64::new(4);
    // Bit patterns of all positive numbers, subnormal ones included.
    points.extend((0..40_000).map(|_| f64::from_bits(rng.below(0x7ff0 << 48))));
    points.extend((0..2_000).map(|k| f64::from_bits(1 + rng.below(2 << (k % 51)))));
    points.retain(|&x| x > 0.0);
    assert!(worst(Unary::Log, log, &points) < 1.0);
}

#[test]
fn tanh_is_below_two_ulp_and_sigmoid_below_two_and_a_half() {
    assert!(worst(Unary::Tanh, tanh, &points(5, 1.5, 1e-300)) < 2.0);
    assert!(worst(Unary::Tanh, tanh, &points(6, 40.0, 1e-3)) < 2.0);
    assert!(worst(Unary::Sigmoid, sigmoid, &points(7, 745.0, 1e-10)) < 2.5);
    assert!(worst(Unary::Sigmoid, sigmoid, &points(8, 5.0, 1e-10)) < 2.5);
}

#[test]
fn sin_and_cos_are_below_one_ulp() {
    let mut points = [points(9, 10.0, 1e-300), points(10, 1.0e6, 1e-3)].concat();
    // Next to multiples of π/2, where nearly everything cancels.
    for n in 1..20_000 {
        let near = f64::from(n) * std::f64::consts::FRAC_PI_2;
        points.extend([near, near.next_up(), near.next_down()]);
    }
    // Beyond the vector reduction.
    points.extend((0..300).map(|k| 1.0e6 * 1.1f64.powi(k % 60)));
    points.retain(|x| x.abs() < 1e9);
    assert!(worst(Unary::Sin, |x| sine(x, 0), &points) < 1.0);
    assert!(worst(Unary::Cos, |x| sine(x, 1), &points) < 1.0);
}

#[test]
fn single_precision_is_within_its_bounds() {
    type Exact = fn(f64) -> f64;
    let functions: [(Unary, Exact, f64); 6] = [
        (Unary::Exp, f64::exp, 1.0),
        (Unary::Log, f64::ln, 1.0),
        (Unary::Tanh, f64::tanh, 2.0),
        (
            Unary::Sigmoid,
            |x| {
                if x < 0.0 {
                    x.exp() / (1.0 + x.exp())
                } else {
                    1.0 / (1.0 + (-x).exp())
                }
            },
            2.5,
        ),
        (Unary::Sin, f64::sin, 1.0),
        (Unary::Cos, f64::cos, 1.0),
    ];
    // Every 2039th bit pattern, both signs, subnormal numbers to infinity.
    let points: Vec<f32> = (0..u32::MAX / 2039)
        .map(|k| f32::from_bits(2039 * k))
        .collect();
    for (op, exact, bound) in functions {
        for level in Level::available() {
            let values = evaluate(level, op, DType::F32, &points);
            for (&x, &value) in points.iter().zip(&values) {
                let exact = exact(f64::from(x));
                let nearest = exact as f32;
                if nearest.is_nan() || nearest.is_infinite() {
                    let same =
                        value.to_bits() == nearest.to_bits() || value.is_nan() && nearest.is_nan();
                    assert!(
                        same || value == f32::MAX,
                        "{op:?}({x:e}) = {value:e} on {level:?}"
                    );
                    continue;
                }
                let unit = f64::from(nearest.abs().next_up()) - f64::from(nearest.abs());
                let error = (f64::from(value) - exact).abs() / unit;
                assert!(
                    error < bound,
                    "{op:?}({x:e}) = {value:e} on {level:?}: {error} ulp"
                );
            }
        }
    }
}

#[test]
fn special_values_are_as_in_libm() {
    let infinity = f64::INFINITY;
    for level in Level::available() {
        let of = |op, x: f64| evaluate(level, op, DType::F64, &[x])[0];
        for op in [
            Unary::Exp,
            Unary::Log,
            Unary::Tanh,
            Unary::Sin,
            Unary::Cos,
            Unary::Sigmoid,
        ] {
            assert!(of(op, f64::NAN).is_nan(), "{op:?}");
        }
        assert_eq!(of(Unary::Exp, infinity), infinity);
        assert_eq!(of(Unary::Exp, -infinity), 0.0);
        assert_eq!(of(Unary::Exp, 710.0), infinity);
        assert_eq!(of(Unary::Exp, -746.0), 0.0);
        assert_eq!(of(Unary::Exp, 0.0), 1.0);
        assert_eq!(of(Unary::Log, 0.0), -infinity);
        assert_eq!(of(Unary::Log, -0.0), -infinity);
        assert_eq!(of(Unary::Log, infinity), infinity);
        assert!(of(Unary::Log, -1.0).is_nan());
        assert!(of(Unary::Log, -infinity).is_nan());
        assert_eq!(of(Unary::Log, 1.0), 0.0);
        assert_eq!(of(Unary::Tanh, infinity), 1.0);
        assert_eq!(of(Unary::Tanh, -infinity), -1.0);
        assert_eq!(of(Unary::Sigmoid, infinity), 1.0);
        assert_eq!(of(Unary::Sigmoid, -infinity), 0.0);
        assert!(of(Unary::Sin, infinity).is_nan());
        assert!(of(Unary::Cos, -infinity).is_nan());
        assert_eq!(of(Unary::Sin, 1e22), -0.8522008497671888);
        for op in [Unary::Tanh, Unary::Sin] {
            assert!(
                of(op, -0.0) == 0.0 && of(op, -0.0).is_sign_negative(),
                "{op:?}"
            );
            assert_eq!(of(op, 5e-324), 5e-324, "{op:?}");
        }
    }
}
