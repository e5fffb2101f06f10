//! Which certificates a revocation list speaks of: its extensions and those of its entries (RFC 5280 §5.2, §5.3).

use crate::certificate::Certificate;
use crate::crl::{CrlDefect, RevocationReason};
use crate::der::{self, Elements};

/// Names of a distribution point that are kept; real lists have one or two.
const MAX_NAMES: usize = 16;

/// What a list leaves out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    is_delta: bool,
    is_indirect: bool,
    only_some_reasons: bool,
    only_user: bool,
    only_authorities: bool,
    only_attribute: bool,
    /// URLs of the distribution point; `None`: the list is not partitioned.
    partition: Option<Vec<String>>,
    unknown_critical: Option<String>,
}

impl Scope {
    /// Takes the content of `crlExtensions` in; `None` when it is malformed.
    pub(crate) fn read_extensions(&mut self, content: &[u8]) -> Option<()> {
        let mut explicit = Elements::new(content);
        let list = explicit.expect(der::SEQUENCE).filter(|_| explicit.at_end())?;
        each_extension(list.content, |oid, critical, value| {
            match oid {
                // authorityKeyIdentifier, issuerAltName, cRLNumber, freshestCRL, authorityInfoAccess: they bear on no
                // answer. A base list is whole without the delta that freshestCRL points to.
                [0x55, 0x1d, 0x23 | 0x12 | 0x14 | 0x2e]
                | [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01] => {}
                [0x55, 0x1d, 0x1b] => self.is_delta = true,
                [0x55, 0x1d, 0x1c] => self.read_distribution_point(value)?,
                oid if critical => self.note_unknown(oid),
                _ => {}
            }
            Some(())
        })
    }

    /// Takes the extensions of one entry in; `None` when they are malformed.
    pub(crate) fn read_entry_extensions(&mut self, content: &[u8]) -> Option<()> {
        each_extension(content, |oid, critical, _| {
            match oid {
                // reasonCode, invalidityDate, holdInstructionCode.
                [0x55, 0x1d, 0x15 | 0x18 | 0x17] => {}
                // certificateIssuer: this entry and all after it may be another authority's.
                [0x55, 0x1d, 0x1d] => self.is_indirect = true,
                oid if critical => self.note_unknown(oid),
                _ => {}
            }
            Some(())
        })
    }

    /// `IssuingDistributionPoint ::= SEQUENCE { [0] distributionPoint, [1] onlyContainsUserCerts,
    /// [2] onlyContainsCACerts, [3] onlySomeReasons, [4] indirectCRL, [5] onlyContainsAttributeCerts }`.
    fn read_distribution_point(&mut self, value: &[u8]) -> Option<()> {
        let mut outer = Elements::new(value);
        let mut fields = Elements::new(outer.expect(der::SEQUENCE).filter(|_| outer.at_end())?.content);
        while !fields.at_end() {
            let field = fields.read()?;
            let is_set = field.content != [0];
            match field.tag {
                0xa0 => {
                    let mut names = Vec::new();
                    // fullName [0]; a name relative to the issuer has no URL and matches nothing.
                    let full = Elements::new(field.content).optional(0xa0);
                    let mut all = Elements::new(full.map_or(&[][..], |full| full.content));
                    while !all.at_end() {
                        let name = all.read()?;
                        let url = std::str::from_utf8(name.content)
                            .ok()
                            .filter(|_| name.tag == 0x86);
                        names.extend(url.filter(|_| names.len() < MAX_NAMES).map(str::to_owned));
                    }
                    self.partition = Some(names);
                }
                0x81 => self.only_user = is_set,
                0x82 => self.only_authorities = is_set,
                0x83 => self.only_some_reasons = true,
                0x84 => self.is_indirect |= is_set,
                0x85 => self.only_attribute = is_set,
                _ => return None,
            }
        }
        Some(())
    }

    fn note_unknown(&mut self, oid: &[u8]) {
        self.unknown_critical.get_or_insert_with(|| der::dotted(oid));
    }

    /// Whether the list speaks of this certificate of its issuer's.
    pub(crate) fn check(&self, certificate: &Certificate) -> Result<(), CrlDefect> {
        if let Some(oid) = &self.unknown_critical {
            return Err(CrlDefect::UnknownCriticalExtension { oid: oid.clone() });
        }
        if self.is_delta {
            return Err(CrlDefect::Delta);
        }
        if self.is_indirect {
            return Err(CrlDefect::Indirect);
        }
        if self.only_some_reasons || certificate.raw.crl_reasons_limited {
            return Err(CrlDefect::OnlySomeReasons);
        }
        let other_kind = match certificate.is_ca {
            _ if self.only_attribute => Some("attribute certificates"),
            true if self.only_user => Some("end entities' certificates"),
            false if self.only_authorities => Some("authorities' certificates"),
            _ => None,
        };
        if let Some(found) = other_kind {
            return Err(CrlDefect::OtherKind { found });
        }
        match &self.partition {
            Some(names) if !names.iter().any(|name| certificate.crl_urls.contains(name)) => {
                Err(CrlDefect::OtherPartition {
                    name: names.first().cloned().unwrap_or_default(),
                })
            }
            _ => Ok(()),
        }
    }
}

/// The reasonCode among an entry's extensions.
pub(crate) fn reason(extensions: &[u8]) -> Option<RevocationReason> {
    let mut found = None;
    each_extension(extensions, |oid, _, value| {
        if oid == [0x55, 0x1d, 0x15]
            && let Some([code]) = Elements::new(value)
                .expect(der::ENUMERATED)
                .map(|code| code.content)
        {
            found = Some(RevocationReason(*code));
        }
        Some(())
    })?;
    found
}

/// `Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }`, one after the other:
/// object identifier, critical, value. `None` when one is malformed or `then` says so.
fn each_extension<'a>(
    content: &'a [u8],
    mut then: impl FnMut(&'a [u8], bool, &'a [u8]) -> Option<()>,
) -> Option<()> {
    let mut extensions = Elements::new(content);
    while !extensions.at_end() {
        let mut fields = Elements::new(extensions.expect(der::SEQUENCE)?.content);
        let oid = fields.expect(der::OBJECT_IDENTIFIER)?.content;
        let critical = fields
            .optional(der::BOOLEAN)
            .is_some_and(|critical| critical.content != [0]);
        let value = fields.expect(der::OCTET_STRING).filter(|_| fields.at_end())?;
        then(oid, critical, value.content)?;
    }
    Some(())
}
