//! How a visit went: the phases, the closed list of reasons, and who must act.

use serde::Serialize;
use std::fmt;

/// A step of a visit, in the order in which they succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The host's addresses were found.
    Resolve,
    /// The TCP connection is open.
    Connect,
    /// A ServerHello was read.
    ServerHello,
    /// The server's whole first flight was read, up to ServerHelloDone.
    ServerFlight,
    /// Both Finished messages were verified.
    Handshake,
    /// A SIP response was read.
    Sip,
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: [Self; 6] = [
        Self::Resolve,
        Self::Connect,
        Self::ServerHello,
        Self::ServerFlight,
        Self::Handshake,
        Self::Sip,
    ];

    /// The code used in reports.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::ServerHello => "server_hello",
            Self::ServerFlight => "server_flight",
            Self::Handshake => "handshake",
            Self::Sip => "sip",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Who must act on a failed visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// Whoever runs the endpoint.
    Peer,
    /// Whoever runs what lies between: network, firewall, DNS.
    Path,
    /// Whoever configured this target.
    Operator,
    /// Whoever runs or writes this program.
    Us,
}

impl Who {
    /// The code used in reports.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Path => "path",
            Self::Operator => "operator",
            Self::Us => "us",
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

macro_rules! reasons {
    ($($(#[$meta:meta])* $variant:ident = $code:literal, $who:ident, $advice:literal;)+) => {
        /// Why a visit stopped short: a closed list. The code is the value of the metric label
        /// `reason` and of `error.reason` in a report; renaming one is a breaking change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[$meta])* #[doc = concat!("\n\nCode `", $code, "`.")] $variant,)+
        }

        impl Reason {
            /// Every reason; counters of all of them start at zero.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code: snake_case, stable.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// Who must act.
            #[must_use]
            pub const fn who(self) -> Who {
                match self { $(Self::$variant => Who::$who,)+ }
            }

            /// What to do first, as one sentence without a full stop.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)+ }
            }
        }
    };
}

reasons! {
    /// The name does not exist or has no address.
    NameNotFound = "name_not_found", Operator, "check the spelling of the endpoint and that its name has an A or AAAA record";
    /// The resolver answered with a failure.
    ResolveFailed = "resolve_failed", Path, "check the DNS resolver of this machine and the name servers of the domain";
    /// The resolver did not answer in time.
    ResolveTimeout = "resolve_timeout", Path, "check that this machine reaches its DNS resolver";
    /// Something answered the SYN with a reset.
    ConnectionRefused = "connection_refused", Peer, "check that the endpoint listens on this port and that no firewall rejects this source address";
    /// No answer to the SYN within the deadline.
    ConnectTimeout = "connect_timeout", Path, "check routing and firewalls between this machine and the endpoint, and its allow-list of source addresses";
    /// The network said that the address cannot be reached.
    Unreachable = "unreachable", Path, "check routing from this machine to the address (IPv6 without a route is the usual cause)";
    /// The peer closed the connection before the step was complete.
    ConnectionClosed = "connection_closed", Peer, "look at the endpoint's log for this moment: it closed without a TLS alert";
    /// The peer or something on the path reset the connection before the step was complete.
    ConnectionReset = "connection_reset", Peer, "look at the endpoint's log for this moment, then for a firewall or ban list that resets connections";
    /// The peer fell silent during the TLS handshake.
    TlsTimeout = "tls_timeout", Peer, "check that the port speaks TLS at once (no STARTTLS, no PROXY protocol) and that the endpoint is not overloaded";
    /// The peer answered in plain SIP.
    PlainSip = "plain_sip", Peer, "the port speaks SIP without TLS: enable TLS on it or dial the TLS port (5061)";
    /// The peer answered in plain HTTP.
    PlainHttp = "plain_http", Peer, "the port is a web server without TLS: dial the SIP TLS port (5061)";
    /// The peer's first bytes are not TLS.
    NotTls = "not_tls", Peer, "the port does not speak TLS: check port and service";
    /// A TLS message contradicts its own lengths.
    MalformedTls = "malformed_tls", Peer, "the endpoint sends TLS that cannot be read: report the bytes in the evidence to its vendor";
    /// A TLS message is larger than this program reads.
    TlsLimitExceeded = "tls_limit_exceeded", Peer, "the endpoint sends more than any sane TLS server does: check what listens there";
    /// A TLS message came at a wrong moment or answers what was not offered.
    ProtocolViolation = "protocol_violation", Peer, "the endpoint breaks the TLS protocol: report the evidence to its vendor";
    /// The peer refused the offer with a fatal alert.
    HandshakeRefused = "handshake_refused", Peer, "the endpoint refused what was offered: compare its suites, curves, versions and key type with the profile";
    /// The peer ended the handshake with another fatal alert.
    FatalAlert = "fatal_alert", Peer, "look at the endpoint's log for this moment: it ended the handshake with the alert shown";
    /// The peer asked for a client certificate and would not go on without one.
    ClientCertificateRequired = "client_certificate_required", Peer, "switch the endpoint's client certificate verification off for this peer, or to optional";
    /// The peer refused the client certificate that it was given.
    ClientCertificateRefused = "client_certificate_refused", Operator, "check that the endpoint trusts the issuer of the client certificate, its dates and its extended key usage";
    /// The signature over the key exchange does not verify.
    BadKeyExchangeSignature = "bad_key_exchange_signature", Peer, "certificate and private key of the endpoint do not belong together, or something alters the connection";
    /// A record's protection or the server's Finished does not verify.
    BadRecord = "bad_record", Peer, "the endpoint's TLS implementation or something on the path damages the encrypted connection";
    /// The handshake cannot be finished by this program, though a real peer might.
    NotCompletable = "not_completable", Us, "what was read is judged; the rest needs another client";
    /// No SIP response within the deadline.
    SipTimeout = "sip_timeout", Peer, "TLS works but OPTIONS is not answered: check that the endpoint accepts OPTIONS from this address";
    /// The peer closed the connection instead of answering.
    SipClosed = "sip_closed", Peer, "TLS works but the endpoint closes instead of answering OPTIONS: look at its SIP log for this moment, and at what stands behind the TLS listener";
    /// The answer is not SIP.
    NotSip = "not_sip", Peer, "TLS works but what listens there is not SIP: check port and service";
    /// The answer is SIP that cannot be read.
    MalformedSip = "malformed_sip", Peer, "the endpoint answers with SIP that cannot be read: report the evidence to its vendor";
    /// No connection was made: the peer is left in peace after refusals, or had its connections of this hour.
    Postponed = "postponed", Us, "nothing at once: it is politeness towards the peer; the message says when the next visit comes, `siptls_probes_total` what the peer refused before, `siptls_connections_total` which targets share the address";
    /// This machine ran out of ports, descriptors or memory.
    LocalResource = "local_resource", Us, "raise the limits of this process (file descriptors, local ports)";
    /// The visit was ended by a shutdown or a change of configuration.
    Cancelled = "cancelled", Us, "nothing: the program was stopping";
    /// A fault of this program.
    Internal = "internal", Us, "report this as a bug, with the log of this target";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// Why a visit stopped short, and in which phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeError {
    /// The phase that did not succeed.
    pub phase: Phase,
    /// The reason, from the closed list.
    pub reason: Reason,
    /// What happened, as one sentence for people; text from peers in it is already escaped.
    pub message: String,
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.phase, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_snake_case_and_advice_is_one_sentence() {
        let mut codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert!(codes.len() >= 25);
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert!(
                reason.code().chars().all(|c| c.is_ascii_lowercase() || c == '_'),
                "{reason}"
            );
            assert!(
                !reason.advice().ends_with('.') && !reason.advice().is_empty(),
                "{reason}"
            );
            assert_ne!(reason.code(), "ok");
        }
    }
}
