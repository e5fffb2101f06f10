//! Parsed chains, shared: a fleet sends the same few chains over and over.

use aws_lc_rs::digest::{Context, SHA256};
use siptls_cert::Chain;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Most chains kept. Each visit of an unchanged endpoint finds its chain here; a fleet with more
/// chains than this parses again what fell out.
const MAX_CHAINS: usize = 16_384;

/// A bounded memory of parsed chains, by the hash of what was sent.
#[derive(Default)]
pub(crate) struct ChainCache {
    chains: Mutex<HashMap<[u8; 32], Arc<Chain>>>,
}

impl ChainCache {
    /// The parsed form of these certificates.
    pub(crate) fn chain(&self, certificates: &[Vec<u8>]) -> Arc<Chain> {
        let key = key(certificates);
        let mut chains = self.chains.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(chain) = chains.get(&key) {
            return Arc::clone(chain);
        }
        // Parsed under the lock: it takes microseconds, and two visits would only do it twice.
        let chain = Arc::new(Chain::parse(certificates.iter().map(Vec::as_slice)));
        if chains.len() >= MAX_CHAINS {
            // Those that no observation holds any more go first; if all are held, all go: they
            // live on in their observations.
            chains.retain(|_, chain| Arc::strong_count(chain) > 1);
            if chains.len() >= MAX_CHAINS {
                chains.clear();
            }
        }
        chains.insert(key, Arc::clone(&chain));
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
        let kept = cache.chains.lock().unwrap();
        assert!(kept.len() <= MAX_CHAINS);
        assert!(
            kept.contains_key(&key(&[b"not a certificate".to_vec()])),
            "a chain that is held stays"
        );
    }
}
