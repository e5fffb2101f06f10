//! Paths found before: an endpoint sends the same chain visit after visit.

use siptls_catalog::RootSet;
use siptls_cert::{Chain, Path, PathProblem, assess_path};
use std::sync::{Arc, Mutex, PoisonError};

/// Most chains remembered: a target's addresses rarely have more than two.
const MAX_REMEMBERED: usize = 4;

/// The paths of the chains that a judge saw last, to the same roots each time. No date bears on a path, so
/// what is remembered stays true.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    remembered: Mutex<Vec<(Arc<Chain>, Path)>>,
}

impl Clone for Paths {
    /// A clone remembers nothing: it is no part of what a judge is.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Paths {
    /// The path of a chain to the first set that it leads to; else of the first that it may lead to, were a signature known
    /// that cannot be computed; otherwise that of the first set.
    pub(crate) fn path(&self, chain: &Arc<Chain>, sets: &[Arc<RootSet>]) -> Path {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, path)) = remembered.iter().find(|(known, _)| Arc::ptr_eq(known, chain)) {
            return path.clone();
        }
        let path = best_path(chain, sets);
        if remembered.len() == MAX_REMEMBERED {
            remembered.remove(0);
        }
        remembered.push((Arc::clone(chain), path.clone()));
        path
    }
}

fn best_path(chain: &Chain, sets: &[Arc<RootSet>]) -> Path {
    let mut best: Option<Path> = None;
    let rank = |path: &Path| match path.problem {
        None => 0,
        Some(PathProblem::UnknownSignatureAlgorithm { .. }) => 1,
        Some(_) => 2,
    };
    for set in sets {
        let path = assess_path(chain, set);
        if best.as_ref().is_none_or(|best| rank(&path) < rank(best)) {
            best = Some(path);
        }
        if best.as_ref().is_some_and(|best| best.anchor.is_some()) {
            break;
        }
    }
    best.unwrap_or_else(|| assess_path(chain, &RootSet::default()))
}
