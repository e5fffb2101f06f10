//! The web configuration, in the format of the Prometheus exporters.

use super::{Here, Loader, find};
use crate::duration;
use crate::fault::{FaultList, Faults, KeyPath, known_names, quoted};
use crate::keys::Section;
use crate::node::{self, Document, Entry, Node, Value};
use crate::pem::{self, PemFault};
use crate::plan::Plan;
use crate::source;
use crate::sources::Sources;
use crate::target::{Field, Names};
use crate::web::{
    GROUPS, MAX_COST, MAX_USERS, PasswordHash, SUITES, WebClientAuth, WebConfig, WebHeader, WebKey,
    WebRateLimit, WebTls, WebTlsVersion,
};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Lowest bcrypt cost: there is none below.
const MIN_COST: u8 = 4;

/// Longest name of a user in bytes; what comes from a client is bounded by the head of its request.
const MAX_USER_BYTES: usize = 128;

/// Longest value of a header in bytes: all headers of an answer have to fit a proxy's buffer.
const MAX_HEADER_BYTES: usize = 2_048;

/// Most names in `client_allowed_sans`; each is compared with each name of a certificate.
const MAX_SANS: usize = 1_000;

/// Most requests that may come at once.
const MAX_BURST: u32 = 100_000;

/// Longest time between two requests: nobody waits longer.
const MAX_INTERVAL: Duration = Duration::from_secs(3_600);

const EXPECTED: &str = "expected a web configuration with `tls_server_config` or `basic_auth_users`";

/// Reads and checks a web configuration (`--web.config.file`) with the certificates and keys that it names.
///
/// # Errors
///
/// Every fault of the file and of the files it names, at once. None repeats a hash or a key.
pub fn load_web(path: &Path) -> Result<WebConfig, Faults> {
    let mut faults = FaultList::default();
    let mut names = Names::default();
    names.sources.note(path);
    let file = faults.file(path);
    let text = match source::read(path, false) {
        Ok(bytes) => source::text(bytes, &file, &mut faults),
        Err(unreadable) => {
            let message = format!("expected a web configuration, found {}", unreadable.found);
            faults.add(&file, None, &KeyPath::Root, message, unreadable.hint);
            None
        }
    };
    let mut loader = Loader {
        faults,
        names,
        plan: Plan::default(),
        places: HashMap::new(),
        profile_places: HashMap::new(),
        seen: HashSet::new(),
        full: false,
    };
    let mut web = WebConfig::default();
    if let Some(text) = text {
        let base = path.parent().unwrap_or(Path::new(""));
        let here = Here { file: &file, base };
        web = loader.web(here, &text, path);
    }
    let sources: Sources = loader.names.sources;
    if !loader.faults.is_empty() {
        return Err(loader.faults.finish().read_from(sources));
    }
    web.sources = sources;
    web.files = loader.names.files;
    Ok(web)
}

/// A text of `tls_server_config`: of the file itself, or of another one that it names.
enum Given<'a> {
    Text(Field<'a>),
    File(Field<'a>, PathBuf),
}

impl<'a> Given<'a> {
    const fn field(&self) -> &Field<'a> {
        match self {
            Self::Text(field) | Self::File(field, _) => field,
        }
    }
}

impl Loader {
    fn web(&mut self, here: Here<'_>, text: &str, path: &Path) -> WebConfig {
        let root = KeyPath::Root;
        let mut web = WebConfig::default();
        let hint = || Some("run without --web.config.file to leave the daemon unguarded".to_owned());
        let node = match node::parse(text, here.file, &mut self.faults) {
            Document::Value(node) => node,
            // A file that is being written may be empty for a moment: it must not open what was closed.
            Document::Empty => {
                let message = format!("{EXPECTED}, found an empty file");
                self.faults.add(here.file, None, &root, message, hint());
                return web;
            }
            Document::Unreadable => return web,
        };
        let Value::Map(entries) = &node.value else {
            let message = format!("{EXPECTED}, found {}", node.found());
            self.faults.at(here.file, node.at, &root, message, hint());
            return web;
        };
        self.check_keys(here, entries, Section::Web, &root);
        for entry in entries {
            let key = root.key(&entry.key);
            match entry.key.as_ref() {
                "tls_server_config" => web.tls = self.web_tls(here, &entry.value, &key, path),
                "http_server_config" => self.web_http(here, &entry.value, &key, &mut web),
                "basic_auth_users" => self.web_users(here, &entry.value, &key, &mut web),
                "rate_limit" => web.rate_limit = self.web_rate(here, &entry.value, &key),
                _ => {}
            }
        }
        let hsts = find(entries, "http_server_config")
            .and_then(|http| within(&http.value, "headers"))
            .and_then(|headers| within(&headers.value, WebHeader::StrictTransportSecurity.name()));
        if let Some(entry) = hsts.filter(|_| find(entries, "tls_server_config").is_none()) {
            let name = WebHeader::StrictTransportSecurity.name();
            let key = root.key("http_server_config");
            let (key, message) = (
                key.key("headers"),
                "expected `tls_server_config` beside it, found none",
            );
            let hint = "browsers take it over TLS alone: let the proxy that ends TLS send it";
            self.faults.at(
                here.file,
                entry.at,
                &key.key(name),
                message,
                Some(hint.to_owned()),
            );
        }
        web
    }

    fn web_tls(
        &mut self,
        here: Here<'_>,
        node: &Node<'_>,
        path: &KeyPath<'_>,
        file: &Path,
    ) -> Option<WebTls> {
        let entries = self.map(here, node, path)?;
        self.check_keys(here, entries, Section::WebTls, path);
        let before = self.faults_so_far();
        let certificate = self.web_given(here, node, entries, path, ("cert", "cert_file"), true);
        let key = self.web_given(here, node, entries, path, ("key", "key_file"), true);
        let authorities = self.web_given(here, node, entries, path, ("client_ca", "client_ca_file"), false);
        let chain = certificate.as_ref().and_then(|given| {
            let chain = match given {
                Given::Text(field) => pem::certificates_of_text(field.text),
                Given::File(_, path) => pem::certificates(path),
            };
            self.web_pem(here, given.field(), chain)
        });
        let key =
            key.and_then(|given| self.web_key(here, &given, chain.as_deref(), certificate.as_ref(), file));
        let client_authorities = authorities.as_ref().and_then(|given| {
            let authorities = match given {
                Given::Text(field) => pem::authorities_of_text(field.text),
                Given::File(_, path) => pem::authorities(path),
            };
            self.web_pem(here, given.field(), authorities)
        });
        let client_auth = self.web_client_auth(here, entries, path, authorities.as_ref());
        let client_allowed_sans = self.web_sans(here, entries, path, client_auth);
        let (min_version, max_version) = self.web_versions(here, entries, path);
        let cipher_suites = self.web_names(here, entries, path, "cipher_suites", &SUITES, "suite");
        let groups = self.web_names(here, entries, path, "curve_preferences", &GROUPS, "curve");
        let prefer_server_order = find(entries, "prefer_server_cipher_suites").is_none_or(|entry| {
            self.truth(here, &entry.value, &path.key("prefer_server_cipher_suites"))
                .unwrap_or(true)
        });
        if self.faults_so_far() != before {
            return None;
        }
        Some(WebTls {
            chain: chain?,
            key: key?,
            client_auth,
            client_authorities: client_authorities.unwrap_or_default(),
            client_allowed_sans,
            min_version,
            max_version,
            cipher_suites,
            prefer_server_order,
            groups,
        })
    }

    /// What stands under one of two keys, the text itself or a file's path.
    fn web_given<'n>(
        &mut self,
        here: Here<'_>,
        node: &Node<'_>,
        entries: &'n [Entry<'_>],
        path: &'n KeyPath<'n>,
        (inline, named): (&'static str, &'static str),
        required: bool,
    ) -> Option<Given<'n>> {
        match (find(entries, inline), find(entries, named)) {
            (None, None) => {
                if required {
                    let message = format!("expected the key `{named}`, found none");
                    self.faults.at(here.file, node.at, path, message, None);
                }
                None
            }
            (Some(_), Some(entry)) => {
                let message = format!("expected either `{inline}` or `{named}`, found both");
                self.faults
                    .at(here.file, entry.at, &path.key(named), message, None);
                None
            }
            (Some(entry), None) => {
                let key = path.key(inline);
                let text = self.text(here, &entry.value, &key)?;
                let at = Some(entry.value.at);
                Some(Given::Text(Field { text, at, key }))
            }
            (None, Some(entry)) => {
                let key = path.key(named);
                let text = self.text(here, &entry.value, &key)?;
                let at = Some(entry.value.at);
                let field = Field { text, at, key };
                let file = self.checker(here).file(&field)?;
                Some(Given::File(field, file))
            }
        }
    }

    fn web_key(
        &mut self,
        here: Here<'_>,
        given: &Given<'_>,
        chain: Option<&[Vec<u8>]>,
        certificate: Option<&Given<'_>>,
        file: &Path,
    ) -> Option<WebKey> {
        let mut key = match given {
            Given::Text(field) => pem::key_of_text(field.text),
            Given::File(_, path) => pem::key(path),
        };
        let mut faults = std::mem::take(&mut key.faults);
        if let Given::Text(_) = given {
            faults.extend(pem::touchable_file(file));
        }
        let place = |given: &Given<'_>| match given {
            Given::Text(_) => file.to_path_buf(),
            Given::File(_, path) => path.clone(),
        };
        if let (Some(chain), Some(certificate)) = (chain, certificate) {
            // The pair is what tells that the key fits; the listening sockets take chain and key as they are.
            if let Some(Err(fault)) = key.pair(chain.to_vec(), &place(certificate), &place(given)) {
                faults.push(fault);
            }
        }
        let is_sound = faults.is_empty();
        for fault in faults {
            self.checker(here).pem_fault(given.field(), fault);
        }
        key.der().filter(|_| is_sound).map(|der| WebKey(der.clone()))
    }

    fn web_pem<T>(&mut self, here: Here<'_>, field: &Field<'_>, read: Result<T, PemFault>) -> Option<T> {
        read.map_err(|fault| self.checker(here).pem_fault(field, fault))
            .ok()
    }

    fn web_client_auth(
        &mut self,
        here: Here<'_>,
        entries: &[Entry<'_>],
        path: &KeyPath<'_>,
        authorities: Option<&Given<'_>>,
    ) -> WebClientAuth {
        let mut found = WebClientAuth::None;
        let entry = find(entries, "client_auth_type");
        let key = path.key("client_auth_type");
        if let Some(entry) = entry
            && let Some(text) = self.text(here, &entry.value, &key)
        {
            match WebClientAuth::NAMES.iter().find(|(name, _)| *name == text) {
                Some((_, known)) => found = *known,
                None => {
                    let message = format!("expected what is asked of clients, found {}", quoted(text));
                    let hint = known_names(text, WebClientAuth::NAMES.iter().map(|(name, _)| *name));
                    self.faults.at(here.file, entry.value.at, &key, message, hint);
                    return found;
                }
            }
        }
        if found.verifies() && authorities.is_none() {
            let any = find(entries, "client_ca").or_else(|| find(entries, "client_ca_file"));
            if let (Some(entry), None) = (entry, any) {
                let message = "expected `client_ca_file` beside it, found none";
                let hint =
                    "name the authorities whose certificates are let in: those of this machine are not taken";
                self.faults
                    .at(here.file, entry.value.at, &key, message, Some(hint.to_owned()));
            }
        }
        if let (WebClientAuth::None, Some(given)) = (found, authorities) {
            let message = "expected `client_auth_type` to ask for certificates, found none that does";
            let hint = "write `client_auth_type: RequireAndVerifyClientCert`";
            let field = given.field();
            self.checker(here).fault(field, message, Some(hint.to_owned()));
        }
        found
    }

    fn web_sans(
        &mut self,
        here: Here<'_>,
        entries: &[Entry<'_>],
        path: &KeyPath<'_>,
        client_auth: WebClientAuth,
    ) -> Vec<String> {
        let mut sans = Vec::new();
        let key = path.key("client_allowed_sans");
        let Some(entry) = find(entries, "client_allowed_sans") else {
            return sans;
        };
        let Some(items) = self.list(here, &entry.value, &key) else {
            return sans;
        };
        let mut fault = |message: String, hint: Option<&str>| {
            self.faults
                .at(here.file, entry.value.at, &key, message, hint.map(str::to_owned));
        };
        if items.is_empty() {
            fault(
                "expected the names that are let in, found an empty list".to_owned(),
                Some("remove the key to let in every name"),
            );
        }
        if items.len() > MAX_SANS {
            fault(
                format!("expected at most {MAX_SANS} names, found {}", items.len()),
                None,
            );
        }
        let beside = "expected `client_auth_type: RequireAndVerifyClientCert` beside it, found one that";
        if !client_auth.is_mandatory() {
            fault(format!("{beside} lets clients in without a certificate"), None);
        } else if !client_auth.verifies() {
            let hint = "whoever makes a certificate writes any name into it";
            fault(format!("{beside} does not verify certificates"), Some(hint));
        }
        for (index, item) in items.iter().take(MAX_SANS).enumerate() {
            let key = key.index(index);
            match self.text(here, item, &key) {
                Some("") => {
                    let message = "expected a name, found an empty text";
                    self.faults.at(here.file, item.at, &key, message, None);
                }
                Some(text) => sans.push(text.to_owned()),
                None => {}
            }
        }
        sans
    }

    fn web_versions(
        &mut self,
        here: Here<'_>,
        entries: &[Entry<'_>],
        path: &KeyPath<'_>,
    ) -> (WebTlsVersion, WebTlsVersion) {
        let mut version = |name: &str, default: WebTlsVersion| {
            let Some(entry) = find(entries, name) else {
                return default;
            };
            let key = path.key(name);
            let hint = match self.text(here, &entry.value, &key) {
                Some("TLS12") => return WebTlsVersion::Tls12,
                Some("TLS13") => return WebTlsVersion::Tls13,
                Some("TLS10" | "TLS11") => "TLS 1.0 and 1.1 are not served: write `TLS12`",
                Some(_) => "write `TLS12` or `TLS13`",
                None => return default,
            };
            let message = format!("expected `TLS12` or `TLS13`, found {}", entry.value.found());
            self.faults
                .at(here.file, entry.value.at, &key, message, Some(hint.to_owned()));
            default
        };
        let least = version("min_version", WebTlsVersion::Tls12);
        let most = version("max_version", WebTlsVersion::Tls13);
        if let Some(entry) = find(entries, "max_version").filter(|_| most < least) {
            let message = "expected a version no lower than `min_version`, found `TLS12`";
            self.faults
                .at(here.file, entry.value.at, &path.key("max_version"), message, None);
        }
        (least, most)
    }

    /// A list of names, each of which stands for something that can be served.
    fn web_names(
        &mut self,
        here: Here<'_>,
        entries: &[Entry<'_>],
        path: &KeyPath<'_>,
        name: &str,
        known: &[(&'static str, &'static str)],
        what: &str,
    ) -> Vec<&'static str> {
        let mut names = Vec::new();
        let Some(entry) = find(entries, name) else {
            return names;
        };
        let path = path.key(name);
        let items = self.list(here, &entry.value, &path).unwrap_or_default();
        for (index, item) in items.iter().enumerate() {
            let key = path.index(index);
            let Some(text) = self.text(here, item, &key) else {
                continue;
            };
            match known.iter().find(|(name, _)| *name == text) {
                Some((_, meant)) if names.contains(meant) => {
                    let message = format!("expected each {what} once, found {} again", quoted(text));
                    self.faults.at(here.file, item.at, &key, message, None);
                }
                Some((_, meant)) => names.push(*meant),
                None => {
                    let message = format!("expected a {what} that can be served, found {}", quoted(text));
                    let served: Vec<String> = known.iter().map(|(name, _)| format!("`{name}`")).collect();
                    let hint = format!("remove it; there are {}", served.join(", "));
                    self.faults.at(here.file, item.at, &key, message, Some(hint));
                }
            }
        }
        if items.is_empty() && matches!(entry.value.value, Value::List(_)) {
            let message = format!("expected a {what}, found an empty list");
            let hint = Some("remove the key for those that are usual".to_owned());
            self.faults.at(here.file, entry.value.at, &path, message, hint);
        }
        names
    }

    fn web_http(&mut self, here: Here<'_>, node: &Node<'_>, path: &KeyPath<'_>, web: &mut WebConfig) {
        let Some(entries) = self.map(here, node, path) else {
            return;
        };
        self.check_keys(here, entries, Section::WebHttp, path);
        if let Some(entry) = find(entries, "http2") {
            web.wants_http2 = self.truth(here, &entry.value, &path.key("http2")) == Some(true);
        }
        let path = path.key("headers");
        let headers = find(entries, "headers").and_then(|entry| self.map(here, &entry.value, &path));
        let headers = headers.unwrap_or_default();
        self.check_keys(here, headers, Section::WebHeaders, &path);
        for entry in headers {
            let key = path.key(&entry.key);
            let header = WebHeader::ALL
                .into_iter()
                .find(|header| header.name() == entry.key);
            let (Some(header), Some(text)) = (header, self.text(here, &entry.value, &key)) else {
                continue;
            };
            let expected = match header.values() {
                Some(values) if !values.contains(&text) => {
                    let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
                    values.join(" or ")
                }
                None if text.trim().is_empty() => "a value".to_owned(),
                None if text.len() > MAX_HEADER_BYTES => format!("at most {MAX_HEADER_BYTES} bytes"),
                None if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) => {
                    "printable ASCII on one line".to_owned()
                }
                _ => {
                    web.headers.push((header, text.trim().to_owned()));
                    continue;
                }
            };
            let message = format!("expected {expected}, found {}", entry.value.found());
            let hint = Some("remove the key for the header that is sent anyway".to_owned());
            self.faults.at(here.file, entry.value.at, &key, message, hint);
        }
    }

    fn web_users(&mut self, here: Here<'_>, node: &Node<'_>, path: &KeyPath<'_>, web: &mut WebConfig) {
        if matches!(node.value, Value::Null) {
            let message = "expected users with their hashed passwords, found nothing";
            let hint = "remove the key to ask nobody for a password";
            return self
                .faults
                .at(here.file, node.at, path, message, Some(hint.to_owned()));
        }
        let Some(entries) = self.map(here, node, path) else {
            return;
        };
        if entries.is_empty() || entries.len() > MAX_USERS {
            let message = format!("expected 1 to {MAX_USERS} users, found {}", entries.len());
            self.faults.at(here.file, node.at, path, message, None);
        }
        for entry in entries.iter().take(MAX_USERS) {
            let key = path.key(&entry.key);
            let name = entry.key.as_ref();
            // RFC 7617 §2: a colon ends the name.
            if name.is_empty()
                || name.len() > MAX_USER_BYTES
                || name.contains(|c: char| c == ':' || c.is_control())
            {
                let message = format!(
                    "expected a name of 1 to {MAX_USER_BYTES} bytes without colon, found {}",
                    quoted(name)
                );
                self.faults.at(here.file, entry.at, &key, message, None);
            }
            let Some(text) = self.web_secret(here, &entry.value, &key) else {
                continue;
            };
            match hash_fault(text) {
                None => {
                    let hash = PasswordHash(text.to_owned());
                    web.users.insert(name.to_owned(), hash);
                }
                Some((found, hint)) => {
                    let message = format!("expected a bcrypt hash, found {found}");
                    self.faults
                        .at(here.file, entry.value.at, &key, message, Some(hint.to_owned()));
                }
            }
        }
    }

    /// A text that no message repeats.
    fn web_secret<'n>(&mut self, here: Here<'_>, node: &'n Node<'_>, key: &KeyPath<'_>) -> Option<&'n str> {
        match &node.value {
            Value::Scalar(text) => Some(text),
            _ => {
                let _: Option<&str> = self.other(here, node, key, "a bcrypt hash", Some(MAKE_A_HASH));
                None
            }
        }
    }

    fn web_rate(&mut self, here: Here<'_>, node: &Node<'_>, path: &KeyPath<'_>) -> Option<WebRateLimit> {
        let entries = self.map(here, node, path)?;
        self.check_keys(here, entries, Section::WebRate, path);
        let mut interval = None;
        let key = path.key("interval");
        if let Some(entry) = find(entries, "interval") {
            let text = self.text(here, &entry.value, &key)?;
            if matches!(text, "0" | "0s") {
                return None;
            }
            match duration::parse(text, &(Duration::from_millis(1)..=MAX_INTERVAL)) {
                Ok(duration) => interval = Some(duration),
                Err((message, hint)) => self.faults.at(here.file, entry.value.at, &key, message, hint),
            }
        } else {
            let message = "expected the key `interval`, found none";
            self.faults.at(here.file, node.at, path, message, None);
        }
        let key = path.key("burst");
        let Some(entry) = find(entries, "burst") else {
            let message = "expected the key `burst`, found none";
            self.faults.at(here.file, node.at, path, message, None);
            return None;
        };
        let text = self.text(here, &entry.value, &key)?;
        let burst = text.parse().ok().filter(|burst| (1..=MAX_BURST).contains(burst));
        if burst.is_none() {
            let message = format!("expected a number from 1 to {MAX_BURST}, found {}", quoted(text));
            self.faults.at(here.file, entry.value.at, &key, message, None);
        }
        Some(WebRateLimit {
            interval: interval?,
            burst: burst?,
        })
    }

    pub(super) fn truth(&mut self, here: Here<'_>, node: &Node<'_>, path: &KeyPath<'_>) -> Option<bool> {
        match self.text(here, node, path)? {
            "true" => Some(true),
            "false" => Some(false),
            other => {
                let message = format!("expected `true` or `false`, found {}", quoted(other));
                self.faults.at(here.file, node.at, path, message, None);
                None
            }
        }
    }

    fn faults_so_far(&self) -> usize {
        self.faults.count()
    }
}

fn within<'n, 's>(node: &'n Node<'s>, key: &str) -> Option<&'n Entry<'s>> {
    match &node.value {
        Value::Map(entries) => find(entries, key),
        _ => None,
    }
}

const MAKE_A_HASH: &str = "make one: `htpasswd -nBC 10 NAME`, and take what follows the colon";

/// What is wrong with a hash, in words that repeat none of it, and what to do.
fn hash_fault(text: &str) -> Option<(String, &'static str)> {
    let other = || Some(("another text".to_owned(), MAKE_A_HASH));
    let rest = ["$2a$", "$2b$", "$2y$"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix));
    let Some((cost, tail)) = rest.and_then(|rest| rest.split_once('$')) else {
        return other();
    };
    let is_code = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
    let Some(cost) = (cost.len() == 2).then(|| cost.parse::<u8>().ok()).flatten() else {
        return other();
    };
    if tail.len() != 53 || !tail.bytes().all(is_code) {
        return Some(("a damaged one".to_owned(), MAKE_A_HASH));
    }
    if !(MIN_COST..=MAX_COST).contains(&cost) {
        let hint = "make one of cost 10: each check at a higher cost keeps a core busy for seconds";
        return Some((
            format!("one of cost {cost}, beyond {MIN_COST} to {MAX_COST}"),
            hint,
        ));
    }
    None
}
