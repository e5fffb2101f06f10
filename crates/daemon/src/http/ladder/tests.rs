use super::super::samples;
use super::*;
use siptls_model::{ProbeError, Reason};

fn ladder(observation: &Observation) -> String {
    let mut out = String::new();
    write(&mut out, observation, true, observation.flight.len());
    assert!(
        !out.contains("style=") && !out.contains("<script"),
        "the policy of the page forbids it"
    );
    for tag in ["ol", "li", "details", "table", "ul", "p", "div", "tr", "td"] {
        let (opened, closed) = (format!("<{tag}"), format!("</{tag}>"));
        let opened = out
            .match_indices(&opened)
            .filter(|(at, found)| out[at + found.len()..].starts_with(['>', ' ']));
        assert_eq!(opened.count(), out.matches(&closed).count(), "{tag}");
    }
    out
}

/// The ladder without its bytes.
fn outline(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some((before, inside)) = rest.split_once("\n<details") {
        out.push_str(before);
        rest = inside.split_once("</details>").unwrap().1;
    }
    out + rest
}

#[test]
fn a_finished_handshake_shows_every_step_and_every_byte() {
    insta::assert_snapshot!(ladder(&samples::optional()));
}

#[test]
fn a_refusal_shows_the_alert_and_whose_turn_it_was() {
    insta::assert_snapshot!(outline(&ladder(&samples::refused())));
}

#[test]
fn a_silent_server_has_one_step() {
    insta::assert_snapshot!(outline(&ladder(&samples::silent())));
}

#[test]
fn a_flight_that_is_cut_shows_what_came() {
    let html = ladder(&samples::cut());
    assert!(
        html.contains("Certificate") && html.contains("of 1702 bytes came"),
        "{html}"
    );
    insta::assert_snapshot!(outline(&html));
}

#[test]
fn a_thousand_names_stay_a_page() {
    let observation = samples::names(1_000);
    let html = ladder(&observation);
    insta::assert_snapshot!(outline(&html));
    assert!(
        html.contains("CN=\\&lt;script\\&gt;alert"),
        "the name is there, as text"
    );
    assert!(html.len() < 120_000, "{} bytes", html.len());
    assert!(
        html.contains("more fields</p>"),
        "and what is not shown is counted"
    );
}

#[test]
fn a_flight_that_was_not_kept_has_its_facts() {
    let mut observation = samples::optional();
    (observation.hello, observation.flight) = Default::default();
    let mut html = String::new();
    write(&mut html, &observation, false, 5_000);
    assert!(html.contains("The endpoint sent 5000 bytes in clear text. They are not kept"));
    insta::assert_snapshot!(outline(&html));
}

#[test]
fn a_flood_of_messages_and_records_stays_a_page() {
    let mut observation = samples::optional();
    // HelloRequests, one by one; then messages in records of one byte.
    let mut flood = Vec::new();
    for _ in 0..4_000 {
        siptls_wire::write_handshake(&mut flood, siptls_wire::ProtocolVersion::TLS_1_2, &[0; 4]);
    }
    observation.flight = flood.into();
    let html = ladder(&observation);
    assert!(
        html.len() < 300_000 && html.contains("more</p></li>"),
        "{}",
        html.len()
    );
    let whole = samples::optional().flight;
    observation.flight = samples::in_records(&whole, 1).into();
    let html = ladder(&observation);
    assert!(
        html.len() < 300_000 && html.contains("more fields</p>"),
        "{}",
        html.len()
    );
}

#[test]
fn no_connection_has_no_ladder() {
    let mut observation = samples::silent();
    observation.error = Some(ProbeError {
        reason: Reason::Postponed,
        ..observation.error.unwrap()
    });
    assert!(ladder(&observation).contains("There was no connection"));
}
