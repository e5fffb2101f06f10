//! What one survey of one endpoint costs, beside the scanners that answer the same questions.

use crate::cpu::of_children;
use openssl::pkey::PKey;
use openssl::ssl::{Ssl, SslContext, SslContextBuilder, SslMethod, SslVerifyMode, SslVersion};
use openssl::x509::X509;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

const ROUNDS: u32 = 5;
const NAME: &str = "sbc.example.test";
/// The BYOC list.
const SUITES: &str = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES256-SHA:\
                      AES256-GCM-SHA384:AES128-GCM-SHA256:AES256-SHA256:AES256-SHA:@SECLEVEL=0";

/// Surveys one OpenSSL server with each of the programs, some rounds; a program that is not there is left out.
pub(crate) fn run(sslyze: &str) {
    let server = Server::start();
    let probe = std::env::current_exe().unwrap().with_file_name("siptls-probe");
    let address = server.address.to_string();
    println!(
        "one server: OpenSSL, TLS 1.2, eight suites, secp384r1, optional client certificate; means of {ROUNDS} rounds"
    );
    println!("connections  CPU seconds  seconds  program");
    server.row("siptls-probe check --depth survey", || {
        let mut command = Command::new(&probe);
        command.args([
            "check",
            NAME,
            "--connect",
            &address,
            "--depth",
            "survey",
            "--format",
            "json",
        ]);
        command
    });
    server.row("sslscan", || {
        let mut command = Command::new("sslscan");
        command.args(["--xml=-", &format!("--sni-name={NAME}"), &address]);
        command
    });
    server.row("sslscan without its tests of vulnerabilities", || {
        let mut command = Command::new("sslscan");
        command.args(["--xml=-", &format!("--sni-name={NAME}")]);
        command.args([
            "--no-heartbleed",
            "--no-compression",
            "--no-renegotiation",
            "--no-fallback",
        ]);
        command.arg(&address);
        command
    });
    server.row("sslyze: certificate, suites of TLS 1.0 to 1.3, curves", || {
        let mut command = Command::new(sslyze);
        command.args([
            "--mozilla_config",
            "disable",
            "--sni",
            NAME,
            "--certinfo",
            "--elliptic_curves",
        ]);
        command.args(["--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3", &address]);
        command
    });
}

/// An OpenSSL server with a thread for each connection, which it counts.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicU32>,
}

impl Server {
    fn start() -> Self {
        let context = context();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&connections);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counter.fetch_add(1, Ordering::SeqCst);
                let session = Ssl::new(&context).unwrap();
                std::thread::spawn(move || {
                    let Ok(mut stream) = session.accept(stream) else {
                        return;
                    };
                    let mut buffer = [0; 4096];
                    while let Ok(1..) = stream.read(&mut buffer) {
                        if stream.write_all(b"not a word of SIP\r\n\r\n").is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, connections }
    }

    fn row(&self, name: &str, command: impl Fn() -> Command) {
        let connections = self.connections.load(Ordering::SeqCst);
        let (cpu, start) = (of_children(), Instant::now());
        for _ in 0..ROUNDS {
            let ended = command()
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            if let Err(error) = ended {
                println!("          -            -        -  {name}: {error}");
                return;
            }
        }
        let rounds = f64::from(ROUNDS);
        let connections = f64::from(self.connections.load(Ordering::SeqCst) - connections) / rounds;
        let cpu = (of_children() - cpu).as_secs_f64() / rounds;
        println!(
            "{connections:11.1}  {cpu:11.3}  {:7.2}  {name}",
            start.elapsed().as_secs_f64() / rounds
        );
    }
}

fn context() -> SslContext {
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "-", "-out", "-", "-days", "30",
        ])
        .args([
            "-subj",
            &format!("/CN={NAME}"),
            "-addext",
            &format!("subjectAltName=DNS:{NAME}"),
        ])
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let mut builder = SslContextBuilder::new(SslMethod::tls_server()).unwrap();
    builder.set_min_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    builder.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    builder.set_cipher_list(SUITES).unwrap();
    builder.set_groups_list("P-384").unwrap();
    builder
        .set_certificate(&X509::from_pem(&made.stdout).unwrap())
        .unwrap();
    builder
        .set_private_key(&PKey::private_key_from_pem(&made.stdout).unwrap())
        .unwrap();
    builder.set_verify(SslVerifyMode::PEER);
    builder.set_session_id_context(b"bench").unwrap();
    builder.build()
}
