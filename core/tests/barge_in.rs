//! A caller who speaks over the model.

mod common;

use std::{collections::BTreeSet, time::Duration};

use common::{
    Call, Cut, Ev, Input, Out, Reply, Say, Setup, conclude, config, judge::Truncation, ms,
    player::MarkFault, rng::Rng,
};
use proptest::prelude::*;
use serde_json::Value;
use trunkline::bridge::BargeIn;

/// The barge-ins the application was told of: item and milliseconds.
fn barge_ins(call: &Call) -> Vec<(String, u128)> {
    call.events()
        .filter_map(|event| match event {
            Ev::BargeIn {
                item_id, audio_end, ..
            } => Some((item_id.clone(), audio_end.as_millis())),
            _ => None,
        })
        .collect()
}

/// What the Bridge sent in the exchange that interrupted, audio and events other than the barge-in
/// aside.
fn transaction(call: &Call) -> Vec<String> {
    let at = call.judge.interruptions.last().expect("an interruption").at;
    let speech = |input: &Input| match input {
        Input::OpenAi(text) => text.contains("speech_started"),
        other => *other == Input::Interrupt,
    };
    let exchange = call
        .log
        .iter()
        .rev()
        .find(|other| other.at == at && speech(&other.input));
    let name = |output: &Out| match output {
        Out::ToTwilio(text) if text.contains("\"clear\"") => Some("clear".to_owned()),
        Out::ToTwilio(_) => None,
        Out::ToOpenAi(_) => {
            let kind = output.client_event()?["type"].as_str()?.to_owned();
            (kind != "input_audio_buffer.append").then_some(kind)
        }
        Out::Event(Ev::BargeIn { .. }) => Some("BargeIn".to_owned()),
        Out::Event(_) => None,
    };
    exchange
        .expect("its exchange")
        .outputs
        .iter()
        .filter_map(name)
        .collect()
}

/// The model says `reply` and the caller speaks `after` milliseconds after the first of it is heard;
/// the server answers with nothing more.
fn interrupted(setup: Setup, reply: Reply, after: u64) -> Call {
    let mut call = Call::started(setup);
    call.model.replies.push_back(reply);
    call.turn();
    while call.player.received.is_empty() {
        call.run_for(ms(1));
    }
    call.run_for(ms(after));
    call.speech_started();
    call.run_for(ms(600));
    call.speech_stopped();
    call.run_until_quiet();
    call
}

const TRUNCATE: &str = "conversation.item.truncate";
const DELETE: &str = "conversation.item.delete";
const CANCEL: &str = "response.cancel";

#[test]
fn speech_while_the_model_still_generates_cuts_the_item_where_it_was_heard() {
    for setup in [Setup::mulaw(), Setup::pcm()] {
        let call = interrupted(setup, Reply::speech(6_000).speed(1), 1_500);
        assert_eq!(transaction(&call), ["clear", TRUNCATE, "BargeIn"]);
        conclude(&call, 0);
    }
}

#[test]
fn speech_after_generation_while_audio_still_plays_cuts_the_item_where_it_was_heard() {
    for setup in [Setup::mulaw(), Setup::pcm()] {
        let call = interrupted(setup, Reply::speech(4_000).speed(0), 1_500);
        assert_eq!(transaction(&call), ["clear", TRUNCATE, "BargeIn"]);
        conclude(&call, 0);
        let cut = &call.judge.truncations[0];
        assert_eq!(
            barge_ins(&call),
            [(cut.item_id.clone(), u128::from(cut.end_ms))]
        );
        // 1.5 s and the way of the clear were heard; a mark and the way of its echo may lack.
        assert!((1_360..=1_550).contains(&cut.end_ms), "{cut:?}");
    }
}

#[test]
fn speech_before_any_audio_leaves_nothing_of_the_response() {
    let mut call = Call::started(Setup::mulaw());
    call.model
        .replies
        .push_back(Reply::speech(2_000).think(ms(400)));
    call.turn();
    call.run_for(ms(200));
    call.speech_started();
    call.run_for(ms(500));
    call.speech_stopped();
    call.run_until_quiet();
    assert!(call.player.received.is_empty());
    assert!(call.judge.truncations.is_empty());
    assert_eq!(call.judge.cancels, 0);
    conclude(&call, 0);
}

#[test]
fn an_item_nobody_heard_is_deleted() {
    // The audio is on its way to Twilio when the caller speaks.
    let mut setup = Setup::mulaw();
    setup.delays = [ms(20), ms(300), ms(30), ms(30)];
    let mut call = Call::started(setup);
    call.model
        .replies
        .push_back(Reply::speech(2_000).speed(0).think(0));
    call.turn();
    call.run_for(ms(100));
    call.speech_started();
    call.run_for(ms(500));
    call.speech_stopped();
    call.run_until_quiet();
    assert!(call.judge.truncations.is_empty());
    assert_eq!(call.judge.deletions, [call.model.clips[0].item_id.as_str()]);
    assert_eq!(&transaction(&call)[..2], ["clear", DELETE]);
    conclude(&call, 0);
}

#[test]
fn speech_after_everything_was_heard_is_no_barge_in() {
    for setup in [Setup::mulaw(), Setup::pcm()] {
        let mut call = Call::started(setup);
        for _ in 0..3 {
            call.model.replies.push_back(Reply::speech(1_230));
            call.turn();
            call.run_until_quiet();
        }
        call.speech_started();
        call.run_for(ms(500));
        assert!(barge_ins(&call).is_empty());
        assert!(call.judge.truncations.is_empty() && call.judge.deletions.is_empty());
        assert!(call.player.clears.is_empty());
        conclude(&call, 0);
    }
}

#[test]
fn of_several_queued_items_the_heard_one_is_cut_and_the_rest_deleted() {
    for setup in [Setup::mulaw(), Setup::pcm()] {
        let items = vec![
            Say::speech(1_000),
            Say::speech(1_500),
            Say::speech(2_000),
            Say::call("call_1", "note", "{}"),
            Say::speech(500),
        ];
        let call = interrupted(setup, Reply::items(items).speed(0), 1_700);
        let clips = &call.model.clips;
        assert_eq!(call.judge.truncations.len(), 1);
        assert_eq!(call.judge.truncations[0].item_id, clips[1].item_id);
        let deleted = [clips[2].item_id.clone(), clips[3].item_id.clone()];
        assert_eq!(call.judge.deletions, deleted);
        assert_eq!(barge_ins(&call).len(), 1);
        assert_eq!(barge_ins(&call)[0].0, clips[1].item_id);
        conclude(&call, 0);
    }
}

#[test]
fn items_of_two_responses_queued_behind_each_other_are_cut_alike() {
    let mut call = Call::started(Setup::mulaw());
    call.model
        .replies
        .extend([Reply::speech(2_000).speed(0), Reply::speech(2_000).speed(0)]);
    call.command(Input::CreateResponse(None)).unwrap();
    call.run_for(ms(200));
    call.command(Input::CreateResponse(None)).unwrap();
    call.run_for(ms(800));
    assert_eq!(call.model.responses.len(), 2);
    call.speech_started();
    call.run_until_quiet();
    assert_eq!(call.judge.truncations.len(), 1);
    assert_eq!(call.judge.deletions, [call.model.clips[1].item_id.as_str()]);
    conclude(&call, 0);
}

#[test]
fn a_part_is_cut_in_its_own_time() {
    let say = Say::Speech {
        parts: vec![8_000, 16_000],
        words: "parts".into(),
    };
    let call = interrupted(Setup::mulaw(), Reply::items(vec![say]).speed(0), 1_600);
    let [
        Truncation {
            part: 1, end_ms, ..
        },
    ] = call.judge.truncations[..]
    else {
        panic!("{:?}", call.judge.truncations);
    };
    assert!((440..=650).contains(&end_ms), "{end_ms}");
    conclude(&call, 0);
}

#[test]
fn an_item_of_which_one_part_was_heard_is_not_deleted() {
    // The caller speaks at every moment around the seam of the two parts.
    for after in (800..1_300).step_by(10) {
        let say = Say::Speech {
            parts: vec![8_000, 16_000],
            words: "parts".into(),
        };
        let call = interrupted(Setup::mulaw(), Reply::items(vec![say]).speed(0), after);
        assert!(
            call.judge.deletions.is_empty(),
            "after {after} ms: {}",
            call.story()
        );
        conclude(&call, 0);
    }
}

#[test]
fn a_second_barge_in_right_after_the_first_changes_nothing_more() {
    for gap in [1, 5, 20, 40] {
        let mut call = Call::started(Setup::mulaw());
        call.model.replies.push_back(Reply::speech(4_000).speed(2));
        call.turn();
        call.run_for(ms(1_500));
        call.speech_started();
        call.run_for(ms(gap));
        call.speech_started();
        call.run_for(ms(600));
        call.speech_stopped();
        call.run_until_quiet();
        assert_eq!(call.judge.truncations.len(), 1, "{gap} ms");
        assert_eq!(barge_ins(&call).len(), 1, "{gap} ms");
        conclude(&call, 0);
    }
}

#[test]
fn each_answer_of_a_hasty_conversation_is_cut_for_itself() {
    let mut call = Call::started(Setup::mulaw());
    for n in 0..6 {
        call.model
            .replies
            .push_back(Reply::speech(3_000).speed(n % 3 * 4));
        call.speech_started();
        call.run_for(ms(250));
        call.speech_stopped();
        call.run_for(ms(700));
    }
    call.speech_started();
    call.run_until_quiet();
    assert_eq!(call.judge.truncations.len(), 6);
    conclude(&call, 0);
}

#[test]
fn late_audio_of_a_cancelled_response_is_not_played() {
    // A slow, bunching link from the model: seconds of audio are under way when it is cancelled.
    let mut setup = Setup {
        interrupts_response: false,
        ..Setup::mulaw()
    };
    setup.delays = [ms(20), ms(20), ms(250), ms(150)];
    let call = interrupted(setup, Reply::speech(8_000).speed(2), 900);
    assert_eq!(transaction(&call), ["clear", CANCEL, TRUNCATE, "BargeIn"]);
    let sent = call
        .log
        .iter()
        .filter(|exchange| exchange.at > call.judge.interruptions[1].at);
    let media = sent
        .flat_map(|exchange| &exchange.outputs)
        .filter(|output| matches!(output, Out::ToTwilio(text) if text.contains("\"media\"")));
    assert_eq!(media.count(), 0);
    conclude(&call, 0);
}

#[test]
fn an_item_that_begins_after_the_interruption_is_deleted_too() {
    let mut setup = Setup {
        interrupts_response: false,
        ..Setup::mulaw()
    };
    setup.delays = [ms(20), ms(20), ms(100), ms(400)];
    let items = vec![Say::speech(1_000), Say::speech(3_000), Say::speech(1_000)];
    // The second item begins while the cancel is on its way.
    let call = interrupted(setup, Reply::items(items).speed(1), 800);
    assert!(call.model.items.iter().filter(|item| item.spoken).count() > 1);
    conclude(&call, 0);
}

#[test]
fn a_part_that_begins_after_the_interruption_is_cut_too() {
    let mut setup = Setup {
        interrupts_response: false,
        ..Setup::mulaw()
    };
    setup.delays = [ms(20), ms(20), ms(100), ms(400)];
    let say = Say::Speech {
        parts: vec![8_000, 24_000],
        words: "parts".into(),
    };
    // The second part begins while the cancel is on its way.
    let call = interrupted(setup, Reply::items(vec![say]).speed(1), 800);
    assert!(call.model.clips[1].held > 0);
    conclude(&call, 0);
}

#[test]
fn a_cancel_is_sent_only_where_the_server_does_not_cancel_by_itself() {
    for (interrupts, speed, cancels) in [(true, 1, 0), (true, 0, 0), (false, 1, 1), (false, 0, 0)] {
        let setup = Setup {
            interrupts_response: interrupts,
            ..Setup::mulaw()
        };
        let call = interrupted(setup, Reply::speech(5_000).speed(speed), 1_200);
        assert_eq!(
            call.judge.cancels, cancels,
            "interrupts {interrupts}, speed {speed}"
        );
        assert!(call.model.refusals.is_empty(), "{:?}", call.model.refusals);
        conclude(&call, 0);
    }
}

#[test]
fn the_application_can_interrupt_without_speech() {
    for speed in [1, 0] {
        let mut call = Call::started(Setup::mulaw());
        call.model
            .replies
            .push_back(Reply::speech(5_000).speed(speed));
        call.turn();
        call.run_for(ms(1_700));
        call.command(Input::Interrupt).unwrap();
        let generating = speed == 1;
        let mut expected = vec!["clear", TRUNCATE, "BargeIn"];
        if generating {
            // The server heard nothing, so it has to be told.
            expected.insert(1, CANCEL);
        }
        assert_eq!(transaction(&call), expected);
        call.run_until_quiet();
        conclude(&call, 0);
        // Another one finds nothing to interrupt.
        call.command(Input::Interrupt).unwrap();
        assert!(transaction(&call).is_empty(), "{:?}", transaction(&call));
    }
}

#[test]
fn with_barge_in_left_to_the_application_speech_interrupts_nothing() {
    let mut setup = Setup {
        interrupts_response: false,
        ..Setup::mulaw()
    };
    setup.config.barge_in = BargeIn::Never;
    let mut call = Call::started(setup);
    call.model.replies.push_back(Reply::speech(2_000));
    call.turn();
    call.run_for(ms(700));
    call.speech_started();
    call.run_until_quiet();
    assert!(call.player.clears.is_empty());
    assert_eq!(call.heard(0), 2_000 * 8);
    assert!(
        call.events()
            .any(|event| matches!(event, Ev::SpeechStarted { .. }))
    );
    conclude(&call, 0);
}

#[test]
fn the_next_answer_is_heard_whole_after_a_barge_in() {
    for setup in [Setup::mulaw(), Setup::pcm()] {
        for speed in [0, 1, 8] {
            let mut call = Call::started(setup.clone());
            call.model.replies.extend([
                // An odd number of bytes: nothing of it may shift what comes after.
                Reply::speech(5_000)
                    .speed(speed)
                    .cut(Cut::Bytes(vec![1_601])),
                Reply::speech(1_500),
            ]);
            call.turn();
            call.run_for(ms(1_333));
            call.turn();
            call.run_until_quiet();
            let samples = call.model.clips[1].samples();
            let stretches = call.stretches(1);
            let lengths: Vec<_> = stretches.iter().map(|run| run.samples).collect();
            assert_eq!(lengths, [samples], "speed {speed}");
            conclude(&call, 0);
        }
    }
}

#[test]
fn marks_flushed_by_the_clear_do_not_count_as_heard() {
    let mut setup = Setup::mulaw();
    // The whole reply lies at Twilio, all its marks pending.
    setup.config.lead = Duration::from_secs(4);
    let call = interrupted(setup, Reply::speech(3_000).speed(0), 1_000);
    let cut = &call.judge.truncations[0];
    assert!((860..=1_050).contains(&cut.end_ms), "{cut:?}");
    // The flushed marks' echoes are in by now; a next barge-in must not take them for new ones.
    conclude(&call, 0);
    let mut call = call;
    call.model.replies.push_back(Reply::speech(3_000).speed(0));
    call.turn();
    call.run_for(ms(1_000));
    call.speech_started();
    call.run_until_quiet();
    assert_eq!(call.judge.truncations.len(), 2);
    conclude(&call, 0);
}

#[test]
fn echoes_under_way_when_the_caller_speaks_do_not_count_for_the_next_item() {
    let mut setup = Setup::mulaw();
    setup.delays = [ms(200), ms(20), ms(5), ms(5)];
    let mut call = Call::started(setup);
    for _ in 0..4 {
        call.model
            .replies
            .push_back(Reply::speech(3_000).speed(0).think(0));
        call.speech_started();
        call.run_for(ms(20));
        call.speech_stopped();
        call.run_for(ms(600));
    }
    call.speech_started();
    call.run_until_quiet();
    conclude(&call, 0);
}

#[test]
fn a_caller_who_speaks_often_while_audio_starves_is_no_trouble() {
    let mut call = Call::started(Setup {
        jitter: ms(100),
        ..Setup::mulaw()
    });
    call.model
        .replies
        .push_back(Reply::speech(3_000).speed(1).cut(Cut::Bytes(vec![333])));
    call.turn();
    call.run_for(ms(800));
    call.from_model.stall(call.now + ms(900));
    call.run_for(ms(600));
    // Next to everything received was heard, but the item is not whole.
    assert!(call.player.queued() < 8 * 20);
    call.speech_started();
    call.run_until_quiet();
    conclude(&call, 0);
}

#[test]
fn a_model_that_holds_less_than_it_sent_is_cut_where_it_can_be() {
    let mut call = Call::started(Setup::mulaw());
    call.model.shortfall = 130;
    for round in 0..3 {
        let clip = call.model.clips.len();
        call.model.replies.push_back(Reply::speech(2_000).speed(0));
        call.turn();
        while call.model.clips.len() == clip || call.heard(clip) < 1_930 * 8 {
            call.run_for(ms(5));
        }
        call.speech_started();
        call.run_for(ms(1_000));
        call.speech_stopped();
        call.run_until_quiet();
        let id = &call.model.clips[clip].item_id;
        let item = call.model.items.iter().find(|item| item.id == *id).unwrap();
        let [(0, end_ms)] = item.truncated[..] else {
            panic!("{item:?}\n{}", call.story())
        };
        assert!((1_600..=1_870).contains(&end_ms), "round {round}: {end_ms}");
    }
    // It learns: the first cut is refused, not each.
    assert!(call.model.refusals.len() < 3, "{:?}", call.model.refusals);
    let fatal = |event: &Ev| matches!(event, Ev::ModelError { is_fatal: true, .. });
    assert!(!call.events().any(fatal));
}

/// Echoes that go wrong in one way: lost, some lost, late, twice, out of order.
fn mark_fault(kind: u32, seed: u64) -> Option<MarkFault> {
    let mut rng = Rng::new(seed);
    if kind >= 5 {
        return None;
    }
    Some(Box::new(move |_| match kind {
        0 => vec![],
        1 if rng.chance(50) => vec![],
        2 => vec![ms(5_000)],
        3 => vec![0, ms(rng.below(300))],
        4 => vec![ms(rng.below(400))],
        _ => vec![0],
    }))
}

fn with_mark_fault(seed: u64, kind: u32) -> Call {
    let mut call = Call::started(Setup {
        seed,
        ..Setup::mulaw()
    });
    call.player.mark_fault = mark_fault(kind, seed);
    for _ in 0..3 {
        call.model.replies.push_back(Reply::speech(2_500).speed(4));
        call.turn();
        call.run_for(ms(1_600));
        if kind == 5 {
            for name in ["", "t", "x:9999999999", "0:0:0", "é\"\\"] {
                let echo = call.caller.mark(name);
                call.twilio_sends(echo);
            }
        }
    }
    call.speech_started();
    call.run_for(ms(300));
    call.speech_stopped();
    call.run_until_quiet();
    call.run_for(ms(6_000));
    call
}

#[test]
fn marks_lost_late_twice_unknown_or_reordered_never_cut_too_late() {
    for kind in 0..6 {
        for seed in 0..5 {
            let call = with_mark_fault(seed, kind);
            // Without marks nothing can be known; an item may be taken for unheard.
            conclude(&call, if kind == 5 { 0 } else { 10_000 });
        }
    }
}

/// One thing that happens in a random call.
#[derive(Clone, Debug)]
enum Op {
    Wait(u64),
    Speak,
    Fall,
    Turn {
        /// The parts of each item in samples; none: a tool call.
        reply: Vec<Vec<usize>>,
        speed: u64,
        think: u64,
    },
    Create {
        ms: u32,
        speed: u64,
    },
    Interrupt,
    Mark,
    StallTwilio(u64),
    StallModel(u64),
    Dtmf,
    /// Answers the oldest tool call that is open.
    Answer,
}

fn reply() -> impl Strategy<Value = Vec<Vec<usize>>> {
    let parts = prop_oneof![
        8 => prop::collection::vec(0_usize..24_000, 1),
        1 => prop::collection::vec(0_usize..9_000, 2..4),
        1 => Just(Vec::new()),
    ];
    prop::collection::vec(parts, 0..4)
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0_u64..1_500).prop_map(Op::Wait),
        3 => Just(Op::Speak),
        3 => Just(Op::Fall),
        4 => (reply(), 0_u64..10, 0_u64..400)
            .prop_map(|(reply, speed, think)| Op::Turn { reply, speed, think }),
        2 => (1_u32..2_000, 0_u64..10).prop_map(|(ms, speed)| Op::Create { ms, speed }),
        1 => Just(Op::Interrupt),
        1 => Just(Op::Mark),
        1 => (1_u64..600).prop_map(Op::StallTwilio),
        1 => (1_u64..600).prop_map(Op::StallModel),
        1 => Just(Op::Dtmf),
        2 => Just(Op::Answer),
    ]
}

fn setup() -> impl Strategy<Value = Setup> {
    let delays = prop::array::uniform4(0_u64..150_000);
    let config = (any::<bool>(), 40_u64..600, 1_u64..10, any::<bool>());
    (
        delays,
        0_u64..60_000,
        -500_i64..=500,
        0_u64..15_000,
        config,
        any::<u64>(),
    )
        .prop_map(
            |(delays, jitter, ppm, late_timer, (pcm, lead, interval, interrupts), seed)| {
                let mut setup = if pcm { Setup::pcm() } else { Setup::mulaw() };
                setup.config.lead = Duration::from_millis(lead);
                setup.config.mark_interval = Duration::from_millis(interval.max(5) * 20);
                Setup {
                    delays,
                    jitter,
                    ppm,
                    late_timer,
                    interrupts_response: interrupts,
                    seed: seed >> 8,
                    ..setup
                }
            },
        )
}

fn tool_calls(call: &Call) -> Vec<String> {
    call.events()
        .filter_map(|event| match event {
            Ev::ToolCall { call_id, .. } => Some(call_id.clone()),
            _ => None,
        })
        .collect()
}

/// Answers the tool call that was told after `answered` others, if it was.
fn answer(call: &mut Call, answered: usize) -> bool {
    let Some(call_id) = tool_calls(call).get(answered).cloned() else {
        return false;
    };
    call.command(Input::ToolOutput(call_id, "\"done\"".into()))
        .expect("the call is open");
    true
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn in_any_call_the_model_is_left_with_what_was_heard(
        setup in setup(),
        cut in prop::collection::vec(1_usize..9_000, 1..4),
        as_text in any::<bool>(),
        ops in prop::collection::vec(op(), 1..24),
        hang_up in any::<bool>(),
        fault in prop_oneof![3 => Just(5_u32), 1 => 0_u32..5],
    ) {
        let mut call = Call::started(setup);
        call.player.mark_fault = mark_fault(fault, call.setup.seed);
        let cut = if as_text { Cut::Text(cut) } else { Cut::Bytes(cut) };
        let mut stalled = 0;
        let (mut calls, mut answered) = (0, 0);
        for op in ops {
            match op {
                Op::Wait(time) => call.run_for(ms(time)),
                Op::Speak => call.speech_started(),
                Op::Fall => call.speech_stopped(),
                Op::Turn { reply, speed, think } => {
                    let say = |parts: Vec<usize>| {
                        if parts.is_empty() {
                            calls += 1;
                            return Say::call(&format!("call_{calls}"), "note", "{}");
                        }
                        Say::Speech { parts, words: "so".into() }
                    };
                    let reply = Reply::items(reply.into_iter().map(say).collect());
                    let reply = reply.speed(speed).think(ms(think)).cut(cut.clone());
                    call.model.replies.push_back(reply);
                    call.turn();
                }
                Op::Create { ms, speed } => {
                    call.model.replies.push_back(Reply::speech(ms as usize).speed(speed));
                    call.command(Input::CreateResponse(None)).unwrap();
                }
                Op::Interrupt => call.command(Input::Interrupt).unwrap(),
                Op::Mark => call.command(Input::Mark("m".into())).unwrap(),
                Op::StallTwilio(time) => {
                    stalled += time as usize;
                    call.from_twilio.stall(call.now + ms(time));
                    call.to_twilio.stall(call.now + ms(time));
                }
                Op::StallModel(time) => {
                    call.from_model.stall(call.now + ms(time));
                    call.to_model.stall(call.now + ms(time));
                }
                Op::Answer => answered += usize::from(answer(&mut call, answered)),
                Op::Dtmf => {
                    let text = call.caller.dtmf('5');
                    call.twilio_sends(text);
                }
            }
        }
        if hang_up {
            call.caller.next_frame = None;
            let text = call.caller.stop();
            call.twilio_sends(text);
            call.run_for(ms(2_000));
            prop_assert!(call.bridge.is_closed());
            prop_assert_eq!(call.bridge.poll_timeout(), None);
        } else {
            call.speech_stopped();
            call.run_until_quiet();
            while answer(&mut call, answered) {
                answered += 1;
            }
            let answered_at = call.now;
            call.run_until_quiet();
            // Without its marks the Bridge may know less, never more, than was heard.
            let slack = if fault < 5 { 600_000 } else { 2 * stalled };
            conclude(&call, slack);
            let ids = tool_calls(&call);
            let unique: BTreeSet<_> = ids.iter().collect();
            prop_assert_eq!(unique.len(), ids.len(), "a call told twice: {:?}", ids);
            // An answer to tools that nobody asked for would be lost on the caller.
            let asked = |(at, event): &(u64, Value)| {
                *at >= answered_at && event["type"] == "conversation.item.create"
            };
            if call.model.commands.iter().any(asked) {
                let create = call.model.commands.last().map(|(_, event)| &event["type"]);
                prop_assert_eq!(create, Some(&Value::from("response.create")));
            }
        }
    }
}
