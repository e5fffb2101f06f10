//! Passwords: who is let in by name and password (RFC 7617).

use super::limit::{Buckets, Origin, Rate};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use siptls_config::PasswordHash;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use zeroize::Zeroizing;

/// Longest credentials in base64: names have 128 bytes at most, and bcrypt looks at 72 bytes of a password.
const MAX_CREDENTIALS: usize = 1_024;

/// Passwords checked at once: each keeps a core busy for some tens of milliseconds, and the visits need theirs.
const CHECKS: usize = 1;

/// Passwords that wait to be checked; further ones are answered 503.
const WAITING: usize = 16;

/// Right passwords that are remembered: as many as there are people and programs who ask.
const REMEMBERED: usize = 128;

/// Wrong passwords of one origin: a person mistypes a few times, and a machine guesses ten an hour and a half.
const FAILURES: Rate = Rate {
    burst: 10,
    interval: Duration::from_secs(10),
};

/// What came of a name and a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    /// They are right.
    Known,
    /// There are none, or none that can be read.
    Missing,
    /// They are wrong.
    Wrong,
    /// Too many wrong ones came from there; another try in that time.
    Limited(Duration),
    /// Too many are being checked.
    Busy,
}

/// Checks passwords and remembers the right ones, as a keyed hash that tells nothing of them.
pub(crate) struct Passwords {
    key: hmac::Key,
    right: Arc<Mutex<VecDeque<Mark>>>,
    checks: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    under_way: Arc<Mutex<HashMap<Mark, watch::Receiver<Option<bool>>>>>,
    failures: Arc<Buckets>,
}

/// What is remembered of a password, and by which two that are the same are told.
type Mark = [u8; 32];

struct Credentials {
    user: Zeroizing<String>,
    password: Zeroizing<Vec<u8>>,
}

impl Passwords {
    /// Nobody is known yet. `None` when the system has no random numbers.
    pub(crate) fn new() -> Option<Self> {
        Some(Self {
            key: hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok()?,
            right: Arc::default(),
            checks: Arc::new(Semaphore::new(CHECKS)),
            waiting: Arc::new(Semaphore::new(WAITING)),
            under_way: Arc::default(),
            failures: Arc::new(Buckets::new(FAILURES)),
        })
    }

    /// Checks the credentials of a request.
    pub(crate) async fn login(
        &self,
        users: &BTreeMap<String, PasswordHash>,
        header: Option<&HeaderValue>,
        origin: Origin,
    ) -> Login {
        let Some(Credentials { user, password }) = header.and_then(credentials) else {
            return Login::Missing;
        };
        let known = users.get(user.as_str());
        // For a name that nobody has, somebody's hash is computed all the same: names cannot be told by the time it takes.
        let Some(hash) = known.or_else(|| self.somebody(users, &user)) else {
            return Login::Wrong;
        };
        let mark = self.mark(hash, &user, &password);
        if known.is_some() && self.is_right(&mark) {
            return Login::Known;
        }
        let (check, begun) = match self.check(mark, hash, password, known.is_some(), origin) {
            Ok(check) => check,
            Err(login) => return login,
        };
        match outcome(check).await {
            Some(true) => Login::Known,
            // Whoever begins a check has taken a token for it; whoever joins one takes it now.
            Some(false) if begun => Login::Wrong,
            Some(false) => match self.failures.take(origin, Instant::now()) {
                Ok(()) => Login::Wrong,
                Err(wait) => Login::Limited(wait),
            },
            None => Login::Busy,
        }
    }

    /// The check of a password, and whether it begins now: the same one is not computed twice at once. It is a task of its
    /// own, because bcrypt cannot be stopped: whoever hangs up leaves it its place, and the next one waits for it.
    fn check(
        &self,
        mark: Mark,
        hash: &PasswordHash,
        password: Zeroizing<Vec<u8>>,
        is_known: bool,
        origin: Origin,
    ) -> Result<(watch::Receiver<Option<bool>>, bool), Login> {
        let mut under_way = lock(&self.under_way);
        if let Some(check) = under_way.get(&mark) {
            return Ok((check.clone(), false));
        }
        // It may have ended since the first look.
        if is_known && self.is_right(&mark) {
            return Err(Login::Known);
        }
        let Ok(waiting) = Arc::clone(&self.waiting).try_acquire_owned() else {
            return Err(Login::Busy);
        };
        // Taken before the check, so that many tries at once are no more tries.
        self.failures
            .take(origin, Instant::now())
            .map_err(Login::Limited)?;
        let (tell, check) = watch::channel(None);
        under_way.insert(mark, check.clone());
        drop(under_way);
        let text = hash.as_str().to_owned();
        let (checks, right) = (Arc::clone(&self.checks), Arc::clone(&self.right));
        let (under_way, failures) = (Arc::clone(&self.under_way), Arc::clone(&self.failures));
        tokio::spawn(async move {
            let checked = match checks.acquire_owned().await {
                Ok(permit) => {
                    let check = move || {
                        let is_right = bcrypt::verify(&*password, &text).unwrap_or(false);
                        drop(permit);
                        is_right
                    };
                    tokio::task::spawn_blocking(check).await.unwrap_or(false)
                }
                Err(_) => false,
            };
            let is_right = checked && is_known;
            if is_right {
                failures.give_back(origin, Instant::now());
                let mut right = lock(&right);
                if !right.contains(&mark) {
                    if right.len() >= REMEMBERED {
                        right.pop_front();
                    }
                    right.push_back(mark);
                }
            }
            lock(&under_way).remove(&mark);
            drop(waiting);
            let _ = tell.send(Some(is_right));
        });
        Ok((check, true))
    }

    /// The hash of one of the users, always the same one for a name.
    fn somebody<'a>(
        &self,
        users: &'a BTreeMap<String, PasswordHash>,
        name: &str,
    ) -> Option<&'a PasswordHash> {
        let tag = hmac::sign(&self.key, name.as_bytes());
        let number = tag
            .as_ref()
            .first_chunk()
            .map_or(0, |bytes| u64::from_be_bytes(*bytes));
        let count = u64::try_from(users.len()).ok().filter(|count| *count > 0)?;
        users.values().nth(usize::try_from(number % count).unwrap_or(0))
    }

    /// What is remembered of a right password. With the hash in it, a changed one makes it worthless.
    fn mark(&self, hash: &PasswordHash, user: &str, password: &[u8]) -> Mark {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [hash.as_str().as_bytes(), user.as_bytes(), password] {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let tag = context.sign();
        tag.as_ref().first_chunk().copied().unwrap_or_default()
    }

    fn is_right(&self, mark: &Mark) -> bool {
        let right = lock(&self.right);
        right.iter().fold(false, |found, known| {
            verify_slices_are_equal(known, mark).is_ok() | found
        })
    }
}

/// What a check came to; `None` when it ended without.
async fn outcome(mut check: watch::Receiver<Option<bool>>) -> Option<bool> {
    let told = check.wait_for(Option::is_some).await.ok()?;
    *told
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Name and password of a header; `None` when it has none.
fn credentials(header: &HeaderValue) -> Option<Credentials> {
    let text = header.as_bytes();
    let (scheme, rest) = text.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") || rest.len() > MAX_CREDENTIALS {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(rest.trim_ascii()).ok()?);
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let (user, password) = decoded.split_at(colon);
    Some(Credentials {
        user: Zeroizing::new(std::str::from_utf8(user).ok()?.to_owned()),
        password: Zeroizing::new(password.get(1..)?.to_vec()),
    })
}

#[cfg(test)]
mod tests;
