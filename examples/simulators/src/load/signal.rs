//! What the callers of a load say: a tone that holds who says it and when, in a form that G.711 and
//! resampling leave readable, so that each sample the model gets can be told from all others.
//!
//! An utterance is a 1 kHz tone switched on and off in blocks of 5 ms: two on, two off, then a word of
//! 40 bits (the caller, the number of the utterance, a check), then on to its end.

use std::sync::OnceLock;

use crate::audio::mulaw_encode;

/// Frames of an utterance: 1.6 s.
pub(super) const UTTERANCE_FRAMES: u64 = 80;

/// Who speaks, and which of their utterances it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) caller: u16,
    pub(super) utterance: u16,
}

impl Word {
    /// Whether the tone is on in a block of the utterance.
    fn is_on(self, block: usize) -> bool {
        match block {
            0 | 1 => true,
            2 | 3 => false,
            block if block < PREAMBLE_BLOCKS => self.bits() >> (block - 4) & 1 == 1,
            _ => true,
        }
    }

    fn bits(self) -> u64 {
        let bits = u64::from(self.caller) | u64::from(self.utterance) << 16;
        bits | check(bits) << 32
    }

    fn from_bits(bits: u64) -> Option<Self> {
        let word = bits & 0xFFFF_FFFF;
        (bits >> 32 == check(word)).then_some(Self {
            caller: word as u16,
            utterance: (word >> 16) as u16,
        })
    }
}

/// CRC-8, polynomial x⁸ + x² + x + 1, of four bytes.
fn check(bits: u64) -> u64 {
    let mut rest = bits << 8;
    for bit in (8..40).rev() {
        if rest >> bit & 1 == 1 {
            rest ^= 0x107 << (bit - 8);
        }
    }
    rest
}

/// The 20 ms of μ-law that are frame `frame` of the utterance.
pub(super) fn frame(word: Word, frame: u64) -> [u8; FRAME] {
    let tone = TONE.get_or_init(tone);
    let mut mulaw = [SILENCE; FRAME];
    for (index, block) in mulaw.chunks_exact_mut(BLOCK).enumerate() {
        if word.is_on(frame as usize * (FRAME / BLOCK) + index) {
            block.copy_from_slice(&tone[..BLOCK]);
        }
    }
    mulaw
}

/// One frame of the tone in μ-law: a whole number of periods, as is a block.
pub(super) fn tone() -> [u8; FRAME] {
    std::array::from_fn(|n| {
        let phase = std::f64::consts::TAU * n as f64 / 8.0;
        mulaw_encode((AMPLITUDE * phase.cos()) as i16)
    })
}

/// What a model makes out in the samples it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// An utterance began at sample `onset`, and this is what it says of itself.
    Word { word: Word, onset: u64 },
    /// Something began that is no utterance, or is one in pieces.
    Garbled,
    /// The utterance is over. So many of its blocks had no tone.
    End { weak_blocks: u32 },
}

/// Listens to samples as they come.
#[derive(Debug)]
pub(super) struct Ear {
    /// Samples of a block.
    block: u64,
    position: u64,
    state: State,
    /// Sum of the magnitudes in the middle half of the block so far.
    sum: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Quiet,
    Preamble {
        onset: u64,
        bits: u64,
        is_begun: bool,
    },
    Voice {
        onset: u64,
        weak_blocks: u32,
    },
    /// Deaf until then: what a filter lets ring on is no utterance.
    Rest {
        until: u64,
    },
}

impl Ear {
    /// `rate_hz` is 8,000 or 24,000.
    pub(super) fn new(rate_hz: u32) -> Self {
        Self {
            block: u64::from(rate_hz / 8_000) * BLOCK as u64,
            position: 0,
            state: State::Quiet,
            sum: 0,
        }
    }

    /// Samples so far.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Listens to the next samples.
    pub(super) fn hear(&mut self, mut samples: &[i16], mut each: impl FnMut(Heard)) {
        while !samples.is_empty() {
            let taken = match self.state {
                State::Quiet => {
                    let begin = samples.iter().position(|&sample| is_loud(sample));
                    if let Some(begin) = begin {
                        self.sum = 0;
                        self.state = State::Preamble {
                            onset: self.position + begin as u64,
                            bits: 0,
                            is_begun: true,
                        };
                    }
                    begin.unwrap_or(samples.len())
                }
                State::Rest { until } => {
                    let left = until - self.position;
                    if left <= samples.len() as u64 {
                        self.state = State::Quiet;
                    }
                    (left as usize).min(samples.len())
                }
                State::Preamble { onset, .. } | State::Voice { onset, .. } => {
                    self.follow(onset, samples, &mut each)
                }
            };
            self.position += taken as u64;
            samples = &samples[taken..];
        }
    }

    /// Listens to what `samples` has of the block under way; returns how much that was.
    fn follow(&mut self, onset: u64, samples: &[i16], each: &mut impl FnMut(Heard)) -> usize {
        let since = self.position - onset;
        let (block, begin) = (since / self.block, since % self.block);
        let count = (self.block - begin).min(samples.len() as u64);
        let (from, to) = (self.block / 4, 3 * self.block / 4);
        let middle = from.clamp(begin, begin + count)..to.clamp(begin, begin + count);
        let middle = (middle.start - begin) as usize..(middle.end - begin) as usize;
        let magnitudes = samples[middle].iter().map(|&s| u64::from(s.unsigned_abs()));
        self.sum += magnitudes.sum::<u64>();
        if begin + count == self.block {
            let is_on = self.sum > THRESHOLD * (to - from);
            self.sum = 0;
            self.state = self.after(block as usize, is_on, each);
        }
        count as usize
    }

    /// What follows a whole block.
    fn after(&self, block: usize, is_on: bool, each: &mut impl FnMut(Heard)) -> State {
        match self.state {
            State::Preamble {
                onset,
                bits,
                is_begun,
            } => {
                let (bits, is_begun) = match block {
                    0 | 1 => (bits, is_begun && is_on),
                    2 | 3 => (bits, is_begun && !is_on),
                    _ => (bits | u64::from(is_on) << (block - 4), is_begun),
                };
                if block + 1 < PREAMBLE_BLOCKS {
                    return State::Preamble {
                        onset,
                        bits,
                        is_begun,
                    };
                }
                match Word::from_bits(bits).filter(|_| is_begun) {
                    Some(word) => each(Heard::Word { word, onset }),
                    None => each(Heard::Garbled),
                }
                State::Voice {
                    onset,
                    weak_blocks: 0,
                }
            }
            State::Voice { onset, weak_blocks } => {
                let weak_blocks = weak_blocks + u32::from(!is_on);
                if block + 1 < UTTERANCE_BLOCKS {
                    return State::Voice { onset, weak_blocks };
                }
                each(Heard::End { weak_blocks });
                State::Rest {
                    until: onset + (UTTERANCE_BLOCKS as u64 + 2) * self.block,
                }
            }
            state => state,
        }
    }
}

/// Whether there is some of the tone in `samples`.
pub(super) fn has_tone(samples: impl Iterator<Item = i16>) -> bool {
    samples.into_iter().any(is_loud)
}

fn is_loud(sample: i16) -> bool {
    f64::from(sample.unsigned_abs()) >= AMPLITUDE / 2.0
}

/// Cosines are dear in each frame of a thousand calls.
static TONE: OnceLock<[u8; FRAME]> = OnceLock::new();
/// Samples of 20 ms at 8 kHz.
pub(super) const FRAME: usize = 160;
/// Digital silence in μ-law.
pub(super) const SILENCE: u8 = 0xFF;
/// Samples of 5 ms at 8 kHz.
const BLOCK: usize = 40;
const PREAMBLE_BLOCKS: usize = 4 + 40;
const UTTERANCE_BLOCKS: usize = UTTERANCE_FRAMES as usize * FRAME / BLOCK;
/// Loud, with room for a filter's overshoot.
const AMPLITUDE: f64 = 16_000.0;
/// Half of the tone's mean magnitude, which is 2/π of the amplitude.
const THRESHOLD: u64 = 5_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{mulaw_decode, resample};

    const WORD: Word = Word {
        caller: 0xA53C,
        utterance: 7,
    };

    /// `silence` samples, an utterance, and half a second of silence, at 8 kHz.
    fn said(word: Word, silence: usize) -> Vec<i16> {
        let frames = (0..UTTERANCE_FRAMES).flat_map(|n| frame(word, n));
        let all = std::iter::repeat_n(SILENCE, silence).chain(frames);
        let all = all.chain(std::iter::repeat_n(SILENCE, 4_000));
        all.map(mulaw_decode).collect()
    }

    fn heard(ear: &mut Ear, samples: &[i16], piece: usize) -> Vec<Heard> {
        let mut all = Vec::new();
        for piece in samples.chunks(piece) {
            ear.hear(piece, |heard| all.push(heard));
        }
        all
    }

    #[test]
    fn an_utterance_is_read_at_its_place_however_it_is_cut() {
        let samples = said(WORD, 1_234);
        for piece in [1, 7, 160, 10_000] {
            let mut ear = Ear::new(8_000);
            let word = Heard::Word {
                word: WORD,
                onset: 1_234,
            };
            let end = Heard::End { weak_blocks: 0 };
            assert_eq!(heard(&mut ear, &samples, piece), [word, end]);
            assert_eq!(ear.position(), samples.len() as u64);
        }
    }

    #[test]
    fn resampling_leaves_it_readable_and_in_place() {
        for caller in [0, 1, 0x5555, 0xFFFF] {
            let word = Word {
                caller,
                utterance: !caller,
            };
            let wide = resample(&said(word, 800), 8_000, 24_000);
            let all = heard(&mut Ear::new(24_000), &wide, 480);
            let [Heard::Word { word: read, onset }, end] = all[..] else {
                panic!("{all:?}");
            };
            assert_eq!((read, end), (word, Heard::End { weak_blocks: 0 }));
            assert!(onset.abs_diff(2_400) <= 2, "{onset}");
        }
    }

    #[test]
    fn one_wrong_bit_makes_it_garbled_and_a_hole_makes_it_weak() {
        let mut samples = said(WORD, 0);
        samples[20 * BLOCK..21 * BLOCK].reverse();
        let same = heard(&mut Ear::new(8_000), &samples, 160);
        assert_eq!(same.len(), 2);
        let wrong = if WORD.is_on(20) { 0 } else { 16_000 };
        samples[20 * BLOCK..21 * BLOCK].fill(wrong);
        samples[100 * BLOCK..104 * BLOCK].fill(0);
        let all = heard(&mut Ear::new(8_000), &samples, 160);
        assert_eq!(all, [Heard::Garbled, Heard::End { weak_blocks: 4 }]);
    }

    #[test]
    fn silence_says_nothing_and_the_next_utterance_is_heard() {
        let mut ear = Ear::new(8_000);
        assert_eq!(heard(&mut ear, &[0; 8_000], 160), []);
        let next = Word {
            utterance: 8,
            ..WORD
        };
        assert_eq!(heard(&mut ear, &said(WORD, 0), 160).len(), 2);
        let onset = ear.position() + 100;
        let word = Heard::Word { word: next, onset };
        assert_eq!(heard(&mut ear, &said(next, 100), 160)[0], word);
    }
}
