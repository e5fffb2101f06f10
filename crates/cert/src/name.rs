//! Distinguished names: raw, readable, and hashed as OpenSSL does.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use aws_lc_rs::digest;

use crate::der::{self, Elements};

/// A distinguished name (RFC 5280 §4.1.2.4): `Name ::= CHOICE { rdnSequence RDNSequence }`.
///
/// Two names are `==` when their DER is equal, byte for byte. Whether they mean the same is [`Name::matches`].
#[derive(Clone)]
pub struct Name {
    der: Arc<[u8]>,
    canonical: Arc<[u8]>,
    text: Arc<str>,
    hash: u32,
}

/// Bytes that are no distinguished name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The outermost element is not one SEQUENCE that fills the bytes.
    #[error("expected one SEQUENCE of {length} bytes as a name, found something else")]
    NotASequence {
        /// How many bytes were given.
        length: usize,
    },
    /// An element of the sequence is not a relative distinguished name (a SET of type and value).
    #[error("relative name {index} of the name is malformed")]
    RelativeName {
        /// Counted from 0 in the order of the encoding.
        index: usize,
    },
}

impl Name {
    /// Reads a name; every byte must belong to it.
    ///
    /// A value of a type that cannot be shown (or that breaks its own string type) is no fault:
    /// [`Name::text`] then shows its DER as `#` and hex.
    ///
    /// # Errors
    /// [`NameError`] when the bytes are not a SEQUENCE of SETs of type and value.
    pub fn from_der(der: &[u8]) -> Result<Self, NameError> {
        let outer = |bytes| {
            let mut elements = Elements::new(bytes);
            elements.expect(der::SEQUENCE).filter(|_| elements.at_end())
        };
        let sequence = outer(der).ok_or(NameError::NotASequence { length: der.len() })?;
        let mut canonical = Vec::with_capacity(der.len());
        let mut texts = Vec::new();
        let mut relative_names = Elements::new(sequence.content);
        let mut index = 0_usize;
        while !relative_names.at_end() {
            let attributes = relative_names
                .expect(der::SET)
                .and_then(|set| attributes(set.content))
                .ok_or(NameError::RelativeName { index })?;
            canonical_relative_name(&mut canonical, &attributes);
            let mut text = String::new();
            for attribute in attributes.iter().rev() {
                if !text.is_empty() {
                    text.push('+');
                }
                attribute.write(&mut text);
            }
            texts.push(text);
            index = index.saturating_add(1);
        }
        texts.reverse();
        let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &canonical);
        let first: [u8; 4] = sha1.as_ref().first_chunk().copied().unwrap_or_default();
        Ok(Self {
            der: der.into(),
            canonical: canonical.into(),
            text: texts.join(",").into(),
            hash: u32::from_le_bytes(first),
        })
    }

    /// The bytes, as they came.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The name in the style of RFC 4514, most specific part first: `CN=…,O=…,C=…`.
    ///
    /// The order, the short names and the escapes are those of `openssl -nameopt RFC2253,utf8,-esc_msb`: letters
    /// beyond ASCII stay, control characters become `\` and two hex digits. In addition the
    /// characters that change the direction of text or have no width are escaped, because the text
    /// comes from a peer and is shown to people. An empty name is an empty text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The hash that `openssl x509 -subject_hash` prints (X509_NAME_hash of OpenSSL 1.0 and later): SHA-1 of the
    /// canonical name, its first four bytes in little-endian order. For display and lookup only; a name can be copied.
    #[must_use]
    pub const fn hash(&self) -> u32 {
        self.hash
    }

    /// [`Name::hash`] as eight lower-case hex digits.
    #[must_use]
    pub fn hash_hex(&self) -> String {
        format!("{:08x}", self.hash)
    }

    /// Whether both are the same name after folding case, spaces and string types, as OpenSSL and RFC 5280 §7.1 do.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.hash == other.hash && self.canonical == other.canonical
    }

    /// Whether the name has no part at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.canonical.is_empty()
    }

    /// The values of CN (2.5.4.3) in the order of the encoding; the last is the most specific.
    #[must_use]
    pub fn common_names(&self) -> Vec<String> {
        self.values(&[0x55, 0x04, 0x03])
    }

    /// The values of O (2.5.4.10) in the order of the encoding.
    #[must_use]
    pub fn organizations(&self) -> Vec<String> {
        self.values(&[0x55, 0x04, 0x0a])
    }

    /// The values of OU (2.5.4.11) in the order of the encoding.
    #[must_use]
    pub fn organizational_units(&self) -> Vec<String> {
        self.values(&[0x55, 0x04, 0x0b])
    }

    /// The canonical encoding: SETs one after the other, without an outer SEQUENCE.
    pub(crate) fn canonical(&self) -> &[u8] {
        &self.canonical
    }

    /// Decodable values of one attribute type, given by the content of its object identifier.
    pub(crate) fn values(&self, kind: &[u8]) -> Vec<String> {
        let mut values = Vec::new();
        let mut outer = Elements::new(&self.der);
        let Some(sequence) = outer.read() else {
            return values;
        };
        let mut relative_names = Elements::new(sequence.content);
        while let Some(set) = relative_names.read() {
            for attribute in attributes(set.content).unwrap_or_default() {
                if attribute.kind == kind {
                    values.extend(decode(attribute.tag, attribute.value));
                }
            }
        }
        values
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.der.hash(state);
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({})", self.text)
    }
}

/// `AttributeTypeAndValue ::= SEQUENCE { type OBJECT IDENTIFIER, value ANY }`.
struct Attribute<'a> {
    kind: &'a [u8],
    kind_der: &'a [u8],
    tag: u8,
    value: &'a [u8],
    value_der: &'a [u8],
}

fn attributes(set: &[u8]) -> Option<Vec<Attribute<'_>>> {
    let mut found = Vec::with_capacity(1);
    let mut elements = Elements::new(set);
    while !elements.at_end() {
        let mut pair = Elements::new(elements.expect(der::SEQUENCE)?.content);
        let kind = pair.expect(der::OBJECT_IDENTIFIER)?;
        let value = pair.read()?;
        if !pair.at_end() {
            return None;
        }
        found.push(Attribute {
            kind: kind.content,
            kind_der: kind.whole,
            tag: value.tag,
            value: value.content,
            value_der: value.whole,
        });
    }
    (!found.is_empty()).then_some(found)
}

impl Attribute<'_> {
    fn write(&self, out: &mut String) {
        let known = short_name(self.kind);
        match known {
            Some(short) => out.push_str(short),
            None => out.push_str(&der::dotted(self.kind)),
        }
        out.push('=');
        match decode(self.tag, self.value).filter(|_| known.is_some()) {
            Some(value) => escape(out, &value),
            None => {
                out.push('#');
                out.push_str(&der::hex(self.value_der).to_ascii_uppercase());
            }
        }
    }
}

/// Short names as OpenSSL prints them.
fn short_name(kind: &[u8]) -> Option<&'static str> {
    Some(match kind {
        [0x55, 0x04, last] => match last {
            3 => "CN",
            4 => "SN",
            5 => "serialNumber",
            6 => "C",
            7 => "L",
            8 => "ST",
            9 => "street",
            10 => "O",
            11 => "OU",
            12 => "title",
            13 => "description",
            15 => "businessCategory",
            17 => "postalCode",
            20 => "telephoneNumber",
            41 => "name",
            42 => "GN",
            43 => "initials",
            44 => "generationQualifier",
            46 => "dnQualifier",
            65 => "pseudonym",
            97 => "organizationIdentifier",
            _ => return None,
        },
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, last] => match last {
            1 => "emailAddress",
            2 => "unstructuredName",
            8 => "unstructuredAddress",
            _ => return None,
        },
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, last] => match last {
            1 => "UID",
            25 => "DC",
            _ => return None,
        },
        [0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x3c, 0x02, 0x01, last] => match last {
            1 => "jurisdictionL",
            2 => "jurisdictionST",
            3 => "jurisdictionC",
            _ => return None,
        },
        _ => return None,
    })
}

/// The text of a string type; one-byte types are read as Latin-1, as OpenSSL does. `None`: not a string, or broken.
fn decode(tag: u8, content: &[u8]) -> Option<String> {
    match tag {
        der::UTF8_STRING => std::str::from_utf8(content).ok().map(str::to_owned),
        // NumericString, PrintableString, T61String, IA5String, VisibleString
        18 | 19 | 20 | 22 | 26 => Some(content.iter().copied().map(char::from).collect()),
        // UniversalString
        28 => {
            let (units, rest) = content.as_chunks::<4>();
            let text: Option<String> = units
                .iter()
                .map(|unit| char::from_u32(u32::from_be_bytes(*unit)))
                .collect();
            text.filter(|_| rest.is_empty())
        }
        // BMPString
        30 => {
            let (units, rest) = content.as_chunks::<2>();
            let text = char::decode_utf16(units.iter().map(|unit| u16::from_be_bytes(*unit)));
            text.collect::<Result<String, _>>()
                .ok()
                .filter(|_| rest.is_empty())
        }
        _ => None,
    }
}

/// Escapes as RFC 4514 §2.4 asks, and what must not reach a terminal or a page as it is.
fn escape(out: &mut String, value: &str) {
    let last = value.chars().count().saturating_sub(1);
    for (position, letter) in value.chars().enumerate() {
        match letter {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => out.extend(['\\', letter]),
            '#' if position == 0 => out.push_str("\\#"),
            ' ' if position == 0 || position == last => out.push_str("\\ "),
            _ if is_unsafe(letter) => {
                let mut buffer = [0; 4];
                for byte in letter.encode_utf8(&mut buffer).bytes() {
                    out.push('\\');
                    out.push_str(&der::hex(&[byte]).to_ascii_uppercase());
                }
            }
            _ => out.push(letter),
        }
    }
}

/// Control characters, and the invisible ones that reorder or join text.
pub(crate) fn is_unsafe(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// OpenSSL's x509_name_canon: values as folded UTF8String, each SET sorted.
fn canonical_relative_name(out: &mut Vec<u8>, attributes: &[Attribute<'_>]) {
    let mut encoded: Vec<Vec<u8>> = attributes
        .iter()
        .map(|attribute| {
            let mut pair = attribute.kind_der.to_vec();
            // NumericString is not among the types that OpenSSL folds.
            match decode(attribute.tag, attribute.value).filter(|_| attribute.tag != 18) {
                Some(value) => der::push(&mut pair, der::UTF8_STRING, fold(&value).as_bytes()),
                None => pair.extend_from_slice(attribute.value_der),
            }
            let mut whole = Vec::with_capacity(pair.len().saturating_add(4));
            der::push(&mut whole, der::SEQUENCE, &pair);
            whole
        })
        .collect();
    encoded.sort();
    der::push(out, der::SET, &encoded.concat());
}

/// Trims and folds ASCII white space, lower-cases ASCII letters; everything else stays.
fn fold(value: &str) -> String {
    let is_space = |letter: char| matches!(letter, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r');
    let mut folded = String::with_capacity(value.len());
    let mut in_space = false;
    for letter in value.trim_matches(is_space).chars() {
        if is_space(letter) {
            if !in_space {
                folded.push(' ');
            }
            in_space = true;
        } else {
            in_space = false;
            folded.push(letter.to_ascii_lowercase());
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Object identifier, tag, value.
    type Part<'a> = (&'a [u8], u8, &'a [u8]);

    fn name(parts: &[&[Part<'_>]]) -> Vec<u8> {
        let mut sets = Vec::new();
        for part in parts {
            let mut set = Vec::new();
            for (kind, tag, value) in *part {
                let mut pair = Vec::new();
                der::push(&mut pair, der::OBJECT_IDENTIFIER, kind);
                der::push(&mut pair, *tag, value);
                der::push(&mut set, der::SEQUENCE, &pair);
            }
            der::push(&mut sets, der::SET, &set);
        }
        let mut out = Vec::new();
        der::push(&mut out, der::SEQUENCE, &sets);
        out
    }

    const CN: &[u8] = &[0x55, 4, 3];
    const O: &[u8] = &[0x55, 4, 10];

    #[test]
    fn order_escapes_and_string_types() {
        let der = name(&[
            &[(&[0x55, 4, 6], 19, b"DE")],
            &[
                (O, 20, b"M\xfcller, S\xf6hne"),
                (&[0x55, 4, 11], 30, &[0, b'A', 0x20, 0xac]),
            ],
            &[(CN, 12, " a\u{7}b\u{202e}# ".as_bytes())],
            &[(CN, 28, &[0, 1, 0xf6, 0])],
            &[(&[0x88, 0x37], 12, b"x")],
            &[(CN, 12, &[0xff])],
        ]);
        let name = Name::from_der(&der).unwrap();
        assert_eq!(
            name.text(),
            "CN=#0C01FF,2.999=#0C0178,CN=😀,CN=\\ a\\07b\\E2\\80\\AE#\\ ,OU=A€+O=Müller\\, Söhne,C=DE"
        );
        assert_eq!(name.common_names(), [" a\u{7}b\u{202e}# ", "😀"]);
        assert_eq!(name.der(), der);
    }

    #[test]
    fn folding_makes_names_match() {
        let one = Name::from_der(&name(&[&[(CN, 12, b"  Acme \t\n Root ")]])).unwrap();
        let two = Name::from_der(&name(&[&[(CN, 19, b"ACME ROOT")]])).unwrap();
        assert_ne!(one, two);
        assert!(one.matches(&two));
        assert_eq!(one.hash_hex(), two.hash_hex());
        let numeric = Name::from_der(&name(&[&[(CN, 18, b"1")]])).unwrap();
        assert!(!numeric.matches(&Name::from_der(&name(&[&[(CN, 12, b"1")]])).unwrap()));
    }

    #[test]
    fn empty_and_broken() {
        let empty = Name::from_der(&[0x30, 0]).unwrap();
        assert!(empty.is_empty());
        assert_eq!((empty.text(), empty.hash_hex().as_str()), ("", "eea339da"));
        assert_eq!(
            Name::from_der(&[]).unwrap_err(),
            NameError::NotASequence { length: 0 }
        );
        assert_eq!(
            Name::from_der(&[0x30, 0, 0]).unwrap_err(),
            NameError::NotASequence { length: 3 }
        );
        assert_eq!(
            Name::from_der(&[0x30, 2, 0x31, 0]).unwrap_err(),
            NameError::RelativeName { index: 0 }
        );
        let whole = name(&[&[(CN, 12, b"a")], &[(O, 12, b"b")]]);
        for end in 0..whole.len() {
            assert!(Name::from_der(&whole[..end]).is_err(), "cut at {end}");
        }
    }
}
