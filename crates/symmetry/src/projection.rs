//! How much of a tensor is equivariant, and that part of it.

use tensegrity_linalg::solve;
use tensegrity_tensor::{Array, DType, Tensor};

use crate::count::falling;
use crate::diagram::{Diagram, Kind, sorting_sign};
use crate::listing::Partitions;
use crate::row::forest::{Forest, Piece};
use crate::row::structure::Split;
use crate::{Basis, Error, Group, HomSpace, Result};

/// Most diagrams of O, SO or Sp, whose Gram matrix is solved densely.
const MAX_GRAM: usize = 4096;

/// The orthogonal projection of a tensor onto the equivariant maps of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    group: Group,
    n: usize,
    shape: Vec<usize>,
    terms: Vec<(Diagram, f64)>,
    share: f64,
}

/// Projects a tensor whose axes all have one length `n` onto the maps of
/// `group` from its last `k` axes to those before.
///
/// For S and A the basis is orthogonal (orbits, and jellyfish) and the
/// coefficients are means over orbits; for O, SO and Sp inner products with the
/// diagrams of the reduced basis, found through traces, are solved with their
/// Gram matrix, whose entries are known in closed form. Sums are in `f64`. Cost:
/// one pass for S and A, else one trace a diagram and dimension³.
///
/// ```
/// use tensegrity_symmetry::{Group, project};
/// use tensegrity_tensor::Tensor;
/// let x = Tensor::from_vec(vec![2.0, 1.0, 1.0, 4.0], &[2, 2])?;
/// let p = project(&x.into(), Group::Orthogonal, 1)?;
/// assert_eq!(p.terms()[0].1, 3.0); // the mean of the diagonal
/// assert!((p.share() - 18.0 / 22.0).abs() < 1e-15);
/// # Ok::<(), tensegrity_symmetry::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] if axes differ in length, or there are none or fewer than
/// `k`; [`Error::GroupSize`]; [`Error::ElementType`] for complex arrays;
/// [`Error::TooLarge`] beyond [`crate::MAX_DIAGRAMS`] diagrams, or 4096 for O,
/// SO and Sp.
pub fn project(x: &Array, group: Group, k: usize) -> Result<Projection> {
    let shape = x.shape();
    let n = shape.first().copied().unwrap_or(0);
    if shape.is_empty() || shape.len() < k || shape.iter().any(|&length| length != n) {
        return Err(Error::Shape {
            what: "x",
            found: shape.to_vec(),
            expected: format!("axes of one length, at least {}", k.max(1)),
        });
    }
    let values: Vec<f64> = match x {
        Array::F32(x) => x.as_slice().iter().map(|&x| f64::from(x)).collect(),
        Array::F64(x) => x.as_slice().to_vec(),
        Array::I64(x) => x.as_slice().iter().map(|&x| x as f64).collect(),
        _ => {
            return Err(Error::ElementType {
                what: "x",
                found: x.dtype(),
                expected: DType::F64,
            });
        }
    };
    let l = shape.len() - k;
    let space = HomSpace::new(group, n, k, l)?;
    let (terms, squared) = if group.permutes() {
        by_orbits(&space, &values)?
    } else {
        by_traces(&space, &values)?
    };
    let norm: f64 = values.iter().map(|x| x * x).sum();
    Ok(Projection {
        group,
        n,
        shape: shape.to_vec(),
        terms,
        share: if norm == 0.0 {
            1.0
        } else {
            (squared / norm).clamp(0.0, 1.0)
        },
    })
}

impl Projection {
    /// Diagrams and their coefficients: orbits for S, orbits and jellyfish for
    /// A, the reduced basis for the others.
    #[must_use]
    pub fn terms(&self) -> &[(Diagram, f64)] {
        &self.terms
    }

    /// The squared norm of the projection over that of the tensor, in 0..=1;
    /// 1 for a tensor of zeros.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.share
    }

    /// The relative error ‖x − Px‖ / ‖x‖ of the projection.
    #[must_use]
    pub fn error(&self) -> f64 {
        (1.0 - self.share).max(0.0).sqrt()
    }

    /// The projected tensor.
    ///
    /// # Errors
    /// Those of making a tensor.
    pub fn tensor(&self) -> Result<Tensor<f64>> {
        let mut result = Tensor::zeros(&self.shape)?;
        let elements = result.as_mut_slice();
        if self.group.permutes() {
            let mut fill = Orbits::new(self.group, self.n, self.shape.len())?;
            fill.visit(elements.len(), |flat, plain, head| {
                elements[flat] = self.terms[plain].1;
                if let Some((position, sign)) = head {
                    elements[flat] += f64::from(sign) * self.terms[position].1;
                }
            });
            return Ok(result);
        }
        for (diagram, coefficient) in &self.terms {
            let columns = self.n.pow(diagram.inputs() as u32);
            diagram.for_each_entry(self.group, self.n, |row, column, sign| {
                elements[row * columns + column] += coefficient * f64::from(sign);
            })?;
        }
        Ok(result)
    }
}

/// Which orbit every index is in.
struct Orbits {
    n: usize,
    m: usize,
    plain: Partitions,
    heads: Partitions,
}

impl Orbits {
    fn new(group: Group, n: usize, m: usize) -> Result<Self> {
        // No partition has more blocks than points.
        let heads = if group == Group::Alternating && n > 1 {
            n - 1..=n
        } else {
            m + 1..=m + 1
        };
        Ok(Self {
            n,
            m,
            plain: Partitions::new(m, 0..=n)?,
            heads: Partitions::new(m, heads)?,
        })
    }

    /// Calls `visit(flat, orbit, (jellyfish, sign))` for every index in order.
    fn visit(&mut self, count: usize, mut visit: impl FnMut(usize, usize, Option<(usize, i8)>)) {
        let first = self.plain.count() as usize;
        let mut index = vec![0usize; self.m];
        let mut word = vec![0u8; self.m];
        for flat in 0..count {
            let mut values: Vec<usize> = Vec::new();
            for (letter, &i) in word.iter_mut().zip(&index) {
                let known = values.iter().position(|&value| value == i);
                *letter = known.unwrap_or(values.len()) as u8;
                if known.is_none() {
                    values.push(i);
                }
            }
            let head = self.heads.rank(&word).map(|rank| {
                if values.len() < self.n {
                    values.extend((0..self.n).find(|value| !values.contains(value)));
                }
                (first + rank as usize, sorting_sign(&values))
            });
            let plain = self.plain.rank(&word).unwrap_or(0) as usize;
            visit(flat, plain, head);
            for axis in (0..self.m).rev() {
                index[axis] += 1;
                if index[axis] < self.n {
                    break;
                }
                index[axis] = 0;
            }
        }
    }
}

fn by_orbits(space: &HomSpace, values: &[f64]) -> Result<(Vec<(Diagram, f64)>, f64)> {
    let (group, n, l) = (space.group(), space.n(), space.outputs());
    let mut orbits = Orbits::new(group, n, space.inputs() + l)?;
    let count = orbits.plain.count() + orbits.heads.count();
    if count > crate::MAX_DIAGRAMS {
        return Err(Error::TooLarge {
            what: "the number of orbits".into(),
            count,
            limit: crate::MAX_DIAGRAMS,
            remedy: "project a tensor of fewer axes",
        });
    }
    let mut sums = vec![0.0; count as usize];
    orbits.visit(values.len(), |flat, plain, head| {
        sums[plain] += values[flat];
        if let Some((position, sign)) = head {
            sums[position] += f64::from(sign) * values[flat];
        }
    });
    let mut diagrams = Vec::with_capacity(sums.len());
    for word in orbits.plain.iter() {
        diagrams.push(Diagram::of_partition(l, word, false).orbit()?);
    }
    diagrams.extend(
        orbits
            .heads
            .iter()
            .map(|word| Diagram::of_partition(l, word, true)),
    );
    let mut squared = 0.0;
    let mut terms = Vec::with_capacity(sums.len());
    for (diagram, sum) in diagrams.into_iter().zip(sums) {
        let entries = falling(n, diagram.block_count())? as f64;
        squared += sum * sum / entries;
        terms.push((diagram, sum / entries));
    }
    Ok((terms, squared))
}

fn by_traces(space: &HomSpace, values: &[f64]) -> Result<(Vec<(Diagram, f64)>, f64)> {
    let (group, n) = (space.group(), space.n());
    let diagrams = space.diagrams(Basis::Reduced)?;
    if diagrams.is_empty() {
        return Ok((vec![], 0.0));
    }
    if diagrams.len() > MAX_GRAM {
        return Err(Error::TooLarge {
            what: format!("the dimension of the maps of {group}({n})"),
            count: diagrams.len() as u128,
            limit: MAX_GRAM as u128,
            remedy: "project a tensor of fewer axes",
        });
    }
    let mut forest = Forest::new(&[(group, n)], &[space.inputs() + space.outputs()], false);
    let mut nodes = Vec::with_capacity(diagrams.len());
    for diagram in &diagrams {
        nodes.push(forest.node(&[Split::closed(diagram, group, n)])?);
    }
    let mut buffers: Vec<Vec<f64>> = vec![vec![]; forest.len()];
    for &node in &nodes {
        buffers[node] = vec![0.0; forest.size(node)];
    }
    let piece = Piece {
        batch: 1,
        channels: 1,
    };
    forest.reduce(values, piece, &mut buffers);
    let products: Vec<f64> = nodes.iter().map(|&node| buffers[node][0]).collect();
    let count = diagrams.len();
    let gram = Tensor::from_fn(&[count, count], |i| {
        inner_product(&diagrams[i[0]], &diagrams[i[1]], group, n)
    })?;
    let right = Tensor::from_vec(products.clone(), &[count])?;
    let solution = solve(&gram.view(), &right.view())?;
    let squared = solution
        .as_slice()
        .iter()
        .zip(&products)
        .map(|(c, b)| c * b)
        .sum();
    let terms = diagrams
        .into_iter()
        .zip(solution.as_slice().iter().copied())
        .collect();
    Ok((terms, squared))
}

/// The inner product of the matrices of two matchings, each with at most one symbol.
///
/// Their union is loops, worth `n` each and a sign for Sp, and strands between
/// legs of symbols, which pair them up or make the product vanish.
fn inner_product(a: &Diagram, b: &Diagram, group: Group, n: usize) -> f64 {
    if a.heads().len() != b.heads().len() {
        // A reflection keeps one and changes the sign of the other.
        return 0.0;
    }
    let m = a.vertices();
    let partner = |diagram: &Diagram| -> Vec<Option<usize>> {
        let mut partner = vec![None; m];
        for block in diagram.members() {
            if let [x, y] = block[..] {
                partner[x] = Some(y);
                partner[y] = Some(x);
            }
        }
        partner
    };
    let (pa, pb) = (partner(a), partner(b));
    let mut seen = vec![false; m];
    let mut value = 1.0;
    if a.kind() == Kind::FreeVertex {
        let ends: Vec<usize> = (0..m).filter(|&v| pb[v].is_none()).collect();
        let mut order = Vec::new();
        for start in (0..m).filter(|&v| pa[v].is_none()) {
            let mut vertex = start;
            loop {
                seen[vertex] = true;
                let Some(over) = pb[vertex] else { break };
                seen[over] = true;
                match pa[over] {
                    Some(next) => vertex = next,
                    // Two legs of one symbol meet.
                    None => return 0.0,
                }
            }
            order.push(ends.iter().position(|&end| end == vertex).unwrap_or(0));
        }
        value = f64::from(sorting_sign(&order)) * (1..=n).map(|i| i as f64).product::<f64>();
    }
    let form =
        |x: usize, y: usize| group == Group::Symplectic && (x < a.outputs()) == (y < a.outputs());
    for start in 0..m {
        if seen[start] {
            continue;
        }
        let (mut vertex, mut within, mut backward) = (start, 0, 0);
        loop {
            for partners in [&pa, &pb] {
                let Some(end) = partners[vertex] else { break };
                if form(vertex, end) {
                    within += 1;
                    backward += usize::from(end < vertex);
                }
                seen[vertex] = true;
                vertex = end;
            }
            if vertex == start {
                break;
            }
        }
        let sign = if (backward + within / 2) % 2 == 0 {
            1.0
        } else {
            -1.0
        };
        value *= sign * n as f64;
    }
    value
}

#[cfg(test)]
mod tests {
    use tensegrity_tensor::SplitMix64;

    use super::*;

    #[test]
    fn inner_products_are_those_of_matrices() {
        for (group, n, k, l) in [
            (Group::Orthogonal, 3, 2, 2),
            (Group::SpecialOrthogonal, 3, 3, 2),
            (Group::SpecialOrthogonal, 2, 2, 2),
            (Group::SpecialOrthogonal, 2, 1, 3),
            (Group::Symplectic, 2, 3, 3),
            (Group::Symplectic, 4, 2, 2),
        ] {
            let space = HomSpace::new(group, n, k, l).unwrap();
            let all = space.diagrams(Basis::Spanning).unwrap();
            let matrices: Vec<_> = all.iter().map(|d| d.matrix(group, n).unwrap()).collect();
            for (a, x) in all.iter().zip(&matrices) {
                for (b, y) in all.iter().zip(&matrices) {
                    let direct: f64 = x
                        .as_slice()
                        .iter()
                        .zip(y.as_slice())
                        .map(|(x, y)| x * y)
                        .sum();
                    assert_eq!(inner_product(a, b, group, n), direct, "{a} and {b}");
                }
            }
        }
    }

    #[test]
    fn projections_are_orthogonal_and_keep_equivariant_tensors() {
        for (group, n, k, m) in [
            (Group::Symmetric, 2, 2, 4),
            (Group::Symmetric, 4, 1, 3),
            (Group::Alternating, 3, 2, 4),
            (Group::Orthogonal, 2, 3, 6),
            (Group::Orthogonal, 3, 0, 4),
            (Group::SpecialOrthogonal, 3, 2, 5),
            (Group::Symplectic, 2, 2, 4),
            (Group::Symplectic, 4, 1, 4),
        ] {
            let x = SplitMix64::new(3).normal_tensor::<f64>(&vec![n; m]);
            let found = project(&x.clone().into(), group, k).unwrap();
            let space = HomSpace::new(group, n, k, m - k).unwrap();
            assert_eq!(found.terms().len() as u128, space.dimension().unwrap());
            let image = found.tensor().unwrap();
            let residual: Vec<f64> = x
                .as_slice()
                .iter()
                .zip(image.as_slice())
                .map(|(x, y)| x - y)
                .collect();
            for diagram in space.diagrams(Basis::Spanning).unwrap() {
                let matrix = diagram.matrix(group, n).unwrap();
                let product: f64 = matrix
                    .as_slice()
                    .iter()
                    .zip(&residual)
                    .map(|(x, y)| x * y)
                    .sum();
                assert!(
                    product.abs() < 1e-10,
                    "{group}({n}): {diagram} gives {product}"
                );
            }
            let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>();
            let share = norm(image.as_slice()) / norm(x.as_slice());
            assert!((found.share() - share).abs() < 1e-12);
            let again = project(&image.clone().into(), group, k).unwrap();
            assert!((again.share() - 1.0).abs() < 1e-12);
            let error = norm(&residual).sqrt() / norm(x.as_slice()).sqrt();
            assert!((found.error() - error).abs() < 1e-12);
        }
    }
}
