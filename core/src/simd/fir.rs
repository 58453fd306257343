//! The polyphase filters of the resamplers.

use super::Level;
use crate::resample::filter::{BLOCK, Filter, MAX_STREAMS, Pair, STREAM, unpack};

/// Filters whole groups: `raw` begins with the history, then the new groups; `dst` takes their
/// outputs and its length says how many groups there are, at most [`BLOCK`].
pub(crate) fn run(_level: Level, filter: &Filter, raw: &[i16], dst: &mut [i16]) {
    debug_assert!(dst.len() <= BLOCK * filter.group_out);
    scalar::run(filter, raw, dst);
}

/// Lays the input out in lanes.
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
