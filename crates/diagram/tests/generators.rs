//! Structured tensors against their definitions.

use tensegrity_diagram::{Diagram, Error, Generator, Space, evaluate_naive, levi_civita_pair};
use tensegrity_tensor::{Array, DType, Tensor, c128};

fn dense(generator: &Generator) -> Tensor<f64> {
    match generator.dense(DType::F64).unwrap() {
        Array::F64(tensor) => tensor,
        other => panic!("{}", other.dtype()),
    }
}

/// Sign of a list as a permutation, by counting inversions; zero on repeats.
fn sign(index: &[usize]) -> f64 {
    let mut sign = 1.0;
    for (k, a) in index.iter().enumerate() {
        for b in &index[k + 1..] {
            sign *= match a.cmp(b) {
                std::cmp::Ordering::Less => 1.0,
                std::cmp::Ordering::Equal => 0.0,
                std::cmp::Ordering::Greater => -1.0,
            };
        }
    }
    sign
}

#[test]
fn levi_civita_is_the_sign_of_its_indices() {
    for n in 0..=5 {
        let epsilon = dense(&Generator::LeviCivita { n });
        let expected = Tensor::from_fn(&vec![n as usize; n as usize], sign).unwrap();
        assert_eq!(epsilon, expected, "n = {n}");
    }
}

#[test]
fn a_pair_of_epsilons_is_a_signed_sum_of_permutations() {
    for n in 1..=4u32 {
        let epsilon = Diagram::from_generator(Generator::LeviCivita { n }).unwrap();
        let pair = epsilon.tensor(&epsilon.transpose()).unwrap();
        let value = evaluate_naive(&pair, &[]).unwrap();
        let mut sum = vec![c128::new(0.0, 0.0); value.len()];
        let spaces = vec![Space::plain(n.into()); n as usize];
        for (order, sign) in levi_civita_pair(n).unwrap() {
            let term = Diagram::permute(&spaces, &order).unwrap();
            let term = evaluate_naive(&term, &[]).unwrap();
            for (total, x) in sum.iter_mut().zip(term.as_slice()) {
                *total += f64::from(sign) * x;
            }
        }
        assert_eq!(value.as_slice(), sum, "n = {n}");
    }
}

#[test]
fn the_symplectic_form_is_block_diagonal() {
    let omega = dense(&Generator::Symplectic { dim: 4 });
    #[rustfmt::skip]
    let expected = [
        0.0, 1.0, 0.0, 0.0,
        -1.0, 0.0, 0.0, 0.0,
        0.0, 0.0, 0.0, 1.0,
        0.0, 0.0, -1.0, 0.0,
    ];
    assert_eq!(omega.as_slice(), expected);
}

#[test]
fn triangular_masks_agree_with_numpy_tri() {
    for offset in -4..=4i64 {
        let lower = Generator::Triangular {
            rows: 3,
            columns: 4,
            offset,
            upper: false,
        };
        let expected = Tensor::from_fn(&[3, 4], |at| {
            f64::from(u8::from(at[1] as i64 <= at[0] as i64 + offset))
        });
        assert_eq!(dense(&lower), expected.unwrap());
        let upper = Generator::Triangular {
            rows: 3,
            columns: 4,
            offset,
            upper: true,
        };
        let expected = Tensor::from_fn(&[3, 4], |at| {
            f64::from(u8::from(at[1] as i64 >= at[0] as i64 + offset))
        });
        assert_eq!(dense(&upper), expected.unwrap());
    }
}

#[test]
fn spiders_of_every_arity() {
    for legs in 1..4 {
        let spider = Generator::Spider {
            dim: 3,
            inputs: 1,
            outputs: legs - 1,
        };
        let expected = Tensor::from_fn(&vec![3; legs], |at| {
            f64::from(u8::from(at.iter().all(|i| *i == at[0])))
        });
        assert_eq!(dense(&spider), expected.unwrap());
    }
    let none = Generator::Spider {
        dim: 3,
        inputs: 0,
        outputs: 0,
    };
    assert_eq!(dense(&none).as_slice(), [3.0]);
}

#[test]
fn permutation_moves_tensor_factors() {
    let sigma = Generator::Permutation {
        dims: vec![2, 3, 4],
        order: vec![2, 0, 1],
    };
    let value = dense(&sigma).reshaped(&[24, 24]).unwrap();
    let x = Tensor::from_vec((0..24).map(f64::from).collect(), &[2, 3, 4]).unwrap();
    let moved: Vec<f64> = (0..24)
        .map(|row| {
            (0..24)
                .map(|k| value.as_slice()[row * 24 + k] * x.as_slice()[k])
                .sum()
        })
        .collect();
    assert_eq!(moved, x.permuted(&[2, 0, 1]).unwrap().as_slice());
}

#[test]
fn kronecker_mixes_its_factors() {
    let matrix = |data: &[f64], shape: &[usize]| {
        std::sync::Arc::new(Array::from(Tensor::from_vec(data.to_vec(), shape).unwrap()))
    };
    let a = matrix(&[1.0, 2.0], &[1, 2]);
    let b = matrix(&[3.0, 4.0, 5.0, 6.0], &[2, 2]);
    let value = dense(&Generator::Kronecker(vec![a, b]));
    assert_eq!(value.shape(), [1, 2, 2, 2]);
    assert_eq!(value.as_slice(), [3.0, 4.0, 6.0, 8.0, 5.0, 6.0, 10.0, 12.0]);
}

#[test]
fn terms_list_the_dense_tensor() {
    let vector = Tensor::from_vec(vec![1.0f64, -2.0, 3.0], &[3]).unwrap();
    for generator in [
        Generator::OneHot { dim: 4, index: 2 },
        Generator::LeviCivita { n: 4 },
        Generator::Symplectic { dim: 6 },
        Generator::Diagonal(std::sync::Arc::new(vector.into())),
    ] {
        let mut value = dense(&generator);
        let terms = generator.terms().unwrap();
        let shape = value.shape().to_vec();
        for (index, x) in terms.iter() {
            let flat = index
                .iter()
                .zip(&shape)
                .fold(0, |f, (&i, &n)| f * n + i as usize);
            value.as_mut_slice()[flat] -= x.re;
        }
        assert!(value.as_slice().iter().all(|&x| x == 0.0), "{generator:?}");
    }
    assert!(Generator::Identity { dim: 2 }.terms().is_none());
}

#[test]
fn impossible_parameters_are_errors() {
    let invalid = |generator: Generator| {
        // None of these may panic either.
        let _ = (generator.dims(), generator.symbol());
        assert!(generator.terms().is_none());
        assert!(generator.dense(DType::F64).is_err());
        assert!(Diagram::from_generator(generator).is_err());
    };
    invalid(Generator::OneHot { dim: 3, index: 3 });
    invalid(Generator::LeviCivita { n: 13 });
    invalid(Generator::Symplectic { dim: 3 });
    invalid(Generator::Permutation {
        dims: vec![2, 2],
        order: vec![0, 2],
    });
    invalid(Generator::Permutation {
        dims: vec![2],
        order: vec![0, 1],
    });
    let matrix = std::sync::Arc::new(Array::from(Tensor::full(&[2, 2], 1.0f64).unwrap()));
    invalid(Generator::Diagonal(matrix));
    let vector = std::sync::Arc::new(Array::from(Tensor::full(&[2], 1.0f64).unwrap()));
    invalid(Generator::Kronecker(vec![vector]));
    let large = Generator::LeviCivita { n: 12 }.dense(DType::F64);
    assert!(matches!(large, Err(Error::TooLarge { .. })));
    let huge = Generator::Triangular {
        rows: 1 << 40,
        columns: 1 << 40,
        offset: 0,
        upper: false,
    };
    let huge = huge.dense(DType::F32);
    assert!(matches!(huge, Err(Error::TooLarge { .. })));
    let imaginary = Generator::Scalar(c128::new(0.0, 1.0));
    assert!(imaginary.dense(DType::F64).is_err());
    assert!(imaginary.dense(DType::BF16).is_err());
    assert_eq!(imaginary.dense(DType::C64).unwrap().dtype(), DType::C64);
    assert!(
        Generator::Scalar(c128::new(0.5, 0.0))
            .dense(DType::I64)
            .is_err()
    );
}
