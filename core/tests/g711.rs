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
