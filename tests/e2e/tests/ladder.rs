//! The bytes of a handshake and what they mean: our dissection against tshark's, and the daemon's page against what passed on the
//! wire.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;

use serde_json::json;
use siptls_e2e::{
    Binary, ClientAuth, DEADLINE, Direction, GnutlsServer, Kamailio, OpensslServer, Peer, Pki, Port, Proxy,
    Recording, Role, Tshark, Visit, http_get, until,
};
use siptls_wire::dissect::{self, PartKind, Role as FieldRole};

/// A field: what tshark calls it, what we call it, whether it is the length of what we call so.
#[rustfmt::skip]
const FIELDS: &[(&str, &[&str], bool)] = &[
    ("tls.handshake.type", &["msg_type"], false),
    ("tls.handshake.version", &["client_version", "server_version"], false),
    ("tls.handshake.random", &["random"], false),
    ("tls.handshake.session_id_length", &["session_id"], true),
    ("tls.handshake.session_id", &["session_id"], false),
    ("tls.handshake.cipher_suites_length", &["cipher_suites"], true),
    ("tls.handshake.ciphersuite", &["cipher_suite"], false),
    ("tls.handshake.comp_methods_length", &["compression_methods"], true),
    ("tls.handshake.comp_method", &["compression_method"], false),
    ("tls.handshake.extensions_length", &["extensions"], true),
    ("tls.handshake.extension.type", &["extension_type"], false),
    ("tls.handshake.extension.len", &["extension_data"], true),
    ("tls.handshake.extensions_server_name_list_len", &["server_name_list"], true),
    ("tls.handshake.extensions_server_name_type", &["name_type"], false),
    ("tls.handshake.extensions_server_name_len", &["host_name"], true),
    ("tls.handshake.extensions_server_name", &["host_name"], false),
    ("tls.handshake.extensions_supported_groups_length", &["named_group_list"], true),
    ("tls.handshake.extensions_supported_group", &["named_group"], false),
    ("tls.handshake.extensions_ec_point_formats_length", &["ec_point_format_list"], true),
    ("tls.handshake.extensions_ec_point_formats", &["ec_point_format"], false),
    ("tls.handshake.extensions_reneg_info_len", &["renegotiated_connection"], true),
    ("tls.handshake.sig_hash_alg_len", &["supported_signature_algorithms"], true),
    ("tls.handshake.sig_hash_alg", &["algorithm"], false),
    ("tls.handshake.certificates_length", &["certificate_list"], true),
    ("tls.handshake.certificate_length", &["certificate"], true),
    ("tls.handshake.certificate", &["certificate"], false),
    ("tls.handshake.server_curve_type", &["curve_type"], false),
    ("tls.handshake.server_named_curve", &["namedcurve"], false),
    ("tls.handshake.server_point_len", &["public"], true),
    ("tls.handshake.server_point", &["public"], false),
    ("tls.handshake.sig_len", &["signature"], true),
    ("tls.handshake.sig", &["signature"], false),
    ("tls.handshake.cert_types_count", &["certificate_types"], true),
    ("tls.handshake.cert_types", &["certificate_type"], false),
    ("tls.handshake.dnames_len", &["certificate_authorities"], true),
    ("tls.handshake.dname_len", &["distinguished_name"], true),
];

/// Places by name, as tshark calls it.
type Places = BTreeMap<&'static str, BTreeSet<(usize, usize)>>;

fn tsharks(tshark: &Tshark, filter: &str) -> Places {
    let mut places = Places::new();
    for (found, offset, size) in tshark.places(filter) {
        if let Some((name, ..)) = FIELDS.iter().find(|(name, ..)| *name == found) {
            places.entry(name).or_default().insert((offset, size));
        }
    }
    places
}

fn ours(bytes: &[u8]) -> Places {
    let mut places = Places::new();
    for part in dissect::stream(bytes) {
        assert_eq!(part.fault, None);
        for field in part.fields.iter().filter(|_| part.kind != PartKind::RecordHeader) {
            let is_length = match field.role {
                FieldRole::Length => true,
                FieldRole::Value => false,
                _ => continue,
            };
            let called = FIELDS
                .iter()
                .find(|(_, names, length)| names.contains(&field.name) && *length == is_length);
            if let Some((name, ..)) = called {
                let place = (part.position(field.offset), field.length);
                places.entry(name).or_default().insert(place);
            }
        }
    }
    places
}

fn record_headers(bytes: &[u8]) -> BTreeSet<(usize, usize)> {
    let parts = dissect::stream(bytes).into_iter();
    let headers = parts.filter(|part| part.kind == PartKind::RecordHeader);
    headers.map(|header| (header.position(0), 1)).collect()
}

/// What one side said before the other answered.
fn first_turn(recording: &Recording, side: Direction) -> Vec<u8> {
    let turn = recording.pieces.iter().skip_while(|(from, _)| *from != side);
    turn.take_while(|(from, _)| *from == side)
        .flat_map(|(_, bytes)| bytes.clone())
        .collect()
}

fn agrees(address: SocketAddr, least: usize) {
    let proxy = Proxy::to(address);
    let observation = Visit::to(proxy.address()).make_one();
    let recordings = proxy.await_closed(1);
    let hello = first_turn(&recordings[0], Direction::FromClient);
    let flight = first_turn(&recordings[0], Direction::FromServer);
    assert_eq!(
        *observation.hello, hello,
        "what is kept of our side is what was sent"
    );
    assert!(
        observation.flight.starts_with(&flight),
        "and of the endpoint's what came"
    );
    assert!(observation.answered);

    let tshark = Tshark::of_whole(&recordings);
    let mut compared = 0;
    for (bytes, filter) in [
        (&hello, "tls.handshake.type == 1"),
        (&flight, "tls.handshake.type == 2"),
    ] {
        let (theirs, ours) = (tsharks(&tshark, filter), ours(bytes));
        for (name, places) in &ours {
            assert_eq!(theirs.get(name), Some(places), "{name}");
            compared += places.len();
        }
        assert_eq!(theirs.keys().collect::<Vec<_>>(), ours.keys().collect::<Vec<_>>());
        let headers = tshark.places(filter).into_iter();
        let headers = headers.filter(|(name, ..)| name == "tls.record.content_type");
        let headers: BTreeSet<_> = headers.map(|(_, offset, size)| (offset, size)).collect();
        assert_eq!(headers, record_headers(bytes));
    }
    assert!(compared >= least, "{compared} places were compared");
}

#[test]
fn tshark_finds_every_field_where_we_do_at_openssl() {
    let server = OpensslServer::new(Pki::shared().identity(Role::Good))
        .ciphers("ECDHE-RSA-AES256-GCM-SHA384")
        .groups("P-384")
        .client_auth(ClientAuth::Optional)
        .start();
    agrees(server.address(), 85);
}

#[test]
fn tshark_finds_every_field_where_we_do_at_gnutls() {
    let identity = Pki::shared().identity(Role::Good);
    let server = GnutlsServer::start(identity, "NORMAL:-VERS-TLS1.3", ClientAuth::Optional);
    agrees(server.address(), 85);
}

#[test]
fn tshark_finds_every_field_where_we_do_at_kamailio() {
    let server = Kamailio::start(Pki::shared().identity(Role::Good), None, ClientAuth::Optional);
    agrees(server.address(), 80);
}

/// What a row of a table shows.
struct Shown {
    offset: usize,
    first: Vec<u8>,
    left_out: usize,
    last: Vec<u8>,
}

/// The rows of the tables of a page.
fn rows(html: &str) -> Vec<Shown> {
    let bytes = |text: &str| {
        let pairs = text.split_whitespace();
        pairs
            .map(|pair| u8::from_str_radix(pair, 16).expect("a byte"))
            .collect::<Vec<u8>>()
    };
    let rows = html.split("<tr><td>").skip(1).filter_map(|row| {
        let (offset, rest) = row.split_once("</td><td class=\"deep-")?;
        let (rest, _) = rest.split_once("</td></tr>")?;
        let (_, shown) = rest.rsplit_once("<td>")?;
        let (first, rest) = shown
            .split_once(" <span class=\"soft\">… ")
            .unwrap_or((shown, "0 more …</span>"));
        let (left_out, last) = rest.split_once(" more …</span>").expect("how many are left out");
        Some(Shown {
            offset: usize::from_str_radix(offset, 16).expect("an offset"),
            first: bytes(first),
            left_out: left_out.parse().expect("a number"),
            last: bytes(last),
        })
    });
    rows.collect()
}

/// Marks what the tables of one side show, which must be what passed.
fn covered(tables: &str, passed: &[u8]) -> usize {
    let mut shown = vec![false; passed.len()];
    for row in rows(tables) {
        let mut at = row.offset;
        for (bytes, left_out) in [(row.first, row.left_out), (row.last, 0)] {
            let end = at + bytes.len();
            assert_eq!(passed.get(at..end), Some(bytes.as_slice()), "at {at:04x}");
            shown[at..end + left_out].fill(true);
            at = end + left_out;
        }
    }
    assert!(shown.iter().all(|shown| *shown), "a byte has no row");
    shown.len()
}

fn page_shows_the_wire(address: SocketAddr) {
    let proxy = Proxy::to(address);
    let folder = tempfile::tempdir().expect("make a folder");
    let file = folder.path().join("siptls-probe.yaml");
    let configuration = json!({
        "probe": {"interval": "1h", "timeout": "5s"},
        "targets": [{
            "name": "sbc",
            "endpoint": "sbc.example.test",
            "connect": proxy.address().to_string(),
            "trust_anchors": Pki::shared().root(),
            "depth": "routine",
        }],
    });
    fs::write(&file, configuration.to_string()).expect("write a configuration");
    let port = Port::lease();
    let (path, listen) = (file.display().to_string(), port.address().to_string());
    let arguments = ["run", "--config.file", &path, "--web.listen-address", &listen];
    let _daemon = Binary::find().start(folder, &arguments).listening(port.number());
    let page = until("the target's page to have its ladder", DEADLINE, || {
        let page = http_get(port.address(), "/targets/sbc").ok()?.body;
        page.contains("<ol class=\"ladder\"").then_some(page)
    });
    let recordings = proxy.recordings();
    let ladder = page.split_once("<ol class=\"ladder\"").expect("a ladder").1;
    let (ours, theirs) = ladder.split_once("<li class=\"rung in").expect("an answer");
    let hello = first_turn(&recordings[0], Direction::FromClient);
    assert_eq!(covered(ours, &hello), hello.len());
    // The flight, and behind it what came in clear text once we had answered.
    let came = recordings[0].bytes(Direction::FromServer);
    let parts = dissect::stream(&came);
    let end = parts
        .iter()
        .position(|part| part.kind == PartKind::ChangeCipherSpec);
    let end = end
        .map(|index| parts[index].position(0) + 1)
        .expect("the keys change");
    assert_eq!(covered(theirs, &came[..end]), end);
    assert!(
        theirs.contains("ECDHE on secp384r1") && theirs.contains("asks for a client certificate"),
        "{theirs}"
    );
    assert!(page.contains("<svg class=\"chain-picture\""));
    for link in page.split("href=\"#").skip(1) {
        let (anchor, _) = link.split_once('"').expect("an anchor");
        assert!(
            page.contains(&format!("id=\"{anchor}\"")),
            "#{anchor} leads nowhere"
        );
    }
    let randoms = Tshark::of(&recordings[..1]).values("tls.handshake.random", "tls.handshake.random");
    assert_eq!(randoms.len(), 2);
    for random in randoms {
        let shown = random.replace(':', "");
        let pairs: Vec<String> = shown
            .as_bytes()
            .chunks(2)
            .map(|pair| String::from_utf8_lossy(pair).into_owned())
            .collect();
        assert!(page.contains(&pairs.join(" ")), "{random} as tshark read it");
    }
}

#[test]
fn the_page_shows_the_bytes_that_passed_to_and_from_openssl() {
    let server = OpensslServer::new(Pki::shared().identity(Role::Good))
        .ciphers("ECDHE-RSA-AES256-GCM-SHA384")
        .groups("P-384")
        .client_auth(ClientAuth::Optional)
        .start();
    page_shows_the_wire(server.address());
}

#[test]
fn the_page_shows_the_bytes_that_passed_to_and_from_gnutls() {
    let identity = Pki::shared().identity(Role::Good);
    let server = GnutlsServer::start(
        identity,
        "NORMAL:-VERS-TLS1.3:-RSA:-GROUP-ALL:+GROUP-SECP384R1",
        ClientAuth::Optional,
    );
    page_shows_the_wire(server.address());
}
