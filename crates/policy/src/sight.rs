//! An observation as the checks look at it.

use crate::judge::Roots;
use jiff::Timestamp;
use siptls_catalog::{Direction, ListedName, Profile};
use siptls_cert::{Certificate, Chain, NameMatch, Path, PathProblem, match_name};
use siptls_model::{AlertDescription, CipherSuite, Depth, Handshake, Observation, Phase};

/// An observation, what is to be held against it, and what was worked out once for all checks.
pub(crate) struct Sight<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) roots: &'a Roots,
    pub(crate) observation: &'a Observation,
    pub(crate) now: Timestamp,
    /// The name verified.
    pub(crate) host: String,
    /// The path; `None` when no Certificate message was read.
    pub(crate) path: Option<Path>,
    /// The path to a root that browsers trust; `None` also when the profile asks for nothing that hangs on it.
    pub(crate) browser_path: Option<Path>,
    /// The name rules; `None` when the leaf cannot be read.
    pub(crate) names: Option<NameMatch>,
    /// The same rules for the name of the SRV target that led to the address.
    pub(crate) srv_names: Option<NameMatch>,
    /// The path ends at a root that the peer lists and whose certificate is not at hand.
    pub(crate) listed: Option<&'a ListedName>,
}

impl<'a> Sight<'a> {
    pub(crate) fn new(
        profile: &'a Profile,
        roots: &'a Roots,
        observation: &'a Observation,
        now: Timestamp,
        path: Option<Path>,
        browser_path: Option<Path>,
    ) -> Self {
        let host = observation.target.verified_name();
        let chain = observation.chain.as_deref();
        let leaf = chain.and_then(Chain::leaf);
        let names = leaf.map(|leaf| match_name(leaf, &host));
        let srv = observation.srv.as_deref();
        let srv_names = leaf.zip(srv).map(|(leaf, srv)| match_name(leaf, &srv.target));
        let listed = path.as_ref().and_then(|path| match &path.problem {
            Some(
                PathProblem::MissingIntermediate {
                    subject_hash: hash, ..
                }
                | PathProblem::UnknownRoot {
                    hash,
                    same_name_trusted: false,
                    ..
                }
                | PathProblem::UnknownIssuer {
                    hash,
                    same_name_trusted: false,
                    ..
                },
            ) => roots.listed.iter().find(|listed| listed.subject_hash == *hash),
            _ => None,
        });
        Self {
            profile,
            roots,
            observation,
            now,
            host,
            path,
            browser_path,
            names,
            srv_names,
            listed,
        }
    }

    pub(crate) fn handshake(&self) -> Option<&'a Handshake> {
        self.observation.handshake.as_ref()
    }

    pub(crate) fn suite(&self) -> Option<CipherSuite> {
        self.handshake()?.cipher_suite
    }

    pub(crate) fn chain(&self) -> Option<&'a Chain> {
        self.observation.chain.as_deref()
    }

    pub(crate) fn leaf(&self) -> Option<&'a Certificate> {
        self.chain()?.leaf()
    }

    /// The chain and the path in it, when there is a leaf that can be read.
    pub(crate) fn readable(&self) -> Option<(&'a Chain, &Path)> {
        self.leaf()?;
        Some((self.chain()?, self.path.as_ref()?))
    }

    /// The alert that answered the ClientHello before any ServerHello, when what had been offered
    /// is what the profile's caller offers: of another offer it says nothing about this profile.
    pub(crate) fn refusal(&self) -> Option<AlertDescription> {
        let handshake = self.handshake()?;
        let offer = self.observation.offer.as_deref()?;
        let own = &self.profile.offer;
        let is_own = offer.legacy_version == own.legacy_version
            && offer.cipher_suites == own.cipher_suites
            && offer.groups == own.groups
            && offer.signature_algorithms == own.signature_algorithms;
        handshake.alert.filter(|_| handshake.version.is_none() && is_own)
    }

    /// Whether the server's first flight was read to its end.
    pub(crate) fn flight_was_read(&self) -> bool {
        self.handshake()
            .is_some_and(|handshake| handshake.client_certificate.requested.is_some())
            || self
                .observation
                .phase_reached
                .is_some_and(|phase| phase >= Phase::ServerFlight)
    }

    /// Whether the visit was not meant to go beyond the first flight.
    pub(crate) fn is_hello_only(&self) -> bool {
        self.observation.target.depth == Depth::Hello && self.observation.error.is_none()
    }

    /// Why something was not seen, as the end of a sentence.
    pub(crate) fn why_not(&self) -> String {
        match &self.observation.error {
            Some(error) => format!("the visit ended with {}", error.reason),
            None if self.is_hello_only() => "depth hello does not go so far".to_owned(),
            None => "the visit did not come so far".to_owned(),
        }
    }

    /// Advice for whoever runs the endpoint: that is the operator in one direction, the platform
    /// in the other.
    pub(crate) fn on_endpoint(&self, advice: &str) -> String {
        match self.profile.direction {
            Direction::PeerDials => format!("on the endpoint: {advice}"),
            Direction::PeerServes => format!("report to the platform that runs the endpoint: {advice}"),
        }
    }
}
