//! The fixed-ratio filters in the form the kernel runs: polyphase, integer, two accumulations.
//!
//! Input and output are cut into groups, the smallest that come out even: 1 in and 3 out for 8 kHz
//! to 24 kHz, 3 in and 2 out for 24 kHz to 16 kHz. Within a group each output is a dot product of
//! its own polyphase component with the newest groups of input.
//!
//! The kernel multiplies pairs of samples (a *lane*), so the input is first laid out as one or two
//! streams of lanes, one lane per group, and every pair of taps knows its lane.
//!
//! Precision: 16-bit taps at one scale would either overflow or lose 6 to 8 dB of stop band. So all
//! taps first accumulate at `final_bits + shift` fraction bits, only the low part of the few large
//! ones; the sum is shifted down by `shift` and the high parts are added at `final_bits`. The module
//! `design` proves at build time that no input can overflow either accumulation.

use core::num::NonZero;

/// A filter ready to run.
pub(crate) struct Filter {
    /// Input samples per group.
    pub(crate) group_in: NonZero<usize>,
    /// Output samples per group.
    pub(crate) group_out: NonZero<usize>,
    /// Outputs per group that are computed; the rest is at most one pure delay.
    pub(crate) rows: usize,
    /// Groups of input before the newest that the filter reaches back to.
    pub(crate) history: usize,
    /// Delay in output samples.
    pub(crate) delay: usize,
    /// Which two samples of a group make the lane in each stream.
    pub(crate) streams: &'static [Pair],
    /// The output of the group that only repeats an input sample.
    pub(crate) copy: Option<Copy>,
    /// First accumulation: all taps.
    pub(crate) fine: Pass,
    /// Second accumulation: the high parts of the large ones.
    pub(crate) coarse: Pass,
    /// Fraction bits dropped between the two.
    pub(crate) shift: u32,
    /// Fraction bits of the second.
    pub(crate) final_bits: u32,
}

impl Filter {
    /// What the accumulator starts from, so that the sum is rounded half up. Dropping bits between
    /// the accumulations costs nothing: two floors in turn are the floor of the whole.
    pub(crate) const fn rounding(&self) -> i32 {
        1 << (self.final_bits + self.shift - 1)
    }
}

/// A lane: two samples by their place in the group; one past the end is of the next group.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) low: usize,
    pub(crate) high: usize,
}

/// An output that is an input sample: the low half of a lane of the first stream.
#[derive(Clone, Copy)]
pub(crate) struct Copy {
    /// Place in the group of outputs.
    pub(crate) row: usize,
    /// Lane, counted from the group's oldest.
    pub(crate) lane: usize,
}

/// Pairs of taps with the lanes they multiply, in one run per stream.
pub(crate) struct Pass {
    pub(super) runs: [Run; MAX_STREAMS],
    pub(super) coefs: [i32; MAX_PAIRS * MAX_ROWS],
}

/// Pairs of taps for lanes at even distances.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    /// Lane of the first pair, counted from the group's oldest; the second stream's lanes begin at
    /// [`STREAM`].
    pub(crate) lane: usize,
    /// Lanes from pair to pair: 1, or 2 where a lane reaches into the next group.
    pub(crate) step: usize,
    /// Place of the first pair among all.
    pub(super) start: usize,
    pub(super) pairs: usize,
}

impl Pass {
    /// The runs and their pairs, which are one lane of taps per row, the older sample's tap in the
    /// low half. `R` is the number of rows.
    #[inline(always)]
    pub(crate) fn runs<const R: usize>(&self) -> impl Iterator<Item = (&Run, &[[i32; R]])> {
        let coefs = self.coefs.as_chunks().0;
        self.runs
            .iter()
            .filter_map(move |run| Some((run, coefs.get(run.start..)?.get(..run.pairs)?)))
    }
}

/// Groups computed at a time: 20 ms for every ratio, so that a frame is one block.
pub(crate) const BLOCK: usize = 160;

/// Lanes of one stream in the kernel's buffer: history and a block.
pub(crate) const STREAM: usize = MAX_HISTORY + BLOCK + 1;

/// Largest [`Filter::history`].
pub(crate) const MAX_HISTORY: usize = 63;

/// Largest [`Filter::rows`].
pub(crate) const MAX_ROWS: usize = 3;

/// Most pairs in a pass.
pub(super) const MAX_PAIRS: usize = 100;

/// Most [`Filter::streams`].
pub(crate) const MAX_STREAMS: usize = 2;

/// The samples or taps of a lane, older first.
pub(crate) const fn unpack(lane: i32) -> (i16, i16) {
    (lane as i16, (lane >> 16) as i16)
}
