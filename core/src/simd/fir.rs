//! The polyphase filters of the resamplers.
//!
//! Vector lanes run along time and a pair of taps is broadcast to all of them: outputs come out in
//! order and nothing is summed across lanes.

use fearless_simd::prelude::*;
use fearless_simd::{Simd, dispatch};

use super::Level;
use crate::resample::filter::{BLOCK, Filter, MAX_STREAMS, Pair, Pass, STREAM, unpack};

/// Filters whole groups: `raw` begins with the history, then the new groups; `dst` takes their
/// outputs and its length says how many groups there are, at most [`BLOCK`].
pub(crate) fn run(level: Level, filter: &Filter, raw: &[i16], dst: &mut [i16]) {
    debug_assert!(dst.len() <= BLOCK * filter.group_out);
    if level.is_fallback() {
        scalar::run(filter, raw, dst);
    } else {
        dispatch!(level, simd => run_with(simd, filter, raw, dst));
    }
}

#[inline(always)]
fn run_with<S: Simd>(simd: S, filter: &Filter, raw: &[i16], dst: &mut [i16]) {
    match filter.rows {
        1 => rows::<S, 1>(simd, filter, raw, dst),
        2 => rows::<S, 2>(simd, filter, raw, dst),
        _ => rows::<S, 3>(simd, filter, raw, dst),
    }
}

#[inline(always)]
fn rows<S: Simd, const R: usize>(simd: S, filter: &Filter, raw: &[i16], dst: &mut [i16]) {
    let groups = dst.len() / filter.group_out;
    let lanes = gather(filter, raw, groups);
    let mut rows = [[0; ROW]; R];
    let mut base = 0;
    while base < groups {
        if groups - base > 2 * S::i32s::LEN {
            block::<S, R, 4>(simd, filter, &lanes[base..], base, &mut rows);
            base += 4 * S::i32s::LEN;
        } else {
            block::<S, R, 2>(simd, filter, &lanes[base..], base, &mut rows);
            base += 2 * S::i32s::LEN;
        }
    }
    match filter.copy {
        None => interleave(&rows, dst),
        Some(copy) => {
            let mut sources = [&[][..]; 3];
            let mut copied = [0; ROW];
            for (to, &lane) in copied[..groups].iter_mut().zip(&lanes[copy.lane..]) {
                *to = lane as i16;
            }
            let mut computed = rows.iter();
            for (row, source) in sources[..filter.group_out].iter_mut().enumerate() {
                *source = if row == copy.row { &copied } else { computed.next().unwrap() };
            }
            for (group, out) in dst.chunks_exact_mut(filter.group_out).enumerate() {
                for (sample, source) in out.iter_mut().zip(sources) {
                    *sample = source[group];
                }
            }
        }
    }
}

#[inline(always)]
fn block<S: Simd, const R: usize, const B: usize>(
    simd: S,
    filter: &Filter,
    lanes: &[i32],
    base: usize,
    rows: &mut [[i16; ROW]; R],
) {
    let mut sums = [[S::i32s::splat(simd, filter.rounding()); B]; R];
    accumulate(simd, &filter.fine, lanes, &mut sums);
    for row in &mut sums {
        for sum in row {
            *sum = *sum >> filter.shift;
        }
    }
    accumulate(simd, &filter.coarse, lanes, &mut sums);
    for (row, sums) in rows.iter_mut().zip(sums) {
        let mut at = base;
        for pair in sums.chunks_exact(2) {
            let low = pair[0] >> filter.final_bits;
            let high = pair[1] >> filter.final_bits;
            low.saturating_narrow(high).store_slice(&mut row[at..at + 2 * S::i32s::LEN]);
            at += 2 * S::i32s::LEN;
        }
    }
}

#[inline(always)]
fn accumulate<S: Simd, const R: usize, const B: usize>(
    simd: S,
    pass: &Pass,
    lanes: &[i32],
    sums: &mut [[S::i32s; B]; R],
) {
    for (lane, coefs) in pass.pairs() {
        let coefs: &[i32; R] = coefs.try_into().expect("as many taps as rows");
        let lanes = &lanes[lane..lane + B * S::i32s::LEN];
        for b in 0..B {
            let x = S::i32s::from_slice(simd, &lanes[b * S::i32s::LEN..(b + 1) * S::i32s::LEN]);
            let x: S::i16s = x.bitcast();
            for r in 0..R {
                let c: S::i16s = S::i32s::splat(simd, coefs[r]).bitcast();
                sums[r][b] = sums[r][b] + x.pairwise_dot_product(c);
            }
        }
    }
}

#[inline(always)]
fn interleave<const R: usize>(rows: &[[i16; ROW]; R], dst: &mut [i16]) {
    for (group, out) in dst.chunks_exact_mut(R).enumerate() {
        for (sample, row) in out.iter_mut().zip(rows) {
            *sample = row[group];
        }
    }
}

/// Lays the input out in lanes.
#[inline(always)]
fn gather(filter: &Filter, raw: &[i16], groups: usize) -> [i32; MAX_STREAMS * STREAM] {
    let mut lanes = [0; MAX_STREAMS * STREAM];
    let count = filter.history + groups;
    for (stream, &Pair { low, high }) in lanes.chunks_exact_mut(STREAM).zip(filter.streams) {
        for (index, lane) in stream[..count].iter_mut().enumerate() {
            let group = &raw[index * filter.group_in..];
            *lane = i32::from(group[low] as u16) | i32::from(group[high]) << 16;
        }
    }
    lanes
}

/// A row of outputs, with room for the widest kernel to run over the end.
const ROW: usize = BLOCK + 64;

/// What the kernels compute.
mod scalar {
    use super::{Filter, gather, unpack};

    pub(super) fn run(filter: &Filter, raw: &[i16], dst: &mut [i16]) {
        let lanes = gather(filter, raw, dst.len() / filter.group_out);
        for (group, out) in dst.chunks_exact_mut(filter.group_out).enumerate() {
            let mut sums = [filter.rounding(); 3];
            for (lane, coefs) in filter.fine.pairs() {
                for (sum, &coef) in sums.iter_mut().zip(coefs) {
                    *sum += dot(lanes[group + lane], coef);
                }
            }
            for sum in &mut sums {
                *sum >>= filter.shift;
            }
            for (lane, coefs) in filter.coarse.pairs() {
                for (sum, &coef) in sums.iter_mut().zip(coefs) {
                    *sum += dot(lanes[group + lane], coef);
                }
            }
            let mut sums = sums.iter();
            for (row, sample) in out.iter_mut().enumerate() {
                *sample = match filter.copy {
                    Some(copy) if copy.row == row => unpack(lanes[group + copy.lane]).0,
                    _ => saturate(sums.next().map_or(0, |sum| sum >> filter.final_bits)),
                };
            }
        }
    }

    fn dot(samples: i32, taps: i32) -> i32 {
        let (x0, x1) = unpack(samples);
        let (c0, c1) = unpack(taps);
        i32::from(x0) * i32::from(c0) + i32::from(x1) * i32::from(c1)
    }

    fn saturate(value: i32) -> i16 {
        value.clamp(i16::MIN.into(), i16::MAX.into()) as i16
    }
}
