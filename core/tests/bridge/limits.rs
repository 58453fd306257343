//! What happens at the bounds, and what the counters say.

use std::time::Duration;

use trunkline::{Bridge, bridge::Config};

use crate::common::{Call, Cut, Ev, Input, Reply, Setup, caller::voice, conclude, ms};

/// A call whose bridge holds 5 s of the model's speech.
fn holding_5_s(mut setup: Setup) -> Setup {
    setup.config.downlink_capacity = Duration::from_secs(5);
    setup
}

/// One delta of the whole speech.
fn at_once(ms: usize) -> Reply {
    Reply::speech(ms)
        .speed(0)
        .cut(Cut::Bytes(vec![usize::MAX >> 1]))
}

/// The most that Twilio ever had queued, in samples.
fn most_queued(call: &Call) -> usize {
    call.player
        .levels
        .iter()
        .map(|&(_, level)| level)
        .max()
        .unwrap()
}

#[test]
fn beyond_half_a_queue_audio_is_sent_ahead_and_all_of_it_is_heard() {
    for setup in [Setup::mulaw(), Setup::pcm()].map(holding_5_s) {
        for length in [2_000, 4_900] {
            let mut call = Call::started(setup.clone());
            call.model.replies.push_back(at_once(length));
            call.command(Input::CreateResponse(None)).unwrap();
            call.run_until_quiet();
            assert_eq!(call.stretches(0).len(), 1);
            assert!(call.player.received.len() >= length * 8);
            let stats = call.bridge.stats();
            assert_eq!(stats.spilled_samples > 0, length > 2_700, "{stats:?}");
            assert_eq!(stats.downlink_dropped_samples, 0);
            assert!(stats.max_depth_samples <= 5_000 * 8, "{stats:?}");
            assert_eq!(stats.depth_samples, 0);
            conclude(&call, 0);
        }
    }
}

#[test]
fn of_a_delta_longer_than_the_queue_the_beginning_is_heard_and_the_rest_counted() {
    for setup in [Setup::mulaw(), Setup::pcm()].map(holding_5_s) {
        let mut call = Call::started(setup);
        call.model
            .replies
            .extend([at_once(40_000), Reply::speech(500)]);
        call.command(Input::CreateResponse(None)).unwrap();
        call.run_until_quiet();
        assert_eq!(call.stretches(0).len(), 1);
        let heard = call.heard(0);
        assert!(heard >= 5_000 * 8, "{heard}");
        let dropped = call.bridge.stats().downlink_dropped_samples as usize;
        assert!(
            (heard + dropped).abs_diff(40_000 * 8) <= 60,
            "{heard} {dropped}"
        );
        assert!(most_queued(&call) <= 5_000 * 8);
        // What comes after is not harmed.
        call.command(Input::CreateResponse(None)).unwrap();
        call.run_until_quiet();
        assert_eq!(call.stretches(1).len(), 1);
        assert!(call.heard(1) >= 450 * 8);
    }
}

#[test]
fn a_barge_in_over_audio_sent_far_ahead_cuts_where_it_was_heard() {
    let mut call = Call::started(holding_5_s(Setup::mulaw()));
    call.model.replies.push_back(at_once(4_900));
    call.turn();
    call.run_for(ms(1_500));
    call.speech_started();
    call.run_until_quiet();
    assert_eq!(call.judge.truncations.len(), 1);
    conclude(&call, 0);
}

#[test]
fn twilio_is_never_given_more_than_the_ten_minutes_it_holds() {
    let mut call = Call::started(Setup::mulaw());
    call.model.replies.push_back(at_once(700_000));
    call.command(Input::CreateResponse(None)).unwrap();
    call.run_for(ms(2_000));
    let most = call
        .player
        .levels
        .iter()
        .map(|&(_, level)| level)
        .max()
        .unwrap();
    assert!(most <= 600_000 * 8, "{} s queued", most / 8_000);
    let stats = call.bridge.stats();
    let known = stats.sent_samples + stats.downlink_dropped_samples + stats.depth_samples;
    assert_eq!(known, 700_000 * 8, "{stats:?}");
}

#[test]
fn every_sample_of_the_model_is_counted() {
    for setup in [Setup::mulaw(), Setup::pcm()] {
        let mut call = Call::started(setup);
        for speed in [0, 1, 8] {
            call.model
                .replies
                .push_back(Reply::speech(2_000).speed(speed));
            call.turn();
            call.run_until_quiet();
        }
        let stats = call.bridge.stats();
        assert_eq!(stats.sent_samples, call.player.received.len() as u64);
        assert_eq!(stats.sent_samples, stats.received_samples);
        assert_eq!(stats.downlink_dropped_samples, 0);
        assert_eq!(stats.marks_sent, call.player.marks.len() as u64);
        assert_eq!(stats.marks_heard, stats.marks_sent);
        assert_eq!((stats.marks_ignored, stats.barge_ins), (0, 0));
        assert_eq!(stats.responses, 3);
    }
}

#[test]
fn barge_ins_and_what_they_cut_are_counted() {
    let mut call = Call::started(Setup::mulaw());
    for _ in 0..4 {
        call.model.replies.push_back(Reply::speech(3_000).speed(4));
        call.turn();
        call.run_for(ms(900));
    }
    call.speech_started();
    call.run_until_quiet();
    let stats = call.bridge.stats();
    assert_eq!(stats.barge_ins, 4);
    assert_eq!(stats.truncated_items, call.judge.truncations.len() as u64);
    assert_eq!(stats.deleted_items, call.judge.deletions.len() as u64);
    assert_eq!(stats.refused_cuts, 0);
    assert_eq!(stats.marks_sent, stats.marks_heard + stats.marks_ignored);
}

#[test]
fn filled_late_and_dropped_samples_of_the_caller_are_counted() {
    let mut call = Call::started(Setup::mulaw());
    for _ in 0..7 {
        call.caller.skip_frame();
    }
    call.run_for(ms(400));
    let again = call.caller.captured - 160;
    let text = call.caller.media_at(again / 8, &voice(again, 160));
    call.twilio_sends(text);
    call.run_for(ms(400));
    let stats = call.bridge.stats();
    assert_eq!(stats.concealed_samples, 7 * 160);
    assert_eq!(stats.lost_samples, 7 * 160);
    assert_eq!((stats.late_samples, stats.duplicate_samples), (0, 160));
    assert_eq!((stats.stall_samples, stats.uplink_dropped_samples), (0, 0));
    let arrived = call.log.iter().filter(
        |exchange| matches!(&exchange.input, Input::Twilio(text) if text.contains("\"media\"")),
    );
    assert_eq!(stats.media_messages, arrived.count() as u64);
    let under_way = 8 * 70;
    let model = call.model.input.len() as u64;
    assert!(
        (model..model + under_way).contains(&stats.appended_samples),
        "{stats:?}"
    );

    let mut call = Call::new(Setup::mulaw());
    call.model.setup = Some(ms(3_000));
    call.dial();
    call.open_model();
    call.run_for(ms(4_000));
    let start = call.caller.captured - call.model.input.len();
    let dropped = call.bridge.stats().uplink_dropped_samples as usize;
    assert!(
        start.abs_diff(dropped) <= 8 * 70,
        "{dropped} told, {start} missing"
    );
}

#[test]
fn silence_fed_in_a_stall_is_counted_and_ends() {
    let mut call = Call::started(Setup::mulaw());
    call.speech_started();
    call.run_for(ms(300));
    call.caller.next_frame = None;
    call.run_for(ms(60_000));
    let stats = call.bridge.stats();
    assert!(stats.stall_samples >= 8_000, "{stats:?}");
    // A turn that will not end must not be fed for ever.
    assert!(stats.stall_samples <= 20 * 8_000, "{stats:?}");
    assert_eq!(call.bridge.poll_timeout(), None);
}

#[test]
fn outside_the_callers_turn_a_stall_feeds_nothing() {
    let mut call = Call::started(Setup::mulaw());
    call.caller.next_frame = None;
    call.run_for(ms(5_000));
    assert_eq!(call.bridge.stats().stall_samples, 0);
}

#[test]
fn the_response_latency_is_what_the_caller_waited() {
    for think in [50_000, 400_000, 1_500_000] {
        let mut call = Call::started(Setup::mulaw());
        assert_eq!(call.bridge.stats().response_latency, None);
        call.model
            .replies
            .push_back(Reply::speech(2_000).think(think));
        call.speech_started();
        call.run_for(ms(1_000));
        call.speech_stopped();
        let stopped = call.now;
        call.run_until_quiet();
        let heard = call.stretches(0)[0].at;
        let told = call
            .bridge
            .stats()
            .response_latency
            .expect("a response was heard");
        let told = told.as_micros() as u64;
        // The server ends a turn after half a second of silence; and what the caller said last had
        // 50 ms to travel. Marks tell to within their distance, and echoes have a way, too.
        let waited = heard - stopped + ms(500) + 50_000;
        let tolerance = ms(120) + 20_000 + 50_000;
        assert!(
            told.abs_diff(waited) <= tolerance,
            "told {told}, waited {waited}"
        );
        assert_eq!(
            call.bridge.stats().max_response_latency,
            call.bridge.stats().response_latency
        );
    }
}

#[test]
fn a_key_press_interrupts_nothing() {
    let mut call = Call::started(Setup::mulaw());
    call.model.replies.push_back(Reply::speech(2_000));
    call.turn();
    for digit in "159#".chars() {
        call.run_for(ms(200));
        let text = call.caller.dtmf(digit);
        call.twilio_sends(text);
    }
    call.run_until_quiet();
    assert_eq!(call.heard(0), 2_000 * 8);
    assert_eq!(
        call.events()
            .filter(|event| matches!(event, Ev::Dtmf(_)))
            .count(),
        4
    );
    conclude(&call, 0);
}

#[test]
fn commands_beyond_the_queue_are_refused_and_change_nothing() {
    let mut call = Call::started(Setup::mulaw());
    let event = format!(
        "{{\"type\":\"conversation.item.create\",\"item\":{{\"type\":\"message\",\
         \"role\":\"system\",\"content\":[{{\"type\":\"input_text\",\"text\":\"{}\"}}]}}}}",
        "x".repeat(60_000)
    );
    let refused = call.command(Input::Send(event));
    assert!(
        matches!(refused, Err(trunkline::Error::QueueFull { .. })),
        "{refused:?}"
    );
    assert!(call.log.last().unwrap().outputs.is_empty());
    // Many small ones without a drain between them.
    let small = trunkline::RawJson::new("{\"type\":\"input_audio_buffer.commit\"}").unwrap();
    let mut taken = 0;
    while call.bridge.send_openai(small).is_ok() {
        taken += 1;
        assert!(taken < 100_000, "no bound");
    }
    assert!(taken > 50, "{taken}");
    let mut buf = vec![0; call.bridge.max_output_len()];
    let outputs = crate::common::io::drain(&mut call.bridge, &mut buf);
    assert_eq!(outputs.len(), taken, "what was taken is sent");
    call.bridge.send_openai(small).expect("there is room again");
}

#[test]
fn a_bridge_in_borrowed_storage_does_the_same() {
    let mut call = Call::started(Setup::pcm());
    call.model.replies.push_back(Reply::speech(1_000));
    call.turn();
    call.run_for(ms(700));
    call.speech_started();
    call.run_until_quiet();
    let config = call.setup.config.clone();
    let mut storage = vec![0xA5; config.storage_len()];
    let mut bridge = Bridge::with_storage(config.clone(), &mut storage[..]).unwrap();
    let mut buf = vec![0; bridge.max_output_len()];
    for exchange in &call.log {
        let now = Duration::from_micros(exchange.at);
        let result = match &exchange.input {
            Input::Twilio(text) => bridge.handle_twilio(now, text),
            Input::OpenAi(text) => bridge.handle_openai(now, text),
            Input::Timeout => {
                bridge.handle_timeout(now);
                Ok(())
            }
            // All that this call has besides.
            _ => bridge.update_session(&crate::common::io::session(true, true)),
        };
        assert_eq!(result, exchange.result);
        let mut outputs = Vec::new();
        while let Some(output) = bridge.poll_output(&mut buf).unwrap() {
            outputs.push(crate::common::Out::own(&output));
        }
        assert_eq!(outputs, exchange.outputs);
    }
    let short = storage.len() - 1;
    let refused = Bridge::with_storage(config, &mut storage[..short]);
    let expected = trunkline::Error::BufferTooShort {
        needed: short + 1,
        actual: short,
    };
    assert_eq!(refused.err(), Some(expected));
}

#[test]
fn a_bridge_with_the_recommended_settings_takes_no_more_than_64_kib() {
    let bytes = size_of::<Bridge>() + Config::default().storage_len();
    assert!(bytes <= 64 << 10, "{bytes}");
}
