//! Prints the reference of all metrics: `cargo run -p siptls-metrics --example reference > docs/metrics.md`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(siptls_metrics::reference_markdown().as_bytes())
}
