//! The fields of messages as a table: where each lies, its bytes, its name and what it says.

use super::super::html::{counted, safe};
use super::steps::Step;
use super::{MAX_TEXT, certificate_anchor};
use siptls_cert::Name;
use siptls_model::{Observation, escape_text_bounded};
use siptls_wire::dissect::{Field, Part, PartKind, Role};
use std::fmt::Write as _;

/// Most rows of one message: a request with 83 authorities and twenty schemes has 120.
const MAX_ROWS: usize = 160;
/// Most rows of a ladder, twice what a real one has: a page may have sixteen.
const MAX_ROWS_TOGETHER: usize = 400;
/// Deepest level that the style sheet knows.
const MAX_DEPTH: u8 = 6;
/// Bytes of a field that are shown; of longer ones the first and the last.
const MAX_BYTES: usize = 32;
/// Of a longer field: bytes at its beginning.
const FIRST_BYTES: usize = 24;
/// Of a longer field: bytes at its end.
const LAST_BYTES: usize = 4;

/// Rows that may still be written.
pub(super) struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(MAX_ROWS_TOGETHER)
    }
}

/// One row.
struct Row<'a> {
    part: &'a Part,
    field: &'a Field,
    /// How many rows it lies within.
    depth: u8,
    /// The bytes that it shows; the rows within it show the others.
    bytes: &'a [u8],
    /// What it says; text of a peer, or ours.
    text: String,
}

/// The fields of one step, those of record headers among them.
pub(super) fn write_table(out: &mut String, observation: &Observation, step: &Step<'_>, budget: &mut Budget) {
    let mut rows: Vec<Row<'_>> = step.parts.iter().flat_map(|part| rows(part)).collect();
    rows.sort_by_key(|row| row.part.position(row.field.offset));
    let shown = rows.len().min(MAX_ROWS).min(budget.0);
    budget.0 -= shown;
    // It scrolls, so the keyboard must reach it. Writing to a String cannot fail, here and below.
    let _ = write!(
        out,
        "<div class=\"wide\" role=\"group\" tabindex=\"0\" aria-label=\"fields of {}\"><table class=\"fields\"><thead>\
         <tr><th scope=\"col\">offset</th><th scope=\"col\">field</th><th scope=\"col\">says</th><th scope=\"col\">bytes</th></tr></thead>\n<tbody>\n",
        safe(&step.name)
    );
    let mut certificates = 0;
    for row in &rows[..shown] {
        let depth = row.depth.min(MAX_DEPTH);
        let _ = write!(
            out,
            "<tr><td>{:04x}</td><td class=\"deep-{depth}\">{}</td><td>",
            row.part.position(row.field.offset),
            row.field.name.replace('_', "_<wbr>")
        );
        if row.field.name == "certificate" {
            let _ = write!(
                out,
                "<a href=\"#{}\">certificate {certificates}</a>, ",
                certificate_anchor(observation, certificates)
            );
            certificates += 1;
        }
        let text = safe(escape_text_bounded(&row.text, MAX_TEXT));
        let _ = writeln!(out, "{text}</td><td>{}</td></tr>", hex(row.bytes));
    }
    out.push_str("</tbody></table></div>\n");
    if let Some(more @ 1..) = rows.len().checked_sub(shown) {
        let _ = writeln!(out, "<p class=\"soft\">and {}</p>", counted(more, "more field"));
    }
}

/// The rows of a part. A vector that holds nothing but one value is one row, and so are the type and the length of an
/// extension.
fn rows(part: &Part) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    let mut fields = part.fields.as_slice();
    let mut extension_end = 0;
    while let [field, behind @ ..] = fields {
        // Rows beyond the limit are counted, not written.
        let is_shown = rows.len() < MAX_ROWS;
        let depth = field.depth.saturating_sub(u8::from(field.offset < extension_end));
        let whole = part.bytes_of(field);
        let (bytes, text, left) = match (field.role, behind) {
            (Role::Group, [kind, data, left @ ..]) if is_extension(kind, data) => {
                extension_end = field.end();
                let (bytes, size, left) = vector(whole, kind.length, data, left);
                let kind = part.text_of(kind).unwrap_or_default();
                (bytes, format!("{kind}, {size}"), left)
            }
            (Role::Vector, left) => match alone(field, left) {
                Some((inside, left)) => (whole, told(part, inside, is_shown), left),
                None => {
                    let (bytes, size, left) = vector(whole, 0, field, left);
                    (bytes, size, left)
                }
            },
            (Role::Group, left) => (&whole[..0], counted(field.length, "byte"), left),
            (Role::Value | Role::Length | Role::Unread, left) => (whole, told(part, field, is_shown), left),
        };
        rows.push(Row {
            part,
            field,
            depth,
            bytes,
            text,
        });
        fields = left;
    }
    rows
}

fn is_extension(kind: &Field, data: &Field) -> bool {
    (kind.name, data.name, data.role) == ("extension_type", "extension_data", Role::Vector)
}

/// The only value within a vector, and the fields behind it.
fn alone<'a>(vector: &Field, behind: &'a [Field]) -> Option<(&'a Field, &'a [Field])> {
    let [length, inside, left @ ..] = behind else {
        return None;
    };
    let is_alone = inside.role == Role::Value
        && inside.depth > vector.depth
        && inside.offset == length.end()
        && inside.end() == vector.end();
    is_alone.then_some((inside, left))
}

/// A vector's row: its length, `before` bytes of its structure before it, how much it holds, and the fields behind these.
/// All of its bytes where no row follows that shows them.
fn vector<'a, 'b>(
    whole: &'b [u8],
    before: usize,
    vector: &Field,
    behind: &'a [Field],
) -> (&'b [u8], String, &'a [Field]) {
    if let Some((_, left)) = alone(vector, behind) {
        return (whole, counted(whole.len(), "byte"), left);
    }
    let Some((length, left)) = behind.split_first() else {
        return (whole, String::new(), behind);
    };
    let inside = vector.length.saturating_sub(length.length);
    let size = match inside {
        0 => "empty".to_owned(),
        inside => counted(inside, "byte"),
    };
    (
        whole.get(..before + length.length).unwrap_or_default(),
        size,
        left,
    )
}

/// What a field says; nothing where nobody asks.
fn told(part: &Part, field: &Field, is_shown: bool) -> String {
    match field.role {
        _ if !is_shown => String::new(),
        Role::Length => format!("says {} bytes", part.text_of(field).unwrap_or_default()),
        Role::Value => value(part, field),
        Role::Unread | Role::Group | Role::Vector => counted(field.length, "byte"),
    }
}

fn value(part: &Part, field: &Field) -> String {
    if let Some(text) = part.text_of(field) {
        return match (part.kind, field.name) {
            (PartKind::RecordHeader, "type") => format!("record: {text}"),
            (_, "length") => counted(text.parse().unwrap_or(0), "byte"),
            _ => text,
        };
    }
    let size = counted(field.length, "byte");
    if field.name == "distinguished_name" {
        return match Name::from_der(part.bytes_of(field)) {
            Ok(name) => name.text().to_owned(),
            Err(_) => format!("{size} that are no name"),
        };
    }
    size
}

/// Bytes as pairs of digits, the middle of a long run left out.
fn hex(bytes: &[u8]) -> String {
    let pairs = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(String::with_capacity(bytes.len() * 3), |mut out, byte| {
                let space = if out.is_empty() { "" } else { " " };
                let _ = write!(out, "{space}{byte:02x}");
                out
            })
    };
    if bytes.len() <= MAX_BYTES {
        return pairs(bytes);
    }
    let left_out = bytes.len() - FIRST_BYTES - LAST_BYTES;
    format!(
        "{} <span class=\"soft\">… {left_out} more …</span> {}",
        pairs(&bytes[..FIRST_BYTES]),
        pairs(&bytes[bytes.len() - LAST_BYTES..])
    )
}
