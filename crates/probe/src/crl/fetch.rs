//! One revocation list by HTTP/1.1, from an address that was checked.

use super::guard::{Access, access};
use crate::resolve::Lookup;
use crate::turns::Turns;
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, ETAG, HOST, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED, LOCATION, USER_AGENT,
};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use jiff::Timestamp;
use siptls_cert::{CrlDefect, CrlError};
use siptls_model::{FetchResult, Host, escape_text_bounded};
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// Most bytes of a list that are fetched: some 350,000 entries. Authorities part longer lists.
pub const MAX_BODY: usize = 16 * 1024 * 1024;
/// Longest fetch, look-up and redirects included; waiting for one's turn at the host is not.
pub const FETCH_LIMIT: Duration = Duration::from_secs(15);
/// Longest silence within it.
const IDLE_LIMIT: Duration = Duration::from_secs(5);
/// Longest URL.
const MAX_URL: usize = 2_048;
/// Most redirects followed, all within one host.
const MAX_REDIRECTS: usize = 3;
/// Most bytes of an answer's head.
const MAX_HEAD: usize = 16 * 1024;
/// Most header lines.
const MAX_HEADERS: usize = 64;
/// Longest value of a validator that is kept and sent back.
const MAX_VALIDATOR: usize = 256;

const USER_AGENT_TEXT: &str = concat!("siptls-probe/", env!("CARGO_PKG_VERSION"));

/// Why there is no list. Texts of peers are escaped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchFault {
    /// The URL is none, or longer than 2,048 bytes.
    #[error("the URL cannot be read")]
    Url,
    /// Only `http:` is fetched.
    #[error("{scheme}: is not fetched, only http: is")]
    Scheme {
        /// What it is instead.
        scheme: String,
    },
    /// The host leads to an address that is not public and not allowed.
    #[error(
        "{host} leads to {address}, which is not public: allow its network with --crl-allow or `revocation.allow`"
    )]
    Address {
        /// The URL's host.
        host: String,
        /// The first address refused.
        address: IpAddr,
    },
    /// The host leads to an address of this machine that is not allowed: a connection to it never leaves the machine,
    /// and no firewall before it is asked.
    #[error(
        "{address} is an address of this machine: allow its network with --crl-allow or `revocation.allow`"
    )]
    Own {
        /// The address.
        address: IpAddr,
    },
    /// A port other than 80 at a public address.
    #[error("port {port} of a public address is not asked, only port 80 is")]
    Port {
        /// The URL's port.
        port: u16,
    },
    /// The list is larger than what is fetched, or than what there is room for.
    #[error("it is over the limit of {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// No address, no connection, no answer in time, or a broken one.
    #[error("{why}")]
    Unreachable {
        /// What happened.
        why: String,
    },
    /// The server answered something else than a list.
    #[error("the server answered {status}")]
    Status {
        /// The status code.
        status: u16,
    },
    /// A redirect that is not followed: to another host, away from `http:`, or the fourth.
    #[error("the server redirects to {location}, which is not followed")]
    Redirect {
        /// Where to.
        location: String,
    },
    /// What came is no list.
    #[error("what came is {}", .0)]
    NotAList(CrlError),
    /// What came is a list, but not one that tells.
    #[error("the list {}", .0)]
    Defect(CrlDefect),
    /// What came is older than the list at hand.
    #[error("the list that came is of {came}, older than the one at hand of {held}, which is kept")]
    Older {
        /// Its thisUpdate.
        came: Timestamp,
        /// That of the list at hand.
        held: Timestamp,
    },
}

impl FetchFault {
    /// How the attempt is counted.
    #[must_use]
    pub const fn result(&self) -> FetchResult {
        match self {
            Self::Url | Self::Scheme { .. } | Self::Address { .. } | Self::Own { .. } | Self::Port { .. } => {
                FetchResult::Refused
            }
            Self::Unreachable { .. } => FetchResult::Unreachable,
            Self::TooLarge { .. } | Self::Status { .. } | Self::Redirect { .. } => FetchResult::Answer,
            Self::NotAList(_) | Self::Defect(_) | Self::Older { .. } => FetchResult::Invalid,
        }
    }
}

fn unreachable(why: impl Into<String>) -> FetchFault {
    FetchFault::Unreachable { why: why.into() }
}

/// What lets a server say that nothing has changed (RFC 9110 §8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// Value of ETag.
    pub etag: Option<String>,
    /// Value of Last-Modified.
    pub last_modified: Option<String>,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The list at hand is still the present one.
    NotModified,
    /// This.
    Body(Vec<u8>, Validators),
}

/// Who fetches lists: HTTP, or a scripted one in tests.
pub trait Fetch: Send + Sync + 'static {
    /// Fetches what is at a URL, unless it is still what these validators came with.
    fn fetch(
        &self,
        url: &str,
        known: &Validators,
        allow: &[IpNet],
    ) -> impl Future<Output = Result<Fetched, FetchFault>> + Send;
}

/// Fetches lists by HTTP, one at a time from each host.
#[derive(Default)]
pub struct HttpFetch {
    lookup: Lookup,
    turns: Turns<[u8; 32]>,
}

impl Fetch for HttpFetch {
    async fn fetch(&self, url: &str, known: &Validators, allow: &[IpNet]) -> Result<Fetched, FetchFault> {
        let mut place = Place::parse(url)?;
        let _turn = self
            .turns
            .take(super::sha256(place.host.to_string().as_bytes()))
            .await;
        let deadline = Instant::now() + FETCH_LIMIT;
        let mut redirects = 0;
        loop {
            let addresses = self.addresses(&place, allow, deadline).await?;
            let stream = connect(&addresses, allow, deadline).await?;
            match exchange(stream, &place, known, deadline).await? {
                Answered::List(fetched) => return Ok(fetched),
                Answered::Elsewhere(location) => {
                    let refused = || FetchFault::Redirect {
                        location: escape_text_bounded(&location, 200),
                    };
                    place = place
                        .followed(&location)
                        .filter(|_| redirects < MAX_REDIRECTS)
                        .ok_or_else(refused)?;
                    redirects += 1;
                }
            }
        }
    }
}

impl HttpFetch {
    /// The addresses of a place, each of them checked. It is to these that connections are made, so that a name that
    /// leads elsewhere a moment later gains nothing.
    async fn addresses(
        &self,
        place: &Place,
        allow: &[IpNet],
        deadline: Instant,
    ) -> Result<Vec<SocketAddr>, FetchFault> {
        let found = self.lookup.addresses(&place.host, deadline).await;
        let found = found.map_err(|fault| unreachable(fault.message))?;
        let mut addresses = Vec::with_capacity(found.len());
        for address in found {
            match access(address, allow) {
                Access::Allowed => {}
                Access::Public if place.port == 80 => {}
                Access::Public => return Err(FetchFault::Port { port: place.port }),
                Access::Refused => {
                    let host = place.host.to_string();
                    return Err(FetchFault::Address { host, address });
                }
            }
            addresses.push(SocketAddr::new(address, place.port));
        }
        Ok(addresses)
    }
}

/// Where a list is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    host: Host,
    port: u16,
    /// Path and query.
    path: String,
}

impl Place {
    fn parse(url: &str) -> Result<Self, FetchFault> {
        if url.len() > MAX_URL {
            return Err(FetchFault::Url);
        }
        match url.split_once(':') {
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("http") => {}
            Some((scheme, _)) => {
                return Err(FetchFault::Scheme {
                    scheme: escape_text_bounded(scheme, 20),
                });
            }
            None => return Err(FetchFault::Url),
        }
        let uri: Uri = url.parse().map_err(|_| FetchFault::Url)?;
        let authority = uri.authority().ok_or(FetchFault::Url)?;
        if authority.as_str().contains('@') {
            return Err(FetchFault::Url);
        }
        let host = authority.host();
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let has_port = !authority.as_str().ends_with(authority.host());
        Ok(Self {
            host: host.parse().map_err(|_| FetchFault::Url)?,
            port: match authority.port_u16() {
                Some(port) => port,
                None if has_port => return Err(FetchFault::Url),
                None => 80,
            },
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }

    /// Where a redirect leads, when it stays at the host.
    fn followed(&self, location: &str) -> Option<Self> {
        if location.starts_with('/') && !location.starts_with("//") {
            let path: Uri = location.parse().ok()?;
            return Some(Self {
                path: path.path_and_query()?.as_str().to_owned(),
                ..self.clone()
            });
        }
        Self::parse(location).ok().filter(|place| place.host == self.host)
    }

    /// The value of Host (RFC 9110 §7.2).
    fn authority(&self) -> String {
        let host = match &self.host {
            Host::Ip(IpAddr::V6(ip)) => format!("[{ip}]"),
            host => host.to_string(),
        };
        match self.port {
            80 => host,
            port => format!("{host}:{port}"),
        }
    }
}

/// Connects to the first address that answers.
async fn connect(
    addresses: &[SocketAddr],
    allow: &[IpNet],
    deadline: Instant,
) -> Result<TcpStream, FetchFault> {
    let mut why = "no address".to_owned();
    for address in addresses {
        let patience = deadline.min(Instant::now() + IDLE_LIMIT);
        match timeout_at(patience, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                let local = stream
                    .local_addr()
                    .map_err(|fault| unreachable(fault.to_string()))?;
                let address = address.ip();
                if local.ip() == address && access(address, allow) != Access::Allowed {
                    return Err(FetchFault::Own { address });
                }
                return Ok(stream);
            }
            Ok(Err(fault)) => why = format!("{address}: {fault}"),
            Err(_) => why = format!("{address} does not answer"),
        }
    }
    Err(unreachable(why))
}

enum Answered {
    List(Fetched),
    Elsewhere(String),
}

/// One request and its answer.
async fn exchange(
    stream: TcpStream,
    place: &Place,
    known: &Validators,
    deadline: Instant,
) -> Result<Answered, FetchFault> {
    let broken = |fault: hyper::Error| unreachable(format!("the answer is broken: {fault}"));
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let mut request = Request::get(&place.path)
        .header(HOST, place.authority())
        .header(USER_AGENT, USER_AGENT_TEXT)
        .header(ACCEPT, "application/pkix-crl, */*;q=0.5")
        .header(ACCEPT_ENCODING, "identity")
        .header(CONNECTION, "close");
    for (name, value) in [
        (IF_NONE_MATCH, &known.etag),
        (IF_MODIFIED_SINCE, &known.last_modified),
    ] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    let request = request.body(String::new()).map_err(|_| FetchFault::Url)?;
    let talk = async {
        let silence = deadline.min(Instant::now() + IDLE_LIMIT);
        let answer = timeout_at(silence, sender.send_request(request)).await;
        let response = answer
            .map_err(|_| unreachable("no answer in time"))?
            .map_err(broken)?;
        let header = |name: HeaderName| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let is_known = known.etag.is_some() || known.last_modified.is_some();
        match response.status() {
            StatusCode::OK => {
                let fits = |value: &String| value.len() <= MAX_VALIDATOR;
                let validators = Validators {
                    etag: header(ETAG).filter(fits),
                    last_modified: header(LAST_MODIFIED).filter(fits),
                };
                let bytes = read(response, deadline).await?;
                Ok(Answered::List(Fetched::Body(bytes, validators)))
            }
            StatusCode::NOT_MODIFIED if is_known => Ok(Answered::List(Fetched::NotModified)),
            status if status.is_redirection() && header(LOCATION).is_some() => {
                Ok(Answered::Elsewhere(header(LOCATION).unwrap_or_default()))
            }
            status => Err(FetchFault::Status {
                status: status.as_u16(),
            }),
        }
    };
    let (mut talk, mut connection) = (pin!(talk), pin!(connection));
    tokio::select! {
        biased;
        answer = &mut talk => return answer,
        // What it had received is still to be read.
        _ = &mut connection => {}
    }
    talk.await
}

/// The body, up to [`MAX_BODY`].
async fn read(response: Response<Incoming>, deadline: Instant) -> Result<Vec<u8>, FetchFault> {
    let too_large = FetchFault::TooLarge { limit: MAX_BODY };
    let mut body = response.into_body();
    let announced = body.size_hint().lower();
    if announced > u64::try_from(MAX_BODY).unwrap_or(u64::MAX) {
        return Err(too_large);
    }
    let mut bytes = Vec::new();
    loop {
        let silence = deadline.min(Instant::now() + IDLE_LIMIT);
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context));
        let frame = timeout_at(silence, frame).await;
        match frame.map_err(|_| unreachable("the list does not come to its end in time"))? {
            None => return Ok(bytes),
            Some(Err(fault)) => return Err(unreachable(format!("the answer is broken: {fault}"))),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    if bytes.len() + data.len() > MAX_BODY {
                        return Err(too_large);
                    }
                    bytes.extend_from_slice(&data);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_or_refused() {
        let place = |host: &str, port, path: &str| {
            let (host, path) = (host.parse().unwrap(), path.to_owned());
            Ok(Place { host, port, path })
        };
        for (url, expected) in [
            (
                "http://crl.example.test/a.crl",
                place("crl.example.test", 80, "/a.crl"),
            ),
            (
                "HTTP://CRL.example.test:8080/a?b=c",
                place("crl.example.test", 8080, "/a?b=c"),
            ),
            ("http://crl.example.test", place("crl.example.test", 80, "/")),
            ("http://[2001:db8::1]:80/a", place("2001:db8::1", 80, "/a")),
            ("http://127.0.0.1/a", place("127.0.0.1", 80, "/a")),
        ] {
            assert_eq!(Place::parse(url), expected, "{url}");
        }
        for url in [
            "",
            "crl.example.test/a.crl",
            "http:///a.crl",
            "http://a b/",
            "http://user@crl.example.test/",
            "http://user:password@127.0.0.1:80@crl.example.test/",
            "http://crl.example.test:99999/",
            "http://crl.example.test:/",
            "http://crl_.example..test/",
            "http://crl.example.test/\r\nX: y",
            "http://\u{e4}.test/",
        ] {
            assert_eq!(Place::parse(url), Err(FetchFault::Url), "{url}");
        }
        assert_eq!(
            Place::parse(&format!("http://a.test/{}", "a".repeat(MAX_URL))),
            Err(FetchFault::Url)
        );
        for scheme in ["ldap", "https", "file", "gopher"] {
            let refused = FetchFault::Scheme {
                scheme: scheme.to_owned(),
            };
            assert_eq!(
                Place::parse(&format!("{scheme}://crl.example.test/")),
                Err(refused)
            );
        }
    }

    #[tokio::test]
    async fn this_machine_is_asked_only_where_it_is_allowed() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = [listener.local_addr().unwrap()];
        let deadline = Instant::now() + Duration::from_secs(5);
        let address = there[0].ip();
        let refused = connect(&there, &[], deadline).await.unwrap_err();
        assert_eq!(refused, FetchFault::Own { address });
        assert_eq!(refused.result(), FetchResult::Refused);
        let allow = ["127.0.0.0/8".parse().unwrap()];
        connect(&there, &allow, deadline).await.unwrap();
    }

    #[test]
    fn redirects_stay_at_their_host() {
        let place = Place::parse("http://crl.example.test/a").unwrap();
        let followed = |location: &str| place.followed(location).map(|to| (to.port, to.path));
        assert_eq!(followed("/b?c"), Some((80, "/b?c".to_owned())));
        assert_eq!(followed("http://CRL.example.test/b"), Some((80, "/b".to_owned())));
        // The port is for the guard to judge.
        assert_eq!(
            followed("http://crl.example.test:8080/b"),
            Some((8080, "/b".to_owned()))
        );
        for location in [
            "http://other.example.test/a",
            "//other.example.test/a",
            "https://crl.example.test/a",
            "ldap://crl.example.test/a",
            "http://169.254.169.254/latest/meta-data",
            "b",
            "",
        ] {
            assert_eq!(followed(location), None, "{location}");
        }
    }
}
