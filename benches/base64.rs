//! base64 of a Twilio payload (160 bytes) and of a model's 20 ms (960 bytes), against the `base64`
//! crate.

use std::hint::black_box;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn base64_codec(c: &mut Criterion) {
    let mut group = c.benchmark_group("base64");
    for len in [160, 960] {
        let bytes: Vec<u8> = (0..len).map(|n| (n * 151 + 7) as u8).collect();
        let text = STANDARD.encode(&bytes);
        let mut chars = vec![0; text.len()];
        let mut decoded = vec![0; len + 3];
        assert_eq!(
            trunkline::base64::encode(&bytes, &mut chars),
            Ok(text.len())
        );
        assert_eq!(chars, text.as_bytes());
        assert_eq!(
            trunkline::base64::decode(text.as_bytes(), &mut decoded),
            Ok(len)
        );
        assert_eq!(decoded[..len], bytes);

        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(format!("encode_{len}/trunkline"), |b| {
            b.iter(|| trunkline::base64::encode(black_box(&bytes), &mut chars));
        });
        group.bench_function(format!("encode_{len}/base64"), |b| {
            b.iter(|| STANDARD.encode_slice(black_box(&bytes), &mut chars));
        });
        group.bench_function(format!("decode_{len}/trunkline"), |b| {
            b.iter(|| trunkline::base64::decode(black_box(text.as_bytes()), &mut decoded));
        });
        group.bench_function(format!("decode_{len}/base64"), |b| {
            b.iter(|| STANDARD.decode_slice(black_box(&text), &mut decoded));
        });
    }
    group.finish();
}

criterion_group!(benches, base64_codec);
criterion_main!(benches);
