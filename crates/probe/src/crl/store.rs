//! The lists at hand, shared by all targets, and when each is fetched again.

use super::cache::{self, Stored};
use super::fetch::{Fetch, FetchFault, Fetched, HttpFetch, Validators};
use crate::turns::Turns;
use jiff::Timestamp;
use siptls_cert::{Certificate, Crl, CrlDefect, CrlStatus, Link, VerifiedCrl};
use siptls_model::{
    CertificateRevocation, FetchResult, Revocation, RevocationSettings, Standing, clock, escape_text_bounded,
};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// A list is fetched again no sooner than this after it was fetched.
const REFRESH_LEAST: Duration = Duration::from_secs(3_600);
/// A list is fetched again at least so often: a revocation should not wait for the end of a list that lasts a month.
const REFRESH_MOST: Duration = Duration::from_secs(86_400);
/// The wait after a first failure; it doubles with each further one.
const RETRY_LEAST: Duration = Duration::from_secs(60);
/// The longest wait after a failure.
const RETRY_MOST: Duration = Duration::from_secs(6 * 3_600);
/// How long a fetch may be under way before it counts as lost and is begun again.
const LEASE: Duration = Duration::from_secs(300);
/// A list that no target has asked for so long is forgotten; longer than the longest interval of visits.
const FORGET: Duration = Duration::from_secs(8 * 86_400);
/// Most fetches at once.
const CONCURRENCY: usize = 4;
/// Most lists known, fetched or not.
const MAX_LISTS: usize = 4_096;
/// Most bytes of lists in memory.
const MAX_BYTES: usize = 256 * 1024 * 1024;
/// URLs of one certificate that are tried; real ones have one or two.
const MAX_URLS: usize = 8;

/// The lists at hand. One of it serves all targets of a program.
///
/// [`look`](Self::look) judges by what is there and waits for nothing; what is missing is noted and fetched by
/// [`attend`](Self::attend) or [`fetch_for`](Self::fetch_for).
pub struct CrlStore<F = HttpFetch> {
    fetcher: F,
    settings: RwLock<RevocationSettings>,
    lists: Mutex<HashMap<Key, Known>>,
    /// Never two fetches of one list at once.
    turns: Turns<[u8; 32]>,
    wanted: Notify,
}

/// A list is known by its place and by who must have signed it: nobody can spoil another authority's list by writing
/// its URL into a certificate of his own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    url: Arc<str>,
    signer: [u8; 32],
}

struct Known {
    issuer: Arc<Certificate>,
    /// The URLs to try when this one fails.
    others: Arc<[Arc<str>]>,
    held: Option<Held>,
    failure: Option<Failure>,
    /// When it is to be fetched.
    due: Instant,
    /// When the last attempt ended.
    ended: Option<Instant>,
    /// When a target asked last.
    wanted: Instant,
}

#[derive(Clone)]
struct Held {
    list: Arc<VerifiedCrl>,
    fetched: Timestamp,
    validators: Validators,
}

#[derive(Clone)]
struct Failure {
    fault: FetchFault,
    since: Timestamp,
    count: u32,
}

impl CrlStore {
    /// A store that fetches by HTTP. It opens nothing and reads nothing yet.
    #[must_use]
    pub fn new(settings: RevocationSettings) -> Self {
        Self::with_fetcher(HttpFetch::default(), settings)
    }
}

impl<F: Fetch> CrlStore<F> {
    /// A store with its own way of fetching.
    #[must_use]
    pub fn with_fetcher(fetcher: F, settings: RevocationSettings) -> Self {
        Self {
            fetcher,
            settings: RwLock::new(settings),
            lists: Mutex::default(),
            turns: Turns::default(),
            wanted: Notify::new(),
        }
    }

    /// Takes other settings into use. Lists at hand stay; what had been refused is tried again.
    pub fn configure(&self, settings: RevocationSettings) {
        let mut current = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        if *current == settings {
            return;
        }
        *current = settings;
        drop(current);
        for known in self.lists().values_mut() {
            let is_refused = |failure: &mut Failure| failure.fault.result() == FetchResult::Refused;
            if known.failure.take_if(is_refused).is_some() {
                known.due = Instant::now();
            }
        }
        self.wanted.notify_one();
    }

    fn settings(&self) -> RevocationSettings {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        settings.clone()
    }

    fn lists(&self) -> MutexGuard<'_, HashMap<Key, Known>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of the lists at hand.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let lists = self.lists();
        lists
            .values()
            .filter_map(|known| known.held.as_ref())
            .map(Held::bytes)
            .sum()
    }

    /// What the lists at hand say of these certificates; `None` when nobody is to ask. Lists that are missing are noted
    /// as wanted.
    #[must_use]
    pub fn look(&self, links: &[Link<'_>], now: Timestamp) -> Option<Arc<Revocation>> {
        let is_enabled = self
            .settings
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .enabled;
        is_enabled.then(|| {
            let certificates = links.iter().map(|link| self.ask(link, now, true)).collect();
            Arc::new(Revocation { certificates })
        })
    }

    /// As [`look`](Self::look), of the lists at hand alone: what is missing is not noted, so that nothing is fetched for it.
    /// For chains of destinations that somebody else chose.
    #[must_use]
    pub fn peek(&self, links: &[Link<'_>], now: Timestamp) -> Option<Arc<Revocation>> {
        self.settings().enabled.then(|| {
            let certificates = links.iter().map(|link| self.ask(link, now, false)).collect();
            Arc::new(Revocation { certificates })
        })
    }

    /// As [`look`](Self::look), once every list that was missing has been tried: to be given a deadline by the caller.
    pub async fn fetch_for(&self, links: &[Link<'_>]) -> Option<Arc<Revocation>> {
        // Each round tries at least one URL of a certificate that had not been tried.
        for _ in 0..MAX_URLS {
            self.look(links, clock::now())?;
            let missing = self.missing(links);
            if missing.is_empty() {
                break;
            }
            for key in missing {
                self.refresh(&key).await;
            }
        }
        self.look(links, clock::now())
    }

    /// Keys of the lists of these certificates that nobody has tried yet.
    fn missing(&self, links: &[Link<'_>]) -> Vec<Key> {
        let lists = self.lists();
        let mut missing = Vec::new();
        for link in links {
            let Some(issuer) = link.issuer else { continue };
            for url in &link.certificate.crl_urls {
                let key = Key {
                    url: url.as_str().into(),
                    signer: issuer.spki_sha256,
                };
                if lists.get(&key).is_some_and(Known::is_untried) {
                    missing.push(key);
                }
            }
        }
        missing
    }

    /// What the lists at hand say of one certificate; whether those that are missing are wanted.
    fn ask(&self, link: &Link<'_>, now: Timestamp, is_wanted: bool) -> CertificateRevocation {
        let mut unknown = unknown(link.index, None, Standing::Unasked, "it names no revocation list");
        let Some(issuer) = link.issuer else {
            unknown.reason = "its issuer is not at hand".to_owned();
            return unknown;
        };
        let urls: Arc<[Arc<str>]> = link
            .certificate
            .crl_urls
            .iter()
            .take(MAX_URLS)
            .map(|url| url.as_str().into())
            .collect();
        let mut first = true;
        let mut lists = self.lists();
        for (position, url) in urls.iter().enumerate() {
            let key = Key {
                url: Arc::clone(url),
                signer: issuer.spki_sha256,
            };
            let others = || urls.iter().skip(position + 1).cloned().collect();
            let found = if is_wanted {
                self.want(&mut lists, key, || Arc::new(issuer.clone()), others)
            } else {
                lists.get_mut(&key)
            };
            let Some(known) = found else {
                let why = if is_wanted {
                    "too many revocation lists are known already"
                } else {
                    "its revocation list is not at hand, and is not fetched for a destination that is no target's"
                };
                return self::unknown(link.index, Some(url), Standing::Unasked, why);
            };
            let answer = known.answer(link, url, issuer, now);
            match answer.standing {
                Standing::Good | Standing::Revoked { .. } => return answer,
                _ if first || rank(answer.standing) > rank(unknown.standing) => unknown = answer,
                _ => {}
            }
            first = false;
            if known.is_untried() {
                break;
            }
        }
        unknown
    }

    /// The list of that key, noted as wanted; `None` when there are too many. A new one takes the place of one that
    /// never came: chains that somebody makes up keep no other's list out.
    fn want<'a>(
        &self,
        lists: &'a mut HashMap<Key, Known>,
        key: Key,
        issuer: impl FnOnce() -> Arc<Certificate>,
        others: impl FnOnce() -> Arc<[Arc<str>]>,
    ) -> Option<&'a mut Known> {
        let now = Instant::now();
        if !lists.contains_key(&key) {
            if lists.len() >= MAX_LISTS {
                let never_came = lists.iter().filter(|(_, known)| known.held.is_none());
                let (oldest, _) = never_came.min_by_key(|(_, known)| known.wanted)?;
                let oldest = oldest.clone();
                lists.remove(&oldest);
            }
            lists.insert(key.clone(), Known::new(issuer(), others(), now));
            self.wanted.notify_one();
        }
        let known = lists.get_mut(&key)?;
        known.wanted = now;
        Some(known)
    }

    /// Fetches what is wanted, when it is due, for ever; `told` hears of each list taken in, and how the
    /// attempt to fetch it ended; `None`: nobody had to be asked.
    pub async fn attend(self: Arc<Self>, mut told: impl FnMut(Option<FetchResult>)) {
        let mut fetches: JoinSet<Option<FetchResult>> = JoinSet::new();
        loop {
            let room = CONCURRENCY.saturating_sub(fetches.len());
            let (begin, next) = self.due(room);
            for key in begin {
                let this = Arc::clone(&self);
                fetches.spawn(async move { this.refresh(&key).await });
            }
            let next = next.filter(|_| fetches.len() < CONCURRENCY);
            tokio::select! {
                Some(ended) = fetches.join_next() => match ended {
                    Ok(result) => told(result),
                    Err(_) => tracing::error!("fetching a revocation list ended abnormally"),
                },
                () = self.wanted.notified() => {}
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
            }
        }
    }

    /// Takes up to so many lists that are due, the longest due first, and says when the next one is.
    fn due(&self, room: usize) -> (Vec<Key>, Option<Instant>) {
        let now = Instant::now();
        let mut lists = self.lists();
        let folder = self.settings().cache;
        lists.retain(|key, known| {
            let is_kept = now.duration_since(known.wanted) < FORGET;
            if let (false, Some(folder)) = (is_kept, &folder) {
                cache::remove(folder, &key.url);
            }
            is_kept
        });
        let mut by_time: Vec<(Instant, Key)> = lists
            .iter()
            .map(|(key, known)| (known.due, key.clone()))
            .collect();
        by_time.sort_by_key(|(due, _)| *due);
        let is_due = |(due, _): &&(Instant, Key)| *due <= now;
        let begin: Vec<Key> = by_time
            .iter()
            .take_while(is_due)
            .take(room)
            .map(|(_, key)| key.clone())
            .collect();
        for key in &begin {
            if let Some(known) = lists.get_mut(key) {
                known.due = now + LEASE;
            }
        }
        let next = by_time.get(begin.len()).map(|(due, _)| *due);
        (begin, next)
    }

    /// Fetches one list, unless somebody did while this waited for its turn; `None` when nothing was fetched.
    async fn refresh(&self, key: &Key) -> Option<FetchResult> {
        let asked = Instant::now();
        let _turn = self
            .turns
            .take(super::sha256(&[key.url.as_bytes(), &key.signer].concat()))
            .await;
        let (issuer, held) = {
            let lists = self.lists();
            let known = lists
                .get(key)
                .filter(|known| known.ended.is_none_or(|ended| ended < asked))?;
            (Arc::clone(&known.issuer), known.held.clone())
        };
        let settings = self.settings();
        if !settings.enabled {
            return None;
        }
        if let (None, Some(folder)) = (&held, &settings.cache)
            && let Some(held) = from_disk(folder.clone(), Arc::clone(&key.url), Arc::clone(&issuer)).await
        {
            self.settle(key, Some(held), None);
            return None;
        }
        let validators = held
            .as_ref()
            .map(|held| held.validators.clone())
            .unwrap_or_default();
        let answer = self.fetcher.fetch(&key.url, &validators, &settings.allow).await;
        let is_news = !matches!(answer, Ok(Fetched::NotModified));
        let fetched = clock::now();
        let outcome = match answer {
            Ok(Fetched::NotModified) => held
                .map(|held| Held { fetched, ..held })
                .ok_or(FetchFault::Status { status: 304 }),
            Ok(Fetched::Body(der, validators)) => {
                let stored = Stored {
                    fetched,
                    validators,
                    der,
                };
                from_network(settings.cache, Arc::clone(&key.url), issuer, held, stored).await
            }
            Err(fault) => Err(fault),
        };
        let (held, fault) = match outcome {
            // One that has ended is kept all the same: it may tell of revocations.
            Ok(held) => {
                let fault = held.list.check_dates(fetched).err().map(FetchFault::Defect);
                (Some(held), fault)
            }
            Err(fault) => (None, Some(fault)),
        };
        let result = match &fault {
            Some(fault) => fault.result(),
            None if is_news => FetchResult::Ok,
            None => FetchResult::NotModified,
        };
        self.settle(key, held, fault);
        Some(result)
    }

    /// Takes in how an attempt ended: the list that came, and why it is not, or not any more, of use.
    fn settle(&self, key: &Key, mut held: Option<Held>, mut fault: Option<FetchFault>) {
        let now = Instant::now();
        let moment = clock::now();
        let mut lists = self.lists();
        let others: usize = lists
            .iter()
            .filter(|(other, _)| *other != key)
            .filter_map(|(_, known)| known.held.as_ref())
            .map(Held::bytes)
            .sum();
        let is_too_large = |held: &mut Held| others.saturating_add(held.bytes()) > MAX_BYTES;
        if held.take_if(is_too_large).is_some() {
            fault = Some(FetchFault::TooLarge { limit: MAX_BYTES });
        }
        let Some(known) = lists.get_mut(key) else { return };
        known.ended = Some(now);
        let url = escape_text_bounded(&key.url, MAX_SHOWN);
        let before = known.failure.take();
        if let Some(held) = held {
            let age = held.fetched.duration_until(moment).unsigned_abs();
            let wait = refresh_after(held.fetched, held.list.list().next_update, jitter());
            known.due = now + wait.saturating_sub(age);
            known.held = Some(held);
        }
        let Some(fault) = fault else {
            if before.is_some() {
                tracing::info!(url, "revocation list fetched again");
            }
            return;
        };
        if before.as_ref().is_none_or(|before| before.fault != fault) {
            let why = fault.to_string();
            tracing::warn!(url, why, "revocation list not fetched");
        }
        let count = before.as_ref().map_or(0, |before| before.count).saturating_add(1);
        known.due = now + retry_after(count, jitter());
        known.failure = Some(Failure {
            fault,
            since: before.map_or(moment, |before| before.since),
            count,
        });
        // The next URL at once, not at the next visit.
        if let Some((next, rest)) = known.others.clone().split_first() {
            let issuer = Arc::clone(&known.issuer);
            let key = Key {
                url: Arc::clone(next),
                signer: key.signer,
            };
            self.want(&mut lists, key, || issuer, || rest.into());
        }
    }
}

/// Characters of a URL that the log and the reports show.
const MAX_SHOWN: usize = 200;

impl Known {
    const fn new(issuer: Arc<Certificate>, others: Arc<[Arc<str>]>, now: Instant) -> Self {
        Self {
            issuer,
            others,
            held: None,
            failure: None,
            due: now,
            ended: None,
            wanted: now,
        }
    }

    const fn is_untried(&self) -> bool {
        self.held.is_none() && self.failure.is_none()
    }

    /// What it says of a certificate.
    fn answer(
        &self,
        link: &Link<'_>,
        url: &str,
        issuer: &Certificate,
        now: Timestamp,
    ) -> CertificateRevocation {
        let unknown = |standing, why: &str| unknown(link.index, Some(url), standing, why);
        let Some(held) = &self.held else {
            return match &self.failure {
                None => unknown(Standing::Unasked, "its revocation list was not fetched yet"),
                Some(failure) => unknown(failure.standing(), &failed(&failure.fault)),
            };
        };
        let told = |standing, reason: String| CertificateRevocation {
            index: link.index,
            standing,
            reason,
            url: Some(escape_text_bounded(url, MAX_SHOWN)),
            next_update: held.list.list().next_update,
        };
        match held.list.status(link.certificate, issuer, now) {
            Ok(CrlStatus::NotListed) => told(Standing::Good, String::new()),
            Ok(CrlStatus::Revoked { since, reason }) => {
                let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
                told(
                    Standing::Revoked { since },
                    format!("revoked since {since}{reason}"),
                )
            }
            Err(defect @ CrlDefect::Expired { .. }) => match &self.failure {
                None => unknown(Standing::Unasked, &format!("the list at hand {defect}")),
                Some(failure) if failure.fault.result() == FetchResult::Invalid => {
                    unknown(failure.standing(), &failed(&failure.fault))
                }
                Some(failure) => {
                    let why = format!("the list at hand {defect}, and then: {}", failed(&failure.fault));
                    unknown(failure.standing(), &why)
                }
            },
            Err(defect) => unknown(Standing::Unusable, &format!("its revocation list {defect}")),
        }
    }
}

impl Failure {
    const fn standing(&self) -> Standing {
        match (&self.fault, self.fault.result()) {
            (FetchFault::TooLarge { .. }, _) | (_, FetchResult::Refused) => Standing::Unasked,
            (_, FetchResult::Invalid) => Standing::Unusable,
            _ => Standing::Unreachable { since: self.since },
        }
    }
}

impl Held {
    /// Whether it stays in spite of another list that came: a stale cache or a replay must not undo a revocation.
    fn outweighs(&self, other: &VerifiedCrl, now: Timestamp) -> bool {
        let is_older = other.list().this_update < self.list.list().this_update;
        is_older && (self.list.check_dates(now).is_ok() || other.check_dates(now).is_err())
    }

    fn bytes(&self) -> usize {
        self.list.list().der().len()
    }
}

fn failed(fault: &FetchFault) -> String {
    format!("its revocation list could not be had: {fault}")
}

fn unknown(index: usize, url: Option<&str>, standing: Standing, why: &str) -> CertificateRevocation {
    CertificateRevocation {
        index,
        standing,
        reason: why.to_owned(),
        url: url.map(|url| escape_text_bounded(url, MAX_SHOWN)),
        next_update: None,
    }
}

/// How much a reason for not knowing says; more outweighs less.
const fn rank(standing: Standing) -> u8 {
    match standing {
        Standing::Unusable => 2,
        Standing::Unreachable { .. } => 1,
        _ => 0,
    }
}

/// Reads a list from disk; `None` unless it is there, is the issuer's and is current.
async fn from_disk(folder: PathBuf, url: Arc<str>, issuer: Arc<Certificate>) -> Option<Held> {
    let read = move || {
        let stored = cache::read(&folder, &url)?;
        let (fetched, validators) = (stored.fetched, stored.validators);
        let list = Crl::parse(stored.der).ok()?.verify(&issuer).ok()?;
        let now = clock::now();
        list.check_dates(now).ok()?;
        (fetched <= now).then(|| Held {
            list: Arc::new(list),
            fetched,
            validators,
        })
    };
    tokio::task::spawn_blocking(read).await.ok()?
}

/// Takes what came from the network: verified, no step back behind the list at hand, and written to disk when it is
/// current.
async fn from_network(
    folder: Option<PathBuf>,
    url: Arc<str>,
    issuer: Arc<Certificate>,
    held: Option<Held>,
    stored: Stored,
) -> Result<Held, FetchFault> {
    let take = move || {
        let list = Crl::parse(stored.der).map_err(FetchFault::NotAList)?;
        let list = list.verify(&issuer).map_err(FetchFault::Defect)?;
        if let Some(held) = held.filter(|held| held.outweighs(&list, stored.fetched)) {
            return Err(FetchFault::Older {
                came: list.list().this_update,
                held: held.list.list().this_update,
            });
        }
        let stored = Stored {
            der: list.list().der().to_vec(),
            ..stored
        };
        if let Some(folder) = folder.filter(|_| list.check_dates(stored.fetched).is_ok())
            && let Err(error) = cache::write(&folder, &url, &stored)
        {
            tracing::warn!(folder = %folder.display(), %error, "revocation list not kept on disk");
        }
        Ok(Held {
            list: Arc::new(list),
            fetched: stored.fetched,
            validators: stored.validators,
        })
    };
    let ended = tokio::task::spawn_blocking(take).await;
    ended.unwrap_or_else(|_| {
        Err(FetchFault::Unreachable {
            why: "taking it in ended abnormally".to_owned(),
        })
    })
}

/// From the fetch of a list to the next: half of what was left of it, an hour at least and a day at most, up to a fifth
/// sooner by chance so that lists fetched together are not fetched together for ever.
fn refresh_after(fetched: Timestamp, next_update: Option<Timestamp>, jitter: f64) -> Duration {
    let left = next_update.map_or(Duration::ZERO, |until| {
        Duration::try_from(fetched.duration_until(until)).unwrap_or_default()
    });
    let wait = (left / 2).min(REFRESH_MOST).mul_f64(1.0 - jitter / 5.0);
    wait.max(REFRESH_LEAST)
}

/// From a failure to the next attempt, the more the longer: [`RETRY_LEAST`] to [`RETRY_MOST`], up to a fifth sooner.
fn retry_after(count: u32, jitter: f64) -> Duration {
    let doubled = RETRY_LEAST.saturating_mul(2_u32.saturating_pow(count.saturating_sub(1).min(16)));
    doubled.min(RETRY_MOST).mul_f64(1.0 - jitter / 5.0)
}

/// By chance from 0 to 1.
fn jitter() -> f64 {
    let [byte, ..] = siptls_tls12::random();
    f64::from(byte) / 255.0
}

#[cfg(test)]
mod tests;
