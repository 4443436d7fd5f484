//! Polynomials of graphs against direct sums and known counts.

use tensegrity_symmetry::graph::{Graph, parse_graph6};
use tensegrity_symmetry::poly::{
    ContractionBank, Family, Output, Polynomial, PolynomialBank, Undistinguished, enumerate,
    extra_polynomials, normalise, undistinguished_pairs,
};
use tensegrity_tensor::{SplitMix64, Tensor};

/// The twelve polynomials up to degree 6 beyond matrix products, in the
/// published order.
const TWELVE: [&str; 12] = [
    "0-1 0-2 0-3 1-2 2-3; 1 3",
    "0-1 0-2 0-3 1-2 1-3 2-3;",
    "0-1 0-2 0-3 1-2 1-3 2-3; 0",
    "0-1 0-2 0-3 1-2 1-3 2-3; 0 1",
    "0-1 1-2 1-3 1-4 2-3 2-4; 3 4",
    "0-1 1-3 1-4 2-3 2-4 3-4; 0 2",
    "0-1 1-3 1-4 2-3 2-4 3-4; 1 2",
    "0-1 1-3 1-4 2-3 2-4 3-4; 2 0",
    "0-1 1-3 1-4 2-3 2-4 3-4; 2 1",
    "0-1 0-3 0-4 1-2 2-3 3-4; 1 4",
    "0-1 0-3 0-4 1-2 2-3 3-4; 4 1",
    "0-2 0-3 0-4 1-2 1-3 1-4; 2 3",
];

fn twelve() -> Vec<Polynomial> {
    TWELVE.iter().map(|text| text.parse().unwrap()).collect()
}

/// The definition: sums over all assignments of vertices to nodes.
fn direct(polynomial: &Polynomial, x: &[f64], n: usize) -> Vec<f64> {
    let mut out = vec![0.0; n * n];
    let nodes = polynomial.nodes();
    for code in 0..n.pow(nodes as u32) {
        let at = |v: usize| code / n.pow(v as u32) % n;
        let product: f64 = polynomial
            .edges()
            .iter()
            .map(|&(a, b)| x[at(a) * n + at(b)])
            .product();
        match polynomial.marked() {
            [] => out.iter_mut().for_each(|y| *y += product),
            [a] => out[at(*a) * (n + 1)] += product,
            [a, b] => out[at(*a) * n + at(*b)] += product,
            _ => unreachable!("two marks at most"),
        }
    }
    out
}

fn whole_numbers(seed: &mut SplitMix64, n: usize, symmetric: bool, zeros: u64) -> Tensor<f64> {
    let mut x = Tensor::<f64>::zeros(&[1, n, n]).unwrap();
    let data: &mut [f64] = x.as_mut_slice();
    for i in 0..n {
        for j in 0..n {
            let value = if seed.below(10) < zeros {
                0.0
            } else {
                seed.below(7) as f64 - 3.0
            };
            data[i * n + j] = value;
        }
        for j in 0..i {
            if symmetric {
                data[j * n + i] = data[i * n + j];
            }
        }
    }
    x
}

#[test]
fn banks_are_their_definition() {
    let mut seed = SplitMix64::derived(11, 0);
    for symmetric in [false, true] {
        let family = if symmetric {
            Family::Symmetric
        } else {
            Family::General
        };
        let mut list = Vec::new();
        for degree in 0..=3 {
            for output in [Output::Invariant, Output::Node, Output::Edge] {
                // Every seventh of the long lists.
                let all = enumerate(degree, output, family).unwrap();
                let step = if all.len() > 60 { 7 } else { 1 };
                list.extend(all.into_iter().step_by(step));
            }
        }
        for text in [
            "0-1 0-2 0-3 1-2 2-3; 1 3",
            "0-1 0-2 0-3 0-4 1-2 1-3 1-4 2-3 2-4 3-4; 0",
        ] {
            list.push(text.parse().unwrap());
        }
        let bank = PolynomialBank::new(&list, symmetric).unwrap();
        for zeros in [0, 8] {
            let n = 3;
            let x = whole_numbers(&mut seed, n, symmetric, zeros);
            let features = bank.features(&x).unwrap();
            for (polynomial, values) in list.iter().zip(features.as_slice().chunks_exact(n * n)) {
                // Small integers: equal, not only close.
                assert_eq!(values, direct(polynomial, x.as_slice(), n), "{polynomial}");
            }
        }
    }
}

#[test]
fn the_twelve_agree_with_their_definition_dense_and_sparse() {
    let bank = PolynomialBank::new(&twelve(), true).unwrap();
    let mut seed = SplitMix64::derived(12, 0);
    for zeros in [0, 5, 9] {
        let n = 5;
        let x = whole_numbers(&mut seed, n, true, zeros);
        let features = bank.features(&x).unwrap();
        for (polynomial, values) in twelve().iter().zip(features.as_slice().chunks_exact(n * n)) {
            assert_eq!(
                values,
                direct(polynomial, x.as_slice(), n),
                "{polynomial}, {zeros}"
            );
        }
    }
    // A batch is its graphs one by one.
    let (a, b) = (
        whole_numbers(&mut seed, 6, true, 3),
        whole_numbers(&mut seed, 6, true, 8),
    );
    let both: Vec<f64> = a.as_slice().iter().chain(b.as_slice()).copied().collect();
    let both = bank
        .features(&Tensor::from_vec(both, &[2, 6, 6]).unwrap())
        .unwrap();
    let single = [bank.features(&a).unwrap(), bank.features(&b).unwrap()];
    assert_eq!(
        both.as_slice(),
        [single[0].as_slice(), single[1].as_slice()].concat()
    );
    // The sums are shared: far fewer than the 30 unmarked nodes of the twelve.
    assert!(bank.step_count() <= 14, "{}", bank.explain());
}

fn karate() -> Graph {
    // W. W. Zachary, An information flow model for conflict and fission in small
    // groups, 1977: the friends of each member with a larger number.
    let friends: [(usize, &[usize]); 26] = [
        (0, &[1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 17, 19, 21, 31]),
        (1, &[2, 3, 7, 13, 17, 19, 21, 30]),
        (2, &[3, 7, 8, 9, 13, 27, 28, 32]),
        (3, &[7, 12, 13]),
        (4, &[6, 10]),
        (5, &[6, 10, 16]),
        (6, &[16]),
        (8, &[30, 32, 33]),
        (9, &[33]),
        (13, &[33]),
        (14, &[32, 33]),
        (15, &[32, 33]),
        (18, &[32, 33]),
        (19, &[33]),
        (20, &[32, 33]),
        (22, &[32, 33]),
        (23, &[25, 27, 29, 32, 33]),
        (24, &[25, 27, 31]),
        (25, &[31]),
        (26, &[29, 33]),
        (27, &[33]),
        (28, &[31, 33]),
        (29, &[32, 33]),
        (30, &[32, 33]),
        (31, &[32, 33]),
        (32, &[33]),
    ];
    let edges: Vec<_> = friends
        .iter()
        .flat_map(|&(i, list)| list.iter().map(move |&j| (i, j)))
        .collect();
    assert_eq!(edges.len(), 78);
    Graph::from_edges(34, &edges, false).unwrap()
}

fn petersen() -> Graph {
    let edges: Vec<_> = (0..5)
        .flat_map(|i| [(i, (i + 1) % 5), (i, i + 5), (i + 5, (i + 2) % 5 + 5)])
        .collect();
    Graph::from_edges(10, &edges, false).unwrap()
}

/// Sums of all entries of the twelve, computed independently with NumPy.
#[test]
fn sums_of_the_twelve_on_known_graphs() {
    let bank = PolynomialBank::new(&twelve(), true).unwrap();
    let sums = |graph: &Graph| -> Vec<f64> {
        let n = graph.n();
        let x = graph.adjacency().reshaped(&[1, n, n]).unwrap();
        let features = bank.count(&x).unwrap();
        features
            .as_slice()
            .chunks_exact(n * n)
            .map(|values| values.iter().sum())
            .collect()
    };
    let complete = [180, 3000, 120, 120, 720, 720, 720, 720, 720, 780, 780, 860].map(f64::from);
    assert_eq!(sums(&Graph::complete(5).unwrap()), complete);
    let mut expected = [0.0; 12];
    expected[11] = 330.0;
    assert_eq!(sums(&petersen()), expected);
    let club = [
        874, 305_184, 264, 264, 9144, 6210, 6210, 6210, 6210, 7276, 7276, 21_528,
    ];
    assert_eq!(sums(&karate()), club.map(f64::from));
}

#[test]
fn strongly_regular_graphs_are_told_apart() {
    // Families n, k, λ, μ (E. Spence, B. D. McKay): pairs that the twelve with
    // identity and adjacency leave equal, and those the number of K4 alone does.
    let families: [(&str, &str, [usize; 3]); 6] = [
        ("sr16622", include_str!("data/sr16622.g6"), [0, 0, 1]),
        ("sr251256", include_str!("data/sr251256.g6"), [0, 11, 105]),
        ("sr261034", include_str!("data/sr261034.g6"), [0, 3, 45]),
        ("sr281264", include_str!("data/sr281264.g6"), [0, 1, 6]),
        ("sr291467", include_str!("data/sr291467.g6"), [0, 636, 820]),
        ("sr401224", include_str!("data/sr401224.g6"), [1, 31, 378]),
    ];
    let all =
        PolynomialBank::new(&extra_polynomials(6, ContractionBank::EDGE).unwrap(), true).unwrap();
    let k4 = PolynomialBank::new(&twelve()[1..2], true).unwrap();
    // Matrix products and entrywise products alone tell none apart.
    let computable: Vec<Polynomial> = (3..=4)
        .flat_map(|degree| enumerate(degree, Output::Edge, Family::ConnectedSimple).unwrap())
        .filter(|p| ContractionBank::EDGE.computes(p).unwrap())
        .collect();
    let computable = PolynomialBank::new(&computable, true).unwrap();
    for (name, text, [by_all, by_k4, of]) in families {
        let graphs = parse_graph6(text).unwrap();
        let pairs = |bank| {
            let Undistinguished { pairs, of, .. } = undistinguished_pairs(&graphs, bank).unwrap();
            (pairs, of)
        };
        assert_eq!(pairs(&all), (by_all, of), "{name}");
        assert_eq!(pairs(&k4), (by_k4, of), "{name}");
        if of < 50 {
            assert_eq!(pairs(&computable), (of, of), "{name}");
        }
    }
}

#[test]
fn wrong_input_is_refused() {
    assert!(PolynomialBank::new(&[], true).is_err());
    let bank = PolynomialBank::new(&twelve(), true).unwrap();
    let text = |x: Tensor<f64>| bank.features(&x).unwrap_err().to_string();
    let uneven = Tensor::from_vec(vec![0.0, 1.0, 2.0, 0.0], &[1, 2, 2]).unwrap();
    assert!(text(uneven).contains("(0, 0, 1)"));
    let endless = Tensor::from_vec(vec![f64::NAN], &[1, 1, 1]).unwrap();
    assert!(text(endless).contains("finite"));
    assert!(text(Tensor::zeros(&[2, 3]).unwrap()).contains("[B, n, n]"));
    let huge = Tensor::full(&[1, 2, 2], 4_503_599_627_370_496.0).unwrap();
    assert!(bank.count(&huge).unwrap_err().to_string().contains("2^53"));
    assert!(bank.count(&Tensor::full(&[1, 2, 2], 0.5).unwrap()).is_err());
    // The complete graph of nine nodes needs tensors of order eight.
    let pairs: Vec<_> = (0..9).flat_map(|b| (0..b).map(move |a| (a, b))).collect();
    let clique = Polynomial::new(9, &pairs, &[]).unwrap();
    assert!(PolynomialBank::new(&[clique], true).is_err());
}

#[test]
fn normalised_features_have_length_one() {
    let bank = PolynomialBank::new(&twelve(), true).unwrap();
    let x = karate().adjacency().reshaped(&[1, 34, 34]).unwrap();
    let features = normalise(&bank.features(&x).unwrap()).unwrap();
    for channel in features.as_slice().chunks_exact(34 * 34) {
        let length: f64 = channel.iter().map(|v| v * v).sum();
        assert!((length - 1.0).abs() < 1e-12);
    }
    assert!(normalise(&Tensor::zeros(&[3]).unwrap()).is_err());
}
