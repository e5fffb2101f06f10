//! From names to places, in a network of the test's own: SRV, both families, addresses that disagree, a resolver that
//! changes. The real program, a real name server, real peers on the real port.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use siptls_e2e::{
    Binary, ClientAuth, DEADLINE, Finished, Identity, Kamailio, Leaf, Namespace, OpensslRig, OpensslServer,
    Peer, Pki, Proxy, Role, Running, Tshark, finish, until,
};

const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 53);
const PORT: u16 = 5061;
const ONE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const TWO: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
const THREE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 4));
const SIX: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// The name that [`Role::Good`] is for.
const HOST: &str = "sbc.example.test";

/// A namespace, and a name server that knows these records of `example.test` and that nothing else is there.
fn network(records: &str) -> (Namespace, Running) {
    let namespace = Namespace::new(NAME_SERVER);
    let server = namespace.name_server(NAME_SERVER, &format!("local=/example.test/\n{records}"));
    (namespace, server)
}

fn good() -> &'static Identity {
    Pki::shared().identity(Role::Good)
}

/// An OpenSSL server that finishes handshakes and answers OPTIONS with what is no SIP.
fn openssl(identity: &Identity) -> OpensslRig {
    OpensslServer::new(identity).reversing()
}

fn at(host: IpAddr) -> SocketAddr {
    SocketAddr::new(host, PORT)
}

fn check(namespace: &Namespace, arguments: &[&str]) -> Finished {
    let root = Pki::shared().root().display().to_string();
    let all = [
        &[
            "check",
            "--format",
            "json",
            "--depth",
            "routine",
            "--trust-anchors",
            &root,
        ],
        arguments,
    ];
    finish(
        &mut namespace.enter(&Binary::find().command(&all.concat())),
        b"",
        DEADLINE,
    )
}

fn reports(finished: &Finished) -> Vec<Value> {
    let document: Value = serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("expected JSON, found {error}: {finished:?}"));
    document["reports"].as_array().expect("reports").clone()
}

/// Where each report went: SRV target, address, reason.
fn places(reports: &[Value]) -> Vec<(Option<&str>, Option<&str>, Option<&str>)> {
    reports
        .iter()
        .map(|report| {
            (
                report["target"]["srv"]["target"].as_str(),
                report["target"]["address"].as_str(),
                report["error"]["reason"].as_str(),
            )
        })
        .collect()
}

fn finding<'a>(report: &'a Value, id: &str) -> &'a Value {
    let checks = report["checks"].as_array().expect("checks");
    checks
        .iter()
        .find(|check| check["id"] == id)
        .unwrap_or_else(|| panic!("expected {id} in {checks:?}"))
}

fn text<'a>(finding: &'a Value, field: &str) -> &'a str {
    finding[field].as_str().expect("a text")
}

/// A daemon inside a namespace that visits `sbc.example.test` every second.
struct Daemon<'a> {
    namespace: &'a Namespace,
    address: SocketAddr,
    running: Running,
}

impl<'a> Daemon<'a> {
    fn start(namespace: &'a Namespace) -> Self {
        let folder = tempfile::tempdir().expect("make a folder");
        let file = folder.path().join("siptls-probe.yaml");
        let configuration = json!({
            "probe": {"interval": "1s", "timeout": "1s", "survey_interval": "off"},
            "targets": [{"name": "sbc", "endpoint": HOST, "trust_anchors": Pki::shared().root()}],
        });
        fs::write(&file, configuration.to_string()).expect("write a configuration");
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 10_061);
        let (path, listen) = (file.display().to_string(), address.to_string());
        let arguments = ["run", "--config.file", &path, "--web.listen-address", &listen];
        let command = namespace.enter(&Binary::find().command(&arguments));
        let running = Running::start("siptls-probe", folder, command).listening_at(address);
        Self {
            namespace,
            address,
            running,
        }
    }

    fn get(&self, path: &str) -> String {
        self.namespace.get(self.address, path)
    }

    fn reports(&self) -> Vec<Value> {
        let document: Value = serde_json::from_str(&self.get("/api/v1/reports/sbc")).expect("JSON");
        document["reports"].as_array().expect("reports").clone()
    }

    fn await_addresses(&self, expected: &[&str]) -> Vec<Value> {
        until(&format!("reports of {expected:?}"), DEADLINE, || {
            let reports = self.reports();
            let addresses: Vec<Option<&str>> = reports
                .iter()
                .map(|report| report["target"]["address"].as_str())
                .collect();
            let wanted: Vec<Option<&str>> = expected.iter().map(|address| Some(*address)).collect();
            (addresses == wanted).then_some(()).map(|()| reports)
        })
    }
}

/// Two priorities, two ports on one machine and a dead one, in `check` and in the daemon.
#[test]
fn srv_targets_are_visited_in_order_each_on_its_port() {
    let (namespace, _names) = network(
        "srv-host=_sips._tcp.sbc.example.test,live.example.test,5061,20,5\n\
         srv-host=_sips._tcp.sbc.example.test,live.example.test,5071,20,1\n\
         srv-host=_sips._tcp.sbc.example.test,dead.example.test,5061,10,0\n\
         srv-host=_sips._tcp.sbc.example.test,gone.example.test,5061,30,0\n\
         srv-host=_sips._tcp.sbc.example.test,lost.example.test,5062,30,0\n\
         host-record=dead.example.test,127.0.0.2\nhost-record=live.example.test,127.0.0.3\n\
         host-record=sbc.example.test,127.0.0.4\n",
    );
    let _live = openssl(good()).start_in(&namespace, at(TWO));
    let _other = openssl(good()).start_in(&namespace, SocketAddr::new(TWO, 5071));
    // Where nobody is to go, since the service has records.
    let host_itself = openssl(good()).start_in(&namespace, at(THREE));

    let finished = check(&namespace, &[HOST]);
    let seen = reports(&finished);
    assert_eq!(
        places(&seen),
        [
            (
                Some("dead.example.test"),
                Some("127.0.0.2:5061"),
                Some("connection_refused")
            ),
            (Some("live.example.test"), Some("127.0.0.3:5061"), Some("not_sip")),
            (Some("live.example.test"), Some("127.0.0.3:5071"), Some("not_sip")),
            (Some("gone.example.test"), None, Some("name_not_found")),
            (Some("lost.example.test"), None, Some("name_not_found")),
        ]
    );
    assert_eq!(finished.code, Some(3), "{finished:?}");
    assert_eq!(
        seen[2]["target"]["srv"],
        json!({"owner": "_sips._tcp.sbc.example.test", "priority": 20, "weight": 1,
               "target": "live.example.test", "port": 5071})
    );
    // The names stay the host's, the port the endpoint's.
    for report in &seen {
        assert_eq!(report["target"]["port"], 5061);
        assert_eq!(report["target"]["server_name"], HOST);
    }
    assert_eq!(finding(&seen[1], "server-name-matches")["status"], "pass");
    let agreement = finding(&seen[1], "addresses-agree");
    assert_eq!(agreement["status"], "pass", "{agreement}");
    assert!(
        text(agreement, "evidence")
            .contains("127.0.0.2:5061 (connection_refused), gone.example.test:5061 (name_not_found)"),
        "{agreement}"
    );
    assert!(
        !host_itself.log().contains("CONNECTION ESTABLISHED"),
        "{}",
        host_itself.log()
    );

    let daemon = Daemon::start(&namespace);
    until("five reports", DEADLINE, || {
        (daemon.reports().len() == 5).then_some(())
    });
    assert_eq!(places(&daemon.reports()), places(&seen));
    let metrics = daemon.get("/metrics");
    for (address, up) in [
        ("127.0.0.2:5061", 0),
        ("127.0.0.3:5061", 1),
        ("127.0.0.3:5071", 1),
        ("gone.example.test:5061", 0),
        ("lost.example.test:5062", 0),
    ] {
        let series = format!(
            "siptls_up{{target=\"sbc\",address=\"{address}\",profile=\"genesys-byoc-customer\"}} {up}\n"
        );
        assert!(metrics.contains(&series), "expected {series} in {metrics}");
    }
    assert_eq!(siptls_e2e::check_metrics(&metrics), Ok(()));
    let page = daemon.get("/targets/sbc");
    assert!(
        page.contains("_sips._tcp.sbc.example.test SRV 20 1 5071 live.example.test"),
        "{page}"
    );
}

#[test]
fn a_domain_that_says_it_offers_no_service_is_believed() {
    let (namespace, _names) =
        network("srv-host=_sips._tcp.sbc.example.test\nhost-record=sbc.example.test,127.0.0.2\n");
    let server = openssl(good()).start_in(&namespace, at(ONE));
    let finished = check(&namespace, &[HOST]);
    let seen = reports(&finished);
    assert_eq!(places(&seen), [(None, None, Some("name_not_found"))]);
    let message = seen[0]["error"]["message"].as_str().expect("a message");
    assert!(message.contains("offers no SIPS service"), "{message}");
    assert!(!server.log().contains("CONNECTION ESTABLISHED"));
    // With the port the operator says that there is one.
    let seen = reports(&check(&namespace, &["sbc.example.test:5061"]));
    assert_eq!(places(&seen), [(None, Some("127.0.0.2:5061"), Some("not_sip"))]);
}

/// Both families of one SRV target; its certificate is for the target's own name, as a load balancer's is.
#[test]
fn both_families_of_an_srv_target_are_visited() {
    let (namespace, _names) = network(
        "srv-host=_sips._tcp.trunk.example.test,sbc.example.test,5061,10,5\n\
         host-record=sbc.example.test,127.0.0.2,::1\n",
    );
    let servers = [ONE, SIX].map(|host| openssl(good()).start_in(&namespace, at(host)));
    let seen = reports(&check(&namespace, &["trunk.example.test"]));
    assert_eq!(
        places(&seen),
        [
            (Some(HOST), Some("127.0.0.2:5061"), Some("not_sip")),
            (Some(HOST), Some("[::1]:5061"), Some("not_sip")),
        ]
    );
    for (report, server) in seen.iter().zip(&servers) {
        assert_eq!(report["handshake"]["completed"], true, "{report}");
        assert!(
            server.log().contains("CONNECTION ESTABLISHED"),
            "{}",
            server.log()
        );
        let names = finding(report, "server-name-matches");
        assert_eq!(names["status"], "warn");
        assert_eq!(
            names["summary"],
            "Only the SRV target's name sbc.example.test is covered; a strict caller (RFC 5922) refuses it"
        );
        assert_eq!(report["chain"]["name_match"]["webpki"], false);
        assert_eq!(finding(report, "addresses-agree")["status"], "pass");
    }
}

#[test]
fn both_families_of_a_host_without_srv_are_visited() {
    let (namespace, names) = network("host-record=sbc.example.test,127.0.0.2,::1\n");
    let servers = [ONE, SIX].map(|host| openssl(good()).start_in(&namespace, at(host)));
    let expected = [
        (None, Some("127.0.0.2:5061"), Some("not_sip")),
        (None, Some("[::1]:5061"), Some("not_sip")),
    ];
    assert_eq!(places(&reports(&check(&namespace, &[HOST]))), expected);
    assert!(
        names.log().contains("query[SRV] _sips._tcp.sbc.example.test"),
        "{}",
        names.log()
    );
    for server in &servers {
        assert!(
            server.log().contains("CONNECTION ESTABLISHED"),
            "{}",
            server.log()
        );
    }
    let daemon = Daemon::start(&namespace);
    let seen = daemon.await_addresses(&["127.0.0.2:5061", "[::1]:5061"]);
    assert_eq!(places(&seen), expected);
    assert_eq!(seen[0]["target"]["srv"], Value::Null);
}

/// The server refuses to speak of SRV: of what it has no records it knows nothing.
#[test]
fn a_refused_srv_look_up_leads_to_the_host_itself() {
    let namespace = Namespace::new(NAME_SERVER);
    let names = namespace.name_server(NAME_SERVER, "host-record=sbc.example.test,127.0.0.2,::1\n");
    let _servers = [ONE, SIX].map(|host| openssl(good()).start_in(&namespace, at(host)));
    let seen = reports(&check(&namespace, &[HOST]));
    assert_eq!(
        places(&seen),
        [
            (None, Some("127.0.0.2:5061"), Some("not_sip")),
            (None, Some("[::1]:5061"), Some("not_sip")),
        ]
    );
    assert!(names.log().contains("is REFUSED"), "{}", names.log());
    let daemon = Daemon::start(&namespace);
    daemon.await_addresses(&["127.0.0.2:5061", "[::1]:5061"]);
    let log = daemon.running.log();
    assert!(
        log.contains("SRV look-up failed, the host itself is visited"),
        "{log}"
    );
}

/// The third of three addresses is another each time; what it is shows in `check` and in the daemon.
#[test]
fn addresses_that_disagree_are_told_apart() {
    let (namespace, _names) = network(
        "host-record=sbc.example.test,127.0.0.2\nhost-record=sbc.example.test,127.0.0.3\n\
         host-record=sbc.example.test,127.0.0.4\n",
    );
    let _same = [ONE, TWO].map(|host| openssl(good()).start_in(&namespace, at(host)));
    let folder = tempfile::tempdir().expect("make a folder");
    let usages = Pki::shared().issue(
        folder.path(),
        "usages",
        &Leaf::named(HOST).purposes("serverAuth,clientAuth"),
    );
    let cases: [(OpensslRig, &str, &str); 3] = [
        (
            openssl(good()).client_auth(ClientAuth::Optional),
            "request for a client certificate",
            "127.0.0.4:5061: asks for a client certificate",
        ),
        (
            openssl(&usages),
            "extended key usage",
            "127.0.0.2:5061: for serverAuth; 127.0.0.3:5061: for serverAuth; 127.0.0.4:5061: for clientAuth, serverAuth",
        ),
        (
            openssl(good()).ciphers("AES128-GCM-SHA256"),
            "negotiated suite",
            "127.0.0.4:5061: TLS_RSA_WITH_AES_128_GCM_SHA256",
        ),
    ];
    for (odd, what, evidence) in cases {
        let _odd = odd.start_in(&namespace, at(THREE));
        let seen = reports(&check(&namespace, &[HOST]));
        assert_eq!(seen.len(), 3, "{what}");
        let daemon = Daemon::start(&namespace);
        let daemons = daemon.await_addresses(&["127.0.0.2:5061", "127.0.0.3:5061", "127.0.0.4:5061"]);
        for report in seen.iter().chain(&daemons) {
            let agreement = finding(report, "addresses-agree");
            assert_eq!(agreement["status"], "fail", "{what}: {agreement}");
            let summary = text(agreement, "summary");
            assert!(
                summary.starts_with("127.0.0.4:5061 differs from the 2 other addresses in: ")
                    && summary.contains(what),
                "{summary}"
            );
            assert!(text(agreement, "evidence").contains(evidence), "{agreement}");
        }
    }
    // An address that accepts less, found by a survey.
    let _odd = openssl(good())
        .ciphers("ECDHE-RSA-AES256-GCM-SHA384")
        .start_in(&namespace, at(THREE));
    let root = Pki::shared().root().display().to_string();
    let arguments = ["check", "--format", "json", "--trust-anchors", &root, HOST];
    let finished = finish(
        &mut namespace.enter(&Binary::find().command(&arguments)),
        b"",
        DEADLINE * 2,
    );
    let seen = reports(&finished);
    let agreement = finding(&seen[0], "addresses-agree");
    assert!(
        text(agreement, "summary").contains("accepted suites")
            && text(agreement, "evidence").contains("refuses TLS_RSA_WITH_AES_128_GCM_SHA256"),
        "{agreement}"
    );
}

/// Two nodes, each with its own certificate and key; Kamailio answers OPTIONS.
#[test]
fn kamailio_nodes_that_are_alike_agree_in_spite_of_two_certificates() {
    let (namespace, _names) =
        network("host-record=sbc.example.test,127.0.0.2\nhost-record=sbc.example.test,127.0.0.3\n");
    let folder = tempfile::tempdir().expect("make a folder");
    let second = Pki::shared().issue(
        folder.path(),
        "node",
        &Leaf::named("node2.example.test").alternative_names("DNS:node2.example.test,DNS:sbc.example.test"),
    );
    let _nodes = [
        Kamailio::start_in(&namespace, good(), at(ONE)),
        Kamailio::start_in(&namespace, &second, at(TWO)),
    ];
    let finished = check(&namespace, &[HOST]);
    let seen = reports(&finished);
    assert_eq!((seen.len(), finished.code), (2, Some(0)), "{finished:?}");
    for report in &seen {
        assert_eq!(report["verdict"], "pass", "{report}");
        let agreement = finding(report, "addresses-agree");
        assert_eq!(
            (text(agreement, "status"), text(agreement, "summary")),
            ("pass", "All 2 addresses look alike, with 2 certificates")
        );
        for identity in [good(), &second] {
            assert!(
                text(agreement, "evidence").contains(&fingerprint(&identity.certificate)),
                "{agreement}"
            );
        }
    }
}

/// SHA-256 of a certificate, as openssl prints it, in lower case without colons.
fn fingerprint(certificate: &Path) -> String {
    let mut command = std::process::Command::new("openssl");
    command
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
        .arg(certificate);
    let output = siptls_e2e::complete(&mut command);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, print) = text.trim().split_once('=').expect("a fingerprint");
    print.replace(':', "").to_lowercase()
}

#[test]
fn a_daemon_follows_a_change_of_its_resolver() {
    let (namespace, _names) = network("host-record=sbc.example.test,127.0.0.2\n");
    let other = Ipv4Addr::new(127, 0, 0, 54);
    let _others = namespace.name_server(
        other,
        "local=/example.test/\nhost-record=sbc.example.test,127.0.0.3\n",
    );
    let _servers = [ONE, TWO].map(|host| openssl(good()).start_in(&namespace, at(host)));
    let daemon = Daemon::start(&namespace);
    daemon.await_addresses(&["127.0.0.2:5061"]);
    namespace.use_name_server(other);
    daemon.await_addresses(&["127.0.0.3:5061"]);
    let log = daemon.running.log();
    assert!(
        log.contains("the resolver's files changed and were read again"),
        "{log}"
    );
    // No name server at all cannot be used: the one before goes on.
    namespace.use_no_name_server();
    until("the log to say so", DEADLINE, || {
        daemon
            .running
            .log()
            .contains("cannot be used, the former ones stay in use")
            .then_some(())
    });
    daemon.await_addresses(&["127.0.0.3:5061"]);
}

/// Who is called, whose certificate is expected and what is dialled are three things. The server has one certificate for
/// the name it is asked for and another for everybody else, and prints what it reads.
#[test]
fn connect_server_name_and_endpoint_stand_for_three_things() {
    let pki = Pki::shared();
    let server = OpensslServer::new(pki.identity(Role::WrongName))
        .argument("-servername")
        .argument(HOST)
        .argument("-cert2")
        .argument(&good().certificate.display().to_string())
        .argument("-key2")
        .argument(&good().key.display().to_string())
        .start();
    let proxy = Proxy::to(server.address());
    let (root, dialled) = (pki.root().display().to_string(), proxy.address().to_string());
    let common = [
        "check",
        "--format",
        "json",
        "--depth",
        "routine",
        "--timeout",
        "2s",
        "--trust-anchors",
        &root,
        "--connect",
        &dialled,
    ];
    let ask = |more: &[&str]| {
        let arguments = [&common[..], more].concat();
        let finished = finish(&mut Binary::find().command(&arguments), b"", DEADLINE);
        reports(&finished).remove(0)
    };
    let seen = ask(&["--server-name", HOST, "sips:trunk.example.test"]);
    assert_eq!(seen["target"]["endpoint"], "sips:trunk.example.test:5061");
    assert_eq!(seen["target"]["address"], dialled.as_str());
    assert_eq!(seen["target"]["server_name"], HOST);
    assert_eq!(seen["target"]["srv"], Value::Null);
    let names = finding(&seen, "server-name-matches");
    assert_eq!(names["summary"], "The certificate is for sbc.example.test");
    server.await_printed("OPTIONS sip:trunk.example.test:5061;transport=tls SIP/2.0");
    server.await_printed("To: <sip:trunk.example.test>");

    // Without it the endpoint's host is all of it but the address.
    let seen = ask(&["sips:other.example.test:5071"]);
    assert_eq!(seen["target"]["server_name"], "other.example.test");
    assert_eq!(
        finding(&seen, "server-name-matches")["summary"],
        "The certificate is for other.example.test"
    );
    server.await_printed("OPTIONS sip:other.example.test:5071;transport=tls SIP/2.0");

    let tshark = Tshark::of(&proxy.await_closed(2));
    let sni = tshark.values("tls.handshake.type == 1", "tls.handshake.extensions_server_name");
    assert_eq!(sni, [HOST, "other.example.test"]);
    assert!(!server.log().contains(&format!("sip:{HOST}")), "{}", server.log());
}

/// A machine's own word for a host needs no name server.
#[test]
fn a_name_of_the_hosts_file_is_visited_without_a_name_server() {
    let namespace = Namespace::new(NAME_SERVER);
    namespace.know(HOST, ONE);
    let _server = openssl(good()).start_in(&namespace, at(ONE));
    for endpoint in [HOST, "sbc.example.test:5061"] {
        let seen = reports(&check(&namespace, &["--timeout", "2s", endpoint]));
        assert_eq!(
            places(&seen),
            [(None, Some("127.0.0.2:5061"), Some("not_sip"))],
            "{endpoint}"
        );
    }
}

/// A name server that does not answer costs half of the time at most, and says so.
#[test]
fn without_a_name_server_a_visit_ends_in_time_and_says_why() {
    let namespace = Namespace::new(NAME_SERVER);
    let finished = check(&namespace, &["--timeout", "2s", HOST]);
    let seen = reports(&finished);
    assert_eq!(places(&seen).len(), 1);
    assert_eq!(seen[0]["error"]["phase"], "resolve");
    assert_eq!(seen[0]["error"]["who"], "path", "{}", seen[0]["error"]);
    assert!(finished.duration < Duration::from_secs(10), "{finished:?}");
}
