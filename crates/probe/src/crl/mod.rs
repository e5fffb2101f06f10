//! Revocation lists: fetched, kept, asked.
//!
//! ```text
//!  Link (certificate, issuer) ─► CrlStore::look ─► Revocation
//!                                   │ wanted         ▲ verified lists
//!                                   ▼                │
//!                 attend, fetch_for ─► cache (disk) ─┴─► Fetch (HTTP, guard)
//! ```
//!
//! A list's URL stands in the peer's certificate, so that the peer chooses where this program goes. See `guard.rs` for
//! where it does not go, and `fetch.rs` for the limits. A list, from wherever it comes, counts once the signature of the
//! certificate's issuer was checked.

mod cache;
mod fetch;
pub(crate) mod guard;
mod store;

pub use fetch::{FETCH_LIMIT, Fetch, FetchFault, Fetched, HttpFetch, MAX_BODY, Validators};
pub use store::CrlStore;

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().first_chunk().copied().unwrap_or_default()
}
