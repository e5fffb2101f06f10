//! Pages under `docs/` that follow from the code.

use std::path::Path;

#[test]
fn the_page_of_metrics_is_current() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let page = std::fs::read_to_string(page).expect("docs/metrics.md");
    assert!(
        page == siptls_metrics::reference_markdown(),
        "docs/metrics.md is not current\nhint: cargo run -p siptls-metrics --example reference > docs/metrics.md"
    );
}
