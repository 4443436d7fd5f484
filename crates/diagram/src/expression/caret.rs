//! Where in an expression something is wrong.

use std::fmt;
use std::sync::Arc;

/// Characters of the expression shown on either side of the place.
const WINDOW: usize = 32;

/// An expression and a place in it; printing it draws a caret under the place.
///
/// Long expressions are cut to the neighbourhood of the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caret {
    expression: Arc<str>,
    offset: usize,
}

impl Caret {
    /// Marks byte `offset` of `expression`; an offset inside a character or
    /// past the end moves to the next legal place before it.
    pub(crate) fn new(expression: &str, offset: usize) -> Self {
        let mut offset = offset.min(expression.len());
        while !expression.is_char_boundary(offset) {
            offset -= 1;
        }
        Self {
            expression: expression.into(),
            offset,
        }
    }

    /// The whole expression.
    #[must_use]
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// Byte offset of the place.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The message of an error at this place.
    pub(crate) fn message(&self, text: &str) -> String {
        let head: String = self.expression.chars().take(2 * WINDOW).collect();
        let dots = if head.len() < self.expression.len() {
            "…"
        } else {
            ""
        };
        format!("einsum \"{head}{dots}\": {text}\n{self}")
    }
}

impl fmt::Display for Caret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = self.expression.split_at(self.offset);
        let skipped = before.chars().count().saturating_sub(WINDOW);
        let mut left: String = before.chars().skip(skipped).collect();
        if skipped > 0 {
            left.insert(0, '…');
        }
        let mut right: String = after.chars().take(WINDOW).collect();
        if right.len() < after.len() {
            right.push('…');
        }
        // One line whatever white space the expression holds.
        let line: String = format!("{left}{right}")
            .chars()
            .map(|c| {
                if c.is_whitespace() || c.is_control() {
                    ' '
                } else {
                    c
                }
            })
            .collect();
        write!(f, "  {line}\n  {:1$}^", "", left.chars().count())
    }
}
