//! What kind of graph a connected part is: chains, rings, stars, caterpillars
//! and trees have drawings of their own.

/// The kind of a connected part, with its vertices in drawing order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Vertices from end to end.
    Chain(Vec<usize>),
    /// Vertices round the ring.
    Ring(Vec<usize>),
    /// A centre and what surrounds it.
    Star(usize, Vec<usize>),
    /// A chain with at most two hangers on each vertex.
    Caterpillar(Vec<usize>, Vec<Vec<usize>>),
    /// A tree from its root.
    Tree(usize),
    /// Anything else.
    General,
}

/// Neighbours of each vertex without repetition or loops, in bond order.
pub(crate) fn simple_neighbours(count: usize, bonds: &[[usize; 2]]) -> Vec<Vec<usize>> {
    let mut neighbours: Vec<Vec<usize>> = vec![Vec::new(); count];
    for &[a, b] in bonds {
        if a != b && !neighbours[a].contains(&b) {
            neighbours[a].push(b);
            neighbours[b].push(a);
        }
    }
    neighbours
}

/// Connected parts, each with its vertices in increasing order.
pub(crate) fn components(neighbours: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut seen = vec![false; neighbours.len()];
    let mut parts = Vec::new();
    for start in 0..neighbours.len() {
        if seen[start] {
            continue;
        }
        seen[start] = true;
        let mut part = vec![start];
        let mut next = 0;
        while next < part.len() {
            for &v in &neighbours[part[next]] {
                if !std::mem::replace(&mut seen[v], true) {
                    part.push(v);
                }
            }
            next += 1;
        }
        part.sort_unstable();
        parts.push(part);
    }
    parts
}

/// Classifies a connected part.
pub(crate) fn classify(part: &[usize], neighbours: &[Vec<usize>]) -> Kind {
    let degree = |v: usize| neighbours[v].len();
    let edges: usize = part.iter().map(|&v| degree(v)).sum::<usize>() / 2;
    let highest = part.iter().map(|&v| degree(v)).max().unwrap_or(0);
    if edges + 1 != part.len() {
        if edges == part.len() && highest == 2 && part.len() >= 3 {
            return Kind::Ring(walk(part[0], neighbours));
        }
        return Kind::General;
    }
    if highest <= 2 {
        let end = part.iter().copied().find(|&v| degree(v) < 2);
        return Kind::Chain(walk(end.unwrap_or(part[0]), neighbours));
    }
    let centre = part.iter().copied().find(|&v| degree(v) == highest);
    let centre = centre.expect("a part is not empty");
    if highest + 1 == part.len() {
        return Kind::Star(centre, neighbours[centre].clone());
    }
    caterpillar(part, neighbours).unwrap_or_else(|| Kind::Tree(middle(part, neighbours)))
}

/// Vertices along a path or ring from `start`.
fn walk(start: usize, neighbours: &[Vec<usize>]) -> Vec<usize> {
    let mut order = vec![start];
    let (mut previous, mut current) = (usize::MAX, start);
    while let Some(&next) = neighbours[current]
        .iter()
        .filter(|&&v| v != previous && v != start)
        .min()
    {
        order.push(next);
        (previous, current) = (current, next);
    }
    order
}

/// The part as a caterpillar, if it is one with at most two hangers a vertex.
fn caterpillar(part: &[usize], neighbours: &[Vec<usize>]) -> Option<Kind> {
    let is_leaf = |v: usize| neighbours[v].len() == 1;
    let inner = |v: usize| neighbours[v].iter().copied().filter(|&u| !is_leaf(u));
    let spine: Vec<usize> = part.iter().copied().filter(|&v| !is_leaf(v)).collect();
    if spine.len() < 2 || spine.iter().any(|&v| inner(v).count() > 2) {
        return None;
    }
    let start = spine.iter().copied().find(|&v| inner(v).count() == 1)?;
    let mut order = vec![start];
    while order.len() < spine.len() {
        let current = order[order.len() - 1];
        let next = inner(current).find(|v| !order.contains(v))?;
        order.push(next);
    }
    let mut hangers: Vec<Vec<usize>> = order
        .iter()
        .map(|&v| {
            neighbours[v]
                .iter()
                .copied()
                .filter(|&u| is_leaf(u))
                .collect()
        })
        .collect();
    // An end with several hangers gives one to the line.
    if hangers[0].len() > 1 {
        order.insert(0, hangers[0].remove(0));
        hangers.insert(0, Vec::new());
    }
    let last = hangers.len() - 1;
    if hangers[last].len() > 1 {
        order.extend(hangers[last].pop());
        hangers.push(Vec::new());
    }
    if hangers.iter().any(|list| list.len() > 2) {
        return None;
    }
    Some(Kind::Caterpillar(order, hangers))
}

/// The centre of a tree: what is left after taking leaves off again and again;
/// of two centres the one with the lower number.
fn middle(part: &[usize], neighbours: &[Vec<usize>]) -> usize {
    let mut degree: Vec<usize> = neighbours.iter().map(Vec::len).collect();
    let mut left = part.len();
    let mut leaves: Vec<usize> = part.iter().copied().filter(|&v| degree[v] <= 1).collect();
    while left > 2 {
        left -= leaves.len();
        let mut next = Vec::new();
        for &leaf in &leaves {
            degree[leaf] = 0;
            for &v in &neighbours[leaf] {
                if degree[v] > 0 {
                    degree[v] -= 1;
                    if degree[v] == 1 {
                        next.push(v);
                    }
                }
            }
        }
        leaves = next;
    }
    leaves.into_iter().min().unwrap_or(part[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(count: usize, bonds: &[[usize; 2]]) -> Kind {
        let neighbours = simple_neighbours(count, bonds);
        classify(&components(&neighbours)[0], &neighbours)
    }

    #[test]
    fn shapes_are_recognised() {
        assert_eq!(kind(1, &[[0, 0]]), Kind::Chain(vec![0]));
        assert_eq!(
            kind(3, &[[1, 0], [0, 2], [2, 0]]),
            Kind::Chain(vec![1, 0, 2])
        );
        let ring = [[0, 2], [2, 1], [1, 3], [3, 0]];
        assert_eq!(kind(4, &ring), Kind::Ring(vec![0, 2, 1, 3]));
        assert_eq!(
            kind(4, &[[3, 0], [3, 2], [3, 1]]),
            Kind::Star(3, vec![0, 2, 1])
        );
        let comb = [[0, 1], [1, 2], [0, 3], [1, 4], [2, 5]];
        assert_eq!(
            kind(6, &comb),
            Kind::Caterpillar(vec![0, 1, 2], vec![vec![3], vec![4], vec![5]])
        );
        let binary = [
            [6, 4],
            [6, 5],
            [6, 9],
            [4, 0],
            [4, 1],
            [5, 2],
            [5, 3],
            [9, 7],
            [9, 8],
        ];
        assert_eq!(kind(10, &binary), Kind::Tree(6));
        assert_eq!(kind(4, &[[0, 1], [1, 2], [2, 0], [2, 3]]), Kind::General);
    }
}
