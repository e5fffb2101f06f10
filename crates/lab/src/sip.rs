//! What a server of the lab answers to SIP requests.
//!
//! Enough of RFC 3261 for OPTIONS: a request is framed by its Content-Length, and a response
//! carries its Via, From, To, Call-ID and CSeq (§8.2.6.2).

use std::time::Duration;

/// Most bytes of one request; a longer one ends the connection.
const MAX_REQUEST_BYTES: usize = 64 * 1024;

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sip {
    /// 200 to OPTIONS, 405 to other requests.
    Answers,
    /// 404.
    NotFound,
    /// Nothing.
    Silent,
    /// 100 at once, the final answer after the pause.
    Provisional {
        /// Between the two.
        pause: Duration,
    },
    /// Bytes that are no protocol.
    Garbage,
    /// HTTP, whatever was asked.
    Http,
    /// A request of its own instead of a response.
    Request,
    /// 200 without Content-Length, with a body behind it.
    NoLength,
    /// 200 with a body of this length.
    Flood {
        /// Length of the body in bytes.
        body_bytes: usize,
    },
    /// The connection is closed.
    Closes,
}

/// What the server does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Send(Vec<u8>),
    Pause(Duration),
    Close,
}

/// One connection's requests.
#[derive(Debug)]
pub(crate) struct Dialogue {
    sip: Sip,
    buffer: Vec<u8>,
}

impl Dialogue {
    pub(crate) const fn new(sip: Sip) -> Self {
        Self {
            sip,
            buffer: Vec::new(),
        }
    }

    /// Takes data in; what to do about it.
    pub(crate) fn handle_data(&mut self, data: &[u8]) -> Vec<Action> {
        match self.sip {
            Sip::Silent => return Vec::new(),
            Sip::Closes => return vec![Action::Close],
            Sip::Garbage => return vec![Action::Send((0..=255).rev().cycle().take(700).collect())],
            Sip::Http => return vec![Action::Send(http()), Action::Close],
            _ => self.buffer.extend_from_slice(data),
        }
        let mut actions = Vec::new();
        while let Some(request) = self.next_request() {
            actions.extend(answer(self.sip, &request));
        }
        if self.buffer.len() > MAX_REQUEST_BYTES {
            actions.push(Action::Close);
        }
        actions
    }

    /// The head of the next whole request, unfolded.
    fn next_request(&mut self) -> Option<String> {
        // RFC 3261 §7.5: empty lines before a message are ignored.
        let blank = self
            .buffer
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        self.buffer.drain(..blank);
        let head = self.buffer.windows(4).position(|four| four == b"\r\n\r\n")?;
        let text = String::from_utf8_lossy(&self.buffer[..head])
            .replace("\r\n ", " ")
            .replace("\r\n\t", " ");
        let body = header(&text, "content-length", "l").next();
        let body = body
            .and_then(|line| line.split_once(':')?.1.trim().parse::<usize>().ok())
            .unwrap_or(0);
        let end = (head + 4).saturating_add(body);
        if end > self.buffer.len() {
            return None;
        }
        self.buffer.drain(..end);
        Some(text)
    }
}

/// The whole lines of a header, by its long and its compact name (RFC 3261 §7.3.3).
fn header<'a>(head: &'a str, long: &'a str, compact: &'a str) -> impl Iterator<Item = &'a str> {
    head.split("\r\n").skip(1).filter(move |line| {
        let name = line.split(':').next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case(long) || name.eq_ignore_ascii_case(compact)
    })
}

fn answer(sip: Sip, request: &str) -> Vec<Action> {
    let line = request.split("\r\n").next().unwrap_or_default();
    let mut words = line.split(' ');
    let method = words.next().unwrap_or_default();
    if line.starts_with("SIP/2.0 ") || method == "ACK" {
        return Vec::new();
    }
    if words.next_back() != Some("SIP/2.0") {
        return vec![Action::Send(bad_request()), Action::Close];
    }
    let status = match (sip, method) {
        (Sip::NotFound, _) => "404 Not Found",
        (_, "OPTIONS") => "200 OK",
        _ => "405 Method Not Allowed",
    };
    let tag = tag();
    let mut head = response(request, status, &tag);
    match sip {
        Sip::Provisional { pause } => {
            let trying = response(request, "100 Trying", "") + "Content-Length: 0\r\n\r\n";
            head.push_str("Content-Length: 0\r\n\r\n");
            vec![
                Action::Send(trying.into_bytes()),
                Action::Pause(pause),
                Action::Send(head.into_bytes()),
            ]
        }
        Sip::Request => {
            let request = format!(
                "OPTIONS sip:probe@example.test SIP/2.0\r\nVia: SIP/2.0/TLS lab.example.test;branch=z9hG4bK{tag}\r\n\
                 Max-Forwards: 70\r\nFrom: <sip:lab@example.test>;tag={tag}\r\nTo: <sip:probe@example.test>\r\n\
                 Call-ID: {tag}@lab.example.test\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            );
            vec![Action::Send(request.into_bytes())]
        }
        Sip::NoLength => vec![Action::Send((head + "\r\nv=0\r\n").into_bytes())],
        Sip::Flood { body_bytes } => {
            head.push_str(&format!(
                "Content-Type: text/plain\r\nContent-Length: {body_bytes}\r\n\r\n"
            ));
            let mut bytes = head.into_bytes();
            bytes.resize(bytes.len().saturating_add(body_bytes), b'x');
            vec![Action::Send(bytes)]
        }
        _ => vec![Action::Send((head + "Content-Length: 0\r\n\r\n").into_bytes())],
    }
}

/// The head of a response without its Content-Length (RFC 3261 §8.2.6.2).
fn response(request: &str, status: &str, tag: &str) -> String {
    let mut head = format!("SIP/2.0 {status}\r\n");
    for (long, compact) in [
        ("via", "v"),
        ("from", "f"),
        ("to", "t"),
        ("call-id", "i"),
        ("cseq", "cseq"),
    ] {
        for line in header(request, long, compact) {
            head.push_str(line);
            if long == "to" && !tag.is_empty() && !line.to_ascii_lowercase().contains(";tag=") {
                head.push_str(";tag=");
                head.push_str(tag);
            }
            head.push_str("\r\n");
        }
    }
    if !status.starts_with('1') {
        head.push_str("Allow: INVITE, ACK, CANCEL, OPTIONS, BYE\r\nAccept: application/sdp\r\nServer: siptls-probe lab\r\n");
    }
    head
}

fn tag() -> String {
    siptls_tls12::random()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// What a SIP server without TLS says to bytes that are not SIP.
pub(crate) fn bad_request() -> Vec<u8> {
    b"SIP/2.0 400 Bad Request\r\nServer: siptls-probe lab\r\nContent-Length: 0\r\n\r\n".to_vec()
}

/// What a web server says to bytes that are not HTTP.
pub(crate) fn http() -> Vec<u8> {
    let body = "<html><body><h1>400 Bad Request</h1></body></html>\n";
    format!(
        "HTTP/1.1 400 Bad Request\r\nServer: siptls-probe lab\r\nContent-Type: text/html\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &str = "OPTIONS sips:sbc.example.test SIP/2.0\r\nv: SIP/2.0/TLS a;branch=z9hG4bK1\r\n\
        Via: SIP/2.0/TLS b;branch=z9hG4bK2\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:b\r\n @b>\r\nCall-ID: c\r\n\
        CSeq: 7 OPTIONS\r\nl: 3\r\n\r\nabc";

    fn text(action: &Action) -> &str {
        match action {
            Action::Send(bytes) => std::str::from_utf8(bytes).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_response_copies_what_it_must_and_tags_to() {
        let mut dialogue = Dialogue::new(Sip::Answers);
        let actions = dialogue.handle_data(OPTIONS.as_bytes());
        assert_eq!(actions.len(), 1);
        let response = text(&actions[0]);
        assert!(
            response.starts_with("SIP/2.0 200 OK\r\nv: SIP/2.0/TLS a;branch=z9hG4bK1\r\nVia: SIP/2.0/TLS b;")
        );
        assert!(response.contains("\r\nTo: <sip:b @b>;tag="));
        assert!(response.contains("\r\nCSeq: 7 OPTIONS\r\n"));
        assert!(response.ends_with("\r\nContent-Length: 0\r\n\r\n"));
    }

    #[test]
    fn a_request_cut_anywhere_is_answered_once_it_is_whole() {
        for cut in 0..=OPTIONS.len() {
            let mut dialogue = Dialogue::new(Sip::NotFound);
            let (first, second) = OPTIONS.as_bytes().split_at(cut);
            let mut actions = dialogue.handle_data(first);
            assert_eq!(actions.len(), usize::from(cut == OPTIONS.len()));
            actions.extend(dialogue.handle_data(second));
            assert_eq!(actions.len(), 1, "cut at {cut}");
            assert!(text(&actions[0]).starts_with("SIP/2.0 404 Not Found\r\n"));
        }
    }

    #[test]
    fn what_is_not_a_request_is_answered_or_passed_over() {
        let mut dialogue = Dialogue::new(Sip::Answers);
        assert!(dialogue.handle_data(b"\r\n\r\n").is_empty());
        assert!(
            dialogue
                .handle_data(b"ACK sip:a SIP/2.0\r\nCSeq: 1 ACK\r\n\r\n")
                .is_empty()
        );
        let actions = dialogue.handle_data(b"GET / HTTP/1.1\r\n\r\n");
        assert!(text(&actions[0]).starts_with("SIP/2.0 400 "));
        let actions = dialogue.handle_data(b"REGISTER sip:a SIP/2.0\r\n\r\n");
        assert!(text(&actions[0]).starts_with("SIP/2.0 405 "));
        assert_eq!(
            dialogue.handle_data(&vec![b'x'; MAX_REQUEST_BYTES + 1]),
            [Action::Close]
        );
    }
}
