//! Caller → model: media, put in order on its time line, on its way to append events.

use core::time::Duration;

use super::{
    config::Config,
    stats::Stats,
    storage::Ring,
    stream::{CHUNK_BYTES, for_each_chunk},
};
use crate::{
    Error, JsonStr, Upsampler,
    base64::{self, Decoder},
    g711::mulaw,
    playback::{duration_to_samples, samples_to_duration},
};

/// The caller's voice between the carrier and the model, as μ-law.
#[derive(Debug)]
pub(super) struct Uplink {
    ring: Ring,
    upsampler: Upsampler,
    /// Silence, in samples, that comes before what is in the ring.
    silence: u64,
    /// Media time of the next sample, once the first has come.
    next: Option<u64>,
    /// Silence fed for a stall that no gap in the time line has accounted for yet.
    advance: u64,
    /// Samples handed to the model since its session began.
    position: u64,
    last_media: Duration,
}

impl Uplink {
    pub(super) fn new(ring: Ring) -> Self {
        Self {
            ring,
            upsampler: Upsampler::new(),
            silence: 0,
            next: None,
            advance: 0,
            position: 0,
            last_media: Duration::ZERO,
        }
    }

    /// Puts one media payload on the time line.
    ///
    /// A gap is filled with silence, as the model's voice detection counts samples, not time; what
    /// overlaps is dropped. A time stamp that is off by less than half a frame is taken for
    /// rounding at the sender, and one that jumps by more than `max_gap` for a new start.
    pub(super) fn receive(
        &mut self,
        now: Duration,
        slab: &mut [u8],
        config: &Config,
        stats: &mut Stats,
        timestamp_ms: u64,
        payload: JsonStr<'_>,
    ) -> Result<(), Error> {
        // A frame or two are decoded at once; longer payloads are measured, then decoded in pieces.
        let mut frame = [0; SHORT_PAYLOAD];
        let short = base64::decode_str(payload, &mut frame);
        let count = match short {
            Ok(count) => count as u64,
            Err(Error::BufferTooShort { .. }) => measure(payload)?,
            Err(error) => return Err(error),
        };

        let time = timestamp_ms.saturating_mul(8);
        let next = self.next.unwrap_or(time);
        let max_gap = duration_to_samples(config.max_gap.min(MAX_GAP));
        let (gap, overlap) = (time.saturating_sub(next), next.saturating_sub(time));
        let mut late = 0;
        if gap.max(overlap) > max_gap {
            self.next = Some(time);
        } else if gap >= TIMESTAMP_TOLERANCE {
            let covered = gap.min(self.advance);
            self.fill(slab, stats, gap - covered);
            stats.concealed_samples += gap - covered;
            self.next = Some(time);
        } else if overlap >= TIMESTAMP_TOLERANCE {
            late = overlap.min(count);
            self.next = Some(next);
        } else {
            self.next = Some(next);
        }
        self.next = self.next.map(|next| next.saturating_add(count - late));
        self.advance = 0;
        self.last_media = now;
        stats.media_messages += 1;
        stats.late_samples += late;

        let mut late = late as usize;
        if let Ok(count) = short {
            self.push(slab, stats, &frame[late..count]);
            return Ok(());
        }
        for_each_chunk(&mut Decoder::new(), payload, |chunk| {
            let skipped = late.min(chunk.len());
            late -= skipped;
            self.push(slab, stats, &chunk[skipped..]);
        })
    }

    /// Feeds silence because media has stopped in the caller's turn.
    pub(super) fn feed_silence(&mut self, slab: &mut [u8], stats: &mut Stats, samples: u64) {
        self.fill(slab, stats, samples);
        self.advance += samples;
        stats.stall_samples += samples;
    }

    /// The next samples for the model, as μ-law; at most [`MAX_APPEND_SAMPLES`].
    pub(super) fn peek<'d>(&self, slab: &[u8], dst: &'d mut [u8; MAX_APPEND_SAMPLES]) -> &'d [u8] {
        let silence = self.silence.min(MAX_APPEND_SAMPLES as u64) as usize;
        let (quiet, voiced) = dst.split_at_mut(silence);
        quiet.fill(mulaw::SILENCE);
        let count = silence + self.ring.peek(slab, voiced);
        &dst[..count]
    }

    /// Removes the next `count` samples.
    pub(super) fn skip(&mut self, stats: &mut Stats, count: usize) {
        let silence = self.silence.min(count as u64);
        self.silence -= silence;
        self.ring.skip(count - silence as usize);
        self.position += count as u64;
        self.note_depth(stats);
    }

    /// `caller`, μ-law at 8 kHz, as PCM at 24 kHz.
    pub(super) fn upsample<'d>(
        &mut self,
        caller: &[u8],
        dst: &'d mut [i16; 3 * MAX_APPEND_SAMPLES],
    ) -> Result<&'d [i16], Error> {
        let mut pcm = [0; MAX_APPEND_SAMPLES];
        let pcm = &mut pcm[..caller.len()];
        mulaw::decode(caller, pcm)?;
        let count = self.upsampler.process(pcm, dst)?;
        Ok(&dst[..count])
    }

    pub(super) fn has_audio(&self) -> bool {
        self.silence > 0 || self.ring.len() > 0
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
        self.ring.clear();
        self.silence = 0;
        self.note_depth(stats);
    }

    fn fill(&mut self, slab: &mut [u8], stats: &mut Stats, samples: u64) {
        if self.ring.len() == 0 {
            let all = self.silence + samples;
            self.silence = all.min(duration_to_samples(MAX_GAP));
            stats.uplink_dropped_samples += all - self.silence;
            return;
        }
        let mut left = samples;
        while left > 0 {
            let count = left.min(CHUNK_BYTES as u64) as usize;
            self.push(slab, stats, &[mulaw::SILENCE; CHUNK_BYTES][..count]);
            left -= count as u64;
        }
    }

    /// Appends to the ring; the oldest make room.
    fn push(&mut self, slab: &mut [u8], stats: &mut Stats, bytes: &[u8]) {
        let excess = bytes.len().saturating_sub(self.ring.free());
        if excess > 0 {
            stats.uplink_dropped_samples += core::mem::take(&mut self.silence) + excess as u64;
            self.ring.skip(excess);
        }
        let kept = self.ring.push(slab, bytes);
        debug_assert_eq!(kept, bytes.len(), "a chunk is shorter than the ring");
        self.note_depth(stats);
    }

    fn note_depth(&self, stats: &mut Stats) {
        stats.uplink_depth_samples = self.silence + self.ring.len() as u64;
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

/// 40 ms.
const SHORT_PAYLOAD: usize = 320;
/// 40 ms: the most in one append. A backlog leaves in messages of this length, and buffers for it
/// are cheap to clear.
pub(super) const MAX_APPEND_SAMPLES: usize = 320;
/// The longest gap that may be configured, and the most silence that waits.
const MAX_GAP: Duration = Duration::from_secs(60);
/// 10 ms: half a frame.
const TIMESTAMP_TOLERANCE: u64 = 80;
