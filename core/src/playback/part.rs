//! Content parts on the line, and what is told of them.

use core::num::NonZero;

use super::PlaybackLedger;
use crate::id::Id;

/// A content part that the caller has heard to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    id: Id,
    /// Content part of the item.
    pub content_index: u32,
    /// Its whole length in milliseconds.
    pub audio_ms: u64,
}

impl Heard {
    /// The item.
    pub fn item_id(&self) -> &str {
        self.id.as_str()
    }
}

/// A content part that the caller has not heard to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unheard<'a> {
    /// The item.
    pub item_id: &'a str,
    /// Content part of the item.
    pub content_index: u32,
    /// Audio heard, in whole milliseconds; never more than `received_ms`.
    pub heard_ms: u64,
    /// Audio received, in whole milliseconds.
    pub received_ms: u64,
    /// Where it starts on the line, in samples.
    pub start: u64,
    cut: Cut,
}

impl Unheard<'_> {
    /// What the model is to be told.
    ///
    /// An item of which nothing was heard is deleted: truncating it at 0 would leave an empty
    /// answer in the conversation. A later part of an item is cut by itself; if the whole item
    /// goes, the part goes with it.
    pub fn cut(&self) -> Cut {
        self.cut
    }
}

/// What to tell the model of a content part when playback stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cut {
    /// `conversation.item.truncate` at this point of the part's audio.
    TruncateAt {
        /// Milliseconds from the start of the part; at most heard, at most received.
        audio_end_ms: u64,
    },
    /// `conversation.item.delete`.
    Delete,
    /// Nothing: deleting the item covers it.
    None,
}

/// One content part on the line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) id: Id,
    pub(super) content_index: u32,
    /// Nothing of its item comes before it.
    pub(super) begins_item: bool,
    pub(super) is_finished: bool,
    pub(super) start: u64,
    pub(super) end: u64,
    /// Model samples of the part that came before this stretch of the line.
    pub(super) base: u64,
    /// Model samples of the part in this stretch.
    pub(super) model_samples: u64,
}

impl Segment {
    pub(super) const EMPTY: Self = Self {
        id: Id::EMPTY,
        content_index: 0,
        begins_item: false,
        is_finished: false,
        start: 0,
        end: 0,
        base: 0,
        model_samples: 0,
    };

    pub(super) fn is(&self, item_id: &str, content_index: u32) -> bool {
        self.content_index == content_index && self.id.is(item_id)
    }

    pub(super) fn is_only_announced(&self) -> bool {
        !self.is_finished && self.base + self.model_samples == 0 && self.start == self.end
    }

    fn received_ms(&self, model_rate_hz: NonZero<u64>) -> u64 {
        (self.base + self.model_samples) * 1_000 / model_rate_hz
    }

    /// The part as heard to its end.
    pub(super) fn heard(&self, model_rate_hz: NonZero<u64>) -> Heard {
        Heard {
            id: self.id,
            content_index: self.content_index,
            audio_ms: self.received_ms(model_rate_hz),
        }
    }

    /// The part as it stands when the caller has heard the line up to `heard`, if that is not all
    /// of it; `earlier` are the parts before it.
    pub(super) fn unheard(
        &self,
        earlier: &[Self],
        heard: u64,
        model_rate_hz: NonZero<u64>,
    ) -> Option<Unheard<'_>> {
        if self.is_finished && self.end <= heard {
            return None;
        }
        let heard_ms = self.heard_ms(heard, model_rate_hz);
        Some(Unheard {
            item_id: self.id.as_str(),
            content_index: self.content_index,
            heard_ms,
            received_ms: self.received_ms(model_rate_hz),
            start: self.start,
            cut: match heard_ms {
                _ if earlier
                    .iter()
                    .any(|part| part.covers(self, heard, model_rate_hz)) =>
                {
                    Cut::None
                }
                0 if self.begins_item => Cut::Delete,
                audio_end_ms => Cut::TruncateAt { audio_end_ms },
            },
        })
    }

    /// Whether what is told of this part does for the later `other`: its item goes whole, or it is
    /// the same part, cut before.
    fn covers(&self, other: &Self, heard: u64, model_rate_hz: NonZero<u64>) -> bool {
        let is_deleted = self.begins_item && self.heard_ms(heard, model_rate_hz) == 0;
        let is_cut = self.content_index == other.content_index && self.end > heard;
        self.id == other.id && (is_deleted || is_cut)
    }

    /// What was heard of the part's audio when the line was heard up to `heard`.
    fn heard_ms(&self, heard: u64, model_rate_hz: NonZero<u64>) -> u64 {
        let before_ms = self.base * 1_000 / model_rate_hz;
        let here = heard.min(self.end).saturating_sub(self.start);
        let here_ms = here * 1_000 / u64::from(PlaybackLedger::RATE_HZ);
        (before_ms + here_ms).min(self.received_ms(model_rate_hz))
    }
}
