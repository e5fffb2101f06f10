//! From a target to the addresses that are visited.
//!
//! ```text
//!  address, `connect`, port given ───────────────────────► A, AAAA of the host ─► host's port
//!  name alone ─► _sips._tcp.NAME SRV ─┬─ records ────────► A, AAAA of each target ─► record's port
//!                                     ├─ target `.` ─────► the service is not offered
//!                                     ├─ none ───────────► A, AAAA of the host ─► 5061
//!                                     └─ no answer ──────► nowhere: who offers the service is not known
//! ```

use crate::resolver::{SystemResolver, hosts_file};
use hickory_resolver::TokioResolver;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::RData;
use siptls_model::{Host, Phase, ProbeError, Reason, SrvRecord, Target, escape_text_bounded};
use std::cmp::Reverse;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// Most places of one target that are visited, addresses and SRV targets without one together; a load balancer's name
/// has two to eight. The rest is left out and said so in the log.
pub const MAX_ADDRESSES: usize = 16;

/// Most addresses of one answer, and places of one target, that are looked at: one more than are visited tells that some
/// are left out. An answer has some thousands at most.
const ENOUGH: usize = MAX_ADDRESSES + 1;

/// Most SRV records of one service whose targets are looked up; as many as there are places to visit. The rest is left
/// out and said so in the log.
pub const MAX_SRV_RECORDS: usize = MAX_ADDRESSES;

/// Longest name of an SRV target in characters before escaping: more than DNS has (RFC 1035 §2.3.4).
const MAX_TARGET_CHARS: usize = 256;

/// One place to visit.
#[derive(Debug)]
pub(crate) struct Place {
    /// The record that leads there.
    pub(crate) srv: Option<Arc<SrvRecord>>,
    /// The address, or why there is none.
    pub(crate) address: Result<SocketAddr, ProbeError>,
}

/// Looks targets up with the resolver that this machine is configured to use, hosts file included.
#[derive(Default)]
pub(crate) struct Lookup {
    resolver: SystemResolver,
}

impl Lookup {
    /// Where to go for a target: at least one place, none twice, at most [`MAX_ADDRESSES`]. The look-ups together have
    /// the target's timeout, counted from `start`.
    pub(crate) async fn places(&self, target: &Target, start: Instant) -> Vec<Place> {
        if let Some(address) = target.literal_address() {
            return vec![Place {
                srv: None,
                address: Ok(canonical(address)),
            }];
        }
        let mut places = match self.resolver.current() {
            Ok(resolver) => places(&resolver, target, start).await,
            Err(why) => vec![nowhere(Reason::ResolveFailed, unusable(&why))],
        };
        let mut known = Vec::with_capacity(places.len());
        places.retain_mut(|place| {
            let Ok(address) = &mut place.address else {
                return true;
            };
            *address = canonical(*address);
            let is_new = !known.contains(address);
            known.push(*address);
            is_new
        });
        places
    }

    /// The addresses of a host, IPv4 first, without repetitions, at most [`MAX_ADDRESSES`].
    pub(crate) async fn addresses(&self, host: &Host, deadline: Instant) -> Result<Vec<IpAddr>, ProbeError> {
        let name = match host {
            Host::Ip(ip) => return Ok(vec![*ip]),
            Host::Name(name) => name,
        };
        let resolver = self.resolver.current();
        let resolver = resolver.map_err(|why| error(Reason::ResolveFailed, unusable(&why)))?;
        let mut found = addresses(&resolver, name, query(name, name), deadline).await?;
        found.truncate(MAX_ADDRESSES);
        Ok(found)
    }
}

/// An IPv4 address in IPv6 clothes (RFC 4291 §2.5.5.2) is that IPv4 address, with one turn and one account.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn unusable(why: &str) -> String {
    format!("this machine has no usable resolver: {why}")
}

async fn places(resolver: &TokioResolver, target: &Target, start: Instant) -> Vec<Place> {
    let (host, port) = target.dial();
    let host = host.to_string();
    let deadline = start + target.timeout;
    let mut places = Vec::new();
    match target.srv_owner() {
        // The other half is left for the addresses.
        Some(owner) => match service(resolver, &host, &owner, start + target.timeout / 2).await {
            Service::Offered(records) => through(resolver, records, deadline, &mut places).await,
            Service::NotOffered => places.push(nowhere(
                Reason::NameNotFound,
                format!("`{host}` says that it offers no SIPS service: the target of `{owner}` SRV is `.`"),
            )),
            Service::Unknown => direct(resolver, &host, port, deadline, &mut places).await,
            Service::Unanswered(fault) => {
                let message = format!(
                    "the question for `{owner}` SRV was not answered ({}): write the port, `{host}:{port}`, to visit the host itself",
                    fault.message
                );
                let found = hosts_file(&host).ok_or_else(|| error(fault.reason, message));
                add(None, port, found, &mut places);
            }
        },
        None => direct(resolver, &host, port, deadline, &mut places).await,
    }
    if places.len() > MAX_ADDRESSES {
        tracing::warn!(host, visited = MAX_ADDRESSES, "name has too many addresses");
        places.truncate(MAX_ADDRESSES);
    }
    places
}

/// What a domain says about its SIPS service.
enum Service {
    /// These machines offer it, in the order in which they are to be tried.
    Offered(Vec<SrvRecord>),
    /// It is decidedly not available (RFC 2782, target `.`).
    NotOffered,
    /// Nothing, or the resolver does not do such questions: callers go to the host itself (RFC 3263 §4.2).
    Unknown,
    /// Nothing was heard: the host itself may be another machine than those that offer the service.
    Unanswered(ProbeError),
}

async fn service(resolver: &TokioResolver, host: &str, owner: &str, deadline: Instant) -> Service {
    let answer = match timeout_at(deadline, resolver.srv_lookup(query(host, owner))).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(fault)) => {
            return match response_code(&fault) {
                Some(0 | 3) => Service::Unknown,
                // FORMERR, NOTIMP, REFUSED (RFC 1035 §4.1.1).
                Some(1 | 4 | 5) => {
                    let error = escape_text_bounded(&fault.to_string(), 200);
                    tracing::warn!(owner, error, "SRV look-up failed, the host itself is visited");
                    Service::Unknown
                }
                _ => Service::Unanswered(classify(owner, &fault)),
            };
        }
        Err(_) => return Service::Unanswered(too_late(owner)),
    };
    let all = answer.answers().iter().filter_map(|record| match &record.data {
        RData::SRV(srv) => Some(srv),
        _ => None,
    });
    let mut some = false;
    let mut records: Vec<SrvRecord> = all
        .inspect(|_| some = true)
        .filter(|srv| !srv.target.is_root())
        .map(|srv| SrvRecord {
            owner: owner.to_owned(),
            priority: srv.priority,
            weight: srv.weight,
            target: shown_name(&srv.target.to_ascii()),
            port: srv.port,
        })
        .collect();
    if records.is_empty() {
        return if some {
            Service::NotOffered
        } else {
            Service::Unknown
        };
    }
    records.sort_by(|a, b| {
        let order = |record: &SrvRecord| (record.priority, Reverse(record.weight));
        order(a)
            .cmp(&order(b))
            .then_with(|| (&a.target, a.port).cmp(&(&b.target, b.port)))
    });
    records.dedup();
    if records.len() > MAX_SRV_RECORDS {
        tracing::warn!(
            owner,
            found = records.len(),
            used = MAX_SRV_RECORDS,
            "name has too many SRV records"
        );
        records.truncate(MAX_SRV_RECORDS);
    }
    Service::Offered(records)
}

/// The addresses of the targets of some records, in their order. One target that is slow or has none keeps no other back.
async fn through(
    resolver: &TokioResolver,
    records: Vec<SrvRecord>,
    deadline: Instant,
    places: &mut Vec<Place>,
) {
    let records: Vec<Arc<SrvRecord>> = records.into_iter().map(Arc::new).collect();
    let mut lookups = JoinSet::new();
    for (index, record) in records.iter().enumerate() {
        let (resolver, record) = (resolver.clone(), Arc::clone(record));
        lookups.spawn(async move {
            // A target is always whole (RFC 2782).
            let whole = format!("{}.", record.target);
            (index, addresses(&resolver, &record.target, whole, deadline).await)
        });
    }
    let mut found: Vec<_> = records.iter().map(|_| None).collect();
    while let Some(lookup) = lookups.join_next().await {
        let Ok((index, addresses)) = lookup else { continue };
        if let Some(place) = found.get_mut(index) {
            *place = Some(addresses);
        }
    }
    for (record, addresses) in records.iter().zip(found) {
        let addresses = addresses
            .unwrap_or_else(|| Err(error(Reason::Internal, "the look-up ended abnormally".to_owned())))
            .map_err(|error| ProbeError {
                message: format!("SRV target of `{}`: {}", record.owner, error.message),
                ..error
            });
        add(Some(record), record.port, addresses, places);
    }
}

/// The addresses of the host itself.
async fn direct(resolver: &TokioResolver, host: &str, port: u16, deadline: Instant, places: &mut Vec<Place>) {
    let found = addresses(resolver, host, query(host, host), deadline).await;
    // A file with one family leaves the question for the other to the name servers.
    let found = found.or_else(|error| hosts_file(host).ok_or(error));
    add(None, port, found, places);
}

/// Adds what was found, up to [`ENOUGH`] places, unless it is already there through an earlier record.
fn add(
    srv: Option<&Arc<SrvRecord>>,
    port: u16,
    addresses: Result<Vec<IpAddr>, ProbeError>,
    places: &mut Vec<Place>,
) {
    let mut push = |address: Result<SocketAddr, ProbeError>| {
        if places.len() >= ENOUGH {
            return;
        }
        let known = address.as_ref().is_ok_and(|address| {
            places
                .iter()
                .any(|place| place.address.as_ref().is_ok_and(|known| known == address))
        });
        if !known {
            places.push(Place {
                srv: srv.cloned(),
                address,
            });
        }
    };
    match addresses {
        Ok(addresses) => {
            for ip in addresses {
                push(Ok(SocketAddr::new(ip, port)));
            }
        }
        Err(error) => push(Err(error)),
    }
}

/// The addresses of a name, asked for as `query`: IPv4 first, without repetitions, at most [`ENOUGH`].
async fn addresses(
    resolver: &TokioResolver,
    name: &str,
    query: String,
    deadline: Instant,
) -> Result<Vec<IpAddr>, ProbeError> {
    let Ok(answer) = timeout_at(deadline, resolver.lookup_ip(query)).await else {
        return Err(too_late(name));
    };
    let mut addresses: Vec<IpAddr> = answer.map_err(|fault| classify(name, &fault))?.iter().collect();
    addresses.sort_by_key(|address| (address.is_ipv6(), *address));
    addresses.dedup();
    addresses.truncate(ENOUGH);
    if addresses.is_empty() {
        return Err(error(
            Reason::NameNotFound,
            format!("`{name}` has no A or AAAA record"),
        ));
    }
    Ok(addresses)
}

/// What to ask about `name` for a host. A host with a dot is whole: the search list of this machine must not lead it
/// elsewhere.
fn query(host: &str, name: &str) -> String {
    if host.contains('.') {
        format!("{name}.")
    } else {
        name.to_owned()
    }
}

/// The name of a machine as its record has it, made comparable and safe to show.
fn shown_name(name: &str) -> String {
    let name = name.strip_suffix('.').unwrap_or(name);
    escape_text_bounded(&name.to_ascii_lowercase(), MAX_TARGET_CHARS)
}

fn nowhere(reason: Reason, message: String) -> Place {
    Place {
        srv: None,
        address: Err(error(reason, message)),
    }
}

fn too_late(name: &str) -> ProbeError {
    error(
        Reason::ResolveTimeout,
        format!("no answer for `{name}` within the deadline"),
    )
}

fn error(reason: Reason, message: String) -> ProbeError {
    ProbeError {
        phase: Phase::Resolve,
        reason,
        message,
    }
}

/// The response code of an answer without records: 0 and 3 alone say that the name or its records do not exist;
/// SERVFAIL and REFUSED say that somebody could not answer.
fn response_code(fault: &NetError) -> Option<u16> {
    match fault {
        NetError::Dns(DnsError::NoRecordsFound(none)) => Some(none.response_code.into()),
        NetError::Dns(DnsError::ResponseCode(code)) => Some((*code).into()),
        _ => None,
    }
}

fn classify(name: &str, fault: &NetError) -> ProbeError {
    match fault {
        NetError::Dns(DnsError::NoRecordsFound(none)) if matches!(response_code(fault), Some(0 | 3)) => {
            error(
                Reason::NameNotFound,
                format!(
                    "`{name}` has no A or AAAA record (the answer was {})",
                    none.response_code
                ),
            )
        }
        NetError::Dns(DnsError::NoRecordsFound(none)) => error(
            Reason::ResolveFailed,
            format!("`{name}`: the resolver answered {}", none.response_code),
        ),
        NetError::Timeout => error(
            Reason::ResolveTimeout,
            format!("the resolver did not answer for `{name}`"),
        ),
        other => {
            let why = escape_text_bounded(&other.to_string(), 200);
            error(
                Reason::ResolveFailed,
                format!("`{name}` could not be looked up: {why}"),
            )
        }
    }
}

#[cfg(test)]
mod tests;
