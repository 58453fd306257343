//! What a call leaves behind. Times are on the [`Clock`](crate::Clock) given to the simulator.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::player;
use crate::Clock;
use crate::audio::{PHONE_RATE, duration_of, samples_in, write_wav};
use crate::clock::{seconds, seconds_opt};

/// Everything that happened on one call.
///
/// Two counts of samples appear, both at 8 kHz. *Caller samples* count what the caller said from
/// [`started`](Self::started) on. *Agent samples* count the media received from the server in
/// order of arrival; those thrown away by `clear` keep their numbers, so a number names one
/// sample for good, and [`runs`](Self::runs) tells which numbers were heard, and when.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CallRecord {
    /// `CA…`
    pub call_sid: String,
    /// `MZ…` of each stream, in order; one for a usual call, none when it never came to that.
    pub stream_sids: Vec<String>,
    /// Time of the first sample of [`caller`](Self::caller) and [`heard`](Self::heard).
    #[serde(serialize_with = "seconds")]
    pub started: Duration,
    /// When the call was over.
    #[serde(serialize_with = "seconds")]
    pub ended: Duration,
    /// How it ended.
    pub ending: Ending,
    /// Requests made to the server and what came back, in the order sent.
    pub requests: Vec<Request>,
    /// Media sent to the server (caller samples), in the order sent; faults leave some out, or send
    /// them twice or late.
    pub sent: Vec<Media>,
    /// Media received from the server (agent samples), without what was refused as too much.
    pub received: Vec<Media>,
    /// Marks received and echoed.
    pub marks: Vec<Mark>,
    /// Clears received.
    pub clears: Vec<Clear>,
    /// What was truly played, and when (agent samples).
    pub runs: Vec<Run>,
    /// What the caller said (caller samples).
    pub said: Vec<Run>,
    /// Whom the server's TwiML has called, in order.
    pub dials: Vec<Dial>,
    /// Script steps begun and finished.
    pub steps: Vec<StepRecord>,
    /// What the server did wrong, in Twilio's numbers.
    pub violations: Vec<Violation>,
    /// Messages sent that Twilio would not send, because of a fault.
    pub garbage: usize,
    /// By how much Twilio's clock was fast, in parts per million. Times here are those of a clock
    /// that is right; 8,000 samples took a little less than a second.
    pub drift_ppm: f64,
    /// μ-law of all media received: index = agent sample.
    #[serde(skip)]
    pub received_mulaw: Vec<u8>,
    /// What the caller said, from [`started`](Self::started), 8 kHz.
    #[serde(skip)]
    pub caller: Vec<i16>,
    /// What the caller heard, from [`started`](Self::started), 8 kHz; silence where nothing
    /// played.
    #[serde(skip)]
    pub heard: Vec<i16>,
}

impl CallRecord {
    /// When agent sample `sample` was played; `None` when a clear threw it away.
    pub fn heard_at(&self, sample: u64) -> Option<Duration> {
        let run = self
            .runs
            .iter()
            .find(|run| (run.first_sample..run.first_sample + run.samples).contains(&sample))?;
        let since = duration_of(sample - run.first_sample, PHONE_RATE);
        Some(run.start + since.div_f64(1.0 + self.drift_ppm * 1e-6))
    }

    /// How many of the agent samples `first..end` were played.
    pub fn heard_samples(&self, first: u64, end: u64) -> u64 {
        self.runs
            .iter()
            .map(|run| {
                let run_end = run.first_sample + run.samples;
                run_end.min(end).saturating_sub(run.first_sample.max(first))
            })
            .sum()
    }

    /// Writes 8 kHz stereo: the caller left, what the caller heard right.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_wav(&self, path: impl AsRef<Path>) -> Result<()> {
        write_wav(path, PHONE_RATE, &[&self.caller, &self.heard])
    }

    /// Turns the times of a clock that drifts into those of one that does not.
    pub(super) fn straighten(&mut self, clock: &Clock) {
        let media = self.sent.iter_mut().chain(&mut self.received);
        let runs = self.runs.iter_mut().chain(&mut self.said);
        let marks = self.marks.iter_mut();
        let marks = marks.flat_map(|mark| mark.echoed.iter_mut().chain([&mut mark.received]));
        let steps = self.steps.iter_mut();
        let steps = steps.flat_map(|step| step.finished.iter_mut().chain([&mut step.began]));
        let times = media
            .map(|media| &mut media.time)
            .chain(runs.map(|run| &mut run.start))
            .chain(marks)
            .chain(steps)
            .chain(self.clears.iter_mut().map(|clear| &mut clear.time))
            .chain(self.dials.iter_mut().map(|dial| &mut dial.time))
            .chain(
                self.violations
                    .iter_mut()
                    .map(|violation| &mut violation.time),
            )
            .chain([&mut self.started, &mut self.ended]);
        for time in times {
            *time = clock.without_drift(*time);
        }
    }

    /// Lays the runs out on the call's time line.
    pub(super) fn render_heard(&mut self) {
        let length = samples_in(self.ended.saturating_sub(self.started), PHONE_RATE);
        self.heard = vec![0; length.max(self.caller.len())];
        for run in &self.runs {
            player::overlay(run, &self.received_mulaw, self.started, &mut self.heard);
        }
    }
}

/// How a call ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The caller's script hung up.
    CallerHungUp,
    /// The server closed the stream, or its TwiML ended.
    ServerHungUp,
    /// A fault reset the connection; Twilio then takes the call for over.
    Reset,
    /// The call was longer than [`Options::time_limit`](super::Options::time_limit).
    TimeLimit,
    /// A waiting step of the script took longer than allowed; the step's number.
    ScriptTimeout(usize),
    /// The call never was answered, or broke: the last of
    /// [`violations`](CallRecord::violations) says why.
    #[default]
    Failed,
}

/// One HTTP request to the server.
#[derive(Clone, Debug, Serialize)]
pub struct Request {
    /// When it was sent.
    #[serde(serialize_with = "seconds")]
    pub time: Duration,
    /// When the answer was read, or given up.
    #[serde(serialize_with = "seconds")]
    pub answered: Duration,
    /// The public URL, as signed.
    pub url: String,
    /// The `I-Twilio-Idempotency-Token`: the same on a second delivery.
    pub idempotency_token: String,
    /// Form fields in the order sent.
    pub fields: Vec<(String, String)>,
    /// HTTP status; `None` when there was no answer.
    pub status: Option<u16>,
    /// Body of the answer.
    pub body: String,
}

/// One media message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Media {
    /// When it was sent or received.
    #[serde(serialize_with = "seconds")]
    pub time: Duration,
    /// Number of its first sample.
    pub first_sample: u64,
    /// How many samples (= bytes) it holds.
    pub samples: u64,
}

/// One mark of the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// As the server named it.
    pub name: String,
    /// When it came.
    #[serde(serialize_with = "seconds")]
    pub received: Duration,
    /// Agent samples received before it: it is reached when they are played.
    pub at_sample: u64,
    /// When it was sent back; `None` when the call ended first or a fault lost it.
    #[serde(serialize_with = "seconds_opt")]
    pub echoed: Option<Duration>,
    /// It came back because of a clear, not because the caller heard what precedes it.
    pub flushed: bool,
}

/// One clear of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Clear {
    /// When it came.
    #[serde(serialize_with = "seconds")]
    pub time: Duration,
    /// Agent samples played until then, on this call.
    pub played_samples: u64,
    /// Agent samples thrown away.
    pub flushed_samples: u64,
    /// Marks sent back because of it.
    pub flushed_marks: usize,
}

/// One `<Dial>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dial {
    /// When it rang.
    #[serde(serialize_with = "seconds")]
    pub time: Duration,
    /// The numbers, as written.
    pub numbers: Vec<String>,
    /// `callerId`, if given.
    pub caller_id: Option<String>,
    /// How long it may ring; 30 s if not given.
    #[serde(serialize_with = "seconds")]
    pub timeout: Duration,
    /// `answerOnBridge`.
    pub answer_on_bridge: bool,
}

/// An unbroken stretch of audio on the time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Time of its first sample.
    #[serde(serialize_with = "seconds")]
    pub start: Duration,
    /// Number of its first sample.
    pub first_sample: u64,
    /// How many samples follow on at 8 kHz.
    pub samples: u64,
}

impl Run {
    /// Time just after its last sample.
    pub fn end(&self) -> Duration {
        self.start + duration_of(self.samples, PHONE_RATE)
    }

    /// How many of its samples were played by `now`.
    pub fn played(&self, now: Duration) -> u64 {
        let elapsed = samples_in(now.saturating_sub(self.start), PHONE_RATE) as u64;
        elapsed.min(self.samples)
    }
}

/// One step of the caller's script.
#[derive(Clone, Debug, Serialize)]
pub struct StepRecord {
    /// What it was, in words.
    pub step: String,
    /// When the caller came to it.
    #[serde(serialize_with = "seconds")]
    pub began: Duration,
    /// When it was done; `None` when the call ended first.
    #[serde(serialize_with = "seconds_opt")]
    pub finished: Option<Duration>,
}

/// Something Twilio would have put into its debugger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// When it was noticed.
    #[serde(serialize_with = "seconds")]
    pub time: Duration,
    /// Twilio's error or warning number.
    pub code: u32,
    /// What is wrong.
    pub reason: String,
    /// The offending text, cut at 200 characters; empty when there is none.
    pub text: String,
}
