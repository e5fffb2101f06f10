//! The commands that put the same question again.

use super::super::html::{bounded, isolated};
use super::{Address, View};
use siptls_model::{check_command, openssl_command};
use std::fmt::Write as _;
use std::net::SocketAddr;

/// Writes the commands: those of the worst address stand open.
pub(super) fn write(out: &mut String, view: &View<'_>) {
    out.push_str(
        "<section id=\"reproduce\" aria-labelledby=\"reproduce-title\">\n<h2 id=\"reproduce-title\">Reproduce</h2>\n",
    );
    let member = view.member;
    let shipped = siptls_catalog::profile(&member.target.profile);
    if shipped.as_ref() != Some(member.profile()) {
        out.push_str(
            "<p>The profile is one of the configuration: <code>siptls-probe check</code> also needs \
             <code>--config.file</code> with its path.</p>\n",
        );
    }
    if view.addresses.is_empty() {
        let depth = member.target.depth;
        write_commands(
            out,
            view,
            None,
            check_command(&member.target, None, depth),
            "command-1",
        );
    }
    for (index, address) in view.addresses.iter().enumerate() {
        let seen = &address.sight.observation;
        let command = check_command(&member.target, seen.address, seen.depth_told());
        // Writing to a String cannot fail, here and below.
        let _ = match index {
            0 => writeln!(out, "<p>At {}:</p>", isolated(&address.place)),
            1 => writeln!(
                out,
                "<details>\n<summary>At the other addresses</summary>\n<p>At {}:</p>",
                isolated(&address.place)
            ),
            _ => writeln!(out, "<p>At {}:</p>", isolated(&address.place)),
        };
        write_commands(
            out,
            view,
            Some(address),
            command,
            &format!("command-{}", index + 1),
        );
    }
    if view.addresses.len() > 1 {
        out.push_str("</details>\n");
    }
    out.push_str("</section>\n");
}

fn write_commands(
    out: &mut String,
    view: &View<'_>,
    address: Option<&Address>,
    check: Vec<String>,
    id: &str,
) {
    let member = view.member;
    let place = address.map(|address| address.sight.observation.place());
    let place = place.filter(|place| !place.is_empty());
    let connected: Option<SocketAddr> = address.and_then(|address| address.sight.observation.address);
    let openssl = openssl_command(
        &member.target,
        connected.map(|address| address.to_string()).or(place).as_deref(),
        &member.profile().offer,
    );
    write_command(out, id, "The same visit", &check);
    write_command(
        out,
        &format!("{id}-openssl"),
        "The same offer with OpenSSL",
        &openssl,
    );
}

/// A command, an option on each line; it can be selected and pasted as it stands.
fn write_command(out: &mut String, id: &str, title: &str, words: &[String]) {
    let _ = writeln!(
        out,
        "<figure class=\"command\"><figcaption>{title}</figcaption>\
         <pre id=\"{id}\"><code>{}</code></pre>\
         <button type=\"button\" data-copy=\"{id}\" aria-label=\"Copy the command: {title}\" hidden>Copy</button></figure>",
        words.iter().map(whole).collect::<Vec<_>>().join(" \\\n  ")
    );
}

/// A word of a command: never cut, or it would be another command. Its length is bounded by what a configuration may hold.
fn whole(word: &String) -> String {
    bounded(word, usize::MAX)
}
