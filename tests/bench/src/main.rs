//! Claims of speed and memory, measured on this machine.
//!
//! ```text
//! cargo run --release -p siptls-bench -- visits           hello and routine visits, beside TCP, rustls and OpenSSL
//! cargo run --release -p siptls-bench -- hello            hello visits and TCP alone, for a profiler
//! cargo run --release -p siptls-bench -- daemon [SECONDS] the real daemon with 10,000 targets at depth hello
//! cargo run --release -p siptls-bench -- journal          a visit without change, and the records of an hour
//! cargo run --release -p siptls-bench -- lists            a revocation list of a million entries
//! cargo run --release -p siptls-bench -- survey [SSLYZE]  one survey by the real program, beside sslscan and sslyze
//! ```
//!
//! The servers run in a process of their own; what is counted is the client's CPU time as the
//! kernel's scheduler accounts it, never the wall clock. Each figure is the median of the rounds,
//! and the ratios compare figures of the same run. Nothing here fails on a number: these are
//! measurements, not tests. The figures of record are in `docs/performance.md`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measuring program talks to its one user"
)]

mod cpu;
mod daemon;
mod journal;
mod lists;
mod peers;
mod survey;
mod visits;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["serve"] => peers::serve(),
        [] | ["visits"] => visits::run(),
        ["hello"] => visits::run_hello(),
        ["daemon"] => daemon::run(120),
        ["daemon", seconds] => daemon::run(seconds.parse().unwrap()),
        ["journal"] => journal::run(),
        ["lists"] => lists::run(),
        ["survey"] => survey::run("sslyze"),
        ["survey", sslyze] => survey::run(sslyze),
        other => {
            println!(
                "expected `visits`, `hello`, `daemon [SECONDS]`, `journal`, `lists` or `survey [SSLYZE]`, found {other:?}"
            );
            std::process::exit(2);
        }
    }
}
