//! Look-ups answered by a name server of the test's own, on loopback.

use super::*;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::{Message, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{Name, Record, RecordType};
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::net::UdpSocket;

/// What the name server says to a question: records, or a response code; nothing at all: silence.
type Answer = Option<Result<Vec<RData>, ResponseCode>>;

/// A resolver whose only name server answers by `answer`; names come without the trailing dot.
async fn resolver(answer: impl Fn(&str, RecordType) -> Answer + Send + 'static) -> TokioResolver {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut connection = ConnectionConfig::udp();
    connection.port = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut buffer = [0; 1_024];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let question = Message::from_vec(&buffer[..length]).unwrap();
            let query: Query = question.queries[0].clone();
            let name = query.name().to_ascii();
            let Some(answer) = answer(name.trim_end_matches('.'), query.query_type()) else {
                continue;
            };
            let mut response = question.into_response();
            match answer {
                Ok(records) => {
                    let records = records.into_iter();
                    response
                        .add_answers(records.map(|data| Record::from_rdata(query.name().clone(), 60, data)));
                }
                Err(code) => response.metadata.response_code = code,
            }
            socket.send_to(&response.to_vec().unwrap(), from).await.unwrap();
        }
    });
    let server = NameServerConfig::new(Ipv4Addr::LOCALHOST.into(), true, vec![connection]);
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let mut options = ResolverOpts::default();
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        .with_options(options)
        .build()
        .unwrap()
}

fn srv(priority: u16, weight: u16, port: u16, target: &str) -> RData {
    RData::SRV(SRV::new(
        priority,
        weight,
        port,
        Name::from_ascii(target).unwrap(),
    ))
}

fn a(last: u8) -> RData {
    RData::A(Ipv4Addr::new(192, 0, 2, last).into())
}

fn target(endpoint: &str, timeout: Duration) -> Target {
    Target {
        timeout,
        ..Target::new("a", endpoint.parse().unwrap(), "p")
    }
}

/// Places as text: `target→address` or `target→reason`.
fn shown(places: &[Place]) -> Vec<String> {
    places
        .iter()
        .map(|place| {
            let srv = place.srv.as_ref().map_or("-", |srv| &srv.target);
            match &place.address {
                Ok(address) => format!("{srv}→{address}"),
                Err(error) => format!("{srv}→{}", error.reason),
            }
        })
        .collect()
}

const TIMEOUT: Duration = Duration::from_secs(20);

async fn found(endpoint: &str, answer: impl Fn(&str, RecordType) -> Answer + Send + 'static) -> Vec<Place> {
    let resolver = resolver(answer).await;
    places(&resolver, &target(endpoint, TIMEOUT), Instant::now()).await
}

const SERVICE: &str = "_sips._tcp.example.test";

#[tokio::test]
async fn targets_are_visited_by_priority_then_weight_then_name_each_on_its_port() {
    let places = found("example.test", |name, kind| {
        Some(match (name, kind) {
            (SERVICE, RecordType::SRV) => Ok(vec![
                srv(20, 0, 5061, "backup.example.test."),
                srv(10, 5, 5061, "light.example.test."),
                srv(10, 50, 5062, "B.example.test."),
                srv(10, 50, 5061, "a.example.test."),
            ]),
            ("backup.example.test", RecordType::A) => Ok(vec![a(9), a(3)]),
            ("light.example.test", RecordType::A) => Err(ResponseCode::NXDomain),
            ("b.example.test", RecordType::A) => Ok(vec![a(2)]),
            ("a.example.test", RecordType::A) => Ok(vec![a(2)]),
            ("a.example.test", RecordType::AAAA) => Ok(vec![RData::AAAA("2001:db8::1".parse().unwrap())]),
            _ => Ok(Vec::new()),
        })
    })
    .await;
    assert_eq!(
        shown(&places),
        [
            "a.example.test→192.0.2.2:5061",
            "a.example.test→[2001:db8::1]:5061",
            "b.example.test→192.0.2.2:5062",
            "light.example.test→name_not_found",
            "backup.example.test→192.0.2.3:5061",
            "backup.example.test→192.0.2.9:5061",
        ]
    );
    let first = places[0].srv.as_ref().unwrap();
    assert_eq!((&*first.owner, first.priority, first.weight), (SERVICE, 10, 50));
    let message = &places[3].address.as_ref().unwrap_err().message;
    assert!(
        message.contains(SERVICE) && message.contains("light.example.test"),
        "{message}"
    );
}

#[tokio::test]
async fn an_address_of_two_records_is_visited_once_through_the_first() {
    let places = found("example.test", |name, kind| {
        Some(match (name, kind) {
            (SERVICE, _) => Ok(vec![
                srv(2, 0, 5061, "b.example.test."),
                srv(1, 0, 5061, "a.example.test."),
                srv(1, 0, 5061, "a.example.test."),
            ]),
            (_, RecordType::A) => Ok(vec![a(1)]),
            _ => Ok(Vec::new()),
        })
    })
    .await;
    assert_eq!(shown(&places), ["a.example.test→192.0.2.1:5061"]);
}

#[tokio::test]
async fn a_domain_that_offers_no_service_is_not_visited() {
    let places = found("example.test", |name, kind| {
        Some(match (name, kind) {
            (SERVICE, RecordType::SRV) => Ok(vec![srv(0, 0, 0, ".")]),
            _ => Ok(vec![a(1)]),
        })
    })
    .await;
    assert_eq!(shown(&places), ["-→name_not_found"]);
    let message = &places[0].address.as_ref().unwrap_err().message;
    assert!(message.contains("offers no SIPS service"), "{message}");
}

/// No record, or a resolver that does not do such questions: the host itself, at 5061. A failure, or silence about SRV
/// alone: nowhere, for the host itself may be another machine.
#[tokio::test]
async fn without_a_record_the_host_itself_is_visited_and_without_an_answer_nothing_is() {
    const HOST: &str = "-→192.0.2.7:5061";
    let answers: [(Answer, &str); 7] = [
        (Some(Ok(Vec::new())), HOST),
        (Some(Err(ResponseCode::NXDomain)), HOST),
        (Some(Err(ResponseCode::Refused)), HOST),
        (Some(Err(ResponseCode::NotImp)), HOST),
        (Some(Err(ResponseCode::FormErr)), HOST),
        (Some(Err(ResponseCode::ServFail)), "-→resolve_failed"),
        (None, "-→resolve_timeout"),
    ];
    for (to_srv, expected) in answers {
        let timeout = Duration::from_secs(2);
        let case = format!("{to_srv:?}");
        let resolver = resolver(move |_, kind| match kind {
            RecordType::SRV => to_srv.clone(),
            RecordType::A => Some(Ok(vec![a(7)])),
            _ => Some(Ok(Vec::new())),
        })
        .await;
        let start = Instant::now();
        let places = places(&resolver, &target("example.test", timeout), start).await;
        assert_eq!(shown(&places), [expected], "{case}");
        assert!(start.elapsed() < timeout, "{case}");
        if let Err(error) = &places[0].address {
            let message = &error.message;
            assert!(
                message.starts_with("the question for `_sips._tcp.example.test` SRV was not answered (")
                    && message.ends_with("write the port, `example.test:5061`, to visit the host itself"),
                "{message}"
            );
        }
    }
}

#[tokio::test]
async fn a_port_or_an_address_asks_for_no_service() {
    for (endpoint, expected) in [
        ("example.test:5061", "-→192.0.2.7:5061"),
        ("example.test:5071", "-→192.0.2.7:5071"),
    ] {
        let places = found(endpoint, |_, kind| match kind {
            RecordType::SRV => Some(Ok(vec![srv(0, 0, 5099, "other.example.test.")])),
            RecordType::A => Some(Ok(vec![a(7)])),
            _ => Some(Ok(Vec::new())),
        })
        .await;
        assert_eq!(shown(&places), [expected]);
    }
}

#[tokio::test]
async fn records_and_addresses_are_bounded() {
    let places = found("example.test", |name, kind| {
        Some(match (name, kind) {
            (SERVICE, _) => Ok((0..20)
                .map(|n| srv(n, 0, 5061, &format!("t{n:02}.test.")))
                .collect()),
            ("t00.test", RecordType::A) => Ok((1..=4).map(a).collect()),
            _ => Ok(Vec::new()),
        })
    })
    .await;
    assert_eq!(places.len(), MAX_ADDRESSES);
    assert_eq!(shown(&places)[4], "t01.test→name_not_found");
    assert_eq!(shown(&places)[15], "t12.test→name_not_found");
}

/// What is beyond the limits costs no work: an answer is cut before it is compared, and nothing is added past the limit.
#[tokio::test]
async fn long_answers_are_cut_before_they_are_compared() {
    let resolver = resolver(|_, kind| {
        Some(Ok(match kind {
            RecordType::A => (1..=60).map(a).collect(),
            _ => Vec::new(),
        }))
    })
    .await;
    let deadline = Instant::now() + TIMEOUT;
    let found = addresses(&resolver, "example.test", "example.test.".to_owned(), deadline).await;
    let found = found.unwrap();
    assert_eq!(found.len(), ENOUGH);
    assert_eq!(found[16], IpAddr::from([192, 0, 2, 17]));

    let mut places = Vec::new();
    for third in 0..16 {
        let answer = (0..=255).map(|last| IpAddr::from([192, 0, third, last]));
        add(None, 5061, Ok(answer.collect()), &mut places);
    }
    assert_eq!(places.len(), ENOUGH);
}

/// One target whose name servers are silent costs its own place, and no other's time.
#[tokio::test]
async fn a_silent_target_keeps_no_other_back() {
    let unprintable = Name::from_labels([b"sbc\x1b".as_slice(), b"test"]).unwrap();
    let resolver = resolver(move |name, kind| match (name, kind) {
        (SERVICE, _) => Some(Ok(vec![
            srv(1, 0, 5061, "silent.example.test."),
            RData::SRV(SRV::new(2, 0, 5061, unprintable.clone())),
            srv(3, 0, 5061, "b.example.test."),
        ])),
        ("silent.example.test", _) => None,
        ("b.example.test", RecordType::A) => Some(Ok(vec![a(1)])),
        _ => Some(Ok(Vec::new())),
    })
    .await;
    let places = places(
        &resolver,
        &target("example.test", Duration::from_secs(1)),
        Instant::now(),
    )
    .await;
    let shown = shown(&places);
    assert_eq!(shown[0], "silent.example.test→resolve_timeout");
    assert!(
        shown[1].starts_with("sbc") && shown[1].ends_with("→resolve_failed") && !shown[1].contains('\u{1b}'),
        "{shown:?}"
    );
    assert_eq!(shown[2], "b.example.test→192.0.2.1:5061");
}

#[tokio::test]
async fn an_address_in_ipv6_clothes_is_the_address_that_it_holds() {
    let target = Target::new("a", "[::ffff:192.0.2.1]:5071".parse().unwrap(), "");
    let places = Lookup::default().places(&target, Instant::now()).await;
    let found: Vec<_> = places
        .iter()
        .map(|place| *place.address.as_ref().unwrap())
        .collect();
    assert_eq!(found, ["192.0.2.1:5071".parse().unwrap()]);
}
