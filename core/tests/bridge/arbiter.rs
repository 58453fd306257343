//! Orders of events that are rare on a good day, message by message.

use std::time::Duration;

use serde_json::{Value, json};
use trunkline::{
    Bridge, Error, RawJson, SessionUpdate,
    bridge::{Config, ModelAudio, Output},
};

/// A bridge whose stream has started and whose session is ready, and all it has said since.
struct Direct {
    bridge: Bridge,
    now: Duration,
    to_twilio: Vec<Value>,
    to_model: Vec<Value>,
    events: Vec<String>,
}

impl Direct {
    fn ready(config: Config) -> Self {
        let mut direct = Self {
            bridge: Bridge::new(config),
            now: Duration::ZERO,
            to_twilio: Vec::new(),
            to_model: Vec::new(),
            events: Vec::new(),
        };
        direct.twilio(json!({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1",
            "start": {"streamSid": "MZ1", "callSid": "CA1", "accountSid": "AC1", "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": {}}}));
        direct.session_updated();
        direct.forget();
        direct
    }

    fn session_updated(&mut self) {
        let format = json!({"format": {"type": "audio/pcmu"}});
        self.model(
            json!({"type": "session.updated", "event_id": "event_1", "session": {
            "type": "realtime", "audio": {"input": format, "output": format}}}),
        );
    }

    fn twilio(&mut self, message: Value) {
        self.bridge
            .handle_twilio(self.now, &message.to_string())
            .unwrap();
        self.drain();
    }

    fn model(&mut self, event: Value) {
        self.try_model(event).unwrap();
    }

    fn try_model(&mut self, event: Value) -> Result<(), Error> {
        let result = self.bridge.handle_openai(self.now, &event.to_string());
        self.drain();
        result
    }

    fn wait(&mut self, milliseconds: u64) {
        let end = self.now + Duration::from_millis(milliseconds);
        while let Some(next) = self.bridge.poll_timeout().filter(|&next| next <= end) {
            self.now = self.now.max(next);
            self.bridge.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
        self.bridge.handle_timeout(end);
        self.drain();
    }

    fn ask(&mut self, response: Option<&str>) {
        let response = response.map(|text| RawJson::new(text).unwrap());
        self.bridge.create_response(response).unwrap();
        self.drain();
    }

    fn drain(&mut self) {
        let mut buf = vec![0; self.bridge.max_output_len()];
        while let Some(output) = self.bridge.poll_output(&mut buf).unwrap() {
            match output {
                Output::ToTwilio(text) => self.to_twilio.push(serde_json::from_str(text).unwrap()),
                Output::ToOpenAi(text) => self.to_model.push(serde_json::from_str(text).unwrap()),
                Output::Event(event) => self.events.push(format!("{event:?}")),
            }
        }
    }

    fn forget(&mut self) {
        self.to_twilio.clear();
        self.to_model.clear();
        self.events.clear();
    }

    /// Messages to the model of this kind.
    fn sent(&self, kind: &str) -> Vec<&Value> {
        self.to_model
            .iter()
            .filter(|message| message["type"] == kind)
            .collect()
    }

    fn told(&self, event: &str) -> usize {
        self.events
            .iter()
            .filter(|told| told.starts_with(event))
            .count()
    }

    fn response_created(&mut self, id: &str) {
        self.model(
            json!({"type": "response.created", "event_id": "event_2", "response": {
            "id": id, "status": "in_progress", "conversation_id": "conv_1"}}),
        );
    }

    fn side_response_created(&mut self, id: &str) {
        self.model(
            json!({"type": "response.created", "event_id": "event_2", "response": {
            "id": id, "status": "in_progress", "conversation_id": null}}),
        );
    }

    fn item_added(&mut self, response: &str, item: &str) {
        self.model(
            json!({"type": "response.output_item.added", "event_id": "event_3",
            "response_id": response, "output_index": 0,
            "item": {"id": item, "type": "message", "role": "assistant", "content": []}}),
        );
    }

    fn delta(&mut self, response: &str, item: &str, part: u32, milliseconds: usize) {
        self.model(delta(response, item, part, milliseconds));
    }

    fn response_done(&mut self, id: &str, status: &str) {
        self.model(
            json!({"type": "response.done", "event_id": "event_5", "response": {
            "id": id, "status": status, "output": []}}),
        );
    }

    fn speech_started(&mut self) {
        self.model(
            json!({"type": "input_audio_buffer.speech_started", "event_id": "event_6",
            "audio_start_ms": 0, "item_id": "item_u"}),
        );
    }

    fn speech_stopped(&mut self) {
        self.model(
            json!({"type": "input_audio_buffer.speech_stopped", "event_id": "event_7",
            "audio_end_ms": 0, "item_id": "item_u"}),
        );
    }

    /// The carrier plays all it was sent and echoes every mark.
    fn play_out(&mut self) {
        self.wait(20_000);
        let marks: Vec<Value> = self
            .to_twilio
            .iter()
            .filter(|message| message["event"] == "mark")
            .cloned()
            .collect();
        for mark in marks {
            self.twilio(json!({"event": "mark", "streamSid": "MZ1", "mark": mark["mark"]}));
        }
    }
}

fn mulaw() -> Config {
    let mut config = Config::default();
    config.model_audio = ModelAudio::Mulaw;
    config
}

fn delta(response: &str, item: &str, part: u32, milliseconds: usize) -> Value {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    json!({"type": "response.output_audio.delta", "event_id": "event_4", "response_id": response,
        "item_id": item, "output_index": 0, "content_index": part,
        "delta": STANDARD.encode(vec![0x55; 8 * milliseconds])})
}

#[test]
fn a_response_out_of_band_does_not_hold_up_the_next() {
    let mut call = Direct::ready(mulaw());
    call.ask(Some(
        r#"{"conversation":"none","output_modalities":["text"]}"#,
    ));
    call.side_response_created("resp_side");
    call.response_done("resp_side", "completed");
    call.ask(None);
    assert_eq!(call.sent("response.create").len(), 2);
}

#[test]
fn what_is_said_out_of_band_is_never_cut_in_the_conversation() {
    let mut call = Direct::ready(mulaw());
    call.side_response_created("resp_side");
    call.item_added("resp_side", "item_side");
    call.delta("resp_side", "item_side", 0, 500);
    call.speech_started();
    call.delta("resp_side", "item_side", 0, 500);
    assert!(
        call.sent("conversation.item.delete").is_empty(),
        "{:?}",
        call.to_model
    );
    assert!(call.sent("conversation.item.truncate").is_empty());
    assert!(
        call.to_twilio
            .iter()
            .any(|message| message["event"] == "clear")
    );
    let media = call.to_twilio.len();
    call.wait(1_000);
    assert_eq!(
        call.to_twilio.len(),
        media,
        "nothing of it is played after the interruption"
    );
}

#[test]
fn items_out_of_band_do_not_keep_an_answer_from_being_heard_to_its_end() {
    let mut call = Direct::ready(mulaw());
    call.response_created("resp_1");
    call.item_added("resp_1", "item_1");
    call.delta("resp_1", "item_1", 0, 480);
    call.response_done("resp_1", "completed");
    for n in 0..40 {
        call.side_response_created(&format!("resp_s{n}"));
        call.item_added(&format!("resp_s{n}"), &format!("item_s{n}"));
        call.response_done(&format!("resp_s{n}"), "completed");
    }
    call.play_out();
    assert_eq!(call.told("ItemHeard"), 1);
    call.speech_started();
    assert_eq!(call.told("BargeIn"), 0);
    assert!(call.sent("conversation.item.truncate").is_empty());
}

#[test]
fn a_response_the_application_asked_for_outlives_voice_detections_own() {
    let mut call = Direct::ready(mulaw());
    call.speech_started();
    call.ask(Some(r#"{"instructions":"Say goodbye."}"#));
    call.speech_stopped();
    call.response_created("resp_1");
    call.response_done("resp_1", "completed");
    let asked = call.sent("response.create");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0]["response"]["instructions"], "Say goodbye.");
}

#[test]
fn a_tool_output_that_crosses_an_answer_is_answered_after_it() {
    let mut call = Direct::ready(mulaw());
    call.response_created("resp_1");
    call.model(json!({"type": "response.output_item.done", "event_id": "event_8",
        "response_id": "resp_1", "output_index": 0, "item": {"id": "item_f", "type": "function_call",
            "status": "completed", "call_id": "call_1", "name": "f", "arguments": "{}"}}));
    call.response_done("resp_1", "completed");
    call.speech_started();
    call.wait(600);
    call.bridge.send_tool_output("call_1", "{}").unwrap();
    call.drain();
    call.speech_stopped();
    call.response_created("resp_2");
    call.response_done("resp_2", "completed");
    assert_eq!(call.sent("response.create").len(), 1);
}

#[test]
fn a_response_asked_for_before_the_caller_spoke_is_not_spoken_over_them() {
    let mut call = Direct::ready(mulaw());
    call.ask(None);
    call.speech_started();
    call.response_created("resp_1");
    call.item_added("resp_1", "item_1");
    call.delta("resp_1", "item_1", 0, 500);
    assert!(call.to_twilio.is_empty(), "{:?}", call.to_twilio);
    assert_eq!(call.sent("response.cancel").len(), 1);
    assert_eq!(call.sent("conversation.item.delete").len(), 1);
    call.response_done("resp_1", "cancelled");
    call.speech_stopped();
    call.wait(3_000);
    assert_eq!(call.sent("response.create").len(), 2, "it is still owed");
}

#[test]
fn an_interruption_by_the_application_stops_a_response_that_was_only_asked_for() {
    let mut call = Direct::ready(mulaw());
    call.ask(None);
    call.bridge.interrupt(call.now).unwrap();
    call.drain();
    call.response_created("resp_1");
    call.delta("resp_1", "item_1", 0, 500);
    call.response_done("resp_1", "cancelled");
    call.wait(30_000);
    assert!(call.to_twilio.is_empty());
    assert_eq!(call.sent("response.cancel").len(), 1);
    assert_eq!(call.sent("response.create").len(), 1);
}

#[test]
fn a_refusal_that_does_not_say_what_it_refuses_holds_up_the_next_request_for_seconds_only() {
    let mut call = Direct::ready(mulaw());
    call.ask(None);
    call.model(
        json!({"type": "error", "event_id": "event_9", "error": {"type": "server_error",
        "code": "server_error", "message": "no", "param": null, "event_id": null}}),
    );
    call.ask(None);
    assert_eq!(call.sent("response.create").len(), 1);
    call.wait(11_000);
    assert_eq!(call.sent("response.create").len(), 2);
}

#[test]
fn a_text_that_will_never_fit_is_too_long_and_not_a_full_queue() {
    let mut call = Direct::ready(mulaw());
    let event = json!({"type": "response.output_item.done", "event_id": "event_8",
        "response_id": "resp_1", "output_index": 0, "item": {"id": "item_f", "type": "function_call",
            "status": "completed", "call_id": "call_1", "name": "f", "arguments": "x".repeat(100_000)}});
    assert!(matches!(
        call.try_model(event),
        Err(Error::MessageTooLong { .. })
    ));
    call.ask(None);
    assert_eq!(call.sent("response.create").len(), 1, "the call goes on");
}

#[test]
fn only_the_truncation_that_was_refused_is_made_again_and_only_a_few_times() {
    let mut call = Direct::ready(mulaw());
    call.response_created("resp_1");
    call.item_added("resp_1", "item_1");
    call.delta("resp_1", "item_1", 0, 3_000);
    call.response_done("resp_1", "completed");
    call.wait(2_500);
    let marks: Vec<Value> = call
        .to_twilio
        .iter()
        .filter(|message| message["event"] == "mark")
        .cloned()
        .collect();
    for mark in &marks[..20] {
        call.twilio(json!({"event": "mark", "streamSid": "MZ1", "mark": mark["mark"]}));
    }
    call.speech_started();
    let refuse = |id: &str, code: &str| {
        json!({"type": "error", "event_id": "event_9", "error": {"type": "invalid_request_error",
            "code": code, "message": "no", "param": null, "event_id": id}})
    };
    call.model(refuse("tl_t999", "invalid_value"));
    assert_eq!(
        call.sent("conversation.item.truncate").len(),
        1,
        "not ours to repeat"
    );
    for _ in 0..100 {
        let last = call.sent("conversation.item.truncate").last().unwrap()["event_id"].clone();
        call.model(refuse(last.as_str().unwrap(), "invalid_value"));
    }
    let ends: Vec<_> = call
        .sent("conversation.item.truncate")
        .iter()
        .map(|cut| cut["audio_end_ms"].clone())
        .collect();
    assert_eq!(ends, [2_000, 1_900, 1_800, 1_700, 1_600]);
    let last = call.sent("conversation.item.truncate").last().unwrap()["event_id"].clone();
    call.model(refuse(
        last.as_str().unwrap(),
        "item_truncate_invalid_item_id",
    ));
    assert_eq!(call.sent("conversation.item.truncate").len(), 5);
}

#[test]
fn a_refused_update_of_a_session_that_runs_is_not_fatal() {
    let mut call = Direct::ready(mulaw());
    call.bridge
        .update_session(&SessionUpdate::default())
        .unwrap();
    call.drain();
    let id = call.sent("session.update")[0]["event_id"].clone();
    call.model(
        json!({"type": "error", "event_id": "event_9", "error": {"type": "invalid_request_error",
        "code": "invalid_value", "message": "no", "param": null, "event_id": id}}),
    );
    assert!(
        call.events[0].contains("is_fatal: false"),
        "{:?}",
        call.events
    );
}

#[test]
fn an_item_spoken_in_its_second_part_is_deleted_once_if_nobody_heard_it() {
    let mut call = Direct::ready(mulaw());
    call.response_created("resp_1");
    call.item_added("resp_1", "item_1");
    call.delta("resp_1", "item_1", 1, 500);
    call.speech_started();
    assert_eq!(call.sent("conversation.item.delete").len(), 1);
    assert!(call.sent("conversation.item.truncate").is_empty());
}

#[test]
fn a_delta_that_is_refused_leaves_no_trace() {
    let mut call = Direct::ready(mulaw());
    call.response_created("resp_1");
    call.item_added("resp_1", "item_1");
    call.delta("resp_1", "item_1", 0, 500);
    let mut bad = delta("resp_1", "item_2", 0, 500);
    bad["delta"] = json!("AAA*");
    assert_eq!(call.try_model(bad), Err(Error::InvalidBase64 { offset: 3 }));
    call.speech_started();
    let deleted = call.sent("conversation.item.delete");
    assert_eq!(deleted.len(), 1);
    assert_eq!(deleted[0]["item_id"], "item_1");
}

#[test]
fn each_item_that_nobody_heard_is_told() {
    let mut call = Direct::ready(mulaw());
    call.response_created("resp_1");
    for n in 1..4 {
        call.item_added("resp_1", &format!("item_{n}"));
        call.delta("resp_1", &format!("item_{n}"), 0, 300);
    }
    call.speech_started();
    assert_eq!(call.told("BargeIn { item_id: \"item_1\""), 1);
    assert_eq!(call.told("ItemDropped { item_id: \"item_2\""), 1);
    assert_eq!(call.told("ItemDropped { item_id: \"item_3\""), 1);
}

#[test]
fn gaps_claimed_by_hostile_time_stamps_are_bounded() {
    let mut config = mulaw();
    config.max_gap = Duration::MAX;
    let mut call = Direct::ready(config);
    for n in 0..50_u64 {
        call.twilio(json!({"event": "media", "streamSid": "MZ1", "sequenceNumber": "2", "media":
            {"track": "inbound", "chunk": "1", "timestamp": (n * 59_000).to_string(), "payload": "/w=="}}));
        assert!(
            call.to_model.len() <= 60_000 / 40 + 2,
            "{}",
            call.to_model.len()
        );
        call.forget();
    }
}

#[test]
fn settings_at_their_extremes_do_no_harm() {
    let mut config = mulaw();
    config.stall_timeout = Duration::MAX;
    config.lead = Duration::MAX;
    config.mark_interval = Duration::MAX;
    let mut call = Direct::ready(config.clone());
    call.speech_started();
    call.twilio(
        json!({"event": "media", "streamSid": "MZ1", "sequenceNumber": "2", "media":
        {"track": "inbound", "chunk": "1", "timestamp": "0", "payload": "/w=="}}),
    );
    call.delta("resp_1", "item_1", 0, 500);
    call.wait(1_000);
    config.uplink_capacity = Duration::MAX;
    config.downlink_capacity = Duration::MAX;
    config.text_capacity = usize::MAX;
    assert!(config.storage_len() < 100 << 20);
    assert!(matches!(
        Bridge::with_storage(config, [0; 16]),
        Err(Error::BufferTooShort { actual: 16, .. })
    ));
}

#[test]
fn a_long_speech_is_heard_to_its_end_on_a_carrier_whose_clock_is_fast() {
    let mut call = Direct::ready(mulaw());
    call.response_created("resp_1");
    call.item_added("resp_1", "item_1");
    let mut echoed = 0;
    for _ in 0..600 {
        call.delta("resp_1", "item_1", 0, 100);
        call.wait(100);
    }
    call.response_done("resp_1", "completed");
    call.wait(100);
    // 500 ppm fast: 60 s take 59.97 s.
    let marks: Vec<Value> = call
        .to_twilio
        .iter()
        .filter(|message| message["event"] == "mark")
        .cloned()
        .collect();
    for mark in marks {
        call.twilio(json!({"event": "mark", "streamSid": "MZ1", "mark": mark["mark"]}));
        echoed += 1;
    }
    assert!(echoed > 400);
    assert_eq!(call.told("ItemHeard"), 1);
}
