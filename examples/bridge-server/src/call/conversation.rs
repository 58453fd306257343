//! What has been said and done on a call: what a new session of the model has to be told, and the turns that are
//! written down.

mod item;

use std::collections::VecDeque;

use trunkline::dialect::{ModelCommand, Role};

pub(super) use self::item::Span;
use self::item::{Agent, Caller, Content, Item, Step, Tool, cut};
use crate::{record::Turn, time::UnixMs};

/// A conversation, oldest item first; the oldest of too many are forgotten.
#[derive(Default)]
pub(super) struct Conversation {
    items: VecDeque<Item>,
    /// How many were forgotten.
    forgotten: usize,
    /// Number of the session under way; 0 before the first.
    session: u32,
    /// How many of `items` the session under way knows of: it was told, or has made them.
    told: usize,
}

/// How far playback is, in samples of the line at 8 kHz since the start of the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// Of the model's speech.
    pub(super) received: u64,
    /// By the caller.
    pub(super) heard: u64,
}

/// What a session of the model is to be told next.
#[derive(Debug, PartialEq)]
pub(super) enum Next<'a> {
    /// This; [`Conversation::advance`] tells that it was done.
    Tell(ModelCommand<'a>),
    /// What is still being played.
    Wait,
    Nothing,
}

/// Where the answer of a tool has to go.
#[derive(Debug, PartialEq)]
pub(super) enum Asker<'a> {
    /// To the session under way, which has called it.
    Current,
    /// To the session under way, which was told of a call by an earlier one.
    Earlier(ModelCommand<'a>),
    /// To the next session, with the call.
    Next,
}

impl Conversation {
    /// A session of the model begins that knows nothing.
    pub(super) fn begin_session(&mut self) {
        self.session += 1;
        self.told = 0;
        for item in &mut self.items {
            if let Content::Tool(tool) = &mut item.content {
                tool.told = Step::Nothing;
            }
        }
    }

    /// The session under way says no more. `lost_turn` tells that the caller was not answered; if their last words
    /// are not known either, or they were `speaking`, the next session is told so.
    pub(super) fn end_session(&mut self, lost_turn: bool, is_speaking: bool) {
        for item in &mut self.items {
            if let Content::Agent(agent) = &mut item.content {
                agent.break_off();
            }
        }
        let last = self
            .items
            .iter_mut()
            .rev()
            .find_map(|item| match &mut item.content {
                Content::Caller(caller) => Some(caller),
                _ => None,
            });
        match last {
            _ if is_speaking => {
                let lost = Caller {
                    is_lost: true,
                    ..Caller::default()
                };
                self.push("", Content::Caller(lost));
            }
            Some(caller) if lost_turn && caller.text.is_empty() && !caller.is_whole => {
                caller.is_lost = true;
            }
            _ => {}
        }
    }

    /// The caller has spoken.
    pub(super) fn caller_spoke(&mut self, item_id: &str, span: Span) {
        self.caller(item_id).span = span;
    }

    /// The caller's words; all of them, if `is_whole`. `confidence` is that of the transcription.
    pub(super) fn caller_words(
        &mut self,
        item_id: &str,
        text: &str,
        is_whole: bool,
        confidence: Option<f64>,
    ) {
        let caller = self.caller(item_id);
        add(&mut caller.text, text, is_whole);
        caller.is_whole |= is_whole;
        caller.confidence = confidence;
    }

    /// The agent's words; all of them, if `is_whole`. The first ones come when the audio received ends at `start` of
    /// the line.
    pub(super) fn agent_words(&mut self, item_id: &str, text: &str, is_whole: bool, start: u64) {
        let at = self.position(item_id).unwrap_or_else(|| {
            self.push(item_id, Content::Agent(Agent::new(Some(start))));
            self.items.len() - 1
        });
        if let Content::Agent(agent) = &mut self.items[at].content {
            add(&mut agent.text, text, is_whole);
            agent.is_whole |= is_whole;
        }
    }

    /// The agent says `text`, which the model has not made.
    pub(super) fn recorded_words(&mut self, item_id: &str, text: &str) {
        let agent = Agent {
            text: cut(text).to_owned(),
            is_whole: true,
            ..Agent::new(None)
        };
        self.push(item_id, Content::Agent(agent));
        // No session has made it, not even one that has begun meanwhile.
        if let Some(item) = self.items.back_mut() {
            item.session = 0;
        }
        self.told = 0;
    }

    /// Of the item, `ms` of `of_ms` were heard until `at`, and no more will be.
    pub(super) fn heard(
        &mut self,
        item_id: &str,
        ms: u64,
        of_ms: u64,
        interrupted: bool,
        at: UnixMs,
    ) {
        let Some(at_index) = self.position(item_id) else {
            return;
        };
        if let Content::Agent(agent) = &mut self.items[at_index].content {
            agent.settle(ms, of_ms, interrupted, at);
        }
    }

    /// Settles what earlier sessions have said and has been played for a while though the carrier has not told. With
    /// `all`, the rest of it can be told, too, as far as it is heard for certain.
    pub(super) fn settle(&mut self, line: Line, all: bool, now: UnixMs) {
        let session = self.session;
        self.each_on_line(line, |item_session, agent, heard, of| {
            if item_session == session || agent.heard.is_some() {
                return;
            }
            if heard == of {
                let since = agent.over_since.get_or_insert(now);
                if now.0 - since.0 >= ECHO_PATIENCE_MS {
                    return agent.estimate(heard, of, now);
                }
            }
            if all {
                agent.told = Some((heard.saturating_sub(MARGIN_MS), of));
            }
        });
    }

    /// The call is over: what was being played was heard as far as it is.
    pub(super) fn end(&mut self, line: Line, now: UnixMs) {
        self.each_on_line(line, |_, agent, heard, of| {
            if agent.heard.is_none() {
                agent.estimate(heard, of, now);
            }
        });
        for item in &mut self.items {
            match &mut item.content {
                Content::Agent(agent) => agent.is_whole = true,
                Content::Caller(caller) => caller.is_whole = true,
                Content::Tool(_) => {}
            }
        }
    }

    /// Whether something that the agent says is still being heard.
    pub(super) fn is_being_heard(&mut self, line: Line) -> bool {
        let mut is_heard = false;
        // What is whole and has no sound never will be.
        self.each_on_line(line, |_, agent, _, of| {
            is_heard |= agent.heard.is_none() && !(agent.is_whole && of == 0);
        });
        is_heard
    }

    /// A response has ended: its words are all there.
    pub(super) fn finish_response(&mut self) {
        for item in &mut self.items {
            if let Content::Agent(agent) = &mut item.content {
                agent.is_whole = true;
            }
        }
    }

    /// The model has called a function.
    pub(super) fn tool_called(&mut self, call_id: &str, name: &str, arguments: &str) {
        let tool = Tool {
            name: cut(name).into(),
            arguments: cut(arguments).into(),
            output: None,
            told: Step::Nothing,
        };
        self.push(call_id, Content::Tool(tool));
    }

    /// Whether the function call of this id is known.
    pub(super) fn knows(&self, call_id: &str) -> bool {
        self.position(call_id).is_some()
    }

    /// The function has answered; who is to be told.
    pub(super) fn tool_answered(&mut self, call_id: &str, output: &str) -> Asker<'_> {
        let session = self.session;
        let Some(at) = self.position(call_id) else {
            return Asker::Current;
        };
        let item = &mut self.items[at];
        let Content::Tool(tool) = &mut item.content else {
            return Asker::Current;
        };
        let output = &**tool.output.insert(cut(output).into());
        if item.session == session {
            Asker::Current
        } else if tool.told == Step::Call {
            tool.told = Step::Output;
            Asker::Earlier(ModelCommand::ToolOutput {
                call_id: &item.id,
                output,
            })
        } else {
            Asker::Next
        }
    }

    /// What the session under way has to be told next.
    pub(super) fn next(&mut self) -> Next<'_> {
        while let Some(item) = self.items.get(self.told) {
            if item.session < self.session && item.has_more_to_tell() {
                return self.items[self.told].next();
            }
            self.told += 1;
        }
        Next::Nothing
    }

    /// What [`next`](Self::next) named was told, or cannot be.
    pub(super) fn advance(&mut self) {
        let is_over = match self.items.get_mut(self.told).map(|item| &mut item.content) {
            Some(Content::Tool(tool)) => {
                tool.told = match tool.told {
                    Step::Nothing => Step::Call,
                    _ => Step::Output,
                };
                tool.told == Step::Output || tool.output.is_none()
            }
            _ => true,
        };
        self.told += usize::from(is_over);
    }

    /// Nobody has said anything.
    pub(super) fn is_empty(&self) -> bool {
        self.items.iter().all(|item| match &item.content {
            Content::Caller(caller) => caller.text.is_empty() && !caller.is_lost,
            Content::Agent(agent) => agent.text.is_empty(),
            Content::Tool(_) => false,
        })
    }

    /// How many items were forgotten.
    pub(super) fn forgotten(&self) -> usize {
        self.forgotten
    }

    /// The caller's turns, as far as they are remembered.
    pub(super) fn callers_words(&self) -> impl Iterator<Item = &str> {
        self.items.iter().filter_map(|item| match &item.content {
            Content::Caller(caller) if !caller.text.is_empty() => Some(&*caller.text),
            _ => None,
        })
    }

    /// The next turn that is over and was not taken before.
    pub(super) fn take_turn(&mut self, call_id: &str) -> Option<Turn> {
        self.items
            .iter_mut()
            .find_map(|item| item.take_turn(call_id))
    }

    /// Everything on the line with its session, how much of it is heard, and its length, in milliseconds; the last
    /// first.
    fn each_on_line(&mut self, line: Line, mut each: impl FnMut(u32, &mut Agent, u64, u64)) {
        let mut end = line.received;
        for item in self.items.iter_mut().rev() {
            if let Content::Agent(agent) = &mut item.content
                && let Some(start) = agent.start
            {
                end = end.max(start);
                let heard = line.heard.clamp(start, end);
                each(item.session, agent, (heard - start) / 8, (end - start) / 8);
                end = start;
            }
        }
    }

    fn caller(&mut self, item_id: &str) -> &mut Caller {
        let at = self.position(item_id).unwrap_or_else(|| {
            self.push(item_id, Content::Caller(Caller::default()));
            self.items.len() - 1
        });
        // The model gives an id to one item only.
        if !matches!(self.items[at].content, Content::Caller(_)) {
            self.items[at].content = Content::Caller(Caller::default());
        }
        match &mut self.items[at].content {
            Content::Caller(caller) => caller,
            _ => unreachable!("it was just made one"),
        }
    }

    fn position(&self, id: &str) -> Option<usize> {
        let session = self.session;
        // Ids of earlier sessions may come again; the newest is meant.
        let found = self.items.iter().rposition(|item| &*item.id == id)?;
        let item = &self.items[found];
        let is_it =
            item.session == session || matches!(item.content, Content::Agent(_) | Content::Tool(_));
        is_it.then_some(found)
    }

    fn push(&mut self, id: &str, content: Content) {
        self.items.push_back(Item {
            id: cut(id).into(),
            session: self.session,
            content,
        });
        while self.items.len() > 1
            && (self.items.len() > MAX_ITEMS || self.memory_bytes() > MAX_BYTES)
        {
            self.items.pop_front();
            self.forgotten += 1;
            self.told = self.told.saturating_sub(1);
        }
    }

    fn memory_bytes(&self) -> usize {
        self.items.iter().map(Item::memory_bytes).sum()
    }
}

/// Appends to `words` up to [`item::MAX_TEXT`], or replaces them if `is_whole`.
fn add(words: &mut String, text: &str, is_whole: bool) {
    if is_whole {
        words.clear();
    }
    let room = item::MAX_TEXT.saturating_sub(words.len());
    words.push_str(&text[..text.floor_char_boundary(room)]);
}

/// What the model is told in place of words that nobody knows.
const LOST_WORDS: &str = "The line to you broke off while the caller spoke, and what they said last is lost. Unless it \
                          is clear all the same what they want, ask them in one short sentence to say it again.";

/// A note to the model.
fn note(text: &str) -> ModelCommand<'_> {
    ModelCommand::CreateMessage {
        event_id: "",
        item_id: None,
        role: Role::System,
        text,
    }
}

/// What the clock may be ahead of the carrier by; the way there and back is in it.
const MARGIN_MS: u64 = 150;
/// The echo of a mark that has not come by then is lost.
const ECHO_PATIENCE_MS: i64 = 1_000;
/// An hour of lively talk; of more, a model that speaks is said to begin to write.
const MAX_ITEMS: usize = 128;
/// Some 3,000 words; the newest items may add their growth since.
pub(super) const MAX_BYTES: usize = 20 << 10;

#[cfg(test)]
mod tests;
