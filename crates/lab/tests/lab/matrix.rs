//! Every suite of the client against the lab's server, in memory.

use crate::support::{Pair, byoc, client, offer, pki};
use siptls_lab::{Chain, ClientCertificates, Order, Refusal, Server, ServerConfig, ServerEvent};
use siptls_tls12::{Client, Event, Failure, Plan, SentCertificate, Suite};
use siptls_wire::{AlertDescription, KeyExchange, NamedGroup};
use std::sync::Arc;

const GROUPS: [NamedGroup; 4] = [
    NamedGroup::SECP256R1,
    NamedGroup::SECP384R1,
    NamedGroup::SECP521R1,
    NamedGroup::X25519,
];

fn chain_for(suite: &Suite) -> Chain {
    if suite.exchange == KeyExchange::EcdheEcdsa {
        Chain::Ecdsa
    } else {
        Chain::Good
    }
}

/// What is offered with a group: an EC leaf's own curve must be among them.
fn groups_for(suite: &Suite, group: NamedGroup) -> Vec<NamedGroup> {
    let mut groups = vec![group];
    if suite.exchange == KeyExchange::EcdheEcdsa && group != NamedGroup::SECP256R1 {
        groups.push(NamedGroup::SECP256R1);
    }
    groups
}

#[test]
fn every_suite_finishes_with_every_group_client_certificate_and_master_secret() {
    let pki = pki();
    let rsa = pki.credentials(Chain::Good);
    let ecdsa = pki.credentials(Chain::Ecdsa);
    let required = ClientCertificates::Required(Refusal::Alert(AlertDescription::HANDSHAKE_FAILURE));
    let modes = [
        (ClientCertificates::NotRequested, Some(&rsa), None),
        (ClientCertificates::Optional, None, Some(SentCertificate::Empty)),
        (
            ClientCertificates::Optional,
            Some(&ecdsa),
            Some(SentCertificate::Chain),
        ),
        (required, Some(&rsa), Some(SentCertificate::Chain)),
    ];
    let mut count = 0;
    for suite in Suite::ALL {
        let groups = if suite.exchange.is_ecdhe() {
            GROUPS.as_slice()
        } else {
            &GROUPS[..1]
        };
        for &group in groups {
            for (client_certificates, credentials, sent) in modes {
                for extended in [true, false] {
                    let config = ServerConfig {
                        suites: vec![suite.id],
                        order: Order::Client,
                        client_certificates,
                        extended_master_secret: extended,
                        secure_renegotiation: extended,
                        ..ServerConfig::new(pki.credentials(chain_for(suite)))
                    };
                    let identity = credentials.map(|credentials| credentials.identity());
                    let client = client(offer(&[suite.id], &groups_for(suite, group)), identity);
                    let mut pair = Pair::new(client, config);
                    pair.run();
                    let what = format!("{} {group} {client_certificates:?} {extended}", suite.id);
                    assert_eq!(pair.client_events, [Event::FlightRead, Event::Finished], "{what}");
                    assert_eq!(pair.client.extended_master_secret(), extended, "{what}");
                    assert_eq!(pair.client.sent_certificate(), sent, "{what}");
                    assert_eq!(
                        pair.client.transcript().group(),
                        suite.exchange.is_ecdhe().then_some(group),
                        "{what}"
                    );
                    let presented = match sent {
                        Some(SentCertificate::Chain) => identity.map(|identity| identity.chain().to_vec()),
                        _ => None,
                    };
                    let client_chain = presented.unwrap_or_default();
                    assert_eq!(
                        pair.server_events,
                        [ServerEvent::Finished { client_chain }],
                        "{what}"
                    );

                    let (up, down) = (vec![1; 20_000], b"200".to_vec());
                    pair.client.send(&up);
                    pair.server.send(&down);
                    pair.server.close();
                    pair.run();
                    assert_eq!(pair.client_events[2], Event::Data(down), "{what}");
                    assert_eq!(
                        pair.client_events[3],
                        Event::Closed {
                            notified: true,
                            reset: false
                        },
                        "{what}"
                    );
                    count += 1;
                }
            }
        }
    }
    assert_eq!(count, (6 + 12 * 4) * 4 * 2);
}

#[test]
fn data_arrives_whole_however_it_is_cut() {
    let pki = pki();
    for suite in Suite::ALL {
        let config = ServerConfig {
            suites: vec![suite.id],
            client_certificates: ClientCertificates::Optional,
            ..ServerConfig::new(pki.credentials(chain_for(suite)))
        };
        let identity = pki.credentials(Chain::Good);
        let groups = groups_for(suite, NamedGroup::SECP384R1);
        let mut pair = Pair::new(
            client(offer(&[suite.id], &groups), Some(identity.identity())),
            config,
        );
        pair.run_in_steps(1);
        assert_eq!(
            pair.client_events,
            [Event::FlightRead, Event::Finished],
            "{}",
            suite.id
        );
        // One byte more than a record holds; and lengths around the block of the ciphers.
        for length in (1..=33).chain([16_384, 16_385, 40_000]) {
            pair.client_events.clear();
            pair.server_events.clear();
            let data: Vec<u8> = (0..=255).cycle().take(length).collect();
            pair.client.send(&data);
            pair.server.send(&data);
            pair.run_in_steps(1000);
            let down: Vec<u8> = pair
                .client_events
                .iter()
                .flat_map(|event| match event {
                    Event::Data(data) => data.clone(),
                    other => panic!("{other:?}"),
                })
                .collect();
            let up: Vec<u8> = pair
                .server_events
                .iter()
                .flat_map(|event| match event {
                    ServerEvent::Data(data) => data.clone(),
                    other => panic!("{other:?}"),
                })
                .collect();
            assert!(down == data && up == data, "{} {length}", suite.id);
        }
    }
}

/// The server's bytes end after each of them, in the flight and after it: the client says so and
/// keeps the evidence that was whole.
#[test]
fn a_stream_cut_anywhere_is_an_ended_handshake() {
    let pki = pki();
    let config = Arc::new(ServerConfig::new(pki.credentials(Chain::Good)));
    let plan = Plan {
        offer: Arc::new(byoc()),
        server_name: None,
        identity: None,
        finish: true,
    };
    let mut first = Client::new(plan.clone(), [7; 32]);
    let mut server = Server::new(Arc::clone(&config));
    server.handle_input(&first.take_output());
    let flight = server.take_output();
    for cut in 0..flight.len() {
        for reset in [false, true] {
            let mut client = Client::new(plan.clone(), [7; 32]);
            client.handle_input(&flight[..cut]);
            assert_eq!(client.poll_event(), None, "cut at {cut}");
            client.handle_end(reset);
            assert_eq!(
                client.poll_event(),
                Some(Event::Failed(Failure::Ended { reset })),
                "cut at {cut}"
            );
            assert_eq!(client.poll_event(), None, "cut at {cut}");
            assert!(flight[..cut].starts_with(client.evidence()), "cut at {cut}");
        }
    }
    first.handle_input(&flight);
    server.handle_input(&first.take_output());
    let length = server.take_output().len();
    assert!(length > 40, "{length}");
    for cut in 0..length {
        let mut pair = Pair::new(client(byoc(), None), ServerConfig::clone(&config));
        pair.server.handle_input(&pair.client.take_output());
        pair.client.handle_input(&pair.server.take_output());
        pair.server.handle_input(&pair.client.take_output());
        pair.client.handle_input(&pair.server.take_output()[..cut]);
        pair.client.handle_end(true);
        let events: Vec<_> = std::iter::from_fn(|| pair.client.poll_event()).collect();
        assert_eq!(
            events,
            [Event::FlightRead, Event::Failed(Failure::Ended { reset: true })],
            "cut at {cut}"
        );
    }
}
