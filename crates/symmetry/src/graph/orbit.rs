//! Orbits of a group of permutations on tuples of points.

use super::PermutationGroup;
use crate::{Error, Result};

/// Most tuples whose orbits are found: their numbers take half a gigabyte.
const MOST_TUPLES: u128 = 1 << 27;

/// The orbits of a group on the m-tuples of its points.
///
/// Orbits are numbered by their smallest tuple in row-major order. Memory: four
/// bytes a tuple.
///
/// ```
/// use tensegrity_symmetry::graph::{Graph, TupleOrbits, automorphisms};
/// let group = automorphisms(&Graph::cycle(5)?)?;
/// let pairs = TupleOrbits::new(&group, 2)?; // by distance: 0, 1, 2
/// assert_eq!(pairs.sizes(), [5, 10, 10]);
/// assert_eq!(pairs.orbit_of(&[1, 4]), Some(2));
/// # Ok::<(), tensegrity_symmetry::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TupleOrbits {
    n: usize,
    order: usize,
    ids: Vec<u32>,
    sizes: Vec<u64>,
    representatives: Vec<usize>,
}

impl TupleOrbits {
    /// Orbits on m-tuples: union–find over the tuples, one pass a generator.
    ///
    /// Cost: n^m for every generator.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for more than 2²⁷ tuples.
    pub fn new(group: &PermutationGroup, m: usize) -> Result<Self> {
        let n = group.n();
        let tuples = u32::try_from(m)
            .ok()
            .and_then(|m| (n as u128).checked_pow(m));
        let tuples = tuples.unwrap_or(u128::MAX);
        if tuples > MOST_TUPLES {
            return Err(Error::TooLarge {
                what: format!("the number of {m}-tuples of {n} vertices"),
                count: tuples,
                limit: MOST_TUPLES,
                remedy: "take lower orders",
            });
        }
        let tuples = tuples as usize;
        let mut parent: Vec<u32> = (0..tuples as u32).collect();
        for generator in group.generators() {
            join_images(&mut parent, generator.images(), m);
        }
        // Parents are smaller than their children, so a pass in order meets
        // every root before what hangs on it.
        let mut ids = parent;
        let mut sizes = Vec::new();
        let mut representatives = Vec::new();
        for tuple in 0..tuples {
            let above = ids[tuple] as usize;
            if above == tuple {
                ids[tuple] = sizes.len() as u32;
                sizes.push(1);
                representatives.push(tuple);
            } else {
                ids[tuple] = ids[above];
                sizes[ids[tuple] as usize] += 1;
            }
        }
        Ok(Self {
            n,
            order: m,
            ids,
            sizes,
            representatives,
        })
    }

    /// Number of points.
    #[must_use]
    pub fn n(&self) -> usize {
        self.n
    }

    /// Length m of the tuples.
    #[must_use]
    pub fn order(&self) -> usize {
        self.order
    }

    /// Number of orbits: the dimension of the equivariant maps k → l, k + l = m.
    #[must_use]
    pub fn count(&self) -> usize {
        self.sizes.len()
    }

    /// Number of the orbit of every tuple, in row-major order of tuples.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Number of tuples in each orbit.
    #[must_use]
    pub fn sizes(&self) -> &[u64] {
        &self.sizes
    }

    /// The smallest tuple of an orbit.
    ///
    /// # Panics
    /// If there is no such orbit.
    #[must_use]
    pub fn representative(&self, orbit: usize) -> Vec<usize> {
        let mut flat = self.representatives[orbit];
        let mut tuple = vec![0; self.order];
        for entry in tuple.iter_mut().rev() {
            *entry = flat % self.n;
            flat /= self.n;
        }
        tuple
    }

    /// The orbit of a tuple; `None` if its length or an entry is out of range.
    #[must_use]
    pub fn orbit_of(&self, tuple: &[usize]) -> Option<usize> {
        if tuple.len() != self.order || tuple.iter().any(|&v| v >= self.n) {
            return None;
        }
        let flat = tuple.iter().fold(0, |flat, &v| flat * self.n + v);
        Some(self.ids[flat] as usize)
    }
}

/// Joins every tuple with its image.
fn join_images(parent: &mut [u32], images: &[u32], m: usize) {
    let n = images.len();
    if m == 0 {
        return;
    }
    let mut head = vec![0; m - 1];
    let mut base = 0;
    while base < parent.len() {
        let image = head
            .iter()
            .fold(0, |flat, &v: &usize| flat * n + images[v] as usize)
            * n;
        for (last, &to) in images.iter().enumerate() {
            let (a, b) = (root(parent, base + last), root(parent, image + to as usize));
            parent[a.max(b)] = a.min(b) as u32;
        }
        base += n;
        for entry in head.iter_mut().rev() {
            *entry += 1;
            if *entry < n {
                break;
            }
            *entry = 0;
        }
    }
}

fn root(parent: &mut [u32], mut place: usize) -> usize {
    while parent[place] as usize != place {
        let above = parent[place] as usize;
        parent[place] = parent[above];
        place = above;
    }
    place
}
