//! How fast axes are permuted, against a plain copy of the same size.
#![allow(missing_docs)]

mod timing;

use tensegrity_tensor::{Element, Tensor, View, c64, c128, copy_into};
use timing::report;

fn counting<T: Element>(shape: &[usize]) -> Tensor<T> {
    let mut value = T::ZERO;
    Tensor::from_fn(shape, |_| {
        value = value.add(T::ONE);
        value
    })
    .unwrap()
}

/// Into memory that exists.
fn into<T: Element>(name: &str, view: &View<'_, T>) {
    let mut target = Tensor::<T>::full(view.shape(), T::ONE).unwrap();
    let mut target = target.view_mut();
    let bytes = 2 * view.len() * size_of::<T>();
    report(name, bytes, || copy_into(&mut target, view).unwrap());
}

fn permute<T: Element>(x: &Tensor<T>, order: &[usize], name: &str) {
    into(
        &format!("{name} {}", T::DTYPE),
        &x.view().permuted(order).unwrap(),
    );
}

fn main() {
    let x = counting::<f64>(&[256, 256, 256]);
    let bytes = 2 * 8 * x.len();
    let mut y = vec![1.0; x.len()];
    report("memcpy 256^3 float64", bytes, || {
        y.copy_from_slice(x.as_slice());
    });
    drop(y);
    for order in [[2, 1, 0], [1, 0, 2], [0, 2, 1], [1, 2, 0], [2, 0, 1]] {
        permute(&x, &order, &format!("256^3 {order:?}"));
    }
    let view = x.view().permuted(&[2, 1, 0]).unwrap();
    report("256^3 [2, 1, 0] float64 fresh", bytes, || view.to_tensor());
    let small = counting::<f64>(&[250, 250, 250]);
    permute(&small, &[2, 1, 0], "250^3 [2, 1, 0]");
    permute(&small, &[0, 2, 1], "250^3 [0, 2, 1]");
    let reversal: Vec<usize> = (0..24).rev().collect();
    permute(&x.reshaped(&[2; 24]).unwrap(), &reversal, "2^24 reversal");
    let x = counting::<f32>(&[256, 256, 256]);
    for order in [[2, 1, 0], [1, 0, 2], [0, 2, 1]] {
        permute(&x, &order, &format!("256^3 {order:?}"));
    }
    permute(&x.reshaped(&[2; 24]).unwrap(), &reversal, "2^24 reversal");
    permute(
        &counting::<c64>(&[256, 256, 256]),
        &[2, 1, 0],
        "256^3 [2, 1, 0]",
    );
    permute(
        &counting::<c128>(&[192, 192, 192]),
        &[2, 1, 0],
        "192^3 [2, 1, 0]",
    );

    // Shuffled bits, as tensor networks of two-level systems give.
    let shuffled: Vec<usize> = (0..24).map(|k| k * 7 % 24).collect();
    permute(&counting::<f64>(&[2; 24]), &shuffled, "2^24 shuffled");
    permute(&counting::<f32>(&[2; 24]), &shuffled, "2^24 shuffled");
    permute(
        &counting::<f64>(&[3; 15]),
        &[14, 3, 8, 1, 10, 5, 6, 7, 2, 9, 4, 11, 12, 13, 0],
        "3^15 shuffled",
    );
    permute(
        &counting::<f64>(&[1 << 22, 4]),
        &[1, 0],
        "4194304x4 transpose",
    );
    permute(
        &counting::<f64>(&[4, 1 << 22]),
        &[1, 0],
        "4x4194304 transpose",
    );
    permute(
        &counting::<f64>(&[1 << 20, 3]),
        &[1, 0],
        "1048576x3 transpose",
    );
    permute(
        &counting::<f64>(&[4096, 4096]),
        &[1, 0],
        "4096x4096 transpose",
    );
    let wide = counting::<f64>(&[512, 512, 8]);
    permute(&wide, &[1, 0, 2], "512x512x8 [1, 0, 2]");
    let wide = counting::<f64>(&[2048, 2048, 4]);
    permute(&wide, &[1, 0, 2], "2048x2048x4 [1, 0, 2]");
    let wide = counting::<f64>(&[1024, 1024, 32]);
    permute(&wide, &[1, 0, 2], "1024x1024x32 [1, 0, 2]");

    // In the caches.
    for n in [4, 8, 16, 32, 64, 128, 256] {
        permute(
            &counting::<f64>(&[n, n]),
            &[1, 0],
            &format!("{n}x{n} transpose"),
        );
    }
    for n in [16, 64, 256] {
        permute(
            &counting::<f32>(&[n, n]),
            &[1, 0],
            &format!("{n}x{n} transpose"),
        );
    }
    permute(&counting::<f64>(&[4, 4]), &[0, 1], "4x4 copy");
    permute(&counting::<f64>(&[2; 12]), &shuffled12(), "2^12 shuffled");
    let x = counting::<f64>(&[1000, 1000]);
    into(
        "1000x1000 both reversed float64",
        &x.view().reversed(0).unwrap().reversed(1).unwrap(),
    );
    let scalar = Tensor::scalar(1.5f64);
    into(
        "1000x1000 filled float64",
        &scalar.view().broadcast_to(&[1000, 1000]).unwrap(),
    );
    let row = counting::<f64>(&[1000, 1]);
    into(
        "1000x1000 broadcast column float64",
        &row.view().broadcast_to(&[1000, 1000]).unwrap(),
    );
}

fn shuffled12() -> Vec<usize> {
    (0..12).map(|k| k * 7 % 12).collect()
}
