//! The entries of structured nodes, listed without storing them.
//!
//! A one-hot vector, a triangular mask, ε and Ω are zero but for a few signed
//! ones. What is asked of them is never an array: only, for indices some of
//! which are known, the entries that remain.
//!
//! Guarantees: entries come in a fixed order, each once; nothing is allocated
//! that grows with a dimension. Cost: proportional to the runs listed, and for
//! ε to the permutations of what is not fixed.

use crate::Generator;

/// Entries that differ in the index of one leg only and have one value.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Index of the first entry, a number a leg.
    pub index: &'a [u64],
    /// How many entries there are; the index of the leg asked for grows by one
    /// from each to the next.
    pub length: u64,
    /// Their value: 1 or −1.
    pub sign: i8,
}

impl Generator {
    /// Whether [`Generator::for_each_run`] knows the entries: one-hot vectors,
    /// triangular masks, ε and Ω.
    #[must_use]
    pub fn has_runs(&self) -> bool {
        matches!(
            self,
            Generator::OneHot { .. }
                | Generator::Triangular { .. }
                | Generator::LeviCivita { .. }
                | Generator::Symplectic { .. }
        )
    }

    /// Visits every non-zero entry whose index agrees with `fixed` (one item a
    /// leg, `None` for any), in runs along leg `along`. Runs are longer than one
    /// for triangular masks only.
    ///
    /// Nothing is visited for other generators; see [`Generator::has_runs`].
    ///
    /// ```
    /// use tensegrity_diagram::Generator;
    /// let mask = Generator::Triangular { rows: 3, columns: 3, offset: 0, upper: false };
    /// let mut lengths = Vec::new();
    /// mask.for_each_run(&[None, None], 1, &mut |run| lengths.push(run.length));
    /// assert_eq!(lengths, [1, 2, 3]);
    /// let epsilon = Generator::LeviCivita { n: 3 };
    /// epsilon.for_each_run(&[Some(2), None, Some(0)], 0, &mut |run| {
    ///     assert_eq!((run.index, run.sign), (&[2, 1, 0][..], -1));
    /// });
    /// ```
    pub fn for_each_run(
        &self,
        fixed: &[Option<u64>],
        along: usize,
        visit: &mut dyn FnMut(Run<'_>),
    ) {
        let agrees = |leg: usize, index: u64| fixed[leg].is_none_or(|f| f == index);
        match *self {
            Generator::OneHot { index, .. } if agrees(0, index) => visit(Run {
                index: &[index],
                length: 1,
                sign: 1,
            }),
            Generator::Symplectic { dim } => {
                let rows = match (fixed[0], fixed[1]) {
                    (Some(i), _) => i..i + 1,
                    (None, Some(j)) => (j ^ 1)..(j ^ 1) + 1,
                    (None, None) => 0..dim,
                };
                for i in rows.filter(|&i| i < dim && agrees(1, i ^ 1)) {
                    visit(Run {
                        index: &[i, i ^ 1],
                        length: 1,
                        sign: if i % 2 == 0 { 1 } else { -1 },
                    });
                }
            }
            Generator::LeviCivita { n } => epsilon(n as usize, fixed, visit),
            Generator::Triangular { rows, columns, .. } => {
                let dims = [rows, columns];
                let (inner, outer) = (along.min(1), 1 - along.min(1));
                let lines = fixed[outer].map_or(0..dims[outer], |f| f..(f + 1).min(dims[outer]));
                for line in lines {
                    let mut range = self.line(outer, line);
                    if let Some(f) = fixed[inner] {
                        range = if range.contains(&f) { f..f + 1 } else { 0..0 };
                    }
                    if !range.is_empty() {
                        let mut index = [line; 2];
                        index[inner] = range.start;
                        visit(Run {
                            index: &index,
                            length: range.end - range.start,
                            sign: 1,
                        });
                    }
                }
            }
            _ => {}
        }
    }

    /// Where the ones of a row (`leg` 0) or column (`leg` 1) of a triangular
    /// mask are.
    fn line(&self, leg: usize, line: u64) -> std::ops::Range<u64> {
        let Generator::Triangular {
            rows,
            columns,
            offset,
            upper,
        } = *self
        else {
            return 0..0;
        };
        let (line, offset) = (i128::from(line), i128::from(offset));
        let (length, bound) = match leg {
            0 => (columns, line + offset),
            _ => (rows, line - offset),
        };
        let clamp = |x: i128| x.clamp(0, i128::from(length)) as u64;
        // A row of the lower part ends at its bound, a column starts there.
        if upper == (leg == 0) {
            clamp(bound)..length
        } else {
            0..clamp(bound + 1)
        }
    }
}

/// The permutations that agree with `fixed`, in lexicographic order.
fn epsilon(n: usize, fixed: &[Option<u64>], visit: &mut dyn FnMut(Run<'_>)) {
    let mut used = vec![false; n];
    let mut index = vec![0u64; n];
    let mut free = Vec::with_capacity(n);
    for (leg, &f) in fixed.iter().enumerate() {
        match f {
            None => free.push(leg),
            Some(f) => {
                let Some(taken) = used.get_mut(f as usize) else {
                    return;
                };
                if std::mem::replace(taken, true) {
                    return;
                }
                index[leg] = f;
            }
        }
    }
    place(&free, &mut used, &mut index, visit);
}

fn place(free: &[usize], used: &mut [bool], index: &mut [u64], visit: &mut dyn FnMut(Run<'_>)) {
    let Some((&leg, rest)) = free.split_first() else {
        visit(Run {
            index,
            length: 1,
            sign: sign(index),
        });
        return;
    };
    for value in 0..used.len() {
        if !used[value] {
            used[value] = true;
            index[leg] = value as u64;
            place(rest, used, index, visit);
            used[value] = false;
        }
    }
}

/// The sign of a permutation of at most 64 numbers: each cycle of even length
/// changes it.
fn sign(permutation: &[u64]) -> i8 {
    let mut seen = 0u64;
    let mut odd = false;
    for start in 0..permutation.len() {
        let mut at = start;
        let mut length = 0;
        while seen >> at & 1 == 0 {
            seen |= 1 << at;
            at = permutation[at] as usize;
            length += 1;
        }
        odd ^= length > 0 && length % 2 == 0;
    }
    if odd { -1 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tensegrity_tensor::{Array, DType};

    /// Every choice of fixed indices against the dense form.
    fn check(generator: &Generator) {
        let dims = generator.dims();
        let Array::I64(dense) = generator.dense(DType::I64).unwrap() else {
            panic!("asked for integers");
        };
        let choices: u64 = dims.iter().map(|d| d + 1).product();
        for choice in 0..choices {
            let mut rest = choice;
            let fixed: Vec<Option<u64>> = (dims.iter())
                .map(|d| {
                    let digit = rest % (d + 1);
                    rest /= d + 1;
                    digit.checked_sub(1)
                })
                .collect();
            for along in 0..dims.len() {
                let mut found = vec![0i64; dense.len()];
                generator.for_each_run(&fixed, along, &mut |run| {
                    for step in 0..run.length {
                        let mut index = run.index.to_vec();
                        index[along] += step;
                        let flat = (index.iter().zip(&dims)).fold(0, |flat, (i, d)| flat * d + i);
                        found[flat as usize] += i64::from(run.sign);
                    }
                });
                let wanted: Vec<i64> = (dense.as_slice().iter().enumerate())
                    .map(|(flat, &value)| {
                        let mut rest = flat as u64;
                        let agrees = (dims.iter().zip(&fixed)).rev().all(|(d, f)| {
                            let index = rest % d;
                            rest /= d;
                            f.is_none_or(|f| f == index)
                        });
                        if agrees { value } else { 0 }
                    })
                    .collect();
                assert_eq!(found, wanted, "{generator:?} {fixed:?} along {along}");
            }
        }
    }

    #[test]
    fn entries_are_those_of_the_dense_form() {
        for n in 0..5 {
            check(&Generator::LeviCivita { n });
        }
        check(&Generator::Symplectic { dim: 6 });
        check(&Generator::OneHot { dim: 4, index: 2 });
        for offset in -5..=5 {
            for upper in [false, true] {
                for (rows, columns) in [(3, 4), (4, 3), (1, 1), (0, 3)] {
                    check(&Generator::Triangular {
                        rows,
                        columns,
                        offset,
                        upper,
                    });
                }
            }
        }
        check(&Generator::Triangular {
            rows: 2,
            columns: 2,
            offset: i64::MIN,
            upper: true,
        });
    }
}
