//! The call's end of a recording.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{SyncSender, TrySendError},
    },
    time::{Duration, Instant},
};

use super::{Shared, assembler::Direction, writer::Job};

/// Where a call's task puts what passes, in the order in which it passes. Nothing here waits: messages are
/// copied, and every 80 ms handed to a thread. If it is behind, they are dropped, and the recording is silent
/// for that time and [`Partial`](crate::record::RecordingStatus::Partial).
///
/// Memory: a batch of up to 8 KiB and one message of up to 16 KiB, which is normally some 5 KiB. What
/// the threads have not taken yet is bounded for all calls together, see
/// [`Settings::queue`](super::Settings::queue).
#[derive(Debug)]
pub struct Tap {
    id: u64,
    shared: Arc<Shared>,
    jobs: SyncSender<Job>,
    /// The call is over, and there was no room to say so.
    is_over: Arc<AtomicBool>,
    epoch: Instant,
    batch: Vec<u8>,
    batch_began: Duration,
    /// Messages before the batch are missing.
    is_gapped: bool,
}

impl Tap {
    pub(super) fn new(
        id: u64,
        shared: Arc<Shared>,
        jobs: SyncSender<Job>,
        is_over: Arc<AtomicBool>,
    ) -> Self {
        Self {
            id,
            shared,
            jobs,
            is_over,
            epoch: Instant::now(),
            batch: Vec::new(),
            batch_began: Duration::ZERO,
            is_gapped: false,
        }
    }

    /// A message that came from Twilio.
    pub fn from_twilio(&mut self, message: &str) {
        self.take(Direction::FromTwilio, message);
    }

    /// A message that was sent to Twilio.
    pub fn to_twilio(&mut self, message: &str) {
        self.take(Direction::ToTwilio, message);
    }

    /// The call is over. Returns at once; the end of the file is written behind. Dropping does the same.
    pub fn finish(self) {}

    fn take(&mut self, direction: Direction, message: &str) {
        let now = self.epoch.elapsed();
        if message.len() > MAX_MESSAGE {
            self.hand_over();
            self.is_gapped = true;
            return;
        }
        if self.batch.is_empty() {
            self.batch.reserve(BATCH_CAPACITY);
            self.batch_began = now;
        }
        push(&mut self.batch, direction, now, message);
        let is_due = now - self.batch_began >= BATCH_TIME;
        if is_due || self.batch.len() >= MAX_BATCH {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let job = Job::Batch {
            id: self.id,
            messages: std::mem::take(&mut self.batch),
            is_gapped: self.is_gapped,
        };
        self.is_gapped = match self.jobs.try_send(job) {
            Ok(()) => false,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.shared.stats.dropped_batches.fetch_add(1, Relaxed);
                true
            }
        };
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.hand_over();
        let job = Job::Finish {
            id: self.id,
            is_whole: !self.is_gapped,
        };
        if self.jobs.try_send(job).is_err() {
            self.is_over.store(true, Relaxed);
        }
    }
}

fn push(batch: &mut Vec<u8>, direction: Direction, time: Duration, text: &str) {
    batch.push(u8::from(direction == Direction::ToTwilio));
    batch.extend(
        u64::try_from(time.as_micros())
            .unwrap_or(u64::MAX)
            .to_le_bytes(),
    );
    batch.extend((text.len() as u32).to_le_bytes());
    batch.extend(text.as_bytes());
}

/// The messages of a batch, with the time since the call's start.
pub(super) fn messages(batch: &[u8]) -> impl Iterator<Item = (Direction, Duration, &str)> {
    let mut left = batch;
    std::iter::from_fn(move || {
        let (&kind, rest) = left.split_first()?;
        let (&micros, rest) = rest.split_first_chunk()?;
        let (&len, rest) = rest.split_first_chunk()?;
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(len) as usize)?;
        left = rest;
        let direction = if kind == 0 {
            Direction::FromTwilio
        } else {
            Direction::ToTwilio
        };
        let time = Duration::from_micros(u64::from_le_bytes(micros));
        Some((direction, time, std::str::from_utf8(text).ok()?))
    })
}

/// With the frame that is being spoken, half of the 200 ms that a kill may cost; the rest is for a thread that is
/// behind.
const BATCH_TIME: Duration = Duration::from_millis(80);
/// Bytes; more than that time usually comes to.
const BATCH_CAPACITY: usize = 5 << 10;
const MAX_BATCH: usize = 8 << 10;
/// Bytes; Twilio's have 400, and 100 ms of audio 1,200.
const MAX_MESSAGE: usize = 16 << 10;
