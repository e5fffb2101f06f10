//! The option `--shard`.

use crate::arguments::ShardArguments;
use crate::failure::Failure;
use siptls_daemon::Shard;

/// The shard that was asked for; `None`: all targets.
pub(crate) fn chosen(arguments: &ShardArguments) -> Result<Option<Shard>, Failure> {
    let text = arguments.shard.as_deref();
    let shard = text.map(|text| Shard::parse(text, host_name)).transpose();
    shard.map_err(|error| Failure::Shard { error })
}

/// What the system calls this host; empty where it does not say.
fn host_name() -> String {
    #[cfg(unix)]
    return rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    return std::env::var("COMPUTERNAME").unwrap_or_default();
}
