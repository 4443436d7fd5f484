//! Third-order models and the accelerated third-order method.

use tensegrity_optim::minimize::{
    Answer, Method, Minimum, Offers, Options, Oracle, minimize, tensor_step,
};
use tensegrity_tensor::SplitMix64;

use crate::data::{CANCER_MINIMUM, breast_cancer, close};

/// `f(x) = ½⟨x, Hx⟩ + (l/4)·‖x‖⁴ − ⟨b, x⟩`: its third-order model with the
/// regulariser `(l/4)·‖s‖⁴` is the function itself.
struct Quartic {
    h: Vec<f64>,
    b: Vec<f64>,
    l: f64,
}

impl Quartic {
    fn new(n: usize, l: f64) -> Self {
        let mut random = SplitMix64::derived(n as u64, 4);
        let a: Vec<f64> = (0..n * n).map(|_| random.normal()).collect();
        let h = (0..n * n)
            .map(|k| {
                let (i, j) = (k / n, k % n);
                (0..n).map(|c| a[i * n + c] * a[j * n + c]).sum::<f64>() / n as f64
            })
            .collect();
        let b = (0..n).map(|_| random.normal()).collect();
        Self { h, b, l }
    }
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

impl Oracle for Quartic {
    fn dimension(&self) -> usize {
        self.b.len()
    }
    fn offers(&self) -> Offers {
        Offers::gradients().value().hessian().third()
    }
    fn value(&self, x: &[f64], _: Option<&[usize]>) -> Answer<f64> {
        let hx: Vec<f64> = self.h.chunks(x.len()).map(|row| dot(row, x)).collect();
        Ok(0.5 * dot(x, &hx) + 0.25 * self.l * dot(x, x).powi(2) - dot(&self.b, x))
    }
    fn gradient(&self, x: &[f64], _: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        for (i, row) in self.h.chunks(x.len()).enumerate() {
            out[i] = dot(row, x) + self.l * dot(x, x) * x[i] - self.b[i];
        }
        Ok(())
    }
    fn hessian(&self, x: &[f64], _: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        let n = x.len();
        for i in 0..n {
            for j in 0..n {
                out[i * n + j] = self.h[i * n + j] + 2.0 * self.l * x[i] * x[j];
            }
            out[i * n + i] += self.l * dot(x, x);
        }
        Ok(())
    }
    fn third(&self, x: &[f64], v: &[f64], _: Option<&[usize]>, out: &mut [f64]) -> Answer<()> {
        for i in 0..x.len() {
            out[i] = 2.0 * self.l * (2.0 * dot(x, v) * v[i] + dot(v, v) * x[i]);
        }
        Ok(())
    }
}

#[test]
fn a_model_that_is_the_function_has_its_minimiser() {
    for (n, l) in [(1, 1.0), (4, 0.3), (12, 5.0)] {
        let f = Quartic::new(n, l);
        let mut random = SplitMix64::derived(8, n as u64);
        let v: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let (mut g, mut h) = (vec![0.0; n], vec![0.0; n * n]);
        f.gradient(&v, None, &mut g).expect("offered");
        f.hessian(&v, None, &mut h).expect("offered");
        let mut third = |s: &[f64], out: &mut [f64]| {
            f.third(&v, s, None, out).expect("offered");
        };
        // (m/8)·‖s‖⁴ = (l/4)·‖s‖⁴.
        let step = tensor_step(&g, &h, &mut third, 2.0 * l, 1e-13, 5000).expect("solves");
        let x: Vec<f64> = v.iter().zip(&step.step).map(|(v, s)| v + s).collect();
        let options = Options::new(Method::CubicNewton)
            .tolerance(1e-13)
            .regularization(l);
        let found = minimize(&f, &vec![0.0; n], &options).expect("runs");
        close(&x, &found.x, 1e-10);
        let fall = f.value(&x, None).expect("offered") - f.value(&v, None).expect("offered");
        close(&[step.model], &[fall], 1e-11 * (1.0 + fall.abs()));
    }
}

#[test]
fn an_indefinite_hessian_is_refused() {
    let mut third = |_: &[f64], out: &mut [f64]| out.fill(0.0);
    let found = tensor_step(
        &[1.0, 0.0],
        &[1.0, 0.0, 0.0, -1.0],
        &mut third,
        1.0,
        0.0,
        10,
    );
    let message = found.expect_err("refused").to_string();
    assert!(message.contains("eigenvalue -1e0"), "{message}");
}

fn gaps(found: &Minimum, minimum: f64) -> Vec<f64> {
    let values = found.history.iter().map(|r| r.value.expect("exact"));
    values.map(|f| f - minimum).collect()
}

/// `L₃ = 1/8` for rows of norm at most 1.
#[test]
fn theory_constants_keep_the_certificate() {
    let cancer = breast_cancer();
    let options = Options::new(Method::Tensor)
        .regularization(0.125)
        .adaptive(false)
        .hessian_batch(569)
        .tolerance(0.0)
        .max_iterations(60);
    let found = minimize(&cancer, &[0.0; 30], &options).expect("runs");
    let proof = found.certificate.expect("kept");
    assert!(proof.held, "margin {}", proof.margin);
    let gaps = gaps(&found, CANCER_MINIMUM);
    let radius = 31.868028703;
    assert!(gaps[59] <= proof.bound(radius));
    // Four times the steps, at least 4⁴/2 times lower.
    assert!(gaps[59] <= gaps[14] / 3.0, "{:e} {:e}", gaps[14], gaps[59]);
    let basic = Options::new(Method::BasicTensor)
        .regularization(0.125)
        .adaptive(false)
        .hessian_batch(569)
        .tolerance(0.0)
        .max_iterations(60);
    let basic = minimize(&cancer, &[0.0; 30], &basic).expect("runs");
    let falls = basic.history.windows(2).all(|w| w[1].value < w[0].value);
    assert!(falls, "the basic method is monotone");
}

#[test]
fn adaptive_third_order_runs() {
    let cancer = breast_cancer();
    for m in [1e-3, 0.125, 10.0] {
        let options = Options::new(Method::Tensor)
            .regularization(m)
            .hessian_batch(569)
            .hybrid(false)
            .max_iterations(35);
        let found = minimize(&cancer, &[0.0; 30], &options).expect("runs");
        let gaps = gaps(&found, CANCER_MINIMUM);
        assert!(gaps[34] <= 1e-6, "M = {m}: {gaps:?}");
        assert!(found.certificate.expect("kept").held);
    }
    let options = Options::new(Method::Tensor)
        .hessian_batch(569)
        .tolerance(1e-11);
    let found = minimize(&cancer, &[0.0; 30], &options).expect("runs");
    assert!(
        found.converged() && found.iterations() <= 20,
        "{}",
        found.iterations()
    );
}

/// The derivatives of the oracle itself, against differences.
#[test]
fn third_derivatives_of_logistic_regression() {
    let cancer = breast_cancer();
    let mut random = SplitMix64::derived(5, 5);
    let x: Vec<f64> = (0..30).map(|_| random.normal()).collect();
    let v: Vec<f64> = (0..30).map(|_| random.normal()).collect();
    let batch: Vec<usize> = (0..569).step_by(7).collect();
    let eps = 1e-4;
    let product = |sign: f64| {
        let moved: Vec<f64> = x.iter().zip(&v).map(|(x, v)| x + sign * eps * v).collect();
        let mut out = vec![0.0; 30];
        cancer
            .product(&moved, &v, Some(&batch), &mut out)
            .expect("offered");
        out
    };
    let differences: Vec<f64> = product(1.0)
        .iter()
        .zip(product(-1.0))
        .map(|(a, b)| (a - b) / (2.0 * eps))
        .collect();
    let mut third = vec![0.0; 30];
    cancer
        .third(&x, &v, Some(&batch), &mut third)
        .expect("offered");
    close(&third, &differences, 1e-8);
    let (mut h, mut hv) = (vec![0.0; 900], vec![0.0; 30]);
    cancer.hessian(&x, Some(&batch), &mut h).expect("offered");
    cancer
        .product(&x, &v, Some(&batch), &mut hv)
        .expect("offered");
    let dense: Vec<f64> = h.chunks(30).map(|row| dot(row, &v)).collect();
    close(&dense, &hv, 1e-13);
}
