//! The command `run`: the daemon with its configuration, log, signals and limits.

use crate::Outcome;
use crate::arguments::RunArguments;
use crate::failure::Failure;
use crate::log;
use crate::shard;
use crate::signal::Stop;
use siptls_daemon::{DaemonError, Options, Supervisor, WebError};
use siptls_probe_engine::{Prober, ProberOptions};
use std::path::PathBuf;
use std::time::Duration;

/// Most threads that work on visits: ten thousand targets need less than one core.
const MAX_WORKERS: usize = 4;

/// Runs the daemon until it is told to stop.
pub(crate) fn run(arguments: RunArguments) -> Result<Outcome, Failure> {
    let shard = shard::chosen(&arguments.shard)?;
    log::start(arguments.log.level, arguments.log.format)?;
    raise_descriptor_limit();
    runtime()?.block_on(async {
        let mut stop = Stop::listen()?;
        let options = Options {
            listen: arguments.listen,
            external_url: arguments.external_url,
            web: arguments.web_config_file.map(web_configuration),
            crl_cache: cache_folder(),
            shard,
            supervisor: supervisor(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Options::default()
        };
        let load = configuration(arguments.configuration.config_file);
        let prober = Prober::new(ProberOptions::default());
        siptls_daemon::run(options, load, prober, async move { stop.requested().await })
            .await
            .map_err(failure)
    })?;
    Ok(Outcome::Good)
}

/// The folder for what can be fetched again: systemd's (the first, when it gives several), else the user's, else none.
fn cache_folder() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    match variable("CACHE_DIRECTORY") {
        Some(folders) => std::env::split_paths(&folders).next(),
        None => variable("XDG_CACHE_HOME").map(|folder| PathBuf::from(folder).join("siptls-probe")),
    }
}

/// The service manager that started this program and wants to be told (`sd_notify(3)`, `sd_watchdog_enabled(3)`).
fn supervisor() -> Option<Supervisor> {
    #[cfg(unix)]
    {
        let place = std::env::var_os("NOTIFY_SOCKET").filter(|place| !place.is_empty())?;
        let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
        let for_us = number("WATCHDOG_PID").is_none_or(|id| id == u64::from(std::process::id()));
        let microseconds = number("WATCHDOG_USEC").filter(|time| for_us && *time > 0);
        match Supervisor::connect(&place, microseconds.map(Duration::from_micros)) {
            Ok(supervisor) => Some(supervisor),
            Err(error) => {
                tracing::warn!(%error, "the service manager cannot be told");
                None
            }
        }
    }
    #[cfg(not(unix))]
    None
}

/// Reads the configuration anew each time it is called.
pub(crate) fn configuration(path: PathBuf) -> siptls_daemon::Load {
    Box::new(move || crate::configuration::load(&path))
}

/// Reads the web configuration anew each time it is called.
fn web_configuration(path: PathBuf) -> siptls_daemon::LoadWeb {
    Box::new(move || crate::configuration::load_web(&path))
}

/// The daemon's reasons as the program's own.
pub(crate) fn failure(error: DaemonError) -> Failure {
    match error {
        DaemonError::Configuration { source } => Failure::Configuration { source },
        DaemonError::Web {
            source: WebError::Faults { source },
        } => Failure::Configuration { source },
        DaemonError::Web { source } => Failure::Web { source },
        source => Failure::Daemon { source },
    }
}

/// A runtime with a few threads.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.min(MAX_WORKERS))
        .enable_all()
        .build()
        .map_err(|source| Failure::Runtime { source })
}

/// Every visit under way and every reader of the metrics is an open file; systems allow 1,024 unless asked for more.
fn raise_descriptor_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        if limit.current != limit.maximum
            && let Err(error) = setrlimit(
                Resource::Nofile,
                Rlimit {
                    current: limit.maximum,
                    maximum: limit.maximum,
                },
            )
        {
            tracing::warn!(%error, "limit of open files not raised");
        }
    }
}
