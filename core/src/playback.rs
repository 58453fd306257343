//! What the caller has heard, item by item.
//!
//! A carrier plays what it is sent later than it is sent it, and a model generates faster than
//! anyone speaks. Between the two lies a line of samples, and the question at every barge-in is how
//! far along that line the caller's ear has come. [`PlaybackLedger`] keeps the books:
//!
//! ```text
//!            heard          sent              received
//!  line ───────┴──────────────┴──────────────────┴──▶ samples at 8 kHz
//!       item_1 ────────┤ item_2 ─────────┤ item_3 ──
//! ```
//!
//! *Received* grows with [`receive`](PlaybackLedger::receive), *sent* with
//! [`send`](PlaybackLedger::send), *heard* only by the carrier's echo of a mark that the ledger
//! named, and never past what could have been played by the clock. Marks carry their position and
//! an epoch in their names, so lost, late, doubled, reordered and unknown echoes need no memory and
//! do no harm; [`clear`](PlaybackLedger::clear) begins a new epoch, and what it flushes never counts.
//! The times of the echoes also tell how fast the carrier's clock runs beside ours, and
//! [`play_end`](PlaybackLedger::play_end) follows it: paced by that, a day of speech at ±500 ppm keeps the
//! carrier's queue within 20 ms (`core/tests/long`).
//!
//! It works without a [`Bridge`](crate::Bridge), in any server that sends the audio itself:
//!
//! ```
//! use core::time::Duration;
//! use trunkline::playback::{Cut, PlaybackLedger};
//!
//! let mut ledger = PlaybackLedger::new(24_000); // the model speaks 24 kHz
//! let ms = Duration::from_millis;
//!
//! // A delta of 400 ms arrives and goes to the carrier as 3,200 μ-law samples …
//! ledger.receive("item_1", 0, 9_600, 3_200)?;
//! ledger.send(ms(0), 1_600); // … of which half have been sent, with a mark behind them.
//! let mark = ledger.mark();
//! let name = mark.as_str().to_owned();
//!
//! // The carrier echoes the mark 230 ms later; then the caller interrupts.
//! ledger.handle_mark(ms(230), &name);
//! let cut: Vec<_> = ledger.unheard().map(|unheard| unheard.cut()).collect();
//! assert_eq!(cut, [Cut::TruncateAt { audio_end_ms: 200 }]);
//! ledger.clear(); // together with the carrier's own `clear`
//! # Ok::<(), trunkline::Error>(())
//! ```

mod clock;
mod mark;
mod part;

use core::{num::NonZero, time::Duration};

pub use mark::MarkName;
pub use part::{Cut, Heard, Unheard};

use self::{clock::PlayClock, part::Segment};
use crate::{Error, id::Id};

/// Books of one call's playback. Copyable state of about 2 KiB, no allocation, no clock of its own.
#[derive(Clone, Debug)]
pub struct PlaybackLedger {
    /// Items not wholly heard, oldest first, contiguous on the line; the first `len` are in use.
    segments: [Segment; Self::MAX_PARTS],
    len: usize,
    /// In 64 bits, for what is divided by it.
    model_rate_hz: NonZero<u64>,
    received: u64,
    sent: u64,
    heard: u64,
    marked: u64,
    epoch: u32,
    clock: PlayClock,
}

impl PlaybackLedger {
    /// Content parts that may be waiting to be heard at one time.
    pub const MAX_PARTS: usize = 16;
    /// Sampling rate of the line, in Hz: what a phone carrier plays.
    pub const RATE_HZ: u32 = 8_000;

    /// An empty ledger for a model that speaks at `model_rate_hz` (24,000 for PCM16, 8,000 for
    /// G.711).
    pub const fn new(model_rate_hz: u32) -> Self {
        Self {
            segments: [Segment::EMPTY; Self::MAX_PARTS],
            len: 0,
            // A rate of 0 makes no sense, and must not make a division by it either.
            model_rate_hz: match NonZero::new(model_rate_hz as u64) {
                None => NonZero::<u64>::MIN,
                Some(rate) => rate,
            },
            received: 0,
            sent: 0,
            heard: 0,
            marked: 0,
            epoch: 0,
            clock: PlayClock::new(),
        }
    }

    /// A content part exists, though none of its audio has come yet. It counts as unheard.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn announce(&mut self, item_id: &str, content_index: u32) -> Result<(), Error> {
        self.receive(item_id, content_index, 0, 0)
    }

    /// Audio of a content part has arrived: `model_samples` at the model's rate, which became
    /// `line_samples` at [`RATE_HZ`](Self::RATE_HZ) at the end of the line.
    ///
    /// # Errors
    /// [`Error::InvalidField`] for an id that is empty, longer than 64 bytes or not plain ASCII;
    /// [`Error::QueueFull`] if [`MAX_PARTS`](Self::MAX_PARTS) parts wait and not even the oldest has
    /// been sent; else, the oldest is taken for heard.
    pub fn receive(
        &mut self,
        item_id: &str,
        content_index: u32,
        model_samples: usize,
        line_samples: usize,
    ) -> Result<(), Error> {
        self.receive_part(
            Id::new(item_id, "item_id")?,
            content_index,
            model_samples,
            line_samples,
        )
    }

    /// [`receive`](Self::receive) with an id that was checked before.
    pub(crate) fn receive_part(
        &mut self,
        id: Id,
        content_index: u32,
        model_samples: usize,
        line_samples: usize,
    ) -> Result<(), Error> {
        let model_samples = model_samples as u64;
        let line_samples = line_samples as u64;
        let parts = self.segments.get_mut(..self.len).unwrap_or_default();
        let known = parts
            .iter()
            .rposition(|part| part.content_index == content_index && part.id == id);
        let open = known.or_else(|| {
            // An item is announced by its first part, but another may be the one that is spoken.
            let announced = |part: &Segment| part.is_only_announced() && part.id == id;
            let index = parts.iter().rposition(announced)?;
            parts.get_mut(index)?.content_index = content_index;
            Some(index)
        });
        let mut from_open = parts.iter_mut().skip(open.unwrap_or(usize::MAX));
        match from_open.next() {
            Some(part) if part.end == self.received => {
                part.end += line_samples;
                part.model_samples += model_samples;
                // Parts that are only announced stay behind all that has come.
                for announced in from_open {
                    announced.start += line_samples;
                    announced.end += line_samples;
                }
            }
            // Another part's audio came between: the part goes on in a second stretch.
            earlier => {
                let base = earlier.map_or(0, |part| part.base + part.model_samples);
                if self.len == Self::MAX_PARTS {
                    self.retire()?;
                }
                let slot = self.segments.get_mut(self.len);
                *slot.ok_or(Error::QueueFull { needed: 1, free: 0 })? = Segment {
                    id,
                    content_index,
                    begins_item: content_index == 0 && base == 0,
                    is_finished: false,
                    start: self.received,
                    end: self.received + line_samples,
                    base,
                    model_samples,
                };
                self.len += 1;
            }
        }
        self.received += line_samples;
        Ok(())
    }

    /// No more audio will come for this content part. A part that never had any is forgotten.
    pub fn finish(&mut self, item_id: &str, content_index: u32) {
        self.finish_where(|segment| segment.is(item_id, content_index));
    }

    /// No more audio will come for any part of this item.
    pub fn finish_item(&mut self, item_id: &str) {
        self.finish_where(|segment| segment.id.is(item_id));
    }

    /// No more audio will come for any content part known so far.
    pub fn finish_all(&mut self) {
        self.finish_where(|_| true);
    }

    /// The next `samples` of the line have gone to the carrier at `now`.
    pub fn send(&mut self, now: Duration, samples: usize) {
        let samples = (samples as u64).min(self.received - self.sent);
        self.clock.send(now, self.sent, samples);
        self.sent += samples;
    }

    /// The name of a mark to send behind everything sent so far. Its echo goes to
    /// [`handle_mark`](Self::handle_mark).
    pub fn mark(&mut self) -> MarkName {
        self.mark_sent();
        self.mark_name()
    }

    /// A mark with the [`mark_name`](Self::mark_name) has been sent.
    pub(crate) fn mark_sent(&mut self) {
        self.marked = self.sent;
    }

    /// The name that [`mark`](Self::mark) would give now.
    pub(crate) fn mark_name(&self) -> MarkName {
        MarkName::new(self.epoch, self.sent)
    }

    /// The carrier has echoed a mark.
    ///
    /// Echoes of an earlier epoch are [`Echo::Flushed`] and count for nothing. An echo can never
    /// lower what was heard, nor raise it past the last mark of this epoch, nor past what the
    /// carrier can have played by `now` (with 0.1 % and 20 ms of grace for its clock).
    pub fn handle_mark(&mut self, now: Duration, name: &str) -> Echo {
        let Some((epoch, position)) = MarkName::parse(name) else {
            return Echo::Foreign;
        };
        if epoch != self.epoch {
            return if epoch < self.epoch {
                Echo::Flushed
            } else {
                Echo::Foreign
            };
        }
        if position > self.marked {
            return Echo::Foreign;
        }
        let playable = self.clock.playable(now, self.sent);
        self.heard = self.heard.max(position.min(playable));
        self.clock.echoed(now, position, self.sent);
        Echo::Heard
    }

    /// The oldest content part, once it is finished and wholly heard; each is told once.
    pub fn pop_heard(&mut self) -> Option<Heard> {
        let first = *self.parts().first()?;
        if !first.is_finished || first.end > self.heard {
            return None;
        }
        self.drop_oldest();
        Some(first.heard(self.model_rate_hz))
    }

    /// The content parts not wholly heard, oldest first, and what to tell the model of each if
    /// playback stops now.
    pub fn unheard(&self) -> impl Iterator<Item = Unheard<'_>> {
        let parts = self.parts();
        parts.iter().enumerate().filter_map(move |(index, part)| {
            let earlier = parts.get(..index).unwrap_or_default();
            part.unheard(earlier, self.heard, self.model_rate_hz)
        })
    }

    /// Playback has been stopped and the carrier's queue emptied: nothing on the line will be heard
    /// any more, and marks sent before this count for nothing.
    pub fn clear(&mut self) {
        self.len = 0;
        self.sent = self.received;
        self.heard = self.received;
        self.marked = self.received;
        self.epoch = self.epoch.wrapping_add(1);
        self.clock.clear();
    }

    /// Audio that the carrier was sent and, by the clock, has not played.
    pub fn queued(&self, now: Duration) -> Duration {
        self.play_end().saturating_sub(now)
    }

    /// When, by the clock, the carrier will have played all it was sent. Its clock is not ours; the
    /// difference is learned from its echoes, and followed by 0.1 % at most.
    pub fn play_end(&self) -> Duration {
        self.clock.end()
    }

    /// Position of the caller's ear on the line, in samples, as far as marks prove it.
    pub fn heard_samples(&self) -> u64 {
        self.heard
    }

    /// Position on the line up to which audio was sent, in samples.
    pub fn sent_samples(&self) -> u64 {
        self.sent
    }

    /// Position on the line up to which audio was received, in samples.
    pub fn received_samples(&self) -> u64 {
        self.received
    }

    /// Samples sent since the last mark.
    pub fn unmarked_samples(&self) -> u64 {
        self.sent - self.marked
    }

    /// No content part is waiting for more audio from the model.
    pub fn is_finished(&self) -> bool {
        self.parts().iter().all(|part| part.is_finished)
    }

    /// How often playback was cleared.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Makes room where marks do not come back: the oldest part, once finished and sent, is taken
    /// for heard. It will never be cut then, even if it was sent and not yet played.
    fn retire(&mut self) -> Result<(), Error> {
        let oldest = &self.segments[0];
        if !oldest.is_finished || oldest.end > self.sent {
            return Err(Error::QueueFull { needed: 1, free: 0 });
        }
        self.drop_oldest();
        Ok(())
    }

    /// Moves all there could be: with a constant length there is no panic to rule out.
    fn drop_oldest(&mut self) {
        self.segments.copy_within(1.., 0);
        self.len = self.len.saturating_sub(1);
    }

    fn parts(&self) -> &[Segment] {
        self.segments.get(..self.len).unwrap_or_default()
    }

    fn finish_where(&mut self, is_meant: impl Fn(&Segment) -> bool) {
        let mut kept = 0;
        for index in 0..self.len.min(Self::MAX_PARTS) {
            let mut segment = self.segments[index];
            segment.is_finished |= is_meant(&segment);
            if !segment.is_finished || segment.end > segment.start {
                if let Some(slot) = self.segments.get_mut(kept) {
                    *slot = segment;
                }
                kept += 1;
            }
        }
        self.len = kept;
    }
}

/// What an echoed mark meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Echo {
    /// Playback reached it.
    Heard,
    /// It was on the way when playback was cleared.
    Flushed,
    /// The ledger did not name it, or not yet.
    Foreign,
}

/// The share of `text` that was heard when `heard_ms` of `total_ms` of its speech were, cut back to
/// a whole word. Speech and text do not run evenly, so this is an estimate; it is what a transcript
/// is to show, and what a new session is to be told, after a barge-in.
pub fn heard_text(text: &str, heard_ms: u64, total_ms: u64) -> &str {
    if heard_ms == 0 {
        return "";
    }
    if heard_ms >= total_ms {
        return text;
    }
    let chars = text.chars().count() as u128 * u128::from(heard_ms) / u128::from(total_ms);
    let end = text
        .char_indices()
        .nth(chars as usize)
        .map_or(text.len(), |(index, _)| index);
    let (head, tail) = text.split_at(end);
    match head.rfind(char::is_whitespace) {
        _ if tail.starts_with(char::is_whitespace) => head,
        Some(space) => head[..space].trim_end(),
        None => "",
    }
}

/// Time that `samples` of the line take to play.
pub(crate) fn samples_to_duration(samples: u64) -> Duration {
    Duration::from_micros(samples.saturating_mul(1_000_000 / u64::from(PlaybackLedger::RATE_HZ)))
}

/// Samples of the line played in `time`, rounded down.
pub(crate) fn duration_to_samples(time: Duration) -> u64 {
    let rate = u64::from(PlaybackLedger::RATE_HZ);
    let whole = time.as_secs().saturating_mul(rate);
    whole.saturating_add(u64::from(time.subsec_micros()) * rate / 1_000_000)
}
