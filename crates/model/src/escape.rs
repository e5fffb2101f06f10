//! Text from peers, made safe to show.

use std::fmt::Write as _;

/// `text` with control characters, the Unicode direction marks and other invisible format
/// characters written as `\u{..}`, so that it cannot move the cursor, change colours, break a
/// line or reorder what stands beside it.
///
/// It does not escape for HTML, JSON or a metric label: those have their own rules at the edge.
#[must_use]
pub fn escape_text(text: &str) -> String {
    escape_text_bounded(text, usize::MAX)
}

/// As [`escape_text`], cut after `limit` characters of input, with `…` in place of the rest.
#[must_use]
pub fn escape_text_bounded(text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(text.len().min(limit.saturating_mul(4)));
    for (index, c) in text.chars().enumerate() {
        if index == limit {
            out.push('…');
            break;
        }
        if is_unsafe(c) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            // No characters of XML 1.0.
            | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_and_direction_marks_are_written_out() {
        assert_eq!(escape_text("a\r\nb\u{1b}[31m"), "a\\u{d}\\u{a}b\\u{1b}[31m");
        assert_eq!(escape_text("x\u{202e}y\u{200b}"), "x\\u{202e}y\\u{200b}");
        assert_eq!(escape_text("x\u{ffff}"), "x\\u{ffff}");
        assert_eq!(escape_text("Zürich, 東京"), "Zürich, 東京");
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(escape_text_bounded("abcdef", 3), "abc…");
        assert_eq!(escape_text_bounded("abc", 3), "abc");
    }
}
