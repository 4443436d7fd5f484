//! Tensors whose entries depend only on which of their indices are equal.
//!
//! The pattern of an index is the set partition of its positions into those
//! with equal values, as a restricted growth string (the number of the first
//! equal position's class). Patterns are numbered in lexicographic order among
//! those with at most `n` classes, `n` being the length of the axes: what is
//! left of `n^m` numbers is one for each.

use tensegrity_tensor::{Scalar, Tensor};

/// Ways to complete a pattern: `[positions left][classes so far]`.
fn completions(positions: usize, n: usize) -> Option<Vec<Vec<u64>>> {
    let mut table = vec![
        (0..=positions)
            .map(|classes| u64::from(classes <= n))
            .collect::<Vec<_>>(),
    ];
    for left in 1..=positions {
        let last = &table[left - 1];
        let row = (0..=positions - left)
            .map(|classes| {
                (classes as u64)
                    .checked_mul(last[classes])?
                    .checked_add(last[classes + 1])
            })
            .collect::<Option<Vec<u64>>>()?;
        table.push(row);
    }
    Some(table)
}

/// How many patterns `positions` indices below `n` have; `None` beyond 64 bits.
pub(crate) fn pattern_count(positions: usize, n: usize) -> Option<u64> {
    (positions <= 64)
        .then(|| completions(positions, n))??
        .last()?
        .first()
        .copied()
}

/// The tensor `[lead..., n, …, n]` with these values, `[lead..., patterns]`, or
/// `None` if their number is wrong.
pub(crate) fn spread_patterns<T: Scalar>(
    values: &Tensor<T>,
    positions: usize,
    n: usize,
) -> Option<Tensor<T>> {
    let (&count, lead) = values.shape().split_last()?;
    if pattern_count(positions, n)? != count as u64 {
        return None;
    }
    let table = completions(positions, n)?;
    let mut shape = lead.to_vec();
    shape.extend(vec![n; positions]);
    let size = u32::try_from(positions)
        .ok()
        .and_then(|m| n.checked_pow(m))?;
    let mut numbers = Vec::with_capacity(size);
    let mut index = vec![0usize; positions];
    for _ in 0..size {
        let mut seen: Vec<usize> = Vec::new();
        let mut number = 0;
        for (position, &value) in index.iter().enumerate() {
            let left = positions - position - 1;
            let class = seen.iter().position(|&other| other == value);
            number += table[left][seen.len()] * class.unwrap_or(seen.len()) as u64;
            if class.is_none() {
                seen.push(value);
            }
        }
        numbers.push(number as usize);
        for axis in (0..positions).rev() {
            index[axis] += 1;
            if index[axis] < n {
                break;
            }
            index[axis] = 0;
        }
    }
    let rows = values.as_slice().chunks(count.max(1));
    let data = rows
        .flat_map(|row| numbers.iter().map(|&number| row[number]))
        .collect();
    Tensor::from_vec(data, &shape).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_numbered_in_lexicographic_order() {
        assert_eq!(pattern_count(4, 4), Some(15));
        assert_eq!(pattern_count(4, 3), Some(14));
        assert_eq!(pattern_count(0, 3), Some(1));
        assert_eq!(pattern_count(70, 3), None);
        let values = Tensor::from_vec(vec![0.0, 1.0, 2.0, 3.0, 4.0], &[5]).unwrap();
        let x: Tensor<f64> = spread_patterns(&values, 3, 3).unwrap();
        let at = |index: &[usize]| x.get(index).unwrap();
        // Restricted growth strings 000, 001, 010, 011, 012.
        assert_eq!(at(&[1, 1, 1]), 0.0);
        assert_eq!(at(&[2, 2, 0]), 1.0);
        assert_eq!(at(&[0, 2, 0]), 2.0);
        assert_eq!(at(&[1, 0, 0]), 3.0);
        assert_eq!(at(&[2, 0, 1]), 4.0);
        assert!(spread_patterns(&values, 3, 2).is_none());
    }
}
