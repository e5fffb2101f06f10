//! Passwords: who is let in by name and password (RFC 7617).

use super::limit::{Buckets, Origin, Rate};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use siptls_config::PasswordHash;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
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
    right: Mutex<VecDeque<[u8; 32]>>,
    checks: Semaphore,
    waiting: Semaphore,
    failures: Buckets,
}

struct Credentials {
    user: Zeroizing<String>,
    password: Zeroizing<Vec<u8>>,
}

impl Passwords {
    /// Nobody is known yet. `None` when the system has no random numbers.
    pub(crate) fn new() -> Option<Self> {
        Some(Self {
            key: hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok()?,
            right: Mutex::default(),
            checks: Semaphore::new(CHECKS),
            waiting: Semaphore::new(WAITING),
            failures: Buckets::new(FAILURES),
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
        let Ok(_waiting) = self.waiting.try_acquire() else {
            return Login::Busy;
        };
        // Taken before the check, so that many tries at once are no more tries.
        if let Err(wait) = self.failures.take(origin, Instant::now()) {
            return Login::Limited(wait);
        }
        let Ok(_check) = self.checks.acquire().await else {
            return Login::Busy;
        };
        let text = hash.as_str().to_owned();
        let checked =
            tokio::task::spawn_blocking(move || bcrypt::verify(&*password, &text).unwrap_or(false)).await;
        if known.is_none() || !checked.unwrap_or(false) {
            return Login::Wrong;
        }
        self.failures.give_back(origin, Instant::now());
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() >= REMEMBERED {
            right.pop_front();
        }
        right.push_back(mark);
        Login::Known
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
    fn mark(&self, hash: &PasswordHash, user: &str, password: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [hash.as_str().as_bytes(), user.as_bytes(), password] {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let tag = context.sign();
        tag.as_ref().first_chunk().copied().unwrap_or_default()
    }

    fn is_right(&self, mark: &[u8; 32]) -> bool {
        let right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        right.iter().fold(false, |found, known| {
            verify_slices_are_equal(known, mark).is_ok() | found
        })
    }
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
