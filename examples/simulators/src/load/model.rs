//! The model of a load: as little of a Realtime service as a call needs.
//!
//! The full simulator keeps every event, listens to each sample and decides by what it hears; a
//! thousand calls on the machine that also runs the server under test need something leaner. This one
//! checks what it is told by the same rules, tells the caller by what the caller says, and answers
//! every utterance with the same audio.

mod answer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep_until;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use self::answer::{Answer, Audio};
use super::shared::{Line, Shared, lock};
use super::signal::{Ear, Heard};
use super::{CYCLE_FRAMES, FIRST_UTTERANCE};
use crate::audio::mulaw_decode;
use crate::openai;
use crate::openai::config::{Config, Format};
use crate::openai::handshake::Client;

/// Takes connections for ever.
pub(super) async fn serve(shared: Arc<Shared>, listener: TcpListener) {
    let audio = Arc::new(Audio::new());
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (shared, audio) = (Arc::clone(&shared), Arc::clone(&audio));
                tokio::spawn(async move { session(&shared, &audio, stream).await });
            }
            // Out of descriptors, most likely.
            Err(error) => {
                shared.violation(&format!("model: cannot accept: {error}"));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn session(shared: &Shared, audio: &Audio, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut client = Client::default();
    let config = WebSocketConfig::default()
        .read_buffer_size(16 << 10)
        .write_buffer_size(0);
    let upgrade =
        tokio_tungstenite::accept_hdr_async_with_config(stream, &mut client, Some(config));
    let Ok(socket) = upgrade.await else {
        return shared.violation("model: the upgrade failed");
    };
    if let Some((error, _)) = client.refusal(&openai::Options::default()) {
        return shared.violation(&format!("model: {}", error.message));
    }
    let mut session = Session {
        shared,
        audio,
        socket,
        config: Config::new(
            "sess_load",
            &client.model.unwrap_or_default(),
            u64::MAX >> 12,
        ),
        formats: (Format::Pcm, Format::Pcm),
        ear: Ear::new(Format::Pcm.rate_hz()),
        line: None,
        is_asked: false,
        answer: None,
        answers: 0,
        samples: Vec::new(),
    };
    // A server that hangs up in the middle is what its call tells.
    let _ = session.run().await;
}

struct Session<'shared> {
    shared: &'shared Shared,
    audio: &'shared Audio,
    socket: WebSocketStream<TcpStream>,
    config: Config,
    /// What the configuration says of audio from the server and to it.
    formats: (Format, Format),
    ear: Ear,
    /// The call, once its caller has spoken.
    line: Option<&'shared Line>,
    /// A response was asked for before it was known whose.
    is_asked: bool,
    answer: Option<Answer>,
    answers: u32,
    samples: Vec<i16>,
}

/// What of a client event matters here.
#[derive(Deserialize)]
struct ClientEvent<'text> {
    #[serde(rename = "type", borrow)]
    kind: std::borrow::Cow<'text, str>,
    #[serde(borrow)]
    audio: Option<std::borrow::Cow<'text, str>>,
}

impl Session<'_> {
    async fn run(&mut self) -> Result<(), Error> {
        let created = json!({ "session": self.config.session });
        self.send("session.created", created).await?;
        loop {
            let due = self.answer.as_ref().map(Answer::next_time);
            let message = tokio::select! {
                biased;
                () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => None,
                message = self.socket.next() => Some(message),
            };
            match message {
                None => self.go_on(due.unwrap_or_else(Instant::now)).await?,
                Some(Some(Ok(Message::Text(text)))) => self.receive(&text).await?,
                Some(Some(Ok(Message::Close(_))) | None) => return self.socket.close(None).await,
                Some(Some(Ok(Message::Binary(_)))) => {
                    self.shared.violation("model: binary message");
                }
                Some(Some(Ok(_))) => {}
                Some(Some(Err(error))) => return Err(error),
            }
        }
    }

    async fn receive(&mut self, text: &str) -> Result<(), Error> {
        let now = Instant::now();
        let event: ClientEvent<'_> = match serde_json::from_str(text) {
            Ok(event) => event,
            Err(error) => {
                self.shared.violation(&format!("model: {error}"));
                return Ok(());
            }
        };
        if let ("input_audio_buffer.append", Some(audio)) = (&*event.kind, &event.audio) {
            return self.append(now, audio).await;
        }
        let event: Value = serde_json::from_str(text).unwrap_or_default();
        match event["type"].as_str().unwrap_or_default() {
            "session.update" => match self.config.update(&event["session"], self.answers > 0) {
                Ok(()) => {
                    self.formats = (self.config.input_format(), self.config.output_format());
                    if self.ear.position() == 0 {
                        self.ear = Ear::new(self.formats.0.rate_hz());
                    }
                    let session = json!({ "session": self.config.session });
                    self.send("session.updated", session).await
                }
                Err(error) => {
                    self.shared.violation(&format!("model: {}", error.message));
                    let fields = json!({ "error": error.to_json(None) });
                    self.send("error", fields).await
                }
            },
            "response.create" if self.line.is_none() => {
                self.is_asked = true;
                Ok(())
            }
            "response.create" => self.begin_answer(Duration::ZERO).await,
            "response.cancel" => match self.answer.take() {
                Some(answer) => {
                    let done = answer.done("cancelled");
                    self.send("response.done", done).await
                }
                None => Ok(()),
            },
            "conversation.item.truncate" => {
                let fields = json!({
                    "item_id": event["item_id"],
                    "content_index": event["content_index"],
                    "audio_end_ms": event["audio_end_ms"],
                });
                self.send("conversation.item.truncated", fields).await
            }
            "conversation.item.create" => {
                let fields = json!({ "previous_item_id": null, "item": event["item"] });
                self.send("conversation.item.added", fields.clone()).await?;
                self.send("conversation.item.done", fields).await
            }
            kind => {
                self.shared
                    .violation(&format!("model: unexpected event '{kind}'"));
                Ok(())
            }
        }
    }

    async fn append(&mut self, now: Instant, audio: &str) -> Result<(), Error> {
        let (format, _) = self.formats;
        let bytes = BASE64_STANDARD.decode(audio).unwrap_or_default();
        if bytes.is_empty() || !bytes.len().is_multiple_of(format.bytes_per_sample()) {
            self.shared
                .violation("model: an append without whole samples in base64");
            return Ok(());
        }
        self.samples.clear();
        match format {
            Format::Pcm => {
                let samples = bytes.as_chunks().0.iter();
                self.samples
                    .extend(samples.map(|&sample| i16::from_le_bytes(sample)));
            }
            _ => self
                .samples
                .extend(bytes.iter().map(|&code| mulaw_decode(code))),
        }
        let mut heard = None;
        self.ear.hear(&self.samples, |what| heard = Some(what));
        let position = self.ear.position();
        if let Some(line) = self.line {
            let mut uplink = lock(&line.uplink);
            let mut latencies = lock(&self.shared.uplink);
            uplink.receive(position, now, |arrival| {
                if self.shared.steady.contains(&arrival.sent) {
                    latencies.record(arrival.latency);
                }
            });
        }
        match heard {
            None => Ok(()),
            Some(Heard::Word { word, onset }) => {
                let Some(line) = self.shared.lines.get(usize::from(word.caller)) else {
                    self.shared.damaged();
                    return Ok(());
                };
                if self.line.is_some_and(|known| !std::ptr::eq(known, line)) {
                    self.shared
                        .violation("model: the audio of two calls in one session");
                }
                self.line = Some(line);
                let frame = FIRST_UTTERANCE + u64::from(word.utterance) * CYCLE_FRAMES;
                let ratio = format.rate_hz() / 8_000;
                lock(&line.uplink).align(frame, onset, ratio, position);
                self.speech("input_audio_buffer.speech_started", "audio_start_ms", onset)
                    .await
            }
            Some(Heard::Garbled) => {
                self.shared.damaged();
                Ok(())
            }
            Some(Heard::End { weak_blocks }) => {
                if weak_blocks > 0 {
                    self.shared.damaged();
                }
                if self.line.is_none() {
                    return Ok(());
                }
                self.speech(
                    "input_audio_buffer.speech_stopped",
                    "audio_end_ms",
                    position,
                )
                .await?;
                self.committed().await?;
                self.begin_answer(LATENCY).await
            }
        }
    }

    async fn speech(&mut self, kind: &str, key: &str, position: u64) -> Result<(), Error> {
        let per_ms = u64::from(self.formats.0.rate_hz() / 1_000);
        let mut fields = json!({ "item_id": self.user_item() });
        fields[key] = json!(position / per_ms);
        self.send(kind, fields).await
    }

    async fn committed(&mut self) -> Result<(), Error> {
        let id = self.user_item();
        let fields = json!({ "item_id": id, "previous_item_id": null });
        self.send("input_audio_buffer.committed", fields).await?;
        let content = json!([{ "type": "input_audio", "transcript": null }]);
        let item = json!({
            "id": id, "object": "realtime.item", "type": "message", "status": "completed",
            "role": "user", "content": content,
        });
        let fields = json!({ "previous_item_id": null, "item": item });
        self.send("conversation.item.added", fields.clone()).await?;
        self.send("conversation.item.done", fields).await?;
        if self.config.session["audio"]["input"]["transcription"].is_null() {
            return Ok(());
        }
        let fields = json!({
            "item_id": id, "content_index": 0, "transcript": "When do you open tomorrow?",
            "usage": { "type": "duration", "seconds": 2 },
        });
        self.send(
            "conversation.item.input_audio_transcription.completed",
            fields,
        )
        .await
    }

    fn user_item(&self) -> String {
        format!("item_user{:012}", self.answers)
    }

    async fn begin_answer(&mut self, after: Duration) -> Result<(), Error> {
        if self.answer.is_some() {
            self.shared
                .violation("model: a response while there is one");
            return Ok(());
        }
        self.is_asked = false;
        self.answers += 1;
        let answer = Answer::new(self.answers, Instant::now() + after);
        let created = answer.created();
        self.answer = Some(answer);
        self.send("response.created", created).await
    }

    /// Sends what is due of the answer.
    async fn go_on(&mut self, due: Instant) -> Result<(), Error> {
        let (Some(answer), Some(line)) = (&mut self.answer, self.line) else {
            self.answer = None;
            return Ok(());
        };
        let (_, format) = self.formats;
        if answer.is_begin() {
            lock(&line.downlink).begin();
            let opening = answer.opening();
            for (kind, fields) in opening {
                self.send(kind, fields).await?;
            }
        }
        let Some(answer) = &mut self.answer else {
            return Ok(());
        };
        if let Some(text) = answer.next_delta(self.audio.delta(format)) {
            let now = Instant::now();
            lock(&line.downlink).send(answer::DELTA_SAMPLES, now);
            if self.shared.steady.contains(&now) {
                lock(&self.shared.model_lag).record(now.saturating_duration_since(due));
            }
            return self.socket.send(Message::text(text)).await;
        }
        let closing = answer.closing();
        self.answer = None;
        for (kind, fields) in closing {
            self.send(kind, fields).await?;
        }
        Ok(())
    }

    async fn send(&mut self, kind: &str, fields: Value) -> Result<(), Error> {
        let text = answer::event(kind, fields);
        self.socket.send(Message::text(text)).await
    }
}

/// From the end of an utterance to the first audio of the answer.
const LATENCY: Duration = Duration::from_millis(400);
