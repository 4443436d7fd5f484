//! Transposes and streaming stores of x86-64.
//!
//! Elements are moved as bit patterns: shuffles never touch a NaN.

use std::arch::x86_64::*;

use super::tile::{Extent, Kernel, Store, copy_run};
use super::tiling::Tiling;

/// The transpose of tiles that are dense on both sides, if there is one.
pub(super) fn transpose(tiling: &Tiling) -> Option<Kernel> {
    if tiling.near_target.block().min(tiling.near_source.block()) < 3 {
        return None;
    }
    let (wide, narrow): (Kernel, Kernel) = match tiling.run {
        4 => (transpose_words_avx512, transpose_words_avx2),
        8 => (transpose_doubles_avx512, transpose_doubles_avx2),
        _ => return None,
    };
    if is_x86_feature_detected!("avx512f") {
        Some(wide)
    } else if is_x86_feature_detected!("avx2") {
        Some(narrow)
    } else {
        None
    }
}

/// The fastest store that leaves the caches alone.
pub(crate) fn streaming_store() -> Store {
    if is_x86_feature_detected!("avx512f") {
        stream_avx512
    } else if is_x86_feature_detected!("avx") {
        stream_avx
    } else {
        stream_sse2
    }
}

/// Orders streaming stores before whatever publishes the result.
pub(crate) fn fence() {
    // SAFETY: SSE is part of every x86-64.
    unsafe { _mm_sfence() };
}

/// Brings the line of `address` into the second-level cache. The first level
/// is too small a place for rows a power of two apart.
#[inline(always)]
pub(super) fn prefetch(address: *const u8) {
    // SAFETY: SSE is part of every x86-64, and a hint reads nothing.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast()) };
}

/// Addresses of `N` rows of a tile from `first` on; rows that do not exist
/// repeat the last one, which is read for nothing.
#[inline(always)]
fn row_addresses<const N: usize>(
    source: *const u8,
    offsets: &[isize],
    first: usize,
) -> [*const u8; N] {
    let mut rows = [source; N];
    for (k, row) in rows.iter_mut().enumerate() {
        *row = source.wrapping_offset(offsets[(first + k).min(offsets.len() - 1)]);
    }
    rows
}

/// # Safety
/// As [`Kernel`]; `avx512f`.
#[target_feature(enable = "avx512f")]
unsafe fn transpose_doubles_avx512(
    tiling: &Tiling,
    source: *const u8,
    target: *mut u8,
    tile: Extent<'_>,
) {
    let offsets = tile.offsets(tiling);
    let columns = tile.columns;
    for row in (0..tile.rows).step_by(8) {
        let rows: [*const u8; 8] = row_addresses(source, offsets, row);
        let mut column = 0;
        if row + 8 <= tile.rows {
            while column + 8 <= columns.len() {
                let mut r = [_mm512_setzero_si512(); 8];
                for k in 0..8 {
                    // SAFETY: a whole micro-tile lies inside the tile.
                    r[k] = unsafe { _mm512_loadu_si512(rows[k].cast::<i64>().add(column).cast()) };
                }
                let r = transpose_8x8(r);
                for k in 0..8 {
                    // SAFETY: as above.
                    unsafe {
                        let place = target.offset(columns[column + k]).cast::<i64>().add(row);
                        _mm512_storeu_si512(place.cast(), r[k]);
                    }
                }
                column += 8;
            }
        }
        // What is left is masked; only there, because loads cannot be
        // forwarded from masked stores.
        let write = low_bits(tile.rows - row, 8) as __mmask8;
        while column < columns.len() {
            let width = (columns.len() - column).min(8);
            let read = low_bits(width, 8) as __mmask8;
            let mut r = [_mm512_setzero_si512(); 8];
            for k in 0..8 {
                // SAFETY: masked to the columns that exist, of a row that does.
                r[k] = unsafe { _mm512_maskz_loadu_epi64(read, rows[k].cast::<i64>().add(column)) };
            }
            let r = transpose_8x8(r);
            for k in 0..width {
                // SAFETY: masked to the rows that exist, of a column that does.
                unsafe {
                    let place = target.offset(columns[column + k]).cast::<i64>().add(row);
                    _mm512_mask_storeu_epi64(place, write, r[k]);
                }
            }
            column += width;
        }
    }
}

/// # Safety
/// As [`Kernel`]; `avx512f`.
#[target_feature(enable = "avx512f")]
unsafe fn transpose_words_avx512(
    tiling: &Tiling,
    source: *const u8,
    target: *mut u8,
    tile: Extent<'_>,
) {
    let offsets = tile.offsets(tiling);
    let columns = tile.columns;
    for row in (0..tile.rows).step_by(16) {
        let rows: [*const u8; 16] = row_addresses(source, offsets, row);
        let mut column = 0;
        if row + 16 <= tile.rows {
            while column + 16 <= columns.len() {
                let mut r = [_mm512_setzero_si512(); 16];
                for k in 0..16 {
                    // SAFETY: a whole micro-tile lies inside the tile.
                    r[k] = unsafe { _mm512_loadu_si512(rows[k].cast::<i32>().add(column).cast()) };
                }
                let r = transpose_16x16(r);
                for k in 0..16 {
                    // SAFETY: as above.
                    unsafe {
                        let place = target.offset(columns[column + k]).cast::<i32>().add(row);
                        _mm512_storeu_si512(place.cast(), r[k]);
                    }
                }
                column += 16;
            }
        }
        // What is left is masked; only there, because loads cannot be
        // forwarded from masked stores.
        let write = low_bits(tile.rows - row, 16);
        while column < columns.len() {
            let width = (columns.len() - column).min(16);
            let read = low_bits(width, 16);
            let mut r = [_mm512_setzero_si512(); 16];
            for k in 0..16 {
                // SAFETY: masked to the columns that exist, of a row that does.
                r[k] = unsafe { _mm512_maskz_loadu_epi32(read, rows[k].cast::<i32>().add(column)) };
            }
            let r = transpose_16x16(r);
            for k in 0..width {
                // SAFETY: masked to the rows that exist, of a column that does.
                unsafe {
                    let place = target.offset(columns[column + k]).cast::<i32>().add(row);
                    _mm512_mask_storeu_epi32(place, write, r[k]);
                }
            }
            column += width;
        }
    }
}

/// A mask of the `count` lowest of `lanes` bits.
#[inline(always)]
fn low_bits(count: usize, lanes: usize) -> u16 {
    ((1u32 << count.min(lanes)) - 1) as u16
}

#[inline]
#[target_feature(enable = "avx512f")]
fn transpose_8x8(r: [__m512i; 8]) -> [__m512i; 8] {
    let mut result = r;
    let (mut even, mut odd) = ([r[0]; 4], [r[0]; 4]);
    for k in 0..4 {
        even[k] = _mm512_unpacklo_epi64(r[2 * k], r[2 * k + 1]);
        odd[k] = _mm512_unpackhi_epi64(r[2 * k], r[2 * k + 1]);
    }
    let (even, odd) = (transpose_lanes(even), transpose_lanes(odd));
    for k in 0..4 {
        result[2 * k] = even[k];
        result[2 * k + 1] = odd[k];
    }
    result
}

#[inline]
#[target_feature(enable = "avx512f")]
fn transpose_16x16(r: [__m512i; 16]) -> [__m512i; 16] {
    let mut result = r;
    // quads[c][q]: columns c, 4 + c, 8 + c, 12 + c of the rows 4q..4q + 4.
    let mut quads = [[r[0]; 4]; 4];
    for q in 0..4 {
        let low01 = _mm512_unpacklo_epi32(r[4 * q], r[4 * q + 1]);
        let high01 = _mm512_unpackhi_epi32(r[4 * q], r[4 * q + 1]);
        let low23 = _mm512_unpacklo_epi32(r[4 * q + 2], r[4 * q + 3]);
        let high23 = _mm512_unpackhi_epi32(r[4 * q + 2], r[4 * q + 3]);
        quads[0][q] = _mm512_unpacklo_epi64(low01, low23);
        quads[1][q] = _mm512_unpackhi_epi64(low01, low23);
        quads[2][q] = _mm512_unpacklo_epi64(high01, high23);
        quads[3][q] = _mm512_unpackhi_epi64(high01, high23);
    }
    for c in 0..4 {
        let lanes = transpose_lanes(quads[c]);
        for k in 0..4 {
            result[4 * k + c] = lanes[k];
        }
    }
    result
}

/// The 4 × 4 transpose of 128-bit lanes.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose_lanes(p: [__m512i; 4]) -> [__m512i; 4] {
    let even01 = _mm512_shuffle_i32x4::<0x88>(p[0], p[1]);
    let odd01 = _mm512_shuffle_i32x4::<0xdd>(p[0], p[1]);
    let even23 = _mm512_shuffle_i32x4::<0x88>(p[2], p[3]);
    let odd23 = _mm512_shuffle_i32x4::<0xdd>(p[2], p[3]);
    [
        _mm512_shuffle_i32x4::<0x88>(even01, even23),
        _mm512_shuffle_i32x4::<0x88>(odd01, odd23),
        _mm512_shuffle_i32x4::<0xdd>(even01, even23),
        _mm512_shuffle_i32x4::<0xdd>(odd01, odd23),
    ]
}

/// # Safety
/// As [`Kernel`]; `avx2`.
#[target_feature(enable = "avx2")]
unsafe fn transpose_doubles_avx2(
    tiling: &Tiling,
    source: *const u8,
    target: *mut u8,
    tile: Extent<'_>,
) {
    let offsets = tile.offsets(tiling);
    let columns = tile.columns;
    let (whole_rows, whole_columns) = (tile.rows & !3, columns.len() & !3);
    for row in (0..whole_rows).step_by(4) {
        let rows: [*const u8; 4] = row_addresses(source, offsets, row);
        for column in (0..whole_columns).step_by(4) {
            let mut r = [_mm256_setzero_si256(); 4];
            for k in 0..4 {
                // SAFETY: a whole micro-tile lies inside the tile.
                r[k] = unsafe { _mm256_loadu_si256(rows[k].cast::<i64>().add(column).cast()) };
            }
            let r = transpose_4x4(r);
            for k in 0..4 {
                // SAFETY: as above.
                unsafe {
                    let place = target.offset(columns[column + k]).cast::<i64>().add(row);
                    _mm256_storeu_si256(place.cast(), r[k]);
                }
            }
        }
    }
    // SAFETY: the caller's contract.
    unsafe { edges::<8>(source, target, offsets, columns, whole_rows, whole_columns) };
}

/// # Safety
/// As [`Kernel`]; `avx2`.
#[target_feature(enable = "avx2")]
unsafe fn transpose_words_avx2(
    tiling: &Tiling,
    source: *const u8,
    target: *mut u8,
    tile: Extent<'_>,
) {
    let offsets = tile.offsets(tiling);
    let columns = tile.columns;
    let (whole_rows, whole_columns) = (tile.rows & !7, columns.len() & !7);
    for row in (0..whole_rows).step_by(8) {
        let rows: [*const u8; 8] = row_addresses(source, offsets, row);
        for column in (0..whole_columns).step_by(8) {
            let mut r = [_mm256_setzero_si256(); 8];
            for k in 0..8 {
                // SAFETY: a whole micro-tile lies inside the tile.
                r[k] = unsafe { _mm256_loadu_si256(rows[k].cast::<i32>().add(column).cast()) };
            }
            let r = transpose_words_8x8(r);
            for k in 0..8 {
                // SAFETY: as above.
                unsafe {
                    let place = target.offset(columns[column + k]).cast::<i32>().add(row);
                    _mm256_storeu_si256(place.cast(), r[k]);
                }
            }
        }
    }
    // SAFETY: the caller's contract.
    unsafe { edges::<4>(source, target, offsets, columns, whole_rows, whole_columns) };
}

#[inline]
#[target_feature(enable = "avx2")]
fn transpose_4x4(r: [__m256i; 4]) -> [__m256i; 4] {
    let (low01, high01) = (
        _mm256_unpacklo_epi64(r[0], r[1]),
        _mm256_unpackhi_epi64(r[0], r[1]),
    );
    let (low23, high23) = (
        _mm256_unpacklo_epi64(r[2], r[3]),
        _mm256_unpackhi_epi64(r[2], r[3]),
    );
    [
        _mm256_permute2x128_si256::<0x20>(low01, low23),
        _mm256_permute2x128_si256::<0x20>(high01, high23),
        _mm256_permute2x128_si256::<0x31>(low01, low23),
        _mm256_permute2x128_si256::<0x31>(high01, high23),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
fn transpose_words_8x8(r: [__m256i; 8]) -> [__m256i; 8] {
    let mut result = r;
    // halves[c][q]: columns c and 4 + c of the rows 4q..4q + 4.
    let mut halves = [[r[0]; 2]; 4];
    for q in 0..2 {
        let low01 = _mm256_unpacklo_epi32(r[4 * q], r[4 * q + 1]);
        let high01 = _mm256_unpackhi_epi32(r[4 * q], r[4 * q + 1]);
        let low23 = _mm256_unpacklo_epi32(r[4 * q + 2], r[4 * q + 3]);
        let high23 = _mm256_unpackhi_epi32(r[4 * q + 2], r[4 * q + 3]);
        halves[0][q] = _mm256_unpacklo_epi64(low01, low23);
        halves[1][q] = _mm256_unpackhi_epi64(low01, low23);
        halves[2][q] = _mm256_unpacklo_epi64(high01, high23);
        halves[3][q] = _mm256_unpackhi_epi64(high01, high23);
    }
    for c in 0..4 {
        result[c] = _mm256_permute2x128_si256::<0x20>(halves[c][0], halves[c][1]);
        result[4 + c] = _mm256_permute2x128_si256::<0x31>(halves[c][0], halves[c][1]);
    }
    result
}

/// What whole micro-tiles leave over: rows from `whole_rows` on, and columns
/// from `whole_columns` on of the rows before.
///
/// # Safety
/// As [`Kernel`], for tiles dense on both sides with runs of `SIZE` bytes.
unsafe fn edges<const SIZE: usize>(
    source: *const u8,
    target: *mut u8,
    offsets: &[isize],
    columns: &[isize],
    whole_rows: usize,
    whole_columns: usize,
) {
    for (row, &from) in offsets.iter().enumerate() {
        let first = if row < whole_rows { whole_columns } else { 0 };
        for (column, &to) in columns.iter().enumerate().skip(first) {
            // SAFETY: the caller's contract; reads and writes are unaligned.
            unsafe {
                let element = source.offset(from).cast::<[u8; SIZE]>().add(column);
                let place = target.offset(to).cast::<[u8; SIZE]>().add(row);
                place.write_unaligned(element.read_unaligned());
            }
        }
    }
}

/// Defines a [`Store`] that writes whole vectors past the caches and the ends
/// of the row, up to the first and from the last vector boundary, as usual.
macro_rules! stream {
    ($name:ident, $feature:literal, $bytes:literal, $load:ident, $stream:ident) => {
        /// # Safety
        /// As [`Store`]; the feature named.
        #[target_feature(enable = $feature)]
        unsafe fn $name(source: *const u8, target: *mut u8, bytes: usize) {
            let lead = target.align_offset($bytes).min(bytes);
            let whole = (bytes - lead) / $bytes * $bytes;
            // SAFETY: the three parts make up the row; the middle one starts
            // on a vector boundary of the target.
            unsafe {
                if lead > 0 {
                    copy_run(source, target, lead);
                }
                let (from, to) = (source.add(lead), target.add(lead));
                for k in (0..whole).step_by($bytes) {
                    $stream(to.add(k).cast(), $load(from.add(k).cast()));
                }
                let done = lead + whole;
                if done < bytes {
                    copy_run(source.add(done), target.add(done), bytes - done);
                }
            }
        }
    };
}

stream!(
    stream_avx512,
    "avx512f",
    64,
    _mm512_loadu_si512,
    _mm512_stream_si512
);
stream!(
    stream_avx,
    "avx",
    32,
    _mm256_loadu_si256,
    _mm256_stream_si256
);
stream!(stream_sse2, "sse2", 16, _mm_loadu_si128, _mm_stream_si128);
