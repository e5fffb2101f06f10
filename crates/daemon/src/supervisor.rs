//! What a service manager is told, as `sd_notify(3)` describes: ready, reloading, alive, stopping.

use crate::fleet::Fleet;
use crate::reload::Loader;
use crate::work::stopped;
use siptls_model::Verdict;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Longest time between two looks at the status, and between two beats.
const PERIOD: Duration = Duration::from_secs(10);

/// The service manager that started this program: the socket of `NOTIFY_SOCKET`.
#[derive(Debug)]
pub struct Supervisor {
    #[cfg(unix)]
    socket: std::os::unix::net::UnixDatagram,
    /// How long it waits for a beat before it takes this program for dead; `None`: for ever.
    watchdog: Option<Duration>,
    /// That everything is ready, which the manager had no room for: it would wait for it in vain.
    owed: Mutex<Option<String>>,
}

impl Supervisor {
    /// Connects to the socket at `place`, a path, or behind `@` an abstract name. With a watchdog, a beat comes twice in its
    /// time.
    ///
    /// # Errors
    /// What the system says when there is none.
    #[cfg(unix)]
    pub fn connect(place: &std::ffi::OsStr, watchdog: Option<Duration>) -> std::io::Result<Self> {
        use std::os::unix::net::UnixDatagram;
        let socket = UnixDatagram::unbound()?;
        // A manager queues ten messages; one that does not read them holds up no thread of ours.
        socket.set_nonblocking(true)?;
        connect(&socket, place)?;
        Ok(Self {
            socket,
            watchdog,
            owed: Mutex::default(),
        })
    }

    /// Sends lines `KEY=value` without waiting; whether the manager has room for them. One that does not listen any more is
    /// no fault of ours.
    fn tell(&self, lines: &str) -> bool {
        #[cfg(unix)]
        if let Err(error) = self.socket.send(lines.as_bytes()) {
            tracing::debug!(%error, "the service manager was not told");
            return error.kind() != std::io::ErrorKind::WouldBlock;
        }
        #[cfg(not(unix))]
        let _ = lines;
        true
    }

    /// The first configuration is in use and everything listens; or a reload has ended, well or not. It is told later when
    /// the manager has no room now.
    pub(crate) fn ready(&self, status: &str) {
        let lines = format!("READY=1\nSTATUS={status}");
        let was_taken = self.tell(&lines);
        *self.owed.lock().unwrap_or_else(PoisonError::into_inner) = (!was_taken).then_some(lines);
    }

    /// Tells what the manager had no room for.
    fn make_good(&self) {
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        owed.take_if(|lines| self.tell(lines));
    }

    /// A reload begins.
    pub(crate) fn reloading(&self) {
        *self.owed.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.tell(&format!(
            "RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=loading the configuration",
            monotonic_microseconds()
        ));
    }

    /// The end begins.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=stopping");
    }
}

#[cfg(unix)]
fn connect(socket: &std::os::unix::net::UnixDatagram, place: &std::ffi::OsStr) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use std::os::linux::net::SocketAddrExt as _;
        use std::os::unix::ffi::OsStrExt as _;
        if let Some(name) = place.as_bytes().strip_prefix(b"@") {
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
            return socket.connect_addr(&address);
        }
    }
    socket.connect(place)
}

/// The kernel's clock since the start of the machine, by which the manager tells an old message from a new one.
fn monotonic_microseconds() -> u64 {
    #[cfg(unix)]
    {
        use rustix::time::{ClockId, clock_gettime};
        let now = clock_gettime(ClockId::Monotonic);
        let part = |value: i64| u64::try_from(value).unwrap_or_default();
        part(now.tv_sec)
            .saturating_mul(1_000_000)
            .saturating_add(part(now.tv_nsec) / 1_000)
    }
    #[cfg(not(unix))]
    0
}

/// A question whether a loop still turns; it is answered by the loop itself.
pub(crate) type Question = oneshot::Sender<()>;

/// The loops that everything hangs on: a program whose schedule or whose listener is stuck is to be restarted, however
/// alive its other tasks are.
#[derive(Default)]
pub(crate) struct Vigil {
    loops: Vec<mpsc::Sender<Question>>,
}

impl Vigil {
    /// One more loop, which is to answer what it is asked here.
    pub(crate) fn watch(&mut self) -> mpsc::Receiver<Question> {
        let (ask, asked) = mpsc::channel(1);
        self.loops.push(ask);
        asked
    }

    /// Whether all of them answer within that time.
    pub(crate) async fn all_answer(&self, within: Duration) -> bool {
        let all = async {
            for ask in &self.loops {
                let (question, answer) = oneshot::channel();
                if ask.send(question).await.is_err() || answer.await.is_err() {
                    return false;
                }
            }
            true
        };
        timeout(within, all).await.unwrap_or(false)
    }
}

/// Tells the manager how the fleet stands and, while all loops answer, that this program is alive, until `stop` turns true.
pub(crate) async fn keep(
    supervisor: Arc<Supervisor>,
    vigil: Vigil,
    fleet: Arc<Fleet>,
    loader: Arc<Loader>,
    mut stop: watch::Receiver<bool>,
) {
    let period = supervisor
        .watchdog
        .map_or(PERIOD, |watchdog| (watchdog / 2).min(PERIOD))
        .max(Duration::from_millis(1));
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = String::new();
    loop {
        tokio::select! {
            () = stopped(&mut stop) => return,
            _ = ticks.tick() => {}
        }
        if !loader.is_loaded() {
            continue;
        }
        if !vigil.all_answer(period).await {
            // At the stop the loops have ended, and nobody waits for a beat.
            if !*stop.borrow() {
                tracing::error!("a loop of the daemon does not answer, the watchdog is not told");
            }
            continue;
        }
        supervisor.make_good();
        if supervisor.watchdog.is_some() {
            supervisor.tell("WATCHDOG=1");
        }
        let status = status(&fleet, &loader);
        if status != told && supervisor.tell(&format!("STATUS={status}")) {
            told = status;
        }
    }
}

/// One line: how many targets there are, by the worst verdict of each.
pub(crate) fn status(fleet: &Fleet, loader: &Loader) -> String {
    let mut counts = [0_usize; 5];
    let mut targets = 0_usize;
    for member in fleet.members() {
        targets += 1;
        let worst = member
            .sights()
            .iter()
            .map(|sight| match sight.judgement.verdict {
                Verdict::Fail => 0,
                Verdict::Inconclusive => 1,
                Verdict::Warn => 2,
                Verdict::Pass => 3,
            })
            .min();
        if let Some(count) = counts.get_mut(worst.unwrap_or(4)) {
            *count += 1;
        }
    }
    let mut text = fleet
        .shard()
        .map_or_else(String::new, |shard| format!("shard {shard}, "));
    let plural = if targets == 1 { "" } else { "s" };
    // Writing to a String cannot fail.
    let _ = write!(text, "{targets} target{plural}");
    let names = ["fail", "inconclusive", "warn", "pass", "not visited yet"];
    let mut separator = ": ";
    for (name, count) in names.iter().zip(counts).filter(|(_, count)| *count > 0) {
        let _ = write!(text, "{separator}{count} {name}");
        separator = ", ";
    }
    if loader.has_failed() {
        text.push_str("; the last configuration has faults, an earlier one is in use");
    }
    if loader.web_has_failed() {
        text.push_str("; the last web configuration cannot be used, an earlier one is");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_manager_that_does_not_read_holds_nothing_up_and_is_told_later_that_all_is_ready() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("notify");
        let manager = std::os::unix::net::UnixDatagram::bind(&place).unwrap();
        manager.set_nonblocking(true).unwrap();
        let supervisor = Supervisor::connect(place.as_os_str(), None).unwrap();
        let start = std::time::Instant::now();
        let mut sent = 0;
        while supervisor.tell("STATUS=x") {
            sent += 1;
            assert!(sent < 10_000, "a queue without an end");
        }
        supervisor.ready("well");
        assert!(
            start.elapsed() < Duration::from_millis(500),
            "{:?}",
            start.elapsed()
        );
        let read = || {
            let mut buffer = [0; 64];
            let length = manager.recv(&mut buffer).ok()?;
            Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
        };
        for _ in 0..sent {
            assert_eq!(read().as_deref(), Some("STATUS=x"));
        }
        assert_eq!(read(), None);
        for told in [Some("READY=1\nSTATUS=well"), None] {
            supervisor.make_good();
            assert_eq!(read().as_deref(), told);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_loop_that_is_stuck_is_enough() {
        let second = Duration::from_secs(1);
        let mut vigil = Vigil::default();
        assert!(vigil.all_answer(second).await, "nobody to ask");
        for _ in 0..2 {
            let mut asked = vigil.watch();
            tokio::spawn(async move {
                while let Some(question) = asked.recv().await {
                    let _ = question.send(());
                }
            });
        }
        assert!(vigil.all_answer(second).await && vigil.all_answer(second).await);
        let stuck = vigil.watch();
        let before = tokio::time::Instant::now();
        assert!(!vigil.all_answer(second).await);
        assert_eq!(before.elapsed(), second);
        drop(stuck);
        assert!(!vigil.all_answer(second).await, "one that has ended");
    }
}
