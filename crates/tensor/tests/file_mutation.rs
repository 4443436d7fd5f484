//! Thousands of damaged files of every format: an array or an error, never a
//! panic, never more memory than the limit of the fuzz targets implies.
//!
//! The damage is deterministic (SplitMix64). The same entry points are fuzzed
//! with coverage guidance by the package in `fuzz/`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::path::PathBuf;

use tensegrity_tensor::SplitMix64;
use tensegrity_tensor::file::fuzzing::{
    MAX_BYTES, fuzz_csv, fuzz_jpeg, fuzz_npy, fuzz_npz, fuzz_png, fuzz_safetensors,
};

/// The system's allocator, remembering what each thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn add(bytes: isize) {
    // Threads that are ending have no counters any more.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size() as isize);
        // SAFETY: the caller's contract is ours.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size() as isize);
        // SAFETY: the caller's contract is ours.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        add(-(layout.size() as isize));
        // SAFETY: the caller's contract is ours.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(size as isize - layout.size() as isize);
        // SAFETY: the caller's contract is ours.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Source elements of one byte become eight; the decoders of pictures hold
/// coefficients and their output beside them.
const PEAK_LIMIT: isize = 12 * MAX_BYTES as isize;

fn fixtures(extensions: &[&str]) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let extension = path.extension().unwrap_or_default();
            extensions.iter().any(|&wanted| extension == wanted)
        })
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

struct Mutator(SplitMix64);

impl Mutator {
    fn below(&mut self, limit: usize) -> usize {
        (self.0.next_u64() % limit.max(1) as u64) as usize
    }

    /// One damage, of a kind and place chosen at random.
    fn damage(&mut self, bytes: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let at = self.below(bytes.len());
        match self.below(8) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
            2 if !bytes.is_empty() => bytes[at] = self.0.next_u64() as u8,
            3 => self.number(bytes, at),
            4 => self.digits(bytes),
            5 => {
                let end = (at + self.below(16)).min(bytes.len());
                bytes.drain(at..end);
            }
            6 => {
                let other = &corpus[self.below(corpus.len())];
                let start = self.below(other.len());
                let end = (start + self.below(64)).min(other.len());
                bytes.splice(at..at, other[start..end].iter().copied());
            }
            _ => {
                let other = &corpus[self.below(corpus.len())];
                let start = self.below(other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[start..]);
            }
        }
    }

    /// Overwrites a field of 2, 4 or 8 bytes with an extreme number.
    fn number(&mut self, bytes: &mut [u8], at: usize) {
        let extremes = [
            0,
            1,
            0x7f,
            0xffff,
            1 << 31,
            u64::from(u32::MAX),
            1 << 62,
            u64::MAX,
        ];
        let value = extremes[self.below(extremes.len())];
        let width = 2 << self.below(3);
        let big = self.below(2) == 1;
        let field: Vec<u8> = if big {
            value.to_be_bytes()[8 - width..].to_vec()
        } else {
            value.to_le_bytes()[..width].to_vec()
        };
        for (byte, new) in bytes.iter_mut().skip(at).zip(field) {
            *byte = new;
        }
    }

    /// Replaces a number in text by another.
    fn digits(&mut self, bytes: &mut Vec<u8>) {
        let places: Vec<usize> = (0..bytes.len())
            .filter(|&i| bytes[i].is_ascii_digit())
            .collect();
        if places.is_empty() {
            return;
        }
        let at = places[self.below(places.len())];
        let numbers = [
            "0",
            "-1",
            "4",
            "1000000",
            "4611686018427387904",
            "18446744073709551616",
            "1e99",
        ];
        let number = numbers[self.below(numbers.len())];
        bytes.splice(at..=at, number.bytes());
    }
}

/// Damages the corpus `cases` times; both outcomes must occur.
fn run(extensions: &[&str], cases: usize, target: fn(&[u8]) -> Option<usize>) {
    let corpus = fixtures(extensions);
    let readable = corpus.iter().filter(|file| target(file).is_some()).count();
    assert!(
        2 * readable > corpus.len(),
        "{readable} of {} files read",
        corpus.len()
    );
    let mut mutator = Mutator(SplitMix64::new(0x5eed));
    let (mut read, mut refused) = (0, 0);
    for case in 0..cases {
        let mut bytes = corpus[case % corpus.len()].clone();
        for _ in 0..=mutator.below(3) {
            mutator.damage(&mut bytes, &corpus);
        }
        let before = HELD.get();
        PEAK.set(before);
        match target(&bytes) {
            Some(_) => read += 1,
            None => refused += 1,
        }
        let peak = PEAK.get() - before;
        assert!(
            peak <= PEAK_LIMIT,
            "case {case}: {peak} bytes for {} bytes",
            bytes.len()
        );
        assert_eq!(HELD.get(), before, "case {case} leaks");
    }
    assert!(read > 0 && refused > 0, "{read} read, {refused} refused");
}

#[test]
fn damaged_npy_files() {
    run(&["npy"], 20_000, fuzz_npy);
}

#[test]
fn damaged_npz_files() {
    run(&["npz"], 10_000, fuzz_npz);
}

#[test]
fn damaged_safetensors_files() {
    run(&["safetensors"], 20_000, fuzz_safetensors);
}

#[test]
fn damaged_tables() {
    run(&["csv"], 10_000, fuzz_csv);
}

#[test]
fn damaged_png_files() {
    run(&["png"], 10_000, fuzz_png);
}

#[test]
fn damaged_jpeg_files() {
    run(&["jpg"], 4_000, fuzz_jpeg);
}

#[test]
fn files_of_one_format_read_as_another() {
    let all = fixtures(&["npy", "npz", "safetensors", "csv", "png", "jpg"]);
    for target in [
        fuzz_npy,
        fuzz_npz,
        fuzz_safetensors,
        fuzz_csv,
        fuzz_png,
        fuzz_jpeg,
    ] {
        let read = all.iter().filter(|file| target(file).is_some()).count();
        assert!(read > 0 && read < all.len());
    }
}
