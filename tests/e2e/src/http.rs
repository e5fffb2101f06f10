//! The smallest HTTP client that reads what the daemon and Prometheus answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::wait::DEADLINE;

/// More than any answer here has a reason to be.
const ANSWER_AT_MOST: usize = 256 * 1024 * 1024;

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body, bytes that are no UTF-8 replaced.
    pub body: String,
}

impl HttpResponse {
    /// The first header of this name, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// When it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("expected JSON, found {error} in {}: {}", self.status, self.body))
    }
}

/// GET over HTTP/1.0: `path` is already percent-encoded.
///
/// # Errors
///
/// When the connection fails or the answer is no HTTP.
pub fn http_get(address: SocketAddr, path: &str) -> Result<HttpResponse, String> {
    exchange(address, "GET", path)
}

/// POST with an empty body over HTTP/1.0.
///
/// # Errors
///
/// When the connection fails or the answer is no HTTP.
pub fn http_post(address: SocketAddr, path: &str) -> Result<HttpResponse, String> {
    exchange(address, "POST", path)
}

fn exchange(address: SocketAddr, method: &str, path: &str) -> Result<HttpResponse, String> {
    let fail = |error: std::io::Error| format!("{method} {path} on {address}: {error}");
    let mut stream = TcpStream::connect(address).map_err(fail)?;
    stream.set_read_timeout(Some(DEADLINE)).map_err(fail)?;
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).map_err(fail)?;
    let (mut bytes, mut buffer) = (Vec::new(), [0; 64 * 1024]);
    loop {
        match stream.read(&mut buffer).map_err(fail)? {
            0 => break,
            read => bytes.extend_from_slice(&buffer[..read]),
        }
        if bytes.len() > ANSWER_AT_MOST {
            return Err(format!(
                "{method} {path}: expected at most {ANSWER_AT_MOST} bytes, found more"
            ));
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or_else(|| format!("expected HTTP, found {text:?}"))?;
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| format!("expected a status line, found {head:?}"))?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Ok(HttpResponse {
        status,
        headers,
        body: body.to_owned(),
    })
}

/// Percent-encodes everything but letters, digits, `-`, `.`, `_` and `~`.
pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}
