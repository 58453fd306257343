//! What happens, as it happens: one JSON object per event.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// Where the simulators report. Every record is an object with `t` (seconds on the shared clock),
/// `source` (`twilio` or `openai`), `kind`, and fields that depend on the kind. Clones report to
/// the same place.
#[derive(Clone, Default)]
pub struct Log {
    sink: Option<Arc<dyn Sink>>,
}

impl Log {
    /// Reports nowhere.
    pub fn none() -> Self {
        Self::default()
    }

    /// Calls `sink` with each record, on the simulator's own task: it must not block.
    pub fn to_fn(sink: impl Fn(&Value) + Send + Sync + 'static) -> Self {
        Self {
            sink: Some(Arc::new(sink)),
        }
    }

    /// Writes each record as one line, in one piece, so that whoever follows the log never reads half
    /// of one, and flushes it. A failing writer is ignored: a full disk must not end a call.
    pub fn to_writer(writer: impl Write + Send + 'static) -> Self {
        let writer = Mutex::new(writer);
        Self::to_fn(move |record| {
            let mut writer = writer.lock().unwrap_or_else(|broken| broken.into_inner());
            let line = format!("{record}\n");
            let _ = writer
                .write_all(line.as_bytes())
                .and_then(|()| writer.flush());
        })
    }

    /// The same without what happens for every frame of audio: `media`, and the appends and deltas
    /// of the Realtime side.
    pub fn without_media(self) -> Self {
        match self.sink {
            None => self,
            Some(sink) => Self::to_fn(move |record| {
                let event = record["event"]["type"].as_str().unwrap_or_default();
                let audio =
                    ["input_audio_buffer.append", "response.output_audio.delta"].contains(&event);
                if record["kind"] != "media" && !audio {
                    sink(record);
                }
            }),
        }
    }

    /// Whether anybody listens.
    pub(crate) fn is_on(&self) -> bool {
        self.sink.is_some()
    }

    /// Reports one record; `fields` is an object whose keys are added.
    pub(crate) fn report(&self, time: Duration, source: &str, kind: &str, fields: Value) {
        let Some(sink) = &self.sink else { return };
        let seconds = (time.as_secs_f64() * 1e6).round() / 1e6;
        let mut record = json!({ "t": seconds, "source": source, "kind": kind });
        if let (Value::Object(record), Value::Object(fields)) = (&mut record, fields) {
            record.extend(fields);
        }
        sink(&record);
    }
}

/// What takes a record.
trait Sink: Fn(&Value) + Send + Sync {}

impl<F: Fn(&Value) + Send + Sync> Sink for F {}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.sink.is_some() {
            "Log(on)"
        } else {
            "Log(off)"
        })
    }
}
