//! Which splits of an array's axes are worth trying.

use tensegrity_fit::Layout;

/// A layout and what to call it.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) layout: Layout,
    pub(super) name: String,
    /// Finer axes that lie within blocks.
    pub(super) inner: Vec<usize>,
}

/// Axes that look like space or time: long enough to hold several blocks.
fn spatial(shape: &[usize]) -> Vec<usize> {
    (0..shape.len()).filter(|&axis| shape[axis] >= 8).collect()
}

/// Splits of the two longest axes (or the one) into blocks.
///
/// Sizes run over the powers of two up to `largest` that leave at least two
/// blocks an axis; `padding` allows sizes that do not divide.
pub(super) fn blocks(shape: &[usize], sizes: &[usize], padding: bool) -> Vec<Named> {
    let mut axes = spatial(shape);
    axes.sort_by_key(|&axis| (std::cmp::Reverse(shape[axis]), axis));
    axes.truncate(2);
    axes.sort_unstable();
    if axes.is_empty() {
        return vec![];
    }
    let mut result = Vec::new();
    for &size in sizes {
        let fits = axes.iter().all(|&axis| {
            let waste = shape[axis].next_multiple_of(size) - shape[axis];
            2 * size <= shape[axis] && (waste == 0 || padding && 8 * waste <= shape[axis] * 2)
        });
        if !fits {
            continue;
        }
        let mut inner = Vec::new();
        let mut count = 0;
        let factors: Vec<Vec<usize>> = shape
            .iter()
            .enumerate()
            .map(|(axis, &length)| {
                count += 1;
                if axes.contains(&axis) {
                    inner.push(count);
                    count += 1;
                    vec![length.div_ceil(size), size]
                } else {
                    vec![length]
                }
            })
            .collect();
        let sides: Vec<String> = axes.iter().map(|_| size.to_string()).collect();
        if let Ok(layout) = Layout::new(shape, factors) {
            result.push(Named {
                layout,
                name: format!("blocks of {}", sides.join("×")),
                inner,
            });
        }
    }
    result
}

/// The prime factors of `length`, smallest first.
pub(super) fn primes(mut length: usize) -> Vec<usize> {
    let mut factors = Vec::new();
    let mut divisor = 2;
    while divisor * divisor <= length {
        while length.is_multiple_of(divisor) {
            factors.push(divisor);
            length /= divisor;
        }
        divisor += 1;
    }
    if length > 1 {
        factors.push(length);
    }
    factors
}

/// Factors of `length` for a quantised train, slowest first: its primes if
/// they are small, else those of the next power of two (padding).
pub(super) fn digits(length: usize, padding: bool) -> Option<Vec<usize>> {
    let mut factors = primes(length);
    factors.reverse();
    if factors.iter().all(|&factor| factor <= 7) || length <= 16 {
        return Some(factors);
    }
    if !padding {
        return None;
    }
    let bits = usize::BITS - (length - 1).leading_zeros();
    Some(vec![2; bits as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_multiply_to_the_length_or_just_above() {
        for length in 1..2000 {
            let product: usize = digits(length, true).unwrap().iter().product();
            assert!(
                product >= length && product < 2 * length,
                "{length} {product}"
            );
        }
        assert_eq!(primes(360), [2, 2, 2, 3, 3, 5]);
        assert_eq!(digits(1009, false), None);
    }

    #[test]
    fn blocks_leave_other_axes_alone() {
        let named = blocks(&[512, 512, 3], &[8, 16, 512], false);
        assert_eq!(named.len(), 2);
        assert_eq!(named[1].layout.fine_shape(), [32, 16, 32, 16, 3]);
        assert_eq!(named[1].inner, [1, 3]);
        assert!(blocks(&[100, 100], &[16], false).is_empty());
        assert_eq!(blocks(&[100, 100], &[16], true).len(), 1);
    }
}
