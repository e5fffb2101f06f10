//! What each suite is made of.

use aws_lc_rs::{aead, cipher, digest, hmac, tls_prf};
use siptls_wire::{CipherSuite, KeyExchange};

/// The bulk cipher of a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bulk {
    /// AES-128 in CBC mode with HMAC (RFC 5246 §6.2.3.2).
    Aes128Cbc,
    /// AES-256 in CBC mode with HMAC.
    Aes256Cbc,
    /// AES-128 in Galois/Counter Mode (RFC 5288).
    Aes128Gcm,
    /// AES-256 in Galois/Counter Mode.
    Aes256Gcm,
}

/// The MAC of a CBC suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mac {
    /// HMAC-SHA-1, 20 bytes.
    Sha1,
    /// HMAC-SHA-256, 32 bytes.
    Sha256,
    /// HMAC-SHA-384, 48 bytes.
    Sha384,
}

/// The hash of the pseudo-random function and of the handshake (RFC 5246 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prf {
    /// SHA-256, also for every suite that names no other.
    Sha256,
    /// SHA-384.
    Sha384,
}

/// A suite that this engine can finish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    /// Its code point.
    pub id: CipherSuite,
    /// Its key exchange.
    pub exchange: KeyExchange,
    /// Its bulk cipher.
    pub bulk: Bulk,
    /// Its MAC; `None` for GCM.
    pub mac: Option<Mac>,
    /// Its pseudo-random function.
    pub prf: Prf,
}

const fn suite(id: CipherSuite, exchange: KeyExchange, bulk: Bulk, mac: Option<Mac>, prf: Prf) -> Suite {
    Suite {
        id,
        exchange,
        bulk,
        mac,
        prf,
    }
}

impl Suite {
    /// Every suite that this engine can finish.
    pub const ALL: &'static [Self] = {
        use Bulk::{Aes128Cbc, Aes128Gcm, Aes256Cbc, Aes256Gcm};
        use CipherSuite as C;
        use KeyExchange::{EcdheEcdsa, EcdheRsa, Rsa};
        use Mac::{Sha1, Sha256, Sha384};
        &[
            suite(
                C::TLS_RSA_WITH_AES_128_CBC_SHA,
                Rsa,
                Aes128Cbc,
                Some(Sha1),
                Prf::Sha256,
            ),
            suite(
                C::TLS_RSA_WITH_AES_256_CBC_SHA,
                Rsa,
                Aes256Cbc,
                Some(Sha1),
                Prf::Sha256,
            ),
            suite(
                C::TLS_RSA_WITH_AES_128_CBC_SHA256,
                Rsa,
                Aes128Cbc,
                Some(Sha256),
                Prf::Sha256,
            ),
            suite(
                C::TLS_RSA_WITH_AES_256_CBC_SHA256,
                Rsa,
                Aes256Cbc,
                Some(Sha256),
                Prf::Sha256,
            ),
            suite(
                C::TLS_RSA_WITH_AES_128_GCM_SHA256,
                Rsa,
                Aes128Gcm,
                None,
                Prf::Sha256,
            ),
            suite(
                C::TLS_RSA_WITH_AES_256_GCM_SHA384,
                Rsa,
                Aes256Gcm,
                None,
                Prf::Sha384,
            ),
            suite(
                C::TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
                EcdheRsa,
                Aes128Cbc,
                Some(Sha1),
                Prf::Sha256,
            ),
            suite(
                C::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
                EcdheRsa,
                Aes256Cbc,
                Some(Sha1),
                Prf::Sha256,
            ),
            suite(
                C::TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
                EcdheRsa,
                Aes128Cbc,
                Some(Sha256),
                Prf::Sha256,
            ),
            suite(
                C::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384,
                EcdheRsa,
                Aes256Cbc,
                Some(Sha384),
                Prf::Sha384,
            ),
            suite(
                C::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                EcdheRsa,
                Aes128Gcm,
                None,
                Prf::Sha256,
            ),
            suite(
                C::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                EcdheRsa,
                Aes256Gcm,
                None,
                Prf::Sha384,
            ),
            suite(
                C::TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
                EcdheEcdsa,
                Aes128Cbc,
                Some(Sha1),
                Prf::Sha256,
            ),
            suite(
                C::TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
                EcdheEcdsa,
                Aes256Cbc,
                Some(Sha1),
                Prf::Sha256,
            ),
            suite(
                C::TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
                EcdheEcdsa,
                Aes128Cbc,
                Some(Sha256),
                Prf::Sha256,
            ),
            suite(
                C::TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384,
                EcdheEcdsa,
                Aes256Cbc,
                Some(Sha384),
                Prf::Sha384,
            ),
            suite(
                C::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                EcdheEcdsa,
                Aes128Gcm,
                None,
                Prf::Sha256,
            ),
            suite(
                C::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                EcdheEcdsa,
                Aes256Gcm,
                None,
                Prf::Sha384,
            ),
        ]
    };

    /// The suite of a code point, when this engine can finish it.
    #[must_use]
    pub fn of(id: CipherSuite) -> Option<&'static Self> {
        Self::ALL.iter().find(|suite| suite.id == id)
    }
}

impl Bulk {
    /// Length of the key in bytes.
    #[must_use]
    pub const fn key_bytes(self) -> usize {
        match self {
            Self::Aes128Cbc | Self::Aes128Gcm => 16,
            Self::Aes256Cbc | Self::Aes256Gcm => 32,
        }
    }

    /// Length of the IV taken from the key block: the implicit part of GCM's nonce (RFC 5288 §3);
    /// nothing for CBC, whose IV is explicit (RFC 5246 §6.2.3.2).
    #[must_use]
    pub const fn fixed_iv_bytes(self) -> usize {
        match self {
            Self::Aes128Cbc | Self::Aes256Cbc => 0,
            Self::Aes128Gcm | Self::Aes256Gcm => 4,
        }
    }

    pub(crate) const fn aead(self) -> Option<&'static aead::Algorithm> {
        match self {
            Self::Aes128Gcm => Some(&aead::AES_128_GCM),
            Self::Aes256Gcm => Some(&aead::AES_256_GCM),
            Self::Aes128Cbc | Self::Aes256Cbc => None,
        }
    }

    pub(crate) const fn cbc(self) -> Option<&'static cipher::Algorithm> {
        match self {
            Self::Aes128Cbc => Some(&cipher::AES_128),
            Self::Aes256Cbc => Some(&cipher::AES_256),
            Self::Aes128Gcm | Self::Aes256Gcm => None,
        }
    }
}

impl Mac {
    /// Length of the MAC, and of its key, in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    pub(crate) const fn algorithm(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
        }
    }
}

impl Prf {
    pub(crate) const fn algorithm(self) -> &'static tls_prf::Algorithm {
        match self {
            Self::Sha256 => &tls_prf::P_SHA256,
            Self::Sha384 => &tls_prf::P_SHA384,
        }
    }

    pub(crate) const fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
        }
    }
}
