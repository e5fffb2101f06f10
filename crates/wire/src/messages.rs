//! The messages of a TLS 1.2 server's first flight, and alerts: strict readers.
//!
//! Each reader takes the body of one message (without its four-byte header), accounts for every
//! byte of it and refuses lengths that lie.

use crate::codes::{
    AlertDescription, AlertLevel, CipherSuite, ClientCertificateType, CurveType, ExtensionType,
    HandshakeType, KeyExchange, NamedGroup, ProtocolVersion, SignatureScheme,
};
use crate::error::{Error, Fault, LimitExceeded, Malformed, Within};
use crate::extensions;
use crate::reader::Reader;
use crate::writer::{message, put_u16, put_vec8, put_vec16, put_vec24};
use crate::{MAX_CERTIFICATE_AUTHORITIES, MAX_CERTIFICATE_BYTES, MAX_CERTIFICATES, MAX_EXTENSIONS};

/// An extension as on the wire: type and data, uninterpreted (RFC 5246 §7.4.1.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Its type.
    pub kind: ExtensionType,
    /// Its data.
    pub data: Vec<u8>,
}

/// Reads `Extension extensions<0..2^16-1>`; absent when nothing is left.
pub(crate) fn parse_extensions(reader: &mut Reader<'_>) -> Result<Vec<Extension>, Error> {
    let mut found: Vec<Extension> = Vec::new();
    // What a server chose is acted upon; an offer is the client's matter and read where it is asked for.
    let chosen = reader.within() == Within::Message(HandshakeType::SERVER_HELLO);
    if reader.is_empty() {
        return Ok(found);
    }
    let mut list = reader.vec16("extensions")?;
    reader.end("extensions")?;
    while !list.is_empty() {
        if found.len() == MAX_EXTENSIONS {
            let limit = MAX_EXTENSIONS;
            return Err(LimitExceeded {
                what: "extensions",
                found: limit.saturating_add(1),
                limit,
            }
            .into());
        }
        let at = list.fault(Fault::DuplicateExtension(ExtensionType(0)));
        let entry = list.open("extension");
        let kind = ExtensionType(list.u16("extension_type")?);
        if found.iter().any(|extension| extension.kind == kind) {
            return Err(Malformed {
                fault: Fault::DuplicateExtension(kind),
                ..at
            }
            .into());
        }
        let data = list.vec16("extension_data")?;
        let bytes = data.peek().to_vec();
        if chosen && extensions::decides(kind) {
            extensions::read(kind, &mut data.untraced())?;
        }
        extensions::note(kind, data);
        list.close(entry);
        found.push(Extension { kind, data: bytes });
    }
    Ok(found)
}

pub(crate) fn put_extensions(out: &mut Vec<u8>, extensions: &[Extension]) {
    if extensions.is_empty() {
        return;
    }
    let mut list = Vec::new();
    for extension in extensions {
        put_u16(&mut list, extension.kind.0);
        put_vec16(&mut list, &extension.data);
    }
    put_vec16(out, &list);
}

/// `ServerHello`, RFC 5246 §7.4.1.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHello {
    /// `server_version`; in TLS 1.3 the legacy field, see [`ServerHello::version`].
    pub legacy_version: ProtocolVersion,
    /// `random`.
    pub random: [u8; 32],
    /// `session_id`, at most 32 bytes.
    pub session_id: Vec<u8>,
    /// `cipher_suite`.
    pub cipher_suite: CipherSuite,
    /// `compression_method`; 0 is null, the only one that may be offered today.
    pub compression_method: u8,
    /// `extensions`, in the order sent.
    pub extensions: Vec<Extension>,
}

impl ServerHello {
    /// Reads the body of a ServerHello.
    ///
    /// # Errors
    ///
    /// A length that lies, also inside the extensions that decide how the handshake goes on
    /// (renegotiation_info, ec_point_formats, supported_versions, extended_master_secret,
    /// encrypt_then_mac), an extension that stands twice, or a limit.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        Self::read(Reader::new(Within::Message(HandshakeType::SERVER_HELLO), body))
    }

    pub(crate) fn read(mut reader: Reader<'_>) -> Result<Self, Error> {
        let legacy_version = ProtocolVersion(reader.u16("server_version")?);
        let random = reader.bytes32("random")?;
        let session_id = parse_session_id(&mut reader)?;
        let cipher_suite = CipherSuite(reader.u16("cipher_suite")?);
        let compression_method = reader.u8("compression_method")?;
        let extensions = parse_extensions(&mut reader)?;
        Ok(Self {
            legacy_version,
            random,
            session_id,
            cipher_suite,
            compression_method,
            extensions,
        })
    }

    /// The whole message, header included.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        put_u16(&mut body, self.legacy_version.0);
        body.extend_from_slice(&self.random);
        put_vec8(&mut body, &self.session_id);
        put_u16(&mut body, self.cipher_suite.0);
        body.push(self.compression_method);
        put_extensions(&mut body, &self.extensions);
        message(HandshakeType::SERVER_HELLO, &body)
    }

    /// The data of an extension.
    #[must_use]
    pub fn extension(&self, kind: ExtensionType) -> Option<&[u8]> {
        self.extensions
            .iter()
            .find(|extension| extension.kind == kind)
            .map(|extension| extension.data.as_slice())
    }

    /// The version chosen: that of supported_versions where it stands (RFC 8446 §4.2.1), else
    /// `server_version`.
    #[must_use]
    pub fn version(&self) -> ProtocolVersion {
        match self.extension(ExtensionType::SUPPORTED_VERSIONS) {
            Some(&[major, minor]) => ProtocolVersion(u16::from_be_bytes([major, minor])),
            _ => self.legacy_version,
        }
    }
}

pub(crate) fn parse_session_id(reader: &mut Reader<'_>) -> Result<Vec<u8>, Malformed> {
    let mut id = reader.vec8("session_id")?;
    if id.left() > 32 {
        return Err(id.fault(Fault::Length {
            field: "session_id",
            found: id.left(),
            expected: "at most 32",
        }));
    }
    Ok(id.rest("session_id").to_vec())
}

/// Reads the body of a Certificate message: `ASN.1Cert certificate_list<0..2^24-1>`
/// (RFC 5246 §7.4.2), each certificate as DER.
///
/// # Errors
///
/// A length that lies, an empty certificate, or a limit.
pub fn parse_certificates(body: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    read_certificates(Reader::new(Within::Message(HandshakeType::CERTIFICATE), body))
}

pub(crate) fn read_certificates(mut reader: Reader<'_>) -> Result<Vec<Vec<u8>>, Error> {
    let mut list = reader.vec24("certificate_list")?;
    reader.end("certificate_list")?;
    let mut certificates = Vec::new();
    while !list.is_empty() {
        if certificates.len() == MAX_CERTIFICATES {
            let limit = MAX_CERTIFICATES;
            return Err(LimitExceeded {
                what: "certificates",
                found: limit.saturating_add(1),
                limit,
            }
            .into());
        }
        let mut certificate = list.vec24("certificate")?;
        if certificate.is_empty() {
            return Err(certificate
                .fault(Fault::Length {
                    field: "certificate",
                    found: 0,
                    expected: "at least 1",
                })
                .into());
        }
        if certificate.left() > MAX_CERTIFICATE_BYTES {
            let limit = MAX_CERTIFICATE_BYTES;
            return Err(LimitExceeded {
                what: "bytes of one certificate",
                found: certificate.left(),
                limit,
            }
            .into());
        }
        certificates.push(certificate.rest("certificate").to_vec());
    }
    Ok(certificates)
}

/// A whole Certificate message, header included; an empty list is how a client says that it has
/// none (RFC 5246 §7.4.6).
#[must_use]
pub fn write_certificates<T: AsRef<[u8]>>(certificates: &[T]) -> Vec<u8> {
    let mut list = Vec::new();
    for certificate in certificates {
        put_vec24(&mut list, certificate.as_ref());
    }
    let mut body = Vec::new();
    put_vec24(&mut body, &list);
    message(HandshakeType::CERTIFICATE, &body)
}

/// `ServerKeyExchange`: ECDHE parameters and their signature, or uninterpreted for the other key
/// exchanges (RFC 8422 §5.4, RFC 5246 §7.4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerKeyExchange {
    /// ECDHE on a named group.
    Ecdhe(EcdheParameters),
    /// DHE, an explicit curve, or a suite this crate does not know: the body as sent.
    Other(Vec<u8>),
}

/// ECDHE parameters on a named group, with their signature.
///
/// `struct { ServerECDHParams params; Signature signed_params; }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcdheParameters {
    /// `namedcurve`.
    pub group: NamedGroup,
    /// `public`: the server's point, uncompressed for the NIST curves.
    pub point: Vec<u8>,
    /// `params` as sent: what the signature covers, behind the two randoms.
    pub params: Vec<u8>,
    /// `SignatureAndHashAlgorithm`; `None` before TLS 1.2.
    pub scheme: Option<SignatureScheme>,
    /// `signature`.
    pub signature: Vec<u8>,
}

impl ServerKeyExchange {
    /// Reads the body of a ServerKeyExchange, by the key exchange and version of the ServerHello.
    ///
    /// # Errors
    ///
    /// A length that lies, among them a point that is no point of its group: nothing else in this
    /// message betrays a point that is one byte short.
    pub fn parse(
        body: &[u8],
        exchange: Option<KeyExchange>,
        version: ProtocolVersion,
    ) -> Result<Self, Error> {
        let reader = Reader::new(Within::Message(HandshakeType::SERVER_KEY_EXCHANGE), body);
        Self::read(reader, exchange, version)
    }

    pub(crate) fn read(
        mut reader: Reader<'_>,
        exchange: Option<KeyExchange>,
        version: ProtocolVersion,
    ) -> Result<Self, Error> {
        let body = reader.peek();
        if !exchange.is_some_and(KeyExchange::is_ecdhe) {
            return Ok(Self::Other(reader.rest("params").to_vec()));
        }
        if CurveType(reader.u8("curve_type")?) != CurveType::NAMED_CURVE {
            reader.rest("params");
            return Ok(Self::Other(body.to_vec()));
        }
        let group = NamedGroup(reader.u16("namedcurve")?);
        let mut point = reader.vec8("public")?;
        if point.is_empty() {
            return Err(point
                .fault(Fault::Length {
                    field: "public",
                    found: 0,
                    expected: "at least 1",
                })
                .into());
        }
        if let Some((compressed, uncompressed)) = point_lengths(group)
            && ![compressed, uncompressed].contains(&point.left())
        {
            let expected = "the length of a point of its group";
            return Err(point
                .fault(Fault::Length {
                    field: "public",
                    found: point.left(),
                    expected,
                })
                .into());
        }
        let point = point.rest("public").to_vec();
        let params = body.get(..reader.offset()).unwrap_or_default().to_vec();
        let scheme = if version >= ProtocolVersion::TLS_1_2 {
            Some(SignatureScheme(reader.u16("algorithm")?))
        } else {
            None
        };
        let signature = reader.vec16("signature")?.rest("signature").to_vec();
        reader.end("signature")?;
        Ok(Self::Ecdhe(EcdheParameters {
            group,
            point,
            params,
            scheme,
            signature,
        }))
    }
}

/// Bytes of a point, compressed and uncompressed (RFC 8422 §5.4.1, SEC 1 §2.3.3; RFC 7748 §6 has
/// one form); `None` for a group this crate does not know.
const fn point_lengths(group: NamedGroup) -> Option<(usize, usize)> {
    match group {
        NamedGroup::SECP256R1 => Some((33, 65)),
        NamedGroup::SECP384R1 => Some((49, 97)),
        NamedGroup::SECP521R1 => Some((67, 133)),
        NamedGroup::X25519 => Some((32, 32)),
        NamedGroup::X448 => Some((56, 56)),
        _ => None,
    }
}

impl EcdheParameters {
    /// The `params` structure of a group and a point.
    #[must_use]
    pub fn encode_params(group: NamedGroup, point: &[u8]) -> Vec<u8> {
        let mut params = vec![CurveType::NAMED_CURVE.0];
        put_u16(&mut params, group.0);
        put_vec8(&mut params, point);
        params
    }

    /// The whole ServerKeyExchange message, header included.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut body = self.params.clone();
        if let Some(scheme) = self.scheme {
            put_u16(&mut body, scheme.0);
        }
        put_vec16(&mut body, &self.signature);
        message(HandshakeType::SERVER_KEY_EXCHANGE, &body)
    }
}

/// `CertificateRequest`, RFC 5246 §7.4.4.
///
/// ```text
/// struct {
///     ClientCertificateType certificate_types<1..2^8-1>;
///     SignatureAndHashAlgorithm supported_signature_algorithms<2..2^16-2>;   // TLS 1.2
///     DistinguishedName certificate_authorities<0..2^16-1>;
/// } CertificateRequest;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRequest {
    /// `certificate_types`.
    pub certificate_types: Vec<ClientCertificateType>,
    /// `supported_signature_algorithms`; empty before TLS 1.2.
    pub signature_algorithms: Vec<SignatureScheme>,
    /// `certificate_authorities`: names as DER. Empty means any, and is no sign of no request.
    pub authorities: Vec<Vec<u8>>,
}

impl CertificateRequest {
    /// Reads the body of a CertificateRequest in the form of `version`.
    ///
    /// # Errors
    ///
    /// A length that lies or that the definition forbids, or a limit.
    pub fn parse(body: &[u8], version: ProtocolVersion) -> Result<Self, Error> {
        let reader = Reader::new(Within::Message(HandshakeType::CERTIFICATE_REQUEST), body);
        Self::read(reader, version)
    }

    pub(crate) fn read(mut reader: Reader<'_>, version: ProtocolVersion) -> Result<Self, Error> {
        let mut types = reader.vec8("certificate_types")?;
        if types.is_empty() {
            return Err(types
                .fault(Fault::Length {
                    field: "certificate_types",
                    found: 0,
                    expected: "at least 1",
                })
                .into());
        }
        let certificate_types = types
            .rest("certificate_type")
            .iter()
            .copied()
            .map(ClientCertificateType)
            .collect();
        let signature_algorithms = if version >= ProtocolVersion::TLS_1_2 {
            let field = "supported_signature_algorithms";
            let list = reader.vec16(field)?;
            if list.is_empty() {
                return Err(list
                    .fault(Fault::Length {
                        field,
                        found: 0,
                        expected: "at least 2",
                    })
                    .into());
            }
            list.u16_list(field, "algorithm", SignatureScheme)?
        } else {
            Vec::new()
        };
        let mut list = reader.vec16("certificate_authorities")?;
        reader.end("certificate_authorities")?;
        let mut authorities = Vec::new();
        while !list.is_empty() {
            if authorities.len() == MAX_CERTIFICATE_AUTHORITIES {
                let limit = MAX_CERTIFICATE_AUTHORITIES;
                return Err(LimitExceeded {
                    what: "CA names",
                    found: limit.saturating_add(1),
                    limit,
                }
                .into());
            }
            let mut name = list.vec16("distinguished_name")?;
            if name.is_empty() {
                return Err(name
                    .fault(Fault::Length {
                        field: "distinguished_name",
                        found: 0,
                        expected: "at least 1",
                    })
                    .into());
            }
            authorities.push(name.rest("distinguished_name").to_vec());
        }
        Ok(Self {
            certificate_types,
            signature_algorithms,
            authorities,
        })
    }

    /// The whole message in its TLS 1.2 form, header included.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        put_vec8(
            &mut body,
            &self
                .certificate_types
                .iter()
                .map(|kind| kind.0)
                .collect::<Vec<_>>(),
        );
        let mut list = Vec::new();
        for scheme in &self.signature_algorithms {
            put_u16(&mut list, scheme.0);
        }
        put_vec16(&mut body, &list);
        let mut list = Vec::new();
        for name in &self.authorities {
            put_vec16(&mut list, name);
        }
        put_vec16(&mut body, &list);
        message(HandshakeType::CERTIFICATE_REQUEST, &body)
    }
}

/// `CertificateStatusType` ocsp, RFC 6066 §8.
const STATUS_TYPE_OCSP: u8 = 1;

/// `CertificateStatus`, RFC 6066 §8: a stapled OCSP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateStatus {
    /// `status_type`; 1 is ocsp.
    pub status_type: u8,
    /// `OCSPResponse`, DER; for any other `status_type` what follows it, as sent.
    pub response: Vec<u8>,
}

impl CertificateStatus {
    /// Reads the body of a CertificateStatus.
    ///
    /// # Errors
    ///
    /// A length that lies, or an empty OCSP response.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        Self::read(Reader::new(
            Within::Message(HandshakeType::CERTIFICATE_STATUS),
            body,
        ))
    }

    pub(crate) fn read(mut reader: Reader<'_>) -> Result<Self, Error> {
        let status_type = reader.u8("status_type")?;
        if status_type != STATUS_TYPE_OCSP {
            return Ok(Self {
                status_type,
                response: reader.rest("response").to_vec(),
            });
        }
        let mut response = reader.vec24("response")?;
        if response.is_empty() {
            return Err(response
                .fault(Fault::Length {
                    field: "response",
                    found: 0,
                    expected: "at least 1",
                })
                .into());
        }
        let response = response.rest("response").to_vec();
        reader.end("response")?;
        Ok(Self {
            status_type,
            response,
        })
    }
}

/// `Alert`, RFC 5246 §7.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// `level`.
    pub level: AlertLevel,
    /// `description`.
    pub description: AlertDescription,
}

impl Alert {
    /// Reads one whole alert. [`FlightReader`](crate::FlightReader) reads alerts that share a
    /// record or span two, which RFC 5246 §6.2.1 allows.
    ///
    /// # Errors
    ///
    /// A payload that is not two bytes long.
    pub fn parse(payload: &[u8]) -> Result<Self, Error> {
        Self::read(Reader::new(Within::Alert, payload))
    }

    pub(crate) fn read(mut reader: Reader<'_>) -> Result<Self, Error> {
        let level = AlertLevel(reader.u8("level")?);
        let description = AlertDescription(reader.u8("description")?);
        reader.end("description")?;
        Ok(Self { level, description })
    }

    /// Whether the connection ends with it: everything that is not a warning (RFC 5246 §7.2.2).
    #[must_use]
    pub fn is_fatal(self) -> bool {
        self.level != AlertLevel::WARNING
    }
}
