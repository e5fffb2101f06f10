//! Metrics of the daemon itself.

use crate::family::{self, Family};
use prometheus::core::Collector;
use prometheus::{
    Encoder as _, Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};
use siptls_model::FetchResult;
use std::time::Duration;

/// Upper bounds of the lag histogram in seconds: on time to a millisecond, up to several intervals late.
const LAG_BUCKETS: [f64; 11] = [0.001, 0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// Why the daemon's own metrics could not be set up. The table of families makes it impossible; a test sees to it.
#[derive(Debug, thiserror::Error)]
#[error("own metric {name} cannot be registered")]
pub struct OwnError {
    /// The family.
    pub name: &'static str,
    /// What the library says.
    pub source: prometheus::Error,
}

/// Why a request or a connection was refused: a closed list, a contract (the value of the metric label `reason`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Name and password were wrong or missing.
    Unauthenticated,
    /// Whoever asked may not have that, or not go there.
    Forbidden,
    /// It came too often.
    RateLimited,
    /// There was no room for it.
    Overloaded,
    /// The TLS handshake failed or took too long.
    Tls,
}

impl Refusal {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::Unauthenticated,
        Self::Forbidden,
        Self::RateLimited,
        Self::Overloaded,
        Self::Tls,
    ];

    /// The code used in metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::Tls => "tls",
        }
    }
}

/// Metrics of the daemon itself. Cheap to clone; clones share their values.
#[derive(Clone, Debug)]
pub struct Own {
    registry: Registry,
    reload_successful: IntGauge,
    reload_success_timestamp: Gauge,
    web_reload_successful: IntGauge,
    http_refused: IntCounterVec,
    targets: IntGauge,
    schedule_lag: Histogram,
    probes_in_flight: IntGauge,
    series_dropped: IntCounter,
    crl_fetches: IntCounterVec,
    crl_cache: IntGauge,
    shard: IntGaugeVec,
    shards: IntGaugeVec,
}

impl Own {
    /// The metrics of a daemon of that version, all at zero. It is served under an external URL, or under none (empty).
    ///
    /// # Errors
    /// [`OwnError`] when the library refuses a family; it cannot happen with the families of this crate.
    pub fn new(version: &str, external_url: &str) -> Result<Self, OwnError> {
        let registry = Registry::new();
        let build = registered(
            &registry,
            &family::BUILD,
            GaugeVec::new(opts(&family::BUILD), family::BUILD.labels),
        )?;
        build.with_label_values(&[version]).set(1.0);
        let web = registered(
            &registry,
            &family::WEB,
            GaugeVec::new(opts(&family::WEB), family::WEB.labels),
        )?;
        web.with_label_values(&[external_url.trim_end_matches('/')])
            .set(1.0);
        let lag = HistogramOpts::new(family::SCHEDULE_LAG.name, family::SCHEDULE_LAG.help)
            .buckets(LAG_BUCKETS.to_vec());
        #[cfg(target_os = "linux")]
        registry
            .register(Box::new(
                prometheus::process_collector::ProcessCollector::for_self(),
            ))
            .map_err(|source| OwnError {
                name: family::PROCESS_CPU.name,
                source,
            })?;
        let gauge =
            |family: &'static Family| registered(&registry, family, IntGauge::with_opts(opts(family)));
        let crl_fetches = registered(
            &registry,
            &family::CRL_FETCHES,
            IntCounterVec::new(opts(&family::CRL_FETCHES), family::CRL_FETCHES.labels),
        )?;
        for result in FetchResult::ALL {
            crl_fetches.with_label_values(&[result.code()]);
        }
        let http_refused = registered(
            &registry,
            &family::HTTP_REFUSED,
            IntCounterVec::new(opts(&family::HTTP_REFUSED), family::HTTP_REFUSED.labels),
        )?;
        for refusal in Refusal::ALL {
            http_refused.with_label_values(&[refusal.code()]);
        }
        Ok(Self {
            web_reload_successful: gauge(&family::WEB_RELOAD_SUCCESSFUL)?,
            http_refused,
            crl_fetches,
            crl_cache: gauge(&family::CRL_CACHE)?,
            shard: registered(
                &registry,
                &family::SHARD,
                IntGaugeVec::new(opts(&family::SHARD), family::SHARD.labels),
            )?,
            shards: registered(
                &registry,
                &family::SHARDS,
                IntGaugeVec::new(opts(&family::SHARDS), family::SHARDS.labels),
            )?,
            reload_successful: gauge(&family::RELOAD_SUCCESSFUL)?,
            reload_success_timestamp: registered(
                &registry,
                &family::RELOAD_SUCCESS_TIMESTAMP,
                Gauge::with_opts(opts(&family::RELOAD_SUCCESS_TIMESTAMP)),
            )?,
            targets: gauge(&family::TARGETS)?,
            schedule_lag: registered(&registry, &family::SCHEDULE_LAG, Histogram::with_opts(lag))?,
            probes_in_flight: gauge(&family::PROBES_IN_FLIGHT)?,
            series_dropped: registered(
                &registry,
                &family::SERIES_DROPPED,
                IntCounter::with_opts(opts(&family::SERIES_DROPPED)),
            )?,
            registry,
        })
    }

    /// A configuration with so many targets came into use at that Unix time.
    pub fn loaded(&self, targets: usize, unix_seconds: f64) {
        self.reload_successful.set(1);
        self.reload_success_timestamp.set(unix_seconds);
        self.targets.set(i64::try_from(targets).unwrap_or(i64::MAX));
    }

    /// The daemon is one of several and watches its part of the targets. What it never says, such as this of a daemon on its
    /// own, has no sample and is left out.
    pub fn sharded(&self, index: u32, count: u32) {
        self.shard
            .with_label_values(&[index.to_string(), count.to_string()])
            .set(1);
        self.shards.with_label_values::<&str>(&[]).set(i64::from(count));
    }

    /// A configuration could not be loaded; the last good one stays in use.
    pub fn load_failed(&self) {
        self.reload_successful.set(0);
    }

    /// A web configuration came into use, or there is none.
    pub fn web_loaded(&self) {
        self.web_reload_successful.set(1);
    }

    /// A web configuration could not be loaded; the last good one stays in use.
    pub fn web_load_failed(&self) {
        self.web_reload_successful.set(0);
    }

    /// A request or a connection was refused.
    pub fn refused(&self, refusal: Refusal) {
        self.http_refused.with_label_values(&[refusal.code()]).inc();
    }

    /// A visit began that much after its time, or a slot passed unused.
    pub fn lagged(&self, lag: Duration) {
        self.schedule_lag.observe(lag.as_secs_f64());
    }

    /// A probe is under way until the guard is dropped.
    #[must_use]
    pub fn in_flight(&self) -> InFlight {
        self.probes_in_flight.inc();
        InFlight(self.probes_in_flight.clone())
    }

    /// Series were left out of the exposition.
    pub fn series_dropped(&self, count: usize) {
        self.series_dropped
            .inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// An attempt to fetch a revocation list ended.
    pub fn crl_fetched(&self, result: FetchResult) {
        self.crl_fetches.with_label_values(&[result.code()]).inc();
    }

    /// The revocation lists at hand have so many bytes.
    pub fn crl_cache(&self, bytes: usize) {
        self.crl_cache.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// The text of all of them (exposition format 0.0.4).
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(8 * 1024);
        // Encoding into memory fails for a family without a sample only, and there is none.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        text
    }
}

/// A probe under way; dropping it ends the count.
#[derive(Debug)]
pub struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn opts(family: &Family) -> Opts {
    Opts::new(family.name, family.help)
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    family: &Family,
    collector: prometheus::Result<C>,
) -> Result<C, OwnError> {
    let refused = |source| OwnError {
        name: family.name,
        source,
    };
    let collector = collector.map_err(refused)?;
    registry.register(Box::new(collector.clone())).map_err(refused)?;
    Ok(collector)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::{Scope, families};

    #[test]
    fn what_is_gathered_is_what_the_table_says() {
        let own = Own::new("1.2.3", "https://watch.example.test/siptls/").unwrap();
        own.loaded(3, 1_795_330_483.25);
        own.lagged(Duration::from_millis(20));
        own.crl_fetched(FetchResult::Refused);
        own.crl_cache(700);
        own.web_loaded();
        own.refused(Refusal::RateLimited);
        let text = String::from_utf8(own.render()).unwrap();
        assert!(!text.contains("siptls_shard"), "a daemon on its own is no shard");
        own.sharded(1, 3);
        let guard = own.in_flight();
        let text = String::from_utf8(own.render()).unwrap();
        for line in [
            "siptls_build_info{version=\"1.2.3\"} 1",
            "siptls_web_info{external_url=\"https://watch.example.test/siptls\"} 1",
            "siptls_config_last_reload_successful 1",
            "siptls_config_last_reload_success_timestamp_seconds 1795330483.25",
            "siptls_web_config_last_reload_successful 1",
            "siptls_http_refused_total{reason=\"rate_limited\"} 1",
            "siptls_http_refused_total{reason=\"tls\"} 0",
            "siptls_targets 3",
            "siptls_schedule_lag_seconds_bucket{le=\"0.1\"} 1",
            "siptls_probes_in_flight 1",
            "siptls_series_dropped_total 0",
            "siptls_crl_fetches_total{result=\"ok\"} 0",
            "siptls_crl_fetches_total{result=\"refused\"} 1",
            "siptls_crl_cache_bytes 700",
            "siptls_shard_info{shard=\"1\",shards=\"3\"} 1",
            "siptls_shards 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        drop(guard);
        own.load_failed();
        let text = String::from_utf8(own.render()).unwrap();
        assert!(text.contains("siptls_probes_in_flight 0\n"));
        assert!(text.contains("siptls_config_last_reload_successful 0\n"));

        let gathered: Vec<_> = own.registry.gather();
        for found in &gathered {
            let family = families()
                .iter()
                .find(|family| family.name == found.name())
                .unwrap();
            assert!(
                matches!(family.scope, Scope::Daemon | Scope::Process),
                "{}",
                found.name()
            );
            assert_eq!(family.help, found.help(), "{}", found.name());
            assert_eq!(
                family.kind.code(),
                format!("{:?}", found.get_field_type()).to_lowercase(),
                "{}",
                found.name()
            );
        }
        let expected = families().iter().filter(|family| match family.scope {
            Scope::Daemon => true,
            Scope::Process => cfg!(target_os = "linux"),
            Scope::Address | Scope::Probe | Scope::Journal => false,
        });
        assert_eq!(gathered.len(), expected.count());
    }
}
