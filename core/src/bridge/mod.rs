//! The bridge between a phone call and a realtime model.
//!
//! [`Bridge`] is sans-IO: it opens no socket, starts no thread, reads no clock and, once made,
//! allocates nothing. Text from either peer goes in, text for either peer and events for the
//! application come out, and time is an argument.
//!
//! ```text
//!  Twilio ──▶ handle_twilio ──▶ uplink: time line ▸ μ-law → PCM16 24 kHz ▸ append ──▶ ToOpenAi
//!  model  ──▶ handle_openai ──▶ downlink: delta ▸ PCM16 → μ-law ▸ ring ▸ pacing ────▶ ToTwilio
//!                               dialog: barge-in, responses, tools, transcripts ───▶ Event
//! ```
//!
//! # The rule of the loop
//!
//! One input, then [`poll_output`](Bridge::poll_output) until it says `None`; then wait for the next
//! message or for [`poll_timeout`](Bridge::poll_timeout), whichever is first. A message handed in
//! before the last one's outputs are drained is refused with [`Error::OutputPending`]. Commands may
//! be given at any time and need a drain, too.
//!
//! ```
//! use core::time::Duration;
//! use trunkline::{Bridge, SessionUpdate, bridge::{Config, Event, Output}};
//!
//! let mut bridge = Bridge::new(Config::default());
//! let mut buf = vec![0; bridge.max_output_len()];
//! let now = Duration::from_millis(5); // since any fixed point, never going back
//! let start = r#"{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{"callSid":"CA1",
//!     "tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}"#;
//! bridge.handle_twilio(now, start)?;
//! while let Some(output) = bridge.poll_output(&mut buf)? {
//!     match output {
//!         Output::ToTwilio(text) => println!("send to Twilio: {text}"),
//!         Output::ToOpenAi(text) => println!("send to the model: {text}"),
//!         Output::Event(Event::CallStarted { call_sid, .. }) => assert_eq!(call_sid, "CA1"),
//!         Output::Event(event) => println!("{event:?}"),
//!     }
//! }
//! bridge.update_session(&SessionUpdate::default())?; // once the model's socket is open
//! # Ok::<(), trunkline::Error>(())
//! ```
//!
//! # What is bounded, and what happens there
//!
//! Memory is what it was made with, whatever the peers do or leave undone: `core/tests/bounds.rs` lets
//! each of them, and both, stall through ten minutes of talk and counts allocations (none) and samples
//! (in = out + dropped + waiting). The last column is where each bound is tested.
//!
//! | queue | bound | beyond it | counter | tests |
//! |---|---|---|---|---|
//! | caller's audio, while the model cannot take it | `Config::uplink_capacity` | the oldest is dropped | `Stats::uplink_dropped_samples`, `uplink_depth_samples` | `bounds`, `bridge/uplink` |
//! | model's audio, beyond the lead | `Config::downlink_capacity` | more than half full, it is sent ahead; full, the newest is dropped and [`Event::AudioDropped`] told | `Stats::spilled_samples`, `downlink_dropped_samples`, `depth_samples` | `bounds`, `bridge/limits` |
//! | audio sent ahead to the carrier | `Config::lead`; sent ahead, 9 minutes | waits in the queue above | `Stats::spilled_samples`, [`Bridge::queued_at_carrier`] | `bridge/limits`, `long` |
//! | model's audio without a session, or of interrupted responses | nothing is kept | not used | `Stats::discarded_bytes` | `bounds` |
//! | texts of one input, and commands, until they are polled | `Config::text_capacity` | [`Error::QueueFull`] for commands, [`Error::MessageTooLong`] for messages, nothing changed | the error | `bounds`, `hostile` |
//! | messages of a host that does not drain | none | [`Error::OutputPending`], not read | the error | `bounds` |
//! | one message | `Config::max_twilio_len`, `Config::max_openai_len` | [`Error::MessageTooLong`], not read | the error | `bounds`, `bridge/contract` |
//! | request for a response that waits | one, of 2 KiB | the last one counts; [`Error::QueueFull`] for a longer one | the error | `bounds` |
//! | the application's marks that wait | 1 KiB | [`Error::QueueFull`] | the error | `bounds` |
//! | content parts waiting to be heard | [`PlaybackLedger::MAX_PARTS`](crate::PlaybackLedger::MAX_PARTS) | the oldest, if finished and sent, is taken for heard; else [`Error::QueueFull`] | the error | `bounds`, `playback` |
//! | tool calls that can be answered | the last 16 | the oldest cannot be any more: [`Error::InvalidField`] | the error | `bounds` |
//! | responses out of band; interrupted ones whose deltas may still come | the last 4; 8 | the oldest is forgotten: its deltas are heard, its item is cut as any | | `bounds` |
//! | gaps in the caller's audio that wait for a packet out of order | 100 ms, 4 gaps | concealed; what comes later is late | `Stats::concealed_samples`, `late_samples` | `bridge/line` |
//! | the caller's turns that are in doubt ([`BargeIn`]) | the last 3 | the oldest is a turn no more | | `bridge/hold` |
//! | playback held until they are decided | 10 s; while it lasts nothing is sent ahead | it goes on | `Stats::holds`, `false_barge_ins` | `bridge/hold` |
//! | silence for gaps, and for media that has stopped | `Config::max_gap`; 8 s after the last media | a new start of the time line; no more is fed | `Stats::concealed_samples`, `stall_samples` | `hostile`, `bridge/limits`, `bridge/line` |
//! | what a [flight recorder](crate::flight) holds | the caller's buffer | the recording ends, the call goes on | [`missed_inputs`](crate::FlightRecorder::missed_inputs) | `bounds`, `flight` |

mod barge_in;
mod calls;
mod carrier;
mod config;
mod downlink;
mod event_id;
mod hold;
mod model;
mod output;
mod poll;
mod record;
mod response;
mod stats;
mod storage;
mod stream;
mod uplink;

use core::time::Duration;

pub use config::{BargeIn, Config, ModelAudio};
pub use output::{Event, Output, Source};
pub use stats::Stats;

use self::{
    downlink::Downlink,
    event_id::Purpose,
    hold::Hold,
    response::Dialog,
    storage::{DefaultStorage, Record, Records, Ring, Text},
    uplink::Uplink,
};
use crate::{
    Error, RawJson, SessionUpdate, VoiceDetector,
    dialect::{Carrier, Model, ModelCommand, Shape},
    id::Id,
    openai::OpenAiRealtime,
    playback::samples_to_duration,
    twilio::Twilio,
};

/// Sans-IO bridge of one call; see the [module](self) for the loop around it.
///
/// `M` is its storage, `C` the carrier's protocol, `D` the model's.
#[derive(Debug)]
pub struct Bridge<M = DefaultStorage, C = Twilio, D = OpenAiRealtime> {
    config: Config,
    carrier: C,
    model: D,
    carrier_shape: Shape,
    model_shape: Shape,
    storage: M,
    outbox: Records,
    /// Length of the request for a response that waits at the start of the storage.
    request_len: usize,
    uplink: Uplink,
    downlink: Downlink,
    dialog: Dialog,
    hold: Hold,
    voice: Option<VoiceDetector>,
    stats: Stats,
    stream_sid: Option<Id>,
    now: Duration,
    /// Up to when silence has been fed since media stopped.
    stall_ends: Option<Duration>,
    is_drained: bool,
    is_ended: bool,
}

#[cfg(feature = "alloc")]
impl Bridge {
    /// A bridge between Twilio and OpenAI Realtime that makes its storage itself: the only
    /// allocation of its life, of [`Config::storage_len`] bytes.
    pub fn new(config: Config) -> Self {
        let storage = alloc::vec![0; config.storage_len()].into_boxed_slice();
        Self::with_parts(config, storage, Twilio, OpenAiRealtime)
            .expect("the storage has the length that the configuration asks for")
    }
}

impl<M: AsRef<[u8]> + AsMut<[u8]>> Bridge<M> {
    /// A bridge between Twilio and OpenAI Realtime in the caller's storage.
    ///
    /// # Errors
    /// [`Error::BufferTooShort`] if `storage` is shorter than [`Config::storage_len`].
    pub fn with_storage(config: Config, storage: M) -> Result<Self, Error> {
        Self::with_parts(config, storage, Twilio, OpenAiRealtime)
    }
}

impl<M: AsRef<[u8]> + AsMut<[u8]>, C: Carrier, D: Model> Bridge<M, C, D> {
    /// A bridge between any two protocols in the caller's storage.
    ///
    /// # Errors
    /// [`Error::BufferTooShort`] if `storage` is shorter than [`Config::storage_len`].
    pub fn with_parts(config: Config, storage: M, carrier: C, model: D) -> Result<Self, Error> {
        let (needed, actual) = (config.storage_len(), storage.as_ref().len());
        if actual < needed {
            return Err(Error::BufferTooShort { needed, actual });
        }
        let marks = Records::new(REQUEST_LEN, MARKS_LEN);
        let texts_at = REQUEST_LEN + MARKS_LEN;
        let uplink_at = texts_at + config.text_len();
        let downlink_at = uplink_at + config.uplink_len();
        Ok(Self {
            outbox: Records::new(texts_at, config.text_len()),
            request_len: 0,
            uplink: Uplink::new(Ring::new(uplink_at, config.uplink_len())),
            downlink: Downlink::new(
                &config,
                Ring::new(downlink_at, config.downlink_len()),
                marks,
            ),
            dialog: Dialog::new(),
            hold: Hold::new(),
            voice: (config.voice_detection && config.barge_in != BargeIn::Never)
                .then(VoiceDetector::new),
            stats: Stats::default(),
            stream_sid: None,
            now: Duration::ZERO,
            stall_ends: None,
            is_drained: true,
            is_ended: false,
            config,
            carrier,
            model,
            carrier_shape: Shape::new(),
            model_shape: Shape::new(),
            storage,
        })
    }

    /// A message from Twilio has arrived: one whole text frame.
    ///
    /// # Errors
    /// [`Error::OutputPending`], [`Error::Closed`], [`Error::MessageTooLong`], what
    /// [`Carrier::read`] returns, [`Error::InvalidBase64`], [`Error::InvalidField`] for another
    /// stream's message or one out of place, [`Error::MessageTooLong`] also for a text that
    /// `Config::text_capacity` has no room for. The message has then had no effect, and the call can
    /// go on: log the error, leave the message out.
    pub fn handle_twilio(&mut self, now: Duration, text: &str) -> Result<(), Error> {
        self.accept(now, text, self.config.max_twilio_len)?;
        let message = self.carrier.read_next(&mut self.carrier_shape, text);
        let result = message.and_then(|message| self.carrier_message(message));
        // What had no effect needs no drain.
        self.is_drained = result.is_err();
        result
    }

    /// A message from the model has arrived: one whole text frame.
    ///
    /// # Errors
    /// As [`handle_twilio`](Self::handle_twilio), with [`Model::read`], and [`Error::QueueFull`] for
    /// audio of a content part while too many wait to be heard. What the model itself refuses or
    /// reports is an [`Event::ModelError`], not an error.
    pub fn handle_openai(&mut self, now: Duration, text: &str) -> Result<(), Error> {
        self.accept(now, text, self.config.max_openai_len)?;
        let event = self.model.read_next(&mut self.model_shape, text);
        let result = event.and_then(|event| self.model_event(event));
        self.is_drained = result.is_err();
        result
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come. Harmless at any time.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.advance(now);
        let now = self.now;
        self.settle();
        let is_stalled = self
            .stall_deadline()
            .is_some_and(|deadline| deadline <= now);
        let Self {
            uplink,
            stats,
            storage,
            ..
        } = self;
        let slab = storage.as_mut();
        uplink.handle_timeout(now, slab, stats);
        if is_stalled {
            uplink.feed_stall(slab, stats, STALL_SAMPLES);
            self.stall_ends = Some(now.saturating_add(samples_to_duration(STALL_SAMPLES)));
        }
    }

    /// Twilio's socket is closed, with or without a `stop` before: the call is over.
    pub fn handle_twilio_closed(&mut self, now: Duration) {
        self.advance(now);
        self.end();
    }

    /// The model's socket is closed. What it said so far is played out, the caller's audio is kept
    /// up to `Config::uplink_capacity`, and a response owed stays owed, until
    /// [`update_session`](Self::update_session) sets up a new session on a new socket.
    pub fn handle_openai_closed(&mut self, now: Duration) {
        self.advance(now);
        self.downlink.finish(self.storage.as_mut(), &mut self.stats);
        self.downlink.ledger.finish_all();
        self.tell_heard();
        self.dialog
            .disconnect(self.downlink.ledger.received_samples());
        self.give_up_hold();
        self.uplink.restart();
        self.stall_ends = None;
    }

    /// Sets the model's session up: the first thing to send on a new socket. Audio flows, both
    /// ways, once the model has confirmed the audio format ([`Event::SessionReady`]).
    ///
    /// Where [`BargeIn`] waits for a confirmation, `create_response` and `interrupt_response` go out
    /// as `false`, and the bridge does what they ask for.
    ///
    /// # Errors
    /// [`Error::QueueFull`], [`Error::Closed`], what [`Model::write`] returns.
    pub fn update_session(&mut self, session: &SessionUpdate<'_>) -> Result<(), Error> {
        self.command()?;
        let mut events = self.dialog.events;
        let event_id = events.next(Purpose::Session);
        let audio = self.config.model_audio.format();
        let event_id = event_id.as_str();
        let is_ours = self.config.barge_in.is_confirmed_later();
        let (turns, answers) = session.turn_detection.without_responses();
        let session = &SessionUpdate {
            turn_detection: if is_ours {
                turns
            } else {
                session.turn_detection
            },
            ..*session
        };
        self.push_to_model(ModelCommand::UpdateSession {
            event_id,
            audio,
            session,
        })?;
        self.dialog.events = events;
        if is_ours {
            self.dialog.take_over(answers);
        }
        Ok(())
    }

    /// Asks the model to speak as soon as it may: when the session is ready, no response is active
    /// and the caller is silent. `response` is the `response` object of `response.create`. A request
    /// that still waits is replaced.
    ///
    /// # Errors
    /// [`Error::QueueFull`] beyond 2 KiB, [`Error::Closed`], what [`Model::write`] returns.
    pub fn create_response(&mut self, response: Option<RawJson<'_>>) -> Result<(), Error> {
        self.command()?;
        self.owe_response(response, false)
    }

    /// Answers a tool call. Once every call is answered and their response has ended, the model is
    /// asked to go on.
    ///
    /// # Errors
    /// [`Error::InvalidField`] if no such call is open; [`Error::QueueFull`], [`Error::Closed`], what
    /// [`Model::write`] returns.
    pub fn send_tool_output(&mut self, call_id: &str, output: &str) -> Result<(), Error> {
        self.command()?;
        if !self.dialog.calls.is_open(call_id) {
            return Err(Error::InvalidField { name: "call_id" });
        }
        self.push_to_model(ModelCommand::ToolOutput { call_id, output })?;
        self.dialog.calls.answer(self.now, call_id);
        if self.dialog.owes() {
            return Ok(());
        }
        self.owe_response(None, true)
    }

    /// Sends any other client event as it is. Responses, truncations and audio are better left to
    /// the bridge, which keeps their books.
    ///
    /// # Errors
    /// [`Error::InvalidField`] for anything but an object with a `type`; [`Error::QueueFull`],
    /// [`Error::Closed`].
    pub fn send_openai(&mut self, event: RawJson<'_>) -> Result<(), Error> {
        self.command()?;
        if event
            .get("type")
            .and_then(|kind| kind.as_string())
            .is_none()
        {
            return Err(Error::InvalidField { name: "type" });
        }
        self.push(Record::new(
            record::TO_OPENAI,
            [],
            &[Text::Plain(event.as_str())],
        ))
    }

    /// Stops the model's speech now, as if the caller had spoken over it.
    ///
    /// # Errors
    /// [`Error::QueueFull`], [`Error::Closed`]; then nothing has changed.
    pub fn interrupt(&mut self, now: Duration) -> Result<(), Error> {
        self.command()?;
        self.advance(now);
        let is_cancelled = self.dialog.is_caller_speaking && self.dialog.interrupts_response;
        self.interrupt_playback(!is_cancelled, false, None)
    }

    /// Asks for an [`Event::Mark`] when the caller has heard everything received so far, or when a
    /// barge-in has flushed it. `name` is up to 128 ASCII characters; names that wait to be sent
    /// share 1 KiB, with 101 bytes each for their keeping.
    ///
    /// # Errors
    /// [`Error::InvalidField`] for another name; [`Error::QueueFull`], [`Error::Closed`].
    pub fn mark(&mut self, name: &str) -> Result<(), Error> {
        self.command()?;
        if name.is_empty() || name.len() > MAX_MARK_NAME || !name.is_ascii() {
            return Err(Error::InvalidField { name: "name" });
        }
        let position = self.downlink.ledger.received_samples();
        let mark = Record::new(record::MARK, [position], &[Text::Plain(name)]);
        self.downlink.marks.push(self.storage.as_mut(), mark)
    }

    /// Counters of the call so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Audio that the carrier was sent and, by the clock, has not played at `now`: the delay between
    /// sending and hearing.
    pub fn queued_at_carrier(&self, now: Duration) -> Duration {
        self.downlink.ledger.queued(now)
    }

    /// The settings it was made with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The call has ended and every output was polled.
    pub fn is_closed(&self) -> bool {
        self.is_ended && self.outbox.is_empty()
    }

    fn accept(&mut self, now: Duration, text: &str, limit: usize) -> Result<(), Error> {
        if self.is_ended {
            return Err(Error::Closed);
        }
        if !self.is_drained {
            return Err(Error::OutputPending);
        }
        if text.len() > limit {
            return Err(Error::MessageTooLong {
                limit,
                actual: text.len(),
            });
        }
        self.advance(now);
        Ok(())
    }

    fn command(&mut self) -> Result<(), Error> {
        if self.is_ended {
            return Err(Error::Closed);
        }
        self.is_drained = false;
        Ok(())
    }

    fn advance(&mut self, now: Duration) {
        self.now = self.now.max(now);
        self.is_drained = false;
    }

    fn push(&mut self, record: Record<'_>) -> Result<(), Error> {
        self.outbox.push(self.storage.as_mut(), record)
    }

    /// [`push`](Self::push) for what an input brings. The queue is empty then, so that a text without
    /// room now will never have it.
    fn push_event(&mut self, record: Record<'_>) -> Result<(), Error> {
        self.push(record).map_err(|error| match error {
            Error::QueueFull { needed, free } => Error::MessageTooLong {
                limit: free,
                actual: needed,
            },
            other => other,
        })
    }
}

/// Room for one request for a response.
const REQUEST_LEN: usize = 2 << 10;
/// Room for the application's marks that are not sent yet.
const MARKS_LEN: usize = 1 << 10;
/// The longest name of a mark of the application.
const MAX_MARK_NAME: usize = 128;
/// Audio fed at a time when media has stopped: 1 s, which ends a turn at usual settings.
const STALL_SAMPLES: u64 = 8_000;
