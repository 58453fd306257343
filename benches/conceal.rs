//! Concealment and time scaling per 20 ms frame.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use trunkline::{
    Concealer,
    conceal::{MAX_PERIOD, lengthen, shorten},
};
use trunkline_benches::{FRAME, speech_like};

fn conceal(c: &mut Criterion) {
    let voice = speech_like(8 * FRAME, 8_000.0);
    let frame: [i16; FRAME] = voice[..FRAME].try_into().expect("a frame");
    let mut clean = Concealer::new();
    clean.receive(&mut voice.clone());
    let mut lost = clean.clone();
    let mut first = [0; FRAME];
    lost.conceal(&mut first);
    assert_ne!(first, [0; FRAME]);

    let mut group = c.benchmark_group("conceal");
    group.throughput(Throughput::Elements(FRAME as u64));
    let mut received = frame;
    let mut concealer = clean.clone();
    group.bench_function("receive", |b| {
        b.iter(|| concealer.receive(black_box(&mut received)));
    });
    assert_eq!(received, frame);
    // The worst case: analysis and a frame of substitute.
    group.bench_function("first_lost_frame", |b| {
        b.iter_batched_ref(
            || (clean.clone(), frame),
            |(concealer, frame)| concealer.conceal(black_box(frame)),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("next_lost_frame", |b| {
        b.iter_batched_ref(
            || (lost.clone(), frame),
            |(concealer, frame)| concealer.conceal(black_box(frame)),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("first_frame_after", |b| {
        b.iter_batched_ref(
            || (lost.clone(), frame),
            |(concealer, frame)| concealer.receive(black_box(frame)),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn stretch(c: &mut Criterion) {
    let mut group = c.benchmark_group("stretch");
    for length in [FRAME, 2 * FRAME] {
        let audio = speech_like(length, 8_000.0);
        assert!(shorten(&mut audio.clone(), MAX_PERIOD).is_some());
        group.bench_function(format!("shorten/{length}"), |b| {
            b.iter_batched_ref(
                || audio.clone(),
                |audio| shorten(black_box(audio), MAX_PERIOD),
                BatchSize::SmallInput,
            );
        });
        let mut buffer = audio.clone();
        buffer.resize(length + MAX_PERIOD, 0);
        assert!(lengthen(&mut buffer.clone(), length, MAX_PERIOD).is_some());
        group.bench_function(format!("lengthen/{length}"), |b| {
            b.iter_batched_ref(
                || buffer.clone(),
                |buffer| lengthen(black_box(buffer), length, MAX_PERIOD),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, conceal, stretch);
criterion_main!(benches);
