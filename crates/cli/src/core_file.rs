//! The core file that is not written.

/// Forbids this process a core file, for good: private keys are in memory. A system that refuses is told to the log.
pub(crate) fn forbid() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        if let Err(error) = setrlimit(Resource::Core, none) {
            tracing::warn!(%error, "core file not forbidden");
        }
    }
}
