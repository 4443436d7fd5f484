//! Characters of an expression as tokens; usable at compile time.

/// What a token is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// One character that may be (part of) an index.
    Index,
    /// `,`
    Comma,
    /// `->`
    Arrow,
    /// `...`
    Ellipsis,
    /// `(`
    Open,
    /// `)`
    Close,
    /// One white-space character.
    Blank,
    /// A `.`, `-` or `>` that is not part of `...` or `->`.
    Stray,
    /// The end of the text.
    End,
}

/// A token and the bytes it covers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

const fn code_point(bytes: &[u8], at: usize) -> (u32, usize) {
    let lead = bytes[at];
    let (mut code, width) = match lead {
        0..=0x7F => return (lead as u32, 1),
        0x80..=0xDF => (lead as u32 & 0x1F, 2),
        0xE0..=0xEF => (lead as u32 & 0x0F, 3),
        _ => (lead as u32 & 0x07, 4),
    };
    let mut k = 1;
    while k < width {
        code = (code << 6) | (bytes[at + k] as u32 & 0x3F);
        k += 1;
    }
    (code, width)
}

const fn follows(bytes: &[u8], at: usize, expected: u8) -> bool {
    at < bytes.len() && bytes[at] == expected
}

/// The token that begins at byte `at` of valid UTF-8.
pub(super) const fn token(bytes: &[u8], at: usize) -> Token {
    if at >= bytes.len() {
        return Token {
            kind: Kind::End,
            start: at,
            end: at,
        };
    }
    let (kind, width) = match bytes[at] {
        b',' => (Kind::Comma, 1),
        b'(' => (Kind::Open, 1),
        b')' => (Kind::Close, 1),
        b'-' if follows(bytes, at + 1, b'>') => (Kind::Arrow, 2),
        b'.' if follows(bytes, at + 1, b'.') && follows(bytes, at + 2, b'.') => (Kind::Ellipsis, 3),
        b'-' | b'>' | b'.' => (Kind::Stray, 1),
        byte if byte < 0x80 => {
            let blank = byte == b' ' || (byte >= 0x09 && byte <= 0x0D);
            (if blank { Kind::Blank } else { Kind::Index }, 1)
        }
        _ => {
            let (code, width) = code_point(bytes, at);
            let blank = match char::from_u32(code) {
                Some(c) => c.is_whitespace(),
                None => false,
            };
            (if blank { Kind::Blank } else { Kind::Index }, width)
        }
    };
    Token {
        kind,
        start: at,
        end: at + width,
    }
}

/// End of the index that begins at token `first`: one character, or in the
/// named form the longest run of index characters.
pub(super) const fn index_end(bytes: &[u8], first: Token, named: bool) -> usize {
    let mut end = first.end;
    if named {
        loop {
            let next = token(bytes, end);
            if !matches!(next.kind, Kind::Index) {
                break;
            }
            end = next.end;
        }
    }
    end
}

/// Whether the text is in the named form: some term has a blank between two
/// of its tokens, or there is a parenthesis.
pub(super) const fn is_named(bytes: &[u8]) -> bool {
    let mut at = 0;
    let mut content = false;
    let mut blank_after_content = false;
    loop {
        let next = token(bytes, at);
        match next.kind {
            Kind::End => return false,
            Kind::Open | Kind::Close => return true,
            Kind::Comma | Kind::Arrow => {
                content = false;
                blank_after_content = false;
            }
            Kind::Blank => blank_after_content = content,
            Kind::Index | Kind::Ellipsis | Kind::Stray => {
                if blank_after_content {
                    return true;
                }
                content = true;
            }
        }
        at = next.end;
    }
}
