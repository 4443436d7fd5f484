//! Identities that hold for any tensors.

use proptest::prelude::*;
use tensegrity_contract::promote::ArrayView;
use tensegrity_contract::{Einsum, Plan, PlanOptions, Program, einsum, einsum_typed, inner};
use tensegrity_diagram::{Diagram, Expression, Generator};
use tensegrity_tensor::{Array, Scalar, SplitMix64, Tensor, View, c128};

fn random<T: Scalar>(seed: u64, shape: &[usize]) -> Tensor<T> {
    SplitMix64::new(seed).normal_tensor(shape)
}

/// Largest difference relative to the largest element.
fn distance<T: Scalar>(x: &Tensor<T>, y: &Tensor<T>) -> f64 {
    assert_eq!(x.shape(), y.shape());
    let pairs = x.as_slice().iter().zip(y.as_slice());
    let gap = pairs
        .map(|(&x, &y)| x.sub(y).abs2().sqrt())
        .fold(0.0, f64::max);
    let size = y
        .as_slice()
        .iter()
        .map(|y| y.abs2().sqrt())
        .fold(0.0, f64::max);
    gap / size.max(1e-300)
}

const EPS: f64 = 1e-12;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_order_of_pairs_gives_the_same(seed: u64, swaps in proptest::collection::vec(0usize..100, 4)) {
        // A ring with a chord, a hyperedge and a batch wire.
        let expression = Expression::parse("abz,bcz,cdz,daz,ac->z").unwrap();
        let shapes: [&[usize]; 5] = [&[2, 3, 4], &[3, 4, 4], &[4, 5, 4], &[5, 2, 4], &[2, 4]];
        let operands: Vec<Tensor<f64>> =
            (0..).zip(shapes).map(|(k, shape)| random(seed.wrapping_add(k), shape)).collect();
        let views: Vec<View<'_, f64>> = operands.iter().map(Tensor::view).collect();
        let strides: Vec<&[isize]> = views.iter().map(View::strides).collect();
        let bound = expression.bind(&shapes).unwrap();
        let mut live: Vec<usize> = (0..5).collect();
        let path: Vec<(usize, usize)> = swaps
            .iter()
            .zip(5..)
            .map(|(&swap, next)| {
                let left = live.remove(swap % live.len());
                let right = live.remove(swap / 7 % live.len());
                live.push(next);
                (left, right)
            })
            .collect();
        let dtype = tensegrity_tensor::DType::F64;
        let program = Program::compile(&bound.network, &path, &strides, &[1], dtype).unwrap();
        let found = program.run(&views).unwrap();
        let wanted = einsum_typed("abz,bcz,cdz,daz,ac->z", &views).unwrap();
        prop_assert!(distance(&found, &wanted) < EPS);
    }

    #[test]
    fn linear_in_each_operand(seed: u64, s in -2.0..2.0f64) {
        let a: Tensor<f64> = random(seed, &[3, 4, 3]);
        let b: Tensor<f64> = random(seed ^ 1, &[4, 3, 5]);
        let c: Tensor<f64> = random(seed ^ 2, &[4, 3, 5]);
        let mixed = Tensor::from_fn(&[4, 3, 5], |i| b.get(i).unwrap() + s * c.get(i).unwrap()).unwrap();
        let apply = |x: &Tensor<f64>| einsum_typed("ijk,jkl->il", &[a.view(), x.view()]).unwrap();
        let (of_b, of_c) = (apply(&b), apply(&c));
        let wanted =
            Tensor::from_fn(&[3, 5], |i| of_b.get(i).unwrap() + s * of_c.get(i).unwrap()).unwrap();
        prop_assert!(distance(&apply(&mixed), &wanted) < EPS);
    }

    #[test]
    fn products_of_kronecker_products(seed: u64) {
        let [a, b]: [Tensor<f64>; 2] = [0, 1].map(|k| random(seed ^ k, &[3, 4]));
        let [c, d]: [Tensor<f64>; 2] = [2, 3].map(|k| random(seed ^ k, &[4, 2]));
        // (A ⊗ B)(C ⊗ D) = AC ⊗ BD
        let kron = |x: &Tensor<f64>, y: &Tensor<f64>| {
            einsum("i j, k l -> (i k) (j l)", &[x, y]).unwrap().typed::<f64>().unwrap().clone()
        };
        let dot = |x: &Tensor<f64>, y: &Tensor<f64>| einsum_typed("ij,jk->ik", &[x.view(), y.view()]).unwrap();
        prop_assert!(distance(&dot(&kron(&a, &b), &kron(&c, &d)), &kron(&dot(&a, &c), &dot(&b, &d))) < EPS);
    }

    #[test]
    fn traces_are_cyclic(seed: u64) {
        let a: Tensor<c128> = random(seed, &[3, 4]);
        let b: Tensor<c128> = random(seed ^ 1, &[4, 5]);
        let c: Tensor<c128> = random(seed ^ 2, &[5, 3]);
        let (a, b, c) = (a.view(), b.view(), c.view());
        let one = einsum_typed("ij,jk,ki->", &[a.clone(), b.clone(), c.clone()]).unwrap();
        let two = einsum_typed("ij,jk,ki->", &[b, c, a]).unwrap();
        prop_assert!(distance(&one, &two) < 1e-11);
    }

    #[test]
    fn adjoints(seed: u64) {
        // ⟨x, A y⟩ = ⟨A† x, y⟩, complex.
        let a: Tensor<c128> = random(seed, &[4, 6]);
        let x: Tensor<c128> = random(seed ^ 1, &[4]);
        let y: Tensor<c128> = random(seed ^ 2, &[6]);
        let ay = einsum_typed("ij,j->i", &[a.view(), y.view()]).unwrap();
        let conj = a.map(|z| z.conj());
        let ax = einsum_typed("ij,i->j", &[conj.view(), x.view()]).unwrap();
        let left = inner(&x, &ay).unwrap();
        let right = inner(&ax, &y).unwrap();
        prop_assert!(distance(left.typed::<c128>().unwrap(), right.typed::<c128>().unwrap()) < 1e-11);
        let norm = inner(&x, &x).unwrap();
        let norm = norm.typed::<c128>().unwrap().as_slice()[0];
        prop_assert!((norm.re.sqrt() - x.norm()).abs() < 1e-12 && norm.im == 0.0);
    }

    #[test]
    fn a_batch_is_a_loop(seed: u64, m in 1usize..6, n in 1usize..6, k in 1usize..6, batch in 1usize..70) {
        let a: Tensor<f64> = random(seed, &[batch, m, k]);
        let b: Tensor<f64> = random(seed ^ 1, &[batch, k, n]);
        let whole = einsum_typed("bik,bkj->bij", &[a.view(), b.view()]).unwrap();
        for item in 0..batch {
            let (a, b) = (a.view().indexed(0, item).unwrap(), b.view().indexed(0, item).unwrap());
            let one = einsum_typed("ik,kj->ij", &[a, b]).unwrap();
            let part = whole.view().indexed(0, item).unwrap().to_tensor();
            prop_assert!(distance(&part, &one) < EPS);
        }
    }

    #[test]
    fn threads_do_not_change_a_bit(seed: u64, which in 0usize..5) {
        let (expression, shapes): (&str, [&[usize]; 2]) = [
            ("abcd,dbea->ec", [&[13, 9, 24, 17], &[17, 9, 40, 13]] as [&[usize]; 2]),
            ("ij,ijk->k", [&[50, 40], &[50, 40, 300]]),
            ("ijk,ik->ij", [&[30, 300, 70], &[30, 70]]),
            ("bij,bjk->bik", [&[20_000, 3, 3], &[20_000, 3, 3]]),
            ("ijk,kl->lji", [&[20, 90, 33], &[33, 81]]),
        ][which];
        let a: Tensor<f64> = random(seed, shapes[0]);
        let b: Tensor<f64> = random(seed ^ 1, shapes[1]);
        let run = |threads| {
            tensegrity_tensor::set_threads(threads);
            let result = einsum_typed(expression, &[a.view(), b.view()]).unwrap();
            tensegrity_tensor::set_threads(1);
            result
        };
        let bits = |x: &Tensor<f64>| x.as_slice().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        let one = bits(&run(1));
        for threads in [2, 3] {
            prop_assert_eq!(&bits(&run(threads)), &one);
        }
    }
}

#[test]
fn counting_is_exact() {
    // 8×8 domino tilings by transfer matrices over rows: an independent-bond
    // network would be larger; the count is Kasteleyn's 12988816.
    let width = 8;
    let states = 1usize << width;
    // From the cells stuck out of one row to those stuck out of the next.
    let mut transfer = vec![0i64; states * states];
    fn fill(column: usize, width: usize, taken: usize, next: usize, row: &mut [i64]) {
        if column == width {
            row[next] += 1;
            return;
        }
        if taken >> column & 1 == 1 {
            fill(column + 1, width, taken, next, row);
            return;
        }
        fill(column + 1, width, taken, next | 1 << column, row);
        if column + 1 < width && taken >> (column + 1) & 1 == 0 {
            fill(column + 2, width, taken, next, row);
        }
    }
    for taken in 0..states {
        fill(
            0,
            width,
            taken,
            0,
            &mut transfer[taken * states..(taken + 1) * states],
        );
    }
    let transfer = Tensor::from_vec(transfer, &[states, states]).unwrap();
    let end = Tensor::from_fn(&[states], |i| i64::from(i[0] == 0)).unwrap();
    let mut operands: Vec<View<'_, i64>> = vec![end.view()];
    operands.extend((0..8).map(|_| transfer.view()));
    operands.push(end.view());
    let tilings = einsum_typed("a,ab,bc,cd,de,ef,fg,gh,hi,i->", &operands).unwrap();
    assert_eq!(tilings.as_slice(), [12_988_816]);
}

#[test]
fn independent_sets_of_the_petersen_graph() {
    // One wire a vertex, one "not both" matrix an edge: 76 independent sets.
    let edge = Tensor::from_vec(vec![1i64, 1, 1, 0], &[2, 2]).unwrap();
    let outer = (0..5u32).map(|k| [k, (k + 1) % 5]);
    let spokes = (0..5u32).map(|k| [k, k + 5]);
    let inner = (0..5u32).map(|k| [k + 5, (k + 2) % 5 + 5]);
    let edges: Vec<[u32; 2]> = outer.chain(spokes).chain(inner).collect();
    let terms: Vec<&[u32]> = edges.iter().map(|e| e.as_slice()).collect();
    let expression = Expression::from_ids(&terms, &[]).unwrap();
    let shapes: Vec<&[usize]> = edges.iter().map(|_| [2usize, 2].as_slice()).collect();
    let plan = Einsum::from(expression)
        .plan(&shapes, &PlanOptions::default())
        .unwrap();
    let operands: Vec<View<'_, i64>> = edges.iter().map(|_| edge.view()).collect();
    assert_eq!(plan.run_typed(&operands).unwrap().as_slice(), [76]);
}

#[test]
fn diagrams_run_as_their_definition() {
    // cod i, dom k; A(i,j,j') with a spider copying j, a scalar, a conjugate and ε.
    let mut d = Diagram::new();
    let (i, j, k, l) = (d.wire(3), d.wire(3), d.wire(3), d.wire(3));
    d.input("A", 0, &[i, j, j]).unwrap();
    let b = d.input("B", 1, &[j, k]).unwrap();
    d.set_conj(b, true);
    d.generator(Generator::LeviCivita { n: 3 }, &[k, l, i])
        .unwrap();
    d.set_cod(&[i, l]).unwrap();
    d.set_dom(&[k]).unwrap();
    let a: Array = random::<c128>(1, &[3, 3, 3]).into();
    let b: Array = random::<c128>(2, &[3, 3]).into();
    let wanted = tensegrity_diagram::evaluate_naive(&d, &[a.clone(), b.clone()]).unwrap();
    let views = [ArrayView::from(&a), ArrayView::from(&b)];
    let found = tensegrity_contract::run_diagram(&d, &views, &PlanOptions::default()).unwrap();
    assert!(distance(found.typed::<c128>().unwrap(), &wanted) < EPS);
}

#[test]
fn progress_grows_from_nothing_to_all() {
    let operands = [[4, 60], [60, 30], [30, 5]].map(|shape| random::<f64>(3, &shape));
    let shapes: Vec<&[usize]> = operands.iter().map(Tensor::shape).collect();
    let plan = Einsum::parse("ab,bc,cd->ad").unwrap();
    let plan = plan.plan(&shapes, &PlanOptions::default()).unwrap();
    let views: Vec<ArrayView<'_>> = operands.iter().map(ArrayView::from).collect();
    let mut told = Vec::new();
    let found = plan.run_with_progress(&views, &mut |part| told.push(part));
    assert_eq!(found.unwrap(), plan.run(&views).unwrap());
    assert_eq!((told.len(), told[0], told[2]), (3, 0.0, 1.0));
    assert!(told[0] < told[1] && told[1] < told[2]);
}

#[test]
fn plans_outlive_their_expression() {
    let shapes: [&[usize]; 3] = [&[2, 3], &[3, 4], &[4, 2]];
    let bound = Expression::parse("ij,jk,ki->")
        .unwrap()
        .bind(&shapes)
        .unwrap();
    let plan = Plan::new(&bound.network, &PlanOptions::default()).unwrap();
    let again = Plan::from_json(&plan.to_json()).unwrap();
    assert_eq!(again.pairs(), plan.pairs());
}

#[test]
fn a_unitary_leaves_the_norm_alone() {
    // The Fourier matrix of order 5, applied to one mode of a tensor.
    let unit = std::f64::consts::TAU / 5.0;
    let fourier = Tensor::from_fn(&[5, 5], |at| {
        c128::from_polar(1.0 / 5f64.sqrt(), unit * (at[0] * at[1]) as f64)
    })
    .unwrap();
    let x = random::<c128>(7, &[3, 5, 4]);
    let turned = tensegrity_contract::einsum_typed("uj,ijk->iuk", &[fourier.view(), x.view()]);
    let norm = turned.unwrap().norm();
    assert!((norm / x.norm() - 1.0).abs() < 1e-14, "{norm}");
}
