//! Messages of a bidirectional stream: strict in what is taken, exact in what is sent.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::Deserialize;
use serde_json::{Value, json};

/// What a server may send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Media(Vec<u8>),
    Mark(String),
    Clear,
}

/// Reads one text message, which must be exactly as documented: these keys and no others, this
/// stream. The error says what is wrong; Twilio would say 31951 to all of it.
pub(crate) fn read(text: &str, stream_sid: &str) -> Result<Command, String> {
    let Kind { event } = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let (sid, command) = match event.as_str() {
        "media" => {
            let message: Media = serde_json::from_str(text).map_err(|error| error.to_string())?;
            let audio = BASE64_STANDARD
                .decode(&message.media.payload)
                .map_err(|error| format!("media.payload: {error}"))?;
            if audio.is_empty() {
                return Err("media.payload is empty".into());
            }
            (message.stream_sid, Command::Media(audio))
        }
        "mark" => {
            let message: Mark = serde_json::from_str(text).map_err(|error| error.to_string())?;
            (message.stream_sid, Command::Mark(message.mark.name))
        }
        "clear" => {
            let message: Clear = serde_json::from_str(text).map_err(|error| error.to_string())?;
            (message.stream_sid, Command::Clear)
        }
        other => return Err(format!("unknown event '{other}'")),
    };
    if sid != stream_sid {
        return Err(format!(
            "streamSid is not that of this stream, {stream_sid}"
        ));
    }
    Ok(command)
}

/// Numbers and writes the messages of one stream.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) account_sid: String,
    pub(crate) call_sid: String,
    pub(crate) stream_sid: String,
    sequence: u64,
    chunk: u64,
}

impl Writer {
    pub(crate) fn new(account_sid: &str, call_sid: &str, stream_sid: &str) -> Self {
        Self {
            account_sid: account_sid.to_owned(),
            call_sid: call_sid.to_owned(),
            stream_sid: stream_sid.to_owned(),
            sequence: 0,
            chunk: 0,
        }
    }

    pub(crate) fn connected(&self) -> Value {
        json!({ "event": "connected", "protocol": "Call", "version": "1.0.0" })
    }

    pub(crate) fn start(&mut self, parameters: &[(String, String)]) -> Value {
        let parameters: Value = parameters
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        let start = json!({
            "accountSid": self.account_sid,
            "streamSid": self.stream_sid,
            "callSid": self.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": { "encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1 },
            "customParameters": parameters,
        });
        self.message("start", "start", start)
    }

    /// `timestamp_ms` counts from the start of the stream.
    pub(crate) fn media(&mut self, timestamp_ms: u64, mulaw: &[u8]) -> Value {
        self.chunk += 1;
        let media = json!({
            "track": "inbound",
            "chunk": self.chunk.to_string(),
            "timestamp": timestamp_ms.to_string(),
            "payload": BASE64_STANDARD.encode(mulaw),
        });
        self.message("media", "media", media)
    }

    /// As [`media`](Self::media), as text and at a tenth of the cost: for a thousand calls at a time.
    pub(crate) fn media_text(&mut self, timestamp_ms: u64, mulaw: &[u8]) -> String {
        self.chunk += 1;
        self.sequence += 1;
        format!(
            r#"{{"event":"media","sequenceNumber":"{}","media":{{"track":"inbound","chunk":"{}","timestamp":"{timestamp_ms}","payload":"{}"}},"streamSid":"{}"}}"#,
            self.sequence,
            self.chunk,
            BASE64_STANDARD.encode(mulaw),
            self.stream_sid,
        )
    }

    pub(crate) fn dtmf(&mut self, digit: char) -> Value {
        self.message(
            "dtmf",
            "dtmf",
            json!({ "track": "inbound_track", "digit": digit }),
        )
    }

    pub(crate) fn mark(&mut self, name: &str) -> Value {
        self.message("mark", "mark", json!({ "name": name }))
    }

    pub(crate) fn stop(&mut self) -> Value {
        let stop = json!({ "accountSid": self.account_sid, "callSid": self.call_sid });
        self.message("stop", "stop", stop)
    }

    fn message(&mut self, event: &str, key: &str, body: Value) -> Value {
        self.sequence += 1;
        json!({
            "event": event,
            "sequenceNumber": self.sequence.to_string(),
            key: body,
            "streamSid": self.stream_sid,
        })
    }
}

#[derive(Deserialize)]
struct Kind {
    event: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Media {
    #[serde(rename = "event")]
    _event: String,
    #[serde(rename = "streamSid")]
    stream_sid: String,
    media: Payload,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    payload: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    #[serde(rename = "event")]
    _event: String,
    #[serde(rename = "streamSid")]
    stream_sid: String,
    mark: Name,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Name {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clear {
    #[serde(rename = "event")]
    _event: String,
    #[serde(rename = "streamSid")]
    stream_sid: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_documented_messages_are_taken_in_any_key_order() {
        let media = r#"{"media":{"payload":"\/\/8="},"event":"media","streamSid":"MZ1"}"#;
        assert_eq!(read(media, "MZ1"), Ok(Command::Media(vec![0xFF, 0xFF])));
        let mark = r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"a:1"}}"#;
        assert_eq!(read(mark, "MZ1"), Ok(Command::Mark("a:1".into())));
        assert_eq!(
            read(r#"{"event":"clear","streamSid":"MZ1"}"#, "MZ1"),
            Ok(Command::Clear)
        );
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "[]",
            "not json",
            r#"{"event":"clear"}"#,
            r#"{"event":"clear","streamSid":"MZ2"}"#,
            r#"{"event":"clear","stream_sid":"MZ1"}"#,
            r#"{"event":"clear","streamSid":"MZ1","sequenceNumber":"1"}"#,
            r#"{"event":"clear","streamSid":"MZ1","streamSid":"MZ1"}"#,
            r#"{"event":"dtmf","streamSid":"MZ1"}"#,
            r#"{"event":"mark","streamSid":"MZ1","mark":{"name":1}}"#,
            r#"{"event":"mark","streamSid":"MZ1","mark":{}}"#,
            r#"{"event":"media","streamSid":"MZ1","media":{"payload":"//8"}}"#,
            r#"{"event":"media","streamSid":"MZ1","media":{"payload":"//9="}}"#,
            r#"{"event":"media","streamSid":"MZ1","media":{"payload":"__8="}}"#,
            r#"{"event":"media","streamSid":"MZ1","media":{"payload":""}}"#,
            r#"{"event":"media","streamSid":"MZ1","media":{"payload":"//8=","track":"outbound"}}"#,
            r#"{"event":"media","streamSid":"MZ1","media":{"payload":"//8="}} x"#,
        ] {
            assert!(read(text, "MZ1").is_err(), "{text}");
        }
    }

    #[test]
    fn messages_number_themselves_in_strings() {
        let mut writer = Writer::new("AC1", "CA1", "MZ1");
        let start = writer.start(&[("token".into(), "t".into())]);
        assert_eq!(start["sequenceNumber"], "1");
        assert_eq!(start["start"]["mediaFormat"]["sampleRate"], 8000);
        assert_eq!(start["start"]["customParameters"], json!({ "token": "t" }));
        let first = writer.media(0, &[0xFF; 3]);
        assert_eq!(
            (&first["sequenceNumber"], &first["media"]["chunk"]),
            (&json!("2"), &json!("1"))
        );
        writer.dtmf('#');
        let mut twin = Writer {
            sequence: 3,
            chunk: 1,
            ..Writer::new("AC1", "CA1", "MZ1")
        };
        let text = twin.media_text(20, &[0xFF; 3]);
        let second = writer.media(20, &[0xFF; 3]);
        assert_eq!(text, second.to_string());
        assert_eq!(
            second,
            json!({
                "event": "media", "sequenceNumber": "4", "streamSid": "MZ1",
                "media": { "track": "inbound", "chunk": "2", "timestamp": "20", "payload": "////" }
            })
        );
        assert_eq!(
            writer.stop()["stop"],
            json!({ "accountSid": "AC1", "callSid": "CA1" })
        );
    }
}
