//! The endpoints that the tests of the page look at, inside the network that the daemon and the browser share.
//!
//! ```text
//! browser_lab     prints the lab's root as PEM, then `listening`; what a line of its input names, the second address of
//!                 the endpoint with two is from then on: `good` or `requires`; prints `now NAME`
//! ```
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program of tests")]

use siptls_lab::{Behaviour, Chain, ClientCertificates, Pki, Refusal, Served, ServerConfig, Sip};
use siptls_model::clock;
use siptls_wire::{AlertDescription, CipherSuite, NamedGroup};
use std::io::BufRead as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

const PORT: u16 = 5061;

fn at(last: u8) -> SocketAddr {
    (Ipv4Addr::new(127, 0, 0, last), PORT).into()
}

fn tls(config: ServerConfig) -> Behaviour {
    Behaviour::Tls(Arc::new(config))
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() {
    let pki = Pki::new(clock::now()).unwrap();
    let good = ServerConfig::new(pki.credentials(Chain::Good));
    let requires = ServerConfig {
        client_certificates: ClientCertificates::Required(Refusal::Alert(
            AlertDescription::HANDSHAKE_FAILURE,
        )),
        authorities: vec![pki.root_subject().to_vec()],
        ..good.clone()
    };
    let asks = ServerConfig {
        client_certificates: ClientCertificates::Optional,
        ..requires.clone()
    };
    let cbc = ServerConfig {
        suites: vec![
            CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA256,
            CipherSuite::TLS_RSA_WITH_AES_128_CBC_SHA,
        ],
        ..good.clone()
    };
    let p256 = ServerConfig {
        groups: vec![NamedGroup::SECP256R1],
        ..good.clone()
    };
    let shown = |chain| ServerConfig::new(pki.credentials(chain));
    let not_sip = ServerConfig {
        sip: Sip::Http,
        ..good.clone()
    };
    // The last byte of each address; the test's configuration knows them.
    let endpoints = [
        (2, tls(good.clone())),
        (10, tls(good.clone())),
        (11, tls(requires.clone())),
        (12, tls(asks)),
        (13, tls(cbc)),
        (14, tls(p256)),
        (15, tls(shown(Chain::Expired))),
        (16, tls(shown(Chain::ExpiresSoon))),
        (17, tls(shown(Chain::WrongName))),
        (18, tls(not_sip)),
        (19, Behaviour::Silent),
        // Load balancers of euc1.
        (21, tls(good.clone())),
        (22, tls(good.clone())),
    ];
    let mut served = Vec::new();
    for (last, behaviour) in endpoints {
        served.push(Served::start(at(last), behaviour).await.unwrap());
    }
    let mut second = Served::start(at(3), tls(good.clone())).await.unwrap();
    println!("{}listening", pki.root_pem());
    let (lines, mut line) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let _ = lines.send(line);
        }
    });
    while let Some(line) = line.recv().await {
        let config = if line == "requires" { &requires } else { &good };
        second.shutdown().await;
        second = Served::start(at(3), tls(config.clone())).await.unwrap();
        println!("now {line}");
    }
}
