//! trunkline's own two filters, and the few lines that people write.

use trunkline::resample::{self, Profile};

use super::{Direction, Resampler, append};

/// [`trunkline::resample::Resampler`].
pub struct Trunkline {
    name: &'static str,
    inner: resample::Resampler,
}

impl Trunkline {
    /// The default filter: passes 3.4 kHz, stops from 4.6 kHz.
    pub fn voice(direction: Direction) -> Self {
        Self::new("trunkline Voice", direction, Profile::Voice)
    }

    /// The filter without mirrored sound: stops from 4.0 kHz.
    pub fn sharp(direction: Direction) -> Self {
        Self::new("trunkline Sharp", direction, Profile::Sharp)
    }

    fn new(name: &'static str, direction: Direction, profile: Profile) -> Self {
        let (from_hz, to_hz) = (direction.from_hz(), direction.to_hz());
        let inner = resample::Resampler::with_profile(from_hz, to_hz, profile)
            .expect("both profiles have these rates");
        Self { name, inner }
    }
}

impl Resampler for Trunkline {
    fn name(&self) -> &str {
        self.name
    }

    fn process_into(&mut self, src: &[i16], dst: &mut [i16]) -> usize {
        self.inner.process(src, dst).expect("room for a frame")
    }

    fn flush(&mut self, dst: &mut Vec<i16>) {
        append(dst, |room| {
            self.inner.flush(room).expect("room for the rest")
        });
    }
}

/// Straight lines between samples and no filter, as Python's `audioop.ratecv` draws them.
pub struct Linear {
    step_in: i32,
    step_out: i32,
    phase: i32,
    previous: i32,
    current: i32,
}

impl Linear {
    /// Starts with silence before the first sample.
    pub fn new(direction: Direction) -> Self {
        let (step_in, step_out) = match direction {
            Direction::Up => (1, 3),
            Direction::Down => (3, 1),
        };
        Self {
            step_in,
            step_out,
            phase: -step_out,
            previous: 0,
            current: 0,
        }
    }
}

impl Resampler for Linear {
    fn name(&self) -> &str {
        "linear, no filter"
    }

    fn process_into(&mut self, src: &[i16], dst: &mut [i16]) -> usize {
        let mut written = 0;
        for &sample in src {
            self.previous = self.current;
            self.current = sample.into();
            self.phase += self.step_out;
            while self.phase >= 0 {
                let sum = self.previous * self.phase + self.current * (self.step_out - self.phase);
                dst[written] = (sum / self.step_out) as i16;
                written += 1;
                self.phase -= self.step_in;
            }
        }
        written
    }

    fn flush(&mut self, dst: &mut Vec<i16>) {
        self.process(&[0], dst);
    }
}
