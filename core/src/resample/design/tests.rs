//! The running filters against the definition of what they compute.

use std::vec;
use std::vec::Vec;

use super::*;
use crate::resample::{Profile, Resampler};

/// A filter by its definition alone.
struct Definition {
    from_hz: u32,
    to_hz: u32,
    profile: Profile,
    half: &'static [i32],
    up: usize,
    down: usize,
    phase: usize,
    /// Fraction bits of the taps.
    bits: u32,
}

const FILTERS: [Definition; 8] = [
    definition(
        8_000,
        24_000,
        Profile::Voice,
        &taps::VOICE_8_24,
        3,
        1,
        0,
        16,
    ),
    definition(
        24_000,
        8_000,
        Profile::Voice,
        &taps::VOICE_24_8,
        1,
        3,
        2,
        17,
    ),
    definition(
        8_000,
        16_000,
        Profile::Voice,
        &taps::VOICE_8_16,
        2,
        1,
        0,
        16,
    ),
    definition(
        16_000,
        8_000,
        Profile::Voice,
        &taps::VOICE_16_8,
        1,
        2,
        1,
        17,
    ),
    definition(
        16_000,
        24_000,
        Profile::Voice,
        &taps::VOICE_16_24,
        3,
        2,
        0,
        16,
    ),
    definition(
        24_000,
        16_000,
        Profile::Voice,
        &taps::VOICE_24_16,
        2,
        3,
        2,
        16,
    ),
    definition(
        8_000,
        24_000,
        Profile::Sharp,
        &taps::SHARP_8_24,
        3,
        1,
        0,
        16,
    ),
    definition(
        24_000,
        8_000,
        Profile::Sharp,
        &taps::SHARP_24_8,
        1,
        3,
        2,
        17,
    ),
];

#[allow(clippy::too_many_arguments, reason = "a row of a table")]
const fn definition(
    from_hz: u32,
    to_hz: u32,
    profile: Profile,
    half: &'static [i32],
    up: usize,
    down: usize,
    phase: usize,
    bits: u32,
) -> Definition {
    Definition {
        from_hz,
        to_hz,
        profile,
        half,
        up,
        down,
        phase,
        bits,
    }
}

#[test]
fn every_filter_is_zero_stuffing_convolution_and_decimation() {
    let mut state = 0x1234_5678_u32;
    let noise: Vec<i16> = (0..1_800)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i16
        })
        .collect();
    for Definition {
        from_hz,
        to_hz,
        profile,
        half,
        up,
        down,
        phase,
        bits,
    } in FILTERS
    {
        let full: Vec<i64> = half
            .iter()
            .chain(half.iter().rev().skip(1))
            .map(|&tap| tap.into())
            .collect();
        for input in [noise.clone(), worst_case(&full, up, down, phase)] {
            let mut output = vec![0; 3 * input.len()];
            let written = Resampler::with_profile(from_hz, to_hz, profile)
                .unwrap()
                .process(&input, &mut output)
                .unwrap();
            assert_eq!(written, input.len() * up / down);
            for (at, &actual) in output[..written].iter().enumerate() {
                let newest = down * at + phase;
                let sum: i64 = (0..full.len().min(newest + 1))
                    .filter(|tap| (newest - tap) % up == 0)
                    .filter_map(|tap| Some(full[tap] * i64::from(*input.get((newest - tap) / up)?)))
                    .sum();
                let rounded = (sum + (1 << (bits - 1))) >> bits;
                let expected = rounded.clamp(i16::MIN.into(), i16::MAX.into());
                assert_eq!(
                    i64::from(actual),
                    expected,
                    "{from_hz} to {to_hz} {profile:?}, {at}"
                );
            }
        }
    }
}

/// Full-scale input with the signs of the taps that some output sees, both ways round: the
/// largest sums there are, for every output phase.
fn worst_case(full: &[i64], up: usize, down: usize, phase: usize) -> Vec<i16> {
    let mut input = Vec::new();
    for target in 0..2 * up {
        let newest = down * (300 / down + target) + phase;
        input.extend((0..300).map(|at| {
            let tap = newest.checked_sub(up * at).and_then(|tap| full.get(tap));
            let negative = tap.is_some_and(|&tap| tap < 0) ^ (target >= up);
            if negative { i16::MIN } else { i16::MAX }
        }));
    }
    input
}
