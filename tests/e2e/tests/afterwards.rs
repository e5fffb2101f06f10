//! What a peer does right after a handshake in which it asked for a client certificate and got an
//! empty one: only what speaks of certificates says that it insists on one.
#![expect(clippy::unwrap_used, reason = "test code may panic")]

use siptls_e2e::{ClientAuth, Pki as RealPki, Port, Role, Stunnel, Visit};
use siptls_lab::{
    ANY_PORT, Behaviour, Chain, ClientCertificates, Flood, Pki, Refusal, Served, Server, ServerConfig,
    ServerEvent, Sip, Twist,
};
use siptls_model::{
    AlertDescription, AttemptResult, ClientCertificateMode, Observation, Phase, Reason, SipOutcome, clock,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Far more than the pause that a visit makes before OPTIONS on loopback.
const LATER: Duration = Duration::from_millis(300);

/// What a server does once both Finished are exchanged.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    /// Sends half of a request of its own, the rest with its answer to ours.
    SpeakFirst,
    /// Sends what no SIP peer sends.
    Greet,
    /// Closes without close_notify.
    Close,
    /// Resets.
    Reset,
    /// Sends its last record later.
    Late,
    /// Answers SIP.
    Serve,
    /// Resets before it sends its own Finished.
    Cut,
    /// Falls silent instead of sending its own Finished.
    Hang,
}

const OWN_REQUEST: &str = "OPTIONS sip:peer@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.1;branch=z9hG4bKx\r\n\
    Call-ID: a\r\nCSeq: 1 OPTIONS\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nContent-Length: 0\r\n\r\n";

async fn serve(mut stream: TcpStream, config: Arc<ServerConfig>, then: Then) -> Option<()> {
    let mut server = Server::new(config);
    let mut buffer = [0; 4096];
    let mut inputs = 0;
    loop {
        let mut output = server.take_output();
        while let Some(event) = server.poll_event() {
            match (event, then) {
                (ServerEvent::Finished { .. }, Then::SpeakFirst) => {
                    server.send(&OWN_REQUEST.as_bytes()[..60]);
                }
                (ServerEvent::Finished { .. }, Then::Greet) => {
                    server.send(b"220 mail.example.test ESMTP ready\r\n");
                }
                (ServerEvent::Finished { .. }, Then::Close | Then::Reset) => {
                    stream.write_all(&output).await.ok()?;
                    if then == Then::Reset {
                        stream.set_zero_linger().ok()?;
                    }
                    return None;
                }
                (ServerEvent::Data(data), Then::SpeakFirst) => {
                    server.send(&OWN_REQUEST.as_bytes()[60..]);
                    server.send(answer(&String::from_utf8(data).ok()?).as_bytes());
                }
                (ServerEvent::Data(data), Then::Serve) => {
                    server.send(answer(&String::from_utf8(data).ok()?).as_bytes());
                }
                _ => {}
            }
        }
        output.extend(server.take_output());
        if server.ending().is_some() && then == Then::Late {
            let last = last_record(&output);
            stream.write_all(&output[..last]).await.ok()?;
            tokio::time::sleep(LATER).await;
            output.drain(..last);
        }
        stream.write_all(&output).await.ok()?;
        if server.ending().is_some() {
            return None;
        }
        let read = stream.read(&mut buffer).await;
        inputs += 1;
        match (then, inputs) {
            (Then::Cut, 2) => {
                stream.set_zero_linger().ok()?;
                return None;
            }
            (Then::Hang, 2) => {
                while stream.read(&mut buffer).await.ok()? > 0 {}
                return None;
            }
            _ => {}
        }
        match read {
            Ok(count) if count > 0 => server.handle_input(&buffer[..count]),
            _ => return None,
        }
    }
}

/// Where the last record begins.
fn last_record(records: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let next = at + 5 + usize::from(u16::from_be_bytes([records[at + 3], records[at + 4]]));
        if next >= records.len() {
            return at;
        }
        at = next;
    }
}

fn answer(request: &str) -> String {
    let kept = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
    let lines = request
        .split("\r\n")
        .filter(|line| kept.iter().any(|name| line.starts_with(name)));
    let lines: Vec<&str> = lines.collect();
    format!(
        "SIP/2.0 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n",
        lines.join("\r\n")
    )
}

async fn start(client_certificates: ClientCertificates, then: Then) -> SocketAddr {
    start_with(client_certificates, &[then]).await
}

/// A server that does these things with its connections in turn, and the last with all further ones.
async fn start_with(client_certificates: ClientCertificates, thens: &[Then]) -> SocketAddr {
    let pki = Pki::new(clock::now()).unwrap();
    let mut config = ServerConfig::new(pki.credentials(Chain::Good));
    config.client_certificates = client_certificates;
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let thens = thens.to_vec();
    tokio::spawn(async move {
        let mut place = 0;
        while let Ok((stream, _)) = listener.accept().await {
            let then = thens[place.min(thens.len() - 1)];
            place += 1;
            tokio::spawn(serve(stream, Arc::clone(&config), then));
        }
    });
    address
}

async fn visit(address: SocketAddr) -> Observation {
    let visit = Visit::to(address).timeout(Duration::from_millis(1500));
    tokio::task::spawn_blocking(move || visit.make_one())
        .await
        .unwrap()
}

/// Mode and reason.
fn outcome(seen: &Observation) -> (ClientCertificateMode, Option<Reason>) {
    let request = &seen.handshake.as_ref().unwrap().client_certificate;
    (request.mode, seen.error.as_ref().map(|error| error.reason))
}

#[tokio::test]
async fn a_server_that_speaks_first_is_listened_to() {
    for asks in [ClientCertificates::Optional, ClientCertificates::NotRequested] {
        let seen = visit(start(asks, Then::SpeakFirst).await).await;
        assert_eq!(seen.error, None, "{asks:?}");
        assert!(matches!(&seen.sip, SipOutcome::Answered(answer) if answer.status == 200));

        let seen = visit(start(asks, Then::Greet).await).await;
        assert_eq!(
            outcome(&seen).1,
            Some(Reason::NotSip),
            "{asks:?}: {:?}",
            seen.error
        );
    }
    let seen = visit(start(ClientCertificates::Optional, Then::Greet).await).await;
    let request = seen.handshake.unwrap().client_certificate;
    assert_eq!(request.mode, ClientCertificateMode::Optional);
    assert!(request.evidence.contains("spoke first"), "{}", request.evidence);
}

#[tokio::test]
async fn an_end_without_a_word_right_after_the_handshake_refuses_nothing() {
    for then in [Then::Close, Then::Reset] {
        let seen = visit(start(ClientCertificates::Optional, then).await).await;
        assert_eq!(
            outcome(&seen),
            (ClientCertificateMode::Unknown, Some(Reason::SipClosed)),
            "{then:?}: {:?}",
            seen.error
        );
        assert_eq!(seen.phase_reached, Some(Phase::Handshake));
    }
}

/// One lost connection is a glitch: the visit is made once more, and what the second one finds counts.
#[tokio::test]
async fn an_end_without_an_alert_counts_when_it_comes_twice() {
    use ClientCertificateMode::{Optional, Required, Unknown};
    let budget = 100;
    for (thens, budget, expected, reached, opened) in [
        (
            &[Then::Cut, Then::Serve][..],
            budget,
            (Optional, None),
            Phase::Sip,
            2,
        ),
        (
            &[Then::Close, Then::Serve],
            budget,
            (Optional, None),
            Phase::Sip,
            2,
        ),
        (
            &[Then::Reset, Then::Serve],
            budget,
            (Optional, None),
            Phase::Sip,
            2,
        ),
        (
            &[Then::Cut],
            budget,
            (Required, Some(Reason::ClientCertificateRequired)),
            Phase::ServerFlight,
            2,
        ),
        (
            &[Then::Cut, Then::Close],
            budget,
            (Unknown, Some(Reason::SipClosed)),
            Phase::Handshake,
            2,
        ),
        (
            &[Then::Close, Then::Cut],
            budget,
            (Unknown, Some(Reason::SipClosed)),
            Phase::Handshake,
            2,
        ),
        // Without a connection left to repeat it, it is an end and no more.
        (
            &[Then::Cut],
            1,
            (Unknown, Some(Reason::ConnectionReset)),
            Phase::ServerFlight,
            1,
        ),
    ] {
        let address = start_with(ClientCertificates::Optional, thens).await;
        let visit = Visit::to(address)
            .timeout(Duration::from_millis(1500))
            .connections_per_hour(budget);
        let seen = tokio::task::spawn_blocking(move || visit.make_one())
            .await
            .unwrap();
        assert_eq!(outcome(&seen), expected, "{thens:?}: {:?}", seen.error);
        assert_eq!(
            (seen.phase_reached, seen.connections_opened),
            (Some(reached), opened),
            "{thens:?}"
        );
    }
}

/// Nor is there a second visit where the time is over before it could begin.
#[tokio::test]
async fn an_end_without_an_alert_is_not_repeated_past_the_deadline() {
    let address = start_with(ClientCertificates::Optional, &[Then::Cut]).await;
    let visit = Visit::to(address)
        .timeout(Duration::from_millis(1500))
        .spacing(Duration::from_secs(10));
    let seen = tokio::task::spawn_blocking(move || visit.make_one())
        .await
        .unwrap();
    assert_eq!(
        outcome(&seen),
        (ClientCertificateMode::Unknown, Some(Reason::ConnectionReset))
    );
    assert_eq!(seen.connections_opened, 1);
    let evidence = &seen.handshake.unwrap().client_certificate.evidence;
    assert!(evidence.contains("seen once"), "{evidence}");
}

/// The same holds for a certificate that was presented: it is presented once more, and then nothing is known of it.
#[tokio::test]
async fn an_end_without_a_word_right_after_a_certificate_refuses_nothing_either() {
    for then in [Then::Close, Then::Reset] {
        let address = start(ClientCertificates::Optional, then).await;
        let visit = Visit::to(address)
            .timeout(Duration::from_millis(1500))
            .spacing(Duration::ZERO)
            .rehearsing(&[RealPki::shared().identity(Role::ClientBothEkus)]);
        let seen = tokio::task::spawn_blocking(move || visit.make_one())
            .await
            .unwrap();
        let attempts = &seen.rehearsal.unwrap().attempts;
        let [without, with] = attempts.as_slice() else {
            panic!("expected two attempts, found {attempts:?}");
        };
        assert_eq!(
            (without.result, with.result),
            (AttemptResult::Unknown, AttemptResult::Unknown)
        );
        assert!(with.completed && with.alert.is_none(), "{with:?}");
        let error = with.error.as_ref().unwrap();
        assert_eq!(error.reason, Reason::SipClosed);
        assert!(error.message.ends_with("got one"), "{error}");
        // Both are repeated.
        assert_eq!(seen.connections_opened, 4, "{then:?}");
    }
}

/// A certificate is refused by an end without an alert that came twice, not by one and something else.
#[tokio::test]
async fn one_end_without_an_alert_refuses_no_certificate() {
    use AttemptResult::{Accepted, Refused, Unknown};
    for (thens, expected) in [
        ([Then::Serve, Then::Cut, Then::Cut], Refused),
        ([Then::Serve, Then::Cut, Then::Serve], Accepted),
        ([Then::Serve, Then::Hang, Then::Cut], Unknown),
        ([Then::Serve, Then::Close, Then::Cut], Unknown),
    ] {
        let address = start_with(ClientCertificates::Optional, &thens).await;
        let visit = Visit::to(address)
            .timeout(Duration::from_millis(1500))
            .spacing(Duration::ZERO)
            .rehearsing(&[RealPki::shared().identity(Role::ClientBothEkus)]);
        let seen = tokio::task::spawn_blocking(move || visit.make_one())
            .await
            .unwrap();
        let with = &seen.rehearsal.unwrap().attempts[1];
        assert_eq!(with.result, expected, "{thens:?}: {}", with.evidence);
        assert_eq!(seen.connections_opened, 3, "{thens:?}");
    }
}

/// A stunnel that merely asks resets the connection when nobody listens behind it.
#[test]
fn a_proxy_without_a_backend_does_not_insist_on_a_certificate() {
    let nobody = Port::lease();
    let server = Stunnel::start(
        RealPki::shared().identity(Role::Good),
        ClientAuth::Optional,
        nobody.address(),
    );
    let seen = Visit::to(siptls_e2e::Peer::address(&server)).make_one();
    assert_eq!(
        outcome(&seen),
        (ClientCertificateMode::Unknown, Some(Reason::SipClosed)),
        "{:?}",
        seen.error
    );
}

#[tokio::test]
async fn a_protocol_violation_right_after_the_handshake_refuses_nothing() {
    let pki = Pki::new(clock::now()).unwrap();
    for flood in [Flood::EmptyRecords, Flood::Warnings, Flood::HelloRequests] {
        let mut config = ServerConfig::new(pki.credentials(Chain::Good));
        config.client_certificates = ClientCertificates::Optional;
        config.twist = Some(Twist::Flood(flood));
        let served = Served::start(ANY_PORT, Behaviour::Tls(Arc::new(config)))
            .await
            .unwrap();
        let seen = visit(served.address()).await;
        assert_eq!(
            outcome(&seen),
            (ClientCertificateMode::Unknown, Some(Reason::ProtocolViolation)),
            "{flood:?}"
        );
    }
}

#[tokio::test]
async fn a_refusal_after_a_while_counts_when_it_speaks_of_certificates() {
    for (alert, mode, reason) in [
        (
            AlertDescription::CERTIFICATE_REQUIRED,
            ClientCertificateMode::Required,
            Reason::ClientCertificateRequired,
        ),
        (
            AlertDescription::BAD_CERTIFICATE,
            ClientCertificateMode::Required,
            Reason::ClientCertificateRequired,
        ),
        (
            AlertDescription::INTERNAL_ERROR,
            ClientCertificateMode::Optional,
            Reason::SipClosed,
        ),
    ] {
        let asks = ClientCertificates::Required(Refusal::Late(alert));
        let seen = visit(start(asks, Then::Late).await).await;
        assert_eq!(outcome(&seen), (mode, Some(reason)), "{alert}: {:?}", seen.error);
    }
}

/// The little time that a slow handshake leaves is not the endpoint's silence towards OPTIONS alone.
#[tokio::test]
async fn a_visit_says_how_much_of_its_time_was_left_for_options() {
    let pki = Pki::new(clock::now()).unwrap();
    let mut config = ServerConfig::new(pki.credentials(Chain::Good));
    config.sip = Sip::Silent;
    let served = Served::start(ANY_PORT, Behaviour::Tls(Arc::new(config)))
        .await
        .unwrap();
    let seen = visit(served.address()).await;
    let error = seen.error.unwrap();
    assert_eq!(error.reason, Reason::SipTimeout);
    assert!(
        error.message.ends_with("then the visit's 1.5 s were over"),
        "{}",
        error.message
    );
}
