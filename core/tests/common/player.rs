//! Twilio's end of the call: a playback queue that knows what was truly heard.

use std::{cmp::Reverse, collections::VecDeque};

use super::{audio::Clip, wire::ToTwilio};

/// A stretch of audio that was played, or a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// When its first sample began, in microseconds.
    pub(crate) at: u64,
    /// Where the audio is from; `None` for silence that is not the model's.
    pub(crate) from: Option<Place>,
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
    Audio { from: Option<Place>, samples: usize },
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
    /// Where the audio received next should continue, unless the queue was just cleared.
    cursor: Option<Place>,
    was_cleared: bool,
    pub(crate) played: Vec<Run>,
    /// All audio received, in order.
    pub(crate) received: Vec<u8>,
    /// Where each received byte is from.
    pub(crate) places: Vec<Option<Place>>,
    /// When each received media message came and how many samples were then queued.
    pub(crate) levels: Vec<(u64, usize)>,
    /// When marks and clears came, and how many samples had been received before.
    pub(crate) marks: Vec<(u64, String, usize)>,
    pub(crate) clears: Vec<u64>,
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
            cursor: None,
            was_cleared: false,
            played: Vec::new(),
            received: Vec::new(),
            places: Vec::new(),
            levels: Vec::new(),
            marks: Vec::new(),
            clears: Vec::new(),
            echoes: Vec::new(),
            mark_fault: None,
        }
    }

    /// A message has arrived. `clips` is everything the model has ever had to say.
    pub(crate) fn receive(
        &mut self,
        now: u64,
        message: ToTwilio,
        clips: &[Clip],
    ) -> Result<(), String> {
        self.advance(now);
        match message {
            ToTwilio::Media(payload) => {
                if self.queued() == 0 {
                    self.head = u128::from(now) * PICOS;
                }
                self.received.extend(&payload);
                let mut rest = payload.as_slice();
                while !rest.is_empty() {
                    let (from, samples) = self.locate(rest, clips)?;
                    self.places.extend((0..samples).map(|n| {
                        from.map(|place| Place {
                            offset: place.offset + n,
                            ..place
                        })
                    }));
                    self.queue.push_back(Entry::Audio { from, samples });
                    rest = &rest[samples..];
                }
                self.levels.push((now, self.queued()));
            }
            ToTwilio::Mark(name) => {
                self.marks.push((now, name.clone(), self.received.len()));
                self.queue.push_back(Entry::Mark(name));
                self.advance(now);
            }
            ToTwilio::Clear => {
                self.clears.push(now);
                self.was_cleared = true;
                for entry in core::mem::take(&mut self.queue) {
                    if let Entry::Mark(name) = entry {
                        self.echo(now, name);
                    }
                }
            }
        }
        Ok(())
    }

    /// Plays up to `now`, in microseconds.
    pub(crate) fn advance(&mut self, now: u64) {
        let now = u128::from(now) * PICOS;
        while let Some(entry) = self.queue.pop_front() {
            match entry {
                Entry::Mark(name) => self.echo((self.head.min(now) / PICOS) as u64, name),
                Entry::Audio { from, samples } => {
                    let due = ((now.saturating_sub(self.head)) / u128::from(self.period)) as usize;
                    let count = due.min(samples);
                    if count > 0 {
                        self.play(from, count);
                    }
                    if count < samples {
                        let from = from.map(|at| Place {
                            offset: at.offset + count,
                            ..at
                        });
                        self.queue.push_front(Entry::Audio {
                            from,
                            samples: samples - count,
                        });
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

    /// How far the caller has heard `clip`, in samples at 8 kHz.
    pub(crate) fn heard(&self, clip: usize) -> usize {
        self.played
            .iter()
            .filter_map(|run| {
                run.from
                    .filter(|at| at.clip == clip)
                    .map(|at| at.offset + run.samples)
            })
            .max()
            .unwrap_or(0)
    }

    /// The clip's samples that were played, in stretches without a pause, a jump or anything else
    /// between: one stretch if all is well.
    pub(crate) fn stretches(&self, clip: usize) -> Vec<Run> {
        self.played
            .iter()
            .filter(|run| run.from.is_some_and(|at| at.clip == clip))
            .copied()
            .collect()
    }

    fn play(&mut self, from: Option<Place>, samples: usize) {
        let at = (self.head / PICOS) as u64;
        let head = self.head;
        self.head += samples as u128 * u128::from(self.period);
        if let Some(last) = self.played.last_mut() {
            let end = u128::from(last.at) * PICOS + last.samples as u128 * u128::from(self.period);
            // Starts are whole microseconds, so the end of a run is known to within one.
            let seamless = head.abs_diff(end) <= 2 * PICOS;
            let follows = match (last.from, from) {
                (Some(a), Some(b)) => a.clip == b.clip && a.offset + last.samples == b.offset,
                (None, None) => true,
                _ => false,
            };
            if seamless && follows {
                last.samples += samples;
                return;
            }
        }
        self.played.push(Run { at, from, samples });
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

    /// Where the start of `bytes` is from, and for how many samples that holds.
    ///
    /// Audio comes in the order in which the model made it; some of it may be left out.
    fn locate(&mut self, bytes: &[u8], clips: &[Clip]) -> Result<(Option<Place>, usize), String> {
        if let Some(place) = self
            .cursor
            .filter(|_| !core::mem::take(&mut self.was_cleared))
        {
            let rest = &clips[place.clip].made()[place.offset..];
            let same = common(bytes, rest);
            // One byte in 256 agrees by chance.
            if same > 0 && same >= bytes.len().min(rest.len()).min(8) {
                self.cursor = Some(Place {
                    offset: place.offset + same,
                    ..place
                });
                return Ok((Some(place), same));
            }
        }
        let after = self.cursor.unwrap_or(Place { clip: 0, offset: 0 });
        let silence = bytes.iter().take_while(|&&byte| byte == 0xFF).count();
        // Silence at the start of a clip is the clip's own.
        let starts = (after.clip..clips.len())
            .filter(|&clip| clip > after.clip || after.offset == 0)
            .map(|clip| (common(bytes, clips[clip].made()), clip))
            .filter(|&(same, _)| same > silence && same >= bytes.len().min(8));
        if let Some((same, clip)) = starts.max_by_key(|&(same, clip)| (same, Reverse(clip))) {
            self.cursor = Some(Place { clip, offset: same });
            return Ok((Some(Place { clip, offset: 0 }), same));
        }
        if silence > 0 {
            return Ok((None, silence));
        }
        let window = &bytes[..bytes.len().min(12)];
        for (clip, candidate) in clips.iter().enumerate().skip(after.clip) {
            let first = if clip == after.clip { after.offset } else { 0 };
            let found = candidate
                .made()
                .get(first..)
                .and_then(|rest| rest.windows(window.len()).position(|bytes| bytes == window));
            if let Some(found) = found {
                let place = Place {
                    clip,
                    offset: first + found,
                };
                let same = common(bytes, &candidate.made()[place.offset..]);
                self.cursor = Some(Place {
                    clip,
                    offset: place.offset + same,
                });
                return Ok((Some(place), same));
            }
        }
        Err(format!(
            "audio the model never sent, or out of order: {:02X?}",
            window
        ))
    }
}

fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

const PICOS: u128 = 1_000_000;
