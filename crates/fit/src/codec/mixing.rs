//! Adaptive bit probabilities and their mixture.
//!
//! A [`Cell`] learns one probability from the bits seen in one context; a
//! [`Mixer`] learns how far to trust each of several cells and adds their
//! evidence in the logistic domain (M. Mahoney, "Adaptive weighing of context
//! models for lossless data compression", 2005). Integers only.

use super::logistic::{LIMIT, Logistic};

/// A learnt probability that the next bit is one, in units of 1/65536.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    p: u16,
    /// Bits seen, up to the limit that keeps the cell adaptive.
    seen: u16,
    /// Log-odds scaled by confidence: an unseen cell has no say. Kept here
    /// because a cell is asked more often than it learns.
    evidence: i16,
}

impl Cell {
    pub(crate) const NEW: Cell = Cell {
        p: 1 << 15,
        seen: 0,
        evidence: 0,
    };

    #[inline]
    pub(crate) fn p1(self) -> u32 {
        u32::from(self.p).max(1)
    }

    /// Moves towards `bit`, by 1/(seen + 1.5) at first and 1/(limit + 1.5) in
    /// the end; for cells that are used alone.
    #[inline]
    pub(crate) fn learn(&mut self, bit: bool, limit: u16) {
        let target = if bit { 65535 } else { 0 };
        let gap = target - i32::from(self.p);
        let divisor = 2 * i32::from(self.seen) + 3;
        self.p = (i32::from(self.p) + 2 * gap / divisor) as u16;
        if self.seen < limit {
            self.seen += 1;
        }
    }

    /// As [`Cell::learn`], for cells that a mixer asks.
    #[inline]
    pub(crate) fn learn_mixed(&mut self, bit: bool, limit: u16, logistic: Logistic) {
        self.learn(bit, limit);
        self.weigh(logistic);
    }

    #[inline]
    fn weigh(&mut self, logistic: Logistic) {
        let confidence = CONFIDENCE[self.seen.min(255) as usize];
        self.evidence = ((logistic.stretch(self.p1()) * confidence) >> 8) as i16;
    }

    /// Forgets all but the last few bits' worth of confidence.
    pub(crate) fn relax(&mut self, seen: u16, logistic: Logistic) {
        self.seen = self.seen.min(seen);
        self.weigh(logistic);
    }
}

/// `256 · n / (n + 1.5)`.
const CONFIDENCE: [i32; 256] = {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        table[n] = (512 * n as i32) / (2 * n as i32 + 3);
        n += 1;
    }
    table
};

/// One weight vector of a mixer.
#[derive(Clone, Debug)]
pub(crate) struct Mixer<const N: usize> {
    /// In units of 1/65536.
    weights: [i32; N],
    /// Bits seen, for the learning rate.
    seen: u32,
}

/// What a mixer said about a bit, kept until the bit is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opinion<const N: usize> {
    inputs: [i32; N],
    pub(crate) p1: u32,
}

impl<const N: usize> Mixer<N> {
    /// Equal weights adding up to a little more than one: contexts overlap in part only.
    pub(crate) fn new() -> Self {
        Self {
            weights: [(65536 * 5 / 4) / N as i32; N],
            seen: 0,
        }
    }

    /// The mixture of `cells`.
    #[inline]
    pub(crate) fn mix(&self, cells: &[Cell; N], logistic: Logistic) -> Opinion<N> {
        let mut inputs = [0; N];
        let mut sum = 0i64;
        for k in 0..N {
            inputs[k] = i32::from(cells[k].evidence);
            sum += i64::from(inputs[k]) * i64::from(self.weights[k]);
        }
        let odds = (sum >> 16).clamp(-i64::from(LIMIT), i64::from(LIMIT)) as i32;
        Opinion {
            inputs,
            p1: logistic.squash(odds),
        }
    }

    /// One step of gradient descent on the coding cost of `bit`.
    #[inline]
    pub(crate) fn learn(&mut self, opinion: &Opinion<N>, bit: bool) {
        let error = (i32::from(bit) << 16) - opinion.p1 as i32;
        let rate = 6 + 1024 / (16 + self.seen as i32);
        for k in 0..N {
            let step = (i64::from(opinion.inputs[k]) * i64::from(error) * i64::from(rate)) >> 20;
            self.weights[k] = (self.weights[k] + step as i32).clamp(-(1 << 20), 1 << 20);
        }
        self.seen = (self.seen + 1).min(1 << 20);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_learns_a_constant_source() {
        let mut cell = Cell::NEW;
        for _ in 0..200 {
            cell.learn(true, 250);
        }
        assert!(cell.p1() > 65000, "{}", cell.p1());
        for _ in 0..2000 {
            cell.learn(false, 250);
        }
        assert!(cell.p1() < 600, "{}", cell.p1());
    }

    #[test]
    fn a_mixer_finds_the_informed_cell() {
        let logistic = Logistic::new();
        let mut rng = tensegrity_tensor::SplitMix64::new(3);
        let mut mixer = Mixer::<2>::new();
        let mut noise = Cell::NEW;
        let mut informed = [Cell::NEW; 2];
        let mut cost = 0.0;
        for round in 0..4000 {
            let bit = rng.below(2) == 1;
            let context = usize::from(bit != (rng.below(50) == 0));
            let opinion = mixer.mix(&[noise, informed[context]], logistic);
            if round >= 2000 {
                cost += f64::from(super::super::range::price(bit, opinion.p1)) / 65536.0;
            }
            mixer.learn(&opinion, bit);
            noise.learn_mixed(bit, 250, logistic);
            informed[context].learn_mixed(bit, 250, logistic);
        }
        // The entropy of one flip in fifty is 0.141 bit.
        assert!(cost / 2000.0 < 0.18, "{}", cost / 2000.0);
    }
}
