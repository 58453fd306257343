//! What is missing on the media time line.

use core::{ops::Range, time::Duration};

/// A few stretches that did not come with what was around them. Where there is no room for another,
/// the oldest is forgotten.
#[derive(Clone, Debug)]
pub(super) struct Holes {
    holes: [Option<Hole>; MAX_HOLES],
}

#[derive(Clone, Debug)]
pub(super) struct Hole {
    /// Media time in samples.
    pub(super) span: Range<u64>,
    /// When later audio came.
    pub(super) seen: Duration,
}

impl Holes {
    pub(super) const fn new() -> Self {
        Self {
            holes: [const { None }; MAX_HOLES],
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.holes.iter().all(Option::is_none)
    }

    pub(super) fn is_full(&self) -> bool {
        self.holes.iter().all(Option::is_some)
    }

    /// Samples in all of them.
    pub(super) fn samples(&self) -> u64 {
        self.holes.iter().flatten().map(Hole::samples).sum()
    }

    pub(super) fn add(&mut self, hole: Hole) {
        if hole.span.is_empty() {
            return;
        }
        // `None`, what is free, is the least of all.
        let start = |slot: &&mut Option<Hole>| slot.as_ref().map(|hole| hole.span.start);
        if let Some(oldest) = self.holes.iter_mut().min_by_key(start) {
            *oldest = Some(hole);
        }
    }

    /// Where the first of them begins.
    pub(super) fn first_start(&self) -> Option<u64> {
        let holes = self.holes.iter().flatten();
        holes.map(|hole| hole.span.start).min()
    }

    /// Removes the one that begins at `start`.
    pub(super) fn take_from(&mut self, start: u64) -> Option<Hole> {
        let begins = |hole: &Hole| hole.span.start == start;
        let hole = |hole: &&mut Option<Hole>| hole.as_ref().is_some_and(begins);
        self.holes.iter_mut().find(hole)?.take()
    }

    /// Whether any of `span` is missing.
    pub(super) fn touch(&self, span: &Range<u64>) -> bool {
        self.holes
            .iter()
            .flatten()
            .any(|hole| hole.span.start < span.end && span.start < hole.span.end)
    }

    /// Removes a stretch of `span` that is missing, if there is one, and returns it.
    pub(super) fn take(&mut self, span: &Range<u64>) -> Option<Hole> {
        for index in 0..MAX_HOLES {
            let Some(hole) = &self.holes[index] else {
                continue;
            };
            let (start, end) = (hole.span.start.max(span.start), hole.span.end.min(span.end));
            if start >= end {
                continue;
            }
            let seen = hole.seen;
            let [before, after] = [hole.span.start..start, end..hole.span.end]
                .map(|span| (!span.is_empty()).then_some(Hole { span, seen }));
            if before.is_some() && after.is_some() {
                // What is in the middle of a hole makes two of it.
                let Some(free) = self.holes.iter().position(Option::is_none) else {
                    continue;
                };
                self.holes[free] = after;
                self.holes[index] = before;
            } else {
                self.holes[index] = before.or(after);
            }
            let span = start..end;
            return Some(Hole { span, seen });
        }
        None
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }
}

impl Hole {
    pub(super) fn samples(&self) -> u64 {
        self.span.end - self.span.start
    }
}

const MAX_HOLES: usize = 4;
