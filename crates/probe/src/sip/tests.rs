//! Tests of the SIP part through its public interface, and over the recorded and hand-made peers.

#![expect(clippy::arithmetic_side_effects, clippy::panic, reason = "test code")]
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::harness::{Outcome, check, events, fixed_request, read};
use super::*;

/// Files with an expectation, and seeds of the fuzzer without.
const FIXTURES: usize = 37;
const SEEDS: usize = 47;

fn fixtures() -> Vec<(PathBuf, Vec<u8>)> {
    let mut found: Vec<_> = [
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sip"),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/sip_response"),
    ]
    .iter()
    .flat_map(|folder| fs::read_dir(folder).unwrap())
    .map(|entry| entry.unwrap().path())
    .filter(|path| {
        path.extension()
            .map_or(!path.ends_with(".gitattributes"), |e| e == "sip")
    })
    .map(|path| (path.clone(), fs::read(path).unwrap()))
    .collect();
    found.sort();
    found
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/sip/{name}.sip"))).unwrap()
}

#[test]
fn every_fixture_gives_the_events_written_beside_it_however_it_is_split() {
    let (mut seen, mut seeds) = (0, 0);
    for (path, data) in fixtures() {
        check(&data);
        if !path.components().any(|c| c.as_os_str() == "fixtures") {
            seeds += 1;
            continue;
        }
        seen += 1;
        let (events, fault) = events(&data);
        let mut text = String::new();
        for event in events {
            text.push_str(&format!("{event:#?}\n"));
        }
        text.push_str(&match fault {
            Some(fault) => format!("fault: {fault}\n"),
            None => "end\n".to_owned(),
        });
        let expect = path.with_extension("expect.txt");
        if std::env::var_os("SIPTLS_BLESS").is_some() {
            fs::write(&expect, &text).unwrap();
        }
        assert_eq!(text, fs::read_to_string(&expect).unwrap(), "{}", path.display());
    }
    assert_eq!((seen, seeds), (FIXTURES, SEEDS));
}

/// Cut at every point, up to and including the end, and then no more: never a panic, and never an answer that the
/// whole does not give.
#[test]
fn a_fixture_that_ends_early_gives_a_prefix_of_its_events() {
    for (path, data) in fixtures() {
        let (whole, _) = events(&data);
        for end in 0..=data.len() {
            let (cut, fault) = events(&data[..end]);
            let same = cut
                .iter()
                .zip(&whole)
                .take_while(|(a, b)| status(a) == status(b))
                .count();
            assert_eq!(
                same,
                cut.len(),
                "{} cut at {end}: {cut:?} {fault:?}",
                path.display()
            );
        }
    }
}

fn status(event: &Event) -> (u16, &str) {
    match event {
        Event::Provisional(status) | Event::Skipped(status, _) => (*status, ""),
        Event::Answer(answer) => (answer.status, &answer.reason_phrase),
        Event::PeerRequest { method } => (0, method),
    }
}

#[test]
fn a_content_length_that_lies_by_one_is_seen_in_the_next_message() {
    let honest = String::from_utf8(fixture("ok_with_sdp")).unwrap();
    let body = honest.split_once("\r\n\r\n").unwrap().1.len();
    let next = String::from_utf8(fixture("ok")).unwrap();
    for (said, messages, kind) in [
        (body, 2, None),
        (body + 1, 1, Some(FaultKind::NotSip)),
        (body - 1, 2, None), // the LF left over looks like a keep-alive
        (body - 3, 1, Some(FaultKind::NotSip)),
        (body + next.len() + 1, 1, None),
    ] {
        let lie = honest.replace(
            &format!("Content-Length: {body}"),
            &format!("Content-Length: {said}"),
        ) + &next;
        let (found, fault) = read([lie.as_bytes()]);
        assert_eq!(
            (found.len(), fault.map(|f| f.kind)),
            (messages, kind),
            "{said} for {body}"
        );
        check(lie.as_bytes());
    }
}

fn one(text: &[u8]) -> Outcome {
    check(text);
    read([text])
}

#[test]
fn the_head_may_be_as_long_as_its_limit_and_no_longer() {
    let with = |filler: usize| {
        let mut head = b"SIP/2.0 200 OK\r\nl:0\r\nX:".to_vec();
        head.resize(head.len() + filler, b'x');
        head.extend_from_slice(b"\r\n\r\n");
        head
    };
    let room = HEAD_BYTES_MAX - with(0).len();
    let (messages, fault) = one(&with(room));
    assert_eq!((messages.len(), fault), (1, None));
    let (messages, fault) = one(&with(room + 1));
    let fault = fault.unwrap();
    assert_eq!(
        (messages.len(), fault.kind, fault.offset),
        (0, FaultKind::LimitExceeded, HEAD_BYTES_MAX as u64)
    );
    let (_, fault) = one(&[b'A'; HEAD_BYTES_MAX + 1]);
    assert_eq!(fault.unwrap().kind, FaultKind::NotSip);
    let mut endless = b"SIP/2.0 200 ".to_vec();
    endless.resize(HEAD_BYTES_MAX + 1, b'x');
    let (_, fault) = one(&endless);
    assert_eq!(fault.unwrap().kind, FaultKind::LimitExceeded);
}

#[test]
fn header_lines_bodies_gaps_and_messages_are_counted() {
    let lines = |count: usize| {
        let mut text = b"SIP/2.0 200 OK\r\n".to_vec();
        text.extend(b"a:b\r\n".repeat(count));
        text.extend_from_slice(b"\r\n");
        text
    };
    assert_eq!(one(&lines(HEADER_LINES_MAX)).0[0].headers.len(), HEADER_LINES_MAX);
    assert_eq!(
        one(&lines(HEADER_LINES_MAX + 1)).1.unwrap().kind,
        FaultKind::LimitExceeded
    );

    let body = |count: usize| {
        let mut text = format!("SIP/2.0 200 OK\r\nl: {count}\r\n\r\n").into_bytes();
        text.resize(text.len() + count, 0);
        text
    };
    let (messages, fault) = read([body(BODY_BYTES_MAX).as_slice()]);
    assert_eq!((messages[0].body.len(), fault), (BODY_BYTES_MAX, None));
    let (messages, fault) = read([body(BODY_BYTES_MAX + 1).as_slice()]);
    assert_eq!(
        messages[0].notes,
        [Note::BodyTooLong {
            announced: BODY_BYTES_MAX as u64 + 1
        }]
    );
    assert_eq!(fault.unwrap().kind, FaultKind::LimitExceeded);

    assert_eq!(one(&b"\r\n".repeat(GAP_BYTES_MAX / 2)).1, None);
    let fault = one(&[b'\n'; GAP_BYTES_MAX + 1]).1.unwrap();
    assert_eq!(
        (fault.kind, fault.offset),
        (FaultKind::LimitExceeded, GAP_BYTES_MAX as u64)
    );

    let request = b"NOTIFY sip:a SIP/2.0\r\nl:0\r\n\r\n";
    assert_eq!(events(&request.repeat(MESSAGES_MAX)).1, None);
    let (found, fault) = events(&request.repeat(MESSAGES_MAX + 1));
    assert_eq!(
        (found.len(), fault.unwrap().kind),
        (MESSAGES_MAX, FaultKind::LimitExceeded)
    );
}

#[test]
fn long_text_of_the_peer_is_cut_in_the_answer() {
    let ok = String::from_utf8(fixture("ok")).unwrap();
    let long = ok
        .replace("200 OK", &format!("200 {}", "r".repeat(5000)))
        .replace("Example-SBC", &"s".repeat(5000))
        .replace("INVITE, ", &"M, ".repeat(ALLOW_MAX + 1));
    check(long.as_bytes());
    let (found, _) = events(long.as_bytes());
    let [Event::Answer(answer)] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(answer.reason_phrase.chars().count(), TEXT_CHARS_MAX + 1);
    assert!(answer.server.as_deref().unwrap().ends_with('…'));
    assert_eq!(answer.allow, ["M"; ALLOW_MAX]);
    assert_eq!(answer.notes, [Note::AllowTooLong.to_string()]);
}

#[test]
fn a_memory_of_what_was_read_is_not_kept() {
    let mut reader = ResponseReader::new();
    let ok = fixture("ok");
    for _ in 0..10_000 {
        reader.handle_bytes(&ok);
        assert!(reader.poll_message().unwrap().is_some());
        assert!(reader.poll_message().unwrap().is_none());
    }
    assert!(format!("{reader:?}").len() < 10_000, "the buffer stays small");
}

#[test]
fn the_request_is_exactly_this() {
    let expected = "OPTIONS sip:sbc.example.test:5061;transport=tls SIP/2.0\r\n\
        Via: SIP/2.0/TLS 192.0.2.9:40000;branch=z9hG4bK000102030405060708090a0b;rport\r\n\
        Max-Forwards: 70\r\n\
        From: <sip:192.0.2.9>;tag=18191a1b1c1d1e1f\r\n\
        To: <sip:sbc.example.test>\r\n\
        Call-ID: 0c0d0e0f1011121314151617\r\n\
        CSeq: 1 OPTIONS\r\n\
        Contact: <sip:192.0.2.9:40000;transport=tls>\r\n\
        Accept: application/sdp\r\n\
        User-Agent: siptls-probe/VERSION\r\n\
        Content-Length: 0\r\n\r\n"
        .replace("VERSION", env!("CARGO_PKG_VERSION"));
    assert_eq!(str::from_utf8(fixed_request().as_bytes()).unwrap(), expected);
}

#[test]
fn our_own_reader_reads_our_request() {
    let request = fixed_request();
    let (messages, fault) = one(request.as_bytes());
    assert_eq!(fault, None);
    let [message] = messages.as_slice() else {
        panic!("{messages:?}")
    };
    assert_eq!(message.notes, []);
    assert_eq!(message.branch(), Some(request.branch()));
    assert_eq!(message.value("call-id"), Some(request.call_id()));
    assert_eq!(message.cseq(), Some((1, "OPTIONS")));
}

#[test]
fn ipv6_is_bracketed_and_a_given_name_stands_everywhere() {
    let nonce = Nonce::from_bytes([0; 32]);
    let host = Host::parse("2001:db8::1").unwrap();
    let local: SocketAddr = "[fe80::2%3]:40000".parse().unwrap();
    let text = OptionsRequest::new(&host, 5061, &SentBy::from_address(local), &nonce);
    let text = str::from_utf8(text.as_bytes()).unwrap();
    for part in [
        "OPTIONS sip:[2001:db8::1]:5061;transport=tls SIP/2.0\r\n",
        "Via: SIP/2.0/TLS [fe80::2]:40000;",
        "From: <sip:[fe80::2]>;",
        "To: <sip:[2001:db8::1]>\r\n",
        "Contact: <sip:[fe80::2]:40000;transport=tls>\r\n",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let name = SentBy::from_name(Host::parse("probe.example.test.").unwrap(), 5061);
    let text = OptionsRequest::new(&Host::parse("::ffff:192.0.2.1").unwrap(), 5061, &name, &nonce);
    let text = str::from_utf8(text.as_bytes()).unwrap();
    for part in [
        "sip:192.0.2.1:5061",
        "TLS probe.example.test:5061;",
        "<sip:probe.example.test>;",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn what_cannot_stand_in_a_uri_is_refused() {
    let long_label = "a".repeat(64);
    let long_name = "a.".repeat(127) + "a";
    for bad in [
        "",
        ".",
        "a..b",
        "a b",
        "a\r\nX: y",
        "a\n",
        "host:5061",
        "user@host",
        "a;b",
        "a>b",
        "a/b",
        "\u{fc}.test",
        "[2001:db8::1",
        "[192.0.2.1]",
        "[fe80::1%eth0]",
        "fe80::1%1",
        "192.0.2.256",
        "192.0.2.1.",
        "[::1]:5061",
        &long_label,
        &long_name,
    ] {
        let refused = Host::parse(bad).unwrap_err();
        assert!(!refused.to_string().chars().any(char::is_control), "{refused}");
    }
    for (good, printed) in [
        ("sbc", "sbc"),
        ("SBC.example.test", "SBC.example.test"),
        ("a_b.test.", "a_b.test"),
        ("3com.test", "3com.test"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:DB8::1]", "[2001:db8::1]"),
        ("::1", "[::1]"),
        ("xn--bcher-kva.test", "xn--bcher-kva.test"),
    ] {
        assert_eq!(Host::parse(good).unwrap().to_string(), printed);
    }
}

#[test]
fn every_request_is_fresh() {
    let host = Host::parse("a.test").unwrap();
    let local = SentBy::from_address(([127, 0, 0, 1], 1).into());
    let [a, b] = [0, 0].map(|_| OptionsRequest::new(&host, 5061, &local, &Nonce::random().unwrap()));
    assert_ne!(a.branch(), b.branch());
    assert_ne!(a.call_id(), b.call_id());
    assert!(a.branch().starts_with("z9hG4bK") && a.branch().len() == 31);
}

#[test]
fn a_fault_reads_as_one_line() {
    let (_, fault) = read([fixture("http").as_slice()]);
    assert_eq!(
        fault.unwrap().to_string(),
        "not SIP at byte 0: expected a SIP status line, found \"HTTP/1.1 400 Bad Request\""
    );
}

/// Pieces that make a message more often than random bytes do.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "SIP/2.0 200 OK",
        "SIP/2.0 100 ",
        "SIP/",
        "OPTIONS sip:a SIP/2.0",
        "\r\n",
        "\n",
        "\r",
        "\r\n\r\n",
        " ",
        "\t",
        ":",
        "v:",
        "l:",
        "Content-Length: ",
        "0",
        "5",
        "70000",
        "-",
        "a: b\r\n",
        ";branch=",
        "z9hG4bK",
        "\"",
        "\\",
        ",",
        "Call-ID:",
        "CSeq: 1 OPTIONS\r\n",
        "\u{202e}",
        "\u{fc}",
        "\0",
    ]);
    prop_oneof![8 => known.prop_map(|s| s.as_bytes().to_vec()), 1 => prop::collection::vec(any::<u8>(), 0..8)]
}

proptest! {
    #[test]
    fn any_bytes_keep_the_property(data in prop::collection::vec(any::<u8>(), 0..512)) {
        check(&data);
    }

    #[test]
    fn anything_like_sip_keeps_the_property(pieces in prop::collection::vec(piece(), 0..60)) {
        check(&pieces.concat());
    }

    #[test]
    fn a_mutated_fixture_keeps_the_property_in_any_split(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), piece()), 0..4),
        mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let fixtures = fixtures();
        let mut data = which.get(&fixtures).1.clone();
        for (at, piece) in changes {
            let at = at.index(data.len() + 1);
            let end = (at + piece.len() / 2).min(data.len());
            data.splice(at..end, piece);
        }
        check(&data);
        cuts.sort_by_key(|cut| cut.index(data.len() + 1));
        let mut rest = data.as_slice();
        let mut pieces = Vec::new();
        for cut in &cuts {
            let at = cut.index(data.len() + 1) - (data.len() - rest.len());
            let (piece, after) = rest.split_at(at);
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        prop_assert_eq!(read(pieces), read([data.as_slice()]));
    }

    #[test]
    fn a_host_that_passes_cannot_break_out(text in "\\PC{0,40}|[a-z0-9.:\\[\\]%@;>\r\n -]{0,40}") {
        if let Ok(host) = Host::parse(&text) {
            let printed = host.to_string();
            prop_assert!(printed.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b)));
            prop_assert_eq!(Host::parse(&printed), Ok(host));
        }
    }
}
