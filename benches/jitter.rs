//! The jitter buffer, per 20 ms frame in and out: on a clean network against a bare copy of the
//! frame, with a frame concealed, and with a pitch period cut.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trunkline::{
    Concealer,
    jitter::{Inserted, JitterBuffer, Pulled},
    mulaw,
};
use trunkline_benches::{FRAME, speech_like};

fn jitter(c: &mut Criterion) {
    let pcm = speech_like(FRAME * 100, 8_000.0);
    let frames: Vec<&[i16; FRAME]> = pcm.as_chunks().0.iter().collect();
    let mut group = c.benchmark_group("jitter");
    group.throughput(Throughput::Elements(1));

    let mut next = 0_usize;
    let mut kept = [0; FRAME];
    group.bench_function("copy", |b| {
        b.iter(|| {
            kept.copy_from_slice(black_box(frames[next % 100]));
            next += 1;
            black_box(&kept)[0]
        });
    });

    let mut buffer: JitterBuffer = JitterBuffer::new();
    let mut frame = [0; FRAME];
    let mut next = 0_usize;
    group.bench_function("clean", |b| {
        b.iter(|| {
            let timestamp = (next * FRAME) as u32;
            let outcome = buffer.insert(timestamp, black_box(frames[next % 100]));
            assert_eq!(outcome, Ok(Inserted::Accepted));
            assert_eq!(buffer.pull(&mut frame), Pulled::Received);
            assert_eq!(&frame, frames[next % 100]);
            next += 1;
            black_box(&frame)[0]
        });
    });

    let mut buffer: JitterBuffer = JitterBuffer::new();
    let mut next = 0_usize;
    group.bench_function("every tenth frame lost", |b| {
        b.iter(|| {
            let timestamp = (next * FRAME) as u32;
            if next % 10 != 9 {
                let outcome = buffer.insert(timestamp, black_box(frames[next % 100]));
                assert_eq!(outcome, Ok(Inserted::Accepted));
            }
            next += 1;
            buffer.pull(&mut frame)
        });
    });

    // What a long outage's burst leaves: the delay is worked off in every frame.
    let mut burst: JitterBuffer = JitterBuffer::new();
    for (index, packet) in frames.iter().enumerate() {
        burst.insert((index * FRAME) as u32, *packet).expect("room");
        if index == 0 {
            for _ in 0..100 {
                burst.pull(&mut frame);
            }
        }
    }
    // The frame in which it comes back is left as it is.
    burst.pull(&mut frame);
    group.bench_function("cut", |b| {
        b.iter_batched_ref(
            || burst.clone(),
            |burst| {
                let before = burst.stats().cut_samples;
                burst.pull(&mut frame);
                assert!(burst.stats().cut_samples > before, "a period is cut");
            },
            criterion::BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// What a frame in order costs a bridge's uplink beyond the way it takes anyway: it is decoded, and
/// the concealer remembers it.
fn uplink(c: &mut Criterion) {
    let pcm = speech_like(FRAME * 100, 8_000.0);
    let mut codes = vec![0; pcm.len()];
    mulaw::encode(&pcm, &mut codes).expect("equal lengths");
    let frames: Vec<&[u8]> = codes.chunks(FRAME).collect();
    let mut group = c.benchmark_group("uplink");
    group.throughput(Throughput::Elements(1));
    let mut concealer = Concealer::new();
    let mut next = 0_usize;
    group.bench_function("concealer's part of a clean frame", |b| {
        b.iter(|| {
            let mut pcm = [0; FRAME];
            mulaw::decode(black_box(frames[next % 100]), &mut pcm).expect("equal lengths");
            assert!(!concealer.is_concealing());
            concealer.receive(&mut pcm);
            next += 1;
            black_box(&pcm)[0]
        });
    });
    group.finish();
}

criterion_group!(benches, jitter, uplink);
criterion_main!(benches);
