//! The laws of the diagram categories, and composition in numbers.

use proptest::prelude::*;
use tensegrity_symmetry::{Basis, Diagram, Group, HomSpace};
use tensegrity_tensor::Tensor;

fn product(a: &Tensor<f64>, b: &Tensor<f64>) -> Vec<f64> {
    let (rows, inner, columns) = (a.shape()[0], a.shape()[1], b.shape()[1]);
    let mut c = vec![0.0; rows * columns];
    for i in 0..rows {
        for k in 0..inner {
            for j in 0..columns {
                c[i * columns + j] += a.as_slice()[i * inner + k] * b.as_slice()[k * columns + j];
            }
        }
    }
    c
}

fn kronecker(a: &Tensor<f64>, b: &Tensor<f64>) -> Vec<f64> {
    let mut c = Vec::new();
    let (ca, cb) = (a.shape()[1], b.shape()[1]);
    for i in 0..a.shape()[0] {
        for k in 0..b.shape()[0] {
            for j in 0..ca {
                for l in 0..cb {
                    c.push(a.as_slice()[i * ca + j] * b.as_slice()[k * cb + l]);
                }
            }
        }
    }
    c
}

fn scaled(matrix: &Tensor<f64>, factor: f64) -> Vec<f64> {
    matrix.as_slice().iter().map(|x| x * factor).collect()
}

fn parse(text: &str) -> Diagram {
    text.parse().unwrap()
}

#[test]
fn composites_of_partitions_are_the_published_examples() {
    for (a, b, ab, loops) in [
        ("01|20", "01|00", "01|22", 0),
        ("01|233", "012|0", "01|2", 1),
        ("01|230", "011|2", "01|2", 1),
        ("|001", "012|12", "|01", 0),
    ] {
        let found = parse(a).compose(&parse(b), Group::Symmetric, 3).unwrap();
        assert_eq!(
            (found.diagram.to_string().as_str(), found.loops, found.sign),
            (ab, loops, 1)
        );
    }
}

#[test]
fn symplectic_composites_carry_their_signs() {
    for (a, b, ab, loops, sign) in [
        ("3->1 (0 3)(1 2)", "1->3 (0 1)(2 3)", "1->1 (0 1)", 1, 1),
        ("4->0 (0 1)(2 3)", "0->4 (0 3)(1 2)", "0->0", 1, -1),
        ("4->0 (0 3)(1 2)", "0->4 (0 3)(1 2)", "0->0", 2, 1),
        ("4->0 (0 2)(1 3)", "0->4 (0 3)(1 2)", "0->0", 1, 1),
    ] {
        let found = parse(a).compose(&parse(b), Group::Symplectic, 4).unwrap();
        assert_eq!(
            (found.diagram.to_string().as_str(), found.loops, found.sign),
            (ab, loops, sign),
            "{a} after {b}"
        );
    }
}

#[test]
fn bent_twice_a_symplectic_strand_changes_sign() {
    let (one, cup, cap) = (
        parse("1->1 (0 1)"),
        parse("0->2 (0 1)"),
        parse("2->0 (0 1)"),
    );
    let upper = one.tensor(&cap).unwrap();
    let lower = cup.tensor(&one).unwrap();
    let snake = upper.compose(&lower, Group::Symplectic, 4).unwrap();
    assert_eq!((snake.diagram, snake.loops, snake.sign), (one, 0, -1));
}

/// Groups with sizes whose matrices are small.
fn groups() -> impl Strategy<Value = (Group, usize)> {
    prop::sample::select(vec![
        (Group::Symmetric, 2),
        (Group::Symmetric, 3),
        (Group::Alternating, 2),
        (Group::Alternating, 3),
        (Group::Orthogonal, 3),
        (Group::SpecialOrthogonal, 2),
        (Group::SpecialOrthogonal, 3),
        (Group::Symplectic, 2),
        (Group::Symplectic, 4),
    ])
}

fn pick(group: Group, n: usize, k: usize, l: usize, seed: u64) -> Option<Diagram> {
    let space = HomSpace::new(group, n, k, l).unwrap();
    let count = space.count().unwrap();
    (count > 0).then(|| space.unrank(u128::from(seed) % count).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn composition_is_the_matrix_product(
        (group, n) in groups(), k in 0usize..4, middle in 0usize..4, l in 0usize..4,
        s in any::<u64>(), t in any::<u64>()
    ) {
        let (Some(a), Some(b)) = (pick(group, n, middle, l, s), pick(group, n, k, middle, t)) else { return Ok(()) };
        let (ma, mb) = (a.matrix(group, n).unwrap(), b.matrix(group, n).unwrap());
        let mut sum = vec![0.0; ma.shape()[0] * mb.shape()[1]];
        for (diagram, coefficient) in a.compose_terms(&b, group, n).unwrap() {
            let matrix = diagram.matrix(group, n).unwrap();
            for (x, y) in sum.iter_mut().zip(matrix.as_slice()) { *x += coefficient as f64 * y; }
        }
        prop_assert_eq!(&sum, &product(&ma, &mb), "{} after {}", &a, &b);
        if let Ok(one) = a.compose(&b, group, n) {
            let factor = f64::from(one.sign) * (n as f64).powi(one.loops as i32);
            prop_assert_eq!(scaled(&one.diagram.matrix(group, n).unwrap(), factor), sum);
        }
    }

    #[test]
    fn tensor_transpose_and_factors_are_those_of_matrices(
        (group, n) in groups(), k in 0usize..4, l in 0usize..3, s in any::<u64>(), t in any::<u64>()
    ) {
        let Some(a) = pick(group, n, k, l, s) else { return Ok(()) };
        let matrix = a.matrix(group, n).unwrap();
        let (upside, sign) = a.transpose();
        let turned = matrix.view().permuted(&[1, 0]).unwrap().to_tensor();
        prop_assert_eq!(scaled(&upside.matrix(group, n).unwrap(), f64::from(sign)), turned.as_slice());
        prop_assert_eq!(upside.transpose().0, a.clone());

        let factored = a.factor();
        let left = Diagram::permutation(group, &factored.outputs).unwrap().matrix(group, n).unwrap();
        let right = Diagram::permutation(group, &factored.inputs).unwrap().matrix(group, n).unwrap();
        let planar = factored.planar.matrix(group, n).unwrap();
        let inner = Tensor::from_vec(product(&planar, &right), &[left.shape()[1], right.shape()[1]]).unwrap();
        let whole: Vec<f64> = product(&left, &inner).iter().map(|x| x * f64::from(factored.sign)).collect();
        prop_assert_eq!(whole, matrix.as_slice());

        let Some(b) = pick(group, n, 1, 1, t) else { return Ok(()) };
        let both = a.tensor(&b).unwrap();
        let expected = kronecker(&matrix, &b.matrix(group, n).unwrap());
        prop_assert_eq!(scaled(&both.matrix(group, n).unwrap(), 1.0), expected);
        prop_assert_eq!(both.to_string().parse::<Diagram>().unwrap(), both);
    }

    #[test]
    fn composition_is_associative_and_interchanges_with_the_tensor_product(
        (group, n) in groups(), orders in prop::array::uniform4(0usize..3), seeds in prop::array::uniform4(any::<u64>())
    ) {
        prop_assume!(matches!(group, Group::Symmetric | Group::Orthogonal | Group::Symplectic));
        let [p, q, r, s] = orders;
        let (Some(a), Some(b), Some(c)) = (
            pick(group, n, q, p, seeds[0]), pick(group, n, r, q, seeds[1]), pick(group, n, s, r, seeds[2]),
        ) else { return Ok(()) };
        let ab = a.compose(&b, group, n).unwrap();
        let ab_c = ab.diagram.compose(&c, group, n).unwrap();
        let bc = b.compose(&c, group, n).unwrap();
        let a_bc = a.compose(&bc.diagram, group, n).unwrap();
        prop_assert_eq!(&ab_c.diagram, &a_bc.diagram);
        prop_assert_eq!(ab.loops + ab_c.loops, bc.loops + a_bc.loops);
        prop_assert_eq!(ab.sign * ab_c.sign, bc.sign * a_bc.sign);

        // (a ⊗ c') ∘ (b ⊗ d) = (a ∘ b) ⊗ (c' ∘ d)
        let (Some(e), Some(d)) = (pick(group, n, q, p, seeds[3]), pick(group, n, r, q, seeds[2])) else { return Ok(()) };
        let ed = e.compose(&d, group, n).unwrap();
        let left = a.tensor(&e).unwrap().compose(&b.tensor(&d).unwrap(), group, n).unwrap();
        prop_assert_eq!(left.diagram, ab.diagram.tensor(&ed.diagram).unwrap());
        prop_assert_eq!(left.loops, ab.loops + ed.loops);
        prop_assert_eq!(left.sign, ab.sign * ed.sign);

        let identity = Diagram::identity(group, p).unwrap();
        prop_assert_eq!(identity.compose(&a, group, n).unwrap().diagram, a);
    }

    #[test]
    fn the_spine_runs_the_same_diagrams((group, n) in groups(), k in 0usize..4, l in 0usize..3, s in any::<u64>()) {
        let Some(a) = pick(group, n, k, l, s) else { return Ok(()) };
        let x = Tensor::from_fn(&vec![n; k], |i| {
            let flat = i.iter().fold(0, |flat, &j| flat * n + j);
            ((7 * flat + 3) % 11) as f64 - 5.0
        }).unwrap();
        let y = a.contract(&x, group, n).unwrap();
        let column = Tensor::from_vec(x.as_slice().to_vec(), &[x.len(), 1]).unwrap();
        let expected = product(&a.matrix(group, n).unwrap(), &column);
        prop_assert_eq!(y.shape(), vec![n; l]);
        prop_assert_eq!(y.typed::<f64>().unwrap().as_slice(), &expected[..]);
        let spine = a.to_diagram(group, n).unwrap();
        prop_assert_eq!(spine.cod().len(), l);
        prop_assert_eq!(spine.dom().len(), k);
    }
}

/// Commuting with random group elements on both sides, diagram by diagram.
#[test]
fn reduced_diagrams_span_all_equivariant_maps_of_small_symmetric_groups() {
    for (n, k, l) in [(2, 2, 2), (3, 1, 2), (3, 2, 1), (4, 1, 1)] {
        let space = HomSpace::new(Group::Symmetric, n, k, l).unwrap();
        let mut rows: Vec<Vec<f64>> = space
            .diagrams(Basis::Reduced)
            .unwrap()
            .iter()
            .map(|d| d.matrix(Group::Symmetric, n).unwrap().as_slice().to_vec())
            .collect();
        assert_eq!(rank(&mut rows) as u128, space.dimension().unwrap());
        // Orbits of index tuples, counted by Burnside's lemma over all permutations.
        let mut order: Vec<usize> = (0..n).collect();
        let mut fixed = 0u128;
        let mut size = 0u128;
        permute(&mut order, 0, &mut |g| {
            let points = g.iter().enumerate().filter(|(i, j)| *i == **j).count() as u128;
            fixed += points.pow((k + l) as u32);
            size += 1;
        });
        assert_eq!(fixed / size, space.dimension().unwrap());
    }
}

fn permute(items: &mut Vec<usize>, at: usize, visit: &mut impl FnMut(&[usize])) {
    if at == items.len() {
        visit(items);
    }
    for other in at..items.len() {
        items.swap(at, other);
        permute(items, at + 1, visit);
        items.swap(at, other);
    }
}

fn rank(rows: &mut [Vec<f64>]) -> usize {
    let mut rank = 0;
    let columns = rows.first().map_or(0, Vec::len);
    for column in 0..columns {
        let Some(pivot) = (rank..rows.len()).find(|&r| rows[r][column].abs() > 1e-9) else {
            continue;
        };
        rows.swap(rank, pivot);
        for r in rank + 1..rows.len() {
            let factor = rows[r][column] / rows[rank][column];
            for c in column..columns {
                rows[r][c] -= factor * rows[rank][c];
            }
        }
        rank += 1;
    }
    rank
}
