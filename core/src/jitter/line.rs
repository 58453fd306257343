//! Audio by its position on the media time line.

/// Samples of a block: as many as a word has bits, 8 ms.
pub(super) const BLOCK: usize = 64;

/// A window on the time line that holds what has arrived of it, in any order.
///
/// Positions count samples. The window starts where the next sample is due; the slot of a position
/// it has passed still says whether its audio had arrived, until the window comes round to it.
#[derive(Clone, Debug)]
pub(super) struct Line<const BLOCKS: usize> {
    blocks: [Block; BLOCKS],
}

#[derive(Clone, Copy, Debug)]
struct Block {
    samples: [i16; BLOCK],
    /// A bit for each sample that is here and not taken yet.
    present: u64,
    /// A bit for each sample before the window that had arrived in time.
    taken: u64,
}

impl<const BLOCKS: usize> Line<BLOCKS> {
    pub(super) const LEN: usize = BLOCKS * BLOCK;

    pub(super) const fn new() -> Self {
        let empty = Block {
            samples: [0; BLOCK],
            present: 0,
            taken: 0,
        };
        Self {
            blocks: [empty; BLOCKS],
        }
    }

    /// Puts `pcm` at `at`, where nothing is yet; returns how many samples were new. All of it lies
    /// within the window.
    pub(super) fn put(&mut self, at: u64, pcm: &[i16]) -> usize {
        let mut new = 0;
        for part in parts(at, pcm.len()) {
            let block = self.block(part.at);
            let wanted = part.mask() & !block.present;
            let source = part.of(pcm);
            let slots = part.in_block_mut(&mut block.samples);
            if wanted == part.mask() {
                copy(source, slots);
            } else {
                for (n, (slot, &sample)) in slots.iter_mut().zip(source).enumerate() {
                    if wanted >> (part.bit + n) & 1 == 1 {
                        *slot = sample;
                    }
                }
            }
            block.present |= wanted;
            new += wanted.count_ones() as usize;
        }
        new
    }

    /// Replaces audio that is here.
    pub(super) fn replace(&mut self, at: u64, pcm: &[i16]) {
        for part in parts(at, pcm.len()) {
            let slots = part.in_block_mut(&mut self.block(part.at).samples);
            copy(part.of(pcm), slots);
        }
    }

    /// Copies what is here from `at` on; all of it is.
    pub(super) fn copy(&self, at: u64, dst: &mut [i16]) {
        for part in parts(at, dst.len()) {
            let samples = &self.blocks[Self::index(part.at)].samples;
            let dst = dst.get_mut(part.done..).unwrap_or_default();
            copy(part.in_block(samples), dst);
        }
    }

    /// Moves the window's start from `at` by `count` samples, at most its length; returns how many
    /// of them were here.
    pub(super) fn pass(&mut self, at: u64, count: usize) -> usize {
        let mut here = 0;
        for part in parts(at, count) {
            let mask = part.mask();
            let block = self.block(part.at);
            let present = block.present & mask;
            block.taken = block.taken & !mask | present;
            block.present &= !mask;
            here += present.count_ones() as usize;
        }
        here
    }

    /// How many samples from `at` on, at most `limit`, are here without a hole.
    pub(super) fn run(&self, at: u64, limit: usize) -> usize {
        self.alike(at, limit, 0)
    }

    /// How many samples from `at` on, at most `limit`, are missing.
    pub(super) fn hole(&self, at: u64, limit: usize) -> usize {
        self.alike(at, limit, u64::MAX)
    }

    /// How many of the `count` samples from `at` on, all of them before the window and no further
    /// than its length, had arrived in time.
    pub(super) fn taken(&self, at: u64, count: usize) -> usize {
        let bits = |part: Part| self.blocks[Self::index(part.at)].taken & part.mask();
        parts(at, count)
            .map(|part| bits(part).count_ones() as usize)
            .sum()
    }

    /// Whether the audio at `at`, before the window, was `pcm`.
    pub(super) fn holds(&self, at: u64, pcm: &[i16]) -> bool {
        parts(at, pcm.len()).all(|part| {
            let samples = part.in_block(&self.blocks[Self::index(part.at)].samples);
            samples == part.of(pcm)
        })
    }

    fn alike(&self, at: u64, limit: usize, flip: u64) -> usize {
        let mut count = 0;
        for part in parts(at, limit) {
            let present = self.blocks[Self::index(part.at)].present;
            let differ = (present ^ flip) >> part.bit;
            let same = (differ.trailing_ones() as usize).min(part.count);
            count += same;
            if same < part.count {
                break;
            }
        }
        count
    }

    fn block(&mut self, at: u64) -> &mut Block {
        &mut self.blocks[Self::index(at)]
    }

    fn index(at: u64) -> usize {
        (at / BLOCK as u64 % BLOCKS as u64) as usize
    }
}

/// What of a stretch lies in one block.
#[derive(Clone, Copy)]
struct Part {
    at: u64,
    bit: usize,
    count: usize,
    /// Samples of the stretch in blocks before.
    done: usize,
}

impl Part {
    /// It in the whole stretch.
    fn of(self, stretch: &[i16]) -> &[i16] {
        let from_here = stretch.get(self.done..).unwrap_or_default();
        from_here.get(..self.count).unwrap_or_default()
    }

    /// It in its block.
    fn in_block(self, block: &[i16; BLOCK]) -> &[i16] {
        let from_here = block.get(self.bit..).unwrap_or_default();
        from_here.get(..self.count).unwrap_or_default()
    }

    fn in_block_mut(self, block: &mut [i16; BLOCK]) -> &mut [i16] {
        let from_here = block.get_mut(self.bit..).unwrap_or_default();
        from_here.get_mut(..self.count).unwrap_or_default()
    }

    fn mask(self) -> u64 {
        u64::MAX >> (BLOCK - self.count) << self.bit
    }
}

/// Copies as much as both have, so that there is no panic for the optimiser to rule out.
fn copy(src: &[i16], dst: &mut [i16]) {
    for (to, &from) in dst.iter_mut().zip(src) {
        *to = from;
    }
}

fn parts(at: u64, count: usize) -> impl Iterator<Item = Part> {
    let mut done = 0;
    core::iter::from_fn(move || {
        let left = count - done;
        let at = at + done as u64;
        let bit = (at % BLOCK as u64) as usize;
        let part = Part {
            at,
            bit,
            count: left.min(BLOCK - bit),
            done,
        };
        done += part.count;
        (part.count > 0).then_some(part)
    })
}
