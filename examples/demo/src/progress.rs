//! What is shown while the call goes on.

use serde_json::Value;

use crate::stage::seconds;

/// Prints a line if `line`, of a simulator's log, is something a listener would notice.
pub(crate) fn simulator(line: &Value) {
    let text = |name: &str| line[name].as_str().unwrap_or_default();
    if line["source"] != "twilio" {
        return;
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
        "transcript" if line["is_final"] == true => show(line, text("speaker"), text("text")),
        "barge_in" => {
            let heard = text("heard_text");
            show(
                line,
                "bridge",
                &format!("BARGE-IN: of this only \"{heard}\" was heard"),
            );
        }
        "model_error" => show(line, "model", text("message")),
        _ => {}
    }
}

fn show(line: &Value, who: &str, what: &str) {
    println!("{:7.2} s  {who:<7} {what}", seconds(line));
}
