//! Voice activity per 20 ms frame: of speech, of noise and of silence.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trunkline::VoiceDetector;
use trunkline_benches::{FRAME, speech_like};

fn voice(c: &mut Criterion) {
    let speech = speech_like(FRAME, 8_000.0);
    let noise: [i16; FRAME] = core::array::from_fn(|n| (n * 7_919 % 601) as i16 - 300);
    let mut detector = VoiceDetector::new();
    let told = (0..50).filter_map(|n| detector.process(if n < 25 { &[0; FRAME] } else { &speech }));
    assert!(told.count() > 15, "speech is noticed before it is timed");

    let mut group = c.benchmark_group("voice");
    group.throughput(Throughput::Elements(FRAME as u64));
    for (name, frame) in [
        ("speech", &speech[..]),
        ("noise", &noise),
        ("silence", &[0; FRAME]),
    ] {
        let mut detector = VoiceDetector::new();
        group.bench_function(name, |b| b.iter(|| detector.process(black_box(frame))));
    }
    group.finish();
}

criterion_group!(benches, voice);
criterion_main!(benches);
