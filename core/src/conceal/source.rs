//! What is heard in place of a loss.

use super::{
    history::LEN,
    pitch,
    predictor::{ORDER, Predictor},
};

/// Makes the substitute: the last period of the voice's excitation again and again, through the
/// spectrum that the voice had.
///
/// The filter starts from the samples that were played last, so the substitute begins where they
/// end: without a step, without looking ahead.
#[derive(Clone, Debug)]
pub(super) struct Source {
    predictor: Predictor,
    /// The last values, newest last.
    memory: [f32; ORDER],
    /// A period of excitation is in the first `period` places.
    excitation: [f32; LONGEST],
    period: usize,
    /// Next of the period.
    at: usize,
    /// Of the period that is being repeated, relative to the first.
    level: f32,
    /// From period to period: a voice that was dying away goes on doing so.
    decay: f32,
    /// 0 for noise, 1 for a clear pitch.
    voicing: f32,
    /// Nothing is louder than the voice was lately.
    peak: f32,
}

impl Source {
    pub(super) const fn new() -> Self {
        Self {
            predictor: Predictor::new(),
            memory: [0.0; ORDER],
            excitation: [0.0; LONGEST],
            period: 1,
            at: 0,
            level: 0.0,
            decay: 0.0,
            voicing: 0.0,
            peak: 0.0,
        }
    }

    /// Learns the voice that is to go on.
    pub(super) fn begin(&mut self, history: &[i16; LEN]) {
        let recent = &history[LEN - PEAK_WINDOW..];
        let peak = recent.iter().map(|sample| sample.unsigned_abs()).max();
        self.peak = f32::from(peak.unwrap_or(0));
        self.predictor = Predictor::of(history);
        self.memory = core::array::from_fn(|k| f32::from(history[LEN - ORDER + k]));
        match pitch::search(history, COMPARED, SHORTEST, LONGEST) {
            Some(pitch) => {
                self.voicing = ((pitch.likeness - NOISE) / (CLEAR - NOISE)).clamp(0.0, 1.0);
                self.decay = pitch.gain.clamp(LEAST_DECAY, 1.0);
                // A short cycle of noise buzzes: as many as fit make one long cycle.
                let periods = if pitch.likeness < PERIODIC {
                    LONGEST.checked_div(pitch.lag).unwrap_or(1)
                } else {
                    1
                };
                self.period = periods * pitch.lag;
            }
            None => {
                self.voicing = 0.0;
                self.decay = LEAST_DECAY;
                self.period = LONGEST;
            }
        }
        self.level = self.decay;
        self.at = 0;
        let excitation = self.excitation.get_mut(..self.period).unwrap_or_default();
        self.predictor.residual(history, excitation);
    }

    /// The next samples, not yet faded, at most [`BLOCK`] of them.
    pub(super) fn fill(&mut self, block: &mut [f32]) {
        // In one line after what came before, so that no sample has to be moved for the next.
        let mut line = [0.0; ORDER + BLOCK];
        line[..ORDER].copy_from_slice(&self.memory);
        let len = block.len().min(BLOCK);
        for (n, slot) in block.iter_mut().take(BLOCK).enumerate() {
            if self.at == self.period {
                self.at = 0;
                self.level *= self.decay;
            }
            let excitation = self.level * self.excitation.get(self.at).unwrap_or(&0.0);
            self.at += 1;
            let Some(before) = line.get(n..).and_then(<[f32]>::first_chunk) else {
                break;
            };
            let value = excitation + self.predictor.predict(before);
            *slot = value.max(-self.peak).min(self.peak);
            if let Some(next) = line.get_mut(ORDER + n) {
                *next = *slot;
            }
        }
        if let Some(newest) = line.get(len..).and_then(<[f32]>::first_chunk) {
            self.memory = *newest;
        }
    }

    /// How loud the substitute is after `lost` samples, when silence is due after `fade`.
    pub(super) fn gain(&self, lost: usize, fade: usize) -> f32 {
        const STEPS: usize = VOICED.len() - 1;

        if lost >= fade {
            return 0.0;
        }
        let step = lost * STEPS / fade;
        let between = (lost * STEPS % fade) as f32 / fade as f32;
        let at = |step: usize| {
            let step = step.min(STEPS);
            UNVOICED[step] + (VOICED[step] - UNVOICED[step]) * self.voicing
        };
        at(step) + (at(step + 1) - at(step)) * between
    }
}

/// 10 ms.
pub(super) const BLOCK: usize = 80;

/// Gain at each sixth of the fade, for a clear pitch and for noise. These and the thresholds below
/// are what PESQ liked best on the tuning voices of `benches/report/concealment.md`.
const VOICED: [f32; 7] = [1.0, 1.0, 0.9, 0.9, 0.9, 0.8, 0.0];
const UNVOICED: [f32; 7] = [1.0, 0.9, 0.8, 0.8, 0.75, 0.65, 0.0];

/// Periods that are searched: 4 to 15 ms, pitches of 67 to 250 Hz. A higher one is found at a
/// multiple of its period.
const SHORTEST: usize = 32;
const LONGEST: usize = 120;

/// Audio whose past is searched for the like of it: the last 12 ms.
const COMPARED: usize = 96;

/// Squared correlation up to which a voice is noise, and from which its pitch is clear.
const NOISE: f32 = 0.16;
const CLEAR: f32 = 0.64;

/// Squared correlation from which one period is repeated.
const PERIODIC: f32 = 0.49;

const LEAST_DECAY: f32 = 0.8;

/// 30 ms.
const PEAK_WINDOW: usize = 240;
