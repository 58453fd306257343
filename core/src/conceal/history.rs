//! The last samples that were played, in a ring.

/// What was played last, received or substituted.
#[derive(Clone, Debug)]
pub(super) struct History {
    ring: [i16; LEN],
    /// Where the next sample goes.
    at: usize,
}

impl History {
    pub(super) const fn new() -> Self {
        Self {
            ring: [0; LEN],
            at: 0,
        }
    }

    pub(super) fn extend(&mut self, played: &[i16]) {
        let last = &played[played.len().saturating_sub(LEN)..];
        let first = last.len().min(LEN - self.at);
        self.ring[self.at..self.at + first].copy_from_slice(&last[..first]);
        self.ring[..last.len() - first].copy_from_slice(&last[first..]);
        self.at = (self.at + last.len()) % LEN;
    }

    /// In the order in which it was played.
    pub(super) fn unrolled(&self) -> [i16; LEN] {
        let mut samples = [0; LEN];
        let older = LEN - self.at;
        samples[..older].copy_from_slice(&self.ring[self.at..]);
        samples[older..].copy_from_slice(&self.ring[..self.at]);
        samples
    }
}

/// 64 ms: twice what is analysed; the search takes the voice's level from all of it.
pub(super) const LEN: usize = 512;
