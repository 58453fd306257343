//! The way of every [`Record`] to the database.

use tokio::sync::mpsc;

use crate::record::Record;

/// Takes records down. Clones share one journal.
#[derive(Clone, Debug)]
pub struct Journal {
    records: mpsc::UnboundedSender<Record>,
}

impl Journal {
    /// Forgets everything.
    pub fn none() -> Self {
        Self {
            records: mpsc::unbounded_channel().0,
        }
    }

    /// Hands `record` over, without waiting.
    pub fn write(&self, record: Record) {
        let _ = self.records.send(record);
    }
}
