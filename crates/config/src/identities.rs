//! Client identities: what was given for them, read and paired, and the targets that name them.

use crate::fault::{known_names, quoted};
use crate::pem::{self, PemFault};
use crate::plan::absolute;
use crate::target::{Checker, Field, found_text, name_fits};
use siptls_model::ClientIdentity;
use siptls_tls12::NamedIdentity;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Most client identities of one target: each is a connection of a rehearsal, and whoever comes more often in a row is
/// taken for a scanner.
pub const MAX_IDENTITIES: usize = 8;

/// What was given for one identity.
#[derive(Clone, Copy, Default)]
pub(crate) struct GivenIdentity<'a> {
    name: Option<Field<'a>>,
    certificate: Option<Field<'a>>,
    key: Option<Field<'a>>,
}

impl<'a> GivenIdentity<'a> {
    /// Notes the value of a key of [`Section::Identity`](crate::keys::Section::Identity).
    pub(crate) fn set(&mut self, key: &str, field: Field<'a>) {
        match key {
            "name" => self.name = Some(field),
            "certificate" => self.certificate = Some(field),
            "key" => self.key = Some(field),
            _ => {}
        }
    }
}

/// Identities by name; `None` for one whose files have faults already.
pub(crate) type Identities = BTreeMap<String, Option<(ClientIdentity, NamedIdentity)>>;

impl Checker<'_> {
    /// Reads an identity and notes it under its name; its name and files when all of it is sound.
    pub(crate) fn declare(&mut self, given: &GivenIdentity<'_>) -> Option<ClientIdentity> {
        let name = given.name.as_ref().and_then(|field| self.identity_name(field));
        let certificate = given.certificate.as_ref().and_then(|field| self.file(field));
        let key = given.key.as_ref().and_then(|field| self.file(field));
        let chain = match (&given.certificate, &certificate) {
            (Some(field), Some(path)) => pem::certificates(path)
                .map_err(|fault| self.pem_fault(field, fault))
                .ok(),
            _ => None,
        };
        let mut sound = None;
        if let (Some(field), Some(path)) = (&given.key, &key) {
            let mut key_file = pem::key(path);
            let mut faults = std::mem::take(&mut key_file.faults);
            let pair = match (&certificate, chain) {
                (Some(certificate), Some(chain)) => key_file.pair(chain, certificate, path),
                _ => None,
            };
            match pair {
                Some(Ok(identity)) if faults.is_empty() => sound = Some(identity),
                Some(Err(fault)) => faults.push(fault),
                Some(Ok(_)) | None => {}
            }
            for fault in faults {
                self.pem_fault(field, fault);
            }
        }
        let name = name?;
        let declared = match (sound, certificate, key) {
            (Some(identity), Some(certificate), Some(key)) => {
                let files = ClientIdentity {
                    name: name.clone(),
                    certificate: absolute(&certificate),
                    key: absolute(&key),
                };
                let identity = NamedIdentity {
                    name: name.as_str().into(),
                    identity: Arc::new(identity),
                };
                Some((files, identity))
            }
            _ => None,
        };
        let files = declared.as_ref().map(|(files, _)| files.clone());
        self.names.identities.insert(name, declared);
        files
    }

    /// The identities that a target names.
    pub(crate) fn named(&mut self, names: &[Field<'_>]) -> (Vec<ClientIdentity>, Vec<NamedIdentity>) {
        if let Some(one_too_many) = names.get(MAX_IDENTITIES) {
            let message = format!(
                "expected at most {MAX_IDENTITIES} client identities, found {}",
                names.len()
            );
            self.fault(one_too_many, message, None);
        }
        let (mut files, mut identities): (Vec<ClientIdentity>, Vec<NamedIdentity>) = Default::default();
        for (index, field) in names.iter().enumerate() {
            if names.iter().take(index).any(|other| other.text == field.text) {
                let message = format!("expected a name used once, found {} again", quoted(field.text));
                self.fault(field, message, None);
                continue;
            }
            match self.names.identities.get(field.text) {
                Some(Some((file, identity))) => {
                    files.push(file.clone());
                    identities.push(identity.clone());
                }
                Some(None) => {}
                None => {
                    let message = format!(
                        "expected the name of a client identity, found {}",
                        found_text(field.text)
                    );
                    let known: Vec<&str> = self.names.identities.keys().map(String::as_str).collect();
                    let hint = match known.as_slice() {
                        [] => Some("list it under `client_identities` of the configuration".to_owned()),
                        known => known_names(field.text, known.iter().copied()),
                    };
                    self.fault(field, message, hint);
                }
            }
        }
        (files, identities)
    }

    fn identity_name(&mut self, field: &Field<'_>) -> Option<String> {
        if !name_fits(field.text) {
            self.unfit_name(field);
            return None;
        }
        if self.names.identities.contains_key(field.text) {
            let message = format!("expected a name used once, found {} again", quoted(field.text));
            self.fault(field, message, None);
            return None;
        }
        Some(field.text.to_owned())
    }

    /// The path of a file, noted among the sources whether it is there or not.
    pub(crate) fn file(&mut self, field: &Field<'_>) -> Option<PathBuf> {
        if field.text.is_empty() {
            self.fault(
                field,
                "expected the path of a PEM file, found an empty text",
                None,
            );
            return None;
        }
        let path = self.base.join(field.text);
        let absolute = absolute(&path);
        self.names.sources.note(&absolute);
        if !self.names.files.contains(&absolute) {
            self.names.files.push(absolute);
        }
        Some(path)
    }

    pub(crate) fn pem_fault(&mut self, field: &Field<'_>, PemFault { message, hint }: PemFault) {
        self.fault(field, message, hint);
    }
}
