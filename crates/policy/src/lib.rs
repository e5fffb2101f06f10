//! Observation, profile and time in; findings and verdict out.
//!
//! ```text
//!  Profile ─┐                    ┌─ hello    version, suites, curve; survey: all that are shared
//!  Target ──┴─► Judge ──► judge ─┤  request  client certificate
//!                 ▲        (now) ├─ trust    chain, roots
//!  Observation ───┘              ├─ identity names            ──► Judgement
//!                                ├─ validity dates                (findings, verdict)
//!                                ├─ revocation what lists say of the path
//!                                ├─ lifetime days allowed by browsers' rules
//!                                ├─ usage    extended key usage
//!                                ├─ completion the handshake's end
//!                                ├─ reference a second client's opinion
//!                                ├─ sip      OPTIONS
//!                                ├─ rehearsal removal day
//!                                └─ agreement: all addresses of one visit
//! ```
//!
//! Judging is pure: the same observation, profile and time give the same judgement, and the same
//! observation can be judged again for another day or peer.
//!
//! What was not seen is skipped: it is neither good nor bad. Only what an endpoint answered can
//! fail it; a refused, silent or unreachable endpoint is inconclusive.
//!
//! This crate does no I/O and reads no clock: what revocation lists say is part of the observation.
//! It does not look at several visits.
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
//! let judgements = judge.judge_visit(&[observation], clock::now());
//! assert_eq!(judgements[0].verdict, Verdict::Inconclusive);
//! ```

mod agreement;
mod answer;
mod completion;
mod elsewhere;
mod hello;
mod identity;
mod judge;
mod lifetime;
mod paths;
mod reference;
mod rehearsal;
mod removal;
mod request;
mod revocation;
mod sight;
mod sip;
mod survey;
mod text;
mod trust;
mod usage;
mod validity;

pub use elsewhere::opinions;
pub use judge::Judge;
pub use removal::{RemovalStanding, peer_side, removal_standing};
