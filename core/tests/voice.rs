//! When the caller speaks, as the library hears it.

mod common;

use std::time::Duration;

use common::{config, rng::Rng, sounds::*};
use proptest::prelude::*;
use trunkline::VoiceDetector;

/// Where speech was found in what the telephone makes of `line`: from and to, in samples. The ends
/// are those of the frames that told.
fn speech_in(line: &[f64]) -> Vec<(usize, usize)> {
    let mut detector = VoiceDetector::new();
    let mut found = Vec::new();
    let mut since = None;
    for (n, frame) in to_line(line).chunks_exact(160).enumerate() {
        let end = (n + 1) * 160;
        match (since, detector.process(frame)) {
            (None, Some(_)) => since = Some(end),
            (Some(start), None) => {
                found.push((start, end));
                since = None;
            }
            _ => {}
        }
    }
    found.extend(since.map(|start| (start, line.len())));
    found
}

/// How late the onset of `speech` is noticed, in ms, after 2 s of `noise`, which goes on; `None` if
/// it is missed for 300 ms or something is found before.
fn delay_of(speech: &[f64], noise: Vec<f64>, start: usize) -> Option<usize> {
    let mut line = noise;
    mix_in(&mut line, start, speech);
    let (found, _) = *speech_in(&line).first()?;
    let delay = found.checked_sub(start)? / 8;
    (delay <= 300).then_some(delay)
}

/// Room noise that nobody notices.
fn quiet(rng: &mut Rng, samples: usize) -> Vec<f64> {
    at_level(white(rng, samples), -70.0)
}

#[test]
fn a_vowel_is_noticed_within_100_ms_at_any_pitch_and_level() {
    let mut rng = Rng::new(1);
    for pitch in [90.0, 120.0, 160.0, 210.0, 260.0, 300.0] {
        for formants in [VOWELS[0], VOWELS[1], VOWELS[2]] {
            for level in [-10.0, -20.0, -30.0, -38.0] {
                let start = 16_000 + rng.below(160) as usize;
                let speech = at_level(vowel(pitch, formants, 4_000), level);
                let noise = quiet(&mut rng, 24_000);
                let delay = delay_of(&speech, noise, start);
                assert!(
                    delay.is_some_and(|ms| ms <= 100),
                    "{pitch} {formants:?} {level} {delay:?}"
                );
            }
        }
    }
}

#[test]
fn speech_lasts_until_a_quarter_of_a_second_after_it() {
    let mut rng = Rng::new(2);
    for voice in 0..SENTENCES.len() {
        let mut line = quiet(&mut rng, 48_000);
        mix_in(&mut line, 16_000, &sentence(voice));
        let end = 16_000 + sentence(voice).len();
        let found = speech_in(&line);
        assert!(found.len() <= 3, "{found:?}");
        let last = found.last().unwrap().1;
        assert!((end - 800..=end + 2_400).contains(&last), "{last} {end}");
    }
}

#[test]
fn the_time_told_is_that_of_the_speech_and_not_of_the_pause_after_it() {
    let mut rng = Rng::new(3);
    for length in [800, 1_600, 4_000, 8_000] {
        let mut line = quiet(&mut rng, 32_000);
        mix_in(
            &mut line,
            16_000,
            &at_level(vowel(120.0, VOWELS[0], length), -20.0),
        );
        let mut detector = VoiceDetector::new();
        let told = to_line(&line)
            .chunks(160)
            .filter_map(|frame| detector.process(frame))
            .max();
        let exact = Duration::from_millis(length as u64 / 8);
        let told = told.expect("speech");
        assert!(
            told.abs_diff(exact) <= Duration::from_millis(30),
            "{told:?} {exact:?}"
        );
        assert_eq!(detector.speech(), None);
    }
}

#[test]
fn noise_that_does_not_change_is_no_speech_at_any_level() {
    let mut rng = Rng::new(4);
    for level in [-60.0, -50.0, -40.0, -30.0, -20.0, -10.0] {
        let samples = 60 * 8_000;
        let hum: Vec<_> = (1..20)
            .map(|h| (50.0 * f64::from(h), 1.0 / f64::from(h)))
            .collect();
        for (name, noise) in [
            ("white", white(&mut rng, samples)),
            ("pink", pink(&mut rng, samples)),
            ("hum", tones(&hum, samples)),
        ] {
            assert_eq!(speech_in(&at_level(noise, level)), [], "{name} {level}");
        }
    }
}

#[test]
fn tones_keys_and_knocks_are_no_speech() {
    let mut rng = Rng::new(5);
    let (low, high) = (
        [697.0, 770.0, 852.0, 941.0],
        [1_209.0, 1_336.0, 1_477.0, 1_633.0],
    );
    let mut sounds: Vec<(String, Vec<f64>)> = Vec::new();
    for hz in [300.0, 440.0, 1_000.0, 1_400.0, 2_100.0] {
        sounds.push((
            format!("{hz} Hz"),
            with_peak(tones(&[(hz, 1.0)], 4_000), 8_000.0),
        ));
    }
    for low in low {
        for high in high {
            let key = tones(&[(low, 1.0), (high, 1.2)], 800 + rng.below(1_600) as usize);
            sounds.push((format!("{low} + {high} Hz"), with_peak(key, 10_000.0)));
        }
    }
    for pair in [[440.0, 480.0], [350.0, 440.0], [480.0, 620.0]] {
        let tone = tones(&pair.map(|hz| (hz, 1.0)), 7_000);
        sounds.push((format!("{pair:?} Hz"), with_peak(tone, 8_000.0)));
    }
    for decay in [3.0, 10.0, 25.0, 50.0] {
        sounds.push((
            format!("click {decay}"),
            with_peak(click(&mut rng, decay), 20_000.0),
        ));
        let mut typing = vec![0.0; 8_000];
        for key in 0..6 {
            let at = key * 1_100 + rng.below(500) as usize;
            mix_in(&mut typing, at, &click(&mut rng, decay));
        }
        sounds.push((format!("typing {decay}"), with_peak(typing, 15_000.0)));
    }
    sounds.push((
        "burst of noise".into(),
        at_level(white(&mut rng, 1_600), -22.0),
    ));
    sounds.push((
        "burst of pink noise".into(),
        at_level(pink(&mut rng, 1_600), -22.0),
    ));
    for (name, sound) in sounds {
        for _ in 0..8 {
            let mut line = quiet(&mut rng, 32_000);
            mix_in(&mut line, 12_000 + rng.below(160) as usize, &sound);
            assert_eq!(speech_in(&line), [], "{name}");
        }
    }
}

#[test]
fn a_new_noise_is_taken_for_noise_and_speech_over_it_is_found() {
    let mut rng = Rng::new(6);
    let mut line = quiet(&mut rng, 80_000);
    let fan = at_level(pink(&mut rng, 64_000), -40.0);
    mix_in(&mut line, 16_000, &fan);
    mix_in(
        &mut line,
        56_000,
        &at_level(syllables(6, 140.0, 12_000), -22.0),
    );
    let found = speech_in(&line);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!((56_000..57_000).contains(&found[0].0), "{found:?}");
}

/// The table of the module's documentation; `--nocapture` shows it.
#[test]
fn the_rates_of_misses_and_false_onsets_are_those_documented() {
    type Noise = fn(&mut Rng, usize) -> Vec<f64>;
    let mut rng = Rng::new(7);
    let kinds: [(&str, Noise); 3] = [("white", white), ("pink", pink), ("eight voices", babble)];
    let conditions = [
        (0, 60.0, [59, 97, 0]),
        (0, 20.0, [64, 73, 0]),
        (0, 10.0, [77, 89, 0]),
        (1, 20.0, [60, 67, 0]),
        (1, 10.0, [70, 80, 0]),
        (2, 20.0, [59, 69, 5]),
        (2, 10.0, [73, 85, 4]),
    ];
    println!("| noise | below the speech | median | 90 % within | later than 300 ms, or never |");
    println!("|---|---|---|---|---|");
    for (kind, below, documented) in conditions {
        let (name, noise) = kinds[kind];
        let mut delays = Vec::new();
        for trial in 0..48 {
            let speech = sentence(trial % SENTENCES.len());
            let start = 16_000 + rng.below(160) as usize;
            let noise = at_level(noise(&mut rng, 40_000), -26.0 - below);
            delays.extend(delay_of(&speech, noise, start));
        }
        delays.sort_unstable();
        let missed = 48 - delays.len();
        let [median, most] = [delays.len() / 2, delays.len() * 9 / 10].map(|n| delays[n]);
        println!("| {name} | {below} dB | {median} ms | {most} ms | {missed} of 48 |");
        assert_eq!([median, most, missed], documented, "{name} {below}");
    }
    println!("\n| nothing but | false onsets |");
    println!("|---|---|");
    let mut total = 0;
    for level in [-50.0, -40.0, -30.0, -20.0] {
        let onsets = speech_in(&at_level(babble(&mut rng, 300 * 8_000), level)).len();
        println!("| eight voices at {level} dBFS, 5 minutes | {onsets} |");
        total += onsets;
    }
    assert_eq!(total, 21, "eight voices, 20 minutes");
    let mut false_onsets = |name: &str, documented, sound: &mut dyn FnMut(&mut Rng) -> Vec<f64>| {
        let count = (0..100)
            .filter(|_| {
                let mut line = quiet(&mut rng, 24_000);
                let at = 12_000 + rng.below(160) as usize;
                mix_in(&mut line, at, &sound(&mut rng));
                !speech_in(&line).is_empty()
            })
            .count();
        println!("| {name}, 100 | {count} |");
        assert_eq!(count, documented, "{name}");
    };
    false_onsets("thuds", 54, &mut |rng| {
        with_peak(thud(60.0 + 120.0 * unit(rng)), 15_000.0)
    });
    false_onsets("coughs", 100, &mut |rng| with_peak(cough(rng), 12_000.0));
    false_onsets("chords", 100, &mut |rng| {
        with_peak(chord(200.0 + 200.0 * unit(rng), 4_000), 8_000.0)
    });
}

#[test]
fn every_machine_hears_the_same() {
    // Whole numbers all the way: no other machine's sine.
    let mut rng = Rng::new(8);
    let mut state = [0_i64; 2];
    let audio: Vec<i16> = (0..64_000_i64)
        .map(|n| {
            // Syllables of a buzz through a resonance at 500 Hz, from the second second on.
            let is_voiced = n > 16_000 && n % 16_000 < 10_000 && n % 2_400 < 1_700;
            let pulse = if is_voiced && n % 67 < 2 { 4_000 } else { 0 };
            let next = (state[0] * 225 - state[1] * 114) / 128 + pulse;
            state = [next, state[0]];
            (next / 2 + rng.below(61) as i64 - 30) as i16
        })
        .collect();
    let mut detector = VoiceDetector::new();
    let mut before = None;
    let mut onsets = Vec::new();
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for (number, frame) in audio.chunks_exact(160).enumerate() {
        let speech = detector.process(frame);
        if before.is_none() && speech.is_some() {
            onsets.push(number);
        }
        before = speech;
        let told = speech.map_or(u64::MAX, |time| time.as_millis() as u64);
        hash = (hash ^ told).wrapping_mul(0x0100_0000_01B3);
    }
    assert_eq!(onsets, [107, 202, 302]);
    assert_eq!(hash, 0x2681_8254_FFD9_354C, "{hash:#018X}");
}

#[test]
fn extreme_samples_do_no_harm() {
    for sample in [i16::MIN, -1, 0, 1, i16::MAX] {
        let mut detector = VoiceDetector::new();
        for len in [0, 1, 159, 160, 161, 3_000] {
            assert_eq!(detector.process(&vec![sample; len]), None);
        }
        let square: Vec<_> = (0..16_000)
            .map(|n| if n / 20 % 2 == 0 { sample } else { !sample })
            .collect();
        detector.process(&square);
    }
}

proptest! {
    #![proptest_config(config(30))]

    #[test]
    fn calls_of_any_length_hear_the_same(
        seed in any::<u64>(),
        lengths in prop::collection::vec(0_usize..700, 1..20),
    ) {
        let mut rng = Rng::new(seed);
        let mut line = at_level(pink(&mut rng, 20_000), -45.0);
        mix_in(&mut line, 8_000, &sentence(rng.below(6) as usize));
        let pcm = to_line(&line);
        let mut whole = VoiceDetector::new();
        let mut parted = VoiceDetector::new();
        let mut rest = &pcm[..];
        for &length in lengths.iter().cycle().take(200) {
            let (now, later) = rest.split_at(length.min(rest.len()));
            rest = later;
            let by_frame = now.chunks(160).map(|frame| whole.process(frame)).last();
            prop_assert_eq!(parted.process(now), by_frame.unwrap_or(whole.speech()));
        }
        parted.reset();
        let mut new = VoiceDetector::new();
        for frame in pcm.chunks(160) {
            prop_assert_eq!(parted.process(frame), new.process(frame));
        }
    }

    #[test]
    fn any_samples_are_heard_without_harm(pcm in prop::collection::vec(any::<i16>(), 0..4_000)) {
        let mut detector = VoiceDetector::new();
        for frame in pcm.chunks(160) {
            let told = detector.process(frame);
            prop_assert!(told.is_none_or(|time| time <= Duration::from_millis(500)));
        }
    }
}
