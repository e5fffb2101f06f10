//! The program's own prober, as a library: what the binary does on the wire, without the binary.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use siptls_catalog::{DEFAULT_PROFILE, RootSet, profile, roots_from_pem};
use siptls_config::{TargetOptions, target_from_options};
use siptls_model::{Depth, Dial, Host, Observation, Offer, Target};
use siptls_probe_engine::{Errand, NamedIdentity, Prober, ProberOptions};
use tokio::runtime::Builder;

use crate::pki::Identity;

/// One visit to come. It offers what the default profile offers.
#[derive(Debug, Clone)]
pub struct Visit {
    target: Target,
    offer: Offer,
    roots: Vec<Arc<RootSet>>,
    options: ProberOptions,
    identities: Vec<NamedIdentity>,
}

impl Visit {
    /// To this address, as `sbc.example.test`.
    ///
    /// # Panics
    ///
    /// Never: the endpoint is one.
    pub fn to(address: SocketAddr) -> Self {
        let mut visit = Self::of("sbc.example.test");
        visit.target.connect = Some(Dial {
            host: Host::Ip(address.ip()),
            port: Some(address.port()),
        });
        visit
    }

    /// To an endpoint as an operator writes it.
    ///
    /// # Panics
    ///
    /// When it is none.
    pub fn of(endpoint: &str) -> Self {
        let target = Target::new(endpoint, endpoint.parse().expect("an endpoint"), DEFAULT_PROFILE);
        Self {
            target,
            offer: (*offer_of(DEFAULT_PROFILE)).clone(),
            roots: Vec::new(),
            options: ProberOptions::default(),
            identities: Vec::new(),
        }
    }

    /// Rehearses with these, each under its chain's file name, read as the configuration reads them.
    ///
    /// # Panics
    ///
    /// When one cannot be read.
    #[must_use]
    pub fn rehearsing(mut self, identities: &[&Identity]) -> Self {
        let options = TargetOptions {
            client_certs: identities.iter().map(|one| one.chain.clone()).collect(),
            client_keys: identities.iter().map(|one| one.key.clone()).collect(),
            ..TargetOptions::default()
        };
        let planned = target_from_options("sbc.example.test", &options, None);
        let planned = planned.unwrap_or_else(|faults| panic!("{faults}"));
        self.identities = planned.identities;
        self
    }

    /// Another depth.
    #[must_use]
    pub fn depth(mut self, depth: Depth) -> Self {
        self.target.depth = depth;
        self
    }

    /// Another deadline for each address.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.target.timeout = timeout;
        self
    }

    /// Another budget of connections to an address.
    #[must_use]
    pub const fn connections_per_hour(mut self, connections: u32) -> Self {
        self.target.connections_per_hour = connections;
        self
    }

    /// Another pause between the connections of a survey.
    #[must_use]
    pub fn spacing(mut self, spacing: Duration) -> Self {
        self.options.spacing = spacing;
        self
    }

    /// The offer of another shipped profile.
    ///
    /// # Panics
    ///
    /// When there is none of that name.
    #[must_use]
    pub fn profile(mut self, name: &str) -> Self {
        name.clone_into(&mut self.target.profile);
        self.offer = (*offer_of(name)).clone();
        self
    }

    /// Roots for the reference client of a survey.
    ///
    /// # Panics
    ///
    /// When the file holds none.
    #[must_use]
    pub fn trusting(mut self, pem: &Path) -> Self {
        let bytes = fs::read(pem).expect("read the roots");
        self.roots = vec![roots_from_pem("e2e", &bytes).expect("roots")];
        self
    }

    /// The roots given.
    pub fn roots(&self) -> &[Arc<RootSet>] {
        &self.roots
    }

    /// Another offer.
    #[must_use]
    pub fn offering(mut self, change: impl FnOnce(&mut Offer)) -> Self {
        change(&mut self.offer);
        self
    }

    /// Makes the visit; one observation for each address.
    ///
    /// # Panics
    ///
    /// When this machine gives no event loop.
    pub fn make(&self) -> Vec<Observation> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("an event loop");
        let (target, offer) = (Arc::new(self.target.clone()), Arc::new(self.offer.clone()));
        let errand = Errand {
            identities: self.identities.clone(),
            ..Errand::new(target, offer).trusting(&self.roots)
        };
        runtime.block_on(Prober::new(self.options.clone()).visit(&errand))
    }

    /// Makes a visit to a single address.
    ///
    /// # Panics
    ///
    /// When there are more addresses than one.
    pub fn make_one(&self) -> Observation {
        let mut observations = self.make();
        assert_eq!(
            observations.len(),
            1,
            "expected one observation, found {observations:?}"
        );
        observations.remove(0)
    }
}

fn offer_of(name: &str) -> Arc<Offer> {
    let profile = profile(name).unwrap_or_else(|| panic!("expected a shipped profile, found {name}"));
    Arc::clone(&profile.offer)
}
