//! Memory for new tensors.

use crate::Element;

/// From this size on the system is asked for large pages. NumPy draws the
/// line at the same size; below it the rest of a page would be wasted.
#[cfg(target_os = "linux")]
const LARGE: usize = 4 << 20;

/// As [`with_room`], or nothing if the system has no such room.
pub fn try_with_room<T>(length: usize) -> Option<Vec<T>> {
    let mut data: Vec<T> = Vec::new();
    data.try_reserve_exact(length).ok()?;
    prefer_large_pages(data.as_ptr().cast(), length * size_of::<T>());
    Some(data)
}

/// An empty vector with room for `length` elements.
///
/// Touching fresh memory costs a page fault every 4 KiB, more than most
/// kernels spend on the page; where the system offers larger pages on request
/// they are requested. Everything that is written once and large should live
/// in memory from here.
///
/// Panics and aborts like `Vec::with_capacity`.
pub fn with_room<T>(length: usize) -> Vec<T> {
    let data: Vec<T> = Vec::with_capacity(length);
    prefer_large_pages(data.as_ptr().cast(), length * size_of::<T>());
    data
}

/// As [`with_room`], filled with `value`.
pub(crate) fn filled<T: Element>(length: usize, value: T) -> Vec<T> {
    if value == T::ZERO {
        // Zeros come from the system untouched, so the advice is in time. A
        // negative zero compares equal and is not all bits zero, but then
        // `vec!` does not take the system's zeros.
        let data = vec![value; length];
        prefer_large_pages(data.as_ptr().cast(), length * size_of::<T>());
        return data;
    }
    let mut data = with_room(length);
    data.resize(length, value);
    data
}

/// Advice only: no effect on contents, and failure is of no consequence.
#[cfg(target_os = "linux")]
fn prefer_large_pages(start: *const u8, bytes: usize) {
    use std::ffi::{c_int, c_void};
    const PAGE: usize = 4096;
    const MADV_HUGEPAGE: c_int = 14;
    unsafe extern "C" {
        fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int;
    }
    if bytes < LARGE {
        return;
    }
    let lead = start.addr().wrapping_neg() % PAGE;
    let whole = (bytes - lead) / PAGE * PAGE;
    // SAFETY: the pages lie inside memory that the caller owns, and this
    // advice changes how it is backed, not what it holds.
    unsafe { madvise(start.add(lead).cast_mut().cast(), whole, MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn prefer_large_pages(_start: *const u8, _bytes: usize) {}
