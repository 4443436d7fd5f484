//! Signs of symplectic composites.

use super::Diagram;

/// Product of the signs of all strands and loops of a symplectic composite.
///
/// A strand followed from its first end uses p edges within rows, r of them
/// right to left: it is worth (−1)^r (−1)^⌊p/2⌋, as Ω² = −1. A loop the same.
pub(super) fn strand_sign(a: &Diagram, b: &Diagram) -> i8 {
    let mut seam = Seam {
        a,
        b,
        partners: [partners(a), partners(b)],
        seen: vec![false; a.inputs],
    };
    let (l, middle) = (a.outputs, a.inputs);
    let mut negative = false;
    let mut done = vec![false; l + b.inputs];
    for start in 0..l + b.inputs {
        if done[start] {
            continue;
        }
        let in_a = start < l;
        let vertex = if in_a { start } else { middle + start - l };
        let (sign, in_a, end) = seam.follow(in_a, vertex, None);
        negative ^= sign;
        done[if in_a { end } else { l + end - middle }] = true;
    }
    for position in 0..middle {
        if !seam.seen[position] {
            negative ^= seam.follow(true, l + position, Some(position)).0;
        }
    }
    if negative { -1 } else { 1 }
}

/// The other end of every pair.
fn partners(diagram: &Diagram) -> Vec<usize> {
    let mut partner = vec![0; diagram.vertices()];
    for block in diagram.members() {
        partner[block[0]] = block[1];
        partner[block[1]] = block[0];
    }
    partner
}

/// Two matchings that share a row.
struct Seam<'a> {
    a: &'a Diagram,
    b: &'a Diagram,
    partners: [Vec<usize>; 2],
    /// Vertices of the shared row that were passed.
    seen: Vec<bool>,
}

impl Seam<'_> {
    /// Follows the strand that enters `a` (or `b`) at `vertex` to its end, or
    /// until it enters `a` at position `stop` of the shared row again. Returns
    /// whether its sign is −1, and where it ends.
    fn follow(
        &mut self,
        mut in_a: bool,
        mut vertex: usize,
        stop: Option<usize>,
    ) -> (bool, bool, usize) {
        let l = self.a.outputs;
        let (mut within, mut backward) = (0, 0);
        loop {
            let (diagram, partners) = match in_a {
                true => (self.a, &self.partners[0]),
                false => (self.b, &self.partners[1]),
            };
            let end = partners[vertex];
            if (vertex < diagram.outputs) == (end < diagram.outputs) {
                within += 1;
                backward += usize::from(end < vertex);
            }
            let position = match in_a {
                true if end >= l => end - l,
                false if end < self.b.outputs => end,
                _ => return ((backward + within / 2) % 2 == 1, in_a, end),
            };
            self.seen[position] = true;
            in_a = !in_a;
            vertex = if in_a { l + position } else { position };
            if in_a && stop == Some(position) {
                return ((backward + within / 2) % 2 == 1, in_a, vertex);
            }
        }
    }
}
