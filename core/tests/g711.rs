//! G.711 against ITU-T's reference results and against the law's definition, for every code and
//! every sample.

use trunkline::g711::Variant;
use trunkline::{Error, alaw, mulaw};

/// CRC-32 over what ITU-T's reference software gives for all 65,536 samples in order.
#[test]
fn encoding_every_sample_gives_the_bytes_of_the_reference_software() {
    let samples: Vec<i16> = (i16::MIN..=i16::MAX).collect();
    let mut codes = vec![0; samples.len()];

    mulaw::encode(&samples, &mut codes).unwrap();
    assert_eq!(crc32(&codes), 0x6399_D432, "μ-law codes");
    assert_eq!(
        crc32(&as_words(&codes)),
        0xCD17_0E15,
        "μ-law codes as 16-bit words"
    );

    alaw::encode(&samples, &mut codes).unwrap();
    assert_eq!(crc32(&codes), 0x9133_796E, "A-law codes");
    assert_eq!(
        crc32(&as_words(&codes)),
        0x7471_9FE4,
        "A-law codes as 16-bit words"
    );
}

#[test]
fn decoding_the_codes_of_every_sample_gives_the_samples_of_the_reference_software() {
    let mut samples: Vec<i16> = (i16::MIN..=i16::MAX).collect();
    let mut codes = vec![0; samples.len()];

    alaw::encode(&samples, &mut codes).unwrap();
    let mulaw_codes: Vec<u8> = samples.iter().map(|&x| mulaw::encode_sample(x)).collect();

    mulaw::decode(&mulaw_codes, &mut samples).unwrap();
    assert_eq!(crc32(&bytes_of(&samples)), 0x6364_1C01);

    alaw::decode(&codes, &mut samples).unwrap();
    assert_eq!(crc32(&bytes_of(&samples)), 0xABCE_AA69);
}

/// The law as its tables write it: the codes of one sign are the intervals between decision values
/// that grow by segments of sixteen equal steps, each decoded to its middle.
struct Law {
    /// Lower end of each interval, and the end of the last, in 16-bit units.
    decisions: Vec<i32>,
}

impl Law {
    /// Table 2a: one step of 1, fifteen of 2, then segments of sixteen of 4, 8 … 256 (14-bit).
    fn mulaw() -> Self {
        let steps = [1]
            .into_iter()
            .chain([2; 15])
            .chain((2..9).flat_map(|n| [1 << n; 16]));
        Self::from_steps(steps, 4)
    }

    /// Table 1a: two segments of sixteen steps of 1, then of 2, 4 … 64 (12-bit magnitudes).
    fn alaw() -> Self {
        Self::from_steps(
            [1; 16].into_iter().chain((0..7).flat_map(|n| [1 << n; 16])),
            16,
        )
    }

    fn from_steps(steps: impl Iterator<Item = i32>, unit: i32) -> Self {
        let mut decisions = vec![0];
        decisions.extend(steps.scan(0, |end, step| {
            *end += step * unit;
            Some(*end)
        }));
        assert_eq!(decisions.len(), 129);
        Self { decisions }
    }

    /// The interval a magnitude lies in, the last for all beyond.
    fn interval(&self, magnitude: i32) -> u8 {
        (self
            .decisions
            .partition_point(|&end| end <= magnitude)
            .min(128)
            - 1) as u8
    }

    /// Twice the middle of an interval, so that halves stay whole.
    fn twice_the_middle(&self, interval: u8) -> i32 {
        let at = usize::from(interval);
        self.decisions[at] + self.decisions[at + 1]
    }
}

#[test]
fn every_mulaw_code_decodes_to_the_middle_of_its_interval() {
    let law = Law::mulaw();
    for code in 0..=u8::MAX {
        let interval = !code & 0x7F;
        // The first interval's two halves, one of each sign, make one interval around zero.
        let magnitude = if interval == 0 {
            0
        } else {
            law.twice_the_middle(interval) / 2
        };
        let expected = if code & 0x80 == 0 {
            -magnitude
        } else {
            magnitude
        };
        assert_eq!(
            i32::from(mulaw::decode_sample(code)),
            expected,
            "{code:#04x}"
        );
    }
}

#[test]
fn every_alaw_code_decodes_to_the_middle_of_its_interval() {
    let law = Law::alaw();
    for code in 0..=u8::MAX {
        let plain = code ^ 0x55;
        let magnitude = law.twice_the_middle(plain & 0x7F) / 2;
        let expected = if plain & 0x80 == 0 {
            -magnitude
        } else {
            magnitude
        };
        assert_eq!(
            i32::from(alaw::decode_sample(code)),
            expected,
            "{code:#04x}"
        );
    }
}

#[test]
fn every_sample_is_coded_as_the_interval_it_lies_in() {
    let (mulaw_law, alaw_law) = (Law::mulaw(), Law::alaw());
    for sample in i16::MIN..=i16::MAX {
        // The reference takes the one's complement of negative samples.
        let magnitude = i32::from(if sample < 0 { !sample } else { sample });
        let positive = if sample < 0 { 0 } else { 0x80 };
        let expected = (!mulaw_law.interval(magnitude) & 0x7F) | positive;
        assert_eq!(mulaw::encode_sample(sample), expected, "{sample}");
        let expected = (alaw_law.interval(magnitude) | positive) ^ 0x55;
        assert_eq!(alaw::encode_sample(sample), expected, "{sample}");
    }
}

/// CRC-32 over what CPython 3.11's `audioop` gives for all samples and all codes in order.
#[test]
fn pythons_audioop_gives_the_same_bytes() {
    let samples: Vec<i16> = (i16::MIN..=i16::MAX).collect();
    let mut codes = vec![0; samples.len()];
    mulaw::encode_with(Variant::Audioop, &samples, &mut codes).unwrap();
    assert_eq!(crc32(&codes), 0x3B7C_3A3E, "lin2ulaw");

    let codes: Vec<u8> = (0..=u8::MAX).collect();
    let mut samples = vec![0; codes.len()];
    mulaw::decode(&codes, &mut samples).unwrap();
    assert_eq!(crc32(&bytes_of(&samples)), 0x0C84_7A9F, "ulaw2lin");
    alaw::decode(&codes, &mut samples).unwrap();
    assert_eq!(crc32(&bytes_of(&samples)), 0x9D76_4657, "alaw2lin");
}

/// The common encoder: 16-bit magnitude, clip, bias 0x84, search for the segment.
#[test]
fn the_sun_variant_is_the_common_16_bit_encoder() {
    for sample in i16::MIN..=i16::MAX {
        let magnitude = i32::from(sample).abs().min(32_635) + 0x84;
        let segment = (0..8)
            .find(|&segment| magnitude < 0x100 << segment)
            .unwrap();
        let code = segment << 4 | (magnitude >> (segment + 3)) & 0x0F;
        let sign = if sample < 0 { 0x7F } else { 0xFF };
        let expected = (sign ^ code) as u8;
        assert_eq!(
            mulaw::encode_sample_with(Variant::Sun, sample),
            expected,
            "{sample}"
        );
    }
}

/// `audioop` of CPython: 14 bits by an arithmetic shift, then magnitude, bias 0x21, search.
#[test]
fn the_audioop_variant_is_pythons_encoder() {
    for sample in i16::MIN..=i16::MAX {
        let magnitude = (i32::from(sample) >> 2).abs().min(8_159) + 0x21;
        let code = match (0..8).find(|&segment| magnitude < 0x40 << segment) {
            None => 0x7F,
            Some(segment) => segment << 4 | (magnitude >> (segment + 1)) & 0x0F,
        };
        let sign = if sample < 0 { 0x7F } else { 0xFF };
        let expected = (sign ^ code) as u8;
        assert_eq!(
            mulaw::encode_sample_with(Variant::Audioop, sample),
            expected,
            "{sample}"
        );
    }
}

#[test]
fn coding_a_decoded_sample_again_gives_its_code_but_for_negative_zero() {
    for code in 0..=u8::MAX {
        let expected = if code == 0x7F { 0xFF } else { code };
        for variant in [Variant::Itu, Variant::Sun, Variant::Audioop] {
            let again = mulaw::encode_sample_with(variant, mulaw::decode_sample(code));
            assert_eq!(again, expected, "{variant:?}");
        }
        assert_eq!(alaw::encode_sample(alaw::decode_sample(code)), code);
    }
    assert_eq!(mulaw::encode_sample(0), mulaw::SILENCE);
    assert_eq!(alaw::encode_sample(0), alaw::SILENCE);
}

#[test]
fn slices_of_every_variant_code_as_single_samples_do() {
    let samples: Vec<i16> = (i16::MIN..=i16::MAX).collect();
    let mut codes = vec![0; samples.len()];
    for variant in [Variant::Itu, Variant::Sun, Variant::Audioop] {
        mulaw::encode_with(variant, &samples, &mut codes).unwrap();
        for (&sample, &code) in samples.iter().zip(&codes) {
            assert_eq!(
                code,
                mulaw::encode_sample_with(variant, sample),
                "{variant:?} {sample}"
            );
        }
    }
}

#[test]
fn direct_conversion_is_decoding_and_encoding() {
    let codes: Vec<u8> = (0..=u8::MAX).collect();
    let mut converted = vec![0; codes.len()];
    mulaw::to_alaw(&codes, &mut converted).unwrap();
    for (&code, &converted) in codes.iter().zip(&converted) {
        assert_eq!(converted, alaw::encode_sample(mulaw::decode_sample(code)));
        assert_eq!(converted, mulaw::to_alaw_sample(code));
    }
    alaw::to_mulaw(&codes, &mut converted).unwrap();
    for (&code, &converted) in codes.iter().zip(&converted) {
        assert_eq!(converted, mulaw::encode_sample(alaw::decode_sample(code)));
        assert_eq!(converted, alaw::to_mulaw_sample(code));
    }
}

#[test]
fn the_three_mulaw_encoders_differ_for_as_many_samples_as_their_originals() {
    let differing = |a, b| {
        (i16::MIN..=i16::MAX)
            .filter(|&x| mulaw::encode_sample_with(a, x) != mulaw::encode_sample_with(b, x))
            .inspect(|&x| assert!(x < 0, "{x}: only negative samples may differ"))
            .count()
    };
    assert_eq!(differing(Variant::Itu, Variant::Audioop), 508);
    assert_eq!(differing(Variant::Itu, Variant::Sun), 127);
    assert_eq!(differing(Variant::Audioop, Variant::Sun), 381);
}

#[test]
fn lengths_that_differ_are_refused_and_nothing_is_written() {
    let mut samples = [7_i16; 3];
    let expected = Err(Error::LengthMismatch {
        expected: 2,
        actual: 3,
    });
    assert_eq!(mulaw::decode(&[0; 2], &mut samples), expected);
    assert_eq!(alaw::decode(&[0; 2], &mut samples), expected);
    assert_eq!(samples, [7; 3]);

    let mut codes = [7_u8; 3];
    assert_eq!(mulaw::encode(&[0; 2], &mut codes), expected);
    assert_eq!(
        mulaw::encode_with(Variant::Sun, &[0; 2], &mut codes),
        expected
    );
    assert_eq!(alaw::encode(&[0; 2], &mut codes), expected);
    assert_eq!(mulaw::to_alaw(&[0; 2], &mut codes), expected);
    assert_eq!(alaw::to_mulaw(&[0; 2], &mut codes), expected);
    assert_eq!(codes, [7; 3]);
}

fn as_words(codes: &[u8]) -> Vec<u8> {
    codes.iter().flat_map(|&code| [code, 0]).collect()
}

fn bytes_of(samples: &[i16]) -> Vec<u8> {
    samples
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect()
}

/// CRC-32 as zlib computes it (reflected, polynomial 0x04C11DB7).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 * (crc & 1))
        })
    })
}
