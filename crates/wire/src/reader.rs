//! A cursor over one structure: every read names its field and fails with its offset.

use crate::error::{Fault, Malformed, Within};

/// A cursor over the bytes of one structure.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
    within: Within,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(within: Within, bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            offset: 0,
            within,
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
        let count = usize::from(self.u8(field)?);
        self.sub(field, count)
    }

    /// A vector with a two-byte length.
    pub(crate) fn vec16(&mut self, field: &'static str) -> Result<Reader<'a>, Malformed> {
        let count = usize::from(self.u16(field)?);
        self.sub(field, count)
    }

    /// A vector with a three-byte length.
    pub(crate) fn vec24(&mut self, field: &'static str) -> Result<Reader<'a>, Malformed> {
        let count = self.u24(field)?;
        self.sub(field, count)
    }

    fn sub(&mut self, field: &'static str, count: usize) -> Result<Reader<'a>, Malformed> {
        let offset = self.offset;
        let bytes = self.take(field, count)?;
        Ok(Reader {
            bytes,
            offset,
            within: self.within,
        })
    }

    /// The rest.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes;
        self.offset = self.offset.saturating_add(rest.len());
        self.bytes = &[];
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

    /// The rest as a list of two-byte values.
    pub(crate) fn u16_list<T>(
        mut self,
        field: &'static str,
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
            list.push(make(self.u16(field)?));
        }
        Ok(list)
    }
}
