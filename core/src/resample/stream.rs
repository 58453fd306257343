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
        let dst = first(dst, needed)?;
        self.started |= !src.is_empty();
        self.run(src, dst);
        Ok(needed)
    }

    pub(super) fn flush(&mut self, dst: &mut [i16]) -> Result<usize, Error> {
        let needed = self.flush_len();
        let dst = first(dst, needed)?;
        // Silence pushes the rest out; the last group may give more than there is.
        let Filter {
            group_in,
            group_out,
            ..
        } = *self.filter;
        let groups = (needed + group_out.get() - 1) / group_out;
        let silence = [0; MAX_GROUP * BLOCK];
        let mut tail = [0; MAX_GROUP * BLOCK];
        self.run(
            silence
                .get(..groups * group_in.get() - self.pending)
                .unwrap_or_default(),
            tail.get_mut(..groups * group_out.get()).unwrap_or_default(),
        );
        copy(&tail, dst);
        self.reset();
        Ok(needed)
    }

    pub(super) fn reset(&mut self) {
        self.kept = [0; N];
        self.pending = 0;
        self.started = false;
    }

    pub(super) fn output_len(&self, len: usize) -> usize {
        (self.pending + len) / self.filter.group_in * self.filter.group_out.get()
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
        delay + (self.pending * group_out.get() + group_in.get() - 1) / group_in
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
        let keep = history * group_in.get();
        let (mut src, mut dst) = (src, dst);
        loop {
            let groups = ((self.pending + src.len()) / group_in).min(BLOCK);
            if groups == 0 {
                break;
            }
            let taken = groups * group_in.get();
            let (Some((new, rest)), Some((out, rest_out)), Some(old)) = (
                src.split_at_checked(taken - self.pending),
                dst.split_at_mut_checked(groups * group_out.get()),
                self.kept.get(..keep + self.pending),
            ) else {
                debug_assert!(false, "the lengths are those of whole groups");
                return;
            };
            fir::run(self.level, self.filter, old, new, out);
            if let Some(newest) = new.len().checked_sub(keep).and_then(|at| new.get(at..)) {
                copy(newest, &mut self.kept);
            } else {
                let before = self.kept;
                copy(before.get(taken..).unwrap_or_default(), &mut self.kept);
                self.keep(keep - new.len(), new);
            }
            self.pending = 0;
            (src, dst) = (rest, rest_out);
        }
        self.keep(keep + self.pending, src);
        self.pending += src.len();
    }

    /// Puts samples into the state from `at` on.
    fn keep(&mut self, at: usize, samples: &[i16]) {
        copy(samples, self.kept.get_mut(at..).unwrap_or_default());
    }
}

/// The first `needed` samples of `dst`.
fn first(dst: &mut [i16], needed: usize) -> Result<&mut [i16], Error> {
    let actual = dst.len();
    dst.get_mut(..needed)
        .ok_or(Error::BufferTooShort { needed, actual })
}

/// Copies as many samples as both have, so that there is no panic for the optimiser to rule out.
fn copy(src: &[i16], dst: &mut [i16]) {
    for (to, &from) in dst.iter_mut().zip(src) {
        *to = from;
    }
}

/// Samples of state the filter needs.
pub(super) const fn kept(filter: &Filter) -> usize {
    (filter.history + 1) * filter.group_in.get() - 1
}

/// Most samples in a group, in or out.
const MAX_GROUP: usize = 3;
