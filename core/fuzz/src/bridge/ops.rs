use arbitrary::Arbitrary;
use core::time::Duration;

use ::base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use trunkline::{
    Error, RawJson, SessionUpdate,
    bridge::Config,
    flight::Input,
    openai::{Eagerness, TurnDetection},
};

use super::messages;

/// What happens: mostly what well-behaved peers say, in any order.
#[derive(Arbitrary, Debug)]
pub(super) enum Op<'a> {
    /// A message of the recorded ones, edited.
    Recorded {
        peer: Peer,
        index: u8,
        edits: Vec<Edit<'a>>,
    },
    Raw {
        peer: Peer,
        text: &'a str,
    },
    Media {
        timestamp_ms: u32,
        len: u16,
        is_next: bool,
    },
    Start(u8),
    Stop,
    /// An echo of one of the last marks, counted from the newest.
    Echo {
        back: u8,
        sid: u8,
    },
    Dtmf(u8),
    Session {
        is_as_asked: bool,
        creates: bool,
        interrupts: bool,
    },
    Created {
        response: u8,
        out_of_band: bool,
    },
    Item {
        response: u8,
        item: u8,
        is_message: bool,
    },
    Delta {
        part: Part,
        len: u16,
        fill: u8,
    },
    DeltaText {
        part: Part,
        text: &'a str,
    },
    AudioDone(Part),
    /// A response with an item and so much of its audio.
    Reply {
        part: Part,
        ms: u16,
        is_done: bool,
    },
    ResponseDone {
        response: u8,
        status: u8,
    },
    Speech {
        starts: bool,
        at_ms: u32,
    },
    Transcript {
        item: u8,
        is_caller: bool,
        is_final: bool,
        text: &'a str,
    },
    ToolCall {
        response: u8,
        call: u8,
        arguments: &'a str,
    },
    ModelError {
        code: u8,
        event: u8,
    },
    Timeout,
    /// `poll_timeout` is kept so many times.
    Timeouts(u8),
    TwilioClosed,
    OpenAiClosed,
    UpdateSession {
        creates: bool,
        interrupts: bool,
        turns: u8,
        instructions: &'a str,
    },
    CreateResponse(&'a str),
    ToolOutput {
        call: u8,
        output: &'a str,
    },
    SendOpenAi(&'a str),
    Interrupt,
    Mark(&'a str),
    /// Time jumps to any microsecond, back too, or to the end of time.
    Jump(u64),
    Forever,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Peer {
    Twilio,
    OpenAi,
}

/// A content part; few of each, so that they meet again.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) response: u8,
    pub(super) item: u8,
    pub(super) index: u8,
}

#[derive(Arbitrary, Debug)]
pub(super) enum Edit<'a> {
    Set {
        at: u16,
        byte: u8,
    },
    Insert {
        at: u16,
        bytes: &'a [u8],
    },
    Remove {
        at: u16,
        len: u8,
    },
    Cut(u16),
    /// A digit becomes another: ids, numbers and times.
    Digit {
        nth: u8,
        digit: u8,
    },
}

/// One call into the Bridge.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Message(Peer, String),
    Timeout,
    /// [`Timeout`](Self::Timeout), then as `poll_timeout` asks, so many times.
    Timeouts(u8),
    TwilioClosed,
    OpenAiClosed,
    UpdateSession(TurnDetection, String),
    CreateResponse(String),
    ToolOutput(String, String),
    SendOpenAi(String),
    Interrupt,
    Mark(String),
}

impl Step {
    /// The call it stands for.
    pub(crate) fn input(&self) -> Input<'_> {
        match self {
            Self::Message(Peer::Twilio, text) => Input::Twilio(text),
            Self::Message(Peer::OpenAi, text) => Input::OpenAi(text),
            Self::Timeout | Self::Timeouts(_) => Input::Timeout,
            Self::TwilioClosed => Input::TwilioClosed,
            Self::OpenAiClosed => Input::OpenAiClosed,
            Self::UpdateSession(turns, instructions) => {
                let mut session = SessionUpdate::default();
                session.instructions = Some(instructions);
                session.turn_detection = *turns;
                Input::UpdateSession(session)
            }
            Self::CreateResponse(response) => Input::CreateResponse(RawJson::new(response).ok()),
            Self::ToolOutput(call_id, output) => Input::SendToolOutput { call_id, output },
            Self::SendOpenAi(event) => match RawJson::new(event) {
                Ok(event) => Input::SendOpenAi(event),
                Err(_) => Input::Mark(""),
            },
            Self::Interrupt => Input::Interrupt,
            Self::Mark(name) => Input::Mark(name),
        }
    }

    pub(super) fn is_message(&self) -> bool {
        matches!(self, Self::Message(..))
    }

    /// Whether it is refused once the call has ended; the others have nothing to refuse.
    pub(super) fn is_refusable(&self) -> bool {
        !matches!(
            self,
            Self::Timeout | Self::Timeouts(_) | Self::TwilioClosed | Self::OpenAiClosed
        )
    }

    /// Whether the refusal `error` came before the step was looked at and its time noted.
    pub(super) fn is_turned_away(&self, error: &Error, config: &Config) -> bool {
        match (self, error) {
            (_, Error::Closed | Error::OutputPending) => true,
            (Self::Message(Peer::Twilio, text), _) => text.len() > config.max_twilio_len,
            (Self::Message(Peer::OpenAi, text), _) => text.len() > config.max_openai_len,
            _ => false,
        }
    }

    /// What leaves the Bridge as this did: itself, or if it was refused, something that must be.
    pub(super) fn or_nonsense(&self, result: &Result<(), Error>, config: &Config) -> Option<Self> {
        let Err(error) = result else {
            return Some(self.clone());
        };
        match self {
            _ if self.is_turned_away(error, config) => None,
            Self::Message(peer, _) => Some(Self::Message(*peer, "nonsense".into())),
            // The only command that also tells the time.
            Self::Interrupt => Some(Self::Interrupt),
            _ => Some(Self::Mark(String::new())),
        }
    }
}

impl Op<'_> {
    pub(super) fn time(&self, now: Duration, wait: u16) -> Duration {
        let wait = match wait >> 14 {
            3 => 4 * u64::from(wait & 0x3FFF),
            _ => u64::from(wait & 0xFF),
        };
        match self {
            Self::Jump(us) => Duration::from_micros(*us),
            Self::Forever => Duration::MAX,
            _ => now.saturating_add(Duration::from_millis(wait)),
        }
    }

    pub(super) fn steps(&self, peers: &mut Peers) -> Vec<Step> {
        let model = |text: String| Step::Message(Peer::OpenAi, text);
        let carrier = |text: String| Step::Message(Peer::Twilio, text);
        let step = match *self {
            Self::Recorded {
                peer,
                index,
                ref edits,
            } => Step::Message(peer, recorded(peer, index, edits)),
            Self::Raw { peer, text } => Step::Message(peer, text.into()),
            Self::Media {
                timestamp_ms,
                len,
                is_next,
            } => {
                let timestamp = if is_next {
                    peers.media_ms
                } else {
                    timestamp_ms
                };
                let len = u32::from(len % 2048);
                peers.media_ms = timestamp.wrapping_add(len / 8);
                carrier(messages::media(timestamp, len))
            }
            Self::Start(sid) => carrier(messages::start(sid)),
            Self::Stop => carrier(messages::stop()),
            Self::Echo { back, sid } => {
                let name = nth_last(&peers.marks, back % 16).unwrap_or("tl:0:0");
                carrier(messages::mark(sid, name))
            }
            Self::Dtmf(digit) => carrier(messages::dtmf(digit)),
            Self::Session {
                is_as_asked,
                creates,
                interrupts,
            } => {
                let is_mulaw = peers.is_mulaw == is_as_asked;
                model(messages::session(is_mulaw, creates, interrupts))
            }
            Self::Created {
                response,
                out_of_band,
            } => model(messages::response_created(response, out_of_band)),
            Self::Item {
                response,
                item,
                is_message,
            } => model(messages::item_added(response, item, is_message)),
            Self::Delta { part, len, fill } => {
                let audio: Vec<u8> = (0..len).map(|at| fill.wrapping_add(at as u8)).collect();
                model(messages::audio_delta(part, &STANDARD.encode(audio)))
            }
            Self::DeltaText { part, text } => {
                model(messages::audio_delta(part, &text.replace(['"', '\\'], "/")))
            }
            Self::AudioDone(part) => model(messages::audio_done(part)),
            Self::Reply { part, ms, is_done } => return peers.reply(part, ms, is_done),
            Self::ResponseDone { response, status } => {
                model(messages::response_done(response, status))
            }
            Self::Speech { starts, at_ms } => model(messages::speech(starts, at_ms)),
            Self::Transcript {
                item,
                is_caller,
                is_final,
                text,
            } => model(messages::transcript(item, is_caller, is_final, text)),
            Self::ToolCall {
                response,
                call,
                arguments,
            } => model(messages::tool_call(response, call, arguments)),
            Self::ModelError { code, event } => {
                let event_id = nth_last(&peers.event_ids, event % 8);
                model(messages::error(code, event_id))
            }
            Self::Timeout | Self::Jump(_) | Self::Forever => Step::Timeout,
            Self::Timeouts(count) => Step::Timeouts(count % 64),
            Self::TwilioClosed => Step::TwilioClosed,
            Self::OpenAiClosed => Step::OpenAiClosed,
            Self::UpdateSession {
                creates,
                interrupts,
                turns,
                instructions,
            } => {
                let turns = turn_detection(turns, creates, interrupts);
                Step::UpdateSession(turns, instructions.into())
            }
            Self::CreateResponse(response) => Step::CreateResponse(response.into()),
            Self::ToolOutput { call, output } => {
                Step::ToolOutput(format!("call_{}", call % 4), output.into())
            }
            Self::SendOpenAi(event) => Step::SendOpenAi(event.into()),
            Self::Interrupt => Step::Interrupt,
            Self::Mark(name) => Step::Mark(name.into()),
        };
        vec![step]
    }
}

/// What the peers know of what the Bridge said.
pub(super) struct Peers {
    is_mulaw: bool,
    media_ms: u32,
    marks: Vec<String>,
    event_ids: Vec<String>,
}

impl Peers {
    pub(super) fn new(is_mulaw: bool) -> Self {
        Self {
            is_mulaw,
            media_ms: 0,
            marks: Vec::new(),
            event_ids: Vec::new(),
        }
    }

    pub(super) fn opening(&self) -> [Step; 3] {
        [
            Step::Message(Peer::Twilio, messages::start(0)),
            Step::UpdateSession(TurnDetection::default(), "Be brief.".into()),
            Step::Message(Peer::OpenAi, messages::session(self.is_mulaw, true, true)),
        ]
    }

    pub(super) fn hear(&mut self, outputs: &[String]) {
        for text in outputs.iter().filter(|text| text.starts_with('{')) {
            let Ok(message) = serde_json::from_str::<Value>(text) else {
                continue;
            };
            if let Some(name) = message["mark"]["name"].as_str() {
                self.marks.push(name.into());
            }
            if let Some(id) = message["event_id"].as_str() {
                self.event_ids.push(id.into());
            }
        }
    }

    fn reply(&self, part: Part, ms: u16, is_done: bool) -> Vec<Step> {
        let per_ms = if self.is_mulaw { 8 } else { 48 };
        let audio = STANDARD.encode(vec![0x35; per_ms * usize::from(ms % 2048)]);
        let mut texts = vec![
            messages::response_created(part.response, false),
            messages::item_added(part.response, part.item, true),
        ];
        // Deltas are cut anywhere.
        for piece in audio.as_bytes().chunks(8_001) {
            let piece = str::from_utf8(piece).expect("base64 is ASCII");
            texts.push(messages::audio_delta(part, piece));
        }
        if is_done {
            texts.push(messages::audio_done(part));
            texts.push(messages::response_done(part.response, 0));
        }
        let steps = texts.into_iter();
        steps
            .map(|text| Step::Message(Peer::OpenAi, text))
            .collect()
    }
}

fn nth_last(names: &[String], back: u8) -> Option<&str> {
    names.iter().rev().nth(back.into()).map(String::as_str)
}

fn recorded(peer: Peer, index: u8, edits: &[Edit<'_>]) -> String {
    let files: &[&str] = match peer {
        Peer::Twilio => &[include_str!("../../../tests/data/twilio-from.jsonl")],
        Peer::OpenAi => &[
            include_str!("../../../tests/data/openai-ga-server.jsonl"),
            include_str!("../../../tests/data/openai-beta-server.jsonl"),
        ],
    };
    let lines: Vec<&str> = files.iter().flat_map(|file| file.lines()).collect();
    let line = lines[usize::from(index) % lines.len()];
    // With the ids that the other operations use.
    let text = line
        .replace("MZ22222222222222222222222222222222", "MZ0")
        .replace("item_a", "item_")
        .replace("item_u", "item_");
    let mut bytes = text.into_bytes();
    for edit in edits.iter().take(8) {
        edit.apply(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Edit<'_> {
    fn apply(&self, text: &mut Vec<u8>) {
        let end = text.len();
        let place = |at: u16| usize::from(at) % (end + 1);
        match *self {
            Self::Set { at, byte } => {
                if let Some(old) = text.get_mut(place(at)) {
                    *old = byte;
                }
            }
            Self::Insert { at, bytes } => {
                text.splice(place(at)..place(at), bytes.iter().copied());
            }
            Self::Remove { at, len } => {
                text.drain(place(at)..end.min(place(at) + usize::from(len)));
            }
            Self::Cut(at) => text.truncate(place(at)),
            Self::Digit { nth, digit } => {
                let mut digits = text.iter_mut().filter(|byte| byte.is_ascii_digit());
                if let Some(old) = digits.nth(nth.into()) {
                    *old = b'0' + digit % 10;
                }
            }
        }
    }
}

fn turn_detection(kind: u8, create_response: bool, interrupt_response: bool) -> TurnDetection {
    match kind % 3 {
        0 => TurnDetection::ServerVad {
            threshold: 0.5,
            prefix_padding_ms: 300,
            silence_duration_ms: 200 * u32::from(kind),
            idle_timeout_ms: None,
            create_response,
            interrupt_response,
        },
        1 => TurnDetection::SemanticVad {
            eagerness: Eagerness::Low,
            create_response,
            interrupt_response,
        },
        _ => TurnDetection::Off,
    }
}
