//! Automorphisms, orbits, layers and bilabelled graphs against known values.

use std::collections::HashSet;

use tensegrity_symmetry::graph::{
    BilabelledGraph, Graph, GraphLayer, GraphLayerPlan, Permutation, PermutationGroup, TupleOrbits,
    automorphisms, bilabelled_basis,
};
use tensegrity_tensor::{SplitMix64, Tensor};

fn graph(n: usize, edges: &[(usize, usize)]) -> Graph {
    Graph::from_edges(n, edges, false).unwrap()
}

fn path(n: usize) -> Graph {
    let edges: Vec<_> = (1..n).map(|i| (i - 1, i)).collect();
    graph(n, &edges)
}

fn petersen() -> Graph {
    let mut edges = Vec::new();
    for i in 0..5 {
        edges.extend([(i, (i + 1) % 5), (i, i + 5), (i + 5, (i + 2) % 5 + 5)]);
    }
    graph(10, &edges)
}

fn named() -> Vec<(&'static str, Graph, u128, [usize; 6])> {
    let cube: Vec<_> = (0..8_usize)
        .flat_map(|i| [1, 2, 4].map(|bit| (i, i ^ bit)))
        .collect();
    let prism = [
        (0, 1),
        (1, 2),
        (2, 0),
        (3, 4),
        (4, 5),
        (5, 3),
        (0, 3),
        (1, 4),
        (2, 5),
    ];
    // Orders and numbers of orbits on m-tuples, m = 0, …, 5, by brute force
    // over all permutations.
    vec![
        ("P3", path(3), 2, [1, 2, 5, 14, 41, 122]),
        ("P4", path(4), 2, [1, 2, 8, 32, 128, 512]),
        ("C4", Graph::cycle(4).unwrap(), 8, [1, 1, 3, 10, 36, 136]),
        ("C5", Graph::cycle(5).unwrap(), 10, [1, 1, 3, 13, 63, 313]),
        ("K4", Graph::complete(4).unwrap(), 24, [1, 1, 2, 5, 15, 51]),
        (
            "K1,3",
            graph(4, &[(0, 1), (0, 2), (0, 3)]),
            6,
            [1, 2, 5, 15, 51, 187],
        ),
        ("paw", paw(), 2, [1, 3, 10, 36, 136, 528]),
        (
            "2K2",
            graph(4, &[(0, 1), (2, 3)]),
            8,
            [1, 1, 3, 10, 36, 136],
        ),
        ("prism", graph(6, &prism), 12, [1, 1, 4, 20, 112, 656]),
        ("Petersen", petersen(), 120, [1, 1, 3, 15, 107, 923]),
        ("cube", graph(8, &cube), 48, [1, 1, 4, 20, 120, 816]),
    ]
}

fn paw() -> Graph {
    graph(4, &[(0, 1), (1, 2), (0, 2), (2, 3)])
}

/// All elements, by closing the generators under products.
fn elements(group: &PermutationGroup) -> Vec<Permutation> {
    let mut found = vec![Permutation::identity(group.n())];
    let mut seen: HashSet<Permutation> = found.iter().cloned().collect();
    let mut next = 0;
    while next < found.len() {
        for generator in group.generators() {
            let product = found[next].compose(generator);
            if seen.insert(product.clone()) {
                found.push(product);
            }
        }
        next += 1;
    }
    found
}

fn is_automorphism(graph: &Graph, p: &Permutation) -> bool {
    let n = graph.n();
    (0..n).all(|i| {
        (0..n).all(|j| graph.edge_colour(i, j) == graph.edge_colour(p.image(i), p.image(j)))
    })
}

#[test]
fn orders_and_orbits_of_known_graphs() {
    for (name, graph, order, orbits) in named() {
        let group = automorphisms(&graph).unwrap();
        assert_eq!(group.order().unwrap(), order, "{name}");
        assert!(
            group
                .generators()
                .iter()
                .all(|g| is_automorphism(&graph, g)),
            "{name}"
        );
        let all = elements(&group);
        assert_eq!(
            all.len() as u128,
            order,
            "{name}: generators and order disagree"
        );
        for (m, &count) in orbits.iter().enumerate() {
            let found = TupleOrbits::new(&group, m).unwrap();
            assert_eq!(found.count(), count, "{name}, m = {m}");
            assert_eq!(
                found.sizes().iter().sum::<u64>(),
                (graph.n() as u64).pow(m as u32)
            );
            // Burnside: the mean number of fixed tuples.
            let fixed: u64 = all
                .iter()
                .map(|g| (0..graph.n()).filter(|&v| g.image(v) == v).count() as u64)
                .map(|points| points.pow(m as u32))
                .sum();
            assert_eq!(fixed, count as u64 * all.len() as u64, "{name}, m = {m}");
        }
    }
}

#[test]
fn the_stabiliser_chain_agrees_with_schreier_and_sims() {
    let mut graphs: Vec<Graph> = named().into_iter().map(|(_, graph, ..)| graph).collect();
    // The rook's graph 4×4 and that of Shrikhande: strongly regular, 1152 and 192.
    let rook: Vec<_> = pairs(16, |a, b| a / 4 == b / 4 || a % 4 == b % 4);
    let shrikhande = pairs(16, |a, b| {
        let d = ((b / 4 + 4 - a / 4) % 4, (b % 4 + 4 - a % 4) % 4);
        [(0, 1), (0, 3), (1, 0), (3, 0), (1, 1), (3, 3)].contains(&d)
    });
    graphs.extend([
        graph(16, &rook),
        graph(16, &shrikhande),
        Graph::new(9, false).unwrap(),
    ]);
    // Two cycles and a directed one.
    let directed: Vec<_> = (0..7).map(|i| (i, (i + 1) % 7)).collect();
    graphs.push(Graph::from_edges(7, &directed, true).unwrap());
    let orders: Vec<u128> = graphs
        .iter()
        .map(|graph| {
            let group = automorphisms(graph).unwrap();
            let generators = group.generators().to_vec();
            let again = PermutationGroup::from_generators(graph.n(), generators).unwrap();
            assert_eq!(group.order().unwrap(), again.order().unwrap());
            group.order().unwrap()
        })
        .collect();
    assert_eq!(orders[11..], [1152, 192, 362_880, 7]);
}

fn pairs(n: usize, joined: impl Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
    (0..n)
        .flat_map(|b| (0..b).map(move |a| (a, b)))
        .filter(|&(a, b)| joined(a, b))
        .collect()
}

#[test]
fn colours_and_directions_break_symmetry() {
    let order = |graph: &Graph| automorphisms(graph).unwrap().order().unwrap();
    let square = Graph::cycle(4).unwrap();
    assert_eq!(
        order(&square.clone().with_vertex_colours(&[1, 0, 0, 0]).unwrap()),
        2
    );
    let edges = [(0, 1, 1), (1, 2, 2), (2, 3, 1), (3, 0, 2)];
    assert_eq!(
        order(&Graph::from_coloured_edges(4, &edges, false).unwrap()),
        4
    );
    let turning: Vec<_> = (0..4).map(|i| (i, (i + 1) % 4)).collect();
    assert_eq!(order(&Graph::from_edges(4, &turning, true).unwrap()), 4);
    // A loop is seen.
    assert_eq!(order(&graph(3, &[(0, 0)])), 2);
    // A graph without symmetry, and random ones against all permutations.
    let rigid = graph(6, &[(0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (2, 5)]);
    assert_eq!(order(&rigid), brute_force(&rigid));
    let mut seed = SplitMix64::derived(5, 0);
    for case in 0..60 {
        let n = 2 + case % 5;
        let edges: Vec<_> = (0..n * n)
            .filter_map(|e| {
                let colour = seed.below(4) as u32;
                (colour > 1).then_some((e / n, e % n, colour))
            })
            .collect();
        let random = Graph::from_coloured_edges(n, &edges, true).unwrap();
        assert_eq!(order(&random), brute_force(&random), "{edges:?}");
    }
}

fn brute_force(graph: &Graph) -> u128 {
    fn extend(graph: &Graph, images: &mut Vec<usize>) -> u128 {
        if images.len() == graph.n() {
            let p = Permutation::from_images(images).unwrap();
            return u128::from(is_automorphism(graph, &p));
        }
        let mut sum = 0;
        for v in 0..graph.n() {
            if !images.contains(&v) {
                images.push(v);
                sum += extend(graph, images);
                images.pop();
            }
        }
        sum
    }
    extend(graph, &mut Vec::new())
}

#[test]
fn large_cycles_have_their_dihedral_group() {
    let group = automorphisms(&Graph::cycle(512).unwrap()).unwrap();
    assert_eq!(group.order().unwrap(), 1024);
    assert_eq!(TupleOrbits::new(&group, 2).unwrap().count(), 257);
    assert!(TupleOrbits::new(&group, 4).is_err(), "beyond the limit");
    let wide = automorphisms(&Graph::new(60, false).unwrap()).unwrap();
    assert!(wide.order().is_err(), "60! needs more than 128 bits");
    assert!(
        wide.order_decimal()
            .unwrap()
            .starts_with("8320987112741390144276341183223364380754")
    );
}

/// x\[b, c, permuted J\]: the action of a permutation on features.
fn acted(x: &Tensor<f64>, p: &Permutation) -> Tensor<f64> {
    let inverse = p.inverse();
    Tensor::from_fn(x.shape(), |index| {
        let mut from = index.to_vec();
        from[2..].iter_mut().for_each(|i| *i = inverse.image(*i));
        x.get(&from).unwrap()
    })
    .unwrap()
}

fn close(a: &Tensor<f64>, b: &Tensor<f64>, terms: usize) {
    assert_eq!(a.shape(), b.shape());
    let size = a.as_slice().iter().fold(1.0_f64, |m, x| m.max(x.abs()));
    for (a, b) in a.as_slice().iter().zip(b.as_slice()) {
        assert!(
            (a - b).abs() <= 8.0 * f64::EPSILON * terms as f64 * size,
            "{a} {b}"
        );
    }
}

#[test]
fn layers_are_their_matrices_and_commute() {
    let mut seed = SplitMix64::derived(3, 0);
    let cases = [
        (petersen(), 1, 1),
        (paw(), 2, 1),
        (paw(), 1, 2),
        (Graph::cycle(5).unwrap(), 2, 2),
        (path(3), 0, 2),
        (path(3), 2, 0),
    ];
    for (graph, k, l) in cases {
        let n = graph.n();
        let group = automorphisms(&graph).unwrap();
        let mut layer = GraphLayer::new(&group, k, l, 3, 2, true, 7).unwrap();
        let biases = layer.bias().unwrap().shape().to_vec();
        layer.set_bias(seed.normal_tensor(&biases)).unwrap();
        let shape = |channels: usize, order: usize| {
            let mut shape = vec![4, channels];
            shape.resize(2 + order, n);
            shape
        };
        let x = seed.normal_tensor::<f64>(&shape(3, k));
        let g = seed.normal_tensor::<f64>(&shape(2, l));
        let terms = n.pow((k + l) as u32) * 12;

        // By the definition.
        let orbits = TupleOrbits::new(&group, k + l).unwrap();
        let bias_orbits = TupleOrbits::new(&group, l).unwrap();
        let columns = n.pow(k as u32);
        let points = n.pow(l as u32);
        let (w, c) = (layer.weights().as_slice(), layer.bias().unwrap().as_slice());
        let count = orbits.count();
        let mut y = Tensor::<f64>::zeros(&shape(2, l)).unwrap();
        let mut dx = Tensor::<f64>::zeros(&shape(3, k)).unwrap();
        let mut dw = vec![0.0; w.len()];
        let mut dc = vec![0.0; c.len()];
        for b in 0..4 {
            for o in 0..2 {
                for row in 0..points {
                    let to = (b * 2 + o) * points + row;
                    let cotangent = g.as_slice()[to];
                    let orbit = o * bias_orbits.count() + bias_orbits.ids()[row] as usize;
                    let mut sum = c[orbit];
                    dc[orbit] += cotangent;
                    for i in 0..3 {
                        for column in 0..columns {
                            let from = (b * 3 + i) * columns + column;
                            let weight =
                                (o * 3 + i) * count + orbits.ids()[row * columns + column] as usize;
                            sum += w[weight] * x.as_slice()[from];
                            let slot: &mut [f64] = dx.as_mut_slice();
                            slot[from] += w[weight] * cotangent;
                            dw[weight] += x.as_slice()[from] * cotangent;
                        }
                    }
                    let slot: &mut [f64] = y.as_mut_slice();
                    slot[to] = sum;
                }
            }
        }
        for plan in [GraphLayerPlan::SegmentSums, GraphLayerPlan::Dense] {
            layer.set_plan(Some(plan));
            close(&layer.apply(&x).unwrap(), &y, terms);
            let gradients = layer.vjp(&x, &g).unwrap();
            close(&gradients.input, &dx, terms);
            let dw = Tensor::from_vec(dw.clone(), layer.weights().shape()).unwrap();
            close(&gradients.weights, &dw, terms);
            let dc = Tensor::from_vec(dc.clone(), layer.bias().unwrap().shape()).unwrap();
            close(&gradients.bias.unwrap(), &dc, terms);
            for p in group.generators() {
                close(
                    &layer.apply(&acted(&x, p)).unwrap(),
                    &acted(&layer.apply(&x).unwrap(), p),
                    terms,
                );
            }
        }
        layer.set_plan(None);
        assert!(layer.explain(4).contains("orbits"));
        assert!(layer.apply(&g).is_err() || (k == l && n == 0));
        assert!(
            layer
                .set_weights(Tensor::zeros(&[1, 2, 3]).unwrap())
                .is_err()
        );
    }
}

#[test]
fn a_new_layer_keeps_the_size_of_its_input() {
    for n in [8, 32] {
        let group = automorphisms(&Graph::cycle(n).unwrap()).unwrap();
        let layer = GraphLayer::new(&group, 1, 1, 16, 64, false, 1).unwrap();
        let x = SplitMix64::derived(2, 0).normal_tensor::<f64>(&[16, 16, n]);
        let y = layer.apply(&x).unwrap();
        let variance = y.as_slice().iter().map(|y| y * y).sum::<f64>() / y.len() as f64;
        assert!((0.5..2.0).contains(&variance), "{variance}");
    }
}

#[test]
fn ranks_of_small_bilabelled_graphs() {
    // Ranks with at most 1, 2, … vertices, by an independent enumeration.
    let house = graph(5, &[(0, 1), (1, 2), (2, 3), (3, 0), (0, 4), (1, 4)]);
    let bull = graph(5, &[(0, 1), (1, 2), (2, 0), (0, 3), (1, 4)]);
    let square = Graph::cycle(4).unwrap();
    let star = graph(4, &[(0, 1), (0, 2), (0, 3)]);
    let cases = [
        (&path(3), 1, 1, 4, &[1, 4, 5][..], 5),
        (&square, 1, 1, 4, &[1, 3][..], 3),
        (&paw(), 1, 1, 4, &[1, 4, 9, 10][..], 10),
        (&star, 1, 1, 4, &[1, 4, 5][..], 5),
        (&path(3), 1, 2, 4, &[1, 8, 14][..], 14),
        (&square, 1, 2, 4, &[1, 7, 10][..], 10),
        (&house, 1, 1, 3, &[][..], 13),
        (&bull, 1, 1, 3, &[][..], 13),
    ];
    for (graph, k, l, most, ranks, dimension) in cases {
        let basis = bilabelled_basis(graph, k, l, most).unwrap();
        assert_eq!(basis.dimension, dimension);
        if !ranks.is_empty() {
            assert_eq!(basis.ranks, ranks);
            assert!(basis.is_complete());
        }
    }
    assert_eq!(bilabelled_basis(&house, 1, 1, 3).unwrap().ranks[2], 10);
    assert_eq!(bilabelled_basis(&bull, 1, 1, 3).unwrap().ranks[2], 11);
    assert!(bilabelled_basis(&house, 1, 1, 9).is_err());
}

#[test]
fn bilabelled_graphs_are_matrices() {
    let paw = paw();
    let a = BilabelledGraph::new(4, &[(0, 1), (1, 2), (0, 2)], &[0, 2], &[1, 1, 3]).unwrap();
    let b = BilabelledGraph::new(3, &[(0, 2)], &[0, 1, 1], &[2, 0]).unwrap();
    let matrix = |h: &BilabelledGraph| {
        let (l, k) = (h.top().len() as u32, h.bottom().len() as u32);
        h.matrix(&paw)
            .unwrap()
            .reshaped(&[4_usize.pow(l), 4_usize.pow(k)])
            .unwrap()
    };
    let product = |x: &Tensor<f64>, y: &Tensor<f64>| {
        Tensor::from_fn(&[x.shape()[0], y.shape()[1]], |ij| {
            (0..x.shape()[1])
                .map(|k| x.get(&[ij[0], k]).unwrap() * y.get(&[k, ij[1]]).unwrap())
                .sum()
        })
        .unwrap()
    };
    // Functor: composition, tensor, transpose; exact, the counts are integers.
    assert_eq!(
        matrix(&a.compose(&b).unwrap()),
        product(&matrix(&a), &matrix(&b))
    );
    let (ma, mb) = (matrix(&a), matrix(&b));
    let kronecker = Tensor::from_fn(
        &[ma.shape()[0] * mb.shape()[0], ma.shape()[1] * mb.shape()[1]],
        |ij| {
            let (r, c) = (mb.shape()[0], mb.shape()[1]);
            ma.get(&[ij[0] / r, ij[1] / c]).unwrap() * mb.get(&[ij[0] % r, ij[1] % c]).unwrap()
        },
    )
    .unwrap();
    assert_eq!(matrix(&a.tensor(&b)), kronecker);
    assert_eq!(
        matrix(&a.transpose()),
        matrix(&a).permuted(&[1, 0]).unwrap()
    );
    // Applied without the matrix.
    let x = Tensor::from_fn(&[4, 4, 4], |i| {
        (16 * i[0] + 4 * i[1] + i[2]) as f64 % 7.0 - 3.0
    })
    .unwrap();
    let column = x.clone().reshaped(&[64, 1]).unwrap();
    let y = a.apply(&paw, &x).unwrap();
    assert_eq!(y.shape(), [4, 4]);
    assert_eq!(y.reshaped(&[16, 1]).unwrap(), product(&ma, &column));
    // Without edges they are the diagrams of the symmetric group; a lone vertex is a factor n.
    let lone = BilabelledGraph::new(2, &[], &[0], &[0]).unwrap();
    let identity = Tensor::<f64>::eye(4).unwrap();
    assert_eq!(matrix(&lone), identity.map(|x| 4.0 * x));
    let number = BilabelledGraph::new(2, &[(0, 1)], &[], &[]).unwrap();
    assert_eq!(number.matrix(&paw).unwrap().as_slice(), [8.0]);
    let scaled = number.apply(&paw, &Tensor::scalar(0.5)).unwrap();
    assert_eq!(scaled.as_slice(), [4.0]);
    assert_eq!(a.einsum().unwrap(), "ab,ac,bc,d->acbd");
    // Every bilabelled matrix commutes with the group.
    let layer = automorphisms(&paw).unwrap();
    for p in layer.generators() {
        let (l, k) = (a.top().len(), a.bottom().len());
        let m = a.matrix(&paw).unwrap();
        let moved = Tensor::from_fn(&vec![4; l + k], |index| {
            let from: Vec<usize> = index.iter().map(|&i| p.image(i)).collect();
            m.get(&from).unwrap()
        })
        .unwrap();
        assert_eq!(m, moved);
    }
    let directed = Graph::from_edges(2, &[(0, 1)], true).unwrap();
    assert!(a.matrix(&directed).is_err());
    assert!(BilabelledGraph::new(2, &[(0, 2)], &[], &[]).is_err());
    assert!(a.compose(&a).is_err());
    assert!(a.apply(&paw, &Tensor::scalar(1.0)).is_err());
}
