//! The summed indices of a kernel, in blocks with a table of offsets.

use super::loops::{Loop, Loops, Walk, volume};

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
        table.extend(Walk::new(&inner).map(|(a, b, _)| (a, b)));
        Self {
            outer: loops,
            chunked,
            table: table.into_boxed_slice(),
        }
    }

    /// The offsets of each block with the table inside it.
    #[inline(always)]
    pub fn blocks(&self) -> Blocks<'_> {
        let mut walk = Walk::new(&self.outer);
        Blocks {
            sums: self,
            outer: walk.next(),
            walk,
            start: 0,
        }
    }
}

/// See [`Sums::blocks`].
pub(crate) struct Blocks<'s> {
    sums: &'s Sums,
    walk: Walk<'s>,
    outer: Option<(isize, isize, isize)>,
    start: usize,
}

impl<'s> Iterator for Blocks<'s> {
    type Item = (isize, isize, &'s [(isize, isize)]);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let (a, b, _) = self.outer?;
        let table = &*self.sums.table;
        let Some(l) = self.sums.chunked else {
            self.outer = self.walk.next();
            return Some((a, b, table));
        };
        let count = CHUNK.min(l.length - self.start);
        let step = self.start as isize;
        self.start += count;
        if self.start == l.length {
            self.start = 0;
            self.outer = self.walk.next();
        }
        Some((a + step * l.a, b + step * l.b, &table[..count]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_every_iteration_in_order() {
        let l = |length, a, b| Loop { length, a, b, c: 0 };
        for loops in [
            vec![],
            vec![l(3, 10, 1), l(4, 1, 5)],
            vec![l(2, 90000, 1), l(1500, 2, 3)],
            vec![l(3, 7, 1), l(40, 3, 9), l(50, 1, 2)],
        ] {
            let loops: Loops = loops.into_iter().collect();
            let mut wanted = Vec::new();
            wanted.extend(Walk::new(&loops).map(|(a, b, _)| (a, b)));
            let mut found = Vec::new();
            for (a, b, table) in Sums::new(loops).blocks() {
                found.extend(table.iter().map(|&(ta, tb)| (a + ta, b + tb)));
            }
            assert_eq!(found, wanted);
        }
    }
}
