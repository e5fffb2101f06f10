//! Visits to endpoints that are odd, refusing, silent or no endpoints at all: the reason is the right one, and everything that was
//! on the wire is in the observation. The truth is asked of `openssl s_client` or read from the recording by tshark.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::process::Command;
use std::time::{Duration, Instant};

use siptls_e2e::{
    Client, ClientAuth, Direction, GnutlsServer, Haproxy, Identity, Kamailio, OpensslRig, OpensslServer,
    Peer, Pki, Port, Proxy, Responder, Role, Tshark, Visit,
};
use siptls_model::{
    AlertDescription, CipherSuite, ClientCertificateMode, Depth, Handshake, NamedGroup, Observation, Phase,
    ProtocolVersion, Reason, SignatureScheme, SipOutcome,
};

/// The BYOC suites, in OpenSSL's names.
const BYOC: &str = "AES256-SHA:AES128-GCM-SHA256:AES256-GCM-SHA384:ECDHE-RSA-AES256-SHA:\
                    ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:AES256-SHA256:ECDHE-RSA-AES256-SHA384";

fn server(role: Role) -> OpensslRig {
    OpensslServer::new(Pki::shared().identity(role)).reversing()
}

/// The reason of a visit that stopped short.
fn reason(seen: &Observation) -> Option<Reason> {
    seen.error.as_ref().map(|error| error.reason)
}

fn handshake(seen: &Observation) -> &Handshake {
    seen.handshake
        .as_ref()
        .unwrap_or_else(|| panic!("expected a handshake, found {:?}", seen.error))
}

/// The offer is refused by this alert before a ServerHello; `s_client` with the same offer gets the same alert.
fn expect_refused(server: &OpensslServer, alert: AlertDescription) {
    let seen = Visit::to(server.address()).make_one();
    assert_eq!(reason(&seen), Some(Reason::HandshakeRefused), "{:?}", seen.error);
    assert_eq!(seen.phase_reached, Some(Phase::Connect));
    let ours = handshake(&seen);
    assert_eq!(
        (ours.alert, ours.version, ours.cipher_suite, ours.group),
        (Some(alert), None, None, None)
    );
    assert_eq!(
        ours.client_certificate.mode,
        ClientCertificateMode::Unknown,
        "nothing was seen"
    );
    assert!(seen.chain.is_none());
    let truth = Client::to(server.address()).ciphers(BYOC).groups("P-384").ask();
    assert_eq!(
        (truth.connected, truth.alert),
        (false, Some(alert.0)),
        "{}",
        truth.text
    );
}

#[test]
fn a_server_with_ecdhe_on_another_curve_alone_refuses() {
    let server = server(Role::Good)
        .ciphers("ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256")
        .groups("P-256")
        .start();
    expect_refused(&server, AlertDescription::HANDSHAKE_FAILURE);
}

#[test]
fn a_server_with_another_curve_falls_back_to_static_rsa() {
    let server = server(Role::Good)
        .ciphers("ECDHE-RSA-AES256-GCM-SHA384:AES256-GCM-SHA384")
        .groups("P-256")
        .start();
    let seen = Visit::to(server.address()).make_one();
    let ours = handshake(&seen);
    assert_eq!(
        (ours.cipher_suite, ours.group, ours.completed),
        (Some(CipherSuite::TLS_RSA_WITH_AES_256_GCM_SHA384), None, true)
    );
    let truth = Client::to(server.address()).ciphers(BYOC).groups("P-384").ask();
    assert_eq!(
        (truth.cipher.as_deref(), truth.group, truth.connected),
        (Some("AES256-GCM-SHA384"), None, true)
    );
}

/// With another offer the engine finishes on every group it has.
#[test]
fn every_group_that_is_offered_is_finished() {
    for (group, openssl, name) in [
        (NamedGroup::SECP256R1, "P-256", "secp256r1"),
        (NamedGroup::SECP384R1, "P-384", "secp384r1"),
        (NamedGroup::SECP521R1, "P-521", "secp521r1"),
        (NamedGroup::X25519, "X25519", "x25519"),
    ] {
        let server = server(Role::Good)
            .ciphers("ECDHE-RSA-AES256-GCM-SHA384")
            .groups(openssl)
            .start();
        let seen = Visit::to(server.address())
            .offering(|offer| {
                offer.groups = vec![
                    NamedGroup::X25519,
                    NamedGroup::SECP521R1,
                    NamedGroup::SECP384R1,
                    NamedGroup::SECP256R1,
                ];
            })
            .make_one();
        assert_eq!(
            (handshake(&seen).group, handshake(&seen).completed),
            (Some(group), true)
        );
        assert_eq!(Client::to(server.address()).ask().group.as_deref(), Some(name));
    }
}

#[test]
fn a_server_with_tls_1_3_alone_refuses_the_version() {
    let server = server(Role::Good).version("-tls1_3").start();
    expect_refused(&server, AlertDescription::PROTOCOL_VERSION);
}

/// Such a server answers TLS 1.2 with its own version (RFC 5246 §E.1), which is no fault of the protocol; we are the ones to leave.
#[test]
fn a_server_with_an_older_version_alone_shows_it() {
    for (flag, version, name) in [
        ("-tls1", ProtocolVersion::TLS_1_0, "TLSv1"),
        ("-tls1_1", ProtocolVersion::TLS_1_1, "TLSv1.1"),
    ] {
        let server = server(Role::Good).version(flag).start();
        let proxy = Proxy::to(server.address());
        let seen = Visit::to(proxy.address()).make_one();
        let ours = handshake(&seen);
        assert_eq!(
            (ours.version, ours.completed),
            (Some(version), false),
            "{:?}",
            seen.error
        );
        assert_eq!(reason(&seen), Some(Reason::HandshakeRefused), "{:?}", seen.error);
        assert_eq!(seen.chain.as_ref().map(|chain| chain.entries.len()), Some(2));
        let tshark = Tshark::of(&proxy.await_closed(1));
        assert_eq!(
            tshark.values("tls.handshake.type == 2", "tls.handshake.version"),
            [format!("{:#06x}", version.0)]
        );
        assert_eq!(
            tshark.values(
                "tls.alert_message && tcp.dstport == 5061",
                "tls.alert_message.desc"
            ),
            ["70"]
        );
        server.await_printed("alert protocol version");
        let truth = Client::to(server.address()).version(flag).ask();
        assert_eq!(
            (truth.connected, truth.protocol.as_deref()),
            (true, Some(name)),
            "{}",
            truth.text
        );
    }
}

#[test]
fn an_ecdsa_key_is_refused_by_the_byoc_offer_and_finished_by_a_generic_one() {
    for role in [Role::GoodP256, Role::GoodP384] {
        let server = server(role).start();
        expect_refused(&server, AlertDescription::HANDSHAKE_FAILURE);
        let seen = Visit::to(server.address()).profile("sip-tls-generic").make_one();
        let ours = handshake(&seen);
        assert!(ours.completed, "{:?}", seen.error);
        // In TLS 1.2 the scheme names the hash alone: a P-384 key signs with SHA-256 too.
        assert_eq!(
            ours.key_exchange_signature,
            Some(SignatureScheme::ECDSA_SECP256R1_SHA256)
        );
        let suite = ours.cipher_suite.and_then(CipherSuite::name).unwrap_or_default();
        assert!(suite.starts_with("TLS_ECDHE_ECDSA_"), "{suite}");
        let truth = Client::to(server.address()).ask();
        assert!(
            truth.text.contains("Peer signing digest: SHA256"),
            "{}",
            truth.text
        );
        assert!(
            truth
                .cipher
                .as_deref()
                .is_some_and(|name| name.starts_with("ECDHE-ECDSA-")),
            "{}",
            truth.text
        );
    }
}

/// Mainstream clients take these keys, so the generic offer does.
#[test]
fn an_ed25519_or_rsa_pss_key_is_refused_by_the_byoc_offer_and_finished_by_a_generic_one() {
    for (key, option, scheme) in [
        ("ed25519", None, SignatureScheme::ED25519),
        (
            "rsa-pss",
            Some("rsa_keygen_bits:2048"),
            SignatureScheme::RSA_PSS_PSS_SHA256,
        ),
    ] {
        let folder = tempfile::tempdir().expect("make a temporary folder");
        let file = |name: &str| folder.path().join(name);
        let (certificate, private) = (file("certificate.pem"), file("key.pem"));
        let mut command = Command::new("openssl");
        command.args([
            "req",
            "-x509",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=sbc.example.test",
        ]);
        command.args(["-newkey", key]);
        command.args(option.iter().flat_map(|option| ["-pkeyopt", option]));
        command.arg("-keyout").arg(&private).arg("-out").arg(&certificate);
        assert!(command.output().expect("run openssl").status.success(), "{key}");
        let identity = Identity {
            certificate: certificate.clone(),
            key: private,
            chain: certificate.clone(),
            issuers: None,
            bundle: certificate,
        };
        let server = OpensslServer::new(&identity).reversing().start();
        let seen = Visit::to(server.address()).make_one();
        assert_eq!(reason(&seen), Some(Reason::HandshakeRefused), "{key}");
        let seen = Visit::to(server.address()).profile("sip-tls-generic").make_one();
        let ours = handshake(&seen);
        assert!(ours.completed, "{key}: {:?}", seen.error);
        assert_eq!(ours.key_exchange_signature, Some(scheme), "{key}");
        assert!(Client::to(server.address()).ask().connected, "{key}");
    }
}

/// The primitives do no RSA encryption to a key of 1024 bits; they do verify its signatures.
#[test]
fn an_rsa_key_of_1024_bits_is_told_as_it_is() {
    let fixed = server(Role::Rsa1024).ciphers("AES256-SHA").start();
    let proxy = Proxy::to(fixed.address());
    let seen = Visit::to(proxy.address()).make_one();
    assert_eq!(reason(&seen), Some(Reason::NotCompletable), "{:?}", seen.error);
    assert_eq!(seen.phase_reached, Some(Phase::ServerFlight));
    let ours = handshake(&seen);
    assert_eq!(
        (ours.cipher_suite, ours.completed, ours.alert),
        (Some(CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA), false, None)
    );
    assert_eq!(
        ours.client_certificate.mode,
        ClientCertificateMode::NotRequested,
        "the flight says so"
    );
    assert_eq!(leaf_key(&seen), "RSA 1024");
    assert_eq!(
        Tshark::of(&proxy.await_closed(1)).values(
            "tls.alert_message && tcp.dstport == 5061",
            "tls.alert_message.desc"
        ),
        ["90", "0"],
        "user_canceled, close_notify"
    );
    let truth = Client::to(fixed.address()).ciphers(BYOC).groups("P-384").ask();
    assert_eq!(truth.cipher.as_deref(), Some("AES256-SHA"), "{}", truth.text);

    let ephemeral = server(Role::Rsa1024)
        .ciphers("ECDHE-RSA-AES256-GCM-SHA384")
        .groups("P-384")
        .start();
    let seen = Visit::to(ephemeral.address()).make_one();
    assert_eq!(
        (handshake(&seen).completed, handshake(&seen).group),
        (true, Some(NamedGroup::SECP384R1)),
        "{:?}",
        seen.error
    );
    assert_eq!(leaf_key(&seen), "RSA 1024");
    assert!(
        Client::to(ephemeral.address())
            .ciphers(BYOC)
            .groups("P-384")
            .ask()
            .connected
    );
}

fn leaf_key(seen: &Observation) -> String {
    let chain = seen.chain.as_ref().expect("a chain");
    chain.entries[0]
        .certificate()
        .expect("a certificate")
        .key
        .to_string()
}

#[test]
fn nobody_listens() {
    let port = Port::lease();
    let seen = Visit::to(port.address()).make_one();
    assert_eq!(
        (reason(&seen), seen.connections_opened, seen.phase_reached),
        (Some(Reason::ConnectionRefused), 0, Some(Phase::Resolve))
    );
    assert!(seen.handshake.is_none() && seen.offer.is_none() && seen.flight.is_empty());
}

/// Accepted by the kernel or by a program, without a byte: given up at the deadline, which is for all phases together.
#[test]
fn a_silent_listener_ends_at_the_deadline() {
    let unserved = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
    let silent = Responder::silent();
    for address in [unserved.local_addr().expect("an address"), silent.address()] {
        let (started, timeout) = (Instant::now(), Duration::from_millis(700));
        let seen = Visit::to(address).timeout(timeout).make_one();
        let elapsed = started.elapsed();
        assert_eq!(
            (reason(&seen), seen.phase_reached, seen.connections_opened),
            (Some(Reason::TlsTimeout), Some(Phase::Connect), 1)
        );
        assert!(seen.handshake.is_none());
        assert!(
            elapsed >= timeout && elapsed < timeout + Duration::from_secs(2),
            "{elapsed:?}"
        );
    }
}

/// TLS without a word of SIP.
#[test]
fn a_server_that_never_answers_options_ends_at_the_deadline() {
    let server = OpensslServer::new(Pki::shared().identity(Role::Good)).start();
    let (started, timeout) = (Instant::now(), Duration::from_secs(3));
    let seen = Visit::to(server.address()).timeout(timeout).make_one();
    let elapsed = started.elapsed();
    assert_eq!(
        (reason(&seen), seen.phase_reached),
        (Some(Reason::SipTimeout), Some(Phase::Handshake))
    );
    assert!(
        handshake(&seen).completed && seen.sip == SipOutcome::NotAnswered,
        "{seen:?}"
    );
    assert!(
        elapsed >= timeout && elapsed < timeout + Duration::from_secs(2),
        "{elapsed:?}"
    );
    server.await_printed("OPTIONS sip:sbc.example.test");
}

/// The echo is our own request: it is no answer to it.
#[test]
fn an_echo_is_no_answer() {
    let server = GnutlsServer::start(
        Pki::shared().identity(Role::Good),
        GnutlsServer::PRIORITY,
        ClientAuth::None,
    );
    let seen = Visit::to(server.address())
        .timeout(Duration::from_secs(3))
        .make_one();
    assert_eq!(reason(&seen), Some(Reason::SipTimeout), "{:?}", seen.error);
    assert_eq!(seen.sip, SipOutcome::NotAnswered);
}

#[test]
fn a_server_that_closes_on_options() {
    let server = Haproxy::start(Pki::shared().identity(Role::Good), ClientAuth::None, None);
    let seen = Visit::to(server.address()).make_one();
    assert_eq!(
        (reason(&seen), seen.phase_reached),
        (Some(Reason::SipClosed), Some(Phase::Handshake)),
        "{:?}",
        seen.error
    );
    assert!(Client::to(server.address()).ask().connected);
}

#[test]
fn plain_services_are_told_by_their_first_bytes() {
    for (said, expected) in [
        (
            b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n".as_slice(),
            Reason::PlainSip,
        ),
        (
            b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
            Reason::PlainHttp,
        ),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Reason::NotTls),
        (b"220 mail.example.test ESMTP\r\n", Reason::NotTls),
    ] {
        let listener = Responder::saying(said);
        let proxy = Proxy::to(listener.address());
        let seen = Visit::to(proxy.address()).make_one();
        assert_eq!(
            (reason(&seen), seen.phase_reached, seen.connections_opened),
            (Some(expected), Some(Phase::Connect), 1),
            "{:?}",
            seen.error
        );
        assert!(seen.handshake.is_none());
        let recordings = proxy.await_closed(1);
        assert_eq!(recordings.len(), 1);
        // A peer that is no TLS is told nothing more in TLS.
        let sent = recordings[0].bytes(Direction::FromClient);
        assert_eq!(
            sent.len(),
            5 + usize::from(u16::from_be_bytes([sent[3], sent[4]])),
            "one record"
        );
    }
}

#[test]
fn a_listener_that_closes_at_once() {
    let listener = Responder::closing();
    let seen = Visit::to(listener.address()).make_one();
    // A close before our hello was read is a reset to us.
    assert!(
        matches!(
            reason(&seen),
            Some(Reason::ConnectionClosed | Reason::ConnectionReset)
        ),
        "{:?}",
        seen.error
    );
    assert_eq!(seen.phase_reached, Some(Phase::Connect));
}

/// The server has one certificate for the name and another for everybody else, so it shows which name it saw.
#[test]
fn a_name_is_sent_as_sni_and_an_address_never() {
    let pki = Pki::shared();
    let named = pki.identity(Role::Good);
    let server = OpensslServer::new(pki.identity(Role::WrongName))
        .reversing()
        .argument("-servername")
        .argument("sbc.example.test")
        .argument("-cert2")
        .argument(&named.certificate.display().to_string())
        .argument("-key2")
        .argument(&named.key.display().to_string())
        .start();
    let proxy = Proxy::to(server.address());
    let by_name = Visit::to(proxy.address()).make_one();
    assert_eq!(common_name(&by_name), "sbc.example.test");
    let by_address = Visit::of(&proxy.address().to_string()).make_one();
    assert_eq!(common_name(&by_address), "other.example.test");
    let tshark = Tshark::of(&proxy.await_closed(2));
    let names = |stream: usize| {
        tshark.values(
            &format!("tls.handshake.type == 1 && tcp.stream == {stream}"),
            "tls.handshake.extensions_server_name",
        )
    };
    assert_eq!(
        (names(0), names(1)),
        (vec!["sbc.example.test".to_owned()], Vec::new())
    );
}

fn common_name(seen: &Observation) -> String {
    let chain = seen
        .chain
        .as_ref()
        .unwrap_or_else(|| panic!("expected a chain, found {:?}", seen.error));
    let leaf = chain.entries[0].certificate().expect("a certificate");
    leaf.common_name.clone().expect("a common name")
}

#[test]
fn an_ipv6_address_is_visited() {
    let server = server(Role::Good).listen(Ipv6Addr::LOCALHOST.into()).start();
    let seen = Visit::of(&format!("sips:[::1]:{}", server.address().port())).make_one();
    assert_eq!(seen.address, Some(server.address()));
    assert!(handshake(&seen).completed, "{:?}", seen.error);
    assert_eq!(reason(&seen), Some(Reason::NotSip));
    assert!(
        seen.phases.resolve.is_none(),
        "an address literal is not looked up"
    );
    assert!(Client::to(server.address()).ask().connected);
}

/// `localhost` is 127.0.0.1 and ::1; a server on both sees one connection on each.
#[test]
fn each_address_of_a_name_is_an_observation_of_its_own() {
    let server = GnutlsServer::web(
        Pki::shared().identity(Role::Good),
        GnutlsServer::PRIORITY,
        ClientAuth::Optional,
    );
    let port = server.address().port();
    let observations = Visit::of(&format!("localhost:{port}")).make();
    let addresses: Vec<_> = observations.iter().filter_map(|seen| seen.address).collect();
    assert_eq!(
        addresses,
        [
            (Ipv4Addr::LOCALHOST, port).into(),
            (Ipv6Addr::LOCALHOST, port).into()
        ]
    );
    for seen in &observations {
        assert!(
            handshake(seen).completed && seen.connections_opened == 1,
            "{:?}",
            seen.error
        );
        assert_eq!(
            handshake(seen).client_certificate.mode,
            ClientCertificateMode::Optional
        );
        assert!(seen.phases.resolve.is_some());
    }
}

/// One address that answers and one where nobody listens: neither colours the other.
#[test]
fn an_address_that_refuses_leaves_the_other_alone() {
    let server = server(Role::Good).start();
    let observations = Visit::of(&format!("localhost:{}", server.address().port())).make();
    let reasons: Vec<_> = observations.iter().map(reason).collect();
    assert_eq!(reasons, [Some(Reason::NotSip), Some(Reason::ConnectionRefused)]);
}

/// RFC 6761 §6.4: a name under `invalid` has no address, whoever is asked; a machine without a resolver cannot know.
#[test]
fn a_name_without_an_address_is_one_observation() {
    let seen = Visit::of("sbc.invalid")
        .timeout(Duration::from_secs(3))
        .make_one();
    assert!(
        matches!(
            reason(&seen),
            Some(Reason::NameNotFound | Reason::ResolveFailed | Reason::ResolveTimeout)
        ),
        "{:?}",
        seen.error
    );
    assert_eq!(
        (seen.address, seen.phase_reached, seen.connections_opened),
        (None, None, 0)
    );
}

/// At depth `hello` everything of the flight is known, nothing of what follows it is claimed, and the goodbye can be read by all.
#[test]
fn the_hello_depth_reads_the_flight_and_takes_its_leave() {
    for (mode, expected) in [
        (ClientAuth::None, ClientCertificateMode::NotRequested),
        (ClientAuth::Optional, ClientCertificateMode::Unknown),
        (ClientAuth::Required, ClientCertificateMode::Unknown),
    ] {
        let server = server(Role::Good).client_auth(mode).groups("P-384").start();
        let proxy = Proxy::to(server.address());
        let seen = Visit::to(proxy.address()).depth(Depth::Hello).make_one();
        let ours = handshake(&seen);
        assert_eq!(
            (reason(&seen), seen.phase_reached, ours.completed),
            (None, Some(Phase::ServerFlight), false)
        );
        assert_eq!(
            (ours.client_certificate.mode, ours.client_certificate.requested),
            (expected, Some(mode != ClientAuth::None))
        );
        assert_eq!(seen.sip, SipOutcome::NotSent);
        let recordings = proxy.await_closed(1);
        assert_eq!((proxy.connections(), seen.connections_opened), (1, 1));
        let rows = Tshark::of(&recordings).fields(
            "tls && tcp.dstport == 5061",
            &[
                "tls.record.content_type",
                "tls.alert_message.level",
                "tls.alert_message.desc",
            ],
        );
        let column =
            |index: usize| -> Vec<String> { rows.iter().flat_map(|row| row[index].clone()).collect() };
        assert_eq!(column(0), ["22", "21", "21"], "ClientHello and two alerts");
        assert_eq!(
            (column(1), column(2)),
            (
                vec!["1".to_owned(), "1".to_owned()],
                vec!["90".to_owned(), "0".to_owned()]
            ),
            "warnings user_canceled and close_notify"
        );
        let server_bytes = recordings[0].bytes(Direction::FromServer);
        assert!(server_bytes.starts_with(&seen.flight) && !seen.flight.is_empty());
    }
}

/// The certificates are read as they are sent, good or bad: whether they are good is not the visit's affair.
#[test]
fn any_chain_is_finished_and_kept() {
    for (role, certificates) in [
        (Role::Expired, 2),
        (Role::NotYetValid, 2),
        (Role::WrongName, 2),
        (Role::WithoutIntermediate, 1),
        (Role::UnknownRoot, 2),
    ] {
        let server = server(role).start();
        let seen = Visit::to(server.address()).make_one();
        assert!(handshake(&seen).completed, "{role:?}: {:?}", seen.error);
        assert_eq!(
            seen.chain.as_ref().map(|chain| chain.entries.len()),
            Some(certificates),
            "{role:?}"
        );
        assert_eq!(
            Client::to(server.address()).ask().certificates,
            certificates,
            "{role:?}"
        );
    }
}

/// An empty list of authorities is a request all the same.
#[test]
fn a_request_without_names_is_a_request() {
    let server =
        GnutlsServer::asking_without_names(Pki::shared().identity(Role::Good), GnutlsServer::PRIORITY);
    let seen = Visit::to(server.address())
        .timeout(Duration::from_secs(3))
        .make_one();
    let request = &handshake(&seen).client_certificate;
    assert_eq!(
        (request.requested, request.mode),
        (Some(true), ClientCertificateMode::Optional)
    );
    assert!(request.authorities.is_empty());
    let types: Vec<_> = request
        .certificate_types
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(types, ["rsa_sign", "ecdsa_sign"]);
    let truth = Client::to(server.address()).ask();
    assert!(truth.certificate_requested && truth.certificate_authorities.is_empty());
}

/// A hundred visits leave a hundred orderly ends: no alert but ours in Kamailio's log, and it still answers.
#[test]
fn kamailio_survives_a_hundred_visits() {
    let server = Kamailio::start(Pki::shared().identity(Role::Good), None, ClientAuth::Optional);
    let visit = Visit::to(server.address());
    for number in 0..100 {
        let seen = visit.make_one();
        assert!(
            matches!(&seen.sip, SipOutcome::Answered(answer) if answer.status == 200),
            "visit {number}: {:?}",
            seen.error
        );
    }
    let log = server.log();
    let complaints: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("ERROR") || line.contains("TLS read") || line.contains("alert"))
        .collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}
