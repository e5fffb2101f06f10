//! JSON that is also safe to look at.

use crate::failure::Failure;
use serde::Serialize;
use siptls_model::escape_text;

/// One document, indented.
pub(crate) fn document(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value)
        .map(|text| inert(&text) + "\n")
        .map_err(|source| Failure::Json { source })
}

/// One line.
pub(crate) fn line(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value)
        .map(|text| inert(&text) + "\n")
        .map_err(|source| Failure::Json { source })
}

/// The same JSON, with the characters that would move the cursor or turn the writing round written as `\uXXXX`. Outside
/// strings JSON has none of them but line breaks.
fn inert(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut buffer = [0; 4];
    for c in text.chars() {
        let harmless = c == '\n'
            || c.is_ascii_graphic()
            || c == ' '
            || escape_text(c.encode_utf8(&mut buffer)).starts_with(c);
        if harmless {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_back_is_what_was_written() {
        let value = serde_json::json!({"name": "a\u{9b}2J\u{202e}\u{7f}\u{1b}[0m\"\\ü東\n"});
        for text in [document(&value).unwrap(), line(&value).unwrap()] {
            assert!(
                text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'),
                "{text:?}"
            );
            assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        }
        assert_eq!(line(&value).unwrap().lines().count(), 1);
    }
}
