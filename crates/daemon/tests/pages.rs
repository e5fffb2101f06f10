//! The pages as text: order, filters, pages of a large fleet, what costs nothing when nothing changed.

mod common;

use common::{Configuration, Daemon, Play, Script, plan};
use siptls_model::{ClientCertificateMode, Reason, Target};
use std::sync::Arc;
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3_600);

/// Names of the targets that a page shows, in its order.
fn names(page: &str) -> Vec<&str> {
    let cells = page.split("scope=\"rowgroup\"").skip(1);
    cells
        .map(|cell| {
            let rest = cell.split_once("<bdi>").unwrap().1;
            rest.split_once("</bdi>").unwrap().0
        })
        .collect()
}

/// `a` fails in its resolution, `b` answers at two addresses, `c` asks for a certificate, `d` is not visited.
async fn fleet() -> (Daemon, Script) {
    let script = Script::of(&[
        ("a", Play::Refuse(Reason::NameNotFound)),
        (
            "b",
            Play::Answer(vec!["192.0.2.1:5061", "[2001:db8::1]:5061"], Duration::ZERO),
        ),
        ("d", Play::Hang),
    ]);
    script.ask("c", ClientCertificateMode::Required);
    let mut plan = plan(&["a", "b", "c", "d"], HOUR);
    let target = Arc::make_mut(&mut plan.targets[1].target);
    target.labels.insert("site".to_owned(), "ham & co".to_owned());
    target.labels.insert("team".to_owned(), "voice".to_owned());
    let daemon = Daemon::start(Configuration::new(plan).load(), script.clone()).await;
    daemon
        .until("four addresses seen", |samples| {
            samples.iter().filter(|sample| sample.name == "siptls_up").count() == 4
        })
        .await;
    (daemon, script)
}

#[tokio::test]
async fn rows_are_sorted_filtered_and_kept_together() {
    let (daemon, _) = fleet().await;
    let index = daemon.get("/").await.text();
    assert_eq!(names(&index).len(), 4, "{index}");
    assert!(index.contains("rowspan=\"2\""), "{index}");
    for (query, expected) in [
        ("?sort=target", &["a", "b", "c", "d"][..]),
        ("?sort=target&order=reversed", &["d", "c", "b", "a"]),
        ("?verdict=none", &["d"]),
        ("?label=site%3Dham+%26+co", &["b"]),
        ("?label=team", &["b"]),
        ("?label=team&label=site%3Dfra", &[]),
        ("?q=2001%3ADB8", &["b"]),
        ("?q=HAM+%26", &["b"]),
        ("?q=sbc.example&sort=target", &["a", "b", "c", "d"]),
        ("?q=%3Cscript%3E", &[]),
        (
            "?sort=nonsense&page=-1&verdict=%00&label=%3D&order=x&x=y",
            &names(&index),
        ),
        ("?page=18446744073709551615", &names(&index)),
    ] {
        let answer = daemon.get(&format!("/{query}")).await;
        assert_eq!(answer.status, 200, "{query}");
        assert_eq!(names(&answer.text()), expected, "{query}");
    }
    let page = daemon
        .get("/?sort=target&q=a%22%3E%3Cscript%3E&label=x%27%3D%3C")
        .await
        .text();
    assert!(page.contains("value=\"a&quot;&gt;&lt;script&gt;\""), "{page}");
    assert!(page.contains("No target matches."), "{page}");
    assert_eq!(page.matches("<script").count(), 1, "{page}");
    let sorted = daemon.get("/?sort=target").await.text();
    assert_eq!(sorted.matches("aria-sort=\"ascending\"").count(), 1, "{sorted}");
    // A row alone of a target with two: what the filter leaves.
    let one = daemon.get("/?q=192.0.2.1").await.text();
    assert!(!one.contains("rowspan"), "{one}");
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn a_page_begins_with_what_to_do_and_compares_addresses() {
    let (daemon, _) = fleet().await;
    let index = daemon.get("/").await.text();
    assert!(
        index.contains("for a client certificate and until when that works is not known"),
        "{index}"
    );
    let page = daemon.get("/targets/c").await.text();
    for part in [
        "section class=\"verdict",
        "Whose turn",
        "date not known",
        "siptls-probe check sbc.example.test --profile genesys-byoc-customer",
        "openssl s_client -connect 192.0.2.1:5061",
        "href=\"../api/v1/reports/c\"",
        "href=\"../?label=site%3Dfra\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("Addresses compared"), "{page}");
    let two = daemon.get("/targets/b").await.text();
    for part in [
        "Addresses compared",
        "id=\"at-_5b2001_3adb8_3a_3a1_5d_3a5061\"",
        "--connect &#39;[2001:db8::1]:5061&#39;",
        "200 &lt;script&gt;alert(1)&lt;/script&gt;",
    ] {
        assert!(two.contains(part), "{part}: {two}");
    }
    let away = daemon.get("/targets/a").await.text();
    assert!(
        away.contains("Whoever configured the target must act: check the spelling"),
        "{away}"
    );
    let waiting = daemon.get("/targets/d").await.text();
    assert!(
        waiting.contains("The first visit has not ended yet.") && waiting.contains("siptls-probe check"),
        "{waiting}"
    );
    for page in [index, page, two, away, waiting] {
        for forbidden in [
            " style=",
            "javascript:",
            " onclick",
            "data:",
            "<style",
            "http-equiv",
        ] {
            assert!(!page.contains(forbidden), "{forbidden}: {page}");
        }
    }
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn an_unchanged_page_is_not_made_again() {
    let (daemon, script) = fleet().await;
    let tag = |answer: &common::Answer| answer.header("etag").unwrap().to_owned();
    for path in ["/", "/?sort=target", "/targets/a", "/targets/b"] {
        // A minute may end between two questions; not between many.
        let mut known = tag(&daemon.get(path).await);
        let mut answer = daemon.get_with(path, &format!("If-None-Match: {known}")).await;
        for _ in 0..3 {
            if answer.status == 200 {
                known = tag(&answer);
                answer = daemon
                    .get_with(path, &format!("If-None-Match: \"x\", {known}"))
                    .await;
            }
        }
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{path}");
        assert_eq!(tag(&answer), known, "{path}");
        assert_eq!(daemon.get_with(path, "If-None-Match: W/\"0\"").await.status, 200);
    }
    let (all, b) = (tag(&daemon.get("/").await), tag(&daemon.get("/targets/b").await));
    script.set("b", Play::Refuse(Reason::ConnectionRefused));
    let mut changed = plan(&["a", "b", "c", "d"], HOUR);
    let target = Arc::make_mut(&mut changed.targets[1].target);
    *target = Target {
        interval: Duration::from_secs(3_599),
        ..target.clone()
    };
    // Another configuration is another page.
    let other = Daemon::start(Configuration::new(changed).load(), script).await;
    other
        .until("the configuration", |samples| {
            samples
                .iter()
                .any(|sample| sample.name == "siptls_targets" && sample.value == 4.0)
        })
        .await;
    for (path, known) in [("/", all), ("/targets/b", b)] {
        let answer = other.get_with(path, &format!("If-None-Match: {known}")).await;
        assert_eq!(answer.status, 200, "{path}");
    }
    other.stop().await.unwrap();
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn ten_thousand_targets_are_pages_of_a_hundred() {
    let owned: Vec<String> = (0..10_000).map(|number| format!("target-{number:05}")).collect();
    let all: Vec<&str> = owned.iter().map(String::as_str).collect();
    let daemon = Daemon::start(Configuration::new(plan(&all, HOUR)).load(), Script::default()).await;
    daemon
        .until("the configuration", |samples| {
            samples
                .iter()
                .any(|sample| sample.name == "siptls_targets" && sample.value == 10_000.0)
        })
        .await;
    let began = Instant::now();
    let first = daemon.get("/?sort=target").await;
    let took = began.elapsed();
    let text = first.text();
    assert_eq!(names(&text), &all[..100]);
    assert!(first.body.len() < 200_000, "{} bytes", first.body.len());
    // Unoptimised and beside other tests; a page of all of them would take many times as long.
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(
        text.contains("1 to 100 of 10000 targets") && text.contains("<a href=\"?sort=target&page=100\""),
        "{text}"
    );
    let last = daemon.get("/?sort=target&page=100").await.text();
    assert_eq!(names(&last), &all[9_900..]);
    assert!(last.contains("aria-current=\"page\""));
    let beyond = daemon.get("/?sort=target&page=101").await.text();
    assert_eq!(names(&beyond), &all[9_900..]);
    let found = daemon.get("/?q=target-0777&sort=target").await.text();
    assert_eq!(names(&found), &all[7_770..7_780]);
    daemon.stop().await.unwrap();
}
