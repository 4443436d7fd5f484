//! The accelerated second-order method: goldens, certificate, adaptive and
//! hybrid runs, samples.

use tensegrity_optim::minimize::{
    Answer, Chain, Method, Minimum, Offers, Options, Oracle, Solver, StopReason, minimize,
};
use tensegrity_tensor::SplitMix64;

use crate::data::{CANCER_L, CANCER_MINIMUM, breast_cancer, close};

fn plain(method: Method, m: f64, iterations: usize) -> Options {
    Options::new(method)
        .regularization(m)
        .adaptive(false)
        .max_iterations(iterations)
        .tolerance(0.0)
}

fn gaps(found: &Minimum, minimum: f64) -> Vec<f64> {
    let values = found.history.iter().map(|r| r.value.expect("exact"));
    values.map(|f| f - minimum).collect()
}

fn at(gaps: &[f64], times: &[usize]) -> Vec<f64> {
    times.iter().map(|t| gaps[t - 1]).collect()
}

/// Spectral norm of the differences, cubed and doubled: `2·(2cos(π/(2n+1)))³`.
fn chain_l(n: usize) -> f64 {
    2.0 * (2.0 * (std::f64::consts::PI / (2 * n + 1) as f64).cos()).powi(3)
}

#[test]
fn the_chain_knows_its_minimum() {
    for n in [1, 2, 5, 40] {
        let chain = Chain::new(n).expect("fits");
        let x = chain.solution();
        let value = chain.value(&x, None).expect("offered");
        close(&[value], &[chain.minimum()], 1e-15 * n as f64);
        let mut g = vec![1.0; n];
        chain.gradient(&x, None, &mut g).expect("offered");
        assert!(g.iter().all(|g| *g == 0.0), "{g:?}");
    }
}

#[test]
fn first_values_on_the_chain() {
    let chain = Chain::new(5).expect("fits");
    let options = plain(Method::AcceleratedNewton, 4.0, 6);
    let found = minimize(&chain, &[0.0; 5], &options).expect("runs");
    let values: Vec<f64> = found
        .history
        .iter()
        .map(|r| r.value.expect("exact"))
        .collect();
    close(
        &values,
        &[
            -0.589255650989,
            -0.803436013498,
            -0.976469836082,
            -1.135566640371,
            -1.286449054131,
            -1.431419679147,
        ],
        1e-11,
    );
    close(
        &found.x,
        &[
            1.6127956989,
            0.8740069372,
            0.3828679785,
            0.1047766065,
            0.0077752197,
        ],
        1e-9,
    );
    let first = minimize(&chain, &[0.0; 5], &options.clone().max_iterations(1)).expect("runs");
    close(&first.x, &[0.5f64.sqrt(), 0.0, 0.0, 0.0, 0.0], 1e-10);
    for solver in [Solver::Eigen, Solver::Cholesky, Solver::Krylov] {
        let same = minimize(&chain, &[0.0; 5], &options.clone().solver(solver)).expect("runs");
        close(&same.x, &found.x, 1e-6);
    }
}

#[test]
fn gaps_on_a_long_chain() {
    let chain = Chain::new(40).expect("fits");
    let times = [5, 10, 20, 50, 100, 200];
    let run = |options: &Options| {
        let found = minimize(&chain, &[0.0; 40], options).expect("runs");
        at(&gaps(&found, chain.minimum()), &times)
    };
    let newton = plain(Method::CubicNewton, 2.0, 200);
    let asn = plain(Method::AcceleratedNewton, 2.0, 200);
    close(
        &run(&newton),
        &[24.388, 23.109, 21.206, 17.208, 12.446, 5.450],
        6e-4,
    );
    close(
        &run(&asn),
        &[25.235, 24.591, 23.336, 19.16, 13.74, 4.638],
        6e-4,
    );
    close(
        &run(&asn.clone().nu(0.1)),
        &[24.479, 23.106, 20.76, 14.122, 4.791, 0.0290],
        6e-4,
    );
    let adaptive = Options::new(Method::AcceleratedNewton)
        .regularization(2.0)
        .hybrid(false)
        .max_iterations(200);
    let found = minimize(&chain, &[0.0; 40], &adaptive).expect("runs");
    let gap = found.value.expect("exact") - chain.minimum();
    assert!(gap * 100.0 <= run(&newton)[5], "gap {gap:e}");
    assert!(found.certificate.expect("kept").held);
}

#[test]
fn certificate_margins_on_the_chain() {
    let chain = Chain::new(20).expect("fits");
    let radius = chain.solution().iter().map(|x| x * x).sum::<f64>().sqrt();
    let margin = |factor: f64, nu: f64| {
        let options = plain(Method::AcceleratedNewton, factor * chain_l(20), 100).nu(nu);
        let found = minimize(&chain, &[0.0; 20], &options).expect("runs");
        let proof = found.certificate.expect("kept");
        let gap = found.value.expect("exact") - chain.minimum();
        assert!(
            gap <= proof.bound(radius),
            "{gap} above {}",
            proof.bound(radius)
        );
        assert_eq!(proof.held, proof.margin >= 0.0);
        proof.margin
    };
    close(&[margin(2.0, 1.0)], &[0.18], 0.005);
    close(&[margin(2.0, 0.3)], &[0.14], 0.005);
    close(&[margin(2.0, 0.1)], &[0.075], 0.0005);
    close(&[margin(2.0, 0.03)], &[-0.058], 0.0005);
    assert!(margin(1.0, 1.0) > 0.0);
    assert!(margin(0.1, 1.0) < 0.0);
}

/// Adds a fixed symmetric matrix to the Hessian of another function.
struct Disturbed<'a> {
    inner: &'a dyn Oracle,
    error: Vec<f64>,
}

impl Oracle for Disturbed<'_> {
    fn dimension(&self) -> usize {
        self.inner.dimension()
    }
    fn offers(&self) -> Offers {
        Offers::gradients().value().hessian()
    }
    fn value(&self, x: &[f64], batch: Option<&[usize]>) -> Answer<f64> {
        self.inner.value(x, batch)
    }
    fn gradient(&self, x: &[f64], batch: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        self.inner.gradient(x, batch, out)
    }
    fn hessian(&self, x: &[f64], batch: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        self.inner.hessian(x, batch, out)?;
        out.iter_mut().zip(&self.error).for_each(|(h, e)| *h += e);
        Ok(())
    }
}

/// A random symmetric n×n matrix of the spectral norm asked for.
fn symmetric(n: usize, size: f64, seed: u64) -> Vec<f64> {
    let mut random = SplitMix64::derived(seed, 0);
    let mut e = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let x = random.normal();
            (e[i * n + j], e[j * n + i]) = (x, x);
        }
    }
    let view = tensegrity_tensor::View::from_slice(&e, &[n, n]);
    let values = tensegrity_linalg::eigh(&view).expect("converges").values;
    let norm = values.iter().fold(0.0f64, |m, w| m.max(w.abs()));
    e.iter_mut().for_each(|x| *x *= size / norm);
    e
}

#[test]
fn the_certificate_survives_inexact_hessians() {
    let chain = Chain::new(20).expect("fits");
    for seed in 0..5 {
        let inexact = Disturbed {
            inner: &chain,
            error: symmetric(20, 0.5, seed),
        };
        let options = plain(Method::AcceleratedNewton, 2.0 * chain_l(20), 100).hessian_error(0.5);
        let found = minimize(&inexact, &[0.0; 20], &options).expect("runs");
        let proof = found.certificate.expect("kept");
        assert!(proof.held && proof.margin > 0.1, "{}", proof.margin);
    }
}

#[test]
fn logistic_regression_by_theory() {
    let cancer = breast_cancer();
    let times = [1, 2, 3, 5, 10, 20, 30, 40, 60];
    let options = plain(Method::AcceleratedNewton, 2.0 * CANCER_L, 60).hessian_batch(569);
    let found = minimize(&cancer, &[0.0; 30], &options).expect("runs");
    close(
        &at(&gaps(&found, CANCER_MINIMUM), &times),
        &[
            0.4812, 0.4577, 0.4381, 0.4021, 0.3248, 0.2153, 0.1468, 0.1023, 0.05095,
        ],
        6e-5,
    );
    let options = plain(Method::CubicNewton, CANCER_L, 30).hessian_batch(569);
    let found = minimize(&cancer, &[0.0; 30], &options).expect("runs");
    close(
        &at(&gaps(&found, CANCER_MINIMUM), &times[..7]),
        &[0.4621, 0.4032, 0.3547, 0.2805, 0.1713, 0.07893, 0.04072],
        6e-5,
    );
}

#[test]
fn adaptive_runs_are_fast_without_the_constant() {
    let cancer = breast_cancer();
    for factor in [1e-4, 0.01, 1.0, 10.0] {
        let options = Options::new(Method::AcceleratedNewton)
            .regularization(factor * CANCER_L)
            .hessian_batch(569)
            .hybrid(false)
            .max_iterations(35);
        let found = minimize(&cancer, &[0.0; 30], &options).expect("runs");
        let gaps = gaps(&found, CANCER_MINIMUM);
        assert!(gaps[11] <= 1e-4, "M = {factor} L: {:e}", gaps[11]);
        assert!(gaps[34] <= 1e-6, "M = {factor} L: {:e}", gaps[34]);
        assert!(found.certificate.expect("kept").held);
        let redone: usize = found.history.iter().map(|r| r.attempts - 1).sum();
        assert!(redone <= 20, "{redone} steps redone");
        let falls = gaps.windows(2).all(|w| w[1] <= w[0]);
        assert!(falls, "values rise");
    }
}

#[test]
fn hybrid_runs_are_quadratic_in_the_end() {
    let cancer = breast_cancer();
    for m in [
        Some(0.01 * CANCER_L),
        Some(CANCER_L),
        Some(10.0 * CANCER_L),
        None,
    ] {
        let mut options = Options::new(Method::AcceleratedNewton)
            .hessian_batch(569)
            .tolerance(1e-12);
        if let Some(m) = m {
            options = options.regularization(m);
        }
        let found = minimize(&cancer, &[0.0; 30], &options).expect("runs");
        let gaps = gaps(&found, CANCER_MINIMUM);
        let first = gaps.iter().position(|g| *g <= 1e-9).map(|t| t + 1);
        assert!(first.is_some_and(|t| t <= 15), "M = {m:?}: {gaps:?}");
        assert!(found.converged(), "{:?}", found.stop);
        let size = found.x.iter().map(|x| x * x).sum::<f64>().sqrt();
        close(&[size], &[31.868028703], 1e-7);
        close(&[found.value.expect("exact")], &[CANCER_MINIMUM], 1e-15);
        let proof = found.certificate.expect("kept");
        assert!(proof.bound(size) >= 0.0);
    }
}

#[test]
fn sampled_hessians_cost_almost_nothing() {
    let cancer = breast_cancer();
    for seed in 0..3 {
        let options = Options::new(Method::AcceleratedNewton)
            .regularization(2.0 * CANCER_L)
            .nu(1.0)
            .gradient_batch(100)
            .hessian_batch(50)
            .hessian_error(0.05)
            .seed(seed);
        let found = minimize(&cancer, &[0.0; 30], &options).expect("runs");
        assert_eq!(found.value, None);
        assert!(found.certificate.is_none());
        assert_eq!(found.stop, StopReason::MaxIterations);
        let gap = cancer.value(&found.x, None).expect("offered") - CANCER_MINIMUM;
        // The independent run was at .024; other samples, other noise.
        assert!(gap < 0.04, "seed {seed}: {gap}");
        let again = minimize(&cancer, &[0.0; 30], &options).expect("runs");
        assert_eq!(again, found);
        let other = minimize(&cancer, &[0.0; 30], &options.clone().seed(seed + 100));
        assert_ne!(other.expect("runs").x, found.x);
    }
}

#[test]
fn strong_convexity_restarts_until_the_radius_is_small() {
    let cancer = breast_cancer();
    let options = plain(Method::AcceleratedNewton, 2.0 * CANCER_L, 1500)
        .hessian_batch(569)
        .strong_convexity(1e-4, 32.0);
    let restarted = minimize(&cancer, &[0.0; 30], &options).expect("runs");
    let straight = plain(Method::AcceleratedNewton, 2.0 * CANCER_L, 1500).hessian_batch(569);
    let straight = minimize(&cancer, &[0.0; 30], &straight).expect("runs");
    let gap = restarted.value.expect("exact") - CANCER_MINIMUM;
    let without = straight.value.expect("exact") - CANCER_MINIMUM;
    assert!(gap <= 1e-3 * without, "{gap:e} against {without:e}");
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let cancer = breast_cancer();
    let options = Options::new(Method::AcceleratedNewton).hessian_batch(569);
    tensegrity_tensor::set_threads(1);
    let one = minimize(&cancer, &[0.0; 30], &options).expect("runs");
    tensegrity_tensor::set_threads(2);
    let two = minimize(&cancer, &[0.0; 30], &options).expect("runs");
    assert_eq!(one.x, two.x);
}
