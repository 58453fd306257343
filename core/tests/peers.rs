//! The simulated peers themselves: they must know the truth and refuse what the real ones refuse.

mod common;

use common::{
    Call, Input, Reply, Setup,
    audio::{Clip, tone},
    io::{Exchange, Out},
    judge::{Judge, conclusion},
    model::{Item, Model},
    ms,
    player::Player,
    wire::{ToTwilio, encode, read_to_openai, read_to_twilio},
};
use serde_json::{Value, json};
use trunkline::bridge::ModelAudio;

/// A clip that the model has made to its end.
fn clip(id: u64, samples: usize) -> Clip {
    Clip {
        held: samples,
        ..Clip::new(ModelAudio::Mulaw, id, samples)
    }
}

/// How far a clip was heard, in samples.
fn heard(player: &Player, clips: &[Clip], clip: usize) -> usize {
    let heard = player.heard(&player.places(clips).unwrap()).into_iter();
    let ends = heard.filter_map(|(run, from)| Some((from?, run.samples)));
    ends.filter(|(from, _)| from.clip == clip)
        .map(|(from, n)| from.offset + n)
        .max()
        .unwrap_or(0)
}

#[test]
fn the_player_plays_in_real_time_and_echoes_a_mark_when_it_is_reached() {
    let clips = [clip(1, 1_600)];
    let mut player = Player::new(0);
    let audio = clips[0].heard.clone();
    player.receive(ms(10), ToTwilio::Media(audio));
    player.receive(ms(11), ToTwilio::Mark("end".into()));
    assert_eq!(player.next_event(), Some(ms(210)));
    player.advance(ms(209));
    assert_eq!(heard(&player, &clips, 0), 199 * 8);
    assert!(player.take_echoes(ms(209)).is_empty());
    player.advance(ms(210));
    assert_eq!(player.take_echoes(ms(210)), ["end"]);
    assert_eq!(heard(&player, &clips, 0), 1_600);
}

#[test]
fn the_player_echoes_a_mark_at_once_when_nothing_is_queued() {
    let mut player = Player::new(0);
    player.receive(ms(10), ToTwilio::Mark("now".into()));
    assert_eq!(player.take_echoes(ms(10)), ["now"]);
}

#[test]
fn a_clear_flushes_the_queue_and_echoes_the_pending_marks() {
    let clips = [clip(1, 1_600)];
    let mut player = Player::new(0);
    for (n, piece) in clips[0].heard.chunks(160).enumerate() {
        player.receive(0, ToTwilio::Media(piece.into()));
        player.receive(0, ToTwilio::Mark(n.to_string()));
    }
    player.advance(ms(50));
    assert_eq!(player.take_echoes(ms(50)), ["0", "1"]);
    player.receive(ms(50), ToTwilio::Clear);
    assert_eq!(
        player.take_echoes(ms(50)),
        ["2", "3", "4", "5", "6", "7", "8", "9"]
    );
    player.advance(ms(500));
    assert_eq!(heard(&player, &clips, 0), 400);
}

#[test]
fn the_player_knows_where_audio_is_from_when_some_was_left_out() {
    let clips = [clip(1, 800), clip(2, 800)];
    let mut player = Player::new(0);
    let mut audio = clips[0].heard[..320].to_vec();
    audio.extend(&clips[0].heard[480..]);
    audio.extend([0xFF; 40]);
    audio.extend(&clips[1].heard[100..]);
    player.receive(0, ToTwilio::Media(audio));
    player.advance(ms(1_000));
    let places = player.places(&clips).unwrap();
    let runs: Vec<_> = player
        .heard(&places)
        .iter()
        .map(|(run, _)| run.samples)
        .collect();
    assert_eq!(runs, [320, 320, 40, 700]);
    assert_eq!(heard(&player, &clips, 0), 800);
    assert_eq!(heard(&player, &clips, 1), 800);
    assert_eq!(places[640..680], [None; 40]);
}

#[test]
fn the_player_refuses_audio_the_model_never_made_and_audio_out_of_order() {
    let clips = [clip(1, 800)];
    let mut player = Player::new(0);
    player.receive(0, ToTwilio::Media(tone(9, 160)));
    assert!(player.places(&clips).is_err());
    let mut player = Player::new(0);
    let mut frames = clips[0].heard.chunks(160).map(<[u8]>::to_vec);
    let first = frames.next().unwrap();
    player.receive(0, ToTwilio::Media(frames.next().unwrap()));
    player.receive(0, ToTwilio::Media(first));
    assert!(player.places(&clips).is_err());
}

#[test]
fn messages_that_twilio_would_refuse_are_refused() {
    let audio = encode(&[0xFF; 160]);
    let good = json!({"event": "media", "streamSid": "MZ1", "media": {"payload": audio}});
    assert!(read_to_twilio(&good.to_string(), "MZ1").is_ok());
    let bad = [
        json!({"event": "media", "streamSid": "MZ2", "media": {"payload": audio}}),
        json!({"event": "media", "stream_sid": "MZ1", "media": {"payload": audio}}),
        json!({"event": "media", "streamSid": "MZ1", "media": {"payload": ""}}),
        json!({"event": "media", "streamSid": "MZ1", "media": {"payload": "//8"}}),
        json!({"event": "media", "streamSid": "MZ1", "media": {"payload": audio, "track": "x"}}),
        json!({"event": "mark", "streamSid": "MZ1", "mark": {"name": 4}}),
        json!({"event": "clear", "streamSid": "MZ1", "clear": {}}),
        json!({"event": "stop", "streamSid": "MZ1"}),
    ];
    for message in bad {
        assert!(
            read_to_twilio(&message.to_string(), "MZ1").is_err(),
            "{message}"
        );
    }
    let twice = r#"{"event":"clear","event":"clear","streamSid":"MZ1"}"#;
    assert!(read_to_twilio(twice, "MZ1").is_err());
}

#[test]
fn client_events_that_the_model_would_refuse_are_refused() {
    let session = |format: Value| {
        json!({"type": "session.update",
            "session": {"type": "realtime", "audio": {"output": {"format": format}}}})
    };
    let bad = [
        session(json!({"type": "audio/pcmu", "rate": 8000})),
        session(json!({"type": "audio/pcm", "rate": 8000})),
        json!({"type": "session.update", "session": {"instructions": "x"}}),
        json!({"type": "session.update", "session": {"type": "realtime", "voice": "marin"}}),
        json!({"type": "input_audio_buffer.append", "audio": ""}),
        json!({"type": "conversation.item.truncate", "item_id": "a", "content_index": 0,
            "audio_end_ms": 12.5}),
        json!({"type": "conversation.item.truncate", "item_id": "a", "content_index": 0,
            "audio_end_ms": -1}),
        json!({"type": "response.cancelled"}),
        json!({"type": "response.create", "response": {"modalities": ["audio"]}}),
    ];
    for event in bad {
        assert!(read_to_openai(&event.to_string()).is_err(), "{event}");
    }
    assert!(read_to_openai(&session(json!({"type": "audio/pcmu"})).to_string()).is_ok());
}

/// Types of the events the model has sent since the last call.
fn sent(model: &mut Model) -> Vec<String> {
    let kind = |text: &String| {
        let event: Value = serde_json::from_str(text).unwrap();
        let code = event["error"]["code"].as_str().map(str::to_owned);
        code.unwrap_or_else(|| event["type"].as_str().unwrap().to_owned())
    };
    model.take_outbox().iter().map(kind).collect()
}

#[test]
fn the_model_refuses_a_truncation_beyond_what_it_holds() {
    let mut model = Model::new(ModelAudio::Mulaw);
    model
        .replies
        .push_back(Reply::speech(1_000).speed(0).think(0));
    model
        .receive(0, &json!({"type": "response.create"}).to_string())
        .unwrap();
    model.advance(ms(1));
    sent(&mut model);
    let truncate = |item: &str, end: u64| {
        json!({"type": "conversation.item.truncate", "item_id": item, "content_index": 0,
            "audio_end_ms": end})
        .to_string()
    };
    model.receive(ms(2), &truncate("item_0", 1_001)).unwrap();
    model.receive(ms(2), &truncate("item_7", 1)).unwrap();
    model.receive(ms(2), &truncate("item_0", 600)).unwrap();
    model.receive(ms(2), &truncate("item_0", 601)).unwrap();
    let refused = "invalid_value";
    let unknown = "item_truncate_invalid_item_id";
    assert_eq!(
        sent(&mut model),
        [refused, unknown, "conversation.item.truncated", refused]
    );
}

#[test]
fn the_model_makes_one_response_at_a_time_and_stops_it_when_the_caller_speaks() {
    let mut model = Model::new(ModelAudio::Mulaw);
    model
        .replies
        .push_back(Reply::speech(10_000).speed(1).think(0));
    let create = json!({"type": "response.create"}).to_string();
    let cancel = json!({"type": "response.cancel"}).to_string();
    model.receive(0, &cancel).unwrap();
    model.receive(0, &create).unwrap();
    model.receive(0, &create).unwrap();
    let kinds = sent(&mut model);
    assert_eq!(
        kinds[..2],
        ["response_cancel_not_active", "response.created"]
    );
    assert_eq!(
        kinds.last().unwrap(),
        "conversation_already_has_active_response"
    );
    model.speech_started(ms(2_000));
    let kinds = sent(&mut model);
    let started = kinds
        .iter()
        .position(|kind| kind == "input_audio_buffer.speech_started");
    assert_eq!(
        kinds[started.unwrap() + 1..],
        [
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.done"
        ]
    );
    assert!(
        (2_000 * 8..2_000 * 8 + 4_800).contains(&model.clips[0].held),
        "{}",
        model.clips[0].held
    );
    assert!(!model.is_responding());
}

/// A call with a barge-in in the middle of an item and all of another one heard.
fn judged() -> Call {
    let mut call = Call::started(Setup::mulaw());
    call.model.replies.push_back(Reply::speech(3_000));
    call.turn();
    call.run_for(ms(1_500));
    call.model.replies.push_back(Reply::speech(500));
    call.turn();
    call.run_until_quiet();
    assert_eq!(conclusion(&call, 0), Ok(()));
    assert_eq!(call.judge.truncations.len(), 1);
    call
}

#[test]
fn the_judge_objects_to_an_item_cut_too_late_too_early_or_not_at_all() {
    let objects = |change: &dyn Fn(&mut Call)| {
        let mut call = judged();
        change(&mut call);
        assert!(conclusion(&call, 0).is_err());
    };
    let item = |call: &mut Call, change: &dyn Fn(&mut Item)| {
        let id = call.judge.truncations[0].item_id.clone();
        change(
            call.model
                .items
                .iter_mut()
                .find(|item| item.id == id)
                .unwrap(),
        );
    };
    let heard_ms = judged().heard(0) as u64 / 8;
    objects(&|call| item(call, &|item| item.truncated = vec![(0, heard_ms + 1)]));
    objects(&|call| item(call, &|item| item.truncated = vec![(0, heard_ms - 300)]));
    objects(&|call| item(call, &|item| item.truncated.clear()));
    objects(&|call| item(call, &|item| item.deleted = true));
    objects(&|call| call.model.refusals.push((0, "invalid_value".into())));
    // Audio of the cut item once more after the clear.
    objects(&|call| {
        let (_, end) = call.player.clears[0];
        let again = call.model.clips[0].heard[end..end + 160].to_vec();
        call.player.receive(call.now, ToTwilio::Media(again));
    });
}

#[test]
fn the_judge_objects_to_a_transaction_out_of_order() {
    let call = judged();
    let at = call.judge.interruptions[1].at;
    let begins = |exchange: &&Exchange| {
        exchange.at == at
            && exchange
                .outputs
                .iter()
                .any(|output| matches!(output, Out::ToTwilio(text) if text.contains("\"clear\"")))
    };
    let clean = call.log.iter().find(begins).unwrap();
    let before = call.log.iter().take_while(|exchange| !begins(exchange));
    let before: Vec<_> = before.collect();
    let verdict = |change: &dyn Fn(&mut Vec<Out>)| {
        let mut judge = Judge::new(&call.setup);
        for exchange in &before {
            judge.watch(exchange).unwrap();
        }
        let mut exchange = clean.clone();
        change(&mut exchange.outputs);
        judge.watch(&exchange)
    };
    assert_eq!(verdict(&|_| ()), Ok(()));
    assert!(verdict(&|outputs| outputs.reverse()).is_err());
    assert!(verdict(&|outputs| outputs.extend(outputs.clone())).is_err());
    let clear = |outputs: &[Out]| {
        outputs
            .iter()
            .position(|output| matches!(output, Out::ToTwilio(_)))
            .unwrap()
    };
    let clear_last = |outputs: &mut Vec<Out>| {
        let clear = outputs.remove(clear(outputs));
        outputs.push(clear);
    };
    assert!(verdict(&clear_last).is_err());
    let cancel = || Out::ToOpenAi("{\"type\":\"response.cancel\"}".into());
    assert!(verdict(&|outputs| outputs.insert(1 + clear(&outputs[..]), cancel())).is_err());
    let late = |outputs: &mut Vec<Out>| {
        for output in outputs {
            if let Out::ToOpenAi(text) = output {
                *text = text.replace("\"audio_end_ms\":1", "\"audio_end_ms\":9");
            }
        }
    };
    assert!(verdict(&late).is_err(), "beyond what was received");
}

#[test]
fn the_same_setup_gives_the_same_call() {
    let run = || {
        let mut call = Call::started(Setup {
            jitter: ms(30),
            late_timer: ms(9),
            ..Setup::pcm()
        });
        call.model.replies.push_back(Reply::speech(2_000).speed(2));
        call.turn();
        call.run_for(ms(900));
        call.command(Input::Interrupt).unwrap();
        call.run_until_quiet();
        call.log
            .into_iter()
            .map(|exchange| (exchange.at, exchange.outputs))
            .collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}
