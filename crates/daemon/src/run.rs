//! The daemon's life: bind, load, work, stop.

use crate::fleet::Fleet;
use crate::http::{App, Authority, Held, Limits, Listeners, Passwords};
use crate::options::{DaemonError, Load, Options};
use crate::reload::{Cause, LoadError, Loader};
use crate::supervisor::{Vigil, keep};
use crate::visitor::{AnyVisitor, Visitor};
use crate::watch::watch;
use crate::web::Gate;
use crate::work::{Work, stopped};
use siptls_metrics::Own;
use siptls_model::FetchResult;
use siptls_probe_engine::CrlStore;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long everything may take to end after the stop; then it is dropped.
const STOP_LIMIT: Duration = Duration::from_millis(3_500);

/// Runs the daemon until `shutdown` resolves, then ends within five seconds: visits under way may end for three, HTTP
/// answers under way are finished, nothing new begins.
///
/// Loads the web configuration ([`Options::web`]), then listens and announces the addresses ([`Options::on_listening`]), then loads the configuration; `/-/ready` is
/// 503 until that is done. On Unix, SIGHUP loads it again; so does a change of its files ([`Plan::sources`]) that has been
/// quiet for five seconds. A later load that fails keeps the last good configuration.
///
/// [`Plan::sources`]: siptls_config::Plan::sources
///
/// # Errors
/// [`DaemonError`] when it cannot begin: an address to listen on that is none or is taken, a configuration or a web
/// configuration with faults, no signals. After the first load it ends by `shutdown` only.
pub async fn run(
    options: Options,
    load: Load,
    visitor: impl Visitor,
    shutdown: impl Future<Output = ()>,
) -> Result<(), DaemonError> {
    let own = Own::new(
        &options.version,
        options.external_url.as_deref().unwrap_or_default(),
    )
    .map_err(|source| DaemonError::Metrics { source })?;
    let prefix = options
        .external_url
        .as_deref()
        .map(external_path)
        .transpose()?
        .unwrap_or_default();
    // Before anybody can ask: there is no moment without a guard.
    let gate = Gate::new(options.web, own.clone()).await;
    let gate = Arc::new(gate.map_err(|source| DaemonError::Web { source })?);
    let passwords = Passwords::new().ok_or(DaemonError::Random)?;
    let listeners = Listeners::bind(&options.listen).await?;
    let addresses = listeners.addresses();
    for address in &addresses {
        let (tls, guarded) = (gate.door().tls.is_some(), gate.door().keeps_out);
        tracing::info!(%address, external_url = options.external_url, tls, guarded, "listening");
        if !guarded && !address.ip().to_canonical().is_loopback() {
            tracing::warn!(
                %address,
                "whoever reaches this address is let in: give users or client certificates in a web configuration"
            );
        }
    }
    #[cfg(unix)]
    let mut hangup = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())
        .map_err(|source| DaemonError::Signals { source })?;

    if let Some(shard) = options.shard {
        own.sharded(shard.index(), shard.count());
    }
    let fleet = Arc::new(Fleet::new(own.clone(), options.crl_cache, options.shard));
    let visitor: Arc<dyn AnyVisitor> = Arc::new(visitor);
    let (changes_in, changes) = mpsc::channel(1);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let supervisor = options.supervisor.map(Arc::new);
    let loader = Arc::new(Loader::new(
        load,
        Arc::clone(&fleet),
        own.clone(),
        changes_in,
        (Arc::clone(&gate), supervisor.clone()),
    ));
    let app = Arc::new(App::new(
        Held {
            fleet: Arc::clone(&fleet),
            loader: Arc::clone(&loader),
            visitor: Arc::clone(&visitor),
            gate: Arc::clone(&gate),
            passwords,
            own: own.clone(),
            external: options.external_url.as_deref().and_then(Authority::of_url),
        },
        options.probes,
        options.version,
    ));

    let mut tasks = JoinSet::new();
    tasks.spawn(attend_lists(
        Arc::clone(fleet.lists()),
        own.clone(),
        stopped.clone(),
    ));
    let mut vigil = Vigil::default();
    let questions = vigil.watch();
    tasks.spawn(
        Work::new(Arc::clone(&fleet), visitor, own, options.concurrency).run(
            changes,
            questions,
            stopped.clone(),
        ),
    );
    let limits = Limits {
        connections: options.connections,
        age: options.connection_age,
    };
    let questions = addresses.iter().map(|_| vigil.watch()).collect();
    tasks.spawn(listeners.serve(app, prefix, limits, questions, stopped.clone()));
    if let Some(supervisor) = supervisor.clone() {
        let (fleet, loader) = (Arc::clone(&fleet), Arc::clone(&loader));
        tasks.spawn(keep(supervisor, vigil, fleet, loader, stopped));
    }
    if let Some(announce) = options.on_listening {
        announce(&addresses);
    }

    let mut shutdown = std::pin::pin!(shutdown);
    let first = tokio::select! {
        first = loader.load(Cause::Start) => Some(first),
        () = &mut shutdown => None,
    };
    let outcome = match first {
        Some(Err(LoadError::Faults(source))) => Err(DaemonError::Configuration { source }),
        Some(Err(LoadError::Panicked)) => Err(DaemonError::LoadPanicked),
        None => Ok(()),
        Some(Ok(_)) => {
            #[cfg(unix)]
            let reload = async {
                while hangup.recv().await.is_some() {
                    // Both have logged what came of it.
                    let _ = loader.reload(Cause::Signal).await;
                }
                std::future::pending::<()>().await;
            };
            #[cfg(not(unix))]
            let reload = std::future::pending::<()>();
            tokio::select! {
                () = shutdown => {}
                () = reload => {}
                () = watch(|| loader.sources(), || async { drop(loader.load(Cause::FilesChanged).await) }) => {}
                () = watch(|| gate.sources(), || async { drop(gate.load(Cause::FilesChanged.code()).await) }) => {}
            }
            Ok(())
        }
    };
    if outcome.is_ok() {
        tracing::info!("stopping");
        if let Some(supervisor) = supervisor {
            supervisor.stopping();
        }
    }
    // Nobody receives only when all tasks have ended.
    let _ = stop.send(true);
    let all = async { while tasks.join_next().await.is_some() {} };
    if timeout(STOP_LIMIT, all).await.is_err() {
        tracing::warn!("tasks dropped at the stop");
        tasks.shutdown().await;
    }
    // Waits for the disk, so not on a thread of the runtime; an error there is one of the runtime, which ends anyway.
    let _ = tokio::task::spawn_blocking(move || fleet.chronicle().end()).await;
    outcome
}

/// Fetches revocation lists when they are due, until `stop` turns true.
async fn attend_lists(lists: Arc<CrlStore>, own: Own, mut stop: tokio::sync::watch::Receiver<bool>) {
    let held = Arc::clone(&lists);
    let told = move |result: Option<FetchResult>| {
        if let Some(result) = result {
            own.crl_fetched(result);
        }
        own.crl_cache(held.bytes());
    };
    tokio::select! {
        () = stopped(&mut stop) => {}
        () = lists.attend(told) => {}
    }
}

/// The path of an external URL without its last slash: empty, or `/…`.
fn external_path(url: &str) -> Result<String, DaemonError> {
    // What stands before an `@` may be a password.
    let (kept, hidden) = match url.rfind('@') {
        Some(at) => (&url[at..], "…"),
        None => (url, ""),
    };
    let bad = || DaemonError::ExternalUrl {
        found: format!("{hidden}{}", siptls_model::escape_text_bounded(kept, 200)),
    };
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .ok_or_else(bad)?;
    if rest.starts_with('/')
        || rest.is_empty()
        || rest.contains(['?', '#', ' ', '"', '\\', '@'])
        || rest.contains(|character: char| character.is_ascii_control())
        || !rest.is_ascii()
    {
        return Err(bad());
    }
    let path = rest.find('/').map_or("", |at| &rest[at..]).trim_end_matches('/');
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_an_external_url() {
        for (url, path) in [
            ("http://example.test", ""),
            ("https://example.test/", ""),
            ("https://example.test:8443/siptls/", "/siptls"),
            ("https://example.test/a/b", "/a/b"),
        ] {
            assert_eq!(external_path(url).unwrap(), path);
        }
        for url in [
            "",
            "example.test",
            "ftp://example.test",
            "https://",
            "https:///x",
            "https://a/?b",
            "https://a/\u{e4}",
            "http://u:secretpw@x.test/",
            "http://x.test/secretpw@",
            "http://x.test/\n",
            "http://x.test/\u{7f}",
        ] {
            let error = external_path(url).expect_err(url).to_string();
            assert!(!error.contains("secretpw"), "{error}");
        }
    }
}
