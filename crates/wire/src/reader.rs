//! A cursor over one structure: every read names its field and fails with its offset.

use crate::error::{Fault, Malformed, Within};
use crate::trace::{Role, Trace};

/// A cursor over the bytes of one structure. With a trace it notes every field that it takes.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
    within: Within,
    trace: Option<&'a Trace>,
    depth: u8,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(within: Within, bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            offset: 0,
            within,
            trace: None,
            depth: 0,
        }
    }

    /// A cursor that notes every field that it takes.
    pub(crate) const fn traced(within: Within, bytes: &'a [u8], trace: &'a Trace) -> Self {
        Self {
            trace: Some(trace),
            ..Self::new(within, bytes)
        }
    }

    /// The same place, without notes.
    pub(crate) fn untraced(&self) -> Self {
        Self {
            trace: None,
            ..self.clone()
        }
    }

    pub(crate) const fn trace(&self) -> Option<&'a Trace> {
        self.trace
    }

    /// What is left, without taking it.
    pub(crate) const fn peek(&self) -> &'a [u8] {
        self.bytes
    }

    fn note(&self, name: &'static str, role: Role, start: usize, depth: u8) {
        if let Some(trace) = self.trace {
            trace.note(name, role, start, self.offset.saturating_sub(start), depth);
        }
    }

    /// Begins a structure of several fields; [`close`](Self::close) ends it.
    pub(crate) fn open(&mut self, name: &'static str) -> usize {
        let opened = self
            .trace
            .map_or(0, |trace| trace.open(name, self.offset, self.depth));
        self.depth = self.depth.saturating_add(1);
        opened
    }

    pub(crate) fn close(&mut self, opened: usize) {
        self.depth = self.depth.saturating_sub(1);
        if let Some(trace) = self.trace {
            trace.close(opened, self.offset);
        }
    }

    pub(crate) const fn within(&self) -> Within {
        self.within
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) const fn left(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    /// A fault at the cursor.
    pub(crate) fn fault(&self, fault: Fault) -> Malformed {
        Malformed {
            within: self.within,
            offset: u64::try_from(self.offset).unwrap_or(u64::MAX),
            fault,
        }
    }

    pub(crate) fn take(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], Malformed> {
        let start = self.offset;
        let taken = self.cut(field, count)?;
        self.note(field, Role::Value, start, self.depth);
        Ok(taken)
    }

    fn cut(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], Malformed> {
        match self.bytes.split_at_checked(count) {
            Some((taken, rest)) => {
                self.bytes = rest;
                self.offset = self.offset.saturating_add(count);
                Ok(taken)
            }
            None => Err(self.fault(Fault::Truncated {
                field,
                needed: count,
                left: self.bytes.len(),
            })),
        }
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Malformed> {
        let taken = self.take(field, N)?;
        self.exactly(field, taken)
    }

    fn exactly<const N: usize>(&self, field: &'static str, taken: &[u8]) -> Result<[u8; N], Malformed> {
        taken.try_into().map_err(|_| {
            self.fault(Fault::Truncated {
                field,
                needed: N,
                left: taken.len(),
            })
        })
    }

    pub(crate) fn bytes32(&mut self, field: &'static str) -> Result<[u8; 32], Malformed> {
        self.array(field)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, Malformed> {
        Ok(u8::from_be_bytes(self.array(field)?))
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array(field)?))
    }

    pub(crate) fn u24(&mut self, field: &'static str) -> Result<usize, Malformed> {
        let [high, middle, low] = self.array(field)?;
        Ok(usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low))
    }

    /// A vector with a one-byte length.
    pub(crate) fn vec8(&mut self, field: &'static str) -> Result<Reader<'a>, Malformed> {
        self.vector::<1>(field)
    }

    /// A vector with a two-byte length.
    pub(crate) fn vec16(&mut self, field: &'static str) -> Result<Reader<'a>, Malformed> {
        self.vector::<2>(field)
    }

    /// A vector with a three-byte length.
    pub(crate) fn vec24(&mut self, field: &'static str) -> Result<Reader<'a>, Malformed> {
        self.vector::<3>(field)
    }

    fn vector<const N: usize>(&mut self, field: &'static str) -> Result<Reader<'a>, Malformed> {
        let start = self.offset;
        let taken = self.cut(field, N)?;
        let length: [u8; N] = self.exactly(field, taken)?;
        let count = length
            .iter()
            .fold(0, |count: usize, &byte| count << 8 | usize::from(byte));
        let offset = self.offset;
        let bytes = self
            .cut(field, count)
            .inspect_err(|_| self.note(field, Role::Length, start, self.depth))?;
        self.note(field, Role::Vector, start, self.depth);
        let depth = self.depth.saturating_add(1);
        if let Some(trace) = self.trace {
            trace.note(field, Role::Length, start, N, depth);
        }
        Ok(Reader {
            bytes,
            offset,
            within: self.within,
            trace: self.trace,
            depth,
        })
    }

    /// The rest, as one field.
    pub(crate) fn rest(&mut self, field: &'static str) -> &'a [u8] {
        let (start, rest) = (self.offset, self.bytes);
        self.offset = self.offset.saturating_add(rest.len());
        self.bytes = &[];
        if !rest.is_empty() {
            self.note(field, Role::Value, start, self.depth);
        }
        rest
    }

    /// Refuses bytes after the last field.
    pub(crate) fn end(&self, after: &'static str) -> Result<(), Malformed> {
        if self.bytes.is_empty() {
            Ok(())
        } else {
            Err(self.fault(Fault::Trailing {
                after,
                left: self.bytes.len(),
            }))
        }
    }

    /// The rest as a list of two-byte values, each of which is an `entry`.
    pub(crate) fn u16_list<T>(
        mut self,
        field: &'static str,
        entry: &'static str,
        make: fn(u16) -> T,
    ) -> Result<Vec<T>, Malformed> {
        if !self.left().is_multiple_of(2) {
            return Err(self.fault(Fault::Length {
                field,
                found: self.left(),
                expected: "an even number",
            }));
        }
        let mut list = Vec::with_capacity(self.left() / 2);
        while !self.is_empty() {
            list.push(make(self.u16(entry)?));
        }
        Ok(list)
    }
}
