//! An energy counter that wraps, resets and sometimes disappears.

use crate::backend::Tally;
use crate::clock::Moment;

/// Power a package is assumed to draw when the time to a wrap is estimated.
const WRAP_WATTS: f64 = 200.0;

/// No package draws this much: a step back that would mean more is a reset.
const IMPOSSIBLE_WATTS: f64 = 1000.0;

/// Integer counter in microjoules.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    /// Largest value before it starts again at 0, if known.
    max: Option<u64>,
    last: Option<(u64, Moment)>,
    total: u64,
}

impl Counter {
    pub fn new(max: Option<u64>) -> Self {
        Self {
            max: max.filter(|&max| max > 0),
            last: None,
            total: 0,
        }
    }

    /// Microjoules since the first reading.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The counter is gone; if it returns, it starts anew.
    pub fn forget(&mut self) {
        self.last = None;
    }

    /// Seconds in which the counter can go round once.
    pub fn wrap_seconds(&self) -> Option<f64> {
        self.max.map(|max| (max as f64 + 1.0) / 1e6 / WRAP_WATTS)
    }

    /// Takes a reading and gives the microjoules since the one before.
    ///
    /// A smaller value than before is a wrap, `(new − old) mod (max + 1)`. It is
    /// a reset instead if the wrap would be more than half the range *and* more
    /// power than any package draws; then what the counter shows was consumed
    /// since the reset, and what came before it is lost. If `max` is unknown,
    /// the reading is dropped. Energy is never negative.
    pub fn read(&mut self, value: u64, moment: Moment, tally: &mut Tally) -> u64 {
        let Some((old, then)) = self.last.replace((value, moment)) else {
            return 0;
        };
        // The monotonic clock stands still while the machine sleeps.
        let gap = (moment.seconds - then.seconds).max(moment.wall - then.wall);
        if let Some(wrap) = self.wrap_seconds()
            && gap > wrap
        {
            tally.stalls += 1;
        }
        let step = if value >= old {
            value - old
        } else if let Some(max) = self.max {
            let range = u128::from(max) + 1;
            let wrapped = u128::from(value) + range - u128::from(old).min(range);
            let watts = wrapped as f64 / 1e6 / gap.max(1e-6);
            if old > max || (2 * wrapped > range && watts > IMPOSSIBLE_WATTS) {
                tally.resets += 1;
                value
            } else {
                u64::try_from(wrapped).unwrap_or(u64::MAX)
            }
        } else {
            tally.dropped += 1;
            0
        };
        self.total = self.total.saturating_add(step);
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Moment {
        Moment {
            seconds,
            wall: seconds,
        }
    }

    #[test]
    fn a_wrap_is_counted_exactly() {
        let (mut counter, mut tally) = (Counter::new(Some(999_999)), Tally::default());
        counter.read(900_000, at(0.0), &mut tally);
        assert_eq!(counter.read(100_000, at(0.001), &mut tally), 200_000);
        // From the very top to zero is one microjoule.
        counter.read(999_999, at(0.002), &mut tally);
        assert_eq!(counter.read(0, at(0.003), &mut tally), 1);
        assert_eq!(tally, Tally::default());
    }

    #[test]
    fn the_largest_range_does_not_overflow() {
        let (mut counter, mut tally) = (Counter::new(Some(u64::MAX)), Tally::default());
        counter.read(u64::MAX - 1, at(0.0), &mut tally);
        assert_eq!(counter.read(3, at(1.0), &mut tally), 5);
    }

    #[test]
    fn a_reset_is_no_wrap() {
        let (mut counter, mut tally) = (Counter::new(Some(262_143_328_850)), Tally::default());
        counter.read(5_000_000, at(0.0), &mut tally);
        assert_eq!(counter.read(0, at(1.0), &mut tally), 0);
        assert_eq!(counter.read(1_500_000, at(2.0), &mut tally), 1_500_000);
        assert_eq!((tally.resets, tally.dropped), (1, 0));
    }

    #[test]
    fn without_a_range_a_step_back_is_dropped() {
        let (mut counter, mut tally) = (Counter::new(None), Tally::default());
        counter.read(5_000_000, at(0.0), &mut tally);
        assert_eq!(counter.read(1_000_000, at(1.0), &mut tally), 0);
        assert_eq!(counter.read(4_000_000, at(2.0), &mut tally), 3_000_000);
        assert_eq!(tally.dropped, 1);
    }

    #[test]
    fn sleeping_longer_than_a_wrap_is_flagged() {
        // 2^32 µJ at 200 W last 21 s.
        let (mut counter, mut tally) = (Counter::new(Some(u64::from(u32::MAX))), Tally::default());
        assert!((counter.wrap_seconds().unwrap() - 21.474_836).abs() < 1e-5);
        counter.read(0, at(0.0), &mut tally);
        counter.read(1, at(21.0), &mut tally);
        assert_eq!(tally.stalls, 0);
        let woken = Moment {
            seconds: 21.1,
            wall: 60.0,
        };
        counter.read(2, woken, &mut tally);
        assert_eq!(tally.stalls, 1);
    }
}
