//! The replay server answers the recorded flight to everybody.

use crate::support::{byoc, pki};
use siptls_lab::{Chain, Replay, ServerConfig, recorded_flight};
use siptls_tls12::{Client, Event, Plan};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

#[test]
fn every_connection_gets_the_same_flight() {
    let pki = pki();
    let config = Arc::new(ServerConfig::new(pki.credentials(Chain::Good)));
    let flight = recorded_flight(config, &byoc(), Some("sbc.example.test"));
    let replay = Replay::start(3, flight.clone()).unwrap();
    assert_eq!(replay.addresses().len(), 3);
    for round in 0..30 {
        let address = replay.addresses()[round % 3];
        let mut stream = TcpStream::connect(address).unwrap();
        let plan = Plan {
            offer: Arc::new(byoc()),
            server_name: None,
            identity: None,
            finish: false,
        };
        let mut client = Client::new(plan, siptls_tls12::random());
        stream.write_all(&client.take_output()).unwrap();
        let mut buffer = [0; 4096];
        let event = loop {
            let count = stream.read(&mut buffer).unwrap();
            assert!(count > 0);
            client.handle_input(&buffer[..count]);
            if let Some(event) = client.poll_event() {
                break event;
            }
        };
        assert_eq!(event, Event::FlightRead);
        assert_eq!(client.evidence(), flight);
        client.close();
        stream.write_all(&client.take_output()).unwrap();
        assert_eq!(stream.read(&mut buffer).unwrap(), 0);
    }
}

#[test]
fn an_offer_that_is_refused_records_the_alert() {
    let pki = pki();
    let config = Arc::new(ServerConfig {
        suites: vec![],
        ..ServerConfig::new(pki.credentials(Chain::Good))
    });
    assert_eq!(recorded_flight(config, &byoc(), None), [21, 3, 3, 0, 2, 2, 40]);
}
