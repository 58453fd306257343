//! Something that sounds like talking: pulses of a gliding pitch through two resonances, in
//! syllables, with pauses and a little noise that makes every few samples unique.

use crate::rng::Rng;

/// `count` samples at 8 kHz.
pub(crate) fn voice(seed: u64, count: usize) -> Vec<i16> {
    let mut rng = Rng::new(seed);
    let mut out = Vec::with_capacity(count);
    let mut phase = 0.0_f64;
    let mut formants = [Resonance::default(), Resonance::default()];
    let (mut left, mut voiced, mut level, mut pitch) = (0_u64, true, 0.0_f64, 120.0);
    while out.len() < count {
        if left == 0 {
            // A syllable of 120 to 300 ms or, every fifth time, a pause as long.
            left = 960 + rng.below(1_440);
            voiced = rng.below(5) > 0;
            pitch = 90.0 + rng.below(130) as f64;
            for (formant, hz) in formants.iter_mut().zip([
                300.0 + rng.below(500) as f64,
                1_000.0 + rng.below(1_300) as f64,
            ]) {
                formant.tune(hz);
            }
        }
        left -= 1;
        pitch *= 1.000_02;
        level += (if voiced { 1.0 } else { 0.0 } - level) * 0.004;
        phase += pitch / 8_000.0;
        let pulse = if phase >= 1.0 {
            phase -= 1.0;
            6_000.0 * level
        } else {
            0.0
        };
        let [first, second] = &mut formants;
        let sample = first.next(pulse) + 0.5 * second.next(pulse);
        let noise = rng.below(17) as f64 - 8.0;
        out.push((sample + noise).clamp(-30_000.0, 30_000.0) as i16);
    }
    out
}

#[derive(Default)]
struct Resonance {
    taps: [f64; 2],
    past: [f64; 2],
}

impl Resonance {
    fn tune(&mut self, hz: f64) {
        let radius = 0.94;
        let angle = core::f64::consts::TAU * hz / 8_000.0;
        self.taps = [2.0 * radius * angle.cos(), -radius * radius];
    }

    fn next(&mut self, input: f64) -> f64 {
        let out = input + self.taps[0] * self.past[0] + self.taps[1] * self.past[1];
        self.past = [out, self.past[0]];
        out
    }
}
