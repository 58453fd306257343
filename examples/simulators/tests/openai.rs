//! The simulated Realtime service against a client on real sockets: turns and responses.

mod common;

use std::time::Duration;

use common::{Client, audio_of, ms, mulaw_turn, options, start, telephony, tone};
use serde_json::{Value, json};
use trunkline_simulators::Speech;
use trunkline_simulators::openai::{Answer, Options, Turn};

#[tokio::test]
async fn a_spoken_turn_is_answered_in_the_documented_order() {
    let turn = Turn::new(
        "Tuesday please.",
        Answer::speech(tone(500), "Tuesday is free."),
    );
    let server = start(options(vec![turn])).await;
    let mut client = Client::open(&server).await;
    let updated = client.update(telephony()).await;
    assert_eq!(
        updated["session"]["audio"]["input"]["format"],
        json!({ "type": "audio/pcmu" })
    );
    client.kinds();
    for frame in mulaw_turn(1_000, 1_000).chunks(160) {
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
    drop(client);
    let records = server.shutdown().await;
    let (started, stopped) = (&records[0].speech[0], &records[0].speech[1]);
    // Speech begins with the first sample, so the prefix reaches back to nothing.
    assert_eq!((started.audio_ms, stopped.audio_ms), (0, 1_500));
    assert_eq!(started.item_id, stopped.item_id);
    let sent: u64 = records[0].deltas.iter().map(|delta| delta.bytes).sum();
    assert_eq!(sent, 4_000);
    assert_eq!(records[0].input.len(), 16_000);
    assert_eq!(
        records[0].appends.last().expect("appends").end_sample,
        16_000
    );
}

#[tokio::test]
async fn a_caller_who_interrupts_closes_the_response_and_truncation_is_checked() {
    let slow = Answer {
        speed: Some(1.0),
        ..Answer::speech(tone(4_000), "We are open from nine.")
    };
    let turns = vec![
        Turn::new("When?", slow),
        Turn::new("Stop.", Answer::speech(tone(100), "Yes?")),
    ];
    let server = start(options(turns)).await;
    let mut client = Client::open(&server).await;
    client.update(telephony()).await;
    client.append(&mulaw_turn(300, 600)).await;
    let delta = client.until("response.output_audio.delta").await;
    client.until("response.output_audio.delta").await;
    let item = delta["item_id"].clone();
    client.append(&mulaw_turn(300, 0)).await;
    let started = client.until("input_audio_buffer.speech_started").await;
    // 900 ms were appended before, of which the first 800 belong to the turn that was committed.
    assert_eq!(started["audio_start_ms"], 800);
    let held = audio_of(&client, &item).len() / 8;
    client.kinds();
    let done = client.until("response.done").await;
    assert_eq!(done["response"]["status"], "cancelled");
    assert_eq!(
        done["response"]["status_details"],
        json!({ "type": "cancelled", "reason": "turn_detected" })
    );
    assert_eq!(done["response"]["output"][0]["status"], "incomplete");
    assert_eq!(
        client.kinds(),
        [
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
    );

    let truncate = |item: &Value, index: u64, end: Value| {
        json!({
            "type": "conversation.item.truncate", "event_id": "evt_t",
            "item_id": item, "content_index": index, "audio_end_ms": end,
        })
    };
    let user = started["item_id"].clone();
    let beyond = format!(
        "Audio content of {held}ms is already shorter than {}ms",
        held + 1
    );
    for (event, code, message) in [
        (
            truncate(&item, 0, json!(held + 1)),
            "invalid_value",
            beyond.as_str(),
        ),
        (
            truncate(&item, 1, json!(0)),
            "invalid_value",
            "Content part 1",
        ),
        (
            truncate(&item, 0, json!(-1)),
            "integer_below_min_value",
            "audio_end_ms",
        ),
        (
            truncate(&item, 0, json!(1.5)),
            "invalid_type",
            "audio_end_ms",
        ),
        (
            truncate(&json!("item_nobody"), 0, json!(0)),
            "item_truncate_invalid_item_id",
            "nobody",
        ),
    ] {
        client.send(event).await;
        let error = client.error().await;
        assert_eq!(
            (&error["code"], &error["event_id"]),
            (&json!(code), &json!("evt_t"))
        );
        assert!(
            error["message"].as_str().expect("text").contains(message),
            "{error}"
        );
    }
    client.send(truncate(&item, 0, json!(held))).await;
    client.until("conversation.item.truncated").await;
    client.send(truncate(&item, 0, json!(10))).await;
    let truncated = client.until("conversation.item.truncated").await;
    assert_eq!(truncated["audio_end_ms"], 10);
    client
        .send(json!({ "type": "conversation.item.retrieve", "item_id": item }))
        .await;
    let retrieved = client.until("conversation.item.retrieved").await;
    assert_eq!(retrieved["item"]["content"][0]["transcript"], Value::Null);

    // The user's item exists from its commit on, and is no model output.
    client.append(&[0xFF; 4_800]).await;
    client.until("response.done").await;
    client.send(truncate(&user, 0, json!(0))).await;
    assert_eq!(client.error().await["code"], "invalid_value");
    client
        .send(json!({ "type": "conversation.item.delete", "item_id": item }))
        .await;
    client.until("conversation.item.deleted").await;
    client
        .send(json!({ "type": "conversation.item.delete", "item_id": item }))
        .await;
    assert_eq!(client.error().await["code"], "item_delete_invalid_item_id");

    let record = &server.sessions()[0];
    let truncates: Vec<_> = record
        .truncates
        .iter()
        .map(|it| (it.audio_end_ms, it.accepted))
        .collect();
    let held = held as i64;
    assert_eq!(
        truncates,
        [
            (held + 1, false),
            (0, false),
            (0, false),
            (held, true),
            (10, true),
            (0, false)
        ]
    );
    assert_eq!(record.truncates[0].held_ms, held as u64);
    assert_eq!(
        record
            .deletes
            .iter()
            .map(|it| it.accepted)
            .collect::<Vec<_>>(),
        [true, false]
    );
    let statuses: Vec<_> = record
        .responses
        .iter()
        .map(|it| it.status.as_str())
        .collect();
    assert_eq!(statuses, ["cancelled", "completed"]);
}

#[tokio::test]
async fn without_interrupt_response_the_model_talks_on_until_the_client_cancels() {
    let slow = Answer {
        speed: Some(2.0),
        ..Answer::speech(tone(4_000), "A long story.")
    };
    let server = start(options(vec![Turn::unasked(slow)])).await;
    let mut client = Client::open(&server).await;
    let mut session = telephony();
    session["audio"]["input"]["turn_detection"]["interrupt_response"] = json!(false);
    session["audio"]["input"]["turn_detection"]["create_response"] = json!(false);
    client.update(session).await;
    client.send(json!({ "type": "response.cancel" })).await;
    assert_eq!(client.error().await["code"], "response_cancel_not_active");
    client.send(json!({ "type": "response.create" })).await;
    client.until("response.output_audio.delta").await;
    client.send(json!({ "type": "response.create" })).await;
    assert_eq!(
        client.error().await["code"],
        "conversation_already_has_active_response"
    );
    client.append(&mulaw_turn(200, 600)).await;
    client.until("input_audio_buffer.committed").await;
    client.until("response.output_audio.delta").await;
    client
        .send(json!({ "type": "response.cancel", "response_id": "resp_other" }))
        .await;
    assert_eq!(client.error().await["code"], "response_cancel_not_active");
    client.send(json!({ "type": "response.cancel" })).await;
    let done = client.until("response.done").await;
    assert_eq!(
        done["response"]["status_details"]["reason"],
        "client_cancelled"
    );
    client.until("rate_limits.updated").await;
    assert_eq!(server.sessions()[0].responses.len(), 1);
}

#[tokio::test]
async fn deltas_of_odd_length_make_the_whole() {
    let answer = Speech::new(tone(900).samples().to_vec(), 24_000);
    let turn = Turn::unasked(Answer::speech(answer.clone(), "One two three four."));
    let options = Options {
        odd_splits: true,
        delta: (ms(1), ms(30)),
        ..options(vec![turn])
    };
    let server = start(options).await;
    let mut client = Client::open(&server).await;
    client.send(json!({ "type": "response.create" })).await;
    let done = client.until("response.done").await;
    let item = &done["response"]["output"][0]["id"];
    let bytes = audio_of(&client, item);
    let expected: Vec<u8> = answer
        .samples()
        .iter()
        .flat_map(|it| it.to_le_bytes())
        .collect();
    assert_eq!(bytes, expected);
    let record = &server.sessions()[0];
    assert!(
        record
            .deltas
            .iter()
            .filter(|delta| delta.bytes % 2 == 1)
            .count()
            > 5
    );
    assert!(record.deltas.windows(2).all(|pair| {
        pair[1].first_byte == pair[0].first_byte + pair[0].bytes
            && pair[1].first_sample == pair[0].end_sample
    }));
    assert_eq!(record.deltas.last().expect("deltas").end_sample, 21_600);
    let (kept, rate_hz) = &record.output[item.as_str().expect("text")];
    assert_eq!((&kept[..], *rate_hz), (answer.samples(), 24_000));
    let words: String = client
        .seen
        .iter()
        .filter(|event| event["type"] == "response.output_audio_transcript.delta")
        .map(|event| event["delta"].as_str().expect("text"))
        .collect();
    assert_eq!(words, "One two three four.");
}

#[tokio::test]
async fn speech_is_sent_at_the_speed_and_after_the_latency_asked_for() {
    let answer = Answer {
        latency: Some(ms(100)),
        ..Answer::speech(tone(2_000), "Quick.")
    };
    let server = start(Options {
        speed: 5.0,
        ..options(vec![Turn::unasked(answer)])
    })
    .await;
    let mut client = Client::open(&server).await;
    client.send(json!({ "type": "response.create" })).await;
    client.until("response.done").await;
    let record = &server.sessions()[0];
    let response = &record.responses[0];
    let latency = response.first_delta.expect("audio") - response.created;
    assert!(latency >= ms(100) && latency < ms(400), "{latency:?}");
    let begin = response.created + ms(100);
    for delta in &record.deltas {
        let due = begin + Duration::from_micros(delta.first_sample * 1_000 / 24 / 5);
        assert!(delta.time >= due && delta.time < due + ms(300), "{delta:?}");
    }
}

#[tokio::test]
async fn a_manual_turn_is_committed_but_not_answered_by_itself() {
    let turn = Turn::new("Hello.", Answer::tool("look_up", r#"{"day":"tue"}"#));
    let server = start(options(vec![turn])).await;
    let mut client = Client::open(&server).await;
    let input = json!({ "turn_detection": null, "transcription": { "model": "gpt-transcribe" } });
    client.update(json!({ "audio": { "input": input } })).await;
    client.append(&[0; 48 * 99]).await;
    client
        .send(json!({ "type": "input_audio_buffer.commit" }))
        .await;
    let error = client.error().await;
    assert!(
        error["message"].as_str().expect("text").contains("99.00ms"),
        "{error}"
    );
    client.append(&[0; 48 * 21]).await;
    client
        .send(json!({ "type": "input_audio_buffer.commit" }))
        .await;
    let committed = client.until("input_audio_buffer.committed").await;
    let kind = "conversation.item.input_audio_transcription.completed";
    let transcript = client.until(kind).await;
    assert_eq!(transcript["transcript"], "Hello.");
    assert_eq!(transcript["item_id"], committed["item_id"]);
    assert!(server.sessions()[0].responses.is_empty());
    client.append(&[0; 48 * 200]).await;
    client
        .send(json!({ "type": "input_audio_buffer.clear" }))
        .await;
    client.until("input_audio_buffer.cleared").await;
    client
        .send(json!({ "type": "input_audio_buffer.commit" }))
        .await;
    assert_eq!(
        client.error().await["code"],
        "input_audio_buffer_commit_empty"
    );
    client.send(json!({ "type": "response.create" })).await;
    let done = client.until("response.done").await;
    let call = &done["response"]["output"][0];
    assert_eq!(
        (&call["name"], &call["arguments"]),
        (&json!("look_up"), &json!(r#"{"day":"tue"}"#))
    );
    let told: Vec<_> = client
        .seen
        .iter()
        .filter(|event| event["type"] == "response.function_call_arguments.done")
        .collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["call_id"], call["call_id"]);
    let item = client
        .seen
        .iter()
        .find(|event| event["type"] == "response.output_item.done");
    assert_eq!(item.expect("an item")["item"], *call);
}

#[tokio::test]
async fn a_change_of_the_detector_in_the_middle_keeps_the_clock_of_the_input() {
    let server = start(options(vec![Turn::new("Yes.", Answer::default())])).await;
    let mut client = Client::open(&server).await;
    // 500 ms of 24 kHz before the format changes, 1 s of 8 kHz before the detector changes.
    client.append(&[0; 48 * 500]).await;
    client.update(telephony()).await;
    client.append(&[0xFF; 8_000]).await;
    let detection = json!({ "type": "server_vad", "prefix_padding_ms": 100 });
    client
        .update(json!({ "audio": { "input": { "turn_detection": detection } } }))
        .await;
    client.append(&[0xFF; 1_600]).await;
    client.append(&mulaw_turn(200, 600)).await;
    let started = client.until("input_audio_buffer.speech_started").await;
    assert_eq!(started["audio_start_ms"], 500 + 1_000 + 200 - 100);
    let stopped = client.until("input_audio_buffer.speech_stopped").await;
    assert_eq!(stopped["audio_end_ms"], 500 + 1_000 + 200 + 200 + 500);
    let committed = client.until("input_audio_buffer.committed").await;
    let item = &committed["item_id"];
    client
        .send(json!({ "type": "conversation.item.retrieve", "item_id": item }))
        .await;
    let retrieved = client.until("conversation.item.retrieved").await;
    let audio = retrieved["item"]["content"][0]["audio"]
        .as_str()
        .expect("base64");
    // 800 ms of μ-law from the prefix to the end of the silence.
    assert_eq!(audio.trim_end_matches('=').len() * 6 / 8, 8 * 800);
}

#[tokio::test]
async fn hours_of_silence_are_not_kept() {
    let server = start(Options {
        keep_audio: false,
        ..options(Vec::new())
    })
    .await;
    let mut client = Client::open(&server).await;
    client.update(telephony()).await;
    for _ in 0..20 {
        client.append(&vec![0xFF; 8_000 * 30]).await;
    }
    client.append(&mulaw_turn(300, 600)).await;
    let started = client.until("input_audio_buffer.speech_started").await;
    assert_eq!(started["audio_start_ms"], 600_000 - 300);
    let stopped = client.until("input_audio_buffer.speech_stopped").await;
    assert_eq!(stopped["audio_end_ms"], 600_000 + 800);
    client.until("input_audio_buffer.committed").await;
    assert!(server.sessions()[0].input.is_empty());
}

#[tokio::test]
async fn silence_after_a_response_can_time_out() {
    let turns = vec![
        Turn::unasked(Answer::speech(tone(400), "Hello?")),
        Turn::unasked(Answer::speech(tone(100), "Are you there?")),
    ];
    let server = start(options(turns)).await;
    let mut client = Client::open(&server).await;
    let mut session = telephony();
    session["audio"]["input"]["turn_detection"]["idle_timeout_ms"] = json!(5_000);
    client.update(session).await;
    client.append(&[0xFF; 1_600]).await;
    client.send(json!({ "type": "response.create" })).await;
    client.until("response.done").await;
    let timeout = client.until("input_audio_buffer.timeout_triggered").await;
    assert_eq!(
        (&timeout["audio_start_ms"], &timeout["audio_end_ms"]),
        (&json!(0), &json!(200))
    );
    let committed = client.until("input_audio_buffer.committed").await;
    assert_eq!(committed["item_id"], timeout["item_id"]);
    client.until("response.done").await;
    let record = &server.sessions()[0];
    assert!(record.responses[1].automatic);
    let waited = record.responses[1].created - record.responses[0].done.expect("done");
    // 400 ms to hear it, 5 s of silence.
    assert!(waited >= ms(5_400) && waited < ms(6_400), "{waited:?}");
}

#[tokio::test]
async fn a_response_may_hold_several_items_and_a_cancelled_one_those_it_began() {
    let answer = Answer::speech(tone(200), "Let me see.")
        .then_tool("look_up", "{}")
        .then_speech(Speech::tone(440.0, -10.0, ms(4_000)), "Here it is.");
    let whole = Turn::unasked(answer.clone());
    let slow = Turn::unasked(Answer {
        speed: Some(1.0),
        ..answer
    });
    let server = start(options(vec![whole, slow])).await;
    let mut client = Client::open(&server).await;
    client.send(json!({ "type": "response.create" })).await;
    let done = client.until("response.done").await;
    let output = done["response"]["output"].as_array().expect("items");
    let kinds: Vec<_> = output
        .iter()
        .map(|item| item["type"].as_str().expect("text"))
        .collect();
    assert_eq!(kinds, ["message", "function_call", "message"]);
    let opened: Vec<_> = client
        .seen
        .iter()
        .filter(|event| event["type"] == "response.output_item.added")
        .map(|event| (event["output_index"].clone(), event["item"]["id"].clone()))
        .collect();
    let listed: Vec<_> = output
        .iter()
        .enumerate()
        .map(|(n, item)| (json!(n), item["id"].clone()))
        .collect();
    assert_eq!(opened, listed);
    assert_eq!(audio_of(&client, &output[2]["id"]).len(), 4_000 * 48);
    client.kinds();

    client.send(json!({ "type": "response.create" })).await;
    client.until("response.function_call_arguments.done").await;
    client.send(json!({ "type": "response.cancel" })).await;
    let done = client.until("response.done").await;
    let output = done["response"]["output"].as_array().expect("items");
    let kinds: Vec<_> = output
        .iter()
        .map(|item| (item["type"].as_str(), item["status"].as_str()))
        .collect();
    assert_eq!(
        kinds[..2],
        [
            (Some("message"), Some("completed")),
            (Some("function_call"), Some("completed"))
        ]
    );
    assert!(
        kinds[2..]
            .iter()
            .all(|it| *it == (Some("message"), Some("incomplete"))),
        "{kinds:?}"
    );
    let ids = &server.sessions()[0].responses[1].item_ids;
    assert_eq!(ids.len(), output.len());
}
