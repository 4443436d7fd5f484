//! Elementary functions of `f64`, branch-free so that loops over them vectorise.
//!
//! Accuracy: below one unit in the last place for [`exp`], [`log`], [`sin`] and
//! [`cos`], below two for [`tanh`], two and a half for [`sigmoid`], over all finite arguments
//! ([`sin`] and [`cos`]: up to [`TRIGONOMETRIC_LIMIT`]); infinities, NaN,
//! subnormal arguments and results and signed zeros as C's `libm`. Exceptions
//! and rounding modes are not modelled. With and without fused multiply-add
//! the last bit may differ.
//!
//! Reductions and kernels of `log`, `sin` and `cos` follow FreeBSD's msun
//! (Sun Microsystems 1993), `tanh` Moshier's Cephes; the polynomial of `exp`
//! is a Chebyshev fit of (eʳ − 1 − r)/r² with error 2⁻⁶².
// Constants keep the digits they were published with.
#![allow(clippy::excessive_precision)]

/// Adding and subtracting this rounds to an integer, which is then in the low
/// bits of the sum.
const ROUNDER: f64 = 6755399441055744.0; // 1.5 · 2^52

const LN2_HIGH: f64 = 6.931_471_803_691_238_2e-1;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Largest argument the vector reduction of [`sin`] and [`cos`] is exact for.
pub(crate) const TRIGONOMETRIC_LIMIT: f64 = 1.0e6;

#[inline(always)]
pub(crate) fn fma<const FUSED: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
fn polynomial<const FUSED: bool, const N: usize>(x: f64, coefficients: [f64; N]) -> f64 {
    let mut sum = coefficients[N - 1];
    for k in (0..N - 1).rev() {
        sum = fma::<FUSED>(sum, x, coefficients[k]);
    }
    sum
}

/// eˣ.
#[inline(always)]
pub(crate) fn exp<const FUSED: bool>(x: f64) -> f64 {
    const FIT: [f64; 11] = [
        0.5,
        0.166_666_666_666_666_7,
        0.041_666_666_666_666_67,
        0.008_333_333_333_326_14,
        0.001_388_888_888_888_375_2,
        0.000_198_412_698_748_042_14,
        2.480_158_732_553_603_2e-5,
        2.755_725_542_102_350_6e-6,
        2.755_727_365_797_595_3e-7,
        2.510_520_833_998_769_8e-8,
        2.091_468_078_054_026_e-9,
    ];
    // Beyond, the result is infinite or zero anyway; NaN passes both tests.
    let x = if x > 710.0 { 710.0 } else { x };
    let x = if x < -746.0 { -746.0 } else { x };
    let rounded = fma::<FUSED>(x, std::f64::consts::LOG2_E, ROUNDER);
    let n = rounded - ROUNDER;
    let r = fma::<FUSED>(n, -LN2_HIGH, x);
    let r = fma::<FUSED>(n, -LN2_LOW, r);
    let p = 1.0 + fma::<FUSED>(r * r, polynomial::<FUSED, 11>(r, FIT), r);
    // 2^n in two factors, each a normal number; the second product rounds.
    let biased = (rounded.to_bits().wrapping_sub(ROUNDER.to_bits())).wrapping_add(2048);
    let half = biased >> 1;
    let power = |e: u64| f64::from_bits(e.wrapping_sub(1) << 52);
    p * power(half) * power(biased.wrapping_sub(half))
}

/// Natural logarithm.
#[inline(always)]
pub(crate) fn log<const FUSED: bool>(x: f64) -> f64 {
    const LG: [f64; 7] = [
        6.666_666_666_666_735_1e-1,
        3.999_999_999_940_941_9e-1,
        2.857_142_874_366_239_1e-1,
        2.222_219_843_214_978_4e-1,
        1.818_357_216_161_805e-1,
        1.531_383_769_920_937_3e-1,
        1.479_819_860_511_658_6e-1,
    ];
    // Subnormal numbers are made normal.
    let small = x < f64::MIN_POSITIVE;
    let scaled = if small { x * 18014398509481984.0 } else { x };
    // Split at √½, so that the fraction lies around one.
    const OFFSET: u64 = 0x3ff0_0000_0000_0000 - 0x3fe6_a09e_0000_0000;
    let bits = scaled.to_bits().wrapping_add(OFFSET);
    let exponent = (bits >> 52).wrapping_sub(1023);
    let fraction = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) + 0x3fe6_a09e_0000_0000);
    let k = f64::from_bits(ROUNDER.to_bits().wrapping_add(exponent)) - ROUNDER;
    let k = if small { k - 54.0 } else { k };
    let f = fraction - 1.0;
    let half_square = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w * polynomial::<FUSED, 3>(w, [LG[1], LG[3], LG[5]]);
    let odd = z * polynomial::<FUSED, 4>(w, [LG[0], LG[2], LG[4], LG[6]]);
    let low = fma::<FUSED>(k, LN2_LOW, s * (half_square + (even + odd)));
    let result = low - half_square + f + k * LN2_HIGH;
    let result = if x < f64::INFINITY { result } else { x };
    let result = if x < 0.0 { f64::NAN } else { result };
    if x == 0.0 { f64::NEG_INFINITY } else { result }
}

/// Hyperbolic tangent.
#[inline(always)]
pub(crate) fn tanh<const FUSED: bool>(x: f64) -> f64 {
    const P: [f64; 3] = [
        -1.614_687_684_417_084_5e3,
        -9.928_772_310_019_185e1,
        -9.643_991_794_250_523e-1,
    ];
    const Q: [f64; 4] = [
        4.844_063_053_251_255e3,
        2.235_488_390_601_004_5e3,
        1.128_116_784_916_329_3e2,
        1.0,
    ];
    let z = x.abs();
    let s = z * z;
    let ratio = polynomial::<FUSED, 3>(s, P) / polynomial::<FUSED, 4>(s, Q);
    let small = fma::<FUSED>(z * s, ratio, z);
    let large = 1.0 - 2.0 / (exp::<FUSED>(2.0 * z) + 1.0);
    (if z < 0.625 { small } else { large }).copysign(x)
}

/// 1 / (1 + e⁻ˣ).
#[inline(always)]
pub(crate) fn sigmoid<const FUSED: bool>(x: f64) -> f64 {
    // With e^−|x| neither tail loses its digits.
    let e = exp::<FUSED>(-x.abs());
    let numerator = if x < 0.0 { e } else { 1.0 };
    numerator / (1.0 + e)
}

/// Sine, for arguments up to [`TRIGONOMETRIC_LIMIT`].
#[inline(always)]
pub(crate) fn sin<const FUSED: bool>(x: f64) -> f64 {
    let (quadrant, high, low) = reduce(x);
    let result = quarter::<FUSED>(quadrant, high, low);
    // Also keeps the sign of zero.
    if x.abs() < 7.450_580_596_923_828e-9 {
        x
    } else {
        result
    }
}

/// Cosine, for arguments up to [`TRIGONOMETRIC_LIMIT`].
#[inline(always)]
pub(crate) fn cos<const FUSED: bool>(x: f64) -> f64 {
    let (quadrant, high, low) = reduce(x);
    quarter::<FUSED>(quadrant.wrapping_add(1), high, low)
}

/// `x` = quadrant·π/2 + high + low with |high| ≤ π/4 or so.
///
/// π/2 in three parts of 33 bits: products with the quadrant are exact without
/// fused operations, and what the differences round off is kept.
#[inline(always)]
fn reduce(x: f64) -> (u64, f64, f64) {
    const PARTS: [f64; 3] = [
        1.570_796_326_734_125_6,
        6.077_100_506_303_966e-11,
        2.022_266_248_711_166_5e-21,
    ];
    const REST: f64 = 8.478_427_660_368_899_6e-32;
    let rounded = x * std::f64::consts::FRAC_2_PI + ROUNDER;
    let n = rounded - ROUNDER;
    let first = x - n * PARTS[0];
    let (second, lost) = difference(first, n * PARTS[1]);
    let (third, lost_again) = difference(second, n * PARTS[2]);
    let low = lost + (lost_again - n * REST);
    let high = third + low;
    (rounded.to_bits(), high, (third - high) + low)
}

/// a − b and what its rounding loses (Knuth's two-sum).
#[inline(always)]
fn difference(a: f64, b: f64) -> (f64, f64) {
    let sum = a - b;
    let part = sum - a;
    (sum, (a - (sum - part)) - (b + part))
}

/// sin(quadrant·π/2 + x + y).
#[inline(always)]
fn quarter<const FUSED: bool>(quadrant: u64, x: f64, y: f64) -> f64 {
    const S: [f64; 6] = [
        -1.666_666_666_666_663_2e-1,
        8.333_333_333_322_49e-3,
        -1.984_126_982_985_795e-4,
        2.755_731_370_707_007e-6,
        -2.505_076_025_340_686_3e-8,
        1.589_690_995_211_550_1e-10,
    ];
    const C: [f64; 6] = [
        4.166_666_666_666_66e-2,
        -1.388_888_888_887_411e-3,
        2.480_158_728_947_673e-5,
        -2.755_731_435_139_066_3e-7,
        2.087_572_321_298_174_8e-9,
        -1.135_964_755_778_819_5e-11,
    ];
    let z = x * x;
    let v = z * x;
    let r = polynomial::<FUSED, 5>(z, [S[1], S[2], S[3], S[4], S[5]]);
    let sine = x - ((z * (0.5 * y - v * r) - y) - v * S[0]);
    let r = z * polynomial::<FUSED, 6>(z, C);
    let half_square = 0.5 * z;
    let w = 1.0 - half_square;
    let cosine = w + (((1.0 - w) - half_square) + (z * r - x * y));
    let value = if quadrant & 1 == 0 { sine } else { cosine };
    f64::from_bits(value.to_bits() ^ ((quadrant & 2) << 62))
}
