//! G.711 on every instruction set level of the machine against the definition, sample by sample.

use trunkline::{
    Error,
    g711::{Variant, alaw, mulaw},
    simd,
};

/// The bytes are codes, and two by two samples; the first says how long a wrong destination is.
pub fn g711(data: &[u8]) {
    let Some((&wrong, codes)) = data.split_first() else {
        return;
    };
    let samples: Vec<i16> = codes
        .as_chunks()
        .0
        .iter()
        .map(|bytes| i16::from_le_bytes(*bytes))
        .collect();
    decode(codes, expand_mulaw, simd::g711::decode_mulaw, mulaw::decode);
    decode(codes, expand_alaw, simd::g711::decode_alaw, alaw::decode);
    for variant in [Variant::Itu, Variant::Sun, Variant::Audioop] {
        encode(
            &samples,
            |sample| compress_mulaw(variant, sample),
            |level, src, dst| simd::g711::encode_mulaw(level, variant, src, dst),
            |src, dst| mulaw::encode_with(variant, src, dst),
        );
    }
    encode(
        &samples,
        compress_alaw,
        simd::g711::encode_alaw,
        alaw::encode,
    );
    let mut converted = vec![0; codes.len()];
    mulaw::to_alaw(codes, &mut converted).unwrap();
    assert!(
        codes
            .iter()
            .zip(&converted)
            .all(|(&c, &a)| a == compress_alaw(expand_mulaw(c)))
    );
    alaw::to_mulaw(codes, &mut converted).unwrap();
    let itu = |code| compress_mulaw(Variant::Itu, expand_alaw(code));
    assert!(codes.iter().zip(&converted).all(|(&c, &u)| u == itu(c)));

    let actual = usize::from(wrong);
    let expected = codes.len();
    if actual != expected {
        let refused = Err(Error::LengthMismatch { expected, actual });
        let mut wide = vec![GUARD; actual];
        assert_eq!(mulaw::decode(codes, &mut wide), refused);
        assert_eq!(alaw::decode(codes, &mut wide), refused);
        assert!(wide.iter().all(|&sample| sample == GUARD));
        let mut narrow = vec![CODE_GUARD; actual];
        assert_eq!(mulaw::to_alaw(codes, &mut narrow), refused);
        assert_eq!(alaw::to_mulaw(codes, &mut narrow), refused);
        assert!(narrow.iter().all(|&code| code == CODE_GUARD));
    }
}

fn decode(
    codes: &[u8],
    expand: impl Fn(u8) -> i16,
    kernel: impl Fn(simd::Level, &[u8], &mut [i16]),
    public: impl Fn(&[u8], &mut [i16]) -> Result<(), Error>,
) {
    let expected: Vec<i16> = codes.iter().map(|&code| expand(code)).collect();
    let mut samples = vec![GUARD; codes.len() + 1];
    for level in simd::levels() {
        samples.fill(GUARD);
        kernel(level, codes, &mut samples[..codes.len()]);
        assert_eq!(samples[..codes.len()], expected, "{level:?}");
        assert_eq!(samples[codes.len()], GUARD, "{level:?}");
    }
    samples.fill(GUARD);
    public(codes, &mut samples[..codes.len()]).unwrap();
    assert_eq!(samples[..codes.len()], expected);
}

fn encode(
    samples: &[i16],
    compress: impl Fn(i16) -> u8,
    kernel: impl Fn(simd::Level, &[i16], &mut [u8]),
    public: impl Fn(&[i16], &mut [u8]) -> Result<(), Error>,
) {
    let expected: Vec<u8> = samples.iter().map(|&sample| compress(sample)).collect();
    let mut codes = vec![CODE_GUARD; samples.len() + 1];
    for level in simd::levels() {
        codes.fill(CODE_GUARD);
        kernel(level, samples, &mut codes[..samples.len()]);
        assert_eq!(codes[..samples.len()], expected, "{level:?}");
        assert_eq!(codes[samples.len()], CODE_GUARD, "{level:?}");
    }
    codes.fill(CODE_GUARD);
    public(samples, &mut codes[..samples.len()]).unwrap();
    assert_eq!(codes[..samples.len()], expected);
}

/// ITU-T G.711 table 2a/2b: the segment's first value and its steps, at 16 bits.
fn expand_mulaw(code: u8) -> i16 {
    let inverted = !code;
    let segment = i32::from(inverted >> 4 & 7);
    let step = i32::from(inverted & 0xF);
    let magnitude = ((2 * step + 33) * (1 << segment) - 33) * 4;
    (if inverted & 0x80 == 0 {
        magnitude
    } else {
        -magnitude
    }) as i16
}

/// ITU-T G.711 table 1a/1b, at 16 bits.
fn expand_alaw(code: u8) -> i16 {
    let plain = code ^ 0x55;
    let segment = i32::from(plain >> 4 & 7);
    let step = i32::from(plain & 0xF);
    let magnitude = match segment {
        0 => 16 * step + 8,
        _ => (16 * step + 264) << (segment - 1),
    };
    (if plain & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }) as i16
}

/// The last segment whose decision values reach the magnitude, and the step in it.
fn compress_mulaw(variant: Variant, sample: i16) -> u8 {
    let wide = i32::from(sample);
    let magnitude = match variant {
        _ if wide >= 0 => wide / 4,
        Variant::Itu => (-1 - wide) / 4,
        Variant::Sun => -wide / 4,
        _ => -wide.div_euclid(4),
    };
    let mut segment = 0;
    while segment < 7 && magnitude >= (64 << segment) - 33 {
        segment += 1;
    }
    let step = ((magnitude + 33) / (2 << segment) - 16).min(15);
    let code = !((segment as u8) << 4 | step as u8);
    if wide < 0 { code & 0x7F } else { code }
}

fn compress_alaw(sample: i16) -> u8 {
    let wide = i32::from(sample);
    let magnitude = (if wide < 0 { -1 - wide } else { wide }) / 16;
    let mut segment = 0;
    while segment < 7 && magnitude >= 16 << segment {
        segment += 1;
    }
    let step = match segment {
        0 => magnitude,
        _ => magnitude / (1 << (segment - 1)) - 16,
    };
    let code = (segment as u8) << 4 | step as u8;
    (if wide < 0 { code } else { code | 0x80 }) ^ 0x55
}

const GUARD: i16 = 0x5A5A;
const CODE_GUARD: u8 = 0xA7;
