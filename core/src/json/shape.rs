//! The form of a message, learned, so that the next one alike need not be scanned.

use super::{JsonStr, Value};
use crate::simd::scan::{BLOCK, is_like};

/// What was learned of one peer's messages from the last one with audio.
///
/// In a stream of audio a message differs from the one before it in the text of a few strings only:
/// the audio and some numbers and ids. Where all else is the same to the byte and those strings have
/// no quote, escape or control character, the text parses as the one before did and each value stands
/// where it stood. That takes one comparison, in vectors, instead of a scanner's run.
///
/// About 450 bytes, no allocation. What is read does not depend on it, only how soon.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The text up to the audio, and a part of that; 0 in place of each byte of a string that may be
    /// another.
    head: [[u8; BLOCK]; HEAD_BLOCKS],
    /// Blocks of `head` in use; 0 before anything was learned.
    head_blocks: usize,
    /// The text behind the audio, and a part of that.
    tail: [u8; BLOCK],
    slots: [Slot; MAX_SLOTS],
    /// A message was alike since this was learned.
    is_proven: bool,
    /// So many in a row were learned that nothing was like.
    unproven: u8,
    /// Messages to let pass before something else is learned.
    wait: u8,
}

/// Where a value stands.
#[derive(Clone, Copy, Debug)]
enum Slot {
    Absent,
    String(Place),
    Number(Place),
}

/// Bytes of a text, counted from its start or, below 0, from its end.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: i32,
    end: i32,
}

impl Shape {
    /// Nothing learned yet.
    pub const fn new() -> Self {
        Self {
            head: [[0; BLOCK]; HEAD_BLOCKS],
            head_blocks: 0,
            tail: [0; BLOCK],
            slots: [Slot::Absent; MAX_SLOTS],
            is_proven: false,
            unproven: 0,
            wait: 0,
        }
    }

    /// Whether `text` is like the one that was learned from; only then has it [`value`](Self::value)s.
    #[inline]
    pub(crate) fn fits(&mut self, text: &str) -> bool {
        let head = self.head.get(..self.head_blocks).unwrap_or_default();
        let fits = !head.is_empty() && is_like(text.as_bytes(), head, &self.tail);
        self.is_proven |= fits;
        fits
    }

    /// The value in `text` of what was learned as number `index`.
    // Inlined and asked one by one, so that values stay in registers: put together in memory and read
    // back in wider pieces, the six of a message cost more than the comparison.
    #[inline(always)]
    pub(crate) fn value<'a>(&self, index: usize, text: &'a str) -> Value<'a> {
        let slot = self.slots.get(index).copied().unwrap_or(Slot::Absent);
        match slot {
            Slot::Absent => Value::Absent,
            Slot::String(place) => Value::String(JsonStr::from_checked(place.of(text), false)),
            Slot::Number(place) => Value::Number(place.of(text)),
        }
    }

    /// Learns from `text`, in which `values` were read: the first `fixed` of them are what makes the
    /// message one of its kind, the last is the audio. A text without this form is passed over, and so
    /// are ever more of them while nothing is like what was learned.
    pub(crate) fn learn<const N: usize>(
        &mut self,
        text: &str,
        values: [Value<'_>; N],
        fixed: usize,
    ) {
        if self.is_proven {
            self.unproven = 0;
        } else if self.wait > 0 {
            self.wait -= 1;
            return;
        }
        self.is_proven = false;
        self.wait = self.unproven;
        self.unproven = MAX_WAIT.min(self.unproven + 1);
        // Whatever is in the way below, a shape half learned is none.
        self.head_blocks = 0;
        if let Some(blocks) = self.try_learn(text, values, fixed) {
            self.head_blocks = blocks;
        }
    }

    #[cold]
    fn try_learn<const N: usize>(
        &mut self,
        text: &str,
        values: [Value<'_>; N],
        fixed: usize,
    ) -> Option<usize> {
        let Some(Value::String(audio)) = values.last() else {
            return None;
        };
        let audio = range_of(text, audio.as_plain()?)?;
        let blocks = audio.start.div_ceil(BLOCK);
        let behind = text.len() - audio.end;
        let is_short = audio.is_empty() || text.len() < (blocks + 1) * BLOCK;
        if is_short || blocks > HEAD_BLOCKS || behind > BLOCK {
            return None;
        }
        for (slot, value) in self.slots.iter_mut().zip(values) {
            *slot = match value {
                Value::Absent => Slot::Absent,
                Value::String(string) => {
                    Slot::String(Place::new(text, string.as_plain()?, audio.start)?)
                }
                Value::Number(number) => Slot::Number(Place::new(text, number, audio.start)?),
                _ => return None,
            };
        }
        let is_fixed = |string: &[u8]| {
            values.iter().take(fixed).any(|value| match value {
                Value::String(value) => value.raw().as_ptr() == string.as_ptr(),
                _ => false,
            })
        };
        self.head = [[0; BLOCK]; HEAD_BLOCKS];
        let head = self.head.as_flattened_mut();
        let before = text.get(..audio.start)?;
        head.get_mut(..audio.start)?
            .copy_from_slice(before.as_bytes());
        blank_strings(before, head, is_fixed)?;
        self.tail = [0; BLOCK];
        let tail = self.tail.get_mut(BLOCK - behind..)?;
        // Without the audio's closing quote, so that quotes come in pairs.
        let after = text.get(audio.end + 1..)?;
        tail.copy_from_slice(text.as_bytes().get(audio.end..)?);
        blank_strings(after, tail.get_mut(1..)?, is_fixed)?;
        Some(blocks)
    }
}

impl Default for Shape {
    fn default() -> Self {
        Self::new()
    }
}

impl Place {
    /// Of `part` in `text`, whose audio begins at `audio` and may be longer or shorter another time.
    fn new(text: &str, part: &str, audio: usize) -> Option<Self> {
        let range = range_of(text, part)?;
        let place = |at: usize| {
            let moves = if at > audio { text.len() } else { 0 };
            Some(i32::try_from(at).ok()? - i32::try_from(moves).ok()?)
        };
        Some(Self {
            start: place(range.start)?,
            end: place(range.end)?,
        })
    }

    /// The part of `text`, which has the learned form: there is one, between two quotes or beside a
    /// number.
    #[inline(always)]
    fn of(self, text: &str) -> &str {
        let at = |place: i32| {
            let from = if place < 0 { text.len() } else { 0 };
            from.wrapping_add_signed(place as isize)
        };
        text.get(at(self.start)..at(self.end)).unwrap_or_default()
    }
}

/// Writes 0 over the strings of `text` in `bytes`, which begins with it: all but names of members and
/// those that are fixed. `None` if the text has an escape; it may end within a string.
fn blank_strings(text: &str, bytes: &mut [u8], is_fixed: impl Fn(&[u8]) -> bool) -> Option<()> {
    let text = text.as_bytes();
    if text.contains(&b'\\') {
        return None;
    }
    let mut parts = text.split(|&byte| byte == b'"');
    let mut at = parts.next()?.len() + 1;
    while let (Some(string), Some(behind)) = (parts.next(), parts.next()) {
        let is_name = behind.trim_ascii_start().starts_with(b":");
        if !is_name && !is_fixed(string) {
            bytes.get_mut(at..at + string.len())?.fill(0);
        }
        at += string.len() + behind.len() + 2;
    }
    Some(())
}

/// Where `part`, a slice of `text`, lies in it.
fn range_of(text: &str, part: &str) -> Option<core::ops::Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    (end <= text.len()).then_some(start..end)
}

/// Blocks before the audio: Twilio's and OpenAI's need three.
const HEAD_BLOCKS: usize = 5;
/// Values that can be asked for.
const MAX_SLOTS: usize = 6;
/// Messages passed over at most: a peer whose messages are never alike is not worth learning from each
/// time.
const MAX_WAIT: u8 = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dialect::Carrier, twilio::Twilio};

    /// A message as Twilio writes it, with 20 ms of audio.
    fn media(number: u32) -> String {
        let audio = "q83v".repeat(54);
        format!(
            r#"{{"event":"media","sequenceNumber":"{number}","media":{{"track":"inbound","chunk":"{number}","timestamp":"{}","payload":"{audio}"}},"streamSid":"MZ18ad3ab5a668481ce02b83e7395059f0"}}"#,
            20 * number
        )
    }

    #[test]
    fn messages_that_differ_in_numbers_of_one_length_are_alike() {
        let mut shape = Shape::new();
        assert!(!shape.fits(&media(100)));
        assert!(Twilio.read_next(&mut shape, &media(100)).is_ok());
        for number in 101..499 {
            assert!(shape.fits(&media(number)), "{number}");
        }
        assert!(!shape.fits(&media(1_000)));
    }

    #[test]
    fn after_numbers_have_grown_the_next_message_is_like_the_last_one() {
        let mut shape = Shape::new();
        let mut alike = 0;
        for number in 0..2_000 {
            let text = media(number);
            alike += u32::from(shape.fits(&text));
            assert!(Twilio.read_next(&mut shape, &text).is_ok());
        }
        // Numbers or times have another digit at 1, 5, 10, 50, 100, 500, and 1,000.
        assert_eq!(alike, 2_000 - 8);
    }

    #[test]
    fn nothing_is_learned_from_each_of_messages_that_are_never_alike() {
        let mut shape = Shape::new();
        let mut learned = 0;
        for turn in 0..340 {
            let before = shape.head;
            let text = " ".repeat(turn % 61) + &media(100);
            assert!(Twilio.read_next(&mut shape, &text).is_ok());
            learned += usize::from(shape.head != before);
        }
        assert!((16..40).contains(&learned), "{learned}");
    }
}
