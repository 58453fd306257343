//! base64 both ways, from a Twilio payload to a quarter of a second of a model's audio.

use std::hint::black_box;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use base64_simd::AsOut as _;

use super::table;
use crate::clock::Contestant;
use crate::report::Table;

pub(crate) fn tables() -> Vec<Table> {
    let mut tables = Vec::new();
    for len in [160, 960, 4_096, 12_000] {
        let bytes: Vec<u8> = (0..len).map(|n| (n * 151 + n / 7) as u8).collect();
        let text = STANDARD.encode(&bytes);
        tables.push(table(format!("encode {len} B"), encoders(&bytes, &text)));
        tables.push(table(format!("decode {len} B"), decoders(&text, &bytes)));
    }
    tables
}

/// Writes all of a result to a slice that is long enough.
type Coder = fn(&[u8], &mut [u8]) -> usize;

fn encoders<'a>(bytes: &'a [u8], text: &str) -> Vec<Contestant<'a>> {
    let coders: [(&str, Coder); 4] = [
        ("trunkline", |src, dst| {
            trunkline::base64::encode(src, dst).expect("room")
        }),
        ("base64", |src, dst| {
            STANDARD.encode_slice(src, dst).expect("room")
        }),
        ("base64-simd", |src, dst| {
            base64_simd::STANDARD.encode(src, dst.as_out()).len()
        }),
        ("base64-turbo", |src, dst| {
            base64_turbo::STANDARD.encode_slice(src, dst).expect("room")
        }),
    ];
    contestants(coders, bytes, text.as_bytes())
}

fn decoders<'a>(text: &'a str, bytes: &[u8]) -> Vec<Contestant<'a>> {
    let coders: [(&str, Coder); 4] = [
        ("trunkline", |src, dst| {
            trunkline::base64::decode(src, dst).expect("base64")
        }),
        ("base64", |src, dst| {
            STANDARD.decode_slice(src, dst).expect("base64")
        }),
        ("base64-simd", |src, dst| {
            let decoded = base64_simd::STANDARD.decode(src, dst.as_out());
            decoded.expect("base64").len()
        }),
        ("base64-turbo", |src, dst| {
            base64_turbo::STANDARD
                .decode_slice(src, dst)
                .expect("base64")
        }),
    ];
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
            let len = coder(src, &mut dst);
            assert_eq!(dst[..len], *expected, "{name}");
            Contestant::new(name, move || coder(black_box(src), black_box(&mut dst)))
        })
        .collect()
}
