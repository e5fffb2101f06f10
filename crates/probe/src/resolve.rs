//! From a host to its addresses.

use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::net::{DnsError, NetError};
use siptls_model::{Host, Phase, ProbeError, Reason, escape_text_bounded};
use std::net::IpAddr;
use std::sync::OnceLock;
use tokio::time::{Instant, timeout_at};

/// Most addresses of one name that are visited; a load balancer's name has two to eight. The rest
/// is left out and said so in the log.
pub const MAX_ADDRESSES: usize = 16;

/// Looks hosts up with the resolver that this machine is configured to use, hosts file included.
#[derive(Default)]
pub(crate) struct Lookup {
    /// Made at the first name, so that a machine without a resolver can still visit addresses, and
    /// kept once it could be made: a machine that starts may have none yet.
    resolver: OnceLock<TokioResolver>,
}

impl Lookup {
    /// The addresses of a host, IPv4 first, without repetitions, at most [`MAX_ADDRESSES`].
    pub(crate) async fn addresses(&self, host: &Host, deadline: Instant) -> Result<Vec<IpAddr>, ProbeError> {
        let name = match host {
            Host::Ip(ip) => return Ok(vec![*ip]),
            Host::Name(name) => name,
        };
        let resolver = match self.resolver.get() {
            Some(resolver) => resolver,
            None => match system_resolver() {
                Ok(made) => self.resolver.get_or_init(|| made),
                Err(why) => {
                    return Err(error(
                        Reason::ResolveFailed,
                        format!("this machine has no usable resolver: {why}"),
                    ));
                }
            },
        };
        // A name with a dot is whole: the search list of this machine must not lead it elsewhere.
        let query = if name.contains('.') {
            format!("{name}.")
        } else {
            name.clone()
        };
        let Ok(answer) = timeout_at(deadline, resolver.lookup_ip(query)).await else {
            return Err(error(
                Reason::ResolveTimeout,
                format!("no answer for `{name}` within the deadline"),
            ));
        };
        let mut addresses: Vec<IpAddr> = answer.map_err(|fault| classify(name, &fault))?.iter().collect();
        addresses.sort_by_key(|address| (address.is_ipv6(), *address));
        addresses.dedup();
        if addresses.len() > MAX_ADDRESSES {
            tracing::warn!(host = %name, found = addresses.len(), visited = MAX_ADDRESSES, "name has too many addresses");
            addresses.truncate(MAX_ADDRESSES);
        }
        if addresses.is_empty() {
            return Err(error(
                Reason::NameNotFound,
                format!("`{name}` has no A or AAAA record"),
            ));
        }
        Ok(addresses)
    }
}

fn system_resolver() -> Result<TokioResolver, String> {
    let mut builder = TokioResolver::builder_tokio().map_err(|fault| fault.to_string())?;
    builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    builder.build().map_err(|fault| fault.to_string())
}

fn error(reason: Reason, message: String) -> ProbeError {
    ProbeError {
        phase: Phase::Resolve,
        reason,
        message,
    }
}

fn classify(name: &str, fault: &NetError) -> ProbeError {
    match fault {
        NetError::Dns(DnsError::NoRecordsFound(none)) => {
            let message = format!(
                "`{name}` has no A or AAAA record (the answer was {})",
                none.response_code
            );
            // Only these two say that the name or its records do not exist; SERVFAIL and REFUSED
            // say that somebody could not answer.
            match u16::from(none.response_code) {
                0 | 3 => error(Reason::NameNotFound, message),
                _ => error(
                    Reason::ResolveFailed,
                    format!("`{name}`: the resolver answered {}", none.response_code),
                ),
            }
        }
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
