//! From the premaster secret to keys and Finished (RFC 5246 §6.3, §7.4.9, §8.1; RFC 7627).

use crate::protection::{Opener, Sealer};
use crate::suite::{Prf, Suite};
use aws_lc_rs::digest;
use aws_lc_rs::tls_prf::Secret;

/// Length of the master secret (RFC 5246 §8.1).
const MASTER_SECRET_BYTES: usize = 48;
/// Length of verify_data (RFC 5246 §7.4.9).
pub(crate) const VERIFY_DATA_BYTES: usize = 12;

/// A side of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Who sent the ClientHello.
    Client,
    /// Who answered it.
    Server,
}

/// `verify_data` of a Finished message.
pub type Finished = [u8; VERIFY_DATA_BYTES];

/// The running hash over all handshake messages. The messages themselves are kept, because a
/// CertificateVerify may want another hash over them (RFC 5246 §7.4.8).
#[derive(Clone, Debug, Default)]
pub struct HandshakeHash {
    messages: Vec<u8>,
}

impl HandshakeHash {
    /// No message yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes whole messages in, headers included.
    pub fn add(&mut self, messages: &[u8]) {
        self.messages.extend_from_slice(messages);
    }

    /// Every message so far.
    #[must_use]
    pub fn messages(&self) -> &[u8] {
        &self.messages
    }

    /// The hash so far.
    #[must_use]
    pub fn current(&self, prf: Prf) -> Vec<u8> {
        digest::digest(prf.digest(), &self.messages).as_ref().to_vec()
    }
}

fn prf(prf: Prf, secret: &[u8], label: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
    // The primitive fails on empty secrets and outputs, which no caller has.
    Secret::new(prf.algorithm(), secret)
        .and_then(|secret| secret.derive(label, seed, length))
        .map(|out| out.as_ref().to_vec())
        .unwrap_or_default()
}

/// The master secret: from the hash of the handshake so far with extended master secret
/// (RFC 7627 §4), else from the two randoms (RFC 5246 §8.1).
///
/// `session_hash` is the hash over all messages up to and including ClientKeyExchange.
#[must_use]
pub fn master_secret(
    suite: &Suite,
    premaster: &[u8],
    session_hash: Option<&[u8]>,
    client_random: &[u8; 32],
    server_random: &[u8; 32],
) -> Vec<u8> {
    match session_hash {
        Some(hash) => prf(
            suite.prf,
            premaster,
            b"extended master secret",
            hash,
            MASTER_SECRET_BYTES,
        ),
        None => {
            let seed = [client_random.as_slice(), server_random].concat();
            prf(suite.prf, premaster, b"master secret", &seed, MASTER_SECRET_BYTES)
        }
    }
}

/// `verify_data` that `side` sends over the handshake hashed so far (RFC 5246 §7.4.9).
#[must_use]
pub fn verify_data(suite: &Suite, master: &[u8], side: Side, hash: &HandshakeHash) -> Finished {
    let label: &[u8] = match side {
        Side::Client => b"client finished",
        Side::Server => b"server finished",
    };
    let out = prf(
        suite.prf,
        master,
        label,
        &hash.current(suite.prf),
        VERIFY_DATA_BYTES,
    );
    let mut data = [0; VERIFY_DATA_BYTES];
    data.iter_mut().zip(out).for_each(|(to, from)| *to = from);
    data
}

/// The record protection of both directions, as seen from one side.
#[derive(Debug)]
pub struct ConnectionKeys {
    /// Protects what this side sends.
    pub sealer: Sealer,
    /// Opens what the other side sends.
    pub opener: Opener,
}

impl ConnectionKeys {
    /// Expands the key block (RFC 5246 §6.3) for `side`.
    ///
    /// # Panics
    ///
    /// Never for the suites of [`Suite::ALL`]: key lengths come from the same table.
    #[must_use]
    pub fn derive(
        suite: &Suite,
        master: &[u8],
        client_random: &[u8; 32],
        server_random: &[u8; 32],
        side: Side,
    ) -> Self {
        let mac = suite.mac.map_or(0, crate::Mac::bytes);
        let key = suite.bulk.key_bytes();
        let iv = suite.bulk.fixed_iv_bytes();
        let seed = [server_random.as_slice(), client_random].concat();
        let block = prf(suite.prf, master, b"key expansion", &seed, 2 * (mac + key + iv));
        let (macs, rest) = block.split_at(2 * mac);
        let (keys, ivs) = rest.split_at(2 * key);
        let (client_mac, server_mac) = macs.split_at(mac);
        let (client_key, server_key) = keys.split_at(key);
        let (client_iv, server_iv) = ivs.split_at(iv);
        let client = (client_mac, client_key, client_iv);
        let server = (server_mac, server_key, server_iv);
        let (ours, theirs) = match side {
            Side::Client => (client, server),
            Side::Server => (server, client),
        };
        Self {
            sealer: Sealer::new(suite, ours.0, ours.1, ours.2),
            opener: Opener::new(suite, theirs.0, theirs.1, theirs.2),
        }
    }
}
