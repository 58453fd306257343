//! Resampling: the streaming contract here, the frequency response and the rates beyond 8, 16 and
//! 24 kHz in the modules.

#[cfg(feature = "any-rate")]
mod any_rate;
mod response;
mod spectrum;

use proptest::prelude::*;
use trunkline::resample::{Profile, Resampler};
use trunkline::{Downsampler, Error, Upsampler};

/// A fixed ratio and what it promises.
#[derive(Clone, Copy, Debug)]
struct Promise {
    from_hz: u32,
    to_hz: u32,
    profile: Profile,
    /// Group delay in output samples.
    delay: usize,
    passband_hz: f64,
    stopband_hz: f64,
    ripple_db: f64,
    rejection_db: f64,
}

const PROMISES: [Promise; 8] = [
    promise(
        8_000,
        24_000,
        Profile::Voice,
        53,
        3_400.0,
        4_600.0,
        0.002,
        86.0,
    ),
    promise(
        24_000,
        8_000,
        Profile::Voice,
        17,
        3_400.0,
        4_600.0,
        0.002,
        84.0,
    ),
    promise(
        8_000,
        16_000,
        Profile::Voice,
        35,
        3_400.0,
        4_600.0,
        0.002,
        86.0,
    ),
    promise(
        16_000,
        8_000,
        Profile::Voice,
        17,
        3_400.0,
        4_600.0,
        0.002,
        86.0,
    ),
    promise(
        16_000,
        24_000,
        Profile::Voice,
        31,
        7_000.0,
        9_000.0,
        0.002,
        84.0,
    ),
    promise(
        24_000,
        16_000,
        Profile::Voice,
        20,
        7_000.0,
        9_000.0,
        0.002,
        84.0,
    ),
    promise(
        8_000,
        24_000,
        Profile::Sharp,
        95,
        3_400.0,
        4_000.0,
        0.004,
        84.0,
    ),
    promise(
        24_000,
        8_000,
        Profile::Sharp,
        31,
        3_400.0,
        4_000.0,
        0.004,
        84.0,
    ),
];

#[allow(clippy::too_many_arguments, reason = "a row of a table")]
const fn promise(
    from_hz: u32,
    to_hz: u32,
    profile: Profile,
    delay: usize,
    passband_hz: f64,
    stopband_hz: f64,
    ripple_db: f64,
    rejection_db: f64,
) -> Promise {
    Promise {
        from_hz,
        to_hz,
        profile,
        delay,
        passband_hz,
        stopband_hz,
        ripple_db,
        rejection_db,
    }
}

impl Promise {
    fn resampler(&self) -> Resampler {
        Resampler::with_profile(self.from_hz, self.to_hz, self.profile).unwrap()
    }

    /// The output for `input` in one call.
    fn resample(&self, input: &[i16]) -> Vec<i16> {
        let mut filter = self.resampler();
        let mut output = vec![0; filter.output_len(input.len())];
        assert_eq!(filter.process(input, &mut output), Ok(output.len()));
        output
    }
}

#[test]
fn a_frame_in_is_a_frame_out_from_the_first_on() {
    for promise in PROMISES {
        let mut filter = promise.resampler();
        let frame = vec![1_000; promise.from_hz as usize / 50];
        let mut output = vec![0; promise.to_hz as usize / 50];
        for _ in 0..10 {
            assert_eq!(
                filter.process(&frame, &mut output),
                Ok(output.len()),
                "{promise:?}"
            );
        }
    }
    assert_eq!(Upsampler::new().process(&[1; 160], &mut [0; 480]), Ok(480));
    assert_eq!(
        Downsampler::new().process(&[1; 480], &mut [0; 160]),
        Ok(160)
    );
}

#[test]
fn a_constant_comes_out_as_that_constant_full_scale_included() {
    for promise in PROMISES {
        for level in [i16::MIN, -1, 0, 1, 12_345, i16::MAX] {
            let output = promise.resample(&vec![level; 480]);
            let settled = 2 * promise.delay + 1;
            assert!(
                output[settled..].iter().all(|&x| x == level),
                "{promise:?} {level}"
            );
        }
    }
}

#[test]
fn every_third_sample_up_is_an_input_sample() {
    let input = noise(500);
    let mut output = vec![0; 1_500];
    Upsampler::new().process(&input, &mut output).unwrap();
    for (at, &sample) in input.iter().enumerate() {
        if let Some(&copied) = output.get(3 * at + Upsampler::DELAY) {
            assert_eq!(copied, sample, "sample {at}");
        }
    }
}

#[test]
fn a_full_scale_square_wave_never_wraps() {
    for promise in PROMISES {
        for half_period in [1, 2, 3, 7, 50] {
            let input: Vec<i16> = (0..960)
                .map(|at| {
                    if at / half_period % 2 == 0 {
                        i16::MAX
                    } else {
                        i16::MIN
                    }
                })
                .collect();
            let output = promise.resample(&input);
            // Wherever the filter sees one level only, the output is near that level: a wrapped sum
            // would be far on the other side.
            let (from, to) = (promise.from_hz as usize, promise.to_hz as usize);
            for (at, &sample) in output.iter().enumerate().skip(2 * promise.delay) {
                let centre = (at - promise.delay) * from / to;
                let reach = promise.delay * from / to + 2;
                let seen = &input[centre.saturating_sub(reach)..(centre + reach).min(960)];
                if seen.iter().all(|&x| x == seen[0]) {
                    assert_eq!(sample, seen[0], "{promise:?} {half_period} at {at}");
                }
            }
        }
    }
}

#[test]
fn an_impulse_comes_out_symmetric_around_the_published_delay() {
    for promise in PROMISES {
        // At a group's first sample, where the published delay counts from.
        let mut input = vec![0; 480];
        input[0] = i16::MAX;
        let output = promise.resample(&input);
        let centre = promise.delay;
        assert_eq!(
            output
                .iter()
                .position(|&x| x == *output.iter().max().unwrap()),
            Some(centre),
            "{promise:?}"
        );
        for away in 0..=centre {
            assert_eq!(
                output[centre - away],
                output[centre + away],
                "{promise:?} {away}"
            );
        }
        assert!(
            output[2 * centre + 1..].iter().all(|&x| x == 0),
            "{promise:?}: rings on"
        );
    }
}

#[test]
fn the_published_delay_is_the_filters_own_and_short() {
    for promise in PROMISES {
        assert_eq!(promise.resampler().delay(), promise.delay, "{promise:?}");
        let limit = if promise.profile == Profile::Voice {
            2.5e-3
        } else {
            4.0e-3
        };
        assert!(
            promise.delay as f64 / f64::from(promise.to_hz) <= limit,
            "{promise:?}"
        );
    }
    assert_eq!(Upsampler::DELAY, 53);
    assert_eq!(Downsampler::DELAY, 17);
}

#[test]
fn a_short_destination_is_refused_and_nothing_is_taken() {
    for promise in PROMISES {
        let input = noise(960);
        let mut filter = promise.resampler();
        let mut output = vec![0; 3 * 960];
        filter.process(&input[..481], &mut output).unwrap();
        let mut untouched = filter.clone();

        let needed = filter.output_len(400);
        let mut short = vec![99; needed - 1];
        assert_eq!(
            filter.process(&input[481..881], &mut short),
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

        let mut expected = output.clone();
        let written = filter.process(&input[481..], &mut output).unwrap();
        assert_eq!(untouched.process(&input[481..], &mut expected), Ok(written));
        assert_eq!(output[..written], expected[..written], "{promise:?}");
    }
}

#[test]
fn flush_gives_the_rest_once_and_leaves_the_filter_as_new() {
    for promise in PROMISES {
        for len in [1, 2, 3, 160, 161, 162, 479, 480] {
            let input = noise(len);
            let mut filter = promise.resampler();
            assert_eq!(filter.flush(&mut []), Ok(0), "nothing came in yet");
            let mut output = vec![0; 3 * len + 200];
            let mut written = filter.process(&input, &mut output).unwrap();
            written += filter.flush(&mut output[written..]).unwrap();
            let (from, to) = (promise.from_hz as usize, promise.to_hz as usize);
            assert_eq!(
                written,
                promise.delay + (len * to).div_ceil(from),
                "{promise:?} {len}"
            );

            // As if silence had followed.
            let padded = [&input[..], &[0; 480]].concat();
            assert_eq!(
                output[..written],
                promise.resample(&padded)[..written],
                "{promise:?}"
            );

            assert_eq!(filter.flush_len(), 0);
            assert_eq!(filter.flush(&mut []), Ok(0), "only once");
            let mut again = vec![0; 3 * len];
            let written = filter.process(&input, &mut again).unwrap();
            assert_eq!(
                again[..written],
                output[..written],
                "{promise:?}: not as new"
            );
        }
    }
}

#[test]
fn other_rates_are_refused() {
    for (from_hz, to_hz) in [
        (8_000, 8_000),
        (8_000, 48_000),
        (0, 24_000),
        (44_100, 8_000),
    ] {
        assert_eq!(
            Resampler::new(from_hz, to_hz).err(),
            Some(Error::UnsupportedRate { from_hz, to_hz })
        );
    }
    let sharp = Resampler::with_profile(8_000, 16_000, Profile::Sharp);
    assert_eq!(
        sharp.err(),
        Some(Error::UnsupportedRate {
            from_hz: 8_000,
            to_hz: 16_000
        })
    );
}

/// 24 hours of audio, in chunks that never line up with frames.
#[test]
fn a_day_of_audio_keeps_its_exact_length() {
    const DAY: usize = 24 * 3_600;
    let input = vec![0; 24_011];
    let mut output = vec![0; 3 * input.len()];

    let mut up = Upsampler::new();
    let (mut taken, mut given) = (0, 0);
    while taken < 8_000 * DAY {
        let len = input.len().min(8_000 * DAY - taken);
        given += up.process(&input[..len], &mut output).unwrap();
        taken += len;
        assert_eq!(given, 3 * taken);
    }
    assert_eq!(given, 24_000 * DAY);

    let mut down = Downsampler::new();
    let (mut taken, mut given) = (0, 0);
    while taken < 24_000 * DAY {
        let len = input.len().min(24_000 * DAY - taken);
        given += down.process(&input[..len], &mut output).unwrap();
        taken += len;
        assert_eq!(given, taken / 3);
    }
    assert_eq!(given, 8_000 * DAY);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_partition_of_the_input_gives_the_samples_of_one_call(
        which in 0..PROMISES.len(),
        input in prop::collection::vec(any::<i16>(), 0..9_000),
        cuts in prop::collection::vec(1..=4_096_usize, 1..12),
    ) {
        let promise = PROMISES[which];
        let expected = promise.resample(&input);
        let mut filter = promise.resampler();
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
        prop_assert_eq!(output, expected);
    }

    #[test]
    fn tiny_chunks_give_the_samples_of_one_call(
        which in 0..PROMISES.len(),
        input in prop::collection::vec(any::<i16>(), 0..700),
        cuts in prop::collection::vec(0..5_usize, 8).prop_filter("progress", |cuts| cuts.iter().sum::<usize>() > 0),
    ) {
        let promise = PROMISES[which];
        let expected = promise.resample(&input);
        let mut filter = promise.resampler();
        let mut output = vec![0; expected.len()];
        let (mut taken, mut given) = (0, 0);
        for len in cuts.into_iter().cycle() {
            let len = len.min(input.len() - taken);
            given += filter.process(&input[taken..taken + len], &mut output[given..]).unwrap();
            taken += len;
            if taken == input.len() {
                break;
            }
        }
        prop_assert_eq!(given, expected.len());
        prop_assert_eq!(output, expected);
    }

    #[test]
    fn a_reset_filter_is_as_new(
        which in 0..PROMISES.len(),
        before in prop::collection::vec(any::<i16>(), 0..700),
        input in prop::collection::vec(any::<i16>(), 0..700),
    ) {
        let promise = PROMISES[which];
        let mut filter = promise.resampler();
        let mut output = vec![0; 2_100];
        filter.process(&before, &mut output).unwrap();
        filter.reset();
        prop_assert_eq!(filter.flush_len(), 0);
        let written = filter.process(&input, &mut output).unwrap();
        prop_assert_eq!(&output[..written], &promise.resample(&input)[..]);
    }

    #[test]
    fn the_named_types_are_the_voice_resamplers(
        input in prop::collection::vec(any::<i16>(), 0..1_500),
    ) {
        let mut up = vec![0; 3 * input.len()];
        Upsampler::new().process(&input, &mut up).unwrap();
        prop_assert_eq!(&up, &PROMISES[0].resample(&input));
        let mut down = vec![0; input.len() / 3];
        Downsampler::new().process(&input, &mut down).unwrap();
        prop_assert_eq!(&down, &PROMISES[1].resample(&input));
    }
}

fn noise(len: usize) -> Vec<i16> {
    let mut state = 0x2545_F491_u32;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as i16
        })
        .collect()
}

/// Random cases per property: `TRUNKLINE_CASES`, or few enough for every build.
fn config() -> ProptestConfig {
    let cases = std::env::var("TRUNKLINE_CASES")
        .ok()
        .and_then(|text| text.parse().ok());
    ProptestConfig {
        cases: cases.unwrap_or(48),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
