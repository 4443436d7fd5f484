//! The exponential of a matrix, and of a map times a vector.

use tensegrity_tensor::{Element, Tensor, View};

use super::arnoldi::Arnoldi;
use super::vectors::{add, check_finite, norm, real, scale, unit};
use super::{Map, Stop};
use crate::kernel::Kernel;
use crate::operand::{Operand, Target};
use crate::product::product;
use crate::{Error, Field, Result, solve};

/// What multiplying with an exponential gave.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpTimes<T> {
    /// exp(t·A)·v.
    pub x: Vec<T>,
    /// Applications of the map.
    pub steps: usize,
    /// Estimated error, relative to the norm of `x`.
    pub error: f64,
}

/// The exponential of a square matrix by scaling, squaring and the [13/13] Padé
/// approximant (Higham, SIAM J. Matrix Anal. Appl. 26 (2005) 1179); lower orders
/// where the norm allows them.
///
/// Cost: about 6 to 8 products and a solution, and one product for every
/// doubling of the norm beyond 5.4.
///
/// # Errors
/// [`Error::WrongAxes`], [`Error::NotSquare`], [`Error::NonFinite`].
pub fn expm<T: Field>(a: &View<'_, T>) -> Result<Tensor<T>> {
    T::expm(Operand::new("expm", "a", a)?)
}

/// exp(t·A)·v for a map, without forming the exponential (Krylov spaces with
/// adaptive steps; Sidje, ACM Trans. Math. Softw. 24 (1998) 130).
///
/// `stop.tolerance` bounds the estimated error relative to the norm of the
/// result, `space` is the dimension of a Krylov space (30 is usual). `t` may be
/// complex for complex types: with −i·t and a Hermitian map the norm is kept to
/// rounding.
///
/// Cost of a step: `space` applications of the map, 2·space²·n multiply-adds and
/// an exponential of that side.
///
/// # Errors
/// [`Error::NonFinite`], [`Error::BadMap`], [`Error::BadOption`] for a space of
/// zero; [`Error::NotConverged`] if `max_steps` applications do not reach `t`.
pub fn expm_times<T: Field>(
    map: &mut Map<'_, T>,
    v: &[T],
    t: T,
    space: usize,
    stop: &Stop,
) -> Result<ExpTimes<T>> {
    T::expm_times(map, v, t, space, stop)
}

/// Norms up to which the approximants of orders 3, 5, 7, 9 and 13 are exact to
/// double rounding (Higham 2005, table 2.3).
const BOUNDS: [(usize, f64); 5] = [
    (3, 1.495_585_217_958_292e-2),
    (5, 2.539_398_330_063_23e-1),
    (7, 9.504_178_996_162_932e-1),
    (9, 2.097_847_961_257_068),
    (13, 5.371_920_351_148_152),
];

pub(crate) fn dense_exponential<T: Kernel>(a: Operand<'_, T>) -> Result<Tensor<T>> {
    const WHAT: &str = "expm";
    if a.rows != a.columns {
        return Err(Error::NotSquare {
            what: WHAT,
            argument: "a",
            shape: a.shape(),
        });
    }
    crate::finite::magnitude(WHAT, "a", a)?;
    let n = a.rows;
    let mut matrix = a.to_tensor().into_vec();
    if n == 0 {
        return Ok(Tensor::from_vec(matrix, &[0, 0])?);
    }
    // The largest column sum.
    let size = (0..n)
        .map(|j| (0..n).map(|i| matrix[i * n + j].abs2().sqrt()).sum::<f64>())
        .fold(0.0, f64::max);
    let (order, bound) = *BOUNDS
        .iter()
        .find(|(_, bound)| size <= *bound)
        .unwrap_or(&BOUNDS[4]);
    let halvings = if size > bound {
        (size / bound).log2().ceil() as i32
    } else {
        0
    };
    scale(&mut matrix, real((-f64::from(halvings)).exp2()));
    let mut result = pade(&matrix, n, order)?;
    for _ in 0..halvings {
        result = multiply(&result, &result, n);
    }
    Ok(Tensor::from_vec(result, &[n, n])?)
}

fn multiply<T: Kernel>(a: &[T], b: &[T], n: usize) -> Vec<T> {
    let mut c = vec![T::ZERO; n * n];
    let (a, b) = (Operand::of_slice(a, n, n), Operand::of_slice(b, n, n));
    product(T::ONE, a, b, T::ZERO, Target::of_slice(&mut c, n, n));
    c
}

/// The diagonal Padé approximant of order `m`: (V − U)⁻¹·(V + U) with the odd
/// part U = A·(…) and the even part V as polynomials of A².
fn pade<T: Kernel>(a: &[T], n: usize, m: usize) -> Result<Vec<T>> {
    let coefficients = pade_coefficients(m);
    let square = multiply(a, a, n);
    let identity: Vec<T> = (0..n * n)
        .map(|at| if at % (n + 1) == 0 { T::ONE } else { T::ZERO })
        .collect();
    let mut powers = vec![identity, square];
    let highest = if m == 13 { 3 } else { m / 2 };
    while powers.len() <= highest {
        powers.push(multiply(&powers[powers.len() - 1], &powers[1], n));
    }
    let sum = |terms: &[(usize, f64)]| {
        let mut total = vec![T::ZERO; n * n];
        for &(power, factor) in terms {
            add(&mut total, real(factor), &powers[power]);
        }
        total
    };
    let part = |parity: usize| -> Vec<T> {
        let c = |k: usize| coefficients[2 * k + parity];
        if m < 13 {
            let terms: Vec<(usize, f64)> = (0..=m / 2).map(|k| (k, c(k))).collect();
            return sum(&terms);
        }
        // Order 13 needs powers to A⁶ only: A⁶·(c₁₂A⁶ + c₁₀A⁴ + c₈A²) + ….
        let high = sum(&[(3, c(6)), (2, c(5)), (1, c(4))]);
        let mut total = multiply(&powers[3], &high, n);
        add(
            &mut total,
            T::ONE,
            &sum(&[(3, c(3)), (2, c(2)), (1, c(1)), (0, c(0))]),
        );
        total
    };
    let odd = multiply(a, &part(1), n);
    let even = part(0);
    let mut numerator = even.clone();
    add(&mut numerator, T::ONE, &odd);
    let mut denominator = even;
    add(&mut denominator, real(-1.0), &odd);
    let solved = solve::general(
        Operand::of_slice(&denominator, n, n),
        Operand::of_slice(&numerator, n, n),
    )?;
    Ok(solved.into_vec())
}

/// c_j = (2m − j)!·m! / ((2m)!·(m − j)!·j!), up to a common factor.
fn pade_coefficients(m: usize) -> Vec<f64> {
    let mut c = vec![1.0; m + 1];
    for j in 1..=m {
        c[j] = c[j - 1] * (m + 1 - j) as f64 / ((2 * m + 1 - j) as f64 * j as f64);
    }
    c
}

pub(crate) fn exponential_times<T: Kernel>(
    map: &mut Map<'_, T>,
    v: &[T],
    t: T,
    space: usize,
    stop: &Stop,
) -> Result<ExpTimes<T>> {
    const WHAT: &str = "expm_times";
    stop.check(WHAT)?;
    check_finite(WHAT, "v", v)?;
    check_finite(WHAT, "t", &[t])?;
    if space == 0 {
        return Err(Error::BadOption {
            what: WHAT,
            option: "space",
            value: "0".into(),
            wanted: "keep at least one vector",
        });
    }
    let span = t.abs2().sqrt();
    let tolerance = stop.tolerance.max(4.0 * unit::<T>());
    let mut x = v.to_vec();
    let (mut done, mut steps, mut error) = (0.0f64, 0usize, 0.0f64);
    // The part of `t` tried next.
    let mut length = 1.0f64;
    while done < 1.0 && norm(&x) > 0.0 && span > 0.0 {
        let size = norm(&x);
        let mut start = x.clone();
        scale(&mut start, real(1.0 / size));
        let mut krylov = Arnoldi::new(start);
        while krylov.columns.len() < space.min(v.len()) && !krylov.closed {
            krylov.grow(WHAT, map)?;
            steps += 1;
        }
        loop {
            let part = length.min(1.0 - done);
            let (factors, wrong) = small_step(&krylov, Element::mul(t, real(part)))?;
            let allowed = tolerance * part;
            // The error of a step grows with some power of its length.
            let order = krylov.columns.len() as f64;
            let better = part
                * (0.8 * allowed / wrong.max(1e-300))
                    .powf(1.0 / order)
                    .min(5.0);
            if wrong <= allowed || krylov.closed {
                x.fill(T::ZERO);
                for (v, &factor) in krylov.basis.iter().zip(&factors) {
                    add(&mut x, Element::mul(factor, real(size)), v);
                }
                done += part;
                error += wrong;
                length = better.max(1e-12);
                break;
            }
            length = better.min(part * 0.5);
            if length < 1e-14 {
                return Err(Error::NotConverged { what: WHAT, steps });
            }
        }
        if steps > stop.max_steps && done < 1.0 {
            return Err(Error::NotConverged { what: WHAT, steps });
        }
    }
    Ok(ExpTimes { x, steps, error })
}

/// The coefficients of exp(τ·A)·v₁ on the basis and their estimated error.
///
/// The last row of φ₁ of the projected map times what leaves the space is the
/// leading term of the error; it is read off the exponential of the matrix
/// with one row and column more.
fn small_step<T: Kernel>(krylov: &Arnoldi<T>, tau: T) -> Result<(Vec<T>, f64)> {
    let m = krylov.columns.len();
    let h = krylov.square();
    let side = m + 1;
    let mut extended = vec![T::ZERO; side * side];
    for i in 0..m {
        for j in 0..m {
            extended[i * side + j] = Element::mul(tau, h[i * m + j]);
        }
    }
    // exp of [τH e₁τ; 0 0] holds τ·φ₁(τH)·e₁ in its last column.
    extended[m] = tau;
    let exponential = dense_exponential(Operand::of_slice(&extended, side, side))?;
    let e = exponential.as_slice();
    let factors: Vec<T> = (0..m).map(|i| e[i * side]).collect();
    if krylov.closed {
        return Ok((factors, 0.0));
    }
    let leaving = *krylov.columns[m - 1].last().expect("a column has an end");
    let phi = e[(m - 1) * side + m];
    let wrong = Element::mul(leaving, phi).abs2().sqrt();
    // The correction along the next basis vector.
    let mut factors = factors;
    factors.push(Element::mul(leaving, phi));
    Ok((factors, wrong))
}
