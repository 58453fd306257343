//! One item of a conversation.

use trunkline::{
    dialect::{ModelCommand, Role},
    playback::heard_text,
};
use uuid::Uuid;

use super::{LOST_WORDS, Next, note};
use crate::{
    record::{Speaker, Turn},
    time::UnixMs,
};

pub(super) struct Item {
    /// The model's name of it, or the function call's.
    pub(super) id: Box<str>,
    /// The session that has made it.
    pub(super) session: u32,
    pub(super) content: Content,
}

pub(super) enum Content {
    Caller(Caller),
    Agent(Agent),
    Tool(Tool),
}

/// A turn of the caller.
#[derive(Default)]
pub(super) struct Caller {
    pub(super) text: String,
    pub(super) is_whole: bool,
    pub(super) confidence: Option<f64>,
    pub(super) span: Span,
    /// Nobody will ever know the words, and nobody has answered them.
    pub(super) is_lost: bool,
    pub(super) is_taken: bool,
}

/// When a voice was heard; all zero if nobody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::call) struct Span {
    /// Its first sound.
    pub(in crate::call) from: UnixMs,
    /// Its last.
    pub(in crate::call) to: UnixMs,
}

/// What the agent says.
pub(super) struct Agent {
    pub(super) text: String,
    pub(super) is_whole: bool,
    /// Where it begins on the line; `None` for what is not on it.
    pub(super) start: Option<u64>,
    pub(super) heard: Option<Heard>,
    /// Heard, of so much, when a session had to be told before all was settled; in milliseconds.
    pub(super) told: Option<(u64, u64)>,
    /// Since when, by the clock, all of it has been played.
    pub(super) over_since: Option<UnixMs>,
    pub(super) began: UnixMs,
    pub(super) is_taken: bool,
}

/// How much was heard.
#[derive(Clone, Copy)]
pub(super) struct Heard {
    ms: u64,
    of_ms: u64,
    interrupted: bool,
    at: UnixMs,
    /// By the clock; the bridge's own word comes too late to count.
    is_estimate: bool,
}

/// A function call.
pub(super) struct Tool {
    pub(super) name: Box<str>,
    pub(super) arguments: Box<str>,
    pub(super) output: Option<Box<str>>,
    pub(super) told: Step,
}

/// How much of a function call a later session was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    Call,
    Output,
}

impl Item {
    /// Whether there is something to tell a session that has not made it.
    pub(super) fn has_more_to_tell(&self) -> bool {
        match &self.content {
            Content::Caller(caller) => !caller.text.is_empty() || caller.is_lost,
            Content::Agent(agent) => !agent.can_be_told() || !agent.heard_text().is_empty(),
            Content::Tool(tool) => {
                tool.told == Step::Nothing || tool.told == Step::Call && tool.output.is_some()
            }
        }
    }

    pub(super) fn next(&self) -> Next<'_> {
        let says = |role, text| {
            Next::Tell(ModelCommand::CreateMessage {
                event_id: "",
                item_id: None,
                role,
                text,
            })
        };
        match &self.content {
            Content::Caller(caller) if caller.text.is_empty() => Next::Tell(note(LOST_WORDS)),
            Content::Caller(caller) => says(Role::User, &caller.text),
            Content::Agent(agent) if !agent.can_be_told() => Next::Wait,
            Content::Agent(agent) => says(Role::Assistant, agent.heard_text()),
            Content::Tool(tool) => match (&tool.output, tool.told) {
                (Some(output), Step::Call) => Next::Tell(ModelCommand::ToolOutput {
                    call_id: &self.id,
                    output,
                }),
                _ => Next::Tell(ModelCommand::CreateToolCall {
                    event_id: "",
                    call_id: &self.id,
                    name: &tool.name,
                    arguments: &tool.arguments,
                }),
            },
        }
    }

    /// The turn it is, once that is over.
    pub(super) fn take_turn(&mut self, call_id: &str) -> Option<Turn> {
        let turn = |speaker, text: &str, span: Span| Turn {
            id: Uuid::now_v7().to_string(),
            call_id: call_id.to_owned(),
            item_id: self.id.to_string(),
            speaker,
            text: text.to_owned(),
            generated_text: None,
            interrupted: false,
            confidence: None,
            started_at: span.from,
            ended_at: span.to,
        };
        match &mut self.content {
            Content::Caller(caller) if caller.is_whole && !caller.is_taken => {
                caller.is_taken = true;
                let span = match caller.span == Span::default() {
                    true => Span::now(),
                    false => caller.span,
                };
                (!caller.text.trim().is_empty()).then(|| Turn {
                    confidence: caller.confidence,
                    ..turn(Speaker::Caller, &caller.text, span)
                })
            }
            Content::Agent(agent) if agent.is_whole && !agent.is_taken => {
                let heard = agent.heard?;
                agent.is_taken = true;
                let text = agent.heard_text();
                (!agent.text.trim().is_empty()).then(|| Turn {
                    generated_text: (text != agent.text).then(|| agent.text.clone()),
                    interrupted: heard.interrupted,
                    ..turn(Speaker::Agent, text, agent.span(heard))
                })
            }
            _ => None,
        }
    }

    /// What it takes, its place in the list included.
    pub(super) fn memory_bytes(&self) -> usize {
        let texts = match &self.content {
            Content::Caller(caller) => caller.text.capacity(),
            Content::Agent(agent) => agent.text.capacity(),
            Content::Tool(tool) => {
                let output = tool.output.as_ref().map_or(0, |output| output.len());
                tool.name.len() + tool.arguments.len() + output
            }
        };
        size_of::<Self>() + self.id.len() + texts
    }
}

impl Span {
    fn now() -> Self {
        let now = UnixMs::now();
        Self { from: now, to: now }
    }
}

impl Agent {
    pub(super) fn new(start: Option<u64>) -> Self {
        Self {
            text: String::new(),
            is_whole: false,
            start,
            heard: None,
            told: None,
            over_since: None,
            began: UnixMs::now(),
            is_taken: false,
        }
    }

    /// A part of it was heard; an item of several parts is as long as all of them.
    pub(super) fn settle(&mut self, ms: u64, of_ms: u64, interrupted: bool, at: UnixMs) {
        if self.heard.is_some_and(|heard| heard.is_estimate) {
            return;
        }
        let before = self.heard.map_or((0, 0), |heard| (heard.ms, heard.of_ms));
        self.heard = Some(Heard {
            ms: before.0 + ms,
            of_ms: before.1 + of_ms,
            interrupted,
            at,
            is_estimate: false,
        });
    }

    /// By the clock, `ms` of `of_ms` were heard.
    pub(super) fn estimate(&mut self, ms: u64, of_ms: u64, at: UnixMs) {
        self.heard = Some(Heard {
            ms,
            of_ms,
            interrupted: false,
            at,
            is_estimate: true,
        });
    }

    /// No more words of it will come. If it is not whole, the last one is ahead of its sound and was never said.
    pub(super) fn break_off(&mut self) {
        if !std::mem::replace(&mut self.is_whole, true) {
            let said = self.text.trim_end();
            let end = said.rfind(char::is_whitespace).unwrap_or(0);
            self.text.truncate(end);
        }
    }

    /// Whether a session can be told what was heard of it.
    pub(super) fn can_be_told(&self) -> bool {
        self.heard.is_some() || self.told.is_some()
    }

    /// What the caller knows of it.
    pub(super) fn heard_text(&self) -> &str {
        let heard = self.heard.map(|heard| (heard.ms, heard.of_ms));
        let (ms, of_ms) = heard.or(self.told).unwrap_or((0, 1));
        heard_text(&self.text, ms, of_ms)
    }

    fn span(&self, heard: Heard) -> Span {
        let long = i64::try_from(heard.ms).unwrap_or(i64::MAX);
        let from = heard.at.0.saturating_sub(long).max(self.began.0);
        Span {
            from: UnixMs(from),
            to: UnixMs(heard.at.0.max(from)),
        }
    }
}

/// As much of `text` as is kept.
pub(super) fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}

/// Minutes of speech, or a table of a tool. Escaped as badly as can be, it fits into a message of the bridge.
pub(super) const MAX_TEXT: usize = 4 << 10;
