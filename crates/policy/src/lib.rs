//! Observation, profile and time in; findings and verdict out.
//!
//! ```text
//!  Profile ─┐                    ┌─ hello    version, suites, curve; survey: all that are shared
//!  Target ──┴─► Judge ──► judge ─┤  request  client certificate
//!                 ▲        (now) ├─ trust    chain, roots
//!  Observation ───┘              ├─ identity names            ──► Judgement
//!                                ├─ validity dates                (findings, verdict)
//!                                ├─ revocation what lists say of the path
//!                                ├─ usage    extended key usage
//!                                └─ sip      OPTIONS
//! ```
//!
//! Judging is pure: the same observation, profile and time give the same judgement, and the same
//! observation can be judged again for another day or peer.
//!
//! What was not seen is skipped: it is neither good nor bad. Only what an endpoint answered can
//! fail it; a refused, silent or unreachable endpoint is inconclusive.
//!
//! This crate does no I/O and reads no clock: what revocation lists say is part of the observation.
//! It does not look at several addresses or at several visits.
//!
//! ```
//! use siptls_catalog::{profile, DEFAULT_PROFILE};
//! use siptls_model::{clock, Verdict};
//! use siptls_policy::Judge;
//! # use siptls_model::{Observation, Phase, ProbeError, Reason, Target};
//! # use std::sync::Arc;
//! # let target = Arc::new(Target::new("sbc", "sbc.example.test".parse().unwrap(), DEFAULT_PROFILE));
//! # let observation = Observation {
//! #     error: Some(ProbeError { phase: Phase::Resolve, reason: Reason::NameNotFound, message: String::new() }),
//! #     ..Observation::blank(&target, None, clock::now())
//! # };
//!
//! let judge = Judge::new(profile(DEFAULT_PROFILE).unwrap(), None, &target);
//! let judgement = judge.judge(&observation, clock::now());
//! assert_eq!(judgement.verdict, Verdict::Inconclusive);
//! ```

mod answer;
mod hello;
mod identity;
mod judge;
mod paths;
mod request;
mod revocation;
mod sight;
mod sip;
mod survey;
mod text;
mod trust;
mod usage;
mod validity;

pub use judge::Judge;
