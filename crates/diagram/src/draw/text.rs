//! Text in pictures: how wide it is and how it is escaped.

/// Width of `text` in a sans-serif face of `size` pixels, a little generous,
/// since the reader's font is unknown.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '|' | '!' | '\'' | ' ' => 0.31,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '-' => 0.4,
        'm' | 'w' | 'M' | 'W' | '…' | '⊗' => 0.92,
        '0'..='9' | '×' => 0.59,
        'A'..='Z' => 0.7,
        c if (c as u32) >= 0x2E80 => 1.05,
        _ => 0.59,
    };
    text.chars().map(em).sum::<f64>() * size
}

/// At most `limit` characters, the rest as an ellipsis.
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let head: String = text.chars().take(limit - 1).collect();
    format!("{head}…")
}

/// Text for XML content and attributes; control characters, which XML
/// forbids, become spaces.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{FFFE}' | '\u{FFFF}' => escaped.push(' '),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Dimensions as `4×5×6`; without legs `1`.
pub(crate) fn shape(dims: &[u64]) -> String {
    if dims.is_empty() {
        return "1".to_owned();
    }
    let dims: Vec<String> = dims.iter().map(u64::to_string).collect();
    dims.join("×")
}
