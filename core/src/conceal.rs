//! Packet loss concealment, and time scaling by whole pitch periods.
//!
//! [`Concealer`] sits where the audio is played or passed on. Each frame that arrives goes through
//! [`Concealer::receive`], each that does not is made by [`Concealer::conceal`]:
//!
//! ```
//! use trunkline::Concealer;
//!
//! let mut concealer = Concealer::new();
//! # let packets = [Some([0_i16; 160]), None, Some([0; 160])];
//! for packet in packets {
//!     let mut frame = packet.unwrap_or([0; 160]);
//!     if packet.is_some() {
//!         concealer.receive(&mut frame);
//!     } else {
//!         concealer.conceal(&mut frame);
//!     }
//!     // `frame` is what is played.
//! }
//! ```
//!
//! Nothing is delayed: a frame that arrives is ready when it arrives, and changed only where it
//! follows a substitute. How well it does is in `benches/report/concealment.md`.
//!
//! [`shorten`] and [`lengthen`] change how long audio takes without changing its pitch: to catch up
//! after a stall, to wait for more, or to follow another clock.
//!
//! All audio is mono PCM16 at 8 kHz. Results are the same to the bit on every machine, however the
//! calls cut the audio.

mod history;
mod pitch;
mod predictor;
mod source;
mod stretch;

pub use stretch::{MAX_PERIOD, lengthen, shorten};

use history::History;
use source::{BLOCK, Source};

/// Fills gaps in a voice with a substitute that continues it.
///
/// The substitute is the voice's last pitch period, repeated: its excitation runs through its
/// spectrum (linear prediction), which starts from the samples played last, so there is no step. It
/// fades, the faster the less it resembles itself, and is digital silence after [`Self::FADE`]
/// samples at the latest, unless [made with](Self::with_fade) another fade. Where audio arrives
/// again, both are cross-faded over 2.5 ms.
///
/// State: the last 64 ms that were played, and the substitute's; no allocation.
#[derive(Clone, Debug)]
pub struct Concealer {
    history: History,
    source: Source,
    phase: Phase,
    fade: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// What was played last was received, or nothing was.
    Received,
    /// So many samples have been substituted.
    Lost(usize),
    /// Audio arrives again.
    Entering {
        /// Samples of the loss and since: the substitute goes on fading.
        lost: usize,
        /// Samples of the cross-fade that are behind.
        done: usize,
    },
}

impl Concealer {
    /// Samples from the first that is concealed to silence: 60 ms.
    ///
    /// Longer than that, what is made up says more about the loss than about the talker.
    pub const FADE: usize = 480;

    /// A concealer that has heard nothing yet.
    pub const fn new() -> Self {
        Self::with_fade(Self::FADE)
    }

    /// A concealer whose substitute is silent after `fade` samples. With 0, losses are silence.
    pub const fn with_fade(fade: usize) -> Self {
        Self {
            history: History::new(),
            source: Source::new(),
            phase: Phase::Received,
            fade,
        }
    }

    /// Takes the next samples that arrived, any number of them.
    ///
    /// They stay as they are, unless samples before them were concealed: then the first 2.5 ms are
    /// cross-faded with the substitute, in place.
    pub fn receive(&mut self, frame: &mut [i16]) {
        if self.phase != Phase::Received {
            self.enter(frame);
        }
        self.history.extend(frame);
    }

    /// Fills `frame`, of any length, with a substitute for samples that did not arrive in time.
    ///
    /// Before anything was received, that is silence.
    pub fn conceal(&mut self, frame: &mut [i16]) {
        if frame.is_empty() {
            return;
        }
        let mut lost = if let Phase::Lost(lost) = self.phase {
            lost
        } else {
            self.source.begin(&self.history.unrolled());
            0
        };
        let fading = frame.len().min(self.fade.saturating_sub(lost));
        let (fading, silent) = frame.split_at_mut(fading);
        for block in fading.chunks_mut(BLOCK) {
            let mut values = [0.0; BLOCK];
            self.source.fill(&mut values[..block.len()]);
            for (slot, value) in block.iter_mut().zip(values) {
                *slot = rounded(value * self.source.gain(lost, self.fade));
                lost += 1;
            }
        }
        silent.fill(0);
        self.phase = Phase::Lost(lost);
        self.history.extend(frame);
    }

    /// Forgets all audio, as if new.
    pub fn reset(&mut self) {
        *self = Self::with_fade(self.fade);
    }

    /// Whether the sample before was a substitute, or in a cross-fade with one.
    pub const fn is_concealing(&self) -> bool {
        !matches!(self.phase, Phase::Received)
    }

    fn enter(&mut self, frame: &mut [i16]) {
        let (mut lost, mut done) = match self.phase {
            Phase::Received => return,
            Phase::Lost(lost) => (lost, 0),
            Phase::Entering { lost, done } => (lost, done),
        };
        if frame.is_empty() {
            return;
        }
        let entering = frame.len().min(CROSS_FADE.saturating_sub(done));
        let mut values = [0.0; CROSS_FADE];
        self.source.fill(&mut values[..entering]);
        for (slot, value) in frame[..entering].iter_mut().zip(values) {
            let substitute = value * self.source.gain(lost, self.fade);
            done += 1;
            lost += 1;
            let weight = done as f32 / (CROSS_FADE + 1) as f32;
            *slot = rounded(substitute + (f32::from(*slot) - substitute) * weight);
        }
        self.phase = if done < CROSS_FADE {
            Phase::Entering { lost, done }
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

fn rounded(value: f32) -> i16 {
    // The conversion cuts off the fraction, and saturates.
    (value + 0.5_f32.copysign(value)) as i16
}

/// 2.5 ms.
const CROSS_FADE: usize = 20;
