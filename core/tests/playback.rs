//! What the ledger knows of the caller's ear, by itself and against the truth.

mod common;

use std::time::Duration;

use common::config;
use proptest::prelude::*;
use trunkline::{
    Error, PlaybackLedger,
    playback::{Cut, Echo, heard_text},
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The item and the cut of everything not wholly heard.
fn cuts(ledger: &PlaybackLedger) -> Vec<(String, u32, Cut)> {
    let cut = |unheard: trunkline::playback::Unheard<'_>| {
        (
            unheard.item_id.to_owned(),
            unheard.content_index,
            unheard.cut(),
        )
    };
    ledger.unheard().map(cut).collect()
}

fn at(audio_end_ms: u64) -> Cut {
    Cut::TruncateAt { audio_end_ms }
}

/// A ledger that was sent all of `items` (milliseconds) at time 0, with the marks at their ends.
fn sent(items: &[(&str, u32, usize)]) -> (PlaybackLedger, Vec<String>) {
    let mut ledger = PlaybackLedger::new(24_000);
    let mut marks = Vec::new();
    for &(item, part, length) in items {
        ledger.receive(item, part, length * 24, length * 8).unwrap();
        ledger.send(ms(0), length * 8);
        marks.push(ledger.mark().as_str().to_owned());
    }
    (ledger, marks)
}

#[test]
fn nothing_counts_as_heard_until_a_mark_comes_back() {
    let (mut ledger, marks) = sent(&[("a", 0, 400)]);
    assert_eq!(ledger.heard_samples(), 0);
    assert_eq!(cuts(&ledger), [("a".into(), 0, Cut::Delete)]);
    assert_eq!(ledger.handle_mark(ms(420), &marks[0]), Echo::Heard);
    assert_eq!(ledger.heard_samples(), 3_200);
}

#[test]
fn an_item_is_told_as_heard_once_and_only_when_it_is_finished() {
    let (mut ledger, marks) = sent(&[("a", 0, 400)]);
    ledger.handle_mark(ms(420), &marks[0]);
    assert_eq!(ledger.pop_heard(), None, "more of it may come");
    // All that came was heard, but not the item.
    assert_eq!(cuts(&ledger), [("a".into(), 0, at(400))]);
    ledger.finish("a", 0);
    let heard = ledger.pop_heard().expect("it is finished and heard");
    assert_eq!(
        (heard.item_id(), heard.content_index, heard.audio_ms),
        ("a", 0, 400)
    );
    assert_eq!(ledger.pop_heard(), None);
    assert!(cuts(&ledger).is_empty());
}

#[test]
fn each_item_is_cut_in_its_own_time() {
    let (mut ledger, marks) = sent(&[("a", 0, 300), ("b", 0, 500), ("c", 0, 200)]);
    ledger.finish_all();
    ledger.handle_mark(ms(320), &marks[0]);
    assert_eq!(ledger.pop_heard().map(|heard| heard.audio_ms), Some(300));
    assert_eq!(
        cuts(&ledger),
        [("b".into(), 0, Cut::Delete), ("c".into(), 0, Cut::Delete)]
    );
    ledger.handle_mark(ms(820), &marks[1]);
    assert_eq!(ledger.pop_heard().map(|heard| heard.audio_ms), Some(500));
    assert_eq!(cuts(&ledger), [("c".into(), 0, Cut::Delete)]);
}

#[test]
fn a_mark_in_the_middle_cuts_there() {
    let mut ledger = PlaybackLedger::new(8_000);
    ledger.receive("a", 0, 8_000, 8_000).unwrap();
    ledger.send(ms(0), 1_603);
    let mark = ledger.mark().as_str().to_owned();
    ledger.send(ms(0), 4_000);
    ledger.handle_mark(ms(230), &mark);
    // 200.375 ms: a millisecond begun is not heard.
    assert_eq!(cuts(&ledger), [("a".into(), 0, at(200))]);
}

#[test]
fn a_part_is_cut_in_its_own_time_and_an_item_partly_heard_is_not_deleted() {
    let (mut ledger, marks) = sent(&[("a", 0, 300), ("a", 1, 300), ("a", 2, 300)]);
    ledger.finish_all();
    ledger.handle_mark(ms(320), &marks[0]);
    while ledger.pop_heard().is_some() {}
    for (item, _, cut) in cuts(&ledger) {
        assert_eq!(item, "a");
        assert_ne!(cut, Cut::Delete, "its first part was heard");
    }
    let (mut ledger, marks) = sent(&[("a", 0, 300), ("a", 1, 300)]);
    ledger.finish_all();
    ledger.send(ms(0), 0);
    ledger.handle_mark(ms(620), &marks[1]);
    assert_eq!(ledger.pop_heard().map(|heard| heard.content_index), Some(0));
    assert_eq!(ledger.pop_heard().map(|heard| heard.content_index), Some(1));
}

#[test]
fn an_item_nobody_heard_is_deleted_once_whatever_parts_it_has() {
    let (ledger, _) = sent(&[("a", 0, 300), ("a", 1, 300), ("b", 0, 100)]);
    let deleted: Vec<_> = cuts(&ledger)
        .into_iter()
        .filter(|(_, _, cut)| *cut == Cut::Delete)
        .map(|(item, _, _)| item)
        .collect();
    assert_eq!(deleted, ["a", "b"]);
}

#[test]
fn an_announced_item_counts_as_unheard_and_goes_when_it_ends_without_audio() {
    let mut ledger = PlaybackLedger::new(24_000);
    ledger.announce("a", 0).unwrap();
    assert_eq!(cuts(&ledger), [("a".into(), 0, Cut::Delete)]);
    ledger.finish("a", 0);
    assert!(cuts(&ledger).is_empty());
    assert_eq!(ledger.pop_heard(), None);
}

#[test]
fn what_a_clear_flushes_never_counts() {
    let (mut ledger, marks) = sent(&[("a", 0, 400), ("b", 0, 400)]);
    ledger.handle_mark(ms(420), &marks[0]);
    ledger.clear();
    assert!(cuts(&ledger).is_empty());
    assert_eq!(ledger.handle_mark(ms(430), &marks[1]), Echo::Flushed);
    // The same positions in a new epoch have other names.
    ledger.receive("c", 0, 9_600, 3_200).unwrap();
    ledger.send(ms(500), 3_200);
    assert!(!marks.contains(&ledger.mark().as_str().to_owned()));
    assert_eq!(ledger.handle_mark(ms(2_000), &marks[1]), Echo::Flushed);
    assert_eq!(cuts(&ledger), [("c".into(), 0, Cut::Delete)]);
}

#[test]
fn echoes_late_twice_or_out_of_order_do_no_harm() {
    let (mut ledger, marks) = sent(&[("a", 0, 100), ("a", 0, 100), ("a", 0, 100)]);
    ledger.handle_mark(ms(5_000), &marks[1]);
    assert_eq!(ledger.heard_samples(), 1_600);
    ledger.handle_mark(ms(5_000), &marks[0]);
    ledger.handle_mark(ms(5_001), &marks[1]);
    assert_eq!(
        ledger.heard_samples(),
        1_600,
        "an echo never takes back what was heard"
    );
    ledger.handle_mark(ms(5_002), &marks[2]);
    assert_eq!(ledger.heard_samples(), 2_400);
}

#[test]
fn names_that_are_not_the_ledgers_count_for_nothing() {
    let (mut ledger, _) = sent(&[("a", 0, 400)]);
    let names = [
        "",
        "tl:",
        "tl:0",
        "tl:0:",
        "tl:0:9999999",
        "tl:0:18446744073709551616",
        "tl:0:18446744073709551615",
        "tl:4294967296:0",
        "tl:1:100",
        "tl:0:-1",
        "tl:0:+100",
        "tl:0:0100",
        "tl:0:100:1",
        "tl:0: 100",
        "TL:0:100",
        "item_7:1240",
        "ü",
    ];
    for name in names {
        let echo = ledger.handle_mark(ms(1_000), name);
        assert_eq!((echo, ledger.heard_samples()), (Echo::Foreign, 0), "{name}");
    }
}

#[test]
fn an_echo_too_early_is_believed_no_further_than_the_clock() {
    let mut ledger = PlaybackLedger::new(8_000);
    ledger.receive("a", 0, 80_000, 80_000).unwrap();
    ledger.send(ms(0), 80_000);
    let mark = ledger.mark().as_str().to_owned();
    ledger.handle_mark(ms(1_000), &mark);
    let heard = ledger.heard_samples();
    // A second, a per mille of what was queued, and 20 ms of grace.
    assert!((8_000..=8_000 + 80 + 160).contains(&heard), "{heard}");
}

#[test]
fn a_pause_between_two_items_is_not_taken_for_playing_time() {
    let mut ledger = PlaybackLedger::new(8_000);
    ledger.receive("a", 0, 800, 800).unwrap();
    ledger.send(ms(0), 800);
    let first = ledger.mark().as_str().to_owned();
    ledger.handle_mark(ms(110), &first);
    ledger.receive("b", 0, 8_000, 8_000).unwrap();
    ledger.send(ms(10_000), 8_000);
    let second = ledger.mark().as_str().to_owned();
    // Right after sending: what was idle before does not make it possible.
    ledger.handle_mark(ms(10_010), &second);
    assert!(
        ledger.heard_samples() <= 800 + 80 + 170,
        "{}",
        ledger.heard_samples()
    );
    assert_eq!(ledger.play_end(), ms(11_000));
    assert_eq!(ledger.queued(ms(10_250)), ms(750));
}

#[test]
fn more_parts_than_fit_are_refused_and_change_nothing() {
    let mut ledger = PlaybackLedger::new(8_000);
    for n in 0..PlaybackLedger::MAX_PARTS {
        ledger.receive(&format!("item_{n}"), 0, 80, 80).unwrap();
    }
    let before = cuts(&ledger);
    let refused = ledger.receive("one_more", 0, 80, 80);
    assert!(
        matches!(refused, Err(Error::QueueFull { .. })),
        "{refused:?}"
    );
    assert_eq!(cuts(&ledger), before);
    assert_eq!(
        ledger.received_samples(),
        80 * PlaybackLedger::MAX_PARTS as u64
    );
}

#[test]
fn ids_that_no_model_makes_are_refused() {
    let mut ledger = PlaybackLedger::new(8_000);
    for id in ["", "ü", &"x".repeat(65), "a\u{0}ü"] {
        let refused = ledger.receive(id, 0, 80, 80);
        assert!(
            matches!(refused, Err(Error::InvalidField { .. })),
            "{id}: {refused:?}"
        );
    }
    assert_eq!(ledger.received_samples(), 0);
    ledger.receive(&"x".repeat(64), 0, 80, 80).unwrap();
}

#[test]
fn the_heard_share_of_a_text_ends_with_a_whole_word() {
    let text = "Tuesday at nine is free.";
    assert_eq!(heard_text(text, 0, 1_000), "");
    assert_eq!(heard_text(text, 1_000, 1_000), text);
    assert_eq!(heard_text(text, 2_000, 1_000), text);
    assert_eq!(heard_text(text, 500, 1_000).trim_end(), "Tuesday at");
    assert_eq!(heard_text("", 5, 10), "");
    assert_eq!(heard_text(text, 0, 0), "");
}

/// Something that happens to a ledger.
#[derive(Clone, Debug)]
enum Op {
    /// Milliseconds of the item in hand.
    Receive(usize),
    /// The next item, or a further part of this one.
    Next {
        part: bool,
    },
    Finish,
    /// Up to so many samples.
    Send(usize),
    Mark,
    Wait(u64),
    Clear,
    Unknown(u32, u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (1_usize..400).prop_map(Op::Receive),
        2 => any::<bool>().prop_map(|part| Op::Next { part }),
        2 => Just(Op::Finish),
        8 => (1_usize..4_000).prop_map(Op::Send),
        6 => Just(Op::Mark),
        6 => (0_u64..500).prop_map(Op::Wait),
        1 => Just(Op::Clear),
        1 => (0_u32..4, any::<u64>()).prop_map(|(epoch, at)| Op::Unknown(epoch, at)),
    ]
}

/// The truth: what was sent when, and how much of it has been played.
#[derive(Default)]
struct Truth {
    now: u64,
    /// Samples sent in this epoch's run and when they will have been played, in microseconds.
    sent: u64,
    play_end: u64,
    /// What the carrier will never play: flushed by clears.
    lost: Vec<(u64, u64)>,
    /// Item, part, start and end on the line.
    parts: Vec<(String, u32, u64, u64)>,
}

impl Truth {
    fn played(&self) -> u64 {
        let left = self.play_end.saturating_sub(self.now).div_ceil(125);
        self.sent - left.min(self.sent)
    }
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn the_ledger_never_claims_more_than_was_played(
        ops in prop::collection::vec(op(), 1..120),
        faults in prop::collection::vec((0_u64..800, 0_u8..10), 1..8),
    ) {
        let mut ledger = PlaybackLedger::new(8_000);
        let mut truth = Truth::default();
        let mut item = 0;
        let mut part = 0;
        // Echoes: when, the name.
        let mut echoes: Vec<(u64, String)> = Vec::new();
        let mut marks = 0;
        let mut heard_before = 0;
        for op in ops {
            match op {
                Op::Receive(length) => {
                    let id = format!("item_{item}");
                    let samples = length * 8;
                    let start = ledger.received_samples();
                    if ledger.receive(&id, part, samples, samples).is_ok() {
                        truth.parts.push((id, part, start, start + samples as u64));
                    }
                }
                Op::Next { part: true } => part += 1,
                Op::Next { part: false } => {
                    ledger.finish_all();
                    (item, part) = (item + 1, 0);
                }
                Op::Finish => {
                    ledger.finish(&format!("item_{item}"), part);
                    part += 1;
                }
                Op::Send(samples) => {
                    let waiting = ledger.received_samples() - ledger.sent_samples();
                    let samples = (samples as u64).min(waiting);
                    ledger.send(Duration::from_micros(truth.now), samples as usize);
                    truth.play_end = truth.play_end.max(truth.now) + samples * 125;
                    truth.sent += samples;
                }
                Op::Mark => {
                    let (delay, fault) = faults[marks % faults.len()];
                    marks += 1;
                    let name = ledger.mark().as_str().to_owned();
                    let due = truth.play_end.max(truth.now) + delay * 1_000;
                    let copies = match fault {
                        0 => 0,
                        1 => 2,
                        _ => 1,
                    };
                    for copy in 0..copies {
                        echoes.push((due + copy * 70_000, name.clone()));
                    }
                }
                Op::Wait(time) => {
                    truth.now += time * 1_000;
                    echoes.sort();
                    while let Some((at, name)) =
                        echoes.first().filter(|&&(at, _)| at <= truth.now).cloned()
                    {
                        echoes.remove(0);
                        let then = core::mem::replace(&mut truth.now, at);
                        ledger.handle_mark(Duration::from_micros(at), &name);
                        truth.now = then;
                    }
                }
                Op::Clear => {
                    // The carrier stops where it is and echoes everything.
                    let played = truth.played();
                    truth.lost.push((played, truth.sent));
                    ledger.clear();
                    truth.sent = ledger.sent_samples();
                    truth.play_end = truth.now;
                    for (at, _) in &mut echoes {
                        *at = (*at).min(truth.now + 20_000);
                    }
                    // What was received and not sent is gone, too.
                    truth.lost.push((played, ledger.received_samples()));
                    item += 1;
                    part = 0;
                }
                Op::Unknown(epoch, at) => {
                    let name = format!("tl:{epoch}:{at}");
                    // A forged name of this epoch is believed as far as the clock allows; the
                    // carrier makes none, so only others are tried.
                    if epoch != ledger.epoch() {
                        ledger.handle_mark(Duration::from_micros(truth.now), &name);
                    }
                }
            }
            let played = truth.played();
            let heard = ledger.heard_samples();
            let floor = truth.lost.iter().map(|&(_, end)| end).max().unwrap_or(0);
            prop_assert!(heard <= played.max(floor), "heard {heard}, played {played}");
            prop_assert!(heard >= heard_before);
            heard_before = heard;
            for unheard in ledger.unheard() {
                let mut true_ms = 0;
                for (id, part, start, end) in &truth.parts {
                    if id == unheard.item_id && *part == unheard.content_index {
                        let cut = |n: u64| n.clamp(*start, *end) - start;
                        true_ms += cut(played);
                    }
                }
                prop_assert!(unheard.heard_ms * 8 <= true_ms, "{unheard:?}, true {true_ms}");
                prop_assert!(unheard.heard_ms <= unheard.received_ms);
                if let Cut::TruncateAt { audio_end_ms } = unheard.cut() {
                    prop_assert!(audio_end_ms <= unheard.heard_ms);
                }
            }
            while let Some(told) = ledger.pop_heard() {
                let parts = truth.parts.iter();
                let end = parts
                    .filter(|(id, part, _, _)| id == told.item_id() && *part == told.content_index)
                    .map(|&(_, _, _, end)| end)
                    .max();
                prop_assert!(end.unwrap_or(0) <= played, "{told:?} told, {played} played");
            }
        }
    }

    #[test]
    fn the_heard_share_of_any_text_is_a_beginning_of_it(
        text in "\\PC{0,60}",
        heard in 0_u64..2_000,
        more in 0_u64..500,
        total in 0_u64..2_000,
    ) {
        let share = heard_text(&text, heard, total);
        prop_assert!(text.starts_with(share));
        let larger = heard_text(&text, heard + more, total);
        prop_assert!(larger.len() >= share.len(), "more heard, fewer words");
    }
}
