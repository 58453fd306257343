//! Voice activity per 20 ms frame: of speech, of noise and of silence.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trunkline::VoiceDetector;
use trunkline_benches::FRAME;

fn voice(c: &mut Criterion) {
    // A vowel at 100 Hz, which may follow on itself.
    let speech: [i16; FRAME] = core::array::from_fn(|n| {
        let harmonic = |h: u32| {
            let phase = core::f64::consts::TAU * f64::from(h) * n as f64 / 80.0;
            phase.cos() / (1.0 + (f64::from(h) - 7.0).powi(2) / 9.0)
        };
        (1_000.0 * (3..30).map(harmonic).sum::<f64>()) as i16
    });
    let noise: [i16; FRAME] = core::array::from_fn(|n| (n * 7_919 % 601) as i16 - 300);
    let mut detector = VoiceDetector::new();
    let frames = (0..50).map(|n| if n < 25 { [0; FRAME] } else { speech });
    let told = frames.filter_map(|frame| detector.process(&frame)).count();
    assert!(told > 15, "speech is noticed before it is timed");

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
