//! Twilio's end of the call: a playback queue that knows what was truly heard.

use std::{cmp::Reverse, collections::VecDeque};

use super::{audio::Clip, wire::ToTwilio};

/// A stretch of audio that was played without a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// When its first sample began, in microseconds.
    pub(crate) at: u64,
    /// Its first byte among all received.
    pub(crate) start: usize,
    /// Samples at 8 kHz.
    pub(crate) samples: usize,
}

/// A position in a clip, in samples at 8 kHz.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) clip: usize,
    pub(crate) offset: usize,
}

#[derive(Clone, Debug)]
enum Entry {
    Audio { start: usize, samples: usize },
    Mark(String),
}

/// What is to become of a mark's echo: one extra delay in microseconds per copy; none: it is lost.
pub(crate) type MarkFault = Box<dyn FnMut(&str) -> Vec<u64>>;

/// Twilio's playback queue.
pub(crate) struct Player {
    /// Length of one sample in picoseconds: 125 µs, give or take the clock's error.
    period: u64,
    queue: VecDeque<Entry>,
    /// When the sample at the head of the queue began, in picoseconds.
    head: u128,
    pub(crate) played: Vec<Run>,
    /// All audio received, in order.
    pub(crate) received: Vec<u8>,
    /// When each received media message came and how many samples were then queued.
    pub(crate) levels: Vec<(u64, usize)>,
    /// When marks and clears came, and how many samples had been received before.
    pub(crate) marks: Vec<(u64, String, usize)>,
    pub(crate) clears: Vec<(u64, usize)>,
    /// Echoes on their way out.
    echoes: Vec<(u64, String)>,
    pub(crate) mark_fault: Option<MarkFault>,
}

impl Player {
    /// A player whose clock is `ppm` parts per million slow.
    pub(crate) fn new(ppm: i64) -> Self {
        Self {
            period: (125_000_000 + 125 * ppm) as u64,
            queue: VecDeque::new(),
            head: 0,
            played: Vec::new(),
            received: Vec::new(),
            levels: Vec::new(),
            marks: Vec::new(),
            clears: Vec::new(),
            echoes: Vec::new(),
            mark_fault: None,
        }
    }

    /// A message has arrived.
    pub(crate) fn receive(&mut self, now: u64, message: ToTwilio) {
        self.advance(now);
        match message {
            ToTwilio::Media(payload) => {
                if self.queued() == 0 {
                    self.head = u128::from(now) * PICOS;
                }
                let (start, samples) = (self.received.len(), payload.len());
                self.received.extend(&payload);
                self.queue.push_back(Entry::Audio { start, samples });
                self.levels.push((now, self.queued()));
            }
            ToTwilio::Mark(name) => {
                self.marks.push((now, name.clone(), self.received.len()));
                self.queue.push_back(Entry::Mark(name));
                self.advance(now);
            }
            ToTwilio::Clear => {
                self.clears.push((now, self.received.len()));
                for entry in core::mem::take(&mut self.queue) {
                    if let Entry::Mark(name) = entry {
                        self.echo(now, name);
                    }
                }
            }
        }
    }

    /// Plays up to `now`, in microseconds.
    pub(crate) fn advance(&mut self, now: u64) {
        let now = u128::from(now) * PICOS;
        while let Some(entry) = self.queue.pop_front() {
            match entry {
                Entry::Mark(name) => self.echo((self.head.min(now) / PICOS) as u64, name),
                Entry::Audio { start, samples } => {
                    let due = ((now.saturating_sub(self.head)) / u128::from(self.period)) as usize;
                    let count = due.min(samples);
                    if count > 0 {
                        self.play(start, count);
                    }
                    if count < samples {
                        let (start, samples) = (start + count, samples - count);
                        self.queue.push_front(Entry::Audio { start, samples });
                        break;
                    }
                }
            }
        }
    }

    /// Echoes that have become due, in order.
    pub(crate) fn take_echoes(&mut self, now: u64) -> Vec<String> {
        self.echoes.sort_by_key(|&(at, _)| at);
        let due = self.echoes.partition_point(|&(at, _)| at <= now);
        self.echoes.drain(..due).map(|(_, name)| name).collect()
    }

    /// When the next mark is reached or the next delayed echo is due.
    pub(crate) fn next_event(&self) -> Option<u64> {
        let mut ahead = 0_u128;
        let reached = self.queue.iter().find_map(|entry| match entry {
            Entry::Audio { samples, .. } => {
                ahead += *samples as u128;
                None
            }
            Entry::Mark(_) => {
                let at = self.head + ahead * u128::from(self.period);
                Some(at.div_ceil(PICOS) as u64)
            }
        });
        self.echoes.iter().map(|&(at, _)| at).chain(reached).min()
    }

    /// Samples waiting to be played.
    pub(crate) fn queued(&self) -> usize {
        self.queue
            .iter()
            .map(|entry| {
                if let Entry::Audio { samples, .. } = entry {
                    *samples
                } else {
                    0
                }
            })
            .sum()
    }

    /// What was played of each place, in order: the stretches without a pause or a jump.
    pub(crate) fn heard(&self, places: &[Option<Place>]) -> Vec<(Run, Option<Place>)> {
        let mut heard = Vec::new();
        for run in &self.played {
            let mut start = 0;
            for n in 1..=run.samples {
                let (before, here) = (places[run.start + n - 1], places.get(run.start + n));
                let follows = match (before, here.copied().flatten()) {
                    (Some(a), Some(b)) => a.clip == b.clip && a.offset + 1 == b.offset,
                    (None, None) => true,
                    _ => false,
                };
                if n == run.samples || !follows {
                    let at = run.at + start as u64 * self.period / PICOS as u64;
                    let piece = Run {
                        at,
                        start: run.start + start,
                        samples: n - start,
                    };
                    heard.push((piece, places[piece.start]));
                    start = n;
                }
            }
        }
        heard
    }

    /// Where each received byte is from: audio comes in the order in which the model made it, some
    /// of it left out; silence may stand anywhere.
    pub(crate) fn places(&self, clips: &[Clip]) -> Result<Vec<Option<Place>>, String> {
        let mut places = Vec::with_capacity(self.received.len());
        let mut cursor = None;
        let ends = self
            .clears
            .iter()
            .map(|&(_, end)| end)
            .chain([self.received.len()]);
        let mut start = 0;
        for end in ends {
            let mut rest = &self.received[start..end];
            while !rest.is_empty() {
                let (from, samples) = locate(rest, cursor, clips)?;
                let place = |n| {
                    from.map(|at: Place| Place {
                        offset: at.offset + n,
                        ..at
                    })
                };
                places.extend((0..samples).map(place));
                if from.is_some() {
                    cursor = place(samples);
                }
                rest = &rest[samples..];
            }
            // Nothing goes on across a clear.
            cursor = cursor.map(|at: Place| Place {
                offset: clips[at.clip].made().len(),
                ..at
            });
            start = end;
        }
        Ok(places)
    }

    fn play(&mut self, start: usize, samples: usize) {
        let at = (self.head / PICOS) as u64;
        let head = self.head;
        self.head += samples as u128 * u128::from(self.period);
        if let Some(last) = self.played.last_mut() {
            let end = u128::from(last.at) * PICOS + last.samples as u128 * u128::from(self.period);
            // Starts are whole microseconds, so the end of a run is known to within one.
            if head.abs_diff(end) <= 2 * PICOS && last.start + last.samples == start {
                last.samples += samples;
                return;
            }
        }
        self.played.push(Run { at, start, samples });
    }

    fn echo(&mut self, at: u64, name: String) {
        match &mut self.mark_fault {
            None => self.echoes.push((at, name)),
            Some(fault) => {
                for delay in fault(&name) {
                    self.echoes.push((at + delay, name.clone()));
                }
            }
        }
    }
}

/// Where the start of `bytes` is from, and for how many samples that holds.
fn locate(
    bytes: &[u8],
    cursor: Option<Place>,
    clips: &[Clip],
) -> Result<(Option<Place>, usize), String> {
    // One byte in 256 agrees by chance; what is left at an end may be shorter than would prove it.
    let agrees = |rest: &[u8]| {
        let same = common(bytes, rest);
        (same > 0 && same >= bytes.len().min(rest.len()).min(8)).then_some(same)
    };
    if let Some(place) = cursor
        && let Some(same) = agrees(&clips[place.clip].made()[place.offset..])
    {
        return Ok((Some(place), same));
    }
    let after = cursor.unwrap_or(Place { clip: 0, offset: 0 });
    let silence = bytes.iter().take_while(|&&byte| byte == 0xFF).count();
    // Silence at the start of a clip is the clip's own.
    let starts = (after.clip..clips.len())
        .filter(|&clip| clip > after.clip || after.offset == 0)
        .filter_map(|clip| Some((agrees(clips[clip].made())?, clip)))
        .filter(|&(same, _)| same > silence);
    if let Some((same, clip)) = starts.max_by_key(|&(same, clip)| (same, Reverse(clip))) {
        return Ok((Some(Place { clip, offset: 0 }), same));
    }
    if silence > 0 {
        return Ok((None, silence));
    }
    let window = &bytes[..bytes.len().min(12)];
    for (clip, candidate) in clips.iter().enumerate().skip(after.clip) {
        let first = if clip == after.clip { after.offset } else { 0 };
        let rest = &candidate.made()[first..];
        if let Some(found) = rest.windows(window.len()).position(|bytes| bytes == window) {
            let place = Place {
                clip,
                offset: first + found,
            };
            return Ok((Some(place), common(bytes, &rest[found..])));
        }
    }
    Err(format!(
        "audio the model never sent, or out of order: {window:02X?} {after:?}"
    ))
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

const PICOS: u128 = 1_000_000;
