//! The roots of `trust_anchors`: a file in PEM or DER, or a folder of such files.

use crate::fault::shown_path;
use crate::plan::absolute;
use crate::source;
use crate::sources::Sources;
use siptls_catalog::RootSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most files of one folder: system stores have some 150.
const MAX_FOLDER_FILES: usize = 1_000;

/// Ends of the names of files with certificates. Links named by hash (`930ac5d2.0`) repeat them.
const EXTENSIONS: [&str; 4] = ["pem", "crt", "cer", "der"];

/// Why there are no roots.
#[derive(Clone)]
pub(crate) struct NoRoots {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl NoRoots {
    fn new(message: String) -> Self {
        Self { message, hint: None }
    }
}

/// Reads the roots at a path, and notes in `files` what was read and in `sources` what to watch.
pub(crate) fn read(
    path: &Path,
    files: &mut Vec<PathBuf>,
    sources: &mut Sources,
) -> Result<Arc<RootSet>, NoRoots> {
    if !path.is_dir() {
        return Ok(Arc::new(read_file(path, files, sources)?));
    }
    let shown = shown_path(path);
    let pattern = format!("{}/*", glob::Pattern::escape(&absolute(path).to_string_lossy()));
    sources.note_pattern(&pattern);
    let has_certificates = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| EXTENSIONS.iter().any(|one| extension.eq_ignore_ascii_case(one)))
    };
    let mut found: Vec<PathBuf> = source::matches(&pattern)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .collect();
    // Also what is not read, or the next look would take it for new.
    found.iter().for_each(|path| sources.note(path));
    found.retain(has_certificates);
    if found.is_empty() {
        return Err(NoRoots::new(format!(
            "expected a folder with certificates (*.{}), found none in `{shown}`",
            EXTENSIONS.join(", *.")
        )));
    }
    if found.len() > MAX_FOLDER_FILES {
        return Err(NoRoots::new(format!(
            "expected at most {MAX_FOLDER_FILES} files with certificates in a folder, found {} in `{shown}`",
            found.len()
        )));
    }
    let mut certificates = Vec::new();
    for file in found {
        // As it was written, not as the file system is asked.
        let file = file.file_name().map_or(file.clone(), |name| path.join(name));
        let roots = read_file(&file, files, sources)?;
        for root in roots.roots() {
            certificates.push(root.certificate.clone());
            certificates.extend(root.copies.iter().cloned());
        }
    }
    Ok(Arc::new(RootSet::from_certificates(&shown, certificates)))
}

fn read_file(path: &Path, files: &mut Vec<PathBuf>, sources: &mut Sources) -> Result<RootSet, NoRoots> {
    let shown = shown_path(path);
    let path = absolute(path);
    sources.note(&path);
    let bytes = source::read(&path, false).map_err(|unreadable| NoRoots {
        message: format!(
            "expected a file with certificates, found {} at `{shown}`",
            unreadable.found
        ),
        hint: unreadable.hint,
    })?;
    files.push(path);
    RootSet::from_pem_or_der(&shown, &bytes).map_err(|error| {
        NoRoots::new(format!(
            "expected a file with certificates, found `{shown}`: {error}"
        ))
    })
}
