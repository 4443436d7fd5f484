//! The summed indices of a kernel, in blocks with a table of offsets.

use super::loops::{Loop, Loops, for_each, volume};

/// Most entries of a table.
const TABLE: usize = 1024;
/// Entries of a table over a part of one long loop.
const CHUNK: usize = 512;

/// Summed loops: outer ones are walked, inner ones are a table.
///
/// A table makes a nest of many short loops as cheap as one long loop, and its
/// bounded size keeps what a strip of the result needs in the nearest cache.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    outer: Loops,
    /// A loop too long for the table: its table covers one chunk.
    chunked: Option<Loop>,
    table: Box<[(isize, isize)]>,
}

impl Sums {
    pub fn new(mut loops: Loops) -> Self {
        let mut inner = Loops::new();
        let mut chunked = None;
        while let Some(&l) = loops.last() {
            if volume(&inner) * l.length > TABLE {
                if inner.is_empty() {
                    chunked = Some(l);
                    inner.push(Loop { length: CHUNK, ..l });
                    loops.pop();
                }
                break;
            }
            inner.insert(0, l);
            loops.pop();
        }
        let mut table = Vec::with_capacity(volume(&inner));
        for_each(&inner, |a, b, _| table.push((a, b)));
        Self {
            outer: loops,
            chunked,
            table: table.into_boxed_slice(),
        }
    }

    /// Calls `body` with the offsets of each block and the table inside it.
    #[inline(always)]
    pub fn for_each_block(&self, mut body: impl FnMut(isize, isize, &[(isize, isize)])) {
        for_each(&self.outer, |a, b, _| match self.chunked {
            None => body(a, b, &self.table),
            Some(l) => {
                let mut start = 0;
                while start < l.length {
                    let count = CHUNK.min(l.length - start);
                    let step = start as isize;
                    body(a + step * l.a, b + step * l.b, &self.table[..count]);
                    start += count;
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_every_iteration_in_order() {
        let l = |length, a, b| Loop {
            length,
            a,
            b,
            c: 0,
        };
        for loops in [
            vec![],
            vec![l(3, 10, 1), l(4, 1, 5)],
            vec![l(2, 90000, 1), l(1500, 2, 3)],
            vec![l(3, 7, 1), l(40, 3, 9), l(50, 1, 2)],
        ] {
            let loops: Loops = loops.into_iter().collect();
            let mut wanted = Vec::new();
            for_each(&loops, |a, b, _| wanted.push((a, b)));
            let mut found = Vec::new();
            Sums::new(loops).for_each_block(|a, b, table| {
                found.extend(table.iter().map(|&(ta, tb)| (a + ta, b + tb)));
            });
            assert_eq!(found, wanted);
        }
    }
}
