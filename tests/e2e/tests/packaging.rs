//! The Debian package and its unit: built from the program under test, installed, started as the unit says, stopped, removed and
//! purged, in a throw-away layer over this machine's root that nothing outside sees; and the unit's sandbox held against what
//! the program really asks of the kernel.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use siptls_e2e::{
    Binary, ClientAuth, DEADLINE, Finished, OpensslServer, Peer, Pki, Port, Role, Running, complete, finish,
    http_get, http_post, until,
};

/// The highest exposure that `systemd-analyze security` may find; 10 is none of the sandbox.
const MAX_EXPOSURE: f64 = 1.5;

/// What dpkg and the packing take at most on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the workspace")
}

fn unit() -> PathBuf {
    workspace().join("deploy/systemd/siptls-probe.service")
}

/// Values of a key of the unit, in their order.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    unit.lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .collect()
}

/// Runs the steps in mount, network and process namespaces of their own, on a layer over this machine's root: whatever they
/// write is gone afterwards.
const LAYER: &str = r#"
set -eu
ip link set lo up
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
mount -t proc proc /mnt/root/proc
mount --rbind /dev /mnt/root/dev
mount -t tmpfs tmpfs /mnt/root/run
cp "$1" /mnt/root/tmp/siptls-probe.deb
cp "$2" "$3" /mnt/root/tmp/
# Nobody reads the index of manual pages here, and making it takes longer than all the rest.
rm -f /mnt/root/var/lib/man-db/auto-update
cat >/mnt/root/tmp/steps
exec chroot /mnt/root bash -eu /tmp/steps
"#;

/// As systemd would: the package's own line, a user without any right, its folders, its credentials.
const STEPS: &str = r#"
say() { echo "== $*"; }
dpkg --force-unsafe-io -i /tmp/siptls-probe.deb >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }
say installed
dpkg-query -W -f='${db:Status-Status} ${Version}\n' siptls-probe
systemctl is-enabled siptls-probe.service
stat -c '%a %U %n' /etc/siptls-probe/keys
dpkg -L siptls-probe >/run/files
say verify
systemd-analyze verify /lib/systemd/system/siptls-probe.service 2>&1 | grep siptls || true
user=61234
for folder in lib cache; do install -d -m 750 -o $user -g $user /var/$folder/siptls-probe; done
say as shipped
siptls-probe config check --config.file /etc/siptls-probe/siptls-probe.yaml
man -w siptls-probe-run
say run
# A credential: a copy that only the service's user can read.
install -d -m 500 -o $user -g $user /run/credentials/siptls-probe.service
mv /tmp/client*.key /etc/siptls-probe/keys/today.key
# Users with hashes, root's alone, by the line that the package shows.
(umask 077; cat >/etc/siptls-probe/keys/web.yaml <<'YAML'
basic_auth_users: {ops: $2y$10$uIMnYBqFNHmJSqVUKjL0a.M6Bc7lFzjgGM9pDJTvHnmXTvoTZL8Oy}
YAML
)
sed -i -e '/^OPTIONS=""$/d' -e 's/^# OPTIONS=/OPTIONS=/' /etc/default/siptls-probe
for key in today.key web.yaml; do
    install -m 400 -o $user -g $user /etc/siptls-probe/keys/$key /run/credentials/siptls-probe.service/keys_$key
done
mv /tmp/client*.pem /etc/siptls-probe/today.pem
cat >>/etc/siptls-probe/siptls-probe.yaml <<'YAML'
client_identities:
  - name: today
    certificate: /etc/siptls-probe/today.pem
    key: /run/credentials/siptls-probe.service/keys_today.key
YAML
sed -i 's/^targets: \[\]/targets: [{name: a, endpoint: "127.0.0.1:1", client_identities: [today]}]/' /etc/siptls-probe/siptls-probe.yaml
line=$(sed -n 's/^ExecStart=//p' /lib/systemd/system/siptls-probe.service)
set -a
. /etc/default/siptls-probe
set +a
# ProtectSystem=strict: only the two folders can be written.
for folder in lib cache; do mount --bind /var/$folder/siptls-probe /var/$folder/siptls-probe; done
mount -o remount,bind,ro /
! touch /usr/bin/x 2>/dev/null
cd /
CACHE_DIRECTORY=/var/cache/siptls-probe STATE_DIRECTORY=/var/lib/siptls-probe \
    setpriv --reuid $user --regid $user --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
    sh -c "exec $line" >/run/log 2>&1 &
daemon=$!
for _ in $(seq 200); do ! siptls-probe healthy 2>/run/why || break; sleep 0.05; done
siptls-probe healthy || { cat /run/log; exit 1; }
say ready
curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:10061/metrics
kill -HUP $daemon
for _ in $(seq 200); do ! grep -q cause=SIGHUP /run/log || break; sleep 0.05; done
! grep -q cause=SIGHUP /run/log || echo reloaded
kill -TERM $daemon
wait $daemon
say stopped
mount -o remount,bind,rw /
for folder in lib cache; do umount /var/$folder/siptls-probe; done
stat -c '%U %n' /var/lib/siptls-probe/journal.sqlite
dpkg -r siptls-probe >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }
say removed
test ! -e /usr/bin/siptls-probe
find /etc/siptls-probe /etc/default/siptls-probe -type f | sort
dpkg -P siptls-probe >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }
say purged
# What the operator put there is the operator's.
rm -rf /etc/siptls-probe/keys/today.key /etc/siptls-probe/keys/web.yaml /etc/siptls-probe/today.pem
rmdir /etc/siptls-probe/keys /etc/siptls-probe 2>/dev/null || true
while read -r path; do
    case $path in *siptls*) [ ! -e "$path" ] || echo "$path" ;; esac
done </run/files
find /etc /var/cache/private /var/lib/systemd /var/lib/private /var/lib/dpkg -name '*siptls*' 2>/dev/null || true
ls -d /var/lib/*siptls* /var/cache/*siptls* 2>/dev/null || true
dpkg-query -W siptls-probe 2>&1 || true
"#;

/// What was printed under a heading.
fn section<'a>(output: &'a str, heading: &str) -> Vec<&'a str> {
    let lines = output.lines().skip_while(|line| *line != format!("== {heading}"));
    lines
        .skip(1)
        .take_while(|line| !line.starts_with("== "))
        .collect()
}

/// A line of the package's own description of itself.
fn field(package: &Path, name: &str) -> String {
    let output = complete(Command::new("dpkg-deb").arg("-f").arg(package).arg(name));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn the_package_is_installed_runs_as_its_unit_says_and_leaves_nothing() {
    let build = workspace().join("deploy/debian/build");
    let packed = finish(
        Command::new(build).args(["--profile", "dev", "--fast"]),
        b"",
        PATIENCE,
    );
    assert_eq!(packed.code, Some(0), "{packed:?}");
    let package = PathBuf::from(packed.stdout.lines().last().expect("the path of the package"));
    assert_eq!(field(&package, "Package"), "siptls-probe");
    assert!(
        field(&package, "Depends").starts_with("libc6 (>= "),
        "{}",
        field(&package, "Depends")
    );
    let listed = complete(Command::new("dpkg-deb").arg("-c").arg(&package));
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    for path in [
        "./usr/bin/siptls-probe",
        "./usr/lib/systemd/system/siptls-probe.service",
        "./usr/share/man/man1/siptls-probe-run.1.gz",
        "./usr/share/bash-completion/completions/siptls-probe",
        "./usr/share/doc/siptls-probe/copyright",
        "./usr/share/siptls-probe/doc/reference.yaml",
        "./usr/share/siptls-probe/deploy/monitoring/alertmanager.yml",
        "./usr/share/siptls-probe/deploy/monitoring/prometheus.yml",
        "./usr/share/siptls-probe/deploy/monitoring/rules/siptls.yaml",
    ] {
        assert!(
            listed.lines().any(|line| line.ends_with(&format!(" {path}"))),
            "{path}\n{listed}"
        );
    }

    // Every document's links lead to a file of the package.
    let files: BTreeSet<PathBuf> = listed
        .lines()
        .filter_map(|line| line.split_once(" ./usr/share/siptls-probe/"))
        .map(|(_, path)| PathBuf::from(path))
        .collect();
    let mut followed = 0;
    for document in files
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
    {
        let source = workspace()
            .join("docs")
            .join(document.strip_prefix("doc").expect("a document"));
        // The change log lies beside them in the package.
        let Ok(text) = fs::read_to_string(source) else {
            continue;
        };
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', '#']).next())
        {
            if link.is_empty() || link.contains("://") {
                continue;
            }
            let mut path = document.parent().expect("a folder").to_owned();
            for part in link.split('/') {
                if part == ".." {
                    path.pop();
                } else {
                    path.push(part);
                }
            }
            let there = files.iter().any(|file| file.starts_with(&path));
            assert!(
                there,
                "{} leads to {link}, which is not packed",
                document.display()
            );
            followed += 1;
        }
    }
    assert!(followed > 50, "{followed}");

    let identity = Pki::shared().identity(Role::ClientBothEkus);
    let mut command = Command::new("unshare");
    command.args([
        "--mount", "--net", "--pid", "--fork", "bash", "-c", LAYER, "layer",
    ]);
    command
        .arg(&package)
        .arg(&identity.certificate)
        .arg(&identity.key);
    let steps = STEPS
        .replace("/tmp/client*.key", &format!("/tmp/{}", name(&identity.key)))
        .replace(
            "/tmp/client*.pem",
            &format!("/tmp/{}", name(&identity.certificate)),
        );
    let done: Finished = finish(&mut command, steps.as_bytes(), PATIENCE);
    assert_eq!(done.code, Some(0), "{done:?}");
    let said = |heading: &str| section(&done.stdout, heading);
    assert_eq!(
        said("installed"),
        ["installed 0.1.0-1", "enabled", "700 root /etc/siptls-probe/keys"]
    );
    assert_eq!(said("verify"), [""; 0]);
    assert_eq!(
        said("as shipped"),
        [
            "/etc/siptls-probe/siptls-probe.yaml: no faults: 0 targets, 1 file",
            "/usr/share/man/man1/siptls-probe-run.1.gz"
        ]
    );
    assert_eq!(said("ready"), ["401", "reloaded"]);
    assert_eq!(said("stopped"), ["UNKNOWN /var/lib/siptls-probe/journal.sqlite"]);
    assert_eq!(
        said("removed"),
        [
            "/etc/default/siptls-probe",
            "/etc/siptls-probe/keys/README",
            "/etc/siptls-probe/keys/today.key",
            "/etc/siptls-probe/keys/web.yaml",
            "/etc/siptls-probe/siptls-probe.yaml",
            "/etc/siptls-probe/today.pem"
        ]
    );
    assert_eq!(
        said("purged"),
        ["dpkg-query: no packages found matching siptls-probe"]
    );
}

fn name(path: &Path) -> String {
    path.file_name().expect("a file").to_string_lossy().into_owned()
}

#[test]
fn the_unit_is_exposed_as_little_as_it_claims() {
    let mut command = Command::new("systemd-analyze");
    command
        .args(["security", "--offline=yes", "--no-pager"])
        .arg(unit());
    let said = complete(&mut command);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let figure = said
        .lines()
        .find_map(|line| line.split_once("Overall exposure level for siptls-probe.service: "))
        .and_then(|(_, rest)| rest.split_whitespace().next()?.parse::<f64>().ok())
        .unwrap_or_else(|| panic!("expected a figure, found {said}"));
    assert!(figure <= MAX_EXPOSURE, "{figure}\n{said}");
}

#[test]
fn what_ends_a_start_with_code_2_is_tried_again_by_the_unit() {
    let folder = tempfile::tempdir().expect("make a folder");
    fs::write(folder.path().join("siptls-probe.yaml"), "targets: []\n").expect("write a file");
    // An address of documentation (RFC 5737): this machine has it as little as one that comes up late.
    let mut command = Command::new(Binary::find().path());
    command.current_dir(folder.path()).args([
        "run",
        "--config.file=siptls-probe.yaml",
        "--web.listen-address=192.0.2.1:10061",
    ]);
    let refused = finish(&mut command, b"", DEADLINE);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused.stderr.contains("cannot listen on 192.0.2.1"),
        "{refused:?}"
    );
    let unit = fs::read_to_string(unit()).expect("read the unit");
    assert_eq!(values(&unit, "Restart"), ["on-failure"]);
    assert_eq!(values(&unit, "StartLimitIntervalSec"), ["0"]);
    assert_eq!(values(&unit, "RestartPreventExitStatus"), [""; 0]);
}

/// Names of a set of system calls, such as `@system-service`, with those of the sets within.
fn calls(set: &str) -> BTreeSet<String> {
    let output = complete(Command::new("systemd-analyze").args(["syscall-filter", "--no-pager", set]));
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut all = BTreeSet::new();
    for line in output.lines().skip(1).map(str::trim) {
        match line {
            "" => {}
            comment if comment.starts_with('#') => {}
            set if set.starts_with('@') => all.extend(calls(set)),
            call => {
                all.insert(call.to_owned());
            }
        }
    }
    assert!(!all.is_empty(), "{set}: {output}");
    all
}

/// The system calls that the unit allows.
fn allowed() -> BTreeSet<String> {
    let unit = fs::read_to_string(unit()).expect("read the unit");
    let mut allowed = BTreeSet::new();
    for value in values(&unit, "SystemCallFilter") {
        let (remove, names) = value
            .strip_prefix('~')
            .map_or((false, value), |names| (true, names));
        for name in names.split_whitespace() {
            let named = if name.starts_with('@') {
                calls(name)
            } else {
                BTreeSet::from([name.to_owned()])
            };
            if remove {
                allowed.retain(|call| !named.contains(call));
            } else {
                allowed.extend(named);
            }
        }
    }
    // systemd needs these itself, to start the program.
    allowed.extend(calls("@default"));
    allowed
}

/// The system calls of a summary by `strace -c`.
fn used(summary: &str) -> BTreeSet<String> {
    let table = summary
        .lines()
        .skip_while(|line| !line.starts_with("------"))
        .skip(1);
    let rows = table.take_while(|line| !line.starts_with("------"));
    rows.filter_map(|line| line.split_whitespace().last().map(str::to_owned))
        .collect()
}

#[test]
fn the_daemon_asks_the_kernel_for_nothing_that_the_unit_forbids() {
    let pki = Pki::shared();
    let folder = tempfile::tempdir().expect("make a folder");
    let server = OpensslServer::new(pki.identity(Role::Good))
        .reversing()
        .client_auth(ClientAuth::Optional)
        .start();
    let client = pki.identity(Role::ClientBothEkus);
    let file = folder.path().join("siptls-probe.yaml");
    let write = |name: &str| {
        let text = format!(
            "journal: {{path: journal.sqlite}}\n\
             revocation: {{cache: '{}', allow: ['127.0.0.0/8']}}\n\
             client_identities: [{{name: today, certificate: '{}', key: '{}'}}]\n\
             targets:\n\
             \x20 - {{name: {name}, endpoint: 'sips:sbc.example.test:5061', connect: '{}', client_identities: [today], interval: 1s, \
             survey_interval: 60s, connections_per_hour: 100000}}\n\
             \x20 - {{name: nowhere, endpoint: nowhere.invalid, interval: 1s, timeout: 500ms, connections_per_hour: 100000}}\n",
            folder.path().join("cache").display(),
            client.certificate.display(),
            client.key.display(),
            server.address()
        );
        fs::write(&file, text).expect("write the configuration");
    };
    fs::create_dir(folder.path().join("cache")).expect("make the cache");
    write("before");
    let port = Port::lease();
    let summary = folder.path().join("summary");
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-c", "-o"])
        .arg(&summary)
        .arg(Binary::find().path());
    command.args(["run", "--config.file"]).arg(&file);
    command
        .arg("--web.listen-address")
        .arg(port.address().to_string());
    let own = tempfile::tempdir().expect("make a folder");
    let mut strace = Running::start("strace", own, command).listening(port.number());
    let seen = |name: &str| {
        until("a visit", DEADLINE, || {
            let answer = http_get(port.address(), &format!("/api/v1/reports/{name}")).ok()?;
            answer.body.contains("\"verdict\"").then_some(())
        });
    };
    seen("before");
    seen("nowhere");
    for path in [
        "/",
        "/metrics",
        "/targets/before",
        "/api/v1/changes",
        "/probe?target=before",
    ] {
        assert_eq!(
            http_get(port.address(), path).expect("an answer").status,
            200,
            "{path}"
        );
    }
    write("after");
    assert_eq!(
        http_post(port.address(), "/-/reload").expect("an answer").status,
        200
    );
    seen("after");
    // The program is to end, and strace with it.
    let children = format!("/proc/{0}/task/{0}/children", strace.id());
    let daemon = fs::read_to_string(children).expect("read who strace follows");
    let daemon = daemon
        .trim()
        .parse()
        .ok()
        .and_then(Pid::from_raw)
        .expect("one child");
    kill_process(daemon, Signal::TERM).expect("send a signal");
    until("strace to end", DEADLINE, || strace.ended());
    let summary = fs::read_to_string(&summary).expect("a summary");
    let mut used = used(&summary);
    // A survey and a rehearsal come to the daemon's turn within ten minutes; here, the same engine at once.
    let survey = folder.path().join("survey");
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-c", "-o"])
        .arg(&survey)
        .arg(Binary::find().path());
    command
        .args([
            "check",
            "after",
            "--depth",
            "survey",
            "--format",
            "json",
            "--config.file",
        ])
        .arg(&file);
    let checked = finish(&mut command, b"", DEADLINE);
    assert!(
        checked.stdout.contains("\"accepted\"") && checked.stdout.contains("\"rehearsal\": {"),
        "{checked:?}"
    );
    used.extend(self::used(&fs::read_to_string(&survey).expect("a summary")));
    // SQLite gives its files to the owner of their folder when it is root, as this test may be and the service never is.
    used.remove("fchown");
    assert!(
        used.len() > 30 && used.contains("execve") && used.contains("connect"),
        "{summary}"
    );
    let allowed = allowed();
    assert!(allowed.contains("openat") && !allowed.contains("mount") && !allowed.contains("setuid"));
    let forbidden: Vec<&String> = used.difference(&allowed).collect();
    assert!(forbidden.is_empty(), "{forbidden:?}\n{summary}");
}
