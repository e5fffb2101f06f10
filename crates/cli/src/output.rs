//! The one writer of data: standard output or a file.

use crate::failure::Failure;
use anstream::adapter::strip_str;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Columns taken when the width of the terminal is not known.
const DEFAULT_WIDTH: usize = 80;

/// Least and most columns of text: narrower does not fit a check's name, wider is hard to read.
const WIDTHS: (usize, usize) = (60, 120);

/// Where a command writes its data. A reader that went away is no fault: what follows is dropped.
pub(crate) enum Output {
    /// Standard output, with colours when it is a terminal and nobody objects.
    Standard {
        /// The reader went away.
        closed: bool,
    },
    /// A file, without colours.
    File { path: PathBuf, file: File },
}

impl Output {
    /// Standard output.
    pub(crate) const fn standard() -> Self {
        Self::Standard { closed: false }
    }

    /// The file at `path`, emptied; standard output without one.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self::standard());
        };
        let file = File::create(path).map_err(|source| Failure::Output {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self::File {
            path: path.to_owned(),
            file,
        })
    }

    /// Columns of text that fit.
    pub(crate) fn width(&self) -> usize {
        let width = match self {
            Self::Standard { .. } => {
                terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0))
            }
            Self::File { .. } => None,
        };
        let (least, most) = WIDTHS;
        width.unwrap_or(DEFAULT_WIDTH).clamp(least, most)
    }

    /// Writes text that may have colours in it, at once.
    pub(crate) fn write(&mut self, text: &str) -> Result<(), Failure> {
        match self {
            Self::Standard { closed: true } => Ok(()),
            Self::Standard { closed } => {
                let mut stdout = anstream::stdout().lock();
                match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
                    Ok(()) => Ok(()),
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                        *closed = true;
                        Ok(())
                    }
                    Err(source) => Err(Failure::StandardOutput { source }),
                }
            }
            Self::File { path, file } => {
                file.write_all(strip_str(text).to_string().as_bytes())
                    .map_err(|source| Failure::Output {
                        path: path.clone(),
                        source,
                    })
            }
        }
    }
}
