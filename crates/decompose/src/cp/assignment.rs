//! The best one-to-one assignment for a table of scores.

/// For a square table of scores, the column of each row such that the sum of
/// scores is largest (the Hungarian method with potentials, O(n³)).
pub(crate) fn best_assignment(scores: &[Vec<f64>]) -> Vec<usize> {
    let n = scores.len();
    // Position 0 is a sentinel; `row_of[j]` is the row matched to column j.
    let (mut u, mut v) = (vec![0.0; n + 1], vec![0.0; n + 1]);
    let mut row_of = vec![0usize; n + 1];
    let mut way = vec![0usize; n + 1];
    for row in 1..=n {
        row_of[0] = row;
        let mut least = vec![f64::INFINITY; n + 1];
        let mut used = vec![false; n + 1];
        let mut column = 0;
        while row_of[column] != 0 {
            used[column] = true;
            let i = row_of[column];
            let (mut delta, mut next) = (f64::INFINITY, 0);
            for j in 1..=n {
                if used[j] {
                    continue;
                }
                let reduced = -scores[i - 1][j - 1] - u[i] - v[j];
                if reduced < least[j] {
                    (least[j], way[j]) = (reduced, column);
                }
                if least[j] < delta {
                    (delta, next) = (least[j], j);
                }
            }
            for j in 0..=n {
                if used[j] {
                    u[row_of[j]] += delta;
                    v[j] -= delta;
                } else {
                    least[j] -= delta;
                }
            }
            column = next;
        }
        while column != 0 {
            let before = way[column];
            row_of[column] = row_of[before];
            column = before;
        }
    }
    let mut result = vec![0; n];
    for j in 1..=n {
        result[row_of[j] - 1] = j - 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::best_assignment;
    use tensegrity_tensor::SplitMix64;

    #[test]
    fn agrees_with_trying_every_permutation() {
        let mut rng = SplitMix64::new(3);
        for n in 1..=5usize {
            for _ in 0..20 {
                let scores: Vec<Vec<f64>> = (0..n)
                    .map(|_| (0..n).map(|_| rng.uniform()).collect())
                    .collect();
                let value = |order: &[usize]| -> f64 {
                    order.iter().enumerate().map(|(i, &j)| scores[i][j]).sum()
                };
                let mut best = f64::NEG_INFINITY;
                permute(&mut (0..n).collect::<Vec<_>>(), 0, &mut |order| {
                    best = best.max(value(order));
                });
                assert!((value(&best_assignment(&scores)) - best).abs() < 1e-12);
            }
        }
    }

    fn permute(order: &mut Vec<usize>, at: usize, visit: &mut dyn FnMut(&[usize])) {
        if at == order.len() {
            return visit(order);
        }
        for k in at..order.len() {
            order.swap(at, k);
            permute(order, at + 1, visit);
            order.swap(at, k);
        }
    }
}
