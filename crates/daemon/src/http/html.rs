//! Text made safe for HTML, and the frame of every page.

use siptls_model::{Target, Timestamp, Verdict, Who, escape_text_bounded};
use std::fmt::{Display, Write as _};

/// Characters of one text from elsewhere that a page shows: more than any honest name or sentence has, and less than
/// would push what stands below out of sight.
const MAX_TEXT: usize = 1_200;
/// Characters of a text in a cell of a table with many rows.
pub(crate) const MAX_CELL: usize = 240;
/// Characters of a label that is shown beside a name.
pub(crate) const MAX_LABEL: usize = 48;
/// Marks in a row that may stand on one letter. Vietnamese and Hebrew need three; a tower of them covers other lines.
const MAX_MARKS: usize = 4;

/// `text` for an element or a quoted attribute. Control and direction characters are written out, as everywhere; combining
/// marks beyond what a letter carries are left out.
pub(crate) fn safe(text: impl Display) -> String {
    bounded(text, MAX_TEXT)
}

/// [`safe`], cut after that many characters.
pub(crate) fn bounded(text: impl Display, limit: usize) -> String {
    let text = escape_text_bounded(&text.to_string(), limit);
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut marks = 0;
    for c in text.chars() {
        marks = if is_mark(c) { marks + 1 } else { 0 };
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ if marks == MAX_MARKS + 1 => out.push('…'),
            _ if marks > MAX_MARKS => {}
            c => out.push(c),
        }
    }
    out
}

/// A text from elsewhere as an element of its own, so that its direction changes nothing beside it.
pub(crate) fn isolated(text: impl Display) -> String {
    format!("<bdi>{}</bdi>", safe(text))
}

/// A sentence of ours, or of a profile, with what stands between backticks as code.
pub(crate) fn prose(text: impl Display) -> String {
    let text = safe(text);
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        // One of them has no other.
        return text;
    }
    let parts = parts.iter().enumerate().map(|(index, part)| match index % 2 {
        0 => (*part).to_owned(),
        _ => format!("<code>{part}</code>"),
    });
    parts.collect()
}

/// The blocks of combining marks that are not part of an alphabet.
const fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{610}'..='\u{61a}'
        | '\u{64b}'..='\u{65f}' | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}')
}

/// `name` as one segment of a path or one value of a query: everything but letters, digits and `-._~` as `%XX`.
///
/// A name of dots alone would be read as a step in the path; browsers resolve `%2E` the same way, so the reports of
/// such a target are reached by its name only in the interface for programs.
pub(crate) fn segment(name: &str) -> String {
    name.bytes()
        .fold(String::with_capacity(name.len()), |mut out, byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                out.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
            out
        })
}

/// A whole page. `root` leads from it to `/` and is empty there; title is text, `main` is HTML.
pub(crate) fn page(root: &str, title: &str, main: &str) -> String {
    let home = if root.is_empty() { "./" } else { root };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}</title>\n<link rel=\"stylesheet\" href=\"{root}style.css\">\n\
         <link rel=\"icon\" type=\"image/svg+xml\" href=\"{root}icon.svg\">\n\
         <script src=\"{root}script.js\" defer></script>\n</head>\n<body>\n\
         <a class=\"jump\" href=\"#main\">Skip to content</a>\n\
         <header class=\"bar\">\n<nav aria-label=\"Site\"><a class=\"home\" href=\"{home}\">siptls-probe</a>\
         <a href=\"{home}\">Targets</a><a href=\"{root}metrics\">Metrics</a>\
         <a href=\"{root}api/v1/reports\">Reports</a><a href=\"{root}api/v1/changes\">Changes</a></nav>\n\
         <p class=\"live\"><span id=\"age\"></span><span id=\"live\" role=\"status\"></span></p>\n\
         <noscript><p class=\"live\">Reload the page to see newer results.</p></noscript>\n</header>\n\
         <main id=\"main\" tabindex=\"-1\">\n{main}</main>\n</body>\n</html>\n",
        safe(title)
    )
}

/// So many of a thing.
pub(crate) fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// The code of a verdict; `none` before the first visit.
pub(crate) fn code(verdict: Option<Verdict>) -> &'static str {
    verdict.map_or("none", Verdict::code)
}

/// A verdict as a word with a shape and a colour; `None` before the first visit.
pub(crate) fn badge(verdict: Option<Verdict>) -> String {
    let word = if verdict.is_none() {
        "not yet visited"
    } else {
        code(verdict)
    };
    format!("<span class=\"badge {}\">{word}</span>", code(verdict))
}

/// The order of verdicts by how urgent they are, the worst highest.
pub(crate) const fn badness(verdict: Option<Verdict>) -> u8 {
    match verdict {
        Some(Verdict::Fail) => 4,
        Some(Verdict::Inconclusive) => 3,
        Some(Verdict::Warn) => 2,
        None => 1,
        Some(Verdict::Pass) => 0,
    }
}

/// A moment as an element, to the second.
pub(crate) fn time(moment: Timestamp) -> String {
    format!(
        "<time datetime=\"{}\">{}</time>",
        moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        moment.strftime("%Y-%m-%d %H:%M:%S")
    )
}

/// A moment's day as text.
pub(crate) fn day(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d").to_string()
}

/// How far a moment is from now, roughly: `in 23 days`, `in 5 hours`, `3 days ago`.
pub(crate) fn distance(now: Timestamp, then: Timestamp) -> String {
    let seconds = then.duration_since(now).as_secs();
    let span = match seconds.unsigned_abs() {
        0..7_200 => "less than 2 hours".to_owned(),
        seconds @ 7_200..172_800 => format!("{} hours", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    };
    match seconds < 0 {
        true => format!("{span} ago"),
        false => format!("in {span}"),
    }
}

/// Who must act, as the end of a sentence.
pub(crate) const fn who_acts(who: Who) -> &'static str {
    match who {
        Who::Peer => "whoever runs the endpoint must act",
        Who::Path => "whoever runs the network or DNS between here and there must act",
        Who::Operator => "whoever configured the target must act",
        Who::Us => "it is this program's own matter",
    }
}

/// The maintenance window under way as safe text; `None` when there is none.
pub(crate) fn maintenance(target: &Target, now: Timestamp) -> Option<String> {
    let open = target.maintenance.active(now)?;
    let until = open.until.strftime("%Y-%m-%d %H:%M:%S UTC");
    let comment = open
        .comment
        .map(|comment| format!(": <bdi>{}</bdi>", bounded(comment, MAX_CELL)));
    Some(format!(
        "maintenance until {until}{}",
        comment.unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_place() {
        assert_eq!(
            safe("<script>alert('x')</script>&\"\n\u{202e}"),
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;\\u{a}\\u{202e}"
        );
        assert_eq!(segment("a/b?c#d é\"<"), "a%2Fb%3Fc%23d%20%C3%A9%22%3C");
    }

    #[test]
    fn a_text_has_an_end_and_its_letters_no_towers() {
        assert_eq!(bounded("abcdef", 3), "abc…");
        assert_eq!(safe("x".repeat(65_536)).chars().count(), MAX_TEXT + 1);
        let tower = format!("Z{}y", "\u{301}".repeat(6));
        assert_eq!(safe(&tower), format!("Z{}…y", "\u{301}".repeat(4)));
        assert_eq!(safe("Tiếng Việt, שָׁלוֹם"), "Tiếng Việt, שָׁלוֹם");
    }

    #[test]
    fn what_stands_between_backticks_is_code() {
        assert_eq!(
            prose("set `a<b` and `c`"),
            "set <code>a&lt;b</code> and <code>c</code>"
        );
        assert_eq!(prose("a ` alone"), "a ` alone");
    }

    #[test]
    fn distances_are_in_days_until_they_are_short() {
        let now: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
        for (then, expected) in [
            ("2026-12-19T12:00:00Z", "in 23 days"),
            ("2026-12-19T11:59:59Z", "in 22 days"),
            ("2026-11-27T12:00:00Z", "in 24 hours"),
            ("2026-11-26T13:00:00Z", "in less than 2 hours"),
            ("2026-11-26T11:59:00Z", "less than 2 hours ago"),
            ("2026-11-20T12:00:00Z", "6 days ago"),
        ] {
            assert_eq!(distance(now, then.parse().unwrap()), expected, "{then}");
        }
    }
}
