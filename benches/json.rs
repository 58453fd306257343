//! Reading and writing the two messages that make up a call, against serde_json.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use trunkline::{
    dialect::{Carrier, CarrierCommand, CarrierEvent, Model, ModelCommand, ModelEvent, Shape},
    openai::OpenAiRealtime,
    twilio::Twilio,
};
use trunkline_benches::{FRAME, call::STREAM, openai_delta, speech_like, twilio_media};

fn read(c: &mut Criterion) {
    let media = twilio_media(17, &[0x55; FRAME]);
    let delta = openai_delta(31, 1, &speech_like(480, 24_000.0));
    assert!(
        matches!(Twilio.read(&media), Ok(message) if matches!(message.event, CarrierEvent::Media { timestamp_ms: 320, .. }))
    );
    assert!(matches!(
        OpenAiRealtime.read(&delta),
        Ok(ModelEvent::AudioDelta { .. })
    ));

    let mut group = c.benchmark_group("read");
    group.throughput(Throughput::Bytes(media.len() as u64));
    group.bench_function("twilio_media/trunkline", |b| {
        b.iter(|| Twilio.read(black_box(&media)))
    });
    // Of a stream, after a message of the same form.
    let mut shape = Shape::new();
    group.bench_function("twilio_media/trunkline_next", |b| {
        b.iter(|| {
            Twilio
                .read_next(black_box(&mut shape), black_box(&media))
                .is_ok()
        });
    });
    group.bench_function("twilio_media/serde_json_value", |b| {
        b.iter(|| serde_json::from_str::<Value>(black_box(&media)));
    });
    group.throughput(Throughput::Bytes(delta.len() as u64));
    group.bench_function("openai_delta/trunkline", |b| {
        b.iter(|| OpenAiRealtime.read(black_box(&delta)));
    });
    let mut shape = Shape::new();
    group.bench_function("openai_delta/trunkline_next", |b| {
        b.iter(|| {
            OpenAiRealtime
                .read_next(black_box(&mut shape), black_box(&delta))
                .is_ok()
        });
    });
    group.bench_function("openai_delta/serde_json_value", |b| {
        b.iter(|| serde_json::from_str::<Value>(black_box(&delta)));
    });
    group.finish();
}

fn write(c: &mut Criterion) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    let frame = [0x55; FRAME];
    let pcm = speech_like(480, 24_000.0);
    let bytes: Vec<u8> = pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let mut buf = [0; 2_048];
    let media = |payload: &[u8]| json!({ "event": "media", "streamSid": STREAM, "media": { "payload": STANDARD.encode(payload) } });
    let append = |audio: &[u8]| json!({ "type": "input_audio_buffer.append", "audio": STANDARD.encode(audio) });

    let len = Twilio
        .write(STREAM, CarrierCommand::Media(&frame), &mut buf)
        .expect("room");
    assert_eq!(
        serde_json::from_slice::<Value>(&buf[..len]).expect("JSON"),
        media(&frame)
    );
    let len = OpenAiRealtime
        .write(ModelCommand::AppendPcm16(&pcm), &mut buf)
        .expect("room");
    assert_eq!(
        serde_json::from_slice::<Value>(&buf[..len]).expect("JSON"),
        append(&bytes)
    );

    let mut group = c.benchmark_group("write");
    group.throughput(Throughput::Elements(1));
    group.bench_function("twilio_media/trunkline", |b| {
        b.iter(|| Twilio.write(STREAM, CarrierCommand::Media(black_box(&frame)), &mut buf));
    });
    group.bench_function("twilio_media/serde_json", |b| {
        b.iter(|| media(black_box(&frame)).to_string());
    });
    group.bench_function("openai_append/trunkline", |b| {
        b.iter(|| OpenAiRealtime.write(ModelCommand::AppendPcm16(black_box(&pcm)), &mut buf));
    });
    group.bench_function("openai_append/serde_json", |b| {
        b.iter(|| append(black_box(&bytes)).to_string());
    });
    group.finish();
}

criterion_group!(benches, read, write);
criterion_main!(benches);
