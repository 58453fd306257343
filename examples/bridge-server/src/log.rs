//! Lines of JSON or text, written by a thread of their own so that no call waits for a disk or a terminal.

use std::{
    fs::OpenOptions,
    io::{self, BufWriter, Write},
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
    },
    thread::JoinHandle,
    time::{SystemTime, UNIX_EPOCH},
};

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::config::LogFormat;

/// Where log lines go. They hold no words of a call, no telephone numbers and no secrets.
pub(crate) struct Log {
    format: LogFormat,
    lines: SyncSender<Option<String>>,
    dropped: AtomicU64,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Log {
    /// Appends to the file at `path`, or writes to standard output.
    pub(crate) fn open(path: Option<&Path>, format: LogFormat) -> io::Result<Self> {
        let output: Box<dyn Write + Send> = match path {
            Some(path) => Box::new(OpenOptions::new().create(true).append(true).open(path)?),
            None => Box::new(io::stdout()),
        };
        let (lines, queue) = sync_channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_lines(&queue, BufWriter::new(output)))?;
        Ok(Self {
            format,
            lines,
            dropped: AtomicU64::new(0),
            writer: Mutex::new(Some(writer)),
        })
    }

    /// Writes one line: the members of `fields` after the time and `event`.
    ///
    /// Never waits: a line for which there is no room is dropped and counted in the next one.
    pub(crate) fn write(&self, event: &str, fields: Value) {
        let mut line = Map::new();
        line.insert("unix_us".to_owned(), unix_us().into());
        line.insert("event".to_owned(), event.into());
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            line.insert("lines_dropped_before".to_owned(), dropped.into());
        }
        if let Value::Object(fields) = fields {
            line.extend(fields);
        }
        let line = match self.format {
            LogFormat::Json => Value::Object(line).to_string(),
            LogFormat::Text => text(&line),
        };
        if self.lines.try_send(Some(line)).is_err() {
            self.dropped.fetch_add(dropped + 1, Ordering::Relaxed);
        }
    }

    /// Writes what is queued and ends; later lines are dropped.
    pub(crate) fn close(&self) {
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // A send fails only if the writer is gone, and then there is nothing to wait for.
        if let Some(writer) = writer
            && self.lines.send(None).is_ok()
        {
            let _ = writer.join();
        }
    }
}

fn write_lines(queue: &Receiver<Option<String>>, mut output: impl Write) {
    while let Ok(Some(line)) = queue.recv() {
        let mut next = Some(line);
        // One flush for all that came meanwhile.
        let is_last = loop {
            match next {
                Some(line) => {
                    // A full disk or a closed pipe costs lines, never calls.
                    let _ = writeln!(output, "{line}");
                }
                None => break true,
            }
            next = match queue.try_recv() {
                Ok(line) => line,
                Err(TryRecvError::Empty) => break false,
                Err(TryRecvError::Disconnected) => break true,
            };
        };
        let _ = output.flush();
        if is_last {
            return;
        }
    }
}

/// Time, event and `name=value` pairs, the values as JSON.
fn text(line: &Map<String, Value>) -> String {
    let unix_us = line["unix_us"].as_i64().unwrap_or_default();
    let time = Timestamp::from_microsecond(unix_us).unwrap_or_default();
    let mut text = format!("{time:.3} {}", line["event"].as_str().unwrap_or_default());
    for (name, value) in line
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "unix_us" | "event"))
    {
        text.push_str(&format!(" {name}={value}"));
    }
    text
}

fn unix_us() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Lines held while the output is slow.
const QUEUE: usize = 4096;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_of_text_has_time_event_and_pairs() {
        let line =
            json!({ "unix_us": 1_795_862_096_789_012_u64, "event": "busy", "n": 1, "s": "a b" });
        let Value::Object(line) = line else {
            unreachable!("an object")
        };
        assert_eq!(text(&line), r#"2026-11-28T10:34:56.789Z busy n=1 s="a b""#);
    }
}
