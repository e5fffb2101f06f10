//! Writing: records, handshake messages, length-prefixed vectors.

use crate::codes::{AlertDescription, AlertLevel, ContentType, HandshakeType, ProtocolVersion};

/// Appends one record: header and payload (RFC 5246 §6.2.1).
///
/// A payload longer than 65,535 bytes cannot be written and is cut there; callers fragment at
/// 2^14 ([`write_handshake`] does).
pub fn write_record(out: &mut Vec<u8>, kind: ContentType, version: ProtocolVersion, payload: &[u8]) {
    out.push(kind.0);
    out.extend_from_slice(&version.0.to_be_bytes());
    put_vec16(out, payload);
}

/// Appends the clear-text records that carry handshake bytes, fragmented at 2^14.
pub fn write_handshake(out: &mut Vec<u8>, version: ProtocolVersion, messages: &[u8]) {
    for fragment in messages.chunks(crate::MAX_PLAINTEXT_BYTES) {
        write_record(out, ContentType::HANDSHAKE, version, fragment);
    }
}

/// Appends a clear-text alert record (RFC 5246 §7.2).
pub fn write_alert(
    out: &mut Vec<u8>,
    version: ProtocolVersion,
    level: AlertLevel,
    description: AlertDescription,
) {
    write_record(out, ContentType::ALERT, version, &[level.0, description.0]);
}

/// A handshake message: four-byte header and body (RFC 5246 §7.4).
pub(crate) fn message(kind: HandshakeType, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len().saturating_add(4));
    out.push(kind.0);
    put_vec24(&mut out, body);
    out
}

pub(crate) fn put_vec8(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    out.push(length);
    out.extend(bytes.iter().take(usize::from(length)));
}

pub(crate) fn put_vec16(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes.get(..usize::from(length)).unwrap_or(bytes));
}

pub(crate) fn put_vec24(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).min(0x00ff_ffff);
    let [_, high, middle, low] = length.to_be_bytes();
    out.extend_from_slice(&[high, middle, low]);
    let count = usize::try_from(length).unwrap_or(bytes.len());
    out.extend_from_slice(bytes.get(..count).unwrap_or(bytes));
}

pub(crate) fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}
