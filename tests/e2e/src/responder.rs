//! A SIP server without TLS, to stand behind a TLS terminator; and other plain servers.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

/// A plain TCP server on 127.0.0.1 for as long as the test's process lives.
#[derive(Debug)]
pub struct Responder {
    address: SocketAddr,
}

impl Responder {
    /// Answers each SIP request with 200 and the headers that RFC 3261 §8.2.6 wants copied.
    pub fn sip() -> Self {
        Self::start(answer_sip)
    }

    /// Answers the first bytes with these, then closes.
    pub fn saying(bytes: &'static [u8]) -> Self {
        Self::start(move |mut stream| {
            if let Ok(1..) = stream.read(&mut [0; 4_096]) {
                // The peer may be gone; then there is nobody to tell.
                let _ = stream.write_all(bytes);
            }
        })
    }

    /// Accepts, reads, and never says a word.
    pub fn silent() -> Self {
        Self::start(|mut stream| while let Ok(1..) = stream.read(&mut [0; 4_096]) {})
    }

    /// Accepts and closes at once.
    pub fn closing() -> Self {
        Self::start(drop)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn start(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind a responder");
        let address = listener.local_addr().expect("a responder has an address");
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serve = serve.clone();
                thread::spawn(move || serve(stream));
            }
        });
        Self { address }
    }
}

fn answer_sip(mut stream: TcpStream) {
    let (mut text, mut buffer) = (String::new(), [0; 4_096]);
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        while let Some((head, rest)) = text.split_once("\r\n\r\n") {
            let answer = response(head);
            text = rest.to_owned();
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

fn response(head: &str) -> String {
    let copied = head.lines().filter(|line| {
        ["Via:", "From:", "To:", "Call-ID:", "CSeq:"]
            .iter()
            .any(|name| line.starts_with(name))
    });
    let mut answer = "SIP/2.0 200 OK\r\n".to_owned();
    for line in copied {
        let tag = if line.starts_with("To:") {
            ";tag=responder"
        } else {
            ""
        };
        answer.push_str(&format!("{line}{tag}\r\n"));
    }
    answer + "Server: responder\r\nAllow: OPTIONS\r\nContent-Length: 0\r\n\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::sip_options;

    #[test]
    fn a_response_carries_the_headers_of_its_request() {
        let request = sip_options("a.test");
        let answer = response(request.split("\r\n\r\n").next().expect("a head"));
        assert_eq!(
            answer,
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS probe.example.test;branch=z9hG4bK776asdhds\r\nTo: <sip:a.test>;tag=responder\r\n\
             From: <sip:probe.example.test>;tag=1928301774\r\nCall-ID: a84b4c76e66710@probe.example.test\r\n\
             CSeq: 1 OPTIONS\r\nServer: responder\r\nAllow: OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
    }
}
