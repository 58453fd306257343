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
//! ones; the sum is shifted down by `shift` and the high parts are added at `final_bits`. [`Filter::
//! new`] proves at build time that no input can overflow either accumulation.

use super::taps;

/// A filter ready to run.
pub(crate) struct Filter {
    /// Input samples per group.
    pub(crate) group_in: usize,
    /// Output samples per group.
    pub(crate) group_out: usize,
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
    runs: [Run; MAX_STREAMS],
    coefs: [i32; MAX_PAIRS * MAX_ROWS],
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
    start: usize,
    pairs: usize,
}

impl Pass {
    /// The runs and their pairs, which are one lane of taps per row, the older sample's tap in the
    /// low half. `R` is the number of rows.
    #[inline(always)]
    pub(crate) fn runs<const R: usize>(&self) -> impl Iterator<Item = (&Run, &[[i32; R]])> {
        let coefs = self.coefs.as_chunks().0;
        self.runs
            .iter()
            .map(move |run| (run, &coefs[run.start..][..run.pairs]))
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

const MAX_PAIRS: usize = 100;

pub(crate) static VOICE_8_24: Filter = Filter::new(&Design {
    half: &taps::VOICE_8_24,
    up: 3,
    down: 1,
    phase: 0,
    copy: Some(2),
    streams: &[Pair { low: 0, high: 1 }],
    inner: 10_000,
    shift: 2,
    final_bits: 14,
});

pub(crate) static VOICE_24_8: Filter = Filter::new(&Design {
    half: &taps::VOICE_24_8,
    up: 1,
    down: 3,
    phase: 2,
    copy: None,
    streams: &[Pair { low: 1, high: 2 }, Pair { low: 0, high: 3 }],
    inner: 6_900,
    shift: 2,
    final_bits: 15,
});

pub(crate) static VOICE_8_16: Filter = Filter::new(&Design {
    half: &taps::VOICE_8_16,
    up: 2,
    down: 1,
    phase: 0,
    copy: Some(1),
    streams: &[Pair { low: 0, high: 1 }],
    inner: 10_000,
    shift: 2,
    final_bits: 14,
});

pub(crate) static VOICE_16_8: Filter = Filter::new(&Design {
    half: &taps::VOICE_16_8,
    up: 1,
    down: 2,
    phase: 1,
    copy: None,
    streams: &[Pair { low: 1, high: 3 }, Pair { low: 0, high: 2 }],
    inner: 10_000,
    shift: 2,
    final_bits: 15,
});

pub(crate) static VOICE_16_24: Filter = Filter::new(&Design {
    half: &taps::VOICE_16_24,
    up: 3,
    down: 2,
    phase: 0,
    copy: Some(1),
    streams: &[Pair { low: 0, high: 1 }],
    inner: 10_000,
    shift: 2,
    final_bits: 14,
});

pub(crate) static VOICE_24_16: Filter = Filter::new(&Design {
    half: &taps::VOICE_24_16,
    up: 2,
    down: 3,
    phase: 2,
    copy: None,
    streams: &[Pair { low: 1, high: 2 }, Pair { low: 0, high: 3 }],
    inner: 10_000,
    shift: 2,
    final_bits: 14,
});

pub(crate) static SHARP_8_24: Filter = Filter::new(&Design {
    half: &taps::SHARP_8_24,
    up: 3,
    down: 1,
    phase: 0,
    copy: None,
    streams: &[Pair { low: 0, high: 1 }],
    inner: 5_000,
    shift: 2,
    final_bits: 14,
});

pub(crate) static SHARP_24_8: Filter = Filter::new(&Design {
    half: &taps::SHARP_24_8,
    up: 1,
    down: 3,
    phase: 2,
    copy: None,
    streams: &[Pair { low: 1, high: 2 }, Pair { low: 0, high: 3 }],
    inner: 2_500,
    shift: 3,
    final_bits: 14,
});

/// A filter as it is thought of: zero stuffing by `up`, a prototype at the common rate, every
/// `down`-th sample kept from `phase` on.
struct Design {
    /// First half of the symmetric prototype, centre last, in units of 2^-(final_bits + shift).
    half: &'static [i32],
    up: usize,
    down: usize,
    phase: usize,
    /// The output of the group whose component is the centre tap alone.
    copy: Option<usize>,
    streams: &'static [Pair],
    /// Taps from this magnitude on are split between the two accumulations.
    inner: i32,
    shift: u32,
    final_bits: u32,
}

impl Design {
    const fn group_in(&self) -> usize {
        self.down / gcd(self.up, self.down)
    }

    const fn group_out(&self) -> usize {
        self.up / gcd(self.up, self.down)
    }

    const fn history(&self) -> usize {
        let newest = self.up * (self.group_in() - 1);
        (2 * self.half.len() - 2 - self.phase + newest) / (self.group_in() * self.up)
    }

    /// Tap of output `row` for sample `place` of the group `age` groups before the newest.
    const fn tap(&self, row: usize, age: isize, place: usize) -> i32 {
        let group_in = self.group_in();
        let (age, place) = (age - (place / group_in) as isize, place % group_in);
        let index = age * (group_in * self.up) as isize + (self.down * row + self.phase) as isize
            - (self.up * place) as isize;
        let last = 2 * self.half.len() as isize - 2;
        if index < 0 || index > last {
            0
        } else {
            let mirrored = if 2 * index > last {
                last - index
            } else {
                index
            };
            self.half[mirrored as usize]
        }
    }

    /// The part of a tap that the second accumulation adds.
    const fn coarse(&self, tap: i32) -> i32 {
        if tap.abs() < self.inner {
            0
        } else {
            (tap + (1 << (self.shift - 1))) >> self.shift
        }
    }

    /// The part of a tap that the first accumulation adds.
    const fn fine(&self, tap: i32) -> i32 {
        tap - (self.coarse(tap) << self.shift)
    }

    /// The computed row behind position `index` of the rows.
    const fn row(&self, index: usize) -> usize {
        match self.copy {
            Some(copy) if index >= copy => index + 1,
            _ => index,
        }
    }

    const fn pass(&self, rows: usize, coarse: bool) -> Pass {
        let history = self.history();
        let none = Run {
            lane: 0,
            step: 1,
            start: 0,
            pairs: 0,
        };
        let mut pass = Pass {
            runs: [none; MAX_STREAMS],
            coefs: [0; MAX_PAIRS * MAX_ROWS],
        };
        let mut total = 0;
        let mut stream = 0;
        while stream < self.streams.len() {
            let pair = self.streams[stream];
            // A lane that reaches into the next group holds two neighbouring taps.
            let step = if pair.high < self.group_in() { 1 } else { 2 };
            // Pairs of zeros are left out at both ends.
            let mut run = Run {
                lane: 0,
                step,
                start: total,
                pairs: 0,
            };
            let mut lane = 0;
            let mut pairs = 0;
            while lane <= history {
                let age = (history - lane) as isize;
                let mut any = false;
                let mut index = 0;
                while index < rows {
                    let coef = self.pair(self.row(index), age, pair, coarse);
                    pass.coefs[(total + pairs) * rows + index] = coef;
                    any |= coef != 0;
                    index += 1;
                }
                if any && run.pairs == 0 {
                    run.lane = stream * STREAM + lane;
                }
                if any || run.pairs > 0 {
                    pairs += 1;
                }
                if any {
                    run.pairs = pairs;
                }
                lane += step;
            }
            total += run.pairs;
            pass.runs[stream] = run;
            stream += 1;
        }
        assert!(total <= MAX_PAIRS);
        pass
    }

    const fn pair(&self, row: usize, age: isize, pair: Pair, coarse: bool) -> i32 {
        let (low, high) = (self.tap(row, age, pair.low), self.tap(row, age, pair.high));
        if coarse {
            pack(self.coarse(low), self.coarse(high))
        } else {
            pack(self.fine(low), self.fine(high))
        }
    }

    /// Panics unless every sum fits 32 bits for every 16-bit input, rounding included.
    const fn assert_no_overflow(&self, rows: usize) {
        let mut index = 0;
        while index < rows {
            let (mut fine, mut coarse) = (0_i64, 0_i64);
            let mut age = 0;
            while age <= self.history() as isize {
                let mut place = 0;
                while place < self.group_in() {
                    let tap = self.tap(self.row(index), age, place);
                    fine += self.fine(tap).abs() as i64;
                    coarse += self.coarse(tap).abs() as i64;
                    place += 1;
                }
                age += 1;
            }
            let full_scale = 1 << 15;
            let first = fine * full_scale + rounding(self.final_bits, self.shift) as i64;
            assert!(
                first <= i32::MAX as i64,
                "the first accumulation can overflow"
            );
            let second = (first >> self.shift) + 1 + coarse * full_scale;
            assert!(
                second <= i32::MAX as i64,
                "the second accumulation can overflow"
            );
            index += 1;
        }
    }

    /// Panics unless the two passes and the copied output hold every tap exactly once.
    const fn assert_complete(&self, filter: &Filter) {
        let mut sum = 0_i64;
        let mut index = 0;
        while index < self.half.len() {
            sum += self.half[index] as i64 * if index + 1 < self.half.len() { 2 } else { 1 };
            index += 1;
        }
        if self.copy.is_some() {
            sum -= self.half[self.half.len() - 1] as i64;
        }
        let used = filter.fine.sum() + (filter.coarse.sum() << self.shift);
        assert!(used == sum, "taps were lost");
    }
}

impl Filter {
    const fn new(design: &Design) -> Self {
        let rows = design.group_out() - design.copy.is_some() as usize;
        assert!(rows <= MAX_ROWS && design.history() <= MAX_HISTORY);
        assert!(design.streams.len() <= MAX_STREAMS);
        design.assert_no_overflow(rows);
        let centre = design.half.len() - 1;
        assert!(
            (centre - design.phase).is_multiple_of(design.down),
            "the delay is not whole"
        );
        let filter = Self {
            group_in: design.group_in(),
            group_out: design.group_out(),
            rows,
            history: design.history(),
            delay: (centre - design.phase) / design.down,
            streams: design.streams,
            copy: match design.copy {
                None => None,
                Some(row) => {
                    let group = design.group_in() * design.up;
                    let newest = design.down * row + design.phase;
                    assert!(
                        (centre - newest).is_multiple_of(group),
                        "the copy is not a low half"
                    );
                    let age = (centre - newest) / group;
                    Some(Copy {
                        row,
                        lane: design.history() - age,
                    })
                }
            },
            fine: design.pass(rows, false),
            coarse: design.pass(rows, true),
            shift: design.shift,
            final_bits: design.final_bits,
        };
        design.assert_complete(&filter);
        filter
    }

    /// What the accumulator starts from, so that the sum is rounded half up. Dropping bits between
    /// the accumulations costs nothing: two floors in turn are the floor of the whole.
    pub(crate) const fn rounding(&self) -> i32 {
        rounding(self.final_bits, self.shift)
    }
}

impl Pass {
    const fn sum(&self) -> i64 {
        let mut sum = 0;
        let mut index = 0;
        while index < self.coefs.len() {
            let (low, high) = unpack(self.coefs[index]);
            sum += low as i64 + high as i64;
            index += 1;
        }
        sum
    }
}

/// The samples or taps of a lane, older first.
pub(crate) const fn unpack(lane: i32) -> (i16, i16) {
    (lane as i16, (lane >> 16) as i16)
}

/// A lane of two samples or taps, the older in the low half.
const fn pack(low: i32, high: i32) -> i32 {
    assert!(
        low as i16 as i32 == low && high as i16 as i32 == high,
        "a tap exceeds 16 bits"
    );
    (low & 0xFFFF) | high << 16
}

const fn rounding(final_bits: u32, shift: u32) -> i32 {
    1 << (final_bits + shift - 1)
}

const fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

pub(crate) const MAX_STREAMS: usize = 2;

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::resample::{Profile, Resampler};

    /// A filter by its definition alone.
    struct Definition {
        from_hz: u32,
        to_hz: u32,
        profile: Profile,
        half: &'static [i32],
        up: usize,
        down: usize,
        phase: usize,
        /// Fraction bits of the taps.
        bits: u32,
    }

    const FILTERS: [Definition; 8] = [
        definition(
            8_000,
            24_000,
            Profile::Voice,
            &taps::VOICE_8_24,
            3,
            1,
            0,
            16,
        ),
        definition(
            24_000,
            8_000,
            Profile::Voice,
            &taps::VOICE_24_8,
            1,
            3,
            2,
            17,
        ),
        definition(
            8_000,
            16_000,
            Profile::Voice,
            &taps::VOICE_8_16,
            2,
            1,
            0,
            16,
        ),
        definition(
            16_000,
            8_000,
            Profile::Voice,
            &taps::VOICE_16_8,
            1,
            2,
            1,
            17,
        ),
        definition(
            16_000,
            24_000,
            Profile::Voice,
            &taps::VOICE_16_24,
            3,
            2,
            0,
            16,
        ),
        definition(
            24_000,
            16_000,
            Profile::Voice,
            &taps::VOICE_24_16,
            2,
            3,
            2,
            16,
        ),
        definition(
            8_000,
            24_000,
            Profile::Sharp,
            &taps::SHARP_8_24,
            3,
            1,
            0,
            16,
        ),
        definition(
            24_000,
            8_000,
            Profile::Sharp,
            &taps::SHARP_24_8,
            1,
            3,
            2,
            17,
        ),
    ];

    #[allow(clippy::too_many_arguments, reason = "a row of a table")]
    const fn definition(
        from_hz: u32,
        to_hz: u32,
        profile: Profile,
        half: &'static [i32],
        up: usize,
        down: usize,
        phase: usize,
        bits: u32,
    ) -> Definition {
        Definition {
            from_hz,
            to_hz,
            profile,
            half,
            up,
            down,
            phase,
            bits,
        }
    }

    #[test]
    fn every_filter_is_zero_stuffing_convolution_and_decimation() {
        let mut state = 0x1234_5678_u32;
        let noise: Vec<i16> = (0..1_800)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 16) as i16
            })
            .collect();
        for Definition {
            from_hz,
            to_hz,
            profile,
            half,
            up,
            down,
            phase,
            bits,
        } in FILTERS
        {
            let full: Vec<i64> = half
                .iter()
                .chain(half.iter().rev().skip(1))
                .map(|&tap| tap.into())
                .collect();
            for input in [noise.clone(), worst_case(&full, up, down, phase)] {
                let mut output = vec![0; 3 * input.len()];
                let written = Resampler::with_profile(from_hz, to_hz, profile)
                    .unwrap()
                    .process(&input, &mut output)
                    .unwrap();
                assert_eq!(written, input.len() * up / down);
                for (at, &actual) in output[..written].iter().enumerate() {
                    let newest = down * at + phase;
                    let sum: i64 = (0..full.len().min(newest + 1))
                        .filter(|tap| (newest - tap) % up == 0)
                        .filter_map(|tap| {
                            Some(full[tap] * i64::from(*input.get((newest - tap) / up)?))
                        })
                        .sum();
                    let rounded = (sum + (1 << (bits - 1))) >> bits;
                    let expected = rounded.clamp(i16::MIN.into(), i16::MAX.into());
                    assert_eq!(
                        i64::from(actual),
                        expected,
                        "{from_hz} to {to_hz} {profile:?}, {at}"
                    );
                }
            }
        }
    }

    /// Full-scale input with the signs of the taps that some output sees, both ways round: the
    /// largest sums there are, for every output phase.
    fn worst_case(full: &[i64], up: usize, down: usize, phase: usize) -> Vec<i16> {
        let mut input = Vec::new();
        for target in 0..2 * up {
            let newest = down * (300 / down + target) + phase;
            input.extend((0..300).map(|at| {
                let tap = newest.checked_sub(up * at).and_then(|tap| full.get(tap));
                let negative = tap.is_some_and(|&tap| tap < 0) ^ (target >= up);
                if negative { i16::MIN } else { i16::MAX }
            }));
        }
        input
    }
}
