//! Every level this machine has against the scalar twins.

use std::format;
use std::ops::Range;
use std::vec;
use std::vec::Vec;

use super::{g711, levels};
use crate::g711::{Variant, alaw, mulaw};
use crate::resample::{Profile, Resampler};

const RATIOS: [(u32, u32, Profile); 8] = [
    (8_000, 24_000, Profile::Voice),
    (24_000, 8_000, Profile::Voice),
    (8_000, 16_000, Profile::Voice),
    (16_000, 8_000, Profile::Voice),
    (16_000, 24_000, Profile::Voice),
    (24_000, 16_000, Profile::Voice),
    (8_000, 24_000, Profile::Sharp),
    (24_000, 8_000, Profile::Sharp),
];

#[test]
fn resampling_gives_the_same_samples_on_every_level() {
    let mut random = Random(0x5EED);
    let noise: Vec<i16> = (0..4_000).map(|_| random.next() as i16).collect();
    let square: Vec<i16> = (0..4_000)
        .map(|n| if n / 7 % 2 == 0 { i16::MIN } else { i16::MAX })
        .collect();
    for (from, to, profile) in RATIOS {
        for input in [&noise, &square] {
            // Every length up to past a block leaves every possible partial vector.
            for len in (0..=200).chain([479, 480, 481, 482, 483, 960, 4_000]) {
                let mut outputs = levels().map(|level| {
                    let mut filter = Resampler::with_level(from, to, profile, level).unwrap();
                    let mut output = vec![GUARD; len * 3 + 64];
                    // Different history under the measured call.
                    let mut ignored = vec![0; 3 * 211];
                    filter
                        .process(&input[len / 2..][..len.min(211)], &mut ignored)
                        .unwrap();
                    let written = filter.process(&input[..len], &mut output).unwrap();
                    assert!(
                        output[written..].iter().all(|&x| x == GUARD),
                        "{level:?}: guard"
                    );
                    output.truncate(written);
                    (format!("{level:?}"), output)
                });
                let (_, expected) = outputs.next().unwrap();
                for (level, output) in outputs {
                    assert_eq!(
                        output, expected,
                        "{level} {from} to {to} {profile:?}, {len}"
                    );
                }
            }
        }
    }
}

#[test]
fn g711_is_the_reference_for_every_sample_and_code_on_every_level() {
    let samples: Vec<i16> = (i16::MIN..=i16::MAX).collect();
    // CRC-32 of the codes ITU-T's reference software gives, and of the samples it decodes them to.
    for level in levels() {
        let mut codes = vec![0; samples.len()];
        let mut decoded = vec![0; samples.len()];
        g711::encode_mulaw(level, Variant::Itu, &samples, &mut codes);
        assert_eq!(crc32(codes.iter().copied()), 0x6399_D432, "{level:?}");
        g711::decode_mulaw(level, &codes, &mut decoded);
        assert_eq!(
            crc32(decoded.iter().flat_map(|x| x.to_le_bytes())),
            0x6364_1C01,
            "{level:?}"
        );
        g711::encode_alaw(level, &samples, &mut codes);
        assert_eq!(crc32(codes.iter().copied()), 0x9133_796E, "{level:?}");
        g711::decode_alaw(level, &codes, &mut decoded);
        assert_eq!(
            crc32(decoded.iter().flat_map(|x| x.to_le_bytes())),
            0xABCE_AA69,
            "{level:?}"
        );

        for variant in [Variant::Itu, Variant::Sun, Variant::Audioop] {
            g711::encode_mulaw(level, variant, &samples, &mut codes);
            for (&sample, &code) in samples.iter().zip(&codes) {
                let expected = mulaw::encode_sample_with(variant, sample);
                assert_eq!(code, expected, "{level:?} {variant:?} {sample}");
            }
        }
    }
}

#[test]
fn g711_writes_all_of_every_slice_and_nothing_beside_it_on_every_level() {
    const LENGTHS: usize = 257;
    const OFFSETS: usize = 63;
    const CODE_GUARD: u8 = 0xA7;
    let mut random = Random(0x0711);
    let codes: Vec<u8> = (0..LENGTHS + OFFSETS)
        .map(|_| random.next() as u8)
        .collect();
    let samples: Vec<i16> = (0..LENGTHS + OFFSETS)
        .map(|_| random.next() as i16)
        .collect();
    for level in levels() {
        for len in 0..=LENGTHS {
            for offset in 0..=OFFSETS {
                let (codes, samples) = (&codes[offset..][..len], &samples[offset..][..len]);
                let mut decoded = [GUARD; LENGTHS + OFFSETS + 64];
                let mut encoded = [CODE_GUARD; LENGTHS + OFFSETS + 64];
                let range = offset..offset + len;
                let where_ = |law| format!("{law} {level:?} length {len} offset {offset}");

                for (law, expand) in [
                    ("mulaw", mulaw::decode_sample as fn(u8) -> i16),
                    ("alaw", alaw::decode_sample),
                ] {
                    let dst = &mut decoded[range.clone()];
                    match law {
                        "mulaw" => g711::decode_mulaw(level, codes, dst),
                        _ => g711::decode_alaw(level, codes, dst),
                    }
                    assert!(
                        dst.iter().zip(codes).all(|(&x, &c)| x == expand(c)),
                        "{}",
                        where_(law)
                    );
                    assert!(guarded(&decoded, &range, GUARD), "{}", where_(law));
                }

                for (law, compress) in [
                    ("mulaw", mulaw::encode_sample as fn(i16) -> u8),
                    ("alaw", alaw::encode_sample),
                ] {
                    let dst = &mut encoded[range.clone()];
                    match law {
                        "mulaw" => g711::encode_mulaw(level, Variant::Itu, samples, dst),
                        _ => g711::encode_alaw(level, samples, dst),
                    }
                    assert!(
                        dst.iter().zip(samples).all(|(&c, &x)| c == compress(x)),
                        "{}",
                        where_(law)
                    );
                    assert!(guarded(&encoded, &range, CODE_GUARD), "{}", where_(law));
                }
            }
        }
    }
}

fn guarded<T: PartialEq>(all: &[T], written: &Range<usize>, guard: T) -> bool {
    all[..written.start]
        .iter()
        .chain(&all[written.end..])
        .all(|x| *x == guard)
}

/// CRC-32 as zlib computes it (reflected, polynomial 0x04C11DB7).
fn crc32(bytes: impl Iterator<Item = u8>) -> u32 {
    !bytes.fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 * (crc & 1))
        })
    })
}

/// Stands where nothing may be written; no kernel gives it by chance in every place.
const GUARD: i16 = 0x5A5A;

/// A small generator: the tests want the same numbers everywhere, not good ones.
struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }
}
