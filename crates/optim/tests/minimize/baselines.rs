//! Every method to compare with does what it says.

use std::ops::ControlFlow;

use tensegrity_optim::minimize::{Method, Options, StopReason, minimize, minimize_observed};

use crate::data::{CANCER_L, CANCER_MINIMUM, breast_cancer};

fn gap(options: &Options) -> f64 {
    let found = minimize(&breast_cancer(), &[0.0; 30], options).expect("runs");
    found.value.expect("exact") - CANCER_MINIMUM
}

fn exact(method: Method, iterations: usize) -> Options {
    Options::new(method)
        .hessian_batch(569)
        .max_iterations(iterations)
        .tolerance(1e-13)
}

/// The smoothness of the problem is at most ¼ + ridge.
const SMOOTH: f64 = 0.2501;

#[test]
fn newton_methods_converge_quadratically_when_adaptive() {
    for method in [
        Method::CubicNewton,
        Method::BasicTensor,
        Method::DampedNewton,
        Method::RegularizedNewton,
    ] {
        let reached = gap(&exact(method, 25));
        assert!(reached <= 1e-14, "{}: {reached:e}", method.name());
    }
}

#[test]
fn fixed_constants_are_monotone() {
    let cancer = breast_cancer();
    for (method, m) in [
        (Method::CubicNewton, CANCER_L),
        (Method::RegularizedNewton, CANCER_L),
        (Method::DampedNewton, 10.0),
        (Method::BasicTensor, 0.125),
    ] {
        let options = exact(method, 50)
            .adaptive(false)
            .regularization(m)
            .tolerance(1e-6);
        let found = minimize(&cancer, &[0.0; 30], &options).expect("runs");
        let falls = found.history.windows(2).all(|w| w[1].value < w[0].value);
        assert!(falls, "{} rises", method.name());
        assert!(found.history.iter().all(|r| r.attempts == 1));
    }
}

#[test]
fn acceleration_beats_gradient_descent() {
    let rate = 1.0 / SMOOTH;
    let slow = gap(&exact(Method::Sgd, 300).learning_rate(rate));
    let heavy = gap(&exact(Method::Momentum, 300).learning_rate(rate));
    let fast = gap(&exact(Method::SimilarTriangles, 300)
        .adaptive(false)
        .learning_rate(rate));
    let adaptive = gap(&exact(Method::SimilarTriangles, 300));
    assert!(heavy < slow / 3.0, "{heavy:e} {slow:e}");
    assert!(fast < slow / 10.0, "{fast:e} {slow:e}");
    assert!(adaptive < slow / 10.0, "{adaptive:e} {slow:e}");
    // Nesterov's bound 2·L·R²/T² for similar triangles.
    assert!(fast <= 2.0 * SMOOTH * 31.87f64.powi(2) / 300.0f64.powi(2));
}

#[test]
fn extra_newton_needs_no_constant() {
    let early = gap(&exact(Method::ExtraNewton, 25));
    let late = gap(&exact(Method::ExtraNewton, 100));
    // T⁻³ asks for 64 times.
    assert!(late < early / 16.0, "{early:e} {late:e}");
}

#[test]
fn sampled_gradients_come_close() {
    let cancer = breast_cancer();
    use tensegrity_optim::minimize::Oracle;
    for (method, rate, bar) in [
        (Method::Sgd, 3.0, 0.2),
        (Method::Momentum, 0.5, 0.2),
        (Method::ExtraNewton, 1.0, 0.2),
    ] {
        let options = Options::new(method)
            .learning_rate(rate)
            .gradient_batch(100)
            .hessian_batch(50);
        let found = minimize(&cancer, &[0.0; 30], &options).expect("runs");
        let reached = cancer.value(&found.x, None).expect("offered") - CANCER_MINIMUM;
        assert!(reached < bar, "{}: {reached}", method.name());
        let epochs = found.evaluations.epochs;
        assert!(epochs > 10.0 && epochs < 80.0, "{epochs}");
    }
}

#[test]
fn observers_see_and_end_a_run() {
    let cancer = breast_cancer();
    for method in Method::ALL {
        let options = exact(method, 50).learning_rate(1.0);
        let mut seen = Vec::new();
        let mut observer = |record: &tensegrity_optim::minimize::Record, x: &[f64]| {
            assert_eq!(x.len(), 30);
            seen.push(record.iteration);
            if seen.len() == 3 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let found = minimize_observed(&cancer, &[0.0; 30], &options, &mut observer).expect("runs");
        assert_eq!(found.stop, StopReason::Observer);
        assert_eq!(seen, [1, 2, 3], "{}", method.name());
        assert_eq!(Method::named(method.name()).expect("known"), method);
    }
}
