//! The order of the examples.

use tensegrity_tensor::SplitMix64;

/// Batches epoch by epoch. Its whole state is the epoch and the position in it:
/// an epoch's order follows from the seed and the epoch's number.
#[derive(Clone, Debug)]
pub(crate) struct Sampler {
    pub(crate) examples: usize,
    pub(crate) batch: usize,
    pub(crate) seed: u64,
    pub(crate) shuffle: bool,
    pub(crate) drop_last: bool,
    /// Passes completed.
    pub(crate) epoch: u64,
    /// Examples of this epoch drawn already.
    pub(crate) position: usize,
    /// The order of the epoch it is for.
    order: Option<(u64, Vec<usize>)>,
}

/// A batch of an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Drawn {
    pub(crate) examples: Vec<usize>,
    /// Examples of the epoch drawn with it.
    end: usize,
    /// It is the last of its epoch.
    pub(crate) last: bool,
}

impl Sampler {
    pub(crate) fn new(examples: usize, batch: usize, seed: u64) -> Self {
        Self {
            examples,
            batch: batch.min(examples),
            seed,
            shuffle: true,
            drop_last: false,
            epoch: 0,
            position: 0,
            order: None,
        }
    }

    /// Batches of an epoch.
    pub(crate) fn batches(&self) -> u64 {
        let whole = self.examples / self.batch;
        let rest = !self.drop_last && !self.examples.is_multiple_of(self.batch);
        (whole + usize::from(rest)) as u64
    }

    /// The next batch; the same until it is accepted.
    pub(crate) fn draw(&mut self) -> Drawn {
        let end = (self.position + self.batch).min(self.examples);
        let start = self.position;
        let rest = self.examples - end;
        Drawn {
            examples: self.order()[start..end].to_vec(),
            end,
            last: rest == 0 || self.drop_last && rest < self.batch,
        }
    }

    /// Goes on to the batch after `drawn`.
    pub(crate) fn accept(&mut self, drawn: &Drawn) {
        if drawn.last {
            self.epoch += 1;
            self.position = 0;
        } else {
            self.position = drawn.end;
        }
    }

    fn order(&mut self) -> &[usize] {
        let epoch = self.epoch;
        if self.order.as_ref().is_none_or(|(of, _)| *of != epoch) {
            let mut order: Vec<usize> = (0..self.examples).collect();
            if self.shuffle {
                let mut random = SplitMix64::derived(self.seed, epoch);
                for i in (1..order.len()).rev() {
                    let other = random.below(i as u64 + 1) as usize;
                    order.swap(i, other);
                }
            }
            self.order = Some((epoch, order));
        }
        match &self.order {
            Some((_, order)) => order,
            None => &[],
        }
    }
}

/// The seed of one step; the stream is none of the orders'.
pub(crate) fn step_seed(seed: u64, step: u64) -> u64 {
    SplitMix64::derived(!seed, step).next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(sampler: &mut Sampler) -> (Vec<usize>, bool) {
        let drawn = sampler.draw();
        assert_eq!(sampler.draw(), drawn, "the same until it is accepted");
        sampler.accept(&drawn);
        (drawn.examples, drawn.last)
    }

    #[test]
    fn every_example_comes_once_an_epoch_in_another_order() {
        let mut sampler = Sampler::new(10, 4, 7);
        assert_eq!(sampler.batches(), 3);
        let mut orders = Vec::new();
        for epoch in 0..3 {
            let mut order = Vec::new();
            for batch in 0..3 {
                assert_eq!(sampler.epoch, epoch);
                let (drawn, last) = next(&mut sampler);
                assert_eq!((drawn.len(), last), ([4, 4, 2][batch], batch == 2));
                order.extend(drawn);
            }
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..10).collect::<Vec<_>>());
            orders.push(order);
        }
        assert_ne!(orders[0], orders[1]);
        assert_ne!(orders[1], orders[2]);
    }

    #[test]
    fn epoch_and_position_are_the_whole_state() {
        let mut straight = Sampler::new(11, 3, 1);
        for _ in 0..9 {
            let mut resumed = Sampler::new(11, 3, 1);
            (resumed.epoch, resumed.position) = (straight.epoch, straight.position);
            assert_eq!(next(&mut resumed), next(&mut straight));
        }
    }

    #[test]
    fn short_batches_can_be_dropped_and_order_can_be_kept() {
        let mut sampler = Sampler::new(10, 4, 7);
        (sampler.drop_last, sampler.shuffle) = (true, false);
        assert_eq!(sampler.batches(), 2);
        assert_eq!(next(&mut sampler), (vec![0, 1, 2, 3], false));
        assert_eq!(next(&mut sampler), (vec![4, 5, 6, 7], true));
        assert_eq!(next(&mut sampler).0, [0, 1, 2, 3]);
        // A batch larger than the data is the data.
        assert_eq!(Sampler::new(3, 100, 0).draw().examples.len(), 3);
    }
}
