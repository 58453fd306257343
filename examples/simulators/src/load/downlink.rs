//! The model's audio on its way to the caller.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::signal::FRAME;

/// Which audio the model has sent, and which of it the caller's side has got, in one call.
///
/// A server may hand audio on as it comes, or pace it so that the caller's side never holds more than
/// some lead. A media message is therefore due when its last sample left the model, or, if it came
/// later than that allows, when a player that gets everything in no time would be down to the lead
/// less the message, or less a whole frame for the short end of an answer. What it is late by is the latency that the server adds.
#[derive(Debug)]
pub(super) struct Downlink {
    lead: Duration,
    response: Option<Response>,
    pub(super) counts: DownlinkCounts,
}

#[derive(Debug, Default)]
struct Response {
    /// Last sample so far, at 8 kHz, and when it left.
    deltas: VecDeque<(u64, Instant)>,
    sent: u64,
    received: u64,
    /// Until when a player has enough that gets everything in no time.
    ideal_end: Option<Instant>,
    is_cleared: bool,
}

/// What became of the audio, counted at 8 kHz.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DownlinkCounts {
    pub(super) sent_samples: u64,
    pub(super) received_samples: u64,
    pub(super) responses: u64,
    pub(super) lost_samples: u64,
    pub(super) extra_samples: u64,
    pub(super) underruns: u64,
    pub(super) underrun_time: Duration,
}

impl Downlink {
    /// `lead` is what a pacing server lets the caller's side hold.
    pub(super) fn new(lead: Duration) -> Self {
        Self {
            lead,
            response: None,
            counts: DownlinkCounts::default(),
        }
    }

    /// The model begins to answer.
    pub(super) fn begin(&mut self) {
        self.finish();
        self.counts.responses += 1;
        self.response = Some(Response::default());
    }

    /// The model writes a delta of `samples` at `at`.
    pub(super) fn send(&mut self, samples: u64, at: Instant) {
        self.counts.sent_samples += samples;
        if let Some(response) = &mut self.response {
            response.sent += samples;
            response.deltas.push_back((response.sent, at));
        }
    }

    /// A media message of `samples` comes at `at`, when the player has had nothing for `dry`.
    ///
    /// Returns when the message was due and how late it is.
    pub(super) fn receive(
        &mut self,
        samples: u64,
        at: Instant,
        dry: Duration,
    ) -> Option<(Instant, Duration)> {
        self.counts.received_samples += samples;
        let response = self.response.as_mut()?;
        let is_first = response.received == 0;
        response.received += samples;
        // The first delta that reaches so far; the last one if a filter rings on behind it.
        while response.deltas.len() > 1 && response.deltas[0].0 + TOLERANCE < response.received {
            response.deltas.pop_front();
        }
        let &(_, left) = response.deltas.front()?;
        let length = Duration::from_micros(125) * samples as u32;
        let ideal_end = response.ideal_end.unwrap_or(left);
        let paced = (ideal_end + length.max(PTIME)).checked_sub(self.lead);
        let due = paced.map_or(left, |paced| paced.max(left));
        response.ideal_end = Some(ideal_end.max(left) + length);
        // What the model sends too late is not the server's fault.
        let dry = dry.min(at.saturating_duration_since(left));
        if !is_first && !dry.is_zero() && !response.is_cleared {
            self.counts.underruns += 1;
            self.counts.underrun_time += dry;
        }
        // Long before the time of a pacing server it comes from one that does not pace.
        let due = if at + EARLY < due { left } else { due };
        Some((due, at.saturating_duration_since(due)))
    }

    /// The server has thrown away what was not played; the rest of the answer may not come.
    pub(super) fn clear(&mut self) {
        if let Some(response) = &mut self.response {
            response.is_cleared = true;
        }
    }

    /// Nothing more is expected of the last answer.
    pub(super) fn finish(&mut self) {
        let Some(response) = self.response.take() else {
            return;
        };
        let (sent, received) = (response.sent, response.received);
        if !response.is_cleared && received + SLACK < sent {
            self.counts.lost_samples += sent - received;
        }
        if received > sent + SLACK {
            self.counts.extra_samples += received - sent;
        }
    }

    /// Of an answer that may still be under way nothing is said.
    pub(super) fn give_up(&mut self) {
        self.response = None;
    }
}

/// A server that paces may round its timers down.
const EARLY: Duration = Duration::from_millis(5);
/// Servers that pace count in whole frames.
const PTIME: Duration = Duration::from_millis(20);
/// What a resampler may keep to itself until more comes.
const TOLERANCE: u64 = 8;
/// By so much an answer may be shorter or longer through a filter's delay or a padded frame.
const SLACK: u64 = FRAME as u64;

#[cfg(test)]
mod tests {
    use super::*;

    const LEAD: Duration = Duration::from_millis(200);
    const NO: Duration = Duration::ZERO;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A second of audio that left at once.
    fn second(start: Instant) -> Downlink {
        let mut downlink = Downlink::new(LEAD);
        downlink.begin();
        downlink.send(8_000, start);
        downlink
    }

    #[test]
    fn a_paced_message_is_late_by_what_it_misses_its_turn() {
        let start = Instant::now();
        let mut downlink = second(start);
        for n in 0..10 {
            let late = downlink.receive(160, start + ms(1), NO);
            assert_eq!(late, Some((start, ms(1))), "{n}");
        }
        for n in 1..=40 {
            let due = start + ms(20 * n);
            let late = downlink.receive(160, due + ms(n), NO);
            assert_eq!(late, Some((due, ms(n))));
        }
    }

    #[test]
    fn a_message_that_is_not_paced_is_late_by_its_time_since_the_model() {
        let start = Instant::now();
        let mut downlink = Downlink::new(LEAD);
        downlink.begin();
        for n in 0..10 {
            let left = start + ms(25 * n);
            downlink.send(800, left);
            let late = downlink.receive(800, left + ms(3), NO);
            assert_eq!(late, Some((left, ms(3))));
        }
    }

    #[test]
    fn a_message_with_the_end_of_one_delta_waits_for_the_next() {
        let start = Instant::now();
        let mut downlink = Downlink::new(LEAD);
        downlink.begin();
        downlink.send(100, start);
        downlink.send(100, start + ms(50));
        let late = downlink.receive(160, start + ms(52), NO);
        assert_eq!(late, Some((start + ms(50), ms(2))));
    }

    #[test]
    fn a_gap_is_an_underrun_unless_the_model_made_it() {
        let start = Instant::now();
        let mut downlink = second(start);
        downlink.receive(160, start, ms(900));
        assert_eq!(downlink.counts.underruns, 0, "the beginning");
        downlink.receive(160, start + ms(30), ms(10));
        assert_eq!(
            (downlink.counts.underruns, downlink.counts.underrun_time),
            (1, ms(10))
        );
        let mut downlink = Downlink::new(LEAD);
        downlink.begin();
        downlink.send(160, start);
        downlink.receive(160, start, NO);
        downlink.send(160, start + ms(500));
        downlink.receive(160, start + ms(502), ms(482));
        assert_eq!(downlink.counts.underrun_time, ms(2));
    }

    #[test]
    fn what_is_missing_at_the_end_is_lost_unless_the_server_cleared() {
        let start = Instant::now();
        let mut downlink = second(start);
        downlink.receive(7_900, start, NO);
        downlink.finish();
        assert_eq!(downlink.counts.lost_samples, 0);
        let mut downlink = second(start);
        downlink.receive(7_000, start, NO);
        downlink.begin();
        assert_eq!(downlink.counts.lost_samples, 1_000);
        downlink.send(8_000, start);
        downlink.clear();
        downlink.begin();
        assert_eq!(downlink.counts.lost_samples, 1_000);
        downlink.send(8_000, start);
        downlink.receive(9_000, start, NO);
        downlink.finish();
        assert_eq!(downlink.counts.extra_samples, 1_000);
    }
}
