//! A recording beside the simulator's own record of the call: what was truly said, and truly heard.

use std::time::Duration;

use trunkline_bridge_server::{
    record::{RecordingFormat, RecordingStatus},
    recording::Settings,
};
use trunkline_simulators::{
    Speech,
    audio::mulaw_decode,
    twilio::{self, CallRecord, Ending, Fault, Step},
};

use super::{
    files::{Folder, channels, open},
    line::{Act, serve},
};

/// Audio no part of which is like another, and none of it silent.
fn noise(samples: usize, mut seed: u32) -> Vec<u8> {
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Loud codes only, so that it cannot be taken for silence.
        (seed >> 24) as u8 & 0x8F
    };
    (0..samples).map(|_| next()).collect()
}

/// A call and its recording.
struct Recorded {
    call: CallRecord,
    caller: Vec<i16>,
    agent: Vec<i16>,
    /// Samples by which the agent may be off: 20 ms, and what a busy machine has held up both ends for.
    limit: i64,
}

/// A call of 5 s: an answer, one that is cut off, and a short one.
async fn record(format: RecordingFormat, delay: Duration, faults: &[&str]) -> Recorded {
    let folder = Folder::new();
    let (recordings, told) = open(Settings::new(&folder.0, format));
    let acts = vec![
        (100, Act::Say(noise(8_000, 1))),
        (1_703, Act::Say(noise(12_000, 2))),
        (2_409, Act::Clear),
        (3_011, Act::Say(noise(6_000, 3))),
        (4_207, Act::Say(noise(900, 4))),
    ];
    let (address, agent) = serve(recordings.clone(), delay, acts).await;
    let words: Vec<i16> = noise(20_000, 5).into_iter().map(mulaw_decode).collect();
    let faults: Result<Vec<Fault>, _> = faults.iter().map(|fault| fault.parse()).collect();
    let call = twilio::call(twilio::Options {
        webhook: format!("http://{address}/voice"),
        connect_to: Some(address.to_string()),
        allow_ws: true,
        script: vec![
            Step::Pause(Duration::from_millis(600)),
            Step::Say(Speech::new(words, 8_000)),
            Step::Pause(Duration::from_millis(1_900)),
            Step::HangUp,
        ],
        faults: faults.expect("faults"),
        ..twilio::Options::default()
    })
    .await;
    assert_eq!(call.ending, Ending::CallerHungUp, "{:?}", call.violations);
    let held_up = agent.await.expect("no panic");
    recordings.close();
    let ended = told
        .lock()
        .expect("no panic")
        .last()
        .cloned()
        .expect("it was recorded");
    assert_eq!(ended.status, RecordingStatus::Completed);
    let channels = channels(&recordings.path(&ended.file).expect("a file"));
    assert_eq!(ended.duration_ms, channels[0].len() as i64 / 8);
    let [caller, agent] = channels;
    Recorded {
        call,
        caller,
        agent,
        limit: FRAME + held_up.saturating_sub(PTIME).as_micros() as i64 / 125,
    }
}

/// Checks that the caller's channel is what the caller said, sample for sample.
fn assert_said(recorded: &Recorded) {
    let caller = &recorded.caller;
    assert_eq!(*caller, recorded.call.caller[..caller.len()]);
}

/// Checks that the agent's channel holds what was heard, where it was heard.
fn assert_heard(recorded: &Recorded) {
    let Recorded {
        call, agent, limit, ..
    } = recorded;
    let limit = *limit;
    let (mut found, mut missing) = (0, 0);
    // Of the last half second not all was recorded before the call was over.
    for at in (0..agent.len() - 4_000).step_by(80) {
        let block = &call.heard[at..at + 80];
        if block.contains(&0) {
            continue;
        }
        let from = at.saturating_sub(4_000);
        let around = &agent[from..agent.len().min(at + 4_080)];
        match around.windows(80).position(|window| window == block) {
            Some(position) => {
                let error = (from + position) as i64 - at as i64;
                assert!(error.abs() <= limit, "sample {at} is off by {error}");
                found += 80;
            }
            None => missing += 80,
        }
    }
    let heard =
        |samples: &[i16]| samples.iter().filter(|&&sample| sample.abs() > 100).count() as i64;
    let excess = heard(agent) - heard(&call.heard);
    assert!(found > 15_000, "{found} samples found");
    assert!(
        missing <= 3 * limit.max(80) && excess <= limit,
        "{missing} missing, {excess} too much"
    );
    assert_eq!(call.clears.len(), 1);
    assert!(
        call.clears[0].flushed_samples > 800,
        "something was cut off"
    );
}

const PTIME: Duration = Duration::from_millis(20);
/// Samples in that time.
const FRAME: i64 = 160;

#[tokio::test]
async fn mulaw_codes_of_both_sides_are_where_they_were_said_and_heard() {
    let recorded = record(RecordingFormat::Mulaw, Duration::ZERO, &[]).await;
    assert!(recorded.caller.len() + 320 >= recorded.call.caller.len());
    assert_said(&recorded);
    assert_heard(&recorded);
}

#[tokio::test]
async fn wide_recordings_have_the_same_samples_between_theirs_on_a_long_path() {
    let path = Duration::from_millis(60);
    let recorded = record(RecordingFormat::Wav, path, &[]).await;
    assert_said(&recorded);
    assert_heard(&recorded);
}

#[tokio::test]
async fn jitter_and_stalls_of_the_network_leave_both_sides_in_place() {
    let faults = ["jitter:max=40ms", "stall:for=300ms,at=1600ms"];
    let path = Duration::from_millis(50);
    let recorded = record(RecordingFormat::Mulaw, path, &faults).await;
    assert_said(&recorded);
    assert_heard(&recorded);
}

#[tokio::test]
async fn frames_that_are_lost_doubled_or_overtaken_leave_gaps_and_nothing_else() {
    let faults = ["loss:percent=5", "duplicate:percent=5", "reorder:percent=5"];
    let recorded = record(RecordingFormat::Wav, Duration::ZERO, &faults).await;
    let (call, caller) = (&recorded.call, &recorded.caller);
    let frames = caller.chunks(160).zip(call.caller.chunks(160)).enumerate();
    let mut lost = 0;
    for (number, (taken, said)) in frames {
        let first = 160 * number as u64;
        let was_sent = call.sent.iter().any(|sent| sent.first_sample == first);
        lost += usize::from(!was_sent);
        if was_sent {
            assert_eq!(taken, &said[..taken.len()], "frame {number}");
        } else {
            assert!(taken.iter().all(|&sample| sample == 0), "frame {number}");
        }
    }
    assert!(lost > 3, "{lost} frames were lost");
    assert_heard(&recorded);
}
