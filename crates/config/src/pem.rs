//! PEM files of client identities (RFC 7468): certificates, and keys that leave no copy in memory.

use crate::fault::shown_path;
use crate::source::Unreadable;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use siptls_tls12::{Identity, IdentityError};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use zeroize::Zeroizing;

/// Largest file of a certificate or a key: a chain of ten certificates has some 20 KiB.
pub(crate) const MAX_PEM_BYTES: usize = 64 * 1024;

/// Most certificates of an identity: a peer's limit for a chain is about that.
pub(crate) const MAX_CERTIFICATES: usize = 10;

/// Most authorities of one file: as many as fit the file.
pub(crate) const MAX_AUTHORITIES: usize = 40;

/// What is wrong with a file: found, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PemFault {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// What a file with a private key came to.
pub(crate) struct KeyFile {
    /// The key as DER; `None` when there is no usable one.
    key: Option<Zeroizing<Vec<u8>>>,
    /// Everything that is wrong with the file.
    pub(crate) faults: Vec<PemFault>,
}

/// The certificates of a file, DER, leaf first.
pub(crate) fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, PemFault> {
    let (text, place) = (read(path), Place::File(shown_path(path)));
    let (text, _) = text.map_err(|unreadable| place.fault(CERTIFICATE, unreadable.found, unreadable.hint))?;
    let certificates = certificates_in(&text, &place, MAX_CERTIFICATES)?;
    readable(certificates, &place)
}

/// The certificates of a text in the configuration itself, DER, leaf first.
pub(crate) fn certificates_of_text(text: &str) -> Result<Vec<Vec<u8>>, PemFault> {
    let certificates = certificates_in(text.as_bytes(), &Place::Here, MAX_CERTIFICATES)?;
    readable(certificates, &Place::Here)
}

/// The authorities of a file, DER.
pub(crate) fn authorities(path: &Path) -> Result<Vec<Vec<u8>>, PemFault> {
    let (text, place) = (read(path), Place::File(shown_path(path)));
    let (text, _) = text.map_err(|unreadable| place.fault(CERTIFICATE, unreadable.found, unreadable.hint))?;
    certificates_in(&text, &place, MAX_AUTHORITIES)
}

/// The authorities of a text in the configuration itself, DER.
pub(crate) fn authorities_of_text(text: &str) -> Result<Vec<Vec<u8>>, PemFault> {
    certificates_in(text.as_bytes(), &Place::Here, MAX_AUTHORITIES)
}

const CERTIFICATE: &str = "certificate";
const PRIVATE_KEY: &str = "private key";

/// Where a PEM text stands.
enum Place {
    /// In the file of this path, as it is shown.
    File(String),
    /// In the configuration itself.
    Here,
}

impl Place {
    fn fault(&self, wanted: &str, found: impl Into<String>, hint: Option<String>) -> PemFault {
        let found = found.into();
        let message = match self {
            Self::File(shown) => format!("expected a PEM file with a {wanted}, found {found} at `{shown}`"),
            Self::Here => format!("expected a {wanted} in PEM, found {found}"),
        };
        PemFault { message, hint }
    }

    /// A command with the file in it; none for a text that is no file.
    fn command(&self, command: impl FnOnce(&str) -> String) -> Option<String> {
        match self {
            Self::File(shown) => Some(command(shown)),
            Self::Here => None,
        }
    }
}

fn certificates_in(text: &[u8], place: &Place, most: usize) -> Result<Vec<Vec<u8>>, PemFault> {
    let fault = |found: String, hint| place.fault(CERTIFICATE, found, hint);
    let blocks = blocks(text);
    if blocks.is_empty() {
        let convert = |shown: &str| format!("convert it: `openssl x509 -inform DER -in {shown} -out NEW`");
        let hint = if is_der(text) {
            place.command(convert)
        } else {
            None
        };
        return Err(fault("no PEM".to_owned(), hint));
    }
    let certificates: Option<Vec<Vec<u8>>> = blocks
        .iter()
        .filter(|block| block.label == b"CERTIFICATE")
        .map(|block| decode(block.body?).map(|der| der.to_vec()))
        .collect();
    let certificates = certificates.ok_or_else(|| fault("a damaged PEM block".to_owned(), None))?;
    match certificates.len() {
        0 => Err(fault("no certificate".to_owned(), None)),
        count if count > most => Err(fault(format!("more than {most} of them"), None)),
        _ => Ok(certificates),
    }
}

/// The same certificates, when the leaf has a public key that can be read.
fn readable(certificates: Vec<Vec<u8>>, place: &Place) -> Result<Vec<Vec<u8>>, PemFault> {
    let leaf = certificates
        .first()
        .and_then(|leaf| siptls_tls12::public_key(leaf));
    match leaf {
        None => Err(place.fault(CERTIFICATE, "one that cannot be read", None)),
        Some(_) => Ok(certificates),
    }
}

/// The private key of a file.
pub(crate) fn key(path: &Path) -> KeyFile {
    let place = Place::File(shown_path(path));
    let (text, mode) = match read(path) {
        Ok(read) => read,
        Err(unreadable) => {
            return KeyFile {
                key: None,
                faults: vec![place.fault(PRIVATE_KEY, unreadable.found, unreadable.hint)],
            };
        }
    };
    let mut file = key_in(&text, &place);
    file.faults.splice(0..0, touchable(mode, path));
    file
}

/// The private key of a text in the configuration itself.
pub(crate) fn key_of_text(text: &str) -> KeyFile {
    key_in(text.as_bytes(), &Place::Here)
}

/// What is wrong with the permissions of a file that holds a key.
pub(crate) fn touchable_file(path: &Path) -> Option<PemFault> {
    let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    touchable(permissions(&metadata), path)
}

fn touchable(mode: Option<u32>, path: &Path) -> Option<PemFault> {
    let (mode, shown) = (mode.filter(|mode| mode & 0o027 != 0)?, shown_path(path));
    Some(PemFault {
        message: format!(
            "expected a key file that others cannot touch and the group cannot write, found mode {mode:04o} at `{shown}`"
        ),
        hint: Some(format!("`chmod 600 {shown}`")),
    })
}

fn key_in(text: &[u8], place: &Place) -> KeyFile {
    let fault = |found: &str, hint| place.fault(PRIVATE_KEY, found, hint);
    let blocks = blocks(text);
    let block = blocks.iter().find(|block| block.label.ends_with(b"PRIVATE KEY"));
    let key = match block {
        None if blocks.is_empty() => {
            let convert =
                |shown: &str| format!("convert it: `openssl pkey -inform DER -in {shown} -out NEW`");
            let hint = if is_der(text) {
                place.command(convert)
            } else {
                None
            };
            Err(fault("no PEM", hint))
        }
        None => Err(fault("no private key", None)),
        Some(block) if block.is_encrypted() => {
            let hint = place.command(|shown| format!("decrypt it: `openssl pkey -in {shown} -out NEW`"));
            Err(fault("an encrypted one", hint))
        }
        Some(block) => block
            .body
            .and_then(decode)
            .ok_or_else(|| fault("a damaged PEM block", None)),
    };
    match key {
        Ok(key) => KeyFile {
            key: Some(key),
            faults: Vec::new(),
        },
        Err(fault) => KeyFile {
            key: None,
            faults: vec![fault],
        },
    }
}

impl KeyFile {
    /// The key as DER; `None` when there is no usable one.
    pub(crate) fn der(&self) -> Option<&Zeroizing<Vec<u8>>> {
        self.key.as_ref()
    }

    /// The identity of a chain with this key; `None` when there is no key. `certificate` and `key` are the files.
    pub(crate) fn pair(
        &self,
        chain: Vec<Vec<u8>>,
        certificate: &Path,
        key: &Path,
    ) -> Option<Result<Identity, PemFault>> {
        let der = self.key.as_ref()?;
        let (certificate, key) = (shown_path(certificate), shown_path(key));
        Some(Identity::new(chain, der).map_err(|error| match error {
            IdentityError::KeyMismatch | IdentityError::NoCertificate => PemFault {
                message: format!(
                    "expected the private key of the first certificate at `{certificate}`, found that of another at `{key}`"
                ),
                hint: Some("the certificate file begins with the leaf, its intermediates follow".to_owned()),
            },
            IdentityError::UnreadableKey => PemFault {
                message: format!(
                    "expected a private key for RSA (2048 bits or more) or EC (P-256, P-384, P-521), found another kind at `{key}`"
                ),
                hint: None,
            },
        }))
    }
}

/// The bytes of a file and, where there are such, its permissions.
fn read(path: &Path) -> Result<(Zeroizing<Vec<u8>>, Option<u32>), Unreadable> {
    let io = |error: std::io::Error| Unreadable::io(&error);
    // Before it is opened: a pipe would keep us waiting.
    let metadata = std::fs::metadata(path).map_err(io)?;
    if metadata.is_dir() {
        return Err(Unreadable::new("a directory"));
    }
    if !metadata.is_file() {
        return Err(Unreadable::new("something that is no regular file"));
    }
    let mut file = File::open(path).map_err(io)?;
    let mode = permissions(&file.metadata().map_err(io)?);
    // Of full size from the beginning: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(vec![0; MAX_PEM_BYTES + 1]);
    let mut length = 0;
    loop {
        let free = text.get_mut(length..).unwrap_or_default();
        match file.read(free).map_err(io)? {
            0 => break,
            count => length += count,
        }
    }
    if length > MAX_PEM_BYTES {
        return Err(Unreadable::new(format!("more than {MAX_PEM_BYTES} bytes")));
    }
    text.truncate(length);
    Ok((text, mode))
}

#[cfg(unix)]
fn permissions(metadata: &std::fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(metadata.permissions().mode() & 0o7777)
}

#[cfg(not(unix))]
fn permissions(_: &std::fs::Metadata) -> Option<u32> {
    None
}

struct Block<'a> {
    label: &'a [u8],
    /// What stands between the lines of the label; `None` when there is no end.
    body: Option<&'a [u8]>,
}

impl Block<'_> {
    fn is_encrypted(&self) -> bool {
        // PKCS#8 says it in the label, older forms in a header (RFC 1421 §4.6.1.1).
        self.label.starts_with(b"ENCRYPTED")
            || self
                .body
                .is_some_and(|body| position(body, b"Proc-Type: 4,ENCRYPTED").is_some())
    }
}

fn blocks(text: &[u8]) -> Vec<Block<'_>> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    const DASHES: &[u8] = b"-----";
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = cut(rest, BEGIN) {
        let Some((label, body)) = cut(after, DASHES) else {
            break;
        };
        let end = [b"-----END ", label, DASHES].concat();
        match cut(body, &end) {
            Some((body, after)) => {
                blocks.push(Block {
                    label,
                    body: Some(body),
                });
                rest = after;
            }
            None => {
                blocks.push(Block { label, body: None });
                rest = body;
            }
        }
    }
    blocks
}

/// What stands before and after the first `mark`.
fn cut<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = position(text, mark)?;
    Some((text.get(..at)?, text.get(at + mark.len()..)?))
}

fn position(text: &[u8], mark: &[u8]) -> Option<usize> {
    text.windows(mark.len()).position(|window| window == mark)
}

fn decode(body: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut packed = Zeroizing::new(Vec::with_capacity(body.len()));
    packed.extend(body.iter().filter(|byte| !byte.is_ascii_whitespace()));
    let mut der = Zeroizing::new(vec![0; base64::decoded_len_estimate(packed.len())]);
    let length = STANDARD.decode_slice(&*packed, &mut der).ok()?;
    der.truncate(length);
    Some(der)
}

/// Whether a file looks like DER: a SEQUENCE with a length of two bytes.
fn is_der(text: &[u8]) -> bool {
    text.starts_with(&[0x30, 0x82])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_among_other_text() {
        let text = b"Bag Attributes\n-----BEGIN A-----\nAQID\n-----END A-----\nx -----BEGIN B C-----\r\nBA\r\n==\r\n-----END B C-----";
        let found: Vec<_> = blocks(text)
            .iter()
            .map(|block| {
                (
                    block.label.to_vec(),
                    decode(block.body.unwrap()).unwrap().to_vec(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [(b"A".to_vec(), vec![1, 2, 3]), (b"B C".to_vec(), vec![4])]
        );
        for damaged in [
            b"-----BEGIN A-----\nAQID".as_slice(),
            b"-----BEGIN A-----\nAQID\n-----END B-----",
        ] {
            let all = blocks(damaged);
            assert!(matches!(all.as_slice(), [Block { body: None, .. }]));
        }
        assert!(blocks(b"-----BEGIN A").is_empty());
        assert_eq!(decode(b"A*=="), None);
    }
}
