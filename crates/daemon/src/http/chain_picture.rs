//! The chain as a picture: what was sent, in the order sent, and the root that it leads to or the gap before it. The same
//! stands beside it as text, with everything that a box has no room for.

use super::html::{counted, safe};
use super::ladder::{certificate_anchor, slug};
use crate::member::Sight;
use siptls_cert::{Certificate, Chain, Entry, Path, PathProblem};
use siptls_model::{Judgement, Observation, Standing, Timestamp, escape_text_bounded};
use std::fmt::Write as _;

/// Width of the picture in its own units, which are pixels on a phone.
const WIDTH: usize = 320;
/// Height of a line of text.
const LINE: usize = 16;
/// Space between the edge of a box and its text.
const PAD: usize = 9;
/// Height of the arrow between two boxes.
const GAP: usize = 34;
/// Characters that fit into a line.
const CHARS: usize = 46;
/// Longest text of a peer in the list, in characters.
const MAX_TEXT: usize = 400;
/// Names of a certificate in the list.
const MAX_NAMES: usize = 20;

/// How a box looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Sent, and in order.
    Sent,
    /// Sent, and not needed.
    Needless,
    /// Of the caller's own list.
    Store,
    /// Something is wrong with it.
    Bad,
    /// It is not there.
    Missing,
}

impl Look {
    const fn class(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Needless => "needless",
            Self::Store => "store",
            Self::Bad => "bad",
            Self::Missing => "missing",
        }
    }
}

/// One box, and what joins it to the one below. Texts are not safe for HTML.
struct Card {
    look: Look,
    /// What it is: `0 leaf, sent`.
    title: String,
    /// Whose it is.
    name: String,
    /// Short lines, in the box and in the list.
    lines: Vec<String>,
    /// What is wrong.
    faults: Vec<String>,
    /// Lines of the list alone.
    more: Vec<String>,
    /// Which certificate of the chain.
    index: Option<usize>,
    /// What joins it to the next box, and whether that holds.
    below: Option<(String, bool)>,
}

/// The chain of the last visit to an address; nothing when none was read.
pub(super) fn write_chain_picture(out: &mut String, sight: &Sight) {
    write(out, &sight.observation, &sight.judgement);
}

fn write(out: &mut String, observation: &Observation, judgement: &Judgement) {
    let Some(chain) = &observation.chain else { return };
    let boxes = boxes(observation, chain, judgement);
    let id = slug(observation);
    out.push_str("<div class=\"chain\">\n");
    write_picture(out, &id, &boxes);
    out.push_str("<ol class=\"chain-text\" role=\"list\">\n");
    for one in &boxes {
        write_text(out, observation, one);
    }
    out.push_str("</ol>\n</div>\n");
}

fn boxes(observation: &Observation, chain: &Chain, judgement: &Judgement) -> Vec<Card> {
    let path = judgement.chain.as_ref().map(|judged| &judged.path);
    let on_path: &[usize] = path.map_or(&[], |path| &path.certificates);
    let count = chain.entries.len();
    let mut boxes = Vec::with_capacity(count + 1);
    for (index, entry) in chain.entries.iter().enumerate() {
        let mut one = sent(index, entry, path);
        if let Some(certificate) = entry.certificate() {
            describe(&mut one, certificate, judgement, index, observation.started_at);
        }
        if let Some(next) = chain.entries.get(index + 1) {
            one.below = joined(entry, next, index);
            if let Some((text, false)) = &one.below {
                one.more.push(text.clone());
            }
        }
        boxes.push(one);
    }
    let last = on_path.last().copied();
    let (end, join) = match path {
        Some(path) => (end(path), end_join(path, last)),
        None => (None, None),
    };
    if let Some(end) = end {
        if let Some(before) = boxes.last_mut() {
            before.below = join;
        }
        boxes.push(end);
    }
    if let (Some(path), Some(first)) = (path, boxes.first_mut())
        && !path.certificates.is_sorted()
    {
        let order: Vec<String> = path.certificates.iter().map(ToString::to_string).collect();
        first.faults.push(format!(
            "sent in the wrong order: the path is {}",
            order.join(", ")
        ));
    }
    boxes
}

fn sent(index: usize, entry: &Entry, path: Option<&Path>) -> Card {
    let on_path = path.is_none_or(|path| path.certificates.contains(&index));
    let is_root = path.is_some_and(|path| path.root_sent == Some(index));
    let signs_itself = entry
        .certificate()
        .is_some_and(|certificate| certificate.issuer.matches(&certificate.subject));
    let role = match (index, is_root, on_path) {
        (_, true, _) if index > 0 => "the root itself, needless",
        (0, ..) => "leaf",
        (_, _, true) if signs_itself => "root",
        (_, _, true) => "intermediate",
        _ => "not on the path",
    };
    let look = if on_path { Look::Sent } else { Look::Needless };
    let (name, look, faults) = match entry {
        Entry::Parsed(certificate) => (short_name(certificate), look, Vec::new()),
        Entry::Unparsable { why, .. } => (
            "cannot be read".to_owned(),
            Look::Bad,
            vec![format!("cannot be read: {why}")],
        ),
    };
    Card {
        look,
        title: format!("{index} · {role} · sent"),
        name,
        lines: Vec::new(),
        faults,
        more: Vec::new(),
        index: Some(index),
        below: None,
    }
}

/// The common name, else the whole subject.
fn short_name(certificate: &Certificate) -> String {
    match &certificate.common_name {
        Some(name) => format!("CN={name}"),
        None if certificate.subject.is_empty() => "(no subject)".to_owned(),
        None => certificate.subject.text().to_owned(),
    }
}

fn describe(one: &mut Card, certificate: &Certificate, judgement: &Judgement, index: usize, seen: Timestamp) {
    let now = judgement.as_of.max(seen);
    let (from, until) = (certificate.not_before, certificate.not_after);
    one.lines.push(format!("valid {} to {}", date(from), date(until)));
    let purposes = certificate.extended_key_usage.as_ref().map(|purposes| {
        let purposes: Vec<String> = purposes.iter().map(ToString::to_string).collect();
        if purposes.is_empty() {
            "none".to_owned()
        } else {
            purposes.join(", ")
        }
    });
    one.lines.push(format!(
        "{} · {}",
        certificate.key,
        purposes.as_deref().unwrap_or("any purpose")
    ));
    if now > until {
        one.faults.push(format!("expired on {}", date(until)));
    } else if now < from {
        one.faults.push(format!("not valid before {}", date(from)));
    }
    let standings = judgement
        .chain
        .as_ref()
        .map(|judged| &judged.revocation.certificates);
    let standing = standings
        .into_iter()
        .flatten()
        .find(|one| one.index == index)
        .map(|one| one.standing);
    match standing {
        Some(Standing::Revoked { since }) => one.faults.push(format!("revoked on {}", date(since))),
        Some(Standing::Good) => one.more.push("not revoked, says its list".to_owned()),
        _ => {}
    }
    if !one.faults.is_empty() {
        one.look = Look::Bad;
    }
    one.more.push(format!("subject {}", certificate.subject.text()));
    one.more.push(format!("issued by {}", certificate.issuer.text()));
    if let Some(names) = &certificate.san {
        let names: Vec<String> = names
            .dns
            .iter()
            .cloned()
            .chain(names.ip.iter().map(ToString::to_string))
            .chain(names.uri.iter().cloned())
            .collect();
        let shown: Vec<String> = names
            .iter()
            .take(MAX_NAMES)
            .map(|name| cut(name, MAX_TEXT))
            .collect();
        let more = match names.len().checked_sub(MAX_NAMES) {
            Some(more @ 1..) => format!(" and {more} more"),
            _ => String::new(),
        };
        if !names.is_empty() {
            one.more.push(format!("names {}{more}", shown.join(", ")));
        }
    }
    one.more
        .push(format!("SHA-256 {}", hex(&certificate.fingerprint_sha256)));
}

/// What joins one certificate to the next that was sent.
fn joined(entry: &Entry, next: &Entry, index: usize) -> Option<(String, bool)> {
    let (one, next) = (entry.certificate()?, next.certificate()?);
    Some(if one == next {
        ("the next is the same once more".to_owned(), false)
    } else if one.issuer.matches(&next.subject) {
        ("issued by".to_owned(), true)
    } else {
        (format!("the next did not issue certificate {index}"), false)
    })
}

/// What stands at the end of a path: the root, or what is missing.
fn end(path: &Path) -> Option<Card> {
    let mut end = Card {
        look: Look::Missing,
        title: String::new(),
        name: String::new(),
        lines: Vec::new(),
        faults: Vec::new(),
        more: Vec::new(),
        index: None,
        below: None,
    };
    if let Some(anchor) = &path.anchor {
        end.look = Look::Store;
        end.title = match path.root_sent {
            None => "trusted root · from the caller's list".to_owned(),
            Some(index) => format!("trusted root · the caller's copy of {index}"),
        };
        end.name.clone_from(&anchor.name);
        end.lines.push(format!(
            "valid {} to {}",
            date(anchor.not_before),
            date(anchor.not_after)
        ));
        end.lines
            .push(format!("hash {} · list {}", anchor.subject_hash, anchor.group));
        return Some(end);
    }
    let problem = path.problem.as_ref()?;
    let (title, name) = match problem {
        PathProblem::MissingIntermediate { issuer, .. } => {
            ("intermediate missing · not sent", issuer.clone())
        }
        PathProblem::UnknownRoot { name, .. } => ("this root is not on the caller's list", name.clone()),
        PathProblem::UnknownIssuer { name, .. } => {
            ("issuer neither sent nor on the caller's list", name.clone())
        }
        PathProblem::SelfSignedLeaf => ("self-signed: nobody vouches for it", String::new()),
        PathProblem::BadSignature { issuer, .. } => ("the signature does not verify", issuer.clone()),
        _ => ("no trusted root is reached", String::new()),
    };
    end.title = title.to_owned();
    // The box says it in short, the list in full.
    match name.is_empty() {
        true => end.faults.push(problem.to_string()),
        false => end.more.push(problem.to_string()),
    }
    end.name = name;
    let urls = match problem {
        PathProblem::MissingIntermediate { urls, .. } | PathProblem::UnknownIssuer { urls, .. } => {
            urls.as_slice()
        }
        _ => &[],
    };
    let offered = urls
        .iter()
        .take(3)
        .map(|url| format!("offered at {}", cut(url, MAX_TEXT)));
    end.more.extend(offered);
    Some(end)
}

fn end_join(path: &Path, last: Option<usize>) -> Option<(String, bool)> {
    let last = last?;
    Some(match (&path.anchor, &path.problem) {
        (Some(_), _) => (format!("certificate {last} is issued by"), true),
        (_, Some(PathProblem::SelfSignedLeaf | PathProblem::UnknownRoot { .. })) => {
            (format!("certificate {last} is issued by itself"), false)
        }
        _ => (format!("certificate {last} says that it is issued by"), false),
    })
}

fn height(one: &Card) -> usize {
    LINE * (1 + usize::from(!one.name.is_empty()) + one.lines.len() + one.faults.len()) + 2 * PAD
}

fn write_picture(out: &mut String, id: &str, boxes: &[Card]) {
    let gaps = GAP * boxes.len().saturating_sub(1);
    let total = boxes.iter().map(height).sum::<usize>() + gaps + 2;
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        out,
        "<svg class=\"chain-picture\" role=\"img\" viewBox=\"0 0 {WIDTH} {total}\" \
         aria-labelledby=\"{id}-chain-title {id}-chain-text\">\n\
         <title id=\"{id}-chain-title\">The chain of certificates</title>\n\
         <desc id=\"{id}-chain-text\">{}; the list that follows says the same.</desc>",
        safe(described(boxes))
    );
    let mut top = 1;
    for one in boxes {
        let height = height(one);
        // A picture of its own, so that nothing leaves the box.
        let _ = write!(
            out,
            "<svg class=\"box {}\" x=\"0\" y=\"{top}\" width=\"{WIDTH}\" height=\"{height}\">\
             <rect x=\"1\" y=\"1\" width=\"{}\" height=\"{}\" rx=\"5\"/>",
            one.look.class(),
            WIDTH - 2,
            height - 2
        );
        let mut baseline = PAD + 12;
        let mut line = |class: &str, text: &str| {
            let _ = write!(
                out,
                "<text class=\"{class}\" x=\"{}\" y=\"{baseline}\">{}</text>",
                PAD + 3,
                safe(cut(text, CHARS))
            );
            baseline += LINE;
        };
        line("title", &one.title);
        if !one.name.is_empty() {
            line("name", &one.name);
        }
        for text in &one.lines {
            line("line", text);
        }
        for text in &one.faults {
            line("fault", &format!("✕ {text}"));
        }
        out.push_str("</svg>\n");
        top += height;
        if let Some((text, holds)) = &one.below {
            let class = if *holds { "join" } else { "join broken" };
            let (from, tip) = (top + 3, top + GAP - 4);
            let _ = writeln!(
                out,
                "<g class=\"{class}\"><path d=\"M24 {from}V{tip}m-5 -6l5 6l5 -6\"/>\
                 <text x=\"40\" y=\"{}\">{}</text></g>",
                top + GAP / 2 + 4,
                safe(cut(text, CHARS))
            );
        }
        top += GAP;
    }
    out.push_str("</svg>\n");
}

/// The picture in one breath.
fn described(boxes: &[Card]) -> String {
    let sent = boxes.iter().filter(|one| one.index.is_some()).count();
    let end = boxes.iter().find(|one| one.index.is_none());
    let end = end.map(|end| format!(", then: {} {}", end.title, cut(&end.name, CHARS)));
    format!("{} sent{}", counted(sent, "certificate"), end.unwrap_or_default())
}

fn write_text(out: &mut String, observation: &Observation, one: &Card) {
    let id = one
        .index
        .map(|index| format!(" id=\"{}\"", certificate_anchor(observation, index)));
    let _ = write!(
        out,
        "<li class=\"{}\"{}><strong>{}</strong> <bdi>{}</bdi>",
        one.look.class(),
        id.unwrap_or_default(),
        safe(&one.title),
        safe(cut(&one.name, MAX_TEXT))
    );
    for fault in &one.faults {
        let _ = write!(
            out,
            "<br><span class=\"fault\">{}</span>",
            safe(cut(fault, MAX_TEXT))
        );
    }
    for line in &one.lines {
        let _ = write!(out, "<br>{}", safe(cut(line, MAX_TEXT)));
    }
    for line in &one.more {
        let _ = write!(
            out,
            "<br><span class=\"soft\">{}</span>",
            safe(cut(line, 4 * MAX_TEXT))
        );
    }
    out.push_str("</li>\n");
}

fn cut(text: &str, limit: usize) -> String {
    escape_text_bounded(text, limit)
}

fn date(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

#[cfg(test)]
mod tests;
