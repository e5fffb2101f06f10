//! What a check has to say.

use siptls_model::Status;
use std::borrow::Cow;

/// A check's result, before the profile's severity and source are put to it.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: Status,
    pub(crate) summary: String,
    pub(crate) evidence: String,
    pub(crate) remedy: Cow<'static, str>,
}

impl Answer {
    pub(crate) fn pass(summary: impl Into<String>, evidence: impl Into<String>) -> Self {
        Self {
            status: Status::Pass,
            summary: summary.into(),
            evidence: evidence.into(),
            remedy: "".into(),
        }
    }

    pub(crate) fn warn(
        summary: impl Into<String>,
        evidence: impl Into<String>,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status: Status::Warn,
            summary: summary.into(),
            evidence: evidence.into(),
            remedy: remedy.into(),
        }
    }

    pub(crate) fn fail(
        summary: impl Into<String>,
        evidence: impl Into<String>,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status: Status::Fail,
            summary: summary.into(),
            evidence: evidence.into(),
            remedy: remedy.into(),
        }
    }

    pub(crate) fn skip(summary: impl Into<String>) -> Self {
        Self {
            status: Status::Skip,
            summary: summary.into(),
            evidence: String::new(),
            remedy: "".into(),
        }
    }

    /// With something to do, where the skip itself can be mended.
    pub(crate) fn advise(mut self, remedy: impl Into<Cow<'static, str>>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// With more evidence, when there is any.
    pub(crate) fn also(mut self, evidence: Option<String>) -> Self {
        if let Some(more) = evidence {
            if !self.evidence.is_empty() {
                self.evidence.push_str("; ");
            }
            self.evidence.push_str(&more);
        }
        self
    }

    /// With facts.
    pub(crate) fn showing(mut self, evidence: impl Into<String>) -> Self {
        self.evidence = evidence.into();
        self
    }
}
