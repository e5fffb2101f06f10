//! Text made safe for HTML, and the frame of every page.

use siptls_model::{Target, Timestamp, Verdict, Who, escape_text};
use std::fmt::{Display, Write as _};

/// `text` for an element or a quoted attribute. Control and direction characters are written out, as everywhere.
pub(crate) fn safe(text: impl Display) -> String {
    let text = escape_text(&text.to_string());
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// `name` as one segment of a path: everything but letters, digits and `-._~` as `%XX`.
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

/// A whole page. `root` leads from it to `/`; title is text, body is HTML.
pub(crate) fn page(root: &str, title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"refresh\" content=\"30\">\n\
         <title>{}</title>\n<link rel=\"stylesheet\" href=\"{root}style.css\">\n</head>\n<body>\n{body}</body>\n</html>\n",
        safe(title)
    )
}

/// So many of a thing.
pub(crate) fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// A verdict as a coloured word; `None` before the first visit.
pub(crate) fn badge(verdict: Option<Verdict>) -> String {
    match verdict {
        Some(verdict) => format!("<span class=\"badge {0}\">{0}</span>", verdict.code()),
        None => "<span class=\"badge none\">not yet visited</span>".to_owned(),
    }
}

/// What a verdict means for whoever calls, as one sentence.
pub(crate) fn sentence(verdict: Verdict, caller: &str) -> String {
    match verdict {
        Verdict::Pass => {
            format!("The next call from {caller} connects, and nothing announced will change that.")
        }
        Verdict::Warn => {
            format!("The next call from {caller} connects; something should be changed in time.")
        }
        Verdict::Fail => format!("The next call from {caller} will not connect."),
        Verdict::Inconclusive => "Not enough was seen to say.".to_owned(),
    }
}

/// The maintenance window under way as safe text; `None` when there is none.
pub(crate) fn maintenance(target: &Target, now: Timestamp) -> Option<String> {
    let open = target.maintenance.active(now)?;
    let until = open.until.strftime("%Y-%m-%d %H:%M:%S UTC");
    let comment = open.comment.map(|comment| format!(": {}", safe(comment)));
    Some(format!(
        "maintenance until {until}{}",
        comment.unwrap_or_default()
    ))
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

/// The style of all pages: readable on a phone, light and dark.
pub(crate) const STYLE: &str = "\
:root{color-scheme:light dark;--fg:#1c2126;--bg:#fff;--soft:#5b6670;--line:#d9dee3;--pass:#1a7f37;--warn:#8a6100;--fail:#c0241c;--inconclusive:#57606a}
@media(prefers-color-scheme:dark){:root{--fg:#e6e9ec;--bg:#14181c;--soft:#9aa5af;--line:#333b43;--pass:#4ac26b;--warn:#e3b341;--fail:#ff7b72;--inconclusive:#a0a9b2}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:72rem;font:16px/1.45 system-ui,sans-serif;color:var(--fg);background:var(--bg)}
h1{font-size:1.4rem}h2{font-size:1.15rem;margin-top:2rem}h3{font-size:1rem;margin:1.5rem 0 .4rem}
a{color:inherit}
nav,.soft,footer{color:var(--soft)}
nav a{margin-right:1rem}
.counts a{display:inline-block;margin:0 1rem .4rem 0}
.counts a:not(.chosen){text-decoration:none}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.35rem .9rem .35rem 0;border-top:1px solid var(--line);overflow-wrap:break-word}
th{font-weight:600;color:var(--soft)}
td:first-child,th:first-child,.whole{white-space:nowrap}
.long{overflow-wrap:anywhere;min-width:9rem}
.chosen{text-decoration:underline}
.badge{font-weight:600}
.badge::before{content:'\\25cf\\a0'}
.pass{color:var(--pass)}.warn{color:var(--warn)}.fail{color:var(--fail)}.inconclusive,.none,.skip{color:var(--inconclusive)}
.evidence,h1,h2,p{overflow-wrap:anywhere}
.evidence{font-family:ui-monospace,monospace;font-size:.85rem;color:var(--soft)}
.remedy::before{content:'\\2192\\a0'}
footer{margin-top:2rem;font-size:.85rem}
@media(max-width:48rem){body{padding:.6rem}.optional,.stack thead{display:none}
.stack,.stack tbody,.stack tr,.stack td{display:block;width:auto}
.stack tr{border-top:1px solid var(--line);padding:.4rem 0}.stack td{border:0;padding:.05rem 0}.stack .optional{display:none}}
";

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
}
