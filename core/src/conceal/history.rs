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
        let from = played.len().saturating_sub(LEN);
        let last = played.get(from..).unwrap_or_default();
        let (newest, oldest) = self.ring.split_at_mut(self.at % LEN);
        let (first, rest) = last.split_at_checked(oldest.len()).unwrap_or((last, &[]));
        copy(first, oldest);
        copy(rest, newest);
        self.at = (self.at + last.len()) % LEN;
    }

    /// In the order in which it was played.
    pub(super) fn unrolled(&self) -> [i16; LEN] {
        let mut samples = [0; LEN];
        let (newest, oldest) = self.ring.split_at(self.at % LEN);
        let (first, rest) = samples.split_at_mut(LEN - newest.len());
        copy(oldest, first);
        copy(newest, rest);
        samples
    }
}

/// Copies as much as both have, so that there is no panic for the optimiser to rule out.
fn copy(src: &[i16], dst: &mut [i16]) {
    for (to, &from) in dst.iter_mut().zip(src) {
        *to = from;
    }
}

/// 64 ms: twice what is analysed; the search takes the voice's level from all of it.
pub(super) const LEN: usize = 512;
