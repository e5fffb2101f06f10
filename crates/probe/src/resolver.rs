//! The resolver that this machine is configured to use.

use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, TokioResolver};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// The files that say how this machine looks names up.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

/// Least time between two looks at whether those files changed.
const RECHECK: Duration = Duration::from_secs(3);

/// The resolver of this machine, as its files say at present.
///
/// Made at the first name, so that a machine without a resolver can still visit addresses. When a file changes, further
/// look-ups use a new resolver with an empty cache, and those under way end with the one that they began with.
#[derive(Default)]
pub(crate) struct SystemResolver(Mutex<Option<Current>>);

struct Current {
    resolver: TokioResolver,
    files: Files,
    looked: Instant,
}

/// What is seen of [`FILES`] without reading them: time of modification and length.
type Files = [Option<(SystemTime, u64)>; FILES.len()];

impl SystemResolver {
    /// The resolver to begin a look-up with, or why there is none.
    pub(crate) fn current(&self) -> Result<TokioResolver, String> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some(known) = current.as_mut() {
            if now.duration_since(known.looked) >= RECHECK {
                known.looked = now;
                known.renew();
            }
            return Ok(known.resolver.clone());
        }
        // Looked at before they are read: a change in between is a change.
        let files = look();
        let resolver = read()?;
        *current = Some(Current {
            resolver: resolver.clone(),
            files,
            looked: now,
        });
        Ok(resolver)
    }
}

impl Current {
    /// Reads the files again when they changed. What cannot be used, half written perhaps, changes nothing.
    fn renew(&mut self) {
        let files = look();
        if files == self.files {
            return;
        }
        self.files = files;
        match read() {
            Ok(resolver) => {
                self.resolver = resolver;
                tracing::info!("the resolver's files changed and were read again");
            }
            Err(error) => tracing::warn!(
                error,
                "the resolver's files changed and cannot be used, the former ones stay in use"
            ),
        }
    }
}

fn look() -> Files {
    FILES.map(|file| {
        let facts = std::fs::metadata(file).ok()?;
        Some((facts.modified().ok()?, facts.len()))
    })
}

/// What `/etc/hosts` says of a name, IPv4 first: this machine's own word, which needs no name server. `None`: nothing.
pub(crate) fn hosts_file(host: &str) -> Option<Vec<IpAddr>> {
    let name = Name::from_ascii(host).ok()?;
    let hosts = Hosts::from_system().ok()?;
    let addresses: Vec<IpAddr> = [RecordType::A, RecordType::AAAA]
        .into_iter()
        .filter_map(|kind| hosts.lookup_static_host(&Query::query(name.clone(), kind)))
        .flat_map(|found| {
            let addresses = found.answers().iter().filter_map(|record| record.data.ip_addr());
            addresses.collect::<Vec<_>>()
        })
        .collect();
    (!addresses.is_empty()).then_some(addresses)
}

fn read() -> Result<TokioResolver, String> {
    let mut builder = TokioResolver::builder_tokio().map_err(|fault| fault.to_string())?;
    builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    builder.build().map_err(|fault| fault.to_string())
}
