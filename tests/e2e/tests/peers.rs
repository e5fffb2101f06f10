//! Each real peer, seen by `openssl s_client`: the rigs do what they say before anything of ours is measured against them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::thread;

use siptls_e2e::{
    Client, ClientAuth, DEADLINE, Direction, GnutlsServer, Haproxy, Kamailio, NssServer, OpensslServer, Peer,
    Pki, Proxy, Role, Stunnel, Tshark, finish, sip_options,
};

/// How a handshake ended: finished, or the alert's number.
type End = Result<(), u8>;

const HANDSHAKE_FAILURE: End = Err(40);
const BAD_CERTIFICATE: End = Err(42);
const UNSUPPORTED_CERTIFICATE: End = Err(43);
const CERTIFICATE_UNKNOWN: End = Err(46);
const UNKNOWN_CA: End = Err(48);
const ACCESS_DENIED: End = Err(49);
const DECODE_ERROR: End = Err(50);

/// What a server does with a client that has no certificate, a good one, one for servers only, one of a foreign authority.
fn expect_ends(server: &dyn Peer, mode: ClientAuth, expected: [End; 4]) {
    let pki = Pki::shared();
    let identities = [
        None,
        Some(Role::ClientBothEkus),
        Some(Role::ClientServerAuthOnly),
        Some(Role::ClientUnknownRoot),
    ];
    for (role, expected) in identities.into_iter().zip(expected) {
        let mut client = Client::to(server.address());
        if let Some(role) = role {
            client = client.identity(pki.identity(role));
        }
        let answer = client.ask();
        let end = if answer.connected {
            Ok(())
        } else {
            Err(answer.alert.unwrap_or_default())
        };
        assert_eq!(
            end, expected,
            "{mode:?}, client certificate {role:?}: {}",
            answer.text
        );
        assert_eq!(answer.certificate_requested, mode != ClientAuth::None, "{mode:?}");
        let names: &[&str] = if mode == ClientAuth::None {
            &[]
        } else {
            &["C = ZZ, O = Example, CN = Example Root"]
        };
        assert_eq!(answer.certificate_authorities, names, "{mode:?}");
        assert_eq!(
            answer.certificate_types.is_empty(),
            mode == ClientAuth::None,
            "{mode:?}"
        );
        assert_eq!(answer.verify_code, Some(0), "{mode:?}");
    }
}

#[test]
fn openssl_and_client_certificates() {
    let server = |mode| {
        OpensslServer::new(Pki::shared().identity(Role::Good))
            .client_auth(mode)
            .start()
    };
    expect_ends(&server(ClientAuth::None), ClientAuth::None, [Ok(()); 4]);
    let refused = [UNSUPPORTED_CERTIFICATE, UNKNOWN_CA];
    expect_ends(
        &server(ClientAuth::Optional),
        ClientAuth::Optional,
        [Ok(()), Ok(()), refused[0], refused[1]],
    );
    expect_ends(
        &server(ClientAuth::Required),
        ClientAuth::Required,
        [HANDSHAKE_FAILURE, Ok(()), refused[0], refused[1]],
    );
}

/// GnuTLS answers an empty Certificate with decode_error, and does not mind that the purpose clientAuth is missing.
#[test]
fn gnutls_and_client_certificates() {
    let server = |mode| GnutlsServer::start(Pki::shared().identity(Role::Good), GnutlsServer::PRIORITY, mode);
    expect_ends(&server(ClientAuth::None), ClientAuth::None, [Ok(()); 4]);
    expect_ends(
        &server(ClientAuth::Optional),
        ClientAuth::Optional,
        [Ok(()), Ok(()), Ok(()), ACCESS_DENIED],
    );
    expect_ends(
        &server(ClientAuth::Required),
        ClientAuth::Required,
        [DECODE_ERROR, Ok(()), Ok(()), ACCESS_DENIED],
    );
}

#[test]
fn gnutls_asks_with_an_empty_list_of_authorities() {
    let server =
        GnutlsServer::asking_without_names(Pki::shared().identity(Role::Good), GnutlsServer::PRIORITY);
    let answer = Client::to(server.address()).ask();
    assert!(
        answer.connected && answer.certificate_requested,
        "{}",
        answer.text
    );
    assert_eq!(answer.certificate_authorities, Vec::<String>::new());
    assert_eq!(answer.certificate_types, ["RSA sign", "ECDSA sign"]);
}

#[test]
fn nss_and_client_certificates() {
    let server = |mode| NssServer::start(Pki::shared().identity(Role::Good), None, None, mode);
    expect_ends(&server(ClientAuth::None), ClientAuth::None, [Ok(()); 4]);
    let refused = [CERTIFICATE_UNKNOWN, UNKNOWN_CA];
    expect_ends(
        &server(ClientAuth::Optional),
        ClientAuth::Optional,
        [Ok(()), Ok(()), refused[0], refused[1]],
    );
    expect_ends(
        &server(ClientAuth::Required),
        ClientAuth::Required,
        [BAD_CERTIFICATE, Ok(()), refused[0], refused[1]],
    );
}

#[test]
fn nss_suites_and_groups() {
    let good = Pki::shared().identity(Role::Good);
    let ecdhe = NssServer::start(good, Some(&[0xC030]), Some("P384"), ClientAuth::None);
    let answer = Client::to(ecdhe.address()).ask();
    assert_eq!(
        answer.cipher.as_deref(),
        Some("ECDHE-RSA-AES256-GCM-SHA384"),
        "{}",
        answer.text
    );
    assert_eq!(answer.group.as_deref(), Some("secp384r1"));
    let rsa = NssServer::start(good, Some(&[0x003D]), None, ClientAuth::None);
    let answer = Client::to(rsa.address()).ask();
    assert_eq!(
        (answer.cipher.as_deref(), answer.group),
        (Some("AES256-SHA256"), None),
        "{}",
        answer.text
    );
}

#[test]
fn kamailio_and_client_certificates() {
    let server = |mode| Kamailio::start(Pki::shared().identity(Role::Good), None, mode);
    expect_ends(&server(ClientAuth::None), ClientAuth::None, [Ok(()); 4]);
    let refused = [UNSUPPORTED_CERTIFICATE, UNKNOWN_CA];
    expect_ends(
        &server(ClientAuth::Optional),
        ClientAuth::Optional,
        [Ok(()), Ok(()), refused[0], refused[1]],
    );
    expect_ends(
        &server(ClientAuth::Required),
        ClientAuth::Required,
        [HANDSHAKE_FAILURE, Ok(()), refused[0], refused[1]],
    );
}

#[test]
fn kamailio_answers_options() {
    let pki = Pki::shared();
    let server = Kamailio::start(pki.identity(Role::Good), Some("AES256-SHA"), ClientAuth::Required);
    let client = Client::to(server.address()).identity(pki.identity(Role::ClientBothEkus));
    assert_eq!(client.ask().cipher.as_deref(), Some("AES256-SHA"));
    let answer = client.converse(&sip_options("sbc.example.test"), "Content-Length: 0");
    for expected in [
        "SIP/2.0 200 OK\r\n",
        "Server: kamailio (5.",
        "Allow: INVITE, ACK",
        "branch=z9hG4bK776asdhds",
    ] {
        assert!(answer.contains(expected), "expected {expected:?} in {answer}");
    }
}

#[test]
fn haproxy_and_client_certificates() {
    let backend = responder();
    let server = |mode| Haproxy::start(Pki::shared().identity(Role::Good), mode, Some(backend));
    expect_ends(&server(ClientAuth::None), ClientAuth::None, [Ok(()); 4]);
    let refused = [UNSUPPORTED_CERTIFICATE, UNKNOWN_CA];
    let optional = server(ClientAuth::Optional);
    expect_ends(
        &optional,
        ClientAuth::Optional,
        [Ok(()), Ok(()), refused[0], refused[1]],
    );
    expect_ends(
        &server(ClientAuth::Required),
        ClientAuth::Required,
        [HANDSHAKE_FAILURE, Ok(()), refused[0], refused[1]],
    );
    let answer =
        Client::to(optional.address()).converse(&sip_options("sbc.example.test"), "Content-Length: 0");
    assert!(answer.contains("SIP/2.0 200 OK"), "{answer}");
}

#[test]
fn stunnel_and_client_certificates() {
    let backend = responder();
    let server = |mode| Stunnel::start(Pki::shared().identity(Role::Good), mode, backend);
    expect_ends(&server(ClientAuth::None), ClientAuth::None, [Ok(()); 4]);
    let refused = [UNSUPPORTED_CERTIFICATE, UNKNOWN_CA];
    let optional = server(ClientAuth::Optional);
    expect_ends(
        &optional,
        ClientAuth::Optional,
        [Ok(()), Ok(()), refused[0], refused[1]],
    );
    expect_ends(
        &server(ClientAuth::Required),
        ClientAuth::Required,
        [HANDSHAKE_FAILURE, Ok(()), refused[0], refused[1]],
    );
    let answer =
        Client::to(optional.address()).converse(&sip_options("sbc.example.test"), "Content-Length: 0");
    assert!(answer.contains("SIP/2.0 200 OK"), "{answer}");
}

#[test]
fn openssl_speaks_the_asked_suite_group_and_extensions() {
    let good = Pki::shared().identity(Role::Good);
    for suite in [
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-SHA256",
        "ECDHE-RSA-AES256-SHA384",
        "AES128-SHA",
        "AES256-SHA",
        "AES128-SHA256",
        "AES256-SHA256",
    ] {
        let server = OpensslServer::new(good)
            .ciphers(suite)
            .groups("P-384")
            .without_ems()
            .start();
        let answer = Client::to(server.address()).ask();
        assert_eq!(answer.cipher.as_deref(), Some(suite), "{}", answer.text);
        let group = suite.starts_with("ECDHE").then_some("secp384r1");
        assert_eq!(
            (answer.group.as_deref(), answer.extended_master_secret),
            (group, Some(false)),
            "{suite}"
        );
        assert_eq!(
            (answer.certificates, answer.protocol.as_deref()),
            (2, Some("TLSv1.2"))
        );
    }
    let server = OpensslServer::new(good).groups("P-384").start();
    let refused = Client::to(server.address())
        .ciphers("ECDHE-RSA-AES128-SHA256")
        .groups("P-256")
        .ask();
    assert_eq!(
        (refused.connected, refused.alert),
        (false, Some(40)),
        "{}",
        refused.text
    );
    assert_eq!(
        Client::to(server.address()).ask().extended_master_secret,
        Some(true)
    );
}

#[test]
fn openssl_serves_every_identity() {
    let pki = Pki::shared();
    for (role, code, certificates) in [
        (Role::Good, 0, 2),
        (Role::GoodP256, 0, 2),
        (Role::GoodP384, 0, 2),
        (Role::Rsa1024, 0, 2),
        (Role::Expired, 10, 2),
        (Role::NotYetValid, 9, 2),
        (Role::WrongName, 62, 2),
        (Role::WithoutIntermediate, 21, 1),
        (Role::UnknownRoot, 20, 2),
    ] {
        let server = OpensslServer::new(pki.identity(role)).start();
        let answer = Client::to(server.address()).ask();
        assert!(answer.connected, "{role:?}: {}", answer.text);
        assert_eq!(
            (answer.verify_code, answer.certificates),
            (Some(code), certificates),
            "{role:?}: {}",
            answer.text
        );
    }
}

#[test]
fn openssl_prints_what_a_client_sends() {
    let server = OpensslServer::new(Pki::shared().identity(Role::Good)).start();
    let mut command = Command::new("openssl");
    command.args([
        "s_client",
        "-quiet",
        "-no_ign_eof",
        "-connect",
        &server.address().to_string(),
    ]);
    let finished = finish(&mut command, sip_options("sbc.example.test").as_bytes(), DEADLINE);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    server.await_printed("CSeq: 1 OPTIONS");
}

#[test]
fn a_relayed_handshake_is_counted_and_decoded() {
    let pki = Pki::shared();
    let server = OpensslServer::new(pki.identity(Role::Good))
        .ciphers("ECDHE-RSA-AES256-GCM-SHA384")
        .groups("P-384")
        .client_auth(ClientAuth::Required)
        .start();
    let proxy = Proxy::to(server.address());
    let client = Client::to(proxy.address());
    let (refused, accepted) = (
        client.ask(),
        client.identity(pki.identity(Role::ClientBothEkus)).ask(),
    );
    assert_eq!((refused.alert, accepted.connected), (Some(40), true));
    let recordings = proxy.await_closed(2);
    assert_eq!((proxy.connections(), proxy.most_open()), (2, 1));
    assert!(
        recordings[0]
            .bytes(Direction::FromClient)
            .starts_with(&[0x16, 3, 1])
    );

    let tshark = Tshark::of(&recordings);
    let hello = tshark.fields(
        "tls.handshake.type == 2",
        &["tcp.stream", "tls.handshake.version", "tls.handshake.ciphersuite"],
    );
    assert_eq!(
        hello,
        [0, 1].map(|stream| [stream.to_string(), "0x0303".into(), "0xc030".into()].map(|value| vec![value]))
    );
    let flight = tshark.values(
        "tls.handshake.type && tcp.srcport == 5061 && tcp.stream == 0",
        "tls.handshake.type",
    );
    assert_eq!(flight, ["2", "11", "12", "13", "14"]);
    let curves = tshark.values(
        "tls.handshake.server_named_curve",
        "tls.handshake.server_named_curve",
    );
    assert_eq!(curves, ["0x0018", "0x0018"]);
    let types = tshark.values(
        "tls.handshake.type == 13 && tcp.stream == 0",
        "tls.handshake.cert_type",
    );
    assert_eq!(types, ["1", "2", "64"]);
    let names = tshark.values("tcp.stream == 0 && tls.handshake.dnames", "x509sat.uTF8String");
    assert!(names.contains(&"Example Root".to_owned()), "{names:?}");
    assert_eq!(
        tshark.values(
            "tls.alert_message.desc && tcp.stream == 0",
            "tls.alert_message.desc"
        ),
        ["40"]
    );
    assert_eq!(
        tshark
            .values(
                "tls.handshake.extensions_server_name",
                "tls.handshake.extensions_server_name"
            )
            .len(),
        2
    );
}

/// A plain TCP server that answers whatever it reads with a SIP 200.
fn responder() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind the responder");
    let address = listener.local_addr().expect("the responder has an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                while let Ok(1..) = stream.read(&mut [0; 4096]) {
                    if stream
                        .write_all(b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n")
                        .is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    address
}
