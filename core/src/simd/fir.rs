//! The polyphase filters of the resamplers.
//!
//! Vector lanes run along time and a pair of taps is broadcast to all of them: outputs come out in
//! order and nothing is summed across lanes.

use fearless_simd::prelude::*;
use fearless_simd::{Simd, dispatch};

use super::{Aligned, Level};
use crate::resample::filter::{BLOCK, Filter, MAX_STREAMS, Pass, Run, STREAM, unpack};

/// Filters whole groups. `old` is the history and the samples of a group begun; `new` completes
/// that and adds more; `dst` takes the outputs and its length says how many groups there are, at
/// most [`BLOCK`].
pub(crate) fn run(level: Level, filter: &Filter, old: &[i16], new: &[i16], dst: &mut [i16]) {
    debug_assert!(dst.len() <= BLOCK * filter.group_out.get());
    debug_assert_eq!(
        (old.len() + new.len()) / filter.group_in,
        filter.history + dst.len() / filter.group_out
    );
    if level.is_fallback() {
        scalar::run(filter, old, new, dst);
    } else {
        dispatch!(level, simd => run_with(simd, filter, old, new, dst));
    }
}

#[inline(always)]
fn run_with<S: Simd>(simd: S, filter: &Filter, old: &[i16], new: &[i16], dst: &mut [i16]) {
    match (filter.streams.len(), filter.rows) {
        (1, 1) => sized::<S, STREAM, 1>(simd, filter, old, new, dst),
        (1, 2) => sized::<S, STREAM, 2>(simd, filter, old, new, dst),
        (1, _) => sized::<S, STREAM, 3>(simd, filter, old, new, dst),
        (_, 1) => sized::<S, { 2 * STREAM }, 1>(simd, filter, old, new, dst),
        (_, 2) => sized::<S, { 2 * STREAM }, 2>(simd, filter, old, new, dst),
        _ => unreachable!("two streams go down, to two outputs per group at most"),
    }
}

#[inline(always)]
fn sized<S: Simd, const LANES: usize, const R: usize>(
    simd: S,
    filter: &Filter,
    old: &[i16],
    new: &[i16],
    dst: &mut [i16],
) {
    let Aligned(lanes) = &mut Aligned([0; LANES]);
    let rows = &mut [[0; BLOCK]; R];
    let groups = dst.len() / filter.group_out;
    gather(filter, old, new, lanes);
    let mut base = 0;
    while base < groups {
        base += match (groups - base).div_ceil(S::i32s::LEN) {
            5.. if R == 1 && S::i32s::LEN >= 8 => {
                block::<S, R, 10>(simd, filter, lanes, base, rows)
            }
            5.. if R == 2 && S::i32s::LEN == 16 => {
                block::<S, R, 6>(simd, filter, lanes, base, rows)
            }
            3.. => block::<S, R, 4>(simd, filter, lanes, base, rows),
            _ => block::<S, R, 2>(simd, filter, lanes, base, rows),
        };
    }
    outputs(simd, filter, lanes, rows, dst);
}

/// Computes `B` vectors of outputs from group `base` on; returns how many groups that is. The last
/// vectors may run over the groups, never over [`BLOCK`]: whichever steps led there divide it up.
///
/// An accumulation has to wait for the one before into the same vector, by four cycles where it is
/// one instruction, of which two can begin in each: so there are eight vectors of sums at least
/// where registers allow.
#[inline(always)]
fn block<S: Simd, const R: usize, const B: usize>(
    simd: S,
    filter: &Filter,
    lanes: &[i32],
    base: usize,
    rows: &mut [[i16; BLOCK]; R],
) -> usize {
    let lanes = &lanes[base..];
    let mut sums = [[S::i32s::splat(simd, filter.rounding()); B]; R];
    accumulate(simd, &filter.fine, lanes, &mut sums);
    for row in &mut sums {
        for sum in row {
            *sum >>= filter.shift;
        }
    }
    accumulate(simd, &filter.coarse, lanes, &mut sums);
    for (row, sums) in rows.iter_mut().zip(&sums) {
        let mut at = base;
        for pair in sums.chunks_exact(2) {
            let low = pair[0] >> filter.final_bits;
            let high = pair[1] >> filter.final_bits;
            low.saturating_narrow(high)
                .store_slice(&mut row[at..at + 2 * S::i32s::LEN]);
            at += 2 * S::i32s::LEN;
        }
    }
    B * S::i32s::LEN
}

/// Adds a pass to `B` vectors of sums for each row.
#[inline(always)]
fn accumulate<S: Simd, const R: usize, const B: usize>(
    simd: S,
    pass: &Pass,
    lanes: &[i32],
    sums: &mut [[S::i32s; B]; R],
) {
    for (run, coefs) in pass.runs::<R>() {
        let lanes = lanes.get(run.lane..).unwrap_or_default();
        if S::i32s::LEN == 16 {
            sliding(simd, run, coefs, lanes, sums);
        } else if run.step == 1 {
            reloading::<S, R, B, 1>(simd, coefs, lanes, sums);
        } else {
            reloading::<S, R, B, 2>(simd, coefs, lanes, sums);
        }
    }
}

#[inline(always)]
fn reloading<S: Simd, const R: usize, const B: usize, const STEP: usize>(
    simd: S,
    coefs: &[[i32; R]],
    lanes: &[i32],
    sums: &mut [[S::i32s; B]; R],
) {
    let groups = lanes.as_chunks::<STEP>().0;
    for (lanes, coefs) in groups.windows(B * S::i32s::LEN / STEP).zip(coefs) {
        let lanes = lanes.as_flattened();
        for (b, lanes) in (0..B).zip(lanes.chunks_exact(S::i32s::LEN)) {
            let x: S::i16s = S::i32s::from_slice(simd, lanes).bitcast();
            for (sums, &coef) in sums.iter_mut().zip(coefs) {
                let c: S::i16s = S::i32s::splat(simd, coef).bitcast();
                sums[b] += x.pairwise_dot_product(c);
            }
        }
    }
}

/// With vectors as wide as a cache line every load crosses into the next, and loads are the
/// bottleneck. But the vector that one pair of taps needs for the second block is the one that the
/// pair a vector further on needs for the first: these pairs are taken in turn while the vectors
/// move through the registers.
#[inline(always)]
fn sliding<S: Simd, const R: usize, const B: usize>(
    simd: S,
    run: &Run,
    coefs: &[[i32; R]],
    lanes: &[i32],
    sums: &mut [[S::i32s; B]; R],
) {
    let apart = S::i32s::LEN / run.step;
    for first in 0..apart.min(coefs.len()) {
        let mut lanes = lanes[first * run.step..].chunks_exact(S::i32s::LEN);
        let mut x = [S::i16s::splat(simd, 0); B];
        for x in &mut x[1..] {
            *x = next(simd, &mut lanes);
        }
        for coefs in coefs[first..].iter().step_by(apart) {
            for b in 1..B {
                x[b - 1] = x[b];
            }
            x[B - 1] = next(simd, &mut lanes);
            for r in 0..R {
                let c: S::i16s = S::i32s::splat(simd, coefs[r]).bitcast();
                for b in 0..B {
                    sums[r][b] += x[b].pairwise_dot_product(c);
                }
            }
        }
    }
}

#[inline(always)]
fn next<'a, S: Simd>(simd: S, lanes: &mut impl Iterator<Item = &'a [i32]>) -> S::i16s {
    let lanes = lanes
        .next()
        .expect("the buffer ends after the last block's newest lane");
    S::i32s::from_slice(simd, lanes).bitcast()
}

/// Puts the computed rows and the copied one in order.
#[inline(always)]
fn outputs<S: Simd, const R: usize>(
    simd: S,
    filter: &Filter,
    lanes: &[i32],
    rows: &[[i16; BLOCK]; R],
    dst: &mut [i16],
) {
    let mut copied = [0; BLOCK];
    let copy_row = match filter.copy {
        None => R,
        Some(copy) => {
            let pairs = lanes[copy.lane..].chunks_exact(2 * S::i32s::LEN);
            for (to, lanes) in copied.chunks_exact_mut(2 * S::i32s::LEN).zip(pairs) {
                let (low, high) = lanes.split_at(S::i32s::LEN);
                let low = S::i32s::from_slice(simd, low) << 16 >> 16;
                let high = S::i32s::from_slice(simd, high) << 16 >> 16;
                low.saturating_narrow(high).store_slice(to);
            }
            copy.row
        }
    };
    let pick = |row: usize| match row.cmp(&copy_row) {
        core::cmp::Ordering::Less => &rows[row],
        core::cmp::Ordering::Equal => &copied,
        core::cmp::Ordering::Greater => &rows[row - 1],
    };
    match filter.group_out.get() {
        1 => dst.copy_from_slice(&rows[0][..dst.len()]),
        2 => interleave([pick(0), pick(1)], dst),
        _ => interleave([pick(0), pick(1), pick(2)], dst),
    }
}

#[inline(always)]
fn interleave<const N: usize>(rows: [&[i16; BLOCK]; N], dst: &mut [i16]) {
    let groups = dst.as_chunks_mut::<N>().0;
    assert!(
        groups.len() <= BLOCK,
        "which lets the compiler drop the checks in the loop"
    );
    for (group, out) in groups.iter_mut().enumerate() {
        for (sample, row) in out.iter_mut().zip(rows) {
            *sample = row[group];
        }
    }
}

/// Lays the input out in lanes.
#[inline(always)]
fn gather(filter: &Filter, old: &[i16], new: &[i16], lanes: &mut [i32]) {
    for (stream, &pair) in lanes.chunks_exact_mut(STREAM).zip(filter.streams) {
        // Constant places in the group let the compiler drop every bounds check in the loops.
        match (filter.group_in.get(), pair.low, pair.high) {
            (1, 0, 1) => gather_stream::<1, 0, 1>(filter, old, new, stream),
            (2, 0, 1) => gather_stream::<2, 0, 1>(filter, old, new, stream),
            (2, 0, 2) => gather_stream::<2, 0, 2>(filter, old, new, stream),
            (2, 1, 3) => gather_stream::<2, 1, 3>(filter, old, new, stream),
            (3, 0, 3) => gather_stream::<3, 0, 3>(filter, old, new, stream),
            (3, 1, 2) => gather_stream::<3, 1, 2>(filter, old, new, stream),
            _ => unreachable!("every stream of every filter is above"),
        }
    }
}

#[inline(always)]
fn gather_stream<const P: usize, const LOW: usize, const HIGH: usize>(
    filter: &Filter,
    old: &[i16],
    new: &[i16],
    lanes: &mut [i32],
) {
    let (history, begun) = old.split_at(filter.history * P);
    fill::<P, LOW, HIGH>(lanes, 0, history);
    if begun.is_empty() {
        fill::<P, LOW, HIGH>(lanes, filter.history, new);
    } else {
        let (completing, rest) = new.split_at(P - begun.len());
        let mut group = [0; P];
        group[..begun.len()].copy_from_slice(begun);
        group[begun.len()..].copy_from_slice(completing);
        fill::<P, LOW, HIGH>(lanes, filter.history, &group);
        fill::<P, LOW, HIGH>(lanes, filter.history + 1, rest);
    }
}

/// Lays whole groups out as the lanes from `at` on. The last lane's high half stays 0 when it
/// belongs to a group that is yet to come.
#[inline(always)]
fn fill<const P: usize, const LOW: usize, const HIGH: usize>(
    lanes: &mut [i32],
    at: usize,
    samples: &[i16],
) {
    let groups = samples.as_chunks::<P>().0;
    let Some(last) = groups.last() else { return };
    if HIGH < P {
        for (lane, group) in lanes[at..].iter_mut().zip(groups) {
            *lane = pack(group[LOW], group[HIGH]);
        }
    } else {
        if at > 0 {
            lanes[at - 1] |= i32::from(groups[0][HIGH - P]) << 16;
        }
        for ((lane, group), next) in lanes[at..].iter_mut().zip(groups).zip(&groups[1..]) {
            *lane = pack(group[LOW], next[HIGH - P]);
        }
        lanes[at + groups.len() - 1] = pack(last[LOW], 0);
    }
}

fn pack(low: i16, high: i16) -> i32 {
    i32::from(low as u16) | i32::from(high) << 16
}

/// What the kernels compute.
mod scalar {
    use super::{Filter, MAX_STREAMS, Pass, STREAM, gather, unpack};

    pub(super) fn run(filter: &Filter, old: &[i16], new: &[i16], dst: &mut [i16]) {
        match filter.rows {
            1 => rows::<1>(filter, old, new, dst),
            2 => rows::<2>(filter, old, new, dst),
            _ => rows::<3>(filter, old, new, dst),
        }
    }

    fn rows<const R: usize>(filter: &Filter, old: &[i16], new: &[i16], dst: &mut [i16]) {
        let mut lanes = [0; MAX_STREAMS * STREAM];
        gather(filter, old, new, &mut lanes);
        for (group, out) in dst.chunks_exact_mut(filter.group_out.get()).enumerate() {
            let lanes = lanes.get(group..).unwrap_or_default();
            let mut sums = [filter.rounding(); R];
            accumulate(&filter.fine, lanes, &mut sums);
            for sum in &mut sums {
                *sum >>= filter.shift;
            }
            accumulate(&filter.coarse, lanes, &mut sums);
            let mut sums = sums.iter();
            for (row, sample) in out.iter_mut().enumerate() {
                *sample = match filter.copy {
                    Some(copy) if copy.row == row => unpack(at(lanes, copy.lane)).0,
                    _ => saturate(sums.next().map_or(0, |sum| sum >> filter.final_bits)),
                };
            }
        }
    }

    fn accumulate<const R: usize>(pass: &Pass, lanes: &[i32], sums: &mut [i32; R]) {
        for (run, coefs) in pass.runs::<R>() {
            for (pair, coefs) in coefs.iter().enumerate() {
                let lane = at(lanes, run.lane + pair * run.step);
                for (sum, &coef) in sums.iter_mut().zip(coefs) {
                    *sum += dot(lane, coef);
                }
            }
        }
    }

    fn at(lanes: &[i32], lane: usize) -> i32 {
        lanes.get(lane).copied().unwrap_or(0)
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
