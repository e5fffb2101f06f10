//! The store with a scripted fetcher, and time that stands still until it is moved.

use super::*;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
    CrlDistributionPoint, DnType, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SerialNumber, date_time_ymd,
};
use siptls_model::{IpNet, RevocationStatus};
use std::path::Path;
use tokio::time::{advance, sleep};

const FIRST: &str = "http://one.example.test/a.crl";
const SECOND: &str = "http://two.example.test/a.crl";

/// Answers by URL; counts what is asked.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<Scripted>>);

#[derive(Default)]
struct Scripted {
    answers: HashMap<String, Result<Fetched, FetchFault>>,
    asked: Vec<(String, Validators)>,
}

impl Script {
    fn answer(&self, url: &str, answer: Result<Fetched, FetchFault>) {
        self.0.lock().unwrap().answers.insert(url.to_owned(), answer);
    }

    fn asked(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap()
            .asked
            .iter()
            .map(|(url, _)| url.clone())
            .collect()
    }

    /// What the last request for the first URL carried.
    fn last_validators(&self) -> Validators {
        let script = self.0.lock().unwrap();
        let of_first = script.asked.iter().rfind(|(url, _)| url == FIRST);
        of_first.unwrap().1.clone()
    }
}

impl Fetch for Script {
    async fn fetch(&self, url: &str, known: &Validators, _: &[IpNet]) -> Result<Fetched, FetchFault> {
        let mut script = self.0.lock().unwrap();
        script.asked.push((url.to_owned(), known.clone()));
        script
            .answers
            .get(url)
            .cloned()
            .unwrap_or(Err(FetchFault::Status { status: 404 }))
    }
}

struct World {
    script: Script,
    store: Arc<CrlStore<Script>>,
    authority: CertifiedIssuer<'static, KeyPair>,
    issuer: Certificate,
    leaf: Certificate,
}

impl World {
    fn new(settings: RevocationSettings) -> Self {
        let script = Script::default();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "List Root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let mut params = CertificateParams::new(vec!["sbc.example.test".to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(7));
        params.crl_distribution_points = vec![CrlDistributionPoint {
            uris: vec![FIRST.to_owned(), SECOND.to_owned()],
        }];
        let leaf = params
            .signed_by(&KeyPair::generate().unwrap(), &authority)
            .unwrap();
        Self {
            store: Arc::new(CrlStore::with_fetcher(script.clone(), settings)),
            issuer: Certificate::from_der(authority.der()).unwrap(),
            leaf: Certificate::from_der(leaf.der()).unwrap(),
            script,
            authority,
        }
    }

    fn links(&self) -> [Link<'_>; 1] {
        [Link {
            index: 0,
            certificate: &self.leaf,
            issuer: Some(&self.issuer),
        }]
    }

    fn look(&self) -> CertificateRevocation {
        self.store.look(&self.links(), clock::now()).unwrap().certificates[0].clone()
    }

    fn status(&self) -> RevocationStatus {
        self.look().standing.status()
    }

    fn list(&self, serials: &[u64], until: i32) -> Result<Fetched, FetchFault> {
        self.list_of(2020, serials, until)
    }

    /// A list between two years.
    fn list_of(&self, from: i32, serials: &[u64], until: i32) -> Result<Fetched, FetchFault> {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(from, 1, 1),
            next_update: date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.authority).unwrap();
        let validators = Validators {
            etag: Some(format!("{serials:?}")),
            last_modified: None,
        };
        Ok(Fetched::Body(list.der().to_vec(), validators))
    }

    /// The store works beside the test.
    fn attended(&self) -> Arc<Mutex<Vec<FetchResult>>> {
        let told: Arc<Mutex<Vec<FetchResult>>> = Arc::default();
        let (store, heard) = (Arc::clone(&self.store), Arc::clone(&told));
        tokio::spawn(store.attend(move |result| heard.lock().unwrap().extend(result)));
        told
    }
}

fn cached(folder: &Path) -> RevocationSettings {
    RevocationSettings {
        cache: Some(folder.to_owned()),
        ..RevocationSettings::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_is_fetched_once_and_again_within_a_day() {
    let world = World::new(RevocationSettings::default());
    world.script.answer(FIRST, world.list(&[3], 2039));
    let look = world.look();
    assert_eq!(
        (look.standing, look.reason.as_str()),
        (Standing::Unasked, "its revocation list was not fetched yet")
    );
    let told = world.attended();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.status(), RevocationStatus::Good);
    assert_eq!(
        world.store.bytes(),
        world
            .store
            .lists()
            .values()
            .next()
            .unwrap()
            .held
            .as_ref()
            .unwrap()
            .bytes()
    );
    sleep(Duration::from_secs(19 * 3_600)).await;
    assert_eq!(world.script.asked(), [FIRST], "nothing within nineteen hours");
    world.script.answer(FIRST, world.list(&[7], 2039));
    sleep(Duration::from_secs(5 * 3_600 + 2)).await;
    assert_eq!(world.script.asked(), [FIRST, FIRST], "once more within the day");
    assert_eq!(world.script.last_validators().etag.as_deref(), Some("[3]"));
    assert_eq!(world.status(), RevocationStatus::Revoked);
    world.script.answer(FIRST, Ok(Fetched::NotModified));
    sleep(Duration::from_secs(24 * 3_600 + 2)).await;
    assert_eq!(
        *told.lock().unwrap(),
        [FetchResult::Ok, FetchResult::Ok, FetchResult::NotModified]
    );
    assert_eq!(world.status(), RevocationStatus::Revoked, "kept");
}

#[tokio::test(start_paused = true)]
async fn an_older_list_does_not_replace_a_newer_one() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(cached(folder.path()));
    let told = world.attended();
    world.script.answer(FIRST, world.list_of(2021, &[7], 2039));
    world.status();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.status(), RevocationStatus::Revoked);
    let day = Duration::from_secs(24 * 3_600 + 2);
    world.script.answer(FIRST, world.list_of(2020, &[], 2039));
    sleep(day).await;
    assert_eq!(
        world.status(),
        RevocationStatus::Revoked,
        "an older list undoes nothing"
    );
    assert_eq!(world.script.last_validators().etag.as_deref(), Some("[7]"));
    assert!(told.lock().unwrap().contains(&FetchResult::Invalid));
    let fault = world
        .store
        .lists()
        .values()
        .find_map(|known| known.failure.clone().filter(|_| known.held.is_some()))
        .unwrap()
        .fault;
    assert_eq!(
        fault.to_string(),
        "the list that came is of 2020-01-01T00:00:00Z, older than the one at hand of 2021-01-01T00:00:00Z, which is kept"
    );
    let again = CrlStore::with_fetcher(Script::default(), cached(folder.path()));
    let on_disk = again.fetch_for(&world.links()).await.unwrap();
    assert_eq!(on_disk.status(), RevocationStatus::Revoked, "nor on disk");
    // A newer one does, and so does one of the same moment.
    for (from, serials, expected) in [
        (2022, &[][..], RevocationStatus::Good),
        (2022, &[7], RevocationStatus::Revoked),
    ] {
        world.script.answer(FIRST, world.list_of(from, serials, 2039));
        sleep(day).await;
        assert_eq!(world.status(), expected);
    }
}

/// One that has ended tells of revocations all the same: only a current list takes its place.
#[tokio::test(start_paused = true)]
async fn a_list_that_has_ended_gives_way_to_a_current_one_alone() {
    let world = World::new(RevocationSettings::default());
    world.attended();
    for (list, expected) in [
        (world.list_of(2022, &[7], 2023), RevocationStatus::Revoked),
        (world.list_of(2020, &[], 2021), RevocationStatus::Revoked),
        (world.list_of(2020, &[], 2039), RevocationStatus::Good),
    ] {
        world.script.answer(FIRST, list);
        world.status();
        sleep(Duration::from_secs(7 * 3_600)).await;
        assert_eq!(world.status(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn failures_back_off_and_the_next_url_is_tried_at_once() {
    let world = World::new(RevocationSettings::default());
    let told = world.attended();
    assert_eq!(world.status(), RevocationStatus::Unknown);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.script.asked(), [FIRST, SECOND]);
    let look = world.look();
    assert!(matches!(look.standing, Standing::Unreachable { .. }), "{look:?}");
    assert_eq!(
        look.reason,
        "its revocation list could not be had: the server answered 404"
    );
    sleep(Duration::from_secs(3_600)).await;
    // One minute, two, four, eight, sixteen, with a jitter of a fifth: five or six attempts in the hour for each.
    let attempts = world.script.asked().iter().filter(|url| *url == FIRST).count();
    assert!((6..=7).contains(&attempts), "{attempts}");
    world.script.answer(SECOND, world.list(&[], 2039));
    // The seventh wait is 64 minutes at most.
    sleep(Duration::from_secs(3_900)).await;
    assert_eq!(
        world.status(),
        RevocationStatus::Good,
        "the second URL's list counts"
    );
    assert!(told.lock().unwrap().contains(&FetchResult::Answer));
}

#[tokio::test(start_paused = true)]
async fn a_list_nobody_wants_any_more_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(cached(folder.path()));
    world.script.answer(FIRST, world.list(&[], 2039));
    world.attended();
    world.status();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    sleep(FORGET - Duration::from_secs(10)).await;
    assert_ne!(world.store.bytes(), 0);
    sleep(Duration::from_secs(2 * 86_400)).await;
    assert_eq!(world.store.bytes(), 0);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_new_list_takes_the_place_of_the_oldest_that_never_came() {
    let world = World::new(RevocationSettings::default());
    world.script.answer(FIRST, world.list(&[], 2039));
    world.store.fetch_for(&world.links()).await.unwrap();
    let key = |number: usize| Key {
        url: format!("http://made-up.example.test/{number}").into(),
        signer: [0; 32],
    };
    let want = |number: usize| {
        let issuer = || Arc::new(world.issuer.clone());
        let mut lists = world.store.lists();
        let is_taken = world
            .store
            .want(&mut lists, key(number), issuer, || Arc::new([]))
            .is_some();
        assert!(lists.len() <= MAX_LISTS);
        is_taken
    };
    for number in 1..MAX_LISTS {
        advance(Duration::from_millis(1)).await;
        assert!(want(number), "{number}");
    }
    // Asked for again, so that the second is the oldest.
    advance(Duration::from_millis(1)).await;
    assert!(want(1) && want(MAX_LISTS));
    {
        let mut lists = world.store.lists();
        assert!(lists.contains_key(&key(1)) && !lists.contains_key(&key(2)));
        let held = lists.values().find_map(|known| known.held.clone());
        for known in lists.values_mut() {
            known.held.clone_from(&held);
        }
    }
    assert_eq!(world.status(), RevocationStatus::Good, "it had come");
    assert!(!want(0), "each of them has come");
}

#[tokio::test]
async fn what_is_on_disk_is_not_fetched_and_what_was_tampered_with_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(cached(folder.path()));
    world.script.answer(FIRST, world.list(&[7], 2039));
    let fetch = async |world: &World| world.store.fetch_for(&world.links()).await.unwrap().status();
    assert_eq!(fetch(&world).await, RevocationStatus::Revoked);
    assert_eq!(fetch(&world).await, RevocationStatus::Revoked);
    assert_eq!(world.script.asked(), [FIRST]);
    let again = |world: &mut World| {
        world.store = Arc::new(CrlStore::with_fetcher(
            world.script.clone(),
            cached(folder.path()),
        ));
    };
    again(&mut world);
    assert_eq!(fetch(&world).await, RevocationStatus::Revoked);
    assert_eq!(world.script.asked(), [FIRST], "read from disk");

    let file = std::fs::read_dir(folder.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let whole = std::fs::read(&file).unwrap();
    for place in [0, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let before = world.script.asked().len();
        again(&mut world);
        assert_eq!(fetch(&world).await, RevocationStatus::Revoked, "{place}");
        assert_eq!(
            world.script.asked().len(),
            before + 1,
            "fetched instead of believed: {place}"
        );
    }
}

#[tokio::test]
async fn a_list_that_has_ended_is_unusable_but_tells_of_revocations_and_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(cached(folder.path()));
    world.script.answer(FIRST, world.list(&[], 2021));
    world.script.answer(
        SECOND,
        Ok(Fetched::Body(b"<html>".to_vec(), Validators::default())),
    );
    let revocation = world.store.fetch_for(&world.links()).await.unwrap();
    let [one] = &revocation.certificates[..] else {
        panic!("{revocation:?}")
    };
    assert_eq!(one.standing, Standing::Unusable);
    assert_eq!(
        one.reason,
        "its revocation list could not be had: the list ended on 2021-01-01T00:00:00Z"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let world = World::new(RevocationSettings::default());
    world.script.answer(FIRST, world.list(&[7], 2021));
    let revocation = world.store.fetch_for(&world.links()).await.unwrap();
    assert_eq!(revocation.status(), RevocationStatus::Revoked);
}

#[tokio::test]
async fn another_authoritys_certificate_cannot_spoil_a_list() {
    let (ours, theirs) = (
        World::new(RevocationSettings::default()),
        World::new(RevocationSettings::default()),
    );
    ours.script.answer(FIRST, ours.list(&[], 2039));
    let spoiled = [Link {
        index: 0,
        certificate: &theirs.leaf,
        issuer: Some(&theirs.issuer),
    }];
    let found = ours.store.fetch_for(&spoiled).await.unwrap();
    assert_eq!(found.certificates[0].standing, Standing::Unusable);
    let found = ours.store.fetch_for(&ours.links()).await.unwrap();
    assert_eq!(found.status(), RevocationStatus::Good);
}

#[tokio::test(start_paused = true)]
async fn settings_are_taken_up_at_once() {
    let world = World::new(RevocationSettings::default());
    let address = "127.0.0.1".parse().unwrap();
    let host = "one.example.test".to_owned();
    for url in [FIRST, SECOND] {
        world.script.answer(
            url,
            Err(FetchFault::Address {
                host: host.clone(),
                address,
            }),
        );
    }
    let told = world.attended();
    world.status();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(
        world.look().standing,
        Standing::Unasked,
        "refused is not unreachable"
    );
    assert_eq!(*told.lock().unwrap(), [FetchResult::Refused; 2]);
    world.script.answer(FIRST, world.list(&[], 2039));
    world.store.configure(RevocationSettings {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        ..RevocationSettings::default()
    });
    advance(Duration::from_millis(1)).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.status(), RevocationStatus::Good);
    world.store.configure(RevocationSettings {
        enabled: false,
        ..RevocationSettings::default()
    });
    assert_eq!(world.store.look(&world.links(), clock::now()), None);
}

#[test]
fn times_between_fetches() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let fetched = at("2026-11-22T12:00:00Z");
    let hours =
        |until: Option<&str>, jitter| refresh_after(fetched, until.map(at), jitter).as_secs_f64() / 3_600.0;
    for (until, at_most, at_least) in [
        (Some("2026-11-22T22:00:00Z"), 5.0, 4.0),
        (Some("2026-11-29T12:00:00Z"), 24.0, 19.2),
        (Some("2026-11-22T13:00:00Z"), 1.0, 1.0),
        (Some("2026-11-22T11:00:00Z"), 1.0, 1.0),
        (None, 1.0, 1.0),
    ] {
        let found = [hours(until, 0.0), hours(until, 1.0)];
        assert!(
            (found[0] - at_most).abs() < 1e-6 && (found[1] - at_least).abs() < 1e-6,
            "{until:?}: {found:?}"
        );
    }
    let minutes = |count| retry_after(count, 0.0).as_secs() / 60;
    assert_eq!([1, 2, 3, 9, 100, u32::MAX].map(minutes), [1, 2, 4, 256, 360, 360]);
}

#[tokio::test(start_paused = true)]
async fn a_peek_asks_what_is_at_hand_and_wants_nothing() {
    let world = World::new(RevocationSettings::default());
    world.script.answer(FIRST, world.list(&[7], 2099));
    let _told = world.attended();
    let peek = || {
        let seen = world.store.peek(&world.links(), clock::now()).unwrap();
        seen.certificates[0].clone()
    };
    let seen = peek();
    assert_eq!(seen.standing.status(), RevocationStatus::Unknown);
    assert!(seen.reason.contains("is not fetched"), "{}", seen.reason);
    sleep(Duration::from_secs(3_600)).await;
    assert_eq!(world.script.asked(), [""; 0], "nothing was wanted");
    assert_eq!(world.status(), RevocationStatus::Unknown);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(world.script.asked(), [FIRST]);
    assert_eq!(
        peek().standing.status(),
        RevocationStatus::Revoked,
        "what is at hand is told"
    );
}
