//! The way of every [`Record`] to the database.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::mpsc::{Sender, channel},
};

use serde_json::json;

use crate::record::Record;

/// Takes records down. Clones share one journal.
#[derive(Clone, Debug)]
pub struct Journal {
    records: Sender<Record>,
}

impl Journal {
    /// A journal of lines in a directory; none are kept without one.
    pub(crate) fn to_lines(directory: Option<&Path>) -> io::Result<Self> {
        let (records, queue) = channel();
        let file = directory.map(|directory| {
            std::fs::create_dir_all(directory)?;
            File::create(directory.join("records"))
        });
        let mut file = file.transpose()?;
        std::thread::spawn(move || {
            for (seq, record) in queue.iter().enumerate() {
                if let Some(file) = &mut file {
                    let _ = writeln!(file, "{}", json!({ "seq": seq, "record": record }));
                }
            }
        });
        Ok(Self { records })
    }

    /// Hands `record` over, without waiting.
    pub fn write(&self, record: Record) {
        let _ = self.records.send(record);
    }
}
