//! The load balancers that dial an endpoint, and until when they can present clientAuth.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use std::net::SocketAddr;
use std::sync::Arc;

/// The certificate that a load balancer of a region was seen with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeerCertificate {
    /// The load balancer's host name.
    pub host: String,
    /// The address at which it was seen.
    pub address: SocketAddr,
    /// SHA-256 of the certificate.
    #[serde(serialize_with = "as_hex")]
    pub fingerprint_sha256: [u8; 32],
    /// Organization (O) of its issuer, escaped.
    pub issuer_organization: Option<String>,
    /// Start of its validity.
    pub not_before: Timestamp,
    /// End of its validity.
    pub not_after: Timestamp,
    /// Whether a TLS client may use it: its extended key usage lists clientAuth or any, or is absent.
    pub client_auth: bool,
    /// When it was seen.
    pub seen_at: Timestamp,
}

impl PeerCertificate {
    /// Whether it can be presented as a client's at that moment.
    #[must_use]
    pub fn serves_a_client(&self, now: Timestamp) -> bool {
        self.client_auth && now < self.not_after
    }
}

/// What is known of a region's load balancers: they present the certificate that they serve with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PeerRegion {
    /// The region's code, such as `euc1`.
    pub region: String,
    /// What was seen, one for each load balancer and address.
    pub certificates: Vec<PeerCertificate>,
    /// Listed load balancers whose certificate was not seen.
    pub unseen: Vec<String>,
}

impl PeerRegion {
    /// From when the first of them can no longer present clientAuth: the start of validity of a certificate that lacks
    /// it, which replaced one that may have had it; else the end of the one that ends first. A renewal may come sooner.
    /// `None`: nothing was seen.
    #[must_use]
    pub fn removal_start(&self) -> Option<Timestamp> {
        let ends = self.certificates.iter().map(|one| match one.client_auth {
            true => one.not_after,
            false => one.not_before,
        });
        ends.min()
    }

    /// The last moment at which one of them can still present clientAuth; in the past when all have lost it. A renewal
    /// may come sooner. `None`: nothing was seen.
    #[must_use]
    pub fn removal_deadline(&self) -> Option<Timestamp> {
        let with = self.certificates.iter().filter(|one| one.client_auth);
        let without = self.certificates.iter().filter(|one| !one.client_auth);
        let last_with = with.map(|one| one.not_after).max();
        last_with.or_else(|| without.map(|one| one.not_before).max())
    }
}

/// [`PeerRegion`] with what follows from it, as reports show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RemovalReport {
    /// The region and what was seen.
    #[serde(flatten)]
    pub peer: Arc<PeerRegion>,
    /// [`PeerRegion::removal_start`].
    pub start: Option<Timestamp>,
    /// [`PeerRegion::removal_deadline`].
    pub deadline: Option<Timestamp>,
}

impl From<&Arc<PeerRegion>> for RemovalReport {
    fn from(peer: &Arc<PeerRegion>) -> Self {
        Self {
            peer: Arc::clone(peer),
            start: peer.removal_start(),
            deadline: peer.removal_deadline(),
        }
    }
}

fn as_hex<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&crate::report::hex(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(client_auth: bool, not_before: &str, not_after: &str) -> PeerCertificate {
        PeerCertificate {
            host: "lb01.voice.euc1.pure.cloud".to_owned(),
            address: "192.0.2.1:5061".parse().unwrap(),
            fingerprint_sha256: [7; 32],
            issuer_organization: None,
            not_before: not_before.parse().unwrap(),
            not_after: not_after.parse().unwrap(),
            client_auth,
            seen_at: "2026-11-26T00:00:00Z".parse().unwrap(),
        }
    }

    fn dates(certificates: Vec<PeerCertificate>) -> (Option<String>, Option<String>) {
        let region = PeerRegion {
            certificates,
            ..PeerRegion::default()
        };
        let text = |moment: Option<Timestamp>| moment.map(|moment| moment.to_string());
        (text(region.removal_start()), text(region.removal_deadline()))
    }

    #[test]
    fn the_first_to_lose_it_starts_and_the_last_to_keep_it_ends() {
        let some = |start: &str, end: &str| (Some(start.to_owned()), Some(end.to_owned()));
        let early = || certificate(true, "2026-01-01T00:00:00Z", "2027-01-10T00:00:00Z");
        let late = || certificate(true, "2026-02-01T00:00:00Z", "2027-02-14T00:00:00Z");
        let gone = || certificate(false, "2026-03-09T00:00:00Z", "2026-09-20T00:00:00Z");
        let gone_later = || certificate(false, "2026-03-12T00:00:00Z", "2026-09-20T00:00:00Z");
        assert_eq!(dates(vec![]), (None, None));
        assert_eq!(
            dates(vec![late(), early()]),
            some("2027-01-10T00:00:00Z", "2027-02-14T00:00:00Z")
        );
        assert_eq!(
            dates(vec![gone(), early()]),
            some("2026-03-09T00:00:00Z", "2027-01-10T00:00:00Z")
        );
        assert_eq!(
            dates(vec![gone(), gone_later()]),
            some("2026-03-09T00:00:00Z", "2026-03-12T00:00:00Z")
        );
    }

    #[test]
    fn an_expired_certificate_serves_no_client() {
        let one = certificate(true, "2026-01-01T00:00:00Z", "2027-01-10T00:00:00Z");
        assert!(one.serves_a_client("2027-01-09T23:59:59Z".parse().unwrap()));
        assert!(!one.serves_a_client("2027-01-10T00:00:00Z".parse().unwrap()));
    }
}
