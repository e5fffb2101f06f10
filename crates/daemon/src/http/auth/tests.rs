use super::*;
use siptls_config::load_web;
use std::net::Ipv4Addr;

/// Users with these passwords, of a cost.
fn users(cost: u32, passwords: &[(&str, &str)]) -> BTreeMap<String, PasswordHash> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yaml");
    let lines = passwords.iter().map(|(name, password)| {
        let hash = bcrypt::hash_with_salt(password, cost, *b"fedcba9876543210").unwrap();
        format!("  {name}: '{hash}'\n")
    });
    std::fs::write(&file, format!("basic_auth_users:\n{}", lines.collect::<String>())).unwrap();
    load_web(&file).unwrap().users
}

fn header(credentials: &str) -> HeaderValue {
    format!("Basic {}", STANDARD.encode(credentials)).parse().unwrap()
}

fn origin(number: u32) -> Origin {
    Origin::of(Ipv4Addr::from(number).into())
}

async fn ask(
    passwords: &Passwords,
    users: &BTreeMap<String, PasswordHash>,
    credentials: &str,
    from: u32,
) -> Login {
    passwords
        .login(users, Some(&header(credentials)), origin(from))
        .await
}

#[tokio::test]
async fn a_name_that_nobody_has_costs_as_much() {
    let users = users(9, &[("alice", "wonderland"), ("bob", "builder")]);
    let passwords = Passwords::new().unwrap();
    let mut fastest = [Duration::MAX; 2];
    for from in 0..4 {
        for (fastest, credentials) in fastest.iter_mut().zip(["alice:mirror", "carol:mirror"]) {
            let start = Instant::now();
            assert_eq!(ask(&passwords, &users, credentials, from).await, Login::Wrong);
            *fastest = start.elapsed().min(*fastest);
        }
    }
    let [known, unknown] = fastest;
    assert!(
        unknown >= known / 2 && known >= unknown / 2,
        "{known:?} against {unknown:?}"
    );
    // Somebody's right password is no password of a name that nobody has.
    for password in ["wonderland", "builder"] {
        let login = ask(&passwords, &users, &format!("carol:{password}"), 5).await;
        assert_eq!(login, Login::Wrong, "{password}");
    }
}

#[tokio::test]
async fn right_passwords_are_remembered_as_long_as_the_hash_is_the_same() {
    let before = users(8, &[("alice", "wonderland")]);
    let passwords = Passwords::new().unwrap();
    let timed = async |users: &BTreeMap<String, PasswordHash>, credentials: &str| {
        let start = Instant::now();
        (ask(&passwords, users, credentials, 1).await, start.elapsed())
    };
    let (login, first) = timed(&before, "alice:wonderland").await;
    assert_eq!(login, Login::Known);
    let (login, second) = timed(&before, "alice:wonderland").await;
    assert!(
        login == Login::Known && second < first / 2,
        "{second:?} after {first:?}"
    );
    let after = users(4, &[("alice", "mirror")]);
    assert_eq!(timed(&after, "alice:wonderland").await.0, Login::Wrong);
    // A colon belongs to the password, and names and passwords are not shifted into each other.
    let colons = users(4, &[("a", "b:c"), ("ab", "c")]);
    assert_eq!(timed(&colons, "a:b:c").await.0, Login::Known);
    assert_eq!(timed(&colons, "ab:c").await.0, Login::Known);
    assert_eq!(timed(&colons, "ab:b:c").await.0, Login::Wrong);
}

#[tokio::test]
async fn what_is_remembered_is_bounded() {
    let names: Vec<String> = (0..REMEMBERED + 5)
        .map(|number| format!("user{number}"))
        .collect();
    let pairs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    let users = users(4, &pairs);
    let passwords = Passwords::new().unwrap();
    for name in &names {
        assert_eq!(
            ask(&passwords, &users, &format!("{name}:{name}"), 1).await,
            Login::Known
        );
    }
    assert_eq!(passwords.right.lock().unwrap().len(), REMEMBERED);
}

#[tokio::test]
async fn many_guesses_at_once_are_no_more_guesses() {
    let users = users(4, &[("alice", "wonderland")]);
    let passwords = std::sync::Arc::new(Passwords::new().unwrap());
    let mut all = tokio::task::JoinSet::new();
    for number in 0..100 {
        let (passwords, users) = (std::sync::Arc::clone(&passwords), users.clone());
        all.spawn(async move { ask(&passwords, &users, &format!("alice:{number}"), 1).await });
    }
    let logins = all.join_all().await;
    let count = |wanted: fn(&Login) -> bool| logins.iter().filter(|login| wanted(login)).count();
    assert!(count(|login| *login == Login::Wrong) <= 10, "{logins:?}");
    assert!(count(|login| matches!(login, Login::Limited(_) | Login::Busy)) >= 90);
}

/// Asks, and hangs up a millisecond later; `None` when there was no answer by then.
async fn ask_briefly(
    passwords: &Passwords,
    users: &BTreeMap<String, PasswordHash>,
    credentials: &str,
    from: u32,
) -> Option<Login> {
    let asking = ask(passwords, users, credentials, from);
    tokio::time::timeout(Duration::from_millis(1), asking).await.ok()
}

#[tokio::test]
async fn a_check_goes_on_and_counts_when_whoever_asked_hangs_up() {
    let users = users(10, &[("alice", "wonderland")]);
    let passwords = Passwords::new().unwrap();
    let mut busy = 0;
    for number in 0..60 {
        let login = ask_briefly(&passwords, &users, &format!("alice:{number}"), number).await;
        busy += u32::from(login == Some(Login::Busy));
    }
    assert!(busy >= 20, "{busy} of 60 found every place taken");
    // What was begun is bounded: whoever comes after it waits for no more than those places.
    while ask(&passwords, &users, "alice:wonderland", 1_000).await == Login::Busy {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(passwords.right.lock().unwrap().len() == 1);
}

#[tokio::test]
async fn a_right_password_costs_no_try_when_whoever_asked_hangs_up() {
    let users = users(10, &[("alice", "wonderland")]);
    let passwords = Passwords::new().unwrap();
    for _ in 0..3 {
        assert_eq!(ask_briefly(&passwords, &users, "alice:wonderland", 1).await, None);
    }
    assert_eq!(ask(&passwords, &users, "alice:wonderland", 1).await, Login::Known);
    for number in 0..10 {
        let login = ask(&passwords, &users, &format!("alice:{number}"), 1).await;
        assert_eq!(login, Login::Wrong, "{number}");
    }
    assert!(matches!(
        ask(&passwords, &users, "alice:x", 1).await,
        Login::Limited(_)
    ));
}

#[tokio::test]
async fn many_who_come_at_once_with_one_right_password_are_let_in() {
    let users = users(8, &[("alice", "wonderland")]);
    let passwords = std::sync::Arc::new(Passwords::new().unwrap());
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (passwords, users) = (std::sync::Arc::clone(&passwords), users.clone());
        all.spawn(async move { ask(&passwords, &users, "alice:wonderland", 1).await });
    }
    let logins = all.join_all().await;
    assert!(logins.iter().all(|login| *login == Login::Known), "{logins:?}");
    assert_eq!(passwords.right.lock().unwrap().len(), 1, "remembered once");
}

#[test]
fn what_is_no_name_and_password_is_none() {
    let shown = |header: &str| {
        let header = HeaderValue::from_str(header).unwrap();
        credentials(&header).map(|found| (found.user.to_string(), found.password.to_vec()))
    };
    assert_eq!(shown("Basic YTpi"), Some(("a".to_owned(), b"b".to_vec())));
    assert_eq!(shown("basic  YTpi "), Some(("a".to_owned(), b"b".to_vec())));
    for bad in [
        "",
        "Basic",
        "Basic ",
        "Basic YQ",
        "Basic YQ==",
        "Bearer YTpi",
        "Basic YTpi=",
        "Basic /zpi",
        "Basic\u{e4}",
    ] {
        assert_eq!(shown(bad), None, "{bad}");
    }
    assert_eq!(shown(&format!("Basic {}", "YTpi".repeat(257))), None);
}
