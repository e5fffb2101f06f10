//! What a visit costs the client, beside what others pay for less.

use crate::cpu::{median, of_this_thread};
use crate::peers::Peers;
use openssl::ssl::{SslConnector, SslMethod, SslVersion};
use openssl::x509::X509;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use siptls_catalog::{DEFAULT_PROFILE, profile};
use siptls_cert::{Chain, RootSet, assess_path};
use siptls_model::{Depth, Observation, Target, Verdict, clock};
use siptls_policy::Judge;
use siptls_probe_engine::{Errand, Prober, ProberOptions};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
const NAME: &str = siptls_lab::SERVER_NAME;
/// Visits under way at once, each at an address of its own: a prober goes to one address once at a
/// time.
const IN_FLIGHT: usize = 8;

pub(crate) fn run() {
    let peers = Peers::start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let bench = Bench::new(&peers);
    let hello = 4000;
    let routine = 500;

    println!(
        "CPU seconds of the client for 1,000, median of {ROUNDS} rounds (lowest, highest); the servers are another process"
    );
    let tcp = row("TCP connect, 200 B out, flight in, close", hello, || {
        bench.tcp(hello)
    });
    let visit = row("hello visit, chain parsed once and remembered", hello, || {
        runtime.block_on(bench.visits(Depth::Hello, hello, Extra::None))
    });
    let parsed = row("hello visit, chain parsed every time", hello, || {
        runtime.block_on(bench.visits(Depth::Hello, hello, Extra::Parse))
    });
    let judged = row("hello visit and judgement", hello, || {
        runtime.block_on(bench.visits(Depth::Hello, hello, Extra::Judge))
    });
    let rustls = row("rustls handshake, chain verified, no SIP", routine, || {
        runtime.block_on(bench.rustls(routine))
    });
    let openssl = row("OpenSSL handshake, chain verified, no SIP", routine, || {
        bench.openssl(routine)
    });
    let routine_visit = row(
        "routine visit with OPTIONS, judged (chain verified)",
        routine,
        || runtime.block_on(bench.visits(Depth::Routine, routine, Extra::Judge)),
    );
    let verified = row("the same, chain parsed and verified every time", routine, || {
        runtime.block_on(bench.visits(Depth::Routine, routine, Extra::Verify))
    });
    println!();
    println!(
        "hello visits per second of one core: {:.0} (parsed every time: {:.0})",
        1000.0 / visit,
        1000.0 / parsed
    );
    println!("hello visit : bare TCP           {:.2}", visit / tcp);
    println!("hello judged : hello             {:.2}", judged / visit);
    println!("routine : rustls without SIP     {:.2}", routine_visit / rustls);
    println!("routine, all anew : rustls       {:.2}", verified / rustls);
    println!("routine : OpenSSL without SIP    {:.2}", routine_visit / openssl);
}

/// The hello visit beside bare TCP, and nothing else.
pub(crate) fn run_hello() {
    let peers = Peers::start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let bench = Bench::new(&peers);
    let count = 4000;
    let tcp = row("TCP connect, 200 B out, flight in, close", count, || {
        bench.tcp(count)
    });
    let visit = row("hello visit, chain parsed once and remembered", count, || {
        runtime.block_on(bench.visits(Depth::Hello, count, Extra::None));
    });
    println!("hello visit : bare TCP           {:.2}", visit / tcp);
}

/// Runs something `ROUNDS` times and prints its CPU seconds for 1,000.
fn row(name: &str, count: usize, mut run: impl FnMut()) -> f64 {
    run();
    let figures: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let before = of_this_thread();
            run();
            (of_this_thread() - before).as_secs_f64() * 1000.0 / f64::from(u32::try_from(count).unwrap())
        })
        .collect();
    let lowest = figures.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = figures.iter().copied().fold(0.0, f64::max);
    let median = median(figures);
    println!("{median:8.4} ({lowest:.4}, {highest:.4})  {name}");
    median
}

/// What is done with an observation besides making it.
#[derive(Clone, Copy)]
enum Extra {
    None,
    Parse,
    Judge,
    Verify,
}

struct Bench {
    replays: Vec<SocketAddr>,
    sip: Vec<SocketAddr>,
    root: String,
    prober: Prober,
    roots: Arc<RootSet>,
}

impl Bench {
    fn new(peers: &Peers) -> Self {
        Self {
            replays: peers.replays.clone(),
            sip: peers.sip.clone(),
            root: peers.root.clone(),
            prober: Prober::new(ProberOptions::default()),
            roots: Arc::new(RootSet::from_pem("bench", peers.root.as_bytes()).unwrap()),
        }
    }

    fn target(depth: Depth) -> Arc<Target> {
        Arc::new(Target {
            depth,
            connections_per_hour: u32::MAX,
            ..Target::new("bench", NAME.parse().unwrap(), DEFAULT_PROFILE)
        })
    }

    async fn visits(&self, depth: Depth, count: usize, extra: Extra) {
        let target = Self::target(depth);
        let profile = profile(DEFAULT_PROFILE).unwrap();
        let judge = Judge::new(Arc::clone(&profile), Some(Arc::clone(&self.roots)), &target);
        let errand = Errand::new(Arc::clone(&target), Arc::clone(&profile.offer));
        let next = AtomicUsize::new(0);
        let one_lane = async |lane: usize| {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return;
                }
                let address = match depth {
                    Depth::Hello => self.replays[lane % self.replays.len()],
                    Depth::Routine | Depth::Survey => self.sip[lane % self.sip.len()],
                };
                let seen = self.prober.visit_address(&errand, address).await;
                assert!(seen.error.is_none(), "{:?}", seen.error);
                self.add(extra, &seen, &judge);
            }
        };
        let lanes: [_; IN_FLIGHT] = std::array::from_fn(&one_lane);
        let mut lanes: Vec<_> = lanes.into_iter().map(Box::pin).collect();
        std::future::poll_fn(|context| {
            lanes.retain_mut(|lane| lane.as_mut().poll(context).is_pending());
            if lanes.is_empty() {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
    }

    fn add(&self, extra: Extra, seen: &Observation, judge: &Judge) {
        let ders = || {
            seen.chain
                .as_ref()
                .unwrap()
                .entries
                .iter()
                .map(|entry| entry.der().to_vec())
                .collect::<Vec<_>>()
        };
        let parse = || Chain::parse(ders().iter().map(Vec::as_slice));
        match extra {
            Extra::None => {}
            Extra::Parse => assert_eq!(parse().entries.len(), 2),
            Extra::Judge => assert_eq!(
                judge.judge_visit(std::slice::from_ref(seen), clock::now())[0].verdict,
                Verdict::Pass
            ),
            Extra::Verify => {
                assert!(assess_path(&parse(), &self.roots).anchor.is_some());
                assert_eq!(
                    judge.judge_visit(std::slice::from_ref(seen), clock::now())[0].verdict,
                    Verdict::Pass
                );
            }
        }
    }

    /// The floor: what the kernel takes for the connection alone.
    fn tcp(&self, count: usize) {
        let mut buffer = [0; 16 * 1024];
        for number in 0..count {
            let mut stream = std::net::TcpStream::connect(self.replays[number % self.replays.len()]).unwrap();
            stream.write_all(&[22; 200]).unwrap();
            assert!(stream.read(&mut buffer).unwrap() > 1000);
            stream.write_all(&[21; 14]).unwrap();
            assert_eq!(stream.read(&mut buffer).unwrap(), 0);
        }
    }

    /// A mainstream client with full verification, secp384r1 alone, without SIP.
    async fn rustls(&self, count: usize) {
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.root.as_bytes()).unwrap())
            .unwrap();
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.kx_groups = vec![rustls::crypto::aws_lc_rs::kx_group::SECP384R1];
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS12])
            .unwrap()
            .with_root_certificates(roots);
        let mut config = config.with_no_client_auth();
        config.resumption = rustls::client::Resumption::disabled();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        for number in 0..count {
            let stream = tokio::net::TcpStream::connect(self.sip[number % self.sip.len()])
                .await
                .unwrap();
            let name = ServerName::try_from(NAME).unwrap();
            let mut stream = connector.connect(name, stream).await.unwrap();
            tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 64]).await;
        }
    }

    /// OpenSSL with full verification, secp384r1 alone, without SIP.
    fn openssl(&self, count: usize) {
        let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
        builder.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
        builder.set_groups_list("P-384").unwrap();
        builder
            .cert_store_mut()
            .add_cert(X509::from_pem(self.root.as_bytes()).unwrap())
            .unwrap();
        let connector = builder.build();
        for number in 0..count {
            let stream = std::net::TcpStream::connect(self.sip[number % self.sip.len()]).unwrap();
            let mut stream = connector.connect(NAME, stream).unwrap();
            let start = Instant::now();
            stream.shutdown().unwrap();
            let _ = stream.read(&mut [0; 64]);
            assert!(start.elapsed() < Duration::from_secs(5));
        }
    }
}
