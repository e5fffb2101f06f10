//! What changed: the verdict over time, then every change, grouped by day.

use super::super::html::{badge, distance, isolated, time};
use super::View;
use siptls_journal::Change;
use siptls_model::{Timestamp, Verdict};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Width of the bar in its own units.
const WIDTH: i64 = 1_000;
/// Share of the bar for the verdict before the first change that is known: when that began is not known.
const BEFORE: i64 = 60;

/// From when on an address had a verdict; `None`: since before what is known.
type Segment = (Option<Timestamp>, Option<Verdict>);

/// Writes the history.
pub(super) fn write(out: &mut String, view: &View<'_>) {
    out.push_str(
        "<section id=\"history\" aria-labelledby=\"history-title\">\n<h2 id=\"history-title\">History</h2>\n",
    );
    write_timelines(out, view);
    if view.changes.is_empty() {
        out.push_str("<p>No change is known.</p>\n</section>\n");
        return;
    }
    let mut day = String::new();
    for change in &view.changes {
        let of = change.time.strftime("%Y-%m-%d").to_string();
        if of != day {
            if !day.is_empty() {
                out.push_str("</ul>\n");
            }
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(out, "<h3>{of}</h3>\n<ul class=\"changes\">");
            day = of;
        }
        write_change(out, change);
    }
    out.push_str("</ul>\n</section>\n");
}

fn write_change(out: &mut String, change: &Change) {
    let _ = write!(
        out,
        "<li><span class=\"soft\">{}</span> <strong>{}</strong> <span class=\"soft\">{}</span><ul>",
        change.time.strftime("%H:%M:%S"),
        change.aspect,
        isolated(change.address.as_deref().unwrap_or("all addresses"))
    );
    for difference in change.differences() {
        let _ = write!(
            out,
            "<li>{}: {}</li>",
            isolated(&difference.what),
            isolated(&difference.how)
        );
    }
    if change.count > 1 {
        let _ = write!(
            out,
            "<li class=\"soft\">{} times, last {}</li>",
            change.count,
            time(change.last_time)
        );
    }
    out.push_str("</ul></li>\n");
}

/// The verdict of each address over time, as a list and as a bar.
fn write_timelines(out: &mut String, view: &View<'_>) {
    let mut by_address: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
    for change in view.verdicts.iter().rev() {
        by_address
            .entry(change.address.as_deref().unwrap_or_default())
            .or_default()
            .push(change);
    }
    for (address, changes) in by_address {
        let segments = segments(&changes);
        let place = if address.is_empty() {
            "all addresses"
        } else {
            address
        };
        let _ = writeln!(
            out,
            "<figure class=\"timeline\"><figcaption>Verdict at {} over time</figcaption>",
            isolated(place)
        );
        write_bar(out, &segments, view.now);
        out.push_str("<ol reversed>");
        for (since, verdict) in segments.iter().rev() {
            let since = since.map_or_else(
                || "before".to_owned(),
                |since| {
                    format!(
                        "since {} <span class=\"soft\">({})</span>",
                        time(since),
                        distance(view.now, since)
                    )
                },
            );
            let _ = write!(out, "<li>{} {since}</li>", badge(*verdict));
        }
        out.push_str("</ol></figure>\n");
    }
}

fn segments(changes: &[&Change]) -> Vec<Segment> {
    let first = changes.first().map(|first| (None, verdict(&first.before)));
    let then = changes
        .iter()
        .map(|change| (Some(change.time), verdict(&change.after)));
    first.into_iter().chain(then).collect()
}

/// The verdict in a state as the journal keeps it.
fn verdict(json: &str) -> Option<Verdict> {
    let value: serde_json::Value = serde_json::from_str(json).ok()?;
    let code = value.get("verdict")?.as_str()?;
    Verdict::ALL.into_iter().find(|verdict| verdict.code() == code)
}

/// The bar; the list beside it says the same.
fn write_bar(out: &mut String, segments: &[Segment], now: Timestamp) {
    let Some(start) = segments.iter().find_map(|(since, _)| *since) else {
        return;
    };
    let span = (now.as_second() - start.as_second()).max(1);
    let place = |moment: Timestamp| {
        let after = (moment.as_second() - start.as_second()).clamp(0, span);
        BEFORE + after * (WIDTH - BEFORE) / span
    };
    let _ = write!(
        out,
        "<svg class=\"bar-chart\" viewBox=\"0 0 {WIDTH} 14\" preserveAspectRatio=\"none\" aria-hidden=\"true\" focusable=\"false\">"
    );
    for (index, (since, verdict)) in segments.iter().enumerate() {
        let from = since.map_or(0, place);
        let next = segments.get(index + 1).and_then(|(since, _)| *since);
        let width = next.map_or(WIDTH, place) - from;
        let _ = write!(
            out,
            "<rect class=\"{}\" x=\"{from}\" y=\"0\" width=\"{}\" height=\"14\"></rect>",
            super::super::html::code(*verdict),
            width.max(2)
        );
    }
    out.push_str("</svg>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use siptls_model::Aspect;

    fn change(time: &str, before: &str, after: &str) -> Change {
        let time: Timestamp = time.parse().unwrap();
        Change {
            time,
            target: "a".into(),
            address: Some("192.0.2.7:5061".to_owned()),
            aspect: Aspect::Verdict,
            before: before.into(),
            after: after.into(),
            count: 1,
            last_time: time,
            evidence_bytes: 0,
        }
    }

    #[test]
    fn a_bar_covers_the_time_from_before_the_first_change_until_now() {
        let first = change(
            "2026-11-25T00:00:00Z",
            r#"{"verdict":"pass"}"#,
            r#"{"verdict":"fail"}"#,
        );
        let second = change("2026-11-25T12:00:00Z", r#"{"verdict":"fail"}"#, "nonsense");
        let segments = segments(&[&first, &second]);
        let verdicts: Vec<_> = segments.iter().map(|(_, verdict)| *verdict).collect();
        assert_eq!(verdicts, [Some(Verdict::Pass), Some(Verdict::Fail), None]);
        let mut bar = String::new();
        write_bar(&mut bar, &segments, "2026-11-26T00:00:00Z".parse().unwrap());
        for part in [
            "class=\"pass\" x=\"0\" y=\"0\" width=\"60\"",
            "class=\"fail\" x=\"60\" y=\"0\" width=\"470\"",
            "class=\"none\" x=\"530\" y=\"0\" width=\"470\"",
        ] {
            assert!(bar.contains(part), "{part}: {bar}");
        }
    }
}
