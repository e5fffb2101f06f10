//! The series of all addresses as text, one chunk at a time.

use crate::series::{ADDRESS_FAMILIES, Shown};
use crate::text::Text;

/// Size at which a chunk is handed out: large enough for few system calls, small enough to write it in 50 µs.
const CHUNK: usize = 64 * 1024;

/// Text of the series of many addresses (exposition format 0.0.4), grouped by family as the format demands: an iterator
/// of chunks, each of which ends at the end of a line.
///
/// Memory is one chunk, whatever the number of series. A family without a sample is left out.
#[derive(Debug)]
pub struct Exposition {
    series: Vec<Shown>,
    family: usize,
    next: usize,
    headed: bool,
}

impl Exposition {
    /// Text of these series, in their order within each family.
    #[must_use]
    pub const fn new(series: Vec<Shown>) -> Self {
        Self {
            series,
            family: 0,
            next: 0,
            headed: false,
        }
    }
}

impl Iterator for Exposition {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut text = Text {
            bytes: Vec::with_capacity(CHUNK + CHUNK / 4),
            samples: 0,
        };
        while let Some(family) = ADDRESS_FAMILIES.get(self.family) {
            while let Some(series) = self.series.get(self.next) {
                let (start, before) = (text.bytes.len(), text.samples);
                if !self.headed {
                    text.header(family.family);
                }
                series.write(family, &mut text);
                if text.samples > before {
                    self.headed = true;
                } else {
                    text.bytes.truncate(start);
                }
                self.next += 1;
                if text.bytes.len() >= CHUNK {
                    return Some(text.bytes);
                }
            }
            self.family += 1;
            self.next = 0;
            self.headed = false;
        }
        (!text.bytes.is_empty()).then_some(text.bytes)
    }
}

/// The same text in one piece, for a few series.
#[must_use]
pub fn render(series: &[Shown]) -> Vec<u8> {
    let mut text = Text::default();
    for family in ADDRESS_FAMILIES {
        let (start, before) = (text.bytes.len(), text.samples);
        text.header(family.family);
        for one in series {
            one.write(family, &mut text);
        }
        if text.samples == before {
            text.bytes.truncate(start);
        }
    }
    text.bytes
}
