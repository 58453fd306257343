//! Caller → model: media, put in order on its time line, on its way to append events.
//!
//! A model listens to samples, not to a clock, so nothing is held for the sake of an even pace: what
//! is next in order is for the model at once. Only a gap may have to wait, for as long as packets
//! have lately come after their successors, which over TCP is never; then it is concealed.

mod holes;
mod queue;

use core::time::Duration;

use self::{
    holes::{Hole, Holes},
    queue::Queue,
};
use super::{config::Config, stats::Stats, storage::Ring, stream::for_each_chunk};
use crate::{
    Error, JsonStr, Upsampler,
    base64::{self, Decoder},
    conceal::{Concealer, MAX_PERIOD, shorten},
    g711::mulaw,
    jitter::cut_anyway,
    playback::{duration_to_samples, samples_to_duration},
    simd::Aligned,
};

/// The caller's voice between the carrier and the model, as μ-law.
#[derive(Debug)]
pub(super) struct Uplink {
    queue: Queue,
    concealer: Concealer,
    upsampler: Upsampler,
    /// Media time of the next sample, once the first has come.
    next: Option<u64>,
    /// Gaps whose audio may come yet; what came after the first is held back.
    open: Holes,
    /// Media time of the first sample held back, and until when.
    held_from: u64,
    held_until: Option<Duration>,
    /// Gaps that have been concealed.
    passed: Holes,
    /// How long a gap waits, and until when that is thought of the network.
    patience: Duration,
    patience_ends: Duration,
    /// Media again and again that has come before: the media time that would continue it, and its
    /// samples so far.
    again: Option<(u64, u64)>,
    /// Samples fed for a stall that nothing in the time line has made up for yet.
    ahead: u64,
    /// Samples that pass before the next cut.
    rest: usize,
    /// Pieces in a row in which nothing could be cut unheard.
    refused: u32,
    /// Samples handed to the model since its session began.
    position: u64,
    last_media: Duration,
}

impl Uplink {
    pub(super) fn new(ring: Ring) -> Self {
        Self {
            queue: Queue::new(ring),
            concealer: Concealer::new(),
            upsampler: Upsampler::new(),
            next: None,
            open: Holes::new(),
            held_from: 0,
            held_until: None,
            passed: Holes::new(),
            patience: Duration::ZERO,
            patience_ends: Duration::ZERO,
            again: None,
            ahead: 0,
            rest: 0,
            refused: 0,
            position: 0,
            last_media: Duration::ZERO,
        }
    }

    /// Puts one media payload on the time line.
    ///
    /// A gap is concealed, as the model's voice detection counts samples, not time; what overlaps is
    /// dropped. A time stamp that is off by less than half a frame is taken for rounding at the
    /// sender, and one that jumps by more than `max_gap` for a new start.
    pub(super) fn receive(
        &mut self,
        now: Duration,
        slab: &mut [u8],
        config: &Config,
        stats: &mut Stats,
        timestamp_ms: u64,
        payload: JsonStr<'_>,
    ) -> Result<(), Error> {
        // A frame is decoded at once; longer payloads are measured, then decoded in pieces.
        let mut frame = [0; PIECE];
        let short = base64::decode_str(payload, &mut frame);
        let count = match short {
            Ok(count) => count as u64,
            Err(Error::BufferTooShort { .. }) => measure(payload)?,
            Err(error) => return Err(error),
        };

        self.handle_timeout(now, slab, stats);
        stats.media_messages += 1;
        self.last_media = now;
        let time = timestamp_ms.min(MAX_TIMESTAMP_MS) * 8;
        let Some(mut at) = self.find_place(now, slab, config, stats, time, count) else {
            stats.duplicate_samples += count;
            return Ok(());
        };
        let result = if let Ok(count) = short {
            self.place(now, slab, stats, at, &frame[..count]);
            Ok(())
        } else {
            for_each_chunk(&mut Decoder::new(), payload, |chunk| {
                self.place(now, slab, stats, at, chunk);
                at = at.saturating_add(chunk.len() as u64);
            })
        };
        self.note_depth(stats);
        result
    }

    /// What waits for a gap has waited long enough.
    pub(super) fn handle_timeout(&mut self, now: Duration, slab: &mut [u8], stats: &mut Stats) {
        if self.held_until.is_some_and(|end| end <= now) {
            self.release(slab, stats);
            self.note_depth(stats);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(super) fn wait_ends(&self) -> Option<Duration> {
        self.held_until
    }

    /// Fades the voice out and feeds silence because media has stopped in the caller's turn.
    pub(super) fn feed_stall(&mut self, slab: &mut [u8], stats: &mut Stats, samples: u64) {
        self.release(slab, stats);
        self.conceal(slab, stats, samples);
        self.ahead += samples;
        stats.stall_samples += samples;
        self.note_depth(stats);
    }

    /// The next samples for the model, as μ-law; as many as there is room for.
    pub(super) fn peek<'d>(&self, slab: &[u8], dst: &'d mut [u8]) -> &'d [u8] {
        let count = self.queue.peek(slab, dst);
        &dst[..count]
    }

    /// Removes the next `count` samples.
    pub(super) fn skip(&mut self, stats: &mut Stats, count: usize) {
        self.queue.skip(count);
        self.position += count as u64;
        self.note_depth(stats);
    }

    /// `caller`, μ-law at 8 kHz, as PCM at 24 kHz.
    pub(super) fn upsample<'d, const N: usize>(
        &mut self,
        caller: &[u8],
        dst: &'d mut [[i16; 3]; N],
    ) -> Result<&'d [i16], Error> {
        let Aligned(pcm) = &mut Aligned([0; N]);
        let pcm = &mut pcm[..caller.len()];
        let dst = dst.as_flattened_mut();
        mulaw::decode(caller, pcm)?;
        let count = self.upsampler.process(pcm, dst)?;
        Ok(&dst[..count])
    }

    /// Samples for the model.
    pub(super) fn ready(&self) -> u64 {
        self.queue.ready()
    }

    /// When the last media came.
    pub(super) fn last_media(&self) -> Duration {
        self.last_media
    }

    /// Audio handed to the model since its session began.
    pub(super) fn position(&self) -> Duration {
        samples_to_duration(self.position)
    }

    /// A new session of the model starts to count from zero.
    pub(super) fn restart(&mut self) {
        self.position = 0;
        self.upsampler.reset();
    }

    pub(super) fn clear(&mut self, stats: &mut Stats) {
        self.queue.clear();
        self.open.clear();
        self.held_until = None;
        self.note_depth(stats);
    }

    /// The media time at which `count` samples stamped `time` belong, with the time line brought up
    /// to there. `None` if all of them have come before.
    fn find_place(
        &mut self,
        now: Duration,
        slab: &mut [u8],
        config: &Config,
        stats: &mut Stats,
        time: u64,
        count: u64,
    ) -> Option<u64> {
        let next = *self.next.get_or_insert(time);
        let max_gap = duration_to_samples(config.max_gap.min(MAX_GAP));
        let (gap, overlap) = (time.saturating_sub(next), next.saturating_sub(time));
        let again = self.again.take();
        if gap.max(overlap) > max_gap {
            return Some(self.begin_anew(slab, stats, time));
        }
        if gap >= TIMESTAMP_TOLERANCE {
            self.open_gap(now, slab, stats, next..time, count);
            return Some(time);
        }
        if overlap < TIMESTAMP_TOLERANCE {
            return Some(next);
        }
        let span = time..time.saturating_add(count);
        if span.end > next || self.open.touch(&span) || self.passed.touch(&span) {
            return Some(time);
        }
        // All of it has come before. If that goes on, it is a time line that was set back.
        let samples = match again {
            Some((expected, samples)) if expected.abs_diff(time) < TIMESTAMP_TOLERANCE => samples,
            _ => 0,
        };
        if samples > 0 && samples + count >= SET_BACK {
            return Some(self.begin_anew(slab, stats, time));
        }
        self.again = Some((span.end, samples + count));
        None
    }

    fn begin_anew(&mut self, slab: &mut [u8], stats: &mut Stats, time: u64) -> u64 {
        self.release(slab, stats);
        self.passed.clear();
        self.ahead = 0;
        self.next = Some(time);
        time
    }

    /// Media goes on at the end of `gap`, with `count` samples.
    fn open_gap(
        &mut self,
        now: Duration,
        slab: &mut [u8],
        stats: &mut Stats,
        gap: core::ops::Range<u64>,
        count: u64,
    ) {
        self.next = Some(gap.end);
        let covered = (gap.end - gap.start).min(self.ahead);
        let hole = Hole {
            span: gap.start + covered..gap.end,
            seen: now,
        };
        let samples = hole.samples();
        let needed = samples.saturating_add(count);
        let waits = now < self.patience_ends
            && covered == 0
            && samples <= duration_to_samples(MAX_PATIENCE)
            && needed <= self.queue.free() as u64
            && !self.open.is_full();
        if waits {
            if self.held_until.is_none() {
                self.held_from = gap.start;
                self.held_until = Some(now.saturating_add(self.patience));
            }
            let silence = [mulaw::SILENCE; MAX_PATIENCE_SAMPLES];
            self.queue.hold(slab, &silence[..samples as usize]);
            self.open.add(hole);
            return;
        }
        self.release(slab, stats);
        // Silence was fed for the beginning; if its audio comes, it is late all the same.
        self.ahead -= covered;
        stats.lost_samples += covered;
        self.passed.add(Hole {
            span: gap.start..gap.start + covered,
            seen: now,
        });
        self.pass(slab, stats, hole);
    }

    /// Conceals `hole`.
    fn pass(&mut self, slab: &mut [u8], stats: &mut Stats, hole: Hole) {
        self.conceal(slab, stats, hole.samples());
        stats.concealed_samples += hole.samples();
        stats.lost_samples += hole.samples();
        self.passed.add(hole);
    }

    /// Takes `bytes` of media time `at`: fills gaps with what is in the past, hands on the rest.
    fn place(&mut self, now: Duration, slab: &mut [u8], stats: &mut Stats, at: u64, bytes: &[u8]) {
        let next = self.next.unwrap_or(at);
        let behind = next.saturating_sub(at).min(bytes.len() as u64);
        if behind > 0 {
            self.fill_holes(now, slab, stats, at, &bytes[..behind as usize]);
        }
        let bytes = &bytes[behind as usize..];
        self.next = Some(next.saturating_add(bytes.len() as u64));
        stats.media_samples += bytes.len() as u64;
        if self.held_until.is_some() {
            if bytes.len() <= self.queue.free() {
                return self.queue.hold(slab, bytes);
            }
            self.release(slab, stats);
        }
        self.forward(slab, stats, bytes);
    }

    fn fill_holes(
        &mut self,
        now: Duration,
        slab: &mut [u8],
        stats: &mut Stats,
        at: u64,
        bytes: &[u8],
    ) {
        let span = at..at + bytes.len() as u64;
        let mut duplicate = bytes.len() as u64;
        while let Some(hole) = self.open.take(&span) {
            let part = (hole.span.start - at) as usize..(hole.span.end - at) as usize;
            let place = (hole.span.start - self.held_from) as usize;
            self.queue.replace_held(slab, place, &bytes[part]);
            duplicate -= hole.samples();
            stats.media_samples += hole.samples();
            self.learn(now, hole.seen);
        }
        while let Some(hole) = self.passed.take(&span) {
            duplicate -= hole.samples();
            stats.late_samples += hole.samples();
            stats.lost_samples -= hole.samples();
            self.learn(now, hole.seen);
        }
        stats.duplicate_samples += duplicate;
        if self.open.is_empty() {
            self.release(slab, stats);
        }
    }

    /// A gap that was seen at `seen` had only been overtaken.
    fn learn(&mut self, now: Duration, seen: Duration) {
        let late = now.saturating_sub(seen);
        if late > MAX_PATIENCE {
            return;
        }
        if now >= self.patience_ends {
            self.patience = Duration::ZERO;
        }
        let patience = (late + PATIENCE_MARGIN).min(MAX_PATIENCE);
        self.patience = self.patience.max(patience);
        self.patience_ends = now.saturating_add(MEMORY);
    }

    /// Hands on what was held back, with the gaps that are left in it concealed.
    fn release(&mut self, slab: &mut [u8], stats: &mut Stats) {
        if self.held_until.take().is_none() {
            return;
        }
        let (mut from, held) = self.queue.take_held();
        let mut at = self.held_from;
        let end = at + held as u64;
        while at < end {
            let start = self.open.first_start().unwrap_or(end);
            let voiced = start - at;
            if voiced == 0 {
                let Some(hole) = self.open.take_from(start) else {
                    break;
                };
                from += hole.samples() as usize;
                at = hole.span.end;
                self.pass(slab, stats, hole);
                continue;
            }
            let mut piece = [0; PIECE];
            let piece = &mut piece[..voiced.min(PIECE as u64) as usize];
            self.queue.taken(slab, from, piece);
            from += piece.len();
            at += piece.len() as u64;
            self.forward(slab, stats, piece);
        }
    }

    /// Hands on what is next in order. Every sample of the caller's voice passes here, once, and as
    /// PCM.
    fn forward(&mut self, slab: &mut [u8], stats: &mut Stats, bytes: &[u8]) {
        for piece in bytes.chunks(PIECE) {
            let mut pcm = [0; PIECE];
            let pcm = &mut pcm[..piece.len()];
            mulaw::decode(piece, pcm).expect("slices of one length");
            let is_faded = self.concealer.is_concealing();
            self.concealer.receive(pcm);
            let cut = match self.ahead {
                0 => 0,
                _ => self.catch_up(pcm),
            };
            if is_faded || cut > 0 {
                stats.cut_samples += cut as u64;
                self.push_pcm(slab, stats, &pcm[..piece.len() - cut]);
            } else {
                // As it came, to the bit.
                self.queue.push(slab, stats, piece);
            }
        }
    }

    /// Cuts a pitch period or part of a pause out of `pcm` while more was fed than time has passed;
    /// returns how much.
    fn catch_up(&mut self, pcm: &mut [i16]) -> usize {
        if self.rest > 0 {
            self.rest = self.rest.saturating_sub(pcm.len());
            return 0;
        }
        let most = self.ahead.min(MAX_PERIOD as u64) as usize;
        let cut = shorten(pcm, most).or_else(|| {
            if pcm.len() < PIECE {
                return None;
            }
            self.refused += 1;
            // Less than a period can wait for a pause.
            let enough = if most < MAX_PERIOD {
                10 * MAX_REFUSED
            } else {
                MAX_REFUSED
            };
            (self.refused > enough).then(|| cut_anyway(pcm, most))
        });
        let Some(cut) = cut else {
            return 0;
        };
        self.refused = 0;
        self.rest = REST;
        self.ahead -= cut as u64;
        cut
    }

    /// Continues the voice for `samples`: it fades out, then there is silence.
    fn conceal(&mut self, slab: &mut [u8], stats: &mut Stats, samples: u64) {
        let mut left = samples.min(Concealer::FADE as u64) as usize;
        let silence = samples - left as u64;
        while left > 0 {
            let mut pcm = [0; PIECE];
            let pcm = &mut pcm[..left.min(PIECE)];
            self.concealer.conceal(pcm);
            self.push_pcm(slab, stats, pcm);
            left -= pcm.len();
        }
        if silence > 0 {
            let most = duration_to_samples(MAX_GAP);
            self.queue.push_silence(slab, stats, silence, most);
        }
    }

    fn push_pcm(&mut self, slab: &mut [u8], stats: &mut Stats, pcm: &[i16]) {
        let mut bytes = [0; PIECE];
        let bytes = &mut bytes[..pcm.len()];
        mulaw::encode(pcm, bytes).expect("slices of one length");
        self.queue.push(slab, stats, bytes);
    }

    fn note_depth(&self, stats: &mut Stats) {
        // The places kept for what may come yet are no audio.
        stats.uplink_depth_samples = self.queue.len() - self.open.samples();
        stats.max_uplink_depth_samples = stats
            .max_uplink_depth_samples
            .max(stats.uplink_depth_samples);
    }
}

/// Bytes in `payload`, once it is known to be base64 to its end.
fn measure(payload: JsonStr<'_>) -> Result<u64, Error> {
    let mut decoder = Decoder::new();
    let mut count = 0;
    for_each_chunk(&mut decoder, payload, |chunk| count += chunk.len() as u64)?;
    match decoder.is_whole() {
        true => Ok(count),
        false => Err(Error::InvalidBase64 {
            offset: payload.len(),
        }),
    }
}

/// 40 ms: the most in one append. A backlog leaves in messages of this length.
pub(super) const MAX_APPEND_SAMPLES: usize = 320;
/// Audio is handed on in pieces of at most 20 ms.
const PIECE: usize = 160;
/// The longest gap that may be configured, and the most silence that waits.
const MAX_GAP: Duration = Duration::from_secs(60);
/// Beyond what any call reaches, and far from where arithmetic ends.
const MAX_TIMESTAMP_MS: u64 = 1 << 52;
/// 10 ms: half a frame.
const TIMESTAMP_TOLERANCE: u64 = 80;
/// Media that continues itself and has all come before, in samples: five frames are a time line that
/// was set back.
const SET_BACK: u64 = 800;
/// The longest that a gap waits, and the longest gap that does.
const MAX_PATIENCE: Duration = Duration::from_millis(100);
const MAX_PATIENCE_SAMPLES: usize = 800;
/// Waited on top of the time by which a packet was late last.
const PATIENCE_MARGIN: Duration = Duration::from_millis(10);
/// For how long one packet out of order makes gaps wait.
const MEMORY: Duration = Duration::from_secs(10);
/// Samples from a cut to the next: with at most 120 of 480, a quarter of the time is made up for.
const REST: usize = 320;
/// Pieces in which no period is found before a cut is made all the same.
const MAX_REFUSED: u32 = 10;
