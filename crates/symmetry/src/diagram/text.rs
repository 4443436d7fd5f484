//! Diagrams as text and back.

use std::fmt;
use std::str::FromStr;

use super::{Diagram, Family};
use crate::{Error, Result};

const NAMES: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

impl fmt::Display for Diagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.family == Family::Matching {
            write!(f, "{}->{}", self.inputs, self.outputs)?;
            let members = self.members();
            let mut space = " ";
            for pair in members.iter().filter(|block| block.len() == 2) {
                write!(f, "{space}({} {})", pair[0], pair[1])?;
                space = "";
            }
            for head in &self.heads {
                let vertices = head
                    .iter()
                    .map(|&block| members[block as usize][0].to_string());
                write!(f, " [{}]", vertices.collect::<Vec<_>>().join(" "))?;
            }
            return Ok(());
        }
        if self.family == Family::Orbit {
            f.write_str("orbit ")?;
        }
        for (vertex, &block) in self.word.iter().enumerate() {
            if vertex == self.outputs {
                f.write_str("|")?;
            }
            write!(f, "{}", NAMES[block as usize] as char)?;
        }
        if self.inputs == 0 {
            f.write_str("|")?;
        }
        for head in &self.heads {
            let blocks = head
                .iter()
                .map(|&block| (NAMES[block as usize] as char).to_string());
            write!(f, " [{}]", blocks.collect::<Vec<_>>().join(" "))?;
        }
        Ok(())
    }
}

/// The inverse of `Display`; spaces between parts are free.
impl FromStr for Diagram {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut reader = Reader { text, at: 0 };
        reader.skip();
        let orbit = reader.eat("orbit");
        reader.skip();
        let end = text.find(['(', '[']).unwrap_or(text.len());
        let result = if !orbit && text[..end].contains("->") {
            reader.matching()?
        } else {
            reader.partition(orbit)?
        };
        reader.skip();
        if reader.at < text.len() {
            return Err(reader.error("nothing may follow the diagram"));
        }
        Ok(result)
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn error(&self, problem: impl Into<String>) -> Error {
        self.error_at(self.at, problem)
    }

    fn error_at(&self, position: usize, problem: impl Into<String>) -> Error {
        Error::Parse {
            what: "a diagram",
            text: self.text.to_owned(),
            position,
            problem: problem.into(),
        }
    }

    fn skip(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: &str) -> Result<()> {
        self.skip();
        if self.eat(token) {
            return Ok(());
        }
        Err(self.error(format!("expected {token:?}")))
    }

    fn number(&mut self) -> Result<usize> {
        self.skip();
        let rest = self.rest();
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number = rest[..digits]
            .parse()
            .map_err(|_| self.error("expected a number"))?;
        self.at += digits;
        Ok(number)
    }

    /// `2->2 (0 2)(1 3) [..]`
    fn matching(&mut self) -> Result<Diagram> {
        let inputs = self.number()?;
        self.expect("->")?;
        let outputs = self.number()?;
        let start = self.at;
        let mut pairs = Vec::new();
        let mut heads = Vec::new();
        loop {
            self.skip();
            if self.eat("(") {
                pairs.push((self.number()?, self.number()?));
                self.expect(")")?;
            } else if self.eat("[") {
                let mut head = Vec::new();
                loop {
                    self.skip();
                    if self.eat("]") {
                        break;
                    }
                    let number = self.number()?;
                    if head.last().is_some_and(|&last| last >= number) {
                        return Err(self.error("legs of a symbol are given in increasing order"));
                    }
                    head.push(number);
                }
                if head.is_empty() {
                    return Err(self.error("a symbol needs legs"));
                }
                heads.push(head);
            } else {
                break;
            }
        }
        Diagram::with_heads(outputs, inputs, &heads, &pairs).map_err(|error| match error {
            Error::Argument { problem, .. } => self.error_at(start, problem),
            other => other,
        })
    }

    fn name(&mut self) -> Option<u8> {
        let byte = *self.text.as_bytes().get(self.at)?;
        let name = NAMES.iter().position(|&name| name == byte)?;
        self.at += 1;
        Some(name as u8)
    }

    /// `01|10 [0 1]`
    fn partition(&mut self, orbit: bool) -> Result<Diagram> {
        let mut word = Vec::new();
        let mut outputs = None;
        let mut next = 0;
        loop {
            if self.eat("|") {
                if outputs.replace(word.len()).is_some() {
                    return Err(self.error_at(self.at - 1, "a second | between rows"));
                }
            } else if let Some(block) = self.name() {
                if block > next {
                    let expected = NAMES[next as usize] as char;
                    let problem = format!("the next new block is {expected:?}");
                    return Err(self.error_at(self.at - 1, problem));
                }
                next = next.max(block + 1);
                word.push(block);
            } else {
                break;
            }
        }
        let Some(outputs) = outputs else {
            return Err(
                self.error("expected | between the rows, or an arrow as in 2->2 (0 2)(1 3)")
            );
        };
        let inputs = word.len() - outputs;
        let mut diagram = Diagram::partition(outputs, inputs, &word)?;
        if orbit {
            diagram.family = Family::Orbit;
            return Ok(diagram);
        }
        let mut used = 0u64;
        loop {
            self.skip();
            if !self.eat("[") {
                break;
            }
            let mut head: Vec<u8> = Vec::new();
            loop {
                self.skip();
                if self.eat("]") {
                    break;
                }
                let at = self.at;
                let Some(block) = self.name() else {
                    return Err(self.error("expected the name of a block or ]"));
                };
                if usize::from(block) >= diagram.block_count() || used >> block & 1 == 1 {
                    return Err(self.error_at(at, "no such block, or it has a leg already"));
                }
                if head.last().is_some_and(|&last| last > block) {
                    return Err(self.error_at(at, "legs are given in increasing order"));
                }
                used |= 1 << block;
                head.push(block);
            }
            diagram.heads.push(head);
        }
        diagram.heads.sort();
        Ok(diagram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_they_were() {
        for text in [
            "|",
            "0|",
            "|0",
            "01|10",
            "orbit 01|10",
            "01|2 [0 1 2]",
            "01|23 [0 1] [2 3]",
            "0->0",
            "2->2 (0 2)(1 3)",
            "2->1 [0 1 2]",
            "2->3 (2 3) [0 1 4]",
            "3->3 [0 1 3] [2 4 5]",
            "| [ ]",
        ] {
            let Ok(diagram) = text.parse::<Diagram>() else {
                panic!("{text} does not parse");
            };
            assert_eq!(diagram.to_string().replace(" []", " [ ]"), text);
            assert_eq!(diagram.to_string().parse::<Diagram>().unwrap(), diagram);
        }
    }

    #[test]
    fn wrong_texts_say_where() {
        for (text, position) in [
            ("02|0", 1),
            ("01", 2),
            ("0|1|", 3),
            ("01|1 [0 2]", 8),
            ("2->2 (0 1)(1 2)", 4),
            ("2->2 (0 1)", 4),
            ("2->x (0 1)", 3),
            ("2->2 (0 9)(1 2)", 4),
            ("01|10 rest", 6),
            ("3->0 [1 0 2]", 9),
            ("ü|0", 0),
        ] {
            match text.parse::<Diagram>() {
                Err(Error::Parse {
                    position: found, ..
                }) => assert_eq!(found, position, "{text}"),
                other => panic!("{text} gave {other:?}"),
            }
        }
    }
}
