//! What is shown while the call goes on.

use serde_json::Value;

use crate::{
    call::{AGENTS_WORDS, CALLERS_WORDS},
    stage::seconds,
};

/// Prints a line if `line`, of a simulator's log, is something a listener would notice.
pub(crate) fn simulator(line: &Value) {
    let text = |name: &str| line[name].as_str().unwrap_or_default();
    if line["source"] == "openai" {
        let event = &line["event"];
        let who = match event["type"].as_str() {
            Some(AGENTS_WORDS) => "agent",
            Some(CALLERS_WORDS) => "caller",
            _ => return,
        };
        return show(line, who, event["transcript"].as_str().unwrap_or_default());
    }
    match text("kind") {
        "dial" => show(line, "twilio", "a call comes in"),
        "step" if text("step").starts_with("say") => show(line, "caller", "(speaks)"),
        "violation" => show(line, "twilio", &format!("VIOLATION: {}", text("reason"))),
        "ended" => show(line, "twilio", "the call is over"),
        _ => {}
    }
}

/// The same for a line of the server's log.
pub(crate) fn server(line: &Value) {
    let text = |name: &str| line[name].as_str().unwrap_or_default();
    match text("event") {
        "session_ready" => show(line, "bridge", "the model's session is ready"),
        "barge_in" => {
            let heard = line["audio_end_ms"].as_u64().unwrap_or_default();
            show(
                line,
                "bridge",
                &format!("BARGE-IN: only {heard} ms of this were heard"),
            );
        }
        "model_error" => show(line, "model", text("message")),
        _ => {}
    }
}

fn show(line: &Value, who: &str, what: &str) {
    println!("{:7.2} s  {who:<7} {what}", seconds(line));
}
