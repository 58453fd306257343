//! Why a journal cannot be opened.

use std::{error::Error, fmt, io, path::PathBuf};

use crate::store::StoreError;

/// Why a journal cannot be opened.
#[derive(Debug)]
pub enum JournalError {
    /// Another server has it open.
    InUse(PathBuf),
    /// The file that should hold the server's id holds something else.
    Node(PathBuf),
    /// The disk refuses.
    Io(io::Error),
    /// The database does not tell how far it has got.
    Store(StoreError),
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(path) => write!(
                f,
                "another server uses the journal in {}; each needs a directory of its own",
                path.display()
            ),
            Self::Node(path) => write!(f, "{} does not hold a server's id", path.display()),
            Self::Io(error) => write!(f, "journal: {error}"),
            Self::Store(error) => write!(f, "journal: {error}"),
        }
    }
}

impl Error for JournalError {}

impl From<io::Error> for JournalError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<StoreError> for JournalError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
