//! The lab's certificates, made when it starts and kept in memory.

use crate::{Credentials, LabError};
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, SanType, SerialNumber,
    date_time_ymd,
};
use std::sync::Arc;
use std::time::Duration;

/// The name in the lab's good certificates.
pub const SERVER_NAME: &str = "sbc.example.test";
/// The name in the certificate with the wrong name.
pub const OTHER_NAME: &str = "other.example.test";
/// Common name of the lab's root.
pub const ROOT_NAME: &str = "siptls-probe lab root";

const DAY: i64 = 24 * 60 * 60;

/// A chain that a server of the lab sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Chain {
    /// RSA-2048 leaf for [`SERVER_NAME`] with serverAuth and clientAuth, and its intermediate.
    Good,
    /// The same, ended 30 days ago.
    Expired,
    /// The same, ending in seven days.
    ExpiresSoon,
    /// The same for [`OTHER_NAME`].
    WrongName,
    /// The good leaf without its intermediate.
    Incomplete,
    /// A leaf for [`SERVER_NAME`] whose root is not the lab's.
    UnknownRoot,
    /// The same as the good one with an EC key on secp256r1.
    Ecdsa,
    /// The same as the good one with serverAuth alone: what most authorities issue today.
    ServerAuthOnly,
}

impl Chain {
    /// Every chain.
    pub const ALL: [Self; 8] = [
        Self::Good,
        Self::Expired,
        Self::ExpiresSoon,
        Self::WrongName,
        Self::Incomplete,
        Self::UnknownRoot,
        Self::Ecdsa,
        Self::ServerAuthOnly,
    ];
}

/// A root, an intermediate and leaves of the kinds in [`Chain`].
///
/// Keys are few and shared between leaves; nobody should trust the root outside the lab.
#[derive(Debug)]
pub struct Pki {
    root: Vec<u8>,
    root_pem: String,
    root_subject: Vec<u8>,
    chains: Vec<(Chain, Arc<Credentials>)>,
    rsa_key: KeyPair,
    ec_key: KeyPair,
}

impl Pki {
    /// Makes keys and certificates; times are relative to `now`. Takes a few hundred milliseconds
    /// of computing.
    ///
    /// # Errors
    ///
    /// When the certificate library fails.
    pub fn new(now: Timestamp) -> Result<Self, LabError> {
        Self::build(now.as_second())
            .map_err(|source| LabError::Certificate { source })?
            .serve()
    }

    fn build(now: i64) -> Result<Unserved, rcgen::Error> {
        let days = |from: i64, to: i64| (now + from * DAY, now + to * DAY);
        let root_key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
        let root = CertifiedIssuer::self_signed(authority(ROOT_NAME, days(-1000, 3000), 1), root_key)?;
        let middle_key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
        let middle = CertifiedIssuer::signed_by(
            authority("siptls-probe lab issuing", days(-900, 2000), 2),
            middle_key,
            &root,
        )?;
        let foreign_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let foreign =
            CertifiedIssuer::self_signed(authority("unknown lab root", days(-1000, 3000), 1), foreign_key)?;

        let rsa_key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
        let ec_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let current = days(-30, 300);
        let both = [
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let mut chains = Vec::new();
        for (chain, serial) in Chain::ALL.into_iter().zip(10..) {
            let name = if chain == Chain::WrongName {
                OTHER_NAME
            } else {
                SERVER_NAME
            };
            let dates = match chain {
                Chain::Expired => days(-395, -30),
                Chain::ExpiresSoon => days(-83, 7),
                _ => current,
            };
            let purposes = if chain == Chain::ServerAuthOnly {
                &both[..1]
            } else {
                &both
            };
            // The incomplete chain is the good one, cut.
            let serial = if chain == Chain::Incomplete { 10 } else { serial };
            let mut params = leaf(name, dates, serial, purposes)?;
            if chain == Chain::Ecdsa {
                params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            }
            let key = if chain == Chain::Ecdsa { &ec_key } else { &rsa_key };
            let issuer = if chain == Chain::UnknownRoot {
                &foreign
            } else {
                &middle
            };
            let mut sent = vec![params.signed_by(key, issuer)?.der().to_vec()];
            match chain {
                Chain::Incomplete => {}
                Chain::UnknownRoot => sent.push(foreign.der().to_vec()),
                _ => sent.push(middle.der().to_vec()),
            }
            chains.push((chain, sent));
        }
        Ok(Unserved {
            root: root.der().to_vec(),
            root_pem: root.pem(),
            chains,
            rsa_key,
            ec_key,
        })
    }

    /// The root's certificate as PEM.
    #[must_use]
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// The root's certificate as DER.
    #[must_use]
    pub fn root(&self) -> &[u8] {
        &self.root
    }

    /// The root's subject as DER: the name for a CertificateRequest.
    #[must_use]
    pub fn root_subject(&self) -> &[u8] {
        &self.root_subject
    }

    /// A chain with its key.
    ///
    /// # Panics
    ///
    /// Never: each chain of [`Chain::ALL`] is made at start.
    #[must_use]
    pub fn credentials(&self, chain: Chain) -> Arc<Credentials> {
        let found = self.chains.iter().find(|(kind, _)| *kind == chain);
        Arc::clone(
            found
                .map(|(_, credentials)| credentials)
                .expect("every chain is made at start"),
        )
    }

    /// A chain as PEM, leaf first, as it is sent.
    #[must_use]
    pub fn chain_pem(&self, chain: Chain) -> String {
        self.credentials(chain)
            .chain()
            .iter()
            .map(|certificate| pem("CERTIFICATE", certificate))
            .collect()
    }

    /// The private key of a chain's leaf as PKCS#8 PEM: for other programs that play an endpoint.
    #[must_use]
    pub fn key_pem(&self, chain: Chain) -> String {
        if chain == Chain::Ecdsa {
            self.ec_key.serialize_pem()
        } else {
            self.rsa_key.serialize_pem()
        }
    }
}

/// What was made, before it is known to be servable.
struct Unserved {
    root: Vec<u8>,
    root_pem: String,
    chains: Vec<(Chain, Vec<Vec<u8>>)>,
    rsa_key: KeyPair,
    ec_key: KeyPair,
}

impl Unserved {
    fn serve(self) -> Result<Pki, LabError> {
        let Self {
            root,
            root_pem,
            chains,
            rsa_key,
            ec_key,
        } = self;
        let chains = chains
            .into_iter()
            .map(|(chain, sent)| {
                let key = if chain == Chain::Ecdsa { &ec_key } else { &rsa_key };
                Ok((chain, Arc::new(Credentials::new(sent, key.serialized_der())?)))
            })
            .collect::<Result<_, LabError>>()?;
        let root_subject = subject(&root).unwrap_or_default().to_vec();
        Ok(Pki {
            root,
            root_pem,
            root_subject,
            chains,
            rsa_key,
            ec_key,
        })
    }
}

fn params(common_name: &str, (from, to): (i64, i64), serial: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(u64::try_from(from).unwrap_or_default());
    params.not_after = epoch + Duration::from_secs(u64::try_from(to).unwrap_or_default());
    // The library's serial is a hash of the key, which leaves here share.
    params.serial_number = Some(SerialNumber::from(serial));
    params.use_authority_key_identifier_extension = true;
    params
}

fn authority(common_name: &str, dates: (i64, i64), serial: u64) -> CertificateParams {
    let mut params = params(common_name, dates, serial);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn leaf(
    name: &str,
    dates: (i64, i64),
    serial: u64,
    purposes: &[ExtendedKeyUsagePurpose],
) -> Result<CertificateParams, rcgen::Error> {
    let mut params = params(name, dates, serial);
    params.is_ca = IsCa::ExplicitNoCa;
    params.subject_alt_names = vec![SanType::DnsName(name.try_into()?)];
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
    ];
    params.extended_key_usages = purposes.to_vec();
    Ok(params)
}

/// The subject of a certificate made here, as DER.
fn subject(certificate: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = element(certificate)?;
    let (mut rest, _) = element(certificate)?;
    // version, serialNumber, signature, issuer, validity
    for _ in 0..5 {
        rest = element(rest)?.1;
    }
    let (_, after) = element(rest)?;
    rest.get(..rest.len() - after.len())
}

/// The contents of a DER element, and what follows it.
fn element(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = bytes.get(1..)?.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        (
            octets
                .iter()
                .fold(0_usize, |length, octet| length << 8 | usize::from(*octet)),
            rest,
        )
    };
    rest.split_at_checked(length)
}

fn pem(label: &str, der: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in der.chunks(48) {
        for group in line.chunks(3) {
            let word = (0..3).fold(0_usize, |word, at| {
                word << 8 | usize::from(*group.get(at).unwrap_or(&0))
            });
            for at in 0..4 {
                let digit = ALPHABET[word >> (18 - 6 * at) & 63];
                text.push(if at <= group.len() { char::from(digit) } else { '=' });
            }
        }
        text.push('\n');
    }
    text + "-----END " + label + "-----\n"
}
