//! Caller to model.

use trunkline::{Concealer, Upsampler, bridge::ModelAudio, mulaw};

use crate::common::{Call, Cut, Ev, Input, Reply, Setup, caller::voice, model::Vad, ms};

/// Where the caller's audio in `input` starts and ends on the time line, in samples: whatever the
/// caller said must be there without a hole.
fn span(input: &[u8]) -> core::ops::Range<usize> {
    let all = voice(0, 200 * 8_000);
    let start = all
        .windows(16)
        .position(|window| window == &input[..16])
        .expect("caller's audio");
    assert_eq!(
        input,
        &all[start..start + input.len()],
        "a hole in the caller's audio"
    );
    start..start + input.len()
}

#[test]
fn caller_audio_arrives_complete_and_in_order() {
    let mut call = Call::started(Setup::mulaw());
    call.run_for(ms(3_000));
    let span = span(&call.model.input);
    assert_eq!(span.start, 0);
    // Two links of 20 and 30 ms lie between, and a frame may be under way.
    assert!(
        call.caller.captured - span.end <= 8 * 70,
        "{span:?} of {}",
        call.caller.captured
    );
}

#[test]
fn caller_audio_becomes_pcm_at_24_khz() {
    let mut call = Call::started(Setup::pcm());
    call.run_for(ms(2_000));
    let heard = voice(0, call.model.input.len() / 6);
    let mut narrow = vec![0; heard.len()];
    mulaw::decode(&heard, &mut narrow).unwrap();
    let mut wide = vec![0; narrow.len() * 3];
    Upsampler::new().process(&narrow, &mut wide).unwrap();
    let expected: Vec<u8> = wide
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    assert!(call.model.input.len() > 6 * 8 * 1_900);
    assert_eq!(call.model.input, expected);
}

#[test]
fn lost_media_is_concealed_in_the_same_length() {
    let mut call = Call::started(Setup::mulaw());
    let lost = call.caller.captured..call.caller.captured + 5 * 160;
    for _ in 0..5 {
        call.caller.skip_frame();
    }
    call.run_for(ms(1_000));
    let input = &call.model.input;
    let expected = voice(0, input.len());
    assert_eq!(input[..lost.start], expected[..lost.start]);
    // The voice fades out within 60 ms, and in within 5.
    let silent = lost.start + Concealer::FADE;
    assert!(
        input[lost.start..silent]
            .iter()
            .any(|byte| byte & 0x7F < 0x70)
    );
    assert!(input[silent..lost.end].iter().all(|&byte| byte == 0xFF));
    assert_eq!(input[lost.end + 40..], expected[lost.end + 40..]);
}

#[test]
fn a_gap_beyond_the_limit_is_not_filled_beyond_it() {
    let mut call = Call::started(Setup::mulaw());
    call.run_for(ms(200));
    let before = call.caller.captured;
    for _ in 0..60 * 50 {
        call.caller.skip_frame();
    }
    let resumed = call.caller.captured;
    call.run_for(ms(500));
    let input = &call.model.input;
    assert_eq!(input[..before], voice(0, before));
    // A minute is a new start: nothing is put in its place.
    assert_eq!(input[before..], voice(resumed, input.len() - before));
    assert!(input.len() - before >= 8 * 300);
}

#[test]
fn media_that_comes_twice_counts_once() {
    let mut call = Call::started(Setup::mulaw());
    let again = call.caller.captured - 160;
    let text = call.caller.media_at(again / 8, &voice(again, 160));
    call.twilio_sends(text);
    call.run_for(ms(500));
    assert_eq!(span(&call.model.input).start, 0);
}

#[test]
fn of_media_that_overlaps_only_the_new_part_counts() {
    let mut call = Call::started(Setup::mulaw());
    let position = call.caller.captured;
    let text = call
        .caller
        .media_at(position / 8 - 10, &voice(position - 80, 240));
    call.twilio_sends(text);
    call.caller.skip_frame();
    call.run_for(ms(500));
    assert_eq!(span(&call.model.input).start, 0);
}

#[test]
fn media_of_any_length_arrives_whole_though_timestamps_are_rounded() {
    for size in [1, 7, 100, 161, 333, 2_000] {
        let mut call = Call::started(Setup::mulaw());
        call.caller.next_frame = None;
        call.run_for(ms(100));
        let mut position = call.caller.captured;
        for _ in 0..20 {
            let text = call.caller.media_at(position / 8, &voice(position, size));
            call.twilio_sends(text);
            position += size;
            call.run_for(size as u64 * 125);
        }
        call.run_for(ms(100));
        assert_eq!(span(&call.model.input), 0..position, "size {size}");
    }
}

#[test]
fn a_short_stall_loses_nothing_and_adds_nothing() {
    let mut call = Call::started(Setup::mulaw());
    call.speech_started();
    for _ in 0..5 {
        call.run_for(ms(1_000));
        call.from_twilio.stall(call.now + ms(500));
    }
    call.run_for(ms(1_000));
    assert_eq!(span(&call.model.input).start, 0);
}

#[test]
fn silence_ends_the_turn_when_twilio_stalls_in_it() {
    for setup in [Setup::mulaw(), Setup::pcm()] {
        let mut call = Call::new(setup);
        call.model.vad = Vad::Energy { silence_ms: 500 };
        call.model.replies.push_back(Reply::speech(300));
        call.dial();
        call.open_model();
        call.run_for(ms(1_000));
        assert!(call.model.hears_speech());
        call.caller.next_frame = None;
        // 750 ms until the stall is noticed, 500 ms of silence, links, and a frame or two.
        call.run_for(ms(750 + 500 + 150));
        assert!(!call.model.hears_speech(), "{}", call.story());
        call.run_until_quiet();
        assert_eq!(call.heard(0), call.model.clips[0].samples());
    }
}

#[test]
fn what_arrives_after_a_long_stall_is_neither_repeated_nor_reordered() {
    let mut call = Call::new(Setup::mulaw());
    call.model.vad = Vad::Energy { silence_ms: 500 };
    call.dial();
    call.open_model();
    call.run_for(ms(1_000));
    call.from_twilio.stall(call.now + ms(3_000));
    call.run_for(ms(5_000));
    let stats = *call.bridge.stats();
    assert!(
        stats.stall_samples > 0 && stats.cut_samples > 0,
        "{stats:?}"
    );
    let all = voice(0, call.caller.captured);
    let (mut position, mut foreign) = (0, 0);
    let mut input = call.model.input.as_slice();
    while input.len() >= 16 {
        let found = all[position..]
            .windows(16)
            .position(|bytes| bytes == &input[..16]);
        let Some(found) = found else {
            foreign += usize::from(input[0] != 0xFF);
            input = &input[1..];
            continue;
        };
        position += found;
        let same = input
            .iter()
            .zip(&all[position..])
            .take_while(|(a, b)| a == b)
            .count();
        position += same;
        input = &input[same..];
    }
    // The voice fades out and in again, and where something was cut it is faded over.
    let made = Concealer::FADE + 40 + stats.cut_samples as usize;
    assert!(foreign <= made, "{foreign} samples from nowhere");
    assert!(
        call.caller.captured - position <= 8 * 70,
        "live audio must flow again"
    );
}

#[test]
fn audio_before_the_session_is_ready_is_kept_up_to_the_limit_and_then_flows() {
    let mut call = Call::new(Setup::mulaw());
    call.model.setup = Some(ms(3_000));
    call.dial();
    call.open_model();
    call.run_for(ms(2_900));
    assert!(call.model.input.is_empty());
    call.run_for(ms(2_000));
    let span = span(&call.model.input);
    // Ready some 3.1 s into the call, with the last second kept.
    assert!((8 * 1_900..8 * 2_300).contains(&span.start), "{span:?}");
    assert!(call.caller.captured - span.end <= 8 * 70);
}

#[test]
fn all_audio_before_the_session_flows_when_it_fits() {
    let mut call = Call::new(Setup::mulaw());
    call.model.setup = Some(ms(700));
    call.dial();
    call.open_model();
    call.run_for(ms(2_000));
    assert_eq!(span(&call.model.input).start, 0);
}

#[test]
fn nothing_is_sent_to_a_model_that_never_confirms_the_session() {
    let mut call = Call::new(Setup::mulaw());
    call.model.setup = None;
    call.dial();
    call.open_model();
    call.run_for(ms(10_000));
    assert!(call.model.input.is_empty());
    assert!(!call.has_event(&Ev::SessionReady));
}

#[test]
fn a_session_in_another_format_is_reported_and_never_becomes_noise() {
    let pcm = serde_json::json!({"type": "audio/pcm", "rate": 24_000});
    let ulaw = serde_json::json!({"type": "audio/pcmu"});
    let alaw = serde_json::json!({"type": "audio/pcma"});
    let cases = [
        (Setup::mulaw(), pcm.clone(), pcm.clone()),
        (Setup::mulaw(), ulaw.clone(), pcm.clone()),
        (Setup::mulaw(), pcm.clone(), ulaw.clone()),
        (Setup::mulaw(), alaw.clone(), alaw),
        (Setup::pcm(), ulaw.clone(), ulaw.clone()),
        (Setup::pcm(), pcm, ulaw),
    ];
    for (setup, input, output) in cases {
        let mut call = Call::new(setup);
        call.model.formats = Some((input.clone(), output.clone()));
        call.model
            .replies
            .push_back(Reply::speech(500).cut(Cut::Bytes(vec![960])));
        call.dial();
        call.open_model();
        call.run_for(ms(500));
        let told = call
            .events()
            .filter(|event| **event == Ev::FormatMismatch)
            .count();
        assert_eq!(told, 1, "{input} {output}");
        assert!(!call.has_event(&Ev::SessionReady));
        // The model speaks all the same, in whatever format it is in.
        call.turn();
        call.run_for(ms(2_000));
        assert!(
            call.model.input.is_empty(),
            "noise for the model: {input} {output}"
        );
        assert!(
            call.player.received.is_empty(),
            "noise on the line: {input} {output}"
        );
    }
}

#[test]
fn a_session_put_right_after_a_mismatch_lets_audio_flow() {
    let mut call = Call::new(Setup::mulaw());
    let pcm = serde_json::json!({"type": "audio/pcm", "rate": 24_000});
    call.model.formats = Some((pcm.clone(), pcm));
    call.dial();
    call.open_model();
    call.run_for(ms(500));
    call.model.formats = None;
    call.command(Input::Update {
        creates: true,
        interrupts: true,
    })
    .unwrap();
    call.run_for(ms(1_000));
    assert!(call.has_event(&Ev::SessionReady));
    span(&call.model.input);
}

#[test]
fn audio_is_held_again_between_two_model_connections() {
    let mut call = Call::started(Setup::mulaw());
    call.run_for(ms(500));
    call.command(Input::OpenAiClosed).unwrap();
    let lost_at = call.now;
    call.run_for(ms(300));
    let exchanges = call.log.iter().filter(|exchange| exchange.at > lost_at);
    let appends = exchanges.flat_map(|exchange| &exchange.outputs);
    let appends = appends.filter_map(crate::common::Out::client_event).count();
    assert_eq!(appends, 0, "nothing may be sent into a closed socket");
    let mut fresh = crate::common::model::Model::new(ModelAudio::Mulaw);
    core::mem::swap(&mut call.model, &mut fresh);
    call.open_model();
    call.run_for(ms(1_000));
    let before = span(&fresh.input);
    let after = span(&call.model.input);
    assert!(after.start <= before.end + 8 * 70, "{before:?} {after:?}");
    assert!(call.caller.captured - after.end <= 8 * 70);
}

#[test]
fn what_the_caller_is_played_is_not_sent_to_the_model() {
    let mut call = Call::started(Setup::mulaw());
    let position = call.caller.captured / 8;
    let text = call
        .caller
        .media_at(position, &[0x55; 160])
        .replace("inbound", "outbound");
    call.twilio_sends(text);
    call.run_for(ms(500));
    assert_eq!(span(&call.model.input).start, 0);
}

#[test]
fn a_link_that_jitters_changes_nothing_but_time() {
    for seed in 0..10 {
        let mut call = Call::started(Setup {
            jitter: ms(60),
            seed,
            ..Setup::mulaw()
        });
        call.run_for(ms(3_000));
        assert_eq!(span(&call.model.input).start, 0);
    }
}
