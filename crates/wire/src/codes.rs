//! Code points of TLS: each a newtype over its integer, with the registry's names.
//!
//! A value nobody has named survives, compares and prints as hexadecimal: an observer wants the
//! odd value, not a refusal. Source of names: the IANA TLS registries and the RFCs named on each
//! type.

use std::fmt;

/// Declares a newtype over an integer with named constants, `name`, `from_name` and `Display`.
macro_rules! code_points {
    ($(#[$meta:meta])* $type:ident($int:ty), $width:literal { $($(#[$vmeta:meta])* $konst:ident = $value:literal, $name:literal;)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(
            /// The code point as on the wire.
            pub $int,
        );

        impl $type {
            $(
                #[doc = concat!("`", $name, "`")]
                $(#[$vmeta])*
                pub const $konst: Self = Self($value);
            )+

            /// Every named value, in the order of this table.
            pub const ALL: &'static [Self] = &[$(Self::$konst),+];

            /// The registry's name; `None` for a value this table does not name.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($name),)+
                    _ => None,
                }
            }

            /// The value with that registry name, compared exactly.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$konst),)+
                    _ => None,
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "{:#0width$x}", self.0, width = $width),
                }
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

code_points! {
    /// `ProtocolVersion`, RFC 5246 §6.2.1. Names as OpenSSL prints them.
    ProtocolVersion(u16), 6 {
        SSL_3_0 = 0x0300, "SSLv3";
        TLS_1_0 = 0x0301, "TLSv1.0";
        TLS_1_1 = 0x0302, "TLSv1.1";
        TLS_1_2 = 0x0303, "TLSv1.2";
        TLS_1_3 = 0x0304, "TLSv1.3";
    }
}

code_points! {
    /// `ContentType`, RFC 5246 §6.2.1.
    ContentType(u8), 4 {
        CHANGE_CIPHER_SPEC = 20, "change_cipher_spec";
        ALERT = 21, "alert";
        HANDSHAKE = 22, "handshake";
        APPLICATION_DATA = 23, "application_data";
    }
}

code_points! {
    /// `HandshakeType`, RFC 5246 §7.4, RFC 6066 §8, RFC 5077 §3.3.
    HandshakeType(u8), 4 {
        HELLO_REQUEST = 0, "hello_request";
        CLIENT_HELLO = 1, "client_hello";
        SERVER_HELLO = 2, "server_hello";
        NEW_SESSION_TICKET = 4, "new_session_ticket";
        CERTIFICATE = 11, "certificate";
        SERVER_KEY_EXCHANGE = 12, "server_key_exchange";
        CERTIFICATE_REQUEST = 13, "certificate_request";
        SERVER_HELLO_DONE = 14, "server_hello_done";
        CERTIFICATE_VERIFY = 15, "certificate_verify";
        CLIENT_KEY_EXCHANGE = 16, "client_key_exchange";
        FINISHED = 20, "finished";
        CERTIFICATE_STATUS = 22, "certificate_status";
    }
}

code_points! {
    /// `CipherSuite`, RFC 5246 §7.4.1.2 and §A.5, RFC 5288, RFC 5289, RFC 8422, RFC 8446 §B.4.
    CipherSuite(u16), 6 {
        TLS_RSA_WITH_3DES_EDE_CBC_SHA = 0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA";
        TLS_DHE_RSA_WITH_AES_128_CBC_SHA = 0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA";
        TLS_DHE_RSA_WITH_AES_256_CBC_SHA = 0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA";
        TLS_RSA_WITH_AES_128_CBC_SHA = 0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA";
        TLS_RSA_WITH_AES_256_CBC_SHA = 0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA";
        TLS_RSA_WITH_AES_128_CBC_SHA256 = 0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256";
        TLS_RSA_WITH_AES_256_CBC_SHA256 = 0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256";
        TLS_RSA_WITH_AES_128_GCM_SHA256 = 0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256";
        TLS_RSA_WITH_AES_256_GCM_SHA384 = 0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384";
        TLS_DHE_RSA_WITH_AES_128_GCM_SHA256 = 0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256";
        TLS_DHE_RSA_WITH_AES_256_GCM_SHA384 = 0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384";
        /// A signal, not a suite: RFC 5746 §3.3.
        TLS_EMPTY_RENEGOTIATION_INFO_SCSV = 0x00ff, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV";
        TLS_AES_128_GCM_SHA256 = 0x1301, "TLS_AES_128_GCM_SHA256";
        TLS_AES_256_GCM_SHA384 = 0x1302, "TLS_AES_256_GCM_SHA384";
        TLS_CHACHA20_POLY1305_SHA256 = 0x1303, "TLS_CHACHA20_POLY1305_SHA256";
        /// A signal, not a suite: RFC 7507.
        TLS_FALLBACK_SCSV = 0x5600, "TLS_FALLBACK_SCSV";
        TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA = 0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA";
        TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA = 0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA";
        TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA = 0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA";
        TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA = 0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA";
        TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256 = 0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256";
        TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384 = 0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384";
        TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256 = 0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256";
        TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384 = 0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384";
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 = 0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 = 0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
        TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 = 0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 = 0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384";
        TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 = 0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256";
        TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 = 0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256";
    }
}

code_points! {
    /// `NamedGroup` (formerly `NamedCurve`), RFC 8422 §5.1.1, RFC 8446 §4.2.7.
    NamedGroup(u16), 6 {
        SECP256R1 = 23, "secp256r1";
        SECP384R1 = 24, "secp384r1";
        SECP521R1 = 25, "secp521r1";
        X25519 = 29, "x25519";
        X448 = 30, "x448";
        FFDHE2048 = 256, "ffdhe2048";
        FFDHE3072 = 257, "ffdhe3072";
        X25519MLKEM768 = 4588, "X25519MLKEM768";
    }
}

code_points! {
    /// `SignatureScheme`, RFC 8446 §4.2.3; in TLS 1.2 the same two bytes are
    /// `SignatureAndHashAlgorithm`, RFC 5246 §7.4.1.4.1.
    SignatureScheme(u16), 6 {
        RSA_PKCS1_MD5 = 0x0101, "rsa_pkcs1_md5";
        RSA_PKCS1_SHA1 = 0x0201, "rsa_pkcs1_sha1";
        DSA_SHA1 = 0x0202, "dsa_sha1";
        ECDSA_SHA1 = 0x0203, "ecdsa_sha1";
        RSA_PKCS1_SHA224 = 0x0301, "rsa_pkcs1_sha224";
        DSA_SHA224 = 0x0302, "dsa_sha224";
        ECDSA_SHA224 = 0x0303, "ecdsa_sha224";
        RSA_PKCS1_SHA256 = 0x0401, "rsa_pkcs1_sha256";
        DSA_SHA256 = 0x0402, "dsa_sha256";
        ECDSA_SECP256R1_SHA256 = 0x0403, "ecdsa_secp256r1_sha256";
        RSA_PKCS1_SHA384 = 0x0501, "rsa_pkcs1_sha384";
        ECDSA_SECP384R1_SHA384 = 0x0503, "ecdsa_secp384r1_sha384";
        RSA_PKCS1_SHA512 = 0x0601, "rsa_pkcs1_sha512";
        ECDSA_SECP521R1_SHA512 = 0x0603, "ecdsa_secp521r1_sha512";
        RSA_PSS_RSAE_SHA256 = 0x0804, "rsa_pss_rsae_sha256";
        RSA_PSS_RSAE_SHA384 = 0x0805, "rsa_pss_rsae_sha384";
        RSA_PSS_RSAE_SHA512 = 0x0806, "rsa_pss_rsae_sha512";
        ED25519 = 0x0807, "ed25519";
        ED448 = 0x0808, "ed448";
        RSA_PSS_PSS_SHA256 = 0x0809, "rsa_pss_pss_sha256";
        RSA_PSS_PSS_SHA384 = 0x080a, "rsa_pss_pss_sha384";
        RSA_PSS_PSS_SHA512 = 0x080b, "rsa_pss_pss_sha512";
    }
}

code_points! {
    /// `ClientCertificateType`, RFC 5246 §7.4.4, RFC 8422 §5.5.
    ClientCertificateType(u8), 4 {
        RSA_SIGN = 1, "rsa_sign";
        DSS_SIGN = 2, "dss_sign";
        RSA_FIXED_DH = 3, "rsa_fixed_dh";
        DSS_FIXED_DH = 4, "dss_fixed_dh";
        ECDSA_SIGN = 64, "ecdsa_sign";
        RSA_FIXED_ECDH = 65, "rsa_fixed_ecdh";
        ECDSA_FIXED_ECDH = 66, "ecdsa_fixed_ecdh";
    }
}

code_points! {
    /// `AlertLevel`, RFC 5246 §7.2.
    AlertLevel(u8), 4 {
        WARNING = 1, "warning";
        FATAL = 2, "fatal";
    }
}

code_points! {
    /// `AlertDescription`, RFC 5246 §7.2, RFC 6066 §9, RFC 7301 §3.2, RFC 8446 §6.
    AlertDescription(u8), 4 {
        CLOSE_NOTIFY = 0, "close_notify";
        UNEXPECTED_MESSAGE = 10, "unexpected_message";
        BAD_RECORD_MAC = 20, "bad_record_mac";
        DECRYPTION_FAILED = 21, "decryption_failed";
        RECORD_OVERFLOW = 22, "record_overflow";
        DECOMPRESSION_FAILURE = 30, "decompression_failure";
        HANDSHAKE_FAILURE = 40, "handshake_failure";
        NO_CERTIFICATE = 41, "no_certificate";
        BAD_CERTIFICATE = 42, "bad_certificate";
        UNSUPPORTED_CERTIFICATE = 43, "unsupported_certificate";
        CERTIFICATE_REVOKED = 44, "certificate_revoked";
        CERTIFICATE_EXPIRED = 45, "certificate_expired";
        CERTIFICATE_UNKNOWN = 46, "certificate_unknown";
        ILLEGAL_PARAMETER = 47, "illegal_parameter";
        UNKNOWN_CA = 48, "unknown_ca";
        ACCESS_DENIED = 49, "access_denied";
        DECODE_ERROR = 50, "decode_error";
        DECRYPT_ERROR = 51, "decrypt_error";
        EXPORT_RESTRICTION = 60, "export_restriction";
        PROTOCOL_VERSION = 70, "protocol_version";
        INSUFFICIENT_SECURITY = 71, "insufficient_security";
        INTERNAL_ERROR = 80, "internal_error";
        INAPPROPRIATE_FALLBACK = 86, "inappropriate_fallback";
        USER_CANCELED = 90, "user_canceled";
        NO_RENEGOTIATION = 100, "no_renegotiation";
        MISSING_EXTENSION = 109, "missing_extension";
        UNSUPPORTED_EXTENSION = 110, "unsupported_extension";
        CERTIFICATE_UNOBTAINABLE = 111, "certificate_unobtainable";
        UNRECOGNIZED_NAME = 112, "unrecognized_name";
        BAD_CERTIFICATE_STATUS_RESPONSE = 113, "bad_certificate_status_response";
        BAD_CERTIFICATE_HASH_VALUE = 114, "bad_certificate_hash_value";
        UNKNOWN_PSK_IDENTITY = 115, "unknown_psk_identity";
        CERTIFICATE_REQUIRED = 116, "certificate_required";
        NO_APPLICATION_PROTOCOL = 120, "no_application_protocol";
    }
}

code_points! {
    /// `ExtensionType`, RFC 5246 §7.4.1.4 and the IANA registry.
    ExtensionType(u16), 6 {
        SERVER_NAME = 0, "server_name";
        MAX_FRAGMENT_LENGTH = 1, "max_fragment_length";
        STATUS_REQUEST = 5, "status_request";
        SUPPORTED_GROUPS = 10, "supported_groups";
        EC_POINT_FORMATS = 11, "ec_point_formats";
        SIGNATURE_ALGORITHMS = 13, "signature_algorithms";
        APPLICATION_LAYER_PROTOCOL_NEGOTIATION = 16, "application_layer_protocol_negotiation";
        ENCRYPT_THEN_MAC = 22, "encrypt_then_mac";
        EXTENDED_MASTER_SECRET = 23, "extended_master_secret";
        SESSION_TICKET = 35, "session_ticket";
        SUPPORTED_VERSIONS = 43, "supported_versions";
        KEY_SHARE = 51, "key_share";
        RENEGOTIATION_INFO = 0xff01, "renegotiation_info";
    }
}

code_points! {
    /// `ECCurveType`, RFC 8422 §5.4.
    CurveType(u8), 4 {
        EXPLICIT_PRIME = 1, "explicit_prime";
        EXPLICIT_CHAR2 = 2, "explicit_char2";
        NAMED_CURVE = 3, "named_curve";
    }
}

/// How a suite of TLS 1.2 agrees on keys and how the server proves itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyExchange {
    /// The client encrypts the premaster secret to the certificate's key (RFC 5246 §8.1.1).
    Rsa,
    /// ECDHE signed with RSA (RFC 8422 §2.2).
    EcdheRsa,
    /// ECDHE signed with ECDSA (RFC 8422 §2.1).
    EcdheEcdsa,
    /// Finite-field DHE signed with RSA (RFC 5246 §8.1.2).
    DheRsa,
}

impl KeyExchange {
    /// Whether it is ECDHE.
    #[must_use]
    pub const fn is_ecdhe(self) -> bool {
        matches!(self, Self::EcdheRsa | Self::EcdheEcdsa)
    }
}

impl CipherSuite {
    /// Whether the value is a signalling value rather than a suite (RFC 5746 §3.3, RFC 7507).
    #[must_use]
    pub const fn is_signal(self) -> bool {
        matches!(
            self,
            Self::TLS_EMPTY_RENEGOTIATION_INFO_SCSV | Self::TLS_FALLBACK_SCSV
        )
    }

    /// The key exchange of a suite of TLS 1.2; `None` for signals, suites of TLS 1.3 and unknown
    /// values.
    #[must_use]
    pub fn key_exchange(self) -> Option<KeyExchange> {
        let name = self.name()?;
        [
            ("TLS_RSA_WITH_", KeyExchange::Rsa),
            ("TLS_ECDHE_RSA_WITH_", KeyExchange::EcdheRsa),
            ("TLS_ECDHE_ECDSA_WITH_", KeyExchange::EcdheEcdsa),
            ("TLS_DHE_RSA_WITH_", KeyExchange::DheRsa),
        ]
        .into_iter()
        .find_map(|(prefix, exchange)| name.starts_with(prefix).then_some(exchange))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_unknown_values_survive_as_hexadecimal() {
        assert!(CipherSuite::ALL.len() > 25);
        for suite in CipherSuite::ALL {
            assert_eq!(CipherSuite::from_name(suite.name().unwrap()), Some(*suite));
        }
        assert_eq!(CipherSuite(0xabcd).to_string(), "0xabcd");
        assert_eq!(AlertDescription(7).to_string(), "0x07");
        assert_eq!(NamedGroup(0x0001).to_string(), "0x0001");
        assert_eq!(CipherSuite::from_name("AES256-SHA"), None);
    }

    #[test]
    fn a_suite_tells_its_key_exchange() {
        for (suite, exchange) in [
            (CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA, Some(KeyExchange::Rsa)),
            (
                CipherSuite::TLS_DHE_RSA_WITH_AES_128_GCM_SHA256,
                Some(KeyExchange::DheRsa),
            ),
            (
                CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                Some(KeyExchange::EcdheRsa),
            ),
            (
                CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
                Some(KeyExchange::EcdheEcdsa),
            ),
            (CipherSuite::TLS_AES_128_GCM_SHA256, None),
            (CipherSuite::TLS_FALLBACK_SCSV, None),
            (CipherSuite(0xabcd), None),
        ] {
            assert_eq!(suite.key_exchange(), exchange, "{suite}");
        }
        let silent = CipherSuite::ALL
            .iter()
            .filter(|suite| suite.key_exchange().is_none())
            .count();
        assert_eq!(silent, 5, "three suites of TLS 1.3 and two signals");
        assert_eq!(
            CipherSuite::ALL.iter().filter(|suite| suite.is_signal()).count(),
            2
        );
    }
}
