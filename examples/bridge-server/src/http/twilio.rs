//! Twilio's webhooks.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use quick_xml::escape::escape;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::signed::{Webhook, signed_webhook};
use crate::{
    admission::{Admission, Farewell},
    admissions::Answer,
    agent::Agent,
    app::{App, Phase},
    directory::Lookup,
    phrases::{Phrase, phrase},
    record::Record,
    time::UnixMs,
};

/// Answers a call: its audio comes to the stream, with a token that only this answer has.
pub(super) async fn incoming_call(State(app): State<Arc<App>>, request: Request) -> Response {
    let webhook = match signed_webhook(&app, request).await {
        Ok(webhook) => webhook,
        Err(status) => return status.into_response(),
    };
    let Some(call_sid) = webhook.sid("CallSid") else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let answered = app
        .admissions
        .answer(call_sid, std::time::Instant::now(), |announced| {
            decide(&app, call_sid, &webhook, announced)
        });
    match answered {
        Ok(Some(document)) => xml(document),
        Ok(None) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Err(error) => {
            app.log
                .write("no_randomness", json!({ "error": error.to_string() }));
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Who answers, or why nobody does; written down either way.
fn decide(app: &Arc<App>, call_sid: &str, webhook: &Webhook, announced: usize) -> Answer {
    // Of a call that the account has placed, the number that called is ours.
    let is_outbound = webhook
        .field("Direction")
        .is_some_and(|direction| direction.starts_with("outbound"));
    let (ours, theirs) = if is_outbound {
        ("From", "To")
    } else {
        ("To", "From")
    };
    let caller = webhook.field(theirs).unwrap_or_default().to_owned();
    let called = webhook.field(ours).unwrap_or_default().to_owned();
    let call_id = Uuid::now_v7().to_string();

    let refuse = |reason: &str, twiml: String| {
        app.log.write(
            "call_refused",
            json!({ "call_sid": call_sid, "call_id": call_id, "reason": reason }),
        );
        app.journal.write(Record::CallRefused {
            call_id: call_id.clone(),
            call_sid: call_sid.to_owned(),
            caller: caller.clone(),
            called: called.clone(),
            reason: reason.to_owned(),
            at: UnixMs::now(),
        });
        Answer::Refuse { twiml }
    };
    if *app.phase.borrow() != Phase::Running {
        return refuse("draining", busy());
    }
    if app.capacity.available_permits() <= announced {
        return refuse("busy", busy());
    }
    let agent = match app.directory.lookup(&called) {
        Lookup::Agent(agent) => agent,
        Lookup::Disabled(agent) => {
            let sentence = say(Phrase::OutOfService, agent.settings.language.as_deref());
            return refuse("disabled_number", sentence);
        }
        Lookup::Unknown => return refuse("unknown_number", say(Phrase::UnknownNumber, None)),
    };

    app.log.write(
        "call_answered",
        json!({ "call_sid": call_sid, "call_id": call_id, "agent_id": agent.id }),
    );
    app.journal.write(Record::CallAnswered {
        call_id: call_id.clone(),
        call_sid: call_sid.to_owned(),
        caller: caller.clone(),
        called: called.clone(),
        agent_id: Some(agent.id.clone()),
        at: UnixMs::now(),
        metadata: metadata(webhook, &caller, &agent),
    });
    let admission = Admission {
        call_id,
        call_sid: call_sid.to_owned(),
        caller,
        called,
        agent,
    };
    let (node_url, stream_url) = (app.config.node_url.clone(), app.config.stream_url.clone());
    Answer::Admit {
        admission,
        twiml: Box::new(move |token| {
            document(&format!(
                r#"<Connect action="{}/twilio/stream-ended"><Stream url="{}"><Parameter name="token" value="{token}"/></Stream></Connect>"#,
                escape(&node_url),
                escape(&stream_url),
            ))
        }),
    }
}

/// What is known of the caller before a word is said.
fn metadata(webhook: &Webhook, caller: &str, agent: &Agent) -> Map<String, Value> {
    let mut metadata = Map::new();
    let device = match caller.split_once(':') {
        Some((scheme @ ("sip" | "client"), _)) => scheme,
        _ => "phone",
    };
    metadata.insert("device".to_owned(), device.into());
    let language = agent.settings.language.as_deref().unwrap_or("en");
    metadata.insert("language".to_owned(), language.into());
    for (name, field) in [
        ("country", "CallerCountry"),
        ("region", "CallerState"),
        ("city", "CallerCity"),
        ("direction", "Direction"),
        ("verification", "StirVerstat"),
        ("forwardedFrom", "ForwardedFrom"),
    ] {
        if let Some(value) = webhook.field(field).filter(|value| !value.is_empty()) {
            metadata.insert(name.to_owned(), value.into());
        }
    }
    // What the webhook's URL was given at Twilio, such as `?campaign=spring`.
    let custom: Map<String, Value> = webhook
        .query()
        .map(|(name, value)| (name, value.into()))
        .collect();
    if !custom.is_empty() {
        metadata.insert("custom".to_owned(), custom.into());
    }
    metadata
}

/// What comes after the stream.
pub(super) async fn stream_ended(State(app): State<Arc<App>>, request: Request) -> Response {
    let webhook = match signed_webhook(&app, request).await {
        Ok(webhook) => webhook,
        Err(status) => return status.into_response(),
    };
    let call_sid = webhook.sid("CallSid").unwrap_or_default();
    let verbs = match app.admissions.farewell(call_sid) {
        Some((Farewell::Say(sentence), admission)) => {
            let language = admission.agent.settings.language.as_deref();
            format!("{}<Hangup/>", spoken(&sentence, language))
        }
        _ => "<Hangup/>".to_owned(),
    };
    xml(document(&verbs))
}

/// Notes how a call is going and ends what is left of one that is over.
pub(super) async fn call_status(State(app): State<Arc<App>>, request: Request) -> Response {
    let webhook = match signed_webhook(&app, request).await {
        Ok(webhook) => webhook,
        Err(status) => return status.into_response(),
    };
    let (Some(call_sid), Some(status)) = (webhook.sid("CallSid"), webhook.field("CallStatus"))
    else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if !CALL_STATUSES.contains(&status) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let duration_s = number(&webhook, "CallDuration");
    app.log.write(
        "call_status",
        json!({
            "call_sid": call_sid,
            "status": status,
            "sequence_number": number(&webhook, "SequenceNumber"),
            "duration_s": duration_s,
        }),
    );
    if app.callbacks.is_new(&[call_sid, status]) {
        app.journal.write(Record::CallStatus {
            call_sid: call_sid.to_owned(),
            status: status.to_owned(),
            duration_s,
            at: UnixMs::now(),
        });
    }
    if matches!(
        status,
        "completed" | "busy" | "no-answer" | "failed" | "canceled"
    ) {
        app.calls.end(call_sid);
    }
    StatusCode::NO_CONTENT.into_response()
}

/// Notes what becomes of a recording that Twilio makes.
pub(super) async fn recording_status(State(app): State<Arc<App>>, request: Request) -> Response {
    let webhook = match signed_webhook(&app, request).await {
        Ok(webhook) => webhook,
        Err(status) => return status.into_response(),
    };
    let (Some(call_sid), Some(recording_sid), Some(status)) = (
        webhook.sid("CallSid"),
        webhook.sid("RecordingSid"),
        webhook.field("RecordingStatus"),
    ) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if !RECORDING_STATUSES.contains(&status) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    app.log.write(
        "recording_status",
        json!({ "call_sid": call_sid, "recording_sid": recording_sid, "status": status }),
    );
    if app.callbacks.is_new(&[call_sid, recording_sid, status]) {
        app.journal.write(Record::TwilioRecording {
            call_sid: call_sid.to_owned(),
            recording_sid: recording_sid.to_owned(),
            status: status.to_owned(),
            url: webhook.field("RecordingUrl").map(str::to_owned),
            duration_ms: number(&webhook, "RecordingDuration")
                .and_then(|seconds| u64::try_from(seconds).ok()?.checked_mul(1_000)),
            at: UnixMs::now(),
        });
    }
    StatusCode::NO_CONTENT.into_response()
}

fn number(webhook: &Webhook, name: &str) -> Option<i64> {
    webhook.field(name)?.parse().ok()
}

fn busy() -> String {
    document(r#"<Reject reason="busy"/>"#)
}

fn say(what: Phrase, language: Option<&str>) -> String {
    document(&format!(
        "{}<Hangup/>",
        spoken(phrase(what, language), language)
    ))
}

fn spoken(sentence: &str, language: Option<&str>) -> String {
    match language {
        Some(language) => format!(
            r#"<Say language="{}">{}</Say>"#,
            escape(language),
            escape(sentence)
        ),
        None => format!("<Say>{}</Say>", escape(sentence)),
    }
}

fn document(verbs: &str) -> String {
    format!(r#"<?xml version="1.0" encoding="UTF-8"?><Response>{verbs}</Response>"#)
}

fn xml(document: String) -> Response {
    ([(CONTENT_TYPE, "text/xml")], document).into_response()
}

/// Source: Twilio, "Call resource", property `status`.
const CALL_STATUSES: &[&str] = &[
    "queued",
    "initiated",
    "ringing",
    "in-progress",
    "completed",
    "busy",
    "no-answer",
    "failed",
    "canceled",
];
/// Source: Twilio, "Recording status callback", parameter `RecordingStatus`.
const RECORDING_STATUSES: &[&str] = &["in-progress", "completed", "absent", "failed"];
