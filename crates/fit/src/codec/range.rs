//! The binary range coder: bits with probabilities in, bytes out.
//!
//! Method: the carry-propagating range coder of G. N. N. Martin (1979) in the
//! byte-wise form used by LZMA, with 16-bit probabilities. Integers only, so
//! the same bytes decode to the same bits on every machine.
//!
//! Guarantees: a decoder never reads outside its bytes and never fails in the
//! middle; past the end it sees zero bytes and remembers how many, so that
//! [`Decoder::exhausted`] tells a stream that ran out. Both sides keep a hash of
//! the bits coded; [`Encoder::seal`] writes 16 bits of it and
//! [`Decoder::is_sealed`] compares them, so that damage of any kind goes unseen
//! in one stream of 65536 only.

/// Something that takes modelled bits: an encoder, a decoder or a meter.
///
/// A model calls [`Bits::bit`] with the bit it wants coded and uses the bit
/// returned. An encoder returns what it was given, a decoder ignores the
/// argument and returns what the stream says: one model serves both.
pub(crate) trait Bits {
    /// Codes one bit whose probability of being one is `p1 / 65536`,
    /// `1 <= p1 <= 65535`.
    fn bit(&mut self, bit: bool, p1: u32) -> bool;

    /// Codes the low `count` bits of `value`, each with probability one half.
    fn raw(&mut self, value: u64, count: u32) -> u64 {
        let mut result = 0;
        for shift in (0..count).rev() {
            let bit = self.bit((value >> shift) & 1 == 1, 1 << 15);
            result = (result << 1) | u64::from(bit);
        }
        result
    }

    /// Whether going on is pointless because the stream has ended.
    fn exhausted(&self) -> bool {
        false
    }
}

/// Ranges are kept at or above this by shifting bytes out.
const RENORMALISE: u32 = 1 << 24;
/// Bytes a decoder may read past the end: what [`Encoder::finish`] leaves out.
const OMITTED: usize = 4;

/// Bits of the hash that are written.
const SEAL: u32 = 16;

/// Mixes one more bit into a hash.
#[inline]
fn mix(hash: u32, bit: bool) -> u32 {
    (hash.rotate_left(5) ^ u32::from(bit)).wrapping_mul(0x9E37_79B1)
}

/// The part of a hash that is written: its better mixed upper half.
fn sealed(hash: u32) -> u64 {
    u64::from(hash >> (32 - SEAL))
}

/// Writes modelled bits as bytes.
#[derive(Debug)]
pub(crate) struct Encoder {
    bytes: Vec<u8>,
    hash: u32,
    low: u64,
    range: u32,
    /// The last byte that a carry could still change; `None` before the first.
    held: Option<u8>,
    /// Bytes of value 255 behind `held`, which a carry would turn into zeros.
    run: usize,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Self {
            bytes: Vec::new(),
            hash: 1,
            low: 0,
            range: u32::MAX,
            held: None,
            run: 0,
        }
    }

    fn shift(&mut self) {
        let carry = (self.low >> 32) as u8;
        if carry == 1 || self.low < 0xFF00_0000 {
            if let Some(held) = self.held {
                self.bytes.push(held.wrapping_add(carry));
            }
            let filler = 0xFFu8.wrapping_add(carry);
            self.bytes.extend(std::iter::repeat_n(filler, self.run));
            self.run = 0;
            self.held = Some((self.low >> 24) as u8);
        } else {
            self.run += 1;
        }
        self.low = (self.low & 0x00FF_FFFF) << 8;
    }

    /// Writes the hash of all bits so far.
    pub(crate) fn seal(&mut self) {
        self.raw(sealed(self.hash), SEAL);
    }

    /// The finished bytes; trailing zeros the decoder supplies itself are left out.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        // Any value in [low, low + range) decodes alike: take one that ends in zeros.
        let last = self.low + u64::from(self.range) - 1;
        for zeros in (0..=24).rev().step_by(8) {
            let candidate = last >> zeros << zeros;
            if candidate >= self.low {
                self.low = candidate;
                break;
            }
        }
        for _ in 0..5 {
            self.shift();
        }
        for _ in 0..OMITTED {
            if self.bytes.last() == Some(&0) {
                self.bytes.pop();
            }
        }
        self.bytes
    }
}

impl Bits for Encoder {
    #[inline]
    fn bit(&mut self, bit: bool, p1: u32) -> bool {
        debug_assert!((1..1 << 16).contains(&p1));
        self.hash = mix(self.hash, bit);
        let bound = ((u64::from(self.range) * u64::from(p1)) >> 16) as u32;
        if bit {
            self.range = bound;
        } else {
            self.low += u64::from(bound);
            self.range -= bound;
        }
        while self.range < RENORMALISE {
            self.range <<= 8;
            self.shift();
        }
        bit
    }
}

/// Reads modelled bits back.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    bytes: &'a [u8],
    hash: u32,
    position: usize,
    code: u32,
    range: u32,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let mut decoder = Self {
            bytes,
            hash: 1,
            position: 0,
            code: 0,
            range: u32::MAX,
        };
        for _ in 0..4 {
            decoder.pull();
        }
        decoder
    }

    #[inline]
    fn pull(&mut self) {
        let byte = self.bytes.get(self.position).copied().unwrap_or(0);
        self.position += 1;
        self.code = (self.code << 8) | u32::from(byte);
    }

    /// Reads what [`Encoder::seal`] wrote: whether all bits so far are those written.
    pub(crate) fn is_sealed(&mut self) -> bool {
        let wanted = sealed(self.hash);
        self.raw(0, SEAL) == wanted
    }

    /// Bytes of the stream that were never looked at.
    pub(crate) fn unread(&self) -> usize {
        self.bytes.len().saturating_sub(self.position)
    }
}

impl Bits for Decoder<'_> {
    #[inline]
    fn bit(&mut self, _: bool, p1: u32) -> bool {
        let bound = ((u64::from(self.range) * u64::from(p1)) >> 16) as u32;
        let bit = self.code < bound;
        self.hash = mix(self.hash, bit);
        if bit {
            self.range = bound;
        } else {
            self.code -= bound;
            self.range -= bound;
        }
        while self.range < RENORMALISE {
            self.range <<= 8;
            self.pull();
        }
        bit
    }

    fn exhausted(&self) -> bool {
        self.position > self.bytes.len() + OMITTED
    }
}

/// Adds up the length a stream would have, without writing it.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// In units of 1/65536 bit.
    units: u64,
}

impl Meter {
    /// Length in bits.
    pub(crate) fn bits(&self) -> f64 {
        self.units as f64 / 65536.0
    }
}

impl Bits for Meter {
    #[inline]
    fn bit(&mut self, bit: bool, p1: u32) -> bool {
        self.units += u64::from(price(bit, p1));
        bit
    }
}

/// The ideal length of a bit, in units of 1/65536 bit.
#[inline]
pub(crate) fn price(bit: bool, p1: u32) -> u32 {
    let p = if bit { p1 } else { 65536 - p1 };
    PRICES[(p >> 4) as usize & 4095]
}

/// `-log2(p) * 65536` at the middle of each of 4096 cells of probability.
static PRICES: std::sync::LazyLock<Vec<u32>> = std::sync::LazyLock::new(|| {
    (0..4096)
        .map(|cell| (-((f64::from(cell) + 0.5) / 4096.0).log2() * 65536.0) as u32)
        .collect()
});

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(stream in prop::collection::vec((any::<bool>(), 1u32..65536), 0..600)) {
            let mut encoder = Encoder::new();
            for &(bit, p1) in &stream {
                encoder.bit(bit, p1);
            }
            let bytes = encoder.finish();
            let mut decoder = Decoder::new(&bytes);
            for &(bit, p1) in &stream {
                prop_assert_eq!(decoder.bit(false, p1), bit);
            }
            prop_assert!(!decoder.exhausted());
        }

        #[test]
        fn likely_bits_cost_what_the_meter_says(seed: u64) {
            let mut rng = tensegrity_tensor::SplitMix64::new(seed);
            let (mut encoder, mut meter) = (Encoder::new(), Meter::default());
            for _ in 0..20_000 {
                let p1 = 1 + rng.below(65535) as u32;
                let bit = rng.below(65536) < u64::from(p1);
                encoder.bit(bit, p1);
                meter.bit(bit, p1);
            }
            let (real, told) = (encoder.finish().len() as f64, meter.bits() / 8.0);
            prop_assert!((real - told).abs() < 0.01 * told + 8.0, "{} {}", real, told);
        }
    }

    #[test]
    fn carries_run_through_held_bytes() {
        // Mostly improbable zeros push `low` up against the carry again and again.
        for p1 in [1, 2, 65535, 65534, 40000] {
            let stream: Vec<bool> = (0..4000).map(|i| i % 7 == 0).collect();
            let mut encoder = Encoder::new();
            for &bit in &stream {
                encoder.bit(bit, p1);
            }
            let bytes = encoder.finish();
            let mut decoder = Decoder::new(&bytes);
            assert!(stream.iter().all(|&bit| decoder.bit(false, p1) == bit));
        }
    }

    #[test]
    fn a_truncated_stream_is_noticed() {
        let mut encoder = Encoder::new();
        encoder.raw(0x0123_4567_89AB_CDEF, 64);
        encoder.raw(0x0123_4567_89AB_CDEF, 64);
        let bytes = encoder.finish();
        let mut decoder = Decoder::new(&bytes[..bytes.len() - 6]);
        decoder.raw(0, 64);
        decoder.raw(0, 64);
        assert!(decoder.exhausted());
    }
}
