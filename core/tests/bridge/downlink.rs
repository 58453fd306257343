//! Model to caller.

use std::time::Duration;

use trunkline::bridge::{ModelAudio, Source};

use crate::common::{Call, Cut, Ev, Input, Reply, Say, Setup, conclude, ms};

/// A call in which the model says `reply` and is heard out.
fn heard(setup: Setup, reply: Reply) -> Call {
    let mut call = Call::started(setup);
    call.model.replies.push_back(reply);
    call.command(Input::CreateResponse(None)).unwrap();
    call.run_until_quiet();
    call
}

/// Every clip was played from its first to its last sample without a pause.
fn assert_seamless(call: &Call) {
    // PCM begins and ends with silence that cannot be told from silence around it.
    let edge = if call.setup.config.model_audio == ModelAudio::Mulaw {
        0
    } else {
        110
    };
    for (n, clip) in call.model.clips.iter().enumerate() {
        let stretches = call.stretches(n);
        let lengths: Vec<_> = stretches.iter().map(|run| run.samples).collect();
        let whole = clip.samples() - edge..=clip.samples();
        let seamless = matches!(lengths[..], [length] if whole.contains(&length));
        assert!(
            seamless,
            "clip {n}: {lengths:?} of {whole:?}\n{}",
            call.story()
        );
    }
    for pair in call.player.played.windows(2) {
        let end = pair[0].at + pair[0].samples as u64 * 125;
        assert!(
            pair[1].at <= end + 1,
            "a pause between {pair:?}\n{}",
            call.story()
        );
    }
    conclude(call, 0);
}

#[test]
fn a_greeting_is_heard_whole_and_without_a_pause() {
    for setup in [Setup::mulaw(), Setup::pcm()] {
        let call = heard(setup, Reply::speech(2_000));
        assert_seamless(&call);
    }
}

#[test]
fn a_greeting_asked_for_before_the_session_is_ready_waits_for_it() {
    let mut call = Call::new(Setup::mulaw());
    call.model.replies.push_back(Reply::speech(500));
    call.dial();
    call.open_model();
    call.command(Input::CreateResponse(None)).unwrap();
    call.run_until_quiet();
    let kinds: Vec<_> = call
        .model
        .commands
        .iter()
        .map(|(_, event)| &event["type"])
        .collect();
    assert_eq!(kinds, ["session.update", "response.create"]);
    let ready = call.model.commands[1].0;
    assert!(
        ready >= ms(1_000) + 2 * 30_000 + 5_000,
        "sent before `session.updated`: {ready}"
    );
    assert_seamless(&call);
}

#[test]
fn the_response_object_of_a_greeting_is_sent_as_given() {
    let mut call = Call::started(Setup::mulaw());
    let response = r#"{"instructions":"Say \"hello\" – once.","metadata":{"a":"b"}}"#;
    call.command(Input::CreateResponse(Some(response.into())))
        .unwrap();
    call.run_for(ms(200));
    let (_, event) = call.model.commands.last().unwrap();
    let expected: serde_json::Value = serde_json::from_str(response).unwrap();
    assert_eq!(event["response"], expected);
}

#[test]
fn twilio_holds_the_lead_and_no_more_and_never_runs_dry() {
    for lead_ms in [60, 200, 500] {
        for speed in [0, 2, 20] {
            let mut setup = Setup::mulaw();
            setup.config.lead = Duration::from_millis(lead_ms);
            setup.config.downlink_capacity = Duration::from_secs(30);
            let call = heard(setup, Reply::speech(8_000).speed(speed));
            assert_seamless(&call);
            let most = call
                .player
                .levels
                .iter()
                .map(|&(_, level)| level)
                .max()
                .unwrap();
            let limit = (lead_ms as usize + 20) * 8;
            assert!(
                most <= limit,
                "lead {lead_ms} ms, but {} ms queued",
                most / 8
            );
        }
    }
}

#[test]
fn the_lead_is_used_though_the_model_is_faster() {
    let mut setup = Setup::mulaw();
    setup.config.downlink_capacity = Duration::from_secs(30);
    let call = heard(setup, Reply::speech(8_000).speed(0));
    let (start, _) = call.player.levels[0];
    let middle = call
        .player
        .levels
        .iter()
        .filter(|&&(at, _)| (start + ms(1_000)..start + ms(7_000)).contains(&at));
    let least = middle.map(|&(_, level)| level).min().unwrap();
    assert!(least >= 160 * 8, "only {} ms of 200 queued", least / 8);
}

#[test]
fn audio_starts_as_soon_as_it_is_there() {
    let mut call = Call::started(Setup::mulaw());
    call.model.replies.push_back(Reply::speech(2_000).think(0));
    call.command(Input::CreateResponse(None)).unwrap();
    let asked = call.now;
    call.run_until_quiet();
    // To the model and back, then to Twilio; the Bridge adds nothing.
    assert_eq!(call.player.levels[0].0, asked + 30_000 + 30_000 + 20_000);
}

#[test]
fn a_timer_that_comes_late_is_caught_up_with() {
    for seed in 0..8 {
        let call = heard(
            Setup {
                late_timer: ms(60),
                seed,
                ..Setup::mulaw()
            },
            Reply::speech(5_000).speed(20),
        );
        assert_seamless(&call);
    }
}

#[test]
fn however_audio_is_cut_into_deltas_the_caller_hears_the_same() {
    let cuts = [
        Cut::Bytes(vec![1]),
        Cut::Bytes(vec![1, 2, 3, 5, 7, 11, 13]),
        Cut::Bytes(vec![479, 481, 1]),
        Cut::Bytes(vec![48_001]),
        Cut::Text(vec![1]),
        Cut::Text(vec![2, 3, 5]),
        Cut::Text(vec![1_001, 2, 999]),
        Cut::Text(vec![1 << 20]),
    ];
    for setup in [Setup::mulaw(), Setup::pcm()] {
        for cut in &cuts {
            // An odd length leaves a padded last quad and a partial last frame.
            let parts = vec![2_465];
            let say = Say::Speech {
                parts,
                words: String::new(),
            };
            let call = heard(setup.clone(), Reply::items(vec![say]).cut(cut.clone()));
            assert_seamless(&call);
        }
    }
}

#[test]
fn several_items_and_parts_are_heard_one_after_the_other() {
    for setup in [Setup::mulaw(), Setup::pcm()] {
        let two = Say::Speech {
            parts: vec![4_000, 2_001],
            words: "two".into(),
        };
        let reply = Reply::items(vec![Say::speech(700), two, Say::speech(300)]);
        let call = heard(setup, reply);
        assert_eq!(call.model.clips.len(), 4);
        assert_seamless(&call);
    }
}

#[test]
fn a_model_slower_than_speech_is_heard_whole() {
    let mut call = Call::started(Setup {
        jitter: ms(80),
        ..Setup::mulaw()
    });
    let cut = Cut::Bytes(vec![400]);
    call.model
        .replies
        .push_back(Reply::speech(3_000).speed(1).cut(cut));
    call.command(Input::CreateResponse(None)).unwrap();
    for _ in 0..3 {
        call.run_for(ms(700));
        call.from_model.stall(call.now + ms(600));
    }
    call.run_until_quiet();
    assert_eq!(call.player.received, call.model.clips[0].heard);
}

#[test]
fn a_long_speech_made_at_once_is_heard_whole() {
    // Twelve times what the Bridge holds by itself.
    let call = heard(Setup::mulaw(), Reply::speech(60_000).speed(8));
    assert_seamless(&call);
}

#[test]
fn marks_are_sparse() {
    let mut setup = Setup::mulaw();
    setup.config.downlink_capacity = Duration::from_secs(30);
    let call = heard(setup, Reply::speech(8_000).speed(20));
    let at: Vec<_> = call
        .player
        .marks
        .iter()
        .map(|&(_, _, position)| position)
        .collect();
    assert!(at.len() >= 60, "{} marks in 8 s", at.len());
    for pair in at[..at.len() - 1].windows(2) {
        let distance = (pair[1] - pair[0]) / 8;
        assert!((100..=120).contains(&distance), "marks {distance} ms apart");
    }
    assert_eq!(
        at.last(),
        Some(&(8_000 * 8)),
        "the end of the item carries a mark"
    );
    let mut names: Vec<_> = call.player.marks.iter().map(|(_, name, _)| name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), at.len(), "every mark has a name of its own");
}

#[test]
fn the_end_of_an_item_carries_a_mark_and_no_other_stands_close_to_it() {
    // Longer than the lead: of a short one the end is not known yet when its first mark goes out.
    for length in [1_057, 1_099, 1_101, 1_203] {
        let call = heard(Setup::mulaw(), Reply::speech(length));
        let at: Vec<_> = call
            .player
            .marks
            .iter()
            .map(|&(_, _, position)| position)
            .collect();
        assert_eq!(at.last(), Some(&(length * 8)), "{at:?}");
        for pair in at.windows(2) {
            assert!((800..1_760).contains(&(pair[1] - pair[0])), "{at:?}");
        }
    }
}

#[test]
fn the_bridges_own_marks_never_surface() {
    let call = heard(Setup::mulaw(), Reply::speech(3_000));
    assert!(!call.player.marks.is_empty());
    let surfaced = call.events().filter(|event| {
        matches!(
            event,
            Ev::Mark { .. }
                | Ev::Other {
                    source: Source::Twilio,
                    ..
                }
        )
    });
    assert_eq!(surfaced.count(), 0);
}

#[test]
fn a_mark_of_the_application_is_told_when_the_caller_has_heard_what_was_before_it() {
    let mut call = Call::started(Setup::mulaw());
    call.model.replies.push_back(Reply::speech(1_500).speed(0));
    call.command(Input::CreateResponse(None)).unwrap();
    call.run_for(ms(400));
    call.command(Input::Mark("goodbye \"said\" \\o/".into()))
        .unwrap();
    call.run_until_quiet();
    let mark = Ev::Mark {
        name: "goodbye \"said\" \\o/".into(),
        heard: true,
    };
    let told = call.log.iter().find(|exchange| {
        exchange
            .outputs
            .iter()
            .any(|output| output.event() == Some(&mark))
    });
    let told = told.expect("the mark is told").at;
    let run = call.stretches(0)[0];
    assert_eq!(told, run.at + ms(1_500) + 20_000, "when its echo has come");
    assert_eq!(call.events().filter(|event| **event == mark).count(), 1);
}

#[test]
fn a_mark_with_nothing_queued_is_heard_at_once() {
    let mut call = Call::started(Setup::mulaw());
    call.command(Input::Mark("now".into())).unwrap();
    call.run_for(ms(100));
    assert!(call.has_event(&Ev::Mark {
        name: "now".into(),
        heard: true
    }));
}

#[test]
fn a_mark_flushed_by_a_barge_in_is_told_as_not_heard() {
    let mut call = Call::started(Setup::mulaw());
    call.model.replies.push_back(Reply::speech(3_000).speed(0));
    call.command(Input::CreateResponse(None)).unwrap();
    call.run_for(ms(400));
    call.command(Input::Mark("end".into())).unwrap();
    call.run_for(ms(400));
    call.speech_started();
    call.run_for(ms(500));
    let told: Vec<_> = call
        .events()
        .filter(|event| matches!(event, Ev::Mark { .. }))
        .collect();
    assert_eq!(
        told,
        [&Ev::Mark {
            name: "end".into(),
            heard: false
        }]
    );
}

#[test]
fn an_empty_response_is_harmless() {
    let call = heard(Setup::mulaw(), Reply::items(vec![]));
    assert!(call.player.received.is_empty());
    let call = heard(Setup::mulaw(), Reply::items(vec![Say::speech(0)]));
    assert!(call.player.received.is_empty());
}
