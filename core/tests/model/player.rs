//! Twilio's playback queue, which knows what was truly heard.

use std::collections::VecDeque;

use super::{clip::Clip, event::Fate};
use crate::common::{ms, rng::Rng};

/// What the queue holds: stretches of clips, and marks.
#[derive(Clone, Debug)]
enum Entry {
    Audio { clip: usize, from: usize, to: usize },
    Mark(String),
}

/// Twilio's end of the downlink.
#[derive(Debug)]
pub(crate) struct Player {
    /// Length of one sample in picoseconds: 125 µs, give or take the clock's error.
    period: u128,
    queue: VecDeque<Entry>,
    /// When the sample at the head of the queue began, in picoseconds.
    head: u128,
    /// Samples in the queue.
    queued: usize,
    fate: Fate,
    rng: Rng,
    has_lost_echoes: bool,
    /// Echoes on their way out.
    echoes: Vec<(u64, String)>,
}

impl Player {
    /// A player whose clock is `ppm` parts per million slow.
    pub(crate) fn new(ppm: i64, seed: u64) -> Self {
        Self {
            period: (125_000_000 + 125 * ppm) as u128,
            queue: VecDeque::new(),
            head: 0,
            queued: 0,
            fate: Fate::Prompt,
            rng: Rng::new(seed),
            has_lost_echoes: false,
            echoes: Vec::new(),
        }
    }

    pub(crate) fn set_fate(&mut self, fate: Fate) {
        self.fate = fate;
    }

    pub(crate) fn receive_audio(&mut self, now: u64, stretches: &[(usize, usize, usize)]) {
        if self.queued == 0 {
            self.head = u128::from(now) * PICOS;
        }
        for &(clip, from, to) in stretches {
            self.queued += to - from;
            self.queue.push_back(Entry::Audio { clip, from, to });
        }
    }

    pub(crate) fn receive_mark(&mut self, name: String) {
        self.queue.push_back(Entry::Mark(name));
    }

    pub(crate) fn clear(&mut self, now: u64) {
        self.queued = 0;
        for entry in core::mem::take(&mut self.queue) {
            if let Entry::Mark(name) = entry {
                self.echo(now, name);
            }
        }
    }

    /// Plays up to `now`, in microseconds.
    pub(crate) fn advance(&mut self, now: u64, clips: &mut [Clip]) -> Result<(), String> {
        let end = u128::from(now) * PICOS;
        while let Some(entry) = self.queue.front_mut() {
            match entry {
                Entry::Mark(name) => {
                    let name = core::mem::take(name);
                    self.queue.pop_front();
                    self.echo((self.head.min(end) / PICOS) as u64, name);
                }
                Entry::Audio { clip, from, to } => {
                    let due = (end.saturating_sub(self.head) / self.period) as usize;
                    let count = due.min(*to - *from);
                    let (index, start) = (*clip, *from);
                    *from += count;
                    let is_over = from == to;
                    let clip = &mut clips[index];
                    if count > 0 && start != clip.played && !clip.is_holed {
                        return Err(format!(
                            "item_{} goes on at sample {start} after {} were heard",
                            clip.item, clip.played
                        ));
                    }
                    clip.played = clip.played.max(start + count);
                    self.head += count as u128 * self.period;
                    self.queued -= count;
                    if !is_over {
                        break;
                    }
                    self.queue.pop_front();
                }
            }
        }
        Ok(())
    }

    /// Echoes that have become due, in order.
    pub(crate) fn take_echoes(&mut self, now: u64) -> Vec<String> {
        if self.echoes.is_empty() {
            return Vec::new();
        }
        self.echoes.sort_by_key(|&(at, _)| at);
        let due = self.echoes.partition_point(|&(at, _)| at <= now);
        self.echoes.drain(..due).map(|(_, name)| name).collect()
    }

    /// When the next mark is reached or the next delayed echo is due.
    pub(crate) fn next_event(&self) -> Option<u64> {
        let mut ahead = 0_u128;
        let reached = self.queue.iter().find_map(|entry| match entry {
            Entry::Audio { from, to, .. } => {
                ahead += (to - from) as u128;
                None
            }
            Entry::Mark(_) => Some((self.head + ahead * self.period).div_ceil(PICOS) as u64),
        });
        self.echoes.iter().map(|&(at, _)| at).chain(reached).min()
    }

    /// Some mark was never echoed.
    pub(crate) fn has_lost_echoes(&self) -> bool {
        self.has_lost_echoes
    }

    /// Nothing is to be played and no echo to be sent.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.echoes.is_empty()
    }

    fn echo(&mut self, at: u64, name: String) {
        match self.fate {
            Fate::Prompt => self.echoes.push((at, name)),
            Fate::Lost => self.has_lost_echoes = true,
            Fate::Late(by) => self.echoes.push((at + ms(by), name)),
            Fate::Twice => {
                let again = at + self.rng.below(ms(300));
                self.echoes.push((again, name.clone()));
                self.echoes.push((at, name));
            }
            Fate::Reordered => {
                let late = self.rng.below(ms(400));
                self.echoes.push((at + late, name));
            }
        }
    }
}

const PICOS: u128 = 1_000_000;
