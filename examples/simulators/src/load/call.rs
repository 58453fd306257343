//! One call of the load: webhook, TwiML, stream, and then a caller who speaks now and then.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::{sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::playout::Playout;
use super::shared::{Shared, lock};
use super::signal::{self, FRAME, SILENCE, UTTERANCE_FRAMES, Word};
use super::{CYCLE_FRAMES, FIRST_UTTERANCE};
use crate::audio::mulaw_decode;
use crate::random::Random;
use crate::twilio::callbacks::webhook_fields;
use crate::twilio::connect;
use crate::twilio::http;
use crate::twilio::message::{Command, Writer, read};
use crate::twilio::twiml::{self, Verb};

/// How a call went.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It lasted until the caller hung up.
    Completed,
    /// The server said that it takes no more.
    Refused,
    Failed(String),
}

/// Makes call number `index` when its turn comes, and hangs up at the end.
pub(super) async fn run(shared: &Shared, index: usize) -> Outcome {
    sleep_until(shared.start_of(index).into()).await;
    match open(shared, index).await {
        Ok(mut call) => match call.run().await {
            Ok(()) => Outcome::Completed,
            Err(reason) => Outcome::Failed(reason),
        },
        Err(outcome) => outcome,
    }
}

async fn open(shared: &Shared, index: usize) -> Result<Call<'_>, Outcome> {
    let options = &shared.twilio;
    let mut random = Random::new(options.seed.wrapping_add(index as u64));
    let call_sid = format!("CA{}", random.hex(32));
    let answer = http::post(
        &options.webhook,
        options.connect_to.as_deref(),
        &options.auth_token,
        &random.hex(32),
        &webhook_fields(options, &call_sid, "ringing"),
    )
    .await
    .map_err(|error| Outcome::Failed(format!("webhook: {error:#}")))?;
    match answer.status {
        200..300 => {}
        429 | 503 => return Err(Outcome::Refused),
        status => return Err(Outcome::Failed(format!("webhook: status {status}"))),
    }
    let verbs =
        twiml::parse(&answer.body).map_err(|error| Outcome::Failed(format!("TwiML: {error:#}")))?;
    let stream = verbs.into_iter().find_map(|verb| match verb {
        Verb::Connect { stream, .. } => Some(stream),
        _ => None,
    });
    // "Busy", or something to say instead.
    let stream = stream.ok_or(Outcome::Refused)?;
    let (socket, _) = connect::open(options, &stream.url)
        .await
        .map_err(|(code, reason)| match reason {
            reason if code == 31920 && reason.contains("503") => Outcome::Refused,
            reason => Outcome::Failed(format!("{code} {reason}")),
        })?;
    let stream_sid = format!("MZ{}", random.hex(32));
    let mut call = Call {
        shared,
        index,
        socket,
        writer: Writer::new(&options.account_sid, &call_sid, &stream_sid),
        playout: Playout::default(),
        begin: shared.phase_of(index, Instant::now()),
        frames: 0,
    };
    let connected = call.writer.connected().to_string();
    let start = call.writer.start(&stream.parameters).to_string();
    for text in [connected, start] {
        call.send(text).await.map_err(Outcome::Failed)?;
    }
    Ok(call)
}

struct Call<'shared> {
    shared: &'shared Shared,
    index: usize,
    socket: WebSocketStream<TcpStream>,
    writer: Writer,
    playout: Playout,
    /// When the first frame begins.
    begin: Instant,
    frames: u64,
}

enum Step {
    Frame(Instant),
    Mark,
    Message(Option<Result<Message, Error>>),
    End,
}

impl Call<'_> {
    async fn run(&mut self) -> Result<(), String> {
        loop {
            // A frame leaves when its last sample was said.
            let due = self.begin + PTIME * (self.frames as u32 + 1);
            let mark = self.playout.next_mark();
            let step = tokio::select! {
                biased;
                () = sleep_until(due.into()) => Step::Frame(due),
                () = sleep_until(mark.unwrap_or(due).into()), if mark.is_some() => Step::Mark,
                () = sleep_until(self.shared.steady.end.into()) => Step::End,
                message = self.socket.next() => Step::Message(message),
            };
            match step {
                Step::Frame(due) => self.frame(due).await?,
                Step::Mark => {
                    while let Some(name) = self.playout.take_mark(Instant::now()) {
                        let text = self.writer.mark(&name).to_string();
                        self.send(text).await?;
                    }
                }
                Step::Message(message) => self.receive(message)?,
                Step::End => return self.hang_up().await,
            }
        }
    }

    async fn frame(&mut self, due: Instant) -> Result<(), String> {
        let said = said(self.index, self.frames);
        let text = self.writer.media_text(self.frames * 20, &said);
        self.frames += 1;
        let now = Instant::now();
        lock(&self.shared.lines[self.index].uplink).send(now);
        if self.shared.steady.contains(&now) {
            lock(&self.shared.caller_lag).record(now.saturating_duration_since(due));
        }
        self.send(text).await
    }

    fn receive(&mut self, message: Option<Result<Message, Error>>) -> Result<(), String> {
        let now = Instant::now();
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => return Ok(()),
            Some(Ok(Message::Binary(_))) => {
                self.shared.violation("twilio: binary message");
                return Ok(());
            }
            Some(Ok(Message::Close(frame))) => {
                let code = frame.map_or(1005, |frame| u16::from(frame.code));
                return Err(format!("the server closed the stream: {code}"));
            }
            Some(Err(error)) => return Err(error.to_string()),
            None => return Err("the stream ended".to_owned()),
        };
        match read(&text, &self.writer.stream_sid) {
            Ok(Command::Media(audio)) => self.media(now, &audio),
            Ok(Command::Mark(name)) => self.playout.mark(now, name),
            Ok(Command::Clear) => {
                self.playout.clear(now);
                lock(&self.shared.lines[self.index].downlink).clear();
            }
            Err(reason) => self.shared.violation(&format!("twilio: {reason}")),
        }
        Ok(())
    }

    fn media(&mut self, now: Instant, audio: &[u8]) {
        let dry = self.playout.media(now, audio.len());
        let samples = audio.len() as u64;
        let line = &self.shared.lines[self.index];
        let late = lock(&line.downlink).receive(samples, now, dry);
        // Less than a frame may be all filter.
        if audio.len() >= FRAME && !signal::has_tone(audio.iter().map(|&code| mulaw_decode(code))) {
            self.shared.damaged();
        }
        if let Some((due, late)) = late
            && self.shared.steady.contains(&due)
        {
            lock(&self.shared.downlink).record(late);
        }
    }

    async fn hang_up(&mut self) -> Result<(), String> {
        let now = Instant::now();
        {
            let line = &self.shared.lines[self.index];
            lock(&line.uplink).finish(now, GRACE);
            lock(&line.downlink).give_up();
        }
        let stop = self.writer.stop().to_string();
        self.send(stop).await?;
        let frame = CloseFrame {
            code: 1000.into(),
            reason: "".into(),
        };
        let goodbye = async {
            self.socket.close(Some(frame)).await?;
            while let Some(message) = self.socket.next().await {
                message?;
            }
            Ok::<(), Error>(())
        };
        // Whether the server answers the goodbye or has gone already is all the same to Twilio.
        let _ = timeout(CLOSE_LIMIT, goodbye).await;
        Ok(())
    }

    async fn send(&mut self, text: String) -> Result<(), String> {
        match timeout(SEND_LIMIT, self.socket.send(Message::text(text))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the server does not read".to_owned()),
        }
    }
}

/// What caller `index` says in frame `frame`.
fn said(index: usize, frame: u64) -> [u8; FRAME] {
    let Some(since) = frame.checked_sub(FIRST_UTTERANCE) else {
        return [SILENCE; FRAME];
    };
    let (utterance, frame) = (since / CYCLE_FRAMES, since % CYCLE_FRAMES);
    if frame >= UTTERANCE_FRAMES {
        return [SILENCE; FRAME];
    }
    let word = Word {
        caller: index as u16,
        utterance: utterance as u16,
    };
    signal::frame(word, frame)
}

const PTIME: Duration = Duration::from_millis(20);
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// What was sent so shortly before the end may still be under way.
const GRACE: Duration = Duration::from_millis(500);
