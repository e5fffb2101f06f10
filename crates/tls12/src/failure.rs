//! Why a handshake ends before it is finished, or a connection after.

use siptls_wire::{Alert, CipherSuite, ExtensionType, NamedGroup, ProtocolVersion, SignatureScheme};

/// Why the connection is over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Bytes that cannot be read on.
    #[error(transparent)]
    Wire(#[from] siptls_wire::Error),
    /// A well-formed message that breaks the protocol.
    #[error("{0}")]
    Violation(Violation),
    /// The peer ended the connection with an alert: a fatal one, or close_notify before the
    /// handshake was finished.
    #[error("the peer sent the {} alert {}", .0.level, .0.description)]
    Alert(Alert),
    /// The stream ended before the handshake was finished.
    #[error("the peer {} the connection", if *.reset { "reset" } else { "closed" })]
    Ended {
        /// By a reset instead of a FIN.
        reset: bool,
    },
    /// The signature over the key exchange does not verify with the leaf's key.
    #[error("the {0} signature over the key exchange does not verify with the key of the first certificate")]
    BadSignature(SignatureScheme),
    /// A protected record does not open.
    #[error(transparent)]
    BadRecord(#[from] crate::BadRecord),
    /// The server's Finished does not match the handshake.
    #[error("the server's finished does not match the handshake")]
    BadFinished,
    /// This engine cannot finish the handshake, though a real peer might.
    #[error(transparent)]
    NotCompletable(#[from] NotCompletable),
}

/// A well-formed message that breaks the protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A version that was not offered.
    #[error("the server chose {0}, which was not offered")]
    Version(ProtocolVersion),
    /// A suite that was not offered.
    #[error("the server chose {0}, which was not offered")]
    CipherSuite(CipherSuite),
    /// A compression method other than null.
    #[error("the server chose compression method {0}, which was not offered")]
    Compression(u8),
    /// A group that was not offered.
    #[error("the server chose the group {0}, which was not offered")]
    Group(NamedGroup),
    /// ECDHE parameters other than a named group, which alone can be offered (RFC 8422 §5.4).
    #[error("the server's key exchange describes a curve of its own, only named groups were offered")]
    ExplicitCurve,
    /// A suite whose key exchange needs another kind of key (RFC 5246 §7.4.2).
    #[error("the server chose {0}, which does not go with the key of its certificate")]
    KeyType(CipherSuite),
    /// A signature scheme that was not offered.
    #[error("the server signed with {0}, which was not offered")]
    Signature(SignatureScheme),
    /// An extension that was not offered (RFC 5246 §7.4.1.4).
    #[error("the server answered the extension {0}, which was not offered")]
    Extension(ExtensionType),
    /// A renegotiation_info that speaks of an earlier handshake (RFC 5746 §3.4).
    #[error("the server's renegotiation_info speaks of an earlier handshake, there was none")]
    Renegotiation,
    /// A message that the suite needs is missing.
    #[error("the server's flight has no {0}, which its suite needs")]
    Missing(&'static str),
    /// A message that the suite does not have.
    #[error("the server's flight has a {0}, which its suite does not have")]
    Surplus(&'static str),
    /// An anonymous server must not ask for a client certificate (RFC 5246 §7.4.4).
    #[error("the server asks for a client certificate without sending one")]
    AnonymousRequest,
    /// A public point that is not on the curve.
    #[error("the server's public key is not a point of {0}")]
    Point(NamedGroup),
    /// A message at a moment where the protocol does not allow it.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What the protocol allows here.
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// More of something than any sane peer sends.
    #[error("more than {limit} {what}")]
    Flood {
        /// The thing counted.
        what: &'static str,
        /// How many are read.
        limit: usize,
    },
}

/// What keeps this engine from finishing a handshake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCompletable {
    /// A version it does not finish.
    #[error("{0} is a version this program can recognise but not finish")]
    Version(ProtocolVersion),
    /// A suite it does not have.
    #[error("{0} is a suite this program can read but not finish")]
    Suite(CipherSuite),
    /// A group it does not have.
    #[error("{0} is a group this program can read but not use")]
    Group(NamedGroup),
    /// Parameters other than a named group.
    #[error("the key exchange has parameters this program can read but not use")]
    Parameters,
    /// A key exchange signature it cannot verify.
    #[error("a {scheme} signature by this kind of key is one this program cannot verify")]
    Signature {
        /// Its scheme.
        scheme: SignatureScheme,
    },
    /// An RSA key below what the primitive takes.
    #[error("the certificate's RSA key has {bits} bits, this program finishes handshakes with 2048 or more")]
    SmallRsaKey {
        /// Its length in bits.
        bits: usize,
    },
    /// An RSA key above what the primitive takes.
    #[error("the certificate's RSA key has {bits} bits, this program finishes handshakes with 8192 or fewer")]
    LargeRsaKey {
        /// Its length in bits.
        bits: usize,
    },
    /// RSA key exchange with a certificate whose key is of a kind unknown here.
    #[error("the suite encrypts to an RSA key, the certificate has a kind of key this program does not know")]
    KeyType,
    /// A certificate whose key cannot be read.
    #[error("the public key of the first certificate cannot be read")]
    KeyUnreadable,
    /// The primitive failed for a reason it does not give.
    #[error("a cryptographic primitive failed")]
    Primitive,
}
