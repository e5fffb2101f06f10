//! The removal of clientAuth, both sides put together: what an endpoint asks for, and until when the load balancers that
//! dial it can present it.

use crate::answer::Answer;
use crate::request::SWITCH_OFF;
use crate::sight::Sight;
use crate::text;
use crate::usage::allows_client;
use siptls_catalog::{ClientAuthStep, client_auth_end, endpoints, load_balancer};
use siptls_model::{
    ClientCertificateMode, Observation, PeerCertificate, PeerRegion, Timestamp, escape_text_bounded,
};

/// Characters of an issuer's organization that are kept.
const MAX_ORGANIZATION_CHARS: usize = 128;

/// What to set where the peer's side is not known.
const WATCH: &str = "set `peer_region` of this target and watch that region's load balancers (`catalog: {genesys_byoc_cloud: {regions: [CODE]}}`); for one check by hand: `--peer-region CODE`";

/// The certificate of a listed load balancer, with the code of its region; `None` for any other endpoint, or when no
/// certificate was read.
///
/// A certificate without extended key usage, or for any use, may be used by a client (RFC 5280 §4.2.1.12).
fn peer_certificate(seen: &Observation) -> Option<(&'static str, PeerCertificate)> {
    let listed = load_balancer(&seen.target)?;
    let leaf = seen.chain.as_ref()?.leaf()?;
    let certificate = PeerCertificate {
        host: listed.hostname.clone(),
        address: seen.address?,
        fingerprint_sha256: leaf.fingerprint_sha256,
        issuer_organization: leaf
            .issuer
            .organizations()
            .pop()
            .map(|name| escape_text_bounded(&name, MAX_ORGANIZATION_CHARS)),
        not_before: leaf.not_before,
        not_after: leaf.not_after,
        client_auth: allows_client(leaf),
        seen_at: seen.started_at,
    };
    Some((&listed.region_code, certificate))
}

/// What is known of the load balancers that dial a target, from what was seen of some of them last; of a load balancer
/// itself: its own certificate. In the order of hosts and addresses; `None` for a target without a region.
#[must_use]
pub fn peer_side<'a>(
    seen: &Observation,
    balancers: impl IntoIterator<Item = &'a Observation>,
) -> Option<PeerRegion> {
    if load_balancer(&seen.target).is_some() {
        let (region, own) = peer_certificate(seen)?;
        return Some(PeerRegion {
            region: region.to_owned(),
            certificates: vec![own],
            unseen: Vec::new(),
        });
    }
    let region = seen.target.peer_region.as_deref()?;
    let mut certificates: Vec<PeerCertificate> = balancers
        .into_iter()
        .filter_map(peer_certificate)
        .filter(|(of, _)| *of == region)
        .map(|(_, certificate)| certificate)
        .collect();
    // The order of visits is chance.
    certificates.sort_by(|one, other| (&one.host, one.address).cmp(&(&other.host, other.address)));
    let of_region = endpoints().iter().filter(|listed| listed.region_code == region);
    let unseen = of_region
        .map(|listed| listed.hostname.clone())
        .filter(|host| certificates.iter().all(|seen| seen.host != *host))
        .collect();
    Some(PeerRegion {
        region: region.to_owned(),
        certificates,
        unseen,
    })
}

/// How an endpoint stands to the removal of clientAuth from the certificates of the load balancers that dial it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemovalStanding {
    /// It was not seen whether the endpoint asks for a client certificate.
    Unseen,
    /// It asks for none.
    NotAffected,
    /// It asks; until when the load balancers can present one is not known.
    Unknown {
        /// It insists on a client certificate.
        insists: bool,
    },
    /// It asks, and every load balancer that was seen can present one.
    Ahead {
        /// It insists on a client certificate: calls stop.
        insists: bool,
        /// From when the first of them cannot.
        start: Timestamp,
        /// From when none of them can, at the latest.
        deadline: Timestamp,
    },
    /// It asks, and at least one load balancer that was seen can present none.
    Now {
        /// It insists on a client certificate: calls fail.
        insists: bool,
    },
}

/// How an endpoint stands to the removal of clientAuth at that moment, from what was seen of both sides.
#[must_use]
pub fn removal_standing(seen: &Observation, now: Timestamp) -> RemovalStanding {
    let request = (seen.handshake.as_ref()).map(|handshake| &handshake.client_certificate);
    let insists = match request.map(|request| (request.requested, request.mode)) {
        None | Some((None, _)) => return RemovalStanding::Unseen,
        Some((Some(false), _)) => return RemovalStanding::NotAffected,
        Some((Some(true), mode)) => mode == ClientCertificateMode::Required,
    };
    let peer = seen.peer_region.as_deref();
    let dates = peer.and_then(|peer| Some((peer, peer.removal_start()?, peer.removal_deadline()?)));
    let Some((peer, start, deadline)) = dates else {
        return RemovalStanding::Unknown { insists };
    };
    match peer.certificates.iter().all(|one| one.serves_a_client(now)) {
        true => RemovalStanding::Ahead {
            insists,
            start,
            deadline,
        },
        false => RemovalStanding::Now { insists },
    }
}

/// Whether calls go on after clientAuth has left the certificates of the load balancers that dial the endpoint.
pub(crate) fn ready(sight: &Sight<'_>) -> Answer {
    let caller = &sight.profile.caller;
    let Some(request) = sight.handshake().map(|handshake| &handshake.client_certificate) else {
        return unseen(sight);
    };
    let standing = removal_standing(sight.observation, sight.now);
    match standing {
        RemovalStanding::Unseen => return unseen(sight),
        RemovalStanding::NotAffected => {
            return Answer::pass(
                "Not affected by the removal of clientAuth: the endpoint asks for no client certificate",
                "no CertificateRequest before ServerHelloDone",
            );
        }
        _ => {}
    }
    let asks = match request.mode {
        ClientCertificateMode::Required => "insists on a client certificate",
        ClientCertificateMode::Optional => "asks for a client certificate and goes on without one",
        ClientCertificateMode::NotRequested | ClientCertificateMode::Unknown => {
            "asks for a client certificate"
        }
    };
    let Some(peer) = &sight.observation.peer_region else {
        return Answer::skip(format!(
            "The endpoint {asks}; until when {caller} can present one with clientAuth is not known: this target has no peer_region"
        ))
        .advise(WATCH);
    };
    let region = &peer.region;
    if matches!(standing, RemovalStanding::Unknown { .. }) {
        return Answer::skip(format!(
            "The endpoint {asks}; until when the load balancers of {region} can present one with clientAuth is not known: none of them was seen"
        ))
        .showing(format!("not seen: {}", text::list(&peer.unseen)))
        .advise(WATCH);
    }
    let insists = request.mode == ClientCertificateMode::Required;
    let remedy = sight.on_endpoint(SWITCH_OFF);
    let evidence = evidence(peer, sight.now);
    let serving = peer
        .certificates
        .iter()
        .filter(|one| one.serves_a_client(sight.now));
    let without: Vec<&PeerCertificate> = (peer.certificates.iter())
        .filter(|one| !one.serves_a_client(sight.now))
        .collect();
    if let RemovalStanding::Ahead { start, deadline, .. } = standing {
        let first = match text::day(start) == text::day(deadline) {
            true => String::new(),
            false => format!(", the first of them from {} on", text::day(start)),
        };
        let by = format!(
            "by {} at the latest (in {}) no load balancer of {region}{seen} can present clientAuth any more{first}",
            text::day(deadline),
            text::span(sight.now, deadline),
            seen = if peer.unseen.is_empty() {
                ""
            } else {
                " that was seen"
            },
        );
        return Answer::warn(
            match insists {
                true => format!("Affected: the endpoint {asks}, and {by}: then calls stop"),
                false => format!(
                    "May be affected: the endpoint {asks}, and {by}: then calls go on only as long as {caller} answers with none"
                ),
            },
            evidence,
            remedy,
        );
    }
    let who = match serving.count() {
        0 => format!("no load balancer of {region} that was seen presents clientAuth"),
        _ => format!(
            "{} of {region} present{} no clientAuth",
            text::list(without.iter().map(|one| &one.host)),
            if without.len() == 1 { "s" } else { "" }
        ),
    };
    match insists {
        true => Answer::fail(
            format!("Already affected: the endpoint {asks}, and {who}: their calls fail"),
            evidence,
            remedy,
        ),
        false => Answer::warn(
            format!(
                "Already affected if {caller} still presents a certificate: the endpoint {asks}, and {who}; calls go on as long as {caller} answers with none"
            ),
            evidence,
            remedy,
        ),
    }
}

/// The certificates that say so, each with what its issuer has announced.
fn evidence(peer: &PeerRegion, now: Timestamp) -> String {
    let mut parts: Vec<String> = (peer.certificates.iter())
        .map(|one| {
            let fingerprint: String = one
                .fingerprint_sha256
                .iter()
                .take(4)
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let state = match (one.client_auth, one.serves_a_client(now)) {
                (true, true) => format!("clientAuth until {}", text::day(one.not_after)),
                (true, false) => format!("clientAuth, but ended on {}", text::day(one.not_after)),
                (false, _) => format!("no clientAuth since {} or before", text::day(one.not_before)),
            };
            format!("{} at {} [{fingerprint}]: {state}", one.host, one.address)
        })
        .collect();
    if !peer.unseen.is_empty() {
        parts.push(format!("not seen: {}", text::list(&peer.unseen)));
    }
    let mut ends: Vec<&ClientAuthStep> = Vec::new();
    for one in peer.certificates.iter().filter(|one| one.client_auth) {
        if let Some(end) = client_auth_end(one.issuer_organization.as_deref())
            && !ends.contains(&end)
        {
            ends.push(end);
        }
    }
    parts.extend(ends.into_iter().map(|end| {
        format!(
            "{} issues none with clientAuth from {} on ({})",
            end.authority, end.date, end.source
        )
    }));
    parts.join("; ")
}

fn unseen(sight: &Sight<'_>) -> Answer {
    Answer::skip(format!(
        "Whether a client certificate is asked for was not seen: {}",
        sight.why_not()
    ))
}
