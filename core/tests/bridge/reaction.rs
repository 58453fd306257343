//! Playback held by the caller's voice itself, before the model reports it, and what that gains.

use std::time::Duration;

use trunkline::bridge::BargeIn;

use crate::common::{
    Call, Ev, Input, Out, Reply, Setup, conclude, ms,
    player::Place,
    sounds::{VOWELS, at_level, sentence, syllables, to_mulaw, vowel},
};

/// From speech at the model to its word of it: what a server's detector needs.
const SERVER: u64 = ms(200);
/// Silence that ends a turn in these sessions.
const SILENCE: u64 = ms(500);

fn setup(barge_in: BargeIn, voice_detection: bool) -> Setup {
    let mut setup = Setup::mulaw();
    // A transatlantic call: Twilio to Bridge, Bridge to Twilio, model to Bridge, Bridge to model.
    setup.delays = [ms(50), ms(50), ms(40), ms(40)];
    setup.config.barge_in = barge_in;
    setup.config.voice_detection = voice_detection;
    setup.config.downlink_capacity = Duration::from_secs(20);
    setup
}

/// The caller is silent and the model has been heard for 1.2 s with the first of its answers.
fn speaking(setup: Setup) -> Call {
    let mut call = Call::new(setup);
    call.caller.says = Some((0, Vec::new()));
    call.dial();
    call.open_model();
    while !call.has_event(&Ev::SessionReady) {
        call.run_for(ms(1));
    }
    call.model
        .replies
        .extend([Reply::speech(8_000).speed(2), Reply::speech(700)]);
    call.command(Input::CreateResponse(None)).unwrap();
    while call.player.played.is_empty() {
        call.run_for(ms(1));
    }
    call.run_for(ms(1_200));
    call
}

/// The caller says `voice`, `within` milliseconds from the start of a frame; the model, if it hears it, says so [`SERVER`] after the
/// first sample, and [`SILENCE`] after the last that it is over. Returns when the first sample is
/// spoken.
fn say(call: &mut Call, voice: &[u8], within: u64, is_heard: bool) -> u64 {
    // A frame is sent when its last sample is in.
    let frame = call.caller.next_frame.expect("media flows") - ms(20);
    let said = frame + ms(within);
    let start = call.caller.captured + within as usize * 8;
    call.caller.says = Some((start, voice.to_vec()));
    let way = call.setup.delays[0] + call.setup.delays[3];
    if is_heard {
        call.at(said + way + SERVER, Call::speech_started);
        let end = said + voice.len() as u64 * 125;
        call.at(end + way + SILENCE, Call::speech_stopped);
    }
    said
}

fn speech(ms: usize) -> Vec<u8> {
    to_mulaw(&at_level(syllables(1, 130.0, ms * 8), -22.0))
}

fn told(call: &Call, is_meant: impl Fn(&Ev) -> bool) -> Option<u64> {
    let told = call.log.iter().find(|exchange| {
        exchange
            .outputs
            .iter()
            .filter_map(Out::event)
            .any(&is_meant)
    });
    told.map(|exchange| exchange.at)
}

fn requests(call: &Call) -> usize {
    let commands = call.model.commands.iter();
    commands
        .filter(|(_, command)| command["type"] == "response.create")
        .count()
}

/// When the last sample of the first answer was over.
fn silent_at(call: &Call) -> u64 {
    let heard = call.player.heard(&call.places());
    let mut of_answer = heard
        .iter()
        .filter(|(_, place)| place.is_some_and(|place| place.clip == 0));
    let last = of_answer.next_back().expect("the answer was heard").0;
    last.at + last.samples as u64 * 125
}

/// Milliseconds from the caller's first sample to: playback held, clear sent, silence.
#[derive(Debug)]
struct Reaction {
    held: Option<u64>,
    cleared: u64,
    silent: u64,
}

fn reaction(barge_in: BargeIn, voice_detection: bool, voice: &[u8], within: u64) -> Reaction {
    let mut call = speaking(setup(barge_in, voice_detection));
    let said = say(&mut call, voice, within, true);
    call.run_until_quiet();
    conclude(&call, 0);
    assert_eq!(
        requests(&call),
        if barge_in == BargeIn::OnSpeech { 1 } else { 2 }
    );
    assert_eq!(call.model.responses.len(), 2, "the caller is answered");
    let since = |at: u64| (at - said) / 1_000;
    Reaction {
        held: told(&call, |event| *event == Ev::PlaybackHeld).map(since),
        cleared: since(told(&call, |event| matches!(event, Ev::BargeIn { .. })).unwrap()),
        silent: since(silent_at(&call)),
    }
}

/// `--nocapture` shows the table.
#[test]
fn playback_stops_sooner_by_the_way_to_the_model_and_its_own_detection() {
    let after = |ms| BargeIn::AfterSpeech(Duration::from_millis(ms));
    let modes = [
        ("OnSpeech", BargeIn::OnSpeech, false),
        ("OnSpeech", BargeIn::OnSpeech, true),
        ("AfterSpeech(120 ms)", after(120), true),
        ("AfterSpeech(200 ms)", after(200), true),
        ("AfterSpeech(200 ms)", after(200), false),
        ("OnTranscript", BargeIn::OnTranscript, true),
        ("OnTranscript", BargeIn::OnTranscript, false),
    ];
    println!("| barge-in | voice detection | playback held | clear sent | silence at the caller |");
    println!("|---|---|---|---|---|");
    let mut worst = Vec::new();
    for (name, barge_in, voice_detection) in modes {
        let mut all = Vec::new();
        for n in 0..6 {
            let voice = to_mulaw(&sentence(n)[..9_600]);
            all.extend(
                [0, 7, 13, 19].map(|within| reaction(barge_in, voice_detection, &voice, within)),
            );
        }
        let range = |of: &dyn Fn(&Reaction) -> Option<u64>| {
            let values = all.iter().filter_map(of);
            let [least, most] = [values.clone().min(), values.max()];
            match (least, most) {
                (Some(least), Some(most)) if least < most => format!("{least}–{most} ms"),
                (Some(least), _) => format!("{least} ms"),
                _ => "–".to_owned(),
            }
        };
        let is = if voice_detection { "yes" } else { "no" };
        println!(
            "| {name} | {is} | {} | {} | {} |",
            range(&|reaction| reaction.held),
            range(&|reaction| Some(reaction.cleared)),
            range(&|reaction| Some(reaction.silent)),
        );
        let most = |of: fn(&Reaction) -> u64| all.iter().map(of).max().unwrap();
        worst.push((
            all.iter().filter_map(|reaction| reaction.held).max(),
            most(|reaction| reaction.cleared),
            most(|reaction| reaction.silent),
        ));
    }
    let [plain, held, short, long, ..] = worst[..] else {
        panic!("{worst:?}")
    };
    // Without detection: to the model and back, 50 + 40 + 40 ms, and its 200; then 50 to the player.
    assert_eq!((plain.0, plain.1), (None, 330));
    assert!((380..=381).contains(&plain.2), "{plain:?}");
    // With it, playback is held long before the model's word, which then clears what is left.
    assert!(held.0.unwrap() + 100 <= plain.1, "{held:?}");
    assert_eq!(held.1, plain.1);
    assert!(held.2 <= plain.2);
    // A short confirmation stops the lead itself before the model's word.
    assert!(
        short.1 + 100 <= plain.1 && short.2 + 100 <= plain.2,
        "{short:?}"
    );
    assert!(short.1 < long.1 && long.1 < plain.1, "{short:?} {long:?}");
}

#[test]
fn a_voice_that_the_model_does_not_hear_costs_a_pause_and_no_sample() {
    for barge_in in [
        BargeIn::OnSpeech,
        BargeIn::OnTranscript,
        BargeIn::AfterSpeech(Duration::from_millis(600)),
    ] {
        for length in [100, 300, 500, 4_000] {
            if length == 4_000 && matches!(barge_in, BargeIn::AfterSpeech(_)) {
                continue;
            }
            let mut call = speaking(setup(barge_in, true));
            say(&mut call, &speech(length), 7, false);
            call.run_until_quiet();
            let mut next = 0;
            for (run, place) in call.player.heard(&call.places()) {
                if let Some(Place { offset, .. }) = place {
                    assert_eq!(offset, next);
                    next += run.samples;
                }
            }
            assert_eq!(next, 8_000 * 8, "{barge_in:?} {length}");
            assert!(call.player.clears.is_empty());
            let stats = call.bridge.stats();
            assert_eq!((stats.holds, stats.false_barge_ins), (1, 1));
            let held = told(&call, |event| *event == Ev::PlaybackHeld).unwrap();
            let resumed = told(&call, |event| matches!(event, Ev::PlaybackResumed { .. })).unwrap();
            assert!(resumed - held <= ms(2_000), "{}", resumed - held);
            conclude(&call, 0);
        }
    }
}

#[test]
fn what_is_no_voice_holds_nothing() {
    for barge_in in [BargeIn::OnSpeech, BargeIn::OnTranscript] {
        let mut call = speaking(setup(barge_in, true));
        // The harness's own voice is noise to an ear.
        call.caller.says = None;
        call.run_until_quiet();
        assert_eq!(call.bridge.stats().holds, 0);
        assert_eq!(call.stretches(0).len(), 1);
    }
}

#[test]
fn detection_holds_nothing_while_nothing_is_said_or_where_nothing_interrupts() {
    let mut quiet = speaking(setup(BargeIn::OnSpeech, true));
    quiet.run_until_quiet();
    say(&mut quiet, &speech(800), 7, true);
    quiet.run_until_quiet();
    assert_eq!(quiet.bridge.stats().holds, 0);
    let mut never = speaking(setup(BargeIn::Never, true));
    say(&mut never, &speech(800), 7, false);
    never.run_until_quiet();
    assert_eq!(never.bridge.stats().holds, 0);
}

#[test]
fn a_barge_in_that_the_model_never_hears_is_answered_all_the_same() {
    let after = BargeIn::AfterSpeech(Duration::from_millis(150));
    let mut call = speaking(setup(after, true));
    say(&mut call, &speech(600), 7, false);
    call.run_until_quiet();
    assert_eq!(call.bridge.stats().barge_ins, 1);
    assert_eq!(requests(&call), 2);
    assert_eq!(call.model.responses.len(), 2);
    conclude(&call, 0);
    // One that it hears is answered once.
    let mut call = speaking(setup(after, true));
    say(&mut call, &speech(600), 7, true);
    call.run_until_quiet();
    assert_eq!((requests(&call), call.model.responses.len()), (2, 2));
    conclude(&call, 0);
}

#[test]
fn what_was_spoken_before_playback_was_held_does_not_count() {
    let after = BargeIn::AfterSpeech(Duration::from_millis(400));
    let mut call = speaking(setup(after, true));
    // Somebody in the room has been talking since before the answer; then there is a cough.
    call.run_until_quiet();
    say(&mut call, &speech(6_000), 7, false);
    call.run_for(ms(1_000));
    call.model.replies = [Reply::speech(5_000)].into();
    call.command(Input::CreateResponse(None)).unwrap();
    call.run_for(ms(1_000));
    let holds = call.bridge.stats().holds;
    call.speech_started();
    call.run_for(ms(200));
    assert_eq!(call.bridge.stats().holds, holds + 1);
    assert_eq!(call.bridge.stats().barge_ins, 0);
    call.run_for(ms(400));
    assert_eq!(call.bridge.stats().barge_ins, 1, "it has lasted since");
}

#[test]
fn a_voice_shorter_than_asked_for_is_not_made_longer_by_the_pause_behind_it() {
    let after = BargeIn::AfterSpeech(Duration::from_millis(300));
    let mut call = speaking(setup(after, true));
    let voice = to_mulaw(&at_level(vowel(130.0, VOWELS[0], 1_600), -22.0));
    say(&mut call, &voice, 7, true);
    call.run_until_quiet();
    assert_eq!(call.bridge.stats().barge_ins, 0);
    assert_eq!(call.model.responses.len(), 1);
    conclude(&call, 0);
}

#[test]
fn a_session_lost_while_a_voice_holds_playback_lets_it_go_on() {
    let mut call = speaking(setup(BargeIn::OnSpeech, true));
    say(&mut call, &speech(3_000), 7, false);
    call.run_for(ms(400));
    assert_eq!(call.bridge.stats().holds, 1);
    call.lose_model();
    assert_eq!(call.bridge.stats().false_barge_ins, 1);
    call.run_until_quiet();
    assert_eq!(call.bridge.stats().depth_samples, 0);
}
