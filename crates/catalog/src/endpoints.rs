//! The hosts that a platform publishes.

use crate::csv;
use siptls_model::Target;
use std::sync::LazyLock;

/// The load balancers of Genesys BYOC Cloud.
const TABLE: &str = include_str!("../../../config/data/byoc_endpoints.csv");

/// The profile by which the listed load balancers are judged.
pub const BALANCER_PROFILE: &str = "genesys-byoc-cloud";

/// A load balancer of a platform, as published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedEndpoint {
    /// Name of the region for people.
    pub region_name: String,
    /// Its AWS region, such as `eu-central-1`.
    pub aws_region: String,
    /// Its code in host names, such as `euc1`.
    pub region_code: String,
    /// The host.
    pub hostname: String,
    /// Name of the [`RootGroup`](crate::RootGroup) announced for the region.
    pub root_group: String,
    /// Whether an untranslated text names the host. The others are to be confirmed by contact.
    pub confirmed: bool,
    /// What the row rests on: `untranslated` text, the published table (`seed_002`), or the
    /// pattern of its neighbours (`inferred_pattern`).
    pub basis: String,
}

/// The load balancers of Genesys BYOC Cloud, region by region.
#[must_use]
pub fn endpoints() -> &'static [ListedEndpoint] {
    static ENDPOINTS: LazyLock<Vec<ListedEndpoint>> = LazyLock::new(|| {
        csv::rows(TABLE)
            .filter_map(|row| {
                let [
                    region_name,
                    aws_region,
                    region_code,
                    hostname,
                    root_group,
                    confirmed,
                    basis,
                ] = <[String; 7]>::try_from(row).ok()?;
                Some(ListedEndpoint {
                    region_name,
                    aws_region,
                    region_code,
                    hostname,
                    root_group,
                    confirmed: confirmed == "yes",
                    basis,
                })
            })
            .collect()
    });
    &ENDPOINTS
}

/// The listed endpoint of that host name, compared without case.
#[must_use]
pub fn endpoint(hostname: &str) -> Option<&'static ListedEndpoint> {
    endpoints()
        .iter()
        .find(|endpoint| endpoint.hostname.eq_ignore_ascii_case(hostname))
}

/// The listed load balancer that a target is, by the name it verifies, else by its host.
#[must_use]
pub fn load_balancer(target: &Target) -> Option<&'static ListedEndpoint> {
    endpoint(&target.verified_name()).or_else(|| endpoint(&target.endpoint.host().to_string()))
}

/// The root group announced for a region, by the region's code such as `euc1`.
#[must_use]
pub fn region_root_group(code: &str) -> Option<&'static str> {
    endpoints()
        .iter()
        .find(|endpoint| endpoint.region_code == code)
        .map(|endpoint| endpoint.root_group.as_str())
}
