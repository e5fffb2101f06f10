//! The command `healthy`: asks a running daemon, for images that have no other program to ask with.

use crate::Outcome;
use crate::failure::{Failure, shown};
use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// How long each step of the question may take: a daemon on the same machine answers within milliseconds.
const STEP: Duration = Duration::from_secs(2);

/// Bytes of an answer that are read: its first line is enough.
const MAX_ANSWER: u64 = 1_024;

/// Asks `url`, and says on standard error why it is not well.
pub(crate) fn healthy(url: &str) -> Result<Outcome, Failure> {
    let bad = || Failure::HealthUrl { found: shown(url) };
    let rest = url.strip_prefix("http://").ok_or_else(bad)?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/-/ready" } else { path };
    let is_plain = |byte: u8| byte.is_ascii_graphic();
    if authority.is_empty() || !url.bytes().all(is_plain) {
        return Err(bad());
    }
    let authority = if authority.rsplit(']').next().is_some_and(|end| end.contains(':')) {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    let why = match ask(&authority, path) {
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
fn ask(authority: &str, path: &str) -> io::Result<String> {
    let address = authority
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| io::Error::other("the name has no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, STEP)?;
    stream.set_read_timeout(Some(STEP))?;
    stream.set_write_timeout(Some(STEP))?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = [0; 64];
    let mut length = 0;
    let mut stream = stream.take(MAX_ANSWER);
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
