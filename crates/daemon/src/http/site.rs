//! Where a request comes from, as its headers tell: another site's page, or a proxy.

use axum::http::{HeaderMap, header};

/// Host and port as browsers write them: in lower case, without the port that the scheme implies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority(String);

impl Authority {
    /// Of an `http` or `https` URL, or of an origin (RFC 6454 §6.2); `None` when it has none.
    pub(crate) fn of_url(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        Self::new(scheme, rest.split('/').next()?)
    }

    fn new(scheme: &str, host: &str) -> Option<Self> {
        let implied = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => return None,
        };
        let host = host.to_ascii_lowercase();
        let bare = host.strip_suffix(implied).unwrap_or(&host);
        (!bare.is_empty() && !bare.contains([' ', ',', '@'])).then(|| Self(bare.to_owned()))
    }
}

/// Whether another site's page makes a browser ask. Browsers say where a request comes from; tools of operators send none of
/// these headers. `external`: under which name else this daemon is known.
///
/// `Sec-Fetch-Site` goes to URLs alone that browsers trust, those of https and of loopback; over plain HTTP `Origin` is all that
/// there is.
pub(crate) fn is_from_another_site(headers: &HeaderMap, external: Option<&Authority>) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else {
        return false;
    };
    if origins.next().is_some() {
        return true;
    }
    // `null`, of a sandboxed page or a file, is nobody's origin.
    let parts = origin.to_str().ok().and_then(|origin| {
        let (scheme, _) = origin.split_once("://")?;
        Some((scheme, Authority::of_url(origin)?))
    });
    let Some((scheme, origin)) = parts else {
        return true;
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let asked = host.and_then(|host| Authority::new(scheme, host));
    asked.as_ref() != Some(&origin) && external != Some(&origin)
}

/// Whether a proxy has passed the request on: whoever asks is then somebody else than the peer of the connection.
pub(crate) fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| {
        let name = name.as_str();
        name.starts_with("x-forwarded-") || ["forwarded", "via", "x-real-ip"].contains(&name)
    })
}
