//! Text to [`Form`].

use std::collections::HashMap;

use smallvec::SmallVec;

use super::caret::Caret;
use super::form::{Axis, ExpressionOptions, Form, Leg, Name, Style};
use super::lexer::{Kind, index_end, is_named, token};
use crate::{Error, Result};

/// Above this many names a hash table is faster than comparing.
const LINEAR_NAMES: usize = 12;
const ABSENT: u32 = u32::MAX;

/// Finds the number of an index by its name.
struct Names<'t> {
    text: &'t str,
    list: SmallVec<[Name; 8]>,
    /// Numbers of one-byte names.
    ascii: [u32; 128],
    /// Numbers of all other names once they are many.
    table: HashMap<&'t str, u32>,
}

impl<'t> Names<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            list: SmallVec::new(),
            ascii: [ABSENT; 128],
            table: HashMap::new(),
        }
    }

    fn slice(&self, name: Name) -> &'t str {
        &self.text[name.start as usize..name.end as usize]
    }

    fn find(&self, name: &str) -> Option<u32> {
        if let &[byte] = name.as_bytes() {
            // A one-byte string is ASCII.
            return Some(self.ascii[byte as usize & 127]).filter(|&index| index != ABSENT);
        }
        if !self.table.is_empty() {
            return self.table.get(name).copied();
        }
        let found = self.list.iter().position(|&n| self.slice(n) == name);
        found.map(|index| index as u32)
    }

    fn insert(&mut self, name: Name) -> u32 {
        let index = self.list.len() as u32;
        let slice = self.slice(name);
        self.list.push(name);
        if let &[byte] = slice.as_bytes() {
            self.ascii[byte as usize & 127] = index;
        } else if !self.table.is_empty() {
            self.table.insert(slice, index);
        } else if self.list.len() > LINEAR_NAMES {
            for (number, &n) in self.list.iter().enumerate() {
                self.table.insert(self.slice(n), number as u32);
            }
        }
        index
    }
}

struct Parser<'t> {
    text: &'t str,
    named: bool,
    names: Names<'t>,
    axes: SmallVec<[Axis; 10]>,
    members: Vec<Leg>,
    ends: SmallVec<[u32; 6]>,
}

pub(super) fn parse(text: &str, options: ExpressionOptions<'_>) -> Result<Form> {
    if u32::try_from(text.len()).is_err() {
        return Err(syntax(text, 0, "the text is longer than 4 GiB".into()));
    }
    let named = is_named(text.as_bytes());
    let mut parser = Parser {
        text,
        named,
        names: Names::new(text),
        axes: SmallVec::new(),
        members: Vec::new(),
        ends: SmallVec::new(),
    };
    let mut at = 0;
    let explicit = loop {
        let (end, kind) = parser.term(at, Side::Operand)?;
        match kind {
            Kind::Comma => at = end,
            Kind::Arrow => {
                at = end;
                break true;
            }
            _ => break false,
        }
    };
    let inputs = parser.names.list.len();
    let mut sizes = parser.sizes(options)?;
    if explicit {
        parser.explicit_output(at, &mut sizes, options)?;
    } else {
        parser.implicit_output();
    }
    for &(name, _) in options.sizes {
        if parser.names.find(name).is_none() {
            return Err(Error::UnknownIndex {
                caret: Caret::new(text, 0),
                index: name.to_owned(),
            });
        }
    }
    debug_assert!(inputs <= parser.names.list.len());
    Ok(Form {
        text: text.into(),
        style: if named { Style::Names } else { Style::Letters },
        names: parser.names.list,
        axes: parser.axes,
        members: parser.members,
        ends: parser.ends,
        sizes,
        broadcast: options.broadcast,
    })
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Operand,
    Output,
}

fn syntax(text: &str, at: usize, reason: String) -> Error {
    Error::Syntax {
        caret: Caret::new(text, at),
        reason,
    }
}

impl Parser<'_> {
    fn fail<T>(&self, at: usize, reason: impl Into<String>) -> Result<T> {
        Err(syntax(self.text, at, reason.into()))
    }

    /// Reads one term and the token that ends it.
    fn term(&mut self, mut at: usize, side: Side) -> Result<(usize, Kind)> {
        let bytes = self.text.as_bytes();
        let mut ellipsis = false;
        loop {
            let next = token(bytes, at);
            match next.kind {
                Kind::Comma if side == Side::Output => {
                    return self.fail(at, "the output is one term; remove this comma");
                }
                Kind::Arrow if side == Side::Output => {
                    return self.fail(at, "a second `->`; write one output");
                }
                Kind::Comma | Kind::Arrow | Kind::End => {
                    self.ends.push(self.axes.len() as u32);
                    return Ok((next.end, next.kind));
                }
                Kind::Blank => at = next.end,
                Kind::Stray => {
                    let found = &self.text[next.start..next.end];
                    let reason = match found {
                        "." => "`.` belongs to `...`",
                        "-" => "`-` belongs to `->`",
                        _ => "`>` belongs to `->`",
                    };
                    return self.fail(at, reason);
                }
                Kind::Ellipsis => {
                    if std::mem::replace(&mut ellipsis, true) {
                        return self.fail(at, "a second `...` in one term");
                    }
                    self.axes.push(Axis::Ellipsis { mark: at as u32 });
                    at = next.end;
                }
                Kind::Close => return self.fail(at, "`)` without `(`"),
                Kind::Open => at = self.group(at, side)?,
                Kind::Index => {
                    let end = index_end(bytes, next, self.named);
                    let leg = self.leg(at, end, side)?;
                    self.axes.push(Axis::Index(leg));
                    at = end;
                }
            }
        }
    }

    /// Reads from `(` to behind `)`.
    fn group(&mut self, open: usize, side: Side) -> Result<usize> {
        let bytes = self.text.as_bytes();
        let first = self.members.len();
        let mut at = open + 1;
        loop {
            let next = token(bytes, at);
            match next.kind {
                Kind::Blank => at = next.end,
                Kind::Index => {
                    let end = index_end(bytes, next, self.named);
                    let leg = self.leg(at, end, side)?;
                    self.members.push(leg);
                    at = end;
                }
                Kind::Close => {
                    at = next.end;
                    break;
                }
                Kind::Open => return self.fail(at, "parentheses inside parentheses"),
                Kind::Ellipsis => {
                    return self.fail(at, "`...` inside parentheses; name these axes");
                }
                Kind::End | Kind::Comma | Kind::Arrow | Kind::Stray => {
                    return self.fail(open, "`(` without `)`");
                }
            }
        }
        let count = (self.members.len() - first) as u32;
        if count == 1 {
            // `(h)` is `h`.
            self.axes.extend(self.members.pop().map(Axis::Index));
        } else {
            self.axes.push(Axis::Group {
                first: first as u32,
                count,
                mark: open as u32,
            });
        }
        Ok(at)
    }

    fn leg(&mut self, start: usize, end: usize, side: Side) -> Result<Leg> {
        let name = &self.text[start..end];
        let index = match (self.names.find(name), side) {
            (Some(index), _) => index,
            (None, Side::Operand) => self.names.insert(Name {
                start: start as u32,
                end: end as u32,
            }),
            (None, Side::Output) => {
                return Err(Error::UnknownOutputIndex {
                    caret: Caret::new(self.text, start),
                    index: name.to_owned(),
                    hint: if self.named {
                        "; a term with blanks or parentheses makes every index a name between blanks"
                    } else {
                        ""
                    },
                });
            }
        };
        Ok(Leg {
            index,
            mark: start as u32,
        })
    }

    /// Sizes given for indices of the operands.
    fn sizes(&self, options: ExpressionOptions<'_>) -> Result<Vec<Option<usize>>> {
        let mut sizes = Vec::new();
        for &(name, size) in options.sizes {
            if let Some(index) = self.names.find(name) {
                set_size(&mut sizes, index, size);
            }
        }
        Ok(sizes)
    }

    /// Reads the output; indices of given size may be new in it.
    fn explicit_output(
        &mut self,
        start: usize,
        sizes: &mut Vec<Option<usize>>,
        options: ExpressionOptions<'_>,
    ) -> Result<()> {
        let bytes = self.text.as_bytes();
        let mut at = start;
        while !options.sizes.is_empty() {
            let next = token(bytes, at);
            match next.kind {
                Kind::End => break,
                Kind::Index => {
                    let end = index_end(bytes, next, self.named);
                    let name = &self.text[at..end];
                    let given = options.sizes.iter().rfind(|(n, _)| *n == name);
                    if let (Some(&(_, size)), None) = (given, self.names.find(name)) {
                        let index = self.names.insert(Name {
                            start: at as u32,
                            end: end as u32,
                        });
                        set_size(sizes, index, size);
                    }
                    at = end;
                }
                _ => at = next.end,
            }
        }
        let placed = self.axes.len();
        self.term(start, Side::Output)?;
        let is_ellipsis = |axis: &&Axis| matches!(axis, Axis::Ellipsis { .. });
        let in_output = self.axes[placed..].iter().find(is_ellipsis);
        if let Some(axis) = in_output
            && !self.axes[..placed].iter().any(|axis| is_ellipsis(&axis))
        {
            return self.fail(
                axis.mark() as usize,
                "`...` in the output but in no operand",
            );
        }
        Ok(())
    }

    /// NumPy's rule: broadcast axes, then the indices that occur once.
    fn implicit_output(&mut self) {
        let mark = self.text.len() as u32;
        let mut uses: SmallVec<[u32; 16]> = SmallVec::from_elem(0, self.names.list.len());
        let mut ellipsis = false;
        for axis in &self.axes {
            match axis {
                Axis::Index(leg) => uses[leg.index as usize] += 1,
                Axis::Ellipsis { .. } => ellipsis = true,
                Axis::Group { .. } => {}
            }
        }
        for leg in &self.members {
            uses[leg.index as usize] += 1;
        }
        let mut once: SmallVec<[u32; 16]> = (0..uses.len() as u32)
            .filter(|&index| uses[index as usize] == 1)
            .collect();
        // The order of UTF-8 bytes is the order of code points.
        once.sort_by_key(|&index| self.names.slice(self.names.list[index as usize]));
        if ellipsis {
            self.axes.push(Axis::Ellipsis { mark });
        }
        let legs = once
            .into_iter()
            .map(|index| Axis::Index(Leg { index, mark }));
        self.axes.extend(legs);
        self.ends.push(self.axes.len() as u32);
    }
}

fn set_size(sizes: &mut Vec<Option<usize>>, index: u32, size: usize) {
    let index = index as usize;
    if sizes.len() <= index {
        sizes.resize(index + 1, None);
    }
    sizes[index] = Some(size);
}
