//! The command `healthy`: asks a running daemon, for images that have no other program to ask with.

use crate::Outcome;
use crate::failure::{Failure, shown};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, Stream};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

/// How long each step of the question may take: a daemon on the same machine answers within milliseconds.
const STEP: Duration = Duration::from_secs(2);

/// Bytes of an answer that are read: its first line is enough.
const MAX_LINE: usize = 64;

/// What is asked: `http://host[:port][/path]`, or `https` for a web port with TLS.
struct Question<'a> {
    tls: bool,
    host: &'a str,
    authority: String,
    path: &'a str,
}

impl<'a> Question<'a> {
    fn parse(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let tls = match scheme {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (authority, None),
        };
        if host.is_empty() || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let authority = match port {
            Some(_) => authority.to_owned(),
            None => format!("{authority}:{}", if tls { 443 } else { 80 }),
        };
        Some(Self {
            tls,
            host: host.trim_start_matches('[').trim_end_matches(']'),
            authority,
            path: if path.is_empty() { "/-/ready" } else { path },
        })
    }
}

/// Asks `url`, and says on standard error why it is not well.
pub(crate) fn healthy(url: &str) -> Result<Outcome, Failure> {
    let question = Question::parse(url).ok_or_else(|| Failure::HealthUrl { found: shown(url) })?;
    let why = match ask(&question) {
        Ok(line) if line.starts_with("HTTP/1.") && line.split(' ').nth(1) == Some("200") => {
            return Ok(Outcome::Good);
        }
        Ok(line) => format!("expected the answer 200, found `{}`", shown(&line)),
        Err(error) => error.to_string(),
    };
    // There is nowhere left to tell of a closed standard error.
    let _ = writeln!(anstream::stderr(), "{}: {why}", shown(url));
    Ok(Outcome::Failed)
}

/// The first line of the answer.
fn ask(question: &Question<'_>) -> io::Result<String> {
    let address = question
        .authority
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| io::Error::other("the name has no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, STEP)?;
    stream.set_read_timeout(Some(STEP))?;
    stream.set_write_timeout(Some(STEP))?;
    if !question.tls {
        return exchange(&mut stream, question);
    }
    let name = ServerName::try_from(question.host.to_owned()).map_err(io::Error::other)?;
    let mut tls = ClientConnection::new(Arc::new(client()?), name).map_err(io::Error::other)?;
    exchange(&mut Stream::new(&mut tls, &mut stream), question)
}

fn exchange(stream: &mut (impl Read + Write), question: &Question<'_>) -> io::Result<String> {
    let (path, authority) = (question.path, &question.authority);
    let request = format!("GET {path} HTTP/1.0\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = [0; MAX_LINE];
    let mut length = 0;
    while let Some(rest @ [_, ..]) = answer.get_mut(length..) {
        let read = stream.read(rest)?;
        length += read;
        if read == 0 || answer.contains(&b'\n') {
            break;
        }
    }
    let answer = String::from_utf8_lossy(answer.get(..length).unwrap_or_default()).into_owned();
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

fn client() -> io::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Arc::new(WhoeverAnswers(Arc::clone(&provider)));
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(client
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

/// Takes any certificate. Nothing is told to the other end, and of its answer only a yes is believed; whether that certificate is
/// the right one is for those who use the port. What it is asked by is the machine's own loopback, whose name no certificate
/// has.
#[derive(Debug)]
struct WhoeverAnswers(Arc<CryptoProvider>);

impl ServerCertVerifier for WhoeverAnswers {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
