//! The Python literal in the header of an npy file.

/// A Python value, as far as NumPy writes them into headers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Integer(u64),
    Bool(bool),
    None,
    /// A tuple or a list.
    Sequence(Vec<Literal>),
    Dict(Vec<(String, Literal)>),
}

/// Deepest nesting accepted; structured types nest three deep at most in practice.
const DEPTH: usize = 16;

/// Parses one literal that fills `text` up to blanks.
///
/// The error gives the byte in `text` and what is wrong there.
pub(super) fn parse(text: &[u8]) -> Result<Literal, (usize, String)> {
    let mut parser = Parser { text, at: 0 };
    let value = parser.value(0)?;
    parser.blanks();
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.fail("text after the end of the dictionary")),
    }
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

type Parsed<T> = Result<T, (usize, String)>;

impl Parser<'_> {
    fn fail(&self, problem: &str) -> (usize, String) {
        (self.at, problem.to_string())
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn blanks(&mut self) {
        // NUL is not a blank in Python; some writers pad with it all the same.
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r' | 0)) {
            self.at += 1;
        }
    }

    /// Skips blanks and then `byte` if it is there.
    fn skip(&mut self, byte: u8) -> bool {
        self.blanks();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Parsed<Literal> {
        if depth > DEPTH {
            return Err(self.fail("nested too deep"));
        }
        self.blanks();
        match self.peek() {
            Some(b'{') => self.dict(depth),
            Some(b'(') => self.sequence(b')', depth),
            Some(b'[') => self.sequence(b']', depth),
            Some(b'\'' | b'"') => Ok(Literal::Text(self.string()?)),
            Some(b'0'..=b'9') => self.integer(),
            Some(b'-') => Err(self.fail("a negative number")),
            Some(byte) if byte.is_ascii_alphabetic() => self.word(),
            Some(_) => Err(self.fail("neither a number, a string, a tuple nor a dictionary")),
            None => Err(self.fail("the text ends inside a value")),
        }
    }

    fn dict(&mut self, depth: usize) -> Parsed<Literal> {
        self.at += 1;
        let mut entries: Vec<(String, Literal)> = Vec::new();
        while !self.skip(b'}') {
            if !matches!(self.peek(), Some(b'\'' | b'"')) {
                return Err(self.fail("a key in quotes or `}` should be here"));
            }
            let start = self.at;
            let key = self.string()?;
            if entries.iter().any(|(other, _)| *other == key) {
                return Err((start, format!("key {key:?} occurs twice")));
            }
            if !self.skip(b':') {
                return Err(self.fail("`:` should be here"));
            }
            let value = self.value(depth + 1)?;
            entries.push((key, value));
            if !self.skip(b',') {
                if self.skip(b'}') {
                    break;
                }
                return Err(self.fail("`,` or `}` should be here"));
            }
        }
        Ok(Literal::Dict(entries))
    }

    fn sequence(&mut self, close: u8, depth: usize) -> Parsed<Literal> {
        self.at += 1;
        let mut items = Vec::new();
        let mut commas = 0;
        while !self.skip(close) {
            items.push(self.value(depth + 1)?);
            if self.skip(b',') {
                commas += 1;
            } else if self.skip(close) {
                break;
            } else {
                return Err(self.fail("`,` or a closing bracket should be here"));
            }
        }
        // `(3)` is the number 3, `(3,)` a tuple.
        match items.as_slice() {
            [single] if close == b')' && commas == 0 => Ok(single.clone()),
            _ => Ok(Literal::Sequence(items)),
        }
    }

    fn string(&mut self) -> Parsed<String> {
        let quote = self.text[self.at];
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            match self.peek() {
                None | Some(b'\n') => return Err(self.fail("a string without end")),
                Some(byte) if byte == quote => break,
                Some(b'\\') => {
                    self.at += 1;
                    match self.peek() {
                        Some(byte @ (b'\\' | b'\'' | b'"')) => bytes.push(byte),
                        _ => return Err(self.fail("an escape sequence")),
                    }
                }
                Some(byte) => bytes.push(byte),
            }
            self.at += 1;
        }
        self.at += 1;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn integer(&mut self) -> Parsed<Literal> {
        let start = self.at;
        let mut value: u64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            value = value
                .checked_mul(10)
                .and_then(|value| value.checked_add(u64::from(digit - b'0')))
                .ok_or_else(|| (start, "a number above 2^64".to_string()))?;
            self.at += 1;
        }
        // Python 2 wrote long integers as `3L`.
        if self.peek() == Some(b'L') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'.' | b'_' | b'e' | b'E' | b'x' | b'a'..=b'd' | b'j') => {
                Err(self.fail("a number that is not a plain integer"))
            }
            _ => Ok(Literal::Integer(value)),
        }
    }

    fn word(&mut self) -> Parsed<Literal> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_alphanumeric()) {
            self.at += 1;
        }
        match &self.text[start..self.at] {
            b"True" => Ok(Literal::Bool(true)),
            b"False" => Ok(Literal::Bool(false)),
            b"None" => Ok(Literal::None),
            other => Err((
                start,
                format!("unknown word {:?}", String::from_utf8_lossy(other)),
            )),
        }
    }
}
