//! The way of every [`Record`] to the database.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::json;

use crate::record::Record;

/// Takes records down. Clones share one journal.
#[derive(Clone, Debug)]
pub struct Journal {
    file: Arc<Mutex<Option<File>>>,
}

impl Journal {
    /// A journal of lines in a directory; none are kept without one.
    pub(crate) fn to_lines(directory: Option<&Path>) -> io::Result<Self> {
        let file = directory.map(|directory| {
            std::fs::create_dir_all(directory)?;
            File::create(directory.join("records"))
        });
        Ok(Self {
            file: Arc::new(Mutex::new(file.transpose()?)),
        })
    }

    /// Hands `record` over, without waiting.
    pub fn write(&self, record: Record) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &mut *file {
            let _ = writeln!(file, "{}", json!({ "record": record }));
        }
    }
}
