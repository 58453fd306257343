//! What came out, as a table and as JSON.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::Options;
use super::call::Outcome;
use super::downlink::DownlinkCounts;
use super::histogram::Percentiles;
use super::process::Usage;
use super::shared::{Shared, lock};
use super::uplink::UplinkCounts;

/// What came of a load.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Calls that were tried.
    pub calls: usize,
    /// That lasted until their callers hung up.
    pub completed: usize,
    /// That the server took no more of: busy, 503, or TwiML without a stream.
    pub refused: usize,
    /// That broke, with the first few reasons.
    pub failed: usize,
    /// The first few reasons.
    pub failures: Vec<String>,
    /// Seconds that were measured.
    pub measured_s: f64,
    /// Added latency of a frame, caller to model.
    pub uplink: Percentiles,
    /// Added latency of a media message, model to caller.
    pub downlink: Percentiles,
    /// Audio that got lost, was put in, or came in pieces.
    pub audio: Audio,
    /// Broken rules of Twilio's or the model's protocol.
    pub violations: u64,
    /// The first few of them.
    pub first_violations: Vec<String>,
    /// What the server used, if its process is known.
    pub server: Option<Server>,
    /// By how much callers' frames left late: the timers of this process tick in milliseconds.
    pub caller_lag: Percentiles,
    /// By how much the model's deltas left late.
    pub model_lag: Percentiles,
    /// Part of one processor that this process took.
    pub generator_cpu: f64,
}

/// What became of the audio of all calls, in all of their time.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Audio {
    /// Frames that callers sent.
    pub uplink_frames: u64,
    /// Calls none of whose utterances reached the model.
    pub unheard_calls: usize,
    /// Milliseconds of callers' audio that the model did not get.
    pub uplink_lost_ms: f64,
    /// Milliseconds that the model got and no caller sent.
    pub uplink_inserted_ms: f64,
    /// Delay of the sound through the server's filter, in milliseconds, which is no latency here.
    pub filter_delay_ms: f64,
    /// Answers that the model gave.
    pub responses: u64,
    /// Milliseconds of them.
    pub downlink_sent_ms: f64,
    /// Milliseconds that callers got.
    pub downlink_received_ms: f64,
    /// Milliseconds of whole answers that did not come.
    pub downlink_lost_ms: f64,
    /// Milliseconds more than was sent.
    pub downlink_extra_ms: f64,
    /// Times that a caller had nothing to hear in the middle of an answer that had been sent.
    pub underruns: u64,
    /// How long in all, in milliseconds.
    pub underrun_ms: f64,
    /// Utterances and media messages in which there was not what had been sent.
    pub damaged: u64,
}

/// What the server used.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Server {
    /// Part of one processor while all calls were up.
    pub cpu: f64,
    /// The same for each completed call, in percent.
    pub cpu_percent_per_call: f64,
    /// Resident memory before the first call.
    pub memory_before_bytes: u64,
    /// While all calls were up.
    pub memory_during_bytes: u64,
    /// After the last call.
    pub memory_after_bytes: u64,
    /// What each completed call added to it.
    pub memory_per_call_bytes: u64,
    /// Open descriptors before the first call.
    pub descriptors_before: u64,
    /// While all calls were up.
    pub descriptors_during: u64,
    /// After the last call.
    pub descriptors_after: u64,
}

/// What a report has to keep to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bars {
    /// Median of either direction's added latency, in milliseconds.
    pub p50_ms: Option<f64>,
    /// 99% of either direction's added latency, in milliseconds.
    pub p99_ms: Option<f64>,
    /// Memory of a call, in KiB.
    pub memory_kib: Option<f64>,
}

/// Looks at the server's process, where it is known, and at this one.
pub(super) struct Looks {
    pub(super) before: Option<Usage>,
    pub(super) steady_begins: (Option<Usage>, Usage),
    pub(super) steady_ends: (Option<Usage>, Usage),
    pub(super) after: Option<Usage>,
}

impl Report {
    pub(super) fn new(
        options: &Options,
        shared: &Shared,
        outcomes: &[Outcome],
        looks: &Looks,
    ) -> Self {
        let count =
            |is: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| is(outcome)).count();
        let completed = count(|outcome| matches!(outcome, Outcome::Completed));
        let failures = outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Failed(reason) => Some(reason.clone()),
            _ => None,
        });
        let violations = lock(&shared.violations);
        let measured = options.duration.as_secs_f64();
        let own = looks
            .steady_ends
            .1
            .cpu
            .saturating_sub(looks.steady_begins.1.cpu);
        Self {
            calls: options.calls,
            completed,
            refused: count(|outcome| matches!(outcome, Outcome::Refused)),
            failed: count(|outcome| matches!(outcome, Outcome::Failed(_))),
            failures: failures.take(10).collect(),
            measured_s: measured,
            uplink: lock(&shared.uplink).percentiles(),
            downlink: lock(&shared.downlink).percentiles(),
            audio: Audio::new(shared),
            violations: violations.count,
            first_violations: violations.first.clone(),
            server: Server::new(looks, measured, completed),
            caller_lag: lock(&shared.caller_lag).percentiles(),
            model_lag: lock(&shared.model_lag).percentiles(),
            generator_cpu: own.as_secs_f64() / measured,
        }
    }

    /// What is wrong with it; empty if nothing is. Refused calls are no fault.
    pub fn faults(&self, bars: &Bars) -> Vec<String> {
        let mut faults = Vec::new();
        let mut fault = |is: bool, what: String| {
            if is {
                faults.push(what);
            }
        };
        fault(self.failed > 0, format!("{} calls failed", self.failed));
        fault(self.completed == 0, "no call was completed".to_owned());
        fault(
            self.violations > 0,
            format!("{} violations", self.violations),
        );
        let audio = &self.audio;
        for (name, ms) in [
            ("uplink lost", audio.uplink_lost_ms),
            ("uplink inserted", audio.uplink_inserted_ms),
            ("downlink lost", audio.downlink_lost_ms),
            ("downlink extra", audio.downlink_extra_ms),
        ] {
            fault(ms > 0.0, format!("{name}: {ms} ms"));
        }
        for (name, count) in [
            ("underruns", audio.underruns),
            ("pieces of damaged audio", audio.damaged),
            ("unheard calls", audio.unheard_calls as u64),
        ] {
            fault(count > 0, format!("{count} {name}"));
        }
        for (name, times) in [("uplink", self.uplink), ("downlink", self.downlink)] {
            let bars = [
                ("p50", times.p50_ms, bars.p50_ms),
                ("p99", times.p99_ms, bars.p99_ms),
            ];
            for (percentile, ms, bar) in bars {
                let bar = bar.filter(|bar| ms > *bar || times.count == 0);
                if let Some(bar) = bar {
                    fault(
                        true,
                        format!("{name} {percentile} {ms:.2} ms, not {bar} ms"),
                    );
                }
            }
        }
        if let (Some(bar), Some(server)) = (bars.memory_kib, &self.server) {
            let kib = server.memory_per_call_bytes as f64 / 1024.0;
            fault(kib > bar, format!("{kib:.0} KiB a call, not {bar} KiB"));
        }
        faults
    }
}

impl Audio {
    fn new(shared: &Shared) -> Self {
        let mut audio = Self {
            damaged: shared.damages(),
            ..Self::default()
        };
        let ms = |samples: u64| samples as f64 / 8.0;
        for line in &shared.lines {
            let uplink = lock(&line.uplink);
            let UplinkCounts {
                sent_frames,
                lost_samples,
                inserted_samples,
                filter_delay,
            } = uplink.counts;
            audio.uplink_frames += sent_frames;
            audio.unheard_calls += usize::from(sent_frames > 0 && !uplink.is_aligned());
            audio.uplink_lost_ms += ms(lost_samples);
            audio.uplink_inserted_ms += ms(inserted_samples);
            audio.filter_delay_ms = audio.filter_delay_ms.max(in_ms(filter_delay));
            let DownlinkCounts {
                sent_samples,
                received_samples,
                responses,
                lost_samples,
                extra_samples,
                underruns,
                underrun_time,
            } = lock(&line.downlink).counts;
            audio.responses += responses;
            audio.downlink_sent_ms += ms(sent_samples);
            audio.downlink_received_ms += ms(received_samples);
            audio.downlink_lost_ms += ms(lost_samples);
            audio.downlink_extra_ms += ms(extra_samples);
            audio.underruns += underruns;
            audio.underrun_ms += in_ms(underrun_time);
        }
        audio
    }
}

impl Server {
    fn new(looks: &Looks, measured_s: f64, calls: usize) -> Option<Self> {
        let (before, after) = (looks.before?, looks.after?);
        let (begin, end) = (looks.steady_begins.0?, looks.steady_ends.0?);
        let cpu = end.cpu.saturating_sub(begin.cpu).as_secs_f64() / measured_s;
        let calls = calls.max(1);
        let added = end.memory_bytes.saturating_sub(before.memory_bytes);
        Some(Self {
            cpu,
            cpu_percent_per_call: 100.0 * cpu / calls as f64,
            memory_before_bytes: before.memory_bytes,
            memory_during_bytes: end.memory_bytes,
            memory_after_bytes: after.memory_bytes,
            memory_per_call_bytes: added / calls as u64,
            descriptors_before: before.descriptors,
            descriptors_during: end.descriptors,
            descriptors_after: after.descriptors,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { audio, .. } = self;
        writeln!(
            f,
            "calls       {} tried, {} completed, {} refused, {} failed; measured for {} s",
            self.calls, self.completed, self.refused, self.failed, self.measured_s
        )?;
        writeln!(
            f,
            "ms             p50     p90     p99   p99.9     max   count"
        )?;
        for (name, times) in [
            ("uplink", &self.uplink),
            ("downlink", &self.downlink),
            ("caller lag", &self.caller_lag),
            ("model lag", &self.model_lag),
        ] {
            writeln!(
                f,
                "{name:<10} {:>7.2} {:>7.2} {:>7.2} {:>7.2} {:>7.2} {:>7}",
                times.p50_ms, times.p90_ms, times.p99_ms, times.p999_ms, times.max_ms, times.count
            )?;
        }
        writeln!(
            f,
            "uplink      {} frames, {} ms lost, {} ms inserted, {} calls unheard, filter {:.2} ms",
            audio.uplink_frames,
            audio.uplink_lost_ms,
            audio.uplink_inserted_ms,
            audio.unheard_calls,
            audio.filter_delay_ms
        )?;
        writeln!(
            f,
            "downlink    {} answers, {:.0} of {:.0} s, {} ms lost, {} ms extra, {} underruns of {:.0} ms",
            audio.responses,
            audio.downlink_received_ms / 1e3,
            audio.downlink_sent_ms / 1e3,
            audio.downlink_lost_ms,
            audio.downlink_extra_ms,
            audio.underruns,
            audio.underrun_ms
        )?;
        writeln!(
            f,
            "checks      {} damaged, {} violations",
            audio.damaged, self.violations
        )?;
        for text in self.first_violations.iter().chain(&self.failures) {
            writeln!(f, "            {text}")?;
        }
        if let Some(server) = &self.server {
            let kib = |bytes: u64| bytes / 1024;
            writeln!(
                f,
                "server      {:.1}% of a processor, {:.3}% a call; {} KiB, {} a call, {} after; \
                 {} descriptors, {} before, {} after",
                100.0 * server.cpu,
                server.cpu_percent_per_call,
                kib(server.memory_during_bytes),
                kib(server.memory_per_call_bytes),
                kib(server.memory_after_bytes),
                server.descriptors_during,
                server.descriptors_before,
                server.descriptors_after
            )?;
        }
        write!(
            f,
            "generator   {:.1}% of a processor",
            100.0 * self.generator_cpu
        )
    }
}

fn in_ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
