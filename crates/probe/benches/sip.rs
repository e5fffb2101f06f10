//! Cost of the SIP part of one probe: build the request, read one answer, match it.
//!
//! `cargo bench -p siptls-probe-engine --bench sip`; the aim is below 10 µs.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that prints one number"
)]

use std::hint::black_box;
use std::time::Instant;

use siptls_probe_engine::sip::{Event, Exchange, Host, Nonce, OptionsRequest, SentBy, harness};

const ROUNDS: u32 = 200_000;

fn main() {
    let answer = include_bytes!("../tests/fixtures/sip/kamailio_5_6_3.sip");
    let begin = Instant::now();
    for _ in 0..ROUNDS {
        let host = Host::parse(black_box("sbc.example.test")).unwrap();
        let local = SentBy::from_address(([192, 0, 2, 9], 40000).into());
        black_box(OptionsRequest::new(
            &host,
            5061,
            &local,
            &Nonce::random().unwrap(),
        ));
    }
    println!("build   {:>8.2?}", begin.elapsed() / ROUNDS);

    let request = harness::fixed_request();
    for (name, size) in [("whole", answer.len()), ("by byte", 1)] {
        let begin = Instant::now();
        for _ in 0..ROUNDS {
            let mut exchange = Exchange::new(&request);
            let mut found = None;
            for piece in black_box(answer).chunks(size) {
                exchange.handle_bytes(piece);
                found = exchange.poll_event().unwrap();
            }
            assert!(matches!(found, Some(Event::Answer(_))));
        }
        println!("read {name:<8} {:>8.2?}", begin.elapsed() / ROUNDS);
    }
}
