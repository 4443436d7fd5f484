//! Bad input is named, with a remedy.

use tensegrity_optim::Error;
use tensegrity_optim::minimize::{
    Answer, Chain, Method, Offers, Options, Oracle, StopReason, minimize,
};

use crate::data::breast_cancer;

/// A function by its callbacks.
struct Faulty {
    offers: Offers,
    gradient: fn(&[f64], &mut [f64]) -> Answer<()>,
    hessian: fn(&[f64], &mut [f64]),
}

impl Default for Faulty {
    fn default() -> Self {
        Self {
            offers: Offers::gradients().value().hessian(),
            gradient: |x, out| {
                out.copy_from_slice(x);
                Ok(())
            },
            hessian: |_, out| out.copy_from_slice(&[1.0, 0.0, 0.0, 1.0]),
        }
    }
}

impl Oracle for Faulty {
    fn dimension(&self) -> usize {
        2
    }
    fn offers(&self) -> Offers {
        self.offers
    }
    fn value(&self, x: &[f64], _: Option<&[usize]>) -> Answer<f64> {
        Ok(0.5 * (x[0] * x[0] + x[1] * x[1]))
    }
    fn gradient(&self, x: &[f64], _: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        (self.gradient)(x, out)
    }
    fn hessian(&self, x: &[f64], _: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        (self.hessian)(x, out);
        Ok(())
    }
}

fn asn() -> Options {
    Options::new(Method::AcceleratedNewton).regularization(1.0)
}

fn refused(oracle: &dyn Oracle, options: &Options) -> String {
    minimize(oracle, &vec![1.0; oracle.dimension()], options)
        .expect_err("refused")
        .to_string()
}

#[test]
fn options_out_of_range() {
    let chain = Chain::new(2).expect("fits");
    for (options, words) in [
        (asn().regularization(0.0), "M is 0"),
        (asn().regularization(-1.0), "M is -1"),
        (asn().regularization(f64::NAN), "M is NaN"),
        (asn().max_iterations(0), "max_iter is 0"),
        (asn().nu(0.0), "nu is 0"),
        (asn().nu(1.5), "nu is 1.5"),
        (asn().hessian_error(-0.1), "delta is -0.1"),
        (asn().third_error(f64::INFINITY), "third_error is inf"),
        (asn().noise_scale(-1.0), "noise_scale is -1"),
        (asn().tolerance(-1.0), "tol is -1"),
        (asn().momentum(1.0), "momentum is 1"),
        (asn().learning_rate(0.0), "learning_rate is 0"),
        (asn().hessian_batch(3), "hess_batch is 3"),
        (
            asn().strong_convexity(1.0, 1.0).adaptive(true),
            "strong_convexity",
        ),
        (Options::new(Method::Sgd), "learning_rate is missing"),
        (Options::new(Method::Tensor), "third derivative"),
    ] {
        let message = refused(&chain, &options);
        assert!(message.contains(words), "{message}");
    }
    let message = Method::named("bfgs").expect_err("unknown").to_string();
    for method in Method::ALL {
        assert!(message.contains(method.name()), "{message}");
    }
    assert!(Chain::new(0).is_err());
}

#[test]
fn batches_larger_than_the_sum() {
    let cancer = breast_cancer();
    assert!(refused(&cancer, &asn().hessian_batch(570)).contains("hess_batch is 570"));
    assert!(refused(&cancer, &asn().gradient_batch(0)).contains("grad_batch is 0"));
    let sampled = asn().gradient_batch(10).adaptive(true);
    assert!(refused(&cancer, &sampled).contains("adaptive is true"));
    let sampled = asn().gradient_batch(10).hybrid(true);
    assert!(refused(&cancer, &sampled).contains("hybrid is true"));
}

#[test]
fn starts_that_do_not_fit() {
    let chain = Chain::new(2).expect("fits");
    let short = minimize(&chain, &[1.0], &asn()).expect_err("refused");
    assert!(short.to_string().contains("x0 is of length 1"), "{short}");
    let nan = minimize(&chain, &[1.0, f64::NAN], &asn()).expect_err("refused");
    assert!(nan.to_string().contains("NaN at 1"), "{nan}");
}

#[test]
fn what_an_oracle_gets_wrong() {
    let nan = Faulty {
        gradient: |x, out| {
            out.copy_from_slice(x);
            if x[0] != 1.0 {
                out[1] = f64::NAN;
            }
            Ok(())
        },
        ..Faulty::default()
    };
    match minimize(&nan, &[1.0, 1.0], &asn()).expect_err("refused") {
        Error::NonFiniteOracle {
            iteration,
            position,
            what,
            ..
        } => assert_eq!((iteration, position, what), (1, 1, "gradient")),
        other => panic!("{other}"),
    }
    let infinite = Faulty {
        hessian: |_, out| out.fill(f64::INFINITY),
        ..Faulty::default()
    };
    assert!(
        refused(&infinite, &asn()).contains("the Hessian has inf at position 0 in iteration 1")
    );
    let skew = Faulty {
        hessian: |_, out| out.copy_from_slice(&[1.0, 1e-6, 0.0, 1.0]),
        ..Faulty::default()
    };
    assert!(refused(&skew, &asn()).contains("not symmetric"));
    let nearly = Faulty {
        hessian: |_, out| out.copy_from_slice(&[1.0, 1e-9, 0.0, 1.0]),
        ..Faulty::default()
    };
    assert!(minimize(&nearly, &[1.0, 1.0], &asn()).is_ok());
    let failing = Faulty {
        gradient: |_, _| Err("no data".into()),
        ..Faulty::default()
    };
    assert!(refused(&failing, &asn()).contains("gradient failed in iteration 0: no data"));
    let blind = Faulty {
        offers: Offers::gradients().hessian(),
        ..Faulty::default()
    };
    assert!(refused(&blind, &asn().adaptive(true)).contains("needs the value"));
    assert!(minimize(&blind, &[1.0, 1.0], &asn()).is_ok());
    let nothing = Faulty {
        offers: Offers::gradients().value(),
        ..Faulty::default()
    };
    assert!(refused(&nothing, &asn()).contains("needs the Hessian"));
}

/// `x⁴ − x²` in each of two variables: a saddle of higher order at the start,
/// negative curvature, no gradient.
struct Wells;

impl Oracle for Wells {
    fn dimension(&self) -> usize {
        2
    }
    fn offers(&self) -> Offers {
        Offers::gradients().value().hessian()
    }
    fn value(&self, x: &[f64], _: Option<&[usize]>) -> Answer<f64> {
        Ok(x.iter().map(|x| x.powi(4) - x * x).sum())
    }
    fn gradient(&self, x: &[f64], _: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        out.iter_mut()
            .zip(x)
            .for_each(|(g, x)| *g = 4.0 * x.powi(3) - 2.0 * x);
        Ok(())
    }
    fn hessian(&self, x: &[f64], _: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        out.fill(0.0);
        out[0] = 12.0 * x[0] * x[0] - 2.0;
        out[3] = 12.0 * x[1] * x[1] - 2.0;
        Ok(())
    }
}

#[test]
fn indefinite_hessians_are_handled_at_second_order() {
    for method in [Method::AcceleratedNewton, Method::CubicNewton] {
        // The gradient has no part along the second variable: the hard case.
        let options = Options::new(method).regularization(4.0);
        let found = minimize(&Wells, &[0.1, 0.0], &options).expect("runs");
        assert!(found.converged(), "{:?}", found.stop);
        let value = found.value.expect("exact");
        assert!((value + 0.5).abs() < 1e-12, "{}: {value}", method.name());
    }
}

#[test]
fn a_solution_is_returned_at_once() {
    let chain = Chain::new(3).expect("fits");
    let found = minimize(&chain, &chain.solution(), &asn()).expect("runs");
    assert_eq!(found.stop, StopReason::Gradient);
    assert_eq!(found.iterations(), 0);
    assert_eq!(found.x, chain.solution());
}
