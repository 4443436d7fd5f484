//! The parsed expression: terms as lists of axes over numbered indices.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use super::Caret;
use crate::{Error, Result};

/// How indices are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// One character each: `ij,jk->ik`.
    Letters,
    /// Names between blanks: `batch row, batch col -> row col`.
    Names,
    /// Numbers, given as lists.
    Numbers,
}

/// One use of an index. `mark` is its byte offset in the text or, for numbers,
/// its position among all uses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leg {
    pub(super) index: u32,
    pub(super) mark: u32,
}

/// One axis of a term.
#[derive(Clone, Copy, Debug)]
pub(super) enum Axis {
    /// An index.
    Index(Leg),
    /// `(h d)`: several indices share the axis, the last running fastest;
    /// `first..first + count` of the members.
    Group { first: u32, count: u32, mark: u32 },
    /// `...`: any number of axes.
    Ellipsis { mark: u32 },
}

impl Axis {
    pub(super) const fn index(self) -> Option<u32> {
        match self {
            Axis::Index(leg) => Some(leg.index),
            Axis::Group { .. } | Axis::Ellipsis { .. } => None,
        }
    }

    pub(super) const fn mark(self) -> u32 {
        match self {
            Axis::Index(leg) => leg.mark,
            Axis::Group { mark, .. } | Axis::Ellipsis { mark } => mark,
        }
    }
}

/// Name of an index: bytes of the text, or the number itself in `start`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    pub(super) start: u32,
    pub(super) end: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) text: Box<str>,
    pub(super) style: Style,
    pub(super) names: SmallVec<[Name; 8]>,
    /// Axes of all terms, the output last.
    pub(super) axes: SmallVec<[Axis; 10]>,
    /// Members of groups.
    pub(super) members: Vec<Leg>,
    /// End of each term in `axes`, the output last.
    pub(super) ends: SmallVec<[u32; 6]>,
    /// Sizes given by keyword, by index; shorter than `names` if none follow.
    pub(super) sizes: Vec<Option<usize>>,
    pub(super) broadcast: bool,
}

impl Form {
    pub(super) fn operands(&self) -> usize {
        self.ends.len() - 1
    }

    /// Whether blanks separate the indices. Without indices there is no difference.
    fn spelled(&self) -> bool {
        self.style != Style::Letters && !self.names.is_empty()
    }

    /// Axes of term `number`; the output is term [`Form::operands`].
    pub(super) fn term(&self, number: usize) -> &[Axis] {
        let start = if number == 0 {
            0
        } else {
            self.ends[number - 1]
        };
        &self.axes[start as usize..self.ends[number] as usize]
    }

    pub(super) fn group(&self, first: u32, count: u32) -> &[Leg] {
        &self.members[first as usize..(first + count) as usize]
    }

    pub(super) fn name(&self, index: u32) -> String {
        let name = self.names[index as usize];
        match self.style {
            Style::Numbers => name.start.to_string(),
            Style::Letters | Style::Names => {
                self.text[name.start as usize..name.end as usize].to_owned()
            }
        }
    }

    pub(super) fn size(&self, index: u32) -> Option<usize> {
        self.sizes.get(index as usize).copied().flatten()
    }

    /// The place of a mark, for an error.
    pub(super) fn caret(&self, mark: u32) -> Caret {
        if self.style == Style::Numbers {
            let (text, offsets) = self.render();
            let offset = offsets.get(mark as usize).copied().unwrap_or(text.len());
            Caret::new(&text, offset)
        } else {
            Caret::new(&self.text, mark as usize)
        }
    }

    /// The place of term `number`, for an error.
    pub(super) fn term_caret(&self, number: usize) -> Caret {
        match self.term(number).first() {
            Some(axis) => self.caret(axis.mark()),
            None => self.caret(self.empty_term_mark(number)),
        }
    }

    /// A mark near an empty term: just behind its predecessor.
    fn empty_term_mark(&self, number: usize) -> u32 {
        if self.style == Style::Numbers {
            // Uses are marked by their position among all uses.
            return (0..number).map(|t| self.term(t).len() as u32).sum();
        }
        let commas = self
            .text
            .char_indices()
            .filter(|&(_, c)| c == ',' || c == '>');
        let before = number
            .checked_sub(1)
            .and_then(|n| commas.map(|(k, _)| k + 1).nth(n));
        before.unwrap_or(0) as u32
    }

    /// The canonical text and the byte offset of every index use in it.
    fn render(&self) -> (String, Vec<usize>) {
        let names = self.spelled();
        let mut out = String::with_capacity(self.text.len() + 4);
        let mut offsets = Vec::new();
        // With no blank inside any term the text would read as letters.
        let mut guard = names
            && !self.axes.is_empty()
            && self.members.is_empty()
            && !self.axes.iter().any(|a| matches!(a, Axis::Group { .. }))
            && (0..self.ends.len()).all(|t| self.term(t).len() < 2);
        for number in 0..self.ends.len() {
            if number == self.operands() {
                out.push_str(if names && number > 0 { " -> " } else { "->" });
            } else if number > 0 {
                out.push_str(if names { ", " } else { "," });
            }
            for (k, &axis) in self.term(number).iter().enumerate() {
                if names && k > 0 {
                    out.push(' ');
                }
                match axis {
                    Axis::Index(leg) => {
                        let guarded = std::mem::take(&mut guard);
                        out.push_str(if guarded { "(" } else { "" });
                        offsets.push(out.len());
                        out.push_str(&self.name(leg.index));
                        out.push_str(if guarded { ")" } else { "" });
                    }
                    Axis::Group { first, count, .. } => {
                        out.push('(');
                        for (m, leg) in self.group(first, count).iter().enumerate() {
                            out.push_str(if m > 0 { " " } else { "" });
                            offsets.push(out.len());
                            out.push_str(&self.name(leg.index));
                        }
                        out.push(')');
                    }
                    Axis::Ellipsis { .. } => out.push_str("..."),
                }
            }
        }
        (out, offsets)
    }
}

/// A tensor expression in einsum notation, checked but not yet bound to shapes.
///
/// Immutable; cloning copies a pointer.
///
/// **Letters**: `ij,jk->ik`. An index is any one Unicode character but blanks
/// and `,` `-` `>` `.` `(` `)`. Blanks around terms mean nothing.
///
/// **Names**: `batch row, batch col -> row col`. The expression is read this way
/// if some term has a blank between two of its parts, or a parenthesis; then
/// an index is a run of such characters. `(h d)` is one axis holding both
/// indices, the last running fastest: in an operand it is split (one unknown
/// size is inferred, more must be given by [`ExpressionOptions::sizes`]), in
/// the output it is merged. `()` is an axis of length 1.
///
/// Common rules:
/// - `...` stands for any number of axes, once per term; those of different
///   operands are aligned at the right and broadcast (length 1 fits all). If
///   operands hold such axes, the output must place them by `...`.
/// - An index repeated in one operand reads its diagonal; an index not in the
///   output is summed, even if it occurs once; an index repeated in the output
///   puts the result on that diagonal and zero elsewhere; an index in the
///   output only is an error unless its size is given (then the result is
///   constant along it).
/// - Without `->` the output is `...` (if any operand has it), then the
///   indices that occur exactly once in all operands together, sorted
///   by code point as in NumPy.
/// - An index has one size; 1 against n is an error for named indices unless
///   [`ExpressionOptions::broadcast`] is set.
/// - Nothing before `->` is one operand without axes, or no operand at all,
///   whose product is 1.
///
/// ```
/// use tensegrity_diagram::Expression;
/// let product = Expression::parse("ij,jk->ik")?.bind(&[&[2, 3], &[3, 4]])?;
/// assert_eq!(product.shape, [2, 4]);
///
/// let error = Expression::parse("ij,jk->ik")?.bind(&[&[2, 4], &[5, 4]]).unwrap_err();
/// assert!(error.to_string().starts_with(
///     "einsum \"ij,jk->ik\": index j is 4 in operand 1 (axis 1) but 5 in operand 2 (axis 0)"
/// ));
/// # Ok::<(), tensegrity_diagram::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Expression {
    pub(super) form: Arc<Form>,
}

/// What may be said about an expression besides its text.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExpressionOptions<'a> {
    /// Sizes of indices by name.
    pub sizes: &'a [(&'a str, usize)],
    /// Whether an axis of length 1 fits a named index of any size, as in
    /// PyTorch. Off by default because it hides mistakes.
    pub broadcast: bool,
}

impl Expression {
    /// Parses `text` without given sizes and without broadcasting.
    ///
    /// # Errors
    /// [`Error::Syntax`] or [`Error::UnknownOutputIndex`], with the place.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_with(text, ExpressionOptions::default())
    }

    /// Parses `text` with options. Linear in its length; under a microsecond
    /// for a few short terms.
    ///
    /// # Errors
    /// As [`Expression::parse`], and [`Error::UnknownIndex`] for a size of an
    /// index that does not occur.
    pub fn parse_with(text: &str, options: ExpressionOptions<'_>) -> Result<Self> {
        super::parse::parse(text, options).map(|form| Self {
            form: Arc::new(form),
        })
    }

    /// The expression over numbered indices, any numbers: no alphabet limits
    /// the size of a network. No operands at all is legal.
    ///
    /// # Errors
    /// [`Error::UnknownOutputIndex`].
    ///
    /// ```
    /// use tensegrity_diagram::Expression;
    /// let product = Expression::from_ids(&[&[7, 1_000_000], &[1_000_000, 9]], &[7, 9])?;
    /// assert_eq!(product.to_string(), "7 1000000, 1000000 9 -> 7 9");
    /// # Ok::<(), tensegrity_diagram::Error>(())
    /// ```
    pub fn from_ids(inputs: &[&[u32]], output: &[u32]) -> Result<Self> {
        super::numbered::from_ids(inputs, output).map(|form| Self {
            form: Arc::new(form),
        })
    }

    /// Sizes that were given by name.
    #[must_use]
    pub fn given_sizes(&self) -> Vec<(String, usize)> {
        let form = &*self.form;
        (0..form.names.len() as u32)
            .filter_map(|index| Some((form.name(index), form.size(index)?)))
            .collect()
    }

    /// Whether an axis of length 1 fits a named index of any size.
    #[must_use]
    pub fn broadcasts(&self) -> bool {
        self.form.broadcast
    }

    /// Number of operands. An expression with nothing before `->` counts one,
    /// and may also be bound to none.
    #[must_use]
    pub fn operands(&self) -> usize {
        self.form.operands()
    }

    /// Names of the indices, in order of first appearance: wire `w` of the bound
    /// network is index `w`; wires of `...` axes follow.
    #[must_use]
    pub fn indices(&self) -> Vec<String> {
        (0..self.form.names.len() as u32)
            .map(|index| self.form.name(index))
            .collect()
    }

    /// Whether `...` occurs.
    #[must_use]
    pub fn has_ellipsis(&self) -> bool {
        self.form
            .axes
            .iter()
            .any(|axis| matches!(axis, Axis::Ellipsis { .. }))
    }

    pub(super) fn count_error(&self, found: usize) -> Error {
        Error::OperandCount {
            caret: self.form.term_caret(found.min(self.operands())),
            expected: self.operands(),
            found,
        }
    }
}

/// Equal up to the spelling: blanks, and an output that is implied or written.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (&*self.form, &*other.form);
        let sizes = |form: &Form| -> Vec<Option<usize>> {
            (0..form.names.len() as u32).map(|i| form.size(i)).collect()
        };
        a.render().0 == b.render().0
            && a.spelled() == b.spelled()
            && a.broadcast == b.broadcast
            && sizes(a) == sizes(b)
    }
}

impl Eq for Expression {}

/// The canonical text: no superfluous blanks, the output written out. Parsing
/// it gives an equal expression (given sizes and broadcasting are not part of
/// the text).
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.form.render().0)
    }
}

impl std::str::FromStr for Expression {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}
