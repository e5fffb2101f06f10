//! The commands that put the same question again.

use super::super::html::bounded;
use super::{Address, View};
use siptls_model::{Observation, check_command, openssl_command};
use std::fmt::Write as _;

/// Writes the commands for an address, or for a target of which none is known.
pub(super) fn write(out: &mut String, view: &View<'_>, address: Option<&Address>) {
    let member = view.member;
    out.push_str("<h3>Reproduce</h3>\n");
    let shipped = siptls_catalog::profile(&member.target.profile);
    if shipped.as_ref() != Some(member.profile()) {
        out.push_str(
            "<p>The profile is one of the configuration: <code>siptls-probe check</code> also needs \
             <code>--config.file</code> with its path.</p>\n",
        );
    }
    let seen = address.map(|address| &address.sight.observation);
    let depth = seen.map_or(member.target.depth, Observation::depth_told);
    let place = seen.map(Observation::place).filter(|place| !place.is_empty());
    let check = check_command(&member.target, seen.and_then(|seen| seen.address), depth);
    let openssl = openssl_command(&member.target, place.as_deref(), &member.profile().offer);
    let anchor = address.map_or("target", |address| &address.anchor);
    write_command(out, &format!("check-{anchor}"), "The same visit", &check);
    write_command(
        out,
        &format!("openssl-{anchor}"),
        "The same offer with OpenSSL",
        &openssl,
    );
}

/// Columns of a command: what A4 and most windows show without breaking a line by themselves.
const COLUMNS: usize = 92;

/// The words over as many lines as they need; the shell reads them as one.
fn lines(words: &[String]) -> String {
    let mut text = String::new();
    let mut column = 0;
    for word in words {
        let length = word.chars().count();
        if column > 0 && column + length + 3 > COLUMNS {
            text.push_str(" \\\n ");
            column = 1;
        }
        if column > 0 {
            text.push(' ');
        }
        text.push_str(word);
        column += length + 1;
    }
    text
}

/// A command; it can be selected and pasted as it stands.
fn write_command(out: &mut String, id: &str, title: &str, words: &[String]) {
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "<figure class=\"command\" data-key=\"{id}\"><figcaption>{title}</figcaption>\
         <pre id=\"{id}\"><code>{}</code></pre>\
         <button type=\"button\" data-copy=\"{id}\" aria-label=\"Copy the command: {title}\" hidden>Copy</button></figure>",
        whole(&lines(words))
    );
}

/// A command as HTML: never cut, or it would be another one. What a configuration may hold bounds it. Line ends are its own.
fn whole(command: &str) -> String {
    let lines: Vec<String> = command
        .split('\n')
        .map(|line| bounded(line, usize::MAX))
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_over_several_lines_is_the_same_command() {
        let words: Vec<String> = [
            "siptls-probe check",
            "'a b'",
            &format!("--profile {}", "x".repeat(90)),
            "--depth hello",
        ]
        .map(str::to_owned)
        .to_vec();
        let text = lines(&words);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert_eq!(text.replace("\\\n  ", ""), words.join(" "));
    }
}
