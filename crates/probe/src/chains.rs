//! Parsed chains, shared: a fleet sends the same few chains over and over.

use aws_lc_rs::digest::{Context, SHA256};
use siptls_cert::Chain;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Most chains kept. Each visit of an unchanged endpoint finds its chain here; a fleet with more
/// chains than this parses again what fell out.
const MAX_CHAINS: usize = 16_384;
/// Most bytes of certificates kept, as sent. Real chains have about 4 KiB, so that the number above
/// bounds them; a peer that makes a new chain of 128 KiB for each visit meets this first.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// A bounded memory of parsed chains, by the hash of what was sent.
#[derive(Default)]
pub(crate) struct ChainCache {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    chains: HashMap<[u8; 32], Arc<Chain>>,
    /// Of all of them, as sent.
    bytes: usize,
}

impl Kept {
    fn insert(&mut self, key: [u8; 32], chain: Arc<Chain>) {
        let bytes = bytes(&chain);
        let is_full =
            |kept: &Self| kept.chains.len() >= MAX_CHAINS || kept.bytes.saturating_add(bytes) > MAX_BYTES;
        if is_full(self) {
            // Those that no observation holds any more go first; if all are held, all go: they
            // live on in their observations.
            self.chains.retain(|_, chain| Arc::strong_count(chain) > 1);
            self.bytes = self.chains.values().map(|chain| self::bytes(chain)).sum();
            if is_full(self) {
                self.chains.clear();
                self.bytes = 0;
            }
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.chains.insert(key, chain);
    }
}

fn bytes(chain: &Chain) -> usize {
    chain.entries.iter().map(|entry| entry.der().len()).sum()
}

impl ChainCache {
    /// The parsed form of these certificates.
    pub(crate) fn chain(&self, certificates: &[Vec<u8>]) -> Arc<Chain> {
        let key = key(certificates);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(chain) = kept.chains.get(&key) {
            return Arc::clone(chain);
        }
        // Parsed under the lock: it takes microseconds, and two visits would only do it twice.
        let chain = Arc::new(Chain::parse(certificates.iter().map(Vec::as_slice)));
        kept.insert(key, Arc::clone(&chain));
        chain
    }
}

fn key(certificates: &[Vec<u8>]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for certificate in certificates {
        context.update(&u64::try_from(certificate.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(certificate);
    }
    let mut key = [0; 32];
    key.iter_mut()
        .zip(context.finish().as_ref())
        .for_each(|(to, from)| *to = *from);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_certificates_are_parsed_once_and_the_memory_is_bounded() {
        let cache = ChainCache::default();
        let first = cache.chain(&[b"not a certificate".to_vec()]);
        assert!(Arc::ptr_eq(
            &first,
            &cache.chain(&[b"not a certificate".to_vec()])
        ));
        // Lengths are part of the key: one certificate is not two halves of it.
        assert!(!Arc::ptr_eq(
            &first,
            &cache.chain(&[b"not a".to_vec(), b" certificate".to_vec()])
        ));
        for number in 0..MAX_CHAINS + 10 {
            cache.chain(&[number.to_be_bytes().to_vec()]);
        }
        let kept = cache.kept.lock().unwrap();
        assert!(kept.chains.len() <= MAX_CHAINS);
        assert!(
            kept.chains.contains_key(&key(&[b"not a certificate".to_vec()])),
            "a chain that is held stays"
        );
    }

    #[test]
    fn a_peer_with_a_large_new_chain_each_time_fills_no_memory() {
        let cache = ChainCache::default();
        let held = cache.chain(&[b"held".to_vec()]);
        let large = 60 * 1024;
        for number in 0..2 * MAX_BYTES / large {
            let mut certificate = vec![0; large];
            certificate[..8].copy_from_slice(&number.to_be_bytes());
            cache.chain(&[certificate]);
        }
        assert!(Arc::ptr_eq(&held, &cache.chain(&[b"held".to_vec()])));
        let kept = cache.kept.lock().unwrap();
        let sum: usize = kept.chains.values().map(|chain| bytes(chain)).sum();
        assert_eq!(kept.bytes, sum);
        assert!(sum <= MAX_BYTES, "{sum} bytes");
    }
}
