//! Damaged events against a session.

use base64::prelude::{BASE64_STANDARD, Engine};
use proptest::prelude::*;

use super::*;
use crate::Speech;
use crate::openai::{Answer, Turn};

/// One of each kind of client event that is taken.
fn valid_events() -> Vec<Value> {
    let message = json!({
        "id": "msg_1", "type": "message", "role": "user",
        "content": [{ "type": "input_text", "text": "Hi" }],
    });
    let call =
        json!({ "type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}" });
    let output = json!({ "type": "function_call_output", "call_id": "call_1", "output": "1" });
    let detection = json!({ "type": "server_vad", "threshold": 0.4, "idle_timeout_ms": 6000 });
    let session = json!({
        "type": "realtime", "output_modalities": ["audio"], "max_output_tokens": "inf",
        "audio": {
            "input": { "format": { "type": "audio/pcmu" }, "turn_detection": detection },
            "output": { "format": { "type": "audio/pcm", "rate": 24000 }, "voice": "marin" },
        },
    });
    let loud = BASE64_STANDARD.encode([0x80; 800]);
    let create = "conversation.item.create";
    vec![
        json!({ "type": "session.update", "event_id": "evt_1", "session": session }),
        json!({ "type": "input_audio_buffer.append", "audio": loud }),
        json!({ "type": "input_audio_buffer.commit" }),
        json!({ "type": "input_audio_buffer.clear" }),
        json!({ "type": create, "previous_item_id": "root", "item": message }),
        json!({ "type": create, "item": call }),
        json!({ "type": create, "item": output }),
        json!({ "type": "conversation.item.retrieve", "item_id": "msg_1" }),
        json!({
            "type": "conversation.item.truncate", "item_id": "msg_1", "content_index": 0,
            "audio_end_ms": 1,
        }),
        json!({ "type": "conversation.item.delete", "item_id": "msg_1" }),
        json!({ "type": "response.create", "response": { "metadata": { "a": "b" } } }),
        json!({ "type": "response.cancel" }),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        Just(json!("audio/pcma")),
        Just(json!("root")),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,8}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Replaces, or removes, the `at`-th value inside `event`.
fn damage(event: &mut Value, at: &mut usize, by: &Option<Value>) {
    let children: Vec<&mut Value> = match event {
        Value::Object(fields) => {
            if let (None, true) = (by, *at < fields.len()) {
                let key = fields.keys().nth(*at).cloned().unwrap_or_default();
                fields.remove(&key);
                *at = usize::MAX;
                return;
            }
            fields.values_mut().collect()
        }
        Value::Array(values) => values.iter_mut().collect(),
        _ => return,
    };
    for child in children {
        match (&by, *at) {
            (_, usize::MAX) => return,
            (Some(by), 0) => {
                *child = by.clone();
                *at = usize::MAX;
            }
            _ => {
                *at -= usize::from(*at > 0);
                damage(child, at, by);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("TRUNKLINE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64)
    ))]

    #[test]
    fn no_sequence_of_damaged_events_breaks_a_session(
        events in prop::collection::vec(
            (0_usize..12, prop::option::of((0_usize..20, prop::option::of(any_json())))),
            1..40,
        )
    ) {
        let turn = Turn::unasked(Answer::speech(Speech::new(vec![1; 2_400], 24_000), "Yes."));
        let options = Arc::new(Options {
            turns: vec![turn],
            latency: Duration::ZERO,
            ..Options::default()
        });
        let record = Arc::default();
        let (outgoing, mut sent) = mpsc::unbounded_channel();
        let mut session = Session::new(1, "gpt-realtime-2.1", options, record, outgoing);
        let valid = valid_events();
        for (event, damaged) in events {
            let mut event = valid[event].clone();
            if let Some((mut at, by)) = damaged {
                damage(&mut event, &mut at, &by);
            }
            let errors = session.record().errors.len();
            let before = session.config.session.clone();
            session.receive_text(&event.to_string());
            session.tick();
            if session.record().errors.len() > errors {
                prop_assert_eq!(&session.config.session, &before, "{}", event);
            }
            prop_assert!(session.ending.is_none());
        }
        let update = json!({ "type": "session.update", "session": { "type": "realtime" } });
        session.receive_text(&update.to_string());
        let kind = session.record().server_events.last().map(|it| it.kind.clone());
        prop_assert_eq!(kind.as_deref(), Some("session.updated"));
        while let Ok(message) = sent.try_recv() {
            prop_assert!(matches!(message, Outgoing::Message(Message::Text(_))));
        }
    }
}
