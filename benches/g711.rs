//! G.711 per 20 ms frame, against a plain loop over the tables and over single samples.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trunkline::g711::{alaw, mulaw};
use trunkline_benches::{FRAME, speech_like};

fn g711(c: &mut Criterion) {
    let pcm = speech_like(FRAME, 8_000.0);
    let mut codes = [0; FRAME];
    let mut decoded = [0; FRAME];
    let table: [i16; 256] = core::array::from_fn(|code| mulaw::decode_sample(code as u8));

    mulaw::encode(&pcm, &mut codes).expect("equal lengths");
    let one_by_one: Vec<u8> = pcm
        .iter()
        .map(|&sample| mulaw::encode_sample(sample))
        .collect();
    assert_eq!(
        codes[..],
        one_by_one[..],
        "a slice encodes as its samples do"
    );
    mulaw::decode(&codes, &mut decoded).expect("equal lengths");
    assert!(
        decoded
            .iter()
            .zip(codes)
            .all(|(&pcm, code)| pcm == table[usize::from(code)])
    );

    let mut group = c.benchmark_group("g711");
    group.throughput(Throughput::Elements(FRAME as u64));
    group.bench_function("mulaw_decode/trunkline", |b| {
        b.iter(|| mulaw::decode(black_box(&codes), &mut decoded));
    });
    group.bench_function("mulaw_decode/table", |b| {
        b.iter(|| {
            for (dst, &code) in decoded.iter_mut().zip(black_box(&codes)) {
                *dst = table[usize::from(code)];
            }
        });
    });
    group.bench_function("mulaw_encode/trunkline", |b| {
        b.iter(|| mulaw::encode(black_box(&pcm), &mut codes));
    });
    group.bench_function("mulaw_encode/table", |b| {
        b.iter(|| {
            for (dst, &sample) in codes.iter_mut().zip(black_box(&pcm)) {
                *dst = mulaw::encode_sample(sample);
            }
        });
    });
    group.bench_function("alaw_decode/trunkline", |b| {
        b.iter(|| alaw::decode(black_box(&codes), &mut decoded));
    });
    group.bench_function("alaw_encode/trunkline", |b| {
        b.iter(|| alaw::encode(black_box(&pcm), &mut codes));
    });
    group.finish();
}

criterion_group!(benches, g711);
criterion_main!(benches);
