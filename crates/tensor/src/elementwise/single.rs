//! Elementary functions of `f32`, branch-free so that loops over them vectorise.
//!
//! Accuracy: below one unit in the last place for [`exp`], [`log`], [`sin`] and
//! [`cos`], below two for [`tanh`], two and a half for [`sigmoid`]; special values as C's
//! `libm`. Sources as for `f64`; [`sin`] and [`cos`] work in `f64`, where the
//! reduction needs no care up to [`TRIGONOMETRIC_LIMIT`].
// Constants keep the digits they were published with.
#![allow(clippy::excessive_precision)]

const ROUNDER: f32 = 12582912.0; // 1.5 · 2^23
const WIDE_ROUNDER: f64 = 6755399441055744.0; // 1.5 · 2^52

/// Largest argument the vector reduction of [`sin`] and [`cos`] is exact for.
pub(crate) const TRIGONOMETRIC_LIMIT: f32 = 1.0e8;

#[inline(always)]
fn fma<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
fn polynomial<const FUSED: bool, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = coefficients[N - 1];
    for k in (0..N - 1).rev() {
        sum = fma::<FUSED>(sum, x, coefficients[k]);
    }
    sum
}

/// eˣ.
#[inline(always)]
pub(crate) fn exp<const FUSED: bool>(x: f32) -> f32 {
    const FIT: [f32; 6] = [
        0.5,
        0.166_666_67,
        0.041_666_465,
        0.008_333_311,
        0.001_393_364_3,
        0.000_198_909_83,
    ];
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -105.0 { -105.0 } else { x };
    let rounded = fma::<FUSED>(x, std::f32::consts::LOG2_E, ROUNDER);
    let n = rounded - ROUNDER;
    let r = fma::<FUSED>(n, -LN2_HIGH, x);
    let r = fma::<FUSED>(n, -LN2_LOW, r);
    let p = 1.0 + fma::<FUSED>(r * r, polynomial::<FUSED, 6>(r, FIT), r);
    let biased = (rounded.to_bits().wrapping_sub(ROUNDER.to_bits())).wrapping_add(256);
    let half = biased >> 1;
    let power = |e: u32| f32::from_bits(e.wrapping_sub(1) << 23);
    p * power(half) * power(biased.wrapping_sub(half))
}

/// Natural logarithm.
#[inline(always)]
pub(crate) fn log<const FUSED: bool>(x: f32) -> f32 {
    const LG: [f32; 4] = [0.666_666_6, 0.400_009_72, 0.284_987_87, 0.242_790_79];
    const LN2_HIGH: f32 = 6.931_381e-1;
    const LN2_LOW: f32 = 9.058_001e-6;
    let small = x < f32::MIN_POSITIVE;
    let scaled = if small { x * 33554432.0 } else { x };
    const OFFSET: u32 = 0x3f80_0000 - 0x3f35_04f3;
    let bits = scaled.to_bits().wrapping_add(OFFSET);
    let exponent = (bits >> 23).wrapping_sub(127);
    let fraction = f32::from_bits((bits & 0x007f_ffff) + 0x3f35_04f3);
    let k = f32::from_bits(ROUNDER.to_bits().wrapping_add(exponent)) - ROUNDER;
    let k = if small { k - 25.0 } else { k };
    let f = fraction - 1.0;
    let half_square = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w * fma::<FUSED>(w, LG[3], LG[1]);
    let odd = z * fma::<FUSED>(w, LG[2], LG[0]);
    let low = fma::<FUSED>(k, LN2_LOW, s * (half_square + (even + odd)));
    let result = low - half_square + f + k * LN2_HIGH;
    let result = if x < f32::INFINITY { result } else { x };
    let result = if x < 0.0 { f32::NAN } else { result };
    if x == 0.0 { f32::NEG_INFINITY } else { result }
}

/// Hyperbolic tangent.
#[inline(always)]
pub(crate) fn tanh<const FUSED: bool>(x: f32) -> f32 {
    const P: [f32; 5] = [
        -3.333_328_2e-1,
        1.333_144_2e-1,
        -5.373_971_6e-2,
        2.063_908_9e-2,
        -5.704_988_7e-3,
    ];
    let z = x.abs();
    let s = z * z;
    let small = fma::<FUSED>(z * s, polynomial::<FUSED, 5>(s, P), z);
    let large = 1.0 - 2.0 / (exp::<FUSED>(2.0 * z) + 1.0);
    (if z < 0.625 { small } else { large }).copysign(x)
}

/// 1 / (1 + e⁻ˣ).
#[inline(always)]
pub(crate) fn sigmoid<const FUSED: bool>(x: f32) -> f32 {
    let e = exp::<FUSED>(-x.abs());
    let numerator = if x < 0.0 { e } else { 1.0 };
    numerator / (1.0 + e)
}

/// Sine, for arguments up to [`TRIGONOMETRIC_LIMIT`].
#[inline(always)]
pub(crate) fn sin<const FUSED: bool>(x: f32) -> f32 {
    let (quadrant, r) = reduce(x);
    let result = quarter::<FUSED>(quadrant, r);
    // Also keeps the sign of zero.
    if x.abs() < 1.220_703_1e-4 { x } else { result }
}

/// Cosine, for arguments up to [`TRIGONOMETRIC_LIMIT`].
#[inline(always)]
pub(crate) fn cos<const FUSED: bool>(x: f32) -> f32 {
    let (quadrant, r) = reduce(x);
    quarter::<FUSED>(quadrant.wrapping_add(1), r)
}

/// `x` = quadrant·π/2 + the second result, in `f64`.
#[inline(always)]
fn reduce(x: f32) -> (u64, f64) {
    // 25 bits of π/2, so that products with 28 bits are exact, and the rest.
    const PARTS: [f64; 2] = [1.570_796_310_901_641_8, 1.589_325_477_352_819_7e-8];
    let x = f64::from(x);
    let rounded = x * std::f64::consts::FRAC_2_PI + WIDE_ROUNDER;
    let n = rounded - WIDE_ROUNDER;
    (rounded.to_bits(), (x - n * PARTS[0]) - n * PARTS[1])
}

/// sin(quadrant·π/2 + x), rounded once.
#[inline(always)]
fn quarter<const FUSED: bool>(quadrant: u64, x: f64) -> f32 {
    use super::double::fma;
    const S: [f64; 4] = [
        -0.166_666_666_416_265_24,
        0.008_333_329_385_889_463,
        -0.000_198_393_348_360_966_32,
        0.000_002_718_311_493_989_822,
    ];
    const C: [f64; 4] = [
        -0.499_999_997_251_031,
        0.041_666_623_323_739_06,
        -0.001_388_676_377_460_993,
        0.000_024_390_448_796_277_41,
    ];
    let z = x * x;
    let cubic = fma::<FUSED>(fma::<FUSED>(fma::<FUSED>(S[3], z, S[2]), z, S[1]), z, S[0]);
    let sine = fma::<FUSED>(x * z, cubic, x);
    let quartic = fma::<FUSED>(fma::<FUSED>(fma::<FUSED>(C[3], z, C[2]), z, C[1]), z, C[0]);
    let cosine = fma::<FUSED>(z, quartic, 1.0);
    let value = if quadrant & 1 == 0 { sine } else { cosine };
    f64::from_bits(value.to_bits() ^ ((quadrant & 2) << 62)) as f32
}
