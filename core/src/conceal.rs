//! Packet loss concealment.

use history::History;
use predictor::{ORDER, Predictor};

mod history;
mod pitch;
mod predictor;
mod stretch;

pub use stretch::{MAX_PERIOD, lengthen, shorten};

#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    pub window: usize,
    pub shortest: usize,
    pub longest: usize,
    pub expansion: f32,
    pub grow: [usize; 2],
    /// Gain at each 10 ms of a loss.
    pub voiced: [f32; 7],
    pub unvoiced: [f32; 7],
    pub entry: usize,
    pub low: f32,
    pub high: f32,
    pub noise: f32,
}

impl Tuning {
    pub const DEFAULT: Self = Self {
        window: 160,
        shortest: 40,
        longest: 160,
        expansion: 0.995,
        grow: [80, 160],
        voiced: [1.0, 1.0, 0.9, 0.75, 0.55, 0.3, 0.0],
        unvoiced: [1.0, 0.9, 0.8, 0.6, 0.4, 0.2, 0.0],
        entry: 40,
        low: 0.4,
        high: 0.8,
        noise: 0.0,
    };
}

/// Fills gaps in a voice with a substitute that continues it, without looking ahead.
///
/// Mono PCM16 at 8 kHz. State is inline and of fixed size: the last 64 ms played.
#[derive(Clone, Debug)]
pub struct Concealer {
    tuning: Tuning,
    history: History,
    phase: Phase,
    source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// What was played last was received.
    Received,
    /// So many samples of the loss have been substituted.
    Lost(usize),
    /// The loss is over; so many samples of the cross-fade are behind.
    Entering(usize),
}

impl Concealer {
    /// A concealer that has heard nothing yet.
    pub const fn new() -> Self {
        Self::with_tuning(Tuning::DEFAULT)
    }

    #[doc(hidden)]
    pub const fn with_tuning(tuning: Tuning) -> Self {
        Self {
            tuning,
            history: History::new(),
            phase: Phase::Received,
            source: Source::new(),
        }
    }

    /// Takes the next samples that arrived. They stay as they are, unless those before them were
    /// concealed: then their beginning is cross-faded with the substitute, in place.
    pub fn receive(&mut self, frame: &mut [i16]) {
        if self.phase != Phase::Received {
            self.enter(frame);
        }
        self.history.extend(frame);
    }

    /// Fills `frame` with a substitute for samples that did not arrive in time.
    pub fn conceal(&mut self, frame: &mut [i16]) {
        if frame.is_empty() {
            return;
        }
        let mut lost = match self.phase {
            Phase::Lost(lost) => lost,
            _ => {
                self.source.begin(&self.history.unrolled(), &self.tuning);
                0
            }
        };
        for slot in &mut *frame {
            *slot = self.source.next(lost, &self.tuning);
            lost += 1;
        }
        self.phase = Phase::Lost(lost);
        self.history.extend(frame);
    }

    /// Forgets everything, as if new.
    pub fn reset(&mut self) {
        *self = Self::with_tuning(self.tuning);
    }

    /// Whether the samples played last were substituted, in whole or in a cross-fade.
    pub const fn is_concealing(&self) -> bool {
        !matches!(self.phase, Phase::Received)
    }

    fn enter(&mut self, frame: &mut [i16]) {
        let mut done = match self.phase {
            Phase::Entering(done) => done,
            _ => 0,
        };
        let length = self.tuning.entry;
        for slot in frame.iter_mut().take(length - done) {
            let substitute = self.source.next_value(&self.tuning);
            let gain = self.source.gain;
            done += 1;
            let weight = done as f32 / (length + 1) as f32;
            let mixed = f32::from(*slot) * weight + substitute * gain * (1.0 - weight);
            *slot = quantised(mixed);
        }
        self.phase = if done < length {
            Phase::Entering(done)
        } else {
            Phase::Received
        };
    }
}

impl Default for Concealer {
    fn default() -> Self {
        Self::new()
    }
}

/// Makes the substitute: the voice's last excitation again and again, through its spectrum.
#[derive(Clone, Debug)]
struct Source {
    predictor: Predictor,
    memory: [f32; ORDER],
    excitation: [f32; MAX_CYCLE],
    lag: usize,
    cycle: usize,
    read: usize,
    made: usize,
    voicing: f32,
    peak: f32,
    gain: f32,
    noise: u32,
}

impl Source {
    const fn new() -> Self {
        Self {
            predictor: Predictor::new(),
            memory: [0.0; ORDER],
            excitation: [0.0; MAX_CYCLE],
            lag: 1,
            cycle: 1,
            read: 0,
            made: 0,
            voicing: 0.0,
            peak: 0.0,
            gain: 0.0,
            noise: 1,
        }
    }

    fn begin(&mut self, history: &[i16; history::LEN], tuning: &Tuning) {
        let pitch = pitch::search(history, tuning.window, tuning.shortest, tuning.longest);
        let (lag, similarity) = pitch.map_or((tuning.longest, 0.0), |p| (p.lag, p.similarity));
        self.lag = lag;
        self.voicing = ((similarity - tuning.low) / (tuning.high - tuning.low)).clamp(0.0, 1.0);
        self.predictor = Predictor::of(history, tuning.expansion);
        let most = (3 * lag).min(MAX_CYCLE);
        self.predictor
            .residual(history, &mut self.excitation[MAX_CYCLE - most..]);
        self.memory = core::array::from_fn(|k| f32::from(history[history::LEN - ORDER + k]));
        let recent = &history[history::LEN - 240..];
        self.peak = recent
            .iter()
            .fold(0.0, |peak: f32, &x| peak.max(f32::from(x).abs()));
        self.cycle = lag;
        self.read = 0;
        self.made = 0;
    }

    fn next(&mut self, lost: usize, tuning: &Tuning) -> i16 {
        let value = self.next_value(tuning);
        let knot = lost / 80;
        self.gain = if knot >= 6 {
            0.0
        } else {
            let between = (lost % 80) as f32 / 80.0;
            let at = |k: usize| {
                tuning.unvoiced[k] + (tuning.voiced[k] - tuning.unvoiced[k]) * self.voicing
            };
            at(knot) + (at(knot + 1) - at(knot)) * between
        };
        quantised(value * self.gain)
    }

    fn next_value(&mut self, tuning: &Tuning) -> f32 {
        if self.read == self.cycle {
            self.read = 0;
            let periods = 1 + tuning.grow.iter().filter(|&&at| self.made >= at).count();
            self.cycle = (periods * self.lag).min(MAX_CYCLE / self.lag * self.lag);
        }
        let mut excitation = self.excitation[MAX_CYCLE - self.cycle + self.read];
        if tuning.noise > 0.0 && self.voicing < 1.0 {
            self.noise = self
                .noise
                .wrapping_mul(1_664_525)
                .wrapping_add(1_013_904_223);
            if self.noise >> 31 == 1 {
                excitation *= 1.0 - 2.0 * tuning.noise * (1.0 - self.voicing);
            }
        }
        self.read += 1;
        self.made += 1;
        let value = excitation + self.predictor.predict(&self.memory);
        let value = value.clamp(-self.peak, self.peak);
        self.memory.copy_within(1.., 0);
        self.memory[ORDER - 1] = value;
        value
    }
}

fn quantised(value: f32) -> i16 {
    // Half away from zero; the conversion saturates.
    (value + 0.5_f32.copysign(value)) as i16
}

const MAX_CYCLE: usize = 480;
