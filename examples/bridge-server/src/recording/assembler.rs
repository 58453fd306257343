//! Two aligned tracks out of the messages of one call: the caller, and the agent as the caller heard it.
//!
//! No clock and no disk: input are the messages in the order in which the call's task saw them, with the
//! time at which it did. The time line is the caller's. It begins at the stream's time stamp 0 and grows
//! only by the caller's frames, so both tracks end where the last of them does.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
    time::Duration,
};

use trunkline::{
    Error, JsonStr, RawJson, base64,
    dialect::{Carrier, CarrierEvent, Shape, Track},
    twilio::Twilio,
};

use super::{
    SAMPLES_PER_MS, SILENCE,
    clock::{CallerClock, samples},
    heard::Heard,
};

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    FromTwilio,
    ToTwilio,
}

/// The state of one call's tracks, both in μ-law at 8 kHz: the last [`WINDOW`] samples, which may still
/// change, and what Twilio has yet to play.
///
/// Memory: some 30 KiB while the agent's audio is sent in the pace in which it is heard, and a byte for
/// every sample that waits beyond that. A gap in the caller's frames adds its samples, up to
/// [`MAX_GAP`], until they are written.
pub(super) struct Assembler {
    clock: CallerClock,
    stream_sid: Option<u64>,
    shape: Shape,
    /// The caller from `base` on.
    caller: Vec<u8>,
    base: i64,
    heard: Heard,
    /// From where on the tracks have changed since they were last taken.
    dirty: i64,
    /// Where the time stamps' zero is.
    origin: i64,
    /// Frames in a row whose time stamps make no sense.
    strays: u32,
    lost_samples: u64,
}

impl Assembler {
    /// For a stream that begins at time zero, if it does not tell better.
    pub(super) fn new() -> Self {
        let mut clock = CallerClock::default();
        clock.begin(0);
        Self {
            clock,
            stream_sid: None,
            shape: Shape::default(),
            caller: Vec::new(),
            base: 0,
            heard: Heard::new(),
            dirty: 0,
            origin: 0,
            strays: 0,
            lost_samples: 0,
        }
    }

    /// Takes a message that passed at `time`. What cannot be read is passed over, as the bridge does.
    pub(super) fn take(&mut self, direction: Direction, time: Duration, text: &str) {
        let now = samples(time);
        match direction {
            Direction::FromTwilio => self.twilio_said(now, text),
            Direction::ToTwilio => self.twilio_was_told(now, text),
        }
    }

    /// Messages before `time` are missing.
    pub(super) fn lose_track(&mut self, time: Duration) {
        let cut = self.heard.lose_track(self.clock.position(samples(time)));
        self.touch(cut);
    }

    /// The samples that are to be written, anew or for the first time.
    pub(super) fn changed(&self) -> Range<i64> {
        self.dirty..self.end()
    }

    /// Writes both tracks from `from` on, silence where they are not known.
    pub(super) fn render(&self, from: i64, caller: &mut [u8], agent: &mut [u8]) {
        caller.fill(SILENCE);
        let (start, end) = (
            from.max(self.base),
            (from + caller.len() as i64).min(self.end()),
        );
        if start < end {
            let known = &self.caller[(start - self.base) as usize..(end - self.base) as usize];
            caller[(start - from) as usize..(end - from) as usize].copy_from_slice(known);
        }
        self.heard.render(from, agent);
    }

    /// All that has changed was written.
    pub(super) fn written(&mut self) {
        self.dirty = self.end();
        let excess = self.caller.len().saturating_sub(WINDOW);
        // In larger steps, since it moves the rest.
        if excess >= WINDOW / 8 {
            self.caller.drain(..excess);
            self.caller.shrink_to(WINDOW + WINDOW / 4);
            self.base += excess as i64;
            self.heard.forget(self.base);
        }
    }

    /// Samples on each track.
    pub(super) fn len(&self) -> u64 {
        self.end() as u64
    }

    /// Samples of which it is known that they are missing.
    pub(super) fn lost_samples(&self) -> u64 {
        self.lost_samples + self.heard.dropped()
    }

    /// Samples that may wait for Twilio to play them.
    pub(super) fn set_limit(&mut self, samples: usize) {
        self.heard.set_limit(samples);
    }

    /// Memory in use, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.caller.capacity() + self.heard.memory_bytes()
    }

    fn twilio_said(&mut self, now: i64, text: &str) {
        let Ok(message) = Twilio.read_next(&mut self.shape, text) else {
            return;
        };
        if let Some(sid) = message.stream_sid.map(hash)
            && *self.stream_sid.get_or_insert(sid) != sid
        {
            return;
        }
        match message.event {
            // Time stamps count from here; greetings may be sent before the first frame comes.
            CarrierEvent::Started { .. } => self.clock.begin(now),
            CarrierEvent::Media {
                track: Track::Inbound,
                timestamp_ms,
                payload,
            } => with_audio(payload, |audio| self.caller_spoke(now, timestamp_ms, audio)),
            CarrierEvent::Mark { name } => {
                let bounds = self.clock.bounds(now);
                if let Some(changed) = self.heard.echo(bounds, hash(name)) {
                    self.touch(changed);
                }
            }
            _ => {}
        }
    }

    fn caller_spoke(&mut self, now: i64, timestamp_ms: u64, audio: &[u8]) {
        let stamp = i64::try_from(timestamp_ms).unwrap_or(i64::MAX);
        let stamp = stamp
            .saturating_mul(SAMPLES_PER_MS)
            .saturating_sub(self.origin);
        let (end, len) = (self.end(), audio.len() as i64);
        // Time stamps in whole milliseconds may round.
        let is_next = stamp.saturating_sub(end).unsigned_abs() <= ROUNDING;
        let mut at = if is_next { end } else { stamp };
        // Nobody has said more than there was time for.
        let possible = self.clock.position(now).max(end) + MAX_AHEAD;
        if at < self.base - len || at > possible.min(end + MAX_GAP) {
            self.strays += 1;
            if self.strays < MAX_STRAYS {
                self.lost_samples += audio.len() as u64;
                return;
            }
            let off = stamp.saturating_sub(end);
            self.origin = self.origin.saturating_add(off);
            at = end;
        }
        self.strays = 0;
        let skip = (self.base - at).clamp(0, len);
        let audio = &audio[skip as usize..];
        let at = at + skip;
        let first = (at - self.base) as usize;
        let needed = first + audio.len();
        if needed > self.caller.len() {
            // Doubled, it would be half of a call's memory.
            if needed > self.caller.capacity() {
                let more = needed - self.caller.len();
                self.caller.reserve_exact(more.max(WINDOW / 8));
            }
            self.caller.resize(needed, SILENCE);
        }
        self.caller[first..needed].copy_from_slice(audio);
        self.touch(at);
        self.clock.passed(now, at + audio.len() as i64);
    }

    fn twilio_was_told(&mut self, now: i64, text: &str) {
        let Ok(message) = RawJson::new(text) else {
            return;
        };
        let string = |path: &[&str]| {
            let found = path.iter().try_fold(message, |value, name| value.get(name));
            found.and_then(|value| value.as_string())
        };
        // What we say is about our stream.
        self.stream_sid = string(&["streamSid"]).map(hash).or(self.stream_sid);
        let caller = self.clock.position(now);
        match string(&["event"]).and_then(|event| event.as_plain()) {
            Some("media") => {
                if let Some(payload) = string(&["media", "payload"]) {
                    with_audio(payload, |audio| {
                        let start = self.heard.media(caller, audio);
                        self.touch(start);
                    });
                }
            }
            Some("mark") => {
                if let Some(name) = string(&["mark", "name"]) {
                    self.heard.mark(caller, hash(name));
                }
            }
            Some("clear") => {
                let cut = self.heard.clear(caller);
                self.touch(cut);
            }
            _ => {}
        }
    }

    fn end(&self) -> i64 {
        self.base + self.caller.len() as i64
    }

    /// What follows `position` has changed.
    fn touch(&mut self, position: i64) {
        let first = if self.base == 0 {
            0
        } else {
            self.base + CONTEXT
        };
        self.dirty = self.dirty.min(position.max(first));
    }
}

fn with_audio(payload: JsonStr<'_>, then: impl FnOnce(&[u8])) {
    let mut short = [0; 1_024];
    let mut long;
    let audio = match base64::decode_str(payload, &mut short) {
        Ok(count) => &short[..count],
        Err(Error::BufferTooShort { needed, .. }) => {
            long = vec![0; needed];
            let count = base64::decode_str(payload, &mut long).unwrap_or(0);
            &long[..count]
        }
        Err(_) => return,
    };
    if !audio.is_empty() {
        then(audio);
    }
}

fn hash(text: JsonStr<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.chars().for_each(|char| char.hash(&mut hasher));
    hasher.finish()
}

/// Samples that may still change: what an echo says of 1 s ago can be put right.
const WINDOW: usize = 8_000;
/// Samples before a change that what is derived from it needs to see again; see `render.rs`.
pub(super) const CONTEXT: i64 = 64;
/// The longest gap in the caller's frames, 60 s: the call is given up long before.
const MAX_GAP: i64 = 60 * 8_000;
/// How far time stamps may be ahead of the time, 2 s.
const MAX_AHEAD: i64 = 2 * 8_000;
/// 5 ms.
const ROUNDING: u64 = 40;
/// Half a second of frames.
const MAX_STRAYS: u32 = 25;
