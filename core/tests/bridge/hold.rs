//! Interruptions that have to be confirmed, and the playback they hold.

use std::time::Duration;

use proptest::prelude::*;
use trunkline::bridge::BargeIn;

use crate::common::{
    Call, Cut, Ev, Input, Out, Reply, Say, Setup, conclude, config, ms,
    player::Place,
    sounds::{at_level, syllables, to_mulaw},
};

const AFTER_SPEECH: BargeIn = BargeIn::AfterSpeech(Duration::from_millis(200));
const BOTH: [BargeIn; 2] = [AFTER_SPEECH, BargeIn::OnTranscript];

fn setup(barge_in: BargeIn) -> Setup {
    let mut setup = Setup::mulaw();
    setup.config.barge_in = barge_in;
    setup.config.downlink_capacity = Duration::from_secs(20);
    setup
}

/// The model says `reply` and has been heard for 1.2 s.
fn speaking(setup: Setup, reply: Reply) -> Call {
    let mut call = Call::started(setup);
    call.model.replies.push_back(reply);
    call.turn();
    while call.player.played.is_empty() {
        call.run_for(ms(1));
    }
    call.run_for(ms(1_200));
    call
}

/// A noise: speech for the model that lasts 50 ms, whose end is told after the silence that ends a
/// turn, 500 ms, and of which nothing is understood.
fn noise(call: &mut Call) {
    call.model.words = Some(" \n");
    call.speech_started();
    call.run_for(ms(550));
    call.speech_stopped();
}

/// Every sample of the clip was played once, in order; returns the number of stretches.
fn heard_once(call: &Call, clip: usize) -> usize {
    let mut next = 0;
    let mut stretches = 0;
    for (run, place) in call.player.heard(&call.places()) {
        if let Some(Place { offset, .. }) = place.filter(|place| place.clip == clip) {
            assert_eq!(offset, next, "clip {clip}\n{}", call.story());
            next += run.samples;
            stretches += 1;
        }
    }
    assert_eq!(next, call.model.clips[clip].samples(), "{}", call.story());
    stretches
}

fn count(call: &Call, kind: &str) -> usize {
    let is_meant = |command: &&(u64, serde_json::Value)| command.1["type"] == kind;
    call.model.commands.iter().filter(is_meant).count()
}

fn told(call: &Call, is_meant: impl Fn(&Ev) -> bool) -> usize {
    call.events().filter(|event| is_meant(event)).count()
}

fn resumed(call: &Call) -> Vec<u128> {
    call.events()
        .filter_map(|event| match event {
            Ev::PlaybackResumed { held } => Some(held.as_millis()),
            _ => None,
        })
        .collect()
}

fn barge_ins(call: &Call) -> usize {
    told(call, |event| matches!(event, Ev::BargeIn { .. }))
}

/// The counters of holds agree with what was told.
fn check_counters(call: &Call) {
    let stats = call.bridge.stats();
    let held = told(call, |event| *event == Ev::PlaybackHeld);
    assert_eq!(stats.holds as usize, held);
    assert_eq!(stats.false_barge_ins as usize, resumed(call).len());
}

#[test]
fn after_a_noise_the_answer_goes_on_with_the_very_next_sample() {
    for barge_in in BOTH {
        for speed in [0, 1, 8] {
            let mut call = speaking(setup(barge_in), Reply::speech(4_000).speed(speed));
            noise(&mut call);
            call.run_until_quiet();
            assert_eq!(heard_once(&call, 0), 2, "one pause");
            assert!(call.player.clears.is_empty());
            assert_eq!((barge_ins(&call), resumed(&call).len()), (0, 1));
            assert!(call.judge.truncations.is_empty() && call.judge.deletions.is_empty());
            // Its own turn is answered, the noise is not.
            assert_eq!(count(&call, "response.create"), 1);
            assert_eq!(count(&call, "response.cancel"), 0);
            check_counters(&call);
            conclude(&call, 0);
        }
    }
}

#[test]
fn a_decision_within_the_lead_is_not_heard_at_all() {
    let mut call = speaking(setup(BargeIn::OnTranscript), Reply::speech(4_000));
    call.model.words = Some("");
    call.model.transcription = ms(20);
    call.speech_started();
    call.run_for(ms(60));
    call.speech_stopped();
    call.run_until_quiet();
    assert_eq!(resumed(&call), [80]);
    assert_eq!(heard_once(&call, 0), 1, "no pause");
}

#[test]
fn while_playback_is_held_the_lead_plays_out_and_nothing_more_is_sent() {
    for barge_in in BOTH {
        let mut call = speaking(setup(barge_in), Reply::speech(6_000).speed(2));
        call.speech_started();
        call.run_for(ms(60));
        let sent = call.player.received.len() + call.to_twilio.under_way().count() * 160;
        assert!(told(&call, |event| *event == Ev::PlaybackHeld) == 1);
        call.run_for(ms(420));
        assert!(call.player.received.len() <= sent);
        assert_eq!(call.player.queued(), 0, "the lead has played out");
        // What the model makes meanwhile waits behind it.
        assert!(call.bridge.stats().depth_samples > 8_000);
    }
}

#[test]
fn speech_that_lasts_is_a_barge_in_and_is_answered_at_its_end() {
    for speed in [0, 1] {
        let mut call = speaking(setup(AFTER_SPEECH), Reply::speech(6_000).speed(speed));
        let started = call.now;
        call.model.replies.push_back(Reply::speech(500));
        call.speech_started();
        call.run_for(ms(1_500));
        // 200 ms of speech, the 500 ms of silence that would end it sooner, and the way here.
        assert_eq!(call.judge.interruptions.len(), 1);
        assert_eq!(call.judge.interruptions[0].at, started + ms(730));
        assert_eq!(barge_ins(&call), 1);
        assert_eq!(call.judge.cancels, usize::from(speed == 1));
        assert_eq!(count(&call, "response.create"), 1, "not before its end");
        call.speech_stopped();
        call.run_until_quiet();
        assert_eq!(count(&call, "response.create"), 2);
        heard_once(&call, 1);
        check_counters(&call);
        conclude(&call, 0);
    }
}

#[test]
fn an_end_of_speech_that_comes_with_the_deadline_confirms() {
    for (told_after, barge_in) in [(699, 0), (700, 1), (701, 1)] {
        let mut call = speaking(setup(AFTER_SPEECH), Reply::speech(4_000));
        call.setup.late_timer = ms(15);
        call.speech_started();
        call.run_for(ms(told_after));
        call.speech_stopped();
        call.run_until_quiet();
        assert_eq!(barge_ins(&call), barge_in, "{told_after}");
        assert_eq!(count(&call, "response.create"), 1 + barge_in);
        conclude(&call, 0);
    }
}

#[test]
fn the_first_word_of_a_transcript_is_a_barge_in() {
    for speed in [0, 1] {
        let mut call = speaking(
            setup(BargeIn::OnTranscript),
            Reply::speech(6_000).speed(speed),
        );
        call.model.replies.push_back(Reply::speech(500));
        call.speech_started();
        call.run_for(ms(400));
        call.speech_stopped();
        call.run_for(ms(150 + 29));
        assert_eq!(barge_ins(&call), 0);
        call.run_for(ms(1));
        assert_eq!(barge_ins(&call), 1);
        call.run_until_quiet();
        assert_eq!(call.judge.cancels, usize::from(speed == 1));
        assert_eq!(count(&call, "response.create"), 2);
        heard_once(&call, 1);
        check_counters(&call);
        conclude(&call, 0);
    }
}

#[test]
fn a_delta_of_the_transcript_is_enough_if_it_has_a_word() {
    let mut call = speaking(setup(BargeIn::OnTranscript), Reply::speech(6_000));
    call.model.replies.push_back(Reply::speech(500));
    call.speech_started();
    let item = format!("item_{}", call.model.next_item() - 1);
    for (delta, barge_in) in [(" ", 0), ("\u{a0}\n", 0), ("Wait", 1), (" a second", 1)] {
        call.run_for(ms(100));
        call.model.emit(serde_json::json!({
            "type": "conversation.item.input_audio_transcription.delta",
            "item_id": item, "content_index": 0, "delta": delta}));
        call.run_for(ms(100));
        assert_eq!(barge_ins(&call), barge_in, "{delta:?}");
    }
    call.speech_stopped();
    call.run_until_quiet();
    assert_eq!((barge_ins(&call), count(&call, "response.create")), (1, 2));
    conclude(&call, 0);
}

#[test]
fn words_of_an_earlier_turn_confirm_nothing() {
    let mut setup = setup(BargeIn::OnTranscript);
    setup.seed = 3;
    let mut call = Call::started(setup);
    // The first turn's transcript comes while the answer to it is being spoken over by a noise.
    call.model.transcription = ms(1_500);
    call.model.replies.push_back(Reply::speech(5_000));
    call.turn();
    call.run_for(ms(1_200));
    noise(&mut call);
    call.run_until_quiet();
    assert_eq!((barge_ins(&call), resumed(&call).len()), (0, 1));
    heard_once(&call, 0);
    conclude(&call, 0);
}

#[test]
fn a_transcript_that_fails_or_does_not_come_lets_playback_go_on() {
    for (transcription, held) in [(ms(300), 850..=860), (ms(60_000), 2_550..=2_560)] {
        let mut call = speaking(setup(BargeIn::OnTranscript), Reply::speech(5_000));
        noise_without_words(&mut call, transcription);
        call.run_for(ms(10_000));
        assert_eq!(heard_once(&call, 0), 2);
        let [time] = resumed(&call)[..] else {
            panic!("{}", call.story());
        };
        assert!(held.contains(&time), "{time}");
        check_counters(&call);
        conclude(&call, 0);
    }
}

fn noise_without_words(call: &mut Call, transcription: u64) {
    call.model.words = None;
    call.model.transcription = transcription;
    call.speech_started();
    call.run_for(ms(550));
    call.speech_stopped();
}

#[test]
fn words_that_come_after_playback_went_on_are_a_barge_in_yet() {
    let mut call = speaking(setup(BargeIn::OnTranscript), Reply::speech(8_000));
    call.model.transcription = ms(3_000);
    call.model.replies.push_back(Reply::speech(500));
    call.speech_started();
    call.run_for(ms(550));
    call.speech_stopped();
    call.run_until_quiet();
    assert_eq!((barge_ins(&call), resumed(&call).len()), (1, 1));
    assert_eq!(count(&call, "response.create"), 2);
    heard_once(&call, 1);
    conclude(&call, 0);
}

#[test]
fn noise_that_never_ends_holds_playback_for_ten_seconds() {
    let mut call = speaking(setup(BargeIn::OnTranscript), Reply::speech(4_000));
    call.speech_started();
    call.run_for(ms(15_000));
    assert_eq!(resumed(&call), [10_000]);
    heard_once(&call, 0);
    conclude(&call, 0);
}

#[test]
fn turns_that_nothing_is_said_against_are_answered_with_no_more_delay_than_a_request() {
    for barge_in in BOTH {
        let mut call = Call::started(setup(barge_in));
        for turn in 0..3 {
            call.model.replies.push_back(Reply::speech(700));
            call.speech_started();
            call.run_for(ms(800));
            call.speech_stopped();
            call.run_for(ms(30));
            // The end of the turn and the request are one exchange.
            let ended = call.log.iter().rev().find(|exchange| {
                matches!(&exchange.input, Input::OpenAi(text) if text.contains("speech_stopped"))
            });
            let asks = |output: &Out| matches!(output, Out::ToOpenAi(text) if text.contains("response.create"));
            assert!(ended.unwrap().outputs.iter().any(asks));
            call.run_until_quiet();
            assert_eq!(heard_once(&call, turn), 1);
        }
        assert_eq!(count(&call, "response.create"), 3);
        let stats = call.bridge.stats();
        assert_eq!((stats.holds, stats.repeated_responses), (0, 0));
        assert!(stats.response_latency.is_some());
        assert!(call.model.refusals.is_empty());
        conclude(&call, 0);
    }
}

#[test]
fn an_application_that_answers_turns_itself_is_left_to_it() {
    for barge_in in BOTH {
        let mut call = Call::started(Setup {
            creates_response: false,
            ..setup(barge_in)
        });
        call.turn();
        call.run_for(ms(3_000));
        assert_eq!(count(&call, "response.create"), 0);
        call.model.replies.push_back(Reply::speech(2_000));
        call.command(Input::CreateResponse(None)).unwrap();
        call.run_for(ms(900));
        call.speech_started();
        call.run_for(ms(1_000));
        call.speech_stopped();
        call.run_until_quiet();
        assert_eq!((barge_ins(&call), count(&call, "response.create")), (1, 1));
        conclude(&call, 0);
    }
}

#[test]
fn the_session_is_told_to_leave_answers_and_interruptions_to_the_bridge() {
    for (barge_in, theirs) in [
        (BargeIn::Never, true),
        (BargeIn::OnSpeech, true),
        (AFTER_SPEECH, false),
        (BargeIn::OnTranscript, false),
    ] {
        let call = Call::started(setup(barge_in));
        assert_eq!(call.model.creates_response, theirs);
        assert_eq!(call.model.interrupts_response, theirs);
    }
}

#[test]
fn speech_before_any_audio_holds_the_answer_back_until_it_is_decided() {
    for barge_in in BOTH {
        for is_noise in [true, false] {
            let mut call = Call::started(setup(barge_in));
            let reply = Reply::speech(2_000).think(ms(400));
            call.model.replies.extend([reply, Reply::speech(500)]);
            call.turn();
            call.run_for(ms(200));
            if is_noise {
                noise(&mut call);
            } else {
                call.speech_started();
                call.run_for(ms(1_000));
                call.speech_stopped();
            }
            assert!(call.player.received.is_empty());
            call.run_until_quiet();
            if is_noise {
                assert_eq!(heard_once(&call, 0), 1);
                assert_eq!(count(&call, "response.create"), 1);
            } else {
                assert_eq!(call.heard(0), 0);
                heard_once(&call, 1);
                assert_eq!(count(&call, "response.create"), 2);
            }
            conclude(&call, 0);
        }
    }
}

#[test]
fn bursts_of_speech_close_to_each_other_are_decided_alike() {
    for barge_in in BOTH {
        for gap in [1, 5, 20, 40] {
            for last_is_noise in [true, false] {
                let mut call = speaking(setup(barge_in), Reply::speech(5_000));
                call.model.replies.push_back(Reply::speech(500));
                noise(&mut call);
                call.run_for(ms(gap));
                if last_is_noise {
                    noise(&mut call);
                    call.run_until_quiet();
                    heard_once(&call, 0);
                    assert_eq!(count(&call, "response.create"), 1);
                } else {
                    call.model.words = Some("no");
                    call.speech_started();
                    call.run_for(ms(1_000));
                    call.speech_stopped();
                    call.run_until_quiet();
                    assert_eq!(barge_ins(&call), 1);
                    assert_eq!(count(&call, "response.create"), 2);
                    heard_once(&call, 1);
                }
                check_counters(&call);
                conclude(&call, 0);
            }
        }
    }
}

#[test]
fn a_second_start_without_an_end_is_the_same_turn() {
    for barge_in in BOTH {
        for gap in [1, 5, 20, 40] {
            let mut call = speaking(setup(barge_in), Reply::speech(5_000));
            call.speech_started();
            call.run_for(ms(gap));
            noise(&mut call);
            call.run_until_quiet();
            heard_once(&call, 0);
            assert_eq!(resumed(&call).len(), 1);
            conclude(&call, 0);
        }
    }
}

#[test]
fn an_answer_is_asked_for_once_though_two_turns_were_in_doubt() {
    let mut call = speaking(setup(BargeIn::OnTranscript), Reply::speech(5_000));
    call.model.transcription = ms(800);
    call.model.replies.push_back(Reply::speech(500));
    for _ in 0..2 {
        call.speech_started();
        call.run_for(ms(300));
        call.speech_stopped();
        call.run_for(ms(100));
    }
    call.run_until_quiet();
    assert_eq!((barge_ins(&call), count(&call, "response.create")), (1, 2));
    heard_once(&call, 1);
    conclude(&call, 0);
}

#[test]
fn the_application_may_interrupt_what_is_held() {
    for barge_in in BOTH {
        let mut call = speaking(setup(barge_in), Reply::speech(5_000));
        call.model.words = Some("");
        call.speech_started();
        call.run_for(ms(100));
        call.command(Input::Interrupt).unwrap();
        assert_eq!(barge_ins(&call), 1);
        call.run_for(ms(450));
        call.speech_stopped();
        call.run_until_quiet();
        assert_eq!((barge_ins(&call), resumed(&call).len()), (1, 0));
        // With nothing left to go on with, only words tell a turn from a noise.
        let answers = usize::from(barge_in == AFTER_SPEECH);
        assert_eq!(count(&call, "response.create"), 1 + answers);
        conclude(&call, 0);
    }
}

#[test]
fn a_session_lost_while_playback_is_held_lets_it_go_on() {
    for barge_in in BOTH {
        let mut call = speaking(setup(barge_in), Reply::speech(4_000));
        call.speech_started();
        call.run_for(ms(300));
        call.lose_model();
        call.run_until_quiet();
        assert_eq!(heard_once(&call, 0), 2);
        assert_eq!(resumed(&call).len(), 1);
        // The next session has no turn of this one's to decide.
        call.open_model();
        call.run_for(ms(500));
        call.model.replies.push_back(Reply::speech(500));
        call.turn();
        call.run_until_quiet();
        heard_once(&call, 1);
        check_counters(&call);
    }
}

#[test]
fn a_call_that_ends_while_playback_is_held_leaves_no_timer() {
    for barge_in in BOTH {
        let mut call = speaking(setup(barge_in), Reply::speech(4_000));
        call.speech_started();
        call.run_for(ms(300));
        let stop = call.caller.stop();
        call.caller.next_frame = None;
        call.twilio_sends(stop);
        call.run_for(ms(100));
        assert!(call.bridge.is_closed());
        assert_eq!(call.bridge.poll_timeout(), None);
        assert_eq!(call.bridge.stats().depth_samples, 0);
        assert!(resumed(&call).is_empty());
    }
}

#[test]
fn a_queue_that_fills_up_while_playback_is_held_drops_the_newest_and_sends_nothing_ahead() {
    let mut setup = setup(BargeIn::OnTranscript);
    setup.config.downlink_capacity = Duration::from_secs(2);
    let mut call = speaking(
        setup,
        Reply::speech(9_000).speed(2).cut(Cut::Bytes(vec![320])),
    );
    call.model.words = Some("");
    call.speech_started();
    call.run_for(ms(40));
    let before = call.bridge.stats().spilled_samples;
    call.run_for(ms(2_000));
    let stats = *call.bridge.stats();
    assert_eq!(stats.spilled_samples, before);
    assert!(stats.downlink_dropped_samples > 0);
    assert_eq!(stats.depth_samples, 2 * 8_000);
    assert!(told(&call, |event| matches!(event, Ev::AudioDropped { .. })) > 0);
    call.speech_stopped();
    call.run_until_quiet();
    let stats = call.bridge.stats();
    let heard: usize = call.stretches(0).iter().map(|run| run.samples).sum();
    assert_eq!(heard + stats.downlink_dropped_samples as usize, 9_000 * 8);
}

#[test]
fn named_marks_behind_a_hold_wait_with_the_audio_before_them() {
    for barge_in in BOTH {
        let mut call = speaking(setup(barge_in), Reply::speech(3_000).speed(0));
        call.command(Input::Mark("end".into())).unwrap();
        noise(&mut call);
        let heard_mark =
            |event: &Ev| matches!(event, Ev::Mark { name, heard: true } if name == "end");
        assert_eq!(told(&call, heard_mark), 0);
        call.run_until_quiet();
        assert_eq!(told(&call, heard_mark), 1);
        heard_once(&call, 0);
        // The same, interrupted.
        let mut call = speaking(setup(barge_in), Reply::speech(3_000).speed(0));
        call.command(Input::Mark("end".into())).unwrap();
        call.speech_started();
        call.run_for(ms(1_000));
        call.speech_stopped();
        call.run_until_quiet();
        let flushed =
            |event: &Ev| matches!(event, Ev::Mark { name, heard: false } if name == "end");
        assert_eq!(told(&call, flushed), 1);
        conclude(&call, 0);
    }
}

#[test]
fn a_tool_output_during_a_noise_is_answered_after_it() {
    for barge_in in BOTH {
        let reply = Reply::items(vec![Say::speech(3_000), Say::call("call_1", "note", "{}")]);
        let mut call = speaking(setup(barge_in), reply.speed(0));
        call.model.replies.push_back(Reply::speech(500));
        call.model.words = Some("");
        call.speech_started();
        call.run_for(ms(200));
        call.command(Input::ToolOutput("call_1".into(), "\"done\"".into()))
            .unwrap();
        call.run_for(ms(350));
        call.speech_stopped();
        call.run_until_quiet();
        assert_eq!(count(&call, "response.create"), 2);
        heard_once(&call, 0);
        heard_once(&call, 1);
        conclude(&call, 0);
    }
}

#[test]
fn speech_right_at_the_end_of_an_answer_is_in_doubt_until_its_last_mark_is_back() {
    for barge_in in BOTH {
        let mut call = speaking(setup(barge_in), Reply::speech(1_250).speed(0));
        // The last sample is heard about now; its mark is not back yet.
        call.run_for(ms(55));
        noise(&mut call);
        call.run_until_quiet();
        heard_once(&call, 0);
        assert!(call.judge.truncations.is_empty(), "{}", call.story());
        conclude(&call, 0);
    }
}

#[test]
fn speech_over_the_last_syllable_is_a_turn_once_nothing_is_left_to_go_on() {
    let after = BargeIn::AfterSpeech(Duration::from_millis(500));
    let mut call = speaking(setup(after), Reply::speech(1_250).speed(0));
    call.model.replies.push_back(Reply::speech(500));
    call.speech_started();
    call.run_for(ms(800));
    call.speech_stopped();
    call.run_until_quiet();
    heard_once(&call, 0);
    heard_once(&call, 1);
    assert_eq!((barge_ins(&call), count(&call, "response.create")), (0, 2));
    check_counters(&call);
    conclude(&call, 0);
}

#[test]
fn a_hold_that_ends_with_nothing_left_is_told_to_be_over() {
    for barge_in in BOTH {
        let mut call = Call::started(setup(barge_in));
        let reply = Reply::items(Vec::new()).think(ms(300));
        call.model.replies.extend([reply, Reply::speech(500)]);
        call.turn();
        call.run_for(ms(100));
        call.speech_started();
        call.run_for(ms(1_000));
        call.speech_stopped();
        call.run_until_quiet();
        assert_eq!((barge_ins(&call), resumed(&call).len()), (0, 1));
        heard_once(&call, 0);
        check_counters(&call);
        conclude(&call, 0);
    }
}

/// One thing that happens in a random call.
#[derive(Clone, Debug)]
enum Op {
    Wait(u64),
    Noise(u64),
    Speech(u64),
    /// A voice on the line for so long, of which the model says nothing.
    Voice(u64),
    Start,
    Stop,
    Turn {
        ms: u32,
        speed: u64,
    },
    Interrupt,
    Mark,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0_u64..1_500).prop_map(Op::Wait),
        4 => (1_u64..650).prop_map(Op::Noise),
        2 => (500_u64..1_500).prop_map(Op::Speech),
        2 => (40_u64..900).prop_map(Op::Voice),
        1 => Just(Op::Start),
        1 => Just(Op::Stop),
        4 => (1_u32..4_000, 0_u64..10).prop_map(|(ms, speed)| Op::Turn { ms, speed }),
        1 => Just(Op::Interrupt),
        1 => Just(Op::Mark),
    ]
}

proptest! {
    #![proptest_config(config(100))]

    #[test]
    fn whatever_is_not_cut_is_heard_once_and_whole(
        barge_in in prop_oneof![Just(BargeIn::OnSpeech), Just(AFTER_SPEECH), Just(BargeIn::OnTranscript)],
        voice_detection in any::<bool>(),
        pcm in any::<bool>(),
        transcription in 0_u64..2_500,
        delays in prop::array::uniform4(0_u64..100_000),
        jitter in 0_u64..30_000,
        late_timer in 0_u64..15_000,
        seed in 0_u64..1_000,
        ops in prop::collection::vec(op(), 1..16),
    ) {
        let base = if pcm { Setup::pcm() } else { Setup::mulaw() };
        let mut setup = Setup { delays, jitter, late_timer, seed, ..base };
        setup.config.barge_in = barge_in;
        setup.config.voice_detection = voice_detection;
        setup.config.downlink_capacity = Duration::from_secs(60);
        let mut call = Call::started(setup);
        call.model.transcription = ms(transcription);
        for op in ops {
            match op {
                Op::Wait(time) => call.run_for(ms(time)),
                Op::Voice(time) => {
                    let voice = at_level(syllables(seed, 130.0, time as usize * 8), -22.0);
                    call.caller.says = Some((call.caller.captured, to_mulaw(&voice)));
                    call.run_for(ms(time));
                }
                Op::Start => call.speech_started(),
                Op::Stop => call.speech_stopped(),
                Op::Noise(time) | Op::Speech(time) => {
                    let is_noise = matches!(op, Op::Noise(_));
                    call.model.words = Some(if is_noise { "" } else { "yes" });
                    call.speech_started();
                    call.run_for(ms(time));
                    call.speech_stopped();
                }
                Op::Turn { ms: length, speed } => {
                    call.model.words = Some("yes");
                    call.model.replies.push_back(Reply::speech(length as usize).speed(speed));
                    call.turn();
                }
                Op::Interrupt => call.command(Input::Interrupt).unwrap(),
                Op::Mark => call.command(Input::Mark("m".into())).unwrap(),
            }
        }
        call.speech_stopped();
        call.run_until_quiet();
        conclude(&call, 0);
        check_counters(&call);
        for (clip, made) in call.model.clips.iter().enumerate() {
            let id = &made.item_id;
            let is_cut = call.judge.deletions.contains(id)
                || call.judge.truncations.iter().any(|cut| cut.item_id == *id);
            if !is_cut && !pcm && made.held == made.samples() {
                heard_once(&call, clip);
            }
        }
        let stats = call.bridge.stats();
        prop_assert_eq!(stats.spilled_samples, 0);
        prop_assert_eq!(stats.depth_samples, 0);
    }
}
