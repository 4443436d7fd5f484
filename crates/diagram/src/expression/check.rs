//! Checking an expression while the program is compiled.

use super::lexer::{Kind, index_end, is_named, token};

/// Checks the syntax of `text`, the indices of its output and its number of
/// operands; made for `const` items, so that a wrong expression does not compile.
///
/// Accepts exactly what [`Expression::parse`](crate::Expression::parse) accepts
/// with `operands` terms; `->` alone fits one operand and none.
///
/// # Errors
/// What is wrong, in one line.
///
/// ```
/// use tensegrity_diagram::check_expression;
/// const _: () = match check_expression("ij,jk->ik", 2) {
///     Ok(()) => (),
///     Err(message) => panic!("{}", message),
/// };
/// assert!(check_expression("ij,jk->iz", 2).is_err());
/// ```
pub const fn check_expression(text: &str, operands: usize) -> Result<(), &'static str> {
    let bytes = text.as_bytes();
    let named = is_named(bytes);
    let mut at = 0;
    let mut terms = 0;
    let mut ellipsis_in_operand = false;
    let mut empty = true;
    let arrow = loop {
        let term = match check_term(bytes, at, named, bytes.len()) {
            Ok(term) => term,
            Err(message) => return Err(message),
        };
        terms += 1;
        ellipsis_in_operand = ellipsis_in_operand || term.ellipsis;
        empty = empty && term.empty && terms == 1;
        at = term.next;
        match term.end {
            Kind::Comma => {}
            Kind::Arrow => break Some(term.start_of_end),
            _ => break None,
        }
    };
    if let Some(arrow) = arrow {
        let output = match check_term(bytes, at, named, arrow) {
            Ok(term) => term,
            Err(message) => return Err(message),
        };
        match output.end {
            Kind::Comma => return Err("einsum: the output is one term; remove its comma"),
            Kind::Arrow => return Err("einsum: a second `->`; write one output"),
            _ => {}
        }
        if output.ellipsis && !ellipsis_in_operand {
            return Err("einsum: `...` in the output but in no operand");
        }
    }
    if operands == terms || (empty && operands == 0) {
        Ok(())
    } else {
        Err("einsum: the number of operands differs from the number of terms")
    }
}

struct Term {
    ellipsis: bool,
    empty: bool,
    end: Kind,
    start_of_end: usize,
    next: usize,
}

/// Checks one term. Indices must occur before byte `known`, the end of the
/// operands, which for operands is no restriction.
const fn check_term(
    bytes: &[u8],
    mut at: usize,
    named: bool,
    known: usize,
) -> Result<Term, &'static str> {
    let mut ellipsis = false;
    let mut empty = true;
    let mut inside = false;
    loop {
        let next = token(bytes, at);
        match next.kind {
            Kind::Comma | Kind::Arrow | Kind::End => {
                if inside {
                    return Err("einsum: `(` without `)`");
                }
                return Ok(Term {
                    ellipsis,
                    empty,
                    end: next.kind,
                    start_of_end: next.start,
                    next: next.end,
                });
            }
            Kind::Stray => return Err("einsum: `.`, `-` and `>` belong to `...` or `->`"),
            Kind::Blank => {}
            Kind::Ellipsis if inside => {
                return Err("einsum: `...` inside parentheses; name these axes");
            }
            Kind::Ellipsis if ellipsis => return Err("einsum: a second `...` in one term"),
            Kind::Ellipsis => {
                ellipsis = true;
                empty = false;
            }
            Kind::Open if inside => return Err("einsum: parentheses inside parentheses"),
            Kind::Open => {
                inside = true;
                empty = false;
            }
            Kind::Close if !inside => return Err("einsum: `)` without `(`"),
            Kind::Close => inside = false,
            Kind::Index => {
                empty = false;
                let end = index_end(bytes, next, named);
                if known < at && !occurs(bytes, known, named, at, end) {
                    return Err("einsum: an index of the output occurs in no operand");
                }
                at = end;
                continue;
            }
        }
        at = next.end;
    }
}

/// Whether the index at bytes `start..end` also occurs before byte `limit`.
const fn occurs(bytes: &[u8], limit: usize, named: bool, start: usize, end: usize) -> bool {
    let mut at = 0;
    while at < limit {
        let next = token(bytes, at);
        let mut stop = next.end;
        if matches!(next.kind, Kind::Index) {
            stop = index_end(bytes, next, named);
            let mut same = stop - at == end - start;
            let mut k = 0;
            while same && k < end - start {
                same = bytes[at + k] == bytes[start + k];
                k += 1;
            }
            if same {
                return true;
            }
        }
        at = stop;
    }
    false
}
