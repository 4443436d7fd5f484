//! Layers against integers computed elsewhere by dense brute force: for
//! x[j] = ((7j + 3) mod 11) − 5, w[p] = ((5p + 2) mod 7) − 3 and
//! g[j] = ((4j + 1) mod 13) − 6 the file holds y, the cotangent of x and that
//! of w, or sums and check sums Σ (i + 1) v[i] of them.

use serde_json::Value;
use tensegrity_grad::Variable;
use tensegrity_symmetry::{Basis, Diagram, Group, HomSpace, Layer, Plan};
use tensegrity_tensor::{Array, DType, Tensor};

fn sequence(length: usize, a: usize, b: usize, modulus: usize, shift: f64) -> Vec<f64> {
    (0..length)
        .map(|j| ((a * j + b) % modulus) as f64 - shift)
        .collect()
}

fn check_sum(values: &[f64]) -> f64 {
    values
        .iter()
        .enumerate()
        .map(|(i, v)| (i + 1) as f64 * v)
        .sum()
}

struct Case {
    name: String,
    group: Group,
    n: usize,
    k: usize,
    l: usize,
    basis: Basis,
    value: Value,
}

fn cases() -> Vec<Case> {
    let all: Vec<Value> = serde_json::from_str(include_str!("golden.json")).unwrap();
    assert_eq!(all.len(), 21);
    all.into_iter()
        .map(|value| {
            let name = value["group"].as_str().unwrap().to_owned();
            let number = |key: &str| value[key].as_u64().unwrap() as usize;
            let (group, basis) = match name.as_str() {
                "Sx" => (Group::Symmetric, Basis::Orbit),
                other => (other.parse().unwrap(), Basis::Spanning),
            };
            Case {
                group,
                n: number("n"),
                k: number("k"),
                l: number("l"),
                basis,
                name,
                value,
            }
        })
        .collect()
}

impl Case {
    fn number(&self, key: &str) -> f64 {
        self.value[key].as_f64().unwrap()
    }

    fn diagrams(&self) -> Vec<Diagram> {
        HomSpace::new(self.group, self.n, self.k, self.l)
            .unwrap()
            .diagrams(self.basis)
            .unwrap()
    }

    fn verify(&self, y: &[f64], dx: &[f64], dw: &[f64], how: &str) {
        let at = format!(
            "{how}: {} n={} k={} l={}",
            self.name, self.n, self.k, self.l
        );
        assert_eq!(y.iter().sum::<f64>(), self.number("y_sum"), "{at}");
        assert_eq!(
            y.iter().map(|x| x * x).sum::<f64>(),
            self.number("y_sumsq"),
            "{at}"
        );
        assert_eq!(check_sum(y), self.number("y_chk"), "{at}");
        assert_eq!(check_sum(dx), self.number("dx_chk"), "{at}");
        assert_eq!(dw.iter().sum::<f64>(), self.number("dw_sum"), "{at}");
        assert_eq!(check_sum(dw), self.number("dw_chk"), "{at}");
        for (key, found) in [("y", y), ("dw", dw)] {
            if let Some(list) = self.value[key].as_array() {
                let expected: Vec<f64> = list.iter().map(|x| x.as_f64().unwrap()).collect();
                assert_eq!(found, expected, "{key} of {at}");
            }
        }
    }

    fn data(&self) -> (Vec<f64>, Vec<f64>) {
        let x = sequence(self.n.pow(self.k as u32), 7, 3, 11, 5.0);
        let g = sequence(self.n.pow(self.l as u32), 4, 1, 13, 6.0);
        (x, g)
    }
}

fn array(values: &[f64], n: usize, order: usize, lead: &[usize]) -> Array {
    let mut shape = lead.to_vec();
    shape.extend(vec![n; order]);
    Tensor::from_vec(values.to_vec(), &shape).unwrap().into()
}

#[test]
fn dimensions_and_terms() {
    for case in cases() {
        let space = HomSpace::new(case.group, case.n, case.k, case.l).unwrap();
        assert_eq!(space.dimension().unwrap() as f64, case.number("rank"));
        assert_eq!(case.diagrams().len() as f64, case.number("terms"));
    }
}

#[test]
fn one_diagram_at_a_time() {
    for case in cases() {
        let (x, g) = case.data();
        let diagrams = case.diagrams();
        let w = sequence(diagrams.len(), 5, 2, 7, 3.0);
        let (xs, gs) = (
            array(&x, case.n, case.k, &[]),
            array(&g, case.n, case.l, &[]),
        );
        let mut y = vec![0.0; g.len()];
        let mut dx = vec![0.0; x.len()];
        let mut dw = Vec::new();
        for (diagram, w) in diagrams.iter().zip(&w) {
            let image = diagram.apply(&xs, case.group, case.n).unwrap();
            let image = image.typed::<f64>().unwrap().as_slice().to_vec();
            dw.push(image.iter().zip(&g).map(|(a, b)| a * b).sum());
            y.iter_mut().zip(&image).for_each(|(y, z)| *y += w * z);
            let (transposed, sign) = diagram.transpose();
            let back = transposed.apply(&gs, case.group, case.n).unwrap();
            let back = back.typed::<f64>().unwrap().as_slice().to_vec();
            dx.iter_mut()
                .zip(&back)
                .for_each(|(x, z)| *x += w * f64::from(sign) * z);
        }
        case.verify(&y, &dx, &dw, "apply");
    }
}

#[test]
fn whole_layers_by_every_plan() {
    for case in cases() {
        for plan in [Plan::Auto, Plan::Mixed, Plan::Dense, Plan::Separate] {
            let mut layer = Layer::builder(case.group)
                .size(case.n)
                .input(&[case.k], 1)
                .output(&[case.l], 1)
                .basis(case.basis)
                .plan(plan)
                .build()
                .unwrap();
            let (x, g) = case.data();
            let w = sequence(layer.parameters(), 5, 2, 7, 3.0);
            layer
                .set_weights(0, Tensor::from_vec(w, &[1, 1, layer.parameters()]).unwrap())
                .unwrap();
            let (xs, gs) = (
                array(&x, case.n, case.k, &[1, 1]),
                array(&g, case.n, case.l, &[1, 1]),
            );
            let y = layer.forward(&[&xs]).unwrap().remove(0);
            let (dx, dw) = layer.vjp(&[&xs], &[&gs]).unwrap();
            let slice = |array: &Array| array.typed::<f64>().unwrap().as_slice().to_vec();
            case.verify(
                &slice(&y),
                &slice(&dx[0]),
                &slice(&dw[0]),
                &plan.to_string(),
            );

            // The same through the tape.
            let (v, u) = (Variable::new(xs), layer.variables());
            let y = layer.apply(std::slice::from_ref(&v), &u).unwrap().remove(0);
            let back =
                tensegrity_grad::vjp(&[&y], &[&Variable::constant(gs)], &[&v, &u[0]]).unwrap();
            assert_eq!(slice(back[0].value()), slice(&dx[0]));
            assert_eq!(slice(back[1].value()), slice(&dw[0]));
            assert_eq!(layer.dtype(), DType::F64);
        }
    }
}

#[test]
fn products_of_vectors_and_forms() {
    // For O 2→2: trace times identity, the tensor itself, its transpose.
    let x = array(&[1.0, 2.0, 3.0, 4.0], 2, 2, &[]);
    let image = |text: &str, group: Group| {
        let y = text
            .parse::<Diagram>()
            .unwrap()
            .apply(&x, group, 2)
            .unwrap();
        y.typed::<f64>().unwrap().as_slice().to_vec()
    };
    assert_eq!(
        image("2->2 (0 1)(2 3)", Group::Orthogonal),
        [5.0, 0.0, 0.0, 5.0]
    );
    assert_eq!(
        image("2->2 (0 2)(1 3)", Group::Orthogonal),
        [1.0, 2.0, 3.0, 4.0]
    );
    assert_eq!(
        image("2->2 (0 3)(1 2)", Group::Orthogonal),
        [1.0, 3.0, 2.0, 4.0]
    );
    // For Sp: t·Ω with t = x₀₁ − x₁₀.
    assert_eq!(
        image("2->2 (0 1)(2 3)", Group::Symplectic),
        [0.0, -1.0, 1.0, 0.0]
    );
    // All singletons give the sum, everywhere.
    assert_eq!(image("01|23", Group::Symmetric), [10.0; 4]);
    // A determinant: u × v · w through the symbol, k = n, l = 0.
    let rows = [2.0, 0.0, 1.0, 1.0, 3.0, 0.0, 0.0, 1.0, 1.0];
    let outer =
        Tensor::from_fn(&[3, 3, 3], |i| rows[i[0]] * rows[3 + i[1]] * rows[6 + i[2]]).unwrap();
    let head: Diagram = "3->0 [0 1 2]".parse().unwrap();
    let volume = head
        .apply(&outer.into(), Group::SpecialOrthogonal, 3)
        .unwrap();
    assert_eq!(volume.typed::<f64>().unwrap().as_slice(), [7.0]);
}

#[test]
fn the_hodge_star_twice_is_a_sign() {
    for (n, s) in [(2, 1), (3, 1), (3, 2), (4, 1), (4, 2)] {
        let all: Vec<usize> = (0..n).collect();
        let up = Diagram::free_vertex(s, n - s, &all, &[]).unwrap();
        let down = Diagram::free_vertex(n - s, s, &all, &[]).unwrap();
        let x = sequence(n.pow((n - s) as u32), 7, 3, 11, 5.0);
        let there = up
            .apply(&array(&x, n, n - s, &[]), Group::SpecialOrthogonal, n)
            .unwrap();
        let back = down.apply(&there, Group::SpecialOrthogonal, n).unwrap();
        // ε ε over s legs is s! times the antisymmetriser of n − s legs.
        let terms = down
            .compose_terms(&up, Group::SpecialOrthogonal, n)
            .unwrap();
        let mut expected = vec![0.0; x.len()];
        for (diagram, coefficient) in &terms {
            let part = diagram
                .apply(&array(&x, n, n - s, &[]), Group::SpecialOrthogonal, n)
                .unwrap();
            let part = part.typed::<f64>().unwrap().as_slice().to_vec();
            expected
                .iter_mut()
                .zip(part)
                .for_each(|(e, p)| *e += *coefficient as f64 * p);
        }
        assert_eq!(back.typed::<f64>().unwrap().as_slice(), expected);
        let identity = Diagram::identity(Group::SpecialOrthogonal, n - s).unwrap();
        let own = terms
            .iter()
            .find(|(diagram, _)| *diagram == identity)
            .unwrap()
            .1;
        let factorial: i128 = (1..=s as i128).product();
        let sign = if s * (n - s) % 2 == 0 { 1 } else { -1 };
        assert_eq!(own, sign * factorial, "n = {n}, s = {s}");
    }
}
