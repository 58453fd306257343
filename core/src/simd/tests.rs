//! Every level this machine has against the scalar twins.

use std::format;
use std::vec;
use std::vec::Vec;

use super::levels;
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
