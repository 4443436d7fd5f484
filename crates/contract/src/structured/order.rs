//! Which structured node meets which tensor.

use smallvec::SmallVec;

/// The order of pairs in which structured nodes meet tensors, never each other.
///
/// Where `path` pairs structured nodes first, each of them is applied to the
/// tensor their product would have met. `None` if there is no tensor at all.
pub(crate) fn tensors_first(
    structured: &[bool],
    path: &[(usize, usize)],
) -> Option<Vec<(usize, usize)>> {
    enum Value {
        Tensor(usize),
        Structured(SmallVec<[usize; 4]>),
    }
    let operands = structured.len();
    let mut values: Vec<Value> = (0..operands)
        .map(|number| match structured[number] {
            true => Value::Structured(SmallVec::from_slice(&[number])),
            false => Value::Tensor(number),
        })
        .collect();
    let mut pairs = Vec::with_capacity(path.len());
    let mut pair = |a: usize, b: usize| {
        pairs.push((a, b));
        operands + pairs.len() - 1
    };
    for &(left, right) in path {
        let value = match (&values[left], &values[right]) {
            (Value::Tensor(a), Value::Tensor(b)) => Value::Tensor(pair(*a, *b)),
            (Value::Tensor(a), Value::Structured(many))
            | (Value::Structured(many), Value::Tensor(a)) => {
                Value::Tensor(many.iter().fold(*a, |tensor, &one| pair(tensor, one)))
            }
            (Value::Structured(some), Value::Structured(more)) => {
                Value::Structured(some.iter().chain(more).copied().collect())
            }
        };
        values.push(value);
    }
    match values.last() {
        Some(Value::Structured(_)) => None,
        _ => Some(pairs),
    }
}
