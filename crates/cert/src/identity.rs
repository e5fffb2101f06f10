//! Which host a certificate is for, under three rules side by side.

use std::net::IpAddr;

use crate::certificate::Certificate;

/// Whether a certificate is for a host, by each rule that peers use. Which one counts is for a profile to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameMatch {
    /// A CN of the subject is the host. Case does not matter; `*` as the whole left-most label stands for one label,
    /// because peers that look at the CN at all (Genesys: "CN or SAN"; OpenSSL, Java) treat it like a dNSName. SANs
    /// are not looked at, so this can be true where a verifier would not fall back to the CN.
    pub common_name: bool,
    /// A subject alternative name is the host by RFC 9525 §6.3, as webpki and browsers do it: dNSName, `*` as the whole
    /// left-most label and with two labels after it; iPAddress for an address. The CN is not looked at.
    pub webpki: bool,
    /// The host is a SIP identity of the certificate by RFC 5922 §7.1 and §7.2: the `sip:` URIs without a user part;
    /// if there is none, the dNSNames; only if there is no subject alternative name at all, the CN. The whole name
    /// must be equal but for case: no wildcard.
    pub rfc5922: bool,
    /// The first name that matched under any rule, as the certificate has it: `DNS:sbc.example.test`,
    /// `DNS:*.example.test`, `IP:192.0.2.7`, `URI:sip:example.test`, `CN:sbc.example.test`; alternative names first.
    pub matched: Option<String>,
}

/// Compares a certificate with a host: a DNS name or an address literal, with or without brackets.
///
/// One trailing dot of the host is ignored. International names must be given as A-labels (`xn--…`), which is
/// how certificates hold them; labels are compared without regard to ASCII case and nothing else is folded.
#[must_use]
pub fn match_name(leaf: &Certificate, host: &str) -> NameMatch {
    let bare = host
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(host);
    let address: Option<IpAddr> = bare.parse().ok();
    let host = if address.is_some() {
        bare
    } else {
        host.strip_suffix('.').unwrap_or(host)
    };
    let is_name = address.is_none() && is_host_name(host);
    let common_names = leaf.subject.common_names();
    let san = leaf.san.as_ref();
    let dns = san.map(|san| san.dns.as_slice()).unwrap_or_default();
    let uris = san.map(|san| san.uri.as_slice()).unwrap_or_default();

    let by_common_name = common_names.iter().find(|name| match address {
        Some(address) => name.parse() == Ok(address),
        None => is_name && is_host(name, host),
    });
    let by_dns = dns.iter().find(|name| is_name && is_host(name, host));
    let by_address = address.filter(|address| san.is_some_and(|san| san.ip.contains(address)));

    let sip_identities: Vec<(&String, &str)> = uris
        .iter()
        .filter_map(|uri| Some((uri, sip_identity(uri)?)))
        .collect();
    let is_same = |name: &str| (is_name || address.is_some()) && same_text(name, host);
    let by_uri = sip_identities
        .iter()
        .find(|(_, domain)| is_same(domain))
        .map(|(uri, _)| *uri);
    let rfc5922 = match san {
        None => is_name && common_names.iter().any(|name| is_same(name)),
        Some(_) if sip_identities.is_empty() => is_name && dns.iter().any(|name| is_same(name)),
        Some(_) => by_uri.is_some(),
    };

    NameMatch {
        common_name: by_common_name.is_some(),
        webpki: by_dns.is_some() || by_address.is_some(),
        rfc5922,
        matched: by_dns
            .map(|name| format!("DNS:{name}"))
            .or_else(|| by_address.map(|address| format!("IP:{address}")))
            .or_else(|| by_uri.map(|uri| format!("URI:{uri}")))
            .or_else(|| by_common_name.map(|name| format!("CN:{name}"))),
    }
}

/// The domain of a URI that is a SIP identity (RFC 5922 §7.1): scheme `sip`, no user part.
fn sip_identity(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once(':')?;
    (same_text(scheme, "sip") && !rest.contains('@'))
        .then(|| uri_host(uri))
        .flatten()
}

/// The host of a URI, with or without `//` and user part, without port and brackets.
pub(crate) fn uri_host(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once(':')?;
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let authority = rest.split(['/', ';', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.strip_prefix('[') {
        Some(literal) => literal.split_once(']').map(|(address, _)| address),
        None => host.split(':').next(),
    }
    .filter(|host| !host.is_empty())
}

/// Whether a presented name, possibly with a wildcard, is this host.
fn is_host(presented: &str, host: &str) -> bool {
    let Some(parent) = presented.strip_prefix("*.") else {
        return is_host_name(presented) && same_text(presented, host);
    };
    let Some((label, rest)) = host.split_once('.') else {
        return false;
    };
    is_host_name(parent) && parent.contains('.') && !label.is_empty() && same_text(parent, rest)
}

/// Labels of letters, digits, `-` and `_` (RFC 1123 §2.1; underscore as webpki and browsers allow it), no trailing
/// dot, the last label not all digits.
pub(crate) fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253 && text.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

pub(crate) fn same_text(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}
