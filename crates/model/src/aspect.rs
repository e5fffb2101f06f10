//! What of a target can change.

use serde::{Serialize, Serializer};
use std::fmt;

/// What of a target can change: a closed list, a contract (the label `aspect`, the field `aspect` of a change).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aspect {
    /// The leaf certificate, its issuer, the root reached, its extended key usage.
    Identity,
    /// Whether a client certificate is asked for, and of which authorities.
    Request,
    /// Versions, suites and groups accepted, as the surveys found them.
    Suites,
    /// The addresses of the target's name.
    Addresses,
    /// The verdict.
    Verdict,
}

impl Aspect {
    /// Every aspect.
    pub const ALL: [Self; 5] = [
        Self::Identity,
        Self::Request,
        Self::Suites,
        Self::Addresses,
        Self::Verdict,
    ];

    /// The code used in reports, metrics and the journal.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Request => "request",
            Self::Suites => "suites",
            Self::Addresses => "addresses",
            Self::Verdict => "verdict",
        }
    }

    /// The aspect of that code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|aspect| aspect.code() == code)
    }
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Aspect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip() {
        for aspect in Aspect::ALL {
            assert_eq!(Aspect::from_code(aspect.code()), Some(aspect));
        }
        assert_eq!(Aspect::from_code("Identity"), None);
    }
}
