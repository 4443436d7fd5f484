//! The bits of every result are the same for one thread and for several.
//!
//! The thread setting is global, so this is one test in a binary of its own.

mod support;

use support::*;
use tensegrity_linalg::*;
use tensegrity_tensor::{Tensor, set_threads};

/// Everything that is cut into pieces, at sizes that give several pieces.
fn results<T: Field>() -> Vec<Tensor<T>> {
    let square = random::<T>(&[420, 420], 1);
    let wide = random::<T>(&[60, 9000], 2);
    let long = random::<T>(&[9000, 60], 3);
    let batch = random::<T>(&[40, 30, 30], 4);
    let mut product = random::<T>(&[420, 420], 5);
    let (square, wide, long) = (square.view(), wide.view(), long.view());
    let beta = T::from_f64(0.5, 0.0);
    gemm(T::ONE, &square, &square, beta, &mut product.view_mut()).unwrap();
    let mut products = Tensor::<T>::zeros(&[40, 30, 30]).unwrap();
    let batch = batch.view();
    gemm_batched(T::ONE, &batch, &batch, T::ZERO, &mut products.view_mut()).unwrap();
    let truncated = truncated_svd(&wide, &Truncation::rank(7), SvdMethod::Gram).unwrap();
    let sketch = truncated_svd(&wide, &Truncation::rank(5), SvdMethod::Randomized).unwrap();
    let triangle = left_vectors(&wide, &Truncation::rank(5), SvdMethod::Qr).unwrap();
    vec![
        product,
        products,
        matmul(&wide, &long).unwrap(),
        matmul(&long, &wide.sliced(1, 0..500).unwrap()).unwrap(),
        gram_rows(&wide).unwrap(),
        gram_columns(&square).unwrap(),
        truncated.u,
        truncated.vh,
        sketch.u,
        sketch.vh,
        triangle.u,
        qr(&square).unwrap().q,
        svd(&square).unwrap().u,
        eigh(&square).unwrap().vectors,
    ]
}

fn same_bits<T: Field>() {
    set_threads(1);
    let one = results::<T>();
    for threads in [2, 3] {
        set_threads(threads);
        for (number, (x, y)) in one.iter().zip(results::<T>()).enumerate() {
            assert!(
                x.as_slice() == y.as_slice(),
                "result {number} on {threads} threads"
            );
        }
    }
    set_threads(1);
}

#[test]
fn results_are_bitwise_independent_of_the_number_of_threads() {
    same_bits::<f32>();
    same_bits::<f64>();
    same_bits::<tensegrity_tensor::c128>();
}
