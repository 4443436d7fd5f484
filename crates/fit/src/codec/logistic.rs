//! Probabilities in the logistic domain, in integers.
//!
//! A mixer adds evidence where it adds up: as log-odds `ln(p / (1 − p))`
//! ([`stretch`]), and turns the sum back into a probability ([`squash`]).
//! Log-odds are in units of 1/256 and clamped to ±[`LIMIT`]; probabilities are
//! in units of 1/65536. Both tables are built with integer arithmetic alone:
//! a decoder on another machine has the same ones.

use std::sync::LazyLock;

/// Largest log-odds, in units of 1/256: eleven, a probability of 1.7e-5.
pub(crate) const LIMIT: i32 = 2816;

struct Tables {
    /// Probability at log-odds `index - LIMIT`.
    squash: Vec<u16>,
    /// Log-odds at the middle of 4096 equal cells of probability.
    middle: Vec<i16>,
    /// Log-odds at probabilities 0..4096 of 65536, where the cells are too coarse.
    tail: Vec<i16>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(build);

fn build() -> Tables {
    // exp(-1/256) in units of 2^-62, truncated.
    const DECAY: u128 = 4_593_706_758_521_714_574;
    let mut power: u128 = 1 << 62;
    let mut squash = vec![0u16; 2 * LIMIT as usize + 1];
    for x in 0..=LIMIT as usize {
        // p = 1 / (1 + exp(-x/256)), and the mirrored value at -x.
        let p = ((1u128 << 78) / ((1u128 << 62) + power)).clamp(1, 65535) as u16;
        squash[LIMIT as usize + x] = p;
        squash[LIMIT as usize - x] = (65536 - u32::from(p)).min(65535) as u16;
        power = (power * DECAY) >> 62;
    }
    let inverse = |p: u32| -> i16 {
        let index = squash.partition_point(|&q| u32::from(q) < p);
        (index as i32 - LIMIT).min(LIMIT) as i16
    };
    let middle = (0..4096).map(|cell| inverse(cell * 16 + 8)).collect();
    let tail = (0..4096).map(inverse).collect();
    Tables {
        squash,
        middle,
        tail,
    }
}

/// The two functions with their tables at hand.
#[derive(Clone, Copy)]
pub(crate) struct Logistic {
    tables: &'static Tables,
}

impl std::fmt::Debug for Logistic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Logistic")
    }
}

impl Logistic {
    pub(crate) fn new() -> Self {
        Self { tables: &TABLES }
    }

    /// Log-odds (1/256) of a probability (1/65536).
    #[inline]
    pub(crate) fn stretch(self, p: u32) -> i32 {
        let value = if p < 4096 {
            self.tables.tail[p as usize]
        } else if p > 65536 - 4096 {
            -self.tables.tail[65536 - p as usize]
        } else {
            self.tables.middle[(p >> 4) as usize & 4095]
        };
        i32::from(value)
    }

    /// Probability (1/65536) of log-odds (1/256), in 1..=65535.
    #[inline]
    pub(crate) fn squash(self, x: i32) -> u32 {
        u32::from(self.tables.squash[(x.clamp(-LIMIT, LIMIT) + LIMIT) as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squash_is_the_logistic_function() {
        let logistic = Logistic::new();
        for x in -LIMIT..=LIMIT {
            let exact = 65536.0 / (1.0 + (-f64::from(x) / 256.0).exp());
            let ours = f64::from(logistic.squash(x));
            assert!((ours - exact).abs() <= 1.5, "{x}: {ours} {exact}");
        }
        assert!(logistic.squash(-LIMIT) >= 1 && logistic.squash(i32::MAX) <= 65535);
    }

    #[test]
    fn stretch_inverts_squash() {
        let logistic = Logistic::new();
        for p in 1..65536u32 {
            let back = logistic.squash(logistic.stretch(p));
            let slack = 8 + p.min(65536 - p) / 200;
            assert!(back.abs_diff(p) <= slack, "{p} {back}");
        }
    }
}
