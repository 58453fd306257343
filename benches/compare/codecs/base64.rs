//! base64 both ways, from a Twilio payload to a quarter of a second of a model's audio.

use std::hint::black_box;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use base64_simd::AsOut as _;

use super::table;
use crate::clock::Contestant;
use crate::report::Table;

pub(crate) fn tables() -> [Table; 2] {
    let sizes = [
        (160, "160 B"),
        (960, "960 B"),
        (4_096, "4,096 B"),
        (12_000, "12,000 B"),
    ];
    let inputs = sizes.map(|(len, name)| {
        let bytes: Vec<u8> = (0..len).map(|n| (n * 151 + n / 7) as u8).collect();
        let text = STANDARD.encode(&bytes);
        (name.to_owned(), bytes, text)
    });
    let encoders = inputs
        .iter()
        .map(|(name, bytes, text)| (name.clone(), encoders(bytes, text)));
    let decoders = inputs
        .iter()
        .map(|(name, bytes, text)| (name.clone(), decoders(text, bytes)));
    [table("encode", encoders), table("decode", decoders)]
}

/// Writes all of a result to a slice that is long enough, or refuses.
type Coder = fn(&[u8], &mut [u8]) -> Option<usize>;

fn encoders<'a>(bytes: &'a [u8], text: &str) -> Vec<Contestant<'a>> {
    let coders: [(&str, Coder); 4] = [
        ("trunkline", |src, dst| {
            trunkline::base64::encode(src, dst).ok()
        }),
        ("base64", |src, dst| STANDARD.encode_slice(src, dst).ok()),
        ("base64-simd", |src, dst| {
            Some(base64_simd::STANDARD.encode(src, dst.as_out()).len())
        }),
        ("base64-turbo", |src, dst| {
            base64_turbo::STANDARD.encode_slice(src, dst).ok()
        }),
    ];
    contestants(coders, bytes, text.as_bytes())
}

fn decoders<'a>(text: &'a str, bytes: &[u8]) -> Vec<Contestant<'a>> {
    let coders: [(&str, Coder); 4] = [
        ("trunkline", |src, dst| {
            trunkline::base64::decode(src, dst).ok()
        }),
        ("base64", |src, dst| STANDARD.decode_slice(src, dst).ok()),
        ("base64-simd", |src, dst| {
            let decoded = base64_simd::STANDARD.decode(src, dst.as_out());
            Some(decoded.ok()?.len())
        }),
        ("base64-turbo", |src, dst| {
            base64_turbo::STANDARD.decode_slice(src, dst).ok()
        }),
    ];
    for (name, decode) in coders {
        for at in 0..text.len() {
            let mut damaged = text.as_bytes().to_vec();
            damaged[at] = b'!';
            let mut dst = vec![0; bytes.len() + 3];
            assert_eq!(decode(&damaged, &mut dst), None, "{name}: ! at {at}");
        }
    }
    contestants(coders, text.as_bytes(), bytes)
}

fn contestants<'a>(
    coders: [(&'static str, Coder); 4],
    src: &'a [u8],
    expected: &[u8],
) -> Vec<Contestant<'a>> {
    coders
        .into_iter()
        .map(|(name, coder)| {
            // `base64` and base64-turbo ask for whole groups of three.
            let mut dst = vec![0; expected.len() + 3];
            let len = coder(src, &mut dst).expect(name);
            assert_eq!(dst[..len], *expected, "{name}");
            Contestant::new(name, move || coder(black_box(src), black_box(&mut dst)))
        })
        .collect()
}
