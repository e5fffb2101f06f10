//! Record protection: AES-CBC with HMAC (RFC 5246 §6.2.3.2) and AES-GCM (RFC 5288 §3).
//!
//! Padding and MAC of a CBC record are both checked in full before either failure is told, and
//! both failures are the same [`BadRecord`]. This is not a defence against timing attacks: a
//! probe has no secret that an attacker could win.

use crate::suite::Suite;
use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{hmac, rand};
use siptls_wire::{ContentType, MAX_PLAINTEXT_BYTES, ProtocolVersion, write_record};

const BLOCK_BYTES: usize = 16;
const GCM_EXPLICIT_BYTES: usize = 8;
const GCM_TAG_BYTES: usize = 16;

/// A protected record that cannot be opened: bad length, padding, MAC or tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record's padding, MAC or tag does not verify")]
pub struct BadRecord;

#[derive(Debug)]
enum Key<C> {
    Cbc {
        cipher: C,
        mac: Box<hmac::Key>,
        mac_bytes: usize,
    },
    Gcm {
        key: LessSafeKey,
        fixed_iv: [u8; 4],
    },
}

impl<C> Key<C> {
    /// The key of one direction, from its parts of the key block.
    ///
    /// # Panics
    ///
    /// Never: the parts have the lengths of the suite, because both come from the same table.
    fn new(suite: &Suite, mac: &[u8], key: &[u8], iv: &[u8], cbc: fn(UnboundCipherKey) -> Option<C>) -> Self {
        let parts = match suite.mac {
            None => Self::gcm(suite, key, iv),
            Some(kind) => {
                let cipher = suite
                    .bulk
                    .cbc()
                    .and_then(|algorithm| UnboundCipherKey::new(algorithm, key).ok());
                cipher.and_then(cbc).map(|cipher| Self::Cbc {
                    cipher,
                    mac: Box::new(hmac::Key::new(kind.algorithm(), mac)),
                    mac_bytes: kind.bytes(),
                })
            }
        };
        parts.expect("the key block has the lengths of the suite")
    }

    fn gcm(suite: &Suite, key: &[u8], iv: &[u8]) -> Option<Self> {
        let unbound = UnboundKey::new(suite.bulk.aead()?, key).ok()?;
        Some(Self::Gcm {
            key: LessSafeKey::new(unbound),
            fixed_iv: iv.try_into().ok()?,
        })
    }
}

/// `seq_num + type + version + length`: what MAC and AEAD cover besides the fragment.
fn additional_data(sequence: u64, kind: ContentType, length: usize) -> [u8; 13] {
    let mut data = [0; 13];
    data[..8].copy_from_slice(&sequence.to_be_bytes());
    data[8] = kind.0;
    data[9..11].copy_from_slice(&ProtocolVersion::TLS_1_2.0.to_be_bytes());
    // A fragment has at most 2^14 + 2048 bytes.
    data[11..].copy_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    data
}

fn nonce(fixed_iv: [u8; 4], explicit: [u8; 8]) -> Nonce {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&fixed_iv);
    bytes[4..].copy_from_slice(&explicit);
    Nonce::assume_unique_for_key(bytes)
}

/// Protects records of one direction.
#[derive(Debug)]
pub struct Sealer {
    key: Key<EncryptingKey>,
    sequence: u64,
}

impl Sealer {
    pub(crate) fn new(suite: &Suite, mac: &[u8], key: &[u8], iv: &[u8]) -> Self {
        let key = Key::new(suite, mac, key, iv, |key| EncryptingKey::cbc(key).ok());
        Self { key, sequence: 0 }
    }

    /// Appends one protected record of at most 2^14 bytes of plain text to `out`.
    ///
    /// # Panics
    ///
    /// When the primitive refuses to encrypt, which it does for no input this takes.
    pub fn seal(&mut self, kind: ContentType, plain: &[u8], out: &mut Vec<u8>) {
        let sequence = self.sequence;
        self.sequence += 1;
        let data = additional_data(sequence, kind, plain.len());
        let fragment = match &self.key {
            Key::Gcm { key, fixed_iv } => {
                let explicit = sequence.to_be_bytes();
                let mut fragment = explicit.to_vec();
                let mut body = plain.to_vec();
                let sealed =
                    key.seal_in_place_append_tag(nonce(*fixed_iv, explicit), Aad::from(data), &mut body);
                sealed.expect("a record is short enough to seal");
                fragment.append(&mut body);
                fragment
            }
            Key::Cbc { cipher, mac, .. } => {
                let mut context = hmac::Context::with_key(mac);
                context.update(&data);
                context.update(plain);
                let mut body = [plain, context.sign().as_ref()].concat();
                let padding = BLOCK_BYTES - (body.len() + 1) % BLOCK_BYTES;
                let padding = if padding == BLOCK_BYTES { 0 } else { padding };
                // At most 15.
                body.resize(
                    body.len() + padding + 1,
                    u8::try_from(padding).unwrap_or_default(),
                );
                let mut iv = [0; BLOCK_BYTES];
                rand::fill(&mut iv).expect("the operating system gives random bytes");
                let context = EncryptionContext::Iv128(FixedLength::from(iv));
                cipher
                    .less_safe_encrypt(&mut body, context)
                    .expect("a whole number of blocks encrypts");
                [iv.as_slice(), &body].concat()
            }
        };
        write_record(out, kind, ProtocolVersion::TLS_1_2, &fragment);
    }
}

/// Opens records of one direction.
#[derive(Debug)]
pub struct Opener {
    key: Key<DecryptingKey>,
    sequence: u64,
}

impl Opener {
    pub(crate) fn new(suite: &Suite, mac: &[u8], key: &[u8], iv: &[u8]) -> Self {
        let key = Key::new(suite, mac, key, iv, |key| DecryptingKey::cbc(key).ok());
        Self { key, sequence: 0 }
    }

    /// The plain text of a record's payload.
    ///
    /// # Errors
    ///
    /// [`BadRecord`] when anything about it is wrong.
    pub fn open(&mut self, kind: ContentType, fragment: &[u8]) -> Result<Vec<u8>, BadRecord> {
        let plain = self.decrypt(kind, fragment)?;
        // RFC 5246 §6.2.1, of what was protected as well.
        if plain.len() > MAX_PLAINTEXT_BYTES {
            Err(BadRecord)
        } else {
            Ok(plain)
        }
    }

    fn decrypt(&mut self, kind: ContentType, fragment: &[u8]) -> Result<Vec<u8>, BadRecord> {
        let sequence = self.sequence;
        self.sequence += 1;
        match &self.key {
            Key::Gcm { key, fixed_iv } => {
                let (explicit, sealed) = fragment
                    .split_first_chunk::<GCM_EXPLICIT_BYTES>()
                    .ok_or(BadRecord)?;
                let length = sealed.len().checked_sub(GCM_TAG_BYTES).ok_or(BadRecord)?;
                let data = additional_data(sequence, kind, length);
                let mut body = sealed.to_vec();
                key.open_in_place(nonce(*fixed_iv, *explicit), Aad::from(data), &mut body)
                    .map_err(|_| BadRecord)?;
                body.truncate(length);
                Ok(body)
            }
            Key::Cbc {
                cipher,
                mac,
                mac_bytes,
            } => {
                let (iv, sealed) = fragment.split_first_chunk::<BLOCK_BYTES>().ok_or(BadRecord)?;
                if sealed.is_empty() || sealed.len() % BLOCK_BYTES != 0 {
                    return Err(BadRecord);
                }
                let mut body = sealed.to_vec();
                let context = DecryptionContext::Iv128(FixedLength::from(*iv));
                cipher.decrypt(&mut body, context).map_err(|_| BadRecord)?;
                let padding = usize::from(*body.last().ok_or(BadRecord)?);
                let unpadded = body.len().checked_sub(padding + 1);
                let split = unpadded.and_then(|length| length.checked_sub(*mac_bytes));
                // With nonsense padding the MAC is still computed, over the longest text possible.
                let good_padding = split.is_some()
                    && body
                        .iter()
                        .rev()
                        .take(padding + 1)
                        .all(|byte| usize::from(*byte) == padding);
                let length = split
                    .or_else(|| body.len().checked_sub(mac_bytes + 1))
                    .ok_or(BadRecord)?;
                let mut context = hmac::Context::with_key(mac);
                context.update(&additional_data(sequence, kind, length));
                context.update(&body[..length]);
                let good_mac = context.sign().as_ref() == &body[length..length + mac_bytes];
                if !(good_padding && good_mac) {
                    return Err(BadRecord);
                }
                body.truncate(length);
                Ok(body)
            }
        }
    }
}
