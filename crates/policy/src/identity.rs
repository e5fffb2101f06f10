//! Names: is the certificate for the host that the caller dials?

use crate::answer::Answer;
use crate::sight::Sight;
use crate::text;
use siptls_catalog::{BALANCER_PROFILE, Direction, NameRule, endpoints};
use siptls_cert::{Certificate, NameMatch, match_name};
use std::net::IpAddr;

/// Names of the certificate that are tried as names to dial: so many of them are at hand at once.
const MAX_TRIED: usize = 32;

/// Names to dial that a remedy shows.
const MAX_DIALS: usize = 6;

pub(crate) fn server_name(sight: &Sight<'_>) -> Answer {
    let caller = &sight.profile.caller;
    let host = &sight.host;
    let (leaf, names) = match (sight.leaf(), &sight.names) {
        (Some(leaf), Some(names)) => (leaf, names),
        _ => return unseen(sight),
    };
    if is_address(host) && !sight.profile.ip_identity_allowed {
        return Answer::warn(
            format!(
                "Not verified: the target is dialled by address ({host}), and {caller} takes names alone"
            ),
            presented(leaf),
            format!(
                "in the configuration of this target: set `server_name` (`--server-name`) to the name that the caller dials{}",
                listed("; the certificate is for ", &dials(sight, leaf))
            ),
        );
    }
    let matched = || text::shown(names.matched.as_deref().unwrap_or("CN"));
    let pass = || {
        Answer::pass(
            format!("The certificate is for {host}"),
            format!("matched {}; {}", matched(), presented(leaf)),
        )
    };
    match sight.profile.name_rule {
        NameRule::None => Answer::skip("The profile compares no names"),
        NameRule::CnOrSan if names.webpki => pass(),
        NameRule::CnOrSan if names.common_name => Answer::pass(
            format!("The certificate is for {host}, by its common name alone"),
            format!(
                "clients that go by RFC 9525 do not look at the common name; {}",
                presented(leaf)
            ),
        ),
        NameRule::CnOrSan if names.rfc5922 => Answer::warn(
            format!("The certificate is for {host} as SIP URI alone, which not every caller reads"),
            format!("matched {}; {}", matched(), presented(leaf)),
            instead(sight, leaf),
        ),
        NameRule::Rfc9525 if names.webpki => pass(),
        NameRule::Rfc5922 if names.rfc5922 => pass(),
        NameRule::CnOrSan | NameRule::Rfc9525 | NameRule::Rfc5922
            if let Some(target) = covered_target(sight) =>
        {
            Answer::warn(
                format!(
                    "Only the SRV target's name {target} is covered; a strict caller (RFC 5922) refuses it"
                ),
                format!("for {host}: {}; {}", rules(names), presented(leaf)),
                instead(sight, leaf),
            )
        }
        NameRule::CnOrSan | NameRule::Rfc9525 | NameRule::Rfc5922 => Answer::fail(
            format!("The certificate is not for {host}"),
            format!("{}; {}", rules(names), presented(leaf)),
            instead(sight, leaf),
        ),
    }
}

pub(crate) fn sip_identity(sight: &Sight<'_>) -> Answer {
    let host = &sight.host;
    let (leaf, names) = match (sight.leaf(), &sight.names) {
        (Some(leaf), Some(names)) => (leaf, names),
        _ => return unseen(sight),
    };
    if is_address(host) {
        return Answer::skip(format!(
            "The target is dialled by address ({host}), which is no SIP domain"
        ))
        .showing(presented(leaf));
    }
    if names.rfc5922 {
        return Answer::pass(
            format!("The certificate is for the SIP domain {host} by RFC 5922"),
            presented(leaf),
        );
    }
    let why = if names.webpki || names.common_name {
        ": strict SIP implementations take no wildcard, and no other name beside a SIP URI"
    } else {
        ""
    };
    Answer::fail(
        format!("The certificate is not for the SIP domain {host} by RFC 5922{why}"),
        format!("{}; {}", rules(names), presented(leaf)),
        sight.on_endpoint(&reissue(host)),
    )
}

/// The name of the SRV target that led here, when the certificate is for it by the profile's rule.
fn covered_target<'a>(sight: &Sight<'a>) -> Option<&'a str> {
    let srv = sight.observation.srv.as_deref()?;
    let names = sight.srv_names.as_ref()?;
    is_covered(sight.profile.name_rule, names).then_some(srv.target.as_str())
}

/// Whether a name passes by a rule.
const fn is_covered(rule: NameRule, names: &NameMatch) -> bool {
    match rule {
        NameRule::None => false,
        NameRule::CnOrSan => names.webpki || names.common_name,
        NameRule::Rfc9525 => names.webpki,
        NameRule::Rfc5922 => names.rfc5922,
    }
}

/// The names that would pass by the profile's rule if they were dialled, the nearest at hand first: the endpoint's own
/// host, the SRV target, the platform's published load balancers, names in the certificate without wildcard.
fn dials(sight: &Sight<'_>, leaf: &Certificate) -> Vec<String> {
    let host = sight.observation.target.endpoint.host().to_string();
    let target = sight.observation.srv.as_deref().map(|srv| srv.target.clone());
    let is_platform = sight.profile.name == BALANCER_PROFILE;
    let balancers = endpoints().iter().filter(|_| is_platform);
    let own = leaf.san.iter().flat_map(|san| &san.dns);
    let own = own.chain(&leaf.common_name);
    let own = own.filter(|name| !name.contains('*')).take(MAX_TRIED);
    let candidates = (std::iter::once(host).chain(target))
        .chain(balancers.map(|listed| listed.hostname.clone()))
        .chain(own.cloned());
    let mut dials: Vec<String> = Vec::new();
    for name in candidates {
        let is_new = dials.iter().all(|known| !known.eq_ignore_ascii_case(&name));
        let is_taken = !is_address(&name) || sight.profile.ip_identity_allowed;
        if is_new && is_taken && is_covered(sight.profile.name_rule, &match_name(leaf, &name)) {
            dials.push(name);
        }
    }
    dials
}

/// The first of some names behind a word; nothing when there is none.
fn listed(word: &str, names: &[String]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(MAX_DIALS)
        .map(|name| text::shown(name))
        .collect();
    let more = if names.len() > MAX_DIALS { ", and more" } else { "" };
    match shown.is_empty() {
        true => String::new(),
        false => format!("{word}{}{more}", shown.join(", ")),
    }
}

/// What to change: on the side that the operator has, the name dialled first.
fn instead(sight: &Sight<'_>, leaf: &Certificate) -> String {
    let dials = dials(sight, leaf);
    match (sight.profile.direction, dials.as_slice()) {
        (_, []) => sight.on_endpoint(&reissue(&sight.host)),
        (Direction::PeerDials, dials) => sight.on_endpoint(&format!(
            "use a certificate with the DNS name {}, or have a name dialled that this one is for: {}",
            sight.host,
            listed("", dials)
        )),
        (Direction::PeerServes, dials) => format!(
            "dial a name that the certificate is for: {}; if {} is to be dialled, {}",
            listed("", dials),
            sight.host,
            sight.on_endpoint(&format!("use a certificate with the DNS name {}", sight.host))
        ),
    }
}

fn unseen(sight: &Sight<'_>) -> Answer {
    match sight.chain() {
        Some(_) => Answer::skip("The endpoint's certificate cannot be read"),
        None => Answer::skip(format!("No certificate was read: {}", sight.why_not())),
    }
}

fn is_address(host: &str) -> bool {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>()
        .is_ok()
}

fn reissue(host: &str) -> String {
    format!("use a certificate with the DNS name {host}, or dial a name that the certificate carries")
}

fn rules(names: &NameMatch) -> String {
    let word = |matches| if matches { "yes" } else { "no" };
    format!(
        "common name: {}, RFC 9525: {}, RFC 5922: {}",
        word(names.common_name),
        word(names.webpki),
        word(names.rfc5922)
    )
}

/// The names that the certificate carries.
fn presented(leaf: &Certificate) -> String {
    let mut names = Vec::new();
    if let Some(san) = &leaf.san {
        names.extend(san.dns.iter().map(|name| format!("DNS:{name}")));
        names.extend(san.uri.iter().map(|uri| format!("URI:{uri}")));
        names.extend(san.ip.iter().map(|ip| format!("IP:{ip}")));
    }
    names.extend(leaf.common_name.iter().map(|name| format!("CN:{name}")));
    format!("names in the certificate: {}", text::list(names))
}
