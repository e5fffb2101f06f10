//! What each check means, why it matters, and how to mend it.

use crate::fault::ProfileError;
use crate::yaml::{At, Faults, Node};
use siptls_model::CheckId;
use std::sync::LazyLock;

/// The explanations' file.
pub(crate) const TEXT: &str = include_str!("../../../config/data/explanations.yaml");

/// What a check means, why it matters, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The check.
    pub id: CheckId,
    /// One line for people.
    pub title: String,
    /// What is looked at, and when the check passes.
    pub meaning: String,
    /// What happens to calls when it fails.
    pub why: String,
    /// What to change, product by product; general advice stands under `any`.
    pub fix: Vec<VendorFix>,
    /// How to look at the same thing with OpenSSL. `HOST` and upper-case file names are to be
    /// filled in.
    pub openssl: String,
    /// Where it can be read up.
    pub sources: Vec<String>,
}

/// What to change in one vendor's product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorFix {
    /// The vendor or product; `any` for advice that fits all.
    pub vendor: String,
    /// What to change.
    pub text: String,
    /// Where the advice comes from.
    pub source: String,
}

/// The explanation of a check.
#[must_use]
pub fn explain(id: CheckId) -> &'static Explanation {
    static EXPLANATIONS: LazyLock<Vec<Explanation>> = LazyLock::new(|| match parse(TEXT) {
        Ok(explanations) => explanations,
        // The text is part of the program and a test reads it: this cannot be met in the field.
        Err(error) => panic!("shipped explanations: {error}"),
    });
    match EXPLANATIONS.iter().find(|explanation| explanation.id == id) {
        Some(explanation) => explanation,
        None => panic!("shipped explanations: none for {id}"),
    }
}

/// Reads the explanations' file: a list in the order of [`CheckId::ALL`] or any other.
pub(crate) fn parse(text: &str) -> Result<Vec<Explanation>, ProfileError> {
    let tree = Node::parse(text)?;
    let mut faults = Faults::default();
    let explanations = At::root(&tree).list(&mut faults, explanation);
    faults.finish(explanations)
}

fn explanation(at: &At<'_>, faults: &mut Faults) -> Option<Explanation> {
    let table = at.table(
        &["id", "title", "meaning", "why", "fix", "openssl", "sources"],
        faults,
    )?;
    let known: Vec<(&'static str, CheckId)> = CheckId::ALL.iter().map(|id| (id.code(), *id)).collect();
    let id = table
        .required("id", faults)
        .and_then(|at| at.one_of(&known, faults));
    let mut text = |key| table.text(key, faults).map(|text| text.trim().to_owned());
    let (title, meaning, why, openssl) = (text("title"), text("meaning"), text("why"), text("openssl"));
    let fix = table.required("fix", faults).and_then(|at| at.list(faults, fix));
    let sources = table
        .required("sources", faults)
        .and_then(|at| at.list(faults, |at, faults| at.text(faults).map(str::to_owned)));
    Some(Explanation {
        id: id?,
        title: title?,
        meaning: meaning?,
        why: why?,
        fix: fix?,
        openssl: openssl?,
        sources: sources?,
    })
}

fn fix(at: &At<'_>, faults: &mut Faults) -> Option<VendorFix> {
    let table = at.table(&["vendor", "text", "source"], faults)?;
    let mut text = |key| table.text(key, faults).map(|text| text.trim().to_owned());
    let (vendor, advice, source) = (text("vendor"), text("text"), text("source"));
    Some(VendorFix {
        vendor: vendor?,
        text: advice?,
        source: source?,
    })
}
