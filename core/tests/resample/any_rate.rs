//! Rates beyond 8, 16 and 24 kHz.

use std::f64::consts::TAU;

use proptest::prelude::*;
use trunkline::Error;
use trunkline::resample::AnyRate;

use super::spectrum::{decibels, hertz, spectrum_of_tones, tones, worst_other_than};
use super::{config, noise};

const PAIRS: [(u32, u32); 14] = [
    (22_050, 8_000),
    (44_100, 8_000),
    (48_000, 8_000),
    (22_050, 24_000),
    (44_100, 24_000),
    (48_000, 24_000),
    (8_000, 22_050),
    (8_000, 44_100),
    (8_000, 48_000),
    (24_000, 22_050),
    (24_000, 44_100),
    (24_000, 48_000),
    // Too many phases for a filter each: interpolated.
    (24_000, 95_975),
    (95_975, 24_000),
];

/// Of half the lower rate.
const PASSBAND: f64 = 0.85;

fn resample(from_hz: u32, to_hz: u32, input: &[i16]) -> Vec<i16> {
    let mut filter = AnyRate::new(from_hz, to_hz).unwrap();
    let mut output = vec![0; filter.output_len(input.len())];
    assert_eq!(filter.process(input, &mut output), Ok(output.len()));
    output
}

#[test]
fn the_pass_band_is_flat_and_the_delay_as_published() {
    for (from, to) in PAIRS {
        let delay = AnyRate::new(from, to).unwrap().delay() as f64;
        let passband = PASSBAND * f64::from(from.min(to)) / 2.0;
        for tone in tones(from, 0.0, passband).step_by(5) {
            let spectrum = spectrum_of_tones(from, to, &[(tone, 30_000.0)], |input| {
                resample(from, to, input)
            });
            let deviation = decibels(spectrum[tone].norm()).abs();
            assert!(deviation <= 0.1, "{from} to {to}, {tone}: {deviation} dB");
            let radians_per_sample = TAU * hertz(tone) / f64::from(to);
            let turns = spectrum[tone].arg() / TAU + radians_per_sample * delay / TAU;
            let error = (turns - turns.round()) * TAU / radians_per_sample;
            assert!(
                error.abs() <= 0.51,
                "{from} to {to}, {tone}: {error} samples"
            );
        }
    }
}

#[test]
fn images_and_aliases_are_rejected() {
    for (from, to) in PAIRS {
        let half_lower = f64::from(from.min(to)) / 2.0;
        let half_from = f64::from(from) / 2.0;
        for tone in tones(from, 0.0, PASSBAND * half_lower).step_by(5) {
            let spectrum = spectrum_of_tones(from, to, &[(tone, 30_000.0)], |input| {
                resample(from, to, input)
            });
            let worst = worst_other_than(&spectrum, tone);
            assert!(worst <= -80.0, "{from} to {to}, {tone}: image {worst} dB");
        }
        for tone in tones(from, half_lower, half_from).step_by(5) {
            let both = [(tone, 25_000.0), (41, 5_000.0)];
            let spectrum = spectrum_of_tones(from, to, &both, |input| resample(from, to, input));
            let worst = worst_other_than(&spectrum, 41);
            assert!(worst <= -80.0, "{from} to {to}, {tone}: alias {worst} dB");
        }
    }
}

#[test]
fn a_short_destination_is_refused_and_nothing_is_taken() {
    let input = noise(2_000);
    let mut filter = AnyRate::new(44_100, 8_000).unwrap();
    let mut output = vec![0; 2_000];
    let first = filter.process(&input[..701], &mut output).unwrap();
    let needed = filter.output_len(1_299);
    let mut short = vec![99; needed - 1];
    assert_eq!(
        filter.process(&input[701..], &mut short),
        Err(Error::BufferTooShort {
            needed,
            actual: needed - 1
        })
    );
    let needed = filter.flush_len();
    assert_eq!(
        filter.flush(&mut short[..needed - 1]),
        Err(Error::BufferTooShort {
            needed,
            actual: needed - 1
        })
    );
    assert!(short.iter().all(|&x| x == 99));
    let second = filter.process(&input[701..], &mut output[first..]).unwrap();
    assert_eq!(output[..first + second], resample(44_100, 8_000, &input));
}

#[test]
fn flush_gives_the_rest_once_and_leaves_the_filter_as_new() {
    for (from, to) in PAIRS {
        for len in [1, 20, 441, 1_000] {
            let input = noise(len);
            let mut filter = AnyRate::new(from, to).unwrap();
            assert_eq!(filter.flush(&mut []), Ok(0), "nothing came in yet");
            let mut output = vec![0; 12 * len + 2_000];
            let mut written = filter.process(&input, &mut output).unwrap();
            written += filter.flush(&mut output[written..]).unwrap();
            let expected = filter.delay() + (len * to as usize).div_ceil(from as usize);
            assert_eq!(written, expected, "{from} to {to}, {len}");
            let padded = [&input[..], &[0; 2_000]].concat();
            assert_eq!(output[..written], resample(from, to, &padded)[..written]);

            assert_eq!(filter.flush(&mut []), Ok(0), "only once");
            let mut again = vec![0; 12 * len];
            let written = filter.process(&input, &mut again).unwrap();
            assert_eq!(
                again[..written],
                output[..written],
                "{from} to {to}: not as new"
            );
        }
    }
}

#[test]
fn rates_out_of_range_are_refused() {
    for (from_hz, to_hz) in [(3_999, 8_000), (8_000, 192_001), (0, 0), (u32::MAX, 8_000)] {
        assert_eq!(
            AnyRate::new(from_hz, to_hz).err(),
            Some(Error::UnsupportedRate { from_hz, to_hz })
        );
    }
}

#[test]
fn three_minutes_keep_their_exact_length_at_every_moment() {
    for (from, to) in [(44_100, 8_000), (22_050, 24_000), (44_101, 7_919)] {
        let mut filter = AnyRate::new(from, to).unwrap();
        let input = vec![1_000; 1_777];
        let mut output = vec![0; 2_000];
        let (mut taken, mut given) = (0_u64, 0_u64);
        while taken < 180 * u64::from(from) {
            given += filter.process(&input, &mut output).unwrap() as u64;
            taken += input.len() as u64;
            assert_eq!(given, taken * u64::from(to) / u64::from(from));
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_partition_of_the_input_gives_the_samples_of_one_call_at_any_rates(
        from_hz in 4_000..=192_000_u32,
        to_hz in 4_000..=192_000_u32,
        which in 0..2 * PAIRS.len(),
        input in prop::collection::vec(any::<i16>(), 0..3_000),
        cuts in prop::collection::vec(1..=1_000_usize, 1..12),
    ) {
        // Half the cases are of pairs in use.
        let (from_hz, to_hz) = PAIRS.get(which).copied().unwrap_or((from_hz, to_hz));
        let expected = resample(from_hz, to_hz, &input);
        let mut filter = AnyRate::new(from_hz, to_hz).unwrap();
        let mut output = Vec::new();
        let mut rest = &input[..];
        for len in cuts.into_iter().cycle() {
            let (chunk, after) = rest.split_at(len.min(rest.len()));
            let start = output.len();
            output.resize(start + filter.output_len(chunk.len()), 0);
            prop_assert_eq!(filter.process(chunk, &mut output[start..]), Ok(output.len() - start));
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(&output, &expected);

        filter.reset();
        let mut again = vec![0; expected.len()];
        filter.process(&input, &mut again).unwrap();
        prop_assert_eq!(again, expected, "not as new after a reset");
    }
}
