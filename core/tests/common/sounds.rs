//! Sounds of a telephone line at 8 kHz: speech, noise, tones, knocks. Amplitudes are `f64` with
//! 32,768 for full scale until they are mixed down.

use std::f64::consts::TAU;

use trunkline::mulaw;

use super::rng::Rng;

/// Sentences of synthetic voices, at −26 dBFS, by name; see `data/README.md`.
pub(crate) const SENTENCES: [(&str, &[u8]); 6] = [
    ("flite-kal", include_bytes!("../data/speech/flite-kal.ulaw")),
    ("flite-rms", include_bytes!("../data/speech/flite-rms.ulaw")),
    ("flite-slt", include_bytes!("../data/speech/flite-slt.ulaw")),
    (
        "espeak-en-us-m3",
        include_bytes!("../data/speech/espeak-en-us-m3.ulaw"),
    ),
    (
        "espeak-en-us-f4",
        include_bytes!("../data/speech/espeak-en-us-f4.ulaw"),
    ),
    (
        "espeak-en-gb-f2",
        include_bytes!("../data/speech/espeak-en-gb-f2.ulaw"),
    ),
];

/// A sentence as samples, from the first 10 ms on that are not 20 dB below the rest.
pub(crate) fn sentence(index: usize) -> Vec<f64> {
    let bytes = SENTENCES[index].1.iter();
    let voice: Vec<_> = bytes
        .map(|&code| f64::from(mulaw::decode_sample(code)))
        .collect();
    let is_audible = |block: &[f64]| {
        let power = block.iter().map(|sample| sample * sample).sum::<f64>() / block.len() as f64;
        power.sqrt() > 32_768.0 * 10_f64.powf(-46.0 / 20.0)
    };
    let silent = voice.chunks(80).take_while(|block| !is_audible(block));
    voice[80 * silent.count()..].to_vec()
}

/// A vowel sung on one note: pulses of a voice through the formants of a mouth.
pub(crate) fn vowel(pitch_hz: f64, formants: [f64; 3], samples: usize) -> Vec<f64> {
    let mut phase = 0.0;
    let mut glottis = 0.0;
    let pulses = (0..samples).map(|n| {
        // A voice is never quite steady.
        phase += pitch_hz * (1.0 + 0.02 * (TAU * 5.0 * n as f64 / RATE).sin()) / RATE;
        let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
        phase -= pulse;
        glottis = 0.9 * glottis + pulse;
        glottis
    });
    let mut voice: Vec<f64> = pulses.collect();
    for (formant, bandwidth) in formants.into_iter().zip([80.0, 100.0, 150.0]) {
        voice = resonate(&voice, formant, bandwidth);
    }
    let attack = 160.0;
    for (n, sample) in voice.iter_mut().enumerate() {
        *sample *= (n as f64 / attack).min(1.0);
    }
    voice
}

/// Formants of a, e, i, o, u.
pub(crate) const VOWELS: [[f64; 3]; 5] = [
    [730.0, 1_090.0, 2_440.0],
    [530.0, 1_840.0, 2_480.0],
    [300.0, 2_290.0, 3_010.0],
    [570.0, 840.0, 2_410.0],
    [320.0, 870.0, 2_240.0],
];

/// Syllables of 180 ms with 40 ms between them.
pub(crate) fn syllables(seed: u64, pitch_hz: f64, samples: usize) -> Vec<f64> {
    let mut rng = Rng::new(seed);
    let mut speech = Vec::new();
    while speech.len() < samples {
        let pitch = pitch_hz * (0.9 + 0.2 * unit(&mut rng));
        speech.extend(vowel(pitch, VOWELS[rng.below(5) as usize], 1_440));
        speech.extend([0.0; 320]);
    }
    speech.truncate(samples);
    speech
}

pub(crate) fn white(rng: &mut Rng, samples: usize) -> Vec<f64> {
    (0..samples).map(|_| gauss(rng)).collect()
}

/// Noise that falls by 3 dB an octave: a sum of first-order low-passes an octave and a half apart.
pub(crate) fn pink(rng: &mut Rng, samples: usize) -> Vec<f64> {
    let mut states = [0.0; 5];
    let poles = [0.998, 0.99, 0.96, 0.85, 0.4];
    (0..samples)
        .map(|_| {
            let white = gauss(rng);
            for (state, pole) in states.iter_mut().zip(poles) {
                *state = pole * *state + f64::sqrt(1.0 - pole) * white;
            }
            states.iter().sum()
        })
        .collect()
}

/// Eight voices at once.
pub(crate) fn babble(rng: &mut Rng, samples: usize) -> Vec<f64> {
    let mut sum = vec![0.0; samples];
    for _ in 0..8 {
        let voice = sentence(rng.below(SENTENCES.len() as u64) as usize);
        let start = rng.below(voice.len() as u64) as usize;
        // Each speaks a little faster or slower, so that they never fall into step.
        let speed = 0.85 + 0.3 * unit(rng);
        for (n, sample) in sum.iter_mut().enumerate() {
            *sample += voice[(start + (n as f64 * speed) as usize) % voice.len()];
        }
    }
    sum
}

/// Sines of these frequencies and amplitudes.
pub(crate) fn tones(parts: &[(f64, f64)], samples: usize) -> Vec<f64> {
    let sample = |n: usize| {
        parts
            .iter()
            .map(|&(hz, amplitude)| amplitude * (TAU * hz * n as f64 / RATE).sin())
            .sum()
    };
    (0..samples).map(sample).collect()
}

/// A knock: noise that dies away with this time constant in samples.
pub(crate) fn click(rng: &mut Rng, decay: f64) -> Vec<f64> {
    (0..(8.0 * decay) as usize)
        .map(|n| gauss(rng) * (-(n as f64) / decay).exp())
        .collect()
}

/// A thud: a low tone that dies away.
pub(crate) fn thud(hz: f64) -> Vec<f64> {
    (0..3_000)
        .map(|n| {
            let time = n as f64 / RATE;
            (TAU * hz * time).sin() * (-time / 0.08).exp()
        })
        .collect()
}

/// A cough: noise through a throat, for 150 ms.
pub(crate) fn cough(rng: &mut Rng) -> Vec<f64> {
    let throat = 900.0 + 900.0 * unit(rng);
    let mut cough = resonate(&white(rng, 1_200), throat, 180.0);
    for (n, sample) in cough.iter_mut().enumerate() {
        *sample *= 1.0 - n as f64 / 1_200.0;
    }
    cough
}

/// Three notes of four harmonics each, as a piano would strike them.
pub(crate) fn chord(pitch_hz: f64, samples: usize) -> Vec<f64> {
    let notes = [1.0, 1.26, 1.5].iter();
    let parts: Vec<_> = notes
        .flat_map(|note| (1..5).map(move |h| (pitch_hz * note * f64::from(h), 1.0 / f64::from(h))))
        .collect();
    let mut chord = tones(&parts, samples);
    for (n, sample) in chord.iter_mut().enumerate() {
        *sample *= (-(n as f64) / 2_400.0).exp();
    }
    chord
}

/// `sound` with a mean level of `dbfs`: 0 is that of full-scale direct current.
pub(crate) fn at_level(mut sound: Vec<f64>, dbfs: f64) -> Vec<f64> {
    let power = sound.iter().map(|sample| sample * sample).sum::<f64>() / sound.len() as f64;
    let gain = 32_768.0 * 10_f64.powf(dbfs / 20.0) / power.sqrt();
    sound.iter_mut().for_each(|sample| *sample *= gain);
    sound
}

/// `sound` with its highest sample at `peak`.
pub(crate) fn with_peak(mut sound: Vec<f64>, peak: f64) -> Vec<f64> {
    let highest = sound
        .iter()
        .fold(0.0_f64, |most, sample| most.max(sample.abs()));
    sound
        .iter_mut()
        .for_each(|sample| *sample *= peak / highest);
    sound
}

/// Adds `sound` to `line` from sample `at` on; what is beyond the end is left out.
pub(crate) fn mix_in(line: &mut [f64], at: usize, sound: &[f64]) {
    for (sample, more) in line[at..].iter_mut().zip(sound) {
        *sample += more;
    }
}

/// As μ-law.
pub(crate) fn to_mulaw(line: &[f64]) -> Vec<u8> {
    let pcm = |sample: &f64| sample.clamp(-32_768.0, 32_767.0) as i16;
    line.iter()
        .map(|sample| mulaw::encode_sample(pcm(sample)))
        .collect()
}

/// As the other end of a telephone line hears it.
pub(crate) fn to_line(line: &[f64]) -> Vec<i16> {
    to_mulaw(line)
        .iter()
        .map(|&code| mulaw::decode_sample(code))
        .collect()
}

/// Uniform in 0 to 1.
pub(crate) fn unit(rng: &mut Rng) -> f64 {
    (rng.next() >> 11) as f64 / (1_u64 << 53) as f64
}

fn gauss(rng: &mut Rng) -> f64 {
    (0..12).map(|_| unit(rng)).sum::<f64>() - 6.0
}

fn resonate(input: &[f64], hz: f64, bandwidth_hz: f64) -> Vec<f64> {
    let radius = (-std::f64::consts::PI * bandwidth_hz / RATE).exp();
    let turn = 2.0 * radius * (TAU * hz / RATE).cos();
    let (mut last, mut before) = (0.0, 0.0);
    input
        .iter()
        .map(|sample| {
            let next = sample + turn * last - radius * radius * before;
            before = std::mem::replace(&mut last, next);
            next
        })
        .collect()
}

/// Samples per second.
const RATE: f64 = 8_000.0;
