//! Each ordering that a barge-in has to survive, as a script of its own. Whatever the judge of the
//! random scripts demands is demanded of these, too; the assertions here say what is special.
//!
//! | ordering | test |
//! |---|---|
//! | speech during generation | [`speech_during_generation`] |
//! | speech after generation, while audio still plays | [`speech_after_generation`] |
//! | speech before any audio of a response | [`speech_before_any_audio`] |
//! | speech with nothing playing | [`speech_over_silence`] |
//! | speech while audio starves | `barge_in.rs`: `a_caller_who_speaks_often_while_audio_starves_is_no_trouble` |
//! | several queued items, one of them being heard | [`several_queued_items`] |
//! | several content parts of one item | [`several_content_parts`] |
//! | items of two responses behind each other | [`two_responses_queued`] |
//! | an item nobody heard | [`an_item_nobody_heard`] |
//! | a `clear` that crosses deltas | [`a_clear_that_crosses_deltas`] |
//! | an item, and a part, that begin after the interruption | [`an_item_that_begins_too_late`] |
//! | many answers lost with the connection that brought them | [`many_answers_lost_with_the_connection_that_brought_them`] |
//! | two barge-ins 1–40 ms apart | [`two_barge_ins_in_a_row`] |
//! | one barge-in after the other | `barge_in.rs`: `each_answer_of_a_hasty_conversation_is_cut_for_itself` |
//! | echoes lost | [`echoes_lost`] |
//! | echoes 5 s late | [`echoes_five_seconds_late`] |
//! | echoes twice, out of order, of unknown names | [`echoes_in_disorder`] |
//! | echoes of marks that a `clear` has flushed | [`echoes_of_flushed_marks`] |
//! | a key pressed during a barge-in | [`a_key_during_a_barge_in`] |
//! | a truncation beyond what the server holds | [`a_truncation_refused`] |
//! | a truncation of an item the server has lost | [`a_truncation_of_a_lost_item`] |
//! | a cancel that finds no response | [`a_cancel_that_finds_nothing`] |
//! | a response that fails, is incomplete or cancelled | [`a_response_that_ends_badly`] |
//! | a tool call in an interrupted response | [`a_tool_call_that_is_interrupted`] |
//! | the application's commands around a barge-in | [`commands_around_a_barge_in`] |
//! | a request under way when the caller speaks | [`a_request_that_the_caller_overtakes`] |
//! | the model's socket lost at every moment | [`the_model_lost_at_every_moment`] |
//! | the call ended at every moment | [`the_call_ended_at_every_moment`] |
//! | a host that sleeps, wakes early, drains late | [`a_host_that_is_late`] |
//! | the carrier's clock off by 500 ppm | [`a_clock_that_is_off`] |
//! | a false barge-in: too short | [`a_false_barge_in_too_short`] |
//! | a false barge-in: without words | [`a_false_barge_in_without_words`] |
//! | an interruption confirmed by its length, by its words | [`an_interruption_that_is_confirmed`] |
//! | deltas, marks and the end of the response during a hold | [`what_comes_during_a_hold`] |
//! | a response that begins after speech over nothing was long enough | [`a_response_that_begins_after_speech_was_long_enough`] |
//! | two bursts of speech, one hold | [`two_bursts_in_one_hold`] |
//! | many answers on their way when the application interrupts | [`many_answers_on_their_way_when_the_application_interrupts`] |
//! | more turns in doubt than are remembered | [`of_four_turns_in_doubt_the_oldest_is_none_any_more`] |
//! | a voice heard here that the model hears, too, and one that it does not | [`a_voice_heard_here`] |

use super::{
    event::{
        Ending,
        Event::{self, *},
        Fate, Setup, Stops, Stray, Words,
    },
    world::World,
};

const MS: u64 = 1_000;
const CLEAR: &str = "clear";
const CANCEL: &str = "response.cancel";
const CREATE: &str = "response.create";
const TRUNCATE: &str = "conversation.item.truncate";
const DELETE: &str = "conversation.item.delete";

/// Plays `script` to its end, and returns what came out of it by kind.
fn play(setup: Setup, script: &[Event]) -> Vec<String> {
    let mut world = World::begin(&setup);
    world.told.clear();
    for event in script {
        world.apply(event);
    }
    let told = world.told.clone();
    world.finish();
    told
}

/// How often something of that `kind` was told.
fn count(told: &[String], kind: &str) -> usize {
    told.iter().filter(|&name| name == kind).count()
}

/// What was told, in order, of the things that make up a barge-in.
fn transaction(told: &[String]) -> Vec<&str> {
    let parts = [CLEAR, CANCEL, TRUNCATE, DELETE, "BargeIn"];
    let told = told.iter().map(String::as_str);
    told.filter(|name| parts.contains(name)).collect()
}

/// A server that leaves cancelling to us.
fn uncancelled() -> Setup {
    Setup {
        interrupts: false,
        ..Setup::default()
    }
}

#[test]
fn speech_during_generation() {
    let script = [Deltas(10, 800), Wait(600 * MS), Speak, Wait(200 * MS), Fall];
    let told = play(Setup::default(), &script);
    assert_eq!(transaction(&told), [CLEAR, TRUNCATE, "BargeIn"]);
    let told = play(uncancelled(), &script);
    assert_eq!(transaction(&told), [CLEAR, CANCEL, TRUNCATE, "BargeIn"]);
}

#[test]
fn speech_after_generation() {
    let script = [Reply(vec![2_000]), Wait(900 * MS), Speak, Wait(200 * MS)];
    for setup in [Setup::default(), uncancelled()] {
        let told = play(setup, &script);
        assert_eq!(transaction(&told), [CLEAR, TRUNCATE, "BargeIn"]);
    }
}

#[test]
fn speech_before_any_audio() {
    let script = [CreateResponse, Wait(200 * MS), Speak, Wait(200 * MS), Fall];
    let told = play(Setup::default(), &script);
    assert_eq!(transaction(&told), [""; 0]);
    let told = play(uncancelled(), &script);
    assert_eq!(transaction(&told), [CANCEL]);
}

#[test]
fn speech_over_silence() {
    let script = [
        Reply(vec![300]),
        Wait(900 * MS),
        Speak,
        Wait(300 * MS),
        Fall,
    ];
    let told = play(Setup::default(), &script);
    assert_eq!(transaction(&told), [""; 0]);
    assert_eq!(count(&told, "ItemHeard"), 1);
}

#[test]
fn several_queued_items() {
    let script = [
        Reply(vec![400, 600, 500, 300]),
        Wait(900 * MS),
        Speak,
        Wait(200 * MS),
    ];
    let told = play(Setup::default(), &script);
    let expected = [CLEAR, TRUNCATE, DELETE, DELETE, "BargeIn"];
    assert_eq!(transaction(&told), expected);
    assert_eq!(count(&told, "ItemHeard"), 1);
}

#[test]
fn several_content_parts() {
    let script = [
        Deltas(2, 1_600),
        PartDone,
        Deltas(2, 1_600),
        PartDone,
        Deltas(2, 1_600),
        Done(Ending::Completed),
        Wait(700 * MS),
        Speak,
        Wait(200 * MS),
    ];
    let told = play(Setup::default(), &script);
    // The part that is heard and the one behind it, which no deletion can reach.
    let expected = [CLEAR, TRUNCATE, TRUNCATE, "BargeIn"];
    assert_eq!(transaction(&told), expected);
}

#[test]
fn two_responses_queued() {
    let script = [
        Reply(vec![700]),
        Wait(100 * MS),
        Reply(vec![700]),
        Wait(400 * MS),
        Speak,
        Wait(200 * MS),
    ];
    let told = play(Setup::default(), &script);
    assert_eq!(transaction(&told), [CLEAR, TRUNCATE, DELETE, "BargeIn"]);
}

#[test]
fn an_item_nobody_heard() {
    let setup = Setup {
        delays: [20_000, 300_000, 30_000, 30_000],
        ..Setup::default()
    };
    let script = [Reply(vec![700]), Wait(100 * MS), Speak, Wait(900 * MS)];
    let told = play(setup, &script);
    assert_eq!(transaction(&told), [CLEAR, DELETE, "BargeIn"]);
}

#[test]
fn a_clear_that_crosses_deltas() {
    let setup = Setup {
        delays: [20_000, 20_000, 150_000, 200_000],
        ..uncancelled()
    };
    let script = [
        Deltas(4, 1_600),
        Wait(600 * MS),
        Speak,
        // The cancel is not there yet.
        Deltas(4, 1_600),
        Wait(100 * MS),
        Deltas(4, 1_600),
        Wait(900 * MS),
    ];
    let told = play(setup, &script);
    assert_eq!(transaction(&told), [CLEAR, CANCEL, TRUNCATE, "BargeIn"]);
}

#[test]
fn an_item_that_begins_too_late() {
    let setup = Setup {
        delays: [20_000, 20_000, 150_000, 200_000],
        ..uncancelled()
    };
    let begin = |between: Event| {
        [
            Deltas(4, 1_600),
            Wait(600 * MS),
            Speak,
            between,
            Deltas(4, 1_600),
            Wait(900 * MS),
        ]
    };
    let told = play(setup.clone(), &begin(ItemDone));
    let expected = [CLEAR, CANCEL, TRUNCATE, "BargeIn", DELETE];
    assert_eq!(transaction(&told), expected);
    let told = play(setup, &begin(PartDone));
    let expected = [CLEAR, CANCEL, TRUNCATE, "BargeIn", TRUNCATE];
    assert_eq!(transaction(&told), expected);
}

#[test]
fn two_barge_ins_in_a_row() {
    for gap in 1..=40 {
        let script = [
            Deltas(8, 1_600),
            Wait(700 * MS),
            SpeakTwice(gap * MS),
            Wait(300 * MS),
            Fall,
        ];
        let told = play(Setup::default(), &script);
        assert_eq!(transaction(&told), [CLEAR, TRUNCATE, "BargeIn"], "{gap} ms");
        assert_eq!(count(&told, "SpeechStarted"), 2);
    }
}

#[test]
fn echoes_lost() {
    let script = [
        Echoes(Fate::Lost),
        Reply(vec![800]),
        Wait(500 * MS),
        Speak,
        Wait(300 * MS),
    ];
    // Nothing is proven heard.
    let told = play(Setup::default(), &script);
    assert_eq!(transaction(&told), [CLEAR, DELETE, "BargeIn"]);
}

#[test]
fn echoes_five_seconds_late() {
    let script = [
        Echoes(Fate::Late(5_000)),
        Reply(vec![800]),
        Wait(500 * MS),
        Speak,
        Wait(300 * MS),
        Fall,
        Wait(300 * MS),
        Echoes(Fate::Prompt),
        Reply(vec![4_000]),
        // The late echoes arrive while the next answer plays.
        Wait(4_900 * MS),
        Speak,
        Wait(300 * MS),
    ];
    let setup = Setup {
        capacity: 8_000,
        ..Setup::default()
    };
    let told = play(setup, &script);
    assert_eq!(transaction(&told)[..3], [CLEAR, DELETE, "BargeIn"]);
}

#[test]
fn echoes_in_disorder() {
    for fate in [Fate::Twice, Fate::Reordered] {
        let script = [
            Echoes(fate),
            Reply(vec![900]),
            Wait(700 * MS),
            StrayEcho(Stray::First),
            StrayEcho(Stray::Unknown("tl:0:99999999")),
            StrayEcho(Stray::Unknown("")),
            StrayEcho(Stray::Newest),
            Wait(30 * MS),
            Speak,
            Wait(300 * MS),
        ];
        let told = play(Setup::default(), &script);
        assert_eq!(transaction(&told), [CLEAR, TRUNCATE, "BargeIn"]);
    }
}

#[test]
fn echoes_of_flushed_marks() {
    let setup = Setup {
        lead: 3_000,
        ..Setup::default()
    };
    let script = [
        Reply(vec![2_000]),
        Mark,
        Wait(600 * MS),
        Speak,
        Wait(100 * MS),
        Fall,
        Wait(300 * MS),
        Reply(vec![2_000]),
        Wait(200 * MS),
        StrayEcho(Stray::BeforeClear),
        Wait(400 * MS),
        Speak,
        Wait(300 * MS),
    ];
    let told = play(setup, &script);
    let barge_in = [CLEAR, TRUNCATE, "BargeIn"];
    assert_eq!(transaction(&told), [barge_in, barge_in].concat());
    assert_eq!(count(&told, "Mark"), 1);
}

#[test]
fn a_key_during_a_barge_in() {
    let script = [
        Deltas(8, 1_600),
        Wait(700 * MS),
        Dtmf('5'),
        Speak,
        Dtmf('#'),
        Wait(300 * MS),
        Dtmf('*'),
        Wait(100 * MS),
    ];
    let told = play(Setup::default(), &script);
    assert_eq!(transaction(&told), [CLEAR, TRUNCATE, "BargeIn"]);
    assert_eq!(count(&told, "Dtmf"), 3);
}

#[test]
fn a_truncation_refused() {
    let script = [
        Shortfall(300),
        Reply(vec![1_000]),
        Wait(980 * MS),
        Speak,
        Wait(600 * MS),
    ];
    let told = play(Setup::default(), &script);
    // 700 ms are held of some 900: two steps back.
    let expected = [CLEAR, TRUNCATE, "BargeIn", TRUNCATE, TRUNCATE];
    assert_eq!(transaction(&told), expected);
}

#[test]
fn a_truncation_of_a_lost_item() {
    let script = [
        LoseItem,
        Reply(vec![1_000]),
        Wait(900 * MS),
        Speak,
        Wait(5_000 * MS),
    ];
    let told = play(Setup::default(), &script);
    assert_eq!(transaction(&told)[..3], [CLEAR, TRUNCATE, "BargeIn"]);
    assert!(count(&told, TRUNCATE) <= 6);
}

#[test]
fn a_cancel_that_finds_nothing() {
    let setup = Setup {
        delays: [20_000, 20_000, 100_000, 100_000],
        ..uncancelled()
    };
    let script = [
        Deltas(4, 1_600),
        Wait(700 * MS),
        Speak,
        Wait(50 * MS),
        Done(Ending::Completed),
        Wait(600 * MS),
    ];
    let told = play(setup, &script);
    assert_eq!(transaction(&told), [CLEAR, CANCEL, TRUNCATE, "BargeIn"]);
    assert_eq!(count(&told, "ModelError"), 0);
}

#[test]
fn a_response_that_ends_badly() {
    for ending in [Ending::Failed, Ending::Incomplete, Ending::Cancelled] {
        let begin = [Deltas(4, 1_600), Wait(200 * MS), Done(ending)];
        // What it said is played out …
        let told = play(
            Setup::default(),
            &[&begin[..], &[Wait(1_200 * MS)]].concat(),
        );
        assert_eq!(transaction(&told), [""; 0], "{ending:?}");
        assert_eq!(count(&told, "ItemHeard"), 1, "{ending:?}");
        // … or cut.
        let told = play(
            Setup::default(),
            &[&begin[..], &[Wait(300 * MS), Speak, Wait(300 * MS)]].concat(),
        );
        assert_eq!(
            transaction(&told),
            [CLEAR, TRUNCATE, "BargeIn"],
            "{ending:?}"
        );
    }
}

#[test]
fn a_tool_call_that_is_interrupted() {
    let script = [
        Deltas(4, 1_600),
        ItemDone,
        ToolCall,
        Wait(500 * MS),
        Speak,
        Answer,
        Wait(300 * MS),
        Fall,
        Wait(3_000 * MS),
    ];
    let setup = Setup {
        creates: false,
        ..Setup::default()
    };
    let told = play(setup, &script);
    assert_eq!(transaction(&told), [CLEAR, TRUNCATE, "BargeIn"]);
    assert_eq!(count(&told, "ToolCall"), 1);
    // The answer is asked for once the caller is silent.
    assert_eq!(count(&told, CREATE), 1);
}

#[test]
fn commands_around_a_barge_in() {
    let script = [
        Deltas(8, 1_600),
        Mark,
        Wait(500 * MS),
        Interrupt,
        Interrupt,
        Mark,
        CreateResponse,
        Wait(300 * MS),
        Interrupt,
        Speak,
        Interrupt,
        Wait(300 * MS),
        CreateResponse,
        Fall,
        Wait(300 * MS),
    ];
    for setup in [Setup::default(), uncancelled()] {
        let told = play(setup, &script);
        assert_eq!(count(&told, "BargeIn"), 1);
        assert_eq!(count(&told, "Mark"), 2);
    }
}

#[test]
fn a_request_that_the_caller_overtakes() {
    let setup = Setup {
        delays: [20_000, 20_000, 100_000, 100_000],
        creates: false,
        ..uncancelled()
    };
    let script = [
        CreateResponse,
        Wait(50 * MS),
        Speak,
        Wait(400 * MS),
        Fall,
        Wait(600 * MS),
    ];
    let told = play(setup, &script);
    // Begun over the caller's voice, it is cancelled and asked for again after it.
    assert_eq!(count(&told, CREATE), 2);
    assert_eq!(count(&told, CANCEL), 1);
}

/// A call with everything in it.
fn busy() -> Vec<Event> {
    vec![
        CreateResponse,
        Wait(80 * MS),
        Deltas(4, 1_600),
        Mark,
        Wait(300 * MS),
        ItemDone,
        ToolCall,
        Wait(60 * MS),
        Speak,
        Wait(30 * MS),
        Answer,
        Dtmf('1'),
        Wait(30 * MS),
        Fall,
        Wait(200 * MS),
        Reply(vec![500, 300]),
        Wait(200 * MS),
        Interrupt,
        Wait(50 * MS),
    ]
}

#[test]
fn the_model_lost_at_every_moment() {
    for stops in [Stops::OnSpeech, Stops::AfterSpeech(20), Stops::OnTranscript] {
        for at in 0..=busy().len() {
            let mut script = busy();
            script.insert(at, LoseModel(40));
            let setup = Setup {
                stops,
                ..Setup::default()
            };
            play(setup, &script);
        }
    }
}

#[test]
fn the_call_ended_at_every_moment() {
    for stops in [Stops::OnSpeech, Stops::AfterSpeech(20), Stops::OnTranscript] {
        for end in [Stop, Hangup] {
            for at in 0..=busy().len() {
                let mut script = busy();
                script.insert(at, end.clone());
                let setup = Setup {
                    stops,
                    ..Setup::default()
                };
                play(setup, &script);
            }
        }
    }
}

#[test]
fn a_host_that_is_late() {
    for late in [Sleep(700 * MS), DrainLate(60 * MS), EarlyTimer] {
        for at in 0..=busy().len() {
            let mut script = busy();
            script.insert(at, late.clone());
            play(Setup::default(), &script);
        }
    }
}

#[test]
fn a_clock_that_is_off() {
    for ppm in [-500, 500] {
        let setup = Setup {
            ppm,
            capacity: 60_000,
            ..Setup::default()
        };
        let script = [
            Reply(vec![20_000, 20_000]),
            Wait(35_000 * MS),
            Speak,
            Wait(300 * MS),
        ];
        let told = play(setup, &script);
        assert_eq!(transaction(&told), [CLEAR, TRUNCATE, "BargeIn"]);
    }
}

#[test]
fn a_false_barge_in_too_short() {
    let setup = Setup {
        stops: Stops::AfterSpeech(300),
        ..Setup::default()
    };
    // Shorter and longer than the lead.
    for length in [50, 150, 400, 700] {
        let script = [
            Reply(vec![1_500]),
            Wait(400 * MS),
            Speak,
            Wait(length * MS),
            Fall,
            Wait(3_000 * MS),
        ];
        let told = play(setup.clone(), &script);
        assert_eq!(transaction(&told), [""; 0], "{length} ms");
        assert_eq!(count(&told, "PlaybackHeld"), 1);
        assert_eq!(count(&told, "PlaybackResumed"), 1);
        assert_eq!(count(&told, "ItemHeard"), 1);
        assert_eq!(count(&told, CREATE), 0);
    }
}

#[test]
fn a_false_barge_in_without_words() {
    let setup = Setup {
        stops: Stops::OnTranscript,
        ..Setup::default()
    };
    for words in [Some(Words::Blank), Some(Words::Failed), None] {
        let script = [
            Reply(vec![1_500]),
            Wait(400 * MS),
            Speak,
            Wait(300 * MS),
            Fall,
            Wait(300 * MS),
            words.map_or(Wait(0), Transcript),
            Wait(4_000 * MS),
        ];
        let told = play(setup.clone(), &script);
        assert_eq!(transaction(&told), [""; 0], "{words:?}");
        assert_eq!(count(&told, "PlaybackResumed"), 1);
        assert_eq!(count(&told, "ItemHeard"), 1);
        assert_eq!(count(&told, CREATE), 0);
    }
}

#[test]
fn many_answers_on_their_way_when_the_application_interrupts() {
    let setup = Setup {
        stops: Stops::Never,
        is_under_way: true,
        pcm: true,
        capacity: 60_000,
        delays: [0; 4],
        ..Setup::default()
    };
    let mut script = Vec::new();
    for _ in 0..24 {
        script.extend([Reply(vec![198, 20]), Interrupt]);
    }
    script.push(Wait(4_000 * MS));
    let told = play(setup, &script);
    assert!(count(&told, "ItemHeard") >= 2);
}

#[test]
fn of_four_turns_in_doubt_the_oldest_is_none_any_more() {
    let setup = Setup {
        stops: Stops::OnTranscript,
        ..Setup::default()
    };
    for (turns, is_confirmed) in [(3, true), (4, false)] {
        let mut script = vec![Reply(vec![2_000]), Wait(400 * MS)];
        for _ in 0..turns {
            script.extend([Speak, Wait(20 * MS), Fall, Wait(20 * MS)]);
        }
        // The first turn's.
        script.extend([Transcript(Words::Some), Wait(100 * MS)]);
        let told = play(setup.clone(), &script);
        assert_eq!(!transaction(&told).is_empty(), is_confirmed, "{turns}");
    }
}

#[test]
fn an_interruption_that_is_confirmed() {
    let held = |stops| Setup {
        stops,
        ..Setup::default()
    };
    let mut script = vec![Deltas(20, 800), Wait(400 * MS), Speak, Wait(1_000 * MS)];
    script.extend([Fall, Wait(300 * MS)]);
    let told = play(held(Stops::AfterSpeech(200)), &script);
    let expected = [CLEAR, CANCEL, TRUNCATE, "BargeIn"];
    // The lead has played out by then: there is nothing to clear but what is not proven heard.
    assert_eq!(transaction(&told).last(), Some(&"BargeIn"));
    assert_eq!(count(&told, CANCEL), 1);
    assert_eq!(count(&told, CREATE), 1);
    let script = [
        Deltas(20, 800),
        Wait(400 * MS),
        Speak,
        Wait(60 * MS),
        Transcript(Words::Early),
        Wait(300 * MS),
        Fall,
        Wait(300 * MS),
    ];
    let told = play(held(Stops::OnTranscript), &script);
    assert_eq!(transaction(&told), expected);
    assert_eq!(count(&told, CREATE), 1);
}

#[test]
fn what_comes_during_a_hold() {
    let setup = Setup {
        stops: Stops::AfterSpeech(300),
        ..Setup::default()
    };
    let script = [
        Deltas(4, 800),
        Wait(300 * MS),
        Speak,
        Wait(100 * MS),
        Deltas(4, 800),
        Mark,
        ItemDone,
        Deltas(4, 800),
        Done(Ending::Completed),
        Wait(400 * MS),
        Fall,
        Wait(2_000 * MS),
    ];
    let told = play(setup, &script);
    assert_eq!(transaction(&told), [""; 0]);
    assert_eq!(count(&told, "ItemHeard"), 2);
    assert_eq!(count(&told, "Mark"), 1);
}

#[test]
fn two_bursts_in_one_hold() {
    for gap in 1..=40 {
        let setup = Setup {
            stops: Stops::AfterSpeech(300),
            ..Setup::default()
        };
        let script = [
            Reply(vec![1_500]),
            Wait(400 * MS),
            SpeakTwice(gap * MS),
            Wait(100 * MS),
            Fall,
            Wait(2_500 * MS),
        ];
        let told = play(setup, &script);
        assert_eq!(transaction(&told), [""; 0], "{gap} ms");
        assert_eq!(count(&told, "ItemHeard"), 1);
    }
}

#[test]
fn a_voice_heard_here() {
    let setup = Setup {
        listens: true,
        ..Setup::default()
    };
    let begin = [
        Reply(vec![1_500]),
        Wait(400 * MS),
        Voice(300),
        Wait(250 * MS),
    ];
    let told = play(
        setup.clone(),
        &[&begin[..], &[Speak, Wait(300 * MS)]].concat(),
    );
    assert_eq!(count(&told, "PlaybackHeld"), 1);
    assert_eq!(transaction(&told).last(), Some(&"BargeIn"));
    let told = play(setup, &[&begin[..], &[Wait(4_000 * MS)]].concat());
    assert_eq!(transaction(&told), [""; 0]);
    assert_eq!(count(&told, "PlaybackResumed"), 1);
    assert_eq!(count(&told, "ItemHeard"), 1);
    // Long enough a voice is an interruption by itself.
    let setup = Setup {
        listens: true,
        stops: Stops::AfterSpeech(200),
        ..Setup::default()
    };
    let script = [
        Reply(vec![2_500]),
        Wait(400 * MS),
        Voice(900),
        Wait(900 * MS),
    ];
    let told = play(
        setup,
        &[&script[..], &[Speak, Wait(100 * MS), Fall]].concat(),
    );
    assert_eq!(transaction(&told).last(), Some(&"BargeIn"));
}

#[test]
fn a_response_that_begins_after_speech_was_long_enough() {
    let setup = Setup {
        is_under_way: false,
        pcm: false,
        lead: 200,
        mark_interval: 100,
        capacity: 4500,
        stops: Stops::AfterSpeech(0),
        listens: false,
        creates: false,
        interrupts: false,
        delays: [0, 0, 33337, 233781],
        jitter: 9452,
        ppm: 0,
        late_timer: 0,
        frame: 20,
        cuts_text: false,
        seed: 103701477239,
    };
    // The application stops what the speech was over; the next response comes on its own.
    let script = [
        Wait(104725),
        Speak,
        CreateResponse,
        Wait(130079),
        Reply(vec![20]),
        DrainLate(65268),
        Speak,
        Wait(377938),
        Interrupt,
        StallModel(263),
    ];
    let told = play(setup, &script);
    assert_eq!(count(&told, CANCEL), 0);
}

#[test]
fn many_answers_lost_with_the_connection_that_brought_them() {
    let setup = Setup {
        is_under_way: false,
        creates: false,
        interrupts: false,
        delays: [0; 4],
        frame: 20,
        ..Setup::default()
    };
    let mut script = vec![Wait(60_000)];
    script.extend([4, 1, 4, 4, 2].map(|items| Reply(vec![20; items])));
    script.push(LoseModel(0));
    play(setup, &script);
}
