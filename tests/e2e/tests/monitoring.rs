//! Prometheus and promtool, against an exposition written here.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;

use siptls_e2e::{Prometheus, check_metrics};

const EXPOSITION: &str = "# HELP demo_up Whether it is up.\n# TYPE demo_up gauge\ndemo_up{target=\"a\"} 1\n";

#[test]
fn prometheus_scrapes_and_answers() {
    let target = exposition();
    let prometheus = Prometheus::scraping(target);
    let series = prometheus.await_query("demo_up");
    assert_eq!(series[0]["metric"]["target"], "a");
    assert_eq!(prometheus.value("demo_up{target=\"a\"}"), Some(1.0));
    assert_eq!(prometheus.value("absent_metric"), None);
    assert_eq!(prometheus.value("up{job=\"siptls\"}"), Some(1.0));
    let targets = prometheus.api("targets");
    assert_eq!(targets["activeTargets"][0]["health"], "up", "{targets}");
}

#[test]
fn promtool_accepts_good_style_and_refuses_bad() {
    assert_eq!(check_metrics(EXPOSITION), Ok(()));
    let style = check_metrics("# HELP demo_total Counts.\n# TYPE demo_total gauge\ndemo_total 1\n")
        .expect_err("bad style");
    assert!(style.contains("demo_total"), "{style}");
    let syntax = check_metrics("demo{ 1\n").expect_err("bad syntax");
    assert!(syntax.contains("error while linting"), "{syntax}");
}

/// A web server that knows one page.
fn exposition() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind the exposition");
    let address = listener.local_addr().expect("the exposition has an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = write!(
                stream,
                "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\r\n{EXPOSITION}"
            );
        }
    });
    address
}
