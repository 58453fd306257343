//! The filters of the fixed ratios, turned at build time from what they are into what the kernel
//! runs, with the proofs that no sum overflows and no tap is lost.

use core::num::NonZero;

use super::filter::{
    Copy, Filter, MAX_HISTORY, MAX_PAIRS, MAX_ROWS, MAX_STREAMS, Pair, Pass, Run, STREAM, unpack,
};
use super::taps;

pub(crate) static VOICE_8_24: Filter = Design {
    half: &taps::VOICE_8_24,
    up: 3,
    down: 1,
    phase: 0,
    copy: Some(2),
    streams: &[Pair { low: 0, high: 1 }],
    inner: 10_000,
    shift: 2,
    final_bits: 14,
}
.build();

pub(crate) static VOICE_24_8: Filter = Design {
    half: &taps::VOICE_24_8,
    up: 1,
    down: 3,
    phase: 2,
    copy: None,
    streams: &[Pair { low: 1, high: 2 }, Pair { low: 0, high: 3 }],
    inner: 6_900,
    shift: 2,
    final_bits: 15,
}
.build();

pub(crate) static VOICE_8_16: Filter = Design {
    half: &taps::VOICE_8_16,
    up: 2,
    down: 1,
    phase: 0,
    copy: Some(1),
    streams: &[Pair { low: 0, high: 1 }],
    inner: 10_000,
    shift: 2,
    final_bits: 14,
}
.build();

pub(crate) static VOICE_16_8: Filter = Design {
    half: &taps::VOICE_16_8,
    up: 1,
    down: 2,
    phase: 1,
    copy: None,
    streams: &[Pair { low: 1, high: 3 }, Pair { low: 0, high: 2 }],
    inner: 10_000,
    shift: 2,
    final_bits: 15,
}
.build();

pub(crate) static VOICE_16_24: Filter = Design {
    half: &taps::VOICE_16_24,
    up: 3,
    down: 2,
    phase: 0,
    copy: Some(1),
    streams: &[Pair { low: 0, high: 1 }],
    inner: 10_000,
    shift: 2,
    final_bits: 14,
}
.build();

pub(crate) static VOICE_24_16: Filter = Design {
    half: &taps::VOICE_24_16,
    up: 2,
    down: 3,
    phase: 2,
    copy: None,
    streams: &[Pair { low: 1, high: 2 }, Pair { low: 0, high: 3 }],
    inner: 10_000,
    shift: 2,
    final_bits: 14,
}
.build();

pub(crate) static SHARP_8_24: Filter = Design {
    half: &taps::SHARP_8_24,
    up: 3,
    down: 1,
    phase: 0,
    copy: None,
    streams: &[Pair { low: 0, high: 1 }],
    inner: 5_000,
    shift: 2,
    final_bits: 14,
}
.build();

pub(crate) static SHARP_24_8: Filter = Design {
    half: &taps::SHARP_24_8,
    up: 1,
    down: 3,
    phase: 2,
    copy: None,
    streams: &[Pair { low: 1, high: 2 }, Pair { low: 0, high: 3 }],
    inner: 2_500,
    shift: 3,
    final_bits: 14,
}
.build();

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
            let first = fine * full_scale + (1 << (self.final_bits + self.shift - 1));
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

    /// The filter, proven.
    const fn build(&self) -> Filter {
        let rows = self.group_out() - self.copy.is_some() as usize;
        assert!(rows <= MAX_ROWS && self.history() <= MAX_HISTORY);
        assert!(self.streams.len() <= MAX_STREAMS);
        self.assert_no_overflow(rows);
        let centre = self.half.len() - 1;
        assert!(
            (centre - self.phase).is_multiple_of(self.down),
            "the delay is not whole"
        );
        let filter = Filter {
            group_in: NonZero::new(self.group_in()).expect("a ratio"),
            group_out: NonZero::new(self.group_out()).expect("a ratio"),
            rows,
            history: self.history(),
            delay: (centre - self.phase) / self.down,
            streams: self.streams,
            copy: match self.copy {
                None => None,
                Some(row) => {
                    let group = self.group_in() * self.up;
                    let newest = self.down * row + self.phase;
                    assert!(
                        (centre - newest).is_multiple_of(group),
                        "the copy is not a low half"
                    );
                    let age = (centre - newest) / group;
                    Some(Copy {
                        row,
                        lane: self.history() - age,
                    })
                }
            },
            fine: self.pass(rows, false),
            coarse: self.pass(rows, true),
            shift: self.shift,
            final_bits: self.final_bits,
        };
        self.assert_complete(&filter);
        filter
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

/// A lane of two samples or taps, the older in the low half.
const fn pack(low: i32, high: i32) -> i32 {
    assert!(
        low as i16 as i32 == low && high as i16 as i32 == high,
        "a tap exceeds 16 bits"
    );
    (low & 0xFFFF) | high << 16
}

const fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests;
