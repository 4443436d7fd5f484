//! The laws of a compact closed category with Frobenius spiders, for values
//! and for canonical forms.

mod common;

use common::{assert_close, kronecker, matrix, multiply, random, random_dims};
use proptest::prelude::*;
use tensegrity_diagram::{Diagram, Error, Space, Variance};
use tensegrity_tensor::{SplitMix64, Tensor, c128};

fn spaces(dims: &[u64]) -> Vec<Space> {
    Space::list(dims)
}

/// Conjugate transpose.
fn adjoint(a: &Tensor<c128>) -> Tensor<c128> {
    a.permuted(&[1, 0]).unwrap().map(|z| z.conj())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn composition_is_the_matrix_product(seed in any::<u64>()) {
        let mut rng = SplitMix64::new(seed);
        let [a, b, c] = [0; 3].map(|_| random_dims(&mut rng, 2));
        let f = random(&mut rng, &a, &b, 0);
        let g = random(&mut rng, &b, &c, 10);
        let both = Diagram::compose(&g, &f).unwrap();
        assert_close(&matrix(&both, seed), &multiply(&matrix(&g, seed), &matrix(&f, seed)));
    }

    #[test]
    fn juxtaposition_is_the_kronecker_product(seed in any::<u64>()) {
        let mut rng = SplitMix64::new(seed);
        let [a, b, c, d] = [0; 4].map(|_| random_dims(&mut rng, 1));
        let f = random(&mut rng, &a, &b, 0);
        let g = random(&mut rng, &c, &d, 10);
        let both = f.tensor(&g).unwrap();
        assert_close(&matrix(&both, seed), &kronecker(&matrix(&f, seed), &matrix(&g, seed)));
    }

    #[test]
    fn transpose_and_dagger_are_those_of_matrices(seed in any::<u64>()) {
        let mut rng = SplitMix64::new(seed);
        let [a, b] = [0; 2].map(|_| random_dims(&mut rng, 2));
        let f = random(&mut rng, &a, &b, 0);
        let value = matrix(&f, seed);
        assert_close(&matrix(&f.transpose(), seed), &value.permuted(&[1, 0]).unwrap());
        assert_close(&matrix(&f.dagger(), seed), &adjoint(&value));
        prop_assert_eq!(f.transpose().transpose().canonical(), f.canonical());
        prop_assert_eq!(f.dagger().dagger().canonical(), f.canonical());
    }

    #[test]
    fn trace_sums_the_diagonal(seed in any::<u64>()) {
        let mut rng = SplitMix64::new(seed);
        let [a, b, x] = [0; 3].map(|_| random_dims(&mut rng, 1));
        let f = random(&mut rng, &[&a[..], &x].concat(), &[&b[..], &x].concat(), 0);
        let value = matrix(&f, seed);
        let n: usize = x.iter().map(|&d| d as usize).product();
        let expected = Tensor::from_fn(&[value.shape()[0] / n, value.shape()[1] / n], |at| {
            (0..n).map(|k| value.get(&[at[0] * n + k, at[1] * n + k]).unwrap()).sum()
        });
        let traced = f.trace(x.len()).unwrap();
        assert_close(&matrix(&traced, seed), &expected.unwrap());
    }

    #[test]
    fn curry_moves_axes_and_uncurry_moves_them_back(seed in any::<u64>()) {
        let mut rng = SplitMix64::new(seed);
        let [a, b, x] = [0; 3].map(|_| random_dims(&mut rng, 1));
        let f = random(&mut rng, &[&a[..], &x].concat(), &b, 0);
        let curried = f.curry(x.len()).unwrap();
        let size = |dims: &[u64]| dims.iter().map(|&d| d as usize).product::<usize>();
        let (m, n, k) = (size(&b), size(&a), size(&x));
        let value = matrix(&f, seed).reshaped(&[m, n, k]).unwrap();
        let expected = value.permuted(&[0, 2, 1]).unwrap().reshaped(&[m * k, n]).unwrap();
        assert_close(&matrix(&curried, seed), &expected);
        prop_assert_eq!(curried.uncurry(x.len()).unwrap().canonical(), f.canonical());
    }

    #[test]
    fn composition_is_associative_and_has_units(seed in any::<u64>()) {
        let mut rng = SplitMix64::new(seed);
        let [a, b, c, d] = [0; 4].map(|_| random_dims(&mut rng, 3));
        let f = random(&mut rng, &a, &b, 0);
        let g = random(&mut rng, &b, &c, 10);
        let h = random(&mut rng, &c, &d, 20);
        let left = Diagram::compose(&Diagram::compose(&h, &g).unwrap(), &f).unwrap();
        let right = Diagram::compose(&h, &Diagram::compose(&g, &f).unwrap()).unwrap();
        prop_assert_eq!(left.canonical(), right.canonical());
        let unit = Diagram::compose(&f, &Diagram::id(&spaces(&a))).unwrap();
        prop_assert_eq!(unit.canonical(), f.canonical());
        let unit = Diagram::compose(&Diagram::id(&spaces(&b)), &f).unwrap();
        prop_assert_eq!(unit.canonical(), f.canonical());
        prop_assert_eq!(f.tensor(&Diagram::new()).unwrap().canonical(), f.canonical());
    }

    #[test]
    fn interchange_law_holds(seed in any::<u64>()) {
        let mut rng = SplitMix64::new(seed);
        let [a, b, c, d, e, z] = [0; 6].map(|_| random_dims(&mut rng, 2));
        let f = random(&mut rng, &a, &b, 0);
        let g = random(&mut rng, &b, &c, 10);
        let h = random(&mut rng, &d, &e, 20);
        let k = random(&mut rng, &e, &z, 30);
        let left = Diagram::compose(&g, &f).unwrap().tensor(&Diagram::compose(&k, &h).unwrap());
        let right = Diagram::compose(&g.tensor(&k).unwrap(), &f.tensor(&h).unwrap());
        prop_assert_eq!(left.unwrap().canonical(), right.unwrap().canonical());
    }

    #[test]
    fn swap_is_natural_and_its_own_inverse(seed in any::<u64>()) {
        let mut rng = SplitMix64::new(seed);
        let [a, b, c, d] = [0; 4].map(|_| random_dims(&mut rng, 2));
        let [sa, sb, sc, sd] = [&a, &b, &c, &d].map(|dims| spaces(dims));
        let f = random(&mut rng, &a, &c, 0);
        let g = random(&mut rng, &b, &d, 10);
        let left = Diagram::compose(&Diagram::swap(&sc, &sd), &f.tensor(&g).unwrap()).unwrap();
        let right = Diagram::compose(&g.tensor(&f).unwrap(), &Diagram::swap(&sa, &sb)).unwrap();
        prop_assert_eq!(left.canonical(), right.canonical());
        let twice = Diagram::compose(&Diagram::swap(&sb, &sa), &Diagram::swap(&sa, &sb)).unwrap();
        let both = spaces(&[&a[..], &b].concat());
        prop_assert_eq!(twice.canonical(), Diagram::id(&both).canonical());
    }

    #[test]
    fn daggers_reverse_composition(seed in any::<u64>()) {
        let mut rng = SplitMix64::new(seed);
        let [a, b, c] = [0; 3].map(|_| random_dims(&mut rng, 2));
        let f = random(&mut rng, &a, &b, 0);
        let g = random(&mut rng, &b, &c, 10);
        let left = Diagram::compose(&g, &f).unwrap();
        let right = Diagram::compose(&f.dagger(), &g.dagger()).unwrap();
        prop_assert_eq!(left.dagger().canonical(), right.canonical());
        let right = Diagram::compose(&f.transpose(), &g.transpose()).unwrap();
        prop_assert_eq!(left.transpose().canonical(), right.canonical());
    }

    #[test]
    fn trace_is_cyclic(seed in any::<u64>()) {
        let mut rng = SplitMix64::new(seed);
        let [a, b] = [0; 2].map(|_| random_dims(&mut rng, 2));
        let f = random(&mut rng, &a, &b, 0);
        let g = random(&mut rng, &b, &a, 10);
        let left = Diagram::compose(&g, &f).unwrap().trace(a.len()).unwrap();
        let right = Diagram::compose(&f, &g).unwrap().trace(b.len()).unwrap();
        prop_assert_eq!(left.canonical(), right.canonical());
    }

    #[test]
    fn connected_spiders_fuse(
        dim in 0u64..4, m in 0usize..4, k in 1usize..4, n in 0usize..4,
    ) {
        let space = Space::plain(dim);
        let first = Diagram::spider(&space, m, k);
        let second = Diagram::spider(&space, k, n);
        let fused = Diagram::compose(&second, &first).unwrap();
        prop_assert_eq!(fused.canonical(), Diagram::spider(&space, m, n).canonical());
        assert_close(
            &matrix(&fused, 0),
            &multiply(&matrix(&second, 0), &matrix(&first, 0)),
        );
    }

    #[test]
    fn permutations_compose_as_permutations(seed in any::<u64>(), n in 0usize..6) {
        let mut rng = SplitMix64::new(seed);
        let mut shuffled = || {
            let mut order: Vec<usize> = (0..n).collect();
            for k in (1..n).rev() {
                order.swap(k, rng.below(k as u64 + 1) as usize);
            }
            order
        };
        let (p, q) = (shuffled(), shuffled());
        let dims: Vec<u64> = (2..2 + n as u64).collect();
        let inner: Vec<u64> = p.iter().map(|&k| dims[k]).collect();
        let first = Diagram::permute(&spaces(&dims), &p).unwrap();
        let second = Diagram::permute(&spaces(&inner), &q).unwrap();
        let product: Vec<usize> = q.iter().map(|&k| p[k]).collect();
        let both = Diagram::permute(&spaces(&dims), &product).unwrap();
        prop_assert_eq!(first.then(&second).unwrap().canonical(), both.canonical());
    }
}

#[test]
fn snakes_straighten() {
    for space in [Space::plain(3), Space::upper(2), Space::irrep(3, "+3")] {
        let id = Diagram::id(std::slice::from_ref(&space));
        let left = id.tensor(&Diagram::cap(&space)).unwrap();
        let left = left.compose_after(&Diagram::cup(&space).tensor(&id).unwrap());
        assert_eq!(left.canonical(), id.canonical());
        let dual = Diagram::id(&[space.dual()]);
        let right = Diagram::cap(&space).tensor(&dual).unwrap();
        let right = right.compose_after(&dual.tensor(&Diagram::cup(&space)).unwrap());
        assert_eq!(right.canonical(), dual.canonical());
    }
}

trait ComposeAfter {
    fn compose_after(&self, first: &Diagram) -> Diagram;
}

impl ComposeAfter for Diagram {
    fn compose_after(&self, first: &Diagram) -> Diagram {
        Diagram::compose(self, first).unwrap()
    }
}

#[test]
fn spiders_form_a_special_frobenius_algebra() {
    let space = Space::plain(3);
    let id = Diagram::id(std::slice::from_ref(&space));
    let multiply = Diagram::spider(&space, 2, 1);
    let copy = Diagram::spider(&space, 1, 2);
    assert_eq!(Diagram::spider(&space, 1, 1).canonical(), id.canonical());
    assert_eq!(multiply.compose_after(&copy).canonical(), id.canonical());
    let left = id
        .tensor(&multiply)
        .unwrap()
        .compose_after(&copy.tensor(&id).unwrap());
    let right = multiply
        .tensor(&id)
        .unwrap()
        .compose_after(&id.tensor(&copy).unwrap());
    assert_eq!(left.canonical(), right.canonical());
    assert_eq!(left.canonical(), copy.compose_after(&multiply).canonical());
    // Unit and counit.
    let unit = multiply.compose_after(&id.tensor(&Diagram::spider(&space, 0, 1)).unwrap());
    assert_eq!(unit.canonical(), id.canonical());
}

#[test]
fn closed_loops_are_worth_their_dimension() {
    let space = Space::plain(5);
    let loops = Diagram::id(&[space.clone(), space.clone()])
        .trace(2)
        .unwrap();
    assert_eq!(loops.to_network().scalar, c128::new(25.0, 0.0));
    let five = Diagram::cap(&space).compose_after(&Diagram::cup(&space));
    assert_eq!(
        five.canonical(),
        Diagram::scalar(c128::new(5.0, 0.0)).canonical()
    );
}

#[test]
fn mismatched_boundaries_say_where() {
    let f = Diagram::id(&spaces(&[2, 3]));
    let g = Diagram::id(&spaces(&[2, 4]));
    match Diagram::compose(&g, &f) {
        Err(Error::ShapeMismatch {
            position: 1,
            left: 3,
            right: 4,
            ..
        }) => {}
        other => panic!("{other:?}"),
    }
    let short = Diagram::id(&spaces(&[2]));
    assert!(matches!(
        Diagram::compose(&short, &f),
        Err(Error::ArityMismatch { .. })
    ));
    assert!(matches!(f.trace(3), Err(Error::ArityMismatch { .. })));
    assert!(matches!(f.curry(3), Err(Error::ArityMismatch { .. })));
    assert!(matches!(f.uncurry(3), Err(Error::ArityMismatch { .. })));
    let permuted = Diagram::permute(&spaces(&[2, 3]), &[0, 0]);
    assert!(matches!(permuted, Err(Error::NotAPermutation { .. })));
}

#[test]
fn variances_are_checked_when_both_ends_carry_one() {
    let upper = Diagram::id(&[Space::upper(3)]);
    let lower = Diagram::id(&[Space::lower(3)]);
    let plain = Diagram::id(&[Space::plain(3)]);
    let clash = Diagram::compose(&lower, &upper);
    assert!(matches!(
        clash,
        Err(Error::VarianceMismatch { position: 0, .. })
    ));
    plain.then(&upper).unwrap();
    lower.then(&plain).unwrap();
    // A transposed vector map takes covectors.
    lower.then(&upper.transpose()).unwrap();
    assert_eq!(
        Diagram::cup(&Space::upper(2)).cod_spaces()[1],
        Space::lower(2)
    );
    assert_eq!(Space::irrep(3, "+3").dual(), Space::irrep(3, "-3"));
    assert_eq!(Space::irrep(3, "1o").dual(), Space::irrep(3, "1o"));
    for tag in [
        Variance::Plain,
        Variance::Upper,
        Variance::Irrep("1 o".into()),
    ] {
        assert_eq!(tag.to_string().parse(), Ok(tag));
    }
}

#[test]
fn one_slot_cannot_have_two_shapes() {
    let mut f = Diagram::new();
    let w = f.wire(2);
    f.input("x", 0, &[w]).unwrap();
    let mut g = Diagram::new();
    let w = g.wire(3);
    g.input("x", 0, &[w]).unwrap();
    match f.tensor(&g) {
        Err(Error::SlotConflict {
            slot: 0,
            left,
            right,
        }) => {
            assert_eq!((left, right), (vec![2], vec![3]));
        }
        other => panic!("{other:?}"),
    }
    let apart = f.tensor(&g.shift_slots(1)).unwrap();
    assert_eq!(apart.slots().len(), 2);
}
