//! Totals over several test runners.

/// Tests counted so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
}

impl Tally {
    /// Counts one line of a runner's output if it is a closing line of
    /// `cargo test` (`test result: ok. 3 passed; 0 failed; 1 ignored; …`) or
    /// pytest (`3 passed, 1 skipped in 0.1s`, with or without a `=` frame).
    pub fn read(&mut self, line: &str) {
        let cargo = line.strip_prefix("test result: ");
        let framed = line.trim_matches(['=', ' ']);
        let pytest = (framed.contains(" in ") && framed.ends_with(['s', ')']))
            .then_some(framed)
            .filter(|text| text.starts_with(|c: char| c.is_ascii_digit()));
        let Some(text) = cargo.or(pytest) else { return };
        let words: Vec<&str> = text
            .split([' ', ';', ','])
            .filter(|word| !word.is_empty())
            .collect();
        for pair in words.windows(2) {
            let Ok(count) = pair[0].parse::<usize>() else {
                continue;
            };
            match pair[1] {
                "passed" => self.passed += count,
                "failed" | "error" | "errors" => self.failed += count,
                "ignored" | "skipped" => self.skipped += count,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn reads_the_closing_lines_of_both_runners() {
        let mut tally = Tally::default();
        tally.read("test result: ok. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.3s");
        tally.read("===== 30 passed, 4 skipped, 1 warning in 2.51s =====");
        tally.read("5 passed in 0.10s");
        tally.read("1 failed, 2 passed in 61.00s (0:01:01)");
        tally.read("test view::tests::diagonal ... ok");
        tally.read("7 passed by the window");
        assert_eq!(
            tally,
            Tally {
                passed: 49,
                failed: 2,
                skipped: 6
            }
        );
    }
}
