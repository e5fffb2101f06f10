//! The handshake as a ladder: who said what to whom, where it stopped, and every byte of it with its meaning.

mod bytes;
mod steps;

use super::html::{counted, safe};
use crate::member::Sight;
use bytes::Budget;
use siptls_model::Observation;
use siptls_wire::dissect::{self, Part, PartKind};
use std::fmt::Write as _;
use steps::{Step, Way, steps};

/// Most steps of a ladder. A handshake has fourteen; only a server that plays has more.
const MAX_STEPS: usize = 48;
/// Most facts of one step.
const MAX_FACTS: usize = 8;
/// Longest text of a peer in one fact or field, in characters; real names have below 200.
const MAX_TEXT: usize = 240;

/// The handshake of the last visit to an address.
pub(super) fn write_ladder(out: &mut String, sight: &Sight) {
    let (observation, is_kept) = sight.evidence.whole(&sight.observation);
    write(out, &observation, is_kept, sight.evidence.length());
}

/// `length` are the bytes of the flight, which the observation has when they were kept.
fn write(out: &mut String, observation: &Observation, is_kept: bool, length: usize) {
    out.push_str("<h3>Handshake, step by step</h3>\n");
    if observation.is_postponed() || observation.connections_opened == 0 && observation.address.is_none() {
        out.push_str("<p>There was no connection, so there is nothing to show.</p>\n");
        return;
    }
    let sent = dissect::stream(&observation.hello);
    let came = dissect::stream(&observation.flight);
    let steps = steps(observation, &sent, &came, is_kept);
    out.push_str(
        "<p class=\"soft\">Offsets count from the first byte of each side. Bytes are as they were on the wire; \
         what is encrypted has none.</p>\n",
    );
    if !is_kept {
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "<p class=\"soft\">The endpoint sent {} in clear text. They are not kept, nor are the probe's: those of other \
             targets fill the memory set aside for them. The facts are from the visit all the same.</p>",
            counted(length, "byte")
        );
    }
    let place = observation.place();
    let _ = writeln!(
        out,
        "<p class=\"ends\"><span>probe</span> <span>endpoint <bdi>{}</bdi></span></p>\n<ol class=\"ladder\" role=\"list\" aria-label=\"handshake with {}\">",
        safe(&place),
        safe(&place)
    );
    let mut budget = Budget::default();
    for (index, step) in steps.iter().take(MAX_STEPS).enumerate() {
        let anchor = format!("{}-step-{}", slug(observation), index + 1);
        write_step(out, observation, step, &anchor, &mut budget);
    }
    if let Some(more @ 1..) = steps.len().checked_sub(MAX_STEPS) {
        let _ = writeln!(out, "<li class=\"rung aside\"><p>and {more} more</p></li>");
    }
    out.push_str("</ol>\n");
}

fn write_step(
    out: &mut String,
    observation: &Observation,
    step: &Step<'_>,
    anchor: &str,
    budget: &mut Budget,
) {
    let (class, way) = match step.way {
        Way::Out => ("out", "probe to endpoint"),
        Way::In => ("in", "endpoint to probe"),
        Way::Aside => ("aside", ""),
        Way::Stop => ("stop", ""),
    };
    let bad = if step.is_bad { " bad" } else { "" };
    // Writing to a String cannot fail, here and below.
    let _ = write!(out, "<li class=\"rung {class}{bad}\">");
    if !way.is_empty() {
        let _ = write!(out, "<p class=\"way\"><span>{way}</span></p>");
    }
    let _ = write!(out, "<p class=\"said\"><strong>{}</strong>", safe(&step.name));
    if let Some(note) = &step.note {
        let _ = write!(out, " <span class=\"soft\">{}</span>", safe(note));
    }
    out.push_str("</p>");
    if !step.facts.is_empty() {
        out.push_str("<ul>");
        for fact in step.facts.iter().take(MAX_FACTS) {
            let _ = write!(out, "<li>{}</li>", safe(fact));
        }
        if let Some(more @ 1..) = step.facts.len().checked_sub(MAX_FACTS) {
            let _ = write!(out, "<li>and {more} more</li>");
        }
        out.push_str("</ul>");
    }
    if !step.parts.is_empty() {
        let _ = write!(
            out,
            "\n<details class=\"bytes\" id=\"{anchor}\"><summary>bytes of {}</summary>\n",
            safe(&step.name)
        );
        bytes::write_table(out, observation, step, budget);
        out.push_str("</details>");
    }
    out.push_str("</li>\n");
}

/// The place of an observation as part of an `id`.
pub(super) fn slug(observation: &Observation) -> String {
    let place = observation.place();
    let letters = place
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    format!("at-{}", letters.take(300).collect::<String>())
}

/// The anchor of a certificate of an observation's chain.
pub(super) fn certificate_anchor(observation: &Observation, index: usize) -> String {
    format!("{}-certificate-{index}", slug(observation))
}

/// Whether a part is something that was said, not only the frame around it.
const fn is_said(part: &Part) -> bool {
    !matches!(part.kind, PartKind::RecordHeader)
}

#[cfg(test)]
mod tests;
