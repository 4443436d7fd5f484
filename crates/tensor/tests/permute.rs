//! The copy kernel against an index loop, for any strides on both sides.
#![allow(missing_docs)]

use proptest::prelude::*;
use tensegrity_tensor::{Element, SplitMix64, Tensor, View, ViewMut, c64, c128, copy_into};

/// A random copy: lengths, source strides (any sign, zero, overlapping) and
/// target strides (any sign and order, gaps, no two indices in one place).
#[derive(Clone, Debug)]
struct Copy {
    shape: Vec<usize>,
    source: Vec<isize>,
    target: Vec<isize>,
    /// Elements before the first, to unalign both sides.
    lead: [usize; 2],
}

impl Copy {
    /// `dense` in 0..=1: how likely a stride continues the axis before.
    fn random(seed: u64, shape: Vec<usize>, dense: f64) -> Self {
        let mut rng = SplitMix64::new(seed);
        let mut strides = |overlap: bool| {
            let mut order: Vec<usize> = (0..shape.len()).collect();
            for k in (1..order.len()).rev() {
                // Mostly nearby swaps, so that neighbours often coalesce.
                if rng.uniform() < 0.6 {
                    order.swap(k, rng.below(k as u64 + 1) as usize);
                }
            }
            let mut strides = vec![0isize; shape.len()];
            let mut step = 1 + isize::from(rng.uniform() > 0.8 * dense + 0.2);
            for axis in order {
                strides[axis] = step;
                if overlap && rng.uniform() < 0.1 {
                    strides[axis] = rng.below(4) as isize - 1;
                }
                if rng.uniform() < 0.15 {
                    strides[axis] = -strides[axis];
                }
                step *= shape[axis].max(1) as isize;
                if rng.uniform() > dense {
                    step += rng.below(3) as isize;
                }
            }
            strides
        };
        let (source, target) = (strides(true), strides(false));
        let lead = [rng.below(9) as usize, rng.below(9) as usize];
        Self {
            shape,
            source,
            target,
            lead,
        }
    }

    fn extent(&self, strides: &[isize], lead: usize) -> (usize, usize) {
        if self.shape.contains(&0) {
            return (0, 1);
        }
        let reach = |sign: isize| -> usize {
            (strides.iter().zip(&self.shape))
                .map(|(&s, &n)| (sign * s).max(0) as usize * (n - 1))
                .sum()
        };
        let start = lead + reach(-1);
        (start, start + reach(1) + 1)
    }

    fn check<T: Element>(&self) {
        let (from, source_length) = self.extent(&self.source, self.lead[0]);
        let (to, target_length) = self.extent(&self.target, self.lead[1]);
        let mut value = T::ZERO;
        let source: Vec<T> = (0..source_length)
            .map(|_| {
                value = value.add(T::ONE);
                value
            })
            .collect();
        let mut target = vec![T::ZERO; target_length];
        let mut expected = target.clone();
        // SAFETY: the extents were computed from the strides.
        let view = unsafe { View::from_raw(source.as_ptr().add(from), &self.shape, &self.source) };
        let count: usize = self.shape.iter().product();
        let mut index = vec![0usize; self.shape.len()];
        for _ in 0..count {
            let offset = |strides: &[isize]| -> isize {
                index
                    .iter()
                    .zip(strides)
                    .map(|(&i, s)| i as isize * s)
                    .sum()
            };
            expected[(to as isize + offset(&self.target)) as usize] =
                source[(from as isize + offset(&self.source)) as usize];
            for (i, &length) in index.iter_mut().zip(&self.shape).rev() {
                *i += 1;
                if *i < length {
                    break;
                }
                *i = 0;
            }
        }
        // SAFETY: as above; no two indices share a place by construction.
        let mut out =
            unsafe { ViewMut::from_raw(target.as_mut_ptr().add(to), &self.shape, &self.target) };
        copy_into(&mut out, &view).unwrap();
        assert!(target == expected, "{self:?} of {}", T::DTYPE);

        let dense = view.to_tensor();
        let mut again = vec![T::ZERO; target_length];
        // SAFETY: as above.
        let mut out =
            unsafe { ViewMut::from_raw(again.as_mut_ptr().add(to), &self.shape, &self.target) };
        copy_into(&mut out, &dense.view()).unwrap();
        assert!(
            again == expected,
            "{self:?} of {} through to_tensor",
            T::DTYPE
        );
    }

    fn check_all(&self) {
        self.check::<f32>();
        self.check::<f64>();
        self.check::<c64>();
        self.check::<c128>();
        self.check::<i64>();
    }
}

fn shapes() -> impl Strategy<Value = Vec<usize>> {
    let length = prop_oneof![
        1 => Just(0usize), 3 => Just(1), 10 => 2usize..5, 10 => 5usize..20, 4 => 20usize..90
    ];
    prop::collection::vec(length, 0..7).prop_filter("small enough", |shape| {
        shape.iter().product::<usize>() <= 60_000
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_strides_copy_as_an_index_loop(
        shape in shapes(), seed: u64, dense in prop_oneof![Just(1.0), 0.0..1.0]
    ) {
        Copy::random(seed, shape, dense).check_all();
    }

    #[test]
    fn many_short_axes_copy_as_an_index_loop(
        rank in 8usize..16, threes in 0usize..3, seed: u64, dense in prop_oneof![Just(1.0), 0.9..1.0]
    ) {
        let mut shape = vec![2; rank];
        shape[..threes].fill(3);
        Copy::random(seed, shape, dense).check_all();
    }
}

/// Big enough for the buffer and the streaming stores, and in several tasks.
#[test]
fn large_permutations_move_every_element() {
    for (shape, order) in [
        (vec![131, 130, 129], vec![2usize, 1, 0]),
        (vec![130, 131, 128], vec![1, 2, 0]),
        (vec![70_001, 5, 6], vec![2, 0, 1]),
        (vec![2; 21], (0..21).rev().collect()),
        (vec![2; 21], (0..21).map(|k| k * 8 % 21).collect()),
        (vec![1000, 37, 60], vec![1, 0, 2]),
    ] {
        let count: usize = shape.iter().product();
        let x: Tensor<i64> = Tensor::from_vec((0..count as i64).collect(), &shape).unwrap();
        let y = x.permuted(&order).unwrap();
        let strides = x.view().permuted(&order).unwrap().strides().to_vec();
        let mut index = vec![0usize; order.len()];
        for &value in y.as_slice() {
            let place: isize = index
                .iter()
                .zip(&strides)
                .map(|(&i, s)| i as isize * s)
                .sum();
            assert_eq!(value, place as i64, "{shape:?} {order:?} at {index:?}");
            for (i, &length) in index.iter_mut().zip(y.shape()).rev() {
                *i += 1;
                if *i < length {
                    break;
                }
                *i = 0;
            }
        }
        tensegrity_tensor::set_threads(3);
        let threaded = x.permuted(&order).unwrap();
        tensegrity_tensor::set_threads(1);
        assert!(threaded == y, "{shape:?} {order:?} on three threads");
    }
}

/// Blocks of a large copy are cut at the cache lines of the target, wherever
/// those fall.
#[test]
fn bit_permutations_reach_targets_of_any_alignment() {
    fn check<T: Element>(order: &[usize]) {
        let bits = order.len();
        let mut value = T::ZERO;
        let x = Tensor::from_fn(&vec![2; bits], |_| {
            value = value.add(T::ONE);
            value
        })
        .unwrap();
        let view = x.view().permuted(order).unwrap();
        let mut store = vec![T::ZERO; x.len() + 16];
        for lead in 0..16 {
            store.fill(T::ZERO);
            let target = &mut store[lead..lead + x.len()];
            copy_into(&mut ViewMut::from_slice(target, view.shape()), &view).unwrap();
            for (i, &value) in target.iter().enumerate() {
                // Bit `k` of the target counts axis `order[k]` of the source.
                let place: usize = (0..bits)
                    .map(|k| (i >> (bits - 1 - k) & 1) << (bits - 1 - order[k]))
                    .sum();
                assert!(value == x.as_slice()[place], "{order:?} + {lead} at {i}");
            }
            assert!(store[..lead].iter().all(|&v| v == T::ZERO));
            assert!(store[lead + x.len()..].iter().all(|&v| v == T::ZERO));
        }
    }
    let reversal: Vec<usize> = (0..17).rev().collect();
    let shuffle: Vec<usize> = (0..17).map(|k| k * 7 % 17).collect();
    let near: Vec<usize> = (0..14).chain([16, 14, 15]).collect();
    for order in [&reversal, &shuffle, &near] {
        check::<f64>(order);
        check::<f32>(&order.iter().map(|&k| k + 1).chain([0]).collect::<Vec<_>>());
    }
}

/// 2^24 bytes and more go past the caches.
#[test]
fn streamed_permutations_move_every_element() {
    let x: Tensor<f64> = SplitMix64::new(3).centred_tensor(&[129, 131, 130]);
    let y = x.permuted(&[2, 1, 0]).unwrap();
    for (k, plane) in y.as_slice().chunks(131 * 129).enumerate() {
        for (j, row) in plane.chunks(129).enumerate() {
            for (i, &value) in row.iter().enumerate() {
                assert_eq!(value, x.as_slice()[(i * 131 + j) * 130 + k]);
            }
        }
    }
    assert_eq!(y.permuted(&[2, 1, 0]).unwrap(), x);
}

#[test]
fn forty_axes_of_which_most_are_one() {
    let mut shape = vec![1; 40];
    for axis in (0..40).step_by(3) {
        shape[axis] = 2;
    }
    let x: Tensor<f32> = SplitMix64::new(1).centred_tensor(&shape);
    let reversal: Vec<usize> = (0..40).rev().collect();
    let y = x.permuted(&reversal).unwrap();
    let bits = 14;
    for (i, &value) in x.as_slice().iter().enumerate() {
        let reversed = (i as u32).reverse_bits() >> (32 - bits);
        assert_eq!(y.as_slice()[reversed as usize], value);
    }
}
