//! One Media Stream: the WebSocket between the simulated Twilio and the server.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use super::api::{self, Update};
use super::call::Call;
use super::connect::open;
use super::echo::Echoes;
use super::message::{Command, Writer, read};
use super::record::{Ending, Media};
use super::script::{Act, FRAME, PTIME};
use super::trouble::{Trouble, Troubles, deaf};
use super::twiml;
use super::uplink::{Departure, Uplink};
use crate::audio::{PHONE_RATE, samples_in};
use crate::breaker::Breaker;
use crate::fault::Window;

/// Why a stream is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StreamEnd {
    /// The server closed it: the call goes on with the TwiML.
    Server,
    /// The call is over.
    Call(Ending),
    /// The call was told to do something else.
    Update(Update),
    /// The stream could not be opened or broke; a violation says why.
    Failed,
}

/// Opens the stream that the TwiML at `base` asks for and runs it to its end.
pub(super) async fn run(
    call: &mut Call<'_>,
    stream: &twiml::Stream,
    url: &str,
    base: &str,
    updates: &mut UnboundedReceiver<Update>,
) -> StreamEnd {
    let sid = format!("MZ{}", call.random.hex(32));
    let track = stream.track.as_deref().unwrap_or("inbound_track");
    let socket = if track == "inbound_track" {
        open(call.options, url).await
    } else {
        Err((31941, format!("track '{track}' under <Connect>")))
    };
    let (socket, breaker) = match socket {
        Ok(opened) => opened,
        Err((code, reason)) => {
            call.stream_callback(stream, base, &sid, "stream-error", Some(&reason));
            call.violation(code, reason, url);
            return StreamEnd::Failed;
        }
    };
    call.stream_callback(stream, base, &sid, "stream-started", None);
    call.log("stream_started", json!({ "streamSid": sid }));
    let (mut source, mut live) = Live::start(call, stream, socket, breaker, &sid);
    let violations = call.record.violations.len();
    let end = live.run(call, &mut source, updates).await;
    live.stop(call, &mut source, &end).await;
    call.log(
        "stream_stopped",
        json!({ "streamSid": sid, "end": format!("{end:?}") }),
    );
    let error = match end {
        StreamEnd::Failed => call.record.violations[violations..].last(),
        _ => None,
    };
    let error = error.map(|violation| violation.reason.clone());
    let event = if error.is_some() {
        "stream-error"
    } else {
        "stream-stopped"
    };
    call.stream_callback(stream, base, &sid, event, error.as_deref());
    end
}

/// A stream that is up.
struct Live {
    writer: Writer,
    uplink: Uplink,
    waiting: VecDeque<Departure>,
    echoes: Echoes,
    next_frame: u64,
    /// Caller samples before this stream.
    caller_origin: u64,
    started: Duration,
    outgoing: mpsc::Sender<Message>,
    sender: JoinHandle<()>,
    congested: bool,
    breaker: Breaker,
    /// When nothing is read.
    deaf: Vec<Window>,
    troubles: Troubles,
}

impl Live {
    /// Greets the server.
    fn start(
        call: &mut Call<'_>,
        stream: &twiml::Stream,
        socket: WebSocketStream<TcpStream>,
        breaker: Breaker,
        sid: &str,
    ) -> (SplitStream<WebSocketStream<TcpStream>>, Self) {
        let (sink, source) = socket.split();
        let (outgoing, queue) = mpsc::channel(OUTGOING);
        let started = call.clock.now();
        if call.record.stream_sids.is_empty() {
            call.record.started = started;
        }
        call.record.stream_sids.push(sid.to_owned());
        // Before a second stream nobody listened to the caller.
        let since = samples_in(started - call.record.started, PHONE_RATE);
        call.caller
            .mulaw
            .resize(since.max(call.caller.mulaw.len()), 0xFF);
        let account_sid = &call.options.account_sid;
        let (faults, seed) = (&call.options.faults, call.options.seed);
        let mut live = Self {
            writer: Writer::new(account_sid, &call.record.call_sid, sid),
            uplink: Uplink::new(faults, seed),
            waiting: VecDeque::new(),
            echoes: Echoes::new(faults, seed),
            next_frame: 0,
            caller_origin: call.caller.mulaw.len() as u64,
            started,
            outgoing,
            sender: tokio::spawn(send_all(sink, queue)),
            congested: false,
            breaker,
            deaf: deaf(faults),
            troubles: Troubles::new(faults),
        };
        let connected = live.writer.connected();
        live.send(call, connected);
        let start = live.writer.start(&stream.parameters);
        live.send(call, start);
        (source, live)
    }

    async fn run(
        &mut self,
        call: &mut Call<'_>,
        source: &mut SplitStream<WebSocketStream<TcpStream>>,
        updates: &mut UnboundedReceiver<Update>,
    ) -> StreamEnd {
        let clock = call.clock;
        let limit = call.answered.unwrap_or(self.started) + call.options.time_limit;
        loop {
            let departs = self.waiting.front().map(|frame| self.started + frame.time);
            let since = clock.now().saturating_sub(self.started);
            let (is_deaf, until) = Window::state(&self.deaf, since);
            let until = until.map(|until| self.started + until);
            let trouble = self.troubles.next_time().map(|at| self.started + at);
            tokio::select! {
                // In this order, so that a mark reached before a clear came is echoed as heard,
                // and so that a server that sends without pause does not hold up the caller.
                biased;
                () = clock.until_some(self.echoes.next_time(&call.player)) => self.echo_marks(call),
                () = clock.until_some(departs) => self.depart(call),
                () = clock.until(self.frame_time()) => {
                    if let Some(ending) = self.frame(call) {
                        return StreamEnd::Call(ending);
                    }
                }
                () = clock.until(limit) => return StreamEnd::Call(Ending::TimeLimit),
                update = api::next(updates) => return StreamEnd::Update(update),
                () = clock.until_some(trouble) => match self.troubles.next(&self.writer.stream_sid) {
                    Some(Trouble::Text(text)) => {
                        call.record.garbage += 1;
                        self.send_text(call, text);
                    }
                    Some(Trouble::Reset) => return StreamEnd::Call(Ending::Reset),
                    None => {}
                },
                () = clock.until_some(until) => {}
                message = source.next(), if !is_deaf => {
                    self.echo_marks(call);
                    if let Some(end) = self.receive(call, message) {
                        return end;
                    }
                }
            }
        }
    }

    /// Says goodbye when the call is over, and lets go of the connection.
    async fn stop(
        mut self,
        call: &mut Call<'_>,
        source: &mut SplitStream<WebSocketStream<TcpStream>>,
        end: &StreamEnd,
    ) {
        if *end == StreamEnd::Call(Ending::Reset) {
            self.sender.abort();
            self.breaker.reset();
            call.player.stop(call.clock.now());
            return;
        }
        if matches!(end, StreamEnd::Call(_) | StreamEnd::Update(_)) {
            // What was said before hanging up was said; the frame just begun was not.
            while self.waiting.len() > 1 {
                self.depart(call);
            }
            let stop = self.writer.stop();
            self.send(call, stop);
            let close = CloseFrame {
                code: 1000.into(),
                reason: "".into(),
            };
            let _ = self.outgoing.try_send(Message::Close(Some(close)));
            // The stream is over whether or not the server answers the close frame.
            let answer = async { while let Some(Ok(_)) = source.next().await {} };
            let _ = tokio::time::timeout(CLOSE_LIMIT, answer).await;
        }
        call.player.stop(call.clock.now());
        drop(self.outgoing);
        let _ = tokio::time::timeout(CLOSE_LIMIT, self.sender).await;
    }

    /// When the next frame begins: it is then decided what the caller says in it.
    fn frame_time(&self) -> Duration {
        self.started + PTIME * self.next_frame as u32
    }

    fn frame(&mut self, call: &mut Call<'_>) -> Option<Ending> {
        let mut acts = Vec::new();
        call.caller
            .frame(self.frame_time(), &call.player, &mut acts);
        call.report_steps();
        // A frame can leave when its last sample was said.
        let due = PTIME * (self.next_frame as u32 + 1);
        self.uplink.send(self.next_frame, due, &mut self.waiting);
        self.next_frame += 1;
        for act in acts {
            match act {
                Act::Dtmf(digit) => {
                    let dtmf = self.writer.dtmf(digit);
                    self.send(call, dtmf);
                    call.log("dtmf", json!({ "digit": digit }));
                }
                Act::HangUp => return Some(Ending::CallerHungUp),
                Act::TimedOut(step) => return Some(Ending::ScriptTimeout(step)),
            }
        }
        None
    }

    fn depart(&mut self, call: &mut Call<'_>) {
        let Some(frame) = self.waiting.pop_front() else {
            return;
        };
        let first_sample = self.caller_origin + frame.number * FRAME as u64;
        let first = first_sample as usize;
        let media = self
            .writer
            .media(frame.number * 20, &call.caller.mulaw[first..first + FRAME]);
        self.send(call, media);
        let time = call.clock.now();
        call.record.sent.push(Media {
            time,
            first_sample,
            samples: FRAME as u64,
        });
    }

    fn echo_marks(&mut self, call: &mut Call<'_>) {
        let now = call.clock.now();
        while let Some(echo) = self.echoes.next(&mut call.player, now) {
            let mark = &mut call.player.marks[echo.index];
            let (name, flushed) = (mark.name.clone(), mark.flushed);
            mark.echoed = (echo.times > 0).then_some(now);
            for _ in 0..echo.times {
                let message = self.writer.mark(&name);
                self.send(call, message);
            }
            let kind = match echo.times {
                0 => "mark_lost",
                _ => "mark_echoed",
            };
            call.log(kind, json!({ "name": name, "flushed": flushed }));
        }
    }

    fn receive(
        &mut self,
        call: &mut Call<'_>,
        message: Option<Result<Message, WsError>>,
    ) -> Option<StreamEnd> {
        let now = call.clock.now();
        let message = match message {
            Some(Ok(message)) => message,
            Some(Err(error)) => {
                let code = match error {
                    WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => 31903,
                    WsError::Protocol(_) | WsError::Capacity(_) | WsError::Utf8(_) => 31924,
                    _ => 31903,
                };
                call.violation(code, error.to_string(), "");
                return Some(StreamEnd::Failed);
            }
            None => {
                call.violation(31903, "the connection ended without a close frame", "");
                return Some(StreamEnd::Failed);
            }
        };
        match message {
            Message::Text(text) => match read(&text, &self.writer.stream_sid) {
                Ok(Command::Media(audio)) => {
                    let first_sample = call.player.audio.len();
                    if call.player.media(now, &audio).is_err() {
                        call.violation(31931, "more than 10 minutes of audio wait", "");
                    }
                    call.log(
                        "media",
                        json!({ "samples": audio.len(), "first": first_sample }),
                    );
                }
                Ok(Command::Mark(name)) => {
                    call.log("mark", json!({ "name": name }));
                    call.player.mark(now, name);
                    self.echo_marks(call);
                }
                Ok(Command::Clear) => {
                    call.player.clear(now);
                    if let Some(clear) = call.player.clears.last() {
                        let fields = json!({
                            "flushed_samples": clear.flushed_samples,
                            "flushed_marks": clear.flushed_marks,
                        });
                        call.log("clear", fields);
                    }
                    self.echo_marks(call);
                }
                Err(reason) => call.violation(31951, reason, &text),
            },
            Message::Binary(data) => {
                call.violation(31950, format!("binary frame of {} bytes", data.len()), "");
            }
            Message::Close(frame) => {
                let code = frame.as_ref().map_or(1005, |frame| u16::from(frame.code));
                call.log("server_closed", json!({ "code": code }));
                if code != 1000 {
                    call.violation(31921, format!("closed with code {code}"), "");
                }
                return Some(StreamEnd::Server);
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
        None
    }

    /// Twilio does not wait for a server that reads slowly: what does not fit is lost.
    fn send(&mut self, call: &mut Call<'_>, message: Value) {
        self.send_text(call, message.to_string());
    }

    fn send_text(&mut self, call: &mut Call<'_>, text: String) {
        let result = self.outgoing.try_send(Message::text(text));
        if matches!(result, Err(mpsc::error::TrySendError::Full(_))) && !self.congested {
            self.congested = true;
            call.violation(31930, "the server reads too slowly", "");
        }
    }
}

async fn send_all(
    mut sink: SplitSink<WebSocketStream<TcpStream>, Message>,
    mut queue: mpsc::Receiver<Message>,
) {
    while let Some(message) = queue.recv().await {
        if sink.send(message).await.is_err() {
            break;
        }
    }
    let _ = sink.flush().await;
}

const CLOSE_LIMIT: Duration = Duration::from_secs(2);
/// Ten seconds of media.
const OUTGOING: usize = 10 * PHONE_RATE as usize / FRAME;
