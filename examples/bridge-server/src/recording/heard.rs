//! What the caller heard of the agent: Twilio's player, worked out from what passed on the socket.
//!
//! Audio that comes when nothing is queued starts to play as it arrives, other audio follows on, and a
//! clear throws away what waits. What is not known here is how long messages take to Twilio and back. All
//! arrivals shift by that alike, so it is assumed, and put right by the echoes of marks: each says
//! where the caller was when the audio before it ended. What was written meanwhile is written again
//! in its place, as far as the window reaches back.

use std::{collections::VecDeque, ops::Range};

use super::SILENCE;

/// The agent's side. Positions are samples at 8 kHz on the caller's time line.
#[derive(Debug)]
pub(super) struct Heard {
    /// In the order in which they play, none over another.
    runs: VecDeque<Run>,
    marks: VecDeque<Mark>,
    /// Samples sent so far.
    sent: u64,
    /// Where the audio sent so far ends.
    tail: i64,
    /// What messages take to Twilio and back.
    path: i64,
    /// Samples that may wait.
    limit: usize,
    /// Samples that had no room.
    dropped: u64,
}

/// Audio that plays without a gap.
#[derive(Debug)]
struct Run {
    start: i64,
    /// Number of its first sample, and how many were sent.
    first: u64,
    sent: u64,
    /// Those of them that may still be written, and how many before them no longer.
    audio: VecDeque<u8>,
    passed: usize,
    /// Where a clear cut it off.
    until: i64,
    /// Where echoes place its start, the last ones first.
    measured: [i64; MEASURES],
    measures: usize,
    /// Samples, counted from the first one sent, up to which an echo has confirmed the place.
    confirmed: u64,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    name: u64,
    /// Samples sent before it.
    at: u64,
    /// The caller's position when it was sent.
    sent: i64,
}

impl Heard {
    pub(super) fn new() -> Self {
        Self {
            runs: VecDeque::new(),
            marks: VecDeque::new(),
            sent: 0,
            tail: 0,
            path: 0,
            limit: MAX_WAITING,
            dropped: 0,
        }
    }

    /// Audio is sent when the caller is at `now`. Returns where it begins to be heard.
    pub(super) fn media(&mut self, now: i64, mulaw: &[u8]) -> i64 {
        let start = self.tail.max(now + self.path);
        let first = self.sent;
        self.sent += mulaw.len() as u64;
        self.tail = start.saturating_add(mulaw.len() as i64);
        if self.waiting() + mulaw.len() > self.limit {
            self.dropped += mulaw.len() as u64;
            return start;
        }
        let is_full = self.runs.len() >= MAX_RUNS;
        if let Some(run) = self.runs.back_mut()
            && (run.continues_at(start, first) || is_full)
        {
            // Doubled, it would be half of a call's memory.
            if run.audio.capacity() - run.audio.len() < mulaw.len() {
                let more = mulaw.len().max(run.audio.len() / 8);
                run.audio.reserve_exact(more);
            }
            run.audio.extend(mulaw);
            run.sent += mulaw.len() as u64;
        } else {
            self.runs.push_back(Run {
                start,
                first,
                sent: mulaw.len() as u64,
                audio: mulaw.iter().copied().collect(),
                passed: 0,
                until: i64::MAX,
                measured: [0; MEASURES],
                measures: 0,
                confirmed: first,
            });
        }
        start
    }

    /// A mark is sent.
    pub(super) fn mark(&mut self, now: i64, name: u64) {
        if self.marks.len() == MAX_MARKS {
            self.marks.pop_front();
        }
        self.marks.push_back(Mark {
            name,
            at: self.sent,
            sent: now,
        });
    }

    /// A clear is sent. Returns from where on nothing is heard.
    pub(super) fn clear(&mut self, now: i64) -> i64 {
        let cut = now + self.path;
        for run in &mut self.runs {
            if run.until == i64::MAX {
                run.until = cut;
                // A little more than will be heard: the cut is not certain yet.
                let kept = (cut - run.start + CUT_MARGIN).max(0) as usize;
                run.audio.truncate(kept.saturating_sub(run.passed));
                run.audio.shrink_to(kept);
            }
        }
        self.tail = cut;
        cut
    }

    /// Messages were lost on the way here: what waits is not known to be heard, and no echo is understood.
    /// Returns from where on nothing is heard.
    pub(super) fn lose_track(&mut self, now: i64) -> i64 {
        self.marks.clear();
        self.clear(now)
    }

    /// A mark is echoed, when the caller was somewhere in `bounds`. Returns from where on what is heard
    /// has changed, if it has.
    pub(super) fn echo(&mut self, bounds: (i64, i64), name: u64) -> Option<i64> {
        let found = self.marks.iter().position(|mark| mark.name == name)?;
        // The marks before it are late or lost: whenever they come, they say nothing.
        let mark = self.marks.drain(..=found).next_back()?;
        let index = self.runs.iter().position(|run| run.holds(mark.at))?;
        let run = &mut self.runs[index];
        let ended = (run.start + (mark.at - run.first) as i64).min(run.until);
        let expected = ended.max(mark.sent + self.path);
        let error = expected.clamp(bounds.0, bounds.1) - expected;
        run.measured.rotate_right(1);
        run.measured[0] = run.start + error;
        run.measures = (run.measures + 1).min(MEASURES);
        let shift = run.best() - run.start;
        if shift.abs() <= TOLERANCE {
            run.confirmed = run.confirmed.max(mark.at);
            return None;
        }
        let is_gap = shift > MIN_GAP && run.confirmed > run.first && run.confirmed < mark.at;
        if is_gap {
            self.split(index);
            return Some(self.shift(index + 1, shift));
        }
        let changed = self.shift(index, shift);
        self.path = (self.path + shift).clamp(-MAX_PATH / 8, MAX_PATH);
        Some(changed)
    }

    /// Writes what is heard in the samples from `from` on.
    pub(super) fn render(&self, from: i64, out: &mut [u8]) {
        out.fill(SILENCE);
        for run in &self.runs {
            let Range { start, end } = run.heard();
            let (start, end) = (start.max(from), end.min(from + out.len() as i64));
            if start >= end {
                continue;
            }
            let out = &mut out[(start - from) as usize..(end - from) as usize];
            let skip = (start - run.start) as usize - run.passed.min((start - run.start) as usize);
            // What is no longer held stays silent.
            let gap = run
                .passed
                .saturating_sub((start - run.start) as usize)
                .min(out.len());
            for (out, &code) in out[gap..]
                .iter_mut()
                .zip(run.audio.range(skip.min(run.audio.len())..))
            {
                *out = code;
            }
        }
    }

    /// Nothing before `base` is asked for any more.
    pub(super) fn forget(&mut self, base: i64) {
        while self.runs.front().is_some_and(|run| run.heard().end < base) {
            self.runs.pop_front();
        }
        if let Some(run) = self.runs.front_mut() {
            let keep = base - run.start - SHIFT_MARGIN;
            let excess = usize::try_from(keep)
                .unwrap_or(0)
                .saturating_sub(run.passed);
            let excess = excess.min(run.audio.len());
            run.audio.drain(..excess);
            run.passed += excess;
        }
    }

    /// So many samples may wait from now on.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit.min(MAX_WAITING);
    }

    /// Samples that had no room.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Memory in use beyond the structure itself, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        let audio: usize = self.runs.iter().map(|run| run.audio.capacity()).sum();
        audio + self.runs.capacity() * size_of::<Run>() + self.marks.capacity() * size_of::<Mark>()
    }

    fn waiting(&self) -> usize {
        self.runs.iter().map(|run| run.audio.len()).sum()
    }

    /// Cuts the run in two at what was confirmed.
    fn split(&mut self, index: usize) {
        let run = &mut self.runs[index];
        let head = run.confirmed - run.first;
        let kept = (head as usize).saturating_sub(run.passed);
        let rest = Run {
            start: run.start + head as i64,
            first: run.confirmed,
            sent: run.sent - head,
            audio: run.audio.split_off(kept.min(run.audio.len())),
            passed: run.passed.saturating_sub(head as usize),
            until: run.until,
            measured: [0; MEASURES],
            measures: 0,
            confirmed: run.confirmed,
        };
        run.sent = head;
        self.runs.insert(index + 1, rest);
    }

    /// Moves this run and those behind it, but not over what plays before; returns the first position
    /// that has changed.
    fn shift(&mut self, index: usize, shift: i64) -> i64 {
        let before = index
            .checked_sub(1)
            .map_or(i64::MIN, |before| self.runs[before].heard().end);
        let start = self.runs[index].start;
        let shift = shift.max(before.saturating_sub(start).min(0));
        for run in self.runs.range_mut(index..) {
            run.start += shift;
            if run.until != i64::MAX {
                run.until += shift;
            }
        }
        self.tail += shift;
        start.min(start + shift)
    }
}

impl Run {
    fn heard(&self) -> Range<i64> {
        self.start..(self.start + self.sent as i64).min(self.until)
    }

    /// Whether audio that starts at `start`, numbered from `first` on, goes on without a gap.
    fn continues_at(&self, start: i64, first: u64) -> bool {
        self.until == i64::MAX
            && self.first + self.sent == first
            && self.start + self.sent as i64 == start
    }

    /// Whether a mark sent behind so many samples ends some of its audio.
    fn holds(&self, at: u64) -> bool {
        self.first < at && at <= self.first + self.sent
    }

    /// Where echoes place the start. Those held up with the caller's frames place it too early, those
    /// that came late by themselves place it too late, and are few.
    fn best(&self) -> i64 {
        let mut measured = self.measured;
        let measured = &mut measured[..self.measures];
        measured.sort_unstable();
        match *measured {
            [only] => only,
            [.., second, _] => second,
            [] => self.start,
        }
    }
}

/// Samples that may wait: ten minutes, as many as Twilio keeps. Source: Twilio error 31931.
pub(super) const MAX_WAITING: usize = 600 * 8_000;
const MAX_RUNS: usize = 256;
/// Marks that may be on the way: ten minutes of them, one for every 100 ms.
const MAX_MARKS: usize = 6_000;
const MEASURES: usize = 5;
/// 5 ms: nobody hears that, and moving audio can be heard.
const TOLERANCE: i64 = 40;
/// 40 ms; what is off by more in the middle of a run has met an empty queue.
const MIN_GAP: i64 = 320;
/// 2 s.
const MAX_PATH: i64 = 16_000;
/// 500 ms.
const CUT_MARGIN: i64 = 4_000;
/// 250 ms of audio before the window that a shift may move into it.
const SHIFT_MARGIN: i64 = 2_000;
