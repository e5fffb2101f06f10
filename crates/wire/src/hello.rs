//! What a client offers, and the ClientHello that says it.

use crate::codes::{CipherSuite, ExtensionType, HandshakeType, NamedGroup, ProtocolVersion, SignatureScheme};
use crate::error::{Error, Fault, Within};
use crate::messages::{Extension, parse_extensions, parse_session_id, put_extensions};
use crate::reader::Reader;
use crate::writer::{message, put_u16, put_vec8, put_vec16};

/// What a client offers, in the order in which it stands in the ClientHello. Pure data: the same
/// offer, random and name always give the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// `client_version`: the highest version offered without supported_versions.
    pub legacy_version: ProtocolVersion,
    /// `cipher_suites`, signalling values included, in the order sent.
    pub cipher_suites: Vec<CipherSuite>,
    /// Groups of supported_groups, in the order sent.
    pub groups: Vec<NamedGroup>,
    /// Schemes of signature_algorithms, in the order sent.
    pub signature_algorithms: Vec<SignatureScheme>,
    /// Versions of supported_versions, when that extension is listed below.
    pub versions: Vec<ProtocolVersion>,
    /// Extensions in the order sent. server_name is left out when there is no name; supported are
    /// server_name, status_request, supported_groups, ec_point_formats, signature_algorithms,
    /// extended_master_secret, session_ticket (empty), encrypt_then_mac, supported_versions,
    /// key_share (without a share) and renegotiation_info (empty); any other is sent with empty data.
    pub extensions: Vec<ExtensionType>,
}

impl Offer {
    /// Whether an extension is offered.
    #[must_use]
    pub fn has_extension(&self, kind: ExtensionType) -> bool {
        self.extensions.contains(&kind)
    }

    /// The ClientHello of this offer.
    ///
    /// `server_name` is sent as SNI where the offer lists that extension; the caller makes sure
    /// that it is a DNS name and no IP address (RFC 6066 §3).
    #[must_use]
    pub fn client_hello(&self, random: [u8; 32], server_name: Option<&str>) -> ClientHello {
        let extensions = self
            .extensions
            .iter()
            .filter_map(|&kind| {
                Some(Extension {
                    kind,
                    data: self.extension_data(kind, server_name)?,
                })
            })
            .collect();
        ClientHello {
            legacy_version: self.legacy_version,
            random,
            session_id: Vec::new(),
            cipher_suites: self.cipher_suites.clone(),
            compression_methods: vec![0],
            extensions,
        }
    }

    fn extension_data(&self, kind: ExtensionType, server_name: Option<&str>) -> Option<Vec<u8>> {
        let mut data = Vec::new();
        match kind {
            ExtensionType::SERVER_NAME => {
                let mut entry = vec![0]; // host_name, RFC 6066 §3
                put_vec16(&mut entry, server_name?.as_bytes());
                put_vec16(&mut data, &entry);
            }
            // ocsp, no responder ids, no request extensions: RFC 6066 §8
            ExtensionType::STATUS_REQUEST => data.extend_from_slice(&[1, 0, 0, 0, 0]),
            ExtensionType::SUPPORTED_GROUPS => {
                put_vec16(&mut data, &be_bytes(self.groups.iter().map(|group| group.0)));
            }
            // uncompressed: RFC 8422 §5.1.2
            ExtensionType::EC_POINT_FORMATS => put_vec8(&mut data, &[0]),
            ExtensionType::SIGNATURE_ALGORITHMS => {
                put_vec16(
                    &mut data,
                    &be_bytes(self.signature_algorithms.iter().map(|scheme| scheme.0)),
                );
            }
            ExtensionType::SUPPORTED_VERSIONS => {
                put_vec8(
                    &mut data,
                    &be_bytes(self.versions.iter().map(|version| version.0)),
                );
            }
            // no client_shares: the server is to say which group it wants (RFC 8446 §4.2.8)
            ExtensionType::KEY_SHARE => put_vec16(&mut data, &[]),
            // empty renegotiated_connection: RFC 5746 §3.2
            ExtensionType::RENEGOTIATION_INFO => put_vec8(&mut data, &[]),
            _ => {}
        }
        Some(data)
    }
}

fn be_bytes(values: impl Iterator<Item = u16>) -> Vec<u8> {
    values.flat_map(u16::to_be_bytes).collect()
}

/// `ClientHello`, RFC 5246 §7.4.1.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientHello {
    /// `client_version`.
    pub legacy_version: ProtocolVersion,
    /// `random`.
    pub random: [u8; 32],
    /// `session_id`, at most 32 bytes; empty: nothing to resume.
    pub session_id: Vec<u8>,
    /// `cipher_suites`, in the order sent.
    pub cipher_suites: Vec<CipherSuite>,
    /// `compression_methods`; `[0]` is null alone.
    pub compression_methods: Vec<u8>,
    /// `extensions`, in the order sent.
    pub extensions: Vec<Extension>,
}

impl ClientHello {
    /// The whole message, header included.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(256);
        put_u16(&mut body, self.legacy_version.0);
        body.extend_from_slice(&self.random);
        put_vec8(&mut body, &self.session_id);
        put_vec16(
            &mut body,
            &be_bytes(self.cipher_suites.iter().map(|suite| suite.0)),
        );
        put_vec8(&mut body, &self.compression_methods);
        put_extensions(&mut body, &self.extensions);
        message(HandshakeType::CLIENT_HELLO, &body)
    }

    /// Reads the body of a ClientHello.
    ///
    /// # Errors
    ///
    /// A length that lies or that the definition forbids, an extension that stands twice, or a
    /// limit.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        Self::read(Reader::new(Within::Message(HandshakeType::CLIENT_HELLO), body))
    }

    pub(crate) fn read(mut reader: Reader<'_>) -> Result<Self, Error> {
        let legacy_version = ProtocolVersion(reader.u16("client_version")?);
        let random = reader.bytes32("random")?;
        let session_id = parse_session_id(&mut reader)?;
        let suites = reader.vec16("cipher_suites")?;
        if suites.is_empty() {
            return Err(suites
                .fault(Fault::Length {
                    field: "cipher_suites",
                    found: 0,
                    expected: "at least 2",
                })
                .into());
        }
        let cipher_suites = suites.u16_list("cipher_suites", "cipher_suite", CipherSuite)?;
        let mut methods = reader.vec8("compression_methods")?;
        if methods.is_empty() {
            let fault = Fault::Length {
                field: "compression_methods",
                found: 0,
                expected: "at least 1",
            };
            return Err(methods.fault(fault).into());
        }
        let compression_methods = methods.rest("compression_method").to_vec();
        let extensions = parse_extensions(&mut reader)?;
        Ok(Self {
            legacy_version,
            random,
            session_id,
            cipher_suites,
            compression_methods,
            extensions,
        })
    }

    /// The data of an extension.
    #[must_use]
    pub fn extension(&self, kind: ExtensionType) -> Option<&[u8]> {
        self.extensions
            .iter()
            .find(|extension| extension.kind == kind)
            .map(|extension| extension.data.as_slice())
    }

    /// The groups of supported_groups; `None` when the extension is absent or cannot be read.
    #[must_use]
    pub fn groups(&self) -> Option<Vec<NamedGroup>> {
        self.u16_list_extension(ExtensionType::SUPPORTED_GROUPS, NamedGroup)
    }

    /// The schemes of signature_algorithms; `None` when the extension is absent or cannot be read.
    #[must_use]
    pub fn signature_algorithms(&self) -> Option<Vec<SignatureScheme>> {
        self.u16_list_extension(ExtensionType::SIGNATURE_ALGORITHMS, SignatureScheme)
    }

    /// The host name of server_name; `None` when the extension is absent or is not exactly one
    /// host name in UTF-8 that is not empty (RFC 6066 §3).
    #[must_use]
    pub fn server_name(&self) -> Option<String> {
        let mut reader = self.extension_reader(ExtensionType::SERVER_NAME)?;
        let mut list = reader.vec16("server_name_list").ok()?;
        if list.u8("name_type").ok()? != 0 {
            return None;
        }
        let name = list.vec16("host_name").ok()?.rest("host_name");
        list.end("host_name").ok()?;
        reader.end("server_name_list").ok()?;
        String::from_utf8(name.to_vec())
            .ok()
            .filter(|name| !name.is_empty())
    }

    fn extension_reader(&self, kind: ExtensionType) -> Option<Reader<'_>> {
        Some(Reader::new(
            Within::Message(HandshakeType::CLIENT_HELLO),
            self.extension(kind)?,
        ))
    }

    fn u16_list_extension<T>(&self, kind: ExtensionType, make: fn(u16) -> T) -> Option<Vec<T>> {
        let mut reader = self.extension_reader(kind)?;
        let list = reader.vec16("list").ok()?;
        reader.end("list").ok()?;
        list.u16_list("list", "entry", make).ok()
    }
}
