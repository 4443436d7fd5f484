//! Laws of the packed number streams.

use proptest::prelude::*;
use tensegrity_fit::{Fineness, NodeForm, Packed, Quantised, Steps};
use tensegrity_tensor::{SplitMix64, c128};

fn shapes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1usize..7, 0..6)
}

/// Values whose sizes differ wildly over the tensor, some of them zero.
fn values(seed: u64, count: usize, octaves: i32) -> Vec<f64> {
    let mut rng = SplitMix64::new(seed);
    (0..count)
        .map(|_| {
            let scale = f64::from(rng.below(2 * octaves as u64 + 1) as i32 - octaves);
            if rng.below(3) == 0 {
                0.0
            } else {
                rng.normal() * scale.exp2()
            }
        })
        .collect()
}

proptest! {
    #[test]
    fn decoding_gives_what_the_encoder_promised(
        shape in shapes(), seed: u64, octaves in 0i32..30, lambda in 0.0..0.3f64, rows: bool,
    ) {
        let count = shape.iter().product();
        let x = values(seed, count, octaves);
        let steps = if rows {
            let first = shape.first().copied().unwrap_or(1);
            Steps::for_weights(&values(seed ^ 1, first, 8).iter().map(|w| w.abs()).collect::<Vec<_>>())
        } else {
            Steps::Uniform(-3)
        };
        let q = Quantised::new(&x, &shape, steps, Fineness { step: 0.25, lambda });
        let packed = Packed::encode(0.25, &[&q, &q]);
        let form = NodeForm { shape, per_row: rows };
        let back = packed.decode::<f64>(&[form.clone(), form]).unwrap();
        prop_assert_eq!(&back[0], &q.values::<f64>(0.25));
        prop_assert_eq!(&back[1], &back[0]);
    }

    #[test]
    fn rounding_to_nearest_misses_by_half_a_step(shape in shapes(), seed: u64) {
        let x = values(seed, shape.iter().product(), 20);
        let step = 0.001f32;
        let q = Quantised::new(&x, &shape, Steps::Uniform(0), Fineness { step, lambda: 0.0 });
        for (wanted, got) in x.iter().zip(q.values::<f64>(step)) {
            // Centroids move a number by at most 12/32 of a step more.
            prop_assert!((wanted - got).abs() <= 0.9 * f64::from(step) + 1e-12 * wanted.abs());
        }
    }

    #[test]
    fn complex_numbers_survive(shape in shapes(), seed: u64, rows: bool) {
        let count: usize = shape.iter().product();
        let x = values(seed, 2 * count, 5);
        let x: Vec<c128> = x.chunks(2).map(|p| c128::new(p[0], p[1])).collect();
        let first = shape.first().copied().unwrap_or(1);
        let steps = if rows { Steps::PerRow(vec![-9; first]) } else { Steps::Uniform(-9) };
        let q = Quantised::new(&x, &shape, steps, Fineness { step: 0.01, lambda: 0.0 });
        let packed = Packed::encode(0.01, &[&q]);
        let back = packed.decode::<c128>(&[NodeForm { shape, per_row: rows }]).unwrap();
        for (wanted, got) in x.iter().zip(&back[0]) {
            prop_assert!((wanted - got).norm() <= 0.01);
        }
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), shape in shapes(), rows: bool) {
        let form = NodeForm { shape, per_row: rows };
        let _ = Packed::from_bytes(bytes.clone()).decode::<f64>(&[form.clone(), form.clone()]);
        // With a legal step in front more of the decoder is reached.
        let mut legal = vec![0x3f, 0x80, 0x00, 0x00];
        legal.extend(bytes);
        let _ = Packed::from_bytes(legal).decode::<c128>(&[form]);
    }

    #[test]
    fn a_changed_byte_is_an_error(seed: u64, place: prop::sample::Index, change in 1u8..) {
        let x = values(seed, 400, 3);
        let q = Quantised::new(&x, &[20, 20], Steps::Uniform(0), Fineness { step: 0.01, lambda: 0.0 });
        let mut bytes = Packed::encode(0.01, &[&q]).bytes().to_vec();
        // The first four bytes are the step; the last few hold less than a byte each.
        let place = 4 + place.index(bytes.len() - 12);
        bytes[place] ^= change;
        let form = NodeForm { shape: vec![20, 20], per_row: false };
        prop_assert!(Packed::from_bytes(bytes).decode::<f64>(&[form]).is_err());
    }

    #[test]
    fn a_shortened_stream_is_an_error(seed: u64, cut in 5usize..60) {
        let x = values(seed, 400, 3);
        let q = Quantised::new(&x, &[20, 20], Steps::Uniform(0), Fineness { step: 0.01, lambda: 0.0 });
        let mut bytes = Packed::encode(0.01, &[&q]).bytes().to_vec();
        bytes.truncate(bytes.len() - cut);
        let form = NodeForm { shape: vec![20, 20], per_row: false };
        prop_assert!(Packed::from_bytes(bytes).decode::<f64>(&[form]).is_err());
    }
}

#[test]
fn a_stream_that_announces_too_much_ends_in_an_error() {
    let bytes = Packed::from_bytes(vec![0x3f, 0x80, 0, 0, 1, 2, 3, 4, 5]);
    let form = NodeForm {
        shape: vec![1 << 20, 1 << 18],
        per_row: false,
    };
    assert!(bytes.decode::<f64>(&[form]).is_err());
}

#[test]
fn large_integers_are_exact() {
    let x: Vec<f64> = (0..64)
        .map(|k| (1u64 << (k % 52)) as f64 + f64::from(k))
        .collect();
    let q = Quantised::new(
        &x,
        &[64],
        Steps::Uniform(0),
        Fineness {
            step: 1.0,
            lambda: 0.0,
        },
    );
    let packed = Packed::encode(1.0, &[&q]);
    let form = NodeForm {
        shape: vec![64],
        per_row: false,
    };
    assert_eq!(
        packed.decode::<f64>(&[form]).unwrap()[0],
        q.values::<f64>(1.0)
    );
}

#[test]
fn gaussian_numbers_cost_about_their_entropy() {
    // Entropy of a unit normal rounded to steps of 1/8: 2.047 + 3 bits.
    let x: Vec<f64> = SplitMix64::new(5)
        .normal_tensor::<f64>(&[300, 300])
        .into_vec();
    let q = Quantised::new(
        &x,
        &[300, 300],
        Steps::Uniform(0),
        Fineness {
            step: 0.125,
            lambda: 0.0,
        },
    );
    let bits = Packed::encode(0.125, &[&q]).bytes().len() as f64 * 8.0 / 90_000.0;
    assert!((5.04..5.15).contains(&bits), "{bits}");
}
