//! The mapping `revocation`.

use super::{Here, Loader};
use crate::fault::{KeyPath, quoted};
use crate::keys::Section;
use crate::node::Node;
use crate::plan::absolute;
use siptls_model::{IpNet, parse_network};

/// Most networks in `allow`; each is looked at for each address.
const MAX_NETWORKS: usize = 1_024;

impl Loader {
    pub(super) fn revocation(&mut self, here: Here<'_>, node: &Node<'_>, path: &KeyPath<'_>) {
        let Some(entries) = self.map(here, node, path) else {
            return;
        };
        self.check_keys(here, entries, Section::Revocation, path);
        for entry in entries {
            let key = path.key(&entry.key);
            match entry.key.as_ref() {
                "enabled" => {
                    if let Some(enabled) = self.truth(here, &entry.value, &key) {
                        self.plan.revocation.enabled = enabled;
                    }
                }
                "allow" => self.plan.revocation.allow = self.networks(here, &entry.value, &key),
                "cache" => match self.text(here, &entry.value, &key) {
                    Some("") => {
                        let message = "expected a folder, found an empty text";
                        self.faults.at(here.file, entry.value.at, &key, message, None);
                    }
                    Some(folder) => self.plan.revocation.cache = Some(absolute(&here.base.join(folder))),
                    None => {}
                },
                _ => {}
            }
        }
    }

    /// A list of networks.
    pub(super) fn networks(&mut self, here: Here<'_>, node: &Node<'_>, path: &KeyPath<'_>) -> Vec<IpNet> {
        let mut networks = Vec::new();
        let Some(items) = self.list(here, node, path) else {
            return networks;
        };
        if items.len() > MAX_NETWORKS {
            let message = format!("expected at most {MAX_NETWORKS} networks, found {}", items.len());
            self.faults.at(here.file, node.at, path, message, None);
            return networks;
        }
        for (index, item) in items.iter().enumerate() {
            let path = path.index(index);
            let Some(text) = self.text(here, item, &path) else {
                continue;
            };
            match parse_network(text) {
                Ok(network) => networks.push(network),
                Err(expected) => {
                    let message = format!("{expected}, found {}", quoted(text));
                    self.faults.at(here.file, item.at, &path, message, None);
                }
            }
        }
        networks
    }
}
