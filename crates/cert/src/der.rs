//! The little DER that x509-parser does not keep: raw elements of names, keys and algorithm identifiers.

/// One element: tag, content and the whole encoding.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) whole: &'a [u8],
}

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// Elements one after the other. Definite lengths and one-byte tags only, which is all of X.509 (X.690 §10.1).
#[derive(Clone, Copy)]
pub(crate) struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next element; `None` at the end and when what follows is no element: ask [`Elements::at_end`].
    pub(crate) fn read(&mut self) -> Option<Element<'a>> {
        let (&tag, after_tag) = self.rest.split_first()?;
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, after_length) = after_tag.split_first()?;
        let (length, body) = if first < 0x80 {
            (usize::from(first), after_length)
        } else {
            let count = usize::from(first & 0x7f);
            if count == 0 || count > 4 {
                return None;
            }
            let (bytes, body) = after_length.split_at_checked(count)?;
            let length = bytes
                .iter()
                .fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
            (usize::try_from(length).ok()?, body)
        };
        let (content, rest) = body.split_at_checked(length)?;
        let whole = self.rest.get(..self.rest.len().checked_sub(rest.len())?)?;
        self.rest = rest;
        Some(Element { tag, content, whole })
    }

    /// The next element when it has this tag; any other stays where it is.
    pub(crate) fn optional(&mut self, tag: u8) -> Option<Element<'a>> {
        let mut ahead = *self;
        let element = ahead.expect(tag)?;
        *self = ahead;
        Some(element)
    }

    /// The next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Option<Element<'a>> {
        self.read().filter(|element| element.tag == tag)
    }
}

/// Appends tag, length and content.
pub(crate) fn push(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let bytes = content.len().to_be_bytes();
            let significant: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
            out.push(0x80 | u8::try_from(significant.len()).unwrap_or(8));
            out.extend_from_slice(&significant);
        }
    }
    out.extend_from_slice(content);
}

/// An object identifier's content in dotted form; an arc over 128 bits or a cut last arc gives `#` and hex.
pub(crate) fn dotted(content: &[u8]) -> String {
    let mut arcs: Vec<u128> = Vec::new();
    let mut arc = 0_u128;
    let mut open = false;
    for byte in content {
        let Some(shifted) = arc.checked_mul(128) else {
            return format!("#{}", hex(content));
        };
        arc = shifted | u128::from(byte & 0x7f);
        open = byte & 0x80 != 0;
        if !open {
            if arcs.is_empty() {
                let top = (arc / 40).min(2);
                arcs.push(top);
                arc = arc.saturating_sub(top.saturating_mul(40));
            }
            arcs.push(arc);
            arc = 0;
        }
    }
    if open || arcs.is_empty() {
        return format!("#{}", hex(content));
    }
    let texts: Vec<String> = arcs.iter().map(u128::to_string).collect();
    texts.join(".")
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        for nibble in [byte >> 4, byte & 0x0f] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('?'));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_identifiers() {
        assert_eq!(dotted(&[0x55, 0x04, 0x03]), "2.5.4.3");
        assert_eq!(
            dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b]),
            "1.2.840.113549.1.1.11"
        );
        assert_eq!(dotted(&[0x88, 0x37, 0x03]), "2.999.3");
        assert_eq!(dotted(&[0x55, 0x84]), "#5584");
        assert_eq!(dotted(&[0xff; 30]), format!("#{}", "ff".repeat(30)));
        assert_eq!(dotted(&[]), "#");
    }

    #[test]
    fn elements_are_cut_and_put_together_again() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 70_000] {
            let mut out = Vec::new();
            push(&mut out, SEQUENCE, &vec![7; length]);
            let mut elements = Elements::new(&out);
            let element = elements.read().unwrap();
            assert_eq!(
                (element.tag, element.content.len(), element.whole.len()),
                (SEQUENCE, length, out.len())
            );
            assert!(elements.at_end());
            for end in [0, 1, 2, out.len() - 1] {
                assert!(
                    end == out.len() || Elements::new(&out[..end]).read().is_none(),
                    "{length} cut at {end}"
                );
            }
        }
        assert!(
            Elements::new(&[0x30, 0x80, 0, 0]).read().is_none(),
            "indefinite length"
        );
        assert!(Elements::new(&[0x1f, 0x81, 0x01, 0]).read().is_none(), "long tag");
        assert!(
            Elements::new(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0])
                .read()
                .is_none(),
            "huge length"
        );
    }
}
