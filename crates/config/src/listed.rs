//! `catalog`: whole regions of a platform's published endpoints as targets.

use crate::fault::{KeyPath, known_names, quoted};
use crate::keys::Section;
use crate::load::{Here, Loader, find};
use crate::node::{Node, Value};
use crate::plan::ProbeSettings;
use crate::target::{Field, Given};
use siptls_catalog::{BALANCER_PROFILE, ListedEndpoint, endpoints};

/// In place of region codes: every region.
const ALL: &str = "all";
/// Labels that each target of the list has.
const OWN_LABELS: [&str; 2] = ["region", "confirmed"];

impl Loader {
    /// `catalog`: each list that is named, and of it the regions that are.
    pub(crate) fn catalog(&mut self, here: Here<'_>, node: &Node<'_>, defaults: &ProbeSettings) {
        let root = KeyPath::Root;
        let path = root.key("catalog");
        let Some(entries) = self.map(here, node, &path) else {
            return;
        };
        self.check_keys(here, entries, Section::Catalog, &path);
        if let Some(entry) = find(entries, "genesys_byoc_cloud") {
            self.byoc_cloud(here, &entry.value, &path.key("genesys_byoc_cloud"), defaults);
        }
    }

    fn byoc_cloud(&mut self, here: Here<'_>, node: &Node<'_>, path: &KeyPath<'_>, defaults: &ProbeSettings) {
        let Some(entries) = self.map(here, node, path) else {
            return;
        };
        self.check_keys(here, entries, Section::CatalogList, path);
        let mut given = Given::default();
        let labels_path = path.key("labels");
        if let Some(labels) =
            find(entries, "labels").and_then(|entry| self.map(here, &entry.value, &labels_path))
        {
            for label in labels {
                let key = labels_path.key(&label.key);
                if OWN_LABELS.contains(&label.key.as_ref()) {
                    let message = format!(
                        "expected another label, found {}, which the list sets itself",
                        quoted(&label.key)
                    );
                    self.faults.at(here.file, label.at, &key, message, None);
                } else if let Some(text) = self.text(here, &label.value, &key) {
                    let name = Field {
                        text: &label.key,
                        at: Some(label.at),
                        key,
                    };
                    given.labels.push((
                        name,
                        Field {
                            text,
                            at: Some(label.value.at),
                            key,
                        },
                    ));
                }
            }
        }
        let regions_path = path.key("regions");
        let Some(entry) = find(entries, "regions") else {
            let message = "expected the key `regions`, found none";
            let hint = "name regions such as `[euc1, use1]`, or write `all`".to_owned();
            return self.faults.at(here.file, node.at, path, message, Some(hint));
        };
        match &entry.value.value {
            Value::Scalar(text) if text == ALL => {
                for listed in endpoints() {
                    self.listed(here, &entry.value, &regions_path, listed, &given, defaults);
                }
            }
            _ => self.regions(here, &entry.value, &regions_path, &given, defaults),
        }
    }

    fn regions(
        &mut self,
        here: Here<'_>,
        node: &Node<'_>,
        path: &KeyPath<'_>,
        given: &Given<'_>,
        defaults: &ProbeSettings,
    ) {
        let Some(items) = self.list(here, node, path) else {
            return;
        };
        let mut taken: Vec<&str> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = path.index(index);
            let Some(code) = self.text(here, item, &path) else {
                continue;
            };
            if taken.contains(&code) {
                let message = format!("expected a region named once, found {} again", quoted(code));
                self.faults.at(here.file, item.at, &path, message, None);
                continue;
            }
            taken.push(code);
            let mut of_region = endpoints()
                .iter()
                .filter(|listed| listed.region_code == code)
                .peekable();
            if of_region.peek().is_none() {
                let message = format!(
                    "expected the code of a region such as `euc1`, found {}",
                    quoted(code)
                );
                let mut known: Vec<&str> = endpoints()
                    .iter()
                    .map(|listed| listed.region_code.as_str())
                    .collect();
                known.dedup();
                let hint = known_names(code, known);
                self.faults.at(here.file, item.at, &path, message, hint);
            }
            for listed in of_region {
                self.listed(here, item, &path, listed, given, defaults);
            }
        }
    }

    /// One load balancer as a target: named as its host, with its region and whether the name is confirmed as labels.
    fn listed(
        &mut self,
        here: Here<'_>,
        node: &Node<'_>,
        path: &KeyPath<'_>,
        listed: &ListedEndpoint,
        given: &Given<'_>,
        defaults: &ProbeSettings,
    ) {
        let field = |text| Field {
            text,
            at: Some(node.at),
            key: *path,
        };
        let confirmed = if listed.confirmed { "yes" } else { "no" };
        let mut given = given.clone();
        given.name = Some(field(listed.hostname.as_str()));
        given.endpoint = given.name;
        given.profile = Some(field(BALANCER_PROFILE));
        for (name, value) in OWN_LABELS
            .into_iter()
            .zip([listed.region_code.as_str(), confirmed])
        {
            given.labels.push((field(name), field(value)));
        }
        if let Some(planned) = self.checker(here).target(&given, defaults, None) {
            self.add(here, node.at, path, planned);
        }
    }
}
