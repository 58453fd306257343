//! The whole path, text to text, per 20 ms frame and direction: the Bridge, with all it keeps books
//! of, against the hand-written pipeline, which keeps none.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trunkline::{bridge::ModelAudio, g711::mulaw};
use trunkline_benches::{
    FRAME,
    call::{Call, STREAM},
    naive, openai_delta, speech_like, twilio_media,
};

/// Messages in a round: 2 s of audio.
const ROUND: u64 = 100;

fn uplink(c: &mut Criterion) {
    let pcm = speech_like(FRAME * ROUND as usize, 8_000.0);
    let mut codes = vec![0; pcm.len()];
    mulaw::encode(&pcm, &mut codes).expect("equal lengths");
    // Media time must go on, so messages are made ahead, and every round is new.
    let rounds = |round: &mut u64| {
        let first = *round * ROUND + 1;
        *round += 1;
        let frames = codes.chunks(FRAME);
        let messages = frames
            .zip(first..)
            .map(|(frame, number)| twilio_media(number, frame));
        messages.collect::<Vec<_>>()
    };
    let mut group = c.benchmark_group("uplink");
    group.throughput(Throughput::Elements(ROUND));
    for (name, model_audio) in [("pcm24k", ModelAudio::Pcm24k), ("mulaw", ModelAudio::Mulaw)] {
        let mut call = Call::new(model_audio);
        let mut round = 0;
        let bytes: usize = rounds(&mut round)
            .iter()
            .map(|text| call.twilio(text))
            .sum();
        let expected = if model_audio == ModelAudio::Mulaw {
            FRAME
        } else {
            6 * FRAME
        };
        assert!(
            bytes > ROUND as usize * expected * 4 / 3,
            "every frame is appended"
        );
        group.bench_function(format!("{name}/trunkline"), |b| {
            b.iter_batched(
                || rounds(&mut round),
                |texts| texts.iter().map(|text| call.twilio(text)).sum::<usize>(),
                criterion::BatchSize::PerIteration,
            );
        });
    }
    let mut naive = naive::Uplink::new();
    let texts = rounds(&mut 0);
    group.bench_function("pcm24k/naive", |b| {
        b.iter(|| {
            texts
                .iter()
                .map(|text| naive.process(text).len())
                .sum::<usize>()
        });
    });
    group.finish();
}

fn downlink(c: &mut Criterion) {
    let pcm = speech_like(3 * FRAME * ROUND as usize, 24_000.0);
    let deltas: Vec<String> = pcm
        .chunks(3 * FRAME)
        .map(|chunk| openai_delta(1, 1, chunk))
        .collect();
    let mut group = c.benchmark_group("downlink");
    group.throughput(Throughput::Elements(ROUND));
    let mut call = Call::new(ModelAudio::Pcm24k);
    let bytes: usize = deltas.iter().map(|text| call.openai(text)).sum();
    assert!(
        bytes > (ROUND as usize - 10) * FRAME * 4 / 3,
        "all but the lead is sent"
    );
    group.bench_function("pcm24k/trunkline", |b| {
        b.iter(|| deltas.iter().map(|text| call.openai(text)).sum::<usize>());
    });
    let mut naive = naive::Downlink::new();
    group.bench_function("pcm24k/naive", |b| {
        b.iter(|| {
            deltas
                .iter()
                .map(|text| naive.process(STREAM, text).len())
                .sum::<usize>()
        });
    });
    group.finish();
}

criterion_group!(benches, uplink, downlink);
criterion_main!(benches);
