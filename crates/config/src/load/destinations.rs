//! The mapping `probe_destinations`.

use super::{Here, Loader, find};
use crate::fault::{KeyPath, quoted};
use crate::keys::Section;
use crate::node::Node;
use siptls_model::Destinations;
use std::ops::RangeInclusive;

/// Most ports and ranges of ports; each is looked at for each destination.
const MAX_PORTS: usize = 256;

impl Loader {
    pub(super) fn destinations(&mut self, here: Here<'_>, node: &Node<'_>, path: &KeyPath<'_>) {
        let Some(entries) = self.map(here, node, path) else {
            return;
        };
        self.check_keys(here, entries, Section::Destinations, path);
        let mut found = Destinations::default();
        if let Some(entry) = find(entries, "allow") {
            found.allow = self.networks(here, &entry.value, &path.key("allow"));
        } else {
            let message = "expected the key `allow`, found none";
            let hint = "name the networks, `allow: [\"10.20.0.0/16\"]`, or remove `probe_destinations`";
            self.faults
                .at(here.file, node.at, path, message, Some(hint.to_owned()));
        }
        if let Some(entry) = find(entries, "ports") {
            found.ports = self.ports(here, &entry.value, &path.key("ports"));
        }
        self.plan.destinations = found;
    }

    fn ports(&mut self, here: Here<'_>, node: &Node<'_>, path: &KeyPath<'_>) -> Vec<RangeInclusive<u16>> {
        let mut ports = Vec::new();
        let Some(items) = self.list(here, node, path) else {
            return ports;
        };
        if items.len() > MAX_PORTS {
            let message = format!("expected at most {MAX_PORTS} ports, found {}", items.len());
            self.faults.at(here.file, node.at, path, message, None);
            return ports;
        }
        for (index, item) in items.iter().enumerate() {
            let path = path.index(index);
            let Some(text) = self.text(here, item, &path) else {
                continue;
            };
            match range(text) {
                Some(range) => ports.push(range),
                None => {
                    let message = format!("expected a port or a range of ports, found {}", quoted(text));
                    let hint = "write `5061` or `5061-5070`, within 1 to 65535";
                    self.faults
                        .at(here.file, item.at, &path, message, Some(hint.to_owned()));
                }
            }
        }
        ports
    }
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let port = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits
            .then(|| text.parse::<u16>().ok())
            .flatten()
            .filter(|port| *port > 0)
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = port(first)?..=port(last)?;
    (!range.is_empty()).then_some(range)
}
