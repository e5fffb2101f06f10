//! The servers, in a process of their own: this program with the argument `serve`.

use siptls_lab::{ANY_PORT, Behaviour, Chain, Pki, Replay, Served, ServerConfig, recorded_flight};
use siptls_model::clock;
use siptls_wire::CipherSuite;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;

/// Listeners of each kind: enough that a client does not run out of its own ports, and can have
/// several visits under way, one for each address.
const REPLAYS: u8 = 8;

/// The servers, ended when this is dropped.
pub(crate) struct Peers {
    child: Child,
    /// Its end is the child's sign to go.
    _stdin: ChildStdin,
    /// Play back one recorded flight: ECDHE-RSA-AES256-GCM-SHA384 on secp384r1, two certificates.
    pub(crate) replays: Vec<SocketAddr>,
    /// Finish handshakes with that suite alone and answer OPTIONS.
    pub(crate) sip: Vec<SocketAddr>,
    /// The root of the chain that both send, PEM.
    pub(crate) root: String,
}

impl Peers {
    pub(crate) fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let replays = (0..REPLAYS)
            .map(|_| lines.next().unwrap().parse().unwrap())
            .collect();
        let sip = (0..REPLAYS)
            .map(|_| lines.next().unwrap().parse().unwrap())
            .collect();
        let root = lines
            .take_while(|line| line != "ready")
            .fold(String::new(), |text, line| text + &line + "\n");
        Self {
            child,
            _stdin: stdin,
            replays,
            sip,
            root,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the child does: prints where it listens, and serves until its standard input ends.
pub(crate) fn serve() {
    let pki = Pki::new(clock::now()).unwrap();
    let mut config = ServerConfig::new(pki.credentials(Chain::Good));
    config.suites = vec![CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384];
    let config = Arc::new(config);
    let offer = &siptls_catalog::profile(siptls_catalog::DEFAULT_PROFILE)
        .unwrap()
        .offer;
    let replay = Replay::start(REPLAYS, recorded_flight(Arc::clone(&config), offer, None)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut sip = Vec::new();
        for _ in 0..REPLAYS {
            sip.push(
                Served::start(ANY_PORT, Behaviour::Tls(Arc::clone(&config)))
                    .await
                    .unwrap(),
            );
        }
        let mut out = std::io::stdout().lock();
        for address in replay
            .addresses()
            .iter()
            .copied()
            .chain(sip.iter().map(Served::address))
        {
            writeln!(out, "{address}").unwrap();
        }
        writeln!(out, "{}\nready", pki.root_pem().trim_end()).unwrap();
        out.flush().unwrap();
        let end = tokio::task::spawn_blocking(|| std::io::stdin().lock().lines().count());
        end.await.unwrap();
    });
}
