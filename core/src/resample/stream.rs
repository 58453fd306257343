//! What all fixed-ratio resamplers share: the state between calls and the cutting into blocks.

use super::filter::{BLOCK, Filter};
use crate::Error;
use crate::simd::{self, Level, fir};

/// A running filter; `N` is [`Stream::kept`] of it, or more.
#[derive(Clone)]
pub(super) struct Stream<const N: usize> {
    filter: &'static Filter,
    level: Level,
    /// The newest whole groups of input, then the samples of a group that is not whole yet.
    kept: [i16; N],
    pending: usize,
    /// Whether any input came since the start.
    started: bool,
}

impl<const N: usize> Stream<N> {
    pub(super) fn new(filter: &'static Filter) -> Self {
        Self::with_level(filter, simd::detect())
    }

    pub(super) fn with_level(filter: &'static Filter, level: Level) -> Self {
        assert!(
            kept(filter) <= N,
            "the state holds what the filter reaches back to"
        );
        Self {
            filter,
            level,
            kept: [0; N],
            pending: 0,
            started: false,
        }
    }

    pub(super) fn process(&mut self, src: &[i16], dst: &mut [i16]) -> Result<usize, Error> {
        let needed = self.output_len(src.len());
        if dst.len() < needed {
            return Err(Error::BufferTooShort {
                needed,
                actual: dst.len(),
            });
        }
        self.started |= !src.is_empty();
        self.run(src, &mut dst[..needed]);
        Ok(needed)
    }

    pub(super) fn flush(&mut self, dst: &mut [i16]) -> Result<usize, Error> {
        let needed = self.flush_len();
        if dst.len() < needed {
            return Err(Error::BufferTooShort {
                needed,
                actual: dst.len(),
            });
        }
        // Silence pushes the rest out; the last group may give more than there is.
        let groups = needed.div_ceil(self.filter.group_out);
        let silence = [0; MAX_GROUP * BLOCK];
        let mut tail = [0; MAX_GROUP * BLOCK];
        self.run(
            &silence[..groups * self.filter.group_in - self.pending],
            &mut tail[..groups * self.filter.group_out],
        );
        dst[..needed].copy_from_slice(&tail[..needed]);
        self.reset();
        Ok(needed)
    }

    pub(super) fn reset(&mut self) {
        *self = Self::with_level(self.filter, self.level);
    }

    pub(super) fn output_len(&self, len: usize) -> usize {
        (self.pending + len) / self.filter.group_in * self.filter.group_out
    }

    pub(super) fn flush_len(&self) -> usize {
        if !self.started {
            return 0;
        }
        let Filter {
            group_in,
            group_out,
            delay,
            ..
        } = *self.filter;
        delay + (self.pending * group_out).div_ceil(group_in)
    }

    pub(super) fn delay(&self) -> usize {
        self.filter.delay
    }

    /// Takes all of `src` and fills `dst`, which has the right length.
    fn run(&mut self, src: &[i16], dst: &mut [i16]) {
        let Filter {
            group_in,
            group_out,
            history,
            ..
        } = *self.filter;
        let (mut src, mut dst) = (src, dst);
        loop {
            let groups = ((self.pending + src.len()) / group_in).min(BLOCK);
            if groups == 0 {
                break;
            }
            let (new, rest) = src.split_at(groups * group_in - self.pending);
            let (out, rest_out) = dst.split_at_mut(groups * group_out);
            let old = history * group_in + self.pending;
            fir::run(self.level, self.filter, &self.kept[..old], new, out);
            let keep = history * group_in;
            if let Some(start) = new.len().checked_sub(keep) {
                self.kept[..keep].copy_from_slice(&new[start..]);
            } else {
                self.kept.copy_within(groups * group_in..old, 0);
                self.kept[keep - new.len()..keep].copy_from_slice(new);
            }
            self.pending = 0;
            (src, dst) = (rest, rest_out);
        }
        let start = history * group_in + self.pending;
        self.kept[start..start + src.len()].copy_from_slice(src);
        self.pending += src.len();
    }
}

/// Samples of state the filter needs.
pub(super) const fn kept(filter: &Filter) -> usize {
    (filter.history + 1) * filter.group_in - 1
}

/// Most samples in a group, in or out.
const MAX_GROUP: usize = 3;
