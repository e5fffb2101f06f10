//! Small authorities and leaves, with what the tests need to bend.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DistinguishedName, DnType, IsCa,
    KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};

pub(crate) type Authority = CertifiedIssuer<'static, KeyPair>;

/// All certificates of the tests are valid from 2020 to 2039 unless they say otherwise.
pub(crate) fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, "DE");
    name.push(DnType::CommonName, common_name);
    params.distinguished_name = name;
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2039, 1, 1);
    params.use_authority_key_identifier_extension = true;
    params
}

pub(crate) fn ca_params(common_name: &str) -> CertificateParams {
    let mut params = params(common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

pub(crate) fn leaf_params(common_name: &str) -> CertificateParams {
    let mut params = params(common_name);
    params.subject_alt_names = vec![dns(common_name)];
    params
}

pub(crate) fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

pub(crate) fn uri(name: &str) -> SanType {
    SanType::URI(name.try_into().unwrap())
}

pub(crate) fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

/// The same key again: rcgen's keys cannot be cloned.
pub(crate) fn again(key: &KeyPair) -> KeyPair {
    KeyPair::from_pem(&key.serialize_pem()).unwrap()
}

pub(crate) fn root(params: CertificateParams) -> Authority {
    CertifiedIssuer::self_signed(params, key()).unwrap()
}

pub(crate) fn under(issuer: &Authority, params: CertificateParams) -> Authority {
    CertifiedIssuer::signed_by(params, key(), issuer).unwrap()
}

pub(crate) fn leaf(issuer: &Authority, params: CertificateParams) -> Vec<u8> {
    params.signed_by(&key(), issuer).unwrap().der().to_vec()
}

pub(crate) fn der(authority: &Authority) -> Vec<u8> {
    authority.der().to_vec()
}

/// A caIssuers URL (RFC 5280 §4.2.2.1).
pub(crate) fn ca_issuers(url: &str) -> CustomExtension {
    let length = |inner: usize| u8::try_from(inner).unwrap();
    let mut content = vec![0x30, length(url.len() + 14), 0x30, length(url.len() + 12)];
    content.extend([0x06, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2, 0x86, length(url.len())]);
    content.extend(url.as_bytes());
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content)
}

pub(crate) fn critical_extension() -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
    extension.set_criticality(true);
    extension
}

pub(crate) fn pem(der: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
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
    text + "-----END CERTIFICATE-----\n"
}
