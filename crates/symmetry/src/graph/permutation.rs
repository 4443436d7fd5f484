//! Permutations of the vertices.

use std::fmt;

use crate::{Error, Result};

/// A permutation of 0, …, n − 1. [`Display`](fmt::Display) writes its cycles.
///
/// ```
/// use tensegrity_symmetry::graph::Permutation;
/// let turn = Permutation::parse("(0 1 2)", 4)?;
/// assert_eq!(turn.images(), [1, 2, 0, 3]);
/// assert_eq!(turn.compose(&turn).to_string(), "(0 2 1)");
/// # Ok::<(), tensegrity_symmetry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Permutation {
    images: Vec<u32>,
}

impl Permutation {
    /// The permutation that moves nothing.
    #[must_use]
    pub fn identity(n: usize) -> Self {
        Self {
            images: (0..n as u32).collect(),
        }
    }

    /// The permutation that sends i to `images[i]`.
    ///
    /// # Errors
    /// [`Error::Argument`] for an image out of range or named twice.
    pub fn from_images(images: &[usize]) -> Result<Self> {
        let n = images.len();
        let mut seen = vec![false; n];
        for (place, &image) in images.iter().enumerate() {
            let problem = match seen.get_mut(image) {
                None => format!("{place} goes to {image}, which is not below {n}"),
                Some(true) => format!("{image} is the image of {place} and of one before it"),
                Some(new) => {
                    *new = true;
                    continue;
                }
            };
            let name = "permutation";
            return Err(Error::Argument { name, problem });
        }
        Ok(Self {
            images: images.iter().map(|&i| i as u32).collect(),
        })
    }

    /// Reads cycles, `(0 1 2)(4 5)`, or a list of images, `1 2 0`; numbers are
    /// separated by blanks or commas, `()` is the identity.
    ///
    /// # Errors
    /// [`Error::Parse`] with the byte of what does not belong there.
    pub fn parse(text: &str, n: usize) -> Result<Self> {
        let wrong = |position: usize, problem: String| Error::Parse {
            what: "a permutation",
            position,
            problem,
        };
        let in_cycles = text.trim_start().starts_with('(');
        let mut cycles: Vec<Vec<usize>> = Vec::new();
        let mut open = !in_cycles;
        if open {
            cycles.push(Vec::new());
        }
        let mut seen = vec![false; n];
        let mut rest = text.char_indices().peekable();
        while let Some((place, c)) = rest.next() {
            match c {
                '(' if in_cycles && !open => {
                    open = true;
                    cycles.push(Vec::new());
                }
                ')' if in_cycles && open => open = false,
                c if c.is_whitespace() || c == ',' => {}
                c if c.is_ascii_digit() && open => {
                    let mut end = place + 1;
                    while rest.next_if(|(_, c)| c.is_ascii_digit()).is_some() {
                        end += 1;
                    }
                    let word = &text[place..end];
                    let number = word.parse().ok().filter(|&number: &usize| number < n);
                    let Some(number) = number else {
                        return Err(wrong(place, format!("{word} is not below {n}")));
                    };
                    if std::mem::replace(&mut seen[number], true) {
                        return Err(wrong(place, format!("{number} is named twice")));
                    }
                    cycles.last_mut().expect("a list is open").push(number);
                }
                _ => return Err(wrong(place, format!("`{c}` does not belong here"))),
            }
        }
        if in_cycles && open {
            return Err(wrong(text.len(), "the last cycle is not closed".into()));
        }
        if !in_cycles {
            let images = &cycles[0];
            if images.len() != n {
                let problem = format!("{} images for {n} points", images.len());
                return Err(wrong(text.len(), problem));
            }
            return Self::from_images(images);
        }
        let mut permutation = Self::identity(n);
        for cycle in &cycles {
            for (place, &i) in cycle.iter().enumerate() {
                permutation.images[i] = cycle[(place + 1) % cycle.len()] as u32;
            }
        }
        Ok(permutation)
    }

    /// Number of points.
    #[must_use]
    pub fn n(&self) -> usize {
        self.images.len()
    }

    /// The images of 0, …, n − 1.
    #[must_use]
    pub fn images(&self) -> &[u32] {
        &self.images
    }

    /// Where `i` goes.
    ///
    /// # Panics
    /// If `i` is not below n.
    #[must_use]
    pub fn image(&self, i: usize) -> usize {
        self.images[i] as usize
    }

    /// First `self`, then `next`.
    ///
    /// # Panics
    /// If they permute different numbers of points.
    #[must_use]
    pub fn compose(&self, next: &Self) -> Self {
        assert_eq!(self.n(), next.n(), "permutations of different sizes");
        Self {
            images: self
                .images
                .iter()
                .map(|&i| next.images[i as usize])
                .collect(),
        }
    }

    /// The permutation that undoes this one.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let mut images = vec![0; self.n()];
        for (i, &image) in self.images.iter().enumerate() {
            images[image as usize] = i as u32;
        }
        Self { images }
    }

    /// Whether nothing is moved.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        self.first_moved().is_none()
    }

    /// The smallest point that is moved.
    #[must_use]
    pub fn first_moved(&self) -> Option<usize> {
        (0..self.n()).find(|&i| self.image(i) != i)
    }
}

impl fmt::Display for Permutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_identity() {
            return f.write_str("()");
        }
        let mut seen = vec![false; self.n()];
        for start in 0..self.n() {
            if seen[start] || self.image(start) == start {
                continue;
            }
            let mut i = start;
            let mut separator = '(';
            while !std::mem::replace(&mut seen[i], true) {
                write!(f, "{separator}{i}")?;
                separator = ' ';
                i = self.image(i);
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_permutation_come_back() {
        for images in [&[0][..], &[1, 0], &[2, 0, 1, 3], &[3, 2, 1, 0]] {
            let p = Permutation::from_images(images).unwrap();
            assert_eq!(Permutation::parse(&p.to_string(), p.n()).unwrap(), p);
            assert!(p.compose(&p.inverse()).is_identity());
        }
        let list = Permutation::parse("1, 2 0", 3).unwrap();
        assert_eq!(list.to_string(), "(0 1 2)");
    }

    #[test]
    fn garbage_is_refused() {
        for text in [
            "(0 1",
            "(0 9)",
            "(0 0)",
            "0 1",
            "0 1 1",
            "(0 1))",
            "x",
            "(0)1",
            "0 1 2 (1)",
        ] {
            assert!(Permutation::parse(text, 3).is_err(), "{text}");
        }
        assert!(Permutation::from_images(&[0, 0]).is_err());
        assert!(Permutation::from_images(&[0, 2]).is_err());
    }
}
