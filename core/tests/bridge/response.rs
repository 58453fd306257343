//! Responses and tool calls: one at a time, each owed one made once.

use serde_json::{Value, json};

use crate::common::{Call, Ev, Input, Out, Reply, Say, Setup, conclude, ms};

/// The client events of one kind that have reached the model.
fn arrived<'a>(call: &'a Call, kind: &str) -> Vec<&'a Value> {
    let all = call.model.commands.iter().map(|(_, event)| event);
    all.filter(|event| event["type"] == kind).collect()
}

fn no_errors(call: &Call) {
    let errors: Vec<_> = call
        .events()
        .filter(|event| matches!(event, Ev::ModelError { .. }))
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
}

fn output(call_id: &str) -> Input {
    Input::ToolOutput(call_id.into(), "{\"slots\":[\"09:00\"]}".into())
}

#[test]
fn a_response_asked_for_during_another_is_made_after_it_and_once() {
    let mut call = Call::started(Setup::mulaw());
    call.model
        .replies
        .extend([Reply::speech(1_000), Reply::speech(500)]);
    call.command(Input::CreateResponse(None)).unwrap();
    call.run_for(ms(150));
    for _ in 0..3 {
        call.command(Input::CreateResponse(None)).unwrap();
    }
    call.run_until_quiet();
    assert_eq!(call.model.responses.len(), 2);
    assert_eq!(arrived(&call, "response.create").len(), 2);
    assert!(call.model.refusals.is_empty());
    assert_eq!(call.heard(1), 500 * 8);
    conclude(&call, 0);
}

#[test]
fn a_response_that_loses_a_race_with_the_servers_own_is_made_after_it() {
    let mut call = Call::started(Setup::mulaw());
    call.model
        .replies
        .extend([Reply::speech(600), Reply::speech(500)]);
    // The Bridge hears of the turn only after it has asked, and the server of the request only
    // after it has begun to answer the turn.
    call.speech_started();
    call.run_for(ms(5));
    call.command(Input::CreateResponse(None)).unwrap();
    call.run_for(ms(15));
    call.speech_stopped();
    call.run_until_quiet();
    assert_eq!(call.model.refusals.len(), 1, "the race this test is about");
    assert_eq!(call.model.responses.len(), 2);
    no_errors(&call);
    assert_eq!(call.heard(1), 500 * 8);
    conclude(&call, 0);
}

#[test]
fn a_tool_call_is_told_once_though_the_server_tells_it_three_times() {
    let mut call = Call::started(Setup::mulaw());
    let arguments = "{\"day\":\"tue\\u0073\",\"n\":[1,2]}";
    call.model
        .replies
        .push_back(Reply::call("call_7", "lookup_slot", arguments));
    call.turn();
    call.run_for(ms(1_000));
    let told: Vec<_> = call
        .events()
        .filter(|e| matches!(e, Ev::ToolCall { .. }))
        .collect();
    let expected = Ev::ToolCall {
        call_id: "call_7".into(),
        name: "lookup_slot".into(),
        arguments: arguments.into(),
    };
    assert_eq!(told, [&expected]);
}

#[test]
fn a_tool_output_is_followed_by_one_response() {
    let mut call = Call::started(Setup::mulaw());
    call.model
        .replies
        .extend([Reply::call("call_7", "lookup", "{}"), Reply::speech(500)]);
    call.turn();
    call.run_for(ms(1_000));
    call.command(output("call_7")).unwrap();
    call.run_until_quiet();
    let kinds: Vec<_> = call.model.commands[1..]
        .iter()
        .map(|(_, e)| &e["type"])
        .collect();
    assert_eq!(kinds, ["conversation.item.create", "response.create"]);
    let item = &call.model.commands[1].1["item"];
    assert_eq!(item["type"], "function_call_output");
    assert_eq!(item["call_id"], "call_7");
    assert_eq!(item["output"], "{\"slots\":[\"09:00\"]}");
    assert_eq!(call.heard(0), 500 * 8);
    no_errors(&call);
}

#[test]
fn several_tool_calls_are_answered_before_one_response_is_asked_for() {
    let mut call = Call::started(Setup::mulaw());
    let calls = ["call_a", "call_b", "call_c"].map(|id| Say::call(id, "lookup", "{}"));
    let mut items = vec![Say::speech(400)];
    items.extend(calls);
    call.model
        .replies
        .extend([Reply::items(items), Reply::speech(500)]);
    call.turn();
    call.run_for(ms(1_500));
    for (n, id) in ["call_c", "call_a", "call_b"].into_iter().enumerate() {
        assert_eq!(
            arrived(&call, "response.create").len(),
            0,
            "after {n} outputs"
        );
        call.command(output(id)).unwrap();
        call.run_for(ms(300));
    }
    call.run_until_quiet();
    assert_eq!(arrived(&call, "conversation.item.create").len(), 3);
    assert_eq!(arrived(&call, "response.create").len(), 1);
    assert_eq!(
        call.model.commands.last().unwrap().1["type"],
        "response.create"
    );
    assert_eq!(call.model.responses.len(), 2);
    no_errors(&call);
    conclude(&call, 0);
}

#[test]
fn a_tool_that_answers_at_once_waits_for_the_end_of_the_response() {
    let mut call = Call::started(Setup::mulaw());
    // The call comes first, then seconds of speech in the same response.
    let items = vec![Say::call("call_1", "note", "{}"), Say::speech(4_000)];
    call.model
        .replies
        .extend([Reply::items(items).speed(2), Reply::speech(500)]);
    call.turn();
    while !call
        .events()
        .any(|event| matches!(event, Ev::ToolCall { .. }))
    {
        call.run_for(ms(10));
    }
    call.command(output("call_1")).unwrap();
    call.run_until_quiet();
    assert!(call.model.refusals.is_empty(), "{:?}", call.model.refusals);
    assert_eq!(arrived(&call, "response.create").len(), 1);
    assert_eq!(call.model.responses.len(), 2);
    conclude(&call, 0);
}

#[test]
fn a_tool_output_during_the_callers_next_turn_is_answered_after_it() {
    let mut call = Call::started(Setup::mulaw());
    call.model.replies.extend([
        Reply::call("call_1", "lookup", "{}"),
        Reply::speech(1_500).speed(1),
        Reply::speech(500),
    ]);
    call.turn();
    call.run_for(ms(800));
    call.turn();
    call.run_for(ms(400));
    assert!(call.model.is_responding());
    call.command(output("call_1")).unwrap();
    call.run_until_quiet();
    assert!(call.model.refusals.is_empty());
    assert_eq!(call.model.responses.len(), 3);
    assert_eq!(call.heard(1), 500 * 8);
    no_errors(&call);
    conclude(&call, 0);
}

#[test]
fn a_tool_call_cut_off_by_the_caller_is_not_told() {
    let mut call = Call::started(Setup::mulaw());
    call.turn();
    call.run_for(ms(500));
    let created = json!({"type": "response.created", "response": {"id": "resp_x",
        "object": "realtime.response", "status": "in_progress", "output": []}});
    let added = json!({"type": "response.output_item.added", "response_id": "resp_x",
        "output_index": 0, "item": {"id": "item_x", "object": "realtime.item",
            "type": "function_call", "status": "in_progress", "name": "cut",
            "call_id": "call_x", "arguments": ""}});
    let cut = json!({"type": "response.output_item.done", "response_id": "resp_x",
        "output_index": 0, "item": {"id": "item_x", "object": "realtime.item",
            "type": "function_call", "status": "incomplete", "name": "cut",
            "call_id": "call_x", "arguments": "{\"day\":"}});
    let done = json!({"type": "response.done", "response": {"id": "resp_x",
        "object": "realtime.response", "status": "cancelled",
        "status_details": {"type": "cancelled", "reason": "turn_detected"},
        "output": [cut["item"]]}});
    for event in [created, added, cut, done] {
        call.model.emit(event);
    }
    call.run_for(ms(200));
    assert!(
        !call
            .events()
            .any(|event| matches!(event, Ev::ToolCall { .. }))
    );
}

#[test]
fn a_failed_response_does_not_hold_up_the_next() {
    let mut call = Call::started(Setup::mulaw());
    let mut failing = Reply::items(vec![]);
    let error = json!({"type": "server_error", "code": "server_error", "message": "No luck."});
    failing.ending = ("failed", json!({"type": "failed", "error": error}));
    call.model.replies.extend([failing, Reply::speech(300)]);
    call.command(Input::CreateResponse(None)).unwrap();
    call.run_for(ms(50));
    call.command(Input::CreateResponse(None)).unwrap();
    call.run_until_quiet();
    assert_eq!(call.model.responses.len(), 2);
    assert_eq!(call.heard(0), 300 * 8);
}

#[test]
fn an_event_of_the_applications_own_goes_through_as_it_is() {
    let mut call = Call::started(Setup::mulaw());
    let event = concat!(
        r#"{"type":"conversation.item.create","item":{"type":"message","role":"system","#,
        r#""content":[{"type":"input_text","text":"Caller id verified."}]}}"#
    );
    call.command(Input::Send(event.into())).unwrap();
    let sent = &call.log.last().unwrap().outputs;
    assert_eq!(sent, &[Out::ToOpenAi(event.into())]);
    call.run_for(ms(200));
    assert_eq!(arrived(&call, "conversation.item.create").len(), 1);
}

#[test]
fn no_response_is_asked_for_while_the_server_answers_by_itself() {
    let mut call = Call::started(Setup::mulaw());
    for _ in 0..3 {
        call.model.replies.push_back(Reply::speech(500));
        call.turn();
        call.run_until_quiet();
    }
    assert_eq!(call.model.responses.len(), 3);
    assert!(arrived(&call, "response.create").is_empty());
    conclude(&call, 0);
}
