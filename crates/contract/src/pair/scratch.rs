//! Reusable work memory for packing and intermediates.
//!
//! Fresh memory costs a page fault for every 4 KiB touched; a contraction that
//! runs every few microseconds cannot pay that. Each thread therefore keeps a
//! few of the buffers it has used, at most [`KEPT_BYTES`].

use std::cell::RefCell;
use std::mem::MaybeUninit;

use tensegrity_tensor::{try_with_room, with_room};

/// Bytes a thread keeps for reuse at most.
const KEPT_BYTES: usize = 64 << 20;
/// Buffers a thread keeps for reuse at most.
const KEPT_BUFFERS: usize = 12;

/// A cache line, and the largest SIMD register.
#[repr(align(64))]
struct Line(#[expect(dead_code)] [MaybeUninit<u8>; 64]);

/// Memory in use through its address only: always an empty vector.
struct Block(Vec<Line>);

impl Block {
    fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<Line>()
    }
}

thread_local! {
    static KEPT: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

/// Uninitialised, 64-byte aligned memory for `T`, returned to the thread when dropped.
pub(crate) struct Scratch<T> {
    block: Option<Block>,
    pointer: *mut T,
}

fn lines(bytes: usize) -> usize {
    bytes.div_ceil(size_of::<Line>()).max(1)
}

impl<T: Copy> Scratch<T> {
    /// Memory for at least `count` elements.
    ///
    /// Aborts like `Vec` if the system has no memory left.
    pub fn new(count: usize) -> Self {
        let bytes = Self::bytes(count).expect("scratch sizes fit the address space");
        Self::kept(bytes).unwrap_or_else(|| Self::of(Block(with_room(lines(bytes)))))
    }

    /// As [`Scratch::new`], or nothing if the system has no such memory.
    pub fn try_new(count: usize) -> Option<Self> {
        let bytes = Self::bytes(count)?;
        Self::kept(bytes).or_else(|| Some(Self::of(Block(try_with_room(lines(bytes))?))))
    }

    fn bytes(count: usize) -> Option<usize> {
        count.checked_mul(size_of::<T>())
    }

    /// A buffer the thread has kept.
    fn kept(bytes: usize) -> Option<Self> {
        let kept = KEPT.try_with(|kept| {
            let mut kept = kept.borrow_mut();
            let fitting = (0..kept.len())
                .filter(|&i| kept[i].bytes() >= bytes)
                .min_by_key(|&i| kept[i].bytes())?;
            // A buffer far too large would be missing where it is needed.
            (kept[fitting].bytes() / 8 <= bytes.max(4096)).then(|| kept.swap_remove(fitting))
        });
        kept.ok().flatten().map(Self::of)
    }

    fn of(mut block: Block) -> Self {
        Self {
            pointer: block.0.as_mut_ptr().cast(),
            block: Some(block),
        }
    }

    pub fn as_ptr(&self) -> *mut T {
        self.pointer
    }
}

impl<T> Drop for Scratch<T> {
    fn drop(&mut self) {
        let Some(block) = self.block.take() else {
            return;
        };
        // During thread exit the list is gone and the block is simply freed.
        let _ = KEPT.try_with(|kept| {
            let mut kept = kept.borrow_mut();
            if block.bytes() > KEPT_BYTES {
                return;
            }
            kept.push(block);
            // The smallest is the cheapest to get again.
            while kept.len() > KEPT_BUFFERS
                || kept.iter().map(Block::bytes).sum::<usize>() > KEPT_BYTES
            {
                let smallest = (0..kept.len())
                    .min_by_key(|&i| kept[i].bytes())
                    .unwrap_or(0);
                kept.swap_remove(smallest);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back() {
        let first = Scratch::<f64>::new(1000);
        let address = first.as_ptr();
        assert_eq!(address as usize % 64, 0);
        drop(first);
        assert_eq!(Scratch::<f32>::new(1999).as_ptr().cast(), address);
        let (left, right) = (Scratch::<f64>::new(10), Scratch::<f64>::new(10));
        assert_ne!(left.as_ptr(), right.as_ptr());
    }
}
