//! From files to a plan.

mod destinations;
mod maintenance;
mod revocation;
mod web;

pub(crate) use maintenance::DAYS;
pub use web::load_web;

use crate::fault::{Fault, FaultList, Faults, KeyPath, Position, quoted, shown_path};
use crate::identities::GivenIdentity;
use crate::keys::{Section, is_meta_label, known_meta_label};
use crate::node::{self, Document, Entry, Node, Value};
use crate::plan::{Plan, PlannedTarget, ProbeSettings, absolute};
use crate::source::{self, MAX_FILES};
use crate::sources::Sources;
use crate::target::{Checker, Field, Given, GivenSettings, Names, name_fits};
use siptls_catalog::Profile;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// Most targets of one configuration.
pub const MAX_TARGETS: usize = 250_000;

/// What to write first.
const FIRST_LINES: &str = "start with `targets: [{name: NAME, endpoint: HOST}]`";

/// Label that carries a target's own key through service discovery: `__siptls_timeout`.
const META_PREFIX: &str = "__siptls_";

/// Label by which Prometheus hands a parameter to the prober of `/probe?module=`.
const META_MODULE: &str = "__param_module";

/// Reads and checks a configuration with everything it refers to.
///
/// # Errors
///
/// Every fault of the file and of the files it names, at once. A file that is no YAML hides what is in it and, if it is
/// the configuration itself, the files it names.
pub fn load(path: &Path) -> Result<Plan, Faults> {
    let mut faults = FaultList::default();
    let mut sources = Sources::default();
    sources.note(path);
    let file = faults.file(path);
    let text = match source::read(path, true) {
        Ok(bytes) => source::text(bytes, &file, &mut faults),
        Err(unreadable) => {
            let message = format!("expected a configuration file, found {}", unreadable.found);
            let hint = unreadable
                .hint
                .or_else(|| (!path.exists()).then(|| FIRST_LINES.to_owned()));
            faults.add(&file, None, &KeyPath::Root, message, hint);
            None
        }
    };
    match text {
        Some(text) => {
            let base = path.parent().unwrap_or(Path::new(""));
            read(&text, file, base, faults, sources)
        }
        None => Err(faults.finish().read_from(sources)),
    }
}

/// As [`load`], with the configuration's text at hand: `file` is its name in messages, `base_dir` the folder from which
/// its relative paths count.
///
/// # Errors
///
/// As [`load`].
pub fn load_str(text: &str, file: &Path, base_dir: &Path) -> Result<Plan, Faults> {
    let mut faults = FaultList::default();
    let file = faults.file(file);
    read(text, file, base_dir, faults, Sources::default())
}

fn read(
    text: &str,
    file: Rc<Path>,
    base: &Path,
    faults: FaultList,
    sources: Sources,
) -> Result<Plan, Faults> {
    let mut names = Names::default();
    names.sources = sources;
    names.files.push(file.to_path_buf());
    let mut loader = Loader {
        faults,
        names,
        plan: Plan::default(),
        places: HashMap::new(),
        profile_places: HashMap::new(),
        seen: HashSet::new(),
        full: false,
    };
    loader.configuration(text, &file, base);
    if !loader.faults.is_empty() {
        return Err(loader.faults.finish().read_from(loader.names.sources));
    }
    let mut plan = loader.plan;
    plan.by_name = plan
        .targets
        .iter()
        .enumerate()
        .map(|(index, planned)| (planned.target.name.clone(), index))
        .collect();
    plan.profiles = loader.names.profiles;
    plan.files = loader.names.files;
    plan.sources = loader.names.sources;
    Ok(plan)
}

pub(crate) struct Loader {
    pub(crate) faults: FaultList,
    names: Names,
    plan: Plan,
    /// Where the name of each target stands.
    places: HashMap<String, (Rc<Path>, Position)>,
    profile_places: HashMap<String, Rc<Path>>,
    /// Files of `target_files` and `profile_files` met so far.
    seen: HashSet<PathBuf>,
    /// [`MAX_TARGETS`] is exceeded and has its fault.
    full: bool,
}

/// The file being read and the folder from which its paths count.
#[derive(Clone, Copy)]
pub(crate) struct Here<'a> {
    pub(crate) file: &'a Rc<Path>,
    pub(crate) base: &'a Path,
}

impl Loader {
    fn configuration(&mut self, text: &str, file: &Rc<Path>, base: &Path) {
        let here = Here { file, base };
        let root = KeyPath::Root;
        let expected = "expected a configuration with `targets` or `target_files`";
        let hint = FIRST_LINES;
        let node = match node::parse(text, file, &mut self.faults) {
            Document::Value(node) => node,
            Document::Empty => {
                let message = format!("{expected}, found an empty file");
                return self.faults.add(file, None, &root, message, Some(hint.to_owned()));
            }
            Document::Unreadable => return,
        };
        let Value::Map(entries) = &node.value else {
            let message = format!("{expected}, found {}", node.found());
            return self
                .faults
                .at(file, node.at, &root, message, Some(hint.to_owned()));
        };
        self.check_keys(here, entries, Section::Root, &root);
        if let Some(entry) = find(entries, "profile_files") {
            self.profile_files(here, &entry.value);
        }
        if let Some(entry) = find(entries, "client_identities") {
            self.identities(here, &entry.value);
        }
        if let Some(entry) = find(entries, "probe") {
            self.plan.probe = self.probe(here, &entry.value, &root.key("probe"), &ProbeSettings::default());
        }
        let defaults = &self.plan.probe.clone();
        if let Some(entry) = find(entries, "catalog") {
            self.catalog(here, &entry.value, defaults);
        }
        if let Some(entry) = find(entries, "revocation") {
            self.revocation(here, &entry.value, &root.key("revocation"));
        }
        if let Some(entry) = find(entries, "probe_destinations") {
            self.destinations(here, &entry.value, &root.key("probe_destinations"));
        }
        if let Some(entry) = find(entries, "journal") {
            self.plan.journal = self.journal(here, &entry.value);
        }
        if let Some(entry) = find(entries, "targets") {
            self.targets(here, &entry.value, &root.key("targets"), defaults);
        }
        match find(entries, "target_files") {
            Some(entry) => self.target_files(here, &entry.value, defaults),
            None if ["targets", "catalog"]
                .iter()
                .all(|key| find(entries, key).is_none())
                && self.faults.is_empty() =>
            {
                let message = format!("{expected}, found neither");
                self.faults.at(
                    file,
                    node.at,
                    &root,
                    message,
                    Some("write `targets: []` for none".to_owned()),
                );
            }
            None => {}
        }
    }

    pub(crate) fn check_keys(
        &mut self,
        here: Here<'_>,
        entries: &[Entry<'_>],
        section: Section,
        path: &KeyPath<'_>,
    ) {
        for entry in entries {
            if !section.keys().contains(&entry.key.as_ref()) {
                let (message, hint) = section.unknown(&entry.key);
                self.faults
                    .at(here.file, entry.at, &path.key(&entry.key), message, hint);
            }
        }
    }

    fn probe(
        &mut self,
        here: Here<'_>,
        node: &Node<'_>,
        path: &KeyPath<'_>,
        defaults: &ProbeSettings,
    ) -> ProbeSettings {
        let Some(entries) = self.map(here, node, path) else {
            return defaults.clone();
        };
        self.check_keys(here, entries, Section::Probe, path);
        let mut given = GivenSettings::default();
        for entry in entries {
            let key = path.key(&entry.key);
            if entry.key == "maintenance" {
                given.maintenance = self.maintenance(here, &entry.value, &key);
            } else if Section::Probe.keys().contains(&entry.key.as_ref())
                && let Some(text) = self.text(here, &entry.value, &key)
            {
                given.set(
                    &entry.key,
                    Field {
                        text,
                        at: Some(entry.value.at),
                        key,
                    },
                );
            }
        }
        self.checker(here).settings(&given, defaults)
    }

    /// `client_identities`.
    fn identities(&mut self, here: Here<'_>, node: &Node<'_>) {
        let list = KeyPath::Root.key("client_identities");
        let Some(items) = self.list(here, node, &list) else {
            return;
        };
        for (index, item) in items.iter().enumerate() {
            let by_index = list.index(index);
            let Some(entries) = self.map(here, item, &by_index) else {
                continue;
            };
            let named = find(entries, "name").and_then(|entry| match &entry.value.value {
                Value::Scalar(text) if name_fits(text) => Some(list.named(text)),
                _ => None,
            });
            let path = named.as_ref().unwrap_or(&by_index);
            self.check_keys(here, entries, Section::Identity, path);
            let mut given = GivenIdentity::default();
            for key in Section::Identity.keys() {
                let Some(entry) = find(entries, key) else {
                    let message = format!("expected the key `{key}`, found none");
                    self.faults.at(here.file, item.at, path, message, None);
                    continue;
                };
                let key = path.key(key);
                if let Some(text) = self.text(here, &entry.value, &key) {
                    let at = Some(entry.value.at);
                    given.set(&entry.key, Field { text, at, key });
                }
            }
            if let Some(files) = self.checker(here).declare(&given) {
                self.plan.client_identities.push(files);
            }
        }
    }

    /// `targets`, or the items of a target file.
    fn targets(&mut self, here: Here<'_>, node: &Node<'_>, path: &KeyPath<'_>, defaults: &ProbeSettings) {
        let Some(items) = self.list(here, node, path) else {
            return;
        };
        for (index, item) in items.iter().enumerate() {
            if self.full {
                return;
            }
            let path = path.index(index);
            let Some(entries) = self.map(here, item, &path) else {
                continue;
            };
            self.target(here, item.at, entries, &path, defaults);
        }
    }

    fn target(
        &mut self,
        here: Here<'_>,
        at: Position,
        entries: &[Entry<'_>],
        by_index: &KeyPath<'_>,
        defaults: &ProbeSettings,
    ) {
        let name = find(entries, "name").map(|entry| &entry.value);
        let named = match (name.map(|node| &node.value), by_index) {
            (Some(Value::Scalar(text)), KeyPath::Index(list, _)) if name_fits(text) => Some(list.named(text)),
            _ => None,
        };
        let path = named.as_ref().unwrap_or(by_index);
        self.check_keys(here, entries, Section::Target, path);
        let labels_path = path.key("labels");
        let identities_path = path.key("client_identities");
        let mut given = Given::default();
        let mut broken = false;
        for entry in entries {
            let key = path.key(&entry.key);
            if entry.key == "labels" {
                let Some(labels) = self.map(here, &entry.value, &key) else {
                    continue;
                };
                for label in labels {
                    let key = labels_path.key(&label.key);
                    if let Some(text) = self.text(here, &label.value, &key) {
                        given.labels.push((
                            Field {
                                text: &label.key,
                                at: Some(label.at),
                                key,
                            },
                            Field {
                                text,
                                at: Some(label.value.at),
                                key,
                            },
                        ));
                    }
                }
            } else if entry.key == "maintenance" {
                given.settings.maintenance = self.maintenance(here, &entry.value, &key);
            } else if entry.key == "client_identities" {
                let names = self.list(here, &entry.value, &key).unwrap_or_default();
                let fields = names.iter().enumerate().filter_map(|(index, name)| {
                    let key = identities_path.index(index);
                    let text = self.text(here, name, &key)?;
                    let at = Some(name.at);
                    Some(Field { text, at, key })
                });
                given.client_identities = Some(fields.collect());
            } else if Section::Target.keys().contains(&entry.key.as_ref()) {
                match self.text(here, &entry.value, &key) {
                    Some(text) => given.set(
                        &entry.key,
                        Field {
                            text,
                            at: Some(entry.value.at),
                            key,
                        },
                    ),
                    None => broken = true,
                }
            }
        }
        for key in ["name", "endpoint"] {
            if find(entries, key).is_none() {
                self.faults.at(
                    here.file,
                    at,
                    path,
                    format!("expected the key `{key}`, found none"),
                    None,
                );
            }
        }
        let place = given.name.and_then(|field| field.at).unwrap_or(at);
        let planned = self.checker(here).target(&given, defaults, None);
        // A target with a fault still holds its name: a second one with the same name is found in the same run.
        match planned {
            Some(planned) if !broken => self.add(here, place, path, planned),
            _ => {
                if let Some(field) = given.name.filter(|field| name_fits(field.text)) {
                    self.claim(here, place, path, field.text);
                }
            }
        }
    }

    pub(crate) fn add(
        &mut self,
        here: Here<'_>,
        place: Position,
        path: &KeyPath<'_>,
        planned: PlannedTarget,
    ) {
        if self.plan.targets.len() >= MAX_TARGETS {
            self.full = true;
            let message = format!("expected at most {MAX_TARGETS} targets, found more");
            let hint = "divide them among several instances";
            return self
                .faults
                .at(here.file, place, path, message, Some(hint.to_owned()));
        }
        if self.claim(here, place, path, &planned.target.name) {
            self.plan.targets.push(planned);
        }
    }

    /// Takes a name for the target at a place; `false`, with a fault that names both, when it is taken.
    fn claim(&mut self, here: Here<'_>, place: Position, path: &KeyPath<'_>, name: &str) -> bool {
        if let Some((file, first)) = self.places.get(name) {
            let message = format!(
                "expected a name used once, found {} again after {}:{}:{}",
                quoted(name),
                shown_path(file),
                first.line,
                first.column
            );
            self.faults.at(here.file, place, path, message, None);
            return false;
        }
        self.places.insert(name.to_owned(), (Rc::clone(here.file), place));
        true
    }

    fn target_files(&mut self, here: Here<'_>, node: &Node<'_>, defaults: &ProbeSettings) {
        for (path, bytes) in self.files(here, node, "target_files") {
            let file = self.faults.file(&path);
            let Some(text) = source::text(bytes, &file, &mut self.faults) else {
                continue;
            };
            let base = path.parent().unwrap_or(Path::new("")).to_path_buf();
            self.target_file(
                &text,
                Here {
                    file: &file,
                    base: &base,
                },
                defaults,
            );
            if self.full {
                return;
            }
        }
    }

    fn target_file(&mut self, text: &str, here: Here<'_>, defaults: &ProbeSettings) {
        let expected = "expected targets or a file_sd list";
        let root = KeyPath::Root;
        let node = match node::parse(text, here.file, &mut self.faults) {
            Document::Value(node) => node,
            Document::Empty => {
                let hint = "write `[]` for no targets";
                let message = format!("{expected}, found an empty file");
                return self
                    .faults
                    .add(here.file, None, &root, message, Some(hint.to_owned()));
            }
            Document::Unreadable => return,
        };
        match &node.value {
            Value::Map(entries) => {
                self.check_keys(here, entries, Section::TargetFile, &root);
                let own = find(entries, "probe")
                    .map(|entry| self.probe(here, &entry.value, &root.key("probe"), defaults));
                let defaults = own.as_ref().unwrap_or(defaults);
                match find(entries, "targets") {
                    Some(entry) => self.targets(here, &entry.value, &root.key("targets"), defaults),
                    None => self.faults.at(
                        here.file,
                        node.at,
                        &root,
                        "expected the key `targets`, found none",
                        None,
                    ),
                }
            }
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    if self.full {
                        return;
                    }
                    let path = root.index(index);
                    let Some(entries) = self.map(here, item, &path) else {
                        continue;
                    };
                    if find(entries, "targets").is_some() {
                        self.group(here, entries, &path, defaults);
                    } else if find(entries, "endpoint").is_some() || find(entries, "name").is_some() {
                        self.target(here, item.at, entries, &path, defaults);
                    } else {
                        let message = "expected a target with `endpoint` or a file_sd list with `targets`, found neither";
                        self.faults.at(here.file, item.at, &path, message, None);
                    }
                }
            }
            _ => self.faults.at(
                here.file,
                node.at,
                &root,
                format!("{expected}, found {}", node.found()),
                None,
            ),
        }
    }

    /// An item of a Prometheus file_sd list: endpoints that share labels.
    fn group(&mut self, here: Here<'_>, entries: &[Entry<'_>], path: &KeyPath<'_>, defaults: &ProbeSettings) {
        self.check_keys(here, entries, Section::Group, path);
        let mut shared = Given::default();
        let labels_path = path.key("labels");
        let labels = find(entries, "labels").and_then(|entry| self.map(here, &entry.value, &labels_path));
        let mut module = None;
        for label in labels.unwrap_or_default() {
            let key = labels_path.key(&label.key);
            let meta = label.key.strip_prefix(META_PREFIX);
            if meta.is_none() && label.key.starts_with("__") && label.key != META_MODULE {
                continue;
            }
            let Some(text) = self.text(here, &label.value, &key) else {
                continue;
            };
            let field = Field {
                text,
                at: Some(label.value.at),
                key,
            };
            match meta {
                Some(name) if is_meta_label(name) => shared.set(name, field),
                Some(name) => {
                    let message = format!(
                        "expected `__siptls_` with a key of a target, found {}",
                        quoted(&label.key)
                    );
                    self.faults
                        .at(here.file, label.at, &key, message, known_meta_label(name));
                }
                None if label.key == META_MODULE => module = Some(field),
                None => shared.labels.push((
                    Field {
                        text: &label.key,
                        at: Some(label.at),
                        key,
                    },
                    field,
                )),
            }
        }
        shared.profile = shared.profile.or(module);
        let targets_path = path.key("targets");
        let Some(entry) = find(entries, "targets") else {
            return;
        };
        let Some(items) = self.list(here, &entry.value, &targets_path) else {
            return;
        };
        for (index, item) in items.iter().enumerate() {
            if self.full {
                return;
            }
            let key = targets_path.index(index);
            let Some(text) = self.text(here, item, &key) else {
                continue;
            };
            let mut given = shared.clone();
            given.endpoint = Some(Field {
                text,
                at: Some(item.at),
                key,
            });
            given.name_as_typed = Some(text);
            if let Some(planned) = self.checker(here).target(&given, defaults, None) {
                self.add(here, item.at, &key, planned);
            }
        }
    }

    fn profile_files(&mut self, here: Here<'_>, node: &Node<'_>) {
        for (path, bytes) in self.files(here, node, "profile_files") {
            let file = self.faults.file(&path);
            let Some(text) = source::text(bytes, &file, &mut self.faults) else {
                self.names.profiles_missing = true;
                continue;
            };
            let profile = match Profile::from_yaml(&text) {
                Ok(profile) => profile,
                Err(error) => {
                    self.names.profiles_missing = true;
                    for fault in error.faults {
                        let fault = Fault {
                            file: path.clone(),
                            line: (fault.line > 0).then_some(fault.line),
                            column: None,
                            key: fault.key,
                            message: format!("expected {}, found {}", fault.expected, fault.found),
                            hint: fault.nearest.map(|name| format!("did you mean `{name}`?")),
                        };
                        self.faults.push(&file, fault);
                    }
                    continue;
                }
            };
            if let Some(first) = self.profile_places.get(&profile.name) {
                let message = format!(
                    "expected a profile name used once, found {} again after {}",
                    quoted(&profile.name),
                    shown_path(first)
                );
                self.faults
                    .add(&file, None, &KeyPath::Root.key("name"), message, None);
                continue;
            }
            self.profile_places.insert(profile.name.clone(), file);
            self.names
                .profiles
                .insert(profile.name.clone(), Arc::new(profile));
            self.plan.profile_files.push(absolute(&path));
        }
    }

    /// The files that a list of paths and patterns names, each once, with their bytes.
    fn files(&mut self, here: Here<'_>, node: &Node<'_>, key: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let path = KeyPath::Root.key(key);
        let mut files = Vec::new();
        let Some(items) = self.list(here, node, &path) else {
            return files;
        };
        for (index, item) in items.iter().enumerate() {
            let path = path.index(index);
            let Some(pattern) = self.text(here, item, &path) else {
                continue;
            };
            let all = source::expand(
                pattern,
                here.base,
                here.file,
                item.at,
                &path,
                &mut self.faults,
                &mut self.names.sources,
            );
            for found in all {
                let same = std::fs::canonicalize(&found).unwrap_or_else(|_| absolute(&found));
                if !self.seen.insert(same) {
                    continue;
                }
                if self.seen.len() > MAX_FILES {
                    let message = format!("expected at most {MAX_FILES} files, found more");
                    self.faults.at(here.file, item.at, &path, message, None);
                    return files;
                }
                match source::read(&found, false) {
                    Ok(bytes) => {
                        self.names.files.push(found.clone());
                        files.push((found, bytes));
                    }
                    Err(unreadable) => {
                        let message = format!(
                            "expected a readable file, found {} at `{}`",
                            unreadable.found,
                            shown_path(&found)
                        );
                        let hint = unreadable.hint.or_else(|| {
                            found
                                .is_dir()
                                .then(|| format!("name the files in it, such as `{pattern}/*.yaml`"))
                        });
                        self.faults.at(here.file, item.at, &path, message, hint);
                    }
                }
            }
        }
        files
    }

    pub(crate) fn checker<'a>(&'a mut self, here: Here<'a>) -> Checker<'a> {
        Checker {
            file: here.file,
            base: here.base,
            names: &mut self.names,
            faults: &mut self.faults,
        }
    }

    pub(crate) fn map<'n, 's>(
        &mut self,
        here: Here<'_>,
        node: &'n Node<'s>,
        path: &KeyPath<'_>,
    ) -> Option<&'n [Entry<'s>]> {
        match &node.value {
            Value::Map(entries) => Some(entries),
            _ => self.other(here, node, path, "a mapping", None),
        }
    }

    pub(crate) fn list<'n, 's>(
        &mut self,
        here: Here<'_>,
        node: &'n Node<'s>,
        path: &KeyPath<'_>,
    ) -> Option<&'n [Rc<Node<'s>>]> {
        let hint = match &node.value {
            Value::List(items) => return Some(items),
            Value::Null => Some("write `[]` for none"),
            Value::Scalar(_) => Some("put it into brackets: `[…]`"),
            Value::Map(_) => Some("begin each item with `- `"),
            Value::Broken => None,
        };
        self.other(here, node, path, "a list", hint)
    }

    pub(crate) fn text<'n>(
        &mut self,
        here: Here<'_>,
        node: &'n Node<'_>,
        path: &KeyPath<'_>,
    ) -> Option<&'n str> {
        match &node.value {
            Value::Scalar(text) => Some(text),
            Value::Null => self.other(
                here,
                node,
                path,
                "a text",
                Some("remove the key, or write its value"),
            ),
            _ => self.other(here, node, path, "a text", None),
        }
    }

    fn other<T>(
        &mut self,
        here: Here<'_>,
        node: &Node<'_>,
        path: &KeyPath<'_>,
        expected: &str,
        hint: Option<&str>,
    ) -> Option<T> {
        if !matches!(node.value, Value::Broken) {
            let message = format!("expected {expected}, found {}", node.found());
            self.faults
                .at(here.file, node.at, path, message, hint.map(str::to_owned));
        }
        None
    }
}

pub(crate) fn find<'n, 's>(entries: &'n [Entry<'s>], key: &str) -> Option<&'n Entry<'s>> {
    entries.iter().find(|entry| entry.key == key)
}
