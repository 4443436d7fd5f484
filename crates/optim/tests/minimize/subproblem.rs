//! Cubic models: golden values, and every solver against the conditions of a
//! global minimiser.

use proptest::prelude::*;
use tensegrity_optim::minimize::{CubicStep, Hessian, Solver, cubic_step};
use tensegrity_tensor::SplitMix64;

use crate::data::close;

const ALL: [Solver; 4] = [
    Solver::Eigen,
    Solver::Cholesky,
    Solver::Krylov,
    Solver::Gradient,
];

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn step(g: &[f64], h: &[f64], shift: f64, m: f64, solver: Solver) -> CubicStep {
    cubic_step(g, Hessian::Dense(h), shift, m, solver, 0.0, 7).expect("solves")
}

#[test]
fn golden_steps() {
    let g = [1.0, -2.0, 3.0];
    let h = [4.0, 1.0, 0.0, 1.0, 3.0, 0.5, 0.0, 0.5, 1.0];
    for solver in ALL {
        let tolerance = if solver == Solver::Gradient {
            1e-9
        } else {
            2e-12
        };
        let s = step(&g, &h, 0.0, 1.0, solver);
        close(
            &s.step,
            &[-0.364616044272, 0.812815063734, -1.727521511822],
            tolerance,
        );
        close(
            &[s.norm, s.model],
            &[1.943693330076, -4.198335694469],
            tolerance,
        );
        let s = step(&g, &h, 0.5, 10.0, solver);
        close(
            &s.step,
            &[-0.16549804274, 0.346686148175, -0.617721709185],
            tolerance,
        );
        close(
            &[s.norm, s.model],
            &[0.727434531409, -1.676792718528],
            tolerance,
        );
    }
}

/// `H = diag(−2, 1, 3)`, `g ⟂ e₁`: `λ = 2`, so `‖s‖ = 4/M`, and what
/// `(H + λ)⁺g` leaves of it lies along `e₁`.
#[test]
fn the_hard_case() {
    let h = [-2.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 3.0];
    let g = [0.0, 1.0, -2.0];
    let m = 0.5;
    let (a, b) = (-1.0 / 3.0, 2.0 / 5.0);
    let along = (64.0f64 - a * a - b * b).sqrt();
    let model = a - 2.0 * b + 0.5 * (-2.0 * along * along + a * a + 3.0 * b * b) + m / 6.0 * 512.0;
    for solver in ALL {
        let s = step(&g, &h, 0.0, m, solver);
        let tolerance = if solver == Solver::Gradient {
            1e-6
        } else {
            1e-9
        };
        close(&[s.step[0].abs()], &[along], tolerance);
        close(&s.step[1..], &[a, b], tolerance);
        close(&[s.norm, s.model], &[8.0, model], 1e-8);
        if solver != Solver::Gradient {
            assert!(s.hard, "{solver:?} did not see it");
        }
    }
}

/// Without a gradient the step is the lowest eigenvector, `‖s‖ = −2·λ_min/M`.
#[test]
fn no_gradient_at_a_saddle() {
    let h = [1.0, 0.0, 0.0, -3.0];
    for solver in ALL {
        let s = step(&[0.0, 0.0], &h, 0.0, 2.0, solver);
        close(&[s.step[0].abs(), s.step[1].abs()], &[0.0, 3.0], 1e-6);
        close(&[s.model], &[-4.5], 1e-9);
    }
    let s = step(&[0.0, 0.0], &[1.0, 0.0, 0.0, 3.0], 0.0, 2.0, Solver::Auto);
    assert_eq!(s.step, [0.0, 0.0]);
}

/// A gradient almost without a part along the lowest eigenvector: nothing may
/// cancel next to the pole.
#[test]
fn almost_the_hard_case() {
    let h = [-1.0, 0.0, 0.0, 1.0];
    for tiny in [1e-6, 1e-10, 1e-14] {
        for solver in [Solver::Eigen, Solver::Cholesky, Solver::Krylov] {
            let s = step(&[tiny, 1.0], &h, 0.0, 1.0, solver);
            assert!(s.step[0] < 0.0, "{solver:?} {tiny}: {:?}", s.step);
            // μ = tiny/|s₁| and ‖s‖ = 2·(1 + μ).
            let mu = tiny / (4.0f64 - 0.25).sqrt();
            close(&[s.norm, s.step[1]], &[2.0 + 2.0 * mu, -0.5], 1e-6);
            assert!(s.residual < 1e-9, "{solver:?} {tiny}: {}", s.residual);
        }
    }
}

#[test]
fn products_are_enough_in_high_dimension() {
    let n = 400;
    let weight = |i: usize| 0.01 + i as f64 / n as f64;
    let mut random = SplitMix64::derived(3, 0);
    let g: Vec<f64> = (0..n).map(|_| random.normal()).collect();
    let mut calls = 0;
    let mut product = |v: &[f64], out: &mut [f64]| {
        calls += 1;
        for i in 0..n {
            out[i] = weight(i) * v[i];
        }
    };
    let krylov = cubic_step(
        &g,
        Hessian::Product(&mut product),
        0.0,
        3.0,
        Solver::Krylov,
        1e-9,
        0,
    )
    .expect("solves");
    assert!(krylov.residual <= 2e-9, "{}", krylov.residual);
    assert!(calls < 60, "{calls} products");
    let dense: Vec<f64> = (0..n * n)
        .map(|k| if k / n == k % n { weight(k / n) } else { 0.0 })
        .collect();
    for solver in [Solver::Eigen, Solver::Cholesky, Solver::Gradient] {
        let other = step(&g, &dense, 0.0, 3.0, solver);
        close(&other.step, &krylov.step, 1e-8);
    }
}

#[test]
fn bad_models_are_refused_by_name() {
    let h = [1.0, 0.0, 0.0, 1.0];
    let g = [1.0, 2.0];
    let ask = |g: &[f64], h: &[f64], shift, m| {
        cubic_step(g, Hessian::Dense(h), shift, m, Solver::Auto, 0.0, 0)
            .expect_err("refused")
            .to_string()
    };
    assert!(ask(&g, &h, 0.0, 0.0).contains("M is 0"));
    assert!(ask(&g, &h, -1.0, 1.0).contains("shift is -1"));
    assert!(ask(&g, &h[..3], 0.0, 1.0).contains("of 3 entries"));
    assert!(ask(&[f64::NAN, 1.0], &h, 0.0, 1.0).contains("NaN at 0"));
    assert!(ask(&g, &[1.0, f64::INFINITY, 0.0, 1.0], 0.0, 1.0).contains("inf at 1"));
    let skew = ask(&g, &[1.0, 0.5, 0.0, 1.0], 0.0, 1.0);
    assert!(
        skew.contains("not symmetric") && skew.contains("[1, 0]"),
        "{skew}"
    );
    assert!(
        Solver::named("qr")
            .expect_err("unknown")
            .to_string()
            .contains("krylov")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// `(H + shift + (M/2)‖s‖)s = −g` and `H + shift + (M/2)‖s‖ ⪰ 0`, which is
    /// sufficient for a global minimum; the solvers agree on its value.
    #[test]
    fn every_solver_finds_the_global_minimum(
        seed in 0u64..1000,
        n in 1usize..9,
        m in 0.01f64..20.0,
        shift in 0.0f64..1.0,
        scale in -3.0f64..3.0,
    ) {
        let mut random = SplitMix64::derived(seed, 1);
        let scale = 10f64.powf(scale);
        let g: Vec<f64> = (0..n).map(|_| scale * random.normal()).collect();
        let mut h = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let x = random.normal();
                (h[i * n + j], h[j * n + i]) = (x, x);
            }
        }
        let best = step(&g, &h, shift, m, Solver::Eigen);
        let stiff = shift + 0.5 * m * best.norm;
        let size = norm(&g) + stiff * best.norm;
        prop_assert!(best.residual <= 1e-11 * size, "residual {}", best.residual);
        let view = tensegrity_tensor::View::from_slice(&h, &[n, n]);
        let lowest = tensegrity_linalg::eigh(&view).expect("converges").values[0];
        prop_assert!(lowest + stiff >= -1e-10 * (1.0 + stiff));
        for solver in [Solver::Cholesky, Solver::Krylov] {
            let other = step(&g, &h, shift, m, solver);
            prop_assert!(
                (other.model - best.model).abs() <= 1e-9 * best.model.abs() + 1e-14,
                "{solver:?}: {} is not {}", other.model, best.model
            );
        }
    }
}
