//! The demonstration's endpoints do what they say.

use crate::support::{byoc, client};
use siptls_lab::{ANY_PORT, Behaviour, Demonstration, Lab, LabError, Served};
use siptls_model::{Verdict, clock};
use siptls_tls12::{Client, Event, Failure};
use siptls_wire::{AlertDescription, CipherSuite, Error};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A handshake as BYOC Cloud would make it; every event until something ends it or it is finished.
async fn visit(address: SocketAddr, deadline: Duration) -> (Client, Vec<Event>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut client = client(byoc(), None);
    let mut events = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    let talk = async {
        loop {
            stream.write_all(&client.take_output()).await.unwrap();
            events.extend(std::iter::from_fn(|| client.poll_event()));
            if matches!(events.last(), Some(Event::Finished | Event::Failed(_))) {
                return;
            }
            match stream.read(&mut buffer).await.unwrap() {
                0 => client.handle_end(false),
                count => client.handle_input(&buffer[..count]),
            }
        }
    };
    // The silent endpoint is known by this.
    let _ = timeout(deadline, talk).await;
    (client, events)
}

#[tokio::test]
async fn each_endpoint_does_what_it_says() {
    let lab = Lab::start(clock::now()).await.unwrap();
    assert_eq!(lab.endpoints.len(), Demonstration::ALL.len());
    let mut names = Vec::new();
    for endpoint in &lab.endpoints {
        let deadline = Duration::from_millis(if endpoint.name == "silent" { 200 } else { 20_000 });
        let (client, events) = visit(endpoint.address, deadline).await;
        let finished = events.contains(&Event::Finished);
        let failure = match events.last() {
            Some(Event::Failed(failure)) => Some(failure.clone()),
            _ => None,
        };
        let alert = client.alert().map(|alert| alert.description);
        let asked = client.transcript().certificate_request.is_some();
        let length = client.transcript().certificates.as_ref().map_or(0, Vec::len);
        let suite = client
            .transcript()
            .server_hello
            .as_ref()
            .map(|hello| hello.cipher_suite);
        let name = endpoint.name;
        assert_eq!(asked, name.contains("client-certificate"), "{name}");
        match name {
            "requires-client-certificate" => assert_eq!(alert, Some(AlertDescription::HANDSHAKE_FAILURE)),
            "p256-only" => {
                assert_eq!(alert, Some(AlertDescription::HANDSHAKE_FAILURE));
                assert_eq!(suite, None);
            }
            "static-rsa-cbc" => assert_eq!(suite, Some(CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA256)),
            "incomplete-chain" => assert_eq!(length, 1),
            "plain-sip" => assert!(
                matches!(failure, Some(Failure::Wire(Error::NotTls { .. }))),
                "{failure:?}"
            ),
            "silent" => assert!(events.is_empty()),
            _ => assert_eq!(length, 2, "{name}"),
        }
        let refuses = ["requires-client-certificate", "p256-only", "plain-sip", "silent"].contains(&name);
        assert_eq!(finished, !refuses, "{name}: {events:?}");
        assert_eq!((endpoint.accepted(), endpoint.most_open()), (1, 1), "{name}");
        names.push(name);
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), lab.endpoints.len());
    for verdict in Verdict::ALL {
        assert!(
            lab.endpoints.iter().any(|endpoint| endpoint.expected == verdict),
            "{verdict}"
        );
    }

    let addresses: Vec<_> = lab.endpoints.iter().map(|endpoint| endpoint.address).collect();
    lab.shutdown().await;
    for address in addresses {
        assert!(TcpStream::connect(address).await.is_err(), "{address}");
    }
}

#[tokio::test]
async fn nothing_but_loopback_is_listened_on() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:5061", "[::ffff:0:0]:0"] {
        let refused = Served::start(address.parse().unwrap(), Behaviour::Silent).await;
        let message = refused.unwrap_err().to_string();
        assert!(
            message.starts_with("expected a loopback address for an endpoint of the lab, found "),
            "{message}"
        );
    }
    let first = Served::start(ANY_PORT, Behaviour::Silent).await.unwrap();
    let second = Served::start(first.address(), Behaviour::Silent).await;
    assert!(matches!(second, Err(LabError::Bind { .. })));
}
