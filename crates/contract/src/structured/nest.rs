//! Nested loops over a tensor and a result, and what is added in them.

use smallvec::SmallVec;
use tensegrity_tensor::Element;

/// Loops, outermost first.
pub type Nest = SmallVec<[Loop; 6]>;

/// One loop: its length, and the steps in tensor and result.
#[derive(Clone, Copy, Debug)]
pub struct Loop {
    pub length: usize,
    pub steps: [isize; 2],
}

impl Loop {
    pub const ONCE: Self = Self {
        length: 1,
        steps: [0, 0],
    };
}

/// How far a loop jumps from one index to the next.
pub fn reach([x, r]: [isize; 2]) -> usize {
    x.unsigned_abs().saturating_add(r.unsigned_abs())
}

/// Loops with the longest steps outermost, neighbours made one where all steps allow.
pub fn merged(mut loops: Nest) -> Nest {
    loops.retain(|l| l.length != 1);
    loops.sort_by_key(|l| std::cmp::Reverse(reach(l.steps)));
    let mut result = Nest::new();
    for inner in loops {
        match result.last_mut() {
            Some(outer)
                if (0..2).all(|k| outer.steps[k] == inner.steps[k] * inner.length as isize) =>
            {
                outer.length *= inner.length;
                outer.steps = inner.steps;
            }
            _ => result.push(inner),
        }
    }
    result
}

/// What is added of the tensor.
#[derive(Clone, Copy)]
pub struct Part {
    pub negative: bool,
    pub times: usize,
}

impl Part {
    pub const PLAIN: Self = Self {
        negative: false,
        times: 1,
    };
}

/// # Safety
/// Every combination of indices addresses an element of the result.
pub unsafe fn clear<T: Element>(axes: &[Loop], r: *mut T) {
    // SAFETY: the caller's, for each of the loops' indices.
    unsafe {
        match axes {
            [] => r.write(T::ZERO),
            [inner] if inner.steps[1] == 1 => {
                for k in 0..inner.length {
                    r.add(k).write(T::ZERO);
                }
            }
            [outer, rest @ ..] => {
                for k in 0..outer.length as isize {
                    clear(rest, r.offset(k * outer.steps[1]));
                }
            }
        }
    }
}

/// `r += ±times · x` over the loops.
///
/// # Safety
/// Every combination of indices addresses an element of tensor and result; the
/// elements of the result so addressed are not among those read.
pub unsafe fn accumulate<T: Element>(loops: &[Loop], (x, r): (*const T, *mut T), part: Part) {
    // SAFETY: the caller's, for each of the loops' indices.
    unsafe {
        match loops {
            [] => *r = (*r).add(part.of(*x)),
            [inner] => add_line(*inner, (x, r), part),
            [outer, rest @ ..] => {
                for k in 0..outer.length as isize {
                    let next = (x.offset(k * outer.steps[0]), r.offset(k * outer.steps[1]));
                    accumulate(rest, next, part);
                }
            }
        }
    }
}

/// # Safety
/// As [`accumulate`].
unsafe fn add_line<T: Element>(line: Loop, (x, r): (*const T, *mut T), part: Part) {
    let [from, to] = line.steps;
    // SAFETY: the caller's.
    unsafe {
        match (from, to, part.times) {
            (1, 1, 1) => {
                let x = std::slice::from_raw_parts(x, line.length);
                let r = std::slice::from_raw_parts_mut(r, line.length);
                if part.negative {
                    r.iter_mut().zip(x).for_each(|(r, x)| *r = r.add(x.neg()));
                } else {
                    r.iter_mut().zip(x).for_each(|(r, x)| *r = r.add(*x));
                }
            }
            (_, 0, _) => {
                let mut sum = T::ZERO;
                for k in 0..line.length as isize {
                    sum = sum.add(*x.offset(k * from));
                }
                *r = (*r).add(part.of(sum));
            }
            _ => {
                for k in 0..line.length as isize {
                    let r = r.offset(k * to);
                    *r = (*r).add(part.of(*x.offset(k * from)));
                }
            }
        }
    }
}

impl Part {
    /// `±times · x` by additions alone, so that infinite parts of complex
    /// numbers stay apart.
    #[inline(always)]
    fn of<T: Element>(self, x: T) -> T {
        let mut sum = x;
        if self.times > 1 {
            let (mut power, mut rest) = (x, self.times - 1);
            while rest > 0 {
                if rest & 1 == 1 {
                    sum = sum.add(power);
                }
                power = power.add(power);
                rest >>= 1;
            }
        }
        if self.negative { sum.neg() } else { sum }
    }
}
