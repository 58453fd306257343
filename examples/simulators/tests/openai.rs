//! The simulated Realtime service against a client on real sockets.

mod common;

use std::time::Duration;

use common::Client;
use serde_json::json;
use trunkline_simulators::Speech;
use trunkline_simulators::openai::{Answer, Options, Server, Turn};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn options(turns: Vec<Turn>) -> Options {
    Options {
        turns,
        latency: ms(20),
        speed: 20.0,
        transcription: (ms(5), ms(10)),
        ..Options::default()
    }
}

/// Speech of one second in μ-law, then silence of one second.
fn mulaw_turn() -> Vec<u8> {
    let tone = Speech::tone(300.0, -15.0, ms(1_000)).at(8_000);
    let mut bytes: Vec<u8> = tone
        .iter()
        .map(|&sample| trunkline_simulators::audio::mulaw_encode(sample))
        .collect();
    bytes.extend([0xFF; 8_000]);
    bytes
}

#[tokio::test]
async fn a_spoken_turn_is_answered_in_the_documented_order() {
    let answer = Speech::tone(440.0, -10.0, ms(500));
    let server = Server::bind(
        "127.0.0.1:0",
        options(vec![Turn::new(
            "Tuesday please.",
            Answer::speech(answer, "Tuesday is free."),
        )]),
    )
    .await
    .expect("a free port");
    let mut client = Client::open(&server).await;
    let updated = client
        .update(json!({ "audio": {
            "input": { "format": { "type": "audio/pcmu" }, "transcription": { "model": "gpt-transcribe" } },
            "output": { "format": { "type": "audio/pcmu" } },
        }}))
        .await;
    assert_eq!(
        updated["session"]["audio"]["input"]["format"],
        json!({ "type": "audio/pcmu" })
    );
    client.kinds();
    for frame in mulaw_turn().chunks(160) {
        client.append(frame).await;
    }
    client.until("rate_limits.updated").await;
    let mut kinds = client.kinds();
    kinds.dedup();
    let transcripts = "conversation.item.input_audio_transcription";
    kinds.retain(|kind| !kind.starts_with(transcripts));
    let deltas = |kind: &String| kind.ends_with(".delta");
    assert!(kinds.iter().any(deltas));
    kinds.retain(|kind| !deltas(kind));
    assert_eq!(
        kinds,
        [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
            "rate_limits.updated",
        ]
    );
    let records = server.shutdown().await;
    let sent: u64 = records[0].deltas.iter().map(|delta| delta.bytes).sum();
    assert_eq!(sent, 4_000);
    assert_eq!(records[0].input.len(), 16_000);
}
