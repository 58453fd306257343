//! Voice detection by level.

use crate::audio::{PHONE_RATE, level_dbfs};

/// What was noticed, in samples of the input since the detector was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Speech began here.
    Started(u64),
    /// It was followed by enough silence, which ends here.
    Stopped(u64),
}

/// Decides by the level of 10 ms blocks. 30 ms of speech begin a turn, `silence` ends it.
///
/// The service's detector is a model. Its threshold of 0–1 is mapped to a level: 0 is −60 dBFS,
/// 0.5 is −40 dBFS, 1 is −20 dBFS.
#[derive(Debug)]
pub(super) struct Vad {
    block: usize,
    level: f64,
    silence_blocks: u64,
    pending: Vec<i16>,
    blocks: u64,
    loud: u64,
    quiet: u64,
    speaking: bool,
}

impl Vad {
    pub(super) fn new(rate_hz: u32, threshold: f64, silence_ms: u64) -> Self {
        Self {
            block: rate_hz as usize / 100,
            level: 40.0 * threshold - 60.0,
            silence_blocks: silence_ms.div_ceil(10).max(1),
            pending: Vec::new(),
            blocks: 0,
            loud: 0,
            quiet: 0,
            speaking: false,
        }
    }

    /// Listens to the next samples, in any portions.
    pub(super) fn listen(&mut self, samples: &[i16], changes: &mut Vec<Change>) {
        self.pending.extend_from_slice(samples);
        let pending = std::mem::take(&mut self.pending);
        let mut blocks = pending.chunks_exact(self.block);
        for block in &mut blocks {
            self.blocks += 1;
            let loud = level_dbfs(block) >= self.level;
            self.loud = if loud { self.loud + 1 } else { 0 };
            self.quiet = if loud { 0 } else { self.quiet + 1 };
            if !self.speaking && self.loud == ONSET_BLOCKS {
                self.speaking = true;
                changes.push(Change::Started(
                    (self.blocks - ONSET_BLOCKS) * self.block as u64,
                ));
            } else if self.speaking && self.quiet == self.silence_blocks {
                self.speaking = false;
                changes.push(Change::Stopped(self.blocks * self.block as u64));
            }
        }
        self.pending = blocks.remainder().to_vec();
    }

    /// Forgets an open turn.
    pub(super) fn reset(&mut self) {
        self.speaking = false;
        self.loud = 0;
        self.quiet = 0;
    }
}

/// Whether `samples` are noise without a voice in it: neighbours at 8 kHz have nothing to do with
/// each other. Vowels and tones, which are most of what a turn holds, are the opposite.
pub(super) fn is_noise(samples: &[i16], rate_hz: u32) -> bool {
    let step = (rate_hz / PHONE_RATE).max(1) as usize;
    let correlation = |lag: usize| -> f64 {
        let later = samples.get(lag * step..).unwrap_or_default();
        let products = samples.iter().zip(later);
        products.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    let energy = correlation(0);
    (1..=4).all(|lag| correlation(lag).abs() < NOISE_CORRELATION * energy)
}

const ONSET_BLOCKS: u64 = 3;
/// White noise has 0, what was looked at of speech more than 0.5.
const NOISE_CORRELATION: f64 = 0.3;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Speech;
    use crate::random::Random;

    fn input() -> Vec<i16> {
        let tone = Speech::tone(400.0, -20.0, Duration::from_millis(300)).at(8_000);
        let silence = [0; 4_000];
        [
            &silence[..],
            &tone[..],
            &silence[..],
            &tone[..800],
            &silence[..],
        ]
        .concat()
    }

    #[test]
    fn a_turn_begins_with_speech_and_ends_after_the_silence_asked_for() {
        let mut changes = Vec::new();
        Vad::new(8_000, 0.5, 200).listen(&input(), &mut changes);
        assert_eq!(
            changes,
            [
                Change::Started(4_000),
                Change::Stopped(6_400 + 1_600),
                Change::Started(10_400),
                Change::Stopped(11_200 + 1_600),
            ]
        );
    }

    #[test]
    fn portions_do_not_matter() {
        let mut whole = Vec::new();
        Vad::new(8_000, 0.5, 200).listen(&input(), &mut whole);
        for portion in [1, 7, 79, 160, 1_000] {
            let mut changes = Vec::new();
            let mut vad = Vad::new(8_000, 0.5, 200);
            input()
                .chunks(portion)
                .for_each(|part| vad.listen(part, &mut changes));
            assert_eq!(changes, whole);
        }
    }

    #[test]
    fn quiet_noise_clicks_and_short_pauses_change_nothing() {
        let mut changes = Vec::new();
        let mut vad = Vad::new(8_000, 0.5, 500);
        let quiet = Speech::tone(400.0, -50.0, Duration::from_millis(300)).at(8_000);
        vad.listen(&quiet, &mut changes);
        vad.listen(&[0; 800], &mut changes);
        vad.listen(&[20_000; 80], &mut changes);
        vad.listen(&[0; 800], &mut changes);
        assert_eq!(changes, []);
        let tone = Speech::tone(400.0, -20.0, Duration::from_millis(300)).at(8_000);
        for _ in 0..3 {
            vad.listen(&tone, &mut changes);
            vad.listen(&[0; 3_200], &mut changes);
        }
        assert_eq!(changes.len(), 1, "pauses of 400 ms are part of the turn");
    }

    #[test]
    fn noise_is_told_from_tones_at_both_rates() {
        let mut random = Random::new(5);
        let noise: Vec<i16> = (0..4_000)
            .map(|_| (4_000.0 * (2.0 * random.unit() - 1.0)) as i16)
            .collect();
        let noise = Speech::new(noise, 8_000);
        for rate in [8_000, 24_000] {
            assert!(is_noise(&noise.at(rate), rate), "{rate}");
            for frequency in [120.0, 440.0, 1_000.0, 2_000.0, 3_000.0] {
                let tone = Speech::tone(frequency, -20.0, Duration::from_millis(300));
                assert!(!is_noise(&tone.at(rate), rate), "{frequency} at {rate}");
            }
        }
        assert!(!is_noise(&[0; 160], 8_000), "silence is no noise");
    }
}
