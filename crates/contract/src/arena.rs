//! One block of memory for tensors that come and go.

/// First-fit memory for tensors with known life spans.
#[derive(Default)]
pub(crate) struct Arena {
    /// Free ranges below `high`, by offset.
    free: Vec<(usize, usize)>,
    pub high: usize,
}

impl Arena {
    /// The offset of `count` free elements.
    pub fn take(&mut self, count: usize) -> usize {
        if let Some(at) = self.free.iter().position(|&(_, length)| length >= count) {
            let (offset, length) = self.free[at];
            if length == count {
                self.free.remove(at);
            } else {
                self.free[at] = (offset + count, length - count);
            }
            return offset;
        }
        // A free range at the end grows.
        let offset = match self.free.last() {
            Some(&(offset, length)) if offset + length == self.high => {
                self.free.pop();
                offset
            }
            _ => self.high,
        };
        self.high = offset + count;
        offset
    }

    /// Gives back what [`Arena::take`] gave out.
    pub fn release(&mut self, offset: usize, count: usize) {
        let at = self.free.partition_point(|&(start, _)| start < offset);
        self.free.insert(at, (offset, count));
        if at + 1 < self.free.len() && offset + count == self.free[at + 1].0 {
            self.free[at].1 += self.free.remove(at + 1).1;
        }
        if at > 0 && self.free[at - 1].0 + self.free[at - 1].1 == offset {
            self.free[at - 1].1 += self.free.remove(at).1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arena_reuses_and_joins_free_ranges() {
        let mut arena = Arena::default();
        let [a, b, c] = [8, 16, 8].map(|count| arena.take(count));
        assert_eq!([a, b, c], [0, 8, 24]);
        arena.release(a, 8);
        arena.release(b, 16);
        assert_eq!(arena.take(24), 0);
        arena.release(c, 8);
        assert_eq!(arena.take(16), 24, "the free end grows");
        assert_eq!(arena.high, 40);
    }
}
