//! The caller's voice where it waits for the model.

use crate::{
    bridge::{stats::Stats, storage::Ring, stream::CHUNK_BYTES},
    g711::mulaw,
};

/// μ-law in a ring. One stretch of silence in it takes no room, and the newest may be held back.
#[derive(Debug)]
pub(super) struct Queue {
    ring: Ring,
    /// Samples of silence, after so many samples of the ring.
    quiet: u64,
    quiet_at: usize,
    /// So many of the newest samples are not for the model yet.
    held: usize,
}

impl Queue {
    pub(super) fn new(ring: Ring) -> Self {
        Self {
            ring,
            quiet: 0,
            quiet_at: 0,
            held: 0,
        }
    }

    /// Samples that wait, those held back included.
    pub(super) fn len(&self) -> u64 {
        self.quiet + self.ring.len() as u64
    }

    /// Samples that have room before any is dropped.
    pub(super) fn free(&self) -> usize {
        self.ring.free()
    }

    /// Samples that wait and are not held back.
    pub(super) fn ready(&self) -> u64 {
        self.len() - self.held as u64
    }

    /// Appends; the oldest make room.
    pub(super) fn push(&mut self, slab: &mut [u8], stats: &mut Stats, bytes: &[u8]) {
        let excess = bytes.len().saturating_sub(self.ring.free());
        if excess > 0 {
            let quiet = match self.quiet_at < excess {
                true => core::mem::take(&mut self.quiet),
                false => 0,
            };
            stats.uplink_dropped_samples += quiet + excess as u64;
            self.quiet_at = self.quiet_at.saturating_sub(excess);
            self.ring.skip(excess);
        }
        let kept = self.ring.push(slab, bytes);
        debug_assert_eq!(kept, bytes.len(), "a piece is shorter than the ring");
    }

    /// Appends silence, at most `most` of which waits.
    pub(super) fn push_silence(
        &mut self,
        slab: &mut [u8],
        stats: &mut Stats,
        samples: u64,
        most: u64,
    ) {
        if self.quiet == 0 {
            self.quiet_at = self.ring.len();
        }
        if self.quiet_at == self.ring.len() {
            let all = self.quiet + samples;
            self.quiet = all.min(most);
            stats.uplink_dropped_samples += all - self.quiet;
            return;
        }
        let mut left = samples;
        while left > 0 {
            let count = left.min(CHUNK_BYTES as u64) as usize;
            self.push(slab, stats, &[mulaw::SILENCE; CHUNK_BYTES][..count]);
            left -= count as u64;
        }
    }

    /// Appends what has room, and holds it back.
    pub(super) fn hold(&mut self, slab: &mut [u8], bytes: &[u8]) {
        self.held += self.ring.push(slab, bytes);
    }

    /// Replaces what is held back from its sample `at` on.
    pub(super) fn replace_held(&mut self, slab: &mut [u8], at: usize, bytes: &[u8]) {
        let first = self.ring.len() - self.held;
        self.ring.put_at(slab, first + at, bytes);
    }

    /// Takes out what is held back, until the next push readable by [`taken`](Self::taken); returns
    /// where it began, and its length.
    pub(super) fn take_held(&mut self) -> (usize, usize) {
        let held = core::mem::take(&mut self.held);
        let first = self.ring.len() - held;
        self.ring.truncate(first);
        (first, held)
    }

    /// Copies what was taken out, from `at` on. What is pushed meanwhile must not be longer than what
    /// was copied before.
    pub(super) fn taken(&self, slab: &[u8], at: usize, dst: &mut [u8]) {
        self.ring.copy_at(slab, at, dst);
    }

    /// Copies the oldest samples to `dst`; returns how many.
    pub(super) fn peek(&self, slab: &[u8], dst: &mut [u8]) -> usize {
        let ready = self.ring.len() - self.held;
        if self.quiet == 0 {
            let count = dst.len().min(ready);
            self.ring.copy_at(slab, 0, &mut dst[..count]);
            return count;
        }
        let (before, dst) = dst.split_at_mut(self.quiet_at.min(dst.len()));
        self.ring.copy_at(slab, 0, before);
        let mut count = before.len();
        let quiet = self.quiet.min(dst.len() as u64) as usize;
        let (quiet, after) = dst.split_at_mut(quiet);
        quiet.fill(mulaw::SILENCE);
        count += quiet.len();
        let left = after.len().min(ready - self.quiet_at);
        self.ring.copy_at(slab, self.quiet_at, &mut after[..left]);
        count + left
    }

    /// Removes the oldest `count` samples.
    pub(super) fn skip(&mut self, count: usize) {
        if self.quiet == 0 {
            return self.ring.skip(count);
        }
        let before = count.min(self.quiet_at);
        let quiet = self.quiet.min((count - before) as u64);
        self.ring.skip(count - quiet as usize);
        self.quiet_at -= before;
        self.quiet -= quiet;
    }

    pub(super) fn clear(&mut self) {
        self.ring.clear();
        self.quiet = 0;
        self.held = 0;
    }
}
