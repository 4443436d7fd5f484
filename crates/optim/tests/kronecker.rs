//! A least-squares problem whose curvature is a Kronecker product: what Shampoo
//! is made for.
//!
//! f(W) = ½‖A(W − W*)B‖², A 32×32 and B 24×24 with singular values spaced
//! logarithmically from 1 to 10^−1.5 and random orthogonal factors; 400 steps of
//! full gradients, the best of 13 rates for each method.

mod support;

use support::*;
use tensegrity_linalg::qr;
use tensegrity_optim::*;
use tensegrity_tensor::{SplitMix64, Tensor, parallel_map};

fn conditioned(n: usize, numbers: &mut SplitMix64) -> Tensor<f64> {
    let mut orthogonal = || qr(&numbers.normal_tensor::<f64>(&[n, n]).view()).unwrap().q;
    let (u, v) = (orthogonal(), orthogonal());
    let scaled = Tensor::from_fn(&[n, n], |at| {
        let s = 10f64.powf(-1.5 * at[1] as f64 / (n - 1) as f64);
        u.get(at).unwrap() * s
    });
    product(&scaled.unwrap(), &transposed(&v))
}

struct Problem {
    a: Tensor<f64>,
    b: Tensor<f64>,
    target: Tensor<f64>,
}

impl Problem {
    /// The value and the gradient Aᵀ·A·(W − W*)·B·Bᵀ.
    fn at(&self, w: &Tensor<f64>) -> (f64, Tensor<f64>) {
        let gap = Tensor::from_fn(&[32, 24], |at| {
            w.get(at).unwrap() - self.target.get(at).unwrap()
        });
        let image = product(&product(&self.a, &gap.unwrap()), &self.b);
        let gradient = product(&product(&transposed(&self.a), &image), &transposed(&self.b));
        (0.5 * image.norm().powi(2), gradient)
    }

    /// The part of the first value that is left after 400 steps; infinite if the
    /// run diverges.
    fn left(&self, method: &Method) -> f64 {
        let registry = alone(&[32, 24]);
        let settings = Settings {
            non_finite: NonFinite::Skip,
            ..Settings::default()
        };
        let mut optimizer = build::<f64>(method, &registry, &settings).unwrap();
        let mut w = [Tensor::zeros(&[32, 24]).unwrap()];
        let first = self.at(&w[0]).0;
        for _ in 0..400 {
            let (_, gradient) = self.at(&w[0]);
            if optimizer.step_tensors(&mut w, &[gradient]).unwrap().skipped {
                return f64::INFINITY;
            }
        }
        let last = self.at(&w[0]).0 / first;
        if last.is_nan() { f64::INFINITY } else { last }
    }

    /// The best of 13 rates spaced logarithmically.
    fn best(&self, low: f64, high: f64, method: impl Fn(f64) -> Method + Sync) -> f64 {
        let results = parallel_map(13, |i| {
            let rate = low * (high / low).powf(i as f64 / 12.0);
            self.left(&method(rate))
        });
        results.into_iter().fold(f64::INFINITY, f64::min)
    }
}

#[test]
fn shampoo_is_a_thousand_times_below_adam() {
    let mut numbers = SplitMix64::new(7);
    let problem = Problem {
        a: conditioned(32, &mut numbers),
        b: conditioned(24, &mut numbers),
        target: numbers.normal_tensor(&[32, 24]),
    };
    let adam = problem.best(1e-3, 1.0, |rate| Adam::new(rate).into());
    let descent = problem.best(1e-2, 10.0, |rate| Sgd::new(rate).into());
    let shampoo = problem.best(1e-2, 100.0, |rate| Shampoo::new(rate).every(1).into());
    assert!(
        shampoo * 1000.0 <= adam,
        "shampoo {shampoo:.2e}, adam {adam:.2e}"
    );
    assert!(
        adam < descent && descent < 1e-1,
        "adam {adam:.2e}, descent {descent:.2e}"
    );
}
