//! Text of the peer, made safe to show, and the lists it contains.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Decodes as UTF-8 and escapes what could steer a terminal or hide text: control characters as `\x1b`, characters
/// that turn or hide the direction of text as `\u{202e}`. A byte that is not UTF-8 becomes U+FFFD. Not reversible:
/// a backslash stays as it is, because it is common in what peers call themselves.
pub(super) fn shown(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(needs_escape) => text.to_owned(),
        Ok(text) => escape(text),
        Err(_) => escape(&String::from_utf8_lossy(bytes)),
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if !needs_escape(c) {
            out.push(c);
            continue;
        }
        let code = u32::from(c);
        // Writing to a String cannot fail.
        let _ = if code < 0x100 {
            write!(out, "\\x{code:02x}")
        } else {
            write!(out, "\\u{{{code:x}}}")
        };
    }
    out
}

/// Control characters but TAB (white space in SIP), line separators, direction marks, zero-width characters.
pub(super) fn needs_escape(c: char) -> bool {
    match c {
        '\t' => false,
        ' '..='~' => false,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => true,
        c => c.is_control(),
    }
}

/// Cuts to `max` characters; what was cut is shown by an ellipsis.
pub(super) fn clipped(text: &str, max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(max).and_then(|(end, _)| text.get(..end)) {
        Some(head) => Cow::Owned(format!("{head}…")),
        None => Cow::Borrowed(text),
    }
}

/// The part of `text` before the first `separator` that is in no quoted string, and the rest after it
/// (RFC 3261 §25.1 `quoted-string`). An unclosed quote reaches to the end.
pub(super) fn split_unquoted(text: &str, separator: char) -> (&str, Option<&str>) {
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if quoted && c == '\\' {
            escaped = true;
        } else if c == '"' {
            quoted = !quoted;
        } else if c == separator && !quoted {
            return (
                text.get(..at).unwrap_or(text),
                text.get(at.saturating_add(c.len_utf8())..),
            );
        }
    }
    (text, None)
}

/// RFC 3261 §25.1: `token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~")`
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(b))
}

/// Without the white space of SIP (SP and HTAB) at its start.
pub(super) fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// Without the white space of SIP (SP and HTAB) at both ends.
pub(super) fn trim(bytes: &[u8]) -> &[u8] {
    let mut bytes = trim_start(bytes);
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{clipped, shown, split_unquoted};

    #[test]
    fn control_and_direction_characters_are_escaped_and_the_rest_is_kept() {
        assert_eq!(
            shown(b"a\x1b[31mb\x00\x7f\tDOMAIN\\x"),
            "a\\x1b[31mb\\x00\\x7f\tDOMAIN\\x"
        );
        assert_eq!(
            shown("gr\u{fc}n \u{202e}x\u{feff}\u{85}".as_bytes()),
            "gr\u{fc}n \\u{202e}x\\u{feff}\\x85"
        );
        assert_eq!(shown(b"\xff\xfea"), "\u{fffd}\u{fffd}a");
    }

    #[test]
    fn clipping_counts_characters_and_says_so() {
        assert_eq!(clipped("\u{fc}\u{fc}\u{fc}", 3), "\u{fc}\u{fc}\u{fc}");
        assert_eq!(clipped("\u{fc}\u{fc}\u{fc}", 2), "\u{fc}\u{fc}…");
    }

    #[test]
    fn a_separator_inside_quotes_does_not_split() {
        assert_eq!(
            split_unquoted(r#"x="a;\";b";branch=1"#, ';'),
            (r#"x="a;\";b""#, Some("branch=1"))
        );
        assert_eq!(split_unquoted("a", ';'), ("a", None));
        assert_eq!(split_unquoted("a;", ';'), ("a", Some("")));
    }
}
