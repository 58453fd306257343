//! Packet loss concealment and time scaling.

use std::f64::consts::TAU;

use proptest::prelude::*;
use trunkline::{
    Concealer,
    conceal::{MAX_PERIOD, lengthen, shorten},
};

#[path = "common/cases.rs"]
mod cases;
#[path = "common/rng.rs"]
#[allow(dead_code, reason = "only numbers are needed here")]
mod rng;

use cases::cases;
use rng::Rng;

const FRAME: usize = 160;

/// A harmonic voice whose spectrum falls off as a vowel's does, from the first sample on.
fn vowel(count: usize, hz: f64) -> Vec<i16> {
    let harmonics = (3_400.0 / hz) as u32;
    let value = |n: usize| {
        let turn = TAU * hz * n as f64 / 8_000.0;
        let tones =
            (1..=harmonics).map(|k| (turn * f64::from(k) + f64::from(k * k)).cos() / f64::from(k));
        4_000.0 * tones.sum::<f64>()
    };
    (0..count).map(|n| value(n).round() as i16).collect()
}

/// White noise, uniform.
fn noise(count: usize, peak: i16, seed: u64) -> Vec<i16> {
    let mut rng = Rng::new(seed);
    let span = 2 * u64::from(peak.unsigned_abs()) + 1;
    let mut next = || (rng.below(span) as i32 - i32::from(peak)) as i16;
    (0..count).map(|_| next()).collect()
}

fn power(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|&x| f64::from(x).powi(2)).sum();
    sum / samples.len() as f64
}

fn peak(samples: &[i16]) -> u16 {
    samples.iter().map(|x| x.unsigned_abs()).max().unwrap_or(0)
}

/// The greatest step from one sample to the next.
fn steepest(samples: &[i16]) -> i32 {
    let steps = samples
        .windows(2)
        .map(|w| i32::from(w[1]) - i32::from(w[0]));
    steps.map(i32::abs).max().unwrap_or(0)
}

fn snr(ideal: &[i16], real: &[i16]) -> f64 {
    assert_eq!(ideal.len(), real.len());
    let error = ideal.iter().zip(real);
    let error: f64 = error
        .map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2))
        .sum();
    10.0 * (power(ideal) * ideal.len() as f64 / error.max(1e-9)).log10()
}

/// What is played of `audio` when the samples of `lost` do not arrive.
fn played(audio: &[i16], lost: std::ops::Range<usize>) -> Vec<i16> {
    let mut concealer = Concealer::new();
    let mut played = audio.to_vec();
    concealer.receive(&mut played[..lost.start]);
    concealer.conceal(&mut played[lost.clone()]);
    concealer.receive(&mut played[lost.end..]);
    played
}

/// A few voices, one of them without a period of whole samples, and one above the search.
const PITCHES_HZ: [f64; 5] = [80.0, 113.0, 143.0, 200.0, 310.0];

#[test]
fn without_loss_every_bit_stays() {
    for audio in [vowel(8_000, 143.0), noise(8_000, i16::MAX, 1)] {
        let mut concealer = Concealer::new();
        for frame in audio.chunks(FRAME) {
            let mut played = frame.to_vec();
            concealer.receive(&mut played);
            assert_eq!(played, frame);
            assert!(!concealer.is_concealing());
        }
    }
}

#[test]
fn a_vowel_goes_on_through_a_lost_frame() {
    for hz in PITCHES_HZ {
        let voice = vowel(2_400, hz);
        let played = played(&voice, 1_600..1_760);
        let snr = snr(&voice[1_600..1_680], &played[1_600..1_680]);
        println!("{hz} Hz: {snr:.1} dB in the first 10 ms");
        assert!(snr > 8.0, "{hz} Hz: {snr:.1} dB");
        assert!(power(&played[1_600..1_760]) > 0.4 * power(&voice[1_600..1_760]));
    }
}

#[test]
fn no_seam_clicks() {
    for hz in PITCHES_HZ {
        let voice = vowel(3_200, hz);
        for loss in [1, 7, 160, 320, 480, 800] {
            for start in 1_600..1_620 {
                let played = played(&voice, start..start + loss);
                let (own, now) = (steepest(&voice), steepest(&played));
                assert!(
                    now <= own * 5 / 4,
                    "{hz} Hz, {loss} lost at {start}: a step of {now} where the voice has {own}"
                );
            }
        }
    }
}

#[test]
fn an_outage_is_silent_after_60_ms() {
    for audio in [
        vowel(1_600, 113.0),
        noise(1_600, i16::MAX, 2),
        vec![9_000; 1_600],
    ] {
        let mut concealer = Concealer::new();
        concealer.receive(&mut audio.clone());
        let mut outage = vec![1; 40_000];
        concealer.conceal(&mut outage);
        assert_ne!(outage[..Concealer::FADE - 80], [0; Concealer::FADE - 80]);
        assert!(outage[Concealer::FADE..].iter().all(|&sample| sample == 0));
    }
    assert_eq!(Concealer::FADE, 480);
}

#[test]
fn audio_is_back_2_5_ms_after_an_outage() {
    let voice = vowel(48_000, 143.0);
    let played = played(&voice, 4_000..44_000);
    assert_eq!(played[44_020..], voice[44_020..]);
    assert!(played[44_000..44_020].iter().any(|&sample| sample != 0));
}

#[test]
fn a_fade_of_nothing_leaves_silence() {
    let mut concealer = Concealer::with_fade(0);
    concealer.receive(&mut vowel(800, 113.0));
    let mut lost = [1; FRAME];
    concealer.conceal(&mut lost);
    assert_eq!(lost, [0; FRAME]);
}

#[test]
fn before_anything_was_received_there_is_silence() {
    let mut concealer = Concealer::new();
    let mut lost = [1; FRAME];
    concealer.conceal(&mut lost);
    assert_eq!(lost, [0; FRAME]);
}

#[test]
fn it_tells_when_it_conceals() {
    let mut concealer = Concealer::new();
    let mut frame = [100; FRAME];
    concealer.receive(&mut frame);
    assert!(!concealer.is_concealing());
    concealer.conceal(&mut frame);
    assert!(concealer.is_concealing());
    concealer.receive(&mut frame[..19]);
    assert!(concealer.is_concealing(), "in the cross-fade");
    concealer.receive(&mut frame[19..20]);
    assert!(!concealer.is_concealing());
}

#[test]
fn reset_makes_it_new() {
    let mut used = Concealer::with_fade(800);
    used.receive(&mut vowel(1_000, 113.0));
    used.conceal(&mut [0; 100]);
    used.reset();
    let mut new = Concealer::with_fade(800);
    let voice = noise(700, 5_000, 3);
    let (mut a, mut b) = ([0; 900], [0; 900]);
    used.receive(&mut voice.clone());
    new.receive(&mut voice.clone());
    used.conceal(&mut a);
    new.conceal(&mut b);
    assert_eq!(a, b);
    assert_ne!(a[..790], [0; 790]);
}

#[test]
fn noise_stays_noise() {
    let audio = noise(1_600, 8_000, 4);
    let played = played(&audio, 1_200..1_360);
    let lost = &played[1_200..1_360];
    // White: no correlation from sample to sample, up to what 20 ms can tell.
    for lag in 1..20 {
        let products = lost.windows(lag + 1);
        let sum: f64 = products.map(|w| f64::from(w[0]) * f64::from(w[lag])).sum();
        let correlation = sum / (power(lost) * lost.len() as f64);
        assert!(correlation.abs() < 0.4, "lag {lag}: {correlation:.2}");
    }
    let ratio = power(lost) / power(&audio);
    assert!((0.2..1.0).contains(&ratio), "{ratio:.2}");
}

/// Losses after losses never get louder than what was received, and none overflows.
#[test]
fn nothing_grows_at_full_scale() {
    let square = |half: usize| {
        let up = |n: usize| {
            if (n / half).is_multiple_of(2) {
                i16::MAX
            } else {
                i16::MIN
            }
        };
        (0..1_200).map(up).collect::<Vec<_>>()
    };
    let mut signals = vec![vec![0; 1_200], vec![i16::MAX; 1_200], vec![i16::MIN; 1_200]];
    signals.extend([1, 2, 3, 20, 40, 53, 100].map(square));
    signals.push(noise(1_200, i16::MAX, 5));
    let mut impulse = vec![0; 1_200];
    impulse[1_199] = i16::MIN;
    signals.push(impulse);
    for (number, audio) in signals.iter().enumerate() {
        let loudest = peak(audio);
        // Over the longest cycle that is repeated.
        let recent = power(&audio[1_080..]);
        for length in (0..=2_000).step_by(37).chain([1, 2, 3, 2_000]) {
            let mut concealer = Concealer::new();
            concealer.receive(&mut audio.clone());
            for _ in 0..3 {
                let mut lost = vec![0; length];
                concealer.conceal(&mut lost);
                assert!(peak(&lost) <= loudest, "signal {number}");
                if length >= FRAME {
                    assert!(
                        power(&lost) <= 1.1 * recent,
                        "signal {number}, {length} lost"
                    );
                }
                // A fragment arrives, then the next loss begins.
                let mut fragment = audio[..7].to_vec();
                concealer.receive(&mut fragment);
                assert!(peak(&fragment) <= loudest);
            }
        }
    }
}

#[test]
fn every_machine_makes_the_same_bits() {
    // Whole numbers all the way: no other machine's sine.
    let mut rng = Rng::new(6);
    let mut state = 0_i64;
    let mut audio: Vec<i16> = (0..3_200_i64)
        .map(|n| {
            let pulse = if n % 67 < 3 { 9_000 } else { 0 };
            state = state * 7 / 8 + pulse + rng.below(601) as i64 - 300;
            (state / 3 - 400) as i16
        })
        .collect();
    let mut concealer = Concealer::new();
    for (number, frame) in audio.chunks_mut(FRAME).enumerate() {
        if [5, 9, 10, 14, 15, 16, 17].contains(&number) {
            concealer.conceal(frame);
        } else {
            concealer.receive(frame);
        }
    }
    let hash = audio
        .iter()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, sample| {
            (hash ^ u64::from(sample.cast_unsigned())).wrapping_mul(0x0100_0000_01B3)
        });
    assert_eq!(hash, 0x2197_0858_040E_0EF8, "{hash:#018X}");
}

proptest! {
    #![proptest_config(cases(100))]

    /// Pieces of every size, empty ones too, against the whole stretches.
    #[test]
    fn how_calls_cut_the_audio_does_not_matter(
        stretches in prop::collection::vec((any::<bool>(), 1_usize..700), 1..8),
        cuts in prop::collection::vec(0_usize..300, 1..40),
        loudness in 1_i16..=i16::MAX,
        hz in 70.0..400.0,
        seed in any::<u64>(),
    ) {
        let total = stretches.iter().map(|&(_, length)| length).sum();
        let hum = vowel(total, hz);
        let rush = noise(total, loudness, seed);
        let audio = hum.iter().zip(&rush).map(|(&a, &b)| (a / 2).saturating_add(b / 2));
        let mut whole: Vec<i16> = audio.collect();
        let mut pieces = whole.clone();

        let mut concealer = Concealer::new();
        let mut at = 0;
        for &(lost, length) in &stretches {
            let part = &mut whole[at..at + length];
            if lost { concealer.conceal(part) } else { concealer.receive(part) }
            at += length;
        }
        let mut concealer = Concealer::new();
        let mut at = 0;
        let mut cuts = cuts.iter().cycle();
        for &(lost, length) in &stretches {
            let end = at + length;
            while at < end {
                // An empty piece changes nothing, and one of a sample after it ends a run of them.
                for size in [*cuts.next().unwrap(), 1] {
                    let size = size.min(end - at);
                    let part = &mut pieces[at..at + size];
                    if lost { concealer.conceal(part) } else { concealer.receive(part) }
                    at += size;
                }
            }
        }
        prop_assert_eq!(whole, pieces);
    }

    /// The ends stay, lengths are as told, and what is refused is as before.
    #[test]
    fn time_scaling_accounts_for_every_sample(
        voiced in any::<bool>(),
        hz in 60.0..500.0,
        length in 0_usize..700,
        most in 0_usize..400,
        room in 0_usize..200,
        loudness in 0_i16..=i16::MAX,
        seed in any::<u64>(),
    ) {
        let audio = if voiced { vowel(length, hz) } else { noise(length, loudness, seed) };

        let mut shorter = audio.clone();
        match shorten(&mut shorter, most) {
            None => prop_assert_eq!(&shorter, &audio),
            Some(cut) => {
                prop_assert!(cut > 0 && cut <= most.min(MAX_PERIOD) && cut < length);
                let shorter = &shorter[..length - cut];
                prop_assert_eq!(shorter.first(), audio.first());
                prop_assert_eq!(shorter.last(), audio.last());
                prop_assert!(peak(shorter) <= peak(&audio));
            }
        }

        let mut longer = audio.clone();
        longer.resize(length + room, 77);
        let before = longer.clone();
        match lengthen(&mut longer, length, most) {
            None => prop_assert_eq!(longer, before),
            Some(added) => {
                prop_assert!(added > 0 && added <= most.min(MAX_PERIOD).min(room));
                prop_assert_eq!(longer.first(), audio.first());
                prop_assert_eq!(longer[..length + added].last(), audio.last());
                prop_assert_eq!(&longer[length + added..], &before[length + added..]);
                prop_assert!(peak(&longer[..length + added]) <= peak(&audio));
            }
        }
    }
}

#[test]
fn a_cut_or_inserted_period_leaves_the_ideal_vowel() {
    // Periods of whole samples, so that the ideal result is the same vowel.
    for (hz, period) in [
        (80.0, 100),
        (100.0, 80),
        (125.0, 64),
        (200.0, 40),
        (250.0, 32),
    ] {
        let voice = vowel(500, hz);
        let mut shorter = voice[..320].to_vec();
        let cut = shorten(&mut shorter, MAX_PERIOD).expect("a vowel");
        assert_eq!(cut % period, 0);
        assert!(
            snr(&voice[..320 - cut], &shorter[..320 - cut]) > 60.0,
            "{hz} Hz"
        );

        let mut longer = voice[..320].to_vec();
        longer.resize(320 + MAX_PERIOD, 0);
        let added = lengthen(&mut longer, 320, MAX_PERIOD).expect("a vowel");
        assert_eq!(added % period, 0);
        assert!(
            snr(&voice[..320 + added], &longer[..320 + added]) > 60.0,
            "{hz} Hz"
        );
    }
}

#[test]
fn time_scaling_does_not_click() {
    for hz in [71.0, 93.0, 113.0, 143.0, 187.0, 223.0, 310.0] {
        for start in (0..80).step_by(7) {
            let voice = vowel(480, hz).split_off(start)[..320].to_vec();
            let own = steepest(&voice);
            let mut shorter = voice.clone();
            let cut = shorten(&mut shorter, MAX_PERIOD).expect("a vowel");
            assert!(
                steepest(&shorter[..320 - cut]) <= own * 11 / 10,
                "{hz} Hz cut"
            );
            let mut longer = voice;
            longer.resize(320 + MAX_PERIOD, 0);
            let added = lengthen(&mut longer, 320, MAX_PERIOD).expect("a vowel");
            assert!(
                steepest(&longer[..320 + added]) <= own * 11 / 10,
                "{hz} Hz added"
            );
        }
    }
}

#[test]
fn a_single_frame_of_a_high_voice_can_be_shortened() {
    let mut voice = vowel(FRAME, 210.0);
    assert!(shorten(&mut voice, MAX_PERIOD).is_some());
}

#[test]
fn a_pause_gives_whatever_is_asked_of_it() {
    for length in [60, 160, 161, 320, 2_000] {
        for most in [1, 2, 19, 50, 119, 120, 500] {
            let room = length - 41;
            let expected = most.min(MAX_PERIOD).min(room);
            let quiet = noise(length, 60, 7);
            assert_eq!(shorten(&mut quiet.clone(), most), Some(expected));
            assert_eq!(shorten(&mut vec![0; length], most), Some(expected));
            let mut buffer = quiet;
            buffer.resize(length + 120, 0);
            assert_eq!(lengthen(&mut buffer, length, most), Some(expected));
        }
    }
}

#[test]
fn loud_noise_is_neither_cut_nor_repeated() {
    for seed in 0..50 {
        let mut loud = noise(320, 8_000, seed);
        assert_eq!(shorten(&mut loud, MAX_PERIOD), None);
        loud.resize(440, 0);
        assert_eq!(lengthen(&mut loud, 320, MAX_PERIOD), None);
    }
}
