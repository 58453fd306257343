//! A model connection that is lost and made again.

use crate::common::{Call, Ev, Input, Out, Reply, Setup, conclude, ms};

#[test]
fn what_a_lost_model_said_is_played_out() {
    let mut call = Call::started(Setup::mulaw());
    call.model.replies.push_back(Reply::speech(3_000).speed(0));
    call.turn();
    call.run_for(ms(500));
    call.lose_model();
    call.run_until_quiet();
    assert_eq!(call.heard(0), 3_000 * 8);
    assert_eq!(call.stretches(0).len(), 1);
}

#[test]
fn nothing_is_sent_to_a_model_that_is_gone() {
    let mut call = Call::started(Setup::mulaw());
    call.model.replies.push_back(Reply::speech(5_000).speed(1));
    call.turn();
    call.run_for(ms(500));
    call.lose_model();
    call.run_for(ms(1_000));
    call.command(Input::Interrupt).unwrap();
    call.command(Input::CreateResponse(None)).unwrap();
    call.run_for(ms(3_000));
    let lost = call
        .log
        .iter()
        .position(|exchange| exchange.input == Input::OpenAiClosed)
        .unwrap();
    let after = call.log[lost..]
        .iter()
        .flat_map(|exchange| &exchange.outputs);
    let sent: Vec<_> = after
        .filter(|output| matches!(output, Out::ToOpenAi(_)))
        .collect();
    assert!(sent.is_empty(), "{sent:?}");
}

#[test]
fn items_of_a_lost_session_are_not_cut_in_the_next() {
    for wait in [0, 200, 1_000] {
        let mut call = Call::started(Setup::mulaw());
        call.model.replies.push_back(Reply::speech(4_000).speed(0));
        call.turn();
        call.run_for(ms(600));
        call.lose_model();
        call.run_for(ms(wait));
        call.open_model();
        call.run_for(ms(300));
        // The old answer still plays; the caller speaks over it.
        call.speech_started();
        call.run_for(ms(500));
        assert_eq!(call.player.clears.len(), 1);
        assert!(call.player.queued() == 0);
        call.model.replies.push_back(Reply::speech(800));
        call.speech_stopped();
        call.run_until_quiet();
        assert!(call.judge.truncations.is_empty() && call.judge.deletions.is_empty());
        assert!(call.model.refusals.is_empty(), "{:?}", call.model.refusals);
        assert_eq!(call.heard(1), 800 * 8);
    }
}

#[test]
fn items_of_both_sessions_queued_together_are_told_apart() {
    let mut call = Call::started(Setup::mulaw());
    call.model.replies.push_back(Reply::speech(3_000).speed(0));
    call.turn();
    call.run_for(ms(600));
    call.lose_model();
    call.open_model();
    call.run_for(ms(200));
    call.model.replies.push_back(Reply::speech(2_000).speed(0));
    call.command(Input::CreateResponse(None)).unwrap();
    call.run_for(ms(3_500));
    // The new session's item is being heard.
    call.speech_started();
    call.run_until_quiet();
    let cut: Vec<_> = call
        .judge
        .truncations
        .iter()
        .map(|cut| cut.item_id.as_str())
        .collect();
    assert_eq!(cut, [call.model.clips[1].item_id.as_str()]);
    conclude(&call, 0);
}

#[test]
fn a_response_owed_when_the_model_is_lost_is_asked_for_in_the_next_session() {
    let mut call = Call::started(Setup::mulaw());
    call.model.replies.push_back(Reply::speech(2_000).speed(1));
    call.turn();
    call.run_for(ms(400));
    call.command(Input::CreateResponse(None)).unwrap();
    call.run_for(ms(100));
    call.lose_model();
    call.run_for(ms(500));
    call.model.replies.push_back(Reply::speech(700));
    call.open_model();
    call.run_until_quiet();
    let kinds: Vec<_> = call
        .model
        .commands
        .iter()
        .map(|(_, event)| &event["type"])
        .collect();
    assert_eq!(kinds, ["session.update", "response.create"]);
    assert_eq!(call.heard(1), 700 * 8);
}

#[test]
fn a_request_under_way_when_the_model_is_lost_is_made_again() {
    let mut call = Call::started(Setup::mulaw());
    call.command(Input::CreateResponse(None)).unwrap();
    call.run_for(ms(10));
    call.lose_model();
    call.run_for(ms(300));
    call.model.replies.push_back(Reply::speech(700));
    call.open_model();
    call.run_until_quiet();
    assert_eq!(call.heard(0), 700 * 8);
}

#[test]
fn a_tool_call_of_a_lost_session_cannot_be_answered_in_the_next() {
    let mut call = Call::started(Setup::mulaw());
    call.model
        .replies
        .push_back(Reply::call("call_1", "lookup", "{}"));
    call.turn();
    call.run_for(ms(800));
    assert!(
        call.events()
            .any(|event| matches!(event, Ev::ToolCall { .. }))
    );
    call.lose_model();
    call.open_model();
    call.run_for(ms(300));
    let output = Input::ToolOutput("call_1".into(), "{}".into());
    assert!(call.command(output).is_err());
    call.run_until_quiet();
    assert!(call.model.refusals.is_empty());
    // And it does not stand in the way of what comes.
    call.model.replies.push_back(Reply::speech(500));
    call.turn();
    call.run_until_quiet();
    assert_eq!(call.heard(0), 500 * 8);
}

#[test]
fn a_caller_in_the_middle_of_a_turn_is_heard_by_the_next_session() {
    let mut call = Call::started(Setup::mulaw());
    call.run_for(ms(500));
    call.speech_started();
    call.run_for(ms(500));
    call.lose_model();
    call.run_for(ms(400));
    call.open_model();
    call.run_for(ms(500));
    // The new server hears the caller from the start of what was kept.
    assert!(call.model.input_ms() >= 700, "{}", call.model.input_ms());
    call.speech_started();
    call.run_for(ms(300));
    call.model.replies.push_back(Reply::speech(500));
    call.speech_stopped();
    call.run_until_quiet();
    assert_eq!(call.heard(0), 500 * 8);
    conclude(&call, 0);
}
