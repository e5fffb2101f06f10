//! Properties that the fuzz targets and the property tests share. Not part of the public API.

use crate::{FlightReader, Progress, Transcript};

/// How a flight ended, in a form that can be compared.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What was read.
    pub transcript: Transcript,
    /// How far, or the error's text.
    pub end: Result<Progress, String>,
    /// The evidence.
    pub raw: Vec<u8>,
}

/// Reads a flight given in these pieces.
#[must_use]
pub fn read_in_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut reader = FlightReader::new();
    let mut end = Ok(Progress::NeedMore);
    for piece in pieces {
        end = reader.read(piece).map_err(|error| error.to_string());
        if end != Ok(Progress::NeedMore) {
            break;
        }
    }
    let raw = reader.raw().to_vec();
    Outcome { transcript: reader.transcript().clone(), end, raw }
}

/// Any split of the same bytes gives the same outcome, and the evidence is a prefix of them.
///
/// # Panics
///
/// When the property does not hold.
pub fn splits_agree(bytes: &[u8], split: usize) {
    let whole = read_in_pieces([bytes]);
    let at = split.checked_rem(bytes.len().saturating_add(1)).unwrap_or_default();
    let (head, tail) = bytes.split_at(at);
    assert_eq!(whole, read_in_pieces([head, tail]));
    assert_eq!(whole, read_in_pieces(bytes.chunks(1)));
    assert!(bytes.starts_with(&whole.raw));
}
