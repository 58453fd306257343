//! What the libraries have to say, in the same log.

use std::{fmt::Debug, sync::Arc};

use serde_json::{Map, Value};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::log::Log;

/// Hands warnings and errors of libraries over to `log`, for as long as the process lives.
pub(crate) fn install(log: Arc<Log>) {
    let subscriber = tracing_subscriber::registry().with(Warnings { log });
    // There is one already in tests that start several servers in one process.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

struct Warnings {
    log: Arc<Log>,
}

impl<S: Subscriber> Layer<S> for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        fields
            .0
            .insert("library".to_owned(), metadata.target().into());
        let level = metadata.level().as_str().to_lowercase();
        fields.0.insert("level".to_owned(), level.into());
        self.log.write("library", Value::Object(fields.0));
    }
}

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        let cut = text.floor_char_boundary(MAX_FIELD.min(text.len()));
        self.0.insert(field.name().to_owned(), text[..cut].into());
    }
}

/// A statement of SQL may be long, and is no news.
const MAX_FIELD: usize = 300;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::LogFormat;

    #[test]
    fn warnings_of_libraries_are_lines_and_their_chatter_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let log = Arc::new(Log::open(Some(&path), LogFormat::Json).unwrap());
        let layer = Warnings {
            log: Arc::clone(&log),
        };
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(target: "sqlx", elapsed = ?"2s", "slow statement");
            tracing::info!(target: "sqlx", "connected");
        });
        log.close();
        let lines = fs::read_to_string(path).unwrap();
        assert_eq!(lines.lines().count(), 1, "{lines}");
        let line: Value = serde_json::from_str(&lines).unwrap();
        assert_eq!(
            (&line["event"], &line["library"]),
            (&"library".into(), &"sqlx".into())
        );
        assert_eq!(
            (&line["level"], &line["message"]),
            (&"warn".into(), &"slow statement".into())
        );
    }
}
