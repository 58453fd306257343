//! Everything the report says, computed from what both simulators and the server wrote down.
//!
//! Samples are matched by counting: the caller's sample *n* (8 kHz) is the model's input sample
//! *n · rate / 8000*, and an item's sample *s* is the agent's sample *s · 8000 / rate* after the
//! first one that arrived for it. Whether counting is right is then checked by correlation.

mod uplink;

use std::{ops::Range, time::Duration};

use anyhow::{Context, ensure};
use trunkline_simulators::{
    audio::{MODEL_RATE, PHONE_RATE, duration_of, mulaw_decode, resample},
    openai::SessionRecord,
    twilio::{CallRecord, Run},
};

use self::uplink::Uplink;
use crate::signal::{Spread, lag, snr_db};

/// What was measured on one call.
pub(crate) struct Measured {
    pub(crate) uplink: Uplink,
    pub(crate) downlink: Downlink,
    pub(crate) replies: Vec<Reply>,
    pub(crate) items: Vec<Item>,
    /// By the caller.
    pub(crate) barge_in: BargeIn,
    /// By what was no speech.
    pub(crate) false_barge_ins: Vec<BargeIn>,
}

/// Model to caller.
pub(crate) struct Downlink {
    /// A delta's first sample heard, against when it would have been heard had every delta
    /// reached the caller's queue the moment the model sent it.
    pub(crate) added: Spread,
    /// An item's first delta sent → its first media received by Twilio.
    pub(crate) first_media: Spread,
    /// Pauses within an item that the model did not make: the caller's queue ran dry.
    pub(crate) underruns: usize,
    /// How long these were together.
    pub(crate) underrun: Duration,
    /// How long the pauses were, together, that the bridge made on purpose.
    pub(crate) held: Duration,
}

/// One spoken item of the model.
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) first_delta: Duration,
    pub(crate) last_delta: Duration,
    /// What the model made of it.
    pub(crate) made: Duration,
    pub(crate) heard_from: Duration,
    pub(crate) heard_to: Duration,
    /// How much of it was heard.
    pub(crate) heard: Duration,
    pub(crate) lag: Duration,
    pub(crate) snr_db: f64,
}

/// From the caller's last sample to the agent's first.
pub(crate) struct Reply {
    pub(crate) caller_stopped: Duration,
    /// The model's voice detection said so.
    pub(crate) noticed: Duration,
    pub(crate) first_delta: Duration,
    pub(crate) heard: Duration,
}

impl Reply {
    pub(crate) fn latency(&self) -> Duration {
        self.heard.saturating_sub(self.caller_stopped)
    }
}

/// The caller, or what was taken for the caller, speaking over the agent.
pub(crate) struct BargeIn {
    pub(crate) caller_started: Duration,
    pub(crate) noticed: Duration,
    pub(crate) cleared: Duration,
    /// The last of the agent was heard.
    pub(crate) silent: Duration,
    /// Audio the clear threw away, and which of the agent's samples that were.
    pub(crate) flushed: Duration,
    pub(crate) flushed_samples: Range<usize>,
    pub(crate) truncated: Duration,
    pub(crate) item_id: String,
    pub(crate) audio_end_ms: i64,
    /// Of the item, truly played.
    pub(crate) played_ms: f64,
}

impl BargeIn {
    /// What the model believes was heard beyond what was: positive means that it believes the
    /// caller heard words that were never played.
    pub(crate) fn error_ms(&self) -> f64 {
        self.audio_end_ms as f64 - self.played_ms
    }
}

impl Measured {
    /// Fails if the call lacks something that has to be measured, or has it more than once.
    pub(crate) fn of(call: &CallRecord, session: &SessionRecord) -> anyhow::Result<Self> {
        let clears = call.clears.len();
        ensure!(clears < 2, "cleared {clears} times");
        let truncates = &session.truncates;
        ensure!(!truncates.is_empty(), "nothing was truncated");
        ensure!(truncates.len() < 2, "truncated {} times", truncates.len());
        ensure!(truncates[0].accepted, "the model has refused to truncate");
        Self::of_stormy(call, session, &[])
    }

    /// The same for a call on which things go wrong: the model is interrupted by noise, too, and
    /// refuses to truncate; during `holds` the bridge waits for whether it is interrupted.
    pub(crate) fn of_stormy(
        call: &CallRecord,
        session: &SessionRecord,
        holds: &[Range<Duration>],
    ) -> anyhow::Result<Self> {
        let items = items(call, session)?;
        let (mut by_caller, mut false_barge_ins) = (None, Vec::new());
        for n in 0..call.clears.len() {
            let (barge_in, is_callers) = barge_in(call, session, &items, n)?;
            if is_callers && by_caller.is_none() {
                by_caller = Some(barge_in);
            } else {
                false_barge_ins.push(barge_in);
            }
        }
        Ok(Self {
            uplink: Uplink::of(call, session)?,
            downlink: downlink(call, session, &items, holds),
            replies: replies(call, session, &items)?,
            barge_in: by_caller.context("nothing was cleared")?,
            false_barge_ins,
            items: items.into_iter().map(|item| item.measured).collect(),
        })
    }

    /// All interruptions of the agent, the caller's first.
    pub(crate) fn barge_ins(&self) -> impl Iterator<Item = &BargeIn> {
        std::iter::once(&self.barge_in).chain(&self.false_barge_ins)
    }
}

/// An item with what is needed to trace its samples.
struct Traced {
    measured: Item,
    /// The agent's sample its first one is, and the one after its last.
    first_sample: u64,
    end_sample: u64,
    /// Model samples per agent sample.
    ratio: u64,
}

/// The items the caller heard something of, in order.
fn items(call: &CallRecord, session: &SessionRecord) -> anyhow::Result<Vec<Traced>> {
    let mut ids: Vec<&str> = Vec::new();
    for delta in &session.deltas {
        if ids.last() != Some(&delta.item_id.as_str()) {
            ids.push(&delta.item_id);
        }
    }
    let firsts: Vec<(Duration, u64)> = ids
        .iter()
        .map(|id| {
            let first_delta = session.deltas.iter().find(|delta| delta.item_id == *id);
            let first_delta = first_delta.context("an item without audio")?.time;
            let media = call.received.iter().find(|media| media.time >= first_delta);
            let media = media.with_context(|| format!("nothing of {id} reached the caller"))?;
            Ok((first_delta, media.first_sample))
        })
        .collect::<anyhow::Result<_>>()?;
    let received_samples = call.received_mulaw.len() as u64;
    ids.iter()
        .enumerate()
        .map(|(n, id)| {
            let (first_delta, first_sample) = firsts[n];
            let end_sample = firsts
                .get(n + 1)
                .map_or(received_samples, |(_, next)| *next);
            let (made, rate_hz) = session.output.get(*id).context("an item without audio")?;
            let heard_samples = call.heard_samples(first_sample, end_sample);
            let heard_from = call
                .heard_at(first_sample)
                .with_context(|| format!("nothing of {id} was heard"))?;
            let last_heard = (first_sample..end_sample)
                .rev()
                .find_map(|sample| call.heard_at(sample))
                .unwrap_or(heard_from);

            let reference = resample(made, *rate_hz, MODEL_RATE);
            let range = first_sample as usize..(first_sample + heard_samples) as usize;
            let received: Vec<i16> = call.received_mulaw[range]
                .iter()
                .map(|&code| mulaw_decode(code))
                .collect();
            let received = resample(&received, PHONE_RATE, MODEL_RATE);
            let lag = lag(
                &reference[..reference.len().min(ALIGNED)],
                &received,
                MAX_LAG,
            );
            let measured = Item {
                id: (*id).to_owned(),
                first_delta,
                last_delta: session
                    .deltas
                    .iter()
                    .rfind(|delta| delta.item_id == *id)
                    .map_or(first_delta, |delta| delta.time),
                made: duration_of(made.len() as u64, *rate_hz),
                heard_from,
                heard_to: last_heard + duration_of(1, PHONE_RATE),
                heard: duration_of(heard_samples, PHONE_RATE),
                lag: duration_of(lag as u64, MODEL_RATE),
                snr_db: snr_db(&reference, &received[lag..]),
            };
            let ratio = u64::from(rate_hz / PHONE_RATE);
            Ok(Traced {
                measured,
                first_sample,
                end_sample,
                ratio,
            })
        })
        .collect()
}

fn downlink(
    call: &CallRecord,
    session: &SessionRecord,
    items: &[Traced],
    holds: &[Range<Duration>],
) -> Downlink {
    let mut added = Vec::new();
    let mut first_media = Vec::new();
    let (mut underruns, mut underrun, mut held) = (0, Duration::ZERO, Duration::ZERO);
    for item in items {
        // First samples behind pauses made on purpose, and how long these were.
        let mut pauses: Vec<(u64, Duration)> = Vec::new();
        for pair in call.runs.windows(2) {
            let (from, to, begins) = (pair[0].end(), pair[1].start, pair[1].first_sample);
            if !(item.first_sample + 1..item.end_sample).contains(&begins) || pair[1].samples == 0 {
                continue;
            }
            let pause = to.saturating_sub(from);
            let is_hold = |hold: &Range<Duration>| hold.start < to && hold.end + AT_ONCE > from;
            if holds.iter().any(is_hold) {
                pauses.push((begins, pause));
                held += pause;
            } else {
                underruns += 1;
                underrun += pause;
            }
        }
        let mut ideal_end = Duration::ZERO;
        for delta in session
            .deltas
            .iter()
            .filter(|delta| delta.item_id == item.measured.id)
        {
            let ideal = delta.time.max(ideal_end);
            let samples = delta.end_sample - delta.first_sample;
            let rate_hz = PHONE_RATE * u32::try_from(item.ratio).unwrap_or(1);
            ideal_end = ideal + duration_of(samples, rate_hz);
            let sample = item.first_sample + delta.first_sample.div_ceil(item.ratio);
            if sample < item.end_sample
                && let Some(heard) = call.heard_at(sample)
            {
                let before = pauses.iter().filter(|(begins, _)| *begins <= sample);
                let paused: Duration = before.map(|(_, pause)| *pause).sum();
                added.push(heard.saturating_sub(ideal + paused));
            }
        }
        let media = call
            .received
            .iter()
            .find(|media| media.first_sample == item.first_sample);
        first_media.extend(media.map(|media| media.time.saturating_sub(item.measured.first_delta)));
    }
    Downlink {
        added: Spread::of(added),
        first_media: Spread::of(first_media),
        underruns,
        underrun,
        held,
    }
}

fn replies(
    call: &CallRecord,
    session: &SessionRecord,
    items: &[Traced],
) -> anyhow::Result<Vec<Reply>> {
    call.said
        .iter()
        .map(|said| {
            let stopped = session
                .speech
                .iter()
                .find(|change| !change.started && change.time >= said.end())
                .context("the model has not noticed the end of a turn")?;
            let item = items
                .iter()
                .map(|item| &item.measured)
                .find(|item| item.first_delta >= stopped.time)
                .context("a turn was not answered")?;
            Ok(Reply {
                caller_stopped: said.end(),
                noticed: stopped.time,
                first_delta: item.first_delta,
                heard: item.heard_from,
            })
        })
        .collect()
}

/// What came of the `n`-th clear, and whether the caller was the reason.
fn barge_in(
    call: &CallRecord,
    session: &SessionRecord,
    items: &[Traced],
    n: usize,
) -> anyhow::Result<(BargeIn, bool)> {
    let clear = call.clears[n];
    let next = call
        .clears
        .get(n + 1)
        .map_or(Duration::MAX, |next| next.time);
    // Both leave at once and arrive in any order. A truncation that is refused may be repeated.
    let truncate = session
        .truncates
        .iter()
        .filter(|truncate| truncate.time + AT_ONCE > clear.time && truncate.time + AT_ONCE < next)
        .max_by_key(|truncate| (truncate.accepted, truncate.time))
        .context("nothing was truncated")?;
    let said = call.said.iter().rfind(|said| said.start <= clear.time);
    let said = said.filter(|said| clear.time < said.end());
    let started = session.speech.iter().filter(|change| change.started);
    let noticed = match said {
        Some(said) => started.clone().find(|change| change.time >= said.start),
        None => started.clone().rfind(|change| change.time <= clear.time),
    };
    let noticed = noticed.context("the model has not noticed the barge-in")?;
    let item = items
        .iter()
        .find(|item| item.measured.id == truncate.item_id)
        .context("truncated an item that nobody has heard")?;
    let played = call.heard_samples(item.first_sample, item.end_sample);
    let barge_in = BargeIn {
        caller_started: said.map_or(noticed.time, |said| said.start),
        noticed: noticed.time,
        cleared: clear.time,
        silent: call
            .runs
            .iter()
            .rfind(|run| run.start < clear.time)
            .map_or(clear.time, Run::end),
        flushed: duration_of(clear.flushed_samples, PHONE_RATE),
        flushed_samples: {
            let first = (item.first_sample + played) as usize;
            first..first + clear.flushed_samples as usize
        },
        truncated: truncate.time,
        item_id: truncate.item_id.clone(),
        audio_end_ms: truncate.audio_end_ms,
        played_ms: played as f64 * 1e3 / f64::from(PHONE_RATE),
    };
    Ok((barge_in, said.is_some()))
}

/// Enough speech to find its place, at [`MODEL_RATE`].
const ALIGNED: usize = MODEL_RATE as usize;
/// 20 ms: more would be a frame lost or doubled, which the noise then shows.
const MAX_LAG: usize = MODEL_RATE as usize / 50;
/// What leaves at once for two peers arrives at both within this.
const AT_ONCE: Duration = Duration::from_millis(200);
