//! A jitter buffer: packets in as they come, one frame out every 20 ms.
//!
//! [`JitterBuffer`] puts mono PCM16 at 8 kHz in order by its time stamps and holds it as long as the
//! network's jitter makes sense of, no longer. What does not come in time is concealed
//! ([`Concealer`]); when the delay has to change, pitch periods are cut or repeated
//! ([`shorten`], [`lengthen`]). It has no clock: its clock is the pull.
//!
//! ```
//! use trunkline::jitter::{JitterBuffer, Pulled};
//!
//! let mut jitter: JitterBuffer = JitterBuffer::new();
//! let mut frame = [0; 160];
//! jitter.insert(8_000, &[500; 160])?; // a packet has come: when it was said, in samples
//! assert_eq!(jitter.pull(&mut frame), Pulled::Received); // every 20 ms
//! assert_eq!(jitter.pull(&mut frame), Pulled::Concealed); // nothing else has come
//! # Ok::<(), trunkline::Error>(())
//! ```
//!
//! # How long audio is held
//!
//! Of each packet the buffer notes how far its clock, the samples pulled so far, was ahead of the
//! time stamp. The least such offset of the last 6 s of packets is an undisturbed network's; what the greatest
//! exceeds it by is the [target delay](JitterBuffer::target_delay). A clean network thus has a target
//! of 0, and a packet waits for nothing but the next pull.
//!
//! When nothing at all is there to play, playout waits: the substitute fills the time, and if the
//! audio turns out to have been held up, it is played from where it broke off, later by the length of
//! the stall. If it turns out to have been lost, the time line moves on by what was substituted. The
//! delay that a stall leaves behind stays while stalls keep coming, and is then cut away at most
//! 15 ms at a time. A hole with later audio behind it is substituted at once; if its packet comes
//! after all, it is late, and the delay grows by repeated periods until packets as late as that have
//! a place.
//!
//! # Time stamps
//!
//! Time stamps count samples and wrap around at 2³², as RTP's do; for Twilio's, multiply the
//! milliseconds by 8 and let them overflow. Those that miss the end of the newest packet by less than
//! 1 ms are taken for rounding. A packet that is too far from all others to be late, or early, is
//! not believed until a second one continues it; then the time line goes on from there without a
//! break.
//!
//! # On traces of what networks do
//!
//! Measured in virtual time, a minute of voice each unless said otherwise, a pull 5 ms after each
//! packet is due; `cargo test -p trunkline --test jitter figures -- --nocapture` prints it. The delay
//! is the whole one, from saying to playing.
//!
//! | trace | concealed | delay, mean / most | late ms | lost ms | cut ms | besides |
//! |---|---|---|---|---|---|---|
//! | clean | 0.00 % | 5 / 5 ms | 0 | 0 | 0 |  |
//! | 200 ms stall every 2 s for 20 s | 0.33 % | 84 / 205 ms | 0 | 0 | 200 | 0 ms concealed from the third stall on; ≤ 9 ms from 10 s after the last |
//! | jitter 0–60 ms | 0.03 % | 65 / 65 ms | 0 | 0 | 0 |  |
//! | jitter 0–60 ms, in order | 0.03 % | 65 / 65 ms | 0 | 0 | 0 |  |
//! | 5 % reordered by 1–3 | 0.09 % | 64 / 69 ms | 32 | 0 | 4 |  |
//! | 5 % duplicated | 0.00 % | 5 / 5 ms | 0 | 0 | 0 | bytes as without |
//! | time stamps wrap around | 0.00 % | 5 / 5 ms | 0 | 0 | 0 | bytes as without |
//! | jump by +1 h | 0.03 % | 5 / 5 ms | 0 | 20 | 0 | speech back after 20 ms |
//! | jump by −1 h | 0.03 % | 5 / 5 ms | 0 | 20 | 0 | speech back after 20 ms |
//! | 5 s outage, lost | 8.33 % | 5 / 5 ms | 0 | 5000 | 0 | silent after 60 ms, speech back after 25 ms |
//! | 5 s outage, held up | 8.33 % | 58 / 2033 ms | 0 | 0 | 2028 | silent after 60 ms, speech back after 25 ms |
//! | +100 ppm for 24 h | 0.000 % | | 0 | 0 | 8640 | ≤ 13 ms from target |
//! | -100 ppm for 24 h | 0.010 % | | 0 | 0 | 0 | ≤ 0 ms from target |

mod arrivals;
mod line;
mod stats;

use core::time::Duration;

pub use stats::JitterStats;

use self::{
    arrivals::Arrivals,
    line::{BLOCK, Line},
};
use crate::{
    Error,
    conceal::{Concealer, MAX_PERIOD, lengthen, shorten},
    playback::samples_to_duration,
};

/// Puts packets in order and hands out a frame every 20 ms; see the [module](self).
///
/// Mono PCM16 at 8 kHz. It holds `BLOCKS` × 8 ms, 2 s unless said otherwise, inline: the value is
/// 36 KiB large then, and nothing is allocated.
#[derive(Clone, Debug)]
pub struct JitterBuffer<const BLOCKS: usize = 256> {
    line: Line<BLOCKS>,
    concealer: Concealer,
    arrivals: Arrivals,
    /// Set by the first packet.
    playout: Option<Playout>,
    stray: Option<Stray>,
    /// How far playout shall stay behind the clock, in samples.
    aim: i64,
    /// The clock from which the delay may be changed again.
    rests_until: u64,
    /// Tries in a row in which no period was found.
    refused: u32,
    stats: JitterStats,
}

/// Where playout is on the time line. Positions are 64 bits; their lower half is the time stamp plus
/// `skew`.
#[derive(Clone, Copy, Debug)]
struct Playout {
    /// The next sample due.
    next: u64,
    /// The end of the newest audio; never before `next`.
    end: u64,
    skew: u32,
    /// Samples substituted while `next` waited.
    waited: u64,
}

/// Packets that do not fit in, each the continuation of the one before.
#[derive(Clone, Copy, Debug)]
struct Stray {
    count: u32,
    samples: u32,
    /// The time stamp that would continue them.
    next: u32,
}

/// What became of an inserted packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inserted {
    /// Taken in, in whole or what was new of it.
    Accepted,
    /// All of it had come before.
    Duplicate,
    /// Its turn has passed. The delay grows, so that the next one like it is in time.
    Late,
    /// Taken in; the oldest audio made room for it.
    Overflow,
    /// Too far from all other audio to be believed. If the next packet continues it, the time line
    /// follows.
    Stray,
    /// Taken in, and the time line has followed a jump.
    Resynchronised,
}

/// What a pulled frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pulled {
    /// Received audio only.
    Received,
    /// A substitute, at least in part.
    Concealed,
    /// Silence: nothing has come yet, or not for so long that the substitute has faded out.
    Silence,
}

impl<const BLOCKS: usize> JitterBuffer<BLOCKS> {
    /// Samples of a pulled frame: 20 ms.
    pub const FRAME: usize = FRAME;
    /// The most samples that are held; the longest packet.
    pub const CAPACITY: usize = {
        assert!(
            BLOCKS * BLOCK >= 4 * FRAME,
            "at least 10 blocks: four frames"
        );
        Line::<BLOCKS>::LEN
    };

    /// An empty buffer.
    pub const fn new() -> Self {
        Self {
            line: Line::new(),
            concealer: Concealer::new(),
            arrivals: Arrivals::new(),
            playout: None,
            stray: None,
            aim: i64::MIN,
            rests_until: 0,
            refused: 0,
            stats: JitterStats {
                received_samples: 0,
                late_samples: 0,
                lost_samples: 0,
                duplicate_samples: 0,
                dropped_samples: 0,
                stray_samples: 0,
                decoded_samples: 0,
                concealed_samples: 0,
                stretched_samples: 0,
                cut_samples: 0,
                silence_samples: 0,
                out_samples: 0,
                resyncs: 0,
            },
        }
    }

    /// A packet has come: `pcm`, said at `timestamp`, in samples, wrapping around.
    ///
    /// # Errors
    /// [`Error::InvalidField`] for an empty packet or one of more than
    /// [`CAPACITY`](Self::CAPACITY) samples; nothing has changed then.
    pub fn insert(&mut self, timestamp: u32, pcm: &[i16]) -> Result<Inserted, Error> {
        if pcm.is_empty() || pcm.len() > Self::CAPACITY {
            return Err(Error::InvalidField { name: "pcm" });
        }
        let clock = self.stats.out_samples;
        let Some(playout) = self.playout else {
            let next = FIRST + u64::from(timestamp);
            self.playout = Some(Playout {
                next,
                end: next,
                skew: 0,
                waited: 0,
            });
            return Ok(self.accept(next, pcm, Inserted::Accepted));
        };
        // What says the same as a position near by, which is less than 2³¹ samples away.
        let wire = timestamp.wrapping_add(playout.skew);
        let distance = wire.wrapping_sub(playout.next as u32) as i32;
        let mut at = playout.next.wrapping_add_signed(i64::from(distance));
        if at.abs_diff(playout.end) < ROUNDING {
            at = playout.end;
        }

        if at >= playout.next {
            let earliest = self.arrivals.least().map(|least| least - LEAP);
            let is_early = earliest.is_some_and(|earliest| (clock as i64 - at as i64) < earliest);
            if at <= playout.end || !is_early {
                return Ok(self.accept(at, pcm, Inserted::Accepted));
            }
            return Ok(self.doubt(playout, timestamp, pcm, FAR_STRAYS));
        }
        let behind = playout.next - at;
        if behind > Self::CAPACITY as u64 {
            return Ok(self.doubt(playout, timestamp, pcm, FAR_STRAYS));
        }
        let overlap = pcm.len().min(behind as usize);
        let again = self.line.taken(at, overlap);
        let late = overlap - again;
        let is_whole = overlap == pcm.len();
        // With nothing left to play, a time line that was set back looks like packets that are late,
        // or that come again with other audio.
        let is_odd = late > 0 || !self.line.holds(at, pcm);
        if is_whole && is_odd && playout.next == playout.end {
            let outcome = self.doubt(playout, timestamp, pcm, NEAR_STRAYS);
            if outcome == Inserted::Resynchronised || late == 0 {
                return Ok(outcome);
            }
            self.stats.stray_samples -= pcm.len() as u64;
        }
        if late > 0 {
            self.observe(clock as i64 - at as i64);
        }
        self.stats.duplicate_samples += again as u64;
        self.stats.late_samples += late as u64;
        self.stats.lost_samples = self.stats.lost_samples.saturating_sub(late as u64);
        Ok(if !is_whole {
            let rest = pcm.get(overlap..).unwrap_or_default();
            self.accept(playout.next, rest, Inserted::Accepted)
        } else if late > 0 {
            Inserted::Late
        } else {
            Inserted::Duplicate
        })
    }

    /// The next 20 ms to play. All of `frame` is filled, always.
    pub fn pull(&mut self, frame: &mut [i16; FRAME]) -> Pulled {
        self.stats.out_samples += FRAME as u64;
        let Some(mut playout) = self.playout else {
            frame.fill(0);
            self.stats.silence_samples += FRAME as u64;
            return Pulled::Silence;
        };
        let mut concealed = 0;
        if self.change_delay(&mut playout, frame) {
            self.concealer.receive(frame);
        } else {
            let mut done = 0;
            while done < FRAME {
                let left = &mut frame[done..];
                let run = self.line.run(playout.next, left.len());
                if run > 0 {
                    let left = left.get_mut(..run).unwrap_or_default();
                    self.line.copy(playout.next, left);
                    self.concealer.receive(left);
                    self.stats.decoded_samples += run as u64;
                    self.pass(&mut playout, run as u64);
                    playout.waited = 0;
                    done += run;
                    continue;
                }
                let ahead = playout.end - playout.next;
                let hole = self.hole(playout.next, ahead);
                let covered = hole.min(playout.waited);
                if covered > 0 {
                    self.pass(&mut playout, covered);
                    playout.waited -= covered;
                    continue;
                }
                let count = if hole > 0 {
                    let count = hole.min(left.len() as u64);
                    self.pass(&mut playout, count);
                    count as usize
                } else {
                    playout.waited += left.len() as u64;
                    left.len()
                };
                self.concealer.conceal(&mut left[..count]);
                concealed += count;
                done += count;
            }
        }
        self.playout = Some(playout);
        self.stats.concealed_samples += concealed as u64;
        if concealed == 0 {
            Pulled::Received
        } else if concealed == FRAME && frame.iter().all(|&sample| sample == 0) {
            Pulled::Silence
        } else {
            Pulled::Concealed
        }
    }

    /// Forgets everything, as if new.
    pub fn reset(&mut self) {
        *self = Self::new();
    }

    /// Counters since it was made.
    pub fn stats(&self) -> &JitterStats {
        &self.stats
    }

    /// How much longer the next sample to play has been held than the network makes unavoidable.
    pub fn delay(&self) -> Duration {
        let least = self.arrivals.least();
        let delay = self.playout.zip(least).map(|(playout, least)| {
            let offset = self.stats.out_samples as i64 - playout.next as i64;
            (offset - playout.waited as i64 - least).max(0)
        });
        samples_to_duration(delay.unwrap_or(0) as u64)
    }

    /// What [`delay`](Self::delay) is to become: what the latest packet of the last seconds needed,
    /// at most half of the capacity. It grows at once and shrinks by 1.25 ms with each pull.
    pub fn target_delay(&self) -> Duration {
        let target = self.arrivals.least().map(|least| (self.aim - least).max(0));
        samples_to_duration(target.unwrap_or(0) as u64)
    }

    /// Samples that are held, holes among them included.
    pub fn depth_samples(&self) -> u64 {
        self.playout.map_or(0, |playout| playout.end - playout.next)
    }

    /// A packet came whose time stamp was `offset` behind the clock.
    fn observe(&mut self, offset: i64) {
        self.arrivals.observe(self.stats.out_samples, offset);
        self.aim_for(self.aim);
    }

    /// Keeps as far behind as `aim`, or as far as is wanted and possible.
    fn aim_for(&mut self, aim: i64) {
        let Some((least, most)) = self.arrivals.least().zip(self.arrivals.most()) else {
            return;
        };
        self.aim = aim.max(most).min(least + Self::CAPACITY as i64 / 2);
    }

    /// Takes in a packet at a position not before the next one due.
    fn accept(&mut self, at: u64, pcm: &[i16], outcome: Inserted) -> Inserted {
        let Some(mut playout) = self.playout else {
            return outcome;
        };
        let clock = self.stats.out_samples;
        let mut outcome = outcome;
        let end = at + pcm.len() as u64;
        let room = playout.next + Self::CAPACITY as u64;
        if end > room {
            let excess = end - room;
            let kept = playout.end - playout.next;
            let here = self.pass(&mut playout, excess);
            playout.waited = playout.waited.saturating_sub(excess);
            self.stats.dropped_samples += here;
            if excess.min(kept) > 0 && outcome == Inserted::Accepted {
                outcome = Inserted::Overflow;
            }
        }
        let new = self.line.put(at, pcm) as u64;
        playout.end = playout.end.max(end);
        self.playout = Some(playout);
        self.stats.received_samples += new;
        self.stats.duplicate_samples += pcm.len() as u64 - new;
        if new == 0 {
            return Inserted::Duplicate;
        }
        self.stray = None;
        self.observe(clock as i64 - at as i64);
        outcome
    }

    /// A packet that does not fit in: if it is one of `enough` that continue each other, the time
    /// line is moved to where they are.
    fn doubt(&mut self, playout: Playout, timestamp: u32, pcm: &[i16], enough: u32) -> Inserted {
        let len = pcm.len() as u32;
        let before = self.stray.filter(|stray| {
            let off = timestamp.wrapping_sub(stray.next) as i32;
            u64::from(off.unsigned_abs()) < ROUNDING
        });
        let (count, samples) = before.map_or((0, 0), |stray| (stray.count, stray.samples));
        if count + 1 < enough {
            self.stray = Some(Stray {
                count: count + 1,
                samples: samples.saturating_add(len),
                next: timestamp.wrapping_add(len),
            });
            self.stats.stray_samples += u64::from(len);
            return Inserted::Stray;
        }
        // The ones before are lost, and where they would have been is where the clock has gone on.
        let samples = u64::from(samples).min(Self::CAPACITY as u64);
        let at = playout.end + samples;
        self.playout = Some(Playout {
            skew: (at as u32).wrapping_sub(timestamp),
            ..playout
        });
        self.stats.resyncs += 1;
        self.accept(at, pcm, Inserted::Resynchronised)
    }

    /// Moves the time line on by `count`; returns how many samples of that were here.
    fn pass(&mut self, playout: &mut Playout, count: u64) -> u64 {
        let within = count.min(Self::CAPACITY as u64);
        let here = self.line.pass(playout.next, within as usize) as u64;
        playout.next += count;
        playout.end = playout.end.max(playout.next);
        self.stats.lost_samples += count - here;
        here
    }

    fn hole(&mut self, at: u64, ahead: u64) -> u64 {
        self.line.hole(at, ahead as usize) as u64
    }

    /// Cuts or repeats a pitch period in what comes next, if the delay is not what is wanted, there
    /// is audio enough and it can be done unheard. If so, `frame` is filled.
    fn change_delay(&mut self, playout: &mut Playout, frame: &mut [i16; FRAME]) -> bool {
        // Of the frame that is being pulled, the clock has counted all samples already.
        let clock = self.stats.out_samples - FRAME as u64;
        self.aim_for(self.aim.saturating_sub(AIM_STEP));
        if clock < self.rests_until || playout.waited > 0 {
            return false;
        }
        let excess = clock as i64 - playout.next as i64 - self.aim;
        if (0..LEAST_EXCESS).contains(&excess) {
            self.refused = 0;
            return false;
        }
        let mut audio = [0; SCALED + MAX_PERIOD];
        let len = self.line.run(playout.next, SCALED);
        let most = (excess.unsigned_abs() as usize).min(MAX_PERIOD);
        if len < FRAME || (excess > 0 && len < FRAME + most) {
            return false;
        }
        let held = audio.get_mut(..len).unwrap_or_default();
        self.line.copy(playout.next, held);
        let (consumed, left) = if excess > 0 {
            let cut = shorten(held, most).or_else(|| {
                self.refused += u32::from(most == MAX_PERIOD);
                (self.refused >= PATIENCE).then(|| cut_anyway(held, MAX_PERIOD))
            });
            let Some(cut) = cut else {
                if excess < LONG_EXCESS {
                    self.rests_until = clock + REST;
                }
                return false;
            };
            self.stats.cut_samples += cut as u64;
            (FRAME + cut, len - cut - FRAME)
        } else {
            let Some(added) = lengthen(&mut audio, len, MAX_PERIOD) else {
                return false;
            };
            self.stats.stretched_samples += added as u64;
            (FRAME - added, len + added - FRAME)
        };
        self.refused = 0;
        frame.copy_from_slice(&audio[..FRAME]);
        self.stats.decoded_samples += consumed as u64;
        self.pass(playout, consumed as u64);
        let rest = audio.get(FRAME..FRAME + left).unwrap_or_default();
        self.line.replace(playout.next, rest);
        // A short excess can wait for the ear, a long one must not.
        let rest = if excess.abs() < LONG_EXCESS {
            REST
        } else {
            FRAME as u64
        };
        self.rests_until = clock + rest;
        true
    }
}

impl<const BLOCKS: usize> Default for JitterBuffer<BLOCKS> {
    fn default() -> Self {
        Self::new()
    }
}

/// Cuts `count` samples where no two places sound alike, as in noise: a long cross-fade in the middle, which
/// noise hides.
pub(crate) fn cut_anyway(samples: &mut [i16], count: usize) -> usize {
    let left = samples.len().saturating_sub(count);
    let fade = left.min(FADE);
    let at = (left - fade) / 2;
    // Forwards: what is read is still as it was.
    for n in at..left {
        let late = samples.get(n + count).copied().unwrap_or_default();
        let Some(slot) = samples.get_mut(n) else {
            break;
        };
        let weight = 2 * (n - at) as i32 + 1;
        let all = 2 * fade as i32;
        *slot = match weight < all {
            true => {
                let sum = i32::from(*slot) * (all - weight) + i32::from(late) * weight;
                sum.checked_div(all).unwrap_or_default() as i16
            }
            false => late,
        };
    }
    count
}

/// 20 ms.
const FRAME: usize = 160;
/// Where the time line begins, so that no position is ever below zero.
const FIRST: u64 = 1 << 32;
/// Less than this is the rounding of a time stamp in milliseconds.
const ROUNDING: u64 = 8;
/// How much earlier than the quickest packet a packet may come whose audio leaves a hole: 500 ms.
const LEAP: i64 = 4_000;
/// Packets in a row that prove a jump of the time line.
const FAR_STRAYS: u32 = 2;
/// The same for a step back that is short enough to be mere lateness.
const NEAR_STRAYS: u32 = 4;
/// An excess of delay that is cut away: the shortest period. Pauses have room for any cut.
const LEAST_EXCESS: i64 = 20;
/// By how much the target shrinks with each pull, which is no faster than periods can be cut: a step
/// would make an excess of it.
const AIM_STEP: i64 = 10;
/// Audio in which periods are looked for, if as much is there: 60 ms.
const SCALED: usize = 480;
/// From one try to the next, in samples: 60 ms.
const REST: u64 = 480;
/// An excess above which every frame is tried: 100 ms.
const LONG_EXCESS: i64 = 800;
/// Tries in which no period is found before a cut is made all the same.
const PATIENCE: u32 = 6;
/// 10 ms.
const FADE: usize = 80;
