//! Resampling per 20 ms frame, against rubato's FFT resampler.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trunkline::resample::{Downsampler, Profile, Resampler, Upsampler};
use trunkline_benches::{
    peers::{Direction, Resampler as _, RubatoFft},
    speech_like,
};

fn resample(c: &mut Criterion) {
    let narrow = speech_like(160, 8_000.0);
    let wide = speech_like(480, 24_000.0);
    let mut dst = [0; 480];

    let mut up = Upsampler::new();
    let mut down = Downsampler::new();
    let mut rubato_up = RubatoFft::new(Direction::Up);
    let mut rubato_down = RubatoFft::new(Direction::Down);
    assert_eq!(up.process(&narrow, &mut dst), Ok(480));
    assert_eq!(rubato_up.process_into(&narrow, &mut dst), 480);
    assert_eq!(down.process(&wide, &mut dst), Ok(160));
    assert_eq!(rubato_down.process_into(&wide, &mut dst), 160);

    let mut group = c.benchmark_group("resample");
    group.throughput(Throughput::Elements(160));
    group.bench_function("8_to_24/trunkline", |b| {
        b.iter(|| up.process(black_box(&narrow), &mut dst));
    });
    let mut sharp = Resampler::with_profile(8_000, 24_000, Profile::Sharp).expect("a fixed ratio");
    group.bench_function("8_to_24/trunkline_sharp", |b| {
        b.iter(|| sharp.process(black_box(&narrow), &mut dst));
    });
    group.bench_function("8_to_24/rubato_fft", |b| {
        b.iter(|| rubato_up.process_into(black_box(&narrow), &mut dst));
    });
    group.bench_function("24_to_8/trunkline", |b| {
        b.iter(|| down.process(black_box(&wide), &mut dst));
    });
    let mut sharp = Resampler::with_profile(24_000, 8_000, Profile::Sharp).expect("a fixed ratio");
    group.bench_function("24_to_8/trunkline_sharp", |b| {
        b.iter(|| sharp.process(black_box(&wide), &mut dst));
    });
    group.bench_function("24_to_8/rubato_fft", |b| {
        b.iter(|| rubato_down.process_into(black_box(&wide), &mut dst));
    });
    for (from_hz, to_hz) in [
        (8_000, 16_000),
        (16_000, 8_000),
        (16_000, 24_000),
        (24_000, 16_000),
    ] {
        let src = speech_like(from_hz as usize / 50, f64::from(from_hz));
        let mut resampler = Resampler::new(from_hz, to_hz).expect("a fixed ratio");
        let name = format!("{}_to_{}/trunkline", from_hz / 1_000, to_hz / 1_000);
        group.bench_function(name, |b| {
            b.iter(|| resampler.process(black_box(&src), &mut dst))
        });
    }
    group.finish();
}

criterion_group!(benches, resample);
criterion_main!(benches);
