//! Model → caller: deltas, as μ-law on the line, on their way to paced media and marks.

use core::time::Duration;

use super::{
    config::{Config, ModelAudio},
    stats::Stats,
    storage::{Records, Ring, Stored},
    stream::{CHUNK_BYTES, CHUNK_CHARS, for_each_chunk},
};
use crate::{
    Downsampler, Error, JsonStr,
    base64::Decoder,
    g711::mulaw,
    id::Id,
    playback::{PlaybackLedger, duration_to_samples},
};

/// The model's speech between the model and the carrier, as μ-law.
#[derive(Debug)]
pub(super) struct Downlink {
    pub(super) ledger: PlaybackLedger,
    /// The application's marks: position on the line and name.
    pub(super) marks: Records,
    ring: Ring,
    /// When playback was stopped, while it is: no more media is due.
    held_since: Option<Duration>,
    decoding: Decoding,
    /// The content part that `decoding` is in.
    part: Option<(Id, u32)>,
    /// What the carrier is sent ahead: at least two frames, so that the line never runs dry between
    /// two timeouts.
    lead: Duration,
    /// Samples from mark to mark.
    mark_interval: u64,
}

/// What a delta cut anywhere leaves for the next one.
#[derive(Clone, Debug)]
struct Decoding {
    base64: Decoder,
    odd: Option<u8>,
    downsampler: Downsampler,
}

/// What the carrier is to be sent next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next {
    /// So many samples of the ring.
    Media(usize),
    /// A playback mark.
    Mark,
    /// The application's oldest mark.
    NamedMark(Stored),
}

impl Downlink {
    pub(super) fn new(config: &Config, ring: Ring, marks: Records) -> Self {
        Self {
            ledger: PlaybackLedger::new(match config.model_audio {
                ModelAudio::Pcm24k => 24_000,
                ModelAudio::Mulaw => 8_000,
            }),
            marks,
            ring,
            held_since: None,
            decoding: Decoding {
                base64: Decoder::new(),
                odd: None,
                downsampler: Downsampler::new(),
            },
            part: None,
            lead: config.lead.max(2 * FRAME),
            mark_interval: duration_to_samples(config.mark_interval.max(FRAME)),
        }
    }

    /// Puts one delta at the end of the line; returns the samples that had no room there.
    pub(super) fn receive(
        &mut self,
        slab: &mut [u8],
        config: &Config,
        stats: &mut Stats,
        part: (Id, u32),
        audio: JsonStr<'_>,
    ) -> Result<u64, Error> {
        let (id, content_index) = part;
        if self.part != Some(part) {
            // What is refused must not end the part before.
            for_each_chunk(&mut Decoder::new(), audio, |_| {})?;
            self.ledger.receive_part(id, content_index, 0, 0)?;
            self.finish(slab, stats);
            self.part = Some(part);
        }

        // A single chunk that is refused has changed nothing.
        let before = (audio.raw().len() > CHUNK_CHARS).then(|| self.decoding.clone());
        let ring_before = self.ring;
        let (mut model_samples, mut dropped) = (0, 0);
        let Self { decoding, ring, .. } = self;
        let Decoding {
            base64,
            odd,
            downsampler,
        } = decoding;
        let mut push = |slab: &mut [u8], mulaw: &[u8]| {
            dropped += mulaw.len() - ring.push(slab, mulaw);
        };
        let result = for_each_chunk(base64, audio, |bytes| match config.model_audio {
            ModelAudio::Mulaw => {
                model_samples += bytes.len();
                push(slab, bytes);
            }
            ModelAudio::Pcm24k => {
                let mut mulaw = [0; CHUNK_LINE_SAMPLES];
                let count = with_samples(odd, bytes, |pcm| {
                    model_samples += pcm.len();
                    encode(downsampler, pcm, &mut mulaw)
                });
                push(slab, &mulaw[..count]);
            }
        });
        if let Err(error) = result {
            if let Some(before) = before {
                self.decoding = before;
            }
            self.ring = ring_before;
            return Err(error);
        }
        let line_samples = self.ring.len() - ring_before.len();
        self.ledger
            .receive_part(id, content_index, model_samples, line_samples)?;
        stats.received_samples += line_samples as u64;
        stats.downlink_dropped_samples += dropped as u64;
        self.note_depth(stats);
        Ok(dropped as u64)
    }

    /// The content part is whole: what the filter still holds goes on the line, too.
    pub(super) fn finish(&mut self, slab: &mut [u8], stats: &mut Stats) {
        let Some((item_id, content_index)) = self.part.take() else {
            return;
        };
        // One more than the delay if the part's length is no multiple of three.
        let mut tail = [0; Downsampler::DELAY + 1];
        let downsampler = &mut self.decoding.downsampler;
        let count = downsampler.flush(&mut tail).expect("the tail fits");
        let mut mulaw = [0; Downsampler::DELAY + 1];
        mulaw::encode(&tail[..count], &mut mulaw[..count]).expect("the lengths are equal");
        let count = self.ring.push(slab, &mulaw[..count]);
        self.decoding.base64.reset();
        self.decoding.odd = None;
        // The part is on the ledger already, so this takes no room there.
        if self
            .ledger
            .receive_part(item_id, content_index, 0, count)
            .is_ok()
        {
            stats.received_samples += count as u64;
        }
        self.ledger.finish(item_id.as_str(), content_index);
        self.note_depth(stats);
    }

    /// The item is whole.
    pub(super) fn finish_item(&mut self, slab: &mut [u8], stats: &mut Stats, item: Id) {
        if self.part.is_some_and(|part| part.0 == item) {
            self.finish(slab, stats);
        }
        self.ledger.finish_item(item.as_str());
    }

    /// The content part whose deltas are coming.
    pub(super) fn part(&self) -> Option<(Id, u32)> {
        self.part
    }

    /// Lets no more media be due; whether it is news.
    pub(super) fn hold(&mut self, now: Duration) -> bool {
        let is_new = self.held_since.is_none();
        self.held_since.get_or_insert(now);
        is_new
    }

    /// Media is due again from the next sample on; returns when playback was stopped, if it was.
    pub(super) fn resume(&mut self) -> Option<Duration> {
        self.held_since.take()
    }

    pub(super) fn held_since(&self) -> Option<Duration> {
        self.held_since
    }

    /// There is something that the caller has yet to hear. Where echoes of marks fail to come, the
    /// clock decides.
    pub(super) fn is_playing(&self, now: Duration) -> bool {
        let is_unproven = self.ledger.sent_samples() > self.ledger.heard_samples();
        self.ring.len() > 0
            || is_unproven && now < self.ledger.play_end().saturating_add(ECHO_PATIENCE)
    }

    /// Forgets everything not sent; the ledger begins a new epoch.
    pub(super) fn clear(&mut self, stats: &mut Stats) {
        self.held_since = None;
        self.ring.clear();
        self.decoding.base64.reset();
        self.decoding.odd = None;
        self.decoding.downsampler.reset();
        self.part = None;
        self.ledger.clear();
        self.note_depth(stats);
    }

    /// What is due at `now`.
    pub(super) fn next(&self, now: Duration, slab: &[u8]) -> Option<Next> {
        let sent = self.ledger.sent_samples();
        if let Some(mark) = self
            .marks
            .front(slab)
            .filter(|mark| mark.numbers[0] <= sent)
        {
            return Some(Next::NamedMark(mark));
        }
        if self.is_mark_due() {
            return Some(Next::Mark);
        }
        self.media_time()
            .filter(|&time| time <= now)
            .map(|_| Next::Media(self.ring.len().min(FRAME_SAMPLES)))
    }

    /// The next samples, as [`Ring::peek`] lends them; [`sent`](Self::sent) removes them.
    pub(super) fn peek<'a>(&self, slab: &'a [u8], buf: &'a mut [u8]) -> &'a [u8] {
        self.ring.peek(slab, buf)
    }

    /// `count` samples have gone to the carrier.
    pub(super) fn sent(&mut self, now: Duration, stats: &mut Stats, count: usize) {
        self.ring.skip(count);
        self.ledger.send(now, count);
        stats.sent_samples += count as u64;
        if self.ledger.queued(now) > self.lead {
            stats.spilled_samples += count as u64;
        }
        self.note_depth(stats);
    }

    /// When the next media is due; `Duration::ZERO` for at once. None is while playback is held,
    /// however full the ring is.
    pub(super) fn media_time(&self) -> Option<Duration> {
        if self.held_since.is_some() {
            return None;
        }
        let play_end = self.ledger.play_end();
        if self.ring.len() > self.ring.capacity() / 2 {
            return Some(play_end.saturating_sub(CARRIER_CAPACITY));
        }
        match self.ring.len() {
            0 => None,
            // A frame's worth may still come; without it, what there is goes out just in time.
            1..FRAME_SAMPLES if !self.ledger.is_finished() => {
                Some(play_end.saturating_sub(PARTIAL_FRAME_LEAD))
            }
            _ => Some(play_end.saturating_add(FRAME).saturating_sub(self.lead)),
        }
    }

    /// A mark every `mark_interval` of audio, and one behind the last sample of what is finished.
    fn is_mark_due(&self) -> bool {
        let interval = self.mark_interval;
        let unmarked = self.ledger.unmarked_samples();
        if !self.ledger.is_finished() {
            return unmarked >= interval;
        }
        match self.ring.len() as u64 {
            0 => unmarked > 0,
            // The last mark is near: it will do for this one.
            left => unmarked >= interval && left >= interval,
        }
    }

    fn note_depth(&self, stats: &mut Stats) {
        stats.depth_samples = self.ring.len() as u64;
        stats.max_depth_samples = stats.max_depth_samples.max(stats.depth_samples);
    }
}

/// Hands on the 16-bit little-endian samples in `odd` and `bytes`; a last single byte goes to `odd`.
fn with_samples<T>(odd: &mut Option<u8>, bytes: &[u8], each: impl FnOnce(&[i16]) -> T) -> T {
    match bytemuck::try_cast_slice(bytes) {
        Ok(samples) if odd.is_none() && cfg!(target_endian = "little") => each(samples),
        _ => {
            let mut buf = [0; CHUNK_BYTES / 2 + 1];
            each(copy_samples(odd, bytes, &mut buf))
        }
    }
}

#[cold]
fn copy_samples<'d>(odd: &mut Option<u8>, bytes: &[u8], dst: &'d mut [i16]) -> &'d [i16] {
    let first = odd.take();
    let mut all = first.iter().chain(bytes);
    let mut count = 0;
    while let Some(&low) = all.next() {
        let Some(&high) = all.next() else {
            *odd = Some(low);
            break;
        };
        dst[count] = i16::from_le_bytes([low, high]);
        count += 1;
    }
    &dst[..count]
}

/// PCM at 24 kHz as μ-law at 8 kHz; returns the samples written.
fn encode(downsampler: &mut Downsampler, pcm: &[i16], mulaw: &mut [u8]) -> usize {
    let mut low = [0; CHUNK_LINE_SAMPLES];
    let count = downsampler
        .process(pcm, &mut low)
        .expect("a chunk's third fits");
    mulaw::encode(&low[..count], &mut mulaw[..count]).expect("the lengths are equal");
    count
}

/// The most samples of the line that one piece of PCM16 makes: a third of its samples, with a byte
/// and two samples of the piece before.
const CHUNK_LINE_SAMPLES: usize = (CHUNK_BYTES / 2 + 1).div_ceil(3);
/// 20 ms at 8 kHz.
pub(super) const FRAME_SAMPLES: usize = 160;
const FRAME: Duration = Duration::from_millis(20);
const PARTIAL_FRAME_LEAD: Duration = Duration::from_millis(40);
/// The way of the last media to the carrier and of its mark's echo back.
const ECHO_PATIENCE: Duration = Duration::from_millis(500);
/// A minute less than Twilio keeps before it discards (error 31931: about ten minutes).
const CARRIER_CAPACITY: Duration = Duration::from_secs(9 * 60);
