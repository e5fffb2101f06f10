//! What the configuration refuses as a label is what the metrics would leave out.

use std::collections::BTreeSet;

#[test]
fn the_configuration_refuses_the_labels_that_the_metrics_use() {
    let refused = BTreeSet::from(siptls_config::RESERVED_LABELS);
    let used: BTreeSet<&str> = siptls_metrics::reserved_labels().collect();
    assert!(used.len() > 20, "{used:?}");
    assert_eq!(refused, used);
    for name in siptls_config::RESERVED_LABELS {
        assert!(siptls_metrics::is_reserved_label(name), "{name}");
    }
    assert!(!siptls_metrics::is_reserved_label("site"));
}
