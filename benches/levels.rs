//! The kernels of a 20 ms frame on every instruction set of this machine, scalar code first, beside
//! the other libraries in the same run.

use std::hint::black_box;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use criterion::{Criterion, criterion_group, criterion_main};
use trunkline::g711::Variant;
use trunkline::resample::{Profile, Resampler};
use trunkline::simd::{self, Level};
use trunkline_benches::{
    FRAME,
    peers::{Direction, ROOM, resamplers},
    speech_like,
};

fn resample(c: &mut Criterion) {
    for direction in Direction::BOTH {
        let (from_hz, to_hz) = (direction.from_hz(), direction.to_hz());
        let frame = speech_like(direction.frame(), from_hz.into());
        let mut dst = [0; ROOM];
        let mut group = c.benchmark_group(format!("levels/{direction}"));
        for profile in [Profile::Voice, Profile::Sharp] {
            for level in simd::levels() {
                let mut resampler =
                    Resampler::with_level(from_hz, to_hz, profile, level).expect("a fixed ratio");
                group.bench_function(format!("trunkline {profile:?}, {}", name(level)), |b| {
                    b.iter(|| resampler.process(black_box(&frame), &mut dst));
                });
            }
        }
        for mut peer in resamplers(direction) {
            if !peer.name().starts_with("trunkline") {
                group.bench_function(peer.name().to_owned(), |b| {
                    b.iter(|| peer.process_into(black_box(&frame), &mut dst));
                });
            }
        }
        group.finish();
    }
}

fn codecs(c: &mut Criterion) {
    let pcm = speech_like(FRAME, 8_000.0);
    let wide = speech_like(3 * FRAME, 24_000.0);
    let text = STANDARD.encode(
        wide.iter()
            .flat_map(|s| s.to_le_bytes())
            .collect::<Vec<_>>(),
    );
    for level in simd::levels() {
        let mut codes = [0; FRAME];
        let mut decoded = [0; FRAME];
        let mut chars = vec![0; text.len()];
        let mut bytes = vec![0; 6 * FRAME];
        let mut group = c.benchmark_group(format!("levels/{}", name(level)));
        group.bench_function("mulaw_encode", |b| {
            b.iter(|| simd::g711::encode_mulaw(level, Variant::Itu, black_box(&pcm), &mut codes));
        });
        group.bench_function("mulaw_decode", |b| {
            b.iter(|| simd::g711::decode_mulaw(level, black_box(&codes), &mut decoded));
        });
        // The scalar code of base64 is not among the kernels: they leave it the whole text.
        if simd::base64::encode_pcm16(level, &wide, &mut chars) > 0 {
            group.bench_function("base64_encode_960", |b| {
                b.iter(|| simd::base64::encode_pcm16(level, black_box(&wide), &mut chars));
            });
            group.bench_function("base64_decode_960", |b| {
                b.iter(|| simd::base64::decode(level, black_box(text.as_bytes()), &mut bytes));
            });
        }
        group.finish();
    }
}

/// `Avx2` of `Avx2(Avx2 { … })`.
fn name(level: Level) -> String {
    let debug = format!("{level:?}");
    let end = debug.find('(').unwrap_or(debug.len());
    debug[..end].to_owned()
}

criterion_group!(benches, resample, codecs);
criterion_main!(benches);
